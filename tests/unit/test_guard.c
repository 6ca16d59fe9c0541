/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looks in forked helpers: what comes back, and what happens to one that does not. */
#include "ab_test.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/file.h"
#include "io/guard.h"

#define PATIENCE_MS 20000

struct fixture {
	struct ab_loop *loop;
	struct ab_loop_timer *timer;
	struct ab_guards *guards;
	bool is_late;
	unsigned int n_answers, n_wanted;
	struct ab_block_answer answer; /* the last one */
	char root[64], sysfs[96], proc[96];
	struct ab_block_config config;
};

static int claimed(const char *path)
{
	(void)path;
	return 1;
}

/* An open() on a dead path. */
static int hang(const char *path)
{
	(void)path;
	while (pause() < 0)
		;
	return 0;
}

static int die(const char *path)
{
	(void)path;
	_exit(0);
}

static int no(const char *path)
{
	(void)path;
	return 0;
}

static const struct ab_block_kernel claiming = { claimed, no, NULL },
				    hanging = { hang, no, NULL },
				    dying = { die, no, NULL }, quiet = { no, no, NULL };

static void put(const struct fixture *f, const char *path, const char *text)
{
	char full[512];
	FILE *file;

	snprintf(full, sizeof(full), "%s/%s", f->root, path);
	*strrchr(full, '/') = '\0';
	assert_int_equal(ab_file_make_dirs(AT_FDCWD, full, 0755), 0);
	snprintf(full, sizeof(full), "%s/%s", f->root, path);
	file = fopen(full, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void put_link(const struct fixture *f, const char *path, const char *target)
{
	char full[512];

	snprintf(full, sizeof(full), "%s/%s", f->root, path);
	*strrchr(full, '/') = '\0';
	assert_int_equal(ab_file_make_dirs(AT_FDCWD, full, 0755), 0);
	snprintf(full, sizeof(full), "%s/%s", f->root, path);
	assert_int_equal(symlink(target, full), 0);
}

static void on_timer(void *arg)
{
	struct fixture *f = arg;

	f->is_late = true;
	ab_loop_stop(f->loop);
}

static void on_answer(void *arg, const struct ab_block_answer *answer)
{
	struct fixture *f = arg;

	f->answer = *answer;
	if (++f->n_answers >= f->n_wanted)
		ab_loop_stop(f->loop);
}

static void run(struct fixture *f, unsigned int n_wanted)
{
	f->n_wanted = n_wanted;
	f->is_late = false;
	ab_loop_timer_set(f->timer, ab_mono_add_ms(ab_loop_now(f->loop), PATIENCE_MS));
	if (f->n_answers < n_wanted)
		assert_int_equal(ab_loop_run(f->loop), 0);
	assert_false(f->is_late);
	assert_int_equal(f->n_answers, n_wanted);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	assert_int_equal(ab_loop_new(&f->loop), 0);
	assert_int_equal(ab_loop_timer_new(f->loop, on_timer, f, &f->timer), 0);
	snprintf(f->root, sizeof(f->root), "/tmp/autobind-test-guard-XXXXXX");
	assert_non_null(mkdtemp(f->root));
	snprintf(f->sysfs, sizeof(f->sysfs), "%s/sysfs", f->root);
	snprintf(f->proc, sizeof(f->proc), "%s/proc", f->root);
	put(f, "proc/self/comm", "test\n");
	put(f, "sysfs/host3/session7/iscsi_session/session7/state", "LOGGED_IN\n");
	put_link(f, "sysfs/class/iscsi_session/session7",
		 "../../host3/session7/iscsi_session/session7");
	put(f, "sysfs/host3/session7/target3:0:0/3:0:0:1/block/sdb/dev", "8:16\n");
	put(f, "sysfs/block/sdb/holders/.keep", "");
	put(f, "sysfs/block/sdb/stat", "0\n");
	put(f, "sysfs/block/sdb/inflight", "0 0\n");
	f->config = (struct ab_block_config){
		.sysfs = f->sysfs,
		.proc = f->proc,
		.dev = "/dev",
		.mpath = { "@autobind-test-guard-none", "" },
		.activity_ms = 1,
		.stop_fd = -1,
	};
	*state = f;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	ab_guards_free(f->guards);
	while (waitpid(-1, NULL, 0) > 0)
		; /* those that were left end by themselves */
	ab_loop_timer_free(f->timer);
	ab_loop_free(f->loop);
	assert_int_equal(nftw(f->root, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
	free(f);
	return 0;
}

static const struct ab_block_question question = { 7, 3, 1, false };

static void begin(struct fixture *f, const struct ab_block_kernel *kernel,
		  uint32_t deadline_ms)
{
	f->config.kernel = kernel;
	assert_int_equal(ab_guards_new(f->loop, &f->config, deadline_ms, &f->guards),
			 0);
	assert_int_equal(ab_guard_begin(f->guards, &question, on_answer, f), 0);
	assert_int_equal(f->n_answers, 0);
}

static void the_answer_of_the_look_comes_back(void **state)
{
	struct fixture *f = *state;

	begin(f, &claiming, 0);
	run(f, 1);
	assert_int_equal(f->answer.guard, AB_GUARD_OPEN);
	assert_string_equal(f->answer.detail, "sdb is mounted, swapped to or claimed");
}

static void a_free_session_is_told_after_its_wait(void **state)
{
	struct fixture *f = *state;

	begin(f, &quiet, 0);
	run(f, 1);
	assert_int_equal(f->answer.guard, AB_GUARD_FREE);
	assert_string_equal(f->answer.detail, "");
}

/* The slots of those that were ended are free again when the processes have gone. */
static void a_look_that_hangs_is_unreadable_and_ended(void **state)
{
	struct fixture *f = *state;
	unsigned int i;
	int r = -EBUSY;

	begin(f, &hanging, 300);
	for (i = 1; i < AB_GUARD_LOOKS_MAX; i++)
		assert_int_equal(ab_guard_begin(f->guards, &question, on_answer, f), 0);
	assert_int_equal(ab_guard_begin(f->guards, &question, on_answer, f), -EBUSY);
	run(f, AB_GUARD_LOOKS_MAX);
	assert_int_equal(f->answer.guard, AB_GUARD_UNREADABLE);
	assert_string_equal(f->answer.detail, "a device does not answer in time");
	f->is_late = false;
	for (i = 0; i < 1000 && r == -EBUSY; i++) {
		ab_loop_timer_set(f->timer, ab_mono_add_ms(ab_loop_now(f->loop), 10));
		assert_int_equal(ab_loop_run(f->loop), 0);
		r = ab_guard_begin(f->guards, &question, on_answer, f);
	}
	assert_int_equal(r, 0);
	run(f, AB_GUARD_LOOKS_MAX + 1);
}

static void a_look_that_dies_is_unreadable(void **state)
{
	struct fixture *f = *state;

	begin(f, &dying, 0);
	run(f, 1);
	assert_int_equal(f->answer.guard, AB_GUARD_UNREADABLE);
	assert_string_equal(f->answer.detail, "the process that looked died");
}

/* It waits for activity far longer than the test does. */
static void a_cancelled_look_has_no_answer_and_ends(void **state)
{
	struct fixture *f = *state;
	int other;

	f->config.activity_ms = 100 * PATIENCE_MS;
	begin(f, &quiet, 100 * PATIENCE_MS);
	ab_guard_cancel(f->guards, &other);
	ab_guard_cancel(f->guards, f);
	for (unsigned int i = 1; i < AB_GUARD_LOOKS_MAX; i++)
		assert_int_equal(
			ab_guard_begin(f->guards, &question, on_answer, &other), 0);
	while (ab_guard_begin(f->guards, &question, on_answer, &other) == -EBUSY) {
		ab_loop_timer_set(f->timer, ab_mono_add_ms(ab_loop_now(f->loop), 10));
		assert_int_equal(ab_loop_run(f->loop), 0);
	}
	assert_int_equal(f->n_answers, 0);
}

int main(void)
{
#define LOOP_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		LOOP_TEST(the_answer_of_the_look_comes_back),
		LOOP_TEST(a_free_session_is_told_after_its_wait),
		LOOP_TEST(a_look_that_hangs_is_unreadable_and_ended),
		LOOP_TEST(a_look_that_dies_is_unreadable),
		LOOP_TEST(a_cancelled_look_has_no_answer_and_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
