/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * store - every read and write of files, in a process of its own.
 *
 * A disk may hang, the loop may not. So a helper, forked at start, reads and writes
 * open-iscsi's records, the ledger and the configuration; this is the loop's side of
 * it. What is asked for are the effects of core/event.h, the answers are its events:
 *
 *	IFACE_WRITE, IFACE_DELETE, NODE_WRITE, NODE_DELETE	-> exactly one DONE each
 *	LEDGER_PUT, LEDGER_DEL, RESYNC{RECORDS, LEDGER}	-> DONE only when .job is not 0
 *	at start: DUMP_BEGIN, LEDGER ..., DUMP_END, and the same for RECORDS
 *	later: IFACE, IFACE_GONE, NODE, NODE_GONE of what anybody changed
 *
 * A helper that dies is started again, at a bounded rate; jobs it had answer UNKNOWN,
 * both sources are STALE until they have been dumped again; what the ledger was told
 * and had not confirmed is told again. Nothing here calls back before the loop runs,
 * and never from within a call of the loop's own.
 */
#ifndef AUTOBIND_IO_STORE_H
#define AUTOBIND_IO_STORE_H

#include <stddef.h>

#include "core/event.h"
#include "core/policy.h"
#include "io/iscsi_db.h"
#include "io/loop.h"

struct ab_store;

/* Reads the configuration into one block (io/conf); runs in the helper and may block.
 * Return: 0 with *ret_data to be freed, or -errno. */
typedef int ab_store_collect_fn(void *arg, char **ret_data, size_t *ret_size);

/* Everything is borrowed, and must not change, for the life of the store: a new helper
 * is forked with it. */
struct ab_store_config {
	struct ab_db_config db;	      /* .on_* and .arg are the store's own */
	const char *state_dir;	      /* ledger, last-good */
	const char *run_dir;	      /* copy of the ledger; NULL: none */
	const char *chap_dir;	      /* secret files; NULL: none is found */
	ab_store_collect_fn *collect; /* NULL: ab_store_read_conf() answers -ENOSYS */
	void *collect_arg;
	const char *initiator_file; /* initiatorname.iscsi; NULL: there is none */
};

/**
 * ab_store_start() - fork the helper
 * @config:    where everything is; copied, what it points to is borrowed
 * @ret_store: the store
 *
 * Before the loop is made and the memory locked. The helper keeps no descriptor but
 * its socket and standard error, and ends when the daemon's end of the socket closes:
 * other helpers must not inherit that, so they close what they do not need.
 *
 * Return: 0 or -errno of socketpair, fork, pidfd_open.
 */
int ab_store_start(const struct ab_store_config *config, struct ab_store **ret_store);

/**
 * ab_store_attach() - from now on hand over events
 * @s:    the store
 * @loop: borrowed, outlives the store
 * @fn:   gets the events
 * @arg:  for @fn
 *
 * Return: 0 or -errno.
 */
int ab_store_attach(struct ab_store *s, struct ab_loop *loop, ab_event_fn *fn,
		    void *arg);

/* Lets the helper finish the job it is at, waits for that at most 5 s. Takes NULL;
 * not from within a callback. */
struct ab_store *ab_store_free(struct ab_store *s);

/* Bytes of the [Node] settings that one job can carry. */
#define AB_STORE_SETTINGS_MAX 60000

/**
 * ab_store_submit() - give the helper a job
 * @s:          the store, attached
 * @effect:     one of those in the head comment; others are AB_OUTCOME_DENIED
 * @settings:   NODE_WRITE: the policy's [Node] keys; copied
 * @n_settings: how many
 *
 * Jobs are done in the order given; several that wait are written together. The answer
 * comes through the loop, for what is refused here, too.
 *
 * Return: 0 or -ENOMEM, then there will be no answer.
 */
int ab_store_submit(struct ab_store *s, const struct ab_effect *effect,
		    const struct ab_node_setting *settings, uint32_t n_settings);

/* @r: 0 or -errno; @data is valid during the call, NULL unless @r is 0 and something
 * was asked for. */
typedef void ab_store_answer_fn(void *arg, int r, const char *data, size_t n);

/* Read the configuration (the collect function of the store's config). */
int ab_store_read_conf(struct ab_store *s, ab_store_answer_fn *fn, void *arg);

/* Read the file with the host's initiator name; -ENOENT without one. */
int ab_store_read_initiator(struct ab_store *s, ab_store_answer_fn *fn, void *arg);

/* The last accepted configuration: STATE/last-good/bundle. Load: -ENOENT
 * without one. */
int ab_store_load_good(struct ab_store *s, ab_store_answer_fn *fn, void *arg);
int ab_store_save_good(struct ab_store *s, const void *data, size_t n,
		       ab_store_answer_fn *fn, void *arg);

enum ab_store_state {
	AB_STORE_RUNNING,
	AB_STORE_STALLED, /* STORE-STALLED: no sign of life for 5 s while work waits */
	AB_STORE_DOWN,	  /* the helper died, the next one has not been started yet */
};

enum ab_store_state ab_store_state(const struct ab_store *s);
/* "running", "STORE-STALLED", "down". */
const char *ab_store_state_name(enum ab_store_state state);

/* Process id of the helper, 0 when there is none; for messages and tests. */
int ab_store_pid(const struct ab_store *s);

#endif
