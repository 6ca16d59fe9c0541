/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/block_sysfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/num.h"
#include "util/text.h"

/* Gone while we looked: ENODEV and ENXIO are what attributes of dying devices say. */
static bool is_gone(int r)
{
	return r == -ENOENT || r == -ENODEV || r == -ENXIO || r == -ENOTDIR;
}

/* --- files and folders ------------------------------------------------------------ */

static int read_line(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	ssize_t n;
	int r = 0;

	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	if (n < 0)
		r = -errno;
	close(fd);
	buf[n > 0 ? n : 0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return r;
}

__attribute__((format(printf, 2, 3))) static int path_of(char buf[PATH_MAX],
							 const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, PATH_MAX, fmt, ap);
	va_end(ap);
	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

int ab_block_each_in(const char *path, ab_block_name_fn *fn, void *arg)
{
	DIR *d = opendir(path);
	struct dirent *e;
	int r = 0;

	if (!d)
		return is_gone(-errno) ? 0 : -errno;
	while (r == 0) {
		errno = 0;
		e = readdir(d);
		if (!e) {
			r = -errno;
			break;
		}
		if (e->d_name[0] != '.')
			r = fn(arg, e->d_name);
	}
	closedir(d);
	return r;
}

int ab_block_each(const char *sysfs, const char *device, const char *list,
		  ab_block_name_fn *fn, void *arg)
{
	char path[PATH_MAX];
	int r = path_of(path, "%s/block/%s/%s", sysfs, device, list);

	if (r == 0 && access(path, R_OK) < 0)
		r = -errno;
	return r ? r : ab_block_each_in(path, fn, arg);
}

int ab_block_attribute(const char *sysfs, const char *device, const char *name,
		       char *buf, size_t size)
{
	char path[PATH_MAX];
	int r = path_of(path, "%s/block/%s/%s", sysfs, device, name);

	return r ? r : read_line(path, buf, size);
}

int ab_block_parse_number(const char *text, uint32_t *ret_major, uint32_t *ret_minor)
{
	const char *colon = strchr(text, ':');
	uint64_t major, minor;
	char first[16];

	if (!colon || !ab_copyn(first, sizeof(first), text, (size_t)(colon - text)) ||
	    ab_num_u64(first, 0, UINT32_MAX, &major) ||
	    ab_num_u64(colon + 1, 0, UINT32_MAX, &minor))
		return -EBADMSG;
	*ret_major = (uint32_t)major;
	*ret_minor = (uint32_t)minor;
	return 0;
}

int ab_block_number(const char *sysfs, const char *device, uint32_t *ret_major,
		    uint32_t *ret_minor)
{
	char text[32];
	int r = ab_block_attribute(sysfs, device, "dev", text, sizeof(text));

	return r ? r : ab_block_parse_number(text, ret_major, ret_minor);
}

/* --- the tree --------------------------------------------------------------------- */

static struct ab_block_node *new_node(struct ab_block_tree *t)
{
	if (t->n_nodes == t->nodes_max) {
		size_t max = t->nodes_max ? 2 * t->nodes_max : 32;
		struct ab_block_node *more = reallocarray(t->nodes, max, sizeof(*more));

		if (!more)
			return NULL;
		t->nodes = more;
		t->nodes_max = max;
	}
	t->nodes[t->n_nodes] = (struct ab_block_node){ .map = -1 };
	return &t->nodes[t->n_nodes++];
}

struct walk {
	struct ab_block_tree *tree;
	const char *path; /* of the folder that is read */
	enum ab_block_kind kind;
	const char *disk;
};

/* The device whose folder is @path/@name. Return: 0 or -errno. */
static int add_node(const struct walk *w, const char *name)
{
	struct ab_block_node node = { .kind = (uint8_t)w->kind, .map = -1 };
	struct ab_block_node *to;
	char path[PATH_MAX], text[32];
	int r = path_of(path, "%s/%s/dev", w->path, name);

	if (r == 0)
		r = read_line(path, text, sizeof(text));
	if (r)
		return is_gone(r) ? 0 : r;
	r = ab_block_parse_number(text, &node.major, &node.minor);
	if (r)
		return r;
	if (!ab_copy(node.name, sizeof(node.name), name) ||
	    !ab_copy(node.disk, sizeof(node.disk), w->disk ? w->disk : ""))
		return -ENAMETOOLONG;
	to = new_node(w->tree);
	if (!to)
		return -ENOMEM;
	*to = node;
	return 0;
}

static int on_part(void *arg, const char *name)
{
	const struct walk *w = arg;
	char path[PATH_MAX];
	int r = path_of(path, "%s/%s/partition", w->path, name);

	if (r)
		return r;
	return access(path, F_OK) == 0 ? add_node(w, name) : 0;
}

static int on_disk(void *arg, const char *name)
{
	const struct walk *w = arg;
	char path[PATH_MAX];
	struct walk parts = { w->tree, path, AB_BLOCK_PARTITION, name };
	int r = add_node(w, name);

	if (r == 0)
		r = path_of(path, "%s/%s", w->path, name);
	return r ? r : ab_block_each_in(path, on_part, &parts);
}

static int on_char(void *arg, const char *name)
{
	return add_node(arg, name);
}

/* @name: "3:0:0:1" below a target; others (power, uevent) have no such folders. */
static int on_unit(void *arg, const char *name)
{
	static const char *const chars[] = { "scsi_generic", "scsi_tape",
					     "scsi_changer", "bsg" };
	const struct walk *w = arg;
	char path[PATH_MAX];
	struct walk below = { w->tree, path, AB_BLOCK_DISK, NULL };
	int r = path_of(path, "%s/%s/block", w->path, name);

	if (r == 0)
		r = ab_block_each_in(path, on_disk, &below);
	below.kind = AB_BLOCK_CHAR;
	for (size_t i = 0; i < sizeof(chars) / sizeof(chars[0]) && r == 0; i++) {
		r = path_of(path, "%s/%s/%s", w->path, name, chars[i]);
		if (r == 0)
			r = ab_block_each_in(path, on_char, &below);
	}
	return r;
}

static int on_target(void *arg, const char *name)
{
	const struct walk *w = arg;
	char path[PATH_MAX];
	struct walk below = { .tree = w->tree, .path = path };
	int r;

	if (!ab_starts_with(name, "target"))
		return 0;
	r = path_of(path, "%s/%s", w->path, name);
	return r ? r : ab_block_each_in(path, on_unit, &below);
}

/* /sys/devices/.../host3/session7/iscsi_session/session7 -> .../host3/session7 */
static int find_session(const char *sysfs, uint32_t sid, uint32_t host,
			char ret_path[PATH_MAX])
{
	char path[PATH_MAX], expected[64];
	size_t n, n_expected;
	int r = path_of(path, "%s/class/iscsi_session/session%u", sysfs, sid);

	if (r)
		return r;
	if (!realpath(path, ret_path))
		return is_gone(-errno) ? AB_BLOCK_E_GONE : -errno;
	(void)snprintf(expected, sizeof(expected),
		       "/host%u/session%u/iscsi_session/session%u", host, sid, sid);
	n = strlen(ret_path);
	n_expected = strlen(expected);
	if (n < n_expected || !ab_streq(ret_path + n - n_expected, expected))
		return AB_BLOCK_E_GONE;
	*strrchr(ret_path, '/') = '\0';
	*strrchr(ret_path, '/') = '\0';
	return 0;
}

int ab_block_tree_read(struct ab_block_tree *tree, const char *sysfs, uint32_t sid,
		       uint32_t host)
{
	char path[PATH_MAX];
	struct walk w = { .tree = tree, .path = path };
	int r;

	*tree = (struct ab_block_tree){ .sysfs = sysfs };
	r = find_session(sysfs, sid, host, path);
	return r ? r : ab_block_each_in(path, on_target, &w);
}

void ab_block_tree_fini(struct ab_block_tree *tree)
{
	free(tree->nodes);
	free(tree->maps);
	*tree = (struct ab_block_tree){ 0 };
}

const struct ab_block_node *ab_block_find(const struct ab_block_tree *tree,
					  bool is_char, uint32_t major, uint32_t minor)
{
	for (size_t i = 0; i < tree->n_nodes; i++) {
		const struct ab_block_node *node = &tree->nodes[i];

		if (node->major == major && node->minor == minor &&
		    (node->kind == AB_BLOCK_CHAR) == is_char)
			return node;
	}
	return NULL;
}

int ab_block_add_map(struct ab_block_tree *t, const char *device)
{
	struct ab_block_map map = { 0 };
	int r;

	for (size_t i = 0; i < t->n_maps; i++)
		if (ab_streq(t->maps[i].device, device))
			return (int)i;
	if (t->n_maps == t->maps_max) {
		size_t max = t->maps_max ? 2 * t->maps_max : 16;
		struct ab_block_map *more = reallocarray(t->maps, max, sizeof(*more));

		if (!more)
			return -ENOMEM;
		t->maps = more;
		t->maps_max = max;
	}
	if (!ab_copy(map.device, sizeof(map.device), device))
		return -ENAMETOOLONG;
	r = ab_block_number(t->sysfs, device, &map.major, &map.minor);
	if (r == 0)
		r = ab_block_attribute(t->sysfs, device, "dm/name", map.name,
				       sizeof(map.name));
	if (r == 0)
		r = ab_block_attribute(t->sysfs, device, "dm/uuid", map.uuid,
				       sizeof(map.uuid));
	if (r)
		return r;
	t->maps[t->n_maps] = map;
	return (int)t->n_maps++;
}

void ab_block_folder(const struct ab_block_node *node, char *buf, size_t size)
{
	struct ab_text t;

	ab_text_init(&t, buf, size);
	if (node->kind == AB_BLOCK_PARTITION) {
		ab_text_add(&t, node->disk);
		ab_text_addc(&t, '/');
	}
	ab_text_add(&t, node->name);
}
