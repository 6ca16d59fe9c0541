/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/login_code.h"

#include <stddef.h>

static const struct {
	int code;
	uint8_t login, logout; /* enum ab_outcome */
	const char *words;
} codes[] = {
	{ 0, AB_OUTCOME_DONE, AB_OUTCOME_DONE, "it went well" },
	{ 1, AB_OUTCOME_RETRY, AB_OUTCOME_RETRY, "iscsiadm failed; see its log" },
	{ 2, AB_OUTCOME_RETRY, AB_OUTCOME_GONE, "there is no such session" },
	{ 3, AB_OUTCOME_RETRY, AB_OUTCOME_RETRY, "out of memory" },
	{ 4, AB_OUTCOME_RETRY, AB_OUTCOME_RETRY, "the connection failed" },
	{ 5, AB_OUTCOME_RETRY, AB_OUTCOME_RETRY, "the target ended the login" },
	{ 6, AB_OUTCOME_RETRY, AB_OUTCOME_RETRY,
	  "open-iscsi's database could not be read or locked" },
	{ 7, AB_OUTCOME_DENIED, AB_OUTCOME_DENIED,
	  "iscsiadm or iscsid does not take a value of the record" },
	{ 8, AB_OUTCOME_RETRY, AB_OUTCOME_RETRY, "no answer to the login in time" },
	{ 9, AB_OUTCOME_RETRY, AB_OUTCOME_RETRY, "an internal error of iscsid" },
	{ 10, AB_OUTCOME_RETRY, AB_OUTCOME_RETRY, "the logout failed" },
	{ 11, AB_OUTCOME_RETRY, AB_OUTCOME_RETRY, "no answer from the target in time" },
	{ 12, AB_OUTCOME_RETRY, AB_OUTCOME_RETRY,
	  "the kernel has no such transport: is the module iscsi_tcp there?" },
	{ 13, AB_OUTCOME_DENIED, AB_OUTCOME_DENIED, "iscsid does not admit us" },
	{ 14, AB_OUTCOME_DENIED, AB_OUTCOME_RETRY,
	  "the transport cannot do what the record asks for" },
	{ 15, AB_OUTCOME_EXISTS, AB_OUTCOME_RETRY, "there is such a session already" },
	{ 16, AB_OUTCOME_RETRY, AB_OUTCOME_RETRY,
	  "iscsid does not know the request: iscsiadm and iscsid are of two "
	  "versions; restart iscsid" },
	{ 18, AB_OUTCOME_UNKNOWN, AB_OUTCOME_UNKNOWN, "iscsid broke off" },
	{ 19, AB_OUTCOME_DENIED, AB_OUTCOME_DENIED,
	  "the target refused the login for good; see its access list" },
	{ 20, AB_OUTCOME_RETRY, AB_OUTCOME_RETRY,
	  "iscsid does not run: systemctl start iscsid" },
	{ 21, AB_OUTCOME_RETRY, AB_OUTCOME_GONE, "iscsiadm finds no such record" },
	{ 22, AB_OUTCOME_RETRY, AB_OUTCOME_UNKNOWN,
	  "sysfs changed while iscsiadm looked at it" },
	{ 23, AB_OUTCOME_RETRY, AB_OUTCOME_UNKNOWN, "the host adapter is gone" },
	{ 24, AB_OUTCOME_DENIED, AB_OUTCOME_RETRY,
	  "the target refused the CHAP name or secret" },
	{ 27, AB_OUTCOME_DENIED, AB_OUTCOME_DENIED,
	  "this iscsiadm or transport cannot do that" },
	{ 28, AB_OUTCOME_RETRY, AB_OUTCOME_RETRY, "the device is in use" },
	{ 29, AB_OUTCOME_RETRY, AB_OUTCOME_RETRY, "iscsid is busy" },
	{ 31, AB_OUTCOME_UNKNOWN, AB_OUTCOME_UNKNOWN, "a child of iscsid ended early" },
	{ 32, AB_OUTCOME_UNKNOWN, AB_OUTCOME_RETRY,
	  "the session is being connected again" },
	{ 33, AB_OUTCOME_UNKNOWN, AB_OUTCOME_UNKNOWN, "no answer from iscsid in time" },
	{ AB_LOGIN_E_CONNECT, AB_OUTCOME_RETRY, AB_OUTCOME_RETRY,
	  "the portal takes no TCP connection" },
	{ AB_LOGIN_E_TIMEOUT, AB_OUTCOME_UNKNOWN, AB_OUTCOME_UNKNOWN,
	  "iscsiadm has not ended in time; it is left to end" },
	{ AB_LOGIN_E_ABSENT, AB_OUTCOME_RETRY, AB_OUTCOME_RETRY,
	  "iscsiadm reported success, but the kernel has no such session" },
};

static int find(int32_t code)
{
	size_t i;

	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (codes[i].code == code)
			return (int)i;
	return -1;
}

enum ab_outcome ab_login_outcome(int status)
{
	int i = find(status);

	return i >= 0 ? (enum ab_outcome)codes[i].login : AB_OUTCOME_RETRY;
}

enum ab_outcome ab_logout_outcome(int status)
{
	int i = find(status);

	return i >= 0 ? (enum ab_outcome)codes[i].logout : AB_OUTCOME_UNKNOWN;
}

const char *ab_login_words(int32_t code)
{
	int i = find(code);

	return i >= 0 ? codes[i].words : NULL;
}
