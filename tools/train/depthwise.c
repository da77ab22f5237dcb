// SPDX-License-Identifier: Apache-2.0
/*
 * A channel block, as wide as a register, walks along a row: of the three columns that a pixel
 * needs two are in registers already. The last block of a map whose channels are no whole number
 * of blocks overlaps the one before it, and writes the same once more. Packed weights, and the
 * sums of their gradient, are [block][9][LANES].
 */
#include "train/depthwise.h"

#include <stdint.h>
#include <string.h>

#define LANES 16
/* A gradient's partial sums are those of the images of one of so many groups. */
#define GROUPS 16
/* Narrower maps are oneDNN's: weights and sums go in and out of the registers for every row. */
#define WIDE 16

static size_t block_at(const struct mea_depthwise *d, int block)
{
	int ch = block * LANES;

	return (size_t)(ch + LANES > d->c ? d->c - LANES : ch);
}

static int blocks_of(const struct mea_depthwise *d)
{
	return (d->c + LANES - 1) / LANES;
}

size_t mea_depthwise_packed(const struct mea_depthwise *d)
{
	return (size_t)blocks_of(d) * 9 * LANES;
}

size_t mea_depthwise_sums(const struct mea_depthwise *d)
{
	return mea_depthwise_packed(d) * GROUPS;
}

void mea_depthwise_pack(const struct mea_depthwise *d, const float *weights, float *packed)
{
	for (int b = 0; b < blocks_of(d); b++)
		for (size_t k = 0; k < 9; k++)
			for (size_t l = 0; l < LANES; l++)
				*packed++ = weights[(block_at(d, b) + l) * 9 + k];
}

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16"), optimize("O3")))
#define INLINE static inline __attribute__((always_inline)) AVX512

bool mea_depthwise_fast(const struct mea_depthwise *d)
{
	return d->c >= LANES && d->w >= WIDE && __builtin_cpu_supports("avx512f") &&
	       __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
	       __builtin_cpu_supports("avx512bf16");
}

/* LANES elements from i on, or zeros without touching memory. */
INLINE __m512 load(bool bf16, const void *p, size_t i, bool there)
{
	__mmask16 m = there ? 0xffff : 0;

	if (!bf16)
		return _mm512_maskz_loadu_ps(m, (const float *)p + i);
	return _mm512_castsi512_ps(_mm512_slli_epi32(
		_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(m, (const uint16_t *)p + i)), 16));
}

INLINE void store(bool bf16, void *p, size_t i, __m512 v)
{
	if (bf16)
		_mm256_storeu_si256((__m256i *)((uint16_t *)p + i), (__m256i)_mm512_cvtneps_pbh(v));
	else
		_mm512_storeu_ps((float *)p + i, v);
}

/* Rows y - 1, y, y + 1 of a map; zeros outside. */
struct rows {
	const void *map;
	size_t at[3];
	bool there[3];
};

INLINE struct rows rows_around(const struct mea_depthwise *d, const void *map, size_t image, int y)
{
	size_t row = (size_t)d->w * (size_t)d->c;
	struct rows r = {.map = map};

	for (int k = 0; k < 3; k++) {
		r.there[k] = y + k > 0 && y + k <= d->h;
		r.at[k] = r.there[k] ? ((size_t)d->h * image + (size_t)(y + k - 1)) * row : 0;
	}
	return r;
}

/* The three pixels from element i of each row on. */
INLINE void column(bool bf16, const struct rows *r, size_t i, __m512 v[3])
{
	for (int k = 0; k < 3; k++)
		v[k] = load(bf16, r->map, r->at[k] + i, r->there[k]);
}

/* Row y comes in order before it is needed: blocks jump, which no prefetcher foresees. */
INLINE void fetch_row(const struct mea_depthwise *d, bool write, const void *map, size_t image,
		      int y)
{
	size_t bytes = (size_t)d->w * (size_t)d->c * (d->bf16 ? 2 : 4);
	const char *p = (const char *)map + ((size_t)d->h * image + (size_t)y) * bytes;

	for (size_t i = 0; y < d->h && i < bytes; i += 64)
		__builtin_prefetch(p + i, write);
}

/* --- forward ---------------------------------------------------------------------- */

/* sum + kernel column kx times a column of pixels. */
INLINE __m512 plus(__m512 sum, const __m512 w[9], int kx, const __m512 v[3])
{
	for (int ky = 0; ky < 3; ky++)
		sum = _mm512_fmadd_ps(w[3 * ky + kx], v[ky], sum);
	return sum;
}

INLINE void forward_row(const struct mea_depthwise *d, bool bf16, const float *packed,
			const void *src, void *dst, size_t image, int y)
{
	struct rows r = rows_around(d, src, image, y);
	size_t c = (size_t)d->c, out = ((size_t)d->h * image + (size_t)y) * (size_t)d->w * c;

	for (int b = 0; b < blocks_of(d); b++) {
		size_t i = block_at(d, b);
		/* one, two: the sums of outputs that have one, two kernel columns */
		__m512 w[9], v[3], one, two, zero = _mm512_setzero_ps();

		for (int k = 0; k < 9; k++)
			w[k] = _mm512_loadu_ps(packed + (b * 9 + k) * LANES);
		column(bf16, &r, i, v);
		two = plus(zero, w, 1, v);
		one = plus(zero, w, 0, v);
		for (int x = 1; x < d->w; x++) {
			column(bf16, &r, i + c, v);
			store(bf16, dst, out + i, plus(two, w, 2, v));
			two = plus(one, w, 1, v);
			one = plus(zero, w, 0, v);
			i += c;
		}
		store(bf16, dst, out + i, two);
	}
}

AVX512 static void forward_image(const struct mea_depthwise *d, const float *packed,
				 const void *src, void *dst, size_t image)
{
	for (int y = 0; y < d->h; y++) {
		fetch_row(d, false, src, image, y + 2);
		if (d->bf16)
			forward_row(d, true, packed, src, dst, image, y);
		else
			forward_row(d, false, packed, src, dst, image, y);
	}
}

void mea_depthwise_forward(const struct mea_depthwise *d, const float *packed, const void *src,
			   void *dst)
{
#pragma omp parallel for schedule(static)
	for (int i = 0; i < d->n; i++)
		forward_image(d, packed, src, dst, (size_t)i);
}

/* --- backward --------------------------------------------------------------------- */

/* Three columns of the output's gradient around a pixel. */
struct window {
	__m512 left[3], here[3], right[3];
};

/*
 * Of input pixel (y, x): dx is the sum over the kernel of w[ky][kx] g[y + 1 - ky][x + 1 - kx],
 * and dw[ky][kx], in s, takes x times the same g. g moves on by a column.
 */
INLINE void backward_pixel(bool bf16, const __m512 w[9], __m512 s[9], struct window *g, __m512 x,
			   void *dsrc, size_t i)
{
	__m512 dx[3];

	for (int k = 0; k < 3; k++) {
		int row = 3 * (2 - k);

		s[row] = _mm512_fmadd_ps(x, g->right[k], s[row]);
		s[row + 1] = _mm512_fmadd_ps(x, g->here[k], s[row + 1]);
		s[row + 2] = _mm512_fmadd_ps(x, g->left[k], s[row + 2]);
		dx[k] = _mm512_mul_ps(w[row], g->right[k]);
		dx[k] = _mm512_fmadd_ps(w[row + 1], g->here[k], dx[k]);
		dx[k] = _mm512_fmadd_ps(w[row + 2], g->left[k], dx[k]);
		g->left[k] = g->here[k];
		g->here[k] = g->right[k];
	}
	if (dsrc)
		store(bf16, dsrc, i, _mm512_add_ps(_mm512_add_ps(dx[0], dx[1]), dx[2]));
}

/* What sum holds goes on. */
INLINE void backward_row(const struct mea_depthwise *d, bool bf16, const float *packed,
			 const void *src, const void *ddst, void *dsrc, float *sum, size_t image,
			 int y)
{
	struct rows r = rows_around(d, ddst, image, y);
	size_t c = (size_t)d->c, at = ((size_t)d->h * image + (size_t)y) * (size_t)d->w * c;

	for (int b = 0; b < blocks_of(d); b++) {
		size_t i = block_at(d, b);
		struct window g;
		__m512 w[9], s[9];

		for (int k = 0; k < 9; k++) {
			w[k] = _mm512_loadu_ps(packed + (b * 9 + k) * LANES);
			s[k] = _mm512_loadu_ps(sum + (b * 9 + k) * LANES);
		}
		for (int k = 0; k < 3; k++)
			g.left[k] = _mm512_setzero_ps();
		column(bf16, &r, i, g.here);
		for (int x = 1; x < d->w; x++) {
			column(bf16, &r, i + c, g.right);
			backward_pixel(bf16, w, s, &g, load(bf16, src, at + i, true), dsrc, at + i);
			i += c;
		}
		for (int k = 0; k < 3; k++)
			g.right[k] = _mm512_setzero_ps();
		backward_pixel(bf16, w, s, &g, load(bf16, src, at + i, true), dsrc, at + i);
		for (int k = 0; k < 9; k++)
			_mm512_storeu_ps(sum + (b * 9 + k) * LANES, s[k]);
	}
}

AVX512 static void backward_image(const struct mea_depthwise *d, const float *packed,
				  const void *src, const void *ddst, void *dsrc, float *sum,
				  size_t image)
{
	for (int y = 0; y < d->h; y++) {
		fetch_row(d, false, ddst, image, y + 2);
		fetch_row(d, false, src, image, y + 1);
		if (dsrc)
			fetch_row(d, true, dsrc, image, y + 1);
		if (d->bf16)
			backward_row(d, true, packed, src, ddst, dsrc, sum, image, y);
		else
			backward_row(d, false, packed, src, ddst, dsrc, sum, image, y);
	}
}

void mea_depthwise_backward(const struct mea_depthwise *d, const float *packed, const void *src,
			    const void *ddst, void *dsrc, float *dw, float *sums)
{
	size_t n = mea_depthwise_packed(d);

	memset(sums, 0, n * GROUPS * sizeof(*sums));
#pragma omp parallel for schedule(static)
	for (int g = 0; g < GROUPS; g++)
		for (int i = g * d->n / GROUPS; i < (g + 1) * d->n / GROUPS; i++)
			backward_image(d, packed, src, ddst, dsrc, sums + (size_t)g * n, (size_t)i);
	for (size_t g = 1; g < GROUPS; g++)
		for (size_t i = 0; i < n; i++)
			sums[i] += sums[g * n + i];
	for (int b = 0; b < blocks_of(d); b++)
		for (size_t k = 0; k < 9; k++)
			for (size_t l = 0; l < LANES; l++)
				dw[(block_at(d, b) + l) * 9 + k] = *sums++;
}
#else

bool mea_depthwise_fast(const struct mea_depthwise *d)
{
	(void)d;
	return false;
}

/* Nobody calls these where they are not fast. */
void mea_depthwise_forward(const struct mea_depthwise *d, const float *packed, const void *src,
			   void *dst)
{
	(void)d, (void)packed, (void)src, (void)dst;
}

void mea_depthwise_backward(const struct mea_depthwise *d, const float *packed, const void *src,
			    const void *ddst, void *dsrc, float *dw, float *sums)
{
	(void)d, (void)packed, (void)src, (void)ddst, (void)dsrc, (void)dw, (void)sums;
}

#endif
