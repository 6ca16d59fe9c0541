/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * desired - what the policy wants of a port: who takes it, which portals, which iface.
 *
 * Reads the world and the policy set, writes only what is derived: the port's policy
 * and the paths' roles. Must not know: what exists already, how anything is done.
 */
#ifndef AUTOBIND_CORE_DESIRED_H
#define AUTOBIND_CORE_DESIRED_H

#include "core/world.h"

/* Addresses of one port that are looked at; more are not found on storage hosts. */
#define AB_HOME_MAX 64

/* A port's home: its usable addresses, and those it had when it was taken and that no
 * other address has contradicted yet (product.md 3.8: taken stays taken). */
struct ab_home {
	struct ab_net nets[AB_HOME_MAX];
	uint32_t n;
	bool has_present[2]; /* IPv4, IPv6: the device has one of that family now */
};

void ab_desired_home(const struct ab_engine *e, const struct ab_port *p,
		     struct ab_home *ret);

/* What policies and deny lists look at; refers to @home and @e. */
struct ab_match_port ab_desired_match_port(const struct ab_engine *e,
					   const struct ab_port *p,
					   struct ab_home *home);

/* Another set has other indices: finds the port's policy again by name. Whatever keeps
 * the port from being decided about now, an index of an old set must not stay. */
void ab_desired_follow_set(const struct ab_policy_set *set, struct ab_port *p);

/**
 * ab_desired_take() - decide which policy a port has
 * @s:    the step
 * @slot: of the port
 *
 * A port becomes taken by the first policy that matches. It stays with it until the
 * policy's text changes, it is enslaved or excluded, or it holds a contradicting
 * address for Settle. Unknown values never untake it.
 *
 * Return: true when it may be planned; else its state says why not.
 */
bool ab_desired_take(const struct ab_step *s, uint32_t slot);

/* Gives every path of a taken port its roles; makes paths and founds for Discover,
 * Static. */
void ab_desired_paths(const struct ab_step *s, uint32_t slot,
		      const struct ab_home *home);

/* The content that the port's own iface record should have; .iface is left to the
 * caller. */
void ab_desired_binding(const struct ab_policy *pol, const struct ab_port *p,
			struct ab_binding *ret);

#endif
