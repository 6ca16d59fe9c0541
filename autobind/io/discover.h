/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * discover - runs autobind-discover and believes none of its bytes unchecked.
 *
 * AB_EF_DISCOVER becomes a child, its lines become AB_EV_FOUND, its end AB_EV_DONE. The
 * child reads what a target sends, so it counts as hostile itself: names, portals,
 * trailer, count and exit status are checked again, and if one is wrong nothing is
 * used. Must not know: the iSCSI protocol.
 */
#ifndef AUTOBIND_IO_DISCOVER_H
#define AUTOBIND_IO_DISCOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/event.h"
#include "core/proto.h"
#include "io/loop.h"
#include "io/spawner.h"

#define AB_DISCOVER_HELPER AB_LIBEXECDIR "/autobind-discover"
#define AB_DISCOVER_OUTPUT_MAX (4u * 1024 * 1024)
/* Discoveries at one time; more wait. Leaves places in the spawner for others. */
#define AB_DISCOVER_RUNNING_MAX 16

struct ab_discover;

struct ab_discover_config {
	struct ab_loop *loop;	    /* borrowed until ab_discover_free() */
	struct ab_spawner *spawner; /* the same; freed before */
	const char *helper;	    /* path, copied; NULL: AB_DISCOVER_HELPER */
	const char *chap_dir;	    /* secret files; borrowed; NULL: none is found */
	ab_event_fn *fn;
	/* The host's name is needed and not known: ab_discover_set_initiator() must
	 * follow. */
	void (*ask_initiator)(void *arg);
	void *arg;
};

/* Return: 0 or -errno. */
int ab_discover_new(const struct ab_discover_config *config,
		    struct ab_discover **ret_discover);

/* After ab_spawner_free(), which forgets the running children. Takes NULL. */
struct ab_discover *ab_discover_free(struct ab_discover *discover);

/* The host's initiator name, for effects without one; "": it has none now, and those
 * that wait for it fail with -ENOKEY. */
void ab_discover_set_initiator(struct ab_discover *discover, const char *name);

/**
 * ab_discover_run() - carry out an AB_EF_DISCOVER
 * @discover: see above
 * @effect:   copied
 *
 * Answered later, never inside this call, by AB_EV_FOUND for each target and portal and
 * one AB_EV_DONE. Its code is an enum ab_discovery_code, or -errno when the child did
 * not give one. Outcomes: DONE; DENIED: the arguments can never work; UNKNOWN: the
 * child was lost or what it printed is wrong; RETRY: everything else, because a target
 * may be reachable, free or willing later without a change on this side.
 *
 * Return: 0, or -ENOMEM: then there is no answer.
 */
int ab_discover_run(struct ab_discover *discover, const struct ab_effect *effect);

/* A checked answer of the helper, to be read line by line. */
struct ab_discover_answer {
	const char *at, *end; /* borrowed: the next line, the end of all */
	uint32_t n_left;
	enum ab_discovery_code code;
};

/* What the answer may contain. */
struct ab_discover_limits {
	struct ab_portal asked; /* an address that is no portal's is accepted if it is
				   this */
	uint32_t max;		/* lines */
	bool has_device;	/* link-local portals are possible */
};

/**
 * ab_discover_check() - check everything that the helper printed
 * @data:       its standard output
 * @n:          length
 * @limits:     see there
 * @ret_answer: ready for ab_discover_next(); valid as long as @data
 *
 * Return: true when every byte is as the head of autobind-discover.c says.
 */
bool ab_discover_check(const char *data, size_t n,
		       const struct ab_discover_limits *limits,
		       struct ab_discover_answer *ret_answer);

/* The next target and portal. Return: false at the end. */
bool ab_discover_next(struct ab_discover_answer *answer,
		      struct ab_proto_item *ret_item);

#endif
