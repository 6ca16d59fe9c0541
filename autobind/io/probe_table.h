/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probe_table - the paths that are probed, and the wheel that says when.
 *
 * Paths live in one array and are named by their slot, because the array moves when it
 * grows: never keep a pointer across ab_probe_table_add(). The wheel has slots of 20
 * ms; a path hangs in at most one list, the one of its .when or one that the caller
 * took it to. Knows: arrays, lists, time in slots. Must not know: sockets, clocks,
 * events. Costs: no allocation but in ab_probe_table_add(), every other step is O(1) in
 * the number of paths, or in the number of those that are due.
 */
#ifndef AUTOBIND_IO_PROBE_TABLE_H
#define AUTOBIND_IO_PROBE_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/types.h"
#include "util/hash.h"
#include "util/mono.h"

#define AB_PROBE_TICK_NS (20 * AB_NSEC_PER_MSEC)
/* 82 s: every interval that a policy is likely to have passes without a turn of the
 * wheel that finds nothing to do. A power of two. */
#define AB_PROBE_WHEEL 4096
#define AB_PROBE_NIL UINT32_MAX

enum ab_probe_phase {
	AB_PROBE_IDLE,	  /* .when: the next round */
	AB_PROBE_ECHO,	  /* an echo is under way; .when: it is lost */
	AB_PROBE_WAIT,	  /* for a place among the TCP connects; in no wheel slot */
	AB_PROBE_CONNECT, /* a connect is under way; .when: it is lost */
};

/* Lists that are no wheel slots. */
enum {
	AB_PROBE_LIST_DUE =
		AB_PROBE_WHEEL, /* taken from the wheel, not yet looked at */
	AB_PROBE_LIST_WAIT,	/* phase WAIT, first come first served */
	AB_PROBE_LIST_NONE,
	AB_PROBE_LISTS = AB_PROBE_LIST_NONE,
};

/* What the first half of a round with two methods came to. */
struct ab_probe_half {
	uint32_t rtt_us;
	uint32_t arrival;
	int16_t error;
	uint8_t result; /* enum ab_probe_result */
};

struct ab_probe_path {
	uint64_t id; /* the caller's */
	/* Next thing to do, ns; a multiple of a tick while on the wheel. */
	int64_t when;
	int64_t anchor; /* the round that is due or under way, ns, before jitter */
	int64_t sent;	/* of what is under way, ns */
	uint32_t next, prev;
	uint32_t ifindex;
	uint32_t interval_ms, timeout_ms;
	uint32_t seq;  /* of the round that is under way, or was the last */
	uint32_t life; /* differs from that of every other use of this slot and id */
	struct ab_probe_half half;
	uint8_t addr[16];
	uint16_t port;
	uint16_t list;	    /* wheel slot or AB_PROBE_LIST_* */
	uint16_t connect;   /* of the TCP connect in phase CONNECT */
	uint8_t family;	    /* AF_INET, AF_INET6; 0: this slot is free */
	uint8_t method;	    /* enum ab_probe_method */
	uint8_t phase;	    /* enum ab_probe_phase */
	uint8_t burst;	    /* rounds of the burst that are left */
	uint8_t is_settled; /* the last round was answered: late ones are duplicates */
};

_Static_assert(sizeof(struct ab_probe_path) <= 112, "small: there may be 65,536");

struct ab_probe_table {
	struct ab_probe_path *paths; /* owned */
	uint32_t *index;	     /* owned; open addressing, slots by id */
	uint32_t n, size, max;	     /* used, allocated, allowed */
	uint32_t free;		     /* first free slot, linked by .next */
	struct ab_hash_key key;
	int64_t tick; /* the last slot that was looked at */
	uint32_t heads[AB_PROBE_LISTS];
	uint32_t wait_tail;
	uint64_t occupied[AB_PROBE_WHEEL / 64];
};

/* In place. @max: paths at most. @now: the wheel starts here. */
void ab_probe_table_init(struct ab_probe_table *t, const struct ab_hash_key *key,
			 uint32_t max, ab_mono now);
void ab_probe_table_fini(struct ab_probe_table *t);

/* The slot of @id, or AB_PROBE_NIL. */
uint32_t ab_probe_table_find(const struct ab_probe_table *t, uint64_t id);

/**
 * ab_probe_table_add() - a slot for a new path
 * @t:        the table
 * @id:       must not be in it
 * @ret_slot: all zero but .id; on no list; the caller sets .family
 *
 * Return: 0, -ENOSPC at the limit, -ENOMEM.
 */
int ab_probe_table_add(struct ab_probe_table *t, uint64_t id, uint32_t *ret_slot);

/* Also takes it from its list. */
void ab_probe_table_del(struct ab_probe_table *t, uint32_t slot);

/* Puts a path on the wheel, from wherever it is: @when is rounded up to a tick, and to
 * the next tick that was not looked at yet. */
void ab_probe_table_schedule(struct ab_probe_table *t, uint32_t slot, int64_t when);

/* Puts a path at the end of AB_PROBE_LIST_WAIT. */
void ab_probe_table_wait(struct ab_probe_table *t, uint32_t slot);

/* Takes the first one from AB_PROBE_LIST_DUE or _WAIT; AB_PROBE_NIL when it
 * is empty. */
uint32_t ab_probe_table_pop(struct ab_probe_table *t, uint16_t list);

/* Moves everything whose .when has come to AB_PROBE_LIST_DUE. */
void ab_probe_table_advance(struct ab_probe_table *t, ab_mono now);

/* When to call ab_probe_table_advance() again. */
ab_mono ab_probe_table_next(const struct ab_probe_table *t);

#endif
