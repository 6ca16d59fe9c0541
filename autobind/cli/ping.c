/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ping - the verb that probes one portal by hand.
 */
#include <errno.h>
#include <string.h>

#include "cli/render.h"
#include "cli/run.h"
#include "core/name.h"
#include "io/ping.h"
#include "util/num.h"

struct ping {
	const struct ab_cli *cli;
	struct ab_render *render; /* for JSON */
	int error;
};

static const char *result_word(uint8_t result)
{
	static const char *const words[AB_PROBE_RESULT_MAX] = {
		[AB_PROBE_ANSWER] = "answer",
		[AB_PROBE_LOST] = "lost",
		[AB_PROBE_REFUSED] = "refused",
		[AB_PROBE_CANNOT_SEND] = "cannot-send",
		[AB_PROBE_WRONG_DEVICE] = "wrong-device",
	};

	return result < AB_PROBE_RESULT_MAX ? words[result] : "unknown";
}

static void result_row(const struct ab_ping_report *report, struct ab_row *row)
{
	ab_row_number(row, "seq", report->seq);
	ab_row_text(row, "result", result_word(report->result));
	if (report->result == AB_PROBE_ANSWER && report->rtt_us)
		ab_row_number(row, "rtt_us", report->rtt_us);
	else
		ab_row_null(row, "rtt_us");
	if (report->result == AB_PROBE_WRONG_DEVICE)
		ab_row_foreign(row, "arrival", report->arrival);
	else
		ab_row_null(row, "arrival");
	if (report->error)
		ab_row_text(row, "error", strerror(report->error));
	else
		ab_row_null(row, "error");
}

static void summary_row(const struct ab_ping_report *report, struct ab_row *row)
{
	ab_row_number(row, "sent", report->n_sent);
	ab_row_number(row, "answered", report->n_answered);
	ab_row_number(row, "errors", report->n_errors);
	ab_row_number(row, "time_ms", (int64_t)report->time_ms);
	if (!report->n_answered)
		return;
	ab_row_number(row, "rtt_min_us", report->rtt_min);
	ab_row_number(row, "rtt_avg_us", report->rtt_avg);
	ab_row_number(row, "rtt_max_us", report->rtt_max);
	ab_row_number(row, "rtt_mdev_us", report->rtt_mdev);
}

static void on_report(void *arg, const struct ab_ping_report *report)
{
	struct ping *p = arg;
	char text[AB_PING_TEXT];
	struct ab_row row;

	if (!p->cli->is_json) {
		ab_ping_text(report, text, sizeof(text));
		(void)fputs(text, p->cli->out);
		if (fflush(p->cli->out) != 0 && !p->error)
			p->error = -errno;
		return;
	}
	if (report->what == AB_PING_START)
		return;
	ab_row_clear(&row);
	if (report->what == AB_PING_RESULT)
		result_row(report, &row);
	else
		summary_row(report, &row);
	if (!p->error)
		p->error = ab_render_row(p->render, &row);
}

/* "200ms", "2s", or seconds as a bare number, as ping(8) has them. */
static int parse_time(const char *s, uint32_t *ret_ms)
{
	uint64_t seconds;
	int64_t ms;

	if (ab_num_u64(s, 1, 3600, &seconds) == 0)
		*ret_ms = (uint32_t)seconds * 1000;
	else if (ab_num_duration(s, 20, 3600000, &ms) == 0)
		*ret_ms = (uint32_t)ms;
	else
		return -1;
	return 0;
}

static int take_time(const struct ab_cli *cli, const char *name, uint32_t *ms)
{
	const char *value = ab_cli_opt(cli, name);

	if (!value || parse_time(value, ms) == 0)
		return 0;
	return ab_cli_fail(cli, AB_EXIT_USAGE,
			   "--%s: '%s' is no time from 20ms to 1h, as 200ms or 2s",
			   name, value);
}

static int take_number(const struct ab_cli *cli, const char *name, uint64_t max,
		       uint32_t *number)
{
	const char *value = ab_cli_opt(cli, name);
	uint64_t n;

	if (!value)
		return 0;
	if (ab_num_u64(value, 1, max, &n))
		return ab_cli_fail(cli, AB_EXIT_USAGE,
				   "--%s: '%s' is no number from 1 to %u", name, value,
				   (unsigned int)max);
	*number = (uint32_t)n;
	return 0;
}

/* An address alone is asked by echo; with a port, or with --tcp, by connecting. */
static int take_portal(const struct ab_cli *cli, struct ab_ping_options *o)
{
	struct ab_addr addr;
	int r = ab_name_parse_portal(cli->args[0], &o->portal);

	if (r)
		return ab_cli_fail(cli, AB_EXIT_USAGE,
				   "'%s' %s; ADDRESS[:PORT] is wanted", cli->args[0],
				   ab_name_strerror(r));
	if (ab_cli_opt(cli, "tcp") || ab_name_parse_addr(cli->args[0], &addr))
		o->method = AB_PROBE_TCP;
	if (o->method == AB_PROBE_TCP && (ab_cli_opt(cli, "size") || o->is_jumbo))
		return ab_cli_fail(
			cli, AB_EXIT_USAGE,
			"--size and --jumbo are for echoes: give the address "
			"without a port, and no --tcp");
	return 0;
}

static int read_options(const struct ab_cli *cli, struct ab_ping_options *o)
{
	int r;

	*o = (struct ab_ping_options){ .ifname = ab_cli_opt(cli, "interface"),
				       .method = AB_PROBE_ICMP,
				       .interval_ms = 1000,
				       .timeout_ms = 1000,
				       .is_jumbo = ab_cli_opt(cli, "jumbo") };
	if (!o->ifname)
		return ab_cli_fail(cli, AB_EXIT_USAGE,
				   "through which port? usage: autobind ping -I PORT "
				   "ADDRESS[:PORT]");
	r = take_portal(cli, o);
	if (!r)
		r = take_number(cli, "count", UINT32_MAX, &o->count);
	if (!r)
		r = take_number(cli, "size", UINT16_MAX, &o->size);
	if (!r)
		r = take_time(cli, "interval", &o->interval_ms);
	if (!r)
		r = take_time(cli, "timeout", &o->timeout_ms);
	return r;
}

static int report(const struct ab_cli *cli, const struct ab_ping_options *o, int r)
{
	int status = AB_EXIT_PROBLEM;

	if (r == -EPERM || r == -EACCES)
		return ab_cli_fail(cli, AB_EXIT_DENIED,
				   "may not send echoes: be root, or widen "
				   "net.ipv4.ping_group_range");
	if (r < 0)
		return ab_cli_fail(cli, AB_EXIT_FAILED, "%s: %s", o->ifname,
				   strerror(-r));
	if (r == AB_PING_E_NO_DEVICE || r == AB_PING_E_SIZE)
		status = AB_EXIT_USAGE;
	return ab_cli_fail(cli, status, "%s: %s%s", o->ifname, ab_ping_strerror(r),
			   r == AB_PING_E_NO_DEVICE ? ": autobind ports lists them"
						    : "");
}

int ab_run_ping(struct ab_cli *cli)
{
	struct ping p = { .cli = cli };
	struct ab_ping_options options;
	int status = 0, r;

	r = read_options(cli, &options);
	if (r)
		return r;
	r = ab_render_new(cli, &p.render);
	if (r == 0)
		r = ab_ping_run(&options, on_report, &p, &status);
	if (r == 0 && cli->is_json && !p.error)
		p.error = ab_render_end(p.render, true);
	ab_render_free(p.render);
	if (r)
		return report(cli, &options, r);
	if (p.error)
		return ab_cli_fail(cli, AB_EXIT_FAILED, "cannot write the answer: %s",
				   strerror(-p.error));
	return status == 0 ? AB_EXIT_OK : AB_EXIT_PROBLEM;
}
