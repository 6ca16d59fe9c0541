/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events as text and back: every type, hostile strings, random values; and what the
 * parser says about lines that are none.
 */
#include "ab_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/evtext.h"

/* A seed of its own for each round, told when it fails. */
static uint64_t random_state;

static uint64_t rnd(void)
{
	uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static uint8_t below(unsigned int n)
{
	return (uint8_t)(rnd() % n);
}

/* Any bytes but NUL, as long as fits, padded with zeros. */
static void fill(char *buf, size_t size)
{
	size_t n = rnd() % size, i;

	memset(buf, 0, size);
	for (i = 0; i < n; i++)
		buf[i] = (char)(1 + rnd() % 255);
}

static struct ab_addr addr(void)
{
	struct ab_addr a = { .family = rnd() & 1 ? AF_INET : AF_INET6 };
	unsigned int i;

	for (i = 0; i < (a.family == AF_INET ? 4 : 16); i++)
		a.bytes[i] = below(256);
	return a;
}

static struct ab_net net(void)
{
	struct ab_net n = { .addr = addr() };

	n.len = below(n.addr.family == AF_INET ? 33 : 129);
	return n;
}

/* Unused bytes are zero, also those between the members. */
static void fill_portal(struct ab_portal *p)
{
	memset(p, 0, sizeof(*p));
	p->addr = addr();
	p->port = (uint16_t)(1 + rnd() % 65535);
}

static struct ab_hwaddr hwaddr(void)
{
	static const uint8_t lens[] = { 0, 6, 20 };
	struct ab_hwaddr h = { .len = lens[below(3)] };
	unsigned int i;

	for (i = 0; i < h.len; i++)
		h.bytes[i] = below(256);
	return h;
}

static void link_event(struct ab_link *l)
{
	l->ifindex = (uint32_t)rnd();
	fill(l->name, sizeof(l->name));
	l->type = below(AB_PORT_TYPE_MAX);
	l->is_up = below(2);
	l->has_carrier = below(2);
	l->master = (uint32_t)rnd();
	l->lower = (uint32_t)rnd();
	l->vlan_id = (uint16_t)rnd();
	l->mtu = (uint32_t)rnd();
	l->hwaddr = hwaddr();
	l->perm_hwaddr = hwaddr();
}

static void addr_event(struct ab_ifaddr *a)
{
	a->ifindex = (uint32_t)rnd();
	a->net = net();
	a->is_tentative = below(2);
	a->is_failed = below(2);
	a->is_deprecated = below(2);
	a->is_temporary = below(2);
	a->is_linklocal = below(2);
}

static void iface_event(struct ab_event *ev)
{
	fill(ev->iface.binding.iface, sizeof(ev->iface.binding.iface));
	fill(ev->iface.binding.transport, sizeof(ev->iface.binding.transport));
	fill(ev->iface.binding.netdev, sizeof(ev->iface.binding.netdev));
	fill(ev->iface.binding.hwaddr, sizeof(ev->iface.binding.hwaddr));
	fill(ev->iface.binding.initiatorname, sizeof(ev->iface.binding.initiatorname));
	ev->iface.hash = rnd();
	ev->iface.state = below(2);
}

static void key(struct ab_node_key *k)
{
	fill(k->target, sizeof(k->target));
	fill_portal(&k->portal);
	k->tpgt = (int32_t)rnd();
	fill(k->iface, sizeof(k->iface));
}

static void node_event(struct ab_event *ev)
{
	key(&ev->node.key);
	fill(ev->node.netdev, sizeof(ev->node.netdev));
	fill(ev->node.hwaddr, sizeof(ev->node.hwaddr));
	ev->node.hash = rnd();
	ev->node.state = below(2);
	ev->node.by_discovery = below(2);
}

static void session_event(struct ab_session *session)
{
	session->sid = (uint32_t)rnd();
	session->host = (uint32_t)rnd();
	session->state = below(AB_SESSION_STATE_MAX);
	session->is_firmware = below(2);
	session->n_disks = (uint16_t)rnd();
	session->n_mapped = (uint16_t)rnd();
	key(&session->node);
	fill_portal(&session->peer);
	session->local = addr();
	fill(session->transport, sizeof(session->transport));
}

static void ledger_event(struct ab_ledger_entry *l)
{
	l->kind = (uint8_t)(AB_LEDGER_IFACE + below(4));
	l->owner = below(AB_OWNER_MAX);
	if (l->kind == AB_LEDGER_SESSION) {
		key(&l->node);
		return;
	}
	l->hash = rnd();
	if (l->kind == AB_LEDGER_TRY) {
		l->try.what = below(AB_TRY_MAX);
		l->try.attempts = (uint8_t)rnd();
		l->try.is_denied = below(2);
		l->try.code = (int32_t)rnd();
		l->try.next_ms = rnd();
		l->settings = rnd();
		key(&l->node);
		return;
	}
	if (l->kind == AB_LEDGER_NODE) {
		l->settings = rnd();
		l->unwanted_ms = rnd();
		key(&l->node);
		return;
	}
	fill(l->iface.name, sizeof(l->iface.name));
	l->iface.port.type = below(AB_PORT_TYPE_MAX);
	l->iface.port.vlan_id = (uint16_t)rnd();
	l->iface.port.perm_hwaddr = hwaddr();
	fill(l->iface.port.id_path, sizeof(l->iface.port.id_path));
	fill(l->iface.port.name, sizeof(l->iface.port.name));
	l->iface.can_retire = below(2);
	l->iface.retire_ms = rnd();
	l->iface.orphan_ms = rnd();
}

static void probe_event(struct ab_event *ev)
{
	ev->probe.path = rnd();
	ev->probe.seq = (uint32_t)rnd();
	ev->probe.result = below(AB_PROBE_RESULT_MAX);
	ev->probe.method = below(AB_PROBE_METHOD_MAX);
	ev->probe.error = (int32_t)rnd();
	ev->probe.rtt_us = (uint32_t)rnd();
	ev->probe.arrival = (uint32_t)rnd();
}

static void done_event(struct ab_event *ev)
{
	ev->done.job = rnd();
	ev->done.outcome = below(AB_OUTCOME_MAX);
	ev->done.code = (int32_t)rnd();
	ev->done.hash = rnd();
}

/* Zeroed, then every field of that type with a random value that may occur. */
static void make_event(struct ab_event *ev, enum ab_event_type type)
{
	memset(ev, 0, sizeof(*ev));
	ev->type = type;
	switch (type) {
	case AB_EV_DUMP_BEGIN:
	case AB_EV_DUMP_END:
	case AB_EV_STALE:
		ev->dump.source = below(AB_SOURCE_MAX);
		ev->dump.is_unreadable = below(2);
		break;
	case AB_EV_LINK:
	case AB_EV_LINK_GONE:
		link_event(&ev->link);
		break;
	case AB_EV_ADDR:
	case AB_EV_ADDR_GONE:
		addr_event(&ev->addr);
		break;
	case AB_EV_UDEV:
	case AB_EV_UDEV_GONE:
		ev->udev.ifindex = (uint32_t)rnd();
		ev->udev.is_initialized = below(2);
		ev->udev.is_ignored = below(2);
		fill(ev->udev.driver, sizeof(ev->udev.driver));
		fill(ev->udev.id_path, sizeof(ev->udev.id_path));
		break;
	case AB_EV_ROUTES:
		ev->routes.family = rnd() & 1 ? AF_INET : AF_INET6;
		break;
	case AB_EV_ROUTE:
		ev->route.path = rnd();
		ev->route.verdict = below(3);
		break;
	case AB_EV_NEIGH:
		ev->neigh.ifindex = (uint32_t)rnd();
		ev->neigh.addr = addr();
		ev->neigh.is_failed = below(2);
		break;
	case AB_EV_IFACE:
	case AB_EV_IFACE_GONE:
		iface_event(ev);
		break;
	case AB_EV_NODE:
	case AB_EV_NODE_GONE:
		node_event(ev);
		break;
	case AB_EV_LEDGER:
		ledger_event(&ev->ledger);
		break;
	case AB_EV_SESSION:
	case AB_EV_SESSION_GONE:
		session_event(&ev->session);
		break;
	case AB_EV_MULTIPATH:
		ev->multipath.state = below(AB_MULTIPATH_MAX);
		break;
	case AB_EV_MAPPED:
		ev->mapped.sid = (uint32_t)rnd();
		ev->mapped.n_known = (uint16_t)rnd();
		break;
	case AB_EV_PROBE:
		probe_event(ev);
		break;
	case AB_EV_FOUND:
		ev->found.job = rnd();
		fill(ev->found.target, sizeof(ev->found.target));
		fill_portal(&ev->found.portal);
		ev->found.tpgt = (int32_t)rnd();
		break;
	case AB_EV_DONE:
		done_event(ev);
		break;
	case AB_EV_COMMAND:
		ev->command.verb = below(AB_COMMAND_MAX);
		break;
	case AB_EV_NONE:
	case AB_EV_TICK:
	case AB_EV_POLICY:
	case AB_EV_MAX:
		break;
	}
}

static void every_event_comes_back_as_it_was(void **state)
{
	char line[AB_EVTEXT_MAX];
	struct ab_event ev, back;
	struct ab_text t;
	unsigned int type, seed;
	const char *word;

	(void)state;
	for (type = AB_EV_TICK; type < AB_EV_MAX; type++) {
		for (seed = 0; seed < 500; seed++) {
			random_state = seed;
			make_event(&ev, (enum ab_event_type)type);
			ab_text_init(&t, line, sizeof(line));
			ab_evtext_add(&t, &ev);
			if (t.cut || strchr(line, '\n'))
				fail_msg("seed %u: %s", seed, line);
			memset(&back, 0xa5, sizeof(back));
			word = "";
			if (ab_evtext_parse(line, &back, &word))
				fail_msg("seed %u: not read at \"%s\"", seed, word);
			if (memcmp(&ev, &back, sizeof(ev)) != 0)
				fail_msg("seed %u: differs: %s", seed, line);
		}
	}
}

static void lines_are_the_documented_ones(void **state)
{
	static const struct {
		const char *line;
		uint32_t type;
	} rows[] = {
		{ "tick", AB_EV_TICK },
		{ "dump-end source=ledger unreadable", AB_EV_DUMP_END },
		{ "link ifindex=2 name=eth0 type=ether up carrier mtu=1500 "
		  "mac=52:54:00:12:34:56",
		  AB_EV_LINK },
		{ "addr ifindex=2 net=10.0.0.5/24", AB_EV_ADDR },
		{ "addr ifindex=2 net=fd00::1/64 tentative", AB_EV_ADDR },
		{ "udev ifindex=2 initialized driver=ixgbe", AB_EV_UDEV },
		{ "routes family=inet6", AB_EV_ROUTES },
		{ "route path=7 verdict=none", AB_EV_ROUTE },
		{ "iface iface=ab-eth0 transport=tcp netdev=eth0 hash=5", AB_EV_IFACE },
		{ "node target=iqn.2026-01.org:a portal=[fd00::9]:3260 tpgt=-1 "
		  "iface=ab-eth0 state=broken",
		  AB_EV_NODE },
		{ "ledger kind=iface owner=held hash=5 name=ab-eth0 type=vlan vlan=7 "
		  "port=eth0.7",
		  AB_EV_LEDGER },
		{ "ledger kind=node owner=ours target=iqn.2026-01.org:a "
		  "portal=10.0.0.9:3260 tpgt=1 iface=ab-eth0",
		  AB_EV_LEDGER },
		{ "ledger kind=session owner=held target=iqn.2026-01.org:a "
		  "portal=10.0.0.9:3260 tpgt=1 iface=ab-eth0",
		  AB_EV_LEDGER },
		{ "session sid=3 host=4 state=logged-in disks=2 mapped=2 "
		  "target=iqn.2026-01.org:a portal=10.0.0.9:3260 tpgt=1 iface=ab-eth0 "
		  "peer=10.0.0.9:3260 local=10.0.0.5 transport=tcp",
		  AB_EV_SESSION },
		{ "session-gone sid=3 state=free", AB_EV_SESSION_GONE },
		{ "multipath state=ready", AB_EV_MULTIPATH },
		{ "mapped sid=3 known=2", AB_EV_MAPPED },
		{ "probe path=7 result=answer method=icmp+tcp rtt=83", AB_EV_PROBE },
		{ "done job=1 outcome=done", AB_EV_DONE },
		{ "command verb=apply", AB_EV_COMMAND },
		{ "command verb=unquiesce", AB_EV_COMMAND },
		{ "command verb=apply port=ens1f0", AB_EV_COMMAND },
		{ "command verb=apply addr=10.0.0.9 tcpport=3260", AB_EV_COMMAND },
	};
	char line[AB_EVTEXT_MAX];
	struct ab_event ev;
	struct ab_text t;
	size_t i;

	(void)state;
	for (i = 0; i < AB_COUNT(rows); i++) {
		if (ab_evtext_parse(rows[i].line, &ev, NULL))
			fail_msg("not read: %s", rows[i].line);
		ab_assert_row(rows[i].line, ev.type == rows[i].type);
		ab_text_init(&t, line, sizeof(line));
		ab_evtext_add(&t, &ev);
		assert_string_equal(line, rows[i].line);
	}
}

static void errors_point_at_the_word(void **state)
{
	static const struct {
		const char *line, *word;
	} rows[] = {
		{ "", "" },
		{ "   ", "" },
		{ "none", "none" },
		{ "lnik ifindex=2", "lnik ifindex=2" },
		{ "link ifindex=2 named=eth0", "named=eth0" },
		{ "link ifindex=x up", "ifindex=x up" },
		{ "link ifindex=4294967296", "ifindex=4294967296" },
		{ "link ifindex=-1", "ifindex=-1" },
		{ "link vlan=65536", "vlan=65536" },
		{ "link ifindex", "ifindex" },
		{ "link up=1", "up=1" },
		{ "link name=eth0eth0eth0eth0", "name=eth0eth0eth0eth0" },
		{ "link name=a%0", "name=a%0" },
		{ "link name=a%00b", "name=a%00b" },
		{ "link type=nic", "type=nic" },
		{ "link mac=52:54", "mac=52:54" },
		{ "addr ifindex=2 net=10.0.0.5/33", "net=10.0.0.5/33" },
		{ "node portal=10.0.0.9:0 tpgt=1", "portal=10.0.0.9:0 tpgt=1" },
		{ "node tpgt=2147483648", "tpgt=2147483648" },
		{ "iface state=fine", "state=fine" },
		{ "dump-end source=disk", "source=disk" },
		{ "done outcome=7", "outcome=7" },
		{ "command verb=reload", "verb=reload" },
		{ "routes family=unix", "family=unix" },
		{ "ledger kind=portal", "kind=portal" },
		{ "link ifindex=2 name=eth0eth0 name=e", "name=e" },
		{ "link up up", "up" },
		{ "ledger kind=iface name=a kind=node", "kind=node" },
		{ "ledger name=a kind=node", "name=a kind=node" },
		{ "ledger", "" },
		/* What a ledger line may hold, its kind says first. */
		{ "link ifindex=2 ifindex=3", "ifindex=3" },
		{ "link name=eth0 name=e", "name=e" },
		{ "link up up", "up" },
		{ "ledger target=iqn.2026-01.org:a kind=node",
		  "target=iqn.2026-01.org:a kind=node" },
	};
	struct ab_event ev, before;
	const char *word;
	size_t i;

	(void)state;
	memset(&before, 0x5a, sizeof(before));
	for (i = 0; i < AB_COUNT(rows); i++) {
		ev = before;
		word = NULL;
		if (ab_evtext_parse(rows[i].line, &ev, &word) != 1)
			fail_msg("read: %s", rows[i].line);
		assert_string_equal(word, rows[i].word);
		ab_assert_row(rows[i].line, memcmp(&ev, &before, sizeof(ev)) == 0);
	}
}

static void a_word_that_is_too_long_is_none(void **state)
{
	char line[2 * AB_EVTEXT_MAX];
	struct ab_event ev;
	const char *word = NULL;

	(void)state;
	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\0';
	memcpy(line, "link name=", 10);
	assert_int_equal(ab_evtext_parse(line, &ev, &word), 1);
	assert_ptr_equal(word, line + 5);
}

static void effects_are_one_line_each(void **state)
{
	struct ab_effect ef = { .type = AB_EF_NODE_WRITE, .job = 9 };
	char line[AB_EVTEXT_MAX];
	struct ab_text t;
	unsigned int type;

	(void)state;
	(void)ab_copy(ef.node.key.target, sizeof(ef.node.key.target), "iqn.x:a\nb");
	(void)ab_copy(ef.node.key.iface, sizeof(ef.node.key.iface), "ab-eth0");
	ef.node.key.portal.addr =
		(struct ab_addr){ .family = AF_INET, .bytes = { 10, 0, 0, 9 } };
	ef.node.key.portal.port = 3260;
	ef.node.key.tpgt = 1;
	ef.node.is_update = true;
	ab_text_init(&t, line, sizeof(line));
	ab_evtext_add_effect(&t, &ef);
	assert_string_equal(line, "node-write job=9 target=iqn.x:a%0Ab "
				  "portal=10.0.0.9:3260 tpgt=1 iface=ab-eth0 update");
	memset(&ef, 0, sizeof(ef));
	for (type = AB_EF_NONE; type < AB_EF_MAX; type++) {
		ef.type = type;
		ab_text_init(&t, line, sizeof(line));
		ab_evtext_add_effect(&t, &ef);
		assert_true(t.len > 0 && !t.cut);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_event_comes_back_as_it_was),
		cmocka_unit_test(lines_are_the_documented_ones),
		cmocka_unit_test(errors_point_at_the_word),
		cmocka_unit_test(a_word_that_is_too_long_is_none),
		cmocka_unit_test(effects_are_one_line_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
