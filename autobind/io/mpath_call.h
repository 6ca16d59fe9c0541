/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mpath_call - one connection to multipathd: a question, its answer, the next question.
 *
 * The protocol is libmpathcmd's (multipath-tools 0.4.9 to 0.14): a size_t and as many
 * bytes of text with a NUL at the end, both ways. What multipathd sends is read as if a
 * stranger sent it. A step never waits; ab_mpath_call_run() is for processes that may.
 * Must not know: what is asked, what an answer means.
 */
#ifndef AUTOBIND_IO_MPATH_CALL_H
#define AUTOBIND_IO_MPATH_CALL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define AB_MPATH_QUESTION_MAX 256
#define AB_MPATH_REPLY_MAX (4u * 1024 * 1024) /* some 40,000 paths */

#define AB_MPATH_E_ABSENT 1   /* multipathd does not run */
#define AB_MPATH_E_READ 2     /* a step goes on when there is something to read */
#define AB_MPATH_E_WRITE 3    /* ... when there is room to write */
#define AB_MPATH_E_LOST 4     /* it closed the connection before the answer was whole */
#define AB_MPATH_E_GARBAGE 5  /* the answer has no length that can be */
#define AB_MPATH_E_TIMEOUT 6  /* no whole answer within the deadline */
#define AB_MPATH_E_STRANGER 7 /* what listens there is not root's */

/* Where multipathd is. */
struct ab_mpath_where {
	/* "@name" or a path; NULL: /run/multipathd.socket (since 0.12), else
	 * "@/org/kernel/linux/storage/multipathd". */
	const char *socket;
	/* The file that it holds a lock on as long as it runs; NULL:
	 * /run/multipathd.pid. "": not looked at. Without a look a connection would
	 * make systemd start a multipathd that the administrator stopped. */
	const char *pidfile;
};

struct ab_mpath_call {
	int fd; /* owned; -1: closed */
	char question[sizeof(size_t) + AB_MPATH_QUESTION_MAX];
	size_t n_question, n_sent;
	size_t size; /* of the answer, once n_read >= sizeof(size) */
	size_t n_read;
	char *reply; /* owned; terminated when the step returned 0; NULL before */
	size_t room; /* at reply */
};

#define AB_MPATH_CALL_NONE ((struct ab_mpath_call){ .fd = -1 })

/* multipathd's process, 0 when it does not run or that is not known. */
pid_t ab_mpath_pid(const struct ab_mpath_where *where);

/**
 * ab_mpath_call_open() - connect
 * @call:  AB_MPATH_CALL_NONE before
 * @where: borrowed for the call
 *
 * Return: 0, AB_MPATH_E_ABSENT, AB_MPATH_E_STRANGER, or -errno (-EAGAIN: it has more
 * callers than it takes). After an error @call is as before.
 */
int ab_mpath_call_open(struct ab_mpath_call *call, const struct ab_mpath_where *where);

/* Begins a question; at most AB_MPATH_QUESTION_MAX - 1 bytes. The last answer is
 * forgotten. */
void ab_mpath_call_ask(struct ab_mpath_call *call, const char *question);

/**
 * ab_mpath_call_step() - go on as far as that is possible without waiting
 * @call: with a question
 *
 * Return: 0: call->reply is the whole answer; AB_MPATH_E_READ, AB_MPATH_E_WRITE: again
 * then; AB_MPATH_E_LOST, AB_MPATH_E_GARBAGE or -errno: only ab_mpath_call_close() may
 * follow.
 */
int ab_mpath_call_step(struct ab_mpath_call *call);

/* Waits for the answer. Return: as the step, or AB_MPATH_E_TIMEOUT. */
int ab_mpath_call_run(struct ab_mpath_call *call, uint32_t deadline_ms);

void ab_mpath_call_close(struct ab_mpath_call *call);

/* For messages: "multipathd does not run" and the like, also for -errno. */
const char *ab_mpath_strerror(int code);

#endif
