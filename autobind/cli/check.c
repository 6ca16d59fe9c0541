/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check - the verb that validates a configuration without the daemon.
 */
#include <errno.h>
#include <string.h>

#include "cli/display.h"
#include "cli/render.h"
#include "cli/run.h"
#include "io/conf.h"
#include "io/host.h"

struct check {
	const struct ab_cli *cli;
	struct ab_render *render; /* for JSON */
	unsigned int n_errors, n_warnings;
	int error;
};

static void print_json(struct check *c, const char *path, const struct ab_diag *diag)
{
	struct ab_row row;

	ab_row_clear(&row);
	if (path)
		ab_row_text(&row, "file", path);
	else
		ab_row_null(&row, "file");
	if (path && diag->line)
		ab_row_number(&row, "line", diag->line);
	else
		ab_row_null(&row, "line");
	ab_row_text(&row, "severity",
		    diag->severity == AB_DIAG_ERROR ? "error" : "warning");
	ab_row_text(&row, "text", diag->text);
	if (!c->error)
		c->error = ab_render_row(c->render, &row);
}

static void print_line(const struct check *c, const char *path,
		       const struct ab_diag *diag)
{
	char raw[AB_ROOT_PATH + AB_DIAG_TEXT + 256], clean[3 * sizeof(raw)];
	struct ab_text t;

	ab_text_init(&t, raw, sizeof(raw));
	ab_diag_format(&t, path, diag);
	ab_text_init(&t, clean, sizeof(clean));
	ab_display_add(&t, raw);
	fprintf(c->cli->out, "%s\n", clean);
}

static void on_diag(void *arg, const char *path, const struct ab_diag *diag)
{
	struct check *c = arg;

	if (diag->severity == AB_DIAG_ERROR)
		c->n_errors++;
	else
		c->n_warnings++;
	if (c->cli->is_json)
		print_json(c, path, diag);
	else
		print_line(c, path, diag);
}

static void print_summary(const struct check *c, bool is_good, uint32_t n_policies)
{
	FILE *out = c->cli->out;

	if (!is_good) {
		fprintf(out, "%u error%s: this configuration would be refused\n",
			c->n_errors, c->n_errors == 1 ? "" : "s");
		return;
	}
	fprintf(out, "valid: %u %s", n_policies,
		n_policies == 1 ? "policy" : "policies");
	if (n_policies == 0)
		(void)fputs(", so no port is taken: autobind setup PORTAL... makes the "
			    "first one",
			    out);
	if (c->n_warnings)
		fprintf(out, ", %u warning%s", c->n_warnings,
			c->n_warnings == 1 ? "" : "s");
	(void)fputc('\n', out);
}

/* As the daemon would see it, started with the same options. */
static void check_database(struct check *c, const struct ab_roots *roots)
{
	struct ab_diag diag = { .severity = AB_DIAG_WARNING };
	struct ab_host host;
	struct ab_text t;

	memset(&host, 0, sizeof(host));
	if (ab_host_locate(roots, &host) < 0 || host.is_iscsiadm_db)
		return;
	ab_text_init(&t, diag.text, sizeof(diag.text));
	ab_text_add(&t, "iscsiadm works on ");
	ab_text_add_escaped(&t, host.place.root, strlen(host.place.root));
	ab_text_add(&t, ", not on ");
	ab_text_add(&t, host.db_root);
	ab_text_add(&t, ": it is not run, Action = login acts as record");
	on_diag(c, NULL, &diag);
}

int ab_run_check(struct ab_cli *cli)
{
	const struct ab_roots *roots = &cli->roots;
	struct ab_conf_roots places = {
		.etc = cli->n_args ? cli->args[0] : roots->path[AB_ROOT_CONFIG],
		.run = cli->n_args ? NULL : roots->path[AB_ROOT_RUN],
		.lib = cli->n_args || !*roots->lib ? NULL : roots->lib,
		.is_lenient = cli->n_args > 0,
	};
	struct check c = { .cli = cli };
	uint32_t n_policies = 0, n_logins = 0;
	int r;

	r = ab_render_new(cli, &c.render);
	if (r == 0)
		r = ab_conf_check(&places, on_diag, &c, &n_policies, &n_logins);
	if (r == 0 && n_logins && !cli->n_args)
		check_database(&c, roots);
	if (r >= 0 && cli->is_json && !c.error)
		c.error = ab_render_end(c.render, true);
	ab_render_free(c.render);
	if (c.error && r >= 0)
		r = c.error;
	if (r < 0)
		return ab_cli_fail(cli, AB_EXIT_FAILED, "%s: %s", places.etc,
				   strerror(-r));
	if (!cli->is_json)
		print_summary(&c, r == 0, n_policies);
	return r == 0 ? AB_EXIT_OK : AB_EXIT_PROBLEM;
}
