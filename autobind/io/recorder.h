/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * recorder - `--record FILE`: every event as the engine got it, with its time.
 *
 * One line each: nanoseconds of the loop's clock, then core/evtext. Replayed through
 * the engine with the same configuration it gives the same effects. For finding bugs,
 * not for production: it writes from the loop.
 */
#ifndef AUTOBIND_IO_RECORDER_H
#define AUTOBIND_IO_RECORDER_H

#include "core/event.h"
#include "util/mono.h"

struct ab_recorder;

/* @path is created with mode 0600, or NULL: record nothing. Return: 0 or -errno. */
int ab_recorder_open(const char *path, struct ab_recorder **ret_recorder);
struct ab_recorder *ab_recorder_close(struct ab_recorder *r); /* NULL; takes NULL */

/* Writes one line; the first failure is logged and ends the recording. Takes NULL. */
void ab_recorder_event(struct ab_recorder *r, const struct ab_event *ev, ab_mono now);

#endif
