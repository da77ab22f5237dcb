// SPDX-License-Identifier: Apache-2.0
/* Windows, pools and ReduceMean. */
#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "graph/op.h"

/* One window along one axis: taps from .. to of the kernel lie inside the input,
 * counted taps lie inside the padded input. */
struct span {
	int64_t start, from, to, counted;
};

static struct span span_of(const struct mea_attrs *a, int axis, int64_t size, int64_t at)
{
	struct span s = {.start = at * a->stride[axis] - a->pad[axis]};
	int64_t d = a->dilation[axis];

	s.to = s.from = s.start < 0 ? (-s.start + d - 1) / d : 0;
	for (int64_t k = 0; k < a->kernel[axis]; k++) {
		int64_t i = s.start + k * d;

		s.counted += i < size + a->pad[axis + 2];
		if (k >= s.from && i < size)
			s.to = k + 1;
	}
	return s;
}

/* The largest or the mean of a window's elements; plane is the index of the first of its map. */
static float window_of(const struct mea_call *c, size_t plane, struct span sy, struct span sx)
{
	const struct mea_attrs *a = &c->n->a;
	const struct mea_tensor *x = c->in[0];
	int64_t count = (sy.to - sy.from) * (sx.to - sx.from);
	float best = x->type == MEA_F32 ? -FLT_MAX : x->type == MEA_U8 ? 0 : -128, sum = 0;

	for (int64_t ky = sy.from; ky < sy.to; ky++) {
		size_t line = plane + (size_t)((sy.start + ky * a->dilation[0]) * x->shape.dim[3]);

		for (int64_t kx = sx.from; kx < sx.to; kx++) {
			size_t at = line + (size_t)(sx.start + kx * a->dilation[1]);
			float v = x->type == MEA_F32 ? ((const float *)x->data)[at]
						     : (float)mea_tensor_int(x, at);

			best = v > best ? v : best;
			sum += v;
		}
	}
	if (c->n->op == MEA_OP_MaxPool)
		return best;
	if (a->count_include_pad)
		count = sy.counted * sx.counted;
	return count ? sum / (float)count : 0;
}

static int pool_eval(const struct mea_call *c)
{
	const struct mea_shape *x = &c->in[0]->shape, *y = &c->out->shape;
	size_t size = (size_t)(x->dim[2] * x->dim[3]), i = 0;

	for (size_t p = 0; p < (size_t)(x->dim[0] * x->dim[1]); p++) {
		for (int64_t oy = 0; oy < y->dim[2]; oy++) {
			struct span sy = span_of(&c->n->a, 0, x->dim[2], oy);

			for (int64_t ox = 0; ox < y->dim[3]; ox++, i++) {
				struct span sx = span_of(&c->n->a, 1, x->dim[3], ox);
				float v = window_of(c, p * size, sy, sx);

				if (c->out->type == MEA_F32)
					((float *)c->out->data)[i] = v;
				else
					((uint8_t *)c->out->data)[i] = (uint8_t)(int)v;
			}
		}
	}
	return 0;
}

static int global_eval(const struct mea_call *c)
{
	const struct mea_tensor *x = c->in[0], *out = c->out;
	size_t planes = mea_shape_count(&out->shape), size = mea_shape_count(&x->shape) / planes;
	const float *d = x->data;

	for (size_t p = 0; p < planes; p++, d += size) {
		double sum = 0;
		float best = d[0];

		for (size_t i = 0; i < size; i++) {
			sum += d[i];
			best = d[i] > best ? d[i] : best;
		}
		((float *)out->data)[p] =
			c->n->op == MEA_OP_GlobalMaxPool ? best : (float)(sum / (double)size);
	}
	return 0;
}

/* Marks the axes that n reduces, all of them when it names none. */
static int reduced_axes(const struct mea_node *n, int rank, bool reduce[MEA_RANK_MAX])
{
	if (n->a.n_axes > 0)
		return mea_mark_axes(n, rank, reduce);
	for (int i = 0; i < MEA_RANK_MAX; i++)
		reduce[i] = !n->a.noop_empty_axes;
	return 0;
}

/* Sums in double: the reduced elements come in any order of memory. */
static int mean_eval(const struct mea_call *c)
{
	const struct mea_tensor *x = c->in[0], *out = c->out;
	size_t total = mea_shape_count(&x->shape), kept = mea_shape_count(&out->shape);
	double *sum = calloc(kept + 1, sizeof(*sum));
	int64_t at[MEA_RANK_MAX] = {0};
	bool reduce[MEA_RANK_MAX];

	if (!sum)
		return mea_nomem();
	reduced_axes(c->n, x->shape.rank, reduce);
	for (size_t i = 0; i < total; i++) {
		size_t to = 0;

		for (int d = 0; d < x->shape.rank; d++)
			if (!reduce[d])
				to = to * (size_t)x->shape.dim[d] + (size_t)at[d];
		sum[to] += ((const float *)x->data)[i];
		for (int d = x->shape.rank - 1; d >= 0 && ++at[d] == x->shape.dim[d]; d--)
			at[d] = 0;
	}
	for (size_t i = 0; i < kept; i++)
		((float *)out->data)[i] = (float)(sum[i] / (double)(total / kept));
	free(sum);
	return 0;
}

/* --- shapes ---------------------------------------------------------------- */

/* Pads of one spatial axis for SAME: the output is the input over the stride. */
static void same_pads(struct mea_attrs *a, int axis, int64_t in)
{
	int64_t out = (in + a->stride[axis] - 1) / a->stride[axis];
	int64_t span = (out - 1) * a->stride[axis] + (a->kernel[axis] - 1) * a->dilation[axis] + 1;
	int64_t total = span > in ? span - in : 0;

	a->pad[axis] = a->auto_pad == MEA_PAD_SAME_LOWER ? (total + 1) / 2 : total / 2;
	a->pad[axis + 2] = total - a->pad[axis];
}

/* Positions of the window along one spatial axis of in elements. */
static int window_axis(struct mea_attrs *a, int axis, int64_t in, bool ceil_mode, int64_t *out)
{
	int64_t reach = (a->kernel[axis] - 1) * a->dilation[axis] + 1;
	int64_t span, n;

	if (a->auto_pad == MEA_PAD_SAME_UPPER || a->auto_pad == MEA_PAD_SAME_LOWER)
		same_pads(a, axis, in);
	else if (a->auto_pad == MEA_PAD_VALID)
		a->pad[axis] = a->pad[axis + 2] = 0;
	span = in + a->pad[axis] + a->pad[axis + 2] - reach;
	if (span < 0)
		return mea_fail(MEA_EINVAL,
				"a kernel that reaches over %lld does not fit %lld padded inputs",
				(long long)reach, (long long)(span + reach));
	n = span / a->stride[axis] + 1;
	/* The extra window of ceil_mode must begin before the trailing padding. */
	if (ceil_mode && span % a->stride[axis] && n * a->stride[axis] < in + a->pad[axis])
		n++;
	*out = n;
	return 0;
}

int mea_window(struct mea_node *n, const struct mea_shape *x, int64_t *dim)
{
	int rc = 0;

	for (int i = 0; !rc && i < 2; i++)
		rc = window_axis(&n->a, i, x->dim[2 + i], n->a.ceil_mode, &dim[i]);
	n->a.auto_pad = MEA_PAD_NOTSET;
	return rc;
}

static int pool_shape(struct mea_shaping *s)
{
	const struct mea_attrs *a = &s->n->a;
	int rc;

	if (!a->kernel[0])
		return mea_fail(MEA_EINVAL, "attribute kernel_shape is missing");
	rc = mea_window(s->n, &s->x->shape, s->out.dim + 2);
	for (int i = 0; !rc && i < 2; i++) {
		int64_t reach = (a->kernel[i] - 1) * a->dilation[i] + 1;

		if (a->pad[i] >= reach || a->pad[i + 2] >= reach)
			rc = mea_fail(MEA_EUNSUPPORTED, "pads are not smaller than the kernel");
	}
	return rc;
}

static int global_shape(struct mea_shaping *s)
{
	for (int i = 2; i < s->out.rank; i++)
		s->out.dim[i] = 1;
	return 0;
}

static int mean_shape(struct mea_shaping *s)
{
	const struct mea_shape *x = &s->x->shape;
	bool reduce[MEA_RANK_MAX];
	int rc = reduced_axes(s->n, x->rank, reduce);

	s->out.rank = 0;
	for (int i = 0; !rc && i < x->rank; i++) {
		if (!reduce[i])
			s->out.dim[s->out.rank++] = x->dim[i];
		else if (s->n->a.keepdims)
			s->out.dim[s->out.rank++] = 1;
	}
	return rc;
}

static uint64_t pool_steps(const struct mea_graph *g, const struct mea_node *n)
{
	(void)g;
	return (uint64_t)(n->a.kernel[0] * n->a.kernel[1]);
}

/* --- rows ------------------------------------------------------------------ */

static const char *average_unwritable(const struct mea_node *n)
{
	bool dilated = n->a.dilation[0] > 1 || n->a.dilation[1] > 1;

	return dilated ? "a dilated AveragePool" : NULL;
}

static const char *mean_unwritable(const struct mea_node *n)
{
	return n->a.noop_empty_axes && n->a.n_axes <= 0 ? "a ReduceMean over nothing" : NULL;
}

MEA_OP(MaxPool, .in = {1, 1}, .since = 1, .types = MEA_FLOAT | MEA_INT8S, .rank = {4, 4},
       .attrs = {MEA_ATTRS_OF_WINDOW(false),
		 MEA_ATTR("ceil_mode", BOOL, ceil_mode),
		 {"storage_order", MEA_ATTR_IGNORE}},
       .shape = pool_shape, .eval = pool_eval, .steps = pool_steps, .quant = MEA_QUANT_SELECT,
       .lower = mea_lower_pool);

MEA_OP(AveragePool, .in = {1, 1}, .since = 1, .types = MEA_FLOAT, .rank = {4, 4},
       .attrs = {MEA_ATTRS_OF_WINDOW(true),
		 MEA_ATTR("ceil_mode", BOOL, ceil_mode),
		 MEA_ATTR("count_include_pad", BOOL, count_include_pad),
		 {"channels_last", MEA_ATTR_FIXED, .lo = 0}},
       .shape = pool_shape, .eval = pool_eval, .steps = pool_steps, .quant = MEA_QUANT_OWN,
       .lower = mea_lower_pool, .unwritable = average_unwritable);

MEA_OP(GlobalAveragePool, .in = {1, 1}, .since = 1, .types = MEA_FLOAT, .rank = {3, MEA_RANK_MAX},
       .attrs = {{"channels_last", MEA_ATTR_FIXED, .lo = 0}}, .shape = global_shape,
       .eval = global_eval, .quant = MEA_QUANT_OWN, .lower = mea_lower_pool);

MEA_OP(GlobalMaxPool, .in = {1, 1}, .since = 1, .types = MEA_FLOAT, .rank = {3, MEA_RANK_MAX},
       .shape = global_shape, .eval = global_eval, .quant = MEA_QUANT_SELECT,
       .lower = mea_lower_pool);

MEA_OP(ReduceMean, .in = {1, 2}, .since = 1, .types = MEA_FLOAT,
       .attrs = {MEA_ATTR("axes", AXES, axes, -MEA_AXIS_MAX, MEA_AXIS_MAX, .input_since = 18),
		 MEA_ATTR("keepdims", BOOL, keepdims, .otherwise = 1),
		 MEA_ATTR("noop_with_empty_axes", BOOL, noop_empty_axes, .unwritten = true)},
       .read = mea_read_axes, .shape = mean_shape, .eval = mean_eval,
       .unwritable = mean_unwritable);
