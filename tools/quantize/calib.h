/* SPDX-License-Identifier: Apache-2.0 */
/* From the values that a tensor takes to the int8 range that serves it best. */
#ifndef MEA_CALIB_H
#define MEA_CALIB_H

#include <stddef.h>
#include <stdint.h>

#include "quantize/quantize.h"

#define MEA_HIST_BINS 4096 /* symmetric about zero */

/* A histogram whose range doubles as needed, so that one pass over the data is
 * enough. Zero-initialised. */
struct mea_hist {
	double reach;	 /* the bins cover -reach .. reach; 0: nothing seen */
	double min, max; /* of all values, 0 included: it is always representable */
	uint64_t zeros;	 /* exact zeros, which no range gets wrong */
	uint64_t bin[MEA_HIST_BINS];
};

/* Adds n values. MEA_EINVAL when one is not finite. */
int mea_hist_add(struct mea_hist *h, const float *x, size_t n);

/* Adds all of from to h. */
void mea_hist_merge(struct mea_hist *h, const struct mea_hist *from);

/*
 * The scale and zero point by method: MINMAX covers everything; PERCENTILE cuts
 * (100 - percentile) % of the values from both ends together; MSE takes the ends
 * with the smallest sum of squared rounding and clipping errors, rounding being
 * scale^2 / 12 a value. Zero is always exactly representable.
 */
void mea_hist_params(const struct mea_hist *h, enum mea_calib_method method, double percentile,
		     float *scale, int *zero_point);

#endif
