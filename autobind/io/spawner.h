/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spawner - child processes, run by a helper process of our own.
 *
 * The loop must never wait: not for a child, and not for the exec of a program that
 * lies on a dead disk. So a helper, forked at start, starts, watches and ends all
 * children and answers by socket; this is the loop's side of it. Every job gets exactly
 * one answer, also when the helper dies or is stuck; one that is never killed and has
 * expired gets a second when it ends. Must not know: what is run.
 */
#ifndef AUTOBIND_IO_SPAWNER_H
#define AUTOBIND_IO_SPAWNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "io/loop.h"

#define AB_SPAWNER_JOBS_MAX 64 /* at one time */
#define AB_SPAWNER_ARGS_MAX 64 /* for each job, argv[0] included */
#define AB_SPAWNER_OUTPUT_MAX (8u * 1024 * 1024)
#define AB_SPAWNER_ERROR_MAX 4096u /* of standard error, the first bytes */

struct ab_spawner;

struct ab_spawner_job {
	const char *const *argv; /* borrowed; NULL at its end; argv[0] is a path */
	uint32_t deadline_ms;
	uint32_t output_max;  /* bytes of standard output, to AB_SPAWNER_OUTPUT_MAX */
	bool is_never_killed; /* iscsiadm: may only be waited for */
	/* A file that the helper opens and the child has as descriptor 3, or NULL: for
	 * a secret, which so is in no memory but the child's. No link is followed. */
	const char *input;
};

/* How a job ended. */
enum ab_spawner_end {
	AB_SPAWNER_EXITED,   /* .code: exit status */
	AB_SPAWNER_CRASHED,  /* .code: the signal, which was not ours */
	AB_SPAWNER_EXPIRED,  /* deadline: ended by us; or, if it is never killed, it is
				still running, and how it ends is a second answer */
	AB_SPAWNER_FLOODED,  /* ended by us, because it wrote more than output_max */
	AB_SPAWNER_FAILED,   /* not started; .code: errno */
	AB_SPAWNER_NO_INPUT, /* not started: .input cannot be opened; .code: errno */
	AB_SPAWNER_UNKNOWN,  /* the helper lost it; .code: errno or 0 */
	AB_SPAWNER_END_MAX
};

struct ab_spawner_result {
	enum ab_spawner_end end;
	int code;
	bool is_cut;	 /* more than output_max was written and dropped */
	const char *out; /* borrowed, for the call; n_out bytes and a NUL */
	size_t n_out;
	const char *err; /* the same for standard error */
	size_t n_err;
};

/* May start new jobs; must not free the spawner. */
typedef void ab_spawner_fn(void *arg, const struct ab_spawner_result *result);

/**
 * ab_spawner_new() - fork the helper
 * @loop:        borrowed until ab_spawner_free()
 * @ret_spawner: the loop's side
 *
 * To be called before memory is locked and threads are made. A helper that dies is
 * forked again, after one second, then two, up to a minute.
 *
 * Return: 0 or -errno.
 */
int ab_spawner_new(struct ab_loop *loop, struct ab_spawner **ret_spawner);

/* Open jobs get no answer. The helper ends by itself: at once, or with the last child
 * that is never killed. Takes NULL, returns NULL. */
struct ab_spawner *ab_spawner_free(struct ab_spawner *spawner);

/**
 * ab_spawner_run() - start a child
 * @spawner: see above
 * @job:     copied
 * @fn:      gets the answer, never inside this call
 * @arg:     for @fn
 *
 * The child has LC_ALL=C and a PATH as its environment, "/" as its folder, /dev/null as
 * standard input, no signal blocked or ignored, and no other descriptor than .input.
 * One that may be killed leads a process group and gets SIGTERM at its deadline,
 * SIGKILL two seconds later; one that may not leads a session.
 *
 * Return: 0, or -errno: -EBUSY too many jobs, -ENOTCONN no helper now, -E2BIG arguments
 * too long, -EAGAIN the helper does not read. Then there is no answer.
 */
int ab_spawner_run(struct ab_spawner *spawner, const struct ab_spawner_job *job,
		   ab_spawner_fn *fn, void *arg);

/* The helper's process id, 0 when there is none: for status and tests. */
pid_t ab_spawner_pid(const struct ab_spawner *spawner);

#endif
