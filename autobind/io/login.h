/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * login - carries out logins and logouts by the host's iscsiadm.
 *
 * AB_EF_LOGIN and AB_EF_LOGOUT become a waiting child each; its exit status becomes
 * AB_EV_DONE by core/login_code. A login names exactly one record: target, portal with
 * TPGT, iface; a wider pattern would log in to records of others. -W is not used: it
 * hides what CHAP said. The child is never killed: iscsid would go on without it. Just
 * before each answer the sessions are looked at, so what sysfs shows is known first.
 * Must not know: iscsid's socket, records. Whether iscsid runs is found out by
 * iscsiadm, whose connection starts it by its socket unit; no secret is in any
 * argument.
 */
#ifndef AUTOBIND_IO_LOGIN_H
#define AUTOBIND_IO_LOGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "core/event.h"
#include "core/policy.h"
#include "io/loop.h"
#include "io/mon_session.h"
#include "io/spawner.h"

/* A logout that takes longer is UNKNOWN: iscsid's own limit is 15 s, and closing the
 * disks before it writes their caches. */
#define AB_LOGOUT_DEADLINE_MS 60000

struct ab_login;

/* @guard: enum ab_guard. Called once for each begun check, not inside its begin. */
typedef void ab_login_guarded_fn(void *arg, uint8_t guard);

/**
 * ab_login_guard_fn() - begin to find out whether a session may be released
 * @guard_arg: of the configuration
 * @logout:    the job: .logout has sid, host, min_paths, must_be_idle; for the call
 * @fn:        gets the answer
 * @arg:       for @fn
 *
 * Return: 0, or -errno: nothing was begun, @fn is not called, it is not logged out.
 */
typedef int ab_login_guard_fn(void *guard_arg, const struct ab_effect *logout,
			      ab_login_guarded_fn *fn, void *arg);

struct ab_login_config {
	struct ab_loop *loop; /* here and in the next two: borrowed until free */
	struct ab_spawner *spawner;
	struct ab_sessions *sessions;
	const char *iscsiadm;	  /* absolute path, copied */
	const char *iscsid_conf;  /* read once, for its time-outs; NULL: none */
	uint32_t margin_ms;	  /* beyond iscsid's time-outs; 0: 10 s */
	ab_login_guard_fn *guard; /* NULL: no session is logged out */
	void *guard_arg;
	ab_event_fn *fn; /* gets AB_EV_DONE; must not free this */
	void *arg;
};

/**
 * ab_login_new() - before the loop runs: reads a file
 * @config:    copied, with the strings
 * @ret_login: the module
 *
 * Return: 0 or -errno (-EINVAL: the path is not absolute).
 */
int ab_login_new(const struct ab_login_config *config, struct ab_login **ret_login);

/* After ab_spawner_free() and after the guard's end, which forget their callbacks.
 * iscsiadm goes on. Takes NULL, returns NULL. */
struct ab_login *ab_login_free(struct ab_login *login);

/**
 * ab_login_run() - carry out an AB_EF_LOGIN or AB_EF_LOGOUT
 * @login:      see above
 * @effect:     copied
 * @settings:   LOGIN: the [Node] keys of its policy; for the call
 * @n_settings: how many
 *
 * Answered later, never inside this call, by one AB_EV_DONE. Its code is iscsiadm's
 * exit status, one of AB_LOGIN_E_*, or -errno when there was no status; with DENIED of
 * a logout an enum ab_guard.
 *
 * Login: with .connect_ms the portal must take one TCP connection through .ifindex
 * first, else the answer is RETRY, AB_LOGIN_E_CONNECT. iscsiadm has login_timeout x
 * (initial_login_retry_max + 1) + 10 s; after that the answer is UNKNOWN,
 * AB_LOGIN_E_TIMEOUT, and when the child ends at last the sessions are looked at again.
 * Until then another login of the same record is RETRY, AB_LOGIN_E_TIMEOUT.
 *
 * Logout: of exactly that session. It must be in sysfs with that host and that binding,
 * and not be firmware's, before and after the guard, which must find it FREE, or
 * REDUNDANT if that is enough; else DENIED. GONE: there is none. DONE when it is gone
 * afterwards, whatever the status; RETRY, 10 when it is not, though the status says so.
 *
 * Return: 0, or -ENOMEM: then there is no answer.
 */
int ab_login_run(struct ab_login *login, const struct ab_effect *effect,
		 const struct ab_node_setting *settings, uint32_t n_settings);

/* How long iscsiadm may take for a login, milliseconds. For tests. */
uint32_t ab_login_deadline_ms(const struct ab_login *login,
			      const struct ab_node_setting *settings,
			      uint32_t n_settings);

#endif
