/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pretend - what would be seen if an effect went well: for plans, which act on nothing.
 * A logout goes as the last one went that was tried.
 */
#ifndef AUTOBIND_CORE_PRETEND_H
#define AUTOBIND_CORE_PRETEND_H

#include "core/event.h"

#define AB_PRETEND_MAX 3

/**
 * ab_pretend() - the events that tell of an effect that went well
 * @ef:    the effect
 * @sid:   number for a session that a login makes; one disk is mapped at once
 * @guard: what refuses a logout; AB_GUARD_FREE: nothing
 * @ret:   the events, in order
 *
 * A discovery finds nothing: what a target offers nobody can pretend.
 *
 * Return: how many; 0 for an effect that is no job.
 */
unsigned int ab_pretend(const struct ab_effect *ef, uint32_t sid, enum ab_guard guard,
			struct ab_event ret[AB_PRETEND_MAX]);

#endif
