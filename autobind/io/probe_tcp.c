/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/probe_tcp.h"

#include <assert.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/mono.h"

#define MAX_LIMIT 4096
#define READY_BATCH 64

struct connect {
	int fd;		/* owned; -1: free */
	uint32_t token; /* while free: the next free one */
	uint32_t use;	/* counts up with each use: an event of a former use is known by
			   it */
};

struct ab_tcp {
	int epoll; /* owned */
	unsigned int n, max;
	uint32_t free;
	ab_tcp_fn *fn;
	void *arg;
	struct connect connects[];
};

int ab_tcp_new(unsigned int max, ab_tcp_fn *fn, void *arg, struct ab_tcp **ret_tcp)
{
	struct ab_tcp *tcp;
	int r;

	assert(max > 0 && max <= MAX_LIMIT);
	tcp = calloc(1, sizeof(*tcp) + max * sizeof(tcp->connects[0]));
	if (!tcp)
		return -ENOMEM;
	tcp->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (tcp->epoll < 0) {
		r = -errno;
		free(tcp);
		return r;
	}
	tcp->max = max;
	tcp->fn = fn;
	tcp->arg = arg;
	for (unsigned int i = 0; i < max; i++)
		tcp->connects[i] = (struct connect){ .fd = -1, .token = i + 1 };
	*ret_tcp = tcp;
	return 0;
}

struct ab_tcp *ab_tcp_free(struct ab_tcp *tcp)
{
	if (!tcp)
		return NULL;
	for (unsigned int i = 0; i < tcp->max; i++)
		if (tcp->connects[i].fd >= 0)
			close(tcp->connects[i].fd);
	close(tcp->epoll);
	free(tcp);
	return NULL;
}

int ab_tcp_fd(const struct ab_tcp *tcp)
{
	return tcp->epoll;
}

unsigned int ab_tcp_count(const struct ab_tcp *tcp)
{
	return tcp->n;
}

bool ab_tcp_is_full(const struct ab_tcp *tcp)
{
	return tcp->n == tcp->max;
}

/* By index where the kernel can (Linux 5.1), else by the name that it has now. */
static int bind_to_device(int fd, uint32_t ifindex)
{
	struct ifreq ifr = { .ifr_ifindex = (int)ifindex };

	if (ifindex == 0)
		return 0;
	/* SO_BINDTOIFINDEX takes any number: ask first whether there is such
	 * a device. */
	if (ioctl(fd, SIOCGIFNAME, &ifr) < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &ifr.ifr_ifindex,
		       sizeof(ifr.ifr_ifindex)) == 0)
		return 0;
	if (errno != ENOPROTOOPT)
		return -errno;
	return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, ifr.ifr_name, IFNAMSIZ) < 0
		       ? -errno
		       : 0;
}

static int connect_to(int fd, uint32_t ifindex, const struct ab_portal *portal)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

	if (portal->addr.family == AF_INET) {
		memcpy(&in.sin_addr, portal->addr.bytes, sizeof(in.sin_addr));
		in.sin_port = htons(portal->port);
		return connect(fd, (struct sockaddr *)&in, sizeof(in)) < 0 ? -errno : 0;
	}
	memcpy(&in6.sin6_addr, portal->addr.bytes, sizeof(in6.sin6_addr));
	in6.sin6_port = htons(portal->port);
	if (ab_addr_is_linklocal6(&portal->addr))
		in6.sin6_scope_id = ifindex;
	return connect(fd, (struct sockaddr *)&in6, sizeof(in6)) < 0 ? -errno : 0;
}

/* A bound socket, connecting. Return: 0 connected, -EINPROGRESS, -errno. */
static int open_connect(uint32_t ifindex, const struct ab_portal *portal, int *ret_fd)
{
	/* Close means reset: no TIME_WAIT here, no half-closed connection there. */
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };
	int fd = socket(portal->addr.family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			0);
	int r;

	if (fd < 0)
		return -errno;
	r = bind_to_device(fd, ifindex);
	if (!r && setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) < 0)
		r = -errno;
	r = r ? r : connect_to(fd, ifindex, portal);
	if (r < 0 && r != -EINPROGRESS)
		close(fd);
	else
		*ret_fd = fd;
	return r;
}

static uint32_t rtt_of(int fd)
{
	struct tcp_info info;
	socklen_t n = sizeof(info);

	memset(&info, 0, sizeof(info));
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) < 0)
		return 0;
	return info.tcpi_rtt;
}

static struct ab_tcp_outcome outcome_of(int error, bool is_at_once)
{
	struct ab_tcp_outcome o = { .error = error };

	switch (error) {
	case 0:
		o.result = AB_PROBE_ANSWER;
		break;
	case ETIMEDOUT: /* the kernel gave up before the caller did */
		o.result = AB_PROBE_LOST;
		o.error = 0;
		break;
	case ECONNREFUSED:
	case ECONNRESET:
		o.result = AB_PROBE_REFUSED;
		break;
	default:
		/* Before connect() has returned nobody but this host can have
		 * said no. */
		o.result = is_at_once ? AB_PROBE_CANNOT_SEND : AB_PROBE_REFUSED;
		break;
	}
	return o;
}

static struct ab_tcp_outcome outcome_of_fd(int fd, int error, bool is_at_once)
{
	struct ab_tcp_outcome o = outcome_of(error, is_at_once);

	if (o.result == AB_PROBE_ANSWER)
		o.rtt_us = rtt_of(fd);
	return o;
}

int ab_tcp_start(struct ab_tcp *tcp, uint32_t ifindex, const struct ab_portal *portal,
		 uint32_t token, uint16_t *ret_connect,
		 struct ab_tcp_outcome *ret_outcome)
{
	uint32_t i = tcp->free;
	struct connect *c = &tcp->connects[i];
	struct epoll_event ev = { .events = EPOLLOUT };
	int fd = -1;
	int r;

	assert(!ab_tcp_is_full(tcp));
	r = open_connect(ifindex, portal, &fd);
	if (r == -EINPROGRESS) {
		ev.data.u64 = (uint64_t)(c->use + 1) << 32 | i;
		r = epoll_ctl(tcp->epoll, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 1;
	}
	if (r <= 0) {
		*ret_outcome = outcome_of_fd(fd, -r, true);
		if (fd >= 0)
			close(fd);
		return AB_TCP_E_OVER;
	}
	tcp->free = c->token;
	*c = (struct connect){ .fd = fd, .token = token, .use = c->use + 1 };
	tcp->n++;
	*ret_connect = (uint16_t)i;
	return 0;
}

void ab_tcp_cancel(struct ab_tcp *tcp, uint16_t connect)
{
	struct connect *c = &tcp->connects[connect];

	assert(connect < tcp->max && c->fd >= 0);
	/* Leaves the epoll set with it: nobody else has this descriptor. */
	close(c->fd);
	c->fd = -1;
	c->token = tcp->free;
	tcp->free = connect;
	tcp->n--;
}

static int error_of(int fd)
{
	int error = 0;
	socklen_t n = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0)
		return errno;
	return error;
}

void ab_tcp_ready(struct ab_tcp *tcp)
{
	struct epoll_event events[READY_BATCH];
	int n = epoll_wait(tcp->epoll, events, READY_BATCH, 0);

	for (int k = 0; k < n; k++) {
		uint32_t i = (uint32_t)events[k].data.u64;
		struct connect *c = &tcp->connects[i];
		struct ab_tcp_outcome o;
		uint32_t token;

		/* Cancelled, or even used anew, by a callback of this round. */
		if (c->fd < 0 || c->use != (uint32_t)(events[k].data.u64 >> 32))
			continue;
		token = c->token;
		o = outcome_of_fd(c->fd, error_of(c->fd), false);
		ab_tcp_cancel(tcp, (uint16_t)i);
		tcp->fn(tcp->arg, token, &o);
	}
}
