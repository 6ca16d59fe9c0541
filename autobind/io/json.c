/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "util/text.h"

/* Object, parameters, one nested value that is then refused with a proper message. */
#define DEPTH_MAX 4

/* --- writing --- */

/*
 * A JSON string from text that should be UTF-8. Rows are escaped where they are made;
 * json_string() returns NULL on what slipped through, and a lost answer would be worse
 * than a strange one.
 */
static json_t *make_string(const char *s)
{
	size_t n = strlen(s), i = 0;
	json_t *j = json_stringn(s, n);
	struct ab_text t;
	char *buf;

	if (j)
		return j;
	buf = malloc(3 * n + 1);
	if (!buf)
		return NULL;
	ab_text_init(&t, buf, 3 * n + 1);
	while (i < n) {
		unsigned int len = ab_utf8_len(s + i, n - i);

		ab_text_addn(&t, s + i, len);
		if (len == 0)
			ab_text_add_escaped(&t, s + i, len = 1);
		i += len;
	}
	j = json_stringn(buf, t.len);
	free(buf);
	return j;
}

static json_t *make_value(const struct ab_row *row, const struct ab_cell *c)
{
	switch ((enum ab_cell_kind)c->kind) {
	case AB_CELL_TEXT:
		return make_string(row->text + c->text);
	case AB_CELL_NUMBER:
		return json_integer(c->number);
	case AB_CELL_BOOL:
		return json_boolean(c->number);
	case AB_CELL_NULL:
		break;
	}
	return json_null();
}

static json_t *make_row(const struct ab_row *row, const char *skip)
{
	json_t *object = json_object();
	int bad = object ? 0 : -1;
	uint32_t i;

	for (i = 0; i < row->n_cells && !bad; i++) {
		const struct ab_cell *c = &row->cells[i];

		if (skip && ab_streq(skip, c->name))
			continue;
		bad = json_object_set_new(object, c->name, make_value(row, c));
	}
	/* Whoever reads must know that something is missing. */
	if (!bad && row->cut)
		bad = json_object_set_new(object, "cut", json_true());
	if (bad) {
		json_decref(object);
		return NULL;
	}
	return object;
}

/* Takes @j, which may be NULL. */
static int dump(json_t *j, size_t flags, char **ret_text)
{
	char *text = j ? json_dumps(j, flags) : NULL;

	json_decref(j);
	if (!text)
		return -ENOMEM;
	*ret_text = text;
	return 0;
}

/* Adds @value, which it takes, to @object; a NULL anywhere makes the result NULL. */
static json_t *with(json_t *object, const char *name, json_t *value)
{
	if (!object || json_object_set_new(object, name, value) < 0) {
		if (!object)
			json_decref(value);
		json_decref(object);
		return NULL;
	}
	return object;
}

int ab_json_encode_row(const struct ab_row *row, const char *skip, char **ret_text)
{
	/* It may be read on a terminal: nothing beyond ASCII gets there. */
	return dump(make_row(row, skip), JSON_ENSURE_ASCII, ret_text);
}

int ab_json_encode_answer(const struct ab_row *row, char **ret_text)
{
	json_t *j = with(json_object(), "parameters", make_row(row, NULL));

	return dump(with(j, "continues", json_true()), JSON_COMPACT, ret_text);
}

int ab_json_encode_end(char **ret_text)
{
	return dump(with(json_object(), "parameters", json_object()), JSON_COMPACT,
		    ret_text);
}

int ab_json_encode_error(enum ab_message_error error, const char *message,
			 char **ret_text)
{
	json_t *params = with(json_object(), "message", make_string(message));
	json_t *name = json_string(ab_message_error_name(error));
	json_t *j = with(json_object(), "error", name);

	return dump(with(j, "parameters", params), JSON_COMPACT, ret_text);
}

int ab_json_encode_request(const struct ab_request *req, char **ret_text)
{
	json_t *params = json_object();
	json_t *j = with(json_object(), "method", make_string(req->method));
	uint32_t i;

	for (i = 0; i < req->n_params; i++)
		params = with(params, req->params[i].name,
			      make_string(req->params[i].value));
	j = with(j, "parameters", params);
	if (req->is_more)
		j = with(j, "more", json_true());
	return dump(j, JSON_COMPACT, ret_text);
}

/* --- reading --- */

/* jansson recurses up to 2,048 levels; nothing of ours is deeper than three. */
static bool is_deep(const char *text, size_t n)
{
	bool is_string = false;
	int depth = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		char c = text[i];

		if (is_string) {
			i += c == '\\';
			is_string = c != '"';
		} else if (c == '"') {
			is_string = true;
		} else if (c == '{' || c == '[') {
			if (++depth > DEPTH_MAX)
				return true;
		} else if (c == '}' || c == ']') {
			depth--;
		}
	}
	return false;
}

static json_t *parse_object(const char *text, size_t n)
{
	json_error_t error;
	json_t *j;

	if (is_deep(text, n))
		return NULL;
	j = json_loadb(text, n, JSON_REJECT_DUPLICATES, &error);
	if (j && !json_is_object(j)) {
		json_decref(j);
		return NULL;
	}
	return j;
}

/* The kept copy of a name; NULL when it is too long or there are too many. */
static const char *intern(struct ab_json_names *names, const char *name)
{
	uint32_t i;

	for (i = 0; i < names->n; i++)
		if (ab_streq(names->name[i], name))
			return names->name[i];
	if (names->n == AB_JSON_NAMES || strlen(name) >= AB_JSON_NAME || !*name)
		return NULL;
	(void)ab_copy(names->name[names->n], AB_JSON_NAME, name); /* checked: fits */
	return names->name[names->n++];
}

static void read_row(json_t *object, struct ab_json_names *names, struct ab_row *row)
{
	json_t *value;
	const char *key;

	ab_row_clear(row);
	json_object_foreach(object, key, value)
	{
		const char *name = intern(names, key);

		if (name && json_is_string(value))
			ab_row_text(row, name, json_string_value(value));
		else if (name && json_is_integer(value))
			ab_row_number(row, name, json_integer_value(value));
		else if (name && json_is_null(value))
			ab_row_null(row, name);
		else if (name && json_is_boolean(value) && !ab_streq(name, "cut"))
			ab_row_bool(row, name, json_is_true(value));
		else if (!name || !ab_streq(name, "cut") || !json_is_false(value))
			row->cut = true; /* no cell, or the peer says so itself */
	}
}

int ab_json_decode_row(const char *text, size_t n, struct ab_json_names *names,
		       struct ab_row *ret_row)
{
	json_t *j = parse_object(text, n);

	ab_row_clear(ret_row);
	if (!j)
		return AB_JSON_E_SYNTAX;
	read_row(j, names, ret_row);
	json_decref(j);
	return 0;
}

/* A parameter as text; false for what is no single value or does not fit. */
static bool add_param(struct ab_request *req, const char *name, const json_t *value)
{
	char number[24]; /* INT64_MIN has 20 characters */

	if (!*name)
		return false;
	if (json_is_string(value))
		return ab_request_add(req, name, json_string_value(value));
	if (json_is_boolean(value))
		return ab_request_add(req, name,
				      json_is_true(value) ? "true" : "false");
	if (json_is_null(value))
		return true; /* as if it was not there */
	if (!json_is_integer(value))
		return false;
	snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(value));
	return ab_request_add(req, name, number);
}

static int read_request(const json_t *j, struct ab_request *req)
{
	const char *method = json_string_value(json_object_get(j, "method"));
	json_t *params = json_object_get(j, "parameters"), *value;
	const json_t *more = json_object_get(j, "more");
	const char *key;

	if (!method || strlen(method) >= AB_REQUEST_TEXT)
		return AB_JSON_E_FORM;
	if (params && !json_is_object(params) && !json_is_null(params))
		return AB_JSON_E_FORM;
	if (more && !json_is_boolean(more))
		return AB_JSON_E_FORM;
	ab_request_init(req, method);
	req->is_more = json_is_true(more);
	json_object_foreach(
		params, key,
		value) if (!add_param(req, key, value)) return AB_JSON_E_FORM;
	return 0;
}

int ab_json_decode_request(const char *text, size_t n, struct ab_request *ret_req)
{
	json_t *j = parse_object(text, n);
	int r;

	if (!j)
		return AB_JSON_E_SYNTAX;
	r = read_request(j, ret_req);
	json_decref(j);
	return r;
}

static int read_reply(const json_t *j, struct ab_json_names *names,
		      struct ab_json_reply *reply)
{
	const json_t *error = json_object_get(j, "error");
	json_t *params = json_object_get(j, "parameters");
	const char *message;
	struct ab_text t;

	if (params && !json_is_object(params))
		return AB_JSON_E_FORM;
	ab_text_init(&t, reply->message, sizeof(reply->message));
	ab_row_clear(&reply->row);
	if (error) {
		if (!json_is_string(error))
			return AB_JSON_E_FORM;
		message = json_string_value(json_object_get(params, "message"));
		ab_text_add(&t, message ? message : json_string_value(error));
		reply->error = ab_message_error_of(json_string_value(error));
		reply->is_last = true;
		return 0;
	}
	if (!params)
		return AB_JSON_E_FORM;
	reply->error = AB_MESSAGE_ERROR_NONE;
	reply->is_last = !json_is_true(json_object_get(j, "continues"));
	if (!reply->is_last)
		read_row(params, names, &reply->row);
	return 0;
}

int ab_json_decode_reply(const char *text, size_t n, struct ab_json_names *names,
			 struct ab_json_reply *ret_reply)
{
	json_t *j = parse_object(text, n);
	int r;

	if (!j)
		return AB_JSON_E_SYNTAX;
	r = read_reply(j, names, ret_reply);
	json_decref(j);
	return r;
}
