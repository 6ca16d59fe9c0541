/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sync - fsync of many files and folders together.
 *
 * One fsync after the other makes the disk empty its cache for each; those that run at
 * the same time share that. io_submit(2) with IOCB_CMD_FSYNC (Linux 4.18) lets them run
 * at the same time, with a result for each; where the kernel or a file system does not
 * know it, they are done one after the other. Unlike syncfs(2) nobody else's data is
 * waited for.
 */
#ifndef AUTOBIND_IO_SYNC_H
#define AUTOBIND_IO_SYNC_H

#include <stddef.h>

/* One to be synced. */
struct ab_sync {
	int fd; /* borrowed */
	int r;	/* result: 0 or -errno */
};

/* Most that go together. */
#define AB_SYNC_MAX 128
/* So few are not worth it. */
#define AB_SYNC_FEW 8

struct ab_syncer {
	unsigned long context; /* of io_setup(2); 0: none yet */
	int has_none;	       /* the kernel gives none */
};

/* Syncs all and waits for it; @n is at most AB_SYNC_MAX. @s is zeroed before its first
 * use; what it holds goes with the process. */
void ab_sync_all(struct ab_syncer *s, struct ab_sync *v, size_t n);

#endif
