/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mon_rtnl - rtnetlink to events.
 *
 * Knows: what a lost message means, and in which order sockets are to be read.
 * rtnl_channel knows the sockets, rtnl_parse what messages look like. Must not know:
 * what anybody does with an event; no model of links is kept here.
 *
 * Three sockets. `topo` hears links and addresses; a message lost there makes the
 * source stale. `churn` hears routes, rules and neighbours, so that a routing daemon
 * with a million routes cannot make links stale; a loss there means "ask again".
 * `query` carries dumps and route questions, hears nothing by itself, and therefore is
 * never flooded.
 *
 * Order between `topo` and a dump: a part of a dump is read only after `topo` was read
 * empty, so that all notifications older than this part are told already; and an object
 * that was notified since the dump began is not taken from the dump, because the
 * notification is at least as new, or is followed by another one. Together: no object
 * ever goes back in time, and at DUMP_END the events equal the kernel's state.
 *
 * No call waits: what the kernel has to say is read when the loop says so, at most
 * BUDGET messages in a wake-up.
 */
#include "io/mon_rtnl.h"

#include <assert.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

#include "io/log.h"
#include "io/rtnl_channel.h"
#include "io/rtnl_keys.h"
#include "io/rtnl_parse.h"

#define BUDGET 512    /* messages of a socket in a wake-up: 2 ms of work */
#define REDUMP_MS 100 /* between the starts of two dumps, after an unclean one */
#define RETRY_MS 1000 /* after the kernel refused a socket or a request */
#define QUERY_RCVBUF (208 * 1024) /* rmem_max of the kernel: needs no permission */
/* An answer to a route question takes about 4 KiB of that. */
#define FLYING_MAX 16
/* FAILED neighbours that are remembered; the kernel keeps 1,024 (gc_thresh3). One that
 * is not remembered is not told: probing goes on at its usual pace. */
#define FAILED_MAX 4096

enum stage {
	STAGE_IDLE,
	STAGE_LINKS, /* the dump of links is asked for */
	STAGE_ADDRS, /* the dump of addresses is */
};

struct question {
	uint64_t path; /* first member: the tree is sorted by it */
	uint32_t ifindex;
	struct ab_addr addr;
	uint32_t seq;	 /* of the message, while it is flying */
	bool is_flying;	 /* in ab_rtnl.flying, else in ab_rtnl.waiting */
	bool is_renewed; /* asked again while flying: that answer does not count */
	TAILQ_ENTRY(question) link;
};

TAILQ_HEAD(question_list, question);

struct ab_rtnl {
	struct ab_loop *loop; /* borrowed, outlives this */
	ab_event_fn *fn;
	void *arg; /* borrowed, for fn */
	struct ab_rtnl_config config;
	struct ab_rtnl_channel topo, churn, query;
	struct ab_loop_timer *work; /* owned; what a call asked for is done there */

	enum stage stage;
	uint32_t dump_seq;
	bool is_stale;	    /* told, and no clean dump has ended since */
	bool is_wanted;	    /* a dump must begin */
	bool is_unclean;    /* the dump that runs is not to be used */
	bool was_unclean;   /* the dump before was not used: do not hurry */
	ab_mono not_before; /* when a socket or a request was refused */
	ab_mono dump_began;
	void *notified; /* owned tree of struct ab_rtnl_key: since the dump began */

	void *failed; /* owned tree of struct ab_rtnl_key: neighbours told as FAILED */
	size_t n_failed;

	void *questions; /* owned tree of struct question */
	struct question_list waiting;
	struct question_list flying;
	size_t n_flying;

	struct ab_rtnl_stats stats;
};

/* --- telling -------------------------------------------------------------------- */

static void tell(struct ab_rtnl *m, const struct ab_event *ev)
{
	m->fn(m->arg, ev);
}

static void tell_dump(struct ab_rtnl *m, enum ab_event_type type)
{
	struct ab_event ev;

	memset(&ev, 0, sizeof(ev));
	ev.type = (uint32_t)type;
	ev.dump.source = AB_SOURCE_RTNL;
	tell(m, &ev);
}

static void tell_routes(struct ab_rtnl *m, uint8_t family)
{
	struct ab_event ev;

	memset(&ev, 0, sizeof(ev));
	ev.type = AB_EV_ROUTES;
	ev.routes.family = family;
	tell(m, &ev);
}

static void work_soon(struct ab_rtnl *m)
{
	ab_loop_timer_set(m->work, ab_loop_now(m->loop));
}

/* Links or addresses may have been lost: what runs is not to be used, dump anew. */
static void become_stale(struct ab_rtnl *m)
{
	if (m->stage != STAGE_IDLE)
		m->is_unclean = true;
	m->is_wanted = true;
	if (!m->is_stale) {
		m->is_stale = true;
		tell_dump(m, AB_EV_STALE);
	}
	work_soon(m);
}

/* --- notifications of links and addresses --------------------------------------- */

static void take_notification(struct ab_rtnl *m, struct nlmsghdr *msg, int n)
{
	struct ab_event ev;
	struct ab_rtnl_key key;
	int r = ab_rtnl_parse(msg, (size_t)n, &ev);

	m->stats.n_messages++;
	if (r != 0) {
		m->stats.n_malformed += r == AB_RTNL_E_MALFORMED;
		return;
	}
	if (m->stage != STAGE_IDLE && !m->is_unclean) {
		key = ab_rtnl_key_of(&ev);
		if (ab_rtnl_keys_add(&m->notified, &key) < 0)
			become_stale(m); /* this dump cannot be trusted any more */
	}
	tell(m, &ev);
}

/* Return: true when the queue is empty now. */
static bool drain_topo(struct ab_rtnl *m)
{
	struct ab_rtnl_datagram d;

	for (int i = 0; i < BUDGET; i++) {
		struct nlmsghdr *msg;
		int n;

		switch (ab_rtnl_channel_recv(&m->topo, &d)) {
		case AB_RTNL_RECEIVED_NOTHING:
			return true;
		case AB_RTNL_RECEIVED_LOSS:
			m->stats.n_overflows++;
			become_stale(m);
			return false;
		case AB_RTNL_RECEIVED_DATA:
			n = d.n;
			for (msg = (struct nlmsghdr *)d.buf; nlmsg_ok(msg, n);
			     msg = nlmsg_next(msg, &n))
				take_notification(m, msg, n);
			free(d.buf);
			break;
		}
	}
	return false;
}

static void on_topo(void *arg, unsigned int ready)
{
	(void)ready;
	(void)drain_topo(arg);
}

/* --- routes and neighbours ------------------------------------------------------ */

static void tell_neigh(struct ab_rtnl *m, const struct ab_rtnl_key *key, bool is_failed)
{
	struct ab_event ev;

	memset(&ev, 0, sizeof(ev));
	ev.type = AB_EV_NEIGH;
	ev.neigh.ifindex = key->ifindex;
	ev.neigh.addr = key->net.addr;
	ev.neigh.is_failed = is_failed;
	tell(m, &ev);
}

/* Only edges: a busy host has thousands of REACHABLE and STALE changes, and nobody
 * needs to register what he is interested in. */
static void take_neigh(struct ab_rtnl *m, const struct ab_event *ev)
{
	struct ab_rtnl_key key = ab_rtnl_key_of(ev);

	if (!ev->neigh.is_failed) {
		if (!ab_rtnl_keys_remove(&m->failed, &key))
			return;
		m->n_failed--;
		tell(m, ev);
		return;
	}
	if (m->n_failed >= FAILED_MAX || ab_rtnl_keys_add(&m->failed, &key) != 0)
		return;
	m->n_failed++;
	tell(m, ev);
}

/* Without knowing, say that nothing is FAILED: then probing keeps its usual pace, and
 * the kernel tells each failure anew when the next probe finds no neighbour. */
static void forget_failed(struct ab_rtnl *m)
{
	struct ab_rtnl_key *any;

	while ((any = ab_rtnl_keys_any(m->failed))) {
		struct ab_rtnl_key key = *any;

		(void)ab_rtnl_keys_remove(&m->failed, &key);
		m->n_failed--;
		tell_neigh(m, &key, false);
	}
}

/* Families whose routes or rules changed in a wake-up. */
struct churned {
	bool ipv4, ipv6;
};

static void take_churn(struct ab_rtnl *m, struct nlmsghdr *msg, int n,
		       struct churned *churned)
{
	struct ab_event ev;
	int r = ab_rtnl_parse(msg, (size_t)n, &ev);

	m->stats.n_malformed += r == AB_RTNL_E_MALFORMED;
	if (r != 0)
		return;
	if (ev.type == AB_EV_NEIGH)
		take_neigh(m, &ev);
	else if (ev.type == AB_EV_ROUTES && ev.routes.family == AF_INET)
		churned->ipv4 = true;
	else if (ev.type == AB_EV_ROUTES)
		churned->ipv6 = true;
}

static void read_churn(struct ab_rtnl *m, struct churned *churned)
{
	struct ab_rtnl_datagram d;

	for (int i = 0; i < BUDGET; i++) {
		struct nlmsghdr *msg;
		int n;

		switch (ab_rtnl_channel_recv(&m->churn, &d)) {
		case AB_RTNL_RECEIVED_NOTHING:
			return;
		case AB_RTNL_RECEIVED_LOSS:
			m->stats.n_churn_overflows++;
			churned->ipv4 = churned->ipv6 = true;
			forget_failed(m);
			return;
		case AB_RTNL_RECEIVED_DATA:
			n = d.n;
			for (msg = (struct nlmsghdr *)d.buf; nlmsg_ok(msg, n);
			     msg = nlmsg_next(msg, &n))
				take_churn(m, msg, n, churned);
			free(d.buf);
			break;
		}
	}
}

static void on_churn(void *arg, unsigned int ready)
{
	struct ab_rtnl *m = arg;
	struct churned churned = { false, false };

	(void)ready;
	read_churn(m, &churned);
	if (churned.ipv4)
		tell_routes(m, AF_INET);
	if (churned.ipv6)
		tell_routes(m, AF_INET6);
}

/* --- questions about routes ----------------------------------------------------- */

static int compare_questions(const void *a, const void *b)
{
	const struct question *x = a, *y = b;

	return (x->path > y->path) - (x->path < y->path);
}

static void question_free(struct ab_rtnl *m, struct question *q)
{
	if (q->is_flying) {
		TAILQ_REMOVE(&m->flying, q, link);
		m->n_flying--;
	} else {
		TAILQ_REMOVE(&m->waiting, q, link);
	}
	(void)tdelete(q, &m->questions, compare_questions);
	free(q);
}

static void question_wait(struct ab_rtnl *m, struct question *q)
{
	TAILQ_REMOVE(&m->flying, q, link);
	m->n_flying--;
	q->is_flying = false;
	q->is_renewed = false;
	TAILQ_INSERT_TAIL(&m->waiting, q, link);
}

static void question_answer(struct ab_rtnl *m, struct question *q,
			    enum ab_route_verdict verdict)
{
	struct ab_event ev;

	memset(&ev, 0, sizeof(ev));
	ev.type = AB_EV_ROUTE;
	ev.route.path = q->path;
	ev.route.verdict = (uint8_t)verdict;
	question_free(m, q); /* first: the receiver may ask again */
	tell(m, &ev);
}

/*
 * IPv4 is asked with FIB_MATCH: without it the kernel assumes that an address is on
 * link when a device is given and no route matches. IPv6 assumes no such thing, and
 * there the plain question takes the very way of a socket that is bound to the device,
 * while FIB_MATCH, depending on the kernel, may answer with a route of another device.
 */
static int question_send(struct ab_rtnl *m, struct question *q)
{
	bool is_ipv4 = q->addr.family == AF_INET;
	int n = is_ipv4 ? 4 : 16;
	struct rtmsg rtm = { .rtm_family = q->addr.family,
			     .rtm_dst_len = (uint8_t)(n * 8),
			     .rtm_flags = is_ipv4 ? RTM_F_FIB_MATCH : 0 };
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETROUTE, 0);
	int r = -NLE_NOMEM;

	if (!msg)
		return -ENOMEM;
	if (nlmsg_append(msg, &rtm, sizeof(rtm), NLMSG_ALIGNTO) == 0 &&
	    nla_put(msg, RTA_DST, n, q->addr.bytes) == 0 &&
	    nla_put_u32(msg, RTA_OIF, q->ifindex) == 0)
		r = nl_send_auto(m->query.sock, msg);
	q->seq = nlmsg_hdr(msg)->nlmsg_seq;
	nlmsg_free(msg);
	return r < 0 ? ab_rtnl_errno(r) : 0;
}

static void send_questions(struct ab_rtnl *m)
{
	struct question *q;

	while (m->n_flying < FLYING_MAX && (q = TAILQ_FIRST(&m->waiting))) {
		if (question_send(m, q) < 0) {
			question_answer(m, q, AB_ROUTE_UNKNOWN);
			continue;
		}
		TAILQ_REMOVE(&m->waiting, q, link);
		TAILQ_INSERT_TAIL(&m->flying, q, link);
		q->is_flying = true;
		m->n_flying++;
	}
}

static void take_answer(struct ab_rtnl *m, struct nlmsghdr *msg, int n)
{
	enum ab_route_verdict verdict = AB_ROUTE_UNKNOWN;
	struct question *q;

	q = TAILQ_FIRST(&m->flying);
	while (q && q->seq != msg->nlmsg_seq)
		q = TAILQ_NEXT(q, link);
	if (!q)
		return;
	if (q->is_renewed) {
		question_wait(m, q);
		return;
	}
	if (ab_rtnl_parse_verdict(msg, (size_t)n, q->ifindex, &verdict) != 0)
		m->stats.n_malformed++;
	question_answer(m, q, verdict);
}

int ab_rtnl_route_check(struct ab_rtnl *rtnl, uint64_t path, uint32_t ifindex,
			const struct ab_addr *addr)
{
	struct question *q = calloc(1, sizeof(*q));
	struct question **slot;

	assert(addr->family == AF_INET || addr->family == AF_INET6);
	if (!q)
		return -ENOMEM;
	q->path = path;
	slot = tsearch(q, &rtnl->questions, compare_questions);
	if (!slot || *slot != q) {
		free(q);
		if (!slot)
			return -ENOMEM;
		q = *slot;
		q->is_renewed = q->is_flying;
	} else {
		TAILQ_INSERT_TAIL(&rtnl->waiting, q, link);
	}
	q->ifindex = ifindex;
	q->addr = *addr;
	work_soon(rtnl);
	return 0;
}

/* --- dumps ---------------------------------------------------------------------- */

static int ask_for_dump(struct ab_rtnl *m, enum stage stage)
{
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };
	struct ifaddrmsg ifa = { .ifa_family = AF_UNSPEC };
	bool is_links = stage == STAGE_LINKS;
	struct nl_msg *msg =
		nlmsg_alloc_simple(is_links ? RTM_GETLINK : RTM_GETADDR, NLM_F_DUMP);
	int r = -NLE_NOMEM;

	if (!msg)
		return -ENOMEM;
	if (is_links) {
		r = nlmsg_append(msg, &ifi, sizeof(ifi), NLMSG_ALIGNTO);
		if (r == 0)
			r = nla_put_u32(msg, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	} else {
		r = nlmsg_append(msg, &ifa, sizeof(ifa), NLMSG_ALIGNTO);
	}
	if (r == 0)
		r = nl_send_auto(m->query.sock, msg);
	m->dump_seq = nlmsg_hdr(msg)->nlmsg_seq;
	nlmsg_free(msg);
	return r < 0 ? ab_rtnl_errno(r) : 0;
}

static void retry_later(struct ab_rtnl *m)
{
	m->not_before = ab_mono_add_ms(ab_loop_now(m->loop), RETRY_MS);
	ab_loop_timer_set(m->work, m->not_before);
}

/* The kernel does not take part in it any more; begin again, but not at once. */
static void dump_failed(struct ab_rtnl *m, const char *what, int error)
{
	errno = -error;
	ab_log_warn("rtnl", "%s failed, trying again", what);
	m->stats.n_unclean_dumps++;
	m->stage = STAGE_IDLE;
	become_stale(m);
	retry_later(m);
}

static void dump_begin(struct ab_rtnl *m)
{
	int r;

	m->is_wanted = false;
	m->is_unclean = false;
	m->stage = STAGE_LINKS;
	m->dump_began = ab_loop_now(m->loop);
	m->stats.n_dumps++;
	ab_rtnl_keys_clear(&m->notified);
	tell_dump(m, AB_EV_DUMP_BEGIN);
	r = ask_for_dump(m, STAGE_LINKS);
	if (r < 0)
		dump_failed(m, "asking for links", r);
}

/* One of the two parts is complete. */
static void dump_done(struct ab_rtnl *m)
{
	int r;

	if (m->stage == STAGE_LINKS && !m->is_unclean) {
		m->stage = STAGE_ADDRS;
		r = ask_for_dump(m, STAGE_ADDRS);
		if (r < 0)
			dump_failed(m, "asking for addresses", r);
		return;
	}
	m->stage = STAGE_IDLE;
	m->was_unclean = m->is_unclean;
	ab_rtnl_keys_clear(&m->notified);
	if (m->is_unclean) {
		m->stats.n_unclean_dumps++;
	} else {
		m->is_stale = false;
		tell_dump(m, AB_EV_DUMP_END);
	}
	if (m->is_wanted)
		work_soon(m);
}

static void take_dumped(struct ab_rtnl *m, struct nlmsghdr *msg, int n)
{
	struct ab_event ev;
	struct ab_rtnl_key key;
	int error = 0;
	int r;

	if (msg->nlmsg_flags & NLM_F_DUMP_INTR)
		become_stale(m); /* something was left out or came twice */
	if (msg->nlmsg_type == NLMSG_ERROR || msg->nlmsg_type == NLMSG_DONE) {
		if (nlmsg_datalen(msg) >= (int)sizeof(error))
			memcpy(&error, nlmsg_data(msg), sizeof(error));
		if (error < 0)
			dump_failed(m, "dumping", error);
		else
			dump_done(m);
		return;
	}
	if (m->is_unclean)
		return;
	r = ab_rtnl_parse(msg, (size_t)n, &ev);
	m->stats.n_malformed += r == AB_RTNL_E_MALFORMED;
	if (r != 0 ||
	    msg->nlmsg_type != (m->stage == STAGE_LINKS ? RTM_NEWLINK : RTM_NEWADDR))
		return;
	key = ab_rtnl_key_of(&ev);
	if (!ab_rtnl_keys_has(m->notified, &key))
		tell(m, &ev);
}

/* The socket is of no use any more: open another one, ask everything again. */
static void query_lost(struct ab_rtnl *m)
{
	struct question *q;

	ab_rtnl_channel_close(&m->query);
	while ((q = TAILQ_FIRST(&m->flying)))
		question_wait(m, q);
	if (m->stage != STAGE_IDLE)
		dump_failed(m, "the socket of the dump", -ENOBUFS);
	else
		retry_later(m);
}

static void on_query(void *arg, unsigned int ready)
{
	struct ab_rtnl *m = arg;
	struct ab_rtnl_datagram d;
	bool is_dump = false;

	(void)ready;
	if (m->stage != STAGE_IDLE && !drain_topo(m))
		return; /* comes again: the queue is still readable */
	for (int i = 0; i < BUDGET && !is_dump; i++) {
		uint32_t port = nl_socket_get_local_port(m->query.sock);
		struct nlmsghdr *msg;
		enum ab_rtnl_received what = ab_rtnl_channel_recv(&m->query, &d);
		int n = d.n;

		if (what == AB_RTNL_RECEIVED_LOSS)
			query_lost(m);
		if (what != AB_RTNL_RECEIVED_DATA)
			return;
		for (msg = (struct nlmsghdr *)d.buf; nlmsg_ok(msg, n);
		     msg = nlmsg_next(msg, &n)) {
			if (msg->nlmsg_pid != port)
				continue;
			/* The next part was made before we read this one: read `topo`
			 * again before it. */
			is_dump = is_dump || msg->nlmsg_seq == m->dump_seq;
			if (m->stage != STAGE_IDLE && msg->nlmsg_seq == m->dump_seq)
				take_dumped(m, msg, n);
			else
				take_answer(m, msg, n);
		}
		free(d.buf);
		send_questions(m);
	}
}

/* --- work that calls asked for -------------------------------------------------- */

static int query_open(struct ab_rtnl *m)
{
	int r = ab_rtnl_channel_open(&m->query, m->loop, on_query, m);

	if (r < 0)
		return r;
	(void)nl_socket_set_buffer_size(m->query.sock, QUERY_RCVBUF, 0);
	nl_socket_enable_msg_peek(m->query.sock); /* nothing may be cut here */
	return 0;
}

static ab_mono next_dump(const struct ab_rtnl *m)
{
	ab_mono when = m->not_before;

	if (m->was_unclean) {
		ab_mono paced = ab_mono_add_ms(m->dump_began, REDUMP_MS);

		if (ab_mono_before(when, paced))
			when = paced;
	}
	return when;
}

static void on_work(void *arg)
{
	struct ab_rtnl *m = arg;
	ab_mono now = ab_loop_now(m->loop);
	int r;

	if (!m->query.sock) {
		if (!ab_mono_reached(m->not_before, now)) {
			ab_loop_timer_set(m->work, m->not_before);
			return;
		}
		r = query_open(m);
		if (r < 0) {
			errno = -r;
			ab_log_warn("rtnl", "opening a socket failed, trying again");
			retry_later(m);
			return;
		}
	}
	if (m->is_wanted && m->stage == STAGE_IDLE) {
		if (ab_mono_reached(next_dump(m), now))
			dump_begin(m);
		else
			ab_loop_timer_set(m->work, next_dump(m));
	}
	send_questions(m);
}

void ab_rtnl_resync(struct ab_rtnl *rtnl)
{
	rtnl->is_wanted = true;
	work_soon(rtnl);
}

void ab_rtnl_stats(const struct ab_rtnl *rtnl, struct ab_rtnl_stats *ret_stats)
{
	*ret_stats = rtnl->stats;
}

static int listen_to_all(struct ab_rtnl *m)
{
	static const int topo[] = { RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR,
				    RTNLGRP_IPV6_IFADDR };
	static const int churn[] = { RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,
				     RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE,
				     RTNLGRP_NEIGH };
	int r;

	r = ab_rtnl_channel_open(&m->topo, m->loop, on_topo, m);
	if (r == 0)
		r = ab_rtnl_channel_join(&m->topo, m->config.rcvbuf_bytes, topo,
					 sizeof(topo) / sizeof(topo[0]));
	if (r == 0)
		r = ab_rtnl_channel_open(&m->churn, m->loop, on_churn, m);
	if (r == 0)
		r = ab_rtnl_channel_join(&m->churn, m->config.rcvbuf_bytes, churn,
					 sizeof(churn) / sizeof(churn[0]));
	if (r == 0)
		r = query_open(m);
	return r;
}

int ab_rtnl_new(struct ab_loop *loop, const struct ab_rtnl_config *config,
		ab_event_fn *fn, void *arg, struct ab_rtnl **ret_rtnl)
{
	struct ab_rtnl *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return -ENOMEM;
	*m = (struct ab_rtnl){ .loop = loop, .fn = fn, .arg = arg, .config = *config };
	if (m->config.rcvbuf_bytes == 0)
		m->config.rcvbuf_bytes = AB_RTNL_RCVBUF;
	TAILQ_INIT(&m->waiting);
	TAILQ_INIT(&m->flying);
	m->is_stale = true; /* by definition: no dump has ended yet */
	m->is_wanted = true;
	r = ab_loop_timer_new(loop, on_work, m, &m->work);
	if (r == 0)
		r = listen_to_all(m);
	if (r < 0) {
		ab_rtnl_free(m);
		return r;
	}
	work_soon(m);
	*ret_rtnl = m;
	return 0;
}

struct ab_rtnl *ab_rtnl_free(struct ab_rtnl *rtnl)
{
	struct question *q;

	if (!rtnl)
		return NULL;
	ab_rtnl_channel_close(&rtnl->topo);
	ab_rtnl_channel_close(&rtnl->churn);
	ab_rtnl_channel_close(&rtnl->query);
	ab_loop_timer_free(rtnl->work);
	while ((q = TAILQ_FIRST(&rtnl->flying)) || (q = TAILQ_FIRST(&rtnl->waiting)))
		question_free(rtnl, q);
	ab_rtnl_keys_clear(&rtnl->notified);
	ab_rtnl_keys_clear(&rtnl->failed);
	free(rtnl);
	return NULL;
}
