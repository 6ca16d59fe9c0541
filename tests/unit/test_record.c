/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ab_test.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "core/name.h"
#include "core/record.h"

/* Findings of one parse, as "line:reason:key" words. */
struct heard {
	char buf[1024];
	struct ab_text t;
};

static void hear(void *arg, const struct ab_record_problem *p)
{
	struct heard *h = arg;

	ab_text_add(&h->t, h->t.len ? " " : "");
	ab_text_addu(&h->t, p->line);
	ab_text_addc(&h->t, ':');
	ab_text_addu(&h->t, p->reason);
	if (p->key) {
		ab_text_addc(&h->t, ':');
		ab_text_addn(&h->t, p->key, p->key_len);
	}
}

static struct heard *new_heard(void)
{
	static struct heard h;

	ab_text_init(&h.t, h.buf, sizeof(h.buf));
	return &h;
}

#define MINIMAL                                                                        \
	"node.name = iqn.2020-01.com.example:t\nnode.tpgt = 1\n"                       \
	"iface.iscsi_ifacename = ab-eth0\nnode.conn[0].address = 10.0.0.1\n"

static enum ab_record_state parse(struct ab_record *rec, enum ab_record_kind kind,
				  const char *text, struct heard *h)
{
	return ab_record_parse(rec, kind, text, strlen(text), hear, h);
}

/* One line more in a sound node record: what is read, what is said about it. */
static void lines_are_read_as_open_iscsi_reads_them(void **state)
{
	static const struct {
		const char *what, *line;
		enum ab_key key;
		const char *value, *heard;
	} rows[] = {
		{ "plain", "node.session.queue_depth = 33", AB_KEY_SESSION_QUEUE_DEPTH,
		  "33", "" },
		{ "missing", "", AB_KEY_SESSION_QUEUE_DEPTH, "32", "" },
		{ "no blank behind", "node.session.queue_depth =33",
		  AB_KEY_SESSION_QUEUE_DEPTH, "33", "" },
		{ "no blank before", "node.session.queue_depth= 33",
		  AB_KEY_SESSION_QUEUE_DEPTH, "32", "5:1:node.session.queue_depth" },
		{ "no blank at all", "node.session.queue_depth=33",
		  AB_KEY_SESSION_QUEUE_DEPTH, "32", "5:1:node.session.queue_depth" },
		{ "tabs and blanks", " \tnode.session.queue_depth\t =\t 33 \r",
		  AB_KEY_SESSION_QUEUE_DEPTH, "33", "" },
		{ "two words before", "node.session.queue_depth 1 = 33",
		  AB_KEY_SESSION_QUEUE_DEPTH, "32", "5:1:node.session.queue_depth" },
		{ "no value", "node.session.queue_depth =", AB_KEY_SESSION_QUEUE_DEPTH,
		  "32", "5:2:node.session.queue_depth" },
		{ "no name", "== 33", AB_KEY_SESSION_QUEUE_DEPTH, "32", "5:1" },
		{ "comment", "# node.session.queue_depth = 33",
		  AB_KEY_SESSION_QUEUE_DEPTH, "32", "" },
		{ "text behind a number", "node.session.queue_depth = 33 # many",
		  AB_KEY_SESSION_QUEUE_DEPTH, "33", "5:8:node.session.queue_depth" },
		{ "no number", "node.session.queue_depth = many",
		  AB_KEY_SESSION_QUEUE_DEPTH, "0", "5:8:node.session.queue_depth" },
		{ "hexadecimal", "node.session.queue_depth = 0x10",
		  AB_KEY_SESSION_QUEUE_DEPTH, "0", "5:8:node.session.queue_depth" },
		{ "leading zero", "node.session.queue_depth = 010",
		  AB_KEY_SESSION_QUEUE_DEPTH, "10", "5:8:node.session.queue_depth" },
		{ "plus", "node.session.queue_depth = +38", AB_KEY_SESSION_QUEUE_DEPTH,
		  "38", "5:8:node.session.queue_depth" },
		{ "negative", "node.session.timeo.replacement_timeout = -1",
		  AB_KEY_SESSION_REPLACEMENT_TIMEOUT, "-1", "" },
		{ "wraps at 2^32", "node.session.queue_depth = 4294967297",
		  AB_KEY_SESSION_QUEUE_DEPTH, "1", "5:8:node.session.queue_depth" },
		{ "saturates at 2^64",
		  "node.session.queue_depth = 99999999999999999999999",
		  AB_KEY_SESSION_QUEUE_DEPTH, "-1", "5:8:node.session.queue_depth" },
		{ "largest", "node.session.queue_depth = 2147483647",
		  AB_KEY_SESSION_QUEUE_DEPTH, "2147483647", "" },
		{ "16 bit", "iface.vlan_id = 70000", AB_KEY_IFACE_VLAN_ID, "4464",
		  "5:8:iface.vlan_id" },
		{ "16 bit, largest", "iface.vlan_id = 65535", AB_KEY_IFACE_VLAN_ID,
		  "65535", "" },
		{ "8 bit", "iface.tos = 300", AB_KEY_IFACE_TOS, "44", "5:8:iface.tos" },
		{ "32 bit", "iface.max_burst_len = 4294967295",
		  AB_KEY_IFACE_MAX_BURST_LEN, "4294967295", "" },
		{ "word", "node.startup = onboot", AB_KEY_NODE_STARTUP, "onboot", "" },
		{ "other word", "node.startup = perhaps", AB_KEY_NODE_STARTUP, "manual",
		  "5:9:node.startup" },
		{ "case counts", "node.startup = Automatic", AB_KEY_NODE_STARTUP,
		  "manual", "5:9:node.startup" },
		{ "part of a word", "node.startup = auto", AB_KEY_NODE_STARTUP,
		  "manual", "5:9:node.startup" },
		{ "word with a comma", "node.conn[0].iscsi.HeaderDigest = CRC32C,None",
		  AB_KEY_CONN_HEADERDIGEST, "CRC32C,None", "" },
		{ "list", "node.session.auth.chap_algs = SHA256, MD5 ,SHA1",
		  AB_KEY_AUTH_CHAP_ALGS, "SHA256,MD5,SHA1", "" },
		{ "list with others and twice",
		  "node.session.auth.chap_algs = SHA256,x,MD5,MD5",
		  AB_KEY_AUTH_CHAP_ALGS, "SHA256,MD5",
		  "5:9:node.session.auth.chap_algs" },
		{ "list of others", "node.session.auth.chap_algs = x,,",
		  AB_KEY_AUTH_CHAP_ALGS, "MD5", "5:9:node.session.auth.chap_algs" },
		{ "value with blanks and =", "node.session.auth.password = a b = c #d",
		  AB_KEY_AUTH_PASSWORD, "a b = c #d", "" },
		{ "cut", "iface.net_ifacename = abcdefghijklmnopqrstuvwxyz",
		  AB_KEY_IFACE_NET_IFACENAME, "abcdefghijklmno",
		  "5:6:iface.net_ifacename" },
		{ "cut at a blank", "iface.net_ifacename = abcdefghijklmn pqrstuvwxyz",
		  AB_KEY_IFACE_NET_IFACENAME, "abcdefghijklmn",
		  "5:6:iface.net_ifacename" },
		{ "literal <empty>", "iface.net_ifacename = <empty>",
		  AB_KEY_IFACE_NET_IFACENAME, "<empty>", "" },
		{ "unknown", "node.session.future = 1", AB_KEY_SESSION_QUEUE_DEPTH,
		  "32", "5:7:node.session.future" },
		{ "key of another kind", "discovery.sendtargets.port = 1",
		  AB_KEY_CONN_PORT, "3260", "5:7:discovery.sendtargets.port" },
		{ "another connection", "node.conn[1].port = 1", AB_KEY_CONN_PORT,
		  "3260", "5:7:node.conn[1].port" },
	};
	struct ab_record rec;
	char text[2048];

	(void)state;
	for (size_t i = 0; i < AB_COUNT(rows); i++) {
		struct heard *h = new_heard();
		struct ab_text t;

		ab_text_init(&t, text, sizeof(text));
		ab_text_add(&t, MINIMAL);
		ab_text_add(&t, rows[i].line);
		ab_text_add(&t, "\n");
		ab_assert_row(rows[i].what, parse(&rec, AB_RECORD_KIND_NODE, text, h) ==
						    AB_RECORD_OK);
		ab_assert_row(rows[i].what, ab_streq(ab_record_get(&rec, rows[i].key),
						     rows[i].value));
		ab_assert_row(rows[i].what, ab_streq(h->buf, rows[i].heard));
	}
}

static void limits_of_lines_names_and_values(void **state)
{
	static const struct {
		const char *what;
		size_t n_name, n_value;
		const char *heard;
	} rows[] = {
		{ "longest name", 127, 1, "5:7" },
		{ "name too long", 128, 1, "5:4" },
		{ "longest value", 10, 255, "5:7" },
		{ "value too long", 10, 256, "5:5" },
		{ "longest line", 10, 2033, "5:5" },
		{ "line too long", 10, 2034, "5:3" },
	};
	struct ab_record rec;
	char text[4096];

	(void)state;
	for (size_t i = 0; i < AB_COUNT(rows); i++) {
		struct heard *h = new_heard();
		struct ab_text t;

		ab_text_init(&t, text, sizeof(text));
		ab_text_add(&t, MINIMAL);
		for (size_t k = 0; k < rows[i].n_name; k++)
			ab_text_addc(&t, 'n');
		ab_text_add(&t, " = ");
		for (size_t k = 0; k < rows[i].n_value; k++)
			ab_text_addc(&t, 'v');
		ab_text_addc(&t, '\n');
		ab_assert_row(rows[i].what, parse(&rec, AB_RECORD_KIND_NODE, text, h) ==
						    AB_RECORD_OK);
		ab_assert_row(rows[i].what, ab_starts_with(h->buf, rows[i].heard));
	}
}

static void broken_records_are_told_from_sound_ones(void **state)
{
	static const struct {
		const char *what, *text;
		enum ab_record_kind kind;
		enum ab_record_state state;
		const char *heard;
	} rows[] = {
		{ "minimal node", MINIMAL, AB_RECORD_KIND_NODE, AB_RECORD_OK, "" },
		{ "minimal iface", "iface.iscsi_ifacename = x\n", AB_RECORD_KIND_IFACE,
		  AB_RECORD_OK, "" },
		{ "with both ends", "# BEGIN RECORD 2.1.8\n" MINIMAL "# END RECORD\n",
		  AB_RECORD_KIND_NODE, AB_RECORD_OK, "" },
		{ "end without line break",
		  "# BEGIN RECORD 2.1.8\n" MINIMAL "# END RECORD", AB_RECORD_KIND_NODE,
		  AB_RECORD_OK, "" },
		{ "cut off", "# BEGIN RECORD 2.1.8\n" MINIMAL, AB_RECORD_KIND_NODE,
		  AB_RECORD_BROKEN, "0:14" },
		{ "empty", "", AB_RECORD_KIND_NODE, AB_RECORD_BROKEN, "0:12" },
		{ "only comments", "# hello\n", AB_RECORD_KIND_NODE, AB_RECORD_BROKEN,
		  "0:12" },
		{ "no address", "node.name = iqn.2020-01.com.example:t\n",
		  AB_RECORD_KIND_NODE, AB_RECORD_BROKEN, "0:15" },
		{ "an iface is no node", "iface.iscsi_ifacename = x\n",
		  AB_RECORD_KIND_NODE, AB_RECORD_BROKEN, "0:15" },
		{ "no last line break", MINIMAL "node.tpgt = 2", AB_RECORD_KIND_NODE,
		  AB_RECORD_OK, "5:11" },
	};
	struct ab_record rec;

	(void)state;
	for (size_t i = 0; i < AB_COUNT(rows); i++) {
		struct heard *h = new_heard();

		ab_assert_row(rows[i].what, parse(&rec, rows[i].kind, rows[i].text,
						  h) == rows[i].state);
		ab_assert_row(rows[i].what, ab_streq(h->buf, rows[i].heard));
	}
	assert_int_equal(
		ab_record_parse(&rec, AB_RECORD_KIND_NODE, "a = b\0c", 7, NULL, NULL),
		AB_RECORD_BROKEN);
}

static uint64_t hash_of(const char *text)
{
	struct ab_record rec;

	(void)ab_record_parse(&rec, AB_RECORD_KIND_NODE, text, strlen(text), NULL,
			      NULL);
	return ab_record_hash(&rec);
}

static void the_mark_follows_the_content_only(void **state)
{
	uint64_t mark = hash_of(MINIMAL);

	(void)state;
	assert_int_equal(mark, hash_of("# BEGIN RECORD 9\n" MINIMAL "# END RECORD\n"));
	assert_int_equal(mark, hash_of(MINIMAL "node.startup = manual\n"));
	assert_int_equal(mark, hash_of(MINIMAL "iface.mtu = 0\n"));
	assert_int_equal(mark,
			 hash_of("node.session.auth.password_length = 5\n" MINIMAL));
	/* its default is -20 up to 2.1.9 */
	assert_int_equal(mark,
			 hash_of(MINIMAL "node.session.xmit_thread_priority = -20\n"));
	assert_int_not_equal(mark, hash_of(MINIMAL "node.startup = automatic\n"));
	assert_int_not_equal(mark, hash_of(MINIMAL "node.tpgt = 2\n"));
	assert_int_not_equal(mark, hash_of(MINIMAL "node.session.future = 1\n"));
	assert_int_not_equal(hash_of(MINIMAL "node.session.future = 1\n"),
			     hash_of(MINIMAL "node.session.future = 2\n"));
}

/* Who has the mark, from a ledger or a recording, cannot try passwords on it. */
static void the_mark_tells_no_secret(void **state)
{
	static const char *const keys[] = {
		"node.session.auth.password", "node.session.auth.password_in",
		"node.session.auth.passwort", /* mistyped */
		"node.session.chap_auth_key", /* of a later release */
	};
	char a[512], b[512];
	struct ab_record one, two;
	unsigned int i;

	(void)state;
	for (i = 0; i < AB_COUNT(keys); i++) {
		(void)snprintf(a, sizeof(a), MINIMAL "%s = a\n", keys[i]);
		(void)snprintf(b, sizeof(b), MINIMAL "%s = b\n", keys[i]);
		ab_assert_row(keys[i], hash_of(a) == hash_of(b));
		ab_assert_row(keys[i], hash_of(a) != hash_of(MINIMAL));
		(void)parse(&one, AB_RECORD_KIND_NODE, a, new_heard());
		(void)parse(&two, AB_RECORD_KIND_NODE, b, new_heard());
		ab_assert_row(keys[i], ab_record_same_secrets(&one, &one));
		ab_assert_row(keys[i], i > 1 || !ab_record_same_secrets(&one, &two));
	}
	/* Names are no secrets. */
	assert_int_not_equal(hash_of(MINIMAL "node.session.auth.username = a\n"),
			     hash_of(MINIMAL "node.session.auth.username = b\n"));
}

/* A mark lives in the ledger of running hosts: it must not change with a release. */
static void the_mark_of_a_known_record_is_frozen(void **state)
{
	(void)state;
	assert_int_equal(hash_of(MINIMAL "node.session.queue_depth = 7\n"
					 "node.session.future = 1\n"),
			 UINT64_C(0x8f70ff501b9e498f));
}

static void unknown_lines_are_kept_and_printed_again(void **state)
{
	struct ab_record rec;
	char buf[AB_RECORD_TEXT];
	struct ab_text t;

	(void)state;
	(void)parse(&rec, AB_RECORD_KIND_NODE, MINIMAL "a.b  =  c d\nx = y\n",
		    new_heard());
	assert_int_equal(rec.n_unknown, 2);
	ab_text_init(&t, buf, sizeof(buf));
	ab_record_print(&rec, NULL, &t);
	assert_string_equal(buf,
			    "# BEGIN RECORD 2.0-871\n"
			    "node.name = iqn.2020-01.com.example:t\nnode.tpgt = 1\n"
			    "iface.iscsi_ifacename = ab-eth0\n"
			    "node.conn[0].address = 10.0.0.1\n"
			    "a.b = c d\nx = y\n# END RECORD\n");
}

static void what_cannot_stand_on_a_line_is_refused(void **state)
{
	static const struct {
		const char *what, *value;
		enum ab_key key;
		int r;
	} rows[] = {
		{ "plain", "joe", AB_KEY_AUTH_USERNAME, 0 },
		{ "line break", "joe\nnode.startup = automatic", AB_KEY_AUTH_USERNAME,
		  AB_RECORD_R_BAD_TEXT },
		{ "blank in front", " joe", AB_KEY_AUTH_USERNAME,
		  AB_RECORD_R_BAD_TEXT },
		{ "blank behind", "joe ", AB_KEY_AUTH_USERNAME, AB_RECORD_R_BAD_TEXT },
		{ "blank inside", "joe doe", AB_KEY_AUTH_USERNAME, 0 },
		{ "tab inside", "joe\tdoe", AB_KEY_AUTH_USERNAME,
		  AB_RECORD_R_BAD_TEXT },
		{ "too long", "abcdefghijklmnop", AB_KEY_IFACE_NET_IFACENAME,
		  AB_RECORD_R_CUT },
		{ "number", "5", AB_KEY_SESSION_QUEUE_DEPTH, 0 },
		{ "no number", "5x", AB_KEY_SESSION_QUEUE_DEPTH,
		  AB_RECORD_R_BAD_NUMBER },
		{ "too large", "70000", AB_KEY_IFACE_MTU, AB_RECORD_R_BAD_NUMBER },
		{ "word", "Yes", AB_KEY_SESSION_FASTABORT, 0 },
		{ "no word", "yes", AB_KEY_SESSION_FASTABORT, AB_RECORD_R_BAD_WORD },
		{ "list", "SHA256,MD5", AB_KEY_AUTH_CHAP_ALGS, 0 },
		{ "no list", "SHA256,MD4", AB_KEY_AUTH_CHAP_ALGS,
		  AB_RECORD_R_BAD_WORD },
		{ "key of another kind", "1", AB_KEY_ST_PORT, AB_RECORD_R_UNKNOWN_KEY },
	};
	struct ab_record rec;

	(void)state;
	for (size_t i = 0; i < AB_COUNT(rows); i++) {
		ab_record_clear(&rec, AB_RECORD_KIND_NODE);
		ab_assert_row(rows[i].what,
			      ab_record_set_value(&rec, rows[i].key, rows[i].value) ==
				      rows[i].r);
		ab_assert_row(rows[i].what, ab_record_is_given(&rec, rows[i].key) ==
						    (rows[i].r == 0));
	}
	ab_record_clear(&rec, AB_RECORD_KIND_NODE);
	assert_int_equal(ab_record_set_value(&rec, AB_KEY_AUTH_USERNAME, "joe"), 0);
	assert_int_equal(ab_record_set_value(&rec, AB_KEY_AUTH_USERNAME, ""), 0);
	assert_false(ab_record_is_given(&rec, AB_KEY_AUTH_USERNAME));
}

static void iscsid_conf_gives_settings_but_no_identity(void **state)
{
	static const char conf[] =
		"iscsid.startup = /bin/true\n"
		"node.name = evil\nnode.tpgt = 9\nnode.conn[0].address = 6.6.6.6\n"
		"node.session.queue_depth = 64\niface.mtu = 9000\n"
		"node.session.unknown = 1\nother=line\n"
		"discovery.sendtargets.reopen_max = 1\n"
		"node.session.auth.chap_algs = SHA256\n";
	struct heard *h = new_heard();
	struct ab_record rec;

	(void)state;
	ab_record_clear(&rec, AB_RECORD_KIND_NODE);
	ab_record_overlay_conf(&rec, conf, strlen(conf), hear, h);
	assert_string_equal(h->buf, "7:7:node.session.unknown");
	assert_string_equal(ab_record_get(&rec, AB_KEY_NODE_NAME), "");
	assert_int_equal(ab_record_get_int(&rec, AB_KEY_NODE_TPGT), -1);
	assert_string_equal(ab_record_get(&rec, AB_KEY_CONN_ADDRESS), "");
	assert_int_equal(ab_record_get_int(&rec, AB_KEY_SESSION_QUEUE_DEPTH), 64);
	assert_int_equal(ab_record_get_int(&rec, AB_KEY_IFACE_MTU), 9000);
	assert_int_equal(rec.n_unknown, 0);

	h = new_heard();
	ab_record_clear(&rec, AB_RECORD_KIND_ST);
	ab_record_overlay_conf(&rec, conf, strlen(conf), hear, h);
	assert_string_equal(h->buf, "");
	assert_int_equal(ab_record_get_int(&rec, AB_KEY_ST_REOPEN_MAX), 1);
	assert_string_equal(ab_record_get(&rec, AB_KEY_AUTH_CHAP_ALGS), "SHA256");
}

static void bindings_and_node_keys_go_in_and_come_out(void **state)
{
	const struct ab_binding b = { .iface = "ab-eth0",
				      .transport = "tcp",
				      .netdev = "eth0",
				      .hwaddr = "00:0f:1f:92:6b:bf",
				      .initiatorname = "iqn.2020-01.com.example:i" };
	struct ab_node_key key, back;
	struct ab_record iface, node;
	struct ab_binding out;

	(void)state;
	assert_int_equal(ab_record_from_binding(&iface, &b), 0);
	assert_int_equal(ab_record_set_value(&iface, AB_KEY_IFACE_PREFIX_LEN, "24"), 0);
	ab_record_clear(&node, AB_RECORD_KIND_NODE);
	ab_record_copy_iface(&node, &iface);
	assert_false(ab_record_is_given(&node, AB_KEY_IFACE_PREFIX_LEN));
	assert_true(ab_record_binding(&node, &out));
	assert_memory_equal(&out, &b, sizeof(b));

	memset(&key, 0, sizeof(key));
	(void)ab_copy(key.target, sizeof(key.target), "iqn.2020-01.com.example:t");
	(void)ab_copy(key.iface, sizeof(key.iface), "ab-eth0");
	assert_int_equal(ab_name_parse_portal("[2001:DB8:0::1]:3261", &key.portal), 0);
	for (int tpgt = -1; tpgt < 2; tpgt++) {
		key.tpgt = tpgt;
		assert_int_equal(ab_record_set_node_key(&node, &key), 0);
		assert_string_equal(ab_record_get(&node, AB_KEY_CONN_ADDRESS),
				    "2001:db8::1");
		assert_true(ab_record_node_key(&node, &back));
		assert_memory_equal(&back, &key, sizeof(key));
	}
	assert_int_equal(ab_record_set_value(&node, AB_KEY_CONN_ADDRESS, "san"), 0);
	assert_false(ab_record_node_key(&node, &back));
	assert_int_equal(
		ab_record_set_value(&node, AB_KEY_CONN_ADDRESS, "fe80::1%eth0"), 0);
	assert_false(ab_record_node_key(&node, &back));
}

/* open-iscsi guesses the family of an iface; a key of the other one is unknown to it.
 */
static void keys_of_the_other_family_are_not_written(void **state)
{
	static const struct {
		const char *what, *name, *addr, *bootproto;
		bool is_v6;
	} rows[] = {
		{ "plain", "ab-eth0", "", "", false },
		{ "ipv6 in the name", "my-ipv6-if", "", "", true },
		{ "IPv4 address", "my-ipv6-if", "10.0.0.1", "", false },
		{ "IPv6 address", "ab-eth0", "2001:db8::1", "", true },
		{ "DHCP", "ab-eth0", "2001", "dhcp", false },
	};
	char buf[AB_RECORD_TEXT];
	struct ab_record rec;
	struct ab_text t;

	(void)state;
	for (size_t i = 0; i < AB_COUNT(rows); i++) {
		ab_record_clear(&rec, AB_RECORD_KIND_IFACE);
		(void)ab_record_set_value(&rec, AB_KEY_IFACE_NAME, rows[i].name);
		(void)ab_record_set_value(&rec, AB_KEY_IFACE_IPADDRESS, rows[i].addr);
		(void)ab_record_set_value(&rec, AB_KEY_IFACE_BOOTPROTO,
					  rows[i].bootproto);
		(void)ab_record_set_value(&rec, AB_KEY_IFACE_GATEWAY, "g");
		(void)ab_record_set_value(&rec, AB_KEY_IFACE_IPV6_ROUTER, "r");
		ab_text_init(&t, buf, sizeof(buf));
		ab_record_print(&rec, NULL, &t);
		ab_assert_row(rows[i].what,
			      (strstr(buf, "iface.gateway") == NULL) == rows[i].is_v6);
		ab_assert_row(rows[i].what, (strstr(buf, "iface.ipv6_router") !=
					     NULL) == rows[i].is_v6);
	}
}

static void the_fullest_record_fits(void **state)
{
	char value[AB_RECORD_VALUE_MAX + 1], buf[AB_RECORD_TEXT];
	struct ab_record rec, back;
	struct ab_text t;

	(void)state;
	ab_record_clear(&rec, AB_RECORD_KIND_NODE);
	for (unsigned int k = 0; k < AB_KEY_MAX; k++) {
		const struct ab_record_key *key = ab_record_key(k);

		if (!(key->kinds & AB_RECORD_IN_NODE) || key->type != AB_RECORD_T_TEXT)
			continue;
		memset(value, 'x', sizeof(value));
		value[key->size - 1] = '\0';
		assert_int_equal(ab_record_set_value(&rec, k, value), 0);
	}
	ab_text_init(&t, buf, sizeof(buf));
	ab_record_print(&rec, NULL, &t);
	assert_false(t.cut);
	assert_int_equal(
		ab_record_parse(&back, AB_RECORD_KIND_NODE, buf, t.len, NULL, NULL),
		AB_RECORD_OK);
	(void)ab_record_hash(&rec);
	/* IPv6 keys were dropped, as open-iscsi drops them. */
	assert_string_equal(ab_record_get(&back, AB_KEY_AUTH_PASSWORD),
			    ab_record_get(&rec, AB_KEY_AUTH_PASSWORD));
}

static void every_key_has_a_sound_table_line(void **state)
{
	(void)state;
	for (unsigned int k = 0; k < AB_KEY_MAX; k++) {
		const struct ab_record_key *key = ab_record_key(k);
		struct ab_record rec;

		for (int kind = 0; kind < AB_RECORD_KIND_MAX; kind++) {
			int found = ab_record_find((enum ab_record_kind)kind, key->name,
						   key->name_len);

			assert_int_equal(found, key->kinds >> kind & 1 ? (int)k : -1);
			if (found < 0)
				continue;
			ab_record_clear(&rec, (enum ab_record_kind)kind);
			assert_int_equal(ab_record_set_value(&rec, k, key->def), 0);
			assert_string_equal(ab_record_get(&rec, k), key->def);
		}
		assert_int_equal(ab_record_check(k, key->def), 0);
		assert_true(key->name_len <= AB_RECORD_NAME_MAX);
		assert_true(key->size <= AB_RECORD_VALUE_MAX + 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_read_as_open_iscsi_reads_them),
		cmocka_unit_test(limits_of_lines_names_and_values),
		cmocka_unit_test(broken_records_are_told_from_sound_ones),
		cmocka_unit_test(the_mark_follows_the_content_only),
		cmocka_unit_test(the_mark_tells_no_secret),
		cmocka_unit_test(the_mark_of_a_known_record_is_frozen),
		cmocka_unit_test(unknown_lines_are_kept_and_printed_again),
		cmocka_unit_test(what_cannot_stand_on_a_line_is_refused),
		cmocka_unit_test(iscsid_conf_gives_settings_but_no_identity),
		cmocka_unit_test(bindings_and_node_keys_go_in_and_come_out),
		cmocka_unit_test(keys_of_the_other_family_are_not_written),
		cmocka_unit_test(the_fullest_record_fits),
		cmocka_unit_test(every_key_has_a_sound_table_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
