/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * store_watch - somebody may have changed the database.
 *
 * Knows: inotify, the lock folder, ifaces/, nodes/ (architecture.md H). One watch on
 * the lock folder sees every command of open-iscsi; the other two see what is added or
 * removed by hand. A folder that is missing is waited for at its nearest ancestor.
 * Must not know: records. Part of the store helper.
 */
#ifndef AUTOBIND_IO_STORE_WATCH_H
#define AUTOBIND_IO_STORE_WATCH_H

#include <stdbool.h>

struct store_watch;

/**
 * store_watch_new() - watch a database
 * @db_dir:    its root
 * @lock_dir:  folder of lock and lock.write
 * @ret_watch: the handle
 *
 * Return: 0 or -errno (-ENOMEM, -EMFILE, -ENAMETOOLONG).
 */
int store_watch_new(const char *db_dir, const char *lock_dir,
		    struct store_watch **ret_watch);
struct store_watch *store_watch_free(struct store_watch *w); /* NULL */

/* Readable when store_watch_read() has something to do. */
int store_watch_fd(const struct store_watch *w);

/* Takes what is there. True: the database may be another one now. */
bool store_watch_read(struct store_watch *w);

/* Does somebody hold open-iscsi's lock? Then a record may be half written. */
bool store_watch_is_locked(const struct store_watch *w);

#endif
