/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The words for why a port, a path or a record is as it is, and for what happened. The
 * state is put into the engine by hand where no world leads to it quickly.
 */
#include "ab_test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../model/model.h"
#include "core/name.h"
#include "core/proto.h"
#include "core/view.h"
#include "core/view_text.h"

#define SAN                                                                            \
	"[Match]\nAddress = 10.0.0.0/16\n[Bind]\nAction = record\n"                    \
	"[Portals]\nDiscover = 10.0.0.100\nTargets = iqn.2026-01.test:*\n"

static struct model *world_of(const struct ab_policy_set *set)
{
	struct model *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	model_init(m, set);
	m->portals[0] = (struct model_portal){ true, 0, 1 };
	model_boot(m);
	return m;
}

static struct model *bound_world(void)
{
	struct model *m = world_of(model_set(NULL, NULL, SAN, NULL));

	model_plug(m, 0);
	model_calm(m);
	return m;
}

static void end(struct model *m)
{
	model_set_free(m->set);
	free(m);
}

static struct ab_view view(struct model *m)
{
	return (struct ab_view){ .e = model_engine(m), .set = m->set, .now = m->now };
}

static struct ab_port *port_at(struct model *m)
{
	uint32_t slot = ab_world_find_port(model_engine(m), m->ports[0].ifindex);

	assert_int_not_equal(slot, AB_NONE);
	return ab_port_at(model_engine(m), slot);
}

static struct ab_path *path_at(struct model *m)
{
	return ab_path_at(model_engine(m), port_at(m)->first_path);
}

static struct ab_node *node_at(struct model *m)
{
	uint32_t iface = port_at(m)->iface;

	return ab_node_at(model_engine(m),
			  ab_iface_at(model_engine(m), iface)->first_node);
}

static void assert_path(struct model *m, enum ab_view_reason reason, const char *text)
{
	struct ab_view v = view(m);
	char buf[512];
	struct ab_text t;

	ab_text_init(&t, buf, sizeof(buf));
	assert_int_equal(ab_view_add_path_reason(&t, &v, path_at(m)), reason);
	assert_string_equal(buf, text);
}

static void assert_record(struct model *m, enum ab_view_reason reason, const char *text)
{
	struct ab_view v = view(m);
	char buf[512];
	struct ab_text t;

	ab_text_init(&t, buf, sizeof(buf));
	assert_int_equal(ab_view_add_record_reason(&t, &v, &node_at(m)->record),
			 reason);
	assert_string_equal(buf, text);
}

static void assert_port(struct model *m, enum ab_view_reason reason, const char *text)
{
	struct ab_view v = view(m);
	char buf[1024];
	struct ab_text t;

	ab_text_init(&t, buf, sizeof(buf));
	assert_int_equal(ab_view_add_port_reason(&t, &v, port_at(m)), reason);
	assert_string_equal(buf, text);
}

/* --- paths --- */

static void every_state_of_a_path_has_words(void **st)
{
	static const struct {
		enum ab_path_state state;
		int32_t error;
		const char *text;
	} rows[] = {
		{ AB_PATH_DOWN, 0, "does not answer" },
		{ AB_PATH_DOWN, EHOSTUNREACH, "does not answer ARP or ND" },
		{ AB_PATH_REFUSED, ECONNREFUSED, "refused: connection refused" },
		{ AB_PATH_REFUSED, EHOSTUNREACH, "refused: no route to host" },
		{ AB_PATH_CANNOTSEND, EPERM,
		  "cannot send: not permitted (a firewall rule?)" },
		{ AB_PATH_CANNOTSEND, -EMSGSIZE, "cannot send: larger than the MTU" },
		{ AB_PATH_CANNOTSEND, 12345, "cannot send: error 12345" },
		{ AB_PATH_WRONGDEVICE, 0, "answers come in by another device" },
		{ AB_PATH_NOCARRIER, 0, "no carrier" },
		{ AB_PATH_NOADDR, 0, "no IPv4 address on the device" },
		{ AB_PATH_NOROUTE, 0, "no route to it by this device" },
	};
	struct model *m = bound_world();
	size_t i;

	(void)st;
	for (i = 0; i < AB_COUNT(rows); i++) {
		path_at(m)->health.state = (uint8_t)rows[i].state;
		path_at(m)->health.error = rows[i].error;
		assert_path(m, AB_REASON_BLOCKED, rows[i].text);
	}
	path_at(m)->health.state = AB_PATH_NOADDR;
	path_at(m)->portal.addr.family = AF_INET6;
	assert_path(m, AB_REASON_BLOCKED, "no usable IPv6 address on the device");
	path_at(m)->health.state = AB_PATH_UNKNOWN;
	path_at(m)->is_probed = false;
	assert_path(m, AB_REASON_UNDER_WAY, "the kernel is asked for the route");
	end(m);
}

static void every_verdict_on_a_portal_has_words(void **st)
{
	static const struct {
		enum ab_portal_verdict verdict;
		const char *text;
	} rows[] = {
		{ AB_PORTAL_DENIED, "denied by the policy" },
		{ AB_PORTAL_NOT_ALLOWED, "not in Allow" },
		{ AB_PORTAL_OTHER_SUBNET,
		  "the port has no address in its subnet (SameSubnet)" },
		{ AB_PORTAL_UNUSABLE, "not an address that a target can have" },
		/* No deny list names it any more: nothing to point at. */
		{ AB_PORTAL_EXCLUDED, "excluded by exclude.d" },
		{ AB_PORTAL_WANTED, "no wanted target lives there" },
	};
	struct model *m = bound_world();
	size_t i;

	(void)st;
	path_at(m)->health.state = AB_PATH_UNWANTED;
	for (i = 0; i < AB_COUNT(rows); i++) {
		path_at(m)->verdict = (uint8_t)rows[i].verdict;
		assert_path(m, AB_REASON_BLOCKED, rows[i].text);
	}
	path_at(m)->is_over_limit = true;
	assert_path(m, AB_REASON_BLOCKED, "over MaxPortals (32)");
	end(m);
}

static void every_stage_of_a_discovery_has_words(void **st)
{
	struct model *m = bound_world();
	struct ab_path *path = path_at(m);

	(void)st;
	assert_path(m, AB_REASON_NONE, "answers");
	path->discovery_code = AB_DISCOVERY_BUSY;
	path->discovery_job = 77;
	assert_path(m, AB_REASON_UNDER_WAY,
		    "answers; discovery failed: the target says that it is busy or out "
		    "of order");
	path->discovery_job = 0;
	path->discovery.next = ab_mono_add_ms(m->now, 90000);
	assert_path(m, AB_REASON_BLOCKED,
		    "answers; discovery failed: the target says that it is busy or out "
		    "of order; again in 90 s");
	path->discovery_code = 0;
	path->discovery_ok_at = ab_mono_ns(0);
	assert_path(m, AB_REASON_UNDER_WAY, "answers; it will be asked for targets");
	path->discovery_job = 77;
	assert_path(m, AB_REASON_UNDER_WAY, "answers; it is being asked for targets");
	end(m);
}

static void discoveries_tell_what_is_not_in_targets(void **st)
{
	struct model *m = world_of(
		model_set(NULL, NULL,
			  "[Match]\nName = eth*\n[Portals]\nDiscover = 10.0.0.100\n"
			  "Targets = iqn.2026-01.test:t1\n[Bind]\nAction = record\n",
			  NULL));

	(void)st;
	model_plug(m, 0);
	model_calm(m);
	assert_path(m, AB_REASON_NONE,
		    "answers; of 1 binding found 1 is not in Targets");
	assert_port(m, AB_REASON_BLOCKED,
		    "no wanted target: 1 binding found is not in Targets");
	m->portals[0].targets = 5;
	model_command(m, AB_COMMAND_APPLY);
	model_calm(m);
	assert_path(m, AB_REASON_NONE,
		    "answers; of 2 bindings found 2 are not in Targets");
	assert_port(m, AB_REASON_BLOCKED,
		    "no wanted target: 2 bindings found are not in Targets");
	m->portals[0].targets = 0;
	model_command(m, AB_COMMAND_APPLY);
	model_calm(m);
	assert_path(m, AB_REASON_NONE, "answers; discovery found nothing");
	end(m);
}

/* --- records --- */

static void every_trouble_of_a_record_has_words(void **st)
{
	struct model *m = bound_world();
	struct ab_record_item *r = &node_at(m)->record, whole = *r;

	(void)st;
	assert_record(m, AB_REASON_NONE, "");
	r->is_awaited = true;
	assert_record(m, AB_REASON_BLOCKED,
		      "nobody knows how writing it ended; the records are read again");
	*r = whole;
	r->is_doubted = true;
	model_engine(m)->recheck_at = ab_mono_add_ms(m->now, 4000);
	assert_record(m, AB_REASON_BLOCKED,
		      "not there when the records were read; looked for once more in "
		      "4 s");
	*r = whole;
	r->is_denied = true;
	r->code = ENAMETOOLONG;
	assert_record(m, AB_REASON_BLOCKED,
		      "refused: a name that is too long for a file; not tried again "
		      "until the policy changes");
	*r = whole;
	r->backoff = (struct ab_backoff){ ab_mono_add_ms(m->now, 1500), 1 };
	/* What failed once and is as it should be now is nothing to tell. */
	assert_record(m, AB_REASON_NONE, "");
	r->wish = AB_WISH_UPDATE;
	assert_record(m, AB_REASON_BLOCKED,
		      "it was not as expected when it was written; again in 1500 ms");
	*r = whole;
	r->state = AB_RECORD_BROKEN;
	assert_record(m, AB_REASON_BLOCKED,
		      "the file is broken, and nobody's to repair but the "
		      "administrator's");
	*r = whole;
	r->job = 5;
	assert_record(m, AB_REASON_UNDER_WAY, "being written");
	assert_string_equal(ab_view_record_state(r), "writing");
	*r = whole;
	r->state = AB_RECORD_BROKEN;
	assert_string_equal(ab_view_record_state(r), "broken");
	r->is_present = false;
	assert_string_equal(ab_view_record_state(r), "absent");
	r->ledger = AB_OWNER_HELD;
	assert_string_equal(ab_view_record_state(r), "removed");
	end(m);
}

/* --- ports --- */

static void feed_addr(struct model *m, const char *addr, bool is_failed)
{
	struct ab_event ev = { .type = AB_EV_ADDR };
	struct ab_portal p;

	ev.addr.ifindex = m->ports[0].ifindex;
	assert_int_equal(ab_name_parse_portal(addr, &p), 0);
	ev.addr.net = (struct ab_net){ p.addr, 64 };
	ev.addr.is_failed = ev.addr.is_tentative = is_failed;
	model_feed(m, &ev);
	model_wait(m, 300);
}

static void ports_without_an_address_tell_what_they_have(void **st)
{
	struct model *m = world_of(
		model_set(NULL, NULL,
			  "[Match]\nName = eth*\n[Portals]\nDiscover = 10.0.0.100\n"
			  "Targets = *\n[Bind]\nAction = record\n",
			  NULL));

	(void)st;
	model_plug(m, 0);
	model_addr(m, 0, false);
	model_wait(m, 300);
	assert_port(m, AB_REASON_BLOCKED, "no usable address");
	feed_addr(m, "[fe80::1]", false);
	assert_port(m, AB_REASON_BLOCKED, "no usable address: only a link-local one");
	feed_addr(m, "[fd00::1]", true);
	assert_port(m, AB_REASON_BLOCKED,
		    "no usable address: another host has the same one");
	end(m);
}

static void ports_that_are_not_taken_tell_why(void **st)
{
	struct model *m = bound_world();
	struct ab_port *p = port_at(m);
	const struct ab_policy_set *set = m->set;

	(void)st;
	p->state = AB_PORT_STATE_PENDING;
	p->udev.is_initialized = false;
	assert_port(m, AB_REASON_UNDER_WAY, "udev has not finished with it");
	p->has_udev = false;
	assert_port(m, AB_REASON_UNDER_WAY, "udev has not announced it");
	model_engine(m)->is_fresh[AB_SOURCE_UDEV] = false;
	assert_port(m, AB_REASON_UNDER_WAY, "devices are being read from udev");
	model_engine(m)->is_fresh[AB_SOURCE_RTNL] = false;
	assert_port(m, AB_REASON_UNDER_WAY, "links and addresses are being read");
	p->state = AB_PORT_STATE_ENSLAVED;
	p->link.master = 900;
	assert_port(m, AB_REASON_BLOCKED,
		    "member of another device, which is the port");
	p->link.master = 0;
	p->state = AB_PORT_STATE_EXCLUDED;
	assert_port(m, AB_REASON_BLOCKED, "excluded by exclude.d");
	p->udev.is_ignored = true;
	assert_port(m, AB_REASON_BLOCKED, "AUTOBIND_IGNORE=1 is set by udev");
	p->link.type = AB_PORT_LOOPBACK;
	assert_port(m, AB_REASON_BLOCKED, "loopback");
	p->link.type = AB_PORT_ETHER;
	p->state = AB_PORT_STATE_IGNORED;
	assert_port(m, AB_REASON_BLOCKED, "Action=ignore");
	p->state = AB_PORT_STATE_NOCARRIER;
	p->link.is_up = false;
	assert_port(m, AB_REASON_BLOCKED, "the device is down");
	p->state = AB_PORT_STATE_UNTAKEN;
	m->set = NULL;
	assert_port(m, AB_REASON_BLOCKED, "no configuration is in force");
	m->set = model_set(NULL, NULL, NULL, NULL);
	assert_port(m, AB_REASON_BLOCKED, "there is no policy");
	model_set_free(m->set);
	m->set = set;
	end(m);
}

static void the_nearest_of_several_policies_is_named(void **st)
{
	struct model *m = world_of(model_set(
		NULL, NULL,
		"[Match]\nDriver = other\nName = en*\n[Bind]\nAction = ignore\n",
		"[Match]\nDriver = other\nName = eth0\n[Bind]\nAction = ignore\n",
		NULL));

	(void)st;
	model_plug(m, 0);
	model_wait(m, 300);
	assert_port(m, AB_REASON_BLOCKED,
		    "none of 2 policies matches; nearest is p1: no, Driver "
		    "(p1.conf:2)");
	end(m);
}

static void a_policy_that_names_no_portal_is_told(void **st)
{
	struct model *m = world_of(
		model_set(NULL, NULL,
			  "[Match]\nName = eth*\n[Portals]\nDiscover = 10.0.0.100\n"
			  "Targets = *\n[Bind]\nAction = record\n",
			  NULL));

	(void)st;
	model_plug(m, 0);
	model_calm(m);
	port_at(m)->state = AB_PORT_STATE_SEARCHING;
	port_at(m)->first_path = AB_NONE;
	port_at(m)->n_wanted = 0;
	assert_port(m, AB_REASON_BLOCKED,
		    "its policy names no portal to ask or to use");
	end(m);
}

static void the_first_held_record_is_told(void **st)
{
	struct model *m = bound_world();

	(void)st;
	model_remove(m, (unsigned int)model_find_node(m, 0, 0, "ab-eth0"), false);
	model_calm(m);
	assert_port(m, AB_REASON_BLOCKED,
		    "iqn.2026-01.test:t0 10.0.0.100:3260: removed by somebody; "
		    "`autobind apply` makes it again");
	model_remove(m, (unsigned int)model_find_iface(m, "ab-eth0"), false);
	model_calm(m);
	assert_port(m, AB_REASON_BLOCKED,
		    "iface ab-eth0: removed by somebody; `autobind apply` makes it "
		    "again");
	end(m);
}

/* --- what happened, and what would be done --- */

static void a_note_is_a_row_with_its_sentence(void **st)
{
	struct ab_effect ef = { .type = AB_EF_NOTE };
	struct ab_row row;

	(void)st;
	ab_row_clear(&row);
	ef.note.what = AB_NOTE_PORT_RELEASED;
	ef.note.code = AB_PORT_STATE_ENSLAVED;
	(void)ab_copy(ef.note.port, sizeof(ef.note.port), "eth0");
	(void)ab_copy(ef.note.name, sizeof(ef.note.name), "10-san");
	ab_view_note(&ef, &row);
	assert_string_equal(ab_row_get(&row, "text"),
			    "eth0: no longer taken by policy 10-san (ENSLAVED)");
	assert_int_equal(ab_row_find(&row, "portal")->kind, AB_CELL_NULL);

	ab_row_clear(&row);
	ef.note.what = AB_NOTE_FOUND;
	ef.note.code = 2;
	ef.note.name[0] = '\0';
	assert_int_equal(ab_name_parse_portal("10.0.0.9", &ef.note.portal), 0);
	ab_view_note(&ef, &row);
	assert_string_equal(ab_row_get(&row, "text"),
			    "eth0: 10.0.0.9:3260 discovered 2 bindings");
	assert_string_equal(ab_row_get(&row, "portal"), "10.0.0.9:3260");
}

static void only_what_people_ask_about_is_a_row_of_a_plan(void **st)
{
	static const struct {
		uint32_t type;
		bool is_update;
		const char *op, *kind;
	} rows[] = {
		{ AB_EF_PROBE_SET, false, "+", "probe" },
		{ AB_EF_DISCOVER, false, "+", "discover" },
		{ AB_EF_IFACE_WRITE, false, "+", "iface" },
		{ AB_EF_IFACE_WRITE, true, "~", "iface" },
		{ AB_EF_IFACE_DELETE, false, "-", "iface" },
		{ AB_EF_NODE_WRITE, false, "+", "node" },
		{ AB_EF_NODE_WRITE, true, "~", "node" },
		{ AB_EF_NODE_DELETE, false, "-", "node" },
		{ AB_EF_ROUTE_CHECK, false, NULL, NULL },
		{ AB_EF_PROBE_CLEAR, false, NULL, NULL },
		{ AB_EF_LEDGER_PUT, false, NULL, NULL },
		{ AB_EF_RESYNC, false, NULL, NULL },
		{ AB_EF_NOTE, false, NULL, NULL },
	};
	struct ab_row row;
	size_t i;

	(void)st;
	for (i = 0; i < AB_COUNT(rows); i++) {
		struct ab_effect ef = { .type = rows[i].type };

		if (rows[i].type == AB_EF_IFACE_WRITE)
			ef.iface.is_update = rows[i].is_update;
		else if (rows[i].type == AB_EF_NODE_WRITE)
			ef.node.is_update = rows[i].is_update;
		assert_int_equal(ab_view_plan(&ef, &row), rows[i].op != NULL);
		if (!rows[i].op)
			continue;
		assert_string_equal(ab_row_get(&row, "op"), rows[i].op);
		assert_string_equal(ab_row_get(&row, "kind"), rows[i].kind);
	}
}

static void durations_are_as_short_as_they_may_be(void **st)
{
	static const struct {
		int64_t ms;
		const char *text;
	} rows[] = {
		{ -5, "0 s" },	     { 0, "0 s" },
		{ 450, "450 ms" },   { 3000, "3 s" },
		{ 9999, "9999 ms" }, { 119999, "119 s" },
		{ 120000, "2 min" }, { 7199999, "119 min" },
		{ 7200000, "2 h" },  { INT64_C(1) << 40, "305419 h" },
	};
	char buf[64];
	struct ab_text t;
	size_t i;

	(void)st;
	for (i = 0; i < AB_COUNT(rows); i++) {
		ab_text_init(&t, buf, sizeof(buf));
		ab_view_add_ms(&t, rows[i].ms);
		assert_string_equal(buf, rows[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_state_of_a_path_has_words),
		cmocka_unit_test(every_verdict_on_a_portal_has_words),
		cmocka_unit_test(every_stage_of_a_discovery_has_words),
		cmocka_unit_test(discoveries_tell_what_is_not_in_targets),
		cmocka_unit_test(every_trouble_of_a_record_has_words),
		cmocka_unit_test(ports_without_an_address_tell_what_they_have),
		cmocka_unit_test(ports_that_are_not_taken_tell_why),
		cmocka_unit_test(the_nearest_of_several_policies_is_named),
		cmocka_unit_test(a_policy_that_names_no_portal_is_told),
		cmocka_unit_test(the_first_held_record_is_told),
		cmocka_unit_test(a_note_is_a_row_with_its_sentence),
		cmocka_unit_test(only_what_people_ask_about_is_a_row_of_a_plan),
		cmocka_unit_test(durations_are_as_short_as_they_may_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
