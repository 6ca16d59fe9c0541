// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How long the engine takes for one event in a large world: PORTS devices that each
 * reach PORTALS portals of one target, every path up, every record written. Prints one
 * line a measure: name, number, unit. No input or output but that: the engine alone.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "../model/model.h"
#include "core/world.h"

#define PORTS 64
#define PORTALS 1024
#define PATHS (PORTS * PORTALS)
#define EFFECTS_MAX 4096
#define MESSAGES 10000

struct bench {
	struct ab_engine *e;
	const struct ab_policy_set *set;
	ab_mono now;
	struct ab_effect *effects;
	struct ab_event *queue; /* answers that wait */
	uint32_t first, n;
	uint64_t n_steps;
	double longest; /* seconds of one step */
};

#define QUEUE_MAX (4 * PATHS)

static double seconds(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct ab_event *push(struct bench *b, enum ab_event_type type)
{
	struct ab_event *ev;

	if (b->n == QUEUE_MAX)
		errx(1, "too many answers");
	ev = &b->queue[(b->first + b->n++) % QUEUE_MAX];
	memset(ev, 0, sizeof(*ev));
	ev->type = type;
	return ev;
}

static struct ab_portal portal_at(unsigned int i)
{
	struct ab_portal p;

	memset(&p, 0, sizeof(p));
	p.addr = (struct ab_addr){ AF_INET,
				   { 10, 0, (uint8_t)(16 + i / 256), (uint8_t)i } };
	p.port = AB_PORTAL_PORT;
	return p;
}

static void find_portals(struct bench *b, const struct ab_effect *ef)
{
	unsigned int i;

	for (i = 0; i < PORTALS; i++) {
		struct ab_event *ev = push(b, AB_EV_FOUND);

		ev->found.job = ef->job;
		ev->found.portal = portal_at(i);
		ev->found.tpgt = 1;
		strcpy(ev->found.target, "iqn.2026-01.bench:t");
	}
}

/* Everything goes well at once. */
static void answer(struct bench *b, const struct ab_effect *ef)
{
	struct ab_event *ev;

	if (ef->type == AB_EF_ROUTE_CHECK) {
		ev = push(b, AB_EV_ROUTE);
		ev->route.path = ef->route.path;
		ev->route.verdict = AB_ROUTE_OK;
	} else if (ef->type == AB_EF_PROBE_SET) {
		ev = push(b, AB_EV_PROBE);
		ev->probe.path = ef->probe.path;
		ev->probe.rtt_us = 100;
	} else if (ef->job) {
		if (ef->type == AB_EF_DISCOVER)
			find_portals(b, ef);
		ev = push(b, AB_EV_DONE);
		ev->done.job = ef->job;
		ev->done.hash = ef->job;
	}
}

static void step(struct bench *b, const struct ab_event *ev)
{
	struct ab_effects out = { .v = b->effects, .max = EFFECTS_MAX };
	double start = seconds(), used;
	uint32_t i;

	if (ab_engine_step(b->e, b->set, ev, b->now, &out))
		errx(1, "no room");
	used = seconds() - start;
	b->longest = used > b->longest ? used : b->longest;
	b->n_steps++;
	for (i = 0; i < out.n; i++)
		answer(b, &out.v[i]);
}

/* Until only deadlines beyond the next second are left. */
static void settle(struct bench *b)
{
	static const struct ab_event tick = { .type = AB_EV_TICK };
	ab_mono end = ab_mono_add_ms(b->now, 1000);

	for (;;) {
		if (b->n) {
			struct ab_event ev = b->queue[b->first];

			b->first = (b->first + 1) % QUEUE_MAX;
			b->n--;
			step(b, &ev);
			continue;
		}
		if (ab_mono_before(end, ab_engine_next(b->e)))
			break;
		if (ab_mono_before(b->now, ab_engine_next(b->e)))
			b->now = ab_engine_next(b->e);
		step(b, &tick);
	}
}

static void link_of(struct ab_event *ev, unsigned int port, bool has_carrier)
{
	memset(ev, 0, sizeof(*ev));
	ev->type = AB_EV_LINK;
	ev->link.ifindex = port + 2;
	(void)snprintf(ev->link.name, sizeof(ev->link.name), "eth%u", port);
	ev->link.type = AB_PORT_ETHER;
	ev->link.is_up = true;
	ev->link.has_carrier = has_carrier;
	ev->link.mtu = 9000;
	ev->link.hwaddr = (struct ab_hwaddr){ 6, { 2, 0, 0, 0, 0, (uint8_t)port } };
	ev->link.perm_hwaddr = ev->link.hwaddr;
}

static void feed_world(struct bench *b)
{
	static const enum ab_source order[] = { AB_SOURCE_LEDGER, AB_SOURCE_RECORDS,
						AB_SOURCE_UDEV, AB_SOURCE_RTNL };
	unsigned int i, k;

	push(b, AB_EV_POLICY);
	for (i = 0; i < 4; i++) {
		push(b, AB_EV_DUMP_BEGIN)->dump.source = (uint8_t)order[i];
		for (k = 0; k < PORTS && order[i] == AB_SOURCE_UDEV; k++) {
			struct ab_event *ev = push(b, AB_EV_UDEV);

			ev->udev.ifindex = k + 2;
			ev->udev.is_initialized = true;
		}
		for (k = 0; k < PORTS && order[i] == AB_SOURCE_RTNL; k++) {
			struct ab_event *ev;

			link_of(push(b, AB_EV_LINK), k, true);
			ev = push(b, AB_EV_ADDR);
			ev->addr.ifindex = k + 2;
			ev->addr.net = (struct ab_net){
				{ AF_INET, { 10, 0, 0, (uint8_t)(k + 1) } }, 16
			};
		}
		push(b, AB_EV_DUMP_END)->dump.source = (uint8_t)order[i];
	}
}

static void measure(struct bench *b, const char *name, const struct ab_event *ev)
{
	double start = seconds();

	b->longest = 0;
	step(b, ev);
	printf("%s: %.1f us\n", name, (seconds() - start) * 1e6);
	settle(b);
}

/* One portal of one port stops answering, and comes back. */
static void measure_probe(struct bench *b)
{
	uint32_t slot = ab_table_next(b->e, &b->e->paths, AB_NONE);
	struct ab_event ev = { .type = AB_EV_PROBE };
	double start;
	unsigned int i;

	ev.probe.path = ab_world_path_handle(b->e, slot);
	start = seconds();
	for (i = 0; i < 100000; i++)
		step(b, &ev);
	printf("probe answer without an edge: %.2f us\n",
	       (seconds() - start) * 1e6 / i);
	ev.probe.result = AB_PROBE_LOST;
	for (i = 0; i < 2; i++)
		step(b, &ev);
	measure(b, "probe that takes a path down", &ev);
}

static void measure_storm(struct bench *b)
{
	double start = seconds();
	unsigned int i;

	b->n_steps = 0;
	b->longest = 0;
	for (i = 0; i < MESSAGES; i++) {
		struct ab_event ev;

		link_of(&ev, i % PORTS, true);
		ev.link.mtu = 1500 + i;
		b->now = ab_mono_add_ns(b->now, AB_NSEC_PER_SEC / MESSAGES);
		while (!ab_mono_before(b->now, ab_engine_next(b->e)))
			step(b, &(struct ab_event){ .type = AB_EV_TICK });
		step(b, &ev);
	}
	settle(b);
	printf("%u link messages in a second: %.0f ms, %llu steps, longest %.1f ms\n",
	       MESSAGES, (seconds() - start) * 1e3, (unsigned long long)b->n_steps,
	       b->longest * 1e3);
}

int main(void)
{
	static const struct ab_limits limits = { .ports = PORTS + 1,
						 .addrs = PORTS + 1,
						 .targets = 4,
						 .ifaces = PORTS + 8,
						 .nodes = PATHS + 8,
						 .paths = PATHS + 8,
						 .founds = PATHS + 8 };
	struct ab_engine_config config = { .seed = 1 };
	size_t size = ab_engine_size(&limits);
	struct bench b = { .now = ab_mono_ns(1),
			   .effects = calloc(EFFECTS_MAX, sizeof(struct ab_effect)),
			   .queue = calloc(QUEUE_MAX, sizeof(struct ab_event)) };
	void *block = malloc(size);
	struct ab_event ev;
	double start;

	if (!b.effects || !b.queue || !block)
		err(1, "memory");
	b.e = ab_engine_init(block, &limits, &config);
	b.set = model_set(NULL, NULL,
			  "[Match]\nName = eth*\n[Portals]\nDiscover = 10.0.16.0\n"
			  "Targets = *\nMaxPortals = 1024\nRefresh = 7d\n"
			  "[Probe]\nRise = 1\n[Bind]\nAction = record\n",
			  NULL);
	start = seconds();
	feed_world(&b);
	settle(&b);
	printf("world of %u ports x %u portals: %.1f MB, %u records, built in %.1f s, "
	       "%llu steps, longest %.1f ms\n",
	       PORTS, PORTALS, (double)size / 1e6, b.e->nodes.live, seconds() - start,
	       (unsigned long long)b.n_steps, b.longest * 1e3);
	if (b.e->nodes.live != PATHS)
		errx(1, "not every path is bound");
	link_of(&ev, 5, false);
	measure(&b, "carrier lost, planned at once", &ev);
	link_of(&ev, 5, true);
	measure(&b, "carrier back, soaking", &ev);
	measure_probe(&b);
	measure_storm(&b);
	ev = (struct ab_event){ .type = AB_EV_POLICY };
	measure(&b, "everything planned again", &ev);
	model_set_free(b.set);
	free(b.effects);
	free(b.queue);
	free(block);
	return 0;
}
