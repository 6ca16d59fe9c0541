/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/world.h"

#include <assert.h>
#include <string.h>

#include "core/try.h"
#include "util/hash.h"
#include "util/text.h"

size_t ab_world_layout(struct ab_engine *e, const struct ab_limits *limits)
{
	size_t offset = (sizeof(*e) + 15) & ~(size_t)15;

	e->limits = *limits;
	ab_table_layout(&e->ports, limits->ports, sizeof(struct ab_port), &offset);
	ab_table_layout(&e->addrs, limits->addrs, sizeof(struct ab_ifaddr_item),
			&offset);
	ab_table_layout(&e->targets, limits->targets, sizeof(struct ab_target),
			&offset);
	ab_table_layout(&e->ifaces, limits->ifaces, sizeof(struct ab_iface), &offset);
	ab_table_layout(&e->nodes, limits->nodes, sizeof(struct ab_node), &offset);
	ab_table_layout(&e->paths, limits->paths, sizeof(struct ab_path), &offset);
	ab_table_layout(&e->founds, limits->founds, sizeof(struct ab_found), &offset);
	ab_table_layout(&e->sessions, limits->sessions, sizeof(struct ab_session_item),
			&offset);
	return offset;
}

/* --- keys --- */

/* Of a port's ifindex, or of a session's sid. */
static uint64_t hash_number(uint32_t number)
{
	return ab_hash_content(&number, sizeof(number));
}

static uint64_t hash_addr(uint32_t ifindex, const struct ab_addr *addr)
{
	uint8_t bytes[sizeof(ifindex) + sizeof(*addr)];

	memcpy(bytes, &ifindex, sizeof(ifindex));
	memcpy(bytes + sizeof(ifindex), addr, sizeof(*addr));
	return ab_hash_content(bytes, sizeof(bytes));
}

static uint64_t hash_name(const char *name)
{
	return ab_hash_content(name, strlen(name));
}

static uint64_t hash_path(uint32_t port, const struct ab_portal *portal)
{
	uint8_t bytes[sizeof(port) + sizeof(portal->addr) + sizeof(portal->port)];

	memcpy(bytes, &port, sizeof(port));
	memcpy(bytes + sizeof(port), &portal->addr, sizeof(portal->addr));
	memcpy(bytes + sizeof(port) + sizeof(portal->addr), &portal->port,
	       sizeof(portal->port));
	return ab_hash_content(bytes, sizeof(bytes));
}

/* Of a path and a target, or of an iface and a target: then with the portal. */
static uint64_t hash_pair(uint32_t a, uint32_t b, int32_t tpgt,
			  const struct ab_portal *portal)
{
	uint32_t words[3] = { a, b, (uint32_t)tpgt };
	uint64_t h = ab_hash_content(words, sizeof(words));

	return portal ? h ^ hash_path(0, portal) : h;
}

/* --- finding --- */

uint32_t ab_world_find_port(const struct ab_engine *e, uint32_t ifindex)
{
	uint32_t s = ab_table_find(e, &e->ports, hash_number(ifindex));

	while (s != AB_NONE && ab_port_at_const(e, s)->link.ifindex != ifindex)
		s = ab_table_find_next(e, &e->ports, s);
	return s;
}

uint32_t ab_world_find_addr(const struct ab_engine *e, uint32_t ifindex,
			    const struct ab_addr *addr)
{
	uint32_t s = ab_table_find(e, &e->addrs, hash_addr(ifindex, addr));

	while (s != AB_NONE) {
		const struct ab_ifaddr *a = &ab_ifaddr_at_const(e, s)->ifaddr;

		if (a->ifindex == ifindex && ab_addr_equal(&a->net.addr, addr))
			break;
		s = ab_table_find_next(e, &e->addrs, s);
	}
	return s;
}

uint32_t ab_world_find_target(const struct ab_engine *e, const char *name)
{
	uint32_t s = ab_table_find(e, &e->targets, hash_name(name));

	while (s != AB_NONE && strcmp(ab_target_at_const(e, s)->name, name) != 0)
		s = ab_table_find_next(e, &e->targets, s);
	return s;
}

uint32_t ab_world_find_iface(const struct ab_engine *e, const char *name)
{
	uint32_t s = ab_table_find(e, &e->ifaces, hash_name(name));

	while (s != AB_NONE &&
	       strcmp(ab_iface_at_const(e, s)->binding.iface, name) != 0)
		s = ab_table_find_next(e, &e->ifaces, s);
	return s;
}

uint32_t ab_world_find_node(const struct ab_engine *e, uint32_t target,
			    const struct ab_portal *portal, int32_t tpgt,
			    uint32_t iface)
{
	uint32_t s =
		ab_table_find(e, &e->nodes, hash_pair(iface, target, tpgt, portal));

	while (s != AB_NONE) {
		const struct ab_node *n = ab_node_at_const(e, s);

		if (n->target == target && n->iface == iface && n->tpgt == tpgt &&
		    ab_portal_equal(&n->portal, portal))
			break;
		s = ab_table_find_next(e, &e->nodes, s);
	}
	return s;
}

uint32_t ab_world_find_node_key(const struct ab_engine *e,
				const struct ab_node_key *key)
{
	uint32_t target = ab_world_find_target(e, key->target);
	uint32_t iface = ab_world_find_iface(e, key->iface);

	if (target == AB_NONE || iface == AB_NONE)
		return AB_NONE;
	return ab_world_find_node(e, target, &key->portal, key->tpgt, iface);
}

uint32_t ab_world_find_path(const struct ab_engine *e, uint32_t port,
			    const struct ab_portal *portal)
{
	uint32_t s = ab_table_find(e, &e->paths, hash_path(port, portal));

	while (s != AB_NONE) {
		const struct ab_path *p = ab_path_at_const(e, s);

		if (p->port == port && ab_portal_equal(&p->portal, portal))
			break;
		s = ab_table_find_next(e, &e->paths, s);
	}
	return s;
}

uint32_t ab_world_find_session(const struct ab_engine *e, uint32_t sid)
{
	uint32_t s = ab_table_find(e, &e->sessions, hash_number(sid));

	while (s != AB_NONE && ab_session_at_const(e, s)->session.sid != sid)
		s = ab_table_find_next(e, &e->sessions, s);
	return s;
}

/* --- adding --- */

uint32_t ab_world_add_port(struct ab_engine *e, uint32_t ifindex)
{
	uint32_t s = ab_world_find_port(e, ifindex);
	struct ab_port *p;

	if (s != AB_NONE)
		return s;
	s = ab_table_add(e, &e->ports, hash_number(ifindex));
	if (s == AB_NONE)
		return s;
	p = ab_port_at(e, s);
	p->link.ifindex = p->udev.ifindex = ifindex;
	p->first_addr = p->first_path = p->recent_path = p->iface = AB_NONE;
	p->policy = -1;
	p->due = p->soak_first = p->soak_last = AB_MONO_NEVER;
	p->addr_settled[0] = p->addr_settled[1] = AB_MONO_NEVER;
	p->changed_at = e->now;
	return s;
}

uint32_t ab_world_add_addr(struct ab_engine *e, uint32_t port,
			   const struct ab_ifaddr *ifaddr)
{
	uint32_t s = ab_world_find_addr(e, ifaddr->ifindex, &ifaddr->net.addr);
	struct ab_ifaddr_item *a;

	if (s == AB_NONE) {
		s = ab_table_add(e, &e->addrs,
				 hash_addr(ifaddr->ifindex, &ifaddr->net.addr));
		if (s == AB_NONE)
			return s;
		a = ab_ifaddr_at(e, s);
		a->next = ab_port_at(e, port)->first_addr;
		ab_port_at(e, port)->first_addr = s;
	}
	ab_ifaddr_at(e, s)->ifaddr = *ifaddr;
	return s;
}

uint32_t ab_world_add_target(struct ab_engine *e, const char *name)
{
	uint32_t s = ab_world_find_target(e, name);

	if (s != AB_NONE)
		return s;
	s = ab_table_add(e, &e->targets, hash_name(name));
	if (s == AB_NONE)
		return s;
	(void)ab_copy(ab_target_at(e, s)->name, AB_TARGET_NAME, name);
	ab_target_at(e, s)->first_node = AB_NONE;
	ab_target_at(e, s)->due = AB_MONO_NEVER;
	return s;
}

uint32_t ab_world_add_iface(struct ab_engine *e, const char *name)
{
	uint32_t s = ab_world_find_iface(e, name);
	struct ab_iface *f;

	if (s != AB_NONE)
		return s;
	s = ab_table_add(e, &e->ifaces, hash_name(name));
	if (s == AB_NONE)
		return s;
	f = ab_iface_at(e, s);
	f->first_node = f->port = AB_NONE;
	f->orphan_since = AB_MONO_NEVER;
	f->retire_ms = -1;
	f->release.unbind = AB_UNBIND_NEVER;
	f->release.since = AB_MONO_NEVER;
	(void)ab_copy(f->binding.iface, sizeof(f->binding.iface), name);
	return s;
}

/* Puts a new binding at the head of its iface's list and of its target's. */
static void link_node(struct ab_engine *e, uint32_t slot)
{
	struct ab_node *n = ab_node_at(e, slot);
	uint32_t *iface_head = &ab_iface_at(e, n->iface)->first_node;
	uint32_t *target_head = &ab_target_at(e, n->target)->first_node;

	n->prev = n->target_prev = AB_NONE;
	n->next = *iface_head;
	n->target_next = *target_head;
	if (n->next != AB_NONE)
		ab_node_at(e, n->next)->prev = slot;
	if (n->target_next != AB_NONE)
		ab_node_at(e, n->target_next)->target_prev = slot;
	*iface_head = *target_head = slot;
}

uint32_t ab_world_add_node(struct ab_engine *e, const struct ab_node_key *key)
{
	uint32_t s = ab_world_find_node_key(e, key), target, iface;
	struct ab_node *n;

	if (s != AB_NONE)
		return s;
	if (ab_table_is_full(&e->nodes))
		return AB_NONE;
	target = ab_world_add_target(e, key->target);
	if (target == AB_NONE)
		return AB_NONE;
	iface = ab_world_add_iface(e, key->iface);
	if (iface == AB_NONE)
		return AB_NONE;
	s = ab_table_add(e, &e->nodes,
			 hash_pair(iface, target, key->tpgt, &key->portal));
	n = ab_node_at(e, s);
	n->target = target;
	n->iface = iface;
	n->portal = key->portal;
	n->tpgt = key->tpgt;
	n->unwanted_since = AB_MONO_NEVER;
	n->login.session = AB_NONE;
	link_node(e, s);
	ab_target_at(e, target)->refs++;
	return s;
}

/* The binding of a session. A record may say that its TPGT is not known; the session
 * has the one that the target told at login. */
static uint32_t find_binding(const struct ab_engine *e, const struct ab_node_key *key)
{
	uint32_t exact = ab_world_find_node_key(e, key), iface, target, i;

	if (exact != AB_NONE && ab_node_at_const(e, exact)->record.is_present)
		return exact;
	iface = ab_world_find_iface(e, key->iface);
	target = ab_world_find_target(e, key->target);
	if (iface == AB_NONE || target == AB_NONE)
		return AB_NONE;
	for (i = ab_target_at_const(e, target)->first_node; i != AB_NONE;
	     i = ab_node_at_const(e, i)->target_next) {
		const struct ab_node *n = ab_node_at_const(e, i);

		if (n->iface == iface && n->record.is_present &&
		    ab_portal_equal(&n->portal, &key->portal))
			return i;
	}
	return exact;
}

uint32_t ab_world_add_session(struct ab_engine *e, const struct ab_session *session)
{
	uint32_t s = ab_world_find_session(e, session->sid), node;
	struct ab_session_item *item;

	if (s != AB_NONE)
		return s;
	if (ab_table_is_full(&e->sessions))
		return AB_NONE;
	node = find_binding(e, &session->node);
	if (node == AB_NONE)
		node = ab_world_add_node(e, &session->node);
	if (node == AB_NONE)
		return AB_NONE;
	s = ab_table_add(e, &e->sessions, hash_number(session->sid));
	item = ab_session_at(e, s);
	item->session = *session;
	item->node = node;
	item->next = ab_node_at(e, node)->login.session;
	item->since = e->now;
	ab_node_at(e, node)->login.session = s;
	return s;
}

/* Moves the sessions of one binding to another one. */
static void move_sessions(struct ab_engine *e, uint32_t from, uint32_t to)
{
	uint32_t *at = &ab_node_at(e, to)->login.session;
	uint32_t i;

	while (*at != AB_NONE)
		at = &ab_session_at(e, *at)->next;
	*at = ab_node_at(e, from)->login.session;
	for (i = *at; i != AB_NONE; i = ab_session_at(e, i)->next)
		ab_session_at(e, i)->node = to;
	ab_node_at(e, from)->login.session = AB_NONE;
}

void ab_world_claim_sessions(struct ab_engine *e, uint32_t slot)
{
	const struct ab_node *n = ab_node_at(e, slot);
	uint32_t i, next;

	if (n->tpgt != AB_TPGT_UNKNOWN)
		return;
	for (i = ab_target_at(e, n->target)->first_node; i != AB_NONE; i = next) {
		const struct ab_node *other = ab_node_at(e, i);

		next = other->target_next;
		if (i == slot || other->iface != n->iface || other->record.is_present ||
		    !ab_portal_equal(&other->portal, &n->portal))
			continue;
		move_sessions(e, i, slot);
		ab_world_release_node(e, i);
	}
}

void ab_world_node_key(const struct ab_engine *e, const struct ab_node *n,
		       struct ab_node_key *ret_key)
{
	memset(ret_key, 0, sizeof(*ret_key));
	(void)ab_copy(ret_key->target, sizeof(ret_key->target),
		      ab_target_at_const(e, n->target)->name);
	ret_key->portal = n->portal;
	ret_key->tpgt = n->tpgt;
	(void)ab_copy(ret_key->iface, sizeof(ret_key->iface),
		      ab_iface_at_const(e, n->iface)->binding.iface);
}

/* Puts a path where its portal belongs. Targets name their portals in order, up or
 * down: then the place is found at once. */
static void link_path(struct ab_engine *e, uint32_t slot)
{
	struct ab_path *path = ab_path_at(e, slot);
	struct ab_port *p = ab_port_at(e, path->port);
	uint32_t *at = &p->first_path;

	if (p->recent_path != AB_NONE &&
	    ab_portal_compare(&ab_path_at(e, p->recent_path)->portal, &path->portal) <
		    0)
		at = &ab_path_at(e, p->recent_path)->next;
	while (*at != AB_NONE &&
	       ab_portal_compare(&ab_path_at(e, *at)->portal, &path->portal) < 0)
		at = &ab_path_at(e, *at)->next;
	path->next = *at;
	*at = p->recent_path = slot;
}

uint32_t ab_world_add_path(struct ab_engine *e, uint32_t port,
			   const struct ab_portal *portal)
{
	uint32_t s = ab_world_find_path(e, port, portal);
	struct ab_path *p;

	if (s != AB_NONE)
		return s;
	s = ab_table_add(e, &e->paths, hash_path(port, portal));
	if (s == AB_NONE)
		return s;
	p = ab_path_at(e, s);
	p->port = port;
	p->portal = *portal;
	p->first_found = AB_NONE;
	link_path(e, s);
	ab_health_reset(&p->health, AB_PATH_UNWANTED, e->now);
	ab_try_claim(e, p);
	return s;
}

uint32_t ab_world_add_found(struct ab_engine *e, uint32_t path, uint32_t target,
			    int32_t tpgt)
{
	uint64_t hash = hash_pair(path, target, tpgt, NULL);
	uint32_t s = ab_table_find(e, &e->founds, hash);
	struct ab_found *f;

	for (; s != AB_NONE; s = ab_table_find_next(e, &e->founds, s)) {
		f = ab_found_at(e, s);
		if (f->path == path && f->target == target && f->tpgt == tpgt)
			return s;
	}
	s = ab_table_add(e, &e->founds, hash);
	if (s == AB_NONE)
		return s;
	f = ab_found_at(e, s);
	f->path = path;
	f->target = target;
	f->tpgt = tpgt;
	f->source = f->node = AB_NONE;
	f->next = ab_path_at(e, path)->first_found;
	ab_path_at(e, path)->first_found = s;
	ab_target_at(e, target)->refs++;
	return s;
}

/* --- removing --- */

static void release_target(struct ab_engine *e, uint32_t slot)
{
	struct ab_target *t = ab_target_at(e, slot);

	assert(t->refs > 0);
	if (--t->refs == 0)
		ab_table_remove(e, &e->targets, slot);
}

void ab_world_remove_found(struct ab_engine *e, uint32_t slot)
{
	struct ab_found *f = ab_found_at(e, slot);
	uint32_t *at = &ab_path_at(e, f->path)->first_found;

	while (*at != slot)
		at = &ab_found_at(e, *at)->next;
	*at = f->next;
	release_target(e, f->target);
	ab_table_remove(e, &e->founds, slot);
}

void ab_world_remove_found_by(struct ab_engine *e, uint32_t source)
{
	const struct ab_path *asked = ab_path_at(e, source);
	uint32_t i, k, next;

	if (!asked->discovery_started.ns)
		return;
	for (i = ab_port_at(e, asked->port)->first_path; i != AB_NONE;
	     i = ab_path_at(e, i)->next) {
		for (k = ab_path_at(e, i)->first_found; k != AB_NONE; k = next) {
			next = ab_found_at(e, k)->next;
			if (ab_found_at(e, k)->source == source)
				ab_world_remove_found(e, k);
		}
	}
}

void ab_world_remove_path(struct ab_engine *e, uint32_t slot)
{
	struct ab_path *p = ab_path_at(e, slot);
	struct ab_port *port = ab_port_at(e, p->port);
	uint32_t *at = &port->first_path;

	ab_world_remove_found_by(e, slot);
	while (p->first_found != AB_NONE)
		ab_world_remove_found(e, p->first_found);
	while (*at != slot)
		at = &ab_path_at(e, *at)->next;
	*at = p->next;
	if (port->recent_path == slot)
		port->recent_path = AB_NONE;
	ab_table_remove(e, &e->paths, slot);
}

void ab_world_remove_addr(struct ab_engine *e, uint32_t slot)
{
	struct ab_ifaddr_item *a = ab_ifaddr_at(e, slot);
	uint32_t port = ab_world_find_port(e, a->ifaddr.ifindex);
	uint32_t *at;

	assert(port != AB_NONE);
	at = &ab_port_at(e, port)->first_addr;
	while (*at != slot)
		at = &ab_ifaddr_at(e, *at)->next;
	*at = a->next;
	ab_table_remove(e, &e->addrs, slot);
}

void ab_world_release_port(struct ab_engine *e, uint32_t slot)
{
	const struct ab_port *p = ab_port_at(e, slot);

	if (p->has_link || p->has_udev || p->first_addr != AB_NONE ||
	    p->first_path != AB_NONE)
		return;
	assert(p->iface == AB_NONE);
	ab_table_remove(e, &e->ports, slot);
}

void ab_world_remove_session(struct ab_engine *e, uint32_t slot)
{
	uint32_t *at = &ab_node_at(e, ab_session_at(e, slot)->node)->login.session;

	while (*at != slot)
		at = &ab_session_at(e, *at)->next;
	*at = ab_session_at(e, slot)->next;
	ab_table_remove(e, &e->sessions, slot);
}

/* Is there something to remember about logging in to it? */
static bool is_login_needed(const struct ab_login *l)
{
	return l->session != AB_NONE || l->job || l->is_held || l->is_ledger_due ||
	       l->is_denied || l->is_awaited || l->backoff.attempts || l->tries.is_due;
}

static bool is_needed(const struct ab_record_item *r)
{
	return r->is_present || r->ledger != AB_OWNER_FOREIGN || r->job ||
	       r->is_awaited || r->is_denied || r->backoff.attempts ||
	       r->is_ledger_due || r->tries.is_due;
}

void ab_world_release_iface(struct ab_engine *e, uint32_t slot)
{
	struct ab_iface *f = ab_iface_at(e, slot);

	/* "default" is built in: ports use it without a record. */
	if (!is_needed(&f->record) && f->first_node == AB_NONE && f->port == AB_NONE &&
	    !ab_streq(f->binding.iface, "default"))
		ab_table_remove(e, &e->ifaces, slot);
}

static void unlink_node(struct ab_engine *e, const struct ab_node *n)
{
	if (n->prev != AB_NONE)
		ab_node_at(e, n->prev)->next = n->next;
	else
		ab_iface_at(e, n->iface)->first_node = n->next;
	if (n->next != AB_NONE)
		ab_node_at(e, n->next)->prev = n->prev;
	if (n->target_prev != AB_NONE)
		ab_node_at(e, n->target_prev)->target_next = n->target_next;
	else
		ab_target_at(e, n->target)->first_node = n->target_next;
	if (n->target_next != AB_NONE)
		ab_node_at(e, n->target_next)->target_prev = n->target_prev;
}

void ab_world_release_node(struct ab_engine *e, uint32_t slot)
{
	struct ab_node *n = ab_node_at(e, slot);
	uint32_t iface = n->iface;

	if (is_needed(&n->record) || is_login_needed(&n->login))
		return;
	unlink_node(e, n);
	release_target(e, n->target);
	ab_table_remove(e, &e->nodes, slot);
	ab_world_release_iface(e, iface);
}

/* --- questions --- */

uint64_t ab_world_path_handle(const struct ab_engine *e, uint32_t slot)
{
	/* A generation is at least 1, so that no handle is 0. */
	return (uint64_t)ab_path_at_const(e, slot)->item.generation << 32 | slot;
}

uint32_t ab_world_path_of(const struct ab_engine *e, uint64_t handle)
{
	uint32_t slot = (uint32_t)handle;

	if (slot >= e->paths.high || !ab_path_at_const(e, slot)->item.is_live ||
	    ab_path_at_const(e, slot)->item.generation != handle >> 32)
		return AB_NONE;
	return slot;
}

uint32_t ab_world_login_path(const struct ab_engine *e, const struct ab_node *n)
{
	uint32_t slot = ab_world_path_of(e, n->login.path);

	if (slot == AB_NONE ||
	    ab_port_at_const(e, ab_path_at_const(e, slot)->port)->policy < 0)
		return AB_NONE;
	return slot;
}

enum ab_owner ab_world_owner(const struct ab_record_item *r)
{
	if (r->ledger == AB_OWNER_OURS && r->is_present &&
	    (r->state != AB_RECORD_OK || r->hash != r->own_hash))
		return AB_OWNER_MODIFIED;
	return (enum ab_owner)r->ledger;
}

void ab_world_port_identity(const struct ab_port *p,
			    struct ab_port_identity *ret_identity)
{
	*ret_identity = (struct ab_port_identity){
		.type = p->link.type,
		.vlan_id = p->link.vlan_id,
		.perm_hwaddr = p->link.perm_hwaddr,
	};
	(void)ab_copy(ret_identity->id_path, AB_ID_PATH, p->udev.id_path);
	(void)ab_copy(ret_identity->name, AB_NETDEV_NAME, p->link.name);
}

bool ab_world_is_port(const struct ab_port_identity *id, const struct ab_port *p)
{
	bool has_mac = id->perm_hwaddr.len && p->link.perm_hwaddr.len;
	/* A source that does not tell paths (the kernel group) must not tell ports
	 * apart. */
	bool has_path = id->id_path[0] && p->udev.id_path[0];

	if (id->type != p->link.type || id->vlan_id != p->link.vlan_id)
		return false;
	/* Devices made by software have neither: then the name is all there is. */
	if (!has_mac && !has_path)
		return strcmp(id->name, p->link.name) == 0;
	return (!has_mac || ab_hwaddr_equal(&id->perm_hwaddr, &p->link.perm_hwaddr)) &&
	       (!has_path || strcmp(id->id_path, p->udev.id_path) == 0);
}

bool ab_world_addr_is_usable(const struct ab_ifaddr_item *a)
{
	const struct ab_ifaddr *i = &a->ifaddr;

	return !i->is_tentative && !i->is_failed &&
	       !ab_addr_is_unusable(&i->net.addr) &&
	       !ab_addr_is_linklocal6(&i->net.addr);
}

void ab_world_touch_answer(struct ab_engine *e, uint32_t port)
{
	struct ab_port *p = ab_port_at(e, port);

	if (!p->is_dirty || ab_mono_is_never(p->soak_first))
		p->soak_first = e->now;
	p->soak_last = e->now;
	p->is_dirty = p->is_urgent = true;
}

void ab_world_touch(struct ab_engine *e, uint32_t port, bool urgent)
{
	struct ab_port *p = ab_port_at(e, port);
	bool was_urgent = p->is_urgent;

	ab_world_touch_answer(e, port);
	p->is_urgent = was_urgent || urgent;
	p->is_wish_dirty = true;
}

void ab_world_touch_target(struct ab_engine *e, uint32_t target)
{
	ab_target_at(e, target)->is_dirty = e->is_targets_dirty = true;
}

void ab_world_touch_targets(struct ab_engine *e)
{
	uint32_t s;

	for (s = ab_table_next(e, &e->targets, AB_NONE); s != AB_NONE;
	     s = ab_table_next(e, &e->targets, s))
		ab_world_touch_target(e, s);
}

void ab_world_touch_all(struct ab_engine *e, bool urgent)
{
	uint32_t s;

	for (s = ab_table_next(e, &e->ports, AB_NONE); s != AB_NONE;
	     s = ab_table_next(e, &e->ports, s))
		ab_world_touch(e, s, urgent);
	ab_world_touch_targets(e);
	e->is_orphans_dirty = true;
}

void ab_world_touch_record(struct ab_engine *e, const struct ab_node *n)
{
	uint32_t port = ab_iface_at(e, n->iface)->port;

	if (port != AB_NONE)
		ab_world_touch_answer(e, port);
	e->is_orphans_dirty = true;
}

uint32_t ab_world_random(struct ab_engine *e, uint32_t below)
{
	/* splitmix64: any state is good, the period is 2^64. */
	uint64_t z = e->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return below ? (uint32_t)((z ^ z >> 31) % below) : 0;
}
