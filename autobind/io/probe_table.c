/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/probe_table.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_FIRST 16

_Static_assert((AB_PROBE_WHEEL & (AB_PROBE_WHEEL - 1)) == 0, "slots by masking");

void ab_probe_table_init(struct ab_probe_table *t, const struct ab_hash_key *key,
			 uint32_t max, ab_mono now)
{
	memset(t, 0, sizeof(*t));
	t->key = *key;
	t->max = max;
	t->free = AB_PROBE_NIL;
	t->wait_tail = AB_PROBE_NIL;
	t->tick = now.ns / AB_PROBE_TICK_NS;
	for (unsigned int i = 0; i < AB_PROBE_LISTS; i++)
		t->heads[i] = AB_PROBE_NIL;
}

void ab_probe_table_fini(struct ab_probe_table *t)
{
	free(t->paths);
	free(t->index);
	memset(t, 0, sizeof(*t));
}

/* --- the index: twice as many places as paths, so that runs stay short ---------- */

static uint32_t home_of(const struct ab_probe_table *t, uint64_t id)
{
	return (uint32_t)ab_siphash(&t->key, &id, sizeof(id)) & (2 * t->size - 1);
}

/* The place that holds @id, or the free one where it belongs. */
static uint32_t place_of(const struct ab_probe_table *t, uint64_t id)
{
	uint32_t mask = 2 * t->size - 1;
	uint32_t i = home_of(t, id);

	while (t->index[i] != AB_PROBE_NIL && t->paths[t->index[i]].id != id)
		i = (i + 1) & mask;
	return i;
}

uint32_t ab_probe_table_find(const struct ab_probe_table *t, uint64_t id)
{
	return t->n ? t->index[place_of(t, id)] : AB_PROBE_NIL;
}

/* Closes the gap: moves back whatever could not be found across it. */
static void index_del(struct ab_probe_table *t, uint64_t id)
{
	uint32_t mask = 2 * t->size - 1;
	uint32_t gap = place_of(t, id);
	uint32_t i = gap;
	uint32_t home;

	assert(t->index[gap] != AB_PROBE_NIL);
	for (;;) {
		i = (i + 1) & mask;
		if (t->index[i] == AB_PROBE_NIL)
			break;
		home = home_of(t, t->paths[t->index[i]].id);
		if (((i - home) & mask) < ((i - gap) & mask))
			continue;
		t->index[gap] = t->index[i];
		gap = i;
	}
	t->index[gap] = AB_PROBE_NIL;
}

static int grow(struct ab_probe_table *t)
{
	uint32_t old = t->size;
	uint32_t size = old ? 2 * old : SIZE_FIRST;
	struct ab_probe_path *paths;
	uint32_t *index;

	index = malloc(2 * (size_t)size * sizeof(*index));
	if (!index)
		return -ENOMEM;
	paths = reallocarray(t->paths, size, sizeof(*paths));
	if (!paths) {
		free(index);
		return -ENOMEM;
	}
	free(t->index);
	t->paths = paths;
	t->index = index;
	t->size = size;
	memset(paths + old, 0, (size_t)(size - old) * sizeof(*paths));
	for (uint32_t i = size; i-- > old;) {
		paths[i].next = t->free;
		t->free = i;
	}
	memset(index, 0xff, 2 * (size_t)size * sizeof(*index)); /* AB_PROBE_NIL */
	for (uint32_t i = 0; i < old; i++) /* all in use, else nothing would grow */
		index[place_of(t, paths[i].id)] = i;
	return 0;
}

int ab_probe_table_add(struct ab_probe_table *t, uint64_t id, uint32_t *ret_slot)
{
	struct ab_probe_path *p;
	uint32_t slot;
	int r;

	if (t->n >= t->max)
		return -ENOSPC;
	if (t->free == AB_PROBE_NIL) {
		r = grow(t);
		if (r < 0)
			return r;
	}
	slot = t->free;
	p = &t->paths[slot];
	t->free = p->next;
	memset(p, 0, sizeof(*p));
	p->id = id;
	p->list = AB_PROBE_LIST_NONE;
	t->index[place_of(t, id)] = slot;
	t->n++;
	*ret_slot = slot;
	return 0;
}

/* --- lists ---------------------------------------------------------------------- */

static void link_first(struct ab_probe_table *t, uint32_t slot, uint16_t list)
{
	struct ab_probe_path *p = &t->paths[slot];

	p->list = list;
	p->prev = AB_PROBE_NIL;
	p->next = t->heads[list];
	if (p->next != AB_PROBE_NIL)
		t->paths[p->next].prev = slot;
	t->heads[list] = slot;
	if (list < AB_PROBE_WHEEL)
		t->occupied[list / 64] |= UINT64_C(1) << list % 64;
}

static void unlink_path(struct ab_probe_table *t, uint32_t slot)
{
	struct ab_probe_path *p = &t->paths[slot];
	uint16_t list = p->list;

	if (list == AB_PROBE_LIST_NONE)
		return;
	if (p->next != AB_PROBE_NIL)
		t->paths[p->next].prev = p->prev;
	else if (list == AB_PROBE_LIST_WAIT)
		t->wait_tail = p->prev;
	if (p->prev != AB_PROBE_NIL)
		t->paths[p->prev].next = p->next;
	else
		t->heads[list] = p->next;
	if (list < AB_PROBE_WHEEL && t->heads[list] == AB_PROBE_NIL)
		t->occupied[list / 64] &= ~(UINT64_C(1) << list % 64);
	p->list = AB_PROBE_LIST_NONE;
}

void ab_probe_table_del(struct ab_probe_table *t, uint32_t slot)
{
	struct ab_probe_path *p = &t->paths[slot];

	unlink_path(t, slot);
	index_del(t, p->id);
	memset(p, 0, sizeof(*p));
	p->next = t->free;
	t->free = slot;
	t->n--;
}

void ab_probe_table_wait(struct ab_probe_table *t, uint32_t slot)
{
	struct ab_probe_path *p = &t->paths[slot];

	unlink_path(t, slot);
	p->list = AB_PROBE_LIST_WAIT;
	p->next = AB_PROBE_NIL;
	p->prev = t->wait_tail;
	if (t->wait_tail != AB_PROBE_NIL)
		t->paths[t->wait_tail].next = slot;
	else
		t->heads[AB_PROBE_LIST_WAIT] = slot;
	t->wait_tail = slot;
}

uint32_t ab_probe_table_pop(struct ab_probe_table *t, uint16_t list)
{
	uint32_t slot = t->heads[list];

	if (slot != AB_PROBE_NIL)
		unlink_path(t, slot);
	return slot;
}

/* --- the wheel ------------------------------------------------------------------ */

void ab_probe_table_schedule(struct ab_probe_table *t, uint32_t slot, int64_t when)
{
	int64_t tick = when / AB_PROBE_TICK_NS + (when % AB_PROBE_TICK_NS != 0);

	if (tick <= t->tick)
		tick = t->tick + 1;
	unlink_path(t, slot);
	t->paths[slot].when = tick * AB_PROBE_TICK_NS;
	link_first(t, slot, (uint16_t)(tick & (AB_PROBE_WHEEL - 1)));
}

/* Distance to the first occupied slot behind @tick, or AB_PROBE_WHEEL + 1. */
static unsigned int distance_to_occupied(const struct ab_probe_table *t, int64_t tick)
{
	unsigned int first = (unsigned int)(tick + 1) & (AB_PROBE_WHEEL - 1);
	unsigned int words = AB_PROBE_WHEEL / 64;

	/* The word of the first slot is looked at twice: its upper, then its
	 * lower part. */
	for (unsigned int k = 0; k <= words; k++) {
		unsigned int i = (first / 64 + k) % words;
		uint64_t w = t->occupied[i];

		if (k == 0)
			w &= ~UINT64_C(0) << first % 64;
		if (w)
			return 1 +
			       ((i * 64 + (unsigned int)__builtin_ctzll(w) - first) &
				(AB_PROBE_WHEEL - 1));
	}
	return AB_PROBE_WHEEL + 1;
}

/* Takes from one slot what is due by @now; paths of a later turn stay. */
static void take_due(struct ab_probe_table *t, unsigned int list, int64_t now)
{
	uint32_t slot = t->heads[list];
	uint32_t next;

	while (slot != AB_PROBE_NIL) {
		next = t->paths[slot].next;
		if (t->paths[slot].when <= now) {
			unlink_path(t, slot);
			link_first(t, slot, AB_PROBE_LIST_DUE);
		}
		slot = next;
	}
}

void ab_probe_table_advance(struct ab_probe_table *t, ab_mono now)
{
	int64_t until = now.ns / AB_PROBE_TICK_NS;
	int64_t tick = t->tick;
	unsigned int d;

	/* After a long sleep one turn of the wheel sees every slot. */
	if (until - tick > AB_PROBE_WHEEL)
		tick = until - AB_PROBE_WHEEL;
	for (;;) {
		d = distance_to_occupied(t, tick);
		if (d > AB_PROBE_WHEEL || tick + d > until)
			break;
		tick += d;
		take_due(t, (unsigned int)tick & (AB_PROBE_WHEEL - 1), now.ns);
	}
	if (until > t->tick)
		t->tick = until;
}

ab_mono ab_probe_table_next(const struct ab_probe_table *t)
{
	unsigned int d = distance_to_occupied(t, t->tick);

	if (d > AB_PROBE_WHEEL)
		return AB_MONO_NEVER;
	return ab_mono_ns((t->tick + d) * AB_PROBE_TICK_NS);
}
