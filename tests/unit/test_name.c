/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ab_test.h"

#include <arpa/inet.h>
#include <string.h>

#include "core/name.h"
#include "util/hash.h"

static void target_names(void **state)
{
	static const struct {
		const char *what, *name;
		int r;
	} rows[] = {
		{ "plain iqn", "iqn.2001-05.com.example:storage.disk1", 0 },
		{ "iqn without colon", "iqn.2001-05.com.example", 0 },
		{ "upper case is folded by RFC 3722", "IQN.2001-05.com.example", 0 },
		{ "eui", "eui.02004567A425678D", 0 },
		{ "naa 64", "naa.52004567BA64678D", 0 },
		{ "naa 128", "naa.62004567BA64678D0123456789ABCDEF", 0 },
		{ "empty", "", AB_NAME_E_SYNTAX },
		{ "no authority", "iqn.2001-05.", AB_NAME_E_SYNTAX },
		{ "bad date", "iqn.201-05.com.example", AB_NAME_E_SYNTAX },
		{ "eui too short", "eui.02004567A425678", AB_NAME_E_SYNTAX },
		{ "eui not hex", "eui.02004567A425678G", AB_NAME_E_SYNTAX },
		{ "slash", "iqn.2001-05.com.example:a/b", AB_NAME_E_CHAR },
		{ "parent folder", "iqn.2001-05.com.example:..", AB_NAME_E_CHAR },
		{ "dots inside", "iqn.2001-05.com..example", AB_NAME_E_CHAR },
		{ "newline", "iqn.2001-05.com.example:a\nb", AB_NAME_E_CHAR },
		{ "escape", "iqn.2001-05.com.example:\033[2J", AB_NAME_E_CHAR },
		{ "blank", "iqn.2001-05.com.example:a b", AB_NAME_E_CHAR },
		{ "comma", "iqn.2001-05.com.example:a,1", AB_NAME_E_CHAR },
		{ "other type", "abc.2001-05.com.example", AB_NAME_E_SYNTAX },
	};
	char name[300] = "iqn.2001-05.com.example:";
	unsigned int i;

	(void)state;
	for (i = 0; i < AB_COUNT(rows); i++)
		ab_assert_row(rows[i].what,
			      ab_name_check_target(rows[i].name) == rows[i].r);
	memset(name + strlen(name), 'x', 223 - strlen(name));
	assert_int_equal(strlen(name), 223);
	assert_int_equal(ab_name_check_target(name), 0);
	name[223] = 'x';
	assert_int_equal(ab_name_check_target(name), AB_NAME_E_LENGTH);
}

static void iface_names(void **state)
{
	static const struct {
		const char *name;
		int r;
	} rows[] = {
		{ "ab-ens1f0", 0 },
		{ "cxgb4i.00:07:43:05:97:07.ipv4.0", 0 },
		{ "", AB_NAME_E_SYNTAX },
		{ "default", AB_NAME_E_SYNTAX },
		{ "iser", AB_NAME_E_SYNTAX },
		{ ".hidden", AB_NAME_E_CHAR },
		{ "a/b", AB_NAME_E_CHAR },
		{ "a b", AB_NAME_E_CHAR },
		{ "0123456789012345678901234567890123456789012345678901234567890123",
		  0 },
		{ "01234567890123456789012345678901234567890123456789012345678901234",
		  AB_NAME_E_LENGTH },
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < AB_COUNT(rows); i++)
		ab_assert_row(rows[i].name,
			      ab_name_check_iface(rows[i].name) == rows[i].r);
}

static void portals_print_as_open_iscsi_does(void **state)
{
	static const struct {
		const char *in, *out;
		int32_t tpgt;
	} rows[] = {
		{ "10.0.0.1", "10.0.0.1:3260", AB_TPGT_UNKNOWN },
		{ "10.0.0.1:860", "10.0.0.1:860", AB_TPGT_UNKNOWN },
		{ "10.0.0.1:3260,1", "10.0.0.1:3260,1", 1 },
		{ "10.0.0.1,65535", "10.0.0.1:3260,65535", 65535 },
		{ "[2001:DB8::1]:3260,2", "[2001:db8::1]:3260,2", 2 },
		{ "2001:db8:0::1", "[2001:db8::1]:3260", AB_TPGT_UNKNOWN },
		{ "[::]", "[::]:3260", AB_TPGT_UNKNOWN },
		{ "[1:2:3:4:5:6:7:8]:1", "[1:2:3:4:5:6:7:8]:1", AB_TPGT_UNKNOWN },
		{ "[1:0:0:4:5:0:0:8]", "[1::4:5:0:0:8]:3260", AB_TPGT_UNKNOWN },
		{ "[64:ff9b::192.0.2.33]", "[64:ff9b::c000:221]:3260",
		  AB_TPGT_UNKNOWN },
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < AB_COUNT(rows); i++) {
		struct ab_portal p;
		char buf[AB_PORTAL_TEXT];
		struct ab_text t;
		int32_t tpgt;

		ab_assert_row(rows[i].in,
			      ab_name_parse_portal_tpgt(rows[i].in, &p, &tpgt) == 0);
		ab_assert_row(rows[i].in, tpgt == rows[i].tpgt);
		ab_text_init(&t, buf, sizeof(buf));
		ab_name_add_portal(&t, &p);
		if (tpgt != AB_TPGT_UNKNOWN) {
			ab_text_addc(&t, ',');
			ab_text_addi(&t, tpgt);
		}
		assert_string_equal(buf, rows[i].out);
	}
}

static void wrong_portals_are_refused(void **state)
{
	static const char *const rows[] = {
		"",
		"10.0.0",
		"10.0.0.256",
		"10.0.0.01",
		"10.0.0.1:",
		"10.0.0.1:0",
		"10.0.0.1:65536",
		"10.0.0.1:3260,",
		"10.0.0.1:3260,65536",
		"10.0.0.1 ",
		" 10.0.0.1",
		"10.0.0.1.2",
		"[2001:db8::1",
		"[2001:db8::1]3260",
		"[10.0.0.1]",
		"2001:db8::1::2",
		"1:2:3:4:5:6:7",
		"1:2:3:4:5:6:7:8:9",
		"1:2:3:4:5:6:7::8:9",
		"12345::",
		":::",
		"fe80::1%eth0",
		"san.example.com",
		"[::ffff:1.2.3]",
	};
	struct ab_portal p;
	int32_t tpgt;
	unsigned int i;

	(void)state;
	for (i = 0; i < AB_COUNT(rows); i++)
		ab_assert_row(rows[i],
			      ab_name_parse_portal_tpgt(rows[i], &p, &tpgt) > 0);
}

/* libc is the second opinion on every address that it and we accept. */
static void addresses_agree_with_libc(void **state)
{
	static const char alphabet[] = "0123456789abcdef::::....::";
	struct ab_hash_key key = { 1, 2 };
	unsigned int i, j, both = 0;

	(void)state;
	for (i = 0; i < 200000; i++) {
		uint64_t bits = ab_siphash(&key, &i, sizeof(i));
		char text[20], back[INET6_ADDRSTRLEN], ours[AB_ADDR_TEXT];
		unsigned int n = 2 + (unsigned int)(bits % 12);
		struct ab_addr a;
		struct in6_addr in6;
		struct ab_text t;

		for (j = 0; j < n; j++) {
			bits = bits * UINT64_C(6364136223846793005) + 1;
			text[j] = alphabet[(bits >> 40) % (sizeof(alphabet) - 1)];
		}
		text[n] = '\0';
		if (!strchr(text, ':'))
			continue;
		if (inet_pton(AF_INET6, text, &in6) != 1) {
			ab_assert_row(text, ab_name_parse_addr(text, &a) > 0);
			continue;
		}
		/* inet_pton() takes leading zeros in the dotted part, we do not. */
		if (ab_name_parse_addr(text, &a) > 0) {
			ab_assert_row(text,
				      strchr(text, '.') ||
					      !strchr(strchr(text, ':') + 1, ':'));
			continue;
		}
		both++;
		assert_memory_equal(a.bytes, &in6, 16);
		ab_text_init(&t, ours, sizeof(ours));
		ab_name_add_addr(&t, &a);
		assert_int_equal(ab_name_parse_addr(ours, &a), 0);
		assert_memory_equal(a.bytes, &in6, 16);
		assert_non_null(inet_ntop(AF_INET6, &in6, back, sizeof(back)));
		if (!strchr(back, '.'))
			assert_string_equal(ours, back);
	}
	assert_true(both > 100);
}

static void ranges(void **state)
{
	static const struct {
		const char *net, *addr;
		bool inside;
	} rows[] = {
		{ "10.0.0.0/24", "10.0.0.255", true },
		{ "10.0.0.0/24", "10.0.1.0", false },
		{ "10.0.0.0/25", "10.0.0.128", false },
		{ "0.0.0.0/0", "192.0.2.1", true },
		{ "10.0.0.1", "10.0.0.1", true },
		{ "10.0.0.1", "10.0.0.2", false },
		{ "2001:db8::/33", "2001:db8:7fff::1", true },
		{ "2001:db8::/33", "2001:db8:8000::1", false },
		{ "0.0.0.0/0", "2001:db8::1", false },
	};
	struct ab_net net;
	struct ab_addr addr;
	unsigned int i;

	(void)state;
	for (i = 0; i < AB_COUNT(rows); i++) {
		assert_int_equal(ab_name_parse_net(rows[i].net, &net), 0);
		assert_int_equal(ab_name_parse_addr(rows[i].addr, &addr), 0);
		ab_assert_row(rows[i].net,
			      ab_net_contains(&net, &addr) == rows[i].inside);
	}
	assert_int_equal(ab_name_parse_net("10.0.0.1/24", &net), AB_NAME_E_RANGE);
	assert_int_equal(ab_name_parse_net("10.0.0.0/33", &net), AB_NAME_E_RANGE);
	assert_int_equal(ab_name_parse_ifaddr("10.0.0.1/24", &net), 0);
}

static void hardware_addresses(void **state)
{
	struct ab_hwaddr h;
	char buf[AB_HWADDR_TEXT];
	struct ab_text t;

	(void)state;
	assert_int_equal(ab_name_parse_hwaddr("00:0F:1f:92:6B:bf", &h), 0);
	ab_text_init(&t, buf, sizeof(buf));
	ab_name_add_hwaddr(&t, &h);
	assert_string_equal(buf, "00:0f:1f:92:6b:bf");
	assert_int_equal(ab_name_parse_hwaddr("00-0F-1f-92-6B-bf", &h), 0);
	assert_true(ab_name_parse_hwaddr("00:0F-1f:92:6B:bf", &h) > 0);
	assert_true(ab_name_parse_hwaddr("00:0F:1f:92:6B", &h) > 0);
	assert_true(ab_name_parse_hwaddr("00:0F:1f:92:6B:bf:", &h) > 0);
	assert_int_equal(
		ab_name_parse_hwaddr("80:00:00:48:fe:80:00:00:00:00:00:00:00:02:c9:03:"
				     "00:0e:5c:01",
				     &h),
		0);
	assert_int_equal(h.len, 20);
	assert_true(
		ab_name_parse_hwaddr("80:00:00:48:fe:80:00:00:00:00:00:00:00:02:c9:03:"
				     "00:0e:5c:01:",
				     &h) > 0);
	ab_text_init(&t, buf, sizeof(buf));
	ab_name_add_hwaddr(&t, &h);
	assert_false(t.cut);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(target_names),
		cmocka_unit_test(iface_names),
		cmocka_unit_test(portals_print_as_open_iscsi_does),
		cmocka_unit_test(wrong_portals_are_refused),
		cmocka_unit_test(addresses_agree_with_libc),
		cmocka_unit_test(ranges),
		cmocka_unit_test(hardware_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
