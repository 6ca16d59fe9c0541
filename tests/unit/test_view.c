/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What people are told: every table and every explanation of the worlds in
 * tests/golden/plan, as rows in NAME.view; the words of notes and errors.
 * AB_UPDATE_GOLDENS=1 writes the goldens anew.
 */
#include "ab_test.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/health.h"
#include "core/name.h"
#include "core/proto.h"
#include "core/view.h"
#include "io/offline.h"

static char dir[] = "/tmp/ab-test-view.XXXXXX";

static int start(void **state)
{
	char path[64];

	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/policy.d", dir);
	return mkdir(path, 0755);
}

static int stop(void **state)
{
	char path[64];

	(void)state;
	snprintf(path, sizeof(path), "%s/policy.d/10-san.conf", dir);
	(void)unlink(path);
	snprintf(path, sizeof(path), "%s/policy.d", dir);
	(void)rmdir(path);
	return rmdir(dir);
}

static char *read_all(const char *path)
{
	char *text = calloc(1, 1 << 20);
	FILE *f = fopen(path, "re");

	assert_non_null(text);
	if (f) {
		assert_true(fread(text, 1, (1 << 20) - 1, f) < (1 << 20) - 1);
		fclose(f);
	}
	return text;
}

static void write_all(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

/* --- rows as text --- */

struct sink {
	FILE *f;
	uint32_t n;
};

static void put_text(FILE *f, const char *s)
{
	const char *at;

	/* The folder of this run has another name each time. */
	while ((at = strstr(s, dir))) {
		fprintf(f, "%.*sETC", (int)(at - s), s);
		s = at + strlen(dir);
	}
	fputs(s, f);
}

static void put_row(void *arg, const struct ab_row *row)
{
	struct sink *s = arg;
	uint32_t i;

	assert_false(row->cut);
	s->n++;
	fputs("  ", s->f);
	for (i = 0; i < row->n_cells; i++) {
		const struct ab_cell *c = &row->cells[i];

		fprintf(s->f, "%s%s=", i ? " | " : "", c->name);
		if (c->kind == AB_CELL_TEXT)
			put_text(s->f, row->text + c->text);
		else if (c->kind == AB_CELL_NULL)
			fputs("null", s->f);
		else
			fprintf(s->f, "%lld", (long long)c->number);
	}
	fputc('\n', s->f);
}

static struct ab_offline *open_world(const char *name)
{
	char path[256], text[512];
	struct ab_offline *o = NULL;
	struct ab_roots roots;
	struct ab_text message;
	char *conf;

	snprintf(path, sizeof(path), "%s.conf", name);
	conf = read_all(path);
	snprintf(path, sizeof(path), "%s/policy.d/10-san.conf", dir);
	write_all(path, conf);
	free(conf);
	ab_roots_init(&roots);
	assert_int_equal(ab_roots_set(&roots, AB_ROOT_CONFIG, dir), 0);
	assert_int_equal(ab_roots_finish(&roots), 0);
	snprintf(path, sizeof(path), "%s.world", name);
	ab_text_init(&message, text, sizeof(text));
	if (ab_offline_world(&roots, path, &message, &o))
		fail_msg("%s", text);
	return o;
}

/* --- everything there is to see in a world --- */

static uint32_t all_ifaces(const struct ab_view *v, const char *port)
{
	(void)port;
	return ab_view_ifaces(v);
}

static uint32_t all_portals(const struct ab_view *v, const char *port)
{
	(void)port;
	return ab_view_portals(v);
}

static uint32_t all_missing(const struct ab_view *v, const char *port)
{
	(void)port;
	return ab_view_missing(v, &(struct ab_scope){ .port = "" });
}

static const struct {
	const char *name;
	uint32_t (*fn)(const struct ab_view *v, const char *port);
} tables[] = {
	{ "ports", ab_view_ports }, { "ifaces", all_ifaces },
	{ "portals", all_portals }, { "paths", ab_view_paths },
	{ "nodes", ab_view_nodes }, { "missing", all_missing },
};

static void explain_port(void *arg, const struct ab_row *port)
{
	static const char *const objects[] = { "10.0.0.9",
					       "iqn.2026-01.org.example:a" };
	struct ab_view v = *(struct ab_view *)arg;
	struct sink *s = v.arg;
	unsigned int i;

	v.fn = put_row;
	fprintf(s->f, "explain %s\n", ab_row_get(port, "port"));
	assert_int_equal(ab_view_explain(&v, ab_row_get(port, "port"), NULL), 0);
	for (i = 0; i < AB_COUNT(objects); i++) {
		fprintf(s->f, "explain %s %s\n", ab_row_get(port, "port"), objects[i]);
		if (ab_view_explain(&v, ab_row_get(port, "port"), objects[i]))
			fputs("  unknown\n", s->f);
	}
}

static char *describe(const struct ab_offline *o)
{
	struct ab_view v = ab_offline_view(o), ports;
	struct sink s = { 0 };
	struct ab_row row;
	char *text = NULL;
	uint32_t told;
	size_t n, i;

	s.f = open_memstream(&text, &n);
	assert_non_null(s.f);
	v.fn = put_row;
	v.arg = &s;
	ab_row_clear(&row);
	ab_view_head(&v, &row);
	fputs("head\n", s.f);
	put_row(&s, &row);
	for (i = 0; i < AB_COUNT(tables); i++) {
		fprintf(s.f, "%s\n", tables[i].name);
		s.n = 0;
		told = tables[i].fn(&v, NULL);
		assert_int_equal(told, s.n);
	}
	ports = v;
	ports.fn = explain_port;
	ports.arg = &v;
	(void)ab_view_ports(&ports, NULL);
	assert_int_equal(ab_view_explain(&v, "eth77", NULL), -ENODEV);
	fclose(s.f);
	return text;
}

static void each_world(void (*fn)(const char *name))
{
	glob_t g;
	size_t i;

	assert_int_equal(glob("tests/golden/plan/*.world", 0, NULL, &g), 0);
	assert_true(g.gl_pathc >= 8);
	for (i = 0; i < g.gl_pathc; i++) {
		char *name = strdup(g.gl_pathv[i]);

		assert_non_null(name);
		*strrchr(name, '.') = '\0';
		fn(name);
		free(name);
	}
	globfree(&g);
}

static void check_golden(const char *name)
{
	struct ab_offline *o = open_world(name);
	char path[256], *text = describe(o), *golden;

	snprintf(path, sizeof(path), "%s.view", name);
	if (getenv("AB_UPDATE_GOLDENS"))
		write_all(path, text);
	golden = read_all(path);
	if (strcmp(golden, text) != 0)
		fail_msg("%s differs; now:\n%s", path, text);
	free(golden);
	free(text);
	(void)ab_offline_free(o);
}

static void worlds_are_told_as_in_the_goldens(void **state)
{
	(void)state;
	each_world(check_golden);
}

/* --- pieces --- */

static void check_pieces(const char *name)
{
	struct ab_offline *o = open_world(name);
	struct ab_view v = ab_offline_view(o);
	size_t i;

	for (i = 0; i < AB_COUNT(tables); i++) {
		struct sink whole = { 0 }, pieces = { 0 };
		char *a = NULL, *b = NULL;
		size_t na, nb;

		whole.f = open_memstream(&a, &na);
		pieces.f = open_memstream(&b, &nb);
		assert_true(whole.f && pieces.f);
		v.fn = put_row;
		v.arg = &whole;
		v.first = v.max = 0;
		(void)tables[i].fn(&v, NULL);
		v.arg = &pieces;
		for (v.max = 1; tables[i].fn(&v, NULL) == v.first + v.max; v.first++)
			assert_int_equal(pieces.n, v.first + 1);
		fclose(whole.f);
		fclose(pieces.f);
		assert_string_equal(a, b);
		free(a);
		free(b);
	}
	(void)ab_offline_free(o);
}

static void tables_in_pieces_are_the_same_tables(void **state)
{
	(void)state;
	each_world(check_pieces);
}

/* --- notes --- */

static void note_text(char *buf, size_t size, const struct ab_effect *note)
{
	struct ab_text t;

	ab_text_init(&t, buf, size);
	ab_view_note_text(&t, note);
	assert_false(t.cut);
}

static void notes_are_sentences(void **state)
{
	static const struct {
		uint8_t what;
		int32_t code;
		const char *port, *portal, *name, *text;
	} rows[] = {
		{ AB_NOTE_PORT_TAKEN, 0, "eth0", NULL, "10-san",
		  "eth0: taken by policy 10-san" },
		{ AB_NOTE_PORT_RENAMED, 0, "eth0", NULL, "et%0A5",
		  "eth0: renamed to et%250A5" },
		{ AB_NOTE_PATH_UP, 0, "eth0", "10.0.0.9", NULL,
		  "eth0: 10.0.0.9:3260 answers" },
		{ AB_NOTE_PATH_DOWN, AB_PATH_NOCARRIER, "eth0", "fd00::9", NULL,
		  "eth0: [fd00::9]:3260 lost (NOCARRIER)" },
		{ AB_NOTE_FOUND, 1, "eth0", "10.0.0.9", NULL,
		  "eth0: 10.0.0.9:3260 discovered 1 binding" },
		{ AB_NOTE_DISCOVERY_FAILED, AB_DISCOVERY_AUTH, "eth0", "10.0.0.9", NULL,
		  "eth0: 10.0.0.9:3260 discovery failed: the target wants CHAP: set "
		  "Chap in [Portals]; asked "
		  "again, less and less often" },
		{ AB_NOTE_DISCOVERY_FAILED, -ENOENT, "eth0", "10.0.0.9", NULL,
		  "eth0: 10.0.0.9:3260 discovery failed: the program does not exist; "
		  "asked again, less and less often" },
		{ AB_NOTE_LOGIN_FAILED, -ENOENT, "eth0", "10.0.0.9",
		  "iqn.2026-01.org:a",
		  "eth0: 10.0.0.9:3260 login failed to iqn.2026-01.org:a: iscsiadm: "
		  "the program does not exist" },
		{ AB_NOTE_LOGIN_FAILED, -ECHILD, "eth0", "10.0.0.9",
		  "iqn.2026-01.org:a",
		  "eth0: 10.0.0.9:3260 login failed to iqn.2026-01.org:a: iscsiadm: "
		  "the program was ended by a signal; see the log" },
		{ AB_NOTE_WRITE_FAILED, ENOSPC, "", NULL, "ab-eth0",
		  "ab-eth0: writing the record failed: no space left on the disk" },
		{ AB_NOTE_WRITE_FAILED, -ENOMEM, "", NULL, "ab-eth0",
		  "ab-eth0: writing the record failed: out of memory" },
		{ AB_NOTE_HELD, 0, "", "10.0.0.9", "iqn.2026-01.org:a",
		  "iqn.2026-01.org:a 10.0.0.9:3260: removed by somebody, held until "
		  "`autobind apply`" },
		{ AB_NOTE_LIMIT, 3, "eth0", NULL, NULL,
		  "eth0: portals left out by MaxPortals: 3" },
	};
	char buf[512];
	size_t i;

	(void)state;
	for (i = 0; i < AB_COUNT(rows); i++) {
		struct ab_effect ef = { .type = AB_EF_NOTE };

		ef.note.what = rows[i].what;
		ef.note.code = rows[i].code;
		(void)ab_copy(ef.note.port, sizeof(ef.note.port), rows[i].port);
		if (rows[i].portal)
			assert_int_equal(
				ab_name_parse_portal(rows[i].portal, &ef.note.portal),
				0);
		if (rows[i].name)
			(void)ab_copy(ef.note.name, sizeof(ef.note.name), rows[i].name);
		note_text(buf, sizeof(buf), &ef);
		assert_string_equal(buf, rows[i].text);
	}
}

static void every_code_of_a_discovery_has_words(void **state)
{
	struct ab_effect ef = { .type = AB_EF_NOTE };
	char buf[512];
	int code;

	(void)state;
	ef.note.what = AB_NOTE_DISCOVERY_FAILED;
	for (code = AB_DISCOVERY_USAGE; code < AB_DISCOVERY_CODE_MAX; code++) {
		ef.note.code = code;
		note_text(buf, sizeof(buf), &ef);
		if (strpbrk(buf, "0123456789") && code != AB_DISCOVERY_PROTOCOL)
			fail_msg("code %d is a number: %s", code, buf);
	}
	/* What nobody has foreseen is told by its number, not hidden. */
	ef.note.code = -12345;
	note_text(buf, sizeof(buf), &ef);
	assert_non_null(strstr(buf, "error 12345"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(worlds_are_told_as_in_the_goldens),
		cmocka_unit_test(tables_in_pieces_are_the_same_tables),
		cmocka_unit_test(notes_are_sentences),
		cmocka_unit_test(every_code_of_a_discovery_has_words),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
