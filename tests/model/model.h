/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * model - a simulated shell and its surroundings around the real engine.
 *
 * One plain struct that memcpy() copies, engine included: devices, portals, the record
 * database with an administrator's hand in it, the ledger, jobs that wait for their
 * outcome. What the engine asks for is carried out as io/store does it, and what is
 * seen goes back as events. The safety rules are checked where they matter; the first
 * one that is broken is kept in .violation.
 *
 * Must not know: how the engine decides. It looks into the engine (core/world.h) only
 * to check the rules, never to steer.
 */
#ifndef AUTOBIND_TESTS_MODEL_H
#define AUTOBIND_TESTS_MODEL_H

#include "core/engine.h"
#include "core/policy.h"

#define MODEL_PORTS 3
#define MODEL_PORTALS 6
#define MODEL_RECORDS 32
#define MODEL_TRIES 16
#define MODEL_JOBS 24
#define MODEL_SESSIONS 16
#define MODEL_PROBES 24
#define MODEL_TRACE 256
#define MODEL_BLOCK 65536 /* ab_engine_size() of the model's limits is asserted */

/* A network device that may be plugged in. */
struct model_port {
	bool is_plugged, has_carrier, has_addr, is_ready; /* ready: udev is through */
	bool is_enslaved;
	uint8_t subnet;	  /* its address is 10.0.SUBNET.(10 + index)/24 */
	uint8_t name;	  /* ethNAME */
	uint32_t ifindex; /* new with every plugging */
};

/* A portal at 10.0.SUBNET.(100 + index):3260. */
struct model_portal {
	bool answers; /* is there, and reachable */
	uint8_t subnet;
	uint8_t targets; /* bit N: iqn.2026-01.test:tN lives there, and SendTargets says
			    so */
};

enum model_kind {
	MODEL_NONE,
	MODEL_IFACE,
	MODEL_NODE,
	MODEL_SESSION /* key of a line of the ledger only */
};

/* A record on disk, or what is remembered of one that went. */
struct model_record {
	uint8_t kind; /* enum model_kind */
	bool is_present;
	bool is_ours;  /* the last to write it was the engine */
	bool is_held;  /* the administrator has removed the engine's record */
	uint8_t edits; /* by hand */
	uint64_t hash;
	uint64_t settings;
	struct ab_node_key key;	   /* node */
	struct ab_binding binding; /* iface; node: its copy */
};

/* A session of the kernel. */
struct model_session {
	bool is_live, is_told; /* told: the engine has seen it */
	bool is_firmware;
	uint8_t state; /* enum ab_session_state, as told last */
	uint16_t n_disks, n_mapped, n_known;
	uint32_t sid;
	int port;		/* that it is bound to; -1: to none */
	ab_mono since;		/* of its state */
	struct ab_node_key key; /* with the target's own TPGT */
};

struct model_probe {
	bool is_set;
	uint8_t method, burst;
	uint32_t interval_ms, ifindex;
	uint64_t path;
	struct ab_portal portal;
};

struct model {
	struct model_port ports[MODEL_PORTS];
	struct model_portal portals[MODEL_PORTALS];
	uint32_t rtt_us[MODEL_PORTALS]; /* of the portal's answers; 0: 100 */
	bool refuses[MODEL_PORTALS];	/* the portal: every login, for good (CHAP) */
	struct model_record records[MODEL_RECORDS];
	struct ab_ledger_entry ledger[MODEL_RECORDS];
	bool in_ledger[MODEL_RECORDS];
	bool is_ledger_unreadable;
	/* What failed, over a restart; without keeps_tries each one is another boot. */
	bool keeps_tries;
	struct ab_ledger_entry tries[MODEL_TRIES];
	uint32_t n_tries;
	struct ab_effect jobs[MODEL_JOBS]; /* not answered yet, oldest first */
	uint32_t n_jobs;
	struct model_probe probes[MODEL_PROBES];
	struct model_session sessions[MODEL_SESSIONS];
	/* What the administrator ended, and what he would not see again. */
	struct ab_node_key held_sessions[MODEL_SESSIONS];
	bool is_session_held[MODEL_SESSIONS];
	uint8_t multipath; /* enum ab_multipath */
	bool takes_disks;  /* multipathd does, at once */
	uint16_t n_disks;  /* of a new session */
	bool no_login;	   /* the daemon's option, from the next boot on */
	uint32_t last_sid;
	uint32_t last_ifindex;
	const struct ab_policy_set *set; /* borrowed */
	ab_mono now;
	uint32_t effects_max; /* of each step */
	uint32_t n_writes;    /* effects that change a record, ever */
	uint32_t n_effects;   /* all but notes, ever */
	uint32_t n_logins;    /* asked for, ever */
	uint32_t notes[AB_NOTE_MAX];
	const char *violation;
	uint32_t n_trace;
	char trace[MODEL_TRACE]; /* a letter an effect, see model.c */
	_Alignas(16) unsigned char block[MODEL_BLOCK];
};

/* All unplugged, nothing on disk, the engine has just started: call model_boot(). */
void model_init(struct model *m, const struct ab_policy_set *set);
struct ab_engine *model_engine(struct model *m);

/* A new engine that is told everything: at start, and after a restart of the daemon.
 * Jobs under way are carried out or not, with nobody to hear of it. */
void model_boot(struct model *m);

/* One event into the engine, and everything that follows from it at once. */
void model_feed(struct model *m, const struct ab_event *ev);
/* The next deadline has come. Return: false when there is none. */
bool model_tick(struct model *m);
/* Time passes, with every deadline on its way. */
void model_wait(struct model *m, int64_t ms);

/* --- surroundings: each changes the model and tells the engine --- */
void model_plug(struct model *m, unsigned int port);
void model_unplug(struct model *m, unsigned int port);
void model_carrier(struct model *m, unsigned int port, bool has_carrier);
void model_addr(struct model *m, unsigned int port, bool has_addr);
void model_move(struct model *m, unsigned int port, uint8_t subnet);
void model_rename(struct model *m, unsigned int port, uint8_t name);
void model_enslave(struct model *m, unsigned int port, bool is_enslaved);
void model_policy(struct model *m, const struct ab_policy_set *set);
void model_command(struct model *m, enum ab_command_verb verb);
/* The administrator removes a record; @by_discovery: iscsiadm's discovery did. */
void model_remove(struct model *m, unsigned int record, bool by_discovery);
void model_edit(struct model *m, unsigned int record);
/* The records are listed once more, unasked: as they are now, without any event. */
void model_list(struct model *m);
/* Somebody else's record. */
void model_foreign_iface(struct model *m, const char *name, const char *netdev);
void model_foreign_node(struct model *m, const struct ab_node_key *key);

/* Somebody logs in with that key through that port (-1: any), or the firmware did.
 * Return: slot, -1: no room. */
int model_log_in(struct model *m, const struct ab_node_key *key, int port,
		 bool is_firmware);
/* The administrator ends it. */
void model_log_out(struct model *m, unsigned int session);
void model_multipath(struct model *m, enum ab_multipath state);
/* What is behind a session changes. */
void model_disks(struct model *m, unsigned int session, uint16_t n_disks,
		 uint16_t n_mapped, uint16_t n_known);
/* The engine sees that state, whatever the surroundings are. */
void model_session_state(struct model *m, unsigned int session,
			 enum ab_session_state state);

/* --- answers --- */
/* Carries out the job and answers with what came of it. */
void model_do(struct model *m, unsigned int job);
/* Answers RETRY or DENIED without doing it, or UNKNOWN with or without. */
void model_fail(struct model *m, unsigned int job, enum ab_outcome outcome, bool apply);
/* One probe of that path is answered, or lost, as the surroundings are. */
void model_probe(struct model *m, unsigned int probe);
/* Is the probe's next result news to the engine? */
bool model_probe_is_news(const struct model *m, unsigned int probe);
/* The engine sees the session as the surroundings make it: failed, or back. */
void model_session(struct model *m, unsigned int session);
bool model_session_is_news(const struct model *m, unsigned int session);

/* --- looking --- */
/* Slots, or -1. A node is found by the port that its iface record means. */
int model_find_iface(const struct model *m, const char *name);
int model_find_node(const struct model *m, unsigned int portal, unsigned int target,
		    const char *iface);
/* A session by its record's key, whatever its TPGT; -1. */
int model_find_session(const struct model *m, unsigned int portal, unsigned int target,
		       const char *iface);
unsigned int model_count_sessions(const struct model *m);
/* Has the administrator ended it, and not taken that back? */
bool model_session_is_held(const struct model *m, unsigned int portal,
			   unsigned int target, const char *iface);
bool model_same_key(const struct ab_node_key *a, const struct ab_node_key *b);
struct ab_portal model_portal_at(const struct model *m, unsigned int portal);
const struct ab_ledger_entry *model_ledger(const struct model *m,
					   const struct model_record *r);
bool model_reaches(const struct model *m, unsigned int port, unsigned int portal);
/* The port that an iface name was made for, or that it binds; -1. */
int model_port_of_iface(const struct model *m, const char *iface);

/* A mark of the whole state: equal for states that behave alike. */
uint64_t model_hash(const struct model *m);

/* One step on the way to quiet: a job done, a probe, a deadline. Return: false when
 * nothing is left but deadlines and @with_time is false, or nothing at all. */
bool model_calm_step(struct model *m, bool with_time);
/* Until nothing is left but deadlines. */
void model_calm(struct model *m);

/**
 * model_check() - what must hold in every state
 * @m:       the state; unchanged
 * @scratch: room for a copy
 *
 * An unchanged world asks for nothing; planning everything again asks for nothing, and
 * changes nothing.
 *
 * Return: NULL, or the rule that is broken.
 */
const char *model_check(const struct model *m, struct model *scratch);

/* --- policies, from their text --- */
/* One file of policy.d each, NULL ends; @exclude: one of exclude.d, or NULL. The set is
 * the caller's to free. */
const struct ab_policy_set *model_set(const struct ab_policy_set *previous,
				      const char *exclude, const char *policy, ...)
	__attribute__((sentinel));
void model_set_free(const struct ab_policy_set *set);

#endif
