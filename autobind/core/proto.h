/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * proto - one iSCSI discovery session, without any I/O.
 *
 * Login (RFC 7143 6.3, session type Discovery; AuthMethod None, or CHAP one way or
 * mutual, RFC 7143 12.1.3), `SendTargets=All` with its continuations (RFC 7143 appendix
 * C), logout. The caller moves the bytes, computes hashes and keeps the time. Received
 * data is read as a stream: at most one key=value pair is held, so that memory does not
 * depend on what a target sends. Every value that leaves this file has passed
 * core/name. Must not know: sockets, clocks, output formats.
 */
#ifndef AUTOBIND_CORE_PROTO_H
#define AUTOBIND_CORE_PROTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/chap.h"
#include "core/types.h"
#include "util/text.h"

/* What we declare as MaxRecvDataSegmentLength, and the default that holds before. */
#define AB_PROTO_DATA_MAX (256u * 1024)
#define AB_PROTO_LOGIN_DATA_MAX 8192u

/* An answer that is longer than this, in bytes or in PDUs, is an attack. */
#define AB_PROTO_BYTES_MAX (4u * 1024 * 1024)
#define AB_PROTO_PDUS_MAX 8192u
#define AB_PROTO_LOGIN_ROUNDS_MAX 16u

#define AB_PROTO_DIGEST_MAX 32u	     /* SHA256, SHA3-256 */
#define AB_PROTO_CHALLENGE_MAX 1024u /* of a target: RFC 7143 12.1.3 */
#define AB_PROTO_HASHED_MAX (1u + AB_CHAP_SECRET + AB_PROTO_CHALLENGE_MAX)

/*
 * How a discovery ended: what the state machine says, the exit status and the trailer
 * of autobind-discover. The numbers are part of the manual; 1 is left to the shell.
 */
enum ab_discovery_code {
	AB_DISCOVERY_OK = 0,
	AB_DISCOVERY_USAGE = 2,	      /* bad arguments */
	AB_DISCOVERY_SYSTEM = 3,      /* no socket, no sandbox, no output: our side */
	AB_DISCOVERY_BIND = 4,	      /* not bound to the device asked for */
	AB_DISCOVERY_UNREACHABLE = 5, /* no route, no neighbour, address not usable */
	AB_DISCOVERY_REFUSED = 6,     /* TCP connection refused */
	AB_DISCOVERY_TIMEOUT = 7,     /* the deadline passed */
	AB_DISCOVERY_CLOSED = 8,      /* target closed before its answer was complete */
	AB_DISCOVERY_PROTOCOL = 9,    /* not what RFC 7143 allows */
	AB_DISCOVERY_LIMIT = 10,      /* more than we are willing to take */
	AB_DISCOVERY_DENIED = 11,     /* login status class 2, Initiator Error */
	AB_DISCOVERY_AUTH = 12,	      /* the target wants CHAP */
	AB_DISCOVERY_BUSY = 13,	      /* login status class 3, Target Error */
	AB_DISCOVERY_REDIRECT = 14,   /* login status class 1: reported, not followed */
	AB_DISCOVERY_REJECTED = 15,   /* Reject PDU */
	AB_DISCOVERY_LOGOUT = 16,     /* asynchronous message: log out, or dropped */
	AB_DISCOVERY_CHAP = 17,	      /* the target refused our CHAP name or secret */
	AB_DISCOVERY_UNPROVEN = 18,   /* the target did not prove itself */
	AB_DISCOVERY_SECRET = 19,     /* the file with the secret cannot be used */
	AB_DISCOVERY_CODE_MAX
};

enum ab_proto_phase {
	AB_PROTO_SECURITY,    /* login, CSG 0: initiator name, AuthMethod */
	AB_PROTO_OPERATIONAL, /* login, CSG 1: digests, lengths */
	AB_PROTO_TEXT,	      /* full feature phase: the answer comes in */
	AB_PROTO_LOGOUT,      /* .code is final; the farewell may be cut short */
	AB_PROTO_ENDED,	      /* .code is final; the caller closes the connection */
};

/* Why a part of an answer was left out. */
enum ab_proto_skip {
	AB_PROTO_SKIP_SYNTAX,	/* no key=value, or an address that is none */
	AB_PROTO_SKIP_NAME,	/* not a name that may become a directory */
	AB_PROTO_SKIP_LENGTH,	/* longer than any key=value of ours */
	AB_PROTO_SKIP_DOMAIN,	/* a domain name: never resolved */
	AB_PROTO_SKIP_UNUSABLE, /* loopback, multicast, link-local without a device */
	AB_PROTO_SKIP_MAX
};

struct ab_proto_item {
	char target[AB_TARGET_NAME];
	struct ab_portal portal; /* family 0: none was given, it is the one asked */
	int32_t tpgt;
};

/* Called inside ab_proto_feed(). What was given before a failure must be dropped. */
typedef void ab_proto_item_fn(void *arg, const struct ab_proto_item *item);

/**
 * ab_proto_hash_fn() - compute a digest
 * @arg:       the caller's
 * @algorithm: one of ab_proto_config.algorithms
 * @data:      has a secret in it
 * @n:         its length, at most AB_PROTO_HASHED_MAX
 * @digest:    AB_PROTO_DIGEST_MAX bytes
 *
 * Return: bytes of the digest, or 0: it failed.
 */
typedef size_t ab_proto_hash_fn(void *arg, enum ab_chap_algorithm algorithm,
				const void *data, size_t n, uint8_t *digest);

/* How to log in with CHAP. */
struct ab_proto_chap {
	struct ab_chap who; /* a mutual one: the target has to prove itself */
	uint8_t algorithms[AB_CHAP_ALGORITHMS_MAX]; /* the best first */
	unsigned int n_algorithms;		    /* at least 1 */
	/* For a mutual one: from getrandom(2), never used before. */
	uint8_t id, challenge[AB_PROTO_DIGEST_MAX];
	ab_proto_hash_fn *hash;
	void *hash_arg;
};

struct ab_proto_config {
	const char *initiator; /* a checked name; borrowed for ab_proto_init() */
	uint64_t nonce;	       /* random: makes the ISID differ between our sessions */
	uint32_t items_max;
	bool has_device; /* link-local addresses have a zone: the device's */
	const struct ab_proto_chap *chap; /* NULL: no CHAP; borrowed like .arg */
	ab_proto_item_fn *fn;
	void *arg; /* borrowed until the session ends */
};

struct ab_proto {
	enum ab_proto_phase phase;
	enum ab_discovery_code code;
	const char *why; /* static text for people, "" when there is nothing to add */
	uint8_t detail;	 /* Status-Detail of a login, or the reason of a Reject */
	char redirect[AB_TARGET_NAME]; /* foreign bytes; "" when none was given */
	uint32_t n_items;
	uint32_t n_skipped[AB_PROTO_SKIP_MAX];

	/* The rest is private. */
	ab_proto_item_fn *fn;
	void *arg;
	uint32_t items_max;
	bool has_device;
	uint8_t isid[6];
	uint32_t itt;
	uint32_t exp_statsn;
	uint32_t n_bytes, n_pdus, n_rounds;

	uint8_t bhs[48]; /* header of the PDU that is coming in */
	uint32_t n_bhs;
	uint32_t n_ahs, n_data, n_pad; /* of it still to come */

	/* key=value that is coming in, across PDUs; a challenge in hexadecimal fits */
	char pair[2 * AB_PROTO_CHALLENGE_MAX + 64];
	uint32_t n_pair;
	bool is_long; /* ... and does not fit */

	struct ab_proto_item item; /* .target: the last TargetName */
	bool has_target;	   /* .target is valid */
	bool has_address;	   /* a TargetAddress followed it, usable or not */
	int32_t login_tpgt;

	char reply[512]; /* answers to keys that the target proposed in the login */
	uint32_t n_reply;

	const struct ab_proto_chap *chap; /* borrowed; NULL: no CHAP */
	struct {
		uint8_t step;  /* see proto.c */
		uint32_t seen; /* keys of the answer that is coming in */
		uint8_t algorithm, id;
		uint8_t challenge[AB_PROTO_CHALLENGE_MAX]; /* the target's */
		size_t n_challenge;
		bool is_name_right;
		uint8_t response[AB_PROTO_DIGEST_MAX]; /* the target's */
		size_t n_response;
		uint8_t ours[AB_PROTO_DIGEST_MAX]; /* the response that we gave */
	} auth;

	uint8_t out[1536]; /* PDUs to be sent */
	uint32_t n_out;
};

/**
 * ab_proto_init() - begin a session; the first login request is ready to be sent
 * @p:      the session
 * @config: see there
 */
void ab_proto_init(struct ab_proto *p, const struct ab_proto_config *config);

/**
 * ab_proto_feed() - take what the target sent
 * @p:    the session
 * @data: bytes in the order of the stream, in pieces of any size
 * @n:    how many
 *
 * Bytes behind the end of a session are ignored. Source: RFC 7143 11.
 */
void ab_proto_feed(struct ab_proto *p, const void *data, size_t n);

/* The target closed the connection: ends the session. */
void ab_proto_closed(struct ab_proto *p);

/* What is to be sent now; valid until the next call. Return: number of bytes. */
size_t ab_proto_pending(const struct ab_proto *p, const void **ret_data);
/* The first @n of them were sent. */
void ab_proto_sent(struct ab_proto *p, size_t n);

/* "the target wants authentication", ...; never NULL. */
const char *ab_discovery_strerror(int code);

/* "malformed", "with a domain name", ...: completes "left out N parts"; never NULL. */
const char *ab_proto_skip_name(enum ab_proto_skip skip);

#endif
