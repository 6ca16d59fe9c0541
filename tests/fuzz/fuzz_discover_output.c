/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes from the helper: what is accepted is exactly what our own writer would have
 * written for the same items, byte for byte. The first byte chooses the settings.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/name.h"
#include "fuzz.h"
#include "io/discover.h"

static void rewrite(struct ab_text *t, const struct ab_proto_item *item)
{
	ab_text_add(t, "P\t");
	ab_text_add(t, item->target);
	ab_text_addc(t, '\t');
	ab_name_add_portal(t, &item->portal);
	if (item->tpgt != AB_TPGT_UNKNOWN) {
		ab_text_addc(t, ',');
		ab_text_addi(t, item->tpgt);
	}
	ab_text_addc(t, '\n');
}

static void check(const char *data, size_t n, const struct ab_discover_limits *limits)
{
	struct ab_discover_answer answer;
	struct ab_proto_item item;
	uint32_t n_items = 0;
	struct ab_text t;
	char *copy;

	if (!ab_discover_check(data, n, limits, &answer))
		return;
	copy = malloc(n + 64);
	if (!copy)
		abort();
	ab_text_init(&t, copy, n + 64);
	while (ab_discover_next(&answer, &item)) {
		assert(ab_name_check_target(item.target) == 0);
		rewrite(&t, &item);
		n_items++;
	}
	assert(n_items <= limits->max);
	assert(answer.code == AB_DISCOVERY_OK || n_items == 0);
	ab_text_add(&t, "E\t");
	ab_text_addu(&t, answer.code);
	ab_text_addc(&t, '\t');
	ab_text_addu(&t, n_items);
	ab_text_addc(&t, '\n');
	assert(t.len == n && memcmp(copy, data, n) == 0);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ab_discover_limits limits = { .asked = { .port = 3260 } };
	char *text;

	if (size < 1)
		return 0;
	limits.asked.addr =
		(struct ab_addr){ .family = AF_INET, .bytes = { 127, 0, 0, 1 } };
	limits.has_device = data[0] & 1;
	limits.max = 1 + (data[0] >> 1 & 7);
	/* No terminator: an overrun is one byte too far. */
	text = malloc(size - 1 + !(size - 1));
	if (!text)
		abort();
	memcpy(text, data + 1, size - 1);
	check(text, size - 1, &limits);
	free(text);
	return 0;
}
