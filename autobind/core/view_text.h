/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * view_text - why something is as it is.
 *
 * Internal to the views (view.c, view_explain.c). Every wanted and absent thing gets a
 * reason here; each is a clause that can stand behind a colon. Must not know: rows.
 */
#ifndef AUTOBIND_CORE_VIEW_TEXT_H
#define AUTOBIND_CORE_VIEW_TEXT_H

#include "core/desired.h"
#include "core/view.h"
#include "core/view_words.h"
#include "core/world.h"

/* "10-san: matches, Address (FILE:LINE)", "10-san: no, Driver (FILE:LINE)". */
void ab_view_add_match(struct ab_text *t, const struct ab_view *v, uint32_t index,
		       const struct ab_match_port *m);

/* What a reason is about. */
enum ab_view_reason {
	AB_REASON_NONE,	     /* nothing is the matter */
	AB_REASON_UNDER_WAY, /* being done, or about to be */
	AB_REASON_BLOCKED,   /* cannot be done now */
};

/* Why a record is not there, or not as it should be; adds nothing when all is well. */
enum ab_view_reason ab_view_add_record_reason(struct ab_text *t,
					      const struct ab_view *v,
					      const struct ab_record_item *r);

/* Why there is no record of this wanted binding, or what is the matter with it. */
enum ab_view_reason ab_view_add_binding_reason(struct ab_text *t,
					       const struct ab_view *v,
					       const struct ab_port *p,
					       const struct ab_path *path,
					       const struct ab_found *f);

/* Why a binding has no session, or what is the matter with the one that it has. */
enum ab_view_reason ab_view_add_login_reason(struct ab_text *t, const struct ab_view *v,
					     const struct ab_node *n);
/* Is a session wanted over it, and not there? */
bool ab_view_lacks_session(const struct ab_node *n);

/* State of a path, and of the discovery through it; always adds something. */
enum ab_view_reason ab_view_add_path_reason(struct ab_text *t, const struct ab_view *v,
					    const struct ab_path *path);

/* Why a port is as it is; may add nothing when it is BOUND. */
enum ab_view_reason ab_view_add_port_reason(struct ab_text *t, const struct ab_view *v,
					    const struct ab_port *p);

/* "TARGET PORTAL,TPGT via IFACE", escaped; without an iface only what is before it. */
void ab_view_add_node_key(struct ab_text *t, const struct ab_node_key *key);

/* How many bindings the discovery through @path has found, and how many of them are of
 * targets that Targets= does not want. */
struct ab_view_founds {
	uint32_t n, n_unwanted;
};
struct ab_view_founds ab_view_count_founds(const struct ab_view *v,
					   const struct ab_path *path);

#endif
