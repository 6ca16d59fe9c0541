/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * message - the words of the control socket that both ends share.
 *
 * A request is a method and a few named values; the answer is any number of rows
 * (core/row.h), then an end or an error. Knows: names, limits. Must not know: JSON
 * (io/json), sockets (io/control, io/control_client), what a method does.
 */
#ifndef AUTOBIND_IO_MESSAGE_H
#define AUTOBIND_IO_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longest request and longest single answer, terminator included. An answer holds one
 * row: AB_ROW_TEXT bytes, each up to six as JSON ("\u0001"), and the names. */
#define AB_MESSAGE_REQUEST_MAX (64u * 1024)
#define AB_MESSAGE_REPLY_MAX (64u * 1024)

/* Longest explanation of an error; lines are allowed. */
#define AB_MESSAGE_TEXT 4096

#define AB_REQUEST_PARAMS 16
#define AB_REQUEST_TEXT 4096

struct ab_param {
	const char *name;  /* borrowed from ab_request.text */
	const char *value; /* the same; numbers and booleans as text */
};

/* Not to be copied as a whole: it points into itself. */
struct ab_request {
	const char *method; /* borrowed from .text */
	uint32_t n_params;
	struct ab_param params[AB_REQUEST_PARAMS];
	bool is_more; /* the client takes several answers */
	bool is_root; /* set by the server: who asks may change things */
	size_t text_len;
	char text[AB_REQUEST_TEXT];
};

/* Why a request was not carried out; the last part of "org.autobind.X". */
enum ab_message_error {
	AB_MESSAGE_ERROR_NONE,
	AB_MESSAGE_ERROR_PARSE,		/* not a request */
	AB_MESSAGE_ERROR_NO_METHOD,	/* no such method */
	AB_MESSAGE_ERROR_BAD_PARAMETER, /* a value that is missing or makes no sense */
	AB_MESSAGE_ERROR_DENIED,	/* only root may */
	AB_MESSAGE_ERROR_NOT_FOUND,	/* no such port, portal, target */
	AB_MESSAGE_ERROR_EXPECTED_MORE, /* several answers, but "more" was not set */
	AB_MESSAGE_ERROR_TOO_MANY,	/* too many clients */
	AB_MESSAGE_ERROR_BUSY,		/* not now */
	AB_MESSAGE_ERROR_CONFIG,   /* the configuration has errors and was refused */
	AB_MESSAGE_ERROR_INTERNAL, /* out of memory, a helper died, ... */
	AB_MESSAGE_ERROR_MAX
};

/* "org.autobind.PermissionDenied", ... */
const char *ab_message_error_name(enum ab_message_error error);
/* The error of that name; AB_MESSAGE_ERROR_INTERNAL for names of a newer daemon. */
enum ab_message_error ab_message_error_of(const char *name);

struct ab_method {
	const char *name;
	bool is_change; /* for root only */
};

/* The method of that name, or NULL. */
const struct ab_method *ab_message_method(const char *name);

/**
 * ab_request_init() - start a request
 * @req:    the request
 * @method: its method; shorter than AB_REQUEST_TEXT
 */
void ab_request_init(struct ab_request *req, const char *method);

/* Return: false when it does not fit or the name is there already; unchanged then. */
bool ab_request_add(struct ab_request *req, const char *name, const char *value);

/* The value of that parameter, or NULL. */
const char *ab_request_get(const struct ab_request *req, const char *name);

#endif
