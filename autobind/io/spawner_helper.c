/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spawner_helper - the process that starts, watches and ends children.
 *
 * A single poll() over the socket and, for each job, a pidfd and two pipes. It may
 * block in posix_spawn (the program's disk is dead): that is what it is for. What a
 * child writes beyond its limit is read and dropped: a full pipe would stop it, a
 * closed one would end it.
 */
#include "io/spawner_wire.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/clock.h"

/* The socket, and for each job its pidfd, its output and its errors. */
#define FDS_PER_JOB 3
#define INPUT_FILENO 3 /* what a child finds its input under */
#define FDS_MAX (1 + AB_SPAWNER_JOBS_MAX * FDS_PER_JOB)

enum job_state {
	JOB_FREE,
	JOB_RUNNING,
	JOB_ENDING, /* got SIGTERM, or SIGKILL when .deadline is AB_MONO_NEVER */
};

struct job {
	enum job_state state;
	enum ab_spawner_end end; /* why it is ENDING */
	bool is_never_killed;
	bool is_cut;
	uint64_t id;
	pid_t pid;
	int pidfd, out, err; /* owned; -1 when closed */
	int memfd;	     /* owned; -1 until there is output */
	int error;	     /* errno of keeping the output */
	ab_mono deadline;
	uint32_t output_max, n_out, n_err;
	char errors[AB_SPAWNER_ERROR_MAX];
};

struct helper {
	int fd; /* -1 when the loop's side is gone */
	struct job jobs[AB_SPAWNER_JOBS_MAX];
	char buf[AB_SPAWNER_MESSAGE_MAX];
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* --- answers ---------------------------------------------------------------------- */

static void send_answer(struct helper *h, struct ab_spawner_answer *answer, char *err,
			int memfd)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { .space = { 0 } };
	struct iovec iov[2] = {
		{ answer, sizeof(*answer) },
		{ err, answer->n_err },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t n;

	if (answer->n_out > 0) {
		struct cmsghdr *c = &control.head;

		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &memfd, sizeof(int));
		msg.msg_control = control.space;
		msg.msg_controllen = sizeof(control.space);
	}
	/* Blocks while the loop is busy. An error means that the loop's side is gone:
	 * the next read says so, too. */
	do {
		n = sendmsg(h->fd, &msg, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
}

static void answer_job(struct helper *h, struct job *job, enum ab_spawner_end end,
		       int code)
{
	struct ab_spawner_answer answer = {
		.id = job->id,
		.end = end,
		.code = code,
		.is_cut = job->is_cut,
		.n_out = job->n_out,
		.n_err = job->n_err,
	};

	if (h->fd >= 0)
		send_answer(h, &answer, job->errors, job->memfd);
}

static void free_job(struct job *job)
{
	close_fd(&job->pidfd);
	close_fd(&job->out);
	close_fd(&job->err);
	close_fd(&job->memfd);
	job->state = JOB_FREE;
}

/* --- output ----------------------------------------------------------------------- */

static void keep_output(struct job *job, const char *data, size_t n)
{
	ssize_t done;

	if (n > job->output_max - job->n_out) {
		n = job->output_max - job->n_out;
		job->is_cut = true;
	}
	if (n == 0 || job->error)
		return;
	if (job->memfd < 0)
		job->memfd = memfd_create("ab-output", MFD_CLOEXEC);
	done = job->memfd < 0 ? -1 : pwrite(job->memfd, data, n, (off_t)job->n_out);
	if (done == (ssize_t)n)
		job->n_out += (uint32_t)n;
	else
		job->error = done < 0 ? errno : ENOSPC; /* a part of it is no use */
}

static void keep_errors(struct job *job, const char *data, size_t n)
{
	size_t room = sizeof(job->errors) - job->n_err;

	if (n > room)
		n = room;
	memcpy(job->errors + job->n_err, data, n);
	job->n_err += (uint32_t)n;
}

/* Reads one pipe once; closes it at its end. True when there may be more. */
static bool read_pipe(struct helper *h, struct job *job, int *fd)
{
	ssize_t n;

	if (*fd < 0)
		return false;
	n = read(*fd, h->buf, sizeof(h->buf));
	if (n < 0)
		return errno == EINTR;
	if (n == 0)
		close_fd(fd);
	else if (fd == &job->out)
		keep_output(job, h->buf, (size_t)n);
	else
		keep_errors(job, h->buf, (size_t)n);
	return n > 0;
}

/* --- the end of a child ----------------------------------------------------------- */

static void begin_end(struct job *job, enum ab_spawner_end end)
{
	assert(!job->is_never_killed);
	job->state = JOB_ENDING;
	job->end = end;
	job->deadline = ab_mono_add_ms(ab_clock_now(), AB_SPAWNER_KILL_MS);
	(void)kill(-job->pid, SIGTERM);
}

static void on_deadline(struct helper *h, struct job *job)
{
	if (job->is_never_killed) {
		job->deadline = AB_MONO_NEVER;
		answer_job(h, job, AB_SPAWNER_EXPIRED, 0);
	} else if (job->state == JOB_RUNNING) {
		begin_end(job, AB_SPAWNER_EXPIRED);
	} else {
		job->deadline = AB_MONO_NEVER;
		(void)kill(-job->pid, SIGKILL);
	}
}

/*
 * The child is dead. What it left in the pipes is read, but nobody waits for the pipes'
 * end: a process that it started may hold them for ever.
 */
static void on_exit_of(struct helper *h, struct job *job)
{
	size_t n_reads = job->output_max / sizeof(h->buf) + 2;
	siginfo_t info = { 0 };

	while (n_reads-- > 0 && read_pipe(h, job, &job->out))
		;
	(void)read_pipe(h, job, &job->err);
	/* Before it is reaped: as long as it is a zombie its group's number is
	 * its own. */
	if (job->state == JOB_ENDING)
		(void)kill(-job->pid, SIGKILL);
	if (waitid(P_PID, (id_t)job->pid, &info, WEXITED)) {
		answer_job(h, job, AB_SPAWNER_UNKNOWN, errno);
	} else if (job->state == JOB_ENDING) {
		answer_job(h, job, job->end, 0);
	} else if (job->error) {
		answer_job(h, job, AB_SPAWNER_UNKNOWN, job->error);
	} else if (job->is_cut && !job->is_never_killed) {
		answer_job(h, job, AB_SPAWNER_FLOODED, 0);
	} else {
		answer_job(h, job,
			   info.si_code == CLD_EXITED ? AB_SPAWNER_EXITED
						      : AB_SPAWNER_CRASHED,
			   info.si_status);
	}
	free_job(job);
}

/* --- the start of a child --------------------------------------------------------- */

static int set_attributes(posix_spawnattr_t *attr, bool is_never_killed)
{
	short flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
	sigset_t set;
	int r;

	sigfillset(&set);
	r = posix_spawnattr_setsigdefault(attr, &set);
	sigemptyset(&set);
	if (r == 0)
		r = posix_spawnattr_setsigmask(attr, &set);
	flags |= is_never_killed ? POSIX_SPAWN_SETSID : POSIX_SPAWN_SETPGROUP;
	if (r == 0)
		r = posix_spawnattr_setflags(attr, flags);
	return r;
}

/* The helper's own descriptors are all CLOEXEC; standard input is /dev/null. */
static int spawn(struct job *job, char *const *argv, int in, int out, int err)
{
	static char locale[] = "LC_ALL=C",
		    path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	char *const env[] = { locale, path, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int r;

	r = posix_spawn_file_actions_init(&actions);
	if (r)
		return r;
	r = posix_spawnattr_init(&attr);
	if (r)
		goto out_actions;
	r = set_attributes(&attr, job->is_never_killed);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
	/* The pipes are in place: 3 may be one of them, or @in already. */
	if (r == 0 && in >= 0)
		r = posix_spawn_file_actions_adddup2(&actions, in, INPUT_FILENO);
	if (r == 0)
		r = posix_spawn(&job->pid, argv[0], &actions, &attr, argv, env);
	posix_spawnattr_destroy(&attr);
out_actions:
	posix_spawn_file_actions_destroy(&actions);
	return r;
}

/* Return: 0 or errno. */
static int make_pipe(int *ret_read, int *ret_write)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		return errno;
	*ret_read = fds[0];
	*ret_write = fds[1];
	return fcntl(fds[0], F_SETFL, O_NONBLOCK) ? errno : 0;
}

/* Return: 0 or errno; then nothing runs. */
static int start_child(struct job *job, char *const *argv, int in)
{
	int out = -1, err = -1, r;

	r = make_pipe(&job->out, &out);
	if (r == 0)
		r = make_pipe(&job->err, &err);
	if (r == 0)
		r = spawn(job, argv, in, out, err);
	close_fd(&out);
	close_fd(&err);
	return r;
}

static struct job *find_free(struct helper *h)
{
	unsigned int i;

	for (i = 0; i < AB_SPAWNER_JOBS_MAX; i++)
		if (h->jobs[i].state == JOB_FREE)
			return &h->jobs[i];
	return NULL;
}

static void start_job(struct helper *h, const struct ab_spawner_request *request,
		      char *const *argv, const char *input)
{
	struct job *job = find_free(h);
	struct job none = { .id = request->id };
	int in = -1, r;

	if (!job) { /* children that are never killed may outlive their answers */
		answer_job(h, &none, AB_SPAWNER_FAILED, EAGAIN);
		return;
	}
	if (input) {
		in = open(input,
			  O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (in < 0) {
			answer_job(h, &none, AB_SPAWNER_NO_INPUT, errno);
			return;
		}
	}
	*job = (struct job){
		.id = request->id,
		.is_never_killed = request->is_never_killed,
		.pidfd = -1,
		.out = -1,
		.err = -1,
		.memfd = -1,
		.output_max = request->output_max,
	};
	r = start_child(job, argv, in);
	close_fd(&in);
	if (r) {
		answer_job(h, job, AB_SPAWNER_FAILED, r);
		free_job(job);
		return;
	}
	job->pidfd = (int)syscall(SYS_pidfd_open, job->pid, 0);
	if (job->pidfd < 0) { /* cannot be watched; the loop must look for itself */
		answer_job(h, job, AB_SPAWNER_UNKNOWN, errno);
		if (!job->is_never_killed)
			(void)kill(-job->pid, SIGKILL);
		free_job(job);
		return;
	}
	/* Counted from here: a slow exec must not eat the child's time. */
	job->deadline = ab_mono_add_ms(ab_clock_now(), request->deadline_ms);
	job->state = JOB_RUNNING;
}

/* Splits the strings behind a request; the loop's side is trusted to be our program. */
static void on_request(struct helper *h, size_t n)
{
	char *argv[AB_SPAWNER_ARGS_MAX + 1];
	struct ab_spawner_request request;
	char *at = h->buf + sizeof(request);
	unsigned int i;

	assert(n > sizeof(request));
	memcpy(&request, h->buf, sizeof(request));
	assert(request.n_args > 0 && request.n_args <= AB_SPAWNER_ARGS_MAX);
	for (i = 0; i < request.n_args; i++) {
		argv[i] = at;
		at = memchr(at, '\0', (size_t)(h->buf + n - at));
		assert(at);
		at++;
	}
	argv[i] = NULL;
	assert(!request.has_input || h->buf[n - 1] == '\0');
	start_job(h, &request, argv, request.has_input ? at : NULL);
}

/* The loop's side is gone: what may be ended is ended. */
static void on_closed(struct helper *h)
{
	unsigned int i;

	close_fd(&h->fd);
	for (i = 0; i < AB_SPAWNER_JOBS_MAX; i++)
		if (h->jobs[i].state == JOB_RUNNING && !h->jobs[i].is_never_killed)
			begin_end(&h->jobs[i], AB_SPAWNER_EXPIRED);
}

static void on_socket(struct helper *h)
{
	ssize_t n = recv(h->fd, h->buf, sizeof(h->buf), MSG_DONTWAIT);

	if (n > 0)
		on_request(h, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		on_closed(h);
}

/* --- loop ------------------------------------------------------------------------- */

/* Negative descriptors are skipped by poll(). Returns the earliest deadline. */
static ab_mono fill_poll(const struct helper *h, struct pollfd *fds)
{
	ab_mono next = AB_MONO_NEVER;
	unsigned int i;

	fds[0] = (struct pollfd){ .fd = h->fd, .events = POLLIN };
	for (i = 0; i < AB_SPAWNER_JOBS_MAX; i++) {
		const struct job *job = &h->jobs[i];
		struct pollfd *at = fds + 1 + i * FDS_PER_JOB;
		bool is_used = job->state != JOB_FREE;

		at[0] = (struct pollfd){ .fd = is_used ? job->pidfd : -1,
					 .events = POLLIN };
		at[1] = (struct pollfd){ .fd = is_used ? job->out : -1,
					 .events = POLLIN };
		at[2] = (struct pollfd){ .fd = is_used ? job->err : -1,
					 .events = POLLIN };
		if (is_used)
			next = ab_mono_min(next, job->deadline);
	}
	return next;
}

static void serve_job(struct helper *h, struct job *job, const struct pollfd *fds,
		      ab_mono now)
{
	if (fds[1].revents)
		(void)read_pipe(h, job, &job->out);
	if (fds[2].revents)
		(void)read_pipe(h, job, &job->err);
	if (job->is_cut && !job->is_never_killed && job->state == JOB_RUNNING)
		begin_end(job, AB_SPAWNER_FLOODED);
	if (fds[0].revents)
		on_exit_of(h, job);
	else if (ab_mono_reached(job->deadline, now))
		on_deadline(h, job);
}

static int timeout_until(ab_mono next)
{
	int64_t ms;

	if (ab_mono_is_never(next))
		return -1;
	ms = ab_mono_ms_between(ab_clock_now(), next) + 1;
	return ms < 0 ? 0 : ms > 60000 ? 60000 : (int)ms;
}

static bool has_jobs(const struct helper *h)
{
	unsigned int i;

	for (i = 0; i < AB_SPAWNER_JOBS_MAX; i++)
		if (h->jobs[i].state != JOB_FREE)
			return true;
	return false;
}

/* One wake-up: children first, so that what they leave makes room for the next. */
static void serve(struct helper *h, const struct pollfd *fds)
{
	ab_mono now = ab_clock_now();
	unsigned int i;

	for (i = 0; i < AB_SPAWNER_JOBS_MAX; i++)
		if (h->jobs[i].state != JOB_FREE)
			serve_job(h, &h->jobs[i], fds + 1 + i * FDS_PER_JOB, now);
	if (fds[0].revents)
		on_socket(h);
}

void ab_spawner_helper(int fd)
{
	/* Not static: the daemon locks its memory and would keep a copy resident. */
	struct helper *h = calloc(1, sizeof(*h));
	struct pollfd fds[FDS_MAX];

	if (!h)
		return;
	h->fd = fd;
	while (h->fd >= 0 || has_jobs(h)) {
		ab_mono next = fill_poll(h, fds);

		if (poll(fds, FDS_MAX, timeout_until(next)) >= 0)
			serve(h, fds);
		else if (errno != EINTR && errno != ENOMEM)
			break; /* the loop's side sees it die and starts another */
	}
	free(h);
}
