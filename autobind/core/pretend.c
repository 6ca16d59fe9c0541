/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/pretend.h"

#include <string.h>

static void log_in(const struct ab_effect *ef, uint32_t sid, struct ab_event *ret)
{
	ret[0].type = AB_EV_SESSION;
	ret[0].session.sid = ret[0].session.host = sid;
	ret[0].session.state = AB_SESSION_LOGGED_IN;
	ret[0].session.n_disks = ret[0].session.n_mapped = 1;
	ret[0].session.node = ef->login.key;
	ret[0].session.peer = ef->login.key.portal;
	ret[1].type = AB_EV_MAPPED;
	ret[1].mapped.sid = sid;
	ret[1].mapped.n_known = 1;
}

unsigned int ab_pretend(const struct ab_effect *ef, uint32_t sid, enum ab_guard guard,
			struct ab_event ret[AB_PRETEND_MAX])
{
	unsigned int n = 0;

	memset(ret, 0, AB_PRETEND_MAX * sizeof(*ret));
	if (!ef->job)
		return 0;
	if (ef->type == AB_EF_LOGIN) {
		log_in(ef, sid, ret);
		n = 2;
	} else if (ef->type == AB_EF_LOGOUT && guard == AB_GUARD_FREE) {
		ret[0].type = AB_EV_SESSION_GONE;
		ret[0].session.sid = ef->logout.sid;
		n = 1;
	}
	ret[n].type = AB_EV_DONE;
	ret[n].done.job = ef->job;
	if (ef->type == AB_EF_LOGOUT && guard != AB_GUARD_FREE) {
		ret[n].done.outcome = AB_OUTCOME_DENIED;
		ret[n].done.code = guard;
	}
	return n + 1;
}
