/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * autobind - the command line; see autobind(8). Wiring only: cli/ does the work.
 */
#include <stddef.h>

#include "cli/cli.h"

int main(int argc, char **argv)
{
	struct ab_cli_setup setup = { .offline = NULL };

	ab_cli_setup_terminal(&setup);
	return ab_cli_main(argc, argv, &setup);
}
