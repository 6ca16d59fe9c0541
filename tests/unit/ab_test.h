/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The headers that cmocka needs, in the order it needs them. */
#ifndef AUTOBIND_TESTS_AB_TEST_H
#define AUTOBIND_TESTS_AB_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define AB_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Fails with the row's name, so that a table says which of its rows is wrong. */
#define ab_assert_row(what, condition)                                                 \
	do {                                                                           \
		if (!(condition))                                                      \
			fail_msg("%s: %s", (what), #condition);                        \
	} while (0)

#endif
