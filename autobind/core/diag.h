/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * diag - what is wrong with a configuration: file, line, and one sentence that says
 * what, where and what to do.
 *
 * A list of fixed capacity that the caller gives; what does not fit is counted. Must
 * not know: how messages are printed.
 */
#ifndef AUTOBIND_CORE_DIAG_H
#define AUTOBIND_CORE_DIAG_H

#include <stddef.h>
#include <stdint.h>

#include "util/text.h"

#define AB_DIAG_TEXT 480
#define AB_DIAG_NO_FILE UINT32_MAX /* about the configuration as a whole */

enum ab_diag_severity {
	AB_DIAG_ERROR,	 /* the whole configuration is refused */
	AB_DIAG_WARNING, /* it is taken, but probably does not do what was meant */
};

struct ab_diag {
	uint32_t file; /* index into the caller's list of files, or AB_DIAG_NO_FILE */
	uint32_t line; /* from 1; 0: the file as a whole */
	uint8_t severity; /* enum ab_diag_severity */
	char text[AB_DIAG_TEXT];
};

struct ab_diags {
	struct ab_diag *v; /* borrowed from the caller, room for @max */
	uint32_t n, max;
	uint32_t n_errors, n_warnings; /* also those that did not fit */
	char spare[AB_DIAG_TEXT];      /* takes the text of one that did not fit */
};

/* An empty list over @max elements at @v; @max 0 only counts. */
void ab_diags_init(struct ab_diags *d, struct ab_diag *v, uint32_t max);

/**
 * ab_diag_begin() - add a message whose text the caller builds
 * @d:        the list
 * @severity: enum ab_diag_severity
 * @file:     index of the file
 * @line:     line, or 0
 *
 * Return: an empty text inside the list, for ab_text_*().
 */
struct ab_text ab_diag_begin(struct ab_diags *d, enum ab_diag_severity severity,
			     uint32_t file, uint32_t line);

/* Adds @s, which somebody else wrote: cut behind 96 bytes, whole characters only. */
void ab_diag_word(struct ab_text *t, const char *s);

/* A message made of strings up to a NULL; every second one is
 * foreign: ab_diag_word(). */
void ab_diag_add(struct ab_diags *d, enum ab_diag_severity severity, uint32_t file,
		 uint32_t line, ...) __attribute__((sentinel));

/* The same without the NULL. */
#define ab_diag_error(d, file, line, ...)                                              \
	ab_diag_add((d), AB_DIAG_ERROR, (file), (line), __VA_ARGS__, (const char *)NULL)
#define ab_diag_warning(d, file, line, ...)                                            \
	ab_diag_add((d), AB_DIAG_WARNING, (file), (line), __VA_ARGS__,                 \
		    (const char *)NULL)

/* By file, then line; messages about the whole come last. Stable. */
void ab_diags_sort(struct ab_diags *d);

/* "PATH:LINE: error: TEXT", the form that editors understand; @path NULL: no file. */
void ab_diag_format(struct ab_text *t, const char *path, const struct ab_diag *diag);

#endif
