// SPDX-License-Identifier: GPL-2.0-or-later
/* The kernel's sessions, multipathd, and the administrator's hand on both. */
#include "internal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "core/login_code.h"

/* Statuses of iscsiadm. */
#define E_NO_RECORD 21
#define E_EXISTS 15
#define E_CHAP 24
#define E_NO_SESSION 2
#define E_NO_MEMORY 3

/* Time that a session's disks get before it counts as one without any. */
#define DISKS_MS 5000

/* --- looking --- */

/* Is that session one over that record? A legacy record does not tell its TPGT. */
static bool is_over(const struct ab_node_key *session, const struct ab_node_key *record)
{
	struct ab_node_key key = *record;

	if (key.tpgt == AB_TPGT_UNKNOWN)
		key.tpgt = session->tpgt;
	return model_same_key(session, &key);
}

/* The first one over that record, or -1. */
static int find_over(const struct model *m, const struct ab_node_key *record)
{
	int i;

	for (i = 0; i < MODEL_SESSIONS; i++)
		if (m->sessions[i].is_live && is_over(&m->sessions[i].key, record))
			return i;
	return -1;
}

static int find_sid(const struct model *m, uint32_t sid)
{
	int i;

	for (i = 0; i < MODEL_SESSIONS; i++)
		if (m->sessions[i].is_live && m->sessions[i].sid == sid)
			return i;
	return -1;
}

static bool has_login_job(const struct model *m, const struct ab_node_key *record)
{
	uint32_t i;

	for (i = 0; i < m->n_jobs; i++)
		if (m->jobs[i].type == AB_EF_LOGIN &&
		    model_same_key(&m->jobs[i].login.key, record))
			return true;
	return false;
}

bool model_is_in_use(const struct model *m, const struct ab_node_key *record)
{
	return find_over(m, record) >= 0 || has_login_job(m, record);
}

int model_find_session(const struct model *m, unsigned int portal, unsigned int target,
		       const char *iface)
{
	struct ab_node_key key = { .portal = model_portal_at(m, portal),
				   .tpgt = AB_TPGT_UNKNOWN };

	(void)snprintf(key.target, sizeof(key.target), "iqn.2026-01.test:t%u", target);
	(void)snprintf(key.iface, sizeof(key.iface), "%s", iface);
	return find_over(m, &key);
}

unsigned int model_count_sessions(const struct model *m)
{
	unsigned int i, n = 0;

	for (i = 0; i < MODEL_SESSIONS; i++)
		n += m->sessions[i].is_live;
	return n;
}

/* --- rules --- */

/* Does the engine hold the session for one over a binding that it wants, or is it
 * somebody else's? Only what it once made and wants no more does not count. */
static bool does_count(struct model *m, const struct model_session *session)
{
	const struct ab_engine *e = model_engine_const(m);
	uint32_t slot = ab_world_find_session(e, session->sid);
	const struct ab_node *n;

	if (slot == AB_NONE)
		return false;
	n = ab_node_at_const(e, ab_session_at_const(e, slot)->node);
	return n->is_wanted || n->record.ledger != AB_OWNER_OURS;
}

/* Sessions of a target, and logins to it under way. */
static unsigned int count_of_target(struct model *m, const char *target)
{
	unsigned int i, n = 0;

	for (i = 0; i < MODEL_SESSIONS; i++)
		n += m->sessions[i].is_live && does_count(m, &m->sessions[i]) &&
		     strcmp(m->sessions[i].key.target, target) == 0;
	for (i = 0; i < m->n_jobs; i++)
		n += m->jobs[i].type == AB_EF_LOGIN &&
		     strcmp(m->jobs[i].login.key.target, target) == 0;
	return n;
}

static unsigned int count_jobs(const struct model *m, enum ab_effect_type type)
{
	unsigned int i, n = 0;

	for (i = 0; i < m->n_jobs; i++)
		n += m->jobs[i].type == (uint32_t)type;
	return n;
}

/* Would multipathd take a second path to what this session shows? */
static bool is_taken(const struct model *m, const struct model_session *s)
{
	if (!s->is_told || (s->state == AB_SESSION_FREE && s->n_disks == 0) ||
	    s->n_known < s->n_disks)
		return false;
	if (s->n_disks == 0 &&
	    ab_mono_before(m->now, ab_mono_add_ms(s->since, DISKS_MS)))
		return false;
	return m->multipath == AB_MULTIPATH_READY ||
	       (m->multipath == AB_MULTIPATH_STRICT && s->n_mapped >= s->n_disks);
}

static void check_gate(struct model *m, const char *target)
{
	bool has_any = false, is_open = false;
	unsigned int i;

	for (i = 0; i < m->n_jobs; i++)
		has_any |= m->jobs[i].type == AB_EF_LOGIN &&
			   strcmp(m->jobs[i].login.key.target, target) == 0;
	for (i = 0; i < MODEL_SESSIONS; i++) {
		const struct model_session *s = &m->sessions[i];

		if (!s->is_live || !s->is_told || strcmp(s->key.target, target) != 0)
			continue;
		has_any = true;
		is_open |= is_taken(m, s);
	}
	if (has_any && !is_open)
		model_violate(m, "no second session without multipathd");
}

/* What the policy allows. */
static void check_limits(struct model *m, const struct ab_effect *ef)
{
	const struct ab_policy *pol = &m->set->policies[ef->login.policy];
	const char *target = ef->login.key.target;

	if (pol->action != AB_ACTION_LOGIN)
		model_violate(m, "no login where the policy has none");
	if (count_of_target(m, target) >= pol->sessions_max)
		model_violate(m, "no more sessions of a target than SessionsPerTarget");
	if (model_count_sessions(m) + count_jobs(m, AB_EF_LOGIN) >= pol->sessions_total)
		model_violate(m, "no more sessions than TotalSessions");
	if (count_jobs(m, AB_EF_LOGIN) + count_jobs(m, AB_EF_LOGOUT) >=
	    pol->concurrency)
		model_violate(m, "no more logins at a time than Concurrency");
	if (pol->multipath == AB_MULTIPATH_REQUIRE)
		check_gate(m, target);
}

static int find_held(const struct model *m, const struct ab_node_key *record)
{
	int i;

	for (i = 0; i < MODEL_SESSIONS; i++)
		if (m->is_session_held[i] && is_over(&m->held_sessions[i], record))
			return i;
	return -1;
}

void model_check_login(struct model *m, const struct ab_effect *ef)
{
	const struct ab_engine *e = model_engine_const(m);
	const struct ab_node_key *key = &ef->login.key;
	struct model_record *r = model_find_record(m, MODEL_NODE, NULL, key);
	int session = find_over(m, key);

	m->n_logins++;
	if (!e->is_fresh[AB_SOURCE_SESSIONS] || !e->is_fresh[AB_SOURCE_RECORDS] ||
	    !e->is_fresh[AB_SOURCE_LEDGER])
		model_violate(m, "no login while an input is stale");
	if (e->is_paused || m->no_login)
		model_violate(m, "no login while paused or with --no-login");
	if (!model_is_up(e, key))
		model_violate(m, "no login through a path that is not up");
	if (!r || !r->is_present)
		model_violate(m, "logs in only with a record that is there");
	if (session >= 0 && m->sessions[session].is_told)
		model_violate(m, "one session a binding");
	if (has_login_job(m, key))
		model_violate(m, "one login a binding at a time");
	if (find_held(m, key) >= 0)
		model_violate(m, "a session that the administrator ended stays ended");
	check_limits(m, ef);
}

/* Is a login under way to a binding of the target that the engine has chosen? */
static bool is_replacement_due(const struct model *m, const char *target)
{
	const struct ab_engine *e = model_engine_const(m);
	uint32_t i, slot;

	for (i = 0; i < m->n_jobs; i++) {
		if (m->jobs[i].type != AB_EF_LOGIN ||
		    strcmp(m->jobs[i].login.key.target, target) != 0)
			continue;
		slot = ab_world_find_node_key(e, &m->jobs[i].login.key);
		if (slot != AB_NONE && ab_node_at_const(e, slot)->login.is_chosen &&
		    find_over(m, &m->jobs[i].login.key) < 0)
			return true;
	}
	return false;
}

void model_check_logout(struct model *m, const struct ab_effect *ef)
{
	const struct ab_engine *e = model_engine_const(m);
	int session = find_sid(m, ef->logout.sid);
	const struct model_record *r;
	unsigned int i;

	if (session >= 0) {
		r = model_find_record(m, MODEL_NODE, NULL, &ef->logout.key);
		if (m->sessions[session].is_firmware || !r || !r->is_present ||
		    !r->is_ours || r->edits ||
		    !is_over(&m->sessions[session].key, &r->key))
			model_violate(m, "a foreign session is never logged out");
	}
	if (is_replacement_due(m, ef->logout.key.target))
		model_violate(m,
			      "what takes a session's place stands before it is ended");
	for (i = 0; i < m->n_jobs; i++)
		if (m->jobs[i].type == AB_EF_LOGOUT &&
		    find_sid(m, m->jobs[i].logout.sid) >= 0)
			model_violate(m, "one logout at a time");
	for (i = 0; i < AB_SOURCE_MAX; i++)
		if (!e->is_fresh[i])
			model_violate(m, "no logout while an input is stale");
	if (e->is_paused || m->no_login || m->is_ledger_unreadable)
		model_violate(m, "no logout while paused, with --no-login or blind");
}

/* --- telling --- */

static void fill_session(const struct model_session *s, struct ab_session *ret)
{
	ret->sid = s->sid;
	ret->host = s->sid;
	ret->state = s->state;
	ret->is_firmware = s->is_firmware;
	ret->n_disks = s->n_disks;
	ret->n_mapped = s->n_mapped;
	ret->node = s->key;
	ret->peer = s->key.portal;
	(void)snprintf(ret->transport, sizeof(ret->transport), "tcp");
}

static void push_mapped(const struct model_session *s, struct model_queue *q)
{
	struct ab_event *ev = model_push(q, AB_EV_MAPPED);

	ev->mapped.sid = s->sid;
	ev->mapped.n_known = s->n_known;
}

/* As sysfs shows it, then what multipathd says of its disks. */
static void push_session(struct model *m, struct model_session *s,
			 struct model_queue *q)
{
	if (!s->is_told)
		s->since = m->now;
	s->is_told = true;
	fill_session(s, &model_push(q, AB_EV_SESSION)->session);
}

static void tell_session(struct model *m, struct model_session *s)
{
	struct model_queue q = { .n = 0 };

	push_session(m, s, &q);
	push_mapped(s, &q);
	model_run(m, &q);
}

/* Whatever is new to the engine, multipathd is asked about. */
void model_dump_sessions(struct model *m, struct model_queue *q)
{
	bool is_new[MODEL_SESSIONS];
	unsigned int i;

	model_push(q, AB_EV_DUMP_BEGIN)->dump.source = AB_SOURCE_SESSIONS;
	for (i = 0; i < MODEL_SESSIONS; i++) {
		is_new[i] = m->sessions[i].is_live && !m->sessions[i].is_told;
		if (m->sessions[i].is_live)
			push_session(m, &m->sessions[i], q);
	}
	model_push(q, AB_EV_DUMP_END)->dump.source = AB_SOURCE_SESSIONS;
	for (i = 0; i < MODEL_SESSIONS; i++)
		if (is_new[i])
			push_mapped(&m->sessions[i], q);
}

void model_dump_multipath(const struct model *m, struct model_queue *q)
{
	unsigned int i;

	model_push(q, AB_EV_MULTIPATH)->multipath.state = m->multipath;
	for (i = 0; i < MODEL_SESSIONS; i++)
		if (m->sessions[i].is_live)
			push_mapped(&m->sessions[i], q);
}

/* --- the kernel --- */

/* Through the port that it is bound to; -1: through any. */
static bool can_reach(const struct model *m, int port, const struct ab_portal *to)
{
	int portal = model_portal_of(m, &to->addr), i;

	for (i = 0; i < MODEL_PORTS && portal >= 0; i++)
		if ((port < 0 || port == i) &&
		    model_reaches(m, (unsigned int)i, (unsigned int)portal))
			return true;
	return false;
}

static uint8_t state_of(const struct model *m, const struct model_session *s)
{
	return can_reach(m, s->port, &s->key.portal) ? AB_SESSION_LOGGED_IN
						     : AB_SESSION_FAILED;
}

bool model_session_is_news(const struct model *m, unsigned int session)
{
	const struct model_session *s = &m->sessions[session];

	return s->is_live && (!s->is_told || s->state != state_of(m, s));
}

void model_session(struct model *m, unsigned int session)
{
	model_session_state(m, session, state_of(m, &m->sessions[session]));
}

void model_session_state(struct model *m, unsigned int session,
			 enum ab_session_state state)
{
	struct model_session *s = &m->sessions[session];

	if (s->state != (uint8_t)state)
		s->since = m->now;
	s->state = (uint8_t)state;
	tell_session(m, s);
}

void model_disks(struct model *m, unsigned int session, uint16_t n_disks,
		 uint16_t n_mapped, uint16_t n_known)
{
	struct model_session *s = &m->sessions[session];

	s->n_disks = n_disks;
	s->n_mapped = n_mapped;
	s->n_known = n_known;
	tell_session(m, s);
}

void model_multipath(struct model *m, enum ab_multipath state)
{
	struct ab_event ev;

	m->multipath = (uint8_t)state;
	model_event(&ev, AB_EV_MULTIPATH);
	ev.multipath.state = (uint8_t)state;
	model_feed(m, &ev);
}

/* Return: its slot, or -1 when there is no room. */
static int make_session(struct model *m, const struct ab_node_key *record, int port)
{
	struct model_session *s = NULL;
	unsigned int i;

	for (i = 0; i < MODEL_SESSIONS && !s; i++)
		if (!m->sessions[i].is_live)
			s = &m->sessions[i];
	if (!s)
		return -1;
	*s = (struct model_session){ .is_live = true,
				     .sid = ++m->last_sid,
				     .port = port,
				     .n_disks = m->n_disks,
				     .key = *record };
	if (s->key.tpgt == AB_TPGT_UNKNOWN)
		s->key.tpgt = 1;
	s->state = state_of(m, s);
	if (m->takes_disks)
		s->n_mapped = s->n_known = s->n_disks;
	return (int)(s - m->sessions);
}

static bool does_refuse(const struct model *m, const struct ab_portal *to)
{
	int portal = model_portal_of(m, &to->addr);

	return portal >= 0 && m->refuses[portal];
}

static enum ab_outcome log_in(struct model *m, const struct ab_effect *ef,
			      struct model_queue *q, int32_t *ret_code)
{
	const struct ab_node_key *key = &ef->login.key;
	struct model_record *r = model_find_record(m, MODEL_NODE, NULL, key);
	int port = ef->login.ifindex ? model_port_of(m, ef->login.ifindex) : -1, slot;

	*ret_code = 0;
	if (!r || !r->is_present)
		*ret_code = E_NO_RECORD;
	else if (find_over(m, key) >= 0)
		*ret_code = E_EXISTS;
	else if ((ef->login.ifindex && port < 0) || !can_reach(m, port, &key->portal))
		*ret_code = AB_LOGIN_E_CONNECT;
	else if (does_refuse(m, &key->portal))
		*ret_code = E_CHAP;
	if (*ret_code)
		return ab_login_outcome(*ret_code);
	slot = make_session(m, key, port);
	if (slot < 0) {
		*ret_code = E_NO_MEMORY;
		return ab_login_outcome(*ret_code);
	}
	if (q) {
		push_session(m, &m->sessions[slot], q);
		push_mapped(&m->sessions[slot], q);
	}
	return AB_OUTCOME_DONE;
}

static enum ab_outcome log_out(struct model *m, const struct ab_effect *ef,
			       struct model_queue *q, int32_t *ret_code)
{
	int i = find_sid(m, ef->logout.sid);

	*ret_code = i >= 0 ? 0 : E_NO_SESSION;
	if (i >= 0)
		m->sessions[i] = (struct model_session){ 0 };
	if (i >= 0 && q)
		model_push(q, AB_EV_SESSION_GONE)->session.sid = ef->logout.sid;
	return ab_logout_outcome(*ret_code);
}

enum ab_outcome model_do_session(struct model *m, const struct ab_effect *ef,
				 struct model_queue *q, int32_t *ret_code)
{
	return ef->type == AB_EF_LOGIN ? log_in(m, ef, q, ret_code)
				       : log_out(m, ef, q, ret_code);
}

/* --- the administrator --- */

void model_forget_held_sessions(struct model *m)
{
	memset(m->is_session_held, 0, sizeof(m->is_session_held));
	memset(m->held_sessions, 0, sizeof(m->held_sessions));
}

/* Would the engine have to take it for the administrator's word? */
static bool is_word(const struct model *m, const struct model_session *s)
{
	const struct ab_engine *e = model_engine_const(m);
	uint32_t slot = ab_world_find_session(e, s->sid);
	const struct ab_session_item *item;
	const struct ab_node *n;

	if (slot == AB_NONE || e->is_quiesced || s->state != AB_SESSION_LOGGED_IN)
		return false;
	item = ab_session_at_const(e, slot);
	n = ab_node_at_const(e, item->node);
	return !item->job && !n->login.job && n->login.is_chosen &&
	       n->login.session == slot && item->next == AB_NONE &&
	       model_is_up(e, &s->key);
}

static void hold(struct model *m, const struct ab_node_key *key)
{
	int i = find_held(m, key);

	if (i < 0)
		for (i = 0; m->is_session_held[i]; i++)
			assert(i + 1 < MODEL_SESSIONS);
	m->is_session_held[i] = true;
	m->held_sessions[i] = *key;
}

bool model_session_is_held(const struct model *m, unsigned int portal,
			   unsigned int target, const char *iface)
{
	struct ab_node_key key = { .portal = model_portal_at(m, portal),
				   .tpgt = AB_TPGT_UNKNOWN };

	(void)snprintf(key.target, sizeof(key.target), "iqn.2026-01.test:t%u", target);
	(void)snprintf(key.iface, sizeof(key.iface), "%s", iface);
	return find_held(m, &key) >= 0;
}

void model_log_out(struct model *m, unsigned int session)
{
	struct model_session s = m->sessions[session];
	struct ab_event ev;

	assert(s.is_live);
	if (is_word(m, &s))
		hold(m, &s.key);
	m->sessions[session] = (struct model_session){ 0 };
	model_event(&ev, AB_EV_SESSION_GONE);
	ev.session.sid = s.sid;
	model_feed(m, &ev);
}

int model_log_in(struct model *m, const struct ab_node_key *key, int port,
		 bool is_firmware)
{
	int slot = make_session(m, key, port), held;

	if (slot < 0)
		return slot;
	m->sessions[slot].is_firmware = is_firmware;
	held = find_held(m, &m->sessions[slot].key);
	if (held >= 0 && m->sessions[slot].state == AB_SESSION_LOGGED_IN) {
		m->is_session_held[held] = false;
		memset(&m->held_sessions[held], 0, sizeof(m->held_sessions[held]));
	}
	tell_session(m, &m->sessions[slot]);
	return slot;
}

/* Unordered; numbers of sessions mean nothing. */
uint64_t model_hash_sessions(const struct model *m)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < MODEL_SESSIONS; i++) {
		struct model_session s = m->sessions[i];

		s.sid = 0;
		s.since = ab_mono_ns(0);
		if (s.is_live)
			sum += model_mix(4, &s, sizeof(s));
		if (m->is_session_held[i])
			sum += model_mix(5, &m->held_sessions[i],
					 sizeof(m->held_sessions[i]));
	}
	sum = model_mix(sum, m->refuses, sizeof(m->refuses));
	return model_mix(sum, &m->multipath, sizeof(m->multipath));
}
