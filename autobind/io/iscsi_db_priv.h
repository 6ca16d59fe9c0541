/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * iscsi_db_priv - what the files of iscsi_db share: the handle, and names in the
 * database. Nobody else includes this.
 */
#ifndef AUTOBIND_IO_ISCSI_DB_PRIV_H
#define AUTOBIND_IO_ISCSI_DB_PRIV_H

#include <sys/stat.h>

#include "io/iscsi_db.h"
#include "io/sync.h"

/* "nodes/<target>/<addr>,<port>,<tpgt>/<iface>" with names that readdir() gave. */
#define AB_DB_PATH (3 * (NAME_MAX + 1) + 16)

/* Temporary files in the root: this, a process id, '.', a number. */
#define AB_DB_TMP ".autobind."

/* Bytes of the words that tell one lock from the next. */
#define AB_DB_NOTE_MAX 128

struct ab_db_cache; /* iscsi_db_scan.c */

struct ab_db {
	char root[PATH_MAX], link_root[PATH_MAX], lock_dir[PATH_MAX], conf[PATH_MAX],
		proc[PATH_MAX], lock_note[PATH_MAX];
	struct ab_record_set known;
	bool has_known;
	ab_db_problem_fn *on_problem;
	void (*on_lock_wait)(void *arg);
	void *arg;
	uint32_t lock_wait_ms, lock_stale_s;
	bool is_locked;
	char lock_mark[AB_DB_NOTE_MAX]; /* what our lock looks like */
	uint64_t conf_hash;	   /* of the iscsid.conf whose findings were reported */
	struct ab_record_set told; /* keys of [Node] reported as not known here */
	struct ab_db_cache *cache; /* owned */
	struct ab_record rec;	   /* scratch of one call */
	struct ab_syncer syncer;
	char *buf;	 /* owned, AB_RECORD_FILE_MAX + 1 bytes */
	size_t buf_used; /* of it, since ab_db_forget() */
};

/* Findings of one file, told as one. */
struct ab_db_findings {
	struct ab_record_problem first;
	uint32_t n;
};
void ab_db_note_finding(void *findings, const struct ab_record_problem *p);
void ab_db_tell(struct ab_db *db, const char *path,
		const struct ab_db_findings *findings);
void ab_db_tell_text(struct ab_db *db, const char *path, const char *what);

/* Opens the root. Return: descriptor or -errno. */
int ab_db_root_fd(const struct ab_db *db);

/*
 * Reads a record's file into db->buf; never through a symbolic link.
 * Return: 0, -errno, AB_FILE_E_*.
 */
int ab_db_read_file(struct ab_db *db, int dirfd, const char *path, size_t *ret_size,
		    struct stat *ret_stat);

/* Path below the root. Return: false when a name cannot be a file name there. */
bool ab_db_iface_path(const char *iface, char *path);
bool ab_db_node_path(const struct ab_node_key *key, char *path);
/* Folder of a source below the root: "send_targets/<addr>,<port>". */
bool ab_db_source_path(const char *addr, uint16_t port, char *path);
/* "<target>,<addr>,<port>,<tpgt>,<iface>"; false: longer than a file name may be. */
bool ab_db_link_name(const struct ab_node_key *key, char *name);

/* Removes the lock that a killed process of ours left. */
void ab_db_break_own_lock(const struct ab_db *db);

struct ab_db_cache *ab_db_cache_free(struct ab_db_cache *cache);

/* Wipes what was read: records hold CHAP secrets, and the store lives long. */
void ab_db_forget(struct ab_db *db);

#endif
