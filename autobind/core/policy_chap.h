/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy_chap - Chap=: is the file that a policy names there, and is it the same still?
 *
 * Knows names, paths, states and stamps of secret files (struct ab_policy_chap), never
 * a secret nor anything that was computed from one.
 */
#ifndef AUTOBIND_CORE_POLICY_CHAP_H
#define AUTOBIND_CORE_POLICY_CHAP_H

#include "core/policy.h"
#include "core/policy_layers.h"

/* Errors and warnings about Chap in [Bind] and [Portals] of one policy. */
void ab_policy_chap_check(const struct ab_policy_input *in,
			  const struct ab_layers *layers, struct ab_diags *diags);

/* Mark of a name and of its file's stamp: another one when either changes; 0 for "". */
uint64_t ab_policy_chap_mark(const struct ab_policy_input *in, const char *name);

#endif
