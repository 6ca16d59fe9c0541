/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record_value - one value of a record: what open-iscsi makes of its text.
 *
 * Only for record.c. Knows: the types of record_keys.h, their ranges and words. Must
 * not know: lines, where a value is kept, what a key means.
 */
#ifndef AUTOBIND_CORE_RECORD_VALUE_H
#define AUTOBIND_CORE_RECORD_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/record.h"
#include "util/text.h"

/* isspace() without the line break: open-iscsi strips these. */
static inline bool ab_record_is_blank(char c)
{
	/* '\t', '\v', '\f', '\r' */
	return c == ' ' || ((unsigned char)(c - '\t') <= '\r' - '\t' && c != '\n');
}

/* Is it kept as it was written? True of nearly all values. */
bool ab_record_value_is_verbatim(const struct ab_record_key *key, const char *value,
				 size_t n);

/**
 * ab_record_value_format() - a value that is not verbatim, as it will be kept
 * @key:   whose value
 * @value: without blanks around, not terminated
 * @n:     its length, not 0
 * @out:   empty, of AB_RECORD_VALUE_MAX + 1 bytes; .len 0 afterwards: the key stays as
 *         it is
 *
 * Return: AB_RECORD_R_NONE, or what was wrong with it.
 */
enum ab_record_reason ab_record_value_format(const struct ab_record_key *key,
					     const char *value, size_t n,
					     struct ab_text *out);

/**
 * ab_record_value_check() - a value that a person or a policy asks for
 * @key:   whose value
 * @value: "" for none
 * @out:   empty, of AB_RECORD_VALUE_MAX + 1 bytes; on success the value as it will be
 *         kept
 *
 * Strict, unlike the two above, which serve the parser.
 *
 * Return: 0 or AB_RECORD_R_*.
 */
int ab_record_value_check(const struct ab_record_key *key, const char *value,
			  struct ab_text *out);

#endif
