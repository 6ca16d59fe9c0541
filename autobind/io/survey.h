/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * survey - which portals answer through which ports, and what targets they name: once.
 *
 * For `autobind setup`: the daemon's prober and discovery in a loop of its own. Every
 * port is tried with every portal, by an echo and by a connection; what takes a
 * connection is asked for targets, and the portals that it names are tried likewise.
 * Writes nothing. Must not know: policies.
 */
#ifndef AUTOBIND_IO_SURVEY_H
#define AUTOBIND_IO_SURVEY_H

#include "core/setup.h"

#define AB_SURVEY_TARGETS 4096 /* more are left out */

struct ab_survey_config {
	const char *initiator; /* to ask with */
	const char *helper;    /* autobind-discover; NULL: the installed one */
};

/**
 * ab_survey_run() - find out
 * @config: borrowed for the call
 * @s:      ports and asked portals are set; the rest is written, .targets to be freed
 *          by the caller, also after an error
 *
 * Takes a second or two; as long as a discovery may (15 s) where a target is slow, and
 * a minute at the very most.
 *
 * Return: 0 or -errno.
 */
int ab_survey_run(const struct ab_survey_config *config, struct ab_setup *s);

#endif
