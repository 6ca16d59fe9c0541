/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/display.h"

#include <stdbool.h>
#include <string.h>

struct range {
	uint32_t first, last;
};

/* Characters that take no column (Unicode 15, the blocks that names can hold). */
static const struct range zero_width[] = {
	{ 0x0300, 0x036f }, { 0x0483, 0x0489 }, { 0x0591, 0x05bd },
	{ 0x0610, 0x061a }, { 0x064b, 0x065f }, { 0x200b, 0x200d },
	{ 0x20d0, 0x20f0 }, { 0xfe00, 0xfe0f }, { 0xfe20, 0xfe2f },
};

/* ... and that take two (East Asian Width W and F, UAX #11). */
static const struct range double_width[] = {
	{ 0x1100, 0x115f },   { 0x2e80, 0x303e },   { 0x3041, 0xa4cf },
	{ 0xac00, 0xd7a3 },   { 0xf900, 0xfaff },   { 0xfe30, 0xfe6f },
	{ 0xff00, 0xff60 },   { 0xffe0, 0xffe6 },   { 0x1f300, 0x1f64f },
	{ 0x1f900, 0x1f9ff }, { 0x20000, 0x3fffd },
};

/* They change the direction of what follows, or break lines (UAX #9, UAX #14). */
static const struct range harmful[] = {
	{ 0x061c, 0x061c }, { 0x200e, 0x200f }, { 0x2028, 0x202e },
	{ 0x2066, 0x2069 }, { 0xfeff, 0xfeff },
};

#define IN(code, table) is_in(code, table, sizeof(table) / sizeof((table)[0]))

static bool is_in(uint32_t code, const struct range *table, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (code >= table[i].first && code <= table[i].last)
			return true;
	return false;
}

/* The code point of a valid sequence of @len bytes. */
static uint32_t decode(const char *s, unsigned int len)
{
	const unsigned char *u = (const unsigned char *)s;
	uint32_t code = len == 1 ? u[0] : u[0] & (0xffu >> (len + 1));
	unsigned int i;

	for (i = 1; i < len; i++)
		code = code << 6 | (u[i] & 0x3fu);
	return code;
}

static void add_bytes_as_hex(struct ab_text *t, const char *s, unsigned int n)
{
	static const char hex[] = "0123456789ABCDEF";
	unsigned int i;

	for (i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		ab_text_addc(t, '%');
		ab_text_addc(t, hex[c >> 4]);
		ab_text_addc(t, hex[c & 15]);
	}
}

void ab_display_add(struct ab_text *t, const char *s)
{
	size_t n = strlen(s), i = 0;

	while (i < n) {
		unsigned int len = ab_utf8_len(s + i, n - i);
		uint32_t code = len ? decode(s + i, len) : 0;

		if (len == 0)
			add_bytes_as_hex(t, s + i, len = 1);
		else if (code < 0x20 || (code >= 0x7f && code < 0xa0) ||
			 IN(code, harmful))
			add_bytes_as_hex(t, s + i, len);
		else
			ab_text_addn(t, s + i, len);
		i += len;
	}
}

/* One character of clean text; never 0 bytes long. */
static unsigned int next_char(const char *s, size_t n, unsigned int *ret_columns)
{
	unsigned int len = ab_utf8_len(s, n);
	uint32_t code;

	if (len == 0) { /* the cut end of a sequence */
		*ret_columns = 1;
		return 1;
	}
	code = decode(s, len);
	*ret_columns = IN(code, zero_width) ? 0 : IN(code, double_width) ? 2 : 1;
	return len;
}

unsigned int ab_display_width(const char *s, size_t n)
{
	unsigned int width = 0, columns;
	size_t i = 0;

	while (i < n) {
		i += next_char(s + i, n - i, &columns);
		width += columns;
	}
	return width;
}

size_t ab_display_wrap(const char *s, unsigned int width)
{
	size_t n = strlen(s), i = 0, blank = 0;
	unsigned int used = 0, columns;

	while (i < n) {
		unsigned int len = next_char(s + i, n - i, &columns);

		if (s[i] == ' ') {
			blank = i + 1; /* it may stand beyond the edge: not printed */
		} else if (used + columns > width && i > 0) {
			return blank ? blank : i;
		}
		used += columns;
		i += len;
	}
	return n;
}

static void add_two(struct ab_text *t, int64_t big, const char *big_unit, int64_t small,
		    const char *small_unit)
{
	ab_text_addi(t, big);
	ab_text_add(t, big_unit);
	if (!small)
		return;
	ab_text_addc(t, ' ');
	ab_text_addi(t, small);
	ab_text_add(t, small_unit);
}

void ab_display_add_duration(struct ab_text *t, int64_t ms)
{
	int64_t s = ms / 1000;

	if (ms < 0) {
		ab_text_addc(t, '-');
	} else if (ms > 0 && ms < 1000) {
		ab_text_addi(t, ms);
		ab_text_add(t, " ms");
	} else if (s < 60) {
		add_two(t, s, " s", 0, "");
	} else if (s < 3600) {
		add_two(t, s / 60, " min", s % 60, " s");
	} else if (s < 86400) {
		add_two(t, s / 3600, " h", s % 3600 / 60, " min");
	} else {
		add_two(t, s / 86400, " d", s % 86400 / 3600, " h");
	}
}

void ab_display_add_rtt(struct ab_text *t, int64_t us)
{
	int64_t fraction = us % 1000;

	if (us < 0) {
		ab_text_addc(t, '-');
		return;
	}
	/* Three digits that mean something are enough. */
	ab_text_addi(t, us / 1000);
	if (us < 100000) {
		ab_text_addc(t, '.');
		ab_text_addi(t, fraction / 100);
	}
	if (us < 10000) {
		ab_text_addi(t, fraction / 10 % 10);
		ab_text_addi(t, fraction % 10);
	}
	ab_text_add(t, " ms");
}
