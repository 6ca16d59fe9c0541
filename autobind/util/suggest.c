/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/suggest.h"

#include <string.h>

#include "util/text.h"

#define WORD_MAX 32

static unsigned int min3(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int m = a < b ? a : b;

	return m < c ? m : c;
}

/* Damerau-Levenshtein distance with neighbours swapped at most once. */
static unsigned int distance(const char *a, size_t na, const char *b, size_t nb)
{
	unsigned int d[WORD_MAX + 1][WORD_MAX + 1];
	size_t i, j;

	for (i = 0; i <= na; i++)
		d[i][0] = (unsigned int)i;
	for (j = 0; j <= nb; j++)
		d[0][j] = (unsigned int)j;
	for (i = 1; i <= na; i++) {
		for (j = 1; j <= nb; j++) {
			char ca = ab_lower(a[i - 1]), cb = ab_lower(b[j - 1]);

			d[i][j] = min3(d[i - 1][j] + 1, d[i][j - 1] + 1,
				       d[i - 1][j - 1] + (ca != cb));
			if (i > 1 && j > 1 && ca == ab_lower(b[j - 2]) &&
			    cb == ab_lower(a[i - 2]) && d[i - 2][j - 2] + 1 < d[i][j])
				d[i][j] = d[i - 2][j - 2] + 1;
		}
	}
	return d[na][nb];
}

const char *ab_suggest(const char *word, const char *const *known, size_t n)
{
	size_t len = strnlen(word, WORD_MAX), i;
	const char *best = NULL;
	unsigned int best_distance = UINT32_MAX;

	for (i = 0; i < n; i++) {
		size_t known_len = strnlen(known[i], WORD_MAX);
		unsigned int dist = distance(word, len, known[i], known_len);
		size_t limit = (len > known_len ? len : known_len) / 3;

		if (dist <= (limit ? limit : 1) && dist < best_distance) {
			best = known[i];
			best_distance = dist;
		}
	}
	return best;
}
