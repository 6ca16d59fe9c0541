/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * roots - where everything lies: the options that both programs share.
 *
 * Tests, containers and an initramfs run the same binaries on other folders. Knows: the
 * options, their defaults, --root. Must not know: what is in the folders, getopt.
 */
#ifndef AUTOBIND_IO_ROOTS_H
#define AUTOBIND_IO_ROOTS_H

#include <stddef.h>

#define AB_ROOT_PATH 512

enum ab_root {
	AB_ROOT_CONFIG,	  /* autobind.conf, policy.d, exclude.d */
	AB_ROOT_DB,	  /* ifaces, nodes, send_targets; "": as iscsiadm has it */
	AB_ROOT_LOCK,	  /* open-iscsi's lock; "": as iscsiadm has it */
	AB_ROOT_ISCSI,	  /* iscsid.conf, initiatorname.iscsi */
	AB_ROOT_RUN,	  /* the control socket */
	AB_ROOT_STATE,	  /* the ledger */
	AB_ROOT_SYSFS,	  /* /sys */
	AB_ROOT_ISCSIADM, /* the program */
	AB_ROOT_ROOT,	  /* "": none */
	AB_ROOT_UDEV,	  /* no path: "udev" or "kernel" */
	AB_ROOT_MAX
};

struct ab_root_option {
	const char *name; /* without the dashes */
	const char *arg;
	const char *help;
	const char *fallback;
};

/* By enum ab_root. */
extern const struct ab_root_option ab_root_options[AB_ROOT_MAX];

struct ab_roots {
	char path[AB_ROOT_MAX][AB_ROOT_PATH];
	/* Shipped policies; "": none, as --config-dir names the whole configuration.
	 * The third place, policies of this boot, is below AB_ROOT_RUN. */
	char lib[AB_ROOT_PATH];
};

#define AB_ROOTS_E_LENGTH 1 /* longer than AB_ROOT_PATH - 1 */
#define AB_ROOTS_E_VALUE 2  /* empty, or no word that --udev knows */

/* The defaults of this build. */
void ab_roots_init(struct ab_roots *roots);

/* Takes the value of an option. Return: 0, or AB_ROOTS_E_*. */
int ab_roots_set(struct ab_roots *roots, enum ab_root root, const char *value);

/* After the last option: puts --root in front of every path, also of those that were
 * given. Return: 0, or AB_ROOTS_E_LENGTH. */
int ab_roots_finish(struct ab_roots *roots);

/* Path of the control socket. Return: 0, or AB_ROOTS_E_LENGTH. */
int ab_roots_socket(const struct ab_roots *roots, char *buf, size_t size);

#endif
