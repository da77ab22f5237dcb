// SPDX-License-Identifier: Apache-2.0
/*
 * Depthwise convolution by vpdpbusd: a step is four taps of a kernel's row. The bytes of
 * 64 channels of four pixels are interleaved to four vectors of 16 channels by 4 taps;
 * the order of channels in them is that of packed(), so the results come out in order.
 */
#if VARIANT >= 1

/* Four pixels, 64 channels each, to channels of four bytes. */
static struct quad interleaved(bytes_in p0, bytes_in p1, bytes_in p2, bytes_in p3)
{
	int16 v0 = LOAD_64(p0), v1 = LOAD_64(p1), v2 = LOAD_64(p2), v3 = LOAD_64(p3);
	int16 lo01, lo23, hi01, hi23;
	struct quad q;

	ASM("vpunpcklbw", lo01, v0, v1);
	ASM("vpunpckhbw", hi01, v0, v1);
	ASM("vpunpcklbw", lo23, v2, v3);
	ASM("vpunpckhbw", hi23, v2, v3);
	ASM("vpunpcklwd", q.a, lo01, lo23);
	ASM("vpunpckhwd", q.b, lo01, lo23);
	ASM("vpunpcklwd", q.c, hi01, hi23);
	ASM("vpunpckhwd", q.d, hi01, hi23);
	return q;
}

static struct quad parameters(const global int *p)
{
	struct quad q = {LOAD_INTS(p), LOAD_INTS(p + 64), LOAD_INTS(p + 128), LOAD_INTS(p + 192)};

	return q;
}

/* w: weights of four vectors. */
static void dot_quad(struct quad *sum, const struct quad *x, bytes_in w)
{
	DOT(sum->a, x->a, LOAD_INTS(w));
	DOT(sum->b, x->b, LOAD_INTS(w + 64));
	DOT(sum->c, x->c, LOAD_INTS(w + 128));
	DOT(sum->d, x->d, LOAD_INTS(w + 192));
}

/* A pixel's sums from integers; lane i of vector v is channel 16 (i / 4) + 4 v + i % 4. */
static void __attribute__((noinline))
exact_64(const global struct mea_cl_layer *l, int16 a, int16 b, int16 c, int16 d,
	 const global int *p, int blocks, bytes_out y)
{
	int sum[64];

	*(ints *)sum = a;
	*(ints *)(sum + 16) = b;
	*(ints *)(sum + 32) = c;
	*(ints *)(sum + 48) = d;
	for (int k = 0; k < 64; k++) {
		int v = k / 16, i = k % 16;
		const global int *q = p + 64 * v + i;

		if (i / 4 < blocks)
			y[i / 4 * 16 + 4 * v + i % 4] =
				exact_end(l, exact_mid(l, sum[k], (uint)q[32], q[48]), y);
	}
}

/* The sums of a pixel to bytes of so many blocks, four at most. */
static inline __attribute__((always_inline)) void end_64(const struct quad_end *e,
							 const struct quad *sum,
							 const global int *p, int blocks,
							 bytes_out y, int16 *doubt)
{
	bytes_in none[4] = {y, y, y, y};
	struct quad low = parameters(p + 16);
	int16 v = end_quad(e, sum, &low, none, doubt);

	if (blocks >= 4) {
		STORE_64(y, v);
		return;
	}
	STORE_16(y, v.lo.lo);
	if (blocks > 1)
		STORE_16(y + 16, v.lo.hi);
	if (blocks > 2)
		STORE_16(y + 32, v.hi.lo);
}

/*
 * Asks for what the next row of out needs and this one did not: so many pixels of each
 * line below the window, x. The processor would not guess it from steps of whole pixels,
 * and with maps larger than the caches it waited three quarters of its time.
 */
static void prefetch_below(const global struct mea_cl_layer *l, bytes_in x, int pixels)
{
	for (int i = 0; i < l->sh; i++, x += l->in.row)
		for (int k = 0; k < pixels; k++)
			__asm__ volatile("prefetcht0 (%0)" ::"r"(x + k * l->in.pix));
}

/* Two pixels side by side of a kernel 3 wide: four pixels of a line serve both. The
 * second's weights are the first's one tap further. */
static void depthwise_pair(const global struct mea_cl_layer *l, const struct quad_end *e,
			   bytes_in x, bytes_in w, const global int *p, int blocks, bytes_out y)
{
	struct quad a = parameters(p), b = a;
	long pix = l->in.pix;
	int16 doubt = 0;

	for (int ky = 0; ky < l->kh; ky++, x += l->in.row, w += 512) {
		struct quad v = interleaved(x, x + pix, x + 2 * pix, x + 3 * pix);

		dot_quad(&a, &v, w);
		dot_quad(&b, &v, w + 256);
	}
	prefetch_below(l, x, 2);
	end_64(e, &a, p, blocks, y, &doubt);
	end_64(e, &b, p, blocks, y + l->out.pix, &doubt);
	if (any_bit(doubt)) {
		exact_64(l, a.a, a.b, a.c, a.d, p, blocks, y);
		exact_64(l, b.a, b.b, b.c, b.d, p, blocks, y + l->out.pix);
	}
}

/* One pixel of any kernel. Taps behind a row's last have weights of zero. */
static void depthwise_one(const global struct mea_cl_layer *l, const struct quad_end *e, bytes_in x,
			  bytes_in w, const global int *p, int blocks, bytes_out y)
{
	struct quad a = parameters(p);
	int last = l->kw - 1;
	long pix = l->in.pix;
	int16 doubt = 0;

	for (int ky = 0; ky < l->kh; ky++, x += l->in.row)
		for (int kx = 0; kx < l->kw; kx += 4, w += 256) {
			struct quad v = interleaved(x + kx * pix, x + min(kx + 1, last) * pix,
						    x + min(kx + 2, last) * pix,
						    x + min(kx + 3, last) * pix);

			dot_quad(&a, &v, w);
		}
	prefetch_below(l, x, l->sw);
	end_64(e, &a, p, blocks, y, &doubt);
	if (any_bit(doubt))
		exact_64(l, a.a, a.b, a.c, a.d, p, blocks, y);
}

/* A row of out at a time, in pixel groups of 1 or 2. */
static void depthwise_dots(const global struct mea_cl_layer *l, const struct spaces *s,
			   bytes_in constants, int from, int to)
{
	const global int *params = (const global int *)(constants + l->params);
	struct quad_end e = quad_end_of(l);

	for (int u = from; u < to; u++) {
		bytes_in x =
			at(s, &l->in) + (long)(u * l->sh - l->pt) * l->in.row - l->pl * l->in.pix;
		bytes_in w = constants + l->weights;
		bytes_out y = at(s, &l->out) + (long)u * l->out.row;

		for (int b = 0; b < l->blocks; b += 4, x += 64, y += 64, w += l->dot_bytes) {
			const global int *p = params + b * 64;
			int blocks = min(4, l->blocks - b);

			for (int t = 0; t < l->out_w; t += l->group_pixels) {
				int ox = min(t, l->out_w - l->group_pixels);
				bytes_in xo = x + (long)ox * l->sw * l->in.pix;

				if (l->group_pixels == 2)
					depthwise_pair(l, &e, xo, w, p, blocks,
						       y + ox * l->out.pix);
				else
					depthwise_one(l, &e, xo, w, p, blocks, y + ox * l->out.pix);
			}
		}
	}
}

#endif
