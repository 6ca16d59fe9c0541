/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * args - from argv to struct ab_cli; help, usage and completion.
 *
 * Knows: getopt_long, the table of verbs. Must not know: what a verb does.
 */
#ifndef AUTOBIND_CLI_ARGS_H
#define AUTOBIND_CLI_ARGS_H

#include "cli/cli.h"

/**
 * ab_args_parse() - read what was typed
 * @cli:  .setup and .out are set; the rest is written
 * @argc: as in main()
 * @argv: as in main(); reordered
 *
 * Options stand in any place; those of a verb only behind it.
 *
 * Return: 0, or AB_EXIT_USAGE after a message.
 */
int ab_args_parse(struct ab_cli *cli, int argc, char **argv);

void ab_args_print_help(FILE *out);
void ab_args_print_verb_help(FILE *out, const struct ab_verb *verb);
void ab_args_print_completion(FILE *out);

#endif
