/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Warnings about a configuration that is correct, but probably not what was meant.
 */
#include <string.h>

#include "core/name.h"
#include "core/policy_layers.h"
#include "core/policy_value.h"

#define TCP_INTERVAL_MS 10000 /* arrays log each connection that logs in to nothing */
#define DETECTION_MS (10 * 60000) /* a dead path that nobody notices for longer */

struct lint {
	const struct ab_policy_set *set;
	const struct ab_policy *p;
	const struct ab_layers *layers;
	struct ab_diags *diags;
};

/* Where a key is set; else the section that it would stand in. */
static struct ab_origin origin_of(const struct lint *l, const char *section,
				  const char *name)
{
	struct ab_part part;

	if (ab_layers_given(l->layers, ab_layers_key(section, name), &part))
		return part.origin;
	return ab_layers_section(l->layers, section);
}

static bool is_given(const struct lint *l, const char *section, const char *name)
{
	struct ab_part part;

	return ab_layers_given(l->layers, ab_layers_key(section, name), &part);
}

static struct ab_text begin(const struct lint *l, struct ab_origin origin)
{
	return ab_diag_begin(l->diags, AB_DIAG_WARNING, origin.file, origin.line);
}

static void warn(const struct lint *l, struct ab_origin origin, const char *text)
{
	struct ab_text t = begin(l, origin);

	ab_text_add(&t, text);
}

/* --- [Probe] ---------------------------------------------------------------------- */

static void lint_probe(const struct lint *l)
{
	const struct ab_policy *p = l->p;
	uint64_t detection = (uint64_t)p->interval_ms * p->fall + p->timeout_ms;
	struct ab_text t;

	if (p->method == AB_PROBE_NONE)
		return;
	if (p->timeout_ms > p->interval_ms) {
		t = begin(l, origin_of(l, "Probe", "Timeout"));
		ab_text_add(&t, "Timeout ");
		ab_value_add_ms(&t, p->timeout_ms);
		ab_text_add(&t, " is longer than Interval ");
		ab_value_add_ms(&t, p->interval_ms);
		ab_text_add(&t, ": probes of one path overlap");
	}
	if (detection > DETECTION_MS) {
		t = begin(l, origin_of(l, "Probe", "Interval"));
		ab_text_add(&t,
			    "a path that dies is noticed only after Fall x Interval + "
			    "Timeout = ");
		ab_value_add_ms(&t, (int64_t)detection);
	}
	if (p->interval_down_min_ms < p->interval_ms)
		warn(l, origin_of(l, "Probe", "IntervalDown"),
		     "IntervalDown is shorter than Interval: dead paths are probed "
		     "more often than live ones");
	if (p->method != AB_PROBE_ICMP && p->interval_ms < TCP_INTERVAL_MS)
		warn(l, origin_of(l, "Probe", "Interval"),
		     "a TCP probe more often than each 10s fills the logs of many "
		     "arrays: use a longer Interval, or Method = icmp");
}

/* --- [Iface], [Bind] -------------------------------------------------------------- */

static bool only_type(const struct lint *l, const char *type)
{
	const struct ab_span *span = &l->p->match_words[AB_MATCH_TYPE];
	uint32_t i;

	for (i = 0; i < span->count; i++) {
		const struct ab_word *w = &l->set->words[span->first + i];

		if (w->negated || !ab_streq(w->text, type))
			return false;
	}
	return span->count > 0;
}

static void lint_iface(const struct lint *l)
{
	const struct ab_policy *p = l->p;

	if (p->use_default &&
	    (is_given(l, "Iface", "Name") || is_given(l, "Iface", "BindBy") ||
	     is_given(l, "Iface", "InitiatorName")))
		warn(l, origin_of(l, "Iface", "Use"),
		     "Use = default makes no iface record: Name, BindBy and "
		     "InitiatorName have no effect");
	if (!p->use_default && p->bind_by == AB_BIND_BY_MAC && !only_type(l, "ether"))
		warn(l, origin_of(l, "Iface", "BindBy"),
		     "a hardware address is ambiguous on VLANs, bonds and bridges, and "
		     "open-iscsi takes the first device that has it: add Type = ether "
		     "to [Match], or use BindBy = name");
	if (p->action == AB_ACTION_IFACE && p->create == AB_CREATE_REACHABLE &&
	    is_given(l, "Iface", "Create"))
		warn(l, origin_of(l, "Iface", "Create"),
		     "Action = iface always creates the record: Create = reachable has "
		     "no effect");
}

static void lint_login_keys(const struct lint *l)
{
	static const char *const keys[] = {
		"SessionsPerTarget", "SessionsPerPort", "TotalSessions",
		"Concurrency",	     "Retry",		"Unbind",
		"MinPaths"
	};
	struct ab_text t;
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (!is_given(l, "Bind", keys[i]))
			continue;
		t = begin(l, origin_of(l, "Bind", keys[i]));
		ab_text_add(&t, keys[i]);
		ab_text_add(&t, " has no effect without Action = login");
	}
}

static void lint_bind(const struct lint *l)
{
	const struct ab_policy *p = l->p;
	uint32_t file;

	if (p->action < AB_ACTION_LOGIN)
		lint_login_keys(l);
	if (p->action >= AB_ACTION_RECORD && !p->discover.count && !p->statics.count)
		warn(l, ab_layers_section(l->layers, "Portals"),
		     "neither Discover nor Static in [Portals]: there is nothing to "
		     "probe and no target to find");
	if (is_given(l, "Bind", "Startup") &&
	    ab_layers_setting(l->layers, "node.startup", &file))
		warn(l, origin_of(l, "Bind", "Startup"),
		     "node.startup in [Node] wins over Startup: keep one of them");
}

/* --- [Portals] -------------------------------------------------------------------- */

static void lint_discover(const struct lint *l)
{
	const struct ab_span *span = &l->p->discover;
	const struct ab_portal *portals = l->set->portals + span->first;
	uint32_t i, k;
	struct ab_text t;

	for (i = 0; i < span->count; i++) {
		for (k = 0; k < i && !ab_portal_equal(&portals[i], &portals[k]); k++)
			;
		if (k == i)
			continue;
		t = begin(l, l->set->portal_origins[span->first + i]);
		ab_text_add(&t, "Discover has ");
		ab_name_add_portal(&t, &portals[i]);
		ab_text_add(&t, " twice");
	}
}

static void lint_statics(const struct lint *l)
{
	const struct ab_policy *p = l->p;
	uint32_t i;
	struct ab_text t;

	for (i = 0; i < p->statics.count; i++) {
		const struct ab_static_target *st =
			&l->set->statics[p->statics.first + i];
		enum ab_portal_verdict v =
			ab_policy_portal(l->set, p, &st->portal, NULL, 0, NULL);

		if (v != AB_PORTAL_DENIED && v != AB_PORTAL_NOT_ALLOWED &&
		    (!p->targets.count || ab_policy_target(l->set, p, st->target)))
			continue;
		t = begin(l, st->origin);
		ab_text_add(&t, "Static target ");
		ab_text_add(&t, st->target);
		ab_text_add(&t, " at ");
		ab_name_add_portal(&t, &st->portal);
		ab_text_add(&t, v == AB_PORTAL_DENIED	     ? " is denied by Deny"
				: v == AB_PORTAL_NOT_ALLOWED ? " is not in Allow"
							     : " is not in Targets");
		ab_text_add(&t, ": it will not be used");
	}
}

/* --- policies that can never match ------------------------------------------------ */

static bool is_given_match(const struct lint *l, const struct ab_policy *p,
			   unsigned int key)
{
	const struct ab_span *span = &p->match_words[key];

	if (!p->match_origin[key].line)
		return false;
	/* Name = * says nothing. */
	return key != AB_MATCH_NAME || span->count != 1 ||
	       l->set->words[span->first].negated ||
	       !ab_streq(l->set->words[span->first].text, "*");
}

static bool same_words(const struct ab_policy_set *set, const struct ab_span *a,
		       const struct ab_span *b)
{
	uint32_t i;

	if (a->count != b->count)
		return false;
	for (i = 0; i < a->count; i++) {
		const struct ab_word *x = &set->words[a->first + i];
		const struct ab_word *y = &set->words[b->first + i];

		if (x->negated != y->negated || !ab_streq(x->text, y->text))
			return false;
	}
	return true;
}

static bool same_ranges(const struct ab_policy_set *set, const struct ab_span *a,
			const struct ab_span *b)
{
	uint32_t i;

	if (a->count != b->count)
		return false;
	for (i = 0; i < a->count; i++) {
		const struct ab_range *x = &set->ranges[a->first + i];
		const struct ab_range *y = &set->ranges[b->first + i];

		if (x->negated != y->negated || x->net.len != y->net.len ||
		    !ab_addr_equal(&x->net.addr, &y->net.addr))
			return false;
	}
	return true;
}

/* Does @a ask for nothing that @b does not ask for in the same words? */
static bool asks_less(const struct lint *l, const struct ab_policy *a,
		      const struct ab_policy *b)
{
	unsigned int key;

	for (key = 0; key < AB_MATCH_KEY_MAX; key++) {
		if (!is_given_match(l, a, key))
			continue;
		if (!is_given_match(l, b, key))
			return false;
		if (key == AB_MATCH_ADDRESS ? !same_ranges(l->set, &a->match_addresses,
							   &b->match_addresses)
					    : !same_words(l->set, &a->match_words[key],
							  &b->match_words[key]))
			return false;
	}
	return true;
}

/* Can @b take a port of a kind that @a, which has no Type, leaves alone? */
static bool takes_other_kinds(const struct lint *l, const struct ab_policy *a,
			      const struct ab_policy *b)
{
	if (is_given_match(l, a, AB_MATCH_TYPE))
		return false;
	return is_given_match(l, b, AB_MATCH_TYPE) ||
	       (is_given_match(l, b, AB_MATCH_NAME) &&
		!is_given_match(l, a, AB_MATCH_NAME)) ||
	       (is_given_match(l, b, AB_MATCH_MAC) &&
		!is_given_match(l, a, AB_MATCH_MAC));
}

/* Does Type of @p, if there is one, have any kind that matches without Type? */
static bool has_usual_kind(const struct lint *l, const struct ab_policy *p)
{
	const struct ab_span *span = &p->match_words[AB_MATCH_TYPE];
	bool has_positive = false;
	uint32_t i;

	for (i = 0; i < span->count; i++) {
		const struct ab_word *w = &l->set->words[span->first + i];

		if (w->negated)
			continue;
		has_positive = true;
		if (ab_policy_is_usual_kind((unsigned int)ab_port_type_of(w->text)))
			return true;
	}
	return !has_positive;
}

static void lint_shadow(const struct lint *l)
{
	struct ab_origin origin = ab_layers_section(l->layers, "Match");
	const struct ab_policy *a;
	struct ab_text t;

	for (a = l->set->policies; a < l->p; a++) {
		bool is_partly = takes_other_kinds(l, a, l->p);

		if (!asks_less(l, a, l->p) || (is_partly && !has_usual_kind(l, l->p)))
			continue;
		t = begin(l, origin);
		ab_text_add(
			&t,
			is_partly ? "ether, vlan, bond and infiniband ports never get "
				    "here: policy "
				  : "no port ever gets here: policy ");
		ab_diag_word(&t, a->name);
		ab_text_add(&t,
			    " comes first and matches all of them; give this file a "
			    "lower number, or narrow that one");
		return;
	}
}

void ab_policy_lint(const struct ab_policy_set *set, uint32_t index,
		    const struct ab_layers *layers, struct ab_diags *diags)
{
	struct lint l = { set, &set->policies[index], layers, diags };

	lint_probe(&l);
	lint_iface(&l);
	lint_bind(&l);
	lint_discover(&l);
	lint_statics(&l);
	lint_shadow(&l);
}
