/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/clock.h"

#include <assert.h>

ab_mono ab_clock_now(void)
{
	struct timespec ts;
	int r = clock_gettime(CLOCK_BOOTTIME, &ts);

	assert(r == 0); /* Linux 2.6.39 and newer */
	(void)r;
	return ab_mono_ns((int64_t)ts.tv_sec * AB_NSEC_PER_SEC + ts.tv_nsec);
}

int64_t ab_clock_file_ns(void)
{
	struct timespec ts;
	int r = clock_gettime(CLOCK_REALTIME_COARSE, &ts);

	assert(r == 0);
	(void)r;
	return (int64_t)ts.tv_sec * AB_NSEC_PER_SEC + ts.tv_nsec;
}

uint64_t ab_clock_monotonic_us(void)
{
	struct timespec ts;
	int r = clock_gettime(CLOCK_MONOTONIC, &ts);

	assert(r == 0);
	(void)r;
	return (uint64_t)(ts.tv_sec * AB_NSEC_PER_SEC + ts.tv_nsec) / 1000;
}

ab_mono ab_clock_now_real(struct timespec *ret_real)
{
	int r = clock_gettime(CLOCK_REALTIME, ret_real);

	assert(r == 0);
	(void)r;
	return ab_clock_now();
}
