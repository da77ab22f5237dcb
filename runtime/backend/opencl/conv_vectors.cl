// SPDX-License-Identifier: Apache-2.0
/* Convolution in plain OpenCL C: eight pixels by one or two blocks of channels at a time. */
#if VARIANT == 0

#define SPREAD(p)    ((int16)((int)*(p)))
#define WEIGHTS(p)   convert_int16(*(const global chars *)(p))
#define DOT(a, x, w) a += (x) * (w)

#define EACH8(M)     M(0) M(1) M(2) M(3) M(4) M(5) M(6) M(7)

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
	int16 bias_a = LOAD_INTS(p);
	int n = l->kw * l->in.pix;

	EACH8(START_A)
	for (int ky = 0; ky < l->kh; ky++) {
		bytes_in line = x + (long)ky * l->in.row;

		for (int k = 0; k < n; k++, w += 16) {
			int16 wa = WEIGHTS(w);

			EACH8(DOT_A)
		}
	}
	EACH8(KEEP_A)
}

static void conv_8x2(const global struct mea_cl_layer *l, const struct eight *o, bytes_in x,
		     bytes_in w, long next, const global int *p, int16 sum[16])
{
	int16 bias_a = LOAD_INTS(p), bias_b = LOAD_INTS(p + 64);
	int n = l->kw * l->in.pix;

	EACH8(START_AB)
	for (int ky = 0; ky < l->kh; ky++) {
		bytes_in line = x + (long)ky * l->in.row;

		for (int k = 0; k < n; k++, w += 16) {
			int16 wa = WEIGHTS(w), wb = WEIGHTS(w + next);

			EACH8(DOT_AB)
		}
	}
	EACH8(KEEP_AB)
}

static void conv(const global struct mea_cl_layer *l, const struct spaces *s, bytes_in constants,
		 int from, int to, int *config)
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
			for (int c = 0; c <= wide; c++)
				for (int i = 0; i < 8; i += 4) {
					bytes_in ri = r + (b + c) * 16;
					bytes_out yi = y + (b + c) * 16;

					finish_four(l, &e, (const int *)(sum + 8 * c + i),
						    p + 64 * c, ri + o.in2[i], ri + o.in2[i + 1],
						    ri + o.in2[i + 2], ri + o.in2[i + 3],
						    yi + o.out[i], yi + o.out[i + 1],
						    yi + o.out[i + 2], yi + o.out[i + 3]);
				}
		}
	}
}

#endif
