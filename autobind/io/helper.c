/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/privs.h"

#define OWN_FD (STDERR_FILENO + 1)
#define FDS_MAX 65536 /* closed one by one where close_range(2) is missing */

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static void close_from(unsigned int first)
{
	if (syscall(SYS_close_range, first, ~0u, 0) == 0)
		return;
	for (; first < FDS_MAX; first++) /* before Linux 5.9 */
		(void)close((int)first);
}

/* Handlers that libevent has set would write to the parent's loop. */
static void reset_signals(void)
{
	static const int ignored[] = { SIGHUP,	SIGINT,	 SIGTERM,
				       SIGPIPE, SIGUSR1, SIGUSR2 };
	struct sigaction reset = { .sa_handler = SIG_DFL };
	sigset_t none;
	size_t i;
	int signo;

	for (signo = 1; signo < NSIG; signo++)
		(void)sigaction(signo, &reset, NULL); /* SIGKILL, SIGSTOP: refused */
	for (i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		(void)signal(ignored[i], SIG_IGN);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In the child, with all signals blocked. */
static _Noreturn void be_helper(const char *name, int fd, ab_helper_fn *fn, void *arg)
{
	int null;

	reset_signals();
	/* Without CLOEXEC: children of the helper inherit standard input. */
	null = open("/dev/null", O_RDWR);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
	    (fd != OWN_FD && dup3(fd, OWN_FD, O_CLOEXEC) < 0))
		_exit(EXIT_FAILURE);
	close_from(OWN_FD + 1);
	(void)prctl(PR_SET_NAME, name);
	ab_privs_become_helper();
	_exit(fn(arg, OWN_FD));
}

int ab_helper_start(const char *name, ab_helper_fn *fn, void *arg,
		    struct ab_helper *ret_helper)
{
	struct ab_helper h = AB_HELPER_NONE;
	sigset_t all, mask;
	int pair[2], r = 0;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &mask);
	h.pid = fork();
	if (h.pid == 0)
		be_helper(name, pair[1], fn, arg);
	if (h.pid < 0)
		r = -errno;
	(void)sigprocmask(SIG_SETMASK, &mask, NULL);
	(void)close(pair[1]);
	h.fd = pair[0];
	if (r == 0) {
		h.pidfd = (int)syscall(SYS_pidfd_open, h.pid, 0);
		if (h.pidfd < 0)
			r = -errno;
	}
	if (r) {
		close_fd(&h.fd);
		if (h.pid > 0)
			(void)waitpid(h.pid, NULL, 0); /* has no work: ends at once */
		return r;
	}
	*ret_helper = h;
	return 0;
}

void ab_helper_drop(struct ab_helper *helper)
{
	close_fd(&helper->fd);
	close_fd(&helper->pidfd);
	helper->pid = 0;
}
