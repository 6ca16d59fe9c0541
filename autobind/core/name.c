/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/name.h"

#include <string.h>
#include <sys/socket.h>

#include "util/num.h"

const char *ab_name_strerror(int code)
{
	switch (code) {
	case 0:
		return "correct";
	case AB_NAME_E_LENGTH:
		return "too long";
	case AB_NAME_E_CHAR:
		return "has a character that is not allowed";
	case AB_NAME_E_RANGE:
		return "has a number out of range";
	default:
		return "is malformed";
	}
}

/* --- iSCSI names --- */

static bool is_target_char(char c)
{
	return ab_is_alnum(c) || c == '.' || c == ':' || c == '_' || c == '-';
}

static bool is_hex_run(const char *s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (ab_hex_digit(s[i]) < 0)
			return false;
	return s[n] == '\0';
}

/* "YYYY-MM." and a naming authority that starts with a letter or digit. */
static bool is_iqn_rest(const char *s)
{
	static const char form[] = "dddd-dd.";
	unsigned int i;

	for (i = 0; form[i]; i++)
		if (form[i] == 'd' ? !ab_is_digit(s[i]) : s[i] != form[i])
			return false;
	return ab_is_alnum(s[i]);
}

int ab_name_check_target(const char *name)
{
	size_t n = strnlen(name, AB_TARGET_NAME), i;

	if (n >= AB_TARGET_NAME)
		return AB_NAME_E_LENGTH;
	for (i = 0; i < n; i++) {
		if (!is_target_char(name[i]))
			return AB_NAME_E_CHAR;
		if (name[i] == '.' && name[i + 1] == '.')
			return AB_NAME_E_CHAR;
	}
	if (ab_starts_with_nocase(name, "iqn."))
		return is_iqn_rest(name + 4) ? 0 : AB_NAME_E_SYNTAX;
	if (ab_starts_with_nocase(name, "eui."))
		return n == 4 + 16 && is_hex_run(name + 4, 16) ? 0 : AB_NAME_E_SYNTAX;
	if (ab_starts_with_nocase(name, "naa."))
		return (n == 4 + 16 || n == 4 + 32) && is_hex_run(name + 4, n - 4)
			       ? 0
			       : AB_NAME_E_SYNTAX;
	return AB_NAME_E_SYNTAX;
}

int ab_name_check_iface(const char *name)
{
	size_t n = strnlen(name, AB_IFACE_NAME), i;

	if (n == 0)
		return AB_NAME_E_SYNTAX;
	if (n >= AB_IFACE_NAME)
		return AB_NAME_E_LENGTH;
	if (name[0] == '.')
		return AB_NAME_E_CHAR;
	for (i = 0; i < n; i++)
		if (!is_target_char(name[i]) && name[i] != '@')
			return AB_NAME_E_CHAR;
	if (ab_streq(name, "default") || ab_streq(name, "iser"))
		return AB_NAME_E_SYNTAX;
	return 0;
}

/* --- addresses --- */

/* One decimal number of at most @digits digits without leading zeros; moves *s. */
static int take_number(const char **s, unsigned int digits, uint32_t max, uint32_t *ret)
{
	const char *p = *s;
	uint32_t v = 0;
	unsigned int n = 0;

	while (ab_is_digit(p[n]))
		n++;
	if (n == 0 || (n > 1 && p[0] == '0'))
		return AB_NAME_E_SYNTAX;
	if (n > digits)
		return AB_NAME_E_RANGE;
	*s += n;
	while (n--)
		v = v * 10 + (uint32_t)(*p++ - '0');
	if (v > max)
		return AB_NAME_E_RANGE;
	*ret = v;
	return 0;
}

static int take_ipv4(const char **s, uint8_t bytes[4])
{
	unsigned int i;
	uint32_t v;
	int r;

	for (i = 0; i < 4; i++) {
		if (i > 0 && *(*s)++ != '.')
			return AB_NAME_E_SYNTAX;
		r = take_number(s, 3, 255, &v);
		if (r)
			return r;
		bytes[i] = (uint8_t)v;
	}
	return 0;
}

/* Up to four hex digits; returns how many there were. */
static unsigned int take_group(const char **s, uint32_t *ret)
{
	unsigned int n = 0;
	uint32_t v = 0;

	while (n < 5 && ab_hex_digit((*s)[n]) >= 0)
		v = v << 4 | (uint32_t)ab_hex_digit((*s)[n++]);
	*ret = v;
	*s += n;
	return n;
}

/* What stands on one side of "::", or all of an address without it. */
struct groups {
	uint8_t bytes[16];
	unsigned int n; /* bytes */
};

/* Groups separated by ':' until the end or "::"; the last may be a dotted quad. */
static int take_groups(const char **s, struct groups *g)
{
	for (g->n = 0; g->n <= 14; g->n += 2) {
		const char *start = *s;
		unsigned int digits;
		uint32_t v;

		digits = take_group(s, &v);
		if (**s == '.' && g->n <= 12) {
			*s = start;
			/* It can only be the end of the address. */
			if (take_ipv4(s, g->bytes + g->n) || **s == ':')
				return AB_NAME_E_SYNTAX;
			g->n += 4;
			return 0;
		}
		if (digits == 0 || digits > 4)
			return AB_NAME_E_SYNTAX;
		g->bytes[g->n] = (uint8_t)(v >> 8);
		g->bytes[g->n + 1] = (uint8_t)v;
		if ((*s)[0] != ':' || (*s)[1] == ':') {
			g->n += 2;
			return 0;
		}
		(*s)++;
	}
	return AB_NAME_E_SYNTAX;
}

/* RFC 4291 2.2. */
static int take_ipv6(const char **s, uint8_t bytes[16])
{
	struct groups head = { .n = 0 }, tail = { .n = 0 };
	bool is_open = ab_starts_with(*s, "::");
	int r;

	if (!is_open) {
		r = take_groups(s, &head);
		if (r)
			return r;
		is_open = ab_starts_with(*s, "::");
	}
	if (!is_open) {
		if (head.n != 16)
			return AB_NAME_E_SYNTAX;
		memcpy(bytes, head.bytes, 16);
		return 0;
	}
	*s += 2;
	if (ab_hex_digit(**s) >= 0) {
		r = take_groups(s, &tail);
		if (r)
			return r;
	}
	if (head.n + tail.n > 14)
		return AB_NAME_E_SYNTAX;
	memset(bytes, 0, 16);
	memcpy(bytes, head.bytes, head.n);
	memcpy(bytes + 16 - tail.n, tail.bytes, tail.n);
	return 0;
}

static bool looks_like_ipv6(const char *s)
{
	const char *colon = strchr(s, ':');

	return colon && strchr(colon + 1, ':');
}

static int take_addr(const char **s, struct ab_addr *a)
{
	*a = (struct ab_addr){ 0 };
	if (looks_like_ipv6(*s)) {
		a->family = AF_INET6;
		return take_ipv6(s, a->bytes);
	}
	a->family = AF_INET;
	return take_ipv4(s, a->bytes);
}

int ab_name_parse_addr(const char *s, struct ab_addr *ret_addr)
{
	struct ab_addr a;
	int r = take_addr(&s, &a);

	if (r)
		return r;
	if (*s)
		return AB_NAME_E_SYNTAX;
	*ret_addr = a;
	return 0;
}

int ab_name_parse_ifaddr(const char *s, struct ab_net *ret_net)
{
	struct ab_net net;
	uint32_t max, len;
	int r = take_addr(&s, &net.addr);

	if (r)
		return r;
	max = len = net.addr.family == AF_INET ? 32 : 128;
	if (*s == '/') {
		s++;
		r = take_number(&s, 3, max, &len);
		if (r)
			return r;
	}
	if (*s)
		return AB_NAME_E_SYNTAX;
	net.len = (uint8_t)len;
	*ret_net = net;
	return 0;
}

int ab_name_parse_net(const char *s, struct ab_net *ret_net)
{
	struct ab_net net, range;
	int r = ab_name_parse_ifaddr(s, &net);

	if (r)
		return r;
	range = ab_net_of(&net);
	if (!ab_addr_equal(&range.addr, &net.addr))
		return AB_NAME_E_RANGE;
	*ret_net = net;
	return 0;
}

/* --- portals --- */

static int take_portal(const char **s, struct ab_portal *p)
{
	uint32_t port = AB_PORTAL_PORT;
	int r;

	if (**s == '[') {
		(*s)++;
		p->addr = (struct ab_addr){ .family = AF_INET6 };
		r = take_ipv6(s, p->addr.bytes);
		if (r == 0 && *(*s)++ != ']')
			r = AB_NAME_E_SYNTAX;
	} else {
		r = take_addr(s, &p->addr);
	}
	if (r)
		return r;
	if (**s == ':') {
		(*s)++;
		r = take_number(s, 5, 65535, &port);
		if (r)
			return r;
		if (port == 0)
			return AB_NAME_E_RANGE;
	}
	p->port = (uint16_t)port;
	return 0;
}

int ab_name_parse_portal(const char *s, struct ab_portal *ret_portal)
{
	struct ab_portal p = { 0 };
	int r = take_portal(&s, &p);

	if (r)
		return r;
	if (*s)
		return AB_NAME_E_SYNTAX;
	*ret_portal = p;
	return 0;
}

int ab_name_parse_scope(const char *s, struct ab_scope *ret_scope)
{
	struct ab_scope scope = { .port = "" };

	if (ab_name_parse_addr(s, &scope.portal.addr) != 0) {
		scope.portal = (struct ab_portal){ 0 };
		if (ab_name_parse_portal(s, &scope.portal) != 0) {
			scope.portal = (struct ab_portal){ 0 };
			if (!*s || strchr(s, '/') ||
			    !ab_copy(scope.port, sizeof(scope.port), s))
				return AB_NAME_E_SYNTAX;
		}
	}
	*ret_scope = scope;
	return 0;
}

int ab_name_parse_portal_tpgt(const char *s, struct ab_portal *ret_portal,
			      int32_t *ret_tpgt)
{
	struct ab_portal p = { 0 };
	uint32_t tpgt = 0;
	bool has_tpgt;
	int r = take_portal(&s, &p);

	if (r)
		return r;
	has_tpgt = *s == ',';
	if (has_tpgt) {
		s++;
		r = take_number(&s, 5, 65535, &tpgt);
		if (r)
			return r;
	}
	if (*s)
		return AB_NAME_E_SYNTAX;
	*ret_portal = p;
	*ret_tpgt = has_tpgt ? (int32_t)tpgt : AB_TPGT_UNKNOWN;
	return 0;
}

int ab_name_parse_hwaddr(const char *s, struct ab_hwaddr *ret_hwaddr)
{
	struct ab_hwaddr h = { 0 };
	char separator = '\0';

	for (;;) {
		int hi = ab_hex_digit(s[0]);
		int lo = hi < 0 ? -1 : ab_hex_digit(s[1]);

		if (lo < 0)
			return AB_NAME_E_SYNTAX;
		h.bytes[h.len++] = (uint8_t)(hi << 4 | lo);
		s += 2;
		if (!*s)
			break;
		if (h.len == sizeof(h.bytes))
			return AB_NAME_E_LENGTH;
		if ((*s != ':' && *s != '-') || (separator && *s != separator))
			return AB_NAME_E_SYNTAX;
		separator = *s++;
	}
	if (h.len != 6 && h.len != 20)
		return AB_NAME_E_SYNTAX;
	*ret_hwaddr = h;
	return 0;
}

/* --- text --- */

static uint32_t group_at(const struct ab_addr *a, unsigned int i)
{
	return (uint32_t)a->bytes[2 * i] << 8 | a->bytes[2 * i + 1];
}

/* RFC 5952: the longest run of two or more zero groups, the first one on a tie. */
static void longest_zero_run(const struct ab_addr *a, unsigned int *ret_start,
			     unsigned int *ret_n)
{
	unsigned int i, n;

	*ret_start = 8;
	*ret_n = 0;
	for (i = 0; i < 8; i += n ? n : 1) {
		for (n = 0; i + n < 8 && group_at(a, i + n) == 0; n++)
			continue;
		if (n >= 2 && n > *ret_n) {
			*ret_start = i;
			*ret_n = n;
		}
	}
}

static void add_ipv6(struct ab_text *t, const struct ab_addr *a)
{
	unsigned int start, n, i;

	longest_zero_run(a, &start, &n);
	for (i = 0; i < 8; i++) {
		if (n && i == start) {
			ab_text_add(t, "::");
			i += n - 1;
			continue;
		}
		if (i > 0 && i != start + n)
			ab_text_addc(t, ':');
		ab_text_addx(t, group_at(a, i), 1);
	}
}

void ab_name_add_addr(struct ab_text *t, const struct ab_addr *a)
{
	unsigned int i;

	if (a->family == AF_INET6) {
		add_ipv6(t, a);
		return;
	}
	if (a->family != AF_INET) {
		ab_text_add(t, "none");
		return;
	}
	for (i = 0; i < 4; i++) {
		if (i > 0)
			ab_text_addc(t, '.');
		ab_text_addu(t, a->bytes[i]);
	}
}

void ab_name_add_net(struct ab_text *t, const struct ab_net *n)
{
	ab_name_add_addr(t, &n->addr);
	ab_text_addc(t, '/');
	ab_text_addu(t, n->len);
}

void ab_name_add_portal(struct ab_text *t, const struct ab_portal *p)
{
	bool is_v6 = p->addr.family == AF_INET6;

	if (is_v6)
		ab_text_addc(t, '[');
	ab_name_add_addr(t, &p->addr);
	if (is_v6)
		ab_text_addc(t, ']');
	ab_text_addc(t, ':');
	ab_text_addu(t, p->port);
}

void ab_name_add_hwaddr(struct ab_text *t, const struct ab_hwaddr *h)
{
	unsigned int i;

	for (i = 0; i < h->len && i < sizeof(h->bytes); i++) {
		if (i > 0)
			ab_text_addc(t, ':');
		ab_text_addx(t, h->bytes[i], 2);
	}
}
