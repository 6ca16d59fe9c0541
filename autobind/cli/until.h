/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * until - a point of time as people type it.
 */
#ifndef AUTOBIND_CLI_UNTIL_H
#define AUTOBIND_CLI_UNTIL_H

#include <stdbool.h>
#include <stdint.h>

/**
 * ab_until_parse() - read a point of time to come
 * @s:     "+2h", "18:30" (the next one, local time), "2026-11-24 18:30" (local time),
 * or with a zone behind it ("Z", "+01:00")
 * @now_s: seconds since the Epoch
 * @ret_s: the same, later than @now_s
 *
 * Return: false when it is none of these, or past.
 */
bool ab_until_parse(const char *s, int64_t now_s, int64_t *ret_s);

#endif
