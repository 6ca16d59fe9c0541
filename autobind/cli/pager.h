/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pager - long tables through less(1), when a person reads.
 */
#ifndef AUTOBIND_CLI_PAGER_H
#define AUTOBIND_CLI_PAGER_H

#include <stdio.h>

struct ab_pager;

/* Starts $PAGER (words, no shell), else less. When none runs NULL is returned and @out
 * stays what it was; else *@out goes to the pager until ab_pager_finish(). */
struct ab_pager *ab_pager_start(FILE **out);

/* Closes the stream and waits until the reader has enough. Takes NULL. */
void ab_pager_finish(struct ab_pager *pager);

#endif
