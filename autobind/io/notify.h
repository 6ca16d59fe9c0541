/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * notify - the words of sd_notify(3) to the service manager that started us.
 *
 * The protocol is documented for programs without libsystemd: one datagram of
 * assignments to the socket that NOTIFY_SOCKET names. Must not know: what is told,
 * when.
 */
#ifndef AUTOBIND_IO_NOTIFY_H
#define AUTOBIND_IO_NOTIFY_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct ab_notify {
	int fd; /* owned; -1: nobody wants to be told */
	struct sockaddr_un addr;
	socklen_t addr_len;
};

/**
 * ab_notify_open() - see who wants to be told
 * @n: to be closed with ab_notify_close(), also after an error
 *
 * Without NOTIFY_SOCKET in the environment nobody does, and that is no error.
 *
 * Return: 0, -EINVAL (neither an absolute path nor an abstract name), -ENAMETOOLONG,
 * -errno of the socket.
 */
int ab_notify_open(struct ab_notify *n);
void ab_notify_close(struct ab_notify *n);

/**
 * ab_notify_send() - tell it
 * @n:    opened
 * @text: assignments, one a line; the last needs no newline
 *
 * Never waits.
 *
 * Return: 0, also when nobody wants to be told, or -errno: -EAGAIN when the socket is
 * full, -ECONNREFUSED or -ENOENT when nobody reads it now.
 */
int ab_notify_send(const struct ab_notify *n, const char *text);

/* The time between two WATCHDOG=1 in milliseconds, half of what WATCHDOG_USEC allows;
 * 0: none is asked for, or of another process (WATCHDOG_PID). */
int64_t ab_notify_watchdog_ms(void);

#endif
