/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host's initiator name, in every way that the file may be written; the database of
 * an iscsiadm, whatever stands in its place. */
#include "ab_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

static void make_file(const char *dir, const char *name, const char *data, size_t n)
{
	char path[256];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static void databases(void **state)
{
	static const char binary[] = "\177ELF\0/etc/iscsi/ifaces\0/run/lk/lock.write\0";
	static const char other[] =
		"\177ELF\0/opt/iscsi/ifaces\0/opt/lock/lock.write\0";
	static const char script[] = "#!/bin/sh\nexec /sbin/iscsiadm \"$@\"\n";
	static const struct {
		const char *iscsiadm, *root, *lock_dir;
	} rows[] = {
		{ NULL, "/etc/iscsi", "/run/lk" },
		{ "", "/etc/iscsi", "/run/lk" },
		{ "/sbin/iscsiadm", "/etc/iscsi", "/run/lk" },
		{ "/other", "/opt/iscsi", "/opt/lock" },
		{ "/script", "/etc/iscsi", "/run/lk" },
		{ "/nothing", "/etc/iscsi", "/run/lk" },
	};
	static const char *const made[] = { "other", "script", "sbin/iscsiadm", "sbin",
					    "" };
	char dir[] = "/tmp/autobind-host-XXXXXX", path[256];
	struct ab_db_place place;
	unsigned int i;

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/sbin", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	make_file(dir, "other", other, sizeof(other));
	make_file(dir, "script", script, sizeof(script) - 1);
	/* Nobody says anything. */
	assert_int_equal(ab_db_locate(dir, "/script", &place), 0);
	assert_false(place.found_root);
	assert_string_equal(place.root, "/var/lib/iscsi");
	make_file(dir, "sbin/iscsiadm", binary, sizeof(binary));
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(ab_db_locate(dir, rows[i].iscsiadm, &place), 0);
		assert_true(place.found_root && place.found_lock);
		assert_string_equal(place.root, rows[i].root);
		assert_string_equal(place.lock_dir, rows[i].lock_dir);
	}
	for (i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, made[i]);
		assert_int_equal(remove(path), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(initiator_names),
		cmocka_unit_test(databases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
