/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * json - rows, requests and answers as JSON text; the only file that knows jansson.
 *
 * Knows: the forms {"method":M,"parameters":{...},"more":true},
 * {"parameters":{row},"continues":true} and {"error":E,"parameters":{"message":T}}, in
 * the manner of Varlink. What is read comes from strangers: sizes, depth, duplicate
 * members and types are checked. What is written is always valid: bytes that are no
 * UTF-8 become %XX. Must not know: sockets, files, what a row means.
 */
#ifndef AUTOBIND_IO_JSON_H
#define AUTOBIND_IO_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/row.h"
#include "io/message.h"

#define AB_JSON_E_SYNTAX 1 /* not a JSON object, too deep, a member twice, ... */
#define AB_JSON_E_FORM 2   /* JSON, but not of the form that is asked for */

/* Cells of a row have names that outlive it; those that come in as text are kept here.
 * A peer that sends more than this gets the rest dropped and the row marked as cut. */
#define AB_JSON_NAMES 128
#define AB_JSON_NAME 32

struct ab_json_names {
	uint32_t n;
	char name[AB_JSON_NAMES][AB_JSON_NAME];
};

/* One answer of the daemon. */
struct ab_json_reply {
	enum ab_message_error error;   /* NONE: .row and .is_last count */
	bool is_last;		       /* no row, nothing follows */
	char message[AB_MESSAGE_TEXT]; /* of an error, cut when longer */
	struct ab_row row;
};

/* Encoders. *ret_text is terminated and the caller's to free. Return: 0 or -ENOMEM. */

/* {"name": value, ...} in one line, without the cell called @skip (NULL: all). */
int ab_json_encode_row(const struct ab_row *row, const char *skip, char **ret_text);
int ab_json_encode_request(const struct ab_request *req, char **ret_text);
/* One of several answers. */
int ab_json_encode_answer(const struct ab_row *row, char **ret_text);
/* The last answer. */
int ab_json_encode_end(char **ret_text);
int ab_json_encode_error(enum ab_message_error error, const char *message,
			 char **ret_text);

/**
 * ab_json_decode_row() - a JSON object as a row
 * @text:    JSON, @n bytes, no terminator needed
 * @n:       its length
 * @names:   where names of cells are kept; must live as long as @ret_row
 * @ret_row: the row; changed on failure, too
 *
 * Arrays, objects and fractions are no cells: they are left out and .cut is set.
 *
 * Return: 0, or AB_JSON_E_*.
 */
int ab_json_decode_row(const char *text, size_t n, struct ab_json_names *names,
		       struct ab_row *ret_row);

/* The same for a request; .is_root is false. Return: 0, or AB_JSON_E_*. */
int ab_json_decode_request(const char *text, size_t n, struct ab_request *ret_req);

/* The same for an answer. Return: 0, or AB_JSON_E_*. */
int ab_json_decode_reply(const char *text, size_t n, struct ab_json_names *names,
			 struct ab_json_reply *ret_reply);

#endif
