/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/sysfs_session.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/name.h"
#include "util/num.h"
#include "util/text.h"

#define SESSIONS "class/iscsi_session"
#define PATH_TEXT 128
#define ENTRIES_MAX 65536 /* of one folder */

/* --- folders and attributes ------------------------------------------------------- */

/* Relative paths of names and numbers that were checked: always fits. */
__attribute__((format(printf, 2, 3))) static const char *path_of(char buf[PATH_TEXT],
								 const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, PATH_TEXT, fmt, ap);
	va_end(ap);
	assert(n > 0 && n < PATH_TEXT);
	return buf;
}

static int open_folder(int dirfd, const char *path)
{
	int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Foreign text that is printable as it is. */
static bool is_plain(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (s[i] <= ' ' || s[i] >= 0x7f)
			return false;
	return true;
}

/*
 * The one line of an attribute. Return: its length, -errno, or -EBADMSG when it is too
 * long, not printable, or has blanks.
 */
static int read_attribute(int dirfd, const char *name, char *buf, size_t size)
{
	int fd = openat(dirfd, name,
			O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	ssize_t n;

	buf[0] = '\0';
	if (fd < 0)
		return -errno;
	n = read(fd, buf, size);
	if (n < 0)
		n = -errno;
	close(fd);
	if (n > 0 && buf[n - 1] == '\n')
		n--;
	if (n < 0 || (size_t)n == size || !is_plain(buf, (size_t)n)) {
		buf[0] = '\0';
		return n < 0 ? (int)n : -EBADMSG;
	}
	buf[n] = '\0';
	return (int)n;
}

/* How the kernel prints a string that it does not have. */
static bool is_null(const char *s)
{
	return s[0] == '\0' || ab_streq(s, "(null)") || ab_streq(s, "<NULL>");
}

/* The number behind @prefix, in its normal form and with nothing behind it. */
static bool number_after(const char *s, const char *prefix, uint32_t *ret)
{
	uint64_t n;

	if (!ab_starts_with(s, prefix))
		return false;
	s += strlen(prefix);
	if ((s[0] == '0' && s[1] != '\0') || ab_num_u64(s, 0, UINT32_MAX - 1, &n))
		return false;
	*ret = (uint32_t)n;
	return true;
}

/* getdents64() as in io/iscsi_db_scan.c: fdopendir() costs more than the folder.
 * Return: 0, -errno, or what @fn returned other than 0. */
static int each_entry(int fd, int (*fn)(void *arg, int dirfd, const char *name),
		      void *arg)
{
	char buf[4096] __attribute__((aligned(8)));
	unsigned int n_entries = 0;
	ssize_t n;
	int r;

	while ((n = getdents64(fd, buf, sizeof(buf))) > 0) {
		const struct dirent64 *e;

		for (ssize_t i = 0; i < n; i += e->d_reclen) {
			e = (const struct dirent64 *)(const void *)(buf + i);
			if (e->d_name[0] == '.')
				continue;
			if (++n_entries > ENTRIES_MAX)
				return -EFBIG;
			r = fn(arg, fd, e->d_name);
			if (r)
				return r;
		}
	}
	return n < 0 ? -errno : 0;
}

static int each_entry_of(int dirfd, const char *path,
			 int (*fn)(void *arg, int dirfd, const char *name), void *arg)
{
	int fd = open_folder(dirfd, path), r;

	if (fd < 0)
		return fd;
	r = each_entry(fd, fn, arg);
	close(fd);
	return r;
}

/* What open and read say of something that goes away while one looks at it. */
static bool is_vanished(int r)
{
	return r == -ENOENT || r == -ENODEV || r == -ENXIO || r == -ENOTDIR;
}

/* --- the list --------------------------------------------------------------------- */

struct list {
	int (*fn)(void *arg, uint32_t sid);
	void *arg;
};

static int list_one(void *arg, int dirfd, const char *name)
{
	struct list *list = arg;
	uint32_t sid;

	(void)dirfd;
	return number_after(name, "session", &sid) ? list->fn(list->arg, sid) : 0;
}

int ab_sysfs_list_sessions(int sysfs, int (*fn)(void *arg, uint32_t sid), void *arg)
{
	struct list list = { .fn = fn, .arg = arg };
	int r = each_entry_of(sysfs, SESSIONS, list_one, &list);

	return r == -ENOENT ? 0 : r;
}

/* --- addresses -------------------------------------------------------------------- */

/* With brackets or a zone, as iscsid may have written it; never a host name. */
static bool parse_addr(const char *s, struct ab_addr *ret)
{
	char bare[AB_ADDR_TEXT];
	size_t n;

	if (s[0] == '[')
		s++;
	n = strcspn(s, "]%");
	return ab_copyn(bare, sizeof(bare), s, n) && ab_name_parse_addr(bare, ret) == 0;
}

static bool read_addr(int dirfd, const char *name, struct ab_addr *ret)
{
	char text[96];

	return read_attribute(dirfd, name, text, sizeof(text)) > 0 &&
	       parse_addr(text, ret);
}

static bool read_number(int dirfd, const char *name, int64_t min, int64_t max,
			int64_t *ret)
{
	char text[24];

	return read_attribute(dirfd, name, text, sizeof(text)) > 0 &&
	       ab_num_i64(text, min, max, ret) == 0;
}

/* Address and port, both or none. */
static bool read_portal(int dirfd, const char *addr, const char *port,
			struct ab_portal *ret)
{
	struct ab_portal portal;
	int64_t n;

	memset(&portal, 0, sizeof(portal));
	if (!read_addr(dirfd, addr, &portal.addr) ||
	    !read_number(dirfd, port, 1, UINT16_MAX, &n))
		return false;
	portal.port = (uint16_t)n;
	*ret = portal;
	return true;
}

/* --- firmware --------------------------------------------------------------------- */

static int firmware_target(void *arg, int dirfd, const char *name)
{
	struct ab_firmware *firmware = arg;
	struct ab_portal portal;
	char target[AB_TARGET_NAME];
	uint32_t i;
	int64_t port;
	int fd;

	if (!number_after(name, "target", &i) || firmware->n == AB_FIRMWARE_TARGETS_MAX)
		return 0;
	fd = open_folder(dirfd, name);
	if (fd < 0)
		return 0;
	memset(&portal, 0, sizeof(portal));
	if (read_attribute(fd, "target-name", target, sizeof(target)) > 0 &&
	    ab_name_check_target(target) == 0) {
		if (!read_addr(fd, "ip-addr", &portal.addr) ||
		    ab_addr_is_unusable(&portal.addr))
			memset(&portal.addr, 0, sizeof(portal.addr));
		portal.port = read_number(fd, "port", 1, UINT16_MAX, &port)
				      ? (uint16_t)port
				      : AB_PORTAL_PORT;
		(void)ab_copy(firmware->targets[firmware->n].target, AB_TARGET_NAME,
			      target);
		firmware->targets[firmware->n++].portal = portal;
	}
	close(fd);
	return 0;
}

static int firmware_folder(void *arg, int dirfd, const char *name)
{
	uint32_t i;

	if (ab_streq(name, "ibft") || number_after(name, "iscsi_boot", &i))
		(void)each_entry_of(dirfd, name, firmware_target, arg);
	return 0;
}

void ab_sysfs_firmware(int sysfs, struct ab_firmware *ret_firmware)
{
	memset(ret_firmware, 0, sizeof(*ret_firmware));
	(void)each_entry_of(sysfs, "firmware", firmware_folder, ret_firmware);
}

static bool is_boot_target(const struct ab_firmware *firmware,
			   const struct ab_node_key *node)
{
	for (unsigned int i = 0; i < firmware->n; i++) {
		const struct ab_portal *portal = &firmware->targets[i].portal;

		if (ab_streq(firmware->targets[i].target, node->target) &&
		    (!portal->addr.family || ab_portal_equal(portal, &node->portal)))
			return true;
	}
	return false;
}

static bool has_boot_mark(int fd)
{
	static const char *const names[] = { "boot_root", "boot_nic", "boot_target" };
	char text[64];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int r = read_attribute(fd, names[i], text, sizeof(text));

		if (r == -EBADMSG || (r > 0 && !is_null(text)))
			return true;
	}
	return false;
}

static bool is_firmware(int fd, const struct ab_firmware *firmware,
			const struct ab_node_key *node)
{
	int64_t creator;

	return !read_number(fd, "creator", -1, INT32_MAX, &creator) || creator < 0 ||
	       has_boot_mark(fd) || is_boot_target(firmware, node);
}

/* --- disks ------------------------------------------------------------------------ */

/* A walk from a session's device to its disks. */
struct walk {
	struct ab_session_look *look;
	int sysfs;
};

/* One of the maps above a disk? 1: yes, dm-multipath's. */
static int map_above(void *arg, int dirfd, const char *name)
{
	const struct walk *walk = arg;
	char path[PATH_TEXT], uuid[8];
	uint32_t i;
	int fd;
	ssize_t n;

	(void)dirfd;
	if (!number_after(name, "dm-", &i))
		return 0;
	/* Longer than what is needed of it, so not by read_attribute(). */
	fd = openat(walk->sysfs, path_of(path, "block/dm-%u/dm/uuid", i),
		    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return 0;
	n = read(fd, uuid, 6);
	close(fd);
	return n == 6 && memcmp(uuid, "mpath-", 6) == 0;
}

static bool parse_dev(const char *s, struct ab_session_disk *disk)
{
	char major[12];
	const char *colon = strchr(s, ':');

	return colon && ab_copyn(major, sizeof(major), s, (size_t)(colon - s)) &&
	       number_after(major, "", &disk->major) &&
	       number_after(colon + 1, "", &disk->minor);
}

/* H:B:T:L/block/NAME */
static int take_disk(void *arg, int dirfd, const char *name)
{
	struct walk *walk = arg;
	struct ab_session_look *look = walk->look;
	struct ab_session_disk disk = { 0 };
	char path[PATH_TEXT], dev[32];
	int r;

	if (look->n_disks == AB_SESSION_DISKS_MAX || !is_plain(name, strlen(name)) ||
	    !ab_copy(disk.name, sizeof(disk.name), name)) {
		look->is_cut = true;
		return 0;
	}
	r = read_attribute(dirfd, path_of(path, "%s/dev", disk.name), dev, sizeof(dev));
	if (r < 0 || !parse_dev(dev, &disk)) {
		look->is_cut |= !is_vanished(r);
		return 0;
	}
	r = each_entry_of(dirfd, path_of(path, "%s/holders", disk.name), map_above,
			  walk);
	look->is_cut |= r < 0 && !is_vanished(r);
	look->session.n_mapped = (uint16_t)(look->session.n_mapped + (r > 0));
	look->disks[look->n_disks++] = disk;
	return 0;
}

/* target*H/H:B:T:L; other folders have no colon or no block/. */
static int take_unit(void *arg, int dirfd, const char *name)
{
	struct walk *walk = arg;
	char path[PATH_TEXT];
	int r;

	if (!ab_is_digit(name[0]) || strlen(name) > 64)
		return 0;
	r = each_entry_of(dirfd, path_of(path, "%s/block", name), take_disk, walk);
	walk->look->is_cut |= r < 0 && !is_vanished(r);
	return 0;
}

static int take_scsi_target(void *arg, int dirfd, const char *name)
{
	struct walk *walk = arg;
	int r;

	if (!ab_starts_with(name, "target"))
		return 0;
	r = each_entry_of(dirfd, name, take_unit, walk);
	walk->look->is_cut |= r < 0 && !is_vanished(r);
	return 0;
}

static void read_disks(int sysfs, int fd, struct ab_session_look *look)
{
	struct walk walk = { .look = look, .sysfs = sysfs };
	int r = each_entry_of(fd, "device", take_scsi_target, &walk);

	look->is_cut |= r < 0 && !is_vanished(r);
	look->session.n_disks = (uint16_t)look->n_disks;
}

/* --- a session -------------------------------------------------------------------- */

/* Takes "/NAME" off the end of @path. */
static bool drop_last(char *path, const char *name)
{
	char *slash = strrchr(path, '/');

	if (!slash || !ab_streq(slash + 1, name))
		return false;
	*slash = '\0';
	return true;
}

/* The link leads to .../hostH/sessionN/iscsi_session/sessionN. */
static int read_host(int sysfs, uint32_t sid, uint32_t *ret_host)
{
	char path[PATH_TEXT], name[24], link[1024];
	const char *slash;
	ssize_t n = readlinkat(sysfs, path_of(path, SESSIONS "/session%u", sid), link,
			       sizeof(link));

	if (n < 0)
		return is_vanished(-errno) ? AB_SYSFS_E_GONE : AB_SYSFS_E_EARLY;
	if ((size_t)n == sizeof(link))
		return AB_SYSFS_E_ODD;
	link[n] = '\0';
	(void)snprintf(name, sizeof(name), "session%u", sid);
	if (!drop_last(link, name) || !drop_last(link, "iscsi_session") ||
	    !drop_last(link, name))
		return AB_SYSFS_E_ODD;
	slash = strrchr(link, '/');
	return slash && number_after(slash + 1, "host", ret_host) ? 0 : AB_SYSFS_E_ODD;
}

static uint8_t state_of(const char *text)
{
	if (ab_streq(text, "LOGGED_IN"))
		return AB_SESSION_LOGGED_IN;
	return ab_streq(text, "FAILED") ? AB_SESSION_FAILED : AB_SESSION_FREE;
}

/* What an attribute that must be there did: it cannot be read now, or is odd. */
static int lacking(int r)
{
	return r == -EBADMSG || r >= 0 ? AB_SYSFS_E_ODD : AB_SYSFS_E_EARLY;
}

/* Foreign iface names are any, as long as a record can have them. */
static int read_iface(int fd, struct ab_node_key *node)
{
	char text[AB_IFACE_NAME];
	int r = read_attribute(fd, "ifacename", text, sizeof(text));

	if (r < 0 && r != -ENOENT) /* absent: kernels before 2.6.26 */
		return lacking(r);
	if (strchr(text, '/'))
		return AB_SYSFS_E_ODD;
	(void)ab_copy(node->iface, sizeof(node->iface),
		      is_null(text) ? "default" : text);
	return 0;
}

/* Target and group; a login has them set before the session is told of. */
static int read_identity(int fd, struct ab_session *s)
{
	struct ab_node_key *node = &s->node;
	int64_t tpgt;
	int r = read_attribute(fd, "targetname", node->target, sizeof(node->target));

	if (r < 0)
		return lacking(r);
	if (is_null(node->target))
		return AB_SYSFS_E_EARLY;
	if (ab_name_check_target(node->target) != 0)
		return AB_SYSFS_E_ODD;
	node->tpgt = read_number(fd, "tpgt", 0, UINT16_MAX, &tpgt) ? (int32_t)tpgt
								   : AB_TPGT_UNKNOWN;
	return read_iface(fd, node);
}

/* What was asked for, as the record has it. */
static int read_asked(int fd, struct ab_session *s)
{
	struct ab_portal *asked = &s->node.portal;
	char text[256];
	int64_t port;
	int r = read_attribute(fd, "persistent_address", text, sizeof(text));

	if (r <= 0 || is_null(text))
		return r == -EBADMSG ? AB_SYSFS_E_ODD : AB_SYSFS_E_EARLY;
	if (!read_number(fd, "persistent_port", 1, UINT16_MAX, &port))
		return AB_SYSFS_E_EARLY;
	/* A record may have a host name, which is never resolved: then it is where the
	 * session leads, as soon as that is known. */
	if (!parse_addr(text, &asked->addr)) {
		if (!s->peer.addr.family)
			return AB_SYSFS_E_EARLY;
		asked->addr = s->peer.addr;
	}
	asked->port = (uint16_t)port;
	return 0;
}

static int read_connection(int sysfs, struct ab_session *s)
{
	char path[PATH_TEXT];
	int fd = open_folder(
		sysfs, path_of(path, "class/iscsi_connection/connection%u:0", s->sid));
	int r;

	if (fd < 0)
		return AB_SYSFS_E_EARLY;
	(void)read_portal(fd, "address", "port", &s->peer);
	r = read_asked(fd, s);
	close(fd);
	return r;
}

static void read_host_attributes(int sysfs, struct ab_session *s)
{
	static const struct {
		const char *driver, *transport;
	} names[] = { { "iscsi_tcp", "tcp" }, { "ib_iser", "iser" } };
	char path[PATH_TEXT], driver[AB_TRANSPORT_NAME];

	(void)read_addr(sysfs,
			path_of(path, "class/iscsi_host/host%u/ipaddress", s->host),
			&s->local);
	(void)read_attribute(sysfs,
			     path_of(path, "class/scsi_host/host%u/proc_name", s->host),
			     driver, sizeof(driver));
	if (is_null(driver))
		return;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (ab_streq(driver, names[i].driver))
			(void)ab_copy(driver, sizeof(driver), names[i].transport);
	(void)ab_copy(s->transport, sizeof(s->transport), driver);
}

/* @fd: the folder of its class. */
static int read_session(int sysfs, int fd, const struct ab_firmware *firmware,
			struct ab_session_look *look)
{
	struct ab_session *s = &look->session;
	char state[16];
	int r;

	/* First: what is read after it is at least as new. */
	r = read_attribute(fd, "state", state, sizeof(state));
	if (r < 0)
		return lacking(r);
	s->state = state_of(state);
	r = read_identity(fd, s);
	if (r == 0)
		r = read_connection(sysfs, s);
	if (r != 0)
		return r;
	read_host_attributes(sysfs, s);
	s->is_firmware = is_firmware(fd, firmware, &s->node);
	read_disks(sysfs, fd, look);
	look->is_settled = s->state != AB_SESSION_FREE;
	return 0;
}

int ab_sysfs_session(int sysfs, uint32_t sid, const struct ab_firmware *firmware,
		     struct ab_session_look *ret_look)
{
	char path[PATH_TEXT];
	int fd, r;

	memset(&ret_look->session, 0, sizeof(ret_look->session));
	ret_look->session.sid = sid;
	ret_look->is_settled = ret_look->is_cut = false;
	ret_look->n_disks = 0;
	r = read_host(sysfs, sid, &ret_look->session.host);
	if (r != 0)
		return r;
	fd = open_folder(sysfs, path_of(path, SESSIONS "/session%u", sid));
	if (fd < 0)
		return is_vanished(fd) ? AB_SYSFS_E_GONE : AB_SYSFS_E_EARLY;
	r = read_session(sysfs, fd, firmware, ret_look);
	close(fd);
	return r;
}

int ab_sysfs_session_state(int sysfs, uint32_t sid, uint8_t *ret_state)
{
	char path[PATH_TEXT], state[16];
	int r = read_attribute(sysfs, path_of(path, SESSIONS "/session%u/state", sid),
			       state, sizeof(state));

	if (r < 0)
		return is_vanished(r) ? AB_SYSFS_E_GONE : lacking(r);
	*ret_state = state_of(state);
	return 0;
}
