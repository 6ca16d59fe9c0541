/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fake_sysfs - a folder that looks like /sys where iSCSI sessions are: class folders
 * with links into devices/, one small file for each attribute.
 */
#ifndef AUTOBIND_TESTS_FAKE_SYSFS_H
#define AUTOBIND_TESTS_FAKE_SYSFS_H

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FAKE_DEVICES "devices/platform"

struct fake_sysfs {
	char root[64];
};

/* --- files ------------------------------------------------------------------------ */

static inline const char *fake_path(const struct fake_sysfs *fake, char buf[PATH_MAX],
				    const char *path)
{
	assert_true(snprintf(buf, PATH_MAX, "%s/%s", fake->root, path) < PATH_MAX);
	return buf;
}

/* The folders that @path lies in. */
static inline void fake_parents(const struct fake_sysfs *fake, const char *path)
{
	char full[PATH_MAX];
	char *at;

	fake_path(fake, full, path);
	for (at = full + strlen(fake->root) + 1; (at = strchr(at, '/')); at++) {
		*at = '\0';
		(void)mkdir(full, 0755);
		*at = '/';
	}
}

static inline void fake_put(const struct fake_sysfs *fake, const char *path,
			    const char *value)
{
	char full[PATH_MAX];
	FILE *f;

	fake_parents(fake, path);
	f = fopen(fake_path(fake, full, path), "we");
	if (!f)
		fail_msg("%s cannot be written", full);
	assert_true(fputs(value, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static inline void fake_folder(const struct fake_sysfs *fake, const char *path)
{
	char full[PATH_MAX];

	fake_parents(fake, path);
	(void)mkdir(fake_path(fake, full, path), 0755);
}

static inline void fake_link(const struct fake_sysfs *fake, const char *path,
			     const char *target)
{
	char full[PATH_MAX];

	fake_parents(fake, path);
	assert_int_equal(symlink(target, fake_path(fake, full, path)), 0);
}

static inline void fake_remove(const struct fake_sysfs *fake, const char *path)
{
	char command[PATH_MAX + 16], full[PATH_MAX];

	snprintf(command, sizeof(command), "rm -rf '%s'", fake_path(fake, full, path));
	assert_int_equal(system(command), 0);
}

static inline void fake_new(struct fake_sysfs *fake)
{
	strcpy(fake->root, "/tmp/autobind-sysfs-XXXXXX");
	assert_non_null(mkdtemp(fake->root));
}

static inline void fake_free(struct fake_sysfs *fake)
{
	fake_remove(fake, "");
}

/* --- sessions --------------------------------------------------------------------- */

struct fake_session {
	unsigned int sid, host;
	const char *target, *tpgt, *iface, *state, *creator;
	const char *address, *port;   /* asked for */
	const char *peer, *peer_port; /* where it leads */
	const char *local, *driver;
};

/* One that is up; to be changed by the caller. */
static inline struct fake_session fake_session(unsigned int sid)
{
	return (struct fake_session){
		.sid = sid,
		.host = sid + 1,
		.target = "iqn.2020-01.com.example:t1",
		.tpgt = "1",
		.iface = "ab0",
		.state = "LOGGED_IN",
		.creator = "812",
		.address = "192.0.2.1",
		.port = "3260",
		.peer = "192.0.2.1",
		.peer_port = "3260",
		.local = "192.0.2.100",
		.driver = "iscsi_tcp",
	};
}

/* @value: NULL: there is no such attribute. */
static inline void fake_attribute(const struct fake_sysfs *fake, const char *folder,
				  const char *name, const char *value)
{
	char path[512], line[512];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	snprintf(line, sizeof(line), "%s\n", value ? value : "");
	if (value)
		fake_put(fake, path, line);
}

/* Sets an attribute of a session by its class folder. */
static inline void fake_set(const struct fake_sysfs *fake, unsigned int sid,
			    const char *name, const char *value)
{
	char folder[128];

	snprintf(folder, sizeof(folder), "class/iscsi_session/session%u", sid);
	fake_attribute(fake, folder, name, value);
}

static inline void fake_set_connection(const struct fake_sysfs *fake, unsigned int sid,
				       const char *name, const char *value)
{
	char folder[128];

	snprintf(folder, sizeof(folder), "class/iscsi_connection/connection%u:0", sid);
	fake_attribute(fake, folder, name, value);
}

/* A class folder's link and what it leads to; @device: below FAKE_DEVICES. */
static inline void fake_class(const struct fake_sysfs *fake, const char *class,
			      const char *name, const char *device)
{
	char path[256], target[600], folder[512], up[600];

	snprintf(path, sizeof(path), "class/%s/%s", class, name);
	snprintf(folder, sizeof(folder), FAKE_DEVICES "/%s/%s/%s", device, class, name);
	snprintf(target, sizeof(target), "../../%s", folder);
	fake_folder(fake, folder);
	fake_link(fake, path, target);
	snprintf(up, sizeof(up), "%s/device", folder);
	fake_link(fake, up, "../..");
}

static inline void fake_host(const struct fake_sysfs *fake,
			     const struct fake_session *s)
{
	char host[24], folder[128];

	snprintf(host, sizeof(host), "host%u", s->host);
	fake_class(fake, "iscsi_host", host, host);
	fake_class(fake, "scsi_host", host, host);
	snprintf(folder, sizeof(folder), "class/iscsi_host/%s", host);
	fake_attribute(fake, folder, "ipaddress", s->local);
	snprintf(folder, sizeof(folder), "class/scsi_host/%s", host);
	fake_attribute(fake, folder, "proc_name", s->driver);
}

/* The list shows it at the end, when all of it is there. */
static inline void fake_add(const struct fake_sysfs *fake, const struct fake_session *s)
{
	char session[24], connection[24], device[64], below[96];

	snprintf(session, sizeof(session), "session%u", s->sid);
	snprintf(connection, sizeof(connection), "connection%u:0", s->sid);
	snprintf(device, sizeof(device), "host%u/%s", s->host, session);
	snprintf(below, sizeof(below), "%s/%s", device, connection);
	fake_host(fake, s);
	fake_class(fake, "iscsi_connection", connection, below);
	fake_set_connection(fake, s->sid, "persistent_address", s->address);
	fake_set_connection(fake, s->sid, "persistent_port", s->port);
	fake_set_connection(fake, s->sid, "address", s->peer);
	fake_set_connection(fake, s->sid, "port", s->peer_port);
	fake_class(fake, "iscsi_session", session, device);
	fake_set(fake, s->sid, "targetname", s->target);
	fake_set(fake, s->sid, "tpgt", s->tpgt);
	fake_set(fake, s->sid, "ifacename", s->iface);
	fake_set(fake, s->sid, "state", s->state);
	fake_set(fake, s->sid, "creator", s->creator);
}

static inline void fake_disk_path(char path[256], unsigned int sid, unsigned int lun,
				  const char *name)
{
	snprintf(path, 256,
		 FAKE_DEVICES "/host%u/session%u/target%u:0:0/%u:0:0:%u/block/%s",
		 sid + 1, sid, sid + 1, sid + 1, lun, name);
}

/* Of a session whose host is the usual one. */
static inline void fake_add_disk(const struct fake_sysfs *fake, unsigned int sid,
				 unsigned int lun, const char *name, const char *dev)
{
	char path[256], sub[300];

	fake_disk_path(path, sid, lun, name);
	fake_attribute(fake, path, "dev", dev);
	snprintf(sub, sizeof(sub), "%s/holders", path);
	fake_folder(fake, sub);
}

/* A device-mapper device @dm on top of the disk. */
static inline void fake_hold(const struct fake_sysfs *fake, unsigned int sid,
			     unsigned int lun, const char *name, const char *dm,
			     const char *uuid)
{
	char path[256], sub[300];

	fake_disk_path(path, sid, lun, name);
	snprintf(sub, sizeof(sub), "%s/holders/%s", path, dm);
	fake_link(fake, sub, "../../../../../../../../../block/dm");
	snprintf(sub, sizeof(sub), "block/%s/dm", dm);
	fake_attribute(fake, sub, "uuid", uuid);
}

static inline void fake_remove_session(const struct fake_sysfs *fake, unsigned int sid)
{
	char path[128];

	snprintf(path, sizeof(path), "class/iscsi_session/session%u", sid);
	fake_remove(fake, path);
	snprintf(path, sizeof(path), "class/iscsi_connection/connection%u:0", sid);
	fake_remove(fake, path);
	snprintf(path, sizeof(path), "class/iscsi_host/host%u", sid + 1);
	fake_remove(fake, path);
	snprintf(path, sizeof(path), "class/scsi_host/host%u", sid + 1);
	fake_remove(fake, path);
	snprintf(path, sizeof(path), FAKE_DEVICES "/host%u", sid + 1);
	fake_remove(fake, path);
}

#endif
