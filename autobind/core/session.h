/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * session - why a binding has a session, or has none.
 *
 * One answer for the plan, which logs in when it is READY, and for the views, which
 * tell people. Reads only. Must not know: effects, words.
 */
#ifndef AUTOBIND_CORE_SESSION_H
#define AUTOBIND_CORE_SESSION_H

#include "core/world.h"

/* In the order in which they are looked for. */
enum ab_login_verdict {
	AB_LOGIN_LOGGED_IN,
	AB_LOGIN_RECOVERING, /* it has a session, whose connection is not there now */
	AB_LOGIN_RUNNING,    /* a login is in flight */
	AB_LOGIN_UNWANTED,   /* no policy logs in over it, or none may */
	AB_LOGIN_SPARE,	     /* SessionsPerTarget or SessionsPerPort is used up */
	AB_LOGIN_PAUSED,
	AB_LOGIN_HELD,	    /* the administrator ended its session */
	AB_LOGIN_DENIED,    /* refused for good; .code says why */
	AB_LOGIN_STALE,	    /* what this rests on is being looked at */
	AB_LOGIN_NO_RECORD, /* there is no node record to log in with yet */
	AB_LOGIN_NO_PATH,   /* the portal does not answer */
	AB_LOGIN_TOTAL,	    /* TotalSessions is reached */
	AB_LOGIN_GATED,	    /* the target is held at one session; ab_target.gate */
	AB_LOGIN_WAITING,   /* for the next try after a failed one */
	AB_LOGIN_QUEUED,    /* Concurrency is used up */
	AB_LOGIN_READY,
	AB_LOGIN_VERDICT_MAX
};

/* The policy that logs in over the binding, or NULL: none does, or logins are off
 * (ab_engine_config.no_login: every policy is capped at Action=record). */
const struct ab_policy *ab_session_policy(const struct ab_engine *e,
					  const struct ab_policy_set *set,
					  const struct ab_node *n);

enum ab_login_verdict ab_session_verdict(const struct ab_engine *e,
					 const struct ab_policy_set *set,
					 const struct ab_node *n);

/* Is the session bound to a device by a name that its record has given up? When its
 * connection is lost, iscsid looks for a device that is no more (usr/io.c,
 * bind_conn_to_iface). */
bool ab_session_is_outdated(const struct ab_node *n,
			    const struct ab_session_item *item);

/* The port that sessions over the binding go through: the one that it is wanted over,
 * else the one that its iface record was made for, or names. AB_NONE: that is not
 * there, or nobody knows ("default"). */
uint32_t ab_session_port(const struct ab_engine *e, const struct ab_node *n);

/* Does the scope have the binding? */
bool ab_session_is_in(const struct ab_engine *e, const struct ab_scope *scope,
		      const struct ab_node *n);

/* The deny list with Drain that names the portal or the port of a binding which nothing
 * wants any more; else NULL. */
const struct ab_exclude *ab_session_drain(const struct ab_engine *e,
					  const struct ab_policy_set *set,
					  const struct ab_node *n);

/* Is there a session or a login in flight over it? */
static inline bool ab_session_is_open(const struct ab_node *n)
{
	return n->login.session != AB_NONE || n->login.job;
}

/* How many of a target's bindings have one. */
uint32_t ab_session_count_open(const struct ab_engine *e, const struct ab_target *t);

/* Does multipathd see to a second path of a target with sessions? @ret_due: when to
 * look again though nothing happens; NEVER otherwise. */
enum ab_gate ab_session_gate(const struct ab_engine *e, const struct ab_target *t,
			     ab_mono *ret_due);

#endif
