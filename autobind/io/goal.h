/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * goal - what somebody who asked for something waits for.
 *
 * Says whether it has been reached, what is missing, and the sentence at the end. Reads
 * only. Must not know: who waits, for how long (io/service).
 */
#ifndef AUTOBIND_IO_GOAL_H
#define AUTOBIND_IO_GOAL_H

#include "core/view.h"

enum ab_goal_kind {
	AB_GOAL_SATISFIED, /* what the policies want of .scope is there */
	AB_GOAL_PAUSED,	   /* nothing is being done any more */
	AB_GOAL_DRAINED,   /* .scope has no session */
	AB_GOAL_WAITED,	   /* .wait is over */
};

struct ab_goal {
	uint8_t kind; /* enum ab_goal_kind */
	struct ab_scope scope;
	struct ab_wait wait;
};

bool ab_goal_is_reached(const struct ab_goal *goal, const struct ab_view *v);

/* A row for each thing that is missing, at most @v->max; cells port, portal, state,
 * text. */
void ab_goal_missing(const struct ab_goal *goal, const struct ab_view *v);

/* The last sentence, when it has been reached or the time is over. */
void ab_goal_add_result(struct ab_text *t, const struct ab_goal *goal, bool is_reached);

#endif
