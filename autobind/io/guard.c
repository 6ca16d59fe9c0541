/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/guard.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "io/helper.h"
#include "io/log.h"

struct look {
	struct ab_guards *g;	      /* borrowed; NULL: this slot is free */
	struct ab_helper helper;      /* owned */
	struct ab_loop_fd *death;     /* owned; the helper's pidfd */
	struct ab_loop_timer *expiry; /* owned */
	uint32_t sid;
	ab_guard_fn *fn; /* NULL: nobody waits for it (any more) */
	void *arg;	 /* borrowed, for fn */
};

struct ab_guards {
	struct ab_loop *loop; /* borrowed */
	struct ab_block_config config;
	uint32_t deadline_ms;
	struct look looks[AB_GUARD_LOOKS_MAX];
};

/* --- in the helper ---------------------------------------------------------------- */

struct job {
	struct ab_block_config config;
	struct ab_block_question question;
};

/* ab_helper_fn. The answer is in the socket when the process has ended. */
static int inspect(void *arg, int fd)
{
	struct job *job = arg;
	struct ab_block_answer answer;

	job->config.stop_fd = fd;
	ab_block_inspect(&job->config, &job->question, &answer);
	return send(fd, &answer, sizeof(answer), MSG_NOSIGNAL) == sizeof(answer)
		       ? EXIT_SUCCESS
		       : EXIT_FAILURE;
}

/* --- in the loop ------------------------------------------------------------------ */

static void end_look(struct look *look)
{
	look->death = ab_loop_fd_free(look->death);
	look->expiry = ab_loop_timer_free(look->expiry);
	ab_helper_drop(&look->helper);
	look->g = NULL;
}

static void answer(struct look *look, const struct ab_block_answer *answer)
{
	ab_guard_fn *fn = look->fn;

	look->fn = NULL;
	if (fn)
		fn(look->arg, answer);
}

static struct ab_block_answer unreadable(const char *why)
{
	struct ab_block_answer a = { .guard = AB_GUARD_UNREADABLE };

	(void)snprintf(a.detail, sizeof(a.detail), "%s", why);
	return a;
}

/* Only a whole answer with a known verdict counts. */
static struct ab_block_answer read_answer(const struct look *look)
{
	struct ab_block_answer a;

	if (recv(look->helper.fd, &a, sizeof(a), MSG_DONTWAIT) != sizeof(a) ||
	    a.guard >= AB_GUARD_MAX)
		return unreadable("the process that looked died");
	a.detail[sizeof(a.detail) - 1] = '\0';
	return a;
}

static void on_death(void *arg, unsigned int ready)
{
	struct look *look = arg;
	struct ab_block_answer a = read_answer(look);
	struct look ended;

	(void)ready;
	(void)waitpid(look->helper.pid, NULL, 0);
	ended = *look;
	end_look(look); /* the slot is free for what the answer begins */
	answer(&ended, &a);
}

static void on_expiry(void *arg)
{
	struct look *look = arg;
	struct ab_block_answer a = unreadable("a device does not answer in time");

	ab_log_warnx("guard",
		     "session %u: a device does not answer in time; the session is not "
		     "released",
		     look->sid);
	/* Not reaped, so the number is still its own. In a dead disk it stays. */
	(void)kill(look->helper.pid, SIGKILL);
	answer(look, &a);
}

/* Return: 0 or -errno. */
static int watch(struct look *look)
{
	struct ab_guards *g = look->g;
	int r = ab_loop_fd_new(g->loop, look->helper.pidfd, AB_LOOP_READ, on_death,
			       look, &look->death);

	if (r == 0)
		r = ab_loop_timer_new(g->loop, on_expiry, look, &look->expiry);
	if (r == 0)
		ab_loop_timer_set(look->expiry,
				  ab_mono_add_ms(ab_loop_now(g->loop), g->deadline_ms));
	return r;
}

int ab_guard_begin(struct ab_guards *g, const struct ab_block_question *question,
		   ab_guard_fn *fn, void *arg)
{
	struct job job = { g->config, *question };
	struct look *look = g->looks;
	int r;

	while (look < g->looks + AB_GUARD_LOOKS_MAX && look->g)
		look++;
	if (look == g->looks + AB_GUARD_LOOKS_MAX)
		return -EBUSY;
	*look = (struct look){ .g = g, .sid = question->sid, .fn = fn, .arg = arg };
	look->helper = AB_HELPER_NONE;
	r = ab_helper_start("ab-guard", inspect, &job, &look->helper);
	if (r == 0) {
		r = watch(look);
		if (r < 0) {
			(void)kill(look->helper.pid, SIGKILL);
			(void)waitpid(look->helper.pid, NULL, 0); /* just begun */
		}
	}
	if (r < 0)
		end_look(look);
	return r;
}

void ab_guard_cancel(struct ab_guards *g, const void *arg)
{
	for (size_t i = 0; i < AB_GUARD_LOOKS_MAX; i++) {
		struct look *look = &g->looks[i];

		if (!look->g || look->arg != arg)
			continue;
		look->fn = NULL;
		(void)shutdown(look->helper.fd, SHUT_RDWR);
	}
}

int ab_guards_new(struct ab_loop *loop, const struct ab_block_config *config,
		  uint32_t deadline_ms, struct ab_guards **ret_guards)
{
	struct ab_guards *g = calloc(1, sizeof(*g));

	if (!g)
		return -ENOMEM;
	g->loop = loop;
	g->config = *config;
	g->deadline_ms = deadline_ms ? deadline_ms : AB_GUARD_DEADLINE_MS;
	*ret_guards = g;
	return 0;
}

struct ab_guards *ab_guards_free(struct ab_guards *g)
{
	if (!g)
		return NULL;
	for (size_t i = 0; i < AB_GUARD_LOOKS_MAX; i++)
		if (g->looks[i].g)
			end_look(&g->looks[i]);
	free(g);
	return NULL;
}
