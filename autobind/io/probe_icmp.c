/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/probe_icmp.h"

#include <assert.h>
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <linux/icmp.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/clock.h"
#include "io/log.h"

#define RECEIVE_ROUNDS 32
/* Answers are cut here: IPv4 header with options, ICMP header, a quoted IPv6 header and
 * our echo need 60 + 8 + 60 + 28. */
#define RECEIVE_BYTES 192
/* A device that does not transmit holds packets that count here. 8 MiB is about 5,000
 * of them, five default transmit queues, before the other devices' echoes suffer. */
#define SEND_BUFFER (8 << 20)
/* A receive stamp of CLOCK_REALTIME that is older, or is of the future, means that this
 * clock was set meanwhile. */
#define STAMP_AGE_MAX AB_NSEC_PER_SEC

union any_sockaddr {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/* Room for one struct in[6]_pktinfo, and for a time with some to spare. */
#define SEND_CONTROL CMSG_SPACE(sizeof(struct in6_pktinfo))
#define RECEIVE_CONTROL (SEND_CONTROL + CMSG_SPACE(sizeof(struct timespec)) + 64)

struct send_slot {
	uint8_t packet[AB_WIRE_ECHO];
	union any_sockaddr to;
	alignas(struct cmsghdr) char control[SEND_CONTROL];
	struct iovec iov[2];
};

struct receive_slot {
	uint8_t data[RECEIVE_BYTES];
	union any_sockaddr from;
	alignas(struct cmsghdr) char control[RECEIVE_CONTROL];
	struct iovec iov;
};

struct channel {
	int fd;	     /* owned; -1: not available */
	int error;   /* errno of opening it */
	bool is_raw; /* else a "ping" socket */
	enum ab_wire_form form;
	struct ab_wire_ident ident;
};

struct ab_icmp {
	struct ab_hash_key key;
	struct channel channels[AB_ICMP_FAMILIES];
	struct ab_icmp_counters counters;
	uint8_t *padding; /* owned; zeros, NULL when there is none */
	size_t n_padding;
	struct send_slot send[AB_ICMP_BATCH];
	struct receive_slot receive[AB_ICMP_BATCH];
	struct mmsghdr messages[AB_ICMP_BATCH];
};

static int set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) < 0 ? -errno : 0;
}

/* The privileged form is not limited by net.core.[rw]mem_max. */
static void set_buffer(int fd, int force, int name, int value)
{
	if (set_int(fd, SOL_SOCKET, force, value) < 0)
		(void)set_int(fd, SOL_SOCKET, name, value); /* smaller is no error */
}

static int attach_filter(int fd, const struct channel *ch)
{
	struct sock_filter prog[AB_WIRE_FILTER_MAX];
	struct sock_fprog fprog = { .filter = prog };

	fprog.len = ab_wire_filter(&ch->ident, ch->form, prog);
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &fprog, sizeof(fprog)) < 0
		       ? -errno
		       : 0;
}

/* Keeps what we never look at from being copied to us at all (raw(7), RFC 3542 3.2). */
static int set_type_filter(int fd, enum ab_icmp_family family)
{
	struct icmp_filter four = {
		.data = ~(1u << ICMP_ECHOREPLY | 1u << ICMP_DEST_UNREACH |
			  1u << ICMP_TIME_EXCEEDED | 1u << ICMP_PARAMETERPROB)
	};
	struct icmp6_filter six;
	int r;

	if (family == AB_ICMP_4) {
		r = setsockopt(fd, SOL_RAW, ICMP_FILTER, &four, sizeof(four));
		return r < 0 ? -errno : 0;
	}
	ICMP6_FILTER_SETBLOCKALL(&six);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &six);
	ICMP6_FILTER_SETPASS(ICMP6_DST_UNREACH, &six);
	ICMP6_FILTER_SETPASS(ICMP6_PACKET_TOO_BIG, &six);
	ICMP6_FILTER_SETPASS(ICMP6_TIME_EXCEEDED, &six);
	ICMP6_FILTER_SETPASS(ICMP6_PARAM_PROB, &six);
	r = setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &six, sizeof(six));
	return r < 0 ? -errno : 0;
}

/* A "ping" socket's id is its port: the kernel chooses one and writes it. */
static int bind_ping_id(int fd, enum ab_icmp_family family, uint16_t *ret_id)
{
	union any_sockaddr a = { .sa.sa_family =
					 family == AB_ICMP_4 ? AF_INET : AF_INET6 };
	socklen_t n = family == AB_ICMP_4 ? sizeof(a.in) : sizeof(a.in6);

	if (bind(fd, &a.sa, n) < 0 || getsockname(fd, &a.sa, &n) < 0)
		return -errno;
	*ret_id = ntohs(family == AB_ICMP_4 ? a.in.sin_port : a.in6.sin6_port);
	return 0;
}

static int set_options(int fd, enum ab_icmp_family family, uint32_t rcvbuf)
{
	int r = set_int(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);

	set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, SEND_BUFFER);
	set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, (int)rcvbuf);
	if (family == AB_ICMP_4) {
		r = r ? r : set_int(fd, SOL_IP, IP_PKTINFO, 1);
		return r ? r : set_int(fd, SOL_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
	}
	r = r ? r : set_int(fd, SOL_IPV6, IPV6_RECVPKTINFO, 1);
	r = r ? r : set_int(fd, SOL_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
	return r ? r : set_int(fd, SOL_IPV6, IPV6_DONTFRAG, 1);
}

/* Opens one kind of socket. Return: 0 or -errno. */
static int channel_open(struct channel *ch, enum ab_icmp_family family, bool is_raw,
			uint32_t rcvbuf)
{
	int domain = family == AB_ICMP_4 ? AF_INET : AF_INET6;
	int protocol = family == AB_ICMP_4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	int type = is_raw ? SOCK_RAW : SOCK_DGRAM;
	int fd = socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
	int r = 0;

	if (fd < 0)
		return -errno;
	ch->is_raw = is_raw;
	ch->form = family == AB_ICMP_6 ? AB_WIRE_ICMP6
		   : is_raw	       ? AB_WIRE_IP4
				       : AB_WIRE_ICMP4;
	if (!is_raw)
		r = bind_ping_id(fd, family, &ch->ident.id);
	/* The filter comes first: nothing strange gets into the queue before it. */
	r = r ? r : attach_filter(fd, ch);
	if (is_raw)
		r = r ? r : set_type_filter(fd, family);
	r = r ? r : set_options(fd, family, rcvbuf);
	if (r < 0) {
		close(fd);
		return r;
	}
	ch->fd = fd;
	return 0;
}

static void channel_init(struct ab_icmp *icmp, enum ab_icmp_family family,
			 const struct ab_icmp_config *config)
{
	static const char *const names[] = { "ICMP", "ICMPv6" };
	struct channel *ch = &icmp->channels[family];
	uint64_t mark = ab_siphash(&icmp->key, names[family], strlen(names[family]));
	int r;

	ch->ident.cookie = (uint32_t)mark;
	ch->ident.id = (uint16_t)(mark >> 32);
	r = channel_open(ch, family, true, config->rcvbuf);
	if (r == -EPERM || r == -EACCES) {
		r = channel_open(ch, family, false, config->rcvbuf);
		if (!r)
			ab_log_info("probe",
				    "%s without CAP_NET_RAW: refusals by "
				    "routers and firewalls are seen as losses",
				    names[family]);
	}
	if (!r)
		return;
	ch->error = -r;
	errno = -r;
	ab_log_warn("probe", "no %s probes, because no socket can be opened",
		    names[family]);
}

static void link_buffers(struct ab_icmp *icmp)
{
	for (unsigned int i = 0; i < AB_ICMP_BATCH; i++) {
		struct send_slot *s = &icmp->send[i];
		struct receive_slot *r = &icmp->receive[i];

		s->iov[0] = (struct iovec){ s->packet, sizeof(s->packet) };
		s->iov[1] = (struct iovec){ icmp->padding, icmp->n_padding };
		r->iov = (struct iovec){ r->data, sizeof(r->data) };
	}
}

int ab_icmp_new(const struct ab_icmp_config *config, struct ab_icmp **ret_icmp)
{
	struct ab_icmp *icmp;

	if (config->size < AB_ICMP_SIZE_MIN || config->size > AB_ICMP_SIZE_MAX)
		return -EINVAL;
	icmp = calloc(1, sizeof(*icmp));
	if (!icmp)
		return -ENOMEM;
	icmp->n_padding = config->size - AB_WIRE_PAYLOAD;
	if (icmp->n_padding) {
		icmp->padding = calloc(1, icmp->n_padding);
		if (!icmp->padding) {
			free(icmp);
			return -ENOMEM;
		}
	}
	icmp->key = config->key;
	link_buffers(icmp);
	for (unsigned int i = 0; i < AB_ICMP_FAMILIES; i++) {
		icmp->channels[i].fd = -1;
		channel_init(icmp, i, config);
	}
	*ret_icmp = icmp;
	return 0;
}

struct ab_icmp *ab_icmp_free(struct ab_icmp *icmp)
{
	if (!icmp)
		return NULL;
	for (unsigned int i = 0; i < AB_ICMP_FAMILIES; i++)
		if (icmp->channels[i].fd >= 0)
			close(icmp->channels[i].fd);
	free(icmp->padding);
	free(icmp);
	return NULL;
}

int ab_icmp_fd(const struct ab_icmp *icmp, enum ab_icmp_family family)
{
	return icmp->channels[family].fd;
}

int ab_icmp_error(const struct ab_icmp *icmp, enum ab_icmp_family family)
{
	return -icmp->channels[family].error;
}

void ab_icmp_counters(const struct ab_icmp *icmp, struct ab_icmp_counters *ret)
{
	*ret = icmp->counters;
}

static uint64_t mac_of(const struct ab_icmp *icmp, uint32_t token, uint32_t seq,
		       uint64_t who, uint32_t life)
{
	struct {
		uint64_t who;
		uint32_t life, token, seq, zero;
	} message = { who, life, token, seq, 0 };

	return ab_siphash(&icmp->key, &message, sizeof(message));
}

bool ab_icmp_is_ours(const struct ab_icmp *icmp, const struct ab_wire_echo *echo,
		     uint64_t who, uint32_t life)
{
	return echo->mac == mac_of(icmp, echo->token, echo->seq, who, life);
}

/* --- sending -------------------------------------------------------------------- */

static void put_pktinfo(struct msghdr *m, int level, int type, const void *info,
			size_t n)
{
	struct cmsghdr *c = m->msg_control;

	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(n);
	memcpy(CMSG_DATA(c), info, n);
	m->msg_controllen = CMSG_SPACE(n);
}

static void address4(struct send_slot *s, struct msghdr *m,
		     const struct ab_icmp_request *req)
{
	struct in_pktinfo info = { .ipi_ifindex = (int)req->ifindex };

	s->to.in = (struct sockaddr_in){ .sin_family = AF_INET };
	memcpy(&s->to.in.sin_addr, req->addr.bytes, sizeof(s->to.in.sin_addr));
	m->msg_namelen = sizeof(s->to.in);
	put_pktinfo(m, SOL_IP, IP_PKTINFO, &info, sizeof(info));
}

static void address6(struct send_slot *s, struct msghdr *m,
		     const struct ab_icmp_request *req)
{
	struct in6_pktinfo info = { .ipi6_ifindex = req->ifindex };

	s->to.in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6 };
	memcpy(&s->to.in6.sin6_addr, req->addr.bytes, sizeof(s->to.in6.sin6_addr));
	if (ab_addr_is_linklocal6(&req->addr))
		s->to.in6.sin6_scope_id = req->ifindex;
	m->msg_namelen = sizeof(s->to.in6);
	put_pktinfo(m, SOL_IPV6, IPV6_PKTINFO, &info, sizeof(info));
}

static void make_message(struct ab_icmp *icmp, enum ab_icmp_family family,
			 const struct ab_icmp_request *req, unsigned int i)
{
	struct send_slot *s = &icmp->send[i];
	struct msghdr *m = &icmp->messages[i].msg_hdr;
	struct ab_wire_echo echo = {
		.token = req->token,
		.seq = req->seq,
		.mac = mac_of(icmp, req->token, req->seq, req->who, req->life),
	};

	ab_wire_build(&icmp->channels[family].ident, &echo, req->addr.family,
		      s->packet);
	*m = (struct msghdr){
		.msg_name = &s->to,
		.msg_control = s->control,
		.msg_iov = s->iov,
		.msg_iovlen = icmp->n_padding ? 2 : 1,
	};
	if (family == AB_ICMP_4)
		address4(s, m, req);
	else
		address6(s, m, req);
}

/* sendmmsg() tells one time for all: echo i went at about i/n of it. */
static void stamp_sent(struct ab_icmp_request *req, unsigned int n, ab_mono before,
		       ab_mono after)
{
	int64_t each = (after.ns - before.ns) / n;

	for (unsigned int i = 0; i < n; i++)
		req[i].sent = ab_mono_add_ns(before, each * i);
}

void ab_icmp_send(struct ab_icmp *icmp, enum ab_icmp_family family,
		  struct ab_icmp_request *req, unsigned int n)
{
	struct channel *ch = &icmp->channels[family];
	unsigned int done = 0;
	ab_mono before;
	int r;

	assert(n <= AB_ICMP_BATCH);
	before = ab_clock_now();
	for (unsigned int i = 0; i < n; i++) {
		assert(req[i].addr.family ==
		       (family == AB_ICMP_4 ? AF_INET : AF_INET6));
		req[i].sent = before;
		req[i].error = ch->fd < 0 ? ch->error : 0;
		make_message(icmp, family, &req[i], i);
	}
	if (ch->fd < 0)
		return;
	while (done < n) {
		before = ab_clock_now();
		r = sendmmsg(ch->fd, icmp->messages + done, n - done, 0);
		icmp->counters.send_calls++;
		if (r > 0) {
			stamp_sent(req + done, (unsigned int)r, before, ab_clock_now());
			done += (unsigned int)r;
		} else if (errno != EINTR) {
			/* That of the first message: it is left out, the rest go on. */
			req[done].error = errno == EAGAIN ? ENOBUFS : errno;
			done++;
		}
	}
}

/* --- receiving ------------------------------------------------------------------ */

/* What the control messages of one packet say. */
struct receipt {
	uint32_t arrival;
	bool has_stamp;
	struct timespec stamp;
};

static void read_control(struct msghdr *m, struct receipt *ret)
{
	struct in_pktinfo four;
	struct in6_pktinfo six;

	memset(ret, 0, sizeof(*ret));
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
			memcpy(&ret->stamp, CMSG_DATA(c), sizeof(ret->stamp));
			ret->has_stamp = true;
		} else if (c->cmsg_level == SOL_IP && c->cmsg_type == IP_PKTINFO) {
			memcpy(&four, CMSG_DATA(c), sizeof(four));
			ret->arrival = (uint32_t)four.ipi_ifindex;
		} else if (c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			memcpy(&six, CMSG_DATA(c), sizeof(six));
			ret->arrival = six.ipi6_ifindex;
		}
	}
}

static ab_mono time_of(const struct receipt *receipt, ab_mono now,
		       const struct timespec *real)
{
	int64_t age = (real->tv_sec - receipt->stamp.tv_sec) * AB_NSEC_PER_SEC +
		      (real->tv_nsec - receipt->stamp.tv_nsec);

	if (!receipt->has_stamp || age < 0 || age > STAMP_AGE_MAX)
		return now;
	return ab_mono_ns(now.ns - age);
}

static struct ab_addr address_of(const union any_sockaddr *a)
{
	struct ab_addr addr = { .family = (uint8_t)a->sa.sa_family };

	if (addr.family == AF_INET)
		memcpy(addr.bytes, &a->in.sin_addr, sizeof(a->in.sin_addr));
	else
		memcpy(addr.bytes, &a->in6.sin6_addr, sizeof(a->in6.sin6_addr));
	return addr;
}

/* Return: false when the packet is none of ours. */
static bool read_answer(struct ab_icmp *icmp, const struct channel *ch, unsigned int i,
			struct ab_icmp_answer *ret)
{
	struct receive_slot *s = &icmp->receive[i];
	size_t n = icmp->messages[i].msg_len;
	struct ab_wire_verdict v;

	ab_wire_parse(&ch->ident, ch->form, s->data,
		      n < sizeof(s->data) ? n : sizeof(s->data), &v);
	if (v.kind == AB_WIRE_STRANGE)
		return false;
	memset(ret, 0, sizeof(*ret));
	ret->from = address_of(&s->from);
	ret->echo = v.echo;
	ret->error = v.error;
	ret->asked = v.asked;
	if (v.kind == AB_WIRE_REPLY)
		ret->what = AB_ICMP_ECHO;
	else if (ab_addr_equal(&ret->from, &v.asker))
		ret->what = AB_ICMP_UNSENT; /* our own kernel writes from our address */
	else
		ret->what = AB_ICMP_UNREACHABLE;
	return true;
}

/* Return: number of packets, 0 for none, -errno. */
static int receive_batch(struct ab_icmp *icmp, const struct channel *ch)
{
	int r;

	for (unsigned int i = 0; i < AB_ICMP_BATCH; i++) {
		struct receive_slot *s = &icmp->receive[i];

		icmp->messages[i].msg_hdr = (struct msghdr){
			.msg_name = &s->from,
			.msg_namelen = sizeof(s->from),
			.msg_iov = &s->iov,
			.msg_iovlen = 1,
			.msg_control = s->control,
			.msg_controllen = sizeof(s->control),
		};
	}
	do {
		r = recvmmsg(ch->fd, icmp->messages, AB_ICMP_BATCH, MSG_DONTWAIT, NULL);
		icmp->counters.recv_calls++;
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}

/* Return: how many of the @got packets are answers. */
static unsigned int read_batch(struct ab_icmp *icmp, const struct channel *ch, int got,
			       struct ab_icmp_answer *answers)
{
	struct timespec real;
	ab_mono now = ab_clock_now_real(&real);
	struct receipt receipt;
	unsigned int n = 0;

	for (int i = 0; i < got; i++) {
		if (!read_answer(icmp, ch, (unsigned int)i, &answers[n])) {
			icmp->counters.strange++;
			continue;
		}
		read_control(&icmp->messages[i].msg_hdr, &receipt);
		answers[n].arrival = receipt.arrival;
		answers[n].received = time_of(&receipt, now, &real);
		n++;
	}
	return n;
}

void ab_icmp_receive(struct ab_icmp *icmp, enum ab_icmp_family family, ab_icmp_fn *fn,
		     void *arg)
{
	struct channel *ch = &icmp->channels[family];
	struct ab_icmp_answer answers[AB_ICMP_BATCH];
	int got = AB_ICMP_BATCH;
	unsigned int n;

	if (ch->fd < 0)
		return;
	for (int round = 0; round < RECEIVE_ROUNDS && got == AB_ICMP_BATCH; round++) {
		/* An error that is not EAGAIN is a pending one, which is gone
		 * with it. */
		got = receive_batch(icmp, ch);
		n = read_batch(icmp, ch, got, answers);
		/* All are read before the first is told: @fn may send, which uses the
		 * same buffers. */
		for (unsigned int i = 0; i < n; i++)
			fn(arg, &answers[i]);
	}
}
