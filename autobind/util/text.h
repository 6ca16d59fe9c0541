/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * text - building text in a buffer of fixed size, without stdio.
 *
 * Knows: bytes, numbers, percent-escapes. Must not know: what the text means.
 * Invariant: the buffer is always terminated; what does not fit is cut off and
 * remembered in .cut, never written past the end.
 */
#ifndef AUTOBIND_UTIL_TEXT_H
#define AUTOBIND_UTIL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ab_text {
	char *buf; /* borrowed from the caller of ab_text_init() */
	size_t size;
	size_t len;
	bool cut;
};

/**
 * ab_text_init() - start an empty text
 * @t:    the text
 * @buf:  @size bytes, borrowed for as long as @t is used
 * @size: at least 1
 */
void ab_text_init(struct ab_text *t, char *buf, size_t size);

void ab_text_add(struct ab_text *t, const char *s);
void ab_text_addn(struct ab_text *t, const char *s, size_t n);
void ab_text_addc(struct ab_text *t, char c);
void ab_text_addu(struct ab_text *t, uint64_t v);
void ab_text_addi(struct ab_text *t, int64_t v);

/**
 * ab_text_addx() - add a number in lower-case hexadecimal
 * @t:     the text
 * @v:     the number
 * @width: leading zeros up to this many digits, 0 to 16
 */
void ab_text_addx(struct ab_text *t, uint64_t v, unsigned int width);

/**
 * ab_text_add_escaped() - add a foreign string so that it stays one printable word
 * @t: the text
 * @s: any bytes
 * @n: how many
 *
 * Control characters, blanks, '%', '=', '"', '\\', DEL and bytes that are no valid
 * UTF-8 become %XX (upper case). ab_text_unescape() is its inverse.
 */
void ab_text_add_escaped(struct ab_text *t, const char *s, size_t n);

/**
 * ab_text_unescape() - undo ab_text_add_escaped()
 * @src:  the escaped text
 * @n:    its length
 * @dst:  room for the result and its terminator
 * @size: bytes at @dst
 *
 * Return: the number of bytes written without the terminator, or -1 when an escape is
 * malformed, means NUL, or the result does not fit.
 */
int ab_text_unescape(const char *src, size_t n, char *dst, size_t size);

/**
 * ab_copy() - copy a string into a fixed buffer, whole or not at all
 * @dst:  the buffer; "" when the string does not fit
 * @size: its size, at least 1
 * @src:  the string
 *
 * Return: true when @src fitted.
 */
bool ab_copy(char *dst, size_t size, const char *src);

/* The same for bytes that have a length and no terminator. */
bool ab_copyn(char *dst, size_t size, const char *src, size_t n);

/* Equality and prefix of terminated strings; the _nocase ones fold ASCII case. */
bool ab_streq(const char *a, const char *b);
bool ab_streq_nocase(const char *a, const char *b);
bool ab_starts_with(const char *s, const char *prefix);
bool ab_starts_with_nocase(const char *s, const char *prefix);

/* Length of the valid UTF-8 sequence at @s (1 to 4), or 0; @n bytes may be read. */
unsigned int ab_utf8_len(const char *s, size_t n);

/* Is the sequence at @s, of the length that ab_utf8_len() gave, a control character?
 * U+0080 to U+009F steer terminals as much as the ASCII ones. */
bool ab_utf8_is_control(const char *s, unsigned int len);

/* ASCII only, whatever the locale. */
static inline char ab_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static inline bool ab_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool ab_is_alnum(char c)
{
	return ab_is_digit(c) || (ab_lower(c) >= 'a' && ab_lower(c) <= 'z');
}

/* 0 to 15, or -1. */
int ab_hex_digit(char c);

#endif
