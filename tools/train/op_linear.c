// SPDX-License-Identifier: Apache-2.0
/* Gemm with constant weights, in float32. Its input may be a map, which it reads in
 * ONNX's order (channels outermost). */
#include "train/internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "train/mem.h"

/* It works in the batch x k inputs, in ONNX's order. */
struct linear {
	int k, m;  /* inputs, outputs */
	float *dx; /* batch x k */
};

static void linear_free(struct top *o)
{
	struct linear *s = o->state;

	mea_mem_free(s->dx);
	free(s);
}

static size_t linear_work(const struct mea_tnet *t, const struct top *o)
{
	const struct mea_map *x = &tnet_in(t, o, 0)->map;

	return (size_t)t->o.batch * x->rows * (size_t)x->c * sizeof(float);
}

static int linear_build(struct mea_tnet *t, struct top *o)
{
	const struct tvalue *x = tnet_in(t, o, 0), *y = tnet_out(t, o);
	const struct mea_attrs *a = &o->node->a;
	struct linear *s = calloc(1, sizeof(*s));
	const struct mea_param *bias = tnet_param(t, o->node, 2);
	bool has_bias = o->node->n_in > 2 && o->node->in[2] >= 0;

	if (!s)
		return mea_nomem();
	o->state = s;
	s->k = (int)x->map.rows * x->map.c;
	s->m = y->map.c;
	if (!tnet_param(t, o->node, 1) || has_bias != (bias != NULL) ||
	    (bias && bias->n != (size_t)s->m) || a->trans_a || a->alpha != 1.0f ||
	    (bias && a->beta != 1.0f))
		return mea_fail(MEA_EUNSUPPORTED,
				"only x W + b with constant W and b can be trained");
	tnet_lean(t, tnet_param(t, o->node, 1), 1);
	s->dx = o->gbuf[0] >= 0 ? mea_mem_new(MEA_MEM_MAPS, linear_work(t, o)) : NULL;
	return s->dx || o->gbuf[0] < 0 ? 0 : mea_nomem();
}

/* Copies between a map and batch x (c, pixel) floats. */
static void exchange(const struct mea_map *m, const void *from, void *to, bool gather)
{
	size_t c = (size_t)m->c;

#pragma omp parallel for schedule(static)
	for (size_t b = 0; b < m->blocks; b++)
		for (size_t r = 0; r < m->rows; r++)
			for (size_t j = 0; j < c; j++) {
				size_t map = (b * m->rows + r) * c + j;
				size_t row = (b * c + j) * m->rows + r;
				size_t f = gather ? map : row, d = gather ? row : map;
				float v = gather && m->bf16
						  ? mea_from_bf16(((const uint16_t *)from)[f])
						  : ((const float *)from)[f];

				if (!gather && m->bf16)
					((uint16_t *)to)[d] = mea_bf16(v);
				else
					((float *)to)[d] = v;
			}
}

static int linear_forward(struct mea_tnet *t, struct top *o)
{
	struct linear *s = o->state;
	const struct tvalue *x = tnet_in(t, o, 0);
	const struct mea_param *bias = tnet_param(t, o->node, 2);
	const float *w = tnet_weights(t, tnet_param(t, o->node, 1));
	float *y = tnet_out(t, o)->ptr;
	int step = t->o.train ? t->o.batch : 1, rc = 0;

	exchange(&x->map, x->ptr, o->work, true);
	for (int b = 0; bias && b < t->o.batch; b++)
		memcpy(y + (size_t)b * (size_t)s->m, bias->data, (size_t)s->m * sizeof(*y));
	/* An image's logits must not depend on who is beside it in the batch, and a product's order
	 * of sums depends on its size. */
	for (int b = 0; b < t->o.batch && !rc; b += step)
		rc = mea_matmul(false, o->node->a.trans_b, step, s->m, s->k,
				(const float *)o->work + (size_t)b * (size_t)s->k, w,
				bias ? 1.0f : 0.0f, y + (size_t)b * (size_t)s->m);
	return rc;
}

static int linear_backward(struct mea_tnet *t, struct top *o)
{
	struct linear *s = o->state;
	const struct tvalue *x = tnet_in(t, o, 0);
	struct mea_param *w = tnet_param(t, o->node, 1), *bias = tnet_param(t, o->node, 2);
	const float *dy = tnet_out(t, o)->gptr[0];
	bool trans = o->node->a.trans_b;
	int rc = trans ? mea_matmul(true, false, s->m, s->k, t->o.batch, dy, o->work, 0,
				    tnet_gradient(t, w))
		       : mea_matmul(true, false, s->k, s->m, t->o.batch, o->work, dy, 0,
				    tnet_gradient(t, w));

	for (int j = 0; bias && j < s->m; j++) {
		double sum = 0;

		for (int b = 0; b < t->o.batch; b++)
			sum += dy[(size_t)b * (size_t)s->m + (size_t)j];
		bias->grad[j] = (float)sum;
	}
	if (!rc && o->gptr[0]) {
		rc = mea_matmul(false, !trans, t->o.batch, s->k, s->m, dy, tnet_weights(t, w), 0,
				s->dx);
		exchange(&x->map, s->dx, o->gptr[0], false);
		tnet_grad_done(t, o, 0);
	}
	return rc ? rc : tnet_learn(t, w);
}

const struct top_ops top_linear = {
	.kind = TOP_LINEAR,
	.work = linear_work,
	.build = linear_build,
	.forward = linear_forward,
	.backward = linear_backward,
	.free = linear_free,
};
