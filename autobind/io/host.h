/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host - where open-iscsi's database lies, read once at start; who we are.
 *
 * Blocks on the disk; for the start of the daemon and for the command line.
 */
#ifndef AUTOBIND_IO_HOST_H
#define AUTOBIND_IO_HOST_H

#include <stdbool.h>

#include "core/types.h"
#include "io/conf.h"
#include "io/iscsi_db.h"
#include "io/roots.h"

struct ab_host {
	char db_root[AB_ROOT_PATH], lock_dir[AB_ROOT_PATH], iscsid_conf[AB_ROOT_PATH];
	char chap_dir[AB_ROOT_PATH];	   /* secret files */
	char initiator_file[AB_ROOT_PATH]; /* for ab_host_find_initiator() */
	struct ab_db_place place;	   /* what the installed iscsiadm says */
	bool is_iscsiadm_db;	   /* it would work on .db_root: it may be run */
	struct ab_db_config db;	   /* points into this struct and the roots */
	struct ab_conf_roots conf; /* points into the roots */
};

/**
 * ab_host_read() - find out
 * @roots:    borrowed for the life of @ret_host
 * @ret_host: must not be moved afterwards
 *
 * A missing iscsiadm is no error.
 *
 * Return: 0 or -errno (-ENOMEM, -ENAMETOOLONG, -EIO).
 */
int ab_host_read(const struct ab_roots *roots, struct ab_host *ret_host);

/**
 * ab_host_locate() - the part of it that is about the database
 * @roots:    as for ab_host_read()
 * @ret_host: .db and .conf are left alone
 *
 * Return: 0 or -errno (-ENOMEM, -ENAMETOOLONG, -EIO).
 */
int ab_host_locate(const struct ab_roots *roots, struct ab_host *ret_host);

/**
 * ab_host_find_initiator() - the host's name in the text of initiatorname.iscsi
 * @data:     the text, any bytes
 * @n:        its length
 * @ret_name: the last one; "" when there is none, as before iscsid's first start
 *            where the file says GenerateName=yes
 *
 * Return: 0, or AB_NAME_E_*: something else than an iSCSI name stands there.
 */
int ab_host_find_initiator(const char *data, size_t n, char ret_name[AB_TARGET_NAME]);

#endif
