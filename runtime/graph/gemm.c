// SPDX-License-Identifier: Apache-2.0
/* Float matrix product, in tiles of 4 x 16 that stay in registers. */
#include "graph/eval.h"

#define ROWS 4
#define COLS 16

#if defined(__GNUC__) && !defined(__clang__)
#define UNROLLED optimize("O3")
#else
#define UNROLLED
#endif

#define TILE_NAME  tile_16
#define TILE_BYTES 16
#define TILE_ATTR  __attribute__((UNROLLED))
#include "graph/gemm_tile.h"

#if defined(__x86_64__)
#define TILE_NAME  tile_32
#define TILE_BYTES 32
#define TILE_ATTR  __attribute__((target("avx2"), UNROLLED))
#include "graph/gemm_tile.h"

#define TILE_NAME  tile_64
#define TILE_BYTES 64
#define TILE_ATTR  __attribute__((target("avx512f"), UNROLLED))
#include "graph/gemm_tile.h"
#endif

typedef void (*tile_fn)(int rows, int inner, const float *a, size_t lda, const float *b, size_t ldb,
			float *out, size_t ldo);

static tile_fn choose_tile(void)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx512f"))
		return tile_64;
	if (__builtin_cpu_supports("avx2"))
		return tile_32;
#endif
	return tile_16;
}

/* What is left beside the tiles, with the same order of additions. */
static void element(int inner, const float *a, const float *b, size_t ldb, float *out)
{
	float s = *out;

	for (int k = 0; k < inner; k++)
		s += a[k] * b[(size_t)k * ldb];
	*out = s;
}

void mea_gemm_f32(int rows, int cols, int inner, const float *a, size_t lda, const float *b,
		  size_t ldb, float *out, size_t ldo)
{
	tile_fn tile = choose_tile();

	for (int r = 0; r < rows;) {
		int step = r + ROWS <= rows ? ROWS : 1, c = 0;

		for (; c + COLS <= cols; c += COLS)
			tile(step, inner, a, lda, b + c, ldb, out + c, ldo);
		for (; c < cols; c++)
			for (int i = 0; i < step; i++)
				element(inner, a + (size_t)i * lda, b + c, ldb,
					out + (size_t)i * ldo + c);
		r += step;
		a += (size_t)step * lda;
		out += (size_t)step * ldo;
	}
}
