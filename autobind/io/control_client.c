/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/control_client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/clock.h"
#include "io/json.h"
#include "util/mono.h"
#include "util/text.h"

struct receiver {
	const struct ab_client_call *call;
	struct ab_json_names names;
	struct ab_json_reply reply;
	size_t pos, len; /* bytes from pos to len are not yet looked at */
	char buf[AB_MESSAGE_REPLY_MAX];
};

static int connect_error(int error)
{
	switch (error) {
	case ENOENT:
	case ECONNREFUSED:
	case ENOTDIR:
		return AB_CLIENT_E_NO_DAEMON;
	case EACCES:
	case EPERM:
		return AB_CLIENT_E_FORBIDDEN;
	case EAGAIN: /* SO_SNDTIMEO: its queue of connections stayed full */
		return AB_CLIENT_E_TIMEOUT;
	case EINTR:
		return AB_CLIENT_E_INTERRUPTED;
	default:
		return -error;
	}
}

int ab_client_connect(const char *path, uint32_t deadline_ms, int *ret_fd)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct timeval limit = { .tv_sec = deadline_ms / 1000,
				 .tv_usec = deadline_ms % 1000 * 1000 };
	int fd, r;

	if (!ab_copy(addr.sun_path, sizeof(addr.sun_path), path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0 ||
	    connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0) {
		r = errno;
		close(fd);
		return connect_error(r);
	}
	*ret_fd = fd;
	return 0;
}

static ab_mono deadline_of(uint32_t ms)
{
	if (!ms)
		return AB_MONO_NEVER;
	return ab_mono_ns(ab_clock_now().ns + ms * AB_NSEC_PER_MSEC);
}

/* Return: 0, -errno, AB_CLIENT_E_TIMEOUT or AB_CLIENT_E_INTERRUPTED. */
static int wait_for(int fd, short what, ab_mono deadline)
{
	struct pollfd p = { .fd = fd, .events = what };
	struct timespec left;
	int64_t ns;
	int r;

	if (ab_mono_is_never(deadline)) {
		r = poll(&p, 1, -1);
	} else {
		ns = deadline.ns - ab_clock_now().ns;
		if (ns <= 0)
			return AB_CLIENT_E_TIMEOUT;
		left.tv_sec = ns / AB_NSEC_PER_SEC;
		left.tv_nsec = ns % AB_NSEC_PER_SEC;
		r = ppoll(&p, 1, &left, NULL);
	}
	if (r < 0)
		return errno == EINTR ? AB_CLIENT_E_INTERRUPTED : -errno;
	return r == 0 ? AB_CLIENT_E_TIMEOUT : 0;
}

static int send_request(int fd, const struct ab_client_call *call)
{
	ab_mono deadline = deadline_of(call->deadline_ms);
	char *text = NULL;
	size_t n, done = 0;
	int r;

	r = ab_json_encode_request(call->req, &text);
	if (r < 0)
		return r;
	n = strlen(text) + 1;
	while (done < n && r == 0) {
		ssize_t sent =
			send(fd, text + done, n - done, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent >= 0)
			done += (size_t)sent;
		else if (errno == EAGAIN)
			r = wait_for(fd, POLLOUT, deadline);
		else if (errno == EPIPE || errno == ECONNRESET)
			break; /* it may have said why before it went */
		else
			r = -errno;
	}
	free(text);
	return r;
}

/* One message of @n bytes; *ret_done: it was the last. */
static int take_message(struct receiver *rx, size_t n, bool *ret_done,
			struct ab_client_answer *ret_answer)
{
	struct ab_json_reply *reply = &rx->reply;

	if (ab_json_decode_reply(rx->buf + rx->pos, n, &rx->names, reply))
		return AB_CLIENT_E_GARBAGE;
	*ret_done = reply->is_last;
	if (reply->error) {
		ret_answer->error = reply->error;
		(void)ab_copy(ret_answer->message, sizeof(ret_answer->message),
			      reply->message); /* of equal size */
		return AB_CLIENT_E_ANSWER;
	}
	if (!reply->is_last && rx->call->fn(rx->call->arg, &reply->row))
		return AB_CLIENT_E_INTERRUPTED;
	return 0;
}

/* Return: 0 when more bytes came, -errno, AB_CLIENT_E_*. */
static int receive(struct receiver *rx, int fd, ab_mono deadline)
{
	ssize_t n;
	int r;

	if (rx->pos > 0) {
		rx->len -= rx->pos;
		memmove(rx->buf, rx->buf + rx->pos, rx->len);
		rx->pos = 0;
	}
	if (rx->len == sizeof(rx->buf))
		return AB_CLIENT_E_GARBAGE; /* no message of ours is that long */
	r = wait_for(fd, POLLIN, deadline);
	if (r)
		return r;
	n = recv(fd, rx->buf + rx->len, sizeof(rx->buf) - rx->len, MSG_DONTWAIT);
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return AB_CLIENT_E_LOST;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	rx->len += (size_t)n;
	return 0;
}

static int receive_all(struct receiver *rx, int fd, struct ab_client_answer *ret_answer)
{
	ab_mono deadline = deadline_of(rx->call->deadline_ms);
	bool is_done = false;
	int r = 0;

	while (!is_done && r == 0) {
		const char *start = rx->buf + rx->pos;
		const char *end = memchr(start, '\0', rx->len - rx->pos);

		if (!end) {
			r = receive(rx, fd, deadline);
			continue;
		}
		r = take_message(rx, (size_t)(end - start), &is_done, ret_answer);
		rx->pos += (size_t)(end - start) + 1;
		deadline = deadline_of(rx->call->deadline_ms);
	}
	/* Whatever follows the last answer was not asked for. */
	if ((r == 0 || r == AB_CLIENT_E_ANSWER) && rx->pos < rx->len)
		r = AB_CLIENT_E_GARBAGE;
	return r;
}

int ab_client_call(int fd, const struct ab_client_call *call,
		   struct ab_client_answer *ret_answer)
{
	struct receiver *rx;
	int r;

	r = send_request(fd, call);
	if (r)
		return r;
	rx = calloc(1, sizeof(*rx));
	if (!rx)
		return -ENOMEM;
	rx->call = call;
	r = receive_all(rx, fd, ret_answer);
	free(rx);
	return r;
}
