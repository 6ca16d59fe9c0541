/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is wanted and not there: for those who wait for it (ab_view_missing()), and for
 * those who ask what cannot be done now (ab_view_blocked()).
 */
#include "core/view.h"

#include "core/name.h"
#include "core/session.h"
#include "core/view_text.h"
#include "core/view_walk.h"

struct missing {
	struct ab_view_walk w;
	bool is_plan; /* rows of `plan`: without what is under way */
};

/* One thing that is missing: the port, or what is not NULL here. */
struct thing {
	const char *kind;
	const struct ab_port *port;
	const struct ab_iface *iface;
	const struct ab_path *path;
	const struct ab_found *found; /* wanted on .path */
	const struct ab_node *node;   /* the record of .found, or one that is to go */
	bool is_session;	      /* the session over .node, not its record */
};

static enum ab_view_reason add_reason(struct ab_text *t, const struct ab_view *v,
				      const struct thing *x)
{
	if (x->is_session)
		return ab_view_add_login_reason(t, v, x->node);
	if (x->found)
		return ab_view_add_binding_reason(t, v, x->port, x->path, x->found);
	if (x->path)
		return ab_view_add_path_reason(t, v, x->path);
	if (x->iface)
		return ab_view_add_record_reason(t, v, &x->iface->record);
	if (x->node)
		return ab_view_add_record_reason(t, v, &x->node->record);
	return ab_view_add_port_reason(t, v, x->port);
}

static void add_object(struct ab_text *t, const struct ab_view *v,
		       const struct thing *x)
{
	struct ab_node_key key = { .tpgt = 0 };

	if (x->node) {
		ab_world_node_key(v->e, x->node, &key);
		ab_view_add_node_key(t, &key);
	} else if (x->found && x->path) {
		(void)ab_copy(key.target, sizeof(key.target),
			      ab_target_at_const(v->e, x->found->target)->name);
		key.portal = x->path->portal;
		key.tpgt = x->found->tpgt;
		if (x->port->iface != AB_NONE)
			(void)ab_copy(
				key.iface, sizeof(key.iface),
				ab_iface_at_const(v->e, x->port->iface)->binding.iface);
		ab_view_add_node_key(t, &key);
	} else if (x->path) {
		ab_name_add_portal(t, &x->path->portal);
	} else if (x->iface) {
		ab_view_add_foreign(t, x->iface->binding.iface);
	} else {
		ab_view_add_foreign(t, x->port->link.name);
	}
}

static void plan_row(const struct ab_view *v, const struct thing *x, struct ab_row *row)
{
	struct ab_text t;

	ab_row_text(row, "op", "!");
	ab_row_text(row, "kind", x->kind);
	t = ab_row_begin_text(row, "object");
	add_object(&t, v, x);
	ab_row_end_text(row, &t);
	ab_row_foreign(row, "port", x->port->link.name);
	t = ab_row_begin_text(row, "reason");
	(void)add_reason(&t, v, x);
	ab_row_end_text(row, &t);
}

static const char *state_of(const struct ab_view *v, const struct thing *x)
{
	if (x->is_session)
		return ab_view_login_verdict(ab_session_verdict(v->e, v->set, x->node));
	if (x->iface)
		return ab_view_record_state(&x->iface->record);
	if (x->node)
		return ab_view_record_state(&x->node->record);
	if (x->found)
		return "absent";
	if (x->path)
		return ab_path_state_name((enum ab_path_state)x->path->health.state);
	return ab_view_port_state(x->port->state);
}

static void missing_row(const struct ab_view *v, const struct thing *x,
			struct ab_row *row)
{
	struct ab_text t;

	ab_row_foreign(row, "port", x->port->link.name);
	if (x->path)
		ab_row_portal(row, "portal", &x->path->portal);
	ab_row_text(row, "state", state_of(v, x));
	t = ab_row_begin_text(row, "text");
	if (x->iface || x->node || x->found) {
		add_object(&t, v, x);
		ab_text_add(&t, ": ");
	}
	(void)add_reason(&t, v, x);
	ab_row_end_text(row, &t);
}

/* Tells of one thing, if anything is the matter with it. */
static void tell(struct missing *m, const struct thing *x)
{
	const struct ab_view *v = m->w.v;
	enum ab_view_reason reason;
	struct ab_row row;
	struct ab_text t;

	if (ab_view_is_over(&m->w))
		return;
	ab_row_clear(&row);
	t = ab_row_begin_text(&row, "reason");
	reason = add_reason(&t, v, x);
	if (reason == AB_REASON_NONE || (reason == AB_REASON_UNDER_WAY && m->is_plan) ||
	    !ab_view_take(&m->w))
		return;
	ab_row_clear(&row);
	if (m->is_plan)
		plan_row(v, x, &row);
	else
		missing_row(v, x, &row);
	v->fn(v->arg, &row);
}

/* Is there a word to say of this path? */
static bool lacks_path(const struct missing *m, const struct ab_path *path)
{
	if (ab_path_is_wanted(path) && path->health.state != AB_PATH_UP)
		return true;
	if (ab_path_is_wanted(path) && (path->roles & AB_ROLE_DISCOVERY) &&
	    ab_world_wants_answer(path))
		return true;
	/* Left out by the administrator's own word: no reason to go on waiting. */
	return m->is_plan && (path->is_over_limit ||
			      (path->is_listed && path->verdict == AB_PORTAL_EXCLUDED));
}

/* A record that is there counts while something is to be done about it; in a plan also
 * for that it will never be done. */
static bool lacks_record(const struct missing *m, const struct ab_record_item *r)
{
	return m->is_plan || !r->is_present || r->wish != AB_WISH_NONE;
}

static void tell_bindings(struct missing *m, const struct ab_port *p,
			  const struct ab_path *path)
{
	const struct ab_engine *e = m->w.v->e;
	uint32_t k, node;

	if (!(path->roles & AB_ROLE_TARGET) || path->is_over_limit)
		return;
	for (k = path->first_found; k != AB_NONE && !ab_view_is_over(&m->w);
	     k = ab_found_at_const(e, k)->next) {
		struct thing x = { .kind = "node", .port = p, .path = path };

		x.found = ab_found_at_const(e, k);
		if (!x.found->is_wanted)
			continue;
		node = p->iface == AB_NONE
			       ? AB_NONE
			       : ab_world_find_node(e, x.found->target, &path->portal,
						    x.found->tpgt, p->iface);
		if (node != AB_NONE)
			x.node = ab_node_at_const(e, node);
		if (!x.node || lacks_record(m, &x.node->record))
			tell(m, &x);
	}
}

/* Records that are to go and cannot. */
static void tell_deletions(struct missing *m, const struct ab_port *p,
			   const struct ab_iface *f)
{
	uint32_t i;

	for (i = f->first_node; i != AB_NONE;
	     i = ab_node_at_const(m->w.v->e, i)->next) {
		const struct ab_node *n = ab_node_at_const(m->w.v->e, i);

		if (n->record.wish == AB_WISH_DELETE)
			tell(m,
			     &(struct thing){ .kind = "node", .port = p, .node = n });
	}
}

static bool is_kept(const struct ab_engine *e, const struct ab_node *n)
{
	uint32_t i = n->login.session;

	return i != AB_NONE && ab_session_at_const(e, i)->guard != AB_GUARD_FREE;
}

/* Sessions over the port's iface that are wanted and do not stand; in a plan those that
 * were to go and are kept, too. */
static void tell_sessions(struct missing *m, const struct ab_port *p,
			  const struct ab_iface *f)
{
	const struct ab_view *v = m->w.v;
	uint32_t i;

	for (i = f->first_node; i != AB_NONE; i = ab_node_at_const(v->e, i)->next) {
		const struct ab_node *n = ab_node_at_const(v->e, i);

		if ((n->login.is_chosen &&
		     ab_session_verdict(v->e, v->set, n) != AB_LOGIN_LOGGED_IN) ||
		    (m->is_plan && is_kept(v->e, n)))
			tell(m, &(struct thing){ .kind = "session",
						 .port = p,
						 .node = n,
						 .is_session = true });
	}
}

static bool wants_records(const struct ab_view *v, const struct ab_port *p)
{
	return v->set && p->policy >= 0 &&
	       v->set->policies[p->policy].action >= AB_ACTION_RECORD;
}

static void tell_port(struct missing *m, const struct ab_port *p)
{
	const struct ab_engine *e = m->w.v->e;
	uint32_t n = m->w.n, i;
	const struct ab_iface *f =
		p->iface == AB_NONE ? NULL : ab_iface_at_const(e, p->iface);
	bool is_default = f && ab_streq(f->binding.iface, "default");

	if (f && !is_default && lacks_record(m, &f->record))
		tell(m, &(struct thing){ .kind = "iface", .port = p, .iface = f });
	for (i = p->first_path; i != AB_NONE && !ab_view_is_over(&m->w);
	     i = ab_path_at_const(e, i)->next) {
		const struct ab_path *path = ab_path_at_const(e, i);

		if (lacks_path(m, path))
			tell(m, &(struct thing){
					.kind = "path", .port = p, .path = path });
		if (wants_records(m->w.v, p))
			tell_bindings(m, p, path);
	}
	if (f && !is_default)
		tell_deletions(m, p, f);
	if (f)
		tell_sessions(m, p, f);
	/* Nothing else to blame: the port itself. */
	if (m->w.n == n && !ab_view_is_satisfied(p))
		tell(m, &(struct thing){ .kind = "port", .port = p });
}

/* A port that a policy would take, and that is excluded. */
static bool is_kept_out(const struct ab_view *v, const struct ab_port *p)
{
	struct ab_home home;
	struct ab_match_port match;
	int policy;

	if (p->state != AB_PORT_STATE_EXCLUDED || !v->set)
		return false;
	match = ab_desired_match_port(v->e, p, &home);
	policy = ab_policy_first_match(v->set, &match);
	return policy >= 0 && v->set->policies[policy].action != AB_ACTION_IGNORE;
}

static void tell_ledger(struct missing *m)
{
	struct ab_row row;

	if (!m->w.v->e->is_ledger_unreadable || ab_view_is_over(&m->w) ||
	    !ab_view_take(&m->w))
		return;
	ab_row_clear(&row);
	ab_row_text(&row, "op", "!");
	ab_row_text(&row, "kind", "ledger");
	ab_row_text(&row, "object", "ledger");
	ab_row_null(&row, "port");
	ab_row_text(&row, "reason",
		    "it could not be read: records are only added, and none of those "
		    "that are there is changed or deleted, until the next start");
	m->w.v->fn(m->w.v->arg, &row);
}

uint32_t ab_view_missing(const struct ab_view *v, const struct ab_scope *scope)
{
	struct missing m = { .w.v = v };
	const struct ab_port *p = NULL;

	while (!ab_view_is_over(&m.w) && (p = ab_view_next_port(v->e, p)))
		if (p->policy >= 0 && p->state != AB_PORT_STATE_IGNORED &&
		    (!scope->port[0] || ab_streq(scope->port, p->link.name)))
			tell_port(&m, p);
	return m.w.n;
}

uint32_t ab_view_blocked(const struct ab_view *v)
{
	struct missing m = { .w.v = v, .is_plan = true };
	const struct ab_port *p = NULL;

	tell_ledger(&m);
	while (!ab_view_is_over(&m.w) && (p = ab_view_next_port(v->e, p))) {
		if (p->policy >= 0 && p->state != AB_PORT_STATE_IGNORED)
			tell_port(&m, p);
		else if (is_kept_out(v, p))
			tell(&m, &(struct thing){ .kind = "port", .port = p });
	}
	return m.w.n;
}
