/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes from a target: no crash, only checked items, limits hold, and the result
 * does not depend on how the stream was cut. The first byte chooses the settings.
 */
#include <assert.h>
#include <string.h>
#include <sys/socket.h>

#include "core/name.h"
#include "core/proto.h"
#include "fuzz.h"
#include "util/hash.h"

struct result {
	struct ab_proto proto;
	uint32_t n_items;
	uint64_t sum; /* of all items, in order */
	bool has_device;
};

static void on_item(void *arg, const struct ab_proto_item *item)
{
	struct result *res = arg;
	const struct ab_portal *p = &item->portal;

	assert(ab_name_check_target(item->target) == 0);
	assert(item->tpgt >= AB_TPGT_UNKNOWN && item->tpgt <= 65535);
	if (p->addr.family) {
		assert(p->addr.family == AF_INET || p->addr.family == AF_INET6);
		assert(p->port != 0 && !ab_addr_is_unusable(&p->addr));
		assert(res->has_device || !ab_addr_is_linklocal6(&p->addr));
	}
	res->n_items++;
	res->sum = res->sum * 31 + ab_hash_content(item->target, strlen(item->target));
	res->sum = res->sum * 31 + ab_hash_content(p, sizeof(*p));
	res->sum = res->sum * 31 + (uint32_t)item->tpgt;
}

/* Any hash will do, as long as a corpus can hold the right answers. */
static size_t hash(void *arg, enum ab_chap_algorithm algorithm, const void *data,
		   size_t n, uint8_t *digest)
{
	size_t size = algorithm == AB_CHAP_MD5	  ? 16
		      : algorithm == AB_CHAP_SHA1 ? 20
						  : 32;

	(void)arg;
	assert(n > 1 && n <= AB_PROTO_HASHED_MAX);
	assert(algorithm == AB_CHAP_MD5 || algorithm == AB_CHAP_SHA256);
	memset(digest, (int)(ab_hash_content(data, 1) & 0xff), size);
	return size;
}

/* 0: no CHAP, 1: one way, 2 and 3: mutual. */
static const struct ab_proto_chap *chap_of(unsigned int kind)
{
	static struct ab_proto_chap chap;

	chap = (struct ab_proto_chap){
		.who = { .username = "me", .password = "one" },
		.algorithms = { AB_CHAP_MD5, AB_CHAP_SHA256 },
		.n_algorithms = 2,
		.id = 7,
		.challenge = "a challenge, not random for once",
		.hash = hash,
	};
	if (kind > 1) {
		(void)strcpy(chap.who.username_in, "it");
		(void)strcpy(chap.who.password_in, "two");
	}
	return kind ? &chap : NULL;
}

static void play(struct result *res, uint8_t settings, const uint8_t *data, size_t n,
		 size_t step)
{
	struct ab_proto_config config = {
		.initiator = "iqn.2020-01.com.example:me",
		.items_max = 1 + (settings >> 1 & 7),
		.has_device = settings & 1,
		.chap = chap_of(settings >> 4 & 3),
		.fn = on_item,
		.arg = res,
	};
	const void *out;
	size_t at, part;

	memset(res, 0, sizeof(*res));
	res->has_device = config.has_device;
	ab_proto_init(&res->proto, &config);
	for (at = 0; at < n; at += part) {
		part = n - at < step ? n - at : step;
		ab_proto_sent(&res->proto, ab_proto_pending(&res->proto, &out));
		ab_proto_feed(&res->proto, data + at, part);
	}
	ab_proto_closed(&res->proto);
	assert(res->proto.phase == AB_PROTO_ENDED);
	assert(res->n_items == res->proto.n_items);
	assert(res->n_items <= config.items_max);
	assert(memchr(res->proto.redirect, 0, sizeof(res->proto.redirect)));
	assert(strcmp(ab_discovery_strerror(res->proto.code), "unknown code") != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct result whole, cut;

	if (size < 1)
		return 0;
	play(&whole, data[0], data + 1, size - 1, size);
	play(&cut, data[0], data + 1, size - 1, 1);
	/* How much may be pending depends on how often it is sent: that limit apart. */
	if (whole.proto.code == AB_DISCOVERY_LIMIT)
		return 0;
	assert(whole.proto.code == cut.proto.code);
	assert(whole.sum == cut.sum && whole.n_items == cut.n_items);
	assert(memcmp(whole.proto.n_skipped, cut.proto.n_skipped,
		      sizeof(cut.proto.n_skipped)) == 0);
	return 0;
}
