/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * evtext - an event as one line of text, and back.
 *
 * `autobindd --record` writes these lines, tests and `autobind plan --world` read them:
 *
 *	link ifindex=2 name=eth0 type=ether up carrier mtu=1500 mac=52:54:00:12:34:56
 *	addr ifindex=2 net=10.0.0.5/24
 *
 * The first word is the type; fields that are zero are left out; foreign strings are
 * percent-escaped (util/text.h); what is one of a few has names. In a ledger line kind
 * comes first. One table describes every field of every event. Effects are written
 * alike, for a recording, and are never read.
 */
#ifndef AUTOBIND_CORE_EVTEXT_H
#define AUTOBIND_CORE_EVTEXT_H

#include "core/event.h"
#include "util/text.h"

/* Longest line, terminator included: names escaped three to one. */
#define AB_EVTEXT_MAX 2048

/* Adds the line without its newline. */
void ab_evtext_add(struct ab_text *t, const struct ab_event *ev);
void ab_evtext_add_effect(struct ab_text *t, const struct ab_effect *ef);

/**
 * ab_evtext_parse() - read one line
 * @line:     without newline
 * @ret_ev:   the event
 * @ret_word: NULL, or where the word that was not understood starts
 *
 * Return: 0; 1 when the line is no event.
 */
int ab_evtext_parse(const char *line, struct ab_event *ret_ev, const char **ret_word);

#endif
