/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/rtnl_keys.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

static int compare_keys(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct ab_rtnl_key));
}

struct ab_rtnl_key ab_rtnl_key_of(const struct ab_event *ev)
{
	struct ab_rtnl_key key;

	memset(&key, 0, sizeof(key));
	if (ev->type == AB_EV_LINK || ev->type == AB_EV_LINK_GONE) {
		key.kind = AB_EV_LINK;
		key.ifindex = ev->link.ifindex;
	} else if (ev->type == AB_EV_NEIGH) {
		key.kind = AB_EV_NEIGH;
		key.ifindex = ev->neigh.ifindex;
		key.net.addr = ev->neigh.addr;
	} else {
		key.kind = AB_EV_ADDR;
		key.ifindex = ev->addr.ifindex;
		key.net = ev->addr.net;
	}
	return key;
}

int ab_rtnl_keys_add(void **root, const struct ab_rtnl_key *key)
{
	struct ab_rtnl_key *copy = malloc(sizeof(*copy));
	struct ab_rtnl_key **slot;

	if (!copy)
		return -ENOMEM;
	*copy = *key;
	slot = tsearch(copy, root, compare_keys);
	if (slot && *slot == copy)
		return 0;
	free(copy);
	return slot ? 1 : -ENOMEM;
}

bool ab_rtnl_keys_has(void *root, const struct ab_rtnl_key *key)
{
	return tfind(key, &root, compare_keys) != NULL;
}

bool ab_rtnl_keys_remove(void **root, const struct ab_rtnl_key *key)
{
	struct ab_rtnl_key **slot = tfind(key, root, compare_keys);
	struct ab_rtnl_key *found;

	if (!slot)
		return false;
	found = *slot;
	(void)tdelete(found, root, compare_keys);
	free(found);
	return true;
}

struct ab_rtnl_key *ab_rtnl_keys_any(void *root)
{
	return root ? *(struct ab_rtnl_key **)root : NULL;
}

void ab_rtnl_keys_clear(void **root)
{
	struct ab_rtnl_key *key;

	while ((key = ab_rtnl_keys_any(*root)))
		(void)ab_rtnl_keys_remove(root, key);
}
