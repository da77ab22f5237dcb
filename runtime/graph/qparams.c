// SPDX-License-Identifier: Apache-2.0
#include "graph/lower.h"

#include <math.h>

#include "base/error.h"

int mea_node_qparams(const struct mea_graph *g, const struct mea_node *n, float *scale, int *zero)
{
	const struct mea_value *s = mea_node_in(g, n, 1), *z = mea_node_in(g, n, 2);
	const struct mea_value *q = n->op == MEA_OP_QuantizeLinear ? &g->values[n->out]
								   : mea_node_in(g, n, 0);
	struct mea_tensor t;

	if (!s->data || (z && !z->data))
		return mea_node_fail(g, n, MEA_EUNSUPPORTED, "scale or zero point is not constant");
	if (mea_shape_count(&s->shape) != 1)
		return mea_node_fail(g, n, MEA_EUNSUPPORTED,
				     "an activation with a scale per channel");
	if (q->type != MEA_I8 && q->type != MEA_U8)
		return mea_node_fail(g, n, MEA_EUNSUPPORTED, "%s is %s, not int8 or uint8", q->name,
				     mea_dtype_name(q->type));
	*scale = *(const float *)s->data;
	if (!(*scale > 0) || !isfinite(*scale))
		return mea_node_fail(g, n, MEA_EINVAL, "scale %g is not positive and finite",
				     (double)*scale);
	*zero = 0;
	if (z) {
		t = mea_value_tensor(z);
		*zero = (int)mea_tensor_int(&t, 0);
	}
	if (q->type == MEA_U8)
		*zero -= 128;
	return 0;
}
