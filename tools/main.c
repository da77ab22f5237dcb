// SPDX-License-Identifier: Apache-2.0
/* The `mea` command: finds the subcommand in one table, from which the help is
 * made as well. */
#include "mea/tool.h"

#include <string.h>

static const struct tool tools[] = {
	{"run", "classify images; accuracy and cost per exit", tool_run},
	{"bench", "time, bytes and energy of every exit", tool_bench},
	{"serve", "answer images over the network, as the cloud", tool_serve},
	{"info", "backends here; layers, shapes, MACs of a model", tool_info},
	{"top", "sessions, device and power, live", tool_top},
	{"trace", "cycles, bytes and stalls of each layer", tool_trace},
	{"quantize", "make the int8 networks of a bundle or a model", tool_quantize},
	{"bundle", "make a model bundle around ONNX files", tool_bundle},
	{"train", "train the networks of a bundle", tool_train},
	{"eval", "the paper's tables for bundles", tool_eval},
	{"dataset", "make the glyphs data set", tool_dataset},
};

#define N_TOOLS (sizeof(tools) / sizeof(tools[0]))

static void help(FILE *to)
{
	fputs("Usage: mea SUBCOMMAND [OPTION...]\n"
	      "Early-exit image classification on an FPGA accelerator, its simulation or a CPU.\n"
	      "\n",
	      to);
	for (size_t i = 0; i < N_TOOLS; i++)
		fprintf(to, "  %-10s %s\n", tools[i].name, tools[i].summary);
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
	argp_err_exit_status = TOOL_USAGE;
	rc = tool->main(argc, argv);
	/* A full disk may show only now. */
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "%s: stdout: cannot be written\n", tool_name);
		rc = TOOL_FAILED;
	}
	return rc;
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
	for (size_t i = 0; i < N_TOOLS; i++)
		if (!strcmp(argv[1], tools[i].name))
			return run(&tools[i], argc - 1, argv + 1);
	fprintf(stderr, "mea: '%s' is no subcommand; mea --help lists them\n", argv[1]);
	return TOOL_USAGE;
}
