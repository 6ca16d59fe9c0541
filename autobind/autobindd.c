/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * autobindd - the daemon; see autobindd(8). Wiring only: options, start order, signals.
 */
#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "io/log.h"
#include "io/privs.h"
#include "io/roots.h"
#include "io/service.h"
#include "io/shell.h"
#include "io/supervise.h"

/* Those who may ask; made by the package. */
#define GROUP_NAME "autobind"

enum which {
	OPTION_ROOT = 256, /* + enum ab_root */
	OPTION_NO_LOGIN = OPTION_ROOT + AB_ROOT_MAX,
	OPTION_RECORD,
	OPTION_HELPER,
	OPTION_DEBUG,
	OPTION_VERSION,
	OPTION_HELP,
};

static const struct option own_options[] = {
	{ "no-login", no_argument, NULL, OPTION_NO_LOGIN },
	{ "record", required_argument, NULL, OPTION_RECORD },
	{ "discover-helper", required_argument, NULL, OPTION_HELPER },
	{ "debug", no_argument, NULL, OPTION_DEBUG },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ "help", no_argument, NULL, OPTION_HELP },
};

#define N_OWN (sizeof(own_options) / sizeof(own_options[0]))

struct daemon {
	struct ab_roots roots;
	struct ab_shell_config config;
	enum ab_log_level level;
	struct ab_shell *sh;
};

static void print_help(void)
{
	unsigned int i;

	printf("Usage: autobindd [OPTION]...\n"
	       "Binds iSCSI portals to network ports as the policies say. Stays in "
	       "the\n"
	       "foreground and logs to standard error.\n\n");
	for (i = 0; i < AB_ROOT_MAX; i++) {
		const struct ab_root_option *o = &ab_root_options[i];

		printf("  --%s %-*s %s\n", o->name, 20 - (int)strlen(o->name), o->arg,
		       o->help);
	}
	printf("  --no-login              cap every policy at Action=record\n"
	       "  --record FILE           write every event, to be replayed\n"
	       "  --discover-helper PATH  instead of the installed autobind-discover\n"
	       "  --debug                 say more\n"
	       "  --version, --help\n\n"
	       "SIGHUP reads the configuration again, SIGUSR1 logs the state of every "
	       "port,\n"
	       "SIGTERM and SIGINT end the daemon; no record and no session is "
	       "touched.\n");
}

static void fill_options(struct option *all)
{
	unsigned int i;

	memset(all, 0, (AB_ROOT_MAX + N_OWN + 1) * sizeof(*all));
	for (i = 0; i < AB_ROOT_MAX; i++)
		all[i] = (struct option){ ab_root_options[i].name, required_argument,
					  NULL, OPTION_ROOT + (int)i };
	memcpy(all + AB_ROOT_MAX, own_options, sizeof(own_options));
}

static int take_root(struct daemon *d, enum ab_root root, const char *value)
{
	int r = ab_roots_set(&d->roots, root, value);

	if (r)
		fprintf(stderr, "autobindd: --%s: %s: %s\n", ab_root_options[root].name,
			value,
			r == AB_ROOTS_E_LENGTH ? "too long" : "not a value for it");
	return r;
}

/* Return: -1 to go on, else the exit status. */
static int parse_options(struct daemon *d, int argc, char **argv)
{
	struct option all[AB_ROOT_MAX + N_OWN + 1];
	int c;

	fill_options(all);
	while ((c = getopt_long(argc, argv, "", all, NULL)) != -1) {
		if (c >= OPTION_ROOT && c < OPTION_NO_LOGIN) {
			if (take_root(d, (enum ab_root)(c - OPTION_ROOT), optarg))
				return 2;
		} else if (c == OPTION_NO_LOGIN) {
			d->config.no_login = true;
		} else if (c == OPTION_RECORD) {
			d->config.record = optarg;
		} else if (c == OPTION_HELPER) {
			d->config.discover_helper = optarg;
		} else if (c == OPTION_DEBUG) {
			d->level = AB_LOG_DEBUG;
		} else if (c == OPTION_VERSION) {
			printf("autobindd " AB_VERSION "\n");
			return 0;
		} else if (c == OPTION_HELP) {
			print_help();
			return 0;
		} else {
			fprintf(stderr,
				"autobindd: `autobindd --help` lists the options\n");
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "autobindd: %s: there are no arguments but options\n",
			argv[optind]);
		return 2;
	}
	return -1;
}

/* --- signals --- */

static void on_stop(void *arg, int signo)
{
	struct daemon *d = arg;

	ab_log_notice("main", "%s: ends; records and sessions stay", strsignal(signo));
	ab_shell_stop(d->sh);
}

static void on_reload(void *arg, int signo)
{
	struct daemon *d = arg;

	(void)signo;
	if (ab_shell_reload(d->sh, NULL, NULL) < 0)
		ab_log_errx("main", "SIGHUP: out of memory, nothing is reloaded");
}

static void log_port(void *arg, const struct ab_row *row)
{
	(void)arg;
	ab_log_notice("main", "%s: %s %s", ab_row_get(row, "port"),
		      ab_row_get(row, "state"), ab_row_get(row, "reason"));
}

static void on_dump(void *arg, int signo)
{
	struct daemon *d = arg;
	struct ab_view v = ab_shell_view(d->sh);

	(void)signo;
	v.fn = log_port;
	(void)ab_view_ports(&v, NULL);
}

static int watch_signals(struct daemon *d, struct ab_loop_signal *signals[4])
{
	static const struct {
		int signo;
		ab_loop_signal_fn *fn;
	} wanted[4] = {
		{ SIGTERM, on_stop },
		{ SIGINT, on_stop },
		{ SIGHUP, on_reload },
		{ SIGUSR1, on_dump },
	};
	unsigned int i;
	int r = 0;

	for (i = 0; i < 4 && r == 0; i++)
		r = ab_loop_signal_new(ab_shell_loop(d->sh), wanted[i].signo,
				       wanted[i].fn, d, &signals[i]);
	return r;
}

/* --- running --- */

static int serve(struct daemon *d)
{
	struct ab_loop_signal *signals[4] = { NULL };
	struct ab_service *service = NULL;
	struct ab_supervise *supervise = NULL;
	/* Before the loop: nothing else waits yet, and NSS may block. */
	const struct group *group = getgrnam(GROUP_NAME);
	char path[AB_ROOT_PATH];
	unsigned int i;
	int r = ab_roots_socket(&d->roots, path, sizeof(path));

	if (r == 0)
		r = watch_signals(d, signals);
	if (r == 0)
		r = ab_service_new(d->sh, path, group ? group->gr_gid : (gid_t)-1,
				   &service);
	if (r == 0)
		r = ab_supervise_new(d->sh, &supervise);
	if (r == 0) {
		ab_privs_lower();
		ab_log_notice("main", "autobind " AB_VERSION " is ready");
		r = ab_shell_run(d->sh);
	}
	supervise = ab_supervise_free(supervise);
	service = ab_service_free(service);
	for (i = 0; i < 4; i++)
		signals[i] = ab_loop_signal_free(signals[i]);
	return r;
}

int main(int argc, char **argv)
{
	struct daemon d = { .level = AB_LOG_INFO };
	int r;

	ab_roots_init(&d.roots);
	r = parse_options(&d, argc, argv);
	if (r >= 0)
		return r;
	if (ab_roots_finish(&d.roots)) {
		fprintf(stderr,
			"autobindd: a path is too long with --root in front of it\n");
		return 2;
	}
	umask(0077);
	(void)signal(SIGPIPE, SIG_IGN); /* cannot fail for this signal */
	ab_log_open("autobindd", d.level);
	d.config.roots = &d.roots;
	r = ab_shell_new(&d.config, &d.sh);
	if (r == 0) {
		ab_privs_survive();
		r = serve(&d);
	}
	d.sh = ab_shell_free(d.sh);
	return r ? EXIT_FAILURE : EXIT_SUCCESS;
}
