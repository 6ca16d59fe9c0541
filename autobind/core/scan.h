/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scan - the INI syntax of autobind's files, read strictly, with line numbers.
 *
 * iniparser reads the values in the end (io/conf), but it forgets lines and spelling,
 * merges duplicates, cuts values and swallows lines without a word. This scan accepts
 * only text that iniparser reads as it looks: whatever it accepts, both read alike
 * (tests/fuzz/fuzz_scan.c). Must not know: which sections and keys exist.
 *
 * The language: `[section]`, `key = value`, lines that start with # or ; are comments,
 * so is what follows a blank and # or ;. Quotes may stand around a whole value. No
 * continuation lines, no backslashes, no duplicates (case folded), nothing before the
 * first section, UTF-8 in values and comments only, lines of at most 1,022 bytes.
 */
#ifndef AUTOBIND_CORE_SCAN_H
#define AUTOBIND_CORE_SCAN_H

#include <stddef.h>
#include <stdint.h>

#include "core/diag.h"

#define AB_SCAN_LINE 1022  /* iniparser 4.1: ASCIILINESZ less newline and NUL */
#define AB_SCAN_SECTION 64 /* bytes of a section's name */
#define AB_SCAN_KEY 127	   /* bytes of a key: open-iscsi's own limit for a name */

/* A key, or a section's header: then .key is NULL. */
struct ab_scan_entry {
	const char *section; /* these three: inside the scanned text, as written */
	const char *key;
	const char *value; /* without quotes and outer blanks; "": empty */
	uint32_t line;
};

struct ab_scan_list {
	struct ab_scan_entry *v; /* borrowed from the caller, room for @max */
	uint32_t n, max;
};

/**
 * ab_scan() - split a file into sections and keys
 * @text:  the file; changed in place: the entries' strings end inside it. text[n] must
 *         be writable, too.
 * @n:     its length
 * @file:  for messages
 * @list:  entries are appended
 * @diags: errors are appended, at most 16 a file
 *
 * Cost: linear in @n, plus a comparison of each key with its section's others.
 *
 * Return: the number of errors; 0: the entries are good.
 */
uint32_t ab_scan(char *text, size_t n, uint32_t file, struct ab_scan_list *list,
		 struct ab_diags *diags);

#endif
