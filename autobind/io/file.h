/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * file - whole files: read with every check, write so that nobody sees half of one.
 *
 * Called by the store helper, by the command line and at start; never by the loop.
 */
#ifndef AUTOBIND_IO_FILE_H
#define AUTOBIND_IO_FILE_H

#include <stddef.h>
#include <sys/stat.h>

#define AB_FILE_E_NOT_REGULAR 1 /* a folder, a device, a socket, a FIFO */
#define AB_FILE_E_TOO_LARGE 2	/* more than the caller's limit */

/**
 * ab_file_read() - read a whole regular file
 * @dirfd:    folder that @path is relative to, or AT_FDCWD
 * @path:     the file
 * @max:      largest size that is accepted, bytes
 * @ret_data: the content with a NUL behind it; the caller frees it
 * @ret_size: its length without that NUL
 * @ret_stat: NULL, or where the fstat() result goes
 *
 * Opened with O_NONBLOCK, so that a FIFO cannot hang the caller. A file that grows or
 * shrinks meanwhile is returned as it was read.
 *
 * Return: 0, -errno (-ENOENT, -EACCES, -ELOOP, -EIO, -ENOMEM ...), or AB_FILE_E_*.
 */
int ab_file_read(int dirfd, const char *path, size_t max, char **ret_data,
		 size_t *ret_size, struct stat *ret_stat);

/**
 * ab_file_write_atomic() - replace or create a file as a whole
 * @dirfd:    folder that all paths are relative to
 * @tmp:      where the new content is written first: same file system as @path
 * @path:     the file
 * @mode:     permission bits
 * @data:     content
 * @n:        its length
 *
 * write, fsync, rename, fsync of the folder of @path. On an error @path is as it was
 * and @tmp is removed. After the rename only the folder's fsync can fail: then the
 * content is the new one, but may not survive a power loss; that error is returned,
 * too.
 *
 * Return: 0 or -errno.
 */
int ab_file_write_atomic(int dirfd, const char *tmp, const char *path, mode_t mode,
			 const void *data, size_t n);

/* The same for a file that must not exist: -EEXIST when it does. */
int ab_file_write_new(int dirfd, const char *tmp, const char *path, mode_t mode,
		      const void *data, size_t n);

/* The two halves, for a caller that must do something between them: write a file of its
 * own (a link at @path is refused), without fsync; give it its name unless that is
 * taken
 * (-EEXIST), without the folder's fsync. Return: 0 or -errno, of the first half the
 * descriptor. */
int ab_file_write(int dirfd, const char *path, mode_t mode, const void *data, size_t n);
int ab_file_move_new(int dirfd, const char *tmp, const char *path);

/* mkdir -p with @mode for what is missing. Return: 0 or -errno. */
int ab_file_make_dirs(int dirfd, const char *path, mode_t mode);

#endif
