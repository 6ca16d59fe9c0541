/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The second opinion on what a target offers: libiscsi's discovery, in the lines P of
 * autobind-discover. Usage: libiscsi_discover ADDR:PORT INITIATOR-NAME
 *
 * LIBS: -liscsi
 */
#include <stdint.h>
#include <stdio.h>

#include <iscsi/iscsi.h>

static int discover(struct iscsi_context *iscsi, const char *portal)
{
	struct iscsi_discovery_address *list, *at;

	iscsi_set_timeout(iscsi, 10);
	if (iscsi_set_session_type(iscsi, ISCSI_SESSION_DISCOVERY) ||
	    iscsi_connect_sync(iscsi, portal) || iscsi_login_sync(iscsi))
		return 1;
	list = iscsi_discovery_sync(iscsi);
	if (!list)
		return 1;
	for (at = list; at; at = at->next) {
		const struct iscsi_target_portal *p;

		for (p = at->portals; p; p = p->next)
			printf("P\t%s\t%s\n", at->target_name, p->portal);
	}
	iscsi_free_discovery_data(iscsi, list);
	(void)iscsi_logout_sync(iscsi);
	return 0;
}

int main(int argc, char **argv)
{
	struct iscsi_context *iscsi;
	int r;

	if (argc != 3) {
		fprintf(stderr, "usage: libiscsi_discover ADDR:PORT INITIATOR-NAME\n");
		return 2;
	}
	iscsi = iscsi_create_context(argv[2]);
	if (!iscsi)
		return 1;
	r = discover(iscsi, argv[1]);
	if (r)
		fprintf(stderr, "libiscsi_discover: %s\n", iscsi_get_error(iscsi));
	iscsi_destroy_context(iscsi);
	return r;
}
