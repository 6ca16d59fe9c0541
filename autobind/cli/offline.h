/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * offline - what the verbs do where no daemon answers: io/offline's views as rows.
 */
#ifndef AUTOBIND_CLI_OFFLINE_H
#define AUTOBIND_CLI_OFFLINE_H

#include "cli/cli.h"

extern const struct ab_cli_offline_ops ab_cli_offline;

#endif
