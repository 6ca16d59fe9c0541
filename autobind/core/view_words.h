/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * view_words - one word or clause for each state, error and note.
 *
 * Internal to the views. Must not know: how things came to be so (core/view_text).
 */
#ifndef AUTOBIND_CORE_VIEW_WORDS_H
#define AUTOBIND_CORE_VIEW_WORDS_H

#include "core/policy.h"
#include "core/world.h"

/* "3 s", "450 ms", "5 min", "2 h". */
void ab_view_add_ms(struct ab_text *t, int64_t ms);

/* "FILE:LINE", or "built-in default". */
void ab_view_add_origin(struct ab_text *t, const struct ab_policy_set *set,
			const struct ab_origin *o);

/* A foreign string, escaped. */
void ab_view_add_foreign(struct ab_text *t, const char *s);

/* What an errno, with or without a minus, means: of a probe, of a record's file. */
void ab_view_add_probe_error(struct ab_text *t, int32_t code);
void ab_view_add_file_error(struct ab_text *t, int32_t code);
/* The same for what a discovery ended with: enum ab_discovery_code, or -errno. */
void ab_view_add_discovery_error(struct ab_text *t, int32_t code);

/* "ok", "writing", "absent", ... */
const char *ab_view_record_state(const struct ab_record_item *r);

/* "taken by policy", ... */
const char *ab_view_note_name(enum ab_note note);

/* Why a login failed: an exit status of iscsiadm, AB_LOGIN_E_* or -errno. */
void ab_view_add_login_error(struct ab_text *t, int32_t code);
/* "it is mounted, swapped on or open", ... */
const char *ab_view_guard(enum ab_guard guard);

/* Why a target is kept at one session, and what mends it. */
const char *ab_view_gate(enum ab_gate gate);

#endif
