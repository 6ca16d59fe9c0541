/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/date.h"

#define DAY_S INT64_C(86400)
#define YEAR_MIN 1970
#define YEAR_MAX 9999

/* @n digits at *s, from @min to @max; moves *s behind them. */
static bool take_number(const char **s, unsigned int n, int min, int max, int *ret)
{
	int value = 0;

	for (; n > 0; n--, (*s)++) {
		if (!ab_is_digit(**s))
			return false;
		value = value * 10 + (**s - '0');
	}
	*ret = value;
	return value >= min && value <= max;
}

static bool take_char(const char **s, char c)
{
	if (**s != c)
		return false;
	(*s)++;
	return true;
}

static bool is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_of_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days from 1970-01-01 to the first of January. */
static int64_t days_before_year(int year)
{
	int64_t y = year - 1;

	return y * 365 + y / 4 - y / 100 + y / 400 - 719162;
}

static bool take_date(const char **s, int64_t *ret_days)
{
	int year, month, day, m;

	if (!take_number(s, 4, YEAR_MIN, YEAR_MAX, &year) || !take_char(s, '-') ||
	    !take_number(s, 2, 1, 12, &month) || !take_char(s, '-') ||
	    !take_number(s, 2, 1, days_of_month(year, month), &day))
		return false;
	*ret_days = days_before_year(year) + day - 1;
	for (m = 1; m < month; m++)
		*ret_days += days_of_month(year, m);
	return true;
}

static bool take_clock(const char **s, int64_t *ret_s)
{
	int hour, minute, second = 0;

	if (!take_number(s, 2, 0, 23, &hour) || !take_char(s, ':') ||
	    !take_number(s, 2, 0, 59, &minute) ||
	    (take_char(s, ':') && !take_number(s, 2, 0, 59, &second)))
		return false;
	*ret_s = hour * INT64_C(3600) + minute * INT64_C(60) + second;
	return true;
}

/* "Z", "+01:00": seconds that are to be taken off. */
static bool take_zone(const char **s, int64_t *ret_s)
{
	bool is_west = **s == '-';
	int hour, minute;

	*ret_s = 0;
	if (take_char(s, 'Z'))
		return true;
	if ((!take_char(s, '+') && !take_char(s, '-')) ||
	    !take_number(s, 2, 0, 23, &hour) || !take_char(s, ':') ||
	    !take_number(s, 2, 0, 59, &minute))
		return false;
	*ret_s = hour * INT64_C(3600) + minute * INT64_C(60);
	if (is_west)
		*ret_s = -*ret_s;
	return true;
}

bool ab_date_parse(const char *s, int64_t *ret_s)
{
	int64_t days, clock, zone;

	if (!take_date(&s, &days) || (!take_char(&s, 'T') && !take_char(&s, ' ')) ||
	    !take_clock(&s, &clock) || !take_zone(&s, &zone) || *s)
		return false;
	*ret_s = days * DAY_S + clock - zone;
	return true;
}

/* At least two digits. */
static void add_two(struct ab_text *t, int64_t value)
{
	if (value < 10)
		ab_text_addc(t, '0');
	ab_text_addi(t, value);
}

void ab_date_add(struct ab_text *t, int64_t epoch_s)
{
	int64_t days = epoch_s / DAY_S, rest = epoch_s % DAY_S;
	int year = YEAR_MIN, month = 1;

	while (year < YEAR_MAX && days >= days_before_year(year + 1))
		year++;
	days -= days_before_year(year);
	while (month < 12 && days >= days_of_month(year, month))
		days -= days_of_month(year, month++);
	ab_text_addi(t, year);
	ab_text_addc(t, '-');
	add_two(t, month);
	ab_text_addc(t, '-');
	add_two(t, days + 1);
	ab_text_addc(t, 'T');
	add_two(t, rest / 3600);
	ab_text_addc(t, ':');
	add_two(t, rest / 60 % 60);
	ab_text_addc(t, ':');
	add_two(t, rest % 60);
	ab_text_addc(t, 'Z');
}
