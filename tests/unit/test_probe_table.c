/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "io/probe_table.h"

#define TICK AB_PROBE_TICK_NS
#define START (INT64_C(1000) * TICK + 7)

static const struct ab_hash_key key = { 1, 2 };

static void init(struct ab_probe_table *t, uint32_t max)
{
	ab_probe_table_init(t, &key, max, ab_mono_ns(START));
}

static uint32_t add(struct ab_probe_table *t, uint64_t id)
{
	uint32_t slot;

	assert_int_equal(ab_probe_table_add(t, id, &slot), 0);
	assert_true(t->paths[slot].id == id);
	return slot;
}

static unsigned int count_due(struct ab_probe_table *t)
{
	unsigned int n = 0;

	while (ab_probe_table_pop(t, AB_PROBE_LIST_DUE) != AB_PROBE_NIL)
		n++;
	return n;
}

static void path_is_found_until_it_is_deleted(void **state)
{
	struct ab_probe_table t;
	uint32_t slot;

	(void)state;
	init(&t, 100);
	assert_int_equal(ab_probe_table_find(&t, 5), AB_PROBE_NIL);
	slot = add(&t, 5);
	assert_int_equal(ab_probe_table_find(&t, 5), slot);
	assert_int_equal(ab_probe_table_find(&t, 6), AB_PROBE_NIL);
	ab_probe_table_del(&t, slot);
	assert_int_equal(ab_probe_table_find(&t, 5), AB_PROBE_NIL);
	ab_probe_table_fini(&t);
}

static void limit_is_kept_and_a_free_slot_is_used_again(void **state)
{
	struct ab_probe_table t;
	uint32_t slot;

	(void)state;
	init(&t, 20);
	for (uint64_t id = 0; id < 20; id++)
		(void)add(&t, id);
	assert_int_equal(ab_probe_table_add(&t, 20, &slot), -ENOSPC);
	slot = ab_probe_table_find(&t, 7);
	ab_probe_table_del(&t, slot);
	assert_int_equal(add(&t, 20), slot);
	assert_int_equal(t.paths[slot].list, AB_PROBE_LIST_NONE);
	ab_probe_table_fini(&t);
}

static void nothing_is_due_before_its_time_and_all_is_by_then(void **state)
{
	static const int64_t delays[] = {
		0,
		1,
		TICK - 8,
		TICK,
		5 * TICK,
		64 * TICK,
		65 * TICK + 1,
		(AB_PROBE_WHEEL - 1) * TICK,
		AB_PROBE_WHEEL * TICK,
		(AB_PROBE_WHEEL + 1) * TICK,
		3 * AB_PROBE_WHEEL * TICK + 12345,
	};
	struct ab_probe_table t;

	(void)state;
	for (size_t i = 0; i < sizeof(delays) / sizeof(delays[0]); i++) {
		int64_t when;
		uint32_t slot;

		init(&t, 1);
		slot = add(&t, 1);
		ab_probe_table_schedule(&t, slot, START + delays[i]);
		when = t.paths[slot].when;
		assert_in_range(when - START, delays[i] ? delays[i] : 1,
				delays[i] + 2 * TICK);
		for (int64_t now = START;;) {
			ab_mono next = ab_probe_table_next(&t);

			assert_true(next.ns > now);
			assert_true(next.ns <= when);
			now = next.ns;
			ab_probe_table_advance(&t, ab_mono_ns(now - 1));
			assert_int_equal(count_due(&t), 0);
			ab_probe_table_advance(&t, ab_mono_ns(now));
			if (now == when)
				break;
			assert_int_equal(count_due(&t), 0);
		}
		assert_int_equal(count_due(&t), 1);
		assert_true(ab_mono_is_never(ab_probe_table_next(&t)));
		ab_probe_table_fini(&t);
	}
}

static void long_sleep_makes_everything_due_once(void **state)
{
	struct ab_probe_table t;

	(void)state;
	init(&t, 1000);
	for (uint64_t id = 0; id < 1000; id++)
		ab_probe_table_schedule(&t, add(&t, id),
					START + (int64_t)id * 20 * TICK);
	ab_probe_table_advance(&t, ab_mono_ns(START + INT64_C(1000000) * TICK));
	assert_int_equal(count_due(&t), 1000);
	assert_true(ab_mono_is_never(ab_probe_table_next(&t)));
	ab_probe_table_fini(&t);
}

static void those_that_wait_come_in_their_order(void **state)
{
	struct ab_probe_table t;
	uint32_t slots[5];

	(void)state;
	init(&t, 10);
	for (uint64_t id = 0; id < 5; id++) {
		slots[id] = add(&t, id);
		ab_probe_table_wait(&t, slots[id]);
	}
	ab_probe_table_del(&t, slots[2]);
	ab_probe_table_del(&t, slots[4]);
	ab_probe_table_wait(&t, slots[0]); /* again, at the end */
	assert_int_equal(ab_probe_table_pop(&t, AB_PROBE_LIST_WAIT), slots[1]);
	assert_int_equal(ab_probe_table_pop(&t, AB_PROBE_LIST_WAIT), slots[3]);
	assert_int_equal(ab_probe_table_pop(&t, AB_PROBE_LIST_WAIT), slots[0]);
	assert_int_equal(ab_probe_table_pop(&t, AB_PROBE_LIST_WAIT), AB_PROBE_NIL);
	ab_probe_table_fini(&t);
}

/* --- against a model that is too simple to be wrong ---------------------------------
 */

#define IDS 300

struct model {
	bool exists[IDS];
	int64_t when[IDS]; /* 0: on no list */
};

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static void change(struct ab_probe_table *t, struct model *m, int64_t now,
		   uint32_t *seed)
{
	uint64_t id = next_random(seed) % IDS;
	uint32_t slot = ab_probe_table_find(t, id);

	assert_int_equal(slot != AB_PROBE_NIL, m->exists[id]);
	if (!m->exists[id]) {
		slot = add(t, id);
		m->exists[id] = true;
		m->when[id] = 0;
	} else if (next_random(seed) % 4 == 0) {
		ab_probe_table_del(t, slot);
		m->exists[id] = false;
		return;
	}
	ab_probe_table_schedule(
		t, slot, now + (int64_t)(next_random(seed) % 200000) * TICK / 10);
	m->when[id] = t->paths[slot].when;
}

static void check_due(struct ab_probe_table *t, struct model *m, int64_t now)
{
	uint32_t slot;

	ab_probe_table_advance(t, ab_mono_ns(now));
	while ((slot = ab_probe_table_pop(t, AB_PROBE_LIST_DUE)) != AB_PROBE_NIL) {
		uint64_t id = t->paths[slot].id;

		assert_true(m->exists[id] && m->when[id] && m->when[id] <= now);
		m->when[id] = 0;
	}
	for (unsigned int id = 0; id < IDS; id++)
		assert_false(m->exists[id] && m->when[id] && m->when[id] <= now);
}

static void behaves_as_a_plain_list_would(void **state)
{
	(void)state;
	for (uint32_t first = 1; first <= 5; first++) {
		struct ab_probe_table t;
		struct model m = { 0 };
		uint32_t seed = first;
		int64_t now = START;

		print_message("seed %u\n", first);
		init(&t, IDS);
		for (unsigned int i = 0; i < 4000; i++) {
			for (unsigned int k = next_random(&seed) % 4; k > 0; k--)
				change(&t, &m, now, &seed);
			now += (int64_t)(next_random(&seed) % 1000) * TICK / 10;
			check_due(&t, &m, now);
		}
		ab_probe_table_fini(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(path_is_found_until_it_is_deleted),
		cmocka_unit_test(limit_is_kept_and_a_free_slot_is_used_again),
		cmocka_unit_test(nothing_is_due_before_its_time_and_all_is_by_then),
		cmocka_unit_test(long_sleep_makes_everything_due_once),
		cmocka_unit_test(those_that_wait_come_in_their_order),
		cmocka_unit_test(behaves_as_a_plain_list_would),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
