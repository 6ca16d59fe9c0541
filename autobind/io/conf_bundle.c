/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/conf_bundle.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "io/conf.h"
#include "util/hash.h"
#include "util/num.h"
#include "util/text.h"

#define HEADER "autobind-bundle 1\n"
#define END_MAX 40     /* bytes of the last line */
#define ITEMS_MAX 1024 /* files, secrets, and folders with something wrong */
#define MESSAGES_MAX 256
#define ESCAPED_MAX (3 * PATH_MAX)

static const char *const kind_words[] = {
	[AB_POLICY_GLOBAL] = "global", [AB_POLICY_MAIN] = "policy",
	[AB_POLICY_DROPIN] = "dropin", [AB_POLICY_EXCLUDE] = "exclude",
	[AB_BUNDLE_OTHER] = "other",   [AB_BUNDLE_CHAP] = "chap",
};

/* --- writing ---------------------------------------------------------------------- */

static void put(struct ab_bundle_writer *w, const char *data, size_t n)
{
	size_t max = w->max ? w->max : 4096;
	char *larger;

	while (max - w->n < n)
		max *= 2;
	if (max != w->max && !w->has_failed) {
		larger = realloc(w->data, max);
		if (larger) {
			w->data = larger;
			w->max = max;
		}
		w->has_failed = !larger;
	}
	if (w->has_failed)
		return;
	if (n)
		memcpy(w->data + w->n, data, n);
	w->n += n;
}

static void put_text(struct ab_bundle_writer *w, const char *s)
{
	put(w, s, strlen(s));
}

static void put_escaped(struct ab_bundle_writer *w, const char *s)
{
	char buf[ESCAPED_MAX];
	struct ab_text t;

	ab_text_init(&t, buf, sizeof(buf));
	ab_text_add_escaped(&t, s, strlen(s));
	put(w, t.buf, t.len);
}

static void put_number(struct ab_bundle_writer *w, uint64_t v)
{
	char buf[24];
	struct ab_text t;

	ab_text_init(&t, buf, sizeof(buf));
	ab_text_addu(&t, v);
	put(w, t.buf, t.len);
}

static void put_header(struct ab_bundle_writer *w)
{
	if (!w->n)
		put_text(w, HEADER);
}

uint32_t ab_bundle_add_file(struct ab_bundle_writer *w, unsigned int kind,
			    const char *name, const char *path, const char *data,
			    size_t n)
{
	put_header(w);
	put_text(w, "file ");
	put_text(w, kind_words[kind]);
	put_text(w, " ");
	put_escaped(w, *name ? name : "-");
	put_text(w, " ");
	put_escaped(w, path);
	put_text(w, " ");
	put_number(w, n);
	put_text(w, "\n");
	put(w, data, n);
	put_text(w, "\n");
	w->n_lines++;
	return w->n_items++;
}

void ab_bundle_add_message(struct ab_bundle_writer *w, enum ab_diag_severity severity,
			   uint32_t item, const char *text)
{
	put_header(w);
	put_text(w, severity == AB_DIAG_ERROR ? "message error " : "message warning ");
	if (item == AB_DIAG_NO_FILE)
		put_text(w, "-");
	else
		put_number(w, item);
	put_text(w, " ");
	put_escaped(w, text);
	put_text(w, "\n");
	w->n_lines++;
}

int ab_bundle_end(struct ab_bundle_writer *w, char **ret_data, size_t *ret_size)
{
	char buf[END_MAX];
	struct ab_text t;

	put_header(w);
	ab_text_init(&t, buf, sizeof(buf));
	ab_text_add(&t, "end ");
	ab_text_addu(&t, w->n_lines);
	ab_text_addc(&t, ' ');
	if (!w->has_failed)
		ab_text_addx(&t, ab_crc32c(0, w->data, w->n), 8);
	ab_text_addc(&t, '\n');
	put(w, t.buf, t.len);
	if (w->has_failed) {
		free(w->data);
		w->data = NULL;
		return -ENOMEM;
	}
	*ret_data = w->data;
	*ret_size = w->n;
	w->data = NULL;
	return 0;
}

/* --- reading ---------------------------------------------------------------------- */

struct reader {
	const char *start, *p, *end;
	struct ab_bundle *bundle;
	uint32_t n_lines;
};

/* The next word of the line, unescaped; @last: a newline must follow, else a blank. */
static int take_word(struct reader *r, char *word, size_t size, bool last)
{
	const char *p = r->p,
		   *stop = memchr(p, last ? '\n' : ' ', (size_t)(r->end - p));

	if (!stop || memchr(p, last ? ' ' : '\n', (size_t)(stop - p)) || stop == p ||
	    ab_text_unescape(p, (size_t)(stop - p), word, size) < 0)
		return AB_CONF_E_BUNDLE;
	r->p = stop + 1;
	return 0;
}

static int take_number(struct reader *r, uint64_t max, bool last, uint64_t *ret)
{
	char word[24];

	return take_word(r, word, sizeof(word), last) || ab_num_u64(word, 0, max, ret)
		       ? AB_CONF_E_BUNDLE
		       : 0;
}

static int kind_of(const char *word, uint8_t *ret_kind)
{
	uint8_t i;

	for (i = 0; i <= AB_BUNDLE_CHAP; i++) {
		if (!ab_streq(kind_words[i], word))
			continue;
		*ret_kind = i;
		return 0;
	}
	return AB_CONF_E_BUNDLE;
}

static bool is_placed(const struct ab_bundle *b, unsigned int kind)
{
	unsigned int last = AB_POLICY_GLOBAL;
	uint32_t i;

	for (i = 0; i < b->n_items; i++)
		if (b->items[i].kind < AB_BUNDLE_OTHER)
			last = b->items[i].kind;
	if (kind == AB_POLICY_GLOBAL)
		return last == AB_POLICY_GLOBAL;
	if (kind == AB_POLICY_DROPIN)
		return last == AB_POLICY_MAIN || last == AB_POLICY_DROPIN;
	return kind == AB_POLICY_EXCLUDE || kind >= AB_BUNDLE_OTHER ||
	       last != AB_POLICY_EXCLUDE;
}

static int take_file(struct reader *r)
{
	char kind[16], name[AB_POLICY_NAME], path[PATH_MAX];
	struct ab_bundle *b = r->bundle;
	struct ab_bundle_item *item = &b->items[b->n_items];
	uint64_t size;

	if (b->n_items == ITEMS_MAX || take_word(r, kind, sizeof(kind), false) ||
	    take_word(r, name, sizeof(name), false) ||
	    take_word(r, path, sizeof(path), false) ||
	    take_number(r, AB_CONF_FILE_MAX, true, &size) ||
	    kind_of(kind, &item->kind) || !is_placed(b, item->kind) ||
	    (uint64_t)(r->end - r->p) <= size || r->p[size] != '\n')
		return AB_CONF_E_BUNDLE;
	item->name = strdup(ab_streq(name, "-") ? "" : name);
	item->path = strdup(path);
	item->data = r->p;
	item->offset = (size_t)(r->p - r->start);
	item->size = (size_t)size;
	b->n_items++;
	r->p += size + 1;
	return item->name && item->path ? 0 : -ENOMEM;
}

static int take_message(struct reader *r)
{
	struct ab_bundle *b = r->bundle;
	struct ab_bundle_message *m = &b->messages[b->n_messages];
	char severity[16];
	uint64_t item;

	if (b->n_messages == MESSAGES_MAX ||
	    take_word(r, severity, sizeof(severity), false))
		return AB_CONF_E_BUNDLE;
	m->severity = ab_streq(severity, "error") ? AB_DIAG_ERROR : AB_DIAG_WARNING;
	m->item = AB_DIAG_NO_FILE;
	if (r->end - r->p >= 2 && memcmp(r->p, "- ", 2) == 0) {
		r->p += 2;
	} else {
		if (take_number(r, ITEMS_MAX, false, &item) || item >= b->n_items)
			return AB_CONF_E_BUNDLE;
		m->item = (uint32_t)item;
	}
	b->n_messages++;
	return take_word(r, m->text, sizeof(m->text), true);
}

/* Takes the last line off and compares its sum. */
static int check_end(struct reader *r, uint64_t *ret_n_lines)
{
	const char *p = r->end;
	struct reader last = *r;
	struct ab_text t;
	char sum[16], want[16];

	if (p == r->start || p[-1] != '\n')
		return AB_CONF_E_BUNDLE;
	for (p--; p > r->start && p[-1] != '\n'; p--)
		;
	last.p = p + 4;
	if (last.end - p < 6 || memcmp(p, "end ", 4) != 0 ||
	    take_number(&last, UINT32_MAX, false, ret_n_lines) ||
	    take_word(&last, sum, sizeof(sum), true))
		return AB_CONF_E_BUNDLE;
	ab_text_init(&t, want, sizeof(want));
	ab_text_addx(&t, ab_crc32c(0, r->start, (size_t)(p - r->start)), 8);
	r->end = p;
	return ab_streq(sum, want) ? 0 : AB_CONF_E_BUNDLE;
}

static int take_lines(struct reader *r)
{
	uint64_t n_lines;
	char word[16];
	int e = check_end(r, &n_lines);

	if (e || (size_t)(r->end - r->p) < strlen(HEADER) ||
	    memcmp(r->p, HEADER, strlen(HEADER)) != 0)
		return AB_CONF_E_BUNDLE;
	for (r->p += strlen(HEADER); r->p < r->end && !e; r->n_lines++) {
		e = take_word(r, word, sizeof(word), false);
		if (!e && ab_streq(word, "file"))
			e = take_file(r);
		else if (!e && ab_streq(word, "message"))
			e = take_message(r);
		else
			e = AB_CONF_E_BUNDLE;
	}
	return !e && r->n_lines != n_lines ? AB_CONF_E_BUNDLE : e;
}

int ab_bundle_parse(const char *data, size_t n, struct ab_bundle *ret_bundle)
{
	struct ab_bundle b = { 0 };
	struct reader r = { .start = data, .p = data, .end = data + n, .bundle = &b };
	int e;

	b.items = calloc(ITEMS_MAX, sizeof(*b.items));
	b.messages = calloc(MESSAGES_MAX, sizeof(*b.messages));
	e = b.items && b.messages ? take_lines(&r) : -ENOMEM;
	if (e) {
		ab_bundle_fini(&b);
		return e;
	}
	*ret_bundle = b;
	return 0;
}

void ab_bundle_fini(struct ab_bundle *bundle)
{
	uint32_t i;

	for (i = 0; i < bundle->n_items; i++) {
		free(bundle->items[i].name);
		free(bundle->items[i].path);
	}
	free(bundle->items);
	free(bundle->messages);
	memset(bundle, 0, sizeof(*bundle));
}
