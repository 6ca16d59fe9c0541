/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/probe_wire.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <string.h>

#define IP4_HEADER_MIN 20
#define IP6_HEADER 40

/* Offsets in an IPv4 header (RFC 791 3.1), an IPv6 header (RFC 8200 3), ICMP. */
#define IP4_PROTOCOL 9
#define IP4_SOURCE 12
#define IP4_DESTINATION 16
#define IP6_NEXT_HEADER 6
#define IP6_SOURCE 8
#define IP6_DESTINATION 24
#define ICMP_OFF_CHECKSUM 2
#define ICMP_OFF_ID 4
#define ICMP_OFF_SEQUENCE 6
#define OFF_COOKIE 8
#define OFF_TOKEN 12
#define OFF_SEQ 16
#define OFF_MAC 20

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, (uint16_t)(v >> 16));
	put16(p + 2, (uint16_t)v);
}

static void put64(uint8_t *p, uint64_t v)
{
	put32(p, (uint32_t)(v >> 32));
	put32(p + 4, (uint32_t)v);
}

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static uint64_t get64(const uint8_t *p)
{
	return (uint64_t)get32(p) << 32 | get32(p + 4);
}

/* RFC 1071; @n is even. */
static uint16_t checksum(const uint8_t *p, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < n; i += 2)
		sum += get16(p + i);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

void ab_wire_build(const struct ab_wire_ident *ident, const struct ab_wire_echo *echo,
		   uint8_t family, uint8_t *packet)
{
	memset(packet, 0, AB_WIRE_HEADER);
	packet[0] = family == AF_INET ? ICMP_ECHO : ICMP6_ECHO_REQUEST;
	put16(packet + ICMP_OFF_ID, ident->id);
	put16(packet + ICMP_OFF_SEQUENCE, (uint16_t)echo->seq);
	put32(packet + OFF_COOKIE, ident->cookie);
	put32(packet + OFF_TOKEN, echo->token);
	put32(packet + OFF_SEQ, echo->seq);
	put64(packet + OFF_MAC, echo->mac);
	if (family == AF_INET)
		put16(packet + ICMP_OFF_CHECKSUM, checksum(packet, AB_WIRE_ECHO));
}

/* Is this an echo of ours, request or reply as @type says? */
static bool parse_echo(const struct ab_wire_ident *ident, uint8_t type,
		       const uint8_t *p, size_t n, struct ab_wire_echo *ret)
{
	if (n < AB_WIRE_ECHO || p[0] != type || p[1] != 0)
		return false;
	if (get16(p + ICMP_OFF_ID) != ident->id ||
	    get32(p + OFF_COOKIE) != ident->cookie)
		return false;
	if (get16(p + ICMP_OFF_SEQUENCE) != (uint16_t)get32(p + OFF_SEQ))
		return false;
	ret->token = get32(p + OFF_TOKEN);
	ret->seq = get32(p + OFF_SEQ);
	ret->mac = get64(p + OFF_MAC);
	return true;
}

/* Length of the IPv4 header at @p when it carries the beginning of an ICMP message. */
static size_t ip4_header(const uint8_t *p, size_t n)
{
	size_t len;

	if (n < IP4_HEADER_MIN || p[0] >> 4 != 4 || p[IP4_PROTOCOL] != IPPROTO_ICMP)
		return 0;
	if (get16(p + 6) & 0x1fff) /* not the first fragment */
		return 0;
	len = (size_t)(p[0] & 0xf) * 4;
	return len >= IP4_HEADER_MIN && len <= n ? len : 0;
}

/* As the kernel tells it to a connected socket: net/ipv4/icmp.c icmp_err_convert[]. */
static int errno_of_unreachable4(uint8_t code)
{
	switch (code) {
	case ICMP_NET_UNREACH:
	case ICMP_NET_UNKNOWN:
	case ICMP_NET_ANO:
	case ICMP_NET_UNR_TOS:
		return ENETUNREACH;
	case ICMP_PROT_UNREACH:
		return ENOPROTOOPT;
	case ICMP_PORT_UNREACH:
		return ECONNREFUSED;
	case ICMP_FRAG_NEEDED:
		return EMSGSIZE;
	default:
		return EHOSTUNREACH;
	}
}

/* 0: not an error that concerns us. */
static int errno_of_icmp4(uint8_t type, uint8_t code)
{
	switch (type) {
	case ICMP_DEST_UNREACH:
		return errno_of_unreachable4(code);
	case ICMP_TIME_EXCEEDED:
		return EHOSTUNREACH;
	case ICMP_PARAMETERPROB:
		return EPROTO;
	default:
		return 0;
	}
}

/* net/ipv6/icmp.c tab_unreach[] and icmpv6_err_convert(). */
static int errno_of_icmp6(uint8_t type, uint8_t code)
{
	static const int unreach[] = {
		ENETUNREACH,  EACCES, EHOSTUNREACH, EHOSTUNREACH,
		ECONNREFUSED, EACCES, EACCES,
	};

	switch (type) {
	case ICMP6_DST_UNREACH:
		return code < sizeof(unreach) / sizeof(unreach[0]) ? unreach[code]
								   : EPROTO;
	case ICMP6_PACKET_TOO_BIG:
		return EMSGSIZE;
	case ICMP6_TIME_EXCEEDED:
		return EHOSTUNREACH;
	case ICMP6_PARAM_PROB:
		return EPROTO;
	default:
		return 0;
	}
}

static void set_addr(struct ab_addr *a, uint8_t family, const uint8_t *bytes)
{
	a->family = family;
	memcpy(a->bytes, bytes, family == AF_INET ? 4 : 16);
}

static void parse_icmp4(const struct ab_wire_ident *ident, const uint8_t *p, size_t n,
			struct ab_wire_verdict *ret)
{
	size_t inner;
	int error;

	if (n < AB_WIRE_HEADER)
		return;
	if (p[0] == ICMP_ECHOREPLY) {
		if (parse_echo(ident, ICMP_ECHOREPLY, p, n, &ret->echo))
			ret->kind = AB_WIRE_REPLY;
		return;
	}
	error = errno_of_icmp4(p[0], p[1]);
	if (!error)
		return;
	p += AB_WIRE_HEADER;
	n -= AB_WIRE_HEADER;
	inner = ip4_header(p, n);
	if (!inner || !parse_echo(ident, ICMP_ECHO, p + inner, n - inner, &ret->echo))
		return;
	ret->kind = AB_WIRE_ERROR;
	ret->error = error;
	set_addr(&ret->asker, AF_INET, p + IP4_SOURCE);
	set_addr(&ret->asked, AF_INET, p + IP4_DESTINATION);
}

static void parse_icmp6(const struct ab_wire_ident *ident, const uint8_t *p, size_t n,
			struct ab_wire_verdict *ret)
{
	int error;

	if (n < AB_WIRE_HEADER)
		return;
	if (p[0] == ICMP6_ECHO_REPLY) {
		if (parse_echo(ident, ICMP6_ECHO_REPLY, p, n, &ret->echo))
			ret->kind = AB_WIRE_REPLY;
		return;
	}
	error = errno_of_icmp6(p[0], p[1]);
	if (!error || n < AB_WIRE_HEADER + IP6_HEADER)
		return;
	p += AB_WIRE_HEADER;
	n -= AB_WIRE_HEADER;
	/* We send no extension headers, so a quoted echo of ours has none. */
	if (p[0] >> 4 != 6 || p[IP6_NEXT_HEADER] != IPPROTO_ICMPV6)
		return;
	if (!parse_echo(ident, ICMP6_ECHO_REQUEST, p + IP6_HEADER, n - IP6_HEADER,
			&ret->echo))
		return;
	ret->kind = AB_WIRE_ERROR;
	ret->error = error;
	set_addr(&ret->asker, AF_INET6, p + IP6_SOURCE);
	set_addr(&ret->asked, AF_INET6, p + IP6_DESTINATION);
}

void ab_wire_parse(const struct ab_wire_ident *ident, enum ab_wire_form form,
		   const uint8_t *data, size_t n, struct ab_wire_verdict *ret)
{
	size_t len;

	memset(ret, 0, sizeof(*ret));
	switch (form) {
	case AB_WIRE_IP4:
		len = ip4_header(data, n);
		if (!len)
			return;
		parse_icmp4(ident, data + len, n - len, ret);
		return;
	case AB_WIRE_ICMP4:
		parse_icmp4(ident, data, n, ret);
		return;
	case AB_WIRE_ICMP6:
		parse_icmp6(ident, data, n, ret);
		return;
	}
}

/* --- the socket filter -------------------------------------------------------------
 *
 * Classic BPF. X is where the ICMP message begins; a load beyond the packet drops it.
 */

#define PASS_BYTES 0x40000 /* a filter's result cuts the packet: never */

struct filter {
	struct sock_filter *prog;
	unsigned short n;
};

static void emit(struct filter *f, uint16_t code, uint32_t k)
{
	f->prog[f->n++] = (struct sock_filter)BPF_STMT(code, k);
}

/* Goes on when the accumulator is @k, else drops: over one instruction, or into it. */
static void emit_require(struct filter *f, uint32_t k)
{
	f->prog[f->n++] =
		(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k, 1, 0);
	emit(f, BPF_RET | BPF_K, 0);
}

/* Accepts an echo of ours that stands @at bytes behind X, drops all else. */
static void emit_echo(struct filter *f, const struct ab_wire_ident *ident, uint32_t at)
{
	emit(f, BPF_LD | BPF_H | BPF_IND, at + ICMP_OFF_ID);
	emit_require(f, ident->id);
	emit(f, BPF_LD | BPF_W | BPF_IND, at + OFF_COOKIE);
	emit_require(f, ident->cookie);
	emit(f, BPF_RET | BPF_K, PASS_BYTES);
}

unsigned short ab_wire_filter(const struct ab_wire_ident *ident, enum ab_wire_form form,
			      struct sock_filter *prog)
{
	struct filter f = { .prog = prog };
	bool is6 = form == AB_WIRE_ICMP6;
	unsigned short to_error;

	if (form == AB_WIRE_IP4)
		emit(&f, BPF_LDX | BPF_B | BPF_MSH, 0);
	else
		emit(&f, BPF_LDX | BPF_IMM, 0);
	emit(&f, BPF_LD | BPF_B | BPF_IND, 0);
	to_error = f.n++;
	emit_echo(&f, ident, 0);
	prog[to_error] = (struct sock_filter)BPF_JUMP(
		BPF_JMP | BPF_JEQ | BPF_K, is6 ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY, 0,
		(uint8_t)(f.n - to_error - 1));

	/* Any other type: it must quote an echo request of ours. */
	if (is6) {
		emit(&f, BPF_LD | BPF_B | BPF_IND, AB_WIRE_HEADER + IP6_NEXT_HEADER);
		emit_require(&f, IPPROTO_ICMPV6);
		emit(&f, BPF_LDX | BPF_IMM, IP6_HEADER);
	} else {
		emit(&f, BPF_LD | BPF_B | BPF_IND, AB_WIRE_HEADER + IP4_PROTOCOL);
		emit_require(&f, IPPROTO_ICMP);
		emit(&f, BPF_LD | BPF_B | BPF_IND, AB_WIRE_HEADER);
		emit(&f, BPF_ALU | BPF_AND | BPF_K, 0xf);
		emit(&f, BPF_ALU | BPF_LSH | BPF_K, 2);
		emit(&f, BPF_ALU | BPF_ADD | BPF_X, 0);
		emit(&f, BPF_MISC | BPF_TAX, 0);
	}
	emit_echo(&f, ident, AB_WIRE_HEADER);
	return f.n;
}
