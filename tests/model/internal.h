/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the model share with each other, and with nobody else. */
#ifndef AUTOBIND_TESTS_MODEL_INTERNAL_H
#define AUTOBIND_TESTS_MODEL_INTERNAL_H

#include "model.h"

#include "core/world.h"

#define MODEL_QUEUE 512

/* Events that the engine has not been told of yet. */
struct model_queue {
	struct ab_event v[MODEL_QUEUE];
	uint32_t first, n;
};

const struct ab_engine *model_engine_const(const struct model *m);
/* The first rule that is broken is the one that counts. */
void model_violate(struct model *m, const char *rule);
void model_event(struct ab_event *ev, enum ab_event_type type);
/* A cleared event at the end of the queue. */
struct ab_event *model_push(struct model_queue *q, enum ab_event_type type);
/* Feeds the queue, and all that follows from it, until nothing is left. */
void model_run(struct model *m, struct model_queue *q);
/* Index of the portal with that address, of the port with that ifindex; or -1. */
int model_portal_of(const struct model *m, const struct ab_addr *addr);
int model_port_of(const struct model *m, uint32_t ifindex);
/* Does the engine hold that portal for UP on a port that uses that iface? */
bool model_is_up(const struct ab_engine *e, const struct ab_node_key *key);
/* Present or remembered; NULL: never was. */
struct model_record *model_find_record(struct model *m, enum model_kind kind,
				       const char *iface,
				       const struct ab_node_key *key);
uint64_t model_mix(uint64_t h, const void *data, size_t n);

/* --- session.c --- */

/* The rules, where the engine asks for a login or a logout. */
void model_check_login(struct model *m, const struct ab_effect *ef);
void model_check_logout(struct model *m, const struct ab_effect *ef);
/* Is there a session over that record, or a login to it under way? */
bool model_is_in_use(const struct model *m, const struct ab_node_key *record);
/* Carries out a login or logout; @q: what the engine sees of it, NULL: nothing. */
enum ab_outcome model_do_session(struct model *m, const struct ab_effect *ef,
				 struct model_queue *q, int32_t *ret_code);
void model_dump_sessions(struct model *m, struct model_queue *q);
/* All that multipathd says. */
void model_dump_multipath(const struct model *m, struct model_queue *q);
/* What the administrator ended may be made again. */
void model_forget_held_sessions(struct model *m);
uint64_t model_hash_sessions(const struct model *m);

#endif
