/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Depthwise convolutions of 3x3 with stride 1 and padding 1, the backward pass as one: it reads
 * the output's gradient and the input once for both gradients. Maps are NHWC, float32 or
 * bfloat16; weights and their gradient [channel][3][3], float32.
 */
#ifndef MEA_TRAIN_DEPTHWISE_H
#define MEA_TRAIN_DEPTHWISE_H

#include <stdbool.h>
#include <stddef.h>

struct mea_depthwise {
	int n, h, w, c; /* images, rows, columns, channels */
	bool bf16;
};

/* Whether these are faster here than oneDNN's: the CPU has AVX-512 BF16 and the map is neither
 * narrow nor of few channels. Only then may the others be called. */
bool mea_depthwise_fast(const struct mea_depthwise *d);

/* Floats of packed weights, and of the sums that mea_depthwise_backward() works in. */
size_t mea_depthwise_packed(const struct mea_depthwise *d);
size_t mea_depthwise_sums(const struct mea_depthwise *d);

/* weights[c][3][3] as the others take them. */
void mea_depthwise_pack(const struct mea_depthwise *d, const float *weights, float *packed);

/* dst = conv(src). */
void mea_depthwise_forward(const struct mea_depthwise *d, const float *packed, const void *src,
			   void *dst);

/* dsrc, unless NULL, and dw from src and the output's gradient. The sums of dw do not depend on
 * the number of threads. */
void mea_depthwise_backward(const struct mea_depthwise *d, const float *packed, const void *src,
			    const void *ddst, void *dsrc, float *dw, float *sums);

#endif
