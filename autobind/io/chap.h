/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chap - the files below CONFIG/chap: who may have them, and what is in them.
 *
 * A file counts only when it is a regular one, of root (or of who runs this), mode 0600
 * or less, and at most AB_CHAP_FILE_MAX bytes. Reasons name no part of its content.
 * Blocks on the disk: for the store, the spawner's children and the command line, never
 * for the loop.
 */
#ifndef AUTOBIND_IO_CHAP_H
#define AUTOBIND_IO_CHAP_H

#include <stdbool.h>
#include <sys/stat.h>

#include "core/chap.h"
#include "util/text.h"

/* Room for any reason. */
#define AB_CHAP_WHY 256

/* How a secret file is opened: no link is followed, no FIFO waited for. */
#define AB_CHAP_OPEN_FLAGS (O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

/* "CONFIG/chap/NAME". Return: false when it does not fit PATH_MAX bytes. */
bool ab_chap_path(const char *dir, const char *name, char *path);

/* Why a file is nobody's secret: "mode 0644: ...". Return: false when it is one. */
bool ab_chap_is_exposed(const struct stat *st, struct ab_text *why);

/**
 * ab_chap_read() - read a secret file that is open
 * @fd:   the file; stays open
 * @chap: filled; to be wiped. All zeros when the file is refused
 * @why:  empty text of AB_CHAP_WHY bytes; the reason, to be read behind the file's name
 *
 * Does not ask who else may read it: see ab_chap_is_exposed().
 *
 * Return: 0; -errno (of fstat or read; -EINVAL, -EFBIG: @why says more).
 */
int ab_chap_read(int fd, struct ab_chap *chap, struct ab_text *why);

/**
 * ab_chap_load() - open, check and read CONFIG/chap/NAME
 * @dir:  CONFIG/chap
 * @name: ab_chap_is_name()
 * @chap: filled; to be wiped. All zeros when the file is refused
 * @why:  empty text of AB_CHAP_WHY bytes; the reason, to be read behind the file's name
 *
 * Return: 0; -errno; -EPERM: others may read it.
 */
int ab_chap_load(const char *dir, const char *name, struct ab_chap *chap,
		 struct ab_text *why);

#endif
