/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * types - the values that the whole program speaks of.
 *
 * Plain values of fixed size without pointers; unused bytes are zero, so that two
 * values are equal exactly when memcmp() says so. No library, no file path, no
 * behaviour beyond comparing. The words are those of RFC 7143 and open-iscsi.
 */
#ifndef AUTOBIND_CORE_TYPES_H
#define AUTOBIND_CORE_TYPES_H

#include <stdbool.h>
#include <stdint.h>

/* Sizes with the terminator. */
#define AB_NETDEV_NAME 16    /* IFNAMSIZ */
#define AB_IFACE_NAME 65     /* ISCSI_MAX_IFACE_LEN */
#define AB_TARGET_NAME 224   /* RFC 7143 4.2.7.1: 223 bytes */
#define AB_TRANSPORT_NAME 16 /* ISCSI_TRANSPORT_NAME_MAXLEN */
#define AB_DRIVER_NAME 32
#define AB_ID_PATH 96

#define AB_PORTAL_PORT 3260 /* IANA iscsi-target */
#define AB_TPGT_UNKNOWN (-1)

/* An address without a port. IPv4 stands in the first 4 bytes, the rest is zero. */
struct ab_addr {
	uint8_t family; /* AF_INET, AF_INET6; 0: no address */
	uint8_t bytes[16];
};

/* An address range. */
struct ab_net {
	struct ab_addr addr; /* host bits are zero */
	uint8_t len;	     /* prefix length: 0 to 32, or to 128 */
};

/* A network portal (RFC 7143 2.1): address and TCP port. */
struct ab_portal {
	struct ab_addr addr;
	uint16_t port;
};

/* A hardware address: 6 bytes, or 20 on InfiniBand; len 0: none. */
struct ab_hwaddr {
	uint8_t len;
	uint8_t bytes[20];
};

enum ab_port_type {
	AB_PORT_OTHER, /* none of the below */
	AB_PORT_ETHER, /* a physical Ethernet device or a virtual function */
	AB_PORT_VLAN,
	AB_PORT_BOND,
	AB_PORT_TEAM,
	AB_PORT_INFINIBAND,
	AB_PORT_BRIDGE,
	AB_PORT_MACVLAN,
	AB_PORT_IPVLAN,
	AB_PORT_VETH,
	AB_PORT_TUN,
	AB_PORT_WIREGUARD,
	AB_PORT_VRF,
	AB_PORT_DUMMY,
	AB_PORT_LOOPBACK,
	AB_PORT_HBA, /* iscsi_host of an offload transport */
	AB_PORT_TYPE_MAX
};

/* A kernel network device as rtnetlink shows it. */
struct ab_link {
	uint32_t ifindex;
	char name[AB_NETDEV_NAME];
	uint8_t type;	  /* enum ab_port_type */
	bool is_up;	  /* IFF_UP */
	bool has_carrier; /* IFF_LOWER_UP */
	uint32_t master;  /* ifindex of the bond, bridge, VRF or team above; 0: none */
	uint32_t lower;	  /* ifindex of the device below a VLAN or macvlan; 0: none */
	uint16_t vlan_id; /* 0: no VLAN */
	uint32_t mtu;
	struct ab_hwaddr hwaddr;
	struct ab_hwaddr perm_hwaddr; /* IFLA_PERM_ADDRESS; len 0: none */
};

/* What udev adds to a link. */
struct ab_udev_net {
	uint32_t ifindex;
	bool is_initialized; /* udev has finished with it: its name is final */
	bool is_ignored;     /* property AUTOBIND_IGNORE=1 */
	char driver[AB_DRIVER_NAME];
	char id_path[AB_ID_PATH];
};

/* An address of a link. */
struct ab_ifaddr {
	uint32_t ifindex;
	struct ab_net net; /* .addr keeps its host bits here: the address itself */
	bool is_tentative; /* IPv6 duplicate address detection still runs */
	bool is_failed;	   /* ... found a duplicate */
	bool is_deprecated;
	bool is_temporary; /* RFC 8981 */
	bool is_linklocal; /* scope link */
};

/* The part of an iface record that binds, and that each node record copies. */
struct ab_binding {
	char iface[AB_IFACE_NAME];
	char transport[AB_TRANSPORT_NAME]; /* tcp, iser, bnx2i, ... */
	char netdev[AB_NETDEV_NAME];	   /* iface.net_ifacename; "": not by name */
	char hwaddr[20]; /* iface.hwaddress as the record has it; "": not by MAC */
	char initiatorname[AB_TARGET_NAME]; /* "": initiatorname.iscsi's */
};

/* What identifies a node record: the field's "binding". */
struct ab_node_key {
	char target[AB_TARGET_NAME];
	struct ab_portal portal;
	int32_t tpgt; /* AB_TPGT_UNKNOWN: a legacy record */
	char iface[AB_IFACE_NAME];
};

/* As the kernel names them in sysfs: "FREE", "LOGGED_IN", "FAILED". */
enum ab_session_state {
	AB_SESSION_FREE,      /* being made, or being taken down */
	AB_SESSION_LOGGED_IN, /* full feature phase */
	AB_SESSION_FAILED,    /* its connection is lost; iscsid tries to restore it */
	AB_SESSION_STATE_MAX
};

/* An iSCSI session as sysfs shows it. */
struct ab_session {
	uint32_t sid;	   /* N of sessionN: never used twice while the kernel runs */
	uint32_t host;	   /* N of the hostN that it lives on */
	uint8_t state;	   /* enum ab_session_state */
	bool is_firmware;  /* made by firmware or by a flash entry, not by iscsid */
	uint16_t n_disks;  /* block devices of its logical units */
	uint16_t n_mapped; /* of these, members of a dm-multipath map */
	/* What was asked for; iface "default" where the kernel names none. */
	struct ab_node_key node;
	struct ab_portal peer; /* where it leads, after a redirect; family 0: nowhere */
	struct ab_addr local;  /* its source address; family 0: not known */
	char transport[AB_TRANSPORT_NAME];
};

/* How well a record on disk could be read. */
enum ab_record_state {
	AB_RECORD_OK,
	AB_RECORD_BROKEN, /* empty, cut, too large, no record: never touched */
};

/*
 * What recognises a port again after it was away, under another name or another
 * ifindex: kind + permanent MAC + ID_PATH + VLAN where there is a MAC or a path, else
 * the name.
 */
struct ab_port_identity {
	uint8_t type; /* enum ab_port_type */
	uint16_t vlan_id;
	struct ab_hwaddr perm_hwaddr;
	char id_path[AB_ID_PATH];
	char name[AB_NETDEV_NAME];
};

/* The port or the portal that an administrator means; neither: everything. */
struct ab_scope {
	char port[AB_NETDEV_NAME]; /* "": not a port */
	struct ab_portal portal;   /* family 0: not a portal; port 0: every TCP port */
};

bool ab_addr_equal(const struct ab_addr *a, const struct ab_addr *b);
bool ab_portal_equal(const struct ab_portal *a, const struct ab_portal *b);
/* Does it mean this portal? One of a port, or of everything, means every portal. */
bool ab_scope_has_portal(const struct ab_scope *scope, const struct ab_portal *portal);
/* Total order for sorted output: IPv4 before IPv6, then by bytes, then by port. */
int ab_portal_compare(const struct ab_portal *a, const struct ab_portal *b);
bool ab_hwaddr_equal(const struct ab_hwaddr *a, const struct ab_hwaddr *b);

/* True when @addr lies in @net; families must be equal. */
bool ab_net_contains(const struct ab_net *net, const struct ab_addr *addr);

/* The range that an interface address with its prefix length lies in: host bits
 * cleared. */
struct ab_net ab_net_of(const struct ab_net *ifaddr);

/* 0/8, 127/8, 224/3 (multicast, reserved, broadcast), ::, ::1, ff00::/8 and IPv4 in
 * disguise (::ffff:0:0/96): never a portal. */
bool ab_addr_is_unusable(const struct ab_addr *a);
/* fe80::/10, 169.254/16 is not: those are routed on link, without a zone. */
bool ab_addr_is_linklocal6(const struct ab_addr *a);

/* "ether", "vlan", ... as in `Type=` of a policy. */
const char *ab_port_type_name(enum ab_port_type type);
/* The type of that name, or -1. */
int ab_port_type_of(const char *name);

#endif
