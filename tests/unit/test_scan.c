/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ab_test.h"

#include <stdio.h>
#include <string.h>

#include "core/scan.h"

#define ENTRIES 16
#define DIAGS 20

/* "section|key=value@line ..." of a text, or "line: message" of its first error. */
static const char *scan(const char *text, size_t n)
{
	static char out[2048];
	static struct ab_diag v[DIAGS];
	struct ab_scan_entry entries[ENTRIES];
	struct ab_scan_list list = { .v = entries, .max = ENTRIES };
	struct ab_diags diags;
	char copy[4096];
	uint32_t i, errors;
	size_t len = 0;

	assert_true(n < sizeof(copy));
	memcpy(copy, text, n);
	copy[n] = '#'; /* must not be read */
	ab_diags_init(&diags, v, DIAGS);
	errors = ab_scan(copy, n, 7, &list, &diags);
	assert_int_equal(errors, diags.n_errors);
	out[0] = '\0';
	if (errors) {
		assert_int_equal(v[0].file, 7);
		(void)snprintf(out, sizeof(out), "%u: %s", v[0].line, v[0].text);
		return out;
	}
	for (i = 0; i < list.n; i++)
		len += (size_t)snprintf(
			out + len, sizeof(out) - len, "%s%s|%s=%s@%u", i ? " " : "",
			entries[i].section, entries[i].key ? entries[i].key : "",
			entries[i].key ? entries[i].value : "", entries[i].line);
	return out;
}

static void scan_reads_what_iniparser_reads_as_it_looks(void **state)
{
	static const struct {
		const char *what, *text, *want;
	} rows[] = {
		{ "nothing", "", "" },
		{ "comments and blanks", "# a\n;b\n \t\n", "" },
		{ "spelling is kept", "[Node]\nnode.session.iscsi.InitialR2T = No\n",
		  "Node|=@1 Node|node.session.iscsi.InitialR2T=No@2" },
		{ "no newline at the end", "[a]\nk=v", "a|=@1 a|k=v@2" },
		{ "carriage returns", "[a]\r\nk = v\r\n", "a|=@1 a|k=v@2" },
		{ "blanks around", "\t[a]  \n  k\t=  v  w \n", "a|=@1 a|k=v  w@2" },
		{ "empty value", "[a]\nk =\n", "a|=@1 a|k=@2" },
		{ "empty value, comment", "[a]\nk = # x\n", "a|=@1 a|k=@2" },
		{ "comment", "[a]\nk = v ; x = \"y\n", "a|=@1 a|k=v@2" },
		{ "double quotes", "[a]\nk = \" v;#' \" # c\n", "a|=@1 a|k= v;#' @2" },
		{ "single quotes", "[a]\nk = 'a \"b\"'\n", "a|=@1 a|k=a \"b\"@2" },
		{ "empty quotes", "[a]\nk = \"\"\n", "a|=@1 a|k=@2" },
		{ "apostrophe", "[a]\nk = don't\n", "a|=@1 a|k=don't@2" },
		{ "equals in value", "[a]\nk = A=B\n", "a|=@1 a|k=A=B@2" },
		{ "brackets in key", "[a]\nnode.conn[0].x = 1\n",
		  "a|=@1 a|node.conn[0].x=1@2" },
		{ "portal", "[a]\nk = [fe80::1%eth0]:3260,1\n",
		  "a|=@1 a|k=[fe80::1%eth0]:3260,1@2" },
		{ "UTF-8", "[a]\n# \xc3\xa4\nk = \xc3\xa4\n", "a|=@1 a|k=\xc3\xa4@3" },
		{ "same key in two sections", "[a]\nk=1\n[b]\nk=2\n",
		  "a|=@1 a|k=1@2 b|=@3 b|k=2@4" },
		{ "backslash inside a comment", "[a]\n# c:\\x y\n", "a|=@1" },
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < AB_COUNT(rows); i++)
		ab_assert_row(rows[i].what,
			      strcmp(scan(rows[i].text, strlen(rows[i].text)),
				     rows[i].want) == 0);
}

static void scan_refuses_what_iniparser_would_read_otherwise(void **state)
{
	static const struct {
		const char *what, *text, *want; /* start of the message */
	} rows[] = {
		{ "duplicate key", "[a]\nKey=1\n\nKEY=2\n",
		  "4: key KEY stands already in line 2" },
		{ "duplicate section", "[a]\nk=1\n[A]\nl=4\n",
		  "3: section A stands already in line 1" },
		{ "key before any section", "k=v\n", "1: a key before the first" },
		{ "cut by #", "[a]\nk = v#x\n", "2: # or ; inside a word" },
		{ "cut by ;", "[a]\nk = transport=tcp;addr=1\n", "2: # or ; inside" },
		{ "cut at once", "[a]\nk=#x\n", "2: # or ; inside" },
		{ "text behind the quote", "[a]\nk = \"v\" w\n", "2: text behind" },
		{ "comment glued to the quote", "[a]\nk = \"v\"#w\n",
		  "2: text behind" },
		{ "open quote", "[a]\nk = \"v\n", "2: the quote" },
		{ "quote inside", "[a]\nk = a \"b ; c\"\n", "2: a quote inside" },
		{ "backslash", "[a]\nk = \"a\\\"b\"\n", "2: text behind" },
		{ "backslash in value", "[a]\nk = a\\b\n", "2: a backslash has no" },
		{ "continuation", "[a]\nk = a \\\nb\n", "2: a backslash at the end" },
		{ "continuation by a comment", "# c:\\dir\\  \n[a]\nk=1\n",
		  "1: a backslash at the end" },
		{ "section with comment", "[a] ; c\n", "1: a section header must" },
		{ "section with key", "[a] ; k = v\n", "1: a section header must" },
		{ "empty section", "[]\n", "1: not a section name" },
		{ "bracket inside", "[a]b]\n", "1: not a section name" },
		{ "colon", "[iface:eth0]\n", "1: not a section name" },
		{ "blank in section", "[a b]\n", "1: not a section name" },
		{ "open section", "[a\n", "1: a section header must" },
		{ "no equals sign", "[a]\nword\n", "2: not `Key = value`" },
		{ "one character at the end", "[a]\nx", "2: not `Key = value`" },
		{ "no key", "[a]\n= v\n", "2: not a key name" },
		{ "blank in key", "[a]\na b = v\n", "2: not a key name" },
		{ "colon in key", "[a]\na:b = v\n", "2: not a key name" },
		{ "UTF-8 in key", "[a]\n\xc3\xa4 = v\n", "2: not a key name" },
		{ "UTF-8 in section", "[\xc3\xa4]\n", "1: not a section name" },
		{ "bad UTF-8", "[a]\nk = \xc3\n", "2: not valid UTF-8" },
		{ "overlong UTF-8", "[a]\nk = \xc0\xaf\n", "2: not valid UTF-8" },
		{ "escape", "[a]\nk = \033[2J\n", "2: a control character" },
		{ "C1 control", "[a]\nk = \xc2\x9b\n", "2: a control character" },
		{ "lonely return", "[a]\nk = a\rb\n", "2: a control character" },
		{ "vertical tab", "[a]\nk = a\v\n", "2: a control character" },
		{ "byte order mark", "\xef\xbb\xbf[a]\n", "1: starts with a byte" },
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < AB_COUNT(rows); i++)
		ab_assert_row(rows[i].what,
			      strncmp(scan(rows[i].text, strlen(rows[i].text)),
				      rows[i].want, strlen(rows[i].want)) == 0);
	assert_string_equal(scan("[a]\nk=\0v\n", 9),
			    "0: contains NUL bytes: not a text file");
}

static void scan_limits_are_those_of_iniparser(void **state)
{
	char text[3000] = "[a]\nk=", *p = text + 6;

	(void)state;
	memset(p, 'x', 1020); /* "k=" makes it 1,022 */
	(void)strcpy(p + 1020, "\nl=1\n");
	assert_non_null(strstr(scan(text, strlen(text)), "a|l=1@3"));
	memset(p, 'x', 1021);
	(void)strcpy(p + 1021, "\nl=1\n");
	assert_int_equal(
		strncmp(scan(text, strlen(text)), "2: longer than 1022 bytes", 25), 0);

	text[0] = '[';
	memset(text + 1, 's', 64);
	(void)strcpy(text + 65, "]\n");
	assert_int_equal(scan(text, strlen(text))[0], 's');
	(void)strcpy(text + 65, "s]\n");
	assert_int_equal(scan(text, strlen(text))[0], '1');

	(void)strcpy(text, "[a]\n");
	memset(text + 4, 'k', 127);
	(void)strcpy(text + 131, "=v\n");
	assert_int_equal(scan(text, strlen(text))[0], 'a');
	(void)strcpy(text + 131, "k=v\n");
	assert_int_equal(scan(text, strlen(text))[0], '2');
}

static void scan_stops_at_a_full_list_and_at_many_errors(void **state)
{
	struct ab_scan_entry entries[3];
	struct ab_scan_list list = { .v = entries, .max = 3 };
	struct ab_diag v[40];
	struct ab_diags diags;
	char text[] = "[a]\nk=1\nl=2\nm=3\nn=4\n", bad[200];

	(void)state;
	ab_diags_init(&diags, v, 40);
	assert_int_not_equal(ab_scan(text, strlen(text), 0, &list, &diags), 0);
	assert_int_equal(diags.n_errors, 1);
	assert_int_equal(v[0].line, 4);
	assert_int_equal(list.n, 3);

	memset(bad, '\n', sizeof(bad));
	for (size_t i = 0; i + 1 < sizeof(bad); i += 2)
		bad[i] = '?';
	ab_diags_init(&diags, v, 40);
	assert_int_equal(ab_scan(bad, sizeof(bad) - 1, 0, &list, &diags), 16);
}

static void scan_reports_all_errors_of_a_file(void **state)
{
	struct ab_scan_entry entries[8];
	struct ab_scan_list list = { .v = entries, .max = 8 };
	struct ab_diag v[8];
	struct ab_diags diags;
	char text[] = "[a b]\nk = v\n[c]\nword\nk = \"x\n";

	(void)state;
	ab_diags_init(&diags, v, 8);
	assert_int_equal(ab_scan(text, strlen(text), 0, &list, &diags), 3);
	assert_int_equal(v[0].line, 1); /* and nothing about line 2 */
	assert_int_equal(v[1].line, 4);
	assert_int_equal(v[2].line, 5);
}

static void diags_count_what_does_not_fit(void **state)
{
	struct ab_diag v[2];
	struct ab_diags d;
	char buf[200], word[200];
	struct ab_text t;

	(void)state;
	ab_diags_init(&d, v, 2);
	ab_diag_error(&d, 1, 9, "unknown '", "x", "'");
	ab_diag_warning(&d, 0, 3, "w");
	ab_diag_error(&d, 0, 1, "not kept");
	assert_int_equal(d.n, 2);
	assert_int_equal(d.n_errors, 2);
	assert_int_equal(d.n_warnings, 1);
	ab_diags_sort(&d);
	ab_text_init(&t, buf, sizeof(buf));
	ab_diag_format(&t, "f.conf", &v[0]);
	assert_string_equal(buf, "f.conf:3: warning: w");
	ab_text_init(&t, buf, sizeof(buf));
	ab_diag_format(&t, NULL, &v[1]);
	assert_string_equal(buf, "error: unknown 'x'");

	/* Cut between characters, never inside one. */
	memset(word, 'a', 95);
	(void)strcpy(word + 95, "\xc3\xa4rest");
	ab_text_init(&t, buf, sizeof(buf));
	ab_diag_word(&t, word);
	assert_int_equal(t.len, 95 + 3);
	assert_string_equal(buf + 95, "...");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scan_reads_what_iniparser_reads_as_it_looks),
		cmocka_unit_test(scan_refuses_what_iniparser_would_read_otherwise),
		cmocka_unit_test(scan_limits_are_those_of_iniparser),
		cmocka_unit_test(scan_stops_at_a_full_list_and_at_many_errors),
		cmocka_unit_test(scan_reports_all_errors_of_a_file),
		cmocka_unit_test(diags_count_what_does_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
