/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wall_timer - a timer by the wall clock, which also tells when that clock is set.
 *
 * For what people have given a date; everything else goes by ab_loop_timer.
 */
#ifndef AUTOBIND_IO_WALL_TIMER_H
#define AUTOBIND_IO_WALL_TIMER_H

#include "io/loop.h"

struct ab_wall_timer;

/* @fn is called from the loop when the time has come, and when somebody set the clock
 * before it came; the timer is disarmed then. Return: 0 or -errno. */
int ab_wall_timer_new(struct ab_loop *loop, ab_loop_timer_fn *fn, void *arg,
		      struct ab_wall_timer **ret_timer);
struct ab_wall_timer *ab_wall_timer_free(struct ab_wall_timer *timer); /* takes NULL */

/* Seconds since the Epoch; 0 disarms it. Return: 0 or -errno. */
int ab_wall_timer_set(struct ab_wall_timer *timer, int64_t epoch_s);

#endif
