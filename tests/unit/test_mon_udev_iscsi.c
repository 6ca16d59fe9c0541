/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which of udevd's events make the monitor hint at iSCSI. No kernel with iSCSI is
 * needed: the messages are those that udevd sends, sent by the test into a network
 * namespace of its own, where no udevd listens.
 */
#include "ab_test.h"

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/clock.h"
#include "io/mon_udev.h"

#define PATIENCE_MS 20000
#define GROUP_UDEV 2
#define HOST "/devices/platform/host3"

struct fixture {
	struct ab_loop *loop;
	struct ab_loop_timer *timer;
	struct ab_udev *udev;
	int sock;
	unsigned int n_hints, n_nets, n_dumps;
	bool is_late;
};

/* --- udevd's messages: systemd 252, src/libsystemd/sd-device/device-monitor.c -------
 */

struct header {
	char prefix[8];
	uint32_t magic, header_size, properties_off, properties_len;
	uint32_t subsystem_hash, devtype_hash, tag_bloom_hi, tag_bloom_lo;
};

/* MurmurHash2 by Austin Appleby, public domain: what the socket's filter compares. */
static uint32_t hash_of(const char *s)
{
	const uint32_t m = 0x5bd1e995;
	size_t n = strlen(s);
	uint32_t h = (uint32_t)n, k;

	for (; n >= 4; n -= 4, s += 4) {
		memcpy(&k, s, 4);
		k *= m;
		k ^= k >> 24;
		h = h * m ^ k * m;
	}
	if (n > 0) {
		k = 0;
		memcpy(&k, s, n);
		h = (h ^ k) * m;
	}
	h ^= h >> 13;
	h *= m;
	return h ^ h >> 15;
}

struct device {
	const char *action, *subsystem, *devtype, *path;
	bool is_hint;
};

static void send_event(const struct fixture *f, const struct device *d)
{
	struct header head = { .magic = htonl(0xfeedcafe),
			       .header_size = sizeof(head),
			       .properties_off = sizeof(head) };
	struct sockaddr_nl group = { .nl_family = AF_NETLINK, .nl_groups = GROUP_UDEV };
	char text[1024];
	struct iovec iov[2] = { { &head, sizeof(head) }, { text, 0 } };
	struct msghdr msg = { .msg_name = &group,
			      .msg_namelen = sizeof(group),
			      .msg_iov = iov,
			      .msg_iovlen = 2 };
	int n = snprintf(text, sizeof(text),
			 "ACTION=%s\nDEVPATH=%s\nSUBSYSTEM=%s\nSEQNUM=7\n%s%s\n"
			 "IFINDEX=4711\nUSEC_INITIALIZED=1\n",
			 d->action, d->path, d->subsystem,
			 d->devtype ? "DEVTYPE=" : "X=", d->devtype ? d->devtype : "");

	assert_true(n > 0 && (size_t)n < sizeof(text));
	for (int i = 0; i < n; i++)
		text[i] = (char)(text[i] == '\n' ? '\0' : text[i]);
	memcpy(head.prefix, "libudev", 8);
	head.properties_len = (uint32_t)n;
	head.subsystem_hash = htonl(hash_of(d->subsystem));
	head.devtype_hash = d->devtype ? htonl(hash_of(d->devtype)) : 0;
	iov[1].iov_len = (size_t)n;
	assert_int_equal(sendmsg(f->sock, &msg, 0), (int)sizeof(head) + n);
}

/* --- the fixture ------------------------------------------------------------------ */

static void on_event(void *arg, const struct ab_event *ev)
{
	struct fixture *f = arg;

	f->n_dumps += ev->type == AB_EV_DUMP_END;
	if (ev->type == AB_EV_UDEV && ev->udev.ifindex == 4711)
		f->n_nets++;
	if (ev->type == AB_EV_DUMP_END || f->n_nets > 0)
		ab_loop_stop(f->loop);
}

static void on_hint(void *arg)
{
	struct fixture *f = arg;

	f->n_hints++;
}

static void on_deadline(void *arg)
{
	struct fixture *f = arg;

	f->is_late = true;
	ab_loop_stop(f->loop);
}

static void run(struct fixture *f)
{
	ab_loop_timer_set(f->timer, ab_mono_add_ms(ab_clock_now(), PATIENCE_MS));
	assert_int_equal(ab_loop_run(f->loop), 0);
	assert_false(f->is_late);
}

/* One event of a network device comes last, so all before it have been taken. */
static unsigned int hints_of(struct fixture *f, const struct device *d)
{
	static const struct device last = { "add", "net", NULL,
					    "/devices/virtual/net/v0", false };

	f->n_hints = f->n_nets = 0;
	send_event(f, d);
	send_event(f, &last);
	run(f);
	return f->n_hints;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	*state = f;
	if (geteuid() != 0 || unshare(CLONE_NEWNET | CLONE_NEWNS) != 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("tmpfs", "/run", "tmpfs", 0, "mode=0755") != 0)
		return 0;
	/* udevd is taken to run. */
	assert_int_equal(mkdir("/run/udev", 0755), 0);
	assert_int_equal(mknod("/run/udev/control", S_IFREG | 0600, 0), 0);
	assert_int_equal(ab_loop_new(&f->loop), 0);
	assert_int_equal(ab_loop_timer_new(f->loop, on_deadline, f, &f->timer), 0);
	f->sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
	assert_true(f->sock >= 0);
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	ab_udev_free(f->udev);
	ab_loop_timer_free(f->timer);
	ab_loop_free(f->loop);
	if (f->sock > 0)
		close(f->sock);
	free(f);
	return 0;
}

static struct fixture *start(void **state, ab_udev_iscsi_fn *fn)
{
	struct ab_udev_config config = { .mode = AB_UDEV_MODE_UDEV, .iscsi_fn = fn };
	struct fixture *f = *state;

	if (!f->loop)
		skip();
	assert_int_equal(ab_udev_new(f->loop, &config, on_event, f, &f->udev), 0);
	run(f);
	assert_int_equal(f->n_dumps, 1);
	assert_int_equal(f->n_hints, 0);
	return f;
}

/* --- tests ------------------------------------------------------------------------ */

static const struct device devices[] = {
	{ "add", "iscsi_session", NULL, HOST "/session1/iscsi_session/session1", true },
	{ "remove", "iscsi_session", NULL, HOST "/session1/iscsi_session/session1",
	  true },
	{ "add", "iscsi_connection", NULL,
	  HOST "/session1/connection1:0/iscsi_connection/connection1:0", true },
	{ "remove", "iscsi_host", NULL, HOST "/iscsi_host/host3", true },
	{ "add", "iscsi_transport", NULL, "/devices/virtual/iscsi_transport/tcp",
	  true },
	{ "add", "block", "disk", HOST "/session1/target3:0:0/3:0:0:1/block/sda",
	  true },
	{ "remove", "block", "disk", HOST "/session1/target3:0:0/3:0:0:1/block/sda",
	  true },
	{ "change", "block", "disk", "/devices/virtual/block/dm-3", true },
	{ "add", "block", "partition",
	  HOST "/session1/target3:0:0/3:0:0:1/block/sda/sda1", false },
	{ "change", "block", "disk", "/devices/virtual/block/loop0", false },
	{ "add", "block", "disk", "/devices/pci0000:00/0000:00:05.0/virtio2/block/vda",
	  false },
	{ "add", "scsi_host", NULL, HOST "/scsi_host/host3", false },
	{ "add", "tty", NULL, "/devices/virtual/tty/tty1", false },
};

static void sessions_their_disks_and_maps_are_hinted_at(void **state)
{
	struct fixture *f = start(state, on_hint);

	for (unsigned int i = 0; i < AB_COUNT(devices); i++)
		if (hints_of(f, &devices[i]) != devices[i].is_hint)
			fail_msg("%s %s: %u hints", devices[i].action, devices[i].path,
				 f->n_hints);
}

static void without_a_listener_they_are_not_even_received(void **state)
{
	struct fixture *f = start(state, NULL);
	struct ab_udev_stats stats;

	for (unsigned int i = 0; i < AB_COUNT(devices); i++)
		assert_int_equal(hints_of(f, &devices[i]), 0);
	ab_udev_stats(f->udev, &stats);
	assert_int_equal(stats.n_events, AB_COUNT(devices)); /* the last one of each */
}

#define UDEV_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		UDEV_TEST(sessions_their_disks_and_maps_are_hinted_at),
		UDEV_TEST(without_a_listener_they_are_not_even_received),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
