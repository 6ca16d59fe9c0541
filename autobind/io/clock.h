/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * clock - the only place that reads one.
 */
#ifndef AUTOBIND_IO_CLOCK_H
#define AUTOBIND_IO_CLOCK_H

#include "util/mono.h"

/* CLOCK_BOOTTIME: goes on while the machine sleeps, never jumps. */
ab_mono ab_clock_now(void);

/* Wall clock in nanoseconds, as coarse as a file's times: only for comparing with
 * those. */
int64_t ab_clock_file_ns(void);

#endif
