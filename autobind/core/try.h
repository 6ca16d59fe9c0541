/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * try - what failed, over a restart of the daemon within one boot.
 *
 * A discovery, a record or a login that failed has a line in the ledger of RUN: how
 * often, why, when it may be tried again, whether it was refused for good. A new run
 * neither hammers an address that does not answer nor a target that refuses CHAP. A
 * refusal ends with the configuration that it was met under, that of a login with the
 * content of the record, too.
 *
 * Knows: those lines and the waits in the world. Must not know: when something is
 * tried.
 */
#ifndef AUTOBIND_CORE_TRY_H
#define AUTOBIND_CORE_TRY_H

#include "core/world.h"

/* Something failed, or is over: the ledger is told by the end of the step. */
void ab_try_changed(struct ab_engine *e, struct ab_try_mark *mark, bool is_failing);

/* Tells the ledger what it has not been told yet. Return: false when there was no
 * room. */
bool ab_try_tell(const struct ab_step *s);
/* The same for one path, which is about to go. */
bool ab_try_forget_path(const struct ab_step *s, struct ab_path *path);

/* A line of an earlier run. What this run has seen since counts more. */
void ab_try_restore(const struct ab_step *s, const struct ab_ledger_entry *entry);

/* The path is new: what an earlier run heard of it is its own from now on. */
void ab_try_claim(struct ab_engine *e, struct ab_path *path);

/* A configuration is in force. Return: true when it is the one that the refusals of the
 * run before stand under; asked once. */
bool ab_try_is_same_conf(const struct ab_step *s);

/* The administrator wants everything tried now. */
void ab_try_forget_pending(struct ab_engine *e);

/* Has it failed in a run before this one, and not been tried since? */
static inline bool ab_try_is_of_before(const struct ab_path *path)
{
	return path->discovery.attempts && !path->discovery_started.ns;
}

#endif
