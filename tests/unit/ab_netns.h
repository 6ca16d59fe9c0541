/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netns - network namespaces without names, for tests and benches.
 *
 * They live as long as a descriptor or a process does, so nothing is left behind, even
 * by a crash. Commands run through /bin/sh; a namespace is given to ip(8) as
 * /proc/self/fd/N, which the shell inherits.
 */
#ifndef AUTOBIND_TESTS_NETNS_H
#define AUTOBIND_TESTS_NETNS_H

#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Moves this process into a new, empty namespace. */
static inline bool netns_unshare(void)
{
	return unshare(CLONE_NEWNET) == 0;
}

static inline int netns_current(void)
{
	int fd = open("/proc/self/ns/net", O_RDONLY); /* inherited by the shell */

	if (fd < 0)
		abort();
	return fd;
}

static inline void netns_enter(int ns)
{
	if (setns(ns, CLONE_NEWNET) < 0)
		abort();
}

/* A new namespace; this process stays where it is. */
static inline int netns_new(void)
{
	int here = netns_current();
	int there;

	if (!netns_unshare())
		abort();
	there = netns_current();
	netns_enter(here);
	close(here);
	return there;
}

/* Runs a shell command in a namespace (-1: this one). Return: true when it exits with
 * 0. */
__attribute__((format(printf, 2, 3))) static inline bool netns_try(int ns,
								   const char *fmt, ...)
{
	char command[1024];
	va_list ap;
	int status;
	pid_t pid;

	va_start(ap, fmt);
	(void)vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	pid = fork();
	if (pid < 0)
		abort();
	if (pid == 0) {
		if (ns >= 0)
			netns_enter(ns);
		execl("/bin/sh", "sh", "-ec", command, NULL);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) != pid)
		abort();
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

#define netns_run(ns, ...)                                                             \
	do {                                                                           \
		if (!netns_try(ns, __VA_ARGS__)) {                                     \
			fprintf(stderr, "%s:%d: command failed\n", __FILE__,           \
				__LINE__);                                             \
			abort();                                                       \
		}                                                                      \
	} while (0)

#endif
