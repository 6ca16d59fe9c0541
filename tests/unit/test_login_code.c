/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an exit status of iscsiadm means: every row of the table, and what is in none.
 */
#include "ab_test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/login_code.h"

static const struct {
	int status;
	enum ab_outcome login, logout;
	const char *words; /* a part of them; NULL: none */
} rows[] = {
	{ 0, AB_OUTCOME_DONE, AB_OUTCOME_DONE, "went well" },
	{ 1, AB_OUTCOME_RETRY, AB_OUTCOME_RETRY, "failed" },
	{ 2, AB_OUTCOME_RETRY, AB_OUTCOME_GONE, "no such session" },
	{ 3, AB_OUTCOME_RETRY, AB_OUTCOME_RETRY, "memory" },
	{ 4, AB_OUTCOME_RETRY, AB_OUTCOME_RETRY, "connection" },
	{ 5, AB_OUTCOME_RETRY, AB_OUTCOME_RETRY, "ended the login" },
	{ 6, AB_OUTCOME_RETRY, AB_OUTCOME_RETRY, "database" },
	{ 7, AB_OUTCOME_DENIED, AB_OUTCOME_DENIED, "value" },
	{ 8, AB_OUTCOME_RETRY, AB_OUTCOME_RETRY, "in time" },
	{ 9, AB_OUTCOME_RETRY, AB_OUTCOME_RETRY, "internal" },
	{ 10, AB_OUTCOME_RETRY, AB_OUTCOME_RETRY, "logout" },
	{ 11, AB_OUTCOME_RETRY, AB_OUTCOME_RETRY, "in time" },
	{ 12, AB_OUTCOME_RETRY, AB_OUTCOME_RETRY, "iscsi_tcp" },
	{ 13, AB_OUTCOME_DENIED, AB_OUTCOME_DENIED, "admit" },
	{ 14, AB_OUTCOME_DENIED, AB_OUTCOME_RETRY, "transport" },
	{ 15, AB_OUTCOME_EXISTS, AB_OUTCOME_RETRY, "already" },
	{ 16, AB_OUTCOME_RETRY, AB_OUTCOME_RETRY, "restart iscsid" },
	{ 17, AB_OUTCOME_RETRY, AB_OUTCOME_UNKNOWN, NULL },
	{ 18, AB_OUTCOME_UNKNOWN, AB_OUTCOME_UNKNOWN, "broke off" },
	{ 19, AB_OUTCOME_DENIED, AB_OUTCOME_DENIED, "refused" },
	{ 20, AB_OUTCOME_RETRY, AB_OUTCOME_RETRY, "start iscsid" },
	{ 21, AB_OUTCOME_RETRY, AB_OUTCOME_GONE, "no such record" },
	{ 22, AB_OUTCOME_RETRY, AB_OUTCOME_UNKNOWN, "sysfs" },
	{ 23, AB_OUTCOME_RETRY, AB_OUTCOME_UNKNOWN, "adapter" },
	{ 24, AB_OUTCOME_DENIED, AB_OUTCOME_RETRY, "CHAP" },
	{ 27, AB_OUTCOME_DENIED, AB_OUTCOME_DENIED, "cannot do" },
	{ 28, AB_OUTCOME_RETRY, AB_OUTCOME_RETRY, "in use" },
	{ 29, AB_OUTCOME_RETRY, AB_OUTCOME_RETRY, "busy" },
	{ 30, AB_OUTCOME_RETRY, AB_OUTCOME_UNKNOWN, NULL },
	{ 31, AB_OUTCOME_UNKNOWN, AB_OUTCOME_UNKNOWN, "early" },
	{ 32, AB_OUTCOME_UNKNOWN, AB_OUTCOME_RETRY, "connected again" },
	{ 33, AB_OUTCOME_UNKNOWN, AB_OUTCOME_UNKNOWN, "in time" },
	{ 127, AB_OUTCOME_RETRY, AB_OUTCOME_UNKNOWN, NULL },
	{ 255, AB_OUTCOME_RETRY, AB_OUTCOME_UNKNOWN, NULL },
	{ AB_LOGIN_E_CONNECT, AB_OUTCOME_RETRY, AB_OUTCOME_RETRY, "TCP" },
	{ AB_LOGIN_E_TIMEOUT, AB_OUTCOME_UNKNOWN, AB_OUTCOME_UNKNOWN, "left to end" },
	{ AB_LOGIN_E_ABSENT, AB_OUTCOME_RETRY, AB_OUTCOME_RETRY, "no such session" },
};

static const char *what(int status)
{
	static char text[32];

	snprintf(text, sizeof(text), "status %d", status);
	return text;
}

static void check_outcomes(unsigned int i)
{
	int status = rows[i].status;

	ab_assert_row(what(status), ab_login_outcome(status) == rows[i].login);
	ab_assert_row(what(status), ab_logout_outcome(status) == rows[i].logout);
}

static void check_words(unsigned int i)
{
	const char *words = ab_login_words(rows[i].status);
	const char *part = rows[i].words;

	ab_assert_row(what(rows[i].status),
		      part ? words && strstr(words, part) : !words);
}

static void every_status_has_outcomes_and_words(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < AB_COUNT(rows); i++) {
		check_outcomes(i);
		check_words(i);
	}
	assert_null(ab_login_words(-ENOENT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_status_has_outcomes_and_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
