/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/evtext.h"
#include "io/log.h"

struct ab_recorder {
	int fd; /* owned; -1 after a failure */
	char path[PATH_MAX];
};

static void fail(struct ab_recorder *r)
{
	ab_log_warn("recorder", "%s: the recording ends here", r->path);
	(void)close(r->fd);
	r->fd = -1;
}

static int write_all(int fd, const char *data, size_t n)
{
	ssize_t done;

	for (; n; data += done, n -= (size_t)done) {
		done = write(fd, data, n);
		if (done < 0 && errno == EINTR)
			done = 0;
		if (done < 0)
			return -errno;
	}
	return 0;
}

static void put(struct ab_recorder *r, const struct ab_text *t)
{
	if (write_all(r->fd, t->buf, t->len))
		fail(r);
}

static void put_head(struct ab_recorder *r, const struct ab_engine_config *config,
		     uint32_t effects_max)
{
	char line[128];
	struct ab_text t;

	ab_text_init(&t, line, sizeof(line));
	ab_text_add(&t, "autobind-recording 1 seed=");
	ab_text_addu(&t, config->seed);
	ab_text_add(&t, " effects=");
	ab_text_addu(&t, effects_max);
	ab_text_add(&t, config->no_login ? " no-login\n" : "\n");
	put(r, &t);
}

static int create(const char *path)
{
	return open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
}

int ab_recorder_open(const char *path, const struct ab_engine_config *config,
		     uint32_t effects_max, struct ab_recorder **ret_recorder)
{
	struct ab_recorder *r;
	int error = ENAMETOOLONG;

	*ret_recorder = NULL;
	if (!path)
		return 0;
	r = malloc(sizeof(*r));
	if (!r)
		return -ENOMEM;
	if (ab_copy(r->path, sizeof(r->path), path)) {
		r->fd = create(path);
		error = r->fd < 0 ? errno : 0;
	}
	if (error) {
		errno = error;
		ab_log_err("recorder", "%s", path);
		free(r);
		return -error;
	}
	put_head(r, config, effects_max);
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
	put(r, &t);
}

void ab_recorder_effects(struct ab_recorder *r, const struct ab_effects *effects)
{
	char line[AB_EVTEXT_MAX + 32];
	struct ab_text t;
	uint32_t i;

	for (i = 0; r && r->fd >= 0 && i < effects->n; i++) {
		ab_text_init(&t, line, sizeof(line));
		ab_text_add(&t, "> ");
		ab_evtext_add_effect(&t, &effects->v[i]);
		ab_text_addc(&t, '\n');
		put(r, &t);
	}
}

void ab_recorder_conf(struct ab_recorder *r, uint32_t generation, const char *data,
		      size_t n)
{
	char path[PATH_MAX + 16];
	struct ab_text t;
	int fd, error;

	if (!r || r->fd < 0)
		return;
	ab_text_init(&t, path, sizeof(path));
	ab_text_add(&t, r->path);
	ab_text_add(&t, ".conf-");
	ab_text_addu(&t, generation);
	fd = create(path);
	error = fd < 0 ? -errno : write_all(fd, data, n);
	if (fd >= 0)
		(void)close(fd);
	if (error == 0)
		return;
	errno = -error;
	fail(r);
}
