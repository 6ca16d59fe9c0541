/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control socket as its clients meet it: a real server in a process of its own, in
 * a folder of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/clock.h"
#include "io/control.h"
#include "io/control_client.h"

#define NOBODY 65534
#define DEADLINE_MS 20000
#define LONG_ROWS 20000

/* --- the server's process --- */

struct server {
	struct ab_loop *loop;
	struct ab_control *control;
	struct ab_loop_timer *timer;
	struct ab_reply *later;	 /* ended by the timer */
	struct ab_reply *follow; /* ended when its client goes */
	unsigned int n_sent;	 /* rows of the long answer */
	unsigned int n_gone;
};

static void add_row(struct ab_reply *reply, int64_t number)
{
	struct ab_row row;

	ab_row_clear(&row);
	ab_row_text(&row, "port", "ens1f0");
	ab_row_number(&row, "number", number);
	(void)ab_reply_row(reply, &row);
}

static void more_rows(void *arg, struct ab_reply *reply)
{
	struct server *s = arg;

	while (s->n_sent < LONG_ROWS && !ab_reply_is_full(reply))
		add_row(reply, s->n_sent++);
	if (s->n_sent == LONG_ROWS)
		ab_reply_end(reply);
}

static void on_gone(void *arg, struct ab_reply *reply)
{
	struct server *s = arg;

	s->n_gone++;
	/* What a handler does that has not heard yet. */
	add_row(reply, 1);
	ab_reply_end(reply);
	s->follow = NULL;
}

static void give_up(void *arg, struct ab_reply *reply)
{
	(void)arg;
	ab_reply_end(reply);
}

static void on_later(void *arg)
{
	struct server *s = arg;

	add_row(s->later, 7);
	ab_reply_end(s->later);
	s->later = NULL;
}

static void flood(struct ab_reply *reply)
{
	unsigned int i;

	for (i = 0; i < 100000; i++)
		add_row(reply, i);
	ab_reply_end(reply);
}

/* Each method stands for one way of answering. */
static void handle(void *arg, const struct ab_request *req, struct ab_reply *reply)
{
	const char *port = ab_request_get(req, "port");
	struct server *s = arg;

	if (strcmp(req->method, "status") == 0) {
		struct ab_row row;

		ab_row_clear(&row);
		ab_row_text(&row, "row", "head");
		ab_row_text(&row, "port", port ? port : "");
		ab_row_bool(&row, "is_root", req->is_root);
		(void)ab_reply_row(reply, &row);
		ab_reply_end(reply);
	} else if (strcmp(req->method, "nodes") == 0) {
		s->n_sent = 0;
		ab_reply_on_room(reply, more_rows, give_up, s);
	} else if (strcmp(req->method, "ports") == 0) {
		flood(reply);
	} else if (strcmp(req->method, "portals") == 0) {
		add_row(reply, s->n_gone);
		ab_reply_end(reply);
	} else if (strcmp(req->method, "events") == 0) {
		s->follow = reply;
		ab_reply_on_gone(reply, on_gone, s);
		add_row(reply, 1);
	} else if (strcmp(req->method, "reload") == 0 && !s->later) {
		s->later = reply;
		ab_loop_timer_set(s->timer, ab_loop_now(s->loop));
	} else if (strcmp(req->method, "explain") == 0) {
		ab_reply_error(reply, AB_MESSAGE_ERROR_NOT_FOUND,
			       "no port \"\x1b[2J\xff\"");
	} else {
		ab_reply_end(reply);
	}
}

static void serve(const struct ab_control_config *config, int ready)
{
	struct server s = { .n_gone = 0 };
	char c = 'x';

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* Its log would disturb the test's. */
	if (!freopen("/dev/null", "w", stderr) || ab_loop_new(&s.loop) < 0 ||
	    ab_loop_timer_new(s.loop, on_later, &s, &s.timer) < 0 ||
	    ab_control_new(s.loop, config, handle, &s, &s.control) != 0)
		_exit(1);
	if (write(ready, &c, 1) != 1)
		_exit(1);
	close(ready);
	(void)ab_loop_run(s.loop);
	_exit(1);
}

/* --- the test's process --- */

static char dir[64];
static char path[80];
static pid_t server_pid;

static int start_server(const struct ab_control_config *config)
{
	int fds[2];
	char c;
	ssize_t n;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	server_pid = fork();
	if (server_pid == 0) {
		close(fds[0]);
		serve(config, fds[1]);
	}
	close(fds[1]);
	n = read(fds[0], &c, 1);
	close(fds[0]);
	return server_pid > 0 && n == 1 ? 0 : -1;
}

static void stop_server(void)
{
	if (server_pid > 0) {
		kill(server_pid, SIGKILL);
		waitpid(server_pid, NULL, 0);
	}
	server_pid = 0;
}

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "%s/autobind-test-XXXXXX",
		 getenv("TMPDIR") ? getenv("TMPDIR") : P_tmpdir);
	if (!mkdtemp(dir) || chmod(dir, 0755) < 0)
		return -1;
	snprintf(path, sizeof(path), "%s/control", dir);
	return 0;
}

static int remove_dir(void **state)
{
	char lock[96];

	(void)state;
	stop_server();
	snprintf(lock, sizeof(lock), "%s.lock", path);
	unlink(path);
	unlink(lock);
	return rmdir(dir);
}

static int setup(void **state)
{
	struct ab_control_config config = { .path = path,
					    .group = geteuid() ? (gid_t)-1 : NOBODY,
					    .request_ms = 300,
					    .write_ms = 500 };

	return make_dir(state) < 0 ? -1 : start_server(&config);
}

static int connect_client(void)
{
	int fd = -1;

	assert_int_equal(ab_client_connect(path, 0, &fd), 0);
	return fd;
}

/* Everything until the server closes, or until @n NULs came. */
static size_t read_answers(int fd, char *buf, size_t size, unsigned int n)
{
	size_t len = 0;

	while (len < size && n > 0) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t got;

		assert_int_equal(poll(&p, 1, DEADLINE_MS), 1);
		got = read(fd, buf + len, 1);
		if (got <= 0)
			break;
		n -= buf[len] == '\0';
		len++;
	}
	return len;
}

static bool is_closed(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char buf[4096];

	for (;;) {
		if (poll(&p, 1, DEADLINE_MS) != 1)
			return false;
		if (read(fd, buf, sizeof(buf)) <= 0)
			return true;
	}
}

static void send_all(int fd, const char *s, size_t n)
{
	while (n > 0) {
		ssize_t sent = send(fd, s, n, MSG_NOSIGNAL);

		if (sent < 0)
			return; /* closed in our face: what it said is read later */
		s += sent;
		n -= (size_t)sent;
	}
}

struct seen {
	unsigned int n;
	int64_t last, expected;
	bool is_root, in_order;
	char port[256];
};

static int see_row(void *arg, const struct ab_row *row)
{
	const struct ab_cell *number = ab_row_find(row, "number");
	const struct ab_cell *root = ab_row_find(row, "is_root");
	struct seen *s = arg;

	s->last = number ? number->number : 0;
	s->in_order &= s->last == (int64_t)s->n;
	s->is_root = root && root->number;
	snprintf(s->port, sizeof(s->port), "%s", ab_row_get(row, "port"));
	s->n++;
	return 0;
}

struct asked {
	struct ab_request req;
	struct ab_client_answer answer;
	struct seen seen;
	int fd;
};

static int ask(struct asked *a, const char *method, const char *port)
{
	struct ab_client_call call = { .req = &a->req,
				       .deadline_ms = DEADLINE_MS,
				       .fn = see_row,
				       .arg = &a->seen };
	int r;

	memset(&a->seen, 0, sizeof(a->seen));
	a->seen.in_order = true;
	ab_request_init(&a->req, method);
	a->req.is_more = true;
	if (port)
		assert_true(ab_request_add(&a->req, "port", port));
	a->fd = connect_client();
	r = ab_client_call(a->fd, &call, &a->answer);
	close(a->fd);
	return r;
}

/* The server is alive and serves. */
static void assert_serves(void)
{
	struct asked a;

	assert_int_equal(ask(&a, "status", "eth0"), 0);
	assert_string_equal(a.seen.port, "eth0");
}

static void rows_and_parameters_arrive_as_they_were_sent(void **state)
{
	static const char hostile[] = "\"\\\x1b[2J\n\t\x7f\xc2\x85 \xe2\x80\xae{}";
	struct asked a;

	(void)state;
	assert_int_equal(ask(&a, "status", hostile), 0);
	assert_int_equal(a.seen.n, 1);
	assert_string_equal(a.seen.port, hostile);
	assert_int_equal(a.seen.is_root, geteuid() == 0);
}

static void answer_longer_than_the_queue_arrives_whole(void **state)
{
	struct asked a;

	(void)state;
	assert_int_equal(ask(&a, "nodes", NULL), 0);
	assert_int_equal(a.seen.n, LONG_ROWS);
	assert_true(a.seen.in_order);
}

static void answer_may_come_after_the_handler_returned(void **state)
{
	struct asked a;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(ask(&a, "reload", NULL), 0);
	assert_int_equal(a.seen.n, 1);
	assert_int_equal(a.seen.last, 7);
}

static void unknown_method_and_failed_one_say_why(void **state)
{
	struct asked a;

	(void)state;
	assert_int_equal(ask(&a, "selfdestruct", NULL), AB_CLIENT_E_ANSWER);
	assert_int_equal(a.answer.error, AB_MESSAGE_ERROR_NO_METHOD);
	assert_int_equal(ask(&a, "explain", NULL), AB_CLIENT_E_ANSWER);
	assert_int_equal(a.answer.error, AB_MESSAGE_ERROR_NOT_FOUND);
	assert_string_equal(a.answer.message, "no port \"\x1b[2J%FF\"");
}

static void garbage_is_answered_and_closed(void **state)
{
	static const struct {
		const char *what, *bytes;
		size_t n;
	} cases[] = {
#define CASE(what, bytes) { what, bytes, sizeof(bytes) }
		CASE("no JSON", "GET / HTTP/1.1\r\n\r\n"),
		CASE("empty", ""),
		CASE("binary", "\xff\xfe\x01\x02"),
		CASE("array", "[]"),
		CASE("no method", "{}"),
		CASE("method is a number", "{\"method\":1}"),
		CASE("twice", "{\"method\":\"status\",\"method\":\"pause\"}"),
		CASE("parameters is an array", "{\"method\":\"a\",\"parameters\":[]}"),
		CASE("nested", "{\"method\":\"a\",\"parameters\":{\"b\":{}}}"),
		CASE("fraction", "{\"method\":\"a\",\"parameters\":{\"b\":1.5}}"),
		CASE("NUL inside", "{\"method\":\"a\\u0000b\"}"),
		CASE("deep", "{\"method\":[[[[[[[[[[[[]]]]]]]]]]]]}"),
		CASE("behind it", "{\"method\":\"status\"} x"),
	};
	char buf[1024];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int fd = connect_client();
		size_t n;

		send_all(fd, cases[i].bytes, cases[i].n);
		n = read_answers(fd, buf, sizeof(buf) - 1, 2);
		buf[n] = '\0';
		if (!strstr(buf, "\"org.autobind.ParseError\""))
			fail_msg("%s: %s", cases[i].what, buf);
		assert_true(is_closed(fd));
		close(fd);
	}
	assert_serves();
}

static void too_long_request_is_refused(void **state)
{
	static char big[AB_MESSAGE_REQUEST_MAX + 4096];
	char buf[1024] = "";
	int fd = connect_client();

	(void)state;
	memset(big, ' ', sizeof(big));
	send_all(fd, big, sizeof(big));
	read_answers(fd, buf, sizeof(buf) - 1, 1);
	assert_non_null(strstr(buf, "too long"));
	assert_true(is_closed(fd));
	close(fd);
	assert_serves();
}

static void longest_request_is_taken(void **state)
{
	static char big[AB_MESSAGE_REQUEST_MAX];
	static const char req[] = "{\"method\":\"status\",\"more\":true}";
	char buf[1024] = "";
	int fd = connect_client();

	(void)state;
	memset(big, ' ', sizeof(big));
	memcpy(big, req, sizeof(req) - 1);
	big[sizeof(big) - 1] = '\0';
	send_all(fd, big, sizeof(big));
	read_answers(fd, buf, sizeof(buf) - 1, 1);
	assert_non_null(strstr(buf, "\"head\""));
	close(fd);
}

static void several_answers_need_more(void **state)
{
	static const char req[] = "{\"method\":\"status\"}";
	char buf[1024] = "";
	int fd = connect_client();

	(void)state;
	send_all(fd, req, sizeof(req));
	read_answers(fd, buf, sizeof(buf) - 1, 1);
	assert_non_null(strstr(buf, "org.autobind.ExpectedMore"));
	close(fd);
}

static void requests_sent_ahead_are_answered_in_order(void **state)
{
	static const char reqs[] =
		"{\"method\":\"status\",\"more\":true,\"parameters\":{\"port\":1}}\0"
		"{\"method\":\"nothing\",\"more\":false}\0"
		"{\"method\":\"status\",\"more\":true,\"parameters\":{\"port\":true}}";
	char buf[2048] = "";
	int fd = connect_client();
	size_t n, i;

	(void)state;
	send_all(fd, reqs, sizeof(reqs));
	/* It sends no more, but still listens. */
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	n = read_answers(fd, buf, sizeof(buf) - 1, 99);
	for (i = 0; i < n; i++)
		if (!buf[i])
			buf[i] = '\n';
	assert_string_equal(
		buf,
		"{\"parameters\":{\"row\":\"head\",\"port\":\"1\",\"is_root\":true},"
		"\"continues\":true}\n{\"parameters\":{}}\n"
		"{\"error\":\"org.autobind.MethodNotFound\",\"parameters\":{"
		"\"message\":"
		"\"this daemon has no such method: its version may be older\"}}\n"
		"{\"parameters\":{\"row\":\"head\",\"port\":\"true\",\"is_root\":true},"
		"\"continues\":true}\n{\"parameters\":{}}\n");
	close(fd);
}

static void half_a_request_does_not_stay(void **state)
{
	int fd = connect_client();

	(void)state;
	send_all(fd, "{\"method\":", 10);
	assert_serves();
	assert_true(is_closed(fd));
	close(fd);
	assert_serves();
}

static void slow_byte_after_byte_does_not_prolong_it(void **state)
{
	ab_mono start = ab_clock_now();
	int fd = connect_client();
	struct pollfd p = { .fd = fd, .events = POLLIN };

	(void)state;
	/* A blank each 50 ms; the server gives up 300 ms after the first one. */
	do {
		send_all(fd, " ", 1);
		assert_true(ab_clock_now().ns - start.ns < 10 * AB_NSEC_PER_SEC);
	} while (poll(&p, 1, 50) == 0);
	assert_true(is_closed(fd));
	close(fd);
}

static void flood_to_a_client_is_cut_at_the_queue(void **state)
{
	struct asked a;

	(void)state;
	assert_int_equal(ask(&a, "ports", NULL), AB_CLIENT_E_LOST);
	assert_true(a.seen.n < 100000);
	assert_serves();
}

static void client_that_does_not_read_is_dropped(void **state)
{
	static const char req[] = "{\"method\":\"nodes\",\"more\":true}";
	int fd = connect_client();
	struct pollfd p = { .fd = fd, .events = 0 };
	unsigned int n = 0;
	char buf[65536];
	ssize_t got;

	(void)state;
	send_all(fd, req, sizeof(req));
	/* Without reading: until the server hangs up. */
	assert_int_equal(poll(&p, 1, DEADLINE_MS), 1);
	assert_true(p.revents & (POLLHUP | POLLERR));
	while ((got = read(fd, buf, sizeof(buf))) > 0)
		n += (unsigned int)got;
	assert_true(n > 0 && n < LONG_ROWS * 30);
	close(fd);
	assert_serves();
}

static void reply_survives_its_client(void **state)
{
	static const char req[] = "{\"method\":\"events\",\"more\":true}";
	ab_mono start = ab_clock_now();
	char buf[256];
	int fd = connect_client();
	struct asked a;

	(void)state;
	send_all(fd, req, sizeof(req));
	assert_true(read_answers(fd, buf, sizeof(buf), 1) > 0);
	close(fd);
	do {
		assert_int_equal(ask(&a, "portals", NULL), 0);
		assert_true(ab_clock_now().ns - start.ns < 10 * AB_NSEC_PER_SEC);
	} while (a.seen.last != 1);
}

static void client_too_many_is_told_so(void **state)
{
	int fds[AB_CONTROL_CLIENTS], i;
	struct asked a;

	(void)state;
	if (geteuid() != 0)
		skip();
	for (i = 0; i < AB_CONTROL_CLIENTS; i++)
		fds[i] = connect_client();
	assert_int_equal(ask(&a, "status", "x"), AB_CLIENT_E_ANSWER);
	assert_int_equal(a.answer.error, AB_MESSAGE_ERROR_TOO_MANY);
	for (i = 0; i < AB_CONTROL_CLIENTS; i++)
		close(fds[i]);
	/* Their places are free again as soon as the server has seen it. */
	for (i = 0; i < 1000 && ask(&a, "status", "x") != 0; i++)
		continue;
	assert_true(i < 1000);
}

/* Runs @fn as nobody; its result is the exit status. */
static int as_nobody(int (*fn)(void))
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		if (setgroups(0, NULL) < 0 || setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
			_exit(99);
		_exit(fn());
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int quiet_ask(const char *method, struct asked *a)
{
	struct ab_client_call call = { .req = &a->req,
				       .deadline_ms = DEADLINE_MS,
				       .fn = see_row,
				       .arg = &a->seen };
	int r;

	memset(&a->seen, 0, sizeof(a->seen));
	ab_request_init(&a->req, method);
	a->req.is_more = true;
	r = ab_client_connect(path, 0, &a->fd);
	return r ? r : ab_client_call(a->fd, &call, &a->answer);
}

static int nobody_may_only_read(void)
{
	static const char *const changes[] = { "pause", "resume", "apply", "reload" };
	static struct asked a;
	unsigned int i;

	if (quiet_ask("status", &a) != 0 || a.seen.n != 1 || a.seen.is_root)
		return 1;
	for (i = 0; i < 4; i++)
		if (quiet_ask(changes[i], &a) != AB_CLIENT_E_ANSWER ||
		    a.answer.error != AB_MESSAGE_ERROR_DENIED)
			return 2;
	return 0;
}

static void change_by_others_than_root_is_refused(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(as_nobody(nobody_may_only_read), 0);
}

static int crowd_of_nobodies(void)
{
	static struct asked a;
	int fd, i;

	for (i = 0; i < AB_CONTROL_CLIENTS - AB_CONTROL_ROOT_CLIENTS; i++)
		if (ab_client_connect(path, 0, &fd) != 0)
			return 1;
	/* The next one is turned away... */
	if (quiet_ask("status", &a) != AB_CLIENT_E_ANSWER ||
	    a.answer.error != AB_MESSAGE_ERROR_TOO_MANY)
		return 2;
	kill(getpid(), SIGSTOP);
	return 0;
}

static void group_cannot_lock_root_out(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	pid = fork();
	if (pid == 0) {
		if (setgroups(0, NULL) < 0 || setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
			_exit(99);
		_exit(crowd_of_nobodies());
	}
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	/* ... but root is not. */
	assert_serves();
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static int nobody_is_forbidden(void)
{
	int fd;

	return ab_client_connect(path, 0, &fd) == AB_CLIENT_E_FORBIDDEN ? 0 : 1;
}

static void without_a_group_only_root_gets_in(void **state)
{
	struct ab_control_config config = { .path = path, .group = (gid_t)-1 };
	struct stat st;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(start_server(&config), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(as_nobody(nobody_is_forbidden), 0);
	assert_serves();
}

/* --- starting and stopping --- */

static void nothing(void *arg, const struct ab_request *req, struct ab_reply *reply)
{
	(void)arg;
	(void)req;
	ab_reply_end(reply);
}

static void second_daemon_does_not_start(void **state)
{
	struct ab_control_config config = { .path = path, .group = (gid_t)-1 };
	struct ab_control *control = NULL;
	char lock[96];
	struct ab_loop *loop;

	(void)state;
	assert_int_equal(ab_loop_new(&loop), 0);
	assert_int_equal(ab_control_new(loop, &config, nothing, NULL, &control),
			 AB_CONTROL_E_RUNNING);
	/* Not even when somebody tidied up the lock. */
	snprintf(lock, sizeof(lock), "%s.lock", path);
	assert_int_equal(unlink(lock), 0);
	assert_int_equal(ab_control_new(loop, &config, nothing, NULL, &control),
			 AB_CONTROL_E_RUNNING);
	assert_null(control);
	ab_loop_free(loop);
	assert_serves();
}

static void socket_of_a_killed_daemon_is_replaced(void **state)
{
	struct ab_control_config config = { .path = path, .group = (gid_t)-1 };
	struct stat st;

	(void)state;
	stop_server();
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(start_server(&config), 0);
	assert_serves();
}

static void something_else_with_that_name_is_left_alone(void **state)
{
	struct ab_control_config config = { .path = path, .group = (gid_t)-1 };
	struct ab_control *control = NULL;
	struct ab_loop *loop;
	struct stat st;
	int fd;

	(void)state;
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(ab_loop_new(&loop), 0);
	assert_int_equal(ab_control_new(loop, &config, nothing, NULL, &control),
			 AB_CONTROL_E_NOT_SOCKET);
	ab_loop_free(loop);
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISREG(st.st_mode));
}

static void stopping_removes_the_socket_but_no_other(void **state)
{
	struct ab_control_config config = { .path = path, .group = (gid_t)-1 };
	struct ab_control *control;
	struct ab_loop *loop;
	struct stat st;
	int fd;

	(void)state;
	assert_int_equal(ab_loop_new(&loop), 0);
	assert_int_equal(ab_control_new(loop, &config, nothing, NULL, &control), 0);
	ab_control_free(control);
	assert_int_equal(lstat(path, &st), -1);
	assert_int_equal(ab_control_new(loop, &config, nothing, NULL, &control), 0);
	assert_int_equal(unlink(path), 0);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	ab_control_free(control);
	assert_int_equal(lstat(path, &st), 0);
	ab_loop_free(loop);
}

static void path_longer_than_a_socket_name_is_an_error(void **state)
{
	char longer[200];
	struct ab_control_config config = { .path = longer, .group = (gid_t)-1 };
	struct ab_control *control;
	struct ab_loop *loop;
	int fd;

	(void)state;
	memset(longer, 'a', sizeof(longer));
	longer[0] = '/';
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(ab_loop_new(&loop), 0);
	assert_int_equal(ab_control_new(loop, &config, nothing, NULL, &control),
			 -ENAMETOOLONG);
	ab_loop_free(loop);
	assert_int_equal(ab_client_connect(longer, 0, &fd), -ENAMETOOLONG);
}

/* --- the client against bad servers --- */

/* A daemon that hangs accepts nobody: its queue is full, then the client waits. */
static void client_waits_for_a_deaf_daemon_so_long(void **state)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fds[8], n = 0, r, fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_true(fd >= 0);
	assert_true(ab_copy(addr.sun_path, sizeof(addr.sun_path), path));
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 0), 0);
	while ((r = ab_client_connect(path, 100, &fds[n])) == 0)
		assert_true(++n < 8);
	assert_int_equal(r, AB_CLIENT_E_TIMEOUT);
	assert_true(n > 0);
	while (n > 0)
		(void)close(fds[--n]);
	(void)close(fd);
	(void)unlink(path);
}

static int call_over(const char *answer, size_t n, bool is_closed_after)
{
	struct asked a;
	struct ab_client_call call = {
		.req = &a.req, .deadline_ms = 200, .fn = see_row, .arg = &a.seen
	};
	int fds[2], r;

	memset(&a.seen, 0, sizeof(a.seen));
	ab_request_init(&a.req, "status");
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	send_all(fds[1], answer, n);
	if (is_closed_after)
		shutdown(fds[1], SHUT_WR);
	r = ab_client_call(fds[0], &call, &a.answer);
	close(fds[0]);
	close(fds[1]);
	return r;
}

static void client_trusts_no_server(void **state)
{
	static char endless[AB_MESSAGE_REPLY_MAX + 10];
	int fd;

	(void)state;
	memset(endless, 'x', sizeof(endless));
#define OVER(s, closed) call_over(s, sizeof(s), closed)
	assert_int_equal(OVER("{\"parameters\":{}}", false), 0);
	assert_int_equal(OVER("{\"parameters\":{\"a\":1},\"continues\":true}", true),
			 AB_CLIENT_E_LOST);
	assert_int_equal(OVER("{\"parameters\":{\"a\":1},\"continues\":true}", false),
			 AB_CLIENT_E_TIMEOUT);
	assert_int_equal(call_over("", 0, true), AB_CLIENT_E_LOST);
	assert_int_equal(OVER("SSH-2.0-OpenSSH", false), AB_CLIENT_E_GARBAGE);
	assert_int_equal(OVER("{\"parameters\":[]}", false), AB_CLIENT_E_GARBAGE);
	assert_int_equal(OVER("{\"parameters\":{}}\0{}", false), AB_CLIENT_E_GARBAGE);
	assert_int_equal(OVER("{\"error\":\"com.example.New\"}", false),
			 AB_CLIENT_E_ANSWER);
	assert_int_equal(call_over(endless, sizeof(endless), false),
			 AB_CLIENT_E_GARBAGE);
	assert_int_equal(ab_client_connect(path, 0, &fd), AB_CLIENT_E_NO_DAEMON);
}

#define SERVED(fn) cmocka_unit_test_setup_teardown(fn, setup, remove_dir)
#define ALONE(fn) cmocka_unit_test_setup_teardown(fn, make_dir, remove_dir)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		SERVED(rows_and_parameters_arrive_as_they_were_sent),
		SERVED(answer_longer_than_the_queue_arrives_whole),
		SERVED(answer_may_come_after_the_handler_returned),
		SERVED(unknown_method_and_failed_one_say_why),
		SERVED(garbage_is_answered_and_closed),
		SERVED(too_long_request_is_refused),
		SERVED(longest_request_is_taken),
		SERVED(several_answers_need_more),
		SERVED(requests_sent_ahead_are_answered_in_order),
		SERVED(half_a_request_does_not_stay),
		SERVED(slow_byte_after_byte_does_not_prolong_it),
		SERVED(flood_to_a_client_is_cut_at_the_queue),
		SERVED(client_that_does_not_read_is_dropped),
		SERVED(reply_survives_its_client),
		SERVED(client_too_many_is_told_so),
		SERVED(change_by_others_than_root_is_refused),
		SERVED(group_cannot_lock_root_out),
		ALONE(without_a_group_only_root_gets_in),
		SERVED(second_daemon_does_not_start),
		SERVED(socket_of_a_killed_daemon_is_replaced),
		ALONE(something_else_with_that_name_is_left_alone),
		ALONE(stopping_removes_the_socket_but_no_other),
		ALONE(path_longer_than_a_socket_name_is_an_error),
		ALONE(client_trusts_no_server),
		ALONE(client_waits_for_a_deaf_daemon_so_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
