/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * block_kernel - what only the devices themselves can tell.
 *
 * Every question may hang on a dead path.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <scsi/sg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "io/block.h"

#define SG_TIMEOUT_MS 3000
#define ATTEMPTS 3 /* a unit attention is told once to each command's sender */

/* SPC-4 */
#define PERSISTENT_RESERVE_IN 0x5e
#define READ_KEYS 0
#define STATUS_GOOD 0x00
#define STATUS_CHECK_CONDITION 0x02
#define STATUS_RESERVATION_CONFLICT 0x18
#define KEY_ILLEGAL_REQUEST 0x05
#define KEY_UNIT_ATTENTION 0x06

/* An exclusive claim of another holder makes ours fail; it also covers the partitions
 * of a disk and the disk of a partition (block/bdev.c, bd_may_claim). */
static int is_claimed(const char *path)
{
	int fd = open(path, O_RDONLY | O_EXCL | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return errno == EBUSY ? 1 : -errno;
	close(fd);
	return 0;
}

/* The sense key, in either format; 0 when there is none. */
static unsigned int sense_key(const unsigned char *sense, unsigned int n)
{
	unsigned int format;

	if (n < 3)
		return 0;
	format = sense[0] & 0x7fu;
	if (format == 0x72 || format == 0x73)
		return sense[1] & 0x0fu;
	return format == 0x70 || format == 0x71 ? sense[2] & 0x0fu : 0;
}

/* Return: as is_reserved, or -EAGAIN: ask again. */
static int read_keys(int fd)
{
	unsigned char cdb[10] = { PERSISTENT_RESERVE_IN, READ_KEYS };
	unsigned char data[16] = { 0 }, sense[32] = { 0 };
	struct sg_io_hdr io = {
		.interface_id = 'S',
		.dxfer_direction = SG_DXFER_FROM_DEV,
		.cmd_len = sizeof(cdb),
		.mx_sb_len = sizeof(sense),
		.dxfer_len = sizeof(data),
		.dxferp = data,
		.cmdp = cdb,
		.sbp = sense,
		.timeout = SG_TIMEOUT_MS,
	};
	unsigned int key;

	cdb[8] = sizeof(data);
	if (ioctl(fd, SG_IO, &io) < 0)
		return -errno;
	if (io.host_status)
		return -EIO; /* the transport failed it */
	if (io.status == STATUS_RESERVATION_CONFLICT)
		return 1; /* RESERVE(6) of another initiator */
	if (io.status == STATUS_CHECK_CONDITION) {
		key = sense_key(sense, io.sb_len_wr);
		if (key == KEY_ILLEGAL_REQUEST)
			return 0; /* does not know reservations */
		return key == KEY_UNIT_ATTENTION ? -EAGAIN : -EIO;
	}
	if (io.status != STATUS_GOOD || io.resid > (int)sizeof(data) - 8)
		return -EIO;
	/* ADDITIONAL LENGTH: eight bytes for each key. */
	return (data[4] | data[5] | data[6] | data[7]) != 0;
}

static int is_reserved(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), r = -EAGAIN;

	if (fd < 0)
		return -errno;
	for (int i = 0; i < ATTEMPTS && r == -EAGAIN; i++)
		r = read_keys(fd);
	close(fd);
	return r;
}

/* As makedev() of the kernel: huge_encode_dev(). */
static uint64_t encode(uint32_t major, uint32_t minor)
{
	return (minor & 0xffu) | ((uint64_t)major << 8) |
	       ((uint64_t)(minor & ~0xffu) << 12);
}

static int open_count(const char *control, uint32_t major, uint32_t minor)
{
	struct dm_ioctl io = {
		.version = { DM_VERSION_MAJOR, 0, 0 },
		.data_size = sizeof(io),
		.data_start = sizeof(io),
		.dev = encode(major, minor),
	};
	int fd = open(control, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), r = 0;

	if (fd < 0)
		return -errno;
	if (ioctl(fd, DM_DEV_STATUS, &io) < 0)
		r = -errno;
	close(fd);
	return r ? r : io.open_count;
}

const struct ab_block_kernel ab_block_kernel = {
	.is_claimed = is_claimed,
	.is_reserved = is_reserved,
	.open_count = open_count,
};
