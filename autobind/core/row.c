/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/row.h"

#include <string.h>

#include "core/name.h"

void ab_row_clear(struct ab_row *row)
{
	row->n_cells = 0;
	row->text_len = 0;
	row->cut = false;
}

static struct ab_cell *add_cell(struct ab_row *row, const char *name,
				enum ab_cell_kind kind)
{
	struct ab_cell *c;

	if (row->n_cells == AB_ROW_CELLS) {
		row->cut = true;
		return NULL;
	}
	c = &row->cells[row->n_cells++];
	*c = (struct ab_cell){ .name = name, .kind = kind };
	return c;
}

struct ab_text ab_row_begin_text(struct ab_row *row, const char *name)
{
	struct ab_cell *c = NULL;
	struct ab_text t;

	if (row->text_len < AB_ROW_TEXT)
		c = add_cell(row, name, AB_CELL_TEXT);
	if (!c) {
		row->cut = true;
		/* Room for nothing but the terminator: what is added is cut. */
		ab_text_init(&t, row->text + AB_ROW_TEXT - 1, 1);
		return t;
	}
	c->text = (uint32_t)row->text_len;
	ab_text_init(&t, row->text + row->text_len, AB_ROW_TEXT - row->text_len);
	return t;
}

void ab_row_end_text(struct ab_row *row, const struct ab_text *t)
{
	size_t end = (size_t)(t->buf - row->text) + t->len + 1;

	row->cut |= t->cut;
	if (end > row->text_len)
		row->text_len = end;
}

void ab_row_text(struct ab_row *row, const char *name, const char *value)
{
	struct ab_text t = ab_row_begin_text(row, name);

	ab_text_add(&t, value);
	ab_row_end_text(row, &t);
}

void ab_row_foreign(struct ab_row *row, const char *name, const char *value)
{
	struct ab_text t = ab_row_begin_text(row, name);

	ab_text_add_escaped(&t, value, strlen(value));
	ab_row_end_text(row, &t);
}

void ab_row_portal(struct ab_row *row, const char *name, const struct ab_portal *portal)
{
	struct ab_text t = ab_row_begin_text(row, name);

	ab_name_add_portal(&t, portal);
	ab_row_end_text(row, &t);
}

void ab_row_number(struct ab_row *row, const char *name, int64_t value)
{
	struct ab_cell *c = add_cell(row, name, AB_CELL_NUMBER);

	if (c)
		c->number = value;
}

void ab_row_bool(struct ab_row *row, const char *name, bool value)
{
	struct ab_cell *c = add_cell(row, name, AB_CELL_BOOL);

	if (c)
		c->number = value;
}

void ab_row_null(struct ab_row *row, const char *name)
{
	(void)add_cell(row, name, AB_CELL_NULL);
}

const struct ab_cell *ab_row_find(const struct ab_row *row, const char *name)
{
	uint32_t i;

	for (i = 0; i < row->n_cells; i++)
		if (ab_streq(row->cells[i].name, name))
			return &row->cells[i];
	return NULL;
}

const char *ab_row_get(const struct ab_row *row, const char *name)
{
	const struct ab_cell *c = ab_row_find(row, name);

	return c && c->kind == AB_CELL_TEXT ? row->text + c->text : "";
}
