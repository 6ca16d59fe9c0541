/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/block_users.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "io/file.h"
#include "util/num.h"
#include "util/text.h"

#define INFO_MAX 65536 /* configfs and procfs show a page */

struct search {
	const struct ab_block_config *config;
	const struct ab_block_tree *tree;
	ab_block_user_fn *fn;
	void *arg;
	pid_t except;
	int *error;	  /* of the first process that cannot be looked at */
	const char *path; /* of the folder that is read */
	const char *by;
};

static int join(char buf[PATH_MAX], const char *folder, const char *name)
{
	int n = snprintf(buf, PATH_MAX, "%s/%s", folder, name);

	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

/* Which of ours is this file? Never waits for a file server. Return: 0 or -errno. */
static int node_of(const struct ab_block_tree *tree, int dirfd, const char *path,
		   const struct ab_block_node **ret_node)
{
	struct statx st;

	*ret_node = NULL;
	if (statx(dirfd, path, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE, &st) <
	    0)
		return -errno;
	if (S_ISBLK(st.stx_mode) || S_ISCHR(st.stx_mode))
		*ret_node = ab_block_find(tree, S_ISCHR(st.stx_mode), st.stx_rdev_major,
					  st.stx_rdev_minor);
	return 0;
}

/* --- descriptors ------------------------------------------------------------------ */

static int on_descriptor(void *arg, const char *name)
{
	const struct search *s = arg;
	const struct ab_block_node *node;
	char path[PATH_MAX];
	int r = join(path, s->path, name);

	if (r == 0)
		r = node_of(s->tree, AT_FDCWD, path, &node);
	if (r)
		return r == -ENOENT ? 0 : r; /* closed meanwhile */
	return node ? s->fn(s->arg, node, s->by) : 0;
}

static void name_process(const struct search *s, const char *pid, char *buf,
			 size_t size)
{
	char path[PATH_MAX], *comm = NULL;
	struct ab_text t;
	size_t n;
	int r = snprintf(path, sizeof(path), "%s/%s/comm", s->path, pid);

	ab_text_init(&t, buf, size);
	ab_text_add(&t, "process ");
	ab_text_add(&t, pid);
	if (r < 0 || (size_t)r >= sizeof(path) ||
	    ab_file_read(AT_FDCWD, path, INFO_MAX, &comm, &n, NULL))
		return;
	ab_text_add(&t, " (");
	ab_text_add_escaped(&t, comm, strcspn(comm, "\n"));
	ab_text_addc(&t, ')');
	free(comm);
}

static int on_process(void *arg, const char *name)
{
	const struct search *s = arg;
	struct search below = *s;
	char path[PATH_MAX], by[64];
	uint64_t pid;
	int n, r;

	if (ab_num_u64(name, 1, INT_MAX, &pid) || (pid_t)pid == getpid() ||
	    (pid_t)pid == s->except)
		return 0;
	n = snprintf(path, sizeof(path), "%s/%s/fd", s->path, name);
	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	name_process(s, name, by, sizeof(by));
	below.path = path;
	below.by = by;
	r = ab_block_each_in(path, on_descriptor, &below);
	if (r >= 0 || r == -ESRCH) /* ended meanwhile */
		return r > 0 ? r : 0;
	if (*s->error == 0)
		*s->error = r;
	return 0; /* others may be found to use it */
}

int ab_block_descriptors(const struct ab_block_config *config,
			 const struct ab_block_tree *tree, pid_t except,
			 ab_block_user_fn *fn, void *arg)
{
	int error = 0;
	struct search s = { .config = config,
			    .tree = tree,
			    .fn = fn,
			    .arg = arg,
			    .except = except,
			    .error = &error,
			    .path = config->proc };
	char self[PATH_MAX];
	int r = join(self, config->proc, "self");

	if (r == 0 && access(self, F_OK))
		r = -errno; /* no procfs: an empty folder would find nobody */
	if (r == 0)
		r = ab_block_each_in(config->proc, on_process, &s);
	return r ? r : error;
}

/* --- back stores ------------------------------------------------------------------ */

/* A path that another program was given; /dev may be elsewhere in tests. */
static int node_of_path(const struct search *s, const char *path,
			const struct ab_block_node **ret_node)
{
	char buf[PATH_MAX];
	int r = 0;

	if (ab_starts_with(path, "/dev/")) {
		r = join(buf, s->config->dev, path + strlen("/dev/"));
		path = buf;
	}
	if (r == 0)
		r = node_of(s->tree, AT_FDCWD, path, ret_node);
	/* The name is gone, or was never one: numbers tell, if there are any. */
	return r == -ENOENT || r == -ENOTDIR ? 0 : r;
}

/* The number behind a word, as in "Major: 8 Minor: 16". */
static bool number_after(const char *text, const char *word, uint32_t *ret_number)
{
	const char *at = strstr(text, word);
	char *end;
	unsigned long n;

	if (!at)
		return false;
	at += strlen(word);
	errno = 0;
	n = strtoul(at, &end, 10);
	if (errno || end == at || n > UINT32_MAX)
		return false;
	*ret_number = (uint32_t)n;
	return true;
}

/* iblock tells "Major: 8 Minor: 16", fileio "File: /dev/sdb  Size:" (Linux 6.1,
 * drivers/target/target_core_{iblock,file}.c, *_show_configfs_dev_params()). */
static int node_of_info(const struct search *s, char *info,
			const struct ab_block_node **ret_node)
{
	uint32_t major, minor;
	char *file = strstr(info, "File: /");

	*ret_node = NULL;
	if (number_after(info, "Major: ", &major) &&
	    number_after(info, "Minor: ", &minor))
		*ret_node = ab_block_find(s->tree, false, major, minor);
	if (!file)
		return 0;
	file += strlen("File: ");
	file[strcspn(file, " \n")] = '\0';
	return node_of_path(s, file, ret_node);
}

/* One attribute that holds a path, or iblock's numbers. Return: 0, -errno, or @fn's. */
static int look_at_attribute(const struct search *s, const char *folder,
			     const char *attribute)
{
	const struct ab_block_node *node = NULL;
	char path[PATH_MAX], *text = NULL;
	size_t n;
	int r = join(path, folder, attribute);

	if (r == 0)
		r = ab_file_read(AT_FDCWD, path, INFO_MAX, &text, &n, NULL);
	if (r)
		return r == -ENOENT || r == -ENODEV ? 0 : r < 0 ? r : -EBADMSG;
	if (ab_streq(attribute, "info")) {
		r = node_of_info(s, text, &node);
	} else {
		text[strcspn(text, "\n")] = '\0';
		if (text[0] == '/')
			r = node_of_path(s, text, &node);
	}
	free(text);
	if (r)
		return r;
	return node ? s->fn(s->arg, node, s->by) : 0;
}

static int on_store(void *arg, const char *name)
{
	static const char *const attributes[] = { "udev_path", "info", "device_path" };
	const struct search *s = arg;
	struct search here = *s;
	char path[PATH_MAX], by[80];
	int r = join(path, s->path, name);

	(void)snprintf(by, sizeof(by), "%s %.60s", s->by, name);
	here.by = by;
	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]) && r == 0;
	     i++)
		r = look_at_attribute(&here, path, attributes[i]);
	return r;
}

/* core/iblock_0/NAME; alua and others have no such attributes. */
static int on_hba(void *arg, const char *name)
{
	const struct search *s = arg;
	struct search below = *s;
	char path[PATH_MAX];
	int r = join(path, s->path, name);

	below.path = path;
	return r ? r : ab_block_each_in(path, on_store, &below);
}

/* subsystems/NQN/namespaces/1 */
static int on_subsystem(void *arg, const char *name)
{
	const struct search *s = arg;
	struct search below = *s;
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/%s/namespaces", s->path, name);

	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	below.path = path;
	return ab_block_each_in(path, on_store, &below);
}

int ab_block_backstores(const struct ab_block_config *config,
			const struct ab_block_tree *tree, ab_block_user_fn *fn,
			void *arg)
{
	char path[PATH_MAX];
	struct search s = { .config = config,
			    .tree = tree,
			    .fn = fn,
			    .arg = arg,
			    .path = path,
			    .by = "back store" };
	int r = join(path, config->sysfs, "kernel/config/target/core");

	if (r == 0)
		r = ab_block_each_in(path, on_hba, &s);
	if (r == 0)
		r = join(path, config->sysfs, "kernel/config/nvmet/subsystems");
	s.by = "NVMe namespace";
	return r ? r : ab_block_each_in(path, on_subsystem, &s);
}

/* --- loop devices ----------------------------------------------------------------- */

static int on_block(void *arg, const char *name)
{
	const struct search *s = arg;
	struct search here = *s;
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/%s/loop", s->path, name);

	if (!ab_starts_with(name, "loop"))
		return 0;
	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	here.by = name;
	return look_at_attribute(&here, path, "backing_file");
}

int ab_block_loops(const struct ab_block_config *config,
		   const struct ab_block_tree *tree, ab_block_user_fn *fn, void *arg)
{
	char path[PATH_MAX];
	struct search s = {
		.config = config, .tree = tree, .fn = fn, .arg = arg, .path = path
	};
	int r = join(path, config->sysfs, "block");

	return r ? r : ab_block_each_in(path, on_block, &s);
}
