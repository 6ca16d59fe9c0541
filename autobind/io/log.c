/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

uint64_t ab_log_lost(void)
{
	uint64_t n = log_lost;

	log_lost = 0;
	return n;
}

/* One write() a line, so that lines of several processes do not mix. */
__attribute__((format(printf, 4, 0))) static void
write_line(enum ab_log_level level, const char *module, const char *cause,
	   const char *fmt, va_list ap)
{
	char line[1024];
	size_t n = 0;
	int r;

	if (log_journal)
		r = snprintf(line, sizeof(line), "<%d>%s: ", (int)level, module);
	else
		r = snprintf(line, sizeof(line), "%s: %s: ", log_program, module);
	n = r > 0 ? (size_t)r : 0;
	r = vsnprintf(line + n, sizeof(line) - n, fmt, ap);
	n += r > 0 ? (size_t)r : 0;
	if (cause && n < sizeof(line)) {
		r = snprintf(line + n, sizeof(line) - n, ": %s", cause);
		n += r > 0 ? (size_t)r : 0;
	}
	if (n > sizeof(line) - 1)
		n = sizeof(line) - 1;
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, n) != (ssize_t)n)
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
