/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From what was found on the network to a policy: its text, and that it is valid. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/name.h"
#include "core/setup.h"
#include "io/conf.h"

#define IQN "iqn.2001-05.com.example:"

static struct ab_setup *new_setup(void)
{
	struct ab_setup *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->targets = calloc(64, sizeof(*s->targets));
	assert_non_null(s->targets);
	return s;
}

static void end(struct ab_setup *s)
{
	free(s->targets);
	free(s);
}

static void add_port(struct ab_setup *s, const char *name, enum ab_port_type type,
		     const char *addr)
{
	struct ab_setup_port *p = &s->ports[s->n_ports++];

	(void)ab_copy(p->name, sizeof(p->name), name);
	p->type = (uint8_t)type;
	p->is_usable = true;
	p->mtu = 1500;
	assert_int_equal(ab_name_parse_ifaddr(addr, &p->nets[p->n_nets++]), 0);
}

static void add_portal(struct ab_setup *s, const char *portal, bool is_asked)
{
	struct ab_setup_portal *p = &s->portals[s->n_portals++];

	assert_int_equal(ab_name_parse_portal(portal, &p->portal), 0);
	p->is_asked = is_asked;
}

static void answer(struct ab_setup *s, uint32_t port, uint32_t portal, bool has_echo)
{
	s->paths[port][portal].has_connected = true;
	s->paths[port][portal].has_echo = has_echo;
	s->portals[portal].has_told = s->portals[portal].is_asked;
}

static void add_target(struct ab_setup *s, const char *name, uint32_t portal)
{
	struct ab_setup_target *t = &s->targets[s->n_targets++];

	assert_true(ab_copy(t->name, sizeof(t->name), name));
	t->portal = portal;
	t->tpgt = 1;
}

static void on_diag(void *arg, const char *path, const struct ab_diag *diag)
{
	(void)path;
	(void)arg;
	if (diag->severity == AB_DIAG_ERROR)
		fail_msg("%s", diag->text);
}

/* With it as a draft, beside nothing and beside another policy. */
static void assert_valid(const char *text)
{
	char dir[] = "/tmp/ab-test-setup.XXXXXX";
	struct ab_conf_draft draft = { .name = "10-san.conf", .text = text };
	struct ab_conf_roots roots = { .etc = dir, .draft = &draft };
	uint32_t n = 0;

	assert_non_null(mkdtemp(dir));
	assert_int_equal(ab_conf_check(&roots, on_diag, NULL, &n, NULL), 0);
	assert_int_equal(n, 1);
	assert_int_equal(rmdir(dir), 0); /* and nothing was written */
}

static void assert_policy(const struct ab_setup *s, bool is_login, const char *want)
{
	char text[8192];
	struct ab_text t;

	ab_text_init(&t, text, sizeof(text));
	assert_true(ab_setup_policy(s, is_login, &t));
	assert_string_equal(text, want);
	assert_valid(text);
}

static void one_portal_makes_eight_lines(void **state)
{
	struct ab_setup *s = new_setup();

	(void)state;
	add_port(s, "ens1", AB_PORT_ETHER, "10.0.0.1/24");
	add_port(s, "mgmt", AB_PORT_ETHER, "192.0.2.1/24");
	add_portal(s, "10.0.0.9", true);
	answer(s, 0, 0, true);
	add_target(s, IQN "a", 0);
	assert_policy(s, true,
		      "[Match]\nAddress = 10.0.0.0/24\n[Portals]\n"
		      "Discover = 10.0.0.9:3260\nTargets = " IQN "a\n"
		      "[Bind]\nAction = login\nMultipath = require\n");
	assert_true(ab_setup_takes(s, 0));
	assert_false(ab_setup_takes(s, 1));
	end(s);
}

/* An address that was asked for stays in when it is silent, if some port could reach
 * it; one that only a router leads to is left out. */
static void a_dead_fabric_is_in_the_policy_and_a_stranger_is_not(void **state)
{
	struct ab_setup *s = new_setup();

	(void)state;
	add_port(s, "eth1", AB_PORT_VETH, "10.1.0.1/24");
	add_port(s, "eth2", AB_PORT_VETH, "10.2.0.1/16");
	add_port(s, "eth3", AB_PORT_ETHER, "fd00:3::1/64");
	add_portal(s, "10.1.0.9", true);
	add_portal(s, "10.2.0.9:3261", true);
	add_portal(s, "198.51.100.9", true);
	add_portal(s, "[fd00:3::9]:3260", false);
	answer(s, 0, 0, false);
	answer(s, 0, 2, true);
	answer(s, 2, 3, true);
	add_target(s, IQN "a", 0);
	add_target(s, IQN "a", 3);
	assert_policy(s, false,
		      "[Match]\nAddress = 10.1.0.0/24 10.2.0.0/16 fd00:3::/64\n"
		      "Type = ether veth\n[Portals]\n"
		      "Discover = 10.1.0.9:3260 10.2.0.9:3261\nTargets = " IQN "a\n"
		      "[Probe]\nMethod = tcp\n[Bind]\nAction = record\n");
	assert_false(ab_setup_uses(s, 0, 2));
	assert_false(ab_setup_shares_net(s, 0));
	end(s);
}

static void portals_behind_a_router_go_by_the_name_of_the_port(void **state)
{
	struct ab_setup *s = new_setup();

	(void)state;
	add_port(s, "ens1", AB_PORT_ETHER, "10.0.0.1/24");
	add_port(s, "ens2", AB_PORT_ETHER, "10.5.0.1/24");
	add_portal(s, "198.51.100.9", true);
	answer(s, 1, 0, true);
	add_target(s, IQN "a", 0);
	assert_policy(s, true,
		      "[Match]\nName = ens2\n[Portals]\nDiscover = 198.51.100.9:3260\n"
		      "SameSubnet = no\nTargets = " IQN "a\n"
		      "[Bind]\nAction = login\nMultipath = require\n");
	assert_false(ab_setup_is_local(s, 0));
	end(s);
}

static void one_subnet_is_named_once(void **state)
{
	struct ab_setup *s = new_setup();

	(void)state;
	add_port(s, "ens1", AB_PORT_ETHER, "10.0.0.1/24");
	add_port(s, "ens2", AB_PORT_ETHER, "10.0.0.2/24");
	add_portal(s, "10.0.0.9", true);
	add_portal(s, "10.0.0.10", true);
	answer(s, 0, 0, true);
	answer(s, 1, 0, true);
	answer(s, 1, 1, true);
	add_target(s, IQN "a", 0);
	add_target(s, IQN "b", 0);
	add_target(s, IQN "a", 1);
	assert_policy(s, true,
		      "[Match]\nAddress = 10.0.0.0/24\n[Portals]\n"
		      "Discover = 10.0.0.9:3260 10.0.0.10:3260\n"
		      "Targets = " IQN "a " IQN "b\n"
		      "[Bind]\nAction = login\nMultipath = require\n");
	assert_true(ab_setup_shares_net(s, 0));
	assert_true(ab_setup_shares_net(s, 1));
	end(s);
}

static void many_targets_are_named_by_what_they_have_in_common(void **state)
{
	struct ab_setup *s = new_setup();
	char name[AB_TARGET_NAME];
	unsigned int i;

	(void)state;
	add_port(s, "ens1", AB_PORT_ETHER, "10.0.0.1/24");
	add_portal(s, "10.0.0.9", true);
	answer(s, 0, 0, true);
	for (i = 0; i < 9; i++) {
		snprintf(name, sizeof(name), IQN "disk%u", i);
		add_target(s, name, 0);
	}
	assert_policy(s, true,
		      "[Match]\nAddress = 10.0.0.0/24\n[Portals]\n"
		      "Discover = 10.0.0.9:3260\nTargets = " IQN "*\n"
		      "[Bind]\nAction = login\nMultipath = require\n");
	add_target(s, "eui.0123456789abcdef", 0);
	assert_policy(s, true,
		      "[Match]\nAddress = 10.0.0.0/24\n[Portals]\n"
		      "Discover = 10.0.0.9:3260\nTargets = *\n"
		      "[Bind]\nAction = login\nMultipath = require\n");
	end(s);
}

static void nothing_that_answers_makes_no_policy(void **state)
{
	struct ab_setup *s = new_setup();
	char text[256];
	struct ab_text t;

	(void)state;
	ab_text_init(&t, text, sizeof(text));
	assert_false(ab_setup_policy(s, true, &t));
	add_port(s, "ens1", AB_PORT_ETHER, "10.0.0.1/24");
	add_portal(s, "10.0.0.9", true);
	assert_false(ab_setup_policy(s, true, &t));
	/* It answers, and names no target. */
	answer(s, 0, 0, true);
	assert_false(ab_setup_policy(s, true, &t));
	add_target(s, IQN "a", 0);
	s->ports[0].is_usable = false;
	assert_false(ab_setup_policy(s, true, &t));
	assert_int_equal(t.len, 0);
	end(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_portal_makes_eight_lines),
		cmocka_unit_test(a_dead_fabric_is_in_the_policy_and_a_stranger_is_not),
		cmocka_unit_test(portals_behind_a_router_go_by_the_name_of_the_port),
		cmocka_unit_test(one_subnet_is_named_once),
		cmocka_unit_test(many_targets_are_named_by_what_they_have_in_common),
		cmocka_unit_test(nothing_that_answers_makes_no_policy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
