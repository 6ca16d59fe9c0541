/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mon_session - the kernel's iSCSI sessions as events.
 *
 * After each DUMP_END a model fed by the events equals sysfs; between dumps only
 * differences are told. The kernel announces sessions and disks that come and go, but
 * not that a session's state changes: io/mon_udev's callback nudges, and while there
 * is a session a slow timer looks. Knows: when to look, what was told. Must not know:
 * what is in sysfs (io/sysfs_session), who owns a session.
 *
 * A full look reads everything and is split over wake-ups; a quick one reads the list,
 * the state of each session, and everything of those that are new, come up or changed.
 * Measured 2026, tests/unit/test_mon_session.c: 128 sessions with 4 disks each cost 23
 * ms in a full look, in parts of 1.5 ms, and 1.2 ms in a quick one.
 */
#ifndef AUTOBIND_IO_MON_SESSION_H
#define AUTOBIND_IO_MON_SESSION_H

#include <stdint.h>

#include "core/event.h"
#include "io/loop.h"
#include "io/sysfs_session.h"

/* More are not looked at, which the log says; the kernel has no such limit. */
#define AB_SESSIONS_MAX 16384

struct ab_sessions;

struct ab_sessions_config {
	const char *sysfs; /* NULL: /sys */
	uint32_t slow_ms;  /* between looks that nothing asked for; 0: 10 s */
};

/* For tests and for `status`. */
struct ab_sessions_stats {
	uint64_t n_looks;  /* full ones that ended */
	uint64_t n_quick;  /* quick ones */
	uint64_t n_read;   /* sessions that were read as a whole */
	uint64_t n_failed; /* times that the list could not be read */
};

/**
 * ab_sessions_new() - begin to watch; the first dump starts in the next wake-up
 * @loop:         outlives the monitor
 * @config:       copied, with the string
 * @fn:           gets AB_EV_SESSION, _GONE, and DUMP_BEGIN, DUMP_END, STALE of
 *                AB_SOURCE_SESSIONS; from within the loop, and from
 *                ab_sessions_look_now() and ab_sessions_look_at(), but from no other
 *                call; must not free the monitor
 * @arg:          for @fn
 * @ret_sessions: the monitor
 *
 * No sessions and no class folder are an empty dump. When the folder cannot be read
 * for another reason, the source is STALE until it can, looked for each second.
 *
 * Return: 0 or -errno (no such @sysfs, -ENOMEM, -EMFILE).
 */
int ab_sessions_new(struct ab_loop *loop, const struct ab_sessions_config *config,
		    ab_event_fn *fn, void *arg, struct ab_sessions **ret_sessions);
struct ab_sessions *ab_sessions_free(struct ab_sessions *sessions);

/* Dump again (AB_EF_RESYNC). */
void ab_sessions_resync(struct ab_sessions *sessions);

/* Something about iSCSI or its disks changed: a full look soon. Many nudges are one
 * look, and looks keep a pause that grows with the number of sessions. */
void ab_sessions_nudge(struct ab_sessions *sessions);

/* A quick look at all, now: what differs is told before this returns. */
void ab_sessions_look_now(struct ab_sessions *sessions);

/* A full look at one, now, told before this returns; for one that is to be changed.
 * Return: as ab_sessions_find(). */
const struct ab_session *ab_sessions_look_at(struct ab_sessions *sessions,
					     uint32_t sid);

/* As last told; NULL: there is none. Valid until the next look. */
const struct ab_session *ab_sessions_find(const struct ab_sessions *sessions,
					  uint32_t sid);

/**
 * ab_sessions_disks() - the disks of a session as last seen
 * @sessions:  the monitor
 * @sid:       number of the session
 * @ret_disks: the disks
 * @max:       places there; AB_SESSION_DISKS_MAX is always enough
 *
 * ab_sessions_look_at() makes it the present.
 *
 * Return: how many; -ENOENT: no such session; -EOVERFLOW: more than @max;
 * -EIO: not all of them could be looked at, so nothing may be concluded.
 */
int ab_sessions_disks(const struct ab_sessions *sessions, uint32_t sid,
		      struct ab_session_disk *ret_disks, unsigned int max);

void ab_sessions_stats(const struct ab_sessions *sessions,
		       struct ab_sessions_stats *ret_stats);

#endif
