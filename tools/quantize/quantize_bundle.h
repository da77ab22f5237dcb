/* SPDX-License-Identifier: Apache-2.0 */
/* From a bundle's float networks to its int8 ones. */
#ifndef MEA_QUANTIZE_BUNDLE_H
#define MEA_QUANTIZE_BUNDLE_H

#include "quantize/quantize.h"
#include "mea/bundle_edit.h"

/* Gives the next calibration image (RGB, the bundle's size): 1, or 0 after the
 * last, or a negative error. It is called again from the start after first != 0. */
typedef int (*mea_next_image)(void *ctx, bool first, uint8_t *rgb);

/*
 * Quantises main, then the extension with image and features as main has them, so
 * that their bytes go over as they are; the extension is calibrated on the images
 * that would reach it. nets[i] is NULL where b has no such network; the caller frees
 * them with mea_quantized_free().
 */
int mea_quantize_bundle(const struct mea_bundle *b, mea_next_image next, void *ctx,
			const struct mea_quantize_options *opt, struct mea_graph *nets[MEA_NETS]);

/* Makes these the int8 networks of the bundle that is being changed. */
int mea_quantized_enter(struct mea_bundle_edit *e, struct mea_graph *const nets[MEA_NETS]);

void mea_quantized_free(struct mea_graph *nets[MEA_NETS]);

#endif
