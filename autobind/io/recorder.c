/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/evtext.h"
#include "io/log.h"

struct ab_recorder {
	int fd; /* owned; -1 after a failure */
};

int ab_recorder_open(const char *path, struct ab_recorder **ret_recorder)
{
	struct ab_recorder *r;

	*ret_recorder = NULL;
	if (!path)
		return 0;
	r = malloc(sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (r->fd < 0) {
		int error = errno;

		ab_log_err("recorder", "%s", path);
		free(r);
		return -error;
	}
	*ret_recorder = r;
	return 0;
}

struct ab_recorder *ab_recorder_close(struct ab_recorder *r)
{
	if (!r)
		return NULL;
	if (r->fd >= 0)
		(void)close(r->fd); /* each line was written on its own */
	free(r);
	return NULL;
}

void ab_recorder_event(struct ab_recorder *r, const struct ab_event *ev, ab_mono now)
{
	char line[AB_EVTEXT_MAX + 32];
	struct ab_text t;

	if (!r || r->fd < 0)
		return;
	ab_text_init(&t, line, sizeof(line));
	ab_text_addi(&t, now.ns);
	ab_text_addc(&t, ' ');
	ab_evtext_add(&t, ev);
	ab_text_addc(&t, '\n');
	if (write(r->fd, line, t.len) == (ssize_t)t.len)
		return;
	ab_log_warn("recorder", "the recording ends here");
	(void)close(r->fd);
	r->fd = -1;
}
