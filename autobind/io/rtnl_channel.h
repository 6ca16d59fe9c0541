/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rtnl_channel - one socket of rtnetlink on the loop.
 *
 * Knows: libnl's sockets and its errors, and how the kernel tells that messages were
 * lost. Must not know: what is in a message, what a loss means (mon_rtnl).
 */
#ifndef AUTOBIND_IO_RTNL_CHANNEL_H
#define AUTOBIND_IO_RTNL_CHANNEL_H

#include <stddef.h>

#include "io/loop.h"

struct nl_sock;

struct ab_rtnl_channel {
	struct nl_sock *sock;	   /* owned */
	struct ab_loop_fd *handle; /* owned */
};

/* @fn is told when there is something to read. Return: 0, or -errno and closed. */
int ab_rtnl_channel_open(struct ab_rtnl_channel *c, struct ab_loop *loop,
			 ab_loop_fd_fn *fn, void *arg);

/* Hear notifications, with a receive buffer of so many bytes if that is permitted.
 * Return: 0 or -errno. */
int ab_rtnl_channel_join(struct ab_rtnl_channel *c, int rcvbuf_bytes, const int *groups,
			 size_t n);
void ab_rtnl_channel_close(struct ab_rtnl_channel *c);

/**
 * struct ab_rtnl_datagram - what one receive call brought
 * @buf: owned by the caller of ab_rtnl_channel_recv(), free() it
 * @n:   bytes
 */
struct ab_rtnl_datagram {
	unsigned char *buf;
	int n;
};

enum ab_rtnl_received {
	AB_RTNL_RECEIVED_DATA,
	AB_RTNL_RECEIVED_NOTHING, /* the queue is empty */
	AB_RTNL_RECEIVED_LOSS,	  /* messages were lost; the next may be there */
};

/* Messages of the kernel only; root could send us others. */
enum ab_rtnl_received ab_rtnl_channel_recv(struct ab_rtnl_channel *c,
					   struct ab_rtnl_datagram *d);

/* -errno for an error of libnl. */
int ab_rtnl_errno(int error);

#endif
