// SPDX-License-Identifier: Apache-2.0
/* Rows of options as argp wants them: one flat list, with the groups' rows in their places. */
#include "tool.h"

#include "base/error.h"

#include <argp.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX  96  /* of options; far more than there are arguments */
#define FIRST_KEY 256 /* of options without a letter */
#define TEXT_MAX  1024

/* A row, and where in the subcommand's struct the one that its table means is. */
struct slot {
	const struct row *row;
	size_t base;
	bool given;
};

struct parser {
	const struct tool *tool;
	void *args;
	struct slot option[ROWS_MAX], argument[ROWS_MAX];
	int options, arguments;
	struct argp_option argp[ROWS_MAX + 1];
	char usage[256]; /* "BUNDLE [IMAGE...]" */
};

static void flatten(struct parser *p, const struct row *rows, size_t base)
{
	for (const struct row *o = rows; (o->help || o->rows) && p->options < ROWS_MAX; o++) {
		if (o->rows)
			flatten(p, o->rows, base + o->at);
		else if (o->name)
			p->option[p->options++] = (struct slot){.row = o, .base = base};
		else
			p->argument[p->arguments++] = (struct slot){.row = o, .base = base};
	}
}

/* What help calls an argument without a name: its words are all that it may be. */
static void argument_text(const struct row *o, const char *between, char *text, size_t size)
{
	if (o->arg)
		snprintf(text, size, "%s", o->arg);
	else
		option_join(o->choices, between, text, size);
}

static void open_parser(struct parser *p, const struct tool *tool, void *args)
{
	*p = (struct parser){.tool = tool, .args = args};
	flatten(p, tool->options, 0);
	for (int i = 0; i < p->options; i++) {
		const struct row *o = p->option[i].row;

		/* A group each keeps the rows' order. */
		p->argp[i] = (struct argp_option){.name = o->name,
						  .key = o->key ? o->key : FIRST_KEY + i,
						  .arg = o->arg,
						  .doc = o->help,
						  .group = i + 1};
	}
	for (int i = 0; i < p->arguments; i++) {
		const struct row *o = p->argument[i].row;
		bool many = o->type == OPTION_LIST || o->call;
		size_t n = strlen(p->usage);
		char text[128];

		argument_text(o, "|", text, sizeof(text));
		snprintf(p->usage + n, sizeof(p->usage) - n, "%s%s%s%s%s", i ? " " : "",
			 o->needed ? "" : "[", text, many ? "..." : "", o->needed ? "" : "]");
	}
}

/* The row's help with its choices and what stands when it is missing. */
static void help_text(const struct row *o, char text[TEXT_MAX])
{
	const char *missing = o->value ? o->value : o->otherwise;
	char choices[256] = "";

	if (o->choices)
		option_join(o->choices, ", ", choices, sizeof(choices));
	snprintf(text, TEXT_MAX, "%s%s%s%s%s%s", o->help, o->choices ? ": " : "", choices,
		 missing ? " (" : "", missing ? missing : "", missing ? ")" : "");
}

static struct slot *slot_of(struct parser *p, int key)
{
	for (int i = 0; i < p->options; i++)
		if (p->argp[i].key == key)
			return &p->option[i];
	return NULL;
}

static char *help_filter(int key, const char *text, void *input)
{
	struct slot *s = input ? slot_of(input, key) : NULL;
	char full[TEXT_MAX];

	if (!s)
		return (char *)text;
	help_text(s->row, full);
	return strdup(full);
}

/* --- words that are no option -------------------------------------------------------- */

/* How many letters of word are changed, missing, too much or swapped, if it is meant to be name. */
static int misspelt(const char *word, const char *name)
{
	enum { MAX = 32 };
	int d[MAX][MAX], n = (int)strnlen(word, MAX - 1), m = (int)strnlen(name, MAX - 1);

	for (int i = 0; i <= n; i++) {
		for (int j = 0; j <= m; j++) {
			d[i][j] = i + j;
			if (!i || !j)
				continue;
			d[i][j] = d[i - 1][j - 1] + (word[i - 1] != name[j - 1]);
			if (d[i - 1][j] < d[i][j])
				d[i][j] = d[i - 1][j] + 1;
			if (d[i][j - 1] < d[i][j])
				d[i][j] = d[i][j - 1] + 1;
			if (i > 1 && j > 1 && word[i - 1] == name[j - 2] &&
			    word[i - 2] == name[j - 1] && d[i - 2][j - 2] < d[i][j])
				d[i][j] = d[i - 2][j - 2] + 1;
		}
	}
	return d[n][m];
}

void option_nearer(const char *word, const char *name, const char **near)
{
	int wrong = misspelt(word, name);

	if (wrong <= 1 + (int)strlen(name) / 5 && (!*near || wrong < misspelt(word, *near)))
		*near = name;
}

/* The first option whose name begins so, as getopt lets names be shortened. */
static const struct row *begins(const struct parser *p, const char *word)
{
	static const struct row own[] = {
		{.name = "help"}, {.name = "usage"}, {.name = "version"}}; /* argp's */

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (!strncmp(own[i].name, word, strlen(word)))
			return &own[i];
	for (int i = 0; i < p->options; i++)
		if (!strncmp(p->option[i].row->name, word, strlen(word)))
			return p->option[i].row;
	return NULL;
}

/* getopt tells of unknown options; of those that are near one, this does. */
static int check_spelling(const struct parser *p, int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--"); i++) {
		char word[64];
		const struct row *o;
		const char *near = NULL;

		if (strncmp(argv[i], "--", 2))
			continue;
		snprintf(word, sizeof(word), "%.*s", (int)strcspn(argv[i] + 2, "="), argv[i] + 2);
		o = begins(p, word);
		if (o) {
			i += o->arg && !strchr(argv[i], '=');
			continue;
		}
		for (int k = 0; k < p->options; k++)
			option_nearer(word, p->option[k].row->name, &near);
		if (near)
			return mea_fail(MEA_EINVAL,
					"unrecognized option '--%s'; did you mean '--%s'?", word,
					near);
	}
	return 0;
}

/* --- parsing ----------------------------------------------------------------------------- */

static int set(const struct parser *p, const struct slot *s, const char *arg)
{
	return option_set(s->row, (char *)p->args + s->base, arg);
}

static int begin(struct parser *p, struct argp_state *state)
{
	int rc = 0;

	/* argp names the program later than this. */
	state->name = tool_name;
	for (int i = 0; i < p->options && !rc; i++)
		if (p->option[i].row->value)
			rc = set(p, &p->option[i], p->option[i].row->value);
	return rc ? rc : check_spelling(p, state->argc, state->argv);
}

static int take_argument(struct parser *p, unsigned number, const char *arg)
{
	struct slot *last = &p->argument[p->arguments - 1];
	struct slot *s = number < (unsigned)p->arguments ? &p->argument[number] : last;

	if (s->given && s->row->type != OPTION_LIST && !s->row->call)
		return mea_fail(MEA_EINVAL, "one %s at a time: '%s' is too much", s->row->help,
				arg);
	s->given = true;
	return set(p, s, arg);
}

static int finish(const struct parser *p)
{
	char text[256];

	for (int i = 0; i < p->arguments; i++) {
		const struct row *o = p->argument[i].row;

		if (!o->needed || p->argument[i].given)
			continue;
		argument_text(o, ", ", text, sizeof(text));
		if (o->choices)
			return mea_fail(MEA_EINVAL, "which %s? There is: %s", o->help, text);
		return mea_fail(MEA_EINVAL, "which %s?", text);
	}
	for (int i = 0; i < p->options; i++) {
		const struct row *o = p->option[i].row;

		if (o->needed && !p->option[i].given)
			return mea_fail(MEA_EINVAL, "--%s %s is missing", o->name, o->arg);
	}
	return p->tool->check ? p->tool->check(p->args) : 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct parser *p = state->input;
	struct slot *s = slot_of(p, key);
	int rc;

	if (s) {
		s->given = true;
		rc = set(p, s, arg);
	} else if (key == ARGP_KEY_INIT) {
		rc = begin(p, state);
	} else if (key == ARGP_KEY_ARG && p->arguments) {
		rc = take_argument(p, state->arg_num, arg);
	} else if (key == ARGP_KEY_END) {
		rc = finish(p);
	} else {
		return ARGP_ERR_UNKNOWN;
	}
	if (rc)
		argp_error(state, "%s", mea_errmsg());
	return 0;
}

void option_parse(const struct tool *tool, int argc, char **argv, void *args)
{
	struct parser p;
	struct argp argp = {p.argp, parse, p.usage, tool->text, NULL, help_filter, NULL};

	open_parser(&p, tool, args);
	argp_err_exit_status = TOOL_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, &p);
}

/* --- for the scripts in tools/doc ----------------------------------------------------------- */

static void print_row(const struct tool *tool, const struct row *o)
{
	char text[TEXT_MAX], arg[128];

	help_text(o, text);
	if (!o->name)
		argument_text(o, "|", arg, sizeof(arg));
	printf("%s\t%s\t%s\t%s\t%.1s\t%s\t%s\n", o->name ? "option" : "argument", tool->name, text,
	       o->name ? o->name : "", &o->key,
	       !o->name ? arg
	       : o->arg ? o->arg
			: "",
	       o->choices ? o->choices
	       : o->words ? o->words
			  : "");
}

void option_print_rows(const struct tool *tool)
{
	int head = (int)strcspn(tool->text, "\v");
	struct parser p;

	open_parser(&p, tool, NULL);
	printf("tool\t%s\t%s\t%s\t%.*s\t%s\n", tool->name, p.usage, tool->summary, head, tool->text,
	       tool->text + head + (tool->text[head] == '\v'));
	for (int i = 0; i < p.arguments; i++)
		print_row(tool, p.argument[i].row);
	for (int i = 0; i < p.options; i++)
		print_row(tool, p.option[i].row);
}
