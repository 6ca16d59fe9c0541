/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/display.h"
#include "util/num.h"
#include "util/text.h"

void ab_cli_setup_terminal(struct ab_cli_setup *setup)
{
	const char *term = getenv("TERM"), *no_colour = getenv("NO_COLOR");
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	uint64_t n;

	setup->out = stdout;
	setup->err = stderr;
	setup->is_tty = isatty(STDOUT_FILENO);
	setup->has_colour = setup->is_tty && !(no_colour && *no_colour) && term &&
			    !ab_streq(term, "dumb");
	setup->width = 0;
	if (!setup->is_tty)
		return;
	if (columns && ab_num_u64(columns, 1, 10000, &n) == 0)
		setup->width = (unsigned int)n;
	else if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		setup->width = size.ws_col;
}

int ab_cli_fail(const struct ab_cli *cli, int status, const char *fmt, ...)
{
	char raw[AB_MESSAGE_TEXT + 256], clean[3 * sizeof(raw)];
	char *rest = raw, *line;
	struct ab_text t;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	/* What was printed so far comes first, where both go to one place. */
	(void)fflush(cli->out);
	fprintf(cli->setup->err, "autobind:%s%s%s", cli->verb ? " " : "",
		cli->verb ? cli->verb->name : "", cli->verb ? ":" : "");
	while ((line = strsep(&rest, "\n"))) {
		ab_text_init(&t, clean, sizeof(clean));
		ab_display_add(&t, line);
		while (t.len > 0 && clean[t.len - 1] == ' ')
			clean[--t.len] = '\0';
		fprintf(cli->setup->err, " %s\n", clean);
	}
	return status;
}

const char *ab_cli_opt(const struct ab_cli *cli, const char *name)
{
	const struct ab_verb_option *options = cli->verb->options;
	unsigned int i;

	for (i = 0; options && options[i].name; i++)
		if (ab_streq(options[i].name, name))
			return cli->opt[i];
	return NULL;
}

int ab_cli_main(int argc, char **argv, const struct ab_cli_setup *setup)
{
	struct ab_cli cli = { .setup = setup, .out = setup->out };
	int r;

	r = ab_args_parse(&cli, argc, argv);
	if (r == 0 && cli.wants_version)
		fprintf(cli.out, "autobind %s\n", AB_VERSION);
	else if (r == 0 && cli.wants_help && cli.verb)
		ab_args_print_verb_help(cli.out, cli.verb);
	else if (r == 0 && cli.wants_help)
		ab_args_print_help(cli.out);
	else if (r == 0)
		r = cli.verb->run(&cli);
	if ((fflush(cli.out) != 0 || ferror(cli.out)) && r == AB_EXIT_OK)
		r = ab_cli_fail(&cli, AB_EXIT_FAILED, "cannot write the answer");
	return r;
}
