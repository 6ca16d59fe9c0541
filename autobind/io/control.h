/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * control - the server side of the control socket.
 *
 * A unix stream socket; NUL-terminated messages (io/message.h, io/json.h). Knows:
 * clients, their queues, deadlines and who they are (SO_PEERCRED). Must not know: what
 * a method does. Nothing a client does, or fails to do, makes the loop wait: a client
 * that does not read, or sends half a request, is dropped.
 */
#ifndef AUTOBIND_IO_CONTROL_H
#define AUTOBIND_IO_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/row.h"
#include "io/loop.h"
#include "io/message.h"

#define AB_CONTROL_CLIENTS 32
/* Of these only root may take the last ones, so that the group cannot lock root out. */
#define AB_CONTROL_ROOT_CLIENTS 4
#define AB_CONTROL_QUEUE_MAX (1024u * 1024)

#define AB_CONTROL_E_RUNNING 1	  /* another daemon has this socket */
#define AB_CONTROL_E_NOT_SOCKET 2 /* something else has this name */

struct ab_control;
struct ab_reply;

struct ab_control_config {
	const char *path; /* of the socket; its folder is made when it is missing */
	gid_t group;	  /* may read (mode 0660); (gid_t)-1: root alone (0600) */
	/* Patience in milliseconds; 0: the default in brackets. */
	uint32_t request_ms; /* from the first to the last byte of a request (5000) */
	uint32_t idle_ms;    /* without any request (60000) */
	uint32_t write_ms;   /* an answer waits and the client takes nothing (10000) */
};

/**
 * Carries out a request. Unknown methods, changing methods of others than root, and
 * requests without "more" were answered before. @req is valid during the call
 * only. Each @reply is ended once, by ab_reply_end() or ab_reply_error(), in the call
 * or at any later time, also after the client has gone.
 */
typedef void ab_control_fn(void *arg, const struct ab_request *req,
			   struct ab_reply *reply);
typedef void ab_reply_fn(void *arg, struct ab_reply *reply);

/**
 * ab_control_new() - listen
 * @loop:        the event loop; must live longer
 * @config:      settings; copied
 * @fn:          carries out requests
 * @arg:         for @fn
 * @ret_control: the server
 *
 * A socket file that nobody answers is replaced. PATH.lock, held by flock(2) for the
 * server's life, decides between two that start at once. Changes the umask for a
 * moment: call it while the process has one thread.
 *
 * Return: 0, -errno, or AB_CONTROL_E_*.
 */
int ab_control_new(struct ab_loop *loop, const struct ab_control_config *config,
		   ab_control_fn *fn, void *arg, struct ab_control **ret_control);

/* Closes all clients, removes the socket; open replies stay to be ended. NULL. */
struct ab_control *ab_control_free(struct ab_control *control);

/**
 * ab_reply_row() - send one of several rows
 * @reply: the answer
 * @row:   copied
 *
 * Only queues. A client whose queue grows above
 * AB_CONTROL_QUEUE_MAX is dropped; an answer that may be longer comes from
 * ab_reply_on_room().
 *
 * Return: false when the client is gone and further rows are for nobody.
 */
bool ab_reply_row(struct ab_reply *reply, const struct ab_row *row);

/* Ends the answer; @reply is freed. */
void ab_reply_end(struct ab_reply *reply);

/* Ends it with an error; foreign text in @message is fine. @reply is freed. */
void ab_reply_error(struct ab_reply *reply, enum ab_message_error error,
		    const char *message);

/**
 * ab_reply_on_room() - send rows when the client has taken the earlier ones
 * @reply: the answer
 * @fn:    called from the loop while less than a quarter of the queue is used, until it
 *         ends the reply; each call should add one batch. NULL: no more calls.
 * @gone:  as in ab_reply_on_gone(); must be given with @fn, as that will not come again
 * @arg:   for both
 */
void ab_reply_on_room(struct ab_reply *reply, ab_reply_fn *fn, ab_reply_fn *gone,
		      void *arg);

/* True when a batch should end: a quarter of the queue is used, or nobody reads. */
bool ab_reply_is_full(const struct ab_reply *reply);

/* @fn is called once, from the loop, when the client goes before the reply was ended;
 * it has to end it, or see that somebody does. */
void ab_reply_on_gone(struct ab_reply *reply, ab_reply_fn *fn, void *arg);

#endif
