/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probe_tcp - does a portal take TCP connections through a given device?
 *
 * A bounded number of non-blocking connects, each bound to its device, closed with a
 * reset as soon as it is known. The kernel takes answers for such a socket only from
 * that device; one that comes in by another is a loss. Knows: stream sockets, one epoll
 * descriptor for all of them. Must not know: paths, deadlines: the caller gives up.
 * A target may log each connect that it accepts: use it sparingly.
 * Nothing is allocated after ab_tcp_new().
 */
#ifndef AUTOBIND_IO_PROBE_TCP_H
#define AUTOBIND_IO_PROBE_TCP_H

#include <stdbool.h>
#include <stdint.h>

#include "core/event.h"
#include "core/types.h"

struct ab_tcp;

struct ab_tcp_outcome {
	uint8_t result;	 /* enum ab_probe_result; WRONG_DEVICE never */
	int error;	 /* errno of REFUSED and CANNOT_SEND */
	uint32_t rtt_us; /* of ANSWER, as the kernel measured it; 0: unknown */
};

/* The connect is over and its place is free again. */
typedef void ab_tcp_fn(void *arg, uint32_t token, const struct ab_tcp_outcome *outcome);

/* @max: connects at a time, 1 to 4096. Return: 0 or -errno (-EMFILE, -ENOMEM, ...). */
int ab_tcp_new(unsigned int max, ab_tcp_fn *fn, void *arg, struct ab_tcp **ret_tcp);
/* Aborts what is under way; @fn is not called. */
struct ab_tcp *ab_tcp_free(struct ab_tcp *tcp);

/* To poll for reading; then call ab_tcp_ready(). */
int ab_tcp_fd(const struct ab_tcp *tcp);
void ab_tcp_ready(struct ab_tcp *tcp);

unsigned int ab_tcp_count(const struct ab_tcp *tcp); /* under way */
bool ab_tcp_is_full(const struct ab_tcp *tcp);

#define AB_TCP_E_OVER 1 /* over at once, .ret_outcome says how; @fn is not called */

/**
 * ab_tcp_start() - start a connect
 * @tcp:         must not be full
 * @ifindex:     the device; 0: any
 * @portal:      address and port
 * @token:       comes back in the callback
 * @ret_connect: names the connect until it is over
 * @ret_outcome: how it went, for AB_TCP_E_OVER
 *
 * Return: 0, or AB_TCP_E_OVER.
 */
int ab_tcp_start(struct ab_tcp *tcp, uint32_t ifindex, const struct ab_portal *portal,
		 uint32_t token, uint16_t *ret_connect,
		 struct ab_tcp_outcome *ret_outcome);

/* Aborts a connect that is not over; the callback is not called. */
void ab_tcp_cancel(struct ab_tcp *tcp, uint16_t connect);

#endif
