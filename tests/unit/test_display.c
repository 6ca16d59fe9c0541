/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What reaches a terminal, how wide it is there, and where the folders are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/display.h"
#include "io/roots.h"

static void harmful_characters_become_visible(void **state)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{ "plain text, %41 too", "plain text, %41 too" },
		{ "\x1b[2J\a\r\n\t\x7f", "%1B[2J%07%0D%0A%09%7F" },
		{ "\xc2\x9b"
		  "2J",
		  "%C2%9B2J" }, /* CSI as a C1 control */
		{ "\xe2\x80\xae"
		  "abc",
		  "%E2%80%AEabc" }, /* right-to-left override */
		{ "\xe2\x81\xa6", "%E2%81%A6" },
		{ "\xe2\x80\xa8", "%E2%80%A8" }, /* line separator */
		{ "\xef\xbb\xbf", "%EF%BB%BF" },
		{ "\xff\xc3", "%FF%C3" },
		{ "\xc3\xa9\xe5\xaf\xbf", "\xc3\xa9\xe5\xaf\xbf" },
	};
	char buf[64];
	struct ab_text t;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ab_text_init(&t, buf, sizeof(buf));
		ab_display_add(&t, cases[i].text);
		assert_string_equal(buf, cases[i].expected);
	}
}

static void width_counts_columns_not_bytes(void **state)
{
	static const struct {
		const char *text;
		unsigned int width;
	} cases[] = {
		{ "", 0 },
		{ "abc", 3 },
		{ "\xc3\xa9", 1 },
		{ "e\xcc\x81", 1 },		   /* a combining accent */
		{ "\xe5\xaf\xbf\xe5\x8f\xb8", 4 }, /* two wide characters */
		{ "\xf0\x9f\x98\x80", 2 },
		{ "\xe2\x80\xa6", 1 },
		{ "\xe5\xaf", 2 }, /* cut: a column for each byte */
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(ab_display_width(cases[i].text, strlen(cases[i].text)),
				 cases[i].width);
}

static void lines_break_behind_words(void **state)
{
	static const struct {
		const char *text;
		unsigned int width;
		size_t n;
	} cases[] = {
		{ "one two three", 80, 13 },
		{ "one two three", 13, 13 },
		{ "one two three", 12, 8 },
		{ "one two three", 7, 8 }, /* the blank hangs over the edge */
		{ "one two three", 6, 4 },
		{ "onetwothree", 5, 5 },
		{ "\xe5\xaf\xbf\xe5\x8f\xb8", 3, 3 },
		{ "\xe5\xaf\xbf", 1, 3 }, /* never nothing */
		{ "", 5, 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(ab_display_wrap(cases[i].text, cases[i].width),
				 cases[i].n);
}

static void times_are_written_for_people(void **state)
{
	static const struct {
		int64_t value;
		const char *duration, *rtt;
	} cases[] = {
		{ -1, "-", "-" },
		{ 0, "0 s", "0.000 ms" },
		{ 83, "83 ms", "0.083 ms" },
		{ 999, "999 ms", "0.999 ms" },
		{ 1000, "1 s", "1.000 ms" },
		{ 12400, "12 s", "12.4 ms" },
		{ 60000, "1 min", "60.0 ms" },
		{ 183000, "3 min 3 s", "183 ms" },
		{ 3600000, "1 h", "3600 ms" },
		{ 7500000, "2 h 5 min", "7500 ms" },
		{ 90061000, "1 d 1 h", "90061 ms" },
		{ INT64_MAX, "106751991167 d 7 h", "9223372036854775 ms" },
	};
	char buf[64];
	struct ab_text t;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ab_text_init(&t, buf, sizeof(buf));
		ab_display_add_duration(&t, cases[i].value);
		assert_string_equal(buf, cases[i].duration);
		ab_text_init(&t, buf, sizeof(buf));
		ab_display_add_rtt(&t, cases[i].value);
		assert_string_equal(buf, cases[i].rtt);
	}
}

static void root_stands_in_front_of_every_path(void **state)
{
	struct ab_roots roots;
	char path[64], big[AB_ROOT_PATH + 1];

	(void)state;
	ab_roots_init(&roots);
	assert_string_equal(roots.path[AB_ROOT_CONFIG], AB_SYSCONFDIR "/autobind");
	assert_string_equal(roots.lib, AB_PREFIX "/lib/autobind");
	assert_int_equal(ab_roots_finish(&roots), 0);
	assert_int_equal(ab_roots_socket(&roots, path, sizeof(path)), 0);
	assert_string_equal(path, AB_RUNDIR "/autobind/control");
	assert_int_equal(ab_roots_socket(&roots, path, 10), AB_ROOTS_E_LENGTH);

	assert_int_equal(ab_roots_set(&roots, AB_ROOT_ROOT, "/r"), 0);
	assert_int_equal(ab_roots_set(&roots, AB_ROOT_RUN, "/x"), 0);
	assert_int_equal(ab_roots_set(&roots, AB_ROOT_UDEV, "kernel"), 0);
	assert_int_equal(ab_roots_finish(&roots), 0);
	assert_string_equal(roots.path[AB_ROOT_RUN], "/r/x");
	assert_string_equal(roots.path[AB_ROOT_SYSFS], "/r/sys");
	assert_string_equal(roots.path[AB_ROOT_UDEV], "kernel");
	assert_string_equal(roots.path[AB_ROOT_DB], "");
	assert_string_equal(roots.lib, "/r" AB_PREFIX "/lib/autobind");

	ab_roots_init(&roots);
	assert_int_equal(ab_roots_set(&roots, AB_ROOT_CONFIG, "/c"), 0);
	assert_string_equal(roots.lib, "");
	assert_int_equal(ab_roots_set(&roots, AB_ROOT_UDEV, "both"), AB_ROOTS_E_VALUE);
	assert_int_equal(ab_roots_set(&roots, AB_ROOT_DB, ""), AB_ROOTS_E_VALUE);
	memset(big, 'a', sizeof(big));
	big[AB_ROOT_PATH] = '\0';
	assert_int_equal(ab_roots_set(&roots, AB_ROOT_DB, big), AB_ROOTS_E_LENGTH);
	big[AB_ROOT_PATH - 1] = '\0';
	assert_int_equal(ab_roots_set(&roots, AB_ROOT_DB, big), 0);
	assert_int_equal(ab_roots_set(&roots, AB_ROOT_ROOT, "/r"), 0);
	assert_int_equal(ab_roots_finish(&roots), AB_ROOTS_E_LENGTH);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(harmful_characters_become_visible),
		cmocka_unit_test(width_counts_columns_not_bytes),
		cmocka_unit_test(lines_break_behind_words),
		cmocka_unit_test(times_are_written_for_people),
		cmocka_unit_test(root_stands_in_front_of_every_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
