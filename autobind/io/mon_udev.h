/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mon_udev - what udev adds to a network device: it is ready, it is to be ignored, its
 * driver and its place; and a hint when iSCSI sessions or their disks change.
 *
 * Two ways to listen. UDEV: udevd's events, after its rules have run; a device counts
 * as initialised when udevd says so. KERNEL: the kernel's own uevents, where no udevd
 * runs (namespaces, containers); every device counts as initialised, and properties are
 * not read, because the host's database has other devices under the same numbers.
 */
#ifndef AUTOBIND_IO_MON_UDEV_H
#define AUTOBIND_IO_MON_UDEV_H

#include <stdbool.h>
#include <stdint.h>

#include "core/event.h"
#include "io/loop.h"

struct ab_udev;

enum ab_udev_mode {
	AB_UDEV_MODE_UDEV,
	AB_UDEV_MODE_KERNEL,
};

/* Something about iSCSI sessions, their disks or maps came, went or changed. */
typedef void ab_udev_iscsi_fn(void *arg);

struct ab_udev_config {
	enum ab_udev_mode mode;
	int rcvbuf_bytes;  /* 0: AB_UDEV_RCVBUF */
	const char *sysfs; /* NULL: /sys; for our own reads only, libudev knows /sys */
	/* NULL: those events are not asked for. Called from within the loop, once for
	 * each event and after each loss of events; gets the arg of ab_udev_new(). */
	ab_udev_iscsi_fn *iscsi_fn;
};

/* What udevd and udevadm monitor use themselves. */
#define AB_UDEV_RCVBUF (128 << 20)

struct ab_udev_stats {
	uint64_t n_events;    /* received, of all subsystems asked for */
	uint64_t n_unread;    /* of them without a number or a name that is valid */
	uint64_t n_overflows; /* times that the kernel dropped events */
	uint64_t n_dumps;     /* begun */
};

/**
 * ab_udev_new() - begin to listen; the first dump starts in the next wake-up
 * @loop:     outlives the monitor
 * @config:   copied, with the string
 * @fn:       gets every event, only from within the loop, never from a call into this
 *            module; must not free the monitor
 * @arg:      for @fn
 * @ret_udev: the monitor
 *
 * UDEV without a udevd falls back to KERNEL, says so in the log, and changes over, with
 * STALE and a dump, when /run/udev/control appears. The network namespace is the
 * caller's at the time of the call, and must stay it.
 *
 * Return: 0 or -errno.
 */
int ab_udev_new(struct ab_loop *loop, const struct ab_udev_config *config,
		ab_event_fn *fn, void *arg, struct ab_udev **ret_udev);
struct ab_udev *ab_udev_free(struct ab_udev *udev);

/* Enumerate again (AB_EF_RESYNC). */
void ab_udev_resync(struct ab_udev *udev);

/* Which way is in use now. */
enum ab_udev_mode ab_udev_mode_in_use(const struct ab_udev *udev);

void ab_udev_stats(const struct ab_udev *udev, struct ab_udev_stats *ret_stats);

#endif
