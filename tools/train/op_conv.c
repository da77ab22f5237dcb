// SPDX-License-Identifier: Apache-2.0
/*
 * Conv, by oneDNN but for depthwise ones on large maps (depthwise.c). Its AMX kernels work on rows
 * of 16 or 32 pixels, so narrow maps waste most of it: rows of several images are then laid side by
 * side, with the padding between them, as one wide map. Measured on a 3x3 of 512 channels on 4x4
 * maps, batch 128, one core: all three passes 116 ms as they are, 28 ms wide.
 */
#include "train/internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "train/depthwise.h"
#include "train/mem.h"

#define NARROW 8   /* maps up to this width are joined, */
#define WIDE   288 /* to at most this one: over 512 oneDNN 2.6's weight gradient breaks memory */

struct conv {
	struct mea_conv *c;
	int join, gap;		   /* images side by side; 0: as they are */
	void *src, *dst;	   /* the wide maps, with zeros in the gaps of what is read */
	struct mea_depthwise deep; /* what there is instead of c */
	float *packed, *sums;
};

static void conv_free(struct top *o)
{
	struct conv *s = o->state;

	mea_conv_free(s->c);
	mea_mem_free(s->src);
	mea_mem_free(s->dst);
	mea_mem_free(s->packed);
	mea_mem_free(s->sums);
	free(s);
}

/* --- wide maps --------------------------------------------------------------------- */

/* Bytes of the wide form of v. */
static size_t wide_bytes(const struct conv *s, const struct tvalue *v)
{
	return mea_map_bytes(&v->map) / (size_t)v->w * (size_t)(v->w + s->gap);
}

/* Copies v's map, at ptr, into its wide form or back. */
static void wide_copy(const struct conv *s, const struct tvalue *v, void *ptr, void *wide,
		      bool back)
{
	size_t pixel = (size_t)v->map.c * (v->map.bf16 ? 2 : 4), row = (size_t)v->w * pixel;
	size_t gap = (size_t)s->gap * pixel, join = (size_t)s->join, h = (size_t)v->h;

#pragma omp parallel for schedule(static)
	for (size_t b = 0; b < v->map.blocks; b++)
		for (size_t y = 0; y < h; y++) {
			char *p = (char *)ptr + (b * h + y) * row;
			char *q =
				(char *)wide + ((b / join * h + y) * join + b % join) * (row + gap);

			memcpy(back ? p : q, back ? q : p, row);
			if (!back)
				memset(q + row, 0, gap);
		}
}

/* Whether and how widely s's maps are joined. */
static void choose_join(const struct mea_tnet *t, struct mea_conv_shape *d, struct conv *s)
{
	bool same = d->ow == d->iw && d->oh == d->ih;

	for (int i = 0; i < 2; i++)
		same = same && d->stride[i] == 1 && d->dilation[i] == 1;
	s->gap = d->pad[1] > d->pad[3] ? d->pad[1] : d->pad[3];
	if (!same || !t->o.bf16 || d->groups != 1 || d->iw > NARROW || s->gap == 0)
		return;
	for (s->join = WIDE / (d->iw + s->gap); t->o.batch % s->join; s->join--)
		;
	if (s->join < 2) {
		s->join = 0;
		return;
	}
	d->n = t->o.batch / s->join;
	d->iw = d->ow = s->join * (d->iw + s->gap);
}

/* --- depthwise --------------------------------------------------------------------- */

static bool is_depthwise(const struct mea_conv_shape *d)
{
	bool plain = d->groups == d->ic && d->oc == d->ic && !d->bias;

	for (int i = 0; i < 2; i++)
		plain = plain && d->kernel[i] == 3 && d->stride[i] == 1 && d->dilation[i] == 1;
	for (int i = 0; i < 4; i++)
		plain = plain && d->pad[i] == 1;
	return plain;
}

/* Returns 1 where depthwise.c takes the convolution, 0 where it does not. */
/* Not of integers, which depthwise.c does not take one matrix at a time. */
static int depthwise_build(struct conv *s, const struct mea_conv_shape *d, bool train)
{
	struct mea_depthwise deep = {d->n, d->ih, d->iw, d->ic, d->bf16};

	if (d->lean || !is_depthwise(d) || !mea_depthwise_fast(&deep))
		return 0;
	s->packed = mea_mem_new(MEA_MEM_COPIES, mea_depthwise_packed(&deep) * sizeof(float));
	if (train)
		s->sums = mea_mem_new(MEA_MEM_GRADIENTS, mea_depthwise_sums(&deep) * sizeof(float));
	if (!s->packed || (train && !s->sums))
		return mea_nomem();
	s->deep = deep;
	return 1;
}

/* --- the operation --------------------------------------------------------------------- */

/* The same convolution of the net that t shares weights with. */
static const struct mea_conv *like_of(const struct mea_tnet *t, const struct top *o)
{
	const struct conv *s = t->o.like ? t->o.like->ops[o - t->ops].state : NULL;

	return s ? s->c : NULL;
}

static int conv_build(struct mea_tnet *t, struct top *o)
{
	const struct mea_attrs *a = &o->node->a;
	const struct tvalue *x = tnet_in(t, o, 0), *y = tnet_out(t, o);
	const struct mea_param *w = tnet_param(t, o->node, 1);
	struct conv *s = calloc(1, sizeof(*s));
	struct mea_conv_shape d = {
		.n = t->o.batch,
		.ic = x->map.c,
		.ih = x->h,
		.iw = x->w,
		.oc = y->map.c,
		.oh = y->h,
		.ow = y->w,
		.groups = (int)a->group,
		.bias = tnet_param(t, o->node, 2),
		.bf16 = t->o.bf16,
	};
	int rc;

	if (!s)
		return mea_nomem();
	o->state = s;
	if (!w)
		return mea_fail(MEA_EUNSUPPORTED, "weights that are computed cannot be trained");
	d.lean = w->grid;
	for (int i = 0; i < 2; i++) {
		d.kernel[i] = (int)a->kernel[i];
		d.stride[i] = (int)a->stride[i];
		d.dilation[i] = (int)a->dilation[i];
		d.pad[i] = (int)a->pad[i];
		d.pad[i + 2] = (int)a->pad[i + 2];
	}
	rc = depthwise_build(s, &d, o->active);
	if (rc)
		return rc < 0 ? rc : 0;
	choose_join(t, &d, s);
	if (s->join) {
		s->src = mea_mem_new(MEA_MEM_MAPS, wide_bytes(s, x));
		s->dst = mea_mem_new(MEA_MEM_MAPS, wide_bytes(s, y));
		if (!s->src || !s->dst)
			return mea_nomem();
	}
	rc = mea_conv_new(&d, o->gbuf[0] >= 0, o->active && tnet_learns(t, o), like_of(t, o),
			  &s->c);
	if (!rc)
		tnet_lean(t, w, mea_conv_room(s->c));
	return rc;
}

static int conv_refresh(struct mea_tnet *t, struct top *o)
{
	const struct mea_param *w = tnet_param(t, o->node, 1);
	struct conv *s = o->state;

	if (w->grid)
		return 0;
	if (!s->packed)
		return mea_conv_set_weights(s->c, w->data);
	mea_depthwise_pack(&s->deep, w->data, s->packed);
	return 0;
}

static int conv_forward(struct mea_tnet *t, struct top *o)
{
	const struct mea_param *bias = tnet_param(t, o->node, 2), *w = tnet_param(t, o->node, 1);
	const struct tvalue *x = tnet_in(t, o, 0), *y = tnet_out(t, o);
	struct conv *s = o->state;
	int rc;

	if (s->packed) {
		mea_depthwise_forward(&s->deep, s->packed, x->ptr, y->ptr);
		return 0;
	}
	if (w->grid) {
		mea_conv_lend(s->c, t->lean_room);
		rc = mea_conv_set_weights(s->c, tnet_weights(t, w));
		if (rc)
			return rc;
	}
	if (s->join)
		wide_copy(s, x, x->ptr, s->src, false);
	rc = mea_conv_forward(s->c, s->join ? s->src : x->ptr, bias ? bias->data : NULL,
			      s->join ? s->dst : y->ptr);
	if (s->join)
		wide_copy(s, y, y->ptr, s->dst, true);
	return rc;
}

/* Of the input, whose wide form has done its duty and takes the wide gradient. */
static int input_gradient(struct mea_tnet *t, struct top *o, const void *dy)
{
	const struct mea_param *w = tnet_param(t, o->node, 1);
	const struct tvalue *x = tnet_in(t, o, 0);
	struct conv *s = o->state;
	int rc = w->grid ? mea_conv_set_data_weights(s->c, tnet_weights(t, w)) : 0;

	if (!rc)
		rc = mea_conv_backward_data(s->c, dy, s->join ? s->src : o->gptr[0]);
	if (s->join)
		wide_copy(s, x, o->gptr[0], s->src, true);
	tnet_grad_done(t, o, 0);
	return rc;
}

static int conv_backward(struct mea_tnet *t, struct top *o)
{
	struct mea_param *bias = tnet_param(t, o->node, 2), *w = tnet_param(t, o->node, 1);
	const struct tvalue *x = tnet_in(t, o, 0), *y = tnet_out(t, o);
	struct conv *s = o->state;
	const void *src = x->ptr, *dy = y->gptr[0];
	int rc;

	if (s->packed) {
		mea_depthwise_backward(&s->deep, s->packed, src, dy, o->gptr[0], w->grad, s->sums);
		if (o->gptr[0])
			tnet_grad_done(t, o, 0);
		return 0;
	}
	if (s->join) {
		wide_copy(s, x, x->ptr, s->src, false);
		wide_copy(s, y, y->gptr[0], s->dst, false);
		src = s->src;
		dy = s->dst;
	}
	if (w->grid)
		mea_conv_lend(s->c, t->lean_room);
	rc = tnet_learns(t, o) ? mea_conv_backward_weights(s->c, src, dy, tnet_gradient(t, w),
							   bias ? bias->grad : NULL)
			       : 0;
	if (!rc && o->gptr[0])
		rc = input_gradient(t, o, dy);
	/* Both gradients are of the same weights, which change now. */
	return rc || !tnet_learns(t, o) ? rc : tnet_learn(t, w);
}

const struct top_ops top_conv = {
	.kind = TOP_CONV,
	.build = conv_build,
	.refresh = conv_refresh,
	.forward = conv_forward,
	.backward = conv_backward,
	.free = conv_free,
};
