/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line from argv to the last byte printed, against a real control socket.
 * Goldens: tests/golden/cli; AB_UPDATE_GOLDENS=1 writes them anew.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/args.h"
#include "cli/cli.h"
#include "cli/until.h"
#include "io/control.h"

#define GOLDEN "tests/golden/cli/"

/* --- a daemon that knows a small world --- */

static void text_rows(struct ab_reply *reply, const char *const *members,
		      const char *const *values, unsigned int n)
{
	struct ab_row row;
	unsigned int i;

	ab_row_clear(&row);
	for (i = 0; i < n; i++)
		ab_row_text(&row, members[i], values[i]);
	(void)ab_reply_row(reply, &row);
}

static void send_port(struct ab_reply *reply, const char *port, const char *state,
		      int up, const char *reason)
{
	struct ab_row row;

	ab_row_clear(&row);
	ab_row_text(&row, "row", "port");
	ab_row_text(&row, "port", port);
	if (up < 0) {
		ab_row_null(&row, "policy");
	} else {
		ab_row_text(&row, "policy", "10-san");
	}
	ab_row_text(&row, "state", state);
	if (up >= 0) {
		ab_row_number(&row, "portals_up", up);
		ab_row_number(&row, "portals_all", 2);
		ab_row_number(&row, "records", up);
		ab_row_number(&row, "records_wanted", 2);
	}
	ab_row_text(&row, "reason", reason);
	(void)ab_reply_row(reply, &row);
}

static void send_status(struct ab_reply *reply, const char *overall)
{
	struct ab_row row;

	ab_row_clear(&row);
	ab_row_text(&row, "row", "head");
	ab_row_text(&row, "initiator", "iqn.1993-08.org.debian:01:4fa8b52a1f");
	ab_row_number(&row, "generation", 3);
	ab_row_text(&row, "configuration", "current");
	ab_row_text(&row, "daemon", "0.1");
	ab_row_bool(&row, "paused", strcmp(overall, "ok") != 0);
	ab_row_bool(&row, "additions_only", false);
	ab_row_number(&row, "ports", 3);
	ab_row_number(&row, "paths_up", 3);
	ab_row_number(&row, "paths_all", 4);
	ab_row_text(&row, "overall", overall);
	(void)ab_reply_row(reply, &row);
	send_port(reply, "ens1f0", "BOUND", 2, "");
	send_port(reply, "ens1f1", "PARTIAL", 1,
		  "10.0.1.10:3260 does not answer: 12 echoes lost since 3 min; the "
		  "next is sent in 10 s");
	send_port(reply, "lo", "UNTAKEN", -1,
		  "no policy takes it \x1b[31m\xe2\x80\xae\xff");
}

static void send_path(struct ab_reply *reply, const char *portal, const char *state,
		      int64_t since, int64_t rtt)
{
	struct ab_row row;

	ab_row_clear(&row);
	ab_row_text(&row, "port", "ens1f0");
	ab_row_text(&row, "portal", portal);
	ab_row_text(&row, "state", state);
	ab_row_number(&row, "since_ms", since);
	if (rtt < 0)
		ab_row_null(&row, "rtt_us");
	else
		ab_row_number(&row, "rtt_us", rtt);
	ab_row_number(&row, "loss", rtt < 0 ? 37 : 0);
	ab_row_number(&row, "interval_ms", rtt < 0 ? 10000 : 5000);
	ab_row_text(&row, "role", "discovery");
	ab_row_text(&row, "reason", rtt < 0 ? "no answer" : "");
	(void)ab_reply_row(reply, &row);
}

static void send_paths(struct ab_reply *reply)
{
	send_path(reply, "10.0.0.10:3260", "UP", 3723000, 83);
	send_path(reply, "10.0.0.11:3260", "DOWN", 183000, -1);
	send_path(reply, "[2001:db8::1]:3260", "UP", 90061000, 12400);
}

static void send_nodes(struct ab_reply *reply)
{
	static const char *const targets[] = { "iqn.2001-05.com.example:a",
					       "iqn.2001-05.com.example:b\xc3\xa9" };
	struct ab_row row;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		ab_row_clear(&row);
		ab_row_text(&row, "target", targets[i]);
		ab_row_text(&row, "portal", "10.0.0.10:3260");
		ab_row_number(&row, "tpgt", 1);
		ab_row_text(&row, "iface", "ab-ens1f0");
		ab_row_text(&row, "owner", i ? "foreign" : "ours");
		ab_row_text(&row, "state", "ok");
		ab_row_text(&row, "port", "ens1f0");
		(void)ab_reply_row(reply, &row);
	}
}

static void send_explain(struct ab_reply *reply)
{
	static const char *const members[] = { "topic", "text" };
	static const char *const rows[][2] = {
		{ "Policy", "10-san, taken since 2 h" },
		{ "Because",
		  "10-san.conf:2: Address = 10.0.0.0/24 holds for "
		  "10.0.0.101; 90-hba.conf was not asked, as the first match "
		  "decides" },
		{ "Next", "probe of 10.0.0.10:3260 in 700 ms" },
	};
	unsigned int i;

	for (i = 0; i < 3; i++)
		text_rows(reply, members, rows[i], 2);
}

static void send_plan(struct ab_reply *reply)
{
	static const char *const members[] = { "op", "kind", "object", "port",
					       "reason" };
	static const char *const rows[][5] = {
		{ "+", "iface", "ab-ens1f0", "ens1f0" },
		{ "~", "node", "iqn.2001-05.com.example:a 10.0.0.10:3260,1", "ens1f0" },
		{ "-", "node", "iqn.2001-05.com.example:b 10.0.0.11:3260,1", "ens1f1" },
		{ "!", "path", "10.0.0.12:3260", "ens1f1", "does not answer" },
	};
	unsigned int i;

	for (i = 0; i < 4; i++)
		text_rows(reply, members, rows[i], rows[i][4] ? 5 : 4);
}

static void send_events(struct ab_reply *reply, const struct ab_request *req)
{
	struct ab_row row;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		ab_row_clear(&row);
		ab_row_number(&row, "time_ms", 1767225600123 + i * 250);
		ab_row_text(&row, "what", i ? "answers" : "taken by policy");
		ab_row_text(&row, "port", "ens1f0");
		if (i)
			ab_row_text(&row, "portal", "10.0.0.10:3260");
		else
			ab_row_null(&row, "portal");
		ab_row_null(&row, "name");
		ab_row_text(&row, "text",
			    i ? "ens1f0: 10.0.0.10:3260 answers"
			      : "ens1f0: taken by policy 10-san");
		if (i || !ab_request_get(req, "lines"))
			(void)ab_reply_row(reply, &row);
	}
}

static void send_reload(struct ab_reply *reply, bool is_satisfied)
{
	struct ab_row row;

	ab_row_clear(&row);
	ab_row_text(&row, "port", "ens1f0");
	ab_row_text(&row, "portal", "10.0.0.10:3260");
	ab_row_text(&row, "state", "UP");
	(void)ab_reply_row(reply, &row);
	ab_row_clear(&row);
	ab_row_text(&row, "row", "result");
	ab_row_bool(&row, "satisfied", is_satisfied);
	ab_row_text(&row, "text", is_satisfied ? "all is there" : "1 path is missing");
	(void)ab_reply_row(reply, &row);
}

static void handle(void *arg, const struct ab_request *req, struct ab_reply *reply)
{
	const char *port = ab_request_get(req, "port");
	const char *m = req->method;

	(void)arg;
	if (port && strcmp(port, "nosuch") == 0) {
		ab_reply_error(reply, AB_MESSAGE_ERROR_NOT_FOUND,
			       "there is no port 'nosuch'");
		return;
	}
	if (port && strcmp(port, "lines") == 0) {
		ab_reply_error(
			reply, AB_MESSAGE_ERROR_CONFIG,
			"refused:\na.conf:1: error: \x1b[2J\nb.conf:2: error: x");
		return;
	}
	if (strcmp(m, "status") == 0)
		send_status(reply, port ? "ok" : "partial");
	else if (strcmp(m, "paths") == 0)
		send_paths(reply);
	else if (strcmp(m, "nodes") == 0)
		send_nodes(reply);
	else if (strcmp(m, "explain") == 0)
		send_explain(reply);
	else if (strcmp(m, "plan") == 0)
		send_plan(reply);
	else if (strcmp(m, "events") == 0)
		send_events(reply, req);
	else if (strcmp(m, "reload") == 0 || strcmp(m, "apply") == 0)
		send_reload(reply, strcmp(m, "apply") == 0);
	ab_reply_end(reply);
}

static char dir[64];
static pid_t server_pid;

static void serve(int ready)
{
	char path[80], c = 'x';
	struct ab_control_config config = { .path = path, .group = (gid_t)-1 };
	struct ab_control *control;
	struct ab_loop *loop;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(path, sizeof(path), "%s/control", dir);
	if (ab_loop_new(&loop) < 0 ||
	    ab_control_new(loop, &config, handle, NULL, &control) != 0 ||
	    write(ready, &c, 1) != 1)
		_exit(1);
	close(ready);
	(void)ab_loop_run(loop);
	_exit(1);
}

static int start(void **state)
{
	int fds[2];
	ssize_t n;
	char c;

	(void)state;
	snprintf(dir, sizeof(dir), "%s/autobind-test-XXXXXX",
		 getenv("TMPDIR") ? getenv("TMPDIR") : P_tmpdir);
	if (!mkdtemp(dir) || pipe(fds) < 0)
		return -1;
	fflush(NULL);
	server_pid = fork();
	if (server_pid == 0) {
		close(fds[0]);
		serve(fds[1]);
	}
	close(fds[1]);
	n = read(fds[0], &c, 1);
	close(fds[0]);
	return server_pid > 0 && n == 1 ? 0 : -1;
}

static int stop(void **state)
{
	char path[96];

	(void)state;
	if (server_pid > 0) {
		kill(server_pid, SIGKILL);
		waitpid(server_pid, NULL, 0);
	}
	snprintf(path, sizeof(path), "%s/control", dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/control.lock", dir);
	unlink(path);
	return rmdir(dir);
}

/* --- running it --- */

struct ran {
	int status;
	char *out, *err;
};

static struct ran run_with(struct ab_cli_setup setup, const char *words)
{
	static char *argv[32];
	char *copy = strdup(words), *rest = copy;
	struct ran r = { .status = -1 };
	size_t n_out, n_err;
	int argc = 0;

	assert_non_null(copy);
	argv[argc++] = strdup("autobind");
	while (rest && argc < 31)
		argv[argc++] = strdup(strsep(&rest, " "));
	if (!*words)
		free(argv[--argc]);
	argv[argc] = NULL;
	setup.out = open_memstream(&r.out, &n_out);
	setup.err = open_memstream(&r.err, &n_err);
	assert_true(setup.out && setup.err);
	{
		char *list[32];
		int i;

		/* getopt reorders them. */
		memcpy(list, argv, sizeof(list));
		r.status = ab_cli_main(argc, list, &setup);
		for (i = 0; i < argc; i++)
			free(argv[i]);
	}
	fclose(setup.out);
	fclose(setup.err);
	free(copy);
	return r;
}

static struct ran run(const char *words)
{
	return run_with((struct ab_cli_setup){ .width = 0 }, words);
}

static void clear(struct ran *r)
{
	free(r->out);
	free(r->err);
}

/* With --run-dir of the test's daemon in front. */
static struct ran ask(struct ab_cli_setup setup, const char *words)
{
	char all[512];

	snprintf(all, sizeof(all), "--run-dir %s %s", dir, words);
	return run_with(setup, all);
}

static char *read_all(const char *path)
{
	FILE *f = fopen(path, "re");
	char *text = NULL;
	size_t n = 0;

	if (!f)
		return NULL;
	if (getdelim(&text, &n, '\0', f) < 0 && text)
		text[0] = '\0'; /* an empty file */
	fclose(f);
	return text;
}

static void assert_golden(const char *name, const char *text)
{
	char path[128];
	char *expected;
	FILE *f;

	snprintf(path, sizeof(path), GOLDEN "%s", name);
	if (getenv("AB_UPDATE_GOLDENS")) {
		f = fopen(path, "we");
		assert_non_null(f);
		fputs(text, f);
		assert_int_equal(fclose(f), 0);
	}
	expected = read_all(path);
	if (!expected)
		fail_msg("%s: cannot be read", path);
	if (strcmp(expected, text) != 0)
		fail_msg("%s: expected\n%s\ngot\n%s", path, expected, text);
	free(expected);
}

/* --- tests --- */

static void answers_look_as_they_should(void **state)
{
	static const struct {
		const char *golden, *words;
		int status;
		struct ab_cli_setup setup;
	} cases[] = {
		{ "status", "status", 1, { .width = 0 } },
		{ "status-80", "status", 1, { .width = 80 } },
		{ "status-colour", "status ens1f0", 0, { .has_colour = true } },
		{ "status.json", "status --json", 1, { .width = 0 } },
		{ "paths", "paths", 0, { .width = 0 } },
		{ "paths-filter", "paths state=up portal=10.*", 0, { .width = 0 } },
		{ "paths-bracket",
		  "paths portal=[2001:db8::1]:3260",
		  0,
		  { .width = 0 } },
		{ "paths-none", "paths nosuch", 0, { .width = 0 } },
		{ "paths.json", "--json paths state=DOWN", 0, { .width = 0 } },
		{ "none.json", "--json paths nosuch", 0, { .width = 0 } },
		{ "nodes", "nodes", 0, { .width = 0 } },
		{ "nodes.json", "nodes --json", 0, { .width = 0 } },
		{ "explain", "explain ens1f0", 0, { .width = 0 } },
		{ "explain-50", "explain ens1f0", 0, { .width = 50 } },
		{ "explain.json", "explain ens1f0 --json", 0, { .width = 0 } },
		{ "plan", "plan", 0, { .width = 0 } },
		{ "plan.json", "plan --json", 0, { .width = 0 } },
		{ "events", "events", 0, { .width = 0 } },
		{ "events-last", "events -n 1", 0, { .width = 0 } },
		{ "events.json", "events --json --follow", 0, { .width = 0 } },
		{ "reload", "reload", 1, { .width = 0 } },
		{ "reload.json", "reload --json", 1, { .width = 0 } },
		{ "apply", "apply", 0, { .width = 0 } },
		{ "empty", "pause", 0, { .width = 0 } },
		{ "ifaces-none", "ifaces", 0, { .width = 0 } },
	};
	size_t i;

	(void)state;
	setenv("TZ", "UTC", 1);
	tzset();
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ran r = ask(cases[i].setup, cases[i].words);

		assert_golden(cases[i].golden, r.out);
		if (r.status != cases[i].status || *r.err)
			fail_msg("%s: status %d, %s", cases[i].words, r.status, r.err);
		clear(&r);
	}
}

static void no_terminal_sees_a_control_character(void **state)
{
	static const char *const words[] = { "status", "status --json", "paths",
					     "events" };
	size_t i, k;

	(void)state;
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct ran r = ask((struct ab_cli_setup){ .width = 80 }, words[i]);

		for (k = 0; r.out[k]; k++)
			if (((unsigned char)r.out[k] < ' ' && r.out[k] != '\n') ||
			    (unsigned char)r.out[k] >= 0x7f)
				fail_msg("%s: byte %02x", words[i],
					 (unsigned char)r.out[k]);
		clear(&r);
	}
}

static void errors_say_what_where_and_what_to_do(void **state)
{
	static const struct {
		const char *words;
		int status;
		const char *err;
	} cases[] = {
		{ "", 2,
		  "autobind: no verb given: try autobind status, or autobind help\n" },
		{ "stauts", 2,
		  "autobind: unknown verb 'stauts': did you mean status?\n" },
		{ "xyzzy", 2, "autobind: unknown verb 'xyzzy': see autobind help\n" },
		{ "\x1b[2J", 2,
		  "autobind: unknown verb '%1B[2J': see autobind help\n" },
		{ "--jsno status", 2,
		  "autobind: unknown option --jsno: did you mean --json?\n" },
		{ "status --jsno=1", 2,
		  "autobind: status: unknown option --jsno: did you mean --json?\n" },
		{ "--json=1 status", 2, "autobind: option --json takes no value\n" },
		{ "--follow events", 2,
		  "autobind: unknown or ambiguous option --follow: see autobind "
		  "help\n" },
		{ "events --folow", 2,
		  "autobind: events: unknown option --folow: did you mean "
		  "--follow?\n" },
		{ "events --lines", 2,
		  "autobind: events: option --lines needs a value\n" },
		{ "events -n", 2, "autobind: events: option -n needs a value\n" },
		{ "events -x", 2,
		  "autobind: events: unknown option -x: see autobind help "
		  "events\n" },
		{ "-x", 2, "autobind: unknown option -x: see autobind help\n" },
		{ "status a b", 2,
		  "autobind: status: 'b' is one word too many: usage: autobind status "
		  "[PORT]\n" },
		{ "explain", 2,
		  "autobind: explain: usage: autobind explain PORT "
		  "[PORTAL|TARGET]\n" },
		{ "paths colour=red", 2,
		  "autobind: paths: 'colour=red' is no filter: the members are those "
		  "of --json\n" },
		{ "--udev maybe status", 2,
		  "autobind: --udev: 'maybe' is no such choice: give udev|kernel\n" },
		{ "help stats", 2,
		  "autobind: help: unknown verb 'stats': did you mean status?\n" },
		{ "ping 127.0.0.1", 2,
		  "autobind: ping: through which port? usage: autobind ping -I PORT "
		  "ADDRESS[:PORT]\n" },
		{ "ping -I lo localhost", 2,
		  "autobind: ping: 'localhost' is malformed; ADDRESS[:PORT] is "
		  "wanted\n" },
		{ "ping -I lo 127.0.0.1 -i 5ms", 2,
		  "autobind: ping: --interval: '5ms' is no time from 20ms to 1h, as "
		  "200ms or 2s\n" },
		{ "ping -I lo 127.0.0.1 -c 0", 2,
		  "autobind: ping: --count: '0' is no number from 1 to "
		  "4294967295\n" },
		{ "ping -I lo 127.0.0.1:1 --jumbo", 2,
		  "autobind: ping: --size and --jumbo are for echoes: give the address "
		  "without a port, and no --tcp\n" },
		{ "ping -I nosuch0 127.0.0.1", 2,
		  "autobind: ping: nosuch0: no such network device: autobind ports "
		  "lists them\n" },
		{ "setup", 2, "autobind: setup: usage: autobind setup PORTAL...\n" },
		{ "setup san", 2,
		  "autobind: setup: 'san' is malformed; ADDRESS[:PORT] is wanted\n" },
		{ "setup fe80::1", 2,
		  "autobind: setup: 'fe80::1' can be no portal's address: loopback, "
		  "link-local or multicast\n" },
		{ "setup 10.0.0.9 --action ignore", 2,
		  "autobind: setup: --action: 'ignore' is neither login nor record\n" },
		{ "setup 10.0.0.9 --name a/b", 2,
		  "autobind: setup: --name: 'a/b' is no name of a policy: at most 60 "
		  "of A-Z a-z 0-9 . _ - + @\n" },
		{ "completion fish", 2,
		  "autobind: completion: 'fish' is no shell that is known: give "
		  "bash\n" },
		{ "--run-dir /nonexistent status", 3,
		  "autobind: status: no daemon answers at /nonexistent/control: "
		  "systemctl start autobindd, or give its folder with --run-dir\n" },
		{ "status --root /nonexistent --run-dir r", 3,
		  "autobind: status: no daemon answers at /nonexistent/r/control: "
		  "systemctl start autobindd, or give its folder with --run-dir\n" },
		{ "ports --run-dir /nonexistent", 3,
		  "autobind: ports: no daemon answers at /nonexistent/control: "
		  "systemctl start autobindd, or give its folder with --run-dir\n" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ran r = run(cases[i].words);

		if (r.status != cases[i].status || strcmp(r.err, cases[i].err) != 0 ||
		    *r.out)
			fail_msg("'%s': status %d, '%s', '%s'", cases[i].words,
				 r.status, r.err, r.out);
		clear(&r);
	}
}

static void answer_no_of_the_daemon_is_passed_on(void **state)
{
	struct ran r = ask((struct ab_cli_setup){ .width = 0 }, "explain nosuch");

	(void)state;
	assert_int_equal(r.status, 1);
	assert_string_equal(r.err, "autobind: explain: there is no port 'nosuch'\n");
	assert_string_equal(r.out, "");
	clear(&r);
	r = ask((struct ab_cli_setup){ .width = 0 }, "explain lines");
	assert_int_equal(r.status, 1);
	assert_string_equal(r.err, "autobind: explain: refused:\n"
				   " a.conf:1: error: %1B[2J\n b.conf:2: error: x\n");
	clear(&r);
	r = ask((struct ab_cli_setup){ .width = 0 }, "status nosuch --json");
	assert_string_equal(r.out, "");
	clear(&r);
}

static void help_lists_every_verb_and_option(void **state)
{
	char *all = NULL;
	size_t n, i;
	FILE *f = open_memstream(&all, &n);
	struct ran r = run("--help");

	(void)state;
	assert_int_equal(r.status, 0);
	fputs(r.out, f);
	clear(&r);
	for (i = 0; i < ab_n_verbs; i++) {
		char words[64];

		snprintf(words, sizeof(words), "help %s", ab_verbs[i].name);
		r = run(words);
		assert_int_equal(r.status, 0);
		fprintf(f, "-- %s\n%s", words, r.out);
		clear(&r);
		/* Both ways lead to the same text. */
		snprintf(words, sizeof(words), "%s --help", ab_verbs[i].name);
		r = run(words);
		assert_int_equal(r.status, 0);
		assert_non_null(strstr(r.out, ab_verbs[i].name));
		clear(&r);
	}
	fclose(f);
	assert_golden("help", all);
	free(all);
	r = run("--version");
	assert_string_equal(r.out, "autobind " AB_VERSION "\n");
	clear(&r);
}

static void table_of_verbs_is_sound(void **state)
{
	size_t i, k;

	(void)state;
	for (i = 0; i < ab_n_verbs; i++) {
		const struct ab_verb *v = &ab_verbs[i];
		const struct ab_method *m = ab_message_method(v->name);
		unsigned int n = 0;

		assert_non_null(v->run);
		assert_non_null(v->args);
		assert_true(v->help[0] >= 'a' && v->help[0] <= 'z');
		assert_ptr_equal(ab_verb_find(v->name), v);
		/* What asks the daemon is a method that it knows, and no other. */
		assert_int_equal(m != NULL, v->source != AB_VERB_LOCAL);
		assert_int_equal(v->columns != NULL && v->source != AB_VERB_LOCAL,
				 m != NULL);
		assert_true(!m || v->deadline_s > 0);
		for (k = 0; v->options && v->options[k].name; k++)
			n++;
		assert_true(n <= AB_VERB_OPTIONS);
		for (k = 0; v->columns && v->columns[k].member; k++)
			assert_int_equal(v->columns[k].kind == AB_COLUMN_RATIO,
					 v->columns[k].other != NULL);
		assert_true(k <= 12);
	}
}

static void man_page_has_every_verb_and_option(void **state)
{
	char *page = read_all("man/autobind.8");
	char word[64];
	size_t i, k;

	(void)state;
	assert_non_null(page);
	for (i = 0; i < ab_n_verbs; i++) {
		const struct ab_verb *v = &ab_verbs[i];

		snprintf(word, sizeof(word), "\n.It Cm %s", v->name);
		if (!v->is_hidden && !strstr(page, word))
			fail_msg("man/autobind.8 lacks the verb %s", v->name);
		for (k = 0; v->options && v->options[k].name; k++) {
			snprintf(word, sizeof(word), "Fl -%s", v->options[k].name);
			if (!strstr(page, word))
				fail_msg("man/autobind.8 lacks --%s of %s",
					 v->options[k].name, v->name);
		}
		for (k = 0; v->columns && v->columns[k].member; k++) {
			snprintf(word, sizeof(word), "%s", v->columns[k].member);
			if (!strstr(page, word))
				fail_msg("man/autobind.8 lacks the member %s of %s",
					 word, v->name);
		}
	}
	for (i = 0; i < AB_ROOT_MAX; i++) {
		snprintf(word, sizeof(word), "\n.It Fl -%s", ab_root_options[i].name);
		if (!strstr(page, word))
			fail_msg("man/autobind.8 lacks --%s", ab_root_options[i].name);
	}
	free(page);
	page = read_all("man/autobindd.8");
	assert_non_null(page);
	for (i = 0; i < AB_ROOT_MAX; i++) {
		snprintf(word, sizeof(word), "\n.It Fl -%s", ab_root_options[i].name);
		if (!strstr(page, word))
			fail_msg("man/autobindd.8 lacks --%s", ab_root_options[i].name);
	}
	free(page);
}

static int offline_ifaces(const struct ab_roots *roots, const char *world,
			  ab_client_row_fn *fn, void *arg, struct ab_text *message)
{
	struct ab_row row;

	assert_null(world);

	if (strcmp(roots->path[AB_ROOT_DB], "/broken") == 0) {
		ab_text_add(message, "/broken: not a database");
		return -EACCES;
	}
	ab_row_clear(&row);
	ab_row_text(&row, "iface", "default");
	ab_row_text(&row, "transport", "tcp");
	return fn(arg, &row);
}

static void without_a_daemon_files_answer_where_they_can(void **state)
{
	static const struct ab_cli_offline_ops ops = { .ifaces = offline_ifaces };
	struct ab_cli_setup setup = { .offline = &ops };
	struct ran r;

	(void)state;
	r = run_with(setup, "--run-dir /nonexistent --json ifaces");
	assert_int_equal(r.status, 0);
	assert_string_equal(
		r.out, "[\n {\"iface\": \"default\", \"transport\": \"tcp\"}\n]\n");
	clear(&r);
	r = run_with(setup, "--run-dir /nonexistent --json ifaces --db /broken");
	assert_int_equal(r.status, 4);
	assert_string_equal(
		r.err,
		"autobind: ifaces: /broken: not a database: without a daemon only "
		"root may look there\n");
	assert_string_equal(r.out, "");
	clear(&r);
	r = run_with(setup, "--run-dir /nonexistent nodes");
	assert_int_equal(r.status, 3);
	clear(&r);
	/* With a daemon it is the one that is asked. */
	r = ask(setup, "ifaces --json");
	assert_string_equal(r.out, "[]\n");
	clear(&r);
}

static void full_disk_is_an_error(void **state)
{
	struct ab_cli_setup setup = { .out = fopen("/dev/full", "we") };
	char word[3][80] = { "autobind", "paths", "" };
	char *argv[] = { word[0], word[1], word[2], NULL };
	size_t n;
	char *err = NULL;

	(void)state;
	if (!setup.out)
		skip();
	setup.err = open_memstream(&err, &n);
	snprintf(word[2], sizeof(word[2]), "--run-dir=%s", dir);
	assert_int_equal(ab_cli_main(3, argv, &setup), AB_EXIT_FAILED);
	fclose(setup.err);
	assert_non_null(strstr(err, "cannot write the answer"));
	free(err);
	(void)fclose(setup.out); /* it fails again */
}

static void write_policy(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "we");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void check_prints_messages_as_compilers_do(void **state)
{
	char words[128], expected[512];
	struct ran r;

	(void)state;
	snprintf(words, sizeof(words), "%s/policy.d", dir);
	assert_int_equal(mkdir(words, 0755), 0);
	snprintf(words, sizeof(words), "check %s", dir);
	r = run(words);
	assert_int_equal(r.status, 0);
	assert_string_equal(r.out,
			    "valid: 0 policies, so no port is taken: autobind setup "
			    "PORTAL... makes the first one\n");
	clear(&r);
	write_policy("policy.d/10-a.conf", "[Match]\nName = ens*\n[Bind]\n"
					   "Action = ifase\n");
	r = run(words);
	assert_int_equal(r.status, 1);
	snprintf(expected, sizeof(expected), "%s/policy.d/10-a.conf:4: error: ", dir);
	assert_ptr_equal(strstr(r.out, expected), r.out);
	assert_non_null(strstr(r.out, "did you mean 'iface'?"));
	assert_non_null(
		strstr(r.out, "\n1 error: this configuration would be refused"));
	clear(&r);
	snprintf(words, sizeof(words), "--json check %s", dir);
	r = run(words);
	assert_int_equal(r.status, 1);
	snprintf(expected, sizeof(expected),
		 "[\n {\"file\": \"%s/policy.d/10-a.conf\", \"line\": 4, "
		 "\"severity\": \"error\", \"text\": ",
		 dir);
	assert_ptr_equal(strstr(r.out, expected), r.out);
	clear(&r);
	write_policy("policy.d/10-a.conf", "[Match]\nName = ens*\n[Bind]\n"
					   "Action = iface\n");
	r = run(words);
	assert_int_equal(r.status, 0);
	assert_string_equal(r.out, "[]\n");
	clear(&r);
	snprintf(words, sizeof(words), "%s/policy.d/10-a.conf", dir);
	assert_int_equal(unlink(words), 0);
	snprintf(words, sizeof(words), "%s/policy.d", dir);
	assert_int_equal(rmdir(words), 0);
}

static void ping_probes_as_ping_does(void **state)
{
	struct ran r;

	(void)state;
	if (geteuid() != 0)
		skip();
	r = run("ping -I lo 127.0.0.1 -c 2 -i 20ms");
	assert_int_equal(r.status, 0);
	assert_non_null(strstr(r.out, "2 packets transmitted, 2 received"));
	clear(&r);
	/* tcpmux: nobody listens there. */
	r = run("ping -I lo 127.0.0.1:1 -c 1 --json");
	assert_int_equal(r.status, 1);
	assert_string_equal(strchr(r.out, '\n') ? (*strchr(r.out, '\n') = '\0', r.out)
						: r.out,
			    "{\"seq\": 1, \"result\": \"refused\", \"rtt_us\": null, "
			    "\"arrival\": null, \"error\": \"Connection refused\"}");
	clear(&r);
}

/* What bash offers for a line; @word is the index of the last one. */
static char *complete(const char *script, const char *line, int word)
{
	char command[1024], *text = NULL;
	size_t n = 0;
	FILE *f;

	snprintf(command, sizeof(command),
		 "bash -c '. \"$0\"; COMP_WORDS=(%s); COMP_CWORD=%d; _autobind; "
		 "echo ${COMPREPLY[*]}' %s",
		 line, word, script);
	f = popen(command, "r");
	assert_non_null(f);
	if (getline(&text, &n, f) < 0)
		text[0] = '\0';
	assert_int_equal(pclose(f), 0);
	text[strcspn(text, "\n")] = '\0';
	return text;
}

static void completion_knows_verbs_and_options(void **state)
{
	static const struct {
		const char *line;
		int word;
		const char *expected;
	} cases[] = {
		{ "autobind stat", 1, "status" },
		{ "autobind --db /x no", 3, "nodes" },
		{ "autobind events --fo", 2, "--follow" },
		{ "autobind events --js", 2, "--json" },
		{ "autobind status lo", 2, "lo" },
		{ "autobind help exp", 2, "explain" },
		{ "autobind ping -I l", 3, "lo" },
		{ "autobind --config", 1, "--config-dir" },
		{ "autobind comple", 1, "" },
	};
	struct ran r = run("completion bash");
	char script[96];
	size_t i;
	FILE *f;

	(void)state;
	assert_int_equal(r.status, 0);
	if (access("/bin/bash", X_OK) < 0) {
		clear(&r);
		skip();
	}
	snprintf(script, sizeof(script), "%s/completion", dir);
	f = fopen(script, "we");
	assert_non_null(f);
	fputs(r.out, f);
	assert_int_equal(fclose(f), 0);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *got = complete(script, cases[i].line, cases[i].word);

		if (strcmp(got, cases[i].expected) != 0)
			fail_msg("%s: '%s'", cases[i].line, got);
		free(got);
	}
	unlink(script);
	clear(&r);
}

static void a_time_to_come_is_read_as_it_is_typed(void **state)
{
	/* 2026-11-24 16:00:00Z, in a zone that is an hour ahead in winter. */
	static const int64_t now = 1795536000;
	static const struct {
		const char *typed;
		int64_t s; /* 0: refused */
	} rows[] = {
		{ "+2h", 1795536000 + 7200 },
		{ "+90s", 1795536000 + 90 },
		{ "18:30", 1795536000 + 5400 },
		{ "17:00", 1795536000 + 86400 }, /* that is now */
		{ "08:00", 1795536000 + 15 * 3600 },
		{ "2026-11-24 18:00", 1795536000 + 3600 },
		{ "2026-11-24T18:00:05", 1795536000 + 3605 },
		{ "2026-11-24T18:00Z", 1795536000 + 7200 },
		{ "2026-11-24 15:00", 0 },
		{ "2026-11-24T15:59:59Z", 0 },
		{ "+0s", 0 },
		{ "+2", 0 },
		{ "2h", 0 },
		{ "tomorrow", 0 },
		{ "25:00", 0 },
		{ "", 0 },
	};
	size_t i;

	(void)state;
	assert_int_equal(setenv("TZ", "XYZ-1", 1), 0);
	tzset();
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t s = 0;
		bool is_good = ab_until_parse(rows[i].typed, now, &s);

		if (is_good != (rows[i].s != 0) || (is_good && s != rows[i].s))
			fail_msg("'%s': %d, %lld", rows[i].typed, is_good,
				 (long long)(s - now));
	}
	assert_int_equal(unsetenv("TZ"), 0);
	tzset();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_look_as_they_should),
		cmocka_unit_test(no_terminal_sees_a_control_character),
		cmocka_unit_test(errors_say_what_where_and_what_to_do),
		cmocka_unit_test(answer_no_of_the_daemon_is_passed_on),
		cmocka_unit_test(help_lists_every_verb_and_option),
		cmocka_unit_test(table_of_verbs_is_sound),
		cmocka_unit_test(a_time_to_come_is_read_as_it_is_typed),
		cmocka_unit_test(man_page_has_every_verb_and_option),
		cmocka_unit_test(without_a_daemon_files_answer_where_they_can),
		cmocka_unit_test(full_disk_is_an_error),
		cmocka_unit_test(check_prints_messages_as_compilers_do),
		cmocka_unit_test(ping_probes_as_ping_does),
		cmocka_unit_test(completion_knows_verbs_and_options),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
