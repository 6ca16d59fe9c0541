/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/policy_layers.h"

#include <assert.h>
#include <string.h>

#include "util/text.h"

/* Does @e, in that section, give @key? */
static bool gives(const struct ab_scan_entry *e, const char *section,
		  const struct ab_policy_key *key, unsigned int *ret_number)
{
	size_t n = strlen(key->name);

	return e->key && strncmp(e->key, key->name, n) == 0 &&
	       ab_streq(e->section, section) &&
	       ab_policy_key_find(section, e->key, ret_number) == key;
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

bool ab_layers_next(const struct ab_layers *layers, const struct ab_policy_key *key,
		    struct ab_part_cursor *cursor, struct ab_part *part)
{
	const struct ab_scan_entry *best = NULL;
	unsigned int number, best_number = 0;
	uint32_t i;

	if (!cursor->is_started) {
		cursor->section = key->section;
		cursor->source = winner(layers->own, layers->n_own, key->section, key);
		if (!cursor->source && has_defaults(key)) {
			cursor->section = "Defaults";
			cursor->source = winner(layers->globals, layers->n_globals,
						"Defaults", key);
		}
	}
	if (!cursor->source || cursor->is_done)
		return false;
	for (i = 0; i < cursor->source->n_entries; i++) {
		const struct ab_scan_entry *e = &cursor->source->entries[i];

		if (!gives(e, cursor->section, key, &number) || !e->value[0] ||
		    (cursor->is_started && number <= cursor->number) ||
		    (best && number >= best_number))
			continue;
		best = e;
		best_number = number;
	}
	cursor->is_started = true;
	cursor->number = best_number;
	cursor->is_done = !best;
	if (best)
		*part = (struct ab_part){ best->value,
					  { cursor->source->file, best->line },
					  best_number };
	return best;
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
