/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mpath - what multipathd would do with a second path, and which disks it knows.
 *
 * Asks multipathd by its socket and tells the difference: AB_EV_MULTIPATH when its
 * readiness changed, AB_EV_MAPPED when it knows more or fewer disks of a session. Asks
 * when nudged, more and more slowly while a disk is missing, and slowly as long as
 * there are sessions. Never waits. Must not know: where sessions and disks come from.
 */
#ifndef AUTOBIND_IO_MPATH_H
#define AUTOBIND_IO_MPATH_H

#include <stddef.h>
#include <stdint.h>

#include "io/loop.h"
#include "io/mpath_call.h"
#include "io/mpath_reply.h"

#define AB_MPATH_SLOW_MS 30000
#define AB_MPATH_DEADLINE_MS 2000

struct ab_mpath;

struct ab_mpath_config {
	struct ab_mpath_where where; /* its strings live as long as the module */
	uint32_t slow_ms;	     /* 0: AB_MPATH_SLOW_MS */
	uint32_t deadline_ms;	     /* of each answer; 0: AB_MPATH_DEADLINE_MS */
};

struct ab_mpath_disk {
	uint32_t major, minor;
};

/**
 * ab_mpath_new() - begin with AB_MULTIPATH_UNKNOWN and no session; ask once
 * @loop:      outlives the module
 * @config:    copied
 * @fn:        gets the events, only from within the loop; must not free the module
 * @arg:       for @fn
 * @ret_mpath: the module
 *
 * ABSENT is told when multipathd does not run, UNKNOWN when it does not answer in time
 * or answers nonsense; what it knew of disks stays then, while ABSENT knows none.
 *
 * Return: 0 or -errno.
 */
int ab_mpath_new(struct ab_loop *loop, const struct ab_mpath_config *config,
		 ab_event_fn *fn, void *arg, struct ab_mpath **ret_mpath);

/* Open verbs get no answer. Takes NULL, returns NULL. */
struct ab_mpath *ab_mpath_free(struct ab_mpath *mpath);

/* Something may be different now: a uevent of a disk or a device-mapper device, a
 * login. Many nudges are one question. */
void ab_mpath_nudge(struct ab_mpath *mpath);

/**
 * ab_mpath_set_session() - which disks a session has now
 * @mpath: see above
 * @sid:   its number
 * @disks: copied
 * @n:     how many; 0 is a session without disks
 *
 * To be called after the engine was told of the session. Asks when that is a change.
 *
 * Return: 0 or -ENOMEM, then all is as before.
 */
int ab_mpath_set_session(struct ab_mpath *mpath, uint32_t sid,
			 const struct ab_mpath_disk *disks, size_t n);
void ab_mpath_drop_session(struct ab_mpath *mpath, uint32_t sid);

#define AB_MPATH_E_REFUSED 8 /* multipathd answered, but did not do it */

/* @result: 0, AB_MPATH_E_* but READ and WRITE, or -errno. After TIMEOUT, LOST or
 * GARBAGE it may or may not be done. */
typedef void ab_mpath_verb_fn(void *arg, int result);

/**
 * ab_mpath_run_verb() - fail or reinstate a path
 * @mpath: see above
 * @verb:  what
 * @disk:  the path
 * @fn:    gets the one answer, from within the loop
 * @arg:   for @fn
 *
 * That it is not the last path is the caller's to know. Asks anew afterwards.
 *
 * Return: 0, or -errno or AB_MPATH_E_ABSENT or AB_MPATH_E_STRANGER; then there is no
 * answer.
 */
int ab_mpath_run_verb(struct ab_mpath *mpath, enum ab_mpath_verb verb,
		      const struct ab_mpath_disk *disk, ab_mpath_verb_fn *fn,
		      void *arg);

#endif
