// SPDX-License-Identifier: Apache-2.0
/* Elementwise operations, BatchNormalization, Softmax and Cast. */
#include "graph/eval.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "graph/hot.h"

/* --- with two operands ----------------------------------------------------- */

HOT static void same_f32(enum mea_op op, const float *a, const float *b, float *y, size_t n)
{
	if (op == MEA_OP_Add)
		for (size_t i = 0; i < n; i++)
			y[i] = a[i] + b[i];
	else if (op == MEA_OP_Sub)
		for (size_t i = 0; i < n; i++)
			y[i] = a[i] - b[i];
	else if (op == MEA_OP_Mul)
		for (size_t i = 0; i < n; i++)
			y[i] = a[i] * b[i];
	else
		for (size_t i = 0; i < n; i++)
			y[i] = a[i] / b[i];
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

static int binary(enum mea_op op, const struct mea_tensor *a, const struct mea_tensor *b,
		  const struct mea_tensor *y)
{
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

/* --- with one -------------------------------------------------------------- */

HOT static void clamp_f32(const float *x, float *y, size_t n, float lo, float hi)
{
	for (size_t i = 0; i < n; i++) {
		float v = x[i] < lo ? lo : x[i];

		y[i] = v > hi ? hi : v;
	}
}

static int clip(const struct mea_node *n, const struct mea_tensor *const *in,
		const struct mea_tensor *y)
{
	const struct mea_tensor *x = in[0], *lo = n->n_in > 1 ? in[1] : NULL;
	const struct mea_tensor *hi = n->n_in > 2 ? in[2] : NULL;
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

static void batchnorm(const struct mea_node *n, const struct mea_tensor *const *in,
		      const struct mea_tensor *y)
{
	const float *gamma = in[1]->data, *beta = in[2]->data;
	const float *mean = in[3]->data, *var = in[4]->data;
	size_t batch = (size_t)y->shape.dim[0], channels = (size_t)y->shape.dim[1];
	size_t plane = mea_shape_count(&y->shape) / (batch * channels);
	const float *x = in[0]->data;
	float *to = y->data;

	for (size_t i = 0; i < batch * channels; i++) {
		size_t c = i % channels;
		float scale = gamma[c] / sqrtf(var[c] + n->a.epsilon);

		for (size_t p = 0; p < plane; p++)
			to[i * plane + p] = (x[i * plane + p] - mean[c]) * scale + beta[c];
	}
}

static void softmax(const struct mea_node *n, const struct mea_tensor *x,
		    const struct mea_tensor *y)
{
	int axis = (int)(n->a.axis < 0 ? n->a.axis + x->shape.rank : n->a.axis);
	size_t outer = 1, len = 1, inner = 1;

	for (int d = 0; d < x->shape.rank; d++) {
		if (d < axis)
			outer *= (size_t)x->shape.dim[d];
		else if (d == axis || n->a.coerce_2d)
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
			to[k * inner] = (float)(to[k * inner] / sum);
	}
}

/* To an integer by truncation; what does not fit becomes the nearest end. */
static int64_t float_to_int(float v)
{
	if (isnan(v))
		return 0;
	if (v >= 0x1p63f)
		return INT64_MAX;
	return v < -0x1p63f ? INT64_MIN : (int64_t)v;
}

static void cast(const struct mea_tensor *x, const struct mea_tensor *y)
{
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
}

int mea_eval_elementwise(const struct mea_node *n, const struct mea_tensor *const *in,
			 const struct mea_tensor *out)
{
	switch (n->op) {
	case MEA_OP_Relu:
		clamp_f32(in[0]->data, out->data, mea_shape_count(&out->shape), 0, INFINITY);
		return 0;
	case MEA_OP_Clip:
		return clip(n, in, out);
	case MEA_OP_BatchNormalization:
		batchnorm(n, in, out);
		return 0;
	case MEA_OP_Softmax:
		softmax(n, in[0], out);
		return 0;
	case MEA_OP_Cast:
		cast(in[0], out);
		return 0;
	default:
		return binary(n->op, in[0], in[1], out);
	}
}
