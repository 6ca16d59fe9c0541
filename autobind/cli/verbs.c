/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/verbs.h"

#include "cli/run.h"
#include "util/suggest.h"
#include "util/text.h"

static const struct ab_column status_columns[] = {
	{ "port", "PORT", AB_COLUMN_TEXT, NULL },
	{ "policy", "POLICY", AB_COLUMN_TEXT, NULL },
	{ "state", "STATE", AB_COLUMN_STATE, NULL },
	{ "portals_up", "PORTALS", AB_COLUMN_RATIO, "portals_all" },
	{ "records", "RECORDS", AB_COLUMN_RATIO, "records_wanted" },
	{ "sessions", "SESSIONS", AB_COLUMN_RATIO, "sessions_wanted" },
	{ "reason", "REASON", AB_COLUMN_TEXT, NULL },
	{ NULL, NULL, AB_COLUMN_TEXT, NULL },
};

static const struct ab_column port_columns[] = {
	{ "port", "PORT", AB_COLUMN_TEXT, NULL },
	{ "type", "TYPE", AB_COLUMN_TEXT, NULL },
	{ "mac", "MAC", AB_COLUMN_TEXT, NULL },
	{ "driver", "DRIVER", AB_COLUMN_TEXT, NULL },
	{ "mtu", "MTU", AB_COLUMN_NUMBER, NULL },
	{ "state", "STATE", AB_COLUMN_STATE, NULL },
	{ "since_ms", "SINCE", AB_COLUMN_DURATION, NULL },
	{ "policy", "POLICY", AB_COLUMN_TEXT, NULL },
	{ "iface", "IFACE", AB_COLUMN_TEXT, NULL },
	{ "addresses", "ADDRESSES", AB_COLUMN_TEXT, NULL },
	{ NULL, NULL, AB_COLUMN_TEXT, NULL },
};

static const struct ab_column iface_columns[] = {
	{ "iface", "IFACE", AB_COLUMN_TEXT, NULL },
	{ "transport", "TRANSPORT", AB_COLUMN_TEXT, NULL },
	{ "netdev", "NETDEV", AB_COLUMN_TEXT, NULL },
	{ "hwaddress", "HWADDRESS", AB_COLUMN_TEXT, NULL },
	{ "owner", "OWNER", AB_COLUMN_STATE, NULL },
	{ "state", "STATE", AB_COLUMN_STATE, NULL },
	{ "port", "PORT", AB_COLUMN_TEXT, NULL },
	{ "initiatorname", "INITIATOR", AB_COLUMN_TEXT, NULL },
	{ NULL, NULL, AB_COLUMN_TEXT, NULL },
};

static const struct ab_column portal_columns[] = {
	{ "portal", "PORTAL", AB_COLUMN_TEXT, NULL },
	{ "ports_up", "PORTS", AB_COLUMN_RATIO, "ports_all" },
	{ "targets", "TARGETS", AB_COLUMN_NUMBER, NULL },
	{ NULL, NULL, AB_COLUMN_TEXT, NULL },
};

static const struct ab_column path_columns[] = {
	{ "port", "PORT", AB_COLUMN_TEXT, NULL },
	{ "portal", "PORTAL", AB_COLUMN_TEXT, NULL },
	{ "state", "STATE", AB_COLUMN_STATE, NULL },
	{ "since_ms", "SINCE", AB_COLUMN_DURATION, NULL },
	{ "rtt_us", "RTT", AB_COLUMN_RTT, NULL },
	{ "loss", "LOSS%", AB_COLUMN_NUMBER, NULL },
	{ "interval_ms", "EACH", AB_COLUMN_DURATION, NULL },
	{ "role", "ROLE", AB_COLUMN_TEXT, NULL },
	{ "reason", "REASON", AB_COLUMN_TEXT, NULL },
	{ NULL, NULL, AB_COLUMN_TEXT, NULL },
};

static const struct ab_column node_columns[] = {
	{ "target", "TARGET", AB_COLUMN_TEXT, NULL },
	{ "portal", "PORTAL", AB_COLUMN_TEXT, NULL },
	{ "tpgt", "TPGT", AB_COLUMN_NUMBER, NULL },
	{ "iface", "IFACE", AB_COLUMN_TEXT, NULL },
	{ "owner", "OWNER", AB_COLUMN_STATE, NULL },
	{ "state", "STATE", AB_COLUMN_STATE, NULL },
	{ "port", "PORT", AB_COLUMN_TEXT, NULL },
	{ NULL, NULL, AB_COLUMN_TEXT, NULL },
};

static const struct ab_column session_columns[] = {
	{ "target", "TARGET", AB_COLUMN_TEXT, NULL },
	{ "portal", "PORTAL", AB_COLUMN_TEXT, NULL },
	{ "iface", "IFACE", AB_COLUMN_TEXT, NULL },
	{ "port", "PORT", AB_COLUMN_TEXT, NULL },
	{ "sid", "SID", AB_COLUMN_NUMBER, NULL },
	{ "state", "STATE", AB_COLUMN_STATE, NULL },
	{ "since_ms", "SINCE", AB_COLUMN_DURATION, NULL },
	{ "mapped", "MAPPED", AB_COLUMN_RATIO, "disks" },
	{ "owner", "OWNER", AB_COLUMN_STATE, NULL },
	{ "reason", "REASON", AB_COLUMN_TEXT, NULL },
	{ NULL, NULL, AB_COLUMN_TEXT, NULL },
};

static const struct ab_column explain_columns[] = {
	{ "topic", NULL, AB_COLUMN_TEXT, NULL },
	{ "text", NULL, AB_COLUMN_TEXT, NULL },
	{ NULL, NULL, AB_COLUMN_TEXT, NULL },
};

static const struct ab_column check_columns[] = {
	{ "file", NULL, AB_COLUMN_TEXT, NULL },
	{ "line", NULL, AB_COLUMN_NUMBER, NULL },
	{ "severity", NULL, AB_COLUMN_STATE, NULL },
	{ "text", NULL, AB_COLUMN_TEXT, NULL },
	{ NULL, NULL, AB_COLUMN_TEXT, NULL },
};

static const struct ab_column ping_columns[] = {
	{ "seq", NULL, AB_COLUMN_NUMBER, NULL },
	{ "result", NULL, AB_COLUMN_TEXT, NULL },
	{ "rtt_us", NULL, AB_COLUMN_RTT, NULL },
	{ "arrival", NULL, AB_COLUMN_TEXT, NULL },
	{ "error", NULL, AB_COLUMN_TEXT, NULL },
	{ NULL, NULL, AB_COLUMN_TEXT, NULL },
};

static const struct ab_column plan_columns[] = {
	{ "op", "", AB_COLUMN_STATE, NULL },
	{ "kind", "KIND", AB_COLUMN_TEXT, NULL },
	{ "object", "OBJECT", AB_COLUMN_TEXT, NULL },
	{ "port", "PORT", AB_COLUMN_TEXT, NULL },
	{ "reason", "REASON", AB_COLUMN_TEXT, NULL },
	{ NULL, NULL, AB_COLUMN_TEXT, NULL },
};

static const struct ab_column event_columns[] = {
	{ "time_ms", NULL, AB_COLUMN_CLOCK, NULL },
	{ "text", NULL, AB_COLUMN_TEXT, NULL },
	{ NULL, NULL, AB_COLUMN_TEXT, NULL },
};

static const struct ab_column progress_columns[] = {
	{ "port", NULL, AB_COLUMN_TEXT, NULL },
	{ "portal", NULL, AB_COLUMN_TEXT, NULL },
	{ "state", NULL, AB_COLUMN_STATE, NULL },
	{ "text", NULL, AB_COLUMN_TEXT, NULL },
	{ NULL, NULL, AB_COLUMN_TEXT, NULL },
};

static const struct ab_column drain_columns[] = {
	{ "time_ms", NULL, AB_COLUMN_CLOCK, NULL },
	{ "port", NULL, AB_COLUMN_TEXT, NULL },
	{ "portal", NULL, AB_COLUMN_TEXT, NULL },
	{ "state", NULL, AB_COLUMN_STATE, NULL },
	{ "text", NULL, AB_COLUMN_TEXT, NULL },
	{ NULL, NULL, AB_COLUMN_TEXT, NULL },
};

static const struct ab_verb_option drain_options[] = {
	{ "persistent", 0, NULL,
	  "over the next boot, too: below /etc, not below /run" },
	{ "reason", 0, "TEXT", "for those who ask why" },
	{ "force", 0, NULL, "also a network device that is not there" },
	{ "timeout", 0, "SECONDS", "how long to wait for the last session (30)" },
	{ NULL, 0, NULL, NULL },
};

static const struct ab_verb_option undrain_options[] = {
	{ "timeout", 0, "SECONDS", "how long to wait for what is wanted (30)" },
	{ NULL, 0, NULL, NULL },
};

static const struct ab_verb_option wait_options[] = {
	{ "policy", 0, "POLICY", "only ports that it has taken" },
	{ "port", 0, "PORT", "only this port" },
	{ "target", 0, "TARGET",
	  "sessions of this target; a pattern: of all that match" },
	{ "paths", 0, "COUNT", "so many sessions of each target are enough" },
	{ "timeout", 0, "SECONDS", "give up then (120); 0: only look" },
	{ NULL, 0, NULL, NULL },
};

static const struct ab_verb_option event_options[] = {
	{ "follow", 'f', NULL, "go on with what happens from now" },
	{ "lines", 'n', "COUNT", "only the latest COUNT of the past" },
	{ NULL, 0, NULL, NULL },
};

static const struct ab_verb_option ping_options[] = {
	{ "interface", 'I', "PORT", "the network device to probe through" },
	{ "count", 'c', "COUNT", "stop after so many; else at Ctrl-C" },
	{ "interval", 'i', "TIME", "between two probes (1s)" },
	{ "timeout", 'W', "TIME", "how long an answer may take (1s)" },
	{ "size", 's', "BYTES", "of an echo's payload (56)" },
	{ "jumbo", 0, NULL, "echoes as large as the device's MTU" },
	{ "tcp", 0, NULL, "connect instead, to port 3260" },
	{ NULL, 0, NULL, NULL },
};

static const struct ab_verb_option pause_options[] = {
	{ "quiesce", 0, NULL,
	  "because open-iscsi stops; no matter of `resume` by hand" },
	{ NULL, 0, NULL, NULL },
};

static const struct ab_verb_option resume_options[] = {
	{ "quiesce", 0, NULL, "open-iscsi is back; a pause by hand goes on" },
	{ NULL, 0, NULL, NULL },
};

static const struct ab_verb_option world_options[] = {
	{ "world", 'w', "FILE", "on the world that FILE describes, not on this host" },
	{ NULL, 0, NULL, NULL },
};

#define FILTER_DETAILS                                                                 \
	"FILTER is MEMBER=PATTERN or a PATTERN for the first column, as in\n"          \
	"port=ens1* or 10.0.0.*; a row is shown when all filters match.\n"

const struct ab_verb ab_verbs[] = {
	{ .name = "status",
	  .args = "[PORT]",
	  .params = { "port" },
	  .max_args = 1,
	  .source = AB_VERB_DAEMON,
	  .style = AB_STYLE_STATUS,
	  .deadline_s = 10,
	  .help = "how every port is, and why; 1 when something is missing",
	  .details = "The overall line and the exit status are for monitoring: 0 only\n"
		     "when everything that the policies want is there and answers.\n",
	  .columns = status_columns,
	  .empty = "No port.",
	  .run = ab_run_rows },
	{ .name = "ports",
	  .args = "[FILTER]...",
	  .max_args = AB_VERB_ANY,
	  .source = AB_VERB_EITHER,
	  .deadline_s = 10,
	  .has_filters = true,
	  .help = "network devices that can carry iSCSI",
	  .details = FILTER_DETAILS,
	  .options = world_options,
	  .columns = port_columns,
	  .empty = "No port.",
	  .run = ab_run_rows },
	{ .name = "ifaces",
	  .args = "[FILTER]...",
	  .max_args = AB_VERB_ANY,
	  .source = AB_VERB_EITHER,
	  .deadline_s = 10,
	  .has_filters = true,
	  .help = "iface records and whose they are",
	  .details = FILTER_DETAILS,
	  .options = world_options,
	  .columns = iface_columns,
	  .empty = "No iface record.",
	  .run = ab_run_rows },
	{ .name = "portals",
	  .args = "[FILTER]...",
	  .max_args = AB_VERB_ANY,
	  .source = AB_VERB_DAEMON,
	  .deadline_s = 10,
	  .has_filters = true,
	  .help = "network portals and how many ports reach them",
	  .details = FILTER_DETAILS,
	  .columns = portal_columns,
	  .empty = "No portal.",
	  .run = ab_run_rows },
	{ .name = "paths",
	  .args = "[FILTER]...",
	  .max_args = AB_VERB_ANY,
	  .source = AB_VERB_DAEMON,
	  .deadline_s = 10,
	  .has_filters = true,
	  .help = "port by portal: what is probed and what answers",
	  .details = FILTER_DETAILS,
	  .columns = path_columns,
	  .empty = "No path.",
	  .run = ab_run_rows },
	{ .name = "nodes",
	  .args = "[FILTER]...",
	  .max_args = AB_VERB_ANY,
	  .source = AB_VERB_EITHER,
	  .deadline_s = 10,
	  .has_filters = true,
	  .help = "node records: target, portal, iface",
	  .details = FILTER_DETAILS,
	  .options = world_options,
	  .columns = node_columns,
	  .empty = "No node record.",
	  .run = ab_run_rows },
	{ .name = "sessions",
	  .args = "[FILTER]...",
	  .max_args = AB_VERB_ANY,
	  .source = AB_VERB_DAEMON,
	  .deadline_s = 10,
	  .has_filters = true,
	  .help = "sessions, and those that are wanted and not there",
	  .details = FILTER_DETAILS,
	  .columns = session_columns,
	  .empty = "No session.",
	  .run = ab_run_rows },
	{ .name = "explain",
	  .args = "PORT [PORTAL|TARGET]",
	  .params = { "port", "object" },
	  .min_args = 1,
	  .max_args = 2,
	  .source = AB_VERB_DAEMON,
	  .deadline_s = 10,
	  .help = "which policy decided, what is done next and when",
	  .columns = explain_columns,
	  .run = ab_run_rows },
	{ .name = "check",
	  .args = "[DIR]",
	  .max_args = 1,
	  .source = AB_VERB_LOCAL,
	  .style = AB_STYLE_STREAM,
	  .help = "say whether the configuration and all policies are valid",
	  .details =
		  "Prints FILE:LINE: error: TEXT, as compilers do; the exit status is "
		  "1\n"
		  "when a reload would be refused. With DIR only that folder is read,\n"
		  "and owners and modes are warnings, so that it can run anywhere.\n",
	  .columns = check_columns,
	  .run = ab_run_check },
	{ .name = "plan",
	  .args = "",
	  .source = AB_VERB_EITHER,
	  .deadline_s = 30,
	  .help = "what the files as they are now would change; changes nothing",
	  .details = "Marks: + made, - removed, ~ changed; ! is wanted but cannot be "
		     "done\n"
		     "now, for the reason that is told.\n",
	  .options = world_options,
	  .columns = plan_columns,
	  .empty = "Nothing to do.",
	  .run = ab_run_rows },
	{ .name = "ping",
	  .args = "-I PORT ADDRESS[:PORT]",
	  .min_args = 1,
	  .max_args = 1,
	  .source = AB_VERB_LOCAL,
	  .style = AB_STYLE_STREAM,
	  .has_object_lines = true,
	  .help = "the daemon's probe by hand, through one network device",
	  .details =
		  "An address alone is asked with ICMP echoes, which are never\n"
		  "fragmented; with a port a TCP connection is made and closed. Lines\n"
		  "and summary are those of ping(8); 1 when nothing answered.\n",
	  .options = ping_options,
	  .columns = ping_columns,
	  .run = ab_run_ping },
	{ .name = "reload",
	  .args = "",
	  .source = AB_VERB_DAEMON,
	  .style = AB_STYLE_STREAM,
	  .deadline_s = 60,
	  .help = "take the new configuration and wait until it is carried out",
	  .details = "Waits for at most 30 s, then tells what is missing and why; the\n"
		     "exit status is 1 then, and also when the files have errors: in\n"
		     "that case the running configuration stays in force.\n",
	  .columns = progress_columns,
	  .run = ab_run_rows },
	{ .name = "apply",
	  .args = "",
	  .source = AB_VERB_DAEMON,
	  .style = AB_STYLE_STREAM,
	  .deadline_s = 60,
	  .help = "forget waits and held records, do now what is wanted",
	  .columns = progress_columns,
	  .run = ab_run_rows },
	{ .name = "pause",
	  .args = "",
	  .source = AB_VERB_DAEMON,
	  .style = AB_STYLE_STREAM,
	  .deadline_s = 90,
	  .help = "change nothing any more, but go on watching",
	  .details = "Waits, for at most 60 s, until what is being done has ended.\n",
	  .options = pause_options,
	  .columns = progress_columns,
	  .run = ab_run_rows },
	{ .name = "resume",
	  .args = "",
	  .source = AB_VERB_DAEMON,
	  .style = AB_STYLE_STREAM,
	  .deadline_s = 10,
	  .help = "the end of pause",
	  .options = resume_options,
	  .columns = progress_columns,
	  .run = ab_run_rows },
	{ .name = "drain",
	  .args = "PORT|PORTAL",
	  .params = { "object" },
	  .min_args = 1,
	  .max_args = 1,
	  .source = AB_VERB_DAEMON,
	  .style = AB_STYLE_STREAM,
	  .deadline_s = 60,
	  .help = "maintenance: exclude it, and release its sessions one by one",
	  .details =
		  "A session goes only when its guards allow it: all that uses it has\n"
		  "enough other paths. What is left after the time is told with the\n"
		  "reason; the exit status is 1 then. Records stay.\n",
	  .options = drain_options,
	  .columns = drain_columns,
	  .run = ab_run_drain },
	{ .name = "undrain",
	  .args = "[PORT|PORTAL]",
	  .params = { "object" },
	  .max_args = 1,
	  .source = AB_VERB_DAEMON,
	  .style = AB_STYLE_STREAM,
	  .deadline_s = 60,
	  .help = "the end of drain, and of what is held there; without a name of all",
	  .options = undrain_options,
	  .columns = drain_columns,
	  .run = ab_run_undrain },
	{ .name = "wait",
	  .args = "",
	  .source = AB_VERB_DAEMON,
	  .style = AB_STYLE_STREAM,
	  .deadline_s = 180,
	  .has_object_lines = true,
	  .help = "block until what is wanted is there: for units and scripts",
	  .details =
		  "Without options until every taken port has all that its policy\n"
		  "wants, and at least one port is taken. Waits for a daemon that is\n"
		  "still starting, too. 1 when the time is over, after a line for\n"
		  "each thing that is missing.\n",
	  .options = wait_options,
	  .columns = progress_columns,
	  .run = ab_run_wait },
	{ .name = "events",
	  .args = "",
	  .source = AB_VERB_DAEMON,
	  .style = AB_STYLE_STREAM,
	  .deadline_s = 10,
	  .has_object_lines = true,
	  .help = "what happened, what was decided, what was done",
	  .options = event_options,
	  .columns = event_columns,
	  .run = ab_run_rows },
	{ .name = "help",
	  .args = "[VERB]",
	  .max_args = 1,
	  .source = AB_VERB_LOCAL,
	  .help = "this list, or more about one verb",
	  .run = ab_run_help },
	{ .name = "completion",
	  .args = "bash",
	  .min_args = 1,
	  .max_args = 1,
	  .source = AB_VERB_LOCAL,
	  .is_hidden = true,
	  .help = "print the completion script of that shell",
	  .run = ab_run_completion },
};

const size_t ab_n_verbs = sizeof(ab_verbs) / sizeof(ab_verbs[0]);

const struct ab_verb *ab_verb_find(const char *name)
{
	size_t i;

	for (i = 0; i < ab_n_verbs; i++)
		if (ab_streq(ab_verbs[i].name, name))
			return &ab_verbs[i];
	return NULL;
}

const char *ab_verb_suggest(const char *name)
{
	const char *names[sizeof(ab_verbs) / sizeof(ab_verbs[0])];
	size_t i, n = 0;

	for (i = 0; i < ab_n_verbs; i++)
		if (!ab_verbs[i].is_hidden)
			names[n++] = ab_verbs[i].name;
	return ab_suggest(name, names, n);
}
