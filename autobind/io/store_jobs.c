/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/store_jobs.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "core/name.h"
#include "core/record.h"
#include "io/chap.h"
#include "io/log.h"

struct work {
	uint64_t seq;
	uint32_t type;		    /* enum ab_effect_type */
	struct ab_ledger_entry key; /* the record; for PUT the whole entry */
	struct ab_db_job *job;	    /* in .jobs; NULL: nothing to do in the database */
	char *text;		    /* owned; NAME NUL VALUE NUL ... */
	bool has_intent;	    /* ... stands in the ledger */
	uint8_t outcome;	    /* enum ab_outcome */
	int32_t code;
	struct ab_node_setting *settings; /* owned; into .text, lent to .job */
	char chap_name[AB_CHAP_NAME];	  /* of the secret file; "": none */
	struct ab_chap *chap;		  /* owned, lent to .job; wiped */
};

struct store_batch {
	struct ab_db *db;	       /* borrowed from the helper */
	struct ab_ledger_file *ledger; /* borrowed from the helper */
	const char *chap_dir;	       /* the same; NULL: none */
	struct work work[AB_DB_BATCH_MAX];
	struct ab_db_job jobs[AB_DB_BATCH_MAX];
	size_t n, n_jobs;
};

struct store_batch *store_batch_new(struct ab_db *db, struct ab_ledger_file *ledger,
				    const char *chap_dir)
{
	struct store_batch *b = calloc(1, sizeof(*b));

	if (b) {
		b->db = db;
		b->ledger = ledger;
		b->chap_dir = chap_dir;
	}
	return b;
}

static void clear(struct store_batch *b)
{
	size_t i;

	for (i = 0; i < b->n_jobs; i++)
		ab_db_job_clear(&b->jobs[i]);
	for (i = 0; i < b->n; i++) {
		free(b->work[i].settings);
		free(b->work[i].text);
		if (b->work[i].chap)
			ab_chap_wipe(b->work[i].chap);
		free(b->work[i].chap);
	}
	b->n = b->n_jobs = 0;
}

struct store_batch *store_batch_free(struct store_batch *b)
{
	if (b)
		clear(b);
	free(b);
	return NULL;
}

size_t store_batch_count(const struct store_batch *b)
{
	return b->n;
}

static bool is_write(uint32_t type)
{
	return type == AB_EF_IFACE_WRITE || type == AB_EF_NODE_WRITE;
}

static bool is_ledger(uint32_t type)
{
	return type == AB_EF_LEDGER_PUT || type == AB_EF_LEDGER_DEL;
}

bool store_batch_takes(const struct ab_effect *effect)
{
	return is_write(effect->type) || is_ledger(effect->type) ||
	       effect->type == AB_EF_IFACE_DELETE || effect->type == AB_EF_NODE_DELETE;
}

/* --- from effects to jobs -------------------------------------------------------- */

static struct ab_ledger_entry key_of(const struct ab_effect *ef)
{
	struct ab_ledger_entry e;

	if (is_ledger(ef->type))
		return ef->ledger;
	memset(&e, 0, sizeof(e));
	e.owner = AB_OWNER_INTENT;
	if (ef->type == AB_EF_NODE_WRITE || ef->type == AB_EF_NODE_DELETE) {
		e.kind = AB_LEDGER_NODE;
		e.node = ef->node.key;
		e.settings = ef->node.settings;
	} else {
		e.kind = AB_LEDGER_IFACE;
		memcpy(e.iface.name, ef->iface.binding.iface, sizeof(e.iface.name));
		e.iface.port = ef->iface.port;
	}
	return e;
}

/* A node record copies its iface record, so the two are done one after the other. */
static bool is_related(const struct ab_ledger_entry *a, const struct ab_ledger_entry *b)
{
	if (a->kind == AB_LEDGER_NODE && b->kind == AB_LEDGER_IFACE)
		return ab_streq(a->node.iface, b->iface.name);
	if (a->kind == AB_LEDGER_IFACE && b->kind == AB_LEDGER_NODE)
		return ab_streq(b->node.iface, a->iface.name);
	return ab_ledger_same_record(a, b);
}

bool store_batch_add(struct store_batch *b, const struct store_job *job, size_t n)
{
	struct ab_ledger_entry key = key_of(&job->effect);
	size_t n_settings = n - sizeof(*job), i;
	struct work *w = &b->work[b->n];
	struct ab_db_job *db_job;

	assert(store_batch_takes(&job->effect));
	if (b->n == AB_DB_BATCH_MAX)
		return false;
	for (i = 0; i < b->n; i++)
		if (is_related(&b->work[i].key, &key))
			return false;
	*w = (struct work){ .seq = job->head.seq,
			    .type = job->effect.type,
			    .key = key };
	b->n++;
	if (is_ledger(w->type))
		return true;
	w->job = db_job = &b->jobs[b->n_jobs++];
	memset(db_job, 0, sizeof(*db_job));
	if (key.kind == AB_LEDGER_IFACE) {
		db_job->op = is_write(w->type) ? AB_DB_IFACE_WRITE : AB_DB_IFACE_DELETE;
		db_job->binding = job->effect.iface.binding;
		db_job->is_update = job->effect.iface.is_update;
		db_job->expected = job->effect.iface.hash;
		return true;
	}
	db_job->op = is_write(w->type) ? AB_DB_NODE_WRITE : AB_DB_NODE_DELETE;
	db_job->key = job->effect.node.key;
	db_job->discovery = job->effect.node.discovery;
	db_job->is_update = job->effect.node.is_update;
	db_job->expected = job->effect.node.hash;
	(void)ab_copy(w->chap_name, sizeof(w->chap_name), job->effect.node.chap);
	w->text = malloc(n_settings + 1);
	if (w->text) {
		memcpy(w->text, job->settings, n_settings);
		w->text[n_settings] = '\0';
		db_job->n_settings = job->head.n;
	}
	return true;
}

/* The text that came with a job, as the array that the database wants. */
static int spread_settings(struct work *w)
{
	uint32_t n = w->job->n_settings, i;
	struct ab_node_setting *v;
	const char *at = w->text;

	if (w->job->op != AB_DB_NODE_WRITE)
		return 0;
	v = at ? calloc(n + 1, sizeof(*v)) : NULL;
	if (!v)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		v[i].name = at;
		v[i].value = at + strlen(at) + 1;
		at = v[i].value + strlen(v[i].value) + 1;
	}
	w->settings = v;
	w->job->settings = v;
	return 0;
}

static void report(const struct work *w, enum ab_log_level level, const char *what)
{
	const struct ab_node_key *node = &w->key.node;
	char portal[AB_PORTAL_TEXT];
	struct ab_text t;

	if (w->key.kind == AB_LEDGER_IFACE) {
		ab_log(level, "store", "iface record %s: %s", w->key.iface.name, what);
		return;
	}
	ab_text_init(&t, portal, sizeof(portal));
	ab_name_add_portal(&t, &node->portal);
	ab_log(level, "store", "node record %s,%d %s on %s: %s", portal, node->tpgt,
	       node->target, node->iface, what);
}

static void fail(struct work *w, enum ab_outcome outcome, int code)
{
	w->outcome = (uint8_t)outcome;
	w->code = code;
	w->job = NULL;
}

/* Read when it is used (architecture.md K): a file that was mended counts at once. */
static void load_chap(const struct store_batch *b, struct work *w)
{
	char buf[AB_CHAP_WHY], line[AB_CHAP_WHY + PATH_MAX];
	struct ab_text why, t;
	int r = -ENOENT;

	if (w->job->op != AB_DB_NODE_WRITE || !w->chap_name[0])
		return;
	ab_text_init(&why, buf, sizeof(buf));
	w->chap = malloc(sizeof(*w->chap));
	if (!w->chap)
		fail(w, AB_OUTCOME_RETRY, ENOMEM);
	else if (b->chap_dir && ab_chap_is_name(w->chap_name))
		r = ab_chap_load(b->chap_dir, w->chap_name, w->chap, &why);
	if (!w->job)
		return;
	if (r == 0) {
		w->job->chap = w->chap;
		return;
	}
	ab_text_init(&t, line, sizeof(line));
	ab_text_add(&t, "not written, its secret cannot be used: ");
	ab_text_add(&t, b->chap_dir ? b->chap_dir : "chap");
	ab_text_addc(&t, '/');
	ab_text_add(&t, w->chap_name);
	ab_text_addc(&t, ' ');
	ab_text_add(&t, buf);
	report(w, AB_LOG_WARNING, line);
	fail(w, AB_OUTCOME_RETRY, EKEYREJECTED);
}

/* Safety rule 1, where it is carried out: only what the ledger calls ours, and only
 * with the content it had. */
static void check_owner(const struct store_batch *b, struct work *w)
{
	const struct ab_ledger_entry *own = ab_ledger_file_owner(b->ledger, &w->key);

	if (is_write(w->type) && !w->job->is_update)
		return;
	if (own && own->owner == AB_OWNER_OURS && own->hash == w->job->expected)
		return;
	report(w, AB_LOG_ERR, "refused, the ledger does not say that it is ours");
	fail(w, AB_OUTCOME_CHANGED, 0);
}

static void check(const struct store_batch *b, struct work *w)
{
	bool must_hold = w->type != AB_EF_LEDGER_DEL; /* there only the key counts */
	struct ab_ledger_entry held = w->key;

	w->outcome = AB_OUTCOME_DONE;
	if (!must_hold)
		held.owner = AB_OWNER_HELD; /* which every kind can be */
	if (!ab_ledger_can_hold(&held)) {
		report(w, AB_LOG_ERR, "refused, the ledger has no words for it");
		fail(w, AB_OUTCOME_DENIED, EINVAL);
	} else if (w->job && spread_settings(w)) {
		fail(w, AB_OUTCOME_RETRY, ENOMEM);
	} else if (w->job) {
		check_owner(b, w);
	}
	if (w->job)
		load_chap(b, w);
}

/* Those that failed give up their place, so that the database sees only the others. */
static void pack_jobs(struct store_batch *b)
{
	size_t i, n = 0;

	for (i = 0; i < b->n_jobs; i++) {
		struct ab_db_job *job = &b->jobs[i];
		size_t k;

		for (k = 0; k < b->n && b->work[k].job != job; k++)
			;
		if (k == b->n) {
			ab_db_job_clear(job);
		} else {
			b->jobs[n] = *job;
			b->work[k].job = &b->jobs[n++];
		}
	}
	b->n_jobs = n;
}

/* --- the ledger's side ----------------------------------------------------------- */

static int put_intent(struct store_batch *b, struct work *w)
{
	struct ab_ledger_entry intent = w->key;

	intent.hash = w->job->hash;
	w->has_intent = ab_ledger_file_put(b->ledger, &intent) == 0;
	return w->has_intent ? 0 : -ENOMEM;
}

static int apply_word(struct store_batch *b, struct work *w)
{
	if (w->type == AB_EF_LEDGER_PUT)
		return ab_ledger_file_put(b->ledger, &w->key);
	ab_ledger_file_del_owner(b->ledger, &w->key);
	ab_ledger_file_del_intent(b->ledger, &w->key);
	return 0;
}

/* Everything that the ledger must hold before a record changes. */
static int write_before(struct store_batch *b)
{
	size_t i;
	int r;

	for (i = 0; i < b->n; i++) {
		struct work *w = &b->work[i];

		r = 0;
		if (is_ledger(w->type) && w->outcome == AB_OUTCOME_DONE)
			r = apply_word(b, w);
		else if (w->job && w->job->is_ready && is_write(w->type))
			r = put_intent(b, w);
		if (r)
			fail(w, AB_OUTCOME_RETRY, -r);
	}
	pack_jobs(b);
	return ab_ledger_file_flush(b->ledger);
}

/* The record was as wanted already. Under other settings, or of another port? Only then
 * the ledger has something to learn. */
static void keep_owned(struct store_batch *b, struct work *w)
{
	struct ab_ledger_entry ours = w->key;
	int r;

	ours.owner = AB_OWNER_OURS;
	ours.hash = w->job->hash;
	r = ab_ledger_file_put(b->ledger, &ours);
	assert(r == 0); /* there is an entry: check_owner() */
	(void)r;
}

/* What the outcome means for the ledger. */
static void settle(struct store_batch *b, struct work *w)
{
	w->outcome = w->job->outcome;
	w->code = w->job->code;
	if (w->job->why)
		report(w, w->outcome == AB_OUTCOME_DONE ? AB_LOG_WARNING : AB_LOG_INFO,
		       w->job->why);
	if (is_write(w->type)) {
		if (w->outcome == AB_OUTCOME_DONE && !w->has_intent)
			keep_owned(b, w);
		else if (w->outcome == AB_OUTCOME_DONE)
			ab_ledger_file_promote(b->ledger, &w->key);
		else if (w->has_intent)
			ab_ledger_file_del_intent(b->ledger, &w->key);
	} else if (w->outcome == AB_OUTCOME_DONE || w->outcome == AB_OUTCOME_GONE) {
		ab_ledger_file_del_owner(b->ledger, &w->key);
	}
}

/* The ledger could not be written: nothing else may be. */
static void give_up(struct store_batch *b, int error)
{
	size_t i;

	for (i = 0; i < b->n; i++) {
		struct work *w = &b->work[i];

		if (w->job && w->job->is_ready) {
			if (w->has_intent)
				ab_ledger_file_del_intent(b->ledger, &w->key);
			fail(w, AB_OUTCOME_RETRY, error);
		} else if (w->job) {
			settle(b, w); /* decided without a write */
		} else if (is_ledger(w->type) && w->outcome == AB_OUTCOME_DONE) {
			/* It is in memory and goes to the disk as soon as it can. */
			fail(w, AB_OUTCOME_RETRY, error);
		}
	}
}

/* --- running --------------------------------------------------------------------- */

static void tell(const struct work *w, void (*fn)(void *arg, const struct ab_event *ev),
		 void *arg)
{
	struct ab_event ev;

	memset(&ev, 0, sizeof(ev));
	ev.type = AB_EV_DONE;
	ev.done.job = w->seq;
	ev.done.outcome = w->outcome;
	ev.done.code = w->code;
	if (w->job && w->outcome == AB_OUTCOME_DONE)
		ev.done.hash = w->job->hash;
	fn(arg, &ev);
}

void store_batch_run(struct store_batch *b,
		     void (*fn)(void *arg, const struct ab_event *ev), void *arg)
{
	size_t i;
	int r;

	for (i = 0; i < b->n; i++)
		check(b, &b->work[i]);
	pack_jobs(b);
	if (b->n_jobs)
		ab_db_prepare(b->db, b->jobs, b->n_jobs);
	r = write_before(b);
	if (r) {
		give_up(b, -r);
	} else {
		if (b->n_jobs)
			ab_db_commit(b->db, b->jobs, b->n_jobs);
		for (i = 0; i < b->n; i++)
			if (b->work[i].job)
				settle(b, &b->work[i]);
		/* When this fails the intents on disk say enough: the helper tries
		 * again until it is written. */
		(void)ab_ledger_file_flush(b->ledger);
	}
	for (i = 0; i < b->n; i++)
		tell(&b->work[i], fn, arg);
	clear(b);
}

/* --- after a start --------------------------------------------------------------- */

enum fate {
	FATE_DROP,
	FATE_OWNED,
	FATE_NOT_KNOWN,
};

static enum fate judge(struct ab_db *db, struct ab_record *rec,
		       const struct ab_ledger_entry *intent)
{
	enum ab_record_state state = AB_RECORD_OK;
	int r;

	if (intent->kind == AB_LEDGER_IFACE)
		r = ab_db_read_iface(db, intent->iface.name, rec, &state);
	else
		r = ab_db_read_node(db, &intent->node, rec, &state);
	if (r == -ENOENT || r == -ENOTDIR)
		return FATE_DROP;
	if (r < 0)
		return FATE_NOT_KNOWN;
	if (r > 0 || state != AB_RECORD_OK)
		return FATE_DROP;
	return ab_record_hash(rec) == intent->hash ? FATE_OWNED : FATE_DROP;
}

/* Nothing that a mark counts was to change: only a secret, or the settings' words. Was
 * it done? What the ledger said before holds, and the engine writes it again. */
static bool is_without_trace(const struct ab_ledger_file *ledger,
			     const struct ab_ledger_entry *intent)
{
	const struct ab_ledger_entry *own = ab_ledger_file_owner(ledger, intent);

	return own && own->owner == AB_OWNER_OURS && own->hash == intent->hash;
}

void store_recover(struct ab_db *db, struct ab_ledger_file *ledger)
{
	struct ab_record *rec = malloc(sizeof(*rec));
	unsigned int n_owned = 0, n_dropped = 0;
	size_t i = 0;

	if (!rec)
		return; /* they stay intents */
	while (i < ab_ledger_file_count(ledger)) {
		struct ab_ledger_entry e = *ab_ledger_file_at(ledger, i);
		enum fate fate = e.owner == AB_OWNER_INTENT ? judge(db, rec, &e)
							    : FATE_NOT_KNOWN;

		if (fate == FATE_NOT_KNOWN) {
			i++;
			continue;
		}
		if (fate == FATE_OWNED && is_without_trace(ledger, &e))
			fate = FATE_DROP;
		if (fate == FATE_OWNED)
			ab_ledger_file_promote(ledger, &e);
		else
			ab_ledger_file_del_intent(ledger, &e);
		n_owned += fate == FATE_OWNED;
		n_dropped += fate == FATE_DROP;
		i = 0; /* rows have moved */
	}
	free(rec);
	if (n_owned || n_dropped)
		ab_log_notice("store",
			      "%u writes were under way when the last store ended: "
			      "%u done, %u not",
			      n_owned + n_dropped, n_owned, n_dropped);
}
