/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One tile of the product, included by gemm.c once per vector length: TILE_NAME is
 * the function, TILE_BYTES the length, TILE_ATTR what lets the compiler use it.
 * Each column is a sum of its own, so the order of additions, and with it every
 * bit of the result, is the same for all lengths. No guard: included repeatedly.
 */

#define TILE_PASTE_(a, b) a##b
#define TILE_PASTE(a, b)  TILE_PASTE_(a, b)
#define TILE_VEC	  TILE_PASTE(TILE_NAME, _vec)
#define TILE_N		  (COLS * (int)sizeof(float) / TILE_BYTES)

typedef float TILE_VEC __attribute__((vector_size(TILE_BYTES), aligned(4), may_alias));

/* rows (4, or 1) x 16 of out from inner steps. */
TILE_ATTR static void TILE_NAME(int rows, int inner, const float *a, size_t lda, const float *b,
				size_t ldb, float *out, size_t ldo)
{
	TILE_VEC s[ROWS][TILE_N], x[TILE_N];

	if (rows == 1)
		lda = ldo = 0; /* the same row four times over, to the same place */
	for (int r = 0; r < ROWS; r++)
		for (int i = 0; i < TILE_N; i++)
			s[r][i] = ((const TILE_VEC *)(out + (size_t)r * ldo))[i];
	for (int k = 0; k < inner; k++, b += ldb) {
		for (int i = 0; i < TILE_N; i++)
			x[i] = ((const TILE_VEC *)b)[i];
		for (int r = 0; r < ROWS; r++)
			for (int i = 0; i < TILE_N; i++)
				s[r][i] += a[(size_t)r * lda + (size_t)k] * x[i];
	}
	for (int r = 0; r < ROWS; r++)
		for (int i = 0; i < TILE_N; i++)
			((TILE_VEC *)(out + (size_t)r * ldo))[i] = s[r][i];
}

#undef TILE_NAME
#undef TILE_BYTES
#undef TILE_ATTR
#undef TILE_VEC
#undef TILE_N
#undef TILE_PASTE
#undef TILE_PASTE_
