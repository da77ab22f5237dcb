// SPDX-License-Identifier: Apache-2.0
/* Arithmetic, clamps, BatchNormalization, Softmax and Cast. */
#include <float.h>
#include <math.h>

#include "base/error.h"
#include "graph/hot.h"
#include "graph/op.h"
#include "graph/onnx_io.h"

/* --- with two operands ----------------------------------------------------- */

HOT static void same_f32(enum mea_op op, const float *a, const float *b, float *y, size_t n)
{
#define EACH(value)                                                                                \
	for (size_t i = 0; i < n; i++)                                                             \
	y[i] = (value)
	if (op == MEA_OP_Add)
		EACH(a[i] + b[i]);
	else if (op == MEA_OP_Sub)
		EACH(a[i] - b[i]);
	else if (op == MEA_OP_Mul)
		EACH(a[i] * b[i]);
	else if (op == MEA_OP_PRelu)
		EACH(a[i] < 0 ? a[i] * b[i] : a[i]);
	else
		EACH(a[i] / b[i]);
}

/* Stores an integer wrapped to the tensor's type. */
static void store_int(const struct mea_tensor *t, size_t i, uint64_t v)
{
	switch (t->type) {
	case MEA_U8:
	case MEA_I8:
		((uint8_t *)t->data)[i] = (uint8_t)v;
		break;
	case MEA_BOOL:
		((uint8_t *)t->data)[i] = v != 0;
		break;
	case MEA_I32:
		((uint32_t *)t->data)[i] = (uint32_t)v;
		break;
	case MEA_I64:
		((uint64_t *)t->data)[i] = v;
		break;
	case MEA_F32:
		break;
	}
}

static int int_element(enum mea_op op, const struct mea_tensor *a, size_t ia,
		       const struct mea_tensor *b, size_t ib, const struct mea_tensor *y, size_t i)
{
	int64_t x = mea_tensor_int(a, ia), z = mea_tensor_int(b, ib);
	uint64_t v;

	if (op == MEA_OP_Add)
		v = (uint64_t)x + (uint64_t)z;
	else if (op == MEA_OP_Sub)
		v = (uint64_t)x - (uint64_t)z;
	else if (op == MEA_OP_Mul)
		v = (uint64_t)x * (uint64_t)z;
	else if (z == 0)
		return mea_fail(MEA_EINVAL, "integer division by zero");
	else
		v = z == -1 ? -(uint64_t)x : (uint64_t)(x / z);
	store_int(y, i, v);
	return 0;
}

/* Elements that an index step in each of out's dimensions moves in t. */
static void strides(const struct mea_shape *t, const struct mea_shape *out,
		    size_t step[MEA_RANK_MAX])
{
	size_t n = 1;

	for (int d = out->rank - 1; d >= 0; d--) {
		int own = d - (out->rank - t->rank);

		step[d] = own < 0 || t->dim[own] == 1 ? 0 : n;
		n *= own < 0 ? 1 : (size_t)t->dim[own];
	}
}

static int binary_eval(const struct mea_call *c)
{
	const struct mea_tensor *a = c->in[0], *b = c->in[1], *y = c->out;
	enum mea_op op = c->n->op;
	size_t sa[MEA_RANK_MAX], sb[MEA_RANK_MAX], n = mea_shape_count(&y->shape), ia = 0, ib = 0;
	int64_t at[MEA_RANK_MAX] = {0};

	if (y->type == MEA_F32 && mea_shape_equal(&a->shape, &b->shape)) {
		same_f32(op, a->data, b->data, y->data, n);
		return 0;
	}
	strides(&a->shape, &y->shape, sa);
	strides(&b->shape, &y->shape, sb);
	for (size_t i = 0; i < n; i++) {
		if (y->type == MEA_F32) {
			same_f32(op, (const float *)a->data + ia, (const float *)b->data + ib,
				 (float *)y->data + i, 1);
		} else {
			int rc = int_element(op, a, ia, b, ib, y, i);

			if (rc)
				return rc;
		}
		for (int d = y->shape.rank - 1; d >= 0; d--) {
			ia += sa[d];
			ib += sb[d];
			if (++at[d] < y->shape.dim[d])
				break;
			ia -= sa[d] * (size_t)at[d];
			ib -= sb[d] * (size_t)at[d];
			at[d] = 0;
		}
	}
	return 0;
}

static int binary_shape(struct mea_shaping *s)
{
	const struct mea_value *a = s->x, *b = mea_node_in(s->g, s->n, 1);

	if (a->type != b->type)
		return mea_fail(MEA_EINVAL, "inputs are of type %s and %s", mea_dtype_name(a->type),
				mea_dtype_name(b->type));
	if (!mea_broadcast(&a->shape, &b->shape, &s->out))
		return mea_fail(MEA_EINVAL, "inputs %s and %s do not broadcast", a->name, b->name);
	return 0;
}

/* The slope stretches to the input, never the other way round. */
static int prelu_shape(struct mea_shaping *s)
{
	const struct mea_value *slope = mea_node_in(s->g, s->n, 1);
	int rc = binary_shape(s);

	if (!rc && !mea_shape_equal(&s->out, &s->x->shape))
		rc = mea_fail(MEA_EINVAL, "slope %s does not fit the input", slope->name);
	return rc;
}

#define BINARY                                                                                     \
	.in = {2, 2}, .since = 7, .types = MEA_NUMBERS, .shape = binary_shape, .eval = binary_eval

MEA_OP(Add, BINARY, .quant = MEA_QUANT_SUM, .lower = mea_lower_add);
MEA_OP(Sub, BINARY, .quant = MEA_QUANT_TABLE, .lower = mea_lower_table);
MEA_OP(Mul, BINARY, .quant = MEA_QUANT_GATE, .lower = mea_lower_mul);
MEA_OP(Div, BINARY, .quant = MEA_QUANT_TABLE, .lower = mea_lower_table);
MEA_OP(PRelu, .in = {2, 2}, .since = 7, .types = MEA_FLOAT, .shape = prelu_shape,
       .eval = binary_eval, .quant = MEA_QUANT_TABLE, .lower = mea_lower_table);

/* --- clamps ---------------------------------------------------------------- */

HOT static void clamp_f32(const float *x, float *y, size_t n, float lo, float hi)
{
	for (size_t i = 0; i < n; i++) {
		float v = x[i] < lo ? lo : x[i];

		y[i] = v > hi ? hi : v;
	}
}

static int relu_eval(const struct mea_call *c)
{
	clamp_f32(c->in[0]->data, c->out->data, mea_shape_count(&c->out->shape), 0, INFINITY);
	return 0;
}

static int clip_eval(const struct mea_call *c)
{
	const struct mea_node *n = c->n;
	const struct mea_tensor *x = c->in[0], *y = c->out, *lo = n->n_in > 1 ? c->in[1] : NULL;
	const struct mea_tensor *hi = n->n_in > 2 ? c->in[2] : NULL;
	size_t count = mea_shape_count(&x->shape);

	if (x->type == MEA_F32) {
		clamp_f32(x->data, y->data, count, lo ? *(const float *)lo->data : n->a.lo,
			  hi ? *(const float *)hi->data : n->a.hi);
		return 0;
	}
	for (size_t i = 0; i < count; i++) {
		int64_t v = mea_tensor_int(x, i);

		if (lo && v < mea_tensor_int(lo, 0))
			v = mea_tensor_int(lo, 0);
		if (hi && v > mea_tensor_int(hi, 0))
			v = mea_tensor_int(hi, 0);
		store_int(y, i, (uint64_t)v);
	}
	return 0;
}

void mea_clamp_bounds(const struct mea_node *n, float *lo, float *hi)
{
	*lo = n->op == MEA_OP_Relu ? 0 : n->a.lo;
	*hi = n->op == MEA_OP_Relu ? INFINITY : n->a.hi;
}

static int clip_shape(struct mea_shaping *s)
{
	for (int i = 1; i < 3; i++) {
		const struct mea_value *v = mea_node_in(s->g, s->n, i);

		if (v && (v->type != s->type || mea_shape_count(&v->shape) != 1))
			return mea_fail(MEA_EINVAL, "bound %s is not one %s", v->name,
					mea_dtype_name(s->type));
	}
	return 0;
}

MEA_OP(Relu, .in = {1, 1}, .since = 6, .types = MEA_FLOAT, .eval = relu_eval,
       .quant = MEA_QUANT_CLAMP);

MEA_OP(Clip, .in = {1, 3}, .since = 6, .types = MEA_NUMBERS,
       .attrs = {MEA_ATTR("min", FLOAT, lo, .otherwise = -FLT_MAX, .input_since = 11),
		 MEA_ATTR("max", FLOAT, hi, .otherwise = FLT_MAX, .input_since = 11)},
       .shape = clip_shape, .eval = clip_eval, .quant = MEA_QUANT_CLAMP);

/* --- by channel, by line ---------------------------------------------------- */

static int batchnorm_eval(const struct mea_call *call)
{
	const struct mea_tensor *const *in = call->in, *y = call->out;
	const float *gamma = in[1]->data, *beta = in[2]->data;
	const float *mean = in[3]->data, *var = in[4]->data;
	size_t batch = (size_t)y->shape.dim[0], channels = (size_t)y->shape.dim[1];
	size_t plane = mea_shape_count(&y->shape) / (batch * channels);
	const float *x = in[0]->data;
	float *to = y->data;

	for (size_t i = 0; i < batch * channels; i++) {
		size_t c = i % channels;
		float scale = gamma[c] / sqrtf(var[c] + call->n->a.epsilon);

		for (size_t p = 0; p < plane; p++)
			to[i * plane + p] = (x[i * plane + p] - mean[c]) * scale + beta[c];
	}
	return 0;
}

static int batchnorm_shape(struct mea_shaping *s)
{
	int rc = mea_want_rank(s->x, 2, MEA_RANK_MAX);

	for (int i = 1; !rc && i < 5; i++) {
		const struct mea_value *v = mea_node_in(s->g, s->n, i);

		if (v->shape.rank != 1 || v->shape.dim[0] != s->x->shape.dim[1])
			rc = mea_fail(MEA_EINVAL, "input %s has not one element per channel",
				      v->name);
	}
	return rc;
}

static int softmax_eval(const struct mea_call *c)
{
	const struct mea_attrs *a = &c->n->a;
	const struct mea_tensor *x = c->in[0], *y = c->out;
	int axis = (int)(a->axis < 0 ? a->axis + x->shape.rank : a->axis);
	size_t outer = 1, len = 1, inner = 1;

	for (int d = 0; d < x->shape.rank; d++) {
		if (d < axis)
			outer *= (size_t)x->shape.dim[d];
		else if (d == axis || a->coerce_2d)
			len *= (size_t)x->shape.dim[d];
		else
			inner *= (size_t)x->shape.dim[d];
	}
	for (size_t i = 0; i < outer * inner; i++) {
		size_t at = i / inner * len * inner + i % inner;
		const float *from = (const float *)x->data + at;
		float *to = (float *)y->data + at, top = from[0];
		double sum = 0;

		for (size_t k = 0; k < len; k++)
			top = from[k * inner] > top ? from[k * inner] : top;
		for (size_t k = 0; k < len; k++) {
			to[k * inner] = expf(from[k * inner] - top);
			sum += to[k * inner];
		}
		for (size_t k = 0; k < len; k++)
			to[k * inner] =
				c->n->op == MEA_OP_LogSoftmax
					? (float)((double)(from[k * inner] - top) - log(sum))
					: (float)(to[k * inner] / sum);
	}
	return 0;
}

#define NO_AXIS (MEA_AXIS_MAX + 1) /* which one was meant, the opset says */

/* The old Softmax over all axes from one on is the new one over a single axis
 * when the others have one element. */
static int softmax_shape(struct mea_shaping *s)
{
	struct mea_node *n = s->n;
	int axis, only, longer = 0;

	if (n->a.axis == NO_AXIS)
		n->a.axis = n->a.coerce_2d ? 1 : -1;
	only = axis = mea_axis(n->a.axis, s->out.rank);
	if (axis < 0)
		return axis;
	for (int i = axis; n->a.coerce_2d && i < s->out.rank; i++) {
		if (s->out.dim[i] > 1) {
			only = i;
			longer++;
		}
	}
	if (longer <= 1) {
		n->a.axis = only;
		n->a.coerce_2d = false;
	}
	return 0;
}

/* Before opset 13 all axes from one on were normalised together. */
static int softmax_read(const struct mea_onnx_reader *r, struct mea_node *n)
{
	n->a.coerce_2d = r->opset < 13;
	return 0;
}

static const char *softmax_unwritable(const struct mea_node *n)
{
	return n->a.coerce_2d ? "a Softmax over several axes" : NULL;
}

MEA_OP(BatchNormalization, .in = {5, 5}, .since = 7, .types = MEA_FLOAT,
       .attrs = {MEA_ATTR("epsilon", FLOAT, epsilon, .otherwise = 1e-5f),
		 {"momentum", MEA_ATTR_IGNORE},
		 {"training_mode", MEA_ATTR_FIXED, .lo = 0},
		 {"spatial", MEA_ATTR_FIXED, .lo = 1}},
       .shape = batchnorm_shape, .eval = batchnorm_eval);

#define SOFTMAX                                                                                    \
	.in = {1, 1}, .since = 1, .types = MEA_FLOAT, .attrs = {MEA_ATTR_WITH_AXIS(NO_AXIS)},      \
	.read = softmax_read, .shape = softmax_shape, .eval = softmax_eval,                        \
	.unwritable = softmax_unwritable

MEA_OP(Softmax, SOFTMAX);
MEA_OP(LogSoftmax, SOFTMAX);

/* --- types ------------------------------------------------------------------- */

/* To an integer by truncation; what does not fit becomes the nearest end. */
static int64_t float_to_int(float v)
{
	if (isnan(v))
		return 0;
	if (v >= 0x1p63f)
		return INT64_MAX;
	return v < -0x1p63f ? INT64_MIN : (int64_t)v;
}

static int cast_eval(const struct mea_call *c)
{
	const struct mea_tensor *x = c->in[0], *y = c->out;
	size_t n = mea_shape_count(&x->shape);

	for (size_t i = 0; i < n; i++) {
		float f = x->type == MEA_F32 ? ((const float *)x->data)[i] : 0;

		if (y->type == MEA_F32)
			((float *)y->data)[i] = x->type == MEA_F32 ? f
								   : (float)mea_tensor_int(x, i);
		else if (x->type == MEA_F32)
			store_int(y, i, y->type == MEA_BOOL ? f != 0 : (uint64_t)float_to_int(f));
		else
			store_int(y, i, (uint64_t)mea_tensor_int(x, i));
	}
	return 0;
}

static int cast_shape(struct mea_shaping *s)
{
	s->type = s->n->a.to;
	return (int)s->type >= 0 ? 0 : mea_fail(MEA_EINVAL, "attribute to is missing");
}

MEA_OP(Cast, .in = {1, 1}, .since = 6, .empty = MEA_ANY_INPUT,
       .attrs = {MEA_ATTR("to", DTYPE, to), {"saturate", MEA_ATTR_IGNORE}}, .shape = cast_shape,
       .eval = cast_eval);
