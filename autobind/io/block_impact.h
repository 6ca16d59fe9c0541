/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * block_impact - what would be left of LUNs, and what stands on them, without some
 * disks.
 *
 * A LUN is a dm-multipath map, or a disk that is in none. Reads sysfs and /proc; for
 * the command line. Must not know: sessions, ports, multipathd.
 */
#ifndef AUTOBIND_IO_BLOCK_IMPACT_H
#define AUTOBIND_IO_BLOCK_IMPACT_H

#include <stdbool.h>
#include <stddef.h>

#define AB_IMPACT_NAME 128
#define AB_IMPACT_USERS 1024

/* A disk of a session. */
struct ab_impact_disk {
	char name[32]; /* sda */
	bool is_up;    /* its session is logged in */
	bool is_down;  /* ... and would not be any more */
};

struct ab_impact_lun {
	char device[32];	   /* dm-0, sda */
	char name[AB_IMPACT_NAME]; /* of the map; of a disk as .device */
	bool is_map;
	unsigned int n_now, n_after; /* paths that work, and that would be left */
	bool loses;		     /* one of its disks would go */
	char users[AB_IMPACT_USERS]; /* "/srv, swap, vg0-data"; "": nobody; foreign text
				      */
};

struct ab_impact_where {
	const char *sysfs; /* /sys */
	const char *proc;  /* /proc */
};

/* Return: 0, or nonzero to stop. */
typedef int ab_impact_fn(void *arg, const struct ab_impact_lun *lun);

/**
 * ab_block_impact() - what would happen to LUNs
 * @where: the folders
 * @disks: all disks of all sessions
 * @n:     how many
 * @fn:    gets each LUN of them, in the order of @disks
 * @arg:   for @fn
 *
 * Paths of a map that are no disks of sessions (fibre channel) count while the kernel
 * says "running". What stands on a LUN: mounts, swap, and the names of the
 * device-mapper and md devices above that nothing is mounted from.
 *
 * Return: 0, -errno, or what @fn returned.
 */
int ab_block_impact(const struct ab_impact_where *where,
		    const struct ab_impact_disk *disks, size_t n, ab_impact_fn *fn,
		    void *arg);

#endif
