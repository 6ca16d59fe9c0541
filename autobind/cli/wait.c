/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wait - the verb that blocks until something is there.
 *
 * The daemon knows when; it is asked once and answers at the end. What is left to do
 * here is to wait for the daemon itself: while it starts, and while it is restarted.
 */
#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "cli/run.h"
#include "io/clock.h"
#include "util/mono.h"
#include "util/num.h"
#include "util/text.h"

#define TIMEOUT_S 120
#define TIMEOUT_MAX_S 86400
#define RETRY_MS 250 /* between two tries to reach the daemon */
#define RESTARTS_MAX 5

/* The slot of --timeout, which tells the daemon what time is left. */
static const char **timeout_of(struct ab_cli *cli)
{
	unsigned int i = 0;

	while (!ab_streq(cli->verb->options[i].name, "timeout"))
		i++;
	return &cli->opt[i];
}

static bool is_reachable(const char *path)
{
	int fd, r = ab_client_connect(path, 1000, &fd);

	if (r == 0)
		close(fd);
	return r != AB_CLIENT_E_NO_DAEMON; /* what else is the matter is told later */
}

static void pause_between_tries(void)
{
	static const struct timespec pause = { .tv_nsec = RETRY_MS * 1000000L };

	(void)nanosleep(&pause, NULL); /* a signal only makes it shorter */
}

/* Until the socket answers. Return: false when the time is over. */
static bool await_daemon(const char *path, ab_mono end)
{
	while (!is_reachable(path)) {
		if (ab_mono_reached(end, ab_clock_now()))
			return false;
		pause_between_tries();
	}
	return true;
}

static int ask(struct ab_cli *cli, const char *path, ab_mono end)
{
	char left[24];
	struct ab_text t;
	int64_t ms;

	if (!await_daemon(path, end))
		return AB_EXIT_NO_DAEMON;
	ms = ab_mono_ms_between(ab_clock_now(), end);
	ab_text_init(&t, left, sizeof(left));
	ab_text_addu(&t, ms > 0 ? (uint64_t)(ms + 999) / 1000 : 0);
	*timeout_of(cli) = left;
	return ab_run_rows(cli);
}

int ab_run_wait(struct ab_cli *cli)
{
	const char *timeout = *timeout_of(cli);
	uint64_t seconds = TIMEOUT_S;
	char path[AB_ROOT_PATH + 16];
	unsigned int n;
	ab_mono end;
	int status;

	if (timeout && ab_num_u64(timeout, 0, TIMEOUT_MAX_S, &seconds))
		return ab_cli_fail(cli, AB_EXIT_USAGE,
				   "--timeout: '%s' is no number of seconds from 0 to "
				   "%d",
				   timeout, TIMEOUT_MAX_S);
	if (ab_roots_socket(&cli->roots, path, sizeof(path)))
		return ab_cli_fail(cli, AB_EXIT_USAGE, "--run-dir: too long");
	end = ab_mono_add_ms(ab_clock_now(), (int64_t)seconds * 1000);
	status = ask(cli, path, end);
	/* A daemon that is restarted meanwhile ends the answer, and comes back. */
	for (n = 0; status == AB_EXIT_FAILED && n < RESTARTS_MAX && !ferror(cli->out) &&
		    !ab_mono_reached(end, ab_clock_now());
	     n++) {
		pause_between_tries();
		status = ask(cli, path, end);
	}
	if (status == AB_EXIT_NO_DAEMON)
		return ab_cli_fail(cli, status, "no daemon has answered at %s", path);
	return status;
}
