/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guard - the verdict of io/block on a session of this host, for the scripts in a VM.
 *
 * Prints one line: the verdict, and why. Exit status 0 when the session could be
 * released, 1 when not, 2 for a usage error.
 */
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/block.h"
#include "util/num.h"
#include "util/text.h"

static const char usage[] =
	"usage: guard [--sysfs D] [--proc D] [--dev D] [--activity-ms N]\n"
	"             [--min-paths N] [--idle] SID HOST\n";

static const char *const words[AB_GUARD_MAX] = {
	[AB_GUARD_FREE] = "free",	    [AB_GUARD_REDUNDANT] = "redundant",
	[AB_GUARD_LAST_PATH] = "last-path", [AB_GUARD_HELD] = "held",
	[AB_GUARD_OPEN] = "open",	    [AB_GUARD_BACKSTORE] = "backstore",
	[AB_GUARD_ACTIVE] = "active",	    [AB_GUARD_RESERVED] = "reserved",
	[AB_GUARD_ROOT] = "root",	    [AB_GUARD_UNREADABLE] = "unreadable",
	[AB_GUARD_CHANGED] = "changed",
};

static int bad_usage(void)
{
	(void)fputs(usage, stderr);
	return 2;
}

static bool number(const char *text, uint32_t *ret_number)
{
	uint64_t n;

	if (ab_num_u64(text, 0, UINT32_MAX, &n))
		return false;
	*ret_number = (uint32_t)n;
	return true;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "sysfs", required_argument, NULL, 's' },
		{ "proc", required_argument, NULL, 'p' },
		{ "dev", required_argument, NULL, 'd' },
		{ "activity-ms", required_argument, NULL, 'a' },
		{ "min-paths", required_argument, NULL, 'm' },
		{ "idle", no_argument, NULL, 'i' },
		{ 0 },
	};
	struct ab_block_config config = ab_block_defaults;
	struct ab_block_question question = { .min_paths = 1 };
	struct ab_block_answer answer;
	bool is_ok = true;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 's':
			config.sysfs = optarg;
			break;
		case 'p':
			config.proc = optarg;
			break;
		case 'd':
			config.dev = optarg;
			break;
		case 'a':
			is_ok = is_ok && number(optarg, &config.activity_ms);
			break;
		case 'm':
			is_ok = is_ok && number(optarg, &question.min_paths);
			break;
		case 'i':
			question.must_be_idle = true;
			break;
		default:
			is_ok = false;
		}
	}
	if (!is_ok || argc - optind != 2 || !number(argv[optind], &question.sid) ||
	    !number(argv[optind + 1], &question.host))
		return bad_usage();
	ab_block_inspect(&config, &question, &answer);
	printf("%s%s%s\n", words[answer.guard], *answer.detail ? ": " : "",
	       answer.detail);
	return answer.guard == AB_GUARD_FREE || answer.guard == AB_GUARD_REDUNDANT ? 0
										   : 1;
}
