/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy_value - one value of a policy file: from text to its type, or to a message.
 *
 * Internal to the policy modules. Values of fixed size go into the policy, items of
 * lists into a sink that counts in a first pass and stores in a second. Must not know:
 * which file wins over which (core/policy).
 */
#ifndef AUTOBIND_CORE_POLICY_VALUE_H
#define AUTOBIND_CORE_POLICY_VALUE_H

#include "core/policy.h"
#include "core/policy_keys.h"

/* The arrays of a set. While the pointers are NULL, things are only counted. */
struct ab_sink {
	struct ab_diags *diags;
	const struct ab_policy_input *input; /* for its .chaps */
	struct ab_word *words;
	struct ab_range *ranges;
	struct ab_portal *portals;
	struct ab_origin *portal_origins;
	struct ab_static_target *statics;
	struct ab_node_setting *node_settings;
	char *strings;
	uint32_t n_words, n_ranges, n_portals, n_statics, n_node_settings;
	size_t strings_len;
};

/* A copy of @s in the set's block; NULL while counting. */
const char *ab_sink_string(struct ab_sink *sink, const char *s);

/**
 * ab_value_read() - read a value as its key's row says
 * @sink:   where items of lists and messages go
 * @key:    the row; not AB_VALUE_LATER
 * @value:  the text, not empty
 * @origin: where it stands
 * @object: struct ab_policy or struct ab_exclude
 *
 * Return: true when all of it was good.
 */
bool ab_value_read(struct ab_sink *sink, const struct ab_policy_key *key,
		   const char *value, struct ab_origin origin, void *object);

/* Is this a value for a setting of [Node]? Says so in sink->diags if not. */
bool ab_value_check_setting(struct ab_sink *sink, const struct ab_node_setting_key *key,
			    const char *value, struct ab_origin origin);

/* Adds a duration as one would write it: "5min", "500ms". */
void ab_value_add_ms(struct ab_text *t, int64_t ms);

#endif
