/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/ledger.h"

#include <assert.h>
#include <string.h>
#include <sys/socket.h>

#include "core/name.h"
#include "util/hash.h"
#include "util/mono.h"
#include "util/num.h"

#define HEAD "autobind-ledger 1\n"
#define HEAD_WORD "autobind-ledger "

/* Longer than any value; what is longer cannot fit its field. */
#define VALUE_MAX 512
#define VLAN_MAX 4095					  /* 12 bits (IEEE 802.1Q) */
#define MS_MAX ((uint64_t)(INT64_MAX / AB_NSEC_PER_MSEC)) /* what an ab_mono holds */

const char *ab_ledger_strerror(int code)
{
	switch (code) {
	case AB_LEDGER_E_VERSION:
		return "is no ledger, or one of another version";
	case AB_LEDGER_E_CUT:
		return "is cut off";
	case AB_LEDGER_E_CHECKSUM:
		return "has a wrong checksum";
	case AB_LEDGER_E_COUNT:
		return "has another number of entries than it says";
	case AB_LEDGER_E_SYNTAX:
		return "has a line that is malformed";
	default:
		return "is correct";
	}
}

/* --- records --------------------------------------------------------------------- */

static bool is_portal(const struct ab_portal *p)
{
	return p->port != 0 &&
	       (p->addr.family == AF_INET || p->addr.family == AF_INET6);
}

/* Its key has the parts that name what was tried, and no others. */
static bool can_hold_try(const struct ab_ledger_entry *e)
{
	const struct ab_node_key *key = &e->node;
	bool has_target = e->try.what == AB_TRY_NODE || e->try.what == AB_TRY_LOGIN;
	bool has_portal = has_target || e->try.what == AB_TRY_DISCOVERY;

	return e->owner == AB_OWNER_OURS && e->try.what < AB_TRY_MAX &&
	       e->try.next_ms > 0 && e->try.next_ms <= MS_MAX &&
	       key->iface[0] != '\0' && (key->target[0] != '\0') == has_target &&
	       (has_portal ? is_portal(&key->portal)
			   : key->portal.port == 0 && key->tpgt == 0);
}

/* Whatever the parser refuses must not be written: it would cost the whole file. */
bool ab_ledger_can_hold(const struct ab_ledger_entry *e)
{
	if (e->owner != AB_OWNER_INTENT && e->owner != AB_OWNER_OURS &&
	    e->owner != AB_OWNER_HELD)
		return false;
	if (e->kind == AB_LEDGER_IFACE)
		return e->iface.name[0] != '\0' &&
		       e->iface.port.type < AB_PORT_TYPE_MAX &&
		       e->iface.port.vlan_id <= VLAN_MAX &&
		       e->iface.port.perm_hwaddr.len <=
			       sizeof(e->iface.port.perm_hwaddr.bytes) &&
		       e->iface.retire_ms <= MS_MAX && e->iface.orphan_ms <= MS_MAX;
	if (e->kind == AB_LEDGER_TRY)
		return can_hold_try(e);
	if (e->kind != AB_LEDGER_NODE &&
	    (e->kind != AB_LEDGER_SESSION || e->owner != AB_OWNER_HELD))
		return false;
	return e->unwanted_ms <= MS_MAX && e->node.target[0] != '\0' &&
	       e->node.iface[0] != '\0' && is_portal(&e->node.portal);
}

uint64_t *ab_ledger_time(struct ab_ledger_entry *e)
{
	if (e->kind == AB_LEDGER_TRY)
		return &e->try.next_ms;
	return e->kind == AB_LEDGER_IFACE ? &e->iface.orphan_ms : &e->unwanted_ms;
}

bool ab_ledger_same_record(const struct ab_ledger_entry *a,
			   const struct ab_ledger_entry *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == AB_LEDGER_IFACE)
		return ab_streq(a->iface.name, b->iface.name);
	return (a->kind != AB_LEDGER_TRY || a->try.what == b->try.what) &&
	       ab_streq(a->node.target, b->node.target) &&
	       ab_portal_equal(&a->node.portal, &b->node.portal) &&
	       a->node.tpgt == b->node.tpgt && ab_streq(a->node.iface, b->node.iface);
}

uint64_t ab_ledger_hash_record(const struct ab_ledger_entry *e)
{
	uint64_t h;

	if (e->kind == AB_LEDGER_IFACE)
		return ab_hash_content(e->iface.name, strlen(e->iface.name));
	h = ab_hash_content(e->node.target, strlen(e->node.target)) + e->kind;
	h = h * 31 + ab_hash_content(e->node.iface, strlen(e->node.iface));
	h = h * 31 + ab_hash_content(e->node.portal.addr.bytes,
				     sizeof(e->node.portal.addr.bytes));
	return h * 31 + e->node.portal.port + ((uint64_t)(uint32_t)e->node.tpgt << 16);
}

/* --- writing --------------------------------------------------------------------- */

static const char *const kind_words[] = {
	[AB_LEDGER_IFACE] = "iface",
	[AB_LEDGER_NODE] = "node",
	[AB_LEDGER_SESSION] = "session",
	[AB_LEDGER_TRY] = "try",
};
#define N_KINDS (sizeof(kind_words) / sizeof(kind_words[0]))

static const char *const try_words[] = {
	[AB_TRY_DISCOVERY] = "discovery",
	[AB_TRY_IFACE] = "iface",
	[AB_TRY_NODE] = "node",
	[AB_TRY_LOGIN] = "login",
};

static const char *owner_word(uint8_t owner)
{
	switch (owner) {
	case AB_OWNER_INTENT:
		return "intent";
	case AB_OWNER_OURS:
		return "ours";
	default:
		return "held";
	}
}

static void add_value(struct ab_text *t, const char *key, const char *value)
{
	if (value[0] == '\0')
		return;
	ab_text_addc(t, '\t');
	ab_text_add(t, key);
	ab_text_addc(t, '=');
	ab_text_add_escaped(t, value, strlen(value));
}

/* A time of CLOCK_BOOTTIME, with the boot that it is of. */
static void add_time(struct ab_text *t, const char *key, uint64_t ms, uint64_t boot)
{
	if (ms == 0)
		return;
	ab_text_addc(t, '\t');
	ab_text_add(t, key);
	ab_text_addc(t, '=');
	ab_text_addu(t, ms);
	ab_text_add(t, "\tboot=");
	ab_text_addx(t, boot, 16);
}

static void add_iface(struct ab_text *t, const struct ab_ledger_entry *e)
{
	const struct ab_port_identity *port = &e->iface.port;
	unsigned int i;

	add_value(t, "name", e->iface.name);
	add_value(t, "port", ab_port_type_name(port->type));
	if (port->vlan_id) {
		ab_text_add(t, "\tvlan=");
		ab_text_addu(t, port->vlan_id);
	}
	if (port->perm_hwaddr.len)
		ab_text_add(t, "\thwaddr=");
	for (i = 0; i < port->perm_hwaddr.len; i++)
		ab_text_addx(t, port->perm_hwaddr.bytes[i], 2);
	add_value(t, "path", port->id_path);
	add_value(t, "netdev", port->name);
	if (e->iface.can_retire) {
		ab_text_add(t, "\tretire=");
		ab_text_addu(t, e->iface.retire_ms);
	}
	add_time(t, "orphan", e->iface.orphan_ms, e->boot);
}

static void add_node(struct ab_text *t, const struct ab_node_key *node)
{
	add_value(t, "target", node->target);
	if (node->portal.port) {
		ab_text_add(t, "\tportal=");
		ab_name_add_portal(t, &node->portal);
		ab_text_add(t, "\ttpgt=");
		ab_text_addi(t, node->tpgt);
	}
	add_value(t, "iface", node->iface);
}

static void add_try(struct ab_text *t, const struct ab_ledger_entry *e)
{
	add_value(t, "what", try_words[e->try.what]);
	ab_text_add(t, "\tattempts=");
	ab_text_addu(t, e->try.attempts);
	ab_text_add(t, "\tcode=");
	ab_text_addi(t, e->try.code);
	if (e->try.is_denied)
		ab_text_add(t, "\tdenied=1");
	add_time(t, "next", e->try.next_ms, e->boot);
}

void ab_ledger_begin(struct ab_ledger_writer *w, struct ab_text *t)
{
	*w = (struct ab_ledger_writer){ 0 };
	w->crc = ab_crc32c(0, HEAD, strlen(HEAD));
	ab_text_add(t, HEAD);
}

void ab_ledger_add(struct ab_ledger_writer *w, struct ab_text *t,
		   const struct ab_ledger_entry *e)
{
	size_t from = t->len;

	assert(ab_ledger_can_hold(e));
	ab_text_add(t, kind_words[e->kind]);
	ab_text_addc(t, '\t');
	ab_text_add(t, owner_word(e->owner));
	ab_text_add(t, "\thash=");
	ab_text_addx(t, e->hash, 16);
	if (e->kind == AB_LEDGER_TRY)
		add_try(t, e);
	if (e->kind == AB_LEDGER_IFACE)
		add_iface(t, e);
	else
		add_node(t, &e->node);
	if ((e->kind == AB_LEDGER_NODE || e->kind == AB_LEDGER_TRY) && e->settings) {
		ab_text_add(t, "\tsettings=");
		ab_text_addx(t, e->settings, 16);
	}
	if (e->kind == AB_LEDGER_NODE)
		add_time(t, "unwanted", e->unwanted_ms, e->boot);
	ab_text_addc(t, '\n');
	w->crc = ab_crc32c(w->crc, t->buf + from, t->len - from);
	w->n++;
}

void ab_ledger_end(struct ab_ledger_writer *w, struct ab_text *t)
{
	ab_text_add(t, "end\t");
	ab_text_addu(t, w->n);
	ab_text_add(t, "\tcrc32c=");
	ab_text_addx(t, w->crc, 8);
	ab_text_addc(t, '\n');
}

/* --- reading --------------------------------------------------------------------- */

/* A part of the text; never terminated. */
struct span {
	const char *s;
	size_t n;
};

/* Cuts off what stands before the next @c; the rest stays in @from. */
static struct span take_until(struct span *from, char c)
{
	const char *end = from->n ? memchr(from->s, c, from->n) : NULL;
	struct span head = { from->s, end ? (size_t)(end - from->s) : from->n };
	size_t used = end ? head.n + 1 : head.n;

	from->s += used;
	from->n -= used;
	return head;
}

static bool is_word(struct span s, const char *word)
{
	return s.n == strlen(word) && memcmp(s.s, word, s.n) == 0;
}

/* Exactly @digits hexadecimal digits. */
static bool get_hex(struct span s, size_t digits, uint64_t *ret_value)
{
	uint64_t v = 0;
	size_t i;

	if (s.n != digits)
		return false;
	for (i = 0; i < s.n; i++) {
		int d = ab_hex_digit(s.s[i]);

		if (d < 0)
			return false;
		v = v << 4 | (unsigned int)d;
	}
	*ret_value = v;
	return true;
}

static bool get_text(struct span s, char *dst, size_t size)
{
	char value[VALUE_MAX];
	int n = ab_text_unescape(s.s, s.n, value, sizeof(value));

	return n > 0 && ab_copyn(dst, size, value, (size_t)n);
}

static bool get_hwaddr(struct span s, struct ab_hwaddr *ret_hwaddr)
{
	struct ab_hwaddr h = { 0 };
	uint64_t byte;
	size_t i;

	if (s.n == 0 || s.n % 2 || s.n / 2 > sizeof(h.bytes))
		return false;
	for (i = 0; i < s.n / 2; i++) {
		if (!get_hex((struct span){ s.s + 2 * i, 2 }, 2, &byte))
			return false;
		h.bytes[i] = (uint8_t)byte;
	}
	h.len = (uint8_t)(s.n / 2);
	*ret_hwaddr = h;
	return true;
}

/* The fields that a line had; each may stand in it once. */
enum {
	HAS_HASH = 1 << 0,
	HAS_NAME = 1 << 1,
	HAS_PORT = 1 << 2,
	HAS_VLAN = 1 << 3,
	HAS_HWADDR = 1 << 4,
	HAS_PATH = 1 << 5,
	HAS_NETDEV = 1 << 6,
	HAS_TARGET = 1 << 7,
	HAS_PORTAL = 1 << 8,
	HAS_TPGT = 1 << 9,
	HAS_IFACE = 1 << 10,
	HAS_SETTINGS = 1 << 11,
	HAS_RETIRE = 1 << 12,
	HAS_ORPHAN = 1 << 13,
	HAS_BOOT = 1 << 14,
	HAS_UNWANTED = 1 << 15,
	HAS_WHAT = 1 << 16,
	HAS_ATTEMPTS = 1 << 17,
	HAS_CODE = 1 << 18,
	HAS_DENIED = 1 << 19,
	HAS_NEXT = 1 << 20,
};
#define OF_IFACE (1 << AB_LEDGER_IFACE)
#define OF_NODE (1 << AB_LEDGER_NODE)
#define OF_SESSION (1 << AB_LEDGER_SESSION)
#define OF_TRY (1 << AB_LEDGER_TRY)
#define NEEDS_IFACE (HAS_HASH | HAS_NAME | HAS_PORT)
#define NEEDS_TRY (HAS_HASH | HAS_WHAT | HAS_ATTEMPTS | HAS_CODE | HAS_NEXT | HAS_IFACE)
#define NEEDS_NODE (HAS_HASH | HAS_TARGET | HAS_PORTAL | HAS_TPGT | HAS_IFACE)

static const struct {
	const char *key;
	unsigned int flag;
	uint8_t kinds; /* bits: 1 << enum ab_ledger_kind */
} fields[] = {
	{ "hash", HAS_HASH, OF_IFACE | OF_NODE | OF_SESSION | OF_TRY },
	{ "name", HAS_NAME, OF_IFACE },
	{ "port", HAS_PORT, OF_IFACE },
	{ "vlan", HAS_VLAN, OF_IFACE },
	{ "hwaddr", HAS_HWADDR, OF_IFACE },
	{ "path", HAS_PATH, OF_IFACE },
	{ "netdev", HAS_NETDEV, OF_IFACE },
	{ "target", HAS_TARGET, OF_NODE | OF_SESSION | OF_TRY },
	{ "portal", HAS_PORTAL, OF_NODE | OF_SESSION | OF_TRY },
	{ "tpgt", HAS_TPGT, OF_NODE | OF_SESSION | OF_TRY },
	{ "iface", HAS_IFACE, OF_NODE | OF_SESSION | OF_TRY },
	{ "settings", HAS_SETTINGS, OF_NODE | OF_TRY },
	{ "retire", HAS_RETIRE, OF_IFACE },
	{ "orphan", HAS_ORPHAN, OF_IFACE },
	{ "unwanted", HAS_UNWANTED, OF_NODE },
	{ "boot", HAS_BOOT, OF_IFACE | OF_NODE | OF_TRY },
	{ "what", HAS_WHAT, OF_TRY },
	{ "attempts", HAS_ATTEMPTS, OF_TRY },
	{ "code", HAS_CODE, OF_TRY },
	{ "denied", HAS_DENIED, OF_TRY },
	{ "next", HAS_NEXT, OF_TRY },
};

static unsigned int field_of(struct span key, uint8_t kind)
{
	size_t i;

	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (is_word(key, fields[i].key))
			return fields[i].kinds & 1 << kind ? fields[i].flag : 0;
	return 0;
}

static bool set_try(struct ab_ledger_entry *e, unsigned int field, const char *value)
{
	uint64_t u;
	int64_t i;

	switch (field) {
	case HAS_WHAT:
		while (e->try.what < AB_TRY_MAX &&
		       !ab_streq(value, try_words[e->try.what]))
			e->try.what++;
		return e->try.what < AB_TRY_MAX;
	case HAS_ATTEMPTS:
		if (ab_num_u64(value, 0, UINT8_MAX, &u))
			return false;
		e->try.attempts = (uint8_t)u;
		return true;
	case HAS_DENIED:
		return e->try.is_denied = ab_streq(value, "1");
	case HAS_NEXT:
		return ab_num_u64(value, 1, MS_MAX, &e->try.next_ms) == 0;
	default:
		if (ab_num_i64(value, INT32_MIN, INT32_MAX, &i))
			return false;
		e->try.code = (int32_t)i;
		return true;
	}
}

static bool set_number(struct ab_ledger_entry *e, unsigned int field, const char *value)
{
	uint64_t u;
	int64_t i;
	int type;

	switch (field) {
	case HAS_PORT:
		type = ab_port_type_of(value);
		e->iface.port.type = (uint8_t)type;
		return type >= 0;
	case HAS_VLAN:
		if (ab_num_u64(value, 1, VLAN_MAX, &u))
			return false;
		e->iface.port.vlan_id = (uint16_t)u;
		return true;
	case HAS_PORTAL:
		return ab_name_parse_portal(value, &e->node.portal) == 0;
	case HAS_RETIRE:
		e->iface.can_retire = true;
		return ab_num_u64(value, 0, MS_MAX, &e->iface.retire_ms) == 0;
	case HAS_ORPHAN:
		return ab_num_u64(value, 1, MS_MAX, &e->iface.orphan_ms) == 0;
	case HAS_UNWANTED:
		return ab_num_u64(value, 1, MS_MAX, &e->unwanted_ms) == 0;
	default:
		if (ab_num_i64(value, INT32_MIN, INT32_MAX, &i))
			return false;
		e->node.tpgt = (int32_t)i;
		return true;
	}
}

static bool set_field(struct ab_ledger_entry *e, unsigned int field, struct span value)
{
	struct ab_port_identity *port = &e->iface.port;
	char text[VALUE_MAX];

	switch (field) {
	case HAS_HASH:
		return get_hex(value, 16, &e->hash);
	case HAS_SETTINGS:
		return get_hex(value, 16, &e->settings);
	case HAS_BOOT:
		return get_hex(value, 16, &e->boot);
	case HAS_NAME:
		return get_text(value, e->iface.name, sizeof(e->iface.name));
	case HAS_HWADDR:
		return get_hwaddr(value, &port->perm_hwaddr);
	case HAS_PATH:
		return get_text(value, port->id_path, sizeof(port->id_path));
	case HAS_NETDEV:
		return get_text(value, port->name, sizeof(port->name));
	case HAS_TARGET:
		return get_text(value, e->node.target, sizeof(e->node.target));
	case HAS_IFACE:
		return get_text(value, e->node.iface, sizeof(e->node.iface));
	default:
		if (!get_text(value, text, sizeof(text)))
			return false;
		return field >= HAS_WHAT ? set_try(e, field, text)
					 : set_number(e, field, text);
	}
}

static bool parse_head(struct span *line, struct ab_ledger_entry *e)
{
	struct span kind = take_until(line, '\t'), owner = take_until(line, '\t');

	for (e->kind = N_KINDS - 1; e->kind > 0; e->kind--)
		if (is_word(kind, kind_words[e->kind]))
			break;
	if (e->kind == 0)
		return false;
	if (is_word(owner, "intent"))
		e->owner = AB_OWNER_INTENT;
	else if (is_word(owner, "ours"))
		e->owner = AB_OWNER_OURS;
	else if (is_word(owner, "held"))
		e->owner = AB_OWNER_HELD;
	else
		return false;
	return true;
}

static bool parse_entry(struct span line, struct ab_ledger_entry *e)
{
	unsigned int seen = 0, needs;

	memset(e, 0, sizeof(*e));
	if (!parse_head(&line, e))
		return false;
	while (line.n) {
		struct span value = take_until(&line, '\t');
		struct span key = take_until(&value, '=');
		unsigned int field = field_of(key, e->kind);

		if (!field)
			continue;
		if ((seen & field) || !set_field(e, field, value))
			return false;
		seen |= field;
	}
	if (*ab_ledger_time(e) == 0)
		e->boot = 0; /* of no time */
	needs = e->kind == AB_LEDGER_IFACE ? NEEDS_IFACE
		: e->kind == AB_LEDGER_TRY ? NEEDS_TRY
					   : NEEDS_NODE;
	return (seen & needs) == needs && ab_ledger_can_hold(e);
}

/* Cuts the last line off; false when there is none that ends. */
static bool take_last_line(struct span *text, struct span *ret_line)
{
	size_t start;

	if (text->n == 0 || text->s[text->n - 1] != '\n')
		return false;
	for (start = text->n - 1; start > 0 && text->s[start - 1] != '\n'; start--)
		;
	*ret_line = (struct span){ text->s + start, text->n - 1 - start };
	text->n = start;
	return true;
}

static bool parse_trailer(struct span line, uint64_t *ret_n, uint64_t *ret_crc)
{
	struct span word = take_until(&line, '\t'), count = take_until(&line, '\t');
	struct span key = take_until(&line, '=');
	char digits[24];

	return is_word(word, "end") && is_word(key, "crc32c") &&
	       ab_copyn(digits, sizeof(digits), count.s, count.n) &&
	       ab_num_u64(digits, 0, UINT64_MAX, ret_n) == 0 &&
	       get_hex(line, 8, ret_crc);
}

/* Leaves the lines between the first and the last in @text. */
static int check_frame(struct span *text, uint64_t *ret_n)
{
	struct span trailer;
	uint64_t crc;

	if (text->n < strlen(HEAD_WORD) ||
	    memcmp(text->s, HEAD_WORD, strlen(HEAD_WORD)) != 0)
		return AB_LEDGER_E_VERSION;
	if (text->n < strlen(HEAD))
		return AB_LEDGER_E_CUT;
	if (memcmp(text->s, HEAD, strlen(HEAD)) != 0)
		return AB_LEDGER_E_VERSION;
	if (!take_last_line(text, &trailer) || !parse_trailer(trailer, ret_n, &crc) ||
	    text->n < strlen(HEAD))
		return AB_LEDGER_E_CUT;
	if (ab_crc32c(0, text->s, text->n) != crc)
		return AB_LEDGER_E_CHECKSUM;
	text->s += strlen(HEAD);
	text->n -= strlen(HEAD);
	return memchr(text->s, '\0', text->n) ? AB_LEDGER_E_SYNTAX : 0;
}

int ab_ledger_parse(const char *data, size_t n, ab_ledger_fn *fn, void *arg,
		    unsigned int *ret_line)
{
	struct span text = { data, n }, rest;
	struct ab_ledger_entry e;
	uint64_t count, seen = 0;
	int r;

	if (n == 0)
		return AB_LEDGER_E_VERSION;
	r = check_frame(&text, &count);
	if (r)
		return r;
	for (rest = text; rest.n; seen++) {
		if (!parse_entry(take_until(&rest, '\n'), &e)) {
			*ret_line = (unsigned int)seen + 2;
			return AB_LEDGER_E_SYNTAX;
		}
	}
	if (seen != count)
		return AB_LEDGER_E_COUNT;
	for (rest = text; rest.n;) {
		(void)parse_entry(take_until(&rest, '\n'), &e); /* it did above */
		fn(arg, &e);
	}
	return 0;
}
