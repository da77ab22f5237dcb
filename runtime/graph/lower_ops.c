// SPDX-License-Identifier: Apache-2.0
/* Layers for pools, additions and concatenations. */
#include "graph/lower_int.h"
#include "graph/op.h"

#include <math.h>
#include <stdio.h>

#include "base/error.h"

/* View of input i of n that must keep its pixels apart. */
static int spatial_input(struct mea_lower *l, const struct mea_node *n, int i)
{
	struct mea_mapping mapping;
	int rc = mea_lower_input(l, n, i, &mapping);

	if (rc)
		return rc;
	if (mapping.flat)
		return mea_node_fail(l->g, n, MEA_EUNSUPPORTED, "its input %s is flattened",
				     mea_node_in(l->g, n, i)->name);
	return mea_lower_whole(l, &mapping);
}

/* --- pools ----------------------------------------------------------------- */

/* Trailing pad that makes the windows of one axis fit exactly, or 0 when some of
 * the input is left over. */
static int trailing_pad(int in, int out, int k, int stride, int pad)
{
	int need = (out - 1) * stride + k - in - pad;

	return need > 0 ? need : 0;
}

#define DILATED_MAX 32767 /* the largest kernel of a layer */

int mea_lower_window(const struct mea_lower *l, const struct mea_node *n, struct mea_qlayer *q)
{
	const struct mea_attrs *a = &n->a;

	int64_t h = (a->kernel[0] - 1) * a->dilation[0] + 1;
	int64_t w = (a->kernel[1] - 1) * a->dilation[1] + 1;

	if (n->op != MEA_OP_Conv && (a->dilation[0] != 1 || a->dilation[1] != 1))
		return mea_node_fail(l->g, n, MEA_EUNSUPPORTED,
				     "dilations of a pool have no integer form");
	if (h > DILATED_MAX || w > DILATED_MAX)
		return mea_node_fail(l->g, n, MEA_EUNSUPPORTED,
				     "its kernel, dilated, reaches over %lld x %lld", (long long)h,
				     (long long)w);
	q->kh = (int)h;
	q->kw = (int)w;
	q->stride_h = (int)a->stride[0];
	q->stride_w = (int)a->stride[1];
	q->pad_t = (int)a->pad[0];
	q->pad_l = (int)a->pad[1];
	q->pad_b = (int)a->pad[2];
	q->pad_r = (int)a->pad[3];
	return 0;
}

static int set_window(const struct mea_lower *l, const struct mea_node *n, struct mea_qlayer *q)
{
	const struct mea_qtensor *in = &l->net->tensors[q->in], *out = &l->net->tensors[q->out];
	const struct mea_attrs *a = &n->a;
	int rc = mea_lower_window(l, n, q);

	if (rc)
		return rc;
	q->pad_b = trailing_pad(in->h, out->h, q->kh, q->stride_h, q->pad_t);
	q->pad_r = trailing_pad(in->w, out->w, q->kw, q->stride_w, q->pad_l);
	if (n->op == MEA_OP_AveragePool && a->count_include_pad &&
	    (q->pad_b > a->pad[2] || q->pad_r > a->pad[3]))
		return mea_node_fail(l->g, n, MEA_EUNSUPPORTED,
				     "ceil_mode with count_include_pad has no integer form");
	q->exclude_pad = n->op == MEA_OP_AveragePool && !a->count_include_pad &&
			 (q->pad_t || q->pad_l || q->pad_b || q->pad_r);
	return 0;
}

int mea_lower_pool(struct mea_lower *l, const struct mea_closing *c)
{
	const struct mea_node *n = c->core;
	bool max = n->op == MEA_OP_MaxPool || n->op == MEA_OP_GlobalMaxPool;
	int in = spatial_input(l, n, 0), rc, taps;
	const struct mea_qtensor *t;
	struct mea_qlayer *q;

	if (in < 0)
		return in;
	rc = mea_lower_layer(l, max ? MEA_Q_MAXPOOL : MEA_Q_AVGPOOL, n->name, in, c->out);
	if (rc < 0)
		return rc;
	q = &l->net->layers[rc];
	t = l->net->tensors;
	if (n->op == MEA_OP_MaxPool || n->op == MEA_OP_AveragePool) {
		rc = set_window(l, n, q);
		if (rc)
			return rc;
	} else {
		q->kh = t[in].h;
		q->kw = t[in].w;
	}
	rc = mea_lower_requants(q, 1);
	if (rc)
		return rc;
	taps = max ? 1 : q->kh * q->kw;
	q->bias[0] = -taps * t[in].zero_point;
	q->mid_lo = c->lo;
	q->mid_hi = c->hi;
	rc = mea_requant_from_scale((double)t[in].scale / ((double)t[c->out].scale * taps), q->mult,
				    q->shift);
	return rc ? mea_fail_in(rc, "%s: node %.100s", l->g->source, n->name) : 0;
}

/* --- additions ------------------------------------------------------------- */

/* The last line of qnet.h's CONV: r is added to what layer q computes. */
static int set_residual(const struct mea_lower *l, struct mea_qlayer *q, int mid, int r,
			const struct mea_closing *c)
{
	const struct mea_qtensor *t = l->net->tensors;
	double so = t[c->out].scale;
	int rc = mea_add_from_scales(t[mid].scale / so, t[r].scale / so, &q->add_ma, &q->add_mb,
				     &q->add_shift);

	if (rc)
		return mea_fail_in(rc, "%s: node %.100s", l->g->source, c->core->name);
	q->in2 = r;
	q->lo = c->lo;
	q->hi = c->hi;
	return 0;
}

/* The real bounds lo .. hi of a tensor's codes from .. to. */
static void real_range(const struct mea_qtensor *t, int from, int to, double *lo, double *hi)
{
	*lo = (double)t->scale * (from - t->zero_point);
	*hi = (double)t->scale * (to - t->zero_point);
}

/*
 * Operand k of the Add c->core, a convolution whose result nobody quantised, as a tensor: PyTorch
 * and TensorRT quantise the sum alone. The sum is clamped, so of the convolution only what the
 * other operand r leaves of the sum's range matters. With a scale of that range over 255, at most
 * about the sum's scale plus r's, the sum is wrong by half of these two before it is rounded.
 */
static int lower_addend(struct mea_lower *l, const struct mea_closing *c, int k, int r)
{
	const struct mea_value *v = mea_node_in(l->g, c->core, k);
	struct mea_closing part = {.q = c->q, .lo = -128, .hi = 127};
	const struct mea_qtensor *sum = &l->net->tensors[c->out];
	double lo, hi, r_lo, r_hi, scale;
	int rc;

	part.core = &l->g->nodes[v->producer];
	real_range(sum, c->lo, c->hi, &lo, &hi);
	real_range(&l->net->tensors[r], -128, 127, &r_lo, &r_hi);
	lo = fmin(lo - r_hi, 0);
	hi = fmax(hi - r_lo, 0);
	scale = (hi - lo) / 255;
	part.out = mea_lower_tensor(l, v->name, sum->c, sum->h, sum->w, (float)scale,
				    (int)nearbyint(-128 - lo / scale));
	rc = part.out < 0 ? part.out : mea_lower_conv(l, &part);
	return rc < 0 ? rc : part.out;
}

/* Lets a convolution that c->core alone adds to a quantised value stand for a tensor. */
static int take_addend(struct mea_lower *l, const struct mea_closing *c)
{
	for (int k = 0; k < 2; k++) {
		int v = c->core->in[k], p = l->g->values[v].producer, t;
		struct mea_mapping r = l->mapping[c->core->in[!k]];

		if (l->mapping[v].tensor >= 0 || r.tensor < 0 || p < 0 ||
		    mea_op_row(l->g->nodes[p].op)->lower != mea_lower_conv ||
		    mea_graph_only_user(l->g, v) < 0)
			continue;
		t = lower_addend(l, c, k, r.tensor);
		if (t < 0)
			return t;
		l->mapping[v].tensor = t;
	}
	return 0;
}

int mea_lower_add(struct mea_lower *l, const struct mea_closing *c)
{
	const struct mea_node *n = c->core;
	const struct mea_qtensor *t;
	int a, b, i = take_addend(l, c);

	if (i < 0)
		return i;
	/* A constant, or x + f(x). */
	if (l->mapping[n->in[0]].tensor < 0 || l->mapping[n->in[1]].tensor < 0)
		return mea_lower_table(l, c);
	a = spatial_input(l, n, 0);
	b = a < 0 ? a : spatial_input(l, n, 1);
	if (b < 0)
		return b;
	t = l->net->tensors;
	if (t[a].c != t[b].c || t[a].h != t[b].h || t[a].w != t[b].w)
		return mea_node_fail(l->g, n, MEA_EUNSUPPORTED,
				     "an Add that broadcasts has no integer form");
	i = mea_lower_layer(l, MEA_Q_ADD, n->name, a, c->out);
	if (i < 0)
		return i;
	l->net->layers[i].mid_zero = l->net->tensors[a].zero_point;
	return set_residual(l, &l->net->layers[i], a, b, c);
}

/* --- products -------------------------------------------------------------- */

int mea_lower_mul(struct mea_lower *l, const struct mea_closing *c)
{
	const struct mea_node *n = c->core;
	const struct mea_shape *y = &l->g->values[n->out].shape;
	const struct mea_qtensor *t;
	int in[2], full, i, rc;

	if (l->mapping[n->in[0]].tensor < 0 || l->mapping[n->in[1]].tensor < 0 ||
	    mea_lower_is_table(l, n))
		return mea_lower_table(l, c);
	for (int k = 0; k < 2; k++) {
		in[k] = spatial_input(l, n, k);
		if (in[k] < 0)
			return in[k];
		if (mea_node_in(l->g, n, k)->shape.rank != y->rank)
			return mea_node_fail(l->g, n, MEA_EUNSUPPORTED,
					     "factors of different rank have no integer form");
	}
	full = !mea_shape_equal(&mea_node_in(l->g, n, 0)->shape, y);
	i = mea_lower_layer(l, MEA_Q_MUL, n->name, in[full], c->out);
	if (i < 0)
		return i;
	l->net->layers[i].in2 = in[!full];
	l->net->layers[i].mid_lo = c->lo;
	l->net->layers[i].mid_hi = c->hi;
	rc = mea_lower_requants(&l->net->layers[i], 1);
	if (rc)
		return rc;
	t = l->net->tensors;
	rc = mea_requant_from_scale((double)t[in[0]].scale * (double)t[in[1]].scale /
					    (double)t[c->out].scale,
				    l->net->layers[i].mult, l->net->layers[i].shift);
	return rc ? mea_fail_in(rc, "%s: node %.100s", l->g->source, n->name) : 0;
}

/* --- concatenations -------------------------------------------------------- */

/* Adds a tensor that the graph has no value for, "NAME, WHAT". */
static int helper_tensor(struct mea_lower *l, const struct mea_qtensor *of, const char *what, int c,
			 const struct mea_qtensor *like)
{
	char name[1200];

	snprintf(name, sizeof(name), "%.1100s, %s", of->name, what);
	return mea_lower_tensor(l, name, c, of->h, of->w, like->scale, like->zero_point);
}

/* Tensor t in the scale of tensor like: itself, or a copy. */
static int in_scale_of(struct mea_lower *l, int t, int like, const char *name)
{
	struct mea_qtensor from = l->net->tensors[t], to = l->net->tensors[like];
	int out, rc;

	if (from.scale == to.scale && from.zero_point == to.zero_point)
		return t;
	out = helper_tensor(l, &from, "rescaled", from.c, &to);
	if (out < 0)
		return out;
	rc = mea_lower_rescale(l, name, t, out, -128, 127);
	return rc < 0 ? rc : out;
}

int mea_lower_concat(struct mea_lower *l, const struct mea_closing *c)
{
	const struct mea_node *n = c->core;
	int sum = -1, rc = 0;

	if ((n->a.axis != 1 && n->a.axis + mea_node_in(l->g, n, 0)->shape.rank != 1) ||
	    c->lo != -128 || c->hi != 127)
		return mea_node_fail(l->g, n, MEA_EUNSUPPORTED,
				     "only an unclamped Concat of channels has an integer form");
	for (int i = 0; i < n->n_in; i++) {
		struct mea_qtensor all = l->net->tensors[c->out];
		int t = spatial_input(l, n, i), to = c->out;

		if (t >= 0)
			t = in_scale_of(l, t, c->out, n->name);
		if (t < 0)
			return t;
		if (sum < 0) {
			sum = t;
			continue;
		}
		/* More than two inputs go through partial sums of channels. */
		if (i + 1 < n->n_in)
			to = helper_tensor(l, &all, "partial",
					   l->net->tensors[sum].c + l->net->tensors[t].c, &all);
		if (to < 0)
			return to;
		rc = mea_lower_layer(l, MEA_Q_CONCAT, n->name, sum, to);
		if (rc < 0)
			return rc;
		l->net->layers[rc].in2 = t;
		sum = to;
	}
	return 0;
}
