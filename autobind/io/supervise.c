/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/supervise.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/clock.h"
#include "io/log.h"
#include "io/notify.h"
#include "io/store.h"

/* Between two looks at how things stand, and before what was not taken is
 * told again. */
#define STATUS_MS 1000
#define STATUS_TEXT 256

enum phase {
	PHASE_STARTING,
	PHASE_READY,
	PHASE_RELOADING,
};

struct ab_supervise {
	struct ab_shell *sh;	     /* borrowed */
	struct ab_notify notify;     /* owned */
	struct ab_loop_timer *timer; /* owned */
	enum phase phase;	     /* as told */
	char status[STATUS_TEXT];    /* as told */
	uint64_t n_notes;	     /* in the history when status was told */
	int64_t watchdog_ms;	     /* 0: none */
	ab_mono start_limit, status_at, watchdog_at;
};

/* --- how things stand --- */

static int64_t number_of(const struct ab_row *row, const char *name)
{
	const struct ab_cell *c = ab_row_find(row, name);

	return c && c->kind != AB_CELL_TEXT ? c->number : 0;
}

/* The head of `status` in one line. */
static void add_status(struct ab_text *t, const struct ab_row *row)
{
	const char *store = ab_row_get(row, "store");

	ab_text_add(t, ab_row_get(row, "overall"));
	ab_text_add(t, ": ports ");
	ab_text_addi(t, number_of(row, "ports"));
	ab_text_add(t, ", paths up ");
	ab_text_addi(t, number_of(row, "paths_up"));
	ab_text_addc(t, '/');
	ab_text_addi(t, number_of(row, "paths_all"));
	if (number_of(row, "paused"))
		ab_text_add(t, ", paused");
	if (number_of(row, "quiesced"))
		ab_text_add(t, ", quiesced");
	if (number_of(row, "additions_only"))
		ab_text_add(t, ", only additions");
	if (!ab_streq(ab_row_get(row, "configuration"), "current")) {
		ab_text_add(t, ", configuration: ");
		ab_text_add(t, ab_row_get(row, "configuration"));
	}
	if (!ab_streq(store, ab_store_state_name(AB_STORE_RUNNING))) {
		ab_text_add(t, ", store ");
		ab_text_add(t, store);
	}
}

static void tell_status(struct ab_supervise *s, ab_mono now)
{
	char line[STATUS_TEXT];
	struct ab_view v = ab_shell_view(s->sh);
	struct ab_row row;
	struct ab_text t;

	ab_row_clear(&row);
	ab_shell_add_head(s->sh, &row);
	ab_view_head(&v, &row);
	ab_text_init(&t, line, sizeof(line));
	ab_text_add(&t, "STATUS=");
	add_status(&t, &row);
	s->status_at = ab_mono_add_ms(now, STATUS_MS);
	if (!ab_streq(s->status, line) && ab_notify_send(&s->notify, line) < 0)
		return;
	(void)ab_copy(s->status, sizeof(s->status), line); /* of equal size */
	s->n_notes = ab_shell_history(s->sh)->n;
}

/* --- ready and reloading --- */

static enum phase present_phase(const struct ab_supervise *s, ab_mono now)
{
	if (s->phase == PHASE_STARTING)
		return ab_shell_is_settled(s->sh) ||
				       ab_mono_reached(s->start_limit, now)
			       ? PHASE_READY
			       : PHASE_STARTING;
	return ab_shell_is_reloading(s->sh) ? PHASE_RELOADING : PHASE_READY;
}

static void tell_phase(struct ab_supervise *s, enum phase phase)
{
	char line[64] = "READY=1";

	if (phase == PHASE_RELOADING)
		(void)snprintf(line, sizeof(line),
			       "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
			       ab_clock_monotonic_us());
	if (ab_notify_send(&s->notify, line) == 0)
		s->phase = phase;
}

/* --- when --- */

static void tell(void *arg)
{
	struct ab_supervise *s = arg;
	ab_mono now = ab_loop_now(ab_shell_loop(s->sh)), next;
	enum phase phase = present_phase(s, now);
	bool is_open;

	if (phase != s->phase)
		tell_phase(s, phase);
	if (s->phase != PHASE_STARTING && ab_mono_reached(s->status_at, now))
		tell_status(s, now);
	if (ab_mono_reached(s->watchdog_at, now) &&
	    ab_notify_send(&s->notify, "WATCHDOG=1") == 0)
		s->watchdog_at = ab_mono_add_ms(now, s->watchdog_ms);
	is_open = phase != s->phase || s->phase == PHASE_RELOADING ||
		  s->n_notes != ab_shell_history(s->sh)->n;
	next = AB_MONO_NEVER;
	if (s->phase == PHASE_STARTING)
		next = s->start_limit;
	else if (is_open)
		next = s->status_at;
	next = ab_mono_min(next, s->watchdog_at);
	/* What the manager's socket did not take is no reason to spin. */
	if (ab_mono_reached(next, now))
		next = ab_mono_add_ms(now, STATUS_MS);
	ab_loop_timer_set(s->timer, next);
}

int ab_supervise_new(struct ab_shell *sh, struct ab_supervise **ret_supervise)
{
	struct ab_supervise *s = calloc(1, sizeof(*s));
	ab_mono now = ab_loop_now(ab_shell_loop(sh));
	int r;

	if (!s)
		return -ENOMEM;
	s->sh = sh;
	r = ab_notify_open(&s->notify);
	if (r < 0) {
		errno = -r;
		ab_log_warn("supervise", "NOTIFY_SOCKET: the service manager is not "
					 "told anything");
	}
	if (s->notify.fd < 0) {
		free(s);
		*ret_supervise = NULL;
		return 0;
	}
	s->watchdog_ms = ab_notify_watchdog_ms();
	s->watchdog_at = s->watchdog_ms ? now : AB_MONO_NEVER;
	s->start_limit = ab_mono_add_ms(now, AB_SUPERVISE_START_MS);
	r = ab_loop_timer_new(ab_shell_loop(sh), tell, s, &s->timer);
	if (r < 0) {
		ab_notify_close(&s->notify);
		free(s);
		return r;
	}
	ab_shell_watch(sh, tell, s);
	tell(s);
	*ret_supervise = s;
	return 0;
}

struct ab_supervise *ab_supervise_free(struct ab_supervise *s)
{
	if (!s)
		return NULL;
	ab_shell_unwatch(s->sh, s);
	(void)ab_notify_send(&s->notify, "STOPPING=1");
	ab_notify_close(&s->notify);
	s->timer = ab_loop_timer_free(s->timer);
	free(s);
	return NULL;
}
