/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/diag.h"

#include <stdarg.h>
#include <string.h>

#define WORD_MAX 96 /* so that the advice behind a long value still fits */

void ab_diags_init(struct ab_diags *d, struct ab_diag *v, uint32_t max)
{
	memset(d, 0, sizeof(*d));
	d->v = v;
	d->max = max;
}

struct ab_text ab_diag_begin(struct ab_diags *d, enum ab_diag_severity severity,
			     uint32_t file, uint32_t line)
{
	struct ab_text t;

	if (severity == AB_DIAG_ERROR)
		d->n_errors++;
	else
		d->n_warnings++;
	if (d->n == d->max) {
		ab_text_init(&t, d->spare, sizeof(d->spare));
		return t;
	}
	d->v[d->n].file = file;
	d->v[d->n].line = line;
	d->v[d->n].severity = (uint8_t)severity;
	ab_text_init(&t, d->v[d->n].text, sizeof(d->v[d->n].text));
	d->n++;
	return t;
}

void ab_diag_word(struct ab_text *t, const char *s)
{
	size_t n = strlen(s), i = 0;
	unsigned int len;

	if (n <= WORD_MAX) {
		ab_text_add(t, s);
		return;
	}
	while ((len = ab_utf8_len(s + i, n - i)) && i + len <= WORD_MAX)
		i += len;
	ab_text_addn(t, s, i);
	ab_text_add(t, "...");
}

static void add_parts(struct ab_text *t, va_list ap)
{
	bool is_foreign = false;
	const char *s;

	while ((s = va_arg(ap, const char *))) {
		if (is_foreign)
			ab_diag_word(t, s);
		else
			ab_text_add(t, s);
		is_foreign = !is_foreign;
	}
}

void ab_diag_add(struct ab_diags *d, enum ab_diag_severity severity, uint32_t file,
		 uint32_t line, ...)
{
	struct ab_text t = ab_diag_begin(d, severity, file, line);
	va_list ap;

	va_start(ap, line);
	add_parts(&t, ap);
	va_end(ap);
}

static bool is_before(const struct ab_diag *a, const struct ab_diag *b)
{
	return a->file != b->file ? a->file < b->file : a->line < b->line;
}

void ab_diags_sort(struct ab_diags *d)
{
	struct ab_diag x;
	uint32_t i, k;

	for (i = 1; i < d->n; i++) {
		if (!is_before(&d->v[i], &d->v[i - 1]))
			continue;
		x = d->v[i];
		for (k = i; k > 0 && is_before(&x, &d->v[k - 1]); k--)
			d->v[k] = d->v[k - 1];
		d->v[k] = x;
	}
}

void ab_diag_format(struct ab_text *t, const char *path, const struct ab_diag *diag)
{
	if (path) {
		ab_text_add(t, path);
		if (diag->line) {
			ab_text_addc(t, ':');
			ab_text_addu(t, diag->line);
		}
		ab_text_add(t, ": ");
	}
	ab_text_add(t, diag->severity == AB_DIAG_ERROR ? "error: " : "warning: ");
	ab_text_add(t, diag->text);
}
