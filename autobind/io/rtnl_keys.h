/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rtnl_keys - sets of what identifies a link, an address or a neighbour.
 *
 * For mon_rtnl: what was notified since a dump began, what was told as FAILED. A set is
 * a tree of tsearch(3); NULL is the empty one.
 */
#ifndef AUTOBIND_IO_RTNL_KEYS_H
#define AUTOBIND_IO_RTNL_KEYS_H

#include <stdbool.h>

#include "core/event.h"

/* What identifies an object; unused bytes are zero. */
struct ab_rtnl_key {
	uint32_t kind; /* enum ab_event_type: LINK, ADDR or NEIGH */
	uint32_t ifindex;
	struct ab_net net;
};

/* Of LINK, LINK_GONE, ADDR, ADDR_GONE or NEIGH. */
struct ab_rtnl_key ab_rtnl_key_of(const struct ab_event *ev);

/* Return: 0 when it was added, 1 when it was there, -ENOMEM. */
int ab_rtnl_keys_add(void **root, const struct ab_rtnl_key *key);
bool ab_rtnl_keys_has(void *root, const struct ab_rtnl_key *key);
/* Return: true when it was there. */
bool ab_rtnl_keys_remove(void **root, const struct ab_rtnl_key *key);
/* Return: any element, which stays in the set; NULL when it is empty. */
struct ab_rtnl_key *ab_rtnl_keys_any(void *root);
void ab_rtnl_keys_clear(void **root);

#endif
