/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probebench - what a probe costs, next to fping(8) on the same addresses in the same
 *run.
 *
 *	probebench [SECONDS]		how long each of the two is measured, default 10
 *
 * Two namespaces and a veth pair; the peer answers for all of 10.9.0.0/16. What is
 * counted is the CPU time of the whole process, user and system. On a veth pair the
 * sender's system time has in it what the peer's kernel does for the answer, for both
 * alike.
 */
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../unit/ab_netns.h"
#include "io/clock.h"
#include "io/loop.h"
#include "io/probe.h"

#define FEW 1024
#define MANY 16384
#define WARM_UP_MS 3000

struct bench {
	struct ab_loop *loop;
	struct ab_loop_timer *timer;
	struct ab_probe *probe;
	unsigned int seconds;
	bool is_measuring;
	uint64_t rounds, answers, rtt_us; /* while measuring */
	struct rusage before, after;
};

static void die(const char *what, int error)
{
	fprintf(stderr, "probebench: %s: %s\n", what, strerror(error));
	exit(1);
}

static double cpu_s(const struct rusage *u)
{
	return (double)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) +
	       (double)(u->ru_utime.tv_usec + u->ru_stime.tv_usec) / 1e6;
}

static long resident_kb(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	long size, resident;

	if (!f || fscanf(f, "%ld %ld", &size, &resident) != 2)
		die("/proc/self/statm", EIO);
	fclose(f);
	return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static void on_event(void *arg, const struct ab_event *ev)
{
	struct bench *b = arg;

	if (!b->is_measuring)
		return;
	b->rounds++;
	b->answers += ev->probe.result == AB_PROBE_ANSWER;
	b->rtt_us += ev->probe.rtt_us;
}

static void on_timer(void *arg)
{
	struct bench *b = arg;

	if (b->is_measuring) {
		getrusage(RUSAGE_SELF, &b->after);
		ab_loop_stop(b->loop);
		return;
	}
	b->is_measuring = true;
	getrusage(RUSAGE_SELF, &b->before);
	ab_loop_timer_set(b->timer,
			  ab_mono_add_ms(ab_loop_now(b->loop), b->seconds * 1000));
}

static void set_paths(struct bench *b, unsigned int n)
{
	struct ab_effect e = { .type = AB_EF_PROBE_SET };
	uint32_t addr;
	int r;

	e.probe.ifindex = if_nametoindex("a0");
	e.probe.portal.addr.family = AF_INET;
	e.probe.portal.port = AB_PORTAL_PORT;
	e.probe.method = AB_PROBE_ICMP;
	e.probe.burst = 1;
	e.probe.interval_ms = 1000;
	e.probe.timeout_ms = 1000;
	for (unsigned int i = 0; i < n; i++) {
		e.probe.path = i;
		addr = htonl(0x0a090000 + 256 + i);
		memcpy(e.probe.portal.addr.bytes, &addr, sizeof(addr));
		r = ab_probe_set(b->probe, &e);
		if (r < 0)
			die("ab_probe_set", -r);
	}
}

/* Return: CPU seconds per probe. */
static double run_ours(unsigned int n, unsigned int seconds)
{
	struct ab_probe_config config = { 0 };
	struct ab_probe_counters c;
	struct bench b = { .seconds = seconds };
	long before;
	double cpu;
	int r;

	if (getrandom(&config.key, sizeof(config.key), 0) != sizeof(config.key))
		die("getrandom", EIO);
	r = ab_loop_new(&b.loop);
	if (!r)
		r = ab_loop_timer_new(b.loop, on_timer, &b, &b.timer);
	before = resident_kb();
	if (!r)
		r = ab_probe_new(b.loop, &config, on_event, &b, &b.probe);
	if (r < 0)
		die("ab_probe_new", -r);
	set_paths(&b, n);
	ab_loop_timer_set(b.timer, ab_mono_add_ms(ab_clock_now(), WARM_UP_MS));
	r = ab_loop_run(b.loop);
	if (r < 0 || !b.rounds)
		die("ab_loop_run", r < 0 ? -r : EIO);
	cpu = cpu_s(&b.after) - cpu_s(&b.before);
	ab_probe_counters(b.probe, &c);
	printf("autobind %5u paths at 1 Hz: %6.2f us CPU a probe, %5.2f %% of a core, "
	       "%4ld KiB resident (%llu B a path), %llu of %llu answered, mean RTT "
	       "%llu "
	       "us, %.1f probes a call\n",
	       n, 1e6 * cpu / (double)b.rounds, 100 * cpu / seconds,
	       resident_kb() - before, (unsigned long long)(c.bytes / n),
	       (unsigned long long)b.answers, (unsigned long long)b.rounds,
	       (unsigned long long)(b.answers ? b.rtt_us / b.answers : 0),
	       (double)c.echoes / (double)c.send_calls);
	ab_probe_free(b.probe);
	ab_loop_timer_free(b.timer);
	ab_loop_free(b.loop);
	return cpu / (double)b.rounds;
}

/* The same number of probes a second for as long. @gap_ms: between two of them; 0: all
 * at once, each second. Return: CPU seconds per probe. */
static double run_fping(unsigned int n, unsigned int seconds, const char *gap_ms)
{
	struct rusage u;
	char command[256];
	double cpu;
	int status;
	pid_t pid;

	(void)snprintf(command, sizeof(command),
		       "i=0; while [ $i -lt %u ]; do echo 10.9.$((i / 256 + 1))."
		       "$((i %% 256)); i=$((i + 1)); done >list; "
		       "exec fping -q -I a0 -c %u -p 1000 -t 1000 -i %s -f list "
		       "2>result",
		       n, seconds, gap_ms);
	pid = fork();
	if (pid < 0)
		die("fork", errno);
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	if (wait4(pid, &status, 0, &u) != pid)
		die("wait4", errno);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		die("fping did not reach all addresses", EIO);
	cpu = cpu_s(&u);
	printf("fping -i %-3s %5u targets at 1 Hz: %6.2f us CPU a probe, %5.2f %% of a "
	       "core, %ld KiB peak resident\n",
	       gap_ms, n, 1e6 * cpu / n / seconds, 100 * cpu / seconds, u.ru_maxrss);
	return cpu / n / seconds;
}

static void make_network(void)
{
	int peer;

	if (!netns_unshare())
		die("unshare", errno);
	peer = netns_new();
	netns_run(-1,
		  "ip link set lo up; "
		  "ip link add a0 type veth peer name p0 netns /proc/self/fd/%d; "
		  "ip link set a0 up; ip addr add 10.8.0.1/24 dev a0; "
		  "ip route add 10.9.0.0/16 via 10.8.0.2",
		  peer);
	netns_run(peer, "ip link set lo up; ip link set p0 up; "
			"ip addr add 10.8.0.2/24 dev p0; "
			"ip route add local 10.9.0.0/16 dev lo");
}

int main(int argc, char **argv)
{
	char dir[] = P_tmpdir "/probebench.XXXXXX";
	unsigned int seconds = argc > 1 ? (unsigned int)atoi(argv[1]) : 10;
	double ours, even, burst;

	if (seconds < 1 || !mkdtemp(dir) || chdir(dir) < 0)
		die(dir, errno);
	make_network();
	ours = run_ours(FEW, seconds);
	even = run_fping(FEW, seconds, "0.9");
	burst = run_fping(FEW, seconds, "0");
	printf("ratio at %d: %.2f of fping's CPU a probe when both spread them over "
	       "the "
	       "second (aim: at most 0.33), %.2f when fping sends all at once\n",
	       FEW, ours / even, ours / burst);
	(void)run_ours(MANY, seconds);
	(void)unlink("list");
	(void)unlink("result");
	if (chdir("/") < 0 || rmdir(dir) < 0)
		die(dir, errno);
	return 0;
}
