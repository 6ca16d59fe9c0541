/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/observe.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "core/desired.h"
#include "core/ledger.h"
#include "core/plan.h"
#include "core/session.h"
#include "core/try.h"
#include "util/text.h"

/* --- links, addresses, udev --- */

void ab_observe_link(const struct ab_step *s, const struct ab_link *link)
{
	struct ab_engine *e = s->e;
	uint32_t slot = ab_world_add_port(e, link->ifindex);
	struct ab_port *p = ab_port_at(e, slot);
	bool is_new = !p->has_link;
	bool lost = !is_new && p->link.has_carrier && p->link.is_up &&
		    !(link->has_carrier && link->is_up);

	p->link_seen = true;
	if (!is_new && memcmp(&p->link, link, sizeof(*link)) == 0)
		return;
	if (!is_new && !ab_streq(p->link.name, link->name))
		ab_plan_note(s, AB_NOTE_PORT_RENAMED, p, NULL, link->name, 0);
	if (is_new) {
		p->changed_at = e->now;
		e->is_orphans_dirty = true;
	}
	/* A bond that gains a member, a VRF that is renamed: others may depend
	 * on it. */
	if (is_new || p->link.master != link->master ||
	    !ab_streq(p->link.name, link->name))
		ab_world_touch_all(e, false);
	p->link = *link;
	p->has_link = true;
	ab_world_touch(e, slot, lost);
}

/*
 * The device is gone, and with it all that was known of it. The item itself leaves when
 * the prober has been told (ab_plan_dirty()).
 */
static void forget_port(const struct ab_step *s, uint32_t slot)
{
	struct ab_engine *e = s->e;
	struct ab_port *p = ab_port_at(e, slot);

	ab_plan_note(s, AB_NOTE_PORT_GONE, p, NULL, NULL, 0);
	p->has_link = false;
	ab_plan_use_iface(e, slot, AB_NONE);
	e->is_orphans_dirty = true;
	while (p->first_addr != AB_NONE)
		ab_world_remove_addr(e, p->first_addr);
	/* Whatever udev says of it later is about a device that is no more. */
	p->has_udev = p->is_contradicted = p->is_limited = false;
	p->policy = -1;
	p->state = AB_PORT_STATE_PENDING;
	p->due = p->addr_settled[0] = p->addr_settled[1] = AB_MONO_NEVER;
	p->n_wanted = p->n_up = p->n_records = p->n_records_wanted = p->n_held = 0;
	ab_world_touch(e, slot, true);
}

void ab_observe_link_gone(const struct ab_step *s, uint32_t ifindex)
{
	uint32_t slot = ab_world_find_port(s->e, ifindex);

	if (slot == AB_NONE || !ab_port_at(s->e, slot)->has_link)
		return;
	forget_port(s, slot);
	ab_world_touch_all(s->e, false);
}

void ab_observe_udev(struct ab_engine *e, const struct ab_udev_net *udev)
{
	uint32_t slot = ab_world_add_port(e, udev->ifindex);
	struct ab_port *p = ab_port_at(e, slot);

	p->udev_seen = true;
	if (p->has_udev && memcmp(&p->udev, udev, sizeof(*udev)) == 0)
		return;
	p->udev = *udev;
	p->has_udev = true;
	ab_world_touch(e, slot, false);
}

void ab_observe_udev_gone(struct ab_engine *e, uint32_t ifindex)
{
	uint32_t slot = ab_world_find_port(e, ifindex);

	if (slot == AB_NONE)
		return;
	ab_port_at(e, slot)->has_udev = false;
	if (ab_port_at(e, slot)->has_link)
		ab_world_touch(e, slot, false);
	else
		ab_world_release_port(e, slot);
}

/* The route to a portal may be another one now. */
static void stale_routes(struct ab_engine *e, uint32_t port, uint8_t family)
{
	uint32_t i;

	for (i = ab_port_at(e, port)->first_path; i != AB_NONE;
	     i = ab_path_at(e, i)->next)
		if (ab_path_at(e, i)->portal.addr.family == family)
			ab_path_at(e, i)->is_route_stale = true;
}

static void lose_addr(struct ab_engine *e, uint32_t slot)
{
	struct ab_ifaddr_item *a = ab_ifaddr_at(e, slot);
	uint32_t port = ab_world_find_port(e, a->ifaddr.ifindex);

	assert(port != AB_NONE);
	stale_routes(e, port, a->ifaddr.net.addr.family);
	ab_world_touch(e, port, true);
	/* A taken port remembers where it was at home. */
	if (ab_port_at(e, port)->policy >= 0 && ab_world_addr_is_usable(a)) {
		a->is_present = false;
	} else {
		ab_world_remove_addr(e, slot);
		ab_world_release_port(e, port);
	}
}

void ab_observe_addr(struct ab_engine *e, const struct ab_ifaddr *ifaddr)
{
	uint32_t port = ab_world_add_port(e, ifaddr->ifindex), slot;
	const struct ab_ifaddr_item now = { .ifaddr = *ifaddr };
	struct ab_ifaddr_item *a;

	slot = ab_world_find_addr(e, ifaddr->ifindex, &ifaddr->net.addr);
	if (slot != AB_NONE) {
		a = ab_ifaddr_at(e, slot);
		a->is_seen = true;
		if (a->is_present && memcmp(&a->ifaddr, ifaddr, sizeof(*ifaddr)) == 0)
			return;
		/* Duplicate address detection runs again when the carrier is back:
		 * until it has ended, that is an address that went. */
		if (ab_port_at(e, port)->policy >= 0 && ab_world_addr_is_usable(a) &&
		    !ab_world_addr_is_usable(&now)) {
			if (a->is_present)
				lose_addr(e, slot);
			return;
		}
	}
	slot = ab_world_add_addr(e, port, ifaddr);
	a = ab_ifaddr_at(e, slot);
	a->is_present = a->is_seen = true;
	stale_routes(e, port, ifaddr->net.addr.family);
	ab_world_touch(e, port, false);
}

void ab_observe_addr_gone(struct ab_engine *e, const struct ab_ifaddr *ifaddr)
{
	uint32_t slot = ab_world_find_addr(e, ifaddr->ifindex, &ifaddr->net.addr);

	if (slot != AB_NONE && ab_ifaddr_at(e, slot)->is_present)
		lose_addr(e, slot);
}

void ab_observe_routes(struct ab_engine *e, uint8_t family)
{
	uint32_t i;

	for (i = ab_table_next(e, &e->ports, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->ports, i)) {
		if (ab_port_at(e, i)->first_path == AB_NONE)
			continue;
		stale_routes(e, i, family);
		ab_world_touch(e, i, false);
	}
}

void ab_observe_route(struct ab_engine *e, uint64_t handle, uint8_t verdict)
{
	uint32_t slot = ab_world_path_of(e, handle);

	if (slot == AB_NONE || ab_path_at(e, slot)->route == verdict)
		return;
	ab_path_at(e, slot)->route = verdict;
	ab_world_touch_answer(e, ab_path_at(e, slot)->port);
}

/* --- probes --- */

static void note_edge(const struct ab_step *s, const struct ab_path *path)
{
	const struct ab_port *p = ab_port_at(s->e, path->port);
	bool is_up = path->health.state == AB_PATH_UP;

	ab_plan_note(s, is_up ? AB_NOTE_PATH_UP : AB_NOTE_PATH_DOWN, p, &path->portal,
		     NULL, is_up ? 0 : path->health.state);
}

/* Slow probing: IntervalDown's lower end at the edge, doubled by each further loss. */
static void slow_down(struct ab_health *h, const struct ab_policy *pol)
{
	uint64_t ms = h->down_interval_ms ? (uint64_t)h->down_interval_ms * 2
					  : pol->interval_down_min_ms;

	if (ms > pol->interval_down_max_ms)
		ms = pol->interval_down_max_ms;
	h->down_interval_ms = (uint32_t)ms;
}

void ab_observe_probe(const struct ab_step *s, const struct ab_event *ev)
{
	struct ab_engine *e = s->e;
	uint32_t slot = ab_world_path_of(e, ev->probe.path);
	const struct ab_policy *pol;
	struct ab_path *path;
	bool was_slow, had_answer, is_edge;

	if (slot == AB_NONE || !s->set)
		return;
	path = ab_path_at(e, slot);
	/* An answer to what was asked before the cable was pulled proves nothing. */
	if (!path->is_probed || ab_port_at(e, path->port)->policy < 0)
		return;
	pol = &s->set->policies[ab_port_at(e, path->port)->policy];
	was_slow = ab_health_is_down(&path->health);
	had_answer = path->health.answers > 0;
	is_edge = ab_health_sample(
		&path->health,
		&(struct ab_health_result){ (enum ab_probe_result)ev->probe.result,
					    ev->probe.error, ev->probe.rtt_us },
		pol->rise, pol->fall, e->now);
	if (is_edge)
		note_edge(s, path);
	if (is_edge && path->health.state == AB_PATH_UP)
		ab_plan_greet(e, path, was_slow);
	if (ab_health_is_down(&path->health) && ev->probe.result != AB_PROBE_ANSWER)
		slow_down(&path->health, pol);
	/* A sample without an edge changes nothing but the pace of a slow path. */
	if (is_edge || was_slow || (had_answer && path->health.state != AB_PATH_UP))
		ab_world_touch_answer(e, path->port);
}

/* A neighbour that does not answer ARP or ND: down before the probes have timed out. */
void ab_observe_neigh(const struct ab_step *s, const struct ab_event *ev)
{
	struct ab_engine *e = s->e;
	uint32_t port = ab_world_find_port(e, ev->neigh.ifindex), i;

	if (port == AB_NONE || !ev->neigh.is_failed ||
	    ab_port_at(e, port)->policy < 0 || !s->set)
		return;
	for (i = ab_port_at(e, port)->first_path; i != AB_NONE;
	     i = ab_path_at(e, i)->next) {
		struct ab_path *path = ab_path_at(e, i);

		if (!path->is_probed || ab_health_is_down(&path->health) ||
		    !ab_addr_equal(&path->portal.addr, &ev->neigh.addr))
			continue;
		(void)ab_health_set(&path->health, AB_PATH_DOWN, EHOSTUNREACH, e->now);
		slow_down(&path->health,
			  &s->set->policies[ab_port_at(e, port)->policy]);
		note_edge(s, path);
		ab_world_touch_answer(e, port);
	}
}

/* --- records and ledger --- */

static void touch_iface_users(struct ab_engine *e, const struct ab_iface *f)
{
	if (f->port != AB_NONE)
		ab_world_touch(e, f->port, false);
	else
		ab_world_touch_all(e, false);
}

/* What the ledger is to say of a record from now on; ab_plan_ledger() tells it. */
static void set_ledger(struct ab_engine *e, struct ab_record_item *r,
		       enum ab_owner owner)
{
	r->ledger = (uint8_t)owner;
	r->is_ledger_due = e->is_ledger_dirty = true;
}

/* A record is on disk. Returns whether anything is new about it. */
static bool observe(struct ab_record_item *r, uint64_t hash, uint8_t state)
{
	bool is_new = !r->is_present || r->hash != hash || r->state != state;

	r->is_seen = r->is_present = true;
	r->was_delete = r->is_restoring = r->is_doubted = false;
	r->hash = hash;
	r->state = state;
	return is_new;
}

void ab_observe_iface(const struct ab_step *s, const struct ab_event *ev)
{
	struct ab_engine *e = s->e;
	uint32_t slot = ab_world_add_iface(e, ev->iface.binding.iface);
	struct ab_iface *f = ab_iface_at(e, slot);

	if (f->record.ledger == AB_OWNER_HELD)
		/* Somebody made it again: theirs now. */
		set_ledger(e, &f->record, AB_OWNER_FOREIGN);
	if (!observe(&f->record, ev->iface.hash, ev->iface.state) &&
	    memcmp(&f->binding, &ev->iface.binding, sizeof(f->binding)) == 0)
		return;
	f->binding = ev->iface.binding;
	if (ab_world_owner(&f->record) == AB_OWNER_MODIFIED && !f->record.job)
		ab_plan_note(s, AB_NOTE_MODIFIED, NULL, NULL, f->binding.iface, 0);
	touch_iface_users(e, f);
}

/* A discovery by hand has reset our record to iscsid.conf's values: it is ours as it is
 * now, and gets its own values back when the discovery is over (architecture.md R). */
static void reclaim(struct ab_engine *e, struct ab_node *n)
{
	n->record.own_hash = n->record.hash;
	n->settings = ~n->settings; /* not written under these any more */
	n->record.backoff.next = ab_mono_add_ms(e->now, AB_RESTORE_MS);
	set_ledger(e, &n->record, AB_OWNER_OURS);
}

void ab_observe_node(const struct ab_step *s, const struct ab_event *ev)
{
	struct ab_engine *e = s->e;
	uint32_t slot = ab_world_add_node(e, &ev->node.key);
	struct ab_node *n = ab_node_at(e, slot);

	if (n->record.ledger == AB_OWNER_HELD)
		set_ledger(e, &n->record, AB_OWNER_FOREIGN);
	if (!observe(&n->record, ev->node.hash, ev->node.state))
		return;
	ab_world_claim_sessions(e, slot);
	ab_world_touch_target(e, n->target);
	/* With other values, another CHAP secret, it may go well. */
	if (n->login.is_denied && n->login.denied_hash != n->record.hash) {
		n->login.is_denied = false;
		ab_try_changed(e, &n->login.tries, false);
	}
	memcpy(n->netdev, ev->node.netdev, sizeof(n->netdev));
	memcpy(n->hwaddr, ev->node.hwaddr, sizeof(n->hwaddr));
	ab_observe_session_binding(e, n);
	if (ab_world_owner(&n->record) == AB_OWNER_MODIFIED && ev->node.by_discovery &&
	    n->record.state == AB_RECORD_OK && !n->record.job)
		reclaim(e, n);
	if (ab_world_owner(&n->record) == AB_OWNER_MODIFIED && !n->record.job)
		ab_plan_note(s, AB_NOTE_MODIFIED, NULL, &n->portal, ev->node.key.target,
			     0);
	touch_iface_users(e, ab_iface_at(e, n->iface));
}

/* A record of ours went, and not by us: what the administrator removed stays removed,
 * what a discovery by hand swept away is restored (architecture.md R). */
static bool hold(const struct ab_step *s, struct ab_record_item *r, bool by_discovery)
{
	bool was_delete = r->was_delete;

	r->was_delete = r->is_doubted = false;
	if (r->ledger != AB_OWNER_OURS || r->job)
		return false;
	if (was_delete) {
		/* We wanted to delete it, did not hear what came of it, and it
		 * is gone. */
		set_ledger(s->e, r, AB_OWNER_FOREIGN);
		return false;
	}
	if (by_discovery) {
		r->is_restoring = true;
		r->backoff.next = ab_mono_add_ms(s->e->now, AB_RESTORE_MS);
		return false;
	}
	set_ledger(s->e, r, AB_OWNER_HELD);
	return true;
}

static void iface_gone(const struct ab_step *s, uint32_t slot)
{
	struct ab_engine *e = s->e;
	struct ab_iface *f = ab_iface_at(e, slot);

	f->record.is_present = false;
	touch_iface_users(e, f);
	if (hold(s, &f->record, false))
		ab_plan_note(s, AB_NOTE_HELD, NULL, NULL, f->binding.iface, 0);
	/* Not ours, and gone: the port needs another one. */
	if (f->record.ledger == AB_OWNER_FOREIGN && !f->record.job &&
	    f->port != AB_NONE)
		ab_plan_use_iface(e, f->port, AB_NONE);
	else
		ab_world_release_iface(e, slot);
}

static void node_gone(const struct ab_step *s, uint32_t slot, bool by_discovery)
{
	struct ab_engine *e = s->e;
	struct ab_node *n = ab_node_at(e, slot);

	n->record.is_present = false;
	touch_iface_users(e, ab_iface_at(e, n->iface));
	ab_world_touch_target(e, n->target);
	if (hold(s, &n->record, by_discovery))
		ab_plan_note(s, AB_NOTE_HELD, NULL, &n->portal,
			     ab_target_at(e, n->target)->name, 0);
	ab_world_release_node(e, slot);
}

void ab_observe_iface_gone(const struct ab_step *s, const struct ab_event *ev)
{
	uint32_t slot = ab_world_find_iface(s->e, ev->iface.binding.iface);

	if (slot != AB_NONE && ab_iface_at(s->e, slot)->record.is_present)
		iface_gone(s, slot);
}

void ab_observe_node_gone(const struct ab_step *s, const struct ab_event *ev)
{
	uint32_t slot = ab_world_find_node_key(s->e, &ev->node.key);

	if (slot != AB_NONE && ab_node_at(s->e, slot)->record.is_present)
		node_gone(s, slot, ev->node.by_discovery);
}

/* Held, but there it is: logged in again while we were not there. */
static void ledger_of_session(struct ab_engine *e, const struct ab_ledger_entry *entry)
{
	struct ab_node *n = ab_node_at(e, ab_world_add_node(e, &entry->node));

	n->login.is_held = n->login.is_ledger_seen = true;
	if (n->login.session != AB_NONE)
		ab_observe_hold_session(e, n, false);
}

/* A time of the ledger; 0: never. */
static ab_mono boottime(const struct ab_engine *e, uint64_t ms)
{
	return ms ? ab_mono_min(ab_mono_add_ms(ab_mono_ns(0), (int64_t)ms), e->now)
		  : AB_MONO_NEVER;
}

/* What the ledger says of the end of a record whose port is gone. In another boot the
 * time counts anew from when the port is missed: that clock is over, devices may come
 * late, and a record that goes too early may be one that is still wanted. */
static void restore_retire(const struct ab_engine *e, struct ab_iface *f,
			   const struct ab_ledger_entry *entry)
{
	if (f->port != AB_NONE || f->record.is_ledger_due)
		return;
	f->retire_ms = entry->iface.can_retire ? (int64_t)entry->iface.retire_ms : -1;
	f->orphan_since = boottime(e, entry->iface.orphan_ms);
}

void ab_observe_ledger(const struct ab_step *s, const struct ab_ledger_entry *entry)
{
	struct ab_engine *e = s->e;
	struct ab_record_item *r;

	if (!ab_ledger_can_hold(entry))
		return;
	if (entry->kind == AB_LEDGER_SESSION) {
		ledger_of_session(e, entry);
		return;
	}
	if (entry->kind == AB_LEDGER_TRY) {
		ab_try_restore(s, entry);
		return;
	}
	if (entry->kind == AB_LEDGER_IFACE) {
		struct ab_iface *f =
			ab_iface_at(e, ab_world_add_iface(e, entry->iface.name));

		f->identity = entry->iface.port;
		restore_retire(e, f, entry);
		r = &f->record;
	} else {
		struct ab_node *n = ab_node_at(e, ab_world_add_node(e, &entry->node));

		n->settings = entry->settings;
		/* As with an iface record's port. */
		if (!n->is_wanted && !n->record.is_ledger_due)
			n->unwanted_since = boottime(e, entry->unwanted_ms);
		r = &n->record;
	}
	r->is_ledger_seen = true;
	r->ledger = entry->owner;
	r->own_hash = entry->hash;
	/* Held, but it is there: somebody made it again while we were not. */
	if (r->ledger == AB_OWNER_HELD && r->is_present)
		set_ledger(e, r, AB_OWNER_FOREIGN);
}

/* --- dumps --- */

void ab_observe_dump_begin(struct ab_engine *e, enum ab_source source)
{
	uint32_t i;

	if (source >= AB_SOURCE_MAX)
		return;
	e->is_dumping[source] = true;
	for (i = 0; i < e->ports.high && source == AB_SOURCE_RTNL; i++)
		ab_port_at(e, i)->link_seen = false;
	for (i = 0; i < e->ports.high && source == AB_SOURCE_UDEV; i++)
		ab_port_at(e, i)->udev_seen = false;
	for (i = 0; i < e->addrs.high && source == AB_SOURCE_RTNL; i++)
		ab_ifaddr_at(e, i)->is_seen = false;
	for (i = 0; i < e->ifaces.high && source == AB_SOURCE_RECORDS; i++)
		ab_iface_at(e, i)->record.is_seen = false;
	for (i = 0; i < e->nodes.high && source == AB_SOURCE_RECORDS; i++)
		ab_node_at(e, i)->record.is_seen = false;
	for (i = 0; i < e->ifaces.high && source == AB_SOURCE_LEDGER; i++)
		ab_iface_at(e, i)->record.is_ledger_seen = false;
	for (i = 0; i < e->nodes.high && source == AB_SOURCE_LEDGER; i++)
		ab_node_at(e, i)->record.is_ledger_seen =
			ab_node_at(e, i)->login.is_ledger_seen = false;
	if (source == AB_SOURCE_SESSIONS)
		ab_observe_sessions_begin(e);
}

/* A dump that began before events were lost may lack what they told. */
void ab_observe_stale(struct ab_engine *e, enum ab_source source)
{
	if (source < AB_SOURCE_MAX)
		e->is_fresh[source] = e->is_dumping[source] = false;
}

static void sweep_rtnl(const struct ab_step *s)
{
	struct ab_engine *e = s->e;
	uint32_t i;

	for (i = ab_table_next(e, &e->addrs, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->addrs, i)) {
		const struct ab_ifaddr_item *a = ab_ifaddr_at(e, i);

		if (a->is_present && !a->is_seen)
			lose_addr(e, i);
	}
	for (i = ab_table_next(e, &e->ports, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->ports, i))
		if (ab_port_at(e, i)->has_link && !ab_port_at(e, i)->link_seen)
			forget_port(s, i);
}

static void sweep_udev(struct ab_engine *e)
{
	uint32_t i;

	for (i = ab_table_next(e, &e->ports, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->ports, i))
		if (ab_port_at(e, i)->has_udev && !ab_port_at(e, i)->udev_seen)
			ab_observe_udev_gone(e, ab_port_at(e, i)->link.ifindex);
}

/* Also what the ledger names and nobody has seen is gone: removed while we were not
 * there. */
static bool is_missing(const struct ab_record_item *r)
{
	return !r->is_seen && (r->is_present || r->ledger == AB_OWNER_OURS) &&
	       !r->job && !r->is_awaited && !r->is_restoring;
}

/*
 * iscsiadm's discovery deletes records and writes them again: a listing that falls into
 * that lacks them, and no event will say why. So what is missing in a listing counts as
 * removed only when another one, AB_RESTORE_MS later, lacks it, too.
 */
static bool doubt(struct ab_engine *e, struct ab_record_item *r, bool is_confirmed)
{
	if (r->ledger != AB_OWNER_OURS || r->was_delete ||
	    (r->is_doubted && is_confirmed))
		return false;
	if (!r->is_doubted) {
		r->is_doubted = true;
		e->recheck_at = ab_mono_add_ms(e->now, AB_RESTORE_MS);
		e->is_recheck_asked = false;
	}
	return true;
}

static void disown(struct ab_record_item *r)
{
	r->ledger = AB_OWNER_FOREIGN;
	r->is_doubted = false;
}

/* What the ledger does not name is not ours, unless it has yet to be told. */
static void sweep_ledger(struct ab_engine *e)
{
	struct ab_record_item *r;
	uint32_t i;

	for (i = ab_table_next(e, &e->nodes, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->nodes, i)) {
		struct ab_login *l = &ab_node_at(e, i)->login;

		r = &ab_node_at(e, i)->record;
		if (!r->is_ledger_seen && !r->is_ledger_due)
			disown(r);
		if (!l->is_ledger_seen && !l->is_ledger_due)
			l->is_held = false;
		ab_world_release_node(e, i);
	}
	for (i = ab_table_next(e, &e->ifaces, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->ifaces, i)) {
		r = &ab_iface_at(e, i)->record;
		if (r->is_ledger_seen || r->is_ledger_due)
			continue;
		disown(r);
		ab_world_release_iface(e, i);
	}
}

/* A full look has been taken: what was not known is known. */
static void end_waits(struct ab_engine *e)
{
	uint32_t i;

	for (i = ab_table_next(e, &e->nodes, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->nodes, i))
		ab_node_at(e, i)->record.is_awaited = false;
	for (i = ab_table_next(e, &e->ifaces, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->ifaces, i))
		ab_iface_at(e, i)->record.is_awaited = false;
}

/* Not there, for all that is known so far. */
static void miss(struct ab_engine *e, struct ab_record_item *r,
		 const struct ab_iface *f)
{
	if (r->is_present)
		touch_iface_users(e, f);
	r->is_present = false;
}

/* @is_confirmed: this listing is the second one for those in doubt. */
static void sweep_records(const struct ab_step *s, bool is_confirmed)
{
	struct ab_engine *e = s->e;
	uint32_t i;

	for (i = ab_table_next(e, &e->nodes, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->nodes, i)) {
		struct ab_node *n = ab_node_at(e, i);

		if (!is_missing(&n->record))
			ab_world_release_node(e, i);
		else if (doubt(e, &n->record, is_confirmed))
			miss(e, &n->record, ab_iface_at(e, n->iface));
		else
			node_gone(s, i, false);
	}
	for (i = ab_table_next(e, &e->ifaces, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->ifaces, i)) {
		struct ab_iface *f = ab_iface_at(e, i);

		if (!is_missing(&f->record))
			ab_world_release_iface(e, i);
		else if (doubt(e, &f->record, is_confirmed))
			miss(e, &f->record, f);
		else
			iface_gone(s, i);
	}
}

/* All records have been listed. */
static void end_records(const struct ab_step *s)
{
	struct ab_engine *e = s->e;
	bool is_confirmed = ab_mono_reached(e->recheck_at, e->now);

	if (is_confirmed) {
		e->recheck_at = AB_MONO_NEVER;
		e->is_recheck_asked = false;
	}
	end_waits(e);
	sweep_records(s, is_confirmed);
}

void ab_observe_dump_end(const struct ab_step *s, const struct ab_event *ev)
{
	struct ab_engine *e = s->e;
	enum ab_source source = (enum ab_source)ev->dump.source;

	if (source >= AB_SOURCE_MAX || !e->is_dumping[source])
		return;
	switch (source) {
	case AB_SOURCE_RTNL:
		sweep_rtnl(s);
		break;
	case AB_SOURCE_UDEV:
		sweep_udev(e);
		break;
	case AB_SOURCE_RECORDS:
		end_records(s);
		break;
	case AB_SOURCE_LEDGER:
		e->is_ledger_unreadable = ev->dump.is_unreadable;
		e->has_tries = true;
		sweep_ledger(e);
		/* Only a whole listing shows what is missing. */
		if (e->is_fresh[AB_SOURCE_RECORDS] && !e->is_dumping[AB_SOURCE_RECORDS])
			sweep_records(s, false);
		break;
	case AB_SOURCE_SESSIONS:
		ab_observe_sessions_end(s);
		break;
	case AB_SOURCE_MAX:
		return;
	}
	e->is_dumping[source] = false;
	e->is_fresh[source] = true;
	ab_world_touch_all(e, true);
}

/* --- commands, policy --- */

/* Releases that were refused are tried again now. */
static void retry_releases(struct ab_engine *e)
{
	uint32_t i;

	for (i = ab_table_next(e, &e->sessions, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->sessions, i))
		ab_session_at(e, i)->backoff = (struct ab_backoff){ 0 };
}

/* What was refused or failed under the old policy may go well under the new one. */
static void pardon_record(struct ab_engine *e, struct ab_record_item *r)
{
	r->is_denied = false;
	ab_try_changed(e, &r->tries, false);
}

static void pardon_login(struct ab_engine *e, struct ab_login *l)
{
	l->is_denied = false;
	ab_try_changed(e, &l->tries, false);
}

void ab_observe_policy(const struct ab_step *s)
{
	struct ab_engine *e = s->e;
	bool is_same = ab_try_is_same_conf(s);
	uint32_t i;

	for (i = ab_table_next(e, &e->ports, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->ports, i))
		ab_desired_follow_set(s->set, ab_port_at(e, i));
	for (i = ab_table_next(e, &e->nodes, AB_NONE); i != AB_NONE && !is_same;
	     i = ab_table_next(e, &e->nodes, i)) {
		pardon_record(e, &ab_node_at(e, i)->record);
		pardon_login(e, &ab_node_at(e, i)->login);
		ab_world_release_node(e, i);
	}
	for (i = ab_table_next(e, &e->ifaces, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->ifaces, i)) {
		struct ab_iface *f = ab_iface_at(e, i);

		if (!is_same)
			pardon_record(e, &f->record);
		/* A name that nothing was written under yet may be another one now. */
		if (f->port != AB_NONE && !f->record.is_present && !f->record.job &&
		    !f->record.is_awaited && f->record.ledger == AB_OWNER_FOREIGN) {
			f->record.backoff = (struct ab_backoff){ 0 };
			ab_plan_use_iface(e, f->port, AB_NONE);
		} else {
			ab_world_release_iface(e, i);
		}
	}
	retry_releases(e);
	ab_world_touch_all(e, true);
	ab_world_touch_targets(e); /* a deny list may say Drain now */
}

static void apply_record(struct ab_engine *e, struct ab_record_item *r)
{
	r->is_doubted = false;
	r->backoff = (struct ab_backoff){ 0 };
	pardon_record(e, r);
	if (r->ledger == AB_OWNER_HELD)
		set_ledger(e, r, AB_OWNER_FOREIGN);
}

static void apply_login(struct ab_engine *e, struct ab_node *n)
{
	n->login.backoff = (struct ab_backoff){ 0 };
	pardon_login(e, &n->login);
	ab_observe_hold_session(e, n, false);
	ab_world_touch_target(e, n->target);
}

/* Does the scope have the port that uses the iface record? */
static bool is_iface_in(const struct ab_engine *e, const struct ab_scope *scope,
			const struct ab_iface *f)
{
	if (!scope->port[0])
		return !scope->portal.addr.family;
	return f->port != AB_NONE &&
	       ab_streq(ab_port_at_const(e, f->port)->link.name, scope->port);
}

/* The administrator wants it done now: nothing is held and nothing waits. */
static void apply(struct ab_engine *e, const struct ab_scope *scope)
{
	uint32_t i;

	for (i = ab_table_next(e, &e->nodes, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->nodes, i)) {
		if (!ab_session_is_in(e, scope, ab_node_at(e, i)))
			continue;
		apply_record(e, &ab_node_at(e, i)->record);
		apply_login(e, ab_node_at(e, i));
		ab_world_release_node(e, i);
	}
	for (i = ab_table_next(e, &e->ifaces, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->ifaces, i)) {
		if (!is_iface_in(e, scope, ab_iface_at(e, i)))
			continue;
		apply_record(e, &ab_iface_at(e, i)->record);
		ab_world_release_iface(e, i);
	}
	for (i = ab_table_next(e, &e->paths, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->paths, i))
		if (!ab_path_at(e, i)->discovery_job) {
			ab_path_at(e, i)->discovery =
				(struct ab_backoff){ .next = e->now };
			ab_try_changed(e, &ab_path_at(e, i)->tries, false);
		}
	ab_try_forget_pending(e);
	retry_releases(e);
	ab_world_touch_all(e, true);
}

void ab_observe_command(const struct ab_step *s, const struct ab_event *ev)
{
	struct ab_engine *e = s->e;

	switch ((enum ab_command_verb)ev->command.verb) {
	case AB_COMMAND_APPLY:
		apply(e, &ev->command.scope);
		return;
	case AB_COMMAND_PAUSE:
		e->is_paused_by_hand = true;
		break;
	case AB_COMMAND_RESUME:
		e->is_paused_by_hand = e->is_quiesced = false;
		break;
	case AB_COMMAND_QUIESCE:
		e->is_quiesced = true;
		break;
	case AB_COMMAND_UNQUIESCE:
		e->is_quiesced = false;
		break;
	case AB_COMMAND_MAX:
		return;
	}
	e->is_paused = e->is_paused_by_hand || e->is_quiesced;
	ab_world_touch_all(e, true);
}
