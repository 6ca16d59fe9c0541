/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * offline - the same questions without a daemon: the adapters run once, nothing is
 * acted on, nothing is probed.
 *
 * For `autobind ports|ifaces|nodes|plan` where no daemon answers, and for `plan` on a
 * world that is described in a file.
 */
#ifndef AUTOBIND_IO_OFFLINE_H
#define AUTOBIND_IO_OFFLINE_H

#include "core/setup.h"
#include "core/view.h"
#include "io/conf.h"
#include "io/roots.h"

struct ab_offline;

/**
 * ab_offline_new() - look at this host
 * @roots:   borrowed for the life of the handle
 * @message: what failed, for people
 * @ret:     the handle
 *
 * Links, addresses, udev's properties, records, the ledger and the configuration; at
 * most 10 s.
 *
 * Return: 0 or -errno.
 */
int ab_offline_new(const struct ab_roots *roots, struct ab_text *message,
		   struct ab_offline **ret);

/**
 * ab_offline_world() - look at a file instead
 * @roots:   for the configuration only
 * @path:    lines of core/evtext, and of two kinds more:
 *           `answers portal=ADDR[:PORT] [port=DEV]` (through that device, or all),
 *           `target name=IQN portal=ADDR[:PORT] tpgt=N` (what discovery would tell);
 *           empty lines and those that start with '#' are skipped
 * @message: what failed, with the line
 * @ret:     the handle
 */
int ab_offline_world(const struct ab_roots *roots, const char *path,
		     struct ab_text *message, struct ab_offline **ret);
/**
 * ab_offline_draft() - look at this host as it would be with one more policy
 * @roots:   as for ab_offline_new()
 * @draft:   the policy; borrowed for the call
 * @s:       which portals answer, and what they tell
 * @message: what failed
 * @ret:     the handle; its plan is all of what would be done
 *
 * Return: 0 or -errno.
 */
int ab_offline_draft(const struct ab_roots *roots, const struct ab_conf_draft *draft,
		     const struct ab_setup *s, struct ab_text *message,
		     struct ab_offline **ret);
struct ab_offline *ab_offline_free(struct ab_offline *o); /* NULL; takes NULL */

/* For the views of core/view. */
struct ab_view ab_offline_view(const struct ab_offline *o);

/* The host's initiator name; "": there is none that can be read and used. */
void ab_offline_initiator(const struct ab_offline *o, char ret_name[AB_TARGET_NAME]);

/* Is the configuration refused? Then @message says where and why. */
bool ab_offline_is_refused(const struct ab_offline *o, struct ab_text *message);

/* What the daemon would do first, as rows of `plan`; all of it on a described world.
 * Then what it could not do. */
void ab_offline_plan(const struct ab_offline *o, ab_view_fn *fn, void *arg);

#endif
