/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/initiator.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "io/guard.h"
#include "io/log.h"
#include "io/login.h"
#include "io/mon_session.h"
#include "io/mpath.h"

/* Logouts that wait for their guard's word. */
#define WAITING_MAX 8

/* Who waits for a guard's word. */
struct waiting {
	ab_login_guarded_fn *fn; /* NULL: free */
	void *arg;
	uint32_t sid;
};

struct ab_initiator {
	ab_event_fn *fn;
	void *arg;
	struct ab_sessions *sessions;
	struct ab_mpath *mpath;
	struct ab_guards *guards;
	struct ab_login *login;
	struct waiting waiting[WAITING_MAX];
};

/* Which disks of the session multipathd is to be asked about. */
static void follow_disks(struct ab_initiator *in, uint32_t sid)
{
	struct ab_session_disk disks[AB_SESSION_DISKS_MAX];
	struct ab_mpath_disk asked[AB_SESSION_DISKS_MAX];
	int n = ab_sessions_disks(in->sessions, sid, disks, AB_SESSION_DISKS_MAX), i;

	/* Not all could be looked at: what is not known opens no gate. */
	if (n < 0)
		return;
	for (i = 0; i < n; i++)
		asked[i] = (struct ab_mpath_disk){ disks[i].major, disks[i].minor };
	if (ab_mpath_set_session(in->mpath, sid, asked, (size_t)n) < 0)
		ab_log_errx("multipath", "out of memory: session %u is not followed",
			    sid);
}

static void on_session(void *arg, const struct ab_event *ev)
{
	struct ab_initiator *in = arg;

	in->fn(in->arg, ev);
	if (ev->type == AB_EV_SESSION)
		follow_disks(in, ev->session.sid);
	else if (ev->type == AB_EV_SESSION_GONE)
		ab_mpath_drop_session(in->mpath, ev->session.sid);
}

static void on_guard(void *arg, const struct ab_block_answer *answer)
{
	struct waiting *slot = arg;
	struct waiting w = *slot;

	slot->fn = NULL;
	if (answer->detail[0])
		ab_log_notice("guard", "session %u stays: %s", w.sid, answer->detail);
	w.fn(w.arg, answer->guard);
}

/* ab_login_guard_fn. */
static int guard_logout(void *guard_arg, const struct ab_effect *logout,
			ab_login_guarded_fn *fn, void *arg)
{
	struct ab_initiator *in = guard_arg;
	struct ab_block_question question = {
		.sid = logout->logout.sid,
		.host = logout->logout.host,
		.min_paths = logout->logout.min_paths,
		.must_be_idle = logout->logout.must_be_idle,
	};
	unsigned int i = 0;
	int r;

	while (i < WAITING_MAX && in->waiting[i].fn)
		i++;
	if (i == WAITING_MAX)
		return -EBUSY;
	r = ab_guard_begin(in->guards, &question, on_guard, &in->waiting[i]);
	if (r == 0)
		in->waiting[i] = (struct waiting){ fn, arg, question.sid };
	return r;
}

int ab_initiator_new(const struct ab_initiator_config *config,
		     struct ab_initiator **ret_initiator)
{
	struct ab_initiator *in = calloc(1, sizeof(*in));
	struct ab_sessions_config sc = { .sysfs = config->sysfs };
	struct ab_mpath_config mc = { .slow_ms = 0 };
	struct ab_block_config bc = ab_block_defaults;
	struct ab_login_config lc = {
		.loop = config->loop,
		.spawner = config->spawner,
		.iscsiadm = config->iscsiadm,
		.iscsid_conf = config->iscsid_conf,
		.guard = guard_logout,
		.guard_arg = in,
		.fn = config->fn,
		.arg = config->arg,
	};
	int r;

	if (!in)
		return -ENOMEM;
	in->fn = config->fn;
	in->arg = config->arg;
	bc.sysfs = config->sysfs;
	r = ab_mpath_new(config->loop, &mc, config->fn, config->arg, &in->mpath);
	if (r == 0)
		r = ab_sessions_new(config->loop, &sc, on_session, in, &in->sessions);
	if (r == 0)
		r = ab_guards_new(config->loop, &bc, 0, &in->guards);
	lc.sessions = in->sessions;
	if (r == 0)
		r = ab_login_new(&lc, &in->login);
	if (r < 0) {
		(void)ab_initiator_free(in);
		return r;
	}
	*ret_initiator = in;
	return 0;
}

struct ab_initiator *ab_initiator_free(struct ab_initiator *in)
{
	if (!in)
		return NULL;
	in->guards = ab_guards_free(in->guards);
	in->login = ab_login_free(in->login);
	in->sessions = ab_sessions_free(in->sessions);
	in->mpath = ab_mpath_free(in->mpath);
	free(in);
	return NULL;
}

void ab_initiator_resync(struct ab_initiator *in)
{
	ab_sessions_resync(in->sessions);
}

void ab_initiator_nudge(struct ab_initiator *in)
{
	ab_sessions_nudge(in->sessions);
	ab_mpath_nudge(in->mpath);
}

int ab_initiator_run(struct ab_initiator *in, const struct ab_effect *effect,
		     const struct ab_node_setting *settings, uint32_t n_settings)
{
	assert(effect->type == AB_EF_LOGIN || effect->type == AB_EF_LOGOUT);
	return ab_login_run(in->login, effect, settings, n_settings);
}
