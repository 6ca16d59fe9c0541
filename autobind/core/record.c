/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/record.h"

#include <assert.h>
#include <string.h>

#include "core/name.h"
#include "core/record_value.h"
#include "util/hash.h"
#include "util/num.h"

#define KEY_LINE(id, key_name, key_type, key_size, key_def, key_words, key_kinds,      \
		 key_flag)                                                             \
	[AB_KEY_##id] = {                                                              \
		.name = (key_name),                                                    \
		.def = (key_def),                                                      \
		.words = AB_RECORD_W_##key_words,                                      \
		.size = (key_size),                                                    \
		.slot = offsetof(struct ab_record_slots, id),                          \
		.name_len = sizeof(key_name) - 1,                                      \
		.type = AB_RECORD_T_##key_type,                                        \
		.kinds = AB_RECORD_K_##key_kinds,                                      \
		.flags = AB_RECORD_F_##key_flag,                                       \
	},

static const struct ab_record_key table[AB_KEY_MAX] = { AB_RECORD_KEYS(KEY_LINE) };

/* An iface record starts in an order of its own; the rest follows the table. */
static const uint8_t iface_first[] = {
	AB_KEY_IFACE_NAME,	    AB_KEY_IFACE_NET_IFACENAME,
	AB_KEY_IFACE_IPADDRESS,	    AB_KEY_IFACE_PREFIX_LEN,
	AB_KEY_IFACE_HWADDRESS,	    AB_KEY_IFACE_TRANSPORT_NAME,
	AB_KEY_IFACE_INITIATORNAME, AB_KEY_IFACE_STATE,
	AB_KEY_IFACE_VLAN_ID,	    AB_KEY_IFACE_VLAN_PRIORITY,
	AB_KEY_IFACE_VLAN_STATE,    AB_KEY_IFACE_IFACE_NUM,
	AB_KEY_IFACE_MTU,	    AB_KEY_IFACE_PORT,
	AB_KEY_IFACE_BOOTPROTO,	    AB_KEY_IFACE_SUBNET_MASK,
	AB_KEY_IFACE_GATEWAY,
};

static const char *const reasons[AB_RECORD_R_MAX] = {
	[AB_RECORD_R_NONE] = "nothing",
	[AB_RECORD_R_NO_SEPARATOR] = "no \" = \" between name and value",
	[AB_RECORD_R_NO_VALUE] = "no value",
	[AB_RECORD_R_LINE_TOO_LONG] = "line too long",
	[AB_RECORD_R_NAME_TOO_LONG] = "name too long",
	[AB_RECORD_R_VALUE_TOO_LONG] = "value longer than 255 bytes",
	[AB_RECORD_R_CUT] = "value longer than open-iscsi keeps",
	[AB_RECORD_R_UNKNOWN_KEY] = "unknown key",
	[AB_RECORD_R_BAD_NUMBER] = "not a number of its range",
	[AB_RECORD_R_BAD_WORD] = "unknown word",
	[AB_RECORD_R_BAD_TEXT] = "control character, or a blank at an end",
	[AB_RECORD_R_NO_NEWLINE] = "last line without line break",
	[AB_RECORD_R_EMPTY] = "empty",
	[AB_RECORD_R_BINARY] = "not a text file",
	[AB_RECORD_R_TRUNCATED] = "cut off before \"# END RECORD\"",
	[AB_RECORD_R_NO_NAME] = "does not say which record it is",
};

static const uint8_t kind_bits[AB_RECORD_KIND_MAX] = {
	[AB_RECORD_KIND_IFACE] = AB_RECORD_IN_IFACE,
	[AB_RECORD_KIND_NODE] = AB_RECORD_IN_NODE,
	[AB_RECORD_KIND_ST] = AB_RECORD_IN_ST,
};

/* Longest line of canonical text besides the value: the longest name and " = \n". */
#define LINE_EXTRA 64
#define CANON_MAX                                                                      \
	(sizeof(struct ab_record_slots) + AB_KEY_MAX * LINE_EXTRA + LINE_EXTRA)
_Static_assert(CANON_MAX + AB_RECORD_ASIDE + LINE_EXTRA <= AB_RECORD_TEXT,
	       "a printed record fits");
_Static_assert(AB_KEY_MAX <= UINT8_MAX, "keys are kept in bytes");
_Static_assert(sizeof(struct ab_record_slots) <= UINT16_MAX, "slots are 16 bit");

const char *ab_record_reason_text(enum ab_record_reason reason)
{
	return reason < AB_RECORD_R_MAX ? reasons[reason] : "unknown reason";
}

const struct ab_record_key *ab_record_key(enum ab_key key)
{
	assert(key < AB_KEY_MAX);
	return &table[key];
}

bool ab_record_set_has(const struct ab_record_set *set, enum ab_key key)
{
	return set->bits[key / 64] >> (key % 64) & 1;
}

void ab_record_set_add(struct ab_record_set *set, enum ab_key key)
{
	set->bits[key / 64] |= UINT64_C(1) << (key % 64);
}

static void set_remove(struct ab_record_set *set, enum ab_key key)
{
	set->bits[key / 64] &= ~(UINT64_C(1) << (key % 64));
}

void ab_record_set_old(struct ab_record_set *set)
{
	memset(set, 0, sizeof(*set));
	for (unsigned int k = 0; k < AB_KEY_MAX; k++) {
		if (table[k].kinds & AB_RECORD_IN_OLD)
			ab_record_set_add(set, k);
	}
}

static bool key_is(const struct ab_record_key *key, uint8_t kind_bit, const char *name,
		   size_t n)
{
	return key->name_len == n && (key->kinds & kind_bit) &&
	       memcmp(key->name, name, n) == 0;
}

/* Records are nearly in table order: looking from the last hit on finds a key
 * at once. */
static int find_from(unsigned int start, uint8_t kind_bit, const char *name, size_t n)
{
	for (unsigned int k = start; k < AB_KEY_MAX; k++) {
		if (key_is(&table[k], kind_bit, name, n))
			return (int)k;
	}
	for (unsigned int k = 0; k < start && k < AB_KEY_MAX; k++) {
		if (key_is(&table[k], kind_bit, name, n))
			return (int)k;
	}
	return -1;
}

int ab_record_find(enum ab_record_kind kind, const char *name, size_t n)
{
	assert(kind < AB_RECORD_KIND_MAX);
	return find_from(0, kind_bits[kind], name, n);
}

void ab_record_clear(struct ab_record *rec, enum ab_record_kind kind)
{
	assert(kind < AB_RECORD_KIND_MAX);
	rec->kind = kind;
	memset(&rec->given, 0, sizeof(rec->given));
	rec->n_unknown = 0;
	rec->aside_len = 0;
	rec->unknown_hash = 0;
}

static char *slot_of(struct ab_record *rec, const struct ab_record_key *key)
{
	return (char *)&rec->slots + key->slot;
}

bool ab_record_is_given(const struct ab_record *rec, enum ab_key key)
{
	return ab_record_set_has(&rec->given, key);
}

const char *ab_record_get(const struct ab_record *rec, enum ab_key key)
{
	assert(key < AB_KEY_MAX);
	if (!ab_record_set_has(&rec->given, key))
		return table[key].def;
	return (const char *)&rec->slots + table[key].slot;
}

int64_t ab_record_get_int(const struct ab_record *rec, enum ab_key key)
{
	int64_t v = 0;

	/* Slots of numbers hold what ab_record_value_format() wrote, defaults what the
	 * table has. */
	(void)ab_num_i64(ab_record_get(rec, key), INT32_MIN, UINT32_MAX, &v);
	return v;
}

static void put(struct ab_record *rec, enum ab_key key, const char *value, size_t n)
{
	char *slot = slot_of(rec, &table[key]);

	assert(n < table[key].size);
	memcpy(slot, value, n);
	slot[n] = '\0';
	ab_record_set_add(&rec->given, key);
}

/* --- values ----------------------------------------------------------------------- */

int ab_record_check(enum ab_key key, const char *value)
{
	char buf[AB_RECORD_VALUE_MAX + 1];
	struct ab_text out;

	assert(key < AB_KEY_MAX);
	ab_text_init(&out, buf, sizeof(buf));
	return ab_record_value_check(&table[key], value, &out);
}

int ab_record_set_value(struct ab_record *rec, enum ab_key key, const char *value)
{
	char buf[AB_RECORD_VALUE_MAX + 1];
	struct ab_text out;
	int r;

	assert(key < AB_KEY_MAX);
	if (!(table[key].kinds & kind_bits[rec->kind]))
		return AB_RECORD_R_UNKNOWN_KEY;
	ab_text_init(&out, buf, sizeof(buf));
	r = ab_record_value_check(&table[key], value, &out);
	if (r)
		return r;
	if (out.len)
		put(rec, key, out.buf, out.len);
	else
		set_remove(&rec->given, key);
	return 0;
}

/* --- reading ---------------------------------------------------------------------- */

struct reader {
	struct ab_record *rec;
	ab_record_problem_fn *fn;
	void *arg;
	uint32_t line;
	unsigned int next; /* key expected next */
	bool is_conf;	   /* iscsid.conf: others' lines are no business of ours */
	bool has_begin, has_end;
	uint32_t n_keys;
};

struct bytes {
	const char *s;
	size_t n;
};

static void report(struct reader *r, enum ab_record_reason reason, struct bytes key)
{
	const struct ab_record_problem p = {
		.line = reason < AB_RECORD_R_EMPTY ? r->line : 0,
		.reason = (uint8_t)reason,
		.key = key.n ? key.s : NULL,
		.key_len = key.n,
	};

	if (r->fn)
		r->fn(r->arg, &p);
}

static struct bytes strip(const char *s, size_t n)
{
	while (n && ab_record_is_blank(s[0])) {
		s++;
		n--;
	}
	while (n && ab_record_is_blank(s[n - 1]))
		n--;
	return (struct bytes){ s, n };
}

static bool starts_with(struct bytes b, const char *prefix)
{
	size_t n = strlen(prefix);

	return b.n >= n && memcmp(b.s, prefix, n) == 0;
}

/* Does a line of iscsid.conf concern this kind of record? */
static bool concerns(const struct reader *r, struct bytes line)
{
	if (!r->is_conf)
		return true;
	if (r->rec->kind == AB_RECORD_KIND_ST)
		return starts_with(line, "discovery.sendtargets.") ||
		       starts_with(line, table[AB_KEY_AUTH_CHAP_ALGS].name);
	return starts_with(line, "node.") || starts_with(line, "iface.");
}

/*
 * "name = value". The name ends at a blank or '=', and one more byte is passed over, so
 * that "name=value" is none: as open-iscsi reads it (measured with 2.1.8).
 */
static enum ab_record_reason split(struct bytes line, struct bytes *ret_name,
				   struct bytes *ret_value)
{
	size_t i = 0;

	while (i < line.n && !ab_record_is_blank(line.s[i]) && line.s[i] != '=')
		i++;
	*ret_name = (struct bytes){ line.s, i };
	i++;
	while (i < line.n && ab_record_is_blank(line.s[i]))
		i++;
	if (ret_name->n == 0 || i >= line.n || line.s[i] != '=')
		return AB_RECORD_R_NO_SEPARATOR;
	*ret_value = strip(line.s + i + 1, line.n - i - 1);
	if (ret_value->n == 0)
		return AB_RECORD_R_NO_VALUE;
	if (ret_name->n > AB_RECORD_NAME_MAX)
		return AB_RECORD_R_NAME_TOO_LONG;
	if (ret_value->n > AB_RECORD_VALUE_MAX)
		return AB_RECORD_R_VALUE_TOO_LONG;
	return AB_RECORD_R_NONE;
}

/* May an unknown key hold a secret: a mistyped one, or one of a later release? */
static bool is_secretive(struct bytes name)
{
	size_t i;

	for (i = 0; i + 4 <= name.n; i++)
		if (memcmp(name.s + i, "auth", 4) == 0 ||
		    memcmp(name.s + i, "pass", 4) == 0)
			return true;
	return false;
}

/* The mark of all unknown lines is a chain, so that none is forgotten. */
static void keep_aside(struct reader *r, struct bytes name, struct bytes value)
{
	char buf[AB_RECORD_NAME_MAX + AB_RECORD_VALUE_MAX + LINE_EXTRA];
	struct ab_record *rec = r->rec;
	struct ab_text t;

	ab_text_init(&t, buf, sizeof(buf));
	ab_text_addn(&t, name.s, name.n);
	ab_text_add(&t, " = ");
	ab_text_addn(&t, value.s, value.n);
	ab_text_addc(&t, '\n');
	if (rec->aside_len + t.len <= sizeof(rec->aside)) {
		memcpy(rec->aside + rec->aside_len, t.buf, t.len);
		rec->aside_len = (uint16_t)(rec->aside_len + t.len);
	}
	if (is_secretive(name))
		t.len = name.n;
	ab_text_addx(&t, rec->unknown_hash, 16);
	rec->unknown_hash = ab_hash_content(t.buf, t.len);
	if (rec->n_unknown < UINT16_MAX)
		rec->n_unknown++;
	report(r, AB_RECORD_R_UNKNOWN_KEY, name);
}

static void read_value(struct reader *r, enum ab_key key, struct bytes value)
{
	const struct ab_record_key *k = &table[key];
	char buf[AB_RECORD_VALUE_MAX + 1];
	enum ab_record_reason reason;
	struct ab_text out;

	r->next = key + 1;
	r->n_keys++;
	if (r->is_conf && (k->flags & AB_RECORD_F_FIXED))
		return;
	if (ab_record_value_is_verbatim(k, value.s, value.n)) {
		put(r->rec, key, value.s, value.n);
		return;
	}
	ab_text_init(&out, buf, sizeof(buf));
	reason = ab_record_value_format(k, value.s, value.n, &out);
	if (reason)
		report(r, reason, (struct bytes){ k->name, k->name_len });
	if (out.len)
		put(r->rec, key, out.buf, out.len);
}

static void read_pair(struct reader *r, struct bytes name, struct bytes value)
{
	int key = find_from(r->next, kind_bits[r->rec->kind], name.s, name.n);

	if (key >= 0)
		read_value(r, (enum ab_key)key, value);
	else if (r->is_conf)
		report(r, AB_RECORD_R_UNKNOWN_KEY, name);
	else
		keep_aside(r, name, value);
}

/* The usual line, "name = value" of the key that the table has next, need not be taken
 * apart. */
static bool read_expected(struct reader *r, struct bytes line)
{
	const struct ab_record_key *key = &table[r->next];
	struct bytes value;
	size_t start;

	if (r->next >= AB_KEY_MAX || !(key->kinds & kind_bits[r->rec->kind]))
		return false;
	start = key->name_len + 3u;
	if (line.n <= start || line.n - start > AB_RECORD_VALUE_MAX ||
	    memcmp(line.s, key->name, key->name_len) != 0 ||
	    memcmp(line.s + key->name_len, " = ", 3) != 0)
		return false;
	value = (struct bytes){ line.s + start, line.n - start };
	if (ab_record_is_blank(value.s[0]))
		return false;
	read_value(r, (enum ab_key)r->next, value);
	return true;
}

static void read_line(struct reader *r, const char *s, size_t n)
{
	struct bytes line = strip(s, n), name = { 0 }, value = { 0 };
	enum ab_record_reason reason;

	if (line.n == 0 || read_expected(r, line))
		return;
	if (line.s[0] == '#') {
		r->has_begin |= starts_with(line, "# BEGIN RECORD");
		r->has_end |= starts_with(line, "# END RECORD");
		return;
	}
	if (!concerns(r, line))
		return;
	if (n >= AB_RECORD_LINE_MAX) {
		report(r, AB_RECORD_R_LINE_TOO_LONG, name);
		return;
	}
	reason = split(line, &name, &value);
	if (reason) {
		name.n = name.n < AB_RECORD_NAME_MAX ? name.n : AB_RECORD_NAME_MAX;
		report(r, reason, name);
		return;
	}
	read_pair(r, name, value);
}

static void read_lines(struct reader *r, const char *text, size_t n)
{
	const char *end = text + n, *newline;

	for (r->line = 1; text < end; r->line++) {
		newline = memchr(text, '\n', (size_t)(end - text));
		if (!newline)
			break;
		read_line(r, text, (size_t)(newline - text));
		text = newline + 1;
	}
	if (text == end)
		return;
	if (*text == '#')
		read_line(r, text, (size_t)(end - text));
	else if (strip(text, (size_t)(end - text)).n)
		report(r, AB_RECORD_R_NO_NEWLINE, (struct bytes){ 0 });
}

static bool has_name(const struct ab_record *rec)
{
	switch ((enum ab_record_kind)rec->kind) {
	case AB_RECORD_KIND_IFACE:
		return ab_record_is_given(rec, AB_KEY_IFACE_NAME);
	case AB_RECORD_KIND_NODE:
		return ab_record_is_given(rec, AB_KEY_NODE_NAME) &&
		       ab_record_is_given(rec, AB_KEY_CONN_ADDRESS);
	case AB_RECORD_KIND_ST:
		return ab_record_is_given(rec, AB_KEY_ST_ADDRESS);
	case AB_RECORD_KIND_MAX:
		break;
	}
	return false;
}

enum ab_record_state ab_record_parse(struct ab_record *rec, enum ab_record_kind kind,
				     const char *text, size_t n,
				     ab_record_problem_fn *fn, void *arg)
{
	struct reader r = { .rec = rec, .fn = fn, .arg = arg };
	enum ab_record_reason reason = AB_RECORD_R_NONE;

	ab_record_clear(rec, kind);
	if (n && memchr(text, '\0', n)) {
		reason = AB_RECORD_R_BINARY;
	} else {
		read_lines(&r, text, n);
		if (r.has_begin && !r.has_end)
			reason = AB_RECORD_R_TRUNCATED;
		else if (r.n_keys == 0)
			reason = AB_RECORD_R_EMPTY;
		else if (!has_name(rec))
			reason = AB_RECORD_R_NO_NAME;
	}
	if (reason == AB_RECORD_R_NONE)
		return AB_RECORD_OK;
	report(&r, reason, (struct bytes){ 0 });
	return AB_RECORD_BROKEN;
}

void ab_record_overlay_conf(struct ab_record *rec, const char *text, size_t n,
			    ab_record_problem_fn *fn, void *arg)
{
	struct reader r = { .rec = rec, .fn = fn, .arg = arg, .is_conf = true };
	const char *nul = n ? memchr(text, '\0', n) : NULL;

	read_lines(&r, text, nul ? (size_t)(nul - text) : n);
	if (nul)
		report(&r, AB_RECORD_R_BINARY, (struct bytes){ 0 });
}

/* --- meaning ---------------------------------------------------------------------- */

int ab_record_from_binding(struct ab_record *rec, const struct ab_binding *b)
{
	const struct {
		enum ab_key key;
		const char *value;
	} fields[] = {
		{ AB_KEY_IFACE_NAME, b->iface },
		{ AB_KEY_IFACE_TRANSPORT_NAME, b->transport },
		{ AB_KEY_IFACE_NET_IFACENAME, b->netdev },
		{ AB_KEY_IFACE_HWADDRESS, b->hwaddr },
		{ AB_KEY_IFACE_INITIATORNAME, b->initiatorname },
	};

	ab_record_clear(rec, AB_RECORD_KIND_IFACE);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		int r = ab_record_set_value(rec, fields[i].key, fields[i].value);

		if (r)
			return r;
	}
	return 0;
}

bool ab_record_binding(const struct ab_record *rec, struct ab_binding *ret_binding)
{
	struct ab_binding b;

	memset(&b, 0, sizeof(b));
	if (!ab_copy(b.iface, sizeof(b.iface), ab_record_get(rec, AB_KEY_IFACE_NAME)) ||
	    !ab_copy(b.transport, sizeof(b.transport),
		     ab_record_get(rec, AB_KEY_IFACE_TRANSPORT_NAME)) ||
	    !ab_copy(b.netdev, sizeof(b.netdev),
		     ab_record_get(rec, AB_KEY_IFACE_NET_IFACENAME)) ||
	    !ab_copy(b.hwaddr, sizeof(b.hwaddr),
		     ab_record_get(rec, AB_KEY_IFACE_HWADDRESS)) ||
	    !ab_copy(b.initiatorname, sizeof(b.initiatorname),
		     ab_record_get(rec, AB_KEY_IFACE_INITIATORNAME)))
		return false;
	*ret_binding = b;
	return true;
}

static bool is_default(const struct ab_record *rec, enum ab_key key)
{
	const char *value = ab_record_get(rec, key);

	return value[0] == table[key].def[0] && ab_streq(value, table[key].def);
}

void ab_record_copy_iface(struct ab_record *node, const struct ab_record *iface)
{
	for (unsigned int k = 0; k < AB_KEY_MAX; k++) {
		const char *value;

		if (!(table[k].kinds & AB_RECORD_IN_IFACE) ||
		    k == AB_KEY_IFACE_PREFIX_LEN)
			continue;
		if (k != AB_KEY_IFACE_TRANSPORT_NAME && is_default(iface, k))
			continue;
		value = ab_record_get(iface, k);
		put(node, k, value, strlen(value));
	}
}

bool ab_record_node_key(const struct ab_record *rec, struct ab_node_key *ret_key)
{
	int64_t port = ab_record_get_int(rec, AB_KEY_CONN_PORT);
	int64_t tpgt = ab_record_get_int(rec, AB_KEY_NODE_TPGT);
	const char *iface = ab_record_get(rec, AB_KEY_IFACE_NAME);
	struct ab_node_key key;

	memset(&key, 0, sizeof(key));
	if (ab_name_parse_addr(ab_record_get(rec, AB_KEY_CONN_ADDRESS),
			       &key.portal.addr) ||
	    port < 1 || port > UINT16_MAX || tpgt < AB_TPGT_UNKNOWN ||
	    tpgt > UINT16_MAX)
		return false;
	if (!ab_copy(key.target, sizeof(key.target),
		     ab_record_get(rec, AB_KEY_NODE_NAME)) ||
	    !ab_copy(key.iface, sizeof(key.iface), *iface ? iface : "default"))
		return false;
	key.portal.port = (uint16_t)port;
	key.tpgt = (int32_t)tpgt;
	*ret_key = key;
	return true;
}

static void put_number(struct ab_record *rec, enum ab_key key, int64_t v)
{
	char buf[24];
	struct ab_text t;

	ab_text_init(&t, buf, sizeof(buf));
	ab_text_addi(&t, v);
	put(rec, key, t.buf, t.len);
}

int ab_record_set_node_key(struct ab_record *rec, const struct ab_node_key *key)
{
	char buf[AB_ADDR_TEXT];
	struct ab_text t;
	int r;

	ab_text_init(&t, buf, sizeof(buf));
	ab_name_add_addr(&t, &key->portal.addr);
	r = ab_record_set_value(rec, AB_KEY_NODE_NAME, key->target);
	if (r == 0)
		r = ab_record_set_value(rec, AB_KEY_IFACE_NAME, key->iface);
	if (r)
		return r;
	put(rec, AB_KEY_CONN_ADDRESS, t.buf, t.len);
	put_number(rec, AB_KEY_CONN_PORT, key->portal.port);
	put_number(rec, AB_KEY_NODE_TPGT, key->tpgt);
	return 0;
}

/* --- writing ---------------------------------------------------------------------- */

/*
 * Which family open-iscsi takes an iface for: by its address, else by its name (usr/
 * iface.c iface_get_iptype() of 2.1.8, by observation). A key of the other family is an
 * unknown key to it.
 */
static uint8_t other_family(const struct ab_record *rec)
{
	const char *addr = ab_record_get(rec, AB_KEY_IFACE_IPADDRESS);
	const char *name = ab_record_get(rec, AB_KEY_IFACE_NAME);

	if (*addr) {
		if (strchr(addr, '.') ||
		    ab_streq(ab_record_get(rec, AB_KEY_IFACE_BOOTPROTO), "dhcp"))
			return AB_RECORD_F_V6;
		return AB_RECORD_F_V4;
	}
	for (; *name; name++) {
		if (ab_starts_with(name, "ipv6"))
			return AB_RECORD_F_V4;
	}
	return AB_RECORD_F_V6;
}

static bool is_always_written(enum ab_key key)
{
	return key == AB_KEY_IFACE_NAME || key == AB_KEY_IFACE_TRANSPORT_NAME;
}

static bool is_written(const struct ab_record *rec, const struct ab_record_set *keys,
		       enum ab_key key, uint8_t not_family)
{
	const struct ab_record_key *k = &table[key];

	if (!(k->kinds & kind_bits[rec->kind]) ||
	    (k->flags & (AB_RECORD_F_HIDDEN | not_family)) ||
	    *ab_record_get(rec, key) == '\0')
		return false;
	if (!keys || (k->flags & AB_RECORD_F_DRIFTS))
		return ab_record_is_given(rec, key) &&
		       (!keys || ab_record_set_has(keys, key));
	if (!ab_record_set_has(keys, key))
		return false;
	return !(k->kinds & AB_RECORD_IN_IFACE) || is_always_written(key) ||
	       !is_default(rec, key);
}

static void add_line(struct ab_text *t, const struct ab_record *rec, enum ab_key key)
{
	ab_text_addn(t, table[key].name, table[key].name_len);
	ab_text_add(t, " = ");
	ab_text_add(t, ab_record_get(rec, key));
	ab_text_addc(t, '\n');
}

void ab_record_print(const struct ab_record *rec, const struct ab_record_set *keys,
		     struct ab_text *t)
{
	uint8_t not_family = other_family(rec);
	struct ab_record_set done = { { 0 } };

	/* open-iscsi takes these lines for comments; the version is that of
	 * the keys. */
	ab_text_add(t, "# BEGIN RECORD 2.0-871\n");
	for (size_t i = 0; rec->kind == AB_RECORD_KIND_IFACE && i < sizeof(iface_first);
	     i++) {
		ab_record_set_add(&done, iface_first[i]);
		if (is_written(rec, keys, iface_first[i], not_family))
			add_line(t, rec, iface_first[i]);
	}
	for (unsigned int k = 0; k < AB_KEY_MAX; k++) {
		if (!ab_record_set_has(&done, k) &&
		    is_written(rec, keys, k, not_family))
			add_line(t, rec, k);
	}
	if (!keys)
		ab_text_addn(t, rec->aside, rec->aside_len);
	ab_text_add(t, "# END RECORD\n");
}

uint64_t ab_record_hash(const struct ab_record *rec)
{
	char buf[CANON_MAX];
	struct ab_text t;

	ab_text_init(&t, buf, sizeof(buf));
	for (unsigned int k = 0; k < AB_KEY_MAX; k++) {
		if (!ab_record_set_has(&rec->given, k) ||
		    (table[k].flags & (AB_RECORD_F_HIDDEN | AB_RECORD_F_DRIFTS)) ||
		    is_default(rec, k))
			continue;
		if (table[k].flags & AB_RECORD_F_SECRET)
			ab_text_addn(&t, table[k].name, table[k].name_len);
		else
			add_line(&t, rec, k);
	}
	if (rec->n_unknown)
		ab_text_addx(&t, rec->unknown_hash, 16);
	assert(!t.cut);
	return ab_hash_content(t.buf, t.len);
}

bool ab_record_same_secrets(const struct ab_record *a, const struct ab_record *b)
{
	for (unsigned int k = 0; k < AB_KEY_MAX; k++) {
		if ((table[k].flags & AB_RECORD_F_SECRET) &&
		    !ab_streq(ab_record_get(a, k), ab_record_get(b, k)))
			return false;
	}
	return true;
}
