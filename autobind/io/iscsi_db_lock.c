/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * open-iscsi's lock: who has linked "lock" to "lock.write" holds it.
 *
 * A killed holder leaves it. Nobody can tell by the file whose it was: it is the same
 * inode for all. But each link() and unlink() renews that inode's ctime, so a note of
 * ours, "process id, device, inode, ctime", beside which the lock looks the same, says
 * that it is ours and nobody has had it since: the next start breaks it at once.
 * Without a note a lock is stale when it is old and nobody who may hold it works.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "io/clock.h"
#include "io/file.h"
#include "io/iscsi_db_priv.h"
#include "io/log.h"

#define LOCK_NAME "lock.write"
#define LOCK_POLL_MS 10 /* as iscsiadm */

/* --- somebody else's ------------------------------------------------------------ */

/* Command name and state letter of a process; false: it is gone, or none. */
static bool read_process(int procfd, const char *pid, char *comm, size_t size,
			 char *ret_state)
{
	char path[64], *data = NULL, *open_par, *close_par;
	size_t n = 0;
	bool ok;

	if (snprintf(path, sizeof(path), "%s/stat", pid) >= (int)sizeof(path) ||
	    ab_file_read(procfd, path, 4096, &data, &n, NULL) != 0)
		return false;
	/* "PID (command name) S ...": the name may hold anything. */
	open_par = strchr(data, '(');
	close_par = strrchr(data, ')');
	ok = open_par && close_par && close_par > open_par && close_par[1] == ' ' &&
	     ab_copyn(comm, size, open_par + 1, (size_t)(close_par - open_par - 1));
	if (ok)
		*ret_state = close_par[2];
	free(data);
	return ok;
}

/*
 * May this process hold the lock? iscsiadm whenever it lives; iscsid and another store
 * live always and sleep in poll(), so only when they are in the middle of something: a
 * store that a dead disk holds back goes on when the disk does.
 */
static bool may_hold_lock(const char *comm, char state)
{
	if (ab_streq(comm, "iscsiadm"))
		return state != 'Z' && state != 'X';
	return (ab_streq(comm, "iscsid") || ab_streq(comm, AB_DB_STORE_NAME)) &&
	       strchr("RDTt", state);
}

/* Unreadable /proc counts as yes: a lock is broken only when nobody can hold it. */
static bool has_lock_holder(const struct ab_db *db)
{
	DIR *dir = opendir(db->proc);
	bool found = false;
	struct dirent *e;
	char comm[64], state, self[24];

	if (!dir)
		return true;
	(void)snprintf(self, sizeof(self), "%ld", (long)getpid());
	while (!found && (e = readdir(dir))) {
		if (!isdigit((unsigned char)e->d_name[0]) || ab_streq(e->d_name, self))
			continue;
		if (read_process(dirfd(dir), e->d_name, comm, sizeof(comm), &state))
			found = may_hold_lock(comm, state);
	}
	(void)closedir(dir);
	return found;
}

/*
 * The inode's ctime is the time of the last link() or unlink() of lock.write: a holder
 * that works renews it all the time, one that was killed leaves it to age.
 */
static int64_t lock_age_s(int dirfd, bool *ret_exists)
{
	struct stat st;

	*ret_exists = fstatat(dirfd, LOCK_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0;
	if (!*ret_exists)
		return 0;
	return ab_clock_file_ns() / AB_NSEC_PER_SEC - st.st_ctim.tv_sec;
}

static bool break_stale_lock(const struct ab_db *db, int dirfd)
{
	bool exists;
	int64_t age = lock_age_s(dirfd, &exists);

	if (!exists || age <= db->lock_stale_s || has_lock_holder(db))
		return false;
	/* Again, as late as possible: another one may have broken and taken it. */
	if (lock_age_s(dirfd, &exists) <= db->lock_stale_s || !exists)
		return false;
	if (unlinkat(dirfd, LOCK_NAME, 0) < 0)
		return false;
	ab_log_warnx("db",
		     "removed stale lock %s/lock.write: %lld s old, no iscsiadm runs",
		     db->lock_dir, (long long)age);
	return true;
}

/* --- our own -------------------------------------------------------------------- */

/* The words of the note. Return: false when there is no lock. */
static bool describe(int dirfd, long pid, char *buf)
{
	struct stat st;

	if (fstatat(dirfd, LOCK_NAME, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	(void)snprintf(buf, AB_DB_NOTE_MAX, "%ld %ju %ju %jd.%09ld\n", pid,
		       (uintmax_t)st.st_dev, (uintmax_t)st.st_ino,
		       (intmax_t)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
	return true;
}

/* A note that cannot be made costs, after a kill, a minute of waiting. */
static void make_note(const struct ab_db *db)
{
	int fd;

	if (!db->lock_note[0] || !db->lock_mark[0])
		return;
	fd = open(db->lock_note, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
		  0600);
	if (fd < 0)
		return;
	/* A part of it matches no lock. Not synced: a lock does not outlive a boot. */
	(void)!write(fd, db->lock_mark, strlen(db->lock_mark));
	(void)close(fd);
}

static void remove_note(const struct ab_db *db)
{
	if (db->lock_note[0])
		(void)unlink(db->lock_note); /* one that stays matches no later lock */
}

void ab_db_break_own_lock(const struct ab_db *db)
{
	char *note, now[AB_DB_NOTE_MAX];
	size_t n;
	long pid;
	int dirfd;

	if (!db->lock_note[0] ||
	    ab_file_read(AT_FDCWD, db->lock_note, AB_DB_NOTE_MAX, &note, &n, NULL))
		return;
	pid = strtol(note, NULL, 10);
	dirfd = open(db->lock_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd >= 0 && pid > 0 && kill((pid_t)pid, 0) < 0 && errno == ESRCH) {
		if (describe(dirfd, pid, now) && ab_streq(note, now) &&
		    unlinkat(dirfd, LOCK_NAME, 0) == 0)
			ab_log_notice("db", "removed the lock of our process %ld", pid);
		remove_note(db);
	}
	if (dirfd >= 0)
		(void)close(dirfd);
	free(note);
}

/* --- taking and leaving it ------------------------------------------------------ */

static int open_lock_dir(const struct ab_db *db)
{
	int fd;

	if (mkdir(db->lock_dir, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = open(db->lock_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int link_lock(int dirfd)
{
	int fd = openat(dirfd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return -errno;
	(void)close(fd); /* nothing was written */
	return linkat(dirfd, "lock", dirfd, LOCK_NAME, 0) < 0 ? -errno : 0;
}

/* Return: as ab_db_lock(). */
static int try_lock(struct ab_db *db)
{
	int dirfd, r;

	if (db->is_locked)
		return 0;
	dirfd = open_lock_dir(db);
	if (dirfd < 0)
		return dirfd;
	r = link_lock(dirfd);
	if (r == -EEXIST && break_stale_lock(db, dirfd))
		r = link_lock(dirfd);
	db->is_locked = r == 0;
	if (db->is_locked) {
		if (!describe(dirfd, (long)getpid(), db->lock_mark))
			db->lock_mark[0] = '\0';
		make_note(db);
	}
	(void)close(dirfd);
	return r == -EEXIST ? AB_DB_E_LOCKED : r;
}

int ab_db_lock(struct ab_db *db)
{
	const struct timespec pause = { .tv_nsec = LOCK_POLL_MS * AB_NSEC_PER_MSEC };
	ab_mono end = ab_mono_add_ms(ab_clock_now(), db->lock_wait_ms);
	int r = try_lock(db);

	if (r == AB_DB_E_LOCKED && db->on_lock_wait)
		db->on_lock_wait(db->arg);
	/* The protocol has nothing to wait on: iscsiadm polls, too. */
	for (; r == AB_DB_E_LOCKED; r = try_lock(db)) {
		if (ab_mono_reached(end, ab_clock_now()))
			break;
		(void)nanosleep(&pause, NULL); /* early is as good as late */
	}
	return r;
}

void ab_db_unlock(struct ab_db *db)
{
	char now[AB_DB_NOTE_MAX];
	int dirfd;

	if (!db->is_locked)
		return;
	db->is_locked = false;
	/* First: a note without its lock is harmless, but not next to another one's of
	 * the same tick of the clock. */
	remove_note(db);
	dirfd = open(db->lock_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd >= 0 &&
	    (!describe(dirfd, (long)getpid(), now) || !ab_streq(now, db->lock_mark)))
		ab_log_warnx("db",
			     "%s/lock.write was taken away while we had it: was this "
			     "process stopped for long?",
			     db->lock_dir);
	else if (dirfd < 0 || unlinkat(dirfd, LOCK_NAME, 0) < 0)
		ab_log_warn("db", "cannot remove %s/lock.write", db->lock_dir);
	if (dirfd >= 0)
		(void)close(dirfd);
}
