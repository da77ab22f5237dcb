// SPDX-License-Identifier: Apache-2.0
/* Batch norm backward. */
#include "train/kernels_int.h"

struct spans {
	float scale[STRIP_MAX], offset[STRIP_MAX], lo, hi;
	float mean[STRIP_MAX]; /* also kx */
	float kg[STRIP_MAX], k[STRIP_MAX];
};

INLINE void masked_sum(size_t len, const float *z, float lo, float hi, const float *g,
		       const float *h, float *out)
{
	for (size_t j = 0; j < len; j++) {
		float v = g[j] + h[j];

		out[j] = z[j] > lo && z[j] < hi ? v : 0.0f;
	}
}

/* The masked gradient of a span, into r. */
INLINE void masked(bool bf16, size_t i, size_t len, const struct spans *s, const float *v,
		   const void *g1, const void *g2, const void *out, float *r)
{
	static const float zero[STRIP_MAX];
	float ra[STRIP_MAX], rb[STRIP_MAX], rz[STRIP_MAX];
	const float *g = load(bf16, g1, i, len, ra);
	const float *h = g2 ? load(bf16, g2, i, len, rb) : zero;
	const float *z = rz;

	if (out)
		z = load(bf16, out, i, len, rz);
	else
		for (size_t j = 0; j < len; j++)
			rz[j] = v[j] * s->scale[j] + s->offset[j];
	masked_sum(len, z, s->lo, s->hi, g, h, r);
}

/* Bytes ahead of what is read: two maps at once are more than prefetchers keep up with. */
#define AHEAD 4096

INLINE float element(bool bf16, const void *p, size_t i)
{
	return bf16 ? mea_from_bf16(((const uint16_t *)p)[i]) : ((const float *)p)[i];
}

/* The gradient at element i where only one comes and the norm's own output decides. With && for &
 * GCC 12 makes no vectors of the loops around it. */
INLINE float masked_one(bool bf16, size_t i, size_t j, const struct spans *s, float v,
			const void *g)
{
	float z = v * s->scale[j] + s->offset[j], r = element(bf16, g, i);

	return (z > s->lo) & (z < s->hi) ? r : 0.0f;
}

INLINE void fetch(bool bf16, const void *p, size_t i, size_t n)
{
	size_t size = bf16 ? 2 : 4;

	for (size_t j = 0; j < n * size; j += 64)
		__builtin_prefetch((const char *)p + i * size + j + AHEAD);
}

/* As bn_sums_block() in one loop: x and one gradient, and nothing to write. */
INLINE void bn_sums_one(bool bf16, size_t n, size_t span, const void *x, const struct spans *s,
			const void *g, float *restrict sg, float *restrict sx)
{
	for (size_t i = 0; i < n; i += span) {
		size_t len = n - i < span ? n - i : span;

		fetch(bf16, x, i, len);
		fetch(bf16, g, i, len);
		for (size_t j = 0; j < len; j++) {
			float v = element(bf16, x, i + j);
			float r = masked_one(bf16, i + j, j, s, v, g);

			sg[j] += r;
			sx[j] += r * (v - s->mean[j]);
		}
	}
}

HOT static void bn_sums_one_f32(size_t n, size_t span, const void *x, const struct spans *s,
				const void *g, float *restrict sg, float *restrict sx)
{
	bn_sums_one(false, n, span, x, s, g, sg, sx);
}

HOT static void bn_sums_one_bf16(size_t n, size_t span, const void *x, const struct spans *s,
				 const void *g, float *restrict sg, float *restrict sx)
{
	bn_sums_one(true, n, span, x, s, g, sg, sx);
}

HOT static void bn_sums_block(bool bf16, size_t n, size_t span, const void *x,
			      const struct spans *s, const void *g1, const void *g2,
			      const void *out, void *dz, float *restrict sg, float *restrict sx)
{
	float rx[STRIP_MAX], r[STRIP_MAX];

	for (size_t i = 0; i < n; i += span) {
		size_t len = n - i < span ? n - i : span;
		const float *v = load(bf16, x, i, len, rx);

		masked(bf16, i, len, s, v, g1, g2, out, r);
		for (size_t j = 0; j < len; j++) {
			sg[j] += r[j];
			sx[j] += r[j] * (v[j] - s->mean[j]);
		}
		if (dz)
			store(bf16, dz, i, len, r);
	}
}

void mea_map_bn_sums(const struct mea_map *m, const void *x, const struct mea_affine *a,
		     const float *mean, const void *g1, const void *g2, const void *out, void *dz,
		     float *partial)
{
	size_t c = (size_t)m->c, span = span_of(m), n = m->rows * c;
	struct spans s = {.lo = a->lo, .hi = a->hi};

	repeat(span, c, a->scale, s.scale);
	repeat(span, c, a->offset, s.offset);
	repeat(span, c, mean, s.mean);
#pragma omp parallel for schedule(static)
	for (size_t b = 0; b < m->blocks; b++) {
		float sg[STRIP_MAX], sx[STRIP_MAX];

		memset(sg, 0, span * sizeof(*sg));
		memset(sx, 0, span * sizeof(*sx));
		if (g2 || out || dz)
			bn_sums_block(m->bf16, n, span, at(m, x, b * n), &s, at(m, g1, b * n),
				      at(m, g2, b * n), at(m, out, b * n), at_mut(m, dz, b * n), sg,
				      sx);
		else if (m->bf16)
			bn_sums_one_bf16(n, span, at(m, x, b * n), &s, at(m, g1, b * n), sg, sx);
		else
			bn_sums_one_f32(n, span, at(m, x, b * n), &s, at(m, g1, b * n), sg, sx);
		fold(span, c, sg, partial + b * 2 * c);
		fold(span, c, sx, partial + b * 2 * c + c);
	}
}

/* As bn_input_block() with one gradient, masked, in one loop. dx may be g. */
INLINE void bn_input_one(bool bf16, size_t n, size_t span, const void *x, const struct spans *s,
			 const void *g, void *dx)
{
	for (size_t i = 0; i < n; i += span) {
		size_t len = n - i < span ? n - i : span;
		float r[STRIP_MAX];

		fetch(bf16, x, i, len);
		fetch(bf16, g, i, len);
		for (size_t j = 0; j < len; j++) {
			float v = element(bf16, x, i + j);

			r[j] = s->kg[j] * masked_one(bf16, i + j, j, s, v, g) +
			       (s->mean[j] * v + s->k[j]);
		}
		store(bf16, dx, i, len, r);
	}
}

HOT static void bn_input_one_f32(size_t n, size_t span, const void *x, const struct spans *s,
				 const void *g, void *dx)
{
	bn_input_one(false, n, span, x, s, g, dx);
}

HOT static void bn_input_one_bf16(size_t n, size_t span, const void *x, const struct spans *s,
				  const void *g, void *dx)
{
	bn_input_one(true, n, span, x, s, g, dx);
}

HOT static void bn_input_block(bool bf16, size_t n, size_t span, const void *x,
			       const struct spans *s, bool mask, const void *g1, const void *g2,
			       void *dx)
{
	float rx[STRIP_MAX], r[STRIP_MAX];

	for (size_t i = 0; i < n; i += span) {
		size_t len = n - i < span ? n - i : span;
		const float *v = load(bf16, x, i, len, rx), *g = r;

		if (mask)
			masked(bf16, i, len, s, v, g1, g2, NULL, r);
		else
			g = load(bf16, g1, i, len, r);
		for (size_t j = 0; j < len; j++)
			r[j] = s->kg[j] * g[j] + (s->mean[j] * v[j] + s->k[j]);
		store(bf16, dx, i, len, r);
	}
}

void mea_map_bn_input(const struct mea_map *m, const void *x, const struct mea_affine *a, bool mask,
		      const void *g1, const void *g2, const float *kg, const float *kx,
		      const float *k, void *dx)
{
	size_t c = (size_t)m->c, span = span_of(m), n = m->rows * c;
	struct spans s = {.lo = a->lo, .hi = a->hi};

	repeat(span, c, a->scale, s.scale);
	repeat(span, c, a->offset, s.offset);
	repeat(span, c, kx, s.mean);
	repeat(span, c, kg, s.kg);
	repeat(span, c, k, s.k);
#pragma omp parallel for schedule(static)
	for (size_t b = 0; b < m->blocks; b++)
		if (!mask || g2)
			bn_input_block(m->bf16, n, span, at(m, x, b * n), &s, mask,
				       at(m, g1, b * n), at(m, g2, b * n), at_mut(m, dx, b * n));
		else if (m->bf16)
			bn_input_one_bf16(n, span, at(m, x, b * n), &s, at(m, g1, b * n),
					  at_mut(m, dx, b * n));
		else
			bn_input_one_f32(n, span, at(m, x, b * n), &s, at(m, g1, b * n),
					 at_mut(m, dx, b * n));
}
