/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * recorder - `--record FILE`: all that the engine was told, and what it asked for.
 *
 *	autobind-recording 1 seed=4711 effects=128 [no-login]
 *	4200000000 link ifindex=2 name=eth0 ...
 *	> route-check path=4294967296 ...
 *
 * First what the engine was made with; then a line for each event, with the
 * nanoseconds of the loop's clock, followed by one for each effect of it; both as
 * core/evtext writes them. The configuration of generation N lies in FILE.conf-N, as
 * the bundle that io/conf builds it from. So everything that decides is there:
 * tests/tools/replay.c repeats it. For finding bugs, not for production: it writes from
 * the loop.
 */
#ifndef AUTOBIND_IO_RECORDER_H
#define AUTOBIND_IO_RECORDER_H

#include "core/engine.h"

struct ab_recorder;

/**
 * ab_recorder_open() - start a recording
 * @path:         created with mode 0600, as its companions are; NULL: record nothing
 * @config:       that the engine was made with
 * @effects_max:  effects of one step
 * @ret_recorder: the recorder, NULL when @path is
 *
 * Return: 0 or -errno; what failed has been logged.
 */
int ab_recorder_open(const char *path, const struct ab_engine_config *config,
		     uint32_t effects_max, struct ab_recorder **ret_recorder);
struct ab_recorder *ab_recorder_close(struct ab_recorder *r); /* NULL; takes NULL */

/* Each writes what its name says; the first failure is logged and ends the recording.
 * All take NULL. */
void ab_recorder_event(struct ab_recorder *r, const struct ab_event *ev, ab_mono now);
void ab_recorder_effects(struct ab_recorder *r, const struct ab_effects *effects);
/* Before the AB_EV_POLICY that puts it in force. */
void ab_recorder_conf(struct ab_recorder *r, uint32_t generation, const char *data,
		      size_t n);

#endif
