/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/engine.h"

#include <assert.h>
#include <string.h>

#include "core/answer.h"
#include "core/observe.h"
#include "core/plan.h"
#include "core/try.h"

size_t ab_engine_size(const struct ab_limits *limits)
{
	struct ab_engine e;

	memset(&e, 0, sizeof(e));
	return ab_world_layout(&e, limits);
}

static void clear_tables(struct ab_engine *e)
{
	ab_table_clear(e, &e->ports);
	ab_table_clear(e, &e->addrs);
	ab_table_clear(e, &e->targets);
	ab_table_clear(e, &e->ifaces);
	ab_table_clear(e, &e->nodes);
	ab_table_clear(e, &e->paths);
	ab_table_clear(e, &e->founds);
	ab_table_clear(e, &e->sessions);
}

struct ab_engine *ab_engine_init(void *block, const struct ab_limits *limits,
				 const struct ab_engine_config *config)
{
	struct ab_engine *e = block;

	memset(e, 0, sizeof(*e));
	(void)ab_world_layout(e, limits);
	clear_tables(e);
	e->config = *config;
	e->random = config->seed;
	e->next = e->orphans_due = e->targets_due = AB_MONO_NEVER;
	e->recheck_at = AB_MONO_NEVER;
	return e;
}

struct ab_limits ab_engine_limits(const struct ab_engine *e)
{
	return e->limits;
}

/* Twice as many when less than an eighth is left. */
static uint32_t more(const struct ab_table *t)
{
	return t->cap - t->live > t->cap / 8 ? t->cap : t->cap * 2 + 8;
}

struct ab_limits ab_engine_more(const struct ab_engine *e)
{
	return (struct ab_limits){
		.ports = more(&e->ports),
		.addrs = more(&e->addrs),
		.targets = more(&e->targets),
		.ifaces = more(&e->ifaces),
		.nodes = more(&e->nodes),
		.paths = more(&e->paths),
		.founds = more(&e->founds),
		.sessions = more(&e->sessions),
	};
}

struct ab_engine *ab_engine_copy(void *block, const struct ab_limits *limits,
				 const struct ab_engine *from)
{
	struct ab_engine *e = block;

	if (limits->ports < from->ports.high || limits->addrs < from->addrs.high ||
	    limits->targets < from->targets.high ||
	    limits->ifaces < from->ifaces.high || limits->nodes < from->nodes.high ||
	    limits->paths < from->paths.high || limits->founds < from->founds.high ||
	    limits->sessions < from->sessions.high)
		return NULL;
	*e = *from;
	(void)ab_world_layout(e, limits);
	ab_table_copy(e, &e->ports, from, &from->ports);
	ab_table_copy(e, &e->addrs, from, &from->addrs);
	ab_table_copy(e, &e->targets, from, &from->targets);
	ab_table_copy(e, &e->ifaces, from, &from->ifaces);
	ab_table_copy(e, &e->nodes, from, &from->nodes);
	ab_table_copy(e, &e->paths, from, &from->paths);
	ab_table_copy(e, &e->founds, from, &from->founds);
	ab_table_copy(e, &e->sessions, from, &from->sessions);
	return e;
}

bool ab_engine_wants_room(const struct ab_engine *e)
{
	return e->wants_room;
}

ab_mono ab_engine_next(const struct ab_engine *e)
{
	return e->next;
}

/* --- the step --- */

/* One free slot in every table that the event could need. */
static bool has_room(const struct ab_engine *e, enum ab_event_type type)
{
	bool needs_port =
		type == AB_EV_LINK || type == AB_EV_UDEV || type == AB_EV_ADDR;
	bool needs_node =
		type == AB_EV_NODE || type == AB_EV_LEDGER || type == AB_EV_SESSION;
	bool needs_found = type == AB_EV_FOUND;

	return !(
		(needs_port && ab_table_is_full(&e->ports)) ||
		(type == AB_EV_ADDR && ab_table_is_full(&e->addrs)) ||
		(type == AB_EV_SESSION && ab_table_is_full(&e->sessions)) ||
		((needs_node || type == AB_EV_IFACE) && ab_table_is_full(&e->ifaces)) ||
		(needs_node && ab_table_is_full(&e->nodes)) ||
		((needs_node || needs_found) && ab_table_is_full(&e->targets)) ||
		(needs_found && ab_table_is_full(&e->paths)) ||
		(needs_found && ab_table_is_full(&e->founds)));
}

static void take_dump(const struct ab_step *s, const struct ab_event *ev)
{
	enum ab_source source = (enum ab_source)ev->dump.source;

	if (ev->type == AB_EV_DUMP_BEGIN)
		ab_observe_dump_begin(s->e, source);
	else if (ev->type == AB_EV_DUMP_END)
		ab_observe_dump_end(s, ev);
	else
		ab_observe_stale(s->e, source);
}

static void take_udev(struct ab_engine *e, const struct ab_event *ev)
{
	if (ev->type == AB_EV_UDEV)
		ab_observe_udev(e, &ev->udev);
	else
		ab_observe_udev_gone(e, ev->udev.ifindex);
}

static void take_record(const struct ab_step *s, const struct ab_event *ev)
{
	if (ev->type == AB_EV_IFACE)
		ab_observe_iface(s, ev);
	else if (ev->type == AB_EV_IFACE_GONE)
		ab_observe_iface_gone(s, ev);
	else if (ev->type == AB_EV_NODE)
		ab_observe_node(s, ev);
	else
		ab_observe_node_gone(s, ev);
}

static void take_session(const struct ab_step *s, const struct ab_event *ev)
{
	if (ev->type == AB_EV_SESSION)
		ab_observe_session(s, &ev->session);
	else if (ev->type == AB_EV_SESSION_GONE)
		ab_observe_session_gone(s, ev->session.sid);
	else if (ev->type == AB_EV_MULTIPATH)
		ab_observe_multipath(s->e, ev->multipath.state);
	else
		ab_observe_mapped(s->e, ev->mapped.sid, ev->mapped.n_known);
}

static void take_event(const struct ab_step *s, const struct ab_event *ev)
{
	struct ab_engine *e = s->e;

	switch ((enum ab_event_type)ev->type) {
	case AB_EV_NONE:
	case AB_EV_TICK:
	case AB_EV_MAX:
		break;
	case AB_EV_DUMP_BEGIN:
	case AB_EV_DUMP_END:
	case AB_EV_STALE:
		take_dump(s, ev);
		break;
	case AB_EV_LINK:
		ab_observe_link(s, &ev->link);
		break;
	case AB_EV_LINK_GONE:
		ab_observe_link_gone(s, ev->link.ifindex);
		break;
	case AB_EV_ADDR:
		ab_observe_addr(e, &ev->addr);
		break;
	case AB_EV_ADDR_GONE:
		ab_observe_addr_gone(e, &ev->addr);
		break;
	case AB_EV_UDEV:
	case AB_EV_UDEV_GONE:
		take_udev(e, ev);
		break;
	case AB_EV_ROUTES:
		ab_observe_routes(e, ev->routes.family);
		break;
	case AB_EV_ROUTE:
		ab_observe_route(e, ev->route.path, ev->route.verdict);
		break;
	case AB_EV_NEIGH:
		ab_observe_neigh(s, ev);
		break;
	case AB_EV_IFACE:
	case AB_EV_IFACE_GONE:
	case AB_EV_NODE:
	case AB_EV_NODE_GONE:
		take_record(s, ev);
		break;
	case AB_EV_LEDGER:
		ab_observe_ledger(s, &ev->ledger);
		break;
	case AB_EV_SESSION:
	case AB_EV_SESSION_GONE:
	case AB_EV_MULTIPATH:
	case AB_EV_MAPPED:
		take_session(s, ev);
		break;
	case AB_EV_PROBE:
		ab_observe_probe(s, ev);
		break;
	case AB_EV_FOUND:
		ab_answer_found(e, ev);
		break;
	case AB_EV_DONE:
		ab_answer_done(s, ev);
		break;
	case AB_EV_POLICY:
		ab_observe_policy(s);
		break;
	case AB_EV_COMMAND:
		ab_observe_command(s, ev);
		break;
	}
}

static void ask_resyncs(const struct ab_step *s)
{
	struct ab_engine *e = s->e;
	unsigned int i;

	if (!e->is_recheck_asked && ab_mono_reached(e->recheck_at, e->now))
		e->is_recheck_asked = e->wants_resync[AB_SOURCE_RECORDS] = true;
	/* Who owns a record must be known when its absence is noticed: ledger first. */
	for (i = AB_SOURCE_MAX; i-- > 0;) {
		struct ab_effect *ef;

		if (!e->wants_resync[i])
			continue;
		ef = ab_plan_emit(s, AB_EF_RESYNC);
		if (!ef)
			return;
		ef->resync.source = (uint8_t)i;
		e->wants_resync[i] = false;
	}
}

static ab_mono next_deadline(const struct ab_engine *e)
{
	ab_mono next = e->is_orphans_dirty && e->is_starved ? e->now : e->orphans_due;
	uint32_t i;

	if (e->is_starved || e->wants_room)
		return e->now;
	if (!e->is_recheck_asked)
		next = ab_mono_min(next, e->recheck_at);
	next = ab_mono_min(next, e->targets_due);
	for (i = ab_table_next(e, &e->ports, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->ports, i)) {
		const struct ab_port *p = ab_port_at_const(e, i);

		next = ab_mono_min(next, p->due);
		if (p->has_link && p->is_dirty && !p->is_urgent)
			next = ab_mono_min(next, ab_plan_soak_end(p));
	}
	return next;
}

int ab_engine_step(struct ab_engine *e, const struct ab_policy_set *set,
		   const struct ab_event *ev, ab_mono now, struct ab_effects *out)
{
	struct ab_step s = { .e = e, .set = set, .out = out };

	assert(out->max >= AB_EFFECTS_MIN);
	assert(ev->type == AB_EV_POLICY ||
	       e->generation == (set ? set->generation : 0));
	assert(!ab_mono_before(now, e->now));
	if (!has_room(e, (enum ab_event_type)ev->type))
		return AB_ENGINE_E_LIMIT;
	e->now = now;
	e->is_starved = e->wants_room = false;
	e->generation = set ? set->generation : 0;
	take_event(&s, ev);
	if (ab_plan_ledger(&s)) {
		ab_plan_dirty(&s);
		ab_plan_sessions(&s);
		ab_plan_orphans(&s);
	}
	(void)ab_try_tell(&s); /* without room: in the next step */
	ask_resyncs(&s);
	e->next = next_deadline(e);
	return 0;
}
