/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ab_test.h"

#include <string.h>

#include "util/date.h"
#include "util/glob.h"
#include "util/hash.h"
#include "util/mono.h"
#include "util/num.h"
#include "util/suggest.h"
#include "util/text.h"

static void durations(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
		int r;
	} rows[] = {
		{ "500ms", 500, 0 },
		{ "10s", 10000, 0 },
		{ "5min", 300000, 0 },
		{ "1h", 3600000, 0 },
		{ "1h30min", 5400000, 0 },
		{ "1h 30min", 5400000, 0 },
		{ "0", 0, 0 },
		{ "2d", 172800000, 0 },
		{ "30", 0, AB_NUM_E_SYNTAX },
		{ "s", 0, AB_NUM_E_SYNTAX },
		{ "", 0, AB_NUM_E_SYNTAX },
		{ "-1s", 0, AB_NUM_E_SYNTAX },
		{ "1.5s", 0, AB_NUM_E_SYNTAX },
		{ "10 seconds", 0, AB_NUM_E_SYNTAX },
		{ "99999999999999999999s", 0, AB_NUM_E_RANGE },
		{ "9223372036854775807w", 0, AB_NUM_E_RANGE },
	};
	unsigned int i;
	int64_t ms;

	(void)state;
	for (i = 0; i < AB_COUNT(rows); i++) {
		ab_assert_row(rows[i].text, ab_num_duration(rows[i].text, 0, INT64_MAX,
							    &ms) == rows[i].r);
		if (rows[i].r == 0)
			ab_assert_row(rows[i].text, ms == rows[i].ms);
	}
	assert_int_equal(ab_num_duration("2s", 0, 1000, &ms), AB_NUM_E_RANGE);
}

static void numbers_are_strict(void **state)
{
	uint64_t u;
	int64_t i;
	bool b;

	(void)state;
	assert_int_equal(ab_num_u64("010", 0, 100, &u), 0);
	assert_int_equal(u, 10);
	assert_int_equal(ab_num_u64("18446744073709551615", 0, UINT64_MAX, &u), 0);
	assert_int_equal(ab_num_u64("18446744073709551616", 0, UINT64_MAX, &u),
			 AB_NUM_E_RANGE);
	assert_int_equal(ab_num_u64("5x", 0, 9, &u), AB_NUM_E_SYNTAX);
	assert_int_equal(ab_num_u64("+5", 0, 9, &u), AB_NUM_E_SYNTAX);
	assert_int_equal(ab_num_i64("-1", -1, 9, &i), 0);
	assert_int_equal(i, -1);
	assert_int_equal(ab_num_bool("On", &b), 0);
	assert_true(b);
	assert_int_equal(ab_num_bool("off", &b), 0);
	assert_false(b);
	assert_int_equal(ab_num_bool("never", &b), AB_NUM_E_SYNTAX);
}

static void globs(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool hit;
	} rows[] = {
		{ "*", "", true },
		{ "ens*f0", "ens1f0", true },
		{ "ens*f0", "ens1f0f1", false },
		{ "ens?f[0-3]", "ens1f3", true },
		{ "ens?f[!0-3]", "ens1f3", false },
		{ "a[", "a[", true },
		{ "[]a]", "]", true },
		{ "", "x", false },
		{ "**a**", "bab", true },
		{ "*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		  false },
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < AB_COUNT(rows); i++)
		ab_assert_row(rows[i].pattern,
			      ab_glob(rows[i].pattern, rows[i].text) == rows[i].hit);
	assert_true(ab_glob_nocase("IQN.*:[A-C]*", "iqn.2001:b1"));
	assert_false(ab_glob("A", "a"));
}

static void hashes_are_the_published_ones(void **state)
{
	/* Reference vector of the SipHash paper, appendix A: key 00..0f, input 00..0e.
	 */
	static const struct ab_hash_key key = { UINT64_C(0x0706050403020100),
						UINT64_C(0x0f0e0d0c0b0a0908) };
	uint8_t in[15];
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)i;
	assert_true(ab_siphash(&key, in, 15) == UINT64_C(0xa129ca6149be45e5));
	/* RFC 7143 A.4 / the usual check value. */
	assert_int_equal(ab_crc32c(0, "123456789", 9), UINT32_C(0xe3069283));
	assert_int_equal(ab_crc32c(ab_crc32c(0, "1234", 4), "56789", 5),
			 UINT32_C(0xe3069283));
}

static void suggestions(void **state)
{
	static const char *const known[] = { "Address", "Name", "Driver", "Interval" };

	(void)state;
	assert_string_equal(ab_suggest("Adress", known, 4), "Address");
	assert_string_equal(ab_suggest("naem", known, 4), "Name");
	assert_string_equal(ab_suggest("intervall", known, 4), "Interval");
	assert_null(ab_suggest("Portals", known, 4));
	assert_null(ab_suggest("", known, 4));
}

static void text_is_cut_never_overrun(void **state)
{
	char buf[8], back[32];
	struct ab_text t;
	int n;

	(void)state;
	ab_text_init(&t, buf, sizeof(buf));
	ab_text_addi(&t, INT64_MIN);
	assert_true(t.cut);
	assert_string_equal(buf, "-922337");
	ab_text_init(&t, back, sizeof(back));
	ab_text_add_escaped(&t, "a b%\n\xff\xc3\xa4\xc2\x9b", 10);
	assert_string_equal(back, "a%20b%25%0A%FF\xc3\xa4%C2%9B");
	n = ab_text_unescape(back, strlen(back), buf, sizeof(buf));
	assert_int_equal(n, -1);
	{
		char out[16];

		n = ab_text_unescape(back, strlen(back), out, sizeof(out));
		assert_int_equal(n, 10);
		assert_memory_equal(out, "a b%\n\xff\xc3\xa4\xc2\x9b", 10);
		assert_int_equal(ab_text_unescape("%00", 3, out, sizeof(out)), -1);
		assert_int_equal(ab_text_unescape("%4", 2, out, sizeof(out)), -1);
	}
	assert_false(ab_copy(buf, sizeof(buf), "12345678"));
	assert_string_equal(buf, "");
	assert_true(ab_copy(buf, sizeof(buf), "1234567"));
	ab_text_init(&t, back, sizeof(back));
	ab_text_addx(&t, 0xabc, 4);
	assert_string_equal(back, "0abc");
}

static void never_stays_never(void **state)
{
	(void)state;
	assert_true(ab_mono_is_never(ab_mono_add_ms(AB_MONO_NEVER, -5)));
	assert_true(ab_mono_is_never(ab_mono_add_ms(ab_mono_ns(1), INT64_MAX)));
	assert_int_equal(ab_mono_ms_between(ab_mono_ns(0), ab_mono_ns(2500000)), 2);
}

static void dates_are_read_and_written(void **state)
{
	static const struct {
		const char *text;
		int64_t s; /* -1: no date */
		const char *back;
	} rows[] = {
		{ "1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00Z" },
		{ "2026-11-24T16:00Z", 1795536000, "2026-11-24T16:00:00Z" },
		{ "2026-11-24 17:00+01:00", 1795536000, "2026-11-24T16:00:00Z" },
		{ "2026-11-24 10:30:00-05:30", 1795536000, "2026-11-24T16:00:00Z" },
		{ "2000-02-29T23:59:59Z", 951868799, "2000-02-29T23:59:59Z" },
		{ "2024-12-31T23:59:59Z", 1735689599, "2024-12-31T23:59:59Z" },
		{ "9999-12-31T23:59:59Z", 253402300799, "9999-12-31T23:59:59Z" },
		{ "2023-02-29T00:00Z", -1, NULL },
		{ "2100-02-29T00:00Z", -1, NULL },
		{ "2026-13-01T00:00Z", -1, NULL },
		{ "2026-00-01T00:00Z", -1, NULL },
		{ "2026-11-31T00:00Z", -1, NULL },
		{ "2026-11-24T24:00Z", -1, NULL },
		{ "2026-11-24T16:60Z", -1, NULL },
		{ "2026-11-24T16:00", -1, NULL },
		{ "2026-11-24T16:00Zx", -1, NULL },
		{ "2026-11-24", -1, NULL },
		{ "1969-12-31T00:00Z", -1, NULL },
		{ "26-11-24T16:00Z", -1, NULL },
		{ "", -1, NULL },
	};
	char buf[32];
	struct ab_text t;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t seconds = -1;

		if (ab_date_parse(rows[i].text, &seconds) != (rows[i].s >= 0))
			fail_msg("%s", rows[i].text);
		if (rows[i].s < 0)
			continue;
		if (seconds != rows[i].s)
			fail_msg("%s is %lld", rows[i].text, (long long)seconds);
		ab_text_init(&t, buf, sizeof(buf));
		ab_date_add(&t, seconds);
		assert_string_equal(buf, rows[i].back);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations),
		cmocka_unit_test(numbers_are_strict),
		cmocka_unit_test(globs),
		cmocka_unit_test(hashes_are_the_published_ones),
		cmocka_unit_test(suggestions),
		cmocka_unit_test(text_is_cut_never_overrun),
		cmocka_unit_test(dates_are_read_and_written),
		cmocka_unit_test(never_stays_never),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
