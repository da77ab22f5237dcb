// SPDX-License-Identifier: Apache-2.0
/* mea dataset glyphs: writes the procedural data set. */
#include "mea/tool.h"

#include "images/glyphs.h"

#include <string.h>

struct args {
	const char *kind, *out;
	uint32_t train, test;
	uint64_t seed;
};

enum { OPT_OUT = 256, OPT_TRAIN, OPT_TEST, OPT_SEED };

static const struct argp_option options[] = {
	{"out", OPT_OUT, "DIR", 0, "folder to write to, made if missing", 0},
	{"train", OPT_TRAIN, "N", 0, "training images (20000)", 0},
	{"test", OPT_TEST, "N", 0, "test images (5000)", 0},
	{"seed", OPT_SEED, "S", 0, "another seed draws other images (1)", 0},
	{0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct args *a = state->input;

	switch (key) {
	case OPT_OUT:
		a->out = arg;
		return 0;
	case OPT_TRAIN:
		a->train = (uint32_t)tool_number(state, "--train", arg, 0, 100000000);
		return 0;
	case OPT_TEST:
		a->test = (uint32_t)tool_number(state, "--test", arg, 0, 100000000);
		return 0;
	case OPT_SEED:
		a->seed = tool_number(state, "--seed", arg, 0, UINT64_MAX);
		return 0;
	case ARGP_KEY_ARG:
		tool_only(state, &a->kind, arg, "data set");
		return 0;
	case ARGP_KEY_END:
		if (!a->kind || strcmp(a->kind, "glyphs"))
			argp_error(state, "which data set? There is: glyphs");
		if (!a->out)
			argp_error(state, "--out DIR is missing");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static void step(size_t done, size_t total, void *progress)
{
	progress_step(done, total, progress);
}

int tool_dataset(int argc, char **argv)
{
	static const struct argp argp = {options,
					 parse,
					 "glyphs",
					 "Writes glyphs, drawn digits and letters in 36 classes, "
					 "32x32 RGB, as train.bin and "
					 "test.bin in the record layout of CIFAR-100 with "
					 "fine_label_names.txt. The same seed "
					 "gives the same bytes on every machine.",
					 NULL,
					 NULL,
					 NULL};
	struct args a = {.train = 20000, .test = 5000, .seed = MEA_GLYPHS_SEED};
	struct progress p = {.what = "drawing"};
	int rc;

	argp_parse(&argp, argc, argv, 0, NULL, &a);
	rc = mea_glyphs_write(a.out, a.train, a.test, a.seed, step, &p);
	progress_end(&p);
	if (rc)
		return tool_fail();
	printf("%s: %u training and %u test images of %d classes, seed %llu\n", a.out, a.train,
	       a.test, MEA_GLYPHS_CLASSES, (unsigned long long)a.seed);
	return TOOL_OK;
}
