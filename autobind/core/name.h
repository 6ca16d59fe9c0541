/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * name - the text forms of the field, read strictly and written in one normal form.
 *
 * iSCSI names (RFC 7143 4.2.7, RFC 3721, RFC 3980), portals `10.0.0.1:3260,1` and
 * `[2001:db8::1]:3260,1` as open-iscsi prints them, addresses (RFC 5952), MACs. What a
 * target sends passes here before anything else looks at it: it becomes file names.
 * Must not know: DNS, sockets, files.
 */
#ifndef AUTOBIND_CORE_NAME_H
#define AUTOBIND_CORE_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "core/types.h"
#include "util/text.h"

/* Positive codes of the parsers below; each says what to tell the user. */
#define AB_NAME_E_SYNTAX 1 /* not of the form that is asked for */
#define AB_NAME_E_LENGTH 2 /* too long */
#define AB_NAME_E_CHAR 3   /* a character that must not occur (`/`, controls, blanks) */
#define AB_NAME_E_RANGE 4  /* a number outside its range */

/**
 * ab_name_check_target() - is this an iSCSI name that may become a directory?
 * @name: terminated text, any bytes
 *
 * iqn.YYYY-MM.domain[:anything], eui. + 16 hex digits, naa. + 16 or 32 hex digits; only
 * [A-Za-z0-9.:_-], at most 223 bytes, no "..".
 * Source: RFC 7143 4.2.7.2, RFC 3980, open-iscsi CVE-2026-44943.
 *
 * Return: 0, or AB_NAME_E_*.
 */
int ab_name_check_target(const char *name);

/**
 * ab_name_check_iface() - may this be the name of an iface record of ours?
 * @name: terminated text
 *
 * 1 to 64 of [A-Za-z0-9._:@-], no leading '.', not "default" or "iser".
 *
 * Return: 0, or AB_NAME_E_*.
 */
int ab_name_check_iface(const char *name);

/* Address: dotted quad without leading zeros, or IPv6 without brackets and without
 * zone. */
int ab_name_parse_addr(const char *s, struct ab_addr *ret_addr);
/* "10.0.0.0/24", "2001:db8::/64", or an address alone (a range of one). Host bits set:
 * E_RANGE. */
int ab_name_parse_net(const char *s, struct ab_net *ret_net);
/* The same, host bits kept: the address of an interface. */
int ab_name_parse_ifaddr(const char *s, struct ab_net *ret_net);
/* "A.B.C.D", "A.B.C.D:PORT", "V6", "[V6]", "[V6]:PORT"; without a port 3260. */
int ab_name_parse_portal(const char *s, struct ab_portal *ret_portal);
/* A portal with ",TPGT" behind it (0 to 65535); without it AB_TPGT_UNKNOWN. */
int ab_name_parse_portal_tpgt(const char *s, struct ab_portal *ret_portal,
			      int32_t *ret_tpgt);
/* "aa:bb:cc:dd:ee:ff" or with '-', any case; 6 or 20 bytes. */
/* A device name, ADDRESS (of every TCP port) or ADDRESS:PORT. */
int ab_name_parse_scope(const char *s, struct ab_scope *ret_scope);
int ab_name_parse_hwaddr(const char *s, struct ab_hwaddr *ret_hwaddr);

/* Room for the longest text of each kind, terminator included. */
#define AB_ADDR_TEXT 46 /* INET6_ADDRSTRLEN */
#define AB_PORTAL_TEXT 64
#define AB_HWADDR_TEXT 60

void ab_name_add_addr(struct ab_text *t, const struct ab_addr *a);
void ab_name_add_net(struct ab_text *t, const struct ab_net *n);
void ab_name_add_portal(struct ab_text *t, const struct ab_portal *p); /* [v6]:port */
void ab_name_add_hwaddr(struct ab_text *t, const struct ab_hwaddr *h); /* aa:bb:... */

/* "not an iSCSI name", "too long", ...: for messages; never NULL. */
const char *ab_name_strerror(int code);

#endif
