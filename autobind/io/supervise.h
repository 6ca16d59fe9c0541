/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * supervise - keeps the service manager informed: ready, reloading, how things stand,
 * and that the loop turns.
 *
 * Compares what is with what was told last, so that nothing is told twice and what the
 * manager could not take at once is told later. Must not know: how it is told
 * (io/notify), what any of it means to the engine.
 */
#ifndef AUTOBIND_IO_SUPERVISE_H
#define AUTOBIND_IO_SUPERVISE_H

#include "io/shell.h"

struct ab_supervise;

/* What the start may wait for a slow disk or kernel before it counts as done: mounts
 * of the network wait for it. */
#define AB_SUPERVISE_START_MS 10000

/**
 * ab_supervise_new() - from now on tell the service manager
 * @sh:            borrowed, outlives the other
 * @ret_supervise: NULL when no service manager wants to be told
 *
 * Return: 0 or -errno.
 */
int ab_supervise_new(struct ab_shell *sh, struct ab_supervise **ret_supervise);

/* Tells that the daemon ends. Takes NULL. */
struct ab_supervise *ab_supervise_free(struct ab_supervise *s);

#endif
