// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Bytes become events. An even first byte: what happens to the simulated surroundings
 * of tests/model, under all its rules, ending in a rest. An odd one: events of any kind
 * with any content straight into an engine that starts with room for nothing and grows
 * by copies; there only the engine's own assertions and the sanitizers judge.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "fuzz.h"

#include "../model/model.h"
#include "core/view.h"
#include "core/world.h"

struct input {
	const uint8_t *data;
	size_t n;
};

static uint8_t take(struct input *in)
{
	if (in->n == 0)
		return 0;
	in->n--;
	return *in->data++;
}

static const struct ab_policy_set *sets[3];

static void make_sets(void)
{
	if (sets[0])
		return;
	sets[0] = model_set(NULL, NULL,
			    "[Match]\nAddress = 10.0.0.0/16\n[Portals]\n"
			    "Discover = 10.0.0.100\nTargets = *\n"
			    "[Bind]\nAction = login\nRetire = 10min\n"
			    "SessionsPerPort = 2\nSessionsPerTarget = 1..3\n"
			    "Concurrency = 2\n",
			    NULL);
	sets[1] = model_set(sets[0], "[Exclude]\nPortal = 10.0.0.102\n",
			    "[Match]\nName = eth*\n[Portals]\nDiscover = 10.0.0.101\n"
			    "Deny = 10.0.0.100\nTargets = *\nMaxPortals = 1\n"
			    "[Iface]\nBindBy = mac\n[Bind]\nAction = login\n"
			    "Unbind = idle\nMultipath = off\nTotalSessions = 4\n",
			    NULL);
	sets[2] = model_set(
		sets[1], NULL, "[Match]\nName = eth1\n[Bind]\nAction = iface\n",
		"[Match]\nName = *\n[Portals]\nTargets = *t0\nSameSubnet = no\n"
		"Static = iqn.2026-01.test:t0@10.0.0.101:3260,1\n"
		"[Probe]\nMethod = none\n[Iface]\nUse = default\n"
		"[Bind]\nAction = login\nSettle = 1min\n",
		NULL);
}

/* --- in the model --- */

static void change_port(struct model *m, unsigned int what, unsigned int port,
			unsigned int arg)
{
	struct model_port *p = &m->ports[port];

	if (what == 0)
		p->is_plugged ? model_unplug(m, port) : model_plug(m, port);
	else if (!p->is_plugged)
		return;
	else if (what == 1)
		model_carrier(m, port, !p->has_carrier);
	else if (what == 2)
		model_addr(m, port, !p->has_addr);
	else if (what == 3)
		model_move(m, port, arg % 2);
	else if (what == 4)
		model_rename(m, port, (uint8_t)(port + MODEL_PORTS * (arg % 3)));
	else
		model_enslave(m, port, !p->is_enslaved);
}

static void change_record(struct model *m, unsigned int what, unsigned int record)
{
	if (m->records[record].kind == MODEL_NONE || !m->records[record].is_present)
		return;
	if (what == 0)
		model_edit(m, record);
	else
		model_remove(m, record, what == 1);
}

/* Somebody else: iscsiadm with a record's key, or another tool with none of ours. */
static void log_in(struct model *m, unsigned int arg)
{
	const struct model_record *r = &m->records[arg % MODEL_RECORDS];
	struct ab_node_key key = r->key;

	if (r->kind != MODEL_NODE || !r->is_present)
		return;
	if (arg & 64)
		(void)snprintf(key.iface, sizeof(key.iface), "default");
	(void)model_log_in(m, &key, arg & 64 ? -1 : model_port_of_iface(m, key.iface),
			   arg & 128);
}

static void change_session(struct model *m, unsigned int what, unsigned int arg)
{
	unsigned int session = arg % MODEL_SESSIONS;

	if (what == 0)
		log_in(m, arg);
	else if (what == 1)
		model_multipath(m, (enum ab_multipath)(arg % AB_MULTIPATH_MAX));
	else if (what == 2)
		m->refuses[arg % 4] = !m->refuses[arg % 4];
	else if (!m->sessions[session].is_live)
		return;
	else if (what == 3)
		model_log_out(m, session);
	else if (arg & 64)
		model_session_state(
			m, session,
			(enum ab_session_state)((arg >> 4 & 3) % AB_SESSION_STATE_MAX));
	else
		model_disks(m, session, 2, arg >> 4 & 1 ? 2 : 0, arg >> 5 & 1 ? 2 : 1);
}

static void answer(struct model *m, unsigned int what, unsigned int arg)
{
	unsigned int job = m->n_jobs ? arg % m->n_jobs : 0, i;

	for (i = 0; i < MODEL_PROBES && what >= 4; i++)
		if (m->probes[i].is_set && (what > 4 || i == arg % MODEL_PROBES))
			model_probe(m, i);
	for (i = 0; i < MODEL_SESSIONS && what >= 4; i++)
		if (model_session_is_news(m, i))
			model_session(m, i);
	if (m->n_jobs == 0 || what >= 4)
		return;
	if (what < 2)
		model_do(m, job);
	else if (what == 2)
		model_fail(m, job, arg & 64 ? AB_OUTCOME_RETRY : AB_OUTCOME_DENIED,
			   false);
	else
		model_fail(m, job, AB_OUTCOME_UNKNOWN, arg & 64);
}

static void run_model(struct input *in)
{
	static struct model m, scratch;
	const char *broken = NULL;
	unsigned int i;

	model_init(&m, sets[take(in) % 2]);
	m.effects_max = AB_EFFECTS_MIN + take(in) % 49;
	for (i = 0; i < MODEL_PORTS; i++)
		m.ports[i].name = (uint8_t)i;
	for (i = 0; i < 4; i++)
		m.portals[i] = (struct model_portal){ true, i == 3, 1 };
	model_boot(&m);
	while (in->n && !broken) {
		unsigned int what = take(in), arg = take(in);

		if (what < 60)
			change_port(&m, what / 10, arg % MODEL_PORTS, arg / 8);
		else if (what < 90)
			change_record(&m, (what - 60) / 10, arg % MODEL_RECORDS);
		else if (what < 160)
			answer(&m, (what - 90) / 10, arg);
		else if (what < 180)
			m.portals[arg % 4].answers = !m.portals[arg % 4].answers;
		else if (what < 190)
			model_policy(&m, sets[arg % 2]);
		else if (what < 200)
			model_command(&m, (enum ab_command_verb)(arg % AB_COMMAND_MAX));
		else if (what < 205)
			model_boot(&m);
		else if (what < 230)
			change_session(&m, (what - 205) / 5, arg);
		else
			model_wait(&m, (int64_t)arg * (what < 243 ? 10 : 5000));
		broken = m.violation ? m.violation : model_check(&m, &scratch);
	}
	if (!broken) {
		model_command(&m, AB_COMMAND_RESUME);
		model_calm(&m);
		broken = m.violation;
	}
	if (broken) {
		fprintf(stderr, "broken: %s; effects: %s\n", broken, m.trace);
		abort();
	}
}

/* --- anything at all --- */

struct raw {
	struct ab_engine *e;
	const struct ab_policy_set *set;
	ab_mono now;
	uint64_t last_job, last_path;
};

static void some_name(struct input *in, char *buf, size_t size)
{
	(void)snprintf(buf, size, "%s%u", take(in) & 1 ? "ab-eth" : "eth",
		       take(in) % 3);
}

static struct ab_addr some_addr(struct input *in)
{
	uint8_t b = take(in);
	struct ab_addr a = { .family = b & 128 ? AF_INET6 : AF_INET };

	if (b & 128) {
		a.bytes[0] = b & 64 ? 0xfe : 0x20;
		a.bytes[1] = b & 64 ? 0x80 : 0x01;
		a.bytes[15] = b & 3;
	} else {
		a.bytes[0] = 10;
		a.bytes[2] = b >> 4 & 1;
		a.bytes[3] = (uint8_t)(100 + (b & 3));
	}
	return a;
}

static void some_key(struct input *in, struct ab_node_key *key)
{
	(void)snprintf(key->target, sizeof(key->target), "iqn.2026-01.test:t%u",
		       take(in) & 1);
	key->portal.addr = some_addr(in);
	key->portal.port = AB_PORTAL_PORT;
	key->tpgt = take(in) & 1;
	some_name(in, key->iface, sizeof(key->iface));
}

static void some_link(struct input *in, struct ab_link *link)
{
	uint8_t b = take(in);

	link->ifindex = b & 7;
	link->is_up = b & 8;
	link->has_carrier = b & 16;
	link->master = b & 32 ? take(in) & 7 : 0;
	link->type = take(in) % AB_PORT_TYPE_MAX;
	link->hwaddr.len = link->perm_hwaddr.len = b & 64 ? 6 : 0;
	link->hwaddr.bytes[5] = link->perm_hwaddr.bytes[5] = b & 64 ? b & 7 : 0;
	some_name(in, link->name, sizeof(link->name));
}

static void some_record(struct input *in, struct ab_event *ev)
{
	if (ev->type == AB_EV_NODE || ev->type == AB_EV_NODE_GONE) {
		some_key(in, &ev->node.key);
		some_name(in, ev->node.netdev, sizeof(ev->node.netdev));
		ev->node.hash = take(in) & 3;
		ev->node.state = take(in);
		ev->node.by_discovery = take(in) & 1;
		return;
	}
	some_name(in, ev->iface.binding.iface, sizeof(ev->iface.binding.iface));
	some_name(in, ev->iface.binding.netdev, sizeof(ev->iface.binding.netdev));
	(void)snprintf(ev->iface.binding.transport, sizeof(ev->iface.binding.transport),
		       "tcp");
	ev->iface.hash = take(in) & 3;
	ev->iface.state = take(in);
}

static void some_ledger(struct input *in, struct ab_ledger_entry *e)
{
	e->kind = take(in) % 5;
	e->owner = take(in) & 7;
	e->hash = take(in) & 3;
	if (e->kind == AB_LEDGER_TRY) {
		e->try.what = take(in) & 3;
		e->try.attempts = take(in);
		e->try.is_denied = take(in) & 1;
		e->try.next_ms = take(in);
		e->settings = take(in);
		some_key(in, &e->node);
		if (e->try.what == AB_TRY_DISCOVERY || e->try.what == AB_TRY_IFACE)
			e->node.target[0] = '\0';
		if (e->try.what == AB_TRY_IFACE)
			memset(&e->node.portal, 0, sizeof(e->node.portal));
		return;
	}
	if (e->kind == AB_LEDGER_NODE || e->kind == AB_LEDGER_SESSION) {
		some_key(in, &e->node);
		e->unwanted_ms = e->kind == AB_LEDGER_NODE ? take(in) >> 4 : 0;
		return;
	}
	some_name(in, e->iface.name, sizeof(e->iface.name));
	some_name(in, e->iface.port.name, sizeof(e->iface.port.name));
	e->iface.port.type = AB_PORT_ETHER;
	e->iface.retire_ms = take(in);
	e->iface.can_retire = e->iface.retire_ms & 1;
	e->iface.orphan_ms = e->iface.retire_ms >> 4;
}

static void some_session(struct input *in, struct ab_session *s)
{
	uint8_t b = take(in);

	s->sid = b & 15;
	s->host = b & 15;
	s->state = (b >> 4 & 3) % AB_SESSION_STATE_MAX;
	s->is_firmware = b & 64;
	s->n_disks = take(in) & 3;
	s->n_mapped = take(in) & 3;
	some_key(in, &s->node);
}

/* Mostly one that exists. */
static uint64_t some_id(struct input *in, uint64_t last)
{
	uint8_t b = take(in);

	return b & 128 ? b : last - (b & 7);
}

static void fill_answer(struct input *in, struct raw *r, struct ab_event *ev)
{
	if (ev->type == AB_EV_ROUTE) {
		ev->route.path = some_id(in, r->last_path);
		ev->route.verdict = take(in) % 4;
	} else if (ev->type == AB_EV_PROBE) {
		ev->probe.path = some_id(in, r->last_path);
		ev->probe.result = take(in);
		ev->probe.error = take(in);
		ev->probe.rtt_us = take(in);
	} else if (ev->type == AB_EV_FOUND) {
		ev->found.job = some_id(in, r->last_job);
		(void)snprintf(ev->found.target, sizeof(ev->found.target),
			       "iqn.2026-01.test:t%u", take(in) & 3);
		ev->found.portal.addr = some_addr(in);
		ev->found.portal.port = AB_PORTAL_PORT;
	} else {
		ev->done.job = some_id(in, r->last_job);
		ev->done.outcome = take(in) & 15;
		ev->done.code = take(in);
		ev->done.hash = take(in) & 3;
	}
}

static void fill(struct input *in, struct raw *r, struct ab_event *ev)
{
	unsigned int type = ev->type;

	if (type == AB_EV_LINK || type == AB_EV_LINK_GONE)
		some_link(in, &ev->link);
	else if (type == AB_EV_IFACE || type == AB_EV_IFACE_GONE ||
		 type == AB_EV_NODE || type == AB_EV_NODE_GONE)
		some_record(in, ev);
	else if (type == AB_EV_LEDGER)
		some_ledger(in, &ev->ledger);
	else if (type == AB_EV_SESSION || type == AB_EV_SESSION_GONE)
		some_session(in, &ev->session);
	else if (type == AB_EV_ROUTE || type == AB_EV_PROBE || type == AB_EV_FOUND ||
		 type == AB_EV_DONE)
		fill_answer(in, r, ev);
	else if (type == AB_EV_DUMP_BEGIN || type == AB_EV_DUMP_END ||
		 type == AB_EV_STALE) {
		ev->dump.source = take(in) & 7;
		ev->dump.is_unreadable = take(in) & 1;
	} else if (type == AB_EV_ADDR || type == AB_EV_ADDR_GONE) {
		ev->addr.ifindex = take(in) & 7;
		ev->addr.net = (struct ab_net){ some_addr(in), 24 };
		ev->addr.is_tentative = take(in) & 1;
	} else if (type == AB_EV_UDEV || type == AB_EV_UDEV_GONE) {
		ev->udev.ifindex = take(in) & 7;
		ev->udev.is_initialized = take(in) & 3;
		ev->udev.is_ignored = (take(in) & 15) == 15;
	} else if (type == AB_EV_ROUTES) {
		ev->routes.family = take(in) & 1 ? AF_INET : AF_INET6;
	} else if (type == AB_EV_NEIGH) {
		ev->neigh.ifindex = take(in) & 7;
		ev->neigh.addr = some_addr(in);
		ev->neigh.is_failed = take(in) & 1;
	} else if (type == AB_EV_COMMAND) {
		ev->command.verb = take(in) & 7;
	} else if (type == AB_EV_MULTIPATH) {
		ev->multipath.state = take(in) & 7;
	} else if (type == AB_EV_MAPPED) {
		ev->mapped.sid = take(in) & 15;
		ev->mapped.n_known = take(in) & 3;
	} else if (type == AB_EV_POLICY) {
		uint8_t b = take(in) & 3;

		r->set = b == 3 ? NULL : sets[b];
	}
}

static void grow(struct raw *r)
{
	struct ab_limits l = ab_engine_limits(r->e);
	uint32_t *v[] = { &l.ports, &l.addrs, &l.targets, &l.ifaces,
			  &l.nodes, &l.paths, &l.founds,  &l.sessions };
	struct ab_engine *old = r->e;
	unsigned int i;
	void *block;

	for (i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		*v[i] += *v[i] / 2 + 1;
	block = malloc(ab_engine_size(&l));
	if (!block)
		abort();
	r->e = ab_engine_copy(block, &l, old);
	if (!r->e)
		abort();
	free(old);
}

static void note_ids(struct raw *r, const struct ab_effects *out)
{
	uint32_t i;

	for (i = 0; i < out->n; i++) {
		if (out->v[i].job)
			r->last_job = out->v[i].job;
		if (out->v[i].type == AB_EF_ROUTE_CHECK ||
		    out->v[i].type == AB_EF_PROBE_SET)
			r->last_path = out->v[i].probe.path;
	}
}

static void ignore_row(void *arg, const struct ab_row *row)
{
	(void)arg;
	(void)row;
}

static void look(const struct raw *r)
{
	struct ab_view v = {
		.e = r->e, .set = r->set, .now = r->now, .fn = ignore_row
	};
	static char text[65536];

	(void)ab_view_ports(&v, NULL);
	(void)ab_view_paths(&v, NULL);
	(void)ab_view_nodes(&v, NULL);
	(void)ab_view_sessions(&v, NULL);
	(void)ab_view_missing(&v, &(struct ab_scope){ .port = "" });
	(void)ab_view_blocked(&v);
	(void)ab_view_ifaces(&v);
	(void)ab_view_missing(&v, &(struct ab_scope){ .port = "" });
	(void)ab_view_blocked(&v);
	(void)ab_view_explain(&v, "eth0", NULL);
	(void)ab_engine_project(r->e, text, sizeof(text));
}

static void run_raw(struct input *in)
{
	static const struct ab_limits nothing;
	static const struct ab_event tick = { .type = AB_EV_TICK };
	struct ab_engine_config config = { .seed = 1 };
	struct ab_effect v[AB_EFFECTS_MIN];
	struct raw r = { .now = ab_mono_ns(1) };

	r.e = malloc(ab_engine_size(&nothing));
	if (!r.e)
		abort();
	r.e = ab_engine_init(r.e, &nothing, &config);
	while (in->n) {
		struct ab_effects out = { .v = v, .max = AB_EFFECTS_MIN };
		struct ab_event ev;

		memset(&ev, 0, sizeof(ev));
		ev.type = take(in) % AB_EV_MAX;
		r.now = ab_mono_add_ms(r.now, (int64_t)take(in) * take(in));
		fill(in, &r, &ev);
		while (ab_engine_step(r.e, r.set, &ev, r.now, &out))
			grow(&r);
		note_ids(&r, &out);
		if (!ab_engine_wants_room(r.e))
			continue;
		grow(&r);
		out.n = 0;
		if (ab_engine_step(r.e, r.set, &tick, r.now, &out))
			abort();
		note_ids(&r, &out);
	}
	look(&r);
	free(r.e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size > 4096 ? 4096 : size };

	make_sets();
	if (take(&in) & 1)
		run_raw(&in);
	else
		run_model(&in);
	return 0;
}
