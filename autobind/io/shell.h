/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * shell - drives the engine: events in, effects out, on one loop that never blocks.
 *
 * Owns the engine and everything that observes or acts for it: the monitors, the
 * prober, the store and spawner helpers, discovery. Effects are not queued: each is
 * handed to its part at once, and what comes of it comes back as an event. Must not
 * know: what the effects mean, how an administrator asks (io/service).
 */
#ifndef AUTOBIND_IO_SHELL_H
#define AUTOBIND_IO_SHELL_H

#include <stdbool.h>

#include "core/view.h"
#include "io/conf.h"
#include "io/history.h"
#include "io/loop.h"
#include "io/roots.h"

struct ab_shell;

/* Effects of one step of the engine; more are planned in the next one. A recording is
 * replayed with the same number. */
#define AB_SHELL_EFFECTS 128

/* Those who answer requests, and those who report to the service manager. */
#define AB_SHELL_WATCHERS 2

struct ab_shell_config {
	const struct ab_roots *roots; /* borrowed for the life of the shell */
	const char
		*discover_helper; /* autobind-discover; NULL: where it is installed */
	const char *record;	  /* file for the events, to be replayed; NULL: none */
	bool no_login;
};

/**
 * ab_shell_new() - fork the helpers, open everything, read the configuration
 * @config:    copied, what it points to is borrowed
 * @ret_shell: the shell; nothing happens before ab_shell_run()
 *
 * To be called with one thread and before the memory is locked.
 *
 * Return: 0 or -errno; what failed has been logged.
 */
int ab_shell_new(const struct ab_shell_config *config, struct ab_shell **ret_shell);

/* Ends the helpers as their heads say; no session, no record is touched. Takes NULL. */
struct ab_shell *ab_shell_free(struct ab_shell *sh);

/* Until ab_shell_stop(). Return: 0 or -errno of the loop. */
int ab_shell_run(struct ab_shell *sh);
void ab_shell_stop(struct ab_shell *sh);

struct ab_loop *ab_shell_loop(struct ab_shell *sh);

/* Feeds an event in: an administrator's command. */
void ab_shell_event(struct ab_shell *sh, const struct ab_event *ev);

/* What views look at; .fn and .arg are the caller's to set. */
struct ab_view ab_shell_view(const struct ab_shell *sh);

/* Initiator name of the host ("" when there is none), store state, and the like. */
void ab_shell_add_head(const struct ab_shell *sh, struct ab_row *row);

const struct ab_history *ab_shell_history(const struct ab_shell *sh);

/* How a reload went: @conf is the configuration as it was read, NULL when it could not
 * be (then @r says why). conf->set is in force now if it is not NULL. */
typedef void ab_shell_reload_fn(void *arg, int r, const struct ab_conf *conf);

/**
 * ab_shell_reload() - read the configuration and take it if it has no error
 * @sh:  the shell
 * @fn:  told once, from the loop; NULL: nobody asks
 * @arg: for @fn
 *
 * Of several reloads the latest wins, and all of them get its answer.
 *
 * Return: 0, or -ENOMEM: then nobody will be told.
 */
int ab_shell_reload(struct ab_shell *sh, ab_shell_reload_fn *fn, void *arg);

/**
 * ab_shell_plan() - what the configuration in the files would change
 * @sh:  the shell; unchanged
 * @fn:  told once, from the loop, as for a reload: the effects, and what things look
 * like behind them (@after, NULL when there is no configuration to plan with); both
 * last for the call only
 * @arg: for @fn
 */
typedef void ab_shell_plan_fn(void *arg, int r, const struct ab_conf *conf,
			      const struct ab_effects *effects,
			      const struct ab_view *after);
int ab_shell_plan(struct ab_shell *sh, ab_shell_plan_fn *fn, void *arg);

/* Whoever asked for a reload or a plan with this @arg is not told any more; a reload
 * itself goes on only for others who wait for it. */
void ab_shell_forget(struct ab_shell *sh, const void *arg);

/* Has the first configuration been taken or refused, and every source been read
 * through? */
bool ab_shell_is_settled(const struct ab_shell *sh);

/* Is the configuration being read, to be taken? */
bool ab_shell_is_reloading(const struct ab_shell *sh);

/**
 * ab_shell_watch() - be called after each step, and when a reload begins or has ended
 * @sh:  the shell; at most AB_SHELL_WATCHERS watch it
 * @fn:  called with the notes in the history up to date
 * @arg: for @fn, and to name it in ab_shell_unwatch()
 */
void ab_shell_watch(struct ab_shell *sh, void (*fn)(void *arg), void *arg);
void ab_shell_unwatch(struct ab_shell *sh, const void *arg);

#endif
