/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory-bound parts of training: batch norm with what is fused to it, and
 * conversions. Every kernel reads each element once and does all it can with it.
 *
 * A map is blocks x rows x channels, a block being an image and rows its pixels.
 * Sums run per block and are then added in the order of the blocks, so results do
 * not depend on the number of threads.
 */
#ifndef MEA_TRAIN_KERNELS_H
#define MEA_TRAIN_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEA_CHANNELS_MAX 4096

struct mea_map {
	size_t blocks, rows;
	int c; /* 1 .. MEA_CHANNELS_MAX */
	bool bf16;
};

static inline size_t mea_map_count(const struct mea_map *m)
{
	return m->blocks * m->rows * (size_t)m->c;
}

static inline size_t mea_map_bytes(const struct mea_map *m)
{
	return mea_map_count(m) * (m->bf16 ? 2 : 4);
}

/* float32 to bfloat16, to nearest even. The NaNs of arithmetic stay NaNs. */
static inline uint16_t mea_bf16(float f)
{
	union {
		float f;
		uint32_t u;
	} v = {f};

	return (uint16_t)((v.u + 0x7fff + (v.u >> 16 & 1)) >> 16);
}

static inline float mea_from_bf16(uint16_t h)
{
	union {
		uint32_t u;
		float f;
	} v = {(uint32_t)h << 16};

	return v.f;
}

/* What a channel is multiplied by, what is added, and the bounds that follow;
 * without bounds they are infinite. */
struct mea_affine {
	const float *scale, *offset; /* c each */
	float lo, hi;
};

/* partial[block] = c sums of x - shift, then c sums of its square. */
void mea_map_sums(const struct mea_map *m, const void *x, const float *shift, float *partial);

/* out = clamp(scale x + offset + addend); addend may be NULL; out may be x. */
void mea_map_affine(const struct mea_map *m, const void *x, const struct mea_affine *a,
		    const void *addend, void *out);

/*
 * g = (g1 + g2) where out = clamp(scale x + offset) was inside its bounds, 0 elsewhere.
 * partial[block] = c sums of g, then c sums of g (x - mean). g2 may be NULL. Where out
 * is given it is read instead of computed again (it holds an addend); dz, where given,
 * gets g and may be g1.
 */
void mea_map_bn_sums(const struct mea_map *m, const void *x, const struct mea_affine *a,
		     const float *mean, const void *g1, const void *g2, const void *out, void *dz,
		     float *partial);

/* dx = kg g + kx x + k, per channel, with g as in mea_map_bn_sums(); masked false: g is
 * g1 as it is. dx may be g1. */
void mea_map_bn_input(const struct mea_map *m, const void *x, const struct mea_affine *a,
		      bool masked, const void *g1, const void *g2, const float *kg, const float *kx,
		      const float *k, void *dx);

/* out = a + b; out may be either. */
void mea_map_add(const struct mea_map *m, const void *a, const void *b, void *out);

/* dx = g where x was inside the bounds, 0 elsewhere. */
void mea_map_clamp_grad(const struct mea_map *m, const void *x, float lo, float hi, const void *g,
			void *dx);

/* Sums of the blocks' partials in their order: n floats a block, in float64. */
void mea_sum_partials(const float *partial, size_t blocks, int n, double *sum);

/* n elements between the types. */
void mea_widen(size_t n, const uint16_t *in, float *out);
void mea_narrow(size_t n, const float *in, uint16_t *out);

#endif
