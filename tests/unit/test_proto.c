/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state machine of a discovery, against byte streams written down here.
 * LIBS: -lcrypto
 */
#include "ab_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/evp.h>

#include "core/name.h"
#include "core/proto.h"

/* What a target sends. */
struct stream {
	uint8_t bytes[64 * 1024];
	size_t n;
};

/* What came out of a session. */
struct result {
	struct ab_proto proto;
	char text[8192]; /* "name portal,tpgt;" for each item */
	size_t n_sent;
	uint8_t sent[8192];
};

#define NAME "iqn.2020-01.com.example:"
/* A text with its last NUL, and the length of both. */
#define KEYS(s) (s), sizeof(s)

struct pdu {
	uint8_t opcode, flags;
	uint32_t itt, ttt;
	uint8_t status_class, status_detail; /* in async messages: the event */
	uint8_t reason, version;
	uint32_t claimed; /* DataSegmentLength when it lies; 0: the true one */
	uint8_t ahs;
	uint32_t statsn;
};

static void put_u32(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 24);
	at[1] = (uint8_t)(v >> 16);
	at[2] = (uint8_t)(v >> 8);
	at[3] = (uint8_t)v;
}

static uint32_t get_u32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 |
	       at[3];
}

static void add(struct stream *s, struct pdu pdu, const char *data, size_t n)
{
	size_t padded = (n + 3) & ~(size_t)3;
	uint8_t *h = s->bytes + s->n;

	assert_true(48 + pdu.ahs * 4u + padded <= sizeof(s->bytes) - s->n);
	memset(h, 0, 48 + pdu.ahs * 4u + padded);
	h[0] = pdu.opcode;
	h[1] = pdu.flags;
	h[2] = pdu.reason;
	h[3] = pdu.version;
	put_u32(h + 4, pdu.claimed ? pdu.claimed : (uint32_t)n);
	h[4] = pdu.ahs;
	put_u32(h + 16, pdu.itt);
	put_u32(h + 20, pdu.ttt);
	put_u32(h + 24, pdu.statsn);
	h[36] = pdu.status_class;
	h[37] = pdu.status_detail;
	if (n > 0)
		memcpy(h + 48 + pdu.ahs * 4u, data, n);
	s->n += 48 + pdu.ahs * 4u + padded;
}

#define SECURITY ((struct pdu){ .opcode = 0x23, .flags = 0x81, .itt = 1 })
#define OPERATIONAL ((struct pdu){ .opcode = 0x23, .flags = 0x87, .itt = 1 })
#define TEXT_LAST                                                                      \
	((struct pdu){ .opcode = 0x24, .flags = 0x80, .itt = 2, .ttt = 0xffffffff })
#define TEXT_MORE ((struct pdu){ .opcode = 0x24, .flags = 0x40, .itt = 2, .ttt = 7 })
#define LOGOUT ((struct pdu){ .opcode = 0x26, .flags = 0x80, .itt = 3 })

static void add_logins(struct stream *s)
{
	add(s, SECURITY, KEYS("AuthMethod=None"));
	add(s, OPERATIONAL, KEYS("HeaderDigest=None\0MaxRecvDataSegmentLength=8192"));
}

static void on_item(void *arg, const struct ab_proto_item *item)
{
	struct result *res = arg;
	struct ab_text t;
	size_t n = strlen(res->text);

	ab_text_init(&t, res->text + n, sizeof(res->text) - n);
	ab_text_add(&t, item->target);
	ab_text_addc(&t, ' ');
	if (item->portal.addr.family)
		ab_name_add_portal(&t, &item->portal);
	ab_text_addc(&t, ',');
	ab_text_addi(&t, item->tpgt);
	ab_text_addc(&t, ';');
	assert_false(t.cut);
}

static void drain(struct result *res)
{
	const void *data;
	size_t n = ab_proto_pending(&res->proto, &data);

	assert_true(n <= sizeof(res->sent) - res->n_sent);
	memcpy(res->sent + res->n_sent, data, n);
	res->n_sent += n;
	ab_proto_sent(&res->proto, n);
}

static void begin(struct result *res, uint32_t items_max, bool has_device)
{
	struct ab_proto_config config = {
		.initiator = NAME "me",
		.nonce = 0x1122334455,
		.items_max = items_max,
		.has_device = has_device,
		.fn = on_item,
		.arg = res,
	};

	memset(res, 0, sizeof(*res));
	ab_proto_init(&res->proto, &config);
	drain(res);
}

static void play(struct result *res, const struct stream *s, size_t step)
{
	size_t at, n;

	for (at = 0; at < s->n; at += n) {
		n = s->n - at < step ? s->n - at : step;
		ab_proto_feed(&res->proto, s->bytes + at, n);
		drain(res);
	}
}

/* The @i-th PDU that was sent, and its data; fails when there are not as many. */
static const uint8_t *sent_pdu(const struct result *res, unsigned int i)
{
	size_t at = 0;

	for (;;) {
		size_t data = get_u32(res->sent + at + 4) & 0xffffff;

		assert_true(at + 48 <= res->n_sent);
		if (i-- == 0)
			return res->sent + at;
		at += 48 + ((data + 3) & ~(size_t)3);
	}
}

/* --- tables ----------------------------------------------------------------------- */

static void text_answers(void **state)
{
#define T(s) "TargetName=" NAME s "\0"
#define A(s) "TargetAddress=" s "\0"
#define I(s, p) NAME s " " p ";"
	static const struct {
		const char *what;
		const char *data;
		size_t n;
		const char *items;
		enum ab_proto_skip skip; /* counted n_skipped times */
		uint32_t n_skipped;
	} rows[] = {
		{ "IPv4 with all", KEYS(T("a") A("10.0.0.1:860,2")),
		  I("a", "10.0.0.1:860,2"), 0, 0 },
		{ "no port", KEYS(T("a") A("10.0.0.1,2")), I("a", "10.0.0.1:3260,2"), 0,
		  0 },
		{ "no tag", KEYS(T("a") A("10.0.0.1:860")), I("a", "10.0.0.1:860,-1"),
		  0, 0 },
		{ "IPv6", KEYS(T("a") A("[2001:DB8::1]:860,2")),
		  I("a", "[2001:db8::1]:860,2"), 0, 0 },
		{ "IPv6 without port", KEYS(T("a") A("[2001:db8::1],65535")),
		  I("a", "[2001:db8::1]:3260,65535"), 0, 0 },
		{ "two groups", KEYS(T("a") A("10.0.0.1:3260,1") A("10.0.0.2:3260,2")),
		  I("a", "10.0.0.1:3260,1") I("a", "10.0.0.2:3260,2"), 0, 0 },
		{ "no address: the one asked", KEYS(T("a") T("b")),
		  I("a", ",-1") I("b", ",-1"), 0, 0 },
		{ "other keys", KEYS(T("a") "TargetAlias=x\0" A("10.0.0.1:3260,1")),
		  I("a", "10.0.0.1:3260,1"), 0, 0 },
		{ "empty", "", 0, "", 0, 0 },
		{ "last NUL missing", "TargetName=" NAME "a", 11 + sizeof(NAME),
		  I("a", ",-1"), 0, 0 },
		{ "domain name", KEYS(T("a") A("disk.example.com:3260,1")), "",
		  AB_PROTO_SKIP_DOMAIN, 1 },
		{ "domain beside address",
		  KEYS(T("a") A("disk-1") A("10.0.0.1:3260,1")),
		  I("a", "10.0.0.1:3260,1"), AB_PROTO_SKIP_DOMAIN, 1 },
		{ "loopback", KEYS(T("a") A("127.0.0.1:3260,1")), "",
		  AB_PROTO_SKIP_UNUSABLE, 1 },
		{ "link-local unbound", KEYS(T("a") A("[fe80::1]:3260,1")), "",
		  AB_PROTO_SKIP_UNUSABLE, 1 },
		{ "port 0", KEYS(T("a") A("10.0.0.1:0,1")), "", AB_PROTO_SKIP_SYNTAX,
		  1 },
		{ "tag too large", KEYS(T("a") A("10.0.0.1:3260,65536")), "",
		  AB_PROTO_SKIP_SYNTAX, 1 },
		{ "zone", KEYS(T("a") A("[fe80::1%eth0]:3260,1")), "",
		  AB_PROTO_SKIP_SYNTAX, 1 },
		{ "empty address", KEYS(T("a") A("")), "", AB_PROTO_SKIP_SYNTAX, 1 },
		{ "no pair", KEYS(T("a") A("10.0.0.1:3260,1") "nonsense\0"),
		  I("a", "10.0.0.1:3260,1"), AB_PROTO_SKIP_SYNTAX, 1 },
		{ "address of nobody", KEYS(A("10.0.0.1:3260,1")), "", 0, 0 },
		{ "a bad name takes its addresses with it",
		  KEYS(T("a/b") A("10.0.0.1:3260,1") A("10.0.0.2:3260,1") T("c")
			       A("10.0.0.3:3260,1")),
		  I("c", "10.0.0.3:3260,1"), AB_PROTO_SKIP_NAME, 1 },
		{ "a bad name ends the target before",
		  KEYS(T("a") T("..") A("10.0.0.1:3260,1")), I("a", ",-1"),
		  AB_PROTO_SKIP_NAME, 1 },
	};
	unsigned int i, skip;

	(void)state;
	for (i = 0; i < AB_COUNT(rows); i++) {
		struct stream s = { .n = 0 };
		struct result res;

		add_logins(&s);
		add(&s, TEXT_LAST, rows[i].data, rows[i].n);
		add(&s, LOGOUT, NULL, 0);
		begin(&res, 100, false);
		play(&res, &s, s.n);
		ab_assert_row(rows[i].what, res.proto.phase == AB_PROTO_ENDED);
		ab_assert_row(rows[i].what, res.proto.code == AB_DISCOVERY_OK);
		ab_assert_row(rows[i].what, ab_streq(res.text, rows[i].items));
		for (skip = 0; skip < AB_PROTO_SKIP_MAX; skip++)
			ab_assert_row(
				rows[i].what,
				res.proto.n_skipped[skip] ==
					(skip == rows[i].skip ? rows[i].n_skipped : 0));
	}
}

static void login_answers(void **state)
{
	static const struct {
		const char *what;
		struct pdu pdu;
		const char *data;
		size_t n;
		enum ab_discovery_code code;
	} rows[] = {
		{ "authentication failed",
		  { .opcode = 0x23, .itt = 1, .status_class = 2, .status_detail = 1 },
		  NULL,
		  0,
		  AB_DISCOVERY_AUTH },
		{ "not authorised",
		  { .opcode = 0x23, .itt = 1, .status_class = 2, .status_detail = 2 },
		  NULL,
		  0,
		  AB_DISCOVERY_DENIED },
		{ "out of resources",
		  { .opcode = 0x23, .itt = 1, .status_class = 3, .status_detail = 2 },
		  NULL,
		  0,
		  AB_DISCOVERY_BUSY },
		{ "moved",
		  { .opcode = 0x23, .itt = 1, .status_class = 1, .status_detail = 1 },
		  KEYS("TargetAddress=10.0.0.9:3260"),
		  AB_DISCOVERY_REDIRECT },
		{ "class of the future",
		  { .opcode = 0x23, .itt = 1, .status_class = 4 },
		  NULL,
		  0,
		  AB_DISCOVERY_PROTOCOL },
		{ "CHAP",
		  { .opcode = 0x23, .itt = 1 },
		  KEYS("AuthMethod=CHAP"),
		  AB_DISCOVERY_AUTH },
		{ "refuses None", SECURITY, KEYS("AuthMethod=Reject"),
		  AB_DISCOVERY_AUTH },
		{ "digest", SECURITY, KEYS("DataDigest=CRC32C"),
		  AB_DISCOVERY_PROTOCOL },
		{ "no pairs", SECURITY, KEYS("AuthMethod"), AB_DISCOVERY_PROTOCOL },
		{ "other stage",
		  { .opcode = 0x23, .flags = 0x87, .itt = 1 },
		  NULL,
		  0,
		  AB_DISCOVERY_PROTOCOL },
		{ "skips a stage",
		  { .opcode = 0x23, .flags = 0x83, .itt = 1 },
		  NULL,
		  0,
		  AB_DISCOVERY_PROTOCOL },
		{ "ends and goes on",
		  { .opcode = 0x23, .flags = 0xc1, .itt = 1 },
		  NULL,
		  0,
		  AB_DISCOVERY_PROTOCOL },
		{ "version 1",
		  { .opcode = 0x23, .flags = 0x81, .itt = 1, .version = 1 },
		  NULL,
		  0,
		  AB_DISCOVERY_PROTOCOL },
		{ "other task",
		  { .opcode = 0x23, .flags = 0x81, .itt = 2 },
		  NULL,
		  0,
		  AB_DISCOVERY_PROTOCOL },
		{ "text before login", TEXT_LAST, NULL, 0, AB_DISCOVERY_PROTOCOL },
		{ "a request",
		  { .opcode = 0x03, .itt = 1 },
		  NULL,
		  0,
		  AB_DISCOVERY_PROTOCOL },
		{ "reject",
		  { .opcode = 0x3f, .reason = 9 },
		  NULL,
		  0,
		  AB_DISCOVERY_REJECTED },
		{ "longer than the default",
		  { .opcode = 0x23,
		    .flags = 0x81,
		    .itt = 1,
		    .claimed = AB_PROTO_LOGIN_DATA_MAX + 1 },
		  NULL,
		  0,
		  AB_DISCOVERY_PROTOCOL },
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < AB_COUNT(rows); i++) {
		struct stream s = { .n = 0 };
		struct result res;

		add(&s, rows[i].pdu, rows[i].data, rows[i].n);
		begin(&res, 100, false);
		play(&res, &s, s.n);
		ab_assert_row(rows[i].what, res.proto.phase == AB_PROTO_ENDED);
		ab_assert_row(rows[i].what, res.proto.code == rows[i].code);
	}
}

static void full_feature_failures(void **state)
{
	static const struct {
		const char *what;
		struct pdu pdu;
		enum ab_discovery_code code;
	} rows[] = {
		{ "reject", { .opcode = 0x3f, .reason = 5 }, AB_DISCOVERY_REJECTED },
		{ "connection dropped",
		  { .opcode = 0x32, .status_class = 2 },
		  AB_DISCOVERY_LOGOUT },
		{ "all connections dropped",
		  { .opcode = 0x32, .status_class = 3 },
		  AB_DISCOVERY_LOGOUT },
		{ "other task",
		  { .opcode = 0x24, .flags = 0x80, .itt = 1, .ttt = 0xffffffff },
		  AB_DISCOVERY_PROTOCOL },
		{ "goes on without a tag",
		  { .opcode = 0x24, .flags = 0x40, .itt = 2, .ttt = 0xffffffff },
		  AB_DISCOVERY_PROTOCOL },
		{ "ends and goes on",
		  { .opcode = 0x24, .flags = 0xc0, .itt = 2, .ttt = 0xffffffff },
		  AB_DISCOVERY_PROTOCOL },
		{ "a second login", OPERATIONAL, AB_DISCOVERY_PROTOCOL },
		{ "a SCSI response",
		  { .opcode = 0x21, .itt = 2 },
		  AB_DISCOVERY_PROTOCOL },
		{ "longer than declared",
		  { .opcode = 0x24,
		    .flags = 0x80,
		    .itt = 2,
		    .claimed = AB_PROTO_DATA_MAX + 1 },
		  AB_DISCOVERY_PROTOCOL },
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < AB_COUNT(rows); i++) {
		struct stream s = { .n = 0 };
		struct result res;

		add_logins(&s);
		add(&s, rows[i].pdu, NULL, 0);
		begin(&res, 100, false);
		play(&res, &s, s.n);
		ab_assert_row(rows[i].what, res.proto.phase == AB_PROTO_ENDED);
		ab_assert_row(rows[i].what, res.proto.code == rows[i].code);
	}
}

/* --- whole sessions --------------------------------------------------------------- */

static void requests_are_those_of_the_standard(void **state)
{
	static const char security[] = "InitiatorName=" NAME "me\0"
				       "SessionType=Discovery\0AuthMethod=None";
	static const char text[] = "SendTargets=All";
	struct stream s = { .n = 0 };
	struct result res;
	const uint8_t *h;

	(void)state;
	add(&s, SECURITY, KEYS("AuthMethod=None"));
	add(&s, OPERATIONAL, KEYS("HeaderDigest=None"));
	s.bytes[27] = 41; /* StatSN of the first answer */
	add(&s, TEXT_LAST, NULL, 0);
	begin(&res, 100, false);
	play(&res, &s, s.n);

	h = sent_pdu(&res, 0);
	assert_int_equal(h[0], 0x43);
	assert_int_equal(h[1], 0x81); /* T, security to operational */
	assert_memory_equal(h + 8, "\x80\x11\x22\x33\x44\x55\0\0", 8); /* ISID, TSIH */
	assert_int_equal(get_u32(h + 4), sizeof(security));
	assert_memory_equal(h + 48, security, sizeof(security));
	h = sent_pdu(&res, 1);
	assert_int_equal(h[1], 0x87); /* T, operational to full feature */
	assert_int_equal(get_u32(h + 28), 42);
	h = sent_pdu(&res, 2);
	assert_int_equal(h[0], 0x44);
	assert_int_equal(h[1], 0x80);
	assert_int_equal(get_u32(h + 16), 2);
	assert_int_equal(get_u32(h + 20), 0xffffffff);
	assert_memory_equal(h + 48, text, sizeof(text));
	h = sent_pdu(&res, 3);
	assert_int_equal(h[0], 0x46);
	assert_int_equal(h[1], 0x80);
	assert_int_equal(res.proto.phase, AB_PROTO_LOGOUT);
}

/* An answer in three PDUs that end in the middle of a word. */
static void make_long_answer(struct stream *s)
{
	static const char answer[] = T("a") A("10.0.0.1:3260,1")
		A("[2001:db8::1]:3260,2") T("b") T("c") A("10.0.0.2:3260,1");

	add_logins(s);
	add(s, TEXT_MORE, answer, 20);
	add(s, TEXT_MORE, answer + 20, 33);
	add(s, TEXT_LAST, answer + 53, sizeof(answer) - 1 - 53);
	add(s, LOGOUT, NULL, 0);
}

static void every_cut_of_the_stream_gives_the_same(void **state)
{
	static const char items[] = I("a", "10.0.0.1:3260,1")
		I("a", "[2001:db8::1]:3260,2") I("b", ",-1") I("c", "10.0.0.2:3260,1");
	struct stream s = { .n = 0 };
	struct result res;
	size_t step;

	(void)state;
	make_long_answer(&s);
	for (step = 1; step <= s.n; step++) {
		begin(&res, 100, false);
		play(&res, &s, step);
		assert_int_equal(res.proto.phase, AB_PROTO_ENDED);
		assert_int_equal(res.proto.code, AB_DISCOVERY_OK);
		assert_int_equal(res.proto.n_items, 4);
		assert_string_equal(res.text, items);
	}
	assert_int_equal(get_u32(sent_pdu(&res, 3) + 20), 7); /* its transfer tag */
	assert_int_equal(sent_pdu(&res, 3)[0], 0x44);
}

static void a_stream_that_stops_is_no_answer(void **state)
{
	struct stream s = { .n = 0 };
	struct result res;
	size_t whole, n;

	(void)state;
	make_long_answer(&s);
	whole = s.n - 48;
	for (n = 0; n < whole; n++) {
		begin(&res, 100, false);
		s.n = n;
		play(&res, &s, 4096);
		ab_proto_closed(&res.proto);
		assert_int_equal(res.proto.phase, AB_PROTO_ENDED);
		assert_int_equal(res.proto.code, AB_DISCOVERY_CLOSED);
	}
	begin(&res, 100, false);
	s.n = whole;
	play(&res, &s, 4096);
	ab_proto_closed(&res.proto); /* without an answer to the logout */
	assert_int_equal(res.proto.code, AB_DISCOVERY_OK);
}

static void proposed_keys_are_answered(void **state)
{
	static const char keys[] = "MaxBurstLength=1\0X-vendor=2\0TargetAlias=3\0"
				   "HeaderDigest=None\0DataPDUInOrder=Irrelevant";
	static const char reply[] = "MaxBurstLength=Irrelevant\0X-vendor=NotUnderstood";
	struct stream s = { .n = 0 };
	struct result res;
	const uint8_t *h;

	(void)state;
	add(&s, SECURITY, NULL, 0);
	add(&s, (struct pdu){ .opcode = 0x23, .flags = 0x04, .itt = 1 }, KEYS(keys));
	begin(&res, 100, false);
	play(&res, &s, s.n);
	h = sent_pdu(&res, 2);
	assert_int_equal(h[1], 0x87);
	assert_int_equal(get_u32(h + 4), sizeof(reply));
	assert_memory_equal(h + 48, reply, sizeof(reply));

	/* More than there is room for. */
	for (s.n = 0; s.n < sizeof(s.bytes) - 1024;)
		add(&s, (struct pdu){ .opcode = 0x23, .flags = 0x44, .itt = 1 },
		    KEYS("X-1=1\0X-2=2\0X-3=3\0X-4=4\0X-5=5\0X-6=6\0X-7=7\0X-8=8"));
	play(&res, &s, s.n);
	assert_int_equal(res.proto.code, AB_DISCOVERY_LIMIT);
}

static void a_login_in_parts_is_read_as_one(void **state)
{
	struct stream s = { .n = 0 };
	struct result res;

	(void)state;
	add(&s, (struct pdu){ .opcode = 0x23, .flags = 0x40, .itt = 1 }, "AuthMe", 6);
	add(&s, SECURITY, KEYS("thod=CHAP"));
	begin(&res, 100, false);
	play(&res, &s, s.n);
	assert_int_equal(sent_pdu(&res, 1)[1], 0x00); /* go on: no T */
	assert_int_equal(res.proto.code, AB_DISCOVERY_AUTH);
}

/* --- CHAP ------------------------------------------------------------------------- */

#define CHALLENGE "0123456789abcdef"
#define CHALLENGE_HEX "0x30313233343536373839616263646566"
/* SECURITY without T: the stage goes on. */
#define STAY ((struct pdu){ .opcode = 0x23, .flags = 0x00, .itt = 1 })

static size_t hash(void *arg, enum ab_chap_algorithm algorithm, const void *data,
		   size_t n, uint8_t *digest)
{
	unsigned int size = 0;

	assert_null(arg);
	assert_true(EVP_Digest(data, n, digest, &size,
			       algorithm == AB_CHAP_MD5	   ? EVP_md5()
			       : algorithm == AB_CHAP_SHA1 ? EVP_sha1()
							   : EVP_sha256(),
			       NULL));
	return size;
}

static struct ab_proto_chap chap_of(bool is_mutual)
{
	struct ab_proto_chap chap = {
		.who = { .username = "host1", .password = "OneWaySecret1" },
		.algorithms = { AB_CHAP_SHA256, AB_CHAP_MD5 },
		.n_algorithms = 2,
		.id = 99,
		.hash = hash,
	};

	if (is_mutual) {
		(void)strcpy(chap.who.username_in, "array1");
		(void)strcpy(chap.who.password_in, "ArraySecret1");
		memset(chap.challenge, 0x5a, sizeof(chap.challenge));
	}
	return chap;
}

static void begin_chap(struct result *res, const struct ab_proto_chap *chap)
{
	struct ab_proto_config config = {
		.initiator = NAME "me",
		.items_max = 100,
		.chap = chap,
		.fn = on_item,
		.arg = res,
	};

	memset(res, 0, sizeof(*res));
	ab_proto_init(&res->proto, &config);
	drain(res);
}

/* "0x..." of the hash of id, secret and challenge. */
static const char *respond(enum ab_chap_algorithm algorithm, uint8_t id,
			   const char *secret, const void *challenge, size_t n)
{
	static char text[2 * AB_PROTO_DIGEST_MAX + 3];
	uint8_t data[256], digest[AB_PROTO_DIGEST_MAX];
	struct ab_text t;
	size_t size, i;

	data[0] = id;
	memcpy(data + 1, secret, strlen(secret));
	memcpy(data + 1 + strlen(secret), challenge, n);
	size = hash(NULL, algorithm, data, 1 + strlen(secret) + n, digest);
	ab_text_init(&t, text, sizeof(text));
	ab_text_add(&t, "0x");
	for (i = 0; i < size; i++)
		ab_text_addx(&t, digest[i], 2);
	return text;
}

/* Keys and values, one a line. */
static void add_lines(struct stream *s, struct pdu pdu, const char *lines)
{
	char text[2048];
	size_t n = strlen(lines), k;

	assert_true(n < sizeof(text));
	for (k = 0; k < n; k++)
		text[k] = lines[k] == '\n' ? '\0' : lines[k];
	add(s, pdu, text, n);
}

/* Keys and values of a request, one a line; valid until the next call. */
static const char *lines_of(const struct result *res, unsigned int i)
{
	static char text[2048];
	const uint8_t *h = sent_pdu(res, i);
	size_t n = get_u32(h + 4) & 0xffffff, k;

	assert_true(n < sizeof(text));
	memcpy(text, h + 48, n);
	for (k = 0; k < n; k++)
		if (text[k] == '\0')
			text[k] = '\n';
	text[n] = '\0';
	return text;
}

static void chap_is_one_way_or_mutual(void **state)
{
	static const enum ab_chap_algorithm algorithms[] = { AB_CHAP_MD5,
							     AB_CHAP_SHA256 };
	unsigned int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		enum ab_chap_algorithm algorithm = algorithms[i / 2];
		bool is_mutual = i % 2;
		size_t n = algorithm == AB_CHAP_MD5 ? 16 : 32;
		struct ab_proto_chap chap = chap_of(is_mutual);
		struct stream s = { .n = 0 };
		char text[512], want[1024];
		struct result res;

		begin_chap(&res, &chap);
		assert_non_null(strstr(lines_of(&res, 0),
				       is_mutual ? "\nAuthMethod=CHAP\n"
						 : "\nAuthMethod=CHAP,None\n"));
		add(&s, STAY, KEYS("AuthMethod=CHAP\0TargetPortalGroupTag=1"));
		(void)snprintf(text, sizeof(text),
			       "CHAP_A=%d\nCHAP_I=0x11\nCHAP_C=%s\n", algorithm,
			       i % 2 ? CHALLENGE_HEX : "0bMDEyMzQ1Njc4OWFiY2RlZg==");
		add_lines(&s, STAY, text);
		play(&res, &s, s.n);
		assert_string_equal(lines_of(&res, 1), "CHAP_A=7,5\n");
		assert_int_equal(sent_pdu(&res, 1)[1], 0x00);
		(void)snprintf(want, sizeof(want), "CHAP_N=host1\nCHAP_R=%s\n",
			       respond(algorithm, 17, "OneWaySecret1", CHALLENGE, 16));
		if (is_mutual) {
			struct ab_text t;
			size_t k;

			ab_text_init(&t, want + strlen(want),
				     sizeof(want) - strlen(want));
			ab_text_add(&t, "CHAP_I=99\nCHAP_C=0x");
			for (k = 0; k < n; k++)
				ab_text_add(&t, "5a");
			ab_text_add(&t, "\n");
		}
		assert_string_equal(lines_of(&res, 2), want);
		assert_int_equal(sent_pdu(&res, 2)[1], 0x81);

		s.n = 0;
		if (is_mutual) {
			(void)snprintf(text, sizeof(text), "CHAP_N=array1\nCHAP_R=%s\n",
				       respond(algorithm, 99, "ArraySecret1",
					       chap.challenge, n));
			add_lines(&s, SECURITY, text);
		} else {
			add(&s, SECURITY, NULL, 0);
		}
		add(&s, OPERATIONAL, NULL, 0);
		add(&s, TEXT_LAST, KEYS("TargetName=" NAME "a"));
		add(&s, LOGOUT, NULL, 0);
		play(&res, &s, 1);
		assert_int_equal(res.proto.code, AB_DISCOVERY_OK);
		assert_int_equal(res.proto.phase, AB_PROTO_ENDED);
		assert_string_equal(res.text, NAME "a ,1;");
	}
}

#define ASKED "CHAP_A=5\0CHAP_I=17\0CHAP_C=" CHALLENGE_HEX

/* Each row: the target's answers in the security stage, and how that ends. */
static void chap_that_is_not_right_ends_the_session(void **state)
{
	static const struct {
		const char *what;
		bool is_mutual;
		struct {
			const char *data;
			size_t n;
			uint8_t flags, status;
		} answers[3];
		enum ab_discovery_code code;
	} rows[] = {
		{ "no CHAP", false, { { KEYS("AuthMethod=None"), 0x81, 0 } }, 0 },
		{ "not a word", false, { { "", 0, 0x81, 0 } }, 0 },
		{ "no CHAP, proof wanted",
		  true,
		  { { KEYS("AuthMethod=None"), 0x81, 0 } },
		  AB_DISCOVERY_UNPROVEN },
		{ "not a word, proof wanted",
		  true,
		  { { "", 0, 0x81, 0 } },
		  AB_DISCOVERY_UNPROVEN },
		{ "rejected, proof wanted",
		  true,
		  { { KEYS("AuthMethod=Reject"), 0, 0 } },
		  AB_DISCOVERY_UNPROVEN },
		{ "refused at once", false, { { "", 0, 0, 1 } }, AB_DISCOVERY_CHAP },
		{ "refused at once, proof wanted",
		  true,
		  { { "", 0, 0, 1 } },
		  AB_DISCOVERY_UNPROVEN },
		{ "not offered",
		  false,
		  { { KEYS("AuthMethod=KRB5"), 0, 0 } },
		  AB_DISCOVERY_PROTOCOL },
		{ "no stage for it",
		  false,
		  { { KEYS("AuthMethod=CHAP"), 0x81, 0 } },
		  AB_DISCOVERY_PROTOCOL },
		{ "challenge too early",
		  false,
		  { { KEYS(ASKED), 0, 0 } },
		  AB_DISCOVERY_PROTOCOL },
#define ROW(what, mutual, data, flags, status, code)                                   \
	{ what,                                                                        \
	  mutual,                                                                      \
	  { { KEYS("AuthMethod=CHAP"), 0, 0 }, { KEYS(data), flags, status } },        \
	  code }
		ROW("no algorithm in common", false, "CHAP_A=Reject", 0, 0,
		    AB_DISCOVERY_CHAP),
		ROW("an algorithm of its own", false, "CHAP_A=6\0CHAP_I=1\0CHAP_C=0x01",
		    0, 0, AB_DISCOVERY_PROTOCOL),
		ROW("algorithm 261 is not 5", false,
		    "CHAP_A=261\0CHAP_I=1\0CHAP_C=0x01", 0, 0, AB_DISCOVERY_PROTOCOL),
		ROW("no identifier", false, "CHAP_A=5\0CHAP_C=0x01", 0, 0,
		    AB_DISCOVERY_PROTOCOL),
		ROW("identifier too large", false, "CHAP_A=5\0CHAP_I=256\0CHAP_C=0x01",
		    0, 0, AB_DISCOVERY_PROTOCOL),
		ROW("bare 0x", false, "CHAP_A=0x\0CHAP_I=1\0CHAP_C=0x01", 0, 0,
		    AB_DISCOVERY_PROTOCOL),
		ROW("empty challenge", false, "CHAP_A=5\0CHAP_I=1\0CHAP_C=0x", 0, 0,
		    AB_DISCOVERY_PROTOCOL),
		ROW("challenge of text", false, "CHAP_A=5\0CHAP_I=1\0CHAP_C=abc", 0, 0,
		    AB_DISCOVERY_PROTOCOL),
		ROW("bad digit", false, "CHAP_A=5\0CHAP_I=1\0CHAP_C=0x0g", 0, 0,
		    AB_DISCOVERY_PROTOCOL),
		ROW("bad base64", false, "CHAP_A=5\0CHAP_I=1\0CHAP_C=0bMDE", 0, 0,
		    AB_DISCOVERY_PROTOCOL),
		ROW("padding alone", false, "CHAP_A=5\0CHAP_I=1\0CHAP_C=0b====", 0, 0,
		    AB_DISCOVERY_PROTOCOL),
		ROW("twice", false, ASKED "\0CHAP_I=18", 0, 0, AB_DISCOVERY_PROTOCOL),
		ROW("unknown key", false, ASKED "\0CHAP_X=18", 0, 0,
		    AB_DISCOVERY_PROTOCOL),
		ROW("stage ended", false, ASKED, 0x81, 0, AB_DISCOVERY_PROTOCOL),
		ROW("refused after the algorithms", true, "", 0, 1, AB_DISCOVERY_CHAP),
		ROW("our challenge, reflected", true,
		    "CHAP_A=5\0CHAP_I=99\0CHAP_C=0x5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a", 0,
		    0, AB_DISCOVERY_UNPROVEN),
#undef ROW
#define ROW(what, mutual, data, flags, status, code)                                   \
	{ what,                                                                        \
	  mutual,                                                                      \
	  { { KEYS("AuthMethod=CHAP"), 0, 0 },                                         \
	    { KEYS(ASKED), 0, 0 },                                                     \
	    { KEYS(data), flags, status } },                                           \
	  code }
		ROW("one way", false, "", 0x81, 0, 0),
		ROW("refused", false, "", 0, 1, AB_DISCOVERY_CHAP),
		ROW("not asked to prove itself", false, "CHAP_N=a\0CHAP_R=0x01", 0x81,
		    0, AB_DISCOVERY_PROTOCOL),
		ROW("another challenge", true, ASKED, 0, 0, AB_DISCOVERY_PROTOCOL),
		ROW("no proof", true, "", 0x81, 0, AB_DISCOVERY_UNPROVEN),
		ROW("half a proof", true, "CHAP_N=array1", 0x81, 0,
		    AB_DISCOVERY_UNPROVEN),
		ROW("short proof", true, "CHAP_N=array1\0CHAP_R=0x5a", 0x81, 0,
		    AB_DISCOVERY_UNPROVEN),
		ROW("wrong proof", true,
		    "CHAP_N=array1\0CHAP_R=0x5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a", 0x81, 0,
		    AB_DISCOVERY_UNPROVEN),
#undef ROW
	};
	unsigned int i, k;

	(void)state;
	for (i = 0; i < AB_COUNT(rows); i++) {
		struct ab_proto_chap chap = chap_of(rows[i].is_mutual);
		struct stream s = { .n = 0 };
		struct result res;

		for (k = 0; k < 3 && rows[i].answers[k].data; k++)
			add(&s,
			    (struct pdu){ .opcode = 0x23,
					  .flags = rows[i].answers[k].flags,
					  .itt = 1,
					  .status_class =
						  rows[i].answers[k].status ? 2 : 0,
					  .status_detail = rows[i].answers[k].status },
			    rows[i].answers[k].data, rows[i].answers[k].n);
		begin_chap(&res, &chap);
		play(&res, &s, s.n);
		ab_assert_row(rows[i].what, res.proto.code == rows[i].code);
		ab_assert_row(rows[i].what,
			      res.proto.phase == (rows[i].code ? AB_PROTO_ENDED
							       : AB_PROTO_OPERATIONAL));
	}
}

/* Whoever knows one of two equal secrets could answer for the other side; what the
 * target answers with is never what it got from us. */
static void a_proof_is_not_our_own_response(void **state)
{
	struct ab_proto_chap chap = chap_of(true);
	struct stream s = { .n = 0 };
	struct result res;
	char text[256];

	(void)state;
	add(&s, STAY, KEYS("AuthMethod=CHAP"));
	add(&s, STAY, KEYS(ASKED));
	(void)snprintf(text, sizeof(text), "CHAP_N=array1\nCHAP_R=%s\n",
		       respond(AB_CHAP_MD5, 17, "OneWaySecret1", CHALLENGE, 16));
	add_lines(&s, SECURITY, text);
	begin_chap(&res, &chap);
	play(&res, &s, s.n);
	assert_int_equal(res.proto.code, AB_DISCOVERY_UNPROVEN);
}

static void the_longest_challenge_fits(void **state)
{
	struct ab_proto_chap chap = chap_of(false);
	char text[2200] = "CHAP_A=5";
	unsigned int n;

	(void)state;
	(void)strcpy(text + 9, "CHAP_I=1");
	(void)strcpy(text + 18, "CHAP_C=0x");
	memset(text + 27, 'a', 2 * AB_PROTO_CHALLENGE_MAX + 1);
	for (n = 0; n < 2; n++) {
		struct stream s = { .n = 0 };
		struct result res;
		size_t len = 27 + 2 * AB_PROTO_CHALLENGE_MAX + n;

		text[len] = '\0';
		add(&s, STAY, KEYS("AuthMethod=CHAP"));
		add(&s, STAY, text, len + 1);
		begin_chap(&res, &chap);
		play(&res, &s, 7);
		assert_int_equal(res.proto.code,
				 n ? AB_DISCOVERY_PROTOCOL : AB_DISCOVERY_OK);
		text[len] = 'a';
	}
}

static void a_login_without_end_is_ended(void **state)
{
	struct stream s = { .n = 0 };
	struct result res;
	unsigned int i;

	(void)state;
	for (i = 0; i <= AB_PROTO_LOGIN_ROUNDS_MAX; i++)
		add(&s, (struct pdu){ .opcode = 0x23, .itt = 1 }, NULL, 0);
	begin(&res, 100, false);
	play(&res, &s, 48);
	assert_int_equal(res.proto.code, AB_DISCOVERY_LIMIT);
}

static void pings_are_answered(void **state)
{
	struct stream s = { .n = 0 };
	struct result res;
	const uint8_t *h;

	(void)state;
	add_logins(&s);
	add(&s,
	    (struct pdu){ .opcode = 0x20, .itt = 0xffffffff, .ttt = 0x42, .statsn = 9 },
	    NULL, 0);
	add(&s, (struct pdu){ .opcode = 0x20, .itt = 0xffffffff, .ttt = 0xffffffff },
	    NULL, 0); /* wants no answer */
	add(&s, (struct pdu){ .opcode = 0x32, .status_class = 4 }, NULL, 0);
	add(&s, TEXT_LAST, NULL, 0);
	begin(&res, 100, false);
	play(&res, &s, s.n);
	h = sent_pdu(&res, 3);
	assert_int_equal(h[0], 0x40);
	assert_int_equal(h[1], 0x80);
	assert_int_equal(get_u32(h + 16), 0xffffffff);
	assert_int_equal(get_u32(h + 20), 0x42);
	assert_int_equal(get_u32(h + 28), 9); /* its number is not used up */
	assert_int_equal(sent_pdu(&res, 4)[0], 0x46);
	assert_int_equal(res.proto.code, AB_DISCOVERY_OK);
}

static void a_flood_of_pings_is_ended(void **state)
{
	struct stream s = { .n = 0 };
	struct result res;
	unsigned int i;

	(void)state;
	add_logins(&s);
	for (i = 0; i < 100; i++)
		add(&s, (struct pdu){ .opcode = 0x20, .itt = 0xffffffff, .ttt = 1 },
		    NULL, 0);
	begin(&res, 100, false);
	play(&res, &s, s.n); /* nothing is sent meanwhile */
	assert_int_equal(res.proto.code, AB_DISCOVERY_LIMIT);
}

static void an_asked_for_logout_is_done(void **state)
{
	struct stream s = { .n = 0 };
	struct result res;

	(void)state;
	add_logins(&s);
	add(&s, (struct pdu){ .opcode = 0x32, .status_class = 1 }, NULL, 0);
	begin(&res, 100, false);
	play(&res, &s, s.n);
	assert_int_equal(res.proto.phase, AB_PROTO_LOGOUT);
	assert_int_equal(res.proto.code, AB_DISCOVERY_LOGOUT);
	assert_int_equal(sent_pdu(&res, 3)[0], 0x46);
	/* The answer that was on its way does not turn it into a success. */
	s.n = 0;
	add(&s, TEXT_LAST, KEYS(T("a")));
	play(&res, &s, s.n);
	assert_int_equal(res.proto.phase, AB_PROTO_ENDED);
	assert_int_equal(res.proto.code, AB_DISCOVERY_LOGOUT);
	assert_string_equal(res.text, "");
}

static void a_redirection_is_told(void **state)
{
	struct stream s = { .n = 0 };
	struct result res;

	(void)state;
	add(&s, (struct pdu){ .opcode = 0x23, .itt = 1, .status_class = 1 },
	    KEYS("TargetAddress=10.0.0.9:3260"));
	begin(&res, 100, false);
	play(&res, &s, 1);
	assert_int_equal(res.proto.code, AB_DISCOVERY_REDIRECT);
	assert_string_equal(res.proto.redirect, "10.0.0.9:3260");
}

static void the_login_tells_the_tag_of_the_asked_portal(void **state)
{
	struct stream s = { .n = 0 };
	struct result res;

	(void)state;
	add(&s, SECURITY, KEYS("AuthMethod=None\0TargetPortalGroupTag=17"));
	add(&s, OPERATIONAL, KEYS("TargetPortalGroupTag=99999999999"));
	add(&s, TEXT_LAST, KEYS(T("a") T("b") A("10.0.0.1")));
	begin(&res, 100, false);
	play(&res, &s, s.n);
	assert_string_equal(res.text, I("a", ",17") I("b", "10.0.0.1:3260,-1"));
}

static void linklocal_needs_a_device(void **state)
{
	struct stream s = { .n = 0 };
	struct result res;

	(void)state;
	add_logins(&s);
	add(&s, TEXT_LAST, KEYS(T("a") A("[fe80::1]:3260,1")));
	begin(&res, 100, true);
	play(&res, &s, s.n);
	assert_string_equal(res.text, I("a", "[fe80::1]:3260,1"));
}

static void the_limit_of_items_is_exact(void **state)
{
	struct stream s = { .n = 0 };
	struct result res;

	(void)state;
	add_logins(&s);
	add(&s, TEXT_LAST,
	    KEYS(T("a") A("10.0.0.1:3260,1") A("10.0.0.2:3260,1") T("b")));
	begin(&res, 3, false);
	play(&res, &s, s.n);
	assert_int_equal(res.proto.code, AB_DISCOVERY_OK);
	assert_int_equal(res.proto.n_items, 3);
	begin(&res, 2, false);
	play(&res, &s, s.n);
	assert_int_equal(res.proto.code, AB_DISCOVERY_LIMIT);
	assert_int_equal(res.proto.n_items, 2);
}

static void long_pairs_are_left_out(void **state)
{
	char data[4096];
	struct stream s = { .n = 0 };
	struct result res;
	size_t n;

	(void)state;
	memset(data, 'x', sizeof(data));
	memcpy(data, T("a") "TargetName=", sizeof(T("a") "TargetName=") - 1);
	n = 2000;
	data[n++] = '\0';
	memcpy(data + n, A("10.0.0.1") T("b"), sizeof(A("10.0.0.1") T("b")));
	n += sizeof(A("10.0.0.1") T("b")) - 1;
	memcpy(data + n, "TargetAddress=", 14);
	data[3999] = '\0';
	add_logins(&s);
	add(&s, TEXT_LAST, data, 4000);
	begin(&res, 100, false);
	play(&res, &s, 7);
	assert_int_equal(res.proto.code, AB_DISCOVERY_OK);
	/* The address of the long name is nobody's, b has one that cannot be read. */
	assert_string_equal(res.text, I("a", ",-1"));
	assert_int_equal(res.proto.n_skipped[AB_PROTO_SKIP_LENGTH], 2);
}

static void additional_header_segments_are_skipped(void **state)
{
	struct stream s = { .n = 0 };
	struct result res;
	struct pdu last = TEXT_LAST;

	(void)state;
	add_logins(&s);
	last.ahs = 3;
	add(&s, last, KEYS(T("a")));
	begin(&res, 100, false);
	play(&res, &s, 5);
	assert_string_equal(res.text, I("a", ",-1"));
}

static void an_answer_without_end_is_ended(void **state)
{
	static const char filler[65536] = "";
	struct stream s = { .n = 0 };
	struct result res;
	unsigned int i;

	(void)state;
	/* By bytes. */
	add_logins(&s);
	begin(&res, 100, false);
	play(&res, &s, s.n);
	s.n = 0;
	add(&s, (struct pdu){ .opcode = 0x24, .itt = 2, .ttt = 7, .claimed = 65536 },
	    NULL, 0);
	for (i = 0; res.proto.phase == AB_PROTO_TEXT; i++) {
		res.n_sent = 0;
		play(&res, &s, s.n);
		ab_proto_feed(&res.proto, filler, sizeof(filler));
		assert_in_range(i, 0, AB_PROTO_BYTES_MAX / 65536);
	}
	assert_int_equal(res.proto.code, AB_DISCOVERY_LIMIT);
	assert_in_range(i, AB_PROTO_BYTES_MAX / 65536 - 1, AB_PROTO_BYTES_MAX / 65536);

	/* By PDUs without bytes. */
	s.n = 0;
	add_logins(&s);
	begin(&res, 100, false);
	play(&res, &s, s.n);
	s.n = 0;
	add(&s, (struct pdu){ .opcode = 0x24, .itt = 2, .ttt = 7 }, NULL, 0);
	for (i = 2; res.proto.phase == AB_PROTO_TEXT; i++) {
		res.n_sent = 0;
		play(&res, &s, s.n);
	}
	assert_int_equal(res.proto.code, AB_DISCOVERY_LIMIT);
	assert_int_equal(i, AB_PROTO_PDUS_MAX + 1);
}

static void every_code_has_words(void **state)
{
	int i;

	(void)state;
	for (i = AB_DISCOVERY_USAGE; i < AB_DISCOVERY_CODE_MAX; i++)
		assert_string_not_equal(ab_discovery_strerror(i), "unknown code");
	assert_string_equal(ab_discovery_strerror(1), "unknown code");
	assert_string_equal(ab_discovery_strerror(-1), "unknown code");
	assert_string_equal(ab_discovery_strerror(AB_DISCOVERY_CODE_MAX),
			    "unknown code");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_answers),
		cmocka_unit_test(login_answers),
		cmocka_unit_test(full_feature_failures),
		cmocka_unit_test(requests_are_those_of_the_standard),
		cmocka_unit_test(every_cut_of_the_stream_gives_the_same),
		cmocka_unit_test(a_stream_that_stops_is_no_answer),
		cmocka_unit_test(proposed_keys_are_answered),
		cmocka_unit_test(a_login_in_parts_is_read_as_one),
		cmocka_unit_test(a_login_without_end_is_ended),
		cmocka_unit_test(pings_are_answered),
		cmocka_unit_test(a_flood_of_pings_is_ended),
		cmocka_unit_test(an_asked_for_logout_is_done),
		cmocka_unit_test(a_redirection_is_told),
		cmocka_unit_test(the_login_tells_the_tag_of_the_asked_portal),
		cmocka_unit_test(linklocal_needs_a_device),
		cmocka_unit_test(the_limit_of_items_is_exact),
		cmocka_unit_test(long_pairs_are_left_out),
		cmocka_unit_test(additional_header_segments_are_skipped),
		cmocka_unit_test(an_answer_without_end_is_ended),
		cmocka_unit_test(every_code_has_words),
		cmocka_unit_test(chap_is_one_way_or_mutual),
		cmocka_unit_test(chap_that_is_not_right_ends_the_session),
		cmocka_unit_test(a_proof_is_not_our_own_response),
		cmocka_unit_test(the_longest_challenge_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
