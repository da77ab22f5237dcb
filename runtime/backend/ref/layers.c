// SPDX-License-Identifier: Apache-2.0
/*
 * The layers in plain C. Convolution gathers the window of a few output pixels
 * into one row each (int16, padding already filled in) and takes dot products
 * with the kernel rows, so that the one hot loop is contiguous and branch-free.
 */
#include "backend/ref/ref.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "graph/hot.h"

#define PIXELS 8     /* output pixels gathered at a time */
#define CHUNK  65536 /* products of two int8 that surely fit a signed 32-bit sum */

/* acc[j] += x . w[j] for four rows w[j] that lie stride apart; n <= CHUNK. */
HOT static void dot4(const int16_t *restrict x, const int16_t *restrict w, size_t stride, int n,
		     uint32_t acc[4])
{
	const int16_t *w0 = w, *w1 = w + stride, *w2 = w + 2 * stride, *w3 = w + 3 * stride;
	int32_t a0 = 0, a1 = 0, a2 = 0, a3 = 0;

	for (int i = 0; i < n; i++) {
		a0 += x[i] * w0[i];
		a1 += x[i] * w1[i];
		a2 += x[i] * w2[i];
		a3 += x[i] * w3[i];
	}
	acc[0] += (uint32_t)a0;
	acc[1] += (uint32_t)a1;
	acc[2] += (uint32_t)a2;
	acc[3] += (uint32_t)a3;
}

HOT static void widen(const int8_t *restrict from, int16_t *restrict to, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = from[i];
}

/* acc[c] += x[c] * w[c], wrapping. */
HOT static void mul_add(const int8_t *restrict x, const int8_t *restrict w, int n,
			uint32_t *restrict acc)
{
	for (int c = 0; c < n; c++)
		acc[c] += (uint32_t)(x[c] * w[c]);
}

/* What a convolution works on, so that its helpers have short parameter lists. */
struct conv {
	const struct mea_qlayer *l;
	const struct mea_qtensor *in, *out;
	const int8_t *x, *res; /* res: the residual, or NULL */
	int8_t *y;
	int zr;	       /* zero point of res */
	int icg, ocg;  /* channels of one group */
	int k;	       /* taps times icg */
	int16_t *rows; /* PIXELS rows of k: the gathered windows */
	int16_t *w;    /* weights of one group, ocg rounded up to 4 rows of k */
};

static int add_residual(const struct mea_qlayer *l, int mid, int r, int zr, int zo)
{
	int64_t v = (int64_t)(mid - l->mid_zero) * l->add_ma + (int64_t)(r - zr) * l->add_mb;

	v = mea_rne_shift(v, l->add_shift) + zo;
	return (int)(v < l->lo ? l->lo : v > l->hi ? l->hi : v);
}

/* Turns the accumulator of output element index (channel oc) into its value. */
static void finish_output(const struct conv *cv, size_t index, int oc, uint32_t acc)
{
	const struct mea_qlayer *l = cv->l;
	int v = mea_requant((int32_t)(acc + (uint32_t)l->bias[oc]), l->mult[oc], l->shift[oc],
			    l->mid_zero, l->mid_lo, l->mid_hi);

	if (cv->res)
		v = add_residual(l, v, cv->res[index], cv->zr, cv->out->zero_point);
	cv->y[index] = (int8_t)v;
}

/* The window of output pixel (oy, ox) for channels c0 .. c0 + icg, as one row. */
static void gather(const struct conv *cv, int oy, int ox, int c0, int16_t *row)
{
	const struct mea_qlayer *l = cv->l;
	const struct mea_qtensor *in = cv->in;
	int y0 = oy * l->stride_h - l->pad_t, x0 = ox * l->stride_w - l->pad_l;
	bool whole_lines = cv->icg == in->c && x0 >= 0 && x0 + l->kw <= in->w;

	for (int iy = y0; iy < y0 + l->kh; iy++) {
		bool line = iy >= 0 && iy < in->h;

		if (line && whole_lines) {
			widen(cv->x + ((size_t)iy * in->w + x0) * in->c, row, l->kw * cv->icg);
			row += l->kw * cv->icg;
			continue;
		}
		for (int ix = x0; ix < x0 + l->kw; ix++, row += cv->icg) {
			if (line && ix >= 0 && ix < in->w)
				widen(cv->x + ((size_t)iy * in->w + ix) * in->c + c0, row, cv->icg);
			else
				for (int c = 0; c < cv->icg; c++)
					row[c] = (int16_t)in->zero_point;
		}
	}
}

/* Output channels oc0 .. oc0 + ocg of n pixels of one line, from cv->rows. */
static void dot_pixels(const struct conv *cv, size_t pixel, int n, int oc0)
{
	for (int j = 0; j < cv->ocg; j += 4) {
		for (int p = 0; p < n; p++) {
			uint32_t acc[4] = {0};

			for (int i = 0; i < cv->k; i += CHUNK)
				dot4(cv->rows + (size_t)p * cv->k + i,
				     cv->w + (size_t)j * cv->k + i, cv->k,
				     cv->k - i < CHUNK ? cv->k - i : CHUNK, acc);
			for (int d = 0; d < 4 && j + d < cv->ocg; d++)
				finish_output(cv, (pixel + p) * cv->out->c + oc0 + j + d,
					      oc0 + j + d, acc[d]);
		}
	}
}

static int conv_grouped(struct conv *cv)
{
	const struct mea_qtensor *out = cv->out;
	size_t w_rows = ((size_t)cv->ocg + 3) / 4 * 4;
	int rc = 0;

	cv->rows = malloc(sizeof(*cv->rows) * PIXELS * cv->k);
	cv->w = calloc(w_rows * cv->k, sizeof(*cv->w));
	if (!cv->rows || !cv->w) {
		rc = mea_nomem();
		goto out;
	}
	for (int g = 0; g < cv->l->groups; g++) {
		size_t n = (size_t)cv->ocg * cv->k;

		widen(cv->l->weights + g * n, cv->w, n);
		for (int oy = 0; oy < out->h; oy++) {
			for (int ox = 0; ox < out->w; ox += PIXELS) {
				int m = out->w - ox < PIXELS ? out->w - ox : PIXELS;

				for (int p = 0; p < m; p++)
					gather(cv, oy, ox + p, g * cv->icg,
					       cv->rows + (size_t)p * cv->k);
				dot_pixels(cv, (size_t)oy * out->w + ox, m, g * cv->ocg);
			}
		}
	}
out:
	free(cv->rows);
	free(cv->w);
	return rc;
}

/* One channel in and out per group: channels side by side instead of dots. */
static int conv_depthwise(const struct conv *cv)
{
	const struct mea_qlayer *l = cv->l;
	const struct mea_qtensor *in = cv->in, *out = cv->out;
	int c = in->c, rc = 0;
	uint32_t *acc = malloc(sizeof(*acc) * c);
	int8_t *w = malloc((size_t)cv->k * c); /* [tap][channel] */
	int8_t *pad = malloc(c);

	if (!acc || !w || !pad) {
		rc = mea_nomem();
		goto out;
	}
	memset(pad, in->zero_point, c);
	for (int i = 0; i < c; i++)
		for (int t = 0; t < cv->k; t++)
			w[(size_t)t * c + i] = l->weights[(size_t)i * cv->k + t];
	for (int p = 0; p < out->h * out->w; p++) {
		int y0 = p / out->w * l->stride_h - l->pad_t;
		int x0 = p % out->w * l->stride_w - l->pad_l;

		memset(acc, 0, sizeof(*acc) * c);
		for (int t = 0; t < cv->k; t++) {
			int iy = y0 + t / l->kw, ix = x0 + t % l->kw;
			bool inside = iy >= 0 && iy < in->h && ix >= 0 && ix < in->w;

			mul_add(inside ? cv->x + ((size_t)iy * in->w + ix) * c : pad,
				w + (size_t)t * c, c, acc);
		}
		for (int i = 0; i < c; i++)
			finish_output(cv, (size_t)p * c + i, i, acc[i]);
	}
out:
	free(acc);
	free(w);
	free(pad);
	return rc;
}

static int conv(const struct mea_qnet *net, const struct mea_qlayer *l, const int8_t *x,
		const int8_t *res, int8_t *y)
{
	struct conv cv = {
		.l = l,
		.in = &net->tensors[l->in],
		.out = &net->tensors[l->out],
		.x = x,
		.res = l->in2 >= 0 ? res : NULL,
		.y = y,
	};

	if (cv.res)
		cv.zr = net->tensors[l->in2].zero_point;
	cv.icg = cv.in->c / l->groups;
	cv.ocg = cv.out->c / l->groups;
	cv.k = l->kh * l->kw * cv.icg;
	if (cv.icg == 1 && cv.ocg == 1)
		return conv_depthwise(&cv);
	return conv_grouped(&cv);
}

/* The part of a window of size k from start that lies in 0 .. size - 1. */
static void clip(int start, int k, int size, int *from, int *to)
{
	*from = start < 0 ? 0 : start;
	*to = start + k > size ? size : start + k;
}

static void pool_pixel(const struct mea_qnet *net, const struct mea_qlayer *l, const int8_t *x,
		       int oy, int ox, uint32_t mult, int shift, int8_t *y)
{
	const struct mea_qtensor *in = &net->tensors[l->in];
	int y0, y1, x0, x1, taps, pads;
	bool max = l->op == MEA_Q_MAXPOOL;

	clip(oy * l->stride_h - l->pad_t, l->kh, in->h, &y0, &y1);
	clip(ox * l->stride_w - l->pad_l, l->kw, in->w, &x0, &x1);
	taps = (y1 - y0) * (x1 - x0);
	pads = l->kh * l->kw - taps;
	for (int c = 0; c < in->c; c++) {
		uint32_t acc = max ? (uint32_t)-128 : (uint32_t)pads * (uint32_t)in->zero_point;

		for (int iy = y0; iy < y1; iy++) {
			for (int ix = x0; ix < x1; ix++) {
				int v = x[((size_t)iy * in->w + ix) * in->c + c];

				if (!max)
					acc += (uint32_t)v;
				else if (v > (int32_t)acc)
					acc = (uint32_t)v;
			}
		}
		y[c] = (int8_t)mea_requant((int32_t)(acc + (uint32_t)l->bias[0]), mult, shift,
					   l->mid_zero, l->mid_lo, l->mid_hi);
	}
}

static int pool(const struct mea_qnet *net, const struct mea_qlayer *l, const int8_t *x,
		const int8_t *none, int8_t *y)
{
	const struct mea_qtensor *in = &net->tensors[l->in], *out = &net->tensors[l->out];

	(void)none;
	for (int oy = 0; oy < out->h; oy++) {
		for (int ox = 0; ox < out->w; ox++, y += out->c) {
			uint32_t mult = l->mult[0];
			uint8_t shift = l->shift[0];

			if (l->op == MEA_Q_AVGPOOL && l->exclude_pad) {
				int y0, y1, x0, x1, n, rc;

				clip(oy * l->stride_h - l->pad_t, l->kh, in->h, &y0, &y1);
				clip(ox * l->stride_w - l->pad_l, l->kw, in->w, &x0, &x1);
				n = (y1 - y0) * (x1 - x0);
				rc = n == l->kh * l->kw
					     ? 0
					     : mea_qavg_requant(net, l, n, &mult, &shift);
				if (rc)
					return rc;
			}
			pool_pixel(net, l, x, oy, ox, mult, shift, y);
		}
	}
	return 0;
}

static int add(const struct mea_qnet *net, const struct mea_qlayer *l, const int8_t *a,
	       const int8_t *b, int8_t *y)
{
	const struct mea_qtensor *out = &net->tensors[l->out];
	size_t n = (size_t)out->c * out->h * out->w;
	int zr = net->tensors[l->in2].zero_point;

	for (size_t i = 0; i < n; i++)
		y[i] = (int8_t)add_residual(l, a[i], b[i], zr, out->zero_point);
	return 0;
}

/* b steps along with a, or stays at its only pixel. */
static int mul(const struct mea_qnet *net, const struct mea_qlayer *l, const int8_t *a,
	       const int8_t *b, int8_t *y)
{
	const struct mea_qtensor *in = &net->tensors[l->in], *in2 = &net->tensors[l->in2];
	bool map = in2->h * in2->w > 1;
	int pixels = in->h * in->w;

	for (int p = 0; p < pixels; p++, a += in->c, b += map ? in->c : 0)
		for (int c = 0; c < in->c; c++)
			*y++ = (int8_t)mea_requant(
				(a[c] - in->zero_point) * (b[c] - in2->zero_point), l->mult[0],
				l->shift[0], l->mid_zero, l->mid_lo, l->mid_hi);
	return 0;
}

static int concat(const struct mea_qnet *net, const struct mea_qlayer *l, const int8_t *a,
		  const int8_t *b, int8_t *y)
{
	const struct mea_qtensor *out = &net->tensors[l->out];
	int ca = net->tensors[l->in].c, cb = net->tensors[l->in2].c;

	for (size_t p = 0; p < (size_t)out->h * out->w; p++) {
		memcpy(y + p * out->c, a + p * ca, ca);
		memcpy(y + p * out->c + ca, b + p * cb, cb);
	}
	return 0;
}

static int table(const struct mea_qnet *net, const struct mea_qlayer *l, const int8_t *x,
		 const int8_t *none, int8_t *y)
{
	const struct mea_qtensor *out = &net->tensors[l->out];

	(void)none;
	for (int p = 0; p < out->h * out->w; p++)
		for (int c = 0; c < out->c; c++)
			*y++ = l->weights[(l->groups > 1 ? c * 256 : 0) + (uint8_t)*x++];
	return 0;
}

int mea_ref_layer(const struct mea_qnet *net, const struct mea_qlayer *l, const int8_t *in,
		  const int8_t *in2, int8_t *out)
{
	static int (*const compute[MEA_Q_COUNT])(const struct mea_qnet *, const struct mea_qlayer *,
						 const int8_t *, const int8_t *, int8_t *) = {
		[MEA_Q_CONV] = conv, [MEA_Q_AVGPOOL] = pool,  [MEA_Q_MAXPOOL] = pool,
		[MEA_Q_ADD] = add,   [MEA_Q_CONCAT] = concat, [MEA_Q_TABLE] = table,
		[MEA_Q_MUL] = mul,
	};

	return compute[l->op](net, l, in, in2, out);
}
