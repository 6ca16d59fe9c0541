/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/probe_wire.h"

static const struct ab_wire_ident ident = { .cookie = 0xc00c1e55, .id = 0xbeef };
static const struct ab_wire_echo echo = { .token = 7,
					  .seq = 0x10203,
					  .mac = UINT64_C(0x1122334455667788) };

struct packet {
	uint8_t bytes[256];
	size_t n;
};

static void add_ip4(struct packet *p, uint8_t protocol, unsigned int words)
{
	uint8_t *h = p->bytes + p->n;

	memset(h, 0, words * 4);
	h[0] = (uint8_t)(0x40 | words);
	h[9] = protocol;
	memcpy(h + 12, "\12\0\0\1", 4);
	memcpy(h + 16, "\12\0\0\2", 4);
	p->n += words * 4;
}

static void add_ip6(struct packet *p, uint8_t next)
{
	uint8_t *h = p->bytes + p->n;

	memset(h, 0, 40);
	h[0] = 0x60;
	h[6] = next;
	h[8] = 0xfd;
	h[23] = 1;
	h[24] = 0xfd;
	h[39] = 2;
	p->n += 40;
}

static void add_icmp_error(struct packet *p, uint8_t type, uint8_t code)
{
	memset(p->bytes + p->n, 0, 8);
	p->bytes[p->n] = type;
	p->bytes[p->n + 1] = code;
	p->n += 8;
}

static void add_echo(struct packet *p, uint8_t family, bool is_reply)
{
	uint8_t *e = p->bytes + p->n;

	ab_wire_build(&ident, &echo, family, e);
	if (is_reply)
		e[0] = family == AF_INET ? 0 : 129;
	p->n += AB_WIRE_ECHO;
}

static struct ab_wire_verdict parse(const struct packet *p, enum ab_wire_form form)
{
	struct ab_wire_verdict v;

	ab_wire_parse(&ident, form, p->bytes, p->n, &v);
	return v;
}

/* Does the kernel, with our filter, take this packet? A datagram socket pair hands the
 * filter the payload from its first byte on. */
static bool passes_filter(const struct packet *p, enum ab_wire_form form)
{
	struct sock_filter prog[AB_WIRE_FILTER_MAX];
	struct sock_fprog fprog = { .filter = prog };
	uint8_t buf[256];
	int pair[2];
	ssize_t n;

	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair), 0);
	fprog.len = ab_wire_filter(&ident, form, prog);
	assert_in_range(fprog.len, 1, AB_WIRE_FILTER_MAX);
	assert_int_equal(setsockopt(pair[1], SOL_SOCKET, SO_ATTACH_FILTER, &fprog,
				    sizeof(fprog)),
			 0);
	(void)send(pair[0], p->bytes, p->n, 0); /* EPERM: the filter dropped it */
	n = recv(pair[1], buf, sizeof(buf), 0);
	if (n >= 0)
		assert_int_equal(n, p->n); /* not cut either */
	close(pair[0]);
	close(pair[1]);
	return n >= 0;
}

static struct packet reply_of(enum ab_wire_form form, unsigned int words)
{
	struct packet p = { .n = 0 };

	if (form == AB_WIRE_IP4)
		add_ip4(&p, IPPROTO_ICMP, words);
	add_echo(&p, form == AB_WIRE_ICMP6 ? AF_INET6 : AF_INET, true);
	return p;
}

static void request_has_a_right_checksum(void **state)
{
	uint8_t p[AB_WIRE_ECHO];
	uint32_t sum = 0;

	(void)state;
	ab_wire_build(&ident, &echo, AF_INET, p);
	for (size_t i = 0; i < sizeof(p); i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	assert_int_equal(sum, 0xffff);
	assert_int_equal(p[0], 8);
	assert_int_equal(p[4] << 8 | p[5], 0xbeef);
	assert_int_equal(p[6] << 8 | p[7], 0x0203);
}

static void reply_of_ours_is_recognised_in_each_form(void **state)
{
	(void)state;
	for (enum ab_wire_form form = AB_WIRE_IP4; form <= AB_WIRE_ICMP6; form++) {
		for (unsigned int words = 5; words <= 15; words++) {
			struct packet p = reply_of(form, words);
			struct ab_wire_verdict v = parse(&p, form);

			assert_int_equal(v.kind, AB_WIRE_REPLY);
			assert_int_equal(v.echo.token, echo.token);
			assert_int_equal(v.echo.seq, echo.seq);
			assert_true(v.echo.mac == echo.mac);
			assert_true(passes_filter(&p, form));
		}
	}
}

static void cut_reply_is_strange(void **state)
{
	(void)state;
	for (enum ab_wire_form form = AB_WIRE_IP4; form <= AB_WIRE_ICMP6; form++) {
		struct packet p = reply_of(form, 5);

		while (p.n > 0) {
			p.n--;
			assert_int_equal(parse(&p, form).kind, AB_WIRE_STRANGE);
		}
	}
}

static void reply_of_another_is_strange_and_filtered(void **state)
{
	static const struct {
		const char *what;
		unsigned int at; /* behind the IP header */
		bool is_filtered;
	} rows[] = {
		{ "type", 0, true },	     { "code", 1, false },
		{ "id", 4, true },	     { "id, low byte", 5, true },
		{ "sequence", 7, false },    { "cookie", 8, true },
		{ "cookie, end", 11, true }, { "sequence inside", 19, false },
	};

	(void)state;
	for (enum ab_wire_form form = AB_WIRE_IP4; form <= AB_WIRE_ICMP6; form++) {
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			struct packet p = reply_of(form, 5);

			p.bytes[p.n - AB_WIRE_ECHO + rows[i].at] ^= 0x40;
			if (parse(&p, form).kind != AB_WIRE_STRANGE)
				fail_msg("%s", rows[i].what);
			if (passes_filter(&p, form) == rows[i].is_filtered)
				fail_msg("filter: %s", rows[i].what);
		}
	}
}

static struct packet error4(uint8_t type, uint8_t code, unsigned int words)
{
	struct packet p = { .n = 0 };

	add_ip4(&p, IPPROTO_ICMP, 6);
	add_icmp_error(&p, type, code);
	add_ip4(&p, IPPROTO_ICMP, words);
	add_echo(&p, AF_INET, false);
	return p;
}

static struct packet error6(uint8_t type, uint8_t code)
{
	struct packet p = { .n = 0 };

	add_icmp_error(&p, type, code);
	add_ip6(&p, IPPROTO_ICMPV6);
	add_echo(&p, AF_INET6, false);
	return p;
}

static void icmp_error_becomes_errno(void **state)
{
	static const struct {
		uint8_t type, code;
		int error;
	} four[] = {
		{ 3, 0, ENETUNREACH },	 { 3, 1, EHOSTUNREACH },  { 3, 2, ENOPROTOOPT },
		{ 3, 3, ECONNREFUSED },	 { 3, 4, EMSGSIZE },	  { 3, 6, ENETUNREACH },
		{ 3, 9, ENETUNREACH },	 { 3, 10, EHOSTUNREACH }, { 3, 13, EHOSTUNREACH },
		{ 11, 0, EHOSTUNREACH }, { 12, 0, EPROTO },
	}, six[] = {
		{ 1, 0, ENETUNREACH }, { 1, 1, EACCES },  { 1, 3, EHOSTUNREACH },
		{ 1, 4, ECONNREFUSED }, { 1, 7, EPROTO }, { 2, 0, EMSGSIZE },
		{ 3, 0, EHOSTUNREACH }, { 4, 0, EPROTO },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(four) / sizeof(four[0]); i++) {
		struct packet p = error4(four[i].type, four[i].code, 5 + i % 11);
		struct ab_wire_verdict v = parse(&p, AB_WIRE_IP4);

		assert_int_equal(v.kind, AB_WIRE_ERROR);
		assert_int_equal(v.error, four[i].error);
		assert_int_equal(v.echo.seq, echo.seq);
		assert_int_equal(v.asker.family, AF_INET);
		assert_memory_equal(v.asker.bytes, "\12\0\0\1", 4);
		assert_memory_equal(v.asked.bytes, "\12\0\0\2", 4);
		assert_true(passes_filter(&p, AB_WIRE_IP4));
	}
	for (size_t i = 0; i < sizeof(six) / sizeof(six[0]); i++) {
		struct packet p = error6(six[i].type, six[i].code);
		struct ab_wire_verdict v = parse(&p, AB_WIRE_ICMP6);

		assert_int_equal(v.kind, AB_WIRE_ERROR);
		assert_int_equal(v.error, six[i].error);
		assert_int_equal(v.asked.bytes[15], 2);
		assert_true(passes_filter(&p, AB_WIRE_ICMP6));
	}
}

static void error_that_quotes_too_little_is_strange(void **state)
{
	struct packet p = error4(3, 1, 5);
	struct packet six = error6(1, 0);

	(void)state;
	for (p.n--; p.n > 0; p.n--)
		assert_int_equal(parse(&p, AB_WIRE_IP4).kind, AB_WIRE_STRANGE);
	for (six.n--; six.n > 0; six.n--)
		assert_int_equal(parse(&six, AB_WIRE_ICMP6).kind, AB_WIRE_STRANGE);
}

static void error_about_other_traffic_is_strange(void **state)
{
	struct packet p;

	(void)state;
	p = error4(3, 1, 5);
	p.bytes[24 + 8 + 9] = IPPROTO_TCP;
	assert_int_equal(parse(&p, AB_WIRE_IP4).kind, AB_WIRE_STRANGE);
	assert_false(passes_filter(&p, AB_WIRE_IP4));
	p = error4(3, 1, 5);
	p.bytes[24 + 8 + 7] = 1; /* a later fragment: what follows is no header */
	assert_int_equal(parse(&p, AB_WIRE_IP4).kind, AB_WIRE_STRANGE);
	p = error4(5, 1, 5); /* redirect */
	assert_int_equal(parse(&p, AB_WIRE_IP4).kind, AB_WIRE_STRANGE);
	p = error6(1, 0);
	p.bytes[8 + 6] = IPPROTO_UDP;
	assert_int_equal(parse(&p, AB_WIRE_ICMP6).kind, AB_WIRE_STRANGE);
	assert_false(passes_filter(&p, AB_WIRE_ICMP6));
	p = error6(1, 0);
	p.bytes[8 + 40] = 129; /* quotes a reply, not a request of ours */
	assert_int_equal(parse(&p, AB_WIRE_ICMP6).kind, AB_WIRE_STRANGE);
}

static void header_length_that_lies_is_strange(void **state)
{
	struct packet p = reply_of(AB_WIRE_IP4, 5);

	(void)state;
	p.bytes[0] = 0x44; /* 16 bytes */
	assert_int_equal(parse(&p, AB_WIRE_IP4).kind, AB_WIRE_STRANGE);
	p.bytes[0] = 0x4f; /* 60 bytes, more than there are */
	assert_int_equal(parse(&p, AB_WIRE_IP4).kind, AB_WIRE_STRANGE);
	p.bytes[0] = 0x65; /* version 6 */
	assert_int_equal(parse(&p, AB_WIRE_IP4).kind, AB_WIRE_STRANGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_has_a_right_checksum),
		cmocka_unit_test(reply_of_ours_is_recognised_in_each_form),
		cmocka_unit_test(cut_reply_is_strange),
		cmocka_unit_test(reply_of_another_is_strange_and_filtered),
		cmocka_unit_test(icmp_error_becomes_errno),
		cmocka_unit_test(error_that_quotes_too_little_is_strange),
		cmocka_unit_test(error_about_other_traffic_is_strange),
		cmocka_unit_test(header_length_that_lies_is_strange),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
