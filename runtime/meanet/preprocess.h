/* SPDX-License-Identifier: Apache-2.0 */
/* From an image's bytes to a network's int8 input. */
#ifndef MEA_PREPROCESS_H
#define MEA_PREPROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mea_preprocess {
	int8_t table[3][256];
	bool bgr;
};

/*
 * Fills the tables with clamp(rint(((p / 255 - mean) / std) / scale) + zero_point),
 * each step in float32: what an ONNX runtime does with the normalised image. mean, std and the
 * network's channels are of R, G, B; bgr: of B, G, R.
 */
void mea_preprocess_init(struct mea_preprocess *p, const float mean[3], const float std[3],
			 bool bgr, float scale, int zero_point);

/* Fails with MEA_EINVAL, naming field, when a mean of pixel / 255 is over 1: then it is one of
 * pixels of 0 to 255, and every image would be black. NaN passes. */
int mea_check_mean(const char *field, const float mean[3]);

/* Converts n pixels of RGB bytes; both are HWC. */
void mea_preprocess(const struct mea_preprocess *p, const uint8_t *rgb, size_t n, int8_t *out);

/* The same normalisation without quantisation, as planes (CHW), for a float net. */
void mea_normalise(const float mean[3], const float std[3], bool bgr, const uint8_t *rgb, size_t n,
		   float *out);

#endif
