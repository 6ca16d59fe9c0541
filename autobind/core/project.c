/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ab_engine_project(): the state as far as it decides anything, as canonical text.
 *
 * Items come in the order of their keys, times as ranks among all future deadlines, and
 * what only people look at (statistics, stamps, job and slot numbers, jitter) is left
 * out.
 */
#include "core/engine.h"

#include <string.h>

#include "core/name.h"
#include "core/plan.h"
#include "core/session.h"
#include "core/try.h"
#include "core/world.h"

struct projection {
	const struct ab_engine *e;
	struct ab_text *t;
};

static ab_mono soak_end(const struct ab_port *p)
{
	return p->is_dirty && !p->is_urgent ? ab_plan_soak_end(p) : AB_MONO_NEVER;
}

static void each_node_deadline(const struct ab_node *n,
			       void (*fn)(void *arg, ab_mono t), void *arg)
{
	fn(arg, n->record.backoff.next);
	fn(arg, n->login.backoff.next);
}

/* Calls @fn with every time in the state that something may wait for. */
static void each_deadline(const struct ab_engine *e, void (*fn)(void *arg, ab_mono t),
			  void *arg)
{
	uint32_t i;

	fn(arg, e->orphans_due);
	fn(arg, e->recheck_at);
	for (i = ab_table_next(e, &e->ports, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->ports, i)) {
		fn(arg, ab_port_at_const(e, i)->due);
		fn(arg, soak_end(ab_port_at_const(e, i)));
		fn(arg, ab_port_at_const(e, i)->addr_settled[0]);
		fn(arg, ab_port_at_const(e, i)->addr_settled[1]);
	}
	for (i = ab_table_next(e, &e->paths, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->paths, i))
		fn(arg, ab_path_at_const(e, i)->discovery.next);
	for (i = 0; i < e->n_pending; i++)
		fn(arg, e->pending[i].backoff.next);
	for (i = ab_table_next(e, &e->ifaces, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->ifaces, i))
		fn(arg, ab_iface_at_const(e, i)->record.backoff.next);
	for (i = ab_table_next(e, &e->nodes, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->nodes, i))
		each_node_deadline(ab_node_at_const(e, i), fn, arg);
	for (i = ab_table_next(e, &e->sessions, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->sessions, i))
		fn(arg, ab_session_at_const(e, i)->backoff.next);
	for (i = ab_table_next(e, &e->targets, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->targets, i))
		fn(arg, ab_target_at_const(e, i)->due);
}

struct rank {
	ab_mono now, of;
	unsigned int n;
};

static void count_before(void *arg, ab_mono t)
{
	struct rank *r = arg;

	r->n += ab_mono_before(r->now, t) && ab_mono_before(t, r->of);
}

/* 0: reached; "-": never; else 1 + the number of deadlines before it. */
static void add_time(const struct projection *p, ab_mono t)
{
	struct rank r = { .now = p->e->now, .of = t };

	ab_text_addc(p->t, ' ');
	if (ab_mono_is_never(t)) {
		ab_text_addc(p->t, '-');
		return;
	}
	if (!ab_mono_reached(t, p->e->now)) {
		each_deadline(p->e, count_before, &r);
		r.n++;
	}
	ab_text_addu(p->t, r.n);
}

static void add_flag(const struct projection *p, const char *name, bool value)
{
	if (!value)
		return;
	ab_text_addc(p->t, ' ');
	ab_text_add(p->t, name);
}

static void add_number(const struct projection *p, const char *name, int64_t value)
{
	ab_text_addc(p->t, ' ');
	ab_text_add(p->t, name);
	ab_text_addi(p->t, value);
}

static void add_record(const struct projection *p, const struct ab_record_item *r)
{
	add_number(p, "state", r->state);
	add_number(p, "owner", ab_world_owner(r));
	add_flag(p, "present", r->is_present);
	add_flag(p, "awaited", r->is_awaited);
	add_flag(p, "deleting", r->was_delete);
	add_flag(p, "restoring", r->is_restoring);
	add_flag(p, "doubted", r->is_doubted);
	add_flag(p, "untold", r->is_ledger_due);
	add_flag(p, "failing", r->backoff.attempts != 0);
	add_flag(p, "denied", r->is_denied);
	add_flag(p, "told", r->tries.is_told);
	add_flag(p, "job", r->job != 0);
	add_time(p, r->backoff.next);
}

static int compare_found(const struct ab_engine *e, const struct ab_found *a,
			 const struct ab_found *b)
{
	int r = strcmp(ab_target_at_const(e, a->target)->name,
		       ab_target_at_const(e, b->target)->name);

	return r ? r : (a->tpgt > b->tpgt) - (a->tpgt < b->tpgt);
}

static void add_founds(const struct projection *p, const struct ab_path *path)
{
	const struct ab_found *after = NULL, *best;
	uint32_t k;

	do {
		best = NULL;
		for (k = path->first_found; k != AB_NONE;
		     k = ab_found_at_const(p->e, k)->next) {
			const struct ab_found *f = ab_found_at_const(p->e, k);

			if (after && compare_found(p->e, f, after) <= 0)
				continue;
			if (!best || compare_found(p->e, f, best) < 0)
				best = f;
		}
		if (best) {
			ab_text_add(p->t, " found ");
			ab_text_add(p->t, ab_target_at_const(p->e, best->target)->name);
			add_number(p, ",", best->tpgt);
			ab_text_add(p->t, " by ");
			if (best->source == AB_NONE)
				ab_text_addc(p->t, '-');
			else
				ab_name_add_portal(
					p->t,
					&ab_path_at_const(p->e, best->source)->portal);
		}
		after = best;
	} while (best);
}

static void add_path(const struct projection *p, const struct ab_path *path)
{
	const struct ab_health *h = &path->health;

	ab_text_add(p->t, " path ");
	ab_name_add_portal(p->t, &path->portal);
	add_number(p, "roles", path->roles);
	add_number(p, "verdict", path->verdict);
	add_number(p, "state", h->state);
	add_number(p, "answers", h->answers);
	add_number(p, "losses", h->losses);
	add_number(p, "slow", h->down_interval_ms);
	add_number(p, "route", path->route);
	add_flag(p, "asked", path->is_route_asked);
	add_flag(p, "stale", path->is_route_stale);
	add_flag(p, "over", path->is_over_limit);
	add_flag(p, "probed", path->is_probed);
	if (path->is_probed) {
		add_number(p, "by", path->probe_method);
		add_number(p, "every", path->probe_interval_ms);
		add_number(p, "within", path->probe_timeout_ms);
	}
	add_flag(p, "discovering", path->discovery_job != 0);
	add_flag(p, "told", path->discovery_ok_at.ns != 0);
	add_flag(p, "listed", path->is_listed);
	add_flag(p, "chap", path->asked_with != 0);
	add_flag(p, "failed", path->discovery_code != 0);
	add_flag(p, "told", path->tries.is_told);
	add_flag(p, "before", ab_try_is_of_before(path));
	add_time(p, path->discovery.next);
	add_founds(p, path);
	ab_text_addc(p->t, '\n');
}

static int compare_addr(const struct ab_ifaddr_item *a, const struct ab_ifaddr_item *b)
{
	return memcmp(&a->ifaddr.net, &b->ifaddr.net, sizeof(a->ifaddr.net));
}

static const struct ab_ifaddr_item *next_addr(const struct ab_engine *e,
					      const struct ab_port *port,
					      const struct ab_ifaddr_item *after)
{
	const struct ab_ifaddr_item *best = NULL;
	uint32_t i;

	for (i = port->first_addr; i != AB_NONE; i = ab_ifaddr_at_const(e, i)->next) {
		const struct ab_ifaddr_item *a = ab_ifaddr_at_const(e, i);

		if (after && compare_addr(a, after) <= 0)
			continue;
		if (!best || compare_addr(a, best) < 0)
			best = a;
	}
	return best;
}

static void add_port(const struct projection *p, const struct ab_port *port)
{
	const struct ab_ifaddr_item *a = NULL;
	uint32_t i;

	ab_text_add(p->t, "port ");
	ab_text_add(p->t, port->link.name);
	add_number(p, "type", port->link.type);
	add_number(p, "mtu", port->link.mtu);
	add_flag(p, "up", port->link.is_up);
	add_flag(p, "carrier", port->link.has_carrier);
	add_flag(p, "enslaved", port->link.master != 0);
	add_flag(p, "udev", port->has_udev && port->udev.is_initialized);
	add_flag(p, "dirty", port->is_dirty);
	add_flag(p, "urgent", port->is_urgent);
	add_flag(p, "contradicted", port->is_contradicted);
	add_number(p, "state", port->state);
	ab_text_addc(p->t, ' ');
	ab_text_add(p->t, port->policy >= 0 ? port->policy_name : "-");
	ab_text_addc(p->t, ' ');
	ab_text_add(p->t, port->iface != AB_NONE
				  ? ab_iface_at_const(p->e, port->iface)->binding.iface
				  : "-");
	add_time(p, port->due);
	add_time(p, soak_end(port));
	add_time(p, port->addr_settled[0]);
	add_time(p, port->addr_settled[1]);
	ab_text_addc(p->t, '\n');
	while ((a = next_addr(p->e, port, a))) {
		ab_text_add(p->t, " addr ");
		ab_name_add_net(p->t, &a->ifaddr.net);
		add_flag(p, "present", a->is_present);
		add_flag(p, "usable", ab_world_addr_is_usable(a));
		ab_text_addc(p->t, '\n');
	}
	for (i = port->first_path; i != AB_NONE; i = ab_path_at_const(p->e, i)->next)
		add_path(p, ab_path_at_const(p->e, i));
}

static void add_ports(const struct projection *p)
{
	const char *after = NULL;

	for (;;) {
		const struct ab_port *best = NULL;
		uint32_t i;

		for (i = ab_table_next(p->e, &p->e->ports, AB_NONE); i != AB_NONE;
		     i = ab_table_next(p->e, &p->e->ports, i)) {
			const struct ab_port *port = ab_port_at_const(p->e, i);

			if (!port->has_link ||
			    (after && strcmp(port->link.name, after) <= 0))
				continue;
			if (!best || strcmp(port->link.name, best->link.name) < 0)
				best = port;
		}
		if (!best)
			return;
		add_port(p, best);
		after = best->link.name;
	}
}

static void add_iface(const struct projection *p, const struct ab_iface *f)
{
	ab_text_add(p->t, "iface ");
	ab_text_add(p->t, f->binding.iface);
	ab_text_addc(p->t, ' ');
	ab_text_add(p->t, f->binding.netdev);
	ab_text_addc(p->t, '/');
	ab_text_add(p->t, f->binding.hwaddr);
	ab_text_addc(p->t, '/');
	ab_text_add(p->t, f->binding.initiatorname);
	add_record(p, &f->record);
	add_flag(p, "used", f->port != AB_NONE);
	add_flag(p, "orphaned", !ab_mono_is_never(f->orphan_since));
	add_number(p, "unbind", f->release.unbind);
	add_number(p, "keep", f->release.min_paths);
	add_flag(p, "left", !ab_mono_is_never(f->release.since));
	add_number(p, "retire", f->port == AB_NONE ? f->retire_ms : -1);
	ab_text_addc(p->t, '\n');
}

static int compare_node(const struct ab_engine *e, const struct ab_node *a,
			const struct ab_node *b)
{
	int r = strcmp(ab_target_at_const(e, a->target)->name,
		       ab_target_at_const(e, b->target)->name);

	if (!r)
		r = ab_portal_compare(&a->portal, &b->portal);
	if (!r)
		r = (a->tpgt > b->tpgt) - (a->tpgt < b->tpgt);
	if (!r)
		r = strcmp(ab_iface_at_const(e, a->iface)->binding.iface,
			   ab_iface_at_const(e, b->iface)->binding.iface);
	return r;
}

/* Its sessions in the order of their numbers, which themselves mean nothing. */
static void add_sessions(const struct projection *p, const struct ab_node *n)
{
	const struct ab_session_item *after = NULL, *best;
	uint32_t i;

	do {
		best = NULL;
		for (i = n->login.session; i != AB_NONE;
		     i = ab_session_at_const(p->e, i)->next) {
			const struct ab_session_item *item =
				ab_session_at_const(p->e, i);

			if (after && item->session.sid <= after->session.sid)
				continue;
			if (!best || item->session.sid < best->session.sid)
				best = item;
		}
		if (best) {
			add_number(p, "session", best->session.state);
			add_number(p, "disks", best->session.n_disks);
			add_number(p, "mapped", best->session.n_mapped);
			add_number(p, "known", best->n_known);
			add_number(p, "guard", best->guard);
			add_flag(p, "outdated", ab_session_is_outdated(n, best));
			add_flag(p, "intact", best->is_intact);
			add_flag(p, "firmware", best->session.is_firmware);
			add_flag(p, "leaving", best->job != 0);
			add_flag(p, "left", best->is_awaited);
			add_flag(p, "kept", best->backoff.attempts != 0);
			add_time(p, best->backoff.next);
		}
		after = best;
	} while (best);
}

static void add_login(const struct projection *p, const struct ab_node *n)
{
	const struct ab_login *l = &n->login;

	add_flag(p, "wanted", ab_world_login_path(p->e, n) != AB_NONE);
	add_flag(p, "chosen", l->is_chosen);
	add_flag(p, "refused", l->is_denied);
	add_flag(p, "unsure", l->is_awaited);
	add_flag(p, "ended", l->is_held);
	add_flag(p, "unsaid", l->is_ledger_due);
	add_flag(p, "login", l->job != 0);
	add_flag(p, "trying", l->backoff.attempts != 0);
	add_flag(p, "noted", l->tries.is_told);
	add_time(p, l->backoff.next);
	add_sessions(p, n);
}

static void add_node(const struct projection *p, const struct ab_node *n)
{
	ab_text_add(p->t, "node ");
	ab_text_add(p->t, ab_target_at_const(p->e, n->target)->name);
	ab_text_addc(p->t, ' ');
	ab_name_add_portal(p->t, &n->portal);
	add_number(p, ",", n->tpgt);
	ab_text_addc(p->t, ' ');
	ab_text_add(p->t, ab_iface_at_const(p->e, n->iface)->binding.iface);
	ab_text_addc(p->t, ' ');
	ab_text_add(p->t, n->netdev);
	ab_text_addc(p->t, '/');
	ab_text_add(p->t, n->hwaddr);
	ab_text_addc(p->t, ' ');
	ab_text_addx(p->t, n->settings, 1);
	add_flag(p, "unwanted", !ab_mono_is_never(n->unwanted_since));
	add_record(p, &n->record);
	add_login(p, n);
	ab_text_addc(p->t, '\n');
}

static void add_ifaces(const struct projection *p)
{
	const struct ab_iface *after = NULL, *best;
	uint32_t i;

	do {
		best = NULL;
		for (i = ab_table_next(p->e, &p->e->ifaces, AB_NONE); i != AB_NONE;
		     i = ab_table_next(p->e, &p->e->ifaces, i)) {
			const struct ab_iface *f = ab_iface_at_const(p->e, i);

			if (after &&
			    strcmp(f->binding.iface, after->binding.iface) <= 0)
				continue;
			if (!best || strcmp(f->binding.iface, best->binding.iface) < 0)
				best = f;
		}
		if (best)
			add_iface(p, best);
		after = best;
	} while (best);
}

static void add_target(const struct projection *p, const struct ab_target *t)
{
	ab_text_add(p->t, "target ");
	ab_text_add(p->t, t->name);
	add_flag(p, "dirty", t->is_dirty);
	add_flag(p, "gated", t->is_gated);
	add_flag(p, "waits", t->waits_for_job);
	/* Each plan works it out anew; where it gates nothing it means nothing. */
	if (t->is_gated)
		add_number(p, "gate", t->gate);
	add_time(p, t->due);
	ab_text_addc(p->t, '\n');
}

/* In the order of the ledger, which a run keeps. */
static void add_pending(const struct projection *p)
{
	uint32_t i;

	for (i = 0; i < p->e->n_pending; i++) {
		const struct ab_pending_try *try = &p->e->pending[i];

		ab_text_add(p->t, "pending ");
		ab_text_add(p->t, try->netdev);
		ab_text_addc(p->t, ' ');
		ab_name_add_portal(p->t, &try->portal);
		add_number(p, "code", try->code);
		add_time(p, try->backoff.next);
		ab_text_addc(p->t, '\n');
	}
}

static void add_targets(const struct projection *p)
{
	const struct ab_target *after = NULL, *best;
	uint32_t i;

	do {
		best = NULL;
		for (i = ab_table_next(p->e, &p->e->targets, AB_NONE); i != AB_NONE;
		     i = ab_table_next(p->e, &p->e->targets, i)) {
			const struct ab_target *t = ab_target_at_const(p->e, i);

			if (after && strcmp(t->name, after->name) <= 0)
				continue;
			if (!best || strcmp(t->name, best->name) < 0)
				best = t;
		}
		if (best)
			add_target(p, best);
		after = best;
	} while (best);
}

static void add_nodes(const struct projection *p)
{
	const struct ab_node *after = NULL, *best;
	uint32_t i;

	do {
		best = NULL;
		for (i = ab_table_next(p->e, &p->e->nodes, AB_NONE); i != AB_NONE;
		     i = ab_table_next(p->e, &p->e->nodes, i)) {
			const struct ab_node *n = ab_node_at_const(p->e, i);

			if (after && compare_node(p->e, n, after) <= 0)
				continue;
			if (!best || compare_node(p->e, n, best) < 0)
				best = n;
		}
		if (best)
			add_node(p, best);
		after = best;
	} while (best);
}

size_t ab_engine_project(const struct ab_engine *e, char *buf, size_t size)
{
	struct ab_text t;
	struct projection p = { .e = e, .t = &t };
	unsigned int i;

	ab_text_init(&t, buf, size);
	for (i = 0; i < AB_SOURCE_MAX; i++) {
		add_flag(&p, "fresh", e->is_fresh[i]);
		add_flag(&p, "dumping", e->is_dumping[i]);
		add_flag(&p, "resync", e->wants_resync[i]);
	}
	add_flag(&p, "paused", e->is_paused_by_hand);
	add_flag(&p, "quiesced", e->is_quiesced);
	add_flag(&p, "blind", e->is_ledger_unreadable);
	add_number(&p, "multipath", e->multipath);
	add_time(&p, e->orphans_due);
	add_time(&p, e->recheck_at);
	add_flag(&p, "rechecking", e->is_recheck_asked);
	ab_text_addc(&t, '\n');
	add_ports(&p);
	add_ifaces(&p);
	add_targets(&p);
	add_nodes(&p);
	add_pending(&p);
	return t.cut ? size + 1 : t.len;
}
