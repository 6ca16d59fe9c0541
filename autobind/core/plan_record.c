/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/plan.h"

#include <assert.h>
#include <string.h>
#include <sys/socket.h>

#include "core/session.h"
#include "core/try.h"
#include "util/text.h"

/*
 * An effect that is a job. Rules 1 and 4: a record that is changed is ours and
 * unmodified, what is created is absent, one job a key; and all of it was looked at.
 */
static struct ab_effect *emit_write(const struct ab_step *s, enum ab_effect_type type,
				    enum ab_job_kind kind, uint32_t slot,
				    const struct ab_item *item,
				    struct ab_record_item *r)
{
	struct ab_engine *e = s->e;
	enum ab_owner owner = ab_world_owner(r);
	struct ab_effect *ef;
	struct ab_job *job;

	assert(!r->job && !r->is_awaited && !r->is_doubted && !e->is_paused);
	assert(e->is_fresh[AB_SOURCE_RECORDS] && e->is_fresh[AB_SOURCE_LEDGER]);
	assert(!r->is_present || owner == AB_OWNER_OURS);
	assert(owner != AB_OWNER_HELD && !r->is_ledger_due);
	/* Additions only, where nobody knows what was ours. */
	assert(!e->is_ledger_unreadable || !r->is_present);
	ef = ab_plan_emit(s, type);
	if (!ef)
		return NULL;
	job = ab_plan_start_job(e, kind, slot, item);
	if (!job) {
		s->out->n--;
		return NULL;
	}
	r->job = ef->job = job->id;
	return ef;
}

/* May anything be done about this record now? */
static bool is_actionable(const struct ab_step *s, struct ab_port *p,
			  const struct ab_record_item *r)
{
	const struct ab_engine *e = s->e;

	if (r->job || r->is_awaited || r->is_doubted || r->is_denied ||
	    r->is_ledger_due || e->is_paused || !e->is_fresh[AB_SOURCE_RECORDS] ||
	    !e->is_fresh[AB_SOURCE_LEDGER] ||
	    (e->is_ledger_unreadable && r->is_present))
		return false;
	return ab_plan_is_due(s, p, r->backoff.next);
}

/* --- iface records --- */

static bool is_reachable(const struct ab_engine *e, const struct ab_port *p)
{
	uint32_t i;

	for (i = p->first_path; i != AB_NONE; i = ab_path_at_const(e, i)->next)
		if (ab_path_at_const(e, i)->health.state == AB_PATH_UP)
			return true;
	return false;
}

static bool wants_iface(const struct ab_engine *e, const struct ab_policy *pol,
			const struct ab_port *p)
{
	if (pol->action < AB_ACTION_IFACE)
		return false;
	return pol->create == AB_CREATE_ALWAYS || pol->action == AB_ACTION_IFACE ||
	       is_reachable(e, p);
}

/* Would this record, which is not ours, bind as the policy wants it? */
static bool binds_port(const struct ab_iface *f, const struct ab_binding *want)
{
	const struct ab_binding *b = &f->binding;

	if (!f->record.is_present || f->record.state != AB_RECORD_OK ||
	    !ab_streq(b->transport, want->transport) ||
	    !ab_streq(b->initiatorname, want->initiatorname))
		return false;
	/* A hardware address wins over a name in open-iscsi, so both must fit. */
	return ab_streq(b->netdev, want->netdev) &&
	       ab_streq_nocase(b->hwaddr, want->hwaddr);
}

/* 3: made for this port; 2: a foreign one that binds it; 0: not for this port. */
static unsigned int fit(const struct ab_iface *f, const struct ab_port *p,
			const struct ab_binding *want)
{
	if (f->record.ledger != AB_OWNER_FOREIGN || f->record.job)
		return ab_world_is_port(&f->identity, p) ? 3 : 0;
	return binds_port(f, want) ? 2 : 0;
}

/* The record to use for a port: the best fit, the first by name among equals. */
static uint32_t find_iface(const struct ab_engine *e, uint32_t port,
			   const struct ab_binding *want)
{
	const struct ab_port *p = ab_port_at_const(e, port);
	uint32_t i, best = AB_NONE;
	unsigned int best_fit = 0;

	for (i = ab_table_next(e, &e->ifaces, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->ifaces, i)) {
		const struct ab_iface *f = ab_iface_at_const(e, i);
		unsigned int this_fit;

		if (f->port != AB_NONE && f->port != port)
			continue;
		this_fit = fit(f, p, want);
		if (this_fit > best_fit ||
		    (this_fit && this_fit == best_fit &&
		     strcmp(f->binding.iface,
			    ab_iface_at_const(e, best)->binding.iface) < 0)) {
			best = i;
			best_fit = this_fit;
		}
	}
	return best;
}

/* Known by its name only, of a write that failed. */
static bool is_vacant(const struct ab_iface *f)
{
	return f->port == AB_NONE && f->first_node == AB_NONE &&
	       !f->record.is_present && !f->record.is_awaited && !f->record.job &&
	       f->record.ledger == AB_OWNER_FOREIGN;
}

static uint32_t new_iface(const struct ab_step *s, const struct ab_policy *pol,
			  const struct ab_port *p)
{
	char name[AB_IFACE_NAME];
	unsigned int n = 0;
	uint32_t slot;

	do {
		ab_policy_iface_name(pol, &p->link, ++n, name);
		slot = ab_world_find_iface(s->e, name);
		if (slot != AB_NONE && is_vacant(ab_iface_at(s->e, slot)))
			return slot;
		/* Every name below was taken by one of the ifaces, so this ends. */
	} while (slot != AB_NONE);
	slot = ab_world_add_iface(s->e, name);
	if (slot == AB_NONE)
		s->e->wants_room = true;
	return slot;
}

/* Forgets the failures of records that nobody tries to make any more. The iface is in
 * use, so that it stays when the last of them goes. */
static void drop_tries(struct ab_engine *e, uint32_t iface)
{
	uint32_t i, next;

	for (i = ab_iface_at(e, iface)->first_node; i != AB_NONE; i = next) {
		struct ab_node *n = ab_node_at(e, i);

		next = n->next;
		if (n->is_wanted || n->record.is_present ||
		    n->record.ledger != AB_OWNER_FOREIGN)
			continue;
		n->record.backoff = (struct ab_backoff){ 0 };
		n->record.is_denied = false;
		ab_try_changed(e, &n->record.tries, false);
		ab_world_release_node(e, i);
	}
}

/* Is a target that the policy wants known on the path? */
static bool wants_target(const struct ab_engine *e, const struct ab_path *path,
			 uint32_t target, int32_t tpgt)
{
	uint32_t i;

	if (!(path->roles & AB_ROLE_TARGET) || path->is_over_limit)
		return false;
	for (i = path->first_found; i != AB_NONE; i = ab_found_at_const(e, i)->next) {
		const struct ab_found *f = ab_found_at_const(e, i);

		if (f->is_wanted && f->target == target && f->tpgt == tpgt)
			return true;
	}
	return false;
}

/* Handle of the path through another port that wants the binding, too; of several, one
 * that is up; 0: none. */
static uint64_t shared_path(const struct ab_engine *e, const struct ab_node *n,
			    uint32_t port)
{
	uint32_t i, path, best = AB_NONE;

	for (i = ab_table_next(e, &e->ports, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->ports, i)) {
		const struct ab_port *p = ab_port_at_const(e, i);

		if (i == port || p->iface != n->iface || p->policy < 0)
			continue;
		path = ab_world_find_path(e, i, &n->portal);
		if (path == AB_NONE ||
		    !wants_target(e, ab_path_at_const(e, path), n->target, n->tpgt))
			continue;
		if (best == AB_NONE ||
		    ab_path_at_const(e, path)->health.state == AB_PATH_UP)
			best = path;
	}
	return best == AB_NONE ? 0 : ab_world_path_handle(e, best);
}

/* No binding of the iface is wanted through the port any more. Several ports share
 * "default", and each speaks for itself only. */
static void unwant_nodes(struct ab_engine *e, uint32_t iface, uint32_t port)
{
	bool is_shared = ab_streq(ab_iface_at(e, iface)->binding.iface, "default");
	uint32_t i, path;

	for (i = ab_iface_at(e, iface)->first_node; i != AB_NONE;
	     i = ab_node_at(e, i)->next) {
		struct ab_node *n = ab_node_at(e, i);

		path = ab_world_path_of(e, n->login.path);
		if (path != AB_NONE && ab_path_at(e, path)->port != port)
			continue;
		if (n->is_wanted || n->login.session != AB_NONE)
			ab_world_touch_target(e, n->target);
		n->login.path = is_shared ? shared_path(e, n, port) : 0;
		n->is_wanted = n->login.path != 0;
		n->record.wish = AB_WISH_NONE;
	}
}

/* Nobody uses the iface record any more. */
static void leave_iface(struct ab_engine *e, uint32_t slot)
{
	struct ab_iface *f = ab_iface_at(e, slot);

	unwant_nodes(e, slot, f->port);
	drop_tries(e, slot);
	f->release.since = ab_port_at(e, f->port)->has_link ? AB_MONO_NEVER : e->now;
	f->port = AB_NONE;
	f->record.wish = AB_WISH_NONE;
	f->record.backoff = (struct ab_backoff){ 0 };
	f->record.is_denied = false;
	ab_try_changed(e, &f->record.tries, false);
	e->is_orphans_dirty = true;
	ab_world_release_iface(e, slot);
}

void ab_plan_use_iface(struct ab_engine *e, uint32_t port, uint32_t slot)
{
	struct ab_port *p = ab_port_at(e, port);
	uint32_t old = p->iface;

	if (old == slot)
		return;
	p->iface = slot;
	e->is_orphans_dirty = true;
	if (slot != AB_NONE &&
	    !ab_streq(ab_iface_at(e, slot)->binding.iface, "default"))
		ab_iface_at(e, slot)->port = port;
	if (old == AB_NONE)
		return;
	if (ab_iface_at(e, old)->port == port)
		leave_iface(e, old);
	else
		unwant_nodes(e, old, port);
}

/* Does the record that the port uses still fit it? */
static bool still_fits(const struct ab_engine *e, const struct ab_port *p,
		       const struct ab_binding *want)
{
	const struct ab_iface *f;

	if (p->iface == AB_NONE)
		return false;
	f = ab_iface_at_const(e, p->iface);
	/* Ours goes with the port through every rename; one about to be
	 * written, too. */
	if (f->record.ledger != AB_OWNER_FOREIGN || f->record.job ||
	    !f->record.is_present)
		return !ab_streq(f->binding.iface, "default");
	return binds_port(f, want);
}

static void resolve_iface(const struct ab_step *s, uint32_t port,
			  const struct ab_binding *want)
{
	struct ab_engine *e = s->e;
	struct ab_port *p = ab_port_at(e, port);
	const struct ab_policy *pol = &s->set->policies[p->policy];
	uint32_t slot;

	if (pol->use_default) {
		slot = ab_world_add_iface(e, "default");
		e->wants_room |= slot == AB_NONE;
		if (slot != AB_NONE)
			ab_plan_use_iface(e, port, slot);
		return;
	}
	if (still_fits(e, p, want))
		return;
	slot = find_iface(e, port, want);
	if (slot == AB_NONE)
		slot = new_iface(s, pol, p);
	ab_plan_use_iface(e, port, slot);
}

static bool is_same_binding(const struct ab_binding *a, const struct ab_binding *b)
{
	return ab_streq(a->transport, b->transport) && ab_streq(a->netdev, b->netdev) &&
	       ab_streq_nocase(a->hwaddr, b->hwaddr) &&
	       ab_streq(a->initiatorname, b->initiatorname);
}

static bool write_iface(const struct ab_step *s, const struct ab_port *p,
			const struct ab_binding *want)
{
	struct ab_iface *f = ab_iface_at(s->e, p->iface);
	struct ab_effect *ef = emit_write(s, AB_EF_IFACE_WRITE, AB_JOB_IFACE_WRITE,
					  p->iface, &f->item, &f->record);

	if (!ef)
		return false;
	ef->iface.binding = *want;
	(void)ab_copy(ef->iface.binding.iface, sizeof(ef->iface.binding.iface),
		      f->binding.iface);
	ab_world_port_identity(p, &ef->iface.port);
	ef->iface.is_update = f->record.is_present;
	ef->iface.hash = f->record.own_hash;
	f->identity = ef->iface.port;
	f->written = ef->iface.binding;
	return true;
}

static enum ab_wish iface_wish(const struct ab_engine *e, const struct ab_policy *pol,
			       const struct ab_port *p, const struct ab_iface *f,
			       const struct ab_binding *want)
{
	switch (ab_world_owner(&f->record)) {
	case AB_OWNER_OURS:
		if (!f->record.is_present)
			return AB_WISH_CREATE;
		return is_same_binding(&f->binding, want) ? AB_WISH_NONE
							  : AB_WISH_UPDATE;
	case AB_OWNER_FOREIGN:
		return f->record.is_present || !wants_iface(e, pol, p) ? AB_WISH_NONE
								       : AB_WISH_CREATE;
	case AB_OWNER_INTENT:
	case AB_OWNER_MODIFIED:
	case AB_OWNER_HELD:
	case AB_OWNER_MAX:
		break;
	}
	return AB_WISH_NONE;
}

/* The record has a port: its time has not begun. The ledger learns what has changed. */
static bool keep_from_retiring(const struct ab_step *s, struct ab_iface *f,
			       const struct ab_policy *pol)
{
	bool is_news =
		f->retire_ms != pol->retire_ms || !ab_mono_is_never(f->orphan_since);

	if (!is_news)
		return true;
	f->retire_ms = pol->retire_ms;
	f->orphan_since = AB_MONO_NEVER;
	if (f->record.ledger == AB_OWNER_FOREIGN)
		return true;
	f->record.is_ledger_due = s->e->is_ledger_dirty = true;
	return ab_plan_tell_iface(s, f);
}

bool ab_plan_iface(const struct ab_step *s, uint32_t port)
{
	struct ab_engine *e = s->e;
	struct ab_port *p = ab_port_at(e, port);
	const struct ab_policy *pol = &s->set->policies[p->policy];
	struct ab_binding want;
	struct ab_iface *f;

	if (!e->is_fresh[AB_SOURCE_RECORDS] || !e->is_fresh[AB_SOURCE_LEDGER])
		return true;
	/* Once there is a record, it is kept right whether or not a portal answers. */
	ab_desired_binding(pol, p, &want);
	if (p->iface != AB_NONE)
		ab_iface_at(e, p->iface)->record.wish = AB_WISH_NONE;
	if (pol->action < AB_ACTION_IFACE)
		return true;
	if (p->iface == AB_NONE && !wants_iface(e, pol, p)) {
		uint32_t own = pol->use_default ? AB_NONE : find_iface(e, port, &want);

		if (own != AB_NONE)
			ab_plan_use_iface(e, port, own);
	} else {
		resolve_iface(s, port, &want);
	}
	if (p->iface == AB_NONE)
		return !e->wants_room;
	f = ab_iface_at(e, p->iface);
	f->release.unbind = pol->unbind;
	f->release.min_paths = pol->min_paths;
	f->release.settle_ms = pol->settle_ms;
	f->release.since = AB_MONO_NEVER;
	if (!keep_from_retiring(s, f, pol))
		return false;
	if (pol->use_default)
		return true;
	f->record.wish = (uint8_t)iface_wish(e, pol, p, f, &want);
	if (f->record.wish == AB_WISH_NONE || !is_actionable(s, p, &f->record))
		return true;
	return write_iface(s, p, &want);
}

/* May node records be bound to it now? */
static bool iface_is_ready(const struct ab_engine *e, const struct ab_port *p)
{
	const struct ab_iface *f;

	if (p->iface == AB_NONE)
		return false;
	f = ab_iface_at_const(e, p->iface);
	if (ab_streq(f->binding.iface, "default"))
		return true;
	return f->record.is_present && f->record.state == AB_RECORD_OK &&
	       !f->record.job && f->record.ledger != AB_OWNER_HELD;
}

/* --- node records --- */

/* With Use=default several ports share a record: the first of their policies says what
 * stands in it. */
static bool has_earlier_user(const struct ab_engine *e, const struct ab_port *p,
			     const struct ab_portal *portal)
{
	uint32_t i, path;

	for (i = ab_table_next(e, &e->ports, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->ports, i)) {
		const struct ab_port *other = ab_port_at_const(e, i);

		if (other->iface != p->iface || other->policy < 0 ||
		    other->policy >= p->policy)
			continue;
		path = ab_world_find_path(e, i, portal);
		if (path != AB_NONE &&
		    (ab_path_at_const(e, path)->roles & AB_ROLE_TARGET) &&
		    !ab_path_at_const(e, path)->is_over_limit)
			return true;
	}
	return false;
}

/* Is the record as it would be written now? */
static bool node_is_current(const struct ab_engine *e, const struct ab_node *n,
			    const struct ab_port *p, const struct ab_policy *pol)
{
	const struct ab_iface *f = ab_iface_at_const(e, p->iface);
	bool is_bound = !ab_streq(f->binding.iface, "default");

	return ab_streq(n->netdev, is_bound ? f->binding.netdev : "") &&
	       ab_streq_nocase(n->hwaddr, is_bound ? f->binding.hwaddr : "") &&
	       (n->settings == pol->settings_hash ||
		(!is_bound && has_earlier_user(e, p, &n->portal)));
}

static bool write_node(const struct ab_step *s, const struct ab_port *p, uint32_t slot,
		       const struct ab_found *found)
{
	struct ab_engine *e = s->e;
	const struct ab_policy *pol = &s->set->policies[p->policy];
	struct ab_node *n = ab_node_at(e, slot);
	struct ab_effect *ef = emit_write(s, AB_EF_NODE_WRITE, AB_JOB_NODE_WRITE, slot,
					  &n->item, &n->record);

	if (!ef)
		return false;
	ab_world_node_key(e, n, &ef->node.key);
	if (found->source != AB_NONE)
		ef->node.discovery = ab_path_at(e, found->source)->portal;
	ef->node.policy = (uint32_t)p->policy;
	ef->node.settings = n->settings = pol->settings_hash;
	(void)ab_copy(ef->node.chap, sizeof(ef->node.chap), pol->chap);
	ef->node.is_update = n->record.is_present;
	ef->node.hash = n->record.own_hash;
	return true;
}

/* The record of a find, by the hint where that is right. */
static uint32_t find_node(struct ab_engine *e, const struct ab_port *p,
			  const struct ab_path *path, struct ab_found *found)
{
	if (found->node != AB_NONE) {
		const struct ab_node *n = ab_node_at(e, found->node);

		if (n->item.is_live && n->target == found->target &&
		    n->iface == p->iface && n->tpgt == found->tpgt &&
		    ab_portal_equal(&n->portal, &path->portal))
			return found->node;
	}
	found->node = ab_world_find_node(e, found->target, &path->portal, found->tpgt,
					 p->iface);
	return found->node;
}

/* The binding is wanted over this path; of several, over one that is up. */
static void want_login(struct ab_engine *e, struct ab_node *n,
		       const struct ab_path *path, bool is_up)
{
	uint32_t slot = ab_world_find_path(e, path->port, &path->portal);
	uint32_t old = ab_world_login_path(e, n);
	bool was_up = old != AB_NONE && ab_path_at(e, old)->health.state == AB_PATH_UP;

	if (old == AB_NONE || (is_up && !was_up) ||
	    (is_up == was_up && path->port < ab_path_at(e, old)->port))
		n->login.path = ab_world_path_handle(e, slot);
	ab_world_touch_target(e, n->target);
}

/* Rule 5: @is_up says whether the portal answers through this port now. */
static enum ab_wish node_wish(const struct ab_engine *e, const struct ab_node *n,
			      const struct ab_port *p, const struct ab_policy *pol,
			      bool is_up)
{
	switch (ab_world_owner(&n->record)) {
	case AB_OWNER_OURS:
		if (n->record.is_present)
			return node_is_current(e, n, p, pol) ? AB_WISH_NONE
							     : AB_WISH_UPDATE;
		return is_up ? AB_WISH_CREATE : AB_WISH_NONE;
	case AB_OWNER_FOREIGN:
		return n->record.is_present || !is_up ? AB_WISH_NONE : AB_WISH_CREATE;
	case AB_OWNER_INTENT:
	case AB_OWNER_MODIFIED:
	case AB_OWNER_HELD:
	case AB_OWNER_MAX:
		break;
	}
	return AB_WISH_NONE;
}

/* Since when no discovery names it: the ledger keeps that over a restart. Without room
 * it is told in the next step, and nothing is done about the record before. */
static void set_unwanted(const struct ab_step *s, struct ab_node *n, ab_mono since)
{
	if (n->unwanted_since.ns == since.ns)
		return;
	n->unwanted_since = since;
	if (n->record.ledger == AB_OWNER_FOREIGN)
		return;
	n->record.is_ledger_due = s->e->is_ledger_dirty = true;
	(void)ab_plan_tell_node(s, n);
}

/* @can_write: else the binding is only marked as wanted. */
static bool plan_node(const struct ab_step *s, struct ab_port *p,
		      const struct ab_path *path, struct ab_found *found,
		      bool can_write)
{
	struct ab_engine *e = s->e;
	const struct ab_policy *pol = &s->set->policies[p->policy];
	struct ab_node_key key = { .portal = path->portal, .tpgt = found->tpgt };
	bool is_up = path->health.state == AB_PATH_UP;
	struct ab_node *n;
	uint32_t slot;

	slot = find_node(e, p, path, found);
	if (slot == AB_NONE) {
		if (!is_up || !can_write)
			return true;
		(void)ab_copy(key.target, sizeof(key.target),
			      ab_target_at(e, found->target)->name);
		(void)ab_copy(key.iface, sizeof(key.iface),
			      ab_iface_at(e, p->iface)->binding.iface);
		slot = ab_world_add_node(e, &key);
		if (slot == AB_NONE) {
			e->wants_room = true;
			return false;
		}
	}
	n = ab_node_at(e, slot);
	want_login(e, n, path, is_up);
	n->is_wanted = true;
	set_unwanted(s, n, AB_MONO_NEVER);
	if (n->record.is_ledger_due)
		return false;
	if (!can_write)
		return true;
	p->n_records += n->record.is_present;
	p->n_held += ab_world_owner(&n->record) == AB_OWNER_HELD;
	n->record.wish = (uint8_t)node_wish(e, n, p, pol, is_up);
	if (n->record.wish == AB_WISH_NONE || !is_actionable(s, p, &n->record))
		return true;
	return write_node(s, p, slot, found);
}

/* How many addresses of Discover have been asked through this port, or are to be. */
static uint32_t count_asked(const struct ab_engine *e, const struct ab_port *p,
			    bool has_answered)
{
	uint32_t i, n = 0;

	for (i = p->first_path; i != AB_NONE; i = ab_path_at_const(e, i)->next) {
		const struct ab_path *path = ab_path_at_const(e, i);

		n += path->is_listed && (path->discovery_ok_at.ns != 0) == has_answered;
	}
	return n;
}

/* True when every address of Discover has answered through this port: then what no
 * answer named is not there. */
static bool has_asked(const struct ab_engine *e, const struct ab_port *p)
{
	return count_asked(e, p, true) > 0 && count_asked(e, p, false) == 0;
}

/* When a record that no portal wants any more may be deleted: at once where the policy
 * forbids it; when the port has had an address for Settle and none in the portal's
 * subnet; else Retire after no discovery names it. */
static ab_mono delete_time(const struct ab_step *s, const struct ab_port *p,
			   struct ab_node *n, const struct ab_home *home)
{
	const struct ab_policy *pol = &s->set->policies[p->policy];

	/* Whoever excludes a portal wants it left alone. */
	if (ab_policy_excludes_portal(s->set, &n->portal, NULL))
		return AB_MONO_NEVER;
	if (pol->action < AB_ACTION_RECORD ||
	    !ab_policy_target(s->set, pol, ab_target_at(s->e, n->target)->name))
		return s->e->now;
	switch (ab_policy_portal(s->set, pol, &n->portal, home->nets, home->n, NULL)) {
	case AB_PORTAL_DENIED:
	case AB_PORTAL_NOT_ALLOWED:
	case AB_PORTAL_UNUSABLE:
		return s->e->now;
	case AB_PORTAL_OTHER_SUBNET:
		return p->addr_settled[n->portal.addr.family == AF_INET6];
	case AB_PORTAL_WANTED:
	case AB_PORTAL_EXCLUDED:
	case AB_PORTAL_VERDICT_MAX:
		break;
	}
	if (pol->retire_ms < 0 || !has_asked(s->e, p))
		return AB_MONO_NEVER;
	if (ab_mono_is_never(n->unwanted_since))
		set_unwanted(s, n, s->e->now);
	return ab_mono_add_ms(n->unwanted_since, pol->retire_ms);
}

/* Rule 3: is there certainly no session over it, and none on its way? */
static bool is_unused(const struct ab_engine *e, const struct ab_node *n)
{
	return e->is_fresh[AB_SOURCE_SESSIONS] && !ab_session_is_open(n) &&
	       !n->login.is_awaited;
}

static bool delete_node(const struct ab_step *s, uint32_t slot)
{
	struct ab_node *n = ab_node_at(s->e, slot);
	struct ab_effect *ef;

	/* Rule 2: nothing that this rests on is stale; rule 3. */
	assert(s->e->is_fresh[AB_SOURCE_RTNL] && s->e->is_fresh[AB_SOURCE_UDEV]);
	assert(s->e->is_fresh[AB_SOURCE_SESSIONS] && !ab_session_is_open(n));
	assert(n->record.is_present && ab_world_owner(&n->record) == AB_OWNER_OURS);
	ef = emit_write(s, AB_EF_NODE_DELETE, AB_JOB_NODE_DELETE, slot, &n->item,
			&n->record);
	if (!ef)
		return false;
	ab_world_node_key(s->e, n, &ef->node.key);
	ef->node.hash = n->record.own_hash;
	return true;
}

/* Records of ours that nothing wants. */
static bool plan_unwanted(const struct ab_step *s, struct ab_port *p,
			  const struct ab_home *home)
{
	struct ab_engine *e = s->e;
	uint32_t i, next;
	ab_mono when;

	/* After a start, what an answer may still name. */
	if (count_asked(e, p, false) == 0)
		drop_tries(e, p->iface);
	for (i = ab_iface_at(e, p->iface)->first_node; i != AB_NONE; i = next) {
		struct ab_node *n = ab_node_at(e, i);

		next = n->next;
		n->record.is_in_use = !is_unused(e, n);
		if (n->is_wanted || !n->record.is_present ||
		    ab_world_owner(&n->record) != AB_OWNER_OURS)
			continue;
		when = delete_time(s, p, n, home);
		if (n->record.is_ledger_due)
			return false;
		if (!ab_plan_is_due(s, p, when))
			continue;
		n->record.wish = AB_WISH_DELETE;
		if (!n->record.is_in_use && is_actionable(s, p, &n->record) &&
		    !delete_node(s, i))
			return false;
	}
	return true;
}

bool ab_plan_nodes(const struct ab_step *s, uint32_t port, const struct ab_home *home)
{
	struct ab_engine *e = s->e;
	struct ab_port *p = ab_port_at(e, port);
	const struct ab_policy *pol = &s->set->policies[p->policy];
	bool can_write = pol->action >= AB_ACTION_RECORD && iface_is_ready(e, p);
	uint32_t i, k;

	p->n_records_wanted = p->n_records = p->n_held = 0;
	if (p->iface != AB_NONE)
		unwant_nodes(e, p->iface, port);
	for (i = p->first_path; i != AB_NONE; i = ab_path_at(e, i)->next) {
		const struct ab_path *path = ab_path_at(e, i);

		if (!(path->roles & AB_ROLE_TARGET) || path->is_over_limit)
			continue;
		for (k = path->first_found; k != AB_NONE; k = ab_found_at(e, k)->next) {
			struct ab_found *f = ab_found_at(e, k);

			if (!f->is_wanted || pol->action < AB_ACTION_RECORD)
				continue;
			p->n_records_wanted++;
			if (p->iface != AB_NONE && !plan_node(s, p, path, f, can_write))
				return false;
		}
	}
	if (!iface_is_ready(e, p) || pol->use_default || pol->action < AB_ACTION_IFACE)
		return true;
	return plan_unwanted(s, p, home);
}

/* --- records whose port is gone --- */

/* May an orphan be deleted now? Else it is looked at again then. */
static bool is_retirable(struct ab_engine *e, const struct ab_record_item *r)
{
	if (!r->is_present || r->job || r->is_awaited || r->is_denied ||
	    ab_world_owner(r) != AB_OWNER_OURS)
		return false;
	if (r->is_ledger_due) { /* there was no room to tell it */
		e->is_orphans_dirty = true;
		return false;
	}
	if (ab_mono_reached(r->backoff.next, e->now))
		return true;
	e->orphans_due = ab_mono_min(e->orphans_due, r->backoff.next);
	return false;
}

static bool retire_iface(const struct ab_step *s, uint32_t slot)
{
	struct ab_engine *e = s->e;
	struct ab_iface *f = ab_iface_at(e, slot);
	bool has_nodes = false;
	struct ab_effect *ef;
	uint32_t i;

	for (i = f->first_node; i != AB_NONE; i = ab_node_at(e, i)->next) {
		struct ab_node *n = ab_node_at(e, i);

		has_nodes |= n->record.is_present || n->record.is_doubted ||
			     !is_unused(e, n);
		if (is_unused(e, n) && is_retirable(e, &n->record) &&
		    !delete_node(s, i))
			return false;
	}
	/* An iface goes after its last node record; a foreign or modified one
	 * keeps it. */
	if (has_nodes || !is_retirable(e, &f->record))
		return true;
	ef = emit_write(s, AB_EF_IFACE_DELETE, AB_JOB_IFACE_DELETE, slot, &f->item,
			&f->record);
	if (!ef)
		return false;
	ef->iface.binding = f->binding;
	ef->iface.hash = f->record.own_hash;
	return true;
}

/* Is the device there, though no policy takes it, or not yet? */
static bool has_port(const struct ab_engine *e, const struct ab_iface *f)
{
	uint32_t i;

	for (i = ab_table_next(e, &e->ports, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->ports, i)) {
		const struct ab_port *p = ab_port_at_const(e, i);

		if (p->has_link && ab_world_is_port(&f->identity, p))
			return true;
	}
	return false;
}

static void set_orphan(const struct ab_step *s, struct ab_iface *f, ab_mono since)
{
	if (f->orphan_since.ns == since.ns)
		return;
	f->orphan_since = since;
	f->record.is_ledger_due = s->e->is_ledger_dirty = true;
	(void)ab_plan_tell_iface(s, f); /* without room: in the next step */
}

void ab_plan_orphans(const struct ab_step *s)
{
	struct ab_engine *e = s->e;
	uint32_t i;

	if (!e->is_orphans_dirty && !ab_mono_reached(e->orphans_due, e->now))
		return;
	e->orphans_due = AB_MONO_NEVER;
	e->is_orphans_dirty = false;
	if (!s->set || e->is_paused || e->is_ledger_unreadable ||
	    !e->is_fresh[AB_SOURCE_RECORDS] || !e->is_fresh[AB_SOURCE_LEDGER] ||
	    !e->is_fresh[AB_SOURCE_RTNL] || !e->is_fresh[AB_SOURCE_UDEV])
		return;
	for (i = ab_table_next(e, &e->ifaces, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->ifaces, i)) {
		struct ab_iface *f = ab_iface_at(e, i);
		ab_mono end;

		if (f->port != AB_NONE || f->retire_ms < 0 ||
		    ab_world_owner(&f->record) != AB_OWNER_OURS)
			continue;
		if (has_port(e, f)) {
			set_orphan(s, f, AB_MONO_NEVER);
			continue;
		}
		if (ab_mono_is_never(f->orphan_since))
			set_orphan(s, f, e->now);
		end = ab_mono_add_ms(f->orphan_since, f->retire_ms);
		if (!ab_mono_reached(end, e->now))
			e->orphans_due = ab_mono_min(e->orphans_due, end);
		else if (!retire_iface(s, i))
			e->is_orphans_dirty = true;
	}
}
