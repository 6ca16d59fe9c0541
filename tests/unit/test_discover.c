/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parent's side of a discovery: hostile helpers are scripts, the good one is real.
 */
#include "ab_test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/name.h"
#include "io/discover.h"

#define PATIENCE_MS 20000
#define NAME "iqn.2020-01.com.example:"
/* A text that may have a NUL inside, and its length. */
#define KEEP(s) (s), sizeof(s) - 1

/* --- the output of the helper ----------------------------------------------------- */

static struct ab_discover_limits limits_of(const char *asked, uint32_t max,
					   bool has_device)
{
	struct ab_discover_limits limits = { .max = max, .has_device = has_device };

	assert_int_equal(ab_name_parse_portal(asked, &limits.asked), 0);
	return limits;
}

static void outputs(void **state)
{
#define P(name, portal) "P\t" name "\t" portal "\n"
#define A P(NAME "a", "10.0.0.1:3260,1")
	static const struct {
		const char *what, *text;
		bool is_good;
	} rows[] = {
		{ "one", A "E\t0\t1\n", true },
		{ "none", "E\t0\t0\n", true },
		{ "failure", "E\t7\t0\n", true },
		{ "IPv6", P(NAME "a", "[2001:db8::1]:3260,1") "E\t0\t1\n", true },
		{ "no tag", P(NAME "a", "10.0.0.1:3260") "E\t0\t1\n", true },
		{ "the asked one may be any", P(NAME "a", "127.0.0.1:3260") "E\t0\t1\n",
		  true },
		{ "empty", "", false },
		{ "no trailer", A, false },
		{ "no last newline", A "E\t0\t1", false },
		{ "something behind", A "E\t0\t1\n\n", false },
		{ "two trailers", A "E\t0\t1\nE\t0\t1\n", false },
		{ "line behind", "E\t0\t1\n" A, false },
		{ "count too small", A "E\t0\t0\n", false },
		{ "count too large", A "E\t0\t2\n", false },
		{ "lines in a failure", A "E\t7\t1\n", false },
		{ "unknown code", "E\t20\t0\n", false },
		{ "code of the shell", "E\t1\t0\n", false },
		{ "negative code", "E\t-1\t0\n", false },
		{ "leading zero", A "E\t00\t1\n", false },
		{ "other type", "Q\t" NAME "a\t10.0.0.1:3260,1\nE\t0\t1\n", false },
		{ "long type", "PP\t" NAME "a\t10.0.0.1:3260,1\nE\t0\t1\n", false },
		{ "empty line", "\nE\t0\t0\n", false },
		{ "carriage return", "P\t" NAME "a\t10.0.0.1:3260,1\r\nE\t0\t1\n",
		  false },
		{ "fourth field", "P\t" NAME "a\t10.0.0.1:3260,1\tx\nE\t0\t1\n",
		  false },
		{ "missing field", "P\t" NAME "a\nE\t0\t1\n", false },
		{ "slash", P(NAME "a/b", "10.0.0.1:3260,1") "E\t0\t1\n", false },
		{ "dots", P("..", "10.0.0.1:3260,1") "E\t0\t1\n", false },
		{ "empty name", P("", "10.0.0.1:3260,1") "E\t0\t1\n", false },
		{ "not normal: port", P(NAME "a", "10.0.0.1,1") "E\t0\t1\n", false },
		{ "not normal: case", P(NAME "a", "[2001:DB8::1]:3260,1") "E\t0\t1\n",
		  false },
		{ "domain", P(NAME "a", "disk:3260,1") "E\t0\t1\n", false },
		{ "loopback", P(NAME "a", "127.0.0.2:3260,1") "E\t0\t1\n", false },
		{ "link-local", P(NAME "a", "[fe80::1]:3260,1") "E\t0\t1\n", false },
		{ "more than allowed", A A A "E\t0\t3\n", false },
	};
	struct ab_discover_limits limits = limits_of("127.0.0.1:3260", 2, false);
	struct ab_discover_answer answer;
	unsigned int i;

	(void)state;
	for (i = 0; i < AB_COUNT(rows); i++)
		ab_assert_row(rows[i].what,
			      ab_discover_check(rows[i].text, strlen(rows[i].text),
						&limits, &answer) == rows[i].is_good);
	limits.has_device = true;
	assert_true(ab_discover_check(KEEP("P\t" NAME "a\t[fe80::1]:3260,1\nE\t0\t1\n"),
				      &limits, &answer));
	assert_false(ab_discover_check(
		KEEP("P\t" NAME "a\0b\t10.0.0.1:3260,1\nE\t0\t1\n"), &limits, &answer));
}

static void every_cut_output_is_refused(void **state)
{
	static const char text[] = P(NAME "a", "10.0.0.1:3260,1")
		P(NAME "b", "[2001:db8::1]:3260,2") "E\t0\t2\n";
	struct ab_discover_limits limits = limits_of("10.0.0.9", 100, false);
	struct ab_discover_answer answer;
	struct ab_proto_item item;
	size_t n;

	(void)state;
	for (n = 0; n < sizeof(text) - 1; n++) {
		char *copy = malloc(n + 1); /* for the sanitizer to see overruns */

		assert_non_null(copy);
		memcpy(copy, text, n);
		assert_false(ab_discover_check(copy, n, &limits, &answer));
		free(copy);
	}
	assert_true(ab_discover_check(text, n, &limits, &answer));
	assert_true(ab_discover_next(&answer, &item));
	assert_string_equal(item.target, NAME "a");
	assert_int_equal(item.portal.addr.family, AF_INET);
	assert_int_equal(item.tpgt, 1);
	assert_true(ab_discover_next(&answer, &item));
	assert_string_equal(item.target, NAME "b");
	assert_int_equal(item.portal.addr.family, AF_INET6);
	assert_int_equal(item.tpgt, 2);
	assert_false(ab_discover_next(&answer, &item));
}

/* --- jobs ------------------------------------------------------------------------- */

struct fixture {
	struct ab_loop *loop;
	struct ab_spawner *spawner;
	struct ab_discover *discover;
	struct ab_loop_timer *timer;
	bool is_late;
	char dir[64], helper[96], log[96], secret[96];
	unsigned int n_wanted, n_done;
	struct ab_event done; /* the last */
	unsigned int n_found;
	struct ab_event found;	    /* the last */
	unsigned int n_answers[64]; /* by job */
	const char *name;	    /* of the host; NULL: not told when asked */
	unsigned int n_asked;	    /* for it */
};

static void on_event(void *arg, const struct ab_event *ev)
{
	struct fixture *f = arg;

	if (ev->type == AB_EV_FOUND) {
		assert_int_equal(f->n_answers[ev->found.job], 0);
		f->n_found++;
		f->found = *ev;
		return;
	}
	assert_int_equal(ev->type, AB_EV_DONE);
	f->n_answers[ev->done.job]++;
	f->done = *ev;
	if (++f->n_done == f->n_wanted)
		ab_loop_stop(f->loop);
}

static void on_timer(void *arg)
{
	struct fixture *f = arg;

	f->is_late = true;
	ab_loop_stop(f->loop);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	const char *tmp = getenv("TMPDIR");

	assert_non_null(f);
	(void)snprintf(f->dir, sizeof(f->dir), "%s/ab-discover.XXXXXX",
		       tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(f->dir));
	(void)snprintf(f->helper, sizeof(f->helper), "%s/helper", f->dir);
	(void)snprintf(f->log, sizeof(f->log), "%s/log", f->dir);
	(void)snprintf(f->secret, sizeof(f->secret), "%s/san1", f->dir);
	assert_int_equal(ab_loop_new(&f->loop), 0);
	assert_int_equal(ab_spawner_new(f->loop, &f->spawner), 0);
	assert_int_equal(ab_loop_timer_new(f->loop, on_timer, f, &f->timer), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	pid_t pid = ab_spawner_pid(f->spawner);

	ab_spawner_free(f->spawner);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	ab_discover_free(f->discover);
	ab_loop_timer_free(f->timer);
	ab_loop_free(f->loop);
	unlink(f->helper);
	unlink(f->log);
	unlink(f->secret);
	assert_int_equal(rmdir(f->dir), 0);
	free(f);
	return 0;
}

static void on_ask(void *arg)
{
	struct fixture *f = arg;

	f->n_asked++;
	if (f->name)
		ab_discover_set_initiator(f->discover, f->name);
}

static void use_helper(struct fixture *f, const char *path)
{
	struct ab_discover_config config = {
		.loop = f->loop,
		.spawner = f->spawner,
		.helper = path,
		.chap_dir = f->dir,
		.fn = on_event,
		.ask_initiator = on_ask,
		.arg = f,
	};

	assert_int_equal(ab_discover_new(&config, &f->discover), 0);
}

static void use_script(struct fixture *f, const char *script)
{
	/* Closed before it is run: nothing may have it open for writing then. */
	int fd = open(f->helper, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);

	assert_true(fd >= 0);
	assert_true(dprintf(fd, "#!/bin/sh\n%s\n", script) > 0);
	close(fd);
	use_helper(f, f->helper);
}

static struct ab_effect effect_of(uint64_t job, const char *portal)
{
	struct ab_effect ef = { .type = AB_EF_DISCOVER, .job = job };

	assert_int_equal(ab_name_parse_portal(portal, &ef.discover.portal), 0);
	ab_copy(ef.discover.initiatorname, sizeof(ef.discover.initiatorname),
		NAME "me");
	ef.discover.deadline_ms = 5000;
	ef.discover.max = 100;
	return ef;
}

/* Until .n_done is .n_wanted. */
static void run_loop(struct fixture *f)
{
	ab_loop_timer_set(f->timer, ab_mono_add_ms(ab_loop_now(f->loop), PATIENCE_MS));
	assert_int_equal(ab_loop_run(f->loop), 0);
	assert_false(f->is_late);
}

static void run(struct fixture *f, const struct ab_effect *ef, unsigned int n)
{
	unsigned int i;

	f->n_wanted = f->n_done + n;
	for (i = 0; i < n; i++) {
		struct ab_effect copy = *ef;

		copy.job += i;
		assert_int_equal(ab_discover_run(f->discover, &copy), 0);
	}
	assert_int_equal(f->n_done, f->n_wanted - n); /* never inside the call */
	run_loop(f);
	for (i = 0; i < n; i++)
		assert_int_equal(f->n_answers[ef->job + i], 1);
}

static void helpers_that_misbehave(void **state)
{
	static const struct {
		const char *what, *script;
		enum ab_outcome outcome;
		int code;
		unsigned int n_found;
	} rows[] = {
		{ "good", "printf 'P\\t" NAME "a\\t10.0.0.1:3260,1\\nE\\t0\\t1\\n'",
		  AB_OUTCOME_DONE, 0, 1 },
		{ "refused", "printf 'E\\t6\\t0\\n'; exit 6", AB_OUTCOME_RETRY,
		  AB_DISCOVERY_REFUSED, 0 },
		{ "denied", "printf 'E\\t11\\t0\\n'; exit 11", AB_OUTCOME_RETRY,
		  AB_DISCOVERY_DENIED, 0 },
		{ "wrong arguments", "printf 'E\\t2\\t0\\n'; exit 2", AB_OUTCOME_DENIED,
		  AB_DISCOVERY_USAGE, 0 },
		{ "silent", ":", AB_OUTCOME_UNKNOWN, -EBADMSG, 0 },
		{ "good words, bad status",
		  "printf 'P\\t" NAME "a\\t10.0.0.1:3260,1\\nE\\t0\\t1\\n'; exit 7",
		  AB_OUTCOME_UNKNOWN, -EBADMSG, 0 },
		{ "bad words, good status", "printf 'E\\t7\\t0\\n'", AB_OUTCOME_UNKNOWN,
		  -EBADMSG, 0 },
		{ "cut", "printf 'P\\t" NAME "a\\t10.0.0.1:3260,1\\n'",
		  AB_OUTCOME_UNKNOWN, -EBADMSG, 0 },
		{ "one bad line among good ones",
		  "printf 'P\\t" NAME
		  "a\\t10.0.0.1:3260,1\\nP\\t../x\\t10.0.0.1:3260,1\\n"
		  "E\\t0\\t2\\n'",
		  AB_OUTCOME_UNKNOWN, -EBADMSG, 0 },
		{ "killed by its sandbox", "kill -SYS $$", AB_OUTCOME_UNKNOWN, -ECHILD,
		  0 },
		{ "endless", "yes", AB_OUTCOME_UNKNOWN, -EFBIG, 0 },
		{ "escapes on standard error",
		  "printf '\\033[2J\\n' >&2; printf 'E\\t0\\t0\\n'", AB_OUTCOME_DONE, 0,
		  0 },
	};
	struct fixture *f = *state;
	struct ab_effect ef = effect_of(1, "10.0.0.9");
	unsigned int i;

	for (i = 0; i < AB_COUNT(rows); i++) {
		use_script(f, rows[i].script);
		f->n_found = 0;
		f->n_answers[1] = 0;
		run(f, &ef, 1);
		ab_assert_row(rows[i].what, f->done.done.outcome == rows[i].outcome);
		ab_assert_row(rows[i].what, f->done.done.code == rows[i].code);
		ab_assert_row(rows[i].what, f->n_found == rows[i].n_found);
		f->discover = ab_discover_free(f->discover);
	}
	assert_string_equal(f->found.found.target, NAME "a");
	assert_int_equal(f->found.found.tpgt, 1);
}

/* The helper has the file as descriptor 3, and its name among its arguments. */
static void a_secret_goes_by_descriptor_3(void **state)
{
	struct fixture *f = *state;
	struct ab_effect ef = effect_of(1, "10.0.0.9");
	char log[512];
	ssize_t n;
	int fd;

	(void)ab_copy(ef.discover.chap, sizeof(ef.discover.chap), "san1");
	use_script(f, "{ echo \"$@\"; cat <&3; env; } >${0%helper}log\n"
		      "printf 'E\\t0\\t0\\n'");
	run(f, &ef, 1); /* there is no such file */
	assert_int_equal(f->done.done.outcome, AB_OUTCOME_RETRY);
	assert_int_equal(f->done.done.code, AB_DISCOVERY_SECRET);
	assert_int_equal(access(f->log, F_OK), -1);

	fd = open(f->secret, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_true(dprintf(fd, "TopSecret1\n") > 0);
	close(fd);
	f->n_answers[1] = 0;
	run(f, &ef, 1);
	assert_int_equal(f->done.done.outcome, AB_OUTCOME_DONE);
	fd = open(f->log, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	n = read(fd, log, sizeof(log) - 1);
	close(fd);
	assert_true(n > 0);
	log[n] = '\0';
	assert_non_null(strstr(log, " --chap san1\nTopSecret1\n"));
	assert_null(strstr(strstr(log, "TopSecret1") + 1, "TopSecret1"));

	assert_int_equal(unlink(f->secret), 0);
	assert_int_equal(symlink("/etc/passwd", f->secret), 0);
	f->n_answers[1] = 0;
	run(f, &ef, 1);
	assert_int_equal(f->done.done.code, AB_DISCOVERY_SECRET);
}

static void a_helper_that_hangs_is_given_up(void **state)
{
	struct fixture *f = *state;
	struct ab_effect ef = effect_of(1, "10.0.0.9");

	ef.discover.deadline_ms = 1;
	use_script(f, "printf 'P\\t" NAME "a\\t10.0.0.1:3260,1\\n'; exec sleep 1000");
	run(f, &ef, 1);
	assert_int_equal(f->done.done.outcome, AB_OUTCOME_UNKNOWN);
	assert_int_equal(f->done.done.code, -ETIMEDOUT);
	assert_int_equal(f->n_found, 0);
}

static void a_missing_helper_is_tried_again(void **state)
{
	struct fixture *f = *state;
	struct ab_effect ef = effect_of(1, "10.0.0.9");

	use_helper(f, "/nonexistent/helper");
	run(f, &ef, 1);
	assert_int_equal(f->done.done.outcome, AB_OUTCOME_RETRY);
	assert_int_equal(f->done.done.code, -ENOENT);
}

static void arguments_say_what_was_asked(void **state)
{
	static const char want[] =
		"--ifindex 7 --dev eth0 --portal [2001:db8::9]:3261 --initiator " NAME
		"host --deadline-ms 5000 --max 100\n";
	struct fixture *f = *state;
	struct ab_effect ef = effect_of(1, "[2001:db8::9]:3261");
	char script[256], got[512] = "";
	int fd;

	(void)snprintf(script, sizeof(script), "echo \"$@\" >%s; printf 'E\\t0\\t0\\n'",
		       f->log);
	use_script(f, script);
	ef.discover.ifindex = 7;
	ab_copy(ef.discover.netdev, sizeof(ef.discover.netdev), "eth0");
	ef.discover.initiatorname[0] = '\0';
	f->name = NAME "host";
	run(f, &ef, 1);
	assert_int_equal(f->done.done.outcome, AB_OUTCOME_DONE);
	fd = open(f->log, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0 && read(fd, got, sizeof(got) - 1) > 0);
	close(fd);
	assert_string_equal(got, want);
}

/* Asked for once by all that wait, and anew by the next ones. */
static void the_name_may_come_late(void **state)
{
	struct fixture *f = *state;
	struct ab_effect ef = effect_of(1, "10.0.0.9"),
			 named = effect_of(30, "10.0.0.9");

	use_script(f, "printf 'P\\t" NAME "a\\t10.0.0.1:3260,1\\nE\\t0\\t1\\n'");
	ef.discover.initiatorname[0] = '\0';
	f->name = "";
	run(f, &ef, 20);
	assert_int_equal(f->done.done.outcome, AB_OUTCOME_RETRY);
	assert_int_equal(f->done.done.code, -ENOKEY);
	assert_int_equal(f->n_found, 0);

	/* Those that have a name of their own do not wait. */
	f->name = NULL;
	f->n_asked = 0;
	ef.job = 40;
	assert_int_equal(ab_discover_run(f->discover, &ef), 0);
	ef.job = 41;
	assert_int_equal(ab_discover_run(f->discover, &ef), 0);
	run(f, &named, 1);
	assert_int_equal(f->n_found, 1);
	assert_int_equal(f->n_asked, 1);
	assert_int_equal(f->n_answers[40] + f->n_answers[41], 0);

	ab_discover_set_initiator(f->discover, NAME "host");
	f->n_wanted = f->n_done + 2;
	run_loop(f);
	assert_int_equal(f->n_answers[40], 1);
	assert_int_equal(f->n_answers[41], 1);
	assert_int_equal(f->n_found, 3);
}

static void many_at_once_are_each_answered_once(void **state)
{
	struct fixture *f = *state;
	struct ab_effect ef = effect_of(1, "10.0.0.9");

	use_script(f, "printf 'P\\t" NAME "a\\t10.0.0.1:3260,1\\nE\\t0\\t1\\n'");
	run(f, &ef, 60);
	assert_int_equal(f->n_found, 60);
}

/* The program that was built beside this one. */
static void the_real_helper_is_understood(void **state)
{
	struct fixture *f = *state;
	struct ab_effect ef = effect_of(1, "127.0.0.1:1"); /* tcpmux: nobody's */
	char path[512];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 64);
	char *end;

	assert_true(n > 0);
	path[n] = '\0';
	end = strstr(path, "/tests/unit/");
	assert_non_null(end);
	strcpy(end, "/autobind-discover");
	if (access(path, X_OK))
		skip(); /* only this test was built */
	use_helper(f, path);
	run(f, &ef, 1);
	assert_int_equal(f->done.done.outcome, AB_OUTCOME_RETRY);
	assert_int_equal(f->done.done.code, AB_DISCOVERY_REFUSED);
	ef.job = 2;
	ef.discover.max = 0;
	run(f, &ef, 1);
	assert_int_equal(f->done.done.outcome, AB_OUTCOME_DENIED);
	assert_int_equal(f->done.done.code, AB_DISCOVERY_USAGE);
	ef.job = 3;
	ef.discover.max = 1;
	ef.discover.ifindex = INT32_MAX;
	run(f, &ef, 1);
	assert_int_equal(f->done.done.outcome, AB_OUTCOME_RETRY);
	assert_int_equal(f->done.done.code, AB_DISCOVERY_BIND);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outputs),
		cmocka_unit_test(every_cut_output_is_refused),
		TEST(helpers_that_misbehave),
		TEST(a_secret_goes_by_descriptor_3),
		TEST(a_helper_that_hangs_is_given_up),
		TEST(a_missing_helper_is_tried_again),
		TEST(arguments_say_what_was_asked),
		TEST(the_name_may_come_late),
		TEST(many_at_once_are_each_answered_once),
		TEST(the_real_helper_is_understood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
