/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mon_rtnl - links, addresses, routes and neighbours as the kernel tells them.
 *
 * Events are facts in the order of the kernel. Links and addresses are dumped after the
 * start, and again whenever a message of theirs was lost; after each DUMP_END a model
 * fed by the events equals the kernel's. Routes and neighbours are not modelled: a
 * change of routes says "ask again", and neighbours are told only when they begin or
 * cease to be FAILED.
 *
 * An IPv6 address under duplicate detection is in a dump (is_tentative), but the kernel
 * announces it only when the detection has ended.
 */
#ifndef AUTOBIND_IO_MON_RTNL_H
#define AUTOBIND_IO_MON_RTNL_H

#include <stdint.h>

#include "core/event.h"
#include "io/loop.h"

struct ab_rtnl;

struct ab_rtnl_config {
	int rcvbuf_bytes; /* of each socket that listens; 0: AB_RTNL_RCVBUF */
};

/* Measured 2026: 200 interfaces added, addressed and deleted are 1.4 MB of messages. */
#define AB_RTNL_RCVBUF (16 << 20)

/* Counters since the start; for `status` and for tests. */
struct ab_rtnl_stats {
	uint64_t n_messages;  /* notifications of links and addresses */
	uint64_t n_malformed; /* messages of any kind that could not be read */
	uint64_t n_overflows; /* times that the kernel dropped links or addresses */
	uint64_t n_churn_overflows; /* ... routes or neighbours */
	uint64_t n_dumps;	    /* begun */
	uint64_t
		/* Not used: interrupted, failed, or overflow meanwhile. */
		n_unclean_dumps;
};

/**
 * ab_rtnl_new() - begin to listen; the first dump starts in the next wake-up
 * @loop:     outlives the monitor
 * @config:   copied
 * @fn:       gets every event, only from within the loop, never from a call into this
 *            module; must not free the monitor
 * @arg:      for @fn
 * @ret_rtnl: the monitor
 *
 * The network namespace is the caller's at the time of the call.
 *
 * Return: 0 or -errno (-ENOMEM, -EMFILE, -EPROTONOSUPPORT ...).
 */
int ab_rtnl_new(struct ab_loop *loop, const struct ab_rtnl_config *config,
		ab_event_fn *fn, void *arg, struct ab_rtnl **ret_rtnl);
struct ab_rtnl *ab_rtnl_free(struct ab_rtnl *rtnl);

/* Dump again (AB_EF_RESYNC). During a dump: once more after it. */
void ab_rtnl_resync(struct ab_rtnl *rtnl);

/**
 * ab_rtnl_route_check() - ask whether an address is routed through a device
 * @rtnl:    the monitor
 * @path:    comes back in AB_EV_ROUTE, together with the verdict
 * @ifindex: the device
 * @addr:    where to
 *
 * Answered once; when asked again before the answer, the last question counts. The
 * kernel does not announce IPv4 routes that vanish with a link or an address: ask again
 * after those events, not only after AB_EV_ROUTES.
 *
 * Return: 0 or -ENOMEM.
 */
int ab_rtnl_route_check(struct ab_rtnl *rtnl, uint64_t path, uint32_t ifindex,
			const struct ab_addr *addr);

void ab_rtnl_stats(const struct ab_rtnl *rtnl, struct ab_rtnl_stats *ret_stats);

#endif
