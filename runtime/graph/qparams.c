// SPDX-License-Identifier: Apache-2.0
/* From scales to the integers of a layer. */
#include "graph/lower.h"

#include <math.h>

#include "base/error.h"

int mea_requant_from_scale(double scale, uint32_t *mult, uint8_t *shift)
{
	int e;
	double m;

	if (!(scale > 0) || !isfinite(scale) || scale >= 0x1p31)
		return mea_fail(MEA_EINVAL, "scale %g is not in (0, 2^31)", scale);
	m = nearbyint(frexp(scale, &e) * 0x1p31);
	if (m == 0x1p31) {
		m = 0x1p30;
		e++;
	}
	if (e > 31) { /* just under 2^31, rounded up */
		m = 0x1p31 - 1;
		e = 31;
	}
	/* Below 2^-32 no 32-bit accumulator reaches more than a half: always 0. */
	if (31 - e > 62) {
		*mult = 0;
		*shift = 0;
		return 0;
	}
	*mult = (uint32_t)m;
	*shift = (uint8_t)(31 - e);
	return 0;
}

int mea_add_from_scales(double a, double b, uint32_t *ma, uint32_t *mb, int *shift)
{
	double top = a > b ? a : b;
	int e, s;

	if (!(a > 0) || !(b > 0) || !isfinite(a) || !isfinite(b))
		return mea_fail(MEA_EINVAL, "scales %g and %g of an add are not positive", a, b);
	frexp(top, &e);
	s = 23 - e;
	if (nearbyint(ldexp(top, s)) >= 0x1p23)
		s--;
	if (s < 0)
		return mea_fail(MEA_EINVAL, "scale %g of an add is not under 2^23", top);
	if (s > 47)
		s = 47;
	*ma = (uint32_t)nearbyint(ldexp(a, s));
	*mb = (uint32_t)nearbyint(ldexp(b, s));
	*shift = s;
	return 0;
}

int mea_qavg_requant(const struct mea_qnet *net, const struct mea_qlayer *l, int n, uint32_t *mult,
		     uint8_t *shift)
{
	double sx = net->tensors[l->in].scale, so = net->tensors[l->out].scale;

	return mea_requant_from_scale(sx / (so * n), mult, shift);
}

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
