/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/offline.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "core/evtext.h"
#include "core/name.h"
#include "core/pretend.h"
#include "util/num.h"
#include "io/clock.h"
#include "io/conf.h"
#include "io/file.h"
#include "io/host.h"
#include "io/iscsi_db.h"
#include "io/ledger_file.h"
#include "io/loop.h"
#include "io/machine.h"
#include "io/mon_rtnl.h"
#include "io/mon_session.h"
#include "io/mon_udev.h"

/* Patience with the kernel's dumps. */
#define LOOK_MS 10000
/* A world file is written by hand or by --record. */
#define WORLD_MAX (64 * 1024 * 1024)
#define EFFECTS_MAX 256

/* `answers` of a world file. */
struct answer {
	struct ab_portal portal;
	char port[AB_NETDEV_NAME]; /* "": through every device */
};

/* `target` of a world file. */
struct known_target {
	char name[AB_TARGET_NAME];
	struct ab_portal portal;
	int32_t tpgt;
};

struct ab_offline {
	struct ab_host host;
	struct ab_machine machine;
	struct ab_conf *conf; /* owned; its set may be NULL: refused */
	ab_mono now;
	struct ab_loop *loop; /* while looking */
	bool has_rtnl, has_udev, has_sessions;
	int error;	   /* of an event that could not be taken */
	uint32_t last_sid; /* of a session that is pretended */
	/* What would be done, in order. */
	struct ab_effect *steps; /* owned */
	size_t n_steps, n_answered;
	/* The described world; NULL: this host. */
	struct answer *answers;	      /* owned */
	struct known_target *targets; /* owned */
	size_t n_answers, n_targets;
};

/* --- events and what they lead to --- */

/* Makes room for one more element. Return: false without memory. */
static bool reserve(void **v, size_t n, size_t size)
{
	void *larger;

	/* Doubled whenever n is a power of two from 16 on. */
	if (n && (n < 16 || (n & (n - 1))))
		return true;
	larger = realloc(*v, (n < 16 ? 16 : n * 2) * size);
	if (!larger)
		return false;
	*v = larger;
	return true;
}

static void remember(struct ab_offline *o, const struct ab_effect *ef)
{
	void *v = o->steps;

	if (!reserve(&v, o->n_steps, sizeof(*ef))) {
		o->error = -ENOMEM;
		return;
	}
	o->steps = v;
	o->steps[o->n_steps++] = *ef;
}

/* Takes an event; what follows from it waits for drain(). */
static void take(struct ab_offline *o, const struct ab_event *ev)
{
	struct ab_effect *v = malloc(EFFECTS_MAX * sizeof(*v));
	struct ab_effects out = { .v = v, .max = EFFECTS_MAX };
	const struct ab_policy_set *set = o->conf ? o->conf->set : NULL;
	uint32_t i;
	int r = v ? ab_machine_step(&o->machine, set, ev, o->now, &out) : -ENOMEM;

	if (r < 0)
		o->error = r;
	for (i = 0; i < out.n && !o->error; i++)
		remember(o, &out.v[i]);
	free(v);
}

static bool does_answer(const struct ab_offline *o, const struct ab_effect *ef)
{
	size_t i;

	for (i = 0; i < o->n_answers; i++)
		if (ab_portal_equal(&o->answers[i].portal, &ef->probe.portal) &&
		    (!o->answers[i].port[0] ||
		     ab_streq(o->answers[i].port, ef->probe.netdev)))
			return true;
	return false;
}

static void answer_probe(struct ab_offline *o, const struct ab_effect *ef)
{
	struct ab_event ev = { .type = AB_EV_PROBE };
	unsigned int i;

	ev.probe.path = ef->probe.path;
	ev.probe.result = does_answer(o, ef) ? AB_PROBE_ANSWER : AB_PROBE_LOST;
	ev.probe.method = ef->probe.method;
	ev.probe.arrival = ef->probe.ifindex;
	/* As many as Rise or Fall can ask for. */
	for (i = 0; i < UINT8_MAX && !o->error; i++)
		take(o, &ev);
}

static void answer_discovery(struct ab_offline *o, const struct ab_effect *ef)
{
	struct ab_event ev = { .type = AB_EV_FOUND };
	size_t i;

	ev.found.job = ef->job;
	for (i = 0; i < o->n_targets && !o->error; i++) {
		memcpy(ev.found.target, o->targets[i].name, sizeof(ev.found.target));
		ev.found.portal = o->targets[i].portal;
		ev.found.tpgt = o->targets[i].tpgt;
		take(o, &ev);
	}
	memset(&ev, 0, sizeof(ev));
	ev.type = AB_EV_DONE;
	ev.done.job = ef->job;
	take(o, &ev);
}

/* In a described world all goes well, so that what follows from it is planned, too. */
static void answer_well(struct ab_offline *o, const struct ab_effect *ef)
{
	struct ab_event events[AB_PRETEND_MAX];
	unsigned int n = ab_pretend(ef, ++o->last_sid, AB_GUARD_FREE, events), i;

	for (i = 0; i < n && !o->error; i++)
		take(o, &events[i]);
}

static void answer(struct ab_offline *o, const struct ab_effect *ef)
{
	struct ab_event ev = { .type = AB_EV_ROUTE };

	if (ef->type == AB_EF_ROUTE_CHECK) {
		ev.route.path = ef->route.path;
		ev.route.verdict = AB_ROUTE_OK;
		take(o, &ev);
	}
	if (!o->answers && !o->targets)
		return;
	if (ef->type == AB_EF_PROBE_SET)
		answer_probe(o, ef);
	else if (ef->type == AB_EF_DISCOVER)
		answer_discovery(o, ef);
	else
		answer_well(o, ef);
}

/* Answers what was asked for, and what was asked for because of that, until all is
 * still. */
static void drain(struct ab_offline *o)
{
	while (o->n_answered < o->n_steps && !o->error) {
		struct ab_effect ef = o->steps[o->n_answered++];

		answer(o, &ef);
	}
}

/* Goes on while something is due now: a soak that has ended, effects that did
 * not fit. */
static void settle(struct ab_offline *o)
{
	struct ab_event tick = { .type = AB_EV_TICK };
	unsigned int i;

	drain(o);
	/* The soak is over at once: nothing else will come. */
	for (i = 0; i < 10000 && !o->error; i++) {
		ab_mono next = ab_engine_next(o->machine.engine);

		if (ab_mono_ms_between(o->now, next) > 1000)
			return;
		if (ab_mono_before(o->now, next))
			o->now = next;
		take(o, &tick);
		drain(o);
	}
}

static void take_dump(struct ab_offline *o, uint32_t type, enum ab_source source)
{
	struct ab_event ev = { .type = type };

	ev.dump.source = (uint8_t)source;
	take(o, &ev);
}

/* --- this host --- */

static void on_event(void *arg, const struct ab_event *ev)
{
	struct ab_offline *o = arg;

	take(o, ev);
	if (ev->type == AB_EV_DUMP_END) {
		o->has_rtnl |= ev->dump.source == AB_SOURCE_RTNL;
		o->has_udev |= ev->dump.source == AB_SOURCE_UDEV;
		o->has_sessions |= ev->dump.source == AB_SOURCE_SESSIONS;
	}
	if (o->loop && ((o->has_rtnl && o->has_udev && o->has_sessions) || o->error))
		ab_loop_stop(o->loop);
}

static void on_timeout(void *arg)
{
	struct ab_offline *o = arg;

	o->error = -ETIMEDOUT;
	ab_loop_stop(o->loop);
}

static int look_at_kernel(struct ab_offline *o, const struct ab_roots *roots)
{
	struct ab_rtnl_config rc = { .rcvbuf_bytes = 0 };
	struct ab_udev_config uc = {
		.mode = ab_streq(roots->path[AB_ROOT_UDEV], "kernel")
				? AB_UDEV_MODE_KERNEL
				: AB_UDEV_MODE_UDEV,
		.sysfs = roots->path[AB_ROOT_SYSFS],
	};
	struct ab_sessions_config sc = { .sysfs = roots->path[AB_ROOT_SYSFS] };
	struct ab_loop_timer *timer = NULL;
	struct ab_sessions *sessions = NULL;
	struct ab_rtnl *rtnl = NULL;
	struct ab_udev *udev = NULL;
	int r = ab_loop_new(&o->loop);

	if (r == 0)
		r = ab_loop_timer_new(o->loop, on_timeout, o, &timer);
	if (r == 0)
		r = ab_rtnl_new(o->loop, &rc, on_event, o, &rtnl);
	if (r == 0)
		r = ab_udev_new(o->loop, &uc, on_event, o, &udev);
	if (r == 0)
		r = ab_sessions_new(o->loop, &sc, on_event, o, &sessions);
	if (r == 0) {
		ab_loop_timer_set(timer, ab_mono_add_ms(o->now, LOOK_MS));
		r = ab_loop_run(o->loop);
	}
	(void)ab_sessions_free(sessions);
	(void)ab_udev_free(udev);
	(void)ab_rtnl_free(rtnl);
	(void)ab_loop_timer_free(timer);
	o->loop = ab_loop_free(o->loop);
	return r ? r : o->error;
}

static void on_ledger_entry(void *arg, const struct ab_ledger_entry *entry)
{
	struct ab_event ev = { .type = AB_EV_LEDGER };

	ev.ledger = *entry;
	take(arg, &ev);
}

/* A ledger that is not there owns nothing: the daemon has never run. One that is not
 * for us to read may own anything. */
static void look_at_ledger(struct ab_offline *o, const struct ab_roots *roots)
{
	struct ab_event end = { .type = AB_EV_DUMP_END };
	int r;

	take_dump(o, AB_EV_DUMP_BEGIN, AB_SOURCE_LEDGER);
	r = ab_ledger_file_read(roots->path[AB_ROOT_STATE], on_ledger_entry, o);
	end.dump.source = AB_SOURCE_LEDGER;
	end.dump.is_unreadable = r != 0 && r != -ENOENT;
	take(o, &end);
}

/* What was looked at has been so for long enough to be believed: nobody waits here for
 * a second look. */
static void pass_doubts(struct ab_offline *o)
{
	o->now = ab_mono_add_ms(o->now, AB_RESTORE_MS);
}

static int look_at_records(struct ab_offline *o)
{
	struct ab_db *db;
	int r = ab_db_open(&o->host.db, &db);

	if (r < 0)
		return r;
	r = ab_db_scan(db, AB_DB_SCAN_ALL, on_event, o);
	pass_doubts(o);
	if (r == 0)
		r = ab_db_scan(db, AB_DB_SCAN_ALL, on_event, o);
	(void)ab_db_close(db);
	return r ? r : o->error;
}

/* A refused configuration is none: ports are shown all the same. */
static int read_conf(struct ab_offline *o)
{
	struct ab_event ev = { .type = AB_EV_POLICY };
	char *data;
	size_t n;
	int r = ab_conf_collect(&o->host.conf, &data, &n);

	if (r < 0)
		return r;
	r = ab_conf_build(data, n, NULL, &o->conf);
	free(data);
	if (r == 0)
		take(o, &ev);
	return r > 0 ? -EBADMSG : r;
}

static struct ab_offline *new_offline(void)
{
	struct ab_engine_config config = { .seed = 1 };
	struct ab_offline *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->now = ab_clock_now();
	if (ab_machine_init(&o->machine, &config) < 0)
		return ab_offline_free(o);
	return o;
}

static int fail(struct ab_offline *o, struct ab_text *message, const char *what, int r)
{
	ab_text_add(message, what);
	ab_text_add(message, ": ");
	ab_text_add(message, strerror(-r));
	(void)ab_offline_free(o);
	return r;
}

int ab_offline_new(const struct ab_roots *roots, struct ab_text *message,
		   struct ab_offline **ret)
{
	struct ab_offline *o = new_offline();
	int r;

	if (!o)
		return -ENOMEM;
	r = ab_host_read(roots, &o->host);
	if (r < 0)
		return fail(o, message, "open-iscsi's database cannot be found", r);
	r = read_conf(o);
	if (r < 0)
		return fail(o, message, "the configuration cannot be read", r);
	look_at_ledger(o, roots);
	r = look_at_records(o);
	if (r < 0)
		return fail(o, message, o->host.db_root, r);
	r = look_at_kernel(o, roots);
	if (r < 0)
		return fail(o, message, "links and addresses cannot be read", r);
	settle(o);
	*ret = o;
	return 0;
}

/* --- a described world --- */

/* Value of "KEY=" in a line, cut at the next blank, unescaped; false: not there. */
static bool value_of(const char *line, const char *key, char *buf, size_t size)
{
	size_t n = strlen(key);
	const char *at;

	for (at = strstr(line, key); at; at = strstr(at + 1, key))
		if (at > line && (at[-1] == ' ' || at[-1] == '\t') && at[n] == '=')
			break;
	if (!at)
		return false;
	at += n + 1;
	return ab_text_unescape(at, strcspn(at, " \t"), buf, size) > 0;
}

/* The first word behind @line's own that begins with none of @keys, or NULL. */
static const char *strange_word(const char *line, const char *const *keys)
{
	const char *at = line + strcspn(line, " \t");

	for (;;) {
		const char *const *key = keys;

		at += strspn(at, " \t");
		if (!*at)
			return NULL;
		while (*key && !ab_starts_with(at, *key))
			key++;
		if (!*key)
			return at;
		at += strcspn(at, " \t");
	}
}

static bool add_answer(struct ab_offline *o, const char *line)
{
	struct answer a = { 0 };
	char text[AB_PORTAL_TEXT];
	void *v = o->answers;

	if (!value_of(line, "portal", text, sizeof(text)) ||
	    ab_name_parse_portal(text, &a.portal))
		return false;
	(void)value_of(line, "port", a.port, sizeof(a.port)); /* may be left out */
	if (!reserve(&v, o->n_answers, sizeof(a))) {
		o->error = -ENOMEM;
		return true;
	}
	o->answers = v;
	o->answers[o->n_answers++] = a;
	return true;
}

static bool add_target(struct ab_offline *o, const char *line)
{
	struct known_target t = { .tpgt = 1 };
	char text[AB_PORTAL_TEXT];
	uint64_t tpgt;
	void *v = o->targets;

	if (!value_of(line, "name", t.name, sizeof(t.name)) ||
	    ab_name_check_target(t.name) ||
	    !value_of(line, "portal", text, sizeof(text)) ||
	    ab_name_parse_portal(text, &t.portal))
		return false;
	if (value_of(line, "tpgt", text, sizeof(text))) {
		if (ab_num_u64(text, 0, 65535, &tpgt))
			return false;
		t.tpgt = (int32_t)tpgt;
	}
	if (!reserve(&v, o->n_targets, sizeof(t))) {
		o->error = -ENOMEM;
		return true;
	}
	o->targets = v;
	o->targets[o->n_targets++] = t;
	return true;
}

/* In a recording: what the daemon did and was answered, in a world that it no
 * longer is. */
static bool is_answer(uint32_t type)
{
	return type == AB_EV_TICK || type == AB_EV_ROUTE || type == AB_EV_PROBE ||
	       type == AB_EV_FOUND || type == AB_EV_DONE || type == AB_EV_POLICY ||
	       type == AB_EV_COMMAND;
}

/* The sources are complete when the file ends. */
static bool is_dump(uint32_t type)
{
	return type == AB_EV_DUMP_BEGIN || type == AB_EV_DUMP_END ||
	       type == AB_EV_STALE;
}

/* `answers` or `target`. Return: NULL, or where it is not understood. */
static const char *take_fact(struct ab_offline *o, const char *line)
{
	static const char *const answer_keys[] = { "portal=", "port=", NULL };
	static const char *const target_keys[] = { "name=", "portal=", "tpgt=", NULL };
	bool is_target = ab_starts_with(line, "target ");
	const char *bad = strange_word(line, is_target ? target_keys : answer_keys);

	if (bad)
		return bad;
	if (is_target ? add_target(o, line) : add_answer(o, line))
		return NULL;
	return line;
}

/* Which lines of a world count. */
enum pass {
	PASS_FACTS,   /* `answers` and `target` */
	PASS_RECORDS, /* records, and what the ledger says of them */
	PASS_ALL,     /* all events */
};

static bool is_of_pass(uint32_t type, enum pass pass)
{
	return !is_dump(type) && !is_answer(type) &&
	       (pass == PASS_ALL || type == AB_EV_LEDGER || type == AB_EV_IFACE ||
		type == AB_EV_NODE);
}

/* Return: NULL, or where the line is not understood. */
static const char *take_line(struct ab_offline *o, const char *line, enum pass pass)
{
	const char *bad = line;
	struct ab_event ev;

	line += strspn(line, " \t");
	if (ab_starts_with(line, "answers ") || ab_starts_with(line, "target "))
		return pass == PASS_FACTS ? take_fact(o, line) : NULL;
	if (pass == PASS_FACTS || !*line || *line == '#' || *line == '>' ||
	    ab_starts_with(line, "autobind-recording "))
		return NULL;
	line += strspn(line, "0123456789"); /* the time of a recorded event */
	if (ab_evtext_parse(line, &ev, &bad))
		return bad;
	if (is_of_pass(ev.type, pass))
		take(o, &ev);
	return NULL;
}

/* Goes through the lines; returns the number of the first bad one, which @message says
 * more about, or 0. */
static unsigned int take_lines(struct ab_offline *o, const char *data, enum pass pass,
			       struct ab_text *message)
{
	char line[AB_EVTEXT_MAX + 32];
	unsigned int number = 0;

	while (*data && !o->error) {
		size_t n = strcspn(data, "\n");
		const char *bad = "a line that is too long";

		number++;
		if (ab_copyn(line, sizeof(line), data, n))
			bad = take_line(o, line, pass);
		if (bad) {
			ab_text_addu(message, number);
			ab_text_add(message, ": not a line of a world: ");
			ab_text_addn(message, bad, strcspn(bad, " \t"));
			return number;
		}
		data += n + (data[n] == '\n');
	}
	return 0;
}

/* Return: false when some line is not understood. */
static bool take_world(struct ab_offline *o, const char *data, struct ab_text *message)
{
	struct ab_event multipath = { .type = AB_EV_MULTIPATH };
	unsigned int i;

	/* Unless the file says otherwise. */
	multipath.multipath.state = AB_MULTIPATH_READY;
	take(o, &multipath);
	if (take_lines(o, data, PASS_FACTS, message))
		return false;
	take_dump(o, AB_EV_DUMP_BEGIN, AB_SOURCE_LEDGER);
	take_dump(o, AB_EV_DUMP_BEGIN, AB_SOURCE_RECORDS);
	if (take_lines(o, data, PASS_RECORDS, message))
		return false;
	/* The ledger first: what it owns and the records lack was removed. */
	take_dump(o, AB_EV_DUMP_END, AB_SOURCE_LEDGER);
	take_dump(o, AB_EV_DUMP_END, AB_SOURCE_RECORDS);
	pass_doubts(o);
	for (i = 0; i < AB_SOURCE_MAX; i++)
		take_dump(o, AB_EV_DUMP_BEGIN, (enum ab_source)i);
	if (take_lines(o, data, PASS_ALL, message))
		return false;
	take_dump(o, AB_EV_DUMP_END, AB_SOURCE_LEDGER);
	for (i = 0; i < AB_SOURCE_MAX; i++)
		if (i != AB_SOURCE_LEDGER)
			take_dump(o, AB_EV_DUMP_END, (enum ab_source)i);
	settle(o);
	return true;
}

int ab_offline_world(const struct ab_roots *roots, const char *path,
		     struct ab_text *message, struct ab_offline **ret)
{
	struct ab_offline *o = new_offline();
	size_t n, len;
	char *data;
	int r;

	if (!o)
		return -ENOMEM;
	o->host.conf = (struct ab_conf_roots){ .etc = roots->path[AB_ROOT_CONFIG],
					       .is_lenient = true };
	r = read_conf(o);
	if (r < 0)
		return fail(o, message, "the configuration cannot be read", r);
	r = ab_file_read(AT_FDCWD, path, WORLD_MAX, &data, &n, NULL);
	if (r)
		return fail(o, message, path, r > 0 ? -EINVAL : r);
	/* "FILE:LINE: ..." when a line is bad, nothing else. */
	len = message->len;
	ab_text_add(message, path);
	ab_text_addc(message, ':');
	if (!take_world(o, data, message)) {
		free(data);
		(void)ab_offline_free(o);
		return -EINVAL;
	}
	free(data);
	message->len = len;
	message->buf[len] = '\0';
	if (o->error)
		return fail(o, message, path, o->error);
	*ret = o;
	return 0;
}

struct ab_offline *ab_offline_free(struct ab_offline *o)
{
	if (!o)
		return NULL;
	ab_machine_fini(&o->machine);
	(void)ab_conf_free(o->conf);
	free(o->steps);
	free(o->answers);
	free(o->targets);
	free(o);
	return NULL;
}

struct ab_view ab_offline_view(const struct ab_offline *o)
{
	return (struct ab_view){ .e = o->machine.engine,
				 .set = o->conf ? o->conf->set : NULL,
				 .now = o->now };
}

bool ab_offline_is_refused(const struct ab_offline *o, struct ab_text *message)
{
	if (o->conf && o->conf->set)
		return false;
	if (o->conf)
		ab_conf_add_errors(message, o->conf);
	return true;
}

/* A path is probed faster or slower later; people ask about the first time. */
static bool is_repeated_probe(const struct ab_offline *o, size_t index)
{
	const struct ab_effect *ef = &o->steps[index];
	size_t i;

	for (i = 0; ef->type == AB_EF_PROBE_SET && i < index; i++)
		if (o->steps[i].type == AB_EF_PROBE_SET &&
		    o->steps[i].probe.path == ef->probe.path)
			return true;
	return false;
}

void ab_offline_plan(const struct ab_offline *o, ab_view_fn *fn, void *arg)
{
	struct ab_view v = ab_offline_view(o);
	struct ab_row row;
	size_t i;

	for (i = 0; i < o->n_steps; i++)
		if (!is_repeated_probe(o, i) && ab_view_plan(&o->steps[i], &row))
			fn(arg, &row);
	v.fn = fn;
	v.arg = arg;
	(void)ab_view_blocked(&v);
}
