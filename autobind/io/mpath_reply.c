/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/mpath_reply.h"

#include <assert.h>
#include <string.h>

#include "util/num.h"
#include "util/text.h"

/* In the order of AB_MPATH_ASK_PATHS. */
enum field {
	FIELD_DEV,
	FIELD_DM_STATE,
	FIELD_DEV_STATE,
	FIELD_CHECKER,
	FIELD_MARGINAL,
	FIELD_WWID,
	FIELD_MAP,
	FIELD_MAX
};

struct part {
	const char *s;
	size_t n;
};

static bool part_is(const struct part *part, const char *word)
{
	return strlen(word) == part->n && memcmp(part->s, word, part->n) == 0;
}

/* Return: false when there are too few fields; the last one may hold tabs. */
static bool split(const char *line, size_t n, struct part parts[FIELD_MAX])
{
	for (int i = 0; i < FIELD_MAX - 1; i++) {
		const char *tab = memchr(line, '\t', n);

		if (!tab)
			return false;
		parts[i] = (struct part){ line, (size_t)(tab - line) };
		n -= parts[i].n + 1;
		line = tab + 1;
	}
	parts[FIELD_MAX - 1] = (struct part){ line, n };
	return true;
}

/* "8:16"; a device that is not there is "#:#". */
static bool parse_dev(const struct part *part, struct ab_mpath_path *path)
{
	char buf[24];
	char *colon;
	uint64_t major, minor;

	if (!ab_copyn(buf, sizeof(buf), part->s, part->n))
		return false;
	colon = strchr(buf, ':');
	if (!colon)
		return false;
	*colon = '\0';
	if (ab_num_u64(buf, 0, UINT32_MAX, &major) ||
	    ab_num_u64(colon + 1, 0, UINT32_MAX, &minor))
		return false;
	path->major = (uint32_t)major;
	path->minor = (uint32_t)minor;
	return true;
}

static bool parse_path(const char *line, size_t n, struct ab_mpath_path *path)
{
	struct part parts[FIELD_MAX];
	const struct part *map = &parts[FIELD_MAP];

	if (!split(line, n, parts) || !parse_dev(&parts[FIELD_DEV], path) ||
	    !ab_copyn(path->wwid, sizeof(path->wwid), parts[FIELD_WWID].s,
		      parts[FIELD_WWID].n))
		return false;
	path->is_active = part_is(&parts[FIELD_DM_STATE], "active") &&
			  part_is(&parts[FIELD_DEV_STATE], "running") &&
			  part_is(&parts[FIELD_CHECKER], "ready") &&
			  part_is(&parts[FIELD_MARGINAL], "normal");
	path->map[0] = '\0';
	if (part_is(map, "[orphan]") || part_is(map, "[unknown]"))
		return true;
	return ab_copyn(path->map, sizeof(path->map), map->s, map->n);
}

bool ab_mpath_next_path(const char **at, struct ab_mpath_path *ret_path)
{
	struct ab_mpath_path path;

	while (**at) {
		const char *line = *at;
		size_t n = strcspn(line, "\n");

		*at = line + n + (line[n] == '\n');
		if (parse_path(line, n, &path)) {
			*ret_path = path;
			return true;
		}
	}
	return false;
}

/* The value of find_multipaths, which stands in the first section, "defaults". */
enum ab_multipath ab_mpath_readiness(const char *reply)
{
	static const char key[] = "\tfind_multipaths ";
	static const char *const ready[] = {
		"off", "on", "greedy", "smart", "no", "yes"
	};
	const char *value = strstr(reply, key);
	const char *end = strstr(reply, "\n}");
	struct part word;

	if (!value || !end || value > end)
		return AB_MULTIPATH_UNKNOWN;
	value += sizeof(key) - 1;
	value += strspn(value, "\" ");
	word = (struct part){ value, strcspn(value, "\" \n") };
	if (part_is(&word, "strict"))
		return AB_MULTIPATH_STRICT;
	for (size_t i = 0; i < sizeof(ready) / sizeof(ready[0]); i++)
		if (part_is(&word, ready[i]))
			return AB_MULTIPATH_READY;
	return AB_MULTIPATH_UNKNOWN;
}

void ab_mpath_path_command(enum ab_mpath_verb verb, uint32_t major, uint32_t minor,
			   char *buf, size_t size)
{
	struct ab_text t;

	assert(verb < AB_MPATH_VERB_MAX);
	ab_text_init(&t, buf, size);
	ab_text_add(&t, verb == AB_MPATH_FAIL ? "fail path " : "reinstate path ");
	ab_text_addu(&t, major);
	ab_text_addc(&t, ':');
	ab_text_addu(&t, minor);
	assert(!t.cut);
}

bool ab_mpath_is_ok(const char *reply)
{
	return ab_streq(reply, "ok\n");
}
