/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * release - hands owned records back to open-iscsi.
 *
 * The daemon is paused first, so that the list does not change, then it tells what it
 * owns, then it forgets that. node.startup is set here, at the end: records are
 * nobody's then, and an administrator's word may change any.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/render.h"
#include "cli/run.h"
#include "core/name.h"
#include "io/host.h"
#include "util/text.h"

struct release {
	struct ab_cli *cli;
	struct ab_render *render;
	struct ab_node_key *keys; /* owned; of the records that are ours */
	size_t n, max;
	bool is_paused;
};

static const char *const startups[] = { "manual", "automatic", "onboot" };

static bool is_startup(const char *word)
{
	size_t i;

	for (i = 0; i < sizeof(startups) / sizeof(startups[0]); i++)
		if (ab_streq(word, startups[i]))
			return true;
	return false;
}

/* --- the daemon's part --- */

static int keep_key(struct release *r, const struct ab_row *row)
{
	const struct ab_cell *tpgt = ab_row_find(row, "tpgt");
	struct ab_node_key key = { .tpgt = tpgt ? (int32_t)tpgt->number : 0 };
	struct ab_node_key *keys = r->keys;

	/* A name that had to be escaped is none that we have made. */
	if (!ab_streq(ab_row_get(row, "kind"), "node") ||
	    !ab_streq(ab_row_get(row, "owner"), "ours") ||
	    !ab_copy(key.target, sizeof(key.target), ab_row_get(row, "target")) ||
	    !ab_copy(key.iface, sizeof(key.iface), ab_row_get(row, "iface")) ||
	    ab_name_parse_portal(ab_row_get(row, "portal"), &key.portal))
		return 0;
	if (r->n == r->max) {
		r->max = r->max ? 2 * r->max : 64;
		keys = reallocarray(keys, r->max, sizeof(*keys));
		if (!keys)
			return -ENOMEM;
		r->keys = keys;
	}
	r->keys[r->n++] = key;
	return 0;
}

static int take_record(void *arg, const struct ab_row *row)
{
	struct release *r = arg;
	int error = keep_key(r, row);

	return error ? error : ab_render_row(r->render, row);
}

static int take_result(void *arg, const struct ab_row *row)
{
	struct release *r = arg;

	return ab_render_row(r->render, row);
}

static int take_pause(void *arg, const struct ab_row *row)
{
	struct release *r = arg;
	const struct ab_cell *c = ab_row_find(row, "satisfied");

	r->is_paused |= c && c->number;
	return 0;
}

static int ask(struct release *r, const char *method, bool is_dry, ab_client_row_fn *fn)
{
	struct ab_request req;
	struct ab_client_call call = {
		.req = &req,
		.deadline_ms = r->cli->verb->deadline_s * 1000u,
		.fn = fn,
		.arg = r,
	};

	ab_request_init(&req, method);
	req.is_more = true;
	if (is_dry)
		(void)ab_request_add(&req, "dry-run", "yes"); /* it fits */
	return ab_run_ask(r->cli, &call);
}

/* Return: enum ab_exit. */
static int hand_back(struct release *r)
{
	bool is_dry = ab_cli_opt(r->cli, "dry-run") != NULL;
	int status = AB_EXIT_OK;

	if (!is_dry) {
		status = ask(r, "pause", false, take_pause);
		if (status == AB_EXIT_OK && !r->is_paused)
			status = ab_cli_fail(r->cli, AB_EXIT_PROBLEM,
					     "paused, but what was being done has not "
					     "ended: nothing is released; try again");
	}
	if (status == AB_EXIT_OK)
		status = ask(r, "release", true, take_record);
	if (status == AB_EXIT_OK && !is_dry)
		status = ask(r, "release", false, take_result);
	return status;
}

/* --- node.startup --- */

/* Fills a job that writes the record as it is now, with another startup. Return: NULL,
 * or what is the matter. */
static const char *prepare(struct ab_db *db, const struct ab_node_key *key,
			   const char *startup, struct ab_db_job *job)
{
	enum ab_record_state state = AB_RECORD_BROKEN;
	struct ab_record rec;
	int r = ab_db_read_node(db, key, &rec, &state);

	memset(job, 0, sizeof(*job));
	if (r == -ENOENT || r == -ENOTDIR)
		return "it has gone meanwhile";
	if (r || state != AB_RECORD_OK)
		return "it cannot be read";
	job->expected = ab_record_hash(&rec);
	if (ab_record_set_value(&rec, AB_KEY_NODE_STARTUP, startup) ||
	    ab_record_set_value(&rec, AB_KEY_CONN_STARTUP, startup))
		return "open-iscsi does not take the word";
	job->op = AB_DB_NODE_WRITE;
	job->is_update = true;
	job->key = *key;
	job->record = &rec;
	ab_db_prepare(db, job, 1);
	job->record = NULL;
	return NULL;
}

static int fail_record(const struct ab_cli *cli, const struct ab_node_key *key,
		       const char *why)
{
	char portal[AB_ADDR_TEXT + 16];
	struct ab_text t;

	ab_text_init(&t, portal, sizeof(portal));
	ab_name_add_portal(&t, &key->portal);
	return ab_cli_fail(cli, AB_EXIT_PROBLEM,
			   "%s %s via %s: node.startup not set: %s", key->target,
			   portal, key->iface, why);
}

/* As many as one hold of the lock takes. Return: enum ab_exit. */
static int set_some(const struct release *r, struct ab_db *db, struct ab_db_job *jobs,
		    size_t first, size_t n, const char *startup)
{
	int status = AB_EXIT_OK;
	size_t i;

	for (i = 0; i < n; i++) {
		const char *why = prepare(db, &r->keys[first + i], startup, &jobs[i]);

		if (why)
			status = fail_record(r->cli, &r->keys[first + i], why);
	}
	ab_db_commit(db, jobs, n);
	for (i = 0; i < n; i++) {
		if (jobs[i].op == AB_DB_NODE_WRITE &&
		    jobs[i].outcome != AB_OUTCOME_DONE)
			status = fail_record(r->cli, &r->keys[first + i],
					     jobs[i].why ? jobs[i].why
							 : strerror(jobs[i].code));
		ab_db_job_clear(&jobs[i]);
	}
	return status;
}

static int set_startups(const struct release *r, const char *startup)
{
	struct ab_db_job *jobs = calloc(AB_DB_BATCH_MAX, sizeof(*jobs));
	struct ab_host host;
	struct ab_db *db = NULL;
	int status = AB_EXIT_OK, one, error;
	size_t i, n;

	error = jobs ? ab_host_read(&r->cli->roots, &host) : -ENOMEM;
	if (error == 0)
		error = ab_db_open(&host.db, &db);
	if (error)
		status = ab_cli_fail(
			r->cli, AB_EXIT_FAILED,
			"open-iscsi's database: %s; node.startup is not set",
			strerror(-error));
	for (i = 0; i < r->n && !error; i += n) {
		n = r->n - i < AB_DB_BATCH_MAX ? r->n - i : AB_DB_BATCH_MAX;
		one = set_some(r, db, jobs, i, n, startup);
		status = one ? one : status;
	}
	(void)ab_db_close(db);
	free(jobs);
	return status;
}

int ab_run_release(struct ab_cli *cli)
{
	const char *startup = ab_cli_opt(cli, "startup");
	struct release r = { .cli = cli };
	int status, error;

	if (startup && !is_startup(startup))
		return ab_cli_fail(cli, AB_EXIT_USAGE,
				   "--startup: '%s' is not manual, automatic or onboot",
				   startup);
	error = ab_render_new(cli, &r.render);
	if (error < 0)
		return ab_cli_fail(cli, AB_EXIT_FAILED, "%s", strerror(-error));
	status = hand_back(&r);
	if (status == AB_EXIT_OK && startup && !ab_cli_opt(cli, "dry-run"))
		status = set_startups(&r, startup);
	error = ab_render_end(r.render, status == AB_EXIT_OK);
	if (status == AB_EXIT_OK && error < 0 && error != -EPIPE)
		status = ab_cli_fail(cli, AB_EXIT_FAILED, "cannot write the answer: %s",
				     strerror(-error));
	ab_render_free(r.render);
	free(r.keys);
	return status;
}
