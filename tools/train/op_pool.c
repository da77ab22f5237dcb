// SPDX-License-Identifier: Apache-2.0
/* Maximum and average pools, whole maps and ReduceMean over them included. An image at a time goes
 * through float32 rows of channels. */
#include "train/internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "graph/hot.h"

struct pool {
	bool max, include_pad;
	int kernel[2], stride[2], pad[2]; /* y, x; of pad top and left */
	int ih, iw, oh, ow, c;
	bool bf16, out_bf16; /* a ReduceMean may make a vector, which is float32 */
};

static void pool_free(struct top *o)
{
	free(o->state);
}

static int pool_build(struct mea_tnet *t, struct top *o)
{
	const struct tvalue *x = tnet_in(t, o, 0), *y = tnet_out(t, o);
	const struct mea_node *n = o->node;
	struct pool *p = calloc(1, sizeof(*p));
	bool global = n->op == MEA_OP_GlobalAveragePool || n->op == MEA_OP_GlobalMaxPool ||
		      n->op == MEA_OP_ReduceMean;

	if (!p)
		return mea_nomem();
	o->state = p;
	*p = (struct pool){.max = n->op == MEA_OP_MaxPool || n->op == MEA_OP_GlobalMaxPool,
			   .include_pad = n->a.count_include_pad,
			   .ih = x->h,
			   .iw = x->w,
			   .oh = y->h,
			   .ow = y->w,
			   .c = x->map.c,
			   .bf16 = x->map.bf16,
			   .out_bf16 = y->map.bf16};
	for (int i = 0; i < 2; i++) {
		p->kernel[i] = global ? (i ? x->w : x->h) : (int)n->a.kernel[i];
		p->stride[i] = global ? 1 : (int)n->a.stride[i];
		p->pad[i] = global ? 0 : (int)n->a.pad[i];
		if (!global && n->a.dilation[i] != 1)
			return mea_fail(MEA_EUNSUPPORTED, "dilation cannot be trained");
	}
	if (n->a.ceil_mode && n->a.count_include_pad)
		return mea_fail(MEA_EUNSUPPORTED, "ceil_mode with count_include_pad");
	return 0;
}

/* The part of output pixel (y, x)'s window that lies on the input. */
struct window {
	int y0, y1, x0, x1;
	float share; /* of an average */
};

static struct window window(const struct pool *p, int y, int x)
{
	struct window w = {y * p->stride[0] - p->pad[0], 0, x * p->stride[1] - p->pad[1], 0, 0};
	int n;

	w.y1 = w.y0 + p->kernel[0] < p->ih ? w.y0 + p->kernel[0] : p->ih;
	w.x1 = w.x0 + p->kernel[1] < p->iw ? w.x0 + p->kernel[1] : p->iw;
	w.y0 = w.y0 > 0 ? w.y0 : 0;
	w.x0 = w.x0 > 0 ? w.x0 : 0;
	n = p->include_pad ? p->kernel[0] * p->kernel[1] : (w.y1 - w.y0) * (w.x1 - w.x0);
	w.share = 1.0f / (float)n;
	return w;
}

static inline __attribute__((always_inline)) void
get(const struct pool *p, bool bf16, const void *map, int width, int y, int x, float *row)
{
	size_t i = ((size_t)y * (size_t)width + (size_t)x) * (size_t)p->c;

	if (!bf16)
		memcpy(row, (const float *)map + i, (size_t)p->c * sizeof(*row));
	else
		for (int c = 0; c < p->c; c++)
			row[c] = mea_from_bf16(((const uint16_t *)map)[i + (size_t)c]);
}

static inline __attribute__((always_inline)) void put(const struct pool *p, void *map, size_t pixel,
						      const float *row)
{
	size_t i = pixel * (size_t)p->c;

	if (!p->out_bf16)
		memcpy((float *)map + i, row, (size_t)p->c * sizeof(*row));
	else
		for (int c = 0; c < p->c; c++)
			((uint16_t *)map)[i + (size_t)c] = mea_bf16(row[c]);
}

HOT static void forward_image(const struct pool *p, const void *x, void *y)
{
	float in[MEA_CHANNELS_MAX], out[MEA_CHANNELS_MAX];

	for (int i = 0; i < p->oh * p->ow; i++) {
		struct window w = window(p, i / p->ow, i % p->ow);

		for (int c = 0; c < p->c; c++)
			out[c] = p->max ? -__builtin_inff() : 0.0f;
		for (int r = w.y0; r < w.y1; r++)
			for (int s = w.x0; s < w.x1; s++) {
				get(p, p->bf16, x, p->iw, r, s, in);
				if (p->max)
					for (int c = 0; c < p->c; c++)
						out[c] = in[c] <= out[c] ? out[c] : in[c];
				else
					for (int c = 0; c < p->c; c++)
						out[c] += in[c];
			}
		if (!p->max)
			for (int c = 0; c < p->c; c++)
				out[c] *= w.share;
		put(p, y, (size_t)i, out);
	}
}

static int pool_forward(struct mea_tnet *t, struct top *o)
{
	const struct tvalue *x = tnet_in(t, o, 0), *y = tnet_out(t, o);
	size_t bx = mea_map_bytes(&x->map) / x->map.blocks;
	size_t by = mea_map_bytes(&y->map) / y->map.blocks;

#pragma omp parallel for schedule(static)
	for (size_t b = 0; b < x->map.blocks; b++)
		forward_image(o->state, (const char *)x->ptr + b * bx, (char *)y->ptr + b * by);
	return 0;
}

/* dx (float32) += the gradient g of an image; a maximum's goes to the first that has it. */
HOT static void backward_image(const struct pool *p, const void *x, const void *y, const void *g,
			       float *dx)
{
	float in[MEA_CHANNELS_MAX], out[MEA_CHANNELS_MAX], dy[MEA_CHANNELS_MAX];

	for (int i = 0; i < p->oh * p->ow; i++) {
		struct window w = window(p, i / p->ow, i % p->ow);

		get(p, p->out_bf16, g, p->ow, i / p->ow, i % p->ow, dy);
		if (p->max)
			get(p, p->out_bf16, y, p->ow, i / p->ow, i % p->ow, out);
		for (int r = w.y0; r < w.y1; r++)
			for (int s = w.x0; s < w.x1; s++) {
				float *d =
					dx + ((size_t)r * (size_t)p->iw + (size_t)s) * (size_t)p->c;

				if (!p->max) {
					for (int c = 0; c < p->c; c++)
						d[c] += dy[c] * w.share;
					continue;
				}
				get(p, p->bf16, x, p->iw, r, s, in);
				for (int c = 0; c < p->c; c++) {
					float v = in[c] == out[c] ? dy[c] : 0.0f;

					d[c] += v;
					dy[c] -= v;
				}
			}
	}
}

static int pool_backward(struct mea_tnet *t, struct top *o)
{
	const struct tvalue *x = tnet_in(t, o, 0), *y = tnet_out(t, o);
	size_t bx = mea_map_bytes(&x->map) / x->map.blocks;
	size_t by = mea_map_bytes(&y->map) / y->map.blocks;
	size_t n = x->map.rows * (size_t)x->map.c;
	bool failed = false;

	if (!o->gptr[0])
		return 0;
#pragma omp parallel
	{
		float *room = malloc(n * sizeof(*room));

		if (!room)
#pragma omp atomic write
			failed = true;
#pragma omp for schedule(static)
		for (size_t b = 0; b < x->map.blocks; b++) {
			if (!room)
				continue;
			memset(room, 0, n * sizeof(*room));
			backward_image(o->state, (const char *)x->ptr + b * bx,
				       (const char *)y->ptr + b * by,
				       (const char *)y->gptr[0] + b * by, room);
			if (x->map.bf16)
				mea_narrow(n, room, (uint16_t *)o->gptr[0] + b * n);
			else
				memcpy((float *)o->gptr[0] + b * n, room, n * sizeof(*room));
		}
		free(room);
	}
	if (failed)
		return mea_nomem();
	tnet_grad_done(t, o, 0);
	return 0;
}

const struct top_ops top_pool = {
	.kind = TOP_POOL,
	.build = pool_build,
	.forward = pool_forward,
	.backward = pool_backward,
	.free = pool_free,
};
