/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * what-if - which LUNs, and what stands on them, suffer when ports or portals go.
 *
 * The daemon knows through which port each session goes; disks, maps and mounts are
 * looked at here. Changes nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/render.h"
#include "cli/run.h"
#include "core/name.h"
#include "io/block_impact.h"
#include "io/sysfs_session.h"
#include "util/text.h"

#define SCOPES_MAX 32

struct what_if {
	struct ab_cli *cli;
	struct ab_render *render;
	struct ab_scope scopes[SCOPES_MAX];
	unsigned int n_scopes;
	struct ab_impact_disk *disks; /* owned */
	size_t n, max;
	int sysfs;
	struct ab_firmware firmware;
	unsigned int n_sessions, n_unknown; /* that go; that nobody knows the port of */
	unsigned int n_offline, n_single, n_fewer;
};

static int take_scope(struct what_if *w, const char *word)
{
	if (w->n_scopes == SCOPES_MAX)
		return ab_cli_fail(w->cli, AB_EXIT_USAGE, "more than %d are too many",
				   SCOPES_MAX);
	if (ab_name_parse_scope(word, &w->scopes[w->n_scopes]))
		return ab_cli_fail(w->cli, AB_EXIT_USAGE,
				   "'%s' is neither the name of a network device nor "
				   "ADDRESS[:PORT]",
				   word);
	w->n_scopes++;
	return AB_EXIT_OK;
}

static int take_scopes(struct what_if *w)
{
	const char *down = ab_cli_opt(w->cli, "down");
	unsigned int i;
	int status;

	if (!down)
		return ab_cli_fail(w->cli, AB_EXIT_USAGE,
				   "what goes? --down PORT, or --down ADDRESS[:PORT]");
	status = take_scope(w, down);
	for (i = 0; i < w->cli->n_args && status == AB_EXIT_OK; i++)
		status = take_scope(w, w->cli->args[i]);
	return status;
}

/* --- sessions --- */

static bool is_in(const struct ab_scope *scope, const char *port,
		  const struct ab_portal *portal)
{
	return scope->port[0] ? ab_streq(scope->port, port)
			      : ab_scope_has_portal(scope, portal);
}

static bool would_go(const struct what_if *w, const char *port,
		     const struct ab_portal *portal)
{
	unsigned int i;

	for (i = 0; i < w->n_scopes; i++)
		if (is_in(&w->scopes[i], port, portal))
			return true;
	return false;
}

static int add_disks(struct what_if *w, const struct ab_session_look *look, bool goes)
{
	struct ab_impact_disk *disks;
	unsigned int i;

	if (w->n + look->n_disks > w->max) {
		w->max = 2 * w->max + look->n_disks;
		disks = reallocarray(w->disks, w->max, sizeof(*disks));
		if (!disks)
			return -ENOMEM;
		w->disks = disks;
	}
	for (i = 0; i < look->n_disks; i++) {
		struct ab_impact_disk *d = &w->disks[w->n++];

		memset(d, 0, sizeof(*d));
		(void)ab_copy(d->name, sizeof(d->name), look->disks[i].name);
		d->is_up = look->session.state == AB_SESSION_LOGGED_IN;
		d->is_down = goes;
	}
	return 0;
}

/* A row of `sessions`; those that are only wanted have no number. */
static int take_session(void *arg, const struct ab_row *row)
{
	static struct ab_session_look look;
	struct what_if *w = arg;
	const struct ab_cell *sid = ab_row_find(row, "sid");
	const char *port = ab_row_get(row, "port");
	struct ab_portal portal;
	bool goes;

	if (!sid || sid->kind != AB_CELL_NUMBER ||
	    ab_name_parse_portal(ab_row_get(row, "portal"), &portal) ||
	    ab_sysfs_session(w->sysfs, (uint32_t)sid->number, &w->firmware, &look))
		return 0; /* none, or it went meanwhile */
	goes = would_go(w, port, &portal);
	w->n_sessions += goes;
	w->n_unknown += !*port && !goes;
	return add_disks(w, &look, goes);
}

static int ask(struct what_if *w)
{
	struct ab_request req;
	struct ab_client_call call = {
		.req = &req,
		.deadline_ms = 10000,
		.fn = take_session,
		.arg = w,
	};

	ab_request_init(&req, "sessions");
	req.is_more = true;
	return ab_run_ask(w->cli, &call);
}

/* --- LUNs --- */

static const char *state_of(struct what_if *w, const struct ab_impact_lun *lun)
{
	if (lun->n_after == 0) {
		w->n_offline++;
		return "OFFLINE";
	}
	if (lun->n_after == 1) {
		w->n_single++;
		return "ONE_PATH";
	}
	w->n_fewer++;
	return "FEWER";
}

/* ab_impact_fn */
static int tell_lun(void *arg, const struct ab_impact_lun *lun)
{
	struct what_if *w = arg;
	struct ab_row row;

	/* One that is offline now cannot lose anything. */
	if (!lun->loses || lun->n_now == lun->n_after)
		return 0;
	ab_row_clear(&row);
	ab_row_foreign(&row, "lun", lun->name);
	ab_row_text(&row, "device", lun->device);
	ab_row_number(&row, "paths_left", lun->n_after);
	ab_row_number(&row, "paths_now", lun->n_now);
	ab_row_text(&row, "state", state_of(w, lun));
	ab_row_foreign(&row, "used_by", lun->users);
	return ab_render_row(w->render, &row);
}

static int look(struct what_if *w)
{
	const struct ab_impact_where where = {
		.sysfs = w->cli->roots.path[AB_ROOT_SYSFS],
		.proc = "/proc",
	};
	int r, status;

	w->sysfs = open(where.sysfs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (w->sysfs < 0)
		return ab_cli_fail(w->cli, AB_EXIT_FAILED, "%s: %s", where.sysfs,
				   strerror(errno));
	ab_sysfs_firmware(w->sysfs, &w->firmware);
	status = ask(w);
	close(w->sysfs);
	if (status != AB_EXIT_OK)
		return status;
	r = ab_block_impact(&where, w->disks, w->n, tell_lun, w);
	if (r < 0)
		return ab_cli_fail(w->cli, AB_EXIT_FAILED,
				   "disks cannot be looked at: %s", strerror(-r));
	return AB_EXIT_OK;
}

static void print_summary(const struct what_if *w)
{
	FILE *out = w->cli->out;

	if (w->cli->is_json)
		return;
	fprintf(out,
		"%u session%s would go: %u offline, %u with one path left, %u with "
		"fewer\n",
		w->n_sessions, w->n_sessions == 1 ? "" : "s", w->n_offline, w->n_single,
		w->n_fewer);
	if (w->n_unknown)
		fprintf(out,
			"not counted: %u session%s whose port nobody knows (iface "
			"default)\n",
			w->n_unknown, w->n_unknown == 1 ? "" : "s");
}

int ab_run_what_if(struct ab_cli *cli)
{
	struct what_if w = { .cli = cli };
	int status, r;

	status = take_scopes(&w);
	if (status != AB_EXIT_OK)
		return status;
	r = ab_render_new(cli, &w.render);
	if (r < 0)
		return ab_cli_fail(cli, AB_EXIT_FAILED, "%s", strerror(-r));
	status = look(&w);
	r = ab_render_end(w.render, status == AB_EXIT_OK);
	if (status == AB_EXIT_OK)
		print_summary(&w);
	if (status == AB_EXIT_OK && r < 0 && r != -EPIPE)
		status = ab_cli_fail(cli, AB_EXIT_FAILED, "cannot write the answer: %s",
				     strerror(-r));
	ab_render_free(w.render);
	free(w.disks);
	return status == AB_EXIT_OK && w.n_offline ? AB_EXIT_PROBLEM : status;
}
