/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * autobind - the command line; see autobind(8). Wiring only: cli/ does the work.
 */
#include "cli/cli.h"
#include "cli/offline.h"
#include "io/log.h"

int main(int argc, char **argv)
{
	struct ab_cli_setup setup = { .offline = &ab_cli_offline };

	ab_log_open("autobind", AB_LOG_WARNING);
	ab_cli_setup_terminal(&setup);
	return ab_cli_main(argc, argv, &setup);
}
