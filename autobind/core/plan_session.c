/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plan_session - which bindings of a target are to have sessions, and logging in.
 *
 * Sessions are counted for each target over all ports, so this plans targets, after
 * the ports have said which bindings they want. A session that stands is never given
 * up for a better one.
 */
#include "core/plan.h"

#include <assert.h>
#include <string.h>

#include "core/session.h"
#include "util/text.h"

#define PICKS_MAX 64 /* largest SessionsPerTarget */

/* Where a session goes, or would go. */
struct place {
	uint32_t port; /* slot, or AB_NONE: not known */
	int32_t tpgt;
	struct ab_portal portal;
	struct ab_net subnet; /* of the port, that the portal is in; len 0: none */
};

/* A binding that a policy logs in over. */
struct candidate {
	uint32_t slot;
	const struct ab_node *n;
	const struct ab_path *path;
	const struct ab_policy *pol;
	struct place place;
};

/* The sessions that a target is to have: those of others, and the bindings picked. */
struct picks {
	struct place places[PICKS_MAX]; /* of the others' sessions, then of the picks */
	uint32_t n_places;
	uint32_t slots[PICKS_MAX]; /* of the bindings picked */
	uint32_t n;
};

static struct place place_of(const struct ab_engine *e, const struct ab_node *n,
			     uint32_t port)
{
	struct place place = { .port = port, .tpgt = n->tpgt, .portal = n->portal };
	uint32_t i = port == AB_NONE ? AB_NONE : ab_port_at_const(e, port)->first_addr;

	for (; i != AB_NONE; i = ab_ifaddr_at_const(e, i)->next) {
		struct ab_net net = ab_net_of(&ab_ifaddr_at_const(e, i)->ifaddr.net);

		if (ab_net_contains(&net, &n->portal.addr))
			place.subnet = net;
	}
	return place;
}

/* Return: false when no policy logs in over it. */
static bool make_candidate(const struct ab_step *s, uint32_t slot, struct candidate *c)
{
	const struct ab_node *n = ab_node_at(s->e, slot);

	c->pol = ab_session_policy(s->e, s->set, n);
	if (!c->pol)
		return false;
	c->slot = slot;
	c->n = n;
	c->path = ab_path_at(s->e, ab_world_login_path(s->e, n));
	c->place = place_of(s->e, n, c->path->port);
	return true;
}

/* Is there a session that no release of ours ends, whatever is picked? */
static bool is_there_to_stay(const struct ab_engine *e, const struct ab_node *n)
{
	uint32_t slot = n->login.session;

	return slot != AB_NONE && (ab_world_owner(&n->record) != AB_OWNER_OURS ||
				   ab_session_at_const(e, slot)->session.is_firmware);
}

/* What stands comes first, before all what others have made; then what the
 * administrator has ended (nothing takes its place), then what could be logged in to.
 */
static uint32_t class_of(const struct ab_engine *e, const struct candidate *c)
{
	if (is_there_to_stay(e, c->n))
		return 0;
	if (ab_session_is_open(c->n))
		return 1;
	if (c->n->login.is_held)
		return 2;
	if (c->n->login.is_denied)
		return 5;
	return c->path->health.state == AB_PATH_UP ? 3 : 4;
}

/* Merit of a candidate: the smaller, the better; compared from the first number on. */
struct merit {
	uint32_t v[6];
};

static struct merit merit_of(const struct ab_engine *e, const struct picks *picks,
			     const struct candidate *c)
{
	struct merit m = { { class_of(e, c) } };
	uint32_t i;

	for (i = 0; i < picks->n_places; i++) {
		const struct place *p = &picks->places[i];

		m.v[1] += p->tpgt == c->place.tpgt;
		m.v[2] += p->port == c->place.port;
		m.v[3] += ab_portal_equal(&p->portal, &c->place.portal);
		m.v[4] += p->subnet.len == c->place.subnet.len &&
			  ab_addr_equal(&p->subnet.addr, &c->place.subnet.addr);
	}
	/* Of a path that is not up, a sample changes it and nobody plans anew. */
	m.v[5] = c->path->health.state == AB_PATH_UP && c->path->health.has_rtt
			 ? c->path->health.rtt_us
			 : UINT32_MAX;
	return m;
}

/* Is @a, of merit @x, the better one? */
static bool is_better(const struct ab_engine *e, const struct candidate *a,
		      const struct merit *x, const struct candidate *b,
		      const struct merit *y)
{
	unsigned int i;
	int r;

	for (i = 0; i < sizeof(x->v) / sizeof(x->v[0]); i++)
		if (x->v[i] != y->v[i])
			return x->v[i] < y->v[i];
	r = ab_portal_compare(&a->n->portal, &b->n->portal);
	if (r == 0)
		r = strcmp(ab_iface_at_const(e, a->n->iface)->binding.iface,
			   ab_iface_at_const(e, b->n->iface)->binding.iface);
	return r < 0;
}

static bool is_within_limits(const struct picks *picks, const struct candidate *c)
{
	uint32_t i, n = 0;

	for (i = 0; i < picks->n_places; i++)
		n += picks->places[i].port == c->place.port;
	return picks->n_places < c->pol->sessions_max && n < c->pol->sessions_per_port;
}

/* The best candidate that is not picked yet; false: there is none. */
static bool next_pick(const struct ab_step *s, const struct ab_target *t,
		      const struct picks *picks, struct candidate *ret)
{
	struct merit merit, best;
	struct candidate c;
	bool has_any = false;
	uint32_t i;

	for (i = t->first_node; i != AB_NONE; i = ab_node_at(s->e, i)->target_next) {
		if (ab_node_at(s->e, i)->login.is_chosen || !make_candidate(s, i, &c) ||
		    !is_within_limits(picks, &c))
			continue;
		merit = merit_of(s->e, picks, &c);
		if (has_any && !is_better(s->e, &c, &merit, ret, &best))
			continue;
		*ret = c;
		best = merit;
		has_any = true;
	}
	return has_any;
}

/* A session over a binding that nothing of ours wants or owns. */
static bool is_others(const struct ab_step *s, const struct ab_node *n)
{
	enum ab_owner owner = ab_world_owner(&n->record);

	return n->login.session != AB_NONE && owner != AB_OWNER_OURS &&
	       owner != AB_OWNER_MODIFIED && !ab_session_policy(s->e, s->set, n);
}

/* The port that has the address which a session comes from, or AB_NONE. */
static uint32_t port_of(const struct ab_engine *e, const struct ab_session_item *item)
{
	uint32_t i;

	for (i = ab_table_next(e, &e->addrs, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->addrs, i))
		if (ab_addr_equal(&ab_ifaddr_at_const(e, i)->ifaddr.net.addr,
				  &item->session.local))
			return ab_world_find_port(
				e, ab_ifaddr_at_const(e, i)->ifaddr.ifindex);
	return AB_NONE;
}

static void pick(const struct ab_step *s, struct ab_target *t, struct picks *picks)
{
	struct candidate best = { 0 };
	uint32_t i;

	picks->n = picks->n_places = 0;
	for (i = t->first_node; i != AB_NONE; i = ab_node_at(s->e, i)->target_next) {
		struct ab_node *n = ab_node_at(s->e, i);

		n->login.is_chosen = false;
		if (!is_others(s, n) || picks->n_places == PICKS_MAX)
			continue;
		picks->places[picks->n_places++] = place_of(
			s->e, n, port_of(s->e, ab_session_at(s->e, n->login.session)));
	}
	while (picks->n_places < PICKS_MAX && next_pick(s, t, picks, &best)) {
		picks->places[picks->n_places++] = best.place;
		picks->slots[picks->n++] = best.slot;
		ab_node_at(s->e, best.slot)->login.is_chosen = true;
	}
}

static bool is_to_stay(const struct ab_step *s, const struct ab_node *n,
		       const struct ab_session_item *item)
{
	if (ab_session_drain(s->e, s->set, n))
		return false;
	return ab_iface_at(s->e, n->iface)->release.unbind == AB_UNBIND_NEVER ||
	       (n->login.is_chosen && !ab_session_is_outdated(n, item));
}

/* Why a session was not released is of no interest when it is to stay. */
static void forget_refusals(const struct ab_step *s, const struct ab_target *t)
{
	uint32_t i, k;

	for (i = t->first_node; i != AB_NONE; i = ab_node_at(s->e, i)->target_next) {
		const struct ab_node *n = ab_node_at(s->e, i);

		for (k = n->login.session; k != AB_NONE;
		     k = ab_session_at(s->e, k)->next) {
			struct ab_session_item *item = ab_session_at(s->e, k);

			if (!item->job && is_to_stay(s, n, item))
				item->guard = AB_GUARD_FREE;
		}
	}
}

/* A method that has made a TCP connection already, or none at all, needs no other. */
static uint32_t connect_ms(const struct ab_policy *pol)
{
	return pol->method == AB_PROBE_ICMP || pol->method == AB_PROBE_ICMP_OR_TCP
		       ? pol->timeout_ms
		       : 0;
}

/* Without room, or a free job, it stays READY. */
static void log_in(const struct ab_step *s, uint32_t slot)
{
	struct ab_node *n = ab_node_at(s->e, slot);
	const struct ab_path *path = ab_path_at(s->e, ab_world_login_path(s->e, n));
	const struct ab_port *p = ab_port_at(s->e, path->port);
	const struct ab_policy *pol = &s->set->policies[p->policy];
	struct ab_effect *ef;
	struct ab_job *job;

	/* Rules 4 and 5: one at a time, and never through a path that is not up. */
	assert(!ab_session_is_open(n) && !n->login.is_held && !n->login.is_awaited);
	assert(path->health.state == AB_PATH_UP && n->record.is_present);
	assert(!s->e->is_paused && !s->e->config.no_login);
	ef = ab_plan_emit(s, AB_EF_LOGIN);
	if (!ef)
		return;
	job = ab_plan_start_job(s->e, AB_JOB_LOGIN, slot, &n->item);
	if (!job) {
		s->out->n--;
		return;
	}
	n->login.job = ef->job = job->id;
	ab_world_node_key(s->e, n, &ef->login.key);
	if (!pol->use_default)
		ef->login.ifindex = p->link.ifindex;
	ef->login.connect_ms = connect_ms(pol);
	ef->login.policy = (uint32_t)p->policy;
}

/* What one picked binding waits for, now that all have been logged in to that could be.
 */
static void note_wait(const struct ab_step *s, struct ab_target *t,
		      const struct ab_node *n, bool *is_gated)
{
	switch (ab_session_verdict(s->e, s->set, n)) {
	case AB_LOGIN_READY: /* there was no free job, or no room */
	case AB_LOGIN_QUEUED:
	case AB_LOGIN_TOTAL:
		t->waits_for_job = true;
		break;
	case AB_LOGIN_WAITING:
		t->due = ab_mono_min(t->due, n->login.backoff.next);
		break;
	case AB_LOGIN_GATED:
		*is_gated = t->gate != AB_GATE_LOOKING;
		break;
	case AB_LOGIN_LOGGED_IN:
	case AB_LOGIN_RECOVERING:
	case AB_LOGIN_RUNNING:
	case AB_LOGIN_UNWANTED:
	case AB_LOGIN_SPARE:
	case AB_LOGIN_PAUSED:
	case AB_LOGIN_HELD:
	case AB_LOGIN_DENIED:
	case AB_LOGIN_STALE:
	case AB_LOGIN_NO_RECORD:
	case AB_LOGIN_NO_PATH:
	case AB_LOGIN_VERDICT_MAX:
		break;
	}
}

static void plan_target(const struct ab_step *s, struct ab_target *t)
{
	bool is_gated = false;
	struct picks picks;
	uint32_t i;

	t->is_dirty = t->waits_for_job = false;
	t->gate = (uint8_t)ab_session_gate(s->e, t, &t->due);
	pick(s, t, &picks);
	forget_refusals(s, t);
	for (i = 0; i < picks.n; i++)
		if (ab_session_verdict(s->e, s->set,
				       ab_node_at(s->e, picks.slots[i])) ==
		    AB_LOGIN_READY)
			log_in(s, picks.slots[i]);
	for (i = 0; i < picks.n; i++)
		note_wait(s, t, ab_node_at(s->e, picks.slots[i]), &is_gated);
	if (is_gated && !t->is_gated)
		ab_plan_note(s, AB_NOTE_GATED, NULL, NULL, t->name, t->gate);
	t->is_gated = is_gated;
	ab_plan_release(s, t);
}

/* How many sessions are wanted through each port, and how many stand. */
static void count_sessions(struct ab_engine *e)
{
	uint32_t i;

	for (i = ab_table_next(e, &e->ports, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->ports, i))
		ab_port_at(e, i)->n_sessions_wanted = ab_port_at(e, i)->n_sessions =
			ab_port_at(e, i)->n_sessions_held = 0;
	for (i = ab_table_next(e, &e->nodes, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->nodes, i)) {
		const struct ab_node *n = ab_node_at(e, i);
		uint32_t path = ab_world_login_path(e, n);
		struct ab_port *p;

		if (!n->login.is_chosen || path == AB_NONE)
			continue;
		p = ab_port_at(e, ab_path_at(e, path)->port);
		p->n_sessions_wanted++;
		p->n_sessions_held += n->login.is_held;
		p->n_sessions += n->login.session != AB_NONE &&
				 ab_session_at(e, n->login.session)->session.state ==
					 AB_SESSION_LOGGED_IN;
	}
}

void ab_plan_sessions(const struct ab_step *s)
{
	struct ab_engine *e = s->e;
	bool is_any = false;
	uint32_t i;

	if (!e->is_targets_dirty && !e->is_login_ended &&
	    !ab_mono_reached(e->targets_due, e->now))
		return;
	e->is_targets_dirty = false;
	e->targets_due = AB_MONO_NEVER;
	for (i = ab_table_next(e, &e->targets, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->targets, i)) {
		struct ab_target *t = ab_target_at(e, i);

		if (t->is_dirty || ab_mono_reached(t->due, e->now) ||
		    (t->waits_for_job && e->is_login_ended)) {
			plan_target(s, t);
			is_any = true;
		}
		/* What did not fit is planned again in the next step. */
		t->is_dirty = t->waits_for_job && e->is_starved;
		e->is_targets_dirty |= t->is_dirty;
		e->targets_due = ab_mono_min(e->targets_due, t->due);
	}
	e->is_login_ended = false;
	if (!is_any)
		return;
	count_sessions(e);
	ab_plan_port_states(s);
}
