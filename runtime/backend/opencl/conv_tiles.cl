// SPDX-License-Identifier: Apache-2.0
/*
 * Convolution on tile registers. A tile is up to 16 pixels of a row by up to 64 bytes
 * of their windows, read in place: consecutive pixels are a constant step apart.
 */
#if PATH == 2

#define TILE_M 16

/* One worker's sums: four tiles of up to 16 pixels by 16 channels. */
struct tiles {
	int sum[4][TILE_M * 16];
};

#define TILE_ZERO(n)	     __asm__ volatile("tilezero %%tmm" #n ::)
#define TILE_LOAD(n, p, pitch)                                                                     \
	__asm__ volatile("tileloadd (%0,%1,1), %%tmm" #n ::"r"(p), "r"((long)(pitch)) : "memory")
#define TILE_STORE(n, p)                                                                           \
	__asm__ volatile("tilestored %%tmm" #n ", (%0,%1,1)" ::"r"(p), "r"(64L) : "memory")
#define TILE_DOT(c, a, b)                                                                          \
	__asm__ volatile("tdpbusd %%tmm" #b ", %%tmm" #a ", %%tmm" #c ::)

/* First pixel of tile number u. */
static int2 tile_start(const global struct mea_cl_layer *l, int u)
{
	int y = u / l->row_tiles, x = (u - y * l->row_tiles) * l->tile;

	return (int2)(y, min(x, l->out_w - l->tile));
}

static bytes_in window(const global struct mea_cl_layer *l, bytes_in x, int2 at)
{
	return x + (long)(at.x * l->sh - l->pt) * l->in.row + (at.y * l->sw - l->pl) * l->in.pix;
}

static void tile_finish(const global struct mea_cl_layer *l, const struct end *e, const int *sum,
			int2 pixel, const global int *p, bytes_in r, bytes_out y)
{
	float16 scale = as_float16(LOAD_INTS(p + 16));
	long y_step = l->out.pix, r_step = l->in2.pix;
	int16 bias = LOAD_INTS(p);
	int n = l->tile;

	y += (long)pixel.x * l->out.row + pixel.y * l->out.pix;
	if (l->has_in2)
		r += (long)pixel.x * l->in2.row + pixel.y * l->in2.pix;
	for (int m = 0; m < n; m++, y += y_step, r += r_step)
		finish(l, e, *(const ints *)(sum + 16 * m) + bias, scale, p, 1, r, y);
}

/* Four tiles of pixels (a, b, c, d) by one block. */
static void conv_4x1(const global struct mea_cl_layer *l, const bytes_in x[4], bytes_in w,
		     struct tiles *t)
{
	long pitch = l->in.pix * l->sw, row = l->in.row;

	TILE_ZERO(0);
	TILE_ZERO(1);
	TILE_ZERO(2);
	TILE_ZERO(3);
	for (int ky = 0; ky < l->kh; ky++) {
		long at = ky * row;

		for (int k = 0; k < l->chunks; k++, at += l->chunk, w += l->chunk * 16) {
			TILE_LOAD(6, w, 64);
			TILE_LOAD(4, x[0] + at, pitch);
			TILE_DOT(0, 4, 6);
			TILE_LOAD(5, x[1] + at, pitch);
			TILE_DOT(1, 5, 6);
			TILE_LOAD(4, x[2] + at, pitch);
			TILE_DOT(2, 4, 6);
			TILE_LOAD(5, x[3] + at, pitch);
			TILE_DOT(3, 5, 6);
		}
	}
	TILE_STORE(0, t->sum[0]);
	TILE_STORE(1, t->sum[1]);
	TILE_STORE(2, t->sum[2]);
	TILE_STORE(3, t->sum[3]);
}

/* Two tiles of pixels by two blocks, whose weights lie next bytes apart. */
static void conv_2x2(const global struct mea_cl_layer *l, const bytes_in x[4], bytes_in w,
		     long next, struct tiles *t)
{
	long pitch = l->in.pix * l->sw, row = l->in.row;

	TILE_ZERO(0);
	TILE_ZERO(1);
	TILE_ZERO(2);
	TILE_ZERO(3);
	for (int ky = 0; ky < l->kh; ky++) {
		long at = ky * row;

		for (int k = 0; k < l->chunks; k++, at += l->chunk, w += l->chunk * 16) {
			TILE_LOAD(6, w, 64);
			TILE_LOAD(4, x[0] + at, pitch);
			TILE_DOT(0, 4, 6);
			TILE_LOAD(7, w + next, 64);
			TILE_DOT(1, 4, 7);
			TILE_LOAD(5, x[1] + at, pitch);
			TILE_DOT(2, 5, 6);
			TILE_DOT(3, 5, 7);
		}
	}
	TILE_STORE(0, t->sum[0]);
	TILE_STORE(1, t->sum[1]);
	TILE_STORE(2, t->sum[2]);
	TILE_STORE(3, t->sum[3]);
}

static void conv(const global struct mea_cl_layer *l, const struct spaces *s, bytes_in constants,
		 int from, int to)
{
	bytes_in x = at(s, &l->in), r = l->has_in2 ? at(s, &l->in2) : x, win[4];
	bytes_out y = at(s, &l->out);
	long block = (long)l->kh * l->chunks * l->chunk * 16;
	struct end e = end_of(l);
	struct tiles t;
	int2 pixel[4];

	__asm__ volatile("ldtilecfg (%0)" ::"r"(constants + l->config) : "memory");
	for (int b = 0; b < l->blocks;) {
		int wide = b + 1 < l->blocks, step = wide ? 2 : 4;
		bytes_in w = constants + l->weights + b * block;
		const global int *p = (const global int *)(constants + l->params) + b * 64;

		for (int u = from; u < to; u += step) {
			for (int i = 0; i < 4; i++) {
				pixel[i] = tile_start(l, min(u + i, to - 1));
				win[i] = window(l, x, pixel[i]);
			}
			if (wide)
				conv_2x2(l, win, w, block, &t);
			else
				conv_4x1(l, win, w, &t);
			for (int i = 0; i < 4; i++) {
				int tile = wide ? i / 2 : i, c = wide ? i % 2 : 0;

				if (u + tile < to)
					tile_finish(l, &e, t.sum[i], pixel[tile], p + 64 * c,
						    r + (b + c) * 16, y + (b + c) * 16);
			}
		}
		b += wide ? 2 : 1;
	}
}

#endif
