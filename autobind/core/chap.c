/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/chap.h"

#include <assert.h>
#include <string.h>

#include "core/record.h"
#include "core/record_value.h"
#include "util/text.h"
#include "util/wipe.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The keys of a file. What a value may be is what open-iscsi takes for its own key. */
static const struct {
	const char *name;
	enum ab_key key;
	size_t offset, size;
} keys[] = {
#define KEY(member, id)                                                                \
	{                                                                              \
#member, AB_KEY_AUTH_##id, offsetof(struct ab_chap, member),           \
			sizeof(((struct ab_chap *)0)->member)                          \
	}
	KEY(username, USERNAME),       KEY(password, PASSWORD),
	KEY(username_in, USERNAME_IN), KEY(password_in, PASSWORD_IN),
	KEY(algorithms, CHAP_ALGS),
#undef KEY
};

static const struct {
	const char *name;
	uint8_t number;
} algorithms[] = {
	{ "SHA3-256", AB_CHAP_SHA3_256 },
	{ "SHA256", AB_CHAP_SHA256 },
	{ "SHA1", AB_CHAP_SHA1 },
	{ "MD5", AB_CHAP_MD5 },
};

bool ab_chap_is_name(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || n >= AB_CHAP_NAME || name[0] == '.')
		return false;
	for (; *name; name++)
		if (!ab_is_alnum(*name) && *name != '.' && *name != '_' && *name != '-')
			return false;
	return true;
}

const char *ab_chap_reason_text(enum ab_chap_reason reason)
{
	static const char *const texts[AB_CHAP_R_MAX] = {
		[AB_CHAP_R_NONE] = "good",
		[AB_CHAP_R_BINARY] = "is no text: it has a zero byte",
		[AB_CHAP_R_NO_EQUALS] = "no `key = value`, and no comment with # first",
		[AB_CHAP_R_UNKNOWN_KEY] = "unknown key; there are username, password, "
					  "username_in, password_in and algorithms",
		[AB_CHAP_R_TWICE] = "a key that was given before",
		[AB_CHAP_R_BAD_VALUE] =
			"a value that open-iscsi does not take: more than 255 bytes, a "
			"control character, or algorithms other than MD5, SHA1, SHA256 "
			"and SHA3-256",
		[AB_CHAP_R_NO_USER] = "username and password must both be given",
		[AB_CHAP_R_HALF] = "username_in and password_in need each other",
		[AB_CHAP_R_SAME_SECRET] =
			"password and password_in are the same, which RFC 7143 "
			"forbids: who knows one could play both parts",
	};

	assert(reason < AB_CHAP_R_MAX);
	return texts[reason];
}

static void strip(const char **text, size_t *n)
{
	while (*n && ab_record_is_blank((*text)[*n - 1]))
		(*n)--;
	while (*n && ab_record_is_blank(**text)) {
		(*text)++;
		(*n)--;
	}
}

/* Takes the value for keys[@i]; in its normal form, as a record would have it. */
static enum ab_chap_reason put(struct ab_chap *chap, size_t i, const char *value,
			       size_t n)
{
	char in[AB_RECORD_VALUE_MAX + 1], out[AB_RECORD_VALUE_MAX + 1];
	char *field = (char *)chap + keys[i].offset;
	struct ab_text t;
	bool is_good;

	ab_text_init(&t, out, sizeof(out));
	is_good = n > 0 && ab_copyn(in, sizeof(in), value, n) &&
		  !memchr(value, '\0', n) &&
		  ab_record_value_check(ab_record_key(keys[i].key), in, &t) == 0 &&
		  ab_copy(field, keys[i].size, out);
	ab_wipe(in, sizeof(in));
	ab_wipe(out, sizeof(out));
	return is_good ? AB_CHAP_R_NONE : AB_CHAP_R_BAD_VALUE;
}

static enum ab_chap_reason read_line(struct ab_chap *chap, const char *line, size_t n,
				     uint32_t *seen)
{
	const char *equals, *value;
	size_t n_name, n_value, i;

	strip(&line, &n);
	if (n == 0 || *line == '#')
		return AB_CHAP_R_NONE;
	equals = memchr(line, '=', n);
	if (!equals)
		return AB_CHAP_R_NO_EQUALS;
	n_name = (size_t)(equals - line);
	value = equals + 1;
	n_value = n - n_name - 1;
	strip(&line, &n_name);
	strip(&value, &n_value);
	for (i = 0; i < COUNT(keys); i++)
		if (strlen(keys[i].name) == n_name &&
		    memcmp(keys[i].name, line, n_name) == 0)
			break;
	if (i == COUNT(keys))
		return AB_CHAP_R_UNKNOWN_KEY;
	if (*seen & 1u << i)
		return AB_CHAP_R_TWICE;
	*seen |= 1u << i;
	return put(chap, i, value, n_value);
}

static enum ab_chap_reason check_whole(const struct ab_chap *chap)
{
	if (!chap->username[0] || !chap->password[0])
		return AB_CHAP_R_NO_USER;
	if (!chap->username_in[0] != !chap->password_in[0])
		return AB_CHAP_R_HALF;
	if (ab_streq(chap->password, chap->password_in))
		return AB_CHAP_R_SAME_SECRET;
	return AB_CHAP_R_NONE;
}

enum ab_chap_reason ab_chap_parse(struct ab_chap *chap, const char *text, size_t n,
				  uint32_t *ret_line)
{
	enum ab_chap_reason reason = AB_CHAP_R_NONE;
	const char *end = text + n;
	uint32_t seen = 0, line = 0;

	memset(chap, 0, sizeof(*chap));
	*ret_line = 0;
	if (n && memchr(text, '\0', n))
		return AB_CHAP_R_BINARY;
	while (text < end && reason == AB_CHAP_R_NONE) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *stop = newline ? newline : end;

		line++;
		reason = read_line(chap, text, (size_t)(stop - text), &seen);
		text = newline ? newline + 1 : end;
	}
	if (reason != AB_CHAP_R_NONE)
		*ret_line = line;
	else
		reason = check_whole(chap);
	if (reason != AB_CHAP_R_NONE)
		ab_chap_wipe(chap);
	return reason;
}

unsigned int ab_chap_algorithms(const struct ab_chap *chap, uint8_t *v)
{
	const char *at =
		*chap->algorithms ? chap->algorithms : "SHA1,MD5,SHA256,SHA3-256";
	unsigned int n = 0, i;

	while (*at && n < AB_CHAP_ALGORITHMS_MAX) {
		const char *comma = strchr(at, ',');
		size_t len = comma ? (size_t)(comma - at) : strlen(at);

		for (i = 0; i < COUNT(algorithms); i++)
			if (strlen(algorithms[i].name) == len &&
			    memcmp(algorithms[i].name, at, len) == 0)
				v[n++] = algorithms[i].number;
		at += comma ? len + 1 : len;
	}
	return n;
}

void ab_chap_wipe(struct ab_chap *chap)
{
	ab_wipe(chap, sizeof(*chap));
}
