/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/discover.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "core/name.h"
#include "io/chap.h"
#include "io/log.h"
#include "util/num.h"

/* What the child may take beyond its own deadline: exec, and printing 4 MiB. */
#define MARGIN_MS 2000
#define NUMBER_TEXT 12

struct job {
	struct ab_discover *discover; /* borrowed */
	struct ab_effect effect;
	bool is_running; /* in .running, else in .waiting or in no list */
	TAILQ_ENTRY(job) link;
};

TAILQ_HEAD(job_list, job);

struct ab_discover {
	struct ab_spawner *spawner; /* borrowed */
	struct ab_loop *loop;	    /* borrowed */
	struct ab_loop_timer *pump; /* owned: starts what waits */
	char *helper;		    /* owned */
	const char *chap_dir;	    /* borrowed; NULL: none */
	ab_event_fn *fn;
	void (*ask_initiator)(void *arg);
	void *arg;
	char initiator[AB_TARGET_NAME];
	bool is_asked;			  /* for .initiator */
	struct job_list waiting, running; /* owned */
	struct job_list nameless;	  /* owned; they wait for .initiator */
	unsigned int n_running;
};

/* --- the helper's output ---------------------------------------------------------- */

/* Copies the field up to @stop and moves behind it; false if it is absent or long. */
static bool take_field(const char **at, const char *end, char stop, char *buf,
		       size_t size)
{
	const char *found = memchr(*at, stop, (size_t)(end - *at));

	if (!found || memchr(*at, '\0', (size_t)(found - *at)))
		return false;
	if (!ab_copyn(buf, size, *at, (size_t)(found - *at)))
		return false;
	*at = found + 1;
	return true;
}

/* Only the one normal form of a portal is accepted, so that every byte is checked. */
static bool parse_portal(const char *s, struct ab_proto_item *item)
{
	char normal[AB_PORTAL_TEXT + 8];
	struct ab_text t;

	if (ab_name_parse_portal_tpgt(s, &item->portal, &item->tpgt))
		return false;
	ab_text_init(&t, normal, sizeof(normal));
	ab_name_add_portal(&t, &item->portal);
	if (item->tpgt != AB_TPGT_UNKNOWN) {
		ab_text_addc(&t, ',');
		ab_text_addi(&t, item->tpgt);
	}
	return ab_streq(normal, s);
}

/* "P\tname\taddr:port,tpgt\n" */
static bool take_item(const char **at, const char *end, struct ab_proto_item *item)
{
	char portal[AB_PORTAL_TEXT + 8], type[2];

	*item = (struct ab_proto_item){ 0 };
	return take_field(at, end, '\t', type, sizeof(type)) && ab_streq(type, "P") &&
	       take_field(at, end, '\t', item->target, sizeof(item->target)) &&
	       take_field(at, end, '\n', portal, sizeof(portal)) &&
	       ab_name_check_target(item->target) == 0 && parse_portal(portal, item);
}

static bool is_allowed(const struct ab_portal *portal,
		       const struct ab_discover_limits *limits)
{
	if (ab_portal_equal(portal, &limits->asked))
		return true;
	if (ab_addr_is_linklocal6(&portal->addr) && !limits->has_device)
		return false;
	return !ab_addr_is_unusable(&portal->addr);
}

/* A number in its one normal form: ab_num_u64() takes no sign, but leading zeros. */
static bool take_number(const char **at, const char *end, char stop, uint64_t max,
			uint32_t *ret)
{
	char buf[NUMBER_TEXT];
	uint64_t v;

	if (!take_field(at, end, stop, buf, sizeof(buf)) || ab_num_u64(buf, 0, max, &v))
		return false;
	*ret = (uint32_t)v;
	return buf[0] != '0' || buf[1] == '\0';
}

/* "E\tcode\tcount\n", and nothing behind it. */
static bool take_trailer(const char **at, const char *end, uint32_t *ret_code,
			 uint32_t *ret_n)
{
	char type[2];

	return take_field(at, end, '\t', type, sizeof(type)) && ab_streq(type, "E") &&
	       take_number(at, end, '\t', AB_DISCOVERY_CODE_MAX - 1, ret_code) &&
	       take_number(at, end, '\n', UINT32_MAX, ret_n) && *at == end;
}

bool ab_discover_check(const char *data, size_t n,
		       const struct ab_discover_limits *limits,
		       struct ab_discover_answer *ret_answer)
{
	const char *at = data, *end = data + n;
	uint32_t n_items = 0, code, count;

	while (at < end && *at == 'P') {
		struct ab_proto_item item;

		if (n_items == limits->max || !take_item(&at, end, &item) ||
		    !is_allowed(&item.portal, limits))
			return false;
		n_items++;
	}
	if (!take_trailer(&at, end, &code, &count) || count != n_items)
		return false;
	if (code == 1 || (code != AB_DISCOVERY_OK && n_items > 0))
		return false; /* a failed discovery found nothing */
	*ret_answer = (struct ab_discover_answer){
		.at = data,
		.end = end,
		.n_left = n_items,
		.code = code,
	};
	return true;
}

bool ab_discover_next(struct ab_discover_answer *answer, struct ab_proto_item *ret_item)
{
	bool is_item;

	if (answer->n_left == 0)
		return false;
	answer->n_left--;
	is_item = take_item(&answer->at, answer->end, ret_item);
	assert(is_item); /* it was checked before */
	return is_item;
}

/* --- jobs ------------------------------------------------------------------------- */

static void finish(struct job *job, enum ab_outcome outcome, int code)
{
	struct ab_discover *d = job->discover;
	struct ab_event ev = { .type = AB_EV_DONE };

	ev.done.job = job->effect.job;
	ev.done.outcome = (uint8_t)outcome;
	ev.done.code = code;
	if (job->is_running) {
		TAILQ_REMOVE(&d->running, job, link);
		d->n_running--;
	}
	free(job);
	if (!TAILQ_EMPTY(&d->waiting))
		ab_loop_timer_set(d->pump, ab_loop_now(d->loop));
	d->fn(d->arg, &ev);
}

static void give_found(struct job *job, struct ab_discover_answer *answer)
{
	struct ab_discover *d = job->discover;
	struct ab_proto_item item;

	while (ab_discover_next(answer, &item)) {
		struct ab_event ev = { .type = AB_EV_FOUND };

		ev.found.job = job->effect.job;
		(void)ab_copy(ev.found.target, sizeof(ev.found.target), item.target);
		ev.found.portal = item.portal;
		ev.found.tpgt = item.tpgt;
		d->fn(d->arg, &ev);
	}
}

static void on_exit_status(struct job *job, const struct ab_spawner_result *result)
{
	const struct ab_effect *ef = &job->effect;
	struct ab_discover_limits limits = {
		.asked = ef->discover.portal,
		.max = ef->discover.max,
		.has_device = ef->discover.ifindex || ef->discover.netdev[0],
	};
	struct ab_discover_answer answer;

	if (!ab_discover_check(result->out, result->n_out, &limits, &answer) ||
	    (int)answer.code != result->code) {
		ab_log_warnx(
			"discover",
			"the helper's answer is malformed (exit status %d); not used",
			result->code);
		finish(job, AB_OUTCOME_UNKNOWN, -EBADMSG);
		return;
	}
	/* A failure is reported by its code: the engine knows if it is news. */
	ab_log_foreign(answer.code == AB_DISCOVERY_SECRET ? AB_LOG_WARNING
		       : answer.code			  ? AB_LOG_DEBUG
							  : AB_LOG_INFO,
		       "discover", result->err, result->n_err, 1);
	if (answer.code == AB_DISCOVERY_OK) {
		give_found(job, &answer);
		finish(job, AB_OUTCOME_DONE, 0);
	} else if (answer.code == AB_DISCOVERY_USAGE) {
		finish(job, AB_OUTCOME_DENIED, answer.code);
	} else {
		finish(job, AB_OUTCOME_RETRY, answer.code);
	}
}

static void log_no_secret(const struct job *job, int error)
{
	const char *dir = job->discover->chap_dir;

	if (error == ELOOP) {
		ab_log_warnx("discover", "%s/%s is a symbolic link: make it a file",
			     dir ? dir : "chap", job->effect.discover.chap);
		return;
	}
	errno = error;
	ab_log_warn("discover", "%s/%s cannot be opened", dir ? dir : "chap",
		    job->effect.discover.chap);
}

/* ab_spawner_fn. */
static void on_result(void *arg, const struct ab_spawner_result *result)
{
	struct job *job = arg;

	switch (result->end) {
	case AB_SPAWNER_EXITED:
		on_exit_status(job, result);
		return;
	case AB_SPAWNER_CRASHED: /* SIGSYS: it tried what the sandbox forbids */
		ab_log_warnx("discover", "the helper was ended by signal %d",
			     result->code);
		finish(job, AB_OUTCOME_UNKNOWN, -ECHILD);
		return;
	case AB_SPAWNER_EXPIRED:
		finish(job, AB_OUTCOME_UNKNOWN, -ETIMEDOUT);
		return;
	case AB_SPAWNER_FLOODED:
		ab_log_warnx("discover", "the helper printed too much; not used");
		finish(job, AB_OUTCOME_UNKNOWN, -EFBIG);
		return;
	case AB_SPAWNER_FAILED:
		errno = result->code;
		ab_log_err("discover", "cannot run %s", job->discover->helper);
		finish(job, AB_OUTCOME_RETRY, -result->code);
		return;
	case AB_SPAWNER_NO_INPUT:
		log_no_secret(job, result->code);
		finish(job, AB_OUTCOME_RETRY, AB_DISCOVERY_SECRET);
		return;
	case AB_SPAWNER_UNKNOWN:
	case AB_SPAWNER_END_MAX:
		break;
	}
	finish(job, AB_OUTCOME_UNKNOWN, result->code ? -result->code : -EIO);
}

/* The words of a command line and room for those that are made for it. */
struct command {
	const char *argv[16];
	unsigned int n;
	char ifindex[NUMBER_TEXT], deadline[NUMBER_TEXT], max[NUMBER_TEXT];
	char portal[AB_PORTAL_TEXT];
	char chap[PATH_MAX];
};

static void add_option(struct command *c, const char *name, const char *value)
{
	assert(c->n + 3 <= sizeof(c->argv) / sizeof(c->argv[0]));
	c->argv[c->n++] = name;
	c->argv[c->n++] = value;
}

static const char *number_text(char buf[NUMBER_TEXT], uint32_t v)
{
	struct ab_text t;

	ab_text_init(&t, buf, NUMBER_TEXT);
	ab_text_addu(&t, v);
	return buf;
}

static void make_command(const struct ab_discover *d, const struct ab_effect *ef,
			 struct command *c)
{
	struct ab_text t;

	*c = (struct command){ .argv = { d->helper }, .n = 1 };
	ab_text_init(&t, c->portal, sizeof(c->portal));
	ab_name_add_portal(&t, &ef->discover.portal);
	add_option(c, "--ifindex", number_text(c->ifindex, ef->discover.ifindex));
	if (ef->discover.netdev[0])
		add_option(c, "--dev", ef->discover.netdev);
	add_option(c, "--portal", c->portal);
	add_option(c, "--initiator",
		   ef->discover.initiatorname[0] ? ef->discover.initiatorname
						 : d->initiator);
	add_option(c, "--deadline-ms",
		   number_text(c->deadline, ef->discover.deadline_ms));
	add_option(c, "--max", number_text(c->max, ef->discover.max));
	if (ef->discover.chap[0])
		add_option(c, "--chap", ef->discover.chap);
}

/* The job was taken from the waiting ones. */
static void start(struct job *job)
{
	struct ab_discover *d = job->discover;
	const struct ab_effect *ef = &job->effect;
	struct command command;
	struct ab_spawner_job child = {
		.argv = command.argv,
		.deadline_ms = ef->discover.deadline_ms + MARGIN_MS,
		.output_max = AB_DISCOVER_OUTPUT_MAX,
	};
	int r;

	make_command(d, ef, &command);
	if (ef->discover.chap[0]) {
		if (!d->chap_dir || !ab_chap_is_name(ef->discover.chap) ||
		    !ab_chap_path(d->chap_dir, ef->discover.chap, command.chap)) {
			log_no_secret(job, ENOENT);
			finish(job, AB_OUTCOME_RETRY, AB_DISCOVERY_SECRET);
			return;
		}
		child.input = command.chap;
	}
	r = ab_spawner_run(d->spawner, &child, on_result, job);
	if (r < 0) {
		finish(job, AB_OUTCOME_RETRY, r);
		return;
	}
	TAILQ_INSERT_TAIL(&d->running, job, link);
	job->is_running = true;
	d->n_running++;
}

/* The job was taken from the waiting ones; it may be over afterwards. */
static void wait_for_name(struct job *job)
{
	struct ab_discover *d = job->discover;

	TAILQ_INSERT_TAIL(&d->nameless, job, link);
	if (d->is_asked)
		return;
	d->is_asked = true;
	d->ask_initiator(d->arg);
}

static void on_pump(void *arg)
{
	struct ab_discover *d = arg;
	struct job *job;

	while (d->n_running < AB_DISCOVER_RUNNING_MAX &&
	       (job = TAILQ_FIRST(&d->waiting))) {
		TAILQ_REMOVE(&d->waiting, job, link);
		if (job->effect.discover.initiatorname[0] || d->initiator[0])
			start(job);
		else
			wait_for_name(job);
	}
}

/* --- interface -------------------------------------------------------------------- */

int ab_discover_run(struct ab_discover *d, const struct ab_effect *effect)
{
	struct job *job = calloc(1, sizeof(*job));

	assert(effect->type == AB_EF_DISCOVER && effect->job != 0);
	if (!job)
		return -ENOMEM;
	job->discover = d;
	job->effect = *effect;
	TAILQ_INSERT_TAIL(&d->waiting, job, link);
	ab_loop_timer_set(d->pump, ab_loop_now(d->loop));
	return 0;
}

void ab_discover_set_initiator(struct ab_discover *d, const char *name)
{
	struct job *job;

	assert(!name[0] || ab_name_check_target(name) == 0);
	(void)ab_copy(d->initiator, sizeof(d->initiator), name);
	d->is_asked = false;
	while ((job = TAILQ_FIRST(&d->nameless))) {
		TAILQ_REMOVE(&d->nameless, job, link);
		if (name[0])
			TAILQ_INSERT_TAIL(&d->waiting, job, link);
		else
			finish(job, AB_OUTCOME_RETRY, -ENOKEY);
	}
	ab_loop_timer_set(d->pump, ab_loop_now(d->loop));
}

int ab_discover_new(const struct ab_discover_config *config,
		    struct ab_discover **ret_discover)
{
	struct ab_discover *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return -ENOMEM;
	d->spawner = config->spawner;
	d->loop = config->loop;
	d->chap_dir = config->chap_dir;
	d->fn = config->fn;
	d->ask_initiator = config->ask_initiator;
	d->arg = config->arg;
	TAILQ_INIT(&d->waiting);
	TAILQ_INIT(&d->nameless);
	TAILQ_INIT(&d->running);
	d->helper = strdup(config->helper ? config->helper : AB_DISCOVER_HELPER);
	r = d->helper ? ab_loop_timer_new(d->loop, on_pump, d, &d->pump) : -ENOMEM;
	if (r < 0) {
		ab_discover_free(d);
		return r;
	}
	*ret_discover = d;
	return 0;
}

static void free_jobs(struct job_list *list)
{
	struct job *job;

	while ((job = TAILQ_FIRST(list))) {
		TAILQ_REMOVE(list, job, link);
		free(job);
	}
}

struct ab_discover *ab_discover_free(struct ab_discover *d)
{
	if (!d)
		return NULL;
	free_jobs(&d->waiting);
	free_jobs(&d->nameless);
	free_jobs(&d->running);
	ab_loop_timer_free(d->pump);
	free(d->helper);
	free(d);
	return NULL;
}
