// SPDX-License-Identifier: Apache-2.0
#include "train/kernels_int.h"

/* --- sums ---------------------------------------------------------------------- */

HOT static void sums_block(bool bf16, size_t n, size_t span, const void *x, const float *shift,
			   float *restrict s, float *restrict q)
{
	float room[STRIP_MAX];

	for (size_t i = 0; i < n; i += span) {
		size_t len = n - i < span ? n - i : span;
		const float *v = load(bf16, x, i, len, room);

		for (size_t j = 0; j < len; j++) {
			float d = v[j] - shift[j];

			s[j] += d;
			q[j] += d * d;
		}
	}
}

void mea_map_sums(const struct mea_map *m, const void *x, const float *shift, float *partial)
{
	size_t c = (size_t)m->c, span = span_of(m), n = m->rows * c;
	float sh[STRIP_MAX];

	repeat(span, c, shift, sh);
#pragma omp parallel for schedule(static)
	for (size_t b = 0; b < m->blocks; b++) {
		float s[STRIP_MAX], q[STRIP_MAX];

		memset(s, 0, span * sizeof(*s));
		memset(q, 0, span * sizeof(*q));
		sums_block(m->bf16, n, span, at(m, x, b * n), sh, s, q);
		fold(span, c, s, partial + b * 2 * c);
		fold(span, c, q, partial + b * 2 * c + c);
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

HOT static void affine_block(bool bf16, size_t n, size_t span, const void *x, const float *scale,
			     const float *offset, float lo, float hi, const void *addend, void *out)
{
	float rx[STRIP_MAX], ra[STRIP_MAX], r[STRIP_MAX];

	for (size_t i = 0; i < n; i += span) {
		size_t len = n - i < span ? n - i : span;
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
	size_t c = (size_t)m->c, span = span_of(m), n = m->rows * c;
	float scale[STRIP_MAX], offset[STRIP_MAX];

	repeat(span, c, a->scale, scale);
	repeat(span, c, a->offset, offset);
#pragma omp parallel for schedule(static)
	for (size_t b = 0; b < m->blocks; b++)
		affine_block(m->bf16, n, span, at(m, x, b * n), scale, offset, a->lo, a->hi,
			     at(m, addend, b * n), at_mut(m, out, b * n));
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
