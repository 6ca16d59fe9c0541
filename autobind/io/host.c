/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/name.h"
#include "io/file.h"
#include "io/log.h"

/* "InitiatorName=iqn..." of initiatorname.iscsi; "" when there is none. */
static void read_initiator(struct ab_host *h, const struct ab_roots *roots)
{
	char path[AB_ROOT_PATH + 32], *data = NULL, *line, *rest;
	struct ab_text t;
	size_t n;
	int r;

	ab_text_init(&t, path, sizeof(path));
	ab_text_add(&t, roots->path[AB_ROOT_ISCSI]);
	ab_text_add(&t, "/initiatorname.iscsi");
	r = ab_file_read(AT_FDCWD, path, 64 * 1024, &data, &n, NULL);
	if (r) {
		errno = r < 0 ? -r : EINVAL;
		ab_log_warn("host", "%s: no initiator name, discovery is not possible",
			    path);
		return;
	}
	for (line = data; line; line = rest) {
		rest = strchr(line, '\n');
		if (rest)
			*rest++ = '\0';
		if (!ab_starts_with(line, "InitiatorName="))
			continue;
		line += strlen("InitiatorName=");
		line[strcspn(line, " \t\r")] = '\0';
		if (ab_name_check_target(line) == 0)
			(void)ab_copy(h->initiator, sizeof(h->initiator), line);
		else
			ab_log_warnx("host", "%s: this is no iSCSI name", path);
	}
	free(data);
}

static bool is_same_folder(const char *a, const char *b)
{
	struct stat sa, sb;

	return ab_streq(a, b) || (stat(a, &sa) == 0 && stat(b, &sb) == 0 &&
				  sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino);
}

/* Given, or as the installed iscsiadm has it. */
int ab_host_locate(const struct ab_roots *roots, struct ab_host *ret_host)
{
	struct ab_host *h = ret_host;
	struct ab_text t;
	int r = ab_db_locate(roots->path[AB_ROOT_ROOT], roots->path[AB_ROOT_ISCSIADM],
			     &h->place);

	if (r < 0)
		return r;
	ab_text_init(&t, h->db_root, sizeof(h->db_root));
	if (roots->path[AB_ROOT_DB][0]) {
		ab_text_add(&t, roots->path[AB_ROOT_DB]);
	} else {
		ab_text_add(&t, roots->path[AB_ROOT_ROOT]);
		ab_text_add(&t, h->place.root);
	}
	if (t.cut)
		return -ENAMETOOLONG;
	/* It does not know --root. */
	h->is_iscsiadm_db = is_same_folder(h->db_root, h->place.root);
	ab_text_init(&t, h->lock_dir, sizeof(h->lock_dir));
	if (roots->path[AB_ROOT_LOCK][0]) {
		ab_text_add(&t, roots->path[AB_ROOT_LOCK]);
	} else {
		ab_text_add(&t, roots->path[AB_ROOT_ROOT]);
		ab_text_add(&t, h->place.lock_dir);
	}
	if (t.cut)
		return -ENAMETOOLONG;
	ab_text_init(&t, h->iscsid_conf, sizeof(h->iscsid_conf));
	ab_text_add(&t, roots->path[AB_ROOT_ISCSI]);
	ab_text_add(&t, "/iscsid.conf");
	return t.cut ? -ENAMETOOLONG : 0;
}

int ab_host_read(const struct ab_roots *roots, struct ab_host *ret_host)
{
	struct ab_host *h = ret_host;
	struct ab_text t;
	int r;

	memset(h, 0, sizeof(*h));
	read_initiator(h, roots);
	r = ab_host_locate(roots, h);
	if (r < 0)
		return r;
	ab_log_info("host", "database %s, lock %s%s", h->db_root, h->lock_dir,
		    h->place.both_roots ? " (both usual places hold records!)" : "");
	if (!h->is_iscsiadm_db)
		ab_log_notice(
			"host",
			"iscsiadm works on %s: it is not run, Action=login acts as "
			"record",
			h->place.root);
	h->db = (struct ab_db_config){
		.root = h->db_root,
		.link_root = roots->path[AB_ROOT_DB][0] ? NULL : h->place.root,
		.lock_dir = h->lock_dir,
		.conf = h->iscsid_conf,
		.known = h->place.has_known ? &h->place.known : NULL,
	};
	ab_text_init(&t, h->chap_dir, sizeof(h->chap_dir));
	ab_text_add(&t, roots->path[AB_ROOT_CONFIG]);
	ab_text_add(&t, "/chap");
	if (t.cut)
		return -ENAMETOOLONG;
	h->conf = (struct ab_conf_roots){
		.etc = roots->path[AB_ROOT_CONFIG],
		.run = roots->path[AB_ROOT_RUN],
		.lib = roots->lib[0] ? roots->lib : NULL,
	};
	return 0;
}
