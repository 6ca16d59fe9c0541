/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mono - a point in time that cannot be mixed up with a number.
 *
 * Nanoseconds of CLOCK_BOOTTIME. Nobody in util or core reads a clock: `now` is a
 * parameter, taken once per wake-up by the loop.
 */
#ifndef AUTOBIND_UTIL_MONO_H
#define AUTOBIND_UTIL_MONO_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
	int64_t ns;
} ab_mono;

#define AB_NSEC_PER_MSEC INT64_C(1000000)
#define AB_NSEC_PER_SEC INT64_C(1000000000)

/* Later than every time that can occur: "no deadline". */
#define AB_MONO_NEVER ((ab_mono){ INT64_MAX })

static inline ab_mono ab_mono_ns(int64_t ns)
{
	return (ab_mono){ ns };
}

static inline bool ab_mono_is_never(ab_mono t)
{
	return t.ns == INT64_MAX;
}

static inline bool ab_mono_before(ab_mono a, ab_mono b)
{
	return a.ns < b.ns;
}

static inline bool ab_mono_reached(ab_mono deadline, ab_mono now)
{
	return deadline.ns <= now.ns;
}

static inline ab_mono ab_mono_min(ab_mono a, ab_mono b)
{
	return a.ns < b.ns ? a : b;
}

static inline ab_mono ab_mono_max(ab_mono a, ab_mono b)
{
	return a.ns > b.ns ? a : b;
}

/* Saturates at AB_MONO_NEVER, so that "never" plus anything stays never. */
static inline ab_mono ab_mono_add_ns(ab_mono t, int64_t ns)
{
	int64_t sum;

	if (ab_mono_is_never(t) || __builtin_add_overflow(t.ns, ns, &sum))
		return AB_MONO_NEVER;
	return ab_mono_ns(sum);
}

static inline ab_mono ab_mono_add_ms(ab_mono t, int64_t ms)
{
	int64_t ns;

	if (__builtin_mul_overflow(ms, AB_NSEC_PER_MSEC, &ns))
		return AB_MONO_NEVER;
	return ab_mono_add_ns(t, ns);
}

static inline int64_t ab_mono_ms_between(ab_mono from, ab_mono to)
{
	return (to.ns - from.ns) / AB_NSEC_PER_MSEC;
}

#endif
