/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mpath - questions to multipathd, one after the other.
 *
 * A round is one connection with two questions: the configuration, then the paths.
 * Verbs have connections of their own. A round that fails says so once.
 */
#include "io/mpath.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "io/log.h"

#define SOON_MS 100   /* nudges within this are one */
#define AGAIN_MS 500  /* the first wait for a disk that is missing; then doubled */
#define RETRY_MS 5000 /* after no answer */

struct session {
	uint32_t sid;
	uint16_t n_told; /* the engine begins with 0, too */
	size_t n;
	struct ab_mpath_disk *disks; /* owned */
};

struct talk {
	struct ab_mpath_call call;    /* owned */
	struct ab_loop_fd *handle;    /* owned */
	struct ab_loop_timer *expiry; /* owned */
};

struct verb {
	struct verb *next;  /* owned */
	struct ab_mpath *m; /* borrowed */
	struct talk talk;
	ab_mpath_verb_fn *fn;
	void *arg; /* borrowed, for fn */
};

struct ab_mpath {
	struct ab_loop *loop; /* borrowed, outlives this */
	struct ab_mpath_config config;
	ab_event_fn *fn;
	void *arg; /* borrowed, for fn */

	enum ab_multipath told;
	int error; /* of the last round, said already */
	struct talk talk;
	bool has_config;	    /* the round's first answer is there */
	enum ab_multipath answered; /* and says this */

	bool is_nudged; /* since the round began */
	uint32_t wait_ms;
	struct ab_loop_timer *next; /* owned; the next round */

	size_t n_sessions, sessions_max;
	struct session *sessions; /* owned */
	struct verb *verbs;	  /* owned; whose answer is awaited */
};

/* --- telling ---------------------------------------------------------------------- */

static void tell_state(struct ab_mpath *m, enum ab_multipath state)
{
	struct ab_event ev;

	if (state == m->told)
		return;
	m->told = state;
	memset(&ev, 0, sizeof(ev)); /* padding, too: events are compared as bytes */
	ev.type = AB_EV_MULTIPATH;
	ev.multipath.state = (uint8_t)state;
	m->fn(m->arg, &ev);
}

static void tell_known(struct ab_mpath *m, struct session *s, size_t n)
{
	struct ab_event ev;

	if (n > UINT16_MAX)
		n = UINT16_MAX;
	if (n == s->n_told)
		return;
	s->n_told = (uint16_t)n;
	memset(&ev, 0, sizeof(ev));
	ev.type = AB_EV_MAPPED;
	ev.mapped.sid = s->sid;
	ev.mapped.n_known = (uint16_t)n;
	m->fn(m->arg, &ev);
}

/* --- a question on its way -------------------------------------------------------- */

static void talk_end(struct talk *t)
{
	t->handle = ab_loop_fd_free(t->handle);
	t->expiry = ab_loop_timer_free(t->expiry);
	ab_mpath_call_close(&t->call);
}

/* Return: 0, -errno, AB_MPATH_E_ABSENT or AB_MPATH_E_STRANGER; then nothing is open. */
static int talk_begin(struct ab_mpath *m, struct talk *t, ab_loop_fd_fn *on_ready,
		      ab_loop_timer_fn *on_expiry, void *arg)
{
	int r;

	t->call = AB_MPATH_CALL_NONE;
	r = ab_mpath_call_open(&t->call, &m->config.where);
	if (r)
		return r;
	r = ab_loop_fd_new(m->loop, t->call.fd, AB_LOOP_WRITE, on_ready, arg,
			   &t->handle);
	if (r == 0)
		r = ab_loop_timer_new(m->loop, on_expiry, arg, &t->expiry);
	if (r)
		talk_end(t);
	return r;
}

static int talk_ask(struct ab_mpath *m, struct talk *t, const char *question)
{
	ab_mpath_call_ask(&t->call, question);
	ab_loop_timer_set(t->expiry,
			  ab_mono_add_ms(ab_loop_now(m->loop), m->config.deadline_ms));
	return ab_loop_fd_set(t->handle, AB_LOOP_WRITE);
}

/* Return: 0 the answer is there; AB_MPATH_E_READ later; else it is over. */
static int talk_go_on(struct talk *t)
{
	int r = ab_mpath_call_step(&t->call), r2;

	if (r != AB_MPATH_E_READ && r != AB_MPATH_E_WRITE)
		return r;
	r2 = ab_loop_fd_set(t->handle,
			    r == AB_MPATH_E_READ ? AB_LOOP_READ : AB_LOOP_WRITE);
	return r2 ? r2 : AB_MPATH_E_READ;
}

/* --- the paths -------------------------------------------------------------------- */

static int compare_disks(const void *a, const void *b)
{
	const struct ab_mpath_disk *x = a, *y = b;

	if (x->major != y->major)
		return x->major < y->major ? -1 : 1;
	return x->minor < y->minor ? -1 : x->minor > y->minor;
}

struct disks {
	struct ab_mpath_disk *items; /* owned */
	size_t n, max;
};

/* Return: 0 or -ENOMEM. */
static int disks_add(struct disks *disks, const struct ab_mpath_path *path)
{
	if (disks->n == disks->max) {
		size_t max = disks->max ? 2 * disks->max : 64;
		struct ab_mpath_disk *more =
			reallocarray(disks->items, max, sizeof(*more));

		if (!more)
			return -ENOMEM;
		disks->items = more;
		disks->max = max;
	}
	disks->items[disks->n++] = (struct ab_mpath_disk){ path->major, path->minor };
	return 0;
}

/* The disks of an answer, sorted; the caller frees the items, also after an error.
 * Return: 0 or -ENOMEM. */
static int read_paths(const char *reply, struct disks *ret_disks)
{
	struct disks disks = { 0 };
	struct ab_mpath_path path;
	int r = 0;

	while (r == 0 && ab_mpath_next_path(&reply, &path))
		r = disks_add(&disks, &path);
	if (disks.n)
		qsort(disks.items, disks.n, sizeof(*disks.items), compare_disks);
	*ret_disks = disks;
	return r;
}

/* Return: true when multipathd knows every disk. */
static bool compare_with(struct ab_mpath *m, const struct disks *known)
{
	bool is_complete = true;

	for (size_t i = 0; i < m->n_sessions; i++) {
		struct session *s = &m->sessions[i];
		size_t n_known = 0;

		for (size_t k = 0; k < s->n && known->n; k++)
			n_known +=
				bsearch(&s->disks[k], known->items, known->n,
					sizeof(*known->items), compare_disks) != NULL;
		is_complete = is_complete && n_known == s->n;
		tell_known(m, s, n_known);
	}
	return is_complete;
}

/* --- rounds ----------------------------------------------------------------------- */

static void ask_in(struct ab_mpath *m, uint32_t ms)
{
	ab_loop_timer_set(m->next, ab_mono_add_ms(ab_loop_now(m->loop), ms));
}

static bool is_asking(const struct ab_mpath *m)
{
	return m->talk.call.fd >= 0;
}

/* When is the next round? Without a session nobody needs the answer. */
static void schedule(struct ab_mpath *m, uint32_t wait_ms)
{
	if (m->is_nudged)
		ask_in(m, SOON_MS);
	else if (m->n_sessions)
		ask_in(m, wait_ms < m->config.slow_ms ? wait_ms : m->config.slow_ms);
	else
		ab_loop_timer_set(m->next, AB_MONO_NEVER);
}

static void end_badly(struct ab_mpath *m, int error)
{
	static const struct disks none;

	talk_end(&m->talk);
	if (error != m->error && error != AB_MPATH_E_ABSENT)
		ab_log_warnx("mpath",
			     "%s: no second session is begun where a policy requires "
			     "multipath, asking again",
			     ab_mpath_strerror(error));
	m->error = error;
	if (error == AB_MPATH_E_ABSENT) {
		tell_state(m, AB_MULTIPATH_ABSENT);
		(void)compare_with(m, &none);
		schedule(m, m->config.slow_ms);
		return;
	}
	tell_state(m, AB_MULTIPATH_UNKNOWN);
	schedule(m, RETRY_MS);
}

static void end_well(struct ab_mpath *m)
{
	struct disks known;
	bool is_complete;
	int r = read_paths(m->talk.call.reply, &known);

	if (r) {
		free(known.items);
		end_badly(m, r);
		return;
	}
	talk_end(&m->talk);
	m->error = 0;
	tell_state(m, m->answered);
	is_complete = compare_with(m, &known);
	free(known.items);
	schedule(m, is_complete ? m->config.slow_ms : m->wait_ms);
	if (m->wait_ms < m->config.slow_ms)
		m->wait_ms *= 2;
}

static void on_ready(void *arg, unsigned int ready)
{
	struct ab_mpath *m = arg;
	int r = talk_go_on(&m->talk);

	(void)ready;
	if (r == 0 && m->has_config) {
		end_well(m);
		return;
	}
	if (r == 0) {
		m->has_config = true;
		m->answered = ab_mpath_readiness(m->talk.call.reply);
		/* As long as it starts, it answers "timeout" or "fail". */
		r = m->answered == AB_MULTIPATH_UNKNOWN
			    ? AB_MPATH_E_GARBAGE
			    : talk_ask(m, &m->talk, AB_MPATH_ASK_PATHS);
	}
	if (r && r != AB_MPATH_E_READ)
		end_badly(m, r);
}

static void on_expiry(void *arg)
{
	end_badly(arg, AB_MPATH_E_TIMEOUT);
}

static void on_next(void *arg)
{
	struct ab_mpath *m = arg;
	int r;

	assert(!is_asking(m));
	m->is_nudged = false;
	m->has_config = false;
	r = talk_begin(m, &m->talk, on_ready, on_expiry, m);
	if (r == 0)
		r = talk_ask(m, &m->talk, AB_MPATH_ASK_CONFIG);
	if (r)
		end_badly(m, r);
}

void ab_mpath_nudge(struct ab_mpath *m)
{
	m->wait_ms = AGAIN_MS;
	if (m->is_nudged)
		return;
	m->is_nudged = true;
	if (!is_asking(m))
		ask_in(m, SOON_MS);
}

/* --- sessions --------------------------------------------------------------------- */

static struct session *find_session(struct ab_mpath *m, uint32_t sid)
{
	for (size_t i = 0; i < m->n_sessions; i++)
		if (m->sessions[i].sid == sid)
			return &m->sessions[i];
	return NULL;
}

/* Return: NULL when there is no memory. */
static struct session *add_session(struct ab_mpath *m, uint32_t sid)
{
	if (m->n_sessions == m->sessions_max) {
		size_t max = m->sessions_max ? 2 * m->sessions_max : 16;
		struct session *more =
			reallocarray(m->sessions, max, sizeof(*m->sessions));

		if (!more)
			return NULL;
		m->sessions = more;
		m->sessions_max = max;
	}
	m->sessions[m->n_sessions] = (struct session){ .sid = sid };
	return &m->sessions[m->n_sessions++];
}

int ab_mpath_set_session(struct ab_mpath *m, uint32_t sid,
			 const struct ab_mpath_disk *disks, size_t n)
{
	struct session *s = find_session(m, sid);
	struct ab_mpath_disk *copy = NULL;

	if (s && s->n == n && (n == 0 || !memcmp(s->disks, disks, n * sizeof(*disks))))
		return 0;
	if (n) {
		copy = reallocarray(NULL, n, sizeof(*copy));
		if (!copy)
			return -ENOMEM;
		memcpy(copy, disks, n * sizeof(*copy));
	}
	if (!s)
		s = add_session(m, sid);
	if (!s) {
		free(copy);
		return -ENOMEM;
	}
	free(s->disks);
	s->disks = copy;
	s->n = n;
	ab_mpath_nudge(m);
	return 0;
}

void ab_mpath_drop_session(struct ab_mpath *m, uint32_t sid)
{
	struct session *s = find_session(m, sid);

	if (!s)
		return;
	free(s->disks);
	*s = m->sessions[--m->n_sessions];
}

/* --- verbs ------------------------------------------------------------------------ */

static void verb_free(struct verb *v)
{
	struct verb **at = &v->m->verbs;

	while (*at != v)
		at = &(*at)->next;
	*at = v->next;
	talk_end(&v->talk);
	free(v);
}

static void verb_end(struct verb *v, int result)
{
	struct ab_mpath *m = v->m;
	ab_mpath_verb_fn *fn = v->fn;
	void *arg = v->arg;

	verb_free(v);
	ab_mpath_nudge(m);
	fn(arg, result);
}

static void on_verb_ready(void *arg, unsigned int ready)
{
	struct verb *v = arg;
	int r = talk_go_on(&v->talk);

	(void)ready;
	if (r == AB_MPATH_E_READ)
		return;
	if (r == 0 && !ab_mpath_is_ok(v->talk.call.reply))
		r = AB_MPATH_E_REFUSED;
	verb_end(v, r);
}

static void on_verb_expiry(void *arg)
{
	verb_end(arg, AB_MPATH_E_TIMEOUT);
}

int ab_mpath_run_verb(struct ab_mpath *m, enum ab_mpath_verb verb,
		      const struct ab_mpath_disk *disk, ab_mpath_verb_fn *fn, void *arg)
{
	struct verb *v = calloc(1, sizeof(*v));
	char command[48];
	int r;

	if (!v)
		return -ENOMEM;
	v->m = m;
	v->fn = fn;
	v->arg = arg;
	v->next = m->verbs;
	m->verbs = v;
	ab_mpath_path_command(verb, disk->major, disk->minor, command, sizeof(command));
	r = talk_begin(m, &v->talk, on_verb_ready, on_verb_expiry, v);
	if (r == 0)
		r = talk_ask(m, &v->talk, command);
	if (r)
		verb_free(v);
	return r;
}

/* --- life ------------------------------------------------------------------------- */

int ab_mpath_new(struct ab_loop *loop, const struct ab_mpath_config *config,
		 ab_event_fn *fn, void *arg, struct ab_mpath **ret_mpath)
{
	struct ab_mpath *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return -ENOMEM;
	m->loop = loop;
	m->config = *config;
	if (!m->config.slow_ms)
		m->config.slow_ms = AB_MPATH_SLOW_MS;
	if (!m->config.deadline_ms)
		m->config.deadline_ms = AB_MPATH_DEADLINE_MS;
	m->fn = fn;
	m->arg = arg;
	m->told = AB_MULTIPATH_UNKNOWN;
	m->talk.call = AB_MPATH_CALL_NONE;
	m->wait_ms = AGAIN_MS;
	r = ab_loop_timer_new(loop, on_next, m, &m->next);
	if (r < 0) {
		free(m);
		return r;
	}
	ab_loop_timer_set(m->next, ab_loop_now(loop));
	*ret_mpath = m;
	return 0;
}

struct ab_mpath *ab_mpath_free(struct ab_mpath *m)
{
	struct verb *v, *next;

	if (!m)
		return NULL;
	for (v = m->verbs; v; v = next) {
		next = v->next;
		talk_end(&v->talk);
		free(v);
	}
	talk_end(&m->talk);
	ab_loop_timer_free(m->next);
	for (size_t i = 0; i < m->n_sessions; i++)
		free(m->sessions[i].disks);
	free(m->sessions);
	free(m);
	return NULL;
}
