/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * login_code - what an exit status of iscsiadm means after a login or a logout.
 *
 * One table says both what is done and what people are told. Knows: the numbers of
 * open-iscsi's include/iscsi_err.h, equal in 2.0-871 to 2.1.12. Must not know: how
 * iscsiadm is run. What sysfs shows has the last word, whatever the status.
 */
#ifndef AUTOBIND_CORE_LOGIN_CODE_H
#define AUTOBIND_CORE_LOGIN_CODE_H

#include "core/event.h"

/* Codes of our own, beside exit statuses (positive) and -errno (negative). */
#define AB_LOGIN_E_CONNECT 1000 /* the portal did not take a TCP connection first */
#define AB_LOGIN_E_TIMEOUT 1001 /* iscsiadm still runs after its deadline */
#define AB_LOGIN_E_ABSENT 1002	/* iscsiadm said it went well, sysfs has no session */

/* What a login that ended with this status means; 0 to 255. */
enum ab_outcome ab_login_outcome(int status);

/* The same for a logout. */
enum ab_outcome ab_logout_outcome(int status);

/* A clause for people: "the target refused the CHAP name or secret". @code: an exit
 * status or AB_LOGIN_E_*; NULL: not in the table. */
const char *ab_login_words(int32_t code);

#endif
