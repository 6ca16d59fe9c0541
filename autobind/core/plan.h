/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plan - what is wanted against what exists: effects, each allowed by the safety rules.
 *
 * Level-triggered: planning the same world again asks for nothing new. The rules of
 * architecture.md 1 to 7 are asserted where an effect is made.
 */
#ifndef AUTOBIND_CORE_PLAN_H
#define AUTOBIND_CORE_PLAN_H

#include "core/desired.h"
#include "core/world.h"

/* Two discoveries of the same address through the same port are at least this far
 * apart. */
#define AB_DISCOVERY_GAP_MS 2000
/* A discovery ends within this time, whatever the target does. */
#define AB_DISCOVERY_DEADLINE_MS 15000
/* Bindings that one discovery may name (RFC 7143 sets no limit; arrays stay
 * far below). */
#define AB_DISCOVERY_LINES 16384
/* First and longest wait between two tries of anything that failed. */
#define AB_BACKOFF_MIN_MS 1000
#define AB_BACKOFF_MAX_MS 300000

/*
 * Tells the ledger what it has not been told yet. Return: false when there was no room:
 * then nothing else may be planned in this step, since a word about a record must reach
 * the ledger before anything that is done about it.
 */
bool ab_plan_ledger(const struct ab_step *s);

/* Tells it now what it is to say of a record, the times of its Retire included. Return:
 * false when there was no room. */
bool ab_plan_tell_iface(const struct ab_step *s, struct ab_iface *f);
bool ab_plan_tell_node(const struct ab_step *s, struct ab_node *n);

/* Plans every dirty port whose soak is over; ports that could not be finished stay
 * dirty. */
void ab_plan_dirty(const struct ab_step *s);

/* Sessions of every dirty target; after the ports. */
void ab_plan_sessions(const struct ab_step *s);

/* Releases sessions of a target that nothing wants; after its logins. */
void ab_plan_release(const struct ab_step *s, struct ab_target *t);

/* Sets the state of every taken port anew: its sessions have been counted. */
void ab_plan_port_states(const struct ab_step *s);

/* Owned records whose port is gone: retires them when it is time. */
void ab_plan_orphans(const struct ab_step *s);

/* When a dirty port may be planned. */
ab_mono ab_plan_soak_end(const struct ab_port *p);

/* Doubles the wait: 1 s, 2 s, ... AB_BACKOFF_MAX_MS, each with up to 25 % jitter. */
void ab_plan_backoff(struct ab_engine *e, struct ab_backoff *b);
/* The same from @ms to @max_ms. */
void ab_plan_backoff_within(struct ab_engine *e, struct ab_backoff *b, int64_t ms,
			    int64_t max_ms);

/* Tells the prober to forget a path. Return: false when there was no room for the
 * effect. */
bool ab_plan_stop_probe(const struct ab_step *s, uint32_t path);

/* Room in the effect list, zeroed, or NULL (then the engine is starved). */
struct ab_effect *ab_plan_emit(const struct ab_step *s, enum ab_effect_type type);

/* Something for people to read; without room it is left out. */
void ab_plan_note(const struct ab_step *s, enum ab_note what, const struct ab_port *p,
		  const struct ab_portal *portal, const char *name, int32_t code);

/* Jobs of a kind: how many are in flight, how many may be, what waits for them. */
struct ab_job_class {
	uint32_t *n;
	uint32_t max;
	uint8_t wait; /* AB_WAIT_* */
};
struct ab_job_class ab_plan_job_class(struct ab_engine *e, enum ab_job_kind kind);

/* A job about an item, or NULL when too many are in flight: the answer to one of them
 * is the next chance. */
struct ab_job *ab_plan_start_job(struct ab_engine *e, enum ab_job_kind kind,
				 uint32_t slot, const struct ab_item *item);

/* The portal is to be asked for its targets now, or as soon as may be. */
void ab_plan_ask_again(struct ab_engine *e, struct ab_path *path);

/* The path is up: its portal is asked, unless it has not been down and an earlier run
 * heard no from it. */
void ab_plan_greet(struct ab_engine *e, struct ab_path *path, bool was_down);

/* True when the wait is over; else the port is planned again then. */
bool ab_plan_is_due(const struct ab_step *s, struct ab_port *p, ab_mono when);

/*
 * The parts of a port's plan. Each returns false when something is left to do for lack
 * of room, for effects or for jobs; planning the port again goes on where it stopped.
 */
bool ab_plan_paths(const struct ab_step *s, uint32_t port, const struct ab_home *home);
bool ab_plan_drop_paths(const struct ab_step *s, struct ab_port *p);
bool ab_plan_discovery(const struct ab_step *s, uint32_t port);
bool ab_plan_iface(const struct ab_step *s, uint32_t port);
bool ab_plan_nodes(const struct ab_step *s, uint32_t port, const struct ab_home *home);

/* The port uses that iface record from now on; AB_NONE: none. */
void ab_plan_use_iface(struct ab_engine *e, uint32_t port, uint32_t iface);

#endif
