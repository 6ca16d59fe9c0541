/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/wall_timer.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

struct ab_wall_timer {
	int fd;
	struct ab_loop_fd *handle;
	ab_loop_timer_fn *fn;
	void *arg;
};

static void on_ready(void *arg, unsigned int ready)
{
	struct ab_wall_timer *timer = arg;
	uint64_t n;

	(void)ready;
	/* ECANCELED: the clock was set. */
	if (read(timer->fd, &n, sizeof(n)) < 0 && errno != ECANCELED)
		return;
	(void)ab_wall_timer_set(timer, 0); /* disarming cannot fail */
	timer->fn(timer->arg);
}

int ab_wall_timer_new(struct ab_loop *loop, ab_loop_timer_fn *fn, void *arg,
		      struct ab_wall_timer **ret_timer)
{
	struct ab_wall_timer *timer = calloc(1, sizeof(*timer));
	int r;

	if (!timer)
		return -ENOMEM;
	timer->fn = fn;
	timer->arg = arg;
	timer->fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	r = timer->fd < 0 ? -errno
			  : ab_loop_fd_new(loop, timer->fd, AB_LOOP_READ, on_ready,
					   timer, &timer->handle);
	if (r) {
		(void)ab_wall_timer_free(timer);
		return r;
	}
	*ret_timer = timer;
	return 0;
}

struct ab_wall_timer *ab_wall_timer_free(struct ab_wall_timer *timer)
{
	if (!timer)
		return NULL;
	timer->handle = ab_loop_fd_free(timer->handle);
	if (timer->fd >= 0)
		close(timer->fd);
	free(timer);
	return NULL;
}

int ab_wall_timer_set(struct ab_wall_timer *timer, int64_t epoch_s)
{
	struct itimerspec when = { .it_value.tv_sec = epoch_s };
	int flags = epoch_s ? TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET : 0;

	int r = timerfd_settime(timer->fd, flags, &when, NULL);

	/* The clock was set since the timer was: that is old news now. */
	if (r < 0 && errno == ECANCELED)
		r = timerfd_settime(timer->fd, flags, &when, NULL);
	return r < 0 ? -errno : 0;
}
