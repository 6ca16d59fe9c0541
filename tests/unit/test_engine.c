// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The engine in its simulated surroundings: what follows from which event, in the words
 * of the policy and of the administrator. Every scenario runs under the model's safety
 * rules, and ends in a state that is checked to be at rest.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "world.h"

#include "core/plan.h"
#include "core/view.h"

/* --- from a plug to records --- */

static void hotplug_leads_through_probes_iface_and_discovery_to_node_records(void **st)
{
	struct model *m = world_of(san());

	(void)st;
	model_plug(m, 0);
	assert_string_equal(m->trace, ""); /* soaking */
	model_wait(m, 300);
	assert_string_equal(m->trace, "RP");
	model_probe(m, 0);
	assert_string_equal(m->trace, "RP"); /* Rise is 2 */
	model_probe(m, 0);
	assert_string_equal(m->trace, "RPDI");
	model_do(m, 1);
	assert_true(model_find_iface(m, "ab-eth0") >= 0);
	assert_string_equal(m->trace, "RPDI");
	model_do(m, 0);
	assert_string_equal(m->trace, "RPDIRNP");
	model_do(m, 0);
	assert_true(has_node(m, 0, "ab-eth0"));
	assert_false(has_node(m, 1, "ab-eth0"));
	model_calm(m);
	assert_true(has_node(m, 1, "ab-eth0"));
	assert_int_equal(count_nodes(m), 2);
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	end(m);
}

static void create_always_writes_the_iface_before_any_portal_answers(void **st)
{
	struct model *m = world_of(san_with("[Iface]\nCreate = always\n"));

	(void)st;
	m->portals[0].answers = false;
	model_plug(m, 0);
	model_calm(m);
	assert_true(model_find_iface(m, "ab-eth0") >= 0);
	assert_int_equal(count_nodes(m), 0);
	assert_state(m, 0, AB_PORT_STATE_SEARCHING);
	end(m);
}

static void create_reachable_waits_for_the_first_answer(void **st)
{
	struct model *m = world_of(san());

	(void)st;
	m->portals[0].answers = false;
	model_plug(m, 0);
	model_calm(m);
	assert_int_equal(model_find_iface(m, "ab-eth0"), -1);
	m->portals[0].answers = true;
	model_calm(m);
	assert_true(model_find_iface(m, "ab-eth0") >= 0);
	end(m);
}

static void action_iface_makes_the_iface_only(void **st)
{
	struct model *m = bound_world_of(model_set(
		NULL, NULL, "[Match]\nName = eth*\n[Bind]\nAction = iface\n", NULL));

	(void)st;
	assert_true(model_find_iface(m, "ab-eth0") >= 0);
	assert_int_equal(count_nodes(m), 0);
	end(m);
}

static void action_ignore_writes_nothing(void **st)
{
	struct model *m = bound_world_of(model_set(
		NULL, NULL, "[Match]\nName = eth*\n[Bind]\nAction = ignore\n", NULL));

	(void)st;
	assert_int_equal(m->n_effects, 0);
	assert_state(m, 0, AB_PORT_STATE_IGNORED);
	end(m);
}

static void a_port_waits_until_udev_is_through(void **st)
{
	struct ab_event ev = { .type = AB_EV_UDEV };
	struct model *m = world_of(san());

	(void)st;
	m->ports[0].is_plugged = m->ports[0].has_carrier = true;
	m->ports[0].ifindex = 5;
	model_addr(m, 0, true);
	model_carrier(m, 0, true);
	ev.udev.ifindex = 5;
	model_feed(m, &ev);
	model_wait(m, MINUTE);
	assert_state(m, 0, AB_PORT_STATE_PENDING);
	assert_int_equal(m->n_effects, 0);
	ev.udev.is_initialized = true;
	model_feed(m, &ev);
	model_calm(m);
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	end(m);
}

static void method_none_takes_a_route_for_an_answer(void **st)
{
	struct model *m = bound_world_of(
		model_set(NULL, NULL, SAN "[Probe]\nMethod = none\n" RECORD, NULL));

	(void)st;
	assert_null(strchr(m->trace, 'P'));
	assert_int_equal(count_nodes(m), 2);
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	end(m);
}

static void static_targets_need_no_discovery(void **st)
{
	struct model *m = bound_world_of(model_set(
		NULL, NULL,
		"[Match]\nName = eth*\n[Portals]\nTargets = *\n"
		"Static = iqn.2026-01.test:t0@10.0.0.101:3260,1\n" PROBE RECORD,
		NULL));

	(void)st;
	assert_null(strchr(m->trace, 'D'));
	assert_int_equal(count_nodes(m), 1);
	assert_true(has_node(m, 1, "ab-eth0"));
	end(m);
}

static void portals_of_another_subnet_are_left_out_unless_the_policy_says_no(void **st)
{
	struct model *m = bound_world_of(san());

	(void)st;
	assert_int_equal(path_at(m, 0, 2)->verdict, AB_PORTAL_OTHER_SUBNET);
	assert_false(is_probed(m, 0, 2));
	end(m);
	m = bound_world_of(
		model_set(NULL, NULL, SAN "SameSubnet = no\n" PROBE RECORD, NULL));
	assert_int_equal(path_at(m, 0, 2)->verdict, AB_PORTAL_WANTED);
	/* The kernel has no route to it: that is known without a probe. */
	assert_int_equal(path_at(m, 0, 2)->health.state, AB_PATH_NOROUTE);
	assert_false(is_probed(m, 0, 2));
	end(m);
}

static void max_portals_keeps_the_first_and_never_stops_the_discovery(void **st)
{
	struct model *m;

	(void)st;
	m = bound_world_of(model_set(NULL, NULL,
				     "[Match]\nName = eth*\n[Portals]\n"
				     "Discover = 10.0.0.101\nTargets = *\n"
				     "MaxPortals = 1\n" PROBE RECORD,
				     NULL));
	assert_true(has_node(m, 0, "ab-eth0"));
	assert_int_equal(count_nodes(m), 1);
	/* The discovery address is the one over the limit. */
	assert_true(path_at(m, 0, 1)->is_over_limit);
	assert_true(is_probed(m, 0, 1));
	assert_int_equal(m->notes[AB_NOTE_LIMIT], 1);
	end(m);
}

static void two_ports_bind_the_same_portal_each_by_its_own_iface(void **st)
{
	struct model *m = world_of(san());

	(void)st;
	model_plug(m, 0);
	model_plug(m, 1);
	model_calm(m);
	assert_true(has_node(m, 0, "ab-eth0") && has_node(m, 0, "ab-eth1"));
	assert_int_equal(count_nodes(m), 4);
	end(m);
}

static void use_default_binds_to_no_iface_and_writes_none(void **st)
{
	struct model *m = world_of(san_with("[Iface]\nUse = default\n"));

	(void)st;
	model_plug(m, 0);
	model_plug(m, 1);
	model_calm(m);
	assert_null(strchr(m->trace, 'I'));
	assert_int_equal(count_nodes(m), 2);
	assert_true(has_node(m, 0, "default"));
	end(m);
}

static void ports_that_share_a_default_record_do_not_rewrite_it_in_turns(void **st)
{
	struct model *m = world_of(model_set(
		NULL, NULL,
		"[Match]\nName = eth0\n[Portals]\nDiscover = 10.0.0.100\nTargets = *\n"
		"[Iface]\nUse = default\n" PROBE RECORD
		"[Node]\nnode.session.timeo.replacement_timeout = 5\n",
		"[Match]\nName = eth1\n[Portals]\nDiscover = 10.0.0.100\nTargets = *\n"
		"[Iface]\nUse = default\n" PROBE RECORD
		"[Node]\nnode.session.timeo.replacement_timeout = 120\n",
		NULL));

	(void)st;
	model_plug(m, 1);
	model_calm(m);
	model_plug(m, 0);
	model_calm(m);
	assert_int_equal(m->records[model_find_node(m, 0, 0, "default")].settings,
			 m->set->policies[0].settings_hash);
	assert_true(m->n_writes <= 4);
	end(m);
}

static void bind_by_mac_writes_the_hardware_address(void **st)
{
	struct model *m = bound_world_of(san_with("[Iface]\nBindBy = mac\n"));
	int i = model_find_iface(m, "ab-eth0");

	(void)st;
	assert_true(i >= 0);
	assert_string_equal(m->records[i].binding.netdev, "");
	assert_string_equal(m->records[i].binding.hwaddr, "02:00:00:00:00:00");
	end(m);
}

/* --- what comes and goes --- */

static void a_lost_carrier_changes_no_record(void **st)
{
	struct model *m = bound_world_of(san());
	uint32_t writes = m->n_writes;

	(void)st;
	model_carrier(m, 0, false);
	/* Urgent: in the same step. */
	assert_state(m, 0, AB_PORT_STATE_NOCARRIER);
	assert_false(is_probed(m, 0, 0));
	model_wait(m, 60 * MINUTE);
	model_carrier(m, 0, true);
	model_calm(m);
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	assert_int_equal(m->n_writes, writes);
	end(m);
}

static void a_dropped_address_untakes_nothing_and_changes_no_record(void **st)
{
	struct model *m = bound_world_of(san());
	uint32_t writes = m->n_writes;

	(void)st;
	model_addr(m, 0, false);
	assert_state(m, 0, AB_PORT_STATE_NOADDR);
	model_wait(m, 24 * 60 * MINUTE);
	assert_int_equal(port_at(m, 0)->policy, 0);
	assert_int_equal(m->n_writes, writes);
	model_addr(m, 0, true);
	model_calm(m);
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	assert_int_equal(m->n_writes, writes);
	end(m);
}

static void an_address_under_duplicate_detection_is_one_that_went(void **st)
{
	struct model *m = bound_world_of(san());
	struct ab_event ev = { .type = AB_EV_ADDR };
	uint32_t writes = m->n_writes;

	(void)st;
	ev.addr = ab_ifaddr_at(model_engine(m), port_at(m, 0)->first_addr)->ifaddr;
	ev.addr.is_tentative = true;
	model_feed(m, &ev);
	model_wait(m, 2 * SETTLE);
	assert_state(m, 0, AB_PORT_STATE_NOADDR);
	assert_int_equal(m->n_writes, writes);
	ev.addr.is_tentative = false;
	model_feed(m, &ev);
	model_calm(m);
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	assert_int_equal(m->n_writes, writes);
	end(m);
}

static void a_moved_address_adds_at_once_and_deletes_after_settle(void **st)
{
	struct model *m = bound_world_of(san());

	(void)st;
	model_wait(m, 2 * SETTLE);
	m->portals[3] = (struct model_portal){ true, 1, 1 };
	model_move(m, 0, 1);
	model_calm(m);
	assert_true(has_node(m, 2, "ab-eth0"));
	assert_true(has_node(m, 0, "ab-eth0") && has_node(m, 1, "ab-eth0"));
	model_wait(m, SETTLE - MINUTE);
	assert_true(has_node(m, 0, "ab-eth0"));
	assert_null(strchr(m->trace, 'n'));
	model_wait(m, 2 * MINUTE);
	model_calm(m);
	assert_false(has_node(m, 0, "ab-eth0") || has_node(m, 1, "ab-eth0"));
	assert_true(has_node(m, 2, "ab-eth0"));
	end(m);
}

static void a_contradicting_address_untakes_after_settle_only(void **st)
{
	struct model *m = bound_world_of(
		model_set(NULL, NULL,
			  "[Match]\nAddress = 10.0.0.0/24\n[Portals]\n"
			  "Discover = 10.0.0.100\nTargets = *\n" PROBE RECORD,
			  NULL));

	(void)st;
	model_move(m, 0, 1);
	model_wait(m, SETTLE - 1000);
	assert_int_equal(port_at(m, 0)->policy, 0);
	model_wait(m, 2000);
	assert_int_equal(port_at(m, 0)->policy, -1);
	assert_state(m, 0, AB_PORT_STATE_UNTAKEN);
	/* Nothing says that its records are to go. */
	assert_true(has_node(m, 0, "ab-eth0"));
	end(m);
}

static void an_address_that_comes_home_in_time_contradicts_nothing(void **st)
{
	struct model *m = bound_world_of(
		model_set(NULL, NULL,
			  "[Match]\nAddress = 10.0.0.0/24\n[Portals]\n"
			  "Discover = 10.0.0.100\nTargets = *\n" PROBE RECORD,
			  NULL));
	uint32_t writes = m->n_writes;

	(void)st;
	model_move(m, 0, 1);
	model_wait(m, MINUTE);
	model_move(m, 0, 0);
	model_wait(m, 2 * SETTLE);
	model_calm(m);
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	assert_int_equal(m->n_writes, writes);
	end(m);
}

static void a_list_of_exceptions_alone_contradicts_no_other_address(void **st)
{
	struct model *m = bound_world_of(
		model_set(NULL, NULL,
			  "[Match]\nAddress = !10.0.7.0/24\n[Portals]\n"
			  "Discover = 10.0.0.100\nTargets = *\n" PROBE RECORD,
			  NULL));

	(void)st;
	assert_false(port_at(m, 0)->is_contradicted);
	end(m);
}

static void a_rename_rewrites_the_iface_and_its_node_records(void **st)
{
	struct model *m = bound_world_of(san());
	int i;

	(void)st;
	clear_trace(m);
	model_rename(m, 0, 7);
	model_calm(m);
	assert_string_equal(m->trace, "INN");
	i = model_find_iface(m, "ab-eth0");
	assert_string_equal(m->records[i].binding.netdev, "eth7");
	i = model_find_node(m, 1, 0, "ab-eth0");
	assert_string_equal(m->records[i].binding.netdev, "eth7");
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	end(m);
}

static void a_port_is_recognised_by_its_hardware_under_another_name(void **st)
{
	struct model *m = bound_world_of(san());

	(void)st;
	model_unplug(m, 0);
	model_calm(m);
	assert_int_equal(count_nodes(m), 2);
	m->ports[0].name = 5;
	clear_trace(m);
	model_plug(m, 0);
	model_calm(m);
	assert_int_equal(model_find_iface(m, "ab-eth5"), -1);
	assert_string_equal(m->records[model_find_iface(m, "ab-eth0")].binding.netdev,
			    "eth5");
	assert_int_equal(count_nodes(m), 2);
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	end(m);
}

static void
a_port_that_is_back_before_its_iface_is_written_gets_no_second_one(void **st)
{
	struct model *m = world_of(san_with("[Iface]\nCreate = always\n"));

	(void)st;
	model_plug(m, 0);
	model_wait(m, 300);
	assert_int_equal(m->jobs[0].type, AB_EF_IFACE_WRITE);
	model_unplug(m, 0);
	m->ports[0].name = 4;
	model_plug(m, 0);
	model_wait(m, 300);
	model_calm(m);
	assert_true(model_find_iface(m, "ab-eth0") >= 0);
	assert_int_equal(model_find_iface(m, "ab-eth4"), -1);
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	end(m);
}

static void an_enslaved_device_is_no_port(void **st)
{
	struct model *m = bound_world_of(san());
	uint32_t writes = m->n_writes;

	(void)st;
	model_enslave(m, 0, true);
	model_calm(m);
	assert_state(m, 0, AB_PORT_STATE_ENSLAVED);
	assert_int_equal(m->n_writes, writes);
	model_enslave(m, 0, false);
	model_calm(m);
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	assert_int_equal(m->n_writes, writes);
	end(m);
}

static void a_gone_port_takes_its_probes_along_however_small_the_list(void **st)
{
	struct model *m = world_of(san());
	unsigned int i;

	(void)st;
	m->effects_max = AB_EFFECTS_MIN;
	for (i = 0; i < MODEL_PORTALS; i++)
		m->portals[i] = (struct model_portal){ true, 0, 1 };
	model_plug(m, 0);
	model_plug(m, 1);
	model_plug(m, 2);
	model_calm(m);
	assert_int_equal(count_nodes(m), 3 * MODEL_PORTALS);
	model_unplug(m, 0);
	model_unplug(m, 1);
	model_unplug(m, 2);
	model_calm(m);
	for (i = 0; i < MODEL_PROBES; i++)
		assert_false(m->probes[i].is_set);
	assert_int_equal(model_engine(m)->ports.live, 0);
	assert_int_equal(model_engine(m)->paths.live, 0);
	end(m);
}

static void a_discovery_under_way_is_not_doubled(void **st)
{
	struct model *m = world_of(san());

	(void)st;
	model_plug(m, 0);
	model_wait(m, 300);
	model_probe(m, 0);
	model_probe(m, 0);
	assert_int_equal(m->jobs[0].type, AB_EF_DISCOVER);
	model_do(m, 1);
	/* Its path goes and comes again meanwhile. */
	model_enslave(m, 0, true);
	model_wait(m, 300);
	model_enslave(m, 0, false);
	model_wait(m, 300);
	model_probe(m, 0);
	model_probe(m, 0);
	assert_int_equal(path_at(m, 0, 0)->health.state, AB_PATH_UP);
	assert_int_equal(m->n_jobs, 1);
	model_calm(m);
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	end(m);
}

static void an_address_without_a_link_leaves_no_trace(void **st)
{
	struct model *m = world_of(san());

	(void)st;
	m->ports[0].ifindex = 4;
	model_addr(m, 0, true);
	model_addr(m, 0, false);
	assert_int_equal(model_engine(m)->ports.live, 0);
	end(m);
}

static void a_loopback_is_excluded_and_so_is_what_udev_ignores(void **st)
{
	struct model *m = bound_world_of(san());
	struct ab_event ev = { .type = AB_EV_UDEV };

	(void)st;
	ev.udev.ifindex = m->ports[0].ifindex;
	ev.udev.is_initialized = ev.udev.is_ignored = true;
	model_feed(m, &ev);
	model_calm(m);
	assert_state(m, 0, AB_PORT_STATE_EXCLUDED);
	assert_int_equal(count_nodes(m), 2);
	end(m);
}

/* --- deny lists --- */

struct reason {
	char text[512];
};

static void take_reason(void *arg, const struct ab_row *row)
{
	struct reason *r = arg;

	(void)snprintf(r->text, sizeof(r->text), "%s", ab_row_get(row, "reason"));
}

static void an_excluded_port_is_left_alone_and_told_why(void **st)
{
	struct reason why = { "" };
	const struct ab_policy_set *first = san(), *set;
	struct model *m = bound_world_of(first);
	uint32_t writes = m->n_writes;
	struct ab_view v;

	(void)st;
	set = model_set(first, "[Exclude]\nPort = eth0\nReason = firmware update\n",
			SAN PROBE RECORD, NULL);
	model_policy(m, set);
	model_calm(m);
	assert_state(m, 0, AB_PORT_STATE_EXCLUDED);
	assert_int_equal(m->n_writes, writes);
	v = (struct ab_view){ .e = model_engine(m),
			      .set = set,
			      .now = m->now,
			      .fn = take_reason,
			      .arg = &why };
	assert_int_equal(ab_view_ports(&v, "eth0"), 1);
	assert_string_equal(why.text, "excluded by p1.conf:2: firmware update");
	model_policy(m, model_set(set, NULL, SAN PROBE RECORD, NULL));
	model_calm(m);
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	assert_int_equal(m->n_writes, writes);
	model_set_free(first);
	model_set_free(set);
	end(m);
}

static void an_excluded_portal_is_neither_used_nor_are_its_records_deleted(void **st)
{
	struct reason why = { "" };
	const struct ab_policy_set *first = san();
	struct model *m = bound_world_of(first);
	struct ab_view v;

	(void)st;
	model_policy(m, model_set(first,
				  "[Exclude]\nPortal = 10.0.0.101\nReason = moving\n",
				  SAN PROBE RECORD, NULL));
	model_wait(m, 2 * SETTLE);
	model_calm(m);
	assert_false(is_probed(m, 0, 1));
	assert_int_equal(path_at(m, 0, 1)->verdict, AB_PORTAL_EXCLUDED);
	assert_int_equal(count_nodes(m), 2);
	v = (struct ab_view){ .e = model_engine(m),
			      .set = m->set,
			      .now = m->now,
			      .fn = take_reason,
			      .arg = &why };
	assert_true(ab_view_paths(&v, "eth0") > 0);
	model_set_free(first);
	end(m);
}

/* --- others' records --- */

static void a_foreign_iface_that_binds_the_port_is_used_as_it_is(void **st)
{
	struct model *m = world_of(san());

	(void)st;
	model_foreign_iface(m, "storage", "eth0");
	model_plug(m, 0);
	model_calm(m);
	assert_int_equal(model_find_iface(m, "ab-eth0"), -1);
	assert_true(has_node(m, 0, "storage"));
	assert_null(strchr(m->trace, 'I'));
	end(m);
}

static void a_taken_name_gets_a_number(void **st)
{
	struct model *m = world_of(san());

	(void)st;
	model_foreign_iface(m, "ab-eth0", "eth9");
	model_plug(m, 0);
	model_calm(m);
	assert_true(has_node(m, 0, "ab-eth0-2"));
	end(m);
}

static void a_foreign_node_record_is_not_touched(void **st)
{
	struct ab_node_key key = { .target = "iqn.2026-01.test:t0",
				   .tpgt = 1,
				   .iface = "ab-eth0" };
	const struct ab_policy_set *first = san();
	struct model *m = world_of(first);
	uint64_t hash;

	(void)st;
	key.portal = model_portal_at(m, 0);
	model_foreign_node(m, &key);
	hash = m->records[model_find_node(m, 0, 0, "ab-eth0")].hash;
	model_plug(m, 0);
	model_calm(m);
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	model_policy(m, model_set(first, NULL, SAN "Deny = 10.0.0.0/24\n" PROBE RECORD,
				  NULL));
	model_calm(m);
	assert_int_equal(m->records[model_find_node(m, 0, 0, "ab-eth0")].hash, hash);
	assert_false(has_node(m, 1, "ab-eth0"));
	model_set_free(first);
	end(m);
}

static void a_modified_record_is_not_rewritten(void **st)
{
	struct model *m = bound_world_of(san());
	uint32_t writes = m->n_writes;

	(void)st;
	model_edit(m, (unsigned int)model_find_iface(m, "ab-eth0"));
	model_edit(m, (unsigned int)model_find_node(m, 1, 0, "ab-eth0"));
	assert_int_equal(m->notes[AB_NOTE_MODIFIED], 2);
	model_rename(m, 0, 3);
	model_calm(m);
	assert_int_equal(m->n_writes, writes);
	end(m);
}

/* --- the administrator's hand --- */

static void what_the_administrator_removed_stays_removed_until_apply(void **st)
{
	struct model *m = bound_world_of(san());

	(void)st;
	clear_trace(m);
	model_remove(m, (unsigned int)model_find_node(m, 1, 0, "ab-eth0"), false);
	model_calm(m);
	assert_state(m, 0, AB_PORT_STATE_HELD);
	model_wait(m, 60 * MINUTE);
	model_calm(m);
	assert_false(has_node(m, 1, "ab-eth0"));
	clear_trace(m);
	model_command(m, AB_COMMAND_APPLY);
	/* The ledger must forget before the record is made again. */
	assert_memory_equal(m->trace, "lDN", 3);
	model_calm(m);
	assert_true(has_node(m, 1, "ab-eth0"));
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	end(m);
}

static void what_is_removed_while_a_write_of_it_waits_is_held(void **st)
{
	struct model *m = bound_world_of(san());

	(void)st;
	model_rename(m, 0, 7);
	model_wait(m, 300);
	assert_int_equal(m->jobs[0].type, AB_EF_IFACE_WRITE);
	model_remove(m, (unsigned int)model_find_iface(m, "ab-eth0"), false);
	model_fail(m, 0, AB_OUTCOME_RETRY, false);
	model_calm(m);
	model_wait(m, AB_RESTORE_MS);
	assert_state(m, 0, AB_PORT_STATE_HELD);
	end(m);
}

static void a_held_iface_holds_its_port(void **st)
{
	struct model *m = bound_world_of(san());

	(void)st;
	model_remove(m, (unsigned int)model_find_iface(m, "ab-eth0"), false);
	model_calm(m);
	assert_state(m, 0, AB_PORT_STATE_HELD);
	assert_int_equal(model_find_iface(m, "ab-eth0"), -1);
	model_command(m, AB_COMMAND_APPLY);
	model_calm(m);
	assert_true(model_find_iface(m, "ab-eth0") >= 0);
	end(m);
}

static void a_held_record_that_somebody_makes_again_is_theirs(void **st)
{
	struct model *m = bound_world_of(san());
	unsigned int i = (unsigned int)model_find_node(m, 1, 0, "ab-eth0");
	struct ab_node_key key = m->records[i].key;

	(void)st;
	model_remove(m, i, false);
	model_foreign_node(m, &key);
	model_calm(m);
	assert_null(model_ledger(m, &m->records[i]));
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	end(m);
}

static void what_was_held_and_is_there_again_at_start_is_theirs(void **st)
{
	struct model *m = bound_world_of(san());
	unsigned int i = (unsigned int)model_find_node(m, 1, 0, "ab-eth0");
	struct ab_event ev = { .type = AB_EV_DUMP_BEGIN };

	(void)st;
	model_remove(m, i, false);
	/* Records are dumped before the ledger: the same must come of it. */
	m->records[i].is_present = true;
	m->records[i].is_ours = m->records[i].is_held = false;
	m->records[i].edits = 2;
	model_boot(m);
	ev.dump.source = AB_SOURCE_LEDGER;
	model_feed(m, &ev);
	ev.type = AB_EV_LEDGER;
	ev.ledger = (struct ab_ledger_entry){ .kind = AB_LEDGER_NODE,
					      .owner = AB_OWNER_HELD,
					      .node = m->records[i].key };
	model_feed(m, &ev);
	model_calm(m);
	assert_int_not_equal(port_at(m, 0)->state, AB_PORT_STATE_HELD);
	assert_null(model_ledger(m, &m->records[i]));
	rests(m);
	model_set_free(m->set);
	free(m);
}

static void what_a_discovery_by_hand_swept_away_is_back_after_5_seconds(void **st)
{
	struct model *m = bound_world_of(san());

	(void)st;
	model_remove(m, (unsigned int)model_find_node(m, 1, 0, "ab-eth0"), true);
	model_wait(m, 4900);
	assert_int_equal(m->n_jobs, 0);
	/* A look in between must not take it for the administrator's hand. */
	feed_stale(m, AB_SOURCE_RECORDS);
	model_feed(m, &(struct ab_event){ .type = AB_EV_DUMP_BEGIN,
					  .dump.source = AB_SOURCE_RECORDS });
	{
		unsigned int i;

		for (i = 0; i < MODEL_RECORDS; i++) {
			struct ab_event ev = { .type = AB_EV_NODE };

			if (m->records[i].kind == MODEL_IFACE) {
				ev.type = AB_EV_IFACE;
				ev.iface.binding = m->records[i].binding;
				ev.iface.hash = m->records[i].hash;
			} else {
				ev.node.key = m->records[i].key;
				ev.node.hash = m->records[i].hash;
			}
			if (m->records[i].kind && m->records[i].is_present)
				model_feed(m, &ev);
		}
	}
	model_feed(m, &(struct ab_event){ .type = AB_EV_DUMP_END,
					  .dump.source = AB_SOURCE_RECORDS });
	model_wait(m, 200);
	assert_int_equal(m->n_jobs, 1);
	model_calm(m);
	assert_true(has_node(m, 1, "ab-eth0"));
	assert_int_equal(m->notes[AB_NOTE_HELD], 0);
	end(m);
}

static void what_went_while_the_daemon_was_away_is_held(void **st)
{
	struct model *m = bound_world_of(san());
	unsigned int i = (unsigned int)model_find_node(m, 1, 0, "ab-eth0");

	(void)st;
	m->records[i].is_present = false;
	m->records[i].is_held = true;
	model_boot(m);
	model_calm(m);
	/* One listing may have fallen into somebody's rewriting. */
	assert_state(m, 0, AB_PORT_STATE_PARTIAL);
	assert_int_equal(model_ledger(m, &m->records[i])->owner, AB_OWNER_OURS);
	model_wait(m, AB_RESTORE_MS - 500);
	assert_state(m, 0, AB_PORT_STATE_PARTIAL);
	model_wait(m, 500);
	assert_state(m, 0, AB_PORT_STATE_HELD);
	assert_int_equal(model_ledger(m, &m->records[i])->owner, AB_OWNER_HELD);
	assert_false(has_node(m, 1, "ab-eth0"));
	end(m);
}

/* iscsiadm's discovery deletes records and writes them anew: the first listing fell
 * into that, and no event told of the rest. */
static void what_is_back_at_the_second_look_was_never_gone(void **st)
{
	struct model *m = bound_world_of(san());
	unsigned int i = (unsigned int)model_find_node(m, 1, 0, "ab-eth0");
	unsigned int f = (unsigned int)model_find_iface(m, "ab-eth0");
	uint32_t n_writes = m->n_writes;

	(void)st;
	m->records[i].is_present = m->records[f].is_present = false;
	model_boot(m);
	m->records[i].is_present = m->records[f].is_present = true;
	model_calm(m);
	assert_state(m, 0, AB_PORT_STATE_PARTIAL);
	clear_trace(m);
	model_wait(m, AB_RESTORE_MS);
	assert_string_equal(m->trace, "S");
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	assert_int_equal(model_ledger(m, &m->records[i])->owner, AB_OWNER_OURS);
	assert_int_equal(m->notes[AB_NOTE_HELD], 0);
	assert_int_equal(m->n_writes, n_writes);
	/* And not looked for any more. */
	model_wait(m, 2 * AB_RESTORE_MS);
	assert_null(strchr(m->trace + 1, 'S'));
	end(m);
}

static void a_listing_soon_after_the_first_confirms_nothing(void **st)
{
	struct model *m = bound_world_of(san());
	unsigned int i = (unsigned int)model_find_node(m, 1, 0, "ab-eth0");

	(void)st;
	m->records[i].is_present = false;
	model_list(m);
	model_wait(m, AB_RESTORE_MS / 2);
	model_list(m);
	assert_int_equal(model_ledger(m, &m->records[i])->owner, AB_OWNER_OURS);
	m->records[i].is_held = true;
	model_wait(m, AB_RESTORE_MS / 2);
	assert_int_equal(model_ledger(m, &m->records[i])->owner, AB_OWNER_HELD);
	end(m);
}

static void apply_does_not_wait_for_the_second_look(void **st)
{
	struct model *m = bound_world_of(san());
	unsigned int i = (unsigned int)model_find_node(m, 1, 0, "ab-eth0");

	(void)st;
	m->records[i].is_present = false;
	model_boot(m);
	model_calm(m);
	assert_false(has_node(m, 1, "ab-eth0"));
	model_command(m, AB_COMMAND_APPLY);
	model_calm(m);
	assert_true(has_node(m, 1, "ab-eth0"));
	model_wait(m, AB_RESTORE_MS);
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	assert_int_equal(model_ledger(m, &m->records[i])->owner, AB_OWNER_OURS);
	end(m);
}

static void while_paused_nothing_changes_and_resume_catches_up(void **st)
{
	struct model *m = world_of(san());

	(void)st;
	model_command(m, AB_COMMAND_PAUSE);
	model_plug(m, 0);
	model_calm(m);
	assert_string_equal(m->trace, "RP");
	assert_int_equal(path_at(m, 0, 0)->health.state, AB_PATH_UP);
	model_command(m, AB_COMMAND_RESUME);
	model_calm(m);
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	/* Nothing wakes up for what would not be done. */
	model_command(m, AB_COMMAND_PAUSE);
	assert_true(ab_mono_is_never(ab_engine_next(model_engine(m))));
	end(m);
}

/* Open-iscsi that comes back does not end what the administrator wants; the
 * administrator ends both. */
static void a_pause_and_quiescence_are_kept_apart(void **st)
{
	struct model *m = world_of(san());

	(void)st;
	model_command(m, AB_COMMAND_QUIESCE);
	model_plug(m, 0);
	model_calm(m);
	assert_string_equal(m->trace, "RP");
	model_command(m, AB_COMMAND_PAUSE);
	model_command(m, AB_COMMAND_UNQUIESCE);
	model_calm(m);
	assert_string_equal(m->trace, "RP");
	assert_true(ab_view_is_paused(model_engine(m)));
	model_command(m, AB_COMMAND_RESUME);
	model_calm(m);
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	model_command(m, AB_COMMAND_PAUSE);
	model_command(m, AB_COMMAND_QUIESCE);
	model_command(m, AB_COMMAND_RESUME);
	assert_false(ab_view_is_paused(model_engine(m)));
	model_command(m, AB_COMMAND_QUIESCE);
	model_command(m, AB_COMMAND_UNQUIESCE);
	assert_false(ab_view_is_paused(model_engine(m)));
	end(m);
}

/* --- policy --- */

static void wider_targets_add_and_deny_deletes_what_is_ours(void **st)
{
	const struct ab_policy_set *a, *b;
	struct model *m;

	(void)st;
	a = model_set(NULL, NULL,
		      "[Match]\nName = eth*\n[Portals]\nDiscover = 10.0.0.100\n"
		      "Targets = iqn.2026-01.test:t0\n" PROBE RECORD,
		      NULL);
	m = world_of(a);
	m->portals[0].targets = m->portals[1].targets = 3;
	model_plug(m, 0);
	model_calm(m);
	assert_int_equal(count_nodes(m), 2);
	b = model_set(a, NULL,
		      "[Match]\nName = eth*\n[Portals]\nDiscover = 10.0.0.100\n"
		      "Targets = iqn.2026-01.test:*\n" PROBE RECORD,
		      NULL);
	model_policy(m, b);
	model_calm(m);
	assert_int_equal(count_nodes(m), 4);
	clear_trace(m);
	model_policy(m, model_set(b, NULL,
				  "[Match]\nName = eth*\n[Portals]\n"
				  "Discover = 10.0.0.100\nDeny = 10.0.0.101\n"
				  "Targets = iqn.2026-01.test:*\n" PROBE RECORD,
				  NULL));
	model_calm(m);
	assert_string_equal(m->trace, "pnn");
	assert_int_equal(count_nodes(m), 2);
	assert_true(model_find_iface(m, "ab-eth0") >= 0);
	model_set_free(a);
	model_set_free(b);
	end(m);
}

/* A reload is answered when the last word has been spoken, not when all is planned. */
static void an_update_in_flight_leaves_a_port_bound_but_nothing_settled(void **st)
{
	const struct ab_policy_set *first = san();
	struct model *m = bound_world_of(first);

	(void)st;
	assert_true(ab_view_is_settled(model_engine(m)));
	model_policy(m,
		     model_set(first, NULL,
			       SAN PROBE RECORD
			       "[Node]\nnode.session.timeo.replacement_timeout = 5\n",
			       NULL));
	assert_int_equal(m->n_jobs, 2);
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	assert_false(ab_view_is_settled(model_engine(m)));
	model_do(m, 0);
	assert_false(ab_view_is_settled(model_engine(m)));
	model_do(m, 0);
	assert_true(ab_view_is_settled(model_engine(m)));
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	model_set_free(first);
	end(m);
}

static void a_set_with_fewer_policies_is_safe_while_links_are_stale(void **st)
{
	const struct ab_policy_set *a =
		model_set(NULL, NULL, "[Match]\nName = eth5\n[Bind]\nAction = ignore\n",
			  SAN PROBE RECORD, NULL);
	struct model *m = bound_world_of(a);

	(void)st;
	assert_int_equal(port_at(m, 0)->policy, 1);
	feed_stale(m, AB_SOURCE_RTNL);
	model_policy(m, model_set(a, NULL,
				  "[Match]\nName = eth5\n[Bind]\nAction = ignore\n",
				  NULL));
	assert_int_equal(port_at(m, 0)->policy, -1);
	assert_int_equal(port_at(m, 0)->first_path, AB_NONE);
	model_set_free(a);
	end(m);
}

static void an_address_that_is_asked_no_more_takes_its_finds_along(void **st)
{
	const struct ab_policy_set *a = san();
	struct model *m = bound_world_of(a);

	(void)st;
	model_policy(m, model_set(a, NULL,
				  "[Match]\nAddress = 10.0.0.0/16\n[Portals]\n"
				  "Discover = 10.0.0.104\nTargets = *\n" PROBE RECORD,
				  NULL));
	model_calm(m);
	assert_int_equal(model_engine(m)->founds.live, 0);
	assert_int_equal(model_engine(m)->paths.live, 1);
	assert_int_equal(count_nodes(m), 2); /* Retire is never */
	model_set_free(a);
	end(m);
}

static void a_new_name_is_tried_when_the_old_one_was_denied(void **st)
{
	const struct ab_policy_set *a = san_with("[Iface]\nName = bad-%i\n");
	struct model *m = world_of(a);

	(void)st;
	model_plug(m, 0);
	model_wait(m, 300);
	model_probe(m, 0);
	model_probe(m, 0);
	assert_int_equal(m->jobs[1].type, AB_EF_IFACE_WRITE);
	model_fail(m, 1, AB_OUTCOME_DENIED, false);
	model_wait(m, 60 * MINUTE);
	assert_int_equal(m->n_jobs, 1); /* the discovery */
	model_policy(m, model_set(a, NULL, SAN PROBE RECORD "[Iface]\nName = good-%i\n",
				  NULL));
	model_calm(m);
	assert_true(model_find_iface(m, "good-eth0") >= 0);
	model_set_free(a);
	end(m);
}

static void orphans_are_retired_after_retire_and_their_iface_last(void **st)
{
	struct model *m = bound_world_of(
		model_set(NULL, NULL, SAN PROBE RECORD "Retire = 10min\n", NULL));

	(void)st;
	model_unplug(m, 0);
	model_wait(m, 9 * MINUTE);
	assert_int_equal(count_nodes(m), 2);
	clear_trace(m);
	model_wait(m, 2 * MINUTE);
	assert_int_equal(m->n_jobs, 2);
	model_fail(m, 0, AB_OUTCOME_RETRY, false);
	assert_int_equal(m->n_jobs, 1); /* not at once */
	model_wait(m, 2000);
	model_calm(m);
	assert_int_equal(count_nodes(m), 0);
	assert_int_equal(model_find_iface(m, "ab-eth0"), -1);
	assert_string_equal(m->trace, "nnni");
	end(m);
}

static struct model *retiring_world(void)
{
	return bound_world_of(
		model_set(NULL, NULL, SAN PROBE RECORD "Retire = 10min\n", NULL));
}

static void retire_goes_on_counting_over_a_restart_of_the_daemon(void **st)
{
	struct model *m = retiring_world();

	(void)st;
	model_unplug(m, 0);
	model_wait(m, 6 * MINUTE);
	model_boot(m);
	model_wait(m, 3 * MINUTE);
	assert_int_equal(m->n_jobs, 0);
	model_wait(m, 1 * MINUTE + 1000);
	model_calm(m);
	assert_int_equal(count_nodes(m), 0);
	assert_int_equal(model_find_iface(m, "ab-eth0"), -1);
	end(m);
}

/* The file forgets times of another boot (io/ledger_file). */
static void retire_begins_anew_in_another_boot(void **st)
{
	struct model *m = retiring_world();
	unsigned int i;

	(void)st;
	model_unplug(m, 0);
	model_wait(m, 9 * MINUTE);
	for (i = 0; i < MODEL_RECORDS; i++)
		if (m->in_ledger[i] && m->ledger[i].kind == AB_LEDGER_IFACE) {
			assert_true(m->ledger[i].iface.orphan_ms > 0);
			m->ledger[i].iface.orphan_ms = 0;
		}
	model_boot(m);
	model_wait(m, 9 * MINUTE);
	assert_int_equal(m->n_jobs, 0);
	assert_int_equal(count_nodes(m), 2);
	model_wait(m, 1 * MINUTE + 1000);
	model_calm(m);
	assert_int_equal(count_nodes(m), 0);
	end(m);
}

static void retire_begins_when_the_daemon_misses_the_port(void **st)
{
	struct model *m = retiring_world();

	(void)st;
	m->ports[0].is_plugged = false;
	model_boot(m);
	model_wait(m, 9 * MINUTE);
	assert_int_equal(m->n_jobs, 0);
	model_wait(m, 1 * MINUTE + 1000);
	model_calm(m);
	assert_int_equal(count_nodes(m), 0);
	end(m);
}

static void a_port_that_comes_back_ends_the_time_to_retire(void **st)
{
	struct model *m = retiring_world();

	(void)st;
	model_unplug(m, 0);
	model_wait(m, 9 * MINUTE);
	model_plug(m, 0);
	model_calm(m);
	model_unplug(m, 0);
	model_boot(m);
	model_wait(m, 9 * MINUTE);
	assert_int_equal(m->n_jobs, 0);

	/* It is there, and nobody takes it: no address yet. */
	m->ports[0].is_plugged = m->ports[0].has_carrier = m->ports[0].is_ready = true;
	m->ports[0].has_addr = false;
	m->ports[0].ifindex = ++m->last_ifindex;
	model_boot(m);
	model_wait(m, 60 * MINUTE);
	assert_int_equal(m->n_jobs, 0);
	assert_int_equal(count_nodes(m), 2);
	model_unplug(m, 0);
	model_wait(m, 9 * MINUTE);
	assert_int_equal(m->n_jobs, 0);
	end(m);
}

/* No discovery names the second portal any more. */
static void lose_a_portal(struct model *m)
{
	m->portals[1].targets = 0;
	model_command(m, AB_COMMAND_APPLY);
	model_calm(m);
	assert_int_equal(count_nodes(m), 2);
}

static void a_record_that_no_discovery_names_retires_over_a_restart(void **st)
{
	struct model *m = retiring_world();

	(void)st;
	lose_a_portal(m);
	model_wait(m, 6 * MINUTE);
	model_calm(m);
	model_boot(m);
	model_calm(m);
	model_wait(m, 3 * MINUTE);
	model_calm(m);
	assert_int_equal(count_nodes(m), 2);
	model_wait(m, 1 * MINUTE + 1000);
	model_calm(m);
	assert_int_equal(count_nodes(m), 1);
	assert_true(has_node(m, 0, "ab-eth0"));
	end(m);
}

static void a_record_that_is_named_again_does_not_retire(void **st)
{
	struct model *m = retiring_world();
	unsigned int i;

	(void)st;
	lose_a_portal(m);
	model_wait(m, 9 * MINUTE);
	m->portals[1].targets = 1;
	model_boot(m);
	model_calm(m);
	for (i = 0; i < MODEL_RECORDS; i++)
		assert_false(m->in_ledger[i] && m->ledger[i].unwanted_ms);
	lose_a_portal(m);
	model_boot(m);
	model_wait(m, 9 * MINUTE);
	model_calm(m);
	assert_int_equal(count_nodes(m), 2);
	end(m);
}

static void another_retire_is_told_to_the_ledger(void **st)
{
	const struct ab_policy_set *first = san();
	struct model *m = bound_world_of(first);

	(void)st;
	clear_trace(m);
	model_policy(m,
		     model_set(first, NULL, SAN PROBE RECORD "Retire = 10min\n", NULL));
	assert_string_equal(m->trace, "L");
	m->ports[0].is_plugged = false;
	model_boot(m);
	model_wait(m, 10 * MINUTE + 1000);
	model_calm(m);
	assert_int_equal(count_nodes(m), 0);
	model_set_free(first);
	end(m);
}

/* --- what failed, over a restart --- */

/* The port is plugged, and its first discovery fails five times. */
static struct model *failing_world(void)
{
	struct model *m = world_of(san());
	unsigned int i;

	m->keeps_tries = true;
	model_plug(m, 0);
	model_wait(m, 300);
	model_probe(m, 0);
	model_probe(m, 0);
	while (m->n_jobs && m->jobs[0].type != AB_EF_DISCOVER)
		model_do(m, 0);
	for (i = 0; i < 5; i++) {
		assert_int_equal(m->jobs[0].type, AB_EF_DISCOVER);
		model_fail(m, 0, AB_OUTCOME_RETRY, false);
		while (m->n_jobs && m->jobs[0].type != AB_EF_DISCOVER)
			model_do(m, 0);
		if (i < 4)
			model_wait(m, AB_BACKOFF_MIN_MS << i);
	}
	assert_int_equal(m->n_jobs, 0);
	return m;
}

static void a_discovery_that_failed_is_not_asked_sooner_after_a_restart(void **st)
{
	struct model *m = failing_world();
	ab_mono next = path_at(m, 0, 0)->discovery.next;
	int32_t code = path_at(m, 0, 0)->discovery_code;

	(void)st;
	assert_int_equal(m->n_tries, 1);
	assert_int_equal(m->tries[0].try.attempts, 5);
	model_wait(m, 2000);
	m->notes[AB_NOTE_DISCOVERY_FAILED] = 0;
	model_boot(m);
	model_wait(m, 300);
	model_probe(m, 0);
	model_probe(m, 0);
	assert_int_equal(path_at(m, 0, 0)->health.state, AB_PATH_UP);
	/* What it said is not forgotten. */
	assert_int_equal(path_at(m, 0, 0)->discovery.attempts, 5);
	assert_int_equal(path_at(m, 0, 0)->discovery_code, code);
	model_wait(m, ab_mono_ms_between(m->now, next) - 1);
	assert_int_equal(m->n_jobs, 0);
	model_wait(m, 2);
	assert_int_equal(m->n_jobs, 1);
	assert_int_equal(m->jobs[0].type, AB_EF_DISCOVER);
	model_fail(m, 0, AB_OUTCOME_RETRY, false);
	assert_int_equal(m->tries[0].try.attempts, 6);
	assert_int_equal(m->notes[AB_NOTE_DISCOVERY_FAILED], 0); /* nothing new */
	model_wait(m, AB_BACKOFF_MAX_MS);
	model_calm(m);
	assert_int_equal(count_nodes(m), 2);
	assert_int_equal(m->n_tries, 0);
	end(m);
}

static void another_boot_remembers_nothing_that_failed(void **st)
{
	struct model *m = failing_world();

	(void)st;
	m->n_tries = 0; /* io/ledger_file */
	model_boot(m);
	model_calm(m);
	assert_int_equal(count_nodes(m), 2);
	end(m);
}

static void a_portal_that_was_lost_and_is_back_is_asked_at_once(void **st)
{
	struct model *m = failing_world();

	(void)st;
	m->portals[0].answers = false;
	model_boot(m);
	model_calm(m);
	m->portals[0].answers = true;
	model_calm(m);
	assert_int_equal(count_nodes(m), 2);
	end(m);
}

static void apply_and_a_device_that_goes_end_what_failed(void **st)
{
	struct model *m = failing_world();

	(void)st;
	m->ports[0].is_plugged = false;
	model_boot(m);
	assert_int_equal(m->n_tries, 1); /* it may come back */
	model_command(m, AB_COMMAND_APPLY);
	assert_int_equal(m->n_tries, 0);
	end(m);

	m = failing_world();
	model_unplug(m, 0);
	assert_int_equal(m->n_tries, 0);
	model_plug(m, 0);
	model_calm(m);
	assert_int_equal(count_nodes(m), 2);
	end(m);
}

/* The first node record is refused. */
static struct model *unwritable_world(void)
{
	struct model *m = world_of(san());

	m->keeps_tries = true;
	model_plug(m, 0);
	model_wait(m, 300);
	model_probe(m, 0);
	model_probe(m, 0);
	model_do(m, 0);
	model_do(m, 0);
	assert_int_equal(m->jobs[0].type, AB_EF_NODE_WRITE);
	model_fail(m, 0, AB_OUTCOME_DENIED, false);
	model_calm(m);
	assert_int_equal(count_nodes(m), 1);
	assert_int_equal(m->n_tries, 1);
	return m;
}

static void a_record_that_was_refused_is_not_tried_after_a_restart(void **st)
{
	const struct ab_policy_set *first;
	struct model *m = unwritable_world();
	uint32_t writes = m->n_writes;

	(void)st;
	first = m->set;
	model_boot(m);
	model_calm(m);
	model_wait(m, 60 * MINUTE);
	model_calm(m);
	assert_int_equal(m->n_writes, writes);
	assert_int_equal(m->n_tries, 1);
	/* Another configuration. */
	m->set = san_with("[Iface]\nCreate = always\n");
	model_boot(m);
	model_calm(m);
	assert_int_equal(count_nodes(m), 2);
	assert_int_equal(m->n_tries, 0);
	model_set_free(first);
	end(m);
}

static void an_iface_that_was_refused_keeps_its_name_over_a_restart(void **st)
{
	struct model *m = world_of(san());

	(void)st;
	m->keeps_tries = true;
	model_plug(m, 0);
	model_wait(m, 300);
	model_probe(m, 0);
	model_probe(m, 0);
	assert_int_equal(m->jobs[1].type, AB_EF_IFACE_WRITE);
	model_fail(m, 1, AB_OUTCOME_DENIED, false);
	model_calm(m);
	assert_int_equal(m->n_tries, 1);
	model_boot(m);
	model_calm(m);
	assert_int_equal(m->n_writes, 1);
	model_command(m, AB_COMMAND_APPLY);
	model_calm(m);
	assert_true(model_find_iface(m, "ab-eth0") >= 0);
	assert_int_equal(count_nodes(m), 2);
	assert_int_equal(m->n_tries, 0);
	end(m);
}

/* --- outcomes --- */

static struct model *at_first_node_write(void)
{
	struct model *m = world_of(san());

	model_plug(m, 0);
	model_wait(m, 300);
	model_probe(m, 0);
	model_probe(m, 0);
	model_do(m, 0);
	model_do(m, 0);
	assert_int_equal(m->n_jobs, 1);
	assert_int_equal(m->jobs[0].type, AB_EF_NODE_WRITE);
	return m;
}

static void an_unknown_outcome_means_looking_before_acting(void **st)
{
	bool applied;
	int i;

	(void)st;
	for (i = 0; i < 2; i++) {
		struct model *m = at_first_node_write();

		applied = i == 1;
		clear_trace(m);
		model_fail(m, 0, AB_OUTCOME_UNKNOWN, applied);
		assert_memory_equal(m->trace, "SS", 2);
		model_calm(m);
		model_wait(m, MINUTE);
		model_calm(m);
		assert_int_equal(count_nodes(m), 2);
		/* It is ours, too, where it was done after all. */
		assert_int_equal(ab_view_overall(&(struct ab_view){
					 .e = model_engine(m), .set = m->set }),
				 AB_OVERALL_OK);
		assert_int_equal(
			model_ledger(m,
				     &m->records[model_find_node(m, 0, 0, "ab-eth0")])
				->owner,
			AB_OWNER_OURS);
		end(m);
	}
}

static void a_record_of_unknown_fate_is_ours_when_the_ledger_says_so(void **st)
{
	struct model *m = at_first_node_write();
	const struct ab_policy_set *first = m->set;

	(void)st;
	model_fail(m, 0, AB_OUTCOME_UNKNOWN, true);
	model_calm(m);
	model_policy(m, model_set(first, NULL, SAN "Deny = 10.0.0.100\n" PROBE RECORD,
				  NULL));
	model_wait(m, MINUTE);
	model_calm(m);
	assert_false(has_node(m, 0, "ab-eth0"));
	model_set_free(first);
	end(m);
}

static void a_deletion_of_unknown_fate_is_not_the_administrators_hand(void **st)
{
	const struct ab_policy_set *a = san(), *b;
	struct model *m = bound_world_of(a);

	(void)st;
	b = model_set(a, NULL, SAN "Deny = 10.0.0.101\n" PROBE RECORD, NULL);
	model_policy(m, b);
	assert_int_equal(m->jobs[0].type, AB_EF_NODE_DELETE);
	m->records[model_find_node(m, 1, 0, "ab-eth0")].is_present = false;
	model_fail(m, 0, AB_OUTCOME_UNKNOWN, false);
	model_calm(m);
	assert_int_equal(m->notes[AB_NOTE_HELD], 0);
	model_policy(m, model_set(b, NULL, SAN PROBE RECORD, NULL));
	model_wait(m, MINUTE);
	model_calm(m);
	assert_true(has_node(m, 1, "ab-eth0"));
	model_set_free(a);
	model_set_free(b);
	end(m);
}

static void a_retry_waits_longer_each_time(void **st)
{
	struct model *m = at_first_node_write();
	int64_t last = 0, ms;
	unsigned int i;

	(void)st;
	for (i = 0; i < 6; i++) {
		ab_mono then = m->now;

		model_fail(m, 0, AB_OUTCOME_RETRY, false);
		assert_int_equal(m->n_jobs, 0);
		while (m->n_jobs == 0)
			assert_true(model_tick(m));
		ms = ab_mono_ms_between(then, m->now);
		assert_true(ms >= (INT64_C(750) << i) && ms <= (INT64_C(1000) << i));
		assert_true(ms > last);
		last = ms;
	}
	model_calm(m);
	assert_int_equal(count_nodes(m), 2);
	end(m);
}

static void a_denied_write_waits_for_another_policy(void **st)
{
	struct model *m = at_first_node_write();
	const struct ab_policy_set *first = m->set;

	(void)st;
	model_fail(m, 0, AB_OUTCOME_DENIED, false);
	model_calm(m);
	model_wait(m, 60 * MINUTE);
	model_calm(m);
	assert_false(has_node(m, 0, "ab-eth0"));
	assert_true(has_node(m, 1, "ab-eth0"));
	model_policy(m,
		     model_set(first, NULL, SAN "Refresh = 2h\n" PROBE RECORD, NULL));
	model_calm(m);
	assert_true(has_node(m, 0, "ab-eth0"));
	model_set_free(first);
	end(m);
}

static void failures_of_what_nobody_wants_any_more_are_forgotten(void **st)
{
	struct model *m = at_first_node_write();
	const struct ab_policy_set *first = m->set;

	(void)st;
	model_fail(m, 0, AB_OUTCOME_RETRY, false);
	assert_int_equal(model_engine(m)->nodes.live, 1);
	model_policy(m, model_set(first, NULL, SAN "Deny = 10.0.0.0/24\n" PROBE RECORD,
				  NULL));
	model_calm(m);
	assert_int_equal(model_engine(m)->nodes.live, 0);
	model_set_free(first);
	end(m);
}

static void an_unreadable_ledger_allows_additions_only(void **st)
{
	const struct ab_policy_set *first = san();
	struct model *m = bound_world_of(first);

	(void)st;
	model_remove(m, (unsigned int)model_find_node(m, 1, 0, "ab-eth0"), true);
	m->is_ledger_unreadable = true;
	model_boot(m);
	model_calm(m);
	assert_int_equal(count_nodes(m), 2);
	clear_trace(m);
	model_policy(m, model_set(first, NULL, SAN "Deny = 10.0.0.0/24\n" PROBE RECORD,
				  NULL));
	model_rename(m, 0, 4);
	model_calm(m);
	assert_null(strchr(m->trace, 'n'));
	assert_int_equal(count_nodes(m), 2);
	model_set_free(first);
	end(m);
}

static void records_that_are_stale_are_not_written(void **st)
{
	struct model *m = at_first_node_write();

	(void)st;
	model_do(m, 0);
	feed_stale(m, AB_SOURCE_RECORDS);
	clear_trace(m);
	model_calm(m);
	assert_null(strchr(m->trace, 'N'));
	feed_stale(m, AB_SOURCE_LEDGER);
	model_rename(m, 0, 6);
	model_calm(m);
	assert_null(strchr(m->trace, 'I'));
	end(m);
}

static void a_dump_that_began_before_events_were_lost_does_not_count(void **st)
{
	struct model *m = bound_world_of(san());

	(void)st;
	model_feed(m, &(struct ab_event){ .type = AB_EV_DUMP_BEGIN,
					  .dump.source = AB_SOURCE_RTNL });
	feed_stale(m, AB_SOURCE_RTNL);
	model_feed(m, &(struct ab_event){ .type = AB_EV_DUMP_END,
					  .dump.source = AB_SOURCE_RTNL });
	assert_false(model_engine(m)->is_fresh[AB_SOURCE_RTNL]);
	assert_int_equal(model_engine(m)->ports.live, 1);
	end(m);
}

static void a_look_at_the_ledger_alone_misses_no_record(void **st)
{
	struct model *m = bound_world_of(san());
	struct ab_event ev = { .type = AB_EV_DUMP_BEGIN };
	unsigned int i;

	(void)st;
	/* While the records are being listed, too: none has been seen yet. */
	ev.dump.source = AB_SOURCE_RECORDS;
	model_feed(m, &ev);
	ev.dump.source = AB_SOURCE_LEDGER;
	model_feed(m, &ev);
	for (i = 0; i < MODEL_RECORDS; i++) {
		ev.type = AB_EV_LEDGER;
		ev.ledger = m->ledger[i];
		if (m->in_ledger[i])
			model_feed(m, &ev);
	}
	memset(&ev, 0, sizeof(ev));
	ev.type = AB_EV_DUMP_END;
	ev.dump.source = AB_SOURCE_LEDGER;
	model_feed(m, &ev);
	assert_int_equal(m->notes[AB_NOTE_HELD], 0);
	end(m);
}

static void what_the_ledger_no_longer_names_is_foreign(void **st)
{
	struct model *m = bound_world_of(san());
	unsigned int i = (unsigned int)model_find_node(m, 1, 0, "ab-eth0");

	(void)st;
	memset(m->in_ledger, 0, sizeof(m->in_ledger));
	m->records[i].is_ours = false;
	model_feed(m, &(struct ab_event){ .type = AB_EV_DUMP_BEGIN,
					  .dump.source = AB_SOURCE_LEDGER });
	model_feed(m, &(struct ab_event){ .type = AB_EV_DUMP_END,
					  .dump.source = AB_SOURCE_LEDGER });
	model_rename(m, 0, 3);
	clear_trace(m);
	model_calm(m);
	assert_null(strchr(m->trace, 'n'));
	end(m);
}

/* --- health --- */

static void probing_slows_down_and_doubles_and_a_first_answer_speeds_it_up(void **st)
{
	static const uint32_t expected[] = { 10000, 20000, 40000, 60000, 60000 };
	struct model *m = bound_world_of(san());
	unsigned int i, p = probe_at(m, 0, 1);

	(void)st;
	assert_int_equal(m->probes[p].burst, 2);
	m->portals[1].answers = false;
	for (i = 0; i < 3; i++) {
		assert_int_equal(path_at(m, 0, 1)->health.state, AB_PATH_UP);
		model_probe(m, p);
	}
	for (i = 0; i < AB_COUNT(expected); i++) {
		assert_int_equal(path_at(m, 0, 1)->health.state, AB_PATH_DOWN);
		assert_int_equal(m->probes[p].interval_ms, expected[i]);
		model_probe(m, p);
	}
	assert_state(m, 0, AB_PORT_STATE_PARTIAL);
	m->portals[1].answers = true;
	model_probe(m, p);
	assert_int_equal(m->probes[p].interval_ms, 5000);
	assert_int_equal(m->probes[p].burst, 2);
	model_probe(m, p);
	assert_int_equal(path_at(m, 0, 1)->health.state, AB_PATH_UP);
	model_calm(m);
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	assert_int_equal(count_nodes(m), 2);
	end(m);
}

static void a_failed_neighbour_is_down_before_the_probes_say_so(void **st)
{
	struct model *m = bound_world_of(san());
	struct ab_event ev = { .type = AB_EV_NEIGH };

	(void)st;
	ev.neigh.ifindex = m->ports[0].ifindex;
	ev.neigh.addr = model_portal_at(m, 1).addr;
	ev.neigh.is_failed = true;
	model_feed(m, &ev);
	assert_int_equal(path_at(m, 0, 1)->health.state, AB_PATH_DOWN);
	assert_int_equal(path_at(m, 0, 0)->health.state, AB_PATH_UP);
	assert_true(is_probed(m, 0, 1)); /* slowly, but it is */
	model_calm(m);
	assert_int_equal(path_at(m, 0, 1)->health.state, AB_PATH_UP);
	end(m);
}

static void topology_soaks_50_ms_and_250_ms_at_most(void **st)
{
	struct model *m = world_of(san());
	ab_mono start;
	unsigned int i;

	(void)st;
	model_plug(m, 0);
	start = m->now;
	assert_int_equal(ab_mono_ms_between(start, ab_engine_next(model_engine(m))),
			 50);
	for (i = 0; i < 10 && m->n_trace == 0; i++) {
		model_wait(m, 40);
		if (m->n_trace == 0)
			model_feed(m, &(struct ab_event){ .type = AB_EV_ROUTES,
							  .routes.family = AF_INET });
		m->ports[0].has_carrier = !m->ports[0].has_carrier;
		if (m->n_trace == 0 && m->ports[0].has_carrier)
			model_rename(m, 0, (uint8_t)(i % 2));
	}
	assert_true(m->n_trace > 0);
	assert_true(ab_mono_ms_between(start, m->now) <= 280);
	m->ports[0].has_carrier = true;
	model_carrier(m, 0, true);
	model_calm(m);
	end(m);
}

/* --- room --- */

static unsigned int count_jobs(const struct model *m, enum ab_effect_type type)
{
	unsigned int i, n = 0;

	for (i = 0; i < m->n_jobs; i++)
		n += m->jobs[i].type == (uint32_t)type;
	return n;
}

static void a_limit_of_discoveries_holds_up_no_record_and_forgets_no_port(void **st)
{
	struct model *m = world_of(
		model_set(NULL, NULL,
			  "[Match]\nName = eth*\n[Portals]\nTargets = *\n"
			  "Discover = 10.0.0.100 10.0.0.101 10.0.0.103 10.0.0.104\n"
			  "[Iface]\nCreate = always\n[Probe]\nRise = 1\n" RECORD,
			  NULL));
	unsigned int i;

	(void)st;
	m->portals[3] = m->portals[4] = (struct model_portal){ true, 0, 1 };
	for (i = 0; i < 3; i++)
		model_plug(m, i);
	model_wait(m, 300);
	for (i = 0; i < MODEL_PROBES; i++)
		if (m->probes[i].is_set)
			model_probe(m, i);
	assert_int_equal(count_jobs(m, AB_EF_DISCOVER), AB_DISCOVERIES_MAX);
	/* The iface records of the ports that wait are written all the same. */
	assert_int_equal(count_jobs(m, AB_EF_IFACE_WRITE), 3);
	for (i = 0; m->jobs[i].type != AB_EF_DISCOVER; i++)
		;
	model_do(m, i);
	assert_int_equal(count_jobs(m, AB_EF_DISCOVER), AB_DISCOVERIES_MAX);
	model_calm(m);
	assert_int_equal(count_nodes(m), 3 * 4);
	for (i = 0; i < 3; i++)
		assert_state(m, i, AB_PORT_STATE_BOUND);
	end(m);
}

static void a_full_table_leaves_the_state_and_a_larger_copy_takes_the_event(void **st)
{
	static const struct ab_limits small = { .ports = 1, .addrs = 1 },
				      large = { .ports = 2, .addrs = 2, .paths = 4 };
	struct ab_engine_config config = { .seed = 7 };
	struct ab_effect v[AB_EFFECTS_MIN];
	struct ab_effects out = { .v = v, .max = AB_EFFECTS_MIN };
	void *a = calloc(1, ab_engine_size(&small)),
	     *b = malloc(ab_engine_size(&large));
	struct ab_engine *e = ab_engine_init(a, &small, &config);
	struct ab_event ev = { .type = AB_EV_LINK };
	char before[1024], after[1024];

	(void)st;
	ev.link.ifindex = 1;
	strcpy(ev.link.name, "eth1");
	assert_int_equal(ab_engine_step(e, NULL, &ev, ab_mono_ns(5), &out), 0);
	(void)ab_engine_project(e, before, sizeof(before));
	ev.link.ifindex = 2;
	strcpy(ev.link.name, "eth2");
	assert_int_equal(ab_engine_step(e, NULL, &ev, ab_mono_ns(6), &out),
			 AB_ENGINE_E_LIMIT);
	(void)ab_engine_project(e, after, sizeof(after));
	assert_string_equal(before, after);
	assert_null(ab_engine_copy(b, &(struct ab_limits){ 0 }, e));
	e = ab_engine_copy(b, &large, e);
	assert_non_null(e);
	(void)ab_engine_project(e, after, sizeof(after));
	assert_string_equal(before, after);
	assert_int_equal(ab_engine_step(e, NULL, &ev, ab_mono_ns(6), &out), 0);
	assert_int_equal(e->ports.live, 2);
	free(a);
	free(b);
}

static void step_alone(struct ab_engine *e, const struct ab_policy_set *set,
		       const struct ab_event *ev, ab_mono now)
{
	struct ab_effect v[AB_EFFECTS_MIN];
	struct ab_effects out = { .v = v, .max = AB_EFFECTS_MIN };

	assert_int_equal(ab_engine_step(e, set, ev, now, &out), 0);
}

/* Everything fresh, and one device with an address. */
static void feed_one_port(struct ab_engine *e, const struct ab_policy_set *set,
			  ab_mono now)
{
	struct ab_event ev = { .type = AB_EV_POLICY };
	unsigned int i;

	step_alone(e, set, &ev, now);
	for (i = 0; i < AB_SOURCE_MAX; i++) {
		ev = (struct ab_event){ .type = AB_EV_DUMP_BEGIN };
		ev.dump.source = (uint8_t)i;
		step_alone(e, set, &ev, now);
		ev.type = AB_EV_DUMP_END;
		step_alone(e, set, &ev, now);
	}
	ev = (struct ab_event){ .type = AB_EV_LINK };
	ev.link = (struct ab_link){ .ifindex = 3,
				    .name = "eth0",
				    .type = AB_PORT_ETHER,
				    .is_up = true,
				    .has_carrier = true };
	step_alone(e, set, &ev, now);
	ev = (struct ab_event){ .type = AB_EV_UDEV };
	ev.udev.ifindex = 3;
	ev.udev.is_initialized = true;
	step_alone(e, set, &ev, now);
	ev = (struct ab_event){ .type = AB_EV_ADDR };
	ev.addr.ifindex = 3;
	ev.addr.net = (struct ab_net){ { AF_INET, { 10, 0, 0, 10 } }, 24 };
	step_alone(e, set, &ev, now);
}

/* The world grows into copies while it is planned, and nothing is forgotten. */
static void planning_goes_on_when_there_is_room_again(void **st)
{
	static const struct ab_limits sizes[] = {
		{ .ports = 4, .addrs = 4 },
		{ .ports = 4, .addrs = 4, .paths = 1, .targets = 1, .founds = 1 },
		{ .ports = 4, .addrs = 4, .paths = 8, .targets = 8, .founds = 8 },
	};
	static const uint32_t n_paths[] = { 0, 1, 2 };
	const struct ab_policy_set *set =
		model_set(NULL, NULL,
			  "[Match]\nName = eth*\n[Portals]\nTargets = *\n"
			  "Static = iqn.2026-01.test:t0@10.0.0.100:3260,1 "
			  "iqn.2026-01.test:t0@10.0.0.101:3260,1\n" PROBE RECORD,
			  NULL);
	struct ab_engine_config config = { .seed = 1 };
	ab_mono now = ab_mono_ns(AB_NSEC_PER_SEC);
	void *block = malloc(ab_engine_size(&sizes[0])), *copy;
	struct ab_engine *e;
	unsigned int i;

	(void)st;
	assert_non_null(block);
	e = ab_engine_init(block, &sizes[0], &config);
	feed_one_port(e, set, now);
	now = ab_mono_add_ms(now, 300);
	for (i = 0; i < AB_COUNT(sizes); i++) {
		copy = malloc(ab_engine_size(&sizes[i]));
		assert_non_null(copy);
		e = ab_engine_copy(copy, &sizes[i], e);
		assert_non_null(e);
		free(block);
		block = copy;
		step_alone(e, set, &(struct ab_event){ .type = AB_EV_TICK }, now);
		assert_int_equal(e->paths.live, n_paths[i]);
		assert_int_equal(ab_engine_wants_room(e), i + 1 < AB_COUNT(sizes));
	}
	free(block);
	model_set_free(set);
}

/* --- the same state by every way --- */

static void project(struct model *m, char *buf, size_t size)
{
	assert_true(ab_engine_project(model_engine(m), buf, size) <= size);
}

/* Takes out the words that are numbers: ranks of deadlines. Which of two ports is asked
 * first is no difference. */
static void drop_times(char *text)
{
	char *to = text, *from = text;

	while (*from) {
		size_t n = strcspn(from + 1, " \n") + 1;

		if (n == 1 || from[0] != ' ' ||
		    strspn(from + 1, "0123456789") != n - 1) {
			memmove(to, from, n);
			to += n;
		}
		from += n;
	}
	*to = '\0';
}

static void the_order_of_a_coldplug_makes_no_difference(void **st)
{
	static const uint8_t orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
					      { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
	char first[16384], other[16384];
	unsigned int i, k;

	(void)st;
	for (i = 0; i < 6; i++) {
		struct model *m = world_of(san());

		for (k = 0; k < 3; k++)
			model_plug(m, orders[i][k]);
		model_calm(m);
		model_wait(m, 10 * MINUTE);
		project(m, i ? other : first, sizeof(first));
		drop_times(i ? other : first);
		if (i)
			assert_string_equal(first, other);
		end(m);
	}
}

static void coldplug_and_hotplug_lead_to_the_same_state(void **st)
{
	char hot[16384], cold[16384];
	struct model *m = bound_world_of(san());

	(void)st;
	model_wait(m, 10 * MINUTE);
	project(m, hot, sizeof(hot));
	end(m);
	m = world_of(san());
	m->ports[0].is_plugged = m->ports[0].has_carrier = m->ports[0].is_ready = true;
	m->ports[0].has_addr = true;
	m->ports[0].ifindex = 2;
	model_boot(m);
	model_calm(m);
	model_wait(m, 10 * MINUTE);
	project(m, cold, sizeof(cold));
	assert_string_equal(hot, cold);
	end(m);
}

static void a_restart_in_an_unchanged_world_writes_nothing(void **st)
{
	struct model *m = bound_world_of(
		san_with("[Node]\nnode.session.timeo.replacement_timeout = 5\n"));
	uint32_t writes = m->n_writes;

	(void)st;
	model_boot(m);
	model_calm(m);
	model_wait(m, 24 * 60 * MINUTE);
	model_calm(m);
	assert_int_equal(m->n_writes, writes);
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	end(m);
}

static void a_restart_without_a_cable_deletes_nothing(void **st)
{
	/* Name takes the port although it has no address, and so no subnet. */
	const struct ab_policy_set *set =
		model_set(NULL, NULL,
			  "[Match]\nName = eth*\n[Portals]\nDiscover = 10.0.0.100\n"
			  "Targets = *\n" PROBE RECORD,
			  NULL);
	struct model *m = bound_world_of(set);
	uint32_t writes = m->n_writes;

	(void)st;
	model_carrier(m, 0, false);
	model_addr(m, 0, false);
	model_boot(m);
	model_wait(m, 24 * 60 * MINUTE);
	assert_int_equal(m->n_writes, writes);
	model_carrier(m, 0, true);
	model_addr(m, 0, true);
	model_calm(m);
	assert_int_equal(m->n_writes, writes);
	assert_state(m, 0, AB_PORT_STATE_BOUND);
	end(m);
}

static void a_dump_sweeps_what_did_not_appear(void **st)
{
	struct ab_event ev = { .type = AB_EV_DUMP_BEGIN };
	struct model *m = bound_world_of(san());

	(void)st;
	ev.dump.source = AB_SOURCE_RTNL;
	model_feed(m, &ev);
	ev.type = AB_EV_DUMP_END;
	m->ports[0].is_plugged = false;
	model_feed(m, &ev);
	model_calm(m);
	assert_int_equal(model_engine(m)->ports.live, 0);
	assert_int_equal(m->notes[AB_NOTE_PORT_GONE], 1);
	assert_int_equal(count_nodes(m), 2);
	end(m);
}

static uint32_t next_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*state >> 33);
}

/* However they come and go, and wherever the latest one was put. */
static void paths_are_kept_in_the_order_of_their_portals(void **st)
{
	static const struct ab_limits limits = { .ports = 1, .paths = 64 };
	const struct ab_engine_config config = { .seed = 1 };
	struct ab_engine *e =
		ab_engine_init(malloc(ab_engine_size(&limits)), &limits, &config);
	uint32_t port = ab_world_add_port(e, 2), i, k, n;
	uint64_t seed = 7;

	(void)st;
	for (k = 0; k < 2000; k++) {
		uint8_t host = (uint8_t)(next_random(&seed) % 64);
		struct ab_portal portal = { .addr = { AF_INET, { 10, 0, 0, host } },
					    .port = AB_PORTAL_PORT };
		uint32_t slot = ab_world_find_path(e, port, &portal);

		if (slot == AB_NONE)
			assert_int_not_equal(ab_world_add_path(e, port, &portal),
					     AB_NONE);
		else
			ab_world_remove_path(e, slot);
		n = 0;
		for (i = ab_port_at(e, port)->first_path; i != AB_NONE;
		     i = ab_path_at(e, i)->next) {
			uint32_t next = ab_path_at(e, i)->next;

			n++;
			if (next != AB_NONE)
				assert_true(ab_portal_compare(
						    &ab_path_at(e, i)->portal,
						    &ab_path_at(e, next)->portal) < 0);
		}
		assert_int_equal(n, e->paths.live);
	}
	free(e);
}

/* One change or answer that may happen now. */
static void random_event(struct model *m, uint64_t *seed)
{
	unsigned int port = next_random(seed) % 2, what = next_random(seed) % 16;
	struct model_port *p = &m->ports[port];
	unsigned int i = next_random(seed);

	if (what < 5 && m->n_jobs)
		model_do(m, i % m->n_jobs);
	else if (what < 7 && m->n_jobs)
		i & 64 ? model_fail(m, i % m->n_jobs, AB_OUTCOME_RETRY, false)
		       : model_fail(m, i % m->n_jobs, AB_OUTCOME_UNKNOWN, i & 128);
	else if (what < 9)
		for (i = 0; i < MODEL_PROBES; i++)
			if (m->probes[i].is_set)
				model_probe(m, i);
	if (what == 9)
		p->is_plugged ? model_unplug(m, port) : model_plug(m, port);
	else if (what == 10 && p->is_plugged)
		model_carrier(m, port, !p->has_carrier);
	else if (what == 11 && p->is_plugged)
		model_addr(m, port, !p->has_addr);
	else if (what == 12 && p->is_plugged)
		model_rename(m, port, (uint8_t)(port + 2 * (i % 3)));
	else if (what == 13)
		m->portals[i % 2].answers = !m->portals[i % 2].answers;
	else if (what == 14 && m->records[i % 6].kind && m->records[i % 6].is_present)
		model_remove(m, i % 6, i & 64);
	else if (what == 15)
		model_wait(m, i % 20000);
}

static void random_worlds_keep_the_rules_and_planning_all_changes_nothing(void **st)
{
	struct model *scratch = malloc(sizeof(*scratch));
	uint64_t seed;
	unsigned int i, k;

	(void)st;
	assert_non_null(scratch);
	for (i = 0; i < 40; i++) {
		struct model *m = world_of(san());

		seed = i * 7919 + 1;
		for (k = 0; k < 150; k++) {
			const char *broken;

			random_event(m, &seed);
			broken = m->violation ? m->violation : model_check(m, scratch);
			if (broken)
				fail_msg("seed %u, event %u: %s (%s)", i, k, broken,
					 m->trace);
		}
		model_calm(m);
		end(m);
	}
	free(scratch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			hotplug_leads_through_probes_iface_and_discovery_to_node_records),
		cmocka_unit_test(
			create_always_writes_the_iface_before_any_portal_answers),
		cmocka_unit_test(create_reachable_waits_for_the_first_answer),
		cmocka_unit_test(action_iface_makes_the_iface_only),
		cmocka_unit_test(action_ignore_writes_nothing),
		cmocka_unit_test(a_port_waits_until_udev_is_through),
		cmocka_unit_test(method_none_takes_a_route_for_an_answer),
		cmocka_unit_test(static_targets_need_no_discovery),
		cmocka_unit_test(
			portals_of_another_subnet_are_left_out_unless_the_policy_says_no),
		cmocka_unit_test(
			max_portals_keeps_the_first_and_never_stops_the_discovery),
		cmocka_unit_test(two_ports_bind_the_same_portal_each_by_its_own_iface),
		cmocka_unit_test(use_default_binds_to_no_iface_and_writes_none),
		cmocka_unit_test(
			ports_that_share_a_default_record_do_not_rewrite_it_in_turns),
		cmocka_unit_test(bind_by_mac_writes_the_hardware_address),
		cmocka_unit_test(a_lost_carrier_changes_no_record),
		cmocka_unit_test(
			a_dropped_address_untakes_nothing_and_changes_no_record),
		cmocka_unit_test(an_address_under_duplicate_detection_is_one_that_went),
		cmocka_unit_test(a_moved_address_adds_at_once_and_deletes_after_settle),
		cmocka_unit_test(a_contradicting_address_untakes_after_settle_only),
		cmocka_unit_test(
			an_address_that_comes_home_in_time_contradicts_nothing),
		cmocka_unit_test(
			a_list_of_exceptions_alone_contradicts_no_other_address),
		cmocka_unit_test(a_rename_rewrites_the_iface_and_its_node_records),
		cmocka_unit_test(
			a_port_is_recognised_by_its_hardware_under_another_name),
		cmocka_unit_test(
			a_port_that_is_back_before_its_iface_is_written_gets_no_second_one),
		cmocka_unit_test(an_enslaved_device_is_no_port),
		cmocka_unit_test(
			a_gone_port_takes_its_probes_along_however_small_the_list),
		cmocka_unit_test(a_discovery_under_way_is_not_doubled),
		cmocka_unit_test(an_address_without_a_link_leaves_no_trace),
		cmocka_unit_test(a_loopback_is_excluded_and_so_is_what_udev_ignores),
		cmocka_unit_test(an_excluded_port_is_left_alone_and_told_why),
		cmocka_unit_test(
			an_excluded_portal_is_neither_used_nor_are_its_records_deleted),
		cmocka_unit_test(a_foreign_iface_that_binds_the_port_is_used_as_it_is),
		cmocka_unit_test(a_taken_name_gets_a_number),
		cmocka_unit_test(a_foreign_node_record_is_not_touched),
		cmocka_unit_test(a_modified_record_is_not_rewritten),
		cmocka_unit_test(
			what_the_administrator_removed_stays_removed_until_apply),
		cmocka_unit_test(what_is_removed_while_a_write_of_it_waits_is_held),
		cmocka_unit_test(a_held_iface_holds_its_port),
		cmocka_unit_test(a_held_record_that_somebody_makes_again_is_theirs),
		cmocka_unit_test(what_was_held_and_is_there_again_at_start_is_theirs),
		cmocka_unit_test(
			what_a_discovery_by_hand_swept_away_is_back_after_5_seconds),
		cmocka_unit_test(what_went_while_the_daemon_was_away_is_held),
		cmocka_unit_test(what_is_back_at_the_second_look_was_never_gone),
		cmocka_unit_test(a_listing_soon_after_the_first_confirms_nothing),
		cmocka_unit_test(apply_does_not_wait_for_the_second_look),
		cmocka_unit_test(while_paused_nothing_changes_and_resume_catches_up),
		cmocka_unit_test(a_pause_and_quiescence_are_kept_apart),
		cmocka_unit_test(wider_targets_add_and_deny_deletes_what_is_ours),
		cmocka_unit_test(
			an_update_in_flight_leaves_a_port_bound_but_nothing_settled),
		cmocka_unit_test(
			a_set_with_fewer_policies_is_safe_while_links_are_stale),
		cmocka_unit_test(
			an_address_that_is_asked_no_more_takes_its_finds_along),
		cmocka_unit_test(a_new_name_is_tried_when_the_old_one_was_denied),
		cmocka_unit_test(orphans_are_retired_after_retire_and_their_iface_last),
		cmocka_unit_test(retire_goes_on_counting_over_a_restart_of_the_daemon),
		cmocka_unit_test(retire_begins_anew_in_another_boot),
		cmocka_unit_test(retire_begins_when_the_daemon_misses_the_port),
		cmocka_unit_test(a_port_that_comes_back_ends_the_time_to_retire),
		cmocka_unit_test(
			a_record_that_no_discovery_names_retires_over_a_restart),
		cmocka_unit_test(a_record_that_is_named_again_does_not_retire),
		cmocka_unit_test(another_retire_is_told_to_the_ledger),
		cmocka_unit_test(
			a_discovery_that_failed_is_not_asked_sooner_after_a_restart),
		cmocka_unit_test(another_boot_remembers_nothing_that_failed),
		cmocka_unit_test(a_portal_that_was_lost_and_is_back_is_asked_at_once),
		cmocka_unit_test(apply_and_a_device_that_goes_end_what_failed),
		cmocka_unit_test(
			a_record_that_was_refused_is_not_tried_after_a_restart),
		cmocka_unit_test(
			an_iface_that_was_refused_keeps_its_name_over_a_restart),
		cmocka_unit_test(an_unknown_outcome_means_looking_before_acting),
		cmocka_unit_test(
			a_record_of_unknown_fate_is_ours_when_the_ledger_says_so),
		cmocka_unit_test(
			a_deletion_of_unknown_fate_is_not_the_administrators_hand),
		cmocka_unit_test(a_retry_waits_longer_each_time),
		cmocka_unit_test(a_denied_write_waits_for_another_policy),
		cmocka_unit_test(failures_of_what_nobody_wants_any_more_are_forgotten),
		cmocka_unit_test(an_unreadable_ledger_allows_additions_only),
		cmocka_unit_test(records_that_are_stale_are_not_written),
		cmocka_unit_test(
			a_dump_that_began_before_events_were_lost_does_not_count),
		cmocka_unit_test(a_look_at_the_ledger_alone_misses_no_record),
		cmocka_unit_test(what_the_ledger_no_longer_names_is_foreign),
		cmocka_unit_test(
			probing_slows_down_and_doubles_and_a_first_answer_speeds_it_up),
		cmocka_unit_test(a_failed_neighbour_is_down_before_the_probes_say_so),
		cmocka_unit_test(topology_soaks_50_ms_and_250_ms_at_most),
		cmocka_unit_test(
			a_limit_of_discoveries_holds_up_no_record_and_forgets_no_port),
		cmocka_unit_test(
			a_full_table_leaves_the_state_and_a_larger_copy_takes_the_event),
		cmocka_unit_test(planning_goes_on_when_there_is_room_again),
		cmocka_unit_test(the_order_of_a_coldplug_makes_no_difference),
		cmocka_unit_test(coldplug_and_hotplug_lead_to_the_same_state),
		cmocka_unit_test(a_restart_in_an_unchanged_world_writes_nothing),
		cmocka_unit_test(a_restart_without_a_cable_deletes_nothing),
		cmocka_unit_test(a_dump_sweeps_what_did_not_appear),
		cmocka_unit_test(paths_are_kept_in_the_order_of_their_portals),
		cmocka_unit_test(
			random_worlds_keep_the_rules_and_planning_all_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
