// SPDX-License-Identifier: Apache-2.0
/* Layers for Conv and Gemm: weights in the net's order, integer biases. */
#include "graph/lower_int.h"
#include "graph/op.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"

#define WEIGHTS_MAX (UINT64_C(1) << 30) /* bytes */

/* A quantised parameter of the graph, channel by channel. */
struct param {
	struct mea_tensor q;
	const float *scale;
	size_t n_scales; /* 1, or one per channel */
};

/* The DequantizeLinear behind input i of n, or an error. */
static int find_param(const struct mea_lower *l, const struct mea_node *n, int i, int axis,
		      struct param *p)
{
	const struct mea_graph *g = l->g;
	const struct mea_value *v = mea_node_in(g, n, i), *z, *s;
	const struct mea_node *dq = v->producer < 0 ? NULL : &g->nodes[v->producer];

	if (!dq || dq->op != MEA_OP_DequantizeLinear || !mea_node_in(g, dq, 0)->data)
		return mea_node_fail(g, n, MEA_EUNSUPPORTED, "%s is not a quantised constant",
				     v->name);
	p->q = mea_value_tensor(mea_node_in(g, dq, 0));
	s = mea_node_in(g, dq, 1);
	z = mea_node_in(g, dq, 2);
	if (!s->data || (z && !z->data))
		return mea_node_fail(g, dq, MEA_EUNSUPPORTED,
				     "scale or zero point is not constant");
	p->scale = s->data;
	p->n_scales = mea_shape_count(&s->shape);
	if (p->n_scales > 1 && dq->a.axis != axis && dq->a.axis + v->shape.rank != axis)
		return mea_node_fail(g, dq, MEA_EUNSUPPORTED,
				     "scales lie along axis %lld, not along the output channels",
				     (long long)dq->a.axis);
	for (size_t k = 0; k < p->n_scales; k++) {
		struct mea_tensor zt;
		int64_t zero = 0;

		if (z) {
			zt = mea_value_tensor(z);
			zero = mea_tensor_int(&zt, k);
		}
		if (zero != (p->q.type == MEA_U8 ? 128 : 0))
			return mea_node_fail(g, n, MEA_EUNSUPPORTED,
					     "weights %s are not symmetric: zero point %lld",
					     mea_node_in(g, dq, 0)->name, (long long)zero);
		if (!(p->scale[k] > 0) || !isfinite(p->scale[k]))
			return mea_node_fail(g, dq, MEA_EINVAL,
					     "scale %g is not positive and finite",
					     (double)p->scale[k]);
	}
	return 0;
}

static int8_t weight(const struct param *p, size_t i)
{
	return (int8_t)(mea_tensor_int(&p->q, i) - (p->q.type == MEA_U8 ? 128 : 0));
}

static double scale_at(const struct param *p, int channel)
{
	return (double)p->scale[p->n_scales > 1 ? channel : 0];
}

/* [oc][ic][kh][kw] of Conv n to [oc][kh][kw][in_c], zeroed, where channel c goes to pick[c] or,
 * without pick, stays. Between the taps of a dilated kernel are zeros. */
static void conv_weights(const struct param *p, const struct mea_node *n,
			 const struct mea_qlayer *q, int oc, int in_c, const struct mea_pick *pick)
{
	int kw = (int)n->a.kernel[1], taps = (int)n->a.kernel[0] * kw, icg = pick ? pick->n : in_c;
	size_t all = (size_t)q->kh * (size_t)q->kw;

	for (int o = 0; o < oc; o++) {
		for (int t = 0; t < taps; t++) {
			size_t at = (size_t)(t / kw * n->a.dilation[0]) * (size_t)q->kw +
				    (size_t)(t % kw * n->a.dilation[1]);
			int8_t *to = q->weights + ((size_t)o * all + at) * (size_t)in_c;

			for (int c = 0; c < icg; c++)
				to[pick ? pick->channel[c] : c] =
					weight(p, ((size_t)o * icg + c) * taps + t);
		}
	}
}

/* Rows of Gemm over C, H, W to [oc][h][w][c]. */
static void gemm_weights(const struct param *p, const struct mea_qlayer *q, int oc, int c,
			 bool transposed)
{
	size_t pixels = (size_t)q->kh * (size_t)q->kw, inner = pixels * (size_t)c, at = 0;

	for (int o = 0; o < oc; o++) {
		for (size_t px = 0; px < pixels; px++) {
			for (int i = 0; i < c; i++) {
				size_t k = (size_t)i * pixels + px;

				q->weights[at++] =
					weight(p, transposed ? o * inner + k : k * (size_t)oc + o);
			}
		}
	}
}

/* Bias of one channel in units of sx * sw: taken over when it is in them already. */
static int bias_of(const struct mea_lower *l, const struct mea_node *n, int oc, double unit,
		   double *bias)
{
	const struct mea_value *v = mea_node_in(l->g, n, 2);
	size_t at = v && mea_shape_count(&v->shape) > 1 ? (size_t)oc : 0;
	struct param p;
	int rc;

	*bias = 0;
	if (!v)
		return 0;
	if (v->data) { /* left in float by whoever wrote the model */
		*bias = nearbyint((double)((const float *)v->data)[at] / unit);
		return 0;
	}
	rc = find_param(l, n, 2, 0, &p);
	if (rc)
		return rc;
	*bias = (double)mea_tensor_int(&p.q, at);
	if (scale_at(&p, oc) != (double)(float)unit)
		*bias = nearbyint(*bias * scale_at(&p, oc) / unit);
	return 0;
}

static int set_channels(const struct mea_lower *l, const struct mea_node *n, struct mea_qlayer *q,
			const struct param *w)
{
	const struct mea_qtensor *in = &l->net->tensors[q->in], *out = &l->net->tensors[q->out];
	size_t k = (size_t)q->kh * (size_t)q->kw * (size_t)(in->c / q->groups);

	for (int oc = 0; oc < out->c; oc++) {
		double unit = (double)in->scale * scale_at(w, oc), bias;
		int64_t sum = 0;
		int rc = bias_of(l, n, oc, unit, &bias);

		if (rc)
			return rc;
		for (size_t i = 0; i < k; i++)
			sum += q->weights[oc * k + i];
		bias -= (double)(sum * in->zero_point);
		if (!(fabs(bias) <= INT32_MAX))
			return mea_node_fail(l->g, n, MEA_EUNSUPPORTED,
					     "the bias of channel %d does not fit 32 bits", oc);
		q->bias[oc] = (int32_t)bias;
		rc = mea_requant_from_scale(unit / (double)out->scale, &q->mult[oc], &q->shift[oc]);
		if (rc)
			return mea_fail_in(rc, "%s: node %.100s, channel %d", l->g->source, n->name,
					   oc);
	}
	return 0;
}

/* Window and group of the layer, and what else only Conv or only Gemm has. */
static int set_shape(const struct mea_lower *l, const struct mea_node *n, struct mea_mapping x,
		     struct mea_qlayer *q)
{
	const struct mea_qtensor *in = &l->net->tensors[q->in];

	if (n->op == MEA_OP_Gemm) {
		if (n->a.trans_a || n->a.alpha != 1 || n->a.beta != 1)
			return mea_node_fail(l->g, n, MEA_EUNSUPPORTED,
					     "transA, alpha and beta have no integer form");
		q->kh = in->h;
		q->kw = in->w;
		return 0;
	}
	if (x.flat)
		return mea_node_fail(l->g, n, MEA_EUNSUPPORTED, "its input is flattened");
	q->groups = (int)n->a.group;
	return mea_lower_window(l, n, q);
}

/* Whether n can read picked channels where they are: each is picked once, and those that it would
 * multiply by zero are no more than the others. */
static bool reads_in_place(const struct mea_lower *l, const struct mea_node *n,
			   const struct mea_mapping *x)
{
	const struct mea_pick *p = x->pick;
	int channels = l->net->tensors[x->tensor].c;
	bool *seen, once = true;

	if (!p || p->tensor >= 0 || n->op != MEA_OP_Conv || n->a.group != 1 || channels > 2 * p->n)
		return false;
	seen = calloc((size_t)channels, sizeof(*seen));
	for (int i = 0; seen && i < p->n; i++) {
		once &= !seen[p->channel[i]];
		seen[p->channel[i]] = true;
	}
	free(seen);
	return seen && once;
}

int mea_lower_conv(struct mea_lower *l, const struct mea_closing *c)
{
	const struct mea_node *n = c->core;
	bool gemm = n->op == MEA_OP_Gemm;
	struct mea_mapping x;
	struct mea_qlayer *q;
	struct param w;
	int rc = mea_lower_input(l, n, 0, &x), channels = l->net->tensors[c->out].c, in_c;

	if (!rc && !reads_in_place(l, n, &x))
		rc = mea_lower_whole(l, &x);
	rc = rc < 0 ? rc : 0;
	if (!rc)
		rc = find_param(l, n, 1, gemm && !n->a.trans_b, &w);
	if (!rc && w.q.type == MEA_I32)
		rc = mea_node_fail(l->g, n, MEA_EUNSUPPORTED, "weights are int32");
	if (!rc)
		rc = mea_lower_layer(l, MEA_Q_CONV, n->name, x.tensor, c->out);
	if (rc < 0)
		return rc;
	q = &l->net->layers[rc];
	rc = set_shape(l, n, x, q);
	if (!rc)
		rc = mea_lower_requants(q, channels);
	if (rc)
		return rc;
	in_c = l->net->tensors[x.tensor].c;
	if ((uint64_t)channels * (uint64_t)(in_c / q->groups) * (uint64_t)q->kh >
	    WEIGHTS_MAX / q->kw)
		return mea_node_fail(l->g, n, MEA_EUNSUPPORTED, "its weights take over 1 GiB");
	q->weights = calloc((size_t)channels * (size_t)q->kh * (size_t)q->kw,
			    (size_t)(in_c / q->groups));
	if (!q->weights)
		return mea_nomem();
	if (gemm)
		gemm_weights(&w, q, channels, in_c, n->a.trans_b);
	else
		conv_weights(&w, n, q, channels, in_c / q->groups, x.pick);
	if (!gemm)
		q->fillers = q->kh * q->kw * (in_c / q->groups) -
			     (int)(n->a.kernel[0] * n->a.kernel[1]) *
				     (x.pick ? x.pick->n : in_c / q->groups);
	q->mid_lo = c->lo;
	q->mid_hi = c->hi;
	return set_channels(l, n, q, &w);
}
