/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/spawner.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/helper.h"
#include "io/log.h"
#include "io/spawner_wire.h"

/* A helper that says nothing this long after a deadline is stuck, for example in the
 * exec of a program on a dead disk. */
#define STUCK_MS (AB_SPAWNER_KILL_MS + 3000)
#define RESTART_MIN_MS 1000
#define RESTART_MAX_MS 60000

struct open_job {
	uint64_t id; /* 0: free */
	bool is_never_killed;
	ab_mono expires;
	ab_spawner_fn *fn;
	void *arg;
};

struct ab_spawner {
	struct ab_loop *loop;	       /* borrowed */
	struct ab_loop_fd *socket;     /* owned */
	struct ab_loop_fd *death;      /* owned; the helper's pidfd */
	struct ab_loop_timer *expiry;  /* owned; the earliest .expires */
	struct ab_loop_timer *restart; /* owned */
	struct ab_helper helper;       /* owned */
	ab_mono born;
	int64_t restart_ms;
	uint64_t last_id;
	struct open_job jobs[AB_SPAWNER_JOBS_MAX];
	/* An answer, and the terminator of its errors. */
	char inbox[sizeof(struct ab_spawner_answer) + AB_SPAWNER_ERROR_MAX + 1];
};

/* --- jobs ------------------------------------------------------------------------- */

static struct open_job *find_job(struct ab_spawner *s, uint64_t id)
{
	unsigned int i;

	for (i = 0; i < AB_SPAWNER_JOBS_MAX; i++)
		if (s->jobs[i].id == id)
			return &s->jobs[i];
	return NULL;
}

static void arm_expiry(struct ab_spawner *s)
{
	ab_mono next = AB_MONO_NEVER;
	unsigned int i;

	for (i = 0; i < AB_SPAWNER_JOBS_MAX; i++)
		if (s->jobs[i].id)
			next = ab_mono_min(next, s->jobs[i].expires);
	ab_loop_timer_set(s->expiry, next);
}

/* The slot is free before the call, so that the answer may start the next job; unless
 * the child runs on. */
static void answer(struct open_job *slot, const struct ab_spawner_result *result)
{
	struct open_job job = *slot;

	if (job.is_never_killed && result->end == AB_SPAWNER_EXPIRED)
		slot->expires = AB_MONO_NEVER;
	else
		slot->id = 0;
	job.fn(job.arg, result);
}

static void answer_unknown(struct open_job *slot, int code)
{
	struct ab_spawner_result result = {
		.end = AB_SPAWNER_UNKNOWN,
		.code = code,
		.out = "",
		.err = "",
	};

	answer(slot, &result);
}

static void on_expiry(void *arg)
{
	struct ab_spawner *s = arg;
	unsigned int i;

	for (i = 0; i < AB_SPAWNER_JOBS_MAX; i++)
		if (s->jobs[i].id &&
		    ab_mono_reached(s->jobs[i].expires, ab_loop_now(s->loop)))
			answer_unknown(&s->jobs[i], ETIMEDOUT);
	arm_expiry(s);
}

/* --- answers ---------------------------------------------------------------------- */

/* Return: the descriptor that came along, or -1. */
static int take_fd(struct msghdr *msg)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	int fd;

	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return -1;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

/* The output with a NUL behind it, or NULL with errno. */
static char *read_output(int memfd, size_t n)
{
	char *data = malloc(n + 1);
	size_t done = 0;

	while (data && done < n) {
		ssize_t part = pread(memfd, data + done, n - done, (off_t)done);

		if (part <= 0) {
			errno = part == 0 ? EIO : errno;
			free(data);
			return NULL;
		}
		done += (size_t)part;
	}
	if (data)
		data[n] = '\0';
	return data;
}

static void on_answer(struct ab_spawner *s, size_t n, int memfd)
{
	struct ab_spawner_answer head;
	struct ab_spawner_result result;
	struct open_job *slot;
	char *out = NULL;

	assert(n >= sizeof(head));
	memcpy(&head, s->inbox, sizeof(head));
	assert(n == sizeof(head) + head.n_err && head.end < AB_SPAWNER_END_MAX);
	slot = head.id ? find_job(s, head.id) : NULL;
	if (!slot)
		return; /* it was given up */
	s->inbox[n] = '\0';
	result = (struct ab_spawner_result){
		.end = head.end,
		.code = head.code,
		.is_cut = head.is_cut,
		.out = "",
		.n_out = head.n_out,
		.err = s->inbox + sizeof(head),
		.n_err = head.n_err,
	};
	if (head.n_out > 0) {
		out = read_output(memfd, head.n_out);
		if (!out) {
			answer_unknown(slot, errno);
			return;
		}
		result.out = out;
	}
	answer(slot, &result);
	free(out);
}

/* Return: true when an answer was read. */
static bool read_answer(struct ab_spawner *s)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { s->inbox, sizeof(s->inbox) - 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.space,
			      .msg_controllen = sizeof(control.space) };
	ssize_t n = recvmsg(s->helper.fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	int memfd;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) { /* it is dying: its pidfd says when */
		(void)ab_loop_fd_set(s->socket, 0);
		return false;
	}
	memfd = take_fd(&msg);
	on_answer(s, (size_t)n, memfd);
	if (memfd >= 0)
		close(memfd);
	return true;
}

static void on_socket(void *arg, unsigned int ready)
{
	struct ab_spawner *s = arg;

	(void)ready;
	(void)read_answer(s);
	arm_expiry(s);
}

/* --- the helper's life ------------------------------------------------------------ */

/* ab_helper_fn. */
static int be_helper(void *arg, int fd)
{
	(void)arg;
	if (chdir("/"))
		return EXIT_FAILURE;
	ab_spawner_helper(fd);
	return EXIT_SUCCESS;
}

static void on_death(void *arg, unsigned int ready);

/* Forgets the helper, alive or not; without its socket it ends by itself. */
static void drop_helper(struct ab_spawner *s)
{
	s->socket = ab_loop_fd_free(s->socket);
	s->death = ab_loop_fd_free(s->death);
	ab_helper_drop(&s->helper);
}

static int start_helper(struct ab_spawner *s)
{
	int r = ab_helper_start("ab-spawner", be_helper, NULL, &s->helper);

	if (r < 0)
		return r;
	r = ab_loop_fd_new(s->loop, s->helper.pidfd, AB_LOOP_READ, on_death, s,
			   &s->death);
	if (r == 0)
		r = ab_loop_fd_new(s->loop, s->helper.fd, AB_LOOP_READ, on_socket, s,
				   &s->socket);
	if (r < 0) {
		pid_t pid = s->helper.pid;

		drop_helper(s);
		(void)waitpid(pid, NULL, 0); /* idle: it ends at once */
		return r;
	}
	s->born = ab_loop_now(s->loop);
	return 0;
}

static void schedule_restart(struct ab_spawner *s)
{
	ab_mono now = ab_loop_now(s->loop);

	ab_loop_timer_set(s->restart, ab_mono_add_ms(now, s->restart_ms));
	s->restart_ms *= 2;
	if (s->restart_ms > RESTART_MAX_MS)
		s->restart_ms = RESTART_MAX_MS;
}

static void on_restart(void *arg)
{
	struct ab_spawner *s = arg;
	int r = start_helper(s);

	if (r < 0) {
		errno = -r;
		ab_log_err("spawner", "cannot start the helper again");
		schedule_restart(s);
	}
}

static void on_death(void *arg, unsigned int ready)
{
	struct ab_spawner *s = arg;
	ab_mono now = ab_loop_now(s->loop);
	int status = 0;
	unsigned int i;

	(void)ready;
	/* Answers that it sent before it died count. */
	while (read_answer(s))
		;
	(void)waitpid(s->helper.pid, &status, 0);
	ab_log_errx("spawner", "the helper died (%s %d); its jobs are unknown",
		    WIFSIGNALED(status) ? "signal" : "exit status",
		    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	drop_helper(s);
	if (ab_mono_ms_between(s->born, now) > RESTART_MAX_MS)
		s->restart_ms = RESTART_MIN_MS;
	schedule_restart(s);
	for (i = 0; i < AB_SPAWNER_JOBS_MAX; i++)
		if (s->jobs[i].id)
			answer_unknown(&s->jobs[i], 0);
	arm_expiry(s);
}

/* --- interface -------------------------------------------------------------------- */

/* With its terminator. Return: 0 or -E2BIG. */
static int add_string(struct msghdr *msg, const char *s, size_t *size)
{
	struct iovec *iov = &msg->msg_iov[msg->msg_iovlen];
	size_t n = strlen(s) + 1;

	if (n > AB_SPAWNER_MESSAGE_MAX - *size)
		return -E2BIG;
	memcpy(&iov->iov_base, &s, sizeof(s)); /* const */
	iov->iov_len = n;
	msg->msg_iovlen++;
	*size += n;
	return 0;
}

/* Sends the strings from where they are. Return: 0 or -errno. */
static int send_request(struct ab_spawner *s, const struct ab_spawner_job *job,
			uint64_t id)
{
	struct ab_spawner_request head = {
		.id = id,
		.deadline_ms = job->deadline_ms,
		.output_max = job->output_max,
		.is_never_killed = job->is_never_killed,
		.has_input = job->input != NULL,
	};
	struct iovec iov[2 + AB_SPAWNER_ARGS_MAX] = { { &head, sizeof(head) } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 1 };
	size_t size = sizeof(head);
	int r = 0;

	for (; r == 0 && job->argv[head.n_args]; head.n_args++) {
		if (head.n_args == AB_SPAWNER_ARGS_MAX)
			return -E2BIG;
		r = add_string(&msg, job->argv[head.n_args], &size);
	}
	if (r == 0 && job->input)
		r = add_string(&msg, job->input, &size);
	if (r < 0)
		return r;
	assert(head.n_args > 0 && job->argv[0][0] == '/');
	if (sendmsg(s->helper.fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)size)
		return 0;
	return errno == EPIPE || errno == ECONNRESET ? -ENOTCONN : -errno;
}

int ab_spawner_run(struct ab_spawner *s, const struct ab_spawner_job *job,
		   ab_spawner_fn *fn, void *arg)
{
	struct open_job *slot = find_job(s, 0);
	int r;

	assert(job->output_max <= AB_SPAWNER_OUTPUT_MAX);
	if (s->helper.fd < 0)
		return -ENOTCONN;
	if (!slot)
		return -EBUSY;
	r = send_request(s, job, s->last_id + 1);
	if (r < 0)
		return r;
	*slot = (struct open_job){
		.id = ++s->last_id,
		.is_never_killed = job->is_never_killed,
		.expires = ab_mono_add_ms(ab_loop_now(s->loop),
					  (int64_t)job->deadline_ms + STUCK_MS),
		.fn = fn,
		.arg = arg,
	};
	arm_expiry(s);
	return 0;
}

pid_t ab_spawner_pid(const struct ab_spawner *s)
{
	return s->helper.pid;
}

int ab_spawner_new(struct ab_loop *loop, struct ab_spawner **ret_spawner)
{
	struct ab_spawner *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->loop = loop;
	s->helper = AB_HELPER_NONE;
	s->restart_ms = RESTART_MIN_MS;
	r = ab_loop_timer_new(loop, on_expiry, s, &s->expiry);
	if (r == 0)
		r = ab_loop_timer_new(loop, on_restart, s, &s->restart);
	if (r == 0)
		r = start_helper(s);
	if (r < 0) {
		ab_spawner_free(s);
		return r;
	}
	*ret_spawner = s;
	return 0;
}

struct ab_spawner *ab_spawner_free(struct ab_spawner *s)
{
	if (!s)
		return NULL;
	drop_helper(s);
	s->expiry = ab_loop_timer_free(s->expiry);
	s->restart = ab_loop_timer_free(s->restart);
	free(s);
	return NULL;
}
