/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/mpath_call.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/clock.h"
#include "util/mono.h"
#include "util/text.h"

#define PATHNAME_SOCKET "/run/multipathd.socket"
#define ABSTRACT_SOCKET "@/org/kernel/linux/storage/multipathd"
#define PIDFILE "/run/multipathd.pid"

#define CHUNK 65536 /* room for the first bytes of an answer */
#define BUDGET 4    /* reads in a step: a long answer must not hold up the loop */

/* --- connecting ------------------------------------------------------------------- */

/* multipathd holds a write lock on its pid file (multipathd/pidfile.c). Return: the
 * holder; 0: nobody; -1: it could not be looked at, or is of another pid namespace. */
static pid_t lock_holder(const char *pidfile)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	pid_t holder = -1;
	int fd;

	fd = open(pidfile, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
	if (fcntl(fd, F_GETLK, &lock) == 0) {
		if (lock.l_type == F_UNLCK)
			holder = 0;
		else if (lock.l_pid > 0)
			holder = lock.l_pid;
	}
	close(fd);
	return holder;
}

static const char *pidfile_of(const struct ab_mpath_where *where)
{
	return where->pidfile ? where->pidfile : PIDFILE;
}

pid_t ab_mpath_pid(const struct ab_mpath_where *where)
{
	const char *pidfile = pidfile_of(where);
	pid_t holder = *pidfile ? lock_holder(pidfile) : 0;

	return holder > 0 ? holder : 0;
}

/* Whoever came first owns an abstract name: it must be root, or who we are. */
static bool is_trusted(int fd)
{
	struct ucred peer;
	socklen_t n = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 &&
	       (peer.uid == 0 || peer.uid == geteuid());
}

/* Return: 0, -errno, AB_MPATH_E_ABSENT or AB_MPATH_E_STRANGER. */
static int connect_to(const char *name, int *ret_fd)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	size_t n = strlen(name);
	int fd, r = 0;

	if (!ab_copy(addr.sun_path, sizeof(addr.sun_path), name))
		return -ENAMETOOLONG;
	if (name[0] == '@')
		addr.sun_path[0] = '\0';
	else
		n++; /* only a path has its terminator counted */
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	n += offsetof(struct sockaddr_un, sun_path);
	if (connect(fd, (const struct sockaddr *)&addr, (socklen_t)n) < 0)
		r = errno == ECONNREFUSED || errno == ENOENT || errno == ENOTDIR
			    ? AB_MPATH_E_ABSENT
			    : -errno;
	else if (!is_trusted(fd))
		r = AB_MPATH_E_STRANGER;
	if (r) {
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

int ab_mpath_call_open(struct ab_mpath_call *call, const struct ab_mpath_where *where)
{
	const char *pidfile = pidfile_of(where);
	int r;

	assert(call->fd < 0);
	if (*pidfile && lock_holder(pidfile) == 0)
		return AB_MPATH_E_ABSENT;
	if (where->socket)
		return connect_to(where->socket, &call->fd);
	r = connect_to(PATHNAME_SOCKET, &call->fd);
	if (r == AB_MPATH_E_ABSENT)
		r = connect_to(ABSTRACT_SOCKET, &call->fd);
	return r;
}

/* --- asking ----------------------------------------------------------------------- */

static void drop_reply(struct ab_mpath_call *call)
{
	free(call->reply);
	call->reply = NULL;
	call->room = call->n_read = call->size = 0;
}

void ab_mpath_call_ask(struct ab_mpath_call *call, const char *question)
{
	size_t n = strlen(question) + 1;

	assert(call->fd >= 0 && n <= AB_MPATH_QUESTION_MAX);
	drop_reply(call);
	memcpy(call->question, &n, sizeof(n));
	memcpy(call->question + sizeof(n), question, n);
	call->n_question = sizeof(n) + n;
	call->n_sent = 0;
}

static int send_some(struct ab_mpath_call *call)
{
	while (call->n_sent < call->n_question) {
		ssize_t n = send(call->fd, call->question + call->n_sent,
				 call->n_question - call->n_sent,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n >= 0)
			call->n_sent += (size_t)n;
		else if (errno == EAGAIN)
			return AB_MPATH_E_WRITE;
		else if (errno == EPIPE || errno == ECONNRESET)
			return AB_MPATH_E_LOST;
		else if (errno != EINTR)
			return -errno;
	}
	return 0;
}

/* Room for what is announced grows with what really comes. Return: 0 or -ENOMEM. */
static int make_room(struct ab_mpath_call *call, size_t n_have)
{
	size_t room = call->room ? 2 * call->room : CHUNK;
	char *reply;

	if (n_have < call->room)
		return 0;
	if (room > call->size)
		room = call->size;
	reply = realloc(call->reply, room + 1);
	if (!reply)
		return -ENOMEM;
	call->reply = reply;
	call->room = room;
	return 0;
}

/* One read: of the length, or of the text. Return: 0 or as the step. */
static int receive(struct ab_mpath_call *call)
{
	size_t n_have =
		call->n_read - sizeof(call->size); /* when the length is there */
	bool is_text = call->n_read >= sizeof(call->size);
	char *to;
	ssize_t n;
	int r;

	if (is_text) {
		r = make_room(call, n_have);
		if (r)
			return r;
		to = call->reply + n_have;
		n = recv(call->fd, to, call->room - n_have, MSG_DONTWAIT);
	} else {
		to = (char *)&call->size + call->n_read;
		n = recv(call->fd, to, sizeof(call->size) - call->n_read, MSG_DONTWAIT);
	}
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return AB_MPATH_E_LOST;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? AB_MPATH_E_READ : -errno;
	call->n_read += (size_t)n;
	if (!is_text && call->n_read == sizeof(call->size) &&
	    (call->size == 0 || call->size > AB_MPATH_REPLY_MAX))
		return AB_MPATH_E_GARBAGE;
	return 0;
}

static bool is_whole(const struct ab_mpath_call *call)
{
	return call->n_read >= sizeof(call->size) &&
	       call->n_read - sizeof(call->size) == call->size;
}

int ab_mpath_call_step(struct ab_mpath_call *call)
{
	int r;

	assert(call->fd >= 0 && call->n_question > 0);
	r = send_some(call);
	for (int i = 0; i < BUDGET && r == 0 && !is_whole(call); i++)
		r = receive(call);
	if (r)
		return r;
	if (!is_whole(call))
		return AB_MPATH_E_READ;
	call->reply[call->size] = '\0';
	return 0;
}

int ab_mpath_call_run(struct ab_mpath_call *call, uint32_t deadline_ms)
{
	ab_mono deadline = ab_mono_add_ms(ab_clock_now(), deadline_ms);
	int r;

	while ((r = ab_mpath_call_step(call)) == AB_MPATH_E_READ ||
	       r == AB_MPATH_E_WRITE) {
		struct pollfd p = { call->fd, r == AB_MPATH_E_READ ? POLLIN : POLLOUT,
				    0 };
		int64_t left = ab_mono_ms_between(ab_clock_now(), deadline);

		if (left <= 0)
			return AB_MPATH_E_TIMEOUT;
		if (poll(&p, 1, (int)left) < 0 && errno != EINTR)
			return -errno;
	}
	return r;
}

void ab_mpath_call_close(struct ab_mpath_call *call)
{
	drop_reply(call);
	if (call->fd >= 0)
		close(call->fd);
	*call = AB_MPATH_CALL_NONE;
}

const char *ab_mpath_strerror(int code)
{
	switch (code) {
	case AB_MPATH_E_ABSENT:
		return "multipathd does not run";
	case AB_MPATH_E_LOST:
		return "multipathd closed the connection";
	case AB_MPATH_E_GARBAGE:
		return "multipathd gives no usable answer";
	case AB_MPATH_E_TIMEOUT:
		return "multipathd does not answer in time";
	case AB_MPATH_E_STRANGER:
		return "multipathd's socket belongs to another user";
	default:
		return strerror(code < 0 ? -code : EPROTO);
	}
}
