/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/setup.h"

#include <string.h>

#include "core/name.h"
#include "core/view_walk.h"

/* So many targets are named one by one; of more, what their names have in common. */
#define NAMED_MAX 8

/* --- ports ----------------------------------------------------------------------- */

static void look_at_port(const struct ab_engine *e, const struct ab_port *p,
			 struct ab_setup_port *ret)
{
	uint32_t i;

	*ret = (struct ab_setup_port){
		.ifindex = p->link.ifindex,
		.mtu = p->link.mtu,
		.type = p->link.type,
		.is_usable = p->link.is_up && p->link.has_carrier &&
			     p->state != AB_PORT_STATE_ENSLAVED &&
			     p->state != AB_PORT_STATE_EXCLUDED,
	};
	(void)ab_copy(ret->name, sizeof(ret->name), p->link.name);
	for (i = p->first_addr; i != AB_NONE && ret->n_nets < AB_SETUP_NETS;
	     i = ab_ifaddr_at_const(e, i)->next) {
		const struct ab_ifaddr_item *a = ab_ifaddr_at_const(e, i);

		if (a->is_present && ab_world_addr_is_usable(a))
			ret->nets[ret->n_nets++] = a->ifaddr.net;
	}
}

void ab_setup_look(const struct ab_engine *e, struct ab_setup *s)
{
	const struct ab_port *p = NULL;

	s->n_ports = 0;
	while (s->n_ports < AB_SETUP_PORTS && (p = ab_view_next_port(e, p))) {
		look_at_port(e, p, &s->ports[s->n_ports]);
		s->n_ports += p->link.type != AB_PORT_LOOPBACK &&
			      s->ports[s->n_ports].n_nets > 0;
	}
}

/* --- questions ------------------------------------------------------------------- */

const struct ab_net *ab_setup_net(const struct ab_setup *s, uint32_t port,
				  uint32_t portal)
{
	const struct ab_setup_port *p = &s->ports[port];
	uint32_t i;

	for (i = 0; i < p->n_nets; i++) {
		struct ab_net net = ab_net_of(&p->nets[i]);

		if (ab_net_contains(&net, &s->portals[portal].portal.addr))
			return &p->nets[i];
	}
	return NULL;
}

bool ab_setup_is_local(const struct ab_setup *s, uint32_t portal)
{
	uint32_t i;

	for (i = 0; i < s->n_ports; i++)
		if (s->ports[i].is_usable && ab_setup_net(s, i, portal))
			return true;
	return false;
}

static bool has_targets(const struct ab_setup *s, uint32_t portal)
{
	uint32_t i;

	for (i = 0; i < s->n_targets; i++)
		if (s->targets[i].portal == portal)
			return true;
	return s->portals[portal].has_told;
}

/* Is any portal that matters in a subnet of a port, and does it answer there? */
static bool is_switched(const struct ab_setup *s)
{
	uint32_t i, k;

	for (i = 0; i < s->n_ports; i++)
		for (k = 0; k < s->n_portals; k++)
			if (s->paths[i][k].has_connected && has_targets(s, k) &&
			    ab_setup_net(s, i, k))
				return true;
	return false;
}

bool ab_setup_uses(const struct ab_setup *s, uint32_t port, uint32_t portal)
{
	const struct ab_setup_portal *p = &s->portals[portal];
	bool is_up = s->paths[port][portal].has_connected && has_targets(s, portal);

	if (!s->ports[port].is_usable)
		return false;
	if (!is_switched(s))
		return is_up;
	return (is_up || p->is_asked) && ab_setup_net(s, port, portal);
}

bool ab_setup_takes(const struct ab_setup *s, uint32_t port)
{
	uint32_t i;

	for (i = 0; i < s->n_portals; i++)
		if (ab_setup_uses(s, port, i))
			return true;
	return false;
}

static bool is_same_net(const struct ab_net *a, const struct ab_net *b)
{
	struct ab_net x = ab_net_of(a), y = ab_net_of(b);

	return x.len == y.len && ab_addr_equal(&x.addr, &y.addr);
}

bool ab_setup_shares_net(const struct ab_setup *s, uint32_t port)
{
	uint32_t i, k;

	for (k = 0; k < s->n_portals; k++) {
		const struct ab_net *net = ab_setup_net(s, port, k), *other;

		for (i = 0; net && i < s->n_ports; i++) {
			other = i != port && ab_setup_uses(s, i, k)
					? ab_setup_net(s, i, k)
					: NULL;
			if (other && is_same_net(net, other))
				return true;
		}
	}
	return false;
}

/* --- the policy ------------------------------------------------------------------ */

/* Has the subnet of that path been named by an earlier one? */
static bool is_named(const struct ab_setup *s, uint32_t port, uint32_t portal)
{
	const struct ab_net *net = ab_setup_net(s, port, portal), *other;
	uint32_t i, k;

	for (i = 0; i <= port; i++)
		for (k = 0; k < (i < port ? s->n_portals : portal); k++) {
			other = ab_setup_uses(s, i, k) ? ab_setup_net(s, i, k) : NULL;
			if (other && is_same_net(net, other))
				return true;
		}
	return false;
}

static void add_nets(const struct ab_setup *s, struct ab_text *t)
{
	uint32_t i, k;

	ab_text_add(t, "Address =");
	for (i = 0; i < s->n_ports; i++) {
		for (k = 0; k < s->n_portals; k++) {
			struct ab_net net;

			if (!ab_setup_uses(s, i, k) || is_named(s, i, k))
				continue;
			net = ab_net_of(ab_setup_net(s, i, k));
			ab_text_addc(t, ' ');
			ab_name_add_net(t, &net);
		}
	}
	ab_text_addc(t, '\n');
}

static void add_names(const struct ab_setup *s, struct ab_text *t)
{
	uint32_t i;

	ab_text_add(t, "Name =");
	for (i = 0; i < s->n_ports; i++)
		if (ab_setup_takes(s, i)) {
			ab_text_addc(t, ' ');
			ab_text_add(t, s->ports[i].name);
		}
	ab_text_addc(t, '\n');
}

/* Without Type such a device is not matched (autobind.policy(5)). */
static bool needs_type(uint8_t type)
{
	return type != AB_PORT_ETHER && type != AB_PORT_VLAN && type != AB_PORT_BOND &&
	       type != AB_PORT_INFINIBAND;
}

static void add_types(const struct ab_setup *s, struct ab_text *t)
{
	bool is_taken[AB_PORT_TYPE_MAX] = { false }, is_needed = false;
	unsigned int i;

	for (i = 0; i < s->n_ports; i++)
		if (ab_setup_takes(s, i)) {
			is_taken[s->ports[i].type] = true;
			is_needed |= needs_type(s->ports[i].type);
		}
	if (!is_needed)
		return;
	ab_text_add(t, "Type =");
	for (i = 0; i < AB_PORT_TYPE_MAX; i++)
		if (is_taken[i]) {
			ab_text_addc(t, ' ');
			ab_text_add(t, ab_port_type_name((enum ab_port_type)i));
		}
	ab_text_addc(t, '\n');
}

static bool is_used(const struct ab_setup *s, uint32_t portal)
{
	uint32_t i;

	for (i = 0; i < s->n_ports; i++)
		if (ab_setup_uses(s, i, portal))
			return true;
	return false;
}

static void add_discover(const struct ab_setup *s, struct ab_text *t)
{
	char text[AB_PORTAL_TEXT];
	struct ab_text p;
	uint32_t i;

	ab_text_add(t, "Discover =");
	for (i = 0; i < s->n_portals; i++) {
		if (!s->portals[i].is_asked || !is_used(s, i))
			continue;
		ab_text_init(&p, text, sizeof(text));
		ab_name_add_portal(&p, &s->portals[i].portal);
		ab_text_addc(t, ' ');
		ab_text_add(t, text);
	}
	ab_text_addc(t, '\n');
}

static bool is_first_of_name(const struct ab_setup *s, uint32_t target)
{
	uint32_t i;

	for (i = 0; i < target; i++)
		if (ab_streq(s->targets[i].name, s->targets[target].name))
			return false;
	return true;
}

/* Up to its last ':' or '.', so that no name is cut in the middle of a word. */
static size_t common_prefix(const struct ab_setup *s)
{
	const char *name = s->targets[0].name;
	size_t n = strlen(name), k;
	uint32_t i;

	for (i = 1; i < s->n_targets; i++) {
		for (k = 0; k < n && s->targets[i].name[k] == name[k]; k++)
			;
		n = k;
	}
	while (n > 0 && name[n - 1] != ':' && name[n - 1] != '.')
		n--;
	return n;
}

static void add_targets(const struct ab_setup *s, struct ab_text *t)
{
	uint32_t i, n = 0;

	for (i = 0; i < s->n_targets; i++)
		n += is_first_of_name(s, i);
	ab_text_add(t, "Targets =");
	for (i = 0; i < s->n_targets && n <= NAMED_MAX; i++)
		if (is_first_of_name(s, i)) {
			ab_text_addc(t, ' ');
			ab_text_add(t, s->targets[i].name);
		}
	if (n > NAMED_MAX) {
		ab_text_addc(t, ' ');
		ab_text_addn(t, s->targets[0].name, common_prefix(s));
		ab_text_addc(t, '*');
	}
	ab_text_addc(t, '\n');
}

/* The daemon's own probe is an echo: some arrays answer none. */
static bool needs_tcp(const struct ab_setup *s)
{
	uint32_t i, k;

	for (i = 0; i < s->n_ports; i++)
		for (k = 0; k < s->n_portals; k++)
			if (ab_setup_uses(s, i, k) && s->paths[i][k].has_connected &&
			    !s->paths[i][k].has_echo)
				return true;
	return false;
}

bool ab_setup_policy(const struct ab_setup *s, bool is_login, struct ab_text *t)
{
	uint32_t i;

	for (i = 0; i < s->n_ports && !ab_setup_takes(s, i); i++)
		;
	if (i == s->n_ports || s->n_targets == 0)
		return false;
	ab_text_add(t, "[Match]\n");
	if (is_switched(s)) {
		add_nets(s, t);
		add_types(s, t);
	} else {
		add_names(s, t);
	}
	ab_text_add(t, "[Portals]\n");
	add_discover(s, t);
	if (!is_switched(s))
		ab_text_add(t, "SameSubnet = no\n");
	add_targets(s, t);
	if (needs_tcp(s))
		ab_text_add(t, "[Probe]\nMethod = tcp\n");
	ab_text_add(t, "[Bind]\nAction = ");
	ab_text_add(t, is_login ? "login\nMultipath = require\n" : "record\n");
	return true;
}
