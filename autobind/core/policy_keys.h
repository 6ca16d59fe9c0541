/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy_keys - the table of every section and key of autobind's configuration.
 *
 * One row is all that a key needs: its parser, default, range, the message about a
 * mistyped one and the check that the manual page has it come from here. Also the names
 * of open-iscsi's node.* settings. Must not know: how values are stored in a set.
 */
#ifndef AUTOBIND_CORE_POLICY_KEYS_H
#define AUTOBIND_CORE_POLICY_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ab_value_type {
	AB_VALUE_LATER,	      /* known to the design, not to this version */
	AB_VALUE_BOOL,	      /* bool */
	AB_VALUE_WORD,	      /* uint8_t: index into .words */
	AB_VALUE_CHECKED,     /* one of .words; nothing is stored */
	AB_VALUE_U8,	      /* uint8_t */
	AB_VALUE_U32,	      /* uint32_t */
	AB_VALUE_U32_RANGE,   /* two uint32_t: "1..8", or one value for both */
	AB_VALUE_MS,	      /* uint32_t, milliseconds */
	AB_VALUE_MS_RANGE,    /* two uint32_t: "10s..60s", or one value for both */
	AB_VALUE_MS_NEVER,    /* int64_t, milliseconds; "never" is -1 */
	AB_VALUE_IFACE_NAME,  /* char[AB_IFACE_NAME], with %i and %m */
	AB_VALUE_TARGET_NAME, /* char[AB_TARGET_NAME] */
	AB_VALUE_CHAP,	      /* char[AB_CHAP_NAME] */
	AB_VALUE_TEXT,	      /* char[AB_POLICY_REASON] */
	AB_VALUE_FORMAT,      /* nothing is stored */
	AB_VALUE_LIST,	      /* from here on: struct ab_span over ... */
	AB_VALUE_NETDEVS = AB_VALUE_LIST, /* words: globs for device names */
	AB_VALUE_MACS,			  /* words: globs for hardware addresses */
	AB_VALUE_GLOBS,			  /* words: globs for anything */
	AB_VALUE_TYPES,			  /* words: names of enum ab_port_type */
	AB_VALUE_MASTERS,		  /* words: "none" or globs for device names */
	AB_VALUE_TARGETS,		  /* words: globs for iSCSI names */
	AB_VALUE_NETS,			  /* ranges */
	AB_VALUE_RANGES,		  /* ranges, or portals with a port */
	AB_VALUE_PORTALS,		  /* portals */
	AB_VALUE_STATICS,		  /* statics: IQN@PORTAL,TPGT */
};

struct ab_policy_key {
	const char *section, *name;
	uint8_t type;		  /* enum ab_value_type */
	uint16_t offset;	  /* in struct ab_policy, or ab_exclude for [Exclude] */
	int64_t min, max;	  /* numbers, and durations in ms */
	const char *const *words; /* accepted words, up to a NULL */
	const char *later;    /* a word that only a later version accepts, or NULL */
	const char *fallback; /* the default as it would be written; NULL: none */
	const char *help;     /* one line, no full stop */
};

/* What a file may hold: bits of enum ab_policy_source_kind. */
struct ab_policy_section {
	const char *name;
	uint32_t kinds;	  /* 1u << kind; 0: of a later version */
	const char *home; /* where it belongs, for messages */
};

extern const struct ab_policy_key ab_policy_keys[];
extern const size_t ab_policy_n_keys;

/* The section of that name, exactly spelled, or NULL. */
const struct ab_policy_section *ab_policy_section_find(const char *name);
/* The nearest section that a file of that kind may hold, or NULL. */
const char *ab_policy_section_suggest(const char *name, unsigned int kind);

/* Is @name, in that section, this key? Arguments as below. */
bool ab_policy_key_gives(const struct ab_policy_key *key, const char *section,
			 const char *name, unsigned int *ret_number);

/**
 * ab_policy_key_find() - the row of a key
 * @section:    "Defaults" means Iface, Portals, Probe and Bind
 * @name:       as written: "Deny" or "Deny.2", exactly spelled
 * @ret_number: 0, or the number behind the dot
 *
 * Return: the row, or NULL: unknown, or numbered but no list.
 */
const struct ab_policy_key *ab_policy_key_find(const char *section, const char *name,
					       unsigned int *ret_number);

/* The nearest key of that section, or NULL. */
const char *ab_policy_key_suggest(const char *section, const char *name);

/* The first policy section that has such a key, or NULL: "Interval belongs into
 * [Probe]". */
const char *ab_policy_key_home(const char *name);

/* Does this row belong to a policy's [Match], [Iface], [Portals], [Probe] or [Bind],
 * and to this version? */
bool ab_policy_key_is_policy(const struct ab_policy_key *key);

enum ab_setting_type {
	AB_SETTING_IDENTITY, /* names the record: never set */
	AB_SETTING_SECRET,   /* CHAP passwords: not in policy files */
	AB_SETTING_NUMBER,
	AB_SETTING_WORD,
	AB_SETTING_TEXT,
};

/* A node.* setting of open-iscsi. */
struct ab_node_setting_key {
	const char *name;
	uint8_t type; /* enum ab_setting_type */
	int64_t min, max;
	const char *const *words;
};

extern const struct ab_node_setting_key ab_node_setting_keys[];
extern const size_t ab_node_n_setting_keys;

/* Exactly spelled: open-iscsi's names have upper case in them. */
const struct ab_node_setting_key *ab_node_setting_find(const char *name);
const char *ab_node_setting_suggest(const char *name);

#endif
