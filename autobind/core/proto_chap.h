/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * proto_chap - CHAP in the security stage of a login (RFC 7143 12.1.3, RFC 1994).
 *
 *	I: AuthMethod=CHAP,None		T: AuthMethod=CHAP
 *	I: CHAP_A=6,5,7			T: CHAP_A=6 CHAP_I=id CHAP_C=challenge
 *	I: CHAP_N=name CHAP_R=response [CHAP_I=id CHAP_C=challenge]
 *					T: [CHAP_N=name CHAP_R=response], next stage
 *
 * Internal to core/proto, which owns the PDUs. What a target sends is hostile.
 */
#ifndef AUTOBIND_CORE_PROTO_CHAP_H
#define AUTOBIND_CORE_PROTO_CHAP_H

#include "core/proto.h"

/* AB_DISCOVERY_OK: go on. Else the session is over. */
struct ab_proto_verdict {
	enum ab_discovery_code code;
	const char *why;
};

enum ab_proto_chap_next {
	AB_PROTO_CHAP_TRANSIT,	 /* nothing to be said: the stage goes on as without */
	AB_PROTO_CHAP_SEND,	 /* the text, and stay in the stage */
	AB_PROTO_CHAP_SEND_LAST, /* the text, and ask for the next stage */
};

/* Take AuthMethod or CHAP_* of an answer. */
struct ab_proto_verdict ab_proto_chap_key(struct ab_proto *p, const char *key,
					  const char *value);

/* The target said "authentication failed": what of? */
struct ab_proto_verdict ab_proto_chap_refused(const struct ab_proto *p);

/**
 * ab_proto_chap_answer() - an answer is complete
 * @p:        the session, with .chap
 * @is_final: the target goes to the next stage
 * @t:        empty; gets the keys of the next request
 * @ret_next: what to do with them
 */
struct ab_proto_verdict ab_proto_chap_answer(struct ab_proto *p, bool is_final,
					     struct ab_text *t,
					     enum ab_proto_chap_next *ret_next);

#endif
