/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * view - the engine's state in words: rows for every question, text for every note.
 *
 * One object has one formatter, so that status, explain, logs and JSON never disagree.
 * Reads only. Must not know: sockets, JSON, tables on a terminal.
 */
#ifndef AUTOBIND_CORE_VIEW_H
#define AUTOBIND_CORE_VIEW_H

#include "core/engine.h"
#include "core/row.h"

/* Takes one row; it is valid during the call only. */
typedef void ab_view_fn(void *arg, const struct ab_row *row);

/* What all views look at, and where their rows go. */
struct ab_view {
	const struct ab_engine *e;
	const struct ab_policy_set *set; /* NULL: none in force */
	ab_mono now;
	ab_view_fn *fn;
	void *arg;
	uint32_t first; /* of a table: pass over so many rows, */
	uint32_t max;	/* then make at most so many; 0: all the others */
};

/* How things stand, for monitoring: worst of all taken ports. */
enum ab_overall {
	AB_OVERALL_OK,	    /* every taken port is BOUND, or IGNORED */
	AB_OVERALL_PARTIAL, /* something is missing, every port still has a portal */
	AB_OVERALL_BAD,	    /* a taken port reaches nothing, something is held, or a
			       target has fewer sessions than SessionsPerTarget asks
			       for */
	AB_OVERALL_IDLE,    /* no port is taken */
};

enum ab_overall ab_view_overall(const struct ab_view *v);

/* Is every record as it should be, down to the ledger's last word? An update that is
 * not done yet leaves its port BOUND: the record is there before and after. */
bool ab_view_is_settled(const struct ab_engine *e);
/* Has every source been read through? */
bool ab_view_is_complete(const struct ab_engine *e);

/* Is nothing to be changed, by hand or because open-iscsi stops? */
bool ab_view_is_paused(const struct ab_engine *e);
/* Is something being changed? What is only asked, as by a discovery, does not count. */
bool ab_view_is_acting(const struct ab_engine *e);

/* Adds the engine's part of the head of `status` to @row. */
void ab_view_head(const struct ab_view *v, struct ab_row *row);

/* One row each port, in the order of their names; @port: only that one, NULL or "":
 * all. Return: the number of rows passed over or made: less than @v->first + @v->max
 * says that there are no more. */
uint32_t ab_view_ports(const struct ab_view *v, const char *port);
uint32_t ab_view_ifaces(const struct ab_view *v);
uint32_t ab_view_portals(const struct ab_view *v);
/* By the names of the ports, then by portal. */
uint32_t ab_view_paths(const struct ab_view *v, const char *port);
uint32_t ab_view_nodes(const struct ab_view *v, const char *port);
/* Sessions of the kernel, and those that a policy wants and that are not there. */
uint32_t ab_view_sessions(const struct ab_view *v, const char *port);
/* The sessions that the scope has, each with what keeps it; cells port, portal, state,
 * target, sid, text. Without @v->fn they are counted only. */
uint32_t ab_view_left(const struct ab_view *v, const struct ab_scope *scope);
/* Adds "drained by FILE:LINE: why" or "excluded by ..." where exclude.d names the
 * scope. Return: false when nothing does. */
bool ab_view_add_exclusion(struct ab_text *t, const struct ab_view *v,
			   const struct ab_scope *scope, bool *ret_is_drain);
/* Is a login under way, or a session there, that the scope has? */
bool ab_view_has_session(const struct ab_view *v, const struct ab_scope *scope);
/* Is all that the policies want there, and at rest? Of one port: also when no policy
 * takes it. */
bool ab_view_has_wanted(const struct ab_view *v, const struct ab_scope *scope);
/* What the policies want of the scope and is not there, each with its reason, whether
 * or not it is under way; cells port, portal (where there is one), state, text. */
uint32_t ab_view_missing(const struct ab_view *v, const struct ab_scope *scope);
/* What somebody waits for. With .target or .paths: sessions of targets, through the
 * ports that the others choose; else that these ports have all that is wanted. */
struct ab_wait {
	char policy[AB_POLICY_NAME]; /* ports that it has taken; "": any */
	char port[AB_NETDEV_NAME];   /* this port; "": all */
	char target[AB_TARGET_NAME]; /* name or glob; "": every wanted target */
	uint32_t paths; /* sessions that each has at least; 0: as many as are wanted */
};

/* Is it there? Nothing that matches is not enough. */
bool ab_view_wait_is_over(const struct ab_view *v, const struct ab_wait *w);
/* A row for each thing that is missing, about @v->max; cells port, portal, state, text.
 */
void ab_view_wait_missing(const struct ab_view *v, const struct ab_wait *w);

/* What the policies want and cannot be had now, as rows of `plan` with the op "!";
 * cells op, kind, object, port, reason. */
uint32_t ab_view_blocked(const struct ab_view *v);

/**
 * ab_view_explain() - why a port, and one portal or target of it, is as it is
 * @v:    the view; rows have the cells topic and text
 * @port: name of the network device
 * @what: a portal or a target name; NULL or "": the port only
 *
 * Return: 0, or -ENODEV when there is no such port, -ENOENT when @what is neither a
 * portal nor a target that the port knows.
 */
int ab_view_explain(const struct ab_view *v, const char *port, const char *what);

/* A note as a row: what, port, portal, name, text. Its time is the caller's to add. */
void ab_view_note(const struct ab_effect *note, struct ab_row *row);
/* The sentence alone. */
void ab_view_note_text(struct ab_text *t, const struct ab_effect *note);

/* An effect of a dry run as a row of `plan`; false: not one that a person
 * asks about. */
bool ab_view_plan(const struct ab_effect *ef, struct ab_row *row);

/* "BOUND", "SEARCHING", ... */
const char *ab_view_port_state(unsigned int state);
/* "LOGGED_IN", "WAITING", ... of enum ab_login_verdict. */
const char *ab_view_login_verdict(unsigned int verdict);
/* "ours", "foreign", "modified", "held". */
const char *ab_view_owner(enum ab_owner owner);

#endif
