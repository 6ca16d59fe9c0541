/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The udev monitor against the kernel's uevents and against a real udevd. Each test has
 * network and mount namespaces of its own, with a /sys and a /run that belong to them;
 * udevd gets a /dev and rules that are ours, so that nothing outside is touched.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/clock.h"
#include "io/mon_udev.h"

#define DEVICES_MAX 600
#define DEADLINE_MS 15000
#define UDEVD "/lib/systemd/systemd-udevd"
#define RULES "/run/udev/rules.d/50-test.rules"

struct model {
	struct ab_udev_net nets[DEVICES_MAX];
	bool is_seen[DEVICES_MAX];
	size_t n;
	bool is_dumping, is_fresh;
	unsigned int n_begins, n_ends, n_stales, n_gone;
};

struct fixture {
	struct ab_loop *loop;
	struct ab_loop_timer *timer;
	struct ab_udev *udev;
	bool is_late;
	struct model model;
	bool (*is_reached)(struct fixture *f);
	uint32_t ifindex; /* for is_reached */
	unsigned int n_marks;
	pid_t udevd;
};

/* --- the model --- */

static struct ab_udev_net *model_find(struct model *m, uint32_t ifindex)
{
	for (size_t i = 0; i < m->n; i++) {
		if (m->nets[i].ifindex == ifindex)
			return &m->nets[i];
	}
	return NULL;
}

static void model_set(struct model *m, const struct ab_udev_net *net)
{
	struct ab_udev_net *at = model_find(m, net->ifindex);

	if (!at) {
		assert_true(m->n < DEVICES_MAX);
		at = &m->nets[m->n++];
	}
	*at = *net;
	m->is_seen[at - m->nets] = true;
}

static void model_gone(struct model *m, uint32_t ifindex)
{
	struct ab_udev_net *at = model_find(m, ifindex);

	if (!at)
		return;
	m->n--;
	*at = m->nets[m->n];
	m->is_seen[at - m->nets] = m->is_seen[m->n];
}

static void model_end(struct model *m)
{
	assert_true(m->is_dumping);
	m->is_dumping = false;
	m->is_fresh = true;
	m->n_ends++;
	for (size_t i = m->n; i-- > 0;) {
		if (!m->is_seen[i])
			model_gone(m, m->nets[i].ifindex);
	}
}

static void model_event(struct model *m, const struct ab_event *ev)
{
	switch (ev->type) {
	case AB_EV_DUMP_BEGIN:
		assert_int_equal(ev->dump.source, AB_SOURCE_UDEV);
		m->n_begins++;
		m->is_dumping = true;
		memset(m->is_seen, 0, sizeof(m->is_seen));
		break;
	case AB_EV_DUMP_END:
		assert_int_equal(ev->dump.source, AB_SOURCE_UDEV);
		model_end(m);
		break;
	case AB_EV_STALE:
		assert_true(m->is_fresh); /* told once */
		m->is_fresh = false;
		m->n_stales++;
		break;
	case AB_EV_UDEV:
		model_set(m, &ev->udev);
		break;
	case AB_EV_UDEV_GONE:
		m->n_gone++;
		model_gone(m, ev->udev.ifindex);
		break;
	default:
		fail_msg("event %u", ev->type);
	}
}

static int by_ifindex(const void *a, const void *b)
{
	const struct ab_udev_net *x = a, *y = b;

	return (x->ifindex > y->ifindex) - (x->ifindex < y->ifindex);
}

static bool models_equal(struct model *a, struct model *b)
{
	qsort(a->nets, a->n, sizeof(a->nets[0]), by_ifindex);
	qsort(b->nets, b->n, sizeof(b->nets[0]), by_ifindex);
	return a->n == b->n && memcmp(a->nets, b->nets, a->n * sizeof(a->nets[0])) == 0;
}

/* --- the fixture --- */

static void on_event(void *arg, const struct ab_event *ev)
{
	struct fixture *f = arg;

	model_event(&f->model, ev);
	if (f->is_reached && f->is_reached(f))
		ab_loop_stop(f->loop);
}

static void on_deadline(void *arg)
{
	struct fixture *f = arg;

	f->is_late = true;
	ab_loop_stop(f->loop);
}

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

/* false: no right to make namespaces; the test skips itself. */
static bool enter_namespaces(void)
{
	return geteuid() == 0 && unshare(CLONE_NEWNET | CLONE_NEWNS) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("sysfs", "/sys", "sysfs", 0, NULL) == 0 &&
	       mount("tmpfs", "/run", "tmpfs", 0, "mode=0755") == 0;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	*state = f;
	if (!enter_namespaces())
		return 0;
	assert_int_equal(ab_loop_new(&f->loop), 0);
	assert_int_equal(ab_loop_timer_new(f->loop, on_deadline, f, &f->timer), 0);
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	ab_udev_free(f->udev);
	ab_loop_timer_free(f->timer);
	ab_loop_free(f->loop);
	if (f->udevd > 0) {
		kill(f->udevd, SIGTERM);
		waitpid(f->udevd, NULL, 0);
	}
	free(f);
	return 0;
}

static void monitor(struct fixture *f, const struct ab_udev_config *config)
{
	assert_int_equal(ab_udev_new(f->loop, config, on_event, f, &f->udev), 0);
	assert_int_equal(f->model.n_begins, 0);
}

static bool is_fresh(struct fixture *f)
{
	return f->model.is_fresh && !f->model.is_dumping;
}

static struct fixture *start(void **state, const struct ab_udev_config *config)
{
	struct fixture *f = *state;

	if (!f->loop)
		skip();
	monitor(f, config);
	until(f, is_fresh);
	return f;
}

static bool is_marked(struct fixture *f)
{
	const struct ab_udev_net *net = model_find(&f->model, f->ifindex);

	return is_fresh(f) && net && net->is_initialized;
}

/* Everything that happened before this is told when it returns. */
static void sync_events(struct fixture *f)
{
	char name[IF_NAMESIZE];

	/* The kernel tells the peer first, so mark%u comes last. */
	snprintf(name, sizeof(name), "mark%u", ++f->n_marks);
	sh("ip link add %s type veth peer name peer%u", name, f->n_marks);
	f->ifindex = if_nametoindex(name);
	until(f, is_marked);
}

static void assert_equals_fresh_dump(struct fixture *f,
				     const struct ab_udev_config *config)
{
	struct fixture *g = calloc(1, sizeof(*g));
	bool is_equal = false;

	assert_non_null(g);
	for (int i = 0; i < 5 && !is_equal; i++) {
		sync_events(f);
		memset(g, 0, sizeof(*g));
		g->loop = f->loop;
		g->timer = f->timer;
		monitor(g, config);
		until(g, is_fresh);
		g->udev = ab_udev_free(g->udev);
		is_equal = models_equal(&f->model, &g->model);
	}
	free(g);
	assert_true(is_equal);
}

static const struct ab_udev_net *net_named(struct fixture *f, const char *name)
{
	return model_find(&f->model, if_nametoindex(name));
}

/* --- the kernel's events --- */

static const struct ab_udev_config kernel = { .mode = AB_UDEV_MODE_KERNEL };

static void the_first_dump_shows_every_device_as_initialised(void **state)
{
	struct fixture *f = *state;

	if (f->loop)
		sh("ip link add v0 type veth peer name v1");
	f = start(state, &kernel);
	assert_int_equal(f->model.n, 3); /* with lo, and nothing of another namespace */
	assert_true(net_named(f, "lo")->is_initialized);
	assert_true(net_named(f, "v0")->is_initialized);
	assert_string_equal(net_named(f, "v0")->driver, "");
	assert_int_equal(f->model.n_stales, 0);
}

static void devices_come_and_go(void **state)
{
	struct fixture *f = start(state, &kernel);
	uint32_t before;

	sh("ip link add v0 type veth peer name v1");
	sync_events(f);
	before = if_nametoindex("v0");
	assert_non_null(model_find(&f->model, before));
	sh("ip link set v0 name storage0");
	sync_events(f);
	assert_int_equal(if_nametoindex("storage0"), before);
	assert_non_null(model_find(&f->model, before));
	assert_equals_fresh_dump(f, &kernel);
	sh("ip link del storage0 && ip link add storage0 type veth peer name v1");
	sync_events(f);
	assert_int_equal(f->model.n_gone, 2);
	assert_null(model_find(&f->model, before));
	assert_non_null(net_named(f, "storage0"));
	assert_equals_fresh_dump(f, &kernel);
}

static void overflow_costs_a_dump_and_nothing_is_wrong(void **state)
{
	struct ab_udev_config small = { .mode = AB_UDEV_MODE_KERNEL,
					.rcvbuf_bytes = 2304 };
	struct ab_udev_stats stats;
	struct fixture *f = start(state, &small);

	sh("ip link add v0 type veth peer name v1");
	sync_events(f);
	assert_non_null(net_named(f, "v0"));
	sh("{ i=0; while [ $i -lt 40 ]; do echo link add a$i type veth peer name b$i;"
	   "i=$((i + 1)); done; echo link del v0; } | ip -batch -");
	sync_events(f);
	ab_udev_stats(f->udev, &stats);
	assert_true(stats.n_overflows >= 1);
	assert_true(f->model.n_stales >= 1);
	assert_int_equal(f->model.n, 1 + 2 * 40 + 2 * f->n_marks); /* v0, v1 are gone */
	assert_equals_fresh_dump(f, &small);
	print_message("# %u overflows, %u dumps\n", (unsigned int)stats.n_overflows,
		      (unsigned int)stats.n_dumps);
}

static bool is_storm_over(struct fixture *f)
{
	f->ifindex = if_nametoindex("d79");
	return f->ifindex != 0 && is_marked(f);
}

/* More devices than are worked off in a wake-up, while others come and go. */
static void a_storm_during_a_dump_diverges_in_nothing(void **state)
{
	struct ab_udev_stats stats;
	struct fixture *f = *state;

	if (!f->loop)
		skip();
	sh("{ i=0; while [ $i -lt 80 ]; do echo link add a$i type veth peer name b$i;"
	   "i=$((i + 1)); done; } | ip -batch -");
	monitor(f, &kernel);
	sh("{ i=0; while [ $i -lt 80 ]; do echo link del a$i;"
	   "echo link add c$i type veth peer name d$i; i=$((i + 1)); done; } |"
	   "ip -batch - &");
	until(f, is_storm_over);
	assert_equals_fresh_dump(f, &kernel);
	ab_udev_stats(f->udev, &stats);
	assert_int_equal(stats.n_overflows, 0);
	assert_int_equal(stats.n_dumps, 1);
	assert_int_equal(f->model.n, 1 + 2 * 80 + 2 * f->n_marks);
}

static bool is_dumped_again(struct fixture *f)
{
	return f->model.n_ends == 2;
}

static void a_resync_dumps_without_being_stale(void **state)
{
	struct fixture *f = start(state, &kernel);

	ab_udev_resync(f->udev);
	assert_int_equal(f->model.n_begins, 1);
	until(f, is_dumped_again);
	assert_int_equal(f->model.n_stales, 0);
}

/* --- sysfs --- */

static void a_driver_is_taken_only_from_a_sysfs_of_ours(void **state)
{
	static const struct {
		const char *what, *ifindex, *address, *driver;
	} rows[] = {
		{ "ours", "4711", "02:00:00:00:00:01", "mlx5_core" },
		{ "another number", "4712", "02:00:00:00:00:01", "" },
		{ "another hardware address", "4711", "02:00:00:00:00:02", "" },
		{ "no number at all", "", "02:00:00:00:00:01", "" },
	};
	struct ab_udev_config config = { .mode = AB_UDEV_MODE_KERNEL,
					 .sysfs = "/run/sysfs" };
	struct fixture *f = *state;

	if (!f->loop)
		skip();
	sh("ip link add v0 index 4711 address 02:00:00:00:00:01 type veth");
	sh("mkdir -p /run/sysfs/class/net/v0/device /run/sysfs/drivers/mlx5_core &&"
	   "ln -s /run/sysfs/drivers/mlx5_core /run/sysfs/class/net/v0/device/driver");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		sh("cd /run/sysfs/class/net/v0 && echo %s > ifindex && echo %s > "
		   "address",
		   rows[i].ifindex, rows[i].address);
		f->model = (struct model){ 0 };
		start(state, &config);
		if (strcmp(net_named(f, "v0")->driver, rows[i].driver) != 0)
			fail_msg("%s: %s", rows[i].what, net_named(f, "v0")->driver);
		f->udev = ab_udev_free(f->udev);
	}
	config.sysfs = "/run/does-not-exist";
	f->model = (struct model){ 0 };
	start(state, &config);
	assert_string_equal(net_named(f, "v0")->driver, "");
}

static void without_sysfs_devices_still_come_and_go(void **state)
{
	struct fixture *f = *state;

	if (!f->loop)
		skip();
	assert_int_equal(mount("tmpfs", "/sys", "tmpfs", 0, NULL), 0);
	start(state, &kernel);
	sh("ip link add v0 type veth peer name v1");
	sync_events(f);
	assert_true(net_named(f, "v0")->is_initialized);
	assert_string_equal(net_named(f, "v0")->driver, "");
	sh("ip link del v0");
	sync_events(f);
	assert_int_equal(f->model.n_gone, 2);
	assert_equals_fresh_dump(f, &kernel);
}

/* --- a real udevd --- */

static const struct ab_udev_config by_udev = { .mode = AB_UDEV_MODE_UDEV };

static void exec_udevd(void)
{
	/* With another parent than process 1 it never looks at its control group. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (freopen("/dev/null", "r", stdin) && freopen("/dev/null", "w", stdout) &&
	    freopen("/dev/null", "w", stderr))
		execl(UDEVD, UDEVD, "--resolve-names=never", (char *)NULL);
	_exit(127);
}

/* Its own /dev, no rules but ours. */
static void start_udevd(struct fixture *f)
{
	if (access(UDEVD, X_OK) < 0)
		skip();
	sh("mount -t tmpfs tmpfs /usr/lib/udev/rules.d && "
	   "mount -t tmpfs tmpfs /dev && mknod -m 666 /dev/null c 1 3 && "
	   "mknod -m 644 /dev/kmsg c 1 11");
	sh("mkdir -p /run/udev/rules.d && printf '%%s\\n' "
	   "'SUBSYSTEM==\"net\", KERNEL==\"v0\", ENV{AUTOBIND_IGNORE}=\"1\"' "
	   "'SUBSYSTEM==\"net\", KERNEL==\"v1\", ENV{ID_PATH}=\"pci-0000:3b:00.1\", "
	   "ENV{ID_NET_DRIVER}=\"ice\"' > " RULES);
	f->udevd = fork();
	assert_true(f->udevd >= 0);
	if (f->udevd == 0)
		exec_udevd();
	sh("for i in $(seq 500); do [ -e /run/udev/control ] && exit 0; sleep 0.02; "
	   "done; exit 1");
	/* The socket is there before it listens to the kernel: ask whether it does. */
	sh("udevadm control --ping --timeout=10");
}

static void assert_properties(struct fixture *f)
{
	const struct ab_udev_net *v0 = net_named(f, "v0"), *v1 = net_named(f, "v1");

	assert_true(v0->is_initialized);
	assert_true(v0->is_ignored);
	assert_string_equal(v0->driver, "");
	assert_string_equal(v0->id_path, "");
	assert_true(v1->is_initialized);
	assert_false(v1->is_ignored);
	assert_string_equal(v1->driver, "ice");
	assert_string_equal(v1->id_path, "pci-0000:3b:00.1");
}

static void udevds_properties_come_with_its_events(void **state)
{
	struct fixture *f = *state;

	if (!f->loop)
		skip();
	start_udevd(f);
	start(state, &by_udev);
	assert_int_equal(ab_udev_mode_in_use(f->udev), AB_UDEV_MODE_UDEV);
	sh("ip link add v0 type veth peer name v1");
	sync_events(f);
	sh("udevadm settle --timeout=10");
	sync_events(f);
	assert_properties(f);
	assert_equals_fresh_dump(f, &by_udev); /* read from udev's database */
	sh("ip link del v0 && udevadm settle --timeout=10");
	sync_events(f);
	assert_int_equal(f->model.n_gone, 2);
	assert_equals_fresh_dump(f, &by_udev);
}

static void a_device_that_udevd_has_not_seen_is_not_initialised(void **state)
{
	struct fixture *f = *state;

	if (!f->loop)
		skip();
	sh("ip link add v0 type veth peer name v1");
	start_udevd(f);
	start(state, &by_udev);
	assert_false(net_named(f, "v0")->is_initialized);
	assert_false(net_named(f, "v1")->is_initialized);
	sh("echo add > /sys/class/net/v0/uevent && echo add > "
	   "/sys/class/net/v1/uevent");
	f->ifindex = if_nametoindex("v0");
	until(f, is_marked);
	f->ifindex = if_nametoindex("v1");
	until(f, is_marked);
	assert_properties(f);
	assert_int_equal(f->model.n_stales, 0);
}

static void overflow_of_udevds_events_costs_a_dump(void **state)
{
	struct ab_udev_config small = { .mode = AB_UDEV_MODE_UDEV,
					.rcvbuf_bytes = 2304 };
	struct ab_udev_stats stats;
	struct fixture *f = *state;

	if (!f->loop)
		skip();
	start_udevd(f);
	sh("echo add > /sys/class/net/lo/uevent && udevadm settle --timeout=10");
	start(state, &small);
	sh("{ i=0; while [ $i -lt 40 ]; do echo link add a$i type veth peer name b$i;"
	   "i=$((i + 1)); done; } | ip -batch - && udevadm settle --timeout=10");
	sync_events(f);
	ab_udev_stats(f->udev, &stats);
	assert_true(stats.n_overflows >= 1);
	assert_equals_fresh_dump(f, &small);
	for (size_t i = 0; i < f->model.n; i++)
		assert_true(f->model.nets[i].is_initialized);
}

static bool is_stale_then_fresh(struct fixture *f)
{
	return f->model.n_stales == 1 && f->model.n_ends == 2;
}

static void without_udevd_the_kernel_is_heard_until_it_comes(void **state)
{
	struct fixture *f = *state;

	if (!f->loop)
		skip();
	start(state, &by_udev);
	assert_int_equal(ab_udev_mode_in_use(f->udev), AB_UDEV_MODE_KERNEL);
	sh("ip link add v0 type veth peer name v1");
	sync_events(f);
	assert_true(net_named(f, "v0")->is_initialized);
	assert_false(net_named(f, "v0")->is_ignored);
	start_udevd(f);
	until(f, is_stale_then_fresh);
	assert_int_equal(ab_udev_mode_in_use(f->udev), AB_UDEV_MODE_UDEV);
	assert_false(net_named(f, "v0")->is_initialized);
	sh("echo add > /sys/class/net/v0/uevent && echo add > "
	   "/sys/class/net/v1/uevent");
	f->ifindex = if_nametoindex("v1");
	until(f, is_marked);
	f->ifindex = if_nametoindex("v0");
	until(f, is_marked);
	assert_properties(f);
}

#define UDEV_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		UDEV_TEST(the_first_dump_shows_every_device_as_initialised),
		UDEV_TEST(devices_come_and_go),
		UDEV_TEST(overflow_costs_a_dump_and_nothing_is_wrong),
		UDEV_TEST(a_storm_during_a_dump_diverges_in_nothing),
		UDEV_TEST(a_resync_dumps_without_being_stale),
		UDEV_TEST(a_driver_is_taken_only_from_a_sysfs_of_ours),
		UDEV_TEST(without_sysfs_devices_still_come_and_go),
		UDEV_TEST(udevds_properties_come_with_its_events),
		UDEV_TEST(a_device_that_udevd_has_not_seen_is_not_initialised),
		UDEV_TEST(overflow_of_udevds_events_costs_a_dump),
		UDEV_TEST(without_udevd_the_kernel_is_heard_until_it_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
