/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/until.h"

#include <string.h>
#include <time.h>

#include "util/date.h"
#include "util/num.h"
#include "util/text.h"

#define YEAR_MS (INT64_C(366) * 86400 * 1000)

/* @format read to its end into @tm, which has a date already. */
static bool parse_local(const char *s, const char *format, struct tm *tm)
{
	const char *end = strptime(s, format, tm);

	tm->tm_isdst = -1; /* as it is then */
	return end && !*end;
}

static bool parse_date(const char *s, int64_t *ret_s)
{
	static const char *const formats[] = { "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S",
					       "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M" };
	size_t i;

	if (ab_date_parse(s, ret_s))
		return true;
	for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		struct tm tm = { .tm_sec = 0 };

		if (!parse_local(s, formats[i], &tm))
			continue;
		*ret_s = (int64_t)mktime(&tm);
		return true;
	}
	return false;
}

/* The next time that clocks here show it. */
static bool parse_clock(const char *s, int64_t now_s, int64_t *ret_s)
{
	time_t now = (time_t)now_s;
	struct tm tm;

	if (!localtime_r(&now, &tm))
		return false;
	tm.tm_sec = 0;
	if (!parse_local(s, "%H:%M", &tm))
		return false;
	*ret_s = (int64_t)mktime(&tm);
	if (*ret_s <= now_s) {
		tm.tm_mday++; /* mktime() knows the calendar */
		tm.tm_isdst = -1;
		*ret_s = (int64_t)mktime(&tm);
	}
	return true;
}

bool ab_until_parse(const char *s, int64_t now_s, int64_t *ret_s)
{
	int64_t ms;

	if (*s == '+') {
		if (ab_num_duration(s + 1, 1000, 10 * YEAR_MS, &ms))
			return false;
		*ret_s = now_s + ms / 1000;
		return true;
	}
	return (parse_clock(s, now_s, ret_s) || parse_date(s, ret_s)) && *ret_s > now_s;
}
