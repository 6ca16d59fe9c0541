/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * conf - the configuration's files: found, read, checked and made into a policy set.
 *
 * In two halves. ab_conf_collect() touches the disk and may block: the store helper,
 * the command line and the start of the daemon call it. What it found, errors included,
 * is a bundle: one run of bytes that travels by memfd and is kept as the last good
 * configuration. ab_conf_build() is memory work for the loop. The only file that knows
 * iniparser. Must not know: what a key means.
 *
 * Which file counts: for the same name /etc wins over /run wins over /usr/lib; an empty
 * file or a link to /dev/null masks the name; NAME.conf.d/ holds drop-ins, found by the
 * same rules; all in the order of their names' bytes.
 */
#ifndef AUTOBIND_IO_CONF_H
#define AUTOBIND_IO_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/diag.h"
#include "core/policy.h"

#define AB_CONF_FILE_MAX (256 * 1024) /* bytes of a file; iniparser is quadratic */
#define AB_CONF_FILES_MAX 64
#define AB_CONF_ENTRIES_MAX 4096 /* sections and keys of all files */
#define AB_CONF_DIAGS_MAX 64	 /* messages that are kept */
#define AB_CONF_BUNDLE_MAX (AB_CONF_FILES_MAX * (AB_CONF_FILE_MAX + 16384))

/* The bytes are no bundle, or a damaged one. */
#define AB_CONF_E_BUNDLE 1

/* A policy of .etc that is not written yet: what would it lead to? */
struct ab_conf_draft {
	const char *name; /* "NN-name.conf"; no file has it */
	const char *text;
};

/* The folders. */
struct ab_conf_roots {
	const char *etc; /* autobind.conf, policy.d, exclude.d; must exist */
	const char *run; /* policy.d, exclude.d; NULL: none */
	const char *lib; /* policy.d; NULL: none */
	bool is_lenient; /* wrong owners and modes are warnings (`check DIR`) */
	const struct ab_conf_draft *draft; /* NULL: none */
};

/**
 * ab_conf_collect() - read all files of a configuration
 * @roots:    where they are
 * @ret_data: the bundle; the caller frees it
 * @ret_size: its length
 *
 * What is wrong with files and folders (unreadable, too large, not a file, wrong owner
 * or mode) stands in the bundle and comes out of ab_conf_build(). Blocks on the disk.
 *
 * Return: 0 or -ENOMEM.
 */
int ab_conf_collect(const struct ab_conf_roots *roots, char **ret_data,
		    size_t *ret_size);

/* A configuration as it was understood. */
struct ab_conf {
	const struct ab_policy_set *set; /* in .block; NULL: refused, .diags says why */
	void *block;			 /* owned */
	struct ab_diags diags;		 /* owned; sorted by file and line */
	char **files;			 /* owned; what diags and origins refer to */
	uint32_t n_files;
};

/**
 * ab_conf_build() - make a policy set from a bundle
 * @bundle:   from ab_conf_collect(), or what was kept of it
 * @n:        its length
 * @previous: the set in force, or NULL
 * @ret_conf: the result, refused ones too; free with ab_conf_free()
 *
 * One error refuses all of it. Memory work only, but for memfd_create().
 *
 * Return: 0, -errno (-ENOMEM, -EMFILE, ...), or AB_CONF_E_BUNDLE.
 */
int ab_conf_build(const char *bundle, size_t n, const struct ab_policy_set *previous,
		  struct ab_conf **ret_conf);

struct ab_conf *ab_conf_free(struct ab_conf *conf); /* NULL; takes NULL */

/* Adds the errors, one a line, as compilers write them: FILE:LINE: error: TEXT. */
void ab_conf_add_errors(struct ab_text *t, const struct ab_conf *conf);

/* Path that belongs to a message, or NULL when it is about no file. */
const char *ab_conf_path(const struct ab_conf *conf, const struct ab_diag *diag);

/* Called for each message; @path NULL: about no file. */
typedef void ab_conf_diag_fn(void *arg, const char *path, const struct ab_diag *diag);

/**
 * ab_conf_check() - what stands behind `autobind check`
 * @roots: the folders
 * @fn:    called for each message, by file and line
 * @arg:   its first argument
 * @ret_n_policies: NULL, or the number of policies in force with this configuration
 * @ret_n_logins:   NULL, or how many of them have Action = login
 *
 * Return: 0 good (there may be warnings), 1 refused, or -errno.
 */
int ab_conf_check(const struct ab_conf_roots *roots, ab_conf_diag_fn *fn, void *arg,
		  uint32_t *ret_n_policies, uint32_t *ret_n_logins);

#endif
