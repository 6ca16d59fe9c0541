/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/view_text.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "core/name.h"
#include "core/session.h"
#include "core/view_walk.h"

/* --- why a path is as it is --- */

/* "excluded by FILE:LINE: why", or "drained by ...". */
static void add_exclude(struct ab_text *t, const struct ab_policy_set *set,
			const struct ab_exclude *x, const struct ab_origin *origin)
{
	ab_text_add(t, x->is_drain ? "drained by " : "excluded by ");
	ab_view_add_origin(t, set, origin);
	if (!x->reason[0])
		return;
	ab_text_add(t, ": ");
	ab_text_add(t, x->reason);
}

static const struct ab_exclude *exclude_of(const struct ab_view *v,
					   const struct ab_scope *scope,
					   struct ab_origin *origin)
{
	struct ab_link link = { .ifindex = 0 };
	struct ab_match_port match = { .link = &link };
	const struct ab_port *p = NULL;

	if (!scope->port[0])
		return ab_policy_excludes_portal(v->set, &scope->portal, origin);
	/* A device that is not there is known by its name only. */
	(void)ab_copy(link.name, sizeof(link.name), scope->port);
	while ((p = ab_view_next_port(v->e, p)))
		if (ab_streq(p->link.name, scope->port))
			match.link = &p->link;
	return ab_policy_excludes_port(v->set, &match, origin);
}

bool ab_view_add_exclusion(struct ab_text *t, const struct ab_view *v,
			   const struct ab_scope *scope, bool *ret_is_drain)
{
	struct ab_origin origin = { .file = UINT32_MAX };
	const struct ab_exclude *x = v->set ? exclude_of(v, scope, &origin) : NULL;

	if (!x)
		return false;
	add_exclude(t, v->set, x, &origin);
	*ret_is_drain = x->is_drain;
	return true;
}

/* The policy that a port has now, or NULL. */
static const struct ab_policy *policy_of(const struct ab_view *v,
					 const struct ab_port *p)
{
	return v->set && p->policy >= 0 ? &v->set->policies[p->policy] : NULL;
}

static void add_denied(struct ab_text *t, const struct ab_view *v,
		       const struct ab_path *path)
{
	const struct ab_port *p = ab_port_at_const(v->e, path->port);
	const struct ab_policy *pol = policy_of(v, p);
	struct ab_origin origin = { .file = UINT32_MAX };

	ab_text_add(t, "denied by the policy");
	if (!pol || ab_policy_portal(v->set, pol, &path->portal, NULL, 0, &origin) !=
			    AB_PORTAL_DENIED)
		return;
	ab_text_add(t, " (");
	ab_view_add_origin(t, v->set, &origin);
	ab_text_addc(t, ')');
}

static void add_portal_exclusion(struct ab_text *t, const struct ab_view *v,
				 const struct ab_path *path)
{
	struct ab_origin origin = { .file = UINT32_MAX };
	const struct ab_exclude *x =
		v->set ? ab_policy_excludes_portal(v->set, &path->portal, &origin)
		       : NULL;

	if (x)
		add_exclude(t, v->set, x, &origin);
	else
		ab_text_add(t, "excluded by exclude.d");
}

static void add_over_limit(struct ab_text *t, const struct ab_view *v,
			   const struct ab_path *path)
{
	const struct ab_policy *pol = policy_of(v, ab_port_at_const(v->e, path->port));

	ab_text_add(t, "over MaxPortals (");
	ab_text_addu(t, pol ? pol->max_portals : 0);
	ab_text_addc(t, ')');
}

static void add_unwanted(struct ab_text *t, const struct ab_view *v,
			 const struct ab_path *path)
{
	switch ((enum ab_portal_verdict)path->verdict) {
	case AB_PORTAL_DENIED:
		add_denied(t, v, path);
		break;
	case AB_PORTAL_NOT_ALLOWED:
		ab_text_add(t, "not in Allow");
		break;
	case AB_PORTAL_OTHER_SUBNET:
		ab_text_add(t, "the port has no address in its subnet (SameSubnet)");
		break;
	case AB_PORTAL_UNUSABLE:
		ab_text_add(t, "not an address that a target can have");
		break;
	case AB_PORTAL_EXCLUDED:
		add_portal_exclusion(t, v, path);
		break;
	case AB_PORTAL_WANTED:
	case AB_PORTAL_VERDICT_MAX:
		if (path->is_over_limit)
			add_over_limit(t, v, path);
		else
			ab_text_add(t, "no wanted target lives there");
		break;
	}
}

struct ab_view_founds ab_view_count_founds(const struct ab_view *v,
					   const struct ab_path *path)
{
	const struct ab_port *p = ab_port_at_const(v->e, path->port);
	const struct ab_policy *pol = policy_of(v, p);
	struct ab_view_founds n = { 0 };
	uint32_t i, k;

	for (i = p->first_path; i != AB_NONE; i = ab_path_at_const(v->e, i)->next) {
		const struct ab_path *other = ab_path_at_const(v->e, i);

		for (k = other->first_found; k != AB_NONE;
		     k = ab_found_at_const(v->e, k)->next) {
			const struct ab_found *f = ab_found_at_const(v->e, k);

			if (f->source == AB_NONE ||
			    ab_path_at_const(v->e, f->source) != path)
				continue;
			n.n++;
			n.n_unwanted +=
				pol &&
				!ab_policy_target(
					v->set, pol,
					ab_target_at_const(v->e, f->target)->name);
		}
	}
	return n;
}

/* What the last discovery through the path has found, as far as it was of no use. */
static void add_finds(struct ab_text *t, const struct ab_view *v,
		      const struct ab_path *path)
{
	struct ab_view_founds n = ab_view_count_founds(v, path);

	if (n.n == 0) {
		ab_text_add(t, "; discovery found nothing");
	} else if (n.n_unwanted) {
		ab_text_add(t, "; of ");
		ab_text_addu(t, n.n);
		ab_text_add(t, n.n == 1 ? " binding found " : " bindings found ");
		ab_text_addu(t, n.n_unwanted);
		ab_text_add(t, n.n_unwanted == 1 ? " is" : " are");
		ab_text_add(t, " not in Targets");
	}
}

/* What became of the discovery through a path that answers. */
static enum ab_view_reason add_discovery(struct ab_text *t, const struct ab_view *v,
					 const struct ab_path *path)
{
	enum ab_view_reason reason = AB_REASON_NONE;

	if (path->discovery_job && !path->discovery_ok_at.ns) {
		ab_text_add(t, "; it is being asked for targets");
		reason = AB_REASON_UNDER_WAY;
	} else if (path->discovery_code) {
		ab_text_add(t, "; discovery failed: ");
		ab_view_add_discovery_error(t, path->discovery_code);
		if (!path->discovery_job) {
			ab_text_add(t, "; again in ");
			ab_view_add_ms(
				t, ab_mono_ms_between(v->now, path->discovery.next));
		}
		reason = path->discovery_job ? AB_REASON_UNDER_WAY : AB_REASON_BLOCKED;
	} else if (!path->discovery_ok_at.ns) {
		ab_text_add(t, v->e->is_paused ? "; not asked for targets: paused"
					       : "; it will be asked for targets");
		reason = v->e->is_paused ? AB_REASON_BLOCKED : AB_REASON_UNDER_WAY;
	}
	if (path->discovery_ok_at.ns)
		add_finds(t, v, path);
	return reason;
}

static enum ab_view_reason add_answers(struct ab_text *t, const struct ab_view *v,
				       const struct ab_path *path)
{
	enum ab_view_reason reason = AB_REASON_NONE;

	ab_text_add(t, "answers");
	if (path->roles & AB_ROLE_DISCOVERY)
		reason = add_discovery(t, v, path);
	if (!path->is_over_limit)
		return reason;
	/* It is asked all the same. */
	ab_text_add(t, "; no target there is used: ");
	add_over_limit(t, v, path);
	return AB_REASON_BLOCKED;
}

enum ab_view_reason ab_view_add_path_reason(struct ab_text *t, const struct ab_view *v,
					    const struct ab_path *path)
{
	const struct ab_health *h = &path->health;

	switch ((enum ab_path_state)h->state) {
	case AB_PATH_UNKNOWN:
		ab_text_add(t, path->is_probed ? "first probes are out"
					       : "the kernel is asked for the route");
		return AB_REASON_UNDER_WAY;
	case AB_PATH_UP:
		return add_answers(t, v, path);
	case AB_PATH_DOWN:
		ab_text_add(t, h->error == EHOSTUNREACH ? "does not answer ARP or ND"
							: "does not answer");
		break;
	case AB_PATH_REFUSED:
	case AB_PATH_CANNOTSEND:
		ab_text_add(t, h->state == AB_PATH_REFUSED ? "refused: "
							   : "cannot send: ");
		ab_view_add_probe_error(t, h->error);
		break;
	case AB_PATH_WRONGDEVICE:
		ab_text_add(t, "answers come in by another device");
		break;
	case AB_PATH_NOCARRIER:
		ab_text_add(t, "no carrier");
		break;
	case AB_PATH_NOADDR:
		ab_text_add(t, path->portal.addr.family == AF_INET6
				       ? "no usable IPv6 address on the device"
				       : "no IPv4 address on the device");
		break;
	case AB_PATH_NOROUTE:
		ab_text_add(t, "no route to it by this device");
		break;
	case AB_PATH_UNWANTED:
	case AB_PATH_STATE_MAX:
		add_unwanted(t, v, path);
		break;
	}
	return AB_REASON_BLOCKED;
}

/* --- why a record is as it is --- */

static void add_failure(struct ab_text *t, const struct ab_view *v,
			const struct ab_record_item *r)
{
	if (r->code) {
		ab_text_add(t, r->wish == AB_WISH_DELETE ? "deleting it failed: "
							 : "writing it failed: ");
		ab_view_add_file_error(t, r->code);
	} else {
		ab_text_add(t, "it was not as expected when it was written");
	}
	ab_text_add(t, "; again in ");
	ab_view_add_ms(t, ab_mono_ms_between(v->now, r->backoff.next));
}

/* Nothing is the matter with the record, but what is wished may not be done now. */
static enum ab_view_reason add_standstill(struct ab_text *t, const struct ab_view *v,
					  const struct ab_record_item *r)
{
	bool is_wished = r->wish != AB_WISH_NONE;

	if (v->e->is_paused && (is_wished || !r->is_present)) {
		ab_text_add(t, r->wish == AB_WISH_DELETE   ? "not deleted: paused"
			       : r->wish == AB_WISH_UPDATE ? "not changed: paused"
							   : "not written: paused");
		return AB_REASON_BLOCKED;
	}
	if (r->wish == AB_WISH_DELETE && r->is_in_use) {
		ab_text_add(t, "not deleted: its session has to end first");
		return AB_REASON_BLOCKED;
	}
	if (v->e->is_ledger_unreadable && is_wished && r->is_present) {
		ab_text_add(t,
			    r->wish == AB_WISH_DELETE ? "not deleted" : "not changed");
		ab_text_add(t, ": the ledger could not be read, so records are only "
			       "added until the next start");
		return AB_REASON_BLOCKED;
	}
	return AB_REASON_NONE;
}

enum ab_view_reason ab_view_add_record_reason(struct ab_text *t,
					      const struct ab_view *v,
					      const struct ab_record_item *r)
{
	enum ab_owner owner = ab_world_owner(r);

	if (owner == AB_OWNER_HELD) {
		ab_text_add(t, "removed by somebody; `autobind apply` makes it again");
	} else if (r->job) {
		ab_text_add(t, r->wish == AB_WISH_DELETE ? "being deleted"
							 : "being written");
		return AB_REASON_UNDER_WAY;
	} else if (r->is_awaited) {
		ab_text_add(t, "nobody knows how writing it ended; the records are "
			       "read again");
	} else if (r->is_doubted) {
		ab_text_add(t, "not there when the records were read; looked for once "
			       "more in ");
		ab_view_add_ms(t, ab_mono_ms_between(v->now, v->e->recheck_at));
	} else if (r->is_denied) {
		ab_text_add(t, "refused: ");
		ab_view_add_file_error(t, r->code);
		ab_text_add(t, "; not tried again until the policy changes");
	} else if (r->backoff.attempts && (r->wish || !r->is_present)) {
		add_failure(t, v, r);
	} else if (r->is_present && r->state != AB_RECORD_OK) {
		ab_text_add(t, "the file is broken, and nobody's to repair but the "
			       "administrator's");
	} else if (owner == AB_OWNER_MODIFIED) {
		ab_text_add(t, "changed by somebody: not rewritten any more");
	} else {
		return add_standstill(t, v, r);
	}
	return AB_REASON_BLOCKED;
}

/* Why no node record can be bound to the port's iface. */
static enum ab_view_reason add_iface_obstacle(struct ab_text *t,
					      const struct ab_view *v,
					      const struct ab_port *p, bool is_up)
{
	const struct ab_iface *f;
	enum ab_view_reason reason;

	if (p->iface == AB_NONE) {
		ab_text_add(t, "no iface record yet: one is made when the first portal "
			       "answers");
		return is_up ? AB_REASON_UNDER_WAY : AB_REASON_BLOCKED;
	}
	f = ab_iface_at_const(v->e, p->iface);
	if (ab_streq(f->binding.iface, "default") ||
	    (f->record.is_present && f->record.state == AB_RECORD_OK &&
	     !f->record.job && f->record.ledger != AB_OWNER_HELD))
		return AB_REASON_NONE;
	ab_text_add(t, "iface ");
	ab_view_add_foreign(t, f->binding.iface);
	ab_text_add(t, ": ");
	reason = ab_view_add_record_reason(t, v, &f->record);
	if (reason != AB_REASON_NONE)
		return reason;
	ab_text_add(t, "it is written when a portal answers");
	return is_up ? AB_REASON_UNDER_WAY : AB_REASON_BLOCKED;
}

/* Why nothing is written at all, whatever the record. */
static enum ab_view_reason add_general_obstacle(struct ab_text *t,
						const struct ab_view *v,
						const struct ab_port *p)
{
	const struct ab_policy *pol = policy_of(v, p);

	if (!pol) {
		ab_text_add(t, "no policy takes the port");
	} else if (pol->action < AB_ACTION_RECORD) {
		ab_text_add(t, pol->action == AB_ACTION_IGNORE
				       ? "Action=ignore writes nothing"
				       : "Action=iface writes no node records");
	} else if (!v->e->is_fresh[AB_SOURCE_RECORDS] ||
		   !v->e->is_fresh[AB_SOURCE_LEDGER]) {
		ab_text_add(t, "the records are being read");
		return AB_REASON_UNDER_WAY;
	} else {
		return AB_REASON_NONE;
	}
	return AB_REASON_BLOCKED;
}

/* Why there is no record of a binding whose portal does not serve it now. */
static void add_portal_obstacle(struct ab_text *t, const struct ab_view *v,
				const struct ab_path *path)
{
	if (path->is_over_limit) {
		ab_text_add(t, "its portal is ");
		add_over_limit(t, v, path);
		return;
	}
	ab_text_add(t, path->health.state == AB_PATH_UNWANTED
			       ? "its portal is not wanted: "
			       : "its portal must answer first: ");
	(void)ab_view_add_path_reason(t, v, path);
}

enum ab_view_reason ab_view_add_binding_reason(struct ab_text *t,
					       const struct ab_view *v,
					       const struct ab_port *p,
					       const struct ab_path *path,
					       const struct ab_found *f)
{
	const struct ab_policy *pol = policy_of(v, p);
	uint32_t node = p->iface == AB_NONE
				? AB_NONE
				: ab_world_find_node(v->e, f->target, &path->portal,
						     f->tpgt, p->iface);
	const struct ab_record_item *r =
		node == AB_NONE ? NULL : &ab_node_at_const(v->e, node)->record;
	bool is_up = path->health.state == AB_PATH_UP && !path->is_over_limit;
	enum ab_view_reason reason;

	if (pol &&
	    !ab_policy_target(v->set, pol, ab_target_at_const(v->e, f->target)->name)) {
		ab_text_add(t, "not in Targets");
		return AB_REASON_BLOCKED;
	}
	reason = r ? ab_view_add_record_reason(t, v, r) : AB_REASON_NONE;
	if (reason != AB_REASON_NONE || (r && r->is_present))
		return reason;
	reason = add_general_obstacle(t, v, p);
	if (reason == AB_REASON_NONE)
		reason = add_iface_obstacle(t, v, p, is_up);
	if (reason != AB_REASON_NONE)
		return reason;
	if (!is_up) {
		add_portal_obstacle(t, v, path);
		return path->health.state == AB_PATH_UNKNOWN ? AB_REASON_UNDER_WAY
							     : AB_REASON_BLOCKED;
	}
	ab_text_add(t, v->e->is_paused ? "not written: paused" : "it will be written");
	return v->e->is_paused ? AB_REASON_BLOCKED : AB_REASON_UNDER_WAY;
}

/* --- why a port is as it is --- */

/* "Address (FILE:LINE), Driver (FILE:LINE)": those of @keys. */
static void add_keys(struct ab_text *t, const struct ab_view *v, uint32_t index,
		     uint32_t keys)
{
	const char *separator = "";
	unsigned int key;

	for (key = 0; key < AB_MATCH_KEY_MAX; key++) {
		if (!(keys & 1u << key))
			continue;
		ab_text_add(t, separator);
		ab_text_add(t, ab_policy_match_key_name((enum ab_match_key)key));
		ab_text_add(t, " (");
		ab_view_add_origin(t, v->set,
				   &v->set->policies[index].match_origin[key]);
		ab_text_addc(t, ')');
		separator = ", ";
	}
}

static void add_wrong_kind(struct ab_text *t, const struct ab_match_port *m)
{
	ab_text_add(t, "devices of type ");
	ab_text_add(t, ab_port_type_name((enum ab_port_type)m->link->type));
	ab_text_add(t, " are taken only where Type, Name or MAC names them");
}

void ab_view_add_match(struct ab_text *t, const struct ab_view *v, uint32_t index,
		       const struct ab_match_port *m)
{
	struct ab_match_keys keys;

	ab_policy_match_keys(v->set, index, m, &keys);
	ab_text_add(t, v->set->policies[index].name);
	if (keys.missed) {
		ab_text_add(t, ": no, ");
		add_keys(t, v, index, keys.missed);
	} else if (keys.is_wrong_kind) {
		ab_text_add(t, ": no, ");
		add_wrong_kind(t, m);
	} else {
		ab_text_add(t, ": matches");
		ab_text_add(t, keys.given ? ", " : "");
		add_keys(t, v, index, keys.given);
	}
}

static unsigned int n_bits(uint32_t bits)
{
	unsigned int n = 0;

	for (; bits; bits &= bits - 1)
		n++;
	return n;
}

/* The policy that fails by the fewest keys; among equals the one that matches in most
 * of them, then the first. */
static uint32_t nearest_policy(const struct ab_policy_set *set,
			       const struct ab_match_port *m)
{
	unsigned int best_missed = UINT32_MAX, best_given = 0;
	uint32_t i, best = 0;

	for (i = 0; i < set->n_policies; i++) {
		struct ab_match_keys keys;
		unsigned int missed, given;

		ab_policy_match_keys(set, i, m, &keys);
		missed = n_bits(keys.missed) + keys.is_wrong_kind;
		given = n_bits(keys.given);
		if (missed > best_missed ||
		    (missed == best_missed && given <= best_given))
			continue;
		best_missed = missed;
		best_given = given;
		best = i;
	}
	return best;
}

static void add_untaken(struct ab_text *t, const struct ab_view *v,
			const struct ab_port *p)
{
	struct ab_home home;
	struct ab_match_port m = ab_desired_match_port(v->e, p, &home);

	if (!v->set) {
		ab_text_add(t, "no configuration is in force");
		return;
	}
	if (v->set->n_policies == 0) {
		ab_text_add(t, "there is no policy");
		return;
	}
	if (v->set->n_policies > 1) {
		ab_text_add(t, "none of ");
		ab_text_addu(t, v->set->n_policies);
		ab_text_add(t, " policies matches; nearest is ");
	}
	ab_view_add_match(t, v, nearest_policy(v->set, &m), &m);
}

/* Sessions that a drained port still has. */
static void add_left(struct ab_text *t, const struct ab_view *v,
		     const struct ab_port *p)
{
	struct ab_view count = *v;
	struct ab_scope scope = { .port = "" };
	uint32_t n;

	(void)ab_copy(scope.port, sizeof(scope.port), p->link.name);
	count.fn = NULL;
	n = ab_view_left(&count, &scope);
	if (n == 0)
		return;
	ab_text_add(t, "; ");
	ab_text_addu(t, n);
	ab_text_add(t, n == 1 ? " session is left" : " sessions are left");
}

static void add_port_exclusion(struct ab_text *t, const struct ab_view *v,
			       const struct ab_port *p)
{
	struct ab_home home;
	struct ab_match_port m = ab_desired_match_port(v->e, p, &home);
	struct ab_origin origin = { .file = UINT32_MAX };
	const struct ab_exclude *x =
		v->set ? ab_policy_excludes_port(v->set, &m, &origin) : NULL;

	if (p->link.type == AB_PORT_LOOPBACK)
		ab_text_add(t, "loopback");
	else if (p->udev.is_ignored)
		ab_text_add(t, "AUTOBIND_IGNORE=1 is set by udev");
	else if (x)
		add_exclude(t, v->set, x, &origin);
	else
		ab_text_add(t, "excluded by exclude.d");
	if (x && x->is_drain)
		add_left(t, v, p);
}

static void add_master(struct ab_text *t, const struct ab_view *v,
		       const struct ab_port *p)
{
	uint32_t master = ab_world_find_port(v->e, p->link.master);

	ab_text_add(t, "member of ");
	if (master != AB_NONE && ab_port_at_const(v->e, master)->has_link)
		ab_view_add_foreign(t, ab_port_at_const(v->e, master)->link.name);
	else
		ab_text_add(t, "another device");
	ab_text_add(t, ", which is the port");
}

/* The first path that is wanted and not up; else NULL. */
static const struct ab_path *worst_path(const struct ab_engine *e,
					const struct ab_port *p)
{
	uint32_t i;

	for (i = p->first_path; i != AB_NONE; i = ab_path_at_const(e, i)->next) {
		const struct ab_path *path = ab_path_at_const(e, i);

		if (ab_path_is_wanted(path) && path->health.state != AB_PATH_UP)
			return path;
	}
	return NULL;
}

/* The first path that was not asked yet, or in vain; else NULL. */
static const struct ab_path *silent_path(const struct ab_engine *e,
					 const struct ab_port *p)
{
	uint32_t i;

	for (i = p->first_path; i != AB_NONE; i = ab_path_at_const(e, i)->next) {
		const struct ab_path *path = ab_path_at_const(e, i);

		if ((path->roles & AB_ROLE_DISCOVERY) && ab_world_wants_answer(path))
			return path;
	}
	return NULL;
}

/* The first path that the policy names and does not want here. */
static const struct ab_path *refused_path(const struct ab_engine *e,
					  const struct ab_port *p)
{
	uint32_t i;

	for (i = p->first_path; i != AB_NONE; i = ab_path_at_const(e, i)->next)
		if (!ab_path_at_const(e, i)->roles)
			return ab_path_at_const(e, i);
	return NULL;
}

static enum ab_view_reason add_path(struct ab_text *t, const struct ab_view *v,
				    const struct ab_path *path)
{
	ab_name_add_portal(t, &path->portal);
	ab_text_addc(t, ' ');
	return ab_view_add_path_reason(t, v, path);
}

static void add_pending(struct ab_text *t, const struct ab_view *v,
			const struct ab_port *p)
{
	if (!v->e->is_fresh[AB_SOURCE_RTNL])
		ab_text_add(t, "links and addresses are being read");
	else if (!v->e->is_fresh[AB_SOURCE_UDEV])
		ab_text_add(t, "devices are being read from udev");
	else if (!p->has_udev)
		ab_text_add(t, "udev has not announced it");
	else
		ab_text_add(t, "udev has not finished with it");
}

/* The first wanted binding that has no record, or @held: whose record is held. */
static enum ab_view_reason add_missing_record(struct ab_text *t,
					      const struct ab_view *v,
					      const struct ab_port *p, bool held)
{
	const struct ab_policy *pol = policy_of(v, p);
	uint32_t i, k, node;

	for (i = p->first_path; i != AB_NONE; i = ab_path_at_const(v->e, i)->next) {
		const struct ab_path *path = ab_path_at_const(v->e, i);

		if (!(path->roles & AB_ROLE_TARGET) || path->is_over_limit)
			continue;
		for (k = path->first_found; k != AB_NONE;
		     k = ab_found_at_const(v->e, k)->next) {
			const struct ab_found *f = ab_found_at_const(v->e, k);
			const char *name = ab_target_at_const(v->e, f->target)->name;

			if (!pol || !ab_policy_target(v->set, pol, name))
				continue;
			node = p->iface == AB_NONE
				       ? AB_NONE
				       : ab_world_find_node(v->e, f->target,
							    &path->portal, f->tpgt,
							    p->iface);
			if (node != AB_NONE &&
			    (ab_node_at_const(v->e, node)->record.is_present ||
			     (held && ab_node_at_const(v->e, node)->record.ledger !=
					      AB_OWNER_HELD)))
				continue;
			if (node == AB_NONE && held)
				continue;
			ab_view_add_foreign(t, name);
			ab_text_addc(t, ' ');
			ab_name_add_portal(t, &path->portal);
			ab_text_add(t, ": ");
			return ab_view_add_binding_reason(t, v, p, path, f);
		}
	}
	return AB_REASON_NONE;
}

/* The first wanted session through the port that does not stand, or @held: that the
 * administrator ended. */
static enum ab_view_reason add_missing_session(struct ab_text *t,
					       const struct ab_view *v,
					       const struct ab_port *p, bool held)
{
	struct ab_node_key key;
	uint32_t i;

	if (p->iface == AB_NONE)
		return AB_REASON_NONE;
	for (i = ab_iface_at_const(v->e, p->iface)->first_node; i != AB_NONE;
	     i = ab_node_at_const(v->e, i)->next) {
		const struct ab_node *n = ab_node_at_const(v->e, i);

		if (!n->login.is_chosen || n->login.is_held != held ||
		    ab_session_verdict(v->e, v->set, n) == AB_LOGIN_LOGGED_IN)
			continue;
		ab_world_node_key(v->e, n, &key);
		ab_text_add(t, "session to ");
		ab_view_add_node_key(t, &key);
		ab_text_add(t, ": ");
		return ab_view_add_login_reason(t, v, n);
	}
	return AB_REASON_NONE;
}

/* Nothing that the policy wants was offered. */
static void add_no_target(struct ab_text *t, const struct ab_view *v,
			  const struct ab_port *p)
{
	uint32_t i, n = 0;

	for (i = p->first_path; i != AB_NONE; i = ab_path_at_const(v->e, i)->next)
		n += ab_view_count_founds(v, ab_path_at_const(v->e, i)).n_unwanted;
	ab_text_add(t, "no wanted target");
	if (n == 0)
		return;
	ab_text_add(t, ": ");
	ab_text_addu(t, n);
	ab_text_add(t, n == 1 ? " binding found is" : " bindings found are");
	ab_text_add(t, " not in Targets");
}

static enum ab_view_reason add_missing(struct ab_text *t, const struct ab_view *v,
				       const struct ab_port *p)
{
	const struct ab_path *path = worst_path(v->e, p);
	enum ab_view_reason reason;

	if (!path && p->n_wanted)
		path = silent_path(v->e, p);
	if (!path && !p->n_wanted)
		path = refused_path(v->e, p);
	if (path)
		return add_path(t, v, path);
	if (!p->n_wanted) {
		ab_text_add(t, "its policy names no portal to ask or to use");
		return AB_REASON_BLOCKED;
	}
	if (!p->n_records_wanted) {
		add_no_target(t, v, p);
		return AB_REASON_BLOCKED;
	}
	reason = add_missing_record(t, v, p, false);
	if (reason == AB_REASON_NONE)
		reason = add_missing_session(t, v, p, false);
	if (reason != AB_REASON_NONE)
		return reason;
	ab_text_add(t, "the records are being written");
	return AB_REASON_UNDER_WAY;
}

static void add_no_address(struct ab_text *t, const struct ab_view *v,
			   const struct ab_port *p)
{
	const char *why = "";
	uint32_t i;

	for (i = p->first_addr; i != AB_NONE; i = ab_ifaddr_at_const(v->e, i)->next) {
		const struct ab_ifaddr_item *a = ab_ifaddr_at_const(v->e, i);

		if (!a->is_present)
			continue;
		if (a->ifaddr.is_failed)
			why = ": another host has the same one";
		else if (a->ifaddr.is_tentative)
			why = ": duplicate address detection is not through";
		else if (!*why)
			why = ": only a link-local one";
	}
	ab_text_add(t, "no usable address");
	ab_text_add(t, why);
}

static void add_held(struct ab_text *t, const struct ab_view *v,
		     const struct ab_port *p)
{
	const struct ab_iface *f =
		p->iface != AB_NONE ? ab_iface_at_const(v->e, p->iface) : NULL;

	if (f && f->record.ledger == AB_OWNER_HELD) {
		ab_text_add(t, "iface ");
		ab_view_add_foreign(t, f->binding.iface);
		ab_text_add(t, ": ");
		(void)ab_view_add_record_reason(t, v, &f->record);
	} else if (!add_missing_record(t, v, p, true) &&
		   !add_missing_session(t, v, p, true)) {
		ab_text_add(t, "removed by somebody; `autobind apply` makes it again");
	}
}

/* A port that lacks nothing may still surprise. */
static void add_bound(struct ab_text *t, const struct ab_view *v,
		      const struct ab_port *p)
{
	const struct ab_policy *pol = policy_of(v, p);
	uint32_t i, n_over = 0;

	for (i = p->first_path; i != AB_NONE; i = ab_path_at_const(v->e, i)->next)
		n_over += ab_path_at_const(v->e, i)->is_over_limit;
	if (n_over == 0)
		return;
	ab_text_addu(t, n_over);
	ab_text_add(t, n_over == 1 ? " portal is over MaxPortals ("
				   : " portals are over MaxPortals (");
	ab_text_addu(t, pol ? pol->max_portals : 0);
	ab_text_addc(t, ')');
}

enum ab_view_reason ab_view_add_port_reason(struct ab_text *t, const struct ab_view *v,
					    const struct ab_port *p)
{
	switch ((enum ab_port_state)p->state) {
	case AB_PORT_STATE_PENDING:
		add_pending(t, v, p);
		return AB_REASON_UNDER_WAY;
	case AB_PORT_STATE_UNTAKEN:
		add_untaken(t, v, p);
		break;
	case AB_PORT_STATE_EXCLUDED:
		add_port_exclusion(t, v, p);
		break;
	case AB_PORT_STATE_ENSLAVED:
		add_master(t, v, p);
		break;
	case AB_PORT_STATE_IGNORED:
		ab_text_add(t, "Action=ignore");
		break;
	case AB_PORT_STATE_NOCARRIER:
		ab_text_add(t, p->link.is_up ? "no carrier" : "the device is down");
		break;
	case AB_PORT_STATE_NOADDR:
		add_no_address(t, v, p);
		break;
	case AB_PORT_STATE_HELD:
		add_held(t, v, p);
		break;
	case AB_PORT_STATE_SEARCHING:
	case AB_PORT_STATE_PARTIAL:
		return add_missing(t, v, p);
	case AB_PORT_STATE_BOUND:
		add_bound(t, v, p);
		return AB_REASON_NONE;
	case AB_PORT_STATE_MAX:
		break;
	}
	return AB_REASON_BLOCKED;
}
