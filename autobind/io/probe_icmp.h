/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probe_icmp - echoes through a given device: one socket per family for all devices.
 *
 * Each packet names its device (IP_PKTINFO, IPV6_PKTINFO) with an empty source, so the
 * kernel sends it by exactly that device; where the answer came in by is told with it.
 * Knows: raw and "ping" sockets, their options, batches, receive stamps. Must not know:
 * paths, schedules, what an answer means.
 *
 * What the kernel does and the caller must look at before it sends:
 * - A device without an address of the family: the kernel borrows another device's
 *   address as the source, IPv6 also its own link-local one. Nothing here can tell.
 * - A device without a route to the address: IPv4 takes the address for on-link and
 * asks for its neighbour; IPv6 answers ENETUNREACH.
 *
 * Nothing is allocated after ab_icmp_new(). Don't Fragment is set at every size.
 */
#ifndef AUTOBIND_IO_PROBE_ICMP_H
#define AUTOBIND_IO_PROBE_ICMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/types.h"
#include "io/probe_wire.h"
#include "util/hash.h"
#include "util/mono.h"

struct ab_icmp;

enum ab_icmp_family {
	AB_ICMP_4,
	AB_ICMP_6,
	AB_ICMP_FAMILIES,
};

#define AB_ICMP_BATCH 32 /* echoes or answers in one system call */
/* ICMP payload: ours, and what fits in a datagram of 65,535 bytes with
 * either header. */
#define AB_ICMP_SIZE_MIN AB_WIRE_PAYLOAD
#define AB_ICMP_SIZE_MAX (65535 - 60 - AB_WIRE_HEADER)

struct ab_icmp_config {
	struct ab_hash_key key; /* secret: who has it can make answers up */
	uint32_t rcvbuf;	/* bytes of answers that may wait, per family */
	uint32_t size; /* ICMP payload; at least AB_ICMP_SIZE_MIN, at most _MAX */
};

/* One echo. The first group is the caller's, the second one is filled in. */
struct ab_icmp_request {
	struct ab_addr addr;
	uint32_t ifindex;
	uint32_t token; /* comes back in the answer, as it is */
	uint32_t seq;
	uint64_t who;  /* these two do not travel: they are hashed into the packet */
	uint32_t life; /* and checked by ab_icmp_is_ours() */

	int error;    /* errno; 0: sent */
	ab_mono sent; /* about when */
};

enum ab_icmp_what {
	AB_ICMP_ECHO,	     /* the address answered */
	AB_ICMP_UNREACHABLE, /* somebody on the way said no */
	AB_ICMP_UNSENT,	     /* this host itself said no: no neighbour, a reject rule */
};

struct ab_icmp_answer {
	uint8_t what; /* enum ab_icmp_what */
	int error;    /* errno of UNREACHABLE and UNSENT */
	struct ab_wire_echo echo;
	struct ab_addr from;  /* who sent the answer */
	struct ab_addr asked; /* where the echo went, for the two errors */
	uint32_t arrival;     /* ifindex of the device that it came in by */
	ab_mono received;     /* when the kernel got it */
};

typedef void ab_icmp_fn(void *arg, const struct ab_icmp_answer *answer);

/**
 * ab_icmp_new() - open the sockets
 * @config:   copied
 * @ret_icmp: the result
 *
 * Where a raw socket is not permitted an unprivileged one is used (icmp(7),
 * ping_group_range), which hears no ICMP errors. A family that cannot be had at all is
 * logged once; its echoes fail with the errno of opening it.
 *
 * Return: 0, -EINVAL for a size out of range, -ENOMEM.
 */
int ab_icmp_new(const struct ab_icmp_config *config, struct ab_icmp **ret_icmp);
struct ab_icmp *ab_icmp_free(struct ab_icmp *icmp);

/* The descriptor to poll for reading, or -1 when that family is not available. */
int ab_icmp_fd(const struct ab_icmp *icmp, enum ab_icmp_family family);

/* 0, or -errno of opening that family's socket. */
int ab_icmp_error(const struct ab_icmp *icmp, enum ab_icmp_family family);

/**
 * ab_icmp_send() - send echoes of one family
 * @icmp:   the sockets
 * @family: family of all of @req
 * @req:    the echoes; .error and .sent are filled in
 * @n:      at most AB_ICMP_BATCH
 *
 * An echo that the kernel refuses does not keep the ones behind it from being sent. A
 * full send buffer is ENOBUFS.
 */
void ab_icmp_send(struct ab_icmp *icmp, enum ab_icmp_family family,
		  struct ab_icmp_request *req, unsigned int n);

/**
 * ab_icmp_receive() - hand over what has come
 * @icmp:   the sockets
 * @family: which socket
 * @fn:     called for each packet that has our id and cookie; the mac is not checked
 * @arg:    for @fn
 *
 * Takes at most AB_ICMP_BATCH times 32 packets; what is left keeps the descriptor
 * readable. @fn must not free @icmp.
 */
void ab_icmp_receive(struct ab_icmp *icmp, enum ab_icmp_family family, ab_icmp_fn *fn,
		     void *arg);

/* Was this answer caused by the echo that was sent with these values? */
bool ab_icmp_is_ours(const struct ab_icmp *icmp, const struct ab_wire_echo *echo,
		     uint64_t who, uint32_t life);

struct ab_icmp_counters {
	uint64_t send_calls, recv_calls; /* system calls */
	uint64_t strange; /* passed the filter, but were no answers to us */
};

void ab_icmp_counters(const struct ab_icmp *icmp, struct ab_icmp_counters *ret);

#endif
