/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The half of io/conf that touches the disk: which files count, who owns them, what is
 * in them. What is wrong becomes a message in the bundle; nothing here stops early but
 * for memory.
 */
#include "io/conf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "io/chap.h"
#include "io/conf_bundle.h"
#include "io/file.h"
#include "util/text.h"

#define ROOTS_MAX 3
#define NAMES_MAX 1024	  /* of one folder, masked ones included */
#define MESSAGES_KEPT 100 /* of errors, and of warnings */
#define ITEMS_KEPT 400
#define CHAPS_MAX 256 /* secret files */

struct collector {
	const struct ab_conf_roots *roots;
	struct ab_bundle_writer w;
	unsigned int n_files, n_errors, n_warnings;
};

/* A name and the folder that it counts in. */
struct found {
	char *name; /* owned */
	const char *dir;
	unsigned int rank; /* of its folder: the lower wins */
};

struct listing {
	struct found *v; /* owned */
	size_t n, max;
	bool has_failed; /* out of memory */
};

/* --- messages --------------------------------------------------------------------- */

__attribute__((format(printf, 4, 5))) static void say(struct collector *c,
						      enum ab_diag_severity severity,
						      uint32_t item, const char *fmt,
						      ...)
{
	char text[AB_DIAG_TEXT];
	unsigned int *n = severity == AB_DIAG_ERROR ? &c->n_errors : &c->n_warnings;
	va_list ap;

	if ((*n)++ >= MESSAGES_KEPT)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap); /* cut is good enough */
	va_end(ap);
	ab_bundle_add_message(&c->w, severity, item, text);
}

/* A folder, or a file that could not be read: something to hang a message on. */
static uint32_t add_other(struct collector *c, const char *path)
{
	if (c->w.n_items >= ITEMS_KEPT)
		return AB_DIAG_NO_FILE;
	return ab_bundle_add_file(&c->w, AB_BUNDLE_OTHER, "", path, "", 0);
}

static enum ab_diag_severity owner_severity(const struct collector *c)
{
	return c->roots->is_lenient ? AB_DIAG_WARNING : AB_DIAG_ERROR;
}

static bool has_bad_owner(const struct stat *st)
{
	return st->st_uid != 0 || st->st_mode & (S_IWGRP | S_IWOTH);
}

static void say_owner(struct collector *c, uint32_t item, const struct stat *st)
{
	if (st->st_uid != 0)
		say(c, owner_severity(c), item,
		    "belongs to user %u, not to root: what stands here is done as "
		    "root; "
		    "chown root it",
		    (unsigned int)st->st_uid);
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		say(c, owner_severity(c), item,
		    "can be written by others than root (mode %04o): chmod go-w it",
		    (unsigned int)(st->st_mode & 07777));
}

/* --- folders ---------------------------------------------------------------------- */

static bool has_suffix(const char *name, const char *suffix)
{
	size_t n = strlen(name), k = strlen(suffix);

	return n > k && strcmp(name + n - k, suffix) == 0;
}

static void add_name(struct listing *l, const char *name, const char *dir,
		     unsigned int rank)
{
	if (!l->v || l->n == l->max) {
		unsigned int max = l->v ? l->max * 2 : 32;
		struct found *larger = reallocarray(l->v, max, sizeof(*l->v));

		if (!larger) {
			l->has_failed = true;
			return;
		}
		l->v = larger;
		l->max = max;
	}
	l->v[l->n].name = strdup(name);
	l->v[l->n].dir = dir;
	l->v[l->n].rank = rank;
	if (l->v[l->n].name)
		l->n++;
	else
		l->has_failed = true;
}

static void free_listing(struct listing *l)
{
	while (l->n)
		free(l->v[--l->n].name);
	free(l->v);
	*l = (struct listing){ 0 };
}

static int compare_found(const void *a, const void *b)
{
	const struct found *x = a, *y = b;
	int r = strcmp(x->name, y->name);

	return r ? r : (x->rank > y->rank) - (x->rank < y->rank);
}

/* Opens a folder, checks its owner. NULL: there is none, or it cannot be read. */
static DIR *open_folder(struct collector *c, const char *path)
{
	struct stat st;
	DIR *dir = NULL;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 && errno == ENOENT)
		return NULL;
	if (fd >= 0 && fstat(fd, &st) == 0)
		dir = fdopendir(fd);
	if (!dir) {
		say(c, AB_DIAG_ERROR, add_other(c, path), "cannot be read: %s",
		    strerror(errno));
		if (fd >= 0)
			(void)close(fd);
		return NULL;
	}
	if (has_bad_owner(&st))
		say_owner(c, add_other(c, path), &st);
	return dir;
}

/* Adds the *.conf of a folder; with @dropins the *.conf.d, too. */
static void list_folder(struct collector *c, const char *path, bool dropins,
			unsigned int rank, struct listing *l)
{
	DIR *dir = open_folder(c, path);
	struct dirent *e;

	if (!dir)
		return;
	errno = 0;
	while (l->n < NAMES_MAX && !l->has_failed && (e = readdir(dir))) {
		if (e->d_name[0] != '.' &&
		    (has_suffix(e->d_name, ".conf") ||
		     (dropins && has_suffix(e->d_name, ".conf.d"))))
			add_name(l, e->d_name, path, rank);
		errno = 0;
	}
	if (errno)
		say(c, AB_DIAG_ERROR, add_other(c, path), "cannot be read: %s",
		    strerror(errno));
	if (l->n >= NAMES_MAX)
		say(c, AB_DIAG_ERROR, add_other(c, path), "has too many files");
	(void)closedir(dir); /* read only */
}

/* Sorts by name and keeps, of equal names, the one of the strongest folder. */
static void settle(struct listing *l)
{
	size_t i, n = 0;

	if (l->n)
		qsort(l->v, l->n, sizeof(*l->v), compare_found);
	for (i = 0; i < l->n; i++) {
		if (n && strcmp(l->v[n - 1].name, l->v[i].name) == 0)
			free(l->v[i].name);
		else
			l->v[n++] = l->v[i];
	}
	l->n = n;
}

/* --- files ------------------------------------------------------------------------ */

static bool is_file_name(const char *name)
{
	for (; *name; name++)
		if (!ab_is_alnum(*name) && !strchr("._-+@", *name))
			return false;
	return true;
}

static void say_unreadable(struct collector *c, const char *path, int r)
{
	uint32_t item = add_other(c, path);

	if (r == AB_FILE_E_NOT_REGULAR)
		say(c, AB_DIAG_ERROR, item,
		    "is not a regular file: remove it, or name it without .conf");
	else if (r == AB_FILE_E_TOO_LARGE)
		say(c, AB_DIAG_ERROR, item,
		    "is larger than 256 KiB: a policy is a short text; is this another "
		    "file?");
	else if (r == -ENOENT)
		say(c, AB_DIAG_ERROR, item,
		    "is a link to nothing: remove or repair it");
	else
		say(c, AB_DIAG_ERROR, item, "cannot be read: %s", strerror(-r));
}

/* An empty file or a link to /dev/null says: no such policy, whatever stands below. */
static bool is_masked(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return false; /* ab_file_read() will say why */
	return (S_ISREG(st.st_mode) && st.st_size == 0) ||
	       (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3));
}

/* Reads one file into the bundle. Returns false when it is masked or failed. */
static bool add_file(struct collector *c, unsigned int kind, const char *name,
		     const char *path)
{
	struct stat st;
	char *data;
	uint32_t item;
	size_t n;
	int r;

	if (is_masked(path))
		return false;
	if (c->n_files++ >= AB_CONF_FILES_MAX) {
		if (c->n_files == AB_CONF_FILES_MAX + 1)
			say(c, AB_DIAG_ERROR, add_other(c, path),
			    "is one too many: at most %d files", AB_CONF_FILES_MAX);
		return false;
	}
	r = ab_file_read(AT_FDCWD, path, AB_CONF_FILE_MAX, &data, &n, &st);
	if (r) {
		say_unreadable(c, path, r);
		return false;
	}
	item = ab_bundle_add_file(&c->w, kind, name, path, data, n);
	free(data);
	if (has_bad_owner(&st))
		say_owner(c, item, &st);
	return true;
}

/* Path of @f, or false when it is too long or its name has odd characters. */
static bool make_path(struct collector *c, const struct found *f, char *path)
{
	if (snprintf(path, PATH_MAX, "%s/%s", f->dir, f->name) >= PATH_MAX) {
		say(c, AB_DIAG_ERROR, add_other(c, f->dir),
		    "has a path that is too long");
		return false;
	}
	if (is_file_name(f->name))
		return true;
	say(c, AB_DIAG_ERROR, add_other(c, path),
	    "has a name with other characters than A-Z a-z 0-9 . _ - + @: rename it");
	return false;
}

/* All *.conf of @dirs[0..n), strongest folder first. */
static void add_all(struct collector *c, unsigned int kind, char (*dirs)[PATH_MAX],
		    unsigned int n)
{
	struct listing l = { 0 };
	char path[PATH_MAX];
	unsigned int i;
	size_t k;

	for (i = 0; i < n; i++)
		list_folder(c, dirs[i], false, i, &l);
	settle(&l);
	for (k = 0; k < l.n; k++)
		if (make_path(c, &l.v[k], path))
			(void)add_file(c, kind, "", path);
	if (l.has_failed)
		c->w.has_failed = true;
	free_listing(&l);
}

/* "DIR/SUB" for each root that exists; returns how many. */
static unsigned int make_dirs(struct collector *c, const char *const *roots,
			      const char *sub, const char *name, char (*dirs)[PATH_MAX])
{
	unsigned int i, n = 0;

	for (i = 0; i < ROOTS_MAX; i++) {
		if (!roots[i])
			continue;
		if (snprintf(dirs[n], PATH_MAX, "%s/%s%s", roots[i], sub, name) <
		    PATH_MAX)
			n++;
		else
			say(c, AB_DIAG_ERROR, AB_DIAG_NO_FILE, "a path is too long");
	}
	return n;
}

/* --- secrets ---------------------------------------------------------------------- */

static uint32_t add_chap(struct collector *c, const char *name, const char *path,
			 const char *word, const char *text)
{
	char buf[AB_CHAP_WHY + 16];
	int n = snprintf(buf, sizeof(buf), "%s %s", word, text);

	return ab_bundle_add_file(&c->w, AB_BUNDLE_CHAP, name, path, buf, (size_t)n);
}

/* Another one whenever the file is changed; says nothing about what stands in it. */
static void make_stamp(const struct stat *st, char *buf, size_t size)
{
	(void)snprintf(buf, size, "%llu %lld %lld.%09ld %lld.%09ld",
		       (unsigned long long)st->st_ino, (long long)st->st_size,
		       (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
		       (long long)st->st_ctim.tv_sec, st->st_ctim.tv_nsec);
}

/* Looks whether the store could use it; the secret itself is forgotten again. */
static void look_at_chap(struct collector *c, int dirfd, const char *name,
			 const char *path)
{
	char buf[AB_CHAP_WHY];
	struct ab_chap chap;
	struct stat st;
	struct ab_text why;
	bool is_exposed;
	int fd = openat(dirfd, name, AB_CHAP_OPEN_FLAGS);

	if (fd < 0 || fstat(fd, &st) < 0) {
		(void)add_chap(c, name, path, errno == EACCES ? "unseen" : "refused",
			       errno == EACCES	? "only root may: run this as root"
			       : errno == ELOOP ? "is a symbolic link: make it a file"
						: strerror(errno));
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	ab_text_init(&why, buf, sizeof(buf));
	is_exposed = ab_chap_is_exposed(&st, &why);
	if (is_exposed && c->roots->is_lenient) {
		say(c, AB_DIAG_WARNING, add_other(c, path), "%s", buf);
		is_exposed = false;
		ab_text_init(&why, buf, sizeof(buf));
	}
	if (is_exposed || ab_chap_read(fd, &chap, &why)) {
		(void)add_chap(c, name, path, "refused", buf);
	} else {
		ab_chap_wipe(&chap);
		make_stamp(&st, buf, sizeof(buf));
		(void)add_chap(c, name, path, "good", buf);
	}
	(void)close(fd); /* only read */
}

/* Files whose names no Chap can have are somebody's notes or backups. */
static void list_chaps(struct collector *c, DIR *dir, const char *folder)
{
	char path[PATH_MAX];
	struct dirent *e;
	unsigned int n = 0;

	while ((e = readdir(dir))) {
		if (!ab_chap_is_name(e->d_name) ||
		    !ab_chap_path(folder, e->d_name, path))
			continue;
		if (n++ == CHAPS_MAX) {
			say(c, AB_DIAG_ERROR, add_other(c, folder),
			    "has more than %d files", CHAPS_MAX);
			return;
		}
		look_at_chap(c, dirfd(dir), e->d_name, path);
	}
}

static void add_chaps(struct collector *c)
{
	char folder[PATH_MAX];
	struct stat st;
	DIR *dir;

	if (!ab_chap_path(c->roots->etc, "chap", folder))
		return;
	dir = opendir(folder);
	if (!dir && errno == ENOENT && !c->roots->is_lenient) {
		(void)add_chap(c, "", folder, "good", "");
		return;
	}
	if (!dir) {
		(void)add_chap(c, "", folder,
			       errno == EACCES || errno == ENOENT ? "unseen"
								  : "refused",
			       errno == EACCES	 ? "only root may: run this as root"
			       : errno == ENOENT ? "it is not here, only on the host"
						 : strerror(errno));
		return;
	}
	if (fstat(dirfd(dir), &st) == 0 && has_bad_owner(&st))
		say_owner(c, add_other(c, folder), &st);
	(void)add_chap(c, "", folder, "good", "");
	list_chaps(c, dir, folder);
	(void)closedir(dir); /* read only */
}

/* --- the whole -------------------------------------------------------------------- */

static void add_globals(struct collector *c)
{
	const char *const roots[ROOTS_MAX] = { c->roots->etc };
	char path[PATH_MAX], dirs[ROOTS_MAX][PATH_MAX];
	struct found f = { .name = (char[]){ "autobind.conf" }, .dir = c->roots->etc };
	struct stat st;
	unsigned int n;

	if (!make_path(c, &f, path))
		return;
	if (lstat(path, &st) == 0)
		(void)add_file(c, AB_POLICY_GLOBAL, "", path);
	n = make_dirs(c, roots, "autobind.conf.d", "", dirs);
	add_all(c, AB_POLICY_GLOBAL, dirs, n);
}

static bool add_draft(struct collector *c, const char *name, const char *path)
{
	const struct ab_conf_draft *draft = c->roots->draft;

	(void)ab_bundle_add_file(&c->w, AB_POLICY_MAIN, name, path, draft->text,
				 strlen(draft->text));
	return true;
}

static void add_policy(struct collector *c, const struct found *f,
		       const char *const *roots)
{
	bool is_draft = c->roots->draft && ab_streq(f->name, c->roots->draft->name);
	char path[PATH_MAX], dirs[ROOTS_MAX][PATH_MAX], sub[NAME_MAX + 16];
	char name[AB_POLICY_NAME];
	unsigned int n;

	if (!make_path(c, f, path))
		return;
	if (!ab_copyn(name, sizeof(name), f->name, strlen(f->name) - strlen(".conf"))) {
		say(c, AB_DIAG_ERROR, add_other(c, path),
		    "has a name of more than 63 bytes: rename it");
		return;
	}
	if (!(is_draft ? add_draft(c, name, path)
		       : add_file(c, AB_POLICY_MAIN, name, path)))
		return;
	(void)snprintf(sub, sizeof(sub), "policy.d/%s", f->name); /* fits: NAME_MAX */
	n = make_dirs(c, roots, sub, ".d", dirs);
	add_all(c, AB_POLICY_DROPIN, dirs, n);
}

static bool has_policy(const struct listing *l, const char *name, size_t n)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (strlen(l->v[i].name) == n && strncmp(l->v[i].name, name, n) == 0)
			return true;
	return false;
}

/* A drop-in folder without its policy does nothing: probably a mistyped name. */
static void find_orphans(struct collector *c, const struct listing *l)
{
	char path[PATH_MAX];
	size_t i;

	for (i = 0; i < l->n; i++) {
		const struct found *f = &l->v[i];

		if (has_suffix(f->name, ".d") &&
		    !has_policy(l, f->name, strlen(f->name) - strlen(".d")) &&
		    make_path(c, f, path))
			say(c, AB_DIAG_WARNING, add_other(c, path),
			    "has drop-ins for a policy that does not exist");
	}
}

static void add_policies(struct collector *c)
{
	const char *const roots[ROOTS_MAX] = { c->roots->etc, c->roots->run,
					       c->roots->lib };
	char dirs[ROOTS_MAX][PATH_MAX];
	struct listing l = { 0 };
	unsigned int i, n = make_dirs(c, roots, "policy.d", "", dirs);
	size_t k;

	for (i = 0; i < n; i++)
		list_folder(c, dirs[i], true, i, &l);
	if (c->roots->draft)
		add_name(&l, c->roots->draft->name, dirs[0], 0);
	settle(&l);
	for (k = 0; k < l.n; k++)
		if (has_suffix(l.v[k].name, ".conf"))
			add_policy(c, &l.v[k], roots);
	find_orphans(c, &l);
	if (l.has_failed)
		c->w.has_failed = true;
	free_listing(&l);
}

static void add_excludes(struct collector *c)
{
	const char *const roots[ROOTS_MAX] = { c->roots->etc, c->roots->run };
	char dirs[ROOTS_MAX][PATH_MAX];
	unsigned int n = make_dirs(c, roots, "exclude.d", "", dirs);

	add_all(c, AB_POLICY_EXCLUDE, dirs, n);
}

int ab_conf_collect(const struct ab_conf_roots *roots, char **ret_data,
		    size_t *ret_size)
{
	struct collector c = { .roots = roots };
	DIR *etc = open_folder(&c, roots->etc);

	if (etc) {
		(void)closedir(etc); /* only its owner was of interest */
		add_globals(&c);
		add_policies(&c);
		add_excludes(&c);
		add_chaps(&c);
	} else if (!c.n_errors) {
		/* Not the same as an empty one: the disk may be away. */
		say(&c, AB_DIAG_ERROR, add_other(&c, roots->etc),
		    "does not exist: the configuration folder must be there, and may "
		    "be empty");
	}
	return ab_bundle_end(&c.w, ret_data, ret_size);
}
