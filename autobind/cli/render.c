/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Results of single writes are ignored here: ab_render_end() asks the stream. */
#include "cli/render.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/display.h"
#include "io/json.h"
#include "util/glob.h"

#define GAP 2
#define COLUMNS_MAX 12
#define WRAP_MIN 24 /* a last column narrower than this is not wrapped */
#define CELL_TEXT (AB_ROW_TEXT * 3 + 1) /* every byte as %XX */

struct ab_render {
	const struct ab_cli *cli;
	const struct ab_column *columns;
	unsigned int n_columns;
	unsigned int width[COLUMNS_MAX];
	/* Cells that wait for their widths, row by row; only their text is kept. */
	char *text; /* owned */
	size_t text_len, text_size;
	size_t *cells; /* owned; where each cell's text starts */
	size_t n_cells, cells_size;
	size_t n_json;	   /* objects printed so far */
	bool is_json_open; /* a bracket has to be closed */
	bool was_cut;
};

static bool is_object(const struct ab_render *r)
{
	return r->cli->verb->style == AB_STYLE_STATUS;
}

int ab_render_new(const struct ab_cli *cli, struct ab_render **ret_render)
{
	struct ab_render *r = calloc(1, sizeof(*r));
	const struct ab_column *c;

	if (!r)
		return -ENOMEM;
	r->cli = cli;
	r->columns = cli->verb->columns;
	for (c = r->columns; c->member && r->n_columns < COLUMNS_MAX; c++) {
		if (c->heading)
			r->width[r->n_columns] =
				ab_display_width(c->heading, strlen(c->heading));
		r->n_columns++;
	}
	*ret_render = r;
	return 0;
}

struct ab_render *ab_render_free(struct ab_render *render)
{
	if (render) {
		free(render->text);
		free(render->cells);
		free(render);
	}
	return NULL;
}

/* --- values --- */

static void add_clock(struct ab_text *t, int64_t ms)
{
	time_t s = (time_t)(ms / 1000);
	struct tm tm;
	char buf[16];

	if (ms < 0 || !localtime_r(&s, &tm) ||
	    !strftime(buf, sizeof(buf), "%H:%M:%S", &tm)) {
		ab_text_addc(t, '-');
		return;
	}
	ab_text_add(t, buf);
	ab_text_addc(t, '.');
	ab_text_addi(t, ms % 1000 / 100);
	ab_text_addi(t, ms % 100 / 10);
	ab_text_addi(t, ms % 10);
}

static void add_number(struct ab_text *t, enum ab_column_kind kind, int64_t value)
{
	switch (kind) {
	case AB_COLUMN_DURATION:
		ab_display_add_duration(t, value);
		return;
	case AB_COLUMN_RTT:
		ab_display_add_rtt(t, value);
		return;
	case AB_COLUMN_CLOCK:
		add_clock(t, value);
		return;
	case AB_COLUMN_TEXT:
	case AB_COLUMN_STATE:
	case AB_COLUMN_NUMBER:
	case AB_COLUMN_RATIO:
		break;
	}
	ab_text_addi(t, value);
}

/* Nothing for what is absent or empty. */
static void add_cell(struct ab_text *t, const struct ab_row *row, const char *member,
		     enum ab_column_kind kind)
{
	const struct ab_cell *c = ab_row_find(row, member);

	if (!c)
		return;
	switch ((enum ab_cell_kind)c->kind) {
	case AB_CELL_TEXT:
		ab_display_add(t, row->text + c->text);
		return;
	case AB_CELL_NUMBER:
		add_number(t, kind, c->number);
		return;
	case AB_CELL_BOOL:
		ab_text_add(t, c->number ? "yes" : "no");
		return;
	case AB_CELL_NULL:
		return;
	}
}

static void add_column(struct ab_text *t, const struct ab_row *row,
		       const struct ab_column *column)
{
	size_t start = t->len;

	add_cell(t, row, column->member, column->kind);
	if (column->kind != AB_COLUMN_RATIO || t->len == start)
		return;
	ab_text_addc(t, '/');
	add_cell(t, row, column->other, column->kind);
}

/* --- filters --- */

/* MEMBER=PATTERN, or PATTERN for the first column. *ret_pattern points into @filter. */
static const char *filter_member(const struct ab_column *columns, const char *filter,
				 const char **ret_pattern)
{
	const char *equals = strchr(filter, '=');
	const struct ab_column *c;
	size_t n;

	*ret_pattern = equals ? equals + 1 : filter;
	if (!equals)
		return columns[0].member;
	n = (size_t)(equals - filter);
	for (c = columns; c->member; c++) {
		if (strlen(c->member) == n && strncmp(c->member, filter, n) == 0)
			return c->member;
		if (c->other && strlen(c->other) == n &&
		    strncmp(c->other, filter, n) == 0)
			return c->other;
	}
	return NULL;
}

const char *ab_render_bad_filter(const struct ab_cli *cli)
{
	const char *pattern;
	unsigned int i;

	for (i = 0; cli->verb->has_filters && i < cli->n_args; i++)
		if (!filter_member(cli->verb->columns, cli->args[i], &pattern))
			return cli->args[i];
	return NULL;
}

static bool is_wanted(const struct ab_render *r, const struct ab_row *row)
{
	char value[CELL_TEXT];
	unsigned int i;

	for (i = 0; r->cli->verb->has_filters && i < r->cli->n_args; i++) {
		const char *pattern;
		const char *member =
			filter_member(r->columns, r->cli->args[i], &pattern);
		struct ab_text t;

		ab_text_init(&t, value, sizeof(value));
		if (member)
			add_cell(&t, row, member, AB_COLUMN_NUMBER);
		/* As it is, too: "[2001:db8::1]:3260" is no set of characters. */
		if (!ab_streq_nocase(pattern, value) && !ab_glob_nocase(pattern, value))
			return false;
	}
	return true;
}

/* --- JSON --- */

static void open_json(struct ab_render *r)
{
	if (r->is_json_open || r->cli->verb->has_object_lines)
		return;
	r->is_json_open = true;
	(void)fputs(is_object(r) ? "{\"head\": " : "[", r->cli->out);
}

static int json_row(struct ab_render *r, const struct ab_row *row)
{
	bool is_head = is_object(r) && ab_streq(ab_row_get(row, "row"), "head");
	FILE *out = r->cli->out;
	char *text;
	int error = ab_json_encode_row(row, "row", &text);

	if (error)
		return error;
	if (r->cli->verb->has_object_lines) {
		fprintf(out, "%s\n", text);
	} else if (is_head && !r->is_json_open) {
		open_json(r);
		fprintf(out, "%s,\n \"ports\": [", text);
	} else {
		if (!r->is_json_open && is_object(r)) {
			open_json(r);
			(void)fputs("null,\n \"ports\": [", out);
		}
		open_json(r);
		fprintf(out, "%s%s", r->n_json ? ",\n " : "\n ", text);
		r->n_json++;
	}
	free(text);
	return 0;
}

static void json_end(struct ab_render *r, bool is_complete)
{
	FILE *out = r->cli->out;

	if (r->cli->verb->has_object_lines || (!r->is_json_open && !is_complete))
		return;
	if (!r->is_json_open && is_object(r))
		(void)fputs("{\"head\": null,\n \"ports\": [", out);
	else
		open_json(r);
	fprintf(out, "%s]%s\n", r->n_json ? "\n" : "", is_object(r) ? "}" : "");
}

/* --- tables --- */

static bool reserve(void **v, size_t *size, size_t need, size_t each)
{
	size_t n = *size ? *size : 64;
	void *p;

	if (need <= *size)
		return true;
	while (n < need)
		n *= 2;
	p = realloc(*v, n * each);
	if (!p)
		return false;
	*v = p;
	*size = n;
	return true;
}

static int keep_cell(struct ab_render *r, unsigned int column, const char *s)
{
	size_t n = strlen(s) + 1;
	unsigned int width = ab_display_width(s, n - 1);
	void *text = r->text, *cells = r->cells;
	bool ok;

	ok = reserve(&text, &r->text_size, r->text_len + n, 1);
	r->text = text;
	ok = ok && reserve(&cells, &r->cells_size, r->n_cells + 1, sizeof(*r->cells));
	r->cells = cells;
	if (!ok)
		return -ENOMEM;
	memcpy(r->text + r->text_len, s, n);
	r->cells[r->n_cells++] = r->text_len;
	r->text_len += n;
	if (width > r->width[column])
		r->width[column] = width;
	return 0;
}

static int keep_row(struct ab_render *r, const struct ab_row *row)
{
	char value[CELL_TEXT];
	unsigned int i;
	int error = 0;

	for (i = 0; i < r->n_columns && !error; i++) {
		struct ab_text t;

		ab_text_init(&t, value, sizeof(value));
		add_column(&t, row, &r->columns[i]);
		error = keep_cell(r, i, t.len ? value : "-");
	}
	return error;
}

static const char *colour_of(const char *word)
{
	static const struct {
		const char *word, *colour;
	} colours[] = {
		{ "up", "32" },	       { "ok", "32" },	       { "bound", "32" },
		{ "ours", "32" },      { "+", "32" },	       { "down", "31" },
		{ "refused", "31" },   { "cannotsend", "31" }, { "wrongdevice", "31" },
		{ "nocarrier", "31" }, { "noaddr", "31" },     { "noroute", "31" },
		{ "bad", "31" },       { "broken", "31" },     { "error", "31" },
		{ "!", "31" },	       { "-", "31" },	       { "partial", "33" },
		{ "searching", "33" }, { "pending", "33" },    { "held", "33" },
		{ "modified", "33" },  { "removed", "33" },    { "absent", "33" },
		{ "warning", "33" },   { "~", "33" },	       { "logged_in", "32" },
		{ "failed", "31" },    { "denied", "31" },     { "waiting", "33" },
		{ "one_only", "33" },  { "logging_in", "33" }, { "offline", "31" },
		{ "one_path", "33" },
	};
	size_t i;

	for (i = 0; i < sizeof(colours) / sizeof(colours[0]); i++)
		if (ab_streq_nocase(colours[i].word, word))
			return colours[i].colour;
	return NULL;
}

static void print_pad(FILE *out, unsigned int n)
{
	fprintf(out, "%*s", (int)n, "");
}

static void print_coloured(const struct ab_render *r, enum ab_column_kind kind,
			   const char *s)
{
	const char *colour = NULL;

	if (kind == AB_COLUMN_STATE && r->cli->setup->has_colour)
		colour = colour_of(s);
	if (colour)
		fprintf(r->cli->out, "\033[%sm%s\033[0m", colour, s);
	else
		(void)fputs(s, r->cli->out);
}

/* The last column may go on below itself. */
static void print_last(const struct ab_render *r, unsigned int indent,
		       enum ab_column_kind kind, const char *s)
{
	unsigned int width = r->cli->setup->width;

	if (width < indent + WRAP_MIN) {
		print_coloured(r, kind, s);
		return;
	}
	for (;;) {
		size_t n = ab_display_wrap(s, width - indent), shown = n;

		if (!s[n]) {
			print_coloured(r, kind, s);
			return;
		}
		while (shown > 0 && s[shown - 1] == ' ')
			shown--;
		fprintf(r->cli->out, "%.*s\n", (int)shown, s);
		print_pad(r->cli->out, indent);
		s += n;
	}
}

static bool is_right(enum ab_column_kind kind)
{
	return kind == AB_COLUMN_NUMBER || kind == AB_COLUMN_RTT ||
	       kind == AB_COLUMN_DURATION;
}

/* @cell gives the text of each column. */
static void print_line(const struct ab_render *r, const char *const *cell)
{
	unsigned int indent = 0, i;

	for (i = 0; i < r->n_columns; i++) {
		enum ab_column_kind kind = r->columns[i].kind;
		unsigned int pad =
			r->width[i] - ab_display_width(cell[i], strlen(cell[i]));

		if (i + 1 == r->n_columns) {
			print_last(r, indent, kind, cell[i]);
			break;
		}
		if (is_right(kind))
			print_pad(r->cli->out, pad);
		print_coloured(r, kind, cell[i]);
		print_pad(r->cli->out, is_right(kind) ? GAP : pad + GAP);
		indent += r->width[i] + GAP;
	}
	(void)fputc('\n', r->cli->out);
}

static void print_table(const struct ab_render *r)
{
	const char *cell[COLUMNS_MAX] = { NULL };
	size_t at;
	unsigned int i;

	if (!r->n_cells) {
		if (r->cli->verb->empty)
			fprintf(r->cli->out, "%s\n", r->cli->verb->empty);
		return;
	}
	for (i = 0; i < r->n_columns; i++)
		cell[i] = r->columns[i].heading;
	if (cell[0])
		print_line(r, cell);
	for (at = 0; at < r->n_cells; at += r->n_columns) {
		for (i = 0; i < r->n_columns; i++)
			cell[i] = r->text + r->cells[at + i];
		print_line(r, cell);
	}
}

/* --- the other forms --- */

/* What there is, in one line; but nothing that the sentence at its end says anyway. */
static void print_stream(const struct ab_render *r, const struct ab_row *row)
{
	char value[CELL_TEXT], sentence[CELL_TEXT];
	bool is_first = true;
	struct ab_text t;
	unsigned int i;

	ab_text_init(&t, sentence, sizeof(sentence));
	add_column(&t, row, &r->columns[r->n_columns - 1]);
	for (i = 0; i < r->n_columns; i++) {
		ab_text_init(&t, value, sizeof(value));
		add_column(&t, row, &r->columns[i]);
		if (!t.len || (i + 1 < r->n_columns && strstr(sentence, value)))
			continue;
		if (!is_first)
			print_pad(r->cli->out, GAP);
		print_coloured(r, r->columns[i].kind, value);
		is_first = false;
	}
	if (!is_first)
		(void)fputc('\n', r->cli->out);
}

static void print_head(const struct ab_render *r, const struct ab_row *row)
{
	static const struct {
		const char *label;
		struct ab_column column;
	} lines[] = {
		{ "Initiator", { "initiator", NULL, AB_COLUMN_TEXT, NULL } },
		{ "Daemon", { "daemon", NULL, AB_COLUMN_TEXT, NULL } },
		{ "Database", { "database", NULL, AB_COLUMN_TEXT, NULL } },
		{ "Logins", { "logins", NULL, AB_COLUMN_TEXT, NULL } },
		{ "Store", { "store", NULL, AB_COLUMN_STATE, NULL } },
		{ "Configuration", { "configuration", NULL, AB_COLUMN_TEXT, NULL } },
		{ "Generation", { "generation", NULL, AB_COLUMN_TEXT, NULL } },
		{ "Policies", { "policies", NULL, AB_COLUMN_TEXT, NULL } },
		{ "Paused", { "paused", NULL, AB_COLUMN_TEXT, NULL } },
		{ "Quiesced", { "quiesced", NULL, AB_COLUMN_TEXT, NULL } },
		{ "Only additions", { "additions_only", NULL, AB_COLUMN_TEXT, NULL } },
		{ "Ports", { "ports", NULL, AB_COLUMN_TEXT, NULL } },
		{ "Sessions", { "sessions", NULL, AB_COLUMN_TEXT, NULL } },
		{ "Multipathd", { "multipathd", NULL, AB_COLUMN_TEXT, NULL } },
		{ "Paths up", { "paths_up", NULL, AB_COLUMN_RATIO, "paths_all" } },
		{ "Overall", { "overall", NULL, AB_COLUMN_STATE, NULL } },
	};
	char value[CELL_TEXT];
	size_t i;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		const struct ab_cell *c = ab_row_find(row, lines[i].column.member);
		struct ab_text t;

		ab_text_init(&t, value, sizeof(value));
		add_column(&t, row, &lines[i].column);
		/* That nothing unusual is the matter goes without saying. */
		if (!t.len || (c->kind == AB_CELL_BOOL && !c->number))
			continue;
		fprintf(r->cli->out, "%14s: ", lines[i].label);
		print_last(r, 16, lines[i].column.kind, value);
		(void)fputc('\n', r->cli->out);
	}
	(void)fputc('\n', r->cli->out);
}

int ab_render_row(struct ab_render *r, const struct ab_row *row)
{
	bool is_stream = r->cli->verb->style == AB_STYLE_STREAM;
	int error = 0;

	if (!is_wanted(r, row))
		return 0;
	r->was_cut |= row->cut;
	if (r->cli->is_json)
		error = json_row(r, row);
	else if (is_stream)
		print_stream(r, row);
	else if (is_object(r) && ab_streq(ab_row_get(row, "row"), "head"))
		print_head(r, row);
	else
		return keep_row(r, row);
	if (!error && is_stream && fflush(r->cli->out) != 0)
		error = -errno;
	return error;
}

int ab_render_end(struct ab_render *r, bool is_complete)
{
	FILE *out = r->cli->out;

	if (r->cli->is_json)
		json_end(r, is_complete);
	else if (r->cli->verb->style != AB_STYLE_STREAM && (is_complete || r->n_cells))
		print_table(r);
	if (r->was_cut)
		fprintf(r->cli->setup->err,
			"autobind: %s: something was too long and is missing\n",
			r->cli->verb->name);
	if (fflush(out) != 0)
		return -errno;
	return ferror(out) ? -EIO : 0;
}
