/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/desired.h"

#include <string.h>
#include <sys/socket.h>

#include "core/name.h"

/* --- addresses --- */

static bool same_subnet(const struct ab_ifaddr_item *a, const struct ab_ifaddr_item *b)
{
	struct ab_net x = ab_net_of(&a->ifaddr.net), y = ab_net_of(&b->ifaddr.net);

	return x.len == y.len && ab_addr_equal(&x.addr, &y.addr);
}

void ab_desired_home(const struct ab_engine *e, const struct ab_port *p,
		     struct ab_home *ret)
{
	uint32_t i;

	ret->n = 0;
	ret->has_present[0] = ret->has_present[1] = false;
	for (i = p->first_addr; i != AB_NONE; i = ab_ifaddr_at_const(e, i)->next) {
		const struct ab_ifaddr_item *a = ab_ifaddr_at_const(e, i);

		if (!ab_world_addr_is_usable(a))
			continue;
		if (a->is_present)
			ret->has_present[a->ifaddr.net.addr.family == AF_INET6] = true;
		if (ret->n < AB_HOME_MAX)
			ret->nets[ret->n++] = a->ifaddr.net;
	}
}

static bool is_gone_home(const struct ab_ifaddr_item *a)
{
	return !a->is_present && ab_world_addr_is_usable(a);
}

/* What another, present address of the same family means for one that went. */
static bool has_successor(const struct ab_engine *e, const struct ab_port *p,
			  const struct ab_ifaddr_item *gone, bool in_subnet)
{
	uint32_t i;

	for (i = p->first_addr; i != AB_NONE; i = ab_ifaddr_at_const(e, i)->next) {
		const struct ab_ifaddr_item *a = ab_ifaddr_at_const(e, i);

		if (a->is_present && ab_world_addr_is_usable(a) &&
		    a->ifaddr.net.addr.family == gone->ifaddr.net.addr.family &&
		    (!in_subnet || same_subnet(a, gone)))
			return true;
	}
	return false;
}

/*
 * Forgets addresses that went: at once where a new one stands in the same subnet, and
 * all that have a successor when @settled. Returns whether one with a successor is
 * left.
 */
static bool forget_addrs(struct ab_engine *e, struct ab_port *p, bool settled)
{
	bool is_contradicted = false;
	uint32_t i, next;

	for (i = p->first_addr; i != AB_NONE; i = next) {
		struct ab_ifaddr_item *a = ab_ifaddr_at(e, i);

		next = a->next;
		if (!is_gone_home(a))
			continue;
		if (has_successor(e, p, a, true) ||
		    (settled && has_successor(e, p, a, false)))
			ab_world_remove_addr(e, i);
		else if (has_successor(e, p, a, false))
			is_contradicted = true;
	}
	return is_contradicted;
}

static void forget_all_gone(struct ab_engine *e, struct ab_port *p)
{
	uint32_t i, next;

	for (i = p->first_addr; i != AB_NONE; i = next) {
		next = ab_ifaddr_at(e, i)->next;
		if (!ab_ifaddr_at(e, i)->is_present)
			ab_world_remove_addr(e, i);
	}
}

/* Do the addresses that the device has now, if any, lie elsewhere than the policy's
 * Address says? Lists are read as in core/policy_match.c. */
static bool speaks_against(const struct ab_engine *e, const struct ab_policy_set *set,
			   const struct ab_policy *pol, const struct ab_port *p)
{
	const struct ab_range *r = &set->ranges[pol->match_addresses.first];
	bool has_any = false, has_positive = false, is_hit = false, is_out = false;
	uint32_t i, k;

	for (i = p->first_addr; i != AB_NONE; i = ab_ifaddr_at_const(e, i)->next) {
		const struct ab_ifaddr_item *a = ab_ifaddr_at_const(e, i);

		if (!a->is_present || !ab_world_addr_is_usable(a))
			continue;
		has_any = true;
		for (k = 0; k < pol->match_addresses.count; k++) {
			bool in = ab_net_contains(&r[k].net, &a->ifaddr.net.addr);

			has_positive |= !r[k].negated;
			is_hit |= in && !r[k].negated;
			is_out |= in && r[k].negated;
		}
	}
	return has_any && (is_out || (has_positive && !is_hit));
}

/*
 * Keeps the time for which the addresses contradict what the port was taken for.
 * Returns true once that has lasted for Settle: then the old addresses are forgotten.
 */
static bool settle(const struct ab_step *s, struct ab_port *p)
{
	struct ab_engine *e = s->e;
	const struct ab_policy *pol = &s->set->policies[p->policy];
	bool is_contradicted = forget_addrs(e, p, false);
	ab_mono end;

	is_contradicted |= speaks_against(e, s->set, pol, p);
	if (!is_contradicted) {
		p->is_contradicted = false;
		return false;
	}
	if (!p->is_contradicted) {
		p->is_contradicted = true;
		p->contradicted_since = e->now;
	}
	end = ab_mono_add_ms(p->contradicted_since, pol->settle_ms);
	if (!ab_mono_reached(end, e->now)) {
		p->due = ab_mono_min(p->due, end);
		return false;
	}
	(void)forget_addrs(e, p, true);
	p->is_contradicted = false;
	return true;
}

/* --- taking --- */

static bool is_enslaved(const struct ab_engine *e, const struct ab_port *p)
{
	uint32_t master;

	if (p->link.master == 0)
		return false;
	master = ab_world_find_port(e, p->link.master);
	/* A member of a VRF keeps its own addresses and its own traffic. */
	return master == AB_NONE ||
	       ab_port_at_const(e, master)->link.type != AB_PORT_VRF;
}

struct ab_match_port ab_desired_match_port(const struct ab_engine *e,
					   const struct ab_port *p,
					   struct ab_home *home)
{
	uint32_t master = ab_world_find_port(e, p->link.master);

	ab_desired_home(e, p, home);
	return (struct ab_match_port){
		.link = &p->link,
		.udev = p->has_udev ? &p->udev : NULL,
		.master = p->link.master && master != AB_NONE
				  ? ab_port_at_const(e, master)->link.name
				  : NULL,
		.addrs = home->nets,
		.n_addrs = home->n,
	};
}

static int first_match(const struct ab_step *s, const struct ab_port *p)
{
	struct ab_home home;
	struct ab_match_port m = ab_desired_match_port(s->e, p, &home);

	return ab_policy_first_match(s->set, &m);
}

static bool is_excluded(const struct ab_step *s, const struct ab_port *p)
{
	struct ab_home home;
	struct ab_match_port m;

	if (p->link.type == AB_PORT_LOOPBACK || (p->has_udev && p->udev.is_ignored))
		return true;
	if (!s->set || s->set->n_excludes == 0)
		return false;
	m = ab_desired_match_port(s->e, p, &home);
	return ab_policy_excludes_port(s->set, &m, NULL) != NULL;
}

static bool is_newer(const struct ab_policy_set *set, int index,
		     const struct ab_port *p)
{
	return set->policies[index].changed_generation > p->taken_generation;
}

/* The policy that a port should have; see ab_desired_take(). */
static int choose(const struct ab_step *s, struct ab_port *p)
{
	bool is_settled = false;
	int first;

	if (p->policy >= 0)
		is_settled = settle(s, p);
	first = first_match(s, p);
	if (p->policy < 0 || first == p->policy || is_settled)
		return first;
	if (is_newer(s->set, p->policy, p) ||
	    (first >= 0 && is_newer(s->set, first, p)))
		return first;
	return p->policy;
}

void ab_desired_follow_set(const struct ab_policy_set *set, struct ab_port *p)
{
	if (p->policy >= 0 && (!set || p->taken_generation != set->generation))
		p->policy = set ? ab_policy_find(set, p->policy_name) : -1;
}

static void untake(struct ab_engine *e, struct ab_port *p, enum ab_port_state state)
{
	p->policy = -1;
	p->state = (uint8_t)state;
	p->is_contradicted = false;
	p->due = AB_MONO_NEVER; /* nothing to wait for any more */
	forget_all_gone(e, p);
}

bool ab_desired_take(const struct ab_step *s, uint32_t slot)
{
	struct ab_engine *e = s->e;
	struct ab_port *p = ab_port_at(e, slot);
	int old = p->policy;

	ab_desired_follow_set(s->set, p);
	if (is_excluded(s, p)) {
		untake(e, p, AB_PORT_STATE_EXCLUDED);
		return false;
	}
	if (is_enslaved(e, p)) {
		untake(e, p, AB_PORT_STATE_ENSLAVED);
		return false;
	}
	if (!e->is_fresh[AB_SOURCE_RTNL] || !e->is_fresh[AB_SOURCE_UDEV] ||
	    !p->has_udev || !p->udev.is_initialized) {
		/* Nothing is decided on half of the facts; what was decided stays. */
		if (p->policy < 0)
			p->state = AB_PORT_STATE_PENDING;
		return false;
	}
	if (!s->set) {
		untake(e, p, AB_PORT_STATE_UNTAKEN);
		return false;
	}
	p->policy = choose(s, p);
	p->is_wish_dirty |=
		p->policy != old || p->taken_generation != s->set->generation;
	p->taken_generation = s->set->generation;
	if (p->policy < 0) {
		untake(e, p, AB_PORT_STATE_UNTAKEN);
		return false;
	}
	(void)ab_copy(p->policy_name, sizeof(p->policy_name),
		      s->set->policies[p->policy].name);
	return true;
}

/* --- paths --- */

static uint32_t want_path(const struct ab_step *s, uint32_t port,
			  const struct ab_portal *portal)
{
	uint32_t slot = ab_world_add_path(s->e, port, portal);

	if (slot == AB_NONE)
		s->e->wants_room = true;
	return slot;
}

static void want_static(const struct ab_step *s, uint32_t port,
			const struct ab_static_target *st)
{
	struct ab_engine *e = s->e;
	uint32_t path, target, found;

	if (ab_table_is_full(&e->paths) || ab_table_is_full(&e->targets) ||
	    ab_table_is_full(&e->founds)) {
		e->wants_room = true;
		return;
	}
	path = ab_world_add_path(e, port, &st->portal);
	target = ab_world_add_target(e, st->target);
	found = ab_world_add_found(e, path, target, st->tpgt);
	ab_found_at(e, found)->is_seen = true;
}

/* Takes out the Static= targets that the policy does not name (any more). */
static void sweep_statics(struct ab_engine *e, const struct ab_port *p)
{
	uint32_t i, k, next;

	for (i = p->first_path; i != AB_NONE; i = ab_path_at(e, i)->next) {
		for (k = ab_path_at(e, i)->first_found; k != AB_NONE; k = next) {
			struct ab_found *f = ab_found_at(e, k);

			next = f->next;
			if (f->source == AB_NONE && f->seen_job == 0 && !f->is_seen)
				ab_world_remove_found(e, k);
			else
				f->is_seen = false;
		}
	}
}

static bool has_wanted_target(const struct ab_step *s, const struct ab_policy *pol,
			      const struct ab_path *path)
{
	bool is_any = false;
	uint32_t k;

	for (k = path->first_found; k != AB_NONE; k = ab_found_at(s->e, k)->next) {
		struct ab_found *f = ab_found_at(s->e, k);

		f->is_wanted = ab_policy_target(s->set, pol,
						ab_target_at(s->e, f->target)->name);
		is_any |= f->is_wanted;
	}
	return is_any;
}

/* The first ones by their portals stay. */
static void apply_limit(struct ab_engine *e, const struct ab_policy *pol,
			struct ab_port *p)
{
	uint32_t i, n = 0;

	for (i = p->first_path; i != AB_NONE; i = ab_path_at(e, i)->next) {
		struct ab_path *path = ab_path_at(e, i);

		path->is_over_limit =
			(path->roles & AB_ROLE_TARGET) && n++ >= pol->max_portals;
	}
	p->is_limited = n > pol->max_portals;
}

/* The portals that the policy names: static targets, and addresses to ask. */
static void want_listed(const struct ab_step *s, uint32_t slot,
			const struct ab_policy *pol)
{
	struct ab_engine *e = s->e;
	uint32_t i, k;

	for (k = 0; k < pol->statics.count; k++)
		want_static(s, slot, &s->set->statics[pol->statics.first + k]);
	sweep_statics(e, ab_port_at(e, slot));
	for (k = 0; k < pol->discover.count; k++) {
		i = want_path(s, slot, &s->set->portals[pol->discover.first + k]);
		if (i == AB_NONE)
			continue;
		ab_path_at(e, i)->roles |= AB_ROLE_DISCOVERY;
		ab_path_at(e, i)->is_listed = true;
	}
}

static enum ab_portal_verdict judge(const struct ab_step *s,
				    const struct ab_policy *pol,
				    const struct ab_path *path,
				    const struct ab_home *home)
{
	if (ab_policy_excludes_portal(s->set, &path->portal, NULL))
		return AB_PORTAL_EXCLUDED;
	return ab_policy_portal(s->set, pol, &path->portal, home->nets, home->n, NULL);
}

void ab_desired_paths(const struct ab_step *s, uint32_t slot,
		      const struct ab_home *home)
{
	struct ab_engine *e = s->e;
	struct ab_port *p = ab_port_at(e, slot);
	const struct ab_policy *pol = &s->set->policies[p->policy];
	uint32_t i;

	for (i = p->first_path; i != AB_NONE; i = ab_path_at(e, i)->next) {
		ab_path_at(e, i)->roles = 0;
		ab_path_at(e, i)->is_over_limit = ab_path_at(e, i)->is_listed = false;
	}
	want_listed(s, slot, pol);
	for (i = p->first_path; i != AB_NONE; i = ab_path_at(e, i)->next)
		if (!ab_path_at(e, i)->is_listed)
			ab_world_remove_found_by(e, i);
	for (i = p->first_path; i != AB_NONE; i = ab_path_at(e, i)->next) {
		struct ab_path *path = ab_path_at(e, i);

		if (has_wanted_target(s, pol, path))
			path->roles |= AB_ROLE_TARGET;
		path->verdict = (uint8_t)judge(s, pol, path, home);
		if (path->verdict != AB_PORTAL_WANTED)
			path->roles = 0;
	}
	apply_limit(e, pol, p);
}

/* --- iface --- */

void ab_desired_binding(const struct ab_policy *pol, const struct ab_port *p,
			struct ab_binding *ret)
{
	struct ab_text t;

	memset(ret, 0, sizeof(*ret));
	(void)ab_copy(ret->transport, sizeof(ret->transport), "tcp");
	(void)ab_copy(ret->initiatorname, sizeof(ret->initiatorname),
		      pol->initiatorname);
	if (pol->bind_by == AB_BIND_BY_MAC && p->link.hwaddr.len == 6) {
		ab_text_init(&t, ret->hwaddr, sizeof(ret->hwaddr));
		ab_name_add_hwaddr(&t, &p->link.hwaddr);
	} else {
		(void)ab_copy(ret->netdev, sizeof(ret->netdev), p->link.name);
	}
}
