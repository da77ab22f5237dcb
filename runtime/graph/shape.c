// SPDX-License-Identifier: Apache-2.0
/* Shapes and types of results, operation by operation. */
#include "graph/shape.h"

#include <string.h>

#include "base/error.h"

static int want_rank(const struct mea_value *v, int lo, int hi)
{
	char text[96];

	if (v->shape.rank < lo || v->shape.rank > hi)
		return mea_fail(MEA_EUNSUPPORTED,
				"input %s is %s; %d to %d dimensions are supported", v->name,
				mea_shape_text(&v->shape, text, sizeof(text)), lo, hi);
	return 0;
}

static int want_type(const struct mea_value *v, unsigned types)
{
	if (!(types >> v->type & 1))
		return mea_fail(MEA_EUNSUPPORTED, "input %s of type %s is not supported", v->name,
				mea_dtype_name(v->type));
	return 0;
}

#define TYPE(t)	 (1u << (t))
#define FLOAT	 TYPE(MEA_F32)
#define INT8S	 (TYPE(MEA_U8) | TYPE(MEA_I8))
#define NUMBERS	 (FLOAT | INT8S | TYPE(MEA_I32) | TYPE(MEA_I64))
#define ANY_TYPE (NUMBERS | TYPE(MEA_BOOL))

int mea_axis(int64_t axis, int rank)
{
	if (axis < -rank || axis >= rank)
		return mea_fail(MEA_EINVAL, "axis %lld is outside %d dimensions", (long long)axis,
				rank);
	return (int)(axis < 0 ? axis + rank : axis);
}

bool mea_broadcast(const struct mea_shape *a, const struct mea_shape *b, struct mea_shape *out)
{
	struct mea_shape s = {.rank = a->rank > b->rank ? a->rank : b->rank};

	for (int i = 1; i <= s.rank; i++) {
		int64_t da = i <= a->rank ? a->dim[a->rank - i] : 1;
		int64_t db = i <= b->rank ? b->dim[b->rank - i] : 1;

		if (da != db && da != 1 && db != 1)
			return false;
		s.dim[s.rank - i] = da == 1 ? db : da;
	}
	*out = s;
	return true;
}

/* --- windows --------------------------------------------------------------- */

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
static int window(struct mea_attrs *a, int axis, int64_t in, bool ceil_mode, int64_t *out)
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

static int infer_conv(const struct mea_graph *g, struct mea_node *n, struct mea_shape *out)
{
	const struct mea_value *x = mea_node_in(g, n, 0), *w = mea_node_in(g, n, 1);
	const struct mea_value *b = mea_node_in(g, n, 2);
	struct mea_attrs *a = &n->a;
	int rc = want_rank(x, 4, 4);

	if (!rc)
		rc = want_rank(w, 4, 4);
	if (!rc)
		rc = want_type(x, FLOAT);
	if (!rc)
		rc = want_type(w, FLOAT);
	if (rc)
		return rc;
	for (int i = 0; i < 2; i++) {
		if (a->kernel[i] && a->kernel[i] != w->shape.dim[2 + i])
			return mea_fail(MEA_EINVAL, "kernel_shape does not match weights %s",
					w->name);
		a->kernel[i] = w->shape.dim[2 + i];
	}
	if (x->shape.dim[1] % a->group || w->shape.dim[0] % a->group ||
	    w->shape.dim[1] != x->shape.dim[1] / a->group)
		return mea_fail(MEA_EINVAL, "weights %s do not fit %lld channels in %lld groups",
				w->name, (long long)x->shape.dim[1], (long long)a->group);
	if (b && (b->shape.rank != 1 || b->shape.dim[0] != w->shape.dim[0] || b->type != MEA_F32))
		return mea_fail(MEA_EINVAL, "bias %s does not fit the weights", b->name);
	*out = (struct mea_shape){4, {x->shape.dim[0], w->shape.dim[0]}};
	for (int i = 0; !rc && i < 2; i++)
		rc = window(a, i, x->shape.dim[2 + i], false, &out->dim[2 + i]);
	a->auto_pad = MEA_PAD_NOTSET;
	return rc;
}

static int infer_pool(const struct mea_graph *g, struct mea_node *n, struct mea_shape *out)
{
	const struct mea_value *x = mea_node_in(g, n, 0);
	struct mea_attrs *a = &n->a;
	int rc = want_rank(x, 4, 4);

	if (!rc)
		rc = want_type(x, n->op == MEA_OP_MaxPool ? FLOAT | INT8S : FLOAT);
	if (rc)
		return rc;
	if (!a->kernel[0])
		return mea_fail(MEA_EINVAL, "attribute kernel_shape is missing");
	*out = x->shape;
	for (int i = 0; !rc && i < 2; i++) {
		int64_t reach = (a->kernel[i] - 1) * a->dilation[i] + 1;

		rc = window(a, i, x->shape.dim[2 + i], a->ceil_mode, &out->dim[2 + i]);
		if (!rc && (a->pad[i] >= reach || a->pad[i + 2] >= reach))
			rc = mea_fail(MEA_EUNSUPPORTED, "pads are not smaller than the kernel");
	}
	a->auto_pad = MEA_PAD_NOTSET;
	return rc;
}

/* --- matrices -------------------------------------------------------------- */

static int infer_gemm(const struct mea_graph *g, struct mea_node *n, struct mea_shape *out)
{
	const struct mea_value *a = mea_node_in(g, n, 0), *b = mea_node_in(g, n, 1);
	const struct mea_value *c = mea_node_in(g, n, 2);
	struct mea_shape all;
	int rc = want_rank(a, 2, 2);

	if (!rc)
		rc = want_rank(b, 2, 2);
	if (!rc)
		rc = want_type(a, FLOAT);
	if (!rc)
		rc = want_type(b, FLOAT);
	if (rc)
		return rc;
	if (a->shape.dim[!n->a.trans_a] != b->shape.dim[n->a.trans_b])
		return mea_fail(MEA_EINVAL, "inner dimensions %lld and %lld differ",
				(long long)a->shape.dim[!n->a.trans_a],
				(long long)b->shape.dim[n->a.trans_b]);
	*out = (struct mea_shape){2, {a->shape.dim[n->a.trans_a], b->shape.dim[!n->a.trans_b]}};
	if (c && (c->type != MEA_F32 || !mea_broadcast(&c->shape, out, &all) ||
		  !mea_shape_equal(&all, out)))
		return mea_fail(MEA_EINVAL, "input %s does not broadcast to the product", c->name);
	return 0;
}

static int infer_matmul(const struct mea_graph *g, struct mea_node *n, struct mea_shape *out)
{
	const struct mea_value *a = mea_node_in(g, n, 0), *b = mea_node_in(g, n, 1);
	struct mea_shape sa = a->shape, sb = b->shape;
	int rc = want_rank(a, 2, MEA_RANK_MAX);

	if (!rc)
		rc = want_rank(b, 2, MEA_RANK_MAX);
	if (!rc)
		rc = want_type(a, FLOAT);
	if (!rc)
		rc = want_type(b, FLOAT);
	if (rc)
		return rc;
	if (sa.dim[sa.rank - 1] != sb.dim[sb.rank - 2])
		return mea_fail(MEA_EINVAL, "inner dimensions %lld and %lld differ",
				(long long)sa.dim[sa.rank - 1], (long long)sb.dim[sb.rank - 2]);
	sa.dim[sa.rank - 1] = 1;
	sb.dim[sb.rank - 2] = 1;
	sa.dim[sa.rank - 2] = a->shape.dim[sa.rank - 2];
	if (!mea_broadcast(&sa, &sb, out))
		return mea_fail(MEA_EINVAL, "leading dimensions do not fit");
	return 0;
}

static int infer_batchnorm(const struct mea_graph *g, struct mea_node *n, struct mea_shape *out)
{
	const struct mea_value *x = mea_node_in(g, n, 0);
	int rc = want_rank(x, 2, MEA_RANK_MAX);

	for (int i = 0; !rc && i < 5; i++) {
		const struct mea_value *v = mea_node_in(g, n, i);

		rc = want_type(v, FLOAT);
		if (!rc && i && (v->shape.rank != 1 || v->shape.dim[0] != x->shape.dim[1]))
			rc = mea_fail(MEA_EINVAL, "input %s has not one element per channel",
				      v->name);
	}
	*out = x->shape;
	return rc;
}

/* --- elementwise and quantisation ------------------------------------------ */

static int infer_binary(const struct mea_graph *g, struct mea_node *n, struct mea_shape *out)
{
	const struct mea_value *a = mea_node_in(g, n, 0), *b = mea_node_in(g, n, 1);
	int rc = want_type(a, NUMBERS);

	if (rc)
		return rc;
	if (a->type != b->type)
		return mea_fail(MEA_EINVAL, "inputs are of type %s and %s", mea_dtype_name(a->type),
				mea_dtype_name(b->type));
	if (!mea_broadcast(&a->shape, &b->shape, out))
		return mea_fail(MEA_EINVAL, "inputs %s and %s do not broadcast", a->name, b->name);
	return 0;
}

static int infer_clip(const struct mea_graph *g, struct mea_node *n, struct mea_shape *out)
{
	const struct mea_value *x = mea_node_in(g, n, 0);
	int rc = want_type(x, NUMBERS);

	for (int i = 1; !rc && i < 3; i++) {
		const struct mea_value *v = mea_node_in(g, n, i);

		if (v && (v->type != x->type || mea_shape_count(&v->shape) != 1))
			rc = mea_fail(MEA_EINVAL, "bound %s is not one %s", v->name,
				      mea_dtype_name(x->type));
	}
	*out = x->shape;
	return rc;
}

static int infer_quant(const struct mea_graph *g, struct mea_node *n, enum mea_dtype *type,
		       struct mea_shape *out)
{
	const struct mea_value *x = mea_node_in(g, n, 0), *s = mea_node_in(g, n, 1);
	const struct mea_value *z = mea_node_in(g, n, 2);
	bool quantize = n->op == MEA_OP_QuantizeLinear;
	int rc = want_type(x, quantize ? FLOAT : INT8S | TYPE(MEA_I32)), axis;

	if (!rc)
		rc = want_type(s, FLOAT);
	if (!rc && z && quantize)
		rc = want_type(z, INT8S);
	if (rc)
		return rc;
	if (z && mea_shape_count(&z->shape) != mea_shape_count(&s->shape))
		return mea_fail(MEA_EINVAL, "scale %s and zero point %s differ in size", s->name,
				z->name);
	if (z && !quantize && z->type != x->type)
		return mea_fail(MEA_EINVAL, "zero point %s is not of type %s", z->name,
				mea_dtype_name(x->type));
	if (s->shape.rank > 1)
		return mea_fail(MEA_EUNSUPPORTED, "scale %s has %d dimensions", s->name,
				s->shape.rank);
	if (s->shape.rank == 1 && s->shape.dim[0] != 1) {
		axis = mea_axis(n->a.axis, x->shape.rank);
		if (axis < 0)
			return axis;
		if (x->shape.dim[axis] != s->shape.dim[0])
			return mea_fail(MEA_EINVAL, "scale %s has not one element per channel",
					s->name);
	}
	*type = !quantize ? MEA_F32 : z ? z->type : MEA_U8;
	*out = x->shape;
	return 0;
}

/* --- all ------------------------------------------------------------------- */

/* Operations whose result looks like their first input. */
static int infer_same(const struct mea_value *x, unsigned types, struct mea_shape *out)
{
	*out = x->shape;
	return want_type(x, types);
}

/* The old Softmax over all axes from one on is the new one over a single axis
 * when the others have one element. */
static int infer_softmax(const struct mea_value *x, struct mea_node *n, struct mea_shape *out)
{
	int axis = mea_axis(n->a.axis, x->shape.rank), only = axis, longer = 0;

	if (axis < 0)
		return axis;
	for (int i = axis; n->a.coerce_2d && i < x->shape.rank; i++) {
		if (x->shape.dim[i] > 1) {
			only = i;
			longer++;
		}
	}
	if (longer <= 1) {
		n->a.axis = only;
		n->a.coerce_2d = false;
	}
	return infer_same(x, FLOAT, out);
}

static int infer_pad(const struct mea_value *x, const struct mea_node *n, struct mea_shape *out)
{
	const int64_t *pad = n->a.pad;

	*out = x->shape;
	for (int i = 0; i < 2; i++) {
		if ((pad[i] || pad[2 + i]) && x->shape.rank != 4)
			return mea_fail(MEA_EINVAL, "pads for 4 dimensions, the input has %d",
					x->shape.rank);
		if (x->shape.rank == 4)
			out->dim[2 + i] += pad[i] + pad[2 + i];
	}
	return want_type(x, FLOAT);
}

int mea_node_infer(const struct mea_graph *g, struct mea_node *n, enum mea_dtype *type,
		   struct mea_shape *out)
{
	const struct mea_value *x = mea_node_in(g, n, 0);
	int rc;

	*type = x->type;
	switch (n->op) {
	case MEA_OP_Conv:
		return infer_conv(g, n, out);
	case MEA_OP_Gemm:
		return infer_gemm(g, n, out);
	case MEA_OP_MatMul:
		return infer_matmul(g, n, out);
	case MEA_OP_BatchNormalization:
		return infer_batchnorm(g, n, out);
	case MEA_OP_Add:
	case MEA_OP_Sub:
	case MEA_OP_Mul:
	case MEA_OP_Div:
		return infer_binary(g, n, out);
	case MEA_OP_Clip:
		return infer_clip(g, n, out);
	case MEA_OP_MaxPool:
	case MEA_OP_AveragePool:
		return infer_pool(g, n, out);
	case MEA_OP_GlobalAveragePool:
	case MEA_OP_GlobalMaxPool:
		rc = want_rank(x, 3, MEA_RANK_MAX);
		*out = x->shape;
		for (int i = 2; i < out->rank; i++)
			out->dim[i] = 1;
		return rc ? rc : want_type(x, FLOAT);
	case MEA_OP_QuantizeLinear:
	case MEA_OP_DequantizeLinear:
		return infer_quant(g, n, type, out);
	case MEA_OP_Relu:
		return infer_same(x, FLOAT, out);
	case MEA_OP_Softmax:
		return infer_softmax(x, n, out);
	case MEA_OP_Identity:
	case MEA_OP_Dropout:
		return infer_same(x, ANY_TYPE, out);
	case MEA_OP_Pad:
		return infer_pad(x, n, out);
	case MEA_OP_Cast:
		*type = n->a.to;
		return infer_same(x, ANY_TYPE, out);
	default:
		return mea_infer_move(g, n, type, out);
	}
}
