/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * core/chap and io/chap: what a secret file may hold, who may have it.
 */
#include "ab_test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/chap.h"
#include "io/chap.h"

#define GOOD "username = host1\npassword = secret1secret1\n"

static bool is_wiped(const struct ab_chap *chap)
{
	static const struct ab_chap empty;

	return memcmp(chap, &empty, sizeof(empty)) == 0;
}

static void files_are_read_or_refused_with_their_line(void **state)
{
	static const struct {
		const char *what, *text;
		enum ab_chap_reason reason;
		uint32_t line;
	} rows[] = {
		{ "one way", GOOD, AB_CHAP_R_NONE, 0 },
		{ "mutual", GOOD "username_in=a\npassword_in=other\n", AB_CHAP_R_NONE,
		  0 },
		{ "comments", "# x\n\n \t\n" GOOD " # y", AB_CHAP_R_NONE, 0 },
		{ "no newline, CR", "username=a\r\npassword=b", AB_CHAP_R_NONE, 0 },
		{ "algorithms", GOOD "algorithms = SHA256, MD5\n", AB_CHAP_R_NONE, 0 },
		{ "bad algorithm", GOOD "algorithms = MD4\n", AB_CHAP_R_BAD_VALUE, 3 },
		{ "empty", "", AB_CHAP_R_NO_USER, 0 },
		{ "no password", "username = a\n", AB_CHAP_R_NO_USER, 0 },
		{ "no user", "password = a\n", AB_CHAP_R_NO_USER, 0 },
		{ "empty password", "username = a\npassword =\n", AB_CHAP_R_BAD_VALUE,
		  2 },
		{ "half", GOOD "username_in = a\n", AB_CHAP_R_HALF, 0 },
		{ "other half", GOOD "password_in = a\n", AB_CHAP_R_HALF, 0 },
		{ "same", GOOD "username_in = a\npassword_in = secret1secret1\n",
		  AB_CHAP_R_SAME_SECRET, 0 },
		{ "bare secret", "hunter2hunter2\n", AB_CHAP_R_NO_EQUALS, 1 },
		{ "unknown", GOOD "passwort = x\n", AB_CHAP_R_UNKNOWN_KEY, 3 },
		{ "case", "Username = x\n", AB_CHAP_R_UNKNOWN_KEY, 1 },
		{ "twice", GOOD "password = y\n", AB_CHAP_R_TWICE, 3 },
		{ "control", "username = a\001b\n", AB_CHAP_R_BAD_VALUE, 1 },
	};
	struct ab_chap chap;
	unsigned int i;
	uint32_t line;

	(void)state;
	for (i = 0; i < AB_COUNT(rows); i++) {
		enum ab_chap_reason reason =
			ab_chap_parse(&chap, rows[i].text, strlen(rows[i].text), &line);

		ab_assert_row(rows[i].what, reason == rows[i].reason);
		ab_assert_row(rows[i].what, line == rows[i].line);
		ab_assert_row(rows[i].what, is_wiped(&chap) == (reason != 0));
		ab_assert_row(rows[i].what, strlen(ab_chap_reason_text(reason)) > 0);
	}
	assert_int_equal(ab_chap_parse(&chap, "username=a\0b", 12, &line),
			 AB_CHAP_R_BINARY);
}

static void values_are_taken_to_the_letter(void **state)
{
	static const char exact[] = "  username  =  a b \npassword = p#w=d;\"x\" \n";
	char text[600] = "username = ";
	struct ab_chap chap;
	uint32_t line;
	size_t n;

	(void)state;
	assert_int_equal(ab_chap_parse(&chap, exact, strlen(exact), &line),
			 AB_CHAP_R_NONE);
	assert_string_equal(chap.username, "a b");
	assert_string_equal(chap.password, "p#w=d;\"x\"");
	assert_false(ab_chap_is_mutual(&chap));

	/* open-iscsi keeps 255 bytes. */
	n = strlen(text);
	memset(text + n, 'u', 256);
	(void)strcpy(text + n + 255, "\npassword = p\n");
	assert_int_equal(ab_chap_parse(&chap, text, strlen(text), &line),
			 AB_CHAP_R_NONE);
	assert_int_equal(strlen(chap.username), 255);
	(void)strcpy(text + n + 255, "u\npassword = p\n");
	assert_int_equal(ab_chap_parse(&chap, text, strlen(text), &line),
			 AB_CHAP_R_BAD_VALUE);
}

static void algorithms_are_numbers_in_order(void **state)
{
	uint8_t v[AB_CHAP_ALGORITHMS_MAX];
	struct ab_chap chap = { .algorithms = "" };

	(void)state;
	assert_int_equal(ab_chap_algorithms(&chap, v), 4);
	assert_memory_equal(v, ((uint8_t[]){ 6, 5, 7, 8 }), 4);
	(void)strcpy(chap.algorithms, "MD5,SHA3-256,SHA1,SHA256");
	assert_int_equal(ab_chap_algorithms(&chap, v), 4);
	assert_memory_equal(v, ((uint8_t[]){ 5, 8, 6, 7 }), 4);
}

static void names_are_plain_file_names(void **state)
{
	static const char *const good[] = { "san1", "A-b_c.d", "0", "x.conf" },
				 *const bad[] = { "",	 ".",	 "..",
						  ".x",	 "a/b",	 "a b",
						  "a\n", "../x", "\xc3\xa4" };
	char name[AB_CHAP_NAME + 1];
	unsigned int i;

	(void)state;
	for (i = 0; i < AB_COUNT(good); i++)
		ab_assert_row(good[i], ab_chap_is_name(good[i]));
	for (i = 0; i < AB_COUNT(bad); i++)
		ab_assert_row(bad[i], !ab_chap_is_name(bad[i]));
	memset(name, 'n', sizeof(name));
	name[AB_CHAP_NAME] = '\0';
	assert_false(ab_chap_is_name(name));
	name[AB_CHAP_NAME - 1] = '\0';
	assert_true(ab_chap_is_name(name));
}

/* --- files ------------------------------------------------------------------------ */

static char dir[] = "/tmp/autobind-chap-XXXXXX";

static void put(const char *text, size_t n, mode_t mode)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/f", dir);
	(void)unlink(path);
	fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, n), n);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(close(fd), 0);
}

static int load(const char *name, char *why)
{
	struct ab_chap chap;
	struct ab_text t;
	int r;

	ab_text_init(&t, why, AB_CHAP_WHY);
	memset(&chap, 0xa5, sizeof(chap));
	r = ab_chap_load(dir, name, &chap, &t);
	assert_int_equal(is_wiped(&chap), r != 0);
	assert_int_equal(t.len == 0, r == 0);
	assert_null(strstr(why, "secret1"));
	return r;
}

static void only_a_private_regular_file_counts(void **state)
{
	static const struct {
		mode_t mode;
		int r;
	} rows[] = { { 0600, 0 },      { 0400, 0 },	 { 0640, -EPERM },
		     { 0604, -EPERM }, { 0620, -EPERM }, { 0602, -EPERM } };
	char why[AB_CHAP_WHY], path[64], link[64];
	unsigned int i;

	(void)state;
	for (i = 0; i < AB_COUNT(rows); i++) {
		put(GOOD, strlen(GOOD), rows[i].mode);
		assert_int_equal(load("f", why), rows[i].r);
		assert_true(!rows[i].r || strstr(why, "chmod 600 it"));
	}
	(void)snprintf(path, sizeof(path), "%s/f", dir);
	if (geteuid() == 0) {
		put(GOOD, strlen(GOOD), 0600);
		assert_int_equal(chown(path, 1000, 0), 0);
		assert_int_equal(load("f", why), -EPERM);
		assert_string_equal(why,
				    "belongs to user 1000, not to root: chown root it");
	}
	put(GOOD, strlen(GOOD), 0600);
	(void)snprintf(link, sizeof(link), "%s/l", dir);
	assert_int_equal(symlink(path, link), 0);
	assert_int_equal(load("l", why), -ELOOP);
	assert_int_equal(unlink(link), 0);
	assert_int_equal(mkfifo(link, 0600), 0);
	assert_int_equal(load("l", why), -EINVAL);
	assert_string_equal(why, "is not a regular file");
	assert_int_equal(unlink(link), 0);
	assert_int_equal(load("none", why), -ENOENT);
	assert_string_equal(why, "does not exist");
}

static void the_reason_never_quotes_the_file(void **state)
{
	static const char bad[] = GOOD "secret1secret1 = x\nsecret1\n";
	char why[AB_CHAP_WHY], *large = malloc(AB_CHAP_FILE_MAX + 1);

	(void)state;
	put(bad, strlen(bad), 0600);
	assert_int_equal(load("f", why), -EINVAL);
	assert_non_null(strstr(why, "line 3: unknown key"));
	assert_non_null(large);
	memset(large, '\n', AB_CHAP_FILE_MAX + 1);
	memcpy(large, GOOD, strlen(GOOD));
	put(large, AB_CHAP_FILE_MAX, 0600);
	assert_int_equal(load("f", why), 0);
	put(large, AB_CHAP_FILE_MAX + 1, 0600);
	assert_int_equal(load("f", why), -EFBIG);
	free(large);
}

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	char path[64];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/f", dir);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/l", dir);
	(void)unlink(path);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_read_or_refused_with_their_line),
		cmocka_unit_test(values_are_taken_to_the_letter),
		cmocka_unit_test(algorithms_are_numbers_in_order),
		cmocka_unit_test(names_are_plain_file_names),
		cmocka_unit_test(only_a_private_regular_file_counts),
		cmocka_unit_test(the_reason_never_quotes_the_file),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
