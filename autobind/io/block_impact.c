/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/block_impact.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "io/block_sysfs.h"
#include "util/text.h"

#define DEPTH_MAX 8 /* devices above each other */

struct impact {
	const struct ab_impact_where *where;
	const struct ab_impact_disk *disks;
	size_t n_disks;
	struct ab_impact_lun *luns; /* owned; at most one for each disk */
	size_t n_luns;
	char *mounts, *swaps; /* owned: mountinfo and swaps as they are */
};

/* --- paths ------------------------------------------------------------------------ */

static bool is_running(const struct impact *im, const char *disk)
{
	char state[32];

	/* Devices that have no state (nbd, loop) work as far as anybody knows. */
	return ab_block_attribute(im->where->sysfs, disk, "device/state", state,
				  sizeof(state)) ||
	       ab_streq(state, "running");
}

/* ab_block_name_fn: the multipath map among the holders of a disk. */
struct map_search {
	const struct impact *im;
	char map[AB_BLOCK_NAME];
};

static int find_map(void *arg, const char *holder)
{
	struct map_search *s = arg;
	char uuid[AB_BLOCK_UUID];

	if (ab_block_attribute(s->im->where->sysfs, holder, "dm/uuid", uuid,
			       sizeof(uuid)) == 0 &&
	    ab_starts_with(uuid, "mpath-"))
		(void)ab_copy(s->map, sizeof(s->map), holder); /* the kernel's name */
	return 0;
}

static struct ab_impact_lun *lun_of(struct impact *im, const char *device, bool is_map)
{
	struct ab_impact_lun *lun;
	size_t i;

	for (i = 0; i < im->n_luns; i++)
		if (ab_streq(im->luns[i].device, device))
			return &im->luns[i];
	lun = &im->luns[im->n_luns++];
	(void)ab_copy(lun->device, sizeof(lun->device), device);
	lun->is_map = is_map;
	if (!is_map || ab_block_attribute(im->where->sysfs, device, "dm/name",
					  lun->name, sizeof(lun->name)))
		(void)ab_copy(lun->name, sizeof(lun->name), device);
	return lun;
}

/* Return: 0 or -errno. */
static int add_disk(struct impact *im, const struct ab_impact_disk *disk)
{
	struct map_search s = { .im = im };
	struct ab_impact_lun *lun;
	int r = ab_block_each(im->where->sysfs, disk->name, "holders", find_map, &s);

	if (r == -ENOENT)
		return 0; /* it went meanwhile */
	if (r)
		return r;
	lun = lun_of(im, s.map[0] ? s.map : disk->name, s.map[0] != '\0');
	lun->loses |= disk->is_down;
	if (disk->is_up && is_running(im, disk->name)) {
		lun->n_now++;
		lun->n_after += !disk->is_down;
	}
	return 0;
}

struct slave_walk {
	const struct impact *im;
	struct ab_impact_lun *lun;
};

/* ab_block_name_fn: paths of a map that are not in the list. */
static int add_other_path(void *arg, const char *slave)
{
	struct slave_walk *w = arg;
	size_t i;

	for (i = 0; i < w->im->n_disks; i++)
		if (ab_streq(w->im->disks[i].name, slave))
			return 0;
	if (is_running(w->im, slave)) {
		w->lun->n_now++;
		w->lun->n_after++;
	}
	return 0;
}

/* --- users ------------------------------------------------------------------------ */

static void add_user(struct ab_impact_lun *lun, const char *user)
{
	size_t n = strlen(lun->users);

	(void)snprintf(lun->users + n, sizeof(lun->users) - n, "%s%s", n ? ", " : "",
		       user); /* cut is good enough */
}

/* "\040" and the like stand for blanks (proc(5)). */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' &&
		    s[2] <= '7' && s[3] >= '0' && s[3] <= '7') {
			*to++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + s[3] -
				       '0');
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

/* Is it the file of this device? */
static bool is_device(const char *path, uint32_t major, uint32_t minor)
{
	struct stat st;

	return path[0] == '/' && stat(path, &st) == 0 && S_ISBLK(st.st_mode) &&
	       major(st.st_rdev) == major && minor(st.st_rdev) == minor;
}

/* ID PARENT MAJOR:MINOR ROOT MOUNTPOINT OPTIONS [TAGS] - TYPE SOURCE ... btrfs has a
 * number of its own there, and the device only as the source. */
static bool add_mount(struct ab_impact_lun *lun, char *line, uint32_t major,
		      uint32_t minor)
{
	char number[32], source[512] = "", *field[5], *end = strstr(line, " - ");
	unsigned int i;

	if (end && sscanf(end, " - %*s %511s", source) != 1)
		source[0] = '\0';
	for (i = 0; i < 5; i++) {
		field[i] = strsep(&line, " ");
		if (!line)
			return false;
	}
	(void)snprintf(number, sizeof(number), "%u:%u", major, minor);
	unescape(source);
	if (!ab_streq(field[2], number) && !is_device(source, major, minor))
		return false;
	unescape(field[4]);
	add_user(lun, field[4]);
	return true;
}

/* Calls @fn with a copy of each line of @text; returns how many it took. */
static unsigned int each_line(struct ab_impact_lun *lun, const char *text,
			      bool (*fn)(struct ab_impact_lun *lun, char *line,
					 uint32_t major, uint32_t minor),
			      uint32_t major, uint32_t minor)
{
	char line[4096];
	unsigned int n = 0;
	size_t len;

	for (; *text; text += len + (text[len] == '\n')) {
		len = strcspn(text, "\n");
		if (ab_copyn(line, sizeof(line), text, len))
			n += fn(lun, line, major, minor);
	}
	return n;
}

static bool add_swap(struct ab_impact_lun *lun, char *line, uint32_t major,
		     uint32_t minor)
{
	line[strcspn(line, " \t")] = '\0';
	unescape(line);
	if (!is_device(line, major, minor))
		return false;
	add_user(lun, "swap");
	return true;
}

struct user_walk {
	struct impact *im;
	struct ab_impact_lun *lun;
	const char *device; /* below block/ */
	unsigned int depth;
	unsigned int n; /* users found from here on */
};

static int walk_device(struct impact *im, struct ab_impact_lun *lun, const char *device,
		       unsigned int depth, unsigned int *ret_n);

static int walk_holder(void *arg, const char *name)
{
	struct user_walk *w = arg;
	unsigned int n;
	int r = walk_device(w->im, w->lun, name, w->depth + 1, &n);

	w->n += n;
	return r;
}

/* A folder below a device that has the attribute "partition" is one. */
static int walk_part(void *arg, const char *name)
{
	struct user_walk *w = arg;
	char device[2 * AB_BLOCK_NAME], text[32];
	unsigned int n;
	int r;

	if (snprintf(device, sizeof(device), "%s/%s", w->device, name) >=
		    (int)sizeof(device) ||
	    ab_block_attribute(w->im->where->sysfs, device, "partition", text,
			       sizeof(text)))
		return 0;
	r = walk_device(w->im, w->lun, device, w->depth + 1, &n);
	w->n += n;
	return r;
}

/* What stands on a device, and on what stands on it. */
static int walk_device(struct impact *im, struct ab_impact_lun *lun, const char *device,
		       unsigned int depth, unsigned int *ret_n)
{
	struct user_walk w = { .im = im, .lun = lun, .device = device, .depth = depth };
	char name[AB_IMPACT_NAME];
	uint32_t major, minor;
	int r;

	*ret_n = 0;
	if (depth > DEPTH_MAX ||
	    ab_block_number(im->where->sysfs, device, &major, &minor))
		return 0; /* it went meanwhile */
	w.n += each_line(lun, im->mounts, add_mount, major, minor);
	w.n += each_line(lun, im->swaps, add_swap, major, minor);
	r = ab_block_each(im->where->sysfs, device, "holders", walk_holder, &w);
	if (r == -ENOENT)
		r = 0;
	if (r == 0 && !strchr(device, '/'))
		r = ab_block_each(im->where->sysfs, device, "", walk_part, &w);
	/* The top-most device that nothing is mounted from. */
	if (r == 0 && w.n == 0 && depth > 0 && !strchr(device, '/')) {
		if (ab_block_attribute(im->where->sysfs, device, "dm/name", name,
				       sizeof(name)))
			(void)ab_copy(name, sizeof(name), device);
		add_user(lun, name);
		w.n++;
	}
	*ret_n = w.n;
	return r;
}

/* --- the whole -------------------------------------------------------------------- */

/* A file of /proc, which has no size. Return: 0 or -errno. */
static int read_proc(const char *proc, const char *name, char **ret_text)
{
	char path[512], buf[4096];
	size_t n, size;
	FILE *in, *out;
	int r = 0;

	if (snprintf(path, sizeof(path), "%s/%s", proc, name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	in = fopen(path, "re");
	if (!in)
		return -errno;
	out = open_memstream(ret_text, &size);
	if (!out)
		r = -ENOMEM;
	while (r == 0 && (n = fread(buf, 1, sizeof(buf), in)) > 0)
		if (fwrite(buf, 1, n, out) != n)
			r = -ENOMEM;
	if (ferror(in))
		r = -EIO;
	(void)fclose(in); /* read only */
	if (out && fclose(out) != 0 && r == 0)
		r = -ENOMEM;
	return r;
}

static int tell(struct impact *im, struct ab_impact_lun *lun, ab_impact_fn *fn,
		void *arg)
{
	struct slave_walk w = { .im = im, .lun = lun };
	unsigned int n;
	int r = 0;

	if (lun->is_map)
		r = ab_block_each(im->where->sysfs, lun->device, "slaves",
				  add_other_path, &w);
	if (r == 0 || r == -ENOENT)
		r = walk_device(im, lun, lun->device, 0, &n);
	return r ? r : fn(arg, lun);
}

int ab_block_impact(const struct ab_impact_where *where,
		    const struct ab_impact_disk *disks, size_t n, ab_impact_fn *fn,
		    void *arg)
{
	struct impact im = { .where = where, .disks = disks, .n_disks = n };
	size_t i;
	int r;

	im.luns = calloc(n ? n : 1, sizeof(*im.luns));
	r = im.luns ? read_proc(where->proc, "self/mountinfo", &im.mounts) : -ENOMEM;
	if (r == 0)
		r = read_proc(where->proc, "swaps", &im.swaps);
	for (i = 0; i < n && r == 0; i++)
		r = add_disk(&im, &disks[i]);
	for (i = 0; i < im.n_luns && r == 0; i++)
		r = tell(&im, &im.luns[i], fn, arg);
	free(im.luns);
	free(im.mounts);
	free(im.swaps);
	return r;
}
