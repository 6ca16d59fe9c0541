/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * service - what the control socket's methods do: questions become views, orders become
 * events.
 *
 * Knows: the methods and their parameters. Must not know: sockets (io/control), how the
 * shell works.
 */
#ifndef AUTOBIND_IO_SERVICE_H
#define AUTOBIND_IO_SERVICE_H

#include <sys/types.h>

#include "io/shell.h"

struct ab_service;

/* Patience of wait, unless it says another one. */
#define AB_SERVICE_WAIT_MS 120000
/* Longest patience that a request may ask for: a day. */
#define AB_SERVICE_TIMEOUT_MAX_S 86400u

/* Patience of reload and apply: then they tell what is missing and why. */
#define AB_SERVICE_PROGRESS_MS 30000
/* Patience of pause with what is being done: a login has timeouts of its own. */
#define AB_SERVICE_PAUSE_MS 60000

/**
 * ab_service_new() - listen on the control socket
 * @sh:          the shell; must live longer
 * @path:        of the socket
 * @group:       may ask; (gid_t)-1: root alone
 * @ret_service: the service
 *
 * Return: 0, -errno, or AB_CONTROL_E_*; what failed has been logged.
 */
int ab_service_new(struct ab_shell *sh, const char *path, gid_t group,
		   struct ab_service **ret_service);
struct ab_service *ab_service_free(struct ab_service *service);

#endif
