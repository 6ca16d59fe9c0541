/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * conf_bundle - the form in which a configuration travels and is kept. Internal to
 * io/conf.
 *
 *   autobind-bundle 1
 *   file KIND NAME PATH SIZE      then SIZE bytes and a newline
 *   message SEVERITY ITEM TEXT    ITEM: number of a file line from 0, or -
 *   end LINES CRC32C              of all before
 *
 * KIND chap is a file below chap/, or with the name - that folder. Its SIZE bytes are
 * not its content but what was seen of it: "good STAMP", "refused WHY", "unseen WHY".
 *
 * NAME, PATH and TEXT are percent-escaped words (util/text.h). It may come from disk
 * after a crash: every byte is checked, the sum first.
 */
#ifndef AUTOBIND_IO_CONF_BUNDLE_H
#define AUTOBIND_IO_CONF_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/diag.h"
#include "core/policy.h"

/* Beside enum ab_policy_source_kind: a folder, or a file that could not be read. */
#define AB_BUNDLE_OTHER 4
#define AB_BUNDLE_CHAP 5 /* what was seen of a secret file */

struct ab_bundle_item {
	uint8_t kind;	  /* enum ab_policy_source_kind or AB_BUNDLE_* */
	char *name;	  /* owned; of a policy or a secret, else "" */
	char *path;	  /* owned */
	const char *data; /* in the bundle */
	size_t offset, size;
};

struct ab_bundle_message {
	uint8_t severity; /* enum ab_diag_severity */
	uint32_t item;	  /* AB_DIAG_NO_FILE: none */
	char text[AB_DIAG_TEXT];
};

struct ab_bundle {
	struct ab_bundle_item *items;	    /* owned */
	struct ab_bundle_message *messages; /* owned */
	uint32_t n_items, n_messages;
};

/* Return: 0, -ENOMEM, or AB_CONF_E_BUNDLE. */
int ab_bundle_parse(const char *data, size_t n, struct ab_bundle *ret_bundle);
void ab_bundle_fini(struct ab_bundle *bundle);

/* A bundle that is being written. Failures are remembered; ab_bundle_end() reports. */
struct ab_bundle_writer {
	char *data; /* owned */
	size_t n, max;
	uint32_t n_items, n_lines;
	bool has_failed; /* out of memory */
};

/* Return: the number of the item. */
uint32_t ab_bundle_add_file(struct ab_bundle_writer *w, unsigned int kind,
			    const char *name, const char *path, const char *data,
			    size_t n);
void ab_bundle_add_message(struct ab_bundle_writer *w, enum ab_diag_severity severity,
			   uint32_t item, const char *text);
/* Ends the bundle and hands it over. Return: 0 or -ENOMEM. */
int ab_bundle_end(struct ab_bundle_writer *w, char **ret_data, size_t *ret_size);

#endif
