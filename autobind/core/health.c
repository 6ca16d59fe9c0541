/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/health.h"

#include <errno.h>

void ab_health_reset(struct ab_health *h, enum ab_path_state state, ab_mono now)
{
	*h = (struct ab_health){ .state = (uint8_t)state, .since = now };
}

bool ab_health_set(struct ab_health *h, enum ab_path_state state, int32_t error,
		   ab_mono now)
{
	if (h->state == state && h->error == error)
		return false;
	ab_health_reset(h, state, now);
	h->error = error;
	return true;
}

bool ab_health_is_down(const struct ab_health *h)
{
	return h->state == AB_PATH_DOWN || h->state == AB_PATH_REFUSED ||
	       h->state == AB_PATH_CANNOTSEND || h->state == AB_PATH_WRONGDEVICE;
}

static enum ab_path_state state_of(enum ab_probe_result result, int32_t error)
{
	switch (result) {
	case AB_PROBE_ANSWER:
		return AB_PATH_UP;
	case AB_PROBE_REFUSED:
		return AB_PATH_REFUSED;
	case AB_PROBE_CANNOT_SEND:
		/* Nobody answered ARP or ND: the other side is silent, not this one. */
		return error == EHOSTUNREACH ? AB_PATH_DOWN : AB_PATH_CANNOTSEND;
	case AB_PROBE_WRONG_DEVICE:
		return AB_PATH_WRONGDEVICE;
	case AB_PROBE_LOST:
	case AB_PROBE_RESULT_MAX:
		break;
	}
	return AB_PATH_DOWN;
}

static void smooth_rtt(struct ab_health *h, uint32_t rtt_us)
{
	h->rtt_us = h->has_rtt ? (uint32_t)(((uint64_t)h->rtt_us * 7 + rtt_us) / 8)
			       : rtt_us;
	h->has_rtt = true;
}

/* Enters @state; what was learned about the round trip stays. */
static void enter(struct ab_health *h, enum ab_path_state state, int32_t error,
		  ab_mono now)
{
	h->state = (uint8_t)state;
	h->error = error;
	h->since = now;
	h->n_sent = h->n_lost = 0;
}

bool ab_health_sample(struct ab_health *h, const struct ab_health_result *res,
		      uint8_t rise, uint8_t fall, ab_mono now)
{
	enum ab_path_state state = state_of(res->result, res->error);

	h->n_sent++;
	if (res->result == AB_PROBE_ANSWER) {
		smooth_rtt(h, res->rtt_us);
		h->losses = 0;
		if (h->answers < rise)
			h->answers++;
		if (h->state == AB_PATH_UP || h->answers < rise)
			return false;
		h->down_interval_ms = 0;
		enter(h, AB_PATH_UP, 0, now);
		return true;
	}
	h->n_lost++;
	h->answers = 0;
	if (h->losses < fall)
		h->losses++;
	if (h->losses < fall || (h->state == state && h->error == res->error))
		return false;
	if (ab_health_is_down(h)) {
		/* Down for another reason now: told, but it is down since the first
		 * one. */
		h->state = (uint8_t)state;
		h->error = res->error;
		return false;
	}
	enter(h, state, res->error, now);
	return true;
}

const char *ab_path_state_name(enum ab_path_state state)
{
	static const char *const names[AB_PATH_STATE_MAX] = {
		[AB_PATH_UNKNOWN] = "UNKNOWN",
		[AB_PATH_UP] = "UP",
		[AB_PATH_DOWN] = "DOWN",
		[AB_PATH_REFUSED] = "REFUSED",
		[AB_PATH_CANNOTSEND] = "CANNOTSEND",
		[AB_PATH_WRONGDEVICE] = "WRONGDEVICE",
		[AB_PATH_NOCARRIER] = "NOCARRIER",
		[AB_PATH_NOADDR] = "NOADDR",
		[AB_PATH_NOROUTE] = "NOROUTE",
		[AB_PATH_UNWANTED] = "UNWANTED",
	};

	return names[state];
}
