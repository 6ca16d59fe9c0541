/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host's initiator name, in every way that the file may be written. */
#include "ab_test.h"

#include <string.h>

#include "core/name.h"
#include "io/host.h"

#define NAME "iqn.1993-08.org.debian:01:abc"

static void initiator_names(void **state)
{
	static const struct {
		const char *what, *text, *name;
		int r;
	} rows[] = {
		{ "empty", "", "", 0 },
		{ "a name", "InitiatorName=" NAME "\n", NAME, 0 },
		{ "no newline", "InitiatorName=" NAME, NAME, 0 },
		{ "blanks and CR", "InitiatorName=" NAME " \t\r\n", NAME, 0 },
		{ "comments", "## DO NOT EDIT\n\nInitiatorName=" NAME "\n# x\n", NAME,
		  0 },
		{ "commented out", "#InitiatorName=" NAME "\n", "", 0 },
		{ "still to be made", "GenerateName=yes\n", "", 0 },
		{ "another key", "InitiatorNames=x\nInitiatorAlias=y\n", "", 0 },
		{ "the last one counts",
		  "InitiatorName=iqn.2020-01.x:a\nInitiatorName=" NAME, NAME, 0 },
		{ "no value", "InitiatorName=\n", "", AB_NAME_E_SYNTAX },
		{ "no name", "InitiatorName=my host\n", "", AB_NAME_E_SYNTAX },
		{ "slash", "InitiatorName=iqn.2020-01.x:../a\n", "", AB_NAME_E_CHAR },
	};
	char name[AB_TARGET_NAME], text[600] = "InitiatorName=iqn.2020-01.x:";
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int r = ab_host_find_initiator(rows[i].text, strlen(rows[i].text),
					       name);

		if (r != rows[i].r || strcmp(name, rows[i].name) != 0)
			fail_msg("%s: %d, \"%s\"", rows[i].what, r, name);
	}
	memset(text + strlen(text), 'a', 400);
	assert_int_equal(ab_host_find_initiator(text, strlen(text), name),
			 AB_NAME_E_LENGTH);
	assert_string_equal(name, "");
	assert_int_equal(
		ab_host_find_initiator("InitiatorName=iqn.2020-01.x:\0b", 30, name), 0);
	assert_string_equal(name, "iqn.2020-01.x:");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(initiator_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
