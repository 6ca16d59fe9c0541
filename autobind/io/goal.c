/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/goal.h"

#define PAUSED "paused: watching goes on, nothing is changed"

bool ab_goal_is_reached(const struct ab_goal *goal, const struct ab_view *v)
{
	switch ((enum ab_goal_kind)goal->kind) {
	case AB_GOAL_SATISFIED:
		return ab_view_has_wanted(v, &goal->scope);
	case AB_GOAL_PAUSED:
		return !ab_view_is_acting(v->e);
	case AB_GOAL_DRAINED:
		return !ab_view_has_session(v, &goal->scope);
	case AB_GOAL_WAITED:
		return ab_view_wait_is_over(v, &goal->wait);
	}
	return false;
}

void ab_goal_missing(const struct ab_goal *goal, const struct ab_view *v)
{
	if (goal->kind == AB_GOAL_SATISFIED)
		(void)ab_view_missing(v, &goal->scope);
	else if (goal->kind == AB_GOAL_DRAINED)
		(void)ab_view_left(v, &goal->scope);
	else if (goal->kind == AB_GOAL_WAITED)
		ab_view_wait_missing(v, &goal->wait);
}

void ab_goal_add_result(struct ab_text *t, const struct ab_goal *goal, bool is_reached)
{
	bool is_all = !goal->scope.port[0];

	switch ((enum ab_goal_kind)goal->kind) {
	case AB_GOAL_SATISFIED:
		ab_text_add(t, is_reached ? "everything" : "not everything");
		ab_text_add(t, is_all ? " that the policies want is there"
				      : " that the policies want of the port is there");
		break;
	case AB_GOAL_PAUSED:
		ab_text_add(t, PAUSED);
		if (!is_reached)
			ab_text_add(t, ", but what was being done has not ended yet");
		break;
	case AB_GOAL_DRAINED:
		ab_text_add(t, is_reached
				       ? "drained: no session is left"
				       : "excluded, but sessions are left; they are "
					 "released as soon as their guards allow it");
		break;
	case AB_GOAL_WAITED:
		ab_text_add(t, is_reached
				       ? "what was waited for is there"
				       : "not everything that was waited for is there");
		break;
	}
}
