// SPDX-License-Identifier: Apache-2.0
#include "train/tables.h"

#include <math.h>
#include <string.h>

/* The hard class of the largest of main's logits. */
static int masked(const struct mea_bundle *b, const float *main)
{
	int best = 0;

	for (int i = 1; i < b->n_hard; i++)
		if (main[b->hard[i]] > main[b->hard[best]])
			best = i;
	return b->hard[best];
}

static void add_error(struct mea_tables *t, const struct mea_bundle *b, int said, int label)
{
	bool from_hard = b->hard_index[label] >= 0, to_hard = b->hard_index[said] >= 0;

	if (said == label)
		return;
	t->easy_as_hard += !from_hard && to_hard;
	t->hard_as_easy += from_hard && !to_hard;
	t->easy_as_easy += !from_hard && !to_hard;
	t->hard_as_hard += from_hard && to_hard;
}

/* Algorithm 2 with a cloud. */
static void add_cloud(struct mea_tables *t, const struct mea_bundle *b,
		      const struct mea_opinion *main, const struct mea_opinion *extension,
		      const struct mea_opinion *cloud, int label)
{
	struct mea_result r = {0};

	switch (mea_after_main(b, main, NULL, &r)) {
	case MEA_STEP_CLOUD:
		mea_after_cloud(cloud, &r);
		t->sent++;
		break;
	case MEA_STEP_EXTENSION:
		if (extension)
			mea_after_extension(b, extension, &r);
		break;
	default:
		break;
	}
	t->cloud_right += cloud->label == label;
	t->joint_right += r.label == label;
}

void mea_tables_add(struct mea_tables *t, const struct mea_bundle *b, const float *main,
		    const float *extension, const float *cloud, int label)
{
	struct mea_opinion m = mea_opinion_of(main, b->n_classes), e = {0}, c;

	if (extension)
		e = mea_opinion_of(extension, b->n_hard);
	mea_figures_add(&t->f, b, &m, extension ? &e : NULL, label);
	add_error(t, b, m.label, label);
	if (cloud) {
		c = mea_opinion_of(cloud, b->n_classes);
		add_cloud(t, b, &m, extension ? &e : NULL, &c, label);
	}
	if (!extension || b->hard_index[label] < 0)
		return;
	t->masked_right += masked(b, main) == label;
	t->surer_right += (m.confidence > e.confidence ? m.label : b->hard[e.label]) == label;
}

/* --- the paper --------------------------------------------------------------------- */

#define NO_ERRORS                                                                                  \
	{                                                                                          \
		NAN, NAN, NAN, NAN                                                                 \
	}

static const struct {
	const char *net, *data;
	int hard;
	bool random;
	struct mea_paper p;
} paper[] = {
	{"resnet32-a",
	 "CIFAR-100",
	 50,
	 false,
	 {69.84, 97.22, 50.70, 59.76, 61.70, 63.51, 83.47, NO_ERRORS}},
	{"resnet32-a",
	 "CIFAR-100",
	 50,
	 true,
	 {76.51, 98.42, 61.42, 69.64, 61.70, NAN, 81.77, NO_ERRORS}},
	{"resnet32-a",
	 "CIFAR-100",
	 70,
	 false,
	 {72.70, 94.43, 54.53, 57.50, 61.70, NAN, 86.85, NO_ERRORS}},
	{"resnet32-a",
	 "CIFAR-100",
	 100,
	 false,
	 {79.20, 92.65, 61.70, 62.37, 61.70, NAN, NAN, NO_ERRORS}},
	{"resnet32-b",
	 "CIFAR-100",
	 50,
	 false,
	 {77.95, 96.07, 59.36, 63.66, 67.55, 67.80, 87.88, {19, 18, 18, 45}}},
	{"mobilenetv2-b",
	 "ImageNet",
	 500,
	 false,
	 {65.25, 70.53, 61.26, 65.26, 71.87, 73.19, 90.64, {18, 15, 13, 54}}},
	{"resnet18-b",
	 "ImageNet",
	 500,
	 false,
	 {61.01, 72.33, 59.98, 64.95, 69.75, 71.62, 88.49, NO_ERRORS}},
};

struct mea_paper mea_paper_figures(const char *net, const char *data, int hard, bool random)
{
	struct mea_paper none = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NO_ERRORS};

	for (size_t i = 0; i < sizeof(paper) / sizeof(paper[0]); i++)
		if (net && strstr(net, paper[i].net) && hard == paper[i].hard &&
		    random == paper[i].random && !strcmp(data, paper[i].data))
			return paper[i].p;
	return none;
}
