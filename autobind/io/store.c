/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/store.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/helper.h"
#include "io/log.h"
#include "io/store_msg.h"

/* Without a sign of life for this long the store is STALLED (architecture.md,
 * Processes). */
#define STALL_MS 5000
/* open-iscsi's lock is waited for this long (architecture.md G): no disk is
 * to blame. */
#define LOCK_MS 5000

/* Pauses between two starts of a helper that dies at once. */
#define RESTART_MIN_MS 100
#define RESTART_MAX_MS 30000
/* A helper that lived this long was a good one: its successor starts at once. */
#define GOOD_LIFE_MS 60000

/* A question whose helper dies as often as this is not asked again. */
#define TRIES_MAX 3

/* Messages taken in one wake-up, about 1,000 events. */
#define TAKE_MAX 8

/* A question that has not been answered yet. */
struct question {
	TAILQ_ENTRY(question) entry;
	uint64_t seq;
	uint64_t job;  /* 0: nobody wants to know */
	uint32_t type; /* enum store_msg_type */
	bool is_sent;
	bool is_fact; /* must reach the ledger: the next helper is told again */
	uint8_t tries;
	int fd; /* owned; a memory file, or -1 */
	ab_store_answer_fn *fn;
	void *arg;
	size_t n;	      /* bytes of .msg */
	struct store_job msg; /* its tail, the settings, lies behind */
};
TAILQ_HEAD(questions, question);

struct ab_store {
	struct ab_store_config config; /* what it points to is borrowed */
	struct ab_loop *loop;	       /* borrowed; NULL until attached */
	ab_event_fn *fn;
	void *arg;
	struct ab_loop_fd *sock_handle, *pid_handle;	   /* owned */
	struct ab_loop_timer *stall_timer, *restart_timer; /* owned */
	struct ab_loop_timer *refuse_timer;		   /* owned */
	struct ab_helper helper;  /* owned; .fd may close first */
	struct questions open;	  /* sent ones first */
	struct questions refused; /* answered without the helper, in the next wake-up */
	uint64_t last_seq;
	enum ab_store_state state;
	ab_mono alive_at; /* last sign of life, or the time until which none is due */
	ab_mono started_at;
	int64_t pause_ms;
	struct store_events *in; /* owned; also takes every other message */
};

const char *ab_store_state_name(enum ab_store_state state)
{
	switch (state) {
	case AB_STORE_RUNNING:
		return "running";
	case AB_STORE_STALLED:
		return "STORE-STALLED";
	case AB_STORE_DOWN:
		return "down";
	}
	return "";
}

enum ab_store_state ab_store_state(const struct ab_store *s)
{
	return s->state;
}

int ab_store_pid(const struct ab_store *s)
{
	return s->helper.pid;
}

/* --- the process ----------------------------------------------------------------- */

/* ab_helper_fn. */
static int be_helper(void *arg, int fd)
{
	const struct ab_store *s = arg;

	(void)umask(0077);
	return store_helper_run(&s->config, fd);
}

/* --- questions ------------------------------------------------------------------- */

static struct question *question_new(struct ab_store *s, enum store_msg_type type,
				     size_t n_settings)
{
	struct question *q = calloc(1, sizeof(*q) + n_settings);

	if (!q)
		return NULL;
	q->seq = ++s->last_seq;
	q->type = type;
	q->fd = -1;
	q->n = type == STORE_MSG_JOB ? sizeof(q->msg) + n_settings
				     : sizeof(q->msg.head);
	q->msg.head.type = type;
	q->msg.head.seq = q->seq;
	return q;
}

static void question_free(struct question *q)
{
	if (q->fd >= 0)
		(void)close(q->fd); /* a memory file */
	free(q);
}

static void tell_done(struct ab_store *s, uint64_t job, const struct ab_event *done)
{
	struct ab_event ev = *done;

	if (!job)
		return;
	ev.done.job = job;
	s->fn(s->arg, &ev);
}

/* Ends a question without the helper's word. */
static void give_up(struct ab_store *s, struct question *q, enum ab_outcome outcome,
		    int error)
{
	struct ab_event ev;

	memset(&ev, 0, sizeof(ev));
	ev.type = AB_EV_DONE;
	ev.done.outcome = (uint8_t)outcome;
	ev.done.code = error;
	tell_done(s, q->job, &ev);
	if (q->fn)
		q->fn(q->arg, -error, NULL, 0);
	question_free(q);
}

static void arm_stall_timer(struct ab_store *s)
{
	const struct question *q = TAILQ_FIRST(&s->open);

	if (!s->loop)
		return;
	if (!q || !q->is_sent || s->state != AB_STORE_RUNNING)
		ab_loop_timer_set(s->stall_timer, AB_MONO_NEVER);
	else
		ab_loop_timer_set(s->stall_timer,
				  ab_mono_add_ms(s->alive_at, STALL_MS));
}

/* Sends what has not been sent, as far as the socket takes it. */
static void send_open(struct ab_store *s)
{
	const struct question *first = TAILQ_FIRST(&s->open);
	bool was_idle = !first || !first->is_sent;
	struct question *q;
	int r = 0;

	if (s->helper.fd < 0)
		return;
	TAILQ_FOREACH (q, &s->open, entry) {
		if (q->is_sent)
			continue;
		r = store_msg_send(s->helper.fd, &q->msg, q->n, MSG_DONTWAIT, q->fd);
		if (r)
			break; /* full; or gone, which the socket tells by itself */
		q->is_sent = true;
		q->tries++;
	}
	if (was_idle && s->loop)
		s->alive_at = ab_loop_now(s->loop);
	if (s->sock_handle)
		(void)ab_loop_fd_set(s->sock_handle,
				     AB_LOOP_READ | (r == -EAGAIN ? AB_LOOP_WRITE : 0));
	arm_stall_timer(s);
}

static void ask(struct ab_store *s, struct question *q)
{
	TAILQ_INSERT_TAIL(&s->open, q, entry);
	send_open(s);
}

/* Return: 0 or -ENOMEM. */
static int ask_dump(struct ab_store *s)
{
	struct question *q = question_new(s, STORE_MSG_DUMP, 0);

	if (!q)
		return -ENOMEM;
	ask(s, q);
	return 0;
}

static size_t settings_size(const struct ab_node_setting *v, uint32_t n)
{
	size_t size = 0;
	uint32_t i;

	for (i = 0; i < n; i++)
		size += strlen(v[i].name) + strlen(v[i].value) + 2;
	return size;
}

static void add_settings(struct question *q, const struct ab_node_setting *v,
			 uint32_t n)
{
	char *at = q->msg.settings;
	uint32_t i;

	for (i = 0; i < n; i++) {
		at = stpcpy(at, v[i].name) + 1;
		at = stpcpy(at, v[i].value) + 1;
	}
	q->msg.head.n = n;
}

int ab_store_submit(struct ab_store *s, const struct ab_effect *effect,
		    const struct ab_node_setting *settings, uint32_t n_settings)
{
	size_t size = settings_size(settings, n_settings);
	bool fits = size <= AB_STORE_SETTINGS_MAX;
	struct question *q = question_new(s, STORE_MSG_JOB, fits ? size : 0);

	if (!q)
		return -ENOMEM;
	q->job = effect->job;
	q->is_fact =
		effect->type == AB_EF_LEDGER_PUT || effect->type == AB_EF_LEDGER_DEL;
	q->msg.effect = *effect;
	if (fits) {
		add_settings(q, settings, n_settings);
		ask(s, q);
	} else {
		TAILQ_INSERT_TAIL(&s->refused, q, entry);
		ab_loop_timer_set(s->refuse_timer, ab_loop_now(s->loop));
	}
	return 0;
}

static void on_refuse_timer(void *arg)
{
	struct ab_store *s = arg;
	struct question *q;

	while ((q = TAILQ_FIRST(&s->refused))) {
		TAILQ_REMOVE(&s->refused, q, entry);
		give_up(s, q, AB_OUTCOME_DENIED, E2BIG);
	}
}

static int ask_with_answer(struct ab_store *s, enum store_msg_type type, int fd,
			   ab_store_answer_fn *fn, void *arg)
{
	struct question *q = question_new(s, type, 0);

	if (!q)
		return -ENOMEM;
	q->fd = fd;
	q->fn = fn;
	q->arg = arg;
	ask(s, q);
	return 0;
}

int ab_store_read_conf(struct ab_store *s, ab_store_answer_fn *fn, void *arg)
{
	return ask_with_answer(s, STORE_MSG_CONF, -1, fn, arg);
}

int ab_store_read_initiator(struct ab_store *s, ab_store_answer_fn *fn, void *arg)
{
	return ask_with_answer(s, STORE_MSG_INITIATOR, -1, fn, arg);
}

int ab_store_load_good(struct ab_store *s, ab_store_answer_fn *fn, void *arg)
{
	return ask_with_answer(s, STORE_MSG_LOAD, -1, fn, arg);
}

int ab_store_save_good(struct ab_store *s, const void *data, size_t n,
		       ab_store_answer_fn *fn, void *arg)
{
	int fd = store_memfd(data, n), r;

	if (fd < 0)
		return fd;
	r = ask_with_answer(s, STORE_MSG_SAVE, fd, fn, arg);
	if (r)
		(void)close(fd); /* a memory file */
	return r;
}

/* --- answers --------------------------------------------------------------------- */

static struct question *take_question(struct ab_store *s, uint64_t seq)
{
	struct question *q;

	/* The analyzer does not follow TAILQ_REMOVE(), which writes through tqe_prev:
	 * to it the first question is still in the list when it has been freed. */
	TAILQ_FOREACH (q, &s->open, entry)
		if (q->seq == seq) /* NOLINT(clang-analyzer-unix.Malloc) */
			break;
	if (q)
		TAILQ_REMOVE(&s->open, q, entry);
	return q;
}

static void take_events(struct ab_store *s)
{
	uint32_t i;

	for (i = 0; i < s->in->head.n; i++) {
		const struct ab_event *ev = &s->in->v[i];
		struct question *q;

		if (ev->type != AB_EV_DONE) {
			s->fn(s->arg, ev);
			continue;
		}
		q = take_question(s, ev->done.job);
		if (q) {
			tell_done(s, q->job, ev);
			question_free(q);
		}
	}
}

static void hand_over(const struct question *q, int code, int fd)
{
	void *data = NULL;
	struct stat st;
	size_t n = 0;

	if (code == 0 && fd >= 0) {
		n = fstat(fd, &st) == 0 ? (size_t)st.st_size : 0;
		data = n ? mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
		if (data == MAP_FAILED) {
			code = -errno;
			data = NULL;
		}
	}
	q->fn(q->arg, code,
	      data		     ? data
	      : code == 0 && fd >= 0 ? ""
				     : NULL,
	      data ? n : 0);
	if (data)
		(void)munmap(data, n);
}

static void take_answer(struct ab_store *s, int fd)
{
	struct question *q = take_question(s, s->in->head.seq);

	if (!q)
		return;
	if (q->fn)
		hand_over(q, s->in->head.code, fd);
	question_free(q);
}

static void note_life(struct ab_store *s)
{
	s->alive_at = ab_loop_now(s->loop);
	if (s->in->head.type == STORE_MSG_BUSY)
		s->alive_at = ab_mono_add_ms(s->alive_at, LOCK_MS);
	if (s->state == AB_STORE_STALLED) {
		s->state = AB_STORE_RUNNING;
		ab_log_notice("store", "answers again");
	}
}

/* Return: true when there may be more. */
static bool take_message(struct ab_store *s)
{
	int fd;
	ssize_t n =
		store_msg_recv(s->helper.fd, s->in, sizeof(*s->in), MSG_DONTWAIT, &fd);

	if (n == -EAGAIN)
		return false;
	if (n <= 0) {
		s->sock_handle = ab_loop_fd_free(s->sock_handle);
		(void)close(s->helper.fd);
		s->helper.fd = -1;
		return false;
	}
	note_life(s);
	if (s->in->head.type == STORE_MSG_EVENTS)
		take_events(s);
	else if (s->in->head.type == STORE_MSG_ANSWER)
		take_answer(s, fd);
	if (fd >= 0)
		(void)close(fd); /* a memory file */
	return true;
}

/* --- a helper's end -------------------------------------------------------------- */

static void tell_stale(struct ab_store *s, enum ab_source source)
{
	struct ab_event ev;

	memset(&ev, 0, sizeof(ev));
	ev.type = AB_EV_STALE;
	ev.dump.source = (uint8_t)source;
	s->fn(s->arg, &ev);
}

/* Which questions does the next helper get? The others are returned in @ret_lost. */
static void sort_questions(struct ab_store *s, struct questions *ret_lost)
{
	struct question *q, *next;

	TAILQ_INIT(ret_lost);
	for (q = TAILQ_FIRST(&s->open); q; q = next) {
		next = TAILQ_NEXT(q, entry);
		if (!q->is_sent)
			continue;
		q->is_sent = false;
		if (q->is_fact || (q->fn && q->tries < TRIES_MAX))
			continue;
		TAILQ_REMOVE(&s->open, q, entry);
		TAILQ_INSERT_TAIL(ret_lost, q, entry);
	}
}

static void on_lost(struct ab_store *s)
{
	int64_t life = ab_mono_ms_between(s->started_at, ab_loop_now(s->loop));
	struct questions lost;
	struct question *q;

	s->state = AB_STORE_DOWN;
	sort_questions(s, &lost);
	arm_stall_timer(s);
	s->pause_ms = life >= GOOD_LIFE_MS		 ? RESTART_MIN_MS
		      : s->pause_ms * 2 > RESTART_MAX_MS ? RESTART_MAX_MS
							 : s->pause_ms * 2;
	ab_loop_timer_set(s->restart_timer,
			  ab_mono_add_ms(ab_loop_now(s->loop), s->pause_ms));
	while ((q = TAILQ_FIRST(&lost))) {
		TAILQ_REMOVE(&lost, q, entry);
		give_up(s, q, AB_OUTCOME_UNKNOWN, EIO);
	}
	tell_stale(s, AB_SOURCE_LEDGER);
	tell_stale(s, AB_SOURCE_RECORDS);
}

/* The process has ended: no job of it can still be carried out. */
static void on_pid(void *arg, unsigned int ready)
{
	struct ab_store *s = arg;
	siginfo_t info = { 0 };

	(void)ready;
	while (s->helper.fd >= 0 && take_message(s))
		; /* what it said before */
	if (waitid(P_PIDFD, (id_t)s->helper.pidfd, &info, WEXITED | WNOHANG) == 0 &&
	    info.si_pid == 0)
		return;
	if (info.si_code == CLD_EXITED)
		ab_log_errx("store", "helper %d ended with status %d",
			    (int)s->helper.pid, info.si_status);
	else
		ab_log_errx("store", "helper %d ended by signal %d", (int)s->helper.pid,
			    info.si_status);
	s->pid_handle = ab_loop_fd_free(s->pid_handle);
	s->sock_handle = ab_loop_fd_free(s->sock_handle);
	ab_helper_drop(&s->helper);
	on_lost(s);
}

static void on_sock(void *arg, unsigned int ready)
{
	struct ab_store *s = arg;
	int i;

	for (i = 0; i < TAKE_MAX && (ready & AB_LOOP_READ); i++)
		if (!take_message(s))
			break;
	send_open(s);
}

static void on_stall_timer(void *arg)
{
	struct ab_store *s = arg;

	s->state = AB_STORE_STALLED;
	ab_log_errx("store", "no answer for %d s: a disk or a file system hangs",
		    STALL_MS / 1000);
}

static int watch_helper(struct ab_store *s)
{
	int r = ab_loop_fd_new(s->loop, s->helper.fd, AB_LOOP_READ, on_sock, s,
			       &s->sock_handle);

	if (r == 0)
		r = ab_loop_fd_new(s->loop, s->helper.pidfd, AB_LOOP_READ, on_pid, s,
				   &s->pid_handle);
	s->started_at = s->alive_at = ab_loop_now(s->loop);
	return r;
}

/* Closes our end, then the helper ends; @wait_ms: how long it may take. */
static void drop_helper(struct ab_store *s, int wait_ms)
{
	struct pollfd pfd = { .fd = s->helper.pidfd, .events = POLLIN };
	siginfo_t info;

	s->sock_handle = ab_loop_fd_free(s->sock_handle);
	s->pid_handle = ab_loop_fd_free(s->pid_handle);
	if (s->helper.fd >= 0)
		(void)close(s->helper.fd);
	s->helper.fd = -1;
	if (s->helper.pidfd < 0)
		return;
	if (poll(&pfd, 1, wait_ms) > 0)
		(void)waitid(P_PIDFD, (id_t)s->helper.pidfd, &info, WEXITED | WNOHANG);
	ab_helper_drop(&s->helper);
}

static void on_restart_timer(void *arg)
{
	struct ab_store *s = arg;
	int r = ab_helper_start(AB_DB_STORE_NAME, be_helper, s, &s->helper);

	if (r == 0) {
		r = watch_helper(s);
		if (r)
			drop_helper(s, STALL_MS);
	}
	if (r == 0) {
		s->state = AB_STORE_RUNNING;
		ab_log_notice("store", "helper %d started", (int)s->helper.pid);
		send_open(s);
		r = ask_dump(s);
		/* Without memory: die, so that the next one is asked. */
		if (r)
			(void)shutdown(s->helper.fd, SHUT_RDWR);
		return;
	}
	errno = -r;
	ab_log_err("store", "helper cannot be started");
	ab_loop_timer_set(s->restart_timer,
			  ab_mono_add_ms(ab_loop_now(s->loop), RESTART_MAX_MS));
}

/* --- life ------------------------------------------------------------------------ */

int ab_store_start(const struct ab_store_config *config, struct ab_store **ret_store)
{
	struct ab_store *s = calloc(1, sizeof(*s));
	int r = -ENOMEM;

	if (!s)
		return -ENOMEM;
	s->config = *config;
	s->helper = AB_HELPER_NONE;
	s->pause_ms = RESTART_MIN_MS;
	TAILQ_INIT(&s->open);
	TAILQ_INIT(&s->refused);
	s->in = calloc(1, sizeof(*s->in));
	if (s->in)
		r = ab_helper_start(AB_DB_STORE_NAME, be_helper, s, &s->helper);
	if (r == 0)
		r = ask_dump(s);
	if (r) {
		(void)ab_store_free(s);
		return r;
	}
	*ret_store = s;
	return 0;
}

int ab_store_attach(struct ab_store *s, struct ab_loop *loop, ab_event_fn *fn,
		    void *arg)
{
	int r;

	s->loop = loop;
	s->fn = fn;
	s->arg = arg;
	r = ab_loop_timer_new(loop, on_stall_timer, s, &s->stall_timer);
	if (r == 0)
		r = ab_loop_timer_new(loop, on_restart_timer, s, &s->restart_timer);
	if (r == 0)
		r = ab_loop_timer_new(loop, on_refuse_timer, s, &s->refuse_timer);
	if (r == 0)
		r = watch_helper(s);
	if (r == 0)
		send_open(s);
	return r;
}

static void drop_all(struct questions *list)
{
	struct question *q;

	while ((q = TAILQ_FIRST(list))) {
		TAILQ_REMOVE(list, q, entry);
		question_free(q);
	}
}

struct ab_store *ab_store_free(struct ab_store *s)
{
	if (!s)
		return NULL;
	drop_helper(s, STALL_MS);
	drop_all(&s->open);
	drop_all(&s->refused);
	if (s->stall_timer)
		s->stall_timer = ab_loop_timer_free(s->stall_timer);
	if (s->restart_timer)
		s->restart_timer = ab_loop_timer_free(s->restart_timer);
	if (s->refuse_timer)
		s->refuse_timer = ab_loop_timer_free(s->refuse_timer);
	free(s->in);
	free(s);
	return NULL;
}
