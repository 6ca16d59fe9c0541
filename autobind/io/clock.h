/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * clock - the only place that reads one.
 */
#ifndef AUTOBIND_IO_CLOCK_H
#define AUTOBIND_IO_CLOCK_H

#include <stdint.h>
#include <time.h>

#include "util/mono.h"

/* CLOCK_BOOTTIME: goes on while the machine sleeps, never jumps. */
ab_mono ab_clock_now(void);

/* Wall clock in nanoseconds, as coarse as a file's times: only for comparing with
 * those. */
int64_t ab_clock_file_ns(void);

/* CLOCK_MONOTONIC in microseconds: only for telling the service manager. */
uint64_t ab_clock_monotonic_us(void);

/* Now by both clocks: CLOCK_BOOTTIME, and CLOCK_REALTIME in which the kernel stamps
 * what it receives. */
ab_mono ab_clock_now_real(struct timespec *ret_real);

#endif
