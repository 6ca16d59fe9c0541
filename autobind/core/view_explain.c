/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/view.h"

#include <errno.h>

#include "core/name.h"
#include "core/session.h"
#include "core/view_text.h"

/* Portals and bindings that are told: an answer is sent in one piece, and read. */
#define LINES_MAX 512

/* One line of an explanation: begin, add text to the returned one, end. */
static struct ab_text begin_line(struct ab_row *row, const char *topic)
{
	ab_row_clear(row);
	ab_row_text(row, "topic", topic);
	return ab_row_begin_text(row, "text");
}

/* Takes back what was added behind @len. */
static void cut_back(struct ab_text *t, size_t len)
{
	t->len = len;
	t->buf[len] = '\0';
}

static void end_line(const struct ab_view *v, struct ab_row *row,
		     const struct ab_text *t)
{
	ab_row_end_text(row, t);
	v->fn(v->arg, row);
}

static void explain_port(const struct ab_view *v, const struct ab_port *p)
{
	struct ab_row row;
	struct ab_text t = begin_line(&row, "port");
	uint32_t i;

	ab_view_add_foreign(&t, p->link.name);
	ab_text_add(&t, "  mac ");
	ab_name_add_hwaddr(&t, &p->link.hwaddr);
	ab_text_add(&t, "  ");
	ab_text_add(&t, ab_port_type_name((enum ab_port_type)p->link.type));
	if (p->udev.driver[0]) {
		ab_text_add(&t, "  ");
		ab_view_add_foreign(&t, p->udev.driver);
	}
	ab_text_add(&t, "  mtu ");
	ab_text_addu(&t, p->link.mtu);
	ab_text_add(&t, p->link.is_up && p->link.has_carrier ? "  UP" : "  DOWN");
	end_line(v, &row, &t);
	for (i = p->first_addr; i != AB_NONE; i = ab_ifaddr_at_const(v->e, i)->next) {
		const struct ab_ifaddr_item *a = ab_ifaddr_at_const(v->e, i);

		t = begin_line(&row, "address");
		ab_name_add_net(&t, &a->ifaddr.net);
		/* A duplicate stays tentative, too. */
		ab_text_add(&t, !a->is_present		      ? " (gone, remembered)"
				: a->ifaddr.is_failed	      ? " (duplicate)"
				: a->ifaddr.is_tentative      ? " (tentative)"
				: !ab_world_addr_is_usable(a) ? " (not used)"
							      : "");
		end_line(v, &row, &t);
	}
}

static void explain_policy(const struct ab_view *v, const struct ab_port *p)
{
	struct ab_home home;
	struct ab_match_port m = ab_desired_match_port(v->e, p, &home);
	struct ab_row row;
	struct ab_text t;
	uint32_t i;

	t = begin_line(&row, "policy");
	if (v->set && p->policy >= 0) {
		ab_text_add(&t, v->set->files[v->set->policies[p->policy].file]);
		if (p->is_contradicted)
			ab_text_add(
				&t,
				"  (its address speaks against it; kept for Settle)");
	} else {
		ab_text_add(&t, "none");
	}
	end_line(v, &row, &t);
	for (i = 0; v->set && i < v->set->n_policies; i++) {
		t = begin_line(&row, "match");
		ab_view_add_match(&t, v, i, &m);
		if (p->policy >= 0 && i > (uint32_t)p->policy)
			ab_text_add(&t, " (the first one that matches wins)");
		end_line(v, &row, &t);
	}
}

static void explain_iface(const struct ab_view *v, const struct ab_port *p)
{
	const struct ab_iface *f;
	struct ab_row row;
	struct ab_text t;
	size_t len;

	if (p->iface == AB_NONE && p->policy < 0)
		return;
	t = begin_line(&row, "iface");
	if (p->iface == AB_NONE) {
		ab_text_add(&t, v->set && v->set->policies[p->policy].action ==
							AB_ACTION_IGNORE
					? "none: Action=ignore"
					: "none yet: it is made when the first portal "
					  "answers");
		end_line(v, &row, &t);
		return;
	}
	f = ab_iface_at_const(v->e, p->iface);
	ab_view_add_foreign(&t, f->binding.iface);
	if (ab_streq(f->binding.iface, "default")) {
		ab_text_add(&t, " (bound to no device: Use=default)");
	} else {
		ab_text_add(&t, " (");
		ab_text_add(&t, ab_view_owner(ab_world_owner(&f->record)));
		ab_text_add(&t, ", ");
		ab_text_add(&t, ab_view_record_state(&f->record));
		ab_text_addc(&t, ')');
		len = t.len;
		ab_text_add(&t, ": ");
		if (!ab_view_add_record_reason(&t, v, &f->record))
			cut_back(&t, len);
	}
	end_line(v, &row, &t);
}

static void explain_state(const struct ab_view *v, const struct ab_port *p)
{
	struct ab_row row;
	struct ab_text t = begin_line(&row, "state");
	size_t len;

	ab_text_add(&t, ab_view_port_state(p->state));
	ab_text_add(&t, " for ");
	ab_view_add_ms(&t, ab_mono_ms_between(p->changed_at, v->now));
	len = t.len;
	ab_text_add(&t, ": ");
	(void)ab_view_add_port_reason(&t, v, p);
	if (t.len == len + 2)
		cut_back(&t, len);
	end_line(v, &row, &t);
	explain_iface(v, p);
	if (ab_mono_is_never(p->due))
		return;
	t = begin_line(&row, "next");
	ab_text_add(&t, "looked at again in ");
	ab_view_add_ms(&t, ab_mono_ms_between(v->now, p->due));
	end_line(v, &row, &t);
}

static void explain_path(const struct ab_view *v, const struct ab_path *path)
{
	const struct ab_health *h = &path->health;
	struct ab_row row;
	struct ab_text t = begin_line(&row, "portal");

	ab_name_add_portal(&t, &path->portal);
	ab_text_add(&t, "  ");
	ab_text_add(&t, ab_path_state_name((enum ab_path_state)h->state));
	ab_text_add(&t, " for ");
	ab_view_add_ms(&t, ab_mono_ms_between(h->since, v->now));
	ab_text_add(&t, ": ");
	(void)ab_view_add_path_reason(&t, v, path);
	if (path->is_probed) {
		ab_text_add(&t, "; probed every ");
		ab_view_add_ms(&t, path->probe_interval_ms);
		ab_text_add(&t, ", ");
		ab_text_addu(&t, h->n_lost);
		ab_text_addc(&t, '/');
		ab_text_addu(&t, h->n_sent);
		ab_text_add(&t, " lost");
	}
	if (path->discovery_ok_at.ns && !path->discovery_code &&
	    (path->roles & AB_ROLE_DISCOVERY)) {
		ab_text_add(&t, "; asked again in ");
		ab_view_add_ms(&t, ab_mono_ms_between(v->now, path->discovery.next));
	}
	end_line(v, &row, &t);
}

static void explain_session(const struct ab_view *v, const struct ab_node *n)
{
	enum ab_login_verdict verdict = ab_session_verdict(v->e, v->set, n);
	const struct ab_session_item *item;
	struct ab_row row;
	struct ab_text t;
	size_t len;

	if (verdict == AB_LOGIN_UNWANTED)
		return;
	t = begin_line(&row, "session");
	if (n->login.session != AB_NONE) {
		item = ab_session_at_const(v->e, n->login.session);
		ab_text_add(&t, "sid ");
		ab_text_addu(&t, item->session.sid);
		ab_text_addc(&t, ' ');
		ab_text_add(&t, ab_view_login_verdict(verdict));
		ab_text_add(&t, " for ");
		ab_view_add_ms(&t, ab_mono_ms_between(item->since, v->now));
		ab_text_add(&t, ", ");
		ab_text_addu(&t, item->session.n_disks);
		ab_text_add(&t, " disks, ");
		ab_text_addu(&t, item->session.n_mapped);
		ab_text_add(&t, " in multipath maps");
	} else {
		ab_text_add(&t, ab_view_login_verdict(verdict));
	}
	len = t.len;
	ab_text_add(&t, ": ");
	(void)ab_view_add_login_reason(&t, v, n);
	if (t.len == len + 2)
		cut_back(&t, len);
	end_line(v, &row, &t);
}

static void explain_found(const struct ab_view *v, const struct ab_port *p,
			  const struct ab_path *path, const struct ab_found *f)
{
	struct ab_row row;
	struct ab_text t = begin_line(&row, "target");
	uint32_t node = AB_NONE;
	size_t len;

	if (p->iface != AB_NONE)
		node = ab_world_find_node(v->e, f->target, &path->portal, f->tpgt,
					  p->iface);
	ab_view_add_foreign(&t, ab_target_at_const(v->e, f->target)->name);
	ab_text_add(&t, "  ");
	ab_name_add_portal(&t, &path->portal);
	ab_text_addc(&t, ',');
	ab_text_addi(&t, f->tpgt);
	ab_text_add(&t, f->source == AB_NONE ? "  static" : "  discovered");
	if (node != AB_NONE && ab_node_at_const(v->e, node)->record.is_present) {
		const struct ab_record_item *r = &ab_node_at_const(v->e, node)->record;

		ab_text_add(&t, "; record ");
		ab_text_add(&t, ab_view_owner(ab_world_owner(r)));
		ab_text_add(&t, ", ");
		ab_text_add(&t, ab_view_record_state(r));
	} else {
		ab_text_add(&t, "; no record");
	}
	len = t.len;
	ab_text_add(&t, ": ");
	if (!ab_view_add_binding_reason(&t, v, p, path, f))
		cut_back(&t, len);
	end_line(v, &row, &t);
	if (node != AB_NONE)
		explain_session(v, ab_node_at_const(v->e, node));
}

static void explain_rest(const struct ab_view *v, uint32_t n)
{
	struct ab_row row;
	struct ab_text t = begin_line(&row, "more");

	ab_text_addu(&t, n);
	ab_text_add(&t, " more are not told here; `autobind paths` lists all portals");
	end_line(v, &row, &t);
}

/* Paths, and with @portal or @target the bindings there; returns how many there are. */
static uint32_t explain_paths(const struct ab_view *v, const struct ab_port *p,
			      const struct ab_portal *portal, const char *target)
{
	uint32_t i, k, n = 0;

	for (i = p->first_path; i != AB_NONE; i = ab_path_at_const(v->e, i)->next) {
		const struct ab_path *path = ab_path_at_const(v->e, i);

		if (portal && !ab_portal_equal(portal, &path->portal))
			continue;
		if (!target && n++ < LINES_MAX)
			explain_path(v, path);
		for (k = path->first_found; k != AB_NONE && (portal || target);
		     k = ab_found_at_const(v->e, k)->next) {
			const struct ab_found *f = ab_found_at_const(v->e, k);

			if (target &&
			    !ab_streq(target,
				      ab_target_at_const(v->e, f->target)->name))
				continue;
			if (n++ < LINES_MAX)
				explain_found(v, p, path, f);
		}
	}
	if (n > LINES_MAX)
		explain_rest(v, n - LINES_MAX);
	return n;
}

static const struct ab_port *find_port(const struct ab_engine *e, const char *name)
{
	uint32_t i;

	for (i = ab_table_next(e, &e->ports, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->ports, i)) {
		const struct ab_port *p = ab_port_at_const(e, i);

		if (p->has_link && ab_streq(p->link.name, name))
			return p;
	}
	return NULL;
}

int ab_view_explain(const struct ab_view *v, const char *port, const char *what)
{
	const struct ab_port *p = find_port(v->e, port);
	struct ab_portal portal;
	bool is_portal;

	if (!p)
		return -ENODEV;
	explain_port(v, p);
	explain_policy(v, p);
	explain_state(v, p);
	if (!what || !*what) {
		(void)explain_paths(v, p, NULL, NULL);
		return 0;
	}
	is_portal = ab_name_parse_portal(what, &portal) == 0;
	return explain_paths(v, p, is_portal ? &portal : NULL, is_portal ? NULL : what)
		       ? 0
		       : -ENOENT;
}
