/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * view_wait - is what somebody waits for there, and what of it is missing?
 */
#include "core/view.h"

#include "core/session.h"
#include "core/view_text.h"
#include "core/view_walk.h"
#include "util/glob.h"

/* Does the wait look at this port? */
static bool is_port_in(const struct ab_wait *w, const struct ab_port *p)
{
	return (!w->port[0] || ab_streq(w->port, p->link.name)) &&
	       (!w->policy[0] ||
		(p->policy >= 0 && ab_streq(w->policy, p->policy_name)));
}

static bool is_node_in(const struct ab_engine *e, const struct ab_wait *w,
		       const struct ab_node *n)
{
	uint32_t port;

	if (!w->port[0] && !w->policy[0])
		return true;
	port = ab_session_port(e, n);
	return port != AB_NONE && is_port_in(w, ab_port_at_const(e, port));
}

/* --- sessions of targets --- */

static bool is_by_target(const struct ab_wait *w)
{
	return w->paths || w->target[0];
}

struct tally {
	uint32_t n_up, n_chosen; /* bindings with a session, and those that are to have
				    one */
	bool is_wanted;
};

static bool is_up(const struct ab_engine *e, const struct ab_node *n)
{
	return n->login.session != AB_NONE &&
	       ab_session_at_const(e, n->login.session)->session.state ==
		       AB_SESSION_LOGGED_IN;
}

static struct tally tally_of(const struct ab_engine *e, const struct ab_wait *w,
			     const struct ab_target *t)
{
	struct tally tally = { 0 };
	uint32_t i;

	for (i = t->first_node; i != AB_NONE; i = ab_node_at_const(e, i)->target_next) {
		const struct ab_node *n = ab_node_at_const(e, i);

		if (!is_node_in(e, w, n))
			continue;
		tally.is_wanted |= n->is_wanted;
		tally.n_chosen += n->login.is_chosen;
		tally.n_up += is_up(e, n);
	}
	return tally;
}

static uint32_t needed(const struct ab_wait *w, const struct tally *tally)
{
	if (w->paths)
		return w->paths;
	return tally->n_chosen ? tally->n_chosen : 1;
}

/* A name given by hand counts whether or not a policy wants the target. */
static bool is_target_in(const struct ab_wait *w, const struct ab_target *t,
			 const struct tally *tally)
{
	if (w->target[0])
		return ab_streq_nocase(w->target, t->name) ||
		       (tally->is_wanted && ab_glob_nocase(w->target, t->name));
	return tally->is_wanted;
}

static bool has_sessions(const struct ab_engine *e, const struct ab_wait *w)
{
	bool has_any = false;
	uint32_t i;

	for (i = ab_table_next(e, &e->targets, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->targets, i)) {
		const struct ab_target *t = ab_target_at_const(e, i);
		struct tally tally = tally_of(e, w, t);

		if (!is_target_in(w, t, &tally))
			continue;
		if (tally.n_up < needed(w, &tally))
			return false;
		has_any = true;
	}
	return has_any;
}

/* --- ports --- */

static bool has_ports(const struct ab_engine *e, const struct ab_wait *w)
{
	const struct ab_port *p = NULL;
	bool has_any = false;

	if (!ab_view_is_settled(e))
		return false;
	while ((p = ab_view_next_port(e, p))) {
		/* One that is named must be taken; of the others those that are. */
		if (!is_port_in(w, p) || (p->policy < 0 && !w->port[0]))
			continue;
		if (p->policy < 0 || p->is_dirty || !ab_view_is_satisfied(p))
			return false;
		has_any = true;
	}
	return has_any;
}

bool ab_view_wait_is_over(const struct ab_view *v, const struct ab_wait *w)
{
	if (!v->set || !ab_view_is_complete(v->e))
		return false;
	return is_by_target(w) ? has_sessions(v->e, w) : has_ports(v->e, w);
}

/* --- what is missing --- */

static struct ab_text begin_row(struct ab_row *row, const char *port, const char *state)
{
	ab_row_clear(row);
	if (port)
		ab_row_foreign(row, "port", port);
	if (state)
		ab_row_text(row, "state", state);
	return ab_row_begin_text(row, "text");
}

static void end_row(const struct ab_view *v, struct ab_row *row,
		    const struct ab_text *t)
{
	ab_row_end_text(row, t);
	v->fn(v->arg, row);
}

static void tell(const struct ab_view *v, const char *text, const char *name)
{
	struct ab_row row;
	struct ab_text t = begin_row(&row, NULL, NULL);

	ab_text_add(&t, text);
	if (name)
		ab_view_add_foreign(&t, name);
	end_row(v, &row, &t);
}

/* Why one binding has no session. */
static void tell_node(const struct ab_view *v, const struct ab_node *n)
{
	uint32_t port = ab_session_port(v->e, n);
	struct ab_node_key key;
	struct ab_row row;
	struct ab_text t;

	t = begin_row(&row,
		      port == AB_NONE ? NULL : ab_port_at_const(v->e, port)->link.name,
		      ab_view_login_verdict(ab_session_verdict(v->e, v->set, n)));
	ab_world_node_key(v->e, n, &key);
	ab_view_add_node_key(&t, &key);
	ab_text_add(&t, ": ");
	(void)ab_view_add_login_reason(&t, v, n);
	end_row(v, &row, &t);
}

static uint32_t tell_target(const struct ab_view *v, const struct ab_wait *w,
			    const struct ab_target *t)
{
	struct tally tally = tally_of(v->e, w, t);
	struct ab_row row;
	struct ab_text text;
	uint32_t i, n = 1;

	if (!is_target_in(w, t, &tally))
		return 0;
	if (tally.n_up >= needed(w, &tally))
		return 1; /* it is known, and in order */
	text = begin_row(&row, NULL, NULL);
	ab_view_add_foreign(&text, t->name);
	ab_text_add(&text, ": ");
	ab_text_addu(&text, tally.n_up);
	ab_text_add(&text, " of ");
	ab_text_addu(&text, needed(w, &tally));
	ab_text_add(&text, needed(w, &tally) == 1 ? " session" : " sessions");
	end_row(v, &row, &text);
	for (i = t->first_node; i != AB_NONE && (!v->max || n < v->max);
	     i = ab_node_at_const(v->e, i)->target_next) {
		const struct ab_node *node = ab_node_at_const(v->e, i);

		if (!is_node_in(v->e, w, node) || !node->is_wanted || is_up(v->e, node))
			continue;
		tell_node(v, node);
		n++;
	}
	return n;
}

static void tell_targets(const struct ab_view *v, const struct ab_wait *w)
{
	uint32_t i, n = 0;

	for (i = ab_table_next(v->e, &v->e->targets, AB_NONE);
	     i != AB_NONE && (!v->max || n < v->max);
	     i = ab_table_next(v->e, &v->e->targets, i))
		n += tell_target(v, w, ab_target_at_const(v->e, i));
	if (n)
		return;
	if (w->target[0])
		tell(v, "no wanted binding, and no session, is known of target ",
		     w->target);
	else
		tell(v, "no wanted target is known", NULL);
}

static uint32_t tell_port(const struct ab_view *v, const struct ab_port *p)
{
	struct ab_scope scope = { .port = "" };
	struct ab_row row;
	struct ab_text t;

	if (p->policy >= 0) {
		(void)ab_copy(scope.port, sizeof(scope.port), p->link.name);
		return 1 + ab_view_missing(v, &scope);
	}
	t = begin_row(&row, p->link.name, ab_view_port_state(p->state));
	(void)ab_view_add_port_reason(&t, v, p);
	end_row(v, &row, &t);
	return 1;
}

static void tell_ports(const struct ab_view *v, const struct ab_wait *w)
{
	const struct ab_port *p = NULL;
	uint32_t n = 0;

	while ((!v->max || n < v->max) && (p = ab_view_next_port(v->e, p)))
		if (is_port_in(w, p) && (p->policy >= 0 || w->port[0]))
			n += tell_port(v, p);
	if (n)
		return;
	if (w->port[0])
		tell(v,
		     "there is no such network device, or the policy has not taken "
		     "it: ",
		     w->port);
	else if (w->policy[0])
		tell(v, "no port is taken by policy ", w->policy);
	else
		tell(v, "no port is taken by a policy", NULL);
}

void ab_view_wait_missing(const struct ab_view *v, const struct ab_wait *w)
{
	if (!v->set)
		tell(v, "no configuration is in force", NULL);
	else if (!ab_view_is_complete(v->e))
		tell(v, "ports, records and sessions are still being looked at", NULL);
	else if (is_by_target(w))
		tell_targets(v, w);
	else
		tell_ports(v, w);
}
