/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/login.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "core/login_code.h"
#include "core/name.h"
#include "core/record.h"
#include "io/file.h"
#include "io/log.h"
#include "io/probe_tcp.h"
#include "util/num.h"

#define OUTPUT_MAX 16384 /* of iscsiadm, bytes */
#define LINES_MAX 8	 /* of each of its streams, in the log */
#define MARGIN_MS 10000	 /* beyond iscsid's own time-outs */
#define DEADLINE_MAX_MS 86400000
#define RETRY_MAX_DEFAULT 2 /* what autobind writes into records */
#define CONF_MAX (1 << 20)
#define CONNECTS_MAX 64
#define STATUS_LOGOUT_FAILED 10 /* ISCSI_ERR_LOGOUT */

enum phase {
	PHASE_BEGIN,   /* in the next wake-up */
	PHASE_CONNECT, /* the portal is tried */
	PHASE_GUARD,   /* the guard looks */
	PHASE_CHILD,   /* iscsiadm runs */
	PHASE_LATE,    /* ... and the job is answered */
};

struct job {
	struct ab_login *login; /* borrowed */
	struct ab_effect effect;
	enum phase phase;
	uint32_t deadline_ms;
	uint32_t token;	  /* PHASE_CONNECT: that the answer is for this job */
	uint16_t connect; /* PHASE_CONNECT */
	struct ab_loop_timer *timer; /* owned */
	TAILQ_ENTRY(job) link;
};

TAILQ_HEAD(job_list, job);

struct ab_login {
	struct ab_login_config config; /* without its strings */
	char *iscsiadm;		       /* owned */
	int64_t login_timeout_s;       /* of this host */
	struct ab_tcp *tcp;	       /* owned */
	struct ab_loop_fd *tcp_handle; /* owned */
	uint32_t last_token;
	bool is_missing_told; /* that iscsiadm cannot be run */
	struct job_list jobs; /* owned */
};

/* --- answers ---------------------------------------------------------------------- */

/* Of a job that is in no list any more. */
static void job_free(struct job *job)
{
	ab_loop_timer_free(job->timer);
	free(job);
}

/* What sysfs shows comes before the answer. A child that still runs keeps its job. */
static void finish(struct job *job, enum ab_outcome outcome, int32_t code)
{
	struct ab_login *l = job->login;
	struct ab_event ev;

	memset(&ev, 0, sizeof(ev));
	ev.type = AB_EV_DONE;
	ev.done.job = job->effect.job;
	ev.done.outcome = (uint8_t)outcome;
	ev.done.code = code;
	if (job->phase != PHASE_LATE) {
		TAILQ_REMOVE(&l->jobs, job, link);
		job_free(job);
	}
	ab_sessions_look_now(l->config.sessions);
	l->config.fn(l->config.arg, &ev);
}

static bool is_login(const struct job *job)
{
	return job->effect.type == AB_EF_LOGIN;
}

/* --- the child -------------------------------------------------------------------- */

static bool is_well(enum ab_outcome outcome)
{
	return outcome == AB_OUTCOME_DONE || outcome == AB_OUTCOME_EXISTS ||
	       outcome == AB_OUTCOME_GONE;
}

static void log_words(const struct ab_spawner_result *result, bool is_good)
{
	enum ab_log_level level = is_good ? AB_LOG_INFO : AB_LOG_WARNING;

	ab_log_foreign(level, "login", result->out, result->n_out, LINES_MAX);
	ab_log_foreign(level, "login", result->err, result->n_err, LINES_MAX);
}

/* iscsiadm's status is one witness, sysfs the other and better one. */
static void finish_logout(struct job *job, enum ab_outcome outcome, int32_t code)
{
	struct ab_sessions *sessions = job->login->config.sessions;

	if (!ab_sessions_look_at(sessions, job->effect.logout.sid))
		finish(job, AB_OUTCOME_DONE, 0);
	else if (is_well(outcome))
		finish(job, AB_OUTCOME_RETRY, STATUS_LOGOUT_FAILED);
	else if (outcome == AB_OUTCOME_DENIED) /* then the code were a guard's */
		finish(job, AB_OUTCOME_RETRY, code);
	else
		finish(job, outcome, code);
}

static void finish_child(struct job *job, enum ab_outcome outcome, int32_t code)
{
	if (is_login(job))
		finish(job, outcome, code);
	else
		finish_logout(job, outcome, code);
}

static void on_exit_status(struct job *job, const struct ab_spawner_result *result)
{
	enum ab_outcome outcome = is_login(job) ? ab_login_outcome(result->code)
						: ab_logout_outcome(result->code);

	job->login->is_missing_told = false;
	log_words(result, is_well(outcome));
	finish_child(job, outcome, result->code);
}

/* The deadline is over. The child goes on, so the job stays, answered. */
static void on_expired(struct job *job)
{
	ab_log_warnx("login",
		     "iscsiadm has not ended within %u s; it is left to end, and the "
		     "sessions are looked at then",
		     job->deadline_ms / 1000);
	job->phase = PHASE_LATE;
	finish_child(job, AB_OUTCOME_UNKNOWN, AB_LOGIN_E_TIMEOUT);
}

static void on_late_end(struct job *job, const struct ab_spawner_result *result)
{
	struct ab_login *l = job->login;

	ab_log_notice("login", "the iscsiadm that was late has ended");
	if (result->end == AB_SPAWNER_EXITED)
		log_words(result, result->code == 0);
	TAILQ_REMOVE(&l->jobs, job, link);
	job_free(job);
	ab_sessions_look_now(l->config.sessions);
}

static void on_not_started(struct job *job, int error)
{
	struct ab_login *l = job->login;

	if (!l->is_missing_told) {
		errno = error;
		ab_log_err("login",
			   "%s cannot be run, so nothing is logged in or out; install "
			   "open-iscsi, or say by --iscsiadm where it is",
			   l->iscsiadm);
	}
	l->is_missing_told = true;
	finish(job, AB_OUTCOME_RETRY, -error);
}

/* ab_spawner_fn. */
static void on_result(void *arg, const struct ab_spawner_result *result)
{
	struct job *job = arg;

	if (job->phase == PHASE_LATE) {
		on_late_end(job, result);
		return;
	}
	switch (result->end) {
	case AB_SPAWNER_EXITED:
		on_exit_status(job, result);
		return;
	case AB_SPAWNER_EXPIRED:
		on_expired(job);
		return;
	case AB_SPAWNER_FAILED:
		on_not_started(job, result->code);
		return;
	case AB_SPAWNER_CRASHED:
		ab_log_warnx("login", "iscsiadm was ended by signal %d", result->code);
		log_words(result, false);
		finish_child(job, AB_OUTCOME_UNKNOWN, -ECHILD);
		return;
	case AB_SPAWNER_FLOODED:  /* not of one that is never killed */
	case AB_SPAWNER_NO_INPUT: /* it has none */
	case AB_SPAWNER_UNKNOWN:
	case AB_SPAWNER_END_MAX:
		break;
	}
	finish_child(job, AB_OUTCOME_UNKNOWN, result->code ? -result->code : -EIO);
}

static void run(struct job *job, const char *const *argv)
{
	struct ab_spawner_job child = {
		.argv = argv,
		.deadline_ms = job->deadline_ms,
		.output_max = OUTPUT_MAX,
		.is_never_killed = true,
	};
	int r = ab_spawner_run(job->login->config.spawner, &child, on_result, job);

	if (r < 0)
		finish(job, AB_OUTCOME_RETRY, r);
	else
		job->phase = PHASE_CHILD;
}

static void run_login(struct job *job)
{
	const struct ab_node_key *key = &job->effect.login.key;
	char portal[AB_PORTAL_TEXT + 16];
	const char *argv[] = { job->login->iscsiadm, "-m",	"node", "-T",
			       key->target,	     "-p",	portal, "-I",
			       key->iface,	     "--login", NULL };
	struct ab_text t;

	ab_text_init(&t, portal, sizeof(portal));
	ab_name_add_portal(&t, &key->portal);
	if (key->tpgt != AB_TPGT_UNKNOWN) {
		ab_text_addc(&t, ',');
		ab_text_addi(&t, key->tpgt);
	}
	run(job, argv);
}

static void run_logout(struct job *job)
{
	char sid[16];
	const char *argv[] = { job->login->iscsiadm, "-m", "session", "-r", sid,
			       "--logout",	     NULL };
	struct ab_text t;

	ab_text_init(&t, sid, sizeof(sid));
	ab_text_addu(&t, job->effect.logout.sid);
	run(job, argv);
}

/* --- a login ---------------------------------------------------------------------- */

static void refuse_connect(struct job *job, int error)
{
	errno = error ? error : ETIMEDOUT;
	ab_log_errno(AB_LOG_DEBUG, "login", "%s: no TCP connection first",
		     job->effect.login.key.target);
	finish(job, AB_OUTCOME_RETRY, AB_LOGIN_E_CONNECT);
}

static void take_connect(struct job *job, const struct ab_tcp_outcome *outcome)
{
	if (outcome->result == AB_PROBE_ANSWER)
		run_login(job);
	else
		refuse_connect(job, outcome->error);
}

/* ab_tcp_fn. */
static void on_connect(void *arg, uint32_t token, const struct ab_tcp_outcome *outcome)
{
	struct ab_login *l = arg;
	struct job *job;

	TAILQ_FOREACH (job, &l->jobs, link) {
		if (job->phase != PHASE_CONNECT || job->token != token)
			continue;
		job->phase = PHASE_BEGIN;
		ab_loop_timer_set(job->timer, AB_MONO_NEVER);
		take_connect(job, outcome);
		return;
	}
}

static void begin_connect(struct job *job)
{
	struct ab_login *l = job->login;
	struct ab_tcp_outcome outcome;

	if (ab_tcp_is_full(l->tcp)) {
		finish(job, AB_OUTCOME_RETRY, -EBUSY);
		return;
	}
	job->token = ++l->last_token;
	if (ab_tcp_start(l->tcp, job->effect.login.ifindex,
			 &job->effect.login.key.portal, job->token, &job->connect,
			 &outcome) == AB_TCP_E_OVER) {
		take_connect(job, &outcome);
		return;
	}
	job->phase = PHASE_CONNECT;
	ab_loop_timer_set(job->timer, ab_mono_add_ms(ab_loop_now(l->config.loop),
						     job->effect.login.connect_ms));
}

static bool is_same_node(const struct ab_node_key *a, const struct ab_node_key *b)
{
	return ab_streq(a->target, b->target) && ab_streq(a->iface, b->iface) &&
	       ab_portal_equal(&a->portal, &b->portal);
}

static const struct ab_node_key *key_of(const struct job *job)
{
	return is_login(job) ? &job->effect.login.key : &job->effect.logout.key;
}

/* Does a child from before still work at the same binding? */
static bool is_late_child_there(const struct job *job)
{
	const struct job *other;

	TAILQ_FOREACH (other, &job->login->jobs, link)
		if (other->phase == PHASE_LATE &&
		    is_same_node(key_of(other), key_of(job)))
			return true;
	return false;
}

/* --- a logout --------------------------------------------------------------------- */

/* Looks at the session itself. Return: may go on; else the job is finished. */
static bool check_session(struct job *job)
{
	const struct ab_effect *ef = &job->effect;
	const struct ab_session *s =
		ab_sessions_look_at(job->login->config.sessions, ef->logout.sid);

	if (!s)
		finish(job, AB_OUTCOME_GONE, 0);
	else if (s->host != ef->logout.host || !is_same_node(&s->node, &ef->logout.key))
		finish(job, AB_OUTCOME_DENIED, AB_GUARD_CHANGED);
	else if (s->is_firmware)
		finish(job, AB_OUTCOME_DENIED, AB_GUARD_ROOT);
	else
		return true;
	return false;
}

/* ab_login_guarded_fn. */
static void on_guarded(void *arg, uint8_t guard)
{
	struct job *job = arg;

	assert(job->phase == PHASE_GUARD);
	job->phase = PHASE_BEGIN;
	if (guard != AB_GUARD_FREE &&
	    (guard != AB_GUARD_REDUNDANT || job->effect.logout.must_be_idle))
		finish(job, AB_OUTCOME_DENIED, guard);
	else if (check_session(job))
		run_logout(job);
}

static void begin_logout(struct job *job)
{
	const struct ab_login_config *config = &job->login->config;
	int r;

	if (!check_session(job))
		return;
	job->phase = PHASE_GUARD;
	r = config->guard
		    ? config->guard(config->guard_arg, &job->effect, on_guarded, job)
		    : -ENOSYS;
	if (r < 0) {
		errno = -r;
		ab_log_warn("login",
			    "session%u: who uses it cannot be found out, so "
			    "it is not logged out",
			    job->effect.logout.sid);
		job->phase = PHASE_BEGIN;
		finish(job, AB_OUTCOME_DENIED, AB_GUARD_UNREADABLE);
	}
}

/* --- jobs ------------------------------------------------------------------------- */

static void begin(struct job *job)
{
	if (is_late_child_there(job))
		finish(job, AB_OUTCOME_RETRY, AB_LOGIN_E_TIMEOUT);
	else if (!is_login(job))
		begin_logout(job);
	else if (job->effect.login.connect_ms > 0)
		begin_connect(job);
	else
		run_login(job);
}

/* Of PHASE_BEGIN and PHASE_CONNECT; a child's deadline is the spawner's. */
static void on_timer(void *arg)
{
	struct job *job = arg;

	if (job->phase == PHASE_CONNECT) {
		ab_tcp_cancel(job->login->tcp, job->connect);
		job->phase = PHASE_BEGIN;
		refuse_connect(job, 0);
	} else {
		begin(job);
	}
}

uint32_t ab_login_deadline_ms(const struct ab_login *l,
			      const struct ab_node_setting *settings,
			      uint32_t n_settings)
{
	int64_t timeout_s = l->login_timeout_s, retries = RETRY_MAX_DEFAULT, ms;

	for (uint32_t i = 0; i < n_settings; i++) {
		int key = ab_record_find(AB_RECORD_KIND_NODE, settings[i].name,
					 strlen(settings[i].name));

		if (key == AB_KEY_CONN_LOGIN_TIMEOUT)
			(void)ab_num_i64(settings[i].value, 0, INT32_MAX, &timeout_s);
		else if (key == AB_KEY_SESSION_INITIAL_LOGIN_RETRY_MAX)
			(void)ab_num_i64(settings[i].value, 0, INT32_MAX, &retries);
	}
	if (timeout_s * (retries + 1) > DEADLINE_MAX_MS / 1000) /* of 31 bits each */
		return DEADLINE_MAX_MS;
	ms = timeout_s * (retries + 1) * 1000 + l->config.margin_ms;
	return ms > DEADLINE_MAX_MS ? DEADLINE_MAX_MS : (uint32_t)ms;
}

int ab_login_run(struct ab_login *l, const struct ab_effect *effect,
		 const struct ab_node_setting *settings, uint32_t n_settings)
{
	struct job *job = calloc(1, sizeof(*job));

	assert((effect->type == AB_EF_LOGIN || effect->type == AB_EF_LOGOUT) &&
	       effect->job != 0);
	if (!job)
		return -ENOMEM;
	job->login = l;
	job->effect = *effect;
	job->deadline_ms = is_login(job) ? ab_login_deadline_ms(l, settings, n_settings)
					 : AB_LOGOUT_DEADLINE_MS;
	if (ab_loop_timer_new(l->config.loop, on_timer, job, &job->timer) < 0) {
		free(job);
		return -ENOMEM;
	}
	TAILQ_INSERT_TAIL(&l->jobs, job, link);
	ab_loop_timer_set(job->timer, ab_loop_now(l->config.loop));
	return 0;
}

/* --- life ------------------------------------------------------------------------- */

static void on_tcp(void *arg, unsigned int ready)
{
	struct ab_login *l = arg;

	(void)ready;
	ab_tcp_ready(l->tcp);
}

/* Records freeze iscsid.conf as it was when they were written; the file of today is
 * near enough for a deadline. */
static int64_t read_timeout(const char *path)
{
	struct ab_record *rec = malloc(sizeof(*rec));
	int64_t timeout_s = 30; /* open-iscsi's DEF_LOGIN_TIMEO */
	char *data = NULL;
	size_t n;

	if (!rec)
		return timeout_s;
	ab_record_clear(rec, AB_RECORD_KIND_NODE);
	if (path && ab_file_read(AT_FDCWD, path, CONF_MAX, &data, &n, NULL) == 0)
		ab_record_overlay_conf(rec, data, n, NULL, NULL);
	timeout_s = ab_record_get_int(rec, AB_KEY_CONN_LOGIN_TIMEOUT);
	free(data);
	free(rec);
	return timeout_s < 0 || timeout_s > INT32_MAX ? INT32_MAX : timeout_s;
}

int ab_login_new(const struct ab_login_config *config, struct ab_login **ret_login)
{
	struct ab_login *l;
	int r;

	if (config->iscsiadm[0] != '/')
		return -EINVAL;
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->config = *config;
	l->config.iscsiadm = l->config.iscsid_conf = NULL;
	if (!l->config.margin_ms)
		l->config.margin_ms = MARGIN_MS;
	TAILQ_INIT(&l->jobs);
	l->login_timeout_s = read_timeout(config->iscsid_conf);
	l->iscsiadm = strdup(config->iscsiadm);
	r = l->iscsiadm ? ab_tcp_new(CONNECTS_MAX, on_connect, l, &l->tcp) : -ENOMEM;
	if (r == 0)
		r = ab_loop_fd_new(config->loop, ab_tcp_fd(l->tcp), AB_LOOP_READ,
				   on_tcp, l, &l->tcp_handle);
	if (r < 0) {
		ab_login_free(l);
		return r;
	}
	*ret_login = l;
	return 0;
}

struct ab_login *ab_login_free(struct ab_login *l)
{
	struct job *job;

	if (!l)
		return NULL;
	while ((job = TAILQ_FIRST(&l->jobs))) {
		TAILQ_REMOVE(&l->jobs, job, link);
		job_free(job);
	}
	ab_loop_fd_free(l->tcp_handle);
	ab_tcp_free(l->tcp);
	free(l->iscsiadm);
	free(l);
	return NULL;
}
