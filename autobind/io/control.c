/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/control.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/file.h"
#include "io/json.h"
#include "io/log.h"
#include "util/text.h"

#define READ_STEP 4096u
#define ACCEPT_PAUSE_MS 1000 /* after EMFILE: descriptors do not come back at once */

struct client {
	struct ab_control *control; /* borrowed; it owns us */
	struct ab_loop_fd *handle;  /* owned */
	int fd;			    /* owned */
	bool is_root;
	bool is_eof;	 /* it will send nothing more */
	bool is_closing; /* goes when its queue is sent */
	bool is_dead;	 /* goes in the next sweep */
	char *in;	 /* owned; bytes of requests not yet carried out */
	size_t in_len, in_size;
	char *out; /* owned; bytes from out_pos to out_len wait */
	size_t out_pos, out_len, out_size;
	struct ab_reply *reply; /* shared with who answers; NULL: none is open */
	ab_mono deadline;	/* for what it has to do next */
};

struct ab_reply {
	struct client *client; /* borrowed; NULL when it is gone */
	ab_reply_fn *on_room, *on_gone;
	void *room_arg, *gone_arg;
};

struct ab_control {
	struct ab_loop *loop; /* borrowed */
	struct ab_control_config config;
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	ab_control_fn *fn;
	void *arg;
	int listen_fd, lock_fd; /* owned */
	dev_t dev;		/* which socket is ours */
	ino_t ino;
	struct ab_loop_fd *listener; /* owned */
	struct ab_loop_timer *timer; /* owned */
	ab_mono accept_again;	     /* NEVER: accepting goes on */
	struct client *clients[AB_CONTROL_CLIENTS];
};

static ab_mono after_ms(const struct ab_control *control, uint32_t ms)
{
	return ab_mono_ns(ab_loop_now(control->loop).ns + ms * AB_NSEC_PER_MSEC);
}

/* --- one timer for everything --- */

static void set_timer(struct ab_control *control)
{
	ab_mono next = control->accept_again;
	unsigned int i;

	for (i = 0; i < AB_CONTROL_CLIENTS; i++) {
		const struct client *c = control->clients[i];

		if (c)
			next = ab_mono_min(next,
					   c->is_dead ? ab_mono_ns(0) : c->deadline);
	}
	ab_loop_timer_set(control->timer, next);
}

/* A reply may be written to from anywhere, so nobody is freed there: only marked. */
static void kill_client(struct client *c)
{
	c->is_dead = true;
	set_timer(c->control);
}

/* What the client has to do next, and until when. */
static void set_deadline(struct client *c)
{
	const struct ab_control_config *config = &c->control->config;

	if (c->out_pos < c->out_len)
		c->deadline = after_ms(c->control, config->write_ms);
	else if (c->reply)
		c->deadline = AB_MONO_NEVER; /* we are the ones to act */
	else if (c->in_len > 0)
		c->deadline = after_ms(c->control, config->request_ms);
	else
		c->deadline = after_ms(c->control, config->idle_ms);
	set_timer(c->control);
}

/* The end of a request that may be carried out now, or NULL. */
static char *request_end(const struct client *c)
{
	if (c->reply || c->is_dead || c->is_closing || c->out_pos < c->out_len)
		return NULL;
	return c->in_len ? memchr(c->in, '\0', c->in_len) : NULL;
}

/* Nothing is left to do for it: it is to go, or sent all it ever will. */
static bool is_done(const struct client *c)
{
	return !c->reply && c->out_pos == c->out_len &&
	       (c->is_closing || (c->is_eof && !request_end(c)));
}

/* What the client has to be woken for. */
static void watch(struct client *c)
{
	unsigned int what = c->is_eof || c->is_closing ? 0 : AB_LOOP_READ;
	const struct ab_reply *reply = c->reply;

	if (c->out_pos < c->out_len || request_end(c) ||
	    (reply && reply->on_room && !ab_reply_is_full(reply)))
		what |= AB_LOOP_WRITE;
	if (is_done(c) || ab_loop_fd_set(c->handle, what) < 0)
		kill_client(c);
}

static void free_client(struct client *c)
{
	struct ab_reply *reply = c->reply;

	ab_loop_fd_free(c->handle);
	if (c->fd >= 0)
		close(c->fd);
	free(c->in);
	free(c->out);
	free(c);
	if (!reply)
		return;
	reply->client = NULL;
	reply->on_room = NULL;
	if (reply->on_gone)
		reply->on_gone(reply->gone_arg, reply);
}

/* Callbacks may end other replies, but never free a client: slots stay valid. */
static void sweep(struct ab_control *control)
{
	unsigned int i;

	for (i = 0; i < AB_CONTROL_CLIENTS; i++) {
		struct client *c = control->clients[i];

		if (c && c->is_dead) {
			control->clients[i] = NULL;
			free_client(c);
		}
	}
	set_timer(control);
}

static void on_timer(void *arg)
{
	struct ab_control *control = arg;
	ab_mono now = ab_loop_now(control->loop);
	unsigned int i;

	if (ab_mono_reached(control->accept_again, now)) {
		control->accept_again = AB_MONO_NEVER;
		(void)ab_loop_fd_set(control->listener, AB_LOOP_READ);
	}
	for (i = 0; i < AB_CONTROL_CLIENTS; i++) {
		struct client *c = control->clients[i];

		if (!c || c->is_dead || !ab_mono_reached(c->deadline, now))
			continue;
		if (c->out_pos < c->out_len || c->in_len > 0)
			ab_log_info("control",
				    c->out_pos < c->out_len
					    ? "a client does not read: dropped"
					    : "half a request: client dropped");
		c->is_dead = true;
	}
	sweep(control);
}

/* --- writing --- */

/* Queues @text, which it frees, and its NUL. */
static void queue(struct client *c, char *text)
{
	size_t n = strlen(text) + 1, waiting = c->out_len - c->out_pos;

	if (c->is_dead)
		goto out;
	if (waiting + n > AB_CONTROL_QUEUE_MAX) {
		ab_log_info("control", "a client's queue is full: dropped");
		kill_client(c);
		goto out;
	}
	if (c->out_len + n > c->out_size) {
		size_t size = (waiting + n) * 2;
		char *out = malloc(size);

		if (!out) {
			kill_client(c);
			goto out;
		}
		if (waiting)
			memcpy(out, c->out + c->out_pos, waiting);
		free(c->out);
		c->out = out;
		c->out_size = size;
		c->out_pos = 0;
		c->out_len = waiting;
	}
	memcpy(c->out + c->out_len, text, n);
	c->out_len += n;
	if (!waiting) {
		set_deadline(c);
		watch(c);
	}
out:
	free(text);
}

/* @r is the result of the encoder that made @text. */
static void queue_encoded(struct client *c, int r, char *text)
{
	if (r < 0)
		kill_client(c);
	else
		queue(c, text);
}

static void queue_error(struct client *c, enum ab_message_error error,
			const char *message)
{
	char *text = NULL;
	int r = ab_json_encode_error(error, message, &text);

	queue_encoded(c, r, text);
}

static void flush(struct client *c)
{
	ssize_t n;

	if (c->out_pos == c->out_len)
		return;
	n = send(c->fd, c->out + c->out_pos, c->out_len - c->out_pos,
		 MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			c->is_dead = true;
		return;
	}
	c->out_pos += (size_t)n;
	if (c->out_pos == c->out_len) {
		/* A long answer is rare; its memory is not kept for the next. */
		free(c->out);
		c->out = NULL;
		c->out_pos = c->out_len = c->out_size = 0;
	}
	set_deadline(c);
}

bool ab_reply_row(struct ab_reply *reply, const struct ab_row *row)
{
	struct client *c = reply->client;
	char *text = NULL;
	int r;

	if (!c || c->is_dead)
		return false;
	r = ab_json_encode_answer(row, &text);
	queue_encoded(c, r, text);
	return !c->is_dead;
}

/* The answer is complete: the client may ask again. */
static void release(struct ab_reply *reply)
{
	struct client *c = reply->client;

	if (c) {
		c->reply = NULL;
		set_deadline(c);
		watch(c);
	}
	free(reply);
}

void ab_reply_end(struct ab_reply *reply)
{
	struct client *c = reply->client;
	char *text = NULL;
	int r;

	if (c && !c->is_dead) {
		r = ab_json_encode_end(&text);
		queue_encoded(c, r, text);
	}
	release(reply);
}

void ab_reply_error(struct ab_reply *reply, enum ab_message_error error,
		    const char *message)
{
	struct client *c = reply->client;

	assert(error > AB_MESSAGE_ERROR_NONE && error < AB_MESSAGE_ERROR_MAX);
	if (c && !c->is_dead)
		queue_error(c, error, message);
	release(reply);
}

bool ab_reply_is_full(const struct ab_reply *reply)
{
	const struct client *c = reply->client;

	return !c || c->is_dead || c->out_len - c->out_pos >= AB_CONTROL_QUEUE_MAX / 4;
}

void ab_reply_on_room(struct ab_reply *reply, ab_reply_fn *fn, ab_reply_fn *gone,
		      void *arg)
{
	assert(!fn || gone);
	reply->on_room = fn;
	reply->room_arg = arg;
	ab_reply_on_gone(reply, gone, arg);
	if (reply->client)
		watch(reply->client);
}

void ab_reply_on_gone(struct ab_reply *reply, ab_reply_fn *fn, void *arg)
{
	reply->on_gone = fn;
	reply->gone_arg = arg;
}

/* --- reading --- */

static void dispatch(struct client *c, struct ab_request *req)
{
	struct ab_control *control = c->control;
	const struct ab_method *method = ab_message_method(req->method);
	struct ab_reply *reply;

	if (!method) {
		queue_error(c, AB_MESSAGE_ERROR_NO_METHOD,
			    "this daemon has no such method: its version may be older");
		return;
	}
	if (method->is_change && !c->is_root) {
		queue_error(c, AB_MESSAGE_ERROR_DENIED,
			    "only root may change anything");
		return;
	}
	if (!req->is_more) {
		queue_error(c, AB_MESSAGE_ERROR_EXPECTED_MORE,
			    "there may be several answers: ask with \"more\":true");
		return;
	}
	reply = calloc(1, sizeof(*reply));
	if (!reply) {
		kill_client(c);
		return;
	}
	reply->client = c;
	req->is_root = c->is_root;
	c->reply = reply;
	set_deadline(c);
	control->fn(control->arg, req, reply);
}

/* The first request in the buffer, when the one before is answered completely. */
static void next_request(struct client *c)
{
	const char *end = request_end(c);
	struct ab_request req;
	size_t n;
	int r;

	if (!end)
		return;
	n = (size_t)(end - c->in);
	r = ab_json_decode_request(c->in, n, &req);
	c->in_len -= n + 1;
	memmove(c->in, end + 1, c->in_len);
	if (r == 0) {
		dispatch(c, &req);
	} else {
		/* Where the next request starts is a guess after garbage. */
		c->is_closing = true;
		queue_error(
			c, AB_MESSAGE_ERROR_PARSE,
			r == AB_JSON_E_SYNTAX
				? "not a JSON object, or a member occurs twice"
				: "not a request, or a parameter is no single value or "
				  "too long");
	}
}

/* A client may have closed both directions, or only its own: then it still listens. */
static bool is_hung_up(int fd)
{
	struct pollfd p = { .fd = fd };

	return poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR));
}

static void take_input(struct client *c)
{
	bool had_none = c->in_len == 0;
	ssize_t n;

	if (c->in_size - c->in_len < READ_STEP) {
		char *in = realloc(c->in, c->in_size + READ_STEP);

		if (!in) {
			c->is_dead = true;
			return;
		}
		c->in = in;
		c->in_size += READ_STEP;
	}
	n = recv(c->fd, c->in + c->in_len, c->in_size - c->in_len, MSG_DONTWAIT);
	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			c->is_dead = true;
		return;
	}
	if (n == 0) {
		c->is_eof = true;
		if (is_hung_up(c->fd))
			c->is_dead = true;
		return;
	}
	c->in_len += (size_t)n;
	if (c->in_len > AB_MESSAGE_REQUEST_MAX) {
		/* One request that is too long, or many sent ahead of their answers. */
		c->is_closing = true;
		if (c->reply)
			c->is_dead = true;
		else
			queue_error(c, AB_MESSAGE_ERROR_PARSE, "a request is too long");
		return;
	}
	if (had_none)
		set_deadline(c);
}

static void on_client(void *arg, unsigned int ready)
{
	struct client *c = arg;
	struct ab_control *control = c->control;

	if (!c->is_dead && (ready & AB_LOOP_WRITE))
		flush(c);
	if (!c->is_dead && (ready & AB_LOOP_READ))
		take_input(c);
	if (!c->is_dead && c->reply && c->reply->on_room && !ab_reply_is_full(c->reply))
		c->reply->on_room(c->reply->room_arg, c->reply);
	next_request(c);
	if (!c->is_dead)
		watch(c);
	sweep(control);
}

/* --- accepting --- */

/* A free slot for such a client, or -1. */
static int find_slot(const struct ab_control *control, bool is_root)
{
	unsigned int used = 0, i;
	int slot = -1;

	for (i = 0; i < AB_CONTROL_CLIENTS; i++) {
		if (control->clients[i])
			used++;
		else
			slot = (int)i;
	}
	if (!is_root && used >= AB_CONTROL_CLIENTS - AB_CONTROL_ROOT_CLIENTS)
		return -1;
	return slot;
}

/* The words why there is no place; nobody waits for them to be read. */
static void turn_away(int fd)
{
	char *text = NULL;

	if (ab_json_encode_error(AB_MESSAGE_ERROR_TOO_MANY,
				 "too many programs are connected: try again later",
				 &text) == 0)
		(void)send(fd, text, strlen(text) + 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	free(text);
	close(fd);
}

/* Takes @fd. */
static void add_client(struct ab_control *control, int fd)
{
	struct ucred cred = { .uid = (uid_t)-1 };
	socklen_t len = sizeof(cred);
	struct client *c;
	int slot;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0) {
		close(fd);
		return;
	}
	slot = find_slot(control, cred.uid == 0);
	if (slot < 0) {
		turn_away(fd);
		return;
	}
	c = calloc(1, sizeof(*c));
	if (!c) {
		close(fd);
		return;
	}
	c->control = control;
	c->fd = fd;
	c->is_root = cred.uid == 0;
	c->deadline = AB_MONO_NEVER;
	if (ab_loop_fd_new(control->loop, fd, AB_LOOP_READ, on_client, c, &c->handle) <
	    0) {
		free_client(c);
		return;
	}
	control->clients[slot] = c;
	set_deadline(c);
}

static void on_listener(void *arg, unsigned int ready)
{
	struct ab_control *control = arg;
	int fd = accept4(control->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)ready;
	if (fd >= 0) {
		add_client(control, fd);
		return;
	}
	if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
		ab_log_warn("control", "cannot accept a client, trying again in 1 s");
		(void)ab_loop_fd_set(control->listener, 0);
		control->accept_again = after_ms(control, ACCEPT_PAUSE_MS);
		set_timer(control);
	}
}

/* --- the socket --- */

static int take_lock(struct ab_control *control)
{
	char path[sizeof(control->path) + sizeof(".lock")];

	snprintf(path, sizeof(path), "%s.lock", control->path);
	control->lock_fd = open(
		path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (control->lock_fd < 0)
		return -errno;
	if (flock(control->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	return errno == EWOULDBLOCK ? AB_CONTROL_E_RUNNING : -errno;
}

/* The lock is ours; but its file may have been removed under a running daemon. */
static int remove_stale(const struct ab_control *control,
			const struct sockaddr_un *addr)
{
	struct stat st;
	int fd, r;

	if (lstat(control->path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return AB_CONTROL_E_NOT_SOCKET;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	r = connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0 ? errno : 0;
	close(fd);
	if (r == 0 || r == EAGAIN) /* EAGAIN: it listens, but is behind */
		return AB_CONTROL_E_RUNNING;
	if (r == ECONNREFUSED)
		r = unlink(control->path) < 0 ? errno : 0;
	return r == ENOENT ? 0 : -r;
}

static int bind_socket(struct ab_control *control, const struct sockaddr_un *addr)
{
	mode_t old = umask(0177);
	struct stat st;
	int r;

	control->listen_fd =
		socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	r = control->listen_fd < 0 ? -errno : 0;
	if (!r &&
	    bind(control->listen_fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0)
		r = -errno;
	umask(old);
	if (r)
		return r;
	if (lstat(control->path, &st) < 0)
		return -errno;
	control->dev = st.st_dev;
	control->ino = st.st_ino;
	if (control->config.group != (gid_t)-1 &&
	    (chown(control->path, (uid_t)-1, control->config.group) < 0 ||
	     chmod(control->path, 0660) < 0))
		return -errno;
	return listen(control->listen_fd, AB_CONTROL_CLIENTS) < 0 ? -errno : 0;
}

static int open_socket(struct ab_control *control)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char dir[sizeof(control->path)];
	char *slash;
	int r;

	(void)ab_copy(addr.sun_path, sizeof(addr.sun_path), control->path);
	(void)ab_copy(dir, sizeof(dir), control->path);
	slash = strrchr(dir, '/');
	if (slash && slash != dir) {
		*slash = '\0';
		r = ab_file_make_dirs(AT_FDCWD, dir, 0755);
		if (r < 0)
			return r;
	}
	r = take_lock(control);
	if (r)
		return r;
	r = remove_stale(control, &addr);
	if (r)
		return r;
	return bind_socket(control, &addr);
}

static void set_defaults(struct ab_control_config *config)
{
	if (!config->request_ms)
		config->request_ms = 5000;
	if (!config->idle_ms)
		config->idle_ms = 60000;
	if (!config->write_ms)
		config->write_ms = 10000;
}

int ab_control_new(struct ab_loop *loop, const struct ab_control_config *config,
		   ab_control_fn *fn, void *arg, struct ab_control **ret_control)
{
	struct ab_control *control = calloc(1, sizeof(*control));
	int r;

	if (!control)
		return -ENOMEM;
	control->loop = loop;
	control->config = *config;
	control->fn = fn;
	control->arg = arg;
	control->listen_fd = control->lock_fd = -1;
	control->accept_again = AB_MONO_NEVER;
	set_defaults(&control->config);
	r = ab_copy(control->path, sizeof(control->path), config->path) ? 0
									: -ENAMETOOLONG;
	control->config.path = control->path;
	if (!r)
		r = ab_loop_timer_new(loop, on_timer, control, &control->timer);
	if (!r)
		r = open_socket(control);
	if (!r)
		r = ab_loop_fd_new(loop, control->listen_fd, AB_LOOP_READ, on_listener,
				   control, &control->listener);
	if (r) {
		ab_control_free(control);
		return r;
	}
	*ret_control = control;
	return 0;
}

struct ab_control *ab_control_free(struct ab_control *control)
{
	struct stat st;
	unsigned int i;

	if (!control)
		return NULL;
	for (i = 0; i < AB_CONTROL_CLIENTS; i++) {
		struct client *c = control->clients[i];

		control->clients[i] = NULL;
		if (!c)
			continue;
		/* The last words, if they can be taken at once. */
		if (!c->is_dead)
			flush(c);
		free_client(c);
	}
	ab_loop_fd_free(control->listener);
	ab_loop_timer_free(control->timer);
	/* Only our own: an administrator may have put something else there. */
	if (control->ino && lstat(control->path, &st) == 0 &&
	    st.st_dev == control->dev && st.st_ino == control->ino)
		unlink(control->path);
	if (control->listen_fd >= 0)
		close(control->listen_fd);
	if (control->lock_fd >= 0)
		close(control->lock_fd);
	free(control);
	return NULL;
}
