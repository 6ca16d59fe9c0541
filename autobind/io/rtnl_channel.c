/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/rtnl_channel.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <netlink/netlink.h>
#include <netlink/socket.h>

#include "io/log.h"

#define RECV_BYTES (32 * 1024) /* the kernel fills no dump part beyond that */

void ab_rtnl_channel_close(struct ab_rtnl_channel *c)
{
	c->handle = ab_loop_fd_free(c->handle);
	nl_socket_free(c->sock);
	c->sock = NULL;
}

int ab_rtnl_errno(int error)
{
	switch (-error) {
	case NLE_NOMEM:
		return -ENOMEM;
	case NLE_PERM:
		return -EPERM;
	case NLE_NOACCESS:
		return -EACCES;
	case NLE_AF_NOSUPPORT:
		return -EAFNOSUPPORT;
	case NLE_PROTO_MISMATCH:
		return -EPROTONOSUPPORT;
	case NLE_AGAIN:
		return -EAGAIN;
	default:
		return -EIO;
	}
}

/* More than net.core.rmem_max needs CAP_NET_ADMIN; without it take what is given. */
static void set_rcvbuf(int fd, int bytes)
{
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) == 0)
		return;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)) < 0)
		ab_log_warn("rtnl", "receive buffer of %d bytes", bytes);
	else
		ab_log_info("rtnl",
			    "no permission for a receive buffer above rmem_max: "
			    "storms will cost a new dump");
}

int ab_rtnl_channel_open(struct ab_rtnl_channel *c, struct ab_loop *loop,
			 ab_loop_fd_fn *fn, void *arg)
{
	int r;

	c->sock = nl_socket_alloc();
	if (!c->sock)
		return -ENOMEM;
	nl_socket_disable_auto_ack(c->sock);
	r = nl_connect(c->sock, NETLINK_ROUTE);
	if (r == 0)
		r = nl_socket_set_nonblocking(c->sock);
	if (r == 0)
		r = nl_socket_set_msg_buf_size(c->sock, RECV_BYTES);
	if (r < 0) {
		r = ab_rtnl_errno(r);
		ab_rtnl_channel_close(c);
		return r;
	}
	r = ab_loop_fd_new(loop, nl_socket_get_fd(c->sock), AB_LOOP_READ, fn, arg,
			   &c->handle);
	if (r < 0)
		ab_rtnl_channel_close(c);
	return r;
}

int ab_rtnl_channel_join(struct ab_rtnl_channel *c, int rcvbuf_bytes, const int *groups,
			 size_t n)
{
	set_rcvbuf(nl_socket_get_fd(c->sock), rcvbuf_bytes);
	for (size_t i = 0; i < n; i++) {
		int r = nl_socket_add_membership(c->sock, groups[i]);

		if (r < 0)
			return ab_rtnl_errno(r);
	}
	return 0;
}

enum ab_rtnl_received ab_rtnl_channel_recv(struct ab_rtnl_channel *c,
					   struct ab_rtnl_datagram *d)
{
	struct sockaddr_nl from = { 0 };
	int r;

	do {
		d->buf = NULL;
		r = nl_recv(c->sock, &from, &d->buf, NULL);
		if (r > 0 && from.nl_pid == 0) {
			d->n = r;
			return AB_RTNL_RECEIVED_DATA;
		}
		if (r >= 0)
			free(d->buf);
	} while (r > 0);
	if (r == 0 || r == -NLE_AGAIN)
		return AB_RTNL_RECEIVED_NOTHING;
	/* -NLE_NOMEM is ENOBUFS: the kernel found no room in our queue. */
	if (r == -NLE_MSG_TRUNC)
		nl_socket_enable_msg_peek(c->sock); /* ask for the size from now on */
	else if (r != -NLE_NOMEM)
		ab_log_warnx("rtnl", "receiving: %s", nl_geterror(r));
	return AB_RTNL_RECEIVED_LOSS;
}
