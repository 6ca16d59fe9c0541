/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/session.h"

#include "core/desired.h"
#include "util/text.h"

/* Time that the kernel gets to find a new session's disks, and multipathd to take
 * them. */
#define DISKS_MS 5000

const struct ab_policy *ab_session_policy(const struct ab_engine *e,
					  const struct ab_policy_set *set,
					  const struct ab_node *n)
{
	uint32_t path = ab_world_login_path(e, n);
	const struct ab_policy *pol;

	if (!set || path == AB_NONE || !n->is_wanted || e->config.no_login)
		return NULL;
	pol = &set->policies[ab_port_at_const(e, ab_path_at_const(e, path)->port)
				     ->policy];
	return pol->action == AB_ACTION_LOGIN ? pol : NULL;
}

static bool is_fresh(const struct ab_engine *e)
{
	return e->is_fresh[AB_SOURCE_SESSIONS] && e->is_fresh[AB_SOURCE_RECORDS] &&
	       e->is_fresh[AB_SOURCE_LEDGER];
}

static bool has_record(const struct ab_engine *e, const struct ab_node *n)
{
	const struct ab_record_item *iface = &ab_iface_at_const(e, n->iface)->record;

	return n->record.is_present && n->record.state == AB_RECORD_OK &&
	       !n->record.job && !n->record.is_awaited &&
	       iface->ledger != AB_OWNER_HELD;
}

bool ab_session_is_outdated(const struct ab_node *n, const struct ab_session_item *item)
{
	return item->netdev[0] && n->netdev[0] && n->record.is_present &&
	       !ab_streq(item->netdev, n->netdev);
}

uint32_t ab_session_count_open(const struct ab_engine *e, const struct ab_target *t)
{
	uint32_t i, n = 0;

	for (i = t->first_node; i != AB_NONE; i = ab_node_at_const(e, i)->target_next)
		n += ab_session_is_open(ab_node_at_const(e, i));
	return n;
}

/* What keeps a chosen binding without a session from a login; READY: nothing. */
static enum ab_login_verdict obstacle(const struct ab_engine *e,
				      const struct ab_node *n,
				      const struct ab_policy *pol)
{
	const struct ab_target *t = ab_target_at_const(e, n->target);
	const struct ab_path *path = ab_path_at_const(e, ab_world_login_path(e, n));

	if (e->is_paused)
		return AB_LOGIN_PAUSED;
	if (n->login.is_held)
		return AB_LOGIN_HELD;
	if (n->login.is_denied)
		return AB_LOGIN_DENIED;
	if (!is_fresh(e) || n->login.is_awaited)
		return AB_LOGIN_STALE;
	if (!has_record(e, n))
		return AB_LOGIN_NO_RECORD;
	if (path->health.state != AB_PATH_UP)
		return AB_LOGIN_NO_PATH;
	if (e->sessions.live + e->n_logins >= pol->sessions_total)
		return AB_LOGIN_TOTAL;
	if (pol->multipath == AB_MULTIPATH_REQUIRE && t->gate != AB_GATE_OPEN &&
	    ab_session_count_open(e, t) > 0)
		return AB_LOGIN_GATED;
	if (!ab_mono_reached(n->login.backoff.next, e->now))
		return AB_LOGIN_WAITING;
	return e->n_logins < pol->concurrency ? AB_LOGIN_READY : AB_LOGIN_QUEUED;
}

enum ab_login_verdict ab_session_verdict(const struct ab_engine *e,
					 const struct ab_policy_set *set,
					 const struct ab_node *n)
{
	const struct ab_policy *pol;

	if (n->login.session != AB_NONE)
		return ab_session_at_const(e, n->login.session)->session.state ==
				       AB_SESSION_LOGGED_IN
			       ? AB_LOGIN_LOGGED_IN
			       : AB_LOGIN_RECOVERING;
	if (n->login.job)
		return AB_LOGIN_RUNNING;
	pol = ab_session_policy(e, set, n);
	if (!pol)
		return AB_LOGIN_UNWANTED;
	return n->login.is_chosen ? obstacle(e, n, pol) : AB_LOGIN_SPARE;
}

/* Was the iface record made for this port, or does it name it? */
static bool is_port_of(const struct ab_iface *f, const struct ab_port *p)
{
	if (!p->has_link)
		return false;
	return f->record.ledger != AB_OWNER_FOREIGN
		       ? ab_world_is_port(&f->identity, p)
		       : ab_streq(f->binding.netdev, p->link.name);
}

uint32_t ab_session_port(const struct ab_engine *e, const struct ab_node *n)
{
	const struct ab_iface *f = ab_iface_at_const(e, n->iface);
	uint32_t i, path = ab_world_login_path(e, n);

	if (path != AB_NONE)
		return ab_path_at_const(e, path)->port;
	if (f->port != AB_NONE)
		return f->port;
	for (i = ab_table_next(e, &e->ports, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->ports, i))
		if (is_port_of(f, ab_port_at_const(e, i)))
			return i;
	return AB_NONE;
}

bool ab_session_is_in(const struct ab_engine *e, const struct ab_scope *scope,
		      const struct ab_node *n)
{
	uint32_t port;

	if (!scope->port[0])
		return ab_scope_has_portal(scope, &n->portal);
	port = ab_session_port(e, n);
	return port != AB_NONE &&
	       ab_streq(ab_port_at_const(e, port)->link.name, scope->port);
}

const struct ab_exclude *ab_session_drain(const struct ab_engine *e,
					  const struct ab_policy_set *set,
					  const struct ab_node *n)
{
	const struct ab_exclude *x;
	struct ab_match_port match;
	struct ab_home home;
	uint32_t port;

	if (!set || set->n_excludes == 0 || n->is_wanted || n->login.is_chosen)
		return NULL;
	x = ab_policy_excludes_portal(set, &n->portal, NULL);
	if (x && x->is_drain)
		return x;
	port = ab_session_port(e, n);
	if (port == AB_NONE ||
	    ab_port_at_const(e, port)->state != AB_PORT_STATE_EXCLUDED)
		return NULL;
	match = ab_desired_match_port(e, ab_port_at_const(e, port), &home);
	x = ab_policy_excludes_port(set, &match, NULL);
	return x && x->is_drain ? x : NULL;
}

/* The same for one of its sessions. */
static enum ab_gate gate_of(const struct ab_engine *e,
			    const struct ab_session_item *item, ab_mono *due)
{
	ab_mono end = ab_mono_add_ms(item->since, DISKS_MS);
	bool is_new = !ab_mono_reached(end, e->now);

	if (item->session.state == AB_SESSION_FREE ||
	    ((item->session.n_disks == 0 || item->n_known < item->session.n_disks) &&
	     is_new)) {
		*due = ab_mono_min(*due, is_new ? end : AB_MONO_NEVER);
		return AB_GATE_LOOKING;
	}
	if (item->n_known < item->session.n_disks)
		return AB_GATE_NOT_TAKEN;
	if (e->multipath == AB_MULTIPATH_STRICT &&
	    item->session.n_mapped < item->session.n_disks)
		return AB_GATE_STRICT;
	return AB_GATE_OPEN;
}

enum ab_gate ab_session_gate(const struct ab_engine *e, const struct ab_target *t,
			     ab_mono *ret_due)
{
	enum ab_gate worst = AB_GATE_LOOKING;
	bool has_any = false;
	uint32_t i, k;

	*ret_due = AB_MONO_NEVER;
	if (e->multipath == AB_MULTIPATH_ABSENT)
		return AB_GATE_NO_MULTIPATHD;
	if (e->multipath == AB_MULTIPATH_UNKNOWN)
		return AB_GATE_LOOKING;
	for (i = t->first_node; i != AB_NONE; i = ab_node_at_const(e, i)->target_next) {
		for (k = ab_node_at_const(e, i)->login.session; k != AB_NONE;
		     k = ab_session_at_const(e, k)->next) {
			enum ab_gate gate =
				gate_of(e, ab_session_at_const(e, k), ret_due);

			/* One that is still looked at must not hide that another is
			 * known to be in order, or not to be. */
			if (!has_any || gate == AB_GATE_NOT_TAKEN ||
			    gate == AB_GATE_STRICT || worst == AB_GATE_LOOKING)
				worst = gate;
			has_any = true;
		}
	}
	return worst;
}
