/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/glob.h"

#include <stddef.h>

#include "util/text.h"

static char fold(char c, bool nocase)
{
	return nocase ? ab_lower(c) : c;
}

/*
 * Matches the set at @p (which points behind '[') against @c. Returns the place behind
 * the closing bracket, or NULL when there is none: then '[' stands for itself.
 */
static const char *match_set(const char *p, char c, bool nocase, bool *ret_hit)
{
	bool invert = *p == '!' || *p == '^', hit = false;
	const char *first;

	if (invert)
		p++;
	for (first = p; *p && (*p != ']' || p == first); p++) {
		char lo = fold(*p, nocase), hi = lo;

		if (p[1] == '-' && p[2] && p[2] != ']') {
			hi = fold(p[2], nocase);
			p += 2;
		}
		if ((unsigned char)lo <= (unsigned char)c &&
		    (unsigned char)c <= (unsigned char)hi)
			hit = true;
	}
	if (*p != ']')
		return NULL;
	*ret_hit = hit != invert;
	return p + 1;
}

/* Matches one character of @text; returns the rest of the pattern, or NULL. */
static const char *match_one(const char *p, char text, bool nocase)
{
	char c = fold(text, nocase);
	const char *rest;
	bool hit;

	if (*p == '?')
		return p + 1;
	if (*p == '[') {
		rest = match_set(p + 1, c, nocase, &hit);
		if (rest)
			return hit ? rest : NULL;
	}
	return fold(*p, nocase) == c ? p + 1 : NULL;
}

static bool match(const char *p, const char *t, bool nocase)
{
	const char *star = NULL, *from = NULL, *next;

	while (*t) {
		if (*p == '*') {
			star = ++p;
			from = t;
			continue;
		}
		next = *p ? match_one(p, *t, nocase) : NULL;
		if (next) {
			p = next;
			t++;
		} else if (star) {
			p = star;
			t = ++from;
		} else {
			return false;
		}
	}
	while (*p == '*')
		p++;
	return !*p;
}

bool ab_glob(const char *pattern, const char *text)
{
	return match(pattern, text, false);
}

bool ab_glob_nocase(const char *pattern, const char *text)
{
	return match(pattern, text, true);
}
