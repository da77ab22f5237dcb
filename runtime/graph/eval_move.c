// SPDX-License-Identifier: Apache-2.0
/* Operations that only move elements. */
#include "graph/eval.h"

#include <string.h>

#include "base/error.h"

static void copy_all(const struct mea_tensor *x, const struct mea_tensor *y)
{
	size_t bytes = mea_shape_count(&y->shape) * mea_dtype_size(y->type);

	if (bytes)
		memcpy(y->data, x->data, bytes);
}

static void transpose(const struct mea_node *n, const struct mea_tensor *x,
		      const struct mea_tensor *y)
{
	size_t size = mea_dtype_size(x->type), total = mea_shape_count(&y->shape), from = 0;
	size_t x_step[MEA_RANK_MAX], step[MEA_RANK_MAX], s = 1;
	int64_t at[MEA_RANK_MAX] = {0};
	int rank = x->shape.rank;

	for (int d = rank - 1; d >= 0; d--) {
		x_step[d] = s;
		s *= (size_t)x->shape.dim[d];
	}
	for (int d = 0; d < rank; d++) {
		int axis = (int)(n->a.axes[d] < 0 ? n->a.axes[d] + rank : n->a.axes[d]);

		step[d] = x_step[axis];
	}
	for (size_t i = 0; i < total; i++) {
		memcpy((char *)y->data + i * size, (const char *)x->data + from * size, size);
		for (int d = rank - 1; d >= 0; d--) {
			from += step[d];
			if (++at[d] < y->shape.dim[d])
				break;
			from -= step[d] * (size_t)at[d];
			at[d] = 0;
		}
	}
}

/* Elements before and from axis on, the axis itself with the latter. */
static void split(const struct mea_shape *s, int axis, size_t *outer, size_t *inner)
{
	*outer = *inner = 1;
	for (int d = 0; d < s->rank; d++)
		*(d < axis ? outer : inner) *= (size_t)s->dim[d];
}

static void concat(const struct mea_node *n, const struct mea_tensor *const *in,
		   const struct mea_tensor *y)
{
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
}

static int gather(const struct mea_node *n, const struct mea_tensor *x,
		  const struct mea_tensor *index, const struct mea_tensor *y)
{
	int axis = (int)(n->a.axis < 0 ? n->a.axis + x->shape.rank : n->a.axis);
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

static void pad(const struct mea_node *n, const struct mea_tensor *x, const struct mea_tensor *y)
{
	const int64_t *p = n->a.pad, *xd = x->shape.dim, *yd = y->shape.dim;
	size_t total = mea_shape_count(&y->shape);
	const float *from = x->data;
	float *to = y->data;

	if (!p[0] && !p[1] && !p[2] && !p[3]) {
		copy_all(x, y);
		return;
	}
	for (size_t i = 0; i < total; i++)
		to[i] = n->a.fill;
	for (int64_t plane = 0; plane < xd[0] * xd[1]; plane++)
		for (int64_t row = 0; row < xd[2]; row++, from += xd[3])
			memcpy(to + (plane * yd[2] + row + p[0]) * yd[3] + p[1], from,
			       sizeof(*from) * (size_t)xd[3]);
}

static void shape_of(const struct mea_node *n, const struct mea_tensor *x,
		     const struct mea_tensor *y)
{
	int64_t start = n->a.start < 0 ? n->a.start + x->shape.rank : n->a.start;

	if (start < 0)
		start = 0;
	for (int64_t i = 0; i < y->shape.dim[0]; i++)
		((int64_t *)y->data)[i] = x->shape.dim[start + i];
}

int mea_eval_move(const struct mea_node *n, const struct mea_tensor *const *in,
		  const struct mea_tensor *out)
{
	switch (n->op) {
	case MEA_OP_Transpose:
		transpose(n, in[0], out);
		return 0;
	case MEA_OP_Concat:
		concat(n, in, out);
		return 0;
	case MEA_OP_Gather:
		return gather(n, in[0], in[1], out);
	case MEA_OP_Pad:
		pad(n, in[0], out);
		return 0;
	case MEA_OP_Shape:
		shape_of(n, in[0], out);
		return 0;
	default:
		copy_all(in[0], out);
		return 0;
	}
}
