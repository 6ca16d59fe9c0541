/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * store_msg - what the two sides of the store say to each other.
 *
 * SOCK_SEQPACKET, a message starts with struct store_msg and has at most 64 KiB; what
 * is larger travels as a sealed memory file. Both sides are forks of one image, so
 * values travel as they are in memory.
 */
#ifndef AUTOBIND_IO_STORE_MSG_H
#define AUTOBIND_IO_STORE_MSG_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/event.h"
#include "io/store.h"

#define STORE_MSG_MAX 65536

/* Events in one message. */
#define STORE_EVENTS_MAX 120

enum store_msg_type {
	/* loop -> helper; each has a .seq and is answered once */
	STORE_MSG_JOB = 1,   /* struct store_job: NAME NUL VALUE NUL ... of [Node] */
	STORE_MSG_DUMP,	     /* ledger and records, at the start of a helper */
	STORE_MSG_CONF,	     /* read the configuration */
	STORE_MSG_LOAD,	     /* read the last good one */
	STORE_MSG_SAVE,	     /* keep this one; a memory file comes with it */
	STORE_MSG_INITIATOR, /* read the file with the initiator name */
	/* helper -> loop */
	STORE_MSG_EVENTS, /* struct store_events; DONE.job is a question's .seq */
	STORE_MSG_ANSWER, /* .seq, .code; a memory file for what was read */
	STORE_MSG_BUSY,	  /* open-iscsi's lock is held by somebody: this may take 5 s */
};

struct store_msg {
	uint32_t type; /* enum store_msg_type */
	uint32_t n;    /* JOB: settings, EVENTS: events */
	uint64_t seq;
	int32_t code; /* 0 or -errno */
};

struct store_job {
	struct store_msg head;
	struct ab_effect effect;
	char settings[];
};

struct store_events {
	struct store_msg head;
	struct ab_event v[STORE_EVENTS_MAX];
};

_Static_assert(sizeof(struct store_job) + AB_STORE_SETTINGS_MAX <= STORE_MSG_MAX,
	       "a job fits one message");
_Static_assert(sizeof(struct store_job) == offsetof(struct store_job, settings),
	       "the settings follow at once");
_Static_assert(sizeof(struct store_events) <= STORE_MSG_MAX,
	       "the events fit one message");

/* One message, with or without a descriptor. Return: bytes, 0 at the end, or -errno;
 * *ret_fd is -1 or owned by the caller. */
ssize_t store_msg_recv(int sock, void *buf, size_t size, int flags, int *ret_fd);
/* @buf stays as it is; struct iovec knows no const. Return: 0 or -errno. */
int store_msg_send(int sock, void *buf, size_t n, int flags, int fd);

/* A sealed memory file of these bytes. Return: the descriptor or -errno. */
int store_memfd(const void *data, size_t n);

/* The helper: serves @sock until its other end closes. Return: exit status. */
int store_helper_run(const struct ab_store_config *config, int sock);

#endif
