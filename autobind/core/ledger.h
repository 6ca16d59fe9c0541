/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ledger - the text form of what autobind owns, is about to own, or leaves alone.
 *
 * The first line is "autobind-ledger 1". Then one line an entry, its parts separated by
 * tabs, values percent-escaped (util/text.h):
 *
 * - "iface", owner, then hash= name= port= [vlan=] [hwaddr=] [path=] [netdev=]
 *   [retire= of its policy, ms] [orphan= since when its port is gone, CLOCK_BOOTTIME in
 *   ms, boot= mark of that boot]
 * - "node", owner, then hash= target= portal= tpgt= iface= [settings=] [unwanted= since
 *   when no discovery names it, boot= likewise]
 * - "session", held, then the same keys: the administrator ended that session
 * - "try", ours, then hash= what= attempts= code= next= (CLOCK_BOOTTIME in ms) boot=
 *   [denied=1] [settings=] and of target= portal= tpgt= iface= what names it: it failed
 *
 * The owner is intent, ours or held. The last line is "end", the number of entries and
 * crc32c= of every byte before it. One record may have two lines: what is on disk
 * (ours) and what is about to replace it (intent).
 *
 * Knows: the text. Must not know: files, and what an entry leads to. Allocates nothing.
 * A file is used as a whole or not at all: a ledger that is half right would make
 * foreign records look like ours, or ours like removed ones.
 */
#ifndef AUTOBIND_CORE_LEDGER_H
#define AUTOBIND_CORE_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/event.h"
#include "util/text.h"

/* No single call of the writer below appends more than this. */
#define AB_LEDGER_LINE 2048

/* Why a text is unusable; each says what to tell the user (ab_ledger_strerror()). */
#define AB_LEDGER_E_VERSION 1  /* not a ledger, or one of another version */
#define AB_LEDGER_E_CUT 2      /* the last line is missing or not complete */
#define AB_LEDGER_E_CHECKSUM 3 /* some byte is not what was written */
#define AB_LEDGER_E_COUNT 4    /* the number of entries is another */
#define AB_LEDGER_E_SYNTAX 5   /* a line that this version cannot have written */

typedef void ab_ledger_fn(void *arg, const struct ab_ledger_entry *entry);

/**
 * ab_ledger_parse() - read a whole ledger
 * @data:     the text, any bytes; no terminator needed
 * @n:        its length
 * @fn:       called for each entry, in order; not at all unless the whole text is good
 * @arg:      handed to @fn
 * @ret_line: number of the line that is wrong, from 1; written for AB_LEDGER_E_SYNTAX
 *
 * key=value pairs with a key that is not known are skipped, so that a later release may
 * add some; everything else must be as ab_ledger_add() writes it.
 *
 * Return: 0, or AB_LEDGER_E_*.
 */
int ab_ledger_parse(const char *data, size_t n, ab_ledger_fn *fn, void *arg,
		    unsigned int *ret_line);

/* "is cut off", "has a wrong checksum", ...: completes "the ledger"; never NULL. */
const char *ab_ledger_strerror(int code);

/* State between the calls that write one ledger. */
struct ab_ledger_writer {
	uint32_t crc;
	uint64_t n;
};

/*
 * Each call appends at most AB_LEDGER_LINE bytes to @t; between two calls the caller
 * may take out what has been written (ab_text_init() again). An entry must have an
 * owner that is written to disk (INTENT, OURS, HELD), and a node an address.
 */
void ab_ledger_begin(struct ab_ledger_writer *w, struct ab_text *t);
void ab_ledger_add(struct ab_ledger_writer *w, struct ab_text *t,
		   const struct ab_ledger_entry *entry);
void ab_ledger_end(struct ab_ledger_writer *w, struct ab_text *t);

/* May this entry be written? False: it has no place in a ledger. */
bool ab_ledger_can_hold(const struct ab_ledger_entry *entry);

/* The one time of CLOCK_BOOTTIME that the entry may have, in ms; 0: none. */
uint64_t *ab_ledger_time(struct ab_ledger_entry *entry);

/* Do both speak of the same record? */
bool ab_ledger_same_record(const struct ab_ledger_entry *a,
			   const struct ab_ledger_entry *b);

/* Equal for entries of the same record; for tables. */
uint64_t ab_ledger_hash_record(const struct ab_ledger_entry *entry);

#endif
