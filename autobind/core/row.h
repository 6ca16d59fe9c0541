/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * row - one line of a table, or one JSON object: named cells with typed values.
 *
 * Every answer to `status`, `ports`, `explain`, ... is a sequence of rows. core/view
 * makes them from the engine, io/json turns them into JSON, cli/render into a table; so
 * the three cannot disagree. The names are those of the JSON members.
 */
#ifndef AUTOBIND_CORE_ROW_H
#define AUTOBIND_CORE_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/types.h"
#include "util/text.h"

#define AB_ROW_CELLS 40
#define AB_ROW_TEXT 4096

enum ab_cell_kind {
	AB_CELL_TEXT,
	AB_CELL_NUMBER,
	AB_CELL_BOOL,
	AB_CELL_NULL, /* known to be absent */
};

struct ab_cell {
	const char *name; /* a string constant */
	uint8_t kind;	  /* enum ab_cell_kind */
	int64_t number;	  /* NUMBER, BOOL */
	uint32_t text;	  /* TEXT: where it starts in ab_row.text */
};

struct ab_row {
	uint32_t n_cells;
	struct ab_cell cells[AB_ROW_CELLS];
	size_t text_len;
	bool cut; /* something did not fit and is missing */
	char text[AB_ROW_TEXT];
};

void ab_row_clear(struct ab_row *row);

/* @name must be a string constant; foreign text is escaped (util/text.h) by the
 * caller's choice of ab_row_foreign(). */
void ab_row_text(struct ab_row *row, const char *name, const char *value);
void ab_row_foreign(struct ab_row *row, const char *name, const char *value);
void ab_row_number(struct ab_row *row, const char *name, int64_t value);
void ab_row_bool(struct ab_row *row, const char *name, bool value);
void ab_row_null(struct ab_row *row, const char *name);
void ab_row_portal(struct ab_row *row, const char *name,
		   const struct ab_portal *portal);

/* Starts a text cell whose value is built with ab_text_*(); end it with
 * ab_row_end_text(). */
struct ab_text ab_row_begin_text(struct ab_row *row, const char *name);
void ab_row_end_text(struct ab_row *row, const struct ab_text *t);

/* The cell of that name, or NULL. */
const struct ab_cell *ab_row_find(const struct ab_row *row, const char *name);
/* Text of a TEXT cell of that name, else "". */
const char *ab_row_get(const struct ab_row *row, const char *name);

#endif
