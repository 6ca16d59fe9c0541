/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The client of multipathd against one of our own that speaks its protocol, well and
 * badly, in the same loop. */
#include "ab_test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/loop.h"
#include "io/mpath.h"

#define PATIENCE_MS 20000
#define CLIENTS_MAX 8

/* As multipathd 0.9.4 writes them (libmultipath/print.c). */
#define CONFIG(find)                                                                   \
	"defaults {\n\tverbosity 2\n\tpolling_interval 5\n\tmax_polling_interval 20\n" \
	"\tfind_multipaths \"" find "\"\n\tuxsock_timeout 4000\n}\n"                   \
	"blacklist {\n\tdevnode \"!^(sd[a-z]|dasd[a-z]|nvme[0-9])\"\n}\n"

#define ACTIVE "active\trunning\tready\tnormal\t"
#define WWID "360000000000000000e00000000010001"
#define PATHS                                                                          \
	"8:16\t" ACTIVE WWID "\tmpatha\n"                                              \
	"8:32\tfailed\trunning\tfaulty\tnormal\t" WWID "\tmpatha\n"                    \
	"8:48\tundef\tunknown\tundef\tnormal\tother\t[orphan]\n"

enum manner {
	WELL,
	SILENT, /* reads, never answers */
	HUGE_SIZE,
	NO_SIZE,
	SHORT,	  /* closes in the middle of its answer */
	DRIBBLE,  /* one byte, then the rest */
	STARTING, /* answers "timeout" to everything */
};

struct client {
	struct fixture *f;
	int fd;
	struct ab_loop_fd *handle;
	char in[512];
	size_t n_in;
	char *rest; /* owned; of the answer, when it dribbles */
	size_t n_rest;
};

struct fixture {
	struct ab_loop *loop;
	struct ab_loop_timer *timer;
	bool is_late;
	char name[64];
	int listener; /* -1: multipathd does not run */
	struct ab_loop_fd *handle;
	struct client clients[CLIENTS_MAX];

	enum manner manner;
	const char *config, *paths;
	unsigned int n_config; /* questions */
	char verb[64];
	const char *verb_reply;

	struct ab_mpath *mpath;
	struct ab_event events[16];
	unsigned int n_events, n_wanted;
	unsigned int n_config_wanted; /* 0: none */
	int verb_result, n_verbs;
};

/* --- the other side --------------------------------------------------------------- */

static void client_close(struct client *c)
{
	c->handle = ab_loop_fd_free(c->handle);
	close(c->fd);
	c->fd = -1;
	free(c->rest);
	c->rest = NULL;
}

static void send_all(struct client *c, const char *data, size_t n)
{
	assert_int_equal(send(c->fd, data, n, MSG_NOSIGNAL), n);
}

static void answer(struct client *c, const char *text)
{
	size_t n = strlen(text) + 1, announced = n;
	char *message = malloc(sizeof(n) + n);

	if (c->f->manner == HUGE_SIZE)
		announced = (size_t)1 << 60;
	if (c->f->manner == NO_SIZE)
		announced = 0;
	assert_non_null(message);
	memcpy(message, &announced, sizeof(n));
	memcpy(message + sizeof(n), text, n);
	n += sizeof(n);
	if (c->f->manner == DRIBBLE) {
		send_all(c, message, 1);
		c->rest = message;
		c->n_rest = n;
		assert_int_equal(
			ab_loop_fd_set(c->handle, AB_LOOP_READ | AB_LOOP_WRITE), 0);
		return;
	}
	send_all(c, message, c->f->manner == SHORT ? n / 2 : n);
	free(message);
	if (c->f->manner == SHORT)
		client_close(c);
}

static void on_question(struct client *c, const char *question)
{
	struct fixture *f = c->f;

	if (!strcmp(question, AB_MPATH_ASK_CONFIG)) {
		f->n_config++;
		if (f->n_config_wanted && f->n_config >= f->n_config_wanted)
			ab_loop_stop(f->loop);
	}
	if (f->manner == SILENT)
		return;
	if (f->manner == STARTING) {
		answer(c, "timeout\n");
	} else if (!strcmp(question, AB_MPATH_ASK_CONFIG)) {
		answer(c, f->config);
	} else if (!strcmp(question, AB_MPATH_ASK_PATHS)) {
		answer(c, f->paths);
	} else {
		snprintf(f->verb, sizeof(f->verb), "%s", question);
		answer(c, f->verb_reply);
	}
}

static void on_client(void *arg, unsigned int ready)
{
	struct client *c = arg;
	size_t size;
	ssize_t n;

	if ((ready & AB_LOOP_WRITE) && c->rest) {
		send_all(c, c->rest + 1, c->n_rest - 1);
		free(c->rest);
		c->rest = NULL;
		assert_int_equal(ab_loop_fd_set(c->handle, AB_LOOP_READ), 0);
	}
	if (!(ready & AB_LOOP_READ))
		return;
	n = recv(c->fd, c->in + c->n_in, sizeof(c->in) - c->n_in, MSG_DONTWAIT);
	if (n <= 0) {
		client_close(c);
		return;
	}
	c->n_in += (size_t)n;
	if (c->n_in < sizeof(size))
		return;
	memcpy(&size, c->in, sizeof(size));
	assert_in_range(size, 1, sizeof(c->in) - sizeof(size));
	if (c->n_in < sizeof(size) + size)
		return;
	assert_int_equal(c->n_in, sizeof(size) + size); /* it waits for its answer */
	assert_int_equal(c->in[c->n_in - 1], '\0');
	c->n_in = 0;
	on_question(c, c->in + sizeof(size));
}

static void on_connection(void *arg, unsigned int ready)
{
	struct fixture *f = arg;
	struct client *c = f->clients;

	(void)ready;
	while (c->fd >= 0)
		c++;
	assert_true(c < f->clients + CLIENTS_MAX);
	c->f = f;
	c->n_in = 0;
	c->fd = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(c->fd >= 0);
	assert_int_equal(
		ab_loop_fd_new(f->loop, c->fd, AB_LOOP_READ, on_client, c, &c->handle),
		0);
}

static int listen_on(const char *name)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	size_t n = strlen(name);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(addr.sun_path, name, n);
	addr.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (struct sockaddr *)&addr,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)),
			 0);
	assert_int_equal(listen(fd, 8), 0);
	return fd;
}

static void come(struct fixture *f)
{
	f->listener = listen_on(f->name);
	assert_int_equal(ab_loop_fd_new(f->loop, f->listener, AB_LOOP_READ,
					on_connection, f, &f->handle),
			 0);
}

static void go(struct fixture *f)
{
	f->handle = ab_loop_fd_free(f->handle);
	if (f->listener >= 0)
		close(f->listener);
	f->listener = -1;
	for (unsigned int i = 0; i < CLIENTS_MAX; i++)
		if (f->clients[i].fd >= 0)
			client_close(&f->clients[i]);
}

/* --- this side -------------------------------------------------------------------- */

static void on_event(void *arg, const struct ab_event *ev)
{
	struct fixture *f = arg;

	assert_true(f->n_events < AB_COUNT(f->events));
	f->events[f->n_events++] = *ev;
	if (f->n_events == f->n_wanted)
		ab_loop_stop(f->loop);
}

static void on_timer(void *arg)
{
	struct fixture *f = arg;

	f->is_late = true;
	ab_loop_stop(f->loop);
}

static void run_loop(struct fixture *f)
{
	f->is_late = false;
	ab_loop_timer_set(f->timer, ab_mono_add_ms(ab_loop_now(f->loop), PATIENCE_MS));
	assert_int_equal(ab_loop_run(f->loop), 0);
	assert_false(f->is_late);
}

/* Until so many events were told in all. */
static void run_events(struct fixture *f, unsigned int n_wanted)
{
	f->n_wanted = n_wanted;
	if (f->n_events < n_wanted)
		run_loop(f);
	assert_int_equal(f->n_events, n_wanted);
}

/* Until the configuration was asked for so many times more. */
static void run_rounds(struct fixture *f, unsigned int n)
{
	f->n_wanted = 0;
	f->n_config_wanted = f->n_config + n;
	run_loop(f);
	f->n_config_wanted = 0;
}

static void begin(struct fixture *f, uint32_t slow_ms, uint32_t deadline_ms)
{
	struct ab_mpath_config config = {
		.where = { f->name, "" },
		.slow_ms = slow_ms,
		.deadline_ms = deadline_ms,
	};

	assert_int_equal(ab_mpath_new(f->loop, &config, on_event, f, &f->mpath), 0);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	assert_int_equal(ab_loop_new(&f->loop), 0);
	assert_int_equal(ab_loop_timer_new(f->loop, on_timer, f, &f->timer), 0);
	snprintf(f->name, sizeof(f->name), "@autobind-test-mpath-%d", (int)getpid());
	for (unsigned int i = 0; i < CLIENTS_MAX; i++)
		f->clients[i].fd = -1;
	f->listener = -1;
	f->config = CONFIG("on");
	f->paths = PATHS;
	f->verb_reply = "ok\n";
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	ab_mpath_free(f->mpath);
	go(f);
	ab_loop_timer_free(f->timer);
	ab_loop_free(f->loop);
	free(f);
	return 0;
}

static void assert_state(const struct fixture *f, unsigned int i, uint8_t state)
{
	assert_int_equal(f->events[i].type, AB_EV_MULTIPATH);
	assert_int_equal(f->events[i].multipath.state, state);
}

static void assert_mapped(const struct fixture *f, unsigned int i, uint32_t sid,
			  uint16_t n_known)
{
	assert_int_equal(f->events[i].type, AB_EV_MAPPED);
	assert_int_equal(f->events[i].mapped.sid, sid);
	assert_int_equal(f->events[i].mapped.n_known, n_known);
}

static const struct ab_mpath_disk disks[] = { { 8, 16 }, { 8, 48 }, { 8, 64 } };

/* --- words ------------------------------------------------------------------------ */

static void readiness_is_what_find_multipaths_means(void **state)
{
	static const struct {
		const char *what;
		const char *reply;
		enum ab_multipath expected;
	} rows[] = {
		{ "strict", CONFIG("strict"), AB_MULTIPATH_STRICT },
		{ "on", CONFIG("on"), AB_MULTIPATH_READY },
		{ "off", CONFIG("off"), AB_MULTIPATH_READY },
		{ "smart", CONFIG("smart"), AB_MULTIPATH_READY },
		{ "greedy", CONFIG("greedy"), AB_MULTIPATH_READY },
		{ "a word of the future", CONFIG("stricter"), AB_MULTIPATH_UNKNOWN },
		{ "cut", "defaults {\n\tfind_multipaths \"on\"", AB_MULTIPATH_UNKNOWN },
		{ "none", "defaults {\n\tverbosity 2\n}\n", AB_MULTIPATH_UNKNOWN },
		{ "a comment's",
		  "defaults {\n\tverbosity 2\n}\n# {\n\tfind_multipaths \"on\"\n}\n",
		  AB_MULTIPATH_UNKNOWN },
		{ "busy", "timeout\n", AB_MULTIPATH_UNKNOWN },
		{ "empty", "", AB_MULTIPATH_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < AB_COUNT(rows); i++)
		ab_assert_row(rows[i].what,
			      ab_mpath_readiness(rows[i].reply) == rows[i].expected);
}

static void only_a_healthy_path_is_active(void **state)
{
	static const struct {
		const char *line;
		bool is_active;
	} rows[] = {
		{ "8:16\tactive\trunning\tready\tnormal\tW\tmpatha", true },
		{ "8:16\tfailed\trunning\tready\tnormal\tW\tmpatha", false },
		{ "8:16\tactive\toffline\tready\tnormal\tW\tmpatha", false },
		{ "8:16\tactive\trunning\tghost\tnormal\tW\tmpatha", false },
		{ "8:16\tactive\trunning\ti/o pending\tnormal\tW\tmpatha", false },
		{ "8:16\tactive\trunning\tready\tmarginal\tW\tmpatha", false },
		{ "8:16\tactive\trunning\tready\t\tW\tmpatha", false }, /* < 0.8.4 */
	};

	(void)state;
	for (size_t i = 0; i < AB_COUNT(rows); i++) {
		const char *at = rows[i].line;
		struct ab_mpath_path path;

		ab_assert_row(rows[i].line, ab_mpath_next_path(&at, &path));
		ab_assert_row(rows[i].line, path.is_active == rows[i].is_active);
		ab_assert_row(rows[i].line, path.major == 8 && path.minor == 16);
		ab_assert_row(rows[i].line, !strcmp(path.map, "mpatha"));
	}
}

static void lines_that_are_no_path_are_passed_over(void **state)
{
	const char *at = "fail\n#:#\t" ACTIVE "W\tm\n8:x\t" ACTIVE "W\tm\n"
			 "8:16\tactive\n\n" PATHS "8:64\t" ACTIVE "W";
	struct ab_mpath_path path;

	(void)state;
	assert_true(ab_mpath_next_path(&at, &path));
	assert_int_equal(path.minor, 16);
	assert_string_equal(path.wwid, WWID);
	assert_true(ab_mpath_next_path(&at, &path));
	assert_int_equal(path.minor, 32);
	assert_true(ab_mpath_next_path(&at, &path));
	assert_int_equal(path.minor, 48);
	assert_string_equal(path.map, "");
	assert_false(ab_mpath_next_path(&at, &path));
}

/* --- rounds ----------------------------------------------------------------------- */

static void readiness_and_known_disks_are_told_once(void **state)
{
	struct fixture *f = *state;

	come(f);
	begin(f, 50, PATIENCE_MS);
	assert_int_equal(ab_mpath_set_session(f->mpath, 7, disks, AB_COUNT(disks)), 0);
	run_events(f, 2);
	assert_state(f, 0, AB_MULTIPATH_READY);
	assert_mapped(f, 1, 7, 2);
	run_rounds(f, 3);
	assert_int_equal(f->n_events, 2);
	f->config = CONFIG("strict");
	run_events(f, 3);
	assert_state(f, 2, AB_MULTIPATH_STRICT);
	f->paths = PATHS "8:64\t" ACTIVE "W\t[orphan]\n";
	run_events(f, 4);
	assert_mapped(f, 3, 7, 3);
}

static void a_nudge_asks_when_nothing_else_would(void **state)
{
	struct fixture *f = *state;

	come(f);
	begin(f, 0, 0);
	run_events(f, 1);
	f->config = CONFIG("strict"); /* and no session: no timer */
	ab_mpath_nudge(f->mpath);
	ab_mpath_nudge(f->mpath);
	run_events(f, 2);
	assert_state(f, 1, AB_MULTIPATH_STRICT);
	assert_int_equal(f->n_config, 2);
}

/* A path is not multipathd's before its uevent is: slow_ms is longer than the test. */
static void a_missing_disk_is_asked_for_soon_again(void **state)
{
	struct fixture *f = *state;

	come(f);
	f->paths = "";
	begin(f, 10 * PATIENCE_MS, 0);
	assert_int_equal(ab_mpath_set_session(f->mpath, 7, disks, 1), 0);
	run_rounds(f, 2);
	f->paths = PATHS;
	run_events(f, 2);
	assert_mapped(f, 1, 7, 1);
}

static void a_session_that_went_is_not_told_of(void **state)
{
	struct fixture *f = *state;

	come(f);
	begin(f, 50, 0);
	assert_int_equal(ab_mpath_set_session(f->mpath, 7, disks, 1), 0);
	assert_int_equal(ab_mpath_set_session(f->mpath, 8, disks, 2), 0);
	ab_mpath_drop_session(f->mpath, 7);
	ab_mpath_drop_session(f->mpath, 9);
	run_events(f, 2);
	assert_mapped(f, 1, 8, 2);
	assert_int_equal(ab_mpath_set_session(f->mpath, 8, NULL, 0), 0);
	run_events(f, 3);
	assert_mapped(f, 2, 8, 0);
}

static void absent_is_told_and_its_return_is_seen(void **state)
{
	struct fixture *f = *state;

	begin(f, 50, 0);
	run_events(f, 1);
	assert_state(f, 0, AB_MULTIPATH_ABSENT);
	assert_int_equal(ab_mpath_set_session(f->mpath, 7, disks, 1), 0);
	come(f);
	run_events(f, 3);
	assert_state(f, 1, AB_MULTIPATH_READY);
	assert_mapped(f, 2, 7, 1);
	go(f);
	run_events(f, 5);
	assert_state(f, 3, AB_MULTIPATH_ABSENT);
	assert_mapped(f, 4, 7, 0);
}

static void a_bad_answer_is_unknown_and_keeps_what_was_known(void **state)
{
	static const enum manner manners[] = { SILENT, HUGE_SIZE, NO_SIZE, SHORT,
					       STARTING };
	struct fixture *f = *state;

	come(f);
	begin(f, 50, 200);
	assert_int_equal(ab_mpath_set_session(f->mpath, 7, disks, 1), 0);
	run_events(f, 2);
	for (size_t i = 0; i < AB_COUNT(manners); i++) {
		f->n_events = 0;
		f->manner = manners[i];
		run_events(f, 1);
		assert_state(f, 0, AB_MULTIPATH_UNKNOWN);
		f->manner = WELL;
		run_events(f, 2);
		assert_state(f, 1, AB_MULTIPATH_READY);
	}
}

static void an_answer_in_pieces_and_a_long_one_are_read(void **state)
{
	struct fixture *f = *state;
	size_t line = strlen("8:99999\t" ACTIVE "W\tmpatha\n"), n = 0;
	char *many = malloc(3000 * line + sizeof(PATHS));

	assert_non_null(many);
	for (unsigned int i = 0; i < 3000; i++)
		n += (size_t)sprintf(many + n, "8:%u\t" ACTIVE "W\tmpatha\n", 1000 + i);
	strcpy(many + n, PATHS);
	come(f);
	f->manner = DRIBBLE;
	f->paths = many;
	begin(f, 50, 0);
	assert_int_equal(ab_mpath_set_session(f->mpath, 7, disks, 2), 0);
	run_events(f, 2);
	assert_state(f, 0, AB_MULTIPATH_READY);
	assert_mapped(f, 1, 7, 2);
	go(f);
	free(many);
}

/* --- verbs ------------------------------------------------------------------------ */

static void on_verb(void *arg, int result)
{
	struct fixture *f = arg;

	f->verb_result = result;
	f->n_verbs++;
	ab_loop_stop(f->loop);
}

static void verbs_are_sent_and_their_answer_is_told(void **state)
{
	static const struct {
		const char *what;
		enum ab_mpath_verb verb;
		const char *sent;
		const char *reply;
		enum manner manner;
		int result;
	} rows[] = {
		{ "fail", AB_MPATH_FAIL, "fail path 8:16", "ok\n", WELL, 0 },
		{ "reinstate", AB_MPATH_REINSTATE, "reinstate path 8:16", "ok\n", WELL,
		  0 },
		{ "refused", AB_MPATH_FAIL, "fail path 8:16", "fail\n", WELL,
		  AB_MPATH_E_REFUSED },
		{ "not answered", AB_MPATH_FAIL, "", "", SILENT, AB_MPATH_E_TIMEOUT },
		{ "broken off", AB_MPATH_FAIL, "fail path 8:16", "ok\n", SHORT,
		  AB_MPATH_E_LOST },
	};
	struct fixture *f = *state;

	come(f);
	begin(f, 0, 200);
	run_events(f, 1);
	for (size_t i = 0; i < AB_COUNT(rows); i++) {
		f->verb[0] = '\0';
		f->verb_reply = rows[i].reply;
		f->manner = rows[i].manner;
		f->n_verbs = 0;
		f->n_wanted = 0;
		ab_assert_row(rows[i].what,
			      ab_mpath_run_verb(f->mpath, rows[i].verb, &disks[0],
						on_verb, f) == 0);
		while (f->n_verbs == 0)
			run_loop(f);
		ab_assert_row(rows[i].what, f->verb_result == rows[i].result);
		ab_assert_row(rows[i].what, !strcmp(f->verb, rows[i].sent));
		ab_assert_row(rows[i].what, f->n_verbs == 1);
	}
	go(f);
	assert_int_equal(
		ab_mpath_run_verb(f->mpath, AB_MPATH_FAIL, &disks[0], on_verb, f),
		AB_MPATH_E_ABSENT);
}

/* --- who is there ----------------------------------------------------------------- */

/* A socket unit listens although multipathd was stopped: it is not to be woken. */
static void a_multipathd_that_holds_no_lock_does_not_run(void **state)
{
	struct fixture *f = *state;
	char path[] = "/tmp/autobind-test-XXXXXX";
	struct ab_mpath_where where = { f->name, path };
	struct ab_mpath_call call = AB_MPATH_CALL_NONE;
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = mkstemp(path), ready[2];
	pid_t pid;
	char c;

	assert_true(fd >= 0);
	come(f);
	assert_int_equal(ab_mpath_call_open(&call, &where), AB_MPATH_E_ABSENT);
	assert_int_equal(call.fd, -1);

	assert_int_equal(pipe(ready), 0);
	pid = fork(); /* our own lock would not be in our way */
	if (pid == 0) {
		c = fcntl(fd, F_SETLK, &lock) == 0 ? 'y' : 'n';
		if (write(ready[1], &c, 1) == 1)
			(void)pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(c, 'y');
	assert_int_equal(ab_mpath_call_open(&call, &where), 0);
	ab_mpath_call_close(&call);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(ab_mpath_call_open(&call, &where), AB_MPATH_E_ABSENT);
	close(ready[0]);
	close(ready[1]);
	close(fd);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(ab_mpath_call_open(&call, &where), AB_MPATH_E_ABSENT);
}

/* An abstract name is whoever's takes it first. */
static void a_stranger_on_multipathds_name_is_not_asked(void **state)
{
	struct fixture *f = *state;
	struct ab_mpath_where where = { f->name, "" };
	struct ab_mpath_call call = AB_MPATH_CALL_NONE;
	int ready[2];
	pid_t pid;
	char c;

	if (geteuid() != 0)
		skip();
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		if (setuid(65534))
			_exit(1);
		(void)listen_on(f->name);
		if (write(ready[1], "y", 1) == 1)
			(void)pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(ab_mpath_call_open(&call, &where), AB_MPATH_E_STRANGER);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(ready[0]);
	close(ready[1]);
}

static void waiting_for_an_answer_ends_at_the_deadline(void **state)
{
	struct fixture *f = *state;
	struct ab_mpath_where where = { f->name, "" };
	struct ab_mpath_call call = AB_MPATH_CALL_NONE;
	int fd = listen_on(f->name);

	assert_int_equal(ab_mpath_call_open(&call, &where), 0);
	ab_mpath_call_ask(&call, AB_MPATH_ASK_PATHS);
	assert_int_equal(ab_mpath_call_run(&call, 20), AB_MPATH_E_TIMEOUT);
	close(fd);
	assert_int_equal(ab_mpath_call_run(&call, PATIENCE_MS), AB_MPATH_E_LOST);
	ab_mpath_call_close(&call);
}

int main(void)
{
#define LOOP_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readiness_is_what_find_multipaths_means),
		cmocka_unit_test(only_a_healthy_path_is_active),
		cmocka_unit_test(lines_that_are_no_path_are_passed_over),
		LOOP_TEST(readiness_and_known_disks_are_told_once),
		LOOP_TEST(a_nudge_asks_when_nothing_else_would),
		LOOP_TEST(a_missing_disk_is_asked_for_soon_again),
		LOOP_TEST(a_session_that_went_is_not_told_of),
		LOOP_TEST(absent_is_told_and_its_return_is_seen),
		LOOP_TEST(a_bad_answer_is_unknown_and_keeps_what_was_known),
		LOOP_TEST(an_answer_in_pieces_and_a_long_one_are_read),
		LOOP_TEST(verbs_are_sent_and_their_answer_is_told),
		LOOP_TEST(a_multipathd_that_holds_no_lock_does_not_run),
		LOOP_TEST(a_stranger_on_multipathds_name_is_not_asked),
		LOOP_TEST(waiting_for_an_answer_ends_at_the_deadline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
