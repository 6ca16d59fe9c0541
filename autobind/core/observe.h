/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * observe - facts about the world are taken into it, and mark what must be planned
 * again.
 *
 * Nothing is decided here but what a fact means by itself: an address that went is
 * remembered, a record of ours that went is held, Rise answers make a portal UP.
 */
#ifndef AUTOBIND_CORE_OBSERVE_H
#define AUTOBIND_CORE_OBSERVE_H

#include "core/world.h"

void ab_observe_link(const struct ab_step *s, const struct ab_link *link);
void ab_observe_link_gone(const struct ab_step *s, uint32_t ifindex);
void ab_observe_udev(struct ab_engine *e, const struct ab_udev_net *udev);
void ab_observe_udev_gone(struct ab_engine *e, uint32_t ifindex);
void ab_observe_addr(struct ab_engine *e, const struct ab_ifaddr *ifaddr);
void ab_observe_addr_gone(struct ab_engine *e, const struct ab_ifaddr *ifaddr);
void ab_observe_routes(struct ab_engine *e, uint8_t family);
void ab_observe_route(struct ab_engine *e, uint64_t handle, uint8_t verdict);
void ab_observe_probe(const struct ab_step *s, const struct ab_event *ev);
void ab_observe_neigh(const struct ab_step *s, const struct ab_event *ev);
void ab_observe_iface(const struct ab_step *s, const struct ab_event *ev);
void ab_observe_iface_gone(const struct ab_step *s, const struct ab_event *ev);
void ab_observe_node(const struct ab_step *s, const struct ab_event *ev);
void ab_observe_node_gone(const struct ab_step *s, const struct ab_event *ev);
void ab_observe_ledger(const struct ab_step *s, const struct ab_ledger_entry *entry);
void ab_observe_session(const struct ab_step *s, const struct ab_session *session);
void ab_observe_session_gone(const struct ab_step *s, uint32_t sid);
void ab_observe_multipath(struct ab_engine *e, uint8_t state);
void ab_observe_mapped(struct ab_engine *e, uint32_t sid, uint16_t n_known);
/* Sessions over the binding that nobody knows better of are bound as its record says.
 */
void ab_observe_session_binding(struct ab_engine *e, const struct ab_node *n);
/* Marks a binding's session as ended by the administrator, or as free again. */
void ab_observe_hold_session(struct ab_engine *e, struct ab_node *n, bool is_held);
/* Parts of a dump. */
void ab_observe_sessions_begin(struct ab_engine *e);
void ab_observe_sessions_end(const struct ab_step *s);
void ab_observe_stale(struct ab_engine *e, enum ab_source source);
void ab_observe_dump_begin(struct ab_engine *e, enum ab_source source);
void ab_observe_dump_end(const struct ab_step *s, const struct ab_event *ev);
void ab_observe_policy(const struct ab_step *s);
void ab_observe_command(const struct ab_step *s, const struct ab_event *ev);

#endif
