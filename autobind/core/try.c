/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/try.h"

#include <string.h>

#include "core/plan.h"
#include "util/text.h"

void ab_try_changed(struct ab_engine *e, struct ab_try_mark *mark, bool is_failing)
{
	if (is_failing || mark->is_told)
		mark->is_due = e->is_tries_dirty = true;
}

/* --- telling --- */

/* What a line says; the key is the caller's. A time of 0 would be none. */
static struct ab_ledger_entry line_of(const struct ab_step *s, enum ab_try what,
				      const struct ab_backoff *backoff, bool is_denied,
				      int32_t code)
{
	ab_mono next = ab_mono_max(backoff->next, ab_mono_ns(AB_NSEC_PER_MSEC));
	struct ab_ledger_entry entry = { .kind = AB_LEDGER_TRY };

	entry.try.what = (uint8_t)what;
	entry.try.attempts = backoff->attempts;
	entry.try.is_denied = is_denied;
	entry.try.code = code;
	entry.try.next_ms = (uint64_t)ab_mono_ms_between(ab_mono_ns(0), next);
	if (is_denied)
		entry.settings = ab_policy_mark(s->set);
	return entry;
}

static bool tell(const struct ab_step *s, struct ab_try_mark *mark,
		 const struct ab_ledger_entry *entry)
{
	bool is_put = entry->try.attempts || entry->try.is_denied;
	struct ab_effect *ef;

	if (is_put || mark->is_told) {
		ef = ab_plan_emit(s, is_put ? AB_EF_LEDGER_PUT : AB_EF_LEDGER_DEL);
		if (!ef)
			return false;
		ef->ledger = *entry;
		ef->ledger.owner = is_put ? AB_OWNER_OURS : 0;
	}
	mark->is_told = is_put;
	mark->is_due = false;
	return true;
}

static bool tell_node(const struct ab_step *s, struct ab_node *n)
{
	struct ab_record_item *r = &n->record;
	struct ab_login *l = &n->login;
	struct ab_ledger_entry entry;

	if (r->tries.is_due) {
		entry = line_of(s, AB_TRY_NODE, &r->backoff, r->is_denied, r->code);
		ab_world_node_key(s->e, n, &entry.node);
		if (!tell(s, &r->tries, &entry))
			return false;
	}
	if (l->tries.is_due) {
		entry = line_of(s, AB_TRY_LOGIN, &l->backoff, l->is_denied, l->code);
		entry.hash = l->denied_hash;
		ab_world_node_key(s->e, n, &entry.node);
		if (!tell(s, &l->tries, &entry))
			return false;
	}
	return true;
}

static bool tell_iface(const struct ab_step *s, struct ab_iface *f)
{
	struct ab_record_item *r = &f->record;
	struct ab_ledger_entry entry;

	if (!r->tries.is_due)
		return true;
	entry = line_of(s, AB_TRY_IFACE, &r->backoff, r->is_denied, r->code);
	(void)ab_copy(entry.node.iface, sizeof(entry.node.iface), f->binding.iface);
	return tell(s, &r->tries, &entry);
}

static bool tell_path(const struct ab_step *s, struct ab_path *path)
{
	struct ab_ledger_entry entry;

	if (!path->tries.is_due)
		return true;
	entry = line_of(s, AB_TRY_DISCOVERY, &path->discovery, false,
			path->discovery_code);
	entry.node.portal = path->portal;
	(void)ab_copy(entry.node.iface, sizeof(entry.node.iface),
		      ab_port_at(s->e, path->port)->link.name);
	return tell(s, &path->tries, &entry);
}

bool ab_try_forget_path(const struct ab_step *s, struct ab_path *path)
{
	path->discovery = (struct ab_backoff){ 0 };
	ab_try_changed(s->e, &path->tries, false);
	return tell_path(s, path);
}

/* Those that nothing was tried about in this run, and nothing is to be known of. */
static bool tell_pending(const struct ab_step *s)
{
	struct ab_engine *e = s->e;
	uint32_t i = 0;

	while (i < e->n_pending) {
		struct ab_pending_try *p = &e->pending[i];
		struct ab_try_mark mark = { .is_told = true };
		struct ab_ledger_entry entry = line_of(
			s, AB_TRY_DISCOVERY, &(struct ab_backoff){ 0 }, false, 0);

		if (!p->is_over) {
			i++;
			continue;
		}
		entry.node.portal = p->portal;
		(void)ab_copy(entry.node.iface, sizeof(entry.node.iface), p->netdev);
		if (!tell(s, &mark, &entry))
			return false;
		*p = e->pending[--e->n_pending];
	}
	return true;
}

bool ab_try_tell(const struct ab_step *s)
{
	struct ab_engine *e = s->e;
	uint32_t i;

	if (!e->is_tries_dirty)
		return true;
	for (i = ab_table_next(e, &e->nodes, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->nodes, i)) {
		if (!tell_node(s, ab_node_at(e, i)))
			return false;
		ab_world_release_node(e, i);
	}
	for (i = ab_table_next(e, &e->ifaces, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->ifaces, i)) {
		if (!tell_iface(s, ab_iface_at(e, i)))
			return false;
		ab_world_release_iface(e, i);
	}
	for (i = ab_table_next(e, &e->paths, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->paths, i))
		if (!tell_path(s, ab_path_at(e, i)))
			return false;
	if (!tell_pending(s))
		return false;
	e->is_tries_dirty = false;
	return true;
}

/* --- restoring --- */

static struct ab_backoff backoff_of(const struct ab_ledger_entry *entry)
{
	return (struct ab_backoff){
		.next = ab_mono_add_ms(ab_mono_ns(0), (int64_t)entry->try.next_ms),
		.attempts = entry->try.attempts,
	};
}

bool ab_try_is_same_conf(const struct ab_step *s)
{
	uint64_t under = s->e->denied_under;

	s->e->denied_under = 0;
	return under && s->set && ab_policy_mark(s->set) == under;
}

/* Does the refusal still stand? Before there is a configuration, nobody knows. */
static bool is_denied(const struct ab_step *s, const struct ab_ledger_entry *entry)
{
	if (!entry->try.is_denied)
		return false;
	if (s->set)
		return ab_policy_mark(s->set) == entry->settings;
	s->e->denied_under = entry->settings;
	return true;
}

static void restore_record(const struct ab_step *s, struct ab_record_item *r,
			   const struct ab_ledger_entry *entry)
{
	if (r->tries.is_told || r->tries.is_due)
		return;
	r->tries.is_told = true;
	r->backoff = backoff_of(entry);
	r->is_denied = is_denied(s, entry);
	r->code = entry->try.code;
	ab_try_changed(s->e, &r->tries, false);
}

static void restore_login(const struct ab_step *s, struct ab_node *n,
			  const struct ab_ledger_entry *entry)
{
	struct ab_login *l = &n->login;

	if (l->tries.is_told || l->tries.is_due)
		return;
	l->tries.is_told = true;
	ab_try_changed(s->e, &l->tries, false);
	if (l->session != AB_NONE) /* it went well after all */
		return;
	l->backoff = backoff_of(entry);
	l->code = entry->try.code;
	l->denied_hash = entry->hash;
	l->is_denied = is_denied(s, entry) &&
		       (!n->record.is_present || n->record.hash == entry->hash);
}

static void restore_discovery(struct ab_engine *e, const struct ab_ledger_entry *entry)
{
	struct ab_pending_try pending = { .portal = entry->node.portal,
					  .backoff = backoff_of(entry),
					  .code = entry->try.code };
	uint32_t i;

	/* More than are asked on any host; those left out are asked at once. */
	if (e->n_pending == AB_PENDING_MAX ||
	    !ab_copy(pending.netdev, sizeof(pending.netdev), entry->node.iface))
		return;
	for (i = 0; i < e->n_pending; i++)
		if (ab_streq(e->pending[i].netdev, pending.netdev) &&
		    ab_portal_equal(&e->pending[i].portal, &pending.portal))
			return;
	e->pending[e->n_pending++] = pending;
	for (i = ab_table_next(e, &e->paths, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->paths, i))
		ab_try_claim(e, ab_path_at(e, i));
}

void ab_try_restore(const struct ab_step *s, const struct ab_ledger_entry *entry)
{
	struct ab_engine *e = s->e;

	if (e->has_tries)
		return;
	switch ((enum ab_try)entry->try.what) {
	case AB_TRY_DISCOVERY:
		restore_discovery(e, entry);
		break;
	case AB_TRY_IFACE:
		restore_record(s,
			       &ab_iface_at(e, ab_world_add_iface(e, entry->node.iface))
					->record,
			       entry);
		break;
	case AB_TRY_NODE:
		restore_record(
			s, &ab_node_at(e, ab_world_add_node(e, &entry->node))->record,
			entry);
		break;
	case AB_TRY_LOGIN:
		restore_login(s, ab_node_at(e, ab_world_add_node(e, &entry->node)),
			      entry);
		break;
	case AB_TRY_MAX:
		break;
	}
}

void ab_try_claim(struct ab_engine *e, struct ab_path *path)
{
	const struct ab_port *p = ab_port_at(e, path->port);
	uint32_t i;

	for (i = 0; i < e->n_pending; i++) {
		struct ab_pending_try *try = &e->pending[i];

		if (!ab_streq(try->netdev, p->link.name) ||
		    !ab_portal_equal(&try->portal, &path->portal))
			continue;
		path->tries.is_told = true;
		if (try->is_over || path->discovery_started.ns) {
			ab_try_changed(e, &path->tries, false);
		} else {
			path->discovery = try->backoff;
			path->discovery_code = try->code;
		}
		*try = e->pending[--e->n_pending];
		return;
	}
}

void ab_try_forget_pending(struct ab_engine *e)
{
	uint32_t i;

	for (i = 0; i < e->n_pending; i++)
		e->pending[i].is_over = e->is_tries_dirty = true;
}
