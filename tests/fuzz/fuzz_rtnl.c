/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Netlink bytes to events. The first byte chooses the parser, the rest is the message,
 * in a block of just its size. What comes out must be fit for the engine.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/netlink.h>

#include "io/rtnl_parse.h"
#include "fuzz.h"

static void check_addr(const struct ab_addr *addr)
{
	static const uint8_t zero[12];

	assert(addr->family == AF_INET || addr->family == AF_INET6);
	if (addr->family == AF_INET)
		assert(memcmp(addr->bytes + 4, zero, sizeof(zero)) == 0);
}

static void check_link(const struct ab_link *link)
{
	assert(link->ifindex != 0);
	assert(memchr(link->name, '\0', sizeof(link->name)));
	assert(link->name[0] != '\0');
	assert(link->type < AB_PORT_TYPE_MAX);
	assert(link->lower != link->ifindex);
	assert(link->hwaddr.len == 0 || link->hwaddr.len == 6 ||
	       link->hwaddr.len == 20);
	assert(link->perm_hwaddr.len == 0 || link->perm_hwaddr.len == 6 ||
	       link->perm_hwaddr.len == 20);
}

static void check_event(const struct ab_event *ev)
{
	switch (ev->type) {
	case AB_EV_LINK:
		check_link(&ev->link);
		break;
	case AB_EV_LINK_GONE:
		assert(ev->link.ifindex != 0);
		break;
	case AB_EV_ADDR:
	case AB_EV_ADDR_GONE:
		assert(ev->addr.ifindex != 0);
		check_addr(&ev->addr.net.addr);
		assert(ev->addr.net.len <=
		       (ev->addr.net.addr.family == AF_INET ? 32 : 128));
		break;
	case AB_EV_ROUTES:
		assert(ev->routes.family == AF_INET || ev->routes.family == AF_INET6);
		break;
	case AB_EV_NEIGH:
		assert(ev->neigh.ifindex != 0);
		check_addr(&ev->neigh.addr);
		break;
	default:
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum ab_route_verdict verdict = AB_ROUTE_UNKNOWN;
	struct ab_event ev;
	struct nlmsghdr *msg;

	if (size < 1)
		return 0;
	msg = malloc(size > 1 ? size - 1 : 1);
	if (!msg)
		return 0;
	memcpy(msg, data + 1, size - 1);
	if (data[0] & 1) {
		if (ab_rtnl_parse_verdict(msg, size - 1, 2, &verdict) == 0)
			assert(verdict <= AB_ROUTE_NONE);
	} else if (ab_rtnl_parse(msg, size - 1, &ev) == 0) {
		check_event(&ev);
	}
	free(msg);
	return 0;
}
