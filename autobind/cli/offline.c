/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/offline.h"

#include <errno.h>

#include "io/offline.h"

/* Takes rows of a view until the renderer has enough. */
struct sink {
	ab_client_row_fn *fn;
	void *arg;
	struct ab_text *message; /* what failed, for people */
	int r;			 /* of the renderer */
};

static void take_row(void *arg, const struct ab_row *row)
{
	struct sink *s = arg;

	if (s->r == 0)
		s->r = s->fn(s->arg, row);
}

static int look(const struct ab_roots *roots, const char *world,
		struct ab_text *message, struct ab_offline **ret)
{
	return world ? ab_offline_world(roots, world, message, ret)
		     : ab_offline_new(roots, message, ret);
}

static struct ab_view view_into(const struct ab_offline *o, struct sink *s)
{
	struct ab_view v = ab_offline_view(o);

	v.fn = take_row;
	v.arg = s;
	return v;
}

static void port_rows(const struct ab_offline *o, struct sink *s)
{
	struct ab_view v = view_into(o, s);

	(void)ab_view_ports(&v, NULL);
}

static void iface_rows(const struct ab_offline *o, struct sink *s)
{
	struct ab_view v = view_into(o, s);

	(void)ab_view_ifaces(&v);
}

static void node_rows(const struct ab_offline *o, struct sink *s)
{
	struct ab_view v = view_into(o, s);

	(void)ab_view_nodes(&v, NULL);
}

static void plan_rows(const struct ab_offline *o, struct sink *s)
{
	if (ab_offline_is_refused(o, s->message))
		s->r = -EINVAL;
	else
		ab_offline_plan(o, take_row, s);
}

static int show(const struct ab_roots *roots, const char *world, struct sink *s,
		void (*rows)(const struct ab_offline *o, struct sink *s))
{
	struct ab_offline *o;
	int r = look(roots, world, s->message, &o);

	if (r < 0)
		return r;
	rows(o, s);
	(void)ab_offline_free(o);
	return s->r;
}

static int show_ports(const struct ab_roots *roots, const char *world,
		      ab_client_row_fn *fn, void *arg, struct ab_text *message)
{
	struct sink s = { .fn = fn, .arg = arg, .message = message };

	return show(roots, world, &s, port_rows);
}

static int show_ifaces(const struct ab_roots *roots, const char *world,
		       ab_client_row_fn *fn, void *arg, struct ab_text *message)
{
	struct sink s = { .fn = fn, .arg = arg, .message = message };

	return show(roots, world, &s, iface_rows);
}

static int show_nodes(const struct ab_roots *roots, const char *world,
		      ab_client_row_fn *fn, void *arg, struct ab_text *message)
{
	struct sink s = { .fn = fn, .arg = arg, .message = message };

	return show(roots, world, &s, node_rows);
}

static int show_plan(const struct ab_roots *roots, const char *world,
		     ab_client_row_fn *fn, void *arg, struct ab_text *message)
{
	struct sink s = { .fn = fn, .arg = arg, .message = message };

	return show(roots, world, &s, plan_rows);
}

const struct ab_cli_offline_ops ab_cli_offline = {
	.ports = show_ports,
	.ifaces = show_ifaces,
	.nodes = show_nodes,
	.plan = show_plan,
};
