/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * store_jobs - changes of records and of the ledger, several at a time.
 *
 * The order that makes a crash harmless (architecture.md F): the intent is in the
 * ledger before the record is written, ownership after it; a deleted record goes before
 * its ledger line. One hold of the lock and two writes of the ledger for a whole batch.
 * Asserts nothing about who asks: what the ledger does not call ours is not changed.
 * Part of the store helper.
 */
#ifndef AUTOBIND_IO_STORE_JOBS_H
#define AUTOBIND_IO_STORE_JOBS_H

#include <stdbool.h>
#include <stddef.h>

#include "io/iscsi_db.h"
#include "io/ledger_file.h"
#include "io/store_msg.h"

struct store_batch;

/* All borrowed; @chap_dir: where secret files are, or NULL. Return: NULL without
 * memory.
 */
struct store_batch *store_batch_new(struct ab_db *db, struct ab_ledger_file *ledger,
				    const char *chap_dir);
struct store_batch *store_batch_free(struct store_batch *b); /* NULL */

/* Is this an effect for a batch? */
bool store_batch_takes(const struct ab_effect *effect);

/**
 * store_batch_add() - one more job
 * @b:   the batch
 * @job: copied
 * @n:   bytes of the whole message
 *
 * Return: false when the batch is full or has a job that this one depends on: run it
 * first.
 */
bool store_batch_add(struct store_batch *b, const struct store_job *job, size_t n);
size_t store_batch_count(const struct store_batch *b);

/* Carry all out and empty the batch; @fn gets one AB_EV_DONE for each, in order, whose
 * .job is the .seq of its question. */
void store_batch_run(struct store_batch *b,
		     void (*fn)(void *arg, const struct ab_event *ev), void *arg);

/**
 * store_recover() - after a start: what became of the intents?
 * @db:     the database
 * @ledger: the ledger
 *
 * An intent without a record is dropped; one whose record has exactly the intended
 * content is owned; a record of other content is what it was before. One whose record
 * cannot be read stays an intent.
 */
void store_recover(struct ab_db *db, struct ab_ledger_file *ledger);

#endif
