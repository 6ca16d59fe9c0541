/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/pager.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/text.h"

#define WORDS_MAX 8

struct ab_pager {
	pid_t pid;
	FILE *in; /* owned */
};

/* Quit when it fits on one screen, keep colours, cut long lines, leave the screen as it
 * is; no shell and no files from within it: it may run as root. */
static void set_less(void)
{
	(void)setenv("LESS", "FRSXMK", 0); /* ENOMEM: less works without */
	(void)setenv("LESSSECURE", "1", 1);
}

static bool spawn(struct ab_pager *pager, char **argv, int fd)
{
	posix_spawn_file_actions_t actions;
	bool ok;

	if (posix_spawn_file_actions_init(&actions) != 0)
		return false;
	ok = posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO) == 0 &&
	     posix_spawnp(&pager->pid, argv[0], &actions, NULL, argv, environ) == 0;
	posix_spawn_file_actions_destroy(&actions);
	return ok;
}

struct ab_pager *ab_pager_start(FILE **out)
{
	const char *wanted = getenv("PAGER");
	char *words = strdup(wanted ? wanted : "less"), *rest = words;
	struct ab_pager *pager = calloc(1, sizeof(*pager));
	char *argv[WORDS_MAX + 1] = { NULL };
	int fds[2] = { -1, -1 }, n = 0;
	bool ok = false;

	while (words && n < WORDS_MAX && (argv[n] = strsep(&rest, " ")))
		n += *argv[n] != '\0';
	argv[n] = NULL;
	if (pager && n > 0 && !ab_streq(argv[0], "cat") && pipe2(fds, O_CLOEXEC) == 0) {
		set_less();
		pager->in = fdopen(fds[1], "w");
		ok = pager->in && spawn(pager, argv, fds[0]);
	}
	free(words);
	if (fds[0] >= 0)
		close(fds[0]);
	if (!ok) {
		if (pager && pager->in)
			(void)fclose(pager->in);
		else if (fds[1] >= 0)
			close(fds[1]);
		free(pager);
		return NULL;
	}
	/* The reader may leave before the end. */
	(void)signal(SIGPIPE, SIG_IGN);
	*out = pager->in;
	return pager;
}

void ab_pager_finish(struct ab_pager *pager)
{
	if (!pager)
		return;
	(void)fclose(pager->in);
	while (waitpid(pager->pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	free(pager);
}
