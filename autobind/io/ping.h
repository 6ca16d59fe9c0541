/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ping - the probe by hand: the daemon's prober on one path, told line by line.
 *
 * Runs a loop of its own until enough probes were made or SIGINT or SIGTERM comes.
 * Looks at the device first, as the daemon does: does it exist, is it up, has it an
 * address of the family (otherwise the kernel would borrow one). Text forms are those
 * of ping(8), since scripts read them. Must not know: who prints.
 */
#ifndef AUTOBIND_IO_PING_H
#define AUTOBIND_IO_PING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/event.h"
#include "core/types.h"

#define AB_PING_E_NO_DEVICE 1  /* no network device of that name */
#define AB_PING_E_DOWN 2       /* the device is down or has no carrier */
#define AB_PING_E_NO_ADDRESS 3 /* it has no address of the portal's family */
#define AB_PING_E_SIZE 4       /* size out of range, or larger than the device's MTU */

#define AB_PING_SIZE 56 /* ICMP payload when nothing is asked for, as ping(8) */

struct ab_ping_options {
	const char *ifname;	 /* borrowed for the call */
	struct ab_portal portal; /* the port counts for TCP only */
	uint8_t method;		 /* AB_PROBE_ICMP or AB_PROBE_TCP */
	uint32_t count;		 /* 0: until a signal comes */
	uint32_t interval_ms, timeout_ms;
	uint32_t size; /* ICMP payload, bytes; 0: AB_PING_SIZE. Don't Fragment is set */
	bool is_jumbo; /* as large as the device's MTU allows; .size is not used */
};

enum ab_ping_what {
	AB_PING_START,
	AB_PING_RESULT,
	AB_PING_SUMMARY,
};

/* What is told. The first group is set in all of them. */
struct ab_ping_report {
	uint8_t what; /* enum ab_ping_what */
	const struct ab_ping_options *options;
	uint32_t size; /* ICMP payload that is used */

	/* RESULT */
	uint32_t seq;
	uint8_t result; /* enum ab_probe_result */
	int error;
	uint32_t rtt_us;	      /* of ANSWER; 0: unknown */
	char arrival[AB_NETDEV_NAME]; /* of WRONG_DEVICE: where the answer came in */

	/* SUMMARY; the round trips in microseconds, of the answers */
	uint32_t n_sent, n_answered, n_errors, n_duplicates;
	uint64_t time_ms;
	uint32_t rtt_min, rtt_avg, rtt_max, rtt_mdev;
};

typedef void ab_ping_fn(void *arg, const struct ab_ping_report *report);

/**
 * ab_ping_run() - probe one portal through one device
 * @options:    what; borrowed for the call
 * @fn:         gets START, a RESULT for each probe, SUMMARY
 * @arg:        for @fn
 * @ret_status: exit status as of ping(8): 0 something answered, 1 nothing did
 *
 * Return: 0, AB_PING_E_* before START was told, or -errno (-EPERM: neither CAP_NET_RAW
 * nor ping_group_range); ping(8) exits with 2 for these.
 */
int ab_ping_run(const struct ab_ping_options *options, ab_ping_fn *fn, void *arg,
		int *ret_status);

#define AB_PING_TEXT 512

/* The line or lines that ping(8) would print for it, with a newline at the end. */
void ab_ping_text(const struct ab_ping_report *report, char *buf, size_t size);

/* "eth9: no such network device" and the like, for AB_PING_E_*. */
const char *ab_ping_strerror(int code);

#endif
