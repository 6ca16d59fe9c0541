/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/proto_chap.h"

#include <assert.h>
#include <string.h>

#include "util/num.h"
#include "util/wipe.h"

/* ab_proto.auth.step: what the target has to say next. */
enum {
	STEP_METHOD,	/* AuthMethod */
	STEP_CHALLENGE, /* CHAP_A, CHAP_I, CHAP_C */
	STEP_RESULT,	/* its own CHAP_N and CHAP_R, if it has to prove itself */
	STEP_OVER,	/* no CHAP, or all of it is done */
};

/* ab_proto.auth.seen, in the order of key_names. */
enum {
	SEEN_METHOD = 1,
	SEEN_A = 2,
	SEEN_I = 4,
	SEEN_C = 8,
	SEEN_N = 16,
	SEEN_R = 32,
	SEEN_NO_CHAP = 64, /* AuthMethod said None, or was rejected */
};

static const char *const key_names[] = { "AuthMethod", "CHAP_A", "CHAP_I",
					 "CHAP_C",     "CHAP_N", "CHAP_R" };

static const struct ab_proto_verdict ok = { AB_DISCOVERY_OK, "" };
static const struct ab_proto_verdict no_chap = {
	AB_DISCOVERY_UNPROVEN, "it does no CHAP, and username_in asks for it"
};

static struct ab_proto_verdict say(enum ab_discovery_code code, const char *why)
{
	return (struct ab_proto_verdict){ code, why };
}

static struct ab_proto_verdict wrong(const char *why)
{
	return say(AB_DISCOVERY_PROTOCOL, why);
}

static bool is_mutual(const struct ab_proto *p)
{
	return ab_chap_is_mutual(&p->chap->who);
}

/* --- values ----------------------------------------------------------------------- */

/* "7" or "0x7" (RFC 7143 6.1: numerical value). */
static bool take_byte(const char *s, uint8_t *ret)
{
	uint64_t v = 0;
	int digit;

	if (!ab_starts_with_nocase(s, "0x")) {
		if (ab_num_u64(s, 0, UINT8_MAX, &v))
			return false;
		*ret = (uint8_t)v;
		return true;
	}
	for (s += 2; *s && v <= UINT8_MAX; s++) {
		digit = ab_hex_digit(*s);
		if (digit < 0)
			return false;
		v = v * 16 + (unsigned int)digit;
	}
	*ret = (uint8_t)v;
	return s[-1] != 'x' && s[-1] != 'X' && v <= UINT8_MAX;
}

/* An odd digit at the front is a byte of its own. Return: bytes, 0 when it is none. */
static size_t take_hex(const char *s, uint8_t *out, size_t max)
{
	size_t digits = strlen(s), n = 0;
	int high = 0, low;

	if (digits == 0 || (digits + 1) / 2 > max)
		return 0;
	if (digits % 2 == 0)
		high = ab_hex_digit(*s++);
	while (*s) {
		low = ab_hex_digit(*s++);
		if (high < 0 || low < 0)
			return 0;
		out[n++] = (uint8_t)(high << 4 | low);
		if (*s)
			high = ab_hex_digit(*s++);
	}
	return n;
}

/* 0 to 63, or -1. */
static int base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (ab_is_digit(c))
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* RFC 4648 4, with its padding. */
static size_t take_base64(const char *s, uint8_t *out, size_t max)
{
	size_t len = strlen(s), n_pad = 0, n = 0, i;
	uint32_t bits = 0;

	if (len == 0 || len % 4)
		return 0;
	while (n_pad < 2 && s[len - 1 - n_pad] == '=')
		n_pad++;
	if (len / 4 * 3 - n_pad > max)
		return 0;
	for (i = 0; i < len - n_pad; i++) {
		int digit = base64_digit(s[i]);

		if (digit < 0)
			return 0;
		bits = bits << 6 | (uint32_t)digit;
		if (i % 4)
			out[n++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
	}
	return n;
}

/* "0x..." or "0b..." (RFC 7143 6.1: binary value). Return: bytes, 0 when it is none. */
static size_t take_binary(const char *s, uint8_t *out, size_t max)
{
	if (ab_starts_with_nocase(s, "0x"))
		return take_hex(s + 2, out, max);
	if (ab_starts_with_nocase(s, "0b"))
		return take_base64(s + 2, out, max);
	return 0;
}

static void add_key(struct ab_text *t, const char *key)
{
	ab_text_add(t, key);
	ab_text_addc(t, '=');
}

static void end_key(struct ab_text *t)
{
	ab_text_addn(t, "", 1);
}

static void add_binary(struct ab_text *t, const char *key, const uint8_t *data,
		       size_t n)
{
	size_t i;

	add_key(t, key);
	ab_text_add(t, "0x");
	for (i = 0; i < n; i++)
		ab_text_addx(t, data[i], 2);
	end_key(t);
}

/* --- digests ---------------------------------------------------------------------- */

static size_t digest_size(uint8_t algorithm)
{
	return algorithm == AB_CHAP_MD5 ? 16 : algorithm == AB_CHAP_SHA1 ? 20 : 32;
}

/* RFC 1994 4.1: the hash of identifier, secret and challenge. False: it failed. */
static bool respond(const struct ab_proto *p, uint8_t id, const char *secret,
		    const uint8_t *challenge, size_t n_challenge, uint8_t *response)
{
	uint8_t buf[AB_PROTO_HASHED_MAX];
	size_t n_secret = strlen(secret), n;

	assert(n_secret < AB_CHAP_SECRET && n_challenge <= AB_PROTO_CHALLENGE_MAX);
	buf[0] = id;
	(void)ab_copy((char *)buf + 1, AB_CHAP_SECRET, secret); /* it fits */
	memcpy(buf + 1 + n_secret, challenge, n_challenge);
	n = p->chap->hash(p->chap->hash_arg, (enum ab_chap_algorithm)p->auth.algorithm,
			  buf, 1 + n_secret + n_challenge, response);
	ab_wipe(buf, sizeof(buf));
	return n == digest_size(p->auth.algorithm);
}

/* Takes as long whatever differs. */
static bool is_same(const uint8_t *a, const uint8_t *b, size_t n)
{
	uint8_t differs = 0;

	while (n-- > 0)
		differs |= a[n] ^ b[n];
	return differs == 0;
}

/* --- keys ------------------------------------------------------------------------- */

static struct ab_proto_verdict take_method(struct ab_proto *p, const char *value)
{
	if (ab_streq(value, "None") || ab_streq(value, "Reject"))
		p->auth.seen |= SEEN_NO_CHAP;
	else if (!ab_streq(value, "CHAP"))
		return wrong("it chose an AuthMethod that was not offered");
	return ok;
}

static struct ab_proto_verdict take_algorithm(struct ab_proto *p, const char *value)
{
	unsigned int i;

	if (ab_streq(value, "Reject"))
		return say(AB_DISCOVERY_CHAP,
			   "it knows none of the hash algorithms that were offered");
	if (!take_byte(value, &p->auth.algorithm))
		return wrong("CHAP_A is no number");
	for (i = 0; i < p->chap->n_algorithms; i++)
		if (p->chap->algorithms[i] == p->auth.algorithm)
			return ok;
	return wrong("it chose a hash algorithm that was not offered");
}

static struct ab_proto_verdict take_value(struct ab_proto *p, uint32_t key,
					  const char *value)
{
	switch (key) {
	case SEEN_METHOD:
		return take_method(p, value);
	case SEEN_A:
		return take_algorithm(p, value);
	case SEEN_I:
		return take_byte(value, &p->auth.id) ? ok : wrong("CHAP_I is no byte");
	case SEEN_C:
		p->auth.n_challenge = take_binary(value, p->auth.challenge,
						  sizeof(p->auth.challenge));
		return p->auth.n_challenge ? ok : wrong("CHAP_C is no binary value");
	case SEEN_N:
		p->auth.is_name_right = ab_streq(value, p->chap->who.username_in);
		return ok;
	default:
		p->auth.n_response =
			take_binary(value, p->auth.response, sizeof(p->auth.response));
		return p->auth.n_response ? ok : wrong("CHAP_R is no binary value");
	}
}

struct ab_proto_verdict ab_proto_chap_key(struct ab_proto *p, const char *key,
					  const char *value)
{
	static const uint32_t places[] = {
		[STEP_METHOD] = SEEN_METHOD,
		[STEP_CHALLENGE] = SEEN_A | SEEN_I | SEEN_C,
		[STEP_RESULT] = SEEN_N | SEEN_R,
		[STEP_OVER] = 0,
	};
	unsigned int i;
	uint32_t bit;

	for (i = 0; i < sizeof(key_names) / sizeof(key_names[0]); i++)
		if (ab_streq(key, key_names[i]))
			break;
	if (i == sizeof(key_names) / sizeof(key_names[0]))
		return wrong("a key of CHAP that does not exist");
	bit = 1u << i;
	if (!(places[p->auth.step] & bit))
		return wrong("a key of CHAP that has no place here");
	if (p->auth.seen & bit)
		return wrong("a key of CHAP twice");
	p->auth.seen |= bit;
	return take_value(p, bit, value);
}

/* --- steps ------------------------------------------------------------------------ */

static struct ab_proto_verdict on_method(struct ab_proto *p, bool is_final,
					 struct ab_text *t,
					 enum ab_proto_chap_next *ret_next)
{
	bool is_chap = (p->auth.seen & SEEN_METHOD) && !(p->auth.seen & SEEN_NO_CHAP);
	unsigned int i;

	if (!is_chap && is_mutual(p) && (is_final || p->auth.seen))
		return no_chap;
	if (!is_chap) { /* none, or not said yet */
		if (is_final || p->auth.seen)
			p->auth.step = STEP_OVER;
		return ok;
	}
	if (is_final)
		return wrong("it chose CHAP and ended the stage without");
	p->auth.step = STEP_CHALLENGE;
	add_key(t, "CHAP_A");
	for (i = 0; i < p->chap->n_algorithms; i++) {
		if (i)
			ab_text_addc(t, ',');
		ab_text_addu(t, p->chap->algorithms[i]);
	}
	end_key(t);
	*ret_next = AB_PROTO_CHAP_SEND;
	return ok;
}

static struct ab_proto_verdict on_challenge(struct ab_proto *p, bool is_final,
					    struct ab_text *t,
					    enum ab_proto_chap_next *ret_next)
{
	const struct ab_proto_chap *chap = p->chap;
	size_t n;

	if (is_final || p->auth.seen != (SEEN_A | SEEN_I | SEEN_C))
		return wrong("no challenge of CHAP where one belongs");
	n = digest_size(p->auth.algorithm);
	/* What we would answer could be handed on as the answer to our own challenge.
	 */
	if (is_mutual(p) && p->auth.n_challenge == n &&
	    is_same(p->auth.challenge, chap->challenge, n))
		return say(AB_DISCOVERY_UNPROVEN,
			   "its challenge is our own, reflected");
	if (!respond(p, p->auth.id, chap->who.password, p->auth.challenge,
		     p->auth.n_challenge, p->auth.ours))
		return say(AB_DISCOVERY_SYSTEM, "the hash could not be computed");
	p->auth.step = STEP_RESULT;
	add_key(t, "CHAP_N");
	ab_text_add(t, chap->who.username);
	end_key(t);
	add_binary(t, "CHAP_R", p->auth.ours, n);
	if (is_mutual(p)) {
		add_key(t, "CHAP_I");
		ab_text_addu(t, chap->id);
		end_key(t);
		add_binary(t, "CHAP_C", chap->challenge, n);
	}
	*ret_next = AB_PROTO_CHAP_SEND_LAST;
	return ok;
}

static struct ab_proto_verdict on_result(struct ab_proto *p, bool is_final)
{
	const struct ab_proto_chap *chap = p->chap;
	uint8_t expected[AB_PROTO_DIGEST_MAX];
	size_t n = digest_size(p->auth.algorithm);
	bool is_right;

	if (!is_mutual(p)) {
		if (p->auth.seen)
			return wrong("an answer of CHAP that was not asked for");
	} else if (p->auth.seen == (SEEN_N | SEEN_R)) {
		if (!respond(p, chap->id, chap->who.password_in, chap->challenge, n,
			     expected))
			return say(AB_DISCOVERY_SYSTEM,
				   "the hash could not be computed");
		is_right = p->auth.n_response == n &&
			   is_same(p->auth.response, expected, n) &&
			   !is_same(p->auth.response, p->auth.ours, n);
		ab_wipe(expected, sizeof(expected));
		if (!is_right)
			return say(AB_DISCOVERY_UNPROVEN,
				   "its response is not that of password_in");
		if (!p->auth.is_name_right)
			return say(AB_DISCOVERY_UNPROVEN,
				   "its name is another one than username_in");
	} else if (p->auth.seen || is_final) {
		return say(AB_DISCOVERY_UNPROVEN, "it did not answer our challenge");
	} else {
		return ok; /* it has not said all yet */
	}
	p->auth.step = STEP_OVER;
	return ok;
}

struct ab_proto_verdict ab_proto_chap_refused(const struct ab_proto *p)
{
	/* It was told no name yet, only that it has to prove itself. */
	if (p->auth.step == STEP_METHOD && is_mutual(p))
		return no_chap;
	return say(AB_DISCOVERY_CHAP, "");
}

struct ab_proto_verdict ab_proto_chap_answer(struct ab_proto *p, bool is_final,
					     struct ab_text *t,
					     enum ab_proto_chap_next *ret_next)
{
	struct ab_proto_verdict verdict = ok;

	*ret_next = AB_PROTO_CHAP_TRANSIT;
	if (p->auth.step == STEP_METHOD)
		verdict = on_method(p, is_final, t, ret_next);
	else if (p->auth.step == STEP_CHALLENGE)
		verdict = on_challenge(p, is_final, t, ret_next);
	else if (p->auth.step == STEP_RESULT)
		verdict = on_result(p, is_final);
	p->auth.seen = 0;
	return verdict;
}
