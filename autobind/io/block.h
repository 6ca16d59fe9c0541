/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * block - may a session be released? Who uses its disks, and what would be left.
 *
 * Looks at one session: at its disks and their partitions, what stands on them, who has
 * them open, and at multipathd's opinion of the other paths. Waits where it must: an
 * open() of a disk on a dead path can hang, so this runs in a process that may be
 * killed (io/guard), never in the loop. Changes nothing: disks are opened for reading,
 * the only command sent to them reads persistent reservations. Must not know: why the
 * session is to be released.
 *
 * Where several findings apply the answer is the first of: CHANGED, ROOT, HELD,
 * BACKSTORE, OPEN, LAST_PATH, RESERVED, UNREADABLE, ACTIVE, REDUNDANT, FREE. ROOT takes
 * the place of HELD to LAST_PATH when the root file system stands on the device.
 *
 * A disk in no map is free when nothing stands on it or on a partition of it, nobody
 * has it open, and it had no I/O for a while. A disk in a dm-multipath map has the map
 * as its only user, which the kernel's exclusive claim guarantees for partitions, too;
 * any other holder, and any descriptor but multipathd's own, is a user besides. The map
 * is idle when nothing but kpartx's partitions stands on it, and its and their open
 * counts show nobody else. Then the disk is as free as one in no map. A map that is not
 * idle is redundant when it keeps enough other paths that multipathd reports active and
 * not marginal, and that the kernel has in the map; .must_be_idle does not accept that.
 */
#ifndef AUTOBIND_IO_BLOCK_H
#define AUTOBIND_IO_BLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/event.h"
#include "io/mpath_call.h"

#define AB_BLOCK_ACTIVITY_MS 5000
#define AB_BLOCK_MPATH_MS 2000
#define AB_BLOCK_DETAIL 160

/* What only a kernel with real devices can answer; tests without those have their own.
 * Return, all: 0 no, 1 yes, -errno: not known. */
struct ab_block_kernel {
	/* Has somebody claimed this disk or partition for itself? */
	int (*is_claimed)(const char *path);
	/* Has the logical unit registrations or a reservation (SPC-4 6.15)? */
	int (*is_reserved)(const char *path);
	/* How often is a device-mapper device open? Return: that, or -errno. */
	int (*open_count)(const char *control, uint32_t major, uint32_t minor);
};

extern const struct ab_block_kernel ab_block_kernel;

struct ab_block_config {
	const char *sysfs, *proc, *dev; /* "/sys", "/proc", "/dev" */
	struct ab_mpath_where mpath;
	uint32_t activity_ms; /* without I/O for so long is not active */
	int stop_fd; /* ends the wait for activity when it is readable; or -1 */
	const struct ab_block_kernel *kernel;
};

/* "/sys", "/proc", "/dev", multipathd's own socket, AB_BLOCK_ACTIVITY_MS. */
extern const struct ab_block_config ab_block_defaults;

struct ab_block_question {
	uint32_t sid, host; /* CHANGED unless they belong together */
	uint32_t min_paths; /* other active ones that each map must keep; at least 1 */
	bool must_be_idle;  /* redundant is not enough */
};

struct ab_block_answer {
	uint8_t guard;		      /* enum ab_guard */
	char detail[AB_BLOCK_DETAIL]; /* "sdb: dm-3 stands on it"; "" when released */
};

/* Never fails: what cannot be looked at is AB_GUARD_UNREADABLE. */
void ab_block_inspect(const struct ab_block_config *config,
		      const struct ab_block_question *question,
		      struct ab_block_answer *ret_answer);

#endif
