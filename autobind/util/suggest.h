/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * suggest - "did you mean": the known word nearest to a mistyped one.
 */
#ifndef AUTOBIND_UTIL_SUGGEST_H
#define AUTOBIND_UTIL_SUGGEST_H

#include <stddef.h>
#include <stdint.h>

/**
 * ab_suggest() - nearest word by optimal string alignment distance, case folded
 * @word:  what was written; only its first 32 bytes count
 * @known: the words that exist
 * @n:     how many
 *
 * Return: the nearest of @known when its distance is at most a third of the longer
 * word's length (at least 1), the first one on a tie; else NULL.
 */
const char *ab_suggest(const char *word, const char *const *known, size_t n);

#endif
