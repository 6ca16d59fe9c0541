/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * view_session - sessions, and the wanted ones that are not there, each with its
 * reason.
 */
#include "core/view.h"

#include <string.h>

#include "core/name.h"
#include "core/session.h"
#include "core/view_text.h"
#include "core/view_walk.h"

const char *ab_view_login_verdict(unsigned int verdict)
{
	static const char *const names[AB_LOGIN_VERDICT_MAX] = {
		[AB_LOGIN_LOGGED_IN] = "LOGGED_IN",
		[AB_LOGIN_RECOVERING] = "RECOVERING",
		[AB_LOGIN_RUNNING] = "LOGGING_IN",
		[AB_LOGIN_UNWANTED] = "UNWANTED",
		[AB_LOGIN_SPARE] = "SPARE",
		[AB_LOGIN_PAUSED] = "PAUSED",
		[AB_LOGIN_HELD] = "HELD",
		[AB_LOGIN_DENIED] = "DENIED",
		[AB_LOGIN_STALE] = "LOOKING",
		[AB_LOGIN_NO_RECORD] = "NO_RECORD",
		[AB_LOGIN_NO_PATH] = "NO_PATH",
		[AB_LOGIN_TOTAL] = "FULL",
		[AB_LOGIN_GATED] = "ONE_ONLY",
		[AB_LOGIN_WAITING] = "WAITING",
		[AB_LOGIN_QUEUED] = "QUEUED",
		[AB_LOGIN_READY] = "READY",
	};

	return verdict < AB_LOGIN_VERDICT_MAX ? names[verdict] : "?";
}

static void add_waiting(struct ab_text *t, const struct ab_view *v,
			const struct ab_login *l)
{
	if (l->code) {
		ab_view_add_login_error(t, l->code);
		ab_text_add(t, "; again in ");
	} else {
		ab_text_add(t, "its session ended; logged in again in ");
	}
	ab_view_add_ms(t, ab_mono_ms_between(v->now, l->backoff.next));
}

static void add_no_path(struct ab_text *t, const struct ab_view *v,
			const struct ab_node *n)
{
	uint32_t path = ab_world_login_path(v->e, n);

	ab_text_add(t, "its portal must answer first: ");
	(void)ab_view_add_path_reason(t, v, ab_path_at_const(v->e, path));
}

/* FREE with disks: the kernel has given up waiting, iscsid has not. */
static const char *connection_of(const struct ab_session *session)
{
	if (session->state == AB_SESSION_FAILED)
		return "its connection is lost; iscsid tries to restore it";
	return session->n_disks ? "its connection is lost and its I/O fails; iscsid "
				  "tries to restore it"
				: "being made or taken down";
}

/* What is to be said of a session that is there; @item may have nothing. */
static enum ab_view_reason add_of_session(struct ab_text *t, const struct ab_view *v,
					  const struct ab_session_item *item)
{
	const struct ab_session *session = &item->session;
	bool is_lost = session->state != AB_SESSION_LOGGED_IN;
	bool is_outdated =
		ab_session_is_outdated(ab_node_at_const(v->e, item->node), item);

	if (item->job) {
		ab_text_add(t, "being logged out");
		return AB_REASON_UNDER_WAY;
	}
	if (is_lost)
		ab_text_add(t, connection_of(session));
	if (is_outdated) {
		ab_text_add(t, is_lost ? "; bound to " : "bound to ");
		ab_view_add_foreign(t, item->netdev);
		ab_text_add(t, ", as its device was called; to be made anew");
	}
	if (item->guard) {
		ab_text_add(t, is_outdated ? ", but kept: "
			       : is_lost   ? "; not wanted any more, but kept: "
					   : "not wanted any more, but kept: ");
		ab_text_add(t, ab_view_guard((enum ab_guard)item->guard));
	}
	if (is_lost || is_outdated || item->guard)
		return AB_REASON_BLOCKED;
	if (session->n_disks == 0 && ab_mono_ms_between(item->since, v->now) > 5000) {
		ab_text_add(t, "no disk: the target gives this initiator no logical "
			       "unit, or node.session.scan is manual");
		return AB_REASON_BLOCKED;
	}
	return AB_REASON_NONE;
}

enum ab_view_reason ab_view_add_login_reason(struct ab_text *t, const struct ab_view *v,
					     const struct ab_node *n)
{
	enum ab_login_verdict verdict = ab_session_verdict(v->e, v->set, n);

	switch (verdict) {
	case AB_LOGIN_LOGGED_IN:
	case AB_LOGIN_RECOVERING:
		return add_of_session(t, v,
				      ab_session_at_const(v->e, n->login.session));
	case AB_LOGIN_RUNNING:
		ab_text_add(t, "being logged in to");
		return AB_REASON_UNDER_WAY;
	case AB_LOGIN_READY:
		ab_text_add(t, "about to be logged in to");
		return AB_REASON_UNDER_WAY;
	case AB_LOGIN_QUEUED:
		ab_text_add(t, "waits for other logins: Concurrency");
		return AB_REASON_UNDER_WAY;
	case AB_LOGIN_NO_RECORD:
		ab_text_add(t, "its node record must be there first");
		return AB_REASON_UNDER_WAY;
	case AB_LOGIN_STALE:
		ab_text_add(t, "sessions and records are being looked at");
		return AB_REASON_UNDER_WAY;
	case AB_LOGIN_GATED:
		ab_text_add(t, "the target is kept at one session: ");
		ab_text_add(t, ab_view_gate(
				       (enum ab_gate)ab_target_at_const(v->e, n->target)
					       ->gate));
		break;
	case AB_LOGIN_WAITING:
		add_waiting(t, v, &n->login);
		break;
	case AB_LOGIN_NO_PATH:
		add_no_path(t, v, n);
		break;
	case AB_LOGIN_DENIED:
		ab_view_add_login_error(t, n->login.code);
		ab_text_add(t, "; not tried again before a reload or `autobind apply`");
		break;
	case AB_LOGIN_HELD:
		ab_text_add(t,
			    "logged out by somebody; `autobind apply` logs in again");
		break;
	case AB_LOGIN_PAUSED:
		ab_text_add(t, "not logged in to: paused");
		break;
	case AB_LOGIN_TOTAL:
		ab_text_add(t, "TotalSessions is reached");
		break;
	case AB_LOGIN_SPARE:
		ab_text_add(t, "not needed: SessionsPerTarget or SessionsPerPort is "
			       "reached");
		return AB_REASON_NONE;
	case AB_LOGIN_UNWANTED:
		ab_text_add(t, "no policy logs in to it");
		return AB_REASON_NONE;
	case AB_LOGIN_VERDICT_MAX:
		return AB_REASON_NONE;
	}
	return AB_REASON_BLOCKED;
}

bool ab_view_lacks_session(const struct ab_node *n)
{
	return n->login.is_chosen && n->login.session == AB_NONE;
}

/* --- rows --- */

static const char *port_of(const struct ab_view *v, const struct ab_node *n)
{
	uint32_t port = ab_session_port(v->e, n);

	return port != AB_NONE ? ab_port_at_const(v->e, port)->link.name : "";
}

static void add_binding_cells(const struct ab_view *v, const struct ab_node *n,
			      struct ab_row *row)
{
	const char *port = port_of(v, n);

	ab_row_foreign(row, "target", ab_target_at_const(v->e, n->target)->name);
	ab_row_portal(row, "portal", &n->portal);
	ab_row_number(row, "tpgt", n->tpgt);
	ab_row_foreign(row, "iface", ab_iface_at_const(v->e, n->iface)->binding.iface);
	if (*port)
		ab_row_foreign(row, "port", port);
	else
		ab_row_null(row, "port");
}

static const char *state_of(const struct ab_session_item *item)
{
	if (item->session.state == AB_SESSION_FREE)
		return "FREE";
	if (item->session.state == AB_SESSION_FAILED)
		return "FAILED";
	return item->session.n_disks ? "LOGGED_IN" : "LOGGED_IN_NO_LUN";
}

static void add_session_cells(const struct ab_view *v, const struct ab_node *n,
			      const struct ab_session_item *item, struct ab_row *row)
{
	const struct ab_session *session = &item->session;
	enum ab_owner owner = ab_world_owner(&n->record);
	struct ab_text t;

	ab_row_number(row, "sid", session->sid);
	ab_row_text(row, "state", state_of(item));
	ab_row_number(row, "since_ms", ab_mono_ms_between(item->since, v->now));
	ab_row_number(row, "disks", session->n_disks);
	ab_row_number(row, "mapped", session->n_mapped);
	ab_row_text(row, "owner",
		    session->is_firmware	? "firmware"
		    : owner == AB_OWNER_FOREIGN ? "foreign"
						: "ours");
	if (session->peer.addr.family && !ab_portal_equal(&session->peer, &n->portal))
		ab_row_portal(row, "redirected", &session->peer);
	else
		ab_row_null(row, "redirected");
	t = ab_row_begin_text(row, "reason");
	(void)add_of_session(&t, v, item);
	ab_row_end_text(row, &t);
}

static void add_absence_cells(const struct ab_view *v, const struct ab_node *n,
			      struct ab_row *row)
{
	struct ab_text t;

	ab_row_null(row, "sid");
	ab_row_text(row, "state",
		    ab_view_login_verdict(ab_session_verdict(v->e, v->set, n)));
	ab_row_null(row, "since_ms");
	ab_row_null(row, "disks");
	ab_row_null(row, "mapped");
	ab_row_null(row, "owner");
	ab_row_null(row, "redirected");
	t = ab_row_begin_text(row, "reason");
	(void)ab_view_add_login_reason(&t, v, n);
	ab_row_end_text(row, &t);
}

static void binding_rows(struct ab_view_walk *w, const struct ab_node *n)
{
	const struct ab_view *v = w->v;
	struct ab_row row;
	uint32_t i;

	for (i = n->login.session; i != AB_NONE && !ab_view_is_over(w);
	     i = ab_session_at_const(v->e, i)->next) {
		if (!ab_view_take(w))
			continue;
		ab_row_clear(&row);
		add_binding_cells(v, n, &row);
		add_session_cells(v, n, ab_session_at_const(v->e, i), &row);
		v->fn(v->arg, &row);
	}
	if (!ab_view_lacks_session(n) || ab_view_is_over(w) || !ab_view_take(w))
		return;
	ab_row_clear(&row);
	add_binding_cells(v, n, &row);
	add_absence_cells(v, n, &row);
	v->fn(v->arg, &row);
}

uint32_t ab_view_sessions(const struct ab_view *v, const char *port)
{
	struct ab_view_walk w = { .v = v };
	uint32_t i;

	for (i = ab_table_next(v->e, &v->e->nodes, AB_NONE);
	     i != AB_NONE && !ab_view_is_over(&w);
	     i = ab_table_next(v->e, &v->e->nodes, i)) {
		const struct ab_node *n = ab_node_at_const(v->e, i);

		if (port && *port && !ab_streq(port, port_of(v, n)))
			continue;
		if (n->login.session != AB_NONE || ab_view_lacks_session(n))
			binding_rows(&w, n);
	}
	return w.n;
}

/* --- what is left of a drained port or portal --- */

/* What keeps a session that is to go, where it is not said of the session itself. */
static const char *keeper(const struct ab_view *v, const struct ab_node *n,
			  const struct ab_session_item *item)
{
	if (item->session.is_firmware)
		return "made by the firmware: never logged out by autobind";
	if (ab_world_owner(&n->record) != AB_OWNER_OURS)
		return "its record is not autobind's: whoever made it logs it out, "
		       "with `iscsiadm -m session -r SID --logout`";
	if (v->e->is_paused)
		return "paused: `autobind resume` ends that";
	if (v->e->config.no_login)
		return "logins and logouts are off (--no-login)";
	if (v->e->is_ledger_unreadable)
		return "the ledger could not be read: nothing is logged out";
	if (!ab_session_drain(v->e, v->set, n))
		return ab_streq(ab_iface_at_const(v->e, n->iface)->binding.iface,
				"default")
			       ? "nobody knows which port it goes through (Use=default)"
			       : "it is still wanted";
	return "it waits for another session to come, or to go";
}

static void left_row(const struct ab_view *v, const struct ab_node *n,
		     const struct ab_session_item *item)
{
	const char *port = port_of(v, n);
	struct ab_row row;
	struct ab_text t;
	size_t start;

	ab_row_clear(&row);
	ab_row_foreign(&row, "port", port);
	ab_row_portal(&row, "portal", &n->portal);
	ab_row_text(&row, "state", state_of(item));
	ab_row_foreign(&row, "target", ab_target_at_const(v->e, n->target)->name);
	ab_row_number(&row, "sid", item->session.sid);
	t = ab_row_begin_text(&row, "text");
	ab_text_add(&t, "session ");
	ab_text_addu(&t, item->session.sid);
	ab_text_add(&t, " to ");
	ab_view_add_foreign(&t, ab_target_at_const(v->e, n->target)->name);
	ab_text_add(&t, ": ");
	start = t.len;
	if (item->job || item->guard)
		(void)add_of_session(&t, v, item);
	if (t.len == start)
		ab_text_add(&t, keeper(v, n, item));
	ab_row_end_text(&row, &t);
	v->fn(v->arg, &row);
}

uint32_t ab_view_left(const struct ab_view *v, const struct ab_scope *scope)
{
	struct ab_view_walk w = { .v = v };
	uint32_t i, k;

	for (i = ab_table_next(v->e, &v->e->nodes, AB_NONE); i != AB_NONE;
	     i = ab_table_next(v->e, &v->e->nodes, i)) {
		const struct ab_node *n = ab_node_at_const(v->e, i);

		if (!ab_session_is_open(n) || !ab_session_is_in(v->e, scope, n))
			continue;
		for (k = n->login.session; k != AB_NONE && !ab_view_is_over(&w);
		     k = ab_session_at_const(v->e, k)->next)
			if (ab_view_take(&w) && v->fn)
				left_row(v, n, ab_session_at_const(v->e, k));
	}
	return w.n;
}

bool ab_view_has_session(const struct ab_view *v, const struct ab_scope *scope)
{
	uint32_t i;

	for (i = ab_table_next(v->e, &v->e->nodes, AB_NONE); i != AB_NONE;
	     i = ab_table_next(v->e, &v->e->nodes, i))
		if (ab_session_is_open(ab_node_at_const(v->e, i)) &&
		    ab_session_is_in(v->e, scope, ab_node_at_const(v->e, i)))
			return true;
	return false;
}
