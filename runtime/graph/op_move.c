// SPDX-License-Identifier: Apache-2.0
/* Operations that only move elements. */
#include <string.h>

#include "base/error.h"
#include "graph/onnx_io.h"
#include "graph/op.h"

static int copy_eval(const struct mea_call *c)
{
	size_t bytes = mea_shape_count(&c->out->shape) * mea_dtype_size(c->out->type);

	if (bytes)
		memcpy(c->out->data, c->in[0]->data, bytes);
	return 0;
}

/* --- the shape alone -------------------------------------------------------- */

static int flatten_shape(struct mea_shaping *s)
{
	const struct mea_shape *x = &s->x->shape;
	int64_t axis = s->n->a.axis;

	/* Here the axis may be the rank itself: everything before it. */
	if (axis < -x->rank || axis > x->rank)
		return mea_fail(MEA_EINVAL, "axis %lld is outside %d dimensions", (long long)axis,
				x->rank);
	if (axis < 0)
		axis += x->rank;
	s->out = (struct mea_shape){2, {1, 1}};
	for (int i = 0; i < x->rank; i++)
		s->out.dim[i >= axis] *= x->dim[i];
	return 0;
}

static int reshape_shape(struct mea_shaping *s)
{
	const struct mea_value *to = mea_node_in(s->g, s->n, 1);
	const struct mea_shape *x = &s->x->shape;
	struct mea_shape *out = &s->out;
	struct mea_tensor t = mea_value_tensor(to);
	int64_t total = (int64_t)mea_shape_count(x), known = 1;
	int open = -1;

	if (!t.data || t.type != MEA_I64 || t.shape.rank != 1)
		return mea_fail(MEA_EUNSUPPORTED, "shape %s is not constant", to->name);
	if (t.shape.dim[0] > MEA_RANK_MAX)
		return mea_fail(MEA_EUNSUPPORTED, "shape %s has more than %d dimensions", to->name,
				MEA_RANK_MAX);
	out->rank = (int)t.shape.dim[0];
	for (int i = 0; i < out->rank; i++) {
		int64_t d = mea_tensor_int(&t, (size_t)i);

		if (d == 0 && !s->n->a.allow_zero && i < x->rank)
			d = x->dim[i];
		if (d == -1 && open < 0) {
			open = i;
			continue;
		}
		if (d < 0 || (d && known > total / d))
			return mea_fail(MEA_EINVAL, "shape %s does not fit %lld elements", to->name,
					(long long)total);
		out->dim[i] = d;
		known *= d;
	}
	if (open >= 0) {
		out->dim[open] = known ? total / known : 0;
		known *= out->dim[open];
	}
	if (known != total)
		return mea_fail(MEA_EINVAL, "shape %s does not fit %lld elements", to->name,
				(long long)total);
	return 0;
}

int mea_mark_axes(const struct mea_node *n, int rank, bool marked[MEA_RANK_MAX])
{
	memset(marked, 0, MEA_RANK_MAX);
	for (int i = 0; i < n->a.n_axes; i++) {
		int axis = mea_axis(n->a.axes[i], rank);

		if (axis < 0)
			return axis;
		if (marked[axis])
			return mea_fail(MEA_EINVAL, "axis %d is given twice", axis);
		marked[axis] = true;
	}
	return 0;
}

int mea_read_axes(const struct mea_onnx_reader *r, struct mea_node *n)
{
	const struct mea_value *v = mea_node_in(r->g, n, 1);
	struct mea_tensor t;
	size_t count;

	if (!v) {
		n->n_in = 1;
		return 0;
	}
	t = mea_value_tensor(v);
	count = mea_shape_count(&t.shape);
	if (!t.data || t.type != MEA_I64 || count > MEA_RANK_MAX)
		return mea_node_fail(r->g, n, MEA_EUNSUPPORTED, "axes are not constant");
	for (size_t i = 0; i < count; i++)
		n->a.axes[i] = mea_tensor_int(&t, i);
	n->a.n_axes = (int)count;
	n->n_in = 1;
	return 0;
}

static int squeeze_shape(struct mea_shaping *s)
{
	const struct mea_shape *x = &s->x->shape;
	bool drop[MEA_RANK_MAX];
	int rc = mea_mark_axes(s->n, x->rank, drop);

	if (rc)
		return rc;
	s->out.rank = 0;
	for (int i = 0; i < x->rank; i++) {
		if (s->n->a.n_axes < 0)
			drop[i] = x->dim[i] == 1;
		if (drop[i] && x->dim[i] != 1)
			return mea_fail(MEA_EINVAL, "axis %d has %lld elements", i,
					(long long)x->dim[i]);
		if (!drop[i])
			s->out.dim[s->out.rank++] = x->dim[i];
	}
	return 0;
}

static int unsqueeze_shape(struct mea_shaping *s)
{
	struct mea_shape *out = &s->out;
	bool insert[MEA_RANK_MAX];
	int rc, from = 0;

	if (s->n->a.n_axes < 0)
		return mea_fail(MEA_EINVAL, "attribute axes is missing");
	out->rank = s->x->shape.rank + s->n->a.n_axes;
	if (out->rank > MEA_RANK_MAX)
		return mea_fail(MEA_EUNSUPPORTED, "the result has %d dimensions (at most %d)",
				out->rank, MEA_RANK_MAX);
	rc = mea_mark_axes(s->n, out->rank, insert);
	for (int i = 0; !rc && i < out->rank; i++)
		out->dim[i] = insert[i] ? 1 : s->x->shape.dim[from++];
	return rc;
}

/* Dropout does nothing unless it is told that it trains. */
static int dropout_read(const struct mea_onnx_reader *r, struct mea_node *n)
{
	const struct mea_value *v = mea_node_in(r->g, n, 2);
	struct mea_tensor t;

	if (v) {
		t = mea_value_tensor(v);
		if (!t.data || t.type != MEA_BOOL || mea_shape_count(&t.shape) != 1 ||
		    mea_tensor_int(&t, 0))
			return mea_node_fail(r->g, n, MEA_EUNSUPPORTED,
					     "training_mode is not the constant false");
	}
	n->n_in = 1;
	return 0;
}

#define ONE_INPUT .in = {1, 1}, .since = 1, .eval = copy_eval

MEA_OP(Flatten, ONE_INPUT, .attrs = {MEA_ATTR_WITH_AXIS(1)}, .shape = flatten_shape,
       .quant = MEA_QUANT_MOVE);

/* The shape that makes a scalar has no elements. */
MEA_OP(Reshape, .in = {2, 2}, .since = 5, .empty = 1u << 1,
       .attrs = {MEA_ATTR("allowzero", BOOL, allow_zero, .unwritten = true)},
       .shape = reshape_shape, .eval = copy_eval);

#define AXES_INPUT                                                                                 \
	.in = {1, 2}, .since = 1, .empty = MEA_ANY_INPUT, .read = mea_read_axes,                   \
	.eval = copy_eval,                                                                         \
	.attrs = {MEA_ATTR("axes", AXES, axes, -MEA_AXIS_MAX, MEA_AXIS_MAX, .input_since = 13)}

MEA_OP(Squeeze, AXES_INPUT, .shape = squeeze_shape);
MEA_OP(Unsqueeze, AXES_INPUT, .shape = unsqueeze_shape);

MEA_OP(Identity, ONE_INPUT, .empty = MEA_ANY_INPUT, .quant = MEA_QUANT_MOVE);

MEA_OP(Dropout, .in = {1, 3}, .since = 7,
       .attrs = {{"ratio", MEA_ATTR_IGNORE}, {"seed", MEA_ATTR_IGNORE}}, .read = dropout_read,
       .eval = copy_eval);

/* --- the order --------------------------------------------------------------- */

void mea_copy_steps(const struct mea_tensor *x, const struct mea_tensor *y, ptrdiff_t from,
		    const ptrdiff_t *step)
{
	size_t size = mea_dtype_size(x->type), total = mea_shape_count(&y->shape);
	int64_t at[MEA_RANK_MAX] = {0};

	for (size_t i = 0; i < total; i++) {
		memcpy((char *)y->data + i * size, (const char *)x->data + from * (ptrdiff_t)size,
		       size);
		for (int d = y->shape.rank - 1; d >= 0; d--) {
			from += step[d];
			if (++at[d] < y->shape.dim[d])
				break;
			from -= step[d] * (ptrdiff_t)at[d];
			at[d] = 0;
		}
	}
}

static int transpose_eval(const struct mea_call *c)
{
	const struct mea_tensor *x = c->in[0];
	ptrdiff_t x_step[MEA_RANK_MAX], step[MEA_RANK_MAX], s = 1;
	int rank = x->shape.rank;

	for (int d = rank - 1; d >= 0; d--) {
		x_step[d] = s;
		s *= (ptrdiff_t)x->shape.dim[d];
	}
	for (int d = 0; d < rank; d++) {
		int axis = (int)(c->n->a.axes[d] < 0 ? c->n->a.axes[d] + rank : c->n->a.axes[d]);

		step[d] = x_step[axis];
	}
	mea_copy_steps(x, c->out, 0, step);
	return 0;
}

static int transpose_shape(struct mea_shaping *s)
{
	struct mea_node *n = s->n;
	bool seen[MEA_RANK_MAX];
	int rank = s->x->shape.rank, rc;

	if (n->a.n_axes < 0) { /* left out: reversed */
		n->a.n_axes = rank;
		for (int i = 0; i < rank; i++)
			n->a.axes[i] = rank - 1 - i;
	}
	if (n->a.n_axes != rank)
		return mea_fail(MEA_EINVAL, "perm has %d entries for %d dimensions", n->a.n_axes,
				rank);
	rc = mea_mark_axes(n, rank, seen);
	for (int i = 0; !rc && i < rank; i++)
		s->out.dim[i] = s->x->shape.dim[n->a.axes[i]];
	return rc;
}

/* Elements before and from axis on, the axis itself with the latter. */
static void split(const struct mea_shape *s, int axis, size_t *outer, size_t *inner)
{
	*outer = *inner = 1;
	for (int d = 0; d < s->rank; d++)
		*(d < axis ? outer : inner) *= (size_t)s->dim[d];
}

static int concat_eval(const struct mea_call *c)
{
	const struct mea_node *n = c->n;
	const struct mea_tensor *const *in = c->in, *y = c->out;
	int axis = (int)(n->a.axis < 0 ? n->a.axis + y->shape.rank : n->a.axis);
	size_t outer, line, size = mea_dtype_size(y->type), at = 0;

	split(&y->shape, axis, &outer, &line);
	for (int i = 0; i < n->n_in; i++) {
		size_t own_outer, own;

		split(&in[i]->shape, axis, &own_outer, &own);
		for (size_t o = 0; own && o < outer; o++)
			memcpy((char *)y->data + (o * line + at) * size,
			       (const char *)in[i]->data + o * own * size, own * size);
		at += own;
	}
	return 0;
}

static int concat_shape(struct mea_shaping *s)
{
	int axis = mea_axis(s->n->a.axis, s->out.rank);
	int64_t sum = 0;

	if (axis < 0)
		return axis;
	for (int i = 0; i < s->n->n_in; i++) {
		const struct mea_value *v = mea_node_in(s->g, s->n, i);
		struct mea_shape own;

		if (!v)
			return mea_fail(MEA_EINVAL, "input %d is left out", i);
		own = v->shape;
		sum += v->shape.dim[axis];
		own.dim[axis] = s->out.dim[axis];
		if (v->type != s->type || !mea_shape_equal(&own, &s->out))
			return mea_fail(MEA_EINVAL, "input %s does not fit the others", v->name);
	}
	s->out.dim[axis] = sum;
	return 0;
}

static int gather_eval(const struct mea_call *c)
{
	const struct mea_tensor *x = c->in[0], *index = c->in[1], *y = c->out;
	int axis = (int)(c->n->a.axis < 0 ? c->n->a.axis + x->shape.rank : c->n->a.axis);
	size_t outer, line, size = mea_dtype_size(x->type), count = mea_shape_count(&index->shape);
	size_t own;
	int64_t dim = x->shape.dim[axis];

	split(&x->shape, axis, &outer, &line);
	own = dim ? line / (size_t)dim : 0;
	for (size_t o = 0; o < outer; o++) {
		for (size_t i = 0; i < count; i++) {
			int64_t v = mea_tensor_int(index, i);

			if (v < -dim || v >= dim)
				return mea_fail(MEA_EINVAL, "index %lld is outside %lld elements",
						(long long)v, (long long)dim);
			v += v < 0 ? dim : 0;
			memcpy((char *)y->data + (o * count + i) * own * size,
			       (const char *)x->data + (o * line + (size_t)v * own) * size,
			       own * size);
		}
	}
	return 0;
}

static int gather_shape(struct mea_shaping *s)
{
	const struct mea_value *x = s->x, *i = mea_node_in(s->g, s->n, 1);
	int axis = mea_axis(s->n->a.axis, x->shape.rank), rank = 0;

	if (axis < 0)
		return axis;
	if (i->type != MEA_I32 && i->type != MEA_I64)
		return mea_fail(MEA_EINVAL, "indices %s are not integers", i->name);
	if (x->shape.rank + i->shape.rank - 1 > MEA_RANK_MAX)
		return mea_fail(MEA_EUNSUPPORTED, "the result has more than %d dimensions",
				MEA_RANK_MAX);
	for (int d = 0; d < axis; d++)
		s->out.dim[rank++] = x->shape.dim[d];
	for (int d = 0; d < i->shape.rank; d++)
		s->out.dim[rank++] = i->shape.dim[d];
	for (int d = axis + 1; d < x->shape.rank; d++)
		s->out.dim[rank++] = x->shape.dim[d];
	s->out.rank = rank;
	return 0;
}

/* Shape's start and end: counted from the back when negative, then clamped. */
static int64_t slice_bound(int64_t v, int rank)
{
	if (v < 0)
		v = v < -rank ? 0 : v + rank;
	return v > rank ? rank : v;
}

static int shape_shape(struct mea_shaping *s)
{
	int64_t from = slice_bound(s->n->a.start, s->x->shape.rank);
	int64_t to = slice_bound(s->n->a.end, s->x->shape.rank);

	s->type = MEA_I64;
	s->out = (struct mea_shape){1, {to > from ? to - from : 0}};
	return 0;
}

static int shape_eval(const struct mea_call *c)
{
	const struct mea_shape *x = &c->in[0]->shape;
	int64_t from = slice_bound(c->n->a.start, x->rank);

	for (int64_t i = 0; i < c->out->shape.dim[0]; i++)
		((int64_t *)c->out->data)[i] = x->dim[from + i];
	return 0;
}

MEA_OP(Transpose, .in = {1, 1}, .since = 1,
       .attrs = {MEA_ATTR("perm", AXES, axes, 0, MEA_AXIS_MAX)}, .shape = transpose_shape,
       .eval = transpose_eval);

MEA_OP(Concat, .in = {1, 4096}, .since = 4, .empty = MEA_ANY_INPUT,
       .attrs = {MEA_ATTR_WITH_AXIS(0)}, .shape = concat_shape, .eval = concat_eval,
       .quant = MEA_QUANT_MOVE, .lower = mea_lower_concat);

MEA_OP(Gather, .in = {2, 2}, .since = 1, .empty = MEA_ANY_INPUT, .attrs = {MEA_ATTR_WITH_AXIS(0)},
       .shape = gather_shape, .eval = gather_eval, .quant = MEA_QUANT_MOVE);

MEA_OP(Shape, .in = {1, 1}, .since = 1, .empty = MEA_ANY_INPUT,
       .attrs = {MEA_ATTR("start", INT, start, INT64_MIN, INT64_MAX, .unwritten = true),
		 MEA_ATTR("end", INT, end, INT64_MIN, INT64_MAX, MEA_RANK_MAX, .unwritten = true)},
       .shape = shape_shape, .eval = shape_eval);
