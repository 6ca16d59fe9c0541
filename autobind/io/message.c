/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/message.h"

#include <assert.h>
#include <string.h>

#include "util/text.h"

static const char *const error_names[AB_MESSAGE_ERROR_MAX] = {
	[AB_MESSAGE_ERROR_NONE] = "org.autobind.None",
	[AB_MESSAGE_ERROR_PARSE] = "org.autobind.ParseError",
	[AB_MESSAGE_ERROR_NO_METHOD] = "org.autobind.MethodNotFound",
	[AB_MESSAGE_ERROR_BAD_PARAMETER] = "org.autobind.InvalidParameter",
	[AB_MESSAGE_ERROR_DENIED] = "org.autobind.PermissionDenied",
	[AB_MESSAGE_ERROR_NOT_FOUND] = "org.autobind.NotFound",
	[AB_MESSAGE_ERROR_EXPECTED_MORE] = "org.autobind.ExpectedMore",
	[AB_MESSAGE_ERROR_TOO_MANY] = "org.autobind.TooManyClients",
	[AB_MESSAGE_ERROR_BUSY] = "org.autobind.Busy",
	[AB_MESSAGE_ERROR_CONFIG] = "org.autobind.BadConfiguration",
	[AB_MESSAGE_ERROR_INTERNAL] = "org.autobind.Internal",
};

static const struct ab_method methods[] = {
	{ "status", false },   { "ports", false },   { "ifaces", false },
	{ "portals", false },  { "paths", false },   { "nodes", false },
	{ "sessions", false }, { "explain", false }, { "plan", false },
	{ "events", false },   { "reload", true },   { "apply", true },
	{ "pause", true },     { "resume", true },   { "drain", true },
	{ "undrain", true },   { "wait", false },
};

const char *ab_message_error_name(enum ab_message_error error)
{
	assert(error < AB_MESSAGE_ERROR_MAX);
	return error_names[error];
}

enum ab_message_error ab_message_error_of(const char *name)
{
	unsigned int i;

	for (i = AB_MESSAGE_ERROR_NONE + 1; i < AB_MESSAGE_ERROR_MAX; i++)
		if (ab_streq(error_names[i], name))
			return (enum ab_message_error)i;
	return AB_MESSAGE_ERROR_INTERNAL;
}

const struct ab_method *ab_message_method(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (ab_streq(methods[i].name, name))
			return &methods[i];
	return NULL;
}

/* Stores @s in the request's own text. The caller has checked that it fits. */
static const char *keep(struct ab_request *req, const char *s)
{
	char *to = req->text + req->text_len;
	size_t n = strlen(s) + 1;

	assert(n <= AB_REQUEST_TEXT - req->text_len);
	memcpy(to, s, n);
	req->text_len += n;
	return to;
}

void ab_request_init(struct ab_request *req, const char *method)
{
	req->n_params = 0;
	req->is_more = false;
	req->is_root = false;
	req->text_len = 0;
	req->method = keep(req, method);
}

bool ab_request_add(struct ab_request *req, const char *name, const char *value)
{
	size_t room = AB_REQUEST_TEXT - req->text_len;
	size_t n_name = strlen(name) + 1, n_value = strlen(value) + 1;

	if (req->n_params == AB_REQUEST_PARAMS || n_name > room ||
	    n_value > room - n_name || ab_request_get(req, name))
		return false;
	req->params[req->n_params].name = keep(req, name);
	req->params[req->n_params].value = keep(req, value);
	req->n_params++;
	return true;
}

const char *ab_request_get(const struct ab_request *req, const char *name)
{
	uint32_t i;

	for (i = 0; i < req->n_params; i++)
		if (ab_streq(req->params[i].name, name))
			return req->params[i].value;
	return NULL;
}
