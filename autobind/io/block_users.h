/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * block_users - who has a device of the session open without standing on it in sysfs.
 *
 * Descriptors of processes, back stores of this host's targets, loop devices. Private
 * to io/block*.c. Must not know: what that means for the session.
 */
#ifndef AUTOBIND_IO_BLOCK_USERS_H
#define AUTOBIND_IO_BLOCK_USERS_H

#include <sys/types.h>

#include "io/block.h"
#include "io/block_sysfs.h"

/* @node is used; @by says by whom ("qemu (812)"). Return: 0 to go on. */
typedef int ab_block_user_fn(void *arg, const struct ab_block_node *node,
			     const char *by);

/**
 * ab_block_descriptors() - every process that has one of the devices open
 * @config: where /proc is
 * @tree:   the devices
 * @except: a process that does not count (multipathd), 0: none
 * @fn:     gets each
 * @arg:    for @fn
 *
 * This process does not count either. Threads with a table of descriptors of their own
 * and mappings whose descriptor was closed are not seen.
 *
 * Return: 0, what @fn returned, or -errno: some process could not be looked at, though
 * all others were.
 */
int ab_block_descriptors(const struct ab_block_config *config,
			 const struct ab_block_tree *tree, pid_t except,
			 ab_block_user_fn *fn, void *arg);

/* LIO's back stores (vhost-scsi and loopback export those, too) and nvmet's namespaces.
 * Without configfs there is none. Return: as above. */
int ab_block_backstores(const struct ab_block_config *config,
			const struct ab_block_tree *tree, ab_block_user_fn *fn,
			void *arg);

/* Loop devices over one of the devices. Return: as above. */
int ab_block_loops(const struct ab_block_config *config,
		   const struct ab_block_tree *tree, ab_block_user_fn *fn, void *arg);

#endif
