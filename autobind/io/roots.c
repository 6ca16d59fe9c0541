/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/roots.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "util/text.h"

const struct ab_root_option ab_root_options[AB_ROOT_MAX] = {
	[AB_ROOT_CONFIG] = { "config-dir", "DIR", "configuration and policies",
			     AB_SYSCONFDIR "/autobind" },
	[AB_ROOT_DB] = { "db", "DIR", "open-iscsi's database", "" },
	[AB_ROOT_LOCK] = { "lock-dir", "DIR", "open-iscsi's lock", "" },
	[AB_ROOT_ISCSI] = { "iscsi-conf-dir", "DIR", "iscsid.conf, initiatorname.iscsi",
			    "/etc/iscsi" },
	[AB_ROOT_RUN] = { "run-dir", "DIR", "control socket", AB_RUNDIR "/autobind" },
	[AB_ROOT_STATE] = { "state-dir", "DIR", "what the daemon owns",
			    AB_LOCALSTATEDIR "/lib/autobind" },
	[AB_ROOT_SYSFS] = { "sysfs", "DIR", "instead of /sys", "/sys" },
	/* Found under this name with and without a merged /usr. */
	[AB_ROOT_ISCSIADM] = { "iscsiadm", "PATH", "open-iscsi's program",
			       "/sbin/iscsiadm" },
	[AB_ROOT_ROOT] = { "root", "DIR", "in front of all of these", "" },
	[AB_ROOT_UDEV] = { "udev", "udev|kernel", "which device events to use",
			   "udev" },
};

void ab_roots_init(struct ab_roots *roots)
{
	unsigned int i;

	for (i = 0; i < AB_ROOT_MAX; i++)
		(void)ab_copy(roots->path[i], AB_ROOT_PATH,
			      ab_root_options[i].fallback);
	(void)ab_copy(roots->lib, sizeof(roots->lib), AB_PREFIX "/lib/autobind");
}

int ab_roots_set(struct ab_roots *roots, enum ab_root root, const char *value)
{
	assert(root < AB_ROOT_MAX);
	if (!*value)
		return AB_ROOTS_E_VALUE;
	if (root == AB_ROOT_UDEV && !ab_streq(value, "udev") &&
	    !ab_streq(value, "kernel"))
		return AB_ROOTS_E_VALUE;
	if (strlen(value) >= AB_ROOT_PATH)
		return AB_ROOTS_E_LENGTH;
	(void)ab_copy(roots->path[root], AB_ROOT_PATH, value); /* checked: fits */
	if (root == AB_ROOT_CONFIG)
		roots->lib[0] = '\0';
	return 0;
}

static bool is_prefixed(unsigned int root)
{
	return root != AB_ROOT_ROOT && root != AB_ROOT_UDEV;
}

/* @path has AB_ROOT_PATH bytes. */
static bool put_in_front(char *path, const char *prefix)
{
	char buf[AB_ROOT_PATH];
	struct ab_text t;

	if (!*path)
		return true;
	ab_text_init(&t, buf, sizeof(buf));
	ab_text_add(&t, prefix);
	if (path[0] != '/')
		ab_text_addc(&t, '/');
	ab_text_add(&t, path);
	return !t.cut && ab_copy(path, AB_ROOT_PATH, buf);
}

int ab_roots_finish(struct ab_roots *roots)
{
	const char *prefix = roots->path[AB_ROOT_ROOT];
	bool ok = true;
	unsigned int i;

	if (!*prefix)
		return 0;
	for (i = 0; i < AB_ROOT_MAX; i++)
		if (is_prefixed(i))
			ok = ok && put_in_front(roots->path[i], prefix);
	ok = ok && put_in_front(roots->lib, prefix);
	return ok ? 0 : AB_ROOTS_E_LENGTH;
}

int ab_roots_socket(const struct ab_roots *roots, char *buf, size_t size)
{
	struct ab_text t;

	ab_text_init(&t, buf, size);
	ab_text_add(&t, roots->path[AB_ROOT_RUN]);
	ab_text_add(&t, "/control");
	return t.cut ? AB_ROOTS_E_LENGTH : 0;
}
