/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sysfs_session - one look at iSCSI sessions in sysfs.
 *
 * Knows: the folders and attributes of the kernel's iSCSI and SCSI classes. Must not
 * know: what was seen before, when to look. Every attribute is one open() and one
 * read() of bounded size; each byte is checked before it is believed. Attributes that
 * hold names or secrets of CHAP are never opened.
 *
 * Sessions come up and go while they are read. What cannot be read for that reason is
 * unknown, not an error: address, port and the host's ipaddress fail with ENOTCONN
 * while there is no connection, everything with ENOENT or ENODEV when it has gone.
 *
 * What sysfs offers about firmware is little. `creator` is the process that made the
 * session, or -1 where the kernel did (flash entries of offload adapters); it is not
 * changed when another iscsid takes over, and iscsistart's number looks like any other.
 * boot_root, boot_nic and boot_target exist for some offload adapters only. So a
 * session counts as firmware's when creator is -1 or cannot be read, when one of the
 * boot attributes is set, or when its target and portal stand in a boot table of
 * /sys/firmware; the last one may hit a session of ours that uses the same portal by
 * another port, and that is the safe side: it is left alone. A root that was logged in
 * by the kernel command line alone shows no mark at all; only its disks tell.
 * Source: Linux 6.1 drivers/scsi/scsi_transport_iscsi.c, iscsi_boot_sysfs.c; open-iscsi
 * 2.1.8 usr/fwparam_ibft/fwparam_sysfs.c.
 */
#ifndef AUTOBIND_IO_SYSFS_SESSION_H
#define AUTOBIND_IO_SYSFS_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "core/types.h"

#define AB_SESSION_DISKS_MAX 1024 /* of one session */
#define AB_DISK_NAME 32		  /* DISK_NAME_LEN */
#define AB_FIRMWARE_TARGETS_MAX 16

/* A disk of a session: the block device of one logical unit. */
struct ab_session_disk {
	char name[AB_DISK_NAME]; /* sda */
	uint32_t major, minor;
};

/* Boot targets of the firmware. */
struct ab_firmware {
	unsigned int n;
	struct {
		char target[AB_TARGET_NAME];
		struct ab_portal portal; /* family 0: not told, any */
	} targets[AB_FIRMWARE_TARGETS_MAX];
};

/* What a look at one session shows. */
struct ab_session_look {
	struct ab_session session; /* padding is zero */
	bool is_settled; /* it has come up; a session that comes up raises no event */
	bool is_cut;	 /* there are more disks, or some could not be looked at */
	unsigned int n_disks;
	struct ab_session_disk disks[AB_SESSION_DISKS_MAX];
};

#define AB_SYSFS_E_GONE 1  /* there is no such session */
#define AB_SYSFS_E_EARLY 2 /* there is, but who it is cannot be read now */
#define AB_SYSFS_E_ODD 3   /* who it is makes no sense: a name or number is no such */

/**
 * ab_sysfs_list_sessions() - which sessions are there?
 * @sysfs: descriptor of /sys
 * @fn:    gets every number, in no order; what it returns other than 0 ends the list
 * @arg:   for @fn
 *
 * No class folder (no transport module is loaded): no sessions.
 *
 * Return: 0, -errno, or what @fn returned.
 */
int ab_sysfs_list_sessions(int sysfs, int (*fn)(void *arg, uint32_t sid), void *arg);

/* The boot targets that the firmware tells; what cannot be read is left out. */
void ab_sysfs_firmware(int sysfs, struct ab_firmware *ret_firmware);

/**
 * ab_sysfs_session() - look at one session
 * @sysfs:    descriptor of /sys
 * @sid:      its number
 * @firmware: boot targets
 * @ret_look: the result
 *
 * Some fifteen attributes, and three for each disk.
 *
 * Return: 0 or AB_SYSFS_E_*.
 */
int ab_sysfs_session(int sysfs, uint32_t sid, const struct ab_firmware *firmware,
		     struct ab_session_look *ret_look);

/* The state alone: one attribute. Return: 0 or AB_SYSFS_E_*. */
int ab_sysfs_session_state(int sysfs, uint32_t sid, uint8_t *ret_state);

#endif
