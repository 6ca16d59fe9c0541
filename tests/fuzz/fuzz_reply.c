/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes from what answers at the control socket: framing, answers, rows, and what
 * of them would reach a terminal.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "cli/display.h"
#include "io/control_client.h"
#include "io/json.h"

static void check_clean(const char *s)
{
	static char clean[3 * AB_ROW_TEXT + 1];
	struct ab_text t;
	size_t i;

	ab_text_init(&t, clean, sizeof(clean));
	ab_display_add(&t, s);
	if (t.cut)
		abort();
	for (i = 0; i < t.len; i++)
		if ((unsigned char)clean[i] < ' ' || clean[i] == 0x7f)
			abort();
	for (i = 0; clean[i];) {
		size_t part = ab_display_wrap(clean + i, 20);

		if (part == 0 || part > t.len - i)
			abort();
		i += part;
	}
}

static int on_row(void *arg, const struct ab_row *row)
{
	static struct ab_json_names names;
	static struct ab_row again;
	char *text;
	uint32_t i;

	(void)arg;
	for (i = 0; i < row->n_cells; i++)
		if (row->cells[i].kind == AB_CELL_TEXT)
			check_clean(row->text + row->cells[i].text);
	if (ab_json_encode_row(row, NULL, &text) < 0)
		abort();
	/* What we print is what we would read. */
	names.n = 0;
	if (ab_json_decode_row(text, strlen(text), &names, &again) != 0 ||
	    again.cut != row->cut)
		abort();
	free(text);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct ab_client_answer answer;
	struct ab_request req;
	struct ab_client_call call = { .req = &req, .deadline_ms = 1000, .fn = on_row };
	int fds[2], r;

	if (n > 65536 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return 0;
	ab_request_init(&req, "status");
	if (send(fds[1], data, n, MSG_DONTWAIT | MSG_NOSIGNAL) < (ssize_t)n)
		abort();
	shutdown(fds[1], SHUT_WR);
	r = ab_client_call(fds[0], &call, &answer);
	/* The bytes end: it never has to wait, and never invents an answer. */
	if (r == AB_CLIENT_E_TIMEOUT || r == AB_CLIENT_E_INTERRUPTED || r < 0)
		abort();
	if (r == AB_CLIENT_E_ANSWER) {
		if (answer.error <= AB_MESSAGE_ERROR_NONE ||
		    answer.error >= AB_MESSAGE_ERROR_MAX)
			abort();
		check_clean(answer.message);
	}
	close(fds[0]);
	close(fds[1]);
	return 0;
}
