/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/run.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/pager.h"
#include "cli/render.h"
#include "util/num.h"
#include "util/text.h"

#define MAX_TIMEOUT_S 86400u /* the daemon refuses more */

struct answer {
	struct ab_cli *cli;
	struct ab_pager *pager; /* runs since the first row; NULL: none */
	struct ab_render *render;
	bool has_rows;
	bool has_problem;
	int error; /* of the renderer */
};

/*
 * What the rows say about the exit status. The head of status has "overall", the end of
 * reload and apply "satisfied", a message of check the severity "error".
 */
static bool is_problem(const struct ab_row *row)
{
	const char *kind = ab_row_get(row, "row");
	const struct ab_cell *c;

	if (ab_streq(kind, "head"))
		return !ab_streq(ab_row_get(row, "overall"), "ok") &&
		       !ab_streq(ab_row_get(row, "overall"), "idle");
	if (ab_streq(kind, "result")) {
		c = ab_row_find(row, "satisfied");
		return !c || c->kind != AB_CELL_BOOL || !c->number;
	}
	return ab_streq(ab_row_get(row, "severity"), "error");
}

/* Only when there is something to read: an error belongs on the terminal itself. */
static void start_pager(struct answer *a)
{
	const struct ab_cli *cli = a->cli;

	if (cli->setup->is_tty && !cli->has_no_pager && !cli->is_json &&
	    cli->verb->style != AB_STYLE_STREAM)
		a->pager = ab_pager_start(&a->cli->out);
}

static int take_row(void *arg, const struct ab_row *row)
{
	struct answer *a = arg;

	if (!a->has_rows)
		start_pager(a);
	a->has_rows = true;
	a->has_problem |= is_problem(row);
	a->error = ab_render_row(a->render, row);
	return a->error;
}

/* What the daemon said no with. */
static int report_answer(const struct ab_cli *cli,
			 const struct ab_client_answer *answer)
{
	int status = AB_EXIT_FAILED;

	switch (answer->error) {
	case AB_MESSAGE_ERROR_DENIED:
		status = AB_EXIT_DENIED;
		break;
	case AB_MESSAGE_ERROR_BAD_PARAMETER:
		status = AB_EXIT_USAGE;
		break;
	case AB_MESSAGE_ERROR_NOT_FOUND:
	case AB_MESSAGE_ERROR_CONFIG:
		status = AB_EXIT_PROBLEM;
		break;
	case AB_MESSAGE_ERROR_NONE:
	case AB_MESSAGE_ERROR_PARSE:
	case AB_MESSAGE_ERROR_NO_METHOD:
	case AB_MESSAGE_ERROR_EXPECTED_MORE:
	case AB_MESSAGE_ERROR_TOO_MANY:
	case AB_MESSAGE_ERROR_BUSY:
	case AB_MESSAGE_ERROR_INTERNAL:
	case AB_MESSAGE_ERROR_MAX:
		break;
	}
	return ab_cli_fail(cli, status, "%s", answer->message);
}

static int report(const struct ab_cli *cli, int r, const char *path,
		  const struct ab_client_answer *answer)
{
	switch (r) {
	case AB_CLIENT_E_NO_DAEMON:
		return ab_cli_fail(cli, AB_EXIT_NO_DAEMON,
				   "no daemon answers at %s: start autobindd, or give "
				   "its folder with --run-dir",
				   path);
	case AB_CLIENT_E_FORBIDDEN:
		return ab_cli_fail(cli, AB_EXIT_DENIED,
				   "%s: permission denied: be root or a member of the "
				   "socket's group",
				   path);
	case AB_CLIENT_E_TIMEOUT:
		return ab_cli_fail(cli, AB_EXIT_FAILED,
				   "%s: no answer for %u s: see the daemon's log", path,
				   cli->verb->deadline_s);
	case AB_CLIENT_E_LOST:
		return ab_cli_fail(cli, AB_EXIT_FAILED,
				   "%s: the daemon closed the connection: see its log",
				   path);
	case AB_CLIENT_E_GARBAGE:
		return ab_cli_fail(cli, AB_EXIT_FAILED,
				   "%s: what answers there does not speak autobind's "
				   "language",
				   path);
	case AB_CLIENT_E_ANSWER:
		return report_answer(cli, answer);
	case AB_CLIENT_E_INTERRUPTED:
		return AB_EXIT_FAILED;
	default:
		return ab_cli_fail(cli, AB_EXIT_FAILED, "%s: %s", path, strerror(-r));
	}
}

static int build_request(const struct ab_cli *cli, struct ab_request *req)
{
	const struct ab_verb *v = cli->verb;
	bool ok = true;
	unsigned int i;

	ab_request_init(req, v->name);
	req->is_more = true;
	for (i = 0; i < AB_VERB_PARAMS && v->params[i] && i < cli->n_args; i++)
		ok = ok && ab_request_add(req, v->params[i], cli->args[i]);
	for (i = 0; v->options && v->options[i].name; i++)
		if (cli->opt[i])
			ok = ok && ab_request_add(req, v->options[i].name, cli->opt[i]);
	if (ok)
		return 0;
	return ab_cli_fail(cli, AB_EXIT_USAGE, "the arguments are too long");
}

/* Of the daemon, between two answers; longer where it may take its time. */
static uint32_t deadline_ms(const struct ab_cli *cli)
{
	const char *timeout = ab_cli_opt(cli, "timeout");
	uint64_t seconds = 0;

	if (ab_cli_opt(cli, "follow"))
		return 0;
	if (timeout)
		(void)ab_num_u64(timeout, 0, MAX_TIMEOUT_S, &seconds); /* it will say */
	return (cli->verb->deadline_s + (uint32_t)seconds) * 1000u;
}

static ab_cli_offline_fn *offline_of(const struct ab_cli *cli)
{
	const struct ab_cli_offline_ops *ops = cli->setup->offline;
	const char *name = cli->verb->name;

	if (!ops || cli->verb->source != AB_VERB_EITHER)
		return NULL;
	if (ab_streq(name, "ports"))
		return ops->ports;
	if (ab_streq(name, "ifaces"))
		return ops->ifaces;
	if (ab_streq(name, "nodes"))
		return ops->nodes;
	if (ab_streq(name, "plan"))
		return ops->plan;
	return NULL;
}

static int run_offline(const struct ab_cli *cli, ab_cli_offline_fn *fn,
		       struct answer *a)
{
	char text[AB_MESSAGE_TEXT];
	struct ab_text message;
	int r, status = AB_EXIT_FAILED;

	ab_text_init(&message, text, sizeof(text));
	r = fn(&cli->roots, ab_cli_opt(cli, "world"), take_row, a, &message);
	if (r == 0 || a->error)
		return AB_EXIT_OK;
	if (r == -EACCES || r == -EPERM)
		status = AB_EXIT_DENIED;
	else if (r == -EINVAL) /* what was read is refused, as the daemon would */
		status = AB_EXIT_PROBLEM;
	return ab_cli_fail(cli, status, "%s", message.len ? text : strerror(-r));
}

/* Asks the daemon, or the files where there is none. Return: enum ab_exit; what the
 * rows say comes on top. */
static int ask(const struct ab_cli *cli, struct answer *a)
{
	struct ab_client_answer answer;
	struct ab_request req;
	struct ab_client_call call = { .req = &req, .fn = take_row, .arg = a };
	ab_cli_offline_fn *offline = offline_of(cli);
	char path[AB_ROOT_PATH + 16];
	int fd, r;

	if (offline && ab_cli_opt(cli, "world"))
		return run_offline(cli, offline, a);
	if (ab_roots_socket(&cli->roots, path, sizeof(path)))
		return ab_cli_fail(cli, AB_EXIT_USAGE, "--run-dir: too long");
	r = build_request(cli, &req);
	if (r)
		return r;
	call.deadline_ms = deadline_ms(cli);
	r = ab_client_connect(path, cli->verb->deadline_s * 1000u, &fd);
	if (r == AB_CLIENT_E_NO_DAEMON && offline)
		return run_offline(cli, offline, a);
	if (r)
		return report(cli, r, path, &answer);
	r = ab_client_call(fd, &call, &answer);
	close(fd);
	return r && !a->error ? report(cli, r, path, &answer) : AB_EXIT_OK;
}

int ab_run_rows(struct ab_cli *cli)
{
	const char *bad = ab_render_bad_filter(cli);
	struct answer a = { .cli = cli };
	int status, r;

	if (bad)
		return ab_cli_fail(cli, AB_EXIT_USAGE,
				   "'%s' is no filter: the members are those of --json",
				   bad);
	r = ab_render_new(cli, &a.render);
	if (r < 0)
		status = ab_cli_fail(cli, AB_EXIT_FAILED, "%s", strerror(-r));
	else
		status = ask(cli, &a);
	if (a.render) {
		r = ab_render_end(a.render, status == AB_EXIT_OK && !a.error);
		ab_render_free(a.render);
		r = a.error ? a.error : r;
	}
	ab_pager_finish(a.pager);
	cli->out = cli->setup->out;
	/* Whoever reads may stop reading: that is no failure. */
	if (status == AB_EXIT_OK && r < 0 && r != -EPIPE)
		status = ab_cli_fail(cli, AB_EXIT_FAILED, "cannot write the answer: %s",
				     strerror(-r));
	return status == AB_EXIT_OK && a.has_problem ? AB_EXIT_PROBLEM : status;
}

int ab_run_reach(struct ab_cli *cli)
{
	struct ab_client_answer answer;
	char path[AB_ROOT_PATH + 16];
	int fd, r;

	if (ab_roots_socket(&cli->roots, path, sizeof(path)))
		return ab_cli_fail(cli, AB_EXIT_USAGE, "--run-dir: too long");
	r = ab_client_connect(path, cli->verb->deadline_s * 1000u, &fd);
	if (r)
		return report(cli, r, path, &answer);
	close(fd);
	return AB_EXIT_OK;
}

int ab_run_help(struct ab_cli *cli)
{
	const char *name = cli->n_args ? cli->args[0] : NULL, *near;
	const struct ab_verb *verb;

	if (!name) {
		ab_args_print_help(cli->out);
		return AB_EXIT_OK;
	}
	verb = ab_verb_find(name);
	if (verb) {
		ab_args_print_verb_help(cli->out, verb);
		return AB_EXIT_OK;
	}
	near = ab_verb_suggest(name);
	return ab_cli_fail(cli, AB_EXIT_USAGE, "unknown verb '%s'%s%s%s", name,
			   near ? ": did you mean " : ": see autobind help",
			   near ? near : "", near ? "?" : "");
}

int ab_run_completion(struct ab_cli *cli)
{
	if (!ab_streq(cli->args[0], "bash"))
		return ab_cli_fail(cli, AB_EXIT_USAGE,
				   "'%s' is no shell that is known: give bash",
				   cli->args[0]);
	ab_args_print_completion(cli->out);
	return AB_EXIT_OK;
}
