/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/probe.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "io/probe_icmp.h"
#include "io/probe_table.h"
#include "io/probe_tcp.h"

/* The first probes of paths that are set together are spread over this time. */
#define SPREAD_MS 100
#define JITTER_DIVISOR 10 /* at most a tenth of the interval */

struct batch {
	unsigned int n;
	struct ab_icmp_request requests[AB_ICMP_BATCH];
};

struct ab_probe {
	struct ab_loop *loop; /* borrowed, outlives this */
	ab_event_fn *fn;
	void *arg;
	struct ab_hash_key key;
	bool is_steady;
	bool is_busy;  /* in a wake-up of ours: the timer is set at its end */
	uint32_t life; /* of the path that was set last */
	ab_mono armed; /* what .timer is set to */
	struct ab_probe_table table;
	struct ab_icmp *icmp;	       /* owned */
	struct ab_tcp *tcp;	       /* owned */
	struct ab_loop_timer *timer;   /* owned */
	struct ab_loop_fd *handles[3]; /* owned: ICMP, ICMPv6, TCP; NULL: none */
	struct batch batches[AB_ICMP_FAMILIES];
	struct ab_probe_counters counters;
};

/* One method's result, or a round's. */
struct outcome {
	struct ab_probe_half half;
	uint8_t method; /* AB_PROBE_ICMP, AB_PROBE_TCP */
};

static struct ab_probe_path *path_at(struct ab_probe *probe, uint32_t slot)
{
	return &probe->table.paths[slot];
}

/* Is the path of @slot the one that had this @life? A callback may have cleared it. */
static bool is_alive(struct ab_probe *probe, uint32_t slot, uint32_t life)
{
	return slot < probe->table.size && path_at(probe, slot)->family != 0 &&
	       path_at(probe, slot)->life == life;
}

static struct ab_portal portal_of(const struct ab_probe_path *p)
{
	struct ab_portal portal = { .addr.family = p->family, .port = p->port };

	memcpy(portal.addr.bytes, p->addr, sizeof(p->addr));
	return portal;
}

/* --- when ----------------------------------------------------------------------- */

static uint64_t hash_of(const struct ab_probe *probe, uint64_t id, uint64_t n)
{
	uint64_t message[2] = { id, n };

	return ab_siphash(&probe->key, message, sizeof(message));
}

static int64_t interval_ns(const struct ab_probe_path *p)
{
	return p->interval_ms * AB_NSEC_PER_MSEC;
}

/* The path's own point within each interval, the next one after @now. */
static int64_t next_anchor(const struct ab_probe *probe, const struct ab_probe_path *p,
			   int64_t now)
{
	int64_t interval = interval_ns(p);
	int64_t phase = (int64_t)(hash_of(probe, p->id, 0) % (uint64_t)interval);

	if (probe->is_steady)
		return now + interval;
	if (now < phase)
		return phase;
	return now - (now - phase) % interval + interval;
}

static void schedule_anchor(struct ab_probe *probe, uint32_t slot)
{
	struct ab_probe_path *p = path_at(probe, slot);
	uint64_t range = (uint64_t)interval_ns(p) / JITTER_DIVISOR;
	int64_t jitter = 0;

	if (!probe->is_steady)
		jitter = (int64_t)(hash_of(probe, p->id, p->seq + UINT64_C(1)) % range);
	ab_probe_table_schedule(&probe->table, slot, p->anchor + jitter);
}

/* A round is over. One that took longer than the interval is followed at once, but no
 * round that was missed is made up for. */
static void schedule_next(struct ab_probe *probe, uint32_t slot, int64_t now)
{
	struct ab_probe_path *p = path_at(probe, slot);
	int64_t interval = interval_ns(p);

	if (p->burst > 1) {
		p->burst--;
		p->anchor += AB_PROBE_BURST_MS * AB_NSEC_PER_MSEC;
		if (p->anchor < now)
			p->anchor = now;
		ab_probe_table_schedule(&probe->table, slot, p->anchor);
		return;
	}
	if (p->burst == 1 && !probe->is_steady) {
		p->anchor = next_anchor(probe, p, now);
	} else {
		p->anchor += interval;
		if (now - p->anchor >= interval)
			p->anchor = now - (now - p->anchor) % interval;
	}
	p->burst = 0;
	schedule_anchor(probe, slot);
}

/* Starts the burst of a path that is idle. */
static void schedule_burst(struct ab_probe *probe, uint32_t slot, uint8_t burst)
{
	struct ab_probe_path *p = path_at(probe, slot);
	uint32_t range = p->interval_ms < SPREAD_MS ? p->interval_ms : SPREAD_MS;

	p->burst = burst ? burst : 1;
	p->anchor = ab_loop_now(probe->loop).ns;
	if (!probe->is_steady)
		p->anchor +=
			(int64_t)(hash_of(probe, p->id, 0) % range) * AB_NSEC_PER_MSEC;
	ab_probe_table_schedule(&probe->table, slot, p->anchor);
}

/* --- what came of it ------------------------------------------------------------ */

static void finish(struct ab_probe *probe, uint32_t slot, const struct outcome *o)
{
	struct ab_probe_path *p = path_at(probe, slot);
	struct ab_event ev = { .type = AB_EV_PROBE };

	ev.probe.path = p->id;
	ev.probe.seq = p->seq;
	ev.probe.result = o->half.result;
	ev.probe.method = o->method;
	ev.probe.error = o->half.error;
	ev.probe.rtt_us = o->half.rtt_us;
	ev.probe.arrival = o->half.arrival;
	p->phase = AB_PROBE_IDLE;
	schedule_next(probe, slot, ab_loop_now(probe->loop).ns);
	probe->counters.results[o->half.result]++;
	probe->fn(probe->arg, &ev); /* may change or clear the path */
}

static struct outcome tcp_outcome(const struct ab_probe_path *p,
				  const struct ab_tcp_outcome *tcp)
{
	struct outcome o = { .method = AB_PROBE_TCP };

	o.half.result = tcp->result;
	o.half.error = (int16_t)tcp->error;
	o.half.rtt_us = tcp->rtt_us;
	if (tcp->result == AB_PROBE_ANSWER)
		o.half.arrival = p->ifindex; /* the socket takes no others */
	return o;
}

/* Starts the connect of a path, or lets it wait for a free place. Return: true when it
 * is over already, and how it went in *ret. */
static bool start_connect(struct ab_probe *probe, uint32_t slot, struct outcome *ret)
{
	struct ab_probe_path *p = path_at(probe, slot);
	struct ab_portal portal = portal_of(p);
	struct ab_tcp_outcome tcp;

	if (ab_tcp_is_full(probe->tcp)) {
		p->phase = AB_PROBE_WAIT;
		ab_probe_table_wait(&probe->table, slot);
		return false;
	}
	p->phase = AB_PROBE_CONNECT;
	p->sent = ab_loop_now(probe->loop).ns;
	probe->counters.connects++;
	if (ab_tcp_start(probe->tcp, p->ifindex, &portal, slot, &p->connect, &tcp) ==
	    0) {
		ab_probe_table_schedule(&probe->table, slot,
					p->sent + p->timeout_ms * AB_NSEC_PER_MSEC);
		return false;
	}
	*ret = tcp_outcome(p, &tcp);
	return true;
}

/* What says more of two failures; of equals the echo's. */
static bool says_more(uint8_t tcp, uint8_t icmp)
{
	static const uint8_t rank[AB_PROBE_RESULT_MAX] = {
		[AB_PROBE_LOST] = 0,
		[AB_PROBE_CANNOT_SEND] = 1,
		[AB_PROBE_REFUSED] = 2,
		[AB_PROBE_WRONG_DEVICE] = 3,
	};

	return rank[tcp] > rank[icmp];
}

/* The connect, the last method of a round, has come to its end. */
static void on_connected(struct ab_probe *probe, uint32_t slot, const struct outcome *o)
{
	const struct ab_probe_path *p = path_at(probe, slot);
	struct outcome icmp = { .half = p->half, .method = AB_PROBE_ICMP };
	bool is_answer = o->half.result == AB_PROBE_ANSWER;
	/* The echo's round trip is the better measure of the network. */
	bool is_both = p->method == AB_PROBE_ICMP_AND_TCP && is_answer;
	bool is_none = p->method == AB_PROBE_ICMP_OR_TCP && !is_answer;

	if (is_both || (is_none && !says_more(o->half.result, p->half.result)))
		o = &icmp;
	finish(probe, slot, o);
}

static void begin_connect(struct ab_probe *probe, uint32_t slot)
{
	struct outcome o;

	if (start_connect(probe, slot, &o))
		on_connected(probe, slot, &o);
}

/* The echo has come to its end: the round goes on with the connect, or is over. */
static void on_echoed(struct ab_probe *probe, uint32_t slot, const struct outcome *o)
{
	struct ab_probe_path *p = path_at(probe, slot);
	bool is_answer = o->half.result == AB_PROBE_ANSWER;

	p->is_settled = is_answer;
	if (p->method == (is_answer ? AB_PROBE_ICMP_AND_TCP : AB_PROBE_ICMP_OR_TCP)) {
		p->half = o->half;
		begin_connect(probe, slot);
	} else {
		finish(probe, slot, o);
	}
}

static void on_connect_over(void *arg, uint32_t slot, const struct ab_tcp_outcome *tcp)
{
	struct ab_probe *probe = arg;
	struct ab_probe_path *p = path_at(probe, slot);
	struct outcome o = tcp_outcome(p, tcp);

	assert(p->phase == AB_PROBE_CONNECT);
	on_connected(probe, slot, &o);
}

/* --- echoes --------------------------------------------------------------------- */

static void flush_batch(struct ab_probe *probe, enum ab_icmp_family family)
{
	struct batch *b = &probe->batches[family];
	unsigned int n = b->n;
	struct outcome o = { .half.result = AB_PROBE_CANNOT_SEND,
			     .method = AB_PROBE_ICMP };

	b->n = 0;
	if (!n)
		return;
	ab_icmp_send(probe->icmp, family, b->requests, n);
	for (unsigned int i = 0; i < n; i++) {
		struct ab_icmp_request *req = &b->requests[i];
		struct ab_probe_path *p = path_at(probe, req->token);

		/* Cleared by the callback of an earlier one that could not be sent. */
		if (!is_alive(probe, req->token, req->life))
			continue;
		if (req->error) {
			o.half.error = (int16_t)req->error;
			on_echoed(probe, req->token, &o);
			continue;
		}
		probe->counters.echoes++;
		p->sent = req->sent.ns;
		ab_probe_table_schedule(&probe->table, req->token,
					p->sent + p->timeout_ms * AB_NSEC_PER_MSEC);
	}
}

static void begin_echo(struct ab_probe *probe, uint32_t slot)
{
	struct ab_probe_path *p = path_at(probe, slot);
	enum ab_icmp_family family = p->family == AF_INET ? AB_ICMP_4 : AB_ICMP_6;
	struct batch *b = &probe->batches[family];

	p->phase = AB_PROBE_ECHO;
	b->requests[b->n++] = (struct ab_icmp_request){
		.addr = portal_of(p).addr,
		.ifindex = p->ifindex,
		.token = slot,
		.seq = p->seq,
		.who = p->id,
		.life = p->life,
	};
	if (b->n == AB_ICMP_BATCH)
		flush_batch(probe, family);
}

/* The time of sending is a share of its batch's, so a very short way may come out as
 * none or less. Much less means that CLOCK_REALTIME was set meanwhile. */
static uint32_t rtt_us_of(int64_t rtt_ns)
{
	if (rtt_ns < -AB_NSEC_PER_MSEC)
		return 0; /* unknown */
	return rtt_ns < 1000 ? 1 : (uint32_t)(rtt_ns / 1000);
}

/* What an answer says about its path. Return: false when it is too late. */
static bool read_outcome(const struct ab_probe_path *p, const struct ab_icmp_answer *a,
			 struct outcome *ret)
{
	int64_t rtt = a->received.ns - p->sent;

	if (rtt > p->timeout_ms * AB_NSEC_PER_MSEC)
		return false;
	*ret = (struct outcome){ .method = AB_PROBE_ICMP };
	ret->half.arrival = a->arrival;
	ret->half.error = (int16_t)a->error;
	switch ((enum ab_icmp_what)a->what) {
	case AB_ICMP_ECHO:
		ret->half.result = a->arrival == p->ifindex ? AB_PROBE_ANSWER
							    : AB_PROBE_WRONG_DEVICE;
		ret->half.rtt_us = rtt_us_of(rtt);
		break;
	case AB_ICMP_UNREACHABLE:
		ret->half.result = AB_PROBE_REFUSED;
		break;
	case AB_ICMP_UNSENT:
		ret->half.result = AB_PROBE_CANNOT_SEND;
		break;
	}
	return true;
}

static void on_icmp_answer(void *arg, const struct ab_icmp_answer *a)
{
	struct ab_probe *probe = arg;
	uint32_t slot = a->echo.token;
	const struct ab_addr *about = a->what == AB_ICMP_ECHO ? &a->from : &a->asked;
	struct ab_probe_path *p;
	struct ab_portal portal;
	struct outcome o;

	if (slot >= probe->table.size || path_at(probe, slot)->family == 0) {
		probe->counters.stale++;
		return;
	}
	p = path_at(probe, slot);
	portal = portal_of(p);
	if (!ab_icmp_is_ours(probe->icmp, &a->echo, p->id, p->life) ||
	    !ab_addr_equal(about, &portal.addr)) {
		probe->counters.forged++;
		return;
	}
	if (a->echo.seq == p->seq && p->phase == AB_PROBE_ECHO &&
	    read_outcome(p, a, &o)) {
		probe->counters.answers += o.half.result == AB_PROBE_ANSWER;
		on_echoed(probe, slot, &o);
	} else if (a->echo.seq == p->seq && p->phase != AB_PROBE_ECHO &&
		   p->is_settled) {
		probe->counters.duplicates++;
	} else {
		probe->counters.late++;
	}
}

/* --- wake-ups ------------------------------------------------------------------- */

static void begin_round(struct ab_probe *probe, uint32_t slot)
{
	struct ab_probe_path *p = path_at(probe, slot);

	p->seq++;
	p->is_settled = false;
	if (p->method == AB_PROBE_TCP)
		begin_connect(probe, slot);
	else
		begin_echo(probe, slot);
}

/* What has come before this wake-up counts, even if nobody looked until now. */
static void look_once(struct ab_probe *probe, bool *is_drained)
{
	if (*is_drained)
		return;
	*is_drained = true;
	ab_icmp_receive(probe->icmp, AB_ICMP_4, on_icmp_answer, probe);
	ab_icmp_receive(probe->icmp, AB_ICMP_6, on_icmp_answer, probe);
	ab_tcp_ready(probe->tcp);
}

static void on_due(struct ab_probe *probe, uint32_t slot, bool *is_drained)
{
	struct ab_probe_path *p = path_at(probe, slot);
	uint32_t life = p->life;
	uint32_t seq = p->seq;
	uint8_t phase = p->phase;
	struct outcome o = { .half.result = AB_PROBE_LOST };

	if (phase == AB_PROBE_IDLE) {
		begin_round(probe, slot);
		return;
	}
	look_once(probe, is_drained);
	if (!is_alive(probe, slot, life))
		return;
	p = path_at(probe, slot);
	if (p->seq != seq || p->phase != phase)
		return;
	if (phase == AB_PROBE_ECHO) {
		o.method = AB_PROBE_ICMP;
		on_echoed(probe, slot, &o);
	} else {
		o.method = AB_PROBE_TCP;
		ab_tcp_cancel(probe->tcp, p->connect);
		on_connected(probe, slot, &o);
	}
}

static void enter(struct ab_probe *probe)
{
	assert(!probe->is_busy);
	probe->is_busy = true;
}

static void arm(struct ab_probe *probe)
{
	ab_mono next = ab_probe_table_next(&probe->table);

	/* A change from outside has made room for one that waits. */
	if (!ab_tcp_is_full(probe->tcp) &&
	    probe->table.heads[AB_PROBE_LIST_WAIT] != AB_PROBE_NIL)
		next = ab_loop_now(probe->loop);
	if (next.ns == probe->armed.ns)
		return;
	probe->armed = next;
	ab_loop_timer_set(probe->timer, next);
}

/* The end of every wake-up: free places for connects are given to those that wait. */
static void leave(struct ab_probe *probe)
{
	uint32_t slot;

	while (!ab_tcp_is_full(probe->tcp)) {
		slot = ab_probe_table_pop(&probe->table, AB_PROBE_LIST_WAIT);
		if (slot == AB_PROBE_NIL)
			break;
		begin_connect(probe, slot);
	}
	probe->is_busy = false;
	arm(probe);
}

static void on_timer(void *arg)
{
	struct ab_probe *probe = arg;
	bool is_drained = false;
	uint32_t slot;

	enter(probe);
	probe->armed = AB_MONO_NEVER;
	ab_probe_table_advance(&probe->table, ab_loop_now(probe->loop));
	while ((slot = ab_probe_table_pop(&probe->table, AB_PROBE_LIST_DUE)) !=
	       AB_PROBE_NIL)
		on_due(probe, slot, &is_drained);
	flush_batch(probe, AB_ICMP_4);
	flush_batch(probe, AB_ICMP_6);
	leave(probe);
}

static void on_icmp4(void *arg, unsigned int ready)
{
	struct ab_probe *probe = arg;

	(void)ready;
	enter(probe);
	ab_icmp_receive(probe->icmp, AB_ICMP_4, on_icmp_answer, probe);
	leave(probe);
}

static void on_icmp6(void *arg, unsigned int ready)
{
	struct ab_probe *probe = arg;

	(void)ready;
	enter(probe);
	ab_icmp_receive(probe->icmp, AB_ICMP_6, on_icmp_answer, probe);
	leave(probe);
}

static void on_tcp(void *arg, unsigned int ready)
{
	struct ab_probe *probe = arg;

	(void)ready;
	enter(probe);
	ab_tcp_ready(probe->tcp);
	leave(probe);
}

/* --- from outside --------------------------------------------------------------- */

static bool is_valid(const struct ab_effect *e)
{
	uint8_t family = e->probe.portal.addr.family;
	bool has_tcp = e->probe.method != AB_PROBE_ICMP;

	return e->probe.method > AB_PROBE_NONE &&
	       e->probe.method < AB_PROBE_METHOD_MAX && e->probe.ifindex > 0 &&
	       e->probe.ifindex <= INT32_MAX &&
	       (family == AF_INET || family == AF_INET6) &&
	       (!has_tcp || e->probe.portal.port > 0) &&
	       e->probe.interval_ms >= AB_PROBE_INTERVAL_MIN_MS &&
	       e->probe.timeout_ms > 0;
}

/* Nothing of this path is under way any more; a late answer will not fit. */
static void abandon(struct ab_probe *probe, uint32_t slot)
{
	struct ab_probe_path *p = path_at(probe, slot);

	if (p->phase == AB_PROBE_CONNECT)
		ab_tcp_cancel(probe->tcp, p->connect);
	p->phase = AB_PROBE_IDLE;
}

static bool is_same_question(const struct ab_probe_path *p, const struct ab_effect *e)
{
	struct ab_portal portal = portal_of(p);

	return p->ifindex == e->probe.ifindex && p->method == e->probe.method &&
	       ab_portal_equal(&portal, &e->probe.portal);
}

static void change_pace(struct ab_probe *probe, uint32_t slot,
			const struct ab_effect *e)
{
	struct ab_probe_path *p = path_at(probe, slot);
	bool is_new = p->interval_ms != e->probe.interval_ms;
	int64_t now = ab_loop_now(probe->loop).ns;

	p->interval_ms = e->probe.interval_ms;
	p->timeout_ms = e->probe.timeout_ms;
	if (e->probe.burst > p->burst) {
		if (p->phase == AB_PROBE_IDLE) {
			schedule_burst(probe, slot, e->probe.burst);
			return;
		}
		p->anchor = now; /* behind the one that is under way */
		p->burst = (uint8_t)(e->probe.burst < UINT8_MAX ? e->probe.burst + 1
								: UINT8_MAX);
	} else if (is_new && p->burst == 0) {
		p->anchor = next_anchor(probe, p, now);
		if (p->phase == AB_PROBE_IDLE)
			schedule_anchor(probe, slot);
		else
			p->anchor -= interval_ns(p);
	}
}

static int set_path(struct ab_probe *probe, const struct ab_effect *e)
{
	uint32_t slot = ab_probe_table_find(&probe->table, e->probe.path);
	struct ab_probe_path *p;
	int r;

	if (!is_valid(e))
		return -EINVAL;
	if (slot == AB_PROBE_NIL) {
		r = ab_probe_table_add(&probe->table, e->probe.path, &slot);
		if (r < 0)
			return r;
	} else if (is_same_question(path_at(probe, slot), e)) {
		change_pace(probe, slot, e);
		return 0;
	} else {
		abandon(probe, slot);
	}
	p = path_at(probe, slot);
	p->life = ++probe->life;
	p->ifindex = e->probe.ifindex;
	p->method = e->probe.method;
	p->family = e->probe.portal.addr.family;
	p->port = e->probe.portal.port;
	memcpy(p->addr, e->probe.portal.addr.bytes, sizeof(p->addr));
	p->interval_ms = e->probe.interval_ms;
	p->timeout_ms = e->probe.timeout_ms;
	schedule_burst(probe, slot, e->probe.burst);
	return 0;
}

static void clear_path(struct ab_probe *probe, uint64_t id)
{
	uint32_t slot = ab_probe_table_find(&probe->table, id);

	if (slot == AB_PROBE_NIL)
		return;
	abandon(probe, slot);
	ab_probe_table_del(&probe->table, slot);
}

int ab_probe_set(struct ab_probe *probe, const struct ab_effect *effect)
{
	int r = 0;

	assert(effect->type == AB_EF_PROBE_SET || effect->type == AB_EF_PROBE_CLEAR);
	if (effect->type == AB_EF_PROBE_SET)
		r = set_path(probe, effect);
	else
		clear_path(probe, effect->probe.path);
	if (!probe->is_busy)
		arm(probe);
	return r;
}

int ab_probe_error(const struct ab_probe *probe, uint8_t method, uint8_t family)
{
	if (method != AB_PROBE_ICMP)
		return 0;
	return ab_icmp_error(probe->icmp, family == AF_INET ? AB_ICMP_4 : AB_ICMP_6);
}

void ab_probe_counters(const struct ab_probe *probe, struct ab_probe_counters *ret)
{
	const struct ab_probe_table *t = &probe->table;
	struct ab_icmp_counters icmp;

	ab_icmp_counters(probe->icmp, &icmp);
	*ret = probe->counters;
	ret->strange = icmp.strange;
	ret->send_calls = icmp.send_calls;
	ret->recv_calls = icmp.recv_calls;
	ret->paths = t->n;
	ret->connects_open = ab_tcp_count(probe->tcp);
	for (uint32_t i = t->heads[AB_PROBE_LIST_WAIT]; i != AB_PROBE_NIL;
	     i = t->paths[i].next)
		ret->waiting++;
	ret->bytes = t->size * (sizeof(*t->paths) + 2 * sizeof(*t->index));
}

static int watch(struct ab_probe *probe)
{
	static ab_loop_fd_fn *const fns[] = { on_icmp4, on_icmp6, on_tcp };
	int fds[] = { ab_icmp_fd(probe->icmp, AB_ICMP_4),
		      ab_icmp_fd(probe->icmp, AB_ICMP_6), ab_tcp_fd(probe->tcp) };
	int r;

	for (unsigned int i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		if (fds[i] < 0)
			continue;
		r = ab_loop_fd_new(probe->loop, fds[i], AB_LOOP_READ, fns[i], probe,
				   &probe->handles[i]);
		if (r < 0)
			return r;
	}
	return ab_loop_timer_new(probe->loop, on_timer, probe, &probe->timer);
}

int ab_probe_new(struct ab_loop *loop, const struct ab_probe_config *config,
		 ab_event_fn *fn, void *arg, struct ab_probe **ret_probe)
{
	struct ab_icmp_config icmp = {
		.key = config->key,
		.rcvbuf = config->rcvbuf ? config->rcvbuf : AB_PROBE_RCVBUF,
		.size = config->size ? config->size : AB_ICMP_SIZE_MIN,
	};
	uint32_t connects =
		config->connect_max ? config->connect_max : AB_PROBE_CONNECTS;
	struct ab_probe *probe;
	int r;

	if (connects > AB_PROBE_CONNECTS_MAX || icmp.rcvbuf > INT32_MAX / 2)
		return -EINVAL;
	probe = calloc(1, sizeof(*probe));
	if (!probe)
		return -ENOMEM;
	probe->loop = loop;
	probe->fn = fn;
	probe->arg = arg;
	probe->key = config->key;
	probe->is_steady = config->is_steady;
	probe->armed = AB_MONO_NEVER;
	ab_probe_table_init(&probe->table, &config->key,
			    config->path_max ? config->path_max : AB_PROBE_PATHS,
			    ab_loop_now(loop));
	r = ab_icmp_new(&icmp, &probe->icmp);
	if (!r)
		r = ab_tcp_new(connects, on_connect_over, probe, &probe->tcp);
	if (!r)
		r = watch(probe);
	if (r < 0) {
		ab_probe_free(probe);
		return r;
	}
	*ret_probe = probe;
	return 0;
}

struct ab_probe *ab_probe_free(struct ab_probe *probe)
{
	if (!probe)
		return NULL;
	for (unsigned int i = 0; i < sizeof(probe->handles) / sizeof(probe->handles[0]);
	     i++)
		ab_loop_fd_free(probe->handles[i]);
	ab_loop_timer_free(probe->timer);
	ab_tcp_free(probe->tcp);
	ab_icmp_free(probe->icmp);
	ab_probe_table_fini(&probe->table);
	free(probe);
	return NULL;
}
