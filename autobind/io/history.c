/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/history.h"

#include <assert.h>
#include <time.h>

#include "core/view.h"
#include "io/clock.h"

void ab_history_put(struct ab_history *h, const struct ab_effect *note)
{
	struct timespec real;

	(void)ab_clock_now_real(&real);
	h->ring[h->n % AB_HISTORY_MAX].time_ms =
		(int64_t)real.tv_sec * 1000 + real.tv_nsec / AB_NSEC_PER_MSEC;
	h->ring[h->n % AB_HISTORY_MAX].note = *note;
	h->n++;
}

uint64_t ab_history_first(const struct ab_history *h)
{
	return h->n > AB_HISTORY_MAX ? h->n - AB_HISTORY_MAX : 0;
}

void ab_history_row(const struct ab_history *h, uint64_t number, struct ab_row *row)
{
	assert(number >= ab_history_first(h) && number < h->n);
	ab_row_clear(row);
	ab_row_number(row, "time_ms", h->ring[number % AB_HISTORY_MAX].time_ms);
	ab_view_note(&h->ring[number % AB_HISTORY_MAX].note, row);
}
