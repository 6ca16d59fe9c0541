/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/ping.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <unistd.h>

#include "core/name.h"
#include "io/loop.h"
#include "io/probe.h"
#include "io/probe_icmp.h"
#include "util/text.h"

#define PATH_ID 1
#define IP4_HEADER 20
#define IP6_HEADER 40

struct device {
	uint32_t ifindex;
	uint32_t mtu;
	bool is_running;
	bool has_address;
};

struct run {
	const struct ab_ping_options *options;
	ab_ping_fn *fn;
	void *arg;
	struct ab_loop *loop;
	struct ab_probe *probe;
	struct ab_ping_report report; /* the counts of SUMMARY are kept here */
	ab_mono start;
	uint64_t sum_us, sum_us2;
	uint32_t n_rtt;
	uint32_t ifindex;
};

/* --- the device ----------------------------------------------------------------- */

/* Not what the kernel would take by itself for a portal that is not link-local. */
static bool is_usable_source(const struct sockaddr *sa, const struct ab_addr *portal)
{
	struct ab_addr a = { .family = AF_INET6 };

	if (!sa || sa->sa_family != portal->family)
		return false;
	if (portal->family == AF_INET)
		return true;
	memcpy(a.bytes, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr,
	       sizeof(a.bytes));
	return !ab_addr_is_linklocal6(&a) || ab_addr_is_linklocal6(portal);
}

static int look_for_address(const struct ab_ping_options *o, bool *ret_has_address)
{
	struct ifaddrs *list;

	if (getifaddrs(&list) < 0)
		return -errno;
	*ret_has_address = false;
	for (struct ifaddrs *a = list; a; a = a->ifa_next)
		if (!strcmp(a->ifa_name, o->ifname) &&
		    is_usable_source(a->ifa_addr, &o->portal.addr))
			*ret_has_address = true;
	freeifaddrs(list);
	return 0;
}

static int look_at_link(const char *ifname, struct device *ret)
{
	struct ifreq ifr = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int r = 0;

	if (fd < 0)
		return -errno;
	if (!ab_copy(ifr.ifr_name, sizeof(ifr.ifr_name), ifname))
		r = -ENODEV;
	if (!r && ioctl(fd, SIOCGIFFLAGS, &ifr) < 0)
		r = -errno;
	ret->is_running =
		(ifr.ifr_flags & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING);
	if (!r && ioctl(fd, SIOCGIFMTU, &ifr) < 0)
		r = -errno;
	ret->mtu = (uint32_t)ifr.ifr_mtu;
	if (!r && ioctl(fd, SIOCGIFINDEX, &ifr) < 0)
		r = -errno;
	ret->ifindex = (uint32_t)ifr.ifr_ifindex;
	close(fd);
	return r == -ENODEV ? AB_PING_E_NO_DEVICE : r;
}

static int look_at_device(const struct ab_ping_options *o, struct device *ret)
{
	int r = look_at_link(o->ifname, ret);

	if (r)
		return r;
	if (!ret->is_running)
		return AB_PING_E_DOWN;
	r = look_for_address(o, &ret->has_address);
	if (r)
		return r;
	return ret->has_address ? 0 : AB_PING_E_NO_ADDRESS;
}

static int choose_size(const struct ab_ping_options *o, uint32_t mtu,
		       uint32_t *ret_size)
{
	uint32_t headers = AB_WIRE_HEADER +
			   (o->portal.addr.family == AF_INET ? IP4_HEADER : IP6_HEADER);
	uint32_t largest = mtu > headers ? mtu - headers : 0;
	uint32_t size = o->size ? o->size : AB_PING_SIZE;

	if (largest > AB_ICMP_SIZE_MAX)
		largest = AB_ICMP_SIZE_MAX;
	if (o->is_jumbo)
		size = largest;
	if (size < AB_ICMP_SIZE_MIN || size > largest)
		return AB_PING_E_SIZE;
	*ret_size = size;
	return 0;
}

/* --- the run -------------------------------------------------------------------- */

static void count_rtt(struct run *run, uint32_t rtt_us)
{
	struct ab_ping_report *r = &run->report;

	if (!rtt_us)
		return;
	if (!run->n_rtt || rtt_us < r->rtt_min)
		r->rtt_min = rtt_us;
	if (rtt_us > r->rtt_max)
		r->rtt_max = rtt_us;
	run->n_rtt++;
	run->sum_us += rtt_us;
	run->sum_us2 += (uint64_t)rtt_us * rtt_us;
}

static void on_event(void *arg, const struct ab_event *ev)
{
	struct run *run = arg;
	struct ab_ping_report *r = &run->report;
	struct ab_ping_report line = { .what = AB_PING_RESULT,
				       .options = run->options,
				       .size = r->size,
				       .seq = ev->probe.seq,
				       .result = ev->probe.result,
				       .error = ev->probe.error,
				       .rtt_us = ev->probe.rtt_us };
	char name[IF_NAMESIZE];

	r->n_sent++;
	if (ev->probe.result == AB_PROBE_ANSWER) {
		r->n_answered++;
		count_rtt(run, ev->probe.rtt_us);
	} else if (ev->probe.result != AB_PROBE_LOST) {
		r->n_errors++;
	}
	if (ev->probe.result == AB_PROBE_WRONG_DEVICE)
		(void)ab_copy(line.arrival, sizeof(line.arrival),
			      if_indextoname(ev->probe.arrival, name) ? name : "?");
	run->fn(run->arg, &line);
	if (r->n_sent == run->options->count)
		ab_loop_stop(run->loop);
}

static void on_signal(void *arg, int signo)
{
	struct run *run = arg;

	(void)signo;
	ab_loop_stop(run->loop);
}

/* Root of an integer, rounded down (Newton). */
static uint32_t root_of(uint64_t v)
{
	uint64_t x = v;
	uint64_t y = (v + 1) / 2;

	while (y < x) {
		x = y;
		y = (x + v / x) / 2;
	}
	return (uint32_t)x;
}

/* As ping(8) has it: root of (mean of the squares less square of the mean). */
static uint32_t deviation(const struct run *run)
{
	uint64_t mean = run->sum_us / run->n_rtt;
	uint64_t mean2 = run->sum_us2 / run->n_rtt;

	return mean2 > mean * mean ? root_of(mean2 - mean * mean) : 0;
}

static void tell_summary(struct run *run)
{
	struct ab_ping_report *r = &run->report;
	struct ab_probe_counters counters;

	ab_probe_counters(run->probe, &counters);
	r->what = AB_PING_SUMMARY;
	r->n_duplicates = (uint32_t)counters.duplicates;
	r->time_ms = (uint64_t)ab_mono_ms_between(run->start, ab_loop_now(run->loop));
	if (run->n_rtt) {
		r->rtt_avg = (uint32_t)(run->sum_us / run->n_rtt);
		r->rtt_mdev = deviation(run);
	}
	run->fn(run->arg, r);
}

static int start_probe(struct run *run)
{
	const struct ab_ping_options *o = run->options;
	struct ab_probe_config config = { .path_max = 1,
					  .size = run->report.size,
					  .is_steady = true };
	struct ab_effect e = { .type = AB_EF_PROBE_SET };
	int r;

	if (getrandom(&config.key, sizeof(config.key), 0) !=
	    (ssize_t)sizeof(config.key))
		return -errno;
	r = ab_probe_new(run->loop, &config, on_event, run, &run->probe);
	if (r < 0)
		return r;
	r = ab_probe_error(run->probe, o->method, o->portal.addr.family);
	if (r < 0)
		return r;
	e.probe.path = PATH_ID;
	e.probe.ifindex = run->ifindex;
	e.probe.portal = o->portal;
	e.probe.method = o->method;
	e.probe.interval_ms = o->interval_ms;
	e.probe.timeout_ms = o->timeout_ms;
	return ab_probe_set(run->probe, &e);
}

static int run_loop(struct run *run)
{
	struct ab_loop_signal *on_int = NULL;
	struct ab_loop_signal *on_term = NULL;
	int r;

	r = ab_loop_new(&run->loop);
	if (r < 0)
		return r;
	r = ab_loop_signal_new(run->loop, SIGINT, on_signal, run, &on_int);
	if (!r)
		r = ab_loop_signal_new(run->loop, SIGTERM, on_signal, run, &on_term);
	if (!r)
		r = start_probe(run);
	if (!r) {
		run->report.what = AB_PING_START;
		run->fn(run->arg, &run->report);
		run->start = ab_loop_now(run->loop);
		r = ab_loop_run(run->loop);
	}
	if (!r)
		tell_summary(run);
	run->probe = ab_probe_free(run->probe);
	ab_loop_signal_free(on_int);
	ab_loop_signal_free(on_term);
	run->loop = ab_loop_free(run->loop);
	return r;
}

int ab_ping_run(const struct ab_ping_options *options, ab_ping_fn *fn, void *arg,
		int *ret_status)
{
	struct run run = { .options = options, .fn = fn, .arg = arg };
	struct device device = { 0 };
	int r = look_at_device(options, &device);

	run.report.options = options;
	if (!r && options->method == AB_PROBE_ICMP)
		r = choose_size(options, device.mtu, &run.report.size);
	if (r)
		return r;
	run.ifindex = device.ifindex;
	r = run_loop(&run);
	if (!r)
		*ret_status = run.report.n_answered ? 0 : 1;
	return r;
}

/* --- text ----------------------------------------------------------------------- */

static void add_ms(struct ab_text *t, uint32_t us)
{
	char ms[24];

	(void)snprintf(ms, sizeof(ms), "%.3f", us / 1000.0);
	ab_text_add(t, ms);
}

static void add_where(struct ab_text *t, const struct ab_ping_options *o)
{
	if (o->method == AB_PROBE_TCP)
		ab_name_add_portal(t, &o->portal);
	else
		ab_name_add_addr(t, &o->portal.addr);
}

static void add_start(struct ab_text *t, const struct ab_ping_report *r)
{
	uint32_t headers =
		r->options->portal.addr.family == AF_INET ? IP4_HEADER : IP6_HEADER;

	ab_text_add(t, "PING ");
	add_where(t, r->options);
	ab_text_add(t, " through ");
	ab_text_add(t, r->options->ifname);
	if (r->options->method == AB_PROBE_TCP) {
		ab_text_add(t, ": TCP connect\n");
		return;
	}
	ab_text_add(t, ": ");
	ab_text_addu(t, r->size);
	ab_text_addc(t, '(');
	ab_text_addu(t, r->size + headers + AB_WIRE_HEADER);
	ab_text_add(t, ") bytes of data.\n");
}

static void add_answer(struct ab_text *t, const struct ab_ping_report *r)
{
	if (r->options->method == AB_PROBE_TCP) {
		ab_text_add(t, "connected to ");
		add_where(t, r->options);
		ab_text_add(t, ": tcp_seq=");
	} else {
		ab_text_addu(t, r->size + AB_WIRE_HEADER);
		ab_text_add(t, " bytes from ");
		add_where(t, r->options);
		ab_text_add(t, ": icmp_seq=");
	}
	ab_text_addu(t, r->seq);
	if (r->rtt_us) {
		ab_text_add(t, " time=");
		add_ms(t, r->rtt_us);
		ab_text_add(t, " ms");
	}
	ab_text_addc(t, '\n');
}

static void add_failure(struct ab_text *t, const struct ab_ping_report *r)
{
	add_where(t, r->options);
	ab_text_add(t,
		    r->options->method == AB_PROBE_TCP ? ": tcp_seq=" : ": icmp_seq=");
	ab_text_addu(t, r->seq);
	switch ((enum ab_probe_result)r->result) {
	case AB_PROBE_LOST:
		ab_text_add(t, " no answer within ");
		ab_text_addu(t, r->options->timeout_ms);
		ab_text_add(t, " ms");
		break;
	case AB_PROBE_REFUSED:
		ab_text_add(t, " refused: ");
		ab_text_add(t, strerror(r->error));
		break;
	case AB_PROBE_CANNOT_SEND:
		ab_text_add(t, " not sent: ");
		ab_text_add(t, strerror(r->error));
		break;
	case AB_PROBE_WRONG_DEVICE:
		ab_text_add(t, " answered through ");
		ab_text_add(t, r->arrival);
		break;
	case AB_PROBE_ANSWER:
	case AB_PROBE_RESULT_MAX:
		break;
	}
	ab_text_addc(t, '\n');
}

static void add_counts(struct ab_text *t, const struct ab_ping_report *r)
{
	char loss[24];

	(void)snprintf(loss, sizeof(loss), "%g%%",
		       r->n_sent ? 100.0 * (r->n_sent - r->n_answered) / r->n_sent
				 : 0.0);
	ab_text_addu(t, r->n_sent);
	ab_text_add(t, " packets transmitted, ");
	ab_text_addu(t, r->n_answered);
	ab_text_add(t, " received, ");
	if (r->n_duplicates) {
		ab_text_addc(t, '+');
		ab_text_addu(t, r->n_duplicates);
		ab_text_add(t, " duplicates, ");
	}
	if (r->n_errors) {
		ab_text_addc(t, '+');
		ab_text_addu(t, r->n_errors);
		ab_text_add(t, " errors, ");
	}
	ab_text_add(t, loss);
	ab_text_add(t, " packet loss, time ");
	ab_text_addu(t, r->time_ms);
	ab_text_add(t, "ms\n");
}

static void add_summary(struct ab_text *t, const struct ab_ping_report *r)
{
	uint32_t values[] = { r->rtt_min, r->rtt_avg, r->rtt_max, r->rtt_mdev };

	ab_text_add(t, "\n--- ");
	add_where(t, r->options);
	ab_text_add(t, " ping statistics ---\n");
	add_counts(t, r);
	if (!r->rtt_max)
		return;
	ab_text_add(t, "rtt min/avg/max/mdev = ");
	for (unsigned int i = 0; i < 4; i++) {
		if (i)
			ab_text_addc(t, '/');
		add_ms(t, values[i]);
	}
	ab_text_add(t, " ms\n");
}

void ab_ping_text(const struct ab_ping_report *report, char *buf, size_t size)
{
	struct ab_text t;

	ab_text_init(&t, buf, size);
	switch ((enum ab_ping_what)report->what) {
	case AB_PING_START:
		add_start(&t, report);
		break;
	case AB_PING_RESULT:
		if (report->result == AB_PROBE_ANSWER)
			add_answer(&t, report);
		else
			add_failure(&t, report);
		break;
	case AB_PING_SUMMARY:
		add_summary(&t, report);
		break;
	}
}

const char *ab_ping_strerror(int code)
{
	switch (code) {
	case AB_PING_E_NO_DEVICE:
		return "no such network device";
	case AB_PING_E_DOWN:
		return "the device is down or has no carrier";
	case AB_PING_E_NO_ADDRESS:
		return "the device has no address of that family";
	case AB_PING_E_SIZE:
		return "size is below 20 bytes or does not fit into the device's MTU";
	default:
		return "unknown error";
	}
}
