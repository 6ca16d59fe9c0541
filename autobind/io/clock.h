/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * clock - the only place that reads one.
 */
#ifndef AUTOBIND_IO_CLOCK_H
#define AUTOBIND_IO_CLOCK_H

#include "util/mono.h"

/* CLOCK_BOOTTIME: goes on while the machine sleeps, never jumps. */
ab_mono ab_clock_now(void);

#endif
