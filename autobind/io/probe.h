/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probe - asks every path, all the time, whether its portal answers through its device.
 *
 * One schedule for all paths: a wheel of 20 ms slots over which paths are spread by a
 * hash of their id, so that a thousand of them make an even stream and not a burst each
 * second. A path has one probe under way at most. Knows: paths as AB_EF_PROBE_SET
 * describes them, time, the two senders. Must not know: why a path is probed, when it
 * counts as up or down. Results go out as AB_EV_PROBE, one for each round.
 *
 * A round is one probe. With two methods it is an echo first and then, where that alone
 * does not settle it, a TCP connect: after an answer for ICMP_AND_TCP, after a failure
 * for ICMP_OR_TCP, each with the whole timeout. Targets see no more connects than
 * needed.
 *
 * The caller must not have a path probed that has no address of the family on its own
 * device: the kernel would borrow another device's, and the answer proves nothing.
 * Nor does IPv4 look for a route once the device is given. See probe_icmp.h.
 */
#ifndef AUTOBIND_IO_PROBE_H
#define AUTOBIND_IO_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/event.h"
#include "io/loop.h"
#include "util/hash.h"

#define AB_PROBE_PATHS 65536	    /* default of .path_max */
#define AB_PROBE_CONNECTS 64	    /* default of .connect_max */
#define AB_PROBE_CONNECTS_MAX 4096  /* .connect_max at most */
#define AB_PROBE_RCVBUF (1 << 20)   /* default of .rcvbuf: about 1,300 answers */
#define AB_PROBE_BURST_MS 100	    /* between the probes of a first round */
#define AB_PROBE_INTERVAL_MIN_MS 20 /* a slot of the wheel */

struct ab_probe;

/* 0 stands for the default. */
struct ab_probe_config {
	struct ab_hash_key key; /* random and secret: getrandom(2) */
	uint32_t rcvbuf;	/* bytes of answers that may wait, per family */
	uint32_t path_max;
	uint32_t connect_max; /* TCP connects at a time; more wait for their turn */
	uint32_t size;	/* ICMP payload, bytes; default and least AB_ICMP_SIZE_MIN */
	bool is_steady; /* by hand: the first probe at once, no jitter */
};

/* Since ab_probe_new(), but .paths, .connects and .waiting, which are of now. */
struct ab_probe_counters {
	uint64_t echoes, answers; /* sent; answered in time by the right device */
	uint64_t connects;	  /* started */
	uint64_t results[AB_PROBE_RESULT_MAX]; /* rounds by what they came to */
	uint64_t late;			       /* answers after the timeout */
	uint64_t duplicates;		       /* of an echo that was answered */
	uint64_t forged;  /* had our id and cookie, but were not made by us */
	uint64_t stale;	  /* for a path that is no longer probed in that way */
	uint64_t strange; /* passed the filter and were no answers at all */
	uint64_t send_calls, recv_calls;
	uint32_t paths, connects_open, waiting;
	uint64_t bytes; /* memory that grows with the paths */
};

/**
 * ab_probe_new() - open the sockets, start with no path
 * @loop:      borrowed; must outlive the prober
 * @config:    copied
 * @fn:        gets each AB_EV_PROBE; may call ab_probe_set(), must not free the prober
 * @arg:       for @fn
 * @ret_probe: the prober
 *
 * Needs CAP_NET_RAW, or ping_group_range for echoes without ICMP errors. Without either
 * echoes fail as CANNOT_SEND; TCP probes go on working.
 *
 * Return: 0, -EINVAL for limits out of range, -ENOMEM, -EMFILE, ...
 */
int ab_probe_new(struct ab_loop *loop, const struct ab_probe_config *config,
		 ab_event_fn *fn, void *arg, struct ab_probe **ret_probe);
struct ab_probe *ab_probe_free(struct ab_probe *probe);

/**
 * ab_probe_set() - carry out AB_EF_PROBE_SET or AB_EF_PROBE_CLEAR
 * @probe:  the prober
 * @effect: what to do; .netdev is not used, the device is .ifindex
 *
 * SET of a path that is probed already with another device, portal or method starts it
 * anew; what was under way is forgotten and gives no event. Otherwise only the pace
 * changes, and a .burst above 0 asks for that many probes 100 ms apart from now on.
 * .burst 0 of a new path means 1. CLEAR of an unknown path is nothing. .seq of the
 * events goes up by one with each round for as long as the path is not cleared. No
 * event is given from within this call.
 *
 * Return: 0, -EINVAL for a value that cannot be carried out (no method, no device, no
 * family, TCP without a port, an interval below AB_PROBE_INTERVAL_MIN_MS, no timeout),
 * -ENOSPC at .path_max, -ENOMEM; with an error nothing has changed.
 */
int ab_probe_set(struct ab_probe *probe, const struct ab_effect *effect);

/**
 * ab_probe_error() - can probes be sent at all?
 * @probe:  the prober
 * @method: AB_PROBE_ICMP or AB_PROBE_TCP
 * @family: AF_INET or AF_INET6
 *
 * Return: 0, or -errno of the socket that could not be opened.
 */
int ab_probe_error(const struct ab_probe *probe, uint8_t method, uint8_t family);

void ab_probe_counters(const struct ab_probe *probe, struct ab_probe_counters *ret);

#endif
