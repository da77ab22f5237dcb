/* SPDX-License-Identifier: Apache-2.0 */
/* `mea quantize`: what its two files share. */
#ifndef MEA_TOOL_QUANTIZE_H
#define MEA_TOOL_QUANTIZE_H

#include "images/images.h"
#include "quantize/given.h"
#include "quantize/quantize_bundle.h"
#include "mea/tool.h"

struct quantize {
	const char *what, *out;
	struct mea_quantize_options method;
	float mean[3], std[3]; /* of NaN: not given */
	uint32_t order;	       /* 1: B, G, R */
	struct given_options given;
	size_t check; /* test images to compare on; 0: none */
	struct images images;
	size_t at, pixels;
	int channels; /* of a lone model's image */
	uint8_t *rgb;
	float *planes; /* of rgb, normalised, when a lone model's image is gray */
	struct progress progress;
};

/* Next calibration image, as mea_quantize_bundle() asks for it. */
int quantize_next(void *ctx, bool first, uint8_t *rgb);

/* Compares float and int8 networks of bundle q->out on q->check test images, prints
 * a table and enters the accuracies in bundle.json. */
int quantize_check(struct quantize *q);

#endif
