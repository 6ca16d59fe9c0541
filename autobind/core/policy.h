/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy - what the administrator wrote, as typed values, and the questions put to it.
 *
 * A policy set is one immutable block: built once from the entries of all files, then
 * only read. A port takes the first policy, in name order, whose [Match] matches;
 * exclusions win over everything. Every value knows the file and line it came from.
 * Must not know: INI syntax (core/scan), the file system (io/conf), what exists
 * (world). Which keys exist stands in one table, core/policy_keys.c.
 */
#ifndef AUTOBIND_CORE_POLICY_H
#define AUTOBIND_CORE_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/chap.h"
#include "core/diag.h"
#include "core/event.h"
#include "core/scan.h"
#include "core/types.h"

#define AB_POLICY_NAME 64
#define AB_POLICY_REASON 128

enum ab_action {
	AB_ACTION_IGNORE, /* watch and show, write nothing */
	AB_ACTION_IFACE,  /* iface record, created always */
	AB_ACTION_RECORD, /* ... and node records for the portals that answered */
	AB_ACTION_LOGIN,  /* ... and sessions */
	AB_ACTION_MAX
};

enum ab_multipath_word {
	AB_MULTIPATH_REQUIRE, /* a second session only if multipathd maps it */
	AB_MULTIPATH_OFF,     /* the administrator's word: something else copes */
};

/* Which sessions of ours, no longer wanted, are released. */
enum ab_unbind {
	AB_UNBIND_REDUNDANT, /* those whose users all have another path */
	AB_UNBIND_IDLE,	     /* those that nothing uses */
	AB_UNBIND_NEVER,
};

enum ab_create {
	AB_CREATE_REACHABLE, /* once the first portal has answered */
	AB_CREATE_ALWAYS,
};

enum ab_bind_by {
	AB_BIND_BY_NAME, /* iface.net_ifacename */
	AB_BIND_BY_MAC,	 /* iface.hwaddress */
};

/* A run of items in one of the set's arrays. */
struct ab_span {
	uint32_t first, count;
};

/* A place in a file, for messages. */
struct ab_origin {
	uint32_t file; /* in ab_policy_set.files; UINT32_MAX: built-in default */
	uint32_t line;
};

/* One word of a list: a glob, a name, "K=V". */
struct ab_word {
	const char *text; /* in the set's block */
	bool negated;	  /* written with a leading '!' */
	struct ab_origin origin;
};

/* One element of Allow, Deny or [Match] Address. */
struct ab_range {
	struct ab_net net;
	uint16_t port; /* 0: any */
	bool negated;
	struct ab_origin origin;
};

struct ab_static_target {
	char target[AB_TARGET_NAME];
	struct ab_portal portal;
	int32_t tpgt;
	struct ab_origin origin;
};

/* A [Node] key with the spelling of open-iscsi. */
struct ab_node_setting {
	const char *name; /* in the set's block */
	const char *value;
	struct ab_origin origin;
};

/* The keys of [Match]. */
enum ab_match_key {
	AB_MATCH_NAME,
	AB_MATCH_MAC,
	AB_MATCH_DRIVER,
	AB_MATCH_TYPE,
	AB_MATCH_MASTER,
	AB_MATCH_ADDRESS,
	AB_MATCH_KEY_MAX
};

/* "Name", "MAC", ...: as in a file. */
const char *ab_policy_match_key_name(enum ab_match_key key);

struct ab_policy {
	char name[AB_POLICY_NAME];   /* the file's name without folder and ".conf" */
	uint32_t file;		     /* index into ab_policy_set.files */
	uint64_t text_hash;	     /* of all its values: equal text, equal hash */
	uint32_t changed_generation; /* generation that text_hash is new in */

	/* [Match]: AND over the keys that are given, OR over their values. */
	struct ab_span match_words[AB_MATCH_KEY_MAX];	 /* words; empty for ADDRESS */
	struct ab_span match_addresses;			 /* ranges */
	struct ab_origin match_origin[AB_MATCH_KEY_MAX]; /* line 0: key not given */

	/* [Iface] */
	char iface_template[AB_IFACE_NAME]; /* %i device name, %m MAC */
	char initiatorname[AB_TARGET_NAME]; /* "": the host's */
	uint8_t create;	  /* enum ab_create; ALWAYS is implied by Action=iface */
	uint8_t bind_by;  /* enum ab_bind_by */
	bool use_default; /* Use=default: bind to no device, no record of our own */

	/* [Portals] */
	struct ab_span discover;    /* ab_policy_set.portals */
	struct ab_span statics;	    /* ab_policy_set.statics */
	struct ab_span allow, deny; /* ab_policy_set.ranges */
	struct ab_span targets;	    /* ab_policy_set.words, globs */
	bool same_subnet;
	uint32_t max_portals;
	uint32_t refresh_ms; /* time between two discoveries of the same address */
	char discovery_chap[AB_CHAP_NAME]; /* file below chap/; "": no CHAP */
	uint64_t discovery_chap_mark;	   /* of that file and its stamp; 0: no CHAP */

	/* [Probe] */
	uint8_t method;	    /* enum ab_probe_method */
	uint8_t rise, fall; /* answers, losses in a row */
	uint32_t interval_ms, timeout_ms;
	uint32_t interval_down_min_ms, interval_down_max_ms;

	/* [Bind] */
	uint8_t action;			     /* enum ab_action */
	uint8_t multipath;		     /* enum ab_multipath_word */
	uint8_t unbind;			     /* enum ab_unbind */
	uint32_t sessions_min, sessions_max; /* of one target, all ports together */
	uint32_t sessions_per_port;	     /* of one target */
	uint32_t sessions_total;	     /* of the host, others' included */
	uint32_t concurrency;		     /* logins and logouts in flight */
	uint32_t retry_min_ms, retry_max_ms; /* wait after a failed login */
	uint32_t min_paths; /* other active paths that a map keeps at a release */
	uint32_t settle_ms;
	int64_t retire_ms;	 /* < 0: never */
	char chap[AB_CHAP_NAME]; /* file below chap/; "": as iscsid.conf says */

	/* [Node], and Startup unless it is manual: what node records are written with.
	 * [Node] wins over Startup. Chap is not among them: secrets are in no set. */
	struct ab_span node_settings; /* ab_policy_set.node_settings */
	/* Of their names and values, and of Chap and the stamp of its file; 0: none. */
	uint64_t settings_hash;
};

/* One file of exclude.d: a deny list. Each of its values excludes by itself. */
struct ab_exclude {
	uint32_t file;		       /* index into ab_policy_set.files */
	char reason[AB_POLICY_REASON]; /* "": none given */
	bool is_drain;		       /* sessions over what it names are released */
	struct ab_span ports, macs;    /* ab_policy_set.words, globs */
	struct ab_span portals;	       /* ab_policy_set.ranges */
};

struct ab_policy_set {
	uint32_t generation;
	uint32_t n_policies, n_files, n_excludes;
	const struct ab_policy *policies; /* all pointers: into the set's own block */
	const struct ab_exclude *excludes;
	const char *const *files; /* paths, for messages */
	const struct ab_word *words;
	const struct ab_range *ranges;
	const struct ab_portal *portals;
	const struct ab_origin *portal_origins; /* of portals[], same length */
	const struct ab_static_target *statics;
	const struct ab_node_setting *node_settings;
};

/* --- building a set --------------------------------------------------------------- */

enum ab_policy_source_kind {
	AB_POLICY_GLOBAL, /* autobind.conf and its drop-ins */
	AB_POLICY_MAIN,	  /* NN-name.conf */
	AB_POLICY_DROPIN, /* a drop-in of the policy before it */
	AB_POLICY_EXCLUDE,
};

/* One scanned file. */
struct ab_policy_source {
	uint8_t kind;	  /* enum ab_policy_source_kind */
	uint32_t file;	  /* index into ab_policy_input.files */
	const char *name; /* MAIN: the policy's name, at most 63 bytes */
	const struct ab_scan_entry *entries;
	uint32_t n_entries;
};

enum ab_chap_state {
	AB_CHAP_GOOD,
	AB_CHAP_REFUSED, /* .why: missing rights, wrong mode, no secret in it */
	AB_CHAP_UNSEEN,	 /* .why: could not be looked at, which says nothing */
};

/* What was seen of a file below chap/, or of the folder. */
struct ab_policy_chap {
	const char *name; /* "": the folder; GOOD: it was read, all files are here */
	const char *path;
	uint8_t state;	   /* enum ab_chap_state */
	const char *why;   /* to be read behind the path */
	const char *stamp; /* GOOD: of inode, size and times; never of the content */
};

/* All files of a configuration. Everything is borrowed for the call. */
struct ab_policy_input {
	/* GLOBAL first; then each MAIN with its DROPINs, in the order in which ports
	 * look for their policy; then EXCLUDE. */
	const struct ab_policy_source *sources;
	uint32_t n_sources;
	const char *const *files;
	uint32_t n_files;
	const struct ab_policy_chap *chaps; /* NULL: nothing is known about secrets */
	uint32_t n_chaps;
	/* For .generation and .changed_generation; NULL: none. */
	const struct ab_policy_set *previous;
	/* Some file could not be read or scanned: check the values of the others, but
	 * not what depends on several files. */
	bool is_partial;
};

/* The input has errors; they stand in the diags. */
#define AB_POLICY_E_REFUSED 1

/**
 * ab_policy_check() - find everything that is wrong with a configuration
 * @in:       the configuration
 * @diags:    errors and warnings are appended
 * @ret_size: bytes of the block that ab_policy_build() needs
 *
 * Return: 0 (there may be warnings), or AB_POLICY_E_REFUSED.
 */
int ab_policy_check(const struct ab_policy_input *in, struct ab_diags *diags,
		    size_t *ret_size);

/**
 * ab_policy_build() - make the set
 * @in:    a configuration that ab_policy_check() has just accepted
 * @block: as many bytes as it said, aligned for any type; lives as long as the set
 * @diags: warnings that need the finished set are appended: policies that never match,
 *         keys that contradict each other
 *
 * Return: the set, which is the block; nothing outside it is referred to.
 */
const struct ab_policy_set *ab_policy_build(const struct ab_policy_input *in,
					    void *block, struct ab_diags *diags);

/* --- questions -------------------------------------------------------------------- */

/* What [Match] looks at. Everything is borrowed for the call. */
struct ab_match_port {
	const struct ab_link *link;
	const struct ab_udev_net *udev; /* NULL: not known */
	const char *master;		/* name of the device above; NULL: none */
	const struct ab_net *addrs;	/* usable addresses, host bits kept */
	uint32_t n_addrs;
};

enum ab_match_verdict {
	AB_MATCH_YES,
	AB_MATCH_NO,   /* .key says which key decided */
	AB_MATCH_KIND, /* no key: this kind of device needs Type or a name */
};

struct ab_match_result {
	uint8_t verdict;	 /* enum ab_match_verdict */
	uint8_t key;		 /* enum ab_match_key that decided NO */
	struct ab_origin origin; /* of that key */
};

/**
 * ab_policy_match() - does one policy match a port?
 * @set:    the set
 * @index:  of the policy
 * @port:   the port
 * @ret:    verdict and, when it is no, which key in which line said so
 *
 * Without `Type` only ether, vlan, bond and infiniband match, unless Name or MAC holds
 * something else than "*" that matches (product.md 4).
 *
 * Return: true when it matches.
 */
bool ab_policy_match(const struct ab_policy_set *set, uint32_t index,
		     const struct ab_match_port *port, struct ab_match_result *ret);

/* The same, key by key: for people who ask why not. Bits: 1 << enum ab_match_key. */
struct ab_match_keys {
	uint32_t given, missed; /* keys that the policy has, and those that say no */
	bool is_wrong_kind;	/* without Type or a name this kind of device is out */
};

void ab_policy_match_keys(const struct ab_policy_set *set, uint32_t index,
			  const struct ab_match_port *port, struct ab_match_keys *ret);

/* Does that kind of port match without Type and without a name: ether, vlan, bond,
 * infiniband? */
bool ab_policy_is_usual_kind(unsigned int type);

/* Index of the first policy that matches, or -1. */
int ab_policy_first_match(const struct ab_policy_set *set,
			  const struct ab_match_port *port);

/**
 * ab_policy_excludes_port() - does a deny list name this port?
 * @set:        the set
 * @port:       the port; its name and hardware addresses count
 * @ret_origin: the line that says so, or NULL
 *
 * Return: the deny list, of several one with Drain; NULL: the port is free.
 */
const struct ab_exclude *ab_policy_excludes_port(const struct ab_policy_set *set,
						 const struct ab_match_port *port,
						 struct ab_origin *ret_origin);

/* The same for a portal, whatever port it is reached through. */
const struct ab_exclude *ab_policy_excludes_portal(const struct ab_policy_set *set,
						   const struct ab_portal *portal,
						   struct ab_origin *ret_origin);

/* Index of the policy with that name, or -1. */
int ab_policy_find(const struct ab_policy_set *set, const char *name);

/* A mark of all its policies: equal for equal ones, in every run. NULL: 0. */
uint64_t ab_policy_mark(const struct ab_policy_set *set);

enum ab_portal_verdict {
	AB_PORTAL_WANTED,
	AB_PORTAL_DENIED,	/* Deny; .origin says which line */
	AB_PORTAL_NOT_ALLOWED,	/* Allow is given and has nothing for it */
	AB_PORTAL_OTHER_SUBNET, /* SameSubnet=yes and the port has no address there */
	AB_PORTAL_UNUSABLE,	/* loopback, multicast, unspecified, IPv6 link-local */
	AB_PORTAL_EXCLUDED, /* exclude.d: set by core/desired, whatever the policy */
	AB_PORTAL_VERDICT_MAX
};

/**
 * ab_policy_portal() - may this portal be used through a port with these addresses?
 * @set:        the set
 * @p:          the policy that the port has
 * @portal:     the portal
 * @addrs:      the port's addresses, host bits kept
 * @n_addrs:    how many
 * @ret_origin: line that decided DENIED, or NULL
 */
enum ab_portal_verdict ab_policy_portal(const struct ab_policy_set *set,
					const struct ab_policy *p,
					const struct ab_portal *portal,
					const struct ab_net *addrs, uint32_t n_addrs,
					struct ab_origin *ret_origin);

/* Does Targets= want this target? Without Targets none is wanted; globs fold case. */
bool ab_policy_target(const struct ab_policy_set *set, const struct ab_policy *p,
		      const char *target);

/**
 * ab_policy_iface_name() - the name a new iface record gets
 * @p:    the policy
 * @link: the device at creation
 * @n:    1 for the first try, 2 for "-2" behind it, ...
 * @name: AB_IFACE_NAME bytes
 *
 * At most 32 characters, never containing "ipv6" (open-iscsi guesses a record's family
 * from its name, usr/iface.c iface_get_iptype()), characters that open-iscsi or a file
 * name could trip over become '_'.
 */
void ab_policy_iface_name(const struct ab_policy *p, const struct ab_link *link,
			  unsigned int n, char *name);

#endif
