/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mpath_reply - what is asked of multipathd, and the words it answers with.
 *
 * The words are those of libmultipath/print.c and dict.c of multipath-tools 0.7.8 to
 * 0.14. Before 0.8.4 it does not say which paths are marginal; then none counts as
 * active. Must not know: sockets, who asks.
 */
#ifndef AUTOBIND_IO_MPATH_REPLY_H
#define AUTOBIND_IO_MPATH_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/event.h"

/* The configuration in force, with the hardware that is really there only: some
 * kilobytes (since 0.7.8, which brought find_multipaths strict, too). */
#define AB_MPATH_ASK_CONFIG "show config local"

/* One line a path that multipathd takes care of, in a map or not yet. Tabs, because a
 * state may be two words. */
#define AB_MPATH_ASK_PATHS "show paths raw format \"%D\t%t\t%o\t%T\t%M\t%w\t%m\""

#define AB_MPATH_WWID 128 /* libmultipath's WWID_SIZE */
#define AB_MPATH_MAP 128  /* device-mapper's longest name */

struct ab_mpath_path {
	uint32_t major, minor;
	/* In use and healthy, now: the kernel has it active, the checker ready, the
	 * device running, and it is not marginal. "ghost" is not: it needs a failover.
	 */
	bool is_active;
	char wwid[AB_MPATH_WWID];
	char map[AB_MPATH_MAP]; /* its name; "": in none */
};

/**
 * ab_mpath_next_path() - read a line of the answer to AB_MPATH_ASK_PATHS
 * @at:       where to read, moved on; "" at the end
 * @ret_path: the path
 *
 * Lines that are not of this form (devices that multipathd only shows, errors) are
 * passed over.
 *
 * Return: false when there is no more.
 */
bool ab_mpath_next_path(const char **at, struct ab_mpath_path *ret_path);

/* What the answer to AB_MPATH_ASK_CONFIG says of a second path: STRICT, READY, or
 * UNKNOWN when it does not say. */
enum ab_multipath ab_mpath_readiness(const char *reply);

/* "fail path 8:16": I/O leaves it and multipathd stops checking it, until
 * "reinstate path 8:16". */
enum ab_mpath_verb {
	AB_MPATH_FAIL,
	AB_MPATH_REINSTATE,
	AB_MPATH_VERB_MAX
};

/* @size: 48 is enough. */
void ab_mpath_path_command(enum ab_mpath_verb verb, uint32_t major, uint32_t minor,
			   char *buf, size_t size);

/* Did multipathd do what it was told? */
bool ab_mpath_is_ok(const char *reply);

#endif
