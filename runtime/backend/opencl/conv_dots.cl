// SPDX-License-Identifier: Apache-2.0
/*
 * Convolution by vpdpbusd: four input channels a step, their bytes the same in all
 * lanes, by 16 output channels. A pixel group is 7 or 8 pixels by one or two blocks of
 * channels, or 16 pixels of a row by one.
 */
#if VARIANT == 1

/* Weights that stay in the first cache while group after group is multiplied by them. */
#define NEAR_BYTES (24 << 10)

#define SPREAD(p)  ((int16)(*(const global int *)(p)))

#define EACH8(M)   M(0) M(1) M(2) M(3) M(4) M(5) M(6) M(7)
#define EACH16(M)  EACH8(M) M(8) M(9) M(10) M(11) M(12) M(13) M(14) M(15)

/* Offsets of eight pixels, the last repeated where fewer are left. */
struct eight {
	int in[8], in2[8], out[8];
};

static struct eight eight_from(const global struct mea_cl_layer *l, int n, int pixels)
{
	int y = n / l->out_w, x = n - y * l->out_w, step = l->sw * l->in.pix;
	int in = (y * l->sh - l->pt) * l->in.row + x * step - l->pl * l->in.pix;
	int in2 = y * l->in2.row + x * l->in2.pix, out = y * l->out.row + x * l->out.pix;
	struct eight o;

	if (x + 8 <= l->out_w) {
		for (int i = 0; i < 8; i++) {
			o.in[i] = in + i * step;
			o.in2[i] = in2 + i * l->in2.pix;
			o.out[i] = out + i * l->out.pix;
		}
		return o;
	}
	for (int i = 0; i < 8; i++) {
		o.in[i] = in;
		o.in2[i] = in2;
		o.out[i] = out;
		if (++n >= pixels)
			continue;
		in += step;
		in2 += l->in2.pix;
		out += l->out.pix;
		if (++x == l->out_w) {
			x = 0;
			in += l->sh * l->in.row - l->out_w * step;
			in2 += l->in2.row - l->out_w * l->in2.pix;
			out += l->out.row - l->out_w * l->out.pix;
		}
	}
	return o;
}

/* --- ends ------------------------------------------------------------------------ */

/*
 * Computes those of a pixel group's n sums again for which float could not tell: of each pixel
 * so many blocks, p the first one's parameters. ro, yo: offsets of the pixels from r, y.
 */
static void __attribute__((noinline))
exact_group(const global struct mea_cl_layer *l, const int16 *sum, int n, int blocks,
	    const global int *p, bytes_in r, const int *ro, bytes_out y, const int *yo)
{
	struct quad_end e = quad_end_of(l);

	for (int i = 0; i < n; i++) {
		int pixel = i / blocks, b = i % blocks;
		const global int *pb = p + b * 64;
		bytes_in ri = r + ro[pixel] + b * 16;
		int16 low = LOAD_INTS(pb + 16), doubt = 0;

		if (l->has_in2)
			rescale_add(&e, sum[i], low, ri, &doubt);
		else
			rescale(&e, sum[i], low, &doubt);
		if (any_bit(doubt))
			exact_block(l, sum[i], pb, 1, ri, y + yo[pixel] + b * 16);
	}
}

/* Four pixels of a block; together: their bytes lie side by side. */
static inline __attribute__((always_inline)) void end_4x1(const struct quad_end *e,
							  const struct quad *q, const global int *p,
							  const bytes_in r[4], const bytes_out y[4],
							  bool together, int16 *doubt)
{
	int16 one = LOAD_INTS(p + 16);
	struct quad low = {one, one, one, one};
	int16 v = in_order(end_quad(e, q, &low, r, doubt));

	if (together) {
		STORE_64(y[0], v);
	} else {
		STORE_16(y[0], v.lo.lo);
		STORE_16(y[1], v.lo.hi);
		STORE_16(y[2], v.hi.lo);
		STORE_16(y[3], v.hi.hi);
	}
}

/* Two pixels of a block, p, and the next one. */
static inline __attribute__((always_inline)) void end_2x2(const struct quad_end *e,
							  const struct quad *q, const global int *p,
							  bytes_in r0, bytes_in r1, bytes_out y0,
							  bytes_out y1, int16 *doubt)
{
	bytes_in r[4] = {r0, r0 + 16, r1, r1 + 16};
	int16 low0 = LOAD_INTS(p + 16), low1 = LOAD_INTS(p + 80);
	struct quad low = {low0, low1, low0, low1};
	int16 v = in_order(end_quad(e, q, &low, r, doubt));

	STORE_32(y0, v.lo);
	STORE_32(y1, v.hi);
}

/* --- pixel groups ---------------------------------------------------------------- */

#define START_A(i)  int16 a##i = bias_a;
#define START_AB(i) int16 a##i = bias_a, b##i = bias_b;
#define DOT_A(i)                                                                                   \
	{                                                                                          \
		int16 v = SPREAD(line + o->in[i] + k);                                             \
		DOT(a##i, v, wa);                                                                  \
	}
#define DOT_AB(i)                                                                                  \
	if (i < pixels) {                                                                          \
		int16 v = SPREAD(line + o->in[i] + k);                                             \
		DOT(a##i, v, wa);                                                                  \
		DOT(b##i, v, wb);                                                                  \
	}
#define END_A(i, j, m, n)                                                                          \
	{                                                                                          \
		struct quad q = {a##i, a##j, a##m, a##n};                                          \
		bytes_in rs[4] = {r + o->in2[i], r + o->in2[j], r + o->in2[m], r + o->in2[n]};     \
		bytes_out ys[4] = {y + o->out[i], y + o->out[j], y + o->out[m], y + o->out[n]};    \
                                                                                                   \
		end_4x1(e, &q, p, rs, ys, false, &doubt);                                          \
	}
#define END_AB(i, j)                                                                               \
	{                                                                                          \
		struct quad q = {a##i, b##i, a##j, b##j};                                          \
                                                                                                   \
		end_2x2(e, &q, p, r + o->in2[i], r + o->in2[j], y + o->out[i], y + o->out[j],      \
			&doubt);                                                                   \
	}

#define SUM_A(i)  a##i,
#define SUM_AB(i) a##i, b##i,

/* x, r, y: where the offsets start; w: a block's weights, p its parameters. */
static void conv_8x1(const global struct mea_cl_layer *l, const struct quad_end *e,
		     const struct eight *o, bytes_in x, bytes_in w, const global int *p, bytes_in r,
		     bytes_out y)
{
	int16 bias_a = LOAD_INTS(p), doubt = 0;
	int n = l->kw * l->in.pix;

	EACH8(START_A)
	for (int ky = 0; ky < l->kh; ky++) {
		bytes_in line = x + (long)ky * l->in.row;

		for (int k = 0; k < n; k += 4, w += 64) {
			int16 wa = LOAD_INTS(w);

			EACH8(DOT_A)
		}
	}
	END_A(0, 1, 2, 3)
	END_A(4, 5, 6, 7)
	if (any_bit(doubt)) {
		int16 sum[] = {EACH8(SUM_A)};

		exact_group(l, sum, 8, 1, p, r, o->in2, y, o->out);
	}
}

/* Seven or eight pixels; next: bytes from a block's weights to the next one's. */
static inline __attribute__((always_inline)) void
conv_x2(const global struct mea_cl_layer *l, const struct quad_end *e, const struct eight *o,
	int pixels, bytes_in x, bytes_in w, long next, const global int *p, bytes_in r, bytes_out y)
{
	int16 bias_a = LOAD_INTS(p), bias_b = LOAD_INTS(p + 64), doubt = 0;
	int n = l->kw * l->in.pix;

	EACH8(START_AB)
	for (int ky = 0; ky < l->kh; ky++) {
		bytes_in line = x + (long)ky * l->in.row;

		for (int k = 0; k < n; k += 4, w += 64) {
			int16 wa = LOAD_INTS(w), wb = LOAD_INTS(w + next);

			EACH8(DOT_AB)
		}
	}
	END_AB(0, 1)
	END_AB(2, 3)
	END_AB(4, 5)
	if (pixels == 7)
		END_AB(5, 6)
	else
		END_AB(6, 7)
	if (any_bit(doubt)) {
		int16 sum[] = {EACH8(SUM_AB)};

		exact_group(l, sum, 2 * pixels, 2, p, r, o->in2, y, o->out);
	}
}

#define DOT_3(i, a, b, c)                                                                          \
	{                                                                                          \
		int16 v = SPREAD(line + i * pix);                                                  \
		DOT(a, v, w2);                                                                     \
		DOT(b, v, w1);                                                                     \
		DOT(c, v, w0);                                                                     \
	}
#define ENDS_A(i, j, m, n)                                                                         \
	{                                                                                          \
		struct quad q = {a##i, a##j, a##m, a##n};                                          \
		bytes_in rs[4] = {r + i * ro, r + j * ro, r + m * ro, r + n * ro};                 \
		bytes_out ys[4] = {y + i * yo, y + j * yo, y + m * yo, y + n * yo};                \
                                                                                                   \
		end_4x1(e, &q, p, rs, ys, true, &doubt);                                           \
	}

/*
 * 16 pixels side by side, a kernel of width 3 and stride 1: every pixel of a line is
 * loaded once for the three sums that it is in. All of out's channels are this block, so
 * its pixels lie side by side. x: the first pixel's window.
 */
static void conv_16x1(const global struct mea_cl_layer *l, const struct quad_end *e, bytes_in x,
		      bytes_in w, const global int *p, bytes_in r, bytes_out y)
{
	long pix = l->in.pix, ro = l->in2.pix, yo = l->out.pix;
	int16 bias_a = LOAD_INTS(p), doubt = 0;

	EACH16(START_A)
	for (int ky = 0; ky < l->kh; ky++, x += l->in.row, w += 48 * pix) {
		for (int k = 0; k < pix; k += 4) {
			bytes_in line = x + k, wk = w + 16 * k;
			int16 w0 = LOAD_INTS(wk), w1 = LOAD_INTS(wk + 16 * pix);
			int16 w2 = LOAD_INTS(wk + 32 * pix), v = SPREAD(line);

			DOT(a0, v, w0);
			v = SPREAD(line + pix);
			DOT(a0, v, w1);
			DOT(a1, v, w0);
			DOT_3(2, a0, a1, a2)
			DOT_3(3, a1, a2, a3)
			DOT_3(4, a2, a3, a4)
			DOT_3(5, a3, a4, a5)
			DOT_3(6, a4, a5, a6)
			DOT_3(7, a5, a6, a7)
			DOT_3(8, a6, a7, a8)
			DOT_3(9, a7, a8, a9)
			DOT_3(10, a8, a9, a10)
			DOT_3(11, a9, a10, a11)
			DOT_3(12, a10, a11, a12)
			DOT_3(13, a11, a12, a13)
			DOT_3(14, a12, a13, a14)
			DOT_3(15, a13, a14, a15)
			v = SPREAD(line + 16 * pix);
			DOT(a14, v, w2);
			DOT(a15, v, w1);
			v = SPREAD(line + 17 * pix);
			DOT(a15, v, w2);
		}
	}
	ENDS_A(0, 1, 2, 3)
	ENDS_A(4, 5, 6, 7)
	ENDS_A(8, 9, 10, 11)
	ENDS_A(12, 13, 14, 15)
	if (any_bit(doubt)) {
		int16 sum[] = {EACH16(SUM_A)};
		int r_at[16], y_at[16];

		for (int i = 0; i < 16; i++) {
			r_at[i] = i * ro;
			y_at[i] = i * yo;
		}
		exact_group(l, sum, 16, 1, p, r, r_at, y, y_at);
	}
}

/* --- layers ---------------------------------------------------------------------- */

/* Pixel groups of rows; the last of a row overlaps the one before. */
static void conv_rows(const global struct mea_cl_layer *l, const struct quad_end *e, bytes_in x,
		      bytes_in w, const global int *p, bytes_in r, bytes_out y, int from, int to)
{
	for (int u = from; u < to; u++) {
		int oy = u / l->row_groups, t = u - oy * l->row_groups;
		int ox = min(t * l->group_pixels, l->out_w - l->group_pixels);

		conv_16x1(l, e,
			  x + (long)(oy * l->sh - l->pt) * l->in.row + (ox - l->pl) * l->in.pix, w,
			  p, r + (long)oy * l->in2.row + ox * l->in2.pix,
			  y + (long)oy * l->out.row + ox * l->out.pix);
	}
}

/* So many blocks for pixel groups from .. to; x, w, p, r, y as for one. */
static void conv_blocks(const global struct mea_cl_layer *l, const struct quad_end *e, bytes_in x,
			bytes_in w, const global int *p, bytes_in r, bytes_out y, int blocks,
			int from, int to)
{
	long block = (long)l->kh * l->kw * l->in.pix * 16;

	for (int u = from; u < to; u++) {
		struct eight o = eight_from(l, u * l->group_pixels, l->out_h * l->out_w);
		int b = 0;

		if (l->group_pixels == 7)
			for (; b + 1 < blocks; b += 2)
				conv_x2(l, e, &o, 7, x, w + b * block, block, p + b * 64,
					r + b * 16, y + b * 16);
		else
			for (; b + 1 < blocks; b += 2)
				conv_x2(l, e, &o, 8, x, w + b * block, block, p + b * 64,
					r + b * 16, y + b * 16);
		if (b < blocks)
			conv_8x1(l, e, &o, x, w + b * block, p + b * 64, r + b * 16, y + b * 16);
	}
}

static void conv(const global struct mea_cl_layer *l, const struct spaces *s, bytes_in constants,
		 int from, int to, int *config)
{
	bytes_in x = at(s, &l->in), r = l->has_in2 ? at(s, &l->in2) : x;
	bytes_out y = at(s, &l->out);
	bytes_in w = constants + l->weights;
	const global int *p = (const global int *)(constants + l->params);
	long block = (long)l->kh * l->kw * l->in.pix * 16;
	int near = max(2, (int)(NEAR_BYTES / block) & ~1);
	struct quad_end e = quad_end_of(l);

	if (l->group_pixels == 16) {
		conv_rows(l, &e, x, w, p, r, y, from, to);
		return;
	}
	for (int b = 0; b < l->blocks; b += near)
		conv_blocks(l, &e, x, w + b * block, p + b * 64, r + b * 16, y + b * 16,
			    min(near, l->blocks - b), from, to);
}

#endif
