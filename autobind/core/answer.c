/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/answer.h"

#include <string.h>

#include "core/login_code.h"
#include "core/plan.h"
#include "core/try.h"
#include "util/text.h"

static struct ab_job *find_job(struct ab_engine *e, uint64_t id)
{
	uint32_t i;

	for (i = 0; i < AB_JOBS_MAX; i++)
		if (e->jobs[i].kind != AB_JOB_NONE && e->jobs[i].id == id)
			return &e->jobs[i];
	return NULL;
}

/* Nobody knows how it ended, or what we believed was wrong: look, both at the records
 * and at who owns them, and touch nothing before that. A look that is under way is too
 * old. */
static void look_again(struct ab_engine *e, struct ab_record_item *r)
{
	r->is_awaited = true;
	e->is_dumping[AB_SOURCE_RECORDS] = e->is_dumping[AB_SOURCE_LEDGER] = false;
	e->wants_resync[AB_SOURCE_RECORDS] = e->wants_resync[AB_SOURCE_LEDGER] = true;
}

/* What every answer to a write means, whatever was written. Returns true when it is
 * done. */
static bool settle_write(const struct ab_step *s, struct ab_record_item *r,
			 const struct ab_event *ev, const char *name)
{
	struct ab_engine *e = s->e;

	r->code = ev->done.code;
	switch ((enum ab_outcome)ev->done.outcome) {
	case AB_OUTCOME_DONE:
		r->backoff = (struct ab_backoff){ 0 };
		ab_try_changed(e, &r->tries, false);
		return true;
	case AB_OUTCOME_EXISTS:
	case AB_OUTCOME_GONE:
	case AB_OUTCOME_CHANGED:
	case AB_OUTCOME_UNKNOWN:
	case AB_OUTCOME_MAX:
		look_again(e, r);
		ab_plan_backoff(e, &r->backoff);
		ab_try_changed(e, &r->tries, true);
		return false;
	case AB_OUTCOME_RETRY:
		ab_plan_backoff(e, &r->backoff);
		break;
	case AB_OUTCOME_DENIED:
		r->is_denied = true;
		break;
	}
	ab_try_changed(e, &r->tries, true);
	/* It went while the job waited, and the job did not look: it was removed. */
	if (r->ledger == AB_OWNER_OURS && !r->is_present && !r->is_restoring)
		look_again(e, r);
	ab_plan_note(s, AB_NOTE_WRITE_FAILED, NULL, NULL, name, ev->done.code);
	return false;
}

static void own(struct ab_record_item *r, uint64_t hash)
{
	r->ledger = AB_OWNER_OURS;
	r->is_present = r->is_seen = r->is_ledger_seen = true;
	r->was_delete = r->is_restoring = r->is_doubted = false;
	r->state = AB_RECORD_OK;
	r->hash = r->own_hash = hash;
}

static void disown(struct ab_record_item *r)
{
	r->ledger = AB_OWNER_FOREIGN;
	r->is_present = false;
}

static void iface_done(const struct ab_step *s, const struct ab_job *job,
		       const struct ab_event *ev)
{
	struct ab_engine *e = s->e;
	struct ab_iface *f = ab_iface_at(e, job->slot);
	const struct ab_port *p = f->port != AB_NONE ? ab_port_at(e, f->port) : NULL;

	f->record.job = 0;
	f->record.was_delete = job->kind == AB_JOB_IFACE_DELETE &&
			       ev->done.outcome == AB_OUTCOME_UNKNOWN;
	if (settle_write(s, &f->record, ev, f->binding.iface)) {
		bool was_write = job->kind == AB_JOB_IFACE_WRITE;

		if (was_write) {
			own(&f->record, ev->done.hash);
			f->binding = f->written;
			/* The store knows nothing of its Retire. */
			if (f->retire_ms >= 0)
				f->record.is_ledger_due = e->is_ledger_dirty = true;
		} else {
			disown(&f->record);
		}
		ab_plan_note(s,
			     was_write ? AB_NOTE_IFACE_WRITTEN : AB_NOTE_IFACE_DELETED,
			     p, NULL, f->binding.iface, 0);
	}
	if (f->port != AB_NONE)
		ab_world_touch_answer(e, f->port);
	else
		ab_world_touch_all(e, true);
	e->is_orphans_dirty = true;
	ab_world_release_iface(e, job->slot);
}

static void node_done(const struct ab_step *s, const struct ab_job *job,
		      const struct ab_event *ev)
{
	struct ab_engine *e = s->e;
	struct ab_node *n = ab_node_at(e, job->slot);
	struct ab_iface *f = ab_iface_at(e, n->iface);
	const struct ab_port *p = f->port != AB_NONE ? ab_port_at(e, f->port) : NULL;
	const char *target = ab_target_at(e, n->target)->name;
	bool was_write = job->kind == AB_JOB_NODE_WRITE;

	n->record.job = 0;
	n->record.was_delete = !was_write && ev->done.outcome == AB_OUTCOME_UNKNOWN;
	if (settle_write(s, &n->record, ev, target)) {
		if (was_write) {
			own(&n->record, ev->done.hash);
			n->login.is_denied = false;
			ab_try_changed(e, &n->login.tries, false);
			memcpy(n->netdev, f->binding.netdev, sizeof(n->netdev));
			memcpy(n->hwaddr, f->binding.hwaddr, sizeof(n->hwaddr));
		} else {
			disown(&n->record);
		}
		ab_plan_note(s, was_write ? AB_NOTE_NODE_WRITTEN : AB_NOTE_NODE_DELETED,
			     p, &n->portal, target, 0);
	} else if (was_write) {
		n->settings = ~n->settings; /* not written under these, then */
	}
	ab_world_touch_target(e, n->target);
	if (f->port != AB_NONE)
		ab_world_touch_answer(e, f->port);
	else
		ab_world_touch_all(e, true);
	ab_world_release_node(e, job->slot);
}

/* Takes out what this source no longer names; another one may still do: it is asked. */
static void sweep_founds(struct ab_engine *e, uint32_t source, uint64_t job)
{
	uint32_t port = ab_path_at(e, source)->port, i;
	bool is_any = false;

	for (i = ab_table_next(e, &e->founds, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->founds, i)) {
		const struct ab_found *f = ab_found_at(e, i);

		if (f->source == source && f->seen_job != job) {
			ab_world_remove_found(e, i);
			is_any = true;
		}
	}
	for (i = ab_port_at(e, port)->first_path; i != AB_NONE && is_any;
	     i = ab_path_at(e, i)->next)
		if (i != source && ab_path_at(e, i)->discovery_ok_at.ns)
			ab_plan_ask_again(e, ab_path_at(e, i));
}

static uint32_t count_founds(const struct ab_engine *e, uint64_t job)
{
	uint32_t i, n = 0;

	for (i = ab_table_next(e, &e->founds, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->founds, i))
		n += ab_found_at_const(e, i)->seen_job == job;
	return n;
}

static void discovery_done(const struct ab_step *s, const struct ab_job *job,
			   const struct ab_event *ev)
{
	struct ab_engine *e = s->e;
	struct ab_path *path = ab_path_at(e, job->slot);
	const struct ab_port *p = ab_port_at(e, path->port);
	bool is_new_failure = path->discovery_code != ev->done.code;

	path->discovery_job = 0;
	path->discovery_code = ev->done.code;
	if (ev->done.outcome == AB_OUTCOME_DONE) {
		uint32_t refresh = s->set && p->policy >= 0
					   ? s->set->policies[p->policy].refresh_ms
					   : 0;

		sweep_founds(e, job->slot, job->id);
		path->discovery_ok_at = e->now;
		path->discovery = (struct ab_backoff){
			.next = ab_mono_add_ms(e->now,
					       refresh ? refresh : AB_BACKOFF_MAX_MS)
		};
		ab_plan_note(s, AB_NOTE_FOUND, p, &path->portal, NULL,
			     (int32_t)count_founds(e, job->id));
		ab_try_changed(e, &path->tries, false);
	} else {
		ab_plan_backoff(e, &path->discovery);
		ab_try_changed(e, &path->tries, true);
		if (is_new_failure)
			ab_plan_note(s, AB_NOTE_DISCOVERY_FAILED, p, &path->portal,
				     NULL, ev->done.code);
	}
	ab_world_touch(e, path->port, true);
}

/* Nobody knows what came of it: sysfs shows it. A look that is under way is too old. */
static void look_for_sessions(struct ab_engine *e)
{
	e->is_dumping[AB_SOURCE_SESSIONS] = false;
	e->wants_resync[AB_SOURCE_SESSIONS] = true;
}

static void retry_login(const struct ab_step *s, struct ab_node *n)
{
	uint32_t path = ab_world_login_path(s->e, n);
	const struct ab_policy *pol;

	if (!s->set || path == AB_NONE) {
		ab_plan_backoff(s->e, &n->login.backoff);
		return;
	}
	pol = &s->set->policies[ab_port_at(s->e, ab_path_at(s->e, path)->port)->policy];
	ab_plan_backoff_within(s->e, &n->login.backoff, pol->retry_min_ms,
			       pol->retry_max_ms);
}

/* The sessions have been looked at just before this answer: what they show counts. */
static void login_done(const struct ab_step *s, const struct ab_job *job,
		       const struct ab_event *ev)
{
	struct ab_engine *e = s->e;
	struct ab_node *n = ab_node_at(e, job->slot);
	struct ab_login *l = &n->login;
	bool is_done = ev->done.outcome == AB_OUTCOME_DONE ||
		       ev->done.outcome == AB_OUTCOME_EXISTS;
	int32_t code = is_done ? AB_LOGIN_E_ABSENT : ev->done.code;
	uint32_t path = ab_world_login_path(e, n);

	l->job = 0;
	ab_world_touch_target(e, n->target);
	if (l->session == AB_NONE) {
		if (code != l->code)
			ab_plan_note(s, AB_NOTE_LOGIN_FAILED,
				     path != AB_NONE
					     ? ab_port_at(e, ab_path_at(e, path)->port)
					     : NULL,
				     &n->portal, ab_target_at(e, n->target)->name,
				     code);
		l->code = code;
		l->is_denied = ev->done.outcome == AB_OUTCOME_DENIED;
		l->denied_hash = n->record.hash;
		if (ev->done.outcome == AB_OUTCOME_UNKNOWN) {
			l->is_awaited = true;
			look_for_sessions(e);
		}
		retry_login(s, n);
		ab_try_changed(e, &l->tries, true);
		ab_world_touch_record(e, n);
	}
	ab_world_release_node(e, job->slot);
}

static void logout_done(const struct ab_step *s, const struct ab_job *job,
			const struct ab_event *ev)
{
	struct ab_engine *e = s->e;
	struct ab_session_item *item = ab_session_at(e, job->slot);
	const struct ab_node *n = ab_node_at(e, item->node);
	bool is_refused = ev->done.outcome == AB_OUTCOME_DENIED;
	uint8_t guard = is_refused ? (uint8_t)ev->done.code : AB_GUARD_FREE;

	/* Were it gone, this answer would be about nothing. */
	item->job = 0;
	if (is_refused && guard != item->guard)
		ab_plan_note(s, AB_NOTE_LOGOUT_REFUSED, NULL, &n->portal,
			     ab_target_at(e, n->target)->name, ev->done.code);
	item->guard = guard;
	ab_plan_backoff(e, &item->backoff);
	ab_world_touch_target(e, n->target);
	if (ev->done.outcome == AB_OUTCOME_UNKNOWN) {
		item->is_awaited = true;
		look_for_sessions(e);
	}
}

/* Where the items that jobs of a kind are about lie. */
static const struct ab_table *table_of(const struct ab_engine *e, enum ab_job_kind kind)
{
	switch (kind) {
	case AB_JOB_DISCOVER:
		return &e->paths;
	case AB_JOB_IFACE_WRITE:
	case AB_JOB_IFACE_DELETE:
		return &e->ifaces;
	case AB_JOB_LOGOUT:
		return &e->sessions;
	case AB_JOB_NONE:
	case AB_JOB_NODE_WRITE:
	case AB_JOB_NODE_DELETE:
	case AB_JOB_LOGIN:
		break;
	}
	return &e->nodes;
}

static bool job_item_is_live(const struct ab_engine *e, const struct ab_job *job)
{
	const struct ab_table *t = table_of(e, (enum ab_job_kind)job->kind);
	const struct ab_item *item = ab_table_at_const(e, t, job->slot);

	return item->is_live && item->generation == job->generation;
}

void ab_answer_done(const struct ab_step *s, const struct ab_event *ev)
{
	struct ab_engine *e = s->e;
	struct ab_job *slot = find_job(e, ev->done.job), job;

	if (!slot)
		return; /* of an engine before this one */
	job = *slot;
	*slot = (struct ab_job){ 0 };
	e->is_job_ended = true;
	e->is_login_ended |= job.kind == AB_JOB_LOGIN || job.kind == AB_JOB_LOGOUT;
	(*ab_plan_job_class(e, (enum ab_job_kind)job.kind).n)--;
	if (!job_item_is_live(e, &job))
		return;
	switch ((enum ab_job_kind)job.kind) {
	case AB_JOB_DISCOVER:
		discovery_done(s, &job, ev);
		break;
	case AB_JOB_IFACE_WRITE:
	case AB_JOB_IFACE_DELETE:
		iface_done(s, &job, ev);
		break;
	case AB_JOB_NODE_WRITE:
	case AB_JOB_NODE_DELETE:
		node_done(s, &job, ev);
		break;
	case AB_JOB_LOGIN:
		login_done(s, &job, ev);
		break;
	case AB_JOB_LOGOUT:
		logout_done(s, &job, ev);
		break;
	case AB_JOB_NONE:
		break;
	}
}

void ab_answer_found(struct ab_engine *e, const struct ab_event *ev)
{
	struct ab_job *job = find_job(e, ev->found.job);
	uint32_t port, path, target, slot;
	struct ab_found *f;

	if (!job || job->kind != AB_JOB_DISCOVER || !job_item_is_live(e, job))
		return;
	port = ab_path_at(e, job->slot)->port;
	path = ab_world_add_path(e, port, &ev->found.portal);
	target = ab_world_add_target(e, ev->found.target);
	slot = ab_world_add_found(e, path, target, ev->found.tpgt);
	f = ab_found_at(e, slot);
	f->source = job->slot;
	f->seen_job = job->id;
}
