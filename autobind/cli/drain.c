/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * drain, undrain - maintenance of a port or a portal.
 *
 * The deny list is written here, since the daemon may not write /etc; the daemon is
 * then asked to read it, and tells how it goes on. One file for each port or portal, of
 * the same name in both folders: undrain needs nothing else to find it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/run.h"
#include "core/name.h"
#include "core/policy.h"
#include "io/conf.h"
#include "io/file.h"
#include "util/text.h"

#define PREFIX "drain-"
#define PATH_SIZE (AB_ROOT_PATH + 128)

/* Where deny lists are: kept over boots, and of this boot. */
static const enum ab_root folders[] = { AB_ROOT_CONFIG, AB_ROOT_RUN };
#define N_FOLDERS (sizeof(folders) / sizeof(folders[0]))

static int fail_errno(const struct ab_cli *cli, const char *path, int r)
{
	return ab_cli_fail(
		cli, r == -EACCES || r == -EPERM ? AB_EXIT_DENIED : AB_EXIT_FAILED,
		"%s: %s", path, strerror(-r));
}

/* Names of devices that a deny list, and a file name, can hold as they are. */
static bool is_plain(const char *port)
{
	for (; *port; port++)
		if (!ab_is_alnum(*port) && !strchr("._-+@", *port))
			return false;
	return true;
}

/* Return: 0, or AB_EXIT_USAGE after a message. */
static int take_object(const struct ab_cli *cli, const char *word,
		       struct ab_scope *scope)
{
	if (ab_name_parse_scope(word, scope) == 0 && is_plain(scope->port))
		return 0;
	return ab_cli_fail(cli, AB_EXIT_USAGE,
			   "'%s' is neither the name of a network device nor "
			   "ADDRESS[:PORT]",
			   word);
}

static void add_object(struct ab_text *t, const struct ab_scope *scope)
{
	if (scope->port[0])
		ab_text_add(t, scope->port);
	else if (scope->portal.port)
		ab_name_add_portal(t, &scope->portal);
	else
		ab_name_add_addr(t, &scope->portal.addr);
}

/* "drain-ens1f0.conf", "drain-10.0.0.9_3260.conf": no other characters may be in it. */
static void add_file_name(struct ab_text *t, const struct ab_scope *scope)
{
	char object[128];
	struct ab_text o;
	const char *s;

	ab_text_init(&o, object, sizeof(object));
	add_object(&o, scope);
	ab_text_add(t, PREFIX);
	for (s = object; *s; s++)
		if (*s == ':')
			ab_text_addc(t, '_');
		else if (*s != '[' && *s != ']')
			ab_text_addc(t, *s);
	ab_text_add(t, ".conf");
}

static void make_path(const struct ab_cli *cli, enum ab_root root, const char *name,
		      char *path, size_t size)
{
	struct ab_text t;

	ab_text_init(&t, path, size); /* PATH_SIZE is enough */
	ab_text_add(&t, cli->roots.path[root]);
	ab_text_add(&t, "/exclude.d");
	if (!name)
		return;
	ab_text_addc(&t, '/');
	ab_text_add(&t, name);
}

/* --- drain --- */

static int check_reason(const struct ab_cli *cli, const char *reason)
{
	const char *s;

	if (strlen(reason) >= AB_POLICY_REASON)
		return ab_cli_fail(cli, AB_EXIT_USAGE, "--reason: longer than %d bytes",
				   AB_POLICY_REASON - 1);
	for (s = reason; *s; s++)
		if ((unsigned char)*s < ' ' || *s == '"' || *s == 0x7f)
			return ab_cli_fail(cli, AB_EXIT_USAGE,
					   "--reason: a quote or a control character "
					   "cannot stand in it");
	return 0;
}

/* What the daemon would refuse anyway must not be left behind. */
static void skip_diag(void *arg, const char *path, const struct ab_diag *diag)
{
	(void)arg;
	(void)path;
	(void)diag;
}

static int check_configuration(const struct ab_cli *cli)
{
	const struct ab_roots *roots = &cli->roots;
	struct ab_conf_roots places = {
		.etc = roots->path[AB_ROOT_CONFIG],
		.run = roots->path[AB_ROOT_RUN],
		.lib = *roots->lib ? roots->lib : NULL,
	};
	int r = ab_conf_check(&places, skip_diag, NULL, NULL, NULL);

	if (r < 0)
		return fail_errno(cli, places.etc, r);
	if (r == 0)
		return 0;
	return ab_cli_fail(cli, AB_EXIT_PROBLEM,
			   "the configuration has errors, so that the daemon would "
			   "refuse it; nothing was written: see autobind check");
}

static int check_port(const struct ab_cli *cli, const char *port)
{
	if (ab_cli_opt(cli, "force") || if_nametoindex(port) != 0)
		return 0;
	return ab_cli_fail(cli, AB_EXIT_PROBLEM,
			   "there is no network device %s; --force drains it before it "
			   "comes",
			   port);
}

static int write_list(const struct ab_cli *cli, const struct ab_scope *scope)
{
	enum ab_root root =
		ab_cli_opt(cli, "persistent") ? AB_ROOT_CONFIG : AB_ROOT_RUN;
	const char *reason = ab_cli_opt(cli, "reason");
	char folder[PATH_SIZE], path[PATH_SIZE], tmp[PATH_SIZE], text[512], name[128];
	struct ab_text t;
	int r;

	ab_text_init(&t, name, sizeof(name));
	add_file_name(&t, scope);
	make_path(cli, root, NULL, folder, sizeof(folder));
	make_path(cli, root, name, path, sizeof(path));
	ab_text_init(&t, tmp, sizeof(tmp));
	ab_text_add(&t, path);
	ab_text_add(&t, ".new");
	ab_text_init(&t, text, sizeof(text));
	ab_text_add(&t, "# Written by autobind drain; autobind undrain removes it.\n"
			"[Exclude]\n");
	ab_text_add(&t, scope->port[0] ? "Port = " : "Portal = ");
	add_object(&t, scope);
	ab_text_add(&t, "\nDrain = yes\n");
	if (reason && *reason) {
		ab_text_add(&t, "Reason = \"");
		ab_text_add(&t, reason);
		ab_text_add(&t, "\"\n");
	}
	r = ab_file_make_dirs(AT_FDCWD, folder, 0755);
	if (r == 0)
		r = ab_file_write_atomic(AT_FDCWD, tmp, path, 0644, text, t.len);
	return r < 0 ? fail_errno(cli, path, r) : 0;
}

int ab_run_drain(struct ab_cli *cli)
{
	const char *reason = ab_cli_opt(cli, "reason");
	struct ab_scope scope;
	int r;

	r = take_object(cli, cli->args[0], &scope);
	if (r == 0 && reason)
		r = check_reason(cli, reason);
	if (r == 0 && scope.port[0])
		r = check_port(cli, scope.port);
	/* Nobody would release a session, and it would only be noticed later. */
	if (r == 0)
		r = ab_run_reach(cli);
	if (r == 0)
		r = check_configuration(cli);
	if (r == 0)
		r = write_list(cli, &scope);
	return r ? r : ab_run_rows(cli);
}

/* --- undrain --- */

/* Return: 0 or -errno; *n counts what has been removed. */
static int remove_file(const char *path, unsigned int *n)
{
	if (unlink(path) == 0)
		(*n)++;
	else if (errno != ENOENT)
		return -errno;
	return 0;
}

static int remove_one(const struct ab_cli *cli, const char *name, unsigned int *n)
{
	char path[PATH_SIZE];
	size_t i;
	int r;

	for (i = 0; i < N_FOLDERS; i++) {
		make_path(cli, folders[i], name, path, sizeof(path));
		r = remove_file(path, n);
		if (r < 0)
			return fail_errno(cli, path, r);
	}
	return 0;
}

static bool is_ours(const char *name)
{
	size_t n = strlen(name);

	return ab_starts_with(name, PREFIX) && n > strlen(PREFIX) + 5 && n < 128 &&
	       ab_streq(name + n - 5, ".conf");
}

static int remove_all(const struct ab_cli *cli, unsigned int *n)
{
	char folder[PATH_SIZE], path[PATH_SIZE];
	struct dirent *e;
	size_t i;
	DIR *dir;
	int r = 0;

	for (i = 0; i < N_FOLDERS && r == 0; i++) {
		make_path(cli, folders[i], NULL, folder, sizeof(folder));
		dir = opendir(folder);
		if (!dir && errno == ENOENT)
			continue;
		if (!dir)
			return fail_errno(cli, folder, -errno);
		while (r == 0 && (e = readdir(dir))) {
			if (!is_ours(e->d_name))
				continue;
			make_path(cli, folders[i], e->d_name, path, sizeof(path));
			r = remove_file(path, n);
		}
		(void)closedir(dir); /* read only */
		if (r < 0)
			return fail_errno(cli, path, r);
	}
	return 0;
}

int ab_run_undrain(struct ab_cli *cli)
{
	struct ab_scope scope;
	struct ab_text t;
	unsigned int n = 0;
	char name[128];
	int r;

	if (cli->n_args == 0) {
		r = remove_all(cli, &n);
	} else {
		r = take_object(cli, cli->args[0], &scope);
		ab_text_init(&t, name, sizeof(name));
		if (r == 0) {
			add_file_name(&t, &scope);
			r = remove_one(cli, name, &n);
		}
	}
	if (r)
		return r;
	r = ab_run_reach(cli);
	if (r == AB_EXIT_NO_DAEMON && n)
		return ab_cli_fail(
			cli, AB_EXIT_NO_DAEMON,
			"the deny list is removed, which the daemon will see "
			"when it starts");
	return r ? r : ab_run_rows(cli);
}
