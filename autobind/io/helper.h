/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * helper - a process of ours that may block where the loop must not.
 *
 * A fork of the daemon with one end of a socketpair. It ends when the daemon's end
 * closes, so nothing of the daemon's may stay open in it, above all not that end, nor
 * another helper's. Must not know: what is said over the socket, and when to start
 * another one.
 */
#ifndef AUTOBIND_IO_HELPER_H
#define AUTOBIND_IO_HELPER_H

#include <sys/types.h>

struct ab_helper {
	pid_t pid; /* 0: none */
	int fd;	   /* owned; our end of a SOCK_SEQPACKET pair; -1: none */
	int pidfd; /* owned; readable when the process has ended; -1: none */
};

#define AB_HELPER_NONE ((struct ab_helper){ .fd = -1, .pidfd = -1 })

/* The helper's life; @fd is its end. Return: exit status. */
typedef int ab_helper_fn(void *arg, int fd);

/**
 * ab_helper_start() - fork a helper
 * @name:       of the process, for ps(1); 15 bytes count
 * @fn:         called in it
 * @arg:        for @fn; as it is at the fork
 * @ret_helper: the process and our end
 *
 * In the helper standard input and output are /dev/null, no other descriptor is open
 * but
 * @fd and standard error; signals that end the daemon are ignored, since the daemon
 * decides when it ends, all others are as at the start of a program.
 *
 * Return: 0 or -errno of socketpair, fork, pidfd_open.
 */
int ab_helper_start(const char *name, ab_helper_fn *fn, void *arg,
		    struct ab_helper *ret_helper);

/* Closes our ends, after which a helper that lives ends by itself. */
void ab_helper_drop(struct ab_helper *helper);

#endif
