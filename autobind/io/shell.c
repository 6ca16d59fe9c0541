/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/shell.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "core/pretend.h"
#include "core/world.h"
#include "io/clock.h"
#include "io/discover.h"
#include "io/host.h"
#include "io/initiator.h"
#include "io/log.h"
#include "io/machine.h"
#include "io/mon_rtnl.h"
#include "io/mon_udev.h"
#include "io/probe.h"
#include "io/recorder.h"
#include "io/spawner.h"
#include "io/store.h"

/* Events that effects give at once are few. */
#define QUEUE_MIN 64
/* Effects of a dry run that are shown. */
#define PLAN_EFFECTS 8192
/* Numbers of sessions in a dry run: far beyond those of the kernel. */
#define PRETENDED_SID (UINT32_C(1) << 30)
/* Reads that a reload may start anew because a later one came; see join_late(). */
#define REREADS_MAX 8
/* Pause before events that memory did not suffice for are asked for again. */
#define MEMORY_PAUSE_MS 5000

/* Somebody who waits for the configuration to be read. */
struct waiter {
	struct waiter *next;
	ab_shell_reload_fn *reload; /* either this ... */
	ab_shell_plan_fn *plan;	    /* ... or this */
	void *arg;
};

struct ab_shell {
	struct ab_shell_config config;
	struct ab_loop *loop;
	struct ab_loop_timer *timer, *memory_timer;
	struct ab_machine machine;
	struct ab_conf *conf; /* owned: in force; NULL: watch only */
	struct ab_store *store;
	struct ab_spawner *spawner;
	struct ab_discover *discover;
	struct ab_initiator *initiator;
	char initiator_name[AB_TARGET_NAME]; /* of the host; "": none */
	bool is_nameless_told;
	struct ab_rtnl *rtnl;
	struct ab_udev *udev;
	struct ab_probe *probe;
	struct ab_recorder *recorder;
	struct ab_history *history;
	struct waiter *waiters; /* of the read that is under way, the oldest first */
	struct waiter *late;	/* came during it: they need another one */
	unsigned int n_rereads;
	bool is_reading, is_last_good;
	bool is_recovering; /* the last good configuration is being read */
	bool lacks_memory;  /* an event was lost; everything is dumped again */
	struct {
		void (*fn)(void *arg); /* NULL: free */
		void *arg;
	} watchers[AB_SHELL_WATCHERS];
	struct ab_host host;
	bool is_stepping;
	struct ab_effect effects[AB_SHELL_EFFECTS];
	struct ab_event *queue; /* owned; events that came during a step */
	uint32_t queue_first, n_queued, queue_size;
	int error; /* that ends the loop */
};

static const struct ab_policy_set *set_of(const struct ab_shell *sh)
{
	return sh->conf ? sh->conf->set : NULL;
}

/* --- effects --- */

/* Nothing of what effects gave at once may be lost: a job without its answer would
 * never be tried again. Without memory the daemon ends, which drops nothing. */
static void queue_event(struct ab_shell *sh, const struct ab_event *ev)
{
	if (sh->queue_first + sh->n_queued == sh->queue_size) {
		uint32_t size = sh->queue_size * 2;
		struct ab_event *larger = realloc(sh->queue, size * sizeof(*larger));

		if (!larger) {
			ab_log_errx("engine", "out of memory: the daemon ends; records "
					      "and sessions stay");
			sh->error = -ENOMEM;
			ab_loop_stop(sh->loop);
			return;
		}
		sh->queue = larger;
		sh->queue_size = size;
	}
	sh->queue[sh->queue_first + sh->n_queued++] = *ev;
}

static bool take_queued(struct ab_shell *sh, struct ab_event *ret)
{
	if (sh->n_queued == 0) {
		sh->queue_first = 0;
		return false;
	}
	*ret = sh->queue[sh->queue_first++];
	sh->n_queued--;
	return true;
}

static void answer_retry(struct ab_shell *sh, const struct ab_effect *ef, int r)
{
	struct ab_event ev = { .type = AB_EV_DONE };

	ev.done.job = ef->job;
	ev.done.outcome = AB_OUTCOME_RETRY;
	ev.done.code = r;
	queue_event(sh, &ev);
}

/* The [Node] keys of a policy. */
static const struct ab_node_setting *settings_of(const struct ab_shell *sh,
						 uint32_t policy, uint32_t *ret_n)
{
	const struct ab_policy_set *set = set_of(sh);
	const struct ab_span *span = &set->policies[policy].node_settings;

	*ret_n = span->count;
	return &set->node_settings[span->first];
}

static void submit(struct ab_shell *sh, const struct ab_effect *ef)
{
	const struct ab_node_setting *settings = NULL;
	uint32_t n = 0;
	int r;

	if (ef->type == AB_EF_NODE_WRITE)
		settings = settings_of(sh, ef->node.policy, &n);
	r = ab_store_submit(sh->store, ef, settings, n);
	if (r < 0 && ef->job)
		answer_retry(sh, ef, r);
}

static void run_login(struct ab_shell *sh, const struct ab_effect *ef)
{
	const struct ab_node_setting *settings = NULL;
	uint32_t n = 0;
	int r;

	if (ef->type == AB_EF_LOGIN)
		settings = settings_of(sh, ef->login.policy, &n);
	r = ab_initiator_run(sh->initiator, ef, settings, n);
	if (r < 0)
		answer_retry(sh, ef, r);
}

static void set_probe(struct ab_shell *sh, const struct ab_effect *ef)
{
	struct ab_event ev = { .type = AB_EV_PROBE };
	int r = ab_probe_set(sh->probe, ef);

	if (r == 0 || ef->type == AB_EF_PROBE_CLEAR)
		return;
	errno = -r;
	ab_log_warn("probe", "%s: a portal cannot be probed", ef->probe.netdev);
	ev.probe.path = ef->probe.path;
	ev.probe.result = AB_PROBE_CANNOT_SEND;
	ev.probe.error = -r;
	queue_event(sh, &ev);
}

static void check_route(struct ab_shell *sh, const struct ab_effect *ef)
{
	struct ab_event ev = { .type = AB_EV_ROUTE };
	int r = ab_rtnl_route_check(sh->rtnl, ef->route.path, ef->route.ifindex,
				    &ef->route.addr);

	if (r == 0)
		return;
	/* Out of memory: let the probe find out instead. */
	ev.route.path = ef->route.path;
	ev.route.verdict = AB_ROUTE_OK;
	queue_event(sh, &ev);
}

static void run_discovery(struct ab_shell *sh, const struct ab_effect *ef)
{
	int r = ab_discover_run(sh->discover, ef);

	if (r < 0)
		answer_retry(sh, ef, r);
}

static void resync(struct ab_shell *sh, const struct ab_effect *ef)
{
	switch ((enum ab_source)ef->resync.source) {
	case AB_SOURCE_RTNL:
		ab_rtnl_resync(sh->rtnl);
		break;
	case AB_SOURCE_UDEV:
		ab_udev_resync(sh->udev);
		break;
	case AB_SOURCE_RECORDS:
	case AB_SOURCE_LEDGER:
		submit(sh, ef);
		break;
	case AB_SOURCE_SESSIONS:
		ab_initiator_resync(sh->initiator);
		break;
	case AB_SOURCE_MAX:
		break;
	}
}

static void take_note(struct ab_shell *sh, const struct ab_effect *ef)
{
	char line[512];
	struct ab_text t;
	bool is_trouble = ef->note.what == AB_NOTE_PATH_DOWN ||
			  ef->note.what == AB_NOTE_DISCOVERY_FAILED ||
			  ef->note.what == AB_NOTE_WRITE_FAILED ||
			  ef->note.what == AB_NOTE_LOGIN_FAILED ||
			  ef->note.what == AB_NOTE_SESSION_LOST ||
			  ef->note.what == AB_NOTE_GATED;

	ab_text_init(&t, line, sizeof(line));
	ab_view_note_text(&t, ef);
	ab_log(is_trouble ? AB_LOG_WARNING : AB_LOG_INFO, "engine", "%s", line);
	ab_history_put(sh->history, ef);
	/* No event tells that a session's state has changed: a path's may be why. */
	if (ef->note.what == AB_NOTE_PATH_DOWN || ef->note.what == AB_NOTE_PATH_UP)
		ab_initiator_nudge(sh->initiator);
}

static void carry_out(struct ab_shell *sh, const struct ab_effect *ef)
{
	switch ((enum ab_effect_type)ef->type) {
	case AB_EF_PROBE_SET:
	case AB_EF_PROBE_CLEAR:
		set_probe(sh, ef);
		break;
	case AB_EF_ROUTE_CHECK:
		check_route(sh, ef);
		break;
	case AB_EF_IFACE_WRITE:
	case AB_EF_IFACE_DELETE:
	case AB_EF_NODE_WRITE:
	case AB_EF_NODE_DELETE:
	case AB_EF_LEDGER_PUT:
	case AB_EF_LEDGER_DEL:
		submit(sh, ef);
		break;
	case AB_EF_DISCOVER:
		run_discovery(sh, ef);
		break;
	case AB_EF_RESYNC:
		resync(sh, ef);
		break;
	case AB_EF_NOTE:
		take_note(sh, ef);
		break;
	case AB_EF_LOGIN:
	case AB_EF_LOGOUT:
		run_login(sh, ef);
		break;
	case AB_EF_NONE:
	case AB_EF_MAX:
		break;
	}
}

/* --- steps --- */

/* Once, not for each event of a dump: what was missed is dumped again after a pause. */
static void lack_memory(struct ab_shell *sh, int r)
{
	struct ab_event ev = { .type = AB_EV_STALE };

	if (sh->lacks_memory)
		return;
	for (; ev.dump.source < AB_SOURCE_MAX; ev.dump.source++)
		queue_event(sh, &ev);
	errno = -r;
	ab_log_err("engine",
		   "an event could not be taken: everything is read again in %u s",
		   MEMORY_PAUSE_MS / 1000);
	sh->lacks_memory = true;
	ab_loop_timer_set(sh->memory_timer,
			  ab_mono_add_ms(ab_loop_now(sh->loop), MEMORY_PAUSE_MS));
}

static void on_memory_timer(void *arg)
{
	struct ab_shell *sh = arg;
	struct ab_effect ef = { .type = AB_EF_RESYNC };
	unsigned int i;

	sh->lacks_memory = false;
	/* Who owns a record must be known when its absence is noticed: ledger first. */
	for (i = AB_SOURCE_MAX; i-- > 0;) {
		ef.resync.source = (uint8_t)i;
		resync(sh, &ef);
	}
}

static void step(struct ab_shell *sh, const struct ab_event *ev)
{
	struct ab_effects out = { .v = sh->effects, .max = AB_SHELL_EFFECTS };
	ab_mono now = ab_loop_now(sh->loop);
	uint32_t i;
	int r;

	ab_recorder_event(sh->recorder, ev, now);
	r = ab_machine_step(&sh->machine, set_of(sh), ev, now, &out);
	if (r < 0)
		lack_memory(sh, r);
	ab_recorder_effects(sh->recorder, &out);
	for (i = 0; i < out.n; i++)
		carry_out(sh, &out.v[i]);
}

/* The engine wants to go on at once when a table could not be made larger. */
static ab_mono next_tick(const struct ab_shell *sh)
{
	ab_mono next = ab_engine_next(sh->machine.engine);

	ab_mono later = ab_mono_add_ms(ab_loop_now(sh->loop), 1000);

	return sh->lacks_memory && ab_mono_before(next, later) ? later : next;
}

static void tell_watchers(struct ab_shell *sh)
{
	unsigned int i;

	for (i = 0; i < AB_SHELL_WATCHERS; i++)
		if (sh->watchers[i].fn)
			sh->watchers[i].fn(sh->watchers[i].arg);
}

/* Takes an event, and then what its effects gave at once. */
static void on_event(void *arg, const struct ab_event *ev)
{
	struct ab_shell *sh = arg;
	struct ab_event next;

	if (sh->is_stepping) {
		queue_event(sh, ev);
		return;
	}
	sh->is_stepping = true;
	step(sh, ev);
	while (take_queued(sh, &next))
		step(sh, &next);
	sh->is_stepping = false;
	ab_loop_timer_set(sh->timer, next_tick(sh));
	tell_watchers(sh);
}

void ab_shell_event(struct ab_shell *sh, const struct ab_event *ev)
{
	on_event(sh, ev);
}

static void on_timer(void *arg)
{
	struct ab_event tick = { .type = AB_EV_TICK };

	on_event(arg, &tick);
}

/* --- configuration --- */

static int collect_conf(void *arg, char **ret_data, size_t *ret_size)
{
	return ab_conf_collect(arg, ret_data, ret_size);
}

static void log_diags(const struct ab_conf *conf)
{
	uint32_t i;

	for (i = 0; i < conf->diags.n; i++) {
		const struct ab_diag *d = &conf->diags.v[i];
		const char *path = ab_conf_path(conf, d);

		ab_log(d->severity == AB_DIAG_ERROR ? AB_LOG_ERR : AB_LOG_WARNING,
		       "conf", "%s:%u: %s", path ? path : "configuration", d->line,
		       d->text);
	}
}

/* From now on this is the configuration. */
static void put_in_force(struct ab_shell *sh, struct ab_conf *conf, const char *data,
			 size_t n)
{
	struct ab_event ev = { .type = AB_EV_POLICY };
	struct ab_conf *old = sh->conf;

	/* An event that waits would meet a set that it does not announce. */
	assert(!sh->is_stepping);
	ab_log_notice("conf", "configuration %u is in force: %u policies",
		      conf->set->generation, conf->set->n_policies);
	ab_recorder_conf(sh->recorder, conf->set->generation, data, n);
	sh->conf = conf;
	on_event(sh, &ev);
	(void)ab_conf_free(old);
}

static void on_saved(void *arg, int r, const char *data, size_t n)
{
	(void)arg;
	(void)data;
	(void)n;
	if (r == 0)
		return;
	errno = -r;
	ab_log_warn("conf", "the configuration could not be kept as the last good one");
}

static void on_last_good(void *arg, int r, const char *data, size_t n)
{
	struct ab_shell *sh = arg;
	struct ab_conf *conf = NULL;

	sh->is_recovering = false;
	/* A reload was quicker, with files that are good now. */
	if (sh->conf)
		return;
	if (r == 0)
		r = ab_conf_build(data, n, NULL, &conf);
	if (r || !conf->set) {
		ab_log_errx("conf", "there is no configuration that was good before: "
				    "watching only, nothing is changed");
		(void)ab_conf_free(conf);
		tell_watchers(sh);
		return;
	}
	ab_log_warnx("conf", "the last good configuration is used instead");
	sh->is_last_good = true;
	put_in_force(sh, conf, data, n);
}

/* What kept a session at the last try to release it. */
static enum ab_guard last_guard(const struct ab_engine *e, const struct ab_effect *ef)
{
	uint32_t slot = ef->type == AB_EF_LOGOUT
				? ab_world_find_session(e, ef->logout.sid)
				: AB_NONE;

	return slot == AB_NONE ? AB_GUARD_FREE
			       : (enum ab_guard)ab_session_at_const(e, slot)->guard;
}

/* What a copy of the engine would do with that policy set. All is taken to go well,
 * but for logouts that were refused: only so many jobs are in flight, and others wait
 * for them. */
static int plan_with(struct ab_machine *copy, const struct ab_policy_set *set,
		     ab_mono now, struct ab_effects *out)
{
	struct ab_event events[AB_PRETEND_MAX] = { { .type = AB_EV_POLICY } };
	int r = ab_machine_step(copy, set, &events[0], now, out);
	enum ab_guard guard;
	uint32_t i, k, n;

	for (i = 0; r == 0 && i < out->n && out->max - out->n >= AB_EFFECTS_MIN; i++) {
		if (out->v[i].type == AB_EF_DISCOVER)
			continue;
		guard = last_guard(copy->engine, &out->v[i]);
		n = ab_pretend(&out->v[i], PRETENDED_SID + i, guard, events);
		if (guard != AB_GUARD_FREE) /* told as what is kept */
			out->v[i].type = AB_EF_NOTE;
		for (k = 0; r == 0 && k < n && out->max - out->n >= AB_EFFECTS_MIN; k++)
			r = ab_machine_step(copy, set, &events[k], now, out);
	}
	return r;
}

static void answer_plan(struct ab_shell *sh, const struct waiter *w, int r,
			const struct ab_conf *conf)
{
	struct ab_effects out = { .max = PLAN_EFFECTS };
	struct ab_view after = { .now = ab_loop_now(sh->loop) };
	struct ab_machine copy;

	if (r || !conf->set) {
		w->plan(w->arg, r, conf, &out, NULL);
		return;
	}
	out.v = calloc(out.max, sizeof(*out.v));
	r = out.v ? ab_machine_copy(&copy, &sh->machine) : -ENOMEM;
	if (r == 0) {
		r = plan_with(&copy, conf->set, after.now, &out);
		after.e = copy.engine;
		after.set = conf->set;
		w->plan(w->arg, r, conf, &out, &after);
		ab_machine_fini(&copy);
	} else {
		w->plan(w->arg, r, conf, &out, NULL);
	}
	free(out.v);
}

static void answer_waiters(struct ab_shell *sh, struct waiter *list, int r,
			   const struct ab_conf *conf)
{
	struct waiter *w;

	while ((w = list)) {
		list = w->next;
		if (w->plan)
			answer_plan(sh, w, r, conf);
		else if (w->reload)
			w->reload(w->arg, r, conf);
		free(w);
	}
}

static bool is_reload(const struct waiter *list)
{
	for (; list; list = list->next)
		if (!list->plan)
			return true;
	return false;
}

static void append(struct waiter **list, struct waiter *more)
{
	while (*list)
		list = &(*list)->next;
	*list = more;
}

/* Of several reloads the latest wins: a read that began before it is for nobody. But a
 * flood of them must not keep all from being answered. */
static bool join_late(struct ab_shell *sh)
{
	if (!is_reload(sh->late) || sh->n_rereads == REREADS_MAX)
		return false;
	sh->n_rereads++;
	append(&sh->waiters, sh->late);
	sh->late = NULL;
	return true;
}

/* A configuration that is not taken: what goes on instead. */
static void refuse(struct ab_shell *sh)
{
	if (sh->conf) {
		ab_log_warnx("conf", "refused: configuration %u stays in force",
			     set_of(sh)->generation);
		return;
	}
	sh->is_recovering = ab_store_load_good(sh->store, on_last_good, sh) == 0;
	if (!sh->is_recovering)
		ab_log_errx("conf", "out of memory: watching only, nothing is changed");
}

/* The files were read: a reload takes them if they are good, a plan only looks.
 * Return: true when they are to be read again, for those that came meanwhile. */
static bool take_conf(struct ab_shell *sh, int r, const char *data, size_t n)
{
	struct ab_conf *conf = NULL;
	struct waiter *list;
	bool wants_force, is_taken;

	if (join_late(sh))
		return true;
	list = sh->waiters;
	wants_force = is_reload(list);
	sh->waiters = NULL;
	sh->is_reading = false;
	if (r == 0)
		r = ab_conf_build(data, n, set_of(sh), &conf);
	if (r) {
		errno = r < 0 ? -r : EBADMSG;
		ab_log_err("conf", "the configuration could not be read");
	} else if (wants_force) {
		log_diags(conf);
	}
	is_taken = wants_force && conf && conf->set;
	if (is_taken) {
		(void)ab_store_save_good(sh->store, data, n, on_saved, sh);
		sh->is_last_good = false;
		put_in_force(sh, conf, data, n);
	} else if (wants_force) {
		refuse(sh);
	}
	answer_waiters(sh, list, r, conf);
	if (!is_taken)
		(void)ab_conf_free(conf);
	if (wants_force)
		tell_watchers(sh);
	if (!sh->late || sh->is_reading)
		return false;
	sh->waiters = sh->late;
	sh->late = NULL;
	sh->n_rereads = 0;
	return true;
}

static void on_conf(void *arg, int r, const char *data, size_t n);

static void read_conf(struct ab_shell *sh)
{
	int r;

	do {
		sh->is_reading = true;
		tell_watchers(sh);
		r = ab_store_read_conf(sh->store, on_conf, sh);
	} while (r < 0 && take_conf(sh, r, NULL, 0));
}

static void on_conf(void *arg, int r, const char *data, size_t n)
{
	if (take_conf(arg, r, data, n))
		read_conf(arg);
}

/* What came during a read may be about newer files: it waits for the next one. */
static int wait_for_conf(struct ab_shell *sh, const struct waiter *who)
{
	struct waiter *w;

	/* Nobody's reload is any other nobody's: signals do not pile up. */
	if (!who->plan && !who->reload && is_reload(sh->late))
		return 0;
	w = malloc(sizeof(*w));
	if (!w)
		return -ENOMEM;
	*w = *who;
	w->next = NULL;
	append(sh->is_reading ? &sh->late : &sh->waiters, w);
	if (!sh->is_reading) {
		sh->n_rereads = 0;
		read_conf(sh);
	}
	return 0;
}

static void forget_in(struct waiter **list, const void *arg)
{
	while (*list) {
		struct waiter *w = *list;

		if (w->arg != arg) {
			list = &w->next;
			continue;
		}
		*list = w->next;
		free(w);
	}
}

void ab_shell_forget(struct ab_shell *sh, const void *arg)
{
	forget_in(&sh->waiters, arg);
	forget_in(&sh->late, arg);
}

/* --- the host's name --- */

static void tell_nameless(struct ab_shell *sh, int r)
{
	const char *what = r > 0 ? "this is no iSCSI name" : "no initiator name";

	if (sh->is_nameless_told)
		return;
	sh->is_nameless_told = true;
	errno = r < 0 ? -r : EINVAL;
	ab_log_errno(AB_LOG_WARNING, "host",
		     "%s: %s, so nothing is discovered; it is read again before the "
		     "next try",
		     sh->host.initiator_file, what);
}

/* A disk that fails does not take away what is known. */
static void on_initiator(void *arg, int r, const char *data, size_t n)
{
	struct ab_shell *sh = arg;

	if (r == 0)
		r = ab_host_find_initiator(data, n, sh->initiator_name);
	else if (r == -ENOENT)
		sh->initiator_name[0] = '\0';
	if (sh->initiator_name[0])
		sh->is_nameless_told = false;
	else
		tell_nameless(sh, r);
	ab_discover_set_initiator(sh->discover, sh->initiator_name);
}

/* ab_discover_config.ask_initiator. */
static void ask_initiator(void *arg)
{
	struct ab_shell *sh = arg;

	if (ab_store_read_initiator(sh->store, on_initiator, sh) < 0)
		ab_discover_set_initiator(sh->discover, sh->initiator_name);
}

int ab_shell_reload(struct ab_shell *sh, ab_shell_reload_fn *fn, void *arg)
{
	struct waiter w = { .reload = fn, .arg = arg };

	ask_initiator(sh);
	return wait_for_conf(sh, &w);
}

int ab_shell_plan(struct ab_shell *sh, ab_shell_plan_fn *fn, void *arg)
{
	struct waiter w = { .plan = fn, .arg = arg };

	return wait_for_conf(sh, &w);
}

/* --- start and end --- */

static int start_store(struct ab_shell *sh)
{
	struct ab_store_config config = {
		.db = sh->host.db,
		.state_dir = sh->config.roots->path[AB_ROOT_STATE],
		.run_dir = sh->config.roots->path[AB_ROOT_RUN],
		.collect = collect_conf,
		.collect_arg = &sh->host.conf,
		.chap_dir = sh->host.chap_dir,
		.initiator_file = sh->host.initiator_file,
	};

	return ab_store_start(&config, &sh->store);
}

static int start_prober(struct ab_shell *sh)
{
	struct ab_probe_config config = { .rcvbuf = 0 };
	ssize_t n;

	/* Whoever can guess the key can forge answers. Early in a boot this waits for
	 * the kernel's first entropy: about a second since Linux 5.6 at the most. */
	do {
		n = getrandom(&config.key, sizeof(config.key), 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	assert(n ==
	       (ssize_t)sizeof(config.key)); /* random(7): up to 256 bytes at once */
	return ab_probe_new(sh->loop, &config, on_event, sh, &sh->probe);
}

static int start_discovery(struct ab_shell *sh)
{
	struct ab_discover_config config = { .loop = sh->loop,
					     .helper = sh->config.discover_helper,
					     .chap_dir = sh->host.chap_dir,
					     .fn = on_event,
					     .ask_initiator = ask_initiator,
					     .arg = sh };
	int r = ab_spawner_new(sh->loop, &sh->spawner);

	config.spawner = sh->spawner;
	if (r == 0)
		r = ab_discover_new(&config, &sh->discover);
	return r;
}

/* udev tells of a session, of one of its disks, or of a map. */
static void on_iscsi(void *arg)
{
	struct ab_shell *sh = arg;

	ab_initiator_nudge(sh->initiator);
}

static int start_monitors(struct ab_shell *sh)
{
	const struct ab_roots *roots = sh->config.roots;
	struct ab_rtnl_config rc = { .rcvbuf_bytes = 0 };
	struct ab_udev_config uc = {
		.mode = ab_streq(roots->path[AB_ROOT_UDEV], "kernel")
				? AB_UDEV_MODE_KERNEL
				: AB_UDEV_MODE_UDEV,
		.sysfs = roots->path[AB_ROOT_SYSFS],
		.iscsi_fn = on_iscsi,
	};
	int r = ab_rtnl_new(sh->loop, &rc, on_event, sh, &sh->rtnl);

	return r ? r : ab_udev_new(sh->loop, &uc, on_event, sh, &sh->udev);
}

static int start_initiator(struct ab_shell *sh)
{
	struct ab_initiator_config config = {
		.loop = sh->loop,
		.spawner = sh->spawner,
		.sysfs = sh->config.roots->path[AB_ROOT_SYSFS],
		.iscsiadm = sh->config.roots->path[AB_ROOT_ISCSIADM],
		.iscsid_conf = sh->host.iscsid_conf,
		.fn = on_event,
		.arg = sh,
	};

	return ab_initiator_new(&config, &sh->initiator);
}

/* In this order: helpers are forked before there is much to copy, and the first events
 * come when everything that answers them is there. */
static int start(struct ab_shell *sh)
{
	static const struct {
		const char *what;
		int (*fn)(struct ab_shell *sh);
	} parts[] = {
		{ "discovery", start_discovery },
		{ "the prober", start_prober },
		{ "the watch on sessions", start_initiator },
		{ "the monitors", start_monitors },
	};
	unsigned int i;
	int r = start_store(sh);

	if (r == 0)
		r = ab_loop_new(&sh->loop);
	if (r == 0)
		r = ab_loop_timer_new(sh->loop, on_timer, sh, &sh->timer);
	if (r == 0)
		r = ab_loop_timer_new(sh->loop, on_memory_timer, sh, &sh->memory_timer);
	if (r == 0)
		r = ab_store_attach(sh->store, sh->loop, on_event, sh);
	if (r < 0) {
		errno = -r;
		ab_log_err("shell", "the store cannot be started");
		return r;
	}
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		r = parts[i].fn(sh);
		if (r == 0)
			continue;
		errno = r < 0 ? -r : EINVAL;
		ab_log_err("shell", "%s cannot be started", parts[i].what);
		return r < 0 ? r : -EINVAL;
	}
	return ab_shell_reload(sh, NULL, NULL);
}

int ab_shell_new(const struct ab_shell_config *config, struct ab_shell **ret_shell)
{
	struct ab_engine_config ec = { 0 };
	struct ab_shell *sh = calloc(1, sizeof(*sh));
	int r;

	if (!sh)
		return -ENOMEM;
	sh->config = *config;
	r = ab_host_read(config->roots, &sh->host);
	if (r < 0) {
		errno = -r;
		ab_log_err("shell", "open-iscsi's database cannot be located");
		free(sh);
		return r;
	}
	ec.no_login = config->no_login || !sh->host.is_iscsiadm_db;
	sh->history = calloc(1, sizeof(*sh->history));
	/* Without entropy at boot the jitter is the same on two hosts: no more harm. */
	if (getrandom(&ec.seed, sizeof(ec.seed), GRND_NONBLOCK) != sizeof(ec.seed))
		ec.seed = (uint64_t)ab_clock_now().ns;
	sh->queue_size = QUEUE_MIN;
	sh->queue = calloc(sh->queue_size, sizeof(*sh->queue));
	r = -ENOMEM;
	if (!sh->history || !sh->queue || ab_machine_init(&sh->machine, &ec) < 0)
		goto fail;
	r = ab_recorder_open(config->record, &ec, AB_SHELL_EFFECTS, &sh->recorder);
	if (r == 0)
		r = start(sh);
	if (r)
		goto fail;
	*ret_shell = sh;
	return 0;
fail:
	(void)ab_shell_free(sh);
	return r;
}

static void drop_waiters(struct waiter *list)
{
	struct waiter *w;

	while ((w = list)) {
		list = w->next;
		free(w);
	}
}

struct ab_shell *ab_shell_free(struct ab_shell *sh)
{
	if (!sh)
		return NULL;
	sh->udev = ab_udev_free(sh->udev);
	sh->rtnl = ab_rtnl_free(sh->rtnl);
	sh->probe = ab_probe_free(sh->probe);
	sh->spawner = ab_spawner_free(sh->spawner);
	sh->initiator = ab_initiator_free(sh->initiator);
	sh->discover = ab_discover_free(sh->discover);
	sh->store = ab_store_free(sh->store);
	sh->timer = ab_loop_timer_free(sh->timer);
	sh->memory_timer = ab_loop_timer_free(sh->memory_timer);
	sh->loop = ab_loop_free(sh->loop);
	sh->recorder = ab_recorder_close(sh->recorder);
	drop_waiters(sh->waiters);
	drop_waiters(sh->late);
	(void)ab_conf_free(sh->conf);
	ab_machine_fini(&sh->machine);
	free(sh->history);
	free(sh->queue);
	free(sh);
	return NULL;
}

int ab_shell_run(struct ab_shell *sh)
{
	int r = ab_loop_run(sh->loop);

	return sh->error ? sh->error : r;
}

void ab_shell_stop(struct ab_shell *sh)
{
	ab_loop_stop(sh->loop);
}

struct ab_loop *ab_shell_loop(struct ab_shell *sh)
{
	return sh->loop;
}

struct ab_view ab_shell_view(const struct ab_shell *sh)
{
	return (struct ab_view){ .e = sh->machine.engine,
				 .set = set_of(sh),
				 .now = ab_loop_now(sh->loop) };
}

void ab_shell_add_head(const struct ab_shell *sh, struct ab_row *row)
{
	ab_row_text(row, "initiator", sh->initiator_name);
	ab_row_text(row, "configuration",
		    !sh->conf	       ? "none"
		    : sh->is_last_good ? "last good"
				       : "current");
	ab_row_text(row, "store", ab_store_state_name(ab_store_state(sh->store)));
	ab_row_text(row, "database", sh->host.db_root);
	if (sh->config.no_login)
		ab_row_text(row, "logins", "off: --no-login");
	else if (!sh->host.is_iscsiadm_db)
		ab_row_text(row, "logins", "off: iscsiadm uses another database");
	else
		ab_row_null(row, "logins");
	ab_row_text(row, "daemon", AB_VERSION);
}

const struct ab_history *ab_shell_history(const struct ab_shell *sh)
{
	return sh->history;
}

bool ab_shell_is_settled(const struct ab_shell *sh)
{
	return !ab_shell_is_reloading(sh) && !sh->is_recovering &&
	       ab_view_is_complete(sh->machine.engine);
}

bool ab_shell_is_reloading(const struct ab_shell *sh)
{
	return sh->is_reading && is_reload(sh->waiters);
}

void ab_shell_watch(struct ab_shell *sh, void (*fn)(void *arg), void *arg)
{
	unsigned int i = 0;

	while (sh->watchers[i].fn) {
		i++;
		assert(i < AB_SHELL_WATCHERS);
	}
	sh->watchers[i].fn = fn;
	sh->watchers[i].arg = arg;
}

void ab_shell_unwatch(struct ab_shell *sh, const void *arg)
{
	unsigned int i;

	for (i = 0; i < AB_SHELL_WATCHERS; i++)
		if (sh->watchers[i].arg == arg)
			sh->watchers[i].fn = NULL;
}
