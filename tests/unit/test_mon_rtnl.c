/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rtnetlink monitor against the kernel, each test in a network namespace of its
 * own. A model is fed by the events; what it must equal is what a second monitor, made
 * later, dumps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/clock.h"
#include "io/mon_rtnl.h"
#include "io/rtnl_parse.h"

#define LINKS_MAX 600
#define ADDRS_MAX 1200
#define DEADLINE_MS 10000

struct model {
	struct ab_link links[LINKS_MAX];
	bool link_seen[LINKS_MAX];
	size_t n_links;
	struct ab_ifaddr addrs[ADDRS_MAX];
	bool addr_seen[ADDRS_MAX];
	size_t n_addrs;
	bool is_dumping, is_fresh;
	unsigned int n_begins, n_ends, n_stales;
};

/* What the events were, beside the model. */
struct heard {
	unsigned int n_links, n_gone, n_addrs, n_addrs_gone;
	unsigned int n_routes4, n_routes6;
	unsigned int n_failed, n_unfailed;
	struct ab_addr neigh;
	unsigned int n_verdicts;
	uint8_t verdicts[256]; /* by path */
	unsigned int answers[256];
};

struct fixture {
	struct ab_loop *loop;
	struct ab_loop_timer *timer;
	struct ab_rtnl *rtnl;
	bool is_late;
	struct model model;
	struct heard heard;
	bool (*is_reached)(struct fixture *f);
	const char *name; /* for is_reached */
	uint32_t ifindex; /* same */
	uint32_t mtu;	  /* same; also the last mark of sync() */
	void (*on_verdict)(struct fixture *f);
	pid_t other; /* a process in another namespace, or 0 */
	bool in_event;
};

/* --- the model --- */

static void model_link(struct model *m, const struct ab_link *link)
{
	size_t i = 0;

	while (i < m->n_links && m->links[i].ifindex != link->ifindex)
		i++;
	assert_true(i < LINKS_MAX);
	if (i == m->n_links)
		m->n_links++;
	m->links[i] = *link;
	m->link_seen[i] = true;
}

static void model_link_gone(struct model *m, uint32_t ifindex)
{
	for (size_t i = 0; i < m->n_links; i++) {
		if (m->links[i].ifindex != ifindex)
			continue;
		m->n_links--;
		m->links[i] = m->links[m->n_links];
		m->link_seen[i] = m->link_seen[m->n_links];
		return;
	}
}

static size_t model_find_addr(const struct model *m, const struct ab_ifaddr *addr)
{
	size_t i = 0;

	while (i < m->n_addrs &&
	       (m->addrs[i].ifindex != addr->ifindex ||
		memcmp(&m->addrs[i].net, &addr->net, sizeof(addr->net)) != 0))
		i++;
	return i;
}

static void model_addr(struct model *m, const struct ab_ifaddr *addr)
{
	size_t i = model_find_addr(m, addr);

	assert_true(i < ADDRS_MAX);
	if (i == m->n_addrs)
		m->n_addrs++;
	m->addrs[i] = *addr;
	m->addr_seen[i] = true;
}

static void model_addr_gone(struct model *m, size_t i)
{
	if (i >= m->n_addrs)
		return;
	m->n_addrs--;
	m->addrs[i] = m->addrs[m->n_addrs];
	m->addr_seen[i] = m->addr_seen[m->n_addrs];
}

static void model_begin(struct model *m)
{
	m->n_begins++;
	m->is_dumping = true;
	memset(m->link_seen, 0, sizeof(m->link_seen));
	memset(m->addr_seen, 0, sizeof(m->addr_seen));
}

static void model_end(struct model *m)
{
	assert_true(m->is_dumping);
	m->is_dumping = false;
	m->is_fresh = true;
	m->n_ends++;
	for (size_t i = m->n_links; i-- > 0;) {
		if (!m->link_seen[i])
			model_link_gone(m, m->links[i].ifindex);
	}
	for (size_t i = m->n_addrs; i-- > 0;) {
		if (!m->addr_seen[i])
			model_addr_gone(m, i);
	}
}

static int by_ifindex(const void *a, const void *b)
{
	const struct ab_link *x = a, *y = b;

	return (x->ifindex > y->ifindex) - (x->ifindex < y->ifindex);
}

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct ab_ifaddr));
}

/* The kernel dumps an address while duplicate detection runs, but announces it only
 * afterwards: here the two may differ, and nobody can use it yet. */
static void drop_tentative(struct model *m)
{
	for (size_t i = m->n_addrs; i-- > 0;) {
		if (m->addrs[i].is_tentative && !m->addrs[i].is_failed)
			model_addr_gone(m, i);
	}
}

static bool models_equal(struct model *a, struct model *b)
{
	drop_tentative(a);
	drop_tentative(b);
	qsort(a->links, a->n_links, sizeof(a->links[0]), by_ifindex);
	qsort(b->links, b->n_links, sizeof(b->links[0]), by_ifindex);
	qsort(a->addrs, a->n_addrs, sizeof(a->addrs[0]), by_bytes);
	qsort(b->addrs, b->n_addrs, sizeof(b->addrs[0]), by_bytes);
	return a->n_links == b->n_links && a->n_addrs == b->n_addrs &&
	       memcmp(a->links, b->links, a->n_links * sizeof(a->links[0])) == 0 &&
	       memcmp(a->addrs, b->addrs, a->n_addrs * sizeof(a->addrs[0])) == 0;
}

/* --- the fixture --- */

static void model_event(struct model *m, const struct ab_event *ev)
{
	switch (ev->type) {
	case AB_EV_DUMP_BEGIN:
		assert_int_equal(ev->dump.source, AB_SOURCE_RTNL);
		model_begin(m);
		break;
	case AB_EV_DUMP_END:
		assert_int_equal(ev->dump.source, AB_SOURCE_RTNL);
		model_end(m);
		break;
	case AB_EV_STALE:
		assert_true(m->is_fresh); /* told once */
		m->is_fresh = false;
		m->n_stales++;
		break;
	case AB_EV_LINK:
		model_link(m, &ev->link);
		break;
	case AB_EV_LINK_GONE:
		model_link_gone(m, ev->link.ifindex);
		break;
	case AB_EV_ADDR:
		model_addr(m, &ev->addr);
		break;
	case AB_EV_ADDR_GONE:
		model_addr_gone(m, model_find_addr(m, &ev->addr));
		break;
	default:
		break;
	}
}

static void hear(struct heard *h, const struct ab_event *ev)
{
	h->n_links += ev->type == AB_EV_LINK;
	h->n_gone += ev->type == AB_EV_LINK_GONE;
	h->n_addrs += ev->type == AB_EV_ADDR;
	h->n_addrs_gone += ev->type == AB_EV_ADDR_GONE;
	if (ev->type == AB_EV_ROUTES) {
		h->n_routes4 += ev->routes.family == AF_INET;
		h->n_routes6 += ev->routes.family == AF_INET6;
	}
	if (ev->type == AB_EV_NEIGH) {
		h->n_failed += ev->neigh.is_failed;
		h->n_unfailed += !ev->neigh.is_failed;
		h->neigh = ev->neigh.addr;
	}
	if (ev->type == AB_EV_ROUTE) {
		assert_true(ev->route.path < 256);
		h->n_verdicts++;
		h->verdicts[ev->route.path] = ev->route.verdict;
		h->answers[ev->route.path]++;
	}
}

static void on_event(void *arg, const struct ab_event *ev)
{
	struct fixture *f = arg;

	assert_false(f->in_event);
	f->in_event = true;
	model_event(&f->model, ev);
	hear(&f->heard, ev);
	if (ev->type == AB_EV_ROUTE && f->on_verdict)
		f->on_verdict(f);
	if (f->is_reached && f->is_reached(f))
		ab_loop_stop(f->loop);
	f->in_event = false;
}

static void on_deadline(void *arg)
{
	struct fixture *f = arg;

	f->is_late = true;
	ab_loop_stop(f->loop);
}

/* Runs the loop until the events have made @is_reached true. */
static void until(struct fixture *f, bool (*is_reached)(struct fixture *f))
{
	if (is_reached(f))
		return;
	f->is_reached = is_reached;
	ab_loop_timer_set(f->timer, ab_mono_add_ms(ab_clock_now(), DEADLINE_MS));
	assert_int_equal(ab_loop_run(f->loop), 0);
	f->is_reached = NULL;
	assert_false(f->is_late);
}

__attribute__((format(printf, 1, 2))) static void sh(const char *fmt, ...)
{
	char command[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	*state = f;
	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0)
		return 0; /* the test skips itself */
	assert_int_equal(ab_loop_new(&f->loop), 0);
	assert_int_equal(ab_loop_timer_new(f->loop, on_deadline, f, &f->timer), 0);
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	ab_rtnl_free(f->rtnl);
	ab_loop_timer_free(f->timer);
	ab_loop_free(f->loop);
	if (f->other > 0) {
		kill(f->other, SIGKILL);
		waitpid(f->other, NULL, 0);
	}
	free(f);
	return 0;
}

/* 0: the production size. */
static void monitor(struct fixture *f, int rcvbuf_bytes)
{
	struct ab_rtnl_config config = { .rcvbuf_bytes = rcvbuf_bytes };

	assert_int_equal(ab_rtnl_new(f->loop, &config, on_event, f, &f->rtnl), 0);
	assert_int_equal(f->model.n_begins, 0);
}

static bool is_fresh(struct fixture *f)
{
	return f->model.is_fresh && !f->model.is_dumping;
}

static void start(struct fixture **ret_f, void **state, int rcvbuf_bytes)
{
	struct fixture *f = *state;

	if (!f->loop)
		skip();
	*ret_f = f;
	monitor(f, rcvbuf_bytes);
	until(f, is_fresh);
}

static const struct ab_link *link_named(const struct fixture *f, const char *name)
{
	for (size_t i = 0; i < f->model.n_links; i++) {
		if (strcmp(f->model.links[i].name, name) == 0)
			return &f->model.links[i];
	}
	return NULL;
}

static bool is_synced(struct fixture *f)
{
	const struct ab_link *lo = link_named(f, "lo");

	return is_fresh(f) && lo && lo->mtu == f->mtu;
}

/* Everything that happened before this is told when it returns. */
static void sync_events(struct fixture *f)
{
	f->mtu = f->mtu ? f->mtu + 1 : 3000;
	sh("ip link set lo mtu %u", f->mtu);
	until(f, is_synced);
}

/* The events have told the same as a dump made now: coldplug equals hotplug. */
static void assert_equals_fresh_dump(struct fixture *f)
{
	struct fixture *g = calloc(1, sizeof(*g));
	bool is_equal = false;
	ab_mono deadline;

	assert_non_null(g);
	/* The end of DAD comes late, and only a dump shows it while it runs. */
	for (deadline = ab_mono_add_ms(ab_clock_now(), 10000);
	     !is_equal && ab_mono_before(ab_clock_now(), deadline);) {
		sync_events(f);
		memset(g, 0, sizeof(*g));
		g->loop = f->loop;
		g->timer = f->timer;
		monitor(g, 0);
		until(g, is_fresh);
		g->rtnl = ab_rtnl_free(g->rtnl);
		is_equal = models_equal(&f->model, &g->model);
	}
	free(g);
	assert_true(is_equal);
}

static void use_ipv6_without_dad(void)
{
	sh("echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad");
}

/* --- links --- */

static bool is_named(struct fixture *f)
{
	return link_named(f, f->name);
}

static bool is_not_named(struct fixture *f)
{
	return !link_named(f, f->name);
}

static bool has_carrier(struct fixture *f)
{
	return link_named(f, f->name)->has_carrier;
}

static bool has_no_carrier(struct fixture *f)
{
	return !link_named(f, f->name)->has_carrier;
}

static void the_first_dump_shows_what_exists(void **state)
{
	struct fixture *f;
	const struct ab_link *lo;

	start(&f, state, 0);
	lo = link_named(f, "lo");
	assert_non_null(lo);
	assert_int_equal(lo->ifindex, if_nametoindex("lo"));
	assert_int_equal(lo->type, AB_PORT_LOOPBACK);
	assert_false(lo->is_up);
	assert_int_equal(f->model.n_begins, 1);
	assert_int_equal(f->model.n_stales, 0);
}

static void a_device_appears_is_renamed_and_goes(void **state)
{
	struct fixture *f;
	uint32_t ifindex;

	start(&f, state, 0);
	f->name = "v0";
	sh("ip link add v0 type veth peer name v1");
	until(f, is_named);
	ifindex = link_named(f, "v0")->ifindex;
	assert_int_equal(ifindex, if_nametoindex("v0"));
	f->name = "storage0";
	sh("ip link set v0 name storage0");
	until(f, is_named);
	assert_int_equal(link_named(f, "storage0")->ifindex, ifindex);
	assert_null(link_named(f, "v0"));
	assert_equals_fresh_dump(f);
	sh("ip link del storage0");
	until(f, is_not_named);
	sync_events(f);
	assert_int_equal(f->heard.n_gone, 2);
	assert_equals_fresh_dump(f);
}

static void carrier_and_admin_state_are_followed(void **state)
{
	struct fixture *f;

	start(&f, state, 0);
	f->name = "v0";
	sh("ip link add v0 type veth peer name v1 && ip link set v0 up");
	sync_events(f);
	assert_true(link_named(f, "v0")->is_up);
	assert_false(link_named(f, "v0")->has_carrier);
	sh("ip link set v1 up");
	until(f, has_carrier);
	sh("ip link set v1 down");
	until(f, has_no_carrier);
	assert_true(link_named(f, "v0")->is_up);
	sh("ip link set v0 down");
	sync_events(f);
	assert_false(link_named(f, "v0")->is_up);
	assert_equals_fresh_dump(f);
}

static void recreated_under_its_name_it_is_another_device(void **state)
{
	struct fixture *f;
	uint32_t before;

	start(&f, state, 0);
	sh("ip link add v0 type veth peer name v1");
	sync_events(f);
	before = link_named(f, "v0")->ifindex;
	sh("ip link del v0 && ip link add v0 type veth peer name v1");
	sync_events(f);
	assert_int_not_equal(link_named(f, "v0")->ifindex, before);
	assert_int_equal(link_named(f, "v0")->ifindex, if_nametoindex("v0"));
	assert_int_equal(f->heard.n_gone, 2);
	assert_equals_fresh_dump(f);
}

static void kinds_lower_and_master_are_told(void **state)
{
	struct fixture *f;
	const struct ab_link *v0, *br0;

	start(&f, state, 0);
	sh("ip link add v0 type veth peer name v1");
	sh("ip link add br0 type bridge");
	sh("ip link set v0 master br0 address 02:00:00:00:00:42 mtu 1400");
	sh("ip link add mv0 link v1 type macvlan");
	sh("ip tuntap add dev tap0 mode tap");
	sync_events(f);
	v0 = link_named(f, "v0");
	br0 = link_named(f, "br0");
	assert_int_equal(v0->type, AB_PORT_VETH);
	assert_int_equal(v0->master, br0->ifindex);
	assert_int_equal(v0->lower, 0); /* IFLA_LINK of a veth is its peer */
	assert_int_equal(v0->mtu, 1400);
	assert_int_equal(v0->hwaddr.len, 6);
	assert_memory_equal(v0->hwaddr.bytes, "\x02\0\0\0\0\x42", 6);
	assert_int_equal(v0->perm_hwaddr.len, 0);
	assert_int_equal(br0->type, AB_PORT_BRIDGE);
	assert_int_equal(br0->master, 0);
	assert_int_equal(link_named(f, "mv0")->type, AB_PORT_MACVLAN);
	assert_int_equal(link_named(f, "mv0")->lower, if_nametoindex("v1"));
	assert_int_equal(link_named(f, "tap0")->type, AB_PORT_TUN);
	assert_equals_fresh_dump(f);
}

/* The bridge sends RTM_DELLINK for a port that leaves it. */
static void a_port_that_leaves_a_bridge_is_not_gone(void **state)
{
	struct fixture *f;

	start(&f, state, 0);
	sh("ip link add v0 type veth peer name v1 && ip link add br0 type bridge");
	sh("ip link set v0 master br0");
	sync_events(f);
	sh("ip link set v0 nomaster");
	sync_events(f);
	assert_non_null(link_named(f, "v0"));
	assert_int_equal(link_named(f, "v0")->master, 0);
	assert_int_equal(f->heard.n_gone, 0);
	assert_equals_fresh_dump(f);
}

static void in_another_namespace(struct fixture *f)
{
	int ready[2];
	char c;

	assert_int_equal(pipe(ready), 0);
	f->other = fork();
	assert_true(f->other >= 0);
	if (f->other == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNET) == 0 && write(ready[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
}

static void moved_to_another_namespace_it_is_gone(void **state)
{
	struct fixture *f;

	start(&f, state, 0);
	in_another_namespace(f);
	sh("ip link add v0 type veth peer name v1 && ip link set v0 up");
	sh("ip addr add 192.0.2.1/24 dev v1 && ip link set v1 up");
	sync_events(f);
	assert_non_null(link_named(f, "v1"));
	sh("ip link set v1 netns %d", (int)f->other);
	sync_events(f);
	assert_null(link_named(f, "v1"));
	assert_non_null(link_named(f, "v0"));
	assert_equals_fresh_dump(f);
}

/* --- addresses --- */

static const struct ab_ifaddr *addr_of(const struct fixture *f, const char *text)
{
	struct ab_addr want = { 0 };

	want.family = strchr(text, ':') ? AF_INET6 : AF_INET;
	assert_int_equal(inet_pton(want.family, text, want.bytes), 1);
	for (size_t i = 0; i < f->model.n_addrs; i++) {
		if (memcmp(&f->model.addrs[i].net.addr, &want, sizeof(want)) == 0)
			return &f->model.addrs[i];
	}
	return NULL;
}

static bool is_dad_over(struct fixture *f)
{
	const struct ab_ifaddr *a = addr_of(f, "2001:db8::1");

	return a && !a->is_tentative;
}

static void addresses_come_move_and_go(void **state)
{
	struct fixture *f;
	const struct ab_ifaddr *a;

	start(&f, state, 0);
	use_ipv6_without_dad();
	sh("ip link add v0 type veth peer name v1");
	sh("ip link set v0 up && ip link set v1 up");
	sh("ip addr add 192.0.2.1/24 dev v0 && ip addr add 192.0.2.2/24 dev v0");
	sh("ip addr add 2001:db8::1/64 dev v0");
	sync_events(f);
	a = addr_of(f, "192.0.2.1");
	assert_int_equal(a->ifindex, if_nametoindex("v0"));
	assert_int_equal(a->net.len, 24);
	assert_false(a->is_linklocal);
	/* "secondary" has the bit that means "temporary" for IPv6. */
	assert_false(addr_of(f, "192.0.2.2")->is_temporary);
	until(f,
	      is_dad_over); /* without detection, too, it takes the kernel a moment */
	assert_int_equal(addr_of(f, "2001:db8::1")->net.len, 64);
	sh("ip addr del 192.0.2.1/24 dev v0 && ip addr add 192.0.2.1/24 dev v1");
	sync_events(f);
	assert_int_equal(addr_of(f, "192.0.2.1")->ifindex, if_nametoindex("v1"));
	sh("ip addr add 169.254.1.1/16 scope link dev v1");
	sh("ip addr add 198.51.100.1 peer 198.51.100.9/32 dev v1");
	sync_events(f);
	assert_true(addr_of(f, "169.254.1.1")->is_linklocal);
	assert_non_null(addr_of(f, "198.51.100.1")); /* ours, not the peer's */
	assert_null(addr_of(f, "198.51.100.9"));
	assert_equals_fresh_dump(f);
	sh("ip link set v0 down"); /* takes the IPv6 ones away */
	sync_events(f);
	assert_null(addr_of(f, "2001:db8::1"));
	assert_equals_fresh_dump(f);
	sh("ip link del v0");
	sync_events(f);
	assert_int_equal(f->model.n_addrs, 0);
	assert_equals_fresh_dump(f);
}

static void a_tentative_address_becomes_ready(void **state)
{
	struct fixture *f = *state;

	if (!f->loop)
		skip();
	sh("ip link add v0 type veth peer name v1");
	sh("ip link set v0 up && ip link set v1 up");
	sh("ip addr add 2001:db8::1/64 dev v0");
	monitor(f, 0);
	until(f, is_fresh);
	assert_non_null(addr_of(f, "2001:db8::1"));
	assert_true(addr_of(f, "2001:db8::1")->is_tentative);
	until(f, is_dad_over);
	assert_false(addr_of(f, "2001:db8::1")->is_failed);
	assert_equals_fresh_dump(f);
}

static bool is_link_ready(struct fixture *f)
{
	for (size_t i = 0; i < f->model.n_addrs; i++) {
		if (f->model.addrs[i].ifindex == f->ifindex &&
		    !f->model.addrs[i].is_tentative)
			return true; /* fe80::..., only with carrier */
	}
	return false;
}

static bool is_dad_failed(struct fixture *f)
{
	for (size_t i = 0; i < f->model.n_addrs; i++) {
		if (f->model.addrs[i].ifindex == f->ifindex &&
		    f->model.addrs[i].is_failed)
			return true;
	}
	return false;
}

static void a_duplicate_address_is_told_as_failed(void **state)
{
	struct fixture *f;

	start(&f, state, 0);
	sh("ip link add v0 type veth peer name v1");
	sh("ip link set v0 up && ip link set v1 up");
	f->ifindex = if_nametoindex("v0");
	until(f, is_link_ready);
	sh("ip addr add 2001:db8::1/64 dev v0 nodad");
	sh("ip addr add 2001:db8::1/64 dev v1");
	f->ifindex = if_nametoindex("v1");
	until(f, is_dad_failed);
	assert_int_equal(f->model.n_stales, 0);
}

/* --- overflow --- */

/* @n changes of lo's MTU in one process; @background: do not wait for it. */
static void mtu_storm(int n, bool background)
{
	sh("{ i=0; while [ $i -lt %d ]; do echo \"link set lo mtu $((2000 + i %% "
	   "900))\";"
	   " i=$((i + 1)); done | ip -batch -; } %s",
	   n, background ? "&" : "");
}

static void overflow_costs_a_dump_and_nothing_is_wrong(void **state)
{
	struct fixture *f;
	struct ab_rtnl_stats stats;

	start(&f, state, 4096);
	mtu_storm(300, false);
	sh("ip link add v0 type veth peer name v1"); /* lost, too */
	sync_events(f);
	ab_rtnl_stats(f->rtnl, &stats);
	assert_true(stats.n_overflows >= 1);
	assert_true(f->model.n_stales >= 1);
	assert_true(f->model.n_ends >= 2);
	assert_non_null(link_named(f, "v0"));
	assert_equals_fresh_dump(f);
}

static void what_went_during_an_overflow_is_swept(void **state)
{
	struct fixture *f;

	start(&f, state, 4096);
	sh("ip link add v0 type veth peer name v1 && ip addr add 192.0.2.1/24 dev v0");
	sync_events(f);
	assert_non_null(link_named(f, "v0"));
	mtu_storm(300, false);
	sh("ip link del v0");
	sync_events(f);
	assert_null(link_named(f, "v0"));
	assert_int_equal(f->model.n_addrs, 0);
	assert_equals_fresh_dump(f);
}

static bool is_lo_up(struct fixture *f)
{
	return is_fresh(f) && link_named(f, "lo")->is_up;
}

/* Devices come and go while dump after dump is spoilt by a queue of 4 KiB. */
static void overflows_during_dumps_end_in_a_clean_one(void **state)
{
	struct fixture *f;
	struct ab_rtnl_stats stats;

	start(&f, state, 4096);
	use_ipv6_without_dad();
	sh("{ i=0; while [ $i -lt 100 ]; do "
	   "echo link add a$i type veth peer name b$i; echo link set a$i up;"
	   "echo link set b$i up; echo addr add 10.0.$i.1/24 dev a$i;"
	   "[ $((i %% 3)) -ne 0 ] || echo link del a$i;"
	   "i=$((i + 1)); done; echo link set lo up; } | ip -batch - &");
	until(f, is_lo_up);
	assert_equals_fresh_dump(f);
	ab_rtnl_stats(f->rtnl, &stats);
	print_message("# %u dumps, %u of them not used, %u overflows\n",
		      (unsigned int)stats.n_dumps, (unsigned int)stats.n_unclean_dumps,
		      (unsigned int)stats.n_overflows);
	assert_true(stats.n_overflows >= 1);
	assert_int_equal(f->model.n_links, 1 + 2 * 66);
}

static double cpu_seconds(void)
{
	struct rusage u;

	assert_int_equal(getrusage(RUSAGE_SELF, &u), 0);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void ten_thousand_messages_diverge_in_nothing(void **state)
{
	struct fixture *f;
	struct ab_rtnl_stats stats;
	double cpu;

	start(&f, state, 0);
	cpu = cpu_seconds();
	mtu_storm(10000, true);
	sh("ip link set lo mtu 60000"); /* keeps sync_events() waiting for its mark */
	do {
		f->mtu = 4000 + f->heard.n_links;
		sync_events(f);
	} while (f->heard.n_links < 10000 && f->model.n_stales == 0);
	cpu = cpu_seconds() - cpu;
	assert_equals_fresh_dump(f);
	ab_rtnl_stats(f->rtnl, &stats);
	print_message("# %u messages, %.1f us of CPU each, %u dumps, %u overflows\n",
		      (unsigned int)stats.n_messages,
		      cpu * 1e6 / (double)stats.n_messages, (unsigned int)stats.n_dumps,
		      (unsigned int)stats.n_overflows);
	assert_true(stats.n_dumps <= 2);
}

static bool is_dumped_again(struct fixture *f)
{
	return f->model.n_ends == 2;
}

static void a_resync_dumps_without_being_stale(void **state)
{
	struct fixture *f;

	start(&f, state, 0);
	ab_rtnl_resync(f->rtnl);
	assert_int_equal(f->model.n_begins, 1);
	until(f, is_dumped_again);
	assert_int_equal(f->model.n_stales, 0);
	assert_equals_fresh_dump(f);
}

/* Something that happens in the wake-up in which the dump is asked for. */
struct meanwhile {
	struct ab_loop_timer *timer;
	const char *command;
};

static void on_meanwhile(void *arg)
{
	struct meanwhile *w = arg;

	sh("%s", w->command);
}

/* Timers of one wake-up fire in the order in which they were set; the monitor asks for
 * the dump in one of its own. */
static void resync_and(struct fixture *f, const char *before, const char *after)
{
	ab_mono past = ab_mono_ns(1);
	struct meanwhile w[2] = { { NULL, before }, { NULL, after } };

	for (int i = 0; i < 2; i++)
		assert_int_equal(
			ab_loop_timer_new(f->loop, on_meanwhile, &w[i], &w[i].timer),
			0);
	ab_loop_timer_set(w[0].timer, past);
	ab_rtnl_resync(f->rtnl);
	ab_loop_timer_set(w[1].timer, ab_clock_now());
	until(f, is_dumped_again);
	for (int i = 0; i < 2; i++)
		ab_loop_timer_free(w[i].timer);
}

/* The kernel writes the first part of a dump when it is asked for. */
static void what_goes_after_the_dump_was_written_does_not_come_back(void **state)
{
	struct fixture *f;

	start(&f, state, 0);
	sh("ip link add v0 type veth peer name v1 && ip addr add 192.0.2.1/24 dev v0");
	sync_events(f);
	assert_non_null(link_named(f, "v0"));
	resync_and(f, "true", "ip link del v0");
	assert_null(link_named(f, "v0"));
	assert_null(link_named(f, "v1"));
	assert_int_equal(f->model.n_addrs, 0);
	assert_equals_fresh_dump(f);
}

/* More notifications than are read in a wake-up are older than the dump. */
static void a_dump_is_not_told_before_what_is_older(void **state)
{
	struct fixture *f;
	unsigned int told;

	start(&f, state, 0);
	sh("ip link add v0 type veth peer name v1");
	sync_events(f);
	resync_and(
		f,
		"{ i=0; while [ $i -lt 5000 ]; do echo link set v0 mtu $((1300 + i));"
		"i=$((i + 1)); done; echo link set v0 mtu 1234; } | ip -batch -",
		"true");
	assert_int_equal(link_named(f, "v0")->mtu, 1234);
	told = f->heard.n_links;
	assert_true(told > 5000);
	sync_events(f);
	assert_in_range(f->heard.n_links, told + 1,
			told + 3); /* the mark of the sync */
}

/* --- routes --- */

static bool are_routes4_told(struct fixture *f)
{
	return f->heard.n_routes4 > 0;
}

static bool are_routes6_told(struct fixture *f)
{
	return f->heard.n_routes6 > 0;
}

static void change_of_routes_and_rules_is_told_by_family(void **state)
{
	struct fixture *f;

	start(&f, state, 0);
	/* Else its own routes come when the link gets carrier. */
	sh("echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6");
	sh("ip link add v0 type veth peer name v1");
	sh("ip link set v0 up && ip link set v1 up && ip addr add 192.0.2.1/24 dev v0");
	until(f, are_routes4_told);
	sync_events(f);
	f->heard = (struct heard){ 0 };
	sh("{ i=1; while [ $i -lt 200 ]; do echo route add 10.1.1.$i dev v0;"
	   "i=$((i + 1)); done; } | ip -batch -");
	until(f, are_routes4_told);
	sync_events(f);
	assert_in_range(f->heard.n_routes4, 1, 3); /* not one for each of the 199 */
	assert_int_equal(f->heard.n_routes6, 0);
	f->heard = (struct heard){ 0 };
	sh("ip -6 rule add to 2001:db8:5::/64 table 77");
	until(f, are_routes6_told);
	assert_int_equal(f->heard.n_routes4, 0);
	f->heard = (struct heard){ 0 };
	sh("ip rule add to 10.9.0.0/16 table 77");
	until(f, are_routes4_told);
	assert_int_equal(f->heard.n_routes6, 0);
}

static bool are_all_answered(struct fixture *f)
{
	return f->heard.n_verdicts == f->ifindex;
}

static void ask(struct fixture *f, uint64_t path, const char *dev, const char *text)
{
	struct ab_addr addr = { 0 };

	addr.family = strchr(text, ':') ? AF_INET6 : AF_INET;
	assert_int_equal(inet_pton(addr.family, text, addr.bytes), 1);
	assert_int_equal(ab_rtnl_route_check(f->rtnl, path, if_nametoindex(dev), &addr),
			 0);
}

static const struct {
	const char *what;
	const char *dev;
	const char *to;
	enum ab_route_verdict verdict;
} route_rows[] = {
	{ "on link", "v0", "192.0.2.9", AB_ROUTE_OK },
	{ "on link of another device", "w0", "192.0.2.9", AB_ROUTE_NONE },
	{ "through a gateway", "v0", "203.0.113.5", AB_ROUTE_OK },
	{ "a gateway of another device", "w0", "203.0.113.5", AB_ROUTE_NONE },
	{ "no route at all", "v0", "8.8.8.8", AB_ROUTE_NONE },
	{ "blackhole", "v0", "10.66.0.1", AB_ROUTE_NONE },
	{ "unreachable", "v0", "10.67.0.1", AB_ROUTE_NONE },
	{ "prohibit", "v0", "10.68.0.1", AB_ROUTE_NONE },
	{ "through the second of two devices", "w0", "10.70.0.1", AB_ROUTE_OK },
	{ "one of two hops of one route", "w0", "10.71.0.1", AB_ROUTE_OK },
	{ "the other hop of it", "v0", "10.71.0.1", AB_ROUTE_OK },
	{ "an address of our own", "v0", "192.0.2.1", AB_ROUTE_NONE },
	{ "a table chosen by a rule", "w0", "10.72.0.1", AB_ROUTE_OK },
	{ "that table, other device", "v0", "10.72.0.1", AB_ROUTE_NONE },
	{ "IPv6 on link", "v0", "2001:db8:1::9", AB_ROUTE_OK },
	{ "IPv6, on link of another device", "w0", "2001:db8:1::9", AB_ROUTE_NONE },
	{ "IPv6 through a gateway", "v0", "2001:db8:5::1", AB_ROUTE_OK },
	{ "IPv6, no route", "v0", "2001:db8:9::1", AB_ROUTE_NONE },
	{ "IPv6 blackhole", "v0", "2001:db8:66::1", AB_ROUTE_NONE },
	{ "IPv6 unreachable", "v0", "2001:db8:67::1", AB_ROUTE_NONE },
	{ "IPv6, one of two devices", "w0", "2001:db8:70::1", AB_ROUTE_OK },
	{ "IPv6, the other one", "v0", "2001:db8:70::1", AB_ROUTE_OK },
	{ "IPv6 link-local", "w0", "fe80::9", AB_ROUTE_OK },
	{ "IPv6 address of our own", "v0", "2001:db8:1::1", AB_ROUTE_NONE },
};

static void verdicts_are_the_kernels(void **state)
{
	size_t n = sizeof(route_rows) / sizeof(route_rows[0]);
	struct fixture *f;

	start(&f, state, 0);
	use_ipv6_without_dad();
	sh("ip link set lo up");
	sh("ip link add v0 type veth peer name v1 && ip link set v0 up && "
	   "ip link set v1 up && ip addr add 192.0.2.1/24 dev v0 && "
	   "ip addr add 2001:db8:1::1/64 dev v0");
	sh("ip link add w0 type veth peer name w1 && ip link set w0 up && "
	   "ip link set w1 up && ip addr add 198.51.100.1/24 dev w0");
	sh("ip route add 203.0.113.0/24 via 192.0.2.254 && "
	   "ip route add blackhole 10.66.0.0/24 && "
	   "ip route add unreachable 10.67.0.0/24 && "
	   "ip route add prohibit 10.68.0.0/24");
	sh("ip route add 10.70.0.0/24 via 192.0.2.254 metric 10 && "
	   "ip route add 10.70.0.0/24 via 198.51.100.254 metric 20 && "
	   "ip route add 10.71.0.0/24 nexthop via 192.0.2.254 "
	   "nexthop via 198.51.100.254");
	sh("ip route add 10.72.0.0/24 via 198.51.100.254 table 72 && "
	   "ip rule add to 10.72.0.0/24 table 72");
	sh("ip route add 2001:db8:5::/64 via 2001:db8:1::fe && "
	   "ip -6 route add blackhole 2001:db8:66::/64 && "
	   "ip -6 route add unreachable 2001:db8:67::/64 && "
	   "ip route add 2001:db8:70::/64 dev v0 metric 10 && "
	   "ip route add 2001:db8:70::/64 dev w0 metric 20");
	for (size_t i = 0; i < n; i++)
		ask(f, i, route_rows[i].dev, route_rows[i].to);
	f->ifindex = (uint32_t)n;
	until(f, are_all_answered);
	for (size_t i = 0; i < n; i++) {
		if (f->heard.verdicts[i] != route_rows[i].verdict)
			fail_msg("%s: verdict %d", route_rows[i].what,
				 f->heard.verdicts[i]);
		assert_int_equal(f->heard.answers[i], 1);
	}
}

static void every_question_is_answered_once_and_the_last_counts(void **state)
{
	struct fixture *f;

	start(&f, state, 0);
	sh("ip link add v0 type veth peer name v1 && ip link set v0 up && "
	   "ip link set v1 up && ip addr add 192.0.2.1/24 dev v0");
	for (unsigned int i = 0; i < 256; i++)
		ask(f, i, "v0", "8.8.8.8");
	for (unsigned int i = 0; i < 256; i += 2)
		ask(f, i, "v0", "192.0.2.7");
	assert_int_equal(f->heard.n_verdicts, 0);
	f->ifindex = 256;
	until(f, are_all_answered);
	ask(f, 0, "v0", "192.0.2.7"); /* would be behind a second answer to any */
	f->ifindex = 257;
	until(f, are_all_answered);
	for (unsigned int i = 0; i < 256; i++) {
		assert_int_equal(f->heard.answers[i], i == 0 ? 2 : 1);
		assert_int_equal(f->heard.verdicts[i],
				 i % 2 ? AB_ROUTE_NONE : AB_ROUTE_OK);
	}
}

static void renew_the_fifteenth(struct fixture *f)
{
	f->on_verdict = NULL;
	ask(f, 15, "v0", "192.0.2.7");
}

static void a_question_renewed_under_way_has_the_answer_to_the_last(void **state)
{
	struct fixture *f;

	start(&f, state, 0);
	sh("ip link add v0 type veth peer name v1 && ip link set v0 up && "
	   "ip link set v1 up && ip addr add 192.0.2.1/24 dev v0");
	for (unsigned int i = 0; i < 16; i++)
		ask(f, i, "v0", "8.8.8.8");
	f->on_verdict = renew_the_fifteenth; /* all are sent when one is answered */
	f->ifindex = 16;
	until(f, are_all_answered);
	assert_int_equal(f->heard.verdicts[14], AB_ROUTE_NONE);
	assert_int_equal(f->heard.answers[15], 1);
	assert_int_equal(f->heard.verdicts[15], AB_ROUTE_OK);
}

static void a_route_by_a_device_that_is_gone_is_none(void **state)
{
	struct ab_addr addr = { .family = AF_INET, .bytes = { 192, 0, 2, 7 } };
	struct fixture *f;

	start(&f, state, 0);
	assert_int_equal(ab_rtnl_route_check(f->rtnl, 1, 4711, &addr), 0);
	addr.family = AF_INET6;
	assert_int_equal(ab_rtnl_route_check(f->rtnl, 2, 4711, &addr), 0);
	f->ifindex = 2;
	until(f, are_all_answered);
	assert_int_equal(f->heard.verdicts[1], AB_ROUTE_NONE);
	assert_int_equal(f->heard.verdicts[2], AB_ROUTE_NONE);
}

/* --- neighbours --- */

static bool is_neigh_failed(struct fixture *f)
{
	return f->heard.n_failed == 1;
}

static bool is_neigh_back(struct fixture *f)
{
	return f->heard.n_unfailed == 1;
}

static void only_edges_of_failed_neighbours_are_told(void **state)
{
	static const uint8_t want[4] = { 192, 0, 2, 9 };
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
	struct fixture *f;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	close(fd); /* it would keep the namespace that is left now */
	start(&f, state, 0);
	sh("ip link add v0 type veth peer name v1 && ip link set v0 up && "
	   "ip link set v1 up && ip addr add 192.0.2.1/24 dev v0");
	sh("echo 20 > /proc/sys/net/ipv4/neigh/v0/retrans_time_ms");
	sh("ip neigh add 192.0.2.8 lladdr 02:00:00:00:00:08 dev v0 nud reachable");
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(inet_pton(AF_INET, "192.0.2.9", &to.sin_addr), 1);
	assert_int_equal(sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)), 1);
	until(f, is_neigh_failed);
	assert_int_equal(f->heard.neigh.family, AF_INET);
	assert_memory_equal(f->heard.neigh.bytes, want, 4);
	close(fd);
	sh("ip neigh replace 192.0.2.9 lladdr 02:00:00:00:00:09 dev v0");
	until(f, is_neigh_back);
	sync_events(f);
	assert_int_equal(f->heard.n_failed, 1);
	assert_int_equal(f->heard.n_unfailed, 1);
}

static void churn_that_overflows_asks_again_and_leaves_links_fresh(void **state)
{
	struct ab_rtnl_stats stats;
	struct fixture *f;

	start(&f, state, 4096);
	sh("echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6");
	sh("ip link add v0 type veth peer name v1 && ip link set v0 up && "
	   "ip link set v1 up && ip addr add 192.0.2.1/24 dev v0");
	sync_events(f);
	f->heard = (struct heard){ 0 };
	f->model.n_stales = 0;
	sh("{ i=1; while [ $i -lt 200 ]; do echo route add 10.1.1.$i dev v0;"
	   "i=$((i + 1)); done; } | ip -batch -");
	sync_events(f);
	until(f, are_routes6_told); /* nobody knows what was lost */
	ab_rtnl_stats(f->rtnl, &stats);
	assert_true(stats.n_churn_overflows >= 1);
	assert_true(f->heard.n_routes4 >= 1);
	assert_int_equal(f->model.n_stales, 0);
}

/* --- pure parsing --- */

static void what_is_no_message_is_refused(void **state)
{
	_Alignas(4) unsigned char bytes[64] = { 0 };
	struct nlmsghdr *h = (struct nlmsghdr *)bytes;
	enum ab_route_verdict verdict;
	struct ab_event ev;

	(void)state;
	assert_int_equal(ab_rtnl_parse(h, 3, &ev), AB_RTNL_E_MALFORMED);
	h->nlmsg_type = RTM_NEWLINK;
	for (uint32_t n = 0; n < sizeof(struct nlmsghdr) + sizeof(struct ifinfomsg);
	     n++) {
		h->nlmsg_len = n;
		assert_int_equal(ab_rtnl_parse(h, n, &ev), AB_RTNL_E_MALFORMED);
	}
	h->nlmsg_len = 4096; /* longer than what is there */
	assert_int_equal(ab_rtnl_parse(h, sizeof(bytes), &ev), AB_RTNL_E_MALFORMED);
	h->nlmsg_len = sizeof(bytes);
	h->nlmsg_type = RTM_NEWTFILTER;
	assert_int_equal(ab_rtnl_parse(h, sizeof(bytes), &ev), AB_RTNL_E_IGNORED);
	h->nlmsg_type = RTM_NEWLINK; /* ifindex 0, no name */
	assert_int_equal(ab_rtnl_parse(h, sizeof(bytes), &ev), AB_RTNL_E_MALFORMED);
	assert_int_equal(ab_rtnl_parse_verdict(h, sizeof(bytes), 1, &verdict),
			 AB_RTNL_E_MALFORMED);
}

static void each_error_of_a_route_question_has_its_verdict(void **state)
{
	static const struct {
		int error;
		enum ab_route_verdict verdict;
	} rows[] = {
		{ -ENETUNREACH, AB_ROUTE_NONE },   { -EHOSTUNREACH, AB_ROUTE_NONE },
		{ -EACCES, AB_ROUTE_NONE },	   { -EINVAL, AB_ROUTE_NONE },
		{ -ENODEV, AB_ROUTE_NONE },	   { -ENOBUFS, AB_ROUTE_UNKNOWN },
		{ -EOPNOTSUPP, AB_ROUTE_UNKNOWN }, { -EPERM, AB_ROUTE_UNKNOWN },
	};
	struct {
		struct nlmsghdr h;
		struct nlmsgerr e;
	} msg = { .h = { .nlmsg_len = sizeof(msg), .nlmsg_type = NLMSG_ERROR } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum ab_route_verdict verdict = AB_ROUTE_OK;

		msg.e.error = rows[i].error;
		assert_int_equal(
			ab_rtnl_parse_verdict(&msg.h, sizeof(msg), 1, &verdict), 0);
		assert_int_equal(verdict, rows[i].verdict);
	}
}

#define RTNL_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_message_is_refused),
		cmocka_unit_test(each_error_of_a_route_question_has_its_verdict),
		RTNL_TEST(the_first_dump_shows_what_exists),
		RTNL_TEST(a_device_appears_is_renamed_and_goes),
		RTNL_TEST(carrier_and_admin_state_are_followed),
		RTNL_TEST(recreated_under_its_name_it_is_another_device),
		RTNL_TEST(kinds_lower_and_master_are_told),
		RTNL_TEST(a_port_that_leaves_a_bridge_is_not_gone),
		RTNL_TEST(moved_to_another_namespace_it_is_gone),
		RTNL_TEST(addresses_come_move_and_go),
		RTNL_TEST(a_tentative_address_becomes_ready),
		RTNL_TEST(a_duplicate_address_is_told_as_failed),
		RTNL_TEST(overflow_costs_a_dump_and_nothing_is_wrong),
		RTNL_TEST(what_went_during_an_overflow_is_swept),
		RTNL_TEST(overflows_during_dumps_end_in_a_clean_one),
		RTNL_TEST(ten_thousand_messages_diverge_in_nothing),
		RTNL_TEST(a_resync_dumps_without_being_stale),
		RTNL_TEST(what_goes_after_the_dump_was_written_does_not_come_back),
		RTNL_TEST(a_dump_is_not_told_before_what_is_older),
		RTNL_TEST(change_of_routes_and_rules_is_told_by_family),
		RTNL_TEST(verdicts_are_the_kernels),
		RTNL_TEST(every_question_is_answered_once_and_the_last_counts),
		RTNL_TEST(a_question_renewed_under_way_has_the_answer_to_the_last),
		RTNL_TEST(a_route_by_a_device_that_is_gone_is_none),
		RTNL_TEST(only_edges_of_failed_neighbours_are_told),
		RTNL_TEST(churn_that_overflows_asks_again_and_leaves_links_fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
