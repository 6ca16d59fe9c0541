/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * health - probe results of one path become a state, with rise and fall.
 *
 * Must not know: how a probe is sent, what follows from the state.
 */
#ifndef AUTOBIND_CORE_HEALTH_H
#define AUTOBIND_CORE_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "core/event.h"
#include "util/mono.h"

/* Meaning; who sets it; what a reader does. */
enum ab_path_state {
	AB_PATH_UNKNOWN,     /* not decided yet; health; waits */
	AB_PATH_UP,	     /* Rise answers; health; may be bound */
	AB_PATH_DOWN,	     /* Fall losses; health; probed slowly */
	AB_PATH_REFUSED,     /* as DOWN, but something answered "no" */
	AB_PATH_CANNOTSEND,  /* as DOWN, the kernel refused to send; .error */
	AB_PATH_WRONGDEVICE, /* as DOWN, answers come in by another device */
	AB_PATH_NOCARRIER,   /* plan, from the link; not probed */
	AB_PATH_NOADDR,	 /* plan: no address of that family on the device; not probed */
	AB_PATH_NOROUTE, /* plan: no route by that device; not probed */
	AB_PATH_UNWANTED, /* plan: the policy does not want it; not probed */
	AB_PATH_STATE_MAX
};

struct ab_health {
	uint8_t state;		 /* enum ab_path_state */
	uint8_t answers, losses; /* in a row, saturated at the thresholds */
	bool has_rtt;
	int32_t error;		   /* errno of CANNOTSEND and REFUSED */
	uint32_t rtt_us;	   /* smoothed, RFC 6298: 7/8 old + 1/8 new */
	uint32_t n_sent, n_lost;   /* since the state began */
	uint32_t down_interval_ms; /* current slow interval; 0: not slow */
	ab_mono since;		   /* of the state */
};

/* Starts anew in @state. */
void ab_health_reset(struct ab_health *h, enum ab_path_state state, ab_mono now);

/* Sets a state that the kernel's knowledge decides; keeps .since when it is
 * the same. */
bool ab_health_set(struct ab_health *h, enum ab_path_state state, int32_t error,
		   ab_mono now);

/* What became of one probe. */
struct ab_health_result {
	enum ab_probe_result result;
	int32_t error;	 /* errno with REFUSED and CANNOT_SEND */
	uint32_t rtt_us; /* round trip, with ANSWER */
};

/**
 * ab_health_sample() - feed one probe result
 * @h:    the path's health
 * @res:  what became of the probe
 * @rise: answers in a row that make it UP, 1 to 255
 * @fall: losses in a row that make it down, 1 to 255
 * @now:  time of the sample
 *
 * One answer ends a run of losses and the other way round (as keepalived's and Cisco's
 * rise/fall counters do).
 *
 * Return: true when the state changed.
 */
bool ab_health_sample(struct ab_health *h, const struct ab_health_result *res,
		      uint8_t rise, uint8_t fall, ab_mono now);

/* DOWN, REFUSED, CANNOTSEND or WRONGDEVICE. */
bool ab_health_is_down(const struct ab_health *h);

/* "UP", "DOWN", ...: the words of status and of policies' documentation. */
const char *ab_path_state_name(enum ab_path_state state);

#endif
