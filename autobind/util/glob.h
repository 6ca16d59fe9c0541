/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * glob - shell patterns: `*`, `?`, `[abc]`, `[a-z]`, `[!a-z]`; every other byte is
 * itself.
 *
 * Iterative, linear memory, at most strlen(pattern) * strlen(text) steps: the pattern
 * comes from an administrator, the text may come from a target.
 */
#ifndef AUTOBIND_UTIL_GLOB_H
#define AUTOBIND_UTIL_GLOB_H

#include <stdbool.h>

bool ab_glob(const char *pattern, const char *text);

/* ASCII case folded: MAC addresses, iSCSI names (RFC 3722 folds them). */
bool ab_glob_nocase(const char *pattern, const char *text);

#endif
