/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/survey.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "io/discover.h"
#include "io/loop.h"
#include "io/probe.h"
#include "io/spawner.h"

#define BURST 2
#define TIMEOUT_MS 1000
/* Longer than the burst takes: a third probe is not waited for. */
#define INTERVAL_MS 60000
#define DISCOVERY_MS 15000
#define DISCOVERY_LINES 16384
#define ALL_MS 60000

/* A path is a port, a portal and a way to ask. */
#define PATHS (AB_SETUP_PORTS * AB_SETUP_PORTALS * 2)

struct survey {
	struct ab_setup *setup; /* borrowed */
	const char *initiator;	/* borrowed */
	struct ab_loop *loop;
	struct ab_probe *probe;
	struct ab_spawner *spawner;
	struct ab_discover *discover;
	struct ab_loop_timer *timer;
	uint8_t left[PATHS]; /* probes whose result is not known */
	uint32_t n_open;     /* probes and discoveries that are waited for */
	uint32_t max_targets;
	int error;
};

static uint32_t path_of(uint32_t port, uint32_t portal, bool is_tcp)
{
	return (port * AB_SETUP_PORTALS + portal) * 2 + is_tcp;
}

static void finish(struct survey *v, int error)
{
	if (error && !v->error)
		v->error = error;
	if (v->n_open == 0 || error)
		ab_loop_stop(v->loop);
}

/* --- probes ---------------------------------------------------------------------- */

/* A port without an address of the family is not asked: the kernel would borrow one. */
static bool can_ask(const struct ab_setup_port *p, const struct ab_portal *portal)
{
	uint32_t i;

	for (i = 0; p->is_usable && i < p->n_nets; i++)
		if (p->nets[i].addr.family == portal->addr.family)
			return true;
	return false;
}

static int probe(struct survey *v, uint32_t port, uint32_t portal, bool is_tcp)
{
	struct ab_effect ef = { .type = AB_EF_PROBE_SET };
	uint32_t path = path_of(port, portal, is_tcp);
	int r;

	ef.probe.path = path + 1;
	ef.probe.ifindex = v->setup->ports[port].ifindex;
	ef.probe.portal = v->setup->portals[portal].portal;
	ef.probe.method = is_tcp ? AB_PROBE_TCP : AB_PROBE_ICMP;
	ef.probe.burst = BURST;
	ef.probe.interval_ms = INTERVAL_MS;
	ef.probe.timeout_ms = TIMEOUT_MS;
	r = ab_probe_set(v->probe, &ef);
	if (r < 0)
		return r;
	v->left[path] = BURST;
	v->n_open++;
	return 0;
}

/* Through every port. */
static int probe_portal(struct survey *v, uint32_t portal)
{
	const struct ab_setup *s = v->setup;
	uint32_t i;
	int r = 0;

	for (i = 0; i < s->n_ports && r == 0; i++) {
		if (!can_ask(&s->ports[i], &s->portals[portal].portal))
			continue;
		r = probe(v, i, portal, false);
		if (r == 0)
			r = probe(v, i, portal, true);
	}
	return r;
}

static int ask(struct survey *v, uint32_t port, uint32_t portal)
{
	struct ab_effect ef = { .type = AB_EF_DISCOVER };
	int r;

	ef.job = path_of(port, portal, true) + 1;
	ef.discover.ifindex = v->setup->ports[port].ifindex;
	(void)ab_copy(ef.discover.netdev, sizeof(ef.discover.netdev),
		      v->setup->ports[port].name);
	(void)ab_copy(ef.discover.initiatorname, sizeof(ef.discover.initiatorname),
		      v->initiator);
	ef.discover.portal = v->setup->portals[portal].portal;
	ef.discover.deadline_ms = DISCOVERY_MS;
	ef.discover.max = DISCOVERY_LINES;
	r = ab_discover_run(v->discover, &ef);
	v->n_open += r == 0;
	return r;
}

static void on_probe(struct survey *v, const struct ab_event *ev)
{
	uint32_t path = (uint32_t)ev->probe.path - 1;
	uint32_t portal = path / 2 % AB_SETUP_PORTALS;
	uint32_t port = path / 2 / AB_SETUP_PORTALS;
	struct ab_setup_path *p = &v->setup->paths[port][portal];
	bool is_answer = ev->probe.result == AB_PROBE_ANSWER, is_tcp = path % 2;
	int r = 0;

	if (v->left[path] == 0)
		return;
	v->left[path] = is_answer ? 0 : v->left[path] - 1;
	if (is_tcp) {
		p->has_connected |= is_answer;
		p->error = is_answer ? 0 : ev->probe.error;
	} else {
		p->has_echo |= is_answer;
	}
	if (v->left[path] > 0)
		return;
	if (is_tcp && is_answer && v->setup->portals[portal].is_asked)
		r = ask(v, port, portal);
	v->n_open--;
	finish(v, r);
}

/* --- discoveries ----------------------------------------------------------------- */

/* Index of the portal, or AB_SETUP_PORTALS: there are too many. */
static uint32_t find_portal(struct survey *v, const struct ab_portal *portal)
{
	struct ab_setup *s = v->setup;
	uint32_t i;

	for (i = 0; i < s->n_portals; i++)
		if (ab_portal_equal(&s->portals[i].portal, portal))
			return i;
	if (i == AB_SETUP_PORTALS)
		return i;
	s->portals[i] = (struct ab_setup_portal){ .portal = *portal };
	s->n_portals++;
	finish(v, probe_portal(v, i));
	return i;
}

static bool is_known(const struct ab_setup *s, const char *name, uint32_t portal,
		     int32_t tpgt)
{
	uint32_t i;

	for (i = 0; i < s->n_targets; i++)
		if (s->targets[i].portal == portal && s->targets[i].tpgt == tpgt &&
		    ab_streq(s->targets[i].name, name))
			return true;
	return false;
}

static void on_found(struct survey *v, const struct ab_event *ev)
{
	struct ab_setup *s = v->setup;
	uint32_t portal = find_portal(v, &ev->found.portal);
	struct ab_setup_target *t;

	if (portal == AB_SETUP_PORTALS || s->n_targets == AB_SURVEY_TARGETS ||
	    is_known(s, ev->found.target, portal, ev->found.tpgt))
		return;
	if (s->n_targets == v->max_targets) {
		uint32_t max = v->max_targets ? v->max_targets * 2 : 16;

		t = reallocarray(s->targets, max, sizeof(*t));
		if (!t) {
			finish(v, -ENOMEM);
			return;
		}
		s->targets = t;
		v->max_targets = max;
	}
	t = &s->targets[s->n_targets++];
	memcpy(t->name, ev->found.target, sizeof(t->name));
	t->portal = portal;
	t->tpgt = ev->found.tpgt;
}

static void on_done(struct survey *v, const struct ab_event *ev)
{
	uint32_t portal = (uint32_t)(ev->done.job - 1) / 2 % AB_SETUP_PORTALS;

	if (ev->done.outcome == AB_OUTCOME_DONE)
		v->setup->portals[portal].has_told = true;
	else
		v->setup->portals[portal].code = ev->done.code;
	v->n_open--;
	finish(v, 0);
}

static void on_event(void *arg, const struct ab_event *ev)
{
	if (ev->type == AB_EV_PROBE)
		on_probe(arg, ev);
	else if (ev->type == AB_EV_FOUND)
		on_found(arg, ev);
	else if (ev->type == AB_EV_DONE)
		on_done(arg, ev);
}

/* --- the run --------------------------------------------------------------------- */

/* What has not answered by now does not. */
static void on_timeout(void *arg)
{
	struct survey *v = arg;

	ab_loop_stop(v->loop);
}

static int start(struct survey *v, const struct ab_survey_config *config)
{
	struct ab_probe_config pc = { .is_steady = true };
	struct ab_discover_config dc = { .helper = config->helper,
					 .fn = on_event,
					 .arg = v };
	int r;

	if (getrandom(&pc.key, sizeof(pc.key), 0) < 0)
		return -errno;
	r = ab_loop_new(&v->loop);
	if (r == 0)
		r = ab_spawner_new(v->loop, &v->spawner);
	dc.loop = v->loop;
	dc.spawner = v->spawner;
	if (r == 0)
		r = ab_discover_new(&dc, &v->discover);
	if (r == 0)
		r = ab_probe_new(v->loop, &pc, on_event, v, &v->probe);
	if (r == 0)
		r = ab_loop_timer_new(v->loop, on_timeout, v, &v->timer);
	return r;
}

int ab_survey_run(const struct ab_survey_config *config, struct ab_setup *s)
{
	struct survey *v = calloc(1, sizeof(*v));
	uint32_t i, n = s->n_portals;
	int r;

	s->targets = NULL;
	s->n_targets = 0;
	if (!v)
		return -ENOMEM;
	v->setup = s;
	v->initiator = config->initiator;
	r = start(v, config);
	for (i = 0; i < n && r == 0; i++)
		r = probe_portal(v, i);
	if (r == 0 && v->n_open) {
		ab_loop_timer_set(v->timer,
				  ab_mono_add_ms(ab_loop_now(v->loop), ALL_MS));
		r = ab_loop_run(v->loop);
	}
	if (r == 0)
		r = v->error;
	(void)ab_probe_free(v->probe);
	(void)ab_loop_timer_free(v->timer);
	(void)ab_spawner_free(v->spawner);
	(void)ab_discover_free(v->discover);
	(void)ab_loop_free(v->loop);
	free(v);
	return r;
}
