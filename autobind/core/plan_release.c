/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plan_release - logging out of sessions of ours that nothing wants any more.
 *
 * Make before break: what takes their place stands first. One session at a time, and
 * only as far as Unbind goes; whether the session may go, whoever carries the effect
 * out finds out right before (enum ab_guard). A failed probe or a lost carrier never
 * leads here: a binding that the policy wants keeps its session. What is drained
 * (exclude.d, Drain) goes as far as it is redundant, whatever Unbind says.
 */
#include "core/plan.h"

#include <assert.h>

#include "core/session.h"

/* Rule 2: is everything that a release rests on known, and of now? */
static bool may_release(const struct ab_step *s)
{
	const struct ab_engine *e = s->e;
	unsigned int i;

	if (!s->set || e->is_paused || e->is_ledger_unreadable || e->config.no_login)
		return false;
	for (i = 0; i < AB_SOURCE_MAX; i++)
		if (!e->is_fresh[i])
			return false;
	return true;
}

/* Its port is there and has been planned: the policy does not want the binding, or more
 * sessions stand than it wants, or the device has another name now and the session is
 * to be made anew. NEVER: it is to stay. */
static ab_mono unwanted_time(const struct ab_step *s, const struct ab_node *n,
			     const struct ab_session_item *item,
			     const struct ab_port *p)
{
	if (p->is_dirty || p->policy < 0 ||
	    s->set->policies[p->policy].action != AB_ACTION_LOGIN)
		return AB_MONO_NEVER;
	if (n->is_wanted)
		return n->login.is_chosen && !ab_session_is_outdated(n, item)
			       ? AB_MONO_NEVER
			       : s->e->now;
	return n->record.wish == AB_WISH_DELETE ? s->e->now : AB_MONO_NEVER;
}

/* Is the port that the iface record was made for there? */
static bool has_port(const struct ab_engine *e, const struct ab_iface *f)
{
	uint32_t i;

	for (i = ab_table_next(e, &e->ports, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->ports, i))
		if (ab_port_at_const(e, i)->has_link &&
		    ab_world_is_port(&f->identity, ab_port_at_const(e, i)))
			return true;
	return false;
}

/* When a session may be released; NEVER: not as things are. */
static ab_mono release_time(const struct ab_step *s, const struct ab_node *n,
			    const struct ab_session_item *item)
{
	const struct ab_iface *f = ab_iface_at(s->e, n->iface);
	bool is_drained = ab_session_drain(s->e, s->set, n) != NULL;
	ab_mono when;

	/* Rule 1. With Use=default nobody knows which port the session goes through. */
	if (ab_world_owner(&n->record) != AB_OWNER_OURS || item->session.is_firmware ||
	    item->job || item->is_awaited)
		return AB_MONO_NEVER;
	if (!is_drained && (ab_streq(f->binding.iface, "default") ||
			    f->release.unbind == AB_UNBIND_NEVER))
		return AB_MONO_NEVER;
	if (is_drained)
		when = s->e->now;
	else if (f->port != AB_NONE)
		when = unwanted_time(s, n, item, ab_port_at(s->e, f->port));
	else if (has_port(s->e, f)) /* which no policy takes any more */
		return AB_MONO_NEVER;
	else
		when = ab_mono_add_ms(f->release.since, f->release.settle_ms);
	return ab_mono_is_never(when) ? when : ab_mono_max(when, item->backoff.next);
}

/* Two sessions of one map may each be redundant as long as the other is there, and a
 * map may have paths to several targets: one logout at a time. */
static bool is_releasing(const struct ab_engine *e)
{
	uint32_t i;

	for (i = ab_table_next(e, &e->sessions, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->sessions, i))
		if (ab_session_at_const(e, i)->job ||
		    ab_session_at_const(e, i)->is_awaited)
			return true;
	return false;
}

/* Is a session over this chosen binding still to come, from all that is known? A record
 * that is held or was refused will not be there. A drain does not wait for what has
 * failed before: its guard counts paths that stand. */
static bool is_coming(const struct ab_step *s, const struct ab_node *n, bool for_drain)
{
	enum ab_login_verdict verdict = ab_session_verdict(s->e, s->set, n);

	if (verdict == AB_LOGIN_WAITING)
		return !for_drain;
	if (verdict == AB_LOGIN_NO_RECORD)
		return ab_world_owner(&n->record) != AB_OWNER_HELD &&
		       !n->record.is_denied;
	return verdict == AB_LOGIN_RUNNING || verdict == AB_LOGIN_READY ||
	       verdict == AB_LOGIN_QUEUED || verdict == AB_LOGIN_STALE;
}

/* Make before break: does every session that takes its place stand, as far as one can?
 */
static bool is_replaced(const struct ab_step *s, const struct ab_target *t,
			bool for_drain)
{
	uint32_t i;

	for (i = t->first_node; i != AB_NONE; i = ab_node_at(s->e, i)->target_next) {
		const struct ab_node *n = ab_node_at(s->e, i);

		if (n->login.is_chosen && is_coming(s, n, for_drain))
			return false;
	}
	return true;
}

/* MinPaths of the policy that has the port, or would have it if it were not excluded.
 */
static uint32_t min_paths_of(const struct ab_step *s, const struct ab_node *n)
{
	uint32_t slot = ab_session_port(s->e, n);
	struct ab_match_port match;
	struct ab_home home;
	int policy = -1;

	if (slot != AB_NONE) {
		match = ab_desired_match_port(s->e, ab_port_at(s->e, slot), &home);
		policy = ab_policy_first_match(s->set, &match);
	}
	return policy >= 0 ? s->set->policies[policy].min_paths
			   : ab_iface_at(s->e, n->iface)->release.min_paths;
}

/* Return: false when there was no room for it. */
static bool log_out(const struct ab_step *s, uint32_t slot)
{
	struct ab_session_item *item = ab_session_at(s->e, slot);
	const struct ab_node *n = ab_node_at(s->e, item->node);
	const struct ab_iface *f = ab_iface_at(s->e, n->iface);
	bool is_drained = ab_session_drain(s->e, s->set, n) != NULL;
	struct ab_effect *ef;
	struct ab_job *job;

	/* Rules 1, 2 and 4. */
	assert(ab_world_owner(&n->record) == AB_OWNER_OURS && !item->job);
	assert(!item->session.is_firmware && may_release(s));
	assert(!n->login.is_chosen || ab_session_is_outdated(n, item));
	assert(is_drained || f->release.unbind != AB_UNBIND_NEVER);
	ef = ab_plan_emit(s, AB_EF_LOGOUT);
	if (!ef)
		return false;
	job = ab_plan_start_job(s->e, AB_JOB_LOGOUT, slot, &item->item);
	if (!job) {
		s->out->n--;
		return false;
	}
	item->job = ef->job = job->id;
	ab_world_node_key(s->e, n, &ef->logout.key);
	ef->logout.sid = item->session.sid;
	ef->logout.host = item->session.host;
	ef->logout.min_paths = is_drained ? min_paths_of(s, n) : f->release.min_paths;
	ef->logout.must_be_idle = !is_drained && f->release.unbind == AB_UNBIND_IDLE;
	return true;
}

void ab_plan_release(const struct ab_step *s, struct ab_target *t)
{
	bool is_all;
	uint32_t i, k;

	if (!may_release(s) || !is_replaced(s, t, true))
		return;
	is_all = is_replaced(s, t, false);
	for (i = t->first_node; i != AB_NONE; i = ab_node_at(s->e, i)->target_next) {
		const struct ab_node *n = ab_node_at(s->e, i);

		if (!is_all && !ab_session_drain(s->e, s->set, n))
			continue;
		for (k = n->login.session; k != AB_NONE;
		     k = ab_session_at(s->e, k)->next) {
			ab_mono when = release_time(s, n, ab_session_at(s->e, k));

			if (!ab_mono_reached(when, s->e->now))
				t->due = ab_mono_min(t->due, when);
			else if (is_releasing(s->e) || !log_out(s, k))
				t->waits_for_job = true;
		}
	}
}
