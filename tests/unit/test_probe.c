/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The prober against real kernels: this process in a namespace of its own, peers in
 * others, veth pairs between them. a0 and b0 are our ends, p0 and p1 the peers'.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/name.h"
#include "io/clock.h"
#include "io/ping.h"
#include "io/probe.h"
#include "io/probe_tcp.h"
#include "ab_netns.h"

#define EVENTS 4096
#define DEADLINE_MS 10000 /* of every wait: far above what any of them takes */
#define PORT 3260

/* Stands in for the echo of a peer's kernel: see open_responder(). */
struct responder {
	struct ab_loop_fd *handle;
	int fd; /* raw ICMP in peer 0 */
	int trick;
	uint8_t kept[128];
	size_t n_kept;
	unsigned int n_seen;
};

struct net {
	struct responder responder;
	int peers[2];
	struct ab_loop *loop;
	struct ab_loop_timer *deadline;
	struct ab_probe *probe;
	struct ab_event events[EVENTS];
	unsigned int n, taken, wanted;
	bool is_over; /* the deadline has come */
	void (*hook)(struct net *net, const struct ab_event *ev);
};

/* --- the fixture -------------------------------------------------------------------
 */

static void on_event(void *arg, const struct ab_event *ev)
{
	struct net *net = arg;

	assert_int_equal(ev->type, AB_EV_PROBE);
	if (net->n < EVENTS)
		net->events[net->n++] = *ev;
	if (net->hook)
		net->hook(net, ev);
	if (net->n >= net->wanted)
		ab_loop_stop(net->loop);
}

static void on_deadline(void *arg)
{
	struct net *net = arg;

	net->is_over = true;
	ab_loop_stop(net->loop);
}

/* Runs until @n events are there in all, or @ms have passed. */
static bool run_until(struct net *net, unsigned int n, int64_t ms)
{
	net->wanted = n;
	net->is_over = false;
	ab_loop_timer_set(net->deadline, ab_mono_add_ms(ab_clock_now(), ms));
	if (net->n < n)
		assert_int_equal(ab_loop_run(net->loop), 0);
	return !net->is_over;
}

/* The first one that was not taken yet. */
static const struct ab_event *next_event(struct net *net)
{
	if (!run_until(net, net->taken + 1, DEADLINE_MS))
		fail_msg("no event within %d ms", DEADLINE_MS);
	return &net->events[net->taken++];
}

/* Is there silence for @ms? */
static bool is_silent(struct net *net, int64_t ms)
{
	return net->taken == net->n && !run_until(net, net->n + 1, ms);
}

static void forget(struct net *net)
{
	net->n = net->taken = 0;
}

static struct ab_probe_config config_with_key(void)
{
	struct ab_probe_config config = { 0 };

	assert_int_equal(getrandom(&config.key, sizeof(config.key), 0),
			 sizeof(config.key));
	return config;
}

static void open_probe(struct net *net, const struct ab_probe_config *config)
{
	net->probe = ab_probe_free(net->probe);
	assert_int_equal(ab_probe_new(net->loop, config, on_event, net, &net->probe),
			 0);
}

static int setup(void **state)
{
	struct ab_probe_config config = config_with_key();
	struct net *net = calloc(1, sizeof(*net));

	*state = net;
	if (!netns_unshare())
		return 0; /* each test skips */
	net->peers[0] = netns_new();
	net->peers[1] = netns_new();
	netns_run(-1, "ip link set lo up; sysctl -qw net.ipv4.conf.all.rp_filter=0 "
		      "net.ipv4.conf.default.rp_filter=0");
	for (int i = 0; i < 2; i++) {
		char dev = "ab"[i];

		netns_run(-1,
			  "ip link add %c0 type veth peer name p%d netns "
			  "/proc/self/fd/%d; ip link set %c0 up",
			  dev, i, net->peers[i], dev);
		netns_run(net->peers[i],
			  "sysctl -qw net.ipv4.conf.all.rp_filter=0 "
			  "net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0; "
			  "ip link set lo up; ip link set p%d up",
			  i);
	}
	assert_int_equal(ab_loop_new(&net->loop), 0);
	assert_int_equal(ab_loop_timer_new(net->loop, on_deadline, net, &net->deadline),
			 0);
	open_probe(net, &config);
	return 0;
}

static int teardown(void **state)
{
	struct net *net = *state;

	if (net->loop) {
		ab_probe_free(net->probe);
		if (net->responder.handle)
			close(net->responder.fd);
		ab_loop_fd_free(net->responder.handle);
		ab_loop_timer_free(net->deadline);
		ab_loop_free(net->loop);
		close(net->peers[0]);
		close(net->peers[1]);
	}
	free(net);
	return 0;
}

static struct net *net_of(void **state)
{
	struct net *net = *state;

	if (!net->loop)
		skip(); /* no privilege for namespaces */
	return net;
}

/* 10.7.0.1 on a0, 10.7.0.2 on b0, and 10.7.0.9 on the other end of each. */
static void address_all(struct net *net)
{
	netns_run(-1, "ip addr add 10.7.0.1/24 dev a0; ip addr add 10.7.0.2/24 dev b0");
	netns_run(net->peers[0], "ip addr add 10.7.0.9/24 dev p0");
	netns_run(net->peers[1], "ip addr add 10.7.0.9/24 dev p1");
}

static struct ab_effect path(uint64_t id, const char *dev, const char *addr)
{
	struct ab_effect e = { .type = AB_EF_PROBE_SET };

	e.probe.path = id;
	e.probe.ifindex = if_nametoindex(dev);
	(void)ab_copy(e.probe.netdev, sizeof(e.probe.netdev), dev);
	assert_int_equal(ab_name_parse_addr(addr, &e.probe.portal.addr), 0);
	e.probe.portal.port = PORT;
	e.probe.method = AB_PROBE_ICMP;
	e.probe.burst = 1;
	e.probe.interval_ms = 60000; /* one round, unless a test says otherwise */
	e.probe.timeout_ms = 1000;
	return e;
}

static void set(struct net *net, const struct ab_effect *e)
{
	assert_int_equal(ab_probe_set(net->probe, e), 0);
}

static void clear(struct net *net, uint64_t id)
{
	struct ab_effect e = { .type = AB_EF_PROBE_CLEAR };

	e.probe.path = id;
	set(net, &e);
}

/* Probes once, from nothing. */
static const struct ab_event *once(struct net *net, const struct ab_effect *e)
{
	clear(net, e->probe.path);
	set(net, e);
	return next_event(net);
}

static struct ab_probe_counters counters(struct net *net)
{
	struct ab_probe_counters c;

	ab_probe_counters(net->probe, &c);
	return c;
}

#define assert_result(ev, wanted_result, wanted_error)                                 \
	do {                                                                           \
		const struct ab_event *got = (ev);                                     \
                                                                                       \
		assert_int_equal(got->probe.result, wanted_result);                    \
		assert_int_equal(got->probe.error, wanted_error);                      \
	} while (0)

static int tcp_socket_in(int ns, uint16_t port, int backlog)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int here = netns_current();
	int fd;

	netns_enter(ns);
	fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0); /* takes IPv4, too */
	netns_enter(here);
	close(here);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&in6, sizeof(in6)), 0);
	assert_int_equal(listen(fd, backlog), 0);
	return fd;
}

/* --- through exactly this device ----------------------------------------------------
 */

static void answers_through_the_device_that_was_told(void **state)
{
	struct net *net = net_of(state);
	struct ab_effect a, b;
	const struct ab_event *ev;

	netns_run(-1, "ip addr add 10.7.0.1/24 dev a0; ip addr add 10.7.0.2/24 dev b0");
	netns_run(net->peers[0], "ip addr add 10.7.0.9/24 dev p0");
	netns_run(net->peers[1], "ip addr add 10.7.0.8/24 dev p1");
	a = path(1, "a0", "10.7.0.9");
	b = path(2, "b0", "10.7.0.9");
	b.probe.timeout_ms = 300;
	ev = once(net, &a);
	assert_result(ev, AB_PROBE_ANSWER, 0);
	assert_int_equal(ev->probe.path, 1);
	assert_int_equal(ev->probe.seq, 1);
	assert_int_equal(ev->probe.method, AB_PROBE_ICMP);
	assert_int_equal(ev->probe.arrival, a.probe.ifindex);
	assert_in_range(ev->probe.rtt_us, 1, 900000);
	assert_result(once(net, &b), AB_PROBE_LOST, 0);

	/* The same address in both places: each device reaches its own. */
	netns_run(net->peers[1], "ip addr add 10.7.0.9/24 dev p1");
	netns_run(-1, "ip neigh flush all");
	b.probe.timeout_ms = 1000;
	assert_int_equal(once(net, &a)->probe.arrival, a.probe.ifindex);
	ev = once(net, &b);
	assert_result(ev, AB_PROBE_ANSWER, 0);
	assert_int_equal(ev->probe.arrival, b.probe.ifindex);

	/* And the other way round. */
	netns_run(net->peers[0], "ip addr del 10.7.0.9/24 dev p0");
	a.probe.timeout_ms = 300;
	assert_result(once(net, &a), AB_PROBE_LOST, 0);
	assert_result(once(net, &b), AB_PROBE_ANSWER, 0);
}

static void answer_by_another_device_is_wrong_device(void **state)
{
	struct net *net = net_of(state);
	struct ab_effect e;
	const struct ab_event *ev;

	/* One peer holds both ends and answers by the other one. */
	netns_run(net->peers[1], "ip link set p1 netns /proc/self/fd/%d",
		  net->peers[0]);
	netns_run(net->peers[0], "ip link set p1 up");
	netns_run(-1, "ip addr add 10.7.0.1/24 dev a0; ip addr add 10.8.0.1/24 dev b0");
	netns_run(net->peers[0], "ip addr add 10.7.0.9/24 dev p0; "
				 "ip addr add 10.8.0.9/24 dev p1; "
				 "ip route add 10.7.0.1/32 via 10.8.0.1 dev p1");
	e = path(1, "a0", "10.7.0.9");
	ev = once(net, &e);
	assert_result(ev, AB_PROBE_WRONG_DEVICE, 0);
	assert_int_equal(ev->probe.arrival, if_nametoindex("b0"));
	assert_int_equal(counters(net).answers, 0);

	netns_run(net->peers[0], "ip route del 10.7.0.1/32 via 10.8.0.1 dev p1");
	assert_result(once(net, &e), AB_PROBE_ANSWER, 0);
}

/* Why the engine must not ask for such a path, and why ab_ping_run() looks first. */
static void device_without_address_borrows_one(void **state)
{
	struct net *net = net_of(state);
	struct ab_ping_options o = { .ifname = "b0",
				     .method = AB_PROBE_ICMP,
				     .count = 1,
				     .interval_ms = 1000,
				     .timeout_ms = 1000 };
	struct ab_effect e;

	netns_run(-1, "ip addr add 10.7.0.1/24 dev a0");
	netns_run(net->peers[1], "ip addr add 10.8.0.9/24 dev p1; "
				 "ip route add 10.7.0.1/32 dev p1");
	e = path(1, "b0", "10.8.0.9");
	assert_result(once(net, &e), AB_PROBE_ANSWER, 0);
	o.portal = e.probe.portal;
	assert_int_equal(ab_ping_run(&o, NULL, NULL, NULL), AB_PING_E_NO_ADDRESS);
}

/* --- no answer ----------------------------------------------------------------------
 */

static void silence_is_lost_after_the_timeout(void **state)
{
	struct net *net = net_of(state);
	struct ab_effect e;
	ab_mono start;

	address_all(net);
	netns_run(net->peers[0], "sysctl -qw net.ipv4.icmp_echo_ignore_all=1");
	e = path(1, "a0", "10.7.0.9");
	e.probe.timeout_ms = 200;
	start = ab_clock_now();
	assert_result(once(net, &e), AB_PROBE_LOST, 0);
	assert_true(ab_mono_ms_between(start, ab_clock_now()) >= 200);
}

static void firewall_that_drops_there_is_lost_and_here_is_cannot_send(void **state)
{
	struct net *net = net_of(state);
	struct ab_effect e;

	address_all(net);
	e = path(1, "a0", "10.7.0.9");
	e.probe.timeout_ms = 200;
	netns_run(net->peers[0], "nft add table ip t; nft 'add chain ip t c "
				 "{ type filter hook input priority 0; }'; "
				 "nft add rule ip t c icmp type echo-request drop");
	assert_result(once(net, &e), AB_PROBE_LOST, 0);
	netns_run(-1, "nft add table ip t; nft 'add chain ip t c "
		      "{ type filter hook output priority 0; }'; "
		      "nft add rule ip t c oifname a0 drop");
	assert_result(once(net, &e), AB_PROBE_CANNOT_SEND, EPERM);
	/* Only what goes by that device is refused: the batch goes on. */
	e = path(2, "b0", "10.7.0.9");
	assert_result(once(net, &e), AB_PROBE_ANSWER, 0);
}

static void firewall_that_rejects_is_refused(void **state)
{
	struct net *net = net_of(state);
	struct ab_effect e;
	const struct ab_event *ev;

	address_all(net);
	netns_run(-1, "ip addr add fd07::1/64 dev a0 nodad");
	netns_run(net->peers[0],
		  "ip addr add fd07::9/64 dev p0 nodad; nft add table inet t; "
		  "nft 'add chain inet t c { type filter hook input priority 0; }'; "
		  "nft add rule inet t c icmp type echo-request reject with icmp type "
		  "admin-prohibited; "
		  "nft add rule inet t c icmpv6 type echo-request reject with icmpv6 "
		  "type addr-unreachable");
	e = path(1, "a0", "10.7.0.9");
	ev = once(net, &e);
	assert_result(ev, AB_PROBE_REFUSED, EHOSTUNREACH);
	assert_int_equal(ev->probe.arrival, e.probe.ifindex);
	e = path(2, "a0", "fd07::9");
	assert_result(once(net, &e), AB_PROBE_REFUSED, EHOSTUNREACH);
	assert_int_equal(counters(net).forged, 0);
}

static void neighbour_that_fails_is_cannot_send(void **state)
{
	struct net *net = net_of(state);
	struct ab_effect e;

	address_all(net);
	netns_run(-1, "ip addr add fd07::1/64 dev a0 nodad; "
		      "sysctl -qw net.ipv4.neigh.a0.mcast_solicit=1 "
		      "net.ipv4.neigh.a0.retrans_time_ms=50 "
		      "net.ipv6.neigh.a0.mcast_solicit=1 "
		      "net.ipv6.neigh.a0.retrans_time_ms=50");
	e = path(1, "a0", "10.7.0.77"); /* nobody has it */
	e.probe.timeout_ms = 5000;
	assert_result(once(net, &e), AB_PROBE_CANNOT_SEND, EHOSTUNREACH);
	e = path(2, "a0", "fd07::77");
	e.probe.timeout_ms = 5000;
	assert_result(once(net, &e), AB_PROBE_CANNOT_SEND, EHOSTUNREACH);
}

static void carrier_that_goes_and_comes_is_seen(void **state)
{
	struct net *net = net_of(state);
	struct ab_effect e;

	address_all(net);
	e = path(1, "a0", "10.7.0.9");
	e.probe.interval_ms = 100;
	e.probe.timeout_ms = 100;
	set(net, &e);
	assert_result(next_event(net), AB_PROBE_ANSWER, 0);
	netns_run(net->peers[0], "ip link set p0 down");
	while (next_event(net)->probe.result == AB_PROBE_ANSWER)
		;
	assert_result(next_event(net), AB_PROBE_LOST, 0);
	netns_run(net->peers[0], "ip link set p0 up");
	while (next_event(net)->probe.result != AB_PROBE_ANSWER)
		;
	netns_run(-1, "ip link set a0 down");
	while (next_event(net)->probe.result == AB_PROBE_ANSWER)
		;
	assert_result(next_event(net), AB_PROBE_CANNOT_SEND, ENETUNREACH);
}

/* --- devices come and go ------------------------------------------------------------
 */

static void device_that_goes_while_probing_is_cannot_send(void **state)
{
	struct net *net = net_of(state);
	struct ab_effect e[3];
	uint32_t old = if_nametoindex("a0");
	int fd = tcp_socket_in(net->peers[0], PORT, 16);

	address_all(net);
	netns_run(-1, "ip addr add fd07::1/64 dev a0 nodad");
	netns_run(net->peers[0], "ip addr add fd07::9/64 dev p0 nodad");
	e[0] = path(1, "a0", "10.7.0.9");
	e[1] = path(2, "a0", "fd07::9");
	e[2] = path(3, "a0", "10.7.0.9");
	e[2].probe.method = AB_PROBE_TCP;
	for (int i = 0; i < 3; i++)
		assert_result(once(net, &e[i]), AB_PROBE_ANSWER, 0);
	netns_run(-1, "ip link del a0");
	for (int i = 0; i < 3; i++)
		assert_result(once(net, &e[i]), AB_PROBE_CANNOT_SEND, ENODEV);

	/* It comes again under its name with another index: the same path is told. */
	netns_run(-1,
		  "ip link add a0 type veth peer name p0 netns /proc/self/fd/%d; "
		  "ip link set a0 up; ip addr add 10.7.0.1/24 dev a0",
		  net->peers[0]);
	netns_run(net->peers[0], "ip link set p0 up; ip addr add 10.7.0.9/24 dev p0");
	assert_int_not_equal(if_nametoindex("a0"), old);
	e[0].probe.ifindex = if_nametoindex("a0");
	set(net, &e[0]);
	assert_result(next_event(net), AB_PROBE_ANSWER, 0);
	assert_int_equal(net->events[net->taken - 1].probe.seq, 2);
	close(fd);
}

/* --- IPv6 ---------------------------------------------------------------------------
 */

static void ipv6_answers_when_its_address_is_no_longer_tentative(void **state)
{
	struct net *net = net_of(state);
	struct ab_effect e;
	const struct ab_event *ev;

	netns_run(net->peers[0], "ip addr add fd07::9/64 dev p0 nodad");
	netns_run(-1, "sysctl -qw net.ipv6.conf.a0.addr_gen_mode=1; "
		      "ip -6 addr flush dev a0 scope link; ip link set b0 down; "
		      "ip addr add fd07::1/64 dev a0");
	e = path(1, "a0", "fd07::9");
	e.probe.interval_ms = 200;
	e.probe.timeout_ms = 200;
	set(net, &e);
	/* The kernel sends it with ::1 for a source as long as there is nothing better.
	 */
	assert_int_not_equal(next_event(net)->probe.result, AB_PROBE_ANSWER);
	do {
		ev = next_event(net);
	} while (ev->probe.result != AB_PROBE_ANSWER);
	assert_int_equal(ev->probe.arrival, e.probe.ifindex);
	assert_in_range(ev->probe.rtt_us, 1, 1000000);
}

static void ipv6_link_local_portal_is_that_of_the_device(void **state)
{
	struct net *net = net_of(state);
	struct ab_effect e;

	netns_run(-1, "ip addr add fe80::1/64 dev a0 nodad; "
		      "ip addr add fe80::1/64 dev b0 nodad");
	netns_run(net->peers[1], "ip addr add fe80::9/64 dev p1 nodad");
	e = path(1, "b0", "fe80::9");
	assert_result(once(net, &e), AB_PROBE_ANSWER, 0);
	e = path(2, "a0", "fe80::9");
	e.probe.timeout_ms = 200;
	assert_result(once(net, &e), AB_PROBE_LOST, 0);
}

/* --- TCP ----------------------------------------------------------------------------
 */

static void tcp_connect_is_answered_refused_or_lost(void **state)
{
	struct net *net = net_of(state);
	struct ab_effect e;
	const struct ab_event *ev;
	int fd, conn;
	char c;

	address_all(net);
	e = path(1, "a0", "10.7.0.9");
	e.probe.method = AB_PROBE_TCP;
	assert_result(once(net, &e), AB_PROBE_REFUSED, ECONNREFUSED);
	assert_int_equal(net->events[0].probe.method, AB_PROBE_TCP);

	fd = tcp_socket_in(net->peers[0], PORT, 16);
	ev = once(net, &e);
	assert_result(ev, AB_PROBE_ANSWER, 0);
	assert_in_range(ev->probe.rtt_us, 1, 900000);
	conn = accept(fd, NULL, NULL);
	assert_true(conn >= 0);
	assert_int_equal(read(conn, &c, 1), -1); /* aborted: nothing is left open */
	assert_int_equal(errno, ECONNRESET);
	close(conn);

	netns_run(net->peers[0], "nft add table ip t; nft 'add chain ip t c "
				 "{ type filter hook input priority 0; }'; "
				 "nft add rule ip t c tcp dport 3260 drop");
	e.probe.timeout_ms = 200;
	assert_result(once(net, &e), AB_PROBE_LOST, 0);
	netns_run(net->peers[0],
		  "nft flush chain ip t c; nft add rule ip t c tcp dport "
		  "3260 reject with icmp type admin-prohibited");
	assert_result(once(net, &e), AB_PROBE_REFUSED, EHOSTUNREACH);
	netns_run(-1, "nft add table ip t; nft 'add chain ip t c "
		      "{ type filter hook output priority 0; }'; "
		      "nft add rule ip t c tcp dport 3260 drop");
	e.probe.timeout_ms = 300;
	assert_int_not_equal(once(net, &e)->probe.result, AB_PROBE_ANSWER);
	assert_int_equal(counters(net).connects_open, 0);
	close(fd);
}

static void tcp_goes_through_the_device_that_was_told(void **state)
{
	struct net *net = net_of(state);
	struct ab_effect e;
	int fd = tcp_socket_in(net->peers[1], PORT, 16);

	address_all(net);
	netns_run(-1, "ip addr add fd07::2/64 dev b0 nodad");
	netns_run(net->peers[1], "ip addr add fd07::9/64 dev p1 nodad");
	e = path(1, "a0", "10.7.0.9");
	e.probe.method = AB_PROBE_TCP;
	assert_result(once(net, &e), AB_PROBE_REFUSED, ECONNREFUSED);
	e = path(2, "b0", "10.7.0.9");
	e.probe.method = AB_PROBE_TCP;
	assert_result(once(net, &e), AB_PROBE_ANSWER, 0);
	assert_int_equal(net->events[net->taken - 1].probe.arrival, e.probe.ifindex);
	e = path(3, "b0", "fd07::9");
	e.probe.method = AB_PROBE_TCP;
	assert_result(once(net, &e), AB_PROBE_ANSWER, 0);
	close(fd);
}

static void tcp_with_a_full_backlog_is_lost(void **state)
{
	struct net *net = net_of(state);
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	struct pollfd out = { .events = POLLOUT };
	struct ab_effect e;
	int fill[8];
	int fd;

	address_all(net);
	netns_run(net->peers[0], "sysctl -qw net.ipv4.tcp_syncookies=0");
	fd = tcp_socket_in(net->peers[0], PORT, 0);
	to.sin_addr.s_addr = inet_addr("10.7.0.9");
	for (int i = 0; i < 8; i++) {
		fill[i] =
			socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		(void)connect(fill[i], (struct sockaddr *)&to, sizeof(to));
		out.fd = fill[i];
		(void)poll(&out, 1, 100); /* until one is no longer taken */
	}
	e = path(1, "a0", "10.7.0.9");
	e.probe.method = AB_PROBE_TCP;
	e.probe.timeout_ms = 300;
	assert_result(once(net, &e), AB_PROBE_LOST, 0);
	for (int i = 0; i < 8; i++)
		close(fill[i]);
	close(fd);
}

/* After the fourth: the first path that has no result, be it waiting or under way. */
static void hook_clears_one(struct net *net, const struct ab_event *ev)
{
	uint64_t id = 0;

	(void)ev;
	if (net->n != 4)
		return;
	for (unsigned int i = 0; i < net->n; i++)
		if (net->events[i].probe.path == id) {
			id++;
			i = UINT_MAX; /* from the start */
		}
	clear(net, id);
}

static void tcp_connects_never_exceed_their_cap(void **state)
{
	struct net *net = net_of(state);
	struct ab_probe_config config = config_with_key();
	struct ab_effect e;
	bool seen[12] = { false };

	config.connect_max = 3;
	open_probe(net, &config);
	address_all(net);
	netns_run(net->peers[0], "nft add table ip t; nft 'add chain ip t c "
				 "{ type filter hook input priority 0; }'; "
				 "nft add rule ip t c tcp dport 3260 drop");
	for (uint64_t i = 0; i < 12; i++) {
		e = path(i, "a0", "10.7.0.9");
		e.probe.method = AB_PROBE_TCP;
		e.probe.timeout_ms = 200;
		set(net, &e);
	}
	net->hook = hook_clears_one;
	for (unsigned int i = 0; i < 11; i++) {
		const struct ab_event *ev = next_event(net);

		assert_result(ev, AB_PROBE_LOST, 0);
		assert_false(seen[ev->probe.path]);
		seen[ev->probe.path] = true;
		assert_true(counters(net).connects_open <= 3);
	}
	assert_int_equal(counters(net).waiting, 0);
	assert_int_equal(counters(net).connects_open, 0);
	assert_int_equal(counters(net).paths, 11);
}

static void clearing_a_path_lets_the_next_one_connect(void **state)
{
	struct net *net = net_of(state);
	struct ab_probe_config config = config_with_key();
	struct ab_effect e;

	config.connect_max = 1;
	open_probe(net, &config);
	address_all(net);
	netns_run(net->peers[0], "nft add table ip t; nft 'add chain ip t c "
				 "{ type filter hook input priority 0; }'; "
				 "nft add rule ip t c tcp dport 3260 drop");
	e = path(1, "a0", "10.7.0.9");
	e.probe.method = AB_PROBE_TCP;
	e.probe.timeout_ms = 60000;
	set(net, &e);
	while (!counters(net).connects_open)
		(void)run_until(net, 1, 50);
	e.probe.path = 2;
	e.probe.timeout_ms = 200;
	set(net, &e);
	while (!counters(net).waiting)
		(void)run_until(net, 1, 50);
	clear(net, 1);
	assert_int_equal(net->n, 0); /* never from within ab_probe_set() */
	assert_int_equal(next_event(net)->probe.path, 2);
}

struct tcp_pair {
	struct ab_tcp *tcp;
	uint16_t connects[2];
	uint32_t ifindex;
	struct ab_portal silent;
	unsigned int n;
};

/* Both are refused in one round: the first one's callback gives the other's place to a
 * connect that gets no answer. */
static void on_pair(void *arg, uint32_t token, const struct ab_tcp_outcome *o)
{
	struct tcp_pair *pair = arg;
	struct ab_tcp_outcome over;

	assert_int_equal(o->result, AB_PROBE_REFUSED);
	assert_int_equal(pair->n++, 0);
	ab_tcp_cancel(pair->tcp, pair->connects[!token]);
	assert_int_equal(ab_tcp_start(pair->tcp, pair->ifindex, &pair->silent, 7,
				      &pair->connects[!token], &over),
			 0);
}

static void event_of_a_former_connect_is_not_taken_for_the_new_one(void **state)
{
	struct net *net = net_of(state);
	struct tcp_pair pair = { .ifindex = if_nametoindex("a0") };
	struct ab_tcp_outcome over;
	struct ab_effect e;

	address_all(net);
	netns_run(net->peers[0], "nft add table ip t; nft 'add chain ip t c "
				 "{ type filter hook input priority 0; }'; "
				 "nft add rule ip t c tcp dport 3261 drop");
	e = path(1, "a0", "10.7.0.9");
	pair.silent = e.probe.portal;
	pair.silent.port = 3261;
	assert_int_equal(ab_tcp_new(2, on_pair, &pair, &pair.tcp), 0);
	for (uint32_t i = 0; i < 2; i++)
		assert_int_equal(ab_tcp_start(pair.tcp, pair.ifindex, &e.probe.portal,
					      i, &pair.connects[i], &over),
				 0);
	(void)poll(NULL, 0, 100); /* until both resets are there */
	ab_tcp_ready(pair.tcp);
	assert_int_equal(pair.n, 1);
	assert_int_equal(ab_tcp_count(pair.tcp), 1);
	ab_tcp_free(pair.tcp);
}

static void two_methods_make_one_result(void **state)
{
	struct net *net = net_of(state);
	struct ab_effect both, either;
	const struct ab_event *ev;
	uint64_t connects;
	int fd;

	address_all(net);
	both = path(1, "a0", "10.7.0.9");
	both.probe.method = AB_PROBE_ICMP_AND_TCP;
	both.probe.timeout_ms = 200;
	either = both;
	either.probe.path = 2;
	either.probe.method = AB_PROBE_ICMP_OR_TCP;

	/* ping yes, TCP no */
	assert_result(once(net, &both), AB_PROBE_REFUSED, ECONNREFUSED);
	assert_int_equal(net->events[net->taken - 1].probe.method, AB_PROBE_TCP);
	connects = counters(net).connects;
	ev = once(net, &either);
	assert_result(ev, AB_PROBE_ANSWER, 0);
	assert_int_equal(ev->probe.method, AB_PROBE_ICMP);
	assert_int_equal(counters(net).connects, connects); /* not needed, not made */
	/* both */
	fd = tcp_socket_in(net->peers[0], PORT, 16);
	ev = once(net, &both);
	assert_result(ev, AB_PROBE_ANSWER, 0);
	assert_int_equal(ev->probe.method, AB_PROBE_ICMP);
	assert_in_range(ev->probe.rtt_us, 1, 200000);
	/* ping no, TCP yes */
	netns_run(net->peers[0], "sysctl -qw net.ipv4.icmp_echo_ignore_all=1");
	connects = counters(net).connects;
	assert_result(once(net, &both), AB_PROBE_LOST, 0);
	assert_int_equal(net->events[net->taken - 1].probe.method, AB_PROBE_ICMP);
	assert_int_equal(counters(net).connects, connects);
	ev = once(net, &either);
	assert_result(ev, AB_PROBE_ANSWER, 0);
	assert_int_equal(ev->probe.method, AB_PROBE_TCP);
	/* neither: the one that says more */
	close(fd);
	ev = once(net, &either);
	assert_result(ev, AB_PROBE_REFUSED, ECONNREFUSED);
	assert_int_equal(ev->probe.method, AB_PROBE_TCP);
}

/* --- size ---------------------------------------------------------------------------
 */

static void packet_above_the_mtu_is_cannot_send(void **state)
{
	struct net *net = net_of(state);
	struct ab_probe_config config = config_with_key();
	struct ab_effect four, six;

	address_all(net);
	netns_run(-1, "ip addr add fd07::1/64 dev a0 nodad");
	netns_run(net->peers[0], "ip addr add fd07::9/64 dev p0 nodad");
	four = path(1, "a0", "10.7.0.9");
	six = path(2, "a0", "fd07::9");
	config.size = 1500 - 20 - 8;
	open_probe(net, &config);
	assert_result(once(net, &four), AB_PROBE_ANSWER, 0);
	assert_result(once(net, &six), AB_PROBE_CANNOT_SEND, EMSGSIZE);
	config.size++;
	open_probe(net, &config);
	assert_result(once(net, &four), AB_PROBE_CANNOT_SEND, EMSGSIZE);
	config.size = 1500 - 40 - 8;
	open_probe(net, &config);
	assert_result(once(net, &six), AB_PROBE_ANSWER, 0);
}

static void router_with_a_smaller_mtu_is_refused(void **state)
{
	struct net *net = net_of(state);
	struct ab_probe_config config = config_with_key();
	struct ab_effect e;

	/* peer 0 routes between p0 and q0, which lies in peer 1 with an MTU of 1400. */
	netns_run(net->peers[0],
		  "sysctl -qw net.ipv4.ip_forward=1; ip addr add 10.7.0.9/24 dev p0; "
		  "ip link add q0 mtu 1400 type veth peer name q1 netns "
		  "/proc/self/fd/%d; ip link set q0 up; ip addr add 10.9.0.1/24 dev q0",
		  net->peers[1]);
	netns_run(net->peers[1], "ip link set q1 mtu 1400 up; "
				 "ip addr add 10.9.0.9/24 dev q1; "
				 "ip route add 10.7.0.0/24 via 10.9.0.1");
	netns_run(-1, "ip addr add 10.7.0.1/24 dev a0; "
		      "ip route add 10.9.0.0/24 via 10.7.0.9 dev a0");
	e = path(1, "a0", "10.9.0.9");
	config.size = 1472;
	open_probe(net, &config);
	for (int i = 0; i < 2;
	     i++) /* the second time the kernel knows; we do not heed */
		assert_result(once(net, &e), AB_PROBE_REFUSED, EMSGSIZE);
	config.size = 1372;
	open_probe(net, &config);
	assert_result(once(net, &e), AB_PROBE_ANSWER, 0);
}

/* --- answers made by hand -----------------------------------------------------------
 */

#define OFFSET_MAC 20 /* probe_wire.h: header 8, cookie 4, token 4, seq 4 */

enum trick {
	TRICK_HONEST,
	TRICK_TWICE,
	TRICK_FORGE_MAC,
	TRICK_KEEP,	/* the answer is sent by responder_release() */
	TRICK_STRANGER, /* knows neither id nor cookie */
	TRICK_OLD,	/* the answer to the first echo, again and again */
};

static void send_reply(struct responder *r, const uint8_t *icmp, size_t n)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	uint8_t reply[128];
	uint32_t sum;

	assert_true(n >= 8 && n <= sizeof(reply));
	memcpy(reply, icmp, n);
	reply[0] = 0;
	reply[2] = reply[3] = 0;
	sum = 0;
	for (size_t i = 0; i < n; i += 2)
		sum += (uint32_t)(reply[i] << 8 | reply[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	reply[2] = (uint8_t)(~sum >> 8);
	reply[3] = (uint8_t)~sum;
	to.sin_addr.s_addr = inet_addr("10.7.0.1");
	assert_int_equal(sendto(r->fd, reply, n, 0, (struct sockaddr *)&to, sizeof(to)),
			 n);
}

static void on_echo(void *arg, unsigned int ready)
{
	struct responder *r = arg;
	uint8_t packet[256];
	ssize_t n = recv(r->fd, packet, sizeof(packet), MSG_DONTWAIT);
	uint8_t *icmp = packet + 20;

	(void)ready;
	if (n < 28 || icmp[0] != 8)
		return;
	n -= 20;
	r->n_seen++;
	if (r->trick == TRICK_KEEP || (r->trick == TRICK_OLD && !r->n_kept)) {
		memcpy(r->kept, icmp, (size_t)n);
		r->n_kept = (size_t)n;
	}
	switch ((enum trick)r->trick) {
	case TRICK_HONEST:
		send_reply(r, icmp, (size_t)n);
		break;
	case TRICK_TWICE:
		send_reply(r, icmp, (size_t)n);
		send_reply(r, icmp, (size_t)n);
		break;
	case TRICK_FORGE_MAC:
		icmp[OFFSET_MAC] ^= 1;
		send_reply(r, icmp, (size_t)n);
		break;
	case TRICK_KEEP:
		break;
	case TRICK_STRANGER:
		for (unsigned int i = 0; i < 500; i++) {
			icmp[8 + i % 4] ^=
				(uint8_t)(1 + i % 255); /* guesses the cookie */
			send_reply(r, icmp, (size_t)n);
			icmp[8 + i % 4] ^= (uint8_t)(1 + i % 255);
			icmp[4 + i % 2] ^= (uint8_t)(1 + i % 255); /* guesses the id */
			send_reply(r, icmp, (size_t)n);
			icmp[4 + i % 2] ^= (uint8_t)(1 + i % 255);
		}
		break;
	case TRICK_OLD:
		send_reply(r, r->kept, r->n_kept);
		break;
	}
}

static void open_responder(struct net *net, enum trick trick)
{
	struct responder *r = &net->responder;
	int here = netns_current();

	address_all(net);
	netns_run(net->peers[0], "sysctl -qw net.ipv4.icmp_echo_ignore_all=1; "
				 "ip addr add 10.7.0.66/24 dev p0");
	*r = (struct responder){ .trick = trick };
	netns_enter(net->peers[0]);
	r->fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
	netns_enter(here);
	close(here);
	assert_true(r->fd >= 0);
	assert_int_equal(
		ab_loop_fd_new(net->loop, r->fd, AB_LOOP_READ, on_echo, r, &r->handle),
		0);
}

static void duplicate_answer_is_counted_and_ignored(void **state)
{
	struct net *net = net_of(state);
	struct ab_effect e;

	open_responder(net, TRICK_TWICE);
	e = path(1, "a0", "10.7.0.9");
	set(net, &e);
	assert_result(next_event(net), AB_PROBE_ANSWER, 0);
	assert_true(is_silent(net, 100));
	assert_int_equal(counters(net).duplicates, 1);
	assert_int_equal(counters(net).answers, 1);
}

static void forged_answer_is_counted_and_ignored(void **state)
{
	struct net *net = net_of(state);
	struct responder *r = &net->responder;
	struct ab_effect e;

	open_responder(net, TRICK_FORGE_MAC);
	e = path(1, "a0", "10.7.0.9");
	e.probe.timeout_ms = 200;
	assert_result(once(net, &e), AB_PROBE_LOST, 0);
	assert_int_equal(r->n_seen, 1);
	assert_int_equal(counters(net).forged, 1);
}

static void answer_of_another_address_is_ignored(void **state)
{
	struct net *net = net_of(state);
	struct responder *r = &net->responder;
	struct ab_effect e;

	open_responder(net, TRICK_HONEST); /* answers as 10.7.0.9 */
	e = path(1, "a0", "10.7.0.66");
	e.probe.timeout_ms = 200;
	assert_result(once(net, &e), AB_PROBE_LOST, 0);
	assert_int_equal(r->n_seen, 1);
	assert_int_equal(counters(net).forged, 1);
	e = path(2, "a0", "10.7.0.9");
	assert_result(once(net, &e), AB_PROBE_ANSWER, 0);
}

static void strangers_answers_never_wake_us(void **state)
{
	struct net *net = net_of(state);
	struct responder *r = &net->responder;
	struct ab_effect e;
	struct ab_probe_counters c;

	open_responder(net, TRICK_STRANGER);
	e = path(1, "a0", "10.7.0.9");
	e.probe.timeout_ms = 200;
	assert_result(once(net, &e), AB_PROBE_LOST, 0);
	c = counters(net);
	assert_int_equal(r->n_seen, 1);
	assert_int_equal(c.forged + c.strange + c.stale + c.late, 0);
	assert_in_range(c.recv_calls, 0, 2); /* the look before a probe is lost */
}

static void answer_after_the_timeout_is_late(void **state)
{
	struct net *net = net_of(state);
	struct responder *r = &net->responder;
	struct ab_effect e;

	open_responder(net, TRICK_KEEP);
	e = path(1, "a0", "10.7.0.9");
	e.probe.timeout_ms = 100;
	e.probe.interval_ms = 400;
	set(net, &e);
	assert_result(next_event(net), AB_PROBE_LOST, 0);
	send_reply(r, r->kept, r->n_kept);
	r->trick = TRICK_HONEST;
	assert_result(next_event(net), AB_PROBE_ANSWER, 0);
	assert_int_equal(counters(net).late, 1);
	assert_int_equal(counters(net).results[AB_PROBE_LOST], 1);
}

static void answer_of_an_earlier_round_does_not_count(void **state)
{
	struct net *net = net_of(state);
	struct ab_effect e;

	open_responder(net, TRICK_OLD);
	e = path(1, "a0", "10.7.0.9");
	e.probe.timeout_ms = 100;
	e.probe.interval_ms = 150;
	set(net, &e);
	assert_result(next_event(net), AB_PROBE_ANSWER, 0);
	assert_result(next_event(net), AB_PROBE_LOST, 0);
	assert_int_equal(counters(net).late, 1);
	/* Nor does it for a new life of the same path in the same slot. */
	clear(net, 1);
	set(net, &e);
	assert_result(next_event(net), AB_PROBE_LOST, 0);
	assert_int_equal(counters(net).forged, 1);
}

/* The answer is on its way at once; then comes a callback that takes far too long. */
static void on_stall(void *arg)
{
	struct net *net = arg;

	assert_int_equal(net->responder.n_seen, 1);
	send_reply(&net->responder, net->responder.kept, net->responder.n_kept);
	(void)poll(NULL, 0, 500);
}

/* The kernel had the answer in time; that nobody looked is not the portal's fault. */
static void answer_that_came_while_the_loop_hung_counts(void **state)
{
	struct net *net = net_of(state);
	struct ab_loop_timer *timer;
	struct ab_effect e;
	unsigned int n;

	open_responder(net, TRICK_KEEP);
	e = path(1, "a0", "10.7.0.9");
	e.probe.timeout_ms = 400;
	assert_int_equal(ab_loop_timer_new(net->loop, on_stall, net, &timer), 0);
	ab_loop_timer_set(timer, ab_mono_add_ms(ab_clock_now(), 200));
	set(net, &e);
	(void)run_until(net, 1, DEADLINE_MS);
	n = net->n;
	ab_loop_timer_free(timer);
	assert_int_equal(n, 1);
	assert_result(next_event(net), AB_PROBE_ANSWER, 0);
	assert_in_range(net->events[0].probe.rtt_us, 50000, 400000);
}

static void on_stall_then_answer(void *arg)
{
	struct net *net = arg;

	(void)poll(NULL, 0, 500);
	send_reply(&net->responder, net->responder.kept, net->responder.n_kept);
}

/* It is there when the loop looks, but the kernel's stamp says that it came too late.
 */
static void answer_that_came_too_late_while_the_loop_hung_does_not_count(void **state)
{
	struct net *net = net_of(state);
	struct ab_loop_timer *timer;
	struct ab_effect e;

	open_responder(net, TRICK_KEEP);
	e = path(1, "a0", "10.7.0.9");
	e.probe.timeout_ms = 400;
	assert_int_equal(
		ab_loop_timer_new(net->loop, on_stall_then_answer, net, &timer), 0);
	ab_loop_timer_set(timer, ab_mono_add_ms(ab_clock_now(), 200));
	set(net, &e);
	(void)run_until(net, 1, DEADLINE_MS);
	ab_loop_timer_free(timer);
	assert_int_equal(net->n, 1);
	assert_result(next_event(net), AB_PROBE_LOST, 0);
	assert_int_equal(counters(net).late, 1);
}

/* --- the schedule -------------------------------------------------------------------
 */

static void first_round_is_a_burst(void **state)
{
	struct net *net = net_of(state);
	struct ab_effect e;
	ab_mono start;

	address_all(net);
	e = path(1, "a0", "10.7.0.9");
	e.probe.burst = 4;
	start = ab_clock_now();
	set(net, &e);
	for (unsigned int i = 1; i <= 4; i++) {
		const struct ab_event *ev = next_event(net);

		assert_result(ev, AB_PROBE_ANSWER, 0);
		assert_int_equal(ev->probe.seq, i);
	}
	assert_true(ab_mono_ms_between(start, ab_clock_now()) >= 280);
	assert_true(is_silent(net, 300)); /* then the interval: 60 s */

	/* A change of pace with a burst asks again, one without does not. */
	e.probe.burst = 0;
	set(net, &e);
	assert_true(is_silent(net, 200));
	e.probe.burst = 2;
	set(net, &e);
	next_event(net);
	assert_int_equal(next_event(net)->probe.seq, 6);
	assert_true(is_silent(net, 300));
}

static void paths_keep_their_interval_and_are_spread(void **state)
{
	enum {
		PATHS = 40,
		ROUNDS = 5
	};
	struct net *net = net_of(state);
	unsigned int rounds[PATHS] = { 0 };
	struct ab_probe_counters c;
	struct ab_effect e;

	address_all(net);
	for (uint64_t i = 0; i < PATHS; i++) {
		e = path(i, i % 2 ? "a0" : "b0", "10.7.0.9");
		e.probe.interval_ms = 400;
		set(net, &e);
	}
	/* The first one is extra: it comes at once, not at the path's own time. */
	(void)run_until(net, EVENTS, 400 * ROUNDS);
	for (unsigned int i = 0; i < net->n; i++) {
		assert_result(&net->events[i], AB_PROBE_ANSWER, 0);
		rounds[net->events[i].probe.path]++;
		assert_int_equal(net->events[i].probe.seq,
				 rounds[net->events[i].probe.path]);
	}
	for (unsigned int i = 0; i < PATHS; i++)
		assert_in_range(rounds[i], ROUNDS - 1, ROUNDS + 2);
	c = counters(net);
	assert_in_range(c.echoes, net->n, net->n + PATHS);
	/* Spread: 20 slots of 20 ms in each round, so 2 paths in a call. */
	assert_true(c.send_calls * 8 > c.echoes);
}

static void hook_clears_everything(struct net *net, const struct ab_event *ev)
{
	(void)ev;
	for (uint64_t i = 0; i < 64; i++)
		clear(net, i);
}

static void callback_may_clear_any_path(void **state)
{
	struct net *net = net_of(state);
	struct ab_effect e;

	/* No device: all fail within one call of the sender. */
	for (uint64_t i = 0; i < 64; i++) {
		e = path(i, "a0", "10.7.0.9");
		e.probe.ifindex = 4242;
		e.probe.method = i % 3 ? AB_PROBE_ICMP : AB_PROBE_TCP;
		set(net, &e);
	}
	net->hook = hook_clears_everything;
	assert_result(next_event(net), AB_PROBE_CANNOT_SEND, ENODEV);
	assert_true(is_silent(net, 300));
	assert_int_equal(counters(net).paths, 0);
}

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static uint32_t chaos_seed;

static void change_at_random(struct net *net)
{
	static const char *const addrs[] = { "10.7.0.9", "10.7.0.77", "fd07::9",
					     "fd07::77" };
	uint32_t *s = &chaos_seed;
	struct ab_effect e =
		path(next_random(s) % 100, next_random(s) % 2 ? "a0" : "b0",
		     addrs[next_random(s) % 4]);

	if (next_random(s) % 3 == 0) {
		clear(net, e.probe.path);
		return;
	}
	if (next_random(s) % 8 == 0)
		e.probe.ifindex = 4242;
	e.probe.method = (uint8_t)(1 + next_random(s) % (AB_PROBE_METHOD_MAX - 1));
	e.probe.burst = (uint8_t)(next_random(s) % 4);
	e.probe.interval_ms = 20 + next_random(s) % 200;
	e.probe.timeout_ms = 1 + next_random(s) % 300;
	set(net, &e);
}

static void hook_changes_at_random(struct net *net, const struct ab_event *ev)
{
	(void)ev;
	change_at_random(net);
	change_at_random(net);
}

static void changes_at_any_time_do_no_harm(void **state)
{
	struct net *net = net_of(state);
	struct ab_probe_config config = config_with_key();
	struct ab_probe_counters c;
	int fd = tcp_socket_in(net->peers[0], PORT, 4096);

	address_all(net);
	netns_run(-1, "ip addr add fd07::1/64 dev a0 nodad; "
		      "ip addr add fd07::2/64 dev b0 nodad");
	netns_run(net->peers[0], "ip addr add fd07::9/64 dev p0 nodad");
	netns_run(net->peers[1], "ip addr add fd07::9/64 dev p1 nodad");
	config.connect_max = 4;
	config.path_max = 80;
	for (uint32_t seed = 1; seed <= 3; seed++) {
		print_message("seed %u\n", seed);
		chaos_seed = seed;
		open_probe(net, &config);
		for (int i = 0; i < 40; i++)
			change_at_random(net);
		net->hook = hook_changes_at_random;
		forget(net);
		assert_true(run_until(net, 600, DEADLINE_MS));
		net->hook = NULL;
		for (uint64_t i = 0; i < 100; i++)
			clear(net, i);
		c = counters(net);
		assert_int_equal(c.paths + c.waiting + c.connects_open, 0);
		forget(net);
		assert_true(is_silent(net, 50));
	}
	close(fd);
}

static void what_cannot_be_carried_out_is_refused(void **state)
{
	struct net *net = net_of(state);
	struct ab_probe_config config = config_with_key();
	struct ab_effect e;

	config.path_max = 1;
	open_probe(net, &config);
	e = path(1, "a0", "10.7.0.9");
	e.probe.method = AB_PROBE_NONE;
	assert_int_equal(ab_probe_set(net->probe, &e), -EINVAL);
	e = path(1, "a0", "10.7.0.9");
	e.probe.ifindex = 0;
	assert_int_equal(ab_probe_set(net->probe, &e), -EINVAL);
	e = path(1, "a0", "10.7.0.9");
	e.probe.portal.addr.family = 0;
	assert_int_equal(ab_probe_set(net->probe, &e), -EINVAL);
	e = path(1, "a0", "10.7.0.9");
	e.probe.interval_ms = AB_PROBE_INTERVAL_MIN_MS - 1;
	assert_int_equal(ab_probe_set(net->probe, &e), -EINVAL);
	e = path(1, "a0", "10.7.0.9");
	e.probe.timeout_ms = 0;
	assert_int_equal(ab_probe_set(net->probe, &e), -EINVAL);
	e = path(1, "a0", "10.7.0.9");
	e.probe.portal.port = 0;
	e.probe.method = AB_PROBE_TCP;
	assert_int_equal(ab_probe_set(net->probe, &e), -EINVAL);
	assert_int_equal(counters(net).paths, 0);
	e = path(1, "a0", "10.7.0.9");
	set(net, &e);
	e.probe.path = 2;
	assert_int_equal(ab_probe_set(net->probe, &e), -ENOSPC);
	assert_int_equal(counters(net).paths, 1);
}

static void device_that_stalls_does_not_stop_the_others(void **state)
{
	struct net *net = net_of(state);
	struct ab_effect e;

	address_all(net);
	e = path(1, "a0", "10.7.0.9");
	assert_result(once(net, &e), AB_PROBE_ANSWER, 0);
	/* From now on a0 keeps what it gets: 200 paths each 20 ms fill any default
	 * send buffer. */
	netns_run(-1, "ip neigh replace 10.7.0.9 lladdr 02:00:00:00:00:01 dev a0; "
		      "tc qdisc add dev a0 root tbf rate 8bit burst 100 limit 100m");
	for (uint64_t i = 10; i < 210; i++) {
		e = path(i, "a0", "10.7.0.9");
		e.probe.interval_ms = 20;
		e.probe.timeout_ms = 20;
		set(net, &e);
	}
	while (counters(net).echoes < 2000)
		next_event(net);
	e = path(2, "b0", "10.7.0.9");
	set(net, &e);
	forget(net);
	while (next_event(net)->probe.path != 2)
		;
	assert_result(&net->events[net->taken - 1], AB_PROBE_ANSWER, 0);
}

/* --- without privilege --------------------------------------------------------------
 */

/* In a child that has given up root. Return: the result, or 100 + what failed. */
static int probe_as_nobody(struct net *net, const char *addr)
{
	struct ab_probe_config config = config_with_key();
	struct ab_effect e;

	if (setgroups(0, NULL) < 0 || setresgid(65534, 65534, 65534) < 0 ||
	    setresuid(65534, 65534, 65534) < 0)
		return 100;
	if (ab_loop_new(&net->loop) < 0 ||
	    ab_loop_timer_new(net->loop, on_deadline, net, &net->deadline) < 0)
		return 101;
	net->probe = NULL;
	open_probe(net, &config);
	e = path(1, "b0", addr);
	set(net, &e);
	return next_event(net)->probe.result == AB_PROBE_CANNOT_SEND
		       ? 50 + net->events[0].probe.error
		       : net->events[0].probe.result;
}

static int in_child(struct net *net, const char *addr)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(probe_as_nobody(net, addr));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void without_privilege_ping_sockets_are_used(void **state)
{
	struct net *net = net_of(state);

	address_all(net);
	netns_run(-1, "ip addr add fd07::2/64 dev b0 nodad");
	netns_run(net->peers[1], "ip addr add fd07::9/64 dev p1 nodad");
	netns_run(-1, "echo 1 0 > /proc/sys/net/ipv4/ping_group_range");
	assert_int_equal(in_child(net, "10.7.0.9"), 50 + EACCES);
	assert_int_equal(in_child(net, "fd07::9"), 50 + EACCES);
	netns_run(-1, "echo 0 2147483647 > /proc/sys/net/ipv4/ping_group_range");
	assert_int_equal(in_child(net, "10.7.0.9"), AB_PROBE_ANSWER);
	assert_int_equal(in_child(net, "fd07::9"), AB_PROBE_ANSWER);
}

/* --- by hand ------------------------------------------------------------------------
 */

struct lines {
	char text[2048];
};

static void on_report(void *arg, const struct ab_ping_report *report)
{
	struct lines *l = arg;
	size_t n = strlen(l->text);

	assert_true(sizeof(l->text) - n > AB_PING_TEXT);
	ab_ping_text(report, l->text + n, sizeof(l->text) - n);
}

static void ping_by_hand_tells_lines_and_a_status(void **state)
{
	struct net *net = net_of(state);
	struct ab_ping_options o = { .ifname = "a0",
				     .method = AB_PROBE_ICMP,
				     .count = 2,
				     .interval_ms = 50,
				     .timeout_ms = 150 };
	struct lines l = { "" };
	int status = -1;
	int fd;

	address_all(net);
	assert_int_equal(ab_name_parse_portal("10.7.0.9", &o.portal), 0);
	assert_int_equal(ab_ping_run(&o, on_report, &l, &status), 0);
	assert_int_equal(status, 0);
	assert_non_null(strstr(l.text,
			       "PING 10.7.0.9 through a0: 56(84) bytes of data.\n"
			       "64 bytes from 10.7.0.9: icmp_seq=1 time="));
	assert_non_null(strstr(l.text, "\n64 bytes from 10.7.0.9: icmp_seq=2 time="));
	assert_non_null(strstr(l.text, "\n--- 10.7.0.9 ping statistics ---\n"
				       "2 packets transmitted, 2 received, 0% packet "
				       "loss, time "));
	assert_non_null(strstr(l.text, "\nrtt min/avg/max/mdev = "));

	l.text[0] = '\0';
	o.is_jumbo = true;
	assert_int_equal(ab_ping_run(&o, on_report, &l, &status), 0);
	assert_int_equal(status, 0);
	assert_non_null(strstr(l.text, "1472(1500) bytes of data.\n1480 bytes from"));
	o.is_jumbo = false;
	o.size = 1473;
	assert_int_equal(ab_ping_run(&o, on_report, &l, &status), AB_PING_E_SIZE);
	o.size = 0;

	l.text[0] = '\0';
	o.method = AB_PROBE_TCP;
	assert_int_equal(ab_ping_run(&o, on_report, &l, &status), 0);
	assert_int_equal(status, 1);
	assert_non_null(strstr(l.text, "PING 10.7.0.9:3260 through a0: TCP connect\n"
				       "10.7.0.9:3260: tcp_seq=1 refused: Connection "
				       "refused\n"));
	assert_non_null(strstr(l.text, "2 packets transmitted, 0 received, +2 errors, "
				       "100% packet loss"));
	fd = tcp_socket_in(net->peers[0], PORT, 4);
	l.text[0] = '\0';
	assert_int_equal(ab_ping_run(&o, on_report, &l, &status), 0);
	assert_int_equal(status, 0);
	assert_non_null(strstr(l.text, "connected to 10.7.0.9:3260: tcp_seq=1 time="));
	close(fd);

	l.text[0] = '\0';
	o.method = AB_PROBE_ICMP;
	netns_run(net->peers[0], "sysctl -qw net.ipv4.icmp_echo_ignore_all=1");
	assert_int_equal(ab_ping_run(&o, on_report, &l, &status), 0);
	assert_int_equal(status, 1);
	assert_non_null(
		strstr(l.text, "10.7.0.9: icmp_seq=1 no answer within 150 ms\n"));
	o.ifname = "zz9";
	assert_int_equal(ab_ping_run(&o, on_report, &l, &status), AB_PING_E_NO_DEVICE);
	netns_run(-1, "ip link set a0 down");
	o.ifname = "a0";
	assert_int_equal(ab_ping_run(&o, on_report, &l, &status), AB_PING_E_DOWN);
}

#define net_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		net_test(answers_through_the_device_that_was_told),
		net_test(answer_by_another_device_is_wrong_device),
		net_test(device_without_address_borrows_one),
		net_test(silence_is_lost_after_the_timeout),
		net_test(firewall_that_drops_there_is_lost_and_here_is_cannot_send),
		net_test(firewall_that_rejects_is_refused),
		net_test(neighbour_that_fails_is_cannot_send),
		net_test(carrier_that_goes_and_comes_is_seen),
		net_test(device_that_goes_while_probing_is_cannot_send),
		net_test(ipv6_answers_when_its_address_is_no_longer_tentative),
		net_test(ipv6_link_local_portal_is_that_of_the_device),
		net_test(tcp_connect_is_answered_refused_or_lost),
		net_test(tcp_goes_through_the_device_that_was_told),
		net_test(tcp_with_a_full_backlog_is_lost),
		net_test(tcp_connects_never_exceed_their_cap),
		net_test(clearing_a_path_lets_the_next_one_connect),
		net_test(event_of_a_former_connect_is_not_taken_for_the_new_one),
		net_test(two_methods_make_one_result),
		net_test(packet_above_the_mtu_is_cannot_send),
		net_test(router_with_a_smaller_mtu_is_refused),
		net_test(duplicate_answer_is_counted_and_ignored),
		net_test(forged_answer_is_counted_and_ignored),
		net_test(answer_of_another_address_is_ignored),
		net_test(strangers_answers_never_wake_us),
		net_test(answer_after_the_timeout_is_late),
		net_test(answer_of_an_earlier_round_does_not_count),
		net_test(answer_that_came_while_the_loop_hung_counts),
		net_test(answer_that_came_too_late_while_the_loop_hung_does_not_count),
		net_test(first_round_is_a_burst),
		net_test(paths_keep_their_interval_and_are_spread),
		net_test(callback_may_clear_any_path),
		net_test(changes_at_any_time_do_no_harm),
		net_test(what_cannot_be_carried_out_is_refused),
		net_test(device_that_stalls_does_not_stop_the_others),
		net_test(without_privilege_ping_sockets_are_used),
		net_test(ping_by_hand_tells_lines_and_a_status),
	};

	(void)alarm(180); /* no test hangs */
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
