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

static const struct {
	const char *net;
	int hard;
	struct mea_paper p;
} paper[] = {
	{"resnet32-a", 50, {69.84, 97.22, 50.70, 59.76, 61.70, 63.51, 83.47, {NAN, NAN, NAN, NAN}}},
	{"resnet32-a", 70, {72.70, 94.43, 54.53, 57.50, 61.70, NAN, 86.85, {NAN, NAN, NAN, NAN}}},
	{"resnet32-a", 100, {79.20, 92.65, 61.70, 62.37, 61.70, NAN, NAN, {NAN, NAN, NAN, NAN}}},
	{"resnet32-b", 50, {77.95, 96.07, 59.36, 63.66, 67.55, 67.80, 87.88, {19, 18, 18, 45}}},
};

struct mea_paper mea_paper_figures(const char *net, const char *data, int hard)
{
	struct mea_paper none = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, {NAN, NAN, NAN, NAN}};

	for (size_t i = 0; i < sizeof(paper) / sizeof(paper[0]); i++)
		if (net && strstr(net, paper[i].net) && hard == paper[i].hard &&
		    !strcmp(data, "CIFAR-100"))
			return paper[i].p;
	return none;
}
