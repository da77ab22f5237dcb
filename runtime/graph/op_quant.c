// SPDX-License-Identifier: Apache-2.0
/* QuantizeLinear and DequantizeLinear. */
#include <math.h>

#include "base/error.h"
#include "graph/op.h"

/* For element i, the index of its scale: elements of one channel lie together in
 * runs of inner, channels of them follow each other. */
struct channels {
	size_t count, inner;
};

static struct channels channels_of(const struct mea_node *n, const struct mea_tensor *x,
				   const struct mea_tensor *scale)
{
	struct channels c = {.count = mea_shape_count(&scale->shape), .inner = 1};
	int64_t axis = n->a.axis < 0 ? n->a.axis + x->shape.rank : n->a.axis;

	for (int64_t d = axis + 1; c.count > 1 && d < x->shape.rank; d++)
		c.inner *= (size_t)x->shape.dim[d];
	return c;
}

static int check_scale(const struct mea_tensor *scale)
{
	const float *s = scale->data;

	for (size_t i = 0; i < mea_shape_count(&scale->shape); i++)
		if (!(s[i] > 0) || !isfinite(s[i]))
			return mea_fail(MEA_EINVAL, "scale %g is not positive and finite",
					(double)s[i]);
	return 0;
}

static int quant_eval(const struct mea_call *call)
{
	const struct mea_node *n = call->n;
	const struct mea_tensor *const *in = call->in, *out = call->out;
	const struct mea_tensor *x = in[0], *zero = n->n_in > 2 ? in[2] : NULL;
	struct channels c = channels_of(n, x, in[1]);
	size_t count = mea_shape_count(&x->shape);
	int lo = out->type == MEA_I8 ? -128 : 0, hi = lo + 255, rc = check_scale(in[1]);

	for (size_t i = 0; !rc && i < count; i++) {
		size_t at = c.count > 1 ? i / c.inner % c.count : 0;
		float s = ((const float *)in[1]->data)[at];
		int64_t z = zero ? mea_tensor_int(zero, at) : 0;

		if (n->op == MEA_OP_DequantizeLinear) {
			((float *)out->data)[i] = (float)(mea_tensor_int(x, i) - z) * s;
		} else {
			float v = nearbyintf(((const float *)x->data)[i] / s) + (float)z;

			/* Written so that NaN takes the low end. */
			((uint8_t *)out->data)[i] =
				(uint8_t)(v >= (float)lo ? v <= (float)hi ? (int)v : hi : lo);
		}
	}
	return rc;
}

static int quant_shape(struct mea_shaping *s)
{
	const struct mea_value *x = s->x, *scale = mea_node_in(s->g, s->n, 1);
	const struct mea_value *z = mea_node_in(s->g, s->n, 2);
	bool quantize = s->n->op == MEA_OP_QuantizeLinear;
	int rc = mea_want_type(scale, MEA_FLOAT), axis;

	if (!rc && !quantize)
		rc = mea_want_type(x, MEA_INT8S | MEA_TYPE(MEA_I32));
	if (!rc && z && quantize)
		rc = mea_want_type(z, MEA_INT8S);
	if (rc)
		return rc;
	if (z && mea_shape_count(&z->shape) != mea_shape_count(&scale->shape))
		return mea_fail(MEA_EINVAL, "scale %s and zero point %s differ in size",
				scale->name, z->name);
	if (z && !quantize && z->type != x->type)
		return mea_fail(MEA_EINVAL, "zero point %s is not of type %s", z->name,
				mea_dtype_name(x->type));
	if (scale->shape.rank > 1)
		return mea_fail(MEA_EUNSUPPORTED, "scale %s has %d dimensions", scale->name,
				scale->shape.rank);
	if (scale->shape.rank == 1 && scale->shape.dim[0] != 1) {
		axis = mea_axis(s->n->a.axis, x->shape.rank);
		if (axis < 0)
			return axis;
		if (x->shape.dim[axis] != scale->shape.dim[0])
			return mea_fail(MEA_EINVAL, "scale %s has not one element per channel",
					scale->name);
	}
	s->type = !quantize ? MEA_F32 : z ? z->type : MEA_U8;
	return 0;
}

MEA_OP(QuantizeLinear, .in = {2, 3}, .since = 10, .types = MEA_FLOAT,
       .attrs = {MEA_ATTR_WITH_AXIS(1),
		 {"saturate", MEA_ATTR_IGNORE},
		 {"block_size", MEA_ATTR_FIXED, .lo = 0}},
       .shape = quant_shape, .eval = quant_eval);

MEA_OP(DequantizeLinear, .in = {2, 3}, .since = 10,
       .attrs = {MEA_ATTR_WITH_AXIS(1), {"block_size", MEA_ATTR_FIXED, .lo = 0}},
       .shape = quant_shape, .eval = quant_eval);
