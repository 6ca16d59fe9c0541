/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * world - what was observed, what is owned, and what follows from both so far.
 *
 * Internal to core: engine, desired, plan, project and view share it; the shell does
 * not include it. All items lie in tables of one block and point at each other by slot
 * number. Must not know: who observed it; what should be done about it.
 */
#ifndef AUTOBIND_CORE_WORLD_H
#define AUTOBIND_CORE_WORLD_H

#include "core/engine.h"
#include "core/health.h"
#include "core/table.h"

/* Jobs in flight at the same time, and how many of them may be of a kind. */
#define AB_WRITES_MAX 64 /* architecture.md G: one lock hold for at most 64 records */
#define AB_DISCOVERIES_MAX 8
#define AB_LOGINS_MAX 32 /* logins and logouts; largest [Bind] Concurrency */
#define AB_JOBS_MAX (AB_WRITES_MAX + AB_DISCOVERIES_MAX + AB_LOGINS_MAX)

/* Why a port is as it is; core/view has the words. */
enum ab_port_state {
	AB_PORT_STATE_PENDING,	/* not all sources are fresh, or udev is not through */
	AB_PORT_STATE_UNTAKEN,	/* no policy matches */
	AB_PORT_STATE_EXCLUDED, /* exclude.d, AUTOBIND_IGNORE=1 or loopback */
	AB_PORT_STATE_ENSLAVED, /* part of a bond, bridge or team, which is the port */
	AB_PORT_STATE_IGNORED,	/* its policy says Action=ignore */
	AB_PORT_STATE_NOCARRIER,
	AB_PORT_STATE_NOADDR,	 /* no usable address */
	AB_PORT_STATE_SEARCHING, /* no portal answers, or no wanted target is known */
	AB_PORT_STATE_PARTIAL,	 /* something is there, something else is missing */
	AB_PORT_STATE_BOUND,	 /* every wanted portal answers and every wanted record
				    exists */
	AB_PORT_STATE_HELD,	 /* the administrator removed what the policy wants */
	AB_PORT_STATE_MAX
};

/* Wait before the next try of something that failed. */
struct ab_backoff {
	ab_mono next; /* not before */
	uint8_t attempts;
};

/* What the ledger says of tries that failed (core/try.h). */
struct ab_try_mark {
	bool is_told; /* it has a line */
	bool is_due;  /* ... that is not as it should be */
};

/* What a port waits for: bits. */
#define AB_WAIT_WRITE 1u
#define AB_WAIT_DISCOVERY 2u

/* A network device. */
struct ab_port {
	struct ab_item item;
	uint32_t first_addr, first_path; /* heads of lists; paths by portal */
	uint32_t recent_path;		 /* the latest one added, or AB_NONE */
	bool has_link, link_seen;
	bool has_udev, udev_seen;
	bool is_dirty;	    /* to be planned */
	bool is_urgent;	    /* ... without soaking */
	bool is_wish_dirty; /* what its policy wants of it is to be worked out again */
	uint8_t waits_for;  /* AB_WAIT_*: jobs that it would start if it could */
	bool is_contradicted;	       /* see contradicted_since */
	bool is_limited;	       /* MaxPortals left something out */
	uint8_t state;		       /* enum ab_port_state */
	ab_mono soak_first, soak_last; /* of the topology events since the last plan */
	ab_mono due;		       /* plan again then */
	/* Since when its addresses speak against its policy. */
	ab_mono contradicted_since;
	/* IPv4, IPv6: until then a subnet that is missing may still come; NEVER: no
	 * address at all. */
	ab_mono addr_settled[2];
	ab_mono changed_at;	   /* of the last change of state */
	int32_t policy;		   /* index in the set, -1: not taken */
	uint32_t taken_generation; /* policy generation that this was last decided in */
	char policy_name[AB_POLICY_NAME];
	uint32_t iface;		 /* slot of the iface record in use, or AB_NONE */
	uint32_t n_wanted, n_up; /* portals wanted, and those that answer */
	uint32_t n_records_wanted, n_records,
		n_held; /* bindings wanted, present, held */
	uint32_t n_sessions_wanted, n_sessions,
		n_sessions_held; /* bindings chosen for one, logged in, held */
	struct ab_link link;
	struct ab_udev_net udev;
};

/* An address of a port. One that went from a taken port stays, as not present. */
struct ab_ifaddr_item {
	struct ab_item item;
	uint32_t next; /* in the port's list */
	bool is_present, is_seen;
	struct ab_ifaddr ifaddr;
};

struct ab_target {
	struct ab_item item;
	uint32_t refs;	     /* founds and nodes */
	uint32_t first_node; /* head of the list of its bindings */
	bool is_dirty;	     /* its sessions are to be planned */
	bool is_gated;	     /* kept at one session: see .gate */
	bool waits_for_job;  /* a login waits for another one to end */
	uint8_t gate;	     /* enum ab_gate */
	ab_mono due;	     /* plan its sessions again then */
	char name[AB_TARGET_NAME];
};

/* What the last plan would do with a record, were nothing in the way. */
enum ab_wish {
	AB_WISH_NONE, /* it is as wanted, or not ours to change */
	AB_WISH_CREATE,
	AB_WISH_UPDATE,
	AB_WISH_DELETE,
};

/* What a record on disk, and its line in the ledger, have in common. */
struct ab_record_item {
	bool is_present, is_seen;
	bool is_awaited; /* an outcome was unknown: look before acting again */
	bool is_denied;	 /* refused for good, until the policy changes */
	bool was_delete; /* the unknown outcome was a deletion's: its absence is ours */
	bool is_restoring;   /* a discovery by hand took it away: not missed */
	bool is_doubted;     /* a listing lacked it; another one must, too */
	bool is_ledger_due;  /* the ledger on disk has not been told of .ledger */
	bool is_ledger_seen; /* in the dump of the ledger that runs */
	uint8_t state;	     /* enum ab_record_state */
	bool is_in_use;	     /* a session stands on it, or may; derived */
	uint8_t wish;	     /* enum ab_wish; derived */
	uint8_t ledger; /* enum ab_owner as written down; FOREIGN: not in the ledger */
	uint64_t hash;	/* of the content on disk */
	uint64_t own_hash; /* of the content that we wrote */
	uint64_t job;	   /* in flight; 0: none */
	struct ab_backoff backoff;
	int32_t code; /* errno of the last write or deletion; 0: it went well */
	struct ab_try_mark tries;
};

/* An iface record, or the name of one that node records mention. */
struct ab_iface {
	struct ab_item item;
	uint32_t first_node;  /* head of the list of node records that name it */
	uint32_t port;	      /* slot of the port that uses it, or AB_NONE */
	ab_mono orphan_since; /* ours, and its port is gone */
	int64_t retire_ms;    /* of the policy that its port had; < 0: never */
	/* Of that policy, too: what happens to sessions over it. */
	struct {
		uint8_t unbind; /* enum ab_unbind; NEVER until a policy said more */
		uint32_t min_paths;
		uint32_t settle_ms; /* they stay for so long after its port went */
		ab_mono since;	    /* when that was, in this run; NEVER: it is there */
	} release;
	struct ab_record_item record;
	struct ab_binding binding;	  /* as on disk; .iface is the key */
	struct ab_binding written;	  /* what the job in flight writes */
	struct ab_port_identity identity; /* ours: of the port it was made for */
};

/* What is known of logging in to a binding. */
struct ab_login {
	uint64_t path;	    /* handle of the path that it is wanted over; 0: none */
	uint32_t session;   /* slot of the first session over it, or AB_NONE */
	bool is_chosen;	    /* one of the sessions that the policy wants */
	bool is_denied;	    /* refused for good, until configuration or record change */
	bool is_awaited;    /* an outcome was unknown: look before acting again */
	bool is_held;	    /* the administrator ended its session */
	bool is_ledger_due; /* the ledger on disk has not been told of .is_held */
	bool is_ledger_seen; /* in the dump of the ledger that runs */
	int32_t code; /* of the last login: exit status or -errno; 0: it went well */
	uint64_t job; /* login in flight; 0: none */
	struct ab_backoff backoff;
	uint64_t denied_hash; /* of the record that it was refused with */
	struct ab_try_mark tries;
};

struct ab_node {
	struct ab_item item;
	uint32_t target;     /* slot */
	uint32_t iface;	     /* slot */
	uint32_t next, prev; /* in the iface's list; AB_NONE at its ends */
	uint32_t target_next, target_prev; /* in the target's list */
	int32_t tpgt;
	bool is_wanted; /* in the last plan of its port */
	ab_mono unwanted_since;
	uint64_t settings; /* ab_policy.settings_hash it was written under */
	struct ab_portal portal;
	struct ab_record_item record;
	struct ab_login login;
	char netdev[AB_NETDEV_NAME]; /* the record's copy of the binding */
	char hwaddr[20];
};

/* A session of the kernel; every one has a binding, with or without a record. */
struct ab_session_item {
	struct ab_item item;
	uint32_t node; /* slot */
	uint32_t next; /* the next session over the same binding, or AB_NONE */
	bool is_seen;
	bool was_up;	  /* it was logged in once: now it comes back, or goes */
	bool is_intact;	  /* it was logged in, and has not failed since */
	bool is_awaited;  /* the outcome of our logout is unknown: look before acting */
	uint16_t n_known; /* of its disks, those that multipathd takes for paths */
	/* What its record bound it by when it was first seen: iscsid goes on with that
	 * for as long as the session lives. */
	char netdev[AB_NETDEV_NAME];
	uint8_t guard; /* enum ab_guard of the last refused release; 0: none */
	ab_mono since; /* of its state */
	uint64_t job;  /* logout in flight; 0: none */
	struct ab_backoff backoff; /* of its release */
	struct ab_session session;
};

/* Why a target has one session though the policy wants more. */
enum ab_gate {
	AB_GATE_OPEN,
	AB_GATE_NO_MULTIPATHD, /* multipathd does not answer */
	AB_GATE_STRICT,	   /* find_multipaths strict, and the disks are not mapped */
	AB_GATE_NOT_TAKEN, /* multipathd leaves the disks alone: blacklisted */
	AB_GATE_LOOKING,   /* the first session's disks are not there yet */
	AB_GATE_MAX
};

/* Why a path is wanted: bits. */
#define AB_ROLE_DISCOVERY 1u /* its portal is asked for targets */
#define AB_ROLE_TARGET 2u    /* a wanted target lives there */

/* A port and a portal: the unit of reachability. */
struct ab_path {
	struct ab_item item;
	uint32_t port; /* slot */
	uint32_t next; /* in the port's list, which is sorted by portal */
	uint32_t first_found;
	struct ab_portal portal;
	uint8_t roles;	    /* AB_ROLE_*; 0: known, not wanted */
	uint8_t verdict;    /* enum ab_portal_verdict */
	bool is_listed;	    /* the policy names it, though it may not want it here */
	bool is_over_limit; /* MaxPortals left it out */
	bool is_probed;	    /* the prober has been told */
	uint8_t route;	    /* enum ab_route_verdict */
	bool is_route_asked, is_route_stale;
	struct ab_health health;
	/* What the prober was told. */
	uint32_t probe_ifindex, probe_interval_ms, probe_timeout_ms;
	uint8_t probe_method;
	/* Discovery through this path. */
	uint64_t discovery_job;
	ab_mono discovery_started, discovery_ok_at;
	uint64_t asked_with; /* ab_policy.discovery_chap_mark at .discovery_started */
	struct ab_backoff discovery;
	int32_t discovery_code; /* of the last one; 0: it went well */
	struct ab_try_mark tries;
};

/* A target that lives on a path's portal. */
struct ab_found {
	struct ab_item item;
	uint32_t path, target; /* slots */
	uint32_t next;	       /* in the path's list */
	int32_t tpgt;
	uint32_t source;   /* slot of the path that was asked; AB_NONE: Static= */
	uint64_t seen_job; /* the discovery that reported it last */
	bool is_seen;	   /* Static=: still in the policy */
	bool is_wanted;	   /* the policy wants the target */
	uint32_t node;	   /* slot of its node record, if that is still there: a hint */
};

/* A discovery that failed in the run before; its path is not there yet. */
struct ab_pending_try {
	struct ab_portal portal;
	char netdev[AB_NETDEV_NAME];
	bool is_over; /* to be taken out of the ledger */
	struct ab_backoff backoff;
	int32_t code;
};
#define AB_PENDING_MAX 64

enum ab_job_kind {
	AB_JOB_NONE,
	AB_JOB_IFACE_WRITE,
	AB_JOB_IFACE_DELETE,
	AB_JOB_NODE_WRITE,
	AB_JOB_NODE_DELETE,
	AB_JOB_DISCOVER,
	AB_JOB_LOGIN,
	AB_JOB_LOGOUT,
};

struct ab_job {
	uint64_t id;
	uint32_t slot, generation; /* of the item it is about */
	uint64_t key;		   /* hash of that item's key */
	uint8_t kind;		   /* enum ab_job_kind */
};

struct ab_engine {
	struct ab_limits limits;
	struct ab_engine_config config;
	struct ab_table ports, addrs, targets, ifaces, nodes, paths, founds, sessions;
	struct ab_job jobs[AB_JOBS_MAX];
	uint32_t n_writes, n_discoveries, n_logins; /* in flight */
	uint64_t last_job;
	uint64_t random; /* state of the generator */
	bool is_fresh[AB_SOURCE_MAX];
	bool is_dumping[AB_SOURCE_MAX];
	bool wants_resync[AB_SOURCE_MAX];
	bool is_ledger_unreadable; /* additions only */
	bool is_paused;		   /* change nothing, for either of these reasons: */
	bool is_paused_by_hand;
	/* Open-iscsi stops or is stopped: what goes is no one's will. */
	bool is_quiesced;
	bool wants_room; /* a table is full */
	bool is_starved; /* no room for effects, or too many jobs in flight */
	bool is_orphans_dirty;
	bool is_targets_dirty; /* some target's .is_dirty */
	bool is_login_ended; /* targets that wait for one have not been planned since */
	uint8_t multipath;   /* enum ab_multipath */
	bool is_ledger_dirty;  /* some record's .is_ledger_due */
	bool is_tries_dirty;   /* some .tries.is_due */
	bool has_tries;	       /* those of the run before have been read */
	uint64_t denied_under; /* mark of the configuration that their refusals stand
				  under, until there is one */
	struct ab_pending_try pending[AB_PENDING_MAX];
	uint32_t n_pending;
	bool is_job_ended;   /* ports that wait for one have not been planned since */
	uint8_t waits_for;   /* AB_WAIT_* of the port that is being planned */
	uint32_t generation; /* of the policy set */
	ab_mono now;	     /* of the step that runs */
	ab_mono next;
	ab_mono orphans_due;
	ab_mono recheck_at; /* look once more for the records in doubt; NEVER: none */
	bool is_recheck_asked; /* ... the records are being read for that */
	ab_mono targets_due;   /* the earliest .due of the targets */
};

/* What a step works with. */
struct ab_step {
	struct ab_engine *e;
	const struct ab_policy_set *set; /* NULL: watch only */
	struct ab_effects *out;
};

/* Typed access by slot. */
#define AB_WORLD_AT(type, name, table)                                                 \
	static inline struct type *name(struct ab_engine *e, uint32_t slot)            \
	{                                                                              \
		return ab_table_at(e, &e->table, slot);                                \
	}                                                                              \
	static inline const struct type *name##_const(const struct ab_engine *e,       \
						      uint32_t slot)                   \
	{                                                                              \
		return ab_table_at_const(e, &e->table, slot);                          \
	}
AB_WORLD_AT(ab_port, ab_port_at, ports)
AB_WORLD_AT(ab_ifaddr_item, ab_ifaddr_at, addrs)
AB_WORLD_AT(ab_target, ab_target_at, targets)
AB_WORLD_AT(ab_iface, ab_iface_at, ifaces)
AB_WORLD_AT(ab_node, ab_node_at, nodes)
AB_WORLD_AT(ab_path, ab_path_at, paths)
AB_WORLD_AT(ab_found, ab_found_at, founds)
AB_WORLD_AT(ab_session_item, ab_session_at, sessions)

/* Is the path to be probed? MaxPortals does not touch the addresses of Discover. */
static inline bool ab_path_is_wanted(const struct ab_path *path)
{
	return (path->roles & AB_ROLE_DISCOVERY) ||
	       (path->roles && !path->is_over_limit);
}

/* Places all tables behind the engine; returns the size of the block. */
size_t ab_world_layout(struct ab_engine *e, const struct ab_limits *limits);

/* Finders return a slot or AB_NONE; "add" ones find or create, AB_NONE: the table is
 * full. */
uint32_t ab_world_find_port(const struct ab_engine *e, uint32_t ifindex);
uint32_t ab_world_add_port(struct ab_engine *e, uint32_t ifindex);
uint32_t ab_world_find_addr(const struct ab_engine *e, uint32_t ifindex,
			    const struct ab_addr *addr);
uint32_t ab_world_add_addr(struct ab_engine *e, uint32_t port,
			   const struct ab_ifaddr *ifaddr);
uint32_t ab_world_find_target(const struct ab_engine *e, const char *name);
uint32_t ab_world_add_target(struct ab_engine *e, const char *name);
uint32_t ab_world_find_iface(const struct ab_engine *e, const char *name);
uint32_t ab_world_add_iface(struct ab_engine *e, const char *name);
uint32_t ab_world_find_node(const struct ab_engine *e, uint32_t target,
			    const struct ab_portal *portal, int32_t tpgt,
			    uint32_t iface);
uint32_t ab_world_find_node_key(const struct ab_engine *e,
				const struct ab_node_key *key);
/* Needs up to one free slot in targets, ifaces and nodes. */
uint32_t ab_world_add_node(struct ab_engine *e, const struct ab_node_key *key);
void ab_world_node_key(const struct ab_engine *e, const struct ab_node *n,
		       struct ab_node_key *ret_key);
uint32_t ab_world_find_path(const struct ab_engine *e, uint32_t port,
			    const struct ab_portal *portal);
uint32_t ab_world_add_path(struct ab_engine *e, uint32_t port,
			   const struct ab_portal *portal);
uint32_t ab_world_add_found(struct ab_engine *e, uint32_t path, uint32_t target,
			    int32_t tpgt);
uint32_t ab_world_find_session(const struct ab_engine *e, uint32_t sid);
/* Under its binding; needs a free slot in targets, ifaces, nodes and sessions. */
uint32_t ab_world_add_session(struct ab_engine *e, const struct ab_session *session);
/* A record that does not tell its TPGT is there: sessions over it that were seen before
 * it are its own. */
void ab_world_claim_sessions(struct ab_engine *e, uint32_t slot);
/* Slot of the path that a login to the binding is wanted over, or AB_NONE. */
uint32_t ab_world_login_path(const struct ab_engine *e, const struct ab_node *n);

/* Removers take the item out of every list it is in, and what hangs on it, too. */
void ab_world_remove_addr(struct ab_engine *e, uint32_t slot);
void ab_world_remove_path(struct ab_engine *e, uint32_t slot);
void ab_world_remove_found(struct ab_engine *e, uint32_t slot);
/* Its binding stays until ab_world_release_node(). */
void ab_world_remove_session(struct ab_engine *e, uint32_t slot);
/* All that a discovery through the path @source has found. */
void ab_world_remove_found_by(struct ab_engine *e, uint32_t source);
/* Remove the item if nothing needs it any more. */
void ab_world_release_port(struct ab_engine *e, uint32_t slot);
void ab_world_release_iface(struct ab_engine *e, uint32_t slot);
void ab_world_release_node(struct ab_engine *e, uint32_t slot);

/* The opaque handle of a path in events and effects, and back (AB_NONE: it is gone). */
uint64_t ab_world_path_handle(const struct ab_engine *e, uint32_t slot);
uint32_t ab_world_path_of(const struct ab_engine *e, uint64_t handle);

/* How autobind stands to a record now. */
enum ab_owner ab_world_owner(const struct ab_record_item *r);

/* What recognises this port again. */
void ab_world_port_identity(const struct ab_port *p,
			    struct ab_port_identity *ret_identity);
/* Does the identity mean this port? */
bool ab_world_is_port(const struct ab_port_identity *id, const struct ab_port *p);

/* Was it never told what targets there are, or not when it asked last? */
static inline bool ab_world_wants_answer(const struct ab_path *path)
{
	return !path->discovery_ok_at.ns || path->discovery_code != 0;
}

/* Is this address one to send from, and to match? */
bool ab_world_addr_is_usable(const struct ab_ifaddr_item *a);

/* Marks a port for planning; @urgent: in this step, else after the soak. */
void ab_world_touch(struct ab_engine *e, uint32_t port, bool urgent);
/* The same, at once, where the policy wants what it did: an answer, not a change. */
void ab_world_touch_answer(struct ab_engine *e, uint32_t port);
void ab_world_touch_all(struct ab_engine *e, bool urgent);

/* A record has to stay for a session over it, or for a login, or may go now. */
void ab_world_touch_record(struct ab_engine *e, const struct ab_node *n);

/* Marks a target, or all: its sessions are planned in this step. */
void ab_world_touch_target(struct ab_engine *e, uint32_t target);
void ab_world_touch_targets(struct ab_engine *e);

/* A number that differs from run to run: for jitter. */
uint32_t ab_world_random(struct ab_engine *e, uint32_t below);

#endif
