/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * setup - the verb for the first ten minutes: from a portal's address to a policy.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/display.h"
#include "cli/render.h"
#include "cli/run.h"
#include "core/name.h"
#include "io/file.h"
#include "io/mpath_call.h"
#include "io/offline.h"
#include "io/survey.h"

#define POLICY_TEXT 16384
#define RP_FILTER_STRICT 1

struct setup {
	struct ab_cli *cli;
	struct ab_render *render; /* for JSON */
	struct ab_setup *found;
	char initiator[AB_TARGET_NAME];
	char name[AB_POLICY_NAME + 8]; /* "10-san.conf" */
	char path[2 * AB_ROOT_PATH];   /* of that file */
	char policy[POLICY_TEXT];
	bool is_login, has_errors;
	int error; /* of writing the answer */
};

/* --- the answer ------------------------------------------------------------------ */

static void begin_row(struct ab_row *row, const char *kind)
{
	ab_row_clear(row);
	ab_row_text(row, "topic", kind);
}

/* A row for programs, or its text for people. */
static void tell(struct setup *u, const struct ab_row *row, const char *mark)
{
	char clean[3 * AB_ROW_TEXT];
	struct ab_text t;

	if (u->cli->is_json) {
		if (!u->error)
			u->error = ab_render_row(u->render, row);
		return;
	}
	ab_text_init(&t, clean, sizeof(clean));
	ab_display_add(&t, ab_row_get(row, "text"));
	fprintf(u->cli->out, "%s%s\n", mark, clean);
}

/* @text: NULL: only a line between two parts. */
static void heading(const struct setup *u, const char *text)
{
	if (!u->cli->is_json)
		fprintf(u->cli->out, "\n%s%s", text ? text : "", text ? "\n" : "");
}

/* What a warning is about stands in @t. */
static struct ab_text begin_warning(struct ab_row *row)
{
	begin_row(row, "warning");
	return ab_row_begin_text(row, "text");
}

static void end_warning(struct setup *u, struct ab_row *row, const struct ab_text *t)
{
	ab_row_end_text(row, t);
	tell(u, row, "warning: ");
}

/* --- what was typed -------------------------------------------------------------- */

static int take_portals(struct setup *u)
{
	struct ab_setup *s = u->found;
	unsigned int i, k;

	if (u->cli->n_args > AB_SETUP_PORTALS / 2)
		return ab_cli_fail(u->cli, AB_EXIT_USAGE, "at most %d portals",
				   AB_SETUP_PORTALS / 2);
	for (i = 0; i < u->cli->n_args; i++) {
		struct ab_portal portal;
		int r = ab_name_parse_portal(u->cli->args[i], &portal);

		if (r)
			return ab_cli_fail(u->cli, AB_EXIT_USAGE,
					   "'%s' %s; ADDRESS[:PORT] is wanted",
					   u->cli->args[i], ab_name_strerror(r));
		if (ab_addr_is_unusable(&portal.addr) ||
		    ab_addr_is_linklocal6(&portal.addr))
			return ab_cli_fail(u->cli, AB_EXIT_USAGE,
					   "'%s' can be no portal's address: loopback, "
					   "link-local or multicast",
					   u->cli->args[i]);
		for (k = 0; k < s->n_portals; k++)
			if (ab_portal_equal(&s->portals[k].portal, &portal))
				break;
		if (k == s->n_portals)
			s->portals[s->n_portals++] =
				(struct ab_setup_portal){ .portal = portal,
							  .is_asked = true };
	}
	return 0;
}

/* "san" becomes 10-san.conf: the order of the policies goes by their names. */
static int take_name(struct setup *u)
{
	const char *name = ab_cli_opt(u->cli, "name");
	struct ab_text t;
	const char *c;

	name = name ? name : "san";
	ab_text_init(&t, u->name, AB_POLICY_NAME);
	if (!ab_is_digit(name[0]))
		ab_text_add(&t, "10-");
	ab_text_add(&t, name);
	for (c = name; *c && (ab_is_alnum(*c) || strchr("._-+@", *c)); c++)
		;
	if (t.cut || *c || name[0] == '.' || !name[0])
		return ab_cli_fail(u->cli, AB_EXIT_USAGE,
				   "--name: '%s' is no name of a policy: at most 60 of "
				   "A-Z a-z 0-9 . _ - + @",
				   name);
	t.size = sizeof(u->name);
	ab_text_add(&t, ".conf");
	ab_text_init(&t, u->path, sizeof(u->path));
	ab_text_add(&t, u->cli->roots.path[AB_ROOT_CONFIG]);
	ab_text_add(&t, "/policy.d/");
	ab_text_add(&t, u->name);
	return 0;
}

static int refuse_existing(const struct setup *u)
{
	return ab_cli_fail(u->cli, AB_EXIT_USAGE,
			   "%s exists, and no file is replaced: give another --name",
			   u->path);
}

static int take_options(struct setup *u)
{
	const char *action = ab_cli_opt(u->cli, "action");
	struct stat st;
	int r;

	u->is_login = !action || ab_streq(action, "login");
	if (!u->is_login && !ab_streq(action, "record"))
		return ab_cli_fail(u->cli, AB_EXIT_USAGE,
				   "--action: '%s' is neither login nor record",
				   action);
	r = take_name(u);
	if (r == 0)
		r = take_portals(u);
	if (r == 0 && lstat(u->path, &st) == 0)
		r = refuse_existing(u);
	return r;
}

/* --- looking --------------------------------------------------------------------- */

static int look(struct setup *u)
{
	char text[1024];
	struct ab_survey_config config = { .initiator = u->initiator };
	struct ab_offline *o;
	struct ab_text message;
	int r;

	if (geteuid() != 0)
		return ab_cli_fail(u->cli, AB_EXIT_DENIED,
				   "only root may send through each port: use sudo");
	ab_text_init(&message, text, sizeof(text));
	r = ab_offline_new(&u->cli->roots, &message, &o);
	if (r < 0)
		return ab_cli_fail(u->cli, AB_EXIT_FAILED, "%s",
				   message.len ? text : strerror(-r));
	ab_setup_look(ab_offline_view(o).e, u->found);
	ab_offline_initiator(o, u->initiator);
	(void)ab_offline_free(o);
	if (!u->initiator[0])
		return ab_cli_fail(u->cli, AB_EXIT_FAILED,
				   "no target can be asked without an initiator name: "
				   "write InitiatorName= and a name into\n"
				   "%s/initiatorname.iscsi (iscsi-iname makes one)",
				   u->cli->roots.path[AB_ROOT_ISCSI]);
	config.helper = ab_cli_opt(u->cli, "discover-helper");
	if (!u->cli->is_json) {
		fprintf(u->cli->out, "Trying %u portal%s through %u port%s ...\n",
			u->found->n_portals, u->found->n_portals == 1 ? "" : "s",
			u->found->n_ports, u->found->n_ports == 1 ? "" : "s");
		(void)fflush(u->cli->out);
	}
	r = ab_survey_run(&config, u->found);
	if (r < 0)
		return ab_cli_fail(u->cli, AB_EXIT_FAILED,
				   "the portals cannot be tried: %s", strerror(-r));
	return 0;
}

static const char *path_words(const struct ab_setup *s, uint32_t port, uint32_t portal)
{
	const struct ab_setup_path *p = &s->paths[port][portal];

	if (!s->ports[port].is_usable)
		return "the port is down, or part of another one";
	if (p->has_connected && !ab_setup_net(s, port, portal))
		return "answers, through a router";
	if (p->has_connected)
		return p->has_echo ? "answers" : "answers, but no echo";
	if (p->error)
		return strerror(p->error);
	return p->has_echo ? "the host answers, but nothing takes connections there"
			   : "no answer";
}

static void tell_path(struct setup *u, uint32_t port, uint32_t portal)
{
	const struct ab_setup *s = u->found;
	struct ab_row row;
	struct ab_text t;

	begin_row(&row, "path");
	ab_row_text(&row, "port", s->ports[port].name);
	ab_row_portal(&row, "portal", &s->portals[portal].portal);
	ab_row_bool(&row, "answers", s->paths[port][portal].has_connected);
	ab_row_bool(&row, "echo", s->paths[port][portal].has_echo);
	ab_row_bool(&row, "used", ab_setup_uses(s, port, portal));
	t = ab_row_begin_text(&row, "text");
	ab_text_add(&t, s->ports[port].name);
	ab_text_add(&t, " -> ");
	ab_name_add_portal(&t, &s->portals[portal].portal);
	ab_text_add(&t, ": ");
	ab_text_add(&t, path_words(s, port, portal));
	ab_row_end_text(&row, &t);
	tell(u, &row, "  ");
}

/* All that answer, and those of which one could expect it. */
static void tell_paths(struct setup *u)
{
	const struct ab_setup *s = u->found;
	uint32_t i, k, n = 0;

	heading(u, "Which port reaches which portal:");
	for (k = 0; k < s->n_portals; k++)
		for (i = 0; i < s->n_ports; i++)
			if (s->paths[i][k].has_connected || ab_setup_net(s, i, k)) {
				tell_path(u, i, k);
				n++;
			}
	if (n == 0 && !u->cli->is_json)
		(void)fputs("  none\n", u->cli->out);
}

static void tell_targets(struct setup *u)
{
	const struct ab_setup *s = u->found;
	uint32_t i;

	if (s->n_targets)
		heading(u, "Targets:");
	for (i = 0; i < s->n_targets; i++) {
		const struct ab_setup_target *target = &s->targets[i];
		struct ab_row row;
		struct ab_text t;

		begin_row(&row, "target");
		ab_row_text(&row, "target", target->name);
		ab_row_portal(&row, "portal", &s->portals[target->portal].portal);
		ab_row_number(&row, "tpgt", target->tpgt);
		t = ab_row_begin_text(&row, "text");
		ab_name_add_portal(&t, &s->portals[target->portal].portal);
		ab_text_addc(&t, ',');
		ab_text_addi(&t, target->tpgt);
		ab_text_addc(&t, ' ');
		ab_text_add(&t, target->name);
		ab_row_end_text(&row, &t);
		tell(u, &row, "  ");
	}
}

/* --- warnings -------------------------------------------------------------------- */

static bool answers_anywhere(const struct ab_setup *s, uint32_t portal)
{
	uint32_t i;

	for (i = 0; i < s->n_ports; i++)
		if (s->paths[i][portal].has_connected)
			return true;
	return false;
}

/* Does the host say no there, so that it is at least there? */
static bool is_refused(const struct ab_setup *s, uint32_t portal)
{
	uint32_t i;

	for (i = 0; i < s->n_ports; i++)
		if (s->paths[i][portal].error == ECONNREFUSED)
			return true;
	return false;
}

static const char *silence_words(const struct ab_setup *s, uint32_t portal)
{
	if (is_refused(s, portal))
		return " takes no connections: does the target run, and is that its "
		       "port?";
	if (ab_setup_is_local(s, portal))
		return " does not answer now";
	return " does not answer, and no port has an address in its subnet: is it "
	       "right?";
}

/* Those that were asked for and did not do what was expected. */
static void warn_portals(struct setup *u)
{
	const struct ab_setup *s = u->found;
	struct ab_row row;
	struct ab_text t;
	uint32_t i;

	for (i = 0; i < s->n_portals; i++) {
		const struct ab_setup_portal *p = &s->portals[i];

		if (!p->is_asked || p->has_told)
			continue;
		t = begin_warning(&row);
		if (answers_anywhere(s, i)) {
			struct ab_effect note = { .type = AB_EF_NOTE };

			note.note.what = AB_NOTE_DISCOVERY_FAILED;
			note.note.portal = p->portal;
			note.note.code = p->code;
			ab_view_note_text(&t, &note);
		} else {
			ab_name_add_portal(&t, &p->portal);
			ab_text_add(&t, silence_words(s, i));
		}
		end_warning(u, &row, &t);
	}
}

/* "/proc/sys/net/ipv4/conf/NAME/rp_filter"; 0 when it cannot be read. */
static int rp_filter(const char *name)
{
	char path[64 + AB_NETDEV_NAME], *data;
	size_t n;
	int value;

	(void)snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/rp_filter",
		       name);
	if (ab_file_read(AT_FDCWD, path, 64, &data, &n, NULL))
		return 0;
	value = data[0] - '0';
	free(data);
	return value;
}

static void warn_shared(struct setup *u, const struct ab_setup_port *p)
{
	int all = rp_filter("all"), own = rp_filter(p->name);
	struct ab_row row;
	struct ab_text t = begin_warning(&row);

	ab_text_add(&t, p->name);
	ab_text_add(&t, " is in one subnet with another port: answers may come in "
			"through the wrong one; give each port a subnet of its own, or "
			"set net.ipv4.conf.all.arp_ignore=1 and arp_announce=2");
	end_warning(u, &row, &t);
	/* The kernel takes the greater of the two (ip-sysctl). */
	if ((all > own ? all : own) != RP_FILTER_STRICT)
		return;
	t = begin_warning(&row);
	ab_text_add(&t, p->name);
	ab_text_add(&t,
		    ": strict rp_filter drops what comes in there for another port's "
		    "route: set net.ipv4.conf.");
	ab_text_add(&t, p->name);
	ab_text_add(&t, ".rp_filter=2");
	end_warning(u, &row, &t);
}

/* Ports of one storage network should carry frames of one size. */
static void warn_mtu(struct setup *u, const struct ab_setup_port *p,
		     const struct ab_setup_port *first)
{
	struct ab_row row;
	struct ab_text t;

	if (p->mtu == first->mtu)
		return;
	t = begin_warning(&row);
	ab_text_add(&t, p->name);
	ab_text_add(&t, " has MTU ");
	ab_text_addu(&t, p->mtu);
	ab_text_add(&t, ", ");
	ab_text_add(&t, first->name);
	ab_text_add(&t, " has ");
	ab_text_addu(&t, first->mtu);
	ab_text_add(&t, ": check with autobind ping --jumbo -I ");
	ab_text_add(&t, p->name);
	end_warning(u, &row, &t);
}

static void warn_ports(struct setup *u)
{
	const struct ab_setup *s = u->found;
	const struct ab_setup_port *first = NULL;
	uint32_t i;

	for (i = 0; i < s->n_ports; i++) {
		if (!ab_setup_takes(s, i))
			continue;
		if (ab_setup_shares_net(s, i))
			warn_shared(u, &s->ports[i]);
		if (!first)
			first = &s->ports[i];
		warn_mtu(u, &s->ports[i], first);
	}
}

/* What is logged in to can be written to. */
static void warn_targets(struct setup *u)
{
	const struct ab_setup *s = u->found;
	struct ab_row row;
	struct ab_text t;
	uint32_t i;

	for (i = 1; i < s->n_targets; i++)
		if (!ab_streq(s->targets[i].name, s->targets[0].name))
			break;
	if (i >= s->n_targets)
		return;
	t = begin_warning(&row);
	ab_text_add(&t,
		    "several targets were named: take those out of Targets that are "
		    "not for this host");
	end_warning(u, &row, &t);
}

static void warn_multipath(struct setup *u)
{
	struct ab_row row;
	struct ab_text t;

	if (!u->is_login || ab_mpath_pid(&(struct ab_mpath_where){ 0 }) > 0)
		return;
	t = begin_warning(&row);
	ab_text_add(&t, "multipathd does not run: until it does, a target gets one "
			"session only; install multipath-tools, then systemctl enable "
			"--now multipathd");
	end_warning(u, &row, &t);
}

/* --- the policy ------------------------------------------------------------------ */

static void tell_policy(struct setup *u)
{
	struct ab_row row;

	if (!u->cli->is_json) {
		fprintf(u->cli->out, "\nPolicy %s:\n%s", u->path, u->policy);
		return;
	}
	begin_row(&row, "policy");
	ab_row_text(&row, "file", u->path);
	ab_row_text(&row, "text", u->policy);
	tell(u, &row, "");
}

static void on_diag(void *arg, const char *path, const struct ab_diag *diag)
{
	char text[AB_ROOT_PATH + AB_DIAG_TEXT + 256];
	struct setup *u = arg;
	struct ab_row row;
	struct ab_text t;

	ab_text_init(&t, text, sizeof(text));
	ab_diag_format(&t, path, diag);
	u->has_errors |= diag->severity == AB_DIAG_ERROR;
	begin_row(&row, "check");
	ab_row_text(&row, "severity",
		    diag->severity == AB_DIAG_ERROR ? "error" : "warning");
	ab_row_text(&row, "text", text);
	tell(u, &row, "  ");
}

static int check(struct setup *u, const struct ab_conf_draft *draft)
{
	const struct ab_roots *roots = &u->cli->roots;
	struct ab_conf_roots places = { .etc = roots->path[AB_ROOT_CONFIG],
					.run = roots->path[AB_ROOT_RUN],
					.lib = *roots->lib ? roots->lib : NULL,
					.draft = draft };
	int r;

	heading(u, "The configuration with it:");
	r = ab_conf_check(&places, on_diag, u, NULL, NULL);
	if (r < 0)
		return ab_cli_fail(u->cli, AB_EXIT_FAILED, "%s: %s", places.etc,
				   strerror(-r));
	if (r == 0 && !u->cli->is_json)
		(void)fputs("  valid\n", u->cli->out);
	return 0;
}

static void on_plan(void *arg, const struct ab_row *plan)
{
	struct setup *u = arg;
	const char *reason = ab_row_get(plan, "reason");
	struct ab_row row;
	struct ab_text t;

	/* What setup itself has done just now. */
	if (ab_streq(ab_row_get(plan, "kind"), "probe"))
		return;
	begin_row(&row, "plan");
	ab_row_text(&row, "op", ab_row_get(plan, "op"));
	ab_row_text(&row, "kind", ab_row_get(plan, "kind"));
	ab_row_text(&row, "object", ab_row_get(plan, "object"));
	ab_row_text(&row, "port", ab_row_get(plan, "port"));
	t = ab_row_begin_text(&row, "text");
	ab_text_add(&t, ab_row_get(plan, "op"));
	ab_text_addc(&t, ' ');
	ab_text_add(&t, ab_row_get(plan, "kind"));
	ab_text_addc(&t, ' ');
	ab_text_add(&t, ab_row_get(plan, "object"));
	if (*reason) {
		ab_text_add(&t, ": ");
		ab_text_add(&t, reason);
	}
	ab_row_end_text(&row, &t);
	tell(u, &row, "  ");
}

static int plan(struct setup *u, const struct ab_conf_draft *draft)
{
	char text[1024];
	struct ab_offline *o;
	struct ab_text message;
	int r;

	ab_text_init(&message, text, sizeof(text));
	r = ab_offline_draft(&u->cli->roots, draft, u->found, &message, &o);
	if (r < 0)
		return ab_cli_fail(u->cli, AB_EXIT_FAILED, "%s",
				   message.len ? text : strerror(-r));
	heading(u, "What it leads to:");
	ab_offline_plan(o, on_plan, u);
	(void)ab_offline_free(o);
	return 0;
}

/* --- writing --------------------------------------------------------------------- */

static bool is_agreed(const struct setup *u)
{
	char answer[16];

	if (ab_cli_opt(u->cli, "write"))
		return true;
	if (u->cli->is_json || !u->cli->setup->is_tty || !isatty(STDIN_FILENO))
		return false;
	fprintf(u->cli->out, "\nWrite %s? [y/N] ", u->path);
	(void)fflush(u->cli->out);
	return fgets(answer, sizeof(answer), stdin) &&
	       (ab_streq_nocase(answer, "y\n") || ab_streq_nocase(answer, "yes\n"));
}

static int write_policy(struct setup *u)
{
	char tmp[sizeof(u->path) + 8], *slash;
	int r;

	(void)snprintf(tmp, sizeof(tmp), "%s", u->path);
	slash = strrchr(tmp, '/');
	*slash = '\0';
	r = ab_file_make_dirs(AT_FDCWD, tmp, 0755);
	if (r == 0) {
		(void)snprintf(tmp, sizeof(tmp), "%s.new", u->path);
		r = ab_file_write_new(AT_FDCWD, tmp, u->path, 0644, u->policy,
				      strlen(u->policy));
	}
	if (r == -EEXIST)
		return refuse_existing(u);
	if (r < 0)
		return ab_cli_fail(u->cli, AB_EXIT_FAILED,
				   "%s cannot be written: %s; nothing was changed",
				   u->path, strerror(-r));
	return 0;
}

static int conclude(struct setup *u)
{
	bool is_written = is_agreed(u);
	struct ab_row row;
	struct ab_text t;
	int r = is_written ? write_policy(u) : 0;

	if (r)
		return r;
	begin_row(&row, "result");
	ab_row_bool(&row, "written", is_written);
	ab_row_text(&row, "file", u->path);
	t = ab_row_begin_text(&row, "text");
	ab_text_add(&t, u->path);
	ab_text_add(&t, is_written
				? " is written: systemctl enable --now autobindd, or "
				  "autobind reload where it runs"
				: " is not written: --write does");
	ab_row_end_text(&row, &t);
	heading(u, NULL);
	tell(u, &row, "");
	return 0;
}

/* Return: enum ab_exit. */
static int work(struct setup *u)
{
	struct ab_conf_draft draft = { .name = u->name, .text = u->policy };
	struct ab_text t;
	int r = take_options(u);

	if (r == 0)
		r = look(u);
	if (r)
		return r;
	tell_paths(u);
	tell_targets(u);
	heading(u, NULL);
	warn_portals(u);
	ab_text_init(&t, u->policy, sizeof(u->policy));
	if (!ab_setup_policy(u->found, u->is_login, &t))
		return ab_cli_fail(
			u->cli, AB_EXIT_PROBLEM,
			"no target was found, so there is no policy to make: "
			"see above why, and\n"
			"autobind ping -I PORT ADDRESS tries one path");
	if (t.cut)
		return ab_cli_fail(u->cli, AB_EXIT_FAILED,
				   "too much was found for one policy: give fewer "
				   "portals");
	warn_targets(u);
	warn_ports(u);
	warn_multipath(u);
	tell_policy(u);
	r = check(u, &draft);
	if (r == 0 && u->has_errors)
		return ab_cli_fail(u->cli, AB_EXIT_PROBLEM,
				   "nothing is written while the configuration has "
				   "errors: mend those first");
	if (r == 0)
		r = plan(u, &draft);
	return r ? r : conclude(u);
}

int ab_run_setup(struct ab_cli *cli)
{
	struct setup *u = calloc(1, sizeof(*u));
	int status = AB_EXIT_FAILED;

	if (u)
		u->found = calloc(1, sizeof(*u->found));
	if (!u || !u->found || ab_render_new(cli, &u->render) < 0) {
		status = ab_cli_fail(cli, AB_EXIT_FAILED, "%s", strerror(ENOMEM));
		goto out;
	}
	u->cli = cli;
	status = work(u);
	if (cli->is_json && !u->error)
		u->error = ab_render_end(u->render, status == AB_EXIT_OK);
	if (u->error && status == AB_EXIT_OK)
		status = ab_cli_fail(cli, AB_EXIT_FAILED, "cannot write the answer: %s",
				     strerror(-u->error));
out:
	if (u) {
		ab_render_free(u->render);
		if (u->found)
			free(u->found->targets);
		free(u->found);
	}
	free(u);
	return status;
}
