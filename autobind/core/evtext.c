/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/evtext.h"

#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "core/name.h"
#include "util/num.h"

enum field_kind {
	FIELD_U8,
	FIELD_U16,
	FIELD_U32,
	FIELD_U64,
	FIELD_I32,
	FIELD_FLAG, /* its name alone, when true */
	FIELD_STRING,
	FIELD_ADDR,
	FIELD_NET, /* with host bits */
	FIELD_PORTAL,
	FIELD_HWADDR,
	FIELD_PORT_TYPE,
	FIELD_WORD, /* one byte, by the name of its value */
};

/* The names of a byte's values; NULL: that value does not occur. */
struct words {
	const char *const *names;
	uint8_t n;
	bool is_told; /* also when it is zero */
};

struct field {
	const char *name; /* NULL ends a list */
	const struct words *words;
	uint16_t offset; /* in struct ab_event or struct ab_effect */
	uint16_t size;
	uint8_t kind;
};

#define FIELD_OF(type, text, member, field_kind)                                       \
	.name = (text), .offset = offsetof(type, member),                              \
	.size = sizeof(((type *)0)->member), .kind = (field_kind)
#define F(text, member, field_kind)                                                    \
	{                                                                              \
		FIELD_OF(struct ab_event, text, member, field_kind)                    \
	}
#define FW(text, member, names)                                                        \
	{                                                                              \
		FIELD_OF(struct ab_event, text, member, FIELD_WORD), .words = &(names) \
	}
#define E(text, member, field_kind)                                                    \
	{                                                                              \
		FIELD_OF(struct ab_effect, text, member, field_kind)                   \
	}
#define EW(text, member, names)                                                        \
	{                                                                              \
		FIELD_OF(struct ab_effect, text, member, FIELD_WORD),                  \
			.words = &(names)                                              \
	}
#define END                                                                            \
	{                                                                              \
		.name = NULL                                                           \
	}

#define WORDS(variable, told, ...)                                                     \
	static const char *const variable##_names[] = { __VA_ARGS__ };                 \
	static const struct words variable = { variable##_names,                       \
					       sizeof(variable##_names) /              \
						       sizeof(variable##_names[0]),    \
					       told }

WORDS(sources, true, [AB_SOURCE_RTNL] = "rtnl", [AB_SOURCE_UDEV] = "udev",
      [AB_SOURCE_RECORDS] = "records", [AB_SOURCE_LEDGER] = "ledger",
      [AB_SOURCE_SESSIONS] = "sessions");
WORDS(session_states, true, [AB_SESSION_FREE] = "free",
      [AB_SESSION_LOGGED_IN] = "logged-in", [AB_SESSION_FAILED] = "failed");
WORDS(multipaths,
      true, [AB_MULTIPATH_UNKNOWN] = "unknown", [AB_MULTIPATH_ABSENT] = "absent",
      [AB_MULTIPATH_STRICT] = "strict", [AB_MULTIPATH_READY] = "ready");
WORDS(families, false, [AF_INET] = "inet", [AF_INET6] = "inet6");
WORDS(verdicts, true, [AB_ROUTE_UNKNOWN] = "unknown", [AB_ROUTE_OK] = "ok",
      [AB_ROUTE_NONE] = "none");
WORDS(record_states, false, [AB_RECORD_OK] = "ok", [AB_RECORD_BROKEN] = "broken");
WORDS(ledger_kinds, false, [AB_LEDGER_IFACE] = "iface", [AB_LEDGER_NODE] = "node",
      [AB_LEDGER_SESSION] = "session", [AB_LEDGER_TRY] = "try");
WORDS(tries, true, [AB_TRY_DISCOVERY] = "discovery", [AB_TRY_IFACE] = "iface",
      [AB_TRY_NODE] = "node", [AB_TRY_LOGIN] = "login");
WORDS(owners, false, [AB_OWNER_FOREIGN] = "foreign", [AB_OWNER_INTENT] = "intended",
      [AB_OWNER_OURS] = "ours", [AB_OWNER_MODIFIED] = "modified",
      [AB_OWNER_HELD] = "held");
WORDS(results, true, [AB_PROBE_ANSWER] = "answer", [AB_PROBE_LOST] = "lost",
      [AB_PROBE_REFUSED] = "refused", [AB_PROBE_CANNOT_SEND] = "cannot-send",
      [AB_PROBE_WRONG_DEVICE] = "wrong-device");
WORDS(methods,
      false, [AB_PROBE_NONE] = "none", [AB_PROBE_ICMP] = "icmp", [AB_PROBE_TCP] = "tcp",
      [AB_PROBE_ICMP_AND_TCP] = "icmp+tcp", [AB_PROBE_ICMP_OR_TCP] = "icmp|tcp");
WORDS(outcomes, true, [AB_OUTCOME_DONE] = "done", [AB_OUTCOME_EXISTS] = "exists",
      [AB_OUTCOME_GONE] = "gone", [AB_OUTCOME_CHANGED] = "changed",
      [AB_OUTCOME_RETRY] = "retry", [AB_OUTCOME_DENIED] = "denied",
      [AB_OUTCOME_UNKNOWN] = "unknown");
WORDS(verbs, true, [AB_COMMAND_APPLY] = "apply", [AB_COMMAND_PAUSE] = "pause",
      [AB_COMMAND_RESUME] = "resume", [AB_COMMAND_QUIESCE] = "quiesce",
      [AB_COMMAND_UNQUIESCE] = "unquiesce");

/* --- events --- */

static const struct field dump_fields[] = {
	FW("source", dump.source, sources),
	F("unreadable", dump.is_unreadable, FIELD_FLAG),
	END,
};

static const struct field link_fields[] = {
	F("ifindex", link.ifindex, FIELD_U32),
	F("name", link.name, FIELD_STRING),
	F("type", link.type, FIELD_PORT_TYPE),
	F("up", link.is_up, FIELD_FLAG),
	F("carrier", link.has_carrier, FIELD_FLAG),
	F("master", link.master, FIELD_U32),
	F("lower", link.lower, FIELD_U32),
	F("vlan", link.vlan_id, FIELD_U16),
	F("mtu", link.mtu, FIELD_U32),
	F("mac", link.hwaddr, FIELD_HWADDR),
	F("permmac", link.perm_hwaddr, FIELD_HWADDR),
	END,
};

static const struct field addr_fields[] = {
	F("ifindex", addr.ifindex, FIELD_U32),
	F("net", addr.net, FIELD_NET),
	F("tentative", addr.is_tentative, FIELD_FLAG),
	F("failed", addr.is_failed, FIELD_FLAG),
	F("deprecated", addr.is_deprecated, FIELD_FLAG),
	F("temporary", addr.is_temporary, FIELD_FLAG),
	F("linklocal", addr.is_linklocal, FIELD_FLAG),
	END,
};

static const struct field udev_fields[] = {
	F("ifindex", udev.ifindex, FIELD_U32),
	F("initialized", udev.is_initialized, FIELD_FLAG),
	F("ignored", udev.is_ignored, FIELD_FLAG),
	F("driver", udev.driver, FIELD_STRING),
	F("path", udev.id_path, FIELD_STRING),
	END,
};

static const struct field routes_fields[] = {
	FW("family", routes.family, families),
	END,
};

static const struct field route_fields[] = {
	F("path", route.path, FIELD_U64),
	FW("verdict", route.verdict, verdicts),
	END,
};

static const struct field neigh_fields[] = {
	F("ifindex", neigh.ifindex, FIELD_U32),
	F("addr", neigh.addr, FIELD_ADDR),
	F("failed", neigh.is_failed, FIELD_FLAG),
	END,
};

static const struct field iface_fields[] = {
	F("iface", iface.binding.iface, FIELD_STRING),
	F("transport", iface.binding.transport, FIELD_STRING),
	F("netdev", iface.binding.netdev, FIELD_STRING),
	F("hwaddr", iface.binding.hwaddr, FIELD_STRING),
	F("initiator", iface.binding.initiatorname, FIELD_STRING),
	F("hash", iface.hash, FIELD_U64),
	FW("state", iface.state, record_states),
	END,
};

static const struct field node_fields[] = {
	F("target", node.key.target, FIELD_STRING),
	F("portal", node.key.portal, FIELD_PORTAL),
	F("tpgt", node.key.tpgt, FIELD_I32),
	F("iface", node.key.iface, FIELD_STRING),
	F("netdev", node.netdev, FIELD_STRING),
	F("hwaddr", node.hwaddr, FIELD_STRING),
	F("hash", node.hash, FIELD_U64),
	FW("state", node.state, record_states),
	F("bydiscovery", node.by_discovery, FIELD_FLAG),
	END,
};

static const struct field session_fields[] = {
	F("sid", session.sid, FIELD_U32),
	F("host", session.host, FIELD_U32),
	FW("state", session.state, session_states),
	F("firmware", session.is_firmware, FIELD_FLAG),
	F("disks", session.n_disks, FIELD_U16),
	F("mapped", session.n_mapped, FIELD_U16),
	F("target", session.node.target, FIELD_STRING),
	F("portal", session.node.portal, FIELD_PORTAL),
	F("tpgt", session.node.tpgt, FIELD_I32),
	F("iface", session.node.iface, FIELD_STRING),
	F("peer", session.peer, FIELD_PORTAL),
	F("local", session.local, FIELD_ADDR),
	F("transport", session.transport, FIELD_STRING),
	END,
};

static const struct field multipath_fields[] = {
	FW("state", multipath.state, multipaths),
	END,
};

static const struct field mapped_fields[] = {
	F("sid", mapped.sid, FIELD_U32),
	F("known", mapped.n_known, FIELD_U16),
	END,
};

/* Which one a line is, its kind says: nothing else may come before it. */
static const struct field ledger_fields[] = {
	FW("kind", ledger.kind, ledger_kinds),
	END,
};

static const struct field ledger_iface_fields[] = {
	FW("kind", ledger.kind, ledger_kinds),
	FW("owner", ledger.owner, owners),
	F("hash", ledger.hash, FIELD_U64),
	F("name", ledger.iface.name, FIELD_STRING),
	F("type", ledger.iface.port.type, FIELD_PORT_TYPE),
	F("vlan", ledger.iface.port.vlan_id, FIELD_U16),
	F("permmac", ledger.iface.port.perm_hwaddr, FIELD_HWADDR),
	F("path", ledger.iface.port.id_path, FIELD_STRING),
	F("port", ledger.iface.port.name, FIELD_STRING),
	F("retires", ledger.iface.can_retire, FIELD_FLAG),
	F("retire", ledger.iface.retire_ms, FIELD_U64),
	F("orphan", ledger.iface.orphan_ms, FIELD_U64),
	END,
};

static const struct field ledger_node_fields[] = {
	FW("kind", ledger.kind, ledger_kinds),
	FW("owner", ledger.owner, owners),
	F("hash", ledger.hash, FIELD_U64),
	F("settings", ledger.settings, FIELD_U64),
	F("unwanted", ledger.unwanted_ms, FIELD_U64),
	F("target", ledger.node.target, FIELD_STRING),
	F("portal", ledger.node.portal, FIELD_PORTAL),
	F("tpgt", ledger.node.tpgt, FIELD_I32),
	F("iface", ledger.node.iface, FIELD_STRING),
	END,
};

static const struct field ledger_session_fields[] = {
	FW("kind", ledger.kind, ledger_kinds),
	FW("owner", ledger.owner, owners),
	F("target", ledger.node.target, FIELD_STRING),
	F("portal", ledger.node.portal, FIELD_PORTAL),
	F("tpgt", ledger.node.tpgt, FIELD_I32),
	F("iface", ledger.node.iface, FIELD_STRING),
	END,
};

static const struct field ledger_try_fields[] = {
	FW("kind", ledger.kind, ledger_kinds),
	FW("owner", ledger.owner, owners),
	FW("what", ledger.try.what, tries),
	F("attempts", ledger.try.attempts, FIELD_U8),
	F("code", ledger.try.code, FIELD_I32),
	F("next", ledger.try.next_ms, FIELD_U64),
	F("denied", ledger.try.is_denied, FIELD_FLAG),
	F("hash", ledger.hash, FIELD_U64),
	F("settings", ledger.settings, FIELD_U64),
	F("target", ledger.node.target, FIELD_STRING),
	F("portal", ledger.node.portal, FIELD_PORTAL),
	F("tpgt", ledger.node.tpgt, FIELD_I32),
	F("iface", ledger.node.iface, FIELD_STRING),
	END,
};

static const struct field probe_fields[] = {
	F("path", probe.path, FIELD_U64),	F("seq", probe.seq, FIELD_U32),
	FW("result", probe.result, results),	FW("method", probe.method, methods),
	F("error", probe.error, FIELD_I32),	F("rtt", probe.rtt_us, FIELD_U32),
	F("arrival", probe.arrival, FIELD_U32), END,
};

static const struct field found_fields[] = {
	F("job", found.job, FIELD_U64),
	F("target", found.target, FIELD_STRING),
	F("portal", found.portal, FIELD_PORTAL),
	F("tpgt", found.tpgt, FIELD_I32),
	END,
};

static const struct field done_fields[] = {
	F("job", done.job, FIELD_U64),
	FW("outcome", done.outcome, outcomes),
	F("code", done.code, FIELD_I32),
	F("hash", done.hash, FIELD_U64),
	END,
};

static const struct field command_fields[] = {
	FW("verb", command.verb, verbs),
	F("port", command.scope.port, FIELD_STRING),
	F("addr", command.scope.portal.addr, FIELD_ADDR),
	F("tcpport", command.scope.portal.port, FIELD_U16),
	END,
};

static const struct field no_fields[] = { END };

static const struct {
	const char *name;
	const struct field *fields;
} event_types[AB_EV_MAX] = {
	[AB_EV_NONE] = { "none", no_fields },
	[AB_EV_TICK] = { "tick", no_fields },
	[AB_EV_DUMP_BEGIN] = { "dump-begin", dump_fields },
	[AB_EV_DUMP_END] = { "dump-end", dump_fields },
	[AB_EV_STALE] = { "stale", dump_fields },
	[AB_EV_LINK] = { "link", link_fields },
	[AB_EV_LINK_GONE] = { "link-gone", link_fields },
	[AB_EV_ADDR] = { "addr", addr_fields },
	[AB_EV_ADDR_GONE] = { "addr-gone", addr_fields },
	[AB_EV_UDEV] = { "udev", udev_fields },
	[AB_EV_UDEV_GONE] = { "udev-gone", udev_fields },
	[AB_EV_ROUTES] = { "routes", routes_fields },
	[AB_EV_ROUTE] = { "route", route_fields },
	[AB_EV_NEIGH] = { "neigh", neigh_fields },
	[AB_EV_IFACE] = { "iface", iface_fields },
	[AB_EV_IFACE_GONE] = { "iface-gone", iface_fields },
	[AB_EV_NODE] = { "node", node_fields },
	[AB_EV_NODE_GONE] = { "node-gone", node_fields },
	[AB_EV_LEDGER] = { "ledger", ledger_fields },
	[AB_EV_SESSION] = { "session", session_fields },
	[AB_EV_SESSION_GONE] = { "session-gone", session_fields },
	[AB_EV_MULTIPATH] = { "multipath", multipath_fields },
	[AB_EV_MAPPED] = { "mapped", mapped_fields },
	[AB_EV_PROBE] = { "probe", probe_fields },
	[AB_EV_FOUND] = { "found", found_fields },
	[AB_EV_DONE] = { "done", done_fields },
	[AB_EV_POLICY] = { "policy", no_fields },
	[AB_EV_COMMAND] = { "command", command_fields },
};

static const struct field *fields_of(const struct ab_event *ev)
{
	if (ev->type == AB_EV_LEDGER && ev->ledger.kind == AB_LEDGER_IFACE)
		return ledger_iface_fields;
	if (ev->type == AB_EV_LEDGER && ev->ledger.kind == AB_LEDGER_NODE)
		return ledger_node_fields;
	if (ev->type == AB_EV_LEDGER && ev->ledger.kind == AB_LEDGER_SESSION)
		return ledger_session_fields;
	if (ev->type == AB_EV_LEDGER && ev->ledger.kind == AB_LEDGER_TRY)
		return ledger_try_fields;
	return event_types[ev->type].fields;
}

/* --- effects --- */

static const struct field probe_set_fields[] = {
	E("path", probe.path, FIELD_U64),
	E("ifindex", probe.ifindex, FIELD_U32),
	E("netdev", probe.netdev, FIELD_STRING),
	E("portal", probe.portal, FIELD_PORTAL),
	EW("method", probe.method, methods),
	E("burst", probe.burst, FIELD_U8),
	E("interval", probe.interval_ms, FIELD_U32),
	E("timeout", probe.timeout_ms, FIELD_U32),
	END,
};

static const struct field route_check_fields[] = {
	E("path", route.path, FIELD_U64),
	E("ifindex", route.ifindex, FIELD_U32),
	E("addr", route.addr, FIELD_ADDR),
	END,
};

static const struct field iface_effect_fields[] = {
	E("job", job, FIELD_U64),
	E("iface", iface.binding.iface, FIELD_STRING),
	E("transport", iface.binding.transport, FIELD_STRING),
	E("netdev", iface.binding.netdev, FIELD_STRING),
	E("hwaddr", iface.binding.hwaddr, FIELD_STRING),
	E("initiator", iface.binding.initiatorname, FIELD_STRING),
	E("type", iface.port.type, FIELD_PORT_TYPE),
	E("vlan", iface.port.vlan_id, FIELD_U16),
	E("permmac", iface.port.perm_hwaddr, FIELD_HWADDR),
	E("idpath", iface.port.id_path, FIELD_STRING),
	E("port", iface.port.name, FIELD_STRING),
	E("update", iface.is_update, FIELD_FLAG),
	E("hash", iface.hash, FIELD_U64),
	END,
};

static const struct field node_effect_fields[] = {
	E("job", job, FIELD_U64),
	E("target", node.key.target, FIELD_STRING),
	E("portal", node.key.portal, FIELD_PORTAL),
	E("tpgt", node.key.tpgt, FIELD_I32),
	E("iface", node.key.iface, FIELD_STRING),
	E("discovery", node.discovery, FIELD_PORTAL),
	E("policy", node.policy, FIELD_U32),
	E("settings", node.settings, FIELD_U64),
	E("chap", node.chap, FIELD_STRING),
	E("update", node.is_update, FIELD_FLAG),
	E("hash", node.hash, FIELD_U64),
	END,
};

static const struct field ledger_iface_effect_fields[] = {
	EW("kind", ledger.kind, ledger_kinds),
	EW("owner", ledger.owner, owners),
	E("hash", ledger.hash, FIELD_U64),
	E("name", ledger.iface.name, FIELD_STRING),
	E("type", ledger.iface.port.type, FIELD_PORT_TYPE),
	E("vlan", ledger.iface.port.vlan_id, FIELD_U16),
	E("permmac", ledger.iface.port.perm_hwaddr, FIELD_HWADDR),
	E("path", ledger.iface.port.id_path, FIELD_STRING),
	E("port", ledger.iface.port.name, FIELD_STRING),
	E("retires", ledger.iface.can_retire, FIELD_FLAG),
	E("retire", ledger.iface.retire_ms, FIELD_U64),
	E("orphan", ledger.iface.orphan_ms, FIELD_U64),
	END,
};

static const struct field ledger_node_effect_fields[] = {
	EW("kind", ledger.kind, ledger_kinds),
	EW("owner", ledger.owner, owners),
	E("hash", ledger.hash, FIELD_U64),
	E("settings", ledger.settings, FIELD_U64),
	E("unwanted", ledger.unwanted_ms, FIELD_U64),
	E("target", ledger.node.target, FIELD_STRING),
	E("portal", ledger.node.portal, FIELD_PORTAL),
	E("tpgt", ledger.node.tpgt, FIELD_I32),
	E("iface", ledger.node.iface, FIELD_STRING),
	END,
};

static const struct field ledger_try_effect_fields[] = {
	EW("kind", ledger.kind, ledger_kinds),
	EW("owner", ledger.owner, owners),
	EW("what", ledger.try.what, tries),
	E("attempts", ledger.try.attempts, FIELD_U8),
	E("code", ledger.try.code, FIELD_I32),
	E("next", ledger.try.next_ms, FIELD_U64),
	E("denied", ledger.try.is_denied, FIELD_FLAG),
	E("hash", ledger.hash, FIELD_U64),
	E("settings", ledger.settings, FIELD_U64),
	E("target", ledger.node.target, FIELD_STRING),
	E("portal", ledger.node.portal, FIELD_PORTAL),
	E("tpgt", ledger.node.tpgt, FIELD_I32),
	E("iface", ledger.node.iface, FIELD_STRING),
	END,
};

static const struct field ledger_session_effect_fields[] = {
	EW("kind", ledger.kind, ledger_kinds),
	EW("owner", ledger.owner, owners),
	E("target", ledger.node.target, FIELD_STRING),
	E("portal", ledger.node.portal, FIELD_PORTAL),
	E("tpgt", ledger.node.tpgt, FIELD_I32),
	E("iface", ledger.node.iface, FIELD_STRING),
	END,
};

static const struct field login_fields[] = {
	E("job", job, FIELD_U64),
	E("target", login.key.target, FIELD_STRING),
	E("portal", login.key.portal, FIELD_PORTAL),
	E("tpgt", login.key.tpgt, FIELD_I32),
	E("iface", login.key.iface, FIELD_STRING),
	E("ifindex", login.ifindex, FIELD_U32),
	E("connect", login.connect_ms, FIELD_U32),
	E("policy", login.policy, FIELD_U32),
	END,
};

static const struct field logout_fields[] = {
	E("job", job, FIELD_U64),
	E("target", logout.key.target, FIELD_STRING),
	E("portal", logout.key.portal, FIELD_PORTAL),
	E("tpgt", logout.key.tpgt, FIELD_I32),
	E("iface", logout.key.iface, FIELD_STRING),
	E("sid", logout.sid, FIELD_U32),
	E("host", logout.host, FIELD_U32),
	E("minpaths", logout.min_paths, FIELD_U32),
	E("idle", logout.must_be_idle, FIELD_FLAG),
	END,
};

static const struct field discover_fields[] = {
	E("job", job, FIELD_U64),
	E("ifindex", discover.ifindex, FIELD_U32),
	E("netdev", discover.netdev, FIELD_STRING),
	E("portal", discover.portal, FIELD_PORTAL),
	E("initiator", discover.initiatorname, FIELD_STRING),
	E("deadline", discover.deadline_ms, FIELD_U32),
	E("max", discover.max, FIELD_U32),
	E("chap", discover.chap, FIELD_STRING),
	END,
};

static const struct field resync_fields[] = {
	EW("source", resync.source, sources),
	END,
};

static const struct field note_fields[] = {
	E("what", note.what, FIELD_U8),	    E("code", note.code, FIELD_I32),
	E("port", note.port, FIELD_STRING), E("portal", note.portal, FIELD_PORTAL),
	E("name", note.name, FIELD_STRING), END,
};

static const struct {
	const char *name;
	const struct field *fields;
} effect_types[AB_EF_MAX] = {
	[AB_EF_NONE] = { "none", no_fields },
	[AB_EF_PROBE_SET] = { "probe-set", probe_set_fields },
	[AB_EF_PROBE_CLEAR] = { "probe-clear", probe_set_fields },
	[AB_EF_ROUTE_CHECK] = { "route-check", route_check_fields },
	[AB_EF_IFACE_WRITE] = { "iface-write", iface_effect_fields },
	[AB_EF_IFACE_DELETE] = { "iface-delete", iface_effect_fields },
	[AB_EF_NODE_WRITE] = { "node-write", node_effect_fields },
	[AB_EF_NODE_DELETE] = { "node-delete", node_effect_fields },
	[AB_EF_LEDGER_PUT] = { "ledger-put", ledger_iface_effect_fields },
	[AB_EF_LEDGER_DEL] = { "ledger-del", ledger_iface_effect_fields },
	[AB_EF_DISCOVER] = { "discover", discover_fields },
	[AB_EF_LOGIN] = { "login", login_fields },
	[AB_EF_LOGOUT] = { "logout", logout_fields },
	[AB_EF_RESYNC] = { "resync", resync_fields },
	[AB_EF_NOTE] = { "note", note_fields },
};

static const struct field *fields_of_effect(const struct ab_effect *ef)
{
	bool is_ledger = ef->type == AB_EF_LEDGER_PUT || ef->type == AB_EF_LEDGER_DEL;

	if (is_ledger && ef->ledger.kind == AB_LEDGER_NODE)
		return ledger_node_effect_fields;
	if (is_ledger && ef->ledger.kind == AB_LEDGER_SESSION)
		return ledger_session_effect_fields;
	if (is_ledger && ef->ledger.kind == AB_LEDGER_TRY)
		return ledger_try_effect_fields;
	return effect_types[ef->type].fields;
}

/* --- to text --- */

static bool is_zero(const void *p, size_t n)
{
	const unsigned char *b = p;

	while (n--)
		if (*b++)
			return false;
	return true;
}

static uint64_t load(const void *p, size_t size)
{
	uint64_t u64;
	uint32_t u32;
	uint16_t u16;

	switch (size) {
	case 8:
		memcpy(&u64, p, 8);
		return u64;
	case 4:
		memcpy(&u32, p, 4);
		return u32;
	case 2:
		memcpy(&u16, p, 2);
		return u16;
	default:
		return *(const unsigned char *)p;
	}
}

static void add_value(struct ab_text *t, const struct field *f, const void *p)
{
	uint64_t number = f->size <= 8 ? load(p, f->size) : 0;

	switch ((enum field_kind)f->kind) {
	case FIELD_U8:
	case FIELD_U16:
	case FIELD_U32:
	case FIELD_U64:
	case FIELD_FLAG:
		ab_text_addu(t, number);
		break;
	case FIELD_I32:
		ab_text_addi(t, (int32_t)number);
		break;
	case FIELD_STRING:
		ab_text_add_escaped(t, p, strnlen(p, f->size));
		break;
	case FIELD_ADDR:
		ab_name_add_addr(t, p);
		break;
	case FIELD_NET:
		ab_name_add_net(t, p);
		break;
	case FIELD_PORTAL:
		ab_name_add_portal(t, p);
		break;
	case FIELD_HWADDR:
		ab_name_add_hwaddr(t, p);
		break;
	case FIELD_PORT_TYPE:
		ab_text_add(t, number < AB_PORT_TYPE_MAX
				       ? ab_port_type_name((enum ab_port_type)number)
				       : "other");
		break;
	case FIELD_WORD:
		if (number < f->words->n && f->words->names[number])
			ab_text_add(t, f->words->names[number]);
		else
			ab_text_addc(t, '?');
		break;
	}
}

static void add_fields(struct ab_text *t, const struct field *f, const void *base)
{
	for (; f->name; f++) {
		const char *p = (const char *)base + f->offset;

		if (is_zero(p, f->size) && !(f->words && f->words->is_told))
			continue;
		ab_text_addc(t, ' ');
		ab_text_add(t, f->name);
		if (f->kind == FIELD_FLAG)
			continue;
		ab_text_addc(t, '=');
		add_value(t, f, p);
	}
}

void ab_evtext_add(struct ab_text *t, const struct ab_event *ev)
{
	ab_text_add(t, event_types[ev->type].name);
	add_fields(t, fields_of(ev), ev);
}

void ab_evtext_add_effect(struct ab_text *t, const struct ab_effect *ef)
{
	ab_text_add(t, effect_types[ef->type].name);
	add_fields(t, fields_of_effect(ef), ef);
}

/* --- from text --- */

static bool store_number(const struct field *f, void *p, const char *s)
{
	uint64_t max = f->size == 8 ? UINT64_MAX : (UINT64_C(1) << (f->size * 8)) - 1;
	uint64_t v;
	int64_t i;

	if (f->kind == FIELD_I32) {
		int32_t value;

		if (ab_num_i64(s, INT32_MIN, INT32_MAX, &i))
			return false;
		value = (int32_t)i;
		memcpy(p, &value, sizeof(value));
		return true;
	}
	if (ab_num_u64(s, 0, max, &v))
		return false;
	/* Little end first or last: each size has its own type. */
	if (f->size == 8) {
		memcpy(p, &v, 8);
	} else if (f->size == 4) {
		uint32_t u32 = (uint32_t)v;

		memcpy(p, &u32, 4);
	} else if (f->size == 2) {
		uint16_t u16 = (uint16_t)v;

		memcpy(p, &u16, 2);
	} else {
		*(uint8_t *)p = (uint8_t)v;
	}
	return true;
}

static bool store_word(void *p, int value)
{
	if (value < 0)
		return false;
	*(uint8_t *)p = (uint8_t)value;
	return true;
}

static int word_of(const struct words *words, const char *s)
{
	int i;

	for (i = 0; i < words->n; i++)
		if (words->names[i] && ab_streq(words->names[i], s))
			return i;
	return -1;
}

/* Values were written into zeroed memory: what is stored has no stray bytes. */
static bool store_value(const struct field *f, void *p, const char *s)
{
	int n;

	switch ((enum field_kind)f->kind) {
	case FIELD_U8:
	case FIELD_U16:
	case FIELD_U32:
	case FIELD_U64:
	case FIELD_I32:
		return store_number(f, p, s);
	case FIELD_FLAG:
		return false; /* has no value */
	case FIELD_STRING:
		n = ab_text_unescape(s, strlen(s), p, f->size);
		return n >= 0;
	case FIELD_ADDR:
		return ab_name_parse_addr(s, p) == 0;
	case FIELD_NET:
		return ab_name_parse_ifaddr(s, p) == 0;
	case FIELD_PORTAL:
		return ab_name_parse_portal(s, p) == 0;
	case FIELD_HWADDR:
		return ab_name_parse_hwaddr(s, p) == 0;
	case FIELD_PORT_TYPE:
		return store_word(p, ab_port_type_of(s));
	case FIELD_WORD:
		return store_word(p, word_of(f->words, s));
	}
	return false;
}

static bool store_field(struct ab_event *ev, const char *word)
{
	const char *equals = strchr(word, '=');
	size_t n = equals ? (size_t)(equals - word) : strlen(word);
	const struct field *f;

	for (f = fields_of(ev); f->name; f++)
		if (strlen(f->name) == n && strncmp(f->name, word, n) == 0)
			break;
	/* What is said twice has two meanings, and leaves bytes of the first one. */
	if (!f->name || !is_zero((char *)ev + f->offset, f->size))
		return false;
	if (f->kind == FIELD_FLAG) {
		*((char *)ev + f->offset) = 1;
		return !equals;
	}
	return equals && store_value(f, (char *)ev + f->offset, equals + 1);
}

static size_t n_blanks(const char *s)
{
	size_t n = 0;

	while (s[n] == ' ' || s[n] == '\t')
		n++;
	return n;
}

/* Copies the next word of *s, moves *s behind it; false: there is none, or too long. */
static bool next_word(const char **s, char *word, size_t size)
{
	size_t n = 0;

	*s += n_blanks(*s);
	while ((*s)[n] && (*s)[n] != ' ' && (*s)[n] != '\t')
		n++;
	if (n == 0 || n >= size)
		return false;
	memcpy(word, *s, n);
	word[n] = '\0';
	*s += n;
	return true;
}

static int type_of(const char *word)
{
	int i;

	for (i = AB_EV_TICK; i < AB_EV_MAX; i++)
		if (ab_streq(event_types[i].name, word))
			return i;
	return -1;
}

int ab_evtext_parse(const char *line, struct ab_event *ret_ev, const char **ret_word)
{
	char word[AB_EVTEXT_MAX / 2];
	const char *at = line + n_blanks(line), *start = at;
	struct ab_event ev;
	int type;

	memset(&ev, 0, sizeof(ev));
	type = next_word(&at, word, sizeof(word)) ? type_of(word) : -1;
	if (type < 0)
		goto bad;
	ev.type = (uint32_t)type;
	for (;;) {
		at += n_blanks(at);
		start = at;
		if (!*at)
			break;
		if (!next_word(&at, word, sizeof(word)) || !store_field(&ev, word))
			goto bad;
	}
	if (ev.type == AB_EV_LEDGER && !ev.ledger.kind)
		goto bad;
	*ret_ev = ev;
	return 0;
bad:
	if (ret_word)
		*ret_word = start;
	return 1;
}
