/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What anybody on the network may send us: bytes become a verdict, never a crash.
 *
 * The first byte chooses the form; the rest is the packet. Where the parser sees an
 * echo of ours, building it again from the verdict must give the same bytes, and the
 * socket filter must let the packet pass: what the kernel drops we never see, so a
 * filter that is narrower than the parser would be a probe that is lost for nothing.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "io/probe_wire.h"

static const struct ab_wire_ident ident = { .cookie = 0x61626364, .id = 0x6566 };

/* Classic BPF as far as the filter uses it. Return: what the filter returns. */
static uint32_t run_filter(const struct sock_filter *prog, unsigned short n,
			   const uint8_t *data, size_t size)
{
	uint32_t a = 0;
	uint32_t x = 0;

	for (unsigned int pc = 0; pc < n; pc++) {
		const struct sock_filter *f = &prog[pc];
		size_t at = (size_t)f->k + x;

		switch (f->code) {
		case BPF_LD | BPF_B | BPF_IND:
			if (at + 1 > size)
				return 0;
			a = data[at];
			break;
		case BPF_LD | BPF_H | BPF_IND:
			if (at + 2 > size)
				return 0;
			a = (uint32_t)data[at] << 8 | data[at + 1];
			break;
		case BPF_LD | BPF_W | BPF_IND:
			if (at + 4 > size)
				return 0;
			a = (uint32_t)data[at] << 24 | (uint32_t)data[at + 1] << 16 |
			    (uint32_t)data[at + 2] << 8 | data[at + 3];
			break;
		case BPF_LDX | BPF_B | BPF_MSH:
			if (f->k >= size)
				return 0;
			x = (data[f->k] & 0xf) * 4u;
			break;
		case BPF_LDX | BPF_IMM:
			x = f->k;
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= f->k;
			break;
		case BPF_ALU | BPF_LSH | BPF_K:
			a <<= f->k;
			break;
		case BPF_ALU | BPF_ADD | BPF_X:
			a += x;
			break;
		case BPF_MISC | BPF_TAX:
			x = a;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			pc += a == f->k ? f->jt : f->jf;
			break;
		case BPF_RET | BPF_K:
			return f->k;
		default:
			abort(); /* an instruction that this does not know */
		}
	}
	abort(); /* ran off the end */
}

/* Is the echo of the verdict somewhere in the packet, as we would have built it? */
static int contains_echo(const struct ab_wire_verdict *v, uint8_t family,
			 const uint8_t *data, size_t size)
{
	uint8_t echo[AB_WIRE_ECHO];

	ab_wire_build(&ident, &v->echo, family, echo);
	/* Type and checksum differ in a reply. */
	return memmem(data, size, echo + 4, sizeof(echo) - 4) != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sock_filter prog[AB_WIRE_FILTER_MAX];
	struct ab_wire_verdict v;
	enum ab_wire_form form;
	unsigned short n;

	if (size < 1)
		return 0;
	form = (enum ab_wire_form)(data[0] % 3);
	data++;
	size--;
	ab_wire_parse(&ident, form, data, size, &v);
	if (v.kind == AB_WIRE_STRANGE)
		return 0;
	if ((v.kind == AB_WIRE_ERROR) != (v.error != 0))
		abort();
	if (!contains_echo(&v, form == AB_WIRE_ICMP6 ? AF_INET6 : AF_INET, data, size))
		abort();
	n = ab_wire_filter(&ident, form, prog);
	if (n > AB_WIRE_FILTER_MAX || run_filter(prog, n, data, size) < size)
		abort();
	return 0;
}
