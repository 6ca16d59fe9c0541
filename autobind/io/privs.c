/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/privs.h"

#include <errno.h>
#include <linux/prctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>

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
