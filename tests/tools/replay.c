/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * replay RECORDING: the events of `autobindd --record` through the engine once more,
 * with the configurations that lie beside it. The effects must be those recorded, in
 * number, order and content. Prints how many; exit status 1 at the first difference.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/evtext.h"
#include "io/conf.h"
#include "io/file.h"
#include "io/machine.h"
#include "util/num.h"

#define FILE_MAX ((size_t)1 << 30)

struct replay {
	const char *path;
	unsigned int line;
	struct ab_machine machine;
	struct ab_conf *conf;
	struct ab_effects out; /* of the last event */
	uint32_t n_compared;   /* of them */
	unsigned long n_events, n_effects;
};

static void die(const struct replay *rp, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), noreturn));

static void die(const struct replay *rp, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s:%u: ", rp->path, rp->line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

static uint64_t number_of(const struct replay *rp, const char *line, const char *key)
{
	const char *at = strstr(line, key);
	uint64_t v;
	char text[32];

	if (!at)
		die(rp, "%s is missing", key);
	at += strlen(key);
	if (!ab_copyn(text, sizeof(text), at, strcspn(at, " ")) ||
	    ab_num_u64(text, 0, UINT64_MAX, &v))
		die(rp, "%s: no number", key);
	return v;
}

static void take_head(struct replay *rp, const char *line)
{
	struct ab_engine_config config = { 0 };

	if (!ab_starts_with(line, "autobind-recording 1 "))
		die(rp, "not a recording of this version");
	config.seed = number_of(rp, line, " seed=");
	config.no_login = strstr(line, " no-login") != NULL;
	rp->out.max = (uint32_t)number_of(rp, line, " effects=");
	if (rp->out.max < AB_EFFECTS_MIN || rp->out.max > 65536)
		die(rp, "effects: out of range");
	rp->out.v = calloc(rp->out.max, sizeof(*rp->out.v));
	if (!rp->out.v || ab_machine_init(&rp->machine, &config) < 0)
		die(rp, "out of memory");
}

/* The next configuration; the old one is in force until the event has been taken. */
static struct ab_conf *next_conf(struct replay *rp)
{
	const struct ab_policy_set *previous = rp->conf ? rp->conf->set : NULL;
	struct ab_conf *conf = NULL;
	char path[4096], *data;
	size_t n;
	int r;

	snprintf(path, sizeof(path), "%s.conf-%u", rp->path,
		 previous ? previous->generation + 1 : 1);
	r = ab_file_read(AT_FDCWD, path, AB_CONF_BUNDLE_MAX, &data, &n, NULL);
	if (r)
		die(rp, "%s: %s", path, r < 0 ? strerror(-r) : "too large");
	r = ab_conf_build(data, n, previous, &conf);
	free(data);
	if (r || !conf->set)
		die(rp, "%s: not a configuration that was in force", path);
	return conf;
}

/* All effects of the event before this line must have been in the recording. */
static void end_event(const struct replay *rp)
{
	char text[AB_EVTEXT_MAX];
	struct ab_text t;

	if (rp->n_compared == rp->out.n)
		return;
	ab_text_init(&t, text, sizeof(text));
	ab_evtext_add_effect(&t, &rp->out.v[rp->n_compared]);
	die(rp, "the engine also asks for: %s", text);
}

static void take_event(struct replay *rp, const char *line)
{
	struct ab_conf *old = NULL;
	struct ab_event ev;
	char *at;
	int64_t ns = strtoll(line, &at, 10);

	end_event(rp);
	if (at == line || ab_evtext_parse(at, &ev, NULL))
		die(rp, "not an event: %s", line);
	if (ev.type == AB_EV_POLICY) {
		old = rp->conf;
		rp->conf = next_conf(rp);
	}
	rp->out.n = rp->n_compared = 0;
	if (ab_machine_step(&rp->machine, rp->conf ? rp->conf->set : NULL, &ev,
			    ab_mono_ns(ns), &rp->out))
		die(rp, "the event is not taken");
	(void)ab_conf_free(old);
	rp->n_events++;
}

static void take_effect(struct replay *rp, const char *line)
{
	char text[AB_EVTEXT_MAX];
	struct ab_text t;

	if (rp->n_compared == rp->out.n)
		die(rp, "the engine does not ask for: %s", line + 2);
	ab_text_init(&t, text, sizeof(text));
	ab_evtext_add_effect(&t, &rp->out.v[rp->n_compared++]);
	if (strcmp(text, line + 2) != 0)
		die(rp, "recorded: %s\n\tnow:      %s", line + 2, text);
	rp->n_effects++;
}

int main(int argc, char **argv)
{
	struct replay rp = { .path = argc == 2 ? argv[1] : "replay" };
	char *data, *line, *end;
	size_t n;
	int r;

	if (argc != 2)
		die(&rp, "usage: replay RECORDING");
	r = ab_file_read(AT_FDCWD, rp.path, FILE_MAX, &data, &n, NULL);
	if (r)
		die(&rp, "%s", r < 0 ? strerror(-r) : "too large");
	for (line = data; *line; line = end) {
		end = strchr(line, '\n');
		if (!end)
			break; /* the daemon was killed in the middle of a line */
		*end++ = '\0';
		if (++rp.line == 1)
			take_head(&rp, line);
		else if (*line == '>')
			take_effect(&rp, line);
		else
			take_event(&rp, line);
	}
	if (!rp.line)
		die(&rp, "empty");
	end_event(&rp);
	printf("%lu events, %lu effects: the same\n", rp.n_events, rp.n_effects);
	ab_machine_fini(&rp.machine);
	(void)ab_conf_free(rp.conf);
	free(rp.out.v);
	free(data);
	return 0;
}
