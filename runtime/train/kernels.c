// SPDX-License-Identifier: Apache-2.0
#include "train/kernels.h"

#include <math.h>
#include <string.h>

#include "graph/hot.h"

#define INLINE static inline __attribute__((always_inline))

/*
 * Channels are few, so the vectors of the loops below run over strips: whole rows,
 * 256 elements or more of them, with the channels' factors repeated alongside.
 */
#define STRIP	  256
#define STRIP_MAX MEA_CHANNELS_MAX

static size_t strip_of(const struct mea_map *m)
{
	size_t c = (size_t)m->c;

	return c * ((STRIP + c - 1) / c) <= STRIP_MAX ? c * ((STRIP + c - 1) / c) : c;
}

static void repeat(size_t strip, size_t c, const float *v, float *out)
{
	for (size_t i = 0; i < strip; i += c)
		memcpy(out + i, v, c * sizeof(*v));
}

static const void *at(const struct mea_map *m, const void *p, size_t element)
{
	return p ? (const char *)p + element * (m->bf16 ? 2 : 4) : NULL;
}

static void *at_mut(const struct mea_map *m, void *p, size_t element)
{
	return p ? (char *)p + element * (m->bf16 ? 2 : 4) : NULL;
}

INLINE void widen(size_t n, const uint16_t *in, float *out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = mea_from_bf16(in[i]);
}

INLINE void narrow(size_t n, const float *in, uint16_t *out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = mea_bf16(in[i]);
}

/* n elements from i on as floats: in place, or in room. */
INLINE const float *load(bool bf16, const void *p, size_t i, size_t n, float *room)
{
	if (!bf16)
		return (const float *)p + i;
	widen(n, (const uint16_t *)p + i, room);
	return room;
}

INLINE void store(bool bf16, void *p, size_t i, size_t n, const float *v)
{
	if (bf16)
		narrow(n, v, (uint16_t *)p + i);
	else
		memcpy((float *)p + i, v, n * sizeof(*v));
}

/* --- sums ---------------------------------------------------------------------- */

HOT static void sums_block(bool bf16, size_t n, size_t strip, const void *x, const float *shift,
			   float *restrict s, float *restrict q)
{
	float room[STRIP_MAX];

	for (size_t i = 0; i < n; i += strip) {
		size_t len = n - i < strip ? n - i : strip;
		const float *v = load(bf16, x, i, len, room);

		for (size_t j = 0; j < len; j++) {
			float d = v[j] - shift[j];

			s[j] += d;
			q[j] += d * d;
		}
	}
}

/* Adds a strip's columns up to its channels. */
static void fold(size_t strip, size_t c, const float *s, float *out)
{
	memcpy(out, s, c * sizeof(*s));
	for (size_t i = c; i < strip; i += c)
		for (size_t j = 0; j < c; j++)
			out[j] += s[i + j];
}

void mea_map_sums(const struct mea_map *m, const void *x, const float *shift, float *partial)
{
	size_t c = (size_t)m->c, strip = strip_of(m), n = m->rows * c;
	float sh[STRIP_MAX];

	repeat(strip, c, shift, sh);
#pragma omp parallel for schedule(static)
	for (size_t b = 0; b < m->blocks; b++) {
		float s[STRIP_MAX], q[STRIP_MAX];

		memset(s, 0, strip * sizeof(*s));
		memset(q, 0, strip * sizeof(*q));
		sums_block(m->bf16, n, strip, at(m, x, b * n), sh, s, q);
		fold(strip, c, s, partial + b * 2 * c);
		fold(strip, c, q, partial + b * 2 * c + c);
	}
}

void mea_sum_partials(const float *partial, size_t blocks, int n, double *sum)
{
	for (int j = 0; j < n; j++)
		sum[j] = 0;
	for (size_t b = 0; b < blocks; b++)
		for (int j = 0; j < n; j++)
			sum[j] += partial[b * (size_t)n + (size_t)j];
}

/* --- forward --------------------------------------------------------------------- */

/* A NaN passes, so that it is seen. */
INLINE float clamp(float v, float lo, float hi)
{
	v = v < lo ? lo : v;
	return v > hi ? hi : v;
}

HOT static void affine_block(bool bf16, size_t n, size_t strip, const void *x, const float *scale,
			     const float *offset, float lo, float hi, const void *addend, void *out)
{
	float rx[STRIP_MAX], ra[STRIP_MAX], r[STRIP_MAX];

	for (size_t i = 0; i < n; i += strip) {
		size_t len = n - i < strip ? n - i : strip;
		const float *v = load(bf16, x, i, len, rx);

		if (addend) {
			const float *a = load(bf16, addend, i, len, ra);

			for (size_t j = 0; j < len; j++)
				r[j] = clamp(v[j] * scale[j] + offset[j] + a[j], lo, hi);
		} else {
			for (size_t j = 0; j < len; j++)
				r[j] = clamp(v[j] * scale[j] + offset[j], lo, hi);
		}
		store(bf16, out, i, len, r);
	}
}

void mea_map_affine(const struct mea_map *m, const void *x, const struct mea_affine *a,
		    const void *addend, void *out)
{
	size_t c = (size_t)m->c, strip = strip_of(m), n = m->rows * c;
	float scale[STRIP_MAX], offset[STRIP_MAX];

	repeat(strip, c, a->scale, scale);
	repeat(strip, c, a->offset, offset);
#pragma omp parallel for schedule(static)
	for (size_t b = 0; b < m->blocks; b++)
		affine_block(m->bf16, n, strip, at(m, x, b * n), scale, offset, a->lo, a->hi,
			     at(m, addend, b * n), at_mut(m, out, b * n));
}

/* --- backward of batch norm --------------------------------------------------------- */

struct strips {
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

/* The masked gradient of a strip, into r. */
INLINE void masked(bool bf16, size_t i, size_t len, const struct strips *s, const float *v,
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

HOT static void bn_sums_block(bool bf16, size_t n, size_t strip, const void *x,
			      const struct strips *s, const void *g1, const void *g2,
			      const void *out, void *dz, float *restrict sg, float *restrict sx)
{
	float rx[STRIP_MAX], r[STRIP_MAX];

	for (size_t i = 0; i < n; i += strip) {
		size_t len = n - i < strip ? n - i : strip;
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
	size_t c = (size_t)m->c, strip = strip_of(m), n = m->rows * c;
	struct strips s = {.lo = a->lo, .hi = a->hi};

	repeat(strip, c, a->scale, s.scale);
	repeat(strip, c, a->offset, s.offset);
	repeat(strip, c, mean, s.mean);
#pragma omp parallel for schedule(static)
	for (size_t b = 0; b < m->blocks; b++) {
		float sg[STRIP_MAX], sx[STRIP_MAX];

		memset(sg, 0, strip * sizeof(*sg));
		memset(sx, 0, strip * sizeof(*sx));
		bn_sums_block(m->bf16, n, strip, at(m, x, b * n), &s, at(m, g1, b * n),
			      at(m, g2, b * n), at(m, out, b * n), at_mut(m, dz, b * n), sg, sx);
		fold(strip, c, sg, partial + b * 2 * c);
		fold(strip, c, sx, partial + b * 2 * c + c);
	}
}

HOT static void bn_input_block(bool bf16, size_t n, size_t strip, const void *x,
			       const struct strips *s, bool mask, const void *g1, const void *g2,
			       void *dx)
{
	float rx[STRIP_MAX], r[STRIP_MAX];

	for (size_t i = 0; i < n; i += strip) {
		size_t len = n - i < strip ? n - i : strip;
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
	size_t c = (size_t)m->c, strip = strip_of(m), n = m->rows * c;
	struct strips s = {.lo = a->lo, .hi = a->hi};

	repeat(strip, c, a->scale, s.scale);
	repeat(strip, c, a->offset, s.offset);
	repeat(strip, c, kx, s.mean);
	repeat(strip, c, kg, s.kg);
	repeat(strip, c, k, s.k);
#pragma omp parallel for schedule(static)
	for (size_t b = 0; b < m->blocks; b++)
		bn_input_block(m->bf16, n, strip, at(m, x, b * n), &s, mask, at(m, g1, b * n),
			       at(m, g2, b * n), at_mut(m, dx, b * n));
}

/* --- plain ------------------------------------------------------------------------------ */

HOT static void add_block(bool bf16, size_t n, const void *a, const void *b, void *out)
{
	float ra[STRIP], rb[STRIP], r[STRIP];

	for (size_t i = 0; i < n; i += STRIP) {
		size_t len = n - i < STRIP ? n - i : STRIP;
		const float *u = load(bf16, a, i, len, ra), *v = load(bf16, b, i, len, rb);

		for (size_t j = 0; j < len; j++)
			r[j] = u[j] + v[j];
		store(bf16, out, i, len, r);
	}
}

void mea_map_add(const struct mea_map *m, const void *a, const void *b, void *out)
{
	size_t n = m->rows * (size_t)m->c;

#pragma omp parallel for schedule(static)
	for (size_t i = 0; i < m->blocks; i++)
		add_block(m->bf16, n, at(m, a, i * n), at(m, b, i * n), at_mut(m, out, i * n));
}

HOT static void clamp_grad_block(bool bf16, size_t n, const void *x, float lo, float hi,
				 const void *g, void *dx)
{
	float rx[STRIP], rg[STRIP], r[STRIP];

	for (size_t i = 0; i < n; i += STRIP) {
		size_t len = n - i < STRIP ? n - i : STRIP;
		const float *v = load(bf16, x, i, len, rx), *w = load(bf16, g, i, len, rg);

		for (size_t j = 0; j < len; j++)
			r[j] = v[j] > lo && v[j] < hi ? w[j] : 0.0f;
		store(bf16, dx, i, len, r);
	}
}

void mea_map_clamp_grad(const struct mea_map *m, const void *x, float lo, float hi, const void *g,
			void *dx)
{
	size_t n = m->rows * (size_t)m->c;

#pragma omp parallel for schedule(static)
	for (size_t i = 0; i < m->blocks; i++)
		clamp_grad_block(m->bf16, n, at(m, x, i * n), lo, hi, at(m, g, i * n),
				 at_mut(m, dx, i * n));
}

HOT void mea_widen(size_t n, const uint16_t *in, float *out)
{
	widen(n, in, out);
}

HOT void mea_narrow(size_t n, const float *in, uint16_t *out)
{
	narrow(n, in, out);
}
