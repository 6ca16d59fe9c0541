/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * log - messages to people: standard error, or the journal behind it.
 *
 * core and util never log; io logs what it did, mains log how they start and stop.
 * The first argument is the module's token ("rtnl", "store"). errno is preserved.
 * Never waits for standard error: a line that it does not take is lost, and how many
 * were lost is the next line that it takes.
 */
#ifndef AUTOBIND_IO_LOG_H
#define AUTOBIND_IO_LOG_H

#include <stddef.h>

enum ab_log_level { /* values of syslog(3) */
	AB_LOG_ERR = 3,
	AB_LOG_WARNING = 4,
	AB_LOG_NOTICE = 5,
	AB_LOG_INFO = 6,
	AB_LOG_DEBUG = 7,
};

/**
 * ab_log_open() - say how messages are written
 * @program: in front of each line on a terminal
 * @max:     least important level that is written
 *
 * With JOURNAL_STREAM in the environment a line starts with "<level>" (sd-daemon(3)).
 */
void ab_log_open(const char *program, enum ab_log_level max);

/* Writes one line; ab_log_warn() and ab_log_err() add strerror(errno). */
void ab_log(enum ab_log_level level, const char *module, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void ab_log_errno(enum ab_log_level level, const char *module, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * ab_log_foreign() - write what a child printed for people
 * @level:  see above
 * @module: see above
 * @text:   any bytes, without a NUL behind them; may be hostile
 * @n:      their number
 * @max:    so many lines, the first ones
 *
 * Each line of it is one line, cut at 400 bytes; what a terminal could obey becomes
 * '?', empty lines are left out, and a line that speaks of a password is not written.
 */
void ab_log_foreign(enum ab_log_level level, const char *module, const char *text,
		    size_t n, unsigned int max);

#define ab_log_err(module, ...) ab_log_errno(AB_LOG_ERR, module, __VA_ARGS__)
#define ab_log_errx(module, ...) ab_log(AB_LOG_ERR, module, __VA_ARGS__)
#define ab_log_warn(module, ...) ab_log_errno(AB_LOG_WARNING, module, __VA_ARGS__)
#define ab_log_warnx(module, ...) ab_log(AB_LOG_WARNING, module, __VA_ARGS__)
#define ab_log_notice(module, ...) ab_log(AB_LOG_NOTICE, module, __VA_ARGS__)
#define ab_log_info(module, ...) ab_log(AB_LOG_INFO, module, __VA_ARGS__)
#define ab_log_debug(module, ...) ab_log(AB_LOG_DEBUG, module, __VA_ARGS__)

#endif
