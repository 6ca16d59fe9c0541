/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The questions that the engine puts to a finished set. Lists of one key are read alike
 * everywhere: a value with '!' that matches excludes, else one without '!' must match;
 * where all have '!', everything else matches.
 */
#include <string.h>
#include <sys/socket.h>

#include "core/name.h"
#include "core/policy.h"
#include "util/glob.h"
#include "util/hash.h"

#define IFACE_NAME_MAX 32 /* what a generated name may have; open-iscsi takes 64 */

/* Collects the verdict of a list, value by value. */
struct verdict {
	bool has_positive, is_hit, is_excluded;
	struct ab_origin origin; /* of the value that decided, else of the first */
};

static void judge(struct verdict *v, bool negated, bool is_match,
		  struct ab_origin origin)
{
	if (!v->origin.line || (is_match && !v->is_excluded && (negated || !v->is_hit)))
		v->origin = origin;
	if (!negated)
		v->has_positive = true;
	if (!is_match)
		return;
	if (negated)
		v->is_excluded = true;
	else
		v->is_hit = true;
}

static bool is_yes(const struct verdict *v)
{
	return !v->is_excluded && (v->is_hit || !v->has_positive);
}

const char *ab_policy_match_key_name(enum ab_match_key key)
{
	static const char *const names[AB_MATCH_KEY_MAX] = {
		[AB_MATCH_NAME] = "Name",     [AB_MATCH_MAC] = "MAC",
		[AB_MATCH_DRIVER] = "Driver", [AB_MATCH_TYPE] = "Type",
		[AB_MATCH_MASTER] = "Master", [AB_MATCH_ADDRESS] = "Address",
	};

	return names[key];
}

/* --- [Match] ---------------------------------------------------------------------- */

static void hwaddr_text(const struct ab_hwaddr *h, char *buf)
{
	struct ab_text t;

	ab_text_init(&t, buf, AB_HWADDR_TEXT);
	if (h->len)
		ab_name_add_hwaddr(&t, h);
}

static bool match_one(unsigned int key, const char *pattern, const char *value)
{
	if (key == AB_MATCH_TYPE)
		return ab_streq(pattern, value);
	if (key == AB_MATCH_MASTER && ab_streq(pattern, "none"))
		return !*value;
	if (key == AB_MATCH_MASTER && !*value)
		return false;
	return ab_glob(pattern, value);
}

/* What a key looks at, as text; NULL: not known, so that nothing can match. */
static const char *value_of(unsigned int key, const struct ab_match_port *port,
			    char *buf)
{
	switch ((enum ab_match_key)key) {
	case AB_MATCH_NAME:
		return port->link->name;
	case AB_MATCH_MAC:
		hwaddr_text(&port->link->hwaddr, buf);
		return buf;
	case AB_MATCH_DRIVER:
		return port->udev ? port->udev->driver : NULL;
	case AB_MATCH_TYPE:
		return ab_port_type_name((enum ab_port_type)port->link->type);
	case AB_MATCH_MASTER:
		/* A master that has no name yet is one all the same. */
		return port->master ? port->master : port->link->master ? "?" : "";
	case AB_MATCH_ADDRESS:
	case AB_MATCH_KEY_MAX:
		break;
	}
	return NULL;
}

static bool match_words(const struct ab_policy_set *set, const struct ab_span *span,
			unsigned int key, const char *value)
{
	struct verdict v = { 0 };
	uint32_t i;

	if (!value)
		return false;
	for (i = 0; i < span->count; i++) {
		const struct ab_word *w = &set->words[span->first + i];

		judge(&v, w->negated, match_one(key, w->text, value), w->origin);
	}
	return is_yes(&v);
}

static bool match_addresses(const struct ab_policy_set *set, const struct ab_span *span,
			    const struct ab_match_port *port)
{
	struct verdict v = { 0 };
	uint32_t i, k;

	for (i = 0; i < span->count; i++) {
		const struct ab_range *r = &set->ranges[span->first + i];
		bool is_match = false;

		for (k = 0; k < port->n_addrs; k++)
			if (ab_net_contains(&r->net, &port->addrs[k].addr))
				is_match = true;
		judge(&v, r->negated, is_match, r->origin);
	}
	return is_yes(&v);
}

static bool is_star(const char *s)
{
	while (*s == '*')
		s++;
	return !*s;
}

/* Is the port meant by a name or hardware address, not just by "*"? */
static bool is_named(const struct ab_policy_set *set, const struct ab_policy *p,
		     const struct ab_match_port *port)
{
	static const unsigned int keys[] = { AB_MATCH_NAME, AB_MATCH_MAC };
	char buf[AB_HWADDR_TEXT];
	unsigned int k;
	uint32_t i;

	for (k = 0; k < 2; k++) {
		const struct ab_span *span = &p->match_words[keys[k]];
		const char *value = value_of(keys[k], port, buf);

		for (i = 0; i < span->count; i++) {
			const struct ab_word *w = &set->words[span->first + i];

			if (!w->negated && !is_star(w->text) && ab_glob(w->text, value))
				return true;
		}
	}
	return false;
}

bool ab_policy_is_usual_kind(unsigned int type)
{
	return type == AB_PORT_ETHER || type == AB_PORT_VLAN || type == AB_PORT_BOND ||
	       type == AB_PORT_INFINIBAND;
}

void ab_policy_match_keys(const struct ab_policy_set *set, uint32_t index,
			  const struct ab_match_port *port, struct ab_match_keys *ret)
{
	const struct ab_policy *p = &set->policies[index];
	char buf[AB_HWADDR_TEXT];
	unsigned int key;
	bool is_match;

	*ret = (struct ab_match_keys){ 0 };
	for (key = 0; key < AB_MATCH_KEY_MAX; key++) {
		if (!p->match_origin[key].line)
			continue;
		if (key == AB_MATCH_ADDRESS)
			is_match = match_addresses(set, &p->match_addresses, port);
		else
			is_match = match_words(set, &p->match_words[key], key,
					       value_of(key, port, buf));
		ret->given |= 1u << key;
		if (!is_match)
			ret->missed |= 1u << key;
	}
	ret->is_wrong_kind = !p->match_origin[AB_MATCH_TYPE].line &&
			     !ab_policy_is_usual_kind(port->link->type) &&
			     !is_named(set, p, port);
}

bool ab_policy_match(const struct ab_policy_set *set, uint32_t index,
		     const struct ab_match_port *port, struct ab_match_result *ret)
{
	struct ab_match_keys keys;
	unsigned int key;

	memset(ret, 0, sizeof(*ret));
	ab_policy_match_keys(set, index, port, &keys);
	for (key = 0; key < AB_MATCH_KEY_MAX; key++) {
		if (!(keys.missed & 1u << key))
			continue;
		ret->verdict = AB_MATCH_NO;
		ret->key = (uint8_t)key;
		ret->origin = set->policies[index].match_origin[key];
		return false;
	}
	if (keys.is_wrong_kind)
		ret->verdict = AB_MATCH_KIND;
	return !keys.is_wrong_kind;
}

int ab_policy_first_match(const struct ab_policy_set *set,
			  const struct ab_match_port *port)
{
	struct ab_match_result ignored;
	uint32_t i;

	for (i = 0; i < set->n_policies; i++)
		if (ab_policy_match(set, i, port, &ignored))
			return (int)i;
	return -1;
}

int ab_policy_find(const struct ab_policy_set *set, const char *name)
{
	uint32_t i;

	for (i = 0; i < set->n_policies; i++)
		if (ab_streq(set->policies[i].name, name))
			return (int)i;
	return -1;
}

uint64_t ab_policy_mark(const struct ab_policy_set *set)
{
	uint64_t mark[2] = { 0, 0 };
	uint32_t i;

	for (i = 0; set && i < set->n_policies; i++) {
		mark[1] = set->policies[i].text_hash;
		mark[0] = ab_hash_content(mark, sizeof(mark));
	}
	return mark[0];
}

/* --- portals and targets ---------------------------------------------------------- */

static struct verdict judge_portal(const struct ab_policy_set *set,
				   const struct ab_span *span,
				   const struct ab_portal *portal)
{
	struct verdict v = { 0 };
	uint32_t i;

	for (i = 0; i < span->count; i++) {
		const struct ab_range *r = &set->ranges[span->first + i];

		judge(&v, r->negated,
		      ab_net_contains(&r->net, &portal->addr) &&
			      (!r->port || r->port == portal->port),
		      r->origin);
	}
	return v;
}

static bool in_subnet(const struct ab_portal *portal, const struct ab_net *addrs,
		      uint32_t n_addrs)
{
	uint32_t i;

	for (i = 0; i < n_addrs; i++)
		if (ab_net_contains(&addrs[i], &portal->addr))
			return true;
	return false;
}

enum ab_portal_verdict ab_policy_portal(const struct ab_policy_set *set,
					const struct ab_policy *p,
					const struct ab_portal *portal,
					const struct ab_net *addrs, uint32_t n_addrs,
					struct ab_origin *ret_origin)
{
	struct verdict v;

	if (ab_addr_is_unusable(&portal->addr) || ab_addr_is_linklocal6(&portal->addr))
		return AB_PORTAL_UNUSABLE;
	v = judge_portal(set, &p->deny, portal);
	if (p->deny.count && is_yes(&v)) {
		if (ret_origin)
			*ret_origin = v.origin;
		return AB_PORTAL_DENIED;
	}
	v = judge_portal(set, &p->allow, portal);
	if (p->allow.count && !is_yes(&v))
		return AB_PORTAL_NOT_ALLOWED;
	if (p->same_subnet && !in_subnet(portal, addrs, n_addrs))
		return AB_PORTAL_OTHER_SUBNET;
	return AB_PORTAL_WANTED;
}

bool ab_policy_target(const struct ab_policy_set *set, const struct ab_policy *p,
		      const char *target)
{
	struct verdict v = { 0 };
	uint32_t i;

	for (i = 0; i < p->targets.count; i++) {
		const struct ab_word *w = &set->words[p->targets.first + i];

		judge(&v, w->negated, ab_glob_nocase(w->text, target), w->origin);
	}
	return v.is_hit && !v.is_excluded;
}

/* --- exclusions ------------------------------------------------------------------- */

static struct verdict judge_words(const struct ab_policy_set *set,
				  const struct ab_span *span, const char *a,
				  const char *b)
{
	struct verdict v = { 0 };
	uint32_t i;

	for (i = 0; i < span->count; i++) {
		const struct ab_word *w = &set->words[span->first + i];

		judge(&v, w->negated, ab_glob(w->text, a) || (b && ab_glob(w->text, b)),
		      w->origin);
	}
	return v;
}

static bool is_excluded(struct verdict v, struct ab_origin *ret_origin)
{
	if (!v.is_hit || v.is_excluded)
		return false;
	*ret_origin = v.origin;
	return true;
}

/* The first deny list counts, but one with Drain says more than one without. */
static bool is_last(const struct ab_exclude *best)
{
	return best && best->is_drain;
}

static void take_better(const struct ab_exclude **best, const struct ab_exclude *x,
			const struct ab_origin *origin, struct ab_origin *ret_origin)
{
	if (*best && !x->is_drain)
		return;
	*best = x;
	if (ret_origin)
		*ret_origin = *origin;
}

const struct ab_exclude *ab_policy_excludes_port(const struct ab_policy_set *set,
						 const struct ab_match_port *port,
						 struct ab_origin *ret_origin)
{
	char mac[AB_HWADDR_TEXT], perm_mac[AB_HWADDR_TEXT];
	const struct ab_exclude *x, *best = NULL;
	struct ab_origin origin;
	uint32_t i;

	hwaddr_text(&port->link->hwaddr, mac);
	hwaddr_text(&port->link->perm_hwaddr, perm_mac);
	for (i = 0; i < set->n_excludes && !is_last(best); i++) {
		x = &set->excludes[i];
		if (is_excluded(judge_words(set, &x->ports, port->link->name, NULL),
				&origin) ||
		    is_excluded(judge_words(set, &x->macs, mac, perm_mac), &origin))
			take_better(&best, x, &origin, ret_origin);
	}
	return best;
}

const struct ab_exclude *ab_policy_excludes_portal(const struct ab_policy_set *set,
						   const struct ab_portal *portal,
						   struct ab_origin *ret_origin)
{
	const struct ab_exclude *x, *best = NULL;
	struct ab_origin origin;
	uint32_t i;

	for (i = 0; i < set->n_excludes && !is_last(best); i++) {
		x = &set->excludes[i];
		if (is_excluded(judge_portal(set, &x->portals, portal), &origin))
			take_better(&best, x, &origin, ret_origin);
	}
	return best;
}

/* --- names of iface records ------------------------------------------------------- */

/* The permanent address where there is one: it survives bonding and the like. */
static void add_mac(struct ab_text *t, const struct ab_link *link)
{
	struct ab_hwaddr h = link->perm_hwaddr.len ? link->perm_hwaddr : link->hwaddr;

	if (h.len > 8) { /* InfiniBand: the port's GUID are the last 8 bytes */
		memmove(h.bytes, h.bytes + h.len - 8, 8);
		h.len = 8;
	}
	if (h.len)
		ab_name_add_hwaddr(t, &h);
	else
		ab_text_add(t, link->name); /* tun, wireguard: no hardware address */
}

static void expand(struct ab_text *t, const struct ab_policy *p,
		   const struct ab_link *link)
{
	const char *s;

	for (s = p->iface_template; *s; s++) {
		if (*s != '%')
			ab_text_addc(t, *s);
		else if (*++s == 'i')
			ab_text_add(t, link->name);
		else
			add_mac(t, link);
	}
}

static void make_safe(char *name)
{
	char *s;

	for (s = name; *s; s++) {
		if (!ab_is_alnum(*s) && !strchr("._:@-", *s))
			*s = '_';
		if (ab_starts_with_nocase(s, "ipv6"))
			s[2] = '_';
	}
	if (name[0] == '.')
		name[0] = '_';
}

void ab_policy_iface_name(const struct ab_policy *p, const struct ab_link *link,
			  unsigned int n, char *name)
{
	char suffix[12], full[AB_IFACE_NAME];
	struct ab_text t, end;

	ab_text_init(&end, suffix, sizeof(suffix));
	if (n > 1) {
		ab_text_addc(&end, '-');
		ab_text_addu(&end, n);
	}
	ab_text_init(&t, full, IFACE_NAME_MAX + 1 - end.len);
	expand(&t, p, link);
	make_safe(full);
	/* The template is "%i" alone and the device has one of open-iscsi's
	 * own names. */
	if (ab_name_check_iface(full))
		full[0] = '_';
	ab_text_init(&t, name, AB_IFACE_NAME);
	ab_text_add(&t, full);
	ab_text_add(&t, suffix);
}
