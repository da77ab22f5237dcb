// SPDX-License-Identifier: Apache-2.0
/* Slice and Split, and what exporters compute shapes and paddings with: ConstantOfShape, Range.
 * Their parameters are constants, or become so when what they depend on is evaluated. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "graph/op.h"

/* --- Slice ------------------------------------------------------------------- */

/* Input i as the numbers that there are of it; rank of them at most. */
static int slice_list(const struct mea_shaping *s, int i, int64_t *list, int *n)
{
	const struct mea_value *v = mea_node_in(s->g, s->n, i);
	struct mea_tensor t;

	if (!v)
		return 0;
	t = mea_value_tensor(v);
	if (!t.data || (t.type != MEA_I32 && t.type != MEA_I64) || t.shape.rank != 1)
		return mea_fail(MEA_EUNSUPPORTED, "input %s is not a constant list", v->name);
	if (t.shape.dim[0] > s->x->shape.rank)
		return mea_fail(MEA_EINVAL, "input %s has more entries than there are dimensions",
				v->name);
	*n = (int)t.shape.dim[0];
	for (int k = 0; k < *n; k++)
		list[k] = mea_tensor_int(&t, (size_t)k);
	return 0;
}

/* Start and step, which is not 0, of one axis into its attributes; returns how many elements are
 * taken. */
static int64_t slice_axis(struct mea_attrs *a, int axis, int64_t dim, int64_t from, int64_t to,
			  int64_t step)
{
	bool back = step < 0;
	int64_t low = back ? -1 : 0, high = back ? dim - 1 : dim;
	int64_t width = back ? -step : step, reach;

	from = from < -dim ? 0 : from < 0 ? from + dim : from > high ? high : from;
	to = to < -dim ? low : to < 0 ? to + dim : to > high ? high : to;
	reach = back ? from - to : to - from;
	a->begin[axis] = from;
	a->step[axis] = step;
	return reach <= 0 ? 0 : 1 + (reach - 1) / width;
}

static int slice_shape(struct mea_shaping *s)
{
	int64_t list[4][MEA_RANK_MAX] = {
		{0}, {0}, {0, 1, 2, 3, 4, 5, 6, 7}, {1, 1, 1, 1, 1, 1, 1, 1}};
	struct mea_attrs *a = &s->n->a;
	int n = 0, rc = 0;

	for (int d = 0; d < s->x->shape.rank; d++) {
		a->begin[d] = 0;
		a->step[d] = 1;
	}
	for (int i = 0; !rc && i < 4; i++) {
		int own = n;

		rc = slice_list(s, i + 1, list[i], &own);
		if (!rc && i && own != n)
			rc = mea_fail(MEA_EINVAL, "starts, ends, axes and steps differ in length");
		n = own;
	}
	for (int k = 0; !rc && k < n; k++) {
		int axis = mea_axis(list[2][k], s->x->shape.rank);
		int64_t step = list[3][k];

		if (axis < 0)
			return axis;
		if (!step || step < -INT32_MAX || step > INT32_MAX)
			return mea_fail(MEA_EINVAL, "step %lld is no step", (long long)step);
		s->out.dim[axis] =
			slice_axis(a, axis, s->x->shape.dim[axis], list[0][k], list[1][k], step);
	}
	return rc;
}

static int slice_eval(const struct mea_call *c)
{
	const struct mea_tensor *x = c->in[0];
	const struct mea_attrs *a = &c->n->a;
	ptrdiff_t step[MEA_RANK_MAX], from = 0, each = 1;

	for (int d = x->shape.rank - 1; d >= 0; d--) {
		from += (ptrdiff_t)a->begin[d] * each;
		step[d] = (ptrdiff_t)a->step[d] * each;
		each *= (ptrdiff_t)x->shape.dim[d];
	}
	mea_copy_steps(x, c->out, from, step);
	return 0;
}

/* Before opset 10 the lists were attributes, which no exporter of today writes. */
MEA_OP(Slice, .in = {3, 5}, .since = 10, .empty = MEA_ANY_INPUT, .shape = slice_shape,
       .eval = slice_eval);

/* --- Split: a node for each part --------------------------------------------- */

#define PARTS_MAX 1024

/* Sizes of the parts: the constant list v, or the attribute, or all alike, the last the rest. */
static int part_size(const struct mea_shaping *s, int64_t dim, int64_t part, int64_t *size)
{
	const struct mea_value *v = mea_node_in(s->g, s->n, 1);
	const struct mea_attrs *a = &s->n->a;
	struct mea_tensor t = v ? mea_value_tensor(v) : (struct mea_tensor){.data = NULL};
	int64_t count = v ? (int64_t)mea_shape_count(&v->shape) : a->n_axes, even;

	if (v && (!t.data || (t.type != MEA_I32 && t.type != MEA_I64)))
		return mea_fail(MEA_EUNSUPPORTED, "input %s is not a constant list", v->name);
	if (count >= 0 && count != a->end)
		return mea_fail(MEA_EINVAL, "%lld sizes for %lld parts", (long long)count,
				(long long)a->end);
	even = (dim + a->end - 1) / a->end;
	*size = v ? mea_tensor_int(&t, (size_t)part) : count >= 0 ? a->axes[part] : even;
	if (count < 0 && part == a->end - 1)
		*size = dim - even * part;
	if (*size < 0 || *size > dim)
		return mea_fail(MEA_EINVAL, "part %lld has %lld of %lld elements", (long long)part,
				(long long)*size, (long long)dim);
	return 0;
}

static int split_shape(struct mea_shaping *s)
{
	struct mea_attrs *a = &s->n->a;
	int axis = mea_axis(a->axis, s->out.rank), rc = axis < 0 ? axis : 0;
	int64_t dim = rc ? 0 : s->out.dim[axis], size = 0, sum = 0;

	if (!rc && (a->end < 1 || a->end > PARTS_MAX))
		rc = mea_fail(MEA_EUNSUPPORTED, "%lld parts are not 1 to %d", (long long)a->end,
			      PARTS_MAX);
	for (int d = 0; d < s->out.rank; d++) {
		a->begin[d] = 0;
		a->step[d] = 1;
	}
	for (int64_t i = 0; !rc && i < a->end; i++) {
		rc = part_size(s, dim, i, &size);
		if (rc)
			break;
		if (i == a->start) {
			a->begin[axis] = sum;
			s->out.dim[axis] = size;
		}
		sum += size;
	}
	if (!rc && sum != dim)
		rc = mea_fail(MEA_EINVAL, "the parts have %lld of %lld elements", (long long)sum,
			      (long long)dim);
	return rc;
}

static const char *split_unwritable(const struct mea_node *n)
{
	(void)n;
	return "a Split of other than channels";
}

MEA_OP(Split, .in = {1, 2}, .since = 2,
       .attrs = {MEA_ATTR_WITH_AXIS(0),
		 MEA_ATTR("split", AXES, axes, 0, INT64_MAX, .unwritten = true),
		 {"num_outputs", MEA_ATTR_IGNORE}},
       .parts = true, .shape = split_shape, .eval = slice_eval, .unwritable = split_unwritable);

/* --- ConstantOfShape --------------------------------------------------------- */

static int filled_shape(struct mea_shaping *s)
{
	struct mea_tensor t = mea_value_tensor(s->x);

	if (!t.data || t.type != MEA_I64 || t.shape.rank != 1 || t.shape.dim[0] > MEA_RANK_MAX)
		return mea_fail(MEA_EUNSUPPORTED, "shape %s is not constant", s->x->name);
	s->out.rank = (int)t.shape.dim[0];
	for (int i = 0; i < s->out.rank; i++)
		s->out.dim[i] = mea_tensor_int(&t, (size_t)i);
	s->type = s->n->a.to;
	return 0;
}

static int filled_eval(const struct mea_call *c)
{
	size_t size = mea_dtype_size(c->out->type), n = mea_shape_count(&c->out->shape);

	/* The least significant bytes come first. */
	for (size_t i = 0; i < n; i++)
		memcpy((char *)c->out->data + i * size,
		       c->out->type == MEA_F32 ? (const void *)&c->n->a.fill
					       : (const void *)&c->n->a.start,
		       size);
	return 0;
}

MEA_OP(ConstantOfShape, .in = {1, 1}, .since = 9, .empty = MEA_ANY_INPUT,
       .attrs = {MEA_ATTR("value", SCALAR, to, .unwritten = true)}, .shape = filled_shape,
       .eval = filled_eval);

/* --- Range -------------------------------------------------------------------- */

static double number(const struct mea_tensor *t)
{
	return t->type == MEA_F32 ? (double)*(const float *)t->data : (double)mea_tensor_int(t, 0);
}

static int range_shape(struct mea_shaping *s)
{
	double v[3], count;

	for (int i = 0; i < 3; i++) {
		const struct mea_value *in = mea_node_in(s->g, s->n, i);
		struct mea_tensor t = mea_value_tensor(in);

		if (!t.data || t.type != s->type || mea_shape_count(&t.shape) != 1)
			return mea_fail(MEA_EUNSUPPORTED, "input %s is not one constant %s",
					in->name, mea_dtype_name(s->type));
		v[i] = number(&t);
	}
	count = ceil((v[1] - v[0]) / v[2]);
	if (!(fabs(count) < 0x1p31))
		return mea_fail(MEA_EINVAL, "%g elements are too many", count);
	s->out = (struct mea_shape){1, {count < 0 ? 0 : (int64_t)count}};
	return 0;
}

static int range_eval(const struct mea_call *c)
{
	const struct mea_tensor *y = c->out;

	for (int64_t i = 0; i < y->shape.dim[0]; i++) {
		if (y->type == MEA_F32)
			((float *)y->data)[i] =
				(float)(number(c->in[0]) + (double)i * number(c->in[2]));
		else if (y->type == MEA_I32)
			((int32_t *)y->data)[i] = (int32_t)(mea_tensor_int(c->in[0], 0) +
							    i * mea_tensor_int(c->in[2], 0));
		else
			((int64_t *)y->data)[i] =
				mea_tensor_int(c->in[0], 0) + i * mea_tensor_int(c->in[2], 0);
	}
	return 0;
}

MEA_OP(Range, .in = {3, 3}, .since = 11, .types = MEA_FLOAT | MEA_TYPE(MEA_I32) | MEA_TYPE(MEA_I64),
       .shape = range_shape, .eval = range_eval);
