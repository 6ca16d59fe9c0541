/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/store_watch.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "io/log.h"
#include "util/text.h"

#define LOCK_NAME "lock.write"

/* The folder itself went, or is another one. */
#define SELF_MASK (IN_DELETE_SELF | IN_MOVE_SELF)
#define RECORDS_MASK                                                                   \
	(IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_CLOSE_WRITE |        \
	 SELF_MASK)
#define LOCK_MASK (IN_DELETE | IN_MOVED_FROM | SELF_MASK)
#define WAIT_MASK (IN_CREATE | IN_MOVED_TO | SELF_MASK)

enum folder {
	FOLDER_LOCK,
	FOLDER_IFACES,
	FOLDER_NODES,
	FOLDER_MAX
};

struct store_watch {
	int fd;
	struct {
		char path[PATH_MAX];
		int wd;	       /* -1: not even an ancestor could be watched */
		bool is_there; /* .wd watches the folder, not an ancestor */
	} folders[FOLDER_MAX];
	char lock[PATH_MAX];
	int error; /* last failure to watch, reported on change */
};

static int add_watch(struct store_watch *w, const char *path, uint32_t mask)
{
	/* ADD: the lock folder of SUSE is the database root, one watch for both. */
	return inotify_add_watch(w->fd, path, mask | IN_MASK_ADD | IN_ONLYDIR);
}

static void report(struct store_watch *w, const char *path, int error)
{
	if (error && error != w->error) {
		errno = error;
		ab_log_warn("store",
			    "%s: cannot be watched, changes are seen each 10 minutes",
			    path);
	}
	w->error = error;
}

/* Watches the nearest ancestor that is there, until the folder appears. */
static int wait_for(struct store_watch *w, const char *path)
{
	char parent[PATH_MAX];
	char *slash;
	int wd;

	(void)ab_copy(parent, sizeof(parent), path); /* both have PATH_MAX */
	do {
		slash = strrchr(parent, '/');
		if (!slash)
			return -1;
		slash[slash == parent] = '\0';
		wd = add_watch(w, parent, WAIT_MASK);
	} while (wd < 0 && errno == ENOENT && slash != parent);
	return wd;
}

/* An ancestor that nobody waits at any more would only wake us up. */
static void drop_unused(struct store_watch *w, int wd)
{
	int i;

	if (wd < 0)
		return;
	for (i = 0; i < FOLDER_MAX; i++)
		if (w->folders[i].wd == wd)
			return;
	(void)inotify_rm_watch(w->fd, wd); /* may be gone already */
}

/* True when the folder is there. */
static bool arm(struct store_watch *w, enum folder i)
{
	const char *path = w->folders[i].path;
	uint32_t mask = i == FOLDER_LOCK ? LOCK_MASK : RECORDS_MASK;
	int old = w->folders[i].wd, ancestor = -1, before;
	int wd = add_watch(w, path, mask);

	while (wd < 0 && errno == ENOENT) {
		/* Again until nothing appeared between looking and watching. */
		before = ancestor;
		ancestor = wait_for(w, path);
		if (ancestor == before)
			break;
		wd = add_watch(w, path, mask);
	}
	report(w, path, wd < 0 && ancestor < 0 ? errno : 0);
	w->folders[i].is_there = wd >= 0;
	w->folders[i].wd = wd >= 0 ? wd : ancestor;
	drop_unused(w, old);
	drop_unused(w, ancestor);
	return wd >= 0;
}

int store_watch_new(const char *db_dir, const char *lock_dir,
		    struct store_watch **ret_watch)
{
	struct store_watch *w = calloc(1, sizeof(*w));
	bool fits;
	int i, r;

	if (!w)
		return -ENOMEM;
	w->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (w->fd < 0) {
		r = -errno;
		free(w);
		return r;
	}
	fits = ab_copy(w->folders[FOLDER_LOCK].path, PATH_MAX, lock_dir);
	fits &= snprintf(w->lock, PATH_MAX, "%s/%s", lock_dir, LOCK_NAME) < PATH_MAX;
	fits &= snprintf(w->folders[FOLDER_IFACES].path, PATH_MAX, "%s/ifaces",
			 db_dir) < PATH_MAX;
	fits &= snprintf(w->folders[FOLDER_NODES].path, PATH_MAX, "%s/nodes", db_dir) <
		PATH_MAX;
	if (!fits) {
		(void)store_watch_free(w);
		return -ENAMETOOLONG;
	}
	for (i = 0; i < FOLDER_MAX; i++)
		w->folders[i].wd = -1;
	for (i = 0; i < FOLDER_MAX; i++)
		(void)arm(w, (enum folder)i);
	*ret_watch = w;
	return 0;
}

struct store_watch *store_watch_free(struct store_watch *w)
{
	if (w) {
		(void)close(w->fd); /* nothing was written */
		free(w);
	}
	return NULL;
}

int store_watch_fd(const struct store_watch *w)
{
	return w->fd;
}

bool store_watch_is_locked(const struct store_watch *w)
{
	return access(w->lock, F_OK) == 0;
}

/* What one event means for one folder. */
static bool handle(struct store_watch *w, enum folder i, const struct inotify_event *ev)
{
	if (w->folders[i].wd != ev->wd)
		return false;
	if (ev->mask & (SELF_MASK | IN_IGNORED | IN_UNMOUNT)) {
		/* A moved folder keeps its watch: that is not the folder any more. */
		(void)inotify_rm_watch(w->fd, ev->wd); /* may be gone already */
		w->folders[i].wd = -1;
		(void)arm(w, i);
		return true;
	}
	if (!w->folders[i].is_there)
		return arm(w, i);
	if (i == FOLDER_LOCK)
		return (ev->mask & (IN_DELETE | IN_MOVED_FROM)) && ev->len &&
		       ab_streq(ev->name, LOCK_NAME);
	return true;
}

bool store_watch_read(struct store_watch *w)
{
	_Alignas(struct inotify_event) char buf[16384];
	const struct inotify_event *ev;
	bool changed = false;
	ssize_t n, at;
	int i;

	while ((n = read(w->fd, buf, sizeof(buf))) > 0) {
		for (at = 0; at < n; at += (ssize_t)(sizeof(*ev) + ev->len)) {
			ev = (const struct inotify_event *)(const void *)(buf + at);
			if (ev->mask & IN_Q_OVERFLOW)
				changed = true;
			for (i = 0; i < FOLDER_MAX; i++)
				changed |= handle(w, (enum folder)i, ev);
		}
	}
	return changed;
}
