/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rtnl_parse - one message of rtnetlink to a value.
 *
 * Knows: what messages look like, which of them say something to us. Must not know:
 * sockets, which message comes when, what was told before. Pure: no state, no call that
 * waits. A message is not trusted, although it comes from the kernel.
 */
#include "io/rtnl_parse.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include <netlink/addr.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/route/neighbour.h>

#include "util/text.h"

static bool get_u32(struct nlattr *attr, uint32_t *ret_value)
{
	if (!attr || nla_len(attr) < (int)sizeof(uint32_t))
		return false;
	memcpy(ret_value, nla_data(attr), sizeof(uint32_t));
	return true;
}

static void get_string(struct nlattr *attr, char *buf, size_t size)
{
	const char *s = attr ? nla_data(attr) : NULL;

	buf[0] = '\0';
	if (s)
		(void)ab_copyn(buf, size, s, strnlen(s, (size_t)nla_len(attr)));
}

static void get_hwaddr(struct nlattr *attr, struct ab_hwaddr *hwaddr)
{
	int n = attr ? nla_len(attr) : 0;

	if (n != 6 && n != 20) /* Ethernet, InfiniBand; tunnels have others */
		return;
	hwaddr->len = (uint8_t)n;
	memcpy(hwaddr->bytes, nla_data(attr), (size_t)n);
}

static bool get_addr(struct nlattr *attr, uint8_t family, struct ab_addr *addr)
{
	size_t n = family == AF_INET ? 4 : 16;

	if (!attr || nla_len(attr) < (int)n)
		return false;
	*addr = (struct ab_addr){ .family = family };
	memcpy(addr->bytes, nla_data(attr), n);
	return true;
}

static bool is_ip(uint8_t family)
{
	return family == AF_INET || family == AF_INET6;
}

static enum ab_port_type type_of_kind(const char *kind)
{
	static const struct {
		const char *kind;
		enum ab_port_type type;
	} kinds[] = {
		{ "vlan", AB_PORT_VLAN },	{ "bond", AB_PORT_BOND },
		{ "team", AB_PORT_TEAM },	{ "ipoib", AB_PORT_INFINIBAND },
		{ "bridge", AB_PORT_BRIDGE },	{ "macvlan", AB_PORT_MACVLAN },
		{ "macvtap", AB_PORT_MACVLAN }, { "ipvlan", AB_PORT_IPVLAN },
		{ "ipvtap", AB_PORT_IPVLAN },	{ "veth", AB_PORT_VETH },
		{ "tun", AB_PORT_TUN },		{ "wireguard", AB_PORT_WIREGUARD },
		{ "vrf", AB_PORT_VRF },		{ "dummy", AB_PORT_DUMMY },
		{ "dsa", AB_PORT_ETHER }, /* a port of a switch chip */
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (ab_streq(kind, kinds[i].kind))
			return kinds[i].type;
	}
	return AB_PORT_OTHER;
}

/* Hardware has no kind: its ARPHRD_ type tells. */
static enum ab_port_type type_of_hardware(uint16_t arphrd)
{
	switch (arphrd) {
	case ARPHRD_LOOPBACK:
		return AB_PORT_LOOPBACK;
	case ARPHRD_ETHER:
		return AB_PORT_ETHER;
	case ARPHRD_INFINIBAND:
		return AB_PORT_INFINIBAND;
	default:
		return AB_PORT_OTHER;
	}
}

static void parse_linkinfo(struct nlattr *attr, uint16_t arphrd, struct ab_link *link)
{
	struct nlattr *info[IFLA_INFO_MAX + 1] = { NULL };
	struct nlattr *data[IFLA_VLAN_MAX + 1] = { NULL };
	char kind[32];

	if (attr && nla_parse_nested(info, IFLA_INFO_MAX, attr, NULL) < 0)
		memset(info, 0, sizeof(info));
	get_string(info[IFLA_INFO_KIND], kind, sizeof(kind));
	link->type = (uint8_t)(info[IFLA_INFO_KIND] ? type_of_kind(kind)
						    : type_of_hardware(arphrd));
	if (link->type != AB_PORT_VLAN || !info[IFLA_INFO_DATA])
		return;
	if (nla_parse_nested(data, IFLA_VLAN_MAX, info[IFLA_INFO_DATA], NULL) < 0)
		return;
	if (data[IFLA_VLAN_ID] && nla_len(data[IFLA_VLAN_ID]) >= 2)
		memcpy(&link->vlan_id, nla_data(data[IFLA_VLAN_ID]), 2);
}

/* IFLA_LINK is a device below only for these, and a foreign number when it lies in
 * another namespace; for a veth it is the peer. */
static void parse_lower(struct nlattr **tb, struct ab_link *link)
{
	bool has_lower = link->type == AB_PORT_VLAN || link->type == AB_PORT_MACVLAN ||
			 link->type == AB_PORT_IPVLAN ||
			 link->type == AB_PORT_INFINIBAND;

	if (has_lower && !tb[IFLA_LINK_NETNSID])
		(void)get_u32(tb[IFLA_LINK], &link->lower); /* else 0: none */
	if (link->lower == link->ifindex)
		link->lower = 0;
}

static int parse_link(struct nlmsghdr *msg, struct ab_event *ev)
{
	struct nlattr *tb[IFLA_MAX + 1];
	const struct ifinfomsg *ifi = nlmsg_data(msg);
	struct ab_link *link = &ev->link;

	if (nlmsg_parse(msg, sizeof(*ifi), tb, IFLA_MAX, NULL) < 0)
		return AB_RTNL_E_MALFORMED;
	/* A bridge tells about its ports in the same group: NEWLINK and DELLINK of
	 * AF_BRIDGE are about the port's membership, not about the device. */
	if (ifi->ifi_family != AF_UNSPEC)
		return AB_RTNL_E_IGNORED;
	if (ifi->ifi_index <= 0)
		return AB_RTNL_E_MALFORMED;
	link->ifindex = (uint32_t)ifi->ifi_index;
	get_string(tb[IFLA_IFNAME], link->name, sizeof(link->name));
	if (msg->nlmsg_type == RTM_DELLINK) {
		ev->type = AB_EV_LINK_GONE;
		return 0;
	}
	/* Wireless extensions send events of their own with hardly an attribute. */
	if (tb[IFLA_WIRELESS])
		return AB_RTNL_E_IGNORED;
	if (link->name[0] == '\0')
		return AB_RTNL_E_MALFORMED;
	ev->type = AB_EV_LINK;
	link->is_up = ifi->ifi_flags & IFF_UP;
	link->has_carrier = ifi->ifi_flags & IFF_LOWER_UP;
	(void)get_u32(tb[IFLA_MASTER], &link->master); /* else 0: none */
	(void)get_u32(tb[IFLA_MTU], &link->mtu);       /* else 0: unknown */
	get_hwaddr(tb[IFLA_ADDRESS], &link->hwaddr);
	get_hwaddr(tb[IFLA_PERM_ADDRESS], &link->perm_hwaddr);
	parse_linkinfo(tb[IFLA_LINKINFO], ifi->ifi_type, link);
	parse_lower(tb, link);
	return 0;
}

static int parse_addr(struct nlmsghdr *msg, struct ab_event *ev)
{
	struct nlattr *tb[IFA_MAX + 1];
	const struct ifaddrmsg *ifa = nlmsg_data(msg);
	struct ab_ifaddr *addr = &ev->addr;
	uint32_t flags;

	if (nlmsg_parse(msg, sizeof(*ifa), tb, IFA_MAX, NULL) < 0)
		return AB_RTNL_E_MALFORMED;
	if (!is_ip(ifa->ifa_family))
		return AB_RTNL_E_IGNORED;
	if (ifa->ifa_index == 0 ||
	    ifa->ifa_prefixlen > (ifa->ifa_family == AF_INET ? 32 : 128))
		return AB_RTNL_E_MALFORMED;
	/* On a point-to-point link IFA_ADDRESS is the peer's, IFA_LOCAL ours. */
	if (!get_addr(tb[IFA_LOCAL], ifa->ifa_family, &addr->net.addr) &&
	    !get_addr(tb[IFA_ADDRESS], ifa->ifa_family, &addr->net.addr))
		return AB_RTNL_E_MALFORMED;
	ev->type = msg->nlmsg_type == RTM_DELADDR ? AB_EV_ADDR_GONE : AB_EV_ADDR;
	addr->ifindex = ifa->ifa_index;
	addr->net.len = ifa->ifa_prefixlen;
	if (!get_u32(tb[IFA_FLAGS], &flags)) /* has more bits, since Linux 3.14 */
		flags = ifa->ifa_flags;
	addr->is_linklocal = ifa->ifa_scope == RT_SCOPE_LINK;
	if (ifa->ifa_family != AF_INET6)
		return 0;
	/* The bit of "temporary" means "secondary" for IPv4. */
	addr->is_temporary = flags & IFA_F_TEMPORARY;
	addr->is_tentative = flags & IFA_F_TENTATIVE;
	addr->is_failed = flags & IFA_F_DADFAILED;
	addr->is_deprecated = flags & IFA_F_DEPRECATED;
	return 0;
}

/* struct rtmsg and struct fib_rule_hdr both begin with the family. */
static int parse_routes(struct nlmsghdr *msg, struct ab_event *ev)
{
	uint8_t family;

	if (nlmsg_datalen(msg) < (int)sizeof(struct rtmsg))
		return AB_RTNL_E_MALFORMED;
	memcpy(&family, nlmsg_data(msg), sizeof(family));
	if (!is_ip(family))
		return AB_RTNL_E_IGNORED; /* multicast routing, MPLS */
	ev->type = AB_EV_ROUTES;
	ev->routes.family = family;
	return 0;
}

static int parse_neigh(struct nlmsghdr *msg, struct ab_event *ev)
{
	const struct ndmsg *nd = nlmsg_data(msg);
	struct rtnl_neigh *neigh = NULL;
	struct nl_addr *dst;
	int r = AB_RTNL_E_MALFORMED;

	if (nlmsg_datalen(msg) < (int)sizeof(*nd))
		return AB_RTNL_E_MALFORMED;
	if (!is_ip(nd->ndm_family))
		return AB_RTNL_E_IGNORED; /* a bridge's forwarding table */
	if (rtnl_neigh_parse(msg, &neigh) < 0)
		return AB_RTNL_E_MALFORMED;
	dst = rtnl_neigh_get_dst(neigh);
	if (nd->ndm_ifindex > 0 && dst &&
	    nl_addr_get_len(dst) == (nd->ndm_family == AF_INET ? 4 : 16)) {
		ev->type = AB_EV_NEIGH;
		ev->neigh.ifindex = (uint32_t)nd->ndm_ifindex;
		ev->neigh.addr.family = nd->ndm_family;
		memcpy(ev->neigh.addr.bytes, nl_addr_get_binary_addr(dst),
		       nl_addr_get_len(dst));
		ev->neigh.is_failed =
			msg->nlmsg_type == RTM_NEWNEIGH && nd->ndm_state & NUD_FAILED;
		r = 0;
	}
	rtnl_neigh_put(neigh);
	return r;
}

int ab_rtnl_parse(struct nlmsghdr *msg, size_t n, struct ab_event *ret_event)
{
	struct ab_event ev;
	int r;

	memset(&ev, 0, sizeof(ev)); /* padding, too: events are compared as bytes */
	if (n > INT32_MAX || !nlmsg_ok(msg, (int)n))
		return AB_RTNL_E_MALFORMED;
	switch (msg->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		r = parse_link(msg, &ev);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		r = parse_addr(msg, &ev);
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
	case RTM_NEWRULE:
	case RTM_DELRULE:
		r = parse_routes(msg, &ev);
		break;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		r = parse_neigh(msg, &ev);
		break;
	default:
		r = AB_RTNL_E_IGNORED;
		break;
	}
	if (r == 0)
		*ret_event = ev;
	return r;
}

/* What each error of RTM_GETROUTE says about the route (fib_props in fib_semantics.c,
 * ip6_route_output(), Linux 6.18). */
static enum ab_route_verdict verdict_of_error(int error)
{
	switch (error) {
	case -ENETUNREACH:
	case -EHOSTUNREACH: /* `unreachable`, or no entry at all with FIB_MATCH */
	case -EACCES:	    /* `prohibit` */
	case -EINVAL:	    /* `blackhole` */
	case -ENODEV:	    /* the device is gone */
		return AB_ROUTE_NONE;
	default:
		return AB_ROUTE_UNKNOWN;
	}
}

/* rtnl_route_parse() of libnl 3.7 never ends on a hop of length 0 (found
 * by fuzzing). */
static bool has_nexthop_by(struct nlattr *multipath, uint32_t ifindex)
{
	struct rtnexthop *hop = nla_data(multipath);
	int n = nla_len(multipath);

	/* RTNH_OK() alone reads the length before it knows that there is one. */
	while (n >= (int)sizeof(*hop) && RTNH_OK(hop, n)) {
		if ((uint32_t)hop->rtnh_ifindex == ifindex)
			return true;
		n -= (int)RTNH_ALIGN(hop->rtnh_len);
		hop = RTNH_NEXT(hop);
	}
	return false;
}

static bool is_route_by(struct nlattr **tb, uint32_t ifindex)
{
	uint32_t oif;

	if (tb[RTA_MULTIPATH])
		return has_nexthop_by(tb[RTA_MULTIPATH], ifindex);
	/* Nexthop objects without the old attributes (sysctl nexthop_compat_mode=0):
	 * none is listed, and the kernel has compared the device itself. */
	if (!tb[RTA_OIF])
		return true;
	return get_u32(tb[RTA_OIF], &oif) && oif == ifindex;
}

int ab_rtnl_parse_verdict(struct nlmsghdr *msg, size_t n, uint32_t ifindex,
			  enum ab_route_verdict *ret_verdict)
{
	struct nlattr *tb[RTA_MAX + 1];
	const struct rtmsg *rtm;
	bool is_ok;

	if (n > INT32_MAX || !nlmsg_ok(msg, (int)n))
		return AB_RTNL_E_MALFORMED;
	if (msg->nlmsg_type == NLMSG_ERROR) {
		const struct nlmsgerr *e = nlmsg_data(msg);

		if (nlmsg_datalen(msg) < (int)sizeof(*e))
			return AB_RTNL_E_MALFORMED;
		*ret_verdict = verdict_of_error(e->error);
		return 0;
	}
	rtm = nlmsg_data(msg);
	if (msg->nlmsg_type != RTM_NEWROUTE || nlmsg_datalen(msg) < (int)sizeof(*rtm))
		return AB_RTNL_E_MALFORMED;
	/* Before Linux 4.13 FIB_MATCH is not known and such an answer may
	 * be invented. */
	if (rtm->rtm_family == AF_INET && rtm->rtm_flags & RTM_F_CLONED) {
		*ret_verdict = AB_ROUTE_UNKNOWN;
		return 0;
	}
	if (nlmsg_parse(msg, sizeof(*rtm), tb, RTA_MAX, NULL) < 0)
		return AB_RTNL_E_MALFORMED;
	/* A local address is reached without any device; a broadcast is no portal. */
	is_ok = rtm->rtm_type == RTN_UNICAST && is_route_by(tb, ifindex);
	*ret_verdict = is_ok ? AB_ROUTE_OK : AB_ROUTE_NONE;
	return 0;
}
