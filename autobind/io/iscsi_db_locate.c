/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where an iscsiadm keeps its database, and which keys it knows: both are string
 * constants in its binary, on every build since 2.0-871 (open-iscsi meson_options.txt,
 * usr/idbm.h, usr/iface.h).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/file.h"
#include "io/iscsi_db.h"

#define BINARY_MAX (64u << 20)
#define ROOT_ETC "/etc/iscsi"
#define ROOT_VAR "/var/lib/iscsi"
#define LOCK_DIR "/run/lock/iscsi"

static const char *const usual_binaries[] = {
	"/usr/sbin/iscsiadm",
	"/sbin/iscsiadm",
	"/usr/bin/iscsiadm",
	"/usr/local/sbin/iscsiadm",
};

/* "/a/b/ifaces" and "/ifaces" give "/a/b" (printf formats do not). */
static bool take_folder(const char *s, size_t n, const char *end, char *dst)
{
	size_t n_end = strlen(end);

	return n > n_end + 1 && s[0] == '/' && memcmp(s + n - n_end, end, n_end) == 0 &&
	       !memchr(s, '%', n) && ab_copyn(dst, PATH_MAX, s, n - n_end);
}

static int find_key(const char *name, size_t n)
{
	for (int kind = 0; kind < AB_RECORD_KIND_MAX; kind++) {
		int key = ab_record_find((enum ab_record_kind)kind, name, n);

		if (key >= 0)
			return key;
	}
	return -1;
}

static void take_key(const char *s, size_t n, struct ab_record_set *known)
{
	char name[AB_RECORD_NAME_MAX + 1], *number;
	int key;

	if (!ab_copyn(name, sizeof(name), s, n))
		return;
	/* Names of connections are made by printf(); there is only one connection. */
	number = strstr(name, "[%d]");
	if (number) {
		number[1] = '0';
		memmove(number + 2, number + 3, strlen(number + 3) + 1);
	}
	key = find_key(name, strlen(name));
	if (key >= 0)
		ab_record_set_add(known, (enum ab_key)key);
}

/*
 * A linker may keep a string only as the end of a longer one ("flashnode.conn[%d].port"
 * holds "node.conn[%d].port"), so each place where a name can start is looked at.
 */
static void take_keys(const char *s, size_t n, struct ab_record_set *known)
{
	static const char *const starts[] = { "node.", "iface.", "discovery." };

	for (size_t k = 0; k < sizeof(starts) / sizeof(starts[0]); k++) {
		size_t n_start = strlen(starts[k]);
		const char *p = s;

		while ((p = memmem(p, n - (size_t)(p - s), starts[k], n_start))) {
			take_key(p, n - (size_t)(p - s), known);
			p += n_start;
		}
	}
}

static void take_string(const char *s, size_t n, struct ab_db_place *place)
{
	if (n >= PATH_MAX)
		return;
	if (take_folder(s, n, "/ifaces", place->root))
		place->found_root = true;
	else if (take_folder(s, n, "/lock.write", place->lock_dir))
		place->found_lock = true;
	else
		take_keys(s, n, &place->known);
}

static void scan_binary(const char *data, size_t size, struct ab_db_place *place)
{
	const char *s = data, *end = data + size, *nul;

	for (; s < end && (nul = memchr(s, '\0', (size_t)(end - s))); s = nul + 1) {
		const char *start = nul;

		while (start > s && start[-1] >= ' ' && start[-1] <= '~')
			start--;
		if (nul - start > 5)
			take_string(start, (size_t)(nul - start), place);
	}
	/* A binary that does not even tell the oldest keys tells nothing about the
	 * newer. */
	place->has_known = ab_record_set_has(&place->known, AB_KEY_NODE_STARTUP) &&
			   ab_record_set_has(&place->known, AB_KEY_CONN_ADDRESS) &&
			   ab_record_set_has(&place->known, AB_KEY_IFACE_NAME);
}

static int read_binary(const char *prefix, const char *path, char **ret_data,
		       size_t *ret_size)
{
	char full[PATH_MAX];

	if (snprintf(full, sizeof(full), "%s%s", prefix, path) >= (int)sizeof(full))
		return -ENAMETOOLONG;
	return ab_file_read(AT_FDCWD, full, BINARY_MAX, ret_data, ret_size, NULL);
}

static bool has_entries(const char *prefix, const char *root, const char *sub)
{
	char path[PATH_MAX];
	struct dirent *e;
	bool found = false;
	DIR *dir;

	if (snprintf(path, sizeof(path), "%s%s/%s", prefix, root, sub) >=
	    (int)sizeof(path))
		return false;
	dir = opendir(path);
	if (!dir)
		return false;
	while (!found && (e = readdir(dir)))
		found = e->d_name[0] != '.';
	(void)closedir(dir);
	return found;
}

static bool is_used(const char *prefix, const char *root)
{
	return has_entries(prefix, root, "nodes") ||
	       has_entries(prefix, root, "ifaces");
}

int ab_db_locate(const char *prefix, const char *iscsiadm,
		 struct ab_db_place *ret_place)
{
	struct ab_db_place *place = ret_place;
	bool etc = is_used(prefix, ROOT_ETC), var = is_used(prefix, ROOT_VAR);
	char *data = NULL;
	size_t size = 0;
	int r = -ENOENT;

	memset(place, 0, sizeof(*place));
	if (iscsiadm && *iscsiadm)
		r = read_binary(prefix, iscsiadm, &data, &size);
	for (size_t i = 0; (!iscsiadm || !*iscsiadm) && r != 0 &&
			   i < sizeof(usual_binaries) / sizeof(usual_binaries[0]);
	     i++)
		r = read_binary(prefix, usual_binaries[i], &data, &size);
	if (r == -ENOMEM || r == -EIO)
		return r;
	if (r == 0)
		scan_binary(data, size, place);
	free(data);
	if (!place->found_root)
		(void)ab_copy(place->root, sizeof(place->root),
			      etc && !var ? ROOT_ETC : ROOT_VAR);
	if (!place->found_lock)
		(void)ab_copy(place->lock_dir, sizeof(place->lock_dir), LOCK_DIR);
	place->both_roots = etc && var;
	return 0;
}
