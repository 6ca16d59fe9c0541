/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/policy_keys.h"

#include <assert.h>
#include <string.h>

#include "core/policy.h"
#include "util/num.h"
#include "util/suggest.h"
#include "util/text.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define NUMBER_MAX 999 /* of Key.N */

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* In the order of the enums that the words stand for. */
static const char *const transport_words[] = { "tcp", NULL };
static const char *const create_words[] = { "reachable", "always", NULL };
static const char *const bind_by_words[] = { "name", "mac", NULL };
static const char *const use_words[] = { "own", "default", NULL };
static const char *const method_words[] = { "none",	"icmp",	    "tcp",
					    "icmp+tcp", "icmp|tcp", NULL };
static const char *const action_words[] = { "ignore", "iface", "record", "login",
					    NULL };
static const char *const startup_words[] = { "manual", "automatic", "onboot", NULL };
static const char *const multipath_words[] = { "require", "off", NULL };
static const char *const unbind_words[] = { "redundant", "idle", "never", NULL };
static const char *const format_words[] = { "1", NULL };

#define OF(member) .offset = offsetof(struct ab_policy, member)
#define OF_MATCH(key)                                                                  \
	.offset = offsetof(struct ab_policy, match_words) +                            \
		  (key) * sizeof(struct ab_span)
#define OF_EXCLUDE(member) .offset = offsetof(struct ab_exclude, member)
#define LATER(s, n)                                                                    \
	{                                                                              \
		.section = (s), .name = (n), .type = AB_VALUE_LATER                    \
	}

/* clang-format off */
const struct ab_policy_key ab_policy_keys[] = {
	{ "Match", "Name", AB_VALUE_NETDEVS, OF_MATCH(AB_MATCH_NAME),
	  .help = "names of network devices" },
	{ "Match", "MAC", AB_VALUE_MACS, OF_MATCH(AB_MATCH_MAC),
	  .help = "present hardware addresses" },
	{ "Match", "Driver", AB_VALUE_GLOBS, OF_MATCH(AB_MATCH_DRIVER),
	  .help = "kernel drivers" },
	{ "Match", "Type", AB_VALUE_TYPES, OF_MATCH(AB_MATCH_TYPE),
	  .help = "kinds of device" },
	{ "Match", "Master", AB_VALUE_MASTERS, OF_MATCH(AB_MATCH_MASTER),
	  .help = "bond, bridge, VRF or team above the device, or none" },
	{ "Match", "Address", AB_VALUE_NETS, OF(match_addresses),
	  .help = "ranges in which the device has an address" },
	LATER("Match", "AltName"), LATER("Match", "PermanentMAC"), LATER("Match", "Path"),
	LATER("Match", "Vendor"), LATER("Match", "Vlan"), LATER("Match", "Speed"),
	LATER("Match", "Transport"), LATER("Match", "Property"), LATER("Match", "Host"),
	LATER("Match", "Kernel"), LATER("Match", "Virtualization"),

	{ "Iface", "Name", AB_VALUE_IFACE_NAME, OF(iface_template), .fallback = "ab-%i",
	  .help = "name of a new iface record; %i device, %m hardware address" },
	{ "Iface", "Create", AB_VALUE_WORD, OF(create), .words = create_words,
	  .fallback = "reachable", .help = "when the iface record is made" },
	{ "Iface", "BindBy", AB_VALUE_WORD, OF(bind_by), .words = bind_by_words,
	  .fallback = "name", .help = "what the iface record binds by" },
	{ "Iface", "Use", AB_VALUE_WORD, OF(use_default), .words = use_words,
	  .fallback = "own", .help = "own iface record, or open-iscsi's unbound default" },
	{ "Iface", "InitiatorName", AB_VALUE_TARGET_NAME, OF(initiatorname),
	  .help = "iSCSI name to log in with instead of the host's" },
	{ "Iface", "Transport", AB_VALUE_CHECKED, .words = transport_words,
	  .later = "iser", .fallback = "tcp", .help = "transport of the iface record" },
	LATER("Iface", "ExpectMTU"), LATER("Iface", "IPAddress"),
	LATER("Iface", "Netmask"), LATER("Iface", "Gateway"), LATER("Iface", "VlanId"),

	{ "Portals", "Discover", AB_VALUE_PORTALS, OF(discover),
	  .help = "portals to ask for targets (SendTargets)" },
	{ "Portals", "Static", AB_VALUE_STATICS, OF(statics),
	  .help = "targets that need no discovery, as IQN@ADDRESS:PORT,TPGT" },
	{ "Portals", "SameSubnet", AB_VALUE_BOOL, OF(same_subnet), .fallback = "yes",
	  .help = "only portals in a subnet of the port" },
	{ "Portals", "Allow", AB_VALUE_RANGES, OF(allow),
	  .help = "ranges and portals that may be used; without it all" },
	{ "Portals", "Deny", AB_VALUE_RANGES, OF(deny),
	  .help = "ranges and portals that are never used; wins over Allow" },
	{ "Portals", "Targets", AB_VALUE_TARGETS, OF(targets),
	  .help = "names of wanted targets; mandatory for record and login" },
	{ "Portals", "MaxPortals", AB_VALUE_U32, OF(max_portals), .min = 1, .max = 1024,
	  .fallback = "32", .help = "portals per port at most" },
	{ "Portals", "Refresh", AB_VALUE_MS, OF(refresh_ms), .min = 10 * SECOND,
	  .max = 7 * DAY, .fallback = "1h", .help = "time between two discoveries" },
	LATER("Portals", "Isns"), LATER("Portals", "Firmware"),
	{ "Portals", "Chap", AB_VALUE_CHAP, OF(discovery_chap),
	  .help = "file below chap/ with name and secret for discoveries" },
	LATER("Portals", "UseDatabase"),

	{ "Probe", "Method", AB_VALUE_WORD, OF(method), .words = method_words,
	  .fallback = "icmp", .help = "how a portal is probed" },
	{ "Probe", "Interval", AB_VALUE_MS, OF(interval_ms), .min = 100, .max = HOUR,
	  .fallback = "5s", .help = "time between two probes of a path that is up" },
	{ "Probe", "IntervalDown", AB_VALUE_MS_RANGE, OF(interval_down_min_ms), .min = 1000,
	  .max = DAY, .fallback = "10s..60s",
	  .help = "the same for a path that is down: first and longest" },
	{ "Probe", "Timeout", AB_VALUE_MS, OF(timeout_ms), .min = 10, .max = MINUTE,
	  .fallback = "1s", .help = "time after which a probe counts as lost" },
	{ "Probe", "Rise", AB_VALUE_U8, OF(rise), .min = 1, .max = 100, .fallback = "2",
	  .help = "answers in a row that make a path up" },
	{ "Probe", "Fall", AB_VALUE_U8, OF(fall), .min = 1, .max = 100, .fallback = "3",
	  .help = "losses in a row that make a path down" },
	LATER("Probe", "HoldDown"), LATER("Probe", "LoggedIn"), LATER("Probe", "Jumbo"),
	LATER("Probe", "Network"),

	{ "Bind", "Action", AB_VALUE_WORD, OF(action), .words = action_words,
	  .help = "what to do with a matching port; mandatory" },
	{ "Bind", "Settle", AB_VALUE_MS, OF(settle_ms), .max = DAY, .fallback = "5min",
	  .help = "how long a taken port may contradict its policy" },
	{ "Bind", "Retire", AB_VALUE_MS_NEVER, OF(retire_ms), .min = MINUTE,
	  .max = 3650 * DAY, .fallback = "never",
	  .help = "how long after its port went an owned record is deleted" },
	{ "Bind", "SessionsPerTarget", AB_VALUE_U32_RANGE, OF(sessions_min), .min = 1,
	  .max = 64, .fallback = "1..8",
	  .help = "sessions of one target: fewest to be content with, most" },
	{ "Bind", "SessionsPerPort", AB_VALUE_U32, OF(sessions_per_port), .min = 1,
	  .max = 64, .fallback = "1", .help = "the same through one port, at most" },
	{ "Bind", "TotalSessions", AB_VALUE_U32, OF(sessions_total), .min = 1,
	  .max = 65536, .fallback = "128",
	  .help = "sessions of this host, others' included, at most" },
	{ "Bind", "Concurrency", AB_VALUE_U32, OF(concurrency), .min = 1, .max = 32,
	  .fallback = "8", .help = "logins at the same time" },
	{ "Bind", "Retry", AB_VALUE_MS_RANGE, OF(retry_min_ms), .min = 100, .max = DAY,
	  .fallback = "1s..300s", .help = "wait after a failed login: first and longest" },
	{ "Bind", "Unbind", AB_VALUE_WORD, OF(unbind), .words = unbind_words,
	  .fallback = "redundant", .help = "which unwanted sessions are released" },
	{ "Bind", "MinPaths", AB_VALUE_U32, OF(min_paths), .min = 1, .max = 64,
	  .fallback = "1", .help = "other active paths that a released session leaves" },
	{ "Bind", "Multipath", AB_VALUE_WORD, OF(multipath), .words = multipath_words,
	  .fallback = "require", .help = "is multipathd asked before a second session" },
	{ "Bind", "Startup", AB_VALUE_CHECKED, .words = startup_words,
	  .fallback = "manual", .help = "node.startup of new node records" },
	{ "Bind", "Chap", AB_VALUE_CHAP, OF(chap),
	  .help = "file below chap/ with name and secret for sessions" },
	LATER("Bind", "Spread"), LATER("Bind", "Adopt"),
	LATER("Bind", "FastFail"),

	LATER("Boot", "Include"), LATER("Boot", "Budget"),

	{ "General", "Format", AB_VALUE_FORMAT, .words = format_words, .fallback = "1",
	  .help = "version of the configuration language" },

	{ "Exclude", "Port", AB_VALUE_NETDEVS, OF_EXCLUDE(ports),
	  .help = "names of network devices that are left alone" },
	{ "Exclude", "MAC", AB_VALUE_MACS, OF_EXCLUDE(macs),
	  .help = "hardware addresses, present or permanent, that are left alone" },
	{ "Exclude", "Portal", AB_VALUE_RANGES, OF_EXCLUDE(portals),
	  .help = "ranges and portals that are never used, through no port" },
	{ "Exclude", "Reason", AB_VALUE_TEXT, OF_EXCLUDE(reason),
	  .help = "why, for those who ask" },
	{ "Exclude", "Drain", AB_VALUE_BOOL, OF_EXCLUDE(is_drain), .fallback = "no",
	  .help = "release sessions over what is excluded, too" },
	LATER("Exclude", "Until"),
};
/* clang-format on */
const size_t ab_policy_n_keys = COUNT(ab_policy_keys);

#define IN_POLICY (1u << AB_POLICY_MAIN | 1u << AB_POLICY_DROPIN)

static const struct ab_policy_section sections[] = {
	{ "Match", IN_POLICY, "policy.d" },
	{ "Iface", IN_POLICY, "policy.d" },
	{ "Portals", IN_POLICY, "policy.d" },
	{ "Probe", IN_POLICY, "policy.d" },
	{ "Bind", IN_POLICY, "policy.d" },
	{ "Node", IN_POLICY, "policy.d" },
	{ "Boot", 0, "policy.d" },
	{ "General", 1u << AB_POLICY_GLOBAL, "autobind.conf" },
	{ "Defaults", 1u << AB_POLICY_GLOBAL, "autobind.conf" },
	{ "Exclude", 1u << AB_POLICY_EXCLUDE, "exclude.d" },
};

const struct ab_policy_section *ab_policy_section_find(const char *name)
{
	size_t i;

	for (i = 0; i < COUNT(sections); i++)
		if (ab_streq(sections[i].name, name))
			return &sections[i];
	return NULL;
}

const char *ab_policy_section_suggest(const char *name, unsigned int kind)
{
	const char *names[COUNT(sections)];
	size_t i, n = 0;

	for (i = 0; i < COUNT(sections); i++)
		if (sections[i].kinds & 1u << kind)
			names[n++] = sections[i].name;
	return ab_suggest(name, names, n);
}

static bool section_has(const char *section, const struct ab_policy_key *key)
{
	if (!ab_streq(section, "Defaults"))
		return ab_streq(section, key->section);
	return ab_streq(key->section, "Iface") || ab_streq(key->section, "Portals") ||
	       ab_streq(key->section, "Probe") || ab_streq(key->section, "Bind");
}

bool ab_policy_key_gives(const struct ab_policy_key *key, const char *section,
			 const char *name, unsigned int *ret_number)
{
	const char *k = key->name;
	uint64_t number = 0;

	for (; *k && *k == *name; k++)
		name++;
	if (*k || (*name && *name != '.'))
		return false;
	if (*name && ((key->type < AB_VALUE_LIST && key->type != AB_VALUE_LATER) ||
		      name[1] == '0' || ab_num_u64(name + 1, 1, NUMBER_MAX, &number)))
		return false;
	*ret_number = (unsigned int)number;
	return section_has(section, key);
}

const struct ab_policy_key *ab_policy_key_find(const char *section, const char *name,
					       unsigned int *ret_number)
{
	size_t i;

	for (i = 0; i < COUNT(ab_policy_keys); i++)
		if (ab_policy_key_gives(&ab_policy_keys[i], section, name, ret_number))
			return &ab_policy_keys[i];
	return NULL;
}

const char *ab_policy_key_suggest(const char *section, const char *name)
{
	const char *names[COUNT(ab_policy_keys)];
	size_t i, n = 0;

	for (i = 0; i < COUNT(ab_policy_keys); i++)
		if (section_has(section, &ab_policy_keys[i]))
			names[n++] = ab_policy_keys[i].name;
	return ab_suggest(name, names, n);
}

const char *ab_policy_key_home(const char *name)
{
	size_t i;

	for (i = 0; i < COUNT(ab_policy_keys); i++)
		if (ab_streq(ab_policy_keys[i].name, name))
			return ab_policy_keys[i].section;
	return ab_starts_with(name, "node.") ? "Node" : NULL;
}

bool ab_policy_key_is_policy(const struct ab_policy_key *key)
{
	return key->type != AB_VALUE_LATER &&
	       (section_has("Match", key) || section_has("Defaults", key));
}

static const char *const no_yes[] = { "No", "Yes", NULL };
static const char *const authmethod_words[] = { "None", "CHAP", NULL };
static const char *const scan_words[] = { "manual", "auto", NULL };
static const char *const digest_words[] = { "None", "CRC32C", "CRC32C,None",
					    "None,CRC32C", NULL };

#define SESSION "node.session."
#define CONN "node.conn[0]."
#define IDENTITY(n)                                                                    \
	{                                                                              \
		.name = (n), .type = AB_SETTING_IDENTITY                               \
	}
#define SECRET(n)                                                                      \
	{                                                                              \
		.name = (n), .type = AB_SETTING_SECRET                                 \
	}
#define TEXT(n)                                                                        \
	{                                                                              \
		.name = (n), .type = AB_SETTING_TEXT                                   \
	}
#define WORD(n, w)                                                                     \
	{                                                                              \
		.name = (n), .type = AB_SETTING_WORD, .words = (w)                     \
	}
#define NUMBER(n, lo, hi)                                                              \
	{                                                                              \
		.name = (n), .type = AB_SETTING_NUMBER, .min = (lo), .max = (hi)       \
	}
#define LENGTH_MAX 16777215 /* 2^24 - 1: RFC 7143 13.12 to 13.14 */

/* Names and ranges: open-iscsi 2.0-871 to 2.1.12, usr/idbm.c and RFC 7143 13. */
/* clang-format off */
const struct ab_node_setting_key ab_node_setting_keys[] = {
	IDENTITY("node.name"),
	IDENTITY("node.tpgt"),
	WORD("node.startup", startup_words),
	WORD("node.leading_login", no_yes),
	IDENTITY("node.discovery_address"),
	IDENTITY("node.discovery_port"),
	IDENTITY("node.discovery_type"),
	NUMBER(SESSION "initial_cmdsn", 0, INT32_MAX),
	NUMBER(SESSION "initial_login_retry_max", 0, INT32_MAX),
	NUMBER(SESSION "xmit_thread_priority", -20, 19),
	NUMBER(SESSION "cmds_max", 2, 2048),
	NUMBER(SESSION "queue_depth", 1, 1024),
	NUMBER(SESSION "nr_sessions", 1, 64),
	WORD(SESSION "auth.authmethod", authmethod_words),
	TEXT(SESSION "auth.username"),
	SECRET(SESSION "auth.password"),
	TEXT(SESSION "auth.username_in"),
	SECRET(SESSION "auth.password_in"),
	SECRET(SESSION "auth.password_length"),
	SECRET(SESSION "auth.password_in_length"),
	TEXT(SESSION "auth.chap_algs"),
	NUMBER(SESSION "timeo.replacement_timeout", -1, INT32_MAX),
	NUMBER(SESSION "err_timeo.abort_timeout", 0, INT32_MAX),
	NUMBER(SESSION "err_timeo.lu_reset_timeout", 0, INT32_MAX),
	NUMBER(SESSION "err_timeo.tgt_reset_timeout", 0, INT32_MAX),
	NUMBER(SESSION "err_timeo.host_reset_timeout", 0, INT32_MAX),
	WORD(SESSION "iscsi.FastAbort", no_yes),
	WORD(SESSION "iscsi.InitialR2T", no_yes),
	WORD(SESSION "iscsi.ImmediateData", no_yes),
	NUMBER(SESSION "iscsi.FirstBurstLength", 512, LENGTH_MAX),
	NUMBER(SESSION "iscsi.MaxBurstLength", 512, LENGTH_MAX),
	NUMBER(SESSION "iscsi.DefaultTime2Retain", 0, 3600),
	NUMBER(SESSION "iscsi.DefaultTime2Wait", 0, 3600),
	NUMBER(SESSION "iscsi.MaxConnections", 1, 65535),
	NUMBER(SESSION "iscsi.MaxOutstandingR2T", 1, 65535),
	NUMBER(SESSION "iscsi.ERL", 0, 2),
	WORD(SESSION "scan", scan_words),
	NUMBER(SESSION "reopen_max", 0, INT32_MAX),
	NUMBER(SESSION "conn_reopen_log_freq", 0, INT32_MAX),
	NUMBER(SESSION "sess_reopen_log_freq", 0, INT32_MAX),
	IDENTITY(CONN "address"),
	IDENTITY(CONN "port"),
	WORD(CONN "startup", startup_words),
	NUMBER(CONN "tcp.window_size", 0, INT32_MAX),
	NUMBER(CONN "tcp.type_of_service", 0, 255),
	TEXT(CONN "tcp.congestion_control"),
	NUMBER(CONN "timeo.logout_timeout", 0, INT32_MAX),
	NUMBER(CONN "timeo.login_timeout", 0, INT32_MAX),
	NUMBER(CONN "timeo.auth_timeout", 0, INT32_MAX),
	NUMBER(CONN "timeo.noop_out_interval", 0, INT32_MAX),
	NUMBER(CONN "timeo.noop_out_timeout", 0, INT32_MAX),
	NUMBER(CONN "iscsi.MaxXmitDataSegmentLength", 0, LENGTH_MAX),
	NUMBER(CONN "iscsi.MaxRecvDataSegmentLength", 512, LENGTH_MAX),
	WORD(CONN "iscsi.HeaderDigest", digest_words),
	WORD(CONN "iscsi.DataDigest", digest_words),
	WORD(CONN "iscsi.IFMarker", no_yes),
	WORD(CONN "iscsi.OFMarker", no_yes),
};
/* clang-format on */
const size_t ab_node_n_setting_keys = COUNT(ab_node_setting_keys);

const struct ab_node_setting_key *ab_node_setting_find(const char *name)
{
	size_t i;

	for (i = 0; i < COUNT(ab_node_setting_keys); i++)
		if (ab_streq(ab_node_setting_keys[i].name, name))
			return &ab_node_setting_keys[i];
	return NULL;
}

/* ab_suggest() looks at 32 bytes only, and most of these are longer: compare what
 * stands behind the last dot, which is where they differ. */
static const char *tail_of(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot ? dot + 1 : name;
}

static size_t common_prefix(const char *a, const char *b)
{
	size_t n = 0;

	while (a[n] && a[n] == b[n])
		n++;
	return n;
}

const char *ab_node_setting_suggest(const char *name)
{
	const char *tails[COUNT(ab_node_setting_keys)], *tail, *best = NULL;
	size_t i;

	for (i = 0; i < COUNT(tails); i++)
		tails[i] = tail_of(ab_node_setting_keys[i].name);
	tail = ab_suggest(tail_of(name), tails, COUNT(tails));
	for (i = 0; tail && i < COUNT(tails); i++) {
		const char *known = ab_node_setting_keys[i].name;

		if (ab_streq(tails[i], tail) &&
		    (!best || common_prefix(known, name) > common_prefix(best, name)))
			best = known;
	}
	return best;
}
