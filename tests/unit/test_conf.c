/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Real files in a folder of its own. Goldens: tests/golden/check/NAME.conf is checked
 * as a policy, NAME.ok has the messages; AB_UPDATE_GOLDENS=1 in the environment writes
 * them.
 */
#include "ab_test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/conf.h"
#include "io/file.h"

#define GOLDENS "tests/golden/check"

#define GOOD "[Match]\nName=eth0\n[Bind]\nAction=ignore\n"

static char base[64];
static char output[65536];
static struct ab_conf_roots roots;

static const char *path_of(const char *name)
{
	static char path[2 * PATH_MAX];

	assert_true(snprintf(path, sizeof(path), "%s/%s", base, name) <
		    (int)sizeof(path));
	return path;
}

static void put(const char *name, const char *text, size_t n)
{
	char dir[2 * PATH_MAX];
	FILE *f;

	(void)strcpy(dir, path_of(name));
	*strrchr(dir, '/') = '\0';
	assert_int_equal(ab_file_make_dirs(AT_FDCWD, dir, 0755), 0);
	f = fopen(path_of(name), "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static void put_text(const char *name, const char *text)
{
	put(name, text, strlen(text));
}

static int setup(void **state)
{
	(void)state;
	(void)umask(022);
	(void)snprintf(base, sizeof(base), "%s/autobind-conf-XXXXXX",
		       getenv("TMPDIR") && strlen(getenv("TMPDIR")) < 30
			       ? getenv("TMPDIR")
			       : "/tmp");
	if (!mkdtemp(base) || chmod(base, 0755) < 0)
		return -1;
	roots = (struct ab_conf_roots){ .etc = strdup(path_of("etc")),
					.run = strdup(path_of("run")),
					.lib = strdup(path_of("lib")) };
	return mkdir(roots.etc, 0755);
}

static int remove_one(const char *path, const struct stat *st, int flag,
		      struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static int teardown(void **state)
{
	(void)state;
	free((char *)(uintptr_t)roots.etc);
	free((char *)(uintptr_t)roots.run);
	free((char *)(uintptr_t)roots.lib);
	return nftw(base, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Messages as lines, paths without the test's folder. */
static void add_line(void *arg, const char *path, const struct ab_diag *diag)
{
	char line[PATH_MAX + AB_DIAG_TEXT];
	struct ab_text t;

	(void)arg;
	if (path && strncmp(path, base, strlen(base)) == 0)
		path += strlen(base) + 1;
	ab_text_init(&t, line, sizeof(line));
	ab_diag_format(&t, path, diag);
	assert_true(strlen(output) + t.len + 2 < sizeof(output));
	(void)strcat(strcat(output, line), "\n");
}

static int check(void)
{
	output[0] = '\0';
	return ab_conf_check(&roots, add_line, NULL, NULL, NULL);
}

static struct ab_conf *load(const struct ab_policy_set *previous)
{
	struct ab_conf *conf;
	char *data;
	size_t n;

	assert_int_equal(ab_conf_collect(&roots, &data, &n), 0);
	assert_int_equal(ab_conf_build(data, n, previous, &conf), 0);
	free(data);
	return conf;
}

/* --- which files count ------------------------------------------------------------ */

static void etc_wins_over_run_wins_over_lib(void **state)
{
	struct ab_conf *conf;

	(void)state;
	put_text("lib/policy.d/10-a.conf",
		 "[Match]\nName=lib\n[Bind]\nAction=ignore\n");
	put_text("run/policy.d/10-a.conf",
		 "[Match]\nName=run\n[Bind]\nAction=ignore\n");
	put_text("lib/policy.d/05-b.conf", "[Match]\nName=b\n[Bind]\nAction=ignore\n");
	put_text("lib/policy.d/20-c.conf", "[Match]\nName=c\n[Bind]\nAction=ignore\n");
	put_text("lib/policy.d/30-d.conf", "[Match]\nName=d\n[Bind]\nAction=ignore\n");
	put_text("etc/policy.d/15-e.conf", "[Match]\nName=e\n[Bind]\nAction=ignore\n");
	put_text("etc/policy.d/20-c.conf", "");
	assert_int_equal(symlink("/dev/null", path_of("etc/policy.d/30-d.conf")), 0);
	put_text("etc/policy.d/README", "not read\n");
	put_text("etc/policy.d/.hidden.conf", "not read\n");
	conf = load(NULL);
	assert_non_null(conf->set);
	assert_int_equal(conf->diags.n, 0);
	assert_int_equal(conf->set->n_policies, 3);
	assert_string_equal(conf->set->policies[0].name, "05-b");
	assert_string_equal(conf->set->policies[1].name, "10-a");
	assert_string_equal(
		conf->set->words[conf->set->policies[1].match_words[0].first].text,
		"run");
	assert_string_equal(conf->set->policies[2].name, "15-e");
	assert_string_equal(conf->set->files[conf->set->policies[1].file],
			    path_of("run/policy.d/10-a.conf"));
	(void)ab_conf_free(conf);
}

static void drop_ins_come_from_all_folders_in_name_order(void **state)
{
	struct ab_conf *conf;

	(void)state;
	put_text("etc/autobind.conf", "[General]\nFormat=1\n[Defaults]\nFall=4\n");
	put_text("etc/autobind.conf.d/x.conf", "[Defaults]\nRise=5\n");
	put_text("lib/policy.d/10-a.conf", GOOD);
	put_text("lib/policy.d/10-a.conf.d/20.conf", "[Bind]\nSettle=20s\n");
	put_text("etc/policy.d/10-a.conf.d/10.conf", "[Bind]\nSettle=10s\nRetire=1d\n");
	put_text("run/policy.d/10-a.conf.d/30.conf", "[Bind]\nRetire=3d\n");
	put_text("etc/policy.d/10-a.conf.d/30.conf", "[Bind]\nRetire=4d\n");
	put_text("etc/policy.d/10-aa.conf.d/30.conf", "[Bind]\nRetire=4d\n");
	put_text("run/exclude.d/m.conf", "[Exclude]\nPort=eth9\n");
	conf = load(NULL);
	assert_non_null(conf->set);
	assert_int_equal(conf->set->policies[0].settle_ms, 20000);
	assert_int_equal(conf->set->policies[0].retire_ms, 4 * 86400000);
	assert_int_equal(conf->set->policies[0].fall, 4);
	assert_int_equal(conf->set->policies[0].rise, 5);
	assert_int_equal(conf->set->n_excludes, 1);
	assert_int_equal(conf->diags.n, 1);
	assert_non_null(strstr(conf->diags.v[0].text, "policy that does not exist"));
	assert_string_equal(ab_conf_path(conf, &conf->diags.v[0]),
			    path_of("etc/policy.d/10-aa.conf.d"));
	(void)ab_conf_free(conf);
}

static void generations_follow_reloads(void **state)
{
	struct ab_conf *one, *two;

	(void)state;
	put_text("etc/policy.d/10-a.conf", GOOD);
	put_text("etc/policy.d/20-b.conf",
		 "[Match]\nName=eth1\n[Bind]\nAction=ignore\n");
	one = load(NULL);
	put_text("etc/policy.d/20-b.conf",
		 "[Match]\nName=eth2\n[Bind]\nAction=ignore\n");
	two = load(one->set);
	assert_int_equal(two->set->generation, 2);
	assert_int_equal(two->set->policies[0].changed_generation, 1);
	assert_int_equal(two->set->policies[1].changed_generation, 2);
	(void)ab_conf_free(one); /* nothing of it may be referred to any more */
	assert_string_equal(two->set->policies[0].name, "10-a");
	(void)ab_conf_free(two);
}

/* --- bad input -------------------------------------------------------------------- */

static void bad_files_refuse_the_whole(void **state)
{
	char *large = malloc(2 * 1024 * 1024);

	(void)state;
	assert_non_null(large);
	put_text("etc/policy.d/10-good.conf", GOOD);
	assert_int_equal(check(), 0);
	assert_string_equal(output, "");

	put_text("etc/policy.d/20-folder.conf/x", "");
	assert_int_equal(symlink("nowhere", path_of("etc/policy.d/21-dangling.conf")),
			 0);
	assert_int_equal(symlink("22-loop.conf", path_of("etc/policy.d/22-loop.conf")),
			 0);
	assert_int_equal(mkfifo(path_of("etc/policy.d/23-fifo.conf"), 0644), 0);
	memset(large, '#', 2 * 1024 * 1024);
	put("etc/policy.d/24-large.conf", large, 2 * 1024 * 1024);
	put("etc/policy.d/25-binary.conf", "\177ELF\2\1\1\0\0\0", 10);
	put_text("etc/policy.d/26-bad name.conf", GOOD);
	put_text("etc/policy.d/"
		 "27-a-name-that-is-much-too-long-for-a-policy-to-be-told-in-"
		 "tables.conf",
		 GOOD);
	assert_int_equal(check(), 1);
	assert_string_equal(
		output,
		"etc/policy.d/20-folder.conf: error: is not a regular file: remove it, "
		"or "
		"name it without .conf\n"
		"etc/policy.d/21-dangling.conf: error: is a link to nothing: remove or "
		"repair it\n"
		"etc/policy.d/22-loop.conf: error: cannot be read: Too many levels of "
		"symbolic links\n"
		"etc/policy.d/23-fifo.conf: error: is not a regular file: remove it, "
		"or "
		"name it without .conf\n"
		"etc/policy.d/24-large.conf: error: is larger than 256 KiB: a policy "
		"is a "
		"short text; is this another file?\n"
		"etc/policy.d/25-binary.conf: error: contains NUL bytes: not a text "
		"file\n"
		"etc/policy.d/26-bad name.conf: error: has a name with other "
		"characters "
		"than A-Z a-z 0-9 . _ - + @: rename it\n"
		"etc/policy.d/"
		"27-a-name-that-is-much-too-long-for-a-policy-to-be-told-in-tables."
		"conf: "
		"error: has a name of more than 63 bytes: rename it\n");
	free(large);
}

static void unreadable_files_and_folders_refuse_the_whole(void **state)
{
	int r;

	(void)state;
	if (geteuid() != 0)
		skip();
	put_text("etc/policy.d/10-secret.conf", GOOD);
	put_text("etc/exclude.d/x.conf", "[Exclude]\nPort=eth0\n");
	assert_int_equal(chmod(path_of("etc/policy.d/10-secret.conf"), 0600), 0);
	assert_int_equal(chmod(path_of("etc/exclude.d"), 0700), 0);
	assert_int_equal(seteuid(65534), 0);
	r = check();
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(r, 1);
	assert_string_equal(
		output, "etc/policy.d/10-secret.conf: error: cannot be read: "
			"Permission denied\n"
			"etc/exclude.d: error: cannot be read: Permission denied\n");
}

static void a_missing_folder_is_not_an_empty_one(void **state)
{
	(void)state;
	assert_int_equal(check(), 0);
	assert_int_equal(rmdir(roots.etc), 0);
	assert_int_equal(check(), 1);
	assert_non_null(strstr(output, "etc: error: does not exist"));
}

static void owners_and_modes_are_checked(void **state)
{
	static const struct {
		const char *what, *name, *want;
		uid_t uid;
		mode_t mode;
	} rows[] = {
		{ "file of a user", "etc/policy.d/10-a.conf", "belongs to user 1000",
		  1000, 0644 },
		{ "file for a group", "etc/policy.d/10-a.conf", "(mode 0664)", 0,
		  0664 },
		{ "file for all", "etc/policy.d/10-a.conf", "(mode 0646)", 0, 0646 },
		{ "folder of a user", "etc/policy.d", "belongs to user 1000", 1000,
		  0755 },
		{ "folder for all", "etc/policy.d", "(mode 1777)", 0, 01777 },
		{ "the root folder", "etc", "(mode 0775)", 0, 0775 },
		{ "drop-in folder", "etc/policy.d/10-a.conf.d", "(mode 0775)", 0,
		  0775 },
	};
	unsigned int i;
	char want[300];

	(void)state;
	if (geteuid() != 0)
		skip();
	put_text("etc/policy.d/10-a.conf", GOOD);
	put_text("etc/policy.d/10-a.conf.d/1.conf", "[Bind]\nRetire=4d\n");
	for (i = 0; i < AB_COUNT(rows); i++) {
		struct stat st;
		const char *path = path_of(rows[i].name);

		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(chown(path, rows[i].uid, 0), 0);
		assert_int_equal(chmod(path, rows[i].mode), 0);
		ab_assert_row(rows[i].what, check() == 1);
		(void)snprintf(want, sizeof(want), "%s: error: ", rows[i].name);
		ab_assert_row(rows[i].what, strstr(output, want));
		ab_assert_row(rows[i].what, strstr(output, rows[i].want));
		roots.is_lenient = true;
		ab_assert_row(rows[i].what, check() == 0);
		ab_assert_row(rows[i].what, strstr(output, ": warning: "));
		roots.is_lenient = false;
		path = path_of(rows[i].name);
		assert_int_equal(chown(path, 0, 0), 0);
		assert_int_equal(chmod(path, st.st_mode & 07777), 0);
	}
	assert_int_equal(check(), 0);
	assert_string_equal(output, "");
}

#define WITH_CHAP                                                                      \
	"[Match]\nName=eth0\n[Portals]\nDiscover=10.0.0.9\nTargets=*\nChap=%s\n"       \
	"[Bind]\nAction=record\nChap=%s\n"

static void put_chap_policy(const char *discovery, const char *session)
{
	char text[512];

	(void)snprintf(text, sizeof(text), WITH_CHAP, discovery, session);
	put_text("etc/policy.d/10-a.conf", text);
}

static void put_secret(const char *name, const char *text, mode_t mode)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "etc/chap/%s", name);
	put_text(path, text);
	assert_int_equal(chmod(path_of(path), mode), 0);
}

#define SECRET "username = me\npassword = TopSecret1\n"

static void secrets_that_a_policy_names_are_looked_at(void **state)
{
	(void)state;
	put_chap_policy("disc", "san1");
	assert_int_equal(check(), 1);
	assert_non_null(strstr(output, "10-a.conf:6: error: Chap = disc: "));
	assert_non_null(strstr(output, "/etc/chap has no such file: make one of mode "
				       "0600"));
	put_secret("disc", SECRET, 0600);
	put_secret("san1", SECRET, 0644);
	assert_int_equal(check(), 1);
	assert_null(strstr(output, "disc"));
	assert_non_null(strstr(output, "10-a.conf:9: error: Chap = san1: "));
	assert_non_null(strstr(output, "/etc/chap/san1 holds a secret and has mode "
				       "0644: chmod 600 it"));
	put_secret("san1", "username = me\nTopSecret1\n", 0600);
	assert_int_equal(check(), 1);
	assert_non_null(strstr(output, "/etc/chap/san1 line 2: "));
	assert_null(strstr(output, "TopSecret"));
	put_secret("san1", SECRET, 0600);
	put_secret("unused", "nonsense", 0666);
	assert_int_equal(check(), 0);
	assert_string_equal(output, "");

	/* Somebody else's folder of secrets is no secret. */
	assert_int_equal(chmod(path_of("etc/chap"), 0777), 0);
	assert_int_equal(check(), 1);
	assert_non_null(strstr(output, "etc/chap: error: can be written by others"));
}

static void secrets_that_cannot_be_seen_are_no_error(void **state)
{
	int r;

	(void)state;
	if (geteuid() != 0)
		skip();
	put_chap_policy("san1", "san1");
	roots.is_lenient = true; /* a folder of policies in somebody's repository */
	assert_int_equal(check(), 0);
	assert_non_null(strstr(output, "warning: Chap = san1: "));
	assert_non_null(strstr(output,
			       "etc/chap was not looked at: it is not here, only "
			       "on the host"));
	put_secret("san1", SECRET, 0644);
	assert_int_equal(check(), 0);
	assert_non_null(strstr(output, "etc/chap/san1: warning: holds a secret"));
	roots.is_lenient = false;
	assert_int_equal(chmod(path_of("etc/chap/san1"), 0600), 0);
	assert_int_equal(seteuid(65534), 0);
	r = check();
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(r, 0);
	assert_non_null(
		strstr(output, "etc/chap/san1 was not looked at: only root may"));
	assert_int_equal(chmod(path_of("etc/chap"), 0700), 0);
	assert_int_equal(seteuid(65534), 0);
	r = check();
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(r, 0);
	assert_non_null(strstr(output, "etc/chap was not looked at: only root may"));
}

static void a_changed_secret_is_a_changed_setting(void **state)
{
	struct ab_conf *one, *same, *other;
	const struct ab_policy *p, *q;
	char *data;
	size_t n;

	(void)state;
	put_chap_policy("disc", "san1");
	put_secret("disc", SECRET, 0600);
	put_secret("san1", SECRET, 0600);
	one = load(NULL);
	same = load(one->set);
	p = &one->set->policies[0];
	q = &same->set->policies[0];
	assert_int_not_equal(p->settings_hash, 0);
	assert_int_equal(p->settings_hash, q->settings_hash);
	assert_int_equal(p->discovery_chap_mark, q->discovery_chap_mark);
	assert_int_equal(q->changed_generation, 1);
	put_secret("san1", "username = me\npassword = TopSecret2x\n", 0600);
	other = load(same->set);
	q = &other->set->policies[0];
	assert_int_not_equal(p->settings_hash, q->settings_hash);
	assert_int_equal(p->discovery_chap_mark, q->discovery_chap_mark);
	assert_int_equal(q->changed_generation, 1); /* the text is the same */

	/* What is kept and travels has names and stamps. */
	assert_int_equal(ab_conf_collect(&roots, &data, &n), 0);
	assert_non_null(memmem(data, n, "chap/san1 ", 10));
	assert_null(memmem(data, n, "TopSecret", 9));
	free(data);
	(void)ab_conf_free(other);
	(void)ab_conf_free(same);
	(void)ab_conf_free(one);
}

static void chap_and_node_keys_of_it_contradict(void **state)
{
	(void)state;
	put_text("etc/policy.d/10-a.conf",
		 "[Match]\nName=eth0\n[Bind]\nAction=ignore\nChap=san1\n[Node]\n"
		 "node.session.auth.username=me\n");
	put_secret("san1", SECRET, 0600);
	assert_int_equal(check(), 1);
	assert_string_equal(output,
			    "etc/policy.d/10-a.conf:7: error: "
			    "'node.session.auth.username' comes from the file "
			    "that Chap in [Bind] names: remove one of the two\n");
}

static void limits_refuse_instead_of_cutting(void **state)
{
	char name[64], *text = malloc(200000), *p = text;
	unsigned int i;

	(void)state;
	assert_non_null(text);
	for (i = 0; i < AB_CONF_FILES_MAX; i++) {
		(void)snprintf(name, sizeof(name), "etc/policy.d/%02u.conf", i);
		(void)snprintf(text, 200,
			       "[Match]\nName=eth%u\n[Bind]\nAction=ignore\n", i);
		put_text(name, text);
	}
	assert_int_equal(check(), 0);
	put_text("etc/policy.d/99.conf", GOOD);
	assert_int_equal(check(), 1);
	assert_string_equal(output,
			    "etc/policy.d/99.conf: error: is one too many: at most 64 "
			    "files\n");
	assert_int_equal(unlink(path_of("etc/policy.d/99.conf")), 0);

	p += sprintf(p, "[Match]\nName=eth0\n[Bind]\nAction=ignore\n[Portals]\n");
	for (i = 1; i < 1000; i++)
		p += sprintf(p, "Deny.%u=10.0.%u.%u\nAllow.%u=10.0.0.0/8\n", i, i / 250,
			     i % 250, i);
	put_text("etc/policy.d/00.conf", text);
	assert_int_equal(check(), 0);
	(void)snprintf(name, sizeof(name), "%s", "etc/policy.d/01.conf");
	put_text(name, text);
	put_text("etc/policy.d/02.conf", text);
	assert_int_equal(check(), 1);
	assert_non_null(strstr(output, "too many sections and keys"));
	free(text);
}

static void hundreds_of_faults_are_still_a_bundle(void **state)
{
	char name[64];
	unsigned int i;

	(void)state;
	for (i = 0; i < 600; i++) {
		(void)snprintf(name, sizeof(name), "etc/policy.d/%03u x.conf", i);
		put_text(name, GOOD);
	}
	assert_int_equal(check(), 1);
	assert_non_null(strstr(output, "000 x.conf: error"));
}

static void one_bad_file_keeps_messages_of_the_others(void **state)
{
	(void)state;
	put_text("etc/policy.d/10-a.conf", "[Match]\nName=eth0\n[Bind\n");
	put_text("etc/policy.d/20-b.conf", "[Match]\nNam=eth0\n");
	assert_int_equal(check(), 1);
	assert_string_equal(
		output, "etc/policy.d/10-a.conf:3: error: a section header must stand "
			"alone on its line, as [Name]\n"
			"etc/policy.d/20-b.conf:2: error: unknown key 'Nam' in "
			"[Match]; did you mean 'Name'?\n");
}

/* --- bundles ---------------------------------------------------------------------- */

static void a_damaged_bundle_is_refused(void **state)
{
	struct ab_conf *conf;
	char *data, *copy;
	size_t n, i;

	(void)state;
	put_text("etc/policy.d/10-a.conf", GOOD);
	assert_int_equal(ab_conf_collect(&roots, &data, &n), 0);
	copy = malloc(n);
	assert_non_null(copy);
	for (i = 0; i < n; i++) { /* cut anywhere */
		memcpy(copy, data, i);
		assert_int_equal(ab_conf_build(copy, i, NULL, &conf), AB_CONF_E_BUNDLE);
	}
	for (i = 0; i < n; i++) { /* any byte changed */
		memcpy(copy, data, n);
		copy[i] ^= 1;
		assert_int_equal(ab_conf_build(copy, n, NULL, &conf), AB_CONF_E_BUNDLE);
	}
	free(copy);
	free(data);
}

/* --- goldens ---------------------------------------------------------------------- */

static char *read_text(const char *path)
{
	char *text;
	size_t n;

	return ab_file_read(AT_FDCWD, path, 1 << 20, &text, &n, NULL) ? NULL : text;
}

static void check_golden(const char *name)
{
	char from[PATH_MAX], ok[PATH_MAX], to[PATH_MAX], *text, *want;
	int r;
	FILE *f;

	(void)snprintf(from, sizeof(from), GOLDENS "/%s", name);
	(void)snprintf(ok, sizeof(ok), GOLDENS "/%.*s.ok", (int)strlen(name) - 5, name);
	(void)snprintf(to, sizeof(to), "etc/policy.d/%s", name);
	text = read_text(from);
	assert_non_null(text);
	put_text(to, text);
	free(text);
	r = check();
	assert_int_equal(r, strstr(output, ": error: ") ? 1 : 0);
	if (getenv("AB_UPDATE_GOLDENS")) {
		f = fopen(ok, "w");
		assert_non_null(f);
		assert_true(fputs(output, f) >= 0);
		assert_int_equal(fclose(f), 0);
	}
	want = read_text(ok);
	if (!want || strcmp(want, output) != 0)
		fail_msg("%s: got\n%swant\n%s", from, output, want ? want : "(no .ok)");
	free(want);
	assert_int_equal(unlink(path_of(to)), 0);
}

static void messages_are_those_of_the_goldens(void **state)
{
	DIR *dir = opendir(GOLDENS);
	struct dirent *e;
	unsigned int n = 0;

	(void)state;
	if (!dir)
		fail_msg("%s: run this from the project's folder", GOLDENS);
	while ((e = readdir(dir))) {
		size_t len = strlen(e->d_name);

		if (len < 6 || strcmp(e->d_name + len - 5, ".conf") != 0)
			continue;
		check_golden(e->d_name);
		n++;
	}
	(void)closedir(dir);
	assert_true(n >= 6);
}

/* What is shipped must be accepted, without a warning but the one about this version.
 */
static void shipped_examples_are_accepted(void **state)
{
	static const char *const names[] = { "10-first-san.conf.example",
					     "20-two-fabrics.conf.example",
					     "30-vlan-record-only.conf.example" };
	char from[PATH_MAX], *text;
	unsigned int i;

	(void)state;
	text = read_text("conf/autobind.conf");
	assert_non_null(text);
	put_text("etc/autobind.conf", text);
	free(text);
	for (i = 0; i < AB_COUNT(names); i++) {
		(void)snprintf(from, sizeof(from), "conf/policy-examples/%s", names[i]);
		text = read_text(from);
		assert_non_null(text);
		put_text("etc/policy.d/50-example.conf", text);
		free(text);
		ab_assert_row(names[i], check() == 0);
		ab_assert_row(names[i], output[0] == '\0');
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(etc_wins_over_run_wins_over_lib),
		TEST(drop_ins_come_from_all_folders_in_name_order),
		TEST(generations_follow_reloads),
		TEST(bad_files_refuse_the_whole),
		TEST(unreadable_files_and_folders_refuse_the_whole),
		TEST(a_missing_folder_is_not_an_empty_one),
		TEST(owners_and_modes_are_checked),
		TEST(secrets_that_a_policy_names_are_looked_at),
		TEST(secrets_that_cannot_be_seen_are_no_error),
		TEST(a_changed_secret_is_a_changed_setting),
		TEST(chap_and_node_keys_of_it_contradict),
		TEST(limits_refuse_instead_of_cutting),
		TEST(hundreds_of_faults_are_still_a_bundle),
		TEST(one_bad_file_keeps_messages_of_the_others),
		TEST(a_damaged_bundle_is_refused),
		TEST(messages_are_those_of_the_goldens),
		TEST(shipped_examples_are_accepted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
