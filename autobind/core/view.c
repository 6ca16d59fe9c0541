/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/view.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "core/desired.h"
#include "core/name.h"
#include "core/proto.h"
#include "core/world.h"

/* --- words --- */

const char *ab_view_port_state(unsigned int state)
{
	static const char *const names[AB_PORT_STATE_MAX] = {
		[AB_PORT_STATE_PENDING] = "PENDING",
		[AB_PORT_STATE_UNTAKEN] = "UNTAKEN",
		[AB_PORT_STATE_EXCLUDED] = "EXCLUDED",
		[AB_PORT_STATE_ENSLAVED] = "ENSLAVED",
		[AB_PORT_STATE_IGNORED] = "IGNORED",
		[AB_PORT_STATE_NOCARRIER] = "NOCARRIER",
		[AB_PORT_STATE_NOADDR] = "NOADDR",
		[AB_PORT_STATE_SEARCHING] = "SEARCHING",
		[AB_PORT_STATE_PARTIAL] = "PARTIAL",
		[AB_PORT_STATE_BOUND] = "BOUND",
		[AB_PORT_STATE_HELD] = "HELD",
	};

	return state < AB_PORT_STATE_MAX ? names[state] : "?";
}

const char *ab_view_owner(enum ab_owner owner)
{
	static const char *const names[AB_OWNER_MAX] = {
		[AB_OWNER_FOREIGN] = "foreign", [AB_OWNER_INTENT] = "intended",
		[AB_OWNER_OURS] = "ours",	[AB_OWNER_MODIFIED] = "modified",
		[AB_OWNER_HELD] = "held",
	};

	return names[owner];
}

/* What the kernel meant, in the administrator's words. */
static const char *errno_text(int32_t error)
{
	switch (error) {
	case ECONNREFUSED:
		return "connection refused";
	case EHOSTUNREACH:
		return "no route to host";
	case ENETUNREACH:
		return "network is unreachable";
	case EPERM:
	case EACCES:
		return "not permitted (a firewall rule?)";
	case ENOBUFS:
		return "no buffer space";
	case EMSGSIZE:
		return "larger than the MTU";
	case ENODEV:
		return "no such device";
	case EADDRNOTAVAIL:
		return "no source address";
	default:
		return NULL;
	}
}

static void add_errno(struct ab_text *t, int32_t error)
{
	const char *text = errno_text(error);

	if (text) {
		ab_text_add(t, text);
	} else {
		ab_text_add(t, "error ");
		ab_text_addi(t, error);
	}
}

static void add_ms(struct ab_text *t, int64_t ms)
{
	bool is_whole = ms % 1000 == 0;

	ab_text_addi(t, is_whole || ms >= 10000 ? ms / 1000 : ms);
	ab_text_add(t, is_whole || ms >= 10000 ? " s" : " ms");
}

static void add_origin(struct ab_text *t, const struct ab_policy_set *set,
		       const struct ab_origin *o)
{
	if (o->file >= set->n_files) {
		ab_text_add(t, "built-in default");
		return;
	}
	ab_text_add(t, set->files[o->file]);
	ab_text_addc(t, ':');
	ab_text_addu(t, o->line);
}

/* What became of a discovery; negative: what became of its helper. */
static const char *discovery_text(int32_t code)
{
	static const char *const texts[AB_DISCOVERY_CODE_MAX] = {
		[AB_DISCOVERY_USAGE] = "the helper refused its arguments",
		[AB_DISCOVERY_SYSTEM] = "no socket, or no sandbox",
		[AB_DISCOVERY_BIND] = "cannot be bound to the device",
		[AB_DISCOVERY_UNREACHABLE] = "unreachable",
		[AB_DISCOVERY_REFUSED] = "connection refused",
		[AB_DISCOVERY_TIMEOUT] = "no answer in time",
		[AB_DISCOVERY_CLOSED] = "the target closed the connection",
		[AB_DISCOVERY_PROTOCOL] = "the answer is not iSCSI",
		[AB_DISCOVERY_LIMIT] = "the answer is too long",
		[AB_DISCOVERY_DENIED] = "the target denies this initiator",
		[AB_DISCOVERY_AUTH] = "the target asks for CHAP",
		[AB_DISCOVERY_BUSY] = "the target is out of service",
		[AB_DISCOVERY_REDIRECT] = "the target names another address",
		[AB_DISCOVERY_REJECTED] = "the target rejects the request",
		[AB_DISCOVERY_LOGOUT] = "the target asks to go away",
	};
	const char *text = code >= 0 && code < AB_DISCOVERY_CODE_MAX
				   ? texts[code]
				   : errno_text(-code);

	return text ? text : "the helper failed";
}

/* --- why a path is as it is --- */

/* "excluded by FILE:LINE: why". */
static void add_exclude(struct ab_text *t, const struct ab_policy_set *set,
			const struct ab_exclude *x, const struct ab_origin *origin)
{
	ab_text_add(t, "excluded by ");
	add_origin(t, set, origin);
	if (!x->reason[0])
		return;
	ab_text_add(t, ": ");
	ab_text_add(t, x->reason);
}

static void add_unwanted(struct ab_text *t, const struct ab_view *v,
			 const struct ab_path *path)
{
	struct ab_origin origin = { 0 };
	const struct ab_exclude *x;

	switch ((enum ab_portal_verdict)path->verdict) {
	case AB_PORTAL_DENIED:
		ab_text_add(t, "denied by the policy");
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
		x = v->set ? ab_policy_excludes_portal(v->set, &path->portal, &origin)
			   : NULL;
		if (x)
			add_exclude(t, v->set, x, &origin);
		else
			ab_text_add(t, "excluded by exclude.d");
		break;
	case AB_PORTAL_WANTED:
	case AB_PORTAL_VERDICT_MAX:
		ab_text_add(t, path->is_over_limit ? "over MaxPortals"
						   : "no wanted target lives there");
		break;
	}
}

/* Answers, but has not said which targets there are. */
static bool is_silent(const struct ab_path *path)
{
	return (path->roles & AB_ROLE_DISCOVERY) && path->health.state == AB_PATH_UP &&
	       ab_world_wants_answer(path);
}

static void add_path_reason(struct ab_text *t, const struct ab_view *v,
			    const struct ab_path *path)
{
	const struct ab_health *h = &path->health;

	switch ((enum ab_path_state)h->state) {
	case AB_PATH_UNKNOWN:
		ab_text_add(t, path->is_probed ? "first probes are out"
					       : "the kernel is asked for the route");
		break;
	case AB_PATH_UP:
		ab_text_add(t, "answers");
		break;
	case AB_PATH_DOWN:
		ab_text_add(t, h->error == EHOSTUNREACH ? "does not answer ARP or ND"
							: "does not answer");
		break;
	case AB_PATH_REFUSED:
	case AB_PATH_CANNOTSEND:
		ab_text_add(t, h->state == AB_PATH_REFUSED ? "refused: "
							   : "cannot send: ");
		add_errno(t, h->error);
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
	if (path->discovery_code) {
		ab_text_add(t, "; discovery failed: ");
		ab_text_add(t, discovery_text(path->discovery_code));
	} else if (is_silent(path)) {
		ab_text_add(t, v->e->is_paused ? "; not asked for targets while paused"
					       : "; is asked for targets");
	}
}

/* --- why a port is as it is --- */

static const char *const match_key_names[AB_MATCH_KEY_MAX] = {
	[AB_MATCH_NAME] = "Name",     [AB_MATCH_MAC] = "MAC",
	[AB_MATCH_DRIVER] = "Driver", [AB_MATCH_TYPE] = "Type",
	[AB_MATCH_MASTER] = "Master", [AB_MATCH_ADDRESS] = "Address",
};

/* "10-san: no, Address (FILE:LINE)". */
static void add_match(struct ab_text *t, const struct ab_view *v, uint32_t index,
		      const struct ab_match_port *m)
{
	struct ab_match_result r = { 0 };
	bool is_match = ab_policy_match(v->set, index, m, &r);

	ab_text_add(t, v->set->policies[index].name);
	if (is_match) {
		ab_text_add(t, ": matches");
	} else if (r.verdict == AB_MATCH_KIND) {
		ab_text_add(t, ": no, it does not name devices of type ");
		ab_text_add(t, ab_port_type_name((enum ab_port_type)m->link->type));
	} else {
		ab_text_add(t, ": no, ");
		ab_text_add(t, match_key_names[r.key]);
		ab_text_add(t, " (");
		add_origin(t, v->set, &r.origin);
		ab_text_addc(t, ')');
	}
}

static void add_untaken(struct ab_text *t, const struct ab_view *v,
			const struct ab_port *p)
{
	struct ab_home home;
	struct ab_match_port m = ab_desired_match_port(v->e, p, &home);

	if (!v->set) {
		ab_text_add(t, "no configuration is in force");
	} else if (v->set->n_policies == 0) {
		ab_text_add(t, "there is no policy");
	} else if (v->set->n_policies == 1) {
		add_match(t, v, 0, &m);
	} else {
		ab_text_add(t, "none of ");
		ab_text_addu(t, v->set->n_policies);
		ab_text_add(t, " policies matches");
	}
}

/* The path that most needs a word: wanted and not up, or without targets; else NULL. */
static const struct ab_path *worst_path(const struct ab_engine *e,
					const struct ab_port *p)
{
	const struct ab_path *worst = NULL;
	uint32_t i;

	for (i = p->first_path; i != AB_NONE; i = ab_path_at_const(e, i)->next) {
		const struct ab_path *path = ab_path_at_const(e, i);

		if (!ab_path_is_wanted(path) ||
		    (path->health.state == AB_PATH_UP && !is_silent(path)))
			continue;
		if (!worst || ab_portal_compare(&path->portal, &worst->portal) < 0)
			worst = path;
	}
	return worst;
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

static void add_missing(struct ab_text *t, const struct ab_view *v,
			const struct ab_port *p)
{
	const struct ab_path *path = worst_path(v->e, p);

	if (path) {
		ab_name_add_portal(t, &path->portal);
		ab_text_addc(t, ' ');
		add_path_reason(t, v, path);
	} else if (!v->e->is_fresh[AB_SOURCE_RECORDS] ||
		   !v->e->is_fresh[AB_SOURCE_LEDGER]) {
		ab_text_add(t, "the records are being read");
	} else if (v->e->is_paused) {
		ab_text_add(t, "paused");
	} else if (p->n_records < p->n_records_wanted) {
		ab_text_add(t, "records are being written");
	} else if (p->n_wanted == 0) {
		ab_text_add(t, "its policy names no portal that it could use");
	} else if (p->n_records_wanted == 0) {
		ab_text_add(t, "no target that is offered is in Targets");
	}
}

static void add_port_exclusion(struct ab_text *t, const struct ab_view *v,
			       const struct ab_port *p)
{
	struct ab_home home;
	struct ab_match_port m = ab_desired_match_port(v->e, p, &home);
	struct ab_origin origin = { 0 };
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
}

static void add_port_reason(struct ab_text *t, const struct ab_view *v,
			    const struct ab_port *p)
{
	switch ((enum ab_port_state)p->state) {
	case AB_PORT_STATE_PENDING:
		add_pending(t, v, p);
		break;
	case AB_PORT_STATE_UNTAKEN:
		add_untaken(t, v, p);
		break;
	case AB_PORT_STATE_EXCLUDED:
		add_port_exclusion(t, v, p);
		break;
	case AB_PORT_STATE_ENSLAVED:
		ab_text_add(t, "member of another device, which is the port");
		break;
	case AB_PORT_STATE_IGNORED:
		ab_text_add(t, "Action=ignore");
		break;
	case AB_PORT_STATE_NOCARRIER:
		ab_text_add(t, p->link.is_up ? "no carrier" : "the device is down");
		break;
	case AB_PORT_STATE_NOADDR:
		ab_text_add(t, "no usable address");
		break;
	case AB_PORT_STATE_HELD:
		ab_text_add(t, "removed by somebody; `autobind apply` makes it again");
		break;
	case AB_PORT_STATE_SEARCHING:
	case AB_PORT_STATE_PARTIAL:
		add_missing(t, v, p);
		break;
	case AB_PORT_STATE_BOUND:
	case AB_PORT_STATE_MAX:
		break;
	}
}

/* --- rows --- */

enum ab_overall ab_view_overall(const struct ab_engine *e)
{
	enum ab_overall worst = AB_OVERALL_OK;
	bool any = false;
	uint32_t i;

	for (i = ab_table_next(e, &e->ports, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->ports, i)) {
		const struct ab_port *p = ab_port_at_const(e, i);

		if (p->policy < 0)
			continue;
		any = true;
		if (p->state == AB_PORT_STATE_BOUND ||
		    p->state == AB_PORT_STATE_IGNORED)
			continue;
		if (p->state != AB_PORT_STATE_PARTIAL)
			return AB_OVERALL_BAD;
		worst = AB_OVERALL_PARTIAL;
	}
	return any ? worst : AB_OVERALL_IDLE;
}

void ab_view_head(const struct ab_view *v, struct ab_row *row)
{
	static const char *const words[] = {
		[AB_OVERALL_OK] = "ok",
		[AB_OVERALL_PARTIAL] = "partial",
		[AB_OVERALL_BAD] = "bad",
		[AB_OVERALL_IDLE] = "idle",
	};
	/* Watching only is nothing to be at ease about. */
	enum ab_overall overall = v->set ? ab_view_overall(v->e) : AB_OVERALL_BAD;
	uint32_t i, up = 0, all = 0, taken = 0;

	if (v->e->is_ledger_unreadable && overall != AB_OVERALL_BAD)
		overall = AB_OVERALL_PARTIAL;

	for (i = ab_table_next(v->e, &v->e->ports, AB_NONE); i != AB_NONE;
	     i = ab_table_next(v->e, &v->e->ports, i)) {
		const struct ab_port *p = ab_port_at_const(v->e, i);

		taken += p->policy >= 0;
		up += p->n_up;
		all += p->n_wanted;
	}
	ab_row_number(row, "generation", v->set ? v->set->generation : 0);
	ab_row_number(row, "policies", v->set ? v->set->n_policies : 0);
	ab_row_number(row, "ports", taken);
	ab_row_number(row, "paths_up", up);
	ab_row_number(row, "paths_all", all);
	ab_row_bool(row, "paused", v->e->is_paused);
	ab_row_bool(row, "additions_only", v->e->is_ledger_unreadable);
	ab_row_text(row, "overall", words[overall]);
}

/* Of one port in a row; `explain` tells them all. */
#define ADDRESSES_MAX 16

static void add_addresses(struct ab_row *row, const struct ab_engine *e,
			  const struct ab_port *p)
{
	struct ab_text t = ab_row_begin_text(row, "addresses");
	uint32_t i, n = 0;

	for (i = p->first_addr; i != AB_NONE; i = ab_ifaddr_at_const(e, i)->next) {
		const struct ab_ifaddr_item *a = ab_ifaddr_at_const(e, i);

		if (!a->is_present || !ab_world_addr_is_usable(a))
			continue;
		if (++n > ADDRESSES_MAX)
			continue;
		if (t.len)
			ab_text_addc(&t, ' ');
		ab_name_add_net(&t, &a->ifaddr.net);
	}
	if (n > ADDRESSES_MAX) {
		ab_text_add(&t, " and ");
		ab_text_addu(&t, n - ADDRESSES_MAX);
		ab_text_add(&t, " more");
	}
	ab_row_end_text(row, &t);
}

static void port_row(const struct ab_view *v, const struct ab_port *p,
		     struct ab_row *row)
{
	struct ab_text t;

	ab_row_clear(row);
	ab_row_text(row, "row", "port");
	ab_row_foreign(row, "port", p->link.name);
	ab_row_text(row, "type", ab_port_type_name((enum ab_port_type)p->link.type));
	t = ab_row_begin_text(row, "mac");
	ab_name_add_hwaddr(&t, &p->link.hwaddr);
	ab_row_end_text(row, &t);
	ab_row_foreign(row, "driver", p->udev.driver);
	ab_row_number(row, "mtu", p->link.mtu);
	add_addresses(row, v->e, p);
	if (p->policy >= 0)
		ab_row_text(row, "policy", p->policy_name);
	else
		ab_row_null(row, "policy");
	ab_row_text(row, "state", ab_view_port_state(p->state));
	ab_row_number(row, "since_ms", ab_mono_ms_between(p->changed_at, v->now));
	if (p->iface != AB_NONE)
		ab_row_text(row, "iface",
			    ab_iface_at_const(v->e, p->iface)->binding.iface);
	else
		ab_row_null(row, "iface");
	ab_row_number(row, "portals_up", p->n_up);
	ab_row_number(row, "portals_all", p->n_wanted);
	ab_row_number(row, "records", p->n_records);
	ab_row_number(row, "records_wanted", p->n_records_wanted);
	t = ab_row_begin_text(row, "reason");
	add_port_reason(&t, v, p);
	ab_row_end_text(row, &t);
}

/* The port whose name comes next after @after (NULL: the first), or NULL. */
static const struct ab_port *next_port(const struct ab_engine *e, const char *after)
{
	const struct ab_port *best = NULL;
	uint32_t i;

	for (i = ab_table_next(e, &e->ports, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->ports, i)) {
		const struct ab_port *p = ab_port_at_const(e, i);

		/* The loopback device can never carry iSCSI: nobody asks about it. */
		if (!p->has_link || p->link.type == AB_PORT_LOOPBACK ||
		    (after && strcmp(p->link.name, after) <= 0))
			continue;
		if (!best || strcmp(p->link.name, best->link.name) < 0)
			best = p;
	}
	return best;
}

static bool is_asked_for(const char *filter, const char *name)
{
	return !filter || !*filter || ab_streq(filter, name);
}

uint32_t ab_view_ports(const struct ab_view *v, const char *port)
{
	const struct ab_port *p = NULL;
	struct ab_row row;
	uint32_t n = 0;

	while ((p = next_port(v->e, p ? p->link.name : NULL))) {
		if (!is_asked_for(port, p->link.name))
			continue;
		port_row(v, p, &row);
		v->fn(v->arg, &row);
		n++;
	}
	return n;
}

static void add_path_cells(const struct ab_view *v, const struct ab_path *path,
			   struct ab_row *row)
{
	const struct ab_health *h = &path->health;
	struct ab_text t;

	ab_row_portal(row, "portal", &path->portal);
	ab_row_text(row, "state", ab_path_state_name((enum ab_path_state)h->state));
	ab_row_number(row, "since_ms", ab_mono_ms_between(h->since, v->now));
	if (h->has_rtt && h->state == AB_PATH_UP)
		ab_row_number(row, "rtt_us", h->rtt_us);
	else
		ab_row_null(row, "rtt_us");
	ab_row_number(row, "probes", h->n_sent);
	ab_row_number(row, "lost", h->n_lost);
	if (h->n_sent)
		ab_row_number(row, "loss", (int64_t)h->n_lost * 100 / h->n_sent);
	else
		ab_row_null(row, "loss");
	if (path->is_probed)
		ab_row_number(row, "interval_ms", path->probe_interval_ms);
	else
		ab_row_null(row, "interval_ms");
	t = ab_row_begin_text(row, "role");
	ab_text_add(&t, path->roles & AB_ROLE_DISCOVERY ? "discovery" : "");
	if (path->roles == (AB_ROLE_DISCOVERY | AB_ROLE_TARGET))
		ab_text_addc(&t, ' ');
	ab_text_add(&t, path->roles & AB_ROLE_TARGET ? "target" : "");
	ab_row_end_text(row, &t);
	t = ab_row_begin_text(row, "reason");
	add_path_reason(&t, v, path);
	ab_row_end_text(row, &t);
}

uint32_t ab_view_paths(const struct ab_view *v, const char *port)
{
	const struct ab_port *p = NULL;
	struct ab_row row;
	uint32_t n = 0, i;

	while ((p = next_port(v->e, p ? p->link.name : NULL))) {
		if (!is_asked_for(port, p->link.name))
			continue;
		for (i = p->first_path; i != AB_NONE;
		     i = ab_path_at_const(v->e, i)->next) {
			ab_row_clear(&row);
			ab_row_foreign(&row, "port", p->link.name);
			add_path_cells(v, ab_path_at_const(v->e, i), &row);
			v->fn(v->arg, &row);
			n++;
		}
	}
	return n;
}

/* Sums up what all ports know of the portal of @path. */
static void portal_row(const struct ab_view *v, const struct ab_path *path,
		       struct ab_row *row)
{
	uint32_t i, k, up = 0, all = 0, targets = 0;

	for (i = ab_table_next(v->e, &v->e->ports, AB_NONE); i != AB_NONE;
	     i = ab_table_next(v->e, &v->e->ports, i)) {
		uint32_t slot = ab_world_find_path(v->e, i, &path->portal), n = 0;
		const struct ab_path *other;

		if (slot == AB_NONE)
			continue;
		other = ab_path_at_const(v->e, slot);
		all += ab_path_is_wanted(other);
		up += other->health.state == AB_PATH_UP;
		for (k = other->first_found; k != AB_NONE;
		     k = ab_found_at_const(v->e, k)->next)
			n++;
		targets = n > targets ? n : targets;
	}
	ab_row_clear(row);
	ab_row_portal(row, "portal", &path->portal);
	ab_row_number(row, "ports_up", up);
	ab_row_number(row, "ports_all", all);
	ab_row_number(row, "targets", targets);
}

static bool is_first_of_portal(const struct ab_engine *e, uint32_t slot)
{
	const struct ab_path *path = ab_path_at_const(e, slot);
	uint32_t i;

	for (i = ab_table_next(e, &e->ports, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->ports, i))
		if (ab_world_find_path(e, i, &path->portal) < slot)
			return false;
	return true;
}

uint32_t ab_view_portals(const struct ab_view *v)
{
	struct ab_row row;
	uint32_t i, n = 0;

	for (i = ab_table_next(v->e, &v->e->paths, AB_NONE); i != AB_NONE;
	     i = ab_table_next(v->e, &v->e->paths, i)) {
		if (!is_first_of_portal(v->e, i))
			continue;
		portal_row(v, ab_path_at_const(v->e, i), &row);
		v->fn(v->arg, &row);
		n++;
	}
	return n;
}

static const char *record_state(const struct ab_record_item *r)
{
	if (r->job)
		return "writing";
	if (!r->is_present)
		return r->ledger == AB_OWNER_HELD ? "removed" : "absent";
	return r->state == AB_RECORD_OK ? "ok" : "broken";
}

uint32_t ab_view_ifaces(const struct ab_view *v)
{
	struct ab_row row;
	uint32_t i, n = 0;

	for (i = ab_table_next(v->e, &v->e->ifaces, AB_NONE); i != AB_NONE;
	     i = ab_table_next(v->e, &v->e->ifaces, i)) {
		const struct ab_iface *f = ab_iface_at_const(v->e, i);

		if (!f->record.is_present && f->record.ledger == AB_OWNER_FOREIGN)
			continue;
		ab_row_clear(&row);
		ab_row_foreign(&row, "iface", f->binding.iface);
		ab_row_foreign(&row, "transport", f->binding.transport);
		ab_row_foreign(&row, "netdev", f->binding.netdev);
		ab_row_foreign(&row, "hwaddress", f->binding.hwaddr);
		ab_row_foreign(&row, "initiatorname", f->binding.initiatorname);
		ab_row_text(&row, "owner", ab_view_owner(ab_world_owner(&f->record)));
		ab_row_text(&row, "state", record_state(&f->record));
		if (f->port != AB_NONE)
			ab_row_foreign(&row, "port",
				       ab_port_at_const(v->e, f->port)->link.name);
		else
			ab_row_null(&row, "port");
		v->fn(v->arg, &row);
		n++;
	}
	return n;
}

uint32_t ab_view_nodes(const struct ab_view *v, const char *port)
{
	struct ab_row row;
	uint32_t i, n = 0;

	for (i = ab_table_next(v->e, &v->e->nodes, AB_NONE); i != AB_NONE;
	     i = ab_table_next(v->e, &v->e->nodes, i)) {
		const struct ab_node *node = ab_node_at_const(v->e, i);
		const struct ab_iface *f = ab_iface_at_const(v->e, node->iface);
		const char *name = f->port != AB_NONE
					   ? ab_port_at_const(v->e, f->port)->link.name
					   : "";

		/* One that could not be made yet is no record. */
		if (!node->record.is_present && !node->record.job &&
		    node->record.ledger == AB_OWNER_FOREIGN)
			continue;
		if (!is_asked_for(port, name))
			continue;
		ab_row_clear(&row);
		ab_row_foreign(&row, "target",
			       ab_target_at_const(v->e, node->target)->name);
		ab_row_portal(&row, "portal", &node->portal);
		ab_row_number(&row, "tpgt", node->tpgt);
		ab_row_foreign(&row, "iface", f->binding.iface);
		ab_row_text(&row, "owner",
			    ab_view_owner(ab_world_owner(&node->record)));
		ab_row_text(&row, "state", record_state(&node->record));
		if (*name)
			ab_row_foreign(&row, "port", name);
		else
			ab_row_null(&row, "port");
		v->fn(v->arg, &row);
		n++;
	}
	return n;
}

/* --- explain --- */

/* One line of an explanation: begin, add text to the returned one, end. */
static struct ab_text begin_line(struct ab_row *row, const char *topic)
{
	ab_row_clear(row);
	ab_row_text(row, "topic", topic);
	return ab_row_begin_text(row, "text");
}

static void end_line(const struct ab_view *v, struct ab_row *row,
		     const struct ab_text *t)
{
	ab_row_end_text(row, t);
	v->fn(v->arg, row);
}

static void explain_port(const struct ab_view *v, const struct ab_port *p)
{
	struct ab_row row;
	struct ab_text t = begin_line(&row, "port");
	uint32_t i;

	ab_text_add_escaped(&t, p->link.name, strlen(p->link.name));
	ab_text_add(&t, "  mac ");
	ab_name_add_hwaddr(&t, &p->link.hwaddr);
	ab_text_add(&t, "  ");
	ab_text_add(&t, ab_port_type_name((enum ab_port_type)p->link.type));
	if (p->udev.driver[0]) {
		ab_text_add(&t, "  ");
		ab_text_add_escaped(&t, p->udev.driver, strlen(p->udev.driver));
	}
	ab_text_add(&t, "  mtu ");
	ab_text_addu(&t, p->link.mtu);
	ab_text_add(&t, p->link.is_up && p->link.has_carrier ? "  UP" : "  DOWN");
	end_line(v, &row, &t);
	for (i = p->first_addr; i != AB_NONE; i = ab_ifaddr_at_const(v->e, i)->next) {
		const struct ab_ifaddr_item *a = ab_ifaddr_at_const(v->e, i);

		t = begin_line(&row, "address");
		ab_name_add_net(&t, &a->ifaddr.net);
		/* A duplicate stays tentative, too. */
		ab_text_add(&t, !a->is_present		      ? " (gone, remembered)"
				: a->ifaddr.is_failed	      ? " (duplicate)"
				: a->ifaddr.is_tentative      ? " (tentative)"
				: !ab_world_addr_is_usable(a) ? " (not used)"
							      : "");
		end_line(v, &row, &t);
	}
}

static void explain_policy(const struct ab_view *v, const struct ab_port *p)
{
	struct ab_home home;
	struct ab_match_port m = ab_desired_match_port(v->e, p, &home);
	struct ab_row row;
	struct ab_text t;
	uint32_t i;

	t = begin_line(&row, "policy");
	if (p->policy >= 0) {
		ab_text_add(&t, v->set->files[v->set->policies[p->policy].file]);
		if (p->is_contradicted)
			ab_text_add(
				&t,
				"  (its address speaks against it; kept for Settle)");
	} else {
		ab_text_add(&t, "none");
	}
	end_line(v, &row, &t);
	for (i = 0; v->set && i < v->set->n_policies; i++) {
		t = begin_line(&row, "match");
		add_match(&t, v, i, &m);
		if (p->policy >= 0 && i > (uint32_t)p->policy)
			ab_text_add(
				&t,
				" (not looked at: the first one that matches wins)");
		end_line(v, &row, &t);
	}
}

static void explain_state(const struct ab_view *v, const struct ab_port *p)
{
	struct ab_row row;
	struct ab_text t = begin_line(&row, "state");

	ab_text_add(&t, ab_view_port_state(p->state));
	ab_text_add(&t, " for ");
	add_ms(&t, ab_mono_ms_between(p->changed_at, v->now));
	if (p->state != AB_PORT_STATE_BOUND) {
		ab_text_add(&t, ": ");
		add_port_reason(&t, v, p);
	}
	end_line(v, &row, &t);
	t = begin_line(&row, "iface");
	if (p->iface != AB_NONE) {
		const struct ab_iface *f = ab_iface_at_const(v->e, p->iface);

		ab_text_add_escaped(&t, f->binding.iface, strlen(f->binding.iface));
		if (!ab_streq(f->binding.iface, "default")) {
			ab_text_add(&t, " (");
			ab_text_add(&t, ab_view_owner(ab_world_owner(&f->record)));
			ab_text_add(&t, ", ");
			ab_text_add(&t, record_state(&f->record));
			ab_text_addc(&t, ')');
		}
	} else {
		ab_text_add(&t, "none yet: it is made when the first portal answers");
	}
	if (p->iface != AB_NONE || p->policy >= 0)
		end_line(v, &row, &t);
	if (ab_mono_is_never(p->due))
		return;
	t = begin_line(&row, "next");
	ab_text_add(&t, "looked at again in ");
	add_ms(&t, ab_mono_ms_between(v->now, p->due));
	end_line(v, &row, &t);
}

static void explain_path(const struct ab_view *v, const struct ab_path *path)
{
	const struct ab_health *h = &path->health;
	struct ab_row row;
	struct ab_text t = begin_line(&row, "portal");

	ab_name_add_portal(&t, &path->portal);
	ab_text_add(&t, "  ");
	ab_text_add(&t, ab_path_state_name((enum ab_path_state)h->state));
	ab_text_add(&t, " for ");
	add_ms(&t, ab_mono_ms_between(h->since, v->now));
	ab_text_add(&t, ": ");
	add_path_reason(&t, v, path);
	if (path->is_probed) {
		ab_text_add(&t, "; probed every ");
		add_ms(&t, path->probe_interval_ms);
		ab_text_add(&t, ", ");
		ab_text_addu(&t, h->n_lost);
		ab_text_addc(&t, '/');
		ab_text_addu(&t, h->n_sent);
		ab_text_add(&t, " lost");
	}
	end_line(v, &row, &t);
}

static void explain_found(const struct ab_view *v, const struct ab_port *p,
			  const struct ab_path *path, const struct ab_found *f)
{
	const char *target = ab_target_at_const(v->e, f->target)->name;
	struct ab_row row;
	struct ab_text t = begin_line(&row, "target");
	uint32_t node = AB_NONE;

	if (p->iface != AB_NONE)
		node = ab_world_find_node(v->e, f->target, &path->portal, f->tpgt,
					  p->iface);
	ab_text_add(&t, target);
	ab_text_add(&t, "  ");
	ab_name_add_portal(&t, &path->portal);
	ab_text_addc(&t, ',');
	ab_text_addi(&t, f->tpgt);
	ab_text_add(&t, f->source == AB_NONE ? "  static" : "  discovered");
	if (p->policy >= 0 &&
	    !ab_policy_target(v->set, &v->set->policies[p->policy], target)) {
		ab_text_add(&t, "; not in Targets");
	} else if (node != AB_NONE) {
		const struct ab_record_item *r = &ab_node_at_const(v->e, node)->record;

		ab_text_add(&t, "; record ");
		ab_text_add(&t, ab_view_owner(ab_world_owner(r)));
		ab_text_add(&t, ", ");
		ab_text_add(&t, record_state(r));
	} else {
		ab_text_add(&t, "; no record: the portal must answer first");
	}
	end_line(v, &row, &t);
}

/* Paths, and with @target the bindings of that one; returns how many were told. */
static uint32_t explain_paths(const struct ab_view *v, const struct ab_port *p,
			      const struct ab_portal *portal, const char *target)
{
	uint32_t i, k, n = 0;

	for (i = p->first_path; i != AB_NONE; i = ab_path_at_const(v->e, i)->next) {
		const struct ab_path *path = ab_path_at_const(v->e, i);

		if (portal && !ab_portal_equal(portal, &path->portal))
			continue;
		if (!target) {
			explain_path(v, path);
			n++;
		}
		for (k = path->first_found; k != AB_NONE && (portal || target);
		     k = ab_found_at_const(v->e, k)->next) {
			const struct ab_found *f = ab_found_at_const(v->e, k);

			if (target &&
			    !ab_streq(target,
				      ab_target_at_const(v->e, f->target)->name))
				continue;
			explain_found(v, p, path, f);
			n++;
		}
	}
	return n;
}

int ab_view_explain(const struct ab_view *v, const char *port, const char *what)
{
	const struct ab_port *p = NULL;
	struct ab_portal portal;
	bool is_portal;

	while ((p = next_port(v->e, p ? p->link.name : NULL)) &&
	       !ab_streq(p->link.name, port))
		continue;
	if (!p)
		return -ENODEV;
	explain_port(v, p);
	explain_policy(v, p);
	explain_state(v, p);
	if (!what || !*what) {
		(void)explain_paths(v, p, NULL, NULL);
		return 0;
	}
	is_portal = ab_name_parse_portal(what, &portal) == 0;
	return explain_paths(v, p, is_portal ? &portal : NULL, is_portal ? NULL : what)
		       ? 0
		       : -ENOENT;
}

/* --- notes and plans --- */

static const char *const note_words[AB_NOTE_MAX] = {
	[AB_NOTE_PORT_TAKEN] = "taken by policy",
	[AB_NOTE_PORT_RELEASED] = "no longer taken by policy",
	[AB_NOTE_PORT_GONE] = "gone",
	[AB_NOTE_PORT_RENAMED] = "renamed to",
	[AB_NOTE_PATH_UP] = "answers",
	[AB_NOTE_PATH_DOWN] = "lost",
	[AB_NOTE_FOUND] = "discovered",
	[AB_NOTE_DISCOVERY_FAILED] = "discovery failed",
	[AB_NOTE_IFACE_WRITTEN] = "iface record written",
	[AB_NOTE_NODE_WRITTEN] = "node record written",
	[AB_NOTE_NODE_DELETED] = "node record deleted",
	[AB_NOTE_IFACE_DELETED] = "iface record deleted",
	[AB_NOTE_WRITE_FAILED] = "writing the record failed",
	[AB_NOTE_HELD] = "removed by somebody, held until `autobind apply`",
	[AB_NOTE_MODIFIED] = "changed by somebody, not rewritten any more",
	[AB_NOTE_LIMIT] = "portals left out by MaxPortals",
};

void ab_view_note_text(struct ab_text *t, const struct ab_effect *note)
{
	bool has_portal = note->note.portal.addr.family != 0;

	if (note->note.port[0]) {
		ab_text_add_escaped(t, note->note.port, strlen(note->note.port));
		ab_text_add(t, ": ");
	}
	if (has_portal) {
		ab_name_add_portal(t, &note->note.portal);
		ab_text_addc(t, ' ');
	}
	ab_text_add(t, note_words[note->note.what]);
	if (note->note.name[0]) {
		ab_text_addc(t, ' ');
		ab_text_add_escaped(t, note->note.name, strlen(note->note.name));
	}
	if (note->note.what == AB_NOTE_PATH_DOWN) {
		ab_text_add(t, " (");
		ab_text_add(t, ab_path_state_name((enum ab_path_state)note->note.code));
		ab_text_addc(t, ')');
	} else if (note->note.what == AB_NOTE_FOUND ||
		   note->note.what == AB_NOTE_LIMIT) {
		ab_text_addc(t, ' ');
		ab_text_addi(t, note->note.code);
		if (note->note.what == AB_NOTE_FOUND)
			ab_text_add(t, " bindings");
	} else if (note->note.what == AB_NOTE_DISCOVERY_FAILED) {
		ab_text_add(t, ": ");
		ab_text_add(t, discovery_text(note->note.code));
	} else if (note->note.code) {
		ab_text_add(t, " (code ");
		ab_text_addi(t, note->note.code);
		ab_text_addc(t, ')');
	}
}

void ab_view_note(const struct ab_effect *note, struct ab_row *row)
{
	struct ab_text t;

	ab_row_text(row, "what", note_words[note->note.what]);
	ab_row_foreign(row, "port", note->note.port);
	if (note->note.portal.addr.family)
		ab_row_portal(row, "portal", &note->note.portal);
	else
		ab_row_null(row, "portal");
	ab_row_foreign(row, "name", note->note.name);
	t = ab_row_begin_text(row, "text");
	ab_view_note_text(&t, note);
	ab_row_end_text(row, &t);
}

static void plan_node(const struct ab_effect *ef, struct ab_row *row)
{
	struct ab_text t = ab_row_begin_text(row, "object");

	ab_text_add(&t, ef->node.key.target);
	ab_text_addc(&t, ' ');
	ab_name_add_portal(&t, &ef->node.key.portal);
	ab_text_addc(&t, ',');
	ab_text_addi(&t, ef->node.key.tpgt);
	ab_text_add(&t, " via ");
	ab_text_add(&t, ef->node.key.iface);
	ab_row_end_text(row, &t);
}

bool ab_view_plan(const struct ab_effect *ef, struct ab_row *row)
{
	static const char *const kinds[AB_EF_MAX] = {
		[AB_EF_PROBE_SET] = "probe",   [AB_EF_DISCOVER] = "discover",
		[AB_EF_IFACE_WRITE] = "iface", [AB_EF_IFACE_DELETE] = "iface",
		[AB_EF_NODE_WRITE] = "node",   [AB_EF_NODE_DELETE] = "node",
	};
	bool is_delete =
		ef->type == AB_EF_IFACE_DELETE || ef->type == AB_EF_NODE_DELETE;
	bool is_update = (ef->type == AB_EF_IFACE_WRITE && ef->iface.is_update) ||
			 (ef->type == AB_EF_NODE_WRITE && ef->node.is_update);

	if (!kinds[ef->type])
		return false;
	ab_row_clear(row);
	ab_row_text(row, "op", is_delete ? "-" : is_update ? "~" : "+");
	ab_row_text(row, "kind", kinds[ef->type]);
	if (ef->type == AB_EF_PROBE_SET) {
		ab_row_portal(row, "object", &ef->probe.portal);
		ab_row_foreign(row, "port", ef->probe.netdev);
	} else if (ef->type == AB_EF_DISCOVER) {
		ab_row_portal(row, "object", &ef->discover.portal);
		ab_row_foreign(row, "port", ef->discover.netdev);
	} else if (ef->type == AB_EF_IFACE_WRITE || ef->type == AB_EF_IFACE_DELETE) {
		ab_row_foreign(row, "object", ef->iface.binding.iface);
		ab_row_foreign(row, "port", ef->iface.binding.netdev);
	} else {
		plan_node(ef, row);
		ab_row_null(row, "port");
	}
	return true;
}
