/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mon_udev - libudev to events.
 *
 * Knows: libudev, where sysfs has a driver. Must not know: what anybody does with an
 * event.
 *
 * Devices are enumerated by the kernel's list of this network namespace, never by
 * /sys/class/net: that shows the namespace which sysfs was mounted in. What sysfs or
 * udev's database say of a device is used only when number, name and hardware address
 * show that they speak of ours.
 *
 * The monitor listens before the list is made, so a device is in the list, or its event
 * is in the queue. A list is worked off DUMP_CHUNK devices in a wake-up, each read when
 * it is its turn; events that come meanwhile are told in between.
 */
#include "io/mon_udev.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <libudev.h>

#include "io/log.h"
#include "util/num.h"
#include "util/text.h"

#define UDEV_CONTROL "/run/udev/control" /* libudev asks for the same file */
#define BUDGET 256			 /* events in a wake-up */
#define DUMP_CHUNK 64			 /* devices in a wake-up: 1 to 3 ms */
#define REDUMP_MS 100			 /* between two dumps after an overflow */
#define RETRY_MS 1000			 /* after an error */
#define LOOK_MS 2000			 /* for udevd to appear */

struct ab_udev {
	struct ab_loop *loop; /* borrowed, outlives this */
	ab_event_fn *fn;
	ab_udev_iscsi_fn *iscsi_fn; /* NULL: nobody asks */
	void *arg;		    /* borrowed, for both */
	char *sysfs;		    /* owned */
	enum ab_udev_mode mode;	    /* that was asked for */
	enum ab_udev_mode mode_now; /* that is in use */
	int rcvbuf_bytes;
	int sock; /* for ioctls that name a device */

	struct udev *udev;	      /* owned */
	struct udev_monitor *monitor; /* owned; NULL: could not be opened */
	struct ab_loop_fd *handle;    /* owned */
	struct ab_loop_timer *work;   /* owned; the dump */
	struct ab_loop_timer *look;   /* owned; for udevd */

	bool is_stale;	/* told, and no dump has ended since */
	bool is_wanted; /* a dump must begin */
	ab_mono not_before;
	struct if_nameindex *list; /* owned; NULL: no dump runs */
	size_t n_done;		   /* of the list */

	struct ab_udev_stats stats;
};

/* What listens to a subsystem. Other subsystems are other rows. */
struct subsystem {
	const char *name;
	const char *devtype; /* NULL: any */
	bool is_iscsi;	     /* only asked for with iscsi_fn */
	void (*take)(struct ab_udev *m, struct udev_device *device);
};

/* --- telling -------------------------------------------------------------------- */

static void tell_dump(struct ab_udev *m, enum ab_event_type type)
{
	struct ab_event ev;

	memset(&ev, 0, sizeof(ev)); /* padding, too: events are compared as bytes */
	ev.type = (uint32_t)type;
	ev.dump.source = AB_SOURCE_UDEV;
	m->fn(m->arg, &ev);
}

static void tell_net(struct ab_udev *m, enum ab_event_type type,
		     const struct ab_udev_net *net)
{
	struct ab_event ev;

	memset(&ev, 0, sizeof(ev));
	ev.type = (uint32_t)type;
	ev.udev = *net;
	m->fn(m->arg, &ev);
}

static void dump_soon(struct ab_udev *m)
{
	ab_mono now = ab_loop_now(m->loop);

	ab_loop_timer_set(m->work,
			  ab_mono_before(now, m->not_before) ? m->not_before : now);
}

static void list_free(struct ab_udev *m)
{
	if (m->list)
		if_freenameindex(m->list); /* does not take NULL */
	m->list = NULL;
}

static void become_stale(struct ab_udev *m)
{
	list_free(m);
	m->is_wanted = true;
	if (!m->is_stale) {
		m->is_stale = true;
		tell_dump(m, AB_EV_STALE);
	}
	dump_soon(m);
}

/* --- sysfs ---------------------------------------------------------------------- */

/* The first line of a small file of a device; false when there is none. */
static bool read_attribute(const struct ab_udev *m, const char *name,
			   const char *attribute, char *buf, size_t size)
{
	char path[PATH_MAX];
	ssize_t n;
	int fd, r;

	r = snprintf(path, sizeof(path), "%s/class/net/%s/%s", m->sysfs, name,
		     attribute);
	if (r < 0 || (size_t)r >= sizeof(path))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return false;
	n = read(fd, buf, size - 1);
	close(fd);
	buf[n > 0 ? n : 0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return n > 0;
}

/* Does `name` in this sysfs mean our device? Another namespace's may have the same name
 * and number, but hardly the same hardware address, too. */
static bool is_ours(const struct ab_udev *m, const char *name, uint32_t ifindex)
{
	char number[16], address[64], ours[24];
	struct ifreq req = { 0 };
	uint64_t n;
	const unsigned char *a;

	if (!read_attribute(m, name, "ifindex", number, sizeof(number)) ||
	    ab_num_u64(number, 1, INT32_MAX, &n) != 0 || n != ifindex)
		return false;
	if (!read_attribute(m, name, "address", address, sizeof(address)) ||
	    !ab_copy(req.ifr_name, sizeof(req.ifr_name), name) ||
	    ioctl(m->sock, SIOCGIFHWADDR, &req) < 0)
		return false;
	/* ifreq has room for 14 bytes; InfiniBand has 20. */
	a = (const unsigned char *)req.ifr_hwaddr.sa_data;
	snprintf(ours, sizeof(ours), "%02x:%02x:%02x:%02x:%02x:%02x", a[0], a[1], a[2],
		 a[3], a[4], a[5]);
	return ab_starts_with(address, ours);
}

/* "" for what has no hardware below: veth, bridge, VLAN ... */
static void read_driver(const struct ab_udev *m, const char *name,
			struct ab_udev_net *net)
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *last;
	ssize_t n;
	int r;

	r = snprintf(path, sizeof(path), "%s/class/net/%s/device/driver", m->sysfs,
		     name);
	if (r < 0 || (size_t)r >= sizeof(path))
		return;
	n = readlink(path, target, sizeof(target) - 1);
	if (n <= 0 || !is_ours(m, name, net->ifindex))
		return;
	target[n] = '\0';
	last = strrchr(target, '/');
	(void)ab_copy(net->driver, sizeof(net->driver), last ? last + 1 : target);
}

/* --- devices -------------------------------------------------------------------- */

/* What the kernel takes for a name (dev_valid_name()); it goes into a path. */
static bool is_valid_name(const char *name)
{
	return name && name[0] != '\0' && strlen(name) < IFNAMSIZ &&
	       !strchr(name, '/') && !ab_streq(name, ".") && !ab_streq(name, "..");
}

static bool ifindex_of(struct udev_device *device, uint32_t *ret_ifindex)
{
	const char *text = udev_device_get_property_value(device, "IFINDEX");
	uint64_t n;

	if (!text || ab_num_u64(text, 1, INT32_MAX, &n) != 0)
		return false;
	*ret_ifindex = (uint32_t)n;
	return true;
}

/* @device: NULL when udev does not know it, or is not asked. */
static void fill_net(const struct ab_udev *m, struct udev_device *device,
		     const char *name, struct ab_udev_net *net)
{
	const char *value;

	if (m->mode_now == AB_UDEV_MODE_KERNEL) {
		net->is_initialized = true;
	} else if (device) {
		net->is_initialized = udev_device_get_is_initialized(device) > 0;
		value = udev_device_get_property_value(device, "AUTOBIND_IGNORE");
		net->is_ignored = value && ab_streq(value, "1");
		value = udev_device_get_property_value(device, "ID_NET_DRIVER");
		if (value)
			(void)ab_copy(net->driver, sizeof(net->driver), value);
		value = udev_device_get_property_value(device, "ID_PATH");
		if (value)
			(void)ab_copy(net->id_path, sizeof(net->id_path), value);
	}
	if (net->driver[0] == '\0')
		read_driver(m, name, net);
}

/* Properties of an event come with it; libudev reads no file for them. */
static void take_net(struct ab_udev *m, struct udev_device *device)
{
	const char *action = udev_device_get_action(device);
	const char *name = udev_device_get_sysname(device);
	struct ab_udev_net net = { 0 };

	if (!action || !is_valid_name(name) || !ifindex_of(device, &net.ifindex)) {
		m->stats.n_unread++;
		return;
	}
	if (ab_streq(action, "remove")) {
		tell_net(m, AB_EV_UDEV_GONE, &net);
		return;
	}
	fill_net(m, device, name, &net);
	tell_net(m, AB_EV_UDEV, &net);
}

static void take_iscsi(struct ab_udev *m, struct udev_device *device)
{
	(void)device;
	m->iscsi_fn(m->arg);
}

/* Disks of sessions lie below them: .../hostH/sessionN/targetH:0:0/... Maps lie
 * elsewhere, and which disks they hold is not in the event. */
static void take_block(struct ab_udev *m, struct udev_device *device)
{
	const char *path = udev_device_get_devpath(device);
	const char *name = udev_device_get_sysname(device);

	if ((path && strstr(path, "/session")) || (name && ab_starts_with(name, "dm-")))
		m->iscsi_fn(m->arg);
}

static const struct subsystem subsystems[] = {
	{ "net", NULL, false, take_net },
	{ "iscsi_session", NULL, true, take_iscsi },
	{ "iscsi_connection", NULL, true, take_iscsi },
	{ "iscsi_host", NULL, true, take_iscsi },
	{ "iscsi_transport", NULL, true, take_iscsi },
	{ "block", "disk", true, take_block },
};

static bool is_asked_for(const struct ab_udev *m, const struct subsystem *subsystem)
{
	return !subsystem->is_iscsi || m->iscsi_fn;
}

static void take_event(struct ab_udev *m, struct udev_device *device)
{
	const char *name = udev_device_get_subsystem(device);

	m->stats.n_events++;
	for (size_t i = 0; name && i < sizeof(subsystems) / sizeof(subsystems[0]);
	     i++) {
		if (is_asked_for(m, &subsystems[i]) &&
		    ab_streq(name, subsystems[i].name))
			subsystems[i].take(m, device);
	}
}

static void on_monitor(void *arg, unsigned int ready)
{
	struct ab_udev *m = arg;

	(void)ready;
	for (int i = 0; i < BUDGET; i++) {
		struct udev_device *device;

		errno = 0;
		device = udev_monitor_receive_device(m->monitor);
		if (device) {
			take_event(m, device);
			udev_device_unref(device);
			continue;
		}
		if (errno != ENOBUFS)
			return; /* empty, or one that libudev cannot read */
		m->stats.n_overflows++;
		m->not_before = ab_mono_add_ms(ab_loop_now(m->loop), REDUMP_MS);
		become_stale(m);
		if (m->iscsi_fn)
			m->iscsi_fn(m->arg);
	}
}

/* --- dumps ---------------------------------------------------------------------- */

static void dump_one(struct ab_udev *m, uint32_t ifindex, const char *name)
{
	struct udev_device *device = NULL;
	struct ab_udev_net net = { .ifindex = ifindex };
	struct ifreq req = { .ifr_ifindex = (int)ifindex };
	const char *now = req.ifr_name;
	uint32_t n;

	/* It may be gone, or be another one's name, since the list was made; then its
	 * event says so. */
	if (ioctl(m->sock, SIOCGIFNAME, &req) < 0)
		return;
	if (m->mode_now == AB_UDEV_MODE_UDEV && ab_streq(now, name))
		device = udev_device_new_from_subsystem_sysname(m->udev, "net", name);
	if (device && (!ifindex_of(device, &n) || n != ifindex))
		device = udev_device_unref(device);
	fill_net(m, device, now, &net);
	udev_device_unref(device);
	tell_net(m, AB_EV_UDEV, &net);
}

static void dump_begin(struct ab_udev *m)
{
	/* Asks the kernel by netlink and reads the answer at once: some
	 * milliseconds for a thousand devices, and never longer than the kernel
	 * takes to write it. */
	m->list = if_nameindex();
	if (!m->list) {
		ab_log_warn("udev", "listing network devices failed, trying again");
		m->not_before = ab_mono_add_ms(ab_loop_now(m->loop), RETRY_MS);
		dump_soon(m);
		return;
	}
	m->is_wanted = false;
	m->n_done = 0;
	m->stats.n_dumps++;
	tell_dump(m, AB_EV_DUMP_BEGIN);
	dump_soon(m);
}

static void dump_continue(struct ab_udev *m)
{
	for (int i = 0; i < DUMP_CHUNK && m->list[m->n_done].if_index != 0; i++) {
		const struct if_nameindex *one = &m->list[m->n_done++];

		dump_one(m, one->if_index, one->if_name);
	}
	if (m->list[m->n_done].if_index == 0) {
		list_free(m);
		m->is_stale = false;
		tell_dump(m, AB_EV_DUMP_END);
	}
	if (m->list || m->is_wanted)
		dump_soon(m);
}

static int monitor_open(struct ab_udev *m);

static void on_work(void *arg)
{
	struct ab_udev *m = arg;
	int r;

	if (!m->monitor) {
		r = monitor_open(m);
		if (r < 0) {
			errno = -r;
			ab_log_warn("udev", "opening the monitor failed, trying again");
			m->not_before = ab_mono_add_ms(ab_loop_now(m->loop), RETRY_MS);
			dump_soon(m);
			return;
		}
		if (m->iscsi_fn)
			m->iscsi_fn(m->arg); /* nobody listened */
	}
	if (m->list)
		dump_continue(m);
	else if (m->is_wanted)
		dump_begin(m);
}

void ab_udev_resync(struct ab_udev *udev)
{
	udev->is_wanted = true;
	dump_soon(udev);
}

/* --- the monitor ---------------------------------------------------------------- */

static bool is_udevd_there(void)
{
	return access(UDEV_CONTROL, F_OK) == 0;
}

static void monitor_close(struct ab_udev *m)
{
	m->handle = ab_loop_fd_free(m->handle);
	m->monitor = udev_monitor_unref(m->monitor);
}

/* libudev returns NULL with errno, or a negative errno. */
static int monitor_open(struct ab_udev *m)
{
	const char *group = m->mode_now == AB_UDEV_MODE_UDEV ? "udev" : "kernel";
	int r = 0;

	errno = 0;
	m->monitor = udev_monitor_new_from_netlink(m->udev, group);
	if (!m->monitor)
		return errno > 0 ? -errno : -ENOMEM;
	for (size_t i = 0; i < sizeof(subsystems) / sizeof(subsystems[0]) && r >= 0;
	     i++)
		if (is_asked_for(m, &subsystems[i]))
			r = udev_monitor_filter_add_match_subsystem_devtype(
				m->monitor, subsystems[i].name, subsystems[i].devtype);
	if (r >= 0 &&
	    udev_monitor_set_receive_buffer_size(m->monitor, m->rcvbuf_bytes) < 0)
		ab_log_info("udev",
			    "no permission for a receive buffer of %d bytes: "
			    "storms will cost a new dump",
			    m->rcvbuf_bytes);
	if (r >= 0)
		r = udev_monitor_enable_receiving(m->monitor);
	if (r >= 0)
		r = ab_loop_fd_new(m->loop, udev_monitor_get_fd(m->monitor),
				   AB_LOOP_READ, on_monitor, m, &m->handle);
	if (r < 0)
		monitor_close(m);
	return r < 0 ? r : 0;
}

static void on_look(void *arg)
{
	struct ab_udev *m = arg;

	if (!is_udevd_there()) {
		ab_loop_timer_set(m->look,
				  ab_mono_add_ms(ab_loop_now(m->loop), LOOK_MS));
		return;
	}
	ab_log_notice("udev", "udevd has come: changing over to its events");
	m->mode_now = AB_UDEV_MODE_UDEV;
	monitor_close(m);
	become_stale(m); /* opens the monitor again, then dumps */
}

static void choose_mode(struct ab_udev *m)
{
	m->mode_now = m->mode;
	if (m->mode != AB_UDEV_MODE_UDEV || is_udevd_there())
		return;
	ab_log_warnx("udev",
		     "no %s, so there is no udevd: using the kernel's events, "
		     "and looking for it each %d s",
		     UDEV_CONTROL, LOOK_MS / 1000);
	m->mode_now = AB_UDEV_MODE_KERNEL;
	ab_loop_timer_set(m->look, ab_mono_add_ms(ab_loop_now(m->loop), LOOK_MS));
}

static int open_all(struct ab_udev *m, const char *sysfs)
{
	int r;

	m->sysfs = strdup(sysfs ? sysfs : "/sys");
	m->udev = udev_new();
	if (!m->sysfs || !m->udev)
		return -ENOMEM;
	m->sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (m->sock < 0)
		return -errno;
	r = ab_loop_timer_new(m->loop, on_work, m, &m->work);
	if (r == 0)
		r = ab_loop_timer_new(m->loop, on_look, m, &m->look);
	if (r < 0)
		return r;
	choose_mode(m);
	return monitor_open(m);
}

int ab_udev_new(struct ab_loop *loop, const struct ab_udev_config *config,
		ab_event_fn *fn, void *arg, struct ab_udev **ret_udev)
{
	struct ab_udev *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return -ENOMEM;
	*m = (struct ab_udev){ .loop = loop,
			       .fn = fn,
			       .iscsi_fn = config->iscsi_fn,
			       .arg = arg,
			       .mode = config->mode,
			       .rcvbuf_bytes = config->rcvbuf_bytes
						       ? config->rcvbuf_bytes
						       : AB_UDEV_RCVBUF,
			       .sock = -1,
			       .is_stale = true, /* no dump has ended yet */
			       .is_wanted = true };
	r = open_all(m, config->sysfs);
	if (r < 0) {
		ab_udev_free(m);
		return r;
	}
	dump_soon(m);
	*ret_udev = m;
	return 0;
}

struct ab_udev *ab_udev_free(struct ab_udev *udev)
{
	if (!udev)
		return NULL;
	monitor_close(udev);
	ab_loop_timer_free(udev->work);
	ab_loop_timer_free(udev->look);
	list_free(udev);
	udev_unref(udev->udev);
	if (udev->sock >= 0)
		close(udev->sock);
	free(udev->sysfs);
	free(udev);
	return NULL;
}

enum ab_udev_mode ab_udev_mode_in_use(const struct ab_udev *udev)
{
	return udev->mode_now;
}

void ab_udev_stats(const struct ab_udev *udev, struct ab_udev_stats *ret_stats)
{
	*ret_stats = udev->stats;
}
