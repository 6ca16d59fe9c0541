/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probe_wire - ICMP and ICMPv6 echoes as bytes: built, recognised, filtered.
 *
 * Pure: no sockets, no clock, no state. What comes in is hostile: everybody may send us
 * ICMP. An echo of ours carries, behind the ICMP header (RFC 792, RFC 4443 4.1),
 *
 *	cookie 4 | token 4 | seq 4 | mac 8
 *
 * The cookie keeps others' packets away from us in the kernel. The mac says that we
 * made the packet: the caller computes it from a key that nobody else has and compares
 * it when the answer comes. Padding behind it is zero and adds nothing to the checksum.
 */
#ifndef AUTOBIND_IO_PROBE_WIRE_H
#define AUTOBIND_IO_PROBE_WIRE_H

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

#include "core/types.h"

#define AB_WIRE_HEADER 8   /* type, code, checksum, id, sequence */
#define AB_WIRE_PAYLOAD 20 /* cookie, token, seq, mac */
#define AB_WIRE_ECHO (AB_WIRE_HEADER + AB_WIRE_PAYLOAD)

/* What the kernel puts in front of the bytes that it hands us. */
enum ab_wire_form {
	AB_WIRE_IP4,   /* raw ICMP socket: IPv4 header, then ICMP */
	AB_WIRE_ICMP4, /* ICMP "ping" socket: ICMP only */
	AB_WIRE_ICMP6, /* raw ICMPv6 and ICMPv6 "ping" sockets: ICMPv6 only */
};

/* What makes a packet one of this process. */
struct ab_wire_ident {
	uint32_t cookie;
	uint16_t id; /* host order */
};

struct ab_wire_echo {
	uint32_t token; /* the caller's: comes back */
	uint32_t seq;	/* its low 16 bits are the ICMP sequence number */
	uint64_t mac;
};

enum ab_wire_kind {
	AB_WIRE_STRANGE, /* not ours, cut, malformed: drop it and count it */
	AB_WIRE_REPLY,	 /* an echo reply with our cookie; the mac is not checked yet */
	AB_WIRE_ERROR,	 /* an ICMP error that quotes an echo of ours; dito */
};

struct ab_wire_verdict {
	uint8_t kind; /* enum ab_wire_kind; the rest is zero for STRANGE */
	int error;    /* errno that an ICMP error stands for; 0 for REPLY */
	struct ab_wire_echo echo;
	struct ab_addr asker; /* ERROR: source of the quoted echo, where it is quoted */
	struct ab_addr asked; /* ERROR: destination of the quoted echo */
};

/**
 * ab_wire_build() - the first bytes of an echo request
 * @ident:  id and cookie
 * @echo:   what it carries
 * @family: AF_INET (the checksum is filled in) or AF_INET6 (the kernel fills it in)
 * @packet: AB_WIRE_ECHO bytes
 */
void ab_wire_build(const struct ab_wire_ident *ident, const struct ab_wire_echo *echo,
		   uint8_t family, uint8_t *packet);

/**
 * ab_wire_parse() - what a packet says
 * @ident: id and cookie that must be in it
 * @form:  where it came from
 * @data:  the packet or its beginning
 * @n:     bytes at @data
 * @ret:   the verdict; always written
 *
 * An ICMP error counts only when it quotes all of AB_WIRE_ECHO. A router that quotes no
 * more than the 8 bytes of RFC 792 (RFC 1812 4.3.2.3 asks for more) is not believed,
 * since anybody could send such an error: that probe is lost instead of refused.
 */
void ab_wire_parse(const struct ab_wire_ident *ident, enum ab_wire_form form,
		   const uint8_t *data, size_t n, struct ab_wire_verdict *ret);

#define AB_WIRE_FILTER_MAX 32

/**
 * ab_wire_filter() - a socket filter that lets our packets pass and no others
 * @ident: id and cookie
 * @form:  of the socket
 * @prog:  AB_WIRE_FILTER_MAX instructions
 *
 * Accepts what ab_wire_parse() recognises, so that neither other programs' pings nor
 * forged ones wake us.
 *
 * Return: the number of instructions.
 */
unsigned short ab_wire_filter(const struct ab_wire_ident *ident, enum ab_wire_form form,
			      struct sock_filter *prog);

#endif
