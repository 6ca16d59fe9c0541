/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/proto.h"

#include <assert.h>
#include <string.h>

#include "core/name.h"
#include "core/proto_chap.h"

#define BHS_SIZE 48u
#define RESERVED_TAG 0xffffffffu /* "no tag" in ITT and TTT */
#define TEXT_PAIR_MAX 512u	 /* a longer key=value of an answer is none of ours */

/* RFC 7143 11.2.1.2. */
enum {
	OP_NOP_OUT = 0x00,
	OP_LOGIN = 0x03,
	OP_TEXT = 0x04,
	OP_LOGOUT = 0x06,
	OP_NOP_IN = 0x20,
	OP_LOGIN_RESPONSE = 0x23,
	OP_TEXT_RESPONSE = 0x24,
	OP_LOGOUT_RESPONSE = 0x26,
	OP_ASYNC = 0x32,
	OP_REJECT = 0x3f,
	OP_MASK = 0x3f,
	OP_IMMEDIATE = 0x40,
};

/* The second byte: F or T, C, and in logins the current and the next stage. */
enum {
	FLAG_FINAL = 0x80,
	FLAG_CONTINUE = 0x40,
	STAGE_SECURITY = 0,
	STAGE_OPERATIONAL = 1,
	STAGE_FULL_FEATURE = 3,
};

/* Where fields stand in a header (RFC 7143 11.10 to 11.19). */
enum {
	AT_FLAGS = 1,
	AT_REASON = 2,	/* Reject; in logout responses Response */
	AT_VERSION = 3, /* login response: Version-active */
	AT_AHS_LENGTH = 4,
	AT_DATA_LENGTH = 5,
	AT_LUN = 8, /* logins: ISID */
	AT_ITT = 16,
	AT_TTT = 20,
	AT_STATSN = 24,
	AT_EXP_STATSN = 28, /* requests */
	AT_STATUS_CLASS = 36,
	AT_STATUS_DETAIL = 37,
	AT_ASYNC_EVENT = 36,
};

const char *ab_discovery_strerror(int code)
{
	static const char *const texts[AB_DISCOVERY_CODE_MAX] = {
		[AB_DISCOVERY_OK] = "complete",
		[AB_DISCOVERY_USAGE] = "the arguments are wrong",
		[AB_DISCOVERY_SYSTEM] = "this system refused a resource",
		[AB_DISCOVERY_BIND] = "the socket is not bound to the device",
		[AB_DISCOVERY_UNREACHABLE] = "the portal is unreachable",
		[AB_DISCOVERY_REFUSED] = "the portal refuses connections",
		[AB_DISCOVERY_TIMEOUT] = "no complete answer within the deadline",
		[AB_DISCOVERY_CLOSED] = "the target closed the connection too early",
		[AB_DISCOVERY_PROTOCOL] = "the target does not speak iSCSI correctly",
		[AB_DISCOVERY_LIMIT] = "the answer exceeds a limit",
		[AB_DISCOVERY_DENIED] = "the target denies the login",
		[AB_DISCOVERY_AUTH] = "the target wants authentication",
		[AB_DISCOVERY_BUSY] = "the target cannot serve a login now",
		[AB_DISCOVERY_REDIRECT] = "the target redirects the login",
		[AB_DISCOVERY_REJECTED] = "the target rejected a request",
		[AB_DISCOVERY_LOGOUT] = "the target asked to log out",
		[AB_DISCOVERY_CHAP] = "the target refused the CHAP name or secret",
		[AB_DISCOVERY_UNPROVEN] = "the target could not prove itself by CHAP",
		[AB_DISCOVERY_SECRET] = "the CHAP secret cannot be used",
	};

	if (code < 0 || code >= AB_DISCOVERY_CODE_MAX || !texts[code])
		return "unknown code";
	return texts[code];
}

const char *ab_proto_skip_name(enum ab_proto_skip skip)
{
	static const char *const texts[AB_PROTO_SKIP_MAX] = {
		[AB_PROTO_SKIP_SYNTAX] = "malformed",
		[AB_PROTO_SKIP_NAME] = "with a forbidden target name",
		[AB_PROTO_SKIP_LENGTH] = "too long",
		[AB_PROTO_SKIP_DOMAIN] = "with a domain name",
		[AB_PROTO_SKIP_UNUSABLE] = "with an address that is no portal's",
	};

	assert(skip < AB_PROTO_SKIP_MAX);
	return texts[skip];
}

static uint32_t get_u32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 |
	       at[3];
}

static void put_u32(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 24);
	at[1] = (uint8_t)(v >> 16);
	at[2] = (uint8_t)(v >> 8);
	at[3] = (uint8_t)v;
}

/* Once the farewell has begun the outcome stands, whatever still comes in. */
static void end(struct ab_proto *p, enum ab_discovery_code code, const char *why)
{
	bool is_settled = p->phase == AB_PROTO_LOGOUT;

	p->phase = AB_PROTO_ENDED;
	if (is_settled)
		return;
	p->code = code;
	p->why = why;
}

static void end_protocol(struct ab_proto *p, const char *why)
{
	end(p, AB_DISCOVERY_PROTOCOL, why);
}

/* --- what we send ----------------------------------------------------------------- */

/*
 * Appends a PDU and returns its header, or NULL when a target makes us answer faster
 * than it reads: then the session is over.
 */
static uint8_t *add_pdu(struct ab_proto *p, uint8_t opcode, uint8_t flags,
			const char *data, size_t n)
{
	size_t padded = (n + 3) & ~(size_t)3;
	uint8_t *h = p->out + p->n_out;

	if (BHS_SIZE + padded > sizeof(p->out) - p->n_out) {
		end(p, AB_DISCOVERY_LIMIT, "it asks more than it reads");
		return NULL;
	}
	memset(h, 0, BHS_SIZE + padded);
	h[0] = opcode | OP_IMMEDIATE;
	h[AT_FLAGS] = flags;
	h[AT_DATA_LENGTH + 1] = (uint8_t)(n >> 8);
	h[AT_DATA_LENGTH + 2] = (uint8_t)n;
	put_u32(h + AT_ITT, p->itt);
	/* CmdSN stays 0: every request of ours is immediate (RFC 7143 4.2.2.1). */
	put_u32(h + AT_EXP_STATSN, p->exp_statsn);
	if (n > 0)
		memcpy(h + BHS_SIZE, data, n);
	p->n_out += (uint32_t)(BHS_SIZE + padded);
	return h;
}

static void add_pair(struct ab_text *t, const char *key, const char *value)
{
	ab_text_add(t, key);
	ab_text_addc(t, '=');
	ab_text_add(t, value);
	ab_text_addn(t, "", 1);
}

static void add_login(struct ab_proto *p, uint8_t flags, const char *text, size_t n)
{
	uint8_t *h = add_pdu(p, OP_LOGIN, flags, text, n);

	if (h)
		memcpy(h + AT_LUN, p->isid, sizeof(p->isid));
}

static uint8_t stage_of(const struct ab_proto *p)
{
	return p->phase == AB_PROTO_SECURITY ? STAGE_SECURITY : STAGE_OPERATIONAL;
}

/* T with the stage we are in and the one we want to go to. */
static uint8_t transit_flags(const struct ab_proto *p)
{
	uint8_t next =
		p->phase == AB_PROTO_SECURITY ? STAGE_OPERATIONAL : STAGE_FULL_FEATURE;

	return (uint8_t)(FLAG_FINAL | stage_of(p) << 2 | next);
}

static void begin_security(struct ab_proto *p, const char *initiator)
{
	char buf[AB_TARGET_NAME + 96];
	struct ab_text t;

	p->phase = AB_PROTO_SECURITY;
	ab_text_init(&t, buf, sizeof(buf));
	add_pair(&t, "InitiatorName", initiator);
	add_pair(&t, "SessionType", "Discovery");
	/* Who wants a proof does not offer to do without. */
	add_pair(&t, "AuthMethod",
		 !p->chap			    ? "None"
		 : ab_chap_is_mutual(&p->chap->who) ? "CHAP"
						    : "CHAP,None");
	assert(!t.cut);
	add_login(p, transit_flags(p), t.buf, t.len);
}

/* A request in the middle of the security stage. */
static void add_security(struct ab_proto *p, const struct ab_text *t, bool is_last)
{
	assert(!t->cut);
	add_login(p, is_last ? transit_flags(p) : STAGE_SECURITY << 2, t->buf, t->len);
}

static void begin_operational(struct ab_proto *p)
{
	char buf[sizeof(p->reply) + 192];
	struct ab_text t;

	p->phase = AB_PROTO_OPERATIONAL;
	ab_text_init(&t, buf, sizeof(buf));
	add_pair(&t, "HeaderDigest", "None");
	add_pair(&t, "DataDigest", "None");
	add_pair(&t, "DefaultTime2Wait", "0");
	add_pair(&t, "DefaultTime2Retain", "0");
	add_pair(&t, "ErrorRecoveryLevel", "0");
	ab_text_add(&t, "MaxRecvDataSegmentLength=");
	ab_text_addu(&t, AB_PROTO_DATA_MAX);
	ab_text_addn(&t, "", 1);
	ab_text_addn(&t, p->reply, p->n_reply);
	assert(!t.cut);
	p->n_reply = 0;
	add_login(p, transit_flags(p), t.buf, t.len);
}

static void begin_text(struct ab_proto *p)
{
	static const char text[] = "SendTargets=All"; /* with its NUL */
	uint8_t *h;

	p->phase = AB_PROTO_TEXT;
	p->itt++;
	h = add_pdu(p, OP_TEXT, FLAG_FINAL, text, sizeof(text));
	if (h)
		put_u32(h + AT_TTT, RESERVED_TAG);
}

static void begin_logout(struct ab_proto *p, enum ab_discovery_code code,
			 const char *why)
{
	p->phase = AB_PROTO_LOGOUT;
	p->code = code;
	p->why = why;
	p->itt++;
	add_pdu(p, OP_LOGOUT, FLAG_FINAL, NULL, 0); /* reason 0: close the session */
}

/* --- keys ------------------------------------------------------------------------- */

/* Answers a key that the target proposed (RFC 7143 6.2): we have no use for any. */
static void answer_key(struct ab_proto *p, const char *key, const char *value)
{
	/* Never answered: declarations, and what our own requests have offered. */
	static const char *const settled[] = {
		"TargetAlias",	    "TargetName",	  "TargetAddress",
		"AuthMethod",	    "HeaderDigest",	  "DataDigest",
		"DefaultTime2Wait", "DefaultTime2Retain", "ErrorRecoveryLevel",
		"InitiatorName",    "SessionType",	  "MaxRecvDataSegmentLength",
	};
	/* "Irrelevant when SessionType=Discovery" (RFC 7143 13). */
	static const char *const irrelevant[] = {
		"MaxConnections", "InitialR2T",		 "ImmediateData",
		"MaxBurstLength", "FirstBurstLength",	 "MaxOutstandingR2T",
		"DataPDUInOrder", "DataSequenceInOrder",
	};
	const char *word = "NotUnderstood";
	struct ab_text t;
	unsigned int i;

	if (ab_streq(value, "NotUnderstood") || ab_streq(value, "Irrelevant") ||
	    ab_streq(value, "Reject"))
		return; /* an answer, not a proposal */
	for (i = 0; i < sizeof(settled) / sizeof(settled[0]); i++)
		if (ab_streq(key, settled[i]))
			return;
	for (i = 0; i < sizeof(irrelevant) / sizeof(irrelevant[0]); i++)
		if (ab_streq(key, irrelevant[i]))
			word = "Irrelevant";
	ab_text_init(&t, p->reply + p->n_reply, sizeof(p->reply) - p->n_reply);
	add_pair(&t, key, word);
	if (t.cut)
		end(p, AB_DISCOVERY_LIMIT, "it proposes too many login keys");
	else
		p->n_reply += (uint32_t)t.len;
}

/* What ab_proto_chap_* has to say ends the session unless it is AB_DISCOVERY_OK. */
static bool is_chap_ok(struct ab_proto *p, struct ab_proto_verdict verdict)
{
	if (verdict.code != AB_DISCOVERY_OK)
		end(p, verdict.code, verdict.why);
	return verdict.code == AB_DISCOVERY_OK;
}

/* Return: true when it was a key of the security stage. */
static bool on_security_key(struct ab_proto *p, const char *key, const char *value)
{
	if (p->chap && (ab_streq(key, "AuthMethod") || ab_starts_with(key, "CHAP_"))) {
		(void)is_chap_ok(p, ab_proto_chap_key(p, key, value));
		return true;
	}
	if (!ab_streq(key, "AuthMethod"))
		return false;
	if (!ab_streq(value, "None"))
		end(p, AB_DISCOVERY_AUTH, "");
	return true;
}

static void on_login_key(struct ab_proto *p, const char *key, const char *value)
{
	struct ab_portal unused;

	if (p->bhs[AT_STATUS_CLASS] != 0) {
		if (ab_streq(key, "TargetAddress"))
			(void)ab_copy(p->redirect, sizeof(p->redirect), value);
		return;
	}
	if (p->phase == AB_PROTO_SECURITY && on_security_key(p, key, value))
		return;
	if ((ab_streq(key, "HeaderDigest") || ab_streq(key, "DataDigest")) &&
	    !ab_streq(value, "None")) {
		end_protocol(p, "it chose a digest that was not offered");
		return;
	}
	if (ab_streq(key, "TargetPortalGroupTag")) {
		char text[32] = "0.0.0.0,";

		/* The tag alone has the same limits as one behind an address. */
		if (strlen(value) < 8) {
			memcpy(text + 8, value, strlen(value) + 1);
			(void)ab_name_parse_portal_tpgt(text, &unused, &p->login_tpgt);
		}
		return;
	}
	answer_key(p, key, value);
}

static void give_item(struct ab_proto *p)
{
	if (p->n_items == p->items_max) {
		end(p, AB_DISCOVERY_LIMIT, "it names more portals than are wanted");
		return;
	}
	p->n_items++;
	p->fn(p->arg, &p->item);
}

/* Ends the record of a target: without any address it has the one we asked. */
static void finish_target(struct ab_proto *p)
{
	if (p->has_target && !p->has_address) {
		p->item.portal = (struct ab_portal){ 0 };
		p->item.tpgt = p->login_tpgt;
		give_item(p);
	}
	p->has_target = false;
}

/* "storage.example.com:3260,1": a letter that cannot be part of an IPv6 address. */
static bool is_domain(const char *value)
{
	const char *s;

	if (value[0] == '[' || !ab_is_alnum(value[0]))
		return false;
	for (s = value; *s && *s != ':' && *s != ','; s++) {
		if (!ab_is_alnum(*s) && *s != '.' && *s != '-' && *s != '_')
			return false;
	}
	/* Digits and dots alone are a mistyped address. */
	for (s = value; *s && *s != ':' && *s != ','; s++)
		if (!ab_is_digit(*s) && *s != '.')
			return true;
	return false;
}

static void on_address(struct ab_proto *p, const char *value)
{
	struct ab_portal portal;
	int32_t tpgt;

	if (!p->has_target)
		return; /* of a name that was counted already, or of no name at all */
	p->has_address = true;
	if (ab_name_parse_portal_tpgt(value, &portal, &tpgt)) {
		p->n_skipped[is_domain(value) ? AB_PROTO_SKIP_DOMAIN
					      : AB_PROTO_SKIP_SYNTAX]++;
		return;
	}
	if (ab_addr_is_unusable(&portal.addr) ||
	    (ab_addr_is_linklocal6(&portal.addr) && !p->has_device)) {
		p->n_skipped[AB_PROTO_SKIP_UNUSABLE]++;
		return;
	}
	p->item.portal = portal;
	p->item.tpgt = tpgt;
	give_item(p);
}

static void on_text_key(struct ab_proto *p, const char *key, const char *value)
{
	if (ab_streq(key, "TargetName")) {
		finish_target(p);
		if (p->phase == AB_PROTO_ENDED)
			return;
		p->has_address = false;
		p->has_target = ab_name_check_target(value) == 0;
		if (p->has_target)
			p->has_target =
				ab_copy(p->item.target, sizeof(p->item.target), value);
		else
			p->n_skipped[AB_PROTO_SKIP_NAME]++;
	} else if (ab_streq(key, "TargetAddress")) {
		on_address(p, value);
	}
}

/* What did not fit: it is left out, and a name takes its addresses with it. */
static void on_long_pair(struct ab_proto *p)
{
	p->n_skipped[AB_PROTO_SKIP_LENGTH]++;
	if (ab_starts_with(p->pair, "TargetName=")) {
		finish_target(p);
		p->has_target = false;
	} else if (ab_starts_with(p->pair, "TargetAddress=")) {
		p->has_address = true;
	}
}

static void on_pair(struct ab_proto *p)
{
	bool is_login = p->phase < AB_PROTO_TEXT, is_long = p->is_long;
	uint32_t n = p->n_pair;
	char *equals;

	p->n_pair = 0;
	p->is_long = false;
	if (n == 0)
		return; /* padding that was counted as data */
	p->pair[n] = '\0';
	equals = strchr(p->pair, '=');
	if (is_login && (is_long || !equals)) {
		end_protocol(p, "a login answer is no list of key=value pairs");
	} else if (is_long) {
		on_long_pair(p);
	} else if (!equals) {
		p->n_skipped[AB_PROTO_SKIP_SYNTAX]++;
	} else {
		*equals = '\0';
		if (is_login)
			on_login_key(p, p->pair, equals + 1);
		else
			on_text_key(p, p->pair, equals + 1);
	}
}

/* A pair ends with NUL wherever PDUs end (RFC 7143 6.1, appendix C). */
static void on_text_bytes(struct ab_proto *p, const uint8_t *data, size_t n)
{
	while (n > 0 && p->phase != AB_PROTO_ENDED) {
		const uint8_t *nul = memchr(data, 0, n);
		size_t part = nul ? (size_t)(nul - data) : n;
		size_t max = p->phase < AB_PROTO_TEXT ? sizeof(p->pair) : TEXT_PAIR_MAX;
		size_t room = max - 1 - p->n_pair;

		if (part > room)
			p->is_long = true;
		if (room > part)
			room = part;
		memcpy(p->pair + p->n_pair, data, room);
		p->n_pair += (uint32_t)room;
		if (nul) {
			on_pair(p);
			part++;
		}
		data += part;
		n -= part;
	}
}

/* --- PDUs ------------------------------------------------------------------------- */

static bool is_status_ok(struct ab_proto *p)
{
	p->detail = p->bhs[AT_STATUS_DETAIL];
	switch (p->bhs[AT_STATUS_CLASS]) {
	case 0:
		return true;
	case 1:
		end(p, AB_DISCOVERY_REDIRECT, "");
		break;
	case 2: /* detail 1: authentication failed, as targets say to AuthMethod=None */
		if (p->detail != 1)
			end(p, AB_DISCOVERY_DENIED, "");
		else if (p->chap)
			(void)is_chap_ok(p, ab_proto_chap_refused(p));
		else
			end(p, AB_DISCOVERY_AUTH, "");
		break;
	case 3:
		end(p, AB_DISCOVERY_BUSY, "");
		break;
	default:
		end_protocol(p, "a login status of an unknown class");
		break;
	}
	return false;
}

/*
 * The security stage with CHAP. Return: false when the answer was taken, or the session
 * has ended; true: go on as without CHAP.
 */
static bool is_security_over(struct ab_proto *p, bool wants_transit)
{
	char buf[AB_CHAP_SECRET + 4 * AB_PROTO_DIGEST_MAX + sizeof(p->reply) + 96];
	enum ab_proto_chap_next next;
	struct ab_text t;

	ab_text_init(&t, buf, sizeof(buf));
	if (!is_chap_ok(p, ab_proto_chap_answer(p, wants_transit, &t, &next)))
		return false;
	if (next == AB_PROTO_CHAP_TRANSIT)
		return true;
	ab_text_addn(&t, p->reply, p->n_reply);
	p->n_reply = 0;
	add_security(p, &t, next == AB_PROTO_CHAP_SEND_LAST);
	return false;
}

static void on_login_response(struct ab_proto *p)
{
	uint8_t flags = p->bhs[AT_FLAGS];

	/* Also when the status is bad: then the address of a redirection
	 * is complete. */
	if (!(flags & FLAG_CONTINUE) && p->n_pair > 0)
		on_pair(p);
	if (p->phase == AB_PROTO_ENDED || !is_status_ok(p))
		return;
	if (p->bhs[AT_VERSION] != 0) {
		end_protocol(p, "a version of iSCSI that does not exist");
		return;
	}
	if ((flags >> 2 & 3) != stage_of(p)) {
		end_protocol(p, "a login answer for another stage");
		return;
	}
	if (++p->n_rounds > AB_PROTO_LOGIN_ROUNDS_MAX) {
		end(p, AB_DISCOVERY_LIMIT, "its login does not come to an end");
		return;
	}
	if ((flags & FLAG_FINAL) && (flags & FLAG_CONTINUE)) {
		end_protocol(p, "a login answer that ends and goes on");
	} else if (flags & FLAG_CONTINUE) {
		add_login(p, (uint8_t)(stage_of(p) << 2), NULL, 0);
	} else if (p->phase == AB_PROTO_SECURITY && p->chap &&
		   !is_security_over(p, flags & FLAG_FINAL)) {
		return;
	} else if (!(flags & FLAG_FINAL)) {
		uint32_t n = p->n_reply;

		p->n_reply = 0;
		add_login(p, transit_flags(p), p->reply, n);
	} else if ((flags & 3) != (transit_flags(p) & 3)) {
		end_protocol(p, "a login stage that was not asked for");
	} else if (p->phase == AB_PROTO_SECURITY) {
		begin_operational(p);
	} else {
		begin_text(p);
	}
}

static void on_text_response(struct ab_proto *p)
{
	uint8_t flags = p->bhs[AT_FLAGS];
	uint32_t ttt = get_u32(p->bhs + AT_TTT);
	uint8_t *h;

	if (flags & FLAG_FINAL) {
		if (flags & FLAG_CONTINUE) {
			end_protocol(p, "a text answer that ends and goes on");
			return;
		}
		/* A tag here promises more, but F is what ends the answer. */
		on_pair(p);
		if (p->phase == AB_PROTO_TEXT)
			finish_target(p);
		if (p->phase == AB_PROTO_TEXT)
			begin_logout(p, AB_DISCOVERY_OK, "");
		return;
	}
	if (ttt == RESERVED_TAG) {
		end_protocol(p, "a text answer that goes on without a transfer tag");
		return;
	}
	h = add_pdu(p, OP_TEXT, FLAG_FINAL, NULL, 0);
	if (!h)
		return;
	memcpy(h + AT_LUN, p->bhs + AT_LUN, 8);
	put_u32(h + AT_TTT, ttt);
}

static void on_nop_in(struct ab_proto *p)
{
	uint32_t ttt = get_u32(p->bhs + AT_TTT);
	uint8_t *h;

	if (ttt == RESERVED_TAG)
		return; /* it wants no answer */
	h = add_pdu(p, OP_NOP_OUT, FLAG_FINAL, NULL, 0);
	if (!h)
		return;
	memcpy(h + AT_LUN, p->bhs + AT_LUN, 8);
	put_u32(h + AT_ITT, RESERVED_TAG);
	put_u32(h + AT_TTT, ttt);
}

/* RFC 7143 11.9.1. */
static void on_async(struct ab_proto *p)
{
	switch (p->bhs[AT_ASYNC_EVENT]) {
	case 1: /* asks for a logout */
		begin_logout(p, AB_DISCOVERY_LOGOUT, "");
		break;
	case 2: /* drops this connection */
	case 3: /* drops all connections of the session */
		end(p, AB_DISCOVERY_LOGOUT, "it drops the connection");
		break;
	default: /* SCSI events, negotiation we have nothing for, vendor's own */
		break;
	}
}

/* True when a PDU of this opcode may come in now. */
static bool is_expected(const struct ab_proto *p, uint8_t opcode)
{
	switch (opcode) {
	case OP_LOGIN_RESPONSE:
		return p->phase < AB_PROTO_TEXT;
	case OP_TEXT_RESPONSE:
		return p->phase == AB_PROTO_TEXT;
	case OP_LOGOUT_RESPONSE:
		return p->phase == AB_PROTO_LOGOUT;
	case OP_NOP_IN:
	case OP_ASYNC:
		return p->phase >= AB_PROTO_TEXT;
	case OP_REJECT:
		return true;
	default:
		return false;
	}
}

static void on_header(struct ab_proto *p)
{
	uint8_t opcode = p->bhs[0] & OP_MASK;
	uint32_t max =
		p->phase < AB_PROTO_TEXT ? AB_PROTO_LOGIN_DATA_MAX : AB_PROTO_DATA_MAX;
	bool is_answer;

	p->n_ahs = p->bhs[AT_AHS_LENGTH] * 4u;
	p->n_data = get_u32(p->bhs + AT_AHS_LENGTH) & 0xffffff;
	p->n_pad = -p->n_data & 3;
	if (!is_expected(p, opcode)) {
		end_protocol(p, "a PDU that has no place here");
		return;
	}
	if (p->n_data > max) {
		end_protocol(p, "a PDU longer than was agreed");
		return;
	}
	if (++p->n_pdus > AB_PROTO_PDUS_MAX) {
		end(p, AB_DISCOVERY_LIMIT, "it does not come to an end");
		return;
	}
	is_answer = opcode == OP_LOGIN_RESPONSE || opcode == OP_TEXT_RESPONSE ||
		    opcode == OP_LOGOUT_RESPONSE;
	if (is_answer && get_u32(p->bhs + AT_ITT) != p->itt)
		end_protocol(p, "an answer to a request that was not made");
}

static void on_pdu(struct ab_proto *p)
{
	uint8_t opcode = p->bhs[0] & OP_MASK;

	/* A NOP-In of the target's own takes no number (RFC 7143 11.19.2). */
	if (opcode == OP_NOP_IN && get_u32(p->bhs + AT_ITT) == RESERVED_TAG)
		p->exp_statsn = get_u32(p->bhs + AT_STATSN);
	else
		p->exp_statsn = get_u32(p->bhs + AT_STATSN) + 1;
	switch (opcode) {
	case OP_LOGIN_RESPONSE:
		on_login_response(p);
		break;
	case OP_TEXT_RESPONSE:
		on_text_response(p);
		break;
	case OP_LOGOUT_RESPONSE: /* whatever it says: the connection is closed next */
		p->phase = AB_PROTO_ENDED;
		break;
	case OP_NOP_IN:
		on_nop_in(p);
		break;
	case OP_ASYNC:
		if (p->phase == AB_PROTO_TEXT)
			on_async(p);
		break;
	default: /* Reject */
		if (p->phase == AB_PROTO_LOGOUT) {
			p->phase = AB_PROTO_ENDED;
			break;
		}
		p->detail = p->bhs[AT_REASON];
		end(p, AB_DISCOVERY_REJECTED, "");
		break;
	}
}

static size_t take_header(struct ab_proto *p, const uint8_t *data, size_t n)
{
	size_t part = BHS_SIZE - p->n_bhs;

	if (part > n)
		part = n;
	memcpy(p->bhs + p->n_bhs, data, part);
	p->n_bhs += (uint32_t)part;
	if (p->n_bhs == BHS_SIZE)
		on_header(p);
	return part;
}

/* The data segment, or what is to be skipped around it. */
static size_t take_body(struct ab_proto *p, const uint8_t *data, size_t n)
{
	uint8_t opcode = p->bhs[0] & OP_MASK;
	uint32_t *left = p->n_ahs > 0	 ? &p->n_ahs
			 : p->n_data > 0 ? &p->n_data
					 : &p->n_pad;

	if (n > *left)
		n = *left;
	if (left == &p->n_data &&
	    (opcode == OP_LOGIN_RESPONSE || opcode == OP_TEXT_RESPONSE))
		on_text_bytes(p, data, n);
	*left -= (uint32_t)n;
	return n;
}

void ab_proto_feed(struct ab_proto *p, const void *data, size_t n)
{
	const uint8_t *at = data;

	while (n > 0 && p->phase != AB_PROTO_ENDED) {
		size_t part = p->n_bhs < BHS_SIZE ? take_header(p, at, n)
						  : take_body(p, at, n);

		at += part;
		n -= part;
		p->n_bytes += (uint32_t)part;
		if (p->phase == AB_PROTO_ENDED)
			return;
		if (p->n_bytes > AB_PROTO_BYTES_MAX) {
			end(p, AB_DISCOVERY_LIMIT, "it does not come to an end");
			return;
		}
		if (p->n_bhs == BHS_SIZE && p->n_ahs + p->n_data + p->n_pad == 0) {
			p->n_bhs = 0;
			on_pdu(p);
		}
	}
}

void ab_proto_closed(struct ab_proto *p)
{
	if (p->phase < AB_PROTO_LOGOUT)
		end(p, AB_DISCOVERY_CLOSED, "");
	p->phase = AB_PROTO_ENDED;
}

size_t ab_proto_pending(const struct ab_proto *p, const void **ret_data)
{
	*ret_data = p->out;
	return p->n_out;
}

void ab_proto_sent(struct ab_proto *p, size_t n)
{
	assert(n <= p->n_out);
	p->n_out -= (uint32_t)n;
	memmove(p->out, p->out + n, p->n_out);
}

void ab_proto_init(struct ab_proto *p, const struct ab_proto_config *config)
{
	assert(strlen(config->initiator) < AB_TARGET_NAME);
	*p = (struct ab_proto){
		.why = "",
		.fn = config->fn,
		.arg = config->arg,
		.items_max = config->items_max,
		.has_device = config->has_device,
		.chap = config->chap,
		.login_tpgt = AB_TPGT_UNKNOWN,
		.itt = 1,
		/* T=10b: the rest is random (RFC 7143 11.12.5). */
		.isid = { 0x80, (uint8_t)(config->nonce >> 32),
			  (uint8_t)(config->nonce >> 24),
			  (uint8_t)(config->nonce >> 16), (uint8_t)(config->nonce >> 8),
			  (uint8_t)config->nonce },
	};
	begin_security(p, config->initiator);
}
