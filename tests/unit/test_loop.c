/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The loop against real descriptors, a real timerfd and real signals.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/clock.h"
#include "io/loop.h"

#define N_MANY 1000

struct fixture {
	struct ab_loop *loop;
	struct ab_loop_timer *deadline; /* ends a test that hangs */
	bool is_late;
	int pipe[2];
};

static void on_deadline(void *arg)
{
	struct fixture *f = arg;

	f->is_late = true;
	ab_loop_stop(f->loop);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	assert_int_equal(ab_loop_new(&f->loop), 0);
	assert_int_equal(ab_loop_timer_new(f->loop, on_deadline, f, &f->deadline), 0);
	ab_loop_timer_set(f->deadline, ab_mono_add_ms(ab_clock_now(), 5000));
	assert_int_equal(pipe2(f->pipe, O_CLOEXEC | O_NONBLOCK), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	ab_loop_timer_free(f->deadline);
	ab_loop_free(f->loop);
	close(f->pipe[0]);
	close(f->pipe[1]);
	free(f);
	return 0;
}

static void run(struct fixture *f)
{
	assert_int_equal(ab_loop_run(f->loop), 0);
	assert_false(f->is_late);
}

/* A timer that writes down that it fired. */
struct shot {
	struct fixture *f;
	struct ab_loop_timer *timer;
	int id;
	ab_mono when;
	struct record *record;
};

struct record {
	int ids[N_MANY];
	ab_mono seen[N_MANY];
	size_t n;
	size_t stop_at;
};

static void on_shot(void *arg)
{
	struct shot *s = arg;
	struct record *r = s->record;

	assert_true(ab_mono_reached(s->when, ab_loop_now(s->f->loop)));
	r->seen[r->n] = ab_loop_now(s->f->loop);
	r->ids[r->n++] = s->id;
	if (r->n == r->stop_at)
		ab_loop_stop(s->f->loop);
}

static void arm(struct fixture *f, struct shot *s, struct record *r, int id,
		ab_mono when)
{
	*s = (struct shot){ .f = f, .id = id, .when = when, .record = r };
	assert_int_equal(ab_loop_timer_new(f->loop, on_shot, s, &s->timer), 0);
	ab_loop_timer_set(s->timer, when);
}

static void timers_fire_in_order_of_time_then_of_setting(void **state)
{
	struct fixture *f = *state;
	ab_mono now = ab_clock_now();
	struct record r = { .stop_at = 4 };
	struct shot s[4];

	arm(f, &s[0], &r, 0, ab_mono_add_ms(now, 30));
	arm(f, &s[1], &r, 1, ab_mono_add_ms(now, 10));
	arm(f, &s[2], &r, 2, ab_mono_add_ms(now, 20));
	arm(f, &s[3], &r, 3, ab_mono_add_ms(now, 10));
	run(f);
	assert_int_equal(r.ids[0], 1);
	assert_int_equal(r.ids[1], 3);
	assert_int_equal(r.ids[2], 2);
	assert_int_equal(r.ids[3], 0);
	for (int i = 0; i < 4; i++)
		ab_loop_timer_free(s[i].timer);
}

static void a_thousand_timers_fire_once_and_sorted(void **state)
{
	struct fixture *f = *state;
	struct shot *s = calloc(N_MANY, sizeof(*s));
	struct record *r = calloc(1, sizeof(*r));
	ab_mono now = ab_clock_now();
	uint32_t x = 1;

	assert_non_null(s);
	assert_non_null(r);
	r->stop_at = N_MANY / 2;
	for (int i = 0; i < N_MANY; i++) {
		x = x * 1664525 + 1013904223; /* Numerical Recipes */
		arm(f, &s[i], r, i, ab_mono_add_ns(now, (int64_t)(x >> 5) % 50000000));
	}
	/* Every second one is freed or moved to never: removal from inside the heap. */
	for (int i = 0; i < N_MANY; i += 4)
		s[i].timer = ab_loop_timer_free(s[i].timer);
	for (int i = 2; i < N_MANY; i += 4)
		ab_loop_timer_set(s[i].timer, AB_MONO_NEVER);
	run(f);
	assert_int_equal(r->n, N_MANY / 2);
	for (size_t i = 0; i < r->n; i++) {
		assert_int_equal(r->ids[i] % 2, 1);
		assert_true(i == 0 || s[r->ids[i - 1]].when.ns <= s[r->ids[i]].when.ns);
	}
	for (int i = 0; i < N_MANY; i++)
		ab_loop_timer_free(s[i].timer);
	free(s);
	free(r);
}

static void a_timer_set_to_never_does_not_fire(void **state)
{
	struct fixture *f = *state;
	ab_mono now = ab_clock_now();
	struct record r = { .stop_at = 1 };
	struct shot s[2];

	arm(f, &s[0], &r, 0, now);
	arm(f, &s[1], &r, 1, ab_mono_add_ms(now, 5));
	ab_loop_timer_set(s[0].timer, AB_MONO_NEVER);
	run(f);
	assert_int_equal(r.n, 1);
	assert_int_equal(r.ids[0], 1);
	ab_loop_timer_free(s[0].timer);
	ab_loop_timer_free(s[1].timer);
}

/* Sets itself to a past time again and again: each time is a wake-up of its own. */
struct again {
	struct fixture *f;
	struct ab_loop_timer *timer;
	int n;
	int n_inside;
	ab_mono last;
};

static void on_again(void *arg)
{
	struct again *a = arg;
	ab_mono now = ab_loop_now(a->f->loop);

	assert_int_equal(a->n_inside++, 0);
	if (a->n > 0)
		assert_true(ab_mono_before(a->last, now));
	a->last = now;
	ab_loop_timer_set(a->timer, ab_mono_ns(a->n % 2 ? 0 : -5));
	a->n_inside--;
	if (++a->n == 5)
		ab_loop_stop(a->f->loop);
}

static void a_past_time_fires_in_the_next_wakeup_and_never_inside_set(void **state)
{
	struct fixture *f = *state;
	struct again a = { .f = f };

	assert_int_equal(ab_loop_timer_new(f->loop, on_again, &a, &a.timer), 0);
	ab_loop_timer_set(a.timer, ab_mono_ns(1));
	assert_int_equal(a.n, 0);
	run(f);
	assert_int_equal(a.n, 5);
	ab_loop_timer_free(a.timer);
}

/* The first of three that are due at once frees itself and the third. */
struct killer {
	struct fixture *f;
	struct ab_loop_timer *own;
	struct ab_loop_timer *other;
	int n;
};

static void on_kill(void *arg)
{
	struct killer *k = arg;

	k->own = ab_loop_timer_free(k->own);
	k->other = ab_loop_timer_free(k->other);
	k->n++;
}

static void must_not_fire(void *arg)
{
	(void)arg;
	fail_msg("a freed handle was called");
}

static void a_timer_may_free_itself_and_others_that_are_due(void **state)
{
	struct fixture *f = *state;
	struct record r = { .stop_at = 1 };
	struct killer k = { .f = f };
	struct shot s;

	assert_int_equal(ab_loop_timer_new(f->loop, on_kill, &k, &k.own), 0);
	assert_int_equal(ab_loop_timer_new(f->loop, must_not_fire, NULL, &k.other), 0);
	ab_loop_timer_set(k.own, ab_mono_ns(1));
	ab_loop_timer_set(k.other, ab_mono_ns(2));
	arm(f, &s, &r, 7, ab_mono_ns(3));
	run(f);
	assert_int_equal(k.n, 1);
	assert_int_equal(r.ids[0], 7);
	ab_loop_timer_free(s.timer);
}

static void timers_left_over_by_a_stop_fire_in_the_next_run(void **state)
{
	struct fixture *f = *state;
	struct record r = { .stop_at = 1 };
	struct shot s[2];

	arm(f, &s[0], &r, 0, ab_mono_ns(1));
	arm(f, &s[1], &r, 1, ab_mono_ns(2));
	run(f);
	assert_int_equal(r.n, 1);
	r.stop_at = 2;
	run(f);
	assert_int_equal(r.n, 2);
	assert_int_equal(r.ids[1], 1);
	ab_loop_timer_free(s[0].timer);
	ab_loop_timer_free(s[1].timer);
}

static void now_stands_still_within_a_wakeup(void **state)
{
	struct fixture *f = *state;
	struct record r = { .stop_at = 2 };
	struct shot s[2];

	arm(f, &s[0], &r, 0, ab_mono_ns(1));
	arm(f, &s[1], &r, 1, ab_mono_ns(2));
	run(f);
	assert_int_equal(r.seen[0].ns, r.seen[1].ns);
	/* Outside a wake-up it goes on. */
	assert_true(ab_mono_before(r.seen[0], ab_loop_now(f->loop)));
	ab_loop_timer_free(s[0].timer);
	ab_loop_timer_free(s[1].timer);
}

/* --- descriptors --- */

struct watch {
	struct fixture *f;
	struct ab_loop_fd *own;
	struct ab_loop_fd *other;
	unsigned int ready;
	int n;
};

static void on_ready(void *arg, unsigned int ready)
{
	struct watch *w = arg;

	w->ready |= ready;
	w->n++;
	ab_loop_stop(w->f->loop);
}

static void a_descriptor_reports_what_it_is_ready_for(void **state)
{
	struct fixture *f = *state;
	struct watch w = { .f = f };
	char c;

	assert_int_equal(
		ab_loop_fd_new(f->loop, f->pipe[0], AB_LOOP_READ, on_ready, &w, &w.own),
		0);
	assert_int_equal(write(f->pipe[1], "x", 1), 1);
	run(f);
	assert_int_equal(w.ready, AB_LOOP_READ);
	/* Level-triggered: what was not read comes again. */
	run(f);
	assert_int_equal(w.n, 2);
	assert_int_equal(read(f->pipe[0], &c, 1), 1);
	w.own = ab_loop_fd_free(w.own);

	w = (struct watch){ .f = f };
	assert_int_equal(ab_loop_fd_new(f->loop, f->pipe[1], AB_LOOP_WRITE, on_ready,
					&w, &w.own),
			 0);
	run(f);
	assert_int_equal(w.ready, AB_LOOP_WRITE);
	ab_loop_fd_free(w.own);
}

static void a_paused_descriptor_is_silent_even_after_hangup(void **state)
{
	struct fixture *f = *state;
	struct watch w = { .f = f };
	struct record r = { .stop_at = 1 };
	struct shot s;

	assert_int_equal(ab_loop_fd_new(f->loop, f->pipe[0], 0, on_ready, &w, &w.own),
			 0);
	close(f->pipe[1]);
	arm(f, &s, &r, 0, ab_mono_add_ms(ab_clock_now(), 10));
	run(f);
	assert_int_equal(w.n, 0);
	assert_int_equal(ab_loop_fd_set(w.own, AB_LOOP_READ), 0);
	run(f);
	assert_int_equal(w.n, 1);
	assert_int_equal(ab_loop_fd_set(w.own, 0), 0);
	r.stop_at = 2;
	ab_loop_timer_set(s.timer, s.when);
	run(f);
	assert_int_equal(w.n, 1);
	ab_loop_timer_free(s.timer);
	ab_loop_fd_free(w.own);
	f->pipe[1] = -1;
}

static void on_ready_free_both(void *arg, unsigned int ready)
{
	struct watch *w = arg;

	(void)ready;
	w->n++;
	w->own = ab_loop_fd_free(w->own);
	w->other = ab_loop_fd_free(w->other);
	ab_loop_stop(w->f->loop);
}

static void a_descriptor_may_free_itself_and_another_ready_one(void **state)
{
	struct fixture *f = *state;
	struct watch w = { .f = f };

	assert_int_equal(ab_loop_fd_new(f->loop, f->pipe[0], AB_LOOP_READ,
					on_ready_free_both, &w, &w.own),
			 0);
	assert_int_equal(ab_loop_fd_new(f->loop, f->pipe[1], AB_LOOP_WRITE,
					on_ready_free_both, &w, &w.other),
			 0);
	assert_int_equal(write(f->pipe[1], "x", 1), 1);
	run(f);
	assert_int_equal(w.n, 1);
	assert_null(w.own);
	assert_null(w.other);
}

static void a_closed_descriptor_is_refused(void **state)
{
	struct fixture *f = *state;
	struct watch w = { .f = f };
	int fd = dup(f->pipe[0]);

	close(fd);
	assert_int_equal(
		ab_loop_fd_new(f->loop, fd, AB_LOOP_READ, on_ready, &w, &w.own),
		-EBADF);
}

/* --- signals --- */

struct got {
	struct fixture *f;
	struct ab_loop_signal *own;
	int signo;
	int n;
};

static void on_signo(void *arg, int signo)
{
	struct got *g = arg;

	g->signo = signo;
	g->n++;
	g->own = ab_loop_signal_free(g->own);
	ab_loop_stop(g->f->loop);
}

static void a_signal_arrives_in_the_loop_and_may_free_its_handle(void **state)
{
	struct fixture *f = *state;
	struct got g = { .f = f };

	assert_int_equal(ab_loop_signal_new(f->loop, SIGUSR1, on_signo, &g, &g.own), 0);
	assert_int_equal(raise(SIGUSR1), 0);
	assert_int_equal(g.n, 0);
	run(f);
	assert_int_equal(g.n, 1);
	assert_int_equal(g.signo, SIGUSR1);
}

static void a_stop_before_the_run_counts(void **state)
{
	struct fixture *f = *state;
	struct record r = { .stop_at = 1 };
	struct shot s;

	arm(f, &s, &r, 0, ab_mono_ns(1));
	ab_loop_stop(f->loop);
	run(f);
	assert_int_equal(r.n, 0);
	run(f);
	assert_int_equal(r.n, 1);
	ab_loop_timer_free(s.timer);
}

static void the_environment_does_not_choose_the_poller(void **state)
{
	struct ab_loop *loop;

	(void)state;
	assert_int_equal(setenv("EVENT_NOEPOLL", "1", 1), 0);
	assert_int_equal(ab_loop_new(&loop), 0);
	assert_int_equal(unsetenv("EVENT_NOEPOLL"), 0);
	assert_null(ab_loop_free(loop));
	assert_null(ab_loop_free(NULL));
}

#define LOOP_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOOP_TEST(timers_fire_in_order_of_time_then_of_setting),
		LOOP_TEST(a_thousand_timers_fire_once_and_sorted),
		LOOP_TEST(a_timer_set_to_never_does_not_fire),
		LOOP_TEST(a_past_time_fires_in_the_next_wakeup_and_never_inside_set),
		LOOP_TEST(a_timer_may_free_itself_and_others_that_are_due),
		LOOP_TEST(timers_left_over_by_a_stop_fire_in_the_next_run),
		LOOP_TEST(now_stands_still_within_a_wakeup),
		LOOP_TEST(a_descriptor_reports_what_it_is_ready_for),
		LOOP_TEST(a_paused_descriptor_is_silent_even_after_hangup),
		LOOP_TEST(a_descriptor_may_free_itself_and_another_ready_one),
		LOOP_TEST(a_closed_descriptor_is_refused),
		LOOP_TEST(a_signal_arrives_in_the_loop_and_may_free_its_handle),
		LOOP_TEST(a_stop_before_the_run_counts),
		cmocka_unit_test(the_environment_does_not_choose_the_poller),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
