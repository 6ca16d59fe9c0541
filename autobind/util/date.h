/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * date - points of wall clock time as text, without a clock and without time zones.
 */
#ifndef AUTOBIND_UTIL_DATE_H
#define AUTOBIND_UTIL_DATE_H

#include <stdbool.h>
#include <stdint.h>

#include "util/text.h"

/**
 * ab_date_parse() - read a date with a time and its distance from UTC
 * @s:     "2026-11-24T16:00:00Z", "2026-11-24 16:00+01:00"; seconds may be left out
 * @ret_s: seconds since the Epoch
 *
 * Years 1970 to 9999; every field must exist in the calendar; no leap second.
 *
 * Return: false when it is no such date.
 */
bool ab_date_parse(const char *s, int64_t *ret_s);

/* "2026-11-24T16:00:00Z"; of years 1970 to 9999. */
void ab_date_add(struct ab_text *t, int64_t epoch_s);

#endif
