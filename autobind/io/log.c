/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/log.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FOREIGN_MAX 400
#define LINE_MAX_BYTES 1024

static const char *log_program = "autobind";
static enum ab_log_level log_max = AB_LOG_INFO;
static bool log_journal;
static uint64_t log_lost;

void ab_log_open(const char *program, enum ab_log_level max)
{
	log_program = program;
	log_max = max;
	log_journal = getenv("JOURNAL_STREAM") != NULL;
}

/* Return: its length. */
static size_t put_head(char *line, size_t size, enum ab_log_level level,
		       const char *module)
{
	int r;

	if (log_journal)
		r = snprintf(line, size, "<%d>%s: ", (int)level, module);
	else
		r = snprintf(line, size, "%s: %s: ", log_program, module);
	assert(r > 0 && (size_t)r < size / 2);
	return (size_t)r;
}

/*
 * Whoever reads our messages may hang, on the very disk that we are to bring back; we
 * must not. O_NONBLOCK would be everybody's who shares the terminal or the pipe. A pipe
 * or a socket that is ready has room for a line.
 */
static bool put(const char *line, size_t n)
{
	struct pollfd pfd = { .fd = STDERR_FILENO, .events = POLLOUT };

	return poll(&pfd, 1, 0) == 1 && pfd.revents & POLLOUT &&
	       write(STDERR_FILENO, line, n) == (ssize_t)n;
}

/* What was lost is told as soon as there is room again. */
static bool put_lost(void)
{
	char line[LINE_MAX_BYTES];
	size_t n;

	if (log_lost == 0)
		return true;
	n = put_head(line, sizeof(line), AB_LOG_WARNING, "log");
	n += (size_t)snprintf(line + n, sizeof(line) - n,
			      "%" PRIu64 " lines were lost here\n", log_lost);
	if (!put(line, n))
		return false;
	log_lost = 0;
	return true;
}

/* One write() a line, so that lines of several processes do not mix. */
__attribute__((format(printf, 4, 0))) static void
write_line(enum ab_log_level level, const char *module, const char *cause,
	   const char *fmt, va_list ap)
{
	char line[LINE_MAX_BYTES];
	size_t n = put_head(line, sizeof(line), level, module);
	int r;

	r = vsnprintf(line + n, sizeof(line) - n, fmt, ap);
	n += r > 0 ? (size_t)r : 0;
	if (cause && n < sizeof(line)) {
		r = snprintf(line + n, sizeof(line) - n, ": %s", cause);
		n += r > 0 ? (size_t)r : 0;
	}
	if (n > sizeof(line) - 1)
		n = sizeof(line) - 1;
	line[n++] = '\n';
	if (!put_lost() || !put(line, n))
		log_lost++;
}

void ab_log(enum ab_log_level level, const char *module, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	if (level > log_max)
		return;
	va_start(ap, fmt);
	write_line(level, module, NULL, fmt, ap);
	va_end(ap);
	errno = saved;
}

void ab_log_errno(enum ab_log_level level, const char *module, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	if (level > log_max)
		return;
	va_start(ap, fmt);
	write_line(level, module, strerror(saved), fmt, ap);
	va_end(ap);
	errno = saved;
}

void ab_log_foreign(enum ab_log_level level, const char *module, const char *text,
		    size_t n, unsigned int max)
{
	const char *end = text + n;

	while (text < end && max > 0) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));
		char line[FOREIGN_MAX + 1];
		size_t len = 0;

		if (!stop)
			stop = end;
		for (; text < stop && len < FOREIGN_MAX; text++)
			line[len++] = *text >= ' ' && *text < 0x7f ? *text : '?';
		line[len] = '\0';
		text = stop < end ? stop + 1 : end;
		if (len == 0)
			continue;
		max--;
		if (strstr(line, "password"))
			ab_log(level, module, "(a line about a password is not shown)");
		else
			ab_log(level, module, "%s", line);
	}
}
