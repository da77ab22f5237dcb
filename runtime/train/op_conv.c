// SPDX-License-Identifier: Apache-2.0
/* Conv, by oneDNN. */
#include "train/internal.h"

#include "error.h"

static int conv_build(struct mea_tnet *t, struct top *o)
{
	const struct mea_attrs *a = &o->node->a;
	const struct tvalue *x = tnet_in(t, o, 0), *y = tnet_out(t, o);
	struct mea_conv_shape s = {
		.n = t->o.batch,
		.ic = x->map.c,
		.ih = x->h,
		.iw = x->w,
		.oc = y->map.c,
		.oh = y->h,
		.ow = y->w,
		.groups = (int)a->group,
		.bias = tnet_param(t, o->node, 2),
		.bf16 = t->o.bf16,
	};

	if (!tnet_param(t, o->node, 1))
		return mea_fail(MEA_EUNSUPPORTED, "weights that are computed cannot be trained");
	for (int i = 0; i < 2; i++) {
		s.kernel[i] = (int)a->kernel[i];
		s.stride[i] = (int)a->stride[i];
		s.dilation[i] = (int)a->dilation[i];
		s.pad[i] = (int)a->pad[i];
		s.pad[i + 2] = (int)a->pad[i + 2];
	}
	return mea_conv_new(&s, o->gbuf[0] >= 0, o->active, (struct mea_conv **)&o->state);
}

static int conv_refresh(struct mea_tnet *t, struct top *o)
{
	return mea_conv_set_weights(o->state, tnet_param(t, o->node, 1)->data);
}

static int conv_forward(struct mea_tnet *t, struct top *o)
{
	const struct mea_param *bias = tnet_param(t, o->node, 2);

	return mea_conv_forward(o->state, tnet_in(t, o, 0)->ptr, bias ? bias->data : NULL,
				tnet_out(t, o)->ptr);
}

static int conv_backward(struct mea_tnet *t, struct top *o)
{
	const struct mea_param *bias = tnet_param(t, o->node, 2);
	const void *dy = tnet_out(t, o)->gptr[0];
	void *dx = tnet_grad_room(t, o, 0);
	int rc = mea_conv_backward_weights(o->state, tnet_in(t, o, 0)->ptr, dy,
					   tnet_param(t, o->node, 1)->grad,
					   bias ? bias->grad : NULL);

	if (rc || !dx)
		return rc;
	rc = mea_conv_backward_data(o->state, dy, dx);
	tnet_grad_done(t, o, 0);
	return rc;
}

static void conv_free(struct top *o)
{
	mea_conv_free(o->state);
}

const struct top_ops top_conv = {
	.kind = TOP_CONV,
	.build = conv_build,
	.refresh = conv_refresh,
	.forward = conv_forward,
	.backward = conv_backward,
	.free = conv_free,
};
