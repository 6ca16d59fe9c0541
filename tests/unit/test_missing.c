/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is wanted and not there, in words: the "!" rows of a plan, and what a reload
 * lists that gives up waiting, in worlds where everything may go wrong.
 */
#include "ab_test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../model/model.h"
#include "core/proto.h"
#include "core/view.h"
#include "core/world.h"

#define TAKE "[Match]\nAddress = 10.0.0.0/16\n[Bind]\nAction = record\n"
#define FIND "[Portals]\nDiscover = 10.0.0.100\nTargets = iqn.2026-01.test:*\n"
#define SAN TAKE FIND
#define CHANGED                                                                        \
	SAN "Deny = 10.0.0.101\n"                                                      \
	    "[Node]\nnode.session.timeo.replacement_timeout = 5\n"
#define T0 "iqn.2026-01.test:t0 "

/* eth0 with 10.0.0.10 is about to be plugged; target t0 lives at .100 and .101. */
static struct model *world_of(const struct ab_policy_set *set)
{
	struct model *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	model_init(m, set);
	m->portals[0] = (struct model_portal){ true, 0, 1 };
	m->portals[1] = (struct model_portal){ true, 0, 1 };
	m->ports[1].name = 1;
	model_boot(m);
	return m;
}

static struct model *san_world(void)
{
	return world_of(model_set(NULL, NULL, SAN, NULL));
}

static struct model *bound_world(void)
{
	struct model *m = san_world();

	model_plug(m, 0);
	model_calm(m);
	return m;
}

static void end(struct model *m)
{
	assert_null(m->violation);
	model_set_free(m->set);
	free(m);
}

/* --- rows as text --- */

/* Waits have jitter. */
static void put_text(FILE *f, const char *s)
{
	static const char again[] = "again in ";
	const char *at = strstr(s, again);

	if (!at) {
		fputs(s, f);
		return;
	}
	at += strlen(again);
	fprintf(f, "%.*sN", (int)(at - s), s);
	fputs(at + strspn(at, "0123456789"), f);
}

static void put_row(void *arg, const struct ab_row *row)
{
	static const char *const cells[] = { "kind",  "object", "port",	 "portal",
					     "state", "text",	"reason" };
	const char *space = "";
	FILE *f = arg;
	size_t i;

	assert_false(row->cut);
	if (ab_row_find(row, "op"))
		assert_string_equal(ab_row_get(row, "op"), "!");
	for (i = 0; i < AB_COUNT(cells); i++) {
		if (!ab_row_find(row, cells[i]))
			continue;
		fputs(space, f);
		put_text(f, ab_row_get(row, cells[i]));
		space = " | ";
	}
	fputc('\n', f);
}

static void assert_rows(struct model *m, uint32_t (*fn)(const struct ab_view *v),
			const char *expected)
{
	char *text = NULL;
	size_t n;
	struct ab_view v = { .e = model_engine(m),
			     .set = m->set,
			     .now = m->now,
			     .fn = put_row,
			     .arg = open_memstream(&text, &n) };

	assert_non_null(v.arg);
	(void)fn(&v);
	fclose(v.arg);
	assert_string_equal(text, expected);
	free(text);
}

#define assert_blocked(m, expected) assert_rows(m, ab_view_blocked, expected)
static uint32_t all_missing(const struct ab_view *v)
{
	static const struct ab_scope everything = { .port = "" };

	return ab_view_missing(v, &everything);
}

#define assert_missing(m, expected) assert_rows(m, all_missing, expected)

static unsigned int job_of(const struct model *m, enum ab_effect_type type)
{
	unsigned int i;

	for (i = 0; i < m->n_jobs; i++)
		if (m->jobs[i].type == (uint32_t)type)
			return i;
	fail_msg("no such job");
	return 0;
}

/* A job's answer with a code, as the parts outside give it. */
static void answer(struct model *m, enum ab_effect_type type, enum ab_outcome outcome,
		   int32_t code)
{
	unsigned int i = job_of(m, type);
	struct ab_event ev = { .type = AB_EV_DONE };

	ev.done.job = m->jobs[i].job;
	ev.done.outcome = (uint8_t)outcome;
	ev.done.code = code;
	m->n_jobs--;
	memmove(&m->jobs[i], &m->jobs[i + 1], (m->n_jobs - i) * sizeof(m->jobs[0]));
	model_feed(m, &ev);
}

/* Until a job of that type waits for its answer; others are done. */
static void until(struct model *m, enum ab_effect_type type)
{
	unsigned int i, k;

	for (k = 0; k < 100; k++) {
		for (i = 0; i < m->n_jobs; i++)
			if (m->jobs[i].type == (uint32_t)type)
				return;
		if (m->n_jobs)
			model_do(m, 0);
		else
			assert_true(model_calm_step(m, true));
	}
	fail_msg("it never comes to that");
}

/* --- nothing, and what is under way --- */

static void nothing_is_blocked_where_all_is_bound(void **st)
{
	struct model *m = bound_world();

	(void)st;
	assert_blocked(m, "");
	assert_missing(m, "");
	end(m);
}

static void what_is_under_way_is_missing_and_not_blocked(void **st)
{
	struct model *m = san_world();

	(void)st;
	model_plug(m, 0);
	model_wait(m, 300);
	assert_blocked(m, "");
	assert_missing(m, "eth0 | 10.0.0.100:3260 | UNKNOWN | first probes are out\n");
	until(m, AB_EF_DISCOVER);
	assert_blocked(m, "");
	until(m, AB_EF_NODE_WRITE);
	assert_blocked(m, "");
	assert_missing(m, "eth0 | 10.0.0.100:3260 | writing | " T0
			  "10.0.0.100:3260,1 via ab-eth0: being written\n"
			  "eth0 | 10.0.0.101:3260 | UNKNOWN | first probes are out\n"
			  "eth0 | 10.0.0.101:3260 | absent | " T0
			  "10.0.0.101:3260,1 via ab-eth0: its portal must answer "
			  "first: first probes are out\n");
	end(m);
}

/* --- the network --- */

static void a_silent_portal_blocks_itself_and_its_records(void **st)
{
	struct model *m = san_world();

	(void)st;
	m->portals[1].answers = false;
	model_plug(m, 0);
	model_calm(m);
	model_wait(m, 10000);
	assert_blocked(m, "path | 10.0.0.101:3260 | eth0 | does not answer\n"
			  "node | " T0 "10.0.0.101:3260,1 via ab-eth0 | eth0 | its "
			  "portal must answer first: does not answer\n");
	model_carrier(m, 0, false);
	assert_blocked(m, "path | 10.0.0.100:3260 | eth0 | no carrier\n"
			  "path | 10.0.0.101:3260 | eth0 | no carrier\n"
			  "node | " T0 "10.0.0.101:3260,1 via ab-eth0 | eth0 | its "
			  "portal must answer first: no carrier\n");
	model_carrier(m, 0, true);
	model_addr(m, 0, false);
	assert_blocked(m,
		       "path | 10.0.0.100:3260 | eth0 | no IPv4 address on the device\n"
		       "path | 10.0.0.101:3260 | eth0 | no IPv4 address on the device\n"
		       "node | " T0 "10.0.0.101:3260,1 via ab-eth0 | eth0 | its portal "
		       "must answer first: no IPv4 address on the device\n");
	end(m);
}

static void a_portal_without_a_route_is_blocked(void **st)
{
	struct model *m = world_of(
		model_set(NULL, NULL,
			  "[Match]\nName = eth*\n[Portals]\nDiscover = 10.0.1.102\n"
			  "SameSubnet = no\nTargets = *\n[Bind]\nAction = record\n",
			  NULL));

	(void)st;
	m->portals[2] = (struct model_portal){ true, 1, 1 };
	model_plug(m, 0);
	model_calm(m);
	assert_blocked(
		m, "path | 10.0.1.102:3260 | eth0 | no route to it by this device\n");
	end(m);
}

static void a_failed_discovery_is_blocked_until_it_is_asked_again(void **st)
{
	struct model *m = san_world();

	(void)st;
	model_plug(m, 0);
	until(m, AB_EF_DISCOVER);
	answer(m, AB_EF_DISCOVER, AB_OUTCOME_RETRY, AB_DISCOVERY_AUTH);
	model_do(m, job_of(m, AB_EF_IFACE_WRITE));
	assert_blocked(m,
		       "path | 10.0.0.100:3260 | eth0 | answers; discovery failed: "
		       "the target wants CHAP: set Chap in [Portals]; again in N ms\n");
	until(m, AB_EF_DISCOVER);
	assert_blocked(m, "");
	end(m);
}

static void a_target_that_says_nothing_of_use_blocks_the_port(void **st)
{
	struct model *m = san_world();

	(void)st;
	m->portals[0].targets = m->portals[1].targets = 0;
	model_plug(m, 0);
	model_calm(m);
	assert_blocked(m, "port | eth0 | eth0 | no wanted target\n");
	end(m);
}

/* --- words of the administrator --- */

static void exclusions_are_blocked_where_a_policy_wants_something(void **st)
{
	struct model *m = world_of(model_set(
		NULL, "[Exclude]\nPort = eth0\nReason = new cables\n", SAN, NULL));

	(void)st;
	model_plug(m, 0);
	model_calm(m);
	assert_blocked(m, "port | eth0 | eth0 | excluded by p1.conf:2: "
			  "new cables\n");
	/* Nobody waits for that. */
	assert_missing(m, "");
	end(m);

	m = world_of(model_set(NULL, "[Exclude]\nPort = eth0\n",
			       "[Match]\nName = eth*\n[Bind]\nAction = ignore\n",
			       NULL));
	model_plug(m, 0);
	model_calm(m);
	assert_blocked(m, "");
	end(m);

	m = world_of(model_set(NULL, "[Exclude]\nPortal = 10.0.0.100\n", SAN, NULL));
	model_plug(m, 0);
	model_calm(m);
	assert_blocked(m, "path | 10.0.0.100:3260 | eth0 | excluded by "
			  "p1.conf:2\n");
	end(m);
}

static void what_max_portals_leaves_out_is_blocked(void **st)
{
	struct model *m = world_of(
		model_set(NULL, NULL,
			  "[Match]\nName = eth*\n[Portals]\nDiscover = 10.0.0.101\n"
			  "Targets = *\nMaxPortals = 1\n[Bind]\nAction = record\n",
			  NULL));

	(void)st;
	model_plug(m, 0);
	model_calm(m);
	/* The one that is asked answers, and is over the limit all the same. */
	assert_blocked(m, "path | 10.0.0.101:3260 | eth0 | answers; no target there "
			  "is used: over MaxPortals (1)\n");
	assert_missing(m, "");
	end(m);
}

static void held_and_modified_records_are_blocked(void **st)
{
	struct model *m = bound_world();

	(void)st;
	model_remove(m, (unsigned int)model_find_node(m, 0, 0, "ab-eth0"), false);
	model_edit(m, (unsigned int)model_find_node(m, 1, 0, "ab-eth0"));
	model_calm(m);
	assert_blocked(m, "node | " T0 "10.0.0.100:3260,1 via ab-eth0 | eth0 | removed "
			  "by somebody; `autobind apply` makes it again\n"
			  "node | " T0 "10.0.0.101:3260,1 via ab-eth0 | eth0 | changed "
			  "by somebody: not rewritten any more\n");
	/* What is there is not waited for. */
	assert_missing(m, "eth0 | 10.0.0.100:3260 | removed | " T0
			  "10.0.0.100:3260,1 via ab-eth0: removed by somebody; "
			  "`autobind apply` makes it again\n");
	model_remove(m, (unsigned int)model_find_iface(m, "ab-eth0"), false);
	model_calm(m);
	assert_blocked(m, "iface | ab-eth0 | eth0 | removed by somebody; `autobind "
			  "apply` makes it again\n"
			  "node | " T0 "10.0.0.100:3260,1 via ab-eth0 | eth0 | removed "
			  "by somebody; `autobind apply` makes it again\n"
			  "node | " T0 "10.0.0.101:3260,1 via ab-eth0 | eth0 | changed "
			  "by somebody: not rewritten any more\n");
	end(m);
}

static void a_pause_blocks_what_would_be_done(void **st)
{
	const struct ab_policy_set *first = model_set(NULL, NULL, SAN, NULL);
	struct model *m = world_of(first);

	(void)st;
	model_plug(m, 0);
	model_calm(m);
	model_command(m, AB_COMMAND_PAUSE);
	assert_blocked(m, "");
	model_plug(m, 1);
	model_calm(m);
	assert_blocked(m, "iface | ab-eth1 | eth1 | not written: paused\n"
			  "path | 10.0.0.100:3260 | eth1 | answers; not asked for "
			  "targets: paused\n");
	model_unplug(m, 1);
	model_policy(m,
		     model_set(first, NULL,
			       CHANGED "[Iface]\nInitiatorName = iqn.2026-01.test:i\n",
			       NULL));
	assert_blocked(m, "iface | ab-eth0 | eth0 | not changed: paused\n"
			  "node | " T0 "10.0.0.100:3260,1 via ab-eth0 | eth0 | not "
			  "changed: paused\n"
			  "node | " T0 "10.0.0.101:3260,1 via ab-eth0 | eth0 | not "
			  "deleted: paused\n");
	assert_false(ab_view_is_settled(model_engine(m)));
	model_set_free(first);
	end(m);
}

/* --- the store --- */

#define FULL(what) what "writing it failed: no space left on the disk; again in N ms\n"

static void failures_of_the_store_are_blocked(void **st)
{
	struct model *m = san_world();

	(void)st;
	model_plug(m, 0);
	until(m, AB_EF_IFACE_WRITE);
	answer(m, AB_EF_IFACE_WRITE, AB_OUTCOME_RETRY, ENOSPC);
	model_do(m, job_of(m, AB_EF_DISCOVER));
	assert_blocked(m, FULL("iface | ab-eth0 | eth0 | ") FULL(
				  "node | " T0 "10.0.0.100:3260,1 via ab-eth0 | eth0 | "
				  "iface ab-eth0: ")
				  FULL("node | " T0
				       "10.0.0.101:3260,1 via ab-eth0 | eth0 | "
				       "iface ab-eth0: "));
	until(m, AB_EF_IFACE_WRITE);
	model_do(m, job_of(m, AB_EF_IFACE_WRITE));
	until(m, AB_EF_NODE_WRITE);
	answer(m, AB_EF_NODE_WRITE, AB_OUTCOME_DENIED, EINVAL);
	assert_blocked(m,
		       "node | " T0 "10.0.0.100:3260,1 via ab-eth0 | eth0 | refused: "
		       "a name or value that open-iscsi does not take; not tried "
		       "again until the policy changes\n");
	end(m);
}

static void a_deletion_that_fails_is_blocked(void **st)
{
	const struct ab_policy_set *first = model_set(NULL, NULL, SAN, NULL);
	struct model *m = world_of(first);

	(void)st;
	model_plug(m, 0);
	model_calm(m);
	model_policy(m, model_set(first, NULL, SAN "Deny = 10.0.0.101\n", NULL));
	assert_int_equal(m->n_jobs, 1);
	assert_missing(m, "eth0 | writing | " T0
			  "10.0.0.101:3260,1 via ab-eth0: being deleted\n");
	answer(m, AB_EF_NODE_DELETE, AB_OUTCOME_RETRY, EROFS);
	assert_blocked(m,
		       "node | " T0 "10.0.0.101:3260,1 via ab-eth0 | eth0 | deleting "
		       "it failed: the file system is read-only; again in N ms\n");
	model_set_free(first);
	end(m);
}

static void a_ledger_that_cannot_be_read_blocks_changes(void **st)
{
	const struct ab_policy_set *first = model_set(NULL, NULL, SAN, NULL);
	struct model *m = world_of(first);

	(void)st;
	m->is_ledger_unreadable = true;
	model_boot(m);
	model_plug(m, 0);
	model_calm(m);
	/* Ours are those of this run; they are not changed either. */
	model_policy(m, model_set(first, NULL, CHANGED, NULL));
	assert_blocked(
		m, "ledger | ledger |  | it could not be read: records are only added, "
		   "and none of those that are there is changed or deleted, until the "
		   "next start\n"
		   "node | " T0 "10.0.0.100:3260,1 via ab-eth0 | eth0 | not changed: "
		   "the ledger could not be read, so records are only added until the "
		   "next start\n"
		   "node | " T0 "10.0.0.101:3260,1 via ab-eth0 | eth0 | not deleted: "
		   "the ledger could not be read, so records are only added until the "
		   "next start\n");
	model_set_free(first);
	end(m);
}

/* --- sessions --- */

#define LOGIN                                                                          \
	"[Match]\nAddress = 10.0.0.0/16\n" FIND                                        \
	"[Bind]\nAction = login\nSessionsPerPort = "

static void a_session_that_is_kept_is_blocked_and_not_missing(void **st)
{
	const struct ab_policy_set *two = model_set(NULL, NULL, LOGIN "2\n", NULL);
	struct model *m = world_of(two);
	struct ab_session_item *item;

	(void)st;
	model_plug(m, 0);
	model_calm(m);
	assert_blocked(m, "");
	model_policy(m, model_set(two, NULL, LOGIN "1\n", NULL));
	until(m, AB_EF_LOGOUT);
	assert_blocked(m, "");
	answer(m, AB_EF_LOGOUT, AB_OUTCOME_DENIED, AB_GUARD_HELD);
	assert_missing(m, "");
	assert_blocked(m, "session | " T0 "10.0.0.101:3260,1 via ab-eth0 | eth0 | "
			  "not wanted any more, but kept: a device stands on it that "
			  "is no multipath map (LVM, md, bcache ...)\n");
	/* The kernel's state does not hide it. */
	item = ab_session_at(model_engine(m),
			     ab_world_find_session(model_engine(m), 2));
	item->session.state = AB_SESSION_FAILED;
	assert_blocked(m, "session | " T0 "10.0.0.101:3260,1 via ab-eth0 | eth0 | "
			  "its connection is lost; iscsid tries to restore it; not "
			  "wanted any more, but kept: a device stands on it that is no "
			  "multipath map (LVM, md, bcache ...)\n");
	end(m);
	model_set_free(two);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_blocked_where_all_is_bound),
		cmocka_unit_test(what_is_under_way_is_missing_and_not_blocked),
		cmocka_unit_test(a_silent_portal_blocks_itself_and_its_records),
		cmocka_unit_test(a_portal_without_a_route_is_blocked),
		cmocka_unit_test(a_failed_discovery_is_blocked_until_it_is_asked_again),
		cmocka_unit_test(a_target_that_says_nothing_of_use_blocks_the_port),
		cmocka_unit_test(exclusions_are_blocked_where_a_policy_wants_something),
		cmocka_unit_test(what_max_portals_leaves_out_is_blocked),
		cmocka_unit_test(held_and_modified_records_are_blocked),
		cmocka_unit_test(a_pause_blocks_what_would_be_done),
		cmocka_unit_test(failures_of_the_store_are_blocked),
		cmocka_unit_test(a_deletion_that_fails_is_blocked),
		cmocka_unit_test(a_ledger_that_cannot_be_read_blocks_changes),
		cmocka_unit_test(a_session_that_is_kept_is_blocked_and_not_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
