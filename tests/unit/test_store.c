/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The store with its real helper process on real folders: what is written, what is left
 * alone, and what happens when the helper, the disk, the lock or the ledger fails.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/ledger.h"
#include "core/name.h"
#include "io/clock.h"
#include "io/file.h"
#include "io/ledger_file.h"
#include "io/log.h"
#include "io/store.h"

#define EVENTS_MAX 4096
#define TARGET "iqn.2020-01.com.example:t1"

struct bed {
	char dir[64];
	char db[128], lock[128], state[128], run[128], conf[128], chap[128];
	struct ab_store_config config;
	struct ab_loop *loop;
	struct ab_loop_timer *deadline;
	struct ab_store *store;
	struct ab_event events[EVENTS_MAX];
	size_t n, from; /* events before .from belong to an earlier wait */
	bool is_late;
	bool (*until)(struct bed *b, const struct ab_event *ev);
	uint64_t job; /* .until looks for it */
	size_t left;
	/* of the last answer with data */
	int r;
	char data[64];
	bool is_answered;
};

/* --- files ----------------------------------------------------------------------- */

/* "DIR/NAME"; valid until the fourth call after this one. */
static const char *in(const char *dir, const char *name)
{
	static char bufs[4][PATH_MAX];
	static unsigned int turn;
	char *buf = bufs[turn++ % 4];

	assert_true(snprintf(buf, PATH_MAX, "%s/%s", dir, name) < PATH_MAX);
	return buf;
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

/* In place, as an editor and iscsiadm do it. */
static void write_file(const char *dir, const char *name, const char *text)
{
	FILE *f;

	assert_int_equal(ab_file_make_dirs(AT_FDCWD, dir, 0700), 0);
	f = fopen(in(dir, name), "we");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	assert_int_equal(fclose(f), 0);
}

/* The content, "" without a file; valid until the next call. */
static const char *read_file(const char *dir, const char *name)
{
	static char text[65536];
	char *data;
	size_t n;

	text[0] = '\0';
	if (ab_file_read(AT_FDCWD, in(dir, name), sizeof(text) - 1, &data, &n, NULL) ==
	    0) {
		memcpy(text, data, n + 1);
		free(data);
	}
	return text;
}

static bool exists(const char *dir, const char *name)
{
	return access(in(dir, name), F_OK) == 0;
}

static void hold_lock(const struct bed *b)
{
	write_file(b->lock, "lock", "");
	assert_int_equal(link(in(b->lock, "lock"), in(b->lock, "lock.write")), 0);
}

static void drop_lock(const struct bed *b)
{
	assert_int_equal(unlink(in(b->lock, "lock.write")), 0);
}

/* --- the bed --------------------------------------------------------------------- */

static void on_event(void *arg, const struct ab_event *ev)
{
	struct bed *b = arg;

	assert_true(b->n < EVENTS_MAX);
	b->events[b->n++] = *ev;
	if (b->until && b->until(b, ev))
		ab_loop_stop(b->loop);
}

static void on_deadline(void *arg)
{
	struct bed *b = arg;

	b->is_late = true;
	ab_loop_stop(b->loop);
}

/* Runs the loop until @until says so. @left is for its own use. */
static void wait_for(struct bed *b,
		     bool (*until)(struct bed *, const struct ab_event *), size_t left)
{
	b->until = until;
	b->left = left;
	b->is_late = false;
	ab_loop_timer_set(b->deadline, ab_mono_add_ms(ab_clock_now(), 15000));
	assert_int_equal(ab_loop_run(b->loop), 0);
	ab_loop_timer_set(b->deadline, AB_MONO_NEVER);
	b->until = NULL;
	assert_false(b->is_late);
}

static void run_for(struct bed *b, int64_t ms)
{
	b->until = NULL;
	ab_loop_timer_set(b->deadline, ab_mono_add_ms(ab_clock_now(), ms));
	assert_int_equal(ab_loop_run(b->loop), 0);
	assert_true(b->is_late);
}

static bool both_dumped(struct bed *b, const struct ab_event *ev)
{
	if (ev->type == AB_EV_DUMP_END)
		b->left--;
	return b->left == 0;
}

static bool is_done(struct bed *b, const struct ab_event *ev)
{
	return ev->type == AB_EV_DONE && ev->done.job == b->job;
}

static bool all_done(struct bed *b, const struct ab_event *ev)
{
	if (ev->type == AB_EV_DONE)
		b->left--;
	return b->left == 0;
}

static bool is_iface(struct bed *b, const struct ab_event *ev)
{
	(void)b;
	return ev->type == AB_EV_IFACE;
}

static bool is_iface_gone(struct bed *b, const struct ab_event *ev)
{
	(void)b;
	return ev->type == AB_EV_IFACE_GONE;
}

static bool is_node(struct bed *b, const struct ab_event *ev)
{
	(void)b;
	return ev->type == AB_EV_NODE;
}

static bool is_node_gone(struct bed *b, const struct ab_event *ev)
{
	(void)b;
	return ev->type == AB_EV_NODE_GONE;
}

static const struct ab_event *find_event(const struct bed *b, uint32_t type,
					 size_t from)
{
	size_t i;

	for (i = from; i < b->n; i++)
		if (b->events[i].type == type)
			return &b->events[i];
	return NULL;
}

static void begin(struct bed *b)
{
	b->n = 0;
	assert_int_equal(ab_store_start(&b->config, &b->store), 0);
	assert_int_equal(ab_loop_new(&b->loop), 0);
	assert_int_equal(ab_loop_timer_new(b->loop, on_deadline, b, &b->deadline), 0);
	assert_int_equal(ab_store_attach(b->store, b->loop, on_event, b), 0);
	wait_for(b, both_dumped, 2);
}

static void end(struct bed *b)
{
	b->store = ab_store_free(b->store);
	if (b->deadline)
		b->deadline = ab_loop_timer_free(b->deadline);
	b->loop = ab_loop_free(b->loop);
}

static int bed_up(void **state)
{
	struct bed *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	(void)snprintf(b->dir, sizeof(b->dir), "/tmp/autobind-store-XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	(void)snprintf(b->db, sizeof(b->db), "%s/db", b->dir);
	(void)snprintf(b->lock, sizeof(b->lock), "%s/lock", b->dir);
	(void)snprintf(b->state, sizeof(b->state), "%s/state", b->dir);
	(void)snprintf(b->run, sizeof(b->run), "%s/run", b->dir);
	(void)snprintf(b->conf, sizeof(b->conf), "%s/iscsid.conf", b->dir);
	(void)snprintf(b->chap, sizeof(b->chap), "%s/chap", b->dir);
	assert_int_equal(mkdir(b->lock, 0700), 0);
	assert_int_equal(mkdir(b->db, 0700), 0);
	assert_int_equal(mkdir(b->run, 0700), 0);
	b->config.db.root = b->db;
	b->config.db.lock_dir = b->lock;
	b->config.db.conf = b->conf;
	b->config.state_dir = b->state;
	b->config.run_dir = b->run;
	b->config.chap_dir = b->chap;
	*state = b;
	return 0;
}

static int bed_down(void **state)
{
	struct bed *b = *state;

	if (b->store)
		end(b);
	(void)umount2(b->db, MNT_DETACH);
	(void)umount2(b->state, MNT_DETACH);
	(void)nftw(b->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(b);
	return 0;
}

/* --- jobs ------------------------------------------------------------------------ */

static struct ab_effect iface_effect(uint32_t type, const char *name,
				     const char *netdev)
{
	static uint64_t job = 1000;
	struct ab_effect ef;

	memset(&ef, 0, sizeof(ef));
	ef.type = type;
	ef.job = ++job;
	(void)ab_copy(ef.iface.binding.iface, sizeof(ef.iface.binding.iface), name);
	(void)ab_copy(ef.iface.binding.transport, sizeof(ef.iface.binding.transport),
		      "tcp");
	(void)ab_copy(ef.iface.binding.netdev, sizeof(ef.iface.binding.netdev), netdev);
	ef.iface.port.type = AB_PORT_ETHER;
	(void)ab_copy(ef.iface.port.name, sizeof(ef.iface.port.name), netdev);
	return ef;
}

static struct ab_effect node_effect(uint32_t type, unsigned int host)
{
	static uint64_t job = 2000000;
	struct ab_effect ef;

	memset(&ef, 0, sizeof(ef));
	ef.type = type;
	ef.job = ++job;
	(void)ab_copy(ef.node.key.target, sizeof(ef.node.key.target), TARGET);
	ef.node.key.portal.addr.family = AF_INET;
	ef.node.key.portal.addr.bytes[0] = 10;
	ef.node.key.portal.addr.bytes[2] = (uint8_t)(host >> 8);
	ef.node.key.portal.addr.bytes[3] = (uint8_t)host;
	ef.node.key.portal.port = 3260;
	ef.node.key.tpgt = 1;
	(void)ab_copy(ef.node.key.iface, sizeof(ef.node.key.iface), "ab-eth0");
	return ef;
}

static struct ab_event do_job(struct bed *b, const struct ab_effect *ef)
{
	size_t from = b->n;

	b->job = ef->job;
	assert_int_equal(ab_store_submit(b->store, ef, NULL, 0), 0);
	wait_for(b, is_done, 0);
	return *find_event(b, AB_EV_DONE, from);
}

static void make_iface(struct bed *b, uint64_t *ret_hash)
{
	struct ab_effect ef = iface_effect(AB_EF_IFACE_WRITE, "ab-eth0", "eth0");
	struct ab_event ev = do_job(b, &ef);

	assert_int_equal(ev.done.outcome, AB_OUTCOME_DONE);
	if (ret_hash)
		*ret_hash = ev.done.hash;
}

struct count {
	unsigned int n[AB_OWNER_MAX];
	uint64_t hash; /* of the last one */
};

static void count(void *arg, const struct ab_ledger_entry *e)
{
	struct count *c = arg;

	c->n[e->owner]++;
	c->hash = e->hash;
}

static struct count count_ledger(const char *dir)
{
	struct count c = { 0 };

	assert_int_equal(ab_ledger_file_read(dir, count, &c), 0);
	return c;
}

/* --- the tests ------------------------------------------------------------------- */

static void start_dumps_ledger_then_records(void **state)
{
	static const struct {
		uint32_t type;
		uint8_t source;
	} want[] = { { AB_EV_DUMP_BEGIN, AB_SOURCE_LEDGER },
		     { AB_EV_DUMP_END, AB_SOURCE_LEDGER },
		     { AB_EV_DUMP_BEGIN, AB_SOURCE_RECORDS },
		     { AB_EV_DUMP_END, AB_SOURCE_RECORDS } };
	struct bed *b = *state;
	size_t i;

	begin(b);
	assert_int_equal(b->n, 4);
	for (i = 0; i < 4; i++) {
		assert_int_equal(b->events[i].type, want[i].type);
		assert_int_equal(b->events[i].dump.source, want[i].source);
		assert_false(b->events[i].dump.is_unreadable);
	}
	assert_int_equal(ab_store_state(b->store), AB_STORE_RUNNING);
}

static void written_record_is_observed_and_owned(void **state)
{
	struct bed *b = *state;
	uint64_t hash;

	begin(b);
	make_iface(b, &hash);
	assert_true(exists(b->db, "ifaces/ab-eth0"));
	assert_int_equal(count_ledger(b->state).n[AB_OWNER_OURS], 1);
	assert_int_equal(count_ledger(b->state).n[AB_OWNER_INTENT], 0);
	assert_true(count_ledger(b->state).hash == hash);
	assert_true(count_ledger(b->run).hash == hash);
	wait_for(b, is_iface, 0);
	assert_true(b->events[b->n - 1].iface.hash == hash);
}

static void node_is_written_updated_and_deleted(void **state)
{
	static const struct ab_node_setting setting = {
		.name = "node.session.timeo.replacement_timeout", .value = "7"
	};
	struct ab_effect ef = node_effect(AB_EF_NODE_WRITE, 1);
	struct bed *b = *state;
	struct ab_event ev;
	uint64_t first;

	begin(b);
	make_iface(b, NULL);
	ev = do_job(b, &ef);
	assert_int_equal(ev.done.outcome, AB_OUTCOME_DONE);
	first = ev.done.hash;
	wait_for(b, is_node, 0);
	assert_true(b->events[b->n - 1].node.hash == first);
	assert_string_equal(b->events[b->n - 1].node.netdev, "eth0");

	ef = node_effect(AB_EF_NODE_WRITE, 1);
	ef.node.is_update = true;
	ef.node.hash = first;
	b->job = ef.job;
	assert_int_equal(ab_store_submit(b->store, &ef, &setting, 1), 0);
	wait_for(b, is_done, 0);
	ev = b->events[b->n - 1];
	assert_int_equal(ev.done.outcome, AB_OUTCOME_DONE);
	assert_true(ev.done.hash != first);
	assert_non_null(
		strstr(read_file(b->db, "nodes/" TARGET "/10.0.0.1,3260,1/ab-eth0"),
		       "replacement_timeout = 7\n"));

	ef = node_effect(AB_EF_NODE_DELETE, 1);
	ef.node.hash = ev.done.hash;
	assert_int_equal(do_job(b, &ef).done.outcome, AB_OUTCOME_DONE);
	assert_false(exists(b->db, "nodes/" TARGET));
	assert_int_equal(count_ledger(b->state).n[AB_OWNER_OURS], 1);
	wait_for(b, is_node_gone, 0);
}

/* Newest change of anything below a folder, in nanoseconds. */
static int64_t newest_ns;

static int note_newest(const char *path, const struct stat *st, int type,
		       struct FTW *ftw)
{
	int64_t ns =
		(int64_t)st->st_ctim.tv_sec * AB_NSEC_PER_SEC + st->st_ctim.tv_nsec;

	(void)path;
	(void)type;
	(void)ftw;
	newest_ns = ns > newest_ns ? ns : newest_ns;
	return 0;
}

static int64_t last_change(const char *dir)
{
	newest_ns = 0;
	assert_int_equal(nftw(dir, note_newest, 16, FTW_PHYS), 0);
	return newest_ns;
}

static struct ab_event update_again(struct bed *b, struct ab_effect ef, uint64_t hash)
{
	ef.job += 500000;
	if (ef.type == AB_EF_NODE_WRITE) {
		ef.node.is_update = true;
		ef.node.hash = hash;
	} else {
		ef.iface.is_update = true;
		ef.iface.hash = hash;
	}
	return do_job(b, &ef);
}

static void update_to_what_is_there_writes_nothing(void **state)
{
	struct ab_effect iface = iface_effect(AB_EF_IFACE_WRITE, "ab-eth0", "eth0");
	struct ab_effect node = node_effect(AB_EF_NODE_WRITE, 1);
	struct bed *b = *state;
	struct ab_event first[2], again[2];
	int64_t before;

	begin(b);
	first[0] = do_job(b, &iface);
	first[1] = do_job(b, &node);
	before = last_change(b->dir);
	run_for(b, 20); /* a tick of the file system's clock */
	again[0] = update_again(b, iface, first[0].done.hash);
	again[1] = update_again(b, node, first[1].done.hash);
	assert_int_equal(again[0].done.outcome, AB_OUTCOME_DONE);
	assert_int_equal(again[1].done.outcome, AB_OUTCOME_DONE);
	assert_true(again[0].done.hash == first[0].done.hash);
	assert_true(again[1].done.hash == first[1].done.hash);
	assert_true(last_change(b->dir) == before);

	/* Other settings that come to the same record: only the ledger is written. */
	node.node.settings = 4711;
	before = last_change(b->db);
	again[1] = update_again(b, node, first[1].done.hash);
	assert_int_equal(again[1].done.outcome, AB_OUTCOME_DONE);
	assert_true(last_change(b->db) == before);
	assert_non_null(strstr(read_file(b->state, "ledger"), "1267")); /* 4711 */
}

#define NODE_FILE "nodes/" TARGET "/10.0.0.1,3260,1/ab-eth0"

static void put_secret(const struct bed *b, const char *password)
{
	char text[256];

	(void)snprintf(text, sizeof(text),
		       "username = host1\npassword = %s\nusername_in = array1\n"
		       "password_in = TheArraysOwn\n",
		       password);
	write_file(b->chap, "san1", text);
	assert_int_equal(chmod(in(b->chap, "san1"), 0600), 0);
}

static void secrets_go_into_the_record_alone(void **state)
{
	struct bed *b = *state;
	struct ab_effect ef = node_effect(AB_EF_NODE_WRITE, 1);
	struct ab_event first, again;
	const char *text;
	struct stat st;
	int64_t before;

	put_secret(b, "FirstSecret1");
	write_file(b->dir, "iscsid.conf",
		   "node.session.auth.username = everybody\n"
		   "node.session.auth.password = OfTheConf\n");
	(void)ab_copy(ef.node.chap, sizeof(ef.node.chap), "san1");
	begin(b);
	make_iface(b, NULL);
	first = do_job(b, &ef);
	assert_int_equal(first.done.outcome, AB_OUTCOME_DONE);
	text = read_file(b->db, NODE_FILE);
	assert_non_null(strstr(text, "node.session.auth.authmethod = CHAP\n"));
	assert_non_null(strstr(text, "node.session.auth.username = host1\n"));
	assert_non_null(strstr(text, "node.session.auth.password = FirstSecret1\n"));
	assert_non_null(strstr(text, "node.session.auth.username_in = array1\n"));
	assert_non_null(strstr(text, "node.session.auth.password_in = TheArraysOwn\n"));
	assert_null(strstr(text, "chap_algs")); /* older releases do not know it */
	assert_int_equal(stat(in(b->db, NODE_FILE), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);

	/* The same again is no write; another secret is one, under the same mark. */
	before = last_change(b->db);
	run_for(b, 20);
	again = update_again(b, ef, first.done.hash);
	assert_int_equal(again.done.outcome, AB_OUTCOME_DONE);
	assert_true(last_change(b->db) == before);
	put_secret(b, "SecondSecret2");
	ef.node.settings = 4711;
	ef.job++;
	again = update_again(b, ef, first.done.hash);
	assert_int_equal(again.done.outcome, AB_OUTCOME_DONE);
	assert_true(again.done.hash == first.done.hash);
	assert_non_null(strstr(read_file(b->db, NODE_FILE), "= SecondSecret2\n"));
	end(b);

	text = read_file(b->state, "ledger");
	assert_non_null(strstr(text, "1267")); /* 4711: it was written */
	assert_null(strstr(text, "Secret"));
}

static void a_refused_secret_leaves_the_record_alone(void **state)
{
	struct bed *b = *state;
	struct ab_effect ef = node_effect(AB_EF_NODE_WRITE, 1);
	struct ab_event ev;

	(void)ab_copy(ef.node.chap, sizeof(ef.node.chap), "san1");
	begin(b);
	make_iface(b, NULL);
	ev = do_job(b, &ef);
	assert_int_equal(ev.done.outcome, AB_OUTCOME_RETRY);
	assert_int_equal(ev.done.code, EKEYREJECTED);
	put_secret(b, "FirstSecret1");
	assert_int_equal(chmod(in(b->chap, "san1"), 0640), 0);
	ef.job++;
	ev = do_job(b, &ef);
	assert_int_equal(ev.done.code, EKEYREJECTED);
	assert_false(exists(b->db, NODE_FILE));
	/* Mended: the next try finds it. */
	assert_int_equal(chmod(in(b->chap, "san1"), 0600), 0);
	ef.job++;
	ev = do_job(b, &ef);
	assert_int_equal(ev.done.outcome, AB_OUTCOME_DONE);
	assert_true(exists(b->db, NODE_FILE));
}

static void many_jobs_have_one_answer_each(void **state)
{
	struct bed *b = *state;
	struct ab_event *ev;
	size_t i, from;

	begin(b);
	make_iface(b, NULL);
	from = b->n;
	for (i = 0; i < 200; i++) {
		struct ab_effect ef =
			node_effect(AB_EF_NODE_WRITE, (unsigned int)i + 1);

		ef.job = 5000 + i;
		assert_int_equal(ab_store_submit(b->store, &ef, NULL, 0), 0);
	}
	wait_for(b, all_done, 200);
	for (i = from; i < b->n; i++) {
		ev = &b->events[i];
		if (ev->type != AB_EV_DONE)
			continue;
		assert_int_equal(ev->done.outcome, AB_OUTCOME_DONE);
		assert_int_equal(ev->done.job, 5000 + b->left++);
	}
	assert_int_equal(b->left, 200);
	assert_int_equal(count_ledger(b->state).n[AB_OWNER_OURS], 201);
}

static void foreign_record_is_never_changed(void **state)
{
	static const char text[] =
		"iface.iscsi_ifacename = ab-eth0\niface.mtu = 1500\n";
	struct bed *b = *state;
	struct ab_effect ef;
	char dir[PATH_MAX];

	(void)ab_copy(dir, sizeof(dir), in(b->db, "ifaces"));
	write_file(dir, "ab-eth0", text);
	begin(b);
	ef = iface_effect(AB_EF_IFACE_WRITE, "ab-eth0", "eth0");
	assert_int_equal(do_job(b, &ef).done.outcome, AB_OUTCOME_EXISTS);
	ef = iface_effect(AB_EF_IFACE_WRITE, "ab-eth0", "eth0");
	ef.iface.is_update = true;
	ef.iface.hash = find_event(b, AB_EV_IFACE, 0)->iface.hash;
	assert_int_equal(do_job(b, &ef).done.outcome, AB_OUTCOME_CHANGED);
	ef.type = AB_EF_IFACE_DELETE;
	ef.job++;
	assert_int_equal(do_job(b, &ef).done.outcome, AB_OUTCOME_CHANGED);
	assert_string_equal(read_file(dir, "ab-eth0"), text);
	assert_int_equal(count_ledger(b->state).n[AB_OWNER_INTENT], 0);
	assert_int_equal(count_ledger(b->state).n[AB_OWNER_OURS], 0);
}

static void modified_record_is_seen_and_left_alone(void **state)
{
	struct bed *b = *state;
	struct ab_effect ef;
	char dir[PATH_MAX];
	char text[4096];
	uint64_t hash;

	begin(b);
	make_iface(b, &hash);
	wait_for(b, is_iface, 0);
	(void)ab_copy(dir, sizeof(dir), in(b->db, "ifaces"));
	(void)snprintf(text, sizeof(text), "%siface.vlan_id = 7\n",
		       read_file(dir, "ab-eth0"));
	write_file(dir, "ab-eth0", text);
	wait_for(b, is_iface, 0);
	assert_true(b->events[b->n - 1].iface.hash != hash);
	ef = iface_effect(AB_EF_IFACE_WRITE, "ab-eth0", "eth1");
	ef.iface.is_update = true;
	ef.iface.hash = hash;
	assert_int_equal(do_job(b, &ef).done.outcome, AB_OUTCOME_CHANGED);
	ef.type = AB_EF_IFACE_DELETE;
	ef.job++;
	assert_int_equal(do_job(b, &ef).done.outcome, AB_OUTCOME_CHANGED);
	assert_string_equal(read_file(dir, "ab-eth0"), text);
	assert_true(count_ledger(b->state).hash == hash);
}

static void record_removed_by_hand_is_told(void **state)
{
	struct bed *b = *state;

	begin(b);
	make_iface(b, NULL);
	wait_for(b, is_iface, 0);
	assert_int_equal(unlink(in(b->db, "ifaces/ab-eth0")), 0);
	wait_for(b, is_iface_gone, 0);
	assert_string_equal(b->events[b->n - 1].iface.binding.iface, "ab-eth0");
}

static void folders_that_appear_later_are_watched(void **state)
{
	struct bed *b = *state;
	char dir[PATH_MAX];

	assert_int_equal(rmdir(b->lock), 0);
	assert_int_equal(rmdir(b->db), 0);
	begin(b);
	(void)ab_copy(dir, sizeof(dir), in(b->db, "ifaces"));
	write_file(dir, "x", "iface.iscsi_ifacename = x\n");
	wait_for(b, is_iface, 0);
	/* A command of open-iscsi that changes a record deep below nodes/: only its
	 * lock is seen. */
	(void)ab_copy(dir, sizeof(dir), in(b->db, "nodes/" TARGET "/10.0.0.1,3260,1"));
	assert_int_equal(mkdir(b->lock, 0700), 0);
	hold_lock(b);
	write_file(dir, "x",
		   "node.name = " TARGET "\nnode.tpgt = 1\n"
		   "node.conn[0].address = 10.0.0.1\nnode.conn[0].port = 3260\n"
		   "iface.iscsi_ifacename = x\n");
	drop_lock(b);
	wait_for(b, is_node, 0);
	hold_lock(b);
	write_file(dir, "x",
		   "node.name = " TARGET "\nnode.tpgt = 1\n"
		   "node.conn[0].address = 10.0.0.1\nnode.conn[0].port = 3260\n"
		   "node.session.queue_depth = 77\niface.iscsi_ifacename = x\n");
	drop_lock(b);
	wait_for(b, is_node, 0);
}

static void removal_by_discovery_is_told_apart(void **state)
{
	struct ab_effect ef = node_effect(AB_EF_NODE_WRITE, 1);
	struct bed *b = *state;
	char dir[PATH_MAX];

	begin(b);
	make_iface(b, NULL);
	ef.node.discovery = ef.node.key.portal;
	assert_int_equal(do_job(b, &ef).done.outcome, AB_OUTCOME_DONE);
	ef = node_effect(AB_EF_NODE_WRITE, 2);
	ef.node.discovery = ef.node.key.portal;
	assert_int_equal(do_job(b, &ef).done.outcome, AB_OUTCOME_DONE);
	run_for(b, 400); /* both are observed */
	hold_lock(b);
	(void)ab_copy(dir, sizeof(dir), in(b->db, "send_targets/10.0.0.1,3260"));
	write_file(dir, "st_config", read_file(dir, "st_config"));
	assert_int_equal(unlink(in(b->db, "nodes/" TARGET "/10.0.0.1,3260,1/ab-eth0")),
			 0);
	drop_lock(b);
	wait_for(b, is_node_gone, 0);
	assert_true(b->events[b->n - 1].node.by_discovery);
	hold_lock(b);
	assert_int_equal(unlink(in(b->db, "nodes/" TARGET "/10.0.0.2,3260,1/ab-eth0")),
			 0);
	drop_lock(b);
	wait_for(b, is_node_gone, 0);
	assert_false(b->events[b->n - 1].node.by_discovery);
}

static void killed_helper_makes_open_jobs_unknown(void **state)
{
	struct ab_effect ef = iface_effect(AB_EF_IFACE_WRITE, "ab-eth0", "eth0");
	struct bed *b = *state;
	size_t i, from, n_stale = 0;
	int pid;

	begin(b);
	pid = ab_store_pid(b->store);
	from = b->n;
	hold_lock(b);
	b->job = ef.job;
	assert_int_equal(ab_store_submit(b->store, &ef, NULL, 0), 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	wait_for(b, is_done, 0);
	assert_int_equal(find_event(b, AB_EV_DONE, from)->done.outcome,
			 AB_OUTCOME_UNKNOWN);
	wait_for(b, both_dumped, 2);
	for (i = from; i < b->n; i++)
		n_stale += b->events[i].type == AB_EV_STALE;
	assert_int_equal(n_stale, 2);
	assert_int_not_equal(ab_store_pid(b->store), pid);
	assert_int_equal(ab_store_state(b->store), AB_STORE_RUNNING);
	assert_false(exists(b->db, "ifaces/ab-eth0"));
	drop_lock(b);
	make_iface(b, NULL);
}

static void what_the_ledger_was_told_survives_the_helper(void **state)
{
	struct ab_effect ef = { .type = AB_EF_LEDGER_PUT };
	struct bed *b = *state;
	const struct ab_event *ev;
	size_t from;

	begin(b);
	ef.ledger.kind = AB_LEDGER_NODE;
	ef.ledger.owner = AB_OWNER_HELD;
	ef.ledger.node = node_effect(AB_EF_NODE_WRITE, 1).node.key;
	assert_int_equal(kill(ab_store_pid(b->store), SIGSTOP), 0);
	assert_int_equal(ab_store_submit(b->store, &ef, NULL, 0), 0);
	from = b->n;
	assert_int_equal(kill(ab_store_pid(b->store), SIGKILL), 0);
	wait_for(b, both_dumped, 2);
	ev = find_event(b, AB_EV_LEDGER, from);
	assert_non_null(ev);
	assert_int_equal(ev->ledger.owner, AB_OWNER_HELD);
	assert_null(find_event(b, AB_EV_DONE, from)); /* nobody asked for one */
	assert_int_equal(count_ledger(b->state).n[AB_OWNER_HELD], 1);
}

/* Of each kind that can be held the next word takes it back. */
static void ledger_forgets_what_it_is_told_to(void **state)
{
	static const uint8_t kinds[] = { AB_LEDGER_IFACE, AB_LEDGER_NODE,
					 AB_LEDGER_SESSION };
	struct ab_effect ef = { .type = AB_EF_LEDGER_PUT };
	struct bed *b = *state;
	unsigned int i;

	begin(b);
	for (i = 0; i < sizeof(kinds); i++) {
		memset(&ef.ledger, 0, sizeof(ef.ledger));
		ef.ledger.kind = kinds[i];
		if (kinds[i] == AB_LEDGER_IFACE)
			ab_copy(ef.ledger.iface.name, sizeof(ef.ledger.iface.name),
				"ab-eth0");
		else
			ef.ledger.node = node_effect(AB_EF_NODE_WRITE, 1).node.key;
		ef.type = AB_EF_LEDGER_PUT;
		ef.ledger.owner = AB_OWNER_HELD;
		ef.job = 2 * i + 1;
		assert_int_equal(do_job(b, &ef).done.outcome, AB_OUTCOME_DONE);
		assert_int_equal(count_ledger(b->state).n[AB_OWNER_HELD], 1);
		ef.type = AB_EF_LEDGER_DEL;
		ef.ledger.owner = 0;
		ef.job = 2 * i + 2;
		assert_int_equal(do_job(b, &ef).done.outcome, AB_OUTCOME_DONE);
		assert_int_equal(count_ledger(b->state).n[AB_OWNER_HELD], 0);
	}
}

static void held_lock_is_waited_for_then_retry(void **state)
{
	struct ab_effect ef = iface_effect(AB_EF_IFACE_WRITE, "ab-eth0", "eth0");
	struct bed *b = *state;

	b->config.db.lock_wait_ms = 100;
	begin(b);
	hold_lock(b);
	assert_int_equal(do_job(b, &ef).done.outcome, AB_OUTCOME_RETRY);
	assert_false(exists(b->db, "ifaces/ab-eth0"));
	assert_int_equal(count_ledger(b->state).n[AB_OWNER_INTENT], 0);
	assert_true(exists(b->lock, "lock.write")); /* not ours to remove */
	drop_lock(b);
	make_iface(b, NULL);
	assert_false(exists(b->lock, "lock.write"));
}

static void stale_lock_is_removed(void **state)
{
	struct bed *b = *state;

	b->config.db.lock_stale_s = 1;
	begin(b);
	hold_lock(b);
	make_iface(b, NULL); /* waits until the lock is a second old */
	assert_false(exists(b->lock, "lock.write"));
}

/* A file system of its own, full but for its last page. */
static bool mount_full(const char *dir)
{
	static const char page[4096];
	int fd;

	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return false;
	if (mount("tmpfs", dir, "tmpfs", 0, "size=64k") < 0)
		return false;
	fd = open(in(dir, "filler"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	while (write(fd, page, sizeof(page)) > 0)
		;
	(void)close(fd);
	return true;
}

static void make_space(const char *dir)
{

	assert_int_equal(unlink(in(dir, "filler")), 0);
}

static bool own_mounts(void)
{
	static int r = 1;

	if (r > 0)
		r = unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL,
						       MS_REC | MS_PRIVATE, NULL) == 0
			    ? 0
			    : -1;
	return r == 0;
}

static void full_database_means_retry_and_no_trace(void **state)
{
	struct ab_effect ef = iface_effect(AB_EF_IFACE_WRITE, "ab-eth0", "eth0");
	struct bed *b = *state;
	struct ab_event ev;
	char dir[PATH_MAX];

	if (!own_mounts() || !mount_full(b->db))
		skip();
	begin(b);
	ev = do_job(b, &ef);
	assert_int_equal(ev.done.outcome, AB_OUTCOME_RETRY);
	assert_int_equal(ev.done.code, ENOSPC);
	(void)ab_copy(dir, sizeof(dir), in(b->db, "ifaces"));
	assert_false(exists(dir, "ab-eth0"));
	assert_int_equal(count_ledger(b->state).n[AB_OWNER_INTENT], 0);
	make_space(b->db);
	make_iface(b, NULL);
}

static void full_state_folder_means_no_record_either(void **state)
{
	struct ab_effect ef = iface_effect(AB_EF_IFACE_WRITE, "ab-eth0", "eth0");
	struct bed *b = *state;
	struct ab_event ev;

	if (!own_mounts() || !mount_full(b->state))
		skip();
	begin(b);
	ev = do_job(b, &ef);
	assert_int_equal(ev.done.outcome, AB_OUTCOME_RETRY);
	assert_int_equal(ev.done.code, ENOSPC);
	assert_false(exists(b->db, "ifaces/ab-eth0"));
	make_space(b->state);
	make_iface(b, NULL);
	assert_int_equal(count_ledger(b->state).n[AB_OWNER_OURS], 1);
}

static void bad_ledger_is_set_aside_and_additions_go_on(void **state)
{
	struct bed *b = *state;
	int i;

	for (i = 0; i < 5; i++) {
		char text[32];

		(void)snprintf(text, sizeof(text), "autobind-ledger 2\n%d", i);
		write_file(b->state, "ledger", text);
		begin(b);
		assert_int_equal(b->events[1].type, AB_EV_DUMP_END);
		assert_true(b->events[1].dump.is_unreadable);
		assert_string_equal(read_file(b->state, "ledger.bad-1"), text);
		if (i == 0)
			make_iface(b, NULL);
		end(b);
	}
	assert_true(exists(b->state, "ledger.bad-3"));
	assert_false(exists(b->state, "ledger.bad-4"));
	begin(b);
	assert_false(b->events[1].dump.is_unreadable);
}

static void lost_ledger_comes_back_from_the_run_folder(void **state)
{
	struct bed *b = *state;
	const struct ab_event *ev;
	uint64_t hash;

	begin(b);
	make_iface(b, &hash);
	end(b);
	assert_int_equal(unlink(in(b->state, "ledger")), 0);
	begin(b);
	ev = find_event(b, AB_EV_LEDGER, 0);
	assert_non_null(ev);
	assert_true(ev->ledger.hash == hash);
	assert_true(count_ledger(b->state).hash == hash);
}

static void write_intent(const struct bed *b, const char *name, uint64_t hash,
			 bool has_owner)
{
	char text[4 * AB_LEDGER_LINE];
	struct ab_ledger_entry e;
	struct ab_ledger_writer w;
	struct ab_text t;

	memset(&e, 0, sizeof(e));
	e.kind = AB_LEDGER_IFACE;
	(void)ab_copy(e.iface.name, sizeof(e.iface.name), name);
	ab_text_init(&t, text, sizeof(text));
	ab_ledger_begin(&w, &t);
	e.owner = AB_OWNER_OURS;
	e.hash = 4711;
	if (has_owner)
		ab_ledger_add(&w, &t, &e);
	e.owner = AB_OWNER_INTENT;
	e.hash = hash;
	ab_ledger_add(&w, &t, &e);
	ab_ledger_end(&w, &t);
	write_file(b->state, "ledger", text);
}

static void intents_are_judged_by_the_record(void **state)
{
	static const struct {
		const char *what, *name;
		bool is_exact, has_owner;
		unsigned int n_ours;
		uint64_t hash; /* 0: that of the record */
	} rows[] = {
		{ "no record", "other", true, false, 0, 0 },
		{ "the intended content", "ab-eth0", true, false, 1, 0 },
		{ "another content", "ab-eth0", false, false, 0, 0 },
		{ "update that was carried out", "ab-eth0", true, true, 1, 0 },
		{ "update that was not", "ab-eth0", false, true, 1, 4711 },
	};
	struct bed *b = *state;
	uint64_t hash;
	size_t i;

	begin(b);
	make_iface(b, &hash);
	end(b);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct ab_event *ev;
		struct count c;

		write_intent(b, rows[i].name, hash + !rows[i].is_exact,
			     rows[i].has_owner);
		begin(b);
		c = count_ledger(b->state);
		ev = find_event(b, AB_EV_LEDGER, 0);
		if (c.n[AB_OWNER_INTENT] || c.n[AB_OWNER_OURS] != rows[i].n_ours ||
		    (ev != NULL) != (rows[i].n_ours > 0))
			fail_msg("%s: %u intents, %u ours", rows[i].what,
				 c.n[AB_OWNER_INTENT], c.n[AB_OWNER_OURS]);
		if (ev)
			assert_true(ev->ledger.hash ==
				    (rows[i].hash ? rows[i].hash : hash));
		end(b);
	}
}

/* A mark does not count secrets, so nobody can tell whether one was changed before the
 * end: it is not taken for done, and will be written again. */
static void an_update_of_a_secret_alone_is_not_taken_for_done(void **state)
{
	struct bed *b = *state;
	struct ab_effect ef = node_effect(AB_EF_NODE_WRITE, 1);
	char text[4 * AB_LEDGER_LINE];
	struct ab_ledger_entry e;
	struct ab_ledger_writer w;
	const struct ab_event *ev;
	struct ab_text t;

	memset(&e, 0, sizeof(e));
	begin(b);
	make_iface(b, NULL);
	e.kind = AB_LEDGER_NODE;
	e.node = ef.node.key;
	e.hash = do_job(b, &ef).done.hash;
	end(b);
	ab_text_init(&t, text, sizeof(text));
	ab_ledger_begin(&w, &t);
	e.owner = AB_OWNER_OURS;
	e.settings = 1;
	ab_ledger_add(&w, &t, &e);
	e.owner = AB_OWNER_INTENT;
	e.settings = 2;
	ab_ledger_add(&w, &t, &e);
	ab_ledger_end(&w, &t);
	write_file(b->state, "ledger", text);
	begin(b);
	assert_int_equal(count_ledger(b->state).n[AB_OWNER_INTENT], 0);
	ev = find_event(b, AB_EV_LEDGER, 0);
	assert_non_null(ev);
	assert_int_equal(ev->ledger.owner, AB_OWNER_OURS);
	assert_int_equal(ev->ledger.settings, 1);
}

static void hanging_helper_is_reported(void **state)
{
	struct ab_effect ef = iface_effect(AB_EF_IFACE_WRITE, "ab-eth0", "eth0");
	struct bed *b = *state;

	begin(b);
	assert_int_equal(kill(ab_store_pid(b->store), SIGSTOP), 0);
	b->job = ef.job;
	assert_int_equal(ab_store_submit(b->store, &ef, NULL, 0), 0);
	run_for(b, 4500);
	assert_int_equal(ab_store_state(b->store), AB_STORE_RUNNING);
	run_for(b, 1000);
	assert_int_equal(ab_store_state(b->store), AB_STORE_STALLED);
	assert_string_equal(ab_store_state_name(AB_STORE_STALLED), "STORE-STALLED");
	assert_int_equal(kill(ab_store_pid(b->store), SIGCONT), 0);
	wait_for(b, is_done, 0);
	assert_int_equal(b->events[b->n - 1].done.outcome, AB_OUTCOME_DONE);
	assert_int_equal(ab_store_state(b->store), AB_STORE_RUNNING);
}

static void what_cannot_be_done_is_denied(void **state)
{
	struct ab_effect ef = node_effect(AB_EF_NODE_WRITE, 1);
	static char value[AB_STORE_SETTINGS_MAX + 1];
	const struct ab_node_setting setting = { .name = "x", .value = value };
	struct bed *b = *state;

	begin(b);
	memset(value, 'v', sizeof(value) - 1);
	b->job = ef.job;
	assert_int_equal(ab_store_submit(b->store, &ef, &setting, 1), 0);
	wait_for(b, is_done, 0);
	assert_int_equal(b->events[b->n - 1].done.outcome, AB_OUTCOME_DENIED);
	ef = node_effect(AB_EF_NODE_WRITE, 1);
	(void)ab_copy(ef.node.key.target, sizeof(ef.node.key.target), "../../x");
	assert_int_equal(do_job(b, &ef).done.outcome, AB_OUTCOME_DENIED);
	ef = node_effect(AB_EF_NODE_WRITE, 1);
	ef.node.key.portal.addr.family = 0;
	assert_int_equal(do_job(b, &ef).done.outcome, AB_OUTCOME_DENIED);
	ef = node_effect(AB_EF_PROBE_SET, 1);
	assert_int_equal(do_job(b, &ef).done.outcome, AB_OUTCOME_DENIED);
	ef.type = AB_EF_RESYNC;
	ef.job++;
	ef.resync.source = AB_SOURCE_RTNL;
	assert_int_equal(do_job(b, &ef).done.outcome, AB_OUTCOME_DENIED);
}

static void resync_dumps_again(void **state)
{
	struct ab_effect ef = { .type = AB_EF_RESYNC };
	struct bed *b = *state;
	size_t from;

	begin(b);
	make_iface(b, NULL);
	wait_for(b, is_iface, 0);
	from = b->n;
	ef.resync.source = AB_SOURCE_RECORDS;
	assert_int_equal(ab_store_submit(b->store, &ef, NULL, 0), 0);
	wait_for(b, both_dumped, 1);
	assert_non_null(find_event(b, AB_EV_DUMP_BEGIN, from));
	assert_non_null(find_event(b, AB_EV_IFACE, from));
}

/* --- the configuration ----------------------------------------------------------- */

static int collect_hello(void *arg, char **ret_data, size_t *ret_size)
{
	*ret_data = strdup(arg);
	*ret_size = strlen(arg);
	return *ret_data ? 0 : -ENOMEM;
}

static int collect_and_die(void *arg, char **ret_data, size_t *ret_size)
{
	(void)arg;
	(void)ret_data;
	(void)ret_size;
	(void)raise(SIGKILL);
	return 0;
}

static void on_answer(void *arg, int r, const char *data, size_t n)
{
	struct bed *b = arg;

	b->r = r;
	b->is_answered = true;
	b->data[0] = '\0';
	if (data)
		assert_true(ab_copyn(b->data, sizeof(b->data), data, n));
	ab_loop_stop(b->loop);
}

static void wait_answer(struct bed *b)
{
	b->is_answered = false;
	wait_for(b, NULL, 0);
	assert_true(b->is_answered);
}

static void configuration_is_read_kept_and_loaded(void **state)
{
	static char hello[] = "hello";
	struct bed *b = *state;

	b->config.collect = collect_hello;
	b->config.collect_arg = hello;
	begin(b);
	assert_int_equal(ab_store_read_conf(b->store, on_answer, b), 0);
	wait_answer(b);
	assert_int_equal(b->r, 0);
	assert_string_equal(b->data, "hello");
	assert_int_equal(ab_store_load_good(b->store, on_answer, b), 0);
	wait_answer(b);
	assert_int_equal(b->r, -ENOENT);
	assert_int_equal(ab_store_save_good(b->store, "good", 4, on_answer, b), 0);
	wait_answer(b);
	assert_int_equal(b->r, 0);
	end(b);
	begin(b);
	assert_int_equal(ab_store_load_good(b->store, on_answer, b), 0);
	wait_answer(b);
	assert_int_equal(b->r, 0);
	assert_string_equal(b->data, "good");
}

static void the_initiator_name_is_read_each_time(void **state)
{
	struct bed *b = *state;
	char path[PATH_MAX];
	FILE *f;

	begin(b);
	assert_int_equal(ab_store_read_initiator(b->store, on_answer, b), 0);
	wait_answer(b);
	assert_int_equal(b->r, -ENOENT);
	end(b);
	(void)snprintf(path, sizeof(path), "%s/initiatorname.iscsi", b->dir);
	b->config.initiator_file = path;
	begin(b);
	assert_int_equal(ab_store_read_initiator(b->store, on_answer, b), 0);
	wait_answer(b);
	assert_int_equal(b->r, -ENOENT);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_true(fputs("InitiatorName=iqn.x\n", f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(ab_store_read_initiator(b->store, on_answer, b), 0);
	wait_answer(b);
	assert_int_equal(b->r, 0);
	assert_string_equal(b->data, "InitiatorName=iqn.x\n");
	end(b);
	assert_int_equal(unlink(path), 0);
}

static void question_that_kills_the_helper_is_not_asked_for_ever(void **state)
{
	struct bed *b = *state;

	b->config.collect = collect_and_die;
	begin(b);
	assert_int_equal(ab_store_read_conf(b->store, on_answer, b), 0);
	wait_answer(b);
	assert_int_equal(b->r, -EIO);
	wait_for(b, both_dumped, 2);
	assert_int_equal(ab_store_state(b->store), AB_STORE_RUNNING);
}

static void helper_ends_with_the_daemon(void **state)
{
	struct bed *b = *state;
	int pid;

	begin(b);
	pid = ab_store_pid(b->store);
	end(b);
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(errno, ESRCH);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, bed_up, bed_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(start_dumps_ledger_then_records),
		TEST(written_record_is_observed_and_owned),
		TEST(node_is_written_updated_and_deleted),
		TEST(update_to_what_is_there_writes_nothing),
		TEST(secrets_go_into_the_record_alone),
		TEST(a_refused_secret_leaves_the_record_alone),
		TEST(many_jobs_have_one_answer_each),
		TEST(foreign_record_is_never_changed),
		TEST(modified_record_is_seen_and_left_alone),
		TEST(record_removed_by_hand_is_told),
		TEST(folders_that_appear_later_are_watched),
		TEST(removal_by_discovery_is_told_apart),
		TEST(killed_helper_makes_open_jobs_unknown),
		TEST(what_the_ledger_was_told_survives_the_helper),
		TEST(ledger_forgets_what_it_is_told_to),
		TEST(held_lock_is_waited_for_then_retry),
		TEST(stale_lock_is_removed),
		TEST(full_database_means_retry_and_no_trace),
		TEST(full_state_folder_means_no_record_either),
		TEST(bad_ledger_is_set_aside_and_additions_go_on),
		TEST(lost_ledger_comes_back_from_the_run_folder),
		TEST(intents_are_judged_by_the_record),
		TEST(an_update_of_a_secret_alone_is_not_taken_for_done),
		TEST(hanging_helper_is_reported),
		TEST(what_cannot_be_done_is_denied),
		TEST(resync_dumps_again),
		TEST(configuration_is_read_kept_and_loaded),
		TEST(the_initiator_name_is_read_each_time),
		TEST(question_that_kills_the_helper_is_not_asked_for_ever),
		TEST(helper_ends_with_the_daemon),
	};

	ab_log_open("test_store", AB_LOG_WARNING);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
