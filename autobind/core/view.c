/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/view.h"

#include <string.h>

#include "core/name.h"
#include "core/session.h"
#include "core/view_text.h"
#include "core/view_walk.h"

/* --- rows --- */

bool ab_view_is_satisfied(const struct ab_port *p)
{
	return p->state == AB_PORT_STATE_BOUND || p->state == AB_PORT_STATE_IGNORED;
}

/* Has some target fewer sessions than SessionsPerTarget is content with? */
static bool lacks_sessions(const struct ab_view *v)
{
	const struct ab_engine *e = v->e;
	uint32_t i, k;

	for (i = ab_table_next(e, &e->targets, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->targets, i)) {
		uint32_t least = 0, n = 0;

		for (k = ab_target_at_const(e, i)->first_node; k != AB_NONE;
		     k = ab_node_at_const(e, k)->target_next) {
			const struct ab_node *node = ab_node_at_const(e, k);
			const struct ab_policy *pol =
				ab_session_policy(e, v->set, node);

			if (pol && pol->sessions_min > least)
				least = pol->sessions_min;
			n += node->login.session != AB_NONE &&
			     ab_session_verdict(e, v->set, node) == AB_LOGIN_LOGGED_IN;
		}
		if (n < least)
			return true;
	}
	return false;
}

enum ab_overall ab_view_overall(const struct ab_view *v)
{
	const struct ab_engine *e = v->e;
	enum ab_overall worst = AB_OVERALL_OK;
	bool any = false;
	uint32_t i;

	for (i = ab_table_next(e, &e->ports, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->ports, i)) {
		const struct ab_port *p = ab_port_at_const(e, i);

		if (p->policy < 0)
			continue;
		any = true;
		if (ab_view_is_satisfied(p))
			continue;
		if (p->state != AB_PORT_STATE_PARTIAL)
			return AB_OVERALL_BAD;
		worst = AB_OVERALL_PARTIAL;
	}
	if (lacks_sessions(v))
		return AB_OVERALL_BAD;
	return any ? worst : AB_OVERALL_IDLE;
}

bool ab_view_is_settled(const struct ab_engine *e)
{
	uint32_t i;

	if (e->n_writes || e->n_logins || e->is_ledger_dirty || e->is_starved)
		return false;
	for (i = ab_table_next(e, &e->ifaces, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->ifaces, i))
		if (ab_iface_at_const(e, i)->record.wish != AB_WISH_NONE)
			return false;
	for (i = ab_table_next(e, &e->nodes, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->nodes, i))
		if (ab_node_at_const(e, i)->record.wish != AB_WISH_NONE)
			return false;
	return true;
}

bool ab_view_has_wanted(const struct ab_view *v, const struct ab_scope *scope)
{
	enum ab_overall overall = ab_view_overall(v);
	const struct ab_port *p = NULL;

	if (!ab_view_is_settled(v->e))
		return false;
	if (!scope->port[0])
		return overall == AB_OVERALL_OK || overall == AB_OVERALL_IDLE;
	while ((p = ab_view_next_port(v->e, p)))
		if (ab_streq(p->link.name, scope->port))
			return !p->is_dirty && p->state != AB_PORT_STATE_PENDING &&
			       (p->policy < 0 || ab_view_is_satisfied(p));
	return true;
}

bool ab_view_is_complete(const struct ab_engine *e)
{
	unsigned int i;

	for (i = 0; i < AB_SOURCE_MAX; i++)
		if (!e->is_fresh[i])
			return false;
	return true;
}

bool ab_view_is_paused(const struct ab_engine *e)
{
	return e->is_paused;
}

bool ab_view_is_acting(const struct ab_engine *e)
{
	return e->n_writes > 0 || e->n_logins > 0;
}

static const char *const multipath_words[AB_MULTIPATH_MAX] = {
	[AB_MULTIPATH_UNKNOWN] = "not known",
	[AB_MULTIPATH_ABSENT] = "does not run",
	[AB_MULTIPATH_STRICT] = "running, find_multipaths strict",
	[AB_MULTIPATH_READY] = "running",
};

void ab_view_head(const struct ab_view *v, struct ab_row *row)
{
	static const char *const words[] = {
		[AB_OVERALL_OK] = "ok",
		[AB_OVERALL_PARTIAL] = "partial",
		[AB_OVERALL_BAD] = "bad",
		[AB_OVERALL_IDLE] = "idle",
	};
	/* Watching only is nothing to be at ease about. */
	enum ab_overall overall = v->set ? ab_view_overall(v) : AB_OVERALL_BAD;
	uint32_t i, up = 0, all = 0, taken = 0;

	if (v->e->is_ledger_unreadable && overall != AB_OVERALL_BAD)
		overall = AB_OVERALL_PARTIAL;
	for (i = ab_table_next(v->e, &v->e->ports, AB_NONE); i != AB_NONE;
	     i = ab_table_next(v->e, &v->e->ports, i)) {
		const struct ab_port *p = ab_port_at_const(v->e, i);

		taken += p->policy >= 0;
		up += p->n_up;
		all += p->n_wanted;
	}
	ab_row_number(row, "generation", v->set ? v->set->generation : 0);
	ab_row_number(row, "policies", v->set ? v->set->n_policies : 0);
	ab_row_number(row, "ports", taken);
	ab_row_number(row, "paths_up", up);
	ab_row_number(row, "paths_all", all);
	ab_row_number(row, "sessions", v->e->sessions.live);
	ab_row_text(row, "multipathd",
		    multipath_words[v->e->multipath < AB_MULTIPATH_MAX
					    ? v->e->multipath
					    : AB_MULTIPATH_UNKNOWN]);
	ab_row_bool(row, "paused", v->e->is_paused_by_hand);
	ab_row_bool(row, "quiesced", v->e->is_quiesced);
	ab_row_bool(row, "additions_only", v->e->is_ledger_unreadable);
	ab_row_text(row, "overall", words[overall]);
}

/* Of one port in a row; `explain` tells them all. */
#define ADDRESSES_MAX 16

static void add_addresses(struct ab_row *row, const struct ab_engine *e,
			  const struct ab_port *p)
{
	struct ab_text t = ab_row_begin_text(row, "addresses");
	uint32_t i, n = 0;

	for (i = p->first_addr; i != AB_NONE; i = ab_ifaddr_at_const(e, i)->next) {
		const struct ab_ifaddr_item *a = ab_ifaddr_at_const(e, i);

		if (!a->is_present || !ab_world_addr_is_usable(a))
			continue;
		if (++n > ADDRESSES_MAX)
			continue;
		if (t.len)
			ab_text_addc(&t, ' ');
		ab_name_add_net(&t, &a->ifaddr.net);
	}
	if (n > ADDRESSES_MAX) {
		ab_text_add(&t, " and ");
		ab_text_addu(&t, n - ADDRESSES_MAX);
		ab_text_add(&t, " more");
	}
	ab_row_end_text(row, &t);
}

static void port_row(const struct ab_view *v, const struct ab_port *p,
		     struct ab_row *row)
{
	struct ab_text t;

	ab_row_clear(row);
	ab_row_text(row, "row", "port");
	ab_row_foreign(row, "port", p->link.name);
	ab_row_text(row, "type", ab_port_type_name((enum ab_port_type)p->link.type));
	t = ab_row_begin_text(row, "mac");
	ab_name_add_hwaddr(&t, &p->link.hwaddr);
	ab_row_end_text(row, &t);
	ab_row_foreign(row, "driver", p->udev.driver);
	ab_row_number(row, "mtu", p->link.mtu);
	add_addresses(row, v->e, p);
	if (p->policy >= 0)
		ab_row_text(row, "policy", p->policy_name);
	else
		ab_row_null(row, "policy");
	ab_row_text(row, "state", ab_view_port_state(p->state));
	ab_row_number(row, "since_ms", ab_mono_ms_between(p->changed_at, v->now));
	if (p->iface != AB_NONE)
		ab_row_text(row, "iface",
			    ab_iface_at_const(v->e, p->iface)->binding.iface);
	else
		ab_row_null(row, "iface");
	ab_row_number(row, "portals_up", p->n_up);
	ab_row_number(row, "portals_all", p->n_wanted);
	ab_row_number(row, "records", p->n_records);
	ab_row_number(row, "records_wanted", p->n_records_wanted);
	if (v->set && p->policy >= 0 && !v->e->config.no_login &&
	    v->set->policies[p->policy].action == AB_ACTION_LOGIN) {
		ab_row_number(row, "sessions", p->n_sessions);
		ab_row_number(row, "sessions_wanted", p->n_sessions_wanted);
	} else {
		ab_row_null(row, "sessions");
		ab_row_null(row, "sessions_wanted");
	}
	t = ab_row_begin_text(row, "reason");
	(void)ab_view_add_port_reason(&t, v, p);
	ab_row_end_text(row, &t);
}

const struct ab_port *ab_view_next_port(const struct ab_engine *e,
					const struct ab_port *after)
{
	const struct ab_port *best = NULL;
	uint32_t i;

	for (i = ab_table_next(e, &e->ports, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->ports, i)) {
		const struct ab_port *p = ab_port_at_const(e, i);

		if (!p->has_link || p->link.type == AB_PORT_LOOPBACK ||
		    (after && strcmp(p->link.name, after->link.name) <= 0))
			continue;
		if (!best || strcmp(p->link.name, best->link.name) < 0)
			best = p;
	}
	return best;
}

/* --- tables --- */

static bool is_asked_for(const char *filter, const char *name)
{
	return !filter || !*filter || ab_streq(filter, name);
}

uint32_t ab_view_ports(const struct ab_view *v, const char *port)
{
	struct ab_view_walk w = { .v = v };
	const struct ab_port *p = NULL;
	struct ab_row row;

	while (!ab_view_is_over(&w) && (p = ab_view_next_port(v->e, p))) {
		if (!is_asked_for(port, p->link.name) || !ab_view_take(&w))
			continue;
		port_row(v, p, &row);
		v->fn(v->arg, &row);
	}
	return w.n;
}

static void add_path_cells(const struct ab_view *v, const struct ab_path *path,
			   struct ab_row *row)
{
	const struct ab_health *h = &path->health;
	struct ab_text t;

	ab_row_portal(row, "portal", &path->portal);
	ab_row_text(row, "state", ab_path_state_name((enum ab_path_state)h->state));
	ab_row_number(row, "since_ms", ab_mono_ms_between(h->since, v->now));
	if (h->has_rtt && h->state == AB_PATH_UP)
		ab_row_number(row, "rtt_us", h->rtt_us);
	else
		ab_row_null(row, "rtt_us");
	ab_row_number(row, "probes", h->n_sent);
	ab_row_number(row, "lost", h->n_lost);
	if (h->n_sent)
		ab_row_number(row, "loss", (int64_t)h->n_lost * 100 / h->n_sent);
	else
		ab_row_null(row, "loss");
	if (path->is_probed)
		ab_row_number(row, "interval_ms", path->probe_interval_ms);
	else
		ab_row_null(row, "interval_ms");
	t = ab_row_begin_text(row, "role");
	ab_text_add(&t, path->roles & AB_ROLE_DISCOVERY ? "discovery" : "");
	if (path->roles == (AB_ROLE_DISCOVERY | AB_ROLE_TARGET))
		ab_text_addc(&t, ' ');
	ab_text_add(&t, path->roles & AB_ROLE_TARGET ? "target" : "");
	ab_row_end_text(row, &t);
	t = ab_row_begin_text(row, "reason");
	(void)ab_view_add_path_reason(&t, v, path);
	ab_row_end_text(row, &t);
}

uint32_t ab_view_paths(const struct ab_view *v, const char *port)
{
	struct ab_view_walk w = { .v = v };
	const struct ab_port *p = NULL;
	struct ab_row row;
	uint32_t i;

	while (!ab_view_is_over(&w) && (p = ab_view_next_port(v->e, p))) {
		if (!is_asked_for(port, p->link.name))
			continue;
		for (i = p->first_path; i != AB_NONE && !ab_view_is_over(&w);
		     i = ab_path_at_const(v->e, i)->next) {
			if (!ab_view_take(&w))
				continue;
			ab_row_clear(&row);
			ab_row_foreign(&row, "port", p->link.name);
			add_path_cells(v, ab_path_at_const(v->e, i), &row);
			v->fn(v->arg, &row);
		}
	}
	return w.n;
}

/* What all ports know of one portal. */
struct portal_sum {
	uint32_t first; /* slot of the path that stands for the portal in a table */
	uint32_t up, all, targets;
};

static struct portal_sum sum_portal(const struct ab_engine *e,
				    const struct ab_portal *portal)
{
	struct portal_sum sum = { .first = AB_NONE };
	uint32_t i, k, slot;

	for (i = ab_table_next(e, &e->ports, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->ports, i)) {
		const struct ab_path *path;
		uint32_t n = 0;

		slot = ab_world_find_path(e, i, portal);
		if (slot == AB_NONE)
			continue;
		if (sum.first == AB_NONE)
			sum.first = slot;
		path = ab_path_at_const(e, slot);
		sum.all += ab_path_is_wanted(path);
		sum.up += path->health.state == AB_PATH_UP;
		for (k = path->first_found; k != AB_NONE;
		     k = ab_found_at_const(e, k)->next)
			n++;
		sum.targets = n > sum.targets ? n : sum.targets;
	}
	return sum;
}

uint32_t ab_view_portals(const struct ab_view *v)
{
	struct ab_view_walk w = { .v = v };
	struct ab_row row;
	uint32_t i;

	for (i = ab_table_next(v->e, &v->e->paths, AB_NONE); i != AB_NONE;
	     i = ab_table_next(v->e, &v->e->paths, i)) {
		const struct ab_path *path = ab_path_at_const(v->e, i);
		struct portal_sum sum = sum_portal(v->e, &path->portal);

		if (ab_view_is_over(&w))
			break;
		if (sum.first != i || !ab_view_take(&w))
			continue;
		ab_row_clear(&row);
		ab_row_portal(&row, "portal", &path->portal);
		ab_row_number(&row, "ports_up", sum.up);
		ab_row_number(&row, "ports_all", sum.all);
		ab_row_number(&row, "targets", sum.targets);
		v->fn(v->arg, &row);
	}
	return w.n;
}

/* Is it a record, on disk or in the ledger, or only a name that others mention? */
static bool is_record(const struct ab_record_item *r)
{
	return r->is_present || r->job || r->ledger != AB_OWNER_FOREIGN;
}

/* The last cells of a row about a record, and its port, or "". */
static void add_record_cells(const struct ab_view *v, const struct ab_record_item *r,
			     const char *port, struct ab_row *row)
{
	struct ab_text t;

	ab_row_text(row, "owner", ab_view_owner(ab_world_owner(r)));
	ab_row_text(row, "state", ab_view_record_state(r));
	if (*port)
		ab_row_foreign(row, "port", port);
	else
		ab_row_null(row, "port");
	t = ab_row_begin_text(row, "reason");
	(void)ab_view_add_record_reason(&t, v, r);
	ab_row_end_text(row, &t);
}

/* Name of the port that uses an iface, or "". */
static const char *port_of(const struct ab_engine *e, const struct ab_iface *f)
{
	return f->port != AB_NONE ? ab_port_at_const(e, f->port)->link.name : "";
}

uint32_t ab_view_ifaces(const struct ab_view *v)
{
	struct ab_view_walk w = { .v = v };
	struct ab_row row;
	uint32_t i;

	for (i = ab_table_next(v->e, &v->e->ifaces, AB_NONE); i != AB_NONE;
	     i = ab_table_next(v->e, &v->e->ifaces, i)) {
		const struct ab_iface *f = ab_iface_at_const(v->e, i);

		if (ab_view_is_over(&w))
			break;
		if (!is_record(&f->record) || !ab_view_take(&w))
			continue;
		ab_row_clear(&row);
		ab_row_foreign(&row, "iface", f->binding.iface);
		ab_row_foreign(&row, "transport", f->binding.transport);
		ab_row_foreign(&row, "netdev", f->binding.netdev);
		ab_row_foreign(&row, "hwaddress", f->binding.hwaddr);
		ab_row_foreign(&row, "initiatorname", f->binding.initiatorname);
		add_record_cells(v, &f->record, port_of(v->e, f), &row);
		v->fn(v->arg, &row);
	}
	return w.n;
}

uint32_t ab_view_nodes(const struct ab_view *v, const char *port)
{
	struct ab_view_walk w = { .v = v };
	struct ab_row row;
	uint32_t i;

	for (i = ab_table_next(v->e, &v->e->nodes, AB_NONE); i != AB_NONE;
	     i = ab_table_next(v->e, &v->e->nodes, i)) {
		const struct ab_node *node = ab_node_at_const(v->e, i);
		const struct ab_iface *f = ab_iface_at_const(v->e, node->iface);
		const char *name = port_of(v->e, f);

		if (ab_view_is_over(&w))
			break;
		if (!is_record(&node->record) || !is_asked_for(port, name) ||
		    !ab_view_take(&w))
			continue;
		ab_row_clear(&row);
		ab_row_foreign(&row, "target",
			       ab_target_at_const(v->e, node->target)->name);
		ab_row_portal(&row, "portal", &node->portal);
		ab_row_number(&row, "tpgt", node->tpgt);
		ab_row_foreign(&row, "iface", f->binding.iface);
		add_record_cells(v, &node->record, name, &row);
		v->fn(v->arg, &row);
	}
	return w.n;
}

/* --- notes and plans --- */

void ab_view_note(const struct ab_effect *note, struct ab_row *row)
{
	struct ab_text t;

	ab_row_text(row, "what", ab_view_note_name((enum ab_note)note->note.what));
	ab_row_foreign(row, "port", note->note.port);
	if (note->note.portal.addr.family)
		ab_row_portal(row, "portal", &note->note.portal);
	else
		ab_row_null(row, "portal");
	ab_row_foreign(row, "name", note->note.name);
	t = ab_row_begin_text(row, "text");
	ab_view_note_text(&t, note);
	ab_row_end_text(row, &t);
}

void ab_view_add_node_key(struct ab_text *t, const struct ab_node_key *key)
{
	ab_view_add_foreign(t, key->target);
	ab_text_addc(t, ' ');
	ab_name_add_portal(t, &key->portal);
	ab_text_addc(t, ',');
	ab_text_addi(t, key->tpgt);
	if (!key->iface[0])
		return;
	ab_text_add(t, " via ");
	ab_view_add_foreign(t, key->iface);
}

/* The binding that an effect on a record or on a session is about. */
static const struct ab_node_key *binding_of(const struct ab_effect *ef)
{
	if (ef->type == AB_EF_LOGIN)
		return &ef->login.key;
	return ef->type == AB_EF_LOGOUT ? &ef->logout.key : &ef->node.key;
}

static void plan_binding(const struct ab_effect *ef, struct ab_row *row)
{
	struct ab_text t = ab_row_begin_text(row, "object");

	ab_view_add_node_key(&t, binding_of(ef));
	ab_row_end_text(row, &t);
}

bool ab_view_plan(const struct ab_effect *ef, struct ab_row *row)
{
	static const char *const kinds[AB_EF_MAX] = {
		[AB_EF_PROBE_SET] = "probe",   [AB_EF_DISCOVER] = "discover",
		[AB_EF_IFACE_WRITE] = "iface", [AB_EF_IFACE_DELETE] = "iface",
		[AB_EF_NODE_WRITE] = "node",   [AB_EF_NODE_DELETE] = "node",
		[AB_EF_LOGIN] = "session",     [AB_EF_LOGOUT] = "session",
	};
	bool is_delete = ef->type == AB_EF_IFACE_DELETE ||
			 ef->type == AB_EF_NODE_DELETE || ef->type == AB_EF_LOGOUT;
	bool is_update = (ef->type == AB_EF_IFACE_WRITE && ef->iface.is_update) ||
			 (ef->type == AB_EF_NODE_WRITE && ef->node.is_update);

	if (!kinds[ef->type])
		return false;
	ab_row_clear(row);
	ab_row_text(row, "op", is_delete ? "-" : is_update ? "~" : "+");
	ab_row_text(row, "kind", kinds[ef->type]);
	if (ef->type == AB_EF_PROBE_SET) {
		ab_row_portal(row, "object", &ef->probe.portal);
		ab_row_foreign(row, "port", ef->probe.netdev);
	} else if (ef->type == AB_EF_DISCOVER) {
		ab_row_portal(row, "object", &ef->discover.portal);
		ab_row_foreign(row, "port", ef->discover.netdev);
	} else if (ef->type == AB_EF_IFACE_WRITE || ef->type == AB_EF_IFACE_DELETE) {
		ab_row_foreign(row, "object", ef->iface.binding.iface);
		ab_row_foreign(row, "port", ef->iface.binding.netdev);
	} else {
		plan_binding(ef, row);
		ab_row_null(row, "port");
	}
	return true;
}
