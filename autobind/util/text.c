/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/text.h"

#include <assert.h>
#include <string.h>

void ab_text_init(struct ab_text *t, char *buf, size_t size)
{
	assert(size > 0);
	*t = (struct ab_text){ .buf = buf, .size = size };
	buf[0] = '\0';
}

void ab_text_addn(struct ab_text *t, const char *s, size_t n)
{
	size_t room = t->size - 1 - t->len;

	if (n > room) {
		n = room;
		t->cut = true;
	}
	memcpy(t->buf + t->len, s, n);
	t->len += n;
	t->buf[t->len] = '\0';
}

void ab_text_add(struct ab_text *t, const char *s)
{
	ab_text_addn(t, s, strlen(s));
}

void ab_text_addc(struct ab_text *t, char c)
{
	ab_text_addn(t, &c, 1);
}

static void add_base(struct ab_text *t, uint64_t v, unsigned int base,
		     unsigned int width)
{
	char digits[20]; /* UINT64_MAX has 20 decimal digits */
	unsigned int n = 0;

	do {
		digits[sizeof(digits) - ++n] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	while (n < width)
		digits[sizeof(digits) - ++n] = '0';
	ab_text_addn(t, digits + sizeof(digits) - n, n);
}

void ab_text_addu(struct ab_text *t, uint64_t v)
{
	add_base(t, v, 10, 1);
}

void ab_text_addi(struct ab_text *t, int64_t v)
{
	if (v < 0)
		ab_text_addc(t, '-');
	ab_text_addu(t, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void ab_text_addx(struct ab_text *t, uint64_t v, unsigned int width)
{
	assert(width <= 16);
	add_base(t, v, 16, width);
}

unsigned int ab_utf8_len(const char *s, size_t n)
{
	const unsigned char *u = (const unsigned char *)s;
	unsigned int len, i;
	uint32_t code;

	if (n == 0)
		return 0;
	if (u[0] < 0x80)
		return 1;
	if (u[0] >= 0xc2 && u[0] <= 0xdf)
		len = 2;
	else if (u[0] >= 0xe0 && u[0] <= 0xef)
		len = 3;
	else if (u[0] >= 0xf0 && u[0] <= 0xf4)
		len = 4;
	else
		return 0;
	if (n < len)
		return 0;
	code = u[0] & (0xffu >> (len + 1));
	for (i = 1; i < len; i++) {
		if ((u[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (u[i] & 0x3fu);
	}
	/* Overlong forms, surrogates and what lies beyond Unicode (RFC 3629, 3
	 * and 4). */
	if ((len == 3 && code < 0x800) || (len == 4 && code < 0x10000) ||
	    (code >= 0xd800 && code <= 0xdfff) || code > 0x10ffff)
		return 0;
	return len;
}

bool ab_utf8_is_control(const char *s, unsigned int len)
{
	unsigned char first = (unsigned char)s[0];

	if (len == 1)
		return first < ' ' || first == 0x7f;
	return len == 2 && first == 0xc2 && (unsigned char)s[1] < 0xa0;
}

static bool is_plain(char c)
{
	return c != ' ' && c != '%' && c != '=' && c != '"' && c != '\\';
}

static void add_hex_byte(struct ab_text *t, unsigned char c)
{
	static const char hex[] = "0123456789ABCDEF";
	char out[3] = { '%', hex[c >> 4], hex[c & 15] };

	ab_text_addn(t, out, sizeof(out));
}

void ab_text_add_escaped(struct ab_text *t, const char *s, size_t n)
{
	size_t i = 0;

	while (i < n) {
		unsigned int len = ab_utf8_len(s + i, n - i);

		if (len && !ab_utf8_is_control(s + i, len) && is_plain(s[i])) {
			ab_text_addn(t, s + i, len);
			i += len;
		} else {
			add_hex_byte(t, (unsigned char)s[i++]);
		}
	}
}

int ab_hex_digit(char c)
{
	if (ab_is_digit(c))
		return c - '0';
	c = ab_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int ab_text_unescape(const char *src, size_t n, char *dst, size_t size)
{
	size_t i = 0, len = 0;

	while (i < n) {
		char c = src[i++];

		if (c == '%') {
			int hi = i < n ? ab_hex_digit(src[i]) : -1;
			int lo = i + 1 < n ? ab_hex_digit(src[i + 1]) : -1;

			if (hi < 0 || lo < 0 || (hi == 0 && lo == 0))
				return -1;
			c = (char)(hi << 4 | lo);
			i += 2;
		}
		if (len + 1 >= size)
			return -1;
		dst[len++] = c;
	}
	if (len >= size)
		return -1;
	dst[len] = '\0';
	return (int)len;
}

bool ab_copyn(char *dst, size_t size, const char *src, size_t n)
{
	assert(size > 0);
	if (n >= size) {
		dst[0] = '\0';
		return false;
	}
	memcpy(dst, src, n);
	/* The whole field is defined, so that records compare with memcmp(). */
	memset(dst + n, 0, size - n);
	return true;
}

bool ab_copy(char *dst, size_t size, const char *src)
{
	return ab_copyn(dst, size, src, strlen(src));
}

bool ab_streq(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

bool ab_streq_nocase(const char *a, const char *b)
{
	while (*a && ab_lower(*a) == ab_lower(*b)) {
		a++;
		b++;
	}
	return ab_lower(*a) == ab_lower(*b);
}

bool ab_starts_with(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool ab_starts_with_nocase(const char *s, const char *prefix)
{
	for (; *prefix; s++, prefix++)
		if (ab_lower(*s) != ab_lower(*prefix))
			return false;
	return true;
}
