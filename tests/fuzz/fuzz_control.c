/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes to the control socket: framing, requests, answers, hanging up.
 *
 * The input goes over a real socket to a real server in this process. The first byte
 * says how the client behaves; each run ends when the server has closed the connection.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "io/control.h"
#include "io/control_client.h"

#define STEP_MAX 16000 /* fits into the socket's buffer: nobody waits */

static char path[80];
static struct ab_loop *loop;
static struct ab_control *control;
static struct ab_loop_timer *timer;
static struct ab_reply *waiting;
static unsigned int n_batches;

/* What the one client of a run does. */
static struct client {
	int fd;
	struct ab_loop_fd *handle;
	const uint8_t *data;
	size_t n;
	unsigned int step;
	int hangs_up;
} client;

static void clean_up(void)
{
	char lock[96];

	control = ab_control_free(control);
	snprintf(lock, sizeof(lock), "%s.lock", path);
	unlink(lock);
	*strrchr(path, '/') = '\0';
	rmdir(path);
}

static void answer(struct ab_reply *reply, const struct ab_request *req)
{
	struct ab_row row;
	uint32_t i;

	ab_row_clear(&row);
	for (i = 0; i < req->n_params; i++)
		ab_row_foreign(&row, "value", req->params[i].value);
	(void)ab_reply_row(reply, &row);
}

static void batch(void *arg, struct ab_reply *reply)
{
	struct ab_row row;
	unsigned int i;

	(void)arg;
	ab_row_clear(&row);
	ab_row_text(&row, "port", "eth0");
	for (i = 0; i < 8 && !ab_reply_is_full(reply); i++)
		(void)ab_reply_row(reply, &row);
	if (++n_batches % 3 == 0)
		ab_reply_end(reply);
}

static void give_up(void *arg, struct ab_reply *reply)
{
	(void)arg;
	ab_reply_end(reply);
}

static void on_timer(void *arg)
{
	struct ab_reply *reply = waiting;

	(void)arg;
	waiting = NULL;
	if (reply)
		ab_reply_end(reply);
}

static void handle(void *arg, const struct ab_request *req, struct ab_reply *reply)
{
	(void)arg;
	if (strcmp(req->method, "nodes") == 0) {
		ab_reply_on_room(reply, batch, give_up, NULL);
	} else if (strcmp(req->method, "reload") == 0 && !waiting) {
		waiting = reply;
		ab_loop_timer_set(timer, ab_loop_now(loop));
	} else if (strcmp(req->method, "explain") == 0) {
		ab_reply_error(reply, AB_MESSAGE_ERROR_NOT_FOUND,
			       req->n_params ? req->params[0].value : "none");
	} else {
		answer(reply, req);
		ab_reply_end(reply);
	}
}

static void finish(struct client *c)
{
	ab_loop_fd_free(c->handle);
	close(c->fd);
	c->fd = -1;
	ab_loop_stop(loop);
}

static void on_client(void *arg, unsigned int ready)
{
	struct client *c = arg;
	char buf[65536];

	if (ready & AB_LOOP_READ) {
		ssize_t got = recv(c->fd, buf, sizeof(buf), MSG_DONTWAIT);

		if (got == 0 || (got < 0 && errno != EAGAIN)) {
			finish(c);
			return;
		}
	}
	if (ready & AB_LOOP_WRITE) {
		size_t n = c->n < c->step ? c->n : c->step;
		ssize_t sent = send(c->fd, c->data, n, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent > 0) {
			c->data += sent;
			c->n -= (size_t)sent;
		}
		if (c->n > 0 && (sent >= 0 || errno == EAGAIN))
			return;
		if (c->hangs_up) {
			finish(c);
			return;
		}
		shutdown(c->fd, SHUT_WR);
		(void)ab_loop_fd_set(c->handle, AB_LOOP_READ);
	}
}

static void start(void)
{
	struct ab_control_config config = { .path = path, .group = (gid_t)-1 };
	const char *tmp = getenv("TMPDIR");

	snprintf(path, sizeof(path), "%s/autobind-fuzz-XXXXXX", tmp ? tmp : P_tmpdir);
	if (!mkdtemp(path))
		abort();
	strcat(path, "/control");
	atexit(clean_up);
	if (ab_loop_new(&loop) < 0 ||
	    ab_loop_timer_new(loop, on_timer, NULL, &timer) < 0 ||
	    ab_control_new(loop, &config, handle, NULL, &control) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (!loop)
		start();
	if (n < 1)
		return 0;
	client = (struct client){ .data = data + 1,
				  .n = n - 1,
				  .step = data[0] & 1 ? STEP_MAX : 1 + (data[0] >> 2),
				  .hangs_up = data[0] & 2 };
	if (ab_client_connect(path, 0, &client.fd) != 0)
		abort();
	if (ab_loop_fd_new(loop, client.fd, AB_LOOP_READ | AB_LOOP_WRITE, on_client,
			   &client, &client.handle) < 0)
		abort();
	if (ab_loop_run(loop) < 0)
		abort();
	return 0;
}
