/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/chap.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool ab_chap_path(const char *dir, const char *name, char *path)
{
	return snprintf(path, PATH_MAX, "%s/%s", dir, name) < PATH_MAX;
}

bool ab_chap_is_exposed(const struct stat *st, struct ab_text *why)
{
	char line[AB_CHAP_WHY];

	if (!S_ISREG(st->st_mode))
		return false; /* ab_chap_read() says so */
	if (st->st_uid != 0 && st->st_uid != geteuid())
		(void)snprintf(line, sizeof(line),
			       "belongs to user %u, not to root: chown root it",
			       (unsigned int)st->st_uid);
	else if (st->st_mode & 07077)
		(void)snprintf(line, sizeof(line),
			       "holds a secret and has mode %04o: chmod 600 it",
			       (unsigned int)(st->st_mode & 07777));
	else
		return false;
	ab_text_add(why, line);
	return true;
}

/* Return: bytes, or -errno. */
static ssize_t read_all(int fd, char *buf, size_t size)
{
	size_t n = 0;

	while (n < size) {
		ssize_t part = pread(fd, buf + n, size - n, (off_t)n);

		if (part == 0)
			break;
		if (part < 0 && errno != EINTR)
			return -errno;
		if (part > 0)
			n += (size_t)part;
	}
	return (ssize_t)n;
}

static int parse(const char *text, size_t n, struct ab_chap *chap, struct ab_text *why)
{
	enum ab_chap_reason reason;
	uint32_t line;

	reason = ab_chap_parse(chap, text, n, &line);
	if (reason == AB_CHAP_R_NONE)
		return 0;
	if (line) {
		ab_text_add(why, "line ");
		ab_text_addu(why, line);
		ab_text_add(why, ": ");
	}
	ab_text_add(why, ab_chap_reason_text(reason));
	return -EINVAL;
}

int ab_chap_read(int fd, struct ab_chap *chap, struct ab_text *why)
{
	char buf[AB_CHAP_FILE_MAX + 1];
	struct stat st;
	ssize_t n;
	int r;

	memset(chap, 0, sizeof(*chap));
	if (fstat(fd, &st) < 0) {
		r = -errno;
		ab_text_add(why, strerror(-r));
		return r;
	}
	if (!S_ISREG(st.st_mode)) {
		ab_text_add(why, "is not a regular file");
		return -EINVAL;
	}
	n = read_all(fd, buf, sizeof(buf));
	if (n < 0) {
		r = (int)n;
		ab_text_add(why, "cannot be read: ");
		ab_text_add(why, strerror(-r));
	} else if (n > AB_CHAP_FILE_MAX) {
		r = -EFBIG;
		ab_text_add(why, "is larger than 4 KiB: no secret file is");
	} else {
		r = parse(buf, (size_t)n, chap, why);
	}
	explicit_bzero(buf, sizeof(buf));
	return r;
}

int ab_chap_load(const char *dir, const char *name, struct ab_chap *chap,
		 struct ab_text *why)
{
	char path[PATH_MAX];
	struct stat st;
	int fd, r;

	memset(chap, 0, sizeof(*chap));
	if (!ab_chap_path(dir, name, path)) {
		ab_text_add(why, "has a path that is too long");
		return -ENAMETOOLONG;
	}
	fd = open(path, AB_CHAP_OPEN_FLAGS);
	if (fd < 0) {
		r = -errno;
		ab_text_add(why, r == -ELOOP	? "is a symbolic link: make it a file"
				 : r == -ENOENT ? "does not exist"
						: strerror(-r));
		return r;
	}
	if (fstat(fd, &st) == 0 && ab_chap_is_exposed(&st, why))
		r = -EPERM;
	else
		r = ab_chap_read(fd, chap, why);
	(void)close(fd); /* only read */
	return r;
}
