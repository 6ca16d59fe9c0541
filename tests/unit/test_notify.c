/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the environment says about the service manager, and what reaches its socket.
 */
#include "ab_test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/notify.h"

static char name[64]; /* as in NOTIFY_SOCKET */

static int clean(void **state)
{
	(void)state;
	(void)unsetenv("NOTIFY_SOCKET");
	(void)unsetenv("WATCHDOG_USEC");
	(void)unsetenv("WATCHDOG_PID");
	return 0;
}

/* The manager's end; @mark is '@' or '/'. */
static int listen_as(char mark)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	size_t n;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	(void)snprintf(name, sizeof(name), "%s/ab-notify-%ld",
		       mark == '/' ? "/tmp" : "@", (long)getpid());
	n = strlen(name);
	memcpy(addr.sun_path, name, n);
	if (mark == '@')
		addr.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (struct sockaddr *)&addr,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)),
			 0);
	assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
	return fd;
}

static void must_receive(int fd, const char *text)
{
	char buf[256];
	ssize_t n = recv(fd, buf, sizeof(buf) - 1, 0);

	assert_true(n >= 0);
	buf[n] = '\0';
	assert_string_equal(buf, text);
}

static void say_to(char mark)
{
	struct ab_notify n;
	int fd = listen_as(mark), i;

	assert_int_equal(ab_notify_open(&n), 0);
	assert_int_equal(ab_notify_send(&n, "READY=1"), 0);
	assert_int_equal(ab_notify_send(&n, "STATUS=a\nWATCHDOG=1"), 0);
	must_receive(fd, "READY=1");
	must_receive(fd, "STATUS=a\nWATCHDOG=1");
	/* A manager that does not read does not stop us, and the caller knows. */
	for (i = 0; i < 100000 && ab_notify_send(&n, "WATCHDOG=1") == 0; i++)
		;
	assert_int_equal(ab_notify_send(&n, "WATCHDOG=1"), -EAGAIN);
	(void)close(fd);
	assert_int_equal(ab_notify_send(&n, "READY=1"), -ECONNREFUSED);
	if (mark == '/')
		assert_int_equal(unlink(name), 0);
	ab_notify_close(&n);
	ab_notify_close(&n);
}

static void path_is_told(void **state)
{
	(void)state;
	say_to('/');
}

static void abstract_name_is_told(void **state)
{
	(void)state;
	say_to('@');
}

static void nobody_asked_is_no_error(void **state)
{
	struct ab_notify n;

	(void)state;
	assert_int_equal(ab_notify_open(&n), 0);
	assert_int_equal(n.fd, -1);
	assert_int_equal(ab_notify_send(&n, "READY=1"), 0);
	ab_notify_close(&n);
	assert_int_equal(setenv("NOTIFY_SOCKET", "", 1), 0);
	assert_int_equal(ab_notify_open(&n), 0);
	assert_int_equal(n.fd, -1);
}

static void other_names_are_refused(void **state)
{
	char path[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];
	struct ab_notify n;

	(void)state;
	assert_int_equal(setenv("NOTIFY_SOCKET", "vsock:2:1", 1), 0);
	assert_int_equal(ab_notify_open(&n), -EINVAL);
	assert_int_equal(n.fd, -1);
	memset(path, 'a', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(setenv("NOTIFY_SOCKET", path, 1), 0);
	assert_int_equal(ab_notify_open(&n), -ENAMETOOLONG);
	assert_int_equal(n.fd, -1);
	path[sizeof(path) - 2] = '\0';
	assert_int_equal(setenv("NOTIFY_SOCKET", path, 1), 0);
	assert_int_equal(ab_notify_open(&n), 0);
	assert_int_equal(ab_notify_send(&n, "READY=1"), -ENOENT);
	ab_notify_close(&n);
}

static void watchdog_is_for_whom_it_names(void **state)
{
	static const struct {
		const char *usec, *pid;
		int64_t ms;
	} rows[] = {
		{ NULL, NULL, 0 },
		{ "30000000", NULL, 15000 },
		{ "30000000", "self", 15000 },
		{ "30000000", "1", 0 },
		{ "30000000", "", 0 },
		{ "30000000", "x", 0 },
		{ "", "self", 0 },
		{ "0", "self", 0 },
		{ "1999", NULL, 0 },
		{ "2000", NULL, 1 },
		{ "-5", NULL, 0 },
		{ "18446744073709551615", NULL, 0 },
		{ "30s", NULL, 0 },
	};
	char self[24];
	size_t i;

	(void)state;
	(void)snprintf(self, sizeof(self), "%ld", (long)getpid());
	for (i = 0; i < AB_COUNT(rows); i++) {
		const char *pid = rows[i].pid;

		(void)clean(NULL);
		if (rows[i].usec)
			assert_int_equal(setenv("WATCHDOG_USEC", rows[i].usec, 1), 0);
		if (pid)
			assert_int_equal(setenv("WATCHDOG_PID",
						strcmp(pid, "self") ? pid : self, 1),
					 0);
		ab_assert_row(rows[i].usec ? rows[i].usec : "none",
			      ab_notify_watchdog_ms() == rows[i].ms);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(path_is_told, clean),
		cmocka_unit_test_setup(abstract_name_is_told, clean),
		cmocka_unit_test_setup(nobody_asked_is_no_error, clean),
		cmocka_unit_test_setup(other_names_are_refused, clean),
		cmocka_unit_test_setup(watchdog_is_for_whom_it_names, clean),
	};

	return cmocka_run_group_tests(tests, NULL, clean);
}
