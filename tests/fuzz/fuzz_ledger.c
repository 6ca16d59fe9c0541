/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes -> ledger: no crash, and what was accepted is written and read back to the
 * same entries. The checksum would keep a fuzzer out, so each input is tried as it is
 * and as the lines of a correct frame.
 */
#include "fuzz.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/ledger.h"
#include "util/hash.h"

struct rewrite {
	struct ab_text t;
	struct ab_ledger_writer w;
	uint64_t sum; /* of all entries, in order */
};

static void add(void *arg, const struct ab_ledger_entry *e)
{
	struct rewrite *r = arg;

	assert(ab_ledger_can_hold(e));
	assert(ab_ledger_same_record(e, e));
	r->sum = r->sum * 31 + ab_hash_content(e, sizeof(*e));
	if (r->t.size)
		ab_ledger_add(&r->w, &r->t, e);
}

static void check(const char *text, size_t n)
{
	struct rewrite first, second;
	size_t size = 2 * AB_LEDGER_LINE + 8 * n;
	unsigned int line;
	char *copy = malloc(size);

	if (!copy)
		abort();
	memset(&first, 0, sizeof(first));
	memset(&second, 0, sizeof(second));
	ab_text_init(&first.t, copy, size);
	ab_ledger_begin(&first.w, &first.t);
	if (ab_ledger_parse(text, n, add, &first, &line) == 0) {
		ab_ledger_end(&first.w, &first.t);
		assert(!first.t.cut);
		assert(ab_ledger_parse(copy, first.t.len, add, &second, &line) == 0);
		assert(first.sum == second.sum);
	}
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char head[] = "autobind-ledger 1\n";
	char *framed = malloc(n + 128);
	uint64_t lines = 0;
	struct ab_text t;
	uint32_t crc;
	size_t i;

	if (!framed)
		abort();
	memcpy(framed, data, n);
	check(framed, n);
	ab_text_init(&t, framed, n + 128);
	ab_text_add(&t, head);
	ab_text_addn(&t, (const char *)data, n);
	if (n && data[n - 1] != '\n')
		ab_text_addc(&t, '\n');
	for (i = strlen(head); i < t.len; i++)
		lines += framed[i] == '\n';
	crc = ab_crc32c(0, framed, t.len);
	ab_text_add(&t, "end\t");
	ab_text_addu(&t, lines);
	ab_text_add(&t, "\tcrc32c=");
	ab_text_addx(&t, crc, 8);
	ab_text_addc(&t, '\n');
	assert(!t.cut);
	check(framed, t.len);
	free(framed);
	return 0;
}
