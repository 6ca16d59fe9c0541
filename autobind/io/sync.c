/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/sync.h"

#include <assert.h>
#include <errno.h>
#include <linux/aio_abi.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Not a result: none has come yet. */
#define PENDING 1

static void sync_one(struct ab_sync *x)
{
	x->r = fsync(x->fd) < 0 ? -errno : 0;
}

/* libaio would be one more library for these three calls. */
static bool open_context(struct ab_syncer *s)
{
	aio_context_t context = 0;

	if (s->context || s->has_none)
		return s->context != 0;
	if (syscall(SYS_io_setup, AB_SYNC_MAX, &context) < 0)
		s->has_none = 1; /* ENOSYS, or fs.aio-max-nr is used up */
	else
		s->context = context;
	return s->context != 0;
}

/* Starts what can be started; the others are synced here. Return: how many run. */
static size_t start_all(const struct ab_syncer *s, struct ab_sync *v, size_t n)
{
	struct iocb blocks[AB_SYNC_MAX], *list[AB_SYNC_MAX];
	size_t i, n_running = 0;

	memset(blocks, 0, n * sizeof(blocks[0]));
	for (i = 0; i < n; i++) {
		blocks[i].aio_data = i;
		blocks[i].aio_fildes = (uint32_t)v[i].fd;
		blocks[i].aio_lio_opcode = IOCB_CMD_FSYNC;
		list[i] = &blocks[i];
		v[i].r = PENDING;
	}
	for (i = 0; i < n;) {
		long r = syscall(SYS_io_submit, s->context, n - i, list + i);

		if (r > 0) {
			i += (size_t)r;
			n_running += (size_t)r;
		} else {
			sync_one(&v[i++]); /* the first of them was refused */
		}
	}
	return n_running;
}

static void take_results(const struct ab_syncer *s, struct ab_sync *v, size_t n_running)
{
	struct io_event events[AB_SYNC_MAX];

	while (n_running > 0) {
		long i, r = syscall(SYS_io_getevents, s->context, 1, n_running, events,
				    NULL);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return; /* never seen; what is PENDING is synced again */
		for (i = 0; i < r; i++)
			v[events[i].data].r = (int)events[i].res;
		n_running -= (size_t)r;
	}
}

void ab_sync_all(struct ab_syncer *s, struct ab_sync *v, size_t n)
{
	bool is_together = n > AB_SYNC_FEW && open_context(s);
	size_t i;

	assert(n <= AB_SYNC_MAX);
	if (is_together)
		take_results(s, v, start_all(s, v, n));
	for (i = 0; i < n; i++)
		if (!is_together || v[i].r == PENDING)
			sync_one(&v[i]);
}
