/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * history - the flight recorder: the latest notes, with their wall-clock times.
 */
#ifndef AUTOBIND_IO_HISTORY_H
#define AUTOBIND_IO_HISTORY_H

#include <stdint.h>

#include "core/event.h"
#include "core/row.h"

/* A busy hotplug makes some ten notes; this is the story of an hour with trouble. */
#define AB_HISTORY_MAX 512

struct ab_history {
	uint64_t n; /* notes ever put; the latest AB_HISTORY_MAX are kept */
	struct {
		int64_t time_ms; /* since the epoch */
		struct ab_effect note;
	} ring[AB_HISTORY_MAX];
};

/* Keeps a note (AB_EF_NOTE) with the present time. */
void ab_history_put(struct ab_history *h, const struct ab_effect *note);

/* Number of the oldest note that is still there; they go up to h->n - 1. */
uint64_t ab_history_first(const struct ab_history *h);

/* A kept note as a row of `events`. */
void ab_history_row(const struct ab_history *h, uint64_t number, struct ab_row *row);

#endif
