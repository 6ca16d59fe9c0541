/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * table - items of one kind in a run of equal slots, found by the hash of their key.
 *
 * Lies inside a larger block and holds offsets only, so that the block can be copied.
 * A slot number stays valid until the item is removed; its generation tells a reused
 * slot. Must not know: what the items are; the caller compares keys.
 */
#ifndef AUTOBIND_CORE_TABLE_H
#define AUTOBIND_CORE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AB_NONE UINT32_MAX /* no slot */

/* Starts every item. */
struct ab_item {
	uint64_t hash;	     /* of the key */
	uint32_t next;	     /* in the hash chain, or in the free list */
	uint32_t generation; /* counts the items that this slot has held */
	bool is_live;
};

struct ab_table {
	size_t items; /* offsets into the block */
	size_t buckets;
	uint32_t item_size;
	uint32_t cap;
	uint32_t n_buckets; /* a power of two */
	uint32_t high;	    /* slots below this were used at least once */
	uint32_t live;
	uint32_t free; /* first free slot below high, or AB_NONE */
};

/**
 * ab_table_layout() - place a table in a block
 * @t:         set up as an empty table
 * @cap:       slots
 * @item_size: bytes of an item, a multiple of 8
 * @offset:    where free room begins; moved behind the table
 */
void ab_table_layout(struct ab_table *t, uint32_t cap, uint32_t item_size,
		     size_t *offset);

/* Clears the table's memory; @base is the block. */
void ab_table_clear(void *base, struct ab_table *t);

/* Copies all items into the same slots of a table with at least as many. */
void ab_table_copy(void *to_base, struct ab_table *to, const void *from_base,
		   const struct ab_table *from);

/* A zeroed item under that hash, or AB_NONE when the table is full. */
uint32_t ab_table_add(void *base, struct ab_table *t, uint64_t hash);
void ab_table_remove(void *base, struct ab_table *t, uint32_t slot);

/* The first, and each next, live slot with that hash; AB_NONE ends. */
uint32_t ab_table_find(const void *base, const struct ab_table *t, uint64_t hash);
uint32_t ab_table_find_next(const void *base, const struct ab_table *t, uint32_t slot);

/* Live slots in slot order: start with AB_NONE; AB_NONE ends. */
uint32_t ab_table_next(const void *base, const struct ab_table *t, uint32_t slot);

static inline bool ab_table_is_full(const struct ab_table *t)
{
	return t->live == t->cap;
}

static inline void *ab_table_at(void *base, const struct ab_table *t, uint32_t slot)
{
	return (char *)base + t->items + (size_t)slot * t->item_size;
}

static inline const void *ab_table_at_const(const void *base, const struct ab_table *t,
					    uint32_t slot)
{
	return (const char *)base + t->items + (size_t)slot * t->item_size;
}

#endif
