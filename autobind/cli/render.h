/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * render - rows as a table for people or as JSON for programs.
 *
 * Knows: columns, widths, colours, filters. Must not know: where rows come from, what a
 * verb means.
 */
#ifndef AUTOBIND_CLI_RENDER_H
#define AUTOBIND_CLI_RENDER_H

#include "cli/cli.h"
#include "core/row.h"

struct ab_render;

/* Return: 0 or -ENOMEM. Filters: cli->args of a verb that has them. */
int ab_render_new(const struct ab_cli *cli, struct ab_render **ret_render);
struct ab_render *ab_render_free(struct ab_render *render); /* NULL; takes NULL */

/* Are the filters of @cli about members that the verb's rows have? On failure the bad
 * one is returned, else NULL. */
const char *ab_render_bad_filter(const struct ab_cli *cli);

/* Takes a row; a stream prints it at once. Return: 0 or -errno. */
int ab_render_row(struct ab_render *render, const struct ab_row *row);

/* Prints what was collected. @is_complete: no error cut the rows short. Return: 0 or
 * -errno of writing. */
int ab_render_end(struct ab_render *render, bool is_complete);

#endif
