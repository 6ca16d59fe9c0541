/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * loop - libevent as a poller, and our own timers.
 *
 * Knows: libevent_core, one timerfd. Must not know: what descriptors and timers are
 * for.
 *
 * libevent runs one round at a time, so that a round is a wake-up: `now` is read when
 * the first callback of a round starts. Its own timers are not used: they hang on
 * CLOCK_MONOTONIC, which stands still while the machine sleeps.
 *
 * Timers that are due are first moved from the heap to a list and then called, so that
 * a callback may set or free any timer, and one that sets itself to a past time cannot
 * hold the round.
 *
 * fork(): the child shares the poller with its parent, therefore it must neither run
 * nor free the loop, nor may it keep libevent's signal handlers, which write to the
 * parent: block signals around fork() and set them to SIG_DFL in the child. No child of
 * ours goes on using the loop, so event_reinit() is never needed.
 */
#include "io/loop.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <event2/event.h>

#include "io/clock.h"
#include "io/log.h"

#define NOT_IN_HEAP SIZE_MAX

TAILQ_HEAD(timer_list, ab_loop_timer);

struct ab_loop {
	struct event_base *base;     /* owned */
	struct event *timer_event;   /* owned */
	struct ab_loop_timer **heap; /* owned; the earliest is heap[0] */
	size_t n_heap;
	size_t heap_max; /* never less than n_timers, so that setting cannot fail */
	size_t n_timers;
	size_t n_handles; /* descriptors and signals */
	uint64_t n_sets;  /* timers of equal time fire in the order they were set */
	struct timer_list due;
	ab_mono armed; /* what the timerfd is set to */
	ab_mono now;
	int timerfd;
	bool is_dispatching; /* .now is the time of this wake-up */
	bool is_stopped;
};

struct ab_loop_fd {
	struct ab_loop *loop; /* borrowed, outlives this */
	struct event *event;  /* owned */
	int fd;		      /* borrowed from the caller */
	unsigned int what;
	ab_loop_fd_fn *fn;
	void *arg;
};

struct ab_loop_timer {
	struct ab_loop *loop; /* borrowed, outlives this */
	ab_mono when;
	uint64_t order;
	size_t index; /* in the heap, or NOT_IN_HEAP */
	bool is_due;  /* in loop->due */
	TAILQ_ENTRY(ab_loop_timer) link;
	ab_loop_timer_fn *fn;
	void *arg;
};

struct ab_loop_signal {
	struct ab_loop *loop; /* borrowed, outlives this */
	struct event *event;  /* owned */
	ab_loop_signal_fn *fn;
	void *arg;
};

/* libevent tells most errors by -1 and errno, but no memory only by NULL or -1. */
static int error_of_libevent(void)
{
	return errno > 0 ? -errno : -ENOMEM;
}

static void on_libevent_message(int severity, const char *message)
{
	if (severity >= EVENT_LOG_WARN)
		ab_log_warnx("loop", "libevent: %s", message);
}

static void begin_dispatch(struct ab_loop *loop)
{
	if (loop->is_dispatching)
		return;
	loop->now = ab_clock_now();
	loop->is_dispatching = true;
}

/* --- the heap of timers --------------------------------------------------------- */

static bool is_earlier(const struct ab_loop_timer *a, const struct ab_loop_timer *b)
{
	if (a->when.ns != b->when.ns)
		return ab_mono_before(a->when, b->when);
	return a->order < b->order;
}

static void heap_place(struct ab_loop *loop, size_t i, struct ab_loop_timer *timer)
{
	loop->heap[i] = timer;
	timer->index = i;
}

static void heap_up(struct ab_loop *loop, size_t i, struct ab_loop_timer *timer)
{
	while (i > 0 && is_earlier(timer, loop->heap[(i - 1) / 2])) {
		heap_place(loop, i, loop->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	heap_place(loop, i, timer);
}

static void heap_down(struct ab_loop *loop, size_t i, struct ab_loop_timer *timer)
{
	for (;;) {
		size_t child = 2 * i + 1;

		if (child + 1 < loop->n_heap &&
		    is_earlier(loop->heap[child + 1], loop->heap[child]))
			child++;
		if (child >= loop->n_heap || !is_earlier(loop->heap[child], timer))
			break;
		heap_place(loop, i, loop->heap[child]);
		i = child;
	}
	heap_place(loop, i, timer);
}

static void heap_insert(struct ab_loop *loop, struct ab_loop_timer *timer)
{
	assert(loop->n_heap < loop->heap_max);
	loop->n_heap++;
	heap_up(loop, loop->n_heap - 1, timer);
}

static void heap_remove(struct ab_loop *loop, struct ab_loop_timer *timer)
{
	size_t i = timer->index;
	struct ab_loop_timer *last = loop->heap[--loop->n_heap];

	timer->index = NOT_IN_HEAP;
	if (last == timer)
		return;
	if (i > 0 && is_earlier(last, loop->heap[(i - 1) / 2]))
		heap_up(loop, i, last);
	else
		heap_down(loop, i, last);
}

static int heap_reserve(struct ab_loop *loop, size_t n)
{
	struct ab_loop_timer **heap;
	size_t max = loop->heap_max ? loop->heap_max * 2 : 64;

	if (n <= loop->heap_max)
		return 0;
	heap = reallocarray(loop->heap, max, sizeof(struct ab_loop_timer *));
	if (!heap)
		return -ENOMEM;
	loop->heap = heap;
	loop->heap_max = max;
	return 0;
}

/* --- timers --------------------------------------------------------------------- */

static void timer_disarm(struct ab_loop_timer *timer)
{
	if (timer->index != NOT_IN_HEAP)
		heap_remove(timer->loop, timer);
	if (timer->is_due)
		TAILQ_REMOVE(&timer->loop->due, timer, link);
	timer->is_due = false;
}

static void fire_timers(struct ab_loop *loop)
{
	struct ab_loop_timer *timer;

	while (loop->n_heap > 0 && ab_mono_reached(loop->heap[0]->when, loop->now)) {
		timer = loop->heap[0];
		heap_remove(loop, timer);
		timer->is_due = true;
		TAILQ_INSERT_TAIL(&loop->due, timer, link);
	}
	while (!loop->is_stopped && (timer = TAILQ_FIRST(&loop->due))) {
		timer_disarm(timer);
		timer->fn(timer->arg);
	}
}

/* After a stop in the middle of the list the rest must fire when the loop
 * runs again. */
static void requeue_due(struct ab_loop *loop)
{
	struct ab_loop_timer *timer;

	while ((timer = TAILQ_FIRST(&loop->due))) {
		timer_disarm(timer);
		heap_insert(loop, timer);
	}
}

static void on_timerfd(evutil_socket_t fd, short what, void *arg)
{
	struct ab_loop *loop = arg;
	uint64_t n;

	(void)what;
	begin_dispatch(loop);
	/* Fails with EAGAIN when it was set anew since; the heap decides, not
	 * the fd. */
	if (read(fd, &n, sizeof(n)) < 0)
		n = 0;
	loop->armed = AB_MONO_NEVER;
	fire_timers(loop);
}

/* One timerfd_settime() for each wake-up that needs it, not one for each set. */
static int arm_timerfd(struct ab_loop *loop)
{
	ab_mono when = loop->n_heap > 0 ? loop->heap[0]->when : AB_MONO_NEVER;
	struct itimerspec spec = { 0 };

	if (when.ns == loop->armed.ns)
		return 0;
	if (!ab_mono_is_never(when)) {
		/* Zero would disarm; 1 ns after boot is past, so it fires at once. */
		int64_t ns = when.ns > 0 ? when.ns : 1;

		spec.it_value.tv_sec = ns / AB_NSEC_PER_SEC;
		spec.it_value.tv_nsec = ns % AB_NSEC_PER_SEC;
	}
	if (timerfd_settime(loop->timerfd, TFD_TIMER_ABSTIME, &spec, NULL) < 0)
		return -errno;
	loop->armed = when;
	return 0;
}

int ab_loop_timer_new(struct ab_loop *loop, ab_loop_timer_fn *fn, void *arg,
		      struct ab_loop_timer **ret_timer)
{
	struct ab_loop_timer *timer;

	if (heap_reserve(loop, loop->n_timers + 1) < 0)
		return -ENOMEM;
	timer = calloc(1, sizeof(*timer));
	if (!timer)
		return -ENOMEM;
	timer->loop = loop;
	timer->when = AB_MONO_NEVER;
	timer->index = NOT_IN_HEAP;
	timer->fn = fn;
	timer->arg = arg;
	loop->n_timers++;
	*ret_timer = timer;
	return 0;
}

void ab_loop_timer_set(struct ab_loop_timer *timer, ab_mono when)
{
	timer_disarm(timer);
	timer->when = when;
	if (ab_mono_is_never(when))
		return;
	timer->order = timer->loop->n_sets++;
	heap_insert(timer->loop, timer);
}

struct ab_loop_timer *ab_loop_timer_free(struct ab_loop_timer *timer)
{
	if (!timer)
		return NULL;
	timer_disarm(timer);
	timer->loop->n_timers--;
	free(timer);
	return NULL;
}

/* --- descriptors ---------------------------------------------------------------- */

static void on_fd(evutil_socket_t fd, short what, void *arg)
{
	struct ab_loop_fd *handle = arg;
	unsigned int ready = 0;

	(void)fd;
	begin_dispatch(handle->loop);
	if (what & EV_READ)
		ready |= AB_LOOP_READ;
	if (what & EV_WRITE)
		ready |= AB_LOOP_WRITE;
	handle->fn(handle->arg, ready); /* may free the handle */
}

static int fd_watch(struct ab_loop_fd *handle, unsigned int what)
{
	short events = EV_PERSIST;

	if (what & AB_LOOP_READ)
		events |= EV_READ;
	if (what & AB_LOOP_WRITE)
		events |= EV_WRITE;
	errno = 0;
	if (event_assign(handle->event, handle->loop->base, handle->fd, events, on_fd,
			 handle) < 0)
		return error_of_libevent();
	if (what != 0 && event_add(handle->event, NULL) < 0)
		return error_of_libevent();
	handle->what = what;
	return 0;
}

int ab_loop_fd_new(struct ab_loop *loop, int fd, unsigned int what, ab_loop_fd_fn *fn,
		   void *arg, struct ab_loop_fd **ret_handle)
{
	struct ab_loop_fd *handle = calloc(1, sizeof(*handle));
	int r;

	if (!handle)
		return -ENOMEM;
	*handle = (struct ab_loop_fd){ .loop = loop, .fd = fd, .fn = fn, .arg = arg };
	handle->event = event_new(loop->base, fd, EV_PERSIST, on_fd, handle);
	if (!handle->event) {
		free(handle);
		return -ENOMEM;
	}
	loop->n_handles++;
	r = fd_watch(handle, what);
	if (r < 0) {
		ab_loop_fd_free(handle);
		return r;
	}
	*ret_handle = handle;
	return 0;
}

int ab_loop_fd_set(struct ab_loop_fd *handle, unsigned int what)
{
	if (handle->what == what)
		return 0;
	(void)event_del(handle->event); /* fails only for an unassigned event */
	handle->what = 0;		/* paused, should the next call fail */
	return fd_watch(handle, what);
}

struct ab_loop_fd *ab_loop_fd_free(struct ab_loop_fd *handle)
{
	if (!handle)
		return NULL;
	event_free(handle->event);
	handle->loop->n_handles--;
	free(handle);
	return NULL;
}

/* --- signals -------------------------------------------------------------------- */

static void on_signal(evutil_socket_t signo, short what, void *arg)
{
	struct ab_loop_signal *signal = arg;

	(void)what;
	begin_dispatch(signal->loop);
	signal->fn(signal->arg, (int)signo); /* may free the handle */
}

int ab_loop_signal_new(struct ab_loop *loop, int signo, ab_loop_signal_fn *fn,
		       void *arg, struct ab_loop_signal **ret_signal)
{
	struct ab_loop_signal *signal = calloc(1, sizeof(*signal));
	int r;

	if (!signal)
		return -ENOMEM;
	*signal = (struct ab_loop_signal){ .loop = loop, .fn = fn, .arg = arg };
	errno = 0;
	signal->event = evsignal_new(loop->base, signo, on_signal, signal);
	if (!signal->event || evsignal_add(signal->event, NULL) < 0) {
		r = error_of_libevent();
		if (signal->event)
			event_free(signal->event);
		free(signal);
		return r;
	}
	loop->n_handles++;
	*ret_signal = signal;
	return 0;
}

struct ab_loop_signal *ab_loop_signal_free(struct ab_loop_signal *signal)
{
	if (!signal)
		return NULL;
	event_free(signal->event);
	signal->loop->n_handles--;
	free(signal);
	return NULL;
}

/* --- the loop ------------------------------------------------------------------- */

/* Only epoll (the O(1) one), no locks, and nothing from EVENT_* of the environment. */
static struct event_base *new_base(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	if (!config)
		return NULL;
	if (event_config_require_features(config, EV_FEATURE_O1) == 0 &&
	    event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV |
						  EVENT_BASE_FLAG_NOLOCK) == 0)
		base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

int ab_loop_new(struct ab_loop **ret_loop)
{
	struct ab_loop *loop = calloc(1, sizeof(*loop));
	int r;

	if (!loop)
		return -ENOMEM;
	TAILQ_INIT(&loop->due);
	loop->armed = AB_MONO_NEVER;
	event_set_log_callback(on_libevent_message);
	loop->timerfd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (loop->timerfd < 0) {
		r = -errno;
		goto fail;
	}
	errno = 0;
	loop->base = new_base();
	if (!loop->base) {
		r = error_of_libevent();
		goto fail;
	}
	loop->timer_event = event_new(loop->base, loop->timerfd, EV_READ | EV_PERSIST,
				      on_timerfd, loop);
	if (!loop->timer_event || event_add(loop->timer_event, NULL) < 0) {
		r = error_of_libevent();
		goto fail;
	}
	*ret_loop = loop;
	return 0;
fail:
	ab_loop_free(loop);
	return r;
}

struct ab_loop *ab_loop_free(struct ab_loop *loop)
{
	if (!loop)
		return NULL;
	/* A handle that is left would point to freed memory. */
	assert(loop->n_timers == 0 && loop->n_handles == 0);
	if (loop->timer_event)
		event_free(loop->timer_event);
	if (loop->base)
		event_base_free(loop->base);
	if (loop->timerfd >= 0)
		close(loop->timerfd);
	free(loop->heap);
	free(loop);
	return NULL;
}

int ab_loop_run(struct ab_loop *loop)
{
	int r = 0;

	while (!loop->is_stopped) {
		r = arm_timerfd(loop);
		if (r < 0)
			break;
		errno = 0;
		r = event_base_loop(loop->base, EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY);
		loop->is_dispatching = false;
		requeue_due(loop);
		if (r < 0) {
			r = error_of_libevent();
			break;
		}
		r = 0;
	}
	loop->is_stopped = false;
	return r;
}

void ab_loop_stop(struct ab_loop *loop)
{
	loop->is_stopped = true;
	(void)event_base_loopbreak(loop->base); /* fails only without a base */
}

ab_mono ab_loop_now(const struct ab_loop *loop)
{
	return loop->is_dispatching ? loop->now : ab_clock_now();
}
