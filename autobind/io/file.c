/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Makes room for more in a buffer, up to @max. Return: 0 or -ENOMEM. */
static int grow(char **data, size_t *cap, size_t max)
{
	size_t cap_new = *cap * 2 < max ? *cap * 2 : max;
	char *larger = realloc(*data, cap_new);

	if (!larger)
		return -ENOMEM;
	*data = larger;
	*cap = cap_new;
	return 0;
}

/* Reads up to @max + 1 bytes, so that the caller can tell a file of @max from a larger
 * one. */
static int read_all(int fd, size_t expected, size_t max, char **ret_data,
		    size_t *ret_size)
{
	size_t cap = (expected < max ? expected : max) + 2, len = 0;
	char *data = malloc(cap);
	ssize_t n;
	int r = 0;

	if (!data)
		return -ENOMEM;
	while (r == 0 && len <= max) {
		n = read(fd, data + len, cap - 1 - len);
		if (n == 0)
			break;
		if (n > 0)
			len += (size_t)n;
		else if (errno != EINTR)
			r = -errno;
		if (r == 0 && len == cap - 1 && len <= max)
			r = grow(&data, &cap, max + 2);
	}
	if (r) {
		free(data);
		return r;
	}
	data[len] = '\0';
	*ret_data = data;
	*ret_size = len;
	return 0;
}

int ab_file_read(int dirfd, const char *path, size_t max, char **ret_data,
		 size_t *ret_size, struct stat *ret_stat)
{
	struct stat st;
	char *data = NULL;
	size_t size = 0;
	int fd, r;

	fd = openat(dirfd, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (!S_ISREG(st.st_mode))
		r = AB_FILE_E_NOT_REGULAR;
	else if (st.st_size > 0 && (uintmax_t)st.st_size > max)
		r = AB_FILE_E_TOO_LARGE;
	else
		r = read_all(fd, (size_t)st.st_size, max, &data, &size);
	(void)close(fd); /* nothing was written */
	if (r == 0 && size > max) {
		free(data);
		return AB_FILE_E_TOO_LARGE;
	}
	if (r)
		return r;
	*ret_data = data;
	*ret_size = size;
	if (ret_stat)
		*ret_stat = st;
	return 0;
}

static int write_all(int fd, const char *data, size_t n)
{
	while (n) {
		ssize_t done = write(fd, data, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		data += done;
		n -= (size_t)done;
	}
	return 0;
}

int ab_file_write(int dirfd, const char *path, mode_t mode, const void *data, size_t n)
{
	int fd = openat(dirfd, path,
			O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
	int r;

	if (fd < 0)
		return -errno;
	r = write_all(fd, data, n);
	if (r == 0 && fchmod(fd, mode) < 0)
		r = -errno;
	if (r == 0)
		return fd;
	(void)close(fd); /* already failing */
	return r;
}

static int write_synced(int dirfd, const char *path, mode_t mode, const void *data,
			size_t n)
{
	int fd = ab_file_write(dirfd, path, mode, data, n), r = 0;

	if (fd < 0)
		return fd;
	if (fsync(fd) < 0)
		r = -errno;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	return r;
}

/* fsync of the folder that holds @path. Return: 0 or -errno. */
static int sync_parent(int dirfd, const char *path)
{
	char parent[PATH_MAX];
	const char *slash = strrchr(path, '/');
	/* The slash belongs to the parent only when that is the root. */
	size_t n = slash == path ? 1 : slash ? (size_t)(slash - path) : 0;
	int fd, r = 0;

	if (n >= sizeof(parent))
		return -ENAMETOOLONG;
	memcpy(parent, n ? path : ".", n ? n : 1);
	parent[n ? n : 1] = '\0';
	fd = openat(dirfd, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fsync(fd) < 0)
		r = -errno;
	(void)close(fd);
	return r;
}

int ab_file_move_new(int dirfd, const char *tmp, const char *path)
{
	if (renameat2(dirfd, tmp, dirfd, path, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	/* A file system without RENAME_NOREPLACE (NFS). */
	if (linkat(dirfd, tmp, dirfd, path, 0) < 0)
		return -errno;
	(void)unlinkat(dirfd, tmp, 0); /* a second name outside the scanned folders */
	return 0;
}

/* The end of writing a file as a whole, @r is how it went until now. */
static int settle(int dirfd, const char *tmp, const char *path, int r)
{
	if (r) {
		(void)unlinkat(dirfd, tmp, 0); /* already failing */
		return r;
	}
	return sync_parent(dirfd, path);
}

int ab_file_write_atomic(int dirfd, const char *tmp, const char *path, mode_t mode,
			 const void *data, size_t n)
{
	int r = write_synced(dirfd, tmp, mode, data, n);

	if (r == 0 && renameat(dirfd, tmp, dirfd, path) < 0)
		r = -errno;
	return settle(dirfd, tmp, path, r);
}

int ab_file_write_new(int dirfd, const char *tmp, const char *path, mode_t mode,
		      const void *data, size_t n)
{
	int r = write_synced(dirfd, tmp, mode, data, n);

	if (r == 0)
		r = ab_file_move_new(dirfd, tmp, path);
	return settle(dirfd, tmp, path, r);
}

int ab_file_make_dirs(int dirfd, const char *path, mode_t mode)
{
	char part[PATH_MAX];
	size_t n = strlen(path), i;

	if (n >= sizeof(part))
		return -ENAMETOOLONG;
	for (i = 1; i <= n; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdirat(dirfd, part, mode) < 0 && errno != EEXIST)
			return -errno;
	}
	return 0;
}
