/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * event - what the engine is told and what it asks for.
 *
 * Both are plain values without pointers, at most 512 bytes, so that a socketpair, a
 * file and a fuzzer can carry them as they are. Every asked-for job has an id, and
 * exactly one AB_EV_DONE answers it. Events are facts about the world, never orders.
 */
#ifndef AUTOBIND_CORE_EVENT_H
#define AUTOBIND_CORE_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/chap.h"
#include "core/types.h"

/* Who observes. A source is stale until its first dump has ended. */
enum ab_source {
	AB_SOURCE_RTNL,	    /* links, addresses */
	AB_SOURCE_UDEV,	    /* properties of links */
	AB_SOURCE_RECORDS,  /* iface and node records on disk */
	AB_SOURCE_LEDGER,   /* what autobind owns */
	AB_SOURCE_SESSIONS, /* iSCSI sessions in sysfs */
	AB_SOURCE_MAX
};

enum ab_event_type {
	AB_EV_NONE,
	AB_EV_TICK,	  /* nothing happened but time */
	AB_EV_DUMP_BEGIN, /* .dump: all objects of a source follow */
	AB_EV_DUMP_END,	  /* .dump: what did not appear is gone; the source is fresh */
	AB_EV_STALE,	  /* .dump: events were lost; a dump will follow */
	AB_EV_LINK,	  /* .link: appeared or changed */
	AB_EV_LINK_GONE,  /* .link.ifindex */
	AB_EV_ADDR,	  /* .addr: appeared or changed */
	AB_EV_ADDR_GONE,  /* .addr: ifindex and net */
	AB_EV_UDEV,	  /* .udev */
	AB_EV_UDEV_GONE,  /* .udev.ifindex */
	AB_EV_ROUTES,	  /* routes or rules of .routes.family changed: ask again */
	AB_EV_ROUTE,	  /* .route: answer to AB_EF_ROUTE_CHECK */
	AB_EV_NEIGH,	  /* .neigh: a neighbour became FAILED, or is no longer */
	AB_EV_IFACE,	  /* .iface: an iface record exists */
	AB_EV_IFACE_GONE, /* .iface.binding.iface */
	AB_EV_NODE,	  /* .node: a node record exists */
	AB_EV_NODE_GONE,  /* .node.key, .node.by_discovery */
	AB_EV_LEDGER,	  /* .ledger: an entry, at start */
	AB_EV_SESSION,	  /* .session: appeared or changed */
	AB_EV_SESSION_GONE, /* .session.sid */
	AB_EV_MULTIPATH, /* .multipath: what multipathd would do with a second path */
	AB_EV_MAPPED,	 /* .mapped: what multipathd knows of a session's disks */
	AB_EV_PROBE,	 /* .probe: one answer, or its absence */
	AB_EV_FOUND,	 /* .found: one line of a discovery whose trailer was seen */
	AB_EV_DONE,	 /* .done: the answer to a job */
	AB_EV_POLICY,	 /* the policy set given to the step is a new one */
	AB_EV_COMMAND,	 /* .command: an administrator's word */
	AB_EV_MAX
};

enum ab_probe_result {
	AB_PROBE_ANSWER,      /* the portal answered through this device */
	AB_PROBE_LOST,	      /* no answer within Timeout */
	AB_PROBE_REFUSED,     /* TCP reset, ICMP unreachable: something answered "no" */
	AB_PROBE_CANNOT_SEND, /* the kernel refused to send: .error says why */
	AB_PROBE_WRONG_DEVICE, /* answered, but the answer came in by .arrival */
	AB_PROBE_RESULT_MAX
};

/* What multipathd would do with the second path to a logical unit. */
enum ab_multipath {
	AB_MULTIPATH_UNKNOWN, /* not asked yet, or no answer in time */
	AB_MULTIPATH_ABSENT,  /* it does not run */
	AB_MULTIPATH_STRICT,  /* find_multipaths strict: maps only what it knows already
			       */
	AB_MULTIPATH_READY,   /* it maps a second path */
	AB_MULTIPATH_MAX
};

/* What became of a job. Meaning, then what the engine does. */
enum ab_outcome {
	AB_OUTCOME_DONE,   /* as asked; the next observation will show it */
	AB_OUTCOME_EXISTS, /* there was one already and it was left alone; look again */
	AB_OUTCOME_GONE,   /* nothing there to change; look again */
	AB_OUTCOME_CHANGED, /* not what the ledger says: left alone, now modified */
	AB_OUTCOME_RETRY,   /* not now (lock held, ENOSPC): again after backoff */
	AB_OUTCOME_DENIED,  /* bad name or value: never, until configuration changes */
	AB_OUTCOME_UNKNOWN, /* helper died or timed out: look before acting again */
	AB_OUTCOME_MAX
};

/* How autobind stands to a record. Set by the store's ledger, read by the plan. */
enum ab_owner {
	AB_OWNER_FOREIGN,  /* not in the ledger: never changed */
	AB_OWNER_INTENT,   /* about to be written; ours if it has that content */
	AB_OWNER_OURS,	   /* written by us, content equals the hash: may change */
	AB_OWNER_MODIFIED, /* ... and changed by somebody: not rewritten */
	AB_OWNER_HELD,	   /* removed by somebody while wanted: not made again */
	AB_OWNER_MAX
};

enum ab_command_verb {
	AB_COMMAND_APPLY,   /* forget HELD marks and backoff, plan everything again; of
			     * .scope only */
	AB_COMMAND_PAUSE,   /* watch, probe, change nothing */
	AB_COMMAND_RESUME,  /* the end of PAUSE, and of QUIESCE */
	AB_COMMAND_QUIESCE, /* as PAUSE: open-iscsi stops, and logs everything out */
	AB_COMMAND_UNQUIESCE, /* open-iscsi is back; a PAUSE goes on */
	AB_COMMAND_MAX
};

/* Why a session is not released; answers to AB_EF_LOGOUT with AB_OUTCOME_DENIED carry
 * it as their code. */
enum ab_guard {
	AB_GUARD_FREE,	    /* nothing uses it: released */
	AB_GUARD_REDUNDANT, /* all its users are maps with enough other paths: released
			     */
	AB_GUARD_LAST_PATH, /* a map would keep fewer paths than MinPaths */
	AB_GUARD_HELD, /* a device other than a map stands on it: LVM, md, bcache */
	AB_GUARD_OPEN, /* somebody has it open, mounted or as swap */
	AB_GUARD_BACKSTORE, /* a target of this host exports it (LIO, vhost) */
	AB_GUARD_ACTIVE,    /* I/O is in flight, or was within five seconds */
	AB_GUARD_RESERVED, /* persistent reservations that multipathd does not manage */
	AB_GUARD_ROOT,	   /* the root file system stands on it */
	AB_GUARD_UNREADABLE, /* something could not be looked at */
	AB_GUARD_CHANGED,    /* it is not that session any more */
	AB_GUARD_MAX
};

/* One line of the ledger. */
struct ab_ledger_entry {
	uint8_t kind;	   /* enum ab_ledger_kind */
	uint8_t owner;	   /* enum ab_owner: INTENT, OURS or HELD on disk */
	uint64_t hash;	   /* content that was (is to be) written */
	uint64_t settings; /* node: ab_policy.settings_hash it was written under */
	/* Node: CLOCK_BOOTTIME since when no discovery names it; 0: one does, or it was
	 * not missed in this boot. */
	uint64_t unwanted_ms;
	uint64_t boot; /* mark of the boot that its times are of, the ledger's matter */
	/* TRY; then .settings is the configuration that refused, .hash the content of
	 * the record that a login was refused with. */
	struct {
		uint8_t what; /* enum ab_try */
		uint8_t attempts;
		bool is_denied;	  /* for good */
		int32_t code;	  /* of the last one: errno or exit status */
		uint64_t next_ms; /* CLOCK_BOOTTIME of the next one; at least 1 */
	} try;
	union {
		struct ab_node_key node;
		struct {
			char name[AB_IFACE_NAME];
			struct ab_port_identity port;
			bool can_retire;    /* its policy has a Retire, */
			uint64_t retire_ms; /* this */
			uint64_t orphan_ms; /* CLOCK_BOOTTIME since when its port is
					       gone; 0: it is not, or was not in this
					       boot */
		} iface;
	};
};

enum ab_ledger_kind {
	AB_LEDGER_IFACE = 1,
	AB_LEDGER_NODE = 2,
	AB_LEDGER_SESSION = 3, /* .node: the administrator ended its session */
	AB_LEDGER_TRY = 4,     /* .try, .node: it failed; in RUN only */
};

/* What was tried, and how .node names it. */
enum ab_try {
	AB_TRY_DISCOVERY, /* the portal; the device as .iface */
	AB_TRY_IFACE,	  /* .iface: writing that record */
	AB_TRY_NODE,	  /* all: writing that record */
	AB_TRY_LOGIN,	  /* all */
	AB_TRY_MAX
};

struct ab_event {
	uint32_t type; /* enum ab_event_type */
	union {
		struct {
			uint8_t source;	    /* enum ab_source */
			bool is_unreadable; /* DUMP_END of the ledger: additions only */
		} dump;
		struct ab_link link;
		struct ab_ifaddr addr;
		struct ab_udev_net udev;
		struct {
			uint8_t family; /* AF_INET, AF_INET6 */
		} routes;
		struct {
			uint64_t path;
			uint8_t verdict; /* enum ab_route_verdict */
		} route;
		struct {
			uint32_t ifindex;
			struct ab_addr addr;
			bool is_failed;
		} neigh;
		struct {
			struct ab_binding binding;
			uint64_t hash; /* of the record's content */
			uint8_t state; /* enum ab_record_state */
		} iface;
		struct {
			struct ab_node_key key;
			/* The record's copy of the binding. */
			char netdev[AB_NETDEV_NAME];
			char hwaddr[20];
			uint64_t hash; /* of the record's content */
			uint8_t state; /* enum ab_record_state */
			/* Went or changed in the same burst as a changed st_config. */
			bool by_discovery;
		} node;
		struct ab_ledger_entry ledger;
		struct ab_session session;
		struct {
			uint8_t state; /* enum ab_multipath */
		} multipath;
		struct {
			uint32_t sid;
			uint16_t n_known; /* disks that multipathd takes for paths */
		} mapped;
		struct {
			uint64_t path;
			uint32_t seq;
			uint8_t result; /* enum ab_probe_result */
			/* enum ab_probe_method that was used: ICMP or TCP. */
			uint8_t method;
			int32_t error; /* errno of CANNOT_SEND and REFUSED */
			uint32_t rtt_us;
			uint32_t arrival; /* ifindex that the answer came in by */
		} probe;
		struct {
			uint64_t job;
			char target[AB_TARGET_NAME];
			struct ab_portal portal;
			int32_t tpgt;
		} found;
		struct {
			uint64_t job;
			uint8_t outcome; /* enum ab_outcome */
			int32_t code;	 /* errno or exit status, for messages only */
			uint64_t hash;	 /* of what was written */
		} done;
		struct {
			uint8_t verb; /* enum ab_command_verb */
			struct ab_scope scope;
		} command;
	};
};

/* May this portal be reached through this device? */
enum ab_route_verdict {
	AB_ROUTE_UNKNOWN,
	AB_ROUTE_OK,   /* a FIB entry of that device matches */
	AB_ROUTE_NONE, /* none does, or a blackhole, unreachable, prohibit one */
};

enum ab_probe_method {
	AB_PROBE_NONE,
	AB_PROBE_ICMP,
	AB_PROBE_TCP,
	AB_PROBE_ICMP_AND_TCP, /* both must answer */
	AB_PROBE_ICMP_OR_TCP,  /* either */
	AB_PROBE_METHOD_MAX
};

enum ab_effect_type {
	AB_EF_NONE,
	AB_EF_PROBE_SET,    /* .probe: start, or change, the probing of a path */
	AB_EF_PROBE_CLEAR,  /* .probe.path */
	AB_EF_ROUTE_CHECK,  /* .route: answer with AB_EV_ROUTE */
	AB_EF_IFACE_WRITE,  /* .iface, job */
	AB_EF_IFACE_DELETE, /* .iface, job */
	AB_EF_NODE_WRITE,   /* .node, job */
	AB_EF_NODE_DELETE,  /* .node, job */
	AB_EF_LEDGER_PUT,   /* .ledger: remember */
	AB_EF_LEDGER_DEL,   /* .ledger: forget; only the key counts */
	AB_EF_DISCOVER,	    /* .discover, job */
	AB_EF_LOGIN,	    /* .login, job */
	AB_EF_LOGOUT,	    /* .logout, job */
	AB_EF_RESYNC,	    /* .resync.source: dump it again */
	AB_EF_NOTE,	    /* .note: something a person or a monitor wants to know */
	AB_EF_MAX
};

/* What .note tells; text is made by core/view. */
enum ab_note {
	AB_NOTE_PORT_TAKEN,    /* port, policy */
	AB_NOTE_PORT_RELEASED, /* port */
	AB_NOTE_PORT_GONE,     /* port */
	AB_NOTE_PORT_RENAMED,  /* port; .portal unused */
	AB_NOTE_PATH_UP,       /* port, portal */
	AB_NOTE_PATH_DOWN,     /* port, portal, .code = enum ab_path_state */
	AB_NOTE_FOUND, /* port, portal asked, .code = number of bindings found */
	AB_NOTE_DISCOVERY_FAILED, /* port, portal asked, .code */
	AB_NOTE_IFACE_WRITTEN,	  /* port, name */
	AB_NOTE_NODE_WRITTEN,	  /* port, portal, name = target */
	AB_NOTE_NODE_DELETED,
	AB_NOTE_IFACE_DELETED,
	AB_NOTE_WRITE_FAILED,	/* name, .code */
	AB_NOTE_HELD,		/* name: the administrator removed it */
	AB_NOTE_MODIFIED,	/* name: somebody changed it */
	AB_NOTE_LOGGED_IN,	/* port, portal, name = target */
	AB_NOTE_LOGIN_FAILED,	/* port, portal, name = target, .code */
	AB_NOTE_LOGGED_OUT,	/* port, portal, name = target: by us */
	AB_NOTE_LOGOUT_REFUSED, /* the same, .code = enum ab_guard */
	AB_NOTE_SESSION_LOST,	/* port, portal, name = target: its connection failed */
	AB_NOTE_SESSION_BACK,	/* the same: it was restored */
	AB_NOTE_SESSION_GONE,	/* the same: ended, and not by us */
	AB_NOTE_SESSION_HELD, /* the same: by the administrator; not logged in again */
	AB_NOTE_GATED, /* name = target: kept at one session, .code = enum ab_gate */
	AB_NOTE_LIMIT, /* port: MaxPortals reached, .code = how many were left out */
	AB_NOTE_MAX
};

struct ab_effect {
	uint32_t type; /* enum ab_effect_type */
	/* For the types that have one; never 0, never used twice in a run. */
	uint64_t job;
	union {
		struct {
			uint64_t path; /* opaque; comes back in AB_EV_PROBE */
			uint32_t ifindex;
			char netdev[AB_NETDEV_NAME];
			struct ab_portal portal;
			uint8_t method; /* enum ab_probe_method */
			uint8_t burst;	/* probes of the first round, 100 ms apart */
			uint32_t interval_ms;
			uint32_t timeout_ms;
		} probe;
		struct {
			uint64_t path;
			uint32_t ifindex;
			struct ab_addr addr;
		} route;
		struct {
			struct ab_binding binding;
			struct ab_port_identity port; /* for the ledger */
			/* Ours exists with .hash: replace it, else create. */
			bool is_update;
			uint64_t hash;
		} iface;
		struct {
			struct ab_node_key key;
			struct ab_portal discovery; /* family 0: static */
			/* Index in the current set: its [Node] keys apply. */
			uint32_t policy;
			uint64_t settings;	 /* their hash, for the ledger */
			char chap[AB_CHAP_NAME]; /* file with the secret; "": none */
			/* Ours exists with .hash: replace it, else create. */
			bool is_update;
			uint64_t hash;
		} node;
		struct ab_ledger_entry ledger;
		struct {
			uint32_t ifindex;
			/* "": through no device in particular. */
			char netdev[AB_NETDEV_NAME];
			struct ab_portal portal;
			char initiatorname[AB_TARGET_NAME]; /* "": the host's */
			uint32_t deadline_ms;
			uint32_t max;		 /* lines */
			char chap[AB_CHAP_NAME]; /* file with the secret; "": none */
		} discover;
		struct {
			struct ab_node_key key;
			uint32_t ifindex; /* of the device to try the portal through; 0:
					     any */
			uint32_t connect_ms; /* one TCP connection first, within this;
						0: none */
			uint32_t policy; /* index in the current set: its time-outs */
		} login;
		struct {
			struct ab_node_key key;
			uint32_t sid, host; /* both must still be that session */
			uint32_t min_paths; /* other active ones that each map must keep
					     */
			bool must_be_idle;  /* redundant is not enough */
		} logout;
		struct {
			uint8_t source; /* enum ab_source */
		} resync;
		struct {
			uint8_t what; /* enum ab_note */
			int32_t code;
			char port[AB_NETDEV_NAME];
			struct ab_portal portal;
			char name[AB_TARGET_NAME];
		} note;
	};
};

_Static_assert(sizeof(struct ab_event) <= 512, "an event travels as one small message");
_Static_assert(sizeof(struct ab_effect) <= 512,
	       "an effect travels as one small message");

#endif
