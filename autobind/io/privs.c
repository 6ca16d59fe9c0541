/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/privs.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/prctl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "io/log.h"

void ab_privs_survive(void)
{
	if (mlockall(MCL_CURRENT | MCL_FUTURE) < 0)
		ab_log_warn("privs", "memory cannot be locked: a root disk that fails "
				     "may stop the daemon, too");
	/* EINVAL: Linux before 5.6. */
	if (prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0) < 0 && errno != EINVAL)
		ab_log_warn("privs", "not marked as one that disk I/O depends on");
}

#define CAP_BIT(cap) (UINT64_C(1) << (cap))

/* libcap would be one more library in the initramfs for these two calls (capget(2)). */
static int get_caps(struct __user_cap_data_struct data[2])
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};

	return syscall(SYS_capget, &header, data) < 0 ? -errno : 0;
}

static int set_caps(const struct __user_cap_data_struct data[2])
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};

	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

void ab_privs_lower(void)
{
	static const uint64_t kept =
		CAP_BIT(CAP_NET_RAW) | CAP_BIT(CAP_NET_ADMIN) | CAP_BIT(CAP_IPC_LOCK);
	struct __user_cap_data_struct data[2];
	int r = get_caps(data);

	if (r == 0) {
		data[0].effective = data[0].permitted & (uint32_t)kept;
		data[1].effective = data[1].permitted & (uint32_t)(kept >> 32);
		r = set_caps(data);
	}
	if (r == 0)
		return;
	errno = -r;
	ab_log_warn("privs", "capabilities cannot be given up");
}

void ab_privs_become_helper(void)
{
	struct __user_cap_data_struct data[2];

	/* Neither can fail for what a process was given before; a helper that lacks
	 * something tells when it needs it. */
	(void)prctl(PR_SET_IO_FLUSHER, 0, 0, 0, 0);
	if (get_caps(data) < 0)
		return;
	data[0].effective = data[0].permitted;
	data[1].effective = data[1].permitted;
	(void)set_caps(data);
}
