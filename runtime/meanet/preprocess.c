// SPDX-License-Identifier: Apache-2.0
#include "preprocess.h"

#include <math.h>

static float normal(int p, float mean, float std)
{
	return ((float)p / 255.0f - mean) / std;
}

void mea_preprocess_init(struct mea_preprocess *p, const float mean[3], const float std[3],
			 float scale, int zero_point)
{
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
			out[i * 3 + k] = p->table[k][rgb[i * 3 + k]];
}

void mea_normalise(const float mean[3], const float std[3], const uint8_t *rgb, size_t n,
		   float *out)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < 3; k++)
			out[k * n + i] = normal(rgb[i * 3 + k], mean[k], std[k]);
}
