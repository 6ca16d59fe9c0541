/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/plan.h"

#include <assert.h>
#include <string.h>
#include <sys/socket.h>

#include "core/try.h"
#include "util/text.h"

/* architecture.md E: soak until 50 ms after the last event, 250 ms in all. */
#define SOAK_QUIET_MS 50
#define SOAK_MAX_MS 250

/* --- effects and jobs --- */

struct ab_effect *ab_plan_emit(const struct ab_step *s, enum ab_effect_type type)
{
	struct ab_effect *ef;

	if (s->out->n == s->out->max) {
		s->e->is_starved = true;
		return NULL;
	}
	ef = &s->out->v[s->out->n++];
	memset(ef, 0, sizeof(*ef));
	ef->type = type;
	return ef;
}

void ab_plan_note(const struct ab_step *s, enum ab_note what, const struct ab_port *p,
		  const struct ab_portal *portal, const char *name, int32_t code)
{
	struct ab_effect *ef;

	if (s->out->n == s->out->max)
		return;
	ef = ab_plan_emit(s, AB_EF_NOTE);
	ef->note.what = (uint8_t)what;
	ef->note.code = code;
	if (p)
		(void)ab_copy(ef->note.port, sizeof(ef->note.port), p->link.name);
	if (portal)
		ef->note.portal = *portal;
	if (name)
		(void)ab_copy(ef->note.name, sizeof(ef->note.name), name);
}

/* How many jobs of a kind are in flight, and how many may be. */
struct ab_job_class ab_plan_job_class(struct ab_engine *e, enum ab_job_kind kind)
{
	switch (kind) {
	case AB_JOB_DISCOVER:
		return (struct ab_job_class){ &e->n_discoveries, AB_DISCOVERIES_MAX,
					      AB_WAIT_DISCOVERY };
	case AB_JOB_LOGIN:
	case AB_JOB_LOGOUT:
		return (struct ab_job_class){ &e->n_logins, AB_LOGINS_MAX, 0 };
	case AB_JOB_NONE:
	case AB_JOB_IFACE_WRITE:
	case AB_JOB_IFACE_DELETE:
	case AB_JOB_NODE_WRITE:
	case AB_JOB_NODE_DELETE:
		break;
	}
	return (struct ab_job_class){ &e->n_writes, AB_WRITES_MAX, AB_WAIT_WRITE };
}

/* Could a port that waits for such jobs start one? */
static bool has_free_job(struct ab_engine *e, uint8_t waits_for)
{
	return ((waits_for & AB_WAIT_WRITE) && e->n_writes < AB_WRITES_MAX) ||
	       ((waits_for & AB_WAIT_DISCOVERY) &&
		e->n_discoveries < AB_DISCOVERIES_MAX);
}

struct ab_job *ab_plan_start_job(struct ab_engine *e, enum ab_job_kind kind,
				 uint32_t slot, const struct ab_item *item)
{
	struct ab_job_class class = ab_plan_job_class(e, kind);
	uint32_t i;

	if (*class.n >= class.max) {
		e->waits_for |= class.wait;
		return NULL;
	}
	/* Rule 4, also for an item that is new under the key of one that went. */
	for (i = 0; i < AB_JOBS_MAX; i++)
		if (e->jobs[i].kind == (uint8_t)kind && e->jobs[i].key == item->hash) {
			e->waits_for |= class.wait;
			return NULL;
		}
	for (i = 0; e->jobs[i].kind != AB_JOB_NONE; i++)
		assert(i + 1 < AB_JOBS_MAX);
	e->jobs[i] = (struct ab_job){ .id = ++e->last_job,
				      .slot = slot,
				      .generation = item->generation,
				      .key = item->hash,
				      .kind = (uint8_t)kind };
	(*class.n)++;
	return &e->jobs[i];
}

void ab_plan_backoff(struct ab_engine *e, struct ab_backoff *b)
{
	ab_plan_backoff_within(e, b, AB_BACKOFF_MIN_MS, AB_BACKOFF_MAX_MS);
}

void ab_plan_backoff_within(struct ab_engine *e, struct ab_backoff *b, int64_t ms,
			    int64_t max_ms)
{
	unsigned int i;

	for (i = 0; i < b->attempts && ms < max_ms; i++)
		ms *= 2;
	if (ms > max_ms)
		ms = max_ms;
	ms -= ab_world_random(e, (uint32_t)(ms / 4));
	if (b->attempts < UINT8_MAX)
		b->attempts++;
	b->next = ab_mono_add_ms(e->now, ms);
}

bool ab_plan_is_due(const struct ab_step *s, struct ab_port *p, ab_mono when)
{
	if (ab_mono_reached(when, s->e->now))
		return true;
	p->due = ab_mono_min(p->due, when);
	return false;
}

/* --- ports --- */

static void count_portals(const struct ab_engine *e, struct ab_port *p)
{
	uint32_t i;

	p->n_wanted = p->n_up = 0;
	for (i = p->first_path; i != AB_NONE; i = ab_path_at_const(e, i)->next) {
		const struct ab_path *path = ab_path_at_const(e, i);

		if (!ab_path_is_wanted(path))
			continue;
		p->n_wanted++;
		p->n_up += path->health.state == AB_PATH_UP;
	}
}

/* Has every discovery address that answers told its targets when it was asked last? */
static bool is_told(const struct ab_engine *e, const struct ab_port *p)
{
	uint32_t i;

	for (i = p->first_path; i != AB_NONE; i = ab_path_at_const(e, i)->next) {
		const struct ab_path *path = ab_path_at_const(e, i);

		if ((path->roles & AB_ROLE_DISCOVERY) &&
		    path->health.state == AB_PATH_UP && ab_world_wants_answer(path))
			return false;
	}
	return true;
}

static enum ab_port_state taken_state(const struct ab_step *s, const struct ab_port *p,
				      const struct ab_home *home)
{
	const struct ab_policy *pol = &s->set->policies[p->policy];
	bool is_held = p->n_held > 0 || p->n_sessions_held > 0;

	if (pol->action == AB_ACTION_IGNORE)
		return AB_PORT_STATE_IGNORED;
	if (!p->link.is_up || !p->link.has_carrier)
		return AB_PORT_STATE_NOCARRIER;
	if (!home->has_present[0] && !home->has_present[1])
		return AB_PORT_STATE_NOADDR;
	if (p->iface != AB_NONE &&
	    ab_iface_at_const(s->e, p->iface)->record.ledger == AB_OWNER_HELD)
		is_held = true;
	if (is_held)
		return AB_PORT_STATE_HELD;
	if (p->n_up == 0 ||
	    (pol->action >= AB_ACTION_RECORD && p->n_records_wanted == 0))
		return AB_PORT_STATE_SEARCHING;
	if (p->n_up < p->n_wanted || p->n_records < p->n_records_wanted ||
	    p->n_sessions < p->n_sessions_wanted ||
	    (pol->action >= AB_ACTION_RECORD && !is_told(s->e, p)))
		return AB_PORT_STATE_PARTIAL;
	return AB_PORT_STATE_BOUND;
}

static void set_state(const struct ab_step *s, struct ab_port *p,
		      enum ab_port_state state)
{
	if (p->state == state)
		return;
	p->state = (uint8_t)state;
	p->changed_at = s->e->now;
}

void ab_plan_port_states(const struct ab_step *s)
{
	struct ab_engine *e = s->e;
	struct ab_home home;
	uint32_t i;

	for (i = ab_table_next(e, &e->ports, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->ports, i)) {
		struct ab_port *p = ab_port_at(e, i);

		/* One that has not been planned yet has no state of its own yet. */
		if (!p->has_link || p->policy < 0 || p->is_dirty || !s->set)
			continue;
		ab_desired_home(e, p, &home);
		set_state(s, p, taken_state(s, p, &home));
	}
}

/* A subnet that is missing while the device has no address, or has just got its first
 * one, may still come. */
static void settle_addrs(const struct ab_step *s, struct ab_port *p,
			 const struct ab_home *home)
{
	unsigned int i;

	for (i = 0; i < 2; i++)
		if (!home->has_present[i])
			p->addr_settled[i] = AB_MONO_NEVER;
		else if (ab_mono_is_never(p->addr_settled[i]))
			p->addr_settled[i] = ab_mono_add_ms(
				s->e->now, s->set->policies[p->policy].settle_ms);
}

static void note_limit(const struct ab_step *s, const struct ab_port *p)
{
	int32_t n = 0;
	uint32_t i;

	for (i = p->first_path; i != AB_NONE; i = ab_path_at(s->e, i)->next)
		n += ab_path_at(s->e, i)->is_over_limit;
	ab_plan_note(s, AB_NOTE_LIMIT, p, NULL, NULL, n);
}

/* Returns false when something is left to do for lack of room. */
static bool plan_taken(const struct ab_step *s, uint32_t port)
{
	struct ab_port *p = ab_port_at(s->e, port);
	bool was_limited = p->is_limited, is_done;
	struct ab_home home;

	ab_desired_home(s->e, p, &home);
	settle_addrs(s, p, &home);
	if (s->set->policies[p->policy].action == AB_ACTION_IGNORE) {
		p->state = AB_PORT_STATE_IGNORED;
		return ab_plan_drop_paths(s, p);
	}
	if (p->is_wish_dirty)
		ab_desired_paths(s, port, &home);
	p->is_wish_dirty = s->e->wants_room;
	if (p->is_limited && !was_limited)
		note_limit(s, p);
	is_done = ab_plan_paths(s, port, &home);
	if (is_done) {
		/* One that waits for a free job must not hold up the others. */
		is_done = ab_plan_discovery(s, port);
		is_done &= ab_plan_iface(s, port);
		is_done &= ab_plan_nodes(s, port, &home);
	}
	count_portals(s->e, p);
	p->state = (uint8_t)taken_state(s, p, &home);
	return is_done && !s->e->wants_room;
}

static void note_taking(const struct ab_step *s, const struct ab_port *p,
			bool was_taken, const char *old_policy)
{
	if (p->policy >= 0 && (!was_taken || !ab_streq(old_policy, p->policy_name)))
		ab_plan_note(s, AB_NOTE_PORT_TAKEN, p, NULL, p->policy_name, 0);
	else if (p->policy < 0 && was_taken)
		ab_plan_note(s, AB_NOTE_PORT_RELEASED, p, NULL, old_policy, p->state);
}

/* Returns false when the port must be planned again. */
static bool plan_port(const struct ab_step *s, uint32_t port)
{
	struct ab_port *p = ab_port_at(s->e, port);
	bool was_taken = p->policy >= 0, is_done = true, can_plan;
	uint8_t old_state = p->state;
	char old_policy[AB_POLICY_NAME];

	(void)ab_copy(old_policy, sizeof(old_policy), p->policy_name);
	p->due = AB_MONO_NEVER;
	can_plan = ab_desired_take(s, port);
	note_taking(s, p, was_taken, old_policy);
	if (can_plan) {
		is_done = plan_taken(s, port);
	} else if (p->policy < 0) {
		is_done = ab_plan_drop_paths(s, p);
		if (is_done && p->iface != AB_NONE)
			ab_plan_use_iface(s->e, port, AB_NONE);
		p->n_wanted = p->n_up = p->n_records = p->n_records_wanted = 0;
		p->n_sessions = p->n_sessions_wanted = p->n_sessions_held = 0;
	}
	if (p->state != old_state) {
		p->changed_at = s->e->now;
		/* It may be drained: sessions over it are to go, or are not any more.
		 */
		if (p->state == AB_PORT_STATE_EXCLUDED ||
		    old_state == AB_PORT_STATE_EXCLUDED)
			ab_world_touch_targets(s->e);
	}
	return is_done;
}

static bool tell_ledger(const struct ab_step *s, struct ab_record_item *r, uint8_t kind,
			const struct ab_ledger_entry *entry)
{
	bool is_put = r->ledger != AB_OWNER_FOREIGN;
	struct ab_effect *ef =
		ab_plan_emit(s, is_put ? AB_EF_LEDGER_PUT : AB_EF_LEDGER_DEL);

	if (!ef)
		return false;
	ef->ledger = *entry;
	ef->ledger.kind = kind;
	ef->ledger.owner = is_put ? r->ledger : 0;
	ef->ledger.hash = is_put ? r->own_hash : 0;
	r->is_ledger_due = false;
	return true;
}

/* As the ledger has it; 0: never. */
static uint64_t boottime_ms(ab_mono t)
{
	return ab_mono_is_never(t) ? 0 : (uint64_t)ab_mono_ms_between(ab_mono_ns(0), t);
}

bool ab_plan_tell_node(const struct ab_step *s, struct ab_node *n)
{
	struct ab_ledger_entry entry = { .settings = n->settings,
					 .unwanted_ms =
						 boottime_ms(n->unwanted_since) };

	ab_world_node_key(s->e, n, &entry.node);
	return tell_ledger(s, &n->record, AB_LEDGER_NODE, &entry);
}

/* The administrator's word about a session. */
static bool tell_ledger_of_session(const struct ab_step *s, struct ab_node *n)
{
	struct ab_effect *ef =
		ab_plan_emit(s, n->login.is_held ? AB_EF_LEDGER_PUT : AB_EF_LEDGER_DEL);

	if (!ef)
		return false;
	ef->ledger.kind = AB_LEDGER_SESSION;
	ef->ledger.owner = n->login.is_held ? AB_OWNER_HELD : 0;
	ab_world_node_key(s->e, n, &ef->ledger.node);
	n->login.is_ledger_due = false;
	return true;
}

static bool tell_ledger_of_nodes(const struct ab_step *s)
{
	struct ab_engine *e = s->e;
	uint32_t i;

	for (i = ab_table_next(e, &e->nodes, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->nodes, i)) {
		struct ab_node *n = ab_node_at(e, i);

		if (n->login.is_ledger_due && !tell_ledger_of_session(s, n))
			return false;
		if (n->record.is_ledger_due && !ab_plan_tell_node(s, n))
			return false;
		ab_world_release_node(e, i);
	}
	return true;
}

bool ab_plan_tell_iface(const struct ab_step *s, struct ab_iface *f)
{
	struct ab_ledger_entry entry = { .iface.port = f->identity };

	(void)ab_copy(entry.iface.name, sizeof(entry.iface.name), f->binding.iface);
	entry.iface.can_retire = f->retire_ms >= 0;
	entry.iface.retire_ms = entry.iface.can_retire ? (uint64_t)f->retire_ms : 0;
	entry.iface.orphan_ms = boottime_ms(f->orphan_since);
	return tell_ledger(s, &f->record, AB_LEDGER_IFACE, &entry);
}

static bool tell_ledger_of_ifaces(const struct ab_step *s)
{
	struct ab_engine *e = s->e;
	uint32_t i;

	for (i = ab_table_next(e, &e->ifaces, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->ifaces, i)) {
		struct ab_iface *f = ab_iface_at(e, i);

		if (!f->record.is_ledger_due)
			continue;
		if (!ab_plan_tell_iface(s, f))
			return false;
		ab_world_release_iface(e, i);
	}
	return true;
}

bool ab_plan_ledger(const struct ab_step *s)
{
	if (!ab_try_tell(s))
		return false;
	if (s->e->is_ledger_dirty &&
	    (!tell_ledger_of_nodes(s) || !tell_ledger_of_ifaces(s)))
		return false;
	s->e->is_ledger_dirty = false;
	return true;
}

ab_mono ab_plan_soak_end(const struct ab_port *p)
{
	return ab_mono_min(ab_mono_add_ms(p->soak_first, SOAK_MAX_MS),
			   ab_mono_add_ms(p->soak_last, SOAK_QUIET_MS));
}

/* A device that is gone leaves when the prober has been told to forget its paths. */
static void plan_gone(const struct ab_step *s, uint32_t port)
{
	struct ab_port *p = ab_port_at(s->e, port);

	if (!p->is_dirty || !ab_plan_drop_paths(s, p))
		return;
	p->is_dirty = p->is_urgent = false;
	p->soak_first = p->soak_last = AB_MONO_NEVER;
	ab_world_release_port(s->e, port);
}

void ab_plan_dirty(const struct ab_step *s)
{
	struct ab_engine *e = s->e;
	uint32_t i;

	for (i = ab_table_next(e, &e->ports, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->ports, i)) {
		struct ab_port *p = ab_port_at(e, i);

		if (!p->has_link) {
			plan_gone(s, i);
			continue;
		}
		if (ab_mono_reached(p->due, e->now))
			p->is_dirty = p->is_urgent = p->is_wish_dirty = true;
		if (e->is_job_ended && has_free_job(e, p->waits_for))
			p->is_dirty = p->is_urgent = true;
		if (!p->is_dirty)
			continue;
		if (!p->is_urgent && !ab_mono_reached(ab_plan_soak_end(p), e->now))
			continue;
		p->is_dirty = p->is_urgent = false;
		p->soak_first = p->soak_last = AB_MONO_NEVER;
		e->waits_for = 0;
		/* What waits for a job is planned when one has ended, not before. */
		if (!plan_port(s, i) && (!e->waits_for || e->is_starved))
			p->is_dirty = p->is_urgent = true;
		p->waits_for = e->waits_for;
	}
	e->is_job_ended &= e->is_starved;
}
