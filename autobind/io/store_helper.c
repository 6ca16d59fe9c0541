/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The store's helper: takes one question after the other, and between them looks at
 * what others did to the database. Blocks as long as the disk does; the loop's side
 * notices. Ends, after the job it is at, when the daemon's end of the socket closes.
 */
#include "io/store_msg.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/clock.h"
#include "io/conf.h"
#include "io/file.h"
#include "io/ledger_file.h"
#include "io/log.h"
#include "io/store_jobs.h"
#include "io/store_watch.h"

/* After the last sign of a change; more of the same command is to be expected
 * (architecture.md H). */
#define SOAK_MS 100
/* ... but not put off for longer than this, however much goes on. */
#define SOAK_MAX_MS 1000
/* What no watch sees: edits by hand below nodes/TARGET/. */
#define SLOW_SCAN_MS (10 * 60 * 1000)
#define INITIATOR_FILE_MAX (64 * 1024)
/* Between two tries to read a database or to write a ledger that failed. */
#define AGAIN_MS 5000

struct helper {
	const struct ab_store_config *config; /* borrowed for the life of the process */
	int sock;
	struct ab_db *db; /* owned, and so are those below */
	struct ab_ledger_file *ledger;
	struct store_watch *watch;
	struct store_batch *batch;
	struct store_events *out;
	struct store_job *in; /* STORE_MSG_MAX bytes */
	size_t in_len;
	int in_fd;
	bool has_in;	    /* .in waits to be taken */
	bool is_over;	    /* the daemon has gone */
	bool is_asked;	    /* for a dump of the records; before, nobody looks */
	bool is_dumped;	    /* they have been, so changes make sense */
	int scan_error;	    /* last result, reported on change */
	ab_mono scan_due;   /* AB_MONO_NEVER: nothing happened */
	ab_mono scan_limit; /* ... and not later than this */
	ab_mono slow_due, flush_due;
};

/* --- answers --------------------------------------------------------------------- */

static void send_out(struct helper *h)
{
	size_t n = offsetof(struct store_events, v) +
		   h->out->head.n * sizeof(h->out->v[0]);

	if (h->out->head.n == 0)
		return;
	h->out->head.type = STORE_MSG_EVENTS;
	if (store_msg_send(h->sock, h->out, n, 0, -1))
		h->is_over = true;
	h->out->head.n = 0;
}

static void add_event(void *arg, const struct ab_event *ev)
{
	struct helper *h = arg;

	h->out->v[h->out->head.n++] = *ev;
	if (h->out->head.n == STORE_EVENTS_MAX)
		send_out(h);
}

static void add_dump(struct helper *h, uint32_t type, bool is_unreadable)
{
	struct ab_event ev;

	memset(&ev, 0, sizeof(ev));
	ev.type = type;
	ev.dump.source = AB_SOURCE_LEDGER;
	ev.dump.is_unreadable = is_unreadable;
	add_event(h, &ev);
}

static void add_done(struct helper *h, uint64_t seq, enum ab_outcome outcome, int code)
{
	struct ab_event ev;

	memset(&ev, 0, sizeof(ev));
	ev.type = AB_EV_DONE;
	ev.done.job = seq;
	ev.done.outcome = (uint8_t)outcome;
	ev.done.code = code;
	add_event(h, &ev);
}

/* Takes over @fd. */
static void answer(struct helper *h, uint64_t seq, int code, int fd)
{
	struct store_msg msg;

	memset(&msg, 0, sizeof(msg));
	msg.type = STORE_MSG_ANSWER;
	msg.seq = seq;
	msg.code = code;
	if (store_msg_send(h->sock, &msg, sizeof(msg), 0, fd))
		h->is_over = true;
	if (fd >= 0)
		(void)close(fd); /* a memory file */
}

/* --- looking --------------------------------------------------------------------- */

static void dump_ledger(struct helper *h)
{
	struct ab_event ev;
	size_t i;

	add_dump(h, AB_EV_DUMP_BEGIN, false);
	for (i = 0; i < ab_ledger_file_count(h->ledger); i++) {
		const struct ab_ledger_entry *e = ab_ledger_file_at(h->ledger, i);

		/* What is owned counts, not what was to replace it. */
		if (e->owner == AB_OWNER_INTENT && ab_ledger_file_owner(h->ledger, e))
			continue;
		memset(&ev, 0, sizeof(ev));
		ev.type = AB_EV_LEDGER;
		ev.ledger = *e;
		add_event(h, &ev);
	}
	add_dump(h, AB_EV_DUMP_END, ab_ledger_file_is_unreadable(h->ledger));
}

/* Return: 0 or -errno. */
static int scan(struct helper *h, enum ab_db_scan what)
{
	ab_mono now;
	int r;

	h->is_asked = true;
	r = ab_db_scan(h->db, what, add_event, h);
	if (r && r != h->scan_error) {
		errno = -r;
		ab_log_err("store", "%s: cannot be read, trying again",
			   h->config->db.root);
	}
	h->scan_error = r;
	if (r == 0)
		h->is_dumped = true;
	else if (what == AB_DB_SCAN_ALL)
		h->is_dumped = false;
	now = ab_clock_now();
	h->scan_limit = AB_MONO_NEVER;
	h->scan_due = r ? ab_mono_add_ms(now, AGAIN_MS) : AB_MONO_NEVER;
	h->slow_due = ab_mono_add_ms(now, SLOW_SCAN_MS);
	return r;
}

static void look_again(struct helper *h)
{
	/* A writer's record may be half written, but nobody may hold us for ever. */
	if (store_watch_is_locked(h->watch) &&
	    !ab_mono_reached(h->scan_limit, ab_clock_now())) {
		h->scan_due = ab_mono_min(ab_mono_add_ms(ab_clock_now(), SOAK_MS),
					  h->scan_limit);
		return;
	}
	(void)scan(h, h->is_dumped ? AB_DB_SCAN_CHANGES : AB_DB_SCAN_ALL);
}

static void notice_change(struct helper *h)
{
	ab_mono now = ab_clock_now();

	if (!store_watch_read(h->watch) || !h->is_asked)
		return;
	if (ab_mono_is_never(h->scan_limit))
		h->scan_limit = ab_mono_add_ms(now, SOAK_MAX_MS);
	h->scan_due = ab_mono_min(ab_mono_add_ms(now, SOAK_MS), h->scan_limit);
}

static void report_problem(void *arg, const struct ab_db_problem *p)
{
	char buf[PATH_MAX];
	struct ab_text t;

	(void)arg;
	ab_text_init(&t, buf, sizeof(buf));
	/* Foreign text, so in the escaped form. */
	ab_text_add_escaped(&t, p->path, strlen(p->path));
	if (p->line) {
		ab_text_addc(&t, ':');
		ab_text_addu(&t, p->line);
	}
	ab_text_add(&t, ": ");
	ab_text_add(&t, p->what);
	if (p->key[0]) {
		ab_text_addc(&t, ' ');
		ab_text_add_escaped(&t, p->key, strlen(p->key));
	}
	if (p->n_more) {
		ab_text_add(&t, ", and ");
		ab_text_addu(&t, p->n_more);
		ab_text_add(&t, " more");
	}
	ab_log_warnx("store", "%s", buf);
}

/* --- the configuration ----------------------------------------------------------- */

static void give_bytes(struct helper *h, uint64_t seq, int r, char *data, size_t n)
{
	int fd = r == 0 ? store_memfd(data, n) : r;

	if (r == 0)
		free(data);
	answer(h, seq, fd < 0 ? fd : 0, fd);
}

static void read_conf(struct helper *h, uint64_t seq)
{
	char *data = NULL;
	size_t n = 0;
	int r = -ENOSYS;

	if (h->config->collect)
		r = h->config->collect(h->config->collect_arg, &data, &n);
	give_bytes(h, seq, r, data, n);
}

static int good_path(const struct helper *h, const char *name, char *path)
{
	int n = snprintf(path, PATH_MAX, "%s/last-good%s", h->config->state_dir, name);

	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static void give_file(struct helper *h, uint64_t seq, const char *path, size_t max)
{
	char *data = NULL;
	size_t n = 0;
	int r = ab_file_read(AT_FDCWD, path, max, &data, &n, NULL);

	give_bytes(h, seq, r > 0 ? -EINVAL : r, data, n);
}

static void load_good(struct helper *h, uint64_t seq)
{
	char path[PATH_MAX];
	int r = good_path(h, "/bundle", path);

	if (r == 0)
		give_file(h, seq, path, AB_CONF_BUNDLE_MAX);
	else
		answer(h, seq, r, -1);
}

static void read_initiator(struct helper *h, uint64_t seq)
{
	if (h->config->initiator_file)
		give_file(h, seq, h->config->initiator_file, INITIATOR_FILE_MAX);
	else
		answer(h, seq, -ENOENT, -1);
}

/* A start with the files of the last one must not write anything. */
static bool is_kept(const char *path, const void *data, size_t n)
{
	char *kept = NULL;
	size_t n_kept = 0;
	bool is_same;

	if (ab_file_read(AT_FDCWD, path, AB_CONF_BUNDLE_MAX, &kept, &n_kept, NULL))
		return false;
	is_same = n_kept == n && memcmp(kept, data, n) == 0;
	free(kept);
	return is_same;
}

static int write_good(const struct helper *h, const void *data, size_t n)
{
	char dir[PATH_MAX], tmp[PATH_MAX], path[PATH_MAX];
	int r = good_path(h, "", dir);

	if (r == 0)
		r = good_path(h, "/bundle.tmp", tmp);
	if (r == 0)
		r = good_path(h, "/bundle", path);
	if (r == 0 && n && is_kept(path, data, n))
		return 0;
	if (r == 0)
		r = ab_file_make_dirs(AT_FDCWD, dir, 0700);
	if (r == 0)
		r = ab_file_write_atomic(AT_FDCWD, tmp, path, 0600, data, n);
	return r;
}

static int save_good(const struct helper *h, int fd)
{
	struct stat st;
	void *data = NULL;
	size_t n;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -EBADF;
	n = (size_t)st.st_size;
	if (n > AB_CONF_BUNDLE_MAX)
		return -EFBIG;
	if (n) {
		data = mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0);
		if (data == MAP_FAILED)
			return -errno;
	}
	r = write_good(h, data, n);
	if (n)
		(void)munmap(data, n);
	return r;
}

/* --- questions ------------------------------------------------------------------- */

/* True when a message waits in .in. */
static bool receive(struct helper *h)
{
	ssize_t n;

	if (h->has_in || h->is_over)
		return h->has_in;
	n = store_msg_recv(h->sock, h->in, STORE_MSG_MAX, MSG_DONTWAIT, &h->in_fd);
	if (n == -EAGAIN)
		return false;
	if (n <= 0) {
		h->is_over = true;
		return false;
	}
	h->in_len = (size_t)n;
	h->has_in = true;
	return true;
}

static void resync(struct helper *h, uint64_t seq, uint8_t source)
{
	int r = 0;

	if (source == AB_SOURCE_RECORDS)
		r = scan(h, AB_DB_SCAN_ALL);
	else if (source == AB_SOURCE_LEDGER)
		dump_ledger(h);
	else
		r = -EINVAL;
	add_done(h, seq,
		 r == 0		? AB_OUTCOME_DONE
		 : r == -EINVAL ? AB_OUTCOME_DENIED
				: AB_OUTCOME_RETRY,
		 -r);
}

static void handle(struct helper *h)
{
	uint64_t seq = h->in->head.seq;

	h->has_in = false;
	switch ((enum store_msg_type)h->in->head.type) {
	case STORE_MSG_JOB:
		if (h->in->effect.type == AB_EF_RESYNC)
			resync(h, seq, h->in->effect.resync.source);
		else
			add_done(h, seq, AB_OUTCOME_DENIED, EINVAL);
		break;
	case STORE_MSG_DUMP:
		dump_ledger(h);
		(void)scan(h, AB_DB_SCAN_ALL);
		add_done(h, seq, AB_OUTCOME_DONE, 0);
		break;
	case STORE_MSG_CONF:
		read_conf(h, seq);
		break;
	case STORE_MSG_LOAD:
		load_good(h, seq);
		break;
	case STORE_MSG_SAVE:
		answer(h, seq, save_good(h, h->in_fd), -1);
		break;
	case STORE_MSG_INITIATOR:
		read_initiator(h, seq);
		break;
	case STORE_MSG_EVENTS:
	case STORE_MSG_ANSWER:
	case STORE_MSG_BUSY:
		break; /* those are ours */
	}
	if (h->in_fd >= 0)
		(void)close(h->in_fd); /* a memory file */
	h->in_fd = -1;
}

/* For ab_db_config.on_lock_wait: that is no disk that hangs. */
static void say_busy(void *arg)
{
	struct helper *h = arg;
	struct store_msg msg;

	memset(&msg, 0, sizeof(msg));
	msg.type = STORE_MSG_BUSY;
	if (store_msg_send(h->sock, &msg, sizeof(msg), 0, -1))
		h->is_over = true;
}

/* All that waits, as far as it goes together. */
static void serve(struct helper *h)
{
	while (receive(h) && h->in->head.type == STORE_MSG_JOB &&
	       store_batch_takes(&h->in->effect) &&
	       store_batch_add(h->batch, h->in, h->in_len))
		h->has_in = false;
	if (store_batch_count(h->batch)) {
		store_batch_run(h->batch, add_event, h);
		if (ab_ledger_file_is_dirty(h->ledger) &&
		    ab_mono_is_never(h->flush_due))
			h->flush_due = ab_mono_add_ms(ab_clock_now(), AGAIN_MS);
	} else if (h->has_in) {
		handle(h);
	}
	send_out(h);
}

/* A write of the ledger that failed is tried until it works. */
static void flush_again(struct helper *h)
{
	int r = ab_ledger_file_flush(h->ledger);

	h->flush_due = r ? ab_mono_add_ms(ab_clock_now(), AGAIN_MS) : AB_MONO_NEVER;
}

static void run_timers(struct helper *h)
{
	ab_mono now = ab_clock_now();

	if (ab_mono_reached(h->flush_due, now))
		flush_again(h);
	if (ab_mono_reached(ab_mono_min(h->scan_due, h->slow_due), now))
		look_again(h);
	send_out(h);
}

static int wait_ms(const struct helper *h)
{
	ab_mono due = ab_mono_min(ab_mono_min(h->scan_due, h->slow_due), h->flush_due);
	ab_mono now = ab_clock_now();
	int64_t ms;

	if (ab_mono_is_never(due))
		return -1;
	if (ab_mono_reached(due, now))
		return 0;
	ms = ab_mono_ms_between(now, due) + 1;
	return ms < INT_MAX ? (int)ms : INT_MAX;
}

/* --- life ------------------------------------------------------------------------ */

static int open_all(struct helper *h)
{
	struct ab_db_config db = h->config->db;
	char note[PATH_MAX];
	int r;

	if (h->config->run_dir && snprintf(note, sizeof(note), "%s/lock-holder",
					   h->config->run_dir) < (int)sizeof(note))
		db.lock_note = note;
	db.on_problem = report_problem;
	db.on_lock_wait = say_busy;
	db.arg = h;
	h->in = malloc(STORE_MSG_MAX);
	h->out = calloc(1, sizeof(*h->out));
	if (!h->in || !h->out)
		return -ENOMEM;
	r = store_watch_new(db.root, db.lock_dir, &h->watch);
	if (r == 0)
		r = ab_db_open(&db, &h->db);
	if (r == 0)
		r = ab_ledger_file_open(h->config->state_dir, h->config->run_dir,
					&h->ledger);
	if (r)
		return r;
	store_recover(h->db, h->ledger);
	flush_again(h);
	h->batch = store_batch_new(h->db, h->ledger, h->config->chap_dir);
	return h->batch ? 0 : -ENOMEM;
}

static void close_all(struct helper *h)
{
	h->batch = store_batch_free(h->batch);
	h->ledger = ab_ledger_file_close(h->ledger);
	h->db = ab_db_close(h->db);
	h->watch = store_watch_free(h->watch);
	free(h->in);
	free(h->out);
}

static void serve_until_eof(struct helper *h)
{
	struct pollfd fds[2] = {
		{ .fd = h->sock, .events = POLLIN },
		{ .fd = store_watch_fd(h->watch), .events = POLLIN },
	};

	while (!h->is_over) {
		int n = h->has_in ? 0 : poll(fds, 2, wait_ms(h));

		if (n < 0 && errno != EINTR)
			break;
		if (n > 0 && fds[1].revents)
			notice_change(h);
		if (h->has_in || (n > 0 && fds[0].revents))
			serve(h);
		run_timers(h);
	}
}

int store_helper_run(const struct ab_store_config *config, int sock)
{
	struct helper h = { .config = config,
			    .sock = sock,
			    .in_fd = -1,
			    .scan_due = AB_MONO_NEVER,
			    .scan_limit = AB_MONO_NEVER,
			    .slow_due = AB_MONO_NEVER,
			    .flush_due = AB_MONO_NEVER };
	int r = open_all(&h);

	if (r) {
		errno = -r;
		ab_log_err("store", "cannot start");
	} else {
		serve_until_eof(&h);
		if (h.ledger && ab_ledger_file_is_dirty(h.ledger))
			flush_again(&h);
	}
	close_all(&h);
	return r ? 1 : 0;
}
