/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run - what the verbs do.
 *
 * Each takes what was typed and returns an exit status (enum ab_exit).
 */
#ifndef AUTOBIND_CLI_RUN_H
#define AUTOBIND_CLI_RUN_H

#include "cli/cli.h"

/* Verbs whose answer is the daemon's rows, or the offline ones. */
int ab_run_rows(struct ab_cli *cli);
/* Does the daemon answer? Return: AB_EXIT_OK, or another one after a message. */
int ab_run_reach(struct ab_cli *cli);
int ab_run_wait(struct ab_cli *cli);
int ab_run_drain(struct ab_cli *cli);
int ab_run_undrain(struct ab_cli *cli);
int ab_run_check(struct ab_cli *cli);
int ab_run_ping(struct ab_cli *cli);
int ab_run_help(struct ab_cli *cli);
int ab_run_completion(struct ab_cli *cli);

#endif
