/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Results of single writes are ignored here: ab_cli_main() asks the stream. */
#include "cli/args.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "util/suggest.h"
#include "util/text.h"

/* What getopt_long() returns for a long option: none of these is a letter. */
enum {
	OPT_JSON = 0x100,
	OPT_NO_PAGER,
	OPT_HELP,
	OPT_VERSION,
	OPT_ROOT,			   /* + enum ab_root */
	OPT_VERB = OPT_ROOT + AB_ROOT_MAX, /* + index in verb->options */
};

static const struct {
	const char *name;
	int value;
	const char *help;
} global_flags[] = {
	{ "json", OPT_JSON, "print JSON for programs instead of tables" },
	{ "no-pager", OPT_NO_PAGER, "print to the terminal directly" },
	{ "help", OPT_HELP, "this text; behind a verb: more about it" },
	{ "version", OPT_VERSION, "print the version" },
};

#define N_FLAGS (sizeof(global_flags) / sizeof(global_flags[0]))
#define LONGS_MAX (N_FLAGS + AB_ROOT_MAX + AB_VERB_OPTIONS)

struct option_set {
	struct option longs[LONGS_MAX + 1];
	char shorts[8 + 2 * AB_VERB_OPTIONS];
	size_t n;
};

static void add_long(struct option_set *set, const char *name, bool has_arg, int value)
{
	set->longs[set->n++] =
		(struct option){ name, has_arg ? required_argument : no_argument, NULL,
				 value };
}

/* All options that may stand here; @verb NULL: in front of the verb. */
static void build_set(struct option_set *set, const struct ab_verb *verb)
{
	struct ab_text t;
	int i;

	memset(set, 0, sizeof(*set));
	ab_text_init(&t, set->shorts, sizeof(set->shorts));
	/* '+': stop at the verb; ':': tell a missing value from an unknown option. */
	ab_text_add(&t, verb ? ":h" : "+:h");
	for (i = 0; i < (int)N_FLAGS; i++)
		add_long(set, global_flags[i].name, false, global_flags[i].value);
	for (i = 0; i < AB_ROOT_MAX; i++)
		add_long(set, ab_root_options[i].name, true, OPT_ROOT + i);
	for (i = 0; verb && verb->options && verb->options[i].name; i++) {
		const struct ab_verb_option *o = &verb->options[i];

		add_long(set, o->name, o->arg != NULL, OPT_VERB + i);
		if (!o->letter)
			continue;
		ab_text_addc(&t, o->letter);
		if (o->arg)
			ab_text_addc(&t, ':');
	}
}

static int bad_option(const struct ab_cli *cli, const struct option_set *set,
		      const char *typed)
{
	const char *names[LONGS_MAX], *near;
	const char *verb = cli->verb ? cli->verb->name : "";
	char word[64];
	size_t i, n;

	if (!ab_starts_with(typed, "--"))
		return ab_cli_fail(cli, AB_EXIT_USAGE,
				   "unknown option -%c: see autobind help %s", optopt,
				   verb);
	n = strcspn(typed + 2, "=");
	(void)ab_copyn(word, sizeof(word), typed + 2,
		       n < sizeof(word) ? n : sizeof(word) - 1);
	if (optopt)
		return ab_cli_fail(cli, AB_EXIT_USAGE, "option --%s takes no value",
				   word);
	for (i = 0; i < set->n; i++)
		names[i] = set->longs[i].name;
	near = ab_suggest(word, names, set->n);
	if (near)
		return ab_cli_fail(cli, AB_EXIT_USAGE,
				   "unknown option --%s: did you mean --%s?", word,
				   near);
	return ab_cli_fail(cli, AB_EXIT_USAGE,
			   "unknown or ambiguous option --%s: see autobind help %s",
			   word, verb);
}

static int set_root(struct ab_cli *cli, enum ab_root root, const char *value)
{
	switch (ab_roots_set(&cli->roots, root, value)) {
	case 0:
		return 0;
	case AB_ROOTS_E_LENGTH:
		return ab_cli_fail(cli, AB_EXIT_USAGE,
				   "--%s: longer than %d characters",
				   ab_root_options[root].name, AB_ROOT_PATH - 1);
	default:
		return ab_cli_fail(cli, AB_EXIT_USAGE, "--%s: '%s' is no %s: give %s",
				   ab_root_options[root].name, value,
				   root == AB_ROOT_UDEV ? "such choice" : "path",
				   ab_root_options[root].arg);
	}
}

static int take_option(struct ab_cli *cli, int c, const char *value)
{
	int i;

	switch (c) {
	case OPT_JSON:
		cli->is_json = true;
		return 0;
	case OPT_NO_PAGER:
		cli->has_no_pager = true;
		return 0;
	case 'h':
	case OPT_HELP:
		cli->wants_help = true;
		return 0;
	case OPT_VERSION:
		cli->wants_version = true;
		return 0;
	default:
		break;
	}
	if (c >= OPT_ROOT && c < OPT_VERB)
		return set_root(cli, (enum ab_root)(c - OPT_ROOT), value);
	/* A letter or the long form of the verb's own. */
	for (i = 0; cli->verb->options[i].name; i++)
		if (c == OPT_VERB + i || c == cli->verb->options[i].letter)
			cli->opt[i] = value ? value : "true";
	return 0;
}

/* Options of one stretch of argv; optind is then the first word that is none. */
static int take_options(struct ab_cli *cli, int argc, char **argv)
{
	struct option_set set;
	int c, r;

	build_set(&set, cli->verb);
	optind = 0; /* start anew: GNU extension, also forgets a half-read "-ab" */
	opterr = 0;
	for (;;) {
		int at = optind ? optind : 1;

		c = getopt_long(argc, argv, set.shorts, set.longs, NULL);
		if (c == -1)
			return 0;
		if (c == ':')
			return ab_cli_fail(cli, AB_EXIT_USAGE,
					   "option %s needs a value", argv[optind - 1]);
		if (c == '?')
			return bad_option(cli, &set,
					  argv[optind > at ? optind - 1 : at]);
		r = take_option(cli, c, optarg);
		if (r)
			return r;
	}
}

static int check_count(const struct ab_cli *cli)
{
	const struct ab_verb *v = cli->verb;

	if (cli->n_args < v->min_args)
		return ab_cli_fail(cli, AB_EXIT_USAGE, "usage: autobind %s %s", v->name,
				   v->args);
	if (v->max_args == AB_VERB_ANY || cli->n_args <= v->max_args)
		return 0;
	return ab_cli_fail(cli, AB_EXIT_USAGE,
			   "'%s' is one word too many: usage: autobind %s %s",
			   cli->args[v->max_args], v->name, v->args);
}

static int find_verb(struct ab_cli *cli, const char *name)
{
	const char *near;

	cli->verb = ab_verb_find(name);
	if (cli->verb)
		return 0;
	near = ab_verb_suggest(name);
	if (near)
		return ab_cli_fail(cli, AB_EXIT_USAGE,
				   "unknown verb '%s': did you mean %s?", name, near);
	return ab_cli_fail(cli, AB_EXIT_USAGE, "unknown verb '%s': see autobind help",
			   name);
}

int ab_args_parse(struct ab_cli *cli, int argc, char **argv)
{
	int r;

	ab_roots_init(&cli->roots);
	r = take_options(cli, argc, argv);
	if (r)
		return r;
	if (optind < argc) {
		argv += optind;
		argc -= optind;
		r = find_verb(cli, argv[0]);
		if (!r)
			r = take_options(cli, argc, argv);
		if (r)
			return r;
		cli->args = argv + optind;
		cli->n_args = (unsigned int)(argc - optind);
	}
	if (cli->wants_help || cli->wants_version)
		return 0;
	if (!cli->verb)
		return ab_cli_fail(cli, AB_EXIT_USAGE,
				   "no verb given: try autobind status, or autobind "
				   "help");
	if (ab_roots_finish(&cli->roots))
		return ab_cli_fail(cli, AB_EXIT_USAGE,
				   "--root: a path would be longer than %d characters",
				   AB_ROOT_PATH - 1);
	return check_count(cli);
}

/* --- help --- */

static void print_option(FILE *out, char letter, const char *name, const char *arg,
			 const char *help)
{
	char left[48];

	snprintf(left, sizeof(left), "%s%s--%s%s%s",
		 letter ? (char[]){ '-', letter, 0 } : "", letter ? ", " : "", name,
		 arg ? " " : "", arg ? arg : "");
	fprintf(out, "  %-26s %s\n", left, help);
}

static void print_global_options(FILE *out)
{
	size_t i;

	for (i = 0; i < N_FLAGS; i++)
		print_option(out, 0, global_flags[i].name, NULL, global_flags[i].help);
	for (i = 0; i < AB_ROOT_MAX; i++)
		print_option(out, 0, ab_root_options[i].name, ab_root_options[i].arg,
			     ab_root_options[i].help);
}

void ab_args_print_help(FILE *out)
{
	size_t i;

	(void)fputs("usage: autobind [OPTION]... VERB [ARGUMENT]...\n"
		    "Shows and steers how the ports of this host are bound to iSCSI "
		    "portals.\n"
		    "\nVerbs:\n",
		    out);
	for (i = 0; i < ab_n_verbs; i++) {
		char left[48];

		if (ab_verbs[i].is_hidden)
			continue;
		snprintf(left, sizeof(left), "%s%s%s", ab_verbs[i].name,
			 *ab_verbs[i].args ? " " : "", ab_verbs[i].args);
		fprintf(out, "  %-30s %s\n", left, ab_verbs[i].help);
	}
	(void)fputs("\nOptions, before or behind the verb:\n", out);
	print_global_options(out);
	(void)fputs("\nMore: autobind help VERB, man 8 autobind\n", out);
}

void ab_args_print_verb_help(FILE *out, const struct ab_verb *verb)
{
	const struct ab_verb_option *o;

	fprintf(out, "usage: autobind %s%s%s%s\n%c%s.\n", verb->name,
		verb->options ? " [OPTION]..." : "", *verb->args ? " " : "", verb->args,
		verb->help[0] - 'a' + 'A', verb->help + 1);
	if (verb->details)
		fprintf(out, "\n%s", verb->details);
	if (verb->options)
		(void)fputs("\nOptions:\n", out);
	for (o = verb->options; o && o->name; o++)
		print_option(out, o->letter, o->name, o->arg, o->help);
	(void)fputs("\nOptions of all verbs: autobind help\n", out);
}

/* --- completion --- */

static void print_words(FILE *out, const struct ab_verb *verb)
{
	const struct ab_verb_option *o;
	size_t i;

	if (!verb) {
		for (i = 0; i < N_FLAGS; i++)
			fprintf(out, " --%s", global_flags[i].name);
		for (i = 0; i < AB_ROOT_MAX; i++)
			fprintf(out, " --%s", ab_root_options[i].name);
		return;
	}
	for (o = verb->options; o && o->name; o++) {
		if (o->letter)
			fprintf(out, " -%c", o->letter);
		fprintf(out, " --%s", o->name);
	}
}

/* The options whose next word is a value, as patterns of a shell case. */
static void print_valued(FILE *out)
{
	size_t i;

	for (i = 0; i < AB_ROOT_MAX; i++)
		fprintf(out, "%s--%s", i ? "|" : "", ab_root_options[i].name);
}

/* Does it take the name of a network device, as an argument or an option's value? */
static bool takes_port(const struct ab_verb *verb)
{
	const struct ab_verb_option *o;

	if (verb->params[0] && ab_streq(verb->params[0], "port"))
		return true;
	for (o = verb->options; o && o->name; o++)
		if (o->arg && ab_streq(o->arg, "PORT"))
			return true;
	return false;
}

void ab_args_print_completion(FILE *out)
{
	size_t i;

	(void)fputs(
		"# bash completion for autobind; made by: autobind completion bash\n"
		"_autobind()\n{\n"
		"\tlocal cur=${COMP_WORDS[COMP_CWORD]} verb= words i\n"
		"\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
		"\t\tcase ${COMP_WORDS[i]} in\n\t\t",
		out);
	print_valued(out);
	(void)fputs(") ((i++)) ;;\n"
		    "\t\t-*) ;;\n"
		    "\t\t*) verb=${COMP_WORDS[i]}; break ;;\n"
		    "\t\tesac\n\tdone\n"
		    "\tcase ${COMP_WORDS[COMP_CWORD-1]} in\n\t",
		    out);
	print_valued(out);
	(void)fputs(")\n\t\tCOMPREPLY=($(compgen -f -- \"$cur\"))\n"
		    "\t\treturn ;;\n\tesac\n\tcase $verb in\n\t'') words='",
		    out);
	for (i = 0; i < ab_n_verbs; i++)
		if (!ab_verbs[i].is_hidden)
			fprintf(out, "%s%s", i ? " " : "", ab_verbs[i].name);
	(void)fputs("' ;;\n", out);
	for (i = 0; i < ab_n_verbs; i++) {
		const struct ab_verb *v = &ab_verbs[i];
		bool has_port = takes_port(v);

		if (v->is_hidden || (!v->options && !has_port))
			continue;
		fprintf(out, "\t%s) words=\"", v->name);
		if (has_port)
			(void)fputs("$(ls /sys/class/net 2>/dev/null)", out);
		print_words(out, v);
		(void)fputs("\" ;;\n", out);
	}
	(void)fputs("\thelp) words='", out);
	for (i = 0; i < ab_n_verbs; i++)
		if (!ab_verbs[i].is_hidden)
			fprintf(out, "%s%s", i ? " " : "", ab_verbs[i].name);
	(void)fputs("' ;;\n\tesac\n\t[[ $cur == -* ]] && words+='", out);
	print_words(out, NULL);
	(void)fputs("'\n\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
		    "}\ncomplete -F _autobind autobind\n",
		    out);
}
