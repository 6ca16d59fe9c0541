/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guard - asks io/block whether a session may be released, without waiting for it.
 *
 * A fork of the daemon looks, without an exec, which would need a disk that may be the
 * dead one. It is ended at its deadline; one that cannot even be killed, because it
 * hangs in a dead disk, is left to itself and counted until it ends. Must not know:
 * what is looked at.
 */
#ifndef AUTOBIND_IO_GUARD_H
#define AUTOBIND_IO_GUARD_H

#include "io/block.h"
#include "io/loop.h"

#define AB_GUARD_LOOKS_MAX 32	   /* at one time, with those that hang */
#define AB_GUARD_DEADLINE_MS 15000 /* two looks, and the wait for activity */

struct ab_guards;

/* @answer is borrowed for the call. May begin and cancel looks; must not free. */
typedef void ab_guard_fn(void *arg, const struct ab_block_answer *answer);

/**
 * ab_guards_new() - nothing is looked at yet
 * @loop:        outlives the module
 * @config:      copied; its strings live as long as the module; .stop_fd is not used
 * @deadline_ms: of each look; 0: AB_GUARD_DEADLINE_MS
 * @ret_guards:  the module
 *
 * Return: 0 or -errno.
 */
int ab_guards_new(struct ab_loop *loop, const struct ab_block_config *config,
		  uint32_t deadline_ms, struct ab_guards **ret_guards);

/* Open looks get no answer and end by themselves. Takes NULL, returns NULL. */
struct ab_guards *ab_guards_free(struct ab_guards *guards);

/**
 * ab_guard_begin() - look at a session
 * @guards:   see above
 * @question: copied
 * @fn:       gets the one answer, never inside this call: within some 10 ms when the
 *            session is used or redundant, after .activity_ms when it is free, at the
 *            deadline with AB_GUARD_UNREADABLE when a device hangs
 * @arg:      for @fn
 *
 * FREE and REDUNDANT allow the release now; nothing is promised for later, so the
 * logout follows at once. Two sessions of one map may each be redundant as long as the
 * other is there: the caller lets a second look begin only when the session that the
 * first one allowed to release is gone from sysfs.
 *
 * Return: 0, or -errno: -EBUSY too many looks, -ENOMEM, -EAGAIN ...; then there is no
 * answer.
 */
int ab_guard_begin(struct ab_guards *guards, const struct ab_block_question *question,
		   ab_guard_fn *fn, void *arg);

/* No answer for looks that were begun with @arg. */
void ab_guard_cancel(struct ab_guards *guards, const void *arg);

#endif
