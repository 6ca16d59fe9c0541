/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Changes of records in two steps: prepare works out the content and touches nothing,
 * commit puts it in place under open-iscsi's lock.
 *
 * Order of a new node record: folders, st_config of its source, link, record. Whatever
 * a crash cuts off, there is no record yet, the next try finds the rest and goes on. A
 * delete goes the other way: link, record, empty folders.
 */
#include "io/iscsi_db.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/name.h"
#include "io/file.h"
#include "io/iscsi_db_priv.h"
#include "util/hash.h"

#define TMP_NAME 48
#define CONF_MAX (1u << 20)
#define FOLDER_SIZE (NAME_MAX + 32)

/* product.md 3.5: what differs from this host's iscsid.conf, unless [Node] says
 * otherwise. */
static const struct {
	enum ab_key key;
	const char *value;
} fixed[] = {
	{ AB_KEY_NODE_STARTUP, "manual" },
	{ AB_KEY_CONN_STARTUP, "manual" },
	{ AB_KEY_NODE_LEADING_LOGIN, "No" },
	{ AB_KEY_SESSION_INITIAL_LOGIN_RETRY_MAX, "2" },
	{ AB_KEY_SESSION_NR_SESSIONS, "1" },
};

static void refuse(struct ab_db_job *job, enum ab_outcome outcome, int code,
		   const char *why)
{
	job->is_ready = false;
	job->outcome = (uint8_t)outcome;
	job->code = code;
	job->why = why;
}

/* --- what is there ---------------------------------------------------------------- */

/* The record that a job is about, into db->rec. Return: as ab_db_read_iface(). */
static int read_current(struct ab_db *db, const struct ab_db_job *job,
			enum ab_record_state *ret_state)
{
	bool is_iface = job->op == AB_DB_IFACE_WRITE || job->op == AB_DB_IFACE_DELETE;

	return is_iface ? ab_db_read_iface(db, job->binding.iface, &db->rec, ret_state)
			: ab_db_read_node(db, &job->key, &db->rec, ret_state);
}

/* Is the record there the expected one? It is left in db->rec. */
static bool is_expected(struct ab_db *db, struct ab_db_job *job)
{
	enum ab_record_state state = AB_RECORD_BROKEN;
	int r = read_current(db, job, &state);

	if (r == -ENOENT || r == -ENOTDIR)
		refuse(job, AB_OUTCOME_GONE, ENOENT, "there is no such record");
	else if (r < 0 && r != -ELOOP)
		refuse(job, AB_OUTCOME_RETRY, -r, "the record cannot be read");
	else if (r || state != AB_RECORD_OK)
		refuse(job, AB_OUTCOME_CHANGED, EINVAL, "the record is broken");
	else if (ab_record_hash(&db->rec) != job->expected)
		refuse(job, AB_OUTCOME_CHANGED, 0, "somebody changed the record");
	else
		return true;
	return false;
}

/* Marks do not count secrets. */
static bool has_same_secrets(const struct ab_db *db, const struct ab_db_job *job)
{
	struct ab_record new;
	bool is_same;

	(void)ab_record_parse(&new, (enum ab_record_kind)db->rec.kind, job->text,
			      job->text_len, NULL, NULL); /* set_text() has looked */
	is_same = ab_record_same_secrets(&db->rec, &new);
	explicit_bzero(&new, sizeof(new));
	return is_same;
}

/*
 * An update to what is there already: a start or a reload with new words for the same
 * values must not touch the disk. Anything else is judged under the lock.
 */
static bool is_unchanged(struct ab_db *db, const struct ab_db_job *job)
{
	enum ab_record_state state = AB_RECORD_BROKEN;

	return job->is_ready && job->is_update && job->hash == job->expected &&
	       read_current(db, job, &state) == 0 && state == AB_RECORD_OK &&
	       ab_record_hash(&db->rec) == job->expected && has_same_secrets(db, job);
}

/* --- prepare -------------------------------------------------------------------- */

/* iscsid.conf as it is now; one that is missing is empty, as for iscsiadm. */
struct conf {
	char *text; /* owned */
	size_t n;
	int r;
};

static void read_conf(struct ab_db *db, struct conf *conf)
{
	memset(conf, 0, sizeof(*conf));
	conf->r =
		ab_file_read(AT_FDCWD, db->conf, CONF_MAX, &conf->text, &conf->n, NULL);
	if (conf->r == -ENOENT)
		conf->r = 0;
}

static void free_conf(struct conf *conf)
{
	if (conf->text)
		explicit_bzero(conf->text, conf->n); /* CHAP secrets */
	free(conf->text);
}

/* Findings of one state of iscsid.conf are told once. */
static void overlay_conf(struct ab_db *db, struct ab_record *rec,
			 const struct conf *conf)
{
	struct ab_db_findings found = { .n = 0 };
	uint64_t hash;

	if (!conf->text)
		return;
	ab_record_overlay_conf(rec, conf->text, conf->n, ab_db_note_finding, &found);
	hash = ab_hash_content(conf->text, conf->n);
	if (rec->kind == AB_RECORD_KIND_NODE && hash != db->conf_hash) {
		db->conf_hash = hash;
		ab_db_tell(db, "iscsid.conf", &found);
	}
}

/*
 * What may be written: keys that every release knows, and of those that are set in @rec
 * the ones that the installed release knows.
 */
static struct ab_record_set writable(const struct ab_db *db,
				     const struct ab_record *rec)
{
	struct ab_record_set set;

	ab_record_set_old(&set);
	for (unsigned int k = 0; db->has_known && k < AB_KEY_MAX; k++) {
		if (ab_record_is_given(rec, k) && ab_record_set_has(&db->known, k))
			ab_record_set_add(&set, k);
	}
	return set;
}

/* The text of @rec, and the mark that a reader will compute from it. */
static int set_text(struct ab_db_job *job, const struct ab_record *rec,
		    const struct ab_record_set *keys)
{
	struct ab_record back;
	struct ab_text t;
	int r = 0;

	job->text = malloc(AB_RECORD_TEXT);
	if (!job->text)
		return -ENOMEM;
	ab_text_init(&t, job->text, AB_RECORD_TEXT);
	ab_record_print(rec, keys, &t);
	assert(!t.cut);
	job->text_len = t.len;
	if (ab_record_parse(&back, (enum ab_record_kind)rec->kind, t.buf, t.len, NULL,
			    NULL) != AB_RECORD_OK)
		r = -EINVAL;
	job->hash = ab_record_hash(&back);
	explicit_bzero(&back, sizeof(back)); /* CHAP secrets */
	return r;
}

static void finish_text(struct ab_db_job *job, const struct ab_record *rec,
			const struct ab_record_set *keys)
{
	int r = set_text(job, rec, keys);

	if (r == -ENOMEM)
		refuse(job, AB_OUTCOME_RETRY, -r, "no memory");
	else if (r)
		refuse(job, AB_OUTCOME_DENIED, -r, "the record does not say its name");
	else
		job->is_ready = true;
}

/* A record made by the caller must be the one that the job names. */
static void take_iface_record(struct ab_db_job *job)
{
	const struct ab_record *rec = job->record;

	if (rec->kind != AB_RECORD_KIND_IFACE ||
	    !ab_streq(ab_record_get(rec, AB_KEY_IFACE_NAME), job->binding.iface))
		refuse(job, AB_OUTCOME_DENIED, EINVAL, "the record is another one");
	else
		finish_text(job, rec, NULL);
}

static void prepare_iface(struct ab_db *db, struct ab_db_job *job)
{
	struct ab_record_set keys;

	if (ab_name_check_iface(job->binding.iface) && !job->is_update) {
		refuse(job, AB_OUTCOME_DENIED, EINVAL,
		       "not a name for an iface record");
		return;
	}
	if (job->record) {
		take_iface_record(job);
		return;
	}
	if (ab_record_from_binding(&db->rec, &job->binding)) {
		refuse(job, AB_OUTCOME_DENIED, EINVAL, "a value does not fit its key");
		return;
	}
	keys = writable(db, &db->rec);
	finish_text(job, &db->rec, &keys);
}

/* The iface record that a node record copies. Return: 0, or the job was refused. */
static int load_iface(struct ab_db *db, struct ab_db_job *job, struct ab_record *iface)
{
	static const struct ab_binding built_in[] = {
		{ .iface = "default", .transport = "tcp" },
		{ .iface = "iser", .transport = "iser" },
	};
	enum ab_record_state state;
	int r;

	for (size_t i = 0; i < sizeof(built_in) / sizeof(built_in[0]); i++) {
		if (ab_streq(job->key.iface, built_in[i].iface))
			return ab_record_from_binding(iface, &built_in[i]);
	}
	r = ab_db_read_iface(db, job->key.iface, iface, &state);
	if (r == 0 && state == AB_RECORD_OK &&
	    ab_streq(ab_record_get(iface, AB_KEY_IFACE_NAME), job->key.iface))
		return 0;
	if (r == -ENOENT || r == -ENOTDIR)
		refuse(job, AB_OUTCOME_GONE, ENOENT, "its iface record does not exist");
	else
		refuse(job, AB_OUTCOME_RETRY, r < 0 ? -r : EINVAL,
		       "its iface record cannot be read");
	return -1;
}

/* The installed release would take the whole record for broken. */
static void tell_unknown(struct ab_db *db, enum ab_key key)
{
	if (!db->has_known || ab_record_set_has(&db->known, key) ||
	    ab_record_set_has(&db->told, key))
		return;
	ab_record_set_add(&db->told, key);
	ab_db_tell_text(db, ab_record_key(key)->name,
			"not known to the installed iscsiadm: left out");
}

/* [Node]. Return: 0, or the job was refused. */
static int apply_settings(struct ab_db *db, struct ab_db_job *job,
			  struct ab_record *rec)
{
	for (uint32_t i = 0; i < job->n_settings; i++) {
		const struct ab_node_setting *s = &job->settings[i];
		int key = ab_record_find(AB_RECORD_KIND_NODE, s->name, strlen(s->name));

		if (key < 0 || !ab_starts_with(s->name, "node.") ||
		    (ab_record_key((enum ab_key)key)->flags & AB_RECORD_F_FIXED) ||
		    ab_record_set_value(rec, (enum ab_key)key, s->value)) {
			refuse(job, AB_OUTCOME_DENIED, EINVAL,
			       "a setting of [Node] that open-iscsi would not take");
			return -1;
		}
		tell_unknown(db, (enum ab_key)key);
	}
	return 0;
}

/* All of iscsid.conf's CHAP is replaced: one name with another's secret is no use.
 * Return: 0, or the job was refused. */
static int apply_chap(struct ab_db *db, struct ab_db_job *job, struct ab_record *rec)
{
	const struct ab_chap *chap = job->chap;
	const struct {
		enum ab_key key;
		const char *value;
	} fields[] = {
		{ AB_KEY_AUTH_AUTHMETHOD, "CHAP" },
		{ AB_KEY_AUTH_USERNAME, chap->username },
		{ AB_KEY_AUTH_PASSWORD, chap->password },
		{ AB_KEY_AUTH_USERNAME_IN, chap->username_in },
		{ AB_KEY_AUTH_PASSWORD_IN, chap->password_in },
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(fields) / sizeof(fields[0]); i++)
		r = ab_record_set_value(rec, fields[i].key, fields[i].value);
	if (r == 0 && chap->algorithms[0]) {
		r = ab_record_set_value(rec, AB_KEY_AUTH_CHAP_ALGS, chap->algorithms);
		tell_unknown(db, AB_KEY_AUTH_CHAP_ALGS);
	}
	if (r)
		refuse(job, AB_OUTCOME_DENIED, EINVAL,
		       "a name or secret for CHAP that open-iscsi would not take");
	return r;
}

static int set_identity(const struct ab_db_job *job, struct ab_record *rec)
{
	char buf[24], addr[AB_ADDR_TEXT];
	struct ab_text t;
	int r = ab_record_set_node_key(rec, &job->key);

	if (r || job->discovery.addr.family == 0) {
		return r ? r
			 : ab_record_set_value(rec, AB_KEY_NODE_DISCOVERY_TYPE,
					       "static");
	}
	ab_text_init(&t, addr, sizeof(addr));
	ab_name_add_addr(&t, &job->discovery.addr);
	r = ab_record_set_value(rec, AB_KEY_NODE_DISCOVERY_ADDRESS, addr);
	ab_text_init(&t, buf, sizeof(buf));
	ab_text_addu(&t, job->discovery.port);
	if (r == 0)
		r = ab_record_set_value(rec, AB_KEY_NODE_DISCOVERY_PORT, buf);
	return r ? r
		 : ab_record_set_value(rec, AB_KEY_NODE_DISCOVERY_TYPE, "send_targets");
}

static void build_node(struct ab_db *db, struct ab_db_job *job, const struct conf *conf)
{
	struct ab_record *rec = &db->rec, iface;
	struct ab_record_set keys;
	int r = 0;

	if (load_iface(db, job, &iface))
		return;
	ab_record_clear(rec, AB_RECORD_KIND_NODE);
	overlay_conf(db, rec, conf);
	ab_record_copy_iface(rec, &iface);
	for (size_t i = 0; r == 0 && i < sizeof(fixed) / sizeof(fixed[0]); i++)
		r = ab_record_set_value(rec, fixed[i].key, fixed[i].value);
	assert(r == 0);
	if (apply_settings(db, job, rec) || (job->chap && apply_chap(db, job, rec)))
		return;
	if (set_identity(job, rec)) {
		refuse(job, AB_OUTCOME_DENIED, EINVAL, "a name does not fit its key");
		return;
	}
	keys = writable(db, rec);
	finish_text(job, rec, &keys);
}

static bool is_same_node(const struct ab_node_key *a, const struct ab_node_key *b)
{
	return ab_streq(a->target, b->target) && ab_streq(a->iface, b->iface) &&
	       ab_portal_equal(&a->portal, &b->portal) && a->tpgt == b->tpgt;
}

static void take_node_record(struct ab_db_job *job)
{
	const struct ab_record *rec = job->record;
	int64_t port = ab_record_get_int(rec, AB_KEY_NODE_DISCOVERY_PORT);
	const char *type = ab_record_get(rec, AB_KEY_NODE_DISCOVERY_TYPE);
	struct ab_node_key key;

	if (rec->kind != AB_RECORD_KIND_NODE || !ab_record_node_key(rec, &key) ||
	    !is_same_node(&key, &job->key)) {
		refuse(job, AB_OUTCOME_DENIED, EINVAL, "the record is another one");
		return;
	}
	memset(&job->discovery, 0, sizeof(job->discovery));
	if (ab_streq(type, "send_targets") && port > 0 && port <= UINT16_MAX &&
	    ab_name_parse_addr(ab_record_get(rec, AB_KEY_NODE_DISCOVERY_ADDRESS),
			       &job->discovery.addr) == 0)
		job->discovery.port = (uint16_t)port;
	else
		job->has_no_link = !ab_streq(type, "static");
	finish_text(job, rec, NULL);
}

static void prepare_node(struct ab_db *db, struct ab_db_job *job,
			 const struct conf *conf)
{
	char path[AB_DB_PATH], link[NAME_MAX + 1];

	if (ab_name_check_target(job->key.target) && !job->is_update) {
		refuse(job, AB_OUTCOME_DENIED, EINVAL, "not an iSCSI name");
	} else if (!ab_db_node_path(&job->key, path) || job->key.portal.port == 0) {
		refuse(job, AB_OUTCOME_DENIED, EINVAL, "a name that no file can have");
	} else if (!ab_db_link_name(&job->key, link)) {
		refuse(job, AB_OUTCOME_DENIED, ENAMETOOLONG,
		       "target, portal and iface are too long for open-iscsi's link");
	} else if (job->record) {
		take_node_record(job);
	} else if (conf->r) {
		refuse(job, AB_OUTCOME_RETRY, conf->r < 0 ? -conf->r : EINVAL,
		       "iscsid.conf cannot be read");
	} else {
		build_node(db, job, conf);
	}
}

static void prepare_delete(struct ab_db_job *job)
{
	char path[AB_DB_PATH];
	bool ok = job->op == AB_DB_IFACE_DELETE
			  ? ab_db_iface_path(job->binding.iface, path)
			  : ab_db_node_path(&job->key, path);

	job->is_ready = ok;
	if (!ok)
		refuse(job, AB_OUTCOME_DENIED, EINVAL, "a name that no file can have");
}

void ab_db_prepare(struct ab_db *db, struct ab_db_job *jobs, size_t n)
{
	struct conf conf;

	assert(n <= AB_DB_BATCH_MAX);
	read_conf(db, &conf);
	for (size_t i = 0; i < n; i++) {
		switch ((enum ab_db_op)jobs[i].op) {
		case AB_DB_IFACE_WRITE:
			prepare_iface(db, &jobs[i]);
			break;
		case AB_DB_NODE_WRITE:
			prepare_node(db, &jobs[i], &conf);
			break;
		case AB_DB_IFACE_DELETE:
		case AB_DB_NODE_DELETE:
			prepare_delete(&jobs[i]);
			break;
		}
		if (is_unchanged(db, &jobs[i])) {
			jobs[i].is_ready = false;
			jobs[i].outcome = AB_OUTCOME_DONE;
		}
	}
	free_conf(&conf);
	ab_db_forget(db);
}

void ab_db_job_clear(struct ab_db_job *job)
{
	/* It may hold a CHAP secret. */
	if (job->text)
		explicit_bzero(job->text, job->text_len);
	free(job->text);
	job->text = NULL;
	job->text_len = 0;
}

/* --- commit --------------------------------------------------------------------- */

/* One batch. */
struct batch {
	struct ab_db *db;
	int root;
	struct conf conf; /* read when a st_config must be made */
	bool has_conf;
};

static bool is_write(const struct ab_db_job *job)
{
	return job->op == AB_DB_IFACE_WRITE || job->op == AB_DB_NODE_WRITE;
}

static void tmp_name(size_t i, char *name)
{
	(void)snprintf(name, TMP_NAME, AB_DB_TMP "%ld.%zu", (long)getpid(), i);
}

static void job_path(const struct ab_db_job *job, char *path)
{
	bool ok = job->op == AB_DB_IFACE_WRITE || job->op == AB_DB_IFACE_DELETE
			  ? ab_db_iface_path(job->binding.iface, path)
			  : ab_db_node_path(&job->key, path);

	assert(ok); /* prepare has looked */
	(void)ok;
}

static void settle(struct ab_db_job *job, int r, const char *why)
{
	job->is_ready = false;
	job->code = r < 0 ? -r : 0;
	job->why = why;
	if (r == 0)
		job->outcome = AB_OUTCOME_DONE;
	else if (r == -EEXIST)
		job->outcome = AB_OUTCOME_EXISTS;
	else if (r == -ENAMETOOLONG || r == -EXDEV)
		job->outcome = AB_OUTCOME_DENIED;
	else
		job->outcome = AB_OUTCOME_RETRY;
}

/* "nodes/T/P/I" -> "nodes/T/P" -> "nodes/T" -> "nodes" -> "" */
static bool cut_last(char *path)
{
	char *slash = strrchr(path, '/');

	if (!slash)
		return false;
	*slash = '\0';
	return true;
}

/* Folders that are empty go, as iscsiadm does; those directly in the root stay. */
static void remove_empty(int root, const char *record_path)
{
	char path[AB_DB_PATH];

	if (!ab_copy(path, sizeof(path), record_path))
		return;
	while (cut_last(path) && strchr(path, '/')) {
		if (unlinkat(root, path, AT_REMOVEDIR) < 0)
			return;
	}
}

static int make_parents(int root, const char *record_path)
{
	char path[AB_DB_PATH];

	if (!ab_copy(path, sizeof(path), record_path) || !cut_last(path))
		return -ENAMETOOLONG;
	return ab_file_make_dirs(root, path, 0700);
}

/* st_config of a source as iscsiadm would write it: without it `-m discovery` fails. */
static int make_source(struct batch *b, const struct ab_db_job *job, const char *folder)
{
	char path[FOLDER_SIZE + sizeof("/st_config")], addr[AB_ADDR_TEXT], port[8],
		text[AB_RECORD_TEXT], tmp[TMP_NAME];
	struct ab_record *rec = &b->db->rec;
	struct ab_record_set keys;
	struct ab_text t;
	int r;

	(void)snprintf(path, sizeof(path), "%s/st_config", folder);
	if (faccessat(b->root, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	if (!b->has_conf)
		read_conf(b->db, &b->conf);
	b->has_conf = true;
	ab_record_clear(rec, AB_RECORD_KIND_ST);
	overlay_conf(b->db, rec, &b->conf);
	ab_text_init(&t, addr, sizeof(addr));
	ab_name_add_addr(&t, &job->discovery.addr);
	(void)snprintf(port, sizeof(port), "%u", job->discovery.port);
	r = ab_record_set_value(rec, AB_KEY_ST_ADDRESS, addr);
	if (r == 0)
		r = ab_record_set_value(rec, AB_KEY_ST_PORT, port);
	assert(r == 0);
	keys = writable(b->db, rec);
	ab_text_init(&t, text, sizeof(text));
	ab_record_print(rec, &keys, &t);
	tmp_name(AB_DB_BATCH_MAX, tmp);
	r = ab_file_write_new(b->root, tmp, path, 0600, t.buf, t.len);
	explicit_bzero(text, sizeof(text));
	return r == -EEXIST ? 0 : r;
}

/* Where a record's link belongs. */
struct link_place {
	char folder[FOLDER_SIZE];	       /* below the root; "": nowhere */
	char path[FOLDER_SIZE + NAME_MAX + 2]; /* "": no link */
	char text[PATH_MAX]; /* what it says: the portal's folder, by absolute path */
};

/*
 * iscsiadm keeps a link to the folder of each portal with the source of the record.
 * Without TPGT there is none (measured with 2.1.8). @addr NULL: a static record.
 */
static int find_link_place(const struct ab_db *db, const struct ab_node_key *key,
			   const char *addr, uint16_t port, struct link_place *place)
{
	char name[NAME_MAX + 1], record[AB_DB_PATH];
	bool ok;

	memset(place, 0, sizeof(*place));
	if (key->tpgt == AB_TPGT_UNKNOWN && !addr)
		return 0;
	ok = addr ? ab_db_source_path(addr, port, place->folder)
		  : ab_copy(place->folder, sizeof(place->folder), "static");
	if (!ok)
		return -ENAMETOOLONG;
	if (key->tpgt == AB_TPGT_UNKNOWN)
		return 0;
	if (!ab_db_link_name(key, name) || !ab_db_node_path(key, record) ||
	    !cut_last(record) ||
	    snprintf(place->text, sizeof(place->text), "%s/%s", db->link_root,
		     record) >= (int)sizeof(place->text))
		return -ENAMETOOLONG;
	(void)snprintf(place->path, sizeof(place->path), "%s/%s", place->folder, name);
	return 0;
}

/* The place for what a job writes. */
static int job_link_place(const struct ab_db *db, const struct ab_db_job *job,
			  struct link_place *place)
{
	char addr[AB_ADDR_TEXT];
	struct ab_text t;

	memset(place, 0, sizeof(*place));
	if (job->has_no_link)
		return 0;
	ab_text_init(&t, addr, sizeof(addr));
	ab_name_add_addr(&t, &job->discovery.addr);
	return find_link_place(db, &job->key, job->discovery.addr.family ? addr : NULL,
			       job->discovery.port, place);
}

/* The place for the record in db->rec. */
static int record_link_place(const struct ab_db *db, const struct ab_node_key *key,
			     struct link_place *place)
{
	const char *type = ab_record_get(&db->rec, AB_KEY_NODE_DISCOVERY_TYPE);
	int64_t port = ab_record_get_int(&db->rec, AB_KEY_NODE_DISCOVERY_PORT);

	memset(place, 0, sizeof(*place));
	if (ab_streq(type, "static"))
		return find_link_place(db, key, NULL, 0, place);
	if (!ab_streq(type, "send_targets") || port < 1 || port > UINT16_MAX)
		return 0;
	return find_link_place(db, key,
			       ab_record_get(&db->rec, AB_KEY_NODE_DISCOVERY_ADDRESS),
			       (uint16_t)port, place);
}

static int make_link(struct batch *b, const struct ab_db_job *job,
		     const struct link_place *place)
{
	int r;

	if (place->folder[0] == '\0')
		return 0;
	r = ab_file_make_dirs(b->root, place->folder, 0700);
	if (r == 0 && job->discovery.addr.family)
		r = make_source(b, job, place->folder);
	if (r || place->path[0] == '\0')
		return r;
	if (symlinkat(place->text, b->root, place->path) < 0 && errno != EEXIST)
		return -errno;
	return 0;
}

static void remove_link(struct batch *b, const struct link_place *place)
{
	char found[PATH_MAX];
	ssize_t n;

	if (place->path[0] == '\0')
		return;
	n = readlinkat(b->root, place->path, found, sizeof(found) - 1);
	if (n < 0)
		return;
	found[n] = '\0';
	if (ab_streq(found, place->text))
		(void)unlinkat(b->root, place->path, 0); /* at worst one too many */
}

/* The new content takes its name, after everything that belongs to it. */
static int place_node(struct batch *b, struct ab_db_job *job, const char *tmp,
		      const char *path)
{
	struct link_place old, new;
	int r = job_link_place(b->db, job, &new);

	memset(&old, 0, sizeof(old));
	if (r == 0 && job->is_update)
		r = record_link_place(b->db, &job->key, &old);
	if (r == 0)
		r = make_link(b, job, &new);
	if (r == 0 && job->is_update)
		r = renameat(b->root, tmp, b->root, path) < 0 ? -errno : 0;
	else if (r == 0)
		r = ab_file_move_new(b->root, tmp, path);
	if (r && !job->is_update)
		remove_link(b, &new);
	if (r == 0 && !ab_streq(old.path, new.path))
		remove_link(b, &old);
	return r;
}

static void do_write(struct batch *b, struct ab_db_job *job, const char *tmp)
{
	char path[AB_DB_PATH];
	int r;

	job_path(job, path);
	if (job->is_update && !is_expected(b->db, job))
		return;
	if (!job->is_update &&
	    faccessat(b->root, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
		settle(job, -EEXIST, "there is one already");
		return;
	}
	r = make_parents(b->root, path);
	if (r == 0 && job->op == AB_DB_NODE_WRITE)
		r = place_node(b, job, tmp, path);
	else if (r == 0 && job->is_update)
		r = renameat(b->root, tmp, b->root, path) < 0 ? -errno : 0;
	else if (r == 0)
		r = ab_file_move_new(b->root, tmp, path);
	if (r)
		remove_empty(b->root, path);
	settle(job, r, r ? "cannot be written" : NULL);
}

static void do_delete(struct batch *b, struct ab_db_job *job)
{
	struct link_place place;
	char path[AB_DB_PATH];

	job_path(job, path);
	if (!is_expected(b->db, job))
		return;
	job->hash = 0;
	if (job->op == AB_DB_NODE_DELETE &&
	    record_link_place(b->db, &job->key, &place) == 0)
		remove_link(b, &place);
	if (unlinkat(b->root, path, 0) < 0) {
		settle(job, -errno, "cannot be removed");
		return;
	}
	remove_empty(b->root, path);
	settle(job, 0, NULL);
}

/* Everything that takes time happens before the lock: the content, on disk. */
static void write_temporaries(struct batch *b, struct ab_db_job *jobs, size_t n)
{
	struct ab_sync files[AB_DB_BATCH_MAX];
	struct ab_db_job *owners[AB_DB_BATCH_MAX];
	char tmp[TMP_NAME];
	size_t n_files = 0;

	for (size_t i = 0; i < n; i++) {
		int fd;

		if (!jobs[i].is_ready || !is_write(&jobs[i]))
			continue;
		tmp_name(i, tmp);
		jobs[i].has_tmp = true;
		fd = ab_file_write(b->root, tmp, 0600, jobs[i].text, jobs[i].text_len);
		if (fd < 0) {
			settle(&jobs[i], fd, "cannot be written");
			continue;
		}
		owners[n_files] = &jobs[i];
		files[n_files++] = (struct ab_sync){ .fd = fd };
	}
	ab_sync_all(&b->db->syncer, files, n_files);
	for (size_t i = 0; i < n_files; i++) {
		if (close(files[i].fd) < 0 && files[i].r == 0)
			files[i].r = -errno;
		if (files[i].r)
			settle(owners[i], files[i].r, "cannot be written");
	}
}

static void remove_temporaries(struct batch *b, struct ab_db_job *jobs, size_t n)
{
	char tmp[TMP_NAME];

	for (size_t i = 0; i < n; i++) {
		if (!jobs[i].has_tmp)
			continue;
		jobs[i].has_tmp = false;
		tmp_name(i, tmp);
		(void)unlinkat(b->root, tmp, 0); /* mostly renamed: ENOENT */
	}
}

/*
 * The folders of one batch that have been synced, so that those many records share (the
 * root, nodes/, a source) are synced once. Known by inode: a folder has many paths.
 */
/* Deepest: four of the record, three of a link; in two walks. */
#define SYNCED_MAX (AB_DB_BATCH_MAX * 14)

struct synced {
	dev_t dev;
	ino_t ino;
	int r;
};

/* Two walks over the same folders: the first one only gathers them, so that they are
 * synced together, the second one asks for the results. */
struct syncing {
	struct ab_syncer *syncer;
	bool is_gathering;
	struct synced v[SYNCED_MAX];
	size_t n;
	struct ab_sync
		waiting[AB_SYNC_MAX]; /* of the latest in .v; descriptors owned */
	size_t n_waiting;
};

static void sync_waiting(struct syncing *s)
{
	size_t first = s->n - s->n_waiting;

	ab_sync_all(s->syncer, s->waiting, s->n_waiting);
	for (size_t i = 0; i < s->n_waiting; i++) {
		s->v[first + i].r = s->waiting[i].r;
		(void)close(s->waiting[i].fd); /* nothing was written */
	}
	s->n_waiting = 0;
}

/* Takes over @fd. Return: 0 or -errno; 0 while it waits. */
static int sync_once(struct syncing *s, int fd)
{
	struct stat st;
	size_t i = 0;

	if (fstat(fd, &st) < 0) {
		int r = -errno;

		(void)close(fd);
		return r;
	}
	while (i < s->n && (s->v[i].ino != st.st_ino || s->v[i].dev != st.st_dev))
		i++;
	if (i < s->n) {
		(void)close(fd);
		return s->v[i].r;
	}
	assert(s->n < SYNCED_MAX);
	s->v[s->n++] = (struct synced){ .dev = st.st_dev, .ino = st.st_ino };
	s->waiting[s->n_waiting++] = (struct ab_sync){ .fd = fd };
	/* In the second walk: somebody made it since the first one. */
	if (!s->is_gathering || s->n_waiting == AB_SYNC_MAX)
		sync_waiting(s);
	return s->v[i].r;
}

/* Each folder above @path; one that went with its last record is passed over. */
static void sync_up(struct batch *b, struct syncing *s, struct ab_db_job *job,
		    char *path)
{
	bool is_below;

	do {
		int fd, r;

		is_below = cut_last(path);
		fd = openat(b->root, is_below ? path : ".",
			    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 && errno == ENOENT)
			continue;
		r = fd < 0 ? -errno : sync_once(s, fd);
		if (r && job->code == 0 && !s->is_gathering) {
			job->code = -r;
			job->why = "its folder could not be synced";
		}
	} while (is_below);
}

static void walk_folders(struct batch *b, struct syncing *s, struct ab_db_job *jobs,
			 size_t n)
{
	struct link_place place;
	char path[AB_DB_PATH];

	for (size_t i = 0; i < n; i++) {
		if (jobs[i].outcome != AB_OUTCOME_DONE)
			continue;
		job_path(&jobs[i], path);
		sync_up(b, s, &jobs[i], path);
		if (jobs[i].op == AB_DB_NODE_WRITE &&
		    job_link_place(b->db, &jobs[i], &place) == 0 && place.path[0])
			sync_up(b, s, &jobs[i], place.path);
	}
}

static void sync_folders(struct batch *b, struct ab_db_job *jobs, size_t n)
{
	struct syncing s = { .syncer = &b->db->syncer, .is_gathering = true };

	walk_folders(b, &s, jobs, n);
	sync_waiting(&s);
	s.is_gathering = false;
	walk_folders(b, &s, jobs, n);
}

static void refuse_all(struct ab_db_job *jobs, size_t n, int code, const char *why)
{
	for (size_t i = 0; i < n; i++) {
		if (jobs[i].is_ready)
			refuse(&jobs[i], AB_OUTCOME_RETRY, code, why);
	}
}

static void commit_locked(struct batch *b, struct ab_db_job *jobs, size_t n)
{
	char tmp[TMP_NAME];

	for (size_t i = 0; i < n; i++) {
		if (!jobs[i].is_ready)
			continue;
		tmp_name(i, tmp);
		if (is_write(&jobs[i]))
			do_write(b, &jobs[i], tmp);
		else
			do_delete(b, &jobs[i]);
	}
}

void ab_db_commit(struct ab_db *db, struct ab_db_job *jobs, size_t n)
{
	struct batch b = { .db = db };
	bool was_locked = db->is_locked, has_ready = false;
	int r;

	assert(n <= AB_DB_BATCH_MAX);
	for (size_t i = 0; i < n; i++)
		has_ready |= jobs[i].is_ready;
	if (!has_ready)
		return;
	r = ab_file_make_dirs(AT_FDCWD, db->root, 0700);
	b.root = r ? r : ab_db_root_fd(db);
	if (b.root < 0) {
		refuse_all(jobs, n, -b.root, "the database cannot be opened");
		return;
	}
	write_temporaries(&b, jobs, n);
	r = ab_db_lock(db);
	if (r == 0) {
		commit_locked(&b, jobs, n);
		if (!was_locked)
			ab_db_unlock(db);
		sync_folders(&b, jobs, n);
	} else {
		refuse_all(jobs, n, r < 0 ? -r : EBUSY, "the database is locked");
	}
	remove_temporaries(&b, jobs, n);
	free_conf(&b.conf);
	ab_db_forget(db);
	(void)close(b.root);
}
