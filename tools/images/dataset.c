// SPDX-License-Identifier: Apache-2.0
/* mea dataset glyphs: writes the procedural data set. */
#include "mea/tool.h"

#include "images/glyphs.h"

struct args {
	const char *kind, *out;
	uint32_t train, test;
	uint64_t seed;
};

#define AT(f) FIELD(struct args, f)

static const struct row options[] = {
	{NULL, NULL, AT(kind), "data set", .choices = "glyphs", .needed = true},
	{"out", "DIR", AT(out), "folder to write to, made if missing", .needed = true},
	{"train", "N", AT(train), "training images", 0, 1e8, "20000"},
	{"test", "N", AT(test), "test images", 0, 1e8, "5000"},
	{"seed", "S", AT(seed), "another seed draws other images", .value = "1"},
	{0},
};

static void step(size_t done, size_t total, void *progress)
{
	progress_step(done, total, progress);
}

static int dataset(int argc, char **argv)
{
	struct args a = {0};
	struct progress p = {.what = "drawing"};
	int rc;

	option_parse(&tool_dataset, argc, argv, &a);
	rc = mea_glyphs_write(a.out, a.train, a.test, a.seed, step, &p);
	progress_end(&p);
	if (rc)
		return tool_fail();
	printf("%s: %u training and %u test images of %d classes, seed %llu\n", a.out, a.train,
	       a.test, MEA_GLYPHS_CLASSES, (unsigned long long)a.seed);
	return TOOL_OK;
}

const struct tool tool_dataset = {
	.name = "dataset",
	.summary = "make the glyphs data set",
	.text = "Writes glyphs, drawn digits and letters in 36 classes, 32x32 RGB, as train.bin "
		"and test.bin in the layout of CIFAR-100 with fine_label_names.txt. The "
		"same seed gives the same bytes on every machine.",
	.options = options,
	.main = dataset,
};
