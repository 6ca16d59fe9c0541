/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ab_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/name.h"
#include "core/policy.h"
#include "core/policy_keys.h"
#include "core/policy_value.h"
#include "core/record.h"

#define FILES 6
#define DIAGS 32

/* A configuration in memory: "KIND:name" and text, in the order of ab_policy_input. */
struct given {
	unsigned int kind;
	const char *name, *text;
};

struct config {
	struct ab_diag v[DIAGS];
	struct ab_diags diags;
	struct ab_scan_entry entries[256];
	struct ab_policy_source sources[FILES];
	const char *files[FILES];
	char *texts[FILES];
	uint32_t n;
	const struct ab_policy_set *set;
	void *block;
};

static struct config *build_with(const struct given *given, uint32_t n,
				 const struct ab_policy_set *previous)
{
	struct config *c = calloc(1, sizeof(*c));
	struct ab_scan_list list = { .max = 256 };
	struct ab_policy_input in = { .previous = previous };
	size_t size;
	uint32_t i, first;

	assert_non_null(c);
	assert_true(n <= FILES);
	list.v = c->entries;
	ab_diags_init(&c->diags, c->v, DIAGS);
	for (i = 0; i < n; i++) {
		c->texts[i] = strdup(given[i].text);
		c->files[i] = given[i].name;
		first = list.n;
		assert_int_equal(
			ab_scan(c->texts[i], strlen(c->texts[i]), i, &list, &c->diags),
			0);
		c->sources[i] =
			(struct ab_policy_source){ (uint8_t)given[i].kind, i,
						   given[i].name, list.v + first,
						   list.n - first };
	}
	c->n = n;
	in.sources = c->sources;
	in.n_sources = n;
	in.files = c->files;
	in.n_files = n;
	if (ab_policy_check(&in, &c->diags, &size) == 0) {
		c->block = malloc(size);
		assert_non_null(c->block);
		memset(c->block, 0xa5, size); /* nothing may rely on zeros */
		c->set = ab_policy_build(&in, c->block, &c->diags);
	}
	ab_diags_sort(&c->diags);
	return c;
}

static struct config *build(const char *text)
{
	return build_with(&(struct given){ AB_POLICY_MAIN, "p", text }, 1, NULL);
}

static void drop(struct config *c)
{
	uint32_t i;

	for (i = 0; i < c->n; i++)
		free(c->texts[i]);
	free(c->block);
	free(c);
}

/* A policy that is accepted, of @match and @more. */
static struct config *policy(const char *match, const char *more)
{
	char text[4096];
	struct config *c;

	(void)snprintf(text, sizeof(text), "[Match]\n%s\n[Bind]\nAction = ignore\n%s\n",
		       match, more);
	c = build(text);
	if (!c->set)
		fail_msg("%s: refused: %s", text, c->v[0].text);
	return c;
}

static struct ab_portal portal(const char *s)
{
	struct ab_portal p;

	assert_int_equal(ab_name_parse_portal(s, &p), 0);
	return p;
}

static struct ab_net ifaddr(const char *s)
{
	struct ab_net n;

	assert_int_equal(ab_name_parse_ifaddr(s, &n), 0);
	return n;
}

/* --- values ----------------------------------------------------------------------- */

static void defaults_are_those_of_the_manual(void **state)
{
	struct config *c = policy("Name = *", "");
	const struct ab_policy *p = &c->set->policies[0];

	(void)state;
	assert_int_equal(c->diags.n, 0);
	assert_int_equal(c->set->generation, 1);
	assert_string_equal(p->name, "p");
	assert_string_equal(p->iface_template, "ab-%i");
	assert_string_equal(p->initiatorname, "");
	assert_int_equal(p->create, AB_CREATE_REACHABLE);
	assert_int_equal(p->bind_by, AB_BIND_BY_NAME);
	assert_false(p->use_default);
	assert_true(p->same_subnet);
	assert_int_equal(p->max_portals, 32);
	assert_int_equal(p->refresh_ms, 3600000);
	assert_int_equal(p->method, AB_PROBE_ICMP);
	assert_int_equal(p->interval_ms, 5000);
	assert_int_equal(p->interval_down_min_ms, 10000);
	assert_int_equal(p->interval_down_max_ms, 60000);
	assert_int_equal(p->timeout_ms, 1000);
	assert_int_equal(p->rise, 2);
	assert_int_equal(p->fall, 3);
	assert_int_equal(p->action, AB_ACTION_IGNORE);
	assert_int_equal(p->settle_ms, 300000);
	assert_int_equal(p->retire_ms, -1);
	assert_int_equal(p->node_settings.count, 0);
	assert_int_equal(p->settings_hash, 0);
	assert_string_equal(p->chap, "");
	assert_string_equal(p->discovery_chap, "");
	assert_int_equal(p->discovery_chap_mark, 0);
	drop(c);
}

static void every_key_reaches_its_field(void **state)
{
	struct config *c = build(
		"[Match]\nName = ens*f0, !ens9*\nMAC = 00-0F-1F-*\nDriver = ice "
		"mlx5_core\n"
		"Type = ether vlan\nMaster = none\nAddress = 10.0.0.0/24 "
		"2001:db8::/64\n"
		"[Iface]\nName = san.%m\nCreate = always\nBindBy = mac\n"
		"InitiatorName = iqn.2001-05.com.example:host\nTransport = tcp\n"
		"[Portals]\nDiscover = 10.0.0.9, [2001:db8::9]:860\n"
		"Static = iqn.2001-05.com.example:d1@10.0.0.8:3261,2 "
		"eui.02004567A425678D@10.0.0.7\n"
		"SameSubnet = no\nAllow = 10.0.0.0/8 10.1.1.1:3260\nDeny = 10.0.0.250\n"
		"Deny.2 = !10.0.0.252\nDeny.1 = 10.0.0.251\n"
		"Targets = * !iqn.2001-05.com.example:no*\nMaxPortals = 7\nRefresh = "
		"10min\n"
		"[Probe]\nMethod = icmp|tcp\nInterval = 10s\nIntervalDown = 20s\n"
		"Timeout = 500ms\nRise = 4\nFall = 5\n"
		"[Bind]\nAction = record\nSettle = 0\nRetire = 2d\nMultipath = off\n"
		"Startup = onboot\n"
		"[Node]\nnode.session.queue_depth = 64\n");
	const struct ab_policy_set *s = c->set;
	const struct ab_policy *p;

	(void)state;
	assert_non_null(s);
	p = &s->policies[0];
	assert_int_equal(p->match_words[AB_MATCH_NAME].count, 2);
	assert_true(s->words[p->match_words[AB_MATCH_NAME].first + 1].negated);
	assert_string_equal(s->words[p->match_words[AB_MATCH_MAC].first].text,
			    "00:0f:1f:*");
	assert_int_equal(p->match_words[AB_MATCH_DRIVER].count, 2);
	assert_int_equal(p->match_words[AB_MATCH_TYPE].count, 2);
	assert_int_equal(p->match_words[AB_MATCH_ADDRESS].count, 0);
	assert_int_equal(p->match_addresses.count, 2);
	assert_int_equal(p->match_origin[AB_MATCH_ADDRESS].line, 7);
	assert_string_equal(p->iface_template, "san.%m");
	assert_int_equal(p->create, AB_CREATE_ALWAYS);
	assert_int_equal(p->bind_by, AB_BIND_BY_MAC);
	assert_string_equal(p->initiatorname, "iqn.2001-05.com.example:host");
	assert_int_equal(p->discover.count, 2);
	assert_int_equal(s->portals[p->discover.first + 1].port, 860);
	assert_int_equal(s->portal_origins[p->discover.first + 1].line, 15);
	assert_int_equal(p->statics.count, 2);
	assert_string_equal(s->statics[p->statics.first].target,
			    "iqn.2001-05.com.example:d1");
	assert_int_equal(s->statics[p->statics.first].tpgt, 2);
	assert_int_equal(s->statics[p->statics.first].portal.port, 3261);
	assert_int_equal(s->statics[p->statics.first + 1].tpgt, AB_TPGT_UNKNOWN);
	assert_false(p->same_subnet);
	assert_int_equal(p->allow.count, 2);
	assert_int_equal(s->ranges[p->allow.first + 1].port, 3260);
	assert_int_equal(s->ranges[p->allow.first].port, 0);
	/* In the order of their numbers, not of their lines. */
	assert_int_equal(p->deny.count, 3);
	assert_int_equal(s->ranges[p->deny.first].net.addr.bytes[3], 250);
	assert_int_equal(s->ranges[p->deny.first + 1].net.addr.bytes[3], 251);
	assert_int_equal(s->ranges[p->deny.first + 2].net.addr.bytes[3], 252);
	assert_true(s->ranges[p->deny.first + 2].negated);
	assert_int_equal(p->targets.count, 2);
	assert_int_equal(p->max_portals, 7);
	assert_int_equal(p->refresh_ms, 600000);
	assert_int_equal(p->method, AB_PROBE_ICMP_OR_TCP);
	assert_int_equal(p->interval_ms, 10000);
	assert_int_equal(p->interval_down_min_ms, 20000);
	assert_int_equal(p->interval_down_max_ms, 20000);
	assert_int_equal(p->timeout_ms, 500);
	assert_int_equal(p->rise, 4);
	assert_int_equal(p->fall, 5);
	assert_int_equal(p->action, AB_ACTION_RECORD);
	assert_int_equal(p->settle_ms, 0);
	assert_int_equal(p->retire_ms, 172800000);
	assert_int_equal(p->node_settings.count, 3);
	assert_string_equal(s->node_settings[p->node_settings.first].name,
			    "node.startup");
	assert_string_equal(s->node_settings[p->node_settings.first].value, "onboot");
	assert_string_equal(s->node_settings[p->node_settings.first + 1].value, "64");
	assert_string_equal(s->node_settings[p->node_settings.first + 2].name,
			    "node.conn[0].startup");
	drop(c);
}

static void words_stand_in_the_order_of_their_enums(void **state)
{
	static const struct {
		const char *what, *line;
		size_t offset;
		uint8_t value;
	} rows[] = {
#define ROW(line, member, value)                                                       \
	{ line, line, offsetof(struct ab_policy, member), value }
		ROW("[Probe]\nMethod = none", method, AB_PROBE_NONE),
		ROW("[Probe]\nMethod = icmp", method, AB_PROBE_ICMP),
		ROW("[Probe]\nMethod = tcp", method, AB_PROBE_TCP),
		ROW("[Probe]\nMethod = icmp+tcp", method, AB_PROBE_ICMP_AND_TCP),
		ROW("[Probe]\nMethod = icmp|tcp", method, AB_PROBE_ICMP_OR_TCP),
		ROW("[Iface]\nUse = default", use_default, 1),
		ROW("[Iface]\nUse = own", use_default, 0),
		ROW("[Portals]\nSameSubnet = OFF", same_subnet, 0),
#undef ROW
	};
	static const char *const actions[] = { "ignore", "iface", "record", "login" };
	unsigned int i;
	char text[200];

	(void)state;
	for (i = 0; i < AB_COUNT(rows); i++) {
		struct config *c = policy("Name = *", rows[i].line);
		const uint8_t *p = (const uint8_t *)&c->set->policies[0];

		ab_assert_row(rows[i].what, p[rows[i].offset] == rows[i].value);
		drop(c);
	}
	for (i = 0; i < AB_ACTION_MAX; i++) {
		struct config *c;

		(void)snprintf(
			text, sizeof(text),
			"[Match]\nName=*\n[Portals]\nTargets=*\n[Bind]\nAction=%s\n",
			actions[i]);
		c = build(text);
		assert_non_null(c->set);
		assert_int_equal(c->set->policies[0].action, i);
		drop(c);
	}
}

/* --- layers ----------------------------------------------------------------------- */

static void drop_ins_replace_key_by_key(void **state)
{
	static const struct given files[] = {
		{ AB_POLICY_GLOBAL, "autobind.conf",
		  "[General]\nFormat=1\n[Defaults]\nInterval=7s\nFall=9\nDeny=10.0.0."
		  "1\n"
		  "Rise=8\nAction=iface\n" },
		{ AB_POLICY_GLOBAL, "autobind.conf.d/a.conf", "[Defaults]\nFall=6\n" },
		{ AB_POLICY_MAIN, "p",
		  "[Match]\nName=eth0\nType=veth\n[Portals]\nDeny=10.0.0.2\n"
		  "Deny.5=10.0.0.3\n[Probe]\nInterval=8s\nTimeout=2s\nRise=3\n"
		  "[Node]\nnode.tpgt =\nnode.session.queue_depth=5\n"
		  "node.session.cmds_max=64\n" },
		{ AB_POLICY_DROPIN, "p.d/1",
		  "[Probe]\nInterval=9s\nTimeout=\nRise=\n"
		  "[Match]\nType =\n" },
		{ AB_POLICY_DROPIN, "p.d/2",
		  "[Portals]\nDeny.2=10.0.0.4\n[Probe]\nInterval=11s\n"
		  "[Node]\nnode.session.queue_depth=\nnode.session.cmds_max=128\n" },
		{ AB_POLICY_MAIN, "q", "[Match]\nName=eth1\n[Bind]\nAction=ignore\n" },
	};
	struct given good[FILES];
	struct config *c;
	const struct ab_policy *p, *q;

	(void)state;
	c = build_with(files, 6, NULL);
	assert_null(c->set); /* an identity is refused even when empty */
	assert_non_null(strstr(c->v[0].text, "node.tpgt"));
	drop(c);
	memcpy(good, files, sizeof(files));
	good[2].text = "[Match]\nName=eth0\nType=veth\n[Portals]\nDeny=10.0.0.2\n"
		       "Deny.5=10.0.0.3\n[Probe]\nInterval=8s\nTimeout=2s\nRise=3\n"
		       "[Node]\nnode.session.queue_depth=5\nnode.session.cmds_max=64\n";
	c = build_with(good, 6, NULL);
	assert_non_null(c->set);
	assert_int_equal(c->set->n_policies, 2);
	p = &c->set->policies[0];
	q = &c->set->policies[1];
	assert_int_equal(p->interval_ms, 11000);      /* the last drop-in */
	assert_int_equal(p->timeout_ms, 1000);	      /* reset to the built-in */
	assert_int_equal(p->rise, 8);		      /* reset to [Defaults] */
	assert_int_equal(p->fall, 6);		      /* [Defaults], its drop-in */
	assert_int_equal(p->action, AB_ACTION_IFACE); /* [Defaults] */
	assert_int_equal(p->match_origin[AB_MATCH_TYPE].line, 0);
	assert_int_equal(p->deny.count, 1); /* a list is replaced as a whole */
	assert_int_equal(c->set->ranges[p->deny.first].net.addr.bytes[3], 4);
	assert_int_equal(c->set->ranges[p->deny.first].origin.file, 4);
	assert_int_equal(p->node_settings.count, 1);
	assert_string_equal(c->set->node_settings[p->node_settings.first].value, "128");
	assert_int_equal(q->interval_ms, 7000);
	assert_int_equal(q->deny.count, 1);
	assert_int_equal(c->set->ranges[q->deny.first].net.addr.bytes[3], 1);
	assert_int_equal(q->action, AB_ACTION_IGNORE);
	assert_int_equal(ab_policy_find(c->set, "q"), 1);
	assert_int_equal(ab_policy_find(c->set, "r"), -1);
	drop(c);
}

static void generation_moves_only_with_the_text(void **state)
{
	struct given files[2] = {
		{ AB_POLICY_MAIN, "a", "[Match]\nName=eth0\n[Bind]\nAction=ignore\n" },
		{ AB_POLICY_MAIN, "b", "[Match]\nName=eth1\n[Bind]\nAction=ignore\n" },
	};
	struct config *one = build_with(files, 2, NULL), *two, *three;

	(void)state;
	files[0].text =
		"# moved\n\n[Bind]\nAction = ignore # same\n[Match]\nName = eth0\n";
	files[1].text = "[Match]\nName=eth1\n[Bind]\nAction=ignore\nSettle=1s\n";
	two = build_with(files, 2, one->set);
	assert_int_equal(two->set->generation, 2);
	assert_int_equal(two->set->policies[0].changed_generation, 1);
	assert_int_equal(two->set->policies[1].changed_generation, 2);
	files[0].text = "[Match]\nName=eth0\n[Bind]\nAction=ignore\n[Node]\n"
			"node.session.queue_depth=5\n";
	three = build_with(files, 2, two->set);
	assert_int_equal(three->set->policies[0].changed_generation, 3);
	assert_int_not_equal(three->set->policies[0].settings_hash, 0);
	assert_int_equal(three->set->policies[1].changed_generation, 2);
	drop(three);
	drop(two);
	drop(one);
}

/* --- messages --------------------------------------------------------------------- */

static void mistakes_are_named_with_their_line(void **state)
{
	static const struct {
		const char *what, *text;
		uint32_t line;
		const char *want;
	} rows[] = {
		{ "no Match", "[Bind]\nAction=ignore\n", 1, "no [Match]" },
		{ "empty Match", "[Bind]\nAction=ignore\n[Match]\nName=\n", 3,
		  "no [Match], or nothing in it" },
		{ "no Action", "[Match]\nName=*\n[Bind]\nSettle=1s\n", 3, "no Action" },
		{ "no Targets", "[Match]\nName=*\n[Bind]\nAction=record\n", 4,
		  "Action = record needs Targets" },
		{ "negative Targets",
		  "[Match]\nName=*\n[Bind]\nAction=login\n[Portals]\nTargets=!iqn.2*\n",
		  6, "write `* !iqn.2*`" },
		{ "unknown section", "[Mach]\nName=*\n", 1, "did you mean [Match]?" },
		{ "section of later", "[Boot]\nInclude=yes\n", 1,
		  "known, but not in this version" },
		{ "section of autobind.conf", "[Defaults]\nFall=2\n", 1,
		  "belong here, but into autobind.conf" },
		{ "unknown key", "[Match]\nAdress=10.0.0.0/24\n", 2,
		  "did you mean 'Address'?" },
		{ "other case", "[Match]\nname=*\n", 2, "did you mean 'Name'?" },
		{ "key of another section", "[Bind]\nInterval=1s\n", 2,
		  "belongs into [Probe]" },
		{ "key of later", "[Probe]\nJumbo=60s\n", 2,
		  "known, but not in this version" },
		{ "number on no list", "[Probe]\nFall.1=2\n", 2, "for lists only" },
		{ "word of later", "[Iface]\nTransport=iser\n", 2,
		  "known, but not in this version" },
		{ "type of later", "[Match]\nType=hba\n", 2,
		  "known, but not in this version" },
		{ "word that nothing stores", "[Bind]\nMultipath=on\n", 2,
		  "is none of require, off" },
		{ "mistyped word", "[Bind]\nAction=recor\n", 2,
		  "is none of ignore, iface, record, login; did you mean 'record'?" },
		{ "bad CIDR", "[Match]\nAddress=10.0.0/24\n", 2, "no address range" },
		{ "host bits", "[Match]\nAddress=10.0.0.5/24\n", 2,
		  "did you mean '10.0.0.0/24'?" },
		{ "long prefix", "[Portals]\nDeny=10.0.0.0/33\n", 2,
		  "neither a range" },
		{ "no unit", "[Probe]\nInterval=5\n", 2,
		  "write a number with its unit" },
		{ "too short", "[Probe]\nInterval=1ms\n", 2,
		  "out of range: 100ms to 1h" },
		{ "range turned", "[Probe]\nIntervalDown=60s..10s\n", 2,
		  "longer time" },
		{ "no number", "[Probe]\nRise=two\n", 2, "is no number: 1 to 100" },
		{ "too large", "[Portals]\nMaxPortals=5000\n", 2,
		  "out of range: 1 to 1024" },
		{ "no boolean", "[Portals]\nSameSubnet=maybe\n", 2,
		  "neither yes nor no" },
		{ "retire", "[Bind]\nRetire=1s\n", 2, "1min to 3650d, or never" },
		{ "alias", "[Match]\nName=eth0:1\n", 2, "names an alias" },
		{ "long name", "[Match]\nName=averylongdevname\n", 2, "at most 15" },
		{ "open bracket", "[Match]\nName=eth[0\n", 2, "[ without its ]" },
		{ "backward range", "[Match]\nName=eth[9-0]\n", 2, "runs backwards" },
		{ "lonely !", "[Match]\nName=! eth0\n", 2, "write !VALUE" },
		{ "bad MAC", "[Match]\nMAC=00:0f:1f:92:6b\n", 2,
		  "no hardware address" },
		{ "no MAC", "[Match]\nMAC=00:0g:*\n", 2,
		  "that no hardware address has" },
		{ "host name", "[Portals]\nDiscover=san.example\n", 2,
		  "not looked up" },
		{ "glued comma", "[Portals]\nDiscover=10.0.0.1,10.0.0.2\n", 2,
		  "separate portals by blanks" },
		{ "loopback", "[Portals]\nDiscover=127.0.0.1\n", 2,
		  "can be no portal" },
		{ "link-local", "[Portals]\nDiscover=fe80::1\n", 2, "link-local" },
		{ "static", "[Portals]\nStatic=iqn.2001-05.com.example:a\n", 2,
		  "IQN@ADDRESS:PORT,TPGT" },
		{ "static name", "[Portals]\nStatic=disk1@10.0.0.1\n", 2,
		  "no iSCSI name in front" },
		{ "target", "[Portals]\nTargets=com.example:*\n", 2,
		  "matches no iSCSI name" },
		{ "target character", "[Portals]\nTargets=iqn.2001-05.com/x\n", 2,
		  "that no iSCSI name has" },
		{ "iface %", "[Iface]\nName=a%x\n", 2, "neither %i" },
		{ "iface ipv6", "[Iface]\nName=IPv6-%i\n", 2, "contains \"ipv6\"" },
		{ "iface default", "[Iface]\nName=default\n", 2,
		  "no name for an iface" },
		{ "iface long", "[Iface]\nName=a23456789012345678901234567890123\n", 2,
		  "longer than 32" },
		{ "initiator", "[Iface]\nInitiatorName=host\n", 2, "no iSCSI name" },
		{ "node key", "[Node]\nnode.session.timeo.replacement_timout=5\n", 2,
		  "did you mean 'node.session.timeo.replacement_timeout'?" },
		{ "node case", "[Node]\nnode.session.iscsi.initialr2t=No\n", 2,
		  "did you mean 'node.session.iscsi.InitialR2T'?" },
		{ "node identity", "[Node]\nnode.conn[0].address=10.0.0.1\n", 2,
		  "names a node record" },
		{ "secret", "[Node]\nnode.session.auth.password=x\n", 2,
		  "no passwords" },
		{ "chap name", "[Portals]\nChap=../x\n", 2, "no file below chap/" },
		{ "chap dot", "[Bind]\nChap=.x\n", 2, "no file below chap/" },
		{ "iface key", "[Node]\niface.mtu=9000\n", 2, "made by [Iface]" },
		{ "node number", "[Node]\nnode.session.queue_depth=abc\n", 2,
		  "no number from 1 to 1024" },
		{ "node word", "[Node]\nnode.session.iscsi.ImmediateData=yes\n", 2,
		  "is none of No, Yes; did you mean 'Yes'?" },
		{ "node zeros", "[Node]\nnode.session.queue_depth=032\n", 2,
		  "zeros or a sign" },
		{ "node minus zero",
		  "[Node]\nnode.session.timeo.replacement_timeout=-0\n", 2,
		  "zeros or a sign" },
		{ "node list", "[Node]\nnode.session.auth.chap_algs=SHA256,MD6\n", 2,
		  "none of MD5, SHA1, SHA256, SHA3-256" },
		{ "node list twice", "[Node]\nnode.session.auth.chap_algs=MD5,MD5\n", 2,
		  "has a word twice" },
		{ "node length",
		  "[Node]\nnode.conn[0].tcp.congestion_control=abcdefghijklmnop\n", 2,
		  "the 15 bytes that open-iscsi keeps" },
		{ "node blank", "[Node]\nnode.session.auth.username=\" u\"\n", 2,
		  "begins or ends with a blank" },
		{ "overridden key is checked, too", "[Probe]\nFall=0\nRise=\n", 2,
		  "out of range" },
	};
	unsigned int i;
	uint32_t k;

	(void)state;
	for (i = 0; i < AB_COUNT(rows); i++) {
		struct config *c = build(rows[i].text);

		ab_assert_row(rows[i].what, !c->set);
		for (k = 0; k < c->diags.n; k++)
			if (c->v[k].line == rows[i].line &&
			    c->v[k].severity == AB_DIAG_ERROR &&
			    strstr(c->v[k].text, rows[i].want))
				break;
		if (k == c->diags.n)
			fail_msg("%s: got line %u: %s", rows[i].what, c->v[0].line,
				 c->v[0].text);
		drop(c);
	}
}

static void node_values_end_where_open_iscsi_can_read_them(void **state)
{
	char text[600] = "[Match]\nName=*\n[Bind]\nAction=ignore\n[Node]\n"
			 "node.session.auth.username=";
	size_t n = strlen(text);
	struct config *c;

	(void)state;
	memset(text + n, 'u', 255);
	c = build(text);
	assert_non_null(c->set);
	drop(c);
	text[n + 255] = 'u';
	c = build(text);
	assert_null(c->set);
	assert_non_null(strstr(c->v[0].text, "255 bytes"));
	drop(c);
}

static void warnings_name_what_contradicts(void **state)
{
	static const struct {
		const char *what, *more, *want; /* NULL: no warning */
	} rows[] = {
		{ "nothing", "", NULL },
		{ "overlapping probes", "[Probe]\nInterval=1s\nTimeout=2s\n",
		  "overlap" },
		{ "slow detection", "[Probe]\nInterval=5min\nIntervalDown=10min\n",
		  "Timeout = 901s" },
		{ "down is faster", "[Probe]\nInterval=30s\n", "more often than live" },
		{ "TCP", "[Probe]\nMethod=icmp+tcp\n", "fills the logs" },
		{ "slow TCP", "[Probe]\nMethod=tcp\nInterval=10s\n", NULL },
		{ "no probing", "[Probe]\nMethod=none\nInterval=1s\nTimeout=2s\n",
		  NULL },
		{ "MAC", "[Iface]\nBindBy=mac\n", "ambiguous" },
		{ "Use", "[Iface]\nUse=default\nName=x\n", "have no effect" },
		{ "Startup twice", "Startup=onboot\n[Node]\nnode.startup=manual\n",
		  "wins over Startup" },
		{ "Discover twice", "[Portals]\nDiscover=10.0.0.1 10.0.0.1:3260\n",
		  "10.0.0.1:3260 twice" },
		{ "Static denied",
		  "[Portals]\nStatic=eui.02004567A425678D@10.0.0.1\nDeny=10.0.0.0/8\n",
		  "is denied by Deny" },
		{ "Static not allowed",
		  "[Portals]\nStatic=eui.02004567A425678D@10.0.0.1\nAllow=11.0.0.0/8\n",
		  "is not in Allow" },
		{ "Static not wanted",
		  "[Portals]\nStatic=eui.02004567A425678D@10.0.0.1\nTargets=iqn.*\n",
		  "is not in Targets" },
	};
	struct config *c;
	unsigned int i;

	(void)state;
	for (i = 0; i < AB_COUNT(rows); i++) {
		c = policy("Name = *", rows[i].more);
		if (rows[i].want)
			ab_assert_row(rows[i].what,
				      c->diags.n == 1 &&
					      strstr(c->v[0].text, rows[i].want));
		else
			ab_assert_row(rows[i].what, c->diags.n == 0);
		drop(c);
	}
	c = policy("Type = ether", "[Iface]\nBindBy=mac\n");
	assert_int_equal(c->diags.n, 0);
	drop(c);
	c = build("[Match]\nName=*\n[Portals]\nTargets=*\n[Bind]\nAction=login\n");
	assert_int_equal(c->diags.n, 1);
	assert_non_null(strstr(c->v[0].text, "nothing to probe"));
	drop(c);
	c = build("[Match]\nName=*\n[Portals]\nTargets=*\nDiscover=10.0.0.9\n[Bind]\n"
		  "Action=record\nConcurrency=2\nMinPaths=2\n");
	assert_int_equal(c->diags.n, 2);
	assert_non_null(strstr(c->v[0].text, "Concurrency has no effect"));
	assert_non_null(strstr(c->v[1].text, "MinPaths has no effect"));
	drop(c);
}

static void policies_that_never_match_are_named(void **state)
{
	static const struct {
		const char *what, *first, *second, *want; /* NULL: no warning */
	} rows[] = {
		{ "identical", "Address=10.0.0.0/24", "Address=10.0.0.0/24",
		  "no port ever" },
		{ "narrower", "Driver=ice", "Driver=ice\nMaster=none", "no port ever" },
		{ "wider", "Driver=ice\nMaster=none", "Driver=ice", NULL },
		{ "other range", "Address=10.0.0.0/24", "Address=10.0.1.0/24", NULL },
		{ "other length", "Address=10.0.0.0/24", "Address=10.0.0.0/25", NULL },
		{ "all, then some", "Name=*", "Driver=ice", "no port ever" },
		{ "all, then names", "Name=*", "Name=eth0", "infiniband ports never" },
		{ "all, then kinds", "Name=*", "Type=ether", "infiniband ports never" },
		{ "all, then other kinds", "Name=*", "Type=veth bridge", NULL },
		{ "kind, then all", "Name=*\nType=veth", "Name=*", NULL },
		{ "negated", "Name=!eth0", "Name=eth0", NULL },
	};
	unsigned int i;
	char a[200], b[200];

	(void)state;
	for (i = 0; i < AB_COUNT(rows); i++) {
		struct given files[] = { { AB_POLICY_MAIN, "10-a", a },
					 { AB_POLICY_MAIN, "20-b", b } };
		struct config *c;

		(void)snprintf(a, sizeof(a), "[Match]\n%s\n[Bind]\nAction=ignore\n",
			       rows[i].first);
		(void)snprintf(b, sizeof(b), "[Match]\n%s\n[Bind]\nAction=ignore\n",
			       rows[i].second);
		c = build_with(files, 2, NULL);
		assert_non_null(c->set);
		if (rows[i].want)
			ab_assert_row(rows[i].what,
				      c->diags.n == 1 && c->v[0].file == 1 &&
					      c->v[0].line == 1 &&
					      strstr(c->v[0].text, "policy 10-a") &&
					      strstr(c->v[0].text, rows[i].want));
		else
			ab_assert_row(rows[i].what, c->diags.n == 0);
		drop(c);
	}
}

/* --- matching --------------------------------------------------------------------- */

static struct ab_link link_of(const char *name, enum ab_port_type type)
{
	struct ab_link l = { .ifindex = 2,
			     .type = (uint8_t)type,
			     .hwaddr = { 6, { 0x00, 0x0f, 0x1f, 0x92, 0x6b, 0xbf } } };

	(void)strcpy(l.name, name);
	return l;
}

static void match_is_and_over_keys_or_over_values(void **state)
{
	static const struct {
		const char *what, *match, *name;
		enum ab_port_type type;
		const char *driver, *master, *addr; /* NULL: not known, none */
		enum ab_match_verdict verdict;
		int key;
	} rows[] = {
#define E AB_PORT_ETHER
		{ "all", "Name=*", "eth0", E, "ice", NULL, NULL, AB_MATCH_YES, 0 },
		{ "one of two", "Name=eth0 eth1", "eth1", E, "ice", NULL, NULL,
		  AB_MATCH_YES, 0 },
		{ "none of two", "Name=eth0 eth1", "eth2", E, "ice", NULL, NULL,
		  AB_MATCH_NO, AB_MATCH_NAME },
		{ "names keep case", "Name=ETH0", "eth0", E, "", NULL, NULL,
		  AB_MATCH_NO, AB_MATCH_NAME },
		{ "excluded", "Name=eth* !eth1", "eth1", E, "ice", NULL, NULL,
		  AB_MATCH_NO, AB_MATCH_NAME },
		{ "excluded first", "Name=!eth1 eth*", "eth1", E, "ice", NULL, NULL,
		  AB_MATCH_NO, AB_MATCH_NAME },
		{ "beside the excluded", "Name=eth* !eth1", "eth2", E, "ice", NULL,
		  NULL, AB_MATCH_YES, 0 },
		{ "only excluded", "Name=!eth1", "ens1", E, "ice", NULL, NULL,
		  AB_MATCH_YES, 0 },
		{ "AND", "Name=eth0\nDriver=ice", "eth0", E, "e1000", NULL, NULL,
		  AB_MATCH_NO, AB_MATCH_DRIVER },
		{ "driver", "Driver=mlx5*", "eth0", E, "mlx5_core", NULL, NULL,
		  AB_MATCH_YES, 0 },
		{ "driver not known", "Driver=!foo", "eth0", E, NULL, NULL, NULL,
		  AB_MATCH_NO, AB_MATCH_DRIVER },
		{ "MAC", "MAC=00-0F-1F-92-6B-BF", "eth0", E, "", NULL, NULL,
		  AB_MATCH_YES, 0 },
		{ "MAC pattern", "MAC=00:0F:1f:*", "eth0", E, "", NULL, NULL,
		  AB_MATCH_YES, 0 },
		{ "MAC set", "MAC=00:0f:1f:92:6b:[a-c]f", "eth0", E, "", NULL, NULL,
		  AB_MATCH_YES, 0 },
		{ "other MAC", "MAC=00:0f:1f:92:6b:be", "eth0", E, "", NULL, NULL,
		  AB_MATCH_NO, AB_MATCH_MAC },
		{ "no master", "Master=none", "eth0", E, "", NULL, NULL, AB_MATCH_YES,
		  0 },
		{ "has a master", "Master=none", "eth0", E, "", "bond0", NULL,
		  AB_MATCH_NO, AB_MATCH_MASTER },
		{ "that master", "Master=bond0", "eth0", E, "", "bond0", NULL,
		  AB_MATCH_YES, 0 },
		{ "any master", "Master=!none", "eth0", E, "", "br0", NULL,
		  AB_MATCH_YES, 0 },
		{ "a master needed", "Master=*", "eth0", E, "", NULL, NULL, AB_MATCH_NO,
		  AB_MATCH_MASTER },
		{ "address", "Address=10.0.0.0/24", "eth0", E, "", NULL, "10.0.0.5/24",
		  AB_MATCH_YES, 0 },
		{ "no address", "Address=10.0.0.0/24", "eth0", E, "", NULL, NULL,
		  AB_MATCH_NO, AB_MATCH_ADDRESS },
		{ "IPv6 address", "Address=10.0.0.0/24 2001:db8::/64", "eth0", E, "",
		  NULL, "2001:db8::5/64", AB_MATCH_YES, 0 },
		{ "excluded address", "Address=10.0.0.0/8 !10.0.0.0/24", "eth0", E, "",
		  NULL, "10.0.0.5/24", AB_MATCH_NO, AB_MATCH_ADDRESS },
		{ "type", "Type=veth", "v0", AB_PORT_VETH, "", NULL, NULL, AB_MATCH_YES,
		  0 },
		{ "other type", "Type=!vlan", "v0", AB_PORT_VLAN, "", NULL, NULL,
		  AB_MATCH_NO, AB_MATCH_TYPE },
		{ "vlan is usual", "Name=*", "v0", AB_PORT_VLAN, "", NULL, NULL,
		  AB_MATCH_YES, 0 },
		{ "bond is usual", "Name=*", "v0", AB_PORT_BOND, "", NULL, NULL,
		  AB_MATCH_YES, 0 },
		{ "InfiniBand is usual", "Name=*", "ib0", AB_PORT_INFINIBAND, "", NULL,
		  NULL, AB_MATCH_YES, 0 },
		{ "veth is not", "Name=*", "v0", AB_PORT_VETH, "", NULL, NULL,
		  AB_MATCH_KIND, 0 },
		{ "nor with an address", "Address=10.0.0.0/24", "v0", AB_PORT_VETH, "",
		  NULL, "10.0.0.5/24", AB_MATCH_KIND, 0 },
		{ "nor by exclusion", "Name=!eth0", "v0", AB_PORT_VETH, "", NULL, NULL,
		  AB_MATCH_KIND, 0 },
		{ "unless named", "Name=v*", "v0", AB_PORT_VETH, "", NULL, NULL,
		  AB_MATCH_YES, 0 },
		{ "named by another value", "Name=* w0", "v0", AB_PORT_VETH, "", NULL,
		  NULL, AB_MATCH_KIND, 0 },
		{ "named by MAC", "MAC=00:0f:*", "v0", AB_PORT_VETH, "", NULL, NULL,
		  AB_MATCH_YES, 0 },
#undef E
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < AB_COUNT(rows); i++) {
		struct config *c = policy(rows[i].match, "");
		struct ab_link l = link_of(rows[i].name, rows[i].type);
		struct ab_udev_net udev = { 0 };
		struct ab_net addr;
		struct ab_match_port port = { .link = &l, .master = rows[i].master };
		struct ab_match_result r;
		bool is_match;

		if (rows[i].driver) {
			(void)strcpy(udev.driver, rows[i].driver);
			port.udev = &udev;
		}
		if (rows[i].addr) {
			addr = ifaddr(rows[i].addr);
			port.addrs = &addr;
			port.n_addrs = 1;
		}
		is_match = ab_policy_match(c->set, 0, &port, &r);
		ab_assert_row(rows[i].what, r.verdict == rows[i].verdict);
		ab_assert_row(rows[i].what, is_match == (r.verdict == AB_MATCH_YES));
		ab_assert_row(rows[i].what,
			      r.verdict != AB_MATCH_NO ||
				      (r.key == rows[i].key && r.origin.line >= 2));
		ab_assert_row(rows[i].what, ab_policy_first_match(c->set, &port) ==
						    (is_match ? 0 : -1));
		drop(c);
	}
}

static void portals_are_judged_in_order(void **state)
{
	static const struct {
		const char *what, *keys, *portal;
		enum ab_portal_verdict verdict;
		uint32_t line;
	} rows[] = {
		{ "in the subnet", "", "10.0.0.9", AB_PORTAL_WANTED, 0 },
		{ "another subnet", "", "10.0.1.9", AB_PORTAL_OTHER_SUBNET, 0 },
		{ "subnets crossed", "SameSubnet=no", "10.0.1.9", AB_PORTAL_WANTED, 0 },
		{ "denied", "Deny=10.0.0.250\nAllow=10.0.0.0/24", "10.0.0.250",
		  AB_PORTAL_DENIED, 6 },
		{ "denied port", "Deny=10.0.0.9:3261", "10.0.0.9:3261",
		  AB_PORTAL_DENIED, 6 },
		{ "other port", "Deny=10.0.0.9:3261", "10.0.0.9", AB_PORTAL_WANTED, 0 },
		{ "not allowed", "Allow=10.0.0.0/28", "10.0.0.99",
		  AB_PORTAL_NOT_ALLOWED, 0 },
		{ "allowed", "Allow=10.0.0.0/28", "10.0.0.9", AB_PORTAL_WANTED, 0 },
		{ "all but one allowed", "Allow=!10.0.0.9", "10.0.0.8",
		  AB_PORTAL_WANTED, 0 },
		{ "that one", "Allow=!10.0.0.9", "10.0.0.9", AB_PORTAL_NOT_ALLOWED, 0 },
		{ "exception of Deny", "Deny=10.0.0.0/24 !10.0.0.9", "10.0.0.9",
		  AB_PORTAL_WANTED, 0 },
		{ "beside the exception", "Deny=!10.0.0.9\nDeny.1=10.0.0.0/24",
		  "10.0.0.8", AB_PORTAL_DENIED, 7 },
		{ "loopback", "SameSubnet=no", "127.0.0.1", AB_PORTAL_UNUSABLE, 0 },
		{ "link-local", "SameSubnet=no", "fe80::1", AB_PORTAL_UNUSABLE, 0 },
		{ "IPv6", "", "[2001:db8::9]:3260", AB_PORTAL_WANTED, 0 },
	};
	struct ab_net addrs[2];
	char more[200];
	unsigned int i;

	(void)state;
	addrs[0] = ifaddr("10.0.0.5/24");
	addrs[1] = ifaddr("2001:db8::5/64");
	for (i = 0; i < AB_COUNT(rows); i++) {
		struct ab_origin origin = { 0, 0 };
		struct ab_portal p = portal(rows[i].portal);
		struct config *c;

		(void)snprintf(more, sizeof(more), "[Portals]\n%s\n", rows[i].keys);
		c = policy("Name=*", more);
		ab_assert_row(rows[i].what,
			      ab_policy_portal(c->set, &c->set->policies[0], &p, addrs,
					       2, &origin) == rows[i].verdict);
		ab_assert_row(rows[i].what, origin.line == rows[i].line);
		drop(c);
	}
}

static void targets_must_be_asked_for(void **state)
{
	static const struct {
		const char *what, *targets, *name;
		bool want;
	} rows[] = {
		{ "none given", "", "iqn.2001-05.com.example:a", false },
		{ "all", "*", "iqn.2001-05.com.example:a", true },
		{ "glob", "iqn.2001-05.com.example:*", "iqn.2001-05.com.example:a",
		  true },
		{ "case is folded", "iqn.2001-05.COM.example:*",
		  "IQN.2001-05.com.example:A", true },
		{ "other", "iqn.2001-05.com.example:b*", "iqn.2001-05.com.example:a",
		  false },
		{ "excluded", "* !*:a", "iqn.2001-05.com.example:a", false },
	};
	char more[200];
	unsigned int i;

	(void)state;
	for (i = 0; i < AB_COUNT(rows); i++) {
		struct config *c;

		(void)snprintf(more, sizeof(more), "[Portals]\nTargets = %s\n",
			       rows[i].targets);
		c = policy("Name=*", more);
		ab_assert_row(rows[i].what,
			      ab_policy_target(c->set, &c->set->policies[0],
					       rows[i].name) == rows[i].want);
		drop(c);
	}
}

static void exclusions_name_ports_and_portals(void **state)
{
	static const struct given files[] = {
		{ AB_POLICY_MAIN, "p", "[Match]\nName=*\n[Bind]\nAction=ignore\n" },
		{ AB_POLICY_EXCLUDE, "exclude.d/a.conf",
		  "[Exclude]\nPort = ens1f* !ens1f1\nReason = \"switch # 1\"\n" },
		{ AB_POLICY_EXCLUDE, "exclude.d/b.conf",
		  "[Exclude]\nMAC = 02:00:00:00:00:01\nPortal = 10.0.9.0/24 "
		  "10.0.0.9:3261\n" },
	};
	struct config *c = build_with(files, 3, NULL);
	struct ab_link l = link_of("ens1f0", AB_PORT_ETHER);
	struct ab_match_port port = { .link = &l };
	const struct ab_exclude *x;
	struct ab_origin origin;
	struct ab_portal p;

	(void)state;
	assert_non_null(c->set);
	x = ab_policy_excludes_port(c->set, &port, &origin);
	assert_non_null(x);
	assert_string_equal(x->reason, "switch # 1");
	assert_string_equal(c->set->files[x->file], "exclude.d/a.conf");
	assert_int_equal(origin.line, 2);
	(void)strcpy(l.name, "ens1f1");
	assert_null(ab_policy_excludes_port(c->set, &port, &origin));
	l.perm_hwaddr = (struct ab_hwaddr){ 6, { 2, 0, 0, 0, 0, 1 } };
	assert_non_null(ab_policy_excludes_port(c->set, &port, NULL));
	p = portal("10.0.9.1");
	x = ab_policy_excludes_portal(c->set, &p, &origin);
	assert_non_null(x);
	assert_int_equal(x->file, 2);
	assert_int_equal(origin.line, 3);
	p = portal("10.0.0.9");
	assert_null(ab_policy_excludes_portal(c->set, &p, NULL));
	p = portal("10.0.0.9:3261");
	assert_non_null(ab_policy_excludes_portal(c->set, &p, NULL));
	drop(c);
}

/* Of several deny lists one with Drain says what happens. */
static void a_deny_list_that_drains_comes_first(void **state)
{
	static const struct given files[] = {
		{ AB_POLICY_MAIN, "p", "[Match]\nName=*\n[Bind]\nAction=ignore\n" },
		{ AB_POLICY_EXCLUDE, "exclude.d/a.conf",
		  "[Exclude]\nPort = ens*\nPortal = 10.0.0.0/8\n" },
		{ AB_POLICY_EXCLUDE, "exclude.d/b.conf",
		  "[Exclude]\nPort = ens1\nPortal = 10.0.0.9\nDrain = yes\n" },
	};
	struct config *c = build_with(files, 3, NULL);
	struct ab_link l = link_of("ens1", AB_PORT_ETHER);
	struct ab_match_port port = { .link = &l };
	struct ab_portal p = portal("10.0.0.9");
	struct ab_origin origin;

	(void)state;
	assert_non_null(c->set);
	assert_true(ab_policy_excludes_port(c->set, &port, &origin)->is_drain);
	assert_int_equal(origin.file, 2);
	assert_true(ab_policy_excludes_portal(c->set, &p, &origin)->is_drain);
	assert_int_equal(origin.line, 3);
	(void)strcpy(l.name, "ens2");
	p = portal("10.0.0.10");
	assert_false(ab_policy_excludes_port(c->set, &port, &origin)->is_drain);
	assert_int_equal(origin.file, 1);
	assert_false(ab_policy_excludes_portal(c->set, &p, &origin)->is_drain);
	drop(c);
}

static void exclusions_that_exclude_nothing_are_refused(void **state)
{
	static const struct {
		const char *what, *text, *want;
	} rows[] = {
		{ "reason only", "[Exclude]\nReason=x\n", "excludes nothing" },
		{ "exceptions only", "[Exclude]\nPort=!eth0\n",
		  "only has values with !" },
		{ "until", "[Exclude]\nPort=eth0\nUntil=2030-01-01\n",
		  "not in this version" },
		{ "a policy", "[Match]\nName=*\n", "but into policy.d" },
		{ "unknown", "[Exclud]\nPort=eth0\n", "did you mean [Exclude]?" },
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < AB_COUNT(rows); i++) {
		struct config *c = build_with(
			&(struct given){ AB_POLICY_EXCLUDE, "x", rows[i].text }, 1,
			NULL);

		ab_assert_row(rows[i].what, !c->set);
		ab_assert_row(rows[i].what, strstr(c->v[0].text, rows[i].want) ||
						    strstr(c->v[1].text, rows[i].want));
		drop(c);
	}
}

static void iface_names_are_safe_for_open_iscsi(void **state)
{
	static const struct {
		const char *what, *template, *device;
		unsigned int n;
		const char *want;
	} rows[] = {
		{ "default", "ab-%i", "ens1f0", 1, "ab-ens1f0" },
		{ "clash", "ab-%i", "ens1f0", 2, "ab-ens1f0-2" },
		{ "MAC", "ab.%m", "eth0", 1, "ab.00:0f:1f:92:6b:bf" },
		{ "constant", "san", "eth0", 3, "san-3" },
		{ "odd characters", "ab-%i", "e#\xc3\xa4", 1, "ab-e___" },
		{ "ipv6", "ab-%i", "IPv6tun", 1, "ab-IP_6tun" },
		{ "ipv6 across the seam", "ip%i", "v6", 1, "ip_6" },
		{ "built-in name", "%i", "default", 1, "_efault" },
		{ "dot", "%i", ".eth", 1, "_eth" },
		{ "cut to 32", "a2345678901234567890-%i", "ens123456789012", 1,
		  "a2345678901234567890-ens12345678" },
		{ "cut with suffix", "a2345678901234567890-%i", "ens123456789012", 12,
		  "a2345678901234567890-ens12345-12" },
	};
	char name[AB_IFACE_NAME];
	unsigned int i;

	(void)state;
	for (i = 0; i < AB_COUNT(rows); i++) {
		struct ab_link l = link_of(rows[i].device, AB_PORT_ETHER);
		struct ab_policy p = { 0 };

		(void)strcpy(p.iface_template, rows[i].template);
		ab_policy_iface_name(&p, &l, rows[i].n, name);
		ab_assert_row(rows[i].what, strcmp(name, rows[i].want) == 0);
		assert_int_equal(ab_name_check_iface(name), 0);
	}
}

static void the_table_has_each_key_once(void **state)
{
	unsigned int number;
	size_t i, k;

	(void)state;
	for (i = 0; i < ab_policy_n_keys; i++) {
		const struct ab_policy_key *key = &ab_policy_keys[i];

		assert_ptr_equal(ab_policy_key_find(key->section, key->name, &number),
				 key);
		assert_non_null(ab_policy_section_find(key->section));
		if (key->type != AB_VALUE_LATER)
			assert_true(key->help && strlen(key->help) < 80);
		for (k = 0; k < i; k++)
			assert_false(strcmp(ab_policy_keys[k].section, key->section) ==
					     0 &&
				     strcmp(ab_policy_keys[k].name, key->name) == 0);
	}
	for (i = 0; i < ab_node_n_setting_keys; i++)
		assert_ptr_equal(ab_node_setting_find(ab_node_setting_keys[i].name),
				 &ab_node_setting_keys[i]);
}

/* What [Node] accepts is written into records: the two tables must agree. */
static void each_node_setting_is_a_key_of_node_records(void **state)
{
	unsigned int k, n = 0;
	size_t i;

	(void)state;
	for (k = 0; k < AB_KEY_MAX; k++) {
		const struct ab_record_key *key = ab_record_key((enum ab_key)k);
		const struct ab_node_setting_key *setting =
			ab_node_setting_find(key->name);
		bool is_secret = key->flags & (AB_RECORD_F_SECRET | AB_RECORD_F_HIDDEN);

		if (!ab_starts_with(key->name, "node."))
			continue;
		n++;
		ab_assert_row(key->name, setting);
		ab_assert_row(key->name, (setting->type == AB_SETTING_IDENTITY) ==
						 !!(key->flags & AB_RECORD_F_FIXED));
		ab_assert_row(key->name,
			      (setting->type == AB_SETTING_SECRET) == is_secret);
		for (i = 0; setting->words && setting->words[i]; i++)
			ab_assert_row(key->name,
				      ab_record_check((enum ab_key)k,
						      setting->words[i]) == 0);
	}
	assert_int_equal(n, ab_node_n_setting_keys);
}

/* --- the manual ------------------------------------------------------------------- */

static char *read_page(const char *path)
{
	char *text = calloc(1, 65536);
	FILE *f = fopen(path, "r");

	if (!f)
		fail_msg("%s: run this from the project's folder", path);
	assert_non_null(text);
	assert_true(fread(text, 1, 65535, f) < 65535);
	(void)fclose(f);
	return text;
}

/* The text of a key's item in its section, or NULL. */
static char *item_of(const char *page, const char *section, const char *name)
{
	char head[64], item[64], *copy;
	const char *p, *end, *next;

	(void)snprintf(head, sizeof(head), "\n.Sh [%s] SECTION\n", section);
	(void)snprintf(item, sizeof(item), "\n.It Cm %s\n", name);
	p = strstr(page, head);
	if (!p)
		return NULL;
	end = strstr(p + 1, "\n.Sh ");
	p = strstr(p, item);
	if (!end || !p || p > end)
		return NULL;
	next = strstr(p + 1, "\n.It ");
	if (next && next < end)
		end = next;
	copy = strndup(p, (size_t)(end - p));
	assert_non_null(copy);
	return copy;
}

/* Is @word there, not as a part of another word? */
static bool has_word(const char *text, const char *word)
{
	const char *p = text;
	size_t n = strlen(word);

	while ((p = strstr(p, word))) {
		if (strchr(" \n", p[-1]) && (!p[n] || strchr(" \n,.;:", p[n])))
			return true;
		p++;
	}
	return false;
}

static void check_page(const char *page, const struct ab_policy_key *key)
{
	char *item = item_of(page, key->section, key->name), limit[32];
	bool is_ms = key->type == AB_VALUE_MS || key->type == AB_VALUE_MS_RANGE ||
		     key->type == AB_VALUE_MS_NEVER;
	struct ab_text t;
	unsigned int i;

	if (key->type == AB_VALUE_LATER) {
		if (item)
			fail_msg("[%s] %s is not in this version", key->section,
				 key->name);
		return;
	}
	if (!item)
		fail_msg("[%s] %s is not in the manual", key->section, key->name);
	if (key->fallback && !has_word(item, key->fallback))
		fail_msg("[%s] %s: default %s is not in the manual", key->section,
			 key->name, key->fallback);
	for (i = 0; key->words && key->words[i]; i++)
		if (!has_word(item, key->words[i]))
			fail_msg("[%s] %s: %s is not in the manual", key->section,
				 key->name, key->words[i]);
	for (i = 0; key->max && i < 2; i++) {
		ab_text_init(&t, limit, sizeof(limit));
		if (is_ms)
			ab_value_add_ms(&t, i ? key->max : key->min);
		else
			ab_text_addi(&t, i ? key->max : key->min);
		if (!has_word(item, limit))
			fail_msg("[%s] %s: limit %s is not in the manual", key->section,
				 key->name, limit);
	}
	free(item);
}

static void the_manual_has_every_key_with_its_default(void **state)
{
	char *policy_page = read_page("man/autobind.policy.5");
	char *conf_page = read_page("man/autobind.conf.5");
	size_t i;

	(void)state;
	for (i = 0; i < ab_policy_n_keys; i++)
		check_page(strcmp(ab_policy_keys[i].section, "General") == 0
				   ? conf_page
				   : policy_page,
			   &ab_policy_keys[i]);
	free(policy_page);
	free(conf_page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_those_of_the_manual),
		cmocka_unit_test(every_key_reaches_its_field),
		cmocka_unit_test(words_stand_in_the_order_of_their_enums),
		cmocka_unit_test(drop_ins_replace_key_by_key),
		cmocka_unit_test(generation_moves_only_with_the_text),
		cmocka_unit_test(mistakes_are_named_with_their_line),
		cmocka_unit_test(node_values_end_where_open_iscsi_can_read_them),
		cmocka_unit_test(warnings_name_what_contradicts),
		cmocka_unit_test(policies_that_never_match_are_named),
		cmocka_unit_test(match_is_and_over_keys_or_over_values),
		cmocka_unit_test(portals_are_judged_in_order),
		cmocka_unit_test(targets_must_be_asked_for),
		cmocka_unit_test(exclusions_name_ports_and_portals),
		cmocka_unit_test(a_deny_list_that_drains_comes_first),
		cmocka_unit_test(exclusions_that_exclude_nothing_are_refused),
		cmocka_unit_test(iface_names_are_safe_for_open_iscsi),
		cmocka_unit_test(the_table_has_each_key_once),
		cmocka_unit_test(each_node_setting_is_a_key_of_node_records),
		cmocka_unit_test(the_manual_has_every_key_with_its_default),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
