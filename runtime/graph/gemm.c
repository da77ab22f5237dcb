// SPDX-License-Identifier: Apache-2.0
/* Float matrix product, in tiles of 4 x 16 that stay in registers. */
#include "graph/eval.h"
#include "graph/hot.h"

#define ROWS 4
#define COLS 16

/* Sixteen floats side by side at any address; one sum each, so that the order
 * of additions is the same whatever the vector length of the CPU. */
typedef float v16 __attribute__((vector_size(64), aligned(4), may_alias));

static inline v16 *vec(float *p)
{
	return (v16 *)p;
}

HOT static void tile4(int inner, const float *a, size_t lda, const float *b, size_t ldb, float *out,
		      size_t ldo)
{
	v16 s0 = *vec(out), s1 = *vec(out + ldo), s2 = *vec(out + 2 * ldo),
	    s3 = *vec(out + 3 * ldo);

	for (int k = 0; k < inner; k++, b += ldb) {
		v16 x = *(const v16 *)b;

		s0 += a[k] * x;
		s1 += a[lda + k] * x;
		s2 += a[2 * lda + k] * x;
		s3 += a[3 * lda + k] * x;
	}
	*vec(out) = s0;
	*vec(out + ldo) = s1;
	*vec(out + 2 * ldo) = s2;
	*vec(out + 3 * ldo) = s3;
}

HOT static void tile1(int inner, const float *a, const float *b, size_t ldb, float *out)
{
	v16 s = *vec(out);

	for (int k = 0; k < inner; k++, b += ldb)
		s += a[k] * *(const v16 *)b;
	*vec(out) = s;
}

static void element(int inner, const float *a, const float *b, size_t ldb, float *out)
{
	float s = *out;

	for (int k = 0; k < inner; k++)
		s += a[k] * b[k * ldb];
	*out = s;
}

void mea_gemm_f32(int rows, int cols, int inner, const float *a, size_t lda, const float *b,
		  size_t ldb, float *out, size_t ldo)
{
	for (int r = 0; r < rows; r++, a += lda, out += ldo) {
		bool four = r + ROWS <= rows;
		int c = 0;

		for (; c + COLS <= cols; c += COLS) {
			if (four)
				tile4(inner, a, lda, b + c, ldb, out + c, ldo);
			else
				tile1(inner, a, b + c, ldb, out + c);
		}
		for (; c < cols; c++)
			for (int i = 0; i < (four ? ROWS : 1); i++)
				element(inner, a + i * lda, b + c, ldb, out + i * ldo + c);
		if (four) {
			r += ROWS - 1;
			a += (ROWS - 1) * lda;
			out += (ROWS - 1) * ldo;
		}
	}
}
