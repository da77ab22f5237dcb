/* SPDX-License-Identifier: Apache-2.0 */
/* Algorithm 2: which exit an image takes, and whose answer counts. Pure. */
#ifndef MEA_EXITS_H
#define MEA_EXITS_H

#include "meanet/bundle.h"
#include "mea.h"

/* What one exit says. */
struct mea_opinion {
	int label;	  /* the first of the largest logits */
	float confidence; /* its softmax */
	float entropy;	  /* of the softmax, in nats */
};

struct mea_opinion mea_opinion_of(const float *logits, int n);

enum mea_step { MEA_STEP_DONE, MEA_STEP_EXTENSION, MEA_STEP_CLOUD };

/*
 * After main: fills r's answer as if main were the last word, and says what must
 * follow. cloud_missed is why the cloud cannot be asked, NULL when it can.
 */
enum mea_step mea_after_main(const struct mea_bundle *b, const struct mea_opinion *main,
			     const char *cloud_missed, struct mea_result *r);

/* After the extension: r's answer becomes that of the surer exit. */
void mea_after_extension(const struct mea_bundle *b, const struct mea_opinion *extension,
			 struct mea_result *r);

/* After the cloud, whose answer counts as it is. */
void mea_after_cloud(const struct mea_opinion *cloud, struct mea_result *r);

#endif
