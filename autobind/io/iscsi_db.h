/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * iscsi_db - open-iscsi's database: where it is, reading it, writing it, its lock.
 *
 * Reads whatever is there, reports each bad thing once and goes on. Writes by rename
 * from a temporary file in the database root, which nobody scans, under open-iscsi's
 * lock, which is held for the renames of one batch only. Blocks: for the store process
 * and the command line, never for the loop.
 * Must not know: who owns a record, policies, the ledger.
 */
#ifndef AUTOBIND_IO_ISCSI_DB_H
#define AUTOBIND_IO_ISCSI_DB_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/chap.h"
#include "core/event.h"
#include "core/policy.h"
#include "core/record.h"
#include "io/loop.h"

#define AB_DB_E_LOCKED 1 /* somebody else holds the lock; try again later */

/* Name of the processes that write (ps(1)): they know each other by it. */
#define AB_DB_STORE_NAME "autobindd-store"

/* Renames of one hold of the lock (architecture.md G). */
#define AB_DB_BATCH_MAX 64

/* What an installed iscsiadm says about itself. */
struct ab_db_place {
	char root[PATH_MAX];	 /* "/etc/iscsi", "/var/lib/iscsi" */
	char lock_dir[PATH_MAX]; /* "/run/lock/iscsi", "/etc/iscsi" */
	bool found_root,
		found_lock; /* in the binary; else by looking, or the default */
	bool both_roots;    /* both usual roots hold records */
	bool has_known;
	struct ab_record_set known; /* keys this release knows; counts with has_known */
};

/**
 * ab_db_locate() - find the database that an iscsiadm works on
 * @prefix:    "" or the folder of --root; put in front of every path looked at
 * @iscsiadm:  its binary, NULL or "" for the usual places
 * @ret_place: what was found, without @prefix
 *
 * Looks for the path literals and key names compiled into the binary: no exec, and it
 * cannot disagree with the tool. Without them the usual root that has ifaces/ or
 * nodes/ counts, then /var/lib/iscsi.
 *
 * Return: 0 or -errno (-ENOMEM, -EIO); a missing binary is no error.
 */
int ab_db_locate(const char *prefix, const char *iscsiadm,
		 struct ab_db_place *ret_place);

/* Something in the database that is not as it should be. */
struct ab_db_problem {
	const char *path; /* below the root, e.g. "ifaces/ab0"; foreign text */
	uint32_t line;	  /* 0: the whole file */
	const char *what; /* "unknown key", "empty", "a folder", ... */
	const char *key; /* name of the key, cut to 127 bytes; "": none; foreign text */
	uint32_t n_more; /* further findings in the same file */
};

typedef void ab_db_problem_fn(void *arg, const struct ab_db_problem *p);

/* Strings are copied. */
struct ab_db_config {
	const char *root;      /* as opened, --root included */
	const char *link_root; /* as symlinks name it; NULL: .root */
	const char *lock_dir;  /* as opened */
	const char *conf;      /* path of iscsid.conf */
	const char *proc;      /* NULL: "/proc" */
	const char *lock_note; /* file that tells our lock after a kill; NULL: none */
	const struct ab_record_set *known; /* NULL: not known, write old keys only */
	ab_db_problem_fn *on_problem;	   /* NULL: findings are not wanted */
	/* NULL: nobody asks; the lock is somebody else's and is waited for from now. */
	void (*on_lock_wait)(void *arg);
	void *arg;	       /* for these two */
	uint32_t lock_wait_ms; /* 0: 5000 */
	uint32_t lock_stale_s; /* 0: 60 */
};

struct ab_db;

/**
 * ab_db_open() - a handle for one database
 * @config: what and where; copied
 * @ret_db: the handle
 *
 * Nothing need exist yet. Temporary files that a killed writer left are removed, and
 * its lock, when .lock_note says that it was ours.
 *
 * Return: 0 or -errno (-ENOMEM, -ENAMETOOLONG).
 */
int ab_db_open(const struct ab_db_config *config, struct ab_db **ret_db);
struct ab_db *ab_db_close(struct ab_db *db); /* NULL; takes NULL and drops the lock */

enum ab_db_scan {
	AB_DB_SCAN_ALL,	    /* DUMP_BEGIN, every record, DUMP_END; everything is read */
	AB_DB_SCAN_CHANGES, /* only what differs from the scan before; the rest costs a
			       stat */
};

/**
 * ab_db_scan() - read ifaces/ and nodes/
 * @db:   the handle
 * @what: all, or changes since the scan before
 * @fn:   gets AB_EV_IFACE, AB_EV_NODE, and with CHANGES their _GONE
 * @arg:  for @fn
 *
 * The lock is not taken: records are small and a cut one is read again after its writer
 * has finished. A record that cannot be read is told with AB_RECORD_BROKEN, so that
 * nobody writes there. NODE_GONE.by_discovery: st_config of the record's source changed
 * since the scan before.
 *
 * Return: 0 or -errno of a folder that exists and cannot be read; then a dump has no
 * DUMP_END and changes have no _GONE.
 */
int ab_db_scan(struct ab_db *db, enum ab_db_scan what, ab_event_fn *fn, void *arg);

/* Tries each 10 ms until .lock_wait_ms are over; a stale lock is removed. Return: 0;
 * AB_DB_E_LOCKED when somebody holds it; -errno. */
int ab_db_lock(struct ab_db *db);
void ab_db_unlock(struct ab_db *db);

/* Read one record. Return: 0; AB_FILE_E_*; -errno (-ENOENT ...). *ret_state says how
 * well it could be read. */
int ab_db_read_iface(struct ab_db *db, const char *name, struct ab_record *rec,
		     enum ab_record_state *ret_state);
int ab_db_read_node(struct ab_db *db, const struct ab_node_key *key,
		    struct ab_record *rec, enum ab_record_state *ret_state);

enum ab_db_op {
	AB_DB_IFACE_WRITE,
	AB_DB_IFACE_DELETE,
	AB_DB_NODE_WRITE,
	AB_DB_NODE_DELETE,
};

/* One change. Zero it, fill the first part, hand it to prepare, then to commit, then
 * clear it. */
struct ab_db_job {
	uint8_t op; /* enum ab_db_op */
	/* Of a write: replace the record whose mark is .expected; else create it, never
	 * replacing anything. A delete always wants .expected. */
	bool is_update;
	uint64_t expected;
	struct ab_binding binding;  /* IFACE_*; a delete looks at .iface only */
	struct ab_node_key key;	    /* NODE_* */
	struct ab_portal discovery; /* NODE_WRITE: the source; family 0: static */
	/* NODE_WRITE: [Node]; Startup= as node.startup and node.conn[0].startup. */
	const struct ab_node_setting *settings;
	uint32_t n_settings;
	const struct ab_chap *chap; /* borrowed; NODE_WRITE: instead of iscsid.conf's */
	const struct ab_record *record; /* borrowed; write exactly this */

	/* Results. After prepare, .hash is the mark that the record will have; a job
	 * whose .is_ready is false has its .outcome already, and commit passes over
	 * it. */
	bool is_ready;
	uint8_t outcome; /* enum ab_outcome */
	int32_t code;	 /* errno, or 0; for messages only */
	uint64_t hash;
	const char *why; /* a string constant for messages, or NULL */

	/* Private. */
	char *text; /* owned */
	size_t text_len;
	bool has_tmp, has_no_link;
};

/**
 * ab_db_prepare() - work out what will be written, touching nothing
 * @db:   the handle
 * @jobs: the changes
 * @n:    how many, at most AB_DB_BATCH_MAX
 *
 * Names that cannot be file names are AB_OUTCOME_DENIED here, before anything is
 * written. A node record copies the iface record of its name, which must exist
 * ("default" and "iser" are built in), else AB_OUTCOME_GONE. An update whose content is
 * on disk already is AB_OUTCOME_DONE here.
 */
void ab_db_prepare(struct ab_db *db, struct ab_db_job *jobs, size_t n);

/**
 * ab_db_commit() - carry out prepared changes under one hold of the lock
 * @db:   the handle
 * @jobs: the changes, as prepared
 * @n:    how many
 *
 * Each job gets its .outcome: DONE; EXISTS (create, something is there); GONE (nothing
 * to replace or delete); CHANGED (the mark is not the expected one); RETRY (lock, full
 * disk, ...). With DONE the record is on disk; only the folder's sync may have failed,
 * which .code tells.
 */
void ab_db_commit(struct ab_db *db, struct ab_db_job *jobs, size_t n);

/* Frees what a job owns; the results stay. */
void ab_db_job_clear(struct ab_db_job *job);

#endif
