// SPDX-License-Identifier: Apache-2.0
/* Shapes of what only moves elements: Flatten, Reshape, Concat and the like. */
#include "graph/shape.h"

#include <string.h>

#include "base/error.h"

static int infer_flatten(const struct mea_value *x, const struct mea_node *n, struct mea_shape *out)
{
	int64_t axis = n->a.axis;

	/* Here the axis may be the rank itself: everything before it. */
	if (axis < -x->shape.rank || axis > x->shape.rank)
		return mea_fail(MEA_EINVAL, "axis %lld is outside %d dimensions", (long long)axis,
				x->shape.rank);
	if (axis < 0)
		axis += x->shape.rank;
	*out = (struct mea_shape){2, {1, 1}};
	for (int i = 0; i < x->shape.rank; i++)
		out->dim[i >= axis] *= x->shape.dim[i];
	return 0;
}

static int infer_reshape(const struct mea_value *x, const struct mea_value *to,
			 const struct mea_node *n, struct mea_shape *out)
{
	struct mea_tensor t = mea_value_tensor(to);
	int64_t total = (int64_t)mea_shape_count(&x->shape), known = 1;
	int open = -1;

	if (!t.data || t.type != MEA_I64 || t.shape.rank != 1)
		return mea_fail(MEA_EUNSUPPORTED, "shape %s is not constant", to->name);
	if (t.shape.dim[0] > MEA_RANK_MAX)
		return mea_fail(MEA_EUNSUPPORTED, "shape %s has more than %d dimensions", to->name,
				MEA_RANK_MAX);
	out->rank = (int)t.shape.dim[0];
	for (int i = 0; i < out->rank; i++) {
		int64_t d = mea_tensor_int(&t, (size_t)i);

		if (d == 0 && !n->a.allow_zero && i < x->shape.rank)
			d = x->shape.dim[i];
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

/* Marks the node's axes among rank dimensions. */
static int mark_axes(const struct mea_node *n, int rank, bool marked[MEA_RANK_MAX])
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

int mea_reduce_axes(const struct mea_node *n, int rank, bool reduce[MEA_RANK_MAX])
{
	if (n->a.n_axes > 0)
		return mark_axes(n, rank, reduce);
	for (int i = 0; i < MEA_RANK_MAX; i++)
		reduce[i] = !n->a.noop_empty_axes;
	return 0;
}

static int infer_squeeze(const struct mea_value *x, const struct mea_node *n, struct mea_shape *out)
{
	bool drop[MEA_RANK_MAX];
	int rc = mark_axes(n, x->shape.rank, drop);

	if (rc)
		return rc;
	out->rank = 0;
	for (int i = 0; i < x->shape.rank; i++) {
		if (n->a.n_axes < 0)
			drop[i] = x->shape.dim[i] == 1;
		if (drop[i] && x->shape.dim[i] != 1)
			return mea_fail(MEA_EINVAL, "axis %d has %lld elements", i,
					(long long)x->shape.dim[i]);
		if (!drop[i])
			out->dim[out->rank++] = x->shape.dim[i];
	}
	return 0;
}

static int infer_unsqueeze(const struct mea_value *x, const struct mea_node *n,
			   struct mea_shape *out)
{
	bool insert[MEA_RANK_MAX];
	int rc, from = 0;

	if (n->a.n_axes < 0)
		return mea_fail(MEA_EINVAL, "attribute axes is missing");
	out->rank = x->shape.rank + n->a.n_axes;
	if (out->rank > MEA_RANK_MAX)
		return mea_fail(MEA_EUNSUPPORTED, "the result has %d dimensions (at most %d)",
				out->rank, MEA_RANK_MAX);
	rc = mark_axes(n, out->rank, insert);
	for (int i = 0; !rc && i < out->rank; i++)
		out->dim[i] = insert[i] ? 1 : x->shape.dim[from++];
	return rc;
}

static int infer_transpose(const struct mea_value *x, struct mea_node *n, struct mea_shape *out)
{
	bool seen[MEA_RANK_MAX];
	int rank = x->shape.rank, rc;

	if (n->a.n_axes < 0) { /* left out: reversed */
		n->a.n_axes = rank;
		for (int i = 0; i < rank; i++)
			n->a.axes[i] = rank - 1 - i;
	}
	if (n->a.n_axes != rank)
		return mea_fail(MEA_EINVAL, "perm has %d entries for %d dimensions", n->a.n_axes,
				rank);
	rc = mark_axes(n, rank, seen);
	out->rank = rank;
	for (int i = 0; !rc && i < rank; i++)
		out->dim[i] = x->shape.dim[n->a.axes[i]];
	return rc;
}

static int infer_concat(const struct mea_graph *g, const struct mea_node *n, struct mea_shape *out)
{
	const struct mea_value *x = mea_node_in(g, n, 0);
	int axis = mea_axis(n->a.axis, x->shape.rank);
	int64_t sum = 0;

	if (axis < 0)
		return axis;
	*out = x->shape;
	for (int i = 0; i < n->n_in; i++) {
		const struct mea_value *v = mea_node_in(g, n, i);
		struct mea_shape s;

		if (!v)
			return mea_fail(MEA_EINVAL, "input %d is left out", i);
		s = v->shape;
		sum += v->shape.dim[axis];
		s.dim[axis] = out->dim[axis];
		if (v->type != x->type || !mea_shape_equal(&s, out))
			return mea_fail(MEA_EINVAL, "input %s does not fit the others", v->name);
	}
	out->dim[axis] = sum;
	return 0;
}

static int infer_gather(const struct mea_graph *g, const struct mea_node *n, struct mea_shape *out)
{
	const struct mea_value *x = mea_node_in(g, n, 0), *i = mea_node_in(g, n, 1);
	int axis = mea_axis(n->a.axis, x->shape.rank), rank = 0;

	if (axis < 0)
		return axis;
	if (i->type != MEA_I32 && i->type != MEA_I64)
		return mea_fail(MEA_EINVAL, "indices %s are not integers", i->name);
	if (x->shape.rank + i->shape.rank - 1 > MEA_RANK_MAX)
		return mea_fail(MEA_EUNSUPPORTED, "the result has more than %d dimensions",
				MEA_RANK_MAX);
	for (int d = 0; d < axis; d++)
		out->dim[rank++] = x->shape.dim[d];
	for (int d = 0; d < i->shape.rank; d++)
		out->dim[rank++] = i->shape.dim[d];
	for (int d = axis + 1; d < x->shape.rank; d++)
		out->dim[rank++] = x->shape.dim[d];
	out->rank = rank;
	return 0;
}

static int infer_reduce(const struct mea_value *x, const struct mea_node *n, struct mea_shape *out)
{
	bool reduce[MEA_RANK_MAX];
	int rc = mea_reduce_axes(n, x->shape.rank, reduce);

	if (!rc && x->type != MEA_F32)
		rc = mea_fail(MEA_EUNSUPPORTED, "input %s of type %s is not supported", x->name,
			      mea_dtype_name(x->type));
	out->rank = 0;
	for (int i = 0; !rc && i < x->shape.rank; i++) {
		if (!reduce[i])
			out->dim[out->rank++] = x->shape.dim[i];
		else if (n->a.keepdims)
			out->dim[out->rank++] = 1;
	}
	return rc;
}

/* Shape's start and end: counted from the back when negative, then clamped. */
static int64_t slice_bound(int64_t v, int rank)
{
	if (v < 0)
		v = v < -rank ? 0 : v + rank;
	return v > rank ? rank : v;
}

int mea_infer_move(const struct mea_graph *g, struct mea_node *n, enum mea_dtype *type,
		   struct mea_shape *out)
{
	const struct mea_value *x = mea_node_in(g, n, 0);
	int64_t from, to;

	switch (n->op) {
	case MEA_OP_Flatten:
		return infer_flatten(x, n, out);
	case MEA_OP_Reshape:
		return infer_reshape(x, mea_node_in(g, n, 1), n, out);
	case MEA_OP_Squeeze:
		return infer_squeeze(x, n, out);
	case MEA_OP_Unsqueeze:
		return infer_unsqueeze(x, n, out);
	case MEA_OP_Transpose:
		return infer_transpose(x, n, out);
	case MEA_OP_Concat:
		return infer_concat(g, n, out);
	case MEA_OP_Gather:
		return infer_gather(g, n, out);
	case MEA_OP_ReduceMean:
		return infer_reduce(x, n, out);
	case MEA_OP_Shape:
		from = slice_bound(n->a.start, x->shape.rank);
		to = slice_bound(n->a.end, x->shape.rank);
		*type = MEA_I64;
		*out = (struct mea_shape){1, {to > from ? to - from : 0}};
		return 0;
	default:
		return mea_fail(MEA_EUNSUPPORTED, "its shape is not known");
	}
}
