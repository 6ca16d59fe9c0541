/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Real children, run by a real helper: /bin/sh is the only thing needed. */
#include "ab_test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/loop.h"
#include "io/spawner.h"

#define PATIENCE_MS 20000

struct answer {
	unsigned int n; /* how often it was given */
	enum ab_spawner_end end;
	int code;
	bool is_cut;
	size_t n_out;
	char *out; /* owned */
	char err[AB_SPAWNER_ERROR_MAX + 1];
};

struct fixture {
	struct ab_loop *loop;
	struct ab_spawner *spawner;
	struct ab_loop_timer *timer;
	unsigned int n_wanted; /* the loop stops when so many answers are there */
	bool is_late;
	struct answer answers[AB_SPAWNER_JOBS_MAX + 8];
	unsigned int n_answers;
};

static struct fixture *the_fixture; /* callbacks know their answer only */

static void on_answer(void *arg, const struct ab_spawner_result *result)
{
	struct answer *a = arg;

	a->n++;
	a->end = result->end;
	a->code = result->code;
	a->is_cut = result->is_cut;
	a->n_out = result->n_out;
	free(a->out); /* of a first answer */
	a->out = malloc(result->n_out + 1);
	assert_non_null(a->out);
	memcpy(a->out, result->out, result->n_out + 1);
	memcpy(a->err, result->err, result->n_err + 1);
	if (++the_fixture->n_answers >= the_fixture->n_wanted)
		ab_loop_stop(the_fixture->loop);
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

	assert_non_null(f);
	assert_int_equal(ab_loop_new(&f->loop), 0);
	assert_int_equal(ab_spawner_new(f->loop, &f->spawner), 0);
	assert_int_equal(ab_loop_timer_new(f->loop, on_timer, f, &f->timer), 0);
	*state = the_fixture = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	pid_t pid = ab_spawner_pid(f->spawner);
	unsigned int i;

	ab_spawner_free(f->spawner);
	if (pid > 0) /* it ends because its socket is closed */
		assert_int_equal(waitpid(pid, NULL, 0), pid);
	ab_loop_timer_free(f->timer);
	ab_loop_free(f->loop);
	for (i = 0; i < AB_COUNT(f->answers); i++)
		free(f->answers[i].out);
	free(f);
	return 0;
}

static void run_loop(struct fixture *f, unsigned int n_wanted)
{
	f->n_wanted = n_wanted;
	f->is_late = false;
	ab_loop_timer_set(f->timer, ab_mono_add_ms(ab_loop_now(f->loop), PATIENCE_MS));
	if (f->n_answers < n_wanted)
		assert_int_equal(ab_loop_run(f->loop), 0);
	assert_false(f->is_late);
	ab_loop_timer_set(f->timer, AB_MONO_NEVER);
}

static int start(struct fixture *f, struct answer *a, const char *script,
		 struct ab_spawner_job job)
{
	const char *argv[] = { "/bin/sh", "-c", script, NULL };

	if (!job.argv)
		job.argv = argv;
	if (!job.deadline_ms)
		job.deadline_ms = PATIENCE_MS;
	if (!job.output_max)
		job.output_max = 65536;
	return ab_spawner_run(f->spawner, &job, on_answer, a);
}

static struct answer *run(struct fixture *f, const char *script,
			  struct ab_spawner_job job)
{
	struct answer *a = &f->answers[f->n_answers];

	assert_int_equal(start(f, a, script, job), 0);
	assert_int_equal(a->n, 0);
	run_loop(f, f->n_answers + 1);
	assert_int_equal(a->n, 1);
	return a;
}

#define PLAIN ((struct ab_spawner_job){ 0 })

static void output_errors_and_status_come_back(void **state)
{
	struct answer *a = run(*state, "echo out; echo err >&2; exit 7", PLAIN);

	assert_int_equal(a->end, AB_SPAWNER_EXITED);
	assert_int_equal(a->code, 7);
	assert_string_equal(a->out, "out\n");
	assert_string_equal(a->err, "err\n");
	assert_false(a->is_cut);
}

static void a_child_gets_a_clean_start(void **state)
{
	const char *argv[] = { "/usr/bin/env", NULL };
	struct fixture *f = *state;
	struct answer *a;
	char *end;

	a = run(f, NULL, (struct ab_spawner_job){ .argv = argv });
	assert_string_equal(a->out, "LC_ALL=C\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\n");
	/* 3 is the folder that ls reads. */
	a = run(f, "cd /proc/self/fd && exec ls", PLAIN);
	assert_string_equal(a->out, "0\n1\n2\n3\n");
	a = run(f, "pwd; readlink /proc/self/fd/0; cat", PLAIN);
	assert_string_equal(a->out, "/\n/dev/null\n");
	/* Not counted: 32 and 33, which libc keeps for itself. */
	a = run(f, "sed -n 's/^Sig[BI][lg][kn]:\t//p' /proc/self/status", PLAIN);
	assert_int_equal(strtoull(a->out, &end, 16) & ~UINT64_C(0x180000000), 0);
	assert_int_equal(strtoull(end, &end, 16) & ~UINT64_C(0x180000000), 0);
	assert_string_equal(end, "\n");
	/* In a group of its own, not in a session of its own. */
	a = run(f, "set -- $(cat /proc/$$/stat); [ $5 = $$ ] && [ $6 != $$ ]", PLAIN);
	assert_int_equal(a->code, 0);
	a = run(f, "set -- $(cat /proc/$$/stat); [ $5 = $$ ] && [ $6 = $$ ]",
		(struct ab_spawner_job){ .is_never_killed = true });
	assert_int_equal(a->code, 0);
}

static void an_input_is_descriptor_3(void **state)
{
	const char *name = "/proc/sys/kernel/ostype"; /* "Linux" */
	struct fixture *f = *state;
	struct answer *a;

	a = run(f, "cat <&3; ls /proc/$$/fd", (struct ab_spawner_job){ .input = name });
	assert_string_equal(a->out, "Linux\n0\n1\n2\n3\n");
	a = run(f, "echo ran", (struct ab_spawner_job){ .input = "/nonexistent" });
	assert_int_equal(a->end, AB_SPAWNER_NO_INPUT);
	assert_int_equal(a->code, ENOENT);
	a = run(f, "echo ran", (struct ab_spawner_job){ .input = "/proc/self/exe" });
	assert_int_equal(a->end, AB_SPAWNER_NO_INPUT);
	assert_int_equal(a->code, ELOOP);
	a = run(f, "ls /proc/$$/fd", PLAIN);
	assert_string_equal(a->out, "0\n1\n2\n");
}

static void arguments_pass_as_they_are(void **state)
{
	const char *argv[] = { "/bin/echo", "", "a b", "$HOME", "x\ny", NULL };
	struct answer *a = run(*state, NULL, (struct ab_spawner_job){ .argv = argv });

	assert_string_equal(a->out, " a b $HOME x\ny\n");
}

static void what_cannot_start_is_told(void **state)
{
	const char *argv[] = { "/nonexistent/program", NULL };
	struct answer *a = run(*state, NULL, (struct ab_spawner_job){ .argv = argv });

	assert_int_equal(a->end, AB_SPAWNER_FAILED);
	assert_int_equal(a->code, ENOENT);
}

static void too_long_arguments_are_refused(void **state)
{
	const char *argv[AB_SPAWNER_ARGS_MAX + 2] = { "/bin/true" };
	struct fixture *f = *state;
	static char huge[70000];
	unsigned int i;

	for (i = 1; i <= AB_SPAWNER_ARGS_MAX; i++)
		argv[i] = "x";
	assert_int_equal(
		start(f, &f->answers[0], NULL, (struct ab_spawner_job){ .argv = argv }),
		-E2BIG);
	memset(huge, 'x', sizeof(huge) - 1);
	assert_int_equal(start(f, &f->answers[0], huge, PLAIN), -E2BIG);
	argv[AB_SPAWNER_ARGS_MAX] = NULL;
	assert_int_equal(run(f, NULL, (struct ab_spawner_job){ .argv = argv })->code,
			 0);
}

static void large_output_comes_whole(void **state)
{
	struct answer *a =
		run(*state, "head -c 4194304 /dev/zero | tr '\\0' x; echo end",
		    (struct ab_spawner_job){ .output_max = AB_SPAWNER_OUTPUT_MAX });

	assert_int_equal(a->end, AB_SPAWNER_EXITED);
	assert_int_equal(a->n_out, 4194304 + 4);
	assert_int_equal(strspn(a->out, "x"), 4194304);
	assert_string_equal(a->out + 4194304, "end\n");
}

static void too_much_output_ends_the_child(void **state)
{
	struct answer *a =
		run(*state, "yes", (struct ab_spawner_job){ .output_max = 1000 });

	assert_int_equal(a->end, AB_SPAWNER_FLOODED);
	assert_true(a->is_cut);
	assert_int_equal(a->n_out, 1000);
}

static void too_much_output_does_not_end_what_is_never_killed(void **state)
{
	struct answer *a = run(
		*state, "head -c 300000 /dev/zero; head -c 9000 /dev/zero >&2",
		(struct ab_spawner_job){ .output_max = 1000, .is_never_killed = true });

	assert_int_equal(a->end, AB_SPAWNER_EXITED);
	assert_int_equal(a->code, 0);
	assert_true(a->is_cut);
	assert_int_equal(a->n_out, 1000);
}

static void a_crash_is_told(void **state)
{
	struct answer *a = run(*state, "kill -SEGV $$", PLAIN);

	assert_int_equal(a->end, AB_SPAWNER_CRASHED);
	assert_int_equal(a->code, SIGSEGV);
}

static void the_deadline_ends_a_child(void **state)
{
	struct answer *a = run(*state, "echo early; exec sleep 1000",
			       (struct ab_spawner_job){ .deadline_ms = 200 });

	assert_int_equal(a->end, AB_SPAWNER_EXPIRED);
	assert_string_equal(a->out, "early\n");
}

static void the_deadline_ends_a_stubborn_child_and_its_group(void **state)
{
	struct answer *a =
		run(*state,
		    "trap '' TERM; sleep 1000 & echo $!; while :; do sleep 1000; done",
		    (struct ab_spawner_job){ .deadline_ms = 200 });
	struct pollfd gone = { .events = POLLIN };
	long pid = strtol(a->out, NULL, 10);

	assert_int_equal(a->end, AB_SPAWNER_EXPIRED);
	assert_true(pid > 1);
	/* SIGKILL was sent to the group before the answer. */
	gone.fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
	if (gone.fd < 0) {
		assert_int_equal(errno, ESRCH);
		return;
	}
	assert_int_equal(poll(&gone, 1, PATIENCE_MS), 1);
	close(gone.fd);
}

static void a_pipe_held_open_does_not_hold_the_answer(void **state)
{
	struct answer *a = run(*state, "sleep 3 & echo done", PLAIN);

	assert_int_equal(a->end, AB_SPAWNER_EXITED);
	assert_string_equal(a->out, "done\n");
}

/* A FIFO that the test holds open: the child waits for it, and says that it lives. */
struct gate {
	int to_child, from_child; /* our ends */
	char in[64], out[64];	  /* names */
};

static void make_gate(struct gate *g)
{
	static unsigned int n;

	(void)snprintf(g->in, sizeof(g->in), "/tmp/ab-gate.%d.%u.in", getpid(), n);
	(void)snprintf(g->out, sizeof(g->out), "/tmp/ab-gate.%d.%u.out", getpid(), n++);
	assert_int_equal(mkfifo(g->in, 0600), 0);
	assert_int_equal(mkfifo(g->out, 0600), 0);
	g->to_child = open(g->in, O_RDWR | O_CLOEXEC);
	g->from_child = open(g->out, O_RDWR | O_CLOEXEC);
	assert_true(g->to_child >= 0 && g->from_child >= 0);
}

static void free_gate(struct gate *g)
{
	close(g->to_child);
	close(g->from_child);
	unlink(g->in);
	unlink(g->out);
}

static void expect_from(struct gate *g, const char *word)
{
	struct pollfd pfd = { .fd = g->from_child, .events = POLLIN };
	char line[64] = "";

	assert_int_equal(poll(&pfd, 1, PATIENCE_MS), 1);
	assert_true(read(g->from_child, line, sizeof(line) - 1) > 0);
	assert_string_equal(line, word);
}

static void what_is_never_killed_outlives_deadline_and_daemon(void **state)
{
	struct fixture *f = *state;
	struct answer *a;
	char script[256];
	struct gate g;
	pid_t helper = ab_spawner_pid(f->spawner);

	make_gate(&g);
	(void)snprintf(script, sizeof(script), "read x < %s; echo $x > %s", g.in,
		       g.out);
	a = run(f, script,
		(struct ab_spawner_job){ .deadline_ms = 100, .is_never_killed = true });
	assert_int_equal(a->end, AB_SPAWNER_EXPIRED);
	/* Others are still served, then the daemon goes. */
	assert_string_equal(run(f, "echo next", PLAIN)->out, "next\n");
	f->spawner = ab_spawner_free(f->spawner);
	assert_int_equal(kill(helper, 0), 0);
	assert_int_equal(write(g.to_child, "alive\n", 6), 6);
	expect_from(&g, "alive\n");
	assert_int_equal(waitpid(helper, NULL, 0), helper);
	assert_int_equal(a->n, 1);
	free_gate(&g);
	assert_int_equal(ab_spawner_new(f->loop, &f->spawner), 0); /* for tear_down() */
}

/* One that was late tells twice: that it is, and how it ended. */
static void what_is_never_killed_tells_its_late_end(void **state)
{
	struct fixture *f = *state;
	struct answer *a;
	char script[256];
	struct gate g;

	make_gate(&g);
	(void)snprintf(script, sizeof(script),
		       "echo early; read x < %s; echo $x; exit 3", g.in);
	a = run(f, script,
		(struct ab_spawner_job){ .deadline_ms = 100, .is_never_killed = true });
	assert_int_equal(a->end, AB_SPAWNER_EXPIRED);
	assert_int_equal(write(g.to_child, "late\n", 5), 5);
	run_loop(f, f->n_answers + 1);
	assert_int_equal(a->n, 2);
	assert_int_equal(a->end, AB_SPAWNER_EXITED);
	assert_int_equal(a->code, 3);
	assert_string_equal(a->out, "early\nlate\n");
	free_gate(&g);
}

static void what_may_be_killed_goes_with_the_daemon(void **state)
{
	struct fixture *f = *state;
	pid_t helper = ab_spawner_pid(f->spawner);
	struct answer *a = &f->answers[0];
	struct gate g;
	char script[256];

	make_gate(&g);
	(void)snprintf(script, sizeof(script), "echo up > %s; exec sleep 1000", g.out);
	assert_int_equal(start(f, a, script, PLAIN), 0);
	expect_from(&g, "up\n");
	f->spawner = ab_spawner_free(f->spawner);
	assert_int_equal(waitpid(helper, NULL, 0), helper);
	assert_int_equal(a->n, 0);
	free_gate(&g);
	assert_int_equal(ab_spawner_new(f->loop, &f->spawner), 0);
}

static void signals_of_the_terminal_do_not_end_the_helper(void **state)
{
	struct fixture *f = *state;
	pid_t helper = ab_spawner_pid(f->spawner);

	/* After a first job its signal handling is certainly set up. */
	(void)run(f, ":", PLAIN);
	assert_int_equal(kill(helper, SIGINT), 0);
	assert_int_equal(kill(helper, SIGTERM), 0);
	assert_int_equal(kill(helper, SIGHUP), 0);
	assert_string_equal(run(f, "echo on", PLAIN)->out, "on\n");
	assert_int_equal(ab_spawner_pid(f->spawner), helper);
}

static void a_dead_helper_leaves_unknown_jobs_and_returns(void **state)
{
	struct fixture *f = *state;
	struct answer *a = &f->answers[0], *b = &f->answers[1];
	pid_t helper = ab_spawner_pid(f->spawner);
	struct gate g;
	char script[256];
	int r;

	make_gate(&g);
	/* The children end by themselves: nobody is left to end them. */
	(void)snprintf(script, sizeof(script), "read x < %s", g.in);
	assert_int_equal(start(f, a, script, PLAIN), 0);
	assert_int_equal(start(f, b, script, PLAIN), 0);
	assert_int_equal(kill(helper, SIGKILL), 0);
	run_loop(f, 2);
	assert_int_equal(a->n, 1);
	assert_int_equal(a->end, AB_SPAWNER_UNKNOWN);
	assert_int_equal(b->n, 1);
	assert_int_equal(b->end, AB_SPAWNER_UNKNOWN);
	r = start(f, &f->answers[2], ":", PLAIN);
	assert_int_equal(r, -ENOTCONN);
	while (ab_spawner_pid(f->spawner) == 0 && !f->is_late) {
		ab_loop_timer_set(f->timer, ab_mono_add_ms(ab_loop_now(f->loop), 100));
		assert_int_equal(ab_loop_run(f->loop), 0);
		f->is_late = false;
	}
	assert_int_not_equal(ab_spawner_pid(f->spawner), helper);
	assert_string_equal(run(f, "echo again", PLAIN)->out, "again\n");
	assert_int_equal(write(g.to_child, "x\nx\n", 4), 4);
	free_gate(&g);
}

static void a_stuck_helper_leaves_unknown_jobs(void **state)
{
	struct fixture *f = *state;
	struct answer *a = &f->answers[0];
	pid_t helper = ab_spawner_pid(f->spawner);

	assert_int_equal(kill(helper, SIGSTOP), 0);
	assert_int_equal(
		start(f, a, "echo late", (struct ab_spawner_job){ .deadline_ms = 1 }),
		0);
	run_loop(f, 1);
	assert_int_equal(a->end, AB_SPAWNER_UNKNOWN);
	assert_int_equal(a->code, ETIMEDOUT);
	/* The late answer is nobody's. */
	assert_int_equal(kill(helper, SIGCONT), 0);
	assert_string_equal(run(f, "echo new", PLAIN)->out, "new\n");
	assert_int_equal(a->n, 1);
}

static void all_places_can_be_taken_at_once(void **state)
{
	struct fixture *f = *state;
	char script[256];
	struct gate g;
	unsigned int i;

	make_gate(&g);
	(void)snprintf(script, sizeof(script), "exec 3< %s; read x <&3; echo $$", g.in);
	for (i = 0; i < AB_SPAWNER_JOBS_MAX; i++)
		assert_int_equal(start(f, &f->answers[i], script, PLAIN), 0);
	assert_int_equal(start(f, &f->answers[i], script, PLAIN), -EBUSY);
	for (i = 0; i < AB_SPAWNER_JOBS_MAX; i++)
		assert_int_equal(write(g.to_child, "\n", 1), 1);
	run_loop(f, AB_SPAWNER_JOBS_MAX);
	for (i = 0; i < AB_SPAWNER_JOBS_MAX; i++) {
		assert_int_equal(f->answers[i].n, 1);
		assert_int_equal(f->answers[i].end, AB_SPAWNER_EXITED);
	}
	assert_int_equal(f->answers[AB_SPAWNER_JOBS_MAX].n, 0);
	assert_string_equal(run(f, "echo after", PLAIN)->out, "after\n");
	free_gate(&g);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(output_errors_and_status_come_back),
		TEST(a_child_gets_a_clean_start),
		TEST(an_input_is_descriptor_3),
		TEST(arguments_pass_as_they_are),
		TEST(what_cannot_start_is_told),
		TEST(too_long_arguments_are_refused),
		TEST(large_output_comes_whole),
		TEST(too_much_output_ends_the_child),
		TEST(too_much_output_does_not_end_what_is_never_killed),
		TEST(a_crash_is_told),
		TEST(the_deadline_ends_a_child),
		TEST(the_deadline_ends_a_stubborn_child_and_its_group),
		TEST(a_pipe_held_open_does_not_hold_the_answer),
		TEST(what_is_never_killed_outlives_deadline_and_daemon),
		TEST(what_is_never_killed_tells_its_late_end),
		TEST(what_may_be_killed_goes_with_the_daemon),
		TEST(signals_of_the_terminal_do_not_end_the_helper),
		TEST(a_dead_helper_leaves_unknown_jobs_and_returns),
		TEST(a_stuck_helper_leaves_unknown_jobs),
		TEST(all_places_can_be_taken_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
