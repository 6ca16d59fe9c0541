/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From probe results to the state of a path; addresses that no target can have. */
#include "ab_test.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "core/health.h"
#include "core/name.h"

#define RISE 2
#define FALL 3

static bool sample(struct ab_health *h, enum ab_probe_result result, int32_t error,
		   int64_t at)
{
	return ab_health_sample(h, &(struct ab_health_result){ result, error, 800 },
				RISE, FALL, ab_mono_ns(at));
}

/* UP since 1. */
static struct ab_health up(void)
{
	struct ab_health h;

	ab_health_reset(&h, AB_PATH_UNKNOWN, ab_mono_ns(0));
	assert_false(sample(&h, AB_PROBE_ANSWER, 0, 1));
	assert_true(sample(&h, AB_PROBE_ANSWER, 0, 1));
	assert_int_equal(h.state, AB_PATH_UP);
	return h;
}

static void every_way_to_fail_has_its_state_after_fall(void **st)
{
	static const struct {
		enum ab_probe_result result;
		int32_t error;
		enum ab_path_state state;
	} rows[] = {
		{ AB_PROBE_LOST, 0, AB_PATH_DOWN },
		{ AB_PROBE_REFUSED, ECONNREFUSED, AB_PATH_REFUSED },
		{ AB_PROBE_CANNOT_SEND, ENOBUFS, AB_PATH_CANNOTSEND },
		/* Nobody answers ARP: the other side is silent, not this one. */
		{ AB_PROBE_CANNOT_SEND, EHOSTUNREACH, AB_PATH_DOWN },
		{ AB_PROBE_WRONG_DEVICE, 0, AB_PATH_WRONGDEVICE },
	};
	size_t i;

	(void)st;
	for (i = 0; i < AB_COUNT(rows); i++) {
		struct ab_health h = up();

		assert_false(ab_health_is_down(&h));
		assert_false(sample(&h, rows[i].result, rows[i].error, 2));
		assert_false(sample(&h, rows[i].result, rows[i].error, 3));
		assert_int_equal(h.state, AB_PATH_UP);
		assert_true(sample(&h, rows[i].result, rows[i].error, 4));
		assert_int_equal(h.state, rows[i].state);
		assert_int_equal(h.error, rows[i].error);
		assert_int_equal(h.since.ns, 4);
		assert_true(ab_health_is_down(&h));
		/* The same again is no news. */
		assert_false(sample(&h, rows[i].result, rows[i].error, 5));
		assert_int_equal(h.since.ns, 4);
		assert_true(h.has_rtt);
	}
}

static void another_reason_is_told_and_it_is_down_since_the_first(void **st)
{
	struct ab_health h = up();
	unsigned int i;

	(void)st;
	for (i = 2; i < 5; i++)
		(void)sample(&h, AB_PROBE_LOST, 0, i);
	assert_false(sample(&h, AB_PROBE_REFUSED, ECONNREFUSED, 9));
	assert_int_equal(h.state, AB_PATH_REFUSED);
	assert_int_equal(h.since.ns, 4);
	/* The same state for another errno. */
	assert_false(sample(&h, AB_PROBE_REFUSED, EHOSTUNREACH, 10));
	assert_int_equal(h.error, EHOSTUNREACH);
	assert_int_equal(h.since.ns, 4);
}

static void one_answer_among_losses_begins_the_count_anew(void **st)
{
	struct ab_health h = up();

	(void)st;
	(void)sample(&h, AB_PROBE_LOST, 0, 2);
	(void)sample(&h, AB_PROBE_LOST, 0, 3);
	assert_false(sample(&h, AB_PROBE_ANSWER, 0, 4));
	(void)sample(&h, AB_PROBE_LOST, 0, 5);
	assert_false(sample(&h, AB_PROBE_LOST, 0, 6));
	assert_int_equal(h.state, AB_PATH_UP);
	assert_int_equal(h.n_lost, 4);
	assert_int_equal(h.n_sent, 5);
	assert_true(sample(&h, AB_PROBE_LOST, 0, 7));
}

static void what_the_kernel_knows_is_set_once(void **st)
{
	struct ab_health h = up();

	(void)st;
	assert_true(ab_health_set(&h, AB_PATH_NOCARRIER, 0, ab_mono_ns(2)));
	assert_false(ab_health_set(&h, AB_PATH_NOCARRIER, 0, ab_mono_ns(3)));
	assert_int_equal(h.since.ns, 2);
	assert_false(ab_health_is_down(&h));
	assert_true(ab_health_set(&h, AB_PATH_DOWN, 0, ab_mono_ns(4)));
	assert_true(ab_health_set(&h, AB_PATH_DOWN, EHOSTUNREACH, ab_mono_ns(5)));
}

static void round_trips_are_smoothed(void **st)
{
	struct ab_health h = up();

	(void)st;
	assert_int_equal(h.rtt_us, 800);
	(void)ab_health_sample(&h,
			       &(struct ab_health_result){ AB_PROBE_ANSWER, 0, 1600 },
			       RISE, FALL, ab_mono_ns(2));
	assert_int_equal(h.rtt_us, 900);
}

static struct ab_portal portal(const char *text)
{
	struct ab_portal p;

	assert_int_equal(ab_name_parse_portal(text, &p), 0);
	return p;
}

static void addresses_that_no_target_has(void **st)
{
	static const struct {
		const char *text;
		bool is_unusable;
	} rows[] = {
		{ "0.1.2.3", true },	{ "127.0.0.1", true },
		{ "224.0.0.1", true },	{ "255.255.255.255", true },
		{ "10.0.0.1", false },	{ "169.254.0.1", false },
		{ "223.1.1.1", false }, { "[::]", true },
		{ "[::1]", true },	{ "[::2]", false },
		{ "[ff02::1]", true },	{ "[::ffff:10.0.0.1]", true },
		{ "[fd00::1]", false }, { "[fe80::1]", false },
	};
	struct ab_addr none = { .family = 0 };
	size_t i;

	(void)st;
	for (i = 0; i < AB_COUNT(rows); i++) {
		struct ab_portal p = portal(rows[i].text);

		if (ab_addr_is_unusable(&p.addr) != rows[i].is_unusable)
			fail_msg("%s", rows[i].text);
	}
	assert_true(ab_addr_is_unusable(&none));
}

static void link_local_is_fe80_10(void **st)
{
	static const char *const no[] = { "10.0.0.1", "[fec0::1]", "[fd80::1]" };
	struct ab_portal p = portal("[febf::1]");
	size_t i;

	(void)st;
	assert_true(ab_addr_is_linklocal6(&p.addr));
	for (i = 0; i < AB_COUNT(no); i++) {
		p = portal(no[i]);
		assert_false(ab_addr_is_linklocal6(&p.addr));
	}
}

static void portals_are_ordered_by_family_address_and_port(void **st)
{
	static const char *const in_order[] = { "10.0.0.9:1", "10.0.0.9:2", "10.0.0.10",
						"[fd00::1]:1", "[fd00::1]:2" };
	size_t i, k;

	(void)st;
	for (i = 0; i < AB_COUNT(in_order); i++)
		for (k = 0; k < AB_COUNT(in_order); k++) {
			struct ab_portal a = portal(in_order[i]),
					 b = portal(in_order[k]);
			int r = ab_portal_compare(&a, &b);

			assert_int_equal((r > 0) - (r < 0), (i > k) - (i < k));
			assert_int_equal(ab_portal_equal(&a, &b), i == k);
		}
}

static void ranges_hold_only_their_family(void **st)
{
	static const struct {
		const char *text;
		bool is_in;
	} rows[] = { { "10.0.255.1", true },
		     { "10.2.0.1", false },
		     { "[a00::1]", false } };
	struct ab_net net = { .addr = portal("10.1.0.0").addr, .len = 15 };
	struct ab_addr none = { .family = 0 };
	struct ab_net nothing = { .addr = none };
	size_t i;

	(void)st;
	for (i = 0; i < AB_COUNT(rows); i++) {
		struct ab_portal p = portal(rows[i].text);

		assert_int_equal(ab_net_contains(&net, &p.addr), rows[i].is_in);
	}
	assert_false(ab_net_contains(&nothing, &none));
}

static void hardware_addresses_are_equal_in_length_and_bytes(void **st)
{
	struct ab_hwaddr a = { 6, { 1, 2, 3, 4, 5, 6 } }, b = a;

	(void)st;
	assert_true(ab_hwaddr_equal(&a, &b));
	b.bytes[5] = 7;
	assert_false(ab_hwaddr_equal(&a, &b));
	b = a;
	b.len = 5;
	assert_false(ab_hwaddr_equal(&a, &b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_way_to_fail_has_its_state_after_fall),
		cmocka_unit_test(another_reason_is_told_and_it_is_down_since_the_first),
		cmocka_unit_test(one_answer_among_losses_begins_the_count_anew),
		cmocka_unit_test(what_the_kernel_knows_is_set_once),
		cmocka_unit_test(round_trips_are_smoothed),
		cmocka_unit_test(addresses_that_no_target_has),
		cmocka_unit_test(link_local_is_fe80_10),
		cmocka_unit_test(portals_are_ordered_by_family_address_and_port),
		cmocka_unit_test(ranges_hold_only_their_family),
		cmocka_unit_test(hardware_addresses_are_equal_in_length_and_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
