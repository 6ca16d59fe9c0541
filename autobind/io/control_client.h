/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * control_client - the other end of the control socket: ask, read the rows, done.
 *
 * Blocks, with a deadline; for the command line, never for the daemon's loop. What the
 * daemon sends is checked as if it was a stranger's. Must not know: what the rows mean.
 */
#ifndef AUTOBIND_IO_CONTROL_CLIENT_H
#define AUTOBIND_IO_CONTROL_CLIENT_H

#include <stdint.h>

#include "core/row.h"
#include "io/message.h"

#define AB_CLIENT_E_NO_DAEMON 1 /* no socket, or nobody behind it */
#define AB_CLIENT_E_FORBIDDEN 2 /* the socket's mode does not let us in */
#define AB_CLIENT_E_TIMEOUT 3	/* no answer for the whole deadline */
#define AB_CLIENT_E_LOST 4	/* the daemon went before the answer was complete */
#define AB_CLIENT_E_GARBAGE 5	/* what answers does not speak our language */
#define AB_CLIENT_E_ANSWER 6	/* the daemon said no: see ab_client_answer */
#define AB_CLIENT_E_INTERRUPTED                                                        \
	7 /* a signal handler ran, or the row function stopped */

/* Why the daemon said no. */
struct ab_client_answer {
	enum ab_message_error error;
	char message[AB_MESSAGE_TEXT]; /* may hold anything: escape before printing */
};

/* Takes one row; its names live until the call ends. Return: 0, or nonzero to stop. */
typedef int ab_client_row_fn(void *arg, const struct ab_row *row);

struct ab_client_call {
	const struct ab_request *req;
	uint32_t deadline_ms; /* between two answers; 0: none */
	ab_client_row_fn *fn;
	void *arg;
};

/**
 * ab_client_connect() - open the socket
 * @path:        of the socket
 * @deadline_ms: how long a daemon may take that accepts nobody; 0: no limit
 * @ret_fd:      the connection; the caller closes it
 *
 * Return: 0, -errno, AB_CLIENT_E_NO_DAEMON, AB_CLIENT_E_FORBIDDEN,
 * AB_CLIENT_E_TIMEOUT or AB_CLIENT_E_INTERRUPTED.
 */
int ab_client_connect(const char *path, uint32_t deadline_ms, int *ret_fd);

/**
 * ab_client_call() - one request and all its answers
 * @fd:         the connection; usable again only after 0 or AB_CLIENT_E_ANSWER
 * @call:       what to ask, and who takes the rows
 * @ret_answer: written for AB_CLIENT_E_ANSWER only
 *
 * Return: 0, -errno, or AB_CLIENT_E_*.
 */
int ab_client_call(int fd, const struct ab_client_call *call,
		   struct ab_client_answer *ret_answer);

#endif
