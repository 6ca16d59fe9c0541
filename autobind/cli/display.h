/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * display - text that may be shown on a terminal, and how wide it is there.
 *
 * The last line of defence: whatever a row holds, no control or direction-changing
 * character reaches a terminal. Knows: UTF-8, column widths, how people write times.
 * Must not know: tables, rows, streams.
 */
#ifndef AUTOBIND_CLI_DISPLAY_H
#define AUTOBIND_CLI_DISPLAY_H

#include <stddef.h>
#include <stdint.h>

#include "util/text.h"

/* Adds @s; controls, invalid UTF-8 and bidirectional overrides become %XX. */
void ab_display_add(struct ab_text *t, const char *s);

/* Columns that @n bytes of clean text take: 0 for combining marks, 2 for wide ones. */
unsigned int ab_display_width(const char *s, size_t n);

/**
 * ab_display_wrap() - how much of a clean text fits into a line
 * @s:     the rest of the text
 * @width: columns
 *
 * Breaks behind a blank; inside a word only when the word alone is wider.
 *
 * Return: bytes of this line, the blank at its end included; at least one character.
 */
size_t ab_display_wrap(const char *s, unsigned int width);

/* "0 s", "250 ms", "12 s", "5 min 3 s", "2 h 5 min", "3 d 4 h". */
void ab_display_add_duration(struct ab_text *t, int64_t ms);

/* Microseconds as milliseconds: "0.083 ms", "12.4 ms", "1203 ms". */
void ab_display_add_rtt(struct ab_text *t, int64_t us);

#endif
