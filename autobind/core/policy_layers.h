/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy_layers - which file a key's value comes from.
 *
 * Internal to the policy modules. A policy is its own file with its drop-ins on top,
 * and [Defaults] of autobind.conf with its drop-ins below. A layer that mentions a key
 * replaces the layers below it, for that key; an empty value goes down to [Defaults].
 */
#ifndef AUTOBIND_CORE_POLICY_LAYERS_H
#define AUTOBIND_CORE_POLICY_LAYERS_H

#include "core/policy.h"
#include "core/policy_keys.h"

struct ab_layers {
	/* Main file, then drop-ins; or a deny list. */
	const struct ab_policy_source *own;
	uint32_t n_own;
	const struct ab_policy_source *globals;
	uint32_t n_globals;
};

/* One given value: of Key, or of one Key.N. */
struct ab_part {
	const char *value;
	struct ab_origin origin;
	unsigned int number;
};

/* Where to go on; start with { 0 }. */
struct ab_part_cursor {
	const struct ab_policy_source *source;
	const char *section;
	bool is_started;
	bool is_sorted;	     /* the numbers rise with the lines, as is usual */
	uint32_t next;	     /* entry to go on with, when sorted */
	unsigned int number; /* of the last part, when not */
};

/**
 * ab_layers_next() - the next part of a key's value, by number
 * @layers: the files
 * @key:    the row
 * @c:      where the last call stopped
 * @part:   the part: never empty
 *
 * Return: false when there is no more. No part at all: the built-in default.
 */
bool ab_layers_next(const struct ab_layers *layers, const struct ab_policy_key *key,
		    struct ab_part_cursor *c, struct ab_part *part);

/* Is a value given? @ret_part: its first part. */
bool ab_layers_given(const struct ab_layers *layers, const struct ab_policy_key *key,
		     struct ab_part *ret_part);

/* The entry that sets a [Node] setting, not empty, or NULL. */
const struct ab_scan_entry *ab_layers_setting(const struct ab_layers *layers,
					      const char *name, uint32_t *ret_file);

/* The row of a key that must exist. */
const struct ab_policy_key *ab_layers_key(const char *section, const char *name);

/* Line of the header of that section in the main file, or 1. */
struct ab_origin ab_layers_section(const struct ab_layers *layers, const char *section);

/* Warnings about values that are each correct, but not together; see
 * ab_policy_build(). */
void ab_policy_lint(const struct ab_policy_set *set, uint32_t index,
		    const struct ab_layers *layers, struct ab_diags *diags);

#endif
