/* SPDX-License-Identifier: Apache-2.0 */
/* A bundle's float networks in the float executor: for calibration and as the
 * yardstick of the int8 ones. One thread uses one model. */
#ifndef MEA_FLOAT_MODEL_H
#define MEA_FLOAT_MODEL_H

#include "graph/graph.h"
#include "meanet/bundle.h"

struct mea_eval;

struct mea_float_model {
	const struct mea_bundle *bundle; /* borrowed */
	struct mea_graph *main, *extension;
	struct mea_eval *run_main, *run_extension;
	float *image; /* the last image, normalised, CHW */
};

/* Loads main and, where the bundle has one, the extension, and checks that they
 * fit the bundle and each other. */
int mea_float_load(const struct mea_bundle *b, struct mea_float_model **out);

/* Frees m; NULL is fine. */
void mea_float_free(struct mea_float_model *m);

/* Runs main on an image; the pointers, which may be NULL, are given what lives
 * until the next run. */
int mea_float_main(struct mea_float_model *m, const uint8_t *rgb, const float **logits,
		   const float **features);

/* Runs the extension on the image and features of the last mea_float_main(). */
int mea_float_extension(struct mea_float_model *m, const float **logits);

#endif
