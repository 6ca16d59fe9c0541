/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/policy_layers.h"

#include <assert.h>
#include <string.h>

#include "util/text.h"

/* Does @e, in that section, give @key? */
static bool gives(const struct ab_scan_entry *e, const char *section,
		  const struct ab_policy_key *key, unsigned int *ret_number)
{
	return e->key && ab_policy_key_gives(key, section, e->key, ret_number) &&
	       ab_streq(e->section, section);
}

static bool mentions(const struct ab_policy_source *source, const char *section,
		     const struct ab_policy_key *key, bool *ret_is_empty)
{
	unsigned int number;
	bool is_mentioned = false;
	uint32_t i;

	*ret_is_empty = true;
	for (i = 0; i < source->n_entries; i++) {
		if (!gives(&source->entries[i], section, key, &number))
			continue;
		is_mentioned = true;
		if (source->entries[i].value[0])
			*ret_is_empty = false;
	}
	return is_mentioned;
}

/* The uppermost source that mentions the key, unless that resets it. */
static const struct ab_policy_source *winner(const struct ab_policy_source *sources,
					     uint32_t n, const char *section,
					     const struct ab_policy_key *key)
{
	bool is_empty;

	while (n--)
		if (mentions(&sources[n], section, key, &is_empty))
			return is_empty ? NULL : &sources[n];
	return NULL;
}

static bool has_defaults(const struct ab_policy_key *key)
{
	return ab_policy_key_is_policy(key) && !ab_streq(key->section, "Match");
}

static bool is_sorted(const struct ab_part_cursor *c, const struct ab_policy_key *key)
{
	unsigned int number, last = 0;
	uint32_t i;

	for (i = 0; i < c->source->n_entries; i++) {
		if (!gives(&c->source->entries[i], c->section, key, &number))
			continue;
		if (number < last)
			return false;
		last = number;
	}
	return true;
}

static void start(const struct ab_layers *layers, const struct ab_policy_key *key,
		  struct ab_part_cursor *c)
{
	c->is_started = true;
	c->section = key->section;
	c->source = winner(layers->own, layers->n_own, key->section, key);
	if (!c->source && has_defaults(key)) {
		c->section = "Defaults";
		c->source = winner(layers->globals, layers->n_globals, "Defaults", key);
	}
	c->is_sorted = c->source && is_sorted(c, key);
}

bool ab_layers_next(const struct ab_layers *layers, const struct ab_policy_key *key,
		    struct ab_part_cursor *c, struct ab_part *part)
{
	bool is_first = !c->is_started;
	const struct ab_scan_entry *best = NULL, *e;
	unsigned int number, best_number = 0;
	uint32_t i;

	if (is_first)
		start(layers, key, c);
	if (!c->source)
		return false;
	for (i = c->next; i < c->source->n_entries; i++) {
		e = &c->source->entries[i];
		if (!gives(e, c->section, key, &number) || !e->value[0] ||
		    (!c->is_sorted && !is_first && number <= c->number) ||
		    (best && number >= best_number))
			continue;
		best = e;
		best_number = number;
		if (c->is_sorted)
			break;
	}
	if (!best) {
		c->source = NULL;
		return false;
	}
	c->number = best_number;
	c->next = c->is_sorted ? i + 1 : 0;
	*part = (struct ab_part){ best->value,
				  { c->source->file, best->line },
				  best_number };
	return true;
}

bool ab_layers_given(const struct ab_layers *layers, const struct ab_policy_key *key,
		     struct ab_part *ret_part)
{
	struct ab_part_cursor cursor = { 0 };

	return ab_layers_next(layers, key, &cursor, ret_part);
}

const struct ab_scan_entry *ab_layers_setting(const struct ab_layers *layers,
					      const char *name, uint32_t *ret_file)
{
	uint32_t n = layers->n_own, i;

	while (n--) {
		const struct ab_policy_source *source = &layers->own[n];

		for (i = 0; i < source->n_entries; i++) {
			const struct ab_scan_entry *e = &source->entries[i];

			if (!e->key || !ab_streq(e->key, name) ||
			    !ab_streq(e->section, "Node"))
				continue;
			*ret_file = source->file;
			return e->value[0] ? e : NULL;
		}
	}
	return NULL;
}

const struct ab_policy_key *ab_layers_key(const char *section, const char *name)
{
	unsigned int number;
	const struct ab_policy_key *key = ab_policy_key_find(section, name, &number);

	assert(key);
	return key;
}

struct ab_origin ab_layers_section(const struct ab_layers *layers, const char *section)
{
	const struct ab_policy_source *main = layers->own;
	uint32_t i;

	for (i = 0; i < main->n_entries; i++)
		if (!main->entries[i].key &&
		    ab_streq(main->entries[i].section, section))
			return (struct ab_origin){ main->file, main->entries[i].line };
	return (struct ab_origin){ main->file, 1 };
}
