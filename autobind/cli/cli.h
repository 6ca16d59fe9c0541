/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli - the command line: reads arguments, runs one verb, returns an exit status.
 */
#ifndef AUTOBIND_CLI_CLI_H
#define AUTOBIND_CLI_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include "cli/verbs.h"
#include "io/control_client.h"
#include "io/roots.h"

/* Exit statuses; documented in autobind(8), so they never change. */
enum ab_exit {
	AB_EXIT_OK = 0,
	AB_EXIT_PROBLEM = 1,   /* the answer is: not well, not valid, not reached */
	AB_EXIT_USAGE = 2,     /* what was typed makes no sense */
	AB_EXIT_NO_DAEMON = 3, /* it is needed and does not answer */
	AB_EXIT_DENIED = 4,    /* not permitted */
	AB_EXIT_FAILED = 5,    /* anything else that went wrong */
};

/**
 * Rows of a verb without a daemon: from files and the kernel, through the same
 * adapters, core and view as the daemon's. @world: file that describes the world to
 * look at instead of this host, or NULL. Return: 0, or -errno with a sentence in
 * @message.
 */
typedef int ab_cli_offline_fn(const struct ab_roots *roots, const char *world,
			      ab_client_row_fn *fn, void *arg, struct ab_text *message);

struct ab_cli_offline_ops {
	ab_cli_offline_fn *ports, *ifaces, *nodes, *plan; /* NULL: needs the daemon */
};

struct ab_cli_setup {
	const struct ab_cli_offline_ops *offline; /* NULL: everything needs a daemon */
	FILE *out, *err;			  /* borrowed */
	bool is_tty;				  /* what is written to @out is read
						     by a person now */
	bool has_colour;
	unsigned int width; /* columns of the terminal; 0: do not wrap */
};

/* What was typed. */
struct ab_cli {
	const struct ab_cli_setup *setup;
	FILE *out; /* setup->out, or the pager */
	struct ab_roots roots;
	bool is_json, has_no_pager, wants_help, wants_version;
	const struct ab_verb *verb;
	const char *opt[AB_VERB_OPTIONS]; /* by verb->options; NULL: not given */
	unsigned int n_args;
	char **args; /* borrowed from argv */
};

/* Standard output and error as they are: a terminal or not, colours
 * (NO_COLOR), width. */
void ab_cli_setup_terminal(struct ab_cli_setup *setup);

/* Return: enum ab_exit. */
int ab_cli_main(int argc, char **argv, const struct ab_cli_setup *setup);

/* "autobind: VERB: ..." on standard error, lines of their own below each other; foreign
 * text is made harmless. Return: @status. */
int ab_cli_fail(const struct ab_cli *cli, int status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Value of the verb's option of that name, or NULL. */
const char *ab_cli_opt(const struct ab_cli *cli, const char *name);

#endif
