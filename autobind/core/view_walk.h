/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * view_walk - taking a table in pieces, and the order of its ports.
 *
 * Internal to the views. Rows before ab_view.first are passed over without being made,
 * and the table ends behind ab_view.max rows. Must not know: what is in a row.
 */
#ifndef AUTOBIND_CORE_VIEW_WALK_H
#define AUTOBIND_CORE_VIEW_WALK_H

#include "core/view.h"
#include "core/world.h"

struct ab_view_walk {
	const struct ab_view *v;
	uint32_t n; /* rows passed over or made */
};

/* Is the next row to be made? */
static inline bool ab_view_take(struct ab_view_walk *w)
{
	return w->n++ >= w->v->first;
}

static inline bool ab_view_is_over(const struct ab_view_walk *w)
{
	return w->v->max && w->n >= w->v->first + w->v->max;
}

/* The port whose name comes next after @after (NULL: the first), or NULL. The loopback
 * device can never carry iSCSI: nobody asks about it. */
const struct ab_port *ab_view_next_port(const struct ab_engine *e,
					const struct ab_port *after);

/* Does the port lack nothing that status would tell? */
bool ab_view_is_satisfied(const struct ab_port *p);

#endif
