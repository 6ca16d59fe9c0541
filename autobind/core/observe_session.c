/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * observe_session - sessions of the kernel, and what multipathd says of their disks.
 *
 * A session that ends while its path is up, and not by us, was ended by the
 * administrator: it is held (product.md 3.10).
 */
#include "core/observe.h"

#include <string.h>

#include "core/plan.h"
#include "core/session.h"
#include "core/try.h"
#include "util/text.h"

static const struct ab_port *port_of(const struct ab_engine *e, const struct ab_node *n)
{
	uint32_t port = ab_session_port(e, n);

	return port != AB_NONE ? ab_port_at_const(e, port) : NULL;
}

static void note(const struct ab_step *s, enum ab_note what, const struct ab_node *n)
{
	ab_plan_note(s, what, port_of(s->e, n), &n->portal,
		     ab_target_at(s->e, n->target)->name, 0);
}

void ab_observe_hold_session(struct ab_engine *e, struct ab_node *n, bool is_held)
{
	if (n->login.is_held == is_held)
		return;
	n->login.is_held = is_held;
	n->login.is_ledger_due = e->is_ledger_dirty = true;
}

/* It stands: whatever went wrong before is over, and whoever ended it before has
 * changed his mind. */
static void logged_in(struct ab_engine *e, struct ab_node *n)
{
	n->login.is_denied = n->login.is_awaited = false;
	n->login.backoff = (struct ab_backoff){ 0 };
	n->login.code = 0;
	ab_try_changed(e, &n->login.tries, false);
	ab_observe_hold_session(e, n, false);
}

/* While iscsid restores a connection sysfs may show FREE, too. */
static void note_state(const struct ab_step *s, struct ab_session_item *item)
{
	const struct ab_node *n = ab_node_at(s->e, item->node);

	if (item->session.state == AB_SESSION_LOGGED_IN) {
		note(s, item->was_up ? AB_NOTE_SESSION_BACK : AB_NOTE_LOGGED_IN, n);
		item->was_up = true;
	} else if (item->session.state == AB_SESSION_FAILED) {
		note(s, AB_NOTE_SESSION_LOST, n);
	}
}

void ab_observe_session(const struct ab_step *s, const struct ab_session *session)
{
	struct ab_engine *e = s->e;
	bool is_new = ab_world_find_session(e, session->sid) == AB_NONE;
	struct ab_session_item *item =
		ab_session_at(e, ab_world_add_session(e, session));
	struct ab_node *n = ab_node_at(e, item->node);
	uint8_t old = is_new ? AB_SESSION_FREE : item->session.state;

	item->is_seen = true;
	if (!is_new && memcmp(&item->session, session, sizeof(*session)) == 0)
		return;
	item->session = *session;
	if (old != session->state) {
		item->since = e->now;
		note_state(s, item);
	}
	/* sysfs may show it as FREE while it is taken down. */
	if (session->state != AB_SESSION_FREE)
		item->is_intact = session->state == AB_SESSION_LOGGED_IN;
	if (session->state == AB_SESSION_LOGGED_IN)
		logged_in(e, n);
	if (is_new) {
		ab_observe_session_binding(e, n);
		ab_world_touch_record(e, n);
	}
	ab_world_touch_target(e, n->target);
}

void ab_observe_session_binding(struct ab_engine *e, const struct ab_node *n)
{
	uint32_t i;

	for (i = n->login.session; i != AB_NONE; i = ab_session_at(e, i)->next)
		if (!ab_session_at(e, i)->netdev[0])
			memcpy(ab_session_at(e, i)->netdev, n->netdev,
			       sizeof(n->netdev));
}

/* Did somebody end it who was not us, and not because it had failed? */
static bool was_ended(const struct ab_engine *e, const struct ab_session_item *item)
{
	const struct ab_node *n = ab_node_at_const(e, item->node);
	uint32_t path = ab_world_login_path(e, n);

	/* Of several over one binding the last one counts. */
	if (item->next != AB_NONE || ab_session_at_const(e, n->login.session) != item)
		return false;
	return item->is_intact && !item->job && !item->is_awaited && !n->login.job &&
	       !e->is_quiesced && n->login.is_chosen && path != AB_NONE &&
	       ab_path_at_const(e, path)->health.state == AB_PATH_UP;
}

static void session_gone(const struct ab_step *s, uint32_t slot)
{
	struct ab_engine *e = s->e;
	struct ab_session_item *item = ab_session_at(e, slot);
	uint32_t node = item->node;
	struct ab_node *n = ab_node_at(e, node);

	if (was_ended(e, item)) {
		ab_observe_hold_session(e, n, true);
		note(s, AB_NOTE_SESSION_HELD, n);
	} else if (item->job || item->is_awaited) {
		note(s, AB_NOTE_LOGGED_OUT, n);
	} else {
		note(s, AB_NOTE_SESSION_GONE, n);
		ab_plan_backoff(e, &n->login.backoff);
	}
	ab_world_remove_session(e, slot);
	e->is_login_ended = true;
	ab_world_touch_target(e, n->target);
	ab_world_touch_record(e, n);
	ab_world_release_node(e, node);
}

void ab_observe_session_gone(const struct ab_step *s, uint32_t sid)
{
	uint32_t slot = ab_world_find_session(s->e, sid);

	if (slot != AB_NONE)
		session_gone(s, slot);
}

void ab_observe_multipath(struct ab_engine *e, uint8_t state)
{
	if (e->multipath == state || state >= AB_MULTIPATH_MAX)
		return;
	e->multipath = state;
	ab_world_touch_targets(e);
}

void ab_observe_mapped(struct ab_engine *e, uint32_t sid, uint16_t n_known)
{
	uint32_t slot = ab_world_find_session(e, sid);
	struct ab_session_item *item;

	if (slot == AB_NONE)
		return;
	item = ab_session_at(e, slot);
	if (item->n_known == n_known)
		return;
	item->n_known = n_known;
	ab_world_touch_target(e, ab_node_at(e, item->node)->target);
}

void ab_observe_sessions_begin(struct ab_engine *e)
{
	uint32_t i;

	for (i = 0; i < e->sessions.high; i++)
		ab_session_at(e, i)->is_seen = false;
}

/* A full look has been taken: what did not appear is gone, what was not known is. */
void ab_observe_sessions_end(const struct ab_step *s)
{
	struct ab_engine *e = s->e;
	uint32_t i;

	for (i = ab_table_next(e, &e->sessions, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->sessions, i)) {
		if (!ab_session_at(e, i)->is_seen)
			session_gone(s, i);
		else
			ab_session_at(e, i)->is_awaited = false;
	}
	for (i = ab_table_next(e, &e->nodes, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->nodes, i)) {
		if (!ab_node_at(e, i)->login.is_awaited)
			continue;
		ab_node_at(e, i)->login.is_awaited = false;
		ab_world_touch_target(e, ab_node_at(e, i)->target);
		ab_world_release_node(e, i);
	}
}
