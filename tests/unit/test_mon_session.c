/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The monitor of sessions against a folder that looks like /sys. */
#include "ab_test.h"

#include <errno.h>
#include <sys/socket.h>

#include "core/name.h"
#include "fake_sysfs.h"
#include "io/clock.h"
#include "io/mon_session.h"

#define PATIENCE_MS 20000
#define SESSIONS_MAX 512

struct model {
	struct ab_session sessions[SESSIONS_MAX];
	bool is_seen[SESSIONS_MAX];
	unsigned int n;
	bool is_dumping, is_fresh;
	unsigned int n_begins, n_ends, n_stales, n_told, n_gone;
};

struct fixture {
	struct fake_sysfs fake;
	struct ab_loop *loop;
	struct ab_loop_timer *timer;
	struct ab_sessions *sessions;
	bool is_late;
	struct model model;
	uint32_t slow_ms;
	uint64_t n_looks; /* that is waited for */
	bool (*is_reached)(struct fixture *f);
	void (*on_told)(struct fixture *f); /* once */
};

/* --- the model --- */

static struct ab_session *model_find(struct model *m, uint32_t sid)
{
	for (unsigned int i = 0; i < m->n; i++)
		if (m->sessions[i].sid == sid)
			return &m->sessions[i];
	return NULL;
}

static void model_remove(struct model *m, struct ab_session *at)
{
	unsigned int i = (unsigned int)(at - m->sessions);

	m->n--;
	*at = m->sessions[m->n];
	m->is_seen[i] = m->is_seen[m->n];
}

static void model_set(struct model *m, const struct ab_session *session)
{
	struct ab_session *at = model_find(m, session->sid);

	if (!m->is_dumping && at)
		assert_memory_not_equal(at, session,
					sizeof(*at)); /* only differences */
	if (!at) {
		assert_true(m->n < SESSIONS_MAX);
		at = &m->sessions[m->n++];
	}
	memcpy(at, session, sizeof(*at));
	m->is_seen[at - m->sessions] = true;
	m->n_told++;
}

static void model_end(struct model *m)
{
	assert_true(m->is_dumping);
	m->is_dumping = false;
	m->is_fresh = true;
	m->n_ends++;
	for (unsigned int i = m->n; i-- > 0;)
		assert_true(m->is_seen[i]); /* what goes is told before */
}

static void model_dump(struct model *m, const struct ab_event *ev)
{
	assert_int_equal(ev->dump.source, AB_SOURCE_SESSIONS);
	if (ev->type == AB_EV_DUMP_END) {
		model_end(m);
	} else if (ev->type == AB_EV_DUMP_BEGIN) {
		m->n_begins++;
		m->is_dumping = true;
		memset(m->is_seen, 0, sizeof(m->is_seen));
	} else {
		assert_true(m->is_fresh); /* told once */
		m->is_fresh = m->is_dumping = false;
		m->n_stales++;
	}
}

static void model_event(struct model *m, const struct ab_event *ev)
{
	switch (ev->type) {
	case AB_EV_DUMP_BEGIN:
	case AB_EV_DUMP_END:
	case AB_EV_STALE:
		model_dump(m, ev);
		break;
	case AB_EV_SESSION:
		model_set(m, &ev->session);
		break;
	case AB_EV_SESSION_GONE:
		assert_non_null(model_find(m, ev->session.sid));
		model_remove(m, model_find(m, ev->session.sid));
		m->n_gone++;
		break;
	default:
		fail_msg("event %u", ev->type);
	}
}

/* --- the fixture --- */

static void on_event(void *arg, const struct ab_event *ev)
{
	struct fixture *f = arg;
	void (*on_told)(struct fixture * f) = f->on_told;

	model_event(&f->model, ev);
	if (ev->type == AB_EV_SESSION && on_told) {
		f->on_told = NULL;
		on_told(f);
	}
}

/* Looks end without an event; so it is asked for each millisecond. */
static void on_timer(void *arg)
{
	struct fixture *f = arg;
	static ab_mono end;

	if (!f->is_late) {
		f->is_late = true;
		end = ab_mono_add_ms(ab_clock_now(), PATIENCE_MS);
	}
	if (f->is_reached(f)) {
		f->is_late = false;
		ab_loop_stop(f->loop);
	} else if (ab_mono_reached(end, ab_clock_now())) {
		ab_loop_stop(f->loop);
	}
	ab_loop_timer_set(f->timer, ab_mono_add_ms(ab_clock_now(), 1));
}

static void until(struct fixture *f, bool (*is_reached)(struct fixture *f))
{
	f->is_reached = is_reached;
	f->is_late = false;
	ab_loop_timer_set(f->timer, ab_mono_add_ms(ab_clock_now(), 1));
	assert_int_equal(ab_loop_run(f->loop), 0);
	assert_false(f->is_late);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	fake_new(&f->fake);
	assert_int_equal(ab_loop_new(&f->loop), 0);
	assert_int_equal(ab_loop_timer_new(f->loop, on_timer, f, &f->timer), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	ab_sessions_free(f->sessions);
	ab_loop_timer_free(f->timer);
	ab_loop_free(f->loop);
	fake_free(&f->fake);
	free(f);
	return 0;
}

static bool is_fresh(struct fixture *f)
{
	return f->model.is_fresh;
}

static void watch(struct fixture *f)
{
	struct ab_sessions_config config = { .sysfs = f->fake.root,
					     .slow_ms = f->slow_ms };

	assert_int_equal(ab_sessions_new(f->loop, &config, on_event, f, &f->sessions),
			 0);
	assert_int_equal(f->model.n_begins, 0); /* not within the call */
}

static void start(struct fixture *f)
{
	watch(f);
	until(f, is_fresh);
	assert_int_equal(f->model.n_begins, 1);
}

static struct ab_sessions_stats stats_of(const struct fixture *f)
{
	struct ab_sessions_stats stats;

	ab_sessions_stats(f->sessions, &stats);
	return stats;
}

static bool has_looked(struct fixture *f)
{
	return stats_of(f).n_looks >= f->n_looks;
}

static void nudge(struct fixture *f)
{
	f->n_looks = stats_of(f).n_looks + 1;
	ab_sessions_nudge(f->sessions);
	until(f, has_looked);
}

static const struct ab_session *told(struct fixture *f, uint32_t sid)
{
	const struct ab_session *s = model_find(&f->model, sid);

	assert_non_null(s);
	assert_non_null(ab_sessions_find(f->sessions, sid));
	assert_memory_equal(s, ab_sessions_find(f->sessions, sid), sizeof(*s));
	return s;
}

static void assert_portal(const struct ab_portal *portal, const char *text)
{
	char buf[AB_PORTAL_TEXT];
	struct ab_text t;

	ab_text_init(&t, buf, sizeof(buf));
	ab_name_add_portal(&t, portal);
	assert_string_equal(buf, text);
}

static void assert_addr(const struct ab_addr *addr, const char *text)
{
	struct ab_addr a;

	memset(&a, 0, sizeof(a));
	assert_int_equal(ab_name_parse_addr(text, &a), 0);
	assert_true(ab_addr_equal(addr, &a));
}

/* --- what is seen --- */

static void no_class_folder_is_an_empty_fresh_dump(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_int_equal(f->model.n, 0);
	assert_int_equal(f->model.n_stales, 0);
	assert_null(ab_sessions_find(f->sessions, 1));
}

static void a_session_is_told_with_all_that_sysfs_has(void **state)
{
	struct fixture *f = *state;
	struct fake_session s = fake_session(3);
	const struct ab_session *t;

	fake_add(&f->fake, &s);
	start(f);
	t = told(f, 3);
	assert_int_equal(t->host, 4);
	assert_int_equal(t->state, AB_SESSION_LOGGED_IN);
	assert_string_equal(t->node.target, s.target);
	assert_int_equal(t->node.tpgt, 1);
	assert_string_equal(t->node.iface, "ab0");
	assert_portal(&t->node.portal, "192.0.2.1:3260");
	assert_portal(&t->peer, "192.0.2.1:3260");
	assert_addr(&t->local, "192.0.2.100");
	assert_string_equal(t->transport, "tcp");
	assert_false(t->is_firmware);
	assert_int_equal(t->n_disks, 0);
}

static void attributes_mean_what_the_kernel_means(void **state)
{
	struct fixture *f = *state;
	struct fake_session s[9];
	static const char *const ifaces[] = { "", "(null)", "<NULL>", "default" };

	for (unsigned int i = 0; i < AB_COUNT(s); i++)
		s[i] = fake_session(i + 1);
	for (unsigned int i = 0; i < AB_COUNT(ifaces); i++)
		s[i].iface = ifaces[i];
	s[4].driver = "ib_iser";
	s[5].driver = "bnx2i";
	s[6].tpgt = "garbage";
	s[7].state = "FAILED";
	s[7].peer = s[7].peer_port = s[7].local = NULL; /* as ENOTCONN: unknown */
	s[8].state = "FREE";
	for (unsigned int i = 0; i < AB_COUNT(s); i++)
		fake_add(&f->fake, &s[i]);
	start(f);
	for (unsigned int i = 0; i < AB_COUNT(ifaces); i++)
		assert_string_equal(told(f, i + 1)->node.iface, "default");
	assert_string_equal(told(f, 5)->transport, "iser");
	assert_string_equal(told(f, 6)->transport, "bnx2i");
	assert_int_equal(told(f, 7)->node.tpgt, AB_TPGT_UNKNOWN);
	assert_int_equal(told(f, 8)->state, AB_SESSION_FAILED);
	assert_int_equal(told(f, 8)->peer.addr.family, 0);
	assert_int_equal(told(f, 8)->peer.port, 0);
	assert_int_equal(told(f, 8)->local.family, 0);
	assert_int_equal(told(f, 9)->state, AB_SESSION_FREE);
}

static void a_redirect_and_ipv6_keep_what_was_asked_for(void **state)
{
	struct fixture *f = *state;
	struct fake_session s = fake_session(1), v6 = fake_session(2),
			    zone = fake_session(3), name = fake_session(4);

	s.peer = "198.51.100.7";
	s.peer_port = "3261";
	v6.address = "2001:db8::1";
	v6.peer = "2001:0db8:0000:0000:0000:0000:0000:0001";
	v6.local = "2001:0db8:0000:0000:0000:0000:0000:0100";
	zone.address = "[fe80::1%eth0]";
	zone.peer = "fe80::1";
	name.address = "storage.example.com";
	fake_add(&f->fake, &s);
	fake_add(&f->fake, &v6);
	fake_add(&f->fake, &zone);
	fake_add(&f->fake, &name);
	start(f);
	assert_portal(&told(f, 1)->node.portal, "192.0.2.1:3260");
	assert_portal(&told(f, 1)->peer, "198.51.100.7:3261");
	assert_portal(&told(f, 2)->node.portal, "[2001:db8::1]:3260");
	assert_portal(&told(f, 2)->peer, "[2001:db8::1]:3260");
	assert_addr(&told(f, 2)->local, "2001:db8::100");
	assert_portal(&told(f, 3)->node.portal, "[fe80::1]:3260");
	assert_portal(&told(f, 4)->node.portal, "192.0.2.1:3260");
}

static void disks_and_multipath_maps_are_counted(void **state)
{
	struct fixture *f = *state;
	struct fake_session s = fake_session(1);
	struct ab_session_disk disks[AB_SESSION_DISKS_MAX];

	fake_add(&f->fake, &s);
	fake_add_disk(&f->fake, 1, 1, "sda", "8:0");
	fake_add_disk(&f->fake, 1, 2, "sdb", "8:16");
	fake_add_disk(&f->fake, 1, 3, "sdc", "8:32");
	fake_hold(&f->fake, 1, 1, "sda", "dm-0", "mpath-36001405aaaa");
	fake_hold(&f->fake, 1, 2, "sdb", "dm-1", "LVM-xyz");
	/* No disk: a folder without block/, and one of the connection. */
	fake_folder(&f->fake, FAKE_DEVICES "/host2/session1/target2:0:0/2:0:0:0");
	start(f);
	assert_int_equal(told(f, 1)->n_disks, 3);
	assert_int_equal(told(f, 1)->n_mapped, 1);
	assert_int_equal(ab_sessions_disks(f->sessions, 1, disks, AB_COUNT(disks)), 3);
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(disks[i].major, 8);
		assert_int_equal(disks[i].minor, (disks[i].name[2] - 'a') * 16);
	}
	assert_int_equal(ab_sessions_disks(f->sessions, 1, disks, 2), -EOVERFLOW);
	assert_int_equal(ab_sessions_disks(f->sessions, 2, disks, 2), -ENOENT);
	fake_hold(&f->fake, 1, 3, "sdc", "dm-2", "mpath-36001405cccc");
	nudge(f);
	assert_int_equal(told(f, 1)->n_mapped, 2);
	fake_remove(&f->fake, FAKE_DEVICES "/host2/session1/target2:0:0/2:0:0:2");
	nudge(f);
	assert_int_equal(told(f, 1)->n_disks, 2);
	assert_int_equal(told(f, 1)->n_mapped, 2);
}

static void disks_that_cannot_be_told_apart_are_never_a_list(void **state)
{
	struct fixture *f = *state;
	struct fake_session s = fake_session(1);
	struct ab_session_disk disk;

	fake_add(&f->fake, &s);
	fake_add_disk(&f->fake, 1, 1, "sda", "not a number");
	start(f);
	assert_int_equal(told(f, 1)->n_disks, 0);
	assert_int_equal(ab_sessions_disks(f->sessions, 1, &disk, 1), -EIO);
	fake_add_disk(&f->fake, 1, 1, "sda", "8:0");
	assert_non_null(ab_sessions_look_at(f->sessions, 1));
	assert_int_equal(ab_sessions_disks(f->sessions, 1, &disk, 1), 1);
}

static void what_firmware_may_have_made_is_firmwares(void **state)
{
	struct fixture *f = *state;
	struct fake_session s[6];

	for (unsigned int i = 0; i < AB_COUNT(s); i++)
		s[i] = fake_session(i + 1);
	s[1].creator = "-1";
	s[2].creator = NULL;
	s[3].target = s[4].target = "iqn.2020-01.com.example:root";
	s[4].address = "192.0.2.2";
	for (unsigned int i = 0; i < AB_COUNT(s); i++)
		fake_add(&f->fake, &s[i]);
	fake_set(&f->fake, 6, "boot_target", "target0");
	fake_set(&f->fake, 1, "boot_root", "(null)");
	fake_put(&f->fake, "firmware/ibft/target0/target-name",
		 "iqn.2020-01.com.example:root\n");
	fake_put(&f->fake, "firmware/ibft/target0/ip-addr", "192.0.2.1\n");
	fake_put(&f->fake, "firmware/ibft/target0/port", "3260\n");
	fake_put(&f->fake, "firmware/ibft/target1/target-name", "garbage\n");
	start(f);
	assert_false(told(f, 1)->is_firmware);
	assert_true(told(f, 2)->is_firmware);
	assert_true(told(f, 3)->is_firmware);
	assert_true(told(f, 4)->is_firmware);
	assert_false(told(f, 5)->is_firmware); /* a further path to the root */
	assert_true(told(f, 6)->is_firmware);
}

/* --- hostile and broken attributes --- */

static void sessions_that_make_no_sense_are_not_told(void **state)
{
	static char long_text[9000];
	static const struct {
		const char *what, *attribute, *value;
	} rows[] = {
		{ "a path", "targetname", "iqn.2020-01.com.example:../../etc" },
		{ "a slash", "targetname", "iqn.2020-01.com.example:a/b" },
		{ "no iSCSI name", "targetname", "hello" },
		{ "a control character", "targetname",
		  "iqn.2020-01.com.example:a\033[2J" },
		{ "too long", "targetname", long_text },
		{ "an iface that is a path", "ifacename", "../x" },
		{ "a blank in an iface", "ifacename", "a b" },
		{ "an iface too long", "ifacename", long_text },
	};
	struct fixture *f = *state;
	struct fake_session good = fake_session(100);

	snprintf(long_text, sizeof(long_text), "iqn.2020-01.com.example:%08000d", 0);
	fake_add(&f->fake, &good);
	for (unsigned int i = 0; i < AB_COUNT(rows); i++) {
		struct fake_session s = fake_session(i + 1);
		char path[128];

		fake_add(&f->fake, &s);
		snprintf(path, sizeof(path), "class/iscsi_session/session%u/%s", i + 1,
			 rows[i].attribute);
		fake_put(&f->fake, path, rows[i].value);
	}
	start(f);
	for (unsigned int i = 0; i < AB_COUNT(rows); i++)
		ab_assert_row(rows[i].what, !model_find(&f->model, i + 1));
	assert_int_equal(f->model.n, 1);
	fake_set(&f->fake, 1, "targetname", "iqn.2020-01.com.example:mended");
	nudge(f);
	assert_string_equal(told(f, 1)->node.target, "iqn.2020-01.com.example:mended");
}

static void odd_names_in_the_class_folder_are_no_sessions(void **state)
{
	static const char *const names[] = { "session",	  "session01",
					     "session-1", "session1x",
					     "xsession1", "sessionA",
					     "session 1", "session4294967296" };
	struct fixture *f = *state;

	for (unsigned int i = 0; i < AB_COUNT(names); i++) {
		char path[128];

		snprintf(path, sizeof(path), "class/iscsi_session/%s", names[i]);
		fake_folder(&f->fake, path);
	}
	fake_link(&f->fake, "class/iscsi_session/session7", "session7"); /* a loop */
	fake_link(&f->fake, "class/iscsi_session/session8", "../nowhere");
	start(f);
	assert_int_equal(f->model.n_told, 0);
}

/* An attribute that is a link or a FIFO neither leads elsewhere nor hangs. */
static void attributes_are_files(void **state)
{
	struct fixture *f = *state;
	struct fake_session s = fake_session(1), fifo = fake_session(2);
	char path[PATH_MAX];

	s.target = NULL;
	fifo.local = NULL;
	fake_add(&f->fake, &s);
	fake_add(&f->fake, &fifo);
	fake_put(&f->fake, "elsewhere", "iqn.2020-01.com.example:t1\n");
	fake_link(&f->fake, "class/iscsi_session/session1/targetname",
		  "../../../../../../elsewhere");
	assert_int_equal(
		mkfifo(fake_path(&f->fake, path, "class/iscsi_host/host3/ipaddress"),
		       0600),
		0);
	start(f);
	assert_null(model_find(&f->model, 1));
	assert_int_equal(told(f, 2)->local.family, 0);
}

/* --- changes --- */

static void between_dumps_only_differences_are_told(void **state)
{
	struct fixture *f = *state;
	struct fake_session a = fake_session(1), b = fake_session(2),
			    c = fake_session(3);

	fake_add(&f->fake, &a);
	fake_add(&f->fake, &b);
	start(f);
	assert_int_equal(f->model.n_told, 2);
	nudge(f);
	ab_sessions_look_now(f->sessions);
	assert_int_equal(f->model.n_told, 2); /* nothing is new */
	fake_set(&f->fake, 1, "state", "FAILED");
	fake_add(&f->fake, &c);
	fake_remove_session(&f->fake, 2);
	nudge(f);
	assert_int_equal(told(f, 1)->state, AB_SESSION_FAILED);
	assert_null(model_find(&f->model, 2));
	assert_null(ab_sessions_find(f->sessions, 2));
	assert_int_equal(told(f, 3)->sid, 3);
	assert_int_equal(f->model.n_told, 4);
	assert_int_equal(f->model.n_gone, 1);
	assert_int_equal(f->model.n_begins, 1);
}

static bool has_dumped_again(struct fixture *f)
{
	return f->model.n_ends == 2;
}

static void a_resync_tells_all_without_being_stale(void **state)
{
	struct fixture *f = *state;
	struct fake_session a = fake_session(1);

	fake_add(&f->fake, &a);
	start(f);
	ab_sessions_resync(f->sessions);
	assert_int_equal(f->model.n_begins, 1); /* not within the call */
	until(f, has_dumped_again);
	assert_int_equal(f->model.n_told, 2);
	assert_int_equal(f->model.n_stales, 0);
}

static void a_look_now_tells_before_it_returns(void **state)
{
	struct fixture *f = *state;
	struct fake_session a = fake_session(1), b = fake_session(2);
	uint64_t n_read;

	start(f);
	fake_add(&f->fake, &a);
	fake_add(&f->fake, &b);
	ab_sessions_look_now(f->sessions);
	assert_int_equal(told(f, 1)->state, AB_SESSION_LOGGED_IN);
	assert_int_equal(told(f, 2)->state, AB_SESSION_LOGGED_IN);
	n_read = stats_of(f).n_read;
	fake_set(&f->fake, 1, "state", "FAILED");
	ab_sessions_look_now(f->sessions);
	assert_int_equal(told(f, 1)->state, AB_SESSION_FAILED);
	assert_int_equal(stats_of(f).n_read, n_read + 1); /* not the other one */
	fake_remove_session(&f->fake, 2);
	ab_sessions_look_now(f->sessions);
	assert_null(ab_sessions_find(f->sessions, 2));
	assert_int_equal(f->model.n_begins, 1);
}

static void a_look_at_one_reads_all_of_it(void **state)
{
	struct fixture *f = *state;
	struct fake_session a = fake_session(1);

	start(f);
	assert_null(ab_sessions_look_at(f->sessions, 1));
	fake_add(&f->fake, &a);
	assert_non_null(ab_sessions_look_at(f->sessions, 1));
	fake_add_disk(&f->fake, 1, 0, "sda", "8:0");
	ab_sessions_look_now(f->sessions);
	assert_int_equal(told(f, 1)->n_disks, 0); /* a quick one does not */
	assert_int_equal(ab_sessions_look_at(f->sessions, 1)->n_disks, 1);
	assert_int_equal(told(f, 1)->n_disks, 1);
	fake_remove_session(&f->fake, 1);
	assert_null(ab_sessions_look_at(f->sessions, 1));
	assert_int_equal(f->model.n_gone, 1);
}

static bool is_up(struct fixture *f)
{
	const struct ab_session *s = model_find(&f->model, 1);

	return s && s->state == AB_SESSION_LOGGED_IN && s->peer.addr.family;
}

static bool is_told(struct fixture *f)
{
	return model_find(&f->model, 1) != NULL;
}

/* Nobody nudges: what comes up is looked at until it is. */
static void a_session_is_seen_coming_up_without_an_event(void **state)
{
	struct fixture *f = *state;
	struct fake_session s = fake_session(1);

	s.target = s.peer = s.peer_port = s.local = s.address = NULL;
	s.state = "FREE";
	fake_add(&f->fake, &s);
	start(f);
	assert_int_equal(f->model.n, 0);
	fake_set(&f->fake, 1, "targetname", "iqn.2020-01.com.example:t1");
	fake_set_connection(&f->fake, 1, "persistent_address", "192.0.2.1");
	until(f, is_told);
	assert_int_equal(told(f, 1)->state, AB_SESSION_FREE);
	fake_set_connection(&f->fake, 1, "address", "192.0.2.1");
	fake_set_connection(&f->fake, 1, "port", "3260");
	fake_set(&f->fake, 1, "state", "LOGGED_IN");
	until(f, is_up);
}

static bool is_failed(struct fixture *f)
{
	return model_find(&f->model, 1)->state == AB_SESSION_FAILED;
}

static void the_slow_timer_sees_a_failure_that_nobody_tells(void **state)
{
	struct fixture *f = *state;
	struct fake_session s = fake_session(1);

	f->slow_ms = 50;
	fake_add(&f->fake, &s);
	start(f);
	fake_set(&f->fake, 1, "state", "FAILED");
	until(f, is_failed);
	assert_int_equal(f->model.n_begins, 1);
}

/* What goes away while it is read: folders vanish one after the other. */
static void who_a_session_is_stays_known_while_it_goes(void **state)
{
	struct fixture *f = *state;
	struct fake_session s = fake_session(1);

	fake_add(&f->fake, &s);
	start(f);
	fake_remove(&f->fake, "class/iscsi_host/host2");
	nudge(f);
	assert_int_equal(told(f, 1)->local.family, 0);
	fake_remove(&f->fake, "class/iscsi_connection/connection1:0");
	nudge(f);
	assert_string_equal(told(f, 1)->node.target, s.target);
	assert_portal(&told(f, 1)->node.portal, "192.0.2.1:3260");
	fake_remove(&f->fake, FAKE_DEVICES "/host2/session1/iscsi_session/session1/"
					   "targetname");
	fake_set(&f->fake, 1, "state", "FREE");
	nudge(f);
	assert_string_equal(told(f, 1)->node.target, s.target);
	assert_int_equal(told(f, 1)->state, AB_SESSION_FREE);
	fake_remove(&f->fake, FAKE_DEVICES "/host2"); /* the link is still there */
	nudge(f);
	assert_null(model_find(&f->model, 1));
	assert_int_equal(f->model.n_gone, 1);
}

static bool is_stale(struct fixture *f)
{
	return f->model.n_stales == 1;
}

static bool is_mended(struct fixture *f)
{
	return f->model.n_stales == 1 && f->model.n_ends == 2;
}

static void a_list_that_cannot_be_read_is_stale_until_it_can(void **state)
{
	struct fixture *f = *state;
	struct fake_session s = fake_session(1);

	fake_add(&f->fake, &s);
	start(f);
	fake_remove(&f->fake, "class/iscsi_session");
	fake_put(&f->fake, "class/iscsi_session", "no folder");
	ab_sessions_nudge(f->sessions);
	until(f, is_stale);
	assert_non_null(model_find(&f->model, 1)); /* nothing is concluded */
	ab_sessions_look_now(f->sessions);
	assert_int_equal(f->model.n_stales, 1);
	fake_remove(&f->fake, "class/iscsi_session");
	until(f, is_mended);
	assert_int_equal(f->model.n, 0);
}

/* --- many --- */

static void add_many(struct fixture *f, unsigned int n, unsigned int n_disks)
{
	for (unsigned int i = 1; i <= n; i++) {
		struct fake_session s = fake_session(i);

		fake_add(&f->fake, &s);
		for (unsigned int lun = 0; lun < n_disks; lun++) {
			char name[16], dev[16], dm[16];

			snprintf(name, sizeof(name), "sd%uc%u", i, lun);
			snprintf(dev, sizeof(dev), "8:%u", i * n_disks + lun);
			snprintf(dm, sizeof(dm), "dm-%u", lun);
			fake_add_disk(&f->fake, i, lun, name, dev);
			fake_hold(&f->fake, i, lun, name, dm, "mpath-36001405");
		}
	}
}

/* While the dump is under way one goes that was told, one that was not, one comes. */
static void change_during_dump(struct fixture *f)
{
	struct fake_session s = fake_session(500);

	fake_remove_session(&f->fake, 1);
	fake_remove_session(&f->fake, 100);
	fake_add(&f->fake, &s);
	ab_sessions_look_now(f->sessions);
	assert_null(model_find(&f->model, 1));
	assert_non_null(model_find(&f->model, 500));
	assert_true(f->model.is_dumping);
}

static void changes_during_a_dump_diverge_in_nothing(void **state)
{
	struct fixture *f = *state;

	add_many(f, 128, 1);
	f->on_told = change_during_dump;
	start(f);
	assert_int_equal(f->model.n, 127);
	assert_null(model_find(&f->model, 100));
	assert_int_equal(told(f, 500)->sid, 500);
	nudge(f);
	assert_int_equal(f->model.n, 127);
}

static void print_cost(const char *what, ab_mono from, ab_mono to)
{
	print_message("# %s: %lld us\n", what, (long long)((to.ns - from.ns) / 1000));
}

static void many_sessions_are_read_in_parts(void **state)
{
	struct fixture *f = *state;
	struct ab_session_look *look = malloc(sizeof(*look));
	struct ab_firmware none = { 0 };
	uint64_t n_read;
	ab_mono from;
	int fd = open(f->fake.root, O_PATH | O_CLOEXEC);

	assert_non_null(look);
	add_many(f, 128, 4);
	start(f);
	assert_int_equal(f->model.n, 128);
	for (unsigned int i = 1; i <= 128; i++) {
		assert_int_equal(told(f, i)->n_disks, 4);
		assert_int_equal(told(f, i)->n_mapped, 4);
	}
	n_read = stats_of(f).n_read;
	from = ab_clock_now();
	ab_sessions_look_now(f->sessions);
	print_cost("a quick look at 128 sessions", from, ab_clock_now());
	assert_int_equal(stats_of(f).n_read, n_read);
	from = ab_clock_now();
	for (unsigned int i = 1; i <= 128; i++)
		assert_int_equal(ab_sysfs_session(fd, i, &none, look), 0);
	print_cost("a full look at 128 sessions with 4 disks", from, ab_clock_now());
	close(fd);
	free(look);
}

#define SESSION_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SESSION_TEST(no_class_folder_is_an_empty_fresh_dump),
		SESSION_TEST(a_session_is_told_with_all_that_sysfs_has),
		SESSION_TEST(attributes_mean_what_the_kernel_means),
		SESSION_TEST(a_redirect_and_ipv6_keep_what_was_asked_for),
		SESSION_TEST(disks_and_multipath_maps_are_counted),
		SESSION_TEST(disks_that_cannot_be_told_apart_are_never_a_list),
		SESSION_TEST(what_firmware_may_have_made_is_firmwares),
		SESSION_TEST(sessions_that_make_no_sense_are_not_told),
		SESSION_TEST(odd_names_in_the_class_folder_are_no_sessions),
		SESSION_TEST(attributes_are_files),
		SESSION_TEST(between_dumps_only_differences_are_told),
		SESSION_TEST(a_resync_tells_all_without_being_stale),
		SESSION_TEST(a_look_now_tells_before_it_returns),
		SESSION_TEST(a_look_at_one_reads_all_of_it),
		SESSION_TEST(a_session_is_seen_coming_up_without_an_event),
		SESSION_TEST(the_slow_timer_sees_a_failure_that_nobody_tells),
		SESSION_TEST(who_a_session_is_stays_known_while_it_goes),
		SESSION_TEST(a_list_that_cannot_be_read_is_stale_until_it_can),
		SESSION_TEST(changes_during_a_dump_diverge_in_nothing),
		SESSION_TEST(many_sessions_are_read_in_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
