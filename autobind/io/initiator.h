/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * initiator - this host as an iSCSI initiator: the kernel's sessions, and around them
 * iscsiadm, multipathd and those who use the disks.
 *
 * Puts io/mon_session, io/mpath, io/guard and io/login together for the shell: what
 * they see comes as events, AB_EF_LOGIN and AB_EF_LOGOUT go in. Must not know: why a
 * session is wanted.
 */
#ifndef AUTOBIND_IO_INITIATOR_H
#define AUTOBIND_IO_INITIATOR_H

#include "core/event.h"
#include "core/policy.h"
#include "io/loop.h"
#include "io/spawner.h"

struct ab_initiator;

struct ab_initiator_config {
	struct ab_loop *loop; /* here and in the next one: borrowed until free */
	struct ab_spawner *spawner;
	const char *sysfs;	 /* borrowed for the life of the module, as the next */
	const char *iscsiadm;	 /* absolute path */
	const char *iscsid_conf; /* read once, for its time-outs */
	ab_event_fn *fn;	 /* gets every event; must not free this */
	void *arg;
};

/* Return: 0 or -errno. */
int ab_initiator_new(const struct ab_initiator_config *config,
		     struct ab_initiator **ret_initiator);
/* After ab_spawner_free(). iscsiadm goes on. Takes NULL, returns NULL. */
struct ab_initiator *ab_initiator_free(struct ab_initiator *initiator);

/* Dump the sessions again (AB_EF_RESYNC). */
void ab_initiator_resync(struct ab_initiator *initiator);

/* A session, a disk or a map may be another one: look soon. */
void ab_initiator_nudge(struct ab_initiator *initiator);

/* As ab_login_run(). */
int ab_initiator_run(struct ab_initiator *initiator, const struct ab_effect *effect,
		     const struct ab_node_setting *settings, uint32_t n_settings);

#endif
