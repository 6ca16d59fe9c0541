/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * engine - the one function that decides: step(engine, event, now) -> effects.
 *
 * Pure: no clock, no I/O, no allocation; all state lies in one block that the caller
 * gives and may copy. Events change only the observed world; every decision is computed
 * from the whole of it. The daemon, the simulator, the model checker and the fuzzer
 * drive the same function.
 */
#ifndef AUTOBIND_CORE_ENGINE_H
#define AUTOBIND_CORE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/event.h"
#include "core/policy.h"
#include "util/mono.h"

struct ab_engine;

/* Capacities of the tables. Zero is allowed; ab_engine_copy() moves into a larger
 * block. */
struct ab_limits {
	uint32_t ports; /* network devices, taken or not */
	uint32_t addrs;
	uint32_t targets;  /* distinct target names */
	uint32_t ifaces;   /* iface records and ledger entries */
	uint32_t nodes;	   /* node records and ledger entries */
	uint32_t paths;	   /* port x portal */
	uint32_t founds;   /* path x target */
	uint32_t sessions; /* of the kernel */
};

struct ab_engine_config {
	uint64_t seed; /* of the generator for jitter */
	bool no_login; /* cap every policy at Action=record */
};

/* A discovery by hand deletes records and writes them again within this: what it
 * removed is made again, what a listing lacked is looked for once more. */
#define AB_RESTORE_MS 5000

/* The event was not taken: a table is full. Copy into a larger block and repeat it. */
#define AB_ENGINE_E_LIMIT 1

/* What the effects of one step are written to. */
struct ab_effects {
	struct ab_effect *v; /* borrowed from the caller, room for @max */
	uint32_t n, max;     /* max at least AB_EFFECTS_MIN */
};
#define AB_EFFECTS_MIN 16

/* Bytes of a block for these limits. */
size_t ab_engine_size(const struct ab_limits *limits);

/**
 * ab_engine_init() - an engine that knows nothing yet
 * @block:  ab_engine_size(@limits) bytes, aligned for any type, borrowed for its life
 * @limits: capacities
 * @config: settings of this run
 *
 * Return: the engine, which is the block.
 */
struct ab_engine *ab_engine_init(void *block, const struct ab_limits *limits,
				 const struct ab_engine_config *config);

/**
 * ab_engine_copy() - move into another block
 * @block:  ab_engine_size(@limits) bytes
 * @limits: capacities of the copy, each at least what @from uses
 * @from:   the engine; unchanged
 *
 * Return: the copy, or NULL when something would not fit.
 */
struct ab_engine *ab_engine_copy(void *block, const struct ab_limits *limits,
				 const struct ab_engine *from);

/* The capacities that @e was made with. */
struct ab_limits ab_engine_limits(const struct ab_engine *e);

/* The same, with those doubled that are, or are nearly, used up. */
struct ab_limits ab_engine_more(const struct ab_engine *e);

/**
 * ab_engine_step() - take one event, decide what follows
 * @e:   the engine
 * @set: the policy set in force; NULL: none, watch only. A set other than the one of
 * the step before must come with AB_EV_POLICY.
 * @ev:  the event
 * @now: time of the event; must not go backwards
 * @out: effects are appended
 *
 * The number of effects is bounded by @out->max; what did not fit is planned again in
 * the next step, and ab_engine_next() is then @now.
 *
 * Return: 0, or AB_ENGINE_E_LIMIT with the state unchanged.
 */
int ab_engine_step(struct ab_engine *e, const struct ab_policy_set *set,
		   const struct ab_event *ev, ab_mono now, struct ab_effects *out);

/* When AB_EV_TICK is due next; AB_MONO_NEVER: only an event can change anything. */
ab_mono ab_engine_next(const struct ab_engine *e);

/* Planning stopped because a table is full: copy into a larger block,
 * then AB_EV_TICK. */
bool ab_engine_wants_room(const struct ab_engine *e);

/**
 * ab_engine_project() - the state as far as it decides anything, in canonical order
 * @e:    the engine
 * @buf:  where the text goes
 * @size: its size, at least 1
 *
 * Deadlines as ordered ranks, counters saturated at their thresholds; no statistics,
 * stamps, jitter, job numbers or slot numbers: two engines with equal projections take
 * equal decisions for ever after. Used by the model checker and the equivalence tests.
 *
 * Return: the length of the text, or more than @size when it did not fit.
 */
size_t ab_engine_project(const struct ab_engine *e, char *buf, size_t size);

#endif
