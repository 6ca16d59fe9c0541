// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every state that the engine can get into in small worlds, with the engine's own code.
 *
 * Depth first over the model of tests/model: any job may end in any way, any path may
 * be probed, time may pass up to the next deadline, and up to a budget of times
 * something happens: a cable, an address, a name, a portal, a policy, the
 * administrator's hand, a restart, a failure. In every state the model's rules hold and
 * planning again asks for nothing; and from every state, when it is left alone, the
 * plan becomes empty with the same records as after a fresh start, and with a session
 * wherever there can be one.
 *
 * A state is known again by the hash of the engine's projection and of the model's own
 * part (hash compaction: two of a million states are mixed up with a probability below
 * 1 in 10 million). mc_engine [BUDGET [WORLD]] takes another budget than the worlds'
 * own, 0: the same, and one world only.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../model/model.h"
#include "core/world.h"

#define DEPTH_MAX 160
#define CALM_MAX 600
#define SLOTS (UINT32_C(1) << 22)

/* Port 0 may be renamed within Name, port 1 out of it; moving is out of Address. */
#define HEAD                                                                           \
	"[Match]\nName = eth0 eth1 eth5\nAddress = 10.0.0.0/24\n"                      \
	"[Portals]\nDiscover = 10.0.0.100\nTargets = *\nRefresh = 7d\n"
#define TAIL "[Probe]\nRise = 1\nFall = 1\nIntervalDown = 10s..10s\n[Bind]\n"
#define RECORD TAIL "Action = record\n"
/* Longest wait after a failure as long as the first one: fewer states. */
#define LOGIN                                                                          \
	TAIL "Action = login\nSessionsPerPort = 2\nConcurrency = 1\n"                  \
	     "Retry = 2s..2s\n"

enum start {
	NOTHING,
	BOUND,	/* everything plugged and bound, and logged in where that is wanted */
	RESTART /* the same, and the daemon has just started */
};

struct world {
	const char *name;
	unsigned int n_ports, n_portals, budget;
	enum start start;
	const char *tail; /* of its policies */
};

static const struct world worlds[] = {
	{ "1 port, 2 portals, from nothing", 1, 2, 4, NOTHING, RECORD },
	{ "1 port, 2 portals, bound", 1, 2, 3, BOUND, RECORD },
	{ "2 ports, 1 portal, bound", 2, 1, 2, BOUND, RECORD },
	{ "sessions: 1 port, 2 portals, from nothing", 1, 2, 3, NOTHING, LOGIN },
	{ "sessions: 1 port, 2 portals, all logged in", 1, 2, 3, BOUND, LOGIN },
	{ "sessions: 1 port, 2 portals, a restart", 1, 2, 2, RESTART, LOGIN },
};

enum action_kind {
	ACT_DO,
	ACT_PROBE,
	ACT_SESSION,
	ACT_TICK,
	ACT_FREE = ACT_TICK, /* up to here nothing is taken from the budget */
	ACT_RETRY,
	ACT_DENIED,
	ACT_UNKNOWN,
	ACT_UNKNOWN_DONE,
	ACT_PLUG,
	ACT_CARRIER,
	ACT_ADDR,
	ACT_MOVE,
	ACT_RENAME,
	ACT_ENSLAVE,
	ACT_PORTAL,
	ACT_POLICY,
	ACT_RESTART,
	ACT_REMOVE,
	ACT_SWEEP,
	ACT_EDIT,
	ACT_FOREIGN,
	ACT_APPLY,
	ACT_PAUSE,
	ACT_LOGOUT,
	ACT_LOGIN,
	ACT_MULTIPATH,
	ACT_REFUSE,
	ACT_MAX
};

static const char *const action_names[ACT_MAX] = {
	[ACT_DO] = "job is done",
	[ACT_PROBE] = "probe",
	[ACT_SESSION] = "session fails or is back",
	[ACT_TICK] = "next deadline",
	[ACT_RETRY] = "job: RETRY",
	[ACT_DENIED] = "job: DENIED",
	[ACT_UNKNOWN] = "job: UNKNOWN, not done",
	[ACT_UNKNOWN_DONE] = "job: UNKNOWN, done",
	[ACT_PLUG] = "plug or unplug port",
	[ACT_CARRIER] = "carrier of port",
	[ACT_ADDR] = "address of port comes or goes",
	[ACT_MOVE] = "address of port moves",
	[ACT_RENAME] = "port is renamed",
	[ACT_ENSLAVE] = "port is enslaved or freed",
	[ACT_PORTAL] = "portal comes or goes",
	[ACT_POLICY] = "other policy",
	[ACT_RESTART] = "restart",
	[ACT_REMOVE] = "somebody removes record",
	[ACT_SWEEP] = "a discovery by hand removes record",
	[ACT_EDIT] = "somebody edits record",
	[ACT_FOREIGN] = "somebody makes iface",
	[ACT_APPLY] = "apply",
	[ACT_PAUSE] = "pause or resume",
	[ACT_LOGOUT] = "somebody ends session",
	[ACT_LOGIN] = "somebody logs in to portal",
	[ACT_MULTIPATH] = "multipathd starts or stops",
	[ACT_REFUSE] = "portal begins or ceases to refuse logins",
};

struct action {
	uint8_t kind;
	uint8_t arg;
};

/* One level of the search. */
struct level {
	struct model m;
	unsigned int budget;
	struct action next; /* to be tried; before it all have been */
	struct action taken;
};

struct set {
	uint64_t key[SLOTS]; /* 0: free */
	uint8_t value[SLOTS];
	uint32_t n;
};

struct search {
	const struct world *world;
	const struct ab_policy_set *policies[2];
	struct set *seen; /* value: largest budget that it was left with, + 1 */
	struct set *calm; /* states that are known to come to the right rest */
	struct level *stack;
	unsigned int depth;
	struct model *scratch, *fresh;
	uint64_t n_states, n_transitions, n_rests;
	const char *broken;
};

static uint8_t *set_at(struct set *set, uint64_t key)
{
	uint32_t i = (uint32_t)key & (SLOTS - 1);

	key += key == 0;
	while (set->key[i] && set->key[i] != key)
		i = (i + 1) & (SLOTS - 1);
	if (!set->key[i]) {
		assert(++set->n < SLOTS - SLOTS / 8);
		set->key[i] = key;
	}
	return &set->value[i];
}

/* --- what may happen --- */

static bool is_live(const struct model *m, unsigned int record)
{
	return record < MODEL_RECORDS && m->records[record].kind != MODEL_NONE &&
	       m->records[record].is_present;
}

static bool is_own(const struct model *m, unsigned int record)
{
	return is_live(m, record) && m->records[record].is_ours &&
	       !m->records[record].edits;
}

static bool any_held(const struct model *m)
{
	unsigned int i;

	for (i = 0; i < MODEL_RECORDS; i++)
		if (m->records[i].is_held)
			return true;
	for (i = 0; i < MODEL_SESSIONS; i++)
		if (m->is_session_held[i])
			return true;
	return false;
}

static bool has_sessions(const struct world *w)
{
	return strcmp(w->tail, LOGIN) == 0;
}

/* Sessions have worlds of their own, with less of what others explore. */
static bool is_in_world(const struct world *w, enum action_kind kind)
{
	switch (kind) {
	case ACT_SESSION:
	case ACT_LOGOUT:
	case ACT_LOGIN:
	case ACT_MULTIPATH:
	case ACT_REFUSE:
		return has_sessions(w);
	case ACT_ADDR:
	case ACT_MOVE:
	case ACT_RENAME:
	case ACT_ENSLAVE:
	case ACT_SWEEP:
	case ACT_EDIT:
	case ACT_FOREIGN:
		return !has_sessions(w);
	case ACT_DO:
	case ACT_PROBE:
	case ACT_TICK:
	case ACT_RETRY:
	case ACT_DENIED:
	case ACT_UNKNOWN:
	case ACT_UNKNOWN_DONE:
	case ACT_PLUG:
	case ACT_CARRIER:
	case ACT_PORTAL:
	case ACT_POLICY:
	case ACT_RESTART:
	case ACT_REMOVE:
	case ACT_APPLY:
	case ACT_PAUSE:
	case ACT_MAX:
		break;
	}
	return true;
}

/* How many arguments a kind has; one that is not possible now is skipped. */
static unsigned int count_args(const struct search *s, const struct model *m,
			       enum action_kind kind)
{
	if (!is_in_world(s->world, kind))
		return 0;
	switch (kind) {
	case ACT_DO:
	case ACT_RETRY:
	case ACT_DENIED:
	case ACT_UNKNOWN:
	case ACT_UNKNOWN_DONE:
		return m->n_jobs;
	case ACT_PROBE:
		return MODEL_PROBES;
	case ACT_PLUG:
	case ACT_CARRIER:
	case ACT_ADDR:
	case ACT_MOVE:
	case ACT_RENAME:
	case ACT_ENSLAVE:
		return s->world->n_ports;
	case ACT_PORTAL:
	case ACT_LOGIN:
	case ACT_REFUSE:
		return s->world->n_portals;
	case ACT_SESSION:
	case ACT_LOGOUT:
		return MODEL_SESSIONS;
	case ACT_REMOVE:
	case ACT_SWEEP:
	case ACT_EDIT:
		return 6;
	case ACT_TICK:
	case ACT_POLICY:
	case ACT_RESTART:
	case ACT_FOREIGN:
	case ACT_APPLY:
	case ACT_PAUSE:
	case ACT_MULTIPATH:
		return 1;
	case ACT_MAX:
		break;
	}
	return 0;
}

/* A second session over a record is one that nobody would make by hand here. */
static bool can_log_in(const struct model *m, unsigned int portal)
{
	return model_reaches(m, 0, portal) && !m->refuses[portal] &&
	       model_find_node(m, portal, 0, "ab-eth0") >= 0 &&
	       model_find_session(m, portal, 0, "ab-eth0") < 0;
}

static bool is_possible(const struct model *m, struct action a)
{
	const struct model_port *p = &m->ports[a.arg % MODEL_PORTS];

	switch ((enum action_kind)a.kind) {
	case ACT_PROBE:
		return model_probe_is_news(m, a.arg);
	case ACT_SESSION:
		return model_session_is_news(m, a.arg);
	case ACT_LOGOUT:
		return m->sessions[a.arg].is_live;
	case ACT_LOGIN:
		return can_log_in(m, a.arg);
	case ACT_DENIED:
	case ACT_UNKNOWN_DONE:
		return m->jobs[a.arg].type != AB_EF_DISCOVER;
	case ACT_CARRIER:
	case ACT_ADDR:
	case ACT_MOVE:
	case ACT_RENAME:
	case ACT_ENSLAVE:
		return p->is_plugged;
	case ACT_REMOVE:
		return is_live(m, a.arg);
	case ACT_SWEEP:
		return is_own(m, a.arg) && m->records[a.arg].kind == MODEL_NODE;
	case ACT_EDIT:
		return is_own(m, a.arg);
	case ACT_FOREIGN:
		return model_find_iface(m, "ab-eth0") < 0;
	case ACT_APPLY:
		return any_held(m);
	case ACT_DO:
	case ACT_TICK:
	case ACT_RETRY:
	case ACT_UNKNOWN:
	case ACT_PLUG:
	case ACT_PORTAL:
	case ACT_POLICY:
	case ACT_RESTART:
	case ACT_PAUSE:
	case ACT_MULTIPATH:
	case ACT_REFUSE:
	case ACT_MAX:
		break;
	}
	return true;
}

static int policy_of(struct model *m, unsigned int port)
{
	uint32_t slot = ab_world_find_port(model_engine(m), m->ports[port].ifindex);

	return slot == AB_NONE ? -1 : ab_port_at(model_engine(m), slot)->policy;
}

/* Carrier and address alone never untake a port. */
static void check_taken(struct model *m, unsigned int port, int before)
{
	if (before >= 0 && policy_of(m, port) != before && !m->violation &&
	    !m->ports[port].is_enslaved)
		m->violation = "taken stays taken";
}

static void act_on_port(struct model *m, struct action a)
{
	struct model_port *p = &m->ports[a.arg];
	int before = policy_of(m, a.arg);

	if (a.kind == ACT_PLUG)
		p->is_plugged ? model_unplug(m, a.arg) : model_plug(m, a.arg);
	else if (a.kind == ACT_ENSLAVE)
		model_enslave(m, a.arg, !p->is_enslaved);
	else if (a.kind == ACT_CARRIER)
		model_carrier(m, a.arg, !p->has_carrier);
	else if (a.kind == ACT_ADDR)
		model_addr(m, a.arg, !p->has_addr);
	else if (a.kind == ACT_MOVE)
		model_move(m, a.arg, !p->subnet);
	else
		model_rename(m, a.arg, p->name < 5 ? p->name + 5 : p->name - 5);
	if (a.kind != ACT_PLUG && a.kind != ACT_ENSLAVE)
		check_taken(m, a.arg, before);
}

static void act_on_records(struct model *m, struct action a)
{
	if (a.kind == ACT_EDIT)
		model_edit(m, a.arg);
	else if (a.kind == ACT_FOREIGN)
		model_foreign_iface(m, "ab-eth0", "eth0");
	else
		model_remove(m, a.arg, a.kind == ACT_SWEEP);
}

static void act_on_sessions(struct model *m, struct action a)
{
	struct ab_node_key key;
	int record;

	if (a.kind == ACT_SESSION) {
		model_session(m, a.arg);
	} else if (a.kind == ACT_LOGOUT) {
		model_log_out(m, a.arg);
	} else if (a.kind == ACT_REFUSE) {
		m->refuses[a.arg] = !m->refuses[a.arg];
	} else if (a.kind == ACT_MULTIPATH) {
		model_multipath(m, m->multipath == AB_MULTIPATH_READY
					   ? AB_MULTIPATH_ABSENT
					   : AB_MULTIPATH_READY);
	} else {
		record = model_find_node(m, a.arg, 0, "ab-eth0");
		key = m->records[record].key;
		(void)model_log_in(m, &key, 0, false);
	}
}

static void act(const struct search *s, struct model *m, struct action a)
{
	switch ((enum action_kind)a.kind) {
	case ACT_DO:
		model_do(m, a.arg);
		break;
	case ACT_PROBE:
		model_probe(m, a.arg);
		break;
	case ACT_TICK:
		(void)model_tick(m);
		break;
	case ACT_RETRY:
		model_fail(m, a.arg, AB_OUTCOME_RETRY, false);
		break;
	case ACT_DENIED:
		model_fail(m, a.arg, AB_OUTCOME_DENIED, false);
		break;
	case ACT_UNKNOWN:
	case ACT_UNKNOWN_DONE:
		model_fail(m, a.arg, AB_OUTCOME_UNKNOWN, a.kind == ACT_UNKNOWN_DONE);
		break;
	case ACT_PLUG:
	case ACT_CARRIER:
	case ACT_ADDR:
	case ACT_MOVE:
	case ACT_RENAME:
	case ACT_ENSLAVE:
		act_on_port(m, a);
		break;
	case ACT_PORTAL:
		m->portals[a.arg].answers = !m->portals[a.arg].answers;
		break;
	case ACT_POLICY:
		model_policy(m, s->policies[m->set == s->policies[0]]);
		break;
	case ACT_RESTART:
		model_boot(m);
		break;
	case ACT_REMOVE:
	case ACT_SWEEP:
	case ACT_EDIT:
	case ACT_FOREIGN:
		act_on_records(m, a);
		break;
	case ACT_SESSION:
	case ACT_LOGOUT:
	case ACT_LOGIN:
	case ACT_MULTIPATH:
	case ACT_REFUSE:
		act_on_sessions(m, a);
		break;
	case ACT_APPLY:
		model_command(m, AB_COMMAND_APPLY);
		break;
	case ACT_PAUSE:
		model_command(m, model_engine(m)->is_paused ? AB_COMMAND_RESUME
							    : AB_COMMAND_PAUSE);
		break;
	case ACT_MAX:
		break;
	}
}

/* --- what it comes to when it is left alone --- */

/* Until a state of rest comes again. Return: false when it does not. */
static bool calm_down(struct search *s, struct model *m, bool is_known_enough)
{
	uint64_t rests[CALM_MAX];
	unsigned int i, n = 0, k;

	for (i = 0; i < CALM_MAX; i++) {
		uint64_t h;

		if (m->violation)
			return true;
		if (model_calm_step(m, false))
			continue;
		h = model_hash(m);
		if (is_known_enough && *set_at(s->calm, h))
			return true;
		for (k = 0; k < n; k++)
			if (rests[k] == h)
				return true;
		rests[n++] = h;
		if (!model_tick(m))
			return true;
	}
	return false;
}

/* A fresh start with the same surroundings: node records of ours never were. */
static void start_fresh(struct search *s, const struct model *m)
{
	struct model *f = s->fresh;
	unsigned int i, k;

	memcpy(f, m, sizeof(*f));
	for (i = 0; i < MODEL_RECORDS; i++) {
		struct model_record *r = &f->records[i];
		const struct ab_ledger_entry *own = model_ledger(f, r);

		if (r->kind != MODEL_NODE || !is_own(f, i))
			continue;
		for (k = 0; k < MODEL_RECORDS; k++)
			if (own == &f->ledger[k])
				f->in_ledger[k] = false;
		memset(r, 0, sizeof(*r));
	}
	model_boot(f);
}

static bool has_record(const struct model *m, const struct model_record *r)
{
	unsigned int i;

	for (i = 0; i < MODEL_RECORDS; i++)
		if (m->records[i].kind == MODEL_NODE && m->records[i].is_present &&
		    model_same_key(&m->records[i].key, &r->key))
			return true;
	return false;
}

/* Is the iface of that name ours, and as it should be, on a port that is taken? */
static bool is_in_order(struct model *m, const char *iface)
{
	int slot = model_find_iface(m, iface), port;

	if (slot < 0 || !is_own(m, (unsigned int)slot))
		return false;
	port = model_port_of_iface(m, iface);
	return port >= 0 && m->ports[port].is_plugged &&
	       policy_of(m, (unsigned int)port) >= 0;
}

static const char *check_ifaces(struct model *m)
{
	char name[AB_NETDEV_NAME];
	unsigned int i;

	for (i = 0; i < MODEL_RECORDS; i++) {
		const struct model_record *r = &m->records[i];
		int port;

		if (r->kind != MODEL_IFACE || !is_in_order(m, r->binding.iface))
			continue;
		port = model_port_of_iface(m, r->binding.iface);
		(void)snprintf(name, sizeof(name), "eth%u", m->ports[port].name);
		if (strcmp(name, r->binding.netdev) != 0)
			return "at rest an iface record has its port's name";
	}
	return NULL;
}

/* Through port 0; at rest, and not paused. Portal 0 tells of them all: without it a
 * daemon that has just started knows of none. */
static bool should_be_logged_in(const struct search *s, struct model *m,
				unsigned int portal)
{
	int record = model_find_node(m, portal, 0, "ab-eth0");
	int iface = model_find_iface(m, "ab-eth0");

	return m->ports[0].is_plugged && policy_of(m, 0) >= 0 &&
	       model_reaches(m, 0, 0) && model_reaches(m, 0, portal) && record >= 0 &&
	       iface >= 0 && !m->refuses[portal] &&
	       !model_session_is_held(m, portal, 0, "ab-eth0") &&
	       (m->set == s->policies[0] || portal != 1) &&
	       (m->multipath == AB_MULTIPATH_READY || model_count_sessions(m) == 0);
}

static const char *check_sessions(const struct search *s, struct model *m)
{
	unsigned int i;

	for (i = 0; i < s->world->n_portals && has_sessions(s->world); i++) {
		int session = model_find_session(m, i, 0, "ab-eth0");
		int record = model_find_node(m, i, 0, "ab-eth0");

		if (should_be_logged_in(s, m, i) && session < 0)
			return "at rest there is a session wherever there can be one";
		if (session >= 0 && m->set == s->policies[1] && i == 1 && record >= 0 &&
		    is_own(m, (unsigned int)record) && is_in_order(m, "ab-eth0"))
			return "at rest no session of ours is left that is denied";
	}
	return NULL;
}

/* m and s->fresh are at rest. */
static const char *compare(struct search *s, struct model *m)
{
	struct ab_portal denied = model_portal_at(m, 1);
	const char *broken = check_ifaces(m);
	unsigned int i;

	if (!broken)
		broken = check_sessions(s, m);
	if (!broken)
		broken = check_sessions(s, s->fresh);
	for (i = 0; i < MODEL_RECORDS && !broken; i++) {
		const struct model_record *r = &s->fresh->records[i];
		const struct model_record *old = &m->records[i];

		if (r->kind == MODEL_NODE && is_own(s->fresh, i) && !has_record(m, r))
			broken = "at rest all is there that a fresh start would make";
		if (m->set == s->policies[1] && old->kind == MODEL_NODE &&
		    is_own(m, i) && ab_portal_equal(&old->key.portal, &denied) &&
		    is_in_order(m, old->key.iface))
			broken = "at rest nothing of ours is left that is denied";
	}
	return broken;
}

static bool any_denied(const struct ab_engine *e)
{
	uint32_t i;

	for (i = 0; i < e->ifaces.high; i++)
		if (ab_iface_at_const(e, i)->record.is_denied)
			return true;
	for (i = 0; i < e->nodes.high; i++)
		if (ab_node_at_const(e, i)->record.is_denied ||
		    ab_node_at_const(e, i)->login.is_denied)
			return true;
	return false;
}

static const char *check_rest(struct search *s, const struct model *m)
{
	uint64_t path[CALM_MAX];
	struct model *c = s->scratch;
	const char *broken;
	unsigned int n = 0, i;

	memcpy(c, m, sizeof(*c));
	if (model_engine(c)->is_paused)
		model_command(c, AB_COMMAND_RESUME);
	/* What was refused for good is tried again after a reload. */
	if (any_denied(model_engine(c)))
		model_policy(c, c->set);
	do {
		path[n] = model_hash(c);
		if (*set_at(s->calm, path[n]))
			break;
		n++;
	} while (n < CALM_MAX && model_calm_step(c, false));
	if (n && !*set_at(s->calm, path[n - 1])) {
		if (n == CALM_MAX || !calm_down(s, c, true))
			return "left alone it comes to rest";
		if (c->violation)
			return c->violation;
		if (!*set_at(s->calm, model_hash(c))) {
			start_fresh(s, c);
			if (!calm_down(s, s->fresh, false))
				return "a fresh start comes to rest";
			broken = s->fresh->violation ? s->fresh->violation
						     : compare(s, c);
			if (broken)
				return broken;
			s->n_rests++;
			*set_at(s->calm, model_hash(c)) = 1;
		}
	}
	for (i = 0; i < n; i++)
		*set_at(s->calm, path[i]) = 1;
	return NULL;
}

/* --- the search --- */

/* Return: is this state, with that budget, new? */
static bool enter(struct search *s, struct level *l)
{
	uint8_t *seen;

	if (l->m.violation) {
		s->broken = l->m.violation;
		return false;
	}
	seen = set_at(s->seen, model_hash(&l->m));
	if (*seen > l->budget)
		return false;
	if (!*seen) {
		s->n_states++;
		s->broken = model_check(&l->m, s->scratch);
		if (!s->broken)
			s->broken = check_rest(s, &l->m);
	}
	*seen = (uint8_t)(l->budget + 1);
	return !s->broken;
}

/* The next action of a level that is possible; false: none is left. */
static bool next_action(const struct search *s, struct level *l)
{
	for (; l->next.kind < ACT_MAX; l->next.kind++, l->next.arg = 0) {
		unsigned int n = count_args(s, &l->m, (enum action_kind)l->next.kind);

		if (l->next.kind > ACT_FREE && l->budget == 0)
			return false;
		while (l->next.arg < n) {
			l->taken = l->next;
			l->next.arg++;
			if (is_possible(&l->m, l->taken))
				return true;
		}
	}
	return false;
}

static void search(struct search *s)
{
	if (!enter(s, &s->stack[0]))
		return;
	s->depth = 1;
	while (s->depth && !s->broken) {
		struct level *l = &s->stack[s->depth - 1], *to = l + 1;

		if (!next_action(s, l)) {
			s->depth--;
			continue;
		}
		assert(s->depth < DEPTH_MAX);
		memcpy(&to->m, &l->m, sizeof(to->m));
		to->budget = l->budget - (l->taken.kind > ACT_FREE);
		to->next = (struct action){ 0 };
		act(s, &to->m, l->taken);
		s->n_transitions++;
		if (enter(s, to))
			s->depth++;
	}
}

static void print_trace(const struct search *s)
{
	unsigned int i;

	printf("# broken: %s\n", s->broken);
	for (i = 0; i < s->depth; i++)
		printf("#   %s %u\n", action_names[s->stack[i].taken.kind],
		       s->stack[i].taken.arg);
	printf("#   effects: %s\n", s->stack[s->depth].m.trace);
}

static void begin(struct search *s, unsigned int budget)
{
	struct level *l = &s->stack[0];
	unsigned int i;

	memset(s->seen, 0, sizeof(*s->seen));
	memset(s->calm, 0, sizeof(*s->calm));
	l->budget = budget;
	l->next = l->taken = (struct action){ 0 };
	model_init(&l->m, s->policies[0]);
	for (i = 0; i < MODEL_PORTS; i++)
		l->m.ports[i].name = (uint8_t)i;
	for (i = 0; i < s->world->n_portals; i++)
		l->m.portals[i] = (struct model_portal){ true, 0, 1 };
	model_boot(&l->m);
	for (i = 0; i < s->world->n_ports && s->world->start != NOTHING; i++)
		model_plug(&l->m, i);
	if (s->world->start != NOTHING)
		model_calm(&l->m);
	if (s->world->start == RESTART)
		model_boot(&l->m);
}

static const struct ab_policy_set *policy_with(const struct ab_policy_set *previous,
					       const char *deny, const char *tail)
{
	char text[1024];

	(void)snprintf(text, sizeof(text), HEAD "%s%s", deny, tail);
	return model_set(previous, NULL, text, NULL);
}

static bool explore(struct search *s, unsigned int n, unsigned int budget)
{
	struct timespec a, b;

	*s = (struct search){ .world = &worlds[n],
			      .seen = s->seen,
			      .calm = s->calm,
			      .stack = s->stack,
			      .scratch = s->scratch,
			      .fresh = s->fresh };
	s->policies[0] = policy_with(NULL, "", worlds[n].tail);
	s->policies[1] =
		policy_with(s->policies[0], "Deny = 10.0.0.101\n", worlds[n].tail);
	(void)clock_gettime(CLOCK_MONOTONIC, &a);
	begin(s, budget);
	search(s);
	(void)clock_gettime(CLOCK_MONOTONIC, &b);
	if (s->broken)
		print_trace(s);
	printf("%s %u - %s: budget %u, %llu states, %llu transitions, %llu rests, %.1f "
	       "s\n",
	       s->broken ? "not ok" : "ok", n + 1, worlds[n].name, budget,
	       (unsigned long long)s->n_states, (unsigned long long)s->n_transitions,
	       (unsigned long long)s->n_rests,
	       (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9);
	(void)fflush(stdout);
	model_set_free(s->policies[0]);
	model_set_free(s->policies[1]);
	return !s->broken;
}

int main(int argc, char **argv)
{
	unsigned int n = sizeof(worlds) / sizeof(worlds[0]), i, n_bad = 0;
	unsigned int budget = argc > 1 ? (unsigned int)strtoul(argv[1], NULL, 10) : 0;
	unsigned int only = argc > 2 ? (unsigned int)strtoul(argv[2], NULL, 10) : 0;
	struct search s = { .seen = malloc(sizeof(struct set)),
			    .calm = malloc(sizeof(struct set)),
			    .stack = malloc((DEPTH_MAX + 1) * sizeof(struct level)),
			    .scratch = malloc(sizeof(struct model)),
			    .fresh = malloc(sizeof(struct model)) };

	if (!s.seen || !s.calm || !s.stack || !s.scratch || !s.fresh)
		return 1;
	printf("1..%u\n", only ? 1 : n);
	for (i = 0; i < n; i++)
		if (!only || i + 1 == only)
			n_bad += !explore(&s, i, budget ? budget : worlds[i].budget);
	free(s.seen);
	free(s.calm);
	free(s.stack);
	free(s.scratch);
	free(s.fresh);
	return n_bad != 0;
}
