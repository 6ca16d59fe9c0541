/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rtnl_parse - one message of rtnetlink to a value.
 *
 * The half of the rtnetlink adapter that has no state; mon_rtnl.h is the other one.
 */
#ifndef AUTOBIND_IO_RTNL_PARSE_H
#define AUTOBIND_IO_RTNL_PARSE_H

#include <stddef.h>
#include <stdint.h>

#include "core/event.h"

struct nlmsghdr;

#define AB_RTNL_E_IGNORED 1   /* a well-formed message that says nothing to us */
#define AB_RTNL_E_MALFORMED 2 /* too short, or without what it must have */

/**
 * ab_rtnl_parse() - one message of a link, address, route, rule or neighbour
 * @msg:       the message; not changed (libnl's parser takes no const)
 * @n:         bytes that may be read
 * @ret_event: LINK, LINK_GONE, ADDR, ADDR_GONE, ROUTES or NEIGH
 *
 * Pure. NEIGH says what the message says; that only edges are reported is done behind.
 *
 * Return: 0, AB_RTNL_E_IGNORED or AB_RTNL_E_MALFORMED.
 */
int ab_rtnl_parse(struct nlmsghdr *msg, size_t n, struct ab_event *ret_event);

/**
 * ab_rtnl_parse_verdict() - the answer to a route question
 * @msg:         RTM_NEWROUTE or NLMSG_ERROR; not changed
 * @n:           bytes that may be read
 * @ifindex:     the device that was asked for
 * @ret_verdict: what the answer means; UNKNOWN for an error that says nothing about
 *               routes
 *
 * Return: 0 or AB_RTNL_E_MALFORMED.
 */
int ab_rtnl_parse_verdict(struct nlmsghdr *msg, size_t n, uint32_t ifindex,
			  enum ab_route_verdict *ret_verdict);

#endif
