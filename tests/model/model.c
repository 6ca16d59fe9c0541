// SPDX-License-Identifier: GPL-2.0-or-later
#include "internal.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/ledger.h"
#include "core/name.h"
#include "core/plan.h"
#include "util/hash.h"

static const struct ab_limits limits = { .ports = 4,
					 .addrs = 12,
					 .targets = 4,
					 .ifaces = 8,
					 .nodes = 24,
					 .paths = 20,
					 .founds = 32,
					 .sessions = MODEL_SESSIONS };

struct ab_engine *model_engine(struct model *m)
{
	return (struct ab_engine *)(void *)m->block;
}

const struct ab_engine *model_engine_const(const struct model *m)
{
	return (const struct ab_engine *)(const void *)m->block;
}

void model_violate(struct model *m, const char *rule)
{
	if (!m->violation)
		m->violation = rule;
}

/* --- values --- */

static void target_name(unsigned int target, char *buf)
{
	(void)snprintf(buf, AB_TARGET_NAME, "iqn.2026-01.test:t%u", target);
}

static struct ab_addr ipv4(uint8_t subnet, uint8_t host)
{
	struct ab_addr a = { .family = AF_INET, .bytes = { 10, 0, subnet, host } };

	return a;
}

struct ab_portal model_portal_at(const struct model *m, unsigned int portal)
{
	struct ab_portal p = { .addr = ipv4(m->portals[portal].subnet,
					    (uint8_t)(100 + portal)),
			       .port = AB_PORTAL_PORT };

	return p;
}

void model_event(struct ab_event *ev, enum ab_event_type type)
{
	memset(ev, 0, sizeof(*ev));
	ev->type = type;
}

struct ab_event *model_push(struct model_queue *q, enum ab_event_type type)
{
	struct ab_event *ev;

	assert(q->n < MODEL_QUEUE);
	ev = &q->v[(q->first + q->n++) % MODEL_QUEUE];
	model_event(ev, type);
	return ev;
}

static void fill_link(const struct model *m, unsigned int port, struct ab_link *link)
{
	const struct model_port *p = &m->ports[port];

	link->ifindex = p->ifindex;
	(void)snprintf(link->name, sizeof(link->name), "eth%u", p->name);
	link->type = AB_PORT_ETHER;
	link->is_up = true;
	link->has_carrier = p->has_carrier;
	link->master = p->is_enslaved ? 900 : 0;
	link->mtu = 1500;
	link->hwaddr = (struct ab_hwaddr){ 6, { 2, 0, 0, 0, 0, (uint8_t)port } };
	link->perm_hwaddr = link->hwaddr;
}

static void fill_addr(const struct model *m, unsigned int port, struct ab_ifaddr *a)
{
	const struct model_port *p = &m->ports[port];

	a->ifindex = p->ifindex;
	a->net.addr = ipv4(p->subnet, (uint8_t)(10 + port));
	a->net.len = 24;
}

static void fill_udev(const struct model *m, unsigned int port, struct ab_udev_net *u)
{
	u->ifindex = m->ports[port].ifindex;
	u->is_initialized = true;
	(void)snprintf(u->driver, sizeof(u->driver), "model");
	(void)snprintf(u->id_path, sizeof(u->id_path), "pci-0000:00:0%u.0", port);
}

/* --- records --- */

bool model_same_key(const struct ab_node_key *a, const struct ab_node_key *b)
{
	return strcmp(a->target, b->target) == 0 && strcmp(a->iface, b->iface) == 0 &&
	       a->tpgt == b->tpgt && ab_portal_equal(&a->portal, &b->portal);
}

static bool is_key(const struct model_record *r, const struct ab_ledger_entry *e)
{
	if (r->kind == MODEL_IFACE)
		return e->kind == AB_LEDGER_IFACE &&
		       strcmp(e->iface.name, r->binding.iface) == 0;
	if (e->kind != (r->kind == MODEL_NODE ? AB_LEDGER_NODE : AB_LEDGER_SESSION))
		return false;
	return model_same_key(&e->node, &r->key);
}

struct model_record *model_find_record(struct model *m, enum model_kind kind,
				       const char *iface, const struct ab_node_key *key)
{
	unsigned int i;

	for (i = 0; i < MODEL_RECORDS; i++) {
		struct model_record *r = &m->records[i];

		if (r->kind == (uint8_t)kind &&
		    (kind == MODEL_IFACE ? strcmp(r->binding.iface, iface) == 0
					 : model_same_key(&r->key, key)))
			return r;
	}
	return NULL;
}

static struct model_record *add_record(struct model *m, enum model_kind kind,
				       const char *iface, const struct ab_node_key *key)
{
	struct model_record *r = model_find_record(m, kind, iface, key);
	unsigned int i;

	for (i = 0; i < MODEL_RECORDS && !r; i++)
		if (m->records[i].kind == MODEL_NONE)
			r = &m->records[i];
	assert(r);
	if (r->kind == MODEL_NONE) {
		r->kind = (uint8_t)kind;
		if (kind == MODEL_NODE)
			r->key = *key;
		else
			(void)snprintf(r->binding.iface, sizeof(r->binding.iface), "%s",
				       iface);
	}
	return r;
}

static void seal(struct model_record *r)
{
	uint64_t words[3] = { r->edits, r->settings, r->kind };

	r->hash = ab_hash_content(words, sizeof(words)) ^
		  ab_hash_content(&r->binding, sizeof(r->binding));
	r->is_present = true;
}

static void fill_record(const struct model_record *r, struct ab_event *ev)
{
	if (r->kind == MODEL_IFACE) {
		model_event(ev, r->is_present ? AB_EV_IFACE : AB_EV_IFACE_GONE);
		ev->iface.binding = r->binding;
		ev->iface.hash = r->hash;
		return;
	}
	model_event(ev, r->is_present ? AB_EV_NODE : AB_EV_NODE_GONE);
	ev->node.key = r->key;
	memcpy(ev->node.netdev, r->binding.netdev, sizeof(ev->node.netdev));
	memcpy(ev->node.hwaddr, r->binding.hwaddr, sizeof(ev->node.hwaddr));
	ev->node.hash = r->hash;
}

static int find_ledger(const struct model *m, const struct model_record *r)
{
	int i;

	for (i = 0; i < MODEL_RECORDS; i++)
		if (m->in_ledger[i] && is_key(r, &m->ledger[i]))
			return i;
	return -1;
}

const struct ab_ledger_entry *model_ledger(const struct model *m,
					   const struct model_record *r)
{
	int i = find_ledger(m, r);

	return i < 0 ? NULL : &m->ledger[i];
}

static void ledger_key(const struct ab_ledger_entry *e, struct model_record *ret)
{
	static const uint8_t kinds[] = { [AB_LEDGER_IFACE] = MODEL_IFACE,
					 [AB_LEDGER_NODE] = MODEL_NODE,
					 [AB_LEDGER_SESSION] = MODEL_SESSION };

	ret->kind = kinds[e->kind];
	if (ret->kind == MODEL_IFACE)
		memcpy(ret->binding.iface, e->iface.name, sizeof(ret->binding.iface));
	else
		ret->key = e->node;
}

static void ledger_put(struct model *m, const struct ab_ledger_entry *e)
{
	struct model_record r = { 0 };
	int i;

	ledger_key(e, &r);
	i = find_ledger(m, &r);
	if (i < 0)
		for (i = 0; m->in_ledger[i]; i++)
			assert(i + 1 < MODEL_RECORDS);
	m->ledger[i] = *e;
	m->in_ledger[i] = true;
}

static void ledger_del(struct model *m, const struct model_record *r)
{
	int i = find_ledger(m, r);

	if (i >= 0)
		m->in_ledger[i] = false;
}

int model_find_iface(const struct model *m, const char *name)
{
	unsigned int i;

	for (i = 0; i < MODEL_RECORDS; i++)
		if (m->records[i].kind == MODEL_IFACE && m->records[i].is_present &&
		    strcmp(m->records[i].binding.iface, name) == 0)
			return (int)i;
	return -1;
}

int model_find_node(const struct model *m, unsigned int portal, unsigned int target,
		    const char *iface)
{
	struct ab_portal p = model_portal_at(m, portal);
	char name[AB_TARGET_NAME];
	unsigned int i;

	target_name(target, name);
	for (i = 0; i < MODEL_RECORDS; i++) {
		const struct model_record *r = &m->records[i];

		if (r->kind == MODEL_NODE && r->is_present &&
		    ab_portal_equal(&r->key.portal, &p) &&
		    strcmp(r->key.target, name) == 0 &&
		    strcmp(r->key.iface, iface) == 0)
			return (int)i;
	}
	return -1;
}

int model_port_of_iface(const struct model *m, const char *iface)
{
	struct model_record key = { .kind = MODEL_IFACE };
	const struct ab_ledger_entry *e;
	char name[AB_NETDEV_NAME];
	int slot = model_find_iface(m, iface), i;

	(void)snprintf(key.binding.iface, sizeof(key.binding.iface), "%s", iface);
	e = model_ledger(m, &key);
	if (e && e->iface.port.perm_hwaddr.len)
		return e->iface.port.perm_hwaddr.bytes[5];
	for (i = 0; i < MODEL_PORTS && slot >= 0; i++) {
		(void)snprintf(name, sizeof(name), "eth%u", m->ports[i].name);
		if (m->ports[i].is_plugged &&
		    strcmp(m->records[slot].binding.netdev, name) == 0)
			return i;
	}
	return -1;
}

/* --- what the engine asks for --- */

/* R route check, P probe set, p clear, I iface write, i delete, N node write, n delete,
 * D discover, L ledger put, l del, S resync, O login, o logout. */
static const char letters[AB_EF_MAX] = {
	[AB_EF_PROBE_SET] = 'P',    [AB_EF_PROBE_CLEAR] = 'p',
	[AB_EF_ROUTE_CHECK] = 'R',  [AB_EF_IFACE_WRITE] = 'I',
	[AB_EF_IFACE_DELETE] = 'i', [AB_EF_NODE_WRITE] = 'N',
	[AB_EF_NODE_DELETE] = 'n',  [AB_EF_LEDGER_PUT] = 'L',
	[AB_EF_LEDGER_DEL] = 'l',   [AB_EF_DISCOVER] = 'D',
	[AB_EF_RESYNC] = 'S',	    [AB_EF_LOGIN] = 'O',
	[AB_EF_LOGOUT] = 'o',
};

static bool is_node_effect(uint32_t type)
{
	return type == AB_EF_NODE_WRITE || type == AB_EF_NODE_DELETE;
}

static bool is_write(uint32_t type)
{
	return is_node_effect(type) || type == AB_EF_IFACE_WRITE ||
	       type == AB_EF_IFACE_DELETE;
}

static struct model_record *record_of(struct model *m, const struct ab_effect *ef)
{
	if (is_node_effect(ef->type))
		return model_find_record(m, MODEL_NODE, NULL, &ef->node.key);
	return model_find_record(m, MODEL_IFACE, ef->iface.binding.iface, NULL);
}

static bool is_same_key(const struct ab_effect *a, const struct ab_effect *b)
{
	if (a->type == AB_EF_DISCOVER || b->type == AB_EF_DISCOVER)
		return a->type == b->type &&
		       a->discover.ifindex == b->discover.ifindex &&
		       ab_portal_equal(&a->discover.portal, &b->discover.portal);
	if (is_node_effect(a->type) != is_node_effect(b->type))
		return false;
	if (is_node_effect(a->type))
		return model_same_key(&a->node.key, &b->node.key);
	return strcmp(a->iface.binding.iface, b->iface.binding.iface) == 0;
}

static bool all_fresh(const struct ab_engine *e)
{
	unsigned int i;

	for (i = 0; i < AB_SOURCE_MAX; i++)
		if (!e->is_fresh[i])
			return false;
	return true;
}

/* Is all known that a write rests on? Only a deletion rests on sessions. */
static bool is_fresh_for(const struct ab_engine *e, uint32_t type)
{
	unsigned int i;

	for (i = 0; i < AB_SOURCE_MAX; i++)
		if (!e->is_fresh[i] &&
		    (i != AB_SOURCE_SESSIONS || type == AB_EF_NODE_DELETE))
			return false;
	return true;
}

/* Does the engine hold that portal for UP on a port that uses that iface? */
bool model_is_up(const struct ab_engine *e, const struct ab_node_key *key)
{
	uint32_t i;

	for (i = ab_table_next(e, &e->paths, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->paths, i)) {
		const struct ab_path *path = ab_path_at_const(e, i);
		const struct ab_port *p = ab_port_at_const(e, path->port);

		if (path->health.state == AB_PATH_UP && p->iface != AB_NONE &&
		    ab_portal_equal(&path->portal, &key->portal) &&
		    strcmp(ab_iface_at_const(e, p->iface)->binding.iface, key->iface) ==
			    0)
			return true;
	}
	return false;
}

static void check_change(struct model *m, const struct ab_effect *ef,
			 const struct model_record *r)
{
	const struct ab_ledger_entry *own = r ? model_ledger(m, r) : NULL;
	uint64_t expected = is_node_effect(ef->type) ? ef->node.hash : ef->iface.hash;

	if (!r || !r->is_present)
		model_violate(m, "changes only what is there");
	else if (!r->is_ours || r->edits)
		model_violate(m, "a foreign or modified record is never changed");
	else if (!own || own->owner != AB_OWNER_OURS)
		model_violate(m, "changes only what the ledger calls ours");
	else if (expected != r->hash)
		model_violate(m, "knows the content of what it changes");
	if (m->is_ledger_unreadable)
		model_violate(m, "an unreadable ledger allows additions only");
	if (ef->type == AB_EF_NODE_DELETE && model_is_in_use(m, &ef->node.key))
		model_violate(m, "a record under a session is not deleted");
}

/* The rules, where a record is about to change. */
static void check_write(struct model *m, const struct ab_effect *ef)
{
	const struct ab_engine *e = model_engine_const(m);
	const struct model_record *r = record_of(m, ef);
	bool is_delete =
		ef->type == AB_EF_NODE_DELETE || ef->type == AB_EF_IFACE_DELETE;
	bool is_update =
		is_node_effect(ef->type) ? ef->node.is_update : ef->iface.is_update;
	uint32_t i;

	m->n_writes++;
	if (!is_fresh_for(e, ef->type))
		model_violate(m, "nothing is written while an input is stale");
	if (e->is_paused)
		model_violate(m, "nothing is written while paused");
	for (i = 0; i < m->n_jobs; i++)
		if (is_write(m->jobs[i].type) && is_same_key(&m->jobs[i], ef))
			model_violate(m, "one job a key");
	if (is_delete || is_update) {
		check_change(m, ef, r);
		return;
	}
	if (r && r->is_present)
		model_violate(m, "creates only what is not there");
	if (r && r->is_held)
		model_violate(m, "what the administrator removed stays removed");
	if (ef->type == AB_EF_NODE_WRITE && !model_is_up(e, &ef->node.key))
		model_violate(m, "no node record for a path that is not up");
}

static struct model_probe *probe_of(struct model *m, uint64_t path)
{
	unsigned int i;

	for (i = 0; i < MODEL_PROBES; i++)
		if (m->probes[i].is_set && m->probes[i].path == path)
			return &m->probes[i];
	return NULL;
}

static void set_probe(struct model *m, const struct ab_effect *ef)
{
	struct model_probe *p = probe_of(m, ef->probe.path);
	unsigned int i;

	for (i = 0; i < MODEL_PROBES && !p; i++)
		if (!m->probes[i].is_set)
			p = &m->probes[i];
	assert(p);
	*p = (struct model_probe){ .is_set = true,
				   .method = ef->probe.method,
				   .burst = ef->probe.burst,
				   .interval_ms = ef->probe.interval_ms,
				   .ifindex = ef->probe.ifindex,
				   .path = ef->probe.path,
				   .portal = ef->probe.portal };
}

int model_portal_of(const struct model *m, const struct ab_addr *addr)
{
	int i;

	for (i = 0; i < MODEL_PORTALS; i++) {
		struct ab_portal p = model_portal_at(m, (unsigned int)i);

		if (ab_addr_equal(&p.addr, addr))
			return i;
	}
	return -1;
}

int model_port_of(const struct model *m, uint32_t ifindex)
{
	int i;

	for (i = 0; i < MODEL_PORTS; i++)
		if (m->ports[i].is_plugged && m->ports[i].ifindex == ifindex)
			return i;
	return -1;
}

bool model_reaches(const struct model *m, unsigned int port, unsigned int portal)
{
	const struct model_port *p = &m->ports[port];

	return p->is_plugged && p->has_carrier && p->has_addr &&
	       m->portals[portal].answers && m->portals[portal].subnet == p->subnet;
}

static void answer_route(const struct model *m, const struct ab_effect *ef,
			 struct model_queue *q)
{
	int portal = model_portal_of(m, &ef->route.addr),
	    port = model_port_of(m, ef->route.ifindex);
	struct ab_event *ev = model_push(q, AB_EV_ROUTE);
	bool is_ok = portal >= 0 && port >= 0 && m->ports[port].has_addr &&
		     m->ports[port].subnet == m->portals[portal].subnet;

	ev->route.path = ef->route.path;
	ev->route.verdict = is_ok ? AB_ROUTE_OK : AB_ROUTE_NONE;
}

static void dump_ledger(const struct model *m, struct model_queue *q)
{
	unsigned int i;

	model_push(q, AB_EV_DUMP_BEGIN)->dump.source = AB_SOURCE_LEDGER;
	for (i = 0; i < MODEL_RECORDS; i++)
		if (m->in_ledger[i] && !m->is_ledger_unreadable)
			model_push(q, AB_EV_LEDGER)->ledger = m->ledger[i];
	for (i = 0; i < m->n_tries; i++)
		model_push(q, AB_EV_LEDGER)->ledger = m->tries[i];
	model_push(q, AB_EV_DUMP_END)->dump.source = AB_SOURCE_LEDGER;
	q->v[(q->first + q->n - 1) % MODEL_QUEUE].dump.is_unreadable =
		m->is_ledger_unreadable;
}

static void dump_records(const struct model *m, struct model_queue *q)
{
	unsigned int i;

	model_push(q, AB_EV_DUMP_BEGIN)->dump.source = AB_SOURCE_RECORDS;
	for (i = 0; i < MODEL_RECORDS; i++)
		if (m->records[i].kind != MODEL_NONE && m->records[i].is_present)
			fill_record(&m->records[i], model_push(q, AB_EV_NONE));
	model_push(q, AB_EV_DUMP_END)->dump.source = AB_SOURCE_RECORDS;
}

static void dump_links(const struct model *m, struct model_queue *q)
{
	unsigned int i;

	model_push(q, AB_EV_DUMP_BEGIN)->dump.source = AB_SOURCE_RTNL;
	for (i = 0; i < MODEL_PORTS; i++) {
		if (!m->ports[i].is_plugged)
			continue;
		fill_link(m, i, &model_push(q, AB_EV_LINK)->link);
		if (m->ports[i].has_addr)
			fill_addr(m, i, &model_push(q, AB_EV_ADDR)->addr);
	}
	model_push(q, AB_EV_DUMP_END)->dump.source = AB_SOURCE_RTNL;
}

static void dump_udev(const struct model *m, struct model_queue *q)
{
	unsigned int i;

	model_push(q, AB_EV_DUMP_BEGIN)->dump.source = AB_SOURCE_UDEV;
	for (i = 0; i < MODEL_PORTS; i++)
		if (m->ports[i].is_plugged && m->ports[i].is_ready)
			fill_udev(m, i, &model_push(q, AB_EV_UDEV)->udev);
	model_push(q, AB_EV_DUMP_END)->dump.source = AB_SOURCE_UDEV;
}

static void resync(struct model *m, enum ab_source source, struct model_queue *q)
{
	switch (source) {
	case AB_SOURCE_RTNL:
		dump_links(m, q);
		break;
	case AB_SOURCE_UDEV:
		dump_udev(m, q);
		break;
	case AB_SOURCE_RECORDS:
		dump_records(m, q);
		break;
	case AB_SOURCE_LEDGER:
		dump_ledger(m, q);
		break;
	case AB_SOURCE_SESSIONS:
		model_dump_sessions(m, q);
		break;
	case AB_SOURCE_MAX:
		break;
	}
}

static bool is_try(const struct ab_effect *ef)
{
	return (ef->type == AB_EF_LEDGER_PUT || ef->type == AB_EF_LEDGER_DEL) &&
	       ef->ledger.kind == AB_LEDGER_TRY;
}

/* RUN's part of the ledger, as far as the test wants it. */
static void take_try(struct model *m, const struct ab_effect *ef)
{
	unsigned int i = 0;

	if (ef->type == AB_EF_LEDGER_PUT && !ab_ledger_can_hold(&ef->ledger))
		model_violate(m, "a try names what was tried");
	if (!m->keeps_tries)
		return;
	while (i < m->n_tries && !ab_ledger_same_record(&m->tries[i], &ef->ledger))
		i++;
	if (ef->type == AB_EF_LEDGER_PUT) {
		assert(i < MODEL_TRIES);
		m->tries[i] = ef->ledger;
		m->n_tries += i == m->n_tries;
	} else if (i < m->n_tries) {
		m->tries[i] = m->tries[--m->n_tries];
	}
}

static void take_ledger(struct model *m, const struct ab_effect *ef)
{
	struct model_record key = { 0 };

	ledger_key(&ef->ledger, &key);
	if (ef->type == AB_EF_LEDGER_PUT)
		ledger_put(m, &ef->ledger);
	else
		ledger_del(m, &key);
}

static void add_job(struct model *m, const struct ab_effect *ef)
{
	uint32_t i;

	if (ef->job == 0)
		model_violate(m, "a job has an id");
	for (i = 0; i < m->n_jobs; i++)
		if (ef->type == AB_EF_DISCOVER && is_same_key(&m->jobs[i], ef))
			model_violate(m, "one discovery a path");
	assert(m->n_jobs < MODEL_JOBS);
	m->jobs[m->n_jobs++] = *ef;
}

static void take_effect(struct model *m, const struct ab_effect *ef,
			struct model_queue *q)
{
	struct model_probe *p;

	if (is_try(ef)) {
		take_try(m, ef);
		return;
	}
	if (ef->type != AB_EF_NOTE) {
		m->n_effects++;
		m->trace[m->n_trace++ % MODEL_TRACE] = letters[ef->type];
	}
	switch ((enum ab_effect_type)ef->type) {
	case AB_EF_PROBE_SET:
		set_probe(m, ef);
		break;
	case AB_EF_PROBE_CLEAR:
		p = probe_of(m, ef->probe.path);
		if (p)
			*p = (struct model_probe){ 0 };
		else
			model_violate(m, "clears only a probe that is set");
		break;
	case AB_EF_ROUTE_CHECK:
		answer_route(m, ef, q);
		break;
	case AB_EF_IFACE_WRITE:
	case AB_EF_IFACE_DELETE:
	case AB_EF_NODE_WRITE:
	case AB_EF_NODE_DELETE:
		check_write(m, ef);
		add_job(m, ef);
		break;
	case AB_EF_DISCOVER:
		add_job(m, ef);
		break;
	case AB_EF_LOGIN:
		model_check_login(m, ef);
		add_job(m, ef);
		break;
	case AB_EF_LOGOUT:
		model_check_logout(m, ef);
		add_job(m, ef);
		break;
	case AB_EF_LEDGER_PUT:
	case AB_EF_LEDGER_DEL:
		take_ledger(m, ef);
		break;
	case AB_EF_RESYNC:
		resync(m, (enum ab_source)ef->resync.source, q);
		break;
	case AB_EF_NOTE:
		m->notes[ef->note.what]++;
		break;
	case AB_EF_NONE:
	case AB_EF_MAX:
		model_violate(m, "an effect has a type");
		break;
	}
}

/* --- running the engine --- */

static void step(struct model *m, const struct ab_event *ev, struct model_queue *q)
{
	struct ab_effect v[64];
	struct ab_effects out = { .v = v, .max = m->effects_max };
	uint32_t i;
	int r = ab_engine_step(model_engine(m), m->set, ev, m->now, &out);

	assert(r == 0);
	for (i = 0; i < out.n; i++)
		take_effect(m, &v[i], q);
}

void model_run(struct model *m, struct model_queue *q)
{
	static const struct ab_event tick = { .type = AB_EV_TICK };
	unsigned int i = 0;

	for (;;) {
		if (q->n) {
			struct ab_event ev = q->v[q->first];

			q->first = (q->first + 1) % MODEL_QUEUE;
			q->n--;
			step(m, &ev, q);
		} else if (ab_mono_reached(ab_engine_next(model_engine(m)), m->now)) {
			step(m, &tick, q);
		} else {
			break;
		}
		if (++i > 20000) {
			model_violate(m, "an event leads to an end");
			break;
		}
	}
}

void model_feed(struct model *m, const struct ab_event *ev)
{
	struct model_queue q = { .n = 0 };

	*model_push(&q, AB_EV_NONE) = *ev;
	model_run(m, &q);
}

bool model_tick(struct model *m)
{
	struct model_queue q = { .n = 0 };
	ab_mono next = ab_engine_next(model_engine(m));

	if (ab_mono_is_never(next))
		return false;
	m->now = next;
	model_push(&q, AB_EV_TICK);
	model_run(m, &q);
	return true;
}

void model_wait(struct model *m, int64_t ms)
{
	ab_mono end = ab_mono_add_ms(m->now, ms);

	while (!ab_mono_before(end, ab_engine_next(model_engine(m))))
		(void)model_tick(m);
	m->now = end;
}

void model_init(struct model *m, const struct ab_policy_set *set)
{
	memset(m, 0, sizeof(*m));
	assert(ab_engine_size(&limits) <= MODEL_BLOCK);
	m->set = set;
	m->effects_max = 64;
	m->multipath = AB_MULTIPATH_READY;
	m->takes_disks = true;
	m->n_disks = 1;
	m->last_ifindex = 1;
	m->now = ab_mono_ns(AB_NSEC_PER_SEC);
}

void model_boot(struct model *m)
{
	struct ab_engine_config config = { .seed = 1, .no_login = m->no_login };
	struct model_queue q = { .n = 0 };

	m->n_jobs = 0;
	memset(m->probes, 0, sizeof(m->probes));
	memset(m->block, 0, sizeof(m->block));
	(void)ab_engine_init(m->block, &limits, &config);
	model_push(&q, AB_EV_POLICY);
	dump_links(m, &q);
	dump_udev(m, &q);
	model_dump_sessions(m, &q);
	dump_ledger(m, &q);
	dump_records(m, &q);
	model_dump_multipath(m, &q);
	if (m->is_ledger_unreadable)
		model_forget_held_sessions(m);
	model_run(m, &q);
}

/* --- surroundings --- */

static void tell_link(struct model *m, unsigned int port)
{
	struct ab_event ev;

	model_event(&ev, AB_EV_LINK);
	fill_link(m, port, &ev.link);
	model_feed(m, &ev);
}

static void tell_addr(struct model *m, unsigned int port, bool is_gone)
{
	struct ab_event ev;

	model_event(&ev, is_gone ? AB_EV_ADDR_GONE : AB_EV_ADDR);
	fill_addr(m, port, &ev.addr);
	model_feed(m, &ev);
}

void model_plug(struct model *m, unsigned int port)
{
	struct model_port *p = &m->ports[port];
	struct ab_event ev;

	p->is_plugged = p->has_carrier = p->is_ready = true;
	p->ifindex = ++m->last_ifindex;
	tell_link(m, port);
	model_event(&ev, AB_EV_UDEV);
	fill_udev(m, port, &ev.udev);
	model_feed(m, &ev);
	model_addr(m, port, true);
}

void model_unplug(struct model *m, unsigned int port)
{
	struct ab_event ev;

	model_event(&ev, AB_EV_LINK_GONE);
	ev.link.ifindex = m->ports[port].ifindex;
	m->ports[port].is_plugged = m->ports[port].has_addr = false;
	m->ports[port].is_enslaved = false;
	model_feed(m, &ev);
}

void model_carrier(struct model *m, unsigned int port, bool has_carrier)
{
	m->ports[port].has_carrier = has_carrier;
	tell_link(m, port);
}

void model_addr(struct model *m, unsigned int port, bool has_addr)
{
	m->ports[port].has_addr = has_addr;
	tell_addr(m, port, !has_addr);
}

void model_move(struct model *m, unsigned int port, uint8_t subnet)
{
	if (m->ports[port].has_addr)
		model_addr(m, port, false);
	m->ports[port].subnet = subnet;
	model_addr(m, port, true);
}

void model_rename(struct model *m, unsigned int port, uint8_t name)
{
	m->ports[port].name = name;
	tell_link(m, port);
}

void model_enslave(struct model *m, unsigned int port, bool is_enslaved)
{
	m->ports[port].is_enslaved = is_enslaved;
	tell_link(m, port);
}

void model_policy(struct model *m, const struct ab_policy_set *set)
{
	struct ab_event ev;

	m->set = set;
	model_event(&ev, AB_EV_POLICY);
	model_feed(m, &ev);
}

void model_command(struct model *m, enum ab_command_verb verb)
{
	struct ab_event ev;
	unsigned int i;

	for (i = 0; i < MODEL_RECORDS && verb == AB_COMMAND_APPLY; i++)
		m->records[i].is_held = false;
	if (verb == AB_COMMAND_APPLY)
		model_forget_held_sessions(m);
	model_event(&ev, AB_EV_COMMAND);
	ev.command.verb = (uint8_t)verb;
	model_feed(m, &ev);
}

/* What we are about to delete ourselves is not missed when somebody is faster. */
static bool is_being_deleted(struct model *m, const struct model_record *r)
{
	uint32_t i;

	for (i = 0; i < m->n_jobs; i++)
		if ((m->jobs[i].type == AB_EF_NODE_DELETE ||
		     m->jobs[i].type == AB_EF_IFACE_DELETE) &&
		    record_of(m, &m->jobs[i]) == r)
			return true;
	return false;
}

void model_remove(struct model *m, unsigned int record, bool by_discovery)
{
	struct model_record *r = &m->records[record];
	const struct ab_ledger_entry *own = model_ledger(m, r);
	struct ab_event ev;

	r->is_present = false;
	r->edits = 0;
	r->is_held = own && own->owner == AB_OWNER_OURS && !by_discovery &&
		     !is_being_deleted(m, r);
	fill_record(r, &ev);
	if (ev.type == AB_EV_NODE_GONE)
		ev.node.by_discovery = by_discovery;
	model_feed(m, &ev);
}

static void tell_record(struct model *m, const struct model_record *r)
{
	struct ab_event ev;

	fill_record(r, &ev);
	model_feed(m, &ev);
}

void model_edit(struct model *m, unsigned int record)
{
	m->records[record].edits = 1;
	seal(&m->records[record]);
	tell_record(m, &m->records[record]);
}

void model_list(struct model *m)
{
	struct model_queue q = { .n = 0 };

	dump_records(m, &q);
	model_run(m, &q);
}

void model_foreign_iface(struct model *m, const char *name, const char *netdev)
{
	struct model_record *r = add_record(m, MODEL_IFACE, name, NULL);

	r->is_ours = r->is_held = false;
	r->edits = 2;
	(void)snprintf(r->binding.transport, sizeof(r->binding.transport), "tcp");
	(void)snprintf(r->binding.netdev, sizeof(r->binding.netdev), "%s", netdev);
	seal(r);
	tell_record(m, r);
}

void model_foreign_node(struct model *m, const struct ab_node_key *key)
{
	struct model_record *r = add_record(m, MODEL_NODE, NULL, key);

	r->is_ours = r->is_held = false;
	r->edits = 2;
	seal(r);
	tell_record(m, r);
}

/* --- answers --- */

/* What the store finds before it changes anything. */
static enum ab_outcome may_change(struct model *m, const struct ab_effect *ef,
				  const struct model_record *r, bool is_create)
{
	const struct ab_ledger_entry *own = r ? model_ledger(m, r) : NULL;
	uint64_t expected = is_node_effect(ef->type) ? ef->node.hash : ef->iface.hash;

	if (is_create)
		return r && r->is_present ? AB_OUTCOME_EXISTS : AB_OUTCOME_DONE;
	if (!own || own->owner != AB_OWNER_OURS || own->hash != expected)
		return AB_OUTCOME_CHANGED;
	if (!r->is_present)
		return AB_OUTCOME_GONE;
	return r->hash == expected ? AB_OUTCOME_DONE : AB_OUTCOME_CHANGED;
}

static void write_record(struct model *m, const struct ab_effect *ef,
			 struct model_record *r)
{
	struct ab_ledger_entry e = { .owner = AB_OWNER_OURS };
	const struct model_record *iface;

	r->is_ours = true;
	r->is_held = false;
	r->edits = 0;
	if (r->kind == MODEL_NODE) {
		iface = model_find_record(m, MODEL_IFACE, r->key.iface, NULL);
		memset(&r->binding, 0, sizeof(r->binding));
		if (iface && iface->is_present)
			r->binding = iface->binding;
		r->settings = ef->node.settings;
		e.kind = AB_LEDGER_NODE;
		e.node = r->key;
		e.settings = ef->node.settings;
	} else {
		r->binding = ef->iface.binding;
		e.kind = AB_LEDGER_IFACE;
		memcpy(e.iface.name, r->binding.iface, sizeof(e.iface.name));
		e.iface.port = ef->iface.port;
	}
	seal(r);
	e.hash = r->hash;
	ledger_put(m, &e);
}

static enum ab_outcome carry_out(struct model *m, const struct ab_effect *ef,
				 uint64_t *ret_hash)
{
	bool is_node = is_node_effect(ef->type);
	bool is_delete =
		ef->type == AB_EF_NODE_DELETE || ef->type == AB_EF_IFACE_DELETE;
	bool is_update = is_node ? ef->node.is_update : ef->iface.is_update;
	struct model_record *r = record_of(m, ef);
	enum ab_outcome outcome = may_change(m, ef, r, !is_delete && !is_update);

	if (outcome == AB_OUTCOME_GONE && is_delete)
		ledger_del(m, r);
	if (outcome != AB_OUTCOME_DONE)
		return outcome;
	if (is_delete) {
		r->is_present = r->is_ours = false;
		ledger_del(m, r);
		return AB_OUTCOME_DONE;
	}
	if (!r)
		r = add_record(m, is_node ? MODEL_NODE : MODEL_IFACE,
			       ef->iface.binding.iface, &ef->node.key);
	write_record(m, ef, r);
	*ret_hash = r->hash;
	return AB_OUTCOME_DONE;
}

static void find_targets(const struct model *m, const struct ab_effect *ef,
			 struct model_queue *q)
{
	struct ab_event *ev;
	unsigned int i, t;

	for (i = 0; i < MODEL_PORTALS; i++) {
		for (t = 0; t < 8; t++) {
			if (!(m->portals[i].targets & 1u << t))
				continue;
			ev = model_push(q, AB_EV_FOUND);
			ev->found.job = ef->job;
			ev->found.portal = model_portal_at(m, i);
			ev->found.tpgt = 1;
			target_name(t, ev->found.target);
		}
	}
}

/* Through its device, or through any where it names none. */
static bool can_ask(const struct model *m, const struct ab_effect *ef)
{
	int portal = model_portal_of(m, &ef->discover.portal.addr);
	unsigned int i;

	for (i = 0; i < MODEL_PORTS && portal >= 0; i++)
		if ((ef->discover.ifindex == 0 ||
		     ef->discover.ifindex == m->ports[i].ifindex) &&
		    model_reaches(m, i, (unsigned int)portal))
			return true;
	return false;
}

static struct ab_effect take_job(struct model *m, unsigned int job)
{
	struct ab_effect ef = m->jobs[job];

	assert(job < m->n_jobs);
	m->n_jobs--;
	memmove(&m->jobs[job], &m->jobs[job + 1],
		(m->n_jobs - job) * sizeof(m->jobs[0]));
	memset(&m->jobs[m->n_jobs], 0, sizeof(m->jobs[0]));
	return ef;
}

void model_do(struct model *m, unsigned int job)
{
	struct ab_effect ef = take_job(m, job);
	enum ab_outcome outcome = AB_OUTCOME_DONE;
	struct model_queue q = { .n = 0 };
	uint64_t hash = 0;
	int32_t code = 1;
	struct ab_event *ev;

	if (ef.type == AB_EF_DISCOVER) {
		if (can_ask(m, &ef))
			find_targets(m, &ef, &q);
		else
			outcome = AB_OUTCOME_RETRY;
	} else if (is_write(ef.type)) {
		outcome = carry_out(m, &ef, &hash);
	} else {
		outcome = model_do_session(m, &ef, &q, &code);
	}
	ev = model_push(&q, AB_EV_DONE);
	ev->done.job = ef.job;
	ev->done.outcome = (uint8_t)outcome;
	ev->done.code = outcome == AB_OUTCOME_DONE ? 0 : code;
	ev->done.hash = hash;
	model_run(m, &q);
}

void model_fail(struct model *m, unsigned int job, enum ab_outcome outcome, bool apply)
{
	struct ab_effect ef = take_job(m, job);
	uint64_t hash;
	int32_t code;
	struct ab_event ev;

	assert(!apply || outcome == AB_OUTCOME_UNKNOWN);
	if (apply && is_write(ef.type))
		(void)carry_out(m, &ef, &hash);
	else if (apply && ef.type != AB_EF_DISCOVER)
		(void)model_do_session(m, &ef, NULL, &code);
	model_event(&ev, AB_EV_DONE);
	ev.done.job = ef.job;
	ev.done.outcome = (uint8_t)outcome;
	ev.done.code = 1;
	model_feed(m, &ev);
}

static bool probe_answers(const struct model *m, const struct model_probe *p)
{
	int port = model_port_of(m, p->ifindex),
	    portal = model_portal_of(m, &p->portal.addr);

	return port >= 0 && portal >= 0 &&
	       model_reaches(m, (unsigned int)port, (unsigned int)portal);
}

void model_probe(struct model *m, unsigned int probe)
{
	const struct model_probe *p = &m->probes[probe];
	int portal = model_portal_of(m, &p->portal.addr);
	struct ab_event ev;

	model_event(&ev, AB_EV_PROBE);
	ev.probe.path = p->path;
	ev.probe.method = AB_PROBE_ICMP;
	ev.probe.rtt_us = portal >= 0 && m->rtt_us[portal] ? m->rtt_us[portal] : 100;
	ev.probe.arrival = p->ifindex;
	ev.probe.result = probe_answers(m, p) ? AB_PROBE_ANSWER : AB_PROBE_LOST;
	model_feed(m, &ev);
}

bool model_probe_is_news(const struct model *m, unsigned int probe)
{
	const struct model_probe *p = &m->probes[probe];
	const struct ab_engine *e = model_engine_const(m);
	uint32_t slot;

	if (!p->is_set)
		return false;
	slot = ab_world_path_of(e, p->path);
	if (slot == AB_NONE)
		return false;
	if (probe_answers(m, p))
		return ab_path_at_const(e, slot)->health.state != AB_PATH_UP;
	return !ab_health_is_down(&ab_path_at_const(e, slot)->health);
}

/* --- quiet, and what must hold --- */

bool model_calm_step(struct model *m, bool with_time)
{
	unsigned int i;

	if (m->n_jobs) {
		model_do(m, 0);
		return true;
	}
	for (i = 0; i < MODEL_PROBES; i++) {
		if (model_probe_is_news(m, i)) {
			model_probe(m, i);
			return true;
		}
	}
	for (i = 0; i < MODEL_SESSIONS; i++) {
		if (model_session_is_news(m, i)) {
			model_session(m, i);
			return true;
		}
	}
	return with_time && model_tick(m);
}

void model_calm(struct model *m)
{
	unsigned int i = 0;

	/* Soaks are no waiting that a reader of a test should have to think of. */
	while (model_calm_step(m, false) ||
	       !ab_mono_before(ab_mono_add_ms(m->now, 300),
			       ab_engine_next(model_engine(m)))) {
		if (!m->n_jobs)
			model_wait(m, 60);
		if (++i > 1000) {
			model_violate(m, "comes to rest");
			return;
		}
	}
}

static bool is_soaking(const struct ab_engine *e)
{
	uint32_t i;

	for (i = ab_table_next(e, &e->ports, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->ports, i))
		if (ab_port_at_const(e, i)->is_dirty)
			return true;
	return false;
}

const char *model_check(const struct model *m, struct model *scratch)
{
	static const struct ab_event tick = { .type = AB_EV_TICK };
	struct ab_engine *e = model_engine(scratch);
	char before[16384], after[16384];
	uint32_t n = m->n_effects, i;

	memcpy(scratch, m, sizeof(*m));
	model_feed(scratch, &tick);
	if (scratch->n_effects != n)
		return "an unchanged world asks for nothing";
	/* What is stale is not planned, and what soaks not yet. */
	if (!all_fresh(e) || is_soaking(e))
		return scratch->violation;
	if (ab_engine_project(e, before, sizeof(before)) > sizeof(before))
		return "the projection fits";
	ab_world_touch_all(e, true);
	for (i = ab_table_next(e, &e->targets, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->targets, i))
		ab_world_touch_target(e, i);
	model_feed(scratch, &tick);
	if (scratch->n_effects != n)
		return "planning everything again asks for nothing new";
	(void)ab_engine_project(e, after, sizeof(after));
	if (strcmp(before, after) != 0)
		return "planning everything again changes nothing";
	return scratch->violation;
}

uint64_t model_mix(uint64_t h, const void *data, size_t n)
{
	struct ab_hash_key key = { h, 0x6d6f64656c };

	return ab_siphash(&key, data, n);
}

/* Unordered: records and jobs are sets. */
static uint64_t hash_records(const struct model *m)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < MODEL_RECORDS; i++) {
		if (m->records[i].kind != MODEL_NONE &&
		    (m->records[i].is_present || m->records[i].is_held)) {
			struct model_record r = m->records[i];

			if (!r.is_present) {
				r.hash = r.settings = 0;
				r.is_ours = false;
				if (r.kind == MODEL_NODE)
					memset(&r.binding, 0, sizeof(r.binding));
			}
			sum += model_mix(1, &r, sizeof(r));
		}
		if (m->in_ledger[i])
			sum += model_mix(2, &m->ledger[i], sizeof(m->ledger[i]));
	}
	return sum;
}

uint64_t model_hash(const struct model *m)
{
	char text[16384];
	uint64_t h = hash_records(m), sessions = model_hash_sessions(m), jobs = 0;
	struct model_port ports[MODEL_PORTS];
	uint32_t generation = m->set ? m->set->generation : 0;
	unsigned int i;
	size_t n;

	memcpy(ports, m->ports, sizeof(ports));
	for (i = 0; i < MODEL_PORTS; i++)
		ports[i].ifindex = 0;
	for (i = 0; i < m->n_jobs; i++) {
		struct ab_effect ef = m->jobs[i];

		ef.job = 0;
		if (ef.type == AB_EF_DISCOVER)
			ef.discover.ifindex = 0;
		else if (ef.type == AB_EF_LOGIN)
			ef.login.ifindex = 0;
		else if (ef.type == AB_EF_LOGOUT)
			ef.logout.sid = ef.logout.host = 0;
		jobs += model_mix(3, &ef, sizeof(ef));
	}
	n = ab_engine_project(model_engine_const(m), text, sizeof(text));
	h = model_mix(h, text, n < sizeof(text) ? n : sizeof(text));
	h = model_mix(h, &jobs, sizeof(jobs));
	h = model_mix(h, &sessions, sizeof(sessions));
	h = model_mix(h, &generation, sizeof(generation));
	h = model_mix(h, ports, sizeof(ports));
	return model_mix(h, m->portals, sizeof(m->portals));
}

/* --- policies --- */

struct file {
	char text[4096];
	char name[16];
	struct ab_scan_entry entries[64];
};

static void scan_file(struct file *f, uint32_t index, const char *text,
		      struct ab_policy_source *ret, struct ab_diags *diags)
{
	struct ab_scan_list list = { .v = f->entries, .max = 64 };
	uint32_t errors;

	assert(strlen(text) < sizeof(f->text));
	strcpy(f->text, text);
	(void)snprintf(f->name, sizeof(f->name), "p%u", index);
	errors = ab_scan(f->text, strlen(text), index, &list, diags);
	assert(errors == 0);
	*ret = (struct ab_policy_source){ .kind = AB_POLICY_MAIN,
					  .file = index,
					  .name = f->name,
					  .entries = f->entries,
					  .n_entries = list.n };
}

static void give_up(const struct ab_diags *diags)
{
	uint32_t i;

	for (i = 0; i < diags->n; i++)
		if (diags->v[i].severity == AB_DIAG_ERROR)
			fprintf(stderr, "policy %u:%u: %s\n", diags->v[i].file,
				diags->v[i].line, diags->v[i].text);
	abort();
}

const struct ab_policy_set *model_set(const struct ab_policy_set *previous,
				      const char *exclude, const char *policy, ...)
{
	static const char *const names[] = { "p0.conf", "p1.conf", "p2.conf",
					     "p3.conf" };
	struct file *files = calloc(4, sizeof(*files));
	struct ab_policy_source sources[4];
	struct ab_diag v[16];
	struct ab_diags diags;
	struct ab_policy_input in = {
		.sources = sources, .files = names, .n_files = 4, .previous = previous
	};
	const struct ab_policy_set *set;
	size_t size;
	va_list ap;

	assert(files);
	ab_diags_init(&diags, v, 16);
	va_start(ap, policy);
	for (; policy; policy = va_arg(ap, const char *)) {
		assert(in.n_sources < 3);
		scan_file(&files[in.n_sources], in.n_sources, policy,
			  &sources[in.n_sources], &diags);
		in.n_sources++;
	}
	va_end(ap);
	if (exclude) {
		scan_file(&files[in.n_sources], in.n_sources, exclude,
			  &sources[in.n_sources], &diags);
		sources[in.n_sources++].kind = AB_POLICY_EXCLUDE;
	}
	if (ab_policy_check(&in, &diags, &size))
		give_up(&diags);
	set = ab_policy_build(&in, calloc(1, size), &diags);
	free(files);
	return set;
}

void model_set_free(const struct ab_policy_set *set)
{
	free((void *)(uintptr_t)set);
}
