/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/machine.h"

#include <errno.h>
#include <stdlib.h>

#include "io/log.h"

int ab_machine_init(struct ab_machine *m, const struct ab_engine_config *config)
{
	static const struct ab_limits start = { .ports = 32,
						.addrs = 64,
						.targets = 64,
						.ifaces = 32,
						.nodes = 128,
						.paths = 64,
						.founds = 128,
						.sessions = 32 };
	void *block = malloc(ab_engine_size(&start));

	m->engine = block ? ab_engine_init(block, &start, config) : NULL;
	return block ? 0 : -ENOMEM;
}

static struct ab_engine *copy(const struct ab_engine *from,
			      const struct ab_limits *limits)
{
	void *block = malloc(ab_engine_size(limits));

	return block ? ab_engine_copy(block, limits, from) : NULL;
}

int ab_machine_copy(struct ab_machine *m, const struct ab_machine *from)
{
	struct ab_limits limits = ab_engine_limits(from->engine);

	m->engine = copy(from->engine, &limits);
	return m->engine ? 0 : -ENOMEM;
}

void ab_machine_fini(struct ab_machine *m)
{
	free(m->engine);
	m->engine = NULL;
}

static int grow(struct ab_machine *m)
{
	struct ab_limits more = ab_engine_more(m->engine);
	struct ab_engine *larger = copy(m->engine, &more);

	if (!larger)
		return -ENOMEM;
	free(m->engine);
	m->engine = larger;
	ab_log_debug("engine", "%zu KiB of state", ab_engine_size(&more) / 1024);
	return 0;
}

static int take(struct ab_machine *m, const struct ab_policy_set *set,
		const struct ab_event *ev, ab_mono now, struct ab_effects *out)
{
	int r;

	while ((r = ab_engine_step(m->engine, set, ev, now, out)) ==
	       AB_ENGINE_E_LIMIT) {
		r = grow(m);
		if (r < 0)
			return r;
	}
	return r;
}

int ab_machine_step(struct ab_machine *m, const struct ab_policy_set *set,
		    const struct ab_event *ev, ab_mono now, struct ab_effects *out)
{
	static const struct ab_event tick = { .type = AB_EV_TICK };
	int r = take(m, set, ev, now, out);

	while (r == 0 && ab_engine_wants_room(m->engine) && out->n < out->max) {
		r = grow(m);
		if (r == 0)
			r = take(m, set, &tick, now, out);
	}
	return r;
}
