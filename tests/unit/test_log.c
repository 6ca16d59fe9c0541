/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages to a standard error that nobody reads: the caller goes on, and what was lost
 * is told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/log.h"

static int saved; /* standard error of the test */

static int put_back(void **state)
{
	(void)state;
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	(void)close(saved);
	(void)alarm(0);
	return 0;
}

/* A write that waits ends the test. */
static int take_over(void **state)
{
	(void)state;
	saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	assert_true(saved >= 0);
	(void)unsetenv("JOURNAL_STREAM");
	ab_log_open("test", AB_LOG_INFO);
	(void)alarm(20);
	return 0;
}

/* Everything that is there, as text. */
static char *read_all(int fd)
{
	static char buf[1024 * 1024];
	size_t n = 0;
	ssize_t r;

	while (n < sizeof(buf) - 1 && (r = read(fd, buf + n, sizeof(buf) - 1 - n)) > 0)
		n += (size_t)r;
	buf[n] = '\0';
	return buf;
}

static void log_into(const int fds[2])
{
	const char *text;
	int i;

	assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	assert_true(dup2(fds[1], STDERR_FILENO) >= 0);
	for (i = 0; i < 20000; i++) { /* more than any buffer holds */
		errno = ENOSPC;
		ab_log_err("store", "line %d", i);
		assert_int_equal(errno, ENOSPC);
	}
	text = read_all(fds[0]);
	assert_int_equal(strncmp(text, "test: store: line 0: No space", 29), 0);
	assert_null(strstr(text, "line 19999:"));
	ab_log_info("store", "there is room again");
	text = read_all(fds[0]);
	assert_int_equal(strncmp(text, "test: log: ", 11), 0);
	assert_non_null(strstr(text, " lines were lost here\ntest: store: there is "
				     "room again\n"));
	ab_log_info("store", "and now all is well");
	assert_string_equal(read_all(fds[0]), "test: store: and now all is well\n");
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void full_pipe_does_not_stop_us(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	log_into(fds);
}

/* The journal's is one of these. */
static void full_socket_does_not_stop_us(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	log_into(fds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(full_pipe_does_not_stop_us, take_over,
						put_back),
		cmocka_unit_test_setup_teardown(full_socket_does_not_stop_us, take_over,
						put_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
