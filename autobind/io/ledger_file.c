/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/ledger_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/file.h"
#include "io/log.h"
#include "util/hash.h"

#define NAME "ledger"
#define N_BAD 3

/* 100,000 entries of 300 bytes; what is larger was not written by us. */
#define FILE_MAX ((size_t)64 << 20)

/* Half a second for errors that pass. */
#define READ_TRIES 5
#define READ_PAUSE_MS 100

#define NONE UINT32_MAX

struct row {
	struct ab_ledger_entry entry;
	uint32_t next; /* in its bucket */
};

struct ab_ledger_file {
	char path[PATH_MAX], tmp[PATH_MAX];
	char run_path[PATH_MAX], run_tmp[PATH_MAX]; /* "": no copy */
	struct row *rows;			    /* owned */
	uint32_t n, max;
	uint32_t *buckets; /* owned; as many as .max */
	bool is_dirty, is_unreadable;
	bool is_run_dirty;  /* tries that RUN does not have as they are */
	bool is_locked_out; /* a bad file could not be set aside: do not overwrite */
	int run_error;	    /* last result of writing the copy, reported on change */
	uint64_t boot;	    /* mark of this boot; 0: the kernel does not say */
};

/* --- the table ------------------------------------------------------------------- */

static uint32_t *bucket_of(const struct ab_ledger_file *l,
			   const struct ab_ledger_entry *key)
{
	return &l->buckets[ab_ledger_hash_record(key) % l->max];
}

static struct row *find(const struct ab_ledger_file *l,
			const struct ab_ledger_entry *key, bool is_intent)
{
	uint32_t i;

	if (l->max == 0)
		return NULL;
	for (i = *bucket_of(l, key); i != NONE; i = l->rows[i].next) {
		struct row *row = &l->rows[i];

		if ((row->entry.owner == AB_OWNER_INTENT) == is_intent &&
		    ab_ledger_same_record(&row->entry, key))
			return row;
	}
	return NULL;
}

static void link_row(struct ab_ledger_file *l, uint32_t i)
{
	uint32_t *bucket = bucket_of(l, &l->rows[i].entry);

	l->rows[i].next = *bucket;
	*bucket = i;
}

static void unlink_row(struct ab_ledger_file *l, uint32_t i)
{
	uint32_t *at = bucket_of(l, &l->rows[i].entry);

	while (*at != i)
		at = &l->rows[*at].next;
	*at = l->rows[i].next;
}

static int grow(struct ab_ledger_file *l)
{
	uint32_t max = l->max ? l->max * 2 : 64, i;
	struct row *rows;
	uint32_t *buckets;

	if (max <= l->max)
		return -ENOMEM;
	rows = reallocarray(l->rows, max, sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	l->rows = rows;
	buckets = reallocarray(l->buckets, max, sizeof(*buckets));
	if (!buckets)
		return -ENOMEM;
	l->buckets = buckets;
	l->max = max;
	memset(buckets, 0xff, max * sizeof(*buckets));
	for (i = 0; i < l->n; i++)
		link_row(l, i);
	return 0;
}

/* Tries that failed stand in RUN only. */
static bool *dirty_of(struct ab_ledger_file *l, const struct ab_ledger_entry *entry)
{
	return entry->kind == AB_LEDGER_TRY ? &l->is_run_dirty : &l->is_dirty;
}

static void remove_row(struct ab_ledger_file *l, struct row *row)
{
	uint32_t i, last;

	if (!row)
		return;
	i = (uint32_t)(row - l->rows);
	last = l->n - 1;
	unlink_row(l, i);
	*dirty_of(l, &row->entry) = true;
	if (i != last) {
		unlink_row(l, last);
		l->rows[i] = l->rows[last];
		link_row(l, i);
	}
	l->n--;
}

/* Times of CLOCK_BOOTTIME mean something in the boot that they were read in only. */
static void mark_boot(struct ab_ledger_entry *entry, uint64_t boot)
{
	entry->boot = *ab_ledger_time(entry) ? boot : 0;
}

/* Return: false when nothing is left of it. */
static bool forget_other_boot(struct ab_ledger_entry *entry, uint64_t boot)
{
	if (boot == 0 || entry->boot != boot)
		entry->boot = *ab_ledger_time(entry) = 0;
	return entry->kind != AB_LEDGER_TRY || entry->boot;
}

int ab_ledger_file_put(struct ab_ledger_file *l, const struct ab_ledger_entry *entry)
{
	struct ab_ledger_entry e = *entry;
	struct row *row = find(l, entry, entry->owner == AB_OWNER_INTENT);
	int r;

	mark_boot(&e, l->boot);
	if (row) {
		if (memcmp(&row->entry, &e, sizeof(e)) == 0)
			return 0; /* no news, no write */
		row->entry = e;	  /* same record, so it stays in its bucket */
	} else {
		r = l->n == l->max ? grow(l) : 0;
		if (r)
			return r;
		l->rows[l->n].entry = e;
		link_row(l, l->n++);
	}
	*dirty_of(l, &e) = true;
	return 0;
}

void ab_ledger_file_del_owner(struct ab_ledger_file *l,
			      const struct ab_ledger_entry *key)
{
	remove_row(l, find(l, key, false));
}

void ab_ledger_file_del_intent(struct ab_ledger_file *l,
			       const struct ab_ledger_entry *key)
{
	remove_row(l, find(l, key, true));
}

void ab_ledger_file_promote(struct ab_ledger_file *l, const struct ab_ledger_entry *key)
{
	ab_ledger_file_del_owner(l, key);
	find(l, key, true)->entry.owner = AB_OWNER_OURS;
	l->is_dirty = true;
}

const struct ab_ledger_entry *ab_ledger_file_owner(const struct ab_ledger_file *l,
						   const struct ab_ledger_entry *key)
{
	struct row *row = find(l, key, false);

	return row ? &row->entry : NULL;
}

size_t ab_ledger_file_count(const struct ab_ledger_file *l)
{
	return l->n;
}

const struct ab_ledger_entry *ab_ledger_file_at(const struct ab_ledger_file *l,
						size_t index)
{
	return &l->rows[index].entry;
}

bool ab_ledger_file_is_unreadable(const struct ab_ledger_file *l)
{
	return l->is_unreadable;
}

bool ab_ledger_file_is_dirty(const struct ab_ledger_file *l)
{
	return l->is_dirty;
}

/* --- reading --------------------------------------------------------------------- */

static int join(char *path, const char *dir, const char *name)
{
	int n = snprintf(path, PATH_MAX, "%s/%s", dir, name);

	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

/* @ret_line: as of ab_ledger_parse(), 0 when no line is to blame. */
static int read_path(const char *path, ab_ledger_fn *fn, void *arg,
		     unsigned int *ret_line)
{
	char *data;
	size_t n;
	int r;

	*ret_line = 0;
	r = ab_file_read(AT_FDCWD, path, FILE_MAX, &data, &n, NULL);
	if (r > 0) /* not regular, too large */
		return AB_LEDGER_E_VERSION;
	if (r)
		return r;
	r = ab_ledger_parse(data, n, fn, arg, ret_line);
	free(data);
	return r;
}

/* A mark of this boot that another one does not have; 0: not known. */
static uint64_t read_boot(void)
{
	char *id;
	uint64_t boot;
	size_t n;

	if (ab_file_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 128, &id, &n,
			 NULL))
		return 0;
	boot = ab_hash_content(id, n);
	free(id);
	return boot;
}

struct reading {
	ab_ledger_fn *fn;
	void *arg;
	uint64_t boot;
};

static void read_entry(void *arg, const struct ab_ledger_entry *entry)
{
	const struct reading *reading = arg;
	struct ab_ledger_entry e = *entry;

	if (forget_other_boot(&e, reading->boot))
		reading->fn(reading->arg, &e);
}

int ab_ledger_file_read(const char *dir, ab_ledger_fn *fn, void *arg)
{
	struct reading reading = { fn, arg, read_boot() };
	char path[PATH_MAX];
	unsigned int line;
	int r = join(path, dir, NAME);

	return r ? r : read_path(path, read_entry, &reading, &line);
}

struct loading {
	struct ab_ledger_file *ledger;
	bool is_owners, is_tries; /* what is taken of it */
	int error;
};

static void load_entry(void *arg, const struct ab_ledger_entry *entry)
{
	struct loading *loading = arg;
	struct ab_ledger_entry e = *entry;
	bool is_taken =
		e.kind == AB_LEDGER_TRY ? loading->is_tries : loading->is_owners;

	if (is_taken && forget_other_boot(&e, loading->ledger->boot) && !loading->error)
		loading->error = ab_ledger_file_put(loading->ledger, &e);
}

/* A disk that says no once is asked again before all ownership is given up. */
static int load(const char *path, struct loading *loading, unsigned int *ret_line)
{
	int r, i;

	for (i = 0; i < READ_TRIES; i++) {
		r = read_path(path, load_entry, loading, ret_line);
		if (r >= 0 || r == -ENOENT || r == -ENOMEM)
			break;
		(void)poll(NULL, 0, READ_PAUSE_MS);
	}
	return r ? r : loading->error;
}

/* ledger.bad-1 is the newest. Return: 0 or -errno. */
static int set_aside(const struct ab_ledger_file *l)
{
	char from[PATH_MAX + 8], to[PATH_MAX + 8];
	int i;

	for (i = N_BAD - 1; i > 0; i--) {
		(void)snprintf(from, sizeof(from), "%s.bad-%d", l->path, i);
		(void)snprintf(to, sizeof(to), "%s.bad-%d", l->path, i + 1);
		if (rename(from, to) < 0 && errno != ENOENT)
			return -errno;
	}
	(void)snprintf(to, sizeof(to), "%s.bad-1", l->path);
	return rename(l->path, to) < 0 ? -errno : 0;
}

static void start_anew(struct ab_ledger_file *l, int why, unsigned int line)
{
	int r = set_aside(l);

	l->is_unreadable = true;
	l->is_dirty = true;
	if (line)
		ab_log_errx("store", "%s:%u: %s", l->path, line,
			    ab_ledger_strerror(why));
	else
		ab_log_errx("store", "%s: %s", l->path,
			    why < 0 ? strerror(-why) : ab_ledger_strerror(why));
	if (r == 0) {
		ab_log_warnx(
			"store",
			"%s: set aside as %s.bad-1; what autobind owned is not known "
			"any more, records are only added until the next start",
			l->path, NAME);
		r = ab_ledger_file_flush(l);
	} else {
		l->is_locked_out = true;
	}
	if (r) {
		errno = -r;
		ab_log_err("store", "%s: a new ledger cannot be started", l->path);
	}
}

/* RUN has the tries; also who owns what, where STATE has no file. */
static int load_run(struct ab_ledger_file *l, bool is_owners)
{
	struct loading loading = { .ledger = l,
				   .is_owners = is_owners,
				   .is_tries = true };
	unsigned int line;
	int r;

	if (!l->run_path[0])
		return 0;
	r = load(l->run_path, &loading, &line);
	if (r == 0 && is_owners)
		ab_log_notice("store", "%s: not there, using the copy %s", l->path,
			      l->run_path);
	else if (r != 0 && r != -ENOENT && r != -ENOMEM)
		ab_log_notice(
			"store", "%s: %s; what failed before is tried again at once",
			l->run_path, r < 0 ? strerror(-r) : ab_ledger_strerror(r));
	return r == -ENOMEM ? r : 0;
}

static int load_all(struct ab_ledger_file *l)
{
	struct loading loading = { .ledger = l, .is_owners = true };
	unsigned int line;
	int r = load(l->path, &loading, &line), r2;

	if (r == -ENOMEM)
		return r;
	r2 = load_run(l, r == -ENOENT);
	/* What stands in no file of STATE yet is to be written there. */
	l->is_dirty = l->is_dirty && r == -ENOENT;
	l->is_run_dirty = false;
	if (r && r != -ENOENT)
		start_anew(l, r, line);
	return r2;
}

int ab_ledger_file_open(const char *state_dir, const char *run_dir,
			struct ab_ledger_file **ret_ledger)
{
	struct ab_ledger_file *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	l->boot = read_boot();
	r = join(l->path, state_dir, NAME);
	if (r == 0)
		r = join(l->tmp, state_dir, NAME ".tmp");
	if (r == 0 && run_dir)
		r = join(l->run_path, run_dir, NAME);
	if (r == 0 && run_dir)
		r = join(l->run_tmp, run_dir, NAME ".tmp");
	if (r == 0) {
		r = ab_file_make_dirs(AT_FDCWD, state_dir, 0700);
		if (r) {
			errno = -r;
			ab_log_warn("store", "%s", state_dir);
		}
		r = load_all(l);
	}
	if (r) {
		(void)ab_ledger_file_close(l);
		return r;
	}
	*ret_ledger = l;
	return 0;
}

struct ab_ledger_file *ab_ledger_file_close(struct ab_ledger_file *l)
{
	if (l) {
		free(l->rows);
		free(l->buckets);
		free(l);
	}
	return NULL;
}

/* --- writing --------------------------------------------------------------------- */

/* Room for one more line. Return: 0 or -ENOMEM. */
static int make_room(struct ab_text *t)
{
	size_t size = t->size * 2;
	char *larger;

	if (t->size - t->len > AB_LEDGER_LINE)
		return 0;
	larger = realloc(t->buf, size);
	if (!larger)
		return -ENOMEM;
	t->buf = larger;
	t->size = size;
	return 0;
}

/* @ret_text.buf is owned by the caller, whatever is returned. */
static int print(const struct ab_ledger_file *l, bool has_tries,
		 struct ab_text *ret_text)
{
	size_t size = 4 * AB_LEDGER_LINE;
	struct ab_ledger_writer w;
	char *buf = malloc(size);
	uint32_t i;
	int r = 0;

	ret_text->buf = NULL;
	if (!buf)
		return -ENOMEM;
	ab_text_init(ret_text, buf, size);
	ab_ledger_begin(&w, ret_text);
	for (i = 0; i < l->n && r == 0; i++) {
		if (l->rows[i].entry.kind == AB_LEDGER_TRY && !has_tries)
			continue;
		ab_ledger_add(&w, ret_text, &l->rows[i].entry);
		r = make_room(ret_text);
	}
	ab_ledger_end(&w, ret_text);
	return r;
}

/* A copy that need not survive a power loss: no fsync. */
static int write_copy(const struct ab_ledger_file *l, const struct ab_text *t)
{
	int fd = open(l->run_tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
		      0600);
	size_t done = 0;
	int r = 0;

	if (fd < 0)
		return -errno;
	while (done < t->len && r == 0) {
		ssize_t n = write(fd, t->buf + done, t->len - done);

		if (n >= 0)
			done += (size_t)n;
		else if (errno != EINTR)
			r = -errno;
	}
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0 && rename(l->run_tmp, l->run_path) < 0)
		r = -errno;
	if (r)
		(void)unlink(l->run_tmp); /* already failing */
	return r;
}

/* Nobody waits for it: what it lacks is at worst tried once too often. */
static void write_run(struct ab_ledger_file *l)
{
	struct ab_text t;
	int r;

	l->is_run_dirty = false;
	if (!l->run_path[0])
		return;
	r = print(l, true, &t);
	if (r == 0)
		r = write_copy(l, &t);
	free(t.buf);
	if (r && r != l->run_error) {
		errno = -r;
		ab_log_warn("store", "%s: no copy of the ledger", l->run_path);
	}
	l->run_error = r;
}

int ab_ledger_file_flush(struct ab_ledger_file *l)
{
	struct ab_text t;
	int r;

	if (!l->is_dirty) {
		if (l->is_run_dirty)
			write_run(l);
		return 0;
	}
	if (l->is_locked_out)
		return -EPERM;
	r = print(l, false, &t);
	if (r == 0)
		r = ab_file_write_atomic(AT_FDCWD, l->tmp, l->path, 0600, t.buf, t.len);
	free(t.buf);
	if (r == 0) {
		l->is_dirty = false;
		write_run(l);
	}
	return r;
}
