/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The half that understands a bundle; io/conf_collect.c makes it.
 *
 * A file's way: core/scan (syntax, lines) -> memfd -> iniparser_load() -> every key and
 * value compared with the scan -> core/policy. iniparser 4.1 turns an unreadable file
 * into an empty one, merges duplicates and cuts values; what the scan lets through is
 * read alike by both, and the comparison makes sure of it.
 */
#include "io/conf.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <iniparser/iniparser.h>

#include "core/scan.h"
#include "io/conf_bundle.h"
#include "util/text.h"

/* What iniparser had to say about the file that is being loaded. Its callback takes no
 * argument, so this is the one place for it; the loop has one thread. */
static char ini_message[160];

__attribute__((format(printf, 1, 2))) static int keep_message(const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(ini_message, sizeof(ini_message), fmt, ap);
	va_end(ap);
	ini_message[strcspn(ini_message, "\n")] = '\0';
	return n;
}

/* --- iniparser as second opinion ------------------------------------------------ */

static int load_ini(const char *data, size_t n, dictionary **ret_dict)
{
	char path[40];
	size_t done = 0;
	int fd = memfd_create("autobind-conf", MFD_CLOEXEC), r = 0;

	if (fd < 0)
		return -errno;
	while (done < n && r == 0) {
		ssize_t part = write(fd, data + done, n - done);

		if (part >= 0)
			done += (size_t)part;
		else if (errno != EINTR)
			r = -errno;
	}
	if (r == 0) {
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		ini_message[0] = '\0';
		iniparser_set_error_callback(keep_message);
		*ret_dict = iniparser_load(path);
		iniparser_set_error_callback(NULL);
	}
	(void)close(fd); /* memory only */
	return r;
}

/* Only iniparser_getstring() is safe for every key (CVE-2023-33461). */
static bool same_entry(const dictionary *dict, const struct ab_scan_entry *e)
{
	char name[AB_SCAN_SECTION + AB_SCAN_KEY + 2];
	const char *value;

	(void)snprintf(name, sizeof(name), "%s%s%s", e->section, e->key ? ":" : "",
		       e->key ? e->key : "");
	if (!e->key)
		return iniparser_find_entry(dict, name);
	value = iniparser_getstring(dict, name, NULL);
	return value && ab_streq(value, e->value);
}

/* Compares all that the scan found with what iniparser reads. */
static int cross_check(const struct ab_bundle_item *item, uint32_t file,
		       const struct ab_scan_entry *entries, uint32_t n,
		       struct ab_diags *diags)
{
	dictionary *dict = NULL;
	uint32_t i = 0;
	int r = load_ini(item->data, item->size, &dict);

	if (r)
		return r;
	while (dict && i < n && same_entry(dict, &entries[i]))
		i++;
	if (!dict)
		ab_diag_error(diags, file, 0,
			      "the INI library cannot read this: ", ini_message);
	else if (i < n)
		ab_diag_error(diags, file, entries[i].line,
			      "the INI library reads this line differently: write it "
			      "in a simpler way");
	else if (dict->n < 0 || (uint32_t)dict->n != n)
		ab_diag_error(diags, file, 0,
			      "the INI library finds other sections and keys than "
			      "stand here");
	if (dict)
		iniparser_freedict(dict);
	return 0;
}

/* --- building --------------------------------------------------------------------- */

struct building {
	struct ab_conf *conf;
	const struct ab_bundle *bundle;
	char *text; /* owned; copy of the bundle that the scan cuts into strings */
	struct ab_scan_entry *entries;	  /* owned */
	struct ab_policy_source *sources; /* owned */
	uint32_t n_sources;
	struct ab_policy_chap *chaps; /* owned */
	uint32_t n_chaps;
	bool is_partial;
};

/* "good STAMP", "refused WHY", "unseen WHY"; cut into strings where it stands. */
static void take_chap(struct building *b, const struct ab_bundle_item *item)
{
	char *text = b->text + item->offset, *blank;
	struct ab_policy_chap *chap = &b->chaps[b->n_chaps++];

	text[item->size] = '\0'; /* over the newline behind it */
	blank = strchr(text, ' ');
	*chap = (struct ab_policy_chap){ .name = item->name,
					 .path = item->path,
					 .state = AB_CHAP_UNSEEN,
					 .why = "",
					 .stamp = "" };
	if (!blank)
		return;
	*blank = '\0';
	if (ab_streq(text, "good")) {
		chap->state = AB_CHAP_GOOD;
		chap->stamp = blank + 1;
		return;
	}
	if (ab_streq(text, "refused"))
		chap->state = AB_CHAP_REFUSED;
	chap->why = blank + 1;
}

/* Scans item @i; a good file becomes a source. */
static int scan_item(struct building *b, struct ab_scan_list *list, uint32_t i)
{
	const struct ab_bundle_item *item = &b->bundle->items[i];
	uint32_t first = list->n;
	int r;

	if (item->kind == AB_BUNDLE_CHAP)
		take_chap(b, item);
	if (item->kind >= AB_BUNDLE_OTHER)
		return 0;
	/* In the copy, the byte behind the file's content may be overwritten. */
	if (ab_scan(b->text + item->offset, item->size, i, list, &b->conf->diags)) {
		list->n = first;
		b->is_partial = true;
		return 0;
	}
	r = cross_check(item, i, list->v + first, list->n - first, &b->conf->diags);
	if (r)
		return r;
	b->sources[b->n_sources++] =
		(struct ab_policy_source){ .kind = item->kind,
					   .file = i,
					   .name = item->name,
					   .entries = list->v + first,
					   .n_entries = list->n - first };
	return 0;
}

static void take_messages(struct building *b)
{
	uint32_t i;

	for (i = 0; i < b->bundle->n_messages; i++) {
		const struct ab_bundle_message *m = &b->bundle->messages[i];
		struct ab_text t =
			ab_diag_begin(&b->conf->diags,
				      (enum ab_diag_severity)m->severity, m->item, 0);

		ab_text_add(&t, m->text);
	}
}

static int make_set(struct building *b, const struct ab_policy_set *previous)
{
	struct ab_conf *conf = b->conf;
	struct ab_policy_input in = { .sources = b->sources,
				      .n_sources = b->n_sources,
				      .files = (const char *const *)conf->files,
				      .n_files = conf->n_files,
				      .chaps = b->chaps,
				      .n_chaps = b->n_chaps,
				      .previous = previous,
				      .is_partial = b->is_partial ||
						    conf->diags.n_errors > 0 };
	size_t size;

	if (ab_policy_check(&in, &conf->diags, &size))
		return 0;
	conf->block = malloc(size);
	if (!conf->block)
		return -ENOMEM;
	conf->set = ab_policy_build(&in, conf->block, &conf->diags);
	return 0;
}

static int copy_files(struct building *b)
{
	struct ab_conf *conf = b->conf;
	uint32_t i;

	conf->files = calloc(b->bundle->n_items + 1, sizeof(*conf->files));
	if (!conf->files)
		return -ENOMEM;
	for (i = 0; i < b->bundle->n_items; i++) {
		conf->files[i] = strdup(b->bundle->items[i].path);
		if (!conf->files[i])
			return -ENOMEM;
		conf->n_files++;
	}
	return 0;
}

static int build(struct building *b, const struct ab_policy_set *previous)
{
	struct ab_scan_list list = { .v = b->entries, .max = AB_CONF_ENTRIES_MAX };
	uint32_t i;
	int r = copy_files(b);

	if (r)
		return r;
	take_messages(b);
	for (i = 0; i < b->bundle->n_items; i++) {
		r = scan_item(b, &list, i);
		if (r)
			return r;
	}
	r = make_set(b, previous);
	ab_diags_sort(&b->conf->diags);
	return r;
}

static struct ab_conf *conf_new(void)
{
	struct ab_conf *conf = calloc(1, sizeof(*conf));
	struct ab_diag *v = calloc(AB_CONF_DIAGS_MAX, sizeof(*v));

	if (!conf || !v) {
		free(conf);
		free(v);
		return NULL;
	}
	ab_diags_init(&conf->diags, v, AB_CONF_DIAGS_MAX);
	return conf;
}

int ab_conf_build(const char *bundle, size_t n, const struct ab_policy_set *previous,
		  struct ab_conf **ret_conf)
{
	struct building b = { 0 };
	struct ab_bundle parsed;
	int r = ab_bundle_parse(bundle, n, &parsed);

	if (r)
		return r;
	b.bundle = &parsed;
	b.conf = conf_new();
	b.text = malloc(n + 1);
	b.entries = calloc(AB_CONF_ENTRIES_MAX, sizeof(*b.entries));
	b.sources = calloc(parsed.n_items + 1, sizeof(*b.sources));
	b.chaps = calloc(parsed.n_items + 1, sizeof(*b.chaps));
	if (b.conf && b.text && b.entries && b.sources && b.chaps) {
		memcpy(b.text, bundle, n);
		b.text[n] = '\0';
		r = build(&b, previous);
	} else {
		r = -ENOMEM;
	}
	free(b.text);
	free(b.entries);
	free(b.sources);
	free(b.chaps);
	ab_bundle_fini(&parsed);
	if (r) {
		(void)ab_conf_free(b.conf);
		return r;
	}
	*ret_conf = b.conf;
	return 0;
}

struct ab_conf *ab_conf_free(struct ab_conf *conf)
{
	uint32_t i;

	if (!conf)
		return NULL;
	for (i = 0; i < conf->n_files; i++)
		free(conf->files[i]);
	free(conf->files);
	free(conf->diags.v);
	free(conf->block);
	free(conf);
	return NULL;
}

const char *ab_conf_path(const struct ab_conf *conf, const struct ab_diag *diag)
{
	return diag->file < conf->n_files ? conf->files[diag->file] : NULL;
}

static uint32_t count_logins(const struct ab_policy_set *set)
{
	uint32_t i, n = 0;

	for (i = 0; set && i < set->n_policies; i++)
		n += set->policies[i].action == AB_ACTION_LOGIN;
	return n;
}

int ab_conf_check(const struct ab_conf_roots *roots, ab_conf_diag_fn *fn, void *arg,
		  uint32_t *ret_n_policies, uint32_t *ret_n_logins)
{
	struct ab_conf *conf;
	char *data;
	size_t size;
	uint32_t i;
	int r = ab_conf_collect(roots, &data, &size);

	if (r)
		return r;
	r = ab_conf_build(data, size, NULL, &conf);
	free(data);
	assert(r <= 0); /* the bundle is our own */
	if (r)
		return r;
	for (i = 0; i < conf->diags.n; i++)
		fn(arg, ab_conf_path(conf, &conf->diags.v[i]), &conf->diags.v[i]);
	r = conf->set ? 0 : 1;
	if (ret_n_policies)
		*ret_n_policies = conf->set ? conf->set->n_policies : 0;
	if (ret_n_logins)
		*ret_n_logins = count_logins(conf->set);
	(void)ab_conf_free(conf);
	return r;
}

void ab_conf_add_errors(struct ab_text *t, const struct ab_conf *conf)
{
	uint32_t i;

	for (i = 0; i < conf->diags.n; i++) {
		const struct ab_diag *d = &conf->diags.v[i];
		const char *path = ab_conf_path(conf, d);

		if (d->severity != AB_DIAG_ERROR)
			continue;
		if (t->len && t->buf[t->len - 1] != '\n')
			ab_text_addc(t, '\n');
		ab_text_add(t, path ? path : "configuration");
		if (d->line) {
			ab_text_addc(t, ':');
			ab_text_addu(t, d->line);
		}
		ab_text_add(t, ": error: ");
		ab_text_add(t, d->text);
	}
}
