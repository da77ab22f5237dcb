// SPDX-License-Identifier: Apache-2.0
/* QuantizeLinear and DequantizeLinear. */
#include "graph/eval.h"

#include <math.h>

#include "base/error.h"

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

int mea_eval_quant(const struct mea_node *n, const struct mea_tensor *const *in,
		   const struct mea_tensor *out)
{
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
