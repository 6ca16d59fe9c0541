/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * privs - what the loop's process asks of the kernel for itself, and what it gives up.
 */
#ifndef AUTOBIND_IO_PRIVS_H
#define AUTOBIND_IO_PRIVS_H

/**
 * ab_privs_survive() - go on while the disk that this program came from is away
 *
 * Locks all memory, now and later, so that no page has to be read from a root disk
 * whose paths have failed, and marks the process as one that disk I/O depends on
 * (PR_SET_IO_FLUSHER, Linux 5.6), so that its allocations do not wait for write-back.
 * What is not permitted is logged and done without.
 */
void ab_privs_survive(void);

/**
 * ab_privs_lower() - keep in effect only what the loop needs
 *
 * CAP_NET_RAW (probes through a device), CAP_NET_ADMIN (socket buffers), CAP_IPC_LOCK
 * (memory that is allocated later). The rest stays permitted, because a helper that
 * died is forked again from here and needs it. After everything is open.
 */
void ab_privs_lower(void);

/* In a helper, first of all: what the loop has given up comes back into effect, and
 * disk I/O does not depend on the helper. */
void ab_privs_become_helper(void);

#endif
