/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/scan.h"

#include <string.h>

#define ERRORS_MAX 16 /* a file that is no configuration at all is told once */

struct scanner {
	struct ab_scan_list *list;
	struct ab_diags *diags;
	uint32_t file, line;
	uint32_t first;		      /* entry that this file begins with */
	const char *section;	      /* NULL: none yet, or its header was bad */
	bool has_section;	      /* a header was seen, good or bad */
	uint32_t n_errors, n_section; /* .n_section: entry of the section's header */
};

static void fail(struct scanner *s, const char *text)
{
	s->n_errors++;
	ab_diag_error(s->diags, s->file, s->line, text);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_comment(char c)
{
	return c == '#' || c == ';';
}

/* Every byte of a line: what iniparser, a terminal or JSON could trip over
 * is refused. */
static bool check_bytes(struct scanner *s, const char *p, size_t n)
{
	size_t i = 0;
	unsigned int len;

	while (i < n) {
		len = ab_utf8_len(p + i, n - i);
		if (len == 0) {
			fail(s, "not valid UTF-8: save the file as UTF-8 text");
			return false;
		}
		if (ab_utf8_is_control(p + i, len) && p[i] != '\t') {
			fail(s, "a control character: remove it");
			return false;
		}
		i += len;
	}
	return true;
}

static bool is_name_char(char c, bool is_key)
{
	return ab_is_alnum(c) || c == '_' || c == '.' || c == '-' ||
	       (is_key && (c == '[' || c == ']'));
}

static bool is_name(const char *p, size_t n, bool is_key)
{
	size_t i;

	if (n == 0 || !ab_is_alnum(p[0]) || ab_is_digit(p[0]))
		return false;
	for (i = 0; i < n; i++) {
		if (!is_name_char(p[i], is_key))
			return false;
	}
	return true;
}

static void add_entry(struct scanner *s, const char *key, const char *value)
{
	struct ab_scan_list *l = s->list;

	if (l->n == l->max) {
		fail(s, "too many sections and keys in all files together: merge "
			"policies or use wider patterns");
		s->n_errors = ERRORS_MAX;
		return;
	}
	l->v[l->n++] = (struct ab_scan_entry){
		.section = s->section, .key = key, .value = value, .line = s->line
	};
}

static void fail_duplicate(struct scanner *s, const char *what, const char *name,
			   uint32_t line)
{
	struct ab_text t;

	s->n_errors++;
	t = ab_diag_begin(s->diags, AB_DIAG_ERROR, s->file, s->line);
	ab_text_add(&t, what);
	ab_diag_word(&t, name);
	ab_text_add(&t, " stands already in line ");
	ab_text_addu(&t, line);
	ab_text_add(&t, ": keep one of them");
}

/* @p is "[...]" in whole. */
static void scan_section(struct scanner *s, char *p, size_t n)
{
	uint32_t i;

	s->section = NULL;
	s->has_section = true;
	if (p[n - 1] != ']') {
		fail(s, "a section header must stand alone on its line, as [Name]");
		return;
	}
	p[n - 1] = '\0';
	p++;
	n -= 2;
	if (n > AB_SCAN_SECTION || !is_name(p, n, false)) {
		fail(s, "not a section name: one to 64 of A-Z a-z 0-9 _ . - between "
			"the brackets, a letter first, no blanks");
		return;
	}
	for (i = s->first; i < s->list->n; i++) {
		const struct ab_scan_entry *e = &s->list->v[i];

		if (!e->key && ab_streq_nocase(e->section, p)) {
			fail_duplicate(s, "section ", p, e->line);
			return;
		}
	}
	s->section = p;
	s->n_section = s->list->n;
	add_entry(s, NULL, NULL);
}

/* @p points at the opening quote; @n bytes. Returns the value, or NULL. */
static char *scan_quoted(struct scanner *s, char *p, size_t n)
{
	char *end = memchr(p + 1, p[0], n - 1), *rest, *stop = p + n;

	if (!end) {
		fail(s, "the quote at the start of the value is not closed");
		return NULL;
	}
	for (rest = end + 1; rest < stop && is_blank(*rest); rest++)
		;
	if (rest < stop && (rest == end + 1 || !is_comment(*rest))) {
		fail(s, "text behind the closing quote: quotes must stand around the "
			"whole value");
		return NULL;
	}
	*end = '\0';
	return p + 1;
}

static char *scan_plain(struct scanner *s, char *value, size_t n)
{
	char *p;

	for (p = value; p < value + n; p++) {
		if (*p == '"') {
			fail(s,
			     "a quote inside the value: quotes must stand around the "
			     "whole value");
			return NULL;
		}
		if (!is_comment(*p))
			continue;
		/* What stands in front of the value is a blank or '='. */
		if (!is_blank(p[-1])) {
			fail(s,
			     "# or ; inside a word: it would cut the value off here; "
			     "put quotes around the value, or a blank before a "
			     "comment");
			return NULL;
		}
		break;
	}
	while (p > value && is_blank(p[-1]))
		p--;
	*p = '\0';
	return value;
}

static bool check_backslash(struct scanner *s, const char *value)
{
	if (!strchr(value, '\\'))
		return true;
	fail(s, "a backslash has no meaning here: remove it");
	return false;
}

static void scan_key(struct scanner *s, char *p, size_t n)
{
	char *eq = memchr(p, '=', n), *value, *key_end;
	uint32_t i;

	if (!eq) {
		fail(s,
		     "not `Key = value`, a [section] or a # comment; a value cannot "
		     "continue on the next line: long lists go into Key.1, Key.2, ...");
		return;
	}
	for (key_end = eq; key_end > p && is_blank(key_end[-1]); key_end--)
		;
	value = eq + 1;
	while (value < p + n && is_blank(*value))
		value++;
	n -= (size_t)(value - p);
	if (n && (*value == '"' || *value == '\''))
		value = scan_quoted(s, value, n);
	else
		value = scan_plain(s, value, n);
	if (!value || !check_backslash(s, value))
		return;
	*key_end = '\0';
	if ((size_t)(key_end - p) > AB_SCAN_KEY || !is_name(p, strlen(p), true)) {
		fail(s, "not a key name: one to 127 of A-Z a-z 0-9 _ . - [ ], a letter "
			"first, no blanks");
		return;
	}
	if (!s->section) {
		if (!s->has_section)
			fail(s, "a key before the first [section]");
		return; /* below a bad header: that is said already */
	}
	for (i = s->n_section + 1; i < s->list->n; i++) {
		if (ab_streq_nocase(s->list->v[i].key, p)) {
			fail_duplicate(s, "key ", p, s->list->v[i].line);
			return;
		}
	}
	add_entry(s, p, value);
}

static void scan_line(struct scanner *s, char *p, size_t n)
{
	if (n > AB_SCAN_LINE) {
		fail(s, "longer than 1022 bytes: long lists go into Key.1, Key.2, ...");
		return;
	}
	if (n && p[n - 1] == '\r')
		n--;
	if (!check_bytes(s, p, n))
		return;
	while (n && is_blank(p[n - 1]))
		n--;
	while (n && is_blank(*p)) {
		p++;
		n--;
	}
	if (n == 0)
		return;
	if (p[n - 1] == '\\') { /* also in a comment: iniparser would join the lines */
		fail(s, "a backslash at the end of the line would swallow the next "
			"line: remove it");
		return;
	}
	if (*p == '[')
		scan_section(s, p, n);
	else if (!is_comment(*p))
		scan_key(s, p, n);
}

uint32_t ab_scan(char *text, size_t n, uint32_t file, struct ab_scan_list *list,
		 struct ab_diags *diags)
{
	struct scanner s = {
		.list = list, .diags = diags, .file = file, .line = 1, .first = list->n
	};
	char *p = text, *end = text + n, *eol;

	if (memchr(text, '\0', n)) {
		s.line = 0;
		fail(&s, "contains NUL bytes: not a text file");
		return s.n_errors;
	}
	if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		fail(&s, "starts with a byte order mark: save the file without it");
		p += 3;
	}
	for (; p < end && s.n_errors < ERRORS_MAX; p = eol + 1, s.line++) {
		eol = memchr(p, '\n', (size_t)(end - p));
		if (!eol)
			eol = end;
		scan_line(&s, p, (size_t)(eol - p));
		*eol = '\0';
	}
	return s.n_errors;
}
