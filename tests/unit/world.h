/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine in its simulated surroundings, for the tests of what it decides: policies
 * to begin with, worlds that have them, and questions to these worlds.
 */
#ifndef AUTOBIND_TESTS_UNIT_WORLD_H
#define AUTOBIND_TESTS_UNIT_WORLD_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ab_test.h"

#include "../model/model.h"
#include "core/view.h"
#include "core/world.h"

#define SAN                                                                            \
	"[Match]\nAddress = 10.0.0.0/16\n"                                             \
	"[Portals]\nDiscover = 10.0.0.100\nTargets = iqn.2026-01.test:*\n"
#define PROBE "[Probe]\nRise = 2\nFall = 3\n"
#define RECORD "[Bind]\nAction = record\n"
#define MINUTE 60000
#define SETTLE (5 * MINUTE)

/* --- builders --- */

static inline struct model *world_of(const struct ab_policy_set *set)
{
	struct model *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	model_init(m, set);
	m->portals[0] = (struct model_portal){ true, 0, 1 };
	m->portals[1] = (struct model_portal){ true, 0, 1 };
	m->portals[2] = (struct model_portal){ true, 1, 1 };
	m->ports[1].name = 1;
	m->ports[2].name = 2;
	model_boot(m);
	return m;
}

/* eth0 with 10.0.0.10, portals .100 and .101, everything bound. */
static inline struct model *bound_world_of(const struct ab_policy_set *set)
{
	struct model *m = world_of(set);

	model_plug(m, 0);
	model_calm(m);
	return m;
}

static inline const struct ab_policy_set *san(void)
{
	return model_set(NULL, NULL, SAN PROBE RECORD, NULL);
}

static inline const struct ab_policy_set *san_with(const char *more)
{
	char text[1024];

	(void)snprintf(text, sizeof(text), "%s%s%s%s", SAN, PROBE, RECORD, more);
	return model_set(NULL, NULL, text, NULL);
}

static inline void rests(struct model *m)
{
	struct model *scratch = malloc(sizeof(*scratch));
	const char *broken;

	assert_non_null(scratch);
	broken = m->violation ? m->violation : model_check(m, scratch);
	free(scratch);
	if (broken)
		fail_msg("broken: %s; effects %s", broken, m->trace);
}

static inline void end(struct model *m)
{
	rests(m);
	model_set_free(m->set);
	free(m);
}

static inline struct ab_port *port_at(struct model *m, unsigned int port)
{
	uint32_t slot = ab_world_find_port(model_engine(m), m->ports[port].ifindex);

	assert_int_not_equal(slot, AB_NONE);
	return ab_port_at(model_engine(m), slot);
}

static inline struct ab_path *path_at(struct model *m, unsigned int port,
				      unsigned int portal)
{
	struct ab_portal p = model_portal_at(m, portal);
	uint32_t slot = ab_world_find_port(model_engine(m), m->ports[port].ifindex);

	slot = ab_world_find_path(model_engine(m), slot, &p);
	assert_int_not_equal(slot, AB_NONE);
	return ab_path_at(model_engine(m), slot);
}

static inline unsigned int probe_at(struct model *m, unsigned int port,
				    unsigned int portal)
{
	struct ab_portal p = model_portal_at(m, portal);
	unsigned int i;

	for (i = 0; i < MODEL_PROBES; i++)
		if (m->probes[i].is_set &&
		    m->probes[i].ifindex == m->ports[port].ifindex &&
		    ab_portal_equal(&m->probes[i].portal, &p))
			return i;
	fail_msg("portal %u is not probed", portal);
	return 0;
}

static inline bool is_probed(struct model *m, unsigned int port, unsigned int portal)
{
	return path_at(m, port, portal)->is_probed;
}

static inline bool has_node(const struct model *m, unsigned int portal,
			    const char *iface)
{
	return model_find_node(m, portal, 0, iface) >= 0;
}

static inline unsigned int count_nodes(const struct model *m)
{
	unsigned int i, n = 0;

	for (i = 0; i < MODEL_RECORDS; i++)
		n += m->records[i].kind == MODEL_NODE && m->records[i].is_present;
	return n;
}

static inline void clear_trace(struct model *m)
{
	memset(m->trace, 0, sizeof(m->trace));
	m->n_trace = 0;
}

static inline void assert_state(struct model *m, unsigned int port,
				enum ab_port_state state)
{
	assert_string_equal(ab_view_port_state(port_at(m, port)->state),
			    ab_view_port_state(state));
}

static inline void feed_stale(struct model *m, enum ab_source source)
{
	struct ab_event ev = { .type = AB_EV_STALE, .dump.source = (uint8_t)source };

	model_feed(m, &ev);
}

#endif
