/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/num.h"
#include "util/text.h"

#define USEC_PER_MSEC 1000
/* Longer than that is nobody's watch dog: a week. */
#define WATCHDOG_USEC_MAX UINT64_C(604800000000)

int ab_notify_open(struct ab_notify *n)
{
	const char *path = getenv("NOTIFY_SOCKET");

	*n = (struct ab_notify){ .fd = -1, .addr = { .sun_family = AF_UNIX } };
	if (!path || !*path)
		return 0;
	if (path[0] != '/' && path[0] != '@')
		return -EINVAL;
	if (!ab_copy(n->addr.sun_path, sizeof(n->addr.sun_path), path))
		return -ENAMETOOLONG;
	n->addr_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				  strlen(path) + (path[0] == '/'));
	if (path[0] == '@')
		n->addr.sun_path[0] = '\0';
	n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return n->fd < 0 ? -errno : 0;
}

void ab_notify_close(struct ab_notify *n)
{
	if (n->fd >= 0)
		(void)close(n->fd);
	n->fd = -1;
}

int ab_notify_send(const struct ab_notify *n, const char *text)
{
	if (n->fd < 0)
		return 0;
	return sendto(n->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT,
		      (const struct sockaddr *)&n->addr, n->addr_len) < 0
		       ? -errno
		       : 0;
}

int64_t ab_notify_watchdog_ms(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	uint64_t v;

	if (!usec || ab_num_u64(usec, 2 * USEC_PER_MSEC, WATCHDOG_USEC_MAX, &v))
		return 0;
	if (pid) {
		uint64_t asked;

		if (ab_num_u64(pid, 1, INT32_MAX, &asked) ||
		    asked != (uint64_t)getpid())
			return 0;
	}
	return (int64_t)(v / 2 / USEC_PER_MSEC);
}
