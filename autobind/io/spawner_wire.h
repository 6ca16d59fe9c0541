/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spawner_wire - what the two sides of the spawner say to each other.
 *
 * One message of a SOCK_SEQPACKET socket each. Both sides are one program, so the
 * layout is the compiler's. Private to io/spawner.c and io/spawner_helper.c.
 */
#ifndef AUTOBIND_IO_SPAWNER_WIRE_H
#define AUTOBIND_IO_SPAWNER_WIRE_H

#include <stdint.h>

#include "io/spawner.h"

#define AB_SPAWNER_MESSAGE_MAX (64u * 1024)
#define AB_SPAWNER_KILL_MS 2000 /* from SIGTERM to SIGKILL */

/* Followed by n_args terminated strings, and the input's path when there is one. */
struct ab_spawner_request {
	uint64_t id;
	uint32_t deadline_ms;
	uint32_t output_max;
	uint32_t is_never_killed;
	uint32_t n_args;
	uint32_t has_input;
};

/* Followed by n_err bytes; with n_out > 0 a memfd that holds them comes along. */
struct ab_spawner_answer {
	uint64_t id;
	uint32_t end; /* enum ab_spawner_end */
	int32_t code;
	uint32_t is_cut;
	uint32_t n_out;
	uint32_t n_err;
};

/**
 * ab_spawner_helper() - the helper's life
 * @fd: its end of the socket
 *
 * Called in the forked child; returns when the socket is closed and no child that is
 * never killed is left.
 */
void ab_spawner_helper(int fd);

#endif
