/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wipe - memory that held a secret, made empty: explicit_bzero(3) for pure code.
 */
#ifndef AUTOBIND_UTIL_WIPE_H
#define AUTOBIND_UTIL_WIPE_H

#include <stddef.h>

/* Not optimised away, though nobody reads the memory again. */
static inline void ab_wipe(void *data, size_t n)
{
	volatile unsigned char *at = data;

	while (n-- > 0)
		*at++ = 0;
}

#endif
