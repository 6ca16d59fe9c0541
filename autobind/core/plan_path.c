/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/plan.h"

#include <string.h>
#include <sys/socket.h>

#include "core/try.h"
#include "util/text.h"

/* --- probes --- */

bool ab_plan_stop_probe(const struct ab_step *s, uint32_t slot)
{
	struct ab_path *path = ab_path_at(s->e, slot);
	struct ab_effect *ef;

	if (!path->is_probed)
		return true;
	ef = ab_plan_emit(s, AB_EF_PROBE_CLEAR);
	if (!ef)
		return false;
	ef->probe.path = ab_world_path_handle(s->e, slot);
	path->is_probed = false;
	return true;
}

/* What the kernel already knows about a path; UNKNOWN when only a probe can tell. */
static enum ab_path_state kernel_state(const struct ab_port *p,
				       const struct ab_path *path,
				       const struct ab_home *home)
{
	if (!p->link.is_up || !p->link.has_carrier)
		return AB_PATH_NOCARRIER;
	if (!home->has_present[path->portal.addr.family == AF_INET6])
		return AB_PATH_NOADDR;
	if (path->route == AB_ROUTE_NONE)
		return AB_PATH_NOROUTE;
	return AB_PATH_UNKNOWN;
}

/* Asks for the route once, and again when routes or addresses have changed. */
static bool ask_route(const struct ab_step *s, const struct ab_port *p, uint32_t slot)
{
	struct ab_path *path = ab_path_at(s->e, slot);
	struct ab_effect *ef;

	if (path->is_route_asked && !path->is_route_stale)
		return true;
	ef = ab_plan_emit(s, AB_EF_ROUTE_CHECK);
	if (!ef)
		return false;
	ef->route.path = ab_world_path_handle(s->e, slot);
	ef->route.ifindex = p->link.ifindex;
	ef->route.addr = path->portal.addr;
	path->is_route_asked = true;
	path->is_route_stale = false;
	return true;
}

static bool start_probe(const struct ab_step *s, const struct ab_port *p, uint32_t slot)
{
	const struct ab_policy *pol = &s->set->policies[p->policy];
	struct ab_path *path = ab_path_at(s->e, slot);
	const struct ab_health *h = &path->health;
	/* The first answer after a time of slow probing is followed up quickly. */
	bool is_slow = ab_health_is_down(h) && h->answers == 0;
	uint32_t interval =
		is_slow && h->down_interval_ms ? h->down_interval_ms : pol->interval_ms;
	uint8_t burst = h->state == AB_PATH_UP || is_slow ? 1 : pol->rise;
	struct ab_effect *ef;

	if (path->is_probed && path->probe_ifindex == p->link.ifindex &&
	    path->probe_interval_ms == interval && path->probe_method == pol->method &&
	    path->probe_timeout_ms == pol->timeout_ms)
		return true;
	ef = ab_plan_emit(s, AB_EF_PROBE_SET);
	if (!ef)
		return false;
	ef->probe.path = ab_world_path_handle(s->e, slot);
	ef->probe.ifindex = path->probe_ifindex = p->link.ifindex;
	(void)ab_copy(ef->probe.netdev, sizeof(ef->probe.netdev), p->link.name);
	ef->probe.portal = path->portal;
	ef->probe.method = path->probe_method = pol->method;
	ef->probe.burst = burst;
	ef->probe.interval_ms = path->probe_interval_ms = interval;
	ef->probe.timeout_ms = path->probe_timeout_ms = pol->timeout_ms;
	path->is_probed = true;
	return true;
}

void ab_plan_ask_again(struct ab_engine *e, struct ab_path *path)
{
	ab_mono earliest = ab_mono_add_ms(path->discovery_started, AB_DISCOVERY_GAP_MS);

	path->discovery.next =
		path->discovery_started.ns && ab_mono_before(e->now, earliest)
			? earliest
			: e->now;
}

void ab_plan_greet(struct ab_engine *e, struct ab_path *path, bool was_down)
{
	if (was_down || !ab_try_is_of_before(path))
		ab_plan_ask_again(e, path);
}

/* Sets a state that is not the prober's to find, and tells when a portal is lost
 * by it. */
static void set_state(const struct ab_step *s, const struct ab_port *p,
		      struct ab_path *path, enum ab_path_state state)
{
	bool was_up = path->health.state == AB_PATH_UP;
	bool was_down = ab_health_is_down(&path->health);

	if (!ab_health_set(&path->health, state, 0, s->e->now))
		return;
	if (was_up)
		ab_plan_note(s, AB_NOTE_PATH_DOWN, p, &path->portal, NULL, state);
	if (state == AB_PATH_UP) {
		ab_plan_note(s, AB_NOTE_PATH_UP, p, &path->portal, NULL, 0);
		ab_plan_greet(s->e, path, was_down);
	}
}

/* With all that was known of it. Return: false when there was no room to tell that. */
static bool drop_path(const struct ab_step *s, uint32_t slot)
{
	if (!ab_plan_stop_probe(s, slot) ||
	    !ab_try_forget_path(s, ab_path_at(s->e, slot)))
		return false;
	ab_world_remove_path(s->e, slot);
	return true;
}

static bool is_kernels(enum ab_path_state state)
{
	return state == AB_PATH_NOCARRIER || state == AB_PATH_NOADDR ||
	       state == AB_PATH_NOROUTE || state == AB_PATH_UNWANTED;
}

static bool plan_wanted_path(const struct ab_step *s, const struct ab_port *p,
			     uint32_t slot, const struct ab_home *home)
{
	struct ab_path *path = ab_path_at(s->e, slot);
	enum ab_path_state state = kernel_state(p, path, home);

	if (state == AB_PATH_UNKNOWN || state == AB_PATH_NOROUTE) {
		if (!ask_route(s, p, slot))
			return false;
	} else {
		/* What comes back with the carrier or the address may have another
		 * route. */
		path->is_route_asked = false;
		path->route = AB_ROUTE_UNKNOWN;
	}
	if (state != AB_PATH_UNKNOWN) {
		if (!ab_plan_stop_probe(s, slot))
			return false;
		set_state(s, p, path, state);
		return true;
	}
	if (is_kernels((enum ab_path_state)path->health.state))
		ab_health_reset(&path->health, AB_PATH_UNKNOWN, s->e->now);
	if (path->route != AB_ROUTE_OK)
		return true;
	if (s->set->policies[p->policy].method == AB_PROBE_NONE) {
		set_state(s, p, path, AB_PATH_UP);
		return ab_plan_stop_probe(s, slot);
	}
	return start_probe(s, p, slot);
}

bool ab_plan_paths(const struct ab_step *s, uint32_t port, const struct ab_home *home)
{
	struct ab_port *p = ab_port_at(s->e, port);
	uint32_t i, next;

	for (i = p->first_path; i != AB_NONE; i = next) {
		struct ab_path *path = ab_path_at(s->e, i);

		next = path->next;
		if (ab_path_is_wanted(path)) {
			if (!plan_wanted_path(s, p, i, home))
				return false;
			continue;
		}
		if (!ab_plan_stop_probe(s, i))
			return false;
		set_state(s, p, path, AB_PATH_UNWANTED);
		if (path->first_found == AB_NONE && !path->discovery_job &&
		    !path->is_listed && !drop_path(s, i))
			return false;
	}
	return true;
}

/* A port without a policy is not probed, and nothing is known about its portals. */
bool ab_plan_drop_paths(const struct ab_step *s, struct ab_port *p)
{
	while (p->first_path != AB_NONE)
		if (!drop_path(s, p->first_path))
			return false;
	return true;
}

/* --- discovery --- */

static bool discover(const struct ab_step *s, const struct ab_port *p, uint32_t slot)
{
	const struct ab_policy *pol = &s->set->policies[p->policy];
	struct ab_path *path = ab_path_at(s->e, slot);
	struct ab_effect *ef = ab_plan_emit(s, AB_EF_DISCOVER);
	struct ab_job *job;

	if (!ef)
		return false;
	job = ab_plan_start_job(s->e, AB_JOB_DISCOVER, slot, &path->item);
	if (!job) {
		s->out->n--;
		return false;
	}
	path->discovery_job = ef->job = job->id;
	path->discovery_started = s->e->now;
	path->asked_with = pol->discovery_chap_mark;
	if (!pol->use_default) {
		ef->discover.ifindex = p->link.ifindex;
		(void)ab_copy(ef->discover.netdev, sizeof(ef->discover.netdev),
			      p->link.name);
	}
	ef->discover.portal = path->portal;
	(void)ab_copy(ef->discover.initiatorname, sizeof(ef->discover.initiatorname),
		      pol->initiatorname);
	ef->discover.deadline_ms = AB_DISCOVERY_DEADLINE_MS;
	ef->discover.max = AB_DISCOVERY_LINES;
	(void)ab_copy(ef->discover.chap, sizeof(ef->discover.chap),
		      pol->discovery_chap);
	return true;
}

bool ab_plan_discovery(const struct ab_step *s, uint32_t port)
{
	struct ab_port *p = ab_port_at(s->e, port);
	bool is_done = true;
	uint32_t i;

	for (i = p->first_path; i != AB_NONE; i = ab_path_at(s->e, i)->next) {
		struct ab_path *path = ab_path_at(s->e, i);

		if (!(path->roles & AB_ROLE_DISCOVERY) ||
		    path->health.state != AB_PATH_UP || path->discovery_job ||
		    s->e->is_paused)
			continue;
		/* With another secret it may go well, or not any more. */
		if (path->discovery_started.ns &&
		    path->asked_with != s->set->policies[p->policy].discovery_chap_mark)
			path->discovery = (struct ab_backoff){ .next = s->e->now };
		if (!ab_plan_is_due(s, p, path->discovery.next))
			continue;
		is_done &= discover(s, p, i);
	}
	return is_done;
}
