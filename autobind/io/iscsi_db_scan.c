/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The walk over ifaces/ and nodes/, and what it remembers from one time to the next.
 *
 * A file is known by its path; equal inode, size, mtime and ctime mean that it need not
 * be read again, unless it changed so shortly before it was read that a further change
 * would not show (architecture.md H).
 */
#include "io/iscsi_db.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/name.h"
#include "io/clock.h"
#include "io/file.h"
#include "io/iscsi_db_priv.h"
#include "util/hash.h"
#include "util/num.h"

/* A file system's clock ticks every 4 to 10 ms; twice that, to be sure. */
#define RACY_NS (20 * AB_NSEC_PER_MSEC)

/* What identifies a state of a file. */
struct mark {
	uint64_t ino;
	int64_t size, mtime_ns, ctime_ns;
};

/* A path that was seen. */
struct seen {
	char *path;  /* owned; NULL: free place */
	char *iface; /* owned; of a legacy node record, whose path does not tell it */
	uint64_t path_hash;
	uint64_t source; /* path_hash of the record's send_targets/ folder, 0: none */
	uint64_t event_mark; /* of the event that told it last, 0: none was */
	struct mark mark;
	uint32_t round; /* of the last scan that saw it */
	uint8_t type;	/* enum ab_event_type of its event: AB_EV_IFACE or AB_EV_NODE */
	bool is_racy;	/* must be read again */
	bool is_changed; /* a st_config: another one than at the scan before */
};

struct ab_db_cache {
	struct seen *v; /* owned; open addressing, a power of two */
	size_t n, size;
	uint32_t round;
};

/* One scan. */
struct walk {
	struct ab_db *db;
	struct ab_db_cache *cache;
	bool is_dump;
	bool is_first; /* nothing was known before */
	int error;     /* first folder that could not be read */
	ab_event_fn *fn;
	void *arg;
};

/* --- memory of the last scan ---------------------------------------------------- */

struct ab_db_cache *ab_db_cache_free(struct ab_db_cache *cache)
{
	if (!cache)
		return NULL;
	for (size_t i = 0; i < cache->size; i++) {
		free(cache->v[i].path);
		free(cache->v[i].iface);
	}
	free(cache->v);
	free(cache);
	return NULL;
}

static uint64_t hash_path(const char *path)
{
	uint64_t h = ab_hash_content(path, strlen(path));

	return h ? h : 1; /* 0 means "none" */
}

/* Place of a path, or the free place where it belongs. */
static struct seen *place_of(const struct ab_db_cache *cache, const char *path,
			     uint64_t hash)
{
	size_t i = (size_t)hash & (cache->size - 1);

	while (cache->v[i].path &&
	       (cache->v[i].path_hash != hash || !ab_streq(cache->v[i].path, path)))
		i = (i + 1) & (cache->size - 1);
	return &cache->v[i];
}

/* Into a table of @size places; on request without what this round has not seen. */
static int rebuild(struct ab_db_cache *cache, size_t size, bool only_seen)
{
	struct ab_db_cache next = { .size = size };

	next.v = calloc(size, sizeof(*next.v));
	if (!next.v)
		return -ENOMEM;
	for (size_t i = 0; i < cache->size; i++) {
		struct seen *s = &cache->v[i];

		if (s->path && only_seen && s->round != cache->round) {
			free(s->path);
			free(s->iface);
			cache->n--;
		} else if (s->path) {
			*place_of(&next, s->path, s->path_hash) = *s;
		}
	}
	free(cache->v);
	cache->v = next.v;
	cache->size = size;
	return 0;
}

/* The entry of a path, made when there was none; NULL: no memory. */
static struct seen *see(struct ab_db_cache *cache, const char *path, bool *ret_is_new)
{
	uint64_t hash = hash_path(path);
	struct seen *s;

	if ((cache->n + 1) * 2 > cache->size &&
	    rebuild(cache, cache->size * 2, false) < 0)
		return NULL;
	s = place_of(cache, path, hash);
	*ret_is_new = !s->path;
	if (!s->path) {
		s->path = strdup(path);
		if (!s->path)
			return NULL;
		s->path_hash = hash;
		cache->n++;
	}
	s->round = cache->round;
	return s;
}

static const struct seen *find_hash(const struct ab_db_cache *cache, uint64_t hash)
{
	size_t i = (size_t)hash & (cache->size - 1);

	for (; cache->v[i].path; i = (i + 1) & (cache->size - 1)) {
		if (cache->v[i].path_hash == hash)
			return &cache->v[i];
	}
	return NULL;
}

static int cache_of(struct ab_db *db, struct ab_db_cache **ret_cache)
{
	struct ab_db_cache *cache = db->cache;

	if (!cache) {
		cache = calloc(1, sizeof(*cache));
		if (!cache)
			return -ENOMEM;
		if (rebuild(cache, 64, false) < 0) {
			free(cache);
			return -ENOMEM;
		}
		db->cache = cache;
	}
	cache->round++;
	*ret_cache = cache;
	return 0;
}

static struct mark mark_of(const struct stat *st)
{
	struct mark m;

	memset(&m, 0, sizeof(m));
	m.ino = st->st_ino;
	m.size = st->st_size;
	m.mtime_ns =
		(int64_t)st->st_mtim.tv_sec * AB_NSEC_PER_SEC + st->st_mtim.tv_nsec;
	m.ctime_ns =
		(int64_t)st->st_ctim.tv_sec * AB_NSEC_PER_SEC + st->st_ctim.tv_nsec;
	return m;
}

static bool is_same(const struct mark *a, const struct mark *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* --- telling -------------------------------------------------------------------- */

static bool source_changed(const struct walk *w, uint64_t source)
{
	const struct seen *s = source ? find_hash(w->cache, source) : NULL;

	return s && s->is_changed && s->round == w->cache->round;
}

/* Equal for two events of one path exactly when they say the same: the key stands in
 * the path, everything else in the content that the mark is of. */
static uint64_t event_mark(const struct ab_event *ev)
{
	bool is_iface = ev->type == AB_EV_IFACE;
	uint64_t hash = is_iface ? ev->iface.hash : ev->node.hash;
	uint8_t state = is_iface ? ev->iface.state : ev->node.state;

	return hash << 2 | (uint64_t)(state == AB_RECORD_OK) << 1 | 1;
}

/* Hands an event over, unless the last one of this path said the same. */
static void tell(struct walk *w, struct seen *s, struct ab_event *ev)
{
	uint64_t mark = event_mark(ev);

	if (!w->is_dump && s->event_mark == mark)
		return;
	if (ev->type == AB_EV_NODE && !w->is_dump && s->event_mark)
		ev->node.by_discovery = source_changed(w, s->source);
	s->type = (uint8_t)ev->type;
	s->event_mark = mark;
	w->fn(w->arg, ev);
}

/* Something that is no record: told once for as long as it is there. */
static void note_stray(struct walk *w, const char *path, const char *what)
{
	bool is_new;
	struct seen *s = see(w->cache, path, &is_new);

	if (!s || is_new)
		ab_db_tell_text(w->db, path, what);
}

/* --- one record ----------------------------------------------------------------- */

/* What its path says about a record. */
struct expected {
	enum ab_record_kind kind;
	const char *iface;	/* file name; NULL: a legacy node record */
	struct ab_node_key key; /* NODE; .iface is filled from @iface */
};

static const char *read_failure(int r)
{
	switch (r) {
	case AB_FILE_E_NOT_REGULAR:
		return "not a regular file";
	case AB_FILE_E_TOO_LARGE:
		return "larger than 1 MiB";
	case -ELOOP:
		return "a symbolic link";
	case -EACCES:
		return "cannot be read: permission denied";
	default:
		return "cannot be read";
	}
}

static void broken_event(const struct expected *x, struct ab_event *ev)
{
	memset(ev, 0, sizeof(*ev));
	if (x->kind == AB_RECORD_KIND_IFACE) {
		ev->type = AB_EV_IFACE;
		(void)ab_copy(ev->iface.binding.iface, sizeof(ev->iface.binding.iface),
			      x->iface);
		ev->iface.state = AB_RECORD_BROKEN;
		return;
	}
	ev->type = AB_EV_NODE;
	ev->node.key = x->key;
	ev->node.state = AB_RECORD_BROKEN;
}

/* The event of a record that could be read; false: it is not the one its path says. */
static bool record_event(const struct ab_record *rec, const struct expected *x,
			 struct ab_event *ev)
{
	struct ab_binding b;

	memset(ev, 0, sizeof(*ev));
	if (!ab_record_binding(rec, &b))
		return false;
	if (x->kind == AB_RECORD_KIND_IFACE) {
		ev->type = AB_EV_IFACE;
		ev->iface.binding = b;
		ev->iface.hash = ab_record_hash(rec);
		return ab_streq(b.iface, x->iface);
	}
	ev->type = AB_EV_NODE;
	if (!ab_record_node_key(rec, &ev->node.key))
		return false;
	(void)ab_copy(ev->node.netdev, sizeof(ev->node.netdev), b.netdev);
	(void)ab_copy(ev->node.hwaddr, sizeof(ev->node.hwaddr), b.hwaddr);
	ev->node.hash = ab_record_hash(rec);
	return ab_streq(ev->node.key.target, x->key.target) &&
	       ab_portal_equal(&ev->node.key.portal, &x->key.portal) &&
	       ev->node.key.tpgt == x->key.tpgt &&
	       (!x->iface || ab_streq(ev->node.key.iface, x->iface));
}

static uint64_t source_of(const struct ab_record *rec)
{
	const char *addr = ab_record_get(rec, AB_KEY_NODE_DISCOVERY_ADDRESS);
	int64_t port = ab_record_get_int(rec, AB_KEY_NODE_DISCOVERY_PORT);
	char path[AB_DB_PATH];

	if (rec->kind != AB_RECORD_KIND_NODE || *addr == '\0' || port < 1 ||
	    port > UINT16_MAX || !ab_db_source_path(addr, (uint16_t)port, path))
		return 0;
	return hash_path(path);
}

/* "<addr>,<port>,<tpgt>" or, of a legacy record, "<addr>,<port>". */
static bool parse_portal(const char *name, struct ab_node_key *key)
{
	char buf[NAME_MAX + 1], *port, *tpgt;
	int64_t v;
	uint64_t n;

	if (!ab_copy(buf, sizeof(buf), name))
		return false;
	port = strchr(buf, ',');
	if (!port)
		return false;
	*port++ = '\0';
	tpgt = strchr(port, ',');
	key->tpgt = AB_TPGT_UNKNOWN;
	if (tpgt) {
		*tpgt++ = '\0';
		if (ab_num_i64(tpgt, AB_TPGT_UNKNOWN, UINT16_MAX, &v))
			return false;
		key->tpgt = (int32_t)v;
	}
	if (ab_name_parse_addr(buf, &key->portal.addr) ||
	    ab_num_u64(port, 1, UINT16_MAX, &n))
		return false;
	key->portal.port = (uint16_t)n;
	return true;
}

/* The event that a record of this path has gone. */
static bool gone_event(const struct walk *w, const struct seen *s, struct ab_event *ev)
{
	char path[AB_DB_PATH], *target, *portal, *iface;

	memset(ev, 0, sizeof(*ev));
	if (!ab_copy(path, sizeof(path), s->path))
		return false;
	if (s->type == AB_EV_IFACE) {
		ev->type = AB_EV_IFACE_GONE;
		return ab_copy(ev->iface.binding.iface, sizeof(ev->iface.binding.iface),
			       path + strlen("ifaces/"));
	}
	target = path + strlen("nodes/");
	portal = strchr(target, '/');
	if (!portal)
		return false;
	*portal++ = '\0';
	iface = strchr(portal, '/');
	if (iface)
		*iface++ = '\0';
	ev->type = AB_EV_NODE_GONE;
	ev->node.by_discovery = source_changed(w, s->source);
	return parse_portal(portal, &ev->node.key) &&
	       ab_copy(ev->node.key.target, sizeof(ev->node.key.target), target) &&
	       ab_copy(ev->node.key.iface, sizeof(ev->node.key.iface),
		       iface	  ? iface
		       : s->iface ? s->iface
				  : "default");
}

/* What cannot be read: where and what it is says its name. */
static void tell_unreadable(struct walk *w, int dirfd, const char *name, struct seen *s,
			    int r)
{
	struct mark mark = { 0 };
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		mark = mark_of(&st);
	if (!is_same(&mark, &s->mark) || !s->event_mark)
		ab_db_tell_text(w->db, s->path, read_failure(r));
	s->mark = mark;
	s->is_racy = r < 0 && r != -ELOOP; /* may pass */
}

/* Reads a record; *ev says what became of it. Return: false when it has gone. */
static bool read_one(struct walk *w, int dirfd, const char *name, struct seen *s,
		     const struct expected *x, struct ab_event *ev)
{
	struct ab_db *db = w->db;
	struct ab_db_findings found = { .n = 0 };
	enum ab_record_state state;
	bool is_known, is_other;
	struct mark mark;
	struct stat st;
	size_t n = 0;
	int r = ab_db_read_file(db, dirfd, name, &n, &st);

	broken_event(x, ev);
	if (r == -ENOENT)
		return false;
	if (r) {
		tell_unreadable(w, dirfd, name, s, r);
		return true;
	}
	mark = mark_of(&st);
	is_known = s->event_mark && is_same(&mark, &s->mark);
	s->mark = mark;
	s->is_racy = ab_clock_file_ns() - mark.mtime_ns < RACY_NS;
	state = ab_record_parse(&db->rec, x->kind, db->buf, n, ab_db_note_finding,
				&found);
	s->source = source_of(&db->rec);
	is_other = state == AB_RECORD_OK && !record_event(&db->rec, x, ev);
	if (is_other)
		broken_event(x, ev);
	if (is_other && !is_known)
		ab_db_tell_text(db, s->path, "says it is another record");
	else if (!is_known)
		ab_db_tell(db, s->path, &found);
	return true;
}

/* A legacy record says itself which iface it is for, and may say another one later. */
static void follow_iface(struct walk *w, struct seen *s, const struct ab_event *ev)
{
	struct ab_event gone;

	if (s->iface && ab_streq(s->iface, ev->node.key.iface))
		return;
	if (!w->is_dump && s->event_mark && gone_event(w, s, &gone))
		w->fn(w->arg, &gone);
	free(s->iface);
	s->iface = strdup(ev->node.key.iface);
	if (!s->iface)
		w->error = -ENOMEM;
}

static void visit(struct walk *w, int dirfd, const char *name, const char *path,
		  const struct expected *x)
{
	struct ab_event ev;
	struct mark mark;
	struct stat st;
	struct seen *s;
	bool is_new;

	s = see(w->cache, path, &is_new);
	if (!s) {
		w->error = -ENOMEM;
		return;
	}
	if (!is_new && !s->is_racy && !w->is_dump &&
	    fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		mark = mark_of(&st);
		if (is_same(&mark, &s->mark))
			return;
	}
	if (!read_one(w, dirfd, name, s, x, &ev)) {
		s->round--; /* it went while we looked */
		return;
	}
	if (x->kind == AB_RECORD_KIND_NODE && !x->iface)
		follow_iface(w, s, &ev);
	tell(w, s, &ev);
}

/* --- folders -------------------------------------------------------------------- */

typedef void entry_fn(struct walk *w, int dirfd, const char *path,
		      const struct dirent64 *e, const void *arg);

static bool is_folder(int dirfd, const struct dirent64 *e)
{
	struct stat st;

	if (e->d_type != DT_UNKNOWN)
		return e->d_type == DT_DIR;
	return fstatat(dirfd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(st.st_mode);
}

/* getdents64() instead of readdir(): a database has thousands of small folders, and
 * fdopendir() costs as much as reading one. Return: 0 or -errno. */
static int read_folder(struct walk *w, int fd, const char *path, entry_fn *fn,
		       const void *arg)
{
	char buf[8192] __attribute__((aligned(8))), sub[AB_DB_PATH];
	struct ab_text t;
	size_t n_path;
	ssize_t n;

	ab_text_init(&t, sub, sizeof(sub));
	ab_text_add(&t, path);
	ab_text_addc(&t, '/');
	n_path = t.len;
	while ((n = getdents64(fd, buf, sizeof(buf))) > 0) {
		const struct dirent64 *e;

		for (ssize_t i = 0; i < n; i += e->d_reclen) {
			e = (const struct dirent64 *)(const void *)(buf + i);
			if (ab_streq(e->d_name, ".") || ab_streq(e->d_name, ".."))
				continue;
			t.len = n_path;
			ab_text_add(&t, e->d_name);
			fn(w, fd, sub, e, arg);
		}
	}
	return n < 0 ? -errno : 0;
}

/*
 * Calls @fn for each entry of the folder @path, whose last part lies in @at. What is
 * missing or no folder is not an error of the walk: a record may go at any time.
 * @flags: O_NOFOLLOW below the folders that the administrator may have moved.
 */
static void each_entry(struct walk *w, int at, const char *path, int flags,
		       entry_fn *fn, const void *arg)
{
	const char *slash = strrchr(path, '/');
	int fd = openat(at, slash ? slash + 1 : path,
			O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags);
	int r = fd < 0 ? -errno : read_folder(w, fd, path, fn, arg);

	if (fd >= 0)
		(void)close(fd);
	if (r == -ENOTDIR || r == -ELOOP)
		note_stray(w, path, "not a folder");
	else if (r && r != -ENOENT && !w->error)
		w->error = r;
}

static void visit_iface(struct walk *w, int dirfd, const char *path,
			const struct dirent64 *e, const void *arg)
{
	const struct expected x = { .kind = AB_RECORD_KIND_IFACE, .iface = e->d_name };

	(void)arg;
	/* An example that releases up to 2.1.11 install; iscsiadm passes over
	 * it, too. */
	if (ab_streq(e->d_name, "iface.example"))
		return;
	if (e->d_name[0] == '.' || strlen(e->d_name) >= AB_IFACE_NAME)
		note_stray(w, path, "not the name of an iface record");
	else
		visit(w, dirfd, e->d_name, path, &x);
}

static void visit_node(struct walk *w, int dirfd, const char *path,
		       const struct dirent64 *e, const void *arg)
{
	const struct ab_node_key *key = arg;
	struct expected x = {
		.kind = AB_RECORD_KIND_NODE,
		.iface = e->d_name,
		.key = *key,
	};

	if (e->d_name[0] == '.' ||
	    !ab_copy(x.key.iface, sizeof(x.key.iface), e->d_name)) {
		note_stray(w, path, "not the name of an iface");
		return;
	}
	visit(w, dirfd, e->d_name, path, &x);
}

/*
 * open-iscsi takes "2001:DB8::1" and "2001:db8::1" for two portals, we for one. The
 * normal form wins when both exist.
 */
static bool is_shadowed(int dirfd, const char *name, const struct ab_node_key *key)
{
	char path[AB_DB_PATH], *first, *last;

	if (!ab_db_node_path(key, path))
		return false;
	first = strchr(path + strlen("nodes/"), '/') + 1;
	last = strchr(first, '/');
	if (last)
		*last = '\0';
	return !ab_streq(first, name) &&
	       faccessat(dirfd, first, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void visit_portal(struct walk *w, int dirfd, const char *path,
			 const struct dirent64 *e, const void *arg)
{
	struct ab_node_key key;
	bool folder = is_folder(dirfd, e);

	memset(&key, 0, sizeof(key));
	(void)ab_copy(key.target, sizeof(key.target), arg);
	(void)ab_copy(key.iface, sizeof(key.iface), "default");
	if (e->d_name[0] == '.' || !strchr(e->d_name, ',')) {
		note_stray(w, path, folder ? "stray folder" : "stray file");
	} else if (!parse_portal(e->d_name, &key)) {
		note_stray(w, path, "not a portal by number: left to open-iscsi");
	} else if (is_shadowed(dirfd, e->d_name, &key)) {
		note_stray(w, path, "a second spelling of a portal");
	} else if (folder) {
		each_entry(w, dirfd, path, O_NOFOLLOW, visit_node, &key);
	} else if (key.tpgt == AB_TPGT_UNKNOWN) {
		const struct expected x = { .kind = AB_RECORD_KIND_NODE, .key = key };

		visit(w, dirfd, e->d_name, path, &x);
	} else {
		note_stray(w, path, "a file where a folder belongs");
	}
}

static void visit_target(struct walk *w, int dirfd, const char *path,
			 const struct dirent64 *e, const void *arg)
{
	(void)arg;
	if (!is_folder(dirfd, e))
		note_stray(w, path, "stray file");
	else if (e->d_name[0] == '.' || strlen(e->d_name) >= AB_TARGET_NAME)
		note_stray(w, path, "not the name of a target");
	else
		each_entry(w, dirfd, path, O_NOFOLLOW, visit_portal, e->d_name);
}

/* Sources are only watched for a change of st_config: a discovery rewrites it. */
static void visit_source(struct walk *w, int dirfd, const char *path,
			 const struct dirent64 *e, const void *arg)
{
	char config[NAME_MAX + sizeof("/st_config")];
	struct mark mark;
	struct stat st;
	struct seen *s;
	bool is_new;

	(void)arg;
	(void)snprintf(config, sizeof(config), "%s/st_config", e->d_name);
	if (fstatat(dirfd, config, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	s = see(w->cache, path, &is_new);
	if (!s)
		return; /* only a hint is lost */
	mark = mark_of(&st);
	s->is_changed = !w->is_first && (is_new || !is_same(&mark, &s->mark));
	s->mark = mark;
}

/* --- the scan ------------------------------------------------------------------- */

static void tell_gone(struct walk *w)
{
	struct ab_event ev;

	for (size_t i = 0; i < w->cache->size; i++) {
		const struct seen *s = &w->cache->v[i];

		if (s->path && s->round != w->cache->round && s->event_mark &&
		    gone_event(w, s, &ev))
			w->fn(w->arg, &ev);
	}
}

static void tell_dump(struct walk *w, enum ab_event_type type)
{
	struct ab_event ev;

	memset(&ev, 0, sizeof(ev));
	ev.type = type;
	ev.dump.source = AB_SOURCE_RECORDS;
	w->fn(w->arg, &ev);
}

int ab_db_scan(struct ab_db *db, enum ab_db_scan what, ab_event_fn *fn, void *arg)
{
	struct walk w = {
		.db = db,
		.is_dump = what == AB_DB_SCAN_ALL,
		.is_first = !db->cache,
		.fn = fn,
		.arg = arg,
	};
	int root, r = cache_of(db, &w.cache);

	if (r)
		return r;
	if (w.is_dump)
		tell_dump(&w, AB_EV_DUMP_BEGIN);
	root = ab_db_root_fd(db);
	if (root >= 0) {
		each_entry(&w, root, "send_targets", 0, visit_source, NULL);
		each_entry(&w, root, "ifaces", 0, visit_iface, NULL);
		each_entry(&w, root, "nodes", 0, visit_target, NULL);
		(void)close(root);
	} else if (root != -ENOENT) {
		w.error = root; /* a root that does not exist yet holds no record */
	}
	ab_db_forget(db);
	if (w.error)
		return w.error;
	if (w.is_dump)
		tell_dump(&w, AB_EV_DUMP_END);
	else
		tell_gone(&w);
	return rebuild(w.cache, w.cache->size, true);
}
