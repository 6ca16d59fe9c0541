/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/policy_value.h"

#include <assert.h>
#include <string.h>
#include <sys/socket.h>

#include "core/chap.h"
#include "core/name.h"
#include "core/record.h"
#include "util/num.h"
#include "util/suggest.h"

#define WORDS_MAX 16 /* of one key; AB_PORT_TYPE_MAX is the longest list */
_Static_assert(AB_PORT_TYPE_MAX <= WORDS_MAX, "all types fit into a suggestion");

/* One value, or one word of a list, on its way to its type. */
struct item {
	struct ab_sink *sink;
	const struct ab_policy_key *key;
	const char *text; /* without '!' */
	bool negated;
	struct ab_origin origin;
	void *object;
};

const char *ab_sink_string(struct ab_sink *sink, const char *s)
{
	size_t n = strlen(s) + 1;
	char *copy = sink->strings ? sink->strings + sink->strings_len : NULL;

	if (copy)
		memcpy(copy, s, n);
	sink->strings_len += n;
	return copy;
}

static struct ab_text begin_error(const struct item *it)
{
	struct ab_text t = ab_diag_begin(it->sink->diags, AB_DIAG_ERROR,
					 it->origin.file, it->origin.line);

	ab_text_add(&t, it->key->name);
	ab_text_add(&t, ": '");
	ab_diag_word(&t, it->text);
	ab_text_add(&t, "' ");
	return t;
}

static bool bad(const struct item *it, const char *why)
{
	struct ab_text t = begin_error(it);

	ab_text_add(&t, why);
	return false;
}

static void *field(const struct item *it)
{
	return (char *)it->object + it->key->offset;
}

static void extend(struct ab_span *span, uint32_t index)
{
	if (!span->count)
		span->first = index;
	span->count++;
}

/* --- values of fixed size --------------------------------------------------------- */

void ab_value_add_ms(struct ab_text *t, int64_t ms)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = {
		{ "d", 86400000 }, { "h", 3600000 }, { "min", 60000 },
		{ "s", 1000 },	   { "ms", 1 },
	};
	unsigned int i = 0;

	while (ms == 0 || ms % units[i].ms)
		if (++i == sizeof(units) / sizeof(units[0]) - 1)
			break;
	ab_text_addi(t, ms / units[i].ms);
	ab_text_add(t, units[i].name);
}

static bool bad_duration(const struct item *it, int r)
{
	struct ab_text t = begin_error(it);

	if (r == AB_NUM_E_SYNTAX)
		ab_text_add(&t,
			    "is no duration: write a number with its unit, as 500ms, "
			    "10s, 5min or 1h; ");
	else
		ab_text_add(&t, "is out of range: ");
	ab_value_add_ms(&t, it->key->min);
	ab_text_add(&t, " to ");
	ab_value_add_ms(&t, it->key->max);
	if (it->key->type == AB_VALUE_MS_NEVER)
		ab_text_add(&t, ", or never");
	return false;
}

static bool read_ms(const struct item *it)
{
	int64_t ms;
	int r = ab_num_duration(it->text, it->key->min, it->key->max, &ms);

	if (r)
		return bad_duration(it, r);
	*(uint32_t *)field(it) = (uint32_t)ms;
	return true;
}

static bool read_ms_never(const struct item *it)
{
	int64_t ms = -1;
	int r = 0;

	if (!ab_streq(it->text, "never"))
		r = ab_num_duration(it->text, it->key->min, it->key->max, &ms);
	if (r)
		return bad_duration(it, r);
	*(int64_t *)field(it) = ms;
	return true;
}

/* Splits "LOW..HIGH"; one value alone is both. False: LOW does not fit. */
static bool split_range(const char *text, char *first, size_t size,
			const char **ret_second)
{
	const char *dots = text, *second = text;

	while (*dots && !ab_starts_with(dots, ".."))
		dots++;
	if (*dots)
		second = dots + 2;
	while (*second == ' ')
		second++;
	*ret_second = second;
	return ab_copyn(first, size, text, (size_t)(dots - text));
}

static bool read_ms_range(const struct item *it)
{
	const char *second;
	char first[64];
	uint32_t *out = field(it);
	int64_t lo, hi;
	int r;

	if (!split_range(it->text, first, sizeof(first), &second))
		return bad_duration(it, AB_NUM_E_SYNTAX);
	r = ab_num_duration(first, it->key->min, it->key->max, &lo);
	if (!r)
		r = ab_num_duration(second, it->key->min, it->key->max, &hi);
	if (r)
		return bad_duration(it, r);
	if (lo > hi)
		return bad(it, "begins with the longer time: write SHORTEST..LONGEST");
	out[0] = (uint32_t)lo;
	out[1] = (uint32_t)hi;
	return true;
}

static bool bad_number(const struct item *it, int r)
{
	struct ab_text t = begin_error(it);

	ab_text_add(&t, r == AB_NUM_E_SYNTAX ? "is no number: " : "is out of range: ");
	ab_text_addi(&t, it->key->min);
	ab_text_add(&t, " to ");
	ab_text_addi(&t, it->key->max);
	return false;
}

static bool read_number_range(const struct item *it)
{
	uint64_t min = (uint64_t)it->key->min, max = (uint64_t)it->key->max, lo, hi;
	const char *second;
	char first[32];
	uint32_t *out = field(it);
	int r;

	if (!split_range(it->text, first, sizeof(first), &second))
		return bad_number(it, AB_NUM_E_SYNTAX);
	r = ab_num_u64(first, min, max, &lo);
	if (!r)
		r = ab_num_u64(second, min, max, &hi);
	if (r)
		return bad_number(it, r);
	if (lo > hi)
		return bad(it, "begins with the larger number: write FEWEST..MOST");
	out[0] = (uint32_t)lo;
	out[1] = (uint32_t)hi;
	return true;
}

static bool read_number(const struct item *it)
{
	uint64_t v;
	int r = ab_num_u64(it->text, (uint64_t)it->key->min, (uint64_t)it->key->max,
			   &v);

	if (r)
		return bad_number(it, r);
	if (it->key->type == AB_VALUE_U8)
		*(uint8_t *)field(it) = (uint8_t)v;
	else
		*(uint32_t *)field(it) = (uint32_t)v;
	return true;
}

static bool read_bool(const struct item *it)
{
	bool v;

	if (ab_num_bool(it->text, &v))
		return bad(it, "is neither yes nor no");
	*(bool *)field(it) = v;
	return true;
}

/* "is none of a, b, c; did you mean 'b'?" */
static void add_choice(struct ab_text *t, const char *word, const char *const *words)
{
	const char *near;
	size_t n;

	ab_text_add(t, "is none of ");
	for (n = 0; words[n]; n++) {
		if (n)
			ab_text_add(t, ", ");
		ab_text_add(t, words[n]);
	}
	near = ab_suggest(word, words, n);
	if (near) {
		ab_text_add(t, "; did you mean '");
		ab_text_add(t, near);
		ab_text_add(t, "'?");
	}
}

static bool bad_word(const struct item *it, const char *const *words)
{
	struct ab_text t = begin_error(it);

	add_choice(&t, it->text, words);
	return false;
}

static int index_of(const char *const *words, const char *word)
{
	int i;

	for (i = 0; words[i]; i++)
		if (ab_streq(words[i], word))
			return i;
	return -1;
}

/* The index of a word that this version knows, or -1. */
static int take_word(const struct item *it)
{
	int i = index_of(it->key->words, it->text);

	if (i >= 0)
		return i;
	if (it->key->later && ab_streq(it->text, it->key->later))
		(void)bad(it, "is known, but not in this version");
	else
		(void)bad_word(it, it->key->words);
	return -1;
}

static bool read_word(const struct item *it)
{
	int i = take_word(it);

	if (i >= 0)
		*(uint8_t *)field(it) = (uint8_t)i;
	return i >= 0;
}

/* There is one choice only so far, or the text itself is what counts. */
static bool read_checked(const struct item *it)
{
	return take_word(it) >= 0;
}

/* Format is read for its messages only: there is nothing to choose yet. */
static bool read_format(const struct item *it)
{
	return ab_streq(it->text, it->key->words[0]) ||
	       bad(it, "is a configuration language that this version does not know: "
		       "it knows 1");
}

static bool has_nocase(const char *s, const char *part)
{
	for (; *s; s++)
		if (ab_starts_with_nocase(s, part))
			return true;
	return false;
}

static bool read_iface_name(const struct item *it)
{
	const char *p;
	char sample[AB_IFACE_NAME];
	struct ab_text t;

	ab_text_init(&t, sample, sizeof(sample));
	for (p = it->text; *p; p++) {
		if (*p != '%') {
			ab_text_addc(&t, *p);
			continue;
		}
		p++;
		if (*p != 'i' && *p != 'm')
			return bad(it,
				   "has a % that is neither %i (device name) nor %m "
				   "(hardware address)");
		ab_text_addc(&t, '0');
	}
	if (t.len > 32)
		return bad(it, "is longer than 32 characters");
	if (has_nocase(it->text, "ipv6"))
		return bad(it,
			   "contains \"ipv6\": open-iscsi would take the record for "
			   "an IPv6 one by its name");
	if (ab_name_check_iface(sample))
		return bad(it,
			   "is no name for an iface record: A-Z a-z 0-9 . _ : @ - "
			   "only, no dot at the start, not \"default\" or \"iser\"");
	(void)ab_copy(field(it), AB_IFACE_NAME, it->text); /* fits: sample did */
	return true;
}

static bool read_target_name(const struct item *it)
{
	if (ab_name_check_target(it->text))
		return bad(it,
			   "is no iSCSI name: iqn.YYYY-MM.domain[:text], eui. with 16 "
			   "or naa. with 16 or 32 hex digits");
	return ab_copy(field(it), AB_TARGET_NAME, it->text);
}

static bool read_chap(const struct item *it)
{
	if (!ab_chap_is_name(it->text))
		return bad(it, "names no file below chap/: at most 63 letters, digits, "
			       "'.', '_' and '-', no dot first");
	return ab_copy(field(it), AB_CHAP_NAME, it->text);
}

static bool read_text(const struct item *it)
{
	return ab_copy(field(it), AB_POLICY_REASON, it->text) ||
	       bad(it, "is longer than 127 bytes");
}

/* --- items of lists --------------------------------------------------------------- */

static bool add_word(const struct item *it, const char *text)
{
	struct ab_sink *s = it->sink;
	const char *copy = ab_sink_string(s, text);

	if (s->words)
		s->words[s->n_words] =
			(struct ab_word){ copy, it->negated, it->origin };
	extend(field(it), s->n_words++);
	return true;
}

static bool is_glob(const char *s)
{
	for (; *s; s++)
		if (*s == '*' || *s == '?' || *s == '[')
			return true;
	return false;
}

/* Every [ has its ], and no range runs backwards. */
static bool check_glob(const struct item *it)
{
	const char *p, *set;

	for (p = it->text; *p; p++) {
		if (*p != '[')
			continue;
		set = p + 1;
		if (*set == '!' || *set == '^')
			set++;
		for (p = set; *p && (*p != ']' || p == set); p++) {
			if (p[1] != '-' || !p[2] || p[2] == ']')
				continue;
			if ((unsigned char)p[0] > (unsigned char)p[2])
				return bad(it, "has a [range] that runs backwards");
			p += 2;
		}
		if (!*p)
			return bad(it, "has a [ without its ]");
	}
	return true;
}

static bool read_netdev(const struct item *it)
{
	if (!is_glob(it->text) && strchr(it->text, ':'))
		return bad(it,
			   "names an alias: that is an address, not a device; match "
			   "the device, or the address by Address=");
	if (strchr(it->text, '/') ||
	    (!is_glob(it->text) && strlen(it->text) >= AB_NETDEV_NAME))
		return bad(it, "cannot be the name of a network device: at most 15 "
			       "bytes, no /");
	return check_glob(it) && add_word(it, it->text);
}

/* '-' between digits becomes ':', inside [a-f] it stays. */
static bool read_mac(const struct item *it)
{
	char mac[AB_HWADDR_TEXT * 2];
	struct ab_hwaddr hwaddr;
	bool in_set = false;
	struct ab_text t;
	const char *p;

	ab_text_init(&t, mac, sizeof(mac));
	for (p = it->text; *p; p++) {
		char c = ab_lower(*p);

		if (ab_hex_digit(c) < 0 && !strchr(":-*?[]!^", c))
			return bad(it, "has a character that no hardware address has");
		if (c == '[' || c == ']')
			in_set = c == '[';
		ab_text_addc(&t, c == '-' && !in_set ? ':' : c);
	}
	if (t.cut || (!is_glob(mac) && ab_name_parse_hwaddr(mac, &hwaddr)))
		return bad(it,
			   "is no hardware address: six bytes as 00:0f:1f:92:6b:bf, "
			   "or 20 on InfiniBand; or a pattern as 00:0f:1f:*");
	return check_glob(it) && add_word(it, mac);
}

static bool read_glob(const struct item *it)
{
	return check_glob(it) && add_word(it, it->text);
}

static bool read_type(const struct item *it)
{
	const char *names[AB_PORT_TYPE_MAX + 1] = { NULL };
	int i;

	for (i = 0; i < AB_PORT_TYPE_MAX; i++)
		names[i] = ab_port_type_name((enum ab_port_type)i);
	i = index_of(names, it->text);
	if (i < 0)
		return bad_word(it, names);
	if (i == AB_PORT_HBA)
		return bad(it,
			   "is known, but not in this version: offload ports are not "
			   "watched yet");
	return add_word(it, it->text);
}

/* Text in front of the first glob character is the start of an iSCSI name? */
static bool may_be_target(const char *s)
{
	static const char *const starts[] = { "iqn.", "eui.", "naa." };
	unsigned int i, k;

	for (i = 0; i < 3; i++) {
		for (k = 0; k < 4 && ab_lower(s[k]) == starts[i][k]; k++)
			;
		if (k == 4 || (s[k] && strchr("*?[", s[k])))
			return true;
	}
	return false;
}

static bool read_target(const struct item *it)
{
	const char *p;

	for (p = it->text; *p; p++) {
		if (*p == ',')
			return bad(it, "has a comma in it: separate targets by blanks");
		if (!ab_is_alnum(*p) && !strchr(".:_-*?[]!^", *p))
			return bad(it, "has a character that no iSCSI name has");
	}
	if (!may_be_target(it->text))
		return bad(it, "matches no iSCSI name: they start with iqn., eui. or "
			       "naa.");
	return check_glob(it) && add_word(it, it->text);
}

static bool add_range(const struct item *it, const struct ab_net *net, uint16_t port)
{
	struct ab_sink *s = it->sink;

	if (s->ranges)
		s->ranges[s->n_ranges] =
			(struct ab_range){ *net, port, it->negated, it->origin };
	extend(field(it), s->n_ranges++);
	return true;
}

/* Host bits are set in "10.0.0.5/24": says what may be meant. */
static bool bad_host_bits(const struct item *it)
{
	struct ab_text t = begin_error(it);
	struct ab_net net;

	ab_text_add(&t, "is no range: its host bits are set");
	if (ab_name_parse_ifaddr(it->text, &net) == 0) {
		net = ab_net_of(&net);
		ab_text_add(&t, "; did you mean '");
		ab_name_add_net(&t, &net);
		ab_text_add(&t, "'?");
	}
	return false;
}

static bool read_net(const struct item *it)
{
	struct ab_net net;

	if (ab_name_parse_net(it->text, &net) == 0)
		return add_range(it, &net, 0);
	if (ab_name_parse_ifaddr(it->text, &net) == 0)
		return bad_host_bits(it);
	return bad(it, "is no address range: ADDRESS/LENGTH, as 10.0.0.0/24 or "
		       "2001:db8::/64, or an address alone");
}

static bool read_range(const struct item *it)
{
	struct ab_portal portal;
	struct ab_net net;

	if (ab_name_parse_net(it->text, &net) == 0)
		return add_range(it, &net, 0);
	if (ab_name_parse_ifaddr(it->text, &net) == 0)
		return bad_host_bits(it);
	if (ab_name_parse_portal(it->text, &portal))
		return bad(it,
			   strchr(it->text, ',')
				   ? "has a comma in it: separate ranges by blanks"
				   : "is neither a range (10.0.0.0/24) nor an address "
				     "(10.0.0.9, 10.0.0.9:3260, [2001:db8::9]:3260)");
	net = (struct ab_net){ portal.addr, portal.addr.family == AF_INET ? 32 : 128 };
	return add_range(it, &net, portal.port);
}

static bool check_portal(const struct item *it, const struct ab_portal *portal)
{
	if (ab_addr_is_linklocal6(&portal->addr))
		return bad(it, "is link-local: an address without its device is not "
			       "unique; use a global or unique local one");
	if (ab_addr_is_unusable(&portal->addr))
		return bad(it, "can be no portal: loopback, multicast, broadcast or "
			       "unspecified");
	return true;
}

static bool read_portal(const struct item *it)
{
	struct ab_sink *s = it->sink;
	struct ab_portal portal;

	if (ab_name_parse_portal(it->text, &portal))
		return bad(it, strchr(it->text, ',')
				       ? "has a comma in it: separate portals by blanks"
				       : "is no portal: ADDRESS, ADDRESS:PORT or "
					 "[IPV6]:PORT; host names are not looked up");
	if (!check_portal(it, &portal))
		return false;
	if (s->portals) {
		s->portals[s->n_portals] = portal;
		s->portal_origins[s->n_portals] = it->origin;
	}
	extend(field(it), s->n_portals++);
	return true;
}

static bool read_static(const struct item *it)
{
	struct ab_static_target st = { .tpgt = AB_TPGT_UNKNOWN, .origin = it->origin };
	const char *at = strchr(it->text, '@');
	struct ab_sink *s = it->sink;

	if (!at || ab_name_parse_portal_tpgt(at + 1, &st.portal, &st.tpgt))
		return bad(it, "is no static target: IQN@ADDRESS:PORT,TPGT, as "
			       "iqn.2001-05.com.example:disk1@10.0.0.9:3260,1");
	if (!ab_copyn(st.target, sizeof(st.target), it->text,
		      (size_t)(at - it->text)) ||
	    ab_name_check_target(st.target))
		return bad(it, "has no iSCSI name in front of the @");
	if (!check_portal(it, &st.portal))
		return false;
	if (s->statics)
		s->statics[s->n_statics] = st;
	extend(field(it), s->n_statics++);
	return true;
}

typedef bool read_fn(const struct item *it);

static read_fn *const readers[] = {
	[AB_VALUE_BOOL] = read_bool,
	[AB_VALUE_WORD] = read_word,
	[AB_VALUE_CHECKED] = read_checked,
	[AB_VALUE_U8] = read_number,
	[AB_VALUE_U32] = read_number,
	[AB_VALUE_U32_RANGE] = read_number_range,
	[AB_VALUE_MS] = read_ms,
	[AB_VALUE_MS_RANGE] = read_ms_range,
	[AB_VALUE_MS_NEVER] = read_ms_never,
	[AB_VALUE_IFACE_NAME] = read_iface_name,
	[AB_VALUE_TARGET_NAME] = read_target_name,
	[AB_VALUE_CHAP] = read_chap,
	[AB_VALUE_TEXT] = read_text,
	[AB_VALUE_FORMAT] = read_format,
	[AB_VALUE_NETDEVS] = read_netdev,
	[AB_VALUE_MACS] = read_mac,
	[AB_VALUE_GLOBS] = read_glob,
	[AB_VALUE_TYPES] = read_type,
	[AB_VALUE_MASTERS] = read_netdev, /* "none" reads as a name */
	[AB_VALUE_TARGETS] = read_target,
	[AB_VALUE_NETS] = read_net,
	[AB_VALUE_RANGES] = read_range,
	[AB_VALUE_PORTALS] = read_portal,
	[AB_VALUE_STATICS] = read_static,
};

/* Copies the next word of a list and moves *s behind it; false at the end. */
static bool next_word(const char **s, bool is_portals, char *word)
{
	const char *p = *s, *stops = is_portals ? " \t" : " \t,";
	size_t n = 0;

	while (*p && strchr(" \t,", *p))
		p++;
	while (p[n] && !strchr(stops, p[n]))
		n++;
	*s = p + n;
	while (n && p[n - 1] == ',')
		n--;
	memcpy(word, p, n);
	word[n] = '\0';
	return n > 0;
}

static bool read_list(const struct item *list, const char *value)
{
	struct item it = *list;
	/* IQN@ADDRESS:PORT,TPGT has a comma of its own. */
	bool is_portals =
		ab_streq(it.key->section, "Portals") || it.key->type == AB_VALUE_RANGES;
	bool can_negate =
		it.key->type != AB_VALUE_PORTALS && it.key->type != AB_VALUE_STATICS;
	char word[AB_SCAN_LINE + 1];
	bool is_good = true;

	assert(strlen(value) < sizeof(word));
	while (next_word(&value, is_portals, word)) {
		it.text = word;
		it.negated = can_negate && word[0] == '!';
		if (it.negated)
			it.text++;
		if (!*it.text) {
			it.text = word;
			is_good = bad(&it, "has nothing behind it: write !VALUE");
			continue;
		}
		if (!readers[it.key->type](&it))
			is_good = false;
	}
	return is_good;
}

bool ab_value_read(struct ab_sink *sink, const struct ab_policy_key *key,
		   const char *value, struct ab_origin origin, void *object)
{
	struct item it = { sink, key, value, false, origin, object };

	assert(key->type != AB_VALUE_LATER);
	if (key->type >= AB_VALUE_LIST)
		return read_list(&it, value);
	return readers[key->type](&it);
}

/* Each setting is a key of node records; a test compares the two tables. */
static enum ab_key record_key_of(const struct ab_node_setting_key *setting)
{
	int key = ab_record_find(AB_RECORD_KIND_NODE, setting->name,
				 strlen(setting->name));

	assert(key >= 0);
	return (enum ab_key)key;
}

/* "MD5|SHA1" as people write it. */
static void add_words(struct ab_text *t, const char *words)
{
	for (; *words; words++) {
		if (*words == '|')
			ab_text_add(t, ", ");
		else
			ab_text_addc(t, *words);
	}
}

/* Why a record cannot hold a value that its row in the table allows. */
static void add_reason(struct ab_text *t, const struct ab_record_key *key,
		       enum ab_record_reason reason)
{
	if (reason == AB_RECORD_R_CUT) {
		ab_text_add(t, "is longer than the ");
		ab_text_addu(t, key->size - 1u);
		ab_text_add(t, " bytes that open-iscsi keeps");
	} else if (reason == AB_RECORD_R_BAD_WORD) {
		ab_text_add(t, "has a word twice, or one that is none of ");
		add_words(t, key->words);
	} else if (reason == AB_RECORD_R_BAD_NUMBER) {
		ab_text_add(t, "has zeros or a sign that open-iscsi does not write: "
			       "remove them");
	} else {
		ab_text_add(t, "begins or ends with a blank, which a record cannot "
			       "hold: remove it");
	}
}

static void bad_setting(struct ab_sink *sink, const struct ab_node_setting_key *key,
			const char *value, struct ab_origin origin,
			enum ab_record_reason reason)
{
	struct ab_text t =
		ab_diag_begin(sink->diags, AB_DIAG_ERROR, origin.file, origin.line);

	ab_text_add(&t, key->name);
	ab_text_add(&t, ": '");
	ab_diag_word(&t, value);
	ab_text_add(&t, "' ");
	if (reason != AB_RECORD_R_NONE) {
		add_reason(&t, ab_record_key(record_key_of(key)), reason);
	} else if (key->type == AB_SETTING_WORD) {
		add_choice(&t, value, key->words);
	} else {
		ab_text_add(&t, "is no number from ");
		ab_text_addi(&t, key->min);
		ab_text_add(&t, " to ");
		ab_text_addi(&t, key->max);
	}
}

bool ab_value_check_setting(struct ab_sink *sink, const struct ab_node_setting_key *key,
			    const char *value, struct ab_origin origin)
{
	int reason = AB_RECORD_R_NONE;
	bool is_good = true;
	int64_t number;

	if (key->type == AB_SETTING_WORD)
		is_good = index_of(key->words, value) >= 0;
	else if (key->type == AB_SETTING_NUMBER)
		is_good = ab_num_i64(value, key->min, key->max, &number) == 0;
	else
		assert(key->type == AB_SETTING_TEXT);
	/* What passes here must not be refused when the record is written. */
	if (is_good)
		reason = ab_record_check(record_key_of(key), value);
	if (is_good && reason == AB_RECORD_R_NONE)
		return true;
	bad_setting(sink, key, value, origin, (enum ab_record_reason)reason);
	return false;
}
