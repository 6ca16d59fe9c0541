/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/service.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/name.h"
#include "io/control.h"
#include "io/goal.h"
#include "io/log.h"
#include "util/num.h"

/* An answer that is not finished: a follower of events, or of progress. */
struct open_reply {
	struct open_reply *next;
	struct ab_service *service;
	struct ab_reply *reply;
	uint64_t next_note; /* follower of events: the first one not sent yet */
	struct ab_loop_timer *deadline; /* owned; follower of progress, else NULL */
	struct ab_goal goal;		/* ... until that is reached */
};

/* What follows a reload. */
enum reload_kind {
	RELOAD_ONLY,
	RELOAD_TO_DRAIN,
	RELOAD_TO_UNDRAIN
};

/* A reload or a plan that waits for the files to be read. */
struct conf_request {
	struct conf_request *next;
	struct ab_service *service;
	struct ab_reply *reply;
	enum reload_kind kind;
	struct ab_scope scope; /* to drain or undrain */
	int64_t patience_ms;
};

struct ab_service {
	struct ab_shell *sh;
	struct ab_control *control;
	struct open_reply *open;
	struct conf_request *waiting;
};

/* --- rows --- */

static void send_row(void *arg, const struct ab_row *row)
{
	(void)ab_reply_row(arg, row); /* a client that went takes no more rows */
}

static struct ab_view view_for(struct ab_service *s, struct ab_reply *reply)
{
	struct ab_view v = ab_shell_view(s->sh);

	v.fn = send_row;
	v.arg = reply;
	return v;
}

static void no_such_port(struct ab_reply *reply, const char *port)
{
	char text[128];
	struct ab_text t;

	ab_text_init(&t, text, sizeof(text));
	ab_text_add(&t, "there is no network device ");
	ab_text_add_escaped(&t, port, strlen(port));
	ab_text_add(&t, "; `autobind ports` lists them");
	ab_reply_error(reply, AB_MESSAGE_ERROR_NOT_FOUND, text);
}

/* --- tables --- */

typedef uint32_t table_fn(const struct ab_view *v, const char *filter);

/* Rows of one piece: few enough for a queue that is not full, however long they are. */
#define PIECE_ROWS 64u
/* Missing paths that are told: an answer that is read, not a table. */
#define MISSING_MAX 256u
/* Pieces of one wake-up: some milliseconds. */
#define PIECES_MAX 4u

/*
 * A table may be longer than a client's queue: it is sent in pieces. A row that comes
 * or goes meanwhile may be shown twice or not at all, as in any listing of what
 * changes.
 */
struct table {
	struct ab_service *service;
	struct ab_reply *reply;
	table_fn *fn;
	char filter[AB_TARGET_NAME];
	uint32_t n_sent;
};

/* Return: true when nothing is left. */
static bool send_pieces(struct table *t)
{
	struct ab_view v = view_for(t->service, t->reply);
	unsigned int i;

	v.max = PIECE_ROWS;
	for (i = 0; i < PIECES_MAX && !ab_reply_is_full(t->reply); i++) {
		v.first = t->n_sent;
		t->n_sent = t->fn(&v, t->filter);
		if (t->n_sent < v.first + v.max)
			return true;
	}
	return false;
}

static void end_table(void *arg, struct ab_reply *reply)
{
	free(arg);
	ab_reply_end(reply);
}

static void on_room(void *arg, struct ab_reply *reply)
{
	if (send_pieces(arg))
		end_table(arg, reply);
}

static void send_table(struct ab_service *s, const struct ab_request *req,
		       struct ab_reply *reply, table_fn *fn)
{
	const char *port = ab_request_get(req, "port");
	struct table *t = calloc(1, sizeof(*t));

	if (!t) {
		ab_reply_error(reply, AB_MESSAGE_ERROR_INTERNAL, "out of memory");
		return;
	}
	t->service = s;
	t->reply = reply;
	t->fn = fn;
	if (port && !ab_copy(t->filter, sizeof(t->filter), port)) {
		/* Longer than any name: what matches it is nothing. */
		end_table(t, reply);
		return;
	}
	if (send_pieces(t))
		end_table(t, reply);
	else
		ab_reply_on_room(reply, on_room, end_table, t);
}

static uint32_t all_ifaces(const struct ab_view *v, const char *filter)
{
	(void)filter;
	return ab_view_ifaces(v);
}

static uint32_t all_portals(const struct ab_view *v, const char *filter)
{
	(void)filter;
	return ab_view_portals(v);
}

static void skip_row(void *arg, const struct ab_row *row)
{
	(void)arg;
	(void)row;
}

static void do_status(struct ab_service *s, const struct ab_request *req,
		      struct ab_reply *reply)
{
	struct ab_view v = view_for(s, reply);
	const char *port = ab_request_get(req, "port");
	struct ab_row row;

	v.fn = skip_row;
	if (port && *port && ab_view_ports(&v, port) == 0) {
		no_such_port(reply, port);
		return;
	}
	ab_row_clear(&row);
	ab_row_text(&row, "row", "head");
	ab_shell_add_head(s->sh, &row);
	ab_view_head(&v, &row);
	(void)ab_reply_row(reply, &row);
	send_table(s, req, reply, ab_view_ports);
}

static void do_ports(struct ab_service *s, const struct ab_request *req,
		     struct ab_reply *reply)
{
	send_table(s, req, reply, ab_view_ports);
}

static void do_ifaces(struct ab_service *s, const struct ab_request *req,
		      struct ab_reply *reply)
{
	send_table(s, req, reply, all_ifaces);
}

static void do_portals(struct ab_service *s, const struct ab_request *req,
		       struct ab_reply *reply)
{
	send_table(s, req, reply, all_portals);
}

static void do_paths(struct ab_service *s, const struct ab_request *req,
		     struct ab_reply *reply)
{
	send_table(s, req, reply, ab_view_paths);
}

static void do_nodes(struct ab_service *s, const struct ab_request *req,
		     struct ab_reply *reply)
{
	send_table(s, req, reply, ab_view_nodes);
}

static void do_sessions(struct ab_service *s, const struct ab_request *req,
			struct ab_reply *reply)
{
	send_table(s, req, reply, ab_view_sessions);
}

static void do_explain(struct ab_service *s, const struct ab_request *req,
		       struct ab_reply *reply)
{
	struct ab_view v = view_for(s, reply);
	const char *port = ab_request_get(req, "port");
	int r;

	if (!port || !*port) {
		ab_reply_error(reply, AB_MESSAGE_ERROR_BAD_PARAMETER,
			       "which port? `autobind ports` lists them");
		return;
	}
	r = ab_view_explain(&v, port, ab_request_get(req, "object"));
	if (r == -ENODEV)
		no_such_port(reply, port);
	else if (r == -ENOENT)
		ab_reply_error(reply, AB_MESSAGE_ERROR_NOT_FOUND,
			       "the port knows no such portal or target; `autobind "
			       "paths` lists what it knows");
	else
		ab_reply_end(reply);
}

/* --- open answers --- */

static void remove_open(struct ab_service *s, struct open_reply *o)
{
	struct open_reply **at = &s->open;

	while (*at != o)
		at = &(*at)->next;
	*at = o->next;
	o->deadline = ab_loop_timer_free(o->deadline);
	free(o);
}

static void end_open(struct open_reply *o)
{
	struct ab_reply *reply = o->reply;

	remove_open(o->service, o);
	ab_reply_end(reply);
}

static void on_gone(void *arg, struct ab_reply *reply)
{
	(void)reply;
	end_open(arg);
}

/* Keeps an answer open; without memory it ends with an error. */
static struct open_reply *keep_open(struct ab_service *s, struct ab_reply *reply)
{
	struct open_reply *o = calloc(1, sizeof(*o));

	if (!o) {
		ab_reply_error(reply, AB_MESSAGE_ERROR_INTERNAL, "out of memory");
		return NULL;
	}
	o->service = s;
	o->reply = reply;
	o->next = s->open;
	s->open = o;
	ab_reply_on_gone(reply, on_gone, o);
	return o;
}

/* --- events --- */

static void send_notes(struct open_reply *o)
{
	const struct ab_history *h = ab_shell_history(o->service->sh);
	struct ab_row row;

	if (o->next_note < ab_history_first(h))
		o->next_note = ab_history_first(h);
	for (; o->next_note < h->n; o->next_note++) {
		ab_history_row(h, o->next_note, &row);
		(void)ab_reply_row(o->reply, &row);
	}
}

static void do_events(struct ab_service *s, const struct ab_request *req,
		      struct ab_reply *reply)
{
	const struct ab_history *h = ab_shell_history(s->sh);
	const char *lines = ab_request_get(req, "lines");
	struct open_reply *o;
	uint64_t n = AB_HISTORY_MAX;

	if (lines && ab_num_u64(lines, 0, AB_HISTORY_MAX, &n)) {
		ab_reply_error(reply, AB_MESSAGE_ERROR_BAD_PARAMETER,
			       "lines: a number from 0 to 512");
		return;
	}
	o = keep_open(s, reply);
	if (!o)
		return;
	o->next_note = h->n - (n < h->n ? n : h->n);
	send_notes(o);
	if (!ab_request_get(req, "follow"))
		end_open(o);
}

/* --- orders and their progress --- */

static void tell_text(struct ab_reply *reply, const char *text)
{
	struct ab_row row;

	ab_row_clear(&row);
	ab_row_text(&row, "text", text);
	(void)ab_reply_row(reply, &row);
}

static void tell_result(struct ab_reply *reply, bool is_satisfied, const char *text)
{
	struct ab_row row;

	ab_row_clear(&row);
	ab_row_text(&row, "row", "result");
	ab_row_bool(&row, "satisfied", is_satisfied);
	ab_row_text(&row, "text", text);
	(void)ab_reply_row(reply, &row);
}

static bool is_reached(const struct open_reply *o)
{
	struct ab_view v = ab_shell_view(o->service->sh);

	return ab_goal_is_reached(&o->goal, &v);
}

/* Reached, or given up. */
static void end_progress(struct open_reply *o, bool is_reached)
{
	struct ab_view v = view_for(o->service, o->reply);
	char text[256];
	struct ab_text t;

	v.max = MISSING_MAX;
	if (!is_reached)
		ab_goal_missing(&o->goal, &v);
	ab_text_init(&t, text, sizeof(text));
	ab_goal_add_result(&t, &o->goal, is_reached);
	tell_result(o->reply, is_reached, text);
	end_open(o);
}

static void give_up(void *arg)
{
	end_progress(arg, false);
}

/* What an order follows when nothing else is asked for. */
static const struct ab_goal everything = { .kind = AB_GOAL_SATISFIED };

static void follow_progress(struct ab_service *s, struct ab_reply *reply,
			    const struct ab_goal *goal, int64_t patience_ms)
{
	struct open_reply *o = keep_open(s, reply);

	if (!o)
		return;
	o->goal = *goal;
	if (is_reached(o)) {
		end_progress(o, true);
		return;
	}
	o->next_note = ab_shell_history(s->sh)->n;
	if (ab_loop_timer_new(ab_shell_loop(s->sh), give_up, o, &o->deadline) < 0) {
		give_up(o);
		return;
	}
	ab_loop_timer_set(o->deadline, ab_mono_add_ms(ab_loop_now(ab_shell_loop(s->sh)),
						      patience_ms));
}

static void tell_note(struct open_reply *o, uint64_t number)
{
	struct ab_row note, row;

	ab_history_row(ab_shell_history(o->service->sh), number, &note);
	ab_row_clear(&row);
	ab_row_number(&row, "time_ms", ab_row_find(&note, "time_ms")->number);
	ab_row_text(&row, "port", ab_row_get(&note, "port"));
	ab_row_text(&row, "portal", ab_row_get(&note, "portal"));
	ab_row_text(&row, "text", ab_row_get(&note, "text"));
	(void)ab_reply_row(o->reply, &row);
}

static void send_progress(struct open_reply *o)
{
	const struct ab_history *h = ab_shell_history(o->service->sh);

	if (o->next_note < ab_history_first(h))
		o->next_note = ab_history_first(h);
	/* Who waits asks for the end only. */
	for (; o->next_note < h->n; o->next_note++)
		if (o->goal.kind != AB_GOAL_WAITED)
			tell_note(o, o->next_note);
	if (is_reached(o))
		end_progress(o, true);
}

static void on_step(void *arg)
{
	struct ab_service *s = arg;
	struct open_reply *o, *next;

	for (o = s->open; o; o = next) {
		next = o->next;
		if (o->deadline)
			send_progress(o);
		else
			send_notes(o);
	}
}

static void command(struct ab_service *s, enum ab_command_verb verb)
{
	struct ab_event ev = { .type = AB_EV_COMMAND };

	ev.command.verb = (uint8_t)verb;
	ab_shell_event(s->sh, &ev);
}

static void do_apply(struct ab_service *s, const struct ab_request *req,
		     struct ab_reply *reply)
{
	(void)req;
	command(s, AB_COMMAND_APPLY);
	follow_progress(s, reply, &everything, AB_SERVICE_PROGRESS_MS);
}

static void do_pause(struct ab_service *s, const struct ab_request *req,
		     struct ab_reply *reply)
{
	static const struct ab_goal paused = { .kind = AB_GOAL_PAUSED };

	command(s,
		ab_request_get(req, "quiesce") ? AB_COMMAND_QUIESCE : AB_COMMAND_PAUSE);
	follow_progress(s, reply, &paused, AB_SERVICE_PAUSE_MS);
}

static void do_resume(struct ab_service *s, const struct ab_request *req,
		      struct ab_reply *reply)
{
	command(s, ab_request_get(req, "quiesce") ? AB_COMMAND_UNQUIESCE
						  : AB_COMMAND_RESUME);
	tell_result(reply, true,
		    ab_view_is_paused(ab_shell_view(s->sh).e)
			    ? "still paused: `autobind resume` ends that"
			    : "resumed");
	ab_reply_end(reply);
}

/* Seconds; @fallback_ms where none are given. */
static bool take_timeout(const struct ab_request *req, struct ab_reply *reply,
			 int64_t fallback_ms, int64_t *ret_ms)
{
	const char *value = ab_request_get(req, "timeout");
	uint64_t seconds;

	*ret_ms = fallback_ms;
	if (!value)
		return true;
	if (ab_num_u64(value, 0, AB_SERVICE_TIMEOUT_MAX_S, &seconds)) {
		ab_reply_error(reply, AB_MESSAGE_ERROR_BAD_PARAMETER,
			       "timeout: a number of seconds from 0 to 86400");
		return false;
	}
	*ret_ms = (int64_t)seconds * 1000;
	return true;
}

static bool take_name(const struct ab_request *req, const char *name, char *to,
		      size_t size)
{
	const char *value = ab_request_get(req, name);

	return !value || ab_copy(to, size, value);
}

static bool take_wait(const struct ab_request *req, struct ab_reply *reply,
		      struct ab_wait *w)
{
	const char *paths = ab_request_get(req, "paths");
	uint64_t n = 0;

	if (paths && ab_num_u64(paths, 1, 64, &n)) {
		ab_reply_error(reply, AB_MESSAGE_ERROR_BAD_PARAMETER,
			       "paths: a number from 1 to 64");
		return false;
	}
	w->paths = (uint32_t)n;
	if (take_name(req, "policy", w->policy, sizeof(w->policy)) &&
	    take_name(req, "port", w->port, sizeof(w->port)) &&
	    take_name(req, "target", w->target, sizeof(w->target)))
		return true;
	ab_reply_error(reply, AB_MESSAGE_ERROR_BAD_PARAMETER,
		       "policy, port or target: longer than any name");
	return false;
}

static void do_wait(struct ab_service *s, const struct ab_request *req,
		    struct ab_reply *reply)
{
	struct ab_goal goal = { .kind = AB_GOAL_WAITED };
	const struct ab_policy_set *set = ab_shell_view(s->sh).set;
	int64_t patience_ms;

	if (!take_wait(req, reply, &goal.wait) ||
	    !take_timeout(req, reply, AB_SERVICE_WAIT_MS, &patience_ms))
		return;
	if (set && goal.wait.policy[0] && ab_policy_find(set, goal.wait.policy) < 0)
		ab_reply_error(reply, AB_MESSAGE_ERROR_NOT_FOUND,
			       "there is no such policy: a policy has the name of its "
			       "file, without .conf");
	else
		follow_progress(s, reply, &goal, patience_ms);
}

/* --- configuration --- */

static void remove_waiting(struct ab_service *s, struct conf_request *c)
{
	struct conf_request **at = &s->waiting;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	free(c);
}

/* All errors, as `check` prints them; false when there is none. */
static bool refuse_conf(struct ab_reply *reply, int r, const struct ab_conf *conf,
			const char *consequence)
{
	char text[4096];
	struct ab_text t;

	if (r == 0 && conf->set)
		return false;
	ab_text_init(&t, text, sizeof(text));
	ab_text_add(&t, "refused, ");
	ab_text_add(&t, consequence);
	ab_text_add(&t, ":\n");
	if (r == 0)
		ab_conf_add_errors(&t, conf);
	else
		ab_text_add(&t, r < 0 ? strerror(-r) : "the files could not be read");
	ab_reply_error(reply, AB_MESSAGE_ERROR_CONFIG, text);
	return true;
}

static void tell_warnings(struct ab_reply *reply, const struct ab_conf *conf)
{
	char text[AB_DIAG_TEXT + 512];
	struct ab_text t;
	uint32_t i;

	for (i = 0; i < conf->diags.n; i++) {
		const struct ab_diag *d = &conf->diags.v[i];
		const char *path = ab_conf_path(conf, d);

		ab_text_init(&t, text, sizeof(text));
		ab_text_add(&t, path ? path : "configuration");
		ab_text_addc(&t, ':');
		ab_text_addu(&t, d->line);
		ab_text_add(&t, ": warning: ");
		ab_text_add(&t, d->text);
		tell_text(reply, text);
	}
}

/* The files have been read: is it in them, and does anything have that name? */
static void drain(struct ab_service *s, struct ab_reply *reply,
		  const struct conf_request *c)
{
	struct ab_goal goal = { .kind = AB_GOAL_DRAINED, .scope = c->scope };
	struct ab_view v = ab_shell_view(s->sh);
	char text[512];
	struct ab_text t;
	bool is_drain = false;

	ab_text_init(&t, text, sizeof(text));
	if (ab_view_add_exclusion(&t, &v, &c->scope, &is_drain) && is_drain) {
		tell_text(reply, text);
		follow_progress(s, reply, &goal, c->patience_ms);
		return;
	}
	tell_result(reply, false,
		    "no deny list that the daemon reads drains it: does the daemon "
		    "run with other --run-dir or --config-dir?");
	ab_reply_end(reply);
}

static void undrain(struct ab_service *s, struct ab_reply *reply,
		    const struct conf_request *c)
{
	struct ab_goal goal = { .kind = AB_GOAL_SATISFIED, .scope = c->scope };
	struct ab_event ev = { .type = AB_EV_COMMAND };
	struct ab_view v;
	char text[512];
	struct ab_text t;
	bool is_drain;

	ev.command.verb = AB_COMMAND_APPLY;
	ev.command.scope = c->scope;
	ab_shell_event(s->sh, &ev);
	v = ab_shell_view(s->sh);
	ab_text_init(&t, text, sizeof(text));
	ab_text_add(&t, "still ");
	if ((c->scope.port[0] || c->scope.portal.addr.family) &&
	    ab_view_add_exclusion(&t, &v, &c->scope, &is_drain)) {
		tell_result(reply, false, text);
		ab_reply_end(reply);
		return;
	}
	follow_progress(s, reply, &goal, c->patience_ms);
}

static void on_reloaded(void *arg, int r, const struct ab_conf *conf)
{
	struct conf_request c = *(struct conf_request *)arg;
	struct ab_service *s = c.service;
	struct ab_reply *reply = c.reply;
	char text[96];
	struct ab_text t;

	remove_waiting(s, arg);
	if (refuse_conf(reply, r, conf,
			ab_shell_view(s->sh).set
				? "the configuration in force stays"
				: "and none is in force: nothing is changed"))
		return;
	tell_warnings(reply, conf);
	ab_text_init(&t, text, sizeof(text));
	ab_text_add(&t, "configuration ");
	ab_text_addu(&t, conf->set->generation);
	ab_text_add(&t, " is in force: ");
	ab_text_addu(&t, conf->set->n_policies);
	ab_text_add(&t, conf->set->n_policies == 1 ? " policy" : " policies");
	tell_text(reply, text);
	if (c.kind == RELOAD_TO_DRAIN)
		drain(s, reply, &c);
	else if (c.kind == RELOAD_TO_UNDRAIN)
		undrain(s, reply, &c);
	else
		follow_progress(s, reply, &everything, AB_SERVICE_PROGRESS_MS);
}

/* The rows of a plan, sent in pieces as a table is: the steps, then what is blocked.
 * The engine that they come from is gone by then. */
struct steps {
	struct ab_reply *reply;
	/* Cells of the blocked: kind, object, port, reason, each with its NUL. */
	char *blocked; /* owned */
	size_t blocked_len, blocked_at;
	uint32_t n_more; /* blocked that are not told */
	uint32_t n, n_sent;
	struct ab_effect v[];
};

/* Blocked things that are told: an answer that is read. */
#define BLOCKED_MAX 4096u

struct collector {
	FILE *f;
	uint32_t n;
};

static void collect(void *arg, const struct ab_row *row)
{
	static const char *const cells[] = { "kind", "object", "port", "reason" };
	struct collector *c = arg;
	unsigned int i;

	if (c->n++ >= BLOCKED_MAX)
		return;
	for (i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		(void)fputs(ab_row_get(row, cells[i]), c->f); /* asked at the end */
		(void)fputc('\0', c->f);
	}
}

static bool collect_blocked(struct steps *s, const struct ab_view *after)
{
	struct ab_view v = *after;
	struct collector c = { .f = open_memstream(&s->blocked, &s->blocked_len) };
	bool is_good;

	if (!c.f)
		return false;
	v.fn = collect;
	v.arg = &c;
	(void)ab_view_blocked(&v);
	s->n_more = c.n > BLOCKED_MAX ? c.n - BLOCKED_MAX : 0;
	is_good = !ferror(c.f);
	return fclose(c.f) == 0 && is_good;
}

static const char *take_cell(struct steps *s)
{
	const char *cell = s->blocked + s->blocked_at;

	s->blocked_at += strlen(cell) + 1;
	return cell;
}

static void send_blocked(struct steps *s)
{
	struct ab_row row;
	const char *port;

	ab_row_clear(&row);
	ab_row_text(&row, "op", "!");
	ab_row_text(&row, "kind", take_cell(s));
	ab_row_text(&row, "object", take_cell(s));
	port = take_cell(s);
	if (*port)
		ab_row_text(&row, "port", port);
	else
		ab_row_null(&row, "port");
	ab_row_text(&row, "reason", take_cell(s));
	(void)ab_reply_row(s->reply, &row);
}

static void send_more(struct steps *s)
{
	struct ab_row row;

	ab_row_clear(&row);
	ab_row_text(&row, "op", "!");
	ab_row_text(&row, "kind", "more");
	ab_row_number(&row, "object", s->n_more);
	ab_row_null(&row, "port");
	ab_row_text(&row, "reason",
		    "not told here; `autobind status` and `paths` tell of all");
	(void)ab_reply_row(s->reply, &row);
	s->n_more = 0;
}

/* Return: true when nothing is left. */
static bool send_steps(struct steps *s)
{
	struct ab_row row;
	unsigned int i;

	for (i = 0; i < PIECE_ROWS * PIECES_MAX; i++) {
		if (ab_reply_is_full(s->reply))
			return false;
		if (s->n_sent < s->n) {
			if (ab_view_plan(&s->v[s->n_sent++], &row))
				(void)ab_reply_row(s->reply, &row);
		} else if (s->blocked_at < s->blocked_len) {
			send_blocked(s);
		} else {
			if (s->n_more)
				send_more(s);
			return true;
		}
	}
	return false;
}

static void free_steps(struct steps *s)
{
	free(s->blocked);
	free(s);
}

static void end_steps(void *arg, struct ab_reply *reply)
{
	free_steps(arg);
	ab_reply_end(reply);
}

static void on_room_for_steps(void *arg, struct ab_reply *reply)
{
	if (send_steps(arg))
		end_steps(arg, reply);
}

static void on_planned(void *arg, int r, const struct ab_conf *conf,
		       const struct ab_effects *effects, const struct ab_view *after)
{
	struct conf_request *c = arg;
	struct ab_reply *reply = c->reply;
	struct steps *s;

	remove_waiting(c->service, c);
	if (refuse_conf(reply, r, conf, "as a reload would be"))
		return;
	s = calloc(1, sizeof(*s) + effects->n * sizeof(s->v[0]));
	if (!s || !collect_blocked(s, after)) {
		if (s)
			free_steps(s);
		ab_reply_error(reply, AB_MESSAGE_ERROR_INTERNAL, "out of memory");
		return;
	}
	s->reply = reply;
	s->n = effects->n;
	if (effects->n)
		memcpy(s->v, effects->v, effects->n * sizeof(s->v[0]));
	if (send_steps(s))
		end_steps(s, reply);
	else
		ab_reply_on_room(reply, on_room_for_steps, end_steps, s);
}

static void ask_conf(struct ab_service *s, struct ab_reply *reply, bool is_plan,
		     const struct conf_request *what)
{
	struct conf_request *c = malloc(sizeof(*c));
	int r;

	if (!c) {
		ab_reply_error(reply, AB_MESSAGE_ERROR_INTERNAL, "out of memory");
		return;
	}
	*c = *what;
	c->next = s->waiting;
	c->service = s;
	c->reply = reply;
	s->waiting = c;
	r = is_plan ? ab_shell_plan(s->sh, on_planned, c)
		    : ab_shell_reload(s->sh, on_reloaded, c);
	if (r == 0)
		return;
	remove_waiting(c->service, c);
	ab_reply_error(reply, AB_MESSAGE_ERROR_INTERNAL, "out of memory");
}

static void do_reload(struct ab_service *s, const struct ab_request *req,
		      struct ab_reply *reply)
{
	static const struct conf_request nothing_else = { .kind = RELOAD_ONLY };

	(void)req;
	ask_conf(s, reply, false, &nothing_else);
}

static bool take_scope(const struct ab_request *req, struct ab_reply *reply,
		       struct ab_scope *scope)
{
	const char *object = ab_request_get(req, "object");

	if (!object || ab_name_parse_scope(object, scope) == 0)
		return true;
	ab_reply_error(reply, AB_MESSAGE_ERROR_BAD_PARAMETER,
		       "object: neither a network device nor ADDRESS[:PORT]");
	return false;
}

static void do_drain(struct ab_service *s, const struct ab_request *req,
		     struct ab_reply *reply)
{
	struct conf_request c = { .kind = RELOAD_TO_DRAIN };

	if (!ab_request_get(req, "object")) {
		ab_reply_error(reply, AB_MESSAGE_ERROR_BAD_PARAMETER,
			       "object: which port or portal?");
		return;
	}
	if (take_scope(req, reply, &c.scope) &&
	    take_timeout(req, reply, AB_SERVICE_PROGRESS_MS, &c.patience_ms))
		ask_conf(s, reply, false, &c);
}

static void do_undrain(struct ab_service *s, const struct ab_request *req,
		       struct ab_reply *reply)
{
	struct conf_request c = { .kind = RELOAD_TO_UNDRAIN };

	if (take_scope(req, reply, &c.scope) &&
	    take_timeout(req, reply, AB_SERVICE_PROGRESS_MS, &c.patience_ms))
		ask_conf(s, reply, false, &c);
}

static void do_plan(struct ab_service *s, const struct ab_request *req,
		    struct ab_reply *reply)
{
	static const struct conf_request nothing_else = { .kind = RELOAD_ONLY };

	(void)req;
	ask_conf(s, reply, true, &nothing_else);
}

/* --- methods --- */

static void on_request(void *arg, const struct ab_request *req, struct ab_reply *reply)
{
	static const struct {
		const char *method;
		void (*fn)(struct ab_service *s, const struct ab_request *req,
			   struct ab_reply *reply);
	} methods[] = {
		{ "status", do_status },     { "ports", do_ports },
		{ "ifaces", do_ifaces },     { "portals", do_portals },
		{ "paths", do_paths },	     { "nodes", do_nodes },
		{ "sessions", do_sessions }, { "explain", do_explain },
		{ "plan", do_plan },	     { "reload", do_reload },
		{ "apply", do_apply },	     { "pause", do_pause },
		{ "resume", do_resume },     { "events", do_events },
		{ "drain", do_drain },	     { "undrain", do_undrain },
		{ "wait", do_wait },
	};
	unsigned int i;

	for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (!ab_streq(methods[i].method, req->method))
			continue;
		methods[i].fn(arg, req, reply);
		return;
	}
	ab_reply_error(reply, AB_MESSAGE_ERROR_NO_METHOD, "no such method");
}

int ab_service_new(struct ab_shell *sh, const char *path, gid_t group,
		   struct ab_service **ret_service)
{
	struct ab_control_config config = { .path = path, .group = group };
	struct ab_service *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->sh = sh;
	r = ab_control_new(ab_shell_loop(sh), &config, on_request, s, &s->control);
	if (r == AB_CONTROL_E_RUNNING)
		ab_log_errx("control", "%s: another daemon answers there", path);
	else if (r == AB_CONTROL_E_NOT_SOCKET)
		ab_log_errx("control", "%s: exists and is no socket; remove it", path);
	else if (r < 0)
		ab_log(AB_LOG_ERR, "control", "%s: %s", path, strerror(-r));
	if (r) {
		free(s);
		return r;
	}
	ab_shell_watch(sh, on_step, s);
	*ret_service = s;
	return 0;
}

/* Whoever still waits for an answer gets one: it is over. */
static void end_waiting(struct ab_service *s)
{
	while (s->waiting) {
		struct conf_request *c = s->waiting;
		struct ab_reply *reply = c->reply;

		ab_shell_forget(s->sh, c);
		remove_waiting(s, c);
		ab_reply_error(reply, AB_MESSAGE_ERROR_INTERNAL, "the daemon ends");
	}
	while (s->open) {
		struct open_reply *o = s->open;
		struct ab_reply *reply = o->reply;
		bool is_progress = o->deadline != NULL;

		remove_open(s, o);
		if (is_progress)
			ab_reply_error(reply, AB_MESSAGE_ERROR_INTERNAL,
				       "the daemon ends");
		else
			ab_reply_end(reply);
	}
}

struct ab_service *ab_service_free(struct ab_service *s)
{
	if (!s)
		return NULL;
	ab_shell_unwatch(s->sh, s);
	end_waiting(s);
	s->control = ab_control_free(s->control);
	free(s);
	return NULL;
}
