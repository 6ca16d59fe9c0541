/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine - an engine with its memory: a table that fills up makes the block larger.
 *
 * The engine allocates nothing (core/engine); here is the malloc behind it, for the
 * daemon, for dry runs and for the command line without a daemon.
 */
#ifndef AUTOBIND_IO_MACHINE_H
#define AUTOBIND_IO_MACHINE_H

#include "core/engine.h"

struct ab_machine {
	struct ab_engine *engine; /* owned */
};

/* An engine that knows nothing, for a host with a handful of ports. Return:
 * 0, -ENOMEM. */
int ab_machine_init(struct ab_machine *m, const struct ab_engine_config *config);

/* A copy to try things with. Return: 0 or -ENOMEM. */
int ab_machine_copy(struct ab_machine *m, const struct ab_machine *from);

void ab_machine_fini(struct ab_machine *m);

/**
 * ab_machine_step() - ab_engine_step() with as much room as it needs
 * @m:   the machine
 * @set: as for the engine
 * @ev:  as for the engine
 * @now: as for the engine
 * @out: as for the engine
 *
 * Return: 0; -ENOMEM: the event was not taken, or not all of it could be planned.
 */
int ab_machine_step(struct ab_machine *m, const struct ab_policy_set *set,
		    const struct ab_event *ev, ab_mono now, struct ab_effects *out);

#endif
