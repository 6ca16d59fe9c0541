/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/num.h"

#include "util/text.h"

/* Reads the digits at *s and moves *s behind them. */
static int take_digits(const char **s, uint64_t *ret_value)
{
	uint64_t v = 0;

	if (!ab_is_digit(**s))
		return AB_NUM_E_SYNTAX;
	for (; ab_is_digit(**s); (*s)++) {
		if (__builtin_mul_overflow(v, UINT64_C(10), &v) ||
		    __builtin_add_overflow(v, (uint64_t)(**s - '0'), &v))
			return AB_NUM_E_RANGE;
	}
	*ret_value = v;
	return 0;
}

int ab_num_u64(const char *s, uint64_t min, uint64_t max, uint64_t *ret_value)
{
	uint64_t v;
	int r = take_digits(&s, &v);

	if (r)
		return r;
	if (*s)
		return AB_NUM_E_SYNTAX;
	if (v < min || v > max)
		return AB_NUM_E_RANGE;
	*ret_value = v;
	return 0;
}

int ab_num_i64(const char *s, int64_t min, int64_t max, int64_t *ret_value)
{
	bool negative = *s == '-';
	uint64_t v;
	int64_t value;
	int r = ab_num_u64(s + negative, 0, INT64_MAX, &v);

	if (r)
		return r;
	value = negative ? -(int64_t)v : (int64_t)v;
	if (value < min || value > max)
		return AB_NUM_E_RANGE;
	*ret_value = value;
	return 0;
}

/* Milliseconds of the unit at *s, which is moved behind it; 0 when there is none. */
static int64_t take_unit(const char **s)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = {
		/* a longer name before its own prefix */
		{ "ms", 1 },	       { "min", 60000 },    { "m", 60000 },
		{ "sec", 1000 },       { "s", 1000 },	    { "hour", 3600000 },
		{ "h", 3600000 },      { "day", 86400000 }, { "d", 86400000 },
		{ "week", 604800000 }, { "w", 604800000 },
	};
	unsigned int i, n;

	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (!ab_starts_with(*s, units[i].name))
			continue;
		for (n = 0; units[i].name[n]; n++)
			(*s)++;
		return units[i].ms;
	}
	return 0;
}

int ab_num_duration(const char *s, int64_t min_ms, int64_t max_ms, int64_t *ret_ms)
{
	int64_t total = 0, unit, part;
	uint64_t v;
	int r;

	do {
		r = take_digits(&s, &v);
		if (r)
			return r;
		while (*s == ' ')
			s++;
		unit = take_unit(&s);
		if (!unit && (v || *s))
			return AB_NUM_E_SYNTAX;
		if (v > INT64_MAX || __builtin_mul_overflow((int64_t)v, unit, &part) ||
		    __builtin_add_overflow(total, part, &total))
			return AB_NUM_E_RANGE;
		while (*s == ' ')
			s++;
	} while (*s);
	if (total < min_ms || total > max_ms)
		return AB_NUM_E_RANGE;
	*ret_ms = total;
	return 0;
}

int ab_num_bool(const char *s, bool *ret_value)
{
	static const char *const yes[] = { "yes", "true", "on", "1", "y", "t" };
	static const char *const no[] = { "no", "false", "off", "0", "n", "f" };
	unsigned int i;

	for (i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (ab_streq_nocase(s, yes[i]) || ab_streq_nocase(s, no[i])) {
			*ret_value = ab_streq_nocase(s, yes[i]);
			return 0;
		}
	}
	return AB_NUM_E_SYNTAX;
}
