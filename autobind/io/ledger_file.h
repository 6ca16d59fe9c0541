/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ledger_file - the ledger in memory and on disk.
 *
 * Knows: STATE/ledger (the truth), RUN/ledger (a copy without fsync, for the case that
 * the state folder is not there yet or is lost in this boot; and, there only, the tries
 * that failed in this boot), the set-aside files
 * STATE/ledger.bad-1 to -3. Must not know: records. One writer: the store helper; the
 * command line only reads.
 *
 * One record has at most one row that owns (OURS or HELD) and at most one row INTENT:
 * the content that is about to replace it. A time that a record's port is gone since,
 * or that no discovery names it, is written with a mark of the boot, and not known any
 * more in another one. Blocks: never called by the loop.
 */
#ifndef AUTOBIND_IO_LEDGER_FILE_H
#define AUTOBIND_IO_LEDGER_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/ledger.h"

struct ab_ledger_file;

/**
 * ab_ledger_file_open() - read the ledger, make its folder when there is none
 * @state_dir:  folder of the ledger; borrowed for the life of the handle
 * @run_dir:    folder of the copy, or NULL; borrowed likewise
 * @ret_ledger: the handle
 *
 * A file that cannot be used is renamed to ledger.bad-1 (the older ones move up, the
 * fourth is dropped) and an empty one is started; ab_ledger_file_is_unreadable() then
 * is true. The copy counts only when there is no file at all.
 *
 * Return: 0 or -ENOMEM.
 */
int ab_ledger_file_open(const char *state_dir, const char *run_dir,
			struct ab_ledger_file **ret_ledger);
struct ab_ledger_file *ab_ledger_file_close(struct ab_ledger_file *l); /* NULL */

/* True when what was owned before is not known: add only. */
bool ab_ledger_file_is_unreadable(const struct ab_ledger_file *l);

/* Rows in no order; a change of the table makes the pointers invalid. */
size_t ab_ledger_file_count(const struct ab_ledger_file *l);
const struct ab_ledger_entry *ab_ledger_file_at(const struct ab_ledger_file *l,
						size_t index);

/* The row that owns the record that @key names; NULL: none. */
const struct ab_ledger_entry *ab_ledger_file_owner(const struct ab_ledger_file *l,
						   const struct ab_ledger_entry *key);

/* Adds or replaces the row of that record and sort; the same again is no change.
 * Return: 0 or -ENOMEM. */
int ab_ledger_file_put(struct ab_ledger_file *l, const struct ab_ledger_entry *entry);
void ab_ledger_file_del_owner(struct ab_ledger_file *l,
			      const struct ab_ledger_entry *key);
void ab_ledger_file_del_intent(struct ab_ledger_file *l,
			       const struct ab_ledger_entry *key);

/* The intent came true: it becomes the OURS row. Cannot fail. */
void ab_ledger_file_promote(struct ab_ledger_file *l,
			    const struct ab_ledger_entry *key);

/**
 * ab_ledger_file_flush() - bring the file up to what is in memory
 * @l: the ledger
 *
 * Does nothing when nothing changed since the last success.
 *
 * Return: 0 or -errno; the file is then the old one or the new one.
 */
int ab_ledger_file_flush(struct ab_ledger_file *l);
bool ab_ledger_file_is_dirty(const struct ab_ledger_file *l);

/**
 * ab_ledger_file_read() - read a ledger without touching it
 * @dir: its folder
 * @fn:  called for each entry, INTENT included
 * @arg: for @fn
 *
 * Return: 0; AB_LEDGER_E_*; -errno (-ENOENT ...).
 */
int ab_ledger_file_read(const char *dir, ab_ledger_fn *fn, void *arg);

#endif
