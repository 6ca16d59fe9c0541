/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * answer - what a job brought: records written or refused, targets found.
 *
 * An answer to an item that is no more is dropped. An unknown outcome never counts as
 * success or failure: the records are looked at again before anything else is done.
 */
#ifndef AUTOBIND_CORE_ANSWER_H
#define AUTOBIND_CORE_ANSWER_H

#include "core/world.h"

/* One binding that a discovery named; needs a free slot in paths, targets
 * and founds. */
void ab_answer_found(struct ab_engine *e, const struct ab_event *ev);

/* The one answer to a job. */
void ab_answer_done(const struct ab_step *s, const struct ab_event *ev);

#endif
