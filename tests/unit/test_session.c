// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sessions: when the engine logs in and when it does not, whatever the target,
 * multipathd and the administrator do meanwhile. Every scenario runs under the model's
 * safety rules, and ends in a state that is checked to be at rest.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "world.h"

#include "../model/internal.h"

#include "core/login_code.h"
#include "core/name.h"
#include "core/plan.h"
#include "core/session.h"

#define LOGIN "[Bind]\nAction = login\n"
#define TWO "SessionsPerPort = 2\n"
#define DAY (24 * 60 * MINUTE)
#define REFUSED 1 /* by what model_fail() tells */
#define T0 "iqn.2026-01.test:t0"

/* --- builders --- */

static const struct ab_policy_set *login_after(const struct ab_policy_set *previous,
					       const char *more)
{
	char text[1024];

	(void)snprintf(text, sizeof(text), "%s%s%s%s", SAN, PROBE, LOGIN, more);
	return model_set(previous, NULL, text, NULL);
}

static const struct ab_policy_set *login_with(const char *more)
{
	return login_after(NULL, more);
}

/* eth0 reaches the portals .100 and .101 of one target; all is done. */
static struct model *logged_in_world(const char *more)
{
	return bound_world_of(login_with(more));
}

/* The same, stopped where the first login has been asked for. */
static struct model *at_first_login_of(const struct ab_policy_set *set)
{
	struct model *m = world_of(set);

	model_plug(m, 0);
	while (m->n_logins == 0 && model_calm_step(m, true))
		;
	assert_int_equal(m->n_logins, 1);
	return m;
}

static struct model *at_first_login(const char *more)
{
	return at_first_login_of(login_with(more));
}

/* Static=: all that is known is known at once. */
static const struct ab_policy_set *static_with(const struct ab_policy_set *previous,
					       const char *portals, const char *bind)
{
	char text[1024];

	(void)snprintf(text, sizeof(text),
		       "[Match]\nName = eth*\n[Portals]\nTargets = *\nStatic = %s\n%s"
		       "[Bind]\n%s",
		       portals, PROBE, bind);
	return model_set(previous, NULL, text, NULL);
}

/* eth0 and eth1 in 10.0.0.0/24, eth2 in 10.0.1.0/24; portals 0, 1 and 3 in the first,
 * 2 in the second. */
static struct model *static_world(const char *portals, const char *bind)
{
	struct model *m = world_of(static_with(NULL, portals, bind));

	m->portals[3] = (struct model_portal){ true, 0, 1 };
	m->ports[2].subnet = 1;
	return m;
}

/* Until nothing is left but time and logins under way. */
static void calm_but_logins(struct model *m)
{
	unsigned int i;

	for (;;) {
		for (i = 0; i < m->n_jobs && m->jobs[i].type == AB_EF_LOGIN; i++)
			;
		if (i < m->n_jobs) {
			model_do(m, i);
			continue;
		}
		for (i = 0; i < MODEL_PROBES && !model_probe_is_news(m, i); i++)
			;
		if (i == MODEL_PROBES)
			return;
		model_probe(m, i);
	}
}

/* The set before it is gone, as it is in the daemon. */
static void reload(struct model *m, const struct ab_policy_set *set)
{
	const struct ab_policy_set *old = m->set;

	model_policy(m, set);
	if (old != set)
		model_set_free(old);
}

static bool has_session(const struct model *m, unsigned int portal, const char *iface)
{
	return model_find_session(m, portal, 0, iface) >= 0;
}

static unsigned int session_at(const struct model *m, unsigned int portal,
			       const char *iface)
{
	int i = model_find_session(m, portal, 0, iface);

	assert_true(i >= 0);
	return (unsigned int)i;
}

static struct ab_node_key key_of(const struct model *m, unsigned int portal,
				 const char *target, const char *iface)
{
	struct ab_node_key key = { .portal = model_portal_at(m, portal), .tpgt = 1 };

	(void)snprintf(key.target, sizeof(key.target), "%s", target);
	(void)snprintf(key.iface, sizeof(key.iface), "%s", iface);
	return key;
}

static struct ab_node *node_at(struct model *m, unsigned int portal, const char *iface)
{
	struct ab_engine *e = model_engine(m);
	struct ab_portal p = model_portal_at(m, portal);
	uint32_t i;

	for (i = ab_table_next(e, &e->nodes, AB_NONE); i != AB_NONE;
	     i = ab_table_next(e, &e->nodes, i))
		if (ab_portal_equal(&ab_node_at(e, i)->portal, &p) &&
		    strcmp(ab_iface_at(e, ab_node_at(e, i)->iface)->binding.iface,
			   iface) == 0)
			return ab_node_at(e, i);
	fail_msg("no binding of portal %u to %s", portal, iface);
	return NULL;
}

static void assert_verdict(struct model *m, unsigned int portal, const char *iface,
			   enum ab_login_verdict verdict)
{
	assert_int_equal(
		ab_session_verdict(model_engine(m), m->set, node_at(m, portal, iface)),
		verdict);
}

static unsigned int count_jobs(const struct model *m, enum ab_effect_type type)
{
	unsigned int i, n = 0;

	for (i = 0; i < m->n_jobs; i++)
		n += m->jobs[i].type == (uint32_t)type;
	return n;
}

static unsigned int login_job(const struct model *m)
{
	unsigned int i;

	for (i = 0; i < m->n_jobs; i++)
		if (m->jobs[i].type == AB_EF_LOGIN)
			return i;
	fail_msg("no login is under way");
	return 0;
}

/* The portal of the login that was asked for first. */
static bool is_login_to(const struct model *m, unsigned int portal)
{
	struct ab_portal p = model_portal_at(m, portal);

	return ab_portal_equal(&m->jobs[login_job(m)].login.key.portal, &p);
}

static unsigned int count_held_lines(const struct model *m)
{
	unsigned int i, n = 0;

	for (i = 0; i < MODEL_RECORDS; i++)
		n += m->in_ledger[i] && m->ledger[i].kind == AB_LEDGER_SESSION;
	return n;
}

static int64_t ms_to_next(struct model *m)
{
	return ab_mono_ms_between(m->now, ab_engine_next(model_engine(m)));
}

/* Until the path is down; sessions hear nothing of it. */
static void lose_path(struct model *m, unsigned int port, unsigned int portal)
{
	while (!ab_health_is_down(&path_at(m, port, portal)->health))
		model_probe(m, probe_at(m, port, portal));
}

static void feed_dump(struct model *m, enum ab_event_type type)
{
	struct ab_event ev = { .type = type };

	ev.dump.source = AB_SOURCE_SESSIONS;
	model_feed(m, &ev);
}

static const struct ab_policy_set *denying(const struct ab_policy_set *previous,
					   const char *action)
{
	char text[512];

	(void)snprintf(text, sizeof(text),
		       SAN "Deny = 10.0.0.100\n" PROBE "[Bind]\nAction = %s\n", action);
	return model_set(previous, NULL, text, NULL);
}

/* --- from a record to a session --- */

static void a_login_follows_the_record_and_the_path(void **st)
{
	struct model *m = world_of(login_with(""));

	(void)st;
	model_plug(m, 0);
	while (count_jobs(m, AB_EF_NODE_WRITE) == 0 && model_calm_step(m, true))
		;
	assert_int_equal(m->n_logins, 0);
	while (!has_node(m, 0, "ab-eth0"))
		model_do(m, 0);
	assert_int_equal(count_jobs(m, AB_EF_LOGIN), 1);
	assert_true(is_login_to(m, 0));
	assert_int_equal(m->jobs[login_job(m)].login.ifindex, m->ports[0].ifindex);
	assert_verdict(m, 0, "ab-eth0", AB_LOGIN_RUNNING);
	assert_state(m, 0, AB_PORT_STATE_PARTIAL);
	model_calm(m);
	assert_verdict(m, 0, "ab-eth0", AB_LOGIN_LOGGED_IN);
	assert_verdict(m, 1, "ab-eth0", AB_LOGIN_SPARE); /* SessionsPerPort is 1 */
	assert_int_equal(m->n_logins, 1);
	assert_int_equal(m->notes[AB_NOTE_LOGGED_IN], 1);
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	end(m);
}

static void action_record_logs_in_nowhere(void **st)
{
	struct model *m = bound_world_of(san());

	(void)st;
	assert_int_equal(count_nodes(m), 2);
	assert_int_equal(m->n_logins, 0);
	assert_verdict(m, 0, "ab-eth0", AB_LOGIN_UNWANTED);
	end(m);
}

static void a_portal_that_does_not_answer_is_never_logged_in_to(void **st)
{
	struct model *m = bound_world_of(san());

	(void)st;
	m->portals[0].answers = m->portals[1].answers = false;
	model_calm(m);
	reload(m, login_after(m->set, TWO));
	model_calm(m);
	model_wait(m, DAY);
	assert_int_equal(m->n_logins, 0);
	assert_verdict(m, 0, "ab-eth0", AB_LOGIN_NO_PATH);
	m->portals[1].answers = true;
	model_calm(m);
	assert_true(has_session(m, 1, "ab-eth0") && !has_session(m, 0, "ab-eth0"));
	m->portals[0].answers = true;
	model_calm(m);
	assert_true(has_session(m, 0, "ab-eth0"));
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	end(m);
}

static void a_connection_comes_first_where_the_probe_makes_none(void **st)
{
	static const struct {
		const char *what, *probe;
		uint32_t ms;
	} rows[] = {
		{ "icmp", "[Probe]\nMethod = icmp\nTimeout = 700ms\n", 700 },
		{ "icmp|tcp", "[Probe]\nMethod = icmp|tcp\nTimeout = 700ms\n", 700 },
		{ "tcp", "[Probe]\nMethod = tcp\n", 0 },
		{ "icmp+tcp", "[Probe]\nMethod = icmp+tcp\n", 0 },
		{ "none", "[Probe]\nMethod = none\n", 0 },
	};
	unsigned int i;

	(void)st;
	for (i = 0; i < AB_COUNT(rows); i++) {
		char text[512];
		struct model *m;

		(void)snprintf(text, sizeof(text), "%s%s%s", SAN, rows[i].probe, LOGIN);
		m = at_first_login_of(model_set(NULL, NULL, text, NULL));
		ab_assert_row(rows[i].what,
			      m->jobs[login_job(m)].login.connect_ms == rows[i].ms);
		model_calm(m);
		end(m);
	}
}

static void no_login_makes_records_and_no_sessions(void **st)
{
	struct model *m = world_of(login_with(""));

	(void)st;
	m->no_login = true;
	model_boot(m);
	model_plug(m, 0);
	model_calm(m);
	assert_int_equal(count_nodes(m), 2);
	assert_int_equal(m->n_logins, 0);
	assert_verdict(m, 0, "ab-eth0", AB_LOGIN_UNWANTED);
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	end(m);
}

static void while_paused_nothing_is_logged_in_and_resume_catches_up(void **st)
{
	struct model *m = bound_world_of(san());

	(void)st;
	model_command(m, AB_COMMAND_PAUSE);
	reload(m, login_after(m->set, ""));
	model_calm(m);
	assert_int_equal(m->n_logins, 0);
	assert_verdict(m, 0, "ab-eth0", AB_LOGIN_PAUSED);
	model_command(m, AB_COMMAND_RESUME);
	model_calm(m);
	assert_true(has_session(m, 0, "ab-eth0"));
	end(m);
}

/* --- how many, and which --- */

static void as_many_as_the_policy_says(void **st)
{
	static const struct {
		const char *what, *more;
		unsigned int n_ports, n;
	} rows[] = {
		{ "one a port", "", 1, 1 },
		{ "two a port", TWO, 1, 2 },
		{ "one a port, two ports", "", 2, 2 },
		{ "two a port, two ports", TWO, 2, 4 },
		{ "one a target", "SessionsPerTarget = 1..1\n", 2, 1 },
		{ "three a target", TWO "SessionsPerTarget = 1..3\n", 2, 3 },
		{ "three in all", TWO "TotalSessions = 3\n", 2, 3 },
		{ "one in all", "TotalSessions = 1\n", 2, 1 },
	};
	unsigned int i, k;

	(void)st;
	for (i = 0; i < AB_COUNT(rows); i++) {
		struct model *m = world_of(login_with(rows[i].more));

		for (k = 0; k < rows[i].n_ports; k++)
			model_plug(m, k);
		model_calm(m);
		model_wait(m, 10 * MINUTE);
		model_calm(m);
		ab_assert_row(rows[i].what, model_count_sessions(m) == rows[i].n);
		end(m);
	}
}

static void total_counts_sessions_of_every_target(void **st)
{
	struct model *m = world_of(login_with("TotalSessions = 1\n"));
	struct ab_node_key other = key_of(m, 1, "iqn.2020-01.org:other", "default");
	int hand = model_log_in(m, &other, -1, false);

	(void)st;
	model_plug(m, 0);
	model_calm(m);
	assert_int_equal(m->n_logins, 0);
	assert_verdict(m, 0, "ab-eth0", AB_LOGIN_TOTAL);
	model_log_out(m, (unsigned int)hand);
	model_calm(m);
	assert_true(has_session(m, 0, "ab-eth0"));
	end(m);
}

static void sessions_of_others_count(void **st)
{
	struct model *m = world_of(login_with("SessionsPerTarget = 1..1\n"));
	struct ab_node_key key = key_of(m, 1, T0, "default");
	int hand = model_log_in(m, &key, -1, false);

	(void)st;
	model_plug(m, 0);
	model_calm(m);
	assert_int_equal(m->n_logins, 0);
	assert_verdict(m, 0, "ab-eth0", AB_LOGIN_SPARE);
	model_log_out(m, (unsigned int)hand);
	model_calm(m);
	assert_true(has_session(m, 0, "ab-eth0"));
	end(m);
}

static void a_session_of_the_firmware_counts_and_is_left_alone(void **st)
{
	struct model *m = world_of(login_with(TWO "SessionsPerTarget = 1..2\n"));
	struct ab_node_key key = key_of(m, 1, T0, "default");
	int boot = model_log_in(m, &key, -1, true);

	(void)st;
	model_plug(m, 0);
	model_calm(m);
	assert_int_equal(model_count_sessions(m), 2);
	assert_true(m->sessions[boot].is_live && m->sessions[boot].is_firmware);
	assert_null(strchr(m->trace, 'o'));
	end(m);
}

/* A standing session over a foreign record that the policy would make itself. */
static void a_session_made_by_hand_is_one_of_those_that_are_wanted(void **st)
{
	struct model *m = bound_world_of(san());
	struct ab_node_key key = key_of(m, 1, T0, "ab-eth0");

	(void)st;
	(void)model_log_in(m, &key, 0, false);
	reload(m, login_after(m->set, ""));
	model_calm(m);
	assert_int_equal(m->n_logins, 0);
	assert_true(has_session(m, 1, "ab-eth0"));
	assert_verdict(m, 0, "ab-eth0", AB_LOGIN_SPARE);
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	end(m);
}

/* Bits: 4 * port + portal. */
static unsigned int all_sessions(const struct model *m)
{
	char name[16];
	unsigned int port, k, bits = 0;

	for (port = 0; port < 3; port++) {
		(void)snprintf(name, sizeof(name), "ab-eth%u", port);
		for (k = 0; k < 4; k++)
			if (has_session(m, k, name))
				bits |= 1u << (4 * port + k);
	}
	return bits;
}

static void paths_are_chosen_by_group_port_portal_subnet_and_round_trip(void **st)
{
	static const struct {
		const char *what, *portals, *more;
		uint8_t ports;	   /* bits */
		uint8_t slow;	   /* bits: portals that answer late */
		uint16_t sessions; /* as all_sessions() */
	} rows[] = {
		{ "group before portal order",
		  T0 "@10.0.0.100:3260,1 " T0 "@10.0.0.101:3260,1 " T0
		     "@10.0.0.103:3260,2",
		  TWO "SessionsPerTarget = 1..2\n", 1, 0, 1 | 8 },
		{ "group before round trip",
		  T0 "@10.0.0.100:3260,1 " T0 "@10.0.0.101:3260,1 " T0
		     "@10.0.0.103:3260,2",
		  TWO "SessionsPerTarget = 1..2\n", 1, 8, 1 | 8 },
		{ "port, then portal", T0 "@10.0.0.100:3260,1 " T0 "@10.0.0.101:3260,1",
		  TWO "SessionsPerTarget = 1..2\n", 3, 0, 1 | 2 << 4 },
		{ "port and portal before round trip",
		  T0 "@10.0.0.100:3260,1 " T0 "@10.0.0.101:3260,1",
		  TWO "SessionsPerTarget = 1..2\n", 3, 2, 1 | 2 << 4 },
		{ "subnet",
		  T0 "@10.0.0.100:3260,1 " T0 "@10.0.0.101:3260,1 " T0
		     "@10.0.1.102:3260,1",
		  "SessionsPerTarget = 1..2\n", 7, 4, 1 | 4 << 8 },
		{ "round trip", T0 "@10.0.0.100:3260,1 " T0 "@10.0.0.101:3260,1", "", 1,
		  1, 2 },
		{ "portal order among equals",
		  T0 "@10.0.0.101:3260,1 " T0 "@10.0.0.100:3260,1", "", 1, 0, 1 },
	};
	char text[256];
	unsigned int i, k, port;

	(void)st;
	for (i = 0; i < AB_COUNT(rows); i++) {
		struct model *m = static_world(rows[i].portals, "Action = record\n");

		for (k = 0; k < MODEL_PORTALS; k++)
			m->rtt_us[k] = rows[i].slow & 1u << k ? 900 : 100;
		for (port = 0; port < 3; port++)
			if (rows[i].ports & 1u << port)
				model_plug(m, port);
		model_calm(m);
		(void)snprintf(text, sizeof(text), "Action = login\n%s", rows[i].more);
		reload(m, static_with(m->set, rows[i].portals, text));
		model_calm(m);
		ab_assert_row(rows[i].what, all_sessions(m) == rows[i].sessions);
		end(m);
	}
}

static void a_standing_session_is_never_given_up_for_a_better_path(void **st)
{
	struct model *m = world_of(login_with(""));

	(void)st;
	m->portals[1].answers = true;
	m->portals[0].answers = false;
	m->portals[1].targets = 1;
	reload(m, model_set(m->set, NULL,
			    "[Match]\nName = eth*\n[Portals]\nTargets = *\n"
			    "Discover = 10.0.0.101\n" PROBE LOGIN,
			    NULL));
	m->rtt_us[1] = 5000;
	model_plug(m, 0);
	model_calm(m);
	assert_true(has_session(m, 1, "ab-eth0"));
	m->portals[0].answers = true;
	model_calm(m);
	model_wait(m, DAY);
	model_calm(m);
	assert_true(has_node(m, 0, "ab-eth0"));
	assert_int_equal(m->n_logins, 1);
	/* Neither while it has failed. */
	m->portals[1].answers = false;
	model_calm(m);
	assert_verdict(m, 1, "ab-eth0", AB_LOGIN_RECOVERING);
	assert_int_equal(m->n_logins, 1);
	assert_int_equal(m->notes[AB_NOTE_SESSION_LOST], 1);
	assert_state(m, 0, AB_PORT_STATE_PARTIAL);
	m->portals[1].answers = true;
	model_calm(m);
	assert_int_equal(m->notes[AB_NOTE_SESSION_BACK], 1);
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	end(m);
}

/* --- at the same time --- */

/* Two ports, four portals each, all bound. */
static struct model *wide_world(void)
{
	struct model *m = world_of(san());

	m->portals[3] = m->portals[4] = (struct model_portal){ true, 0, 1 };
	model_plug(m, 0);
	model_plug(m, 1);
	model_calm(m);
	assert_int_equal(count_nodes(m), 8);
	return m;
}

static void concurrency_limits_logins_and_forgets_none(void **st)
{
	struct model *m = wide_world();
	unsigned int n;

	(void)st;
	reload(m, login_after(m->set, "SessionsPerPort = 4\nMultipath = off\n"
				      "Concurrency = 3\n"));
	for (n = 0; n < 8; n++) {
		calm_but_logins(m);
		assert_int_equal(count_jobs(m, AB_EF_LOGIN), n < 5 ? 3 : 8 - n);
		assert_int_equal(model_count_sessions(m), n);
		model_do(m, login_job(m));
	}
	model_calm(m);
	assert_int_equal(model_count_sessions(m), 8);
	assert_int_equal(m->n_logins, 8);
	end(m);
}

static void a_failed_login_makes_room_for_another(void **st)
{
	struct model *m = wide_world();

	(void)st;
	reload(m, login_after(m->set, "SessionsPerPort = 4\nMultipath = off\n"
				      "Concurrency = 1\n"));
	assert_true(is_login_to(m, 0));
	model_fail(m, login_job(m), AB_OUTCOME_RETRY, false);
	assert_int_equal(count_jobs(m, AB_EF_LOGIN), 1);
	assert_false(is_login_to(m, 0) && m->n_logins == 1);
	model_wait(m, 2000);
	model_calm(m);
	assert_int_equal(model_count_sessions(m), 8);
	end(m);
}

static void a_short_list_of_effects_forgets_no_login(void **st)
{
	struct model *m = world_of(login_with("SessionsPerPort = 4\nMultipath = off\n"
					      "SessionsPerTarget = 1..12\n"
					      "Concurrency = 32\n"));
	unsigned int i;

	(void)st;
	m->effects_max = AB_EFFECTS_MIN;
	m->portals[3] = m->portals[4] = (struct model_portal){ true, 0, 1 };
	for (i = 0; i < 3; i++)
		model_plug(m, i);
	model_calm(m);
	assert_int_equal(model_count_sessions(m), 12);
	/* All of them at once: more than there is room for. */
	for (i = 0; i < MODEL_SESSIONS; i++)
		if (m->sessions[i].is_live)
			model_log_out(m, i);
	assert_int_equal(m->notes[AB_NOTE_SESSION_HELD], 12);
	assert_int_equal(count_held_lines(m), 12);
	model_command(m, AB_COMMAND_APPLY);
	assert_int_equal(count_jobs(m, AB_EF_LOGIN), 12);
	model_calm(m);
	assert_int_equal(model_count_sessions(m), 12);
	assert_int_equal(count_held_lines(m), 0);
	end(m);
}

/* --- what comes of a login --- */

static void a_failed_login_is_retried_later_each_time_and_success_starts_anew(void **st)
{
	static const int64_t longest[] = { 2000, 4000, 8000, 8000, 8000 };
	struct model *m = at_first_login("Retry = 2s..8s\n");
	unsigned int i;

	(void)st;
	for (i = 0; i < AB_COUNT(longest); i++) {
		ab_mono start = m->now;

		model_fail(m, login_job(m), AB_OUTCOME_RETRY, false);
		assert_verdict(m, 0, "ab-eth0", AB_LOGIN_WAITING);
		while (count_jobs(m, AB_EF_LOGIN) == 0)
			assert_true(model_tick(m));
		assert_in_range(ab_mono_ms_between(start, m->now), longest[i] * 3 / 4,
				longest[i]);
	}
	/* The same news is told once. */
	assert_int_equal(m->notes[AB_NOTE_LOGIN_FAILED], 1);
	assert_state(m, 0, AB_PORT_STATE_PARTIAL);
	model_calm(m);
	assert_int_equal(node_at(m, 0, "ab-eth0")->login.backoff.attempts, 0);
	assert_int_equal(node_at(m, 0, "ab-eth0")->login.code, 0);
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	end(m);
}

/* sysfs has the last word. */
static void success_without_a_session_is_a_failure(void **st)
{
	static const uint8_t outcomes[] = { AB_OUTCOME_DONE, AB_OUTCOME_EXISTS };
	unsigned int i;

	(void)st;
	for (i = 0; i < AB_COUNT(outcomes); i++) {
		struct model *m = at_first_login("");

		model_fail(m, login_job(m), (enum ab_outcome)outcomes[i], false);
		assert_int_equal(node_at(m, 0, "ab-eth0")->login.code,
				 AB_LOGIN_E_ABSENT);
		assert_verdict(m, 0, "ab-eth0", AB_LOGIN_WAITING);
		assert_int_equal(m->notes[AB_NOTE_LOGIN_FAILED], 1);
		model_wait(m, 2000);
		model_calm(m);
		assert_true(has_session(m, 0, "ab-eth0"));
		end(m);
	}
}

static void a_session_that_somebody_was_faster_to_make_is_taken_as_it_is(void **st)
{
	struct model *m = at_first_login("");
	struct ab_node_key key = key_of(m, 0, T0, "ab-eth0");

	(void)st;
	(void)model_log_in(m, &key, 0, false);
	model_calm(m);
	assert_int_equal(m->notes[AB_NOTE_LOGIN_FAILED], 0);
	assert_int_equal(m->n_logins, 1);
	assert_int_equal(model_count_sessions(m), 1);
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	end(m);
}

/* One that the target refuses for good, with the other portal out of the way. */
static struct model *denied_world(void)
{
	struct model *m = at_first_login("");

	m->refuses[0] = true;
	m->portals[1].answers = false;
	model_calm(m);
	assert_verdict(m, 0, "ab-eth0", AB_LOGIN_DENIED);
	assert_int_equal(m->n_logins, 1);
	assert_int_equal(m->notes[AB_NOTE_LOGIN_FAILED], 1);
	model_wait(m, DAY);
	model_calm(m);
	assert_int_equal(m->n_logins, 1);
	m->refuses[0] = false;
	return m;
}

static void a_refusal_lasts_until_policy_record_or_administrator_change(void **st)
{
	enum {
		POLICY,
		RECORD_CHANGE,
		APPLY,
		WAYS
	};
	unsigned int way;

	(void)st;
	for (way = 0; way < WAYS; way++) {
		struct model *m = denied_world();
		int record = model_find_node(m, 0, 0, "ab-eth0");

		if (way == POLICY)
			reload(m, m->set);
		else if (way == RECORD_CHANGE)
			model_edit(m, (unsigned int)record);
		else
			model_command(m, AB_COMMAND_APPLY);
		model_calm(m);
		assert_true(has_session(m, 0, "ab-eth0"));
		assert_int_equal(m->n_logins, 2);
		end(m);
	}
}

static void a_refusal_outlives_a_restart_but_no_other_configuration(void **st)
{
	const struct ab_policy_set *first, *other;
	struct model *m = denied_world();

	(void)st;
	first = m->set;
	m->keeps_tries = true;
	/* It is refused once more, and written down. */
	m->refuses[0] = true;
	model_command(m, AB_COMMAND_APPLY);
	model_calm(m);
	m->refuses[0] = false;
	assert_int_equal(m->n_logins, 2);
	assert_int_equal(m->n_tries, 1);

	model_boot(m);
	model_wait(m, 10 * MINUTE);
	model_calm(m);
	assert_int_equal(m->n_logins, 2);
	assert_true(node_at(m, 0, "ab-eth0")->login.is_denied);
	assert_int_not_equal(node_at(m, 0, "ab-eth0")->login.code, 0);
	assert_int_equal(m->n_tries, 1);

	/* Another configuration, while the daemon was away. */
	other = login_with("Retry = 7s..300s\n");
	m->set = other;
	model_boot(m);
	model_wait(m, 10 * MINUTE);
	model_calm(m);
	assert_true(has_session(m, 0, "ab-eth0"));
	assert_int_equal(m->n_tries, 0);
	model_set_free(first);
	end(m);
}

static void a_refusal_ends_with_the_record_that_was_refused(void **st)
{
	struct model *m = denied_world();

	(void)st;
	m->keeps_tries = true;
	m->refuses[0] = true;
	model_command(m, AB_COMMAND_APPLY);
	model_calm(m);
	m->refuses[0] = false;
	/* With another secret, while the daemon was away. */
	m->records[model_find_node(m, 0, 0, "ab-eth0")].hash++;
	model_boot(m);
	model_wait(m, MINUTE);
	model_calm(m);
	assert_true(has_session(m, 0, "ab-eth0"));
	assert_int_equal(m->n_tries, 0);
	end(m);
}

static void a_login_that_failed_is_not_tried_sooner_after_a_restart(void **st)
{
	struct model *m = at_first_login("Retry = 100s..300s\n");
	ab_mono next;

	(void)st;
	m->keeps_tries = true;
	model_fail(m, login_job(m), AB_OUTCOME_RETRY, false);
	next = node_at(m, 0, "ab-eth0")->login.backoff.next;
	model_wait(m, 10000);
	model_boot(m);
	model_calm(m);
	assert_int_equal(node_at(m, 0, "ab-eth0")->login.backoff.attempts, 1);
	model_wait(m, ab_mono_ms_between(m->now, next) - 2);
	assert_int_equal(m->n_logins, 1);
	model_wait(m, 10);
	assert_int_equal(m->n_logins, 2);
	model_calm(m);
	assert_true(has_session(m, 0, "ab-eth0"));
	assert_int_equal(m->n_tries, 0);
	end(m);
}

static void what_is_refused_yields_to_what_is_not(void **st)
{
	struct model *m = at_first_login("");

	(void)st;
	m->refuses[0] = true;
	model_calm(m);
	assert_true(has_session(m, 1, "ab-eth0"));
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	end(m);
}

static void an_unknown_outcome_means_looking_before_logging_in_again(void **st)
{
	struct model *m = at_first_login("");

	(void)st;
	clear_trace(m);
	model_fail(m, login_job(m), AB_OUTCOME_UNKNOWN, false);
	model_wait(m, 2000);
	model_calm(m);
	assert_true(has_session(m, 0, "ab-eth0"));
	assert_non_null(strchr(m->trace, 'S'));
	assert_true(strchr(m->trace, 'S') < strchr(m->trace, 'O'));
	end(m);
	/* It had gone well. */
	m = at_first_login("");
	model_fail(m, login_job(m), AB_OUTCOME_UNKNOWN, true);
	model_calm(m);
	assert_int_equal(m->n_logins, 1);
	assert_int_equal(node_at(m, 0, "ab-eth0")->login.code, 0);
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	end(m);
}

/* --- multipathd --- */

static void a_second_session_needs_multipathd(void **st)
{
	static const struct {
		const char *what, *more;
		enum ab_multipath state;
		uint16_t n_disks, n_mapped, n_known; /* of the first session */
		unsigned int n, n_notes;
		enum ab_gate gate;
	} rows[] = {
		{ "absent", TWO, AB_MULTIPATH_ABSENT, 1, 0, 0, 1, 1,
		  AB_GATE_NO_MULTIPATHD },
		{ "not asked yet", TWO, AB_MULTIPATH_UNKNOWN, 1, 0, 0, 1, 0,
		  AB_GATE_LOOKING },
		{ "strict", TWO, AB_MULTIPATH_STRICT, 2, 1, 2, 1, 1, AB_GATE_STRICT },
		{ "strict, all mapped", TWO, AB_MULTIPATH_STRICT, 2, 2, 2, 2, 0,
		  AB_GATE_OPEN },
		{ "ready", TWO, AB_MULTIPATH_READY, 2, 0, 2, 2, 0, AB_GATE_OPEN },
		{ "blacklisted", TWO, AB_MULTIPATH_READY, 2, 0, 1, 1, 1,
		  AB_GATE_NOT_TAKEN },
		{ "no disk at all", TWO, AB_MULTIPATH_READY, 0, 0, 0, 2, 0,
		  AB_GATE_OPEN },
		{ "off, absent", TWO "Multipath = off\n", AB_MULTIPATH_ABSENT, 1, 0, 0,
		  2, 0, AB_GATE_NO_MULTIPATHD },
	};
	unsigned int i, k;

	(void)st;
	for (i = 0; i < AB_COUNT(rows); i++) {
		struct model *m = world_of(login_with(rows[i].more));

		m->takes_disks = false;
		m->n_disks = 0;
		model_multipath(m, rows[i].state);
		model_plug(m, 0);
		while (model_count_sessions(m) == 0 && model_calm_step(m, true))
			;
		model_disks(m, session_at(m, 0, "ab-eth0"), rows[i].n_disks,
			    rows[i].n_mapped, rows[i].n_known);
		model_calm(m);
		/* Whatever happens, it is told once. */
		for (k = 0; k < 3; k++) {
			model_wait(m, 10 * MINUTE);
			reload(m, m->set);
			model_calm(m);
		}
		ab_assert_row(rows[i].what, model_count_sessions(m) == rows[i].n);
		ab_assert_row(rows[i].what, m->notes[AB_NOTE_GATED] == rows[i].n_notes);
		ab_assert_row(rows[i].what,
			      rows[i].n == 2 ||
				      ab_target_at(model_engine(m),
						   node_at(m, 1, "ab-eth0")->target)
						      ->gate == rows[i].gate);
		if (rows[i].n == 1)
			assert_verdict(m, 1, "ab-eth0", AB_LOGIN_GATED);
		end(m);
	}
}

static void disks_get_time_to_appear_and_to_be_taken(void **st)
{
	struct model *m = world_of(login_with(TWO));
	unsigned int first;

	(void)st;
	m->takes_disks = false;
	m->n_disks = 0;
	model_plug(m, 0);
	while (model_count_sessions(m) == 0 && model_calm_step(m, true))
		;
	model_calm(m);
	first = session_at(m, 0, "ab-eth0");
	assert_verdict(m, 1, "ab-eth0", AB_LOGIN_GATED);
	assert_int_equal(m->notes[AB_NOTE_GATED], 0);
	model_wait(m, 2000);
	model_disks(m, first, 2, 0, 0);
	model_wait(m, 2000);
	model_disks(m, first, 2, 0, 1);
	assert_int_equal(m->n_logins, 1);
	model_disks(m, first, 2, 0, 2);
	assert_int_equal(m->n_logins, 2);
	model_calm(m);
	assert_int_equal(model_count_sessions(m), 2);
	assert_int_equal(m->notes[AB_NOTE_GATED], 0);
	end(m);
}

static void disks_that_are_not_taken_in_time_gate_and_may_be_taken_later(void **st)
{
	struct model *m = world_of(login_with(TWO));

	(void)st;
	m->takes_disks = false;
	model_plug(m, 0);
	model_calm(m);
	assert_int_equal(m->notes[AB_NOTE_GATED], 0);
	assert_in_range(ms_to_next(m), 1, 5000);
	model_wait(m, 5000);
	assert_int_equal(m->notes[AB_NOTE_GATED], 1);
	assert_int_equal(m->n_logins, 1);
	model_disks(m, session_at(m, 0, "ab-eth0"), 1, 1, 1);
	model_calm(m);
	assert_int_equal(model_count_sessions(m), 2);
	/* Both show the same disks. */
	model_disks(m, session_at(m, 1, "ab-eth0"), 1, 1, 1);
	model_calm(m);
	end(m);
}

static void a_session_that_is_lost_for_long_does_not_close_the_gate(void **st)
{
	struct model *m = logged_in_world("");

	(void)st;
	model_carrier(m, 0, false);
	model_calm(m);
	model_session_state(m, session_at(m, 0, "ab-eth0"), AB_SESSION_FREE);
	model_plug(m, 1);
	calm_but_logins(m);
	model_wait(m, 300);
	calm_but_logins(m);
	assert_int_equal(m->n_logins, 2);
	model_calm(m);
	assert_int_equal(model_count_sessions(m), 2);
	end(m);
}

static void multipathd_that_comes_later_opens_the_gate(void **st)
{
	struct model *m = world_of(login_with(TWO));

	(void)st;
	m->multipath = AB_MULTIPATH_ABSENT;
	model_boot(m);
	model_plug(m, 0);
	model_calm(m);
	assert_int_equal(model_count_sessions(m), 1);
	assert_state(m, 0, AB_PORT_STATE_PARTIAL);
	model_multipath(m, AB_MULTIPATH_READY);
	model_calm(m);
	assert_int_equal(model_count_sessions(m), 2);
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	/* That it goes again ends no session. */
	model_multipath(m, AB_MULTIPATH_ABSENT);
	model_calm(m);
	assert_int_equal(model_count_sessions(m), 2);
	end(m);
}

/* --- the administrator's hand --- */

static void a_session_ended_by_hand_is_held_until_apply(void **st)
{
	struct model *m = logged_in_world("");

	(void)st;
	model_log_out(m, session_at(m, 0, "ab-eth0"));
	model_calm(m);
	model_wait(m, DAY);
	model_calm(m);
	/* Nor does another path take its place. */
	assert_int_equal(m->n_logins, 1);
	assert_int_equal(m->notes[AB_NOTE_SESSION_HELD], 1);
	assert_int_equal(m->notes[AB_NOTE_SESSION_GONE], 0);
	assert_int_equal(count_held_lines(m), 1);
	assert_verdict(m, 0, "ab-eth0", AB_LOGIN_HELD);
	assert_state(m, 0, AB_PORT_STATE_HELD);
	model_command(m, AB_COMMAND_APPLY);
	model_calm(m);
	assert_true(has_session(m, 0, "ab-eth0"));
	assert_int_equal(count_held_lines(m), 0);
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	end(m);
}

static void logging_in_by_hand_ends_the_hold(void **st)
{
	struct model *m = logged_in_world("");
	struct ab_node_key key = key_of(m, 0, T0, "ab-eth0");

	(void)st;
	model_log_out(m, session_at(m, 0, "ab-eth0"));
	model_calm(m);
	(void)model_log_in(m, &key, 0, false);
	model_calm(m);
	assert_int_equal(count_held_lines(m), 0);
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	assert_int_equal(m->n_logins, 1);
	end(m);
}

static void a_hold_outlives_restart_policy_and_unplugging(void **st)
{
	struct model *m = logged_in_world("");

	(void)st;
	model_log_out(m, session_at(m, 0, "ab-eth0"));
	model_boot(m);
	model_calm(m);
	assert_verdict(m, 0, "ab-eth0", AB_LOGIN_HELD);
	reload(m, login_after(m->set, "Retry = 5s..10s\n"));
	model_calm(m);
	model_unplug(m, 0);
	model_calm(m);
	model_plug(m, 0);
	model_calm(m);
	assert_verdict(m, 0, "ab-eth0", AB_LOGIN_HELD);
	assert_int_equal(m->n_logins, 1);
	assert_int_equal(count_held_lines(m), 1);
	end(m);
}

static void a_held_session_that_is_there_at_start_was_logged_in_again(void **st)
{
	struct model *m = logged_in_world("");
	struct ab_node_key key = key_of(m, 0, T0, "ab-eth0");
	struct ab_ledger_entry line = { .kind = AB_LEDGER_SESSION,
					.owner = AB_OWNER_HELD };
	unsigned int i;

	(void)st;
	line.node = key;
	for (i = 0; m->in_ledger[i]; i++)
		;
	m->ledger[i] = line;
	m->in_ledger[i] = true;
	model_boot(m);
	model_calm(m);
	assert_int_equal(count_held_lines(m), 0);
	assert_verdict(m, 0, "ab-eth0", AB_LOGIN_LOGGED_IN);
	end(m);
}

static void what_ends_otherwise_is_not_held_and_made_again(void **st)
{
	enum {
		FAILED,
		PATH_DOWN,
		QUIESCED,
		WAYS
	};
	static const char *const what[] = { "it had failed", "its path was down",
					    "open-iscsi stops" };
	unsigned int way;

	(void)st;
	for (way = 0; way < WAYS; way++) {
		struct model *m = logged_in_world("");
		unsigned int session = session_at(m, 0, "ab-eth0");

		if (way == FAILED)
			model_session_state(m, session, AB_SESSION_FAILED);
		else if (way == QUIESCED)
			model_command(m, AB_COMMAND_QUIESCE);
		m->portals[0].answers = way != PATH_DOWN;
		if (way == PATH_DOWN)
			lose_path(m, 0, 0);
		m->portals[1].answers = false;
		lose_path(m, 0, 1);
		model_log_out(m, session);
		ab_assert_row(what[way], m->notes[AB_NOTE_SESSION_HELD] == 0);
		ab_assert_row(what[way], m->notes[AB_NOTE_SESSION_GONE] == 1);
		m->portals[0].answers = true;
		model_command(m, AB_COMMAND_RESUME);
		model_wait(m, 2000);
		model_calm(m);
		ab_assert_row(what[way], has_session(m, 0, "ab-eth0"));
		ab_assert_row(what[way], count_held_lines(m) == 0);
		end(m);
	}
}

/* sysfs may show the session once more while it is being taken down. */
static void a_session_seen_on_its_way_out_is_held_as_well(void **st)
{
	struct model *m = logged_in_world("");
	unsigned int session = session_at(m, 0, "ab-eth0");

	(void)st;
	model_session_state(m, session, AB_SESSION_FREE);
	model_log_out(m, session);
	model_calm(m);
	assert_int_equal(m->notes[AB_NOTE_SESSION_HELD], 1);
	assert_verdict(m, 0, "ab-eth0", AB_LOGIN_HELD);
	end(m);
}

/* iscsiadm -m session -r N --logout, where nr_sessions or "-o new" made two. */
static void the_last_session_of_a_binding_is_the_one_that_counts(void **st)
{
	struct model *m = logged_in_world("");
	struct ab_node_key key = key_of(m, 0, T0, "ab-eth0");
	int second = model_log_in(m, &key, 0, false);

	(void)st;
	model_log_out(m, (unsigned int)second);
	model_calm(m);
	assert_int_equal(m->notes[AB_NOTE_SESSION_HELD], 0);
	assert_int_equal(count_held_lines(m), 0);
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	model_log_out(m, session_at(m, 0, "ab-eth0"));
	assert_int_equal(m->notes[AB_NOTE_SESSION_HELD], 1);
	model_calm(m);
	end(m);
}

static void a_session_that_no_policy_wants_is_not_held(void **st)
{
	struct model *m = bound_world_of(san());
	struct ab_node_key key = key_of(m, 0, T0, "ab-eth0");
	int hand = model_log_in(m, &key, 0, false);

	(void)st;
	model_log_out(m, (unsigned int)hand);
	model_calm(m);
	assert_int_equal(m->notes[AB_NOTE_SESSION_HELD], 0);
	assert_int_equal(m->notes[AB_NOTE_SESSION_GONE], 1);
	end(m);
}

/* --- release --- */

static enum ab_overall overall(struct model *m)
{
	return ab_view_overall(&(struct ab_view){
		.e = model_engine(m), .set = m->set, .now = m->now });
}

static void more_sessions_than_wanted_are_released_and_not_held(void **st)
{
	struct model *m = logged_in_world(TWO);

	(void)st;
	reload(m, login_after(m->set, ""));
	model_calm(m);
	assert_true(has_session(m, 0, "ab-eth0") && !has_session(m, 1, "ab-eth0"));
	assert_int_equal(m->notes[AB_NOTE_LOGGED_OUT], 1);
	assert_int_equal(m->notes[AB_NOTE_SESSION_HELD], 0);
	assert_int_equal(m->n_logins, 2);
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	end(m);
	m = logged_in_world(TWO "Unbind = never\n");
	reload(m, login_after(m->set, "Unbind = never\n"));
	model_calm(m);
	assert_int_equal(model_count_sessions(m), 2);
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	end(m);
}

/* iscsid would look for eth0 when the connection is lost. */
static void a_session_bound_to_a_former_name_is_made_anew(void **st)
{
	struct model *m = logged_in_world(TWO);
	uint32_t n_logins = m->n_logins;

	(void)st;
	model_rename(m, 0, 7);
	model_calm(m);
	model_wait(m, MINUTE);
	model_calm(m);
	assert_int_equal(m->notes[AB_NOTE_LOGGED_OUT], 2);
	assert_int_equal(m->n_logins, n_logins + 2);
	assert_true(has_session(m, 0, "ab-eth0") && has_session(m, 1, "ab-eth0"));
	assert_int_equal(m->notes[AB_NOTE_SESSION_HELD], 0);
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	end(m);
	m = logged_in_world("Unbind = never\n");
	model_rename(m, 0, 7);
	model_calm(m);
	model_wait(m, MINUTE);
	assert_int_equal(m->notes[AB_NOTE_LOGGED_OUT], 0);
	end(m);
}

static void fewer_sessions_than_fewest_are_bad(void **st)
{
	struct model *m =
		logged_in_world("SessionsPerTarget = 2..4\nSessionsPerPort = 2\n");

	(void)st;
	assert_int_equal(overall(m), AB_OVERALL_OK);
	model_log_out(m, session_at(m, 1, "ab-eth0"));
	model_calm(m);
	assert_int_equal(overall(m), AB_OVERALL_BAD);
	end(m);
}

static void what_takes_its_place_stands_before_a_session_is_released(void **st)
{
	struct model *m = logged_in_world("");

	(void)st;
	clear_trace(m);
	reload(m, denying(m->set, "login"));
	model_calm(m);
	assert_true(has_session(m, 1, "ab-eth0") && !has_session(m, 0, "ab-eth0"));
	assert_true(strchr(m->trace, 'O') < strchr(m->trace, 'o'));
	/* And its record goes last. */
	assert_true(strchr(m->trace, 'o') < strchr(m->trace, 'n'));
	assert_false(has_node(m, 0, "ab-eth0"));
	end(m);
}

static void sessions_of_a_gone_port_are_released_after_settle(void **st)
{
	struct model *m = logged_in_world("");

	(void)st;
	model_unplug(m, 0);
	model_calm(m);
	model_wait(m, SETTLE - MINUTE);
	assert_null(strchr(m->trace, 'o'));
	model_plug(m, 0);
	model_calm(m);
	model_wait(m, 2 * SETTLE);
	assert_null(strchr(m->trace, 'o'));
	model_unplug(m, 0);
	model_calm(m);
	model_wait(m, SETTLE + 1000);
	model_calm(m);
	assert_int_equal(model_count_sessions(m), 0);
	assert_true(has_node(m, 0, "ab-eth0")); /* Retire is never */
	model_plug(m, 0);
	model_calm(m);
	assert_true(has_session(m, 0, "ab-eth0"));
	end(m);
}

static void one_session_is_released_at_a_time_whatever_its_target(void **st)
{
	struct model *m = world_of(login_with(""));
	unsigned int n;

	(void)st;
	m->portals[0].targets = 3;
	model_plug(m, 0);
	model_calm(m);
	assert_int_equal(model_count_sessions(m), 2);
	model_unplug(m, 0);
	model_calm(m);
	model_wait(m, SETTLE + 1000);
	for (n = 2; n > 0; n--) {
		assert_int_equal(m->n_jobs, 1);
		assert_int_equal(m->jobs[0].type, AB_EF_LOGOUT);
		model_do(m, 0);
		assert_int_equal(model_count_sessions(m), n - 1);
	}
	end(m);
}

static void a_release_that_may_not_be_now_is_made_up_for(void **st)
{
	struct model *m;

	(void)st;
	m = logged_in_world("");
	model_unplug(m, 0);
	model_command(m, AB_COMMAND_PAUSE);
	model_wait(m, 2 * SETTLE);
	assert_null(strchr(m->trace, 'o'));
	model_command(m, AB_COMMAND_RESUME);
	model_calm(m);
	assert_int_equal(model_count_sessions(m), 0);
	end(m);
	m = logged_in_world("");
	model_unplug(m, 0);
	feed_stale(m, AB_SOURCE_SESSIONS);
	model_wait(m, 2 * SETTLE);
	assert_null(strchr(m->trace, 'o'));
	feed_dump(m, AB_EV_DUMP_BEGIN);
	model_session(m, session_at(m, 0, "ab-eth0"));
	feed_dump(m, AB_EV_DUMP_END);
	model_calm(m);
	assert_int_equal(model_count_sessions(m), 0);
	end(m);
}

static void our_own_logout_of_unknown_outcome_is_not_the_administrators_hand(void **st)
{
	struct model *m = logged_in_world("");
	unsigned int i;

	(void)st;
	reload(m, denying(m->set, "login"));
	calm_but_logins(m);
	model_do(m, login_job(m));
	for (i = 0; m->n_jobs && m->jobs[i].type != AB_EF_LOGOUT; i++)
		assert_true(i + 1 < m->n_jobs);
	assert_int_equal(count_jobs(m, AB_EF_LOGOUT), 1);
	/* Its end is wanted no more before anybody knows that it has come. */
	reload(m, login_after(m->set, TWO));
	clear_trace(m);
	model_fail(m, i, AB_OUTCOME_UNKNOWN, true);
	assert_int_equal(m->trace[0], 'S');
	assert_int_equal(m->notes[AB_NOTE_SESSION_HELD], 0);
	assert_int_equal(m->notes[AB_NOTE_LOGGED_OUT], 1);
	model_calm(m);
	assert_int_equal(model_count_sessions(m), 2);
	end(m);
}

static void a_lost_carrier_or_a_dead_portal_releases_nothing(void **st)
{
	struct model *m = logged_in_world("");

	(void)st;
	m->portals[0].answers = false;
	model_calm(m);
	model_wait(m, DAY);
	model_carrier(m, 0, false);
	model_calm(m);
	model_wait(m, DAY);
	assert_null(strchr(m->trace, 'o'));
	assert_int_equal(model_count_sessions(m), 1);
	end(m);
}

/* --- answers to a logout --- */

static uint8_t guard_at(struct model *m, unsigned int portal, const char *iface)
{
	struct ab_engine *e = model_engine(m);
	uint32_t sid = m->sessions[session_at(m, portal, iface)].sid;

	return ab_session_at(e, ab_world_find_session(e, sid))->guard;
}

/* One that the engine might have asked for. */
static uint64_t start_logout(struct model *m, unsigned int session)
{
	struct ab_engine *e = model_engine(m);
	uint32_t slot = ab_world_find_session(e, m->sessions[session].sid);
	struct ab_session_item *item = ab_session_at(e, slot);
	const struct ab_job *job =
		ab_plan_start_job(e, AB_JOB_LOGOUT, slot, &item->item);

	assert_non_null(job);
	item->job = job->id;
	return job->id;
}

static void feed_done(struct model *m, uint64_t job, enum ab_outcome outcome,
		      int32_t code)
{
	struct ab_event ev = { .type = AB_EV_DONE };

	ev.done.job = job;
	ev.done.outcome = (uint8_t)outcome;
	ev.done.code = code;
	model_feed(m, &ev);
}

/* The engine asks for a logout; it is refused. */
static void refuse_logout(struct model *m)
{
	unsigned int i;

	while (count_jobs(m, AB_EF_LOGOUT) == 0)
		assert_true(model_tick(m));
	for (i = 0; m->jobs[i].type != AB_EF_LOGOUT; i++)
		;
	model_fail(m, i, AB_OUTCOME_DENIED, false);
	assert_int_equal(count_jobs(m, AB_EF_LOGOUT), 0);
}

static void a_refused_logout_is_told_once_with_its_reason(void **st)
{
	struct model *m = logged_in_world(TWO);
	unsigned int session = session_at(m, 1, "ab-eth0");

	(void)st;
	reload(m, login_after(m->set, ""));
	refuse_logout(m);
	assert_int_equal(m->notes[AB_NOTE_LOGOUT_REFUSED], 1);
	feed_done(m, start_logout(m, session), AB_OUTCOME_DENIED, REFUSED);
	assert_int_equal(m->notes[AB_NOTE_LOGOUT_REFUSED], 1);
	feed_done(m, start_logout(m, session), AB_OUTCOME_DENIED, AB_GUARD_ROOT);
	assert_int_equal(m->notes[AB_NOTE_LOGOUT_REFUSED], 2);
	clear_trace(m);
	feed_done(m, start_logout(m, session), AB_OUTCOME_UNKNOWN, 18);
	assert_string_equal(m->trace, "S");
	assert_int_equal(model_engine(m)->n_logins, 0);
	end(m);
}

static void a_refused_release_is_tried_again_at_once_when_somebody_says_so(void **st)
{
	struct model *m = logged_in_world(TWO);
	ab_mono then;
	unsigned int i;

	(void)st;
	reload(m, login_after(m->set, ""));
	for (i = 0; i < 5; i++) /* the waits grow */
		refuse_logout(m);
	then = m->now;
	model_command(m, AB_COMMAND_APPLY);
	refuse_logout(m);
	reload(m, login_after(m->set, "MinPaths = 2\n"));
	refuse_logout(m);
	assert_true(ab_mono_ms_between(then, m->now) < 1000);
	assert_int_equal(m->notes[AB_NOTE_LOGOUT_REFUSED], 1);
	assert_int_equal(model_count_sessions(m), 2);
	model_wait(m, MINUTE);
	model_calm(m);
	assert_int_equal(model_count_sessions(m), 1);
	end(m);
}

static void why_a_session_was_kept_is_forgotten_when_it_is_to_stay(void **st)
{
	static const char *const policies[] = { TWO, "Unbind = never\n" };
	struct model *m;
	unsigned int i;

	(void)st;
	for (i = 0; i < 2; i++) {
		m = logged_in_world(TWO);
		reload(m, login_after(m->set, ""));
		refuse_logout(m);
		assert_int_equal(guard_at(m, 1, "ab-eth0"), REFUSED);
		reload(m, login_after(m->set, policies[i]));
		model_calm(m);
		assert_int_equal(guard_at(m, 1, "ab-eth0"), AB_GUARD_FREE);
		assert_int_equal(model_count_sessions(m), 2);
		end(m);
	}
}

/* The answer comes when the session is gone already: it is about nothing, but its place
 * is free again. */
static void the_end_of_a_logout_makes_room_for_a_login(void **st)
{
	struct model *m = world_of(login_with("Concurrency = 1\n"));
	struct ab_node_key other = key_of(m, 1, "iqn.2020-01.org:other", "default");
	unsigned int hand = (unsigned int)model_log_in(m, &other, -1, false);
	uint64_t job = start_logout(m, hand);

	(void)st;
	model_plug(m, 0);
	model_calm(m);
	assert_verdict(m, 0, "ab-eth0", AB_LOGIN_QUEUED);
	model_log_out(m, hand);
	model_calm(m);
	assert_verdict(m, 0, "ab-eth0", AB_LOGIN_QUEUED);
	feed_done(m, job, AB_OUTCOME_DONE, 0);
	model_calm(m);
	assert_true(has_session(m, 0, "ab-eth0"));
	end(m);
}

/* --- drain --- */

static const struct ab_policy_set *draining(const struct ab_policy_set *previous,
					    const char *exclude, const char *bind)
{
	char text[512];

	(void)snprintf(text, sizeof(text), SAN PROBE LOGIN "%s", bind);
	return model_set(previous, exclude, text, NULL);
}

static unsigned int count_left(struct model *m, const char *word)
{
	struct ab_view v = { .e = model_engine(m), .set = m->set, .now = m->now };
	struct ab_scope scope;

	assert_int_equal(ab_name_parse_scope(word, &scope), 0);
	return ab_view_left(&v, &scope);
}

static void a_drained_port_loses_its_sessions_and_keeps_its_records(void **st)
{
	static const char *const binds[] = { "", "Unbind = never\n",
					     "Unbind = idle\n" };
	unsigned int i;

	(void)st;
	for (i = 0; i < 3; i++) {
		struct model *m = logged_in_world(binds[i]);

		model_plug(m, 1);
		model_calm(m);
		assert_int_equal(model_count_sessions(m), 2);
		assert_int_equal(count_left(m, "eth0"), 1);
		reload(m, draining(m->set, "[Exclude]\nPort = eth0\n", binds[i]));
		model_calm(m);
		assert_state(m, 0, AB_PORT_STATE_EXCLUDED);
		assert_int_equal(model_count_sessions(m), 2);
		reload(m, draining(m->set, "[Exclude]\nPort = eth0\nDrain = yes\n",
				   binds[i]));
		model_calm(m);
		assert_int_equal(count_left(m, "eth0"), 0);
		assert_int_equal(model_find_session(m, 0, 0, "ab-eth0"), -1);
		assert_int_equal(model_find_session(m, 1, 0, "ab-eth0"), -1);
		assert_int_equal(count_left(m, "eth1"), 1);
		assert_true(has_node(m, 0, "ab-eth0") && has_node(m, 1, "ab-eth0"));
		assert_int_equal(m->notes[AB_NOTE_SESSION_HELD], 0);
		assert_state(m, 1, AB_PORT_STATE_BOUND);
		reload(m, draining(m->set, NULL, binds[i]));
		model_calm(m);
		assert_int_equal(model_count_sessions(m), 2);
		assert_state(m, 0, AB_PORT_STATE_BOUND);
		end(m);
	}
}

static void a_drained_portal_is_left_through_every_port(void **st)
{
	struct model *m = logged_in_world(TWO);

	(void)st;
	model_plug(m, 1);
	model_calm(m);
	assert_int_equal(model_count_sessions(m), 4);
	assert_int_equal(count_left(m, "10.0.0.100"), 2);
	reload(m, draining(m->set, "[Exclude]\nPortal = 10.0.0.100:3260\nDrain = yes\n",
			   TWO "Unbind = never\n"));
	model_calm(m);
	assert_int_equal(count_left(m, "10.0.0.100:3260"), 0);
	assert_int_equal(count_left(m, "10.0.0.101"), 2);
	assert_true(has_node(m, 0, "ab-eth0") && has_node(m, 0, "ab-eth1"));
	end(m);
}

/* MinPaths is that of the policy that would have the port, also after a restart. */
static void a_drain_keeps_min_paths_and_counts_as_redundant(void **st)
{
	struct model *m = logged_in_world("");
	const struct ab_effect *ef;

	(void)st;
	model_plug(m, 1);
	model_calm(m);
	reload(m, draining(m->set, "[Exclude]\nPort = eth0\n",
			   "MinPaths = 3\nUnbind = idle\n"));
	model_calm(m);
	model_boot(m);
	model_calm(m);
	assert_int_equal(model_count_sessions(m), 2);
	reload(m, draining(m->set, "[Exclude]\nPort = eth0\nDrain = yes\n",
			   "MinPaths = 3\nUnbind = idle\n"));
	assert_int_equal(m->n_jobs, 1);
	ef = &m->jobs[0];
	assert_int_equal(ef->type, AB_EF_LOGOUT);
	assert_int_equal(ef->logout.min_paths, 3);
	assert_false(ef->logout.must_be_idle);
	model_calm(m);
	end(m);
}

/* A refusal is told, and the session goes when the guard lets it go. */
static void what_the_guard_keeps_stays_and_is_told(void **st)
{
	struct model *m = logged_in_world("Unbind = never\n");
	uint32_t slot;

	(void)st;
	reload(m, draining(m->set, "[Exclude]\nPort = eth0\nDrain = yes\n",
			   "Unbind = never\n"));
	assert_int_equal(m->n_jobs, 1);
	feed_done(m, m->jobs[0].job, AB_OUTCOME_DENIED, AB_GUARD_LAST_PATH);
	assert_int_equal(count_left(m, "eth0"), 1);
	slot = ab_world_find_session(model_engine(m),
				     m->sessions[session_at(m, 0, "ab-eth0")].sid);
	assert_int_equal(ab_session_at(model_engine(m), slot)->guard,
			 AB_GUARD_LAST_PATH);
	assert_int_equal(m->notes[AB_NOTE_LOGOUT_REFUSED], 1);
	m->n_jobs = 0;
	model_wait(m, 10 * MINUTE);
	model_calm(m);
	assert_int_equal(count_left(m, "eth0"), 0);
	end(m);
}

static void apply_of_one_port_frees_what_is_held_there(void **st)
{
	struct ab_event ev = { .type = AB_EV_COMMAND,
			       .command.verb = AB_COMMAND_APPLY };
	struct model *m = logged_in_world("");

	(void)st;
	model_plug(m, 1);
	model_calm(m);
	model_log_out(m,
		      session_at(m, has_session(m, 0, "ab-eth0") ? 0 : 1, "ab-eth0"));
	model_calm(m);
	assert_state(m, 0, AB_PORT_STATE_HELD);
	assert_int_equal(ab_name_parse_scope("eth1", &ev.command.scope), 0);
	model_feed(m, &ev);
	model_calm(m);
	assert_state(m, 0, AB_PORT_STATE_HELD);
	assert_int_equal(ab_name_parse_scope("eth0", &ev.command.scope), 0);
	model_forget_held_sessions(m);
	model_feed(m, &ev);
	model_calm(m);
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	end(m);
}

/* --- release of everything --- */

static unsigned int count_owned(struct model *m)
{
	struct ab_view v = { .e = model_engine(m), .set = m->set, .now = m->now };

	return ab_view_owned(&v);
}

static unsigned int count_lines(const struct model *m)
{
	unsigned int i, n = 0;

	for (i = 0; i < MODEL_RECORDS; i++)
		n += m->in_ledger[i];
	return n;
}

static void what_is_released_is_nobodys_and_stays_so(void **st)
{
	struct ab_event ev = { .type = AB_EV_COMMAND,
			       .command.verb = AB_COMMAND_RELEASE };
	struct model *m = logged_in_world(TWO);
	uint32_t writes;
	unsigned int i;

	(void)st;
	model_log_out(m, session_at(m, 1, "ab-eth0"));
	model_calm(m);
	assert_int_equal(count_owned(m), 3);
	assert_int_equal(count_held_lines(m), 1);
	writes = m->n_writes;
	model_forget_held_sessions(m);
	model_feed(m, &ev);
	model_calm(m);
	assert_int_equal(count_owned(m), 0);
	assert_int_equal(count_lines(m), 0);
	assert_int_equal(model_count_sessions(m), 1);
	for (i = 0; i < MODEL_RECORDS; i++)
		m->records[i].is_ours = false;
	/* Used as they are, but neither rewritten nor deleted, nor their sessions
	 * ended. */
	model_command(m, AB_COMMAND_RESUME);
	model_calm(m);
	assert_int_equal(model_count_sessions(m), 2);
	reload(m, denying(m->set, "login"));
	model_calm(m);
	model_boot(m);
	model_calm(m);
	model_wait(m, 2 * SETTLE);
	assert_int_equal(m->n_writes, writes);
	assert_int_equal(model_count_sessions(m), 2);
	assert_true(has_node(m, 0, "ab-eth0") && has_node(m, 1, "ab-eth0"));
	end(m);
}

/* --- waiting --- */

static bool is_over_for(struct model *m, const struct ab_wait *w)
{
	struct ab_view v = { .e = model_engine(m), .set = m->set, .now = m->now };

	return ab_view_wait_is_over(&v, w);
}

static void keep_text(void *arg, const struct ab_row *row)
{
	struct ab_text *t = arg;

	ab_text_add(t, ab_row_get(row, "port"));
	ab_text_addc(t, '|');
	ab_text_add(t, ab_row_get(row, "text"));
	ab_text_addc(t, '\n');
}

static void assert_waits_for(struct model *m, const struct ab_wait *w,
			     const char *expected)
{
	char text[4096];
	struct ab_text t;
	struct ab_view v = { .e = model_engine(m),
			     .set = m->set,
			     .now = m->now,
			     .fn = keep_text,
			     .arg = &t };

	assert_false(is_over_for(m, w));
	ab_text_init(&t, text, sizeof(text));
	ab_view_wait_missing(&v, w);
	if (!strstr(text, expected))
		fail_msg("no '%s' in: %s", expected, text);
}

static void a_wait_is_over_when_the_sessions_or_the_ports_are_there(void **st)
{
	static const struct ab_wait all = { .port = "" };
	static const struct ab_wait eth0 = { .port = "eth0" },
				    eth1 = { .port = "eth1" };
	static const struct ab_wait one = { .paths = 1 }, two = { .paths = 2 };
	static const struct ab_wait t0 = { .target = T0 }, glob = { .target = "*:t?" };
	static const struct ab_wait other = { .target = "iqn.2026-01.test:other" };
	static const struct ab_wait p0 = { .policy = "p0" }, p1 = { .policy = "p1" };
	static const struct ab_wait two_of_eth0 = { .port = "eth0", .paths = 2 };
	struct model *m = world_of(login_with(""));

	(void)st;
	assert_waits_for(m, &all, "no port is taken");
	assert_waits_for(m, &one, "no wanted target is known");
	assert_waits_for(m, &eth0, "no such network device");
	model_plug(m, 0);
	assert_false(is_over_for(m, &all));
	model_calm(m);
	assert_true(is_over_for(m, &all) && is_over_for(m, &eth0));
	assert_true(is_over_for(m, &one) && is_over_for(m, &t0));
	assert_true(is_over_for(m, &glob));
	assert_waits_for(m, &two, T0 ": 1 of 2 sessions");
	assert_waits_for(m, &two, "SessionsPerPort is reached");
	assert_waits_for(m, &other, "no wanted binding, and no session");
	assert_waits_for(m, &p1, "no port is taken by policy p1");
	model_plug(m, 1);
	model_calm(m);
	assert_true(is_over_for(m, &two) && is_over_for(m, &eth1));
	assert_waits_for(m, &two_of_eth0, T0 ": 1 of 2 sessions");
	assert_int_equal(is_over_for(m, &p0), ab_policy_find(m->set, p0.policy) >= 0);
	model_carrier(m, 1, false);
	model_calm(m);
	assert_waits_for(m, &all, "eth1|");
	assert_true(is_over_for(m, &eth0));
	reload(m, draining(m->set, "[Exclude]\nPort = eth0\n", ""));
	model_calm(m);
	assert_waits_for(m, &eth0, "eth0|excluded by ");
	end(m);
}

/* --- restart, dumps --- */

static void a_restart_adopts_what_stands_and_makes_what_is_missing(void **st)
{
	struct model *m = logged_in_world(TWO);
	uint32_t writes = m->n_writes;

	(void)st;
	assert_int_equal(m->n_logins, 2);
	model_boot(m);
	model_calm(m);
	assert_int_equal(m->n_logins, 2);
	/* One went while nobody looked: nobody's word. */
	m->sessions[session_at(m, 1, "ab-eth0")] = (struct model_session){ 0 };
	model_boot(m);
	model_calm(m);
	assert_int_equal(m->n_logins, 3);
	assert_true(has_session(m, 1, "ab-eth0"));
	assert_int_equal(m->n_writes, writes);
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	end(m);
}

static void a_restart_with_a_login_under_way_finds_its_session(void **st)
{
	struct model *m = at_first_login("");
	struct ab_node_key key = key_of(m, 0, T0, "ab-eth0");

	(void)st;
	m->n_jobs = 0;
	model_boot(m);
	(void)model_log_in(m, &key, 0, false);
	model_calm(m);
	assert_int_equal(model_count_sessions(m), 1);
	assert_int_equal(m->n_logins, 1);
	end(m);
}

static void while_sessions_are_stale_nothing_is_logged_in_or_deleted(void **st)
{
	struct model *m = bound_world_of(san());

	(void)st;
	feed_stale(m, AB_SOURCE_SESSIONS);
	reload(m, login_after(m->set, ""));
	model_calm(m);
	assert_int_equal(m->n_logins, 0);
	assert_verdict(m, 0, "ab-eth0", AB_LOGIN_STALE);
	reload(m, model_set(m->set, NULL,
			    "[Match]\nAddress = 10.0.0.0/16\n[Portals]\n"
			    "Discover = 10.0.0.100\nTargets = *\n"
			    "Deny = 10.0.0.101\n" PROBE RECORD,
			    NULL));
	model_calm(m);
	assert_true(has_node(m, 1, "ab-eth0"));
	feed_dump(m, AB_EV_DUMP_BEGIN);
	model_calm(m);
	assert_true(has_node(m, 1, "ab-eth0"));
	feed_dump(m, AB_EV_DUMP_END);
	model_calm(m);
	assert_false(has_node(m, 1, "ab-eth0"));
	end(m);
}

static void a_dump_sweeps_sessions_that_did_not_appear(void **st)
{
	struct model *m = logged_in_world("");
	unsigned int session = session_at(m, 0, "ab-eth0");

	(void)st;
	feed_dump(m, AB_EV_DUMP_BEGIN);
	feed_dump(m, AB_EV_DUMP_END);
	/* It ended while nobody listened, and its path is up. */
	assert_int_equal(m->notes[AB_NOTE_SESSION_HELD], 1);
	assert_int_equal(model_engine(m)->sessions.live, 0);
	m->sessions[session].is_live = false;
	model_calm(m);
	assert_int_equal(m->n_logins, 1);
	end(m);
}

static void a_dump_that_began_before_events_were_lost_sweeps_nothing(void **st)
{
	struct model *m = logged_in_world("");

	(void)st;
	feed_dump(m, AB_EV_DUMP_BEGIN);
	feed_stale(m, AB_SOURCE_SESSIONS);
	feed_dump(m, AB_EV_DUMP_END);
	assert_false(model_engine(m)->is_fresh[AB_SOURCE_SESSIONS]);
	assert_int_equal(model_engine(m)->sessions.live, 1);
	assert_int_equal(m->notes[AB_NOTE_SESSION_HELD], 0);
	end(m);
}

/* --- records under sessions --- */

static void an_unwanted_record_under_a_session_stays_until_that_has_ended(void **st)
{
	struct model *m = logged_in_world("Unbind = never\n");
	unsigned int session = session_at(m, 0, "ab-eth0");

	(void)st;
	reload(m, denying(m->set, "login\nUnbind = never"));
	model_calm(m);
	model_wait(m, DAY);
	model_calm(m);
	assert_true(has_node(m, 0, "ab-eth0") && has_session(m, 0, "ab-eth0"));
	assert_true(has_session(m, 1, "ab-eth0"));
	model_log_out(m, session);
	model_calm(m);
	assert_false(has_node(m, 0, "ab-eth0"));
	assert_int_equal(m->notes[AB_NOTE_SESSION_HELD], 0);
	end(m);
}

static void an_unwanted_record_with_a_login_under_way_is_deleted_after_it(void **st)
{
	enum {
		FAILS,
		WORKS,
		UNSURE,
		WAYS
	};
	unsigned int way;

	(void)st;
	for (way = 0; way < WAYS; way++) {
		struct model *m = at_first_login("");

		reload(m, denying(m->set, "record"));
		calm_but_logins(m);
		model_wait(m, 1000);
		calm_but_logins(m);
		assert_true(has_node(m, 0, "ab-eth0"));
		if (way == FAILS)
			model_fail(m, login_job(m), AB_OUTCOME_RETRY, false);
		else if (way == UNSURE)
			model_fail(m, login_job(m), AB_OUTCOME_UNKNOWN, false);
		else
			model_do(m, login_job(m));
		model_calm(m);
		if (way == WORKS) {
			assert_true(has_node(m, 0, "ab-eth0"));
			model_log_out(m, session_at(m, 0, "ab-eth0"));
			model_calm(m);
		}
		assert_false(has_node(m, 0, "ab-eth0"));
		end(m);
	}
}

static void an_orphan_under_a_session_is_retired_after_it(void **st)
{
	struct model *m = logged_in_world("Retire = 10min\nUnbind = never\n");
	int session = model_find_session(m, 0, 0, "ab-eth0");

	(void)st;
	assert_true(session >= 0);
	model_unplug(m, 0);
	model_wait(m, DAY);
	model_calm(m);
	assert_true(has_node(m, 0, "ab-eth0") && !has_node(m, 1, "ab-eth0"));
	assert_true(model_find_iface(m, "ab-eth0") >= 0);
	model_log_out(m, (unsigned int)session);
	model_calm(m);
	assert_false(has_node(m, 0, "ab-eth0"));
	assert_int_equal(model_find_iface(m, "ab-eth0"), -1);
	end(m);
}

/* open-iscsi's old records, and Static= without a group: the target tells it at login.
 */
static void a_record_without_a_group_is_under_its_session(void **st)
{
	struct model *m = static_world(T0 "@10.0.0.100:3260", "Action = login\n");
	int record, session;

	(void)st;
	model_plug(m, 0);
	model_calm(m);
	record = model_find_node(m, 0, 0, "ab-eth0");
	session = model_find_session(m, 0, 0, "ab-eth0");
	assert_true(record >= 0 && session >= 0);
	assert_int_equal(m->records[record].key.tpgt, AB_TPGT_UNKNOWN);
	assert_int_equal(m->sessions[session].key.tpgt, 1);
	assert_int_equal(model_engine(m)->nodes.live, 1);
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	/* Sessions are seen before records at start. */
	model_boot(m);
	model_calm(m);
	assert_int_equal(m->n_logins, 1);
	assert_int_equal(model_engine(m)->nodes.live, 1);
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	reload(m, denying(m->set, "record"));
	model_calm(m);
	assert_true(has_node(m, 0, "ab-eth0"));
	end(m);
}

/* The policy has its number only when ours is the one that goes. */
static void what_may_not_be_released_is_the_last_to_be_too_much(void **st)
{
	struct model *m = world_of(login_with(""));
	struct ab_node_key key = key_of(m, 0, T0, "hand");

	(void)st;
	model_foreign_iface(m, "hand", "eth1");
	model_foreign_node(m, &key);
	model_plug(m, 0);
	model_plug(m, 1);
	model_calm(m);
	assert_true(has_session(m, 0, "hand"));
	assert_int_equal(model_count_sessions(m), 2);
	reload(m, login_after(m->set, "SessionsPerTarget = 1\n"));
	model_calm(m);
	assert_true(has_session(m, 0, "hand"));
	assert_int_equal(model_count_sessions(m), 1);
	end(m);
}

static void a_foreign_record_is_logged_in_with_and_never_deleted(void **st)
{
	struct model *m = world_of(login_with(""));
	struct ab_node_key key = key_of(m, 0, T0, "hand");

	(void)st;
	model_foreign_iface(m, "hand", "eth0");
	model_foreign_node(m, &key);
	model_plug(m, 0);
	model_calm(m);
	assert_true(has_session(m, 0, "hand"));
	reload(m, denying(m->set, "login"));
	model_calm(m);
	assert_true(has_node(m, 0, "hand") && has_session(m, 0, "hand"));
	end(m);
}

/* --- default, policies, ports --- */

static void ports_that_share_default_share_its_sessions(void **st)
{
	struct model *m = world_of(login_with("[Iface]\nUse = default\n"));

	(void)st;
	model_plug(m, 0);
	model_plug(m, 1);
	model_calm(m);
	assert_int_equal(m->n_logins, model_count_sessions(m));
	assert_true(has_session(m, 0, "default"));
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	assert_state(m, 1, AB_PORT_STATE_BOUND);
	end(m);
}

static void what_one_port_reaches_is_enough_for_default(void **st)
{
	unsigned int lost;

	(void)st;
	for (lost = 0; lost < 2; lost++) {
		struct model *m = world_of(login_with("[Iface]\nUse = default\n"));

		m->portals[1].answers = false;
		model_plug(m, 0);
		model_plug(m, 1);
		model_calm(m);
		model_carrier(m, lost, false);
		model_calm(m);
		/* Bound to no port, it stands on the other one. */
		assert_verdict(m, 0, "default", AB_LOGIN_LOGGED_IN);
		model_log_out(m, session_at(m, 0, "default"));
		assert_verdict(m, 0, "default", AB_LOGIN_HELD);
		model_command(m, AB_COMMAND_APPLY);
		model_calm(m);
		assert_true(has_session(m, 0, "default"));
		/* Nor does it go with one of them. */
		model_unplug(m, lost);
		model_calm(m);
		assert_true(node_at(m, 0, "default")->is_wanted);
		assert_state(m, !lost, AB_PORT_STATE_PARTIAL);
		end(m);
	}
}

static const struct ab_policy_set *without_t0(const struct ab_policy_set *previous,
					      const char *more)
{
	char text[512];

	(void)snprintf(text, sizeof(text),
		       "[Match]\nAddress = 10.0.0.0/16\n[Portals]\n"
		       "Discover = 10.0.0.100\nTargets = *other\n" PROBE LOGIN "%s",
		       more);
	return model_set(previous, NULL, text, NULL);
}

static void narrower_targets_end_nothing_with_unbind_never(void **st)
{
	struct model *m = logged_in_world(TWO "Unbind = never\n");

	(void)st;
	reload(m, without_t0(m->set, TWO "Unbind = never\n"));
	model_calm(m);
	model_wait(m, DAY);
	model_calm(m);
	assert_int_equal(model_count_sessions(m), 2);
	assert_verdict(m, 0, "ab-eth0", AB_LOGIN_LOGGED_IN);
	model_log_out(m, session_at(m, 0, "ab-eth0"));
	model_calm(m);
	model_wait(m, DAY);
	assert_int_equal(m->n_logins, 2);
	assert_int_equal(m->notes[AB_NOTE_SESSION_HELD], 0);
	/* Its record went with it, that of the other one stays. */
	assert_false(has_node(m, 0, "ab-eth0"));
	assert_true(has_node(m, 1, "ab-eth0"));
	reload(m, login_after(m->set, TWO));
	model_calm(m);
	assert_int_equal(model_count_sessions(m), 2);
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	end(m);
}

static void a_port_that_comes_back_finds_its_session_again(void **st)
{
	struct model *m = logged_in_world("");

	(void)st;
	model_unplug(m, 0);
	model_calm(m);
	assert_int_equal(m->notes[AB_NOTE_SESSION_LOST], 1);
	assert_int_equal(model_count_sessions(m), 1);
	model_plug(m, 0);
	model_calm(m);
	assert_int_equal(m->n_logins, 1);
	assert_int_equal(m->notes[AB_NOTE_SESSION_BACK], 1);
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	end(m);
}

static void a_session_that_gave_up_while_its_port_was_away_is_made_again(void **st)
{
	struct model *m = logged_in_world("");

	(void)st;
	model_unplug(m, 0);
	model_calm(m);
	model_log_out(m, session_at(m, 0, "ab-eth0"));
	model_calm(m);
	assert_int_equal(m->notes[AB_NOTE_SESSION_HELD], 0);
	model_plug(m, 0);
	model_calm(m);
	model_wait(m, 2000);
	model_calm(m);
	assert_int_equal(model_count_sessions(m), 1);
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	end(m);
}

static void a_lost_carrier_ends_no_session_and_forgets_no_login(void **st)
{
	struct model *m = at_first_login("");

	(void)st;
	model_carrier(m, 0, false);
	model_calm(m);
	assert_int_equal(model_count_sessions(m), 0);
	model_carrier(m, 0, true);
	model_calm(m);
	model_wait(m, 2000);
	model_calm(m);
	assert_int_equal(model_count_sessions(m), 1);
	model_carrier(m, 0, false);
	model_calm(m);
	assert_int_equal(model_count_sessions(m), 1);
	assert_state(m, 0, AB_PORT_STATE_NOCARRIER);
	model_carrier(m, 0, true);
	model_calm(m);
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	end(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_login_follows_the_record_and_the_path),
		cmocka_unit_test(action_record_logs_in_nowhere),
		cmocka_unit_test(a_portal_that_does_not_answer_is_never_logged_in_to),
		cmocka_unit_test(a_connection_comes_first_where_the_probe_makes_none),
		cmocka_unit_test(no_login_makes_records_and_no_sessions),
		cmocka_unit_test(
			while_paused_nothing_is_logged_in_and_resume_catches_up),
		cmocka_unit_test(as_many_as_the_policy_says),
		cmocka_unit_test(total_counts_sessions_of_every_target),
		cmocka_unit_test(sessions_of_others_count),
		cmocka_unit_test(a_session_of_the_firmware_counts_and_is_left_alone),
		cmocka_unit_test(
			a_session_made_by_hand_is_one_of_those_that_are_wanted),
		cmocka_unit_test(
			paths_are_chosen_by_group_port_portal_subnet_and_round_trip),
		cmocka_unit_test(
			a_standing_session_is_never_given_up_for_a_better_path),
		cmocka_unit_test(concurrency_limits_logins_and_forgets_none),
		cmocka_unit_test(a_failed_login_makes_room_for_another),
		cmocka_unit_test(a_short_list_of_effects_forgets_no_login),
		cmocka_unit_test(
			a_failed_login_is_retried_later_each_time_and_success_starts_anew),
		cmocka_unit_test(success_without_a_session_is_a_failure),
		cmocka_unit_test(
			a_session_that_somebody_was_faster_to_make_is_taken_as_it_is),
		cmocka_unit_test(
			a_refusal_lasts_until_policy_record_or_administrator_change),
		cmocka_unit_test(
			a_refusal_outlives_a_restart_but_no_other_configuration),
		cmocka_unit_test(a_refusal_ends_with_the_record_that_was_refused),
		cmocka_unit_test(
			a_login_that_failed_is_not_tried_sooner_after_a_restart),
		cmocka_unit_test(what_is_refused_yields_to_what_is_not),
		cmocka_unit_test(
			an_unknown_outcome_means_looking_before_logging_in_again),
		cmocka_unit_test(a_second_session_needs_multipathd),
		cmocka_unit_test(disks_get_time_to_appear_and_to_be_taken),
		cmocka_unit_test(
			disks_that_are_not_taken_in_time_gate_and_may_be_taken_later),
		cmocka_unit_test(
			a_session_that_is_lost_for_long_does_not_close_the_gate),
		cmocka_unit_test(multipathd_that_comes_later_opens_the_gate),
		cmocka_unit_test(a_session_ended_by_hand_is_held_until_apply),
		cmocka_unit_test(logging_in_by_hand_ends_the_hold),
		cmocka_unit_test(a_hold_outlives_restart_policy_and_unplugging),
		cmocka_unit_test(
			a_held_session_that_is_there_at_start_was_logged_in_again),
		cmocka_unit_test(what_ends_otherwise_is_not_held_and_made_again),
		cmocka_unit_test(a_session_seen_on_its_way_out_is_held_as_well),
		cmocka_unit_test(the_last_session_of_a_binding_is_the_one_that_counts),
		cmocka_unit_test(a_session_that_no_policy_wants_is_not_held),
		cmocka_unit_test(more_sessions_than_wanted_are_released_and_not_held),
		cmocka_unit_test(a_session_bound_to_a_former_name_is_made_anew),
		cmocka_unit_test(fewer_sessions_than_fewest_are_bad),
		cmocka_unit_test(
			what_takes_its_place_stands_before_a_session_is_released),
		cmocka_unit_test(sessions_of_a_gone_port_are_released_after_settle),
		cmocka_unit_test(one_session_is_released_at_a_time_whatever_its_target),
		cmocka_unit_test(a_release_that_may_not_be_now_is_made_up_for),
		cmocka_unit_test(
			our_own_logout_of_unknown_outcome_is_not_the_administrators_hand),
		cmocka_unit_test(a_lost_carrier_or_a_dead_portal_releases_nothing),
		cmocka_unit_test(
			a_drained_port_loses_its_sessions_and_keeps_its_records),
		cmocka_unit_test(a_drained_portal_is_left_through_every_port),
		cmocka_unit_test(a_drain_keeps_min_paths_and_counts_as_redundant),
		cmocka_unit_test(what_the_guard_keeps_stays_and_is_told),
		cmocka_unit_test(apply_of_one_port_frees_what_is_held_there),
		cmocka_unit_test(what_is_released_is_nobodys_and_stays_so),
		cmocka_unit_test(
			a_wait_is_over_when_the_sessions_or_the_ports_are_there),
		cmocka_unit_test(a_refused_logout_is_told_once_with_its_reason),
		cmocka_unit_test(
			a_refused_release_is_tried_again_at_once_when_somebody_says_so),
		cmocka_unit_test(
			why_a_session_was_kept_is_forgotten_when_it_is_to_stay),
		cmocka_unit_test(the_end_of_a_logout_makes_room_for_a_login),
		cmocka_unit_test(
			a_restart_adopts_what_stands_and_makes_what_is_missing),
		cmocka_unit_test(a_restart_with_a_login_under_way_finds_its_session),
		cmocka_unit_test(
			while_sessions_are_stale_nothing_is_logged_in_or_deleted),
		cmocka_unit_test(a_dump_sweeps_sessions_that_did_not_appear),
		cmocka_unit_test(
			a_dump_that_began_before_events_were_lost_sweeps_nothing),
		cmocka_unit_test(
			an_unwanted_record_under_a_session_stays_until_that_has_ended),
		cmocka_unit_test(
			an_unwanted_record_with_a_login_under_way_is_deleted_after_it),
		cmocka_unit_test(an_orphan_under_a_session_is_retired_after_it),
		cmocka_unit_test(a_record_without_a_group_is_under_its_session),
		cmocka_unit_test(what_may_not_be_released_is_the_last_to_be_too_much),
		cmocka_unit_test(a_foreign_record_is_logged_in_with_and_never_deleted),
		cmocka_unit_test(ports_that_share_default_share_its_sessions),
		cmocka_unit_test(what_one_port_reaches_is_enough_for_default),
		cmocka_unit_test(narrower_targets_end_nothing_with_unbind_never),
		cmocka_unit_test(a_port_that_comes_back_finds_its_session_again),
		cmocka_unit_test(
			a_session_that_gave_up_while_its_port_was_away_is_made_again),
		cmocka_unit_test(a_lost_carrier_ends_no_session_and_forgets_no_login),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
