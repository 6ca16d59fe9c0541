/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * privs - what the loop's process asks of the kernel for itself.
 */
#ifndef AUTOBIND_IO_PRIVS_H
#define AUTOBIND_IO_PRIVS_H

/**
 * ab_privs_survive() - go on while the disk that this program came from is away
 *
 * Locks all memory, now and later, so that no page has to be read from a root disk
 * whose paths have failed, and marks the process as one that disk I/O depends on
 * (PR_SET_IO_FLUSHER, Linux 5.6), so that its allocations do not wait for write-back.
 * After the helpers were forked: they must not inherit the second. What is not
 * permitted is logged and done without.
 */
void ab_privs_survive(void);

#endif
