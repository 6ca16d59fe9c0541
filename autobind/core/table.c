/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/table.h"

#include <assert.h>
#include <string.h>

static uint32_t *bucket(void *base, const struct ab_table *t, uint64_t hash)
{
	return (uint32_t *)(void *)((char *)base + t->buckets) +
	       (hash & (t->n_buckets - 1));
}

static const struct ab_item *item_at(const void *base, const struct ab_table *t,
				     uint32_t slot)
{
	return ab_table_at_const(base, t, slot);
}

void ab_table_layout(struct ab_table *t, uint32_t cap, uint32_t item_size,
		     size_t *offset)
{
	uint32_t n_buckets = 8;

	assert(item_size % 8 == 0 && *offset % 8 == 0);
	while (n_buckets < cap)
		n_buckets *= 2;
	*t = (struct ab_table){ .item_size = item_size,
				.cap = cap,
				.n_buckets = n_buckets,
				.free = AB_NONE };
	t->buckets = *offset;
	*offset += (size_t)n_buckets * sizeof(uint32_t);
	t->items = *offset;
	*offset += (size_t)cap * item_size;
}

void ab_table_clear(void *base, struct ab_table *t)
{
	memset((char *)base + t->buckets, 0xff,
	       (size_t)t->n_buckets * sizeof(uint32_t));
	memset((char *)base + t->items, 0, (size_t)t->cap * t->item_size);
	t->high = t->live = 0;
	t->free = AB_NONE;
}

static void link_item(void *base, const struct ab_table *t, uint32_t slot)
{
	struct ab_item *it = ab_table_at(base, t, slot);
	uint32_t *b = bucket(base, t, it->hash);

	it->next = *b;
	*b = slot;
}

void ab_table_copy(void *to_base, struct ab_table *to, const void *from_base,
		   const struct ab_table *from)
{
	uint32_t slot;

	assert(to->cap >= from->high && to->item_size == from->item_size);
	ab_table_clear(to_base, to);
	memcpy((char *)to_base + to->items, (const char *)from_base + from->items,
	       (size_t)from->high * from->item_size);
	to->high = from->high;
	to->live = from->live;
	to->free = from->free;
	for (slot = 0; slot < to->high; slot++)
		if (item_at(to_base, to, slot)->is_live)
			link_item(to_base, to, slot);
}

uint32_t ab_table_add(void *base, struct ab_table *t, uint64_t hash)
{
	struct ab_item *it;
	uint32_t slot, generation;

	if (t->free != AB_NONE) {
		slot = t->free;
		it = ab_table_at(base, t, slot);
		t->free = it->next;
	} else if (t->high < t->cap) {
		slot = t->high++;
		it = ab_table_at(base, t, slot);
	} else {
		return AB_NONE;
	}
	generation = it->generation + 1;
	memset(it, 0, t->item_size);
	it->hash = hash;
	it->generation = generation;
	it->is_live = true;
	link_item(base, t, slot);
	t->live++;
	return slot;
}

void ab_table_remove(void *base, struct ab_table *t, uint32_t slot)
{
	struct ab_item *it = ab_table_at(base, t, slot);
	uint32_t *at = bucket(base, t, it->hash);

	assert(it->is_live);
	while (*at != slot)
		at = &((struct ab_item *)ab_table_at(base, t, *at))->next;
	*at = it->next;
	it->is_live = false;
	it->next = t->free;
	t->free = slot;
	t->live--;
}

static uint32_t same_hash(const void *base, const struct ab_table *t, uint32_t slot,
			  uint64_t hash)
{
	while (slot != AB_NONE && item_at(base, t, slot)->hash != hash)
		slot = item_at(base, t, slot)->next;
	return slot;
}

uint32_t ab_table_find(const void *base, const struct ab_table *t, uint64_t hash)
{
	const uint32_t *buckets = (const void *)((const char *)base + t->buckets);

	return same_hash(base, t, buckets[hash & (t->n_buckets - 1)], hash);
}

uint32_t ab_table_find_next(const void *base, const struct ab_table *t, uint32_t slot)
{
	const struct ab_item *it = item_at(base, t, slot);

	return same_hash(base, t, it->next, it->hash);
}

uint32_t ab_table_next(const void *base, const struct ab_table *t, uint32_t slot)
{
	for (slot = slot == AB_NONE ? 0 : slot + 1; slot < t->high; slot++)
		if (item_at(base, t, slot)->is_live)
			return slot;
	return AB_NONE;
}
