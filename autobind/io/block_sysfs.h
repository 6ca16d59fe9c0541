/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * block_sysfs - the block devices of a session and what stands on them, in sysfs.
 *
 * Private to io/block*.c. A tree is a snapshot; what went while it was read is left
 * out, what could not be read is an error.
 */
#ifndef AUTOBIND_IO_BLOCK_SYSFS_H
#define AUTOBIND_IO_BLOCK_SYSFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/mpath_reply.h"

#define AB_BLOCK_NAME 32  /* the kernel's DISK_NAME_LEN */
#define AB_BLOCK_UUID 129 /* DM_UUID_LEN */
#define AB_BLOCK_E_GONE 1 /* no such session on that host */

enum ab_block_kind {
	AB_BLOCK_DISK,
	AB_BLOCK_PARTITION, /* follows its disk */
	AB_BLOCK_CHAR,	    /* sg, st, ch, bsg: another way in */
};

struct ab_block_node {
	uint8_t kind; /* enum ab_block_kind */
	uint32_t major, minor;
	char name[AB_BLOCK_NAME];
	char disk[AB_BLOCK_NAME]; /* of a partition: the disk's name */
	int map;		  /* of a disk: index in .maps; -1: in none */
};

/* A dm-multipath map that has a disk of the session. */
struct ab_block_map {
	uint32_t major, minor;
	char device[AB_BLOCK_NAME]; /* dm-3 */
	char name[AB_MPATH_MAP];    /* mpatha */
	char uuid[AB_BLOCK_UUID];   /* mpath-WWID */
	bool is_redundant;	    /* written by io/block: it may be busy */
};

struct ab_block_tree {
	const char *sysfs; /* borrowed */
	size_t n_nodes, nodes_max;
	struct ab_block_node *nodes; /* owned */
	size_t n_maps, maps_max;
	struct ab_block_map *maps; /* owned */
};

/* All devices of the session; .map is -1. Return: 0, -errno, AB_BLOCK_E_GONE. */
int ab_block_tree_read(struct ab_block_tree *tree, const char *sysfs, uint32_t sid,
		       uint32_t host);
void ab_block_tree_fini(struct ab_block_tree *tree);

/* The one of ours that has this number, or NULL. */
const struct ab_block_node *ab_block_find(const struct ab_block_tree *tree,
					  bool is_char, uint32_t major, uint32_t minor);

/* Index of the map, added when it is new. Return: that, or -errno. */
int ab_block_add_map(struct ab_block_tree *tree, const char *device);

/* The line of an attribute of block/@device. Return: 0 or -errno. */
int ab_block_attribute(const char *sysfs, const char *device, const char *name,
		       char *buf, size_t size);
/* "8:16". Return: 0 or -EBADMSG. */
int ab_block_parse_number(const char *text, uint32_t *ret_major, uint32_t *ret_minor);
/* The one in its attribute "dev". Return: 0 or -errno. */
int ab_block_number(const char *sysfs, const char *device, uint32_t *ret_major,
		    uint32_t *ret_minor);

typedef int ab_block_name_fn(void *arg, const char *name);

/* Every entry of block/@device/@list, which each device has: "holders", "slaves".
 * Return: 0, -errno (-ENOENT: no such device), or what @fn returned other than 0. */
int ab_block_each(const char *sysfs, const char *device, const char *list,
		  ab_block_name_fn *fn, void *arg);

/* The same of any folder; no such folder is empty. */
int ab_block_each_in(const char *path, ab_block_name_fn *fn, void *arg);

/* The folder of a disk or partition, below block/. */
void ab_block_folder(const struct ab_block_node *node, char *buf, size_t size);

#endif
