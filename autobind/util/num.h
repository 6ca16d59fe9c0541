/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * num - strict numbers, durations and booleans as administrators write them.
 *
 * Nothing is guessed: no octal, no trailing text, no wrap-around. All functions return
 * 0 and write the result only on success, else AB_NUM_E_SYNTAX or AB_NUM_E_RANGE.
 */
#ifndef AUTOBIND_UTIL_NUM_H
#define AUTOBIND_UTIL_NUM_H

#include <stdbool.h>
#include <stdint.h>

#define AB_NUM_E_SYNTAX 1 /* not of the form that is asked for */
#define AB_NUM_E_RANGE 2  /* a number, but outside the limits */

int ab_num_u64(const char *s, uint64_t min, uint64_t max, uint64_t *ret_value);
int ab_num_i64(const char *s, int64_t min, int64_t max, int64_t *ret_value);

/**
 * ab_num_duration() - "500ms", "10s", "5min", "1h", "2d" or "1h30min"
 * @s:      the text; a bare number other than 0 has no unit and is an error
 * @min_ms: smallest allowed value, milliseconds
 * @max_ms: largest
 * @ret_ms: the duration in milliseconds
 */
int ab_num_duration(const char *s, int64_t min_ms, int64_t max_ms, int64_t *ret_ms);

/* yes no true false on off 1 0 y n t f, any case (systemd.syntax(7)). */
int ab_num_bool(const char *s, bool *ret_value);

#endif
