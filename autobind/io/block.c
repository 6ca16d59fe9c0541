/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * block - the verdict.
 *
 * One look goes over all devices and keeps the finding that ranks highest. What would
 * be free, or has an idle map, is then watched for I/O and looked at once more, so that
 * everything but the statistics is as fresh as can be when the answer is given.
 */
#include "io/block.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "io/block_sysfs.h"
#include "io/block_users.h"
#include "io/clock.h"
#include "io/file.h"
#include "io/mpath_reply.h"
#include "util/text.h"

#define STACK_MAX 64 /* devices below the root file system */
#define MOUNTINFO_MAX (4u << 20)
#define STAT_TEXT 512

const struct ab_block_config ab_block_defaults = {
	.sysfs = "/sys",
	.proc = "/proc",
	.dev = "/dev",
	.activity_ms = AB_BLOCK_ACTIVITY_MS,
	.stop_fd = -1,
	.kernel = &ab_block_kernel,
};

/* Which of two findings is told; see the head of the header. */
static const uint8_t rank[AB_GUARD_MAX] = {
	[AB_GUARD_FREE] = 0,	   [AB_GUARD_REDUNDANT] = 1, [AB_GUARD_ACTIVE] = 2,
	[AB_GUARD_UNREADABLE] = 3, [AB_GUARD_RESERVED] = 4,  [AB_GUARD_LAST_PATH] = 5,
	[AB_GUARD_OPEN] = 6,	   [AB_GUARD_BACKSTORE] = 7, [AB_GUARD_HELD] = 8,
	[AB_GUARD_ROOT] = 9,	   [AB_GUARD_CHANGED] = 10,
};

struct look {
	const struct ab_block_config *config;
	const struct ab_block_question *question;
	struct ab_block_answer *answer;
	struct ab_block_tree tree;
	struct ab_mpath_call call;
	char *paths;	    /* owned; multipathd's answer; NULL: none */
	enum ab_guard user; /* what a user that is found means */
};

/* --- findings --------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static void
find(struct look *l, enum ab_guard guard, const char *fmt, ...)
{
	va_list ap;

	if (rank[guard] <= rank[l->answer->guard])
		return;
	l->answer->guard = (uint8_t)guard;
	va_start(ap, fmt);
	(void)vsnprintf(l->answer->detail, sizeof(l->answer->detail), fmt, ap);
	va_end(ap);
}

static void unreadable(struct look *l, const char *what, int r)
{
	find(l, AB_GUARD_UNREADABLE, "%s cannot be looked at: %s", what,
	     strerror(r < 0 ? -r : EBADMSG));
}

/* ab_block_user_fn */
static int on_user(void *arg, const struct ab_block_node *node, const char *by)
{
	struct look *l = arg;

	find(l, l->user, "%s is used by %s", node->name, by);
	return 0;
}

static void look_for_users(struct look *l)
{
	pid_t multipathd = ab_mpath_pid(&l->config->mpath);
	int r;

	l->user = AB_GUARD_BACKSTORE;
	r = ab_block_backstores(l->config, &l->tree, on_user, l);
	if (r)
		unreadable(l, "the back stores of targets", r);
	l->user = AB_GUARD_HELD;
	r = ab_block_loops(l->config, &l->tree, on_user, l);
	if (r)
		unreadable(l, "the loop devices", r);
	l->user = AB_GUARD_OPEN;
	r = ab_block_descriptors(l->config, &l->tree, multipathd, on_user, l);
	if (r)
		unreadable(l, "descriptors of processes", r);
}

/* --- what stands on the disks ----------------------------------------------------- */

struct holders {
	struct look *l;
	const char *below;	    /* the device's name */
	struct ab_block_node *disk; /* NULL: a map must not stand here */
	unsigned int n;
};

static bool is_map(const char *uuid)
{
	return ab_starts_with(uuid, "mpath-");
}

/* kpartx names a partition of a map "part1-mpath-WWID". */
static bool is_map_partition(const char *uuid)
{
	const char *at;

	if (!ab_starts_with(uuid, "part"))
		return false;
	at = uuid + strlen("part");
	while (ab_is_digit(*at))
		at++;
	return *at == '-' && is_map(at + 1);
}

static int on_holder(void *arg, const char *name)
{
	struct holders *h = arg;
	char uuid[AB_BLOCK_UUID];
	int r;

	/* md, bcache and others have no such attribute. */
	r = ab_block_attribute(h->l->tree.sysfs, name, "dm/uuid", uuid, sizeof(uuid));
	if (r == 0 && is_map(uuid) && h->disk && h->disk->map < 0) {
		r = ab_block_add_map(&h->l->tree, name);
		if (r < 0)
			return r;
		h->disk->map = r;
		return 0;
	}
	if (r && r != -ENOENT && r != -ENOTDIR)
		return r;
	find(h->l, AB_GUARD_HELD, "%s: %s stands on it", h->below, name);
	return 0;
}

static void look_at_holders(struct look *l)
{
	char folder[2 * AB_BLOCK_NAME];

	for (size_t i = 0; i < l->tree.n_nodes; i++) {
		struct ab_block_node *node = &l->tree.nodes[i];
		struct holders h = { l, node->name, NULL, 0 };
		int r;

		if (node->kind == AB_BLOCK_CHAR)
			continue;
		if (node->kind == AB_BLOCK_DISK)
			h.disk = node;
		ab_block_folder(node, folder, sizeof(folder));
		r = ab_block_each(l->tree.sysfs, folder, "holders", on_holder, &h);
		if (r)
			unreadable(l, node->name, r);
	}
}

/* --- multipathd ------------------------------------------------------------------- */

/* Return: 0 with the answer in l->call.reply, -errno or AB_MPATH_E_*. */
static int ask(struct look *l, const char *question)
{
	int r = 0;

	if (l->call.fd < 0)
		r = ab_mpath_call_open(&l->call, &l->config->mpath);
	if (r)
		return r;
	ab_mpath_call_ask(&l->call, question);
	r = ab_mpath_call_run(&l->call, AB_BLOCK_MPATH_MS);
	if (r)
		ab_mpath_call_close(&l->call);
	return r;
}

static void ask_for_paths(struct look *l)
{
	int r = ask(l, AB_MPATH_ASK_PATHS);

	if (r == 0) {
		l->paths = l->call.reply;
		l->call.reply = NULL;
	} else {
		find(l, AB_GUARD_UNREADABLE, "%s", ab_mpath_strerror(r));
	}
}

/* Does multipathd keep this map's registration on all its paths? 0.9 prints a number,
 * later ones a word. */
static bool is_managed(struct look *l, const struct ab_block_map *map)
{
	char question[AB_MPATH_QUESTION_MAX];

	(void)snprintf(question, sizeof(question), "getprstatus map %s", map->device);
	if (ask(l, question))
		return false;
	return ab_streq(l->call.reply, "1") || ab_streq(l->call.reply, "set\n");
}

struct slave {
	struct look *l;
	const struct ab_mpath_path *path;
	char *name; /* AB_BLOCK_NAME; written when it is found */
};

static int on_slave(void *arg, const char *name)
{
	const struct slave *s = arg;
	uint32_t major, minor;

	if (ab_block_number(s->l->tree.sysfs, name, &major, &minor) == 0 &&
	    major == s->path->major && minor == s->path->minor)
		return ab_copy(s->name, AB_BLOCK_NAME, name);
	return 0;
}

/* Paths that the map keeps without this session, and the name of one of them. */
static unsigned int count_others(struct look *l, const struct ab_block_map *map,
				 char name[AB_BLOCK_NAME])
{
	const char *at = l->paths ? l->paths : "";
	struct ab_mpath_path path;
	unsigned int n = 0;

	while (ab_mpath_next_path(&at, &path)) {
		struct slave s = { l, &path, name };

		if (path.is_active &&
		    ab_streq(path.wwid, map->uuid + strlen("mpath-")) &&
		    ab_streq(path.map, map->name) &&
		    !ab_block_find(&l->tree, false, path.major, path.minor) &&
		    ab_block_each(l->tree.sysfs, map->device, "slaves", on_slave, &s) ==
			    true)
			n++;
	}
	return n;
}

/* --- maps ------------------------------------------------------------------------- */

struct part {
	struct look *l;
	const struct ab_block_map *map;
	unsigned int n;	     /* partitions on it */
	enum ab_guard found; /* FREE, or why it is not idle */
	char by[AB_BLOCK_NAME + 32];
};

static int no_holder(void *arg, const char *name)
{
	struct part *p = arg;

	p->found = AB_GUARD_HELD;
	(void)snprintf(p->by, sizeof(p->by), "%s stands on it", name);
	return 0;
}

/* Is a device-mapper device open more often than by what stands on it? */
static int check_count(struct part *p, uint32_t major, uint32_t minor,
		       unsigned int n_expected)
{
	const struct ab_block_config *c = p->l->config;
	char control[PATH_MAX];
	int n;

	(void)snprintf(control, sizeof(control), "%s/mapper/control", c->dev);
	n = c->kernel->open_count(control, major, minor);
	if (n < 0)
		return n;
	if ((unsigned int)n > n_expected && p->found == AB_GUARD_FREE) {
		p->found = AB_GUARD_OPEN;
		(void)snprintf(p->by, sizeof(p->by), "it is open or mounted");
	}
	return 0;
}

static int on_map_holder(void *arg, const char *name)
{
	struct part *p = arg;
	const char *sysfs = p->l->tree.sysfs;
	char uuid[AB_BLOCK_UUID];
	uint32_t major, minor;
	int r = ab_block_attribute(sysfs, name, "dm/uuid", uuid, sizeof(uuid));

	if (r || !is_map_partition(uuid))
		return no_holder(p, name);
	p->n++;
	r = ab_block_number(sysfs, name, &major, &minor);
	if (r == 0)
		r = ab_block_each(sysfs, name, "holders", no_holder, p);
	return r ? r : check_count(p, major, minor, 0);
}

/* Return: 0 or -errno. */
static int look_at_map_users(struct part *p)
{
	const struct ab_block_map *map = p->map;
	int r = ab_block_each(p->l->tree.sysfs, map->device, "holders", on_map_holder,
			      p);

	return r ? r : check_count(p, map->major, map->minor, p->n);
}

static void check_reservations(struct look *l, const struct ab_block_map *map,
			       const char *device)
{
	char path[PATH_MAX];
	int r;

	/* What is refused anyway needs no command to a disk that may be dead. */
	if (rank[l->answer->guard] >= rank[AB_GUARD_UNREADABLE])
		return;
	(void)snprintf(path, sizeof(path), "%s/%s", l->config->dev, device);
	r = l->config->kernel->is_reserved(path);
	if (r < 0)
		unreadable(l, device, r);
	else if (r && !(map && is_managed(l, map)))
		find(l, AB_GUARD_RESERVED, "%s has persistent reservations%s", device,
		     map ? " that multipathd does not manage" : "");
}

/* Why a map that is not redundant does not let its path go; if anything. */
static void judge_users(struct look *l, const struct ab_block_map *map,
			unsigned int n_others, uint32_t n_needed)
{
	struct part users = { .l = l, .map = map, .found = AB_GUARD_FREE };
	int r = look_at_map_users(&users);

	if (r)
		unreadable(l, map->device, r);
	else if (users.found == AB_GUARD_FREE)
		return;
	else if (l->question->must_be_idle)
		find(l, users.found, "%s (%s): %s", map->name, map->device, users.by);
	else if (l->paths)
		find(l, AB_GUARD_LAST_PATH,
		     "%s (%s) would keep %u active paths of %u that it must keep, and "
		     "%s",
		     map->name, map->device, n_others, n_needed, users.by);
}

static void judge_map(struct look *l, size_t i)
{
	struct ab_block_map *map = &l->tree.maps[i];
	uint32_t n_needed = l->question->min_paths ? l->question->min_paths : 1;
	char path[AB_BLOCK_NAME] = "";
	unsigned int n_others = count_others(l, map, path);

	map->is_redundant = n_others >= n_needed && !l->question->must_be_idle;
	if (map->is_redundant)
		find(l, AB_GUARD_REDUNDANT, "%s", "");
	else
		judge_users(l, map, n_others, n_needed);
	for (size_t k = 0; k < l->tree.n_nodes && !*path; k++)
		if (l->tree.nodes[k].map == (int)i)
			(void)ab_copy(path, sizeof(path), l->tree.nodes[k].name);
	check_reservations(l, map, path);
}

/* --- disks in no map -------------------------------------------------------------- */

static const struct ab_block_node *disk_of(const struct ab_block_tree *tree,
					   const struct ab_block_node *node)
{
	while (node > tree->nodes && node->kind == AB_BLOCK_PARTITION)
		node--;
	return node;
}

static void judge_node(struct look *l, const struct ab_block_node *node)
{
	char path[PATH_MAX];
	int r;

	if (node->kind == AB_BLOCK_CHAR || disk_of(&l->tree, node)->map >= 0 ||
	    rank[l->answer->guard] >= rank[AB_GUARD_OPEN])
		return;
	(void)snprintf(path, sizeof(path), "%s/%s", l->config->dev, node->name);
	r = l->config->kernel->is_claimed(path);
	if (r < 0)
		unreadable(l, node->name, r);
	else if (r)
		find(l, AB_GUARD_OPEN, "%s is mounted, swapped to or claimed",
		     node->name);
	if (node->kind == AB_BLOCK_DISK)
		check_reservations(l, NULL, node->name);
}

/* --- the root file system --------------------------------------------------------- */

struct stack {
	const char *sysfs;
	size_t n;
	char names[STACK_MAX][AB_BLOCK_NAME];
};

/* ab_block_name_fn; what does not fit is left out. */
static int push(void *arg, const char *name)
{
	struct stack *s = arg;

	if (s->n < STACK_MAX && ab_copy(s->names[s->n], AB_BLOCK_NAME, name))
		s->n++;
	return 0;
}

struct root {
	uint32_t major, minor;
	bool is_found;
};

/* "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw" (proc_pid_mountinfo(5)). File
 * systems without a device number of their own (btrfs) name one of their devices. */
static void take_mount(struct root *root, char *line)
{
	char *rest = strstr(line, " - "), *save = NULL, *source;
	const char *fields[5] = { NULL }; /* id, parent, device, root, mount point */
	uint32_t maj, min;
	struct stat st;

	if (!rest)
		return;
	*rest = '\0';
	rest += strlen(" - ");
	for (size_t i = 0; i < 5; i++)
		fields[i] = strtok_r(i ? NULL : line, " ", &save);
	if (!fields[4] || !ab_streq(fields[4], "/") ||
	    ab_block_parse_number(fields[2], &maj, &min))
		return;
	(void)strtok_r(rest, " ", &save); /* the type */
	source = strtok_r(NULL, " ", &save);
	if (maj == 0) {
		if (!source || stat(source, &st) < 0 || !S_ISBLK(st.st_mode))
			return;
		maj = major(st.st_rdev);
		min = minor(st.st_rdev);
	}
	*root = (struct root){ maj, min, true };
}

/* The last mount on "/" is the one on top. */
static struct root find_root(const struct ab_block_config *c)
{
	struct root root = { 0 };
	char path[PATH_MAX], *text, *line, *save;
	size_t n;

	(void)snprintf(path, sizeof(path), "%s/1/mountinfo", c->proc);
	if (ab_file_read(AT_FDCWD, path, MOUNTINFO_MAX, &text, &n, NULL))
		return root;
	for (line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		take_mount(&root, line);
	free(text);
	return root;
}

/* Does a disk of the session lie below the root file system? */
static bool carries_root(const struct look *l)
{
	struct stack s = { .sysfs = l->tree.sysfs };
	char link[PATH_MAX], path[PATH_MAX];
	struct root root = find_root(l->config);

	if (!root.is_found)
		return false;
	if (ab_block_find(&l->tree, false, root.major, root.minor))
		return true;
	(void)snprintf(link, sizeof(link), "%s/dev/block/%u:%u", s.sysfs, root.major,
		       root.minor);
	if (!realpath(link, path))
		return false;
	(void)push(&s, strrchr(path, '/') + 1);
	for (size_t i = 0; i < s.n; i++) {
		for (size_t k = 0; k < l->tree.n_nodes; k++)
			if (ab_streq(l->tree.nodes[k].name, s.names[i]))
				return true;
		(void)ab_block_each(s.sysfs, s.names[i], "slaves", push, &s);
	}
	return false;
}

/* --- activity --------------------------------------------------------------------- */

struct sample {
	const char *name;
	char stat[STAT_TEXT];
};

/* Return: 0 or -errno; *ret_busy: I/O is in flight. */
static int sample_one(const struct look *l, struct sample *s, bool *ret_busy)
{
	char text[64];
	int r = ab_block_attribute(l->tree.sysfs, s->name, "inflight", text,
				   sizeof(text));

	*ret_busy = r == 0 && strpbrk(text, "123456789") != NULL; /* reads, writes */
	if (r == 0)
		r = ab_block_attribute(l->tree.sysfs, s->name, "stat", s->stat,
				       sizeof(s->stat));
	return r;
}

/* What is judged: the map where there is one, else the disk. Return: how many. */
static size_t to_sample(const struct look *l, struct sample *samples)
{
	size_t n = 0;

	for (size_t i = 0; i < l->tree.n_nodes; i++)
		if (l->tree.nodes[i].kind == AB_BLOCK_DISK && l->tree.nodes[i].map < 0)
			samples[n++].name = l->tree.nodes[i].name;
	for (size_t i = 0; i < l->tree.n_maps; i++)
		if (!l->tree.maps[i].is_redundant)
			samples[n++].name = l->tree.maps[i].device;
	return n;
}

static void wait_ms(const struct ab_block_config *c, uint32_t ms)
{
	ab_mono until = ab_mono_add_ms(ab_clock_now(), ms);
	struct pollfd p = { .fd = c->stop_fd, .events = POLLIN };
	int64_t left;

	while ((left = ab_mono_ms_between(ab_clock_now(), until)) > 0)
		if (poll(&p, 1, (int)left) > 0)
			return;
}

static void watch(struct look *l, struct sample *samples, size_t n)
{
	char before[STAT_TEXT];
	bool is_busy;
	int r;

	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < n; i++) {
			memcpy(before, samples[i].stat, sizeof(before));
			r = sample_one(l, &samples[i], &is_busy);
			if (r)
				unreadable(l, samples[i].name, r);
			else if (is_busy ||
				 (round && !ab_streq(before, samples[i].stat)))
				find(l, AB_GUARD_ACTIVE, "%s has I/O", samples[i].name);
		}
		if (round == 0 && rank[l->answer->guard] < rank[AB_GUARD_ACTIVE])
			wait_ms(l->config, l->config->activity_ms);
	}
}

/* --- the look --------------------------------------------------------------------- */

static void look_at_all(struct look *l)
{
	int r = ab_block_tree_read(&l->tree, l->config->sysfs, l->question->sid,
				   l->question->host);

	if (r == AB_BLOCK_E_GONE) {
		find(l, AB_GUARD_CHANGED, "session %u is not on host %u (any more)",
		     l->question->sid, l->question->host);
		return;
	}
	if (r) {
		unreadable(l, "the session", r);
		return;
	}
	look_at_holders(l);
	look_for_users(l);
	if (l->tree.n_maps)
		ask_for_paths(l);
	for (size_t i = 0; i < l->tree.n_nodes; i++)
		judge_node(l, &l->tree.nodes[i]);
	for (size_t i = 0; i < l->tree.n_maps; i++)
		judge_map(l, i);
	if (rank[l->answer->guard] >= rank[AB_GUARD_LAST_PATH] && carries_root(l))
		find(l, AB_GUARD_ROOT, "the root file system stands on it");
}

static void look_begin(struct look *l, const struct ab_block_config *config,
		       const struct ab_block_question *question,
		       struct ab_block_answer *answer)
{
	*answer = (struct ab_block_answer){ .guard = AB_GUARD_FREE };
	*l = (struct look){
		.config = config,
		.question = question,
		.answer = answer,
		.call = AB_MPATH_CALL_NONE,
	};
}

static void look_end(struct look *l)
{
	ab_block_tree_fini(&l->tree);
	ab_mpath_call_close(&l->call);
	free(l->paths);
}

void ab_block_inspect(const struct ab_block_config *config,
		      const struct ab_block_question *question,
		      struct ab_block_answer *ret_answer)
{
	struct sample *samples;
	struct look l;
	size_t n;

	look_begin(&l, config, question, ret_answer);
	look_at_all(&l);
	/* Redundant maps may be busy; all that is free must be quiet. */
	if (rank[ret_answer->guard] > rank[AB_GUARD_REDUNDANT]) {
		look_end(&l);
		return;
	}
	samples = calloc(l.tree.n_nodes + l.tree.n_maps + 1, sizeof(*samples));
	if (!samples) {
		unreadable(&l, "the statistics", -ENOMEM);
		look_end(&l);
		return;
	}
	n = to_sample(&l, samples);
	if (n)
		watch(&l, samples, n);
	free(samples);
	look_end(&l);
	if (n == 0 || rank[ret_answer->guard] > rank[AB_GUARD_REDUNDANT])
		return;
	look_begin(&l, config, question, ret_answer);
	look_at_all(&l);
	look_end(&l);
}
