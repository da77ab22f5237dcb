// SPDX-License-Identifier: Apache-2.0
#include "preprocess.h"

#include <math.h>

#include "base/error.h"

static float normal(int p, float mean, float std)
{
	return ((float)p / 255.0f - mean) / std;
}

int mea_check_mean(const char *field, const float mean[3])
{
	for (int k = 0; k < 3; k++)
		if (mean[k] > 1)
			return mea_fail(MEA_EINVAL,
					"%s: %g is over 1; mean and deviation are of pixel / 255, "
					"so divide both by 255 (%.4g)",
					field, (double)mean[k], (double)mean[k] / 255);
	return 0;
}

void mea_preprocess_init(struct mea_preprocess *p, const float mean[3], const float std[3],
			 bool bgr, float scale, int zero_point)
{
	p->bgr = bgr;
	for (int k = 0; k < 3; k++) {
		for (int v = 0; v < 256; v++) {
			/* rintf() rounds ties to even, as QuantizeLinear does. A tiny
			 * scale may give an infinity, which clamps. */
			float q = rintf(normal(v, mean[k], std[k]) / scale) + (float)zero_point;

			p->table[k][v] = (int8_t)(q < -128 ? -128 : q > 127 ? 127 : q);
		}
	}
}

void mea_preprocess(const struct mea_preprocess *p, const uint8_t *rgb, size_t n, int8_t *out)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < 3; k++)
			out[i * 3 + k] = p->table[k][rgb[i * 3 + (p->bgr ? 2 - k : k)]];
}

void mea_normalise(const float mean[3], const float std[3], bool bgr, const uint8_t *rgb, size_t n,
		   float *out)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < 3; k++)
			out[k * n + i] = normal(rgb[i * 3 + (bgr ? 2 - k : k)], mean[k], std[k]);
}
