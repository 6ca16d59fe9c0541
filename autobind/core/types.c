/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/types.h"

#include <string.h>
#include <sys/socket.h>

#include "util/text.h"

bool ab_addr_equal(const struct ab_addr *a, const struct ab_addr *b)
{
	return a->family == b->family &&
	       memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool ab_portal_equal(const struct ab_portal *a, const struct ab_portal *b)
{
	return a->port == b->port && ab_addr_equal(&a->addr, &b->addr);
}

bool ab_scope_has_portal(const struct ab_scope *scope, const struct ab_portal *portal)
{
	const struct ab_portal *p = &scope->portal;

	if (!p->addr.family)
		return true;
	return ab_addr_equal(&p->addr, &portal->addr) &&
	       (!p->port || p->port == portal->port);
}

int ab_portal_compare(const struct ab_portal *a, const struct ab_portal *b)
{
	int r;

	if (a->addr.family != b->addr.family)
		return a->addr.family < b->addr.family ? -1 : 1;
	r = memcmp(a->addr.bytes, b->addr.bytes, sizeof(a->addr.bytes));
	if (r)
		return r;
	return (a->port > b->port) - (a->port < b->port);
}

bool ab_hwaddr_equal(const struct ab_hwaddr *a, const struct ab_hwaddr *b)
{
	return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

static unsigned int addr_size(const struct ab_addr *a)
{
	return a->family == AF_INET ? 4 : 16;
}

/* Clears the bits behind the first @len. */
static void keep_bits(struct ab_addr *a, unsigned int len)
{
	unsigned int i, n = addr_size(a);

	for (i = 0; i < n; i++) {
		unsigned int kept = len > i * 8 ? len - i * 8 : 0;

		if (kept < 8)
			a->bytes[i] &= (uint8_t)(0xff00u >> kept);
	}
}

struct ab_net ab_net_of(const struct ab_net *ifaddr)
{
	struct ab_net net = *ifaddr;

	keep_bits(&net.addr, net.len);
	return net;
}

bool ab_net_contains(const struct ab_net *net, const struct ab_addr *addr)
{
	struct ab_net range = ab_net_of(net), other = { *addr, net->len };

	if (net->addr.family != addr->family || addr->family == 0)
		return false;
	other = ab_net_of(&other);
	return ab_addr_equal(&range.addr, &other.addr);
}

bool ab_addr_is_linklocal6(const struct ab_addr *a)
{
	return a->family == AF_INET6 && a->bytes[0] == 0xfe &&
	       (a->bytes[1] & 0xc0) == 0x80;
}

static bool is_zero(const uint8_t *p, unsigned int n)
{
	while (n--)
		if (*p++)
			return false;
	return true;
}

bool ab_addr_is_unusable(const struct ab_addr *a)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (a->family == AF_INET)
		return a->bytes[0] == 0 || a->bytes[0] == 127 || a->bytes[0] >= 224;
	if (a->family != AF_INET6)
		return true;
	/* ::, ::1, ff00::/8, and IPv4 in disguise (::ffff:0:0/96). */
	return (is_zero(a->bytes, 15) && a->bytes[15] <= 1) || a->bytes[0] == 0xff ||
	       memcmp(a->bytes, mapped, sizeof(mapped)) == 0;
}

static const char *const port_type_names[AB_PORT_TYPE_MAX] = {
	[AB_PORT_OTHER] = "other",	 [AB_PORT_ETHER] = "ether",
	[AB_PORT_VLAN] = "vlan",	 [AB_PORT_BOND] = "bond",
	[AB_PORT_TEAM] = "team",	 [AB_PORT_INFINIBAND] = "infiniband",
	[AB_PORT_BRIDGE] = "bridge",	 [AB_PORT_MACVLAN] = "macvlan",
	[AB_PORT_IPVLAN] = "ipvlan",	 [AB_PORT_VETH] = "veth",
	[AB_PORT_TUN] = "tun",		 [AB_PORT_WIREGUARD] = "wireguard",
	[AB_PORT_VRF] = "vrf",		 [AB_PORT_DUMMY] = "dummy",
	[AB_PORT_LOOPBACK] = "loopback", [AB_PORT_HBA] = "hba",
};

const char *ab_port_type_name(enum ab_port_type type)
{
	return port_type_names[type];
}

int ab_port_type_of(const char *name)
{
	int i;

	for (i = 0; i < AB_PORT_TYPE_MAX; i++)
		if (ab_streq_nocase(port_type_names[i], name))
			return i;
	return -1;
}
