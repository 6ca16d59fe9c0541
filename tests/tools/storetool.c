/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * storetool - the store's helper as one plain process, for the sweeps of tests/fault.
 *
 *	storetool DIR JOB...
 *
 * Fills a socket with the jobs, runs the helper on its other end until it has done all,
 * prints its events. So the system calls of one process are all there is to disturb.
 * DIR has db/, lock/, state/, run/ and iscsid.conf. A JOB is one argument:
 *
 *	iface-write NAME NETDEV
 *	iface-update NAME NETDEV
 *	iface-delete NAME
 *	node-write TARGET ADDR:PORT,TPGT IFACE [KEY=VALUE]...
 *	node-update TARGET ADDR:PORT,TPGT IFACE [KEY=VALUE]...
 *	node-delete TARGET ADDR:PORT,TPGT IFACE
 *	hold TARGET ADDR:PORT,TPGT IFACE
 *	forget TARGET ADDR:PORT,TPGT IFACE
 *	dump
 *
 * update and delete expect the content that the ledger names.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/name.h"
#include "io/ledger_file.h"
#include "io/log.h"
#include "io/store_msg.h"

#define WORDS_MAX 32

static const char *const outcomes[AB_OUTCOME_MAX] = {
	[AB_OUTCOME_DONE] = "DONE",	  [AB_OUTCOME_EXISTS] = "EXISTS",
	[AB_OUTCOME_GONE] = "GONE",	  [AB_OUTCOME_CHANGED] = "CHANGED",
	[AB_OUTCOME_RETRY] = "RETRY",	  [AB_OUTCOME_DENIED] = "DENIED",
	[AB_OUTCOME_UNKNOWN] = "UNKNOWN",
};
static const char *const owners[AB_OWNER_MAX] = {
	[AB_OWNER_FOREIGN] = "foreign",	  [AB_OWNER_INTENT] = "intent",
	[AB_OWNER_OURS] = "ours",	  [AB_OWNER_HELD] = "held",
	[AB_OWNER_MODIFIED] = "modified",
};

static _Noreturn void die(const char *what, const char *which)
{
	(void)fprintf(stderr, "storetool: %s: %s\n", which, what);
	exit(2);
}

/* --- jobs ------------------------------------------------------------------------ */

struct lookup {
	struct ab_ledger_entry key;
	uint64_t hash;
};

static void look(void *arg, const struct ab_ledger_entry *e)
{
	struct lookup *l = arg;

	if (e->owner == AB_OWNER_OURS && ab_ledger_same_record(e, &l->key))
		l->hash = e->hash;
}

static uint64_t ledger_hash(const char *dir, const struct ab_ledger_entry *key)
{
	struct lookup l = { .key = *key };
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/state", dir);
	(void)ab_ledger_file_read(path, look, &l); /* 0 matches nothing */
	return l.hash;
}

static void make_iface(const char *dir, char **word, int n, struct ab_effect *ef)
{
	struct ab_ledger_entry key = { .kind = AB_LEDGER_IFACE };

	if (!ab_copy(ef->iface.binding.iface, sizeof(ef->iface.binding.iface),
		     word[1]) ||
	    !ab_copy(ef->iface.binding.transport, sizeof(ef->iface.binding.transport),
		     "tcp") ||
	    !ab_copy(ef->iface.binding.netdev, sizeof(ef->iface.binding.netdev),
		     n > 2 ? word[2] : ""))
		die("too long", word[0]);
	ef->iface.port.type = AB_PORT_ETHER;
	(void)ab_copy(ef->iface.port.name, sizeof(ef->iface.port.name),
		      ef->iface.binding.netdev);
	(void)ab_copy(key.iface.name, sizeof(key.iface.name), word[1]);
	ef->iface.hash = ledger_hash(dir, &key);
	ef->iface.is_update = strcmp(word[0], "iface-update") == 0;
	ef->type = strcmp(word[0], "iface-delete") == 0 ? AB_EF_IFACE_DELETE
							: AB_EF_IFACE_WRITE;
}

static void make_node_key(char **word, int n, struct ab_node_key *key)
{
	if (n < 4 || !ab_copy(key->target, sizeof(key->target), word[1]) ||
	    ab_name_parse_portal_tpgt(word[2], &key->portal, &key->tpgt) ||
	    !ab_copy(key->iface, sizeof(key->iface), word[3]))
		die("not TARGET ADDR:PORT,TPGT IFACE", word[0]);
}

static void make_node(const char *dir, char **word, int n, struct store_job *job)
{
	struct ab_effect *ef = &job->effect;
	struct ab_ledger_entry key = { .kind = AB_LEDGER_NODE };
	char *at = job->settings;
	int i;

	make_node_key(word, n, &ef->node.key);
	key.node = ef->node.key;
	ef->node.hash = ledger_hash(dir, &key);
	ef->node.is_update = strcmp(word[0], "node-update") == 0;
	ef->type = strcmp(word[0], "node-delete") == 0 ? AB_EF_NODE_DELETE
						       : AB_EF_NODE_WRITE;
	for (i = 4; i < n; i++) {
		char *sep = strchr(word[i], '=');

		if (!sep)
			die("not KEY=VALUE", word[i]);
		*sep = '\0';
		at = stpcpy(at, word[i]) + 1;
		at = stpcpy(at, sep + 1) + 1;
		job->head.n++;
	}
}

static void make_word(char **word, int n, struct ab_effect *ef)
{
	ef->type = strcmp(word[0], "hold") == 0 ? AB_EF_LEDGER_PUT : AB_EF_LEDGER_DEL;
	ef->ledger.kind = AB_LEDGER_NODE;
	ef->ledger.owner = AB_OWNER_HELD;
	make_node_key(word, n, &ef->ledger.node);
}

static size_t make_job(const char *dir, char *text, struct store_job *job)
{
	char *word[WORDS_MAX];
	int n = 0, i;
	size_t size = sizeof(*job);

	for (word[n] = strtok(text, " "); word[n] && n < WORDS_MAX - 1;)
		word[++n] = strtok(NULL, " ");
	if (n == 0)
		die("empty", "job");
	for (i = 4; i < n; i++)
		size += strlen(word[i]) + 1;
	job->head.type = STORE_MSG_JOB;
	if (strcmp(word[0], "dump") == 0) {
		job->head.type = STORE_MSG_DUMP;
		return sizeof(job->head);
	}
	if (strncmp(word[0], "iface-", 6) == 0 && n > 1)
		make_iface(dir, word, n, &job->effect);
	else if (strncmp(word[0], "node-", 5) == 0)
		make_node(dir, word, n, job);
	else if (strcmp(word[0], "hold") == 0 || strcmp(word[0], "forget") == 0)
		make_word(word, n, &job->effect);
	else
		die("no such job", word[0]);
	return size;
}

static void send_job(int sock, const char *dir, char *text, uint64_t seq)
{
	struct store_job *job = calloc(1, STORE_MSG_MAX);
	size_t n;

	if (!job)
		die("no memory", text);
	job->head.seq = seq;
	n = make_job(dir, text, job);
	if (store_msg_send(sock, job, n, MSG_DONTWAIT, -1))
		die("does not fit the socket", "job");
	free(job);
}

/* --- events ---------------------------------------------------------------------- */

static void print_node(const struct ab_node_key *key)
{
	char buf[AB_PORTAL_TEXT];
	struct ab_text t;

	ab_text_init(&t, buf, sizeof(buf));
	ab_name_add_portal(&t, &key->portal);
	(void)printf(" %s %s,%d %s", key->target, buf, key->tpgt, key->iface);
}

static void print_event(const struct ab_event *ev)
{
	if (ev->type == AB_EV_DONE) {
		(void)printf("done %" PRIu64 " %s %d %016" PRIx64, ev->done.job,
			     outcomes[ev->done.outcome], ev->done.code, ev->done.hash);
	} else if (ev->type == AB_EV_IFACE) {
		(void)printf("iface %016" PRIx64 " %s %s", ev->iface.hash,
			     ev->iface.state == AB_RECORD_OK ? "ok" : "broken",
			     ev->iface.binding.iface);
	} else if (ev->type == AB_EV_NODE) {
		(void)printf("node %016" PRIx64 " %s", ev->node.hash,
			     ev->node.state == AB_RECORD_OK ? "ok" : "broken");
		print_node(&ev->node.key);
	} else if (ev->type == AB_EV_LEDGER) {
		(void)printf("ledger %016" PRIx64 " %s", ev->ledger.hash,
			     owners[ev->ledger.owner]);
		if (ev->ledger.kind == AB_LEDGER_NODE)
			print_node(&ev->ledger.node);
		else
			(void)printf(" %s", ev->ledger.iface.name);
	} else {
		(void)printf("event %u source %u unreadable %d", ev->type,
			     ev->dump.source, ev->dump.is_unreadable);
	}
	(void)putchar('\n');
}

static void print_answers(int sock)
{
	struct store_events *in = calloc(1, sizeof(*in));
	uint32_t i;
	int fd;

	while (in && store_msg_recv(sock, in, sizeof(*in), MSG_DONTWAIT, &fd) > 0)
		for (i = 0; in->head.type == STORE_MSG_EVENTS && i < in->head.n; i++)
			print_event(&in->v[i]);
	free(in);
}

/* --- */

static const char *below(const char *dir, const char *name)
{
	char *path;

	if (asprintf(&path, "%s/%s", dir, name) < 0)
		die("no memory", name);
	return path; /* lives as long as we do */
}

int main(int argc, char **argv)
{
	struct ab_store_config config = { 0 };
	int pair[2], status, i;
	int room = 64 << 20; /* nobody reads before all is done */

	if (argc < 3)
		die("DIR JOB...", "usage");
	ab_log_open("storetool", AB_LOG_INFO);
	config.db.root = below(argv[1], "db");
	config.db.lock_dir = below(argv[1], "lock");
	config.db.conf = below(argv[1], "iscsid.conf");
	config.db.lock_wait_ms = 50;
	config.state_dir = below(argv[1], "state");
	config.run_dir = below(argv[1], "run");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		die(strerror(errno), "socketpair");
	for (i = 0; i < 2; i++)
		if (setsockopt(pair[i], SOL_SOCKET, SO_SNDBUFFORCE, &room,
			       sizeof(room)))
			die(strerror(errno), "SO_SNDBUFFORCE");
	for (i = 2; i < argc; i++)
		send_job(pair[0], argv[1], argv[i], (uint64_t)i - 1);
	if (shutdown(pair[0], SHUT_WR) < 0)
		die(strerror(errno), "shutdown");
	status = store_helper_run(&config, pair[1]);
	print_answers(pair[0]);
	return fflush(stdout) == 0 ? status : 2;
}
