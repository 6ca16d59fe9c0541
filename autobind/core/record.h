/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record - open-iscsi's records as values: text in, fields, text out, and a mark.
 *
 * Reads as tolerantly as open-iscsi does and says what it stumbled over; writes only
 * what every release since 2.0-871 reads, plus the keys that the caller asks for.
 * A missing key has its compiled-in value. Knows: keys, types, defaults, limits
 * (record_keys.h). Must not know: files, the lock, who owns a record.
 */
#ifndef AUTOBIND_CORE_RECORD_H
#define AUTOBIND_CORE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/record_keys.h"
#include "core/types.h"
#include "util/text.h"

/* Limits of open-iscsi's parser: a longer line is lost, a longer name or value
 * overwrites memory in releases before 2.1.12 (CVE-2026-18724). */
#define AB_RECORD_LINE_MAX 2047
#define AB_RECORD_NAME_MAX 127
#define AB_RECORD_VALUE_MAX 255

/* A record larger than this is none: 145 keys of full length are 40 KiB. */
#define AB_RECORD_FILE_MAX (1u << 20)

/* Room for any record that ab_record_print() makes. */
#define AB_RECORD_TEXT 32768

enum ab_record_kind {
	AB_RECORD_KIND_IFACE,
	AB_RECORD_KIND_NODE,
	AB_RECORD_KIND_ST, /* st_config below send_targets/ */
	AB_RECORD_KIND_MAX
};

#define AB_RECORD_ID(id, name, type, size, def, words, kinds, flag) AB_KEY_##id,
enum ab_key {
	AB_RECORD_KEYS(AB_RECORD_ID) AB_KEY_MAX
};
#undef AB_RECORD_ID

/* One key's description. */
struct ab_record_key {
	const char *name;
	const char *def;   /* value of a missing key */
	const char *words; /* '|' between them */
	uint16_t size;	   /* bytes kept of a value, terminator included */
	uint16_t slot;	   /* where the value lies in ab_record.slots */
	uint8_t name_len;
	uint8_t type;  /* enum ab_record_type */
	uint8_t kinds; /* AB_RECORD_IN_* */
	uint8_t flags; /* AB_RECORD_F_* */
};

#define AB_RECORD_SLOT(id, name, type, size, def, words, kinds, flag) char id[size];
struct ab_record_slots {
	AB_RECORD_KEYS(AB_RECORD_SLOT)
};
#undef AB_RECORD_SLOT

/* A set of keys. */
struct ab_record_set {
	uint64_t bits[(AB_KEY_MAX + 63) / 64];
};

#define AB_RECORD_ASIDE 2048

/*
 * A record. Values are kept as open-iscsi understands them: numbers in decimal, words
 * and lists checked, texts cut to what it keeps. A slot counts only when its key is in
 * .given. Lines with unknown keys stand in .aside as they were, without blanks around;
 * those that do not fit any more count for the mark all the same.
 */
struct ab_record {
	uint8_t kind; /* enum ab_record_kind */
	struct ab_record_set given;
	struct ab_record_slots slots;
	uint16_t n_unknown;
	uint16_t aside_len;
	uint64_t unknown_hash; /* 0: none */
	char aside[AB_RECORD_ASIDE];
};

/* Why a line, or a record, is not as it should be. */
enum ab_record_reason {
	AB_RECORD_R_NONE,
	AB_RECORD_R_NO_SEPARATOR, /* no " = " between name and value */
	AB_RECORD_R_NO_VALUE,
	AB_RECORD_R_LINE_TOO_LONG,
	AB_RECORD_R_NAME_TOO_LONG,
	AB_RECORD_R_VALUE_TOO_LONG,
	AB_RECORD_R_CUT,	 /* longer than open-iscsi keeps of this key */
	AB_RECORD_R_UNKNOWN_KEY, /* kept aside */
	AB_RECORD_R_BAD_NUMBER,	 /* read as open-iscsi reads it */
	AB_RECORD_R_BAD_WORD,	 /* the default counts */
	AB_RECORD_R_BAD_TEXT, /* control character, blank at an end: no line holds it */
	AB_RECORD_R_NO_NEWLINE, /* open-iscsi does not see such a last line */
	AB_RECORD_R_EMPTY,	/* no byte, or no key at all: here and below BROKEN */
	AB_RECORD_R_BINARY,	/* a NUL byte */
	AB_RECORD_R_TRUNCATED,	/* "# BEGIN RECORD" without "# END RECORD" */
	AB_RECORD_R_NO_NAME,	/* nothing that says which record it is */
	AB_RECORD_R_MAX
};

/* One finding; .key and .line are only for messages. A value is never told. */
struct ab_record_problem {
	uint32_t line;	 /* from 1; 0: the record as a whole */
	uint8_t reason;	 /* enum ab_record_reason */
	const char *key; /* the name as written, not terminated; NULL: none */
	size_t key_len;
};

typedef void ab_record_problem_fn(void *arg, const struct ab_record_problem *p);

/* "unknown key", "no value", ...: never NULL. */
const char *ab_record_reason_text(enum ab_record_reason reason);

/* The table's line of a key. */
const struct ab_record_key *ab_record_key(enum ab_key key);

/* Key of that name in that kind of record, or -1. "node.conn[0].x" only as written. */
int ab_record_find(enum ab_record_kind kind, const char *name, size_t n);

/* An empty record: every key has its default. */
void ab_record_clear(struct ab_record *rec, enum ab_record_kind kind);

/* Value of a key, "" when it has none; terminated, valid until the record changes. */
const char *ab_record_get(const struct ab_record *rec, enum ab_key key);
/* The same as a number, for the number types. */
int64_t ab_record_get_int(const struct ab_record *rec, enum ab_key key);
bool ab_record_is_given(const struct ab_record *rec, enum ab_key key);

/**
 * ab_record_set_value() - change one value
 * @rec:   the record
 * @key:   a key that its kind has
 * @value: the new value, "" for none
 *
 * Strict, unlike the parser: for what a person or a policy asks for.
 *
 * Return: 0, or AB_RECORD_R_* (BAD_NUMBER, BAD_WORD, BAD_TEXT, CUT, UNKNOWN_KEY when
 * its kind has no such key) with the record unchanged.
 */
int ab_record_set_value(struct ab_record *rec, enum ab_key key, const char *value);

/* Could ab_record_set_value() take it? For the checker of a policy's [Node]. */
int ab_record_check(enum ab_key key, const char *value);

/**
 * ab_record_parse() - read a record
 * @rec:  filled; usable whatever is returned
 * @kind: what it is to be
 * @text: the file's content
 * @n:    its length
 * @fn:   NULL, or told of each finding
 * @arg:  for @fn
 *
 * Return: AB_RECORD_OK, or AB_RECORD_BROKEN when it is empty, binary, cut off or has no
 * name (iface.iscsi_ifacename; node.name and node.conn[0].address;
 * discovery.sendtargets.address).
 */
enum ab_record_state ab_record_parse(struct ab_record *rec, enum ab_record_kind kind,
				     const char *text, size_t n,
				     ab_record_problem_fn *fn, void *arg);

/**
 * ab_record_overlay_conf() - take the settings of iscsid.conf that concern a record
 * @rec:  a node or send_targets record
 * @text: content of iscsid.conf
 * @n:    its length
 * @fn:   NULL, or told of each finding in lines that concern @rec
 * @arg:  for @fn
 *
 * What finds the record (AB_RECORD_F_FIXED) is not taken, whatever the file says.
 */
void ab_record_overlay_conf(struct ab_record *rec, const char *text, size_t n,
			    ab_record_problem_fn *fn, void *arg);

/* Fill an iface record that binds like @b. Return: 0, or why not: AB_RECORD_R_*. */
int ab_record_from_binding(struct ab_record *rec, const struct ab_binding *b);
/* The binding of an iface or node record. False: something does not fit its field. */
bool ab_record_binding(const struct ab_record *rec, struct ab_binding *ret_binding);

/* Copy the iface part of an iface record into a node record, as open-iscsi does: what
 * is empty or zero there does not count, nor does iface.prefix_len (measured
 * with 2.1.8). */
void ab_record_copy_iface(struct ab_record *node, const struct ab_record *iface);

/**
 * ab_record_node_key() - target, portal, TPGT and iface of a node record
 * @rec:     the record
 * @ret_key: the key
 *
 * Without iface.iscsi_ifacename the iface is "default", as open-iscsi takes it.
 *
 * Return: false when the address is a host name or has a zone, or a value does not fit.
 */
bool ab_record_node_key(const struct ab_record *rec, struct ab_node_key *ret_key);

/* Say which binding a node record is. Return: 0 or AB_RECORD_R_*. */
int ab_record_set_node_key(struct ab_record *rec, const struct ab_node_key *key);

/* Keys that may be written without knowing the installed release. */
void ab_record_set_old(struct ab_record_set *set);
bool ab_record_set_has(const struct ab_record_set *set, enum ab_key key);
void ab_record_set_add(struct ab_record_set *set, enum ab_key key);

/**
 * ab_record_print() - the record as a file of open-iscsi
 * @rec:  the record
 * @keys: NULL for every given key, or the keys that may be written
 * @t:    where to; AB_RECORD_TEXT bytes are enough
 *
 * Of @keys the node.* and discovery.* ones are written with their value, default or
 * not: that freezes iscsid.conf's state of today, as iscsiadm does; the iface.* ones
 * only when not at their default.
 * Lines aside follow the known ones, but only without @keys.
 */
void ab_record_print(const struct ab_record *rec, const struct ab_record_set *keys,
		     struct ab_text *t);

/**
 * ab_record_hash() - mark of a record's content
 * @rec: the record
 *
 * ab_hash_content() over "key = value\n" in table order of every key that is not at its
 * default, then of the unknown lines. So a rewrite by iscsiadm that changes nothing, or
 * a new key at its default, keeps the mark. Not counted: keys whose default differs
 * between releases, and hidden ones.
 *
 * Of a secret only counts that there is one, and of an unknown key that sounds like one
 * ("auth", "pass") only its name: marks stand in the ledger, in recordings and in JSON,
 * and who has one could try passwords on it. Two records that differ in nothing else
 * have the same mark: see ab_record_same_secrets().
 */
uint64_t ab_record_hash(const struct ab_record *rec);

/* Are all secrets of the two the same? */
bool ab_record_same_secrets(const struct ab_record *a, const struct ab_record *b);

#endif
