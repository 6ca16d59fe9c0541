/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verbs - the table of everything that can be typed.
 *
 * Usage, help, completion, "did you mean", the man page's test and the request to the
 * daemon all come from it, so they cannot disagree. Holds data, no behaviour.
 */
#ifndef AUTOBIND_CLI_VERBS_H
#define AUTOBIND_CLI_VERBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ab_cli;

enum ab_column_kind {
	AB_COLUMN_TEXT,
	AB_COLUMN_STATE,    /* coloured by its word */
	AB_COLUMN_NUMBER,   /* to the right */
	AB_COLUMN_RATIO,    /* member/other */
	AB_COLUMN_DURATION, /* milliseconds, shown as "3 min 5 s" */
	AB_COLUMN_RTT,	    /* microseconds, shown as milliseconds */
	AB_COLUMN_CLOCK,    /* milliseconds since the Epoch, shown as local time */
};

struct ab_column {
	const char *member;  /* of the row; NULL ends a list */
	const char *heading; /* NULL in all: a table without a first line */
	enum ab_column_kind kind;
	const char *other; /* RATIO: the second member */
};

/* Where the answer comes from. */
enum ab_verb_source {
	AB_VERB_LOCAL,	/* needs no daemon, asks none */
	AB_VERB_DAEMON, /* the daemon or nobody */
	AB_VERB_EITHER, /* the daemon; without it the files and the kernel */
};

/* How rows are shown. */
enum ab_verb_style {
	AB_STYLE_TABLE,
	AB_STYLE_STATUS, /* a head, then a table; JSON: one object */
	AB_STYLE_STREAM, /* line by line as they come */
};

struct ab_verb_option {
	const char *name; /* NULL ends a list; also the parameter of the request */
	char letter;	  /* 0: none */
	const char *arg;  /* NULL: a flag */
	const char *help;
};

#define AB_VERB_PARAMS 2
#define AB_VERB_OPTIONS 8
#define AB_VERB_ANY UINT8_MAX

struct ab_verb {
	const char *name;
	const char *args; /* as in usage */
	/* Parameters of the request that the first arguments become. */
	const char *params[AB_VERB_PARAMS];
	const char *help;    /* one line */
	const char *details; /* more lines for `help VERB`; NULL: none */
	const char *empty;   /* instead of a table without rows */
	const struct ab_verb_option *options;
	const struct ab_column *columns; /* NULL: it has no rows */
	/* Return: the exit status. */
	int (*run)(struct ab_cli *cli);
	enum ab_verb_source source;
	enum ab_verb_style style;
	uint16_t deadline_s;	    /* of the daemon, between two answers */
	uint8_t min_args, max_args; /* AB_VERB_ANY: no limit */
	bool has_filters;	    /* the arguments choose rows */
	bool has_object_lines; /* --json: an object a line, as the end may never come */
	bool is_hidden;
};

extern const struct ab_verb ab_verbs[];
extern const size_t ab_n_verbs;

/* The verb of that name, or NULL. */
const struct ab_verb *ab_verb_find(const char *name);
/* The nearest name for a mistyped one, or NULL. */
const char *ab_verb_suggest(const char *name);

#endif
