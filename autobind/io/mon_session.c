/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/mon_session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/log.h"

/* Of one wake-up; a session costs as much as SESSION_UNITS disks. */
#define LOOK_UNITS 80
#define SESSION_UNITS 6

#define NUDGE_MS 20	  /* gathers the events of one change */
#define PAUSE_US 1000	  /* between full looks, for each session */
#define SLOW_MS 10000	  /* unless the configuration says otherwise */
#define COMING_UP_MS 1000 /* between quick looks while one comes up */
#define RETRY_MS 1000	  /* after the list could not be read */

/* A session that sysfs has. */
struct entry {
	uint32_t sid;
	bool is_told;
	bool is_settled;
	bool is_cut;
	bool is_logged;		   /* that it makes no sense */
	struct ab_session session; /* as told */
	unsigned int n_disks;
	struct ab_session_disk *disks; /* owned */
};

struct ab_sessions {
	struct ab_loop *loop; /* borrowed, outlives this */
	ab_event_fn *fn;
	void *arg; /* borrowed, for fn */
	int sysfs; /* owned descriptor of the folder */
	uint32_t slow_ms;
	struct ab_loop_timer *work; /* owned; the full look */
	struct ab_loop_timer *idle; /* owned; looks that nothing asked for */

	struct entry **entries; /* owned, by sid */
	unsigned int n, max;
	bool is_full; /* said that there are too many */

	bool is_stale;	     /* told, and no dump has ended since */
	bool is_wanted;	     /* a look must begin */
	bool is_dump_wanted; /* ... that tells everything */
	bool is_looking;
	bool is_dump;	   /* the look under way tells everything */
	uint32_t next_sid; /* of the look under way */
	ab_mono not_before, next_slow;
	struct ab_firmware firmware;
	struct ab_session_look look; /* room for one */
	struct ab_sessions_stats stats;
};

/* --- telling ---------------------------------------------------------------------- */

static void tell_dump(struct ab_sessions *m, enum ab_event_type type)
{
	struct ab_event ev;

	memset(&ev, 0, sizeof(ev)); /* padding, too: events are compared as bytes */
	ev.type = (uint32_t)type;
	ev.dump.source = AB_SOURCE_SESSIONS;
	m->fn(m->arg, &ev);
}

static void tell_session(struct ab_sessions *m, const struct entry *e)
{
	struct ab_event ev;

	memset(&ev, 0, sizeof(ev));
	ev.type = AB_EV_SESSION;
	memcpy(&ev.session, &e->session, sizeof(ev.session));
	m->fn(m->arg, &ev);
}

static void tell_gone(struct ab_sessions *m, uint32_t sid)
{
	struct ab_event ev;

	memset(&ev, 0, sizeof(ev));
	ev.type = AB_EV_SESSION_GONE;
	ev.session.sid = sid;
	m->fn(m->arg, &ev);
}

/* --- the table -------------------------------------------------------------------- */

/* Where @sid is, or would be. */
static unsigned int place_of(const struct ab_sessions *m, uint32_t sid)
{
	unsigned int low = 0, high = m->n;

	while (low < high) {
		unsigned int middle = low + (high - low) / 2;

		if (m->entries[middle]->sid < sid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct entry *find(const struct ab_sessions *m, uint32_t sid)
{
	unsigned int i = place_of(m, sid);

	return i < m->n && m->entries[i]->sid == sid ? m->entries[i] : NULL;
}

static int grow(struct ab_sessions *m)
{
	unsigned int max = m->max ? m->max * 2 : 16;
	struct entry **larger = realloc(m->entries, max * sizeof(struct entry *));

	if (!larger)
		return -ENOMEM;
	m->entries = larger;
	m->max = max;
	return 0;
}

/* Of the list: every session has an entry before it is looked at. */
static int add(void *arg, uint32_t sid)
{
	struct ab_sessions *m = arg;
	unsigned int i = place_of(m, sid);
	struct entry *e;

	if (i < m->n && m->entries[i]->sid == sid)
		return 0;
	if (m->n == AB_SESSIONS_MAX) {
		if (!m->is_full)
			ab_log_warnx("sessions",
				     "more than %u sessions: the others are not seen",
				     AB_SESSIONS_MAX);
		m->is_full = true;
		return 0;
	}
	if (m->n == m->max && grow(m) < 0)
		return -ENOMEM;
	e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	e->sid = sid;
	for (unsigned int k = m->n++; k > i; k--)
		m->entries[k] = m->entries[k - 1];
	m->entries[i] = e;
	return 0;
}

static void entry_free(struct entry *e)
{
	free(e->disks);
	free(e);
}

/* --- looking ---------------------------------------------------------------------- */

static void look_soon(struct ab_sessions *m, ab_mono when)
{
	if (ab_mono_before(when, m->not_before))
		when = m->not_before;
	ab_loop_timer_set(m->work, when);
}

/* The list could not be read: what is known may be wrong. */
static void become_stale(struct ab_sessions *m, int r)
{
	ab_mono now = ab_loop_now(m->loop);

	m->stats.n_failed++;
	m->is_looking = m->is_dump = false;
	m->is_wanted = m->is_dump_wanted = true;
	if (!m->is_stale || m->stats.n_failed == 1) {
		errno = -r;
		ab_log_warn("sessions",
			    "the list of sessions cannot be read: nothing is logged "
			    "out, trying again each %u ms",
			    RETRY_MS);
	}
	if (!m->is_stale) {
		m->is_stale = true;
		tell_dump(m, AB_EV_STALE);
	}
	m->not_before = ab_mono_add_ms(now, RETRY_MS);
	look_soon(m, now);
}

static int list(struct ab_sessions *m)
{
	int r = ab_sysfs_list_sessions(m->sysfs, add, m);

	if (r == 0)
		ab_sysfs_firmware(m->sysfs, &m->firmware);
	return r;
}

static void forget(struct ab_sessions *m, struct entry *e)
{
	uint32_t sid = e->sid;
	bool is_told = e->is_told;

	m->n--;
	for (unsigned int i = place_of(m, sid); i < m->n; i++)
		m->entries[i] = m->entries[i + 1];
	entry_free(e);
	if (is_told)
		tell_gone(m, sid);
}

/* Without memory for them the disks are unknown. */
static void keep_disks(struct entry *e, const struct ab_session_look *look)
{
	size_t size = look->n_disks * sizeof(look->disks[0]);
	struct ab_session_disk *disks = NULL;

	e->is_cut = look->is_cut;
	e->n_disks = 0;
	if (size > 0) {
		disks = realloc(e->disks, size);
		if (!disks) {
			e->is_cut = true;
			return;
		}
		memcpy(disks, look->disks, size);
		e->disks = disks;
		e->n_disks = look->n_disks;
	}
}

static void log_odd(struct entry *e)
{
	if (e->is_logged)
		return;
	e->is_logged = true;
	ab_log_warnx("sessions",
		     "session%u: its target, iface or portal is none that a record "
		     "could have; it is left alone, and not shown",
		     e->sid);
}

/* Reads a session as a whole and tells it; always when @is_dump, else when it differs.
 * Who it was stays known while it cannot be read. @e may be gone afterwards. */
static void refresh(struct ab_sessions *m, struct entry *e, bool is_dump)
{
	struct ab_session_look *look = &m->look;
	int r = ab_sysfs_session(m->sysfs, e->sid, &m->firmware, look);
	uint8_t state = e->session.state;

	m->stats.n_read++;
	if (r == AB_SYSFS_E_GONE) {
		forget(m, e);
		return;
	}
	if (r == AB_SYSFS_E_ODD)
		log_odd(e);
	if (r != 0) {
		e->is_settled = r == AB_SYSFS_E_ODD;
		if (!e->is_told)
			return;
		(void)ab_sysfs_session_state(m->sysfs, e->sid, &state);
		memcpy(&look->session, &e->session, sizeof(look->session));
		look->session.state = state;
	} else {
		keep_disks(e, look);
		e->is_settled = look->is_settled;
	}
	if (e->is_told && !is_dump &&
	    memcmp(&e->session, &look->session, sizeof(e->session)) == 0)
		return;
	e->is_told = true;
	memcpy(&e->session, &look->session, sizeof(e->session));
	tell_session(m, e);
}

/* As refresh(), when it is new, comes up, or has another state than it had. */
static void refresh_quickly(struct ab_sessions *m, struct entry *e)
{
	uint8_t state;

	if (e->is_settled &&
	    (!e->is_told || (ab_sysfs_session_state(m->sysfs, e->sid, &state) == 0 &&
			     state == e->session.state)))
		return;
	refresh(m, e, false);
}

static bool is_coming_up(const struct ab_sessions *m)
{
	for (unsigned int i = 0; i < m->n; i++)
		if (!m->entries[i]->is_settled)
			return true;
	return false;
}

static void set_idle(struct ab_sessions *m)
{
	ab_mono when = AB_MONO_NEVER;

	if (m->n > 0)
		when = m->next_slow;
	if (is_coming_up(m))
		when = ab_mono_min(when,
				   ab_mono_add_ms(ab_loop_now(m->loop), COMING_UP_MS));
	ab_loop_timer_set(m->idle, when);
}

static void look_end(struct ab_sessions *m)
{
	ab_mono now = ab_loop_now(m->loop);

	m->is_looking = false;
	m->stats.n_looks++;
	m->not_before = ab_mono_add_ns(now, m->n * INT64_C(1000) * PAUSE_US);
	m->next_slow = ab_mono_add_ms(now, m->slow_ms);
	if (m->is_dump) {
		m->is_dump = m->is_stale = false;
		tell_dump(m, AB_EV_DUMP_END);
	}
	set_idle(m);
	if (m->is_dump_wanted)
		ab_loop_timer_set(m->work, now);
	else if (m->is_wanted)
		look_soon(m, ab_mono_add_ms(now, NUDGE_MS));
}

static void look_begin(struct ab_sessions *m)
{
	int r = list(m);

	if (r < 0) {
		become_stale(m, r);
		return;
	}
	m->is_dump = m->is_dump_wanted;
	m->is_wanted = m->is_dump_wanted = false;
	m->is_looking = true;
	m->next_sid = 0;
	if (m->is_dump)
		tell_dump(m, AB_EV_DUMP_BEGIN);
}

/* Sessions may come and go between the wake-ups, so the place is a number. */
static void look_continue(struct ab_sessions *m)
{
	unsigned int units = 0;

	while (units < LOOK_UNITS) {
		unsigned int i = place_of(m, m->next_sid);

		if (i == m->n) {
			look_end(m);
			return;
		}
		m->next_sid = m->entries[i]->sid + 1;
		refresh(m, m->entries[i], m->is_dump);
		units += SESSION_UNITS + m->look.n_disks;
	}
	ab_loop_timer_set(m->work, ab_loop_now(m->loop));
}

static void on_work(void *arg)
{
	struct ab_sessions *m = arg;

	if (!m->is_looking && m->is_wanted)
		look_begin(m);
	if (m->is_looking)
		look_continue(m);
}

static void on_idle(void *arg)
{
	struct ab_sessions *m = arg;

	if (ab_mono_reached(m->next_slow, ab_loop_now(m->loop)))
		ab_sessions_nudge(m);
	else
		ab_sessions_look_now(m);
}

/* --- interface -------------------------------------------------------------------- */

void ab_sessions_look_now(struct ab_sessions *m)
{
	int r = list(m);
	uint32_t sid = 0;

	if (r < 0) {
		become_stale(m, r);
		return;
	}
	m->stats.n_quick++;
	for (;;) {
		unsigned int i = place_of(m, sid);

		if (i == m->n)
			break;
		sid = m->entries[i]->sid + 1;
		refresh_quickly(m, m->entries[i]);
	}
	set_idle(m);
}

const struct ab_session *ab_sessions_look_at(struct ab_sessions *m, uint32_t sid)
{
	struct entry *e;

	if (add(m, sid) == 0 && (e = find(m, sid)))
		refresh(m, e, false);
	return ab_sessions_find(m, sid);
}

void ab_sessions_nudge(struct ab_sessions *m)
{
	if (m->is_wanted)
		return; /* one is about to begin */
	m->is_wanted = true;
	if (!m->is_looking) /* else its end sees to it */
		look_soon(m, ab_mono_add_ms(ab_loop_now(m->loop), NUDGE_MS));
}

void ab_sessions_resync(struct ab_sessions *m)
{
	m->is_wanted = m->is_dump_wanted = true;
	if (!m->is_looking) /* else its end sees to it */
		ab_loop_timer_set(m->work, ab_loop_now(m->loop));
}

const struct ab_session *ab_sessions_find(const struct ab_sessions *m, uint32_t sid)
{
	const struct entry *e = find(m, sid);

	return e && e->is_told ? &e->session : NULL;
}

int ab_sessions_disks(const struct ab_sessions *m, uint32_t sid,
		      struct ab_session_disk *ret_disks, unsigned int max)
{
	const struct entry *e = find(m, sid);

	if (!e || !e->is_told)
		return -ENOENT;
	if (e->is_cut)
		return -EIO;
	if (e->n_disks > max)
		return -EOVERFLOW;
	if (e->n_disks > 0)
		memcpy(ret_disks, e->disks, e->n_disks * sizeof(ret_disks[0]));
	return (int)e->n_disks;
}

void ab_sessions_stats(const struct ab_sessions *m, struct ab_sessions_stats *ret_stats)
{
	*ret_stats = m->stats;
}

int ab_sessions_new(struct ab_loop *loop, const struct ab_sessions_config *config,
		    ab_event_fn *fn, void *arg, struct ab_sessions **ret_sessions)
{
	struct ab_sessions *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return -ENOMEM;
	m->loop = loop;
	m->fn = fn;
	m->arg = arg;
	m->slow_ms = config->slow_ms ? config->slow_ms : SLOW_MS;
	m->is_stale = true; /* no dump has ended yet */
	m->sysfs = open(config->sysfs ? config->sysfs : "/sys",
			O_PATH | O_DIRECTORY | O_CLOEXEC);
	r = m->sysfs < 0 ? -errno : ab_loop_timer_new(loop, on_work, m, &m->work);
	if (r == 0)
		r = ab_loop_timer_new(loop, on_idle, m, &m->idle);
	if (r < 0) {
		ab_sessions_free(m);
		return r;
	}
	ab_sysfs_firmware(m->sysfs, &m->firmware);
	ab_sessions_resync(m);
	*ret_sessions = m;
	return 0;
}

struct ab_sessions *ab_sessions_free(struct ab_sessions *m)
{
	if (!m)
		return NULL;
	ab_loop_timer_free(m->work);
	ab_loop_timer_free(m->idle);
	for (unsigned int i = 0; i < m->n; i++)
		entry_free(m->entries[i]);
	free(m->entries);
	if (m->sysfs >= 0)
		close(m->sysfs);
	free(m);
	return NULL;
}
