/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * setup - from what was found on the network to a first policy.
 *
 * Knows: which port reaches which portal, which targets were named, and the shortest
 * policy that says so. Must not know: how that was found out, where the policy goes.
 */
#ifndef AUTOBIND_CORE_SETUP_H
#define AUTOBIND_CORE_SETUP_H

#include <stdbool.h>
#include <stdint.h>

#include "core/types.h"
#include "util/text.h"

#define AB_SETUP_PORTS 64
#define AB_SETUP_PORTALS 64 /* asked for and found; more are left out */
#define AB_SETUP_NETS 8	    /* addresses of a port that count */

struct ab_setup_port {
	char name[AB_NETDEV_NAME];
	uint32_t ifindex, mtu;
	uint8_t type;	/* enum ab_port_type */
	bool is_usable; /* up, with a carrier, no part of a bond or bridge */
	struct ab_net nets[AB_SETUP_NETS]; /* its addresses, host bits kept */
	uint32_t n_nets;
};

struct ab_setup_portal {
	struct ab_portal portal;
	bool is_asked; /* by the administrator: the others were found */
	bool has_told; /* a discovery through some port went well */
	int32_t code; /* of the last one that did not: enum ab_discovery_code, -errno */
};

struct ab_setup_path {
	bool has_echo, has_connected; /* it answers in this way */
	int32_t error; /* errno of the connection that failed; 0: no answer */
};

struct ab_setup_target {
	char name[AB_TARGET_NAME];
	uint32_t portal; /* where it lives: index */
	int32_t tpgt;
};

struct ab_setup {
	struct ab_setup_port ports[AB_SETUP_PORTS];
	uint32_t n_ports;
	struct ab_setup_portal portals[AB_SETUP_PORTALS];
	uint32_t n_portals;
	struct ab_setup_path paths[AB_SETUP_PORTS][AB_SETUP_PORTALS];
	struct ab_setup_target *targets; /* owned by whoever found them */
	uint32_t n_targets;
};

struct ab_engine;

/* The ports of this host that have an address, in the order of their names; of more
 * than AB_SETUP_PORTS the first ones. */
void ab_setup_look(const struct ab_engine *e, struct ab_setup *s);

/* The address of the port in whose subnet the portal lies, or NULL: only a router, if
 * anything, leads there. */
const struct ab_net *ab_setup_net(const struct ab_setup *s, uint32_t port,
				  uint32_t portal);

/* Is there such a port? */
bool ab_setup_is_local(const struct ab_setup *s, uint32_t portal);

/* Will the policy use the path, now or when it answers again? */
bool ab_setup_uses(const struct ab_setup *s, uint32_t port, uint32_t portal);

/* Does another port that the policy takes have an address in the same subnet? */
bool ab_setup_shares_net(const struct ab_setup *s, uint32_t port);

/* Does the policy take the port? */
bool ab_setup_takes(const struct ab_setup *s, uint32_t port);

/**
 * ab_setup_policy() - the text of a policy for what was found
 * @s:        the findings
 * @is_login: Action is login, else record
 * @t:        the text is appended, 4 KiB are enough for all but a hundred subnets
 *
 * Address is every subnet that a portal and a port have in common; where only routers
 * lead to the portals, Name and SameSubnet=no stand instead. An address that was asked
 * for and does not answer now stays in, as long as some port is in its subnet.
 *
 * Return: false when no policy would bind anything: nothing answers.
 */
bool ab_setup_policy(const struct ab_setup *s, bool is_login, struct ab_text *t);

#endif
