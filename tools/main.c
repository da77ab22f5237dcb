// SPDX-License-Identifier: Apache-2.0
/* The `mea` command: finds the subcommand in one table, from which the help is
 * made as well. */
#include "mea/tool.h"

#include <string.h>

static const struct tool *const tools[] = {
	&tool_run,   &tool_bench, &tool_bound,	 &tool_serve,	 &tool_info,
	&tool_top,   &tool_trace, &tool_report,	 &tool_quantize, &tool_bundle,
	&tool_train, &tool_eval,  &tool_dataset,
};

#define N_TOOLS (sizeof(tools) / sizeof(tools[0]))

static void help(FILE *to)
{
	fputs("Usage: mea SUBCOMMAND [OPTION...]\n"
	      "Early-exit image classification on an FPGA accelerator, its simulation or a CPU.\n"
	      "\n",
	      to);
	for (size_t i = 0; i < N_TOOLS; i++)
		fprintf(to, "  %-10s %s\n", tools[i]->name, tools[i]->summary);
	fputs("\n"
	      "  mea SUBCOMMAND --help   tells a subcommand's options\n"
	      "  mea --version           tells the version\n"
	      "\n"
	      "Exit status: 0 done, 1 failed, 2 wrong usage.\n",
	      to);
}

static int run(const struct tool *tool, int argc, char **argv)
{
	int rc;

	/* argp starts its messages with argv[0]. */
	snprintf(tool_name, sizeof(tool_name), "mea %s", tool->name);
	argv[0] = tool_name;
	rc = tool->main(argc, argv);
	/* A full disk may show only now. */
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "%s: stdout: cannot be written\n", tool_name);
		rc = TOOL_FAILED;
	}
	return rc;
}

static int unknown(const char *word)
{
	const char *near = NULL;

	for (size_t i = 0; i < N_TOOLS; i++)
		option_nearer(word, tools[i]->name, &near);
	if (near)
		fprintf(stderr, "mea: unknown subcommand '%s'; did you mean '%s'?\n", word, near);
	else
		fprintf(stderr, "mea: unknown subcommand '%s'; mea --help lists them\n", word);
	return TOOL_USAGE;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		help(stderr);
		return TOOL_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		help(stdout);
		return TOOL_OK;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		puts("mea " MEA_VERSION);
		return TOOL_OK;
	}
	/* For the build, which makes manual pages and completions of it. */
	if (!strcmp(argv[1], "--rows")) {
		puts("version\t" MEA_VERSION);
		for (size_t i = 0; i < N_TOOLS; i++)
			option_print_rows(tools[i]);
		return TOOL_OK;
	}
	for (size_t i = 0; i < N_TOOLS; i++)
		if (!strcmp(argv[1], tools[i]->name))
			return run(tools[i], argc - 1, argv + 1);
	return unknown(argv[1]);
}
