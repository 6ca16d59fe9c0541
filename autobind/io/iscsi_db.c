/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The handle, names, and reading one record. */
#include "io/iscsi_db.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/name.h"
#include "io/clock.h"
#include "io/file.h"
#include "io/iscsi_db_priv.h"
#include "io/log.h"

#define LOCK_WAIT_MS 5000 /* architecture.md G */
#define LOCK_STALE_S 60	  /* the longest real hold is one listing: seconds */
#define TMP_OLD_S 60	  /* a temporary file lives as long as one batch */

/* --- the handle ----------------------------------------------------------------- */

int ab_db_root_fd(const struct ab_db *db)
{
	int fd = open(db->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* The process id in the name of a temporary file, or 0 when it is none. */
static pid_t tmp_owner(const char *name)
{
	unsigned long pid = 0;

	if (!ab_starts_with(name, AB_DB_TMP))
		return 0;
	for (name += strlen(AB_DB_TMP); ab_is_digit(*name) && pid < 1UL << 24; name++)
		pid = pid * 10 + (unsigned long)(*name - '0');
	return *name == '.' ? (pid_t)pid : 0;
}

/* Removes what killed writers left: nobody but us gives such names. */
static void remove_leftovers(const struct ab_db *db)
{
	int64_t now = ab_clock_file_ns();
	struct dirent *e;
	struct stat st;
	DIR *dir = opendir(db->root);
	pid_t pid;

	if (!dir)
		return;
	while ((e = readdir(dir))) {
		pid = tmp_owner(e->d_name);
		if (pid == 0 ||
		    fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (pid != getpid() && (kill(pid, 0) == 0 || errno != ESRCH) &&
		    now / AB_NSEC_PER_SEC - st.st_mtim.tv_sec < TMP_OLD_S)
			continue;
		if (unlinkat(dirfd(dir), e->d_name, 0) == 0)
			ab_log_info("db", "removed unfinished %s/%s", db->root,
				    e->d_name);
	}
	(void)closedir(dir);
}

int ab_db_open(const struct ab_db_config *config, struct ab_db **ret_db)
{
	struct ab_db *db = calloc(1, sizeof(*db));

	if (!db)
		return -ENOMEM;
	if (!ab_copy(db->root, sizeof(db->root), config->root) ||
	    !ab_copy(db->link_root, sizeof(db->link_root),
		     config->link_root ? config->link_root : config->root) ||
	    !ab_copy(db->lock_dir, sizeof(db->lock_dir), config->lock_dir) ||
	    !ab_copy(db->conf, sizeof(db->conf), config->conf) ||
	    !ab_copy(db->proc, sizeof(db->proc),
		     config->proc ? config->proc : "/proc") ||
	    !ab_copy(db->lock_note, sizeof(db->lock_note),
		     config->lock_note ? config->lock_note : "")) {
		free(db);
		return -ENAMETOOLONG;
	}
	db->buf = malloc(AB_RECORD_FILE_MAX + 1);
	if (!db->buf) {
		free(db);
		return -ENOMEM;
	}
	db->has_known = config->known != NULL;
	if (db->has_known)
		db->known = *config->known;
	db->on_problem = config->on_problem;
	db->on_lock_wait = config->on_lock_wait;
	db->arg = config->arg;
	db->lock_wait_ms = config->lock_wait_ms ? config->lock_wait_ms : LOCK_WAIT_MS;
	db->lock_stale_s = config->lock_stale_s ? config->lock_stale_s : LOCK_STALE_S;
	remove_leftovers(db);
	ab_db_break_own_lock(db);
	*ret_db = db;
	return 0;
}

struct ab_db *ab_db_close(struct ab_db *db)
{
	if (!db)
		return NULL;
	ab_db_unlock(db);
	ab_db_cache_free(db->cache);
	ab_db_forget(db);
	free(db->buf);
	free(db);
	return NULL;
}

/* --- findings ------------------------------------------------------------------- */

void ab_db_note_finding(void *findings, const struct ab_record_problem *p)
{
	struct ab_db_findings *f = findings;

	/* What makes the whole record bad is told in place of a line's finding. */
	if (f->n++ == 0 || p->line == 0)
		f->first = *p;
}

void ab_db_tell(struct ab_db *db, const char *path,
		const struct ab_db_findings *findings)
{
	const struct ab_record_problem *first = &findings->first;
	char key[AB_RECORD_NAME_MAX + 1] = "";
	const struct ab_db_problem p = {
		.path = path,
		.line = first->line,
		.what = ab_record_reason_text(first->reason),
		.key = key,
		.n_more = findings->n - 1,
	};

	if (findings->n == 0 || !db->on_problem)
		return;
	if (first->key)
		(void)ab_copyn(key, sizeof(key), first->key, first->key_len);
	db->on_problem(db->arg, &p);
}

void ab_db_tell_text(struct ab_db *db, const char *path, const char *what)
{
	const struct ab_db_problem p = { .path = path, .what = what, .key = "" };

	if (db->on_problem)
		db->on_problem(db->arg, &p);
}

/* --- names ---------------------------------------------------------------------- */

static bool is_file_name(const char *name, size_t max)
{
	size_t n = strlen(name);

	return n > 0 && n <= max && !strchr(name, '/') && !ab_streq(name, ".") &&
	       !ab_streq(name, "..");
}

static void add_portal(struct ab_text *t, const struct ab_portal *portal)
{
	ab_name_add_addr(t, &portal->addr); /* no brackets on disk */
	ab_text_addc(t, ',');
	ab_text_addu(t, portal->port);
}

bool ab_db_iface_path(const char *iface, char *path)
{
	struct ab_text t;

	ab_text_init(&t, path, AB_DB_PATH);
	ab_text_add(&t, "ifaces/");
	ab_text_add(&t, iface);
	return is_file_name(iface, AB_IFACE_NAME - 1) && !t.cut;
}

bool ab_db_node_path(const struct ab_node_key *key, char *path)
{
	struct ab_text t;

	ab_text_init(&t, path, AB_DB_PATH);
	ab_text_add(&t, "nodes/");
	ab_text_add(&t, key->target);
	ab_text_addc(&t, '/');
	add_portal(&t, &key->portal);
	if (key->tpgt != AB_TPGT_UNKNOWN) {
		ab_text_addc(&t, ',');
		ab_text_addi(&t, key->tpgt);
		ab_text_addc(&t, '/');
		ab_text_add(&t, key->iface);
	}
	return is_file_name(key->target, AB_TARGET_NAME - 1) &&
	       is_file_name(key->iface, AB_IFACE_NAME - 1) && !t.cut;
}

bool ab_db_source_path(const char *addr, uint16_t port, char *path)
{
	struct ab_text t;

	ab_text_init(&t, path, AB_DB_PATH);
	ab_text_add(&t, "send_targets/");
	ab_text_add(&t, addr);
	ab_text_addc(&t, ',');
	ab_text_addu(&t, port);
	return is_file_name(addr, NAME_MAX - 6) && !t.cut;
}

bool ab_db_link_name(const struct ab_node_key *key, char *name)
{
	struct ab_text t;

	ab_text_init(&t, name, NAME_MAX + 1);
	ab_text_add(&t, key->target);
	ab_text_addc(&t, ',');
	add_portal(&t, &key->portal);
	ab_text_addc(&t, ',');
	ab_text_addi(&t, key->tpgt);
	ab_text_addc(&t, ',');
	ab_text_add(&t, key->iface);
	return !t.cut;
}

/* --- reading one record --------------------------------------------------------- */

static int read_up_to(int fd, char *buf, size_t max, size_t want, size_t *ret_size)
{
	size_t len = 0;
	ssize_t n;

	/* One byte more than the size that stat() told shows that there is no more. */
	for (want++; len < max; want = max) {
		n = read(fd, buf + len, want - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		len += (size_t)n;
		if (n == 0 || len < want)
			break;
	}
	*ret_size = len;
	return 0;
}

int ab_db_read_file(struct ab_db *db, int dirfd, const char *path, size_t *ret_size,
		    struct stat *ret_stat)
{
	int fd, r = 0;

	fd = openat(dirfd, path,
		    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return -errno;
	if (fstat(fd, ret_stat) < 0)
		r = -errno;
	else if (!S_ISREG(ret_stat->st_mode))
		r = AB_FILE_E_NOT_REGULAR;
	else if (ret_stat->st_size > (off_t)AB_RECORD_FILE_MAX)
		r = AB_FILE_E_TOO_LARGE;
	else
		r = read_up_to(fd, db->buf, AB_RECORD_FILE_MAX + 1,
			       (size_t)ret_stat->st_size, ret_size);
	(void)close(fd); /* nothing was written */
	if (r == 0 && *ret_size > db->buf_used)
		db->buf_used = *ret_size;
	if (r == 0 && *ret_size > AB_RECORD_FILE_MAX)
		r = AB_FILE_E_TOO_LARGE;
	return r;
}

void ab_db_forget(struct ab_db *db)
{
	explicit_bzero(db->buf, db->buf_used);
	db->buf_used = 0;
	explicit_bzero(&db->rec, sizeof(db->rec));
}

static int read_record(struct ab_db *db, const char *path, enum ab_record_kind kind,
		       struct ab_record *rec, enum ab_record_state *ret_state)
{
	int root = ab_db_root_fd(db);
	struct stat st;
	size_t n = 0;
	int r;

	if (root < 0)
		return root;
	r = ab_db_read_file(db, root, path, &n, &st);
	(void)close(root);
	if (r == 0)
		*ret_state = ab_record_parse(rec, kind, db->buf, n, NULL, NULL);
	return r;
}

int ab_db_read_iface(struct ab_db *db, const char *name, struct ab_record *rec,
		     enum ab_record_state *ret_state)
{
	char path[AB_DB_PATH];

	if (!ab_db_iface_path(name, path))
		return -ENOENT; /* no file can have that name */
	return read_record(db, path, AB_RECORD_KIND_IFACE, rec, ret_state);
}

int ab_db_read_node(struct ab_db *db, const struct ab_node_key *key,
		    struct ab_record *rec, enum ab_record_state *ret_state)
{
	char path[AB_DB_PATH];

	if (!ab_db_node_path(key, path))
		return -ENOENT;
	return read_record(db, path, AB_RECORD_KIND_NODE, rec, ret_state);
}
