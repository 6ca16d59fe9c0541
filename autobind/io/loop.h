/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * loop - the event loop; the only file that knows libevent.
 *
 * Descriptors, timers and signals. One `now` is taken per wake-up and every callback of
 * that wake-up sees the same. All timers hang on one timerfd of CLOCK_BOOTTIME.
 * Callbacks may free their own and any other handle.
 */
#ifndef AUTOBIND_IO_LOOP_H
#define AUTOBIND_IO_LOOP_H

#include <stdbool.h>

#include "core/event.h"
#include "util/mono.h"

struct ab_loop;
struct ab_loop_fd;
struct ab_loop_timer;
struct ab_loop_signal;

#define AB_LOOP_READ 1u
#define AB_LOOP_WRITE 2u

typedef void ab_loop_fd_fn(void *arg, unsigned int ready);
typedef void ab_loop_timer_fn(void *arg);
typedef void ab_loop_signal_fn(void *arg, int signo);

/* Where a monitor, the prober or the store hands its events to. */
typedef void ab_event_fn(void *arg, const struct ab_event *ev);

/* Return: 0 or -errno (-ENOMEM, -EMFILE, ...), here and below. */
int ab_loop_new(struct ab_loop **ret_loop);
struct ab_loop *ab_loop_free(struct ab_loop *loop); /* NULL; takes NULL */

/* Runs until ab_loop_stop(). Return: 0 or -errno of the poller. */
int ab_loop_run(struct ab_loop *loop);
void ab_loop_stop(struct ab_loop *loop);

/* Time of this wake-up. */
ab_mono ab_loop_now(const struct ab_loop *loop);

/* @fd is not owned; @what is AB_LOOP_READ, AB_LOOP_WRITE, both, or 0 for paused. */
int ab_loop_fd_new(struct ab_loop *loop, int fd, unsigned int what, ab_loop_fd_fn *fn,
		   void *arg, struct ab_loop_fd **ret_handle);
int ab_loop_fd_set(struct ab_loop_fd *handle, unsigned int what);
struct ab_loop_fd *ab_loop_fd_free(struct ab_loop_fd *handle);

/* A timer fires once for each set; AB_MONO_NEVER disarms it. A time that is past fires
 * in the next wake-up, never inside ab_loop_timer_set(). */
int ab_loop_timer_new(struct ab_loop *loop, ab_loop_timer_fn *fn, void *arg,
		      struct ab_loop_timer **ret_timer);
void ab_loop_timer_set(struct ab_loop_timer *timer, ab_mono when);
struct ab_loop_timer *ab_loop_timer_free(struct ab_loop_timer *timer);

int ab_loop_signal_new(struct ab_loop *loop, int signo, ab_loop_signal_fn *fn,
		       void *arg, struct ab_loop_signal **ret_signal);
struct ab_loop_signal *ab_loop_signal_free(struct ab_loop_signal *signal);

#endif
