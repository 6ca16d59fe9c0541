/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every verdict on trees of our own, with a multipathd of our own; and the questions to
 * the kernel on a real loop device where there is one.
 */
#include "ab_test.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <linux/loop.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/block.h"
#include "io/block_impact.h"
#include "io/file.h"
#include "io/mpath_reply.h"

#define UNIT "sysfs/devices/platform/host3/session7/target3:0:0/3:0:0:1"
#define OTHER "sysfs/devices/platform/host4/session8/target4:0:0/4:0:0:1"
#define STATS "  1 0 8 0 0 0 0 0 0 0 0\n"
#define HEALTHY "active\trunning\tready\tnormal\t"
#define PATHS                                                                          \
	"8:16\t" HEALTHY "WWID\tmpatha\n"                                              \
	"8:32\t" HEALTHY "WWID\tmpatha\n"

/* What the kernel would say. */
static struct {
	const char *claimed;  /* last part of the path */
	const char *reserved; /* the same */
	int claim_error, reserve_error;
	int count[8]; /* of dm-N */
	char asked[64];
} kernel;

static char root[64];
static char name[64];
static pid_t multipathd; /* 0: none */
static struct ab_block_config config;
static char sysfs[128], proc[128], dev[128];

static const char *last_part(const char *path)
{
	return strrchr(path, '/') + 1;
}

static int is_claimed(const char *path)
{
	if (kernel.claim_error)
		return kernel.claim_error;
	return kernel.claimed && !strcmp(last_part(path), kernel.claimed);
}

static int is_reserved(const char *path)
{
	snprintf(kernel.asked, sizeof(kernel.asked), "%s", last_part(path));
	if (kernel.reserve_error)
		return kernel.reserve_error;
	return kernel.reserved && !strcmp(last_part(path), kernel.reserved);
}

static int open_count(const char *control, uint32_t maj, uint32_t min)
{
	assert_string_equal(last_part(control), "control");
	assert_int_equal(maj, 253);
	assert_in_range(min, 0, 7);
	return kernel.count[min];
}

static const struct ab_block_kernel our_kernel = { is_claimed, is_reserved,
						   open_count };

/* --- trees ------------------------------------------------------------------------ */

static void in_root(char buf[PATH_MAX], const char *path)
{
	assert_true(snprintf(buf, PATH_MAX, "%s/%s", root, path) < PATH_MAX);
}

static void make_folder(const char *path)
{
	char full[PATH_MAX];

	in_root(full, path);
	assert_int_equal(ab_file_make_dirs(AT_FDCWD, full, 0755), 0);
}

static void make_parent(const char *path)
{
	char full[PATH_MAX];

	in_root(full, path);
	*strrchr(full, '/') = '\0';
	assert_int_equal(ab_file_make_dirs(AT_FDCWD, full, 0755), 0);
}

static void put(const char *path, const char *text)
{
	char full[PATH_MAX];
	FILE *f;

	make_parent(path);
	in_root(full, path);
	f = fopen(full, "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void put_link(const char *path, const char *target)
{
	char full[PATH_MAX], to[PATH_MAX];

	make_parent(path);
	in_root(full, path);
	in_root(to, target);
	assert_int_equal(symlink(to, full), 0);
}

static void drop(const char *path)
{
	char full[PATH_MAX];

	in_root(full, path);
	assert_int_equal(remove(full), 0);
}

static void put_in(const char *folder, const char *file, const char *text)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", folder, file);
	put(path, text);
}

static void put_counts(const char *folder, const char *number)
{
	char path[512];

	put_in(folder, "dev", number);
	put_in(folder, "stat", STATS);
	put_in(folder, "inflight", "       0        0\n");
	snprintf(path, sizeof(path), "%s/holders", folder);
	make_folder(path);
}

static void put_disk(const char *unit, const char *disk, const char *number)
{
	char path[256], link[256];

	snprintf(path, sizeof(path), "%s/block/%s", unit, disk);
	put_counts(path, number);
	snprintf(link, sizeof(link), "sysfs/block/%s", disk);
	put_link(link, path);
}

static void put_dm(const char *dm, const char *number, const char *uuid,
		   const char *map)
{
	char path[256];

	snprintf(path, sizeof(path), "sysfs/block/%s", dm);
	put_counts(path, number);
	put_in(path, "dm/uuid", uuid);
	put_in(path, "dm/name", map);
}

/* @upper stands on @lower. */
static void stack(const char *upper, const char *lower)
{
	char path[256], target[256];

	snprintf(path, sizeof(path), "sysfs/block/%s/holders/%s", lower, upper);
	snprintf(target, sizeof(target), "sysfs/block/%s", upper);
	put_link(path, target);
	snprintf(path, sizeof(path), "sysfs/block/%s/slaves/%s", upper, lower);
	snprintf(target, sizeof(target), "sysfs/block/%s", lower);
	put_link(path, target);
}

/* dm-3 over sdb, which is ours, and sdc, which is another session's. */
static void put_map(void)
{
	put_dm("dm-3", "253:3\n", "mpath-WWID\n", "mpatha\n");
	stack("dm-3", "sdb");
	stack("dm-3", "sdc");
}

/* --- multipathd ------------------------------------------------------------------- */

/* fork() of a child that ends with us, however we end. */
static pid_t fork_child(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

static void serve(int fd, const char *paths, const char *status)
{
	char question[512];
	const char *answer;
	size_t n;

	while (recv(fd, &n, sizeof(n), MSG_WAITALL) == sizeof(n) &&
	       n <= sizeof(question) &&
	       recv(fd, question, n, MSG_WAITALL) == (ssize_t)n) {
		answer = strcmp(question, AB_MPATH_ASK_PATHS) ? "fail\n" : paths;
		if (!strcmp(question, "getprstatus map dm-3"))
			answer = status;
		n = strlen(answer) + 1;
		if (send(fd, &n, sizeof(n), MSG_NOSIGNAL) < 0 ||
		    send(fd, answer, n, MSG_NOSIGNAL) < 0)
			break;
	}
	close(fd);
}

static void run_multipathd(const char *paths, const char *status)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t n = strlen(name);

	memcpy(addr.sun_path, name, n);
	addr.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (struct sockaddr *)&addr,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)),
			 0);
	assert_int_equal(listen(fd, 4), 0);
	multipathd = fork_child();
	while (multipathd == 0)
		serve(accept(fd, NULL, NULL), paths, status);
	close(fd);
}

static void stop(pid_t *pid)
{
	if (*pid > 0) {
		assert_int_equal(kill(*pid, SIGKILL), 0);
		assert_int_equal(waitpid(*pid, NULL, 0), *pid);
	}
	*pid = 0;
}

/* --- fixture ---------------------------------------------------------------------- */

static int set_up(void **state)
{
	(void)state;
	memset(&kernel, 0, sizeof(kernel));
	snprintf(root, sizeof(root), "/tmp/autobind-test-block-XXXXXX");
	assert_non_null(mkdtemp(root));
	snprintf(name, sizeof(name), "@autobind-test-block-%d", (int)getpid());
	snprintf(sysfs, sizeof(sysfs), "%s/sysfs", root);
	snprintf(proc, sizeof(proc), "%s/proc", root);
	snprintf(dev, sizeof(dev), "%s/dev", root);
	config = (struct ab_block_config){
		.sysfs = sysfs,
		.proc = proc,
		.dev = dev,
		.mpath = { name, "" },
		.activity_ms = 1,
		.stop_fd = -1,
		.kernel = &our_kernel,
	};
	make_folder("sysfs/devices/platform/host3/session7/iscsi_session/session7");
	put_link("sysfs/class/iscsi_session/session7",
		 "sysfs/devices/platform/host3/session7/iscsi_session/session7");
	put_disk(UNIT, "sdb", "8:16\n");
	put(UNIT "/block/sdb/sdb1/dev", "8:17\n");
	put(UNIT "/block/sdb/sdb1/partition", "1\n");
	make_folder(UNIT "/block/sdb/sdb1/holders");
	put(UNIT "/scsi_generic/sg1/dev", "21:1\n");
	put_disk(OTHER, "sdc", "8:32\n");
	make_folder("proc/self");
	make_folder("dev");
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int tear_down(void **state)
{
	(void)state;
	stop(&multipathd);
	return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static struct ab_block_answer look_for(uint32_t min_paths, bool must_be_idle)
{
	struct ab_block_question q = { 7, 3, min_paths, must_be_idle };
	struct ab_block_answer a;

	ab_block_inspect(&config, &q, &a);
	assert_int_equal(*a.detail == '\0',
			 a.guard == AB_GUARD_FREE || a.guard == AB_GUARD_REDUNDANT);
	return a;
}

static uint8_t look(void)
{
	return look_for(1, false).guard;
}

static void make_node(const char *path, mode_t type, unsigned int maj, unsigned int min)
{
	char full[PATH_MAX];

	in_root(full, path);
	if (mknod(full, type | 0600, makedev(maj, min)) < 0)
		skip(); /* not root */
}

/* --- the session ------------------------------------------------------------------ */

static void an_unused_disk_is_free(void **state)
{
	(void)state;
	assert_int_equal(look(), AB_GUARD_FREE);
	assert_int_equal(look_for(1, true).guard, AB_GUARD_FREE);
	assert_string_equal(kernel.asked, "sdb");
}

static void a_session_without_disks_is_free(void **state)
{
	char path[PATH_MAX];

	(void)state;
	in_root(path, "sysfs/devices/platform/host3/session7/target3:0:0");
	assert_int_equal(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
	assert_int_equal(look(), AB_GUARD_FREE);
}

static void another_host_or_no_session_is_changed(void **state)
{
	static const struct ab_block_question rows[] = { { 7, 4, 1, false },
							 { 8, 3, 1, false } };
	struct ab_block_answer a;

	(void)state;
	for (size_t i = 0; i < AB_COUNT(rows); i++) {
		ab_block_inspect(&config, &rows[i], &a);
		assert_int_equal(a.guard, AB_GUARD_CHANGED);
	}
}

/* --- users of a disk -------------------------------------------------------------- */

static void what_stands_on_a_disk_holds_it(void **state)
{
	(void)state;
	put_dm("dm-5", "253:5\n", "LVM-abc\n", "vg-lv\n");
	stack("dm-5", "sdb");
	assert_int_equal(look(), AB_GUARD_HELD);
}

static void what_stands_on_a_partition_holds_the_disk(void **state)
{
	struct ab_block_answer a;

	(void)state;
	put("sysfs/block/md0/dev", "9:0\n");
	put_link(UNIT "/block/sdb/sdb1/holders/md0", "sysfs/block/md0");
	a = look_for(1, false);
	assert_int_equal(a.guard, AB_GUARD_HELD);
	assert_string_equal(a.detail, "sdb1: md0 stands on it");
}

static void a_holder_beside_the_map_holds_the_disk(void **state)
{
	(void)state;
	put_map();
	run_multipathd(PATHS, "0");
	put("sysfs/block/bcache0/dev", "252:0\n");
	put_link("sysfs/block/sdb/holders/bcache0", "sysfs/block/bcache0");
	assert_int_equal(look(), AB_GUARD_HELD);
}

static void a_claimed_disk_or_partition_is_open(void **state)
{
	(void)state;
	kernel.claimed = "sdb";
	assert_int_equal(look(), AB_GUARD_OPEN);
	kernel.claimed = "sdb1";
	assert_int_equal(look(), AB_GUARD_OPEN);
}

static void a_descriptor_of_any_process_opens_the_disk(void **state)
{
	static const char *const nodes[] = { "dev/sdb", "dev/sdb1", "dev/sg1" };
	struct ab_block_answer a;

	(void)state;
	make_node("dev/sdb", S_IFBLK, 8, 16);
	make_node("dev/sdb1", S_IFBLK, 8, 17);
	make_node("dev/sg1", S_IFCHR, 21, 1);
	make_node("dev/other", S_IFCHR, 8, 16);
	make_folder("proc/101/fd");
	put("proc/100/comm", "qemu\n");
	put_link("proc/100/fd/4", "dev/other");
	assert_int_equal(look(), AB_GUARD_FREE);
	for (size_t i = 0; i < AB_COUNT(nodes); i++) {
		put_link("proc/100/fd/5", nodes[i]);
		a = look_for(1, false);
		assert_int_equal(a.guard, AB_GUARD_OPEN);
		assert_non_null(strstr(a.detail, "is used by process 100 (qemu)"));
		drop("proc/100/fd/5");
	}
	/* A map does not excuse it. */
	put_map();
	run_multipathd(PATHS, "0");
	put_link("proc/100/fd/5", "dev/sdb");
	assert_int_equal(look(), AB_GUARD_OPEN);
}

static void multipathds_own_descriptors_do_not_count(void **state)
{
	char fd[64], pidfile[PATH_MAX];
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int ready[2];
	pid_t pid;
	char c;

	(void)state;
	make_node("dev/sdb", S_IFBLK, 8, 16);
	put_map();
	kernel.count[3] = 1;
	run_multipathd(PATHS, "0");
	put("pid", "1\n");
	in_root(pidfile, "pid");
	config.mpath.pidfile = pidfile;
	assert_int_equal(pipe(ready), 0);
	pid = fork_child();
	if (pid == 0) {
		int file = open(pidfile, O_RDWR);

		if (fcntl(file, F_SETLK, &lock) == 0 && write(ready[1], "y", 1) == 1)
			(void)pause();
		_exit(1);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	snprintf(fd, sizeof(fd), "proc/%d/fd/7", (int)pid);
	put_link(fd, "dev/sdb");
	assert_int_equal(look(), AB_GUARD_REDUNDANT);
	put_link("proc/100/fd/5", "dev/sdb");
	assert_int_equal(look(), AB_GUARD_OPEN);
	stop(&pid);
	close(ready[0]);
	close(ready[1]);
}

static void a_back_store_of_a_target_is_named(void **state)
{
	static const struct {
		const char *what;
		const char *file;
		const char *text;
		uint8_t expected;
	} rows[] = {
		{ "path", "target/core/iblock_0/lun/udev_path", "/dev/by-id\n",
		  AB_GUARD_BACKSTORE },
		{ "numbers", "target/core/iblock_0/lun/info",
		  "Status: ACTIVATED\n        iBlock device: sdb\n        Major: 8 "
		  "Minor: 16  CLAIMED: IBLOCK\n",
		  AB_GUARD_BACKSTORE },
		{ "file", "target/core/fileio_1/lun/info",
		  "        TCM FILEIO ID: 0        File: /dev/sdb  Size: 1 Mode: "
		  "O_DSYNC",
		  AB_GUARD_BACKSTORE },
		{ "NVMe", "nvmet/subsystems/nqn/namespaces/1/device_path", "/dev/sdb\n",
		  AB_GUARD_BACKSTORE },
		{ "another disk", "target/core/iblock_0/lun/info",
		  "Major: 8 Minor: 32  CLAIMED", AB_GUARD_FREE },
		{ "no path yet", "target/core/iblock_0/lun/udev_path", "",
		  AB_GUARD_FREE },
		{ "gone path", "target/core/iblock_0/lun/udev_path", "/dev/gone",
		  AB_GUARD_FREE },
	};
	char path[256];

	(void)state;
	make_node("dev/sdb", S_IFBLK, 8, 16);
	put_link("dev/by-id", "dev/sdb");
	for (size_t i = 0; i < AB_COUNT(rows); i++) {
		snprintf(path, sizeof(path), "sysfs/kernel/config/%s", rows[i].file);
		put(path, rows[i].text);
		ab_assert_row(rows[i].what, look() == rows[i].expected);
		drop(path);
	}
}

static void a_loop_device_holds_what_it_is_over(void **state)
{
	(void)state;
	make_node("dev/sdb1", S_IFBLK, 8, 17);
	put("sysfs/block/loop0/loop/backing_file", "/dev/sdb1\n");
	assert_int_equal(look(), AB_GUARD_HELD);
	put("sysfs/block/loop0/loop/backing_file", "/srv/image\n");
	assert_int_equal(look(), AB_GUARD_FREE);
}

/* --- activity --------------------------------------------------------------------- */

static void io_in_flight_is_activity(void **state)
{
	(void)state;
	put("sysfs/block/sdb/inflight", "       1        0\n");
	assert_int_equal(look(), AB_GUARD_ACTIVE);
}

static void statistics_that_change_are_activity(void **state)
{
	char text[64];
	pid_t writer;
	uint8_t guard = AB_GUARD_MAX;

	(void)state;
	config.activity_ms = 100;
	writer = fork_child();
	for (unsigned int i = 0; writer == 0; i++) {
		snprintf(text, sizeof(text), "%u 0 8 0\n", i);
		put("sysfs/block/sdb/stat", text);
	}
	/* Until the writer had its turn between two samples. */
	for (int i = 0; i < 100 && guard != AB_GUARD_ACTIVE; i++)
		guard = look();
	stop(&writer);
	assert_int_equal(guard, AB_GUARD_ACTIVE);
}

/* A checker that reads is no user of the map, nor of its paths. */
static void the_map_is_judged_not_its_path(void **state)
{
	(void)state;
	put_map();
	run_multipathd(PATHS, "0");
	put("sysfs/block/sdb/inflight", "       1        0\n");
	assert_int_equal(look_for(1, true).guard, AB_GUARD_FREE);
	put("sysfs/block/dm-3/inflight", "       0        1\n");
	assert_int_equal(look_for(1, true).guard, AB_GUARD_ACTIVE);
	assert_int_equal(look(), AB_GUARD_REDUNDANT);
}

/* --- maps ------------------------------------------------------------------------- */

static void a_used_map_needs_enough_other_active_paths(void **state)
{
	static const struct {
		const char *what;
		const char *paths;
		uint32_t min_paths;
		uint8_t expected;
	} rows[] = {
		{ "one other", PATHS, 1, AB_GUARD_REDUNDANT },
		{ "none asked for is one", PATHS, 0, AB_GUARD_REDUNDANT },
		{ "two asked for", PATHS, 2, AB_GUARD_LAST_PATH },
		{ "only ours", "8:16\t" HEALTHY "WWID\tmpatha\n", 0,
		  AB_GUARD_LAST_PATH },
		{ "failed", "8:32\tfailed\trunning\tready\tnormal\tWWID\tmpatha\n", 1,
		  AB_GUARD_LAST_PATH },
		{ "marginal", "8:32\tactive\trunning\tready\tmarginal\tWWID\tmpatha\n",
		  1, AB_GUARD_LAST_PATH },
		{ "another map's", "8:32\t" HEALTHY "WWID2\tmpathb\n", 1,
		  AB_GUARD_LAST_PATH },
		{ "not in the kernel's map", "8:48\t" HEALTHY "WWID\tmpatha\n", 1,
		  AB_GUARD_LAST_PATH },
		{ "an orphan", "8:32\t" HEALTHY "WWID\t[orphan]\n", 1,
		  AB_GUARD_LAST_PATH },
	};

	(void)state;
	put_map();
	kernel.count[3] = 1;
	for (size_t i = 0; i < AB_COUNT(rows); i++) {
		run_multipathd(rows[i].paths, "0");
		ab_assert_row(rows[i].what, look_for(rows[i].min_paths, false).guard ==
						    rows[i].expected);
		stop(&multipathd);
	}
}

static void two_paths_of_one_session_are_not_redundant(void **state)
{
	(void)state;
	put_map();
	kernel.count[3] = 1;
	put_disk(UNIT, "sdd", "8:48\n");
	stack("dm-3", "sdd");
	run_multipathd("8:16\t" HEALTHY "WWID\tmpatha\n8:48\t" HEALTHY "WWID\tmpatha\n",
		       "0");
	assert_int_equal(look(), AB_GUARD_LAST_PATH);
}

static void a_map_that_nobody_uses_is_free_with_its_last_path(void **state)
{
	(void)state;
	put_map();
	run_multipathd("8:16\t" HEALTHY "WWID\tmpatha\n", "0");
	assert_int_equal(look(), AB_GUARD_FREE);
	/* kpartx's partition counts as one opener of the map, and is nobody. */
	put_dm("dm-4", "253:4\n", "part1-mpath-WWID\n", "mpatha-part1\n");
	stack("dm-4", "dm-3");
	kernel.count[3] = 1;
	assert_int_equal(look(), AB_GUARD_FREE);
	kernel.count[4] = 1; /* mounted */
	assert_int_equal(look(), AB_GUARD_LAST_PATH);
	kernel.count[4] = 0;
	kernel.count[3] = 2;
	assert_int_equal(look(), AB_GUARD_LAST_PATH);
}

static void idle_says_who_uses_the_map(void **state)
{
	(void)state;
	put_map();
	run_multipathd(PATHS, "0");
	kernel.count[3] = 1;
	assert_int_equal(look_for(1, true).guard, AB_GUARD_OPEN);
	put_dm("dm-5", "253:5\n", "LVM-abc\n", "vg-lv\n");
	stack("dm-5", "dm-3");
	assert_int_equal(look_for(1, true).guard, AB_GUARD_HELD);
	assert_int_equal(look(), AB_GUARD_REDUNDANT);
}

static void a_map_without_multipathd_is_unreadable(void **state)
{
	struct ab_block_answer a;

	(void)state;
	put_map();
	kernel.count[3] = 1;
	a = look_for(1, false);
	assert_int_equal(a.guard, AB_GUARD_UNREADABLE);
	assert_string_equal(a.detail, "multipathd does not run");
}

/* --- reservations ----------------------------------------------------------------- */

static void a_reservation_keeps_the_session(void **state)
{
	(void)state;
	kernel.reserved = "sdb";
	assert_int_equal(look(), AB_GUARD_RESERVED);
	kernel.reserved = NULL;
	kernel.reserve_error = -EIO;
	assert_int_equal(look(), AB_GUARD_UNREADABLE);
}

/* A dead path cannot be asked, and need not be: registrations are the unit's. */
static void a_map_is_asked_by_its_other_path_and_multipathd_may_manage(void **state)
{
	static const struct {
		const char *status;
		uint8_t expected;
	} rows[] = { { "0", AB_GUARD_RESERVED },
		     { "fail\n", AB_GUARD_RESERVED },
		     { "1", AB_GUARD_REDUNDANT },
		     { "set\n", AB_GUARD_REDUNDANT },
		     { "unset\n", AB_GUARD_RESERVED } };

	(void)state;
	put_map();
	kernel.count[3] = 1;
	kernel.reserved = "sdc";
	for (size_t i = 0; i < AB_COUNT(rows); i++) {
		run_multipathd(PATHS, rows[i].status);
		ab_assert_row(rows[i].status, look() == rows[i].expected);
		assert_string_equal(kernel.asked, "sdc");
		stop(&multipathd);
	}
}

/* --- the root file system --------------------------------------------------------- */

static void the_last_path_of_the_root_is_named(void **state)
{
	(void)state;
	put_map();
	kernel.count[3] = 1;
	put_link("sysfs/dev/block/253:3", "sysfs/block/dm-3");
	put("proc/1/mountinfo", "22 1 253:3 / / rw - ext4 /dev/mapper/mpatha rw\n"
				"23 22 8:1 / /srv rw - ext4 /dev/sda1 rw\n");
	run_multipathd(PATHS, "0");
	assert_int_equal(look(), AB_GUARD_REDUNDANT);
	assert_int_equal(look_for(2, false).guard, AB_GUARD_ROOT);
	/* Another file system mounted over it, from a local disk. */
	put("proc/1/mountinfo", "22 1 253:3 / / rw - ext4 /dev/mapper/mpatha rw\n"
				"23 22 8:1 / / rw - ext4 /dev/sda1 rw\n");
	assert_int_equal(look_for(2, false).guard, AB_GUARD_LAST_PATH);
}

static void a_root_on_lvm_stands_on_the_disks_below(void **state)
{
	(void)state;
	put_map();
	kernel.count[3] = 1;
	put_dm("dm-5", "253:5\n", "LVM-abc\n", "vg-root\n");
	stack("dm-5", "dm-3");
	put_link("sysfs/dev/block/253:5", "sysfs/block/dm-5");
	put("proc/1/mountinfo", "22 1 253:5 / / rw - ext4 /dev/mapper/vg-root rw\n");
	run_multipathd("8:16\t" HEALTHY "WWID\tmpatha\n", "0");
	assert_int_equal(look(), AB_GUARD_ROOT);
}

static void a_root_on_a_plain_disk_is_named(void **state)
{
	(void)state;
	kernel.claimed = "sdb1";
	put("proc/1/mountinfo", "22 1 8:17 / / rw - ext4 /dev/sdb1 rw\n");
	assert_int_equal(look(), AB_GUARD_ROOT);
}

/* --- what cannot be looked at ----------------------------------------------------- */

static void what_cannot_be_read_counts_as_in_use(void **state)
{
	(void)state;
	kernel.claim_error = -ENXIO;
	assert_int_equal(look(), AB_GUARD_UNREADABLE);
	kernel.claim_error = 0;
	drop("sysfs/block/sdb/stat");
	assert_int_equal(look(), AB_GUARD_UNREADABLE);
	put("sysfs/block/sdb/stat", STATS);
	assert_int_equal(look(), AB_GUARD_FREE);
	drop("sysfs/block/sdb/holders");
	assert_int_equal(look(), AB_GUARD_UNREADABLE);
	make_folder("sysfs/block/sdb/holders");
	assert_int_equal(look(), AB_GUARD_FREE);
	drop("proc/self");
	assert_int_equal(look(), AB_GUARD_UNREADABLE);
}

static void an_open_count_that_is_refused_counts_as_in_use(void **state)
{
	(void)state;
	put_map();
	run_multipathd(PATHS, "0");
	kernel.count[3] = -EACCES;
	assert_int_equal(look_for(1, true).guard, AB_GUARD_UNREADABLE);
	/* Nobody needs it where other paths are enough. */
	assert_int_equal(look(), AB_GUARD_REDUNDANT);
}

/* --- the real kernel -------------------------------------------------------------- */

struct loop {
	int fd;
	int number;
	char path[32];
};

static struct loop make_loop(void)
{
	char image[PATH_MAX];
	struct loop loop = { .fd = -1 };
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), file;

	if (control < 0)
		skip();
	loop.number = ioctl(control, LOOP_CTL_GET_FREE);
	close(control);
	snprintf(loop.path, sizeof(loop.path), "/dev/loop%d", loop.number);
	loop.fd = open(loop.path, O_RDONLY | O_CLOEXEC);
	if (loop.number < 0 || loop.fd < 0)
		skip();
	put("image", "");
	in_root(image, "image");
	assert_int_equal(truncate(image, 1 << 20), 0);
	file = open(image, O_RDWR | O_CLOEXEC);
	if (ioctl(loop.fd, LOOP_SET_FD, file) < 0) {
		close(file);
		close(loop.fd);
		skip();
	}
	close(file);
	return loop;
}

static void the_kernel_says_who_has_claimed_or_opened_a_device(void **state)
{
	struct loop loop = make_loop();
	char disk[16], number[16];
	struct ab_block_answer a;
	int ready[2], fd;
	pid_t pid;
	char c;

	(void)state;
	assert_int_equal(ab_block_kernel.is_claimed(loop.path), 0);
	fd = open(loop.path, O_RDONLY | O_EXCL | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(ab_block_kernel.is_claimed(loop.path), 1);
	close(fd);
	assert_true(ab_block_kernel.is_reserved(loop.path) < 0); /* no SCSI */

	/* A child has it open, without a claim: only /proc tells. */
	snprintf(disk, sizeof(disk), "loop%d", loop.number);
	snprintf(number, sizeof(number), "7:%d\n", loop.number);
	put_disk(UNIT, disk, number);
	assert_int_equal(pipe(ready), 0);
	pid = fork_child();
	if (pid == 0) {
		fd = open(loop.path, O_RDONLY);
		if (fd >= 0 && write(ready[1], "y", 1) == 1)
			(void)pause();
		_exit(1);
	}
	close(loop.fd); /* the child has a copy, too */
	assert_int_equal(read(ready[0], &c, 1), 1);
	config.proc = "/proc";
	a = look_for(1, false);
	assert_int_equal(a.guard, AB_GUARD_OPEN);
	snprintf(number, sizeof(number), "process %d ", (int)pid);
	assert_non_null(strstr(a.detail, number));
	stop(&pid);
	fd = open(loop.path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(ioctl(fd, LOOP_CLR_FD, 0), 0);
	close(fd);
	close(ready[0]);
	close(ready[1]);
}

static void a_question_to_no_device_is_an_error(void **state)
{
	(void)state;
	assert_int_equal(ab_block_kernel.is_claimed("/dev/autobind-none"), -ENOENT);
	assert_int_equal(ab_block_kernel.is_reserved("/dev/autobind-none"), -ENOENT);
	assert_int_equal(ab_block_kernel.is_reserved("/dev/null"), -ENOTTY);
	assert_int_equal(ab_block_kernel.open_count("/dev/null", 253, 0), -ENOTTY);
}

/* --- what would be left ----------------------------------------------------------- */

static struct ab_impact_lun told[4];
static size_t n_told;

static int keep_lun(void *arg, const struct ab_impact_lun *lun)
{
	(void)arg;
	assert_true(n_told < 4);
	told[n_told++] = *lun;
	return 0;
}

static void ask_impact(const struct ab_impact_disk *disks, size_t n)
{
	const struct ab_impact_where where = { sysfs, proc };

	n_told = 0;
	assert_int_equal(ab_block_impact(&where, disks, n, keep_lun, NULL), 0);
}

static void assert_lun(const char *lun, unsigned int now, unsigned int after,
		       const char *users)
{
	assert_int_equal(n_told, 1);
	assert_string_equal(told[0].name, lun);
	assert_int_equal(told[0].n_now, now);
	assert_int_equal(told[0].n_after, after);
	assert_string_equal(told[0].users, users);
}

static void mounts(const char *mountinfo, const char *swaps)
{
	put("proc/self/mountinfo", mountinfo);
	put("proc/swaps", swaps);
}

static void a_map_keeps_the_paths_of_what_does_not_go(void **state)
{
	struct ab_impact_disk disks[] = { { "sdb", true, true },
					  { "sdc", true, false } };

	(void)state;
	put_map();
	put_dm("dm-4", "253:4\n", "LVM-x\n", "vg-lv\n");
	put_dm("dm-5", "253:5\n", "LVM-y\n", "vg-free\n");
	stack("dm-4", "dm-3");
	stack("dm-5", "dm-3");
	mounts("36 35 253:4 / /srv\\040x rw shared:1 - ext4 /dev/mapper/vg-lv rw\n"
	       "37 35 253:9 / /other rw - ext4 /dev/x rw\n",
	       "Filename Type\n");
	ask_impact(disks, 2);
	assert_true(told[0].is_map && told[0].loses);
	assert_string_equal(told[0].device, "dm-3");
	assert_int_equal(n_told, 1);
	assert_int_equal(told[0].n_now, 2);
	assert_int_equal(told[0].n_after, 1);
	assert_non_null(strstr(told[0].users, "/srv x"));
	assert_non_null(strstr(told[0].users, "vg-free"));
	assert_null(strstr(told[0].users, "vg-lv"));
	assert_null(strstr(told[0].users, "/other"));
	disks[1].is_down = true;
	ask_impact(disks, 2);
	assert_int_equal(told[0].n_after, 0);
	/* Already lost, and blocked by the kernel: these are no paths now. */
	disks[1].is_up = false;
	put(UNIT "/block/sdb/device/state", "transport-offline\n");
	ask_impact(disks, 2);
	assert_int_equal(told[0].n_now, 0);
}

static void paths_that_are_no_sessions_count_while_they_run(void **state)
{
	const struct ab_impact_disk disk = { "sdb", true, true };

	(void)state;
	put_map();
	mounts("", "");
	put(OTHER "/block/sdc/device/state", "running\n");
	ask_impact(&disk, 1);
	assert_lun("mpatha", 2, 1, "");
	put(OTHER "/block/sdc/device/state", "offline\n");
	ask_impact(&disk, 1);
	assert_lun("mpatha", 1, 0, "");
}

static void a_disk_in_no_map_goes_with_its_session(void **state)
{
	const struct ab_impact_disk disks[] = { { "sdb", true, true },
						{ "sdgone", true, true } };

	(void)state;
	mounts("36 35 8:17 / /data rw - xfs /dev/sdb1 rw\n", "");
	ask_impact(disks, 2);
	assert_lun("sdb", 1, 0, "/data");
	assert_false(told[0].is_map);
}

/* btrfs has a number of its own; swap is known by its file. */
static void mounts_and_swaps_are_found_by_their_source(void **state)
{
	const struct ab_impact_disk disk = { "sdb", true, true };
	char mountinfo[256], swaps[256];

	(void)state;
	make_node("dev/sdb1", S_IFBLK, 8, 17);
	make_node("dev/sdb", S_IFBLK, 8, 16);
	snprintf(mountinfo, sizeof(mountinfo),
		 "36 35 0:44 / /b rw - btrfs %s/sdb1 rw\n36 35 0:4\n", dev);
	snprintf(swaps, sizeof(swaps), "Filename Type\n%s/sdb partition 1 0 -2\n", dev);
	mounts(mountinfo, swaps);
	ask_impact(&disk, 1);
	assert_lun("sdb", 1, 0, "swap, /b");
}

int main(void)
{
#define TREE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TREE_TEST(a_map_keeps_the_paths_of_what_does_not_go),
		TREE_TEST(paths_that_are_no_sessions_count_while_they_run),
		TREE_TEST(a_disk_in_no_map_goes_with_its_session),
		TREE_TEST(mounts_and_swaps_are_found_by_their_source),
		TREE_TEST(an_unused_disk_is_free),
		TREE_TEST(a_session_without_disks_is_free),
		TREE_TEST(another_host_or_no_session_is_changed),
		TREE_TEST(what_stands_on_a_disk_holds_it),
		TREE_TEST(what_stands_on_a_partition_holds_the_disk),
		TREE_TEST(a_holder_beside_the_map_holds_the_disk),
		TREE_TEST(a_claimed_disk_or_partition_is_open),
		TREE_TEST(a_descriptor_of_any_process_opens_the_disk),
		TREE_TEST(multipathds_own_descriptors_do_not_count),
		TREE_TEST(a_back_store_of_a_target_is_named),
		TREE_TEST(a_loop_device_holds_what_it_is_over),
		TREE_TEST(io_in_flight_is_activity),
		TREE_TEST(statistics_that_change_are_activity),
		TREE_TEST(the_map_is_judged_not_its_path),
		TREE_TEST(a_used_map_needs_enough_other_active_paths),
		TREE_TEST(two_paths_of_one_session_are_not_redundant),
		TREE_TEST(a_map_that_nobody_uses_is_free_with_its_last_path),
		TREE_TEST(idle_says_who_uses_the_map),
		TREE_TEST(a_map_without_multipathd_is_unreadable),
		TREE_TEST(a_reservation_keeps_the_session),
		TREE_TEST(a_map_is_asked_by_its_other_path_and_multipathd_may_manage),
		TREE_TEST(the_last_path_of_the_root_is_named),
		TREE_TEST(a_root_on_lvm_stands_on_the_disks_below),
		TREE_TEST(a_root_on_a_plain_disk_is_named),
		TREE_TEST(what_cannot_be_read_counts_as_in_use),
		TREE_TEST(an_open_count_that_is_refused_counts_as_in_use),
		TREE_TEST(the_kernel_says_who_has_claimed_or_opened_a_device),
		TREE_TEST(a_question_to_no_device_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
