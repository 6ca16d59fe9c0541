/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host - what is read once at start: where open-iscsi's database lies, who we are.
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
	char initiator[AB_TARGET_NAME]; /* initiatorname.iscsi; "": there is none */
	char db_root[AB_ROOT_PATH], lock_dir[AB_ROOT_PATH], iscsid_conf[AB_ROOT_PATH];
	char chap_dir[AB_ROOT_PATH]; /* secret files */
	struct ab_db_place place;    /* what the installed iscsiadm says */
	bool is_iscsiadm_db;	     /* it would work on .db_root: it may be run */
	struct ab_db_config db;	     /* points into this struct and the roots */
	struct ab_conf_roots conf;   /* points into the roots */
};

/**
 * ab_host_read() - find out
 * @roots:    borrowed for the life of @ret_host
 * @ret_host: must not be moved afterwards
 *
 * A missing iscsiadm or initiator name is logged, no error.
 *
 * Return: 0 or -errno (-ENOMEM, -ENAMETOOLONG, -EIO).
 */
int ab_host_read(const struct ab_roots *roots, struct ab_host *ret_host);

/**
 * ab_host_locate() - the part of it that is about the database
 * @roots:    as for ab_host_read()
 * @ret_host: .initiator, .db and .conf are left alone
 *
 * Return: 0 or -errno (-ENOMEM, -ENAMETOOLONG, -EIO).
 */
int ab_host_locate(const struct ab_roots *roots, struct ab_host *ret_host);

#endif
