// SPDX-License-Identifier: Apache-2.0
/*
 * A whole network in one launch. Every work-item is a worker that walks the table
 * of layers; it needs no neighbour, so one work-item is a work-group. Vectors are
 * 16 channels wide.
 *
 * PATH chooses how a convolution multiplies: 0 plain OpenCL C, 1 vpdpbusd on 512-bit
 * registers, 2 tdpbusd on tiles (AMX).
 *
 * Rounding: requantisation is tried in float, with a bound on its error. Where a
 * result lies so near a tie that float cannot tell, the vector is computed again
 * with 64-bit integers; so all results are exact.
 */
#pragma OPENCL FP_CONTRACT OFF

typedef const global uchar *bytes_in;
typedef global uchar *bytes_out;

/* Adding it to a float under 2^22 rounds that to an integer, ties to even. */
#define MAGIC	    12582912.0f
#define MAGIC_BITS  0x4b400000
/* 3 roundings of 2^-24 each on values under 256 stay under 2^-14. */
#define FLOAT_LIMIT (0.5f - 0x1p-14f)

/* Two arguments that are always there make a struct of pointers of nine. */
struct spaces {
	bytes_out p[MEA_CL_SPACES];
};

static bytes_out at(const struct spaces *s, const global struct mea_cl_view *v)
{
	return s->p[v->space] + v->start + v->origin;
}

/* --- rounding ------------------------------------------------------------------- */

static long rne_shift(long v, int s)
{
	return s ? (v + (1L << (s - 1)) - 1 + (v >> s & 1)) >> s : v;
}

/* What the end of a layer needs, once per layer in registers. */
struct end {
	float flo, fhi, fa, fb, add_flo, add_fhi, add_limit;
	int base, add_base, in2_base, has_in2;
};

static struct end end_of(const global struct mea_cl_layer *l)
{
	struct end e;

	e.flo = l->flo;
	e.fhi = l->fhi;
	e.fa = l->fa;
	e.fb = l->fb;
	e.add_flo = l->add_flo;
	e.add_fhi = l->add_fhi;
	e.add_limit = l->add_limit;
	e.base = l->mid_zero + 128 - MAGIC_BITS;
	e.add_base = l->out_zero + 128 - MAGIC_BITS;
	e.in2_base = l->in2_zero + 128;
	e.has_in2 = l->has_in2;
	return e;
}

/* mid without its zero point, from integers alone. */
static long exact_mid(const global struct mea_cl_layer *l, int acc, uint mult, int shift)
{
	return clamp(rne_shift((long)acc * (long)mult, shift), (long)(l->mid_lo - l->mid_zero),
		     (long)(l->mid_hi - l->mid_zero));
}

static uchar exact_end(const global struct mea_cl_layer *l, long mid, bytes_in r)
{
	if (l->has_in2) {
		mid = mid * l->add_ma + ((long)*r - 128 - l->in2_zero) * l->add_mb;
		mid = clamp(rne_shift(mid, l->add_shift) + l->out_zero, (long)l->lo, (long)l->hi);
		return (uchar)(mid + 128);
	}
	return (uchar)(mid + l->mid_zero + 128);
}

/* p: the block's parameters; step 0 where all channels share the first. */
static void __attribute__((noinline)) exact_block(const global struct mea_cl_layer *l, int16 acc,
						  const global int *p, int step, bytes_in r,
						  bytes_out y)
{
	int a[16];

	vstore16(acc, 0, a);
	for (int i = 0; i < 16; i++) {
		const global int *q = p + i * step;

		y[i] = exact_end(l, exact_mid(l, a[i], (uint)q[32], q[48]), r + i);
	}
}

static float16 clampf(float16 v, float lo, float hi)
{
	v = v < lo ? lo : v;
	return v > hi ? hi : v;
}

static int16 far(float16 v, float16 rounded, float limit)
{
	return as_float16(as_int16(v - rounded) & 0x7fffffff) > limit;
}

static bool some(int16 v)
{
	return __builtin_reduce_or(v) != 0;
}

/* mid (a whole number, no zero point) and the residual at r: the sum, not yet rounded. */
static float16 residual(const struct end *e, float16 mid, bytes_in r)
{
	float16 x = convert_float16(convert_int16(vload16(0, r)) - e->in2_base);

	return clampf(mid * e->fa + x * e->fb, e->add_flo, e->add_fhi);
}

/* Accumulators of a block, bias included, to 16 bytes at y. r: the residual's bytes. */
static void finish(const global struct mea_cl_layer *l, const struct end *e, int16 acc,
		   float16 scale, const global int *p, int step, bytes_in r, bytes_out y)
{
	float16 v = clampf(convert_float16(acc) * scale, e->flo, e->fhi);
	float16 t = v + MAGIC, whole = t - MAGIC;
	int16 doubt = far(v, whole, FLOAT_LIMIT), result;

	if (e->has_in2) {
		v = residual(e, whole, r);
		t = v + MAGIC;
		doubt |= far(v, t - MAGIC, e->add_limit);
		result = as_int16(t) + e->add_base;
	} else {
		result = as_int16(t) + e->base;
	}
	vstore16(convert_uchar16(result), 0, y);
	if (some(doubt))
		exact_block(l, acc, p, step, r, y);
}

/* --- convolution ------------------------------------------------------------------ */

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
	float16 scale = as_float16(vload16(1, p));
	int16 bias = vload16(0, p);

	y += (long)pixel.x * l->out.row + pixel.y * l->out.pix;
	if (l->has_in2)
		r += (long)pixel.x * l->in2.row + pixel.y * l->in2.pix;
	for (int m = 0; m < l->tile; m++, y += l->out.pix, r += l->in2.pix)
		finish(l, e, vload16(m, sum) + bias, scale, p, 1, r, y);
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

#else

#if PATH == 1
/* Four input channels a step: their bytes, the same in all 16 lanes. */
#define STEP	     4
#define SPREAD(p)    ((int16)(*(const global int *)(p)))
#define WEIGHTS(p)   vload16(0, (const global int *)(p))
#define DOT(a, x, w) __asm__("vpdpbusd %2, %1, %0" : "+v"(a) : "v"(x), "v"(w))
#else
#define STEP	     1
#define SPREAD(p)    ((int16)((int)*(p)))
#define WEIGHTS(p)   convert_int16(vload16(0, (const global char *)(p)))
#define DOT(a, x, w) a += (x) * (w)
#endif

#define EACH8(M) M(0) M(1) M(2) M(3) M(4) M(5) M(6) M(7)

/* Offsets of eight pixels, the last repeated where fewer are left. */
struct eight {
	long in[8], in2[8], out[8];
};

static struct eight eight_from(const global struct mea_cl_layer *l, int n, int pixels)
{
	int y = n / l->out_w, x = n - y * l->out_w;
	struct eight o;

	for (int i = 0; i < 8; i++) {
		o.in[i] = (long)(y * l->sh - l->pt) * l->in.row + (x * l->sw - l->pl) * l->in.pix;
		o.in2[i] = (long)y * l->in2.row + x * l->in2.pix;
		o.out[i] = (long)y * l->out.row + x * l->out.pix;
		if (++n < pixels && ++x == l->out_w) {
			x = 0;
			y++;
		}
		n = min(n, pixels - 1);
	}
	return o;
}

#define START_A(i)  int16 a##i = bias_a;
#define START_AB(i) int16 a##i = bias_a, b##i = bias_b;
#define DOT_A(i)                                                                                   \
	{                                                                                          \
		int16 v = SPREAD(line + o->in[i] + k);                                             \
		DOT(a##i, v, wa);                                                                  \
	}
#define DOT_AB(i)                                                                                  \
	{                                                                                          \
		int16 v = SPREAD(line + o->in[i] + k);                                             \
		DOT(a##i, v, wa);                                                                  \
		DOT(b##i, v, wb);                                                                  \
	}
#define KEEP_A(i)  sum[i] = a##i;
#define KEEP_AB(i) sum[i] = a##i, sum[8 + i] = b##i;

static void conv_8x1(const global struct mea_cl_layer *l, const struct eight *o, bytes_in x,
		     bytes_in w, const global int *p, int16 sum[16])
{
	int16 bias_a = vload16(0, p);
	int n = l->kw * l->in.pix;

	EACH8(START_A)
	for (int ky = 0; ky < l->kh; ky++) {
		bytes_in line = x + (long)ky * l->in.row;

		for (int k = 0; k < n; k += STEP, w += 16 * STEP) {
			int16 wa = WEIGHTS(w);

			EACH8(DOT_A)
		}
	}
	EACH8(KEEP_A)
}

static void conv_8x2(const global struct mea_cl_layer *l, const struct eight *o, bytes_in x,
		     bytes_in w, long next, const global int *p, int16 sum[16])
{
	int16 bias_a = vload16(0, p), bias_b = vload16(4, p);
	int n = l->kw * l->in.pix;

	EACH8(START_AB)
	for (int ky = 0; ky < l->kh; ky++) {
		bytes_in line = x + (long)ky * l->in.row;

		for (int k = 0; k < n; k += STEP, w += 16 * STEP) {
			int16 wa = WEIGHTS(w), wb = WEIGHTS(w + next);

			EACH8(DOT_AB)
		}
	}
	EACH8(KEEP_AB)
}

static void conv(const global struct mea_cl_layer *l, const struct spaces *s, bytes_in constants,
		 int from, int to)
{
	bytes_in x = at(s, &l->in), r = l->has_in2 ? at(s, &l->in2) : x;
	bytes_out y = at(s, &l->out);
	long block = (long)l->kh * l->kw * l->in.pix * 16;
	struct end e = end_of(l);
	int16 sum[16];

	for (int u = from; u < to; u++) {
		struct eight o = eight_from(l, u * 8, l->out_h * l->out_w);

		for (int b = 0; b < l->blocks; b += 2) {
			bytes_in w = constants + l->weights + b * block;
			const global int *p = (const global int *)(constants + l->params) + b * 64;
			int wide = b + 1 < l->blocks;

			if (wide)
				conv_8x2(l, &o, x, w, block, p, sum);
			else
				conv_8x1(l, &o, x, w, p, sum);
			for (int i = 0; i < 8 + 8 * wide; i++) {
				const global int *q = p + i / 8 * 64;
				int c = (b + i / 8) * 16;

				finish(l, &e, sum[i], as_float16(vload16(1, q)), q, 1,
				       r + o.in2[i & 7] + c, y + o.out[i & 7] + c);
			}
		}
	}
}

#endif

/* --- the other operations, a row of out at a time --------------------------------- */

static void depthwise(const global struct mea_cl_layer *l, const struct spaces *s,
		      bytes_in constants, int from, int to)
{
	int taps = l->kh * l->kw;
	struct end e = end_of(l);

	for (int u = from; u < to; u++) {
		for (int b = 0; b < l->blocks; b++) {
			const global int *p = (const global int *)(constants + l->params) + b * 64;
			const global char *w0 =
				(const global char *)(constants + l->weights) + (long)b * taps * 16;
			bytes_in x = at(s, &l->in) + (long)(u * l->sh - l->pt) * l->in.row -
				     l->pl * l->in.pix + b * 16;
			bytes_in r = l->has_in2 ? at(s, &l->in2) + (long)u * l->in2.row + b * 16 : x;
			bytes_out y = at(s, &l->out) + (long)u * l->out.row + b * 16;
			float16 scale = as_float16(vload16(1, p));

			for (int ox = 0; ox < l->out_w; ox++) {
				const global char *w = w0;
				int16 acc = vload16(0, p);

				for (int ky = 0; ky < l->kh; ky++) {
					bytes_in line = x + (long)ky * l->in.row;

					for (int kx = 0; kx < l->kw; kx++, w += 16) {
						acc += convert_int16(vload16(0, line)) *
						       convert_int16(vload16(0, w));
						line += l->in.pix;
					}
				}
				finish(l, &e, acc, scale, p, 1, r, y);
				x += l->in.pix * l->sw;
				r += l->in2.pix;
				y += l->out.pix;
			}
		}
	}
}

static void pool(const global struct mea_cl_layer *l, const struct spaces *s, bytes_in constants,
		 int from, int to)
{
	bool largest = l->op == MEA_CL_MAXPOOL;
	struct end e = end_of(l);

	for (int u = from; u < to; u++) {
		int top = u * l->sh - l->pt, y0 = max(top, 0), y1 = min(top + l->kh, l->in_h);

		for (int ox = 0; ox < l->out_w; ox++) {
			int left = ox * l->sw - l->pl, x0 = max(left, 0);
			int x1 = min(left + l->kw, l->in_w), taps = (y1 - y0) * (x1 - x0);
			const global int *p = (const global int *)(constants + l->params);
			bytes_in x = at(s, &l->in) + (long)y0 * l->in.row;
			bytes_out y = at(s, &l->out) + (long)u * l->out.row + ox * l->out.pix;
			int16 bias = (int16)p[0];

			/* Entry 0 is the full window's, the others follow by taps. */
			if (l->by_taps && taps < l->kh * l->kw)
				p += 64 * taps;
			/* What the padding adds to a sum, and the bytes' 128 off. */
			bias += largest ? -128
					: (l->kh * l->kw - taps) * l->in_zero - 128 * taps;
			for (int b = 0; b < l->blocks; b++, y += 16) {
				int16 acc = 0;

				for (int iy = 0; iy < y1 - y0; iy++) {
					bytes_in line = x + (long)iy * l->in.row + b * 16;

					for (int ix = x0; ix < x1; ix++) {
						int16 v = convert_int16(
							vload16(0, line + ix * l->in.pix));

						acc = largest ? max(acc, v) : acc + v;
					}
				}
				finish(l, &e, acc + bias, (float16)as_float(p[16]), p, 0, y, y);
			}
		}
	}
}

static void add(const global struct mea_cl_layer *l, const struct spaces *s, int from, int to)
{
	struct end e = end_of(l);

	for (int u = from; u < to; u++) {
		bytes_in x = at(s, &l->in) + (long)u * l->in.row;
		bytes_in r = at(s, &l->in2) + (long)u * l->in2.row;
		bytes_out y = at(s, &l->out) + (long)u * l->out.row;

		/* Channels are filled up to whole blocks alike in all three. */
		for (int i = 0; i < l->out_w * l->blocks * 16; i += 16) {
			int16 mid = convert_int16(vload16(0, x + i)) - (l->mid_zero + 128);
			float16 v = residual(&e, convert_float16(mid), r + i), t = v + MAGIC;

			vstore16(convert_uchar16(as_int16(t) + e.add_base), 0, y + i);
			if (some(far(v, t - MAGIC, e.add_limit)))
				for (int k = 0; k < 16; k++)
					y[i + k] = exact_end(
						l, (long)x[i + k] - 128 - l->mid_zero, r + i + k);
		}
	}
}

static void concat(const global struct mea_cl_layer *l, const struct spaces *s, int from, int to)
{
	for (int u = from; u < to; u++) {
		for (int ox = 0; ox < l->out_w; ox++) {
			bytes_in a = at(s, &l->in) + (long)u * l->in.row + ox * l->in.pix;
			bytes_in b = at(s, &l->in2) + (long)u * l->in2.row + ox * l->in2.pix;
			bytes_out y = at(s, &l->out) + (long)u * l->out.row + ox * l->out.pix;

			for (int c = 0; c < l->in_c; c++)
				y[c] = a[c];
			for (int c = 0; c < l->in2_c; c++)
				y[l->in_c + c] = b[c];
		}
	}
}

static void copy(const global struct mea_cl_layer *l, const struct spaces *s)
{
	bytes_in x = s->p[l->in.space] + l->in.start;
	bytes_out y = s->p[l->out.space] + l->out.start;

	for (int i = 0; i < l->bytes; i += 16)
		vstore16(vload16(0, x + i), 0, y + i);
}

/* --- the border ---------------------------------------------------------------------- */

static void fill(bytes_out y, int n, uchar16 v)
{
	for (int i = 0; i < n; i += 16)
		vstore16(v, 0, y + i);
}

static void border(const global struct mea_cl_layer *l, const struct spaces *s)
{
	uchar16 v = (uchar16)((uchar)l->border_value);
	bytes_out y = s->p[l->out.space] + l->out.start;
	int row = l->out.row;

	fill(y, l->border_t * row, v);
	y += (long)l->border_t * row;
	for (int i = 0; i < l->out_h; i++, y += row) {
		fill(y, l->border_l * l->out.pix, v);
		fill(y + row - l->border_r * l->out.pix, l->border_r * l->out.pix, v);
	}
	fill(y, l->border_b * row, v);
}

/* --- the network --------------------------------------------------------------------- */

static void work(const global struct mea_cl_layer *l, const struct spaces *s, bytes_in constants,
		 int from, int to)
{
	switch (l->op) {
	case MEA_CL_CONV:
		conv(l, s, constants, from, to);
		break;
	case MEA_CL_DEPTHWISE:
		depthwise(l, s, constants, from, to);
		break;
	case MEA_CL_AVGPOOL:
	case MEA_CL_MAXPOOL:
		pool(l, s, constants, from, to);
		break;
	case MEA_CL_ADD:
		add(l, s, from, to);
		break;
	case MEA_CL_CONCAT:
		concat(l, s, from, to);
		break;
	default:
		copy(l, s);
	}
	if (!from && l->op != MEA_CL_COPY)
		border(l, s);
}

/*
 * A single worker takes whole layers. Several draw tickets: a ticket is a share of
 * a layer, in order, and may be worked on once all tickets of the layers before are
 * done. Whoever holds a ticket runs, so nobody waits for a worker that has not
 * started; a late one finds no ticket left. sync: next ticket, tickets done,
 * workers that left; the last resets all three.
 */
static void work_all(const global struct mea_cl_layer *layers, int n, const struct spaces *s,
		     bytes_in constants, volatile global int *sync)
{
	int workers = (int)get_global_size(0), first = 0;
	int ticket = workers > 1 ? atomic_inc(&sync[0]) : 0;

	for (int i = 0; i < n; i++) {
		const global struct mea_cl_layer *l = layers + i;
		int share = workers > 1 ? l->share : l->units;
		int shares = (l->units + share - 1) / share;

		while (ticket < first + shares) {
			int from = (ticket - first) * share;

			while (workers > 1 && sync[1] < first)
				;
			mem_fence(CLK_GLOBAL_MEM_FENCE);
			work(l, s, constants, from, min(from + share, l->units));
			mem_fence(CLK_GLOBAL_MEM_FENCE);
			if (workers > 1) {
				atomic_inc(&sync[1]);
				ticket = atomic_inc(&sync[0]);
			} else {
				ticket++;
			}
		}
		first += shares;
	}
	if (workers > 1 && atomic_inc(&sync[2]) == workers - 1) {
		sync[0] = 0;
		sync[1] = 0;
		sync[2] = 0;
	}
}

__attribute__((reqd_work_group_size(1, 1, 1))) kernel void
mea_net(const global struct mea_cl_layer *layers, int n, bytes_in constants, global int *sync,
	bytes_out scratch, bytes_out in0, bytes_out in1, bytes_out in2, bytes_out in3,
	bytes_out out0, bytes_out out1, bytes_out out2, bytes_out out3)
{
	struct spaces s = {{scratch, in0, in1, in2, in3, out0, out1, out2, out3}};

	work_all(layers, n, &s, constants, sync);
#if PATH == 2
	__asm__ volatile("tilerelease" ::);
#endif
}
