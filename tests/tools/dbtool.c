/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dbtool - io/iscsi_db by hand, for the scripts under tests/.
 *
 * One line of output for each event, finding or change; exit status 0 when everything
 * asked for was done, 1 when not, 2 for a usage error.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/name.h"
#include "io/chap.h"
#include "io/clock.h"
#include "io/iscsi_db.h"
#include "io/log.h"

static const char *arg_root = "/etc/iscsi";
static const char *arg_lock_dir = "/run/lock/iscsi";
static const char *arg_conf = "/etc/iscsi/iscsid.conf";
static const char *arg_iscsiadm;
static const char *arg_proc;
static const char *arg_expected; /* hash, or "current" */
static const char *arg_chap;	 /* folder of the secret file "san" */
static uint32_t arg_wait_ms, arg_stale_s;

static const char usage[] =
	"usage: dbtool [--root D] [--lock-dir D] [--conf F] [--iscsiadm F] [--proc D]\n"
	"              [--wait-ms N] [--stale-s N] [--expected HASH|current]\n"
	"              [--chap D] VERB ...\n"
	"  locate [PREFIX]                       what the binary of iscsiadm tells\n"
	"  scan                                  every record\n"
	"  changes COMMAND                       scan, sh -c COMMAND, what changed\n"
	"  bench ROUNDS                          time of full and of unchanged scans\n"
	"  lock                                  take and release the lock\n"
	"  iface-write NAME NETDEV [MAC]         iface-delete NAME\n"
	"  node-write TARGET PORTAL,TPGT IFACE DISCOVERY|static [KEY=VALUE]...\n"
	"  node-delete TARGET PORTAL,TPGT IFACE\n";

static const char *const outcomes[AB_OUTCOME_MAX] = {
	[AB_OUTCOME_DONE] = "done",	  [AB_OUTCOME_EXISTS] = "exists",
	[AB_OUTCOME_GONE] = "gone",	  [AB_OUTCOME_CHANGED] = "changed",
	[AB_OUTCOME_RETRY] = "retry",	  [AB_OUTCOME_DENIED] = "denied",
	[AB_OUTCOME_UNKNOWN] = "unknown",
};

static int bad_usage(void)
{
	(void)fputs(usage, stderr);
	return 2;
}

static void print_problem(void *arg, const struct ab_db_problem *p)
{
	(void)arg;
	printf("problem %s:%u %s%s%s%s", p->path, p->line, p->what, *p->key ? " '" : "",
	       p->key, *p->key ? "'" : "");
	if (p->n_more)
		printf(" (and %u more)", p->n_more);
	printf("\n");
}

static const char *portal_text(const struct ab_portal *portal)
{
	static char buf[AB_PORTAL_TEXT];
	struct ab_text t;

	ab_text_init(&t, buf, sizeof(buf));
	ab_name_add_portal(&t, portal);
	return buf;
}

static void print_iface(const char *word, const struct ab_event *ev)
{
	const struct ab_binding *b = &ev->iface.binding;

	printf("%s %s", word, b->iface);
	if (ev->type == AB_EV_IFACE && ev->iface.state == AB_RECORD_OK)
		printf(" transport=%s netdev=%s hwaddr=%s initiator=%s hash=%016llx",
		       b->transport, b->netdev, b->hwaddr, b->initiatorname,
		       (unsigned long long)ev->iface.hash);
	else if (ev->type == AB_EV_IFACE)
		printf(" broken");
	printf("\n");
}

static void print_node(const char *word, const struct ab_event *ev)
{
	const struct ab_node_key *k = &ev->node.key;

	printf("%s %s %s,%d %s", word, k->target, portal_text(&k->portal), k->tpgt,
	       k->iface);
	if (ev->type == AB_EV_NODE && ev->node.state == AB_RECORD_OK)
		printf(" netdev=%s hwaddr=%s hash=%016llx", ev->node.netdev,
		       ev->node.hwaddr, (unsigned long long)ev->node.hash);
	else if (ev->type == AB_EV_NODE)
		printf(" broken");
	printf("%s\n", ev->node.by_discovery ? " by-discovery" : "");
}

static void print_event(void *arg, const struct ab_event *ev)
{
	(void)arg;
	if (ev->type == AB_EV_IFACE)
		print_iface("iface", ev);
	else if (ev->type == AB_EV_IFACE_GONE)
		print_iface("iface-gone", ev);
	else if (ev->type == AB_EV_NODE)
		print_node("node", ev);
	else if (ev->type == AB_EV_NODE_GONE)
		print_node("node-gone", ev);
	else
		printf("%s\n", ev->type == AB_EV_DUMP_BEGIN ? "begin" : "end");
}

static void count_event(void *arg, const struct ab_event *ev)
{
	unsigned int *n = arg;

	*n += ev->type == AB_EV_IFACE || ev->type == AB_EV_NODE;
}

static int failed(int r, const char *what)
{
	printf("%s: %s\n", what, r < 0 ? strerror(-r) : "locked");
	return 1;
}

static int do_locate(const char *prefix)
{
	static struct ab_db_place place;
	unsigned int n = 0;
	int r = ab_db_locate(prefix, arg_iscsiadm, &place);

	if (r)
		return failed(r, "locate");
	for (unsigned int k = 0; k < AB_KEY_MAX; k++)
		n += ab_record_set_has(&place.known, k);
	printf("root=%s%s lock=%s%s both=%d known=%u\n", place.root,
	       place.found_root ? "" : "?", place.lock_dir, place.found_lock ? "" : "?",
	       place.both_roots, place.has_known ? n : 0);
	for (unsigned int k = 0; place.has_known && k < AB_KEY_MAX; k++) {
		if (!ab_record_set_has(&place.known, k))
			printf("not known: %s\n", ab_record_key(k)->name);
	}
	return 0;
}

static int do_changes(struct ab_db *db, const char *command)
{
	unsigned int n = 0;
	int r = ab_db_scan(db, AB_DB_SCAN_ALL, count_event, &n);

	if (r == 0)
		r = system(command) == 0 ? 0 : -ECHILD;
	printf("changes:\n");
	if (r == 0)
		r = ab_db_scan(db, AB_DB_SCAN_CHANGES, print_event, NULL);
	return r ? failed(r, "changes") : 0;
}

/* Least time of some rounds, as the clock shows it and as the processor was busy. */
static int do_bench(struct ab_db *db, int rounds)
{
	static const char *const words[] = { "all", "changes" };
	int64_t wall[2] = { INT64_MAX, INT64_MAX }, cpu[2] = { INT64_MAX, INT64_MAX };
	unsigned int n[2] = { 0 };

	for (int i = 0; i < rounds * 2; i++) {
		enum ab_db_scan what = i % 2 ? AB_DB_SCAN_CHANGES : AB_DB_SCAN_ALL;
		ab_mono start = ab_clock_now();
		int64_t busy = clock(), us;
		int r;

		n[what] = 0;
		r = ab_db_scan(db, what, count_event, &n[what]);
		if (r)
			return failed(r, "scan");
		busy = clock() - busy;
		us = (ab_clock_now().ns - start.ns) / 1000;
		wall[what] = us < wall[what] ? us : wall[what];
		cpu[what] = busy < cpu[what] ? busy : cpu[what];
	}
	for (int i = 0; i < 2; i++)
		printf("%s %u %lld %lld\n", words[i], n[i], (long long)wall[i],
		       (long long)cpu[i]);
	return 0;
}

static int do_lock(struct ab_db *db)
{
	int r = ab_db_lock(db);

	if (r)
		return failed(r, "lock");
	ab_db_unlock(db);
	printf("locked\n");
	return 0;
}

/* Reads the mark of what is there, or the one that was given. */
static bool take_expected(struct ab_db *db, struct ab_db_job *job)
{
	static struct ab_record rec;
	enum ab_record_state state;
	int r;

	if (!ab_streq(arg_expected, "current")) {
		job->expected = strtoull(arg_expected, NULL, 16);
		return true;
	}
	if (job->op == AB_DB_IFACE_WRITE || job->op == AB_DB_IFACE_DELETE)
		r = ab_db_read_iface(db, job->binding.iface, &rec, &state);
	else
		r = ab_db_read_node(db, &job->key, &rec, &state);
	if (r == 0)
		job->expected = ab_record_hash(&rec);
	return true;
}

static int run_job(struct ab_db *db, struct ab_db_job *job)
{
	bool is_delete = job->op == AB_DB_IFACE_DELETE || job->op == AB_DB_NODE_DELETE;
	uint64_t intended;

	if (arg_expected) {
		job->is_update = !is_delete;
		(void)take_expected(db, job);
	}
	ab_db_prepare(db, job, 1);
	intended = job->hash;
	ab_db_commit(db, job, 1);
	printf("outcome=%s code=%d hash=%016llx%s%s\n", outcomes[job->outcome],
	       job->code, (unsigned long long)intended, job->why ? " why=" : "",
	       job->why ? job->why : "");
	ab_db_job_clear(job);
	return job->outcome == AB_OUTCOME_DONE ? 0 : 1;
}

static int do_iface(struct ab_db *db, enum ab_db_op op, int argc, char **argv)
{
	struct ab_db_job job = { .op = (uint8_t)op };

	if (argc < (op == AB_DB_IFACE_WRITE ? 2 : 1) ||
	    !ab_copy(job.binding.iface, sizeof(job.binding.iface), argv[0]) ||
	    !ab_copy(job.binding.netdev, sizeof(job.binding.netdev),
		     argc > 1 ? argv[1] : "") ||
	    !ab_copy(job.binding.hwaddr, sizeof(job.binding.hwaddr),
		     argc > 2 ? argv[2] : "") ||
	    !ab_copy(job.binding.transport, sizeof(job.binding.transport), "tcp"))
		return bad_usage();
	return run_job(db, &job);
}

static int do_node(struct ab_db *db, enum ab_db_op op, int argc, char **argv)
{
	struct ab_node_setting settings[16];
	struct ab_db_job job = { .op = (uint8_t)op, .settings = settings };
	char buf[AB_CHAP_WHY];
	struct ab_text why;
	struct ab_chap chap;
	int r;

	ab_text_init(&why, buf, sizeof(buf));
	if (arg_chap) {
		r = ab_chap_load(arg_chap, "san", &chap, &why);
		if (r)
			return failed(r, buf);
		job.chap = &chap;
	}
	if (argc < (op == AB_DB_NODE_WRITE ? 4 : 3) || argc > 20 ||
	    !ab_copy(job.key.target, sizeof(job.key.target), argv[0]) ||
	    ab_name_parse_portal_tpgt(argv[1], &job.key.portal, &job.key.tpgt) ||
	    !ab_copy(job.key.iface, sizeof(job.key.iface), argv[2]))
		return bad_usage();
	if (argc > 3 && !ab_streq(argv[3], "static") &&
	    ab_name_parse_portal(argv[3], &job.discovery))
		return bad_usage();
	for (int i = 4; i < argc; i++) {
		char *value = strchr(argv[i], '=');

		if (!value)
			return bad_usage();
		*value++ = '\0';
		settings[job.n_settings++] = (struct ab_node_setting){
			.name = argv[i],
			.value = value,
		};
	}
	return run_job(db, &job);
}

static int run_verb(struct ab_db *db, int argc, char **argv)
{
	const char *verb = argv[0];
	int r;

	if (ab_streq(verb, "scan")) {
		r = ab_db_scan(db, AB_DB_SCAN_ALL, print_event, NULL);
		return r ? failed(r, "scan") : 0;
	}
	if (ab_streq(verb, "changes") && argc == 2)
		return do_changes(db, argv[1]);
	if (ab_streq(verb, "bench") && argc == 2)
		return do_bench(db, atoi(argv[1]));
	if (ab_streq(verb, "lock"))
		return do_lock(db);
	if (ab_streq(verb, "iface-write"))
		return do_iface(db, AB_DB_IFACE_WRITE, argc - 1, argv + 1);
	if (ab_streq(verb, "iface-delete"))
		return do_iface(db, AB_DB_IFACE_DELETE, argc - 1, argv + 1);
	if (ab_streq(verb, "node-write"))
		return do_node(db, AB_DB_NODE_WRITE, argc - 1, argv + 1);
	if (ab_streq(verb, "node-delete"))
		return do_node(db, AB_DB_NODE_DELETE, argc - 1, argv + 1);
	return bad_usage();
}

static bool parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "root", required_argument, NULL, 'r' },
		{ "lock-dir", required_argument, NULL, 'l' },
		{ "conf", required_argument, NULL, 'c' },
		{ "iscsiadm", required_argument, NULL, 'i' },
		{ "proc", required_argument, NULL, 'p' },
		{ "wait-ms", required_argument, NULL, 'w' },
		{ "stale-s", required_argument, NULL, 's' },
		{ "expected", required_argument, NULL, 'e' },
		{ "chap", required_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		switch (c) {
		case 'r':
			arg_root = optarg;
			break;
		case 'l':
			arg_lock_dir = optarg;
			break;
		case 'c':
			arg_conf = optarg;
			break;
		case 'i':
			arg_iscsiadm = optarg;
			break;
		case 'p':
			arg_proc = optarg;
			break;
		case 'w':
			arg_wait_ms = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 's':
			arg_stale_s = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'e':
			arg_expected = optarg;
			break;
		case 'h':
			arg_chap = optarg;
			break;
		default:
			return false;
		}
	}
	return optind < argc;
}

int main(int argc, char **argv)
{
	static struct ab_db_place place;
	struct ab_db_config config;
	struct ab_db *db;
	int r;

	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	ab_log_open("dbtool", AB_LOG_INFO);
	if (!parse_options(argc, argv))
		return bad_usage();
	if (ab_streq(argv[optind], "locate"))
		return do_locate(argv[optind + 1] ? argv[optind + 1] : "");
	r = ab_db_locate("", arg_iscsiadm, &place);
	if (r)
		return failed(r, "locate");
	config = (struct ab_db_config){
		.root = arg_root,
		.lock_dir = arg_lock_dir,
		.conf = arg_conf,
		.proc = arg_proc,
		.known = place.has_known ? &place.known : NULL,
		.on_problem = print_problem,
		.lock_wait_ms = arg_wait_ms,
		.lock_stale_s = arg_stale_s,
	};
	r = ab_db_open(&config, &db);
	if (r)
		return failed(r, "open");
	r = run_verb(db, argc - optind, argv + optind);
	ab_db_close(db);
	return r;
}
