/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Logins and logouts with a script in iscsiadm's place, a folder in /sys's, and real
 * sockets of this host's loopback as portals.
 */
#include "ab_test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "core/login_code.h"
#include "core/name.h"
#include "fake_sysfs.h"
#include "io/clock.h"
#include "io/log.h"
#include "io/login.h"

#define PATIENCE_MS 20000
#define TARGET "iqn.2020-01.com.example:t1"
#define EVENTS_MAX 256

struct guard {
	int error;	/* that begin returns */
	uint8_t answer; /* enum ab_guard */
	unsigned int n;
	struct ab_effect asked;
	struct ab_loop_timer *timer;
	ab_login_guarded_fn *fn;
	void *arg;
	void (*meanwhile)(struct fake_sysfs *fake); /* while it looks */
	struct fake_sysfs *fake;
};

struct fixture {
	struct fake_sysfs fake; /* the script and what it writes are here, too */
	char script[PATH_MAX], argv[PATH_MAX], errors[PATH_MAX];
	struct ab_loop *loop;
	struct ab_loop_timer *timer;
	struct ab_spawner *spawner;
	struct ab_sessions *sessions;
	struct ab_login *login;
	struct guard guard;
	bool is_late;
	struct ab_event events[EVENTS_MAX];
	unsigned int n_events, n_done, n_wanted;
	bool (*is_reached)(struct fixture *f);
	uint32_t margin_ms;
	int saved_stderr;
};

/* --- the fixture --- */

static void on_event(void *arg, const struct ab_event *ev)
{
	struct fixture *f = arg;

	assert_true(f->n_events < EVENTS_MAX);
	f->events[f->n_events++] = *ev;
	f->n_done += ev->type == AB_EV_DONE;
}

/* Looks each millisecond whether what is waited for has come. */
static void on_timer(void *arg)
{
	struct fixture *f = arg;
	static ab_mono end;

	if (!f->is_late) {
		f->is_late = true;
		end = ab_mono_add_ms(ab_clock_now(), PATIENCE_MS);
	}
	if (f->is_reached(f)) {
		f->is_late = false;
		ab_loop_stop(f->loop);
	} else if (ab_mono_reached(end, ab_clock_now())) {
		ab_loop_stop(f->loop);
	}
	ab_loop_timer_set(f->timer, ab_mono_add_ms(ab_clock_now(), 1));
}

static void until(struct fixture *f, bool (*is_reached)(struct fixture *f))
{
	f->is_reached = is_reached;
	f->is_late = false;
	ab_loop_timer_set(f->timer, ab_mono_add_ms(ab_clock_now(), 1));
	assert_int_equal(ab_loop_run(f->loop), 0);
	assert_false(f->is_late);
}

static bool are_done(struct fixture *f)
{
	return f->n_done >= f->n_wanted;
}

static void until_done(struct fixture *f, unsigned int n)
{
	f->n_wanted = n;
	until(f, are_done);
	assert_int_equal(f->n_done, n);
}

static bool is_fresh(struct fixture *f)
{
	return f->n_events > 0 && f->events[f->n_events - 1].type == AB_EV_DUMP_END;
}

static void on_guard_timer(void *arg)
{
	struct guard *g = arg;

	if (g->meanwhile)
		g->meanwhile(g->fake);
	g->fn(g->arg, g->answer);
}

static int begin_guard(void *guard_arg, const struct ab_effect *logout,
		       ab_login_guarded_fn *fn, void *arg)
{
	struct guard *g = guard_arg;

	g->n++;
	g->asked = *logout;
	g->fn = fn;
	g->arg = arg;
	if (g->error)
		return g->error;
	ab_loop_timer_set(g->timer, ab_clock_now());
	return 0;
}

/* What iscsiadm does: @body is shell, after its arguments were noted. */
static void iscsiadm(struct fixture *f, const char *body)
{
	char text[4096];

	snprintf(text, sizeof(text),
		 "#!/bin/sh\nexport R='%s'\n"
		 "{ printf '%%s ' \"$@\"; echo; } >> \"$R/argv\"\n%s\n",
		 f->fake.root, body);
	fake_put(&f->fake, "iscsiadm", text);
	assert_int_equal(chmod(f->script, 0755), 0);
}

static void make_login(struct fixture *f, const char *conf, bool has_guard)
{
	char path[PATH_MAX];
	struct ab_login_config config = {
		.loop = f->loop,
		.spawner = f->spawner,
		.sessions = f->sessions,
		.iscsiadm = f->script,
		.iscsid_conf = conf ? fake_path(&f->fake, path, "iscsid.conf") : NULL,
		.margin_ms = f->margin_ms,
		.guard = has_guard ? begin_guard : NULL,
		.guard_arg = &f->guard,
		.fn = on_event,
		.arg = f,
	};

	if (conf)
		fake_put(&f->fake, "iscsid.conf", conf);
	f->login = ab_login_free(f->login);
	assert_int_equal(ab_login_new(&config, &f->login), 0);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct ab_sessions_config config = { 0 };

	assert_non_null(f);
	fake_new(&f->fake);
	fake_path(&f->fake, f->script, "iscsiadm");
	fake_path(&f->fake, f->argv, "argv");
	fake_path(&f->fake, f->errors, "errors");
	config.sysfs = f->fake.root;
	assert_int_equal(ab_loop_new(&f->loop), 0);
	assert_int_equal(ab_spawner_new(f->loop, &f->spawner), 0);
	assert_int_equal(ab_loop_timer_new(f->loop, on_timer, f, &f->timer), 0);
	assert_int_equal(
		ab_loop_timer_new(f->loop, on_guard_timer, &f->guard, &f->guard.timer),
		0);
	assert_int_equal(ab_sessions_new(f->loop, &config, on_event, f, &f->sessions),
			 0);
	make_login(f, NULL, true);
	f->guard.fake = &f->fake;
	f->saved_stderr = -1;
	until(f, is_fresh);
	f->n_events = 0;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	pid_t pid = ab_spawner_pid(f->spawner);

	if (f->saved_stderr >= 0) {
		assert_true(dup2(f->saved_stderr, STDERR_FILENO) >= 0);
		close(f->saved_stderr);
	}
	fake_put(&f->fake, "go", ""); /* what a failed test left waiting */
	ab_spawner_free(f->spawner);
	assert_int_equal(waitpid(pid, NULL, 0), pid); /* all children have ended */
	ab_login_free(f->login);
	ab_sessions_free(f->sessions);
	ab_loop_timer_free(f->guard.timer);
	ab_loop_timer_free(f->timer);
	ab_loop_free(f->loop);
	fake_free(&f->fake);
	free(f);
	return 0;
}

/* Messages go to a file from now on. */
static void catch_log(struct fixture *f)
{
	int fd = open(f->errors, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	(void)unsetenv("JOURNAL_STREAM");
	ab_log_open("test", AB_LOG_INFO);
	f->saved_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	assert_true(f->saved_stderr >= 0 && dup2(fd, STDERR_FILENO) >= 0);
	close(fd);
}

static const char *content(const char *path)
{
	static char buf[65536];
	FILE *file = fopen(path, "re");
	size_t n = 0;

	if (file) {
		n = fread(buf, 1, sizeof(buf) - 1, file);
		(void)fclose(file);
	}
	buf[n] = '\0';
	return buf;
}

/* --- effects --- */

static struct ab_effect login_of(uint64_t job, const char *portal)
{
	struct ab_effect ef;

	memset(&ef, 0, sizeof(ef));
	ef.type = AB_EF_LOGIN;
	ef.job = job;
	strcpy(ef.login.key.target, TARGET);
	strcpy(ef.login.key.iface, "ab0");
	assert_int_equal(ab_name_parse_portal_tpgt(portal, &ef.login.key.portal,
						   &ef.login.key.tpgt),
			 0);
	return ef;
}

static struct ab_effect logout_of(uint64_t job, uint32_t sid)
{
	struct ab_effect ef;

	memset(&ef, 0, sizeof(ef));
	ef.type = AB_EF_LOGOUT;
	ef.job = job;
	ef.logout.sid = sid;
	ef.logout.host = sid + 1;
	ef.logout.min_paths = 1;
	ef.logout.key = login_of(1, "192.0.2.1:3260,1").login.key;
	return ef;
}

static void start(struct fixture *f, const struct ab_effect *ef)
{
	unsigned int n = f->n_events;

	assert_int_equal(ab_login_run(f->login, ef, NULL, 0), 0);
	assert_int_equal(f->n_events, n); /* not inside the call */
}

static const struct ab_event *run(struct fixture *f, const struct ab_effect *ef)
{
	const struct ab_event *ev;

	start(f, ef);
	until_done(f, f->n_done + 1);
	ev = &f->events[f->n_events - 1];
	assert_int_equal(ev->type, AB_EV_DONE);
	assert_int_equal(ev->done.job, ef->job);
	return ev;
}

static void assert_done(const struct ab_event *ev, enum ab_outcome outcome, int code)
{
	assert_int_equal(ev->done.outcome, outcome);
	assert_int_equal(ev->done.code, code);
}

/* --- logins --- */

static void a_login_names_exactly_one_record(void **state)
{
	static const struct {
		const char *portal, *argument;
	} rows[] = {
		{ "192.0.2.1:3260,1", "192.0.2.1:3260,1" },
		{ "192.0.2.1:3261,65535", "192.0.2.1:3261,65535" },
		{ "192.0.2.1:3260", "192.0.2.1:3260" },
		{ "[2001:db8::1]:3260,2", "[2001:db8::1]:3260,2" },
		{ "[2001:db8::1]:3260", "[2001:db8::1]:3260" },
	};
	struct fixture *f = *state;

	iscsiadm(f, "exit 0");
	for (unsigned int i = 0; i < AB_COUNT(rows); i++) {
		struct ab_effect ef = login_of(i + 1, rows[i].portal);
		char expected[256];

		assert_done(run(f, &ef), AB_OUTCOME_DONE, 0);
		snprintf(expected, sizeof(expected),
			 "-m node -T " TARGET " -p %s -I ab0 --login \n",
			 rows[i].argument);
		assert_string_equal(content(f->argv), expected);
		assert_int_equal(unlink(f->argv), 0);
	}
}

static void the_status_becomes_outcome_and_code(void **state)
{
	static const int statuses[] = { 0, 4, 8, 15, 18, 19, 20, 24, 33, 77 };
	struct fixture *f = *state;

	for (unsigned int i = 0; i < AB_COUNT(statuses); i++) {
		struct ab_effect ef = login_of(i + 1, "192.0.2.1:3260,1");
		char body[32];

		snprintf(body, sizeof(body), "exit %d", statuses[i]);
		iscsiadm(f, body);
		assert_done(run(f, &ef), ab_login_outcome(statuses[i]), statuses[i]);
	}
}

/* Takes a session's link out of the class folder; the script puts it back. */
static void hide(struct fixture *f, unsigned int sid)
{
	struct fake_session s = fake_session(sid);
	char from[PATH_MAX], to[PATH_MAX], name[64];

	fake_add(&f->fake, &s);
	snprintf(name, sizeof(name), "class/iscsi_session/session%u", sid);
	fake_path(&f->fake, from, name);
	snprintf(name, sizeof(name), "hidden/session%u", sid);
	fake_parents(&f->fake, name);
	assert_int_equal(rename(from, fake_path(&f->fake, to, name)), 0);
}

static void the_session_is_told_before_the_answer(void **state)
{
	struct fixture *f = *state;
	struct ab_effect ef = login_of(1, "192.0.2.1:3260,1");

	hide(f, 1);
	iscsiadm(f, "mv $R/hidden/session1 $R/class/iscsi_session/");
	assert_done(run(f, &ef), AB_OUTCOME_DONE, 0);
	assert_int_equal(f->n_events, 2);
	assert_int_equal(f->events[0].type, AB_EV_SESSION);
	assert_int_equal(f->events[0].session.sid, 1);
}

static void a_signal_is_unknown(void **state)
{
	struct fixture *f = *state;
	struct ab_effect ef = login_of(1, "192.0.2.1:3260,1");

	iscsiadm(f, "kill -KILL $$");
	assert_done(run(f, &ef), AB_OUTCOME_UNKNOWN, -ECHILD);
}

static void a_missing_program_is_said_once_and_tried_again(void **state)
{
	struct fixture *f = *state;
	struct ab_effect ef = login_of(1, "192.0.2.1:3260,1");
	const char *text;

	catch_log(f);
	assert_done(run(f, &ef), AB_OUTCOME_RETRY, -ENOENT);
	ef.job = 2;
	fake_put(&f->fake, "iscsiadm", "not executable");
	assert_done(run(f, &ef), AB_OUTCOME_RETRY, -EACCES);
	text = content(f->errors);
	assert_non_null(strstr(text, "install open-iscsi"));
	assert_null(strstr(strstr(text, "install open-iscsi") + 1, "install"));
	ef.job = 3;
	iscsiadm(f, "exit 0");
	assert_done(run(f, &ef), AB_OUTCOME_DONE, 0);
}

static void iscsiadms_words_are_logged_and_cannot_do_harm(void **state)
{
	struct fixture *f = *state;
	struct ab_effect ef = login_of(1, "192.0.2.1:3260,1");
	const char *text;

	catch_log(f);
	iscsiadm(f,
		 "echo 'Logging in to [iface: ab0]'\n"
		 "printf '\\n\\033[2Jiscsiadm: initiator reported error (24)\\n' >&2\n"
		 "echo 'node.session.auth.password = verysecret' >&2\nexit 24");
	assert_done(run(f, &ef), AB_OUTCOME_DENIED, 24);
	text = content(f->errors);
	assert_non_null(strstr(text, "login: Logging in to [iface: ab0]\n"));
	assert_non_null(strstr(text, "?[2Jiscsiadm: initiator reported error (24)\n"));
	assert_null(strstr(text, "verysecret"));
	assert_null(strchr(text, '\033'));
}

static void a_flood_of_words_is_cut_and_ends_nothing(void **state)
{
	struct fixture *f = *state;
	struct ab_effect ef = login_of(1, "192.0.2.1:3260,1");

	catch_log(f);
	iscsiadm(f, "head -c 300000 /dev/zero | tr '\\0' 'x'\n"
		    "head -c 300000 /dev/zero | tr '\\0' '\\n' >&2\n"
		    "for i in $(seq 1000); do echo line $i; echo line $i >&2; done\n"
		    "exit 8");
	assert_done(run(f, &ef), AB_OUTCOME_RETRY, 8);
	assert_true(strlen(content(f->errors)) < 2 * 8 * 500);
}

static void logins_run_side_by_side(void **state)
{
	struct fixture *f = *state;
	unsigned int seen = 0;

	/* Each waits for the last one. */
	iscsiadm(f, "case $6 in *:5004,1) touch $R/go ;; esac\n"
		    "while ! [ -e $R/go ]; do sleep 0.01; done");
	for (unsigned int i = 0; i < 5; i++) {
		struct ab_effect ef;
		char portal[32];

		snprintf(portal, sizeof(portal), "192.0.2.1:500%u,1", i);
		ef = login_of(i + 1, portal);
		start(f, &ef);
	}
	until_done(f, 5);
	for (unsigned int i = 0; i < f->n_events; i++) {
		assert_done(&f->events[i], AB_OUTCOME_DONE, 0);
		seen |= 1u << f->events[i].done.job;
	}
	assert_int_equal(seen, 0x3e);
}

/* --- deadlines --- */

static void the_deadline_follows_the_policy_then_the_host(void **state)
{
	static const struct ab_node_setting timeout = {
		.name = "node.conn[0].timeo.login_timeout", .value = "20"
	};
	static const struct ab_node_setting both[] = {
		{ .name = "node.session.initial_login_retry_max", .value = "8" },
		{ .name = "node.conn[0].timeo.login_timeout", .value = "15" },
		{ .name = "node.session.timeo.replacement_timeout", .value = "9" },
	};
	static const struct ab_node_setting huge[] = {
		{ .name = "node.session.initial_login_retry_max",
		  .value = "2147483647" },
		{ .name = "node.conn[0].timeo.login_timeout", .value = "2147483647" },
	};
	struct fixture *f = *state;

	assert_int_equal(ab_login_deadline_ms(f->login, NULL, 0), 30000 * 3 + 10000);
	make_login(f,
		   "node.conn[0].timeo.login_timeout = 15\n"
		   "node.session.initial_login_retry_max = 8\n",
		   true);
	/* The records' retries are ours, not those of the file. */
	assert_int_equal(ab_login_deadline_ms(f->login, NULL, 0), 15000 * 3 + 10000);
	assert_int_equal(ab_login_deadline_ms(f->login, &timeout, 1),
			 20000 * 3 + 10000);
	assert_int_equal(ab_login_deadline_ms(f->login, both, 3), 15000 * 9 + 10000);
	assert_int_equal(ab_login_deadline_ms(f->login, huge, 2), 86400000);
}

static bool is_session_told(struct fixture *f)
{
	return f->n_events > 0 && f->events[f->n_events - 1].type == AB_EV_SESSION;
}

static void let_go(struct fixture *f)
{
	fake_put(&f->fake, "go", "");
}

static void a_late_iscsiadm_is_unknown_and_its_end_is_looked_at(void **state)
{
	static const struct ab_node_setting none = {
		.name = "node.conn[0].timeo.login_timeout", .value = "0"
	};
	struct fixture *f = *state;
	struct ab_effect ef = login_of(1, "192.0.2.1:3260,1");
	struct ab_effect other = login_of(3, "192.0.2.2:3260,1");

	f->margin_ms = 300;
	make_login(f, NULL, true);
	hide(f, 1);
	iscsiadm(f, "[ $6 = 192.0.2.2:3260,1 ] && exit 0\n"
		    "while ! [ -e $R/go ]; do sleep 0.01; done\n"
		    "mv $R/hidden/session1 $R/class/iscsi_session/\nexit 0");
	assert_int_equal(ab_login_run(f->login, &ef, &none, 1), 0);
	until_done(f, 1);
	assert_done(&f->events[0], AB_OUTCOME_UNKNOWN, AB_LOGIN_E_TIMEOUT);
	/* It still works at that record; other records are free. */
	ef.job = 2;
	assert_done(run(f, &ef), AB_OUTCOME_RETRY, AB_LOGIN_E_TIMEOUT);
	assert_done(run(f, &other), AB_OUTCOME_DONE, 0);
	let_go(f);
	until(f, is_session_told);
	assert_int_equal(f->n_done, 3); /* no second answer */
	ef.job = 4;
	iscsiadm(f, "exit 15");
	assert_done(run(f, &ef), AB_OUTCOME_EXISTS, 15);
}

/* --- the connection first --- */

/* A socket on a port of its own. */
static int portal_socket(struct ab_portal *portal)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t n = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sin, n), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &n), 0);
	portal->port = ntohs(sin.sin_port);
	return fd;
}

static struct ab_effect connecting(uint64_t job, int *ret_fd)
{
	struct ab_effect ef = login_of(job, "127.0.0.1:3260,1");

	*ret_fd = portal_socket(&ef.login.key.portal);
	ef.login.ifindex = if_nametoindex("lo");
	ef.login.connect_ms = PATIENCE_MS;
	return ef;
}

static void a_portal_that_takes_a_connection_is_logged_in_to(void **state)
{
	struct fixture *f = *state;
	int fd;
	struct ab_effect ef = connecting(1, &fd);

	assert_int_equal(listen(fd, 8), 0);
	iscsiadm(f, "exit 0");
	assert_done(run(f, &ef), AB_OUTCOME_DONE, 0);
	ef.job = 2;
	ef.login.ifindex = 0; /* through any */
	assert_done(run(f, &ef), AB_OUTCOME_DONE, 0);
	close(fd);
}

static void a_portal_that_refuses_is_not_logged_in_to(void **state)
{
	struct fixture *f = *state;
	int fd;
	struct ab_effect ef = connecting(1, &fd); /* bound, but not listening */

	iscsiadm(f, "exit 0");
	assert_done(run(f, &ef), AB_OUTCOME_RETRY, AB_LOGIN_E_CONNECT);
	ef.job = 2;
	ef.login.ifindex = 0x7ffffff0; /* a device that has gone */
	assert_done(run(f, &ef), AB_OUTCOME_RETRY, AB_LOGIN_E_CONNECT);
	assert_int_equal(access(f->argv, F_OK), -1); /* it was never run */
	close(fd);
}

/* Fills the queue of a listener, so that the next connect gets no answer. */
static void a_portal_that_hangs_is_given_up(void **state)
{
	struct fixture *f = *state;
	int fd, fillers[8];
	struct ab_effect ef = connecting(1, &fd);
	struct sockaddr_in sin = { .sin_family = AF_INET };

	sin.sin_port = htons(ef.login.key.portal.port);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(listen(fd, 0), 0);
	for (unsigned int i = 0; i < AB_COUNT(fillers); i++) {
		fillers[i] =
			socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		(void)connect(fillers[i], (struct sockaddr *)&sin, sizeof(sin));
	}
	iscsiadm(f, "exit 0");
	ef.login.connect_ms = 100;
	assert_done(run(f, &ef), AB_OUTCOME_RETRY, AB_LOGIN_E_CONNECT);
	assert_int_equal(access(f->argv, F_OK), -1);
	for (unsigned int i = 0; i < AB_COUNT(fillers); i++)
		close(fillers[i]);
	close(fd);
}

/* --- logouts --- */

static void add_session(struct fixture *f, unsigned int sid)
{
	struct fake_session s = fake_session(sid);

	fake_add(&f->fake, &s);
	ab_sessions_look_now(f->sessions);
	f->n_events = 0;
}

#define LOG_OUT "rm $R/class/iscsi_session/session1"

static void a_logout_ends_exactly_that_session(void **state)
{
	struct fixture *f = *state;
	struct ab_effect ef = logout_of(1, 1);

	add_session(f, 1);
	iscsiadm(f, LOG_OUT);
	f->guard.answer = AB_GUARD_REDUNDANT;
	assert_done(run(f, &ef), AB_OUTCOME_DONE, 0);
	assert_string_equal(content(f->argv), "-m session -r 1 --logout \n");
	assert_int_equal(f->guard.n, 1);
	assert_int_equal(f->guard.asked.logout.sid, 1);
	assert_int_equal(f->guard.asked.logout.min_paths, 1);
	assert_int_equal(f->n_events, 2);
	assert_int_equal(f->events[0].type, AB_EV_SESSION_GONE);
}

static void what_sysfs_shows_counts_more_than_the_status(void **state)
{
	struct fixture *f = *state;
	struct ab_effect ef = logout_of(1, 1);

	add_session(f, 1);
	iscsiadm(f, "exit 0"); /* and does nothing: so does 2.1.8 without a transport */
	assert_done(run(f, &ef), AB_OUTCOME_RETRY, 10);
	iscsiadm(f, "exit 21");
	assert_done(run(f, &ef), AB_OUTCOME_RETRY, 10);
	iscsiadm(f, "exit 13"); /* DENIED would carry a guard */
	assert_done(run(f, &ef), AB_OUTCOME_RETRY, 13);
	iscsiadm(f, "exit 18");
	assert_done(run(f, &ef), AB_OUTCOME_UNKNOWN, 18);
	iscsiadm(f, LOG_OUT "; exit 18");
	assert_done(run(f, &ef), AB_OUTCOME_DONE, 0);
	assert_done(run(f, &ef), AB_OUTCOME_GONE, 0); /* not run any more */
	assert_int_equal(f->guard.n, 5);
}

static void a_guard_that_refuses_is_obeyed(void **state)
{
	struct fixture *f = *state;
	struct ab_effect ef = logout_of(1, 1);

	add_session(f, 1);
	iscsiadm(f, LOG_OUT);
	for (f->guard.answer = AB_GUARD_LAST_PATH; f->guard.answer < AB_GUARD_MAX;
	     f->guard.answer++)
		assert_done(run(f, &ef), AB_OUTCOME_DENIED, f->guard.answer);
	f->guard.answer = AB_GUARD_REDUNDANT;
	ef.logout.must_be_idle = true;
	assert_done(run(f, &ef), AB_OUTCOME_DENIED, AB_GUARD_REDUNDANT);
	f->guard.error = -EIO;
	assert_done(run(f, &ef), AB_OUTCOME_DENIED, AB_GUARD_UNREADABLE);
	make_login(f, NULL, false);
	assert_done(run(f, &ef), AB_OUTCOME_DENIED, AB_GUARD_UNREADABLE);
	assert_int_equal(access(f->argv, F_OK), -1);
	f->guard.error = 0;
	f->guard.answer = AB_GUARD_FREE;
	make_login(f, NULL, true);
	assert_done(run(f, &ef), AB_OUTCOME_DONE, 0);
}

static void a_session_that_changed_is_not_logged_out(void **state)
{
	struct fixture *f = *state;
	struct ab_effect right = logout_of(1, 1), ef;

	add_session(f, 1);
	iscsiadm(f, LOG_OUT);
	ef = right;
	ef.logout.host = 7;
	assert_done(run(f, &ef), AB_OUTCOME_DENIED, AB_GUARD_CHANGED);
	ef = right;
	strcpy(ef.logout.key.target, TARGET "2");
	assert_done(run(f, &ef), AB_OUTCOME_DENIED, AB_GUARD_CHANGED);
	ef = right;
	strcpy(ef.logout.key.iface, "ab1");
	assert_done(run(f, &ef), AB_OUTCOME_DENIED, AB_GUARD_CHANGED);
	ef = right;
	ef.logout.key.portal.port++;
	assert_done(run(f, &ef), AB_OUTCOME_DENIED, AB_GUARD_CHANGED);
	assert_int_equal(f->guard.n, 0);
	fake_set(&f->fake, 1, "creator", "-1");
	assert_done(run(f, &right), AB_OUTCOME_DENIED, AB_GUARD_ROOT);
	assert_int_equal(access(f->argv, F_OK), -1);
}

static void become_another(struct fake_sysfs *fake)
{
	fake_set(fake, 1, "ifacename", "default");
}

static void vanish(struct fake_sysfs *fake)
{
	fake_remove_session(fake, 1);
}

static void a_session_that_changes_while_the_guard_looks_is_left(void **state)
{
	struct fixture *f = *state;
	struct ab_effect ef = logout_of(1, 1);

	add_session(f, 1);
	iscsiadm(f, LOG_OUT);
	f->guard.meanwhile = become_another;
	assert_done(run(f, &ef), AB_OUTCOME_DENIED, AB_GUARD_CHANGED);
	fake_set(&f->fake, 1, "ifacename", "ab0");
	f->guard.meanwhile = vanish;
	assert_done(run(f, &ef), AB_OUTCOME_GONE, 0);
	assert_int_equal(f->guard.n, 2);
	assert_int_equal(access(f->argv, F_OK), -1);
}

static void a_relative_path_is_no_program(void **state)
{
	struct fixture *f = *state;
	struct ab_login_config config = { .loop = f->loop, .iscsiadm = "iscsiadm" };
	struct ab_login *login;

	assert_int_equal(ab_login_new(&config, &login), -EINVAL);
}

#define LOGIN_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOGIN_TEST(a_login_names_exactly_one_record),
		LOGIN_TEST(the_status_becomes_outcome_and_code),
		LOGIN_TEST(the_session_is_told_before_the_answer),
		LOGIN_TEST(a_signal_is_unknown),
		LOGIN_TEST(a_missing_program_is_said_once_and_tried_again),
		LOGIN_TEST(iscsiadms_words_are_logged_and_cannot_do_harm),
		LOGIN_TEST(a_flood_of_words_is_cut_and_ends_nothing),
		LOGIN_TEST(logins_run_side_by_side),
		LOGIN_TEST(the_deadline_follows_the_policy_then_the_host),
		LOGIN_TEST(a_late_iscsiadm_is_unknown_and_its_end_is_looked_at),
		LOGIN_TEST(a_portal_that_takes_a_connection_is_logged_in_to),
		LOGIN_TEST(a_portal_that_refuses_is_not_logged_in_to),
		LOGIN_TEST(a_portal_that_hangs_is_given_up),
		LOGIN_TEST(a_logout_ends_exactly_that_session),
		LOGIN_TEST(what_sysfs_shows_counts_more_than_the_status),
		LOGIN_TEST(a_guard_that_refuses_is_obeyed),
		LOGIN_TEST(a_session_that_changed_is_not_logged_out),
		LOGIN_TEST(a_session_that_changes_while_the_guard_looks_is_left),
		LOGIN_TEST(a_relative_path_is_no_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
