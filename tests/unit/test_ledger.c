/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ledger's text: exact round trip, and every kind of damage is noticed. The
 * ledger's file over a restart of the host. */
#include <setjmp.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/ledger.h"
#include "io/ledger_file.h"
#include "util/hash.h"

#define MAX 64

struct book {
	struct ab_ledger_entry v[MAX];
	unsigned int n;
};

static void collect(void *arg, const struct ab_ledger_entry *e)
{
	struct book *b = arg;

	assert_true(b->n < MAX);
	b->v[b->n++] = *e;
}

static struct ab_ledger_entry iface_entry(const char *name, enum ab_owner owner)
{
	struct ab_ledger_entry e;

	memset(&e, 0, sizeof(e));
	e.kind = AB_LEDGER_IFACE;
	e.owner = (uint8_t)owner;
	e.hash = UINT64_C(0x0123456789abcdef);
	assert_true(ab_copy(e.iface.name, sizeof(e.iface.name), name));
	e.iface.port.type = AB_PORT_VLAN;
	e.iface.port.vlan_id = 4095;
	e.iface.port.perm_hwaddr.len = 6;
	memcpy(e.iface.port.perm_hwaddr.bytes, "\x02\x00\xff\x10\x20\x30", 6);
	(void)ab_copy(e.iface.port.id_path, sizeof(e.iface.port.id_path),
		      "pci-0000:03:00.0");
	(void)ab_copy(e.iface.port.name, sizeof(e.iface.port.name), "ens1f0.7");
	return e;
}

/* Its port is gone. */
static struct ab_ledger_entry retiring_entry(const char *name)
{
	struct ab_ledger_entry e = iface_entry(name, AB_OWNER_OURS);

	e.iface.can_retire = true;
	e.iface.retire_ms = 600000;
	e.iface.orphan_ms = 12345;
	e.boot = UINT64_C(0xabcdef);
	return e;
}

static struct ab_ledger_entry node_entry(const char *target, uint8_t family)
{
	struct ab_ledger_entry e;

	memset(&e, 0, sizeof(e));
	e.kind = AB_LEDGER_NODE;
	e.owner = AB_OWNER_OURS;
	e.hash = UINT64_MAX;
	e.settings = family == AF_INET6 ? UINT64_C(0xfedcba9876543210) : 0;
	(void)ab_copy(e.node.target, sizeof(e.node.target), target);
	e.node.portal.addr.family = family;
	memcpy(e.node.portal.addr.bytes, "\x0a\x00\x00\x01", 4);
	if (family == AF_INET6)
		memcpy(e.node.portal.addr.bytes,
		       "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16);
	e.node.portal.port = 3260;
	e.node.tpgt = 1;
	(void)ab_copy(e.node.iface, sizeof(e.node.iface), "ab-eth0");
	return e;
}

/* No discovery names it any more. */
static struct ab_ledger_entry unwanted_entry(const char *target)
{
	struct ab_ledger_entry e = node_entry(target, AF_INET);

	e.unwanted_ms = 12345;
	e.boot = UINT64_C(0xabcdef);
	return e;
}

/* The administrator ended the session over that binding. */
static struct ab_ledger_entry session_entry(const char *target)
{
	struct ab_ledger_entry e = node_entry(target, AF_INET);

	e.kind = AB_LEDGER_SESSION;
	e.owner = AB_OWNER_HELD;
	e.hash = 0;
	return e;
}

static struct ab_ledger_entry try_entry(enum ab_try what)
{
	struct ab_ledger_entry e = node_entry("iqn.2020-01.com.example:t1", AF_INET);

	e.kind = AB_LEDGER_TRY;
	e.hash = 0;
	e.try.what = (uint8_t)what;
	e.try.attempts = 3;
	e.try.code = 110;
	e.try.next_ms = 12345;
	e.boot = UINT64_C(0xabcdef);
	if (what == AB_TRY_LOGIN) {
		e.try.is_denied = true;
		e.try.code = 24;
		e.settings = 7;
		e.hash = 9;
	} else if (what != AB_TRY_NODE) {
		memset(e.node.target, 0, sizeof(e.node.target));
	}
	if (what == AB_TRY_IFACE) {
		memset(&e.node.portal, 0, sizeof(e.node.portal));
		e.node.tpgt = 0;
	}
	return e;
}

/* The whole text, in a buffer of its own so that a sanitizer sees each byte too many.
 */
static char *write_book(const struct book *b, size_t *ret_n)
{
	char buf[(MAX + 2) * AB_LEDGER_LINE], *copy;
	struct ab_ledger_writer w;
	struct ab_text t;
	unsigned int i;

	ab_text_init(&t, buf, sizeof(buf));
	ab_ledger_begin(&w, &t);
	for (i = 0; i < b->n; i++)
		ab_ledger_add(&w, &t, &b->v[i]);
	ab_ledger_end(&w, &t);
	assert_false(t.cut);
	copy = malloc(t.len);
	assert_non_null(copy);
	memcpy(copy, buf, t.len);
	*ret_n = t.len;
	return copy;
}

static struct book sample(void)
{
	struct book b = { .n = 0 };

	b.v[b.n++] = iface_entry("ab-ens1f0.7", AB_OWNER_OURS);
	b.v[b.n++] = iface_entry("ab-ens1f0.7", AB_OWNER_INTENT);
	b.v[b.n++] = retiring_entry("ab-gone");
	b.v[b.n++] = node_entry("iqn.2020-01.com.example:t1", AF_INET);
	b.v[b.n] = node_entry("iqn.2020-01.com.example:t2", AF_INET6);
	b.v[b.n++].owner = AB_OWNER_HELD;
	b.v[b.n] = node_entry("eui.0123456789abcdef", AF_INET);
	b.v[b.n++].node.tpgt = AB_TPGT_UNKNOWN;
	b.v[b.n++] = unwanted_entry("iqn.2020-01.com.example:t3");
	b.v[b.n++] = session_entry("iqn.2020-01.com.example:t1");
	b.v[b.n++] = try_entry(AB_TRY_DISCOVERY);
	b.v[b.n++] = try_entry(AB_TRY_IFACE);
	b.v[b.n++] = try_entry(AB_TRY_NODE);
	b.v[b.n++] = try_entry(AB_TRY_LOGIN);
	return b;
}

static int parse(const char *data, size_t n, struct book *b)
{
	unsigned int line;

	b->n = 0;
	return ab_ledger_parse(data, n, collect, b, &line);
}

static void what_is_written_is_read_back_exactly(void **state)
{
	struct book in = sample(), out;
	size_t n;
	char *text = write_book(&in, &n);

	(void)state;
	assert_int_equal(parse(text, n, &out), 0);
	assert_int_equal(out.n, in.n);
	assert_memory_equal(out.v, in.v, in.n * sizeof(in.v[0]));
	free(text);
}

static void text_is_the_documented_one(void **state)
{
	static const char want[] =
		"autobind-ledger 1\n"
		"iface\tours\thash=0123456789abcdef\tname=ab-ens1f0.7\tport=vlan\t"
		"vlan=4095\thwaddr=0200ff102030\tpath=pci-0000:03:00.0\tnetdev=ens1f0."
		"7\n"
		"iface\tours\thash=0123456789abcdef\tname=ab-gone\tport=vlan\t"
		"vlan=4095\thwaddr=0200ff102030\tpath=pci-0000:03:00.0\tnetdev=ens1f0."
		"7\tretire=600000\torphan=12345\tboot=0000000000abcdef\n"
		"node\tours\thash=ffffffffffffffff\ttarget=iqn.2020-01.com.example:t1\t"
		"portal=10.0.0.1:3260\ttpgt=1\tiface=ab-eth0\n"
		"node\tours\thash=ffffffffffffffff\ttarget=iqn.2020-01.com.example:t3\t"
		"portal=10.0.0.1:3260\ttpgt=1\tiface=ab-eth0\tunwanted=12345\t"
		"boot=0000000000abcdef\n"
		"session\theld\thash=0000000000000000\t"
		"target=iqn.2020-01.com.example:t1\tportal=10.0.0.1:3260\ttpgt=1\t"
		"iface=ab-eth0\n"
		"try\tours\thash=0000000000000000\twhat=discovery\tattempts=3\tcode="
		"110\t"
		"next=12345\tboot=0000000000abcdef\tportal=10.0.0.1:3260\ttpgt=1\t"
		"iface=ab-eth0\n"
		"try\tours\thash=0000000000000009\twhat=login\tattempts=3\tcode=24\t"
		"denied=1\tnext=12345\tboot=0000000000abcdef\t"
		"target=iqn.2020-01.com.example:t1\tportal=10.0.0.1:3260\ttpgt=1\t"
		"iface=ab-eth0\tsettings=0000000000000007\n"
		"end\t7\tcrc32c=";
	struct book b = { .n = 7 };
	size_t n;
	char *text;

	(void)state;
	b.v[0] = iface_entry("ab-ens1f0.7", AB_OWNER_OURS);
	b.v[1] = retiring_entry("ab-gone");
	b.v[2] = node_entry("iqn.2020-01.com.example:t1", AF_INET);
	b.v[3] = unwanted_entry("iqn.2020-01.com.example:t3");
	b.v[4] = session_entry("iqn.2020-01.com.example:t1");
	b.v[5] = try_entry(AB_TRY_DISCOVERY);
	b.v[6] = try_entry(AB_TRY_LOGIN);
	text = write_book(&b, &n);
	assert_int_equal(n, strlen(want) + 9);
	assert_memory_equal(text, want, strlen(want));
	free(text);
}

static void an_empty_ledger_is_a_ledger(void **state)
{
	struct book in = { .n = 0 }, out;
	size_t n;
	char *text = write_book(&in, &n);

	(void)state;
	assert_int_equal(parse(text, n, &out), 0);
	assert_int_equal(out.n, 0);
	free(text);
}

static void foreign_bytes_stay_inside_their_field(void **state)
{
	struct book in = { .n = 2 }, out;
	size_t n, i, lines = 0;
	char *text;

	(void)state;
	in.v[0] = iface_entry("a=b\tc\nd %\"\\\x7f", AB_OWNER_HELD);
	memset(in.v[0].iface.port.id_path, '\xff',
	       sizeof(in.v[0].iface.port.id_path) - 1);
	in.v[1] = node_entry("x", AF_INET);
	memset(in.v[1].node.target, '\n', sizeof(in.v[1].node.target) - 1);
	memset(in.v[1].node.iface, '%', sizeof(in.v[1].node.iface) - 1);
	text = write_book(&in, &n);
	for (i = 0; i < n; i++)
		lines += text[i] == '\n';
	assert_int_equal(lines, 4);
	assert_int_equal(parse(text, n, &out), 0);
	assert_memory_equal(out.v, in.v, 2 * sizeof(in.v[0]));
	free(text);
}

static void every_cut_is_noticed(void **state)
{
	struct book in = sample(), out;
	size_t n, cut;
	char *text = write_book(&in, &n);

	(void)state;
	for (cut = 0; cut < n; cut++) {
		assert_int_not_equal(parse(text, cut, &out), 0);
		assert_int_equal(out.n, 0); /* nothing was handed out */
	}
	free(text);
}

static void every_flipped_bit_is_noticed(void **state)
{
	struct book in = sample(), out;
	size_t n, i;
	char *text = write_book(&in, &n);

	(void)state;
	for (i = 0; i < n * 8; i++) {
		char was = text[i / 8];

		text[i / 8] = (char)(was ^ (1 << i % 8));
		/* The case of the checksum's own digits is the only bit without
		 * meaning. */
		if (parse(text, n, &out) == 0)
			assert_true(i / 8 >= n - 9 && (i % 8) == 5);
		else
			assert_int_equal(out.n, 0);
		text[i / 8] = was;
	}
	free(text);
}

static void lost_and_doubled_lines_are_noticed(void **state)
{
	struct book in = sample(), out;
	size_t n, from = 0, to, i;
	char *text = write_book(&in, &n), *other = malloc(2 * n);

	(void)state;
	assert_non_null(other);
	for (i = 0; i < in.n + 2; i++) {
		to = from +
		     (size_t)((char *)memchr(text + from, '\n', n - from) -
			      (text + from)) +
		     1;
		memcpy(other, text, from);
		memcpy(other + from, text + to, n - to);
		assert_int_not_equal(parse(other, n - (to - from), &out), 0);
		memcpy(other, text, to);
		memcpy(other + to, text + from, n - from);
		assert_int_not_equal(parse(other, n + (to - from), &out), 0);
		from = to;
	}
	free(other);
	free(text);
}

/* A text with a right frame round these lines. */
static int parse_framed(const char *head, const char *lines, unsigned int count,
			unsigned int *ret_line, struct book *b)
{
	char buf[8192];
	struct ab_text t;

	ab_text_init(&t, buf, sizeof(buf));
	ab_text_add(&t, head);
	ab_text_add(&t, lines);
	ab_text_add(&t, "end\t");
	{
		uint32_t crc = ab_crc32c(0, buf, t.len - 4);

		ab_text_addu(&t, count);
		ab_text_add(&t, "\tcrc32c=");
		ab_text_addx(&t, crc, 8);
	}
	ab_text_addc(&t, '\n');
	b->n = 0;
	return ab_ledger_parse(buf, t.len, collect, b, ret_line);
}

#define HEAD "autobind-ledger 1\n"
#define NODE "node\tours\thash=0000000000000001\ttarget=iqn.a:b"
#define REST "\tportal=10.0.0.1:3260\ttpgt=1\tiface=x\n"

#define IFACE "iface\tours\thash=0000000000000001\tname=x\tport=ether"

static void damage_has_its_own_code(void **state)
{
	static const struct {
		const char *what, *head, *lines;
		unsigned int count;
		int r;
	} rows[] = {
		{ "good", HEAD, NODE REST, 1, 0 },
		{ "unknown pair is skipped", HEAD, NODE "\tnew=1\tflag" REST, 1, 0 },
		{ "next version", "autobind-ledger 2\n", NODE REST, 1,
		  AB_LEDGER_E_VERSION },
		{ "version 10", "autobind-ledger 10\n", "", 0, AB_LEDGER_E_VERSION },
		{ "another file", "root:x:0:0\n", "", 0, AB_LEDGER_E_VERSION },
		{ "count too low", HEAD, NODE REST NODE REST, 1, AB_LEDGER_E_COUNT },
		{ "count too high", HEAD, NODE REST, 2, AB_LEDGER_E_COUNT },
		{ "unknown kind", HEAD, "portal\tours\thash=0000000000000001\n", 1,
		  AB_LEDGER_E_SYNTAX },
		{ "a session that is held", HEAD,
		  "session\theld\thash=0000000000000000\ttarget=iqn.a:b" REST, 1, 0 },
		{ "a session that is ours", HEAD,
		  "session\tours\thash=0000000000000000\ttarget=iqn.a:b" REST, 1,
		  AB_LEDGER_E_SYNTAX },
		{ "a session without an iface", HEAD,
		  "session\theld\thash=0000000000000000\ttarget=iqn.a:b\t"
		  "portal=10.0.0.1:3260\ttpgt=1\n",
		  1, AB_LEDGER_E_SYNTAX },
		{ "owner that is never written", HEAD,
		  "node\tforeign\thash=0000000000000001\ttarget=iqn.a:b" REST, 1,
		  AB_LEDGER_E_SYNTAX },
		{ "empty line", HEAD, "\n", 1, AB_LEDGER_E_SYNTAX },
		{ "no hash", HEAD, "node\tours\ttarget=iqn.a:b" REST, 1,
		  AB_LEDGER_E_SYNTAX },
		{ "short hash", HEAD, "node\tours\thash=01\ttarget=iqn.a:b" REST, 1,
		  AB_LEDGER_E_SYNTAX },
		{ "field twice", HEAD, NODE "\ttarget=iqn.a:c" REST, 1,
		  AB_LEDGER_E_SYNTAX },
		{ "escape of NUL", HEAD, NODE "%00" REST, 1, AB_LEDGER_E_SYNTAX },
		{ "broken escape", HEAD, NODE "%4" REST, 1, AB_LEDGER_E_SYNTAX },
		{ "no portal", HEAD, NODE "\ttpgt=1\tiface=x\n", 1,
		  AB_LEDGER_E_SYNTAX },
		{ "no address", HEAD, NODE "\tportal=host:3260\ttpgt=1\tiface=x\n", 1,
		  AB_LEDGER_E_SYNTAX },
		{ "no tpgt", HEAD, NODE "\tportal=10.0.0.1:3260\tiface=x\n", 1,
		  AB_LEDGER_E_SYNTAX },
		{ "tpgt too large", HEAD,
		  NODE "\tportal=10.0.0.1:3260\ttpgt=4294967296\tiface=x\n", 1,
		  AB_LEDGER_E_SYNTAX },
		{ "iface without a port", HEAD,
		  "iface\tours\thash=0000000000000001\tname=x\n", 1,
		  AB_LEDGER_E_SYNTAX },
		{ "port of a kind that is not known", HEAD,
		  "iface\tours\thash=0000000000000001\tname=x\tport=warp\n", 1,
		  AB_LEDGER_E_SYNTAX },
		{ "odd hardware address", HEAD,
		  "iface\tours\thash=0000000000000001\tname=x\tport=ether\thwaddr="
		  "012\n",
		  1, AB_LEDGER_E_SYNTAX },
		{ "hardware address of 21 bytes", HEAD,
		  "iface\tours\thash=0000000000000001\tname=x\tport=ether\thwaddr="
		  "000102030405060708090a0b0c0d0e0f1011121314\n",
		  1, AB_LEDGER_E_SYNTAX },
		{ "retires at once", HEAD, IFACE "\tretire=0\n", 1, 0 },
		{ "a Retire below zero", HEAD, IFACE "\tretire=-1\n", 1,
		  AB_LEDGER_E_SYNTAX },
		{ "a Retire beyond every clock", HEAD, IFACE "\tretire=9223372036855\n",
		  1, AB_LEDGER_E_SYNTAX },
		{ "an orphan since never", HEAD, IFACE "\torphan=0\n", 1,
		  AB_LEDGER_E_SYNTAX },
		{ "a boot of few digits", HEAD, IFACE "\torphan=1\tboot=1\n", 1,
		  AB_LEDGER_E_SYNTAX },
		{ "a Retire of a node", HEAD, NODE "\tretire=x" REST, 1, 0 },
		{ "name of 65 characters", HEAD,
		  "iface\tours\thash=0000000000000001\tport=ether\tname="
		  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
		  1, AB_LEDGER_E_SYNTAX },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned int line = 0;
		struct book b;
		int r = parse_framed(rows[i].head, rows[i].lines, rows[i].count, &line,
				     &b);

		if (r != rows[i].r)
			fail_msg("%s: %d instead of %d", rows[i].what, r, rows[i].r);
		if (r == AB_LEDGER_E_SYNTAX)
			assert_int_equal(line, 2);
		assert_int_equal(b.n, r == 0 ? rows[i].count : 0);
	}
}

static void same_record_means_same_key(void **state)
{
	struct ab_ledger_entry a = node_entry("iqn.a:b", AF_INET), b = a;
	struct ab_ledger_entry i = iface_entry("ab-eth0", AB_OWNER_OURS), j = i;

	(void)state;
	b.hash = 7;
	b.owner = AB_OWNER_HELD;
	assert_true(ab_ledger_same_record(&a, &b));
	assert_int_equal(ab_ledger_hash_record(&a), ab_ledger_hash_record(&b));
	b.node.tpgt = 2;
	assert_false(ab_ledger_same_record(&a, &b));
	memset(&j.iface.port, 0, sizeof(j.iface.port));
	assert_true(ab_ledger_same_record(&i, &j));
	assert_int_equal(ab_ledger_hash_record(&i), ab_ledger_hash_record(&j));
	assert_false(ab_ledger_same_record(&a, &i));
	/* A record and the session over it have the same keys and are two things. */
	b = session_entry("iqn.a:b");
	assert_false(ab_ledger_same_record(&a, &b));
	a = b;
	assert_true(ab_ledger_same_record(&a, &b));
	assert_int_equal(ab_ledger_hash_record(&a), ab_ledger_hash_record(&b));
	a.node.tpgt = 2;
	assert_false(ab_ledger_same_record(&a, &b));
}

static void what_has_no_place_is_refused(void **state)
{
	struct ab_ledger_entry e = node_entry("iqn.a:b", AF_INET);

	(void)state;
	assert_true(ab_ledger_can_hold(&e));
	e.owner = AB_OWNER_MODIFIED;
	assert_false(ab_ledger_can_hold(&e));
	e = node_entry("iqn.a:b", 0);
	assert_false(ab_ledger_can_hold(&e));
	e = iface_entry("", AB_OWNER_OURS);
	assert_false(ab_ledger_can_hold(&e));
	e = node_entry("iqn.a:b", AF_INET);
	e.node.portal.port = 0;
	assert_false(ab_ledger_can_hold(&e));
	e = iface_entry("x", AB_OWNER_OURS);
	assert_true(ab_ledger_can_hold(&e));
	e.iface.port.vlan_id = 4096;
	assert_false(ab_ledger_can_hold(&e));
	e = session_entry("iqn.a:b");
	assert_true(ab_ledger_can_hold(&e));
	e.owner = AB_OWNER_INTENT;
	assert_false(ab_ledger_can_hold(&e));
	e = session_entry("");
	assert_false(ab_ledger_can_hold(&e));
	e = iface_entry("x", AB_OWNER_OURS);
	e.kind = 9;
	assert_false(ab_ledger_can_hold(&e));
}

/* --- over a restart of the daemon, and of the host --- */

static struct ab_ledger_entry reread(const char *dir)
{
	struct ab_ledger_file *l;
	struct ab_ledger_entry e;

	assert_int_equal(ab_ledger_file_open(dir, NULL, &l), 0);
	assert_int_equal(ab_ledger_file_count(l), 1);
	e = *ab_ledger_file_at(l, 0);
	(void)ab_ledger_file_close(l);
	return e;
}

static void check_time_within_boot(struct ab_ledger_entry e)
{
	char dir[] = "/tmp/ab-test-ledger.XXXXXX", path[64], *text;
	struct book b = { .n = 1 }, read = { .n = 0 };
	struct ab_ledger_file *l;
	FILE *f;
	size_t n;

	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/ledger", dir);
	assert_int_equal(ab_ledger_file_open(dir, NULL, &l), 0);
	assert_int_equal(ab_ledger_file_put(l, &e), 0);
	assert_int_equal(ab_ledger_file_flush(l), 0);
	/* The same word again is no news, whatever mark it comes with. */
	assert_int_equal(ab_ledger_file_put(l, &e), 0);
	assert_false(ab_ledger_file_is_dirty(l));
	(void)ab_ledger_file_close(l);
	b.v[0] = reread(dir);
	assert_int_equal(*ab_ledger_time(&b.v[0]), 12345);

	/* Written in another boot. */
	b.v[0] = e;
	text = write_book(&b, &n);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
	free(text);
	e = reread(dir);
	assert_int_equal(*ab_ledger_time(&e), 0);
	assert_int_equal(e.boot, 0);
	assert_int_equal(e.hash, b.v[0].hash);
	/* For the command line, too. */
	assert_int_equal(ab_ledger_file_read(dir, collect, &read), 0);
	assert_int_equal(*ab_ledger_time(&read.v[0]), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

static void times_to_retire_count_within_their_boot(void **state)
{
	(void)state;
	check_time_within_boot(retiring_entry("ab-gone"));
	check_time_within_boot(unwanted_entry("iqn.2020-01.com.example:t1"));
}

static struct ab_ledger_file *open_both(const char *state_dir, const char *run_dir,
					size_t n)
{
	struct ab_ledger_file *l;

	assert_int_equal(ab_ledger_file_open(state_dir, run_dir, &l), 0);
	assert_int_equal(ab_ledger_file_count(l), n);
	return l;
}

static unsigned int count_in(const char *dir)
{
	struct book b = { .n = 0 };
	int r = ab_ledger_file_read(dir, collect, &b);

	assert_true(r == 0 || r == -ENOENT);
	return b.n;
}

static void write_ledger(const char *path, const struct book *b)
{
	size_t n;
	char *text = write_book(b, &n);
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
	free(text);
}

static void tries_stand_in_run_only_and_end_with_the_boot(void **state)
{
	char dir[] = "/tmp/ab-test-ledger.XXXXXX", st[64], run[64], path[80];
	struct ab_ledger_entry login = try_entry(AB_TRY_LOGIN);
	struct ab_ledger_entry node = node_entry("iqn.a:b", AF_INET);
	struct book b = { .v = { try_entry(AB_TRY_NODE) }, .n = 1 };
	struct ab_ledger_file *l;

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(st, sizeof(st), "%s/state", dir);
	(void)snprintf(run, sizeof(run), "%s/run", dir);
	assert_int_equal(mkdir(run, 0700), 0);
	l = open_both(st, run, 0);
	assert_int_equal(ab_ledger_file_put(l, &login), 0);
	assert_false(ab_ledger_file_is_dirty(l)); /* the disk has nothing to learn */
	assert_int_equal(ab_ledger_file_flush(l), 0);
	assert_int_equal(count_in(st), 0);
	assert_int_equal(count_in(run), 1);
	assert_int_equal(ab_ledger_file_put(l, &node), 0);
	assert_int_equal(ab_ledger_file_flush(l), 0);
	assert_int_equal(count_in(st), 1);
	assert_int_equal(count_in(run), 2);
	(void)ab_ledger_file_close(l);

	l = open_both(st, run, 2);
	assert_false(ab_ledger_file_is_dirty(l));
	ab_ledger_file_del_owner(l, &login);
	assert_int_equal(ab_ledger_file_flush(l), 0);
	assert_int_equal(count_in(run), 1);
	(void)ab_ledger_file_close(l);

	/* Of another boot; and in STATE, where none belongs. */
	(void)snprintf(path, sizeof(path), "%s/ledger", run);
	write_ledger(path, &b);
	(void)ab_ledger_file_close(open_both(st, run, 1));
	l = open_both(st, run, 1);
	assert_int_equal(ab_ledger_file_put(l, &login), 0);
	assert_int_equal(ab_ledger_file_flush(l), 0);
	(void)ab_ledger_file_close(l);
	(void)ab_ledger_file_close(open_both(run, NULL, 1));

	/* What cannot be read costs the tries, not what is owned. */
	assert_int_equal(truncate(path, 30), 0);
	(void)ab_ledger_file_close(open_both(st, run, 1));
	assert_int_equal(unlink(path), 0);
	(void)snprintf(path, sizeof(path), "%s/ledger", st);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(st), 0);
	assert_int_equal(rmdir(run), 0);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read_back_exactly),
		cmocka_unit_test(text_is_the_documented_one),
		cmocka_unit_test(an_empty_ledger_is_a_ledger),
		cmocka_unit_test(foreign_bytes_stay_inside_their_field),
		cmocka_unit_test(every_cut_is_noticed),
		cmocka_unit_test(every_flipped_bit_is_noticed),
		cmocka_unit_test(lost_and_doubled_lines_are_noticed),
		cmocka_unit_test(damage_has_its_own_code),
		cmocka_unit_test(same_record_means_same_key),
		cmocka_unit_test(what_has_no_place_is_refused),
		cmocka_unit_test(times_to_retire_count_within_their_boot),
		cmocka_unit_test(tries_stand_in_run_only_and_end_with_the_boot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
