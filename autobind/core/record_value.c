/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/record_value.h"

#include <assert.h>
#include <string.h>

#include "util/num.h"

/* What strtoul(s, NULL, 10) makes of it: the reading of open-iscsi. */
static uint64_t read_number(const char *s, size_t n)
{
	uint64_t v = 0;
	bool negative = false;
	size_t i = 0;

	while (i < n && ab_record_is_blank(s[i]))
		i++;
	if (i < n && (s[i] == '-' || s[i] == '+'))
		negative = s[i++] == '-';
	for (; i < n && ab_is_digit(s[i]); i++) {
		if (__builtin_mul_overflow(v, UINT64_C(10), &v) ||
		    __builtin_add_overflow(v, (uint64_t)(s[i] - '0'), &v))
			return UINT64_MAX;
	}
	return negative ? -v : v;
}

static int64_t cut_number(uint8_t type, uint64_t v)
{
	switch ((enum ab_record_type)type) {
	case AB_RECORD_T_U8:
		return (uint8_t)v;
	case AB_RECORD_T_U16:
		return (uint16_t)v;
	case AB_RECORD_T_U32:
		return (uint32_t)v;
	case AB_RECORD_T_INT:
		return (int32_t)(uint32_t)v;
	case AB_RECORD_T_TEXT:
	case AB_RECORD_T_WORD:
	case AB_RECORD_T_LIST:
		break;
	}
	assert(!"not a number type");
	return 0;
}

/* Digits that mean the same however they are read: nearly all values. */
static bool is_plain_number(const struct ab_record_key *key, const char *value,
			    size_t n)
{
	/* .size has room for a sign or the largest number and the terminator. */
	if (n == 0 || n + 2 >= key->size || (value[0] == '0' && n > 1))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!ab_is_digit(value[i]))
			return false;
	}
	return true;
}

/* Number as open-iscsi understands it, written as it would write it. */
static enum ab_record_reason format_number(const struct ab_record_key *key,
					   const char *value, size_t n,
					   struct ab_text *out)
{
	int64_t v = cut_number(key->type, read_number(value, n));

	ab_text_addi(out, v);
	if (out->len != n || memcmp(out->buf, value, n) != 0)
		return AB_RECORD_R_BAD_NUMBER;
	return AB_RECORD_R_NONE;
}

static bool has_word(const char *words, const char *word, size_t n)
{
	const char *w = words, *end;

	for (; *w; w = *end ? end + 1 : end) {
		end = strchr(w, '|');
		if (!end)
			end = w + strlen(w);
		if ((size_t)(end - w) == n && memcmp(w, word, n) == 0)
			return true;
	}
	return false;
}

/* Is @word one of the comma-separated words that were written so far? */
static bool has_item(const struct ab_text *list, const char *word, size_t n)
{
	size_t start = 0;

	for (size_t i = 0; i <= list->len; i++) {
		if (i < list->len && list->buf[i] != ',')
			continue;
		if (i - start == n && memcmp(list->buf + start, word, n) == 0)
			return true;
		start = i + 1;
	}
	return false;
}

/* The known words of a list, each once, in the order given. */
static enum ab_record_reason format_list(const struct ab_record_key *key,
					 const char *value, size_t n,
					 struct ab_text *out)
{
	enum ab_record_reason reason = AB_RECORD_R_NONE;
	size_t i = 0, end, last;

	for (; i <= n; i = end + 1) {
		while (i < n && ab_record_is_blank(value[i]))
			i++;
		for (end = i; end < n && value[end] != ',';)
			end++;
		for (last = end; last > i && ab_record_is_blank(value[last - 1]);)
			last--;
		if (!has_word(key->words, value + i, last - i) ||
		    has_item(out, value + i, last - i)) {
			reason = AB_RECORD_R_BAD_WORD;
			continue;
		}
		if (out->len)
			ab_text_addc(out, ',');
		ab_text_addn(out, value + i, last - i);
	}
	return reason;
}

bool ab_record_value_is_verbatim(const struct ab_record_key *key, const char *value,
				 size_t n)
{
	switch ((enum ab_record_type)key->type) {
	case AB_RECORD_T_TEXT:
		return n < key->size;
	case AB_RECORD_T_WORD:
		return has_word(key->words, value, n);
	case AB_RECORD_T_INT:
	case AB_RECORD_T_U32:
	case AB_RECORD_T_U16:
	case AB_RECORD_T_U8:
		return is_plain_number(key, value, n);
	case AB_RECORD_T_LIST:
		break;
	}
	return false;
}

/* A blank that the cut leaves at the end would not be read back. */
static enum ab_record_reason cut_text(const struct ab_record_key *key,
				      const char *value, struct ab_text *out)
{
	size_t n = key->size - 1u;

	while (n && ab_record_is_blank(value[n - 1]))
		n--;
	ab_text_addn(out, value, n);
	return AB_RECORD_R_CUT;
}

enum ab_record_reason ab_record_value_format(const struct ab_record_key *key,
					     const char *value, size_t n,
					     struct ab_text *out)
{
	switch ((enum ab_record_type)key->type) {
	case AB_RECORD_T_TEXT:
		return cut_text(key, value, out);
	case AB_RECORD_T_WORD:
		return AB_RECORD_R_BAD_WORD;
	case AB_RECORD_T_LIST:
		return format_list(key, value, n, out);
	case AB_RECORD_T_INT:
	case AB_RECORD_T_U32:
	case AB_RECORD_T_U16:
	case AB_RECORD_T_U8:
		return format_number(key, value, n, out);
	}
	assert(!"no such type");
	return AB_RECORD_R_BAD_WORD;
}

/* Can a line of a file hold it, so that it comes back as it is? */
static bool is_writable(const char *value, size_t n)
{
	if (n == 0)
		return true;
	if (ab_record_is_blank(value[0]) || ab_record_is_blank(value[n - 1]))
		return false;
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)value[i] < ' ' || value[i] == 0x7f)
			return false;
	}
	return true;
}

int ab_record_value_check(const struct ab_record_key *key, const char *value,
			  struct ab_text *out)
{
	size_t n = strlen(value);

	if (n > AB_RECORD_VALUE_MAX)
		return AB_RECORD_R_CUT;
	if (!is_writable(value, n))
		return AB_RECORD_R_BAD_TEXT;
	if (n == 0)
		return 0;
	if (!ab_record_value_is_verbatim(key, value, n))
		return (int)ab_record_value_format(key, value, n, out);
	ab_text_addn(out, value, n);
	return 0;
}
