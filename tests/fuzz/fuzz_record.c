/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Records and iscsid.conf from anywhere. The first byte chooses the kind of record.
 *
 * What was parsed and printed is parsed again without a finding that it is broken, and
 * from then on text and mark stay as they are; iscsid.conf never names a record.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t print(const struct ab_record *rec, const struct ab_record_set *keys,
		    char *buf)
{
	struct ab_text t;

	ab_text_init(&t, buf, AB_RECORD_TEXT);
	ab_record_print(rec, keys, &t);
	assert(!t.cut);
	return t.len;
}

static void check_conf(const char *text, size_t n)
{
	static struct ab_record rec;

	ab_record_clear(&rec, AB_RECORD_KIND_NODE);
	ab_record_overlay_conf(&rec, text, n, NULL, NULL);
	assert(!ab_record_is_given(&rec, AB_KEY_NODE_NAME));
	assert(!ab_record_is_given(&rec, AB_KEY_CONN_ADDRESS));
	assert(!ab_record_is_given(&rec, AB_KEY_IFACE_NAME));
	assert(rec.n_unknown == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char first[AB_RECORD_TEXT], second[AB_RECORD_TEXT];
	static struct ab_record a, b, c;
	struct ab_record_set old;
	enum ab_record_state state;
	struct ab_node_key key;
	struct ab_binding binding;
	const char *text;
	size_t n, n_again;

	if (size == 0)
		return 0;
	text = (const char *)data + 1;
	size--;
	state = ab_record_parse(&a, data[0] % AB_RECORD_KIND_MAX, text, size, NULL,
				NULL);
	n = print(&a, NULL, first);
	(void)ab_record_hash(&a);
	(void)ab_record_binding(&a, &binding);
	(void)ab_record_node_key(&a, &key);
	if (state == AB_RECORD_OK) {
		assert(ab_record_parse(&b, a.kind, first, n, NULL, NULL) ==
		       AB_RECORD_OK);
		n_again = print(&b, NULL, second);
		assert(n == n_again && memcmp(first, second, n) == 0);
		(void)ab_record_parse(&c, b.kind, second, n_again, NULL, NULL);
		assert(ab_record_hash(&b) == ab_record_hash(&c));
	}
	ab_record_set_old(&old);
	(void)print(&a, &old, first);
	check_conf(text, size);
	return 0;
}
