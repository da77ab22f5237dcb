// SPDX-License-Identifier: Apache-2.0
#include "exits.h"

#include <math.h>

struct mea_opinion mea_opinion_of(const float *logits, int n)
{
	struct mea_opinion o = {0};
	double sum = 0, mean = 0;

	for (int i = 1; i < n; i++)
		if (logits[i] > logits[o.label])
			o.label = i;
	/* With z = logit - top: p = exp(z) / sum, so -log p = log(sum) - z, and
	 * the entropy is log(sum) - E[z]. Nothing here can overflow. */
	for (int i = 0; i < n; i++) {
		double z = (double)logits[i] - (double)logits[o.label], e = exp(z);

		sum += e;
		mean += e * z;
	}
	o.confidence = (float)(1 / sum);
	o.entropy = (float)(log(sum) - mean / sum);
	return o;
}

enum mea_step mea_after_main(const struct mea_bundle *b, const struct mea_opinion *main,
			     const char *cloud_missed, struct mea_result *r)
{
	r->label = main->label;
	r->confidence = main->confidence;
	r->entropy = main->entropy;
	r->exit = MEA_EXIT_MAIN;
	r->why = MEA_WHY_EASY;
	r->complex = (double)main->entropy > b->threshold;
	if (r->complex && !cloud_missed)
		return MEA_STEP_CLOUD;
	if (r->complex)
		r->cloud_missed = cloud_missed;
	return b->hard_index[main->label] >= 0 ? MEA_STEP_EXTENSION : MEA_STEP_DONE;
}

void mea_after_extension(const struct mea_bundle *b, const struct mea_opinion *extension,
			 struct mea_result *r)
{
	r->exit = MEA_EXIT_EXTENSION;
	/* The paper's order: on a tie the extension wins. */
	if (r->confidence > extension->confidence) {
		r->why = MEA_WHY_MAIN_SURER;
		return;
	}
	r->why = MEA_WHY_EXTENSION_SURER;
	r->label = b->hard[extension->label];
	r->confidence = extension->confidence;
}

void mea_after_cloud(const struct mea_opinion *cloud, struct mea_result *r)
{
	r->exit = MEA_EXIT_CLOUD;
	r->why = MEA_WHY_COMPLEX;
	r->label = cloud->label;
	r->confidence = cloud->confidence;
}
