/* SPDX-License-Identifier: Apache-2.0 */
/* From a bundle's float networks to its int8 ones. */
#ifndef MEA_QUANTIZE_BUNDLE_H
#define MEA_QUANTIZE_BUNDLE_H

#include "graph/quantize.h"
#include "meanet/bundle.h"

/* Gives the next calibration image (RGB, the bundle's size): 1, or 0 after the
 * last, or a negative error. It is called again from the start after first != 0. */
typedef int (*mea_next_image)(void *ctx, bool first, uint8_t *rgb);

/*
 * Quantises main, then the extension with image and features as main has them, so
 * that their bytes go over as they are; the extension is calibrated on the images
 * that would reach it. Writes main.int8.onnx, extension.int8.onnx into folder dir
 * and enters them in b, which the caller saves.
 */
int mea_quantize_bundle(struct mea_bundle *b, const char *dir, mea_next_image next, void *ctx,
			const struct mea_quantize_options *opt);

#endif
