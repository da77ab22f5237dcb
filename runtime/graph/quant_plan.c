// SPDX-License-Identifier: Apache-2.0
#include "graph/quant_plan.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "graph/calib.h"
#include "graph/eval.h"

int mea_quant_group(const struct mea_quant_plan *p, int value)
{
	while (p->group[value] != value)
		value = p->group[value];
	return value;
}

static void share(struct mea_quant_plan *p, int a, int b)
{
	p->group[mea_quant_group(p, a)] = mea_quant_group(p, b);
}

/* A clamp that the operation before it does on its way out. */
static bool is_clamp(enum mea_op op)
{
	return op == MEA_OP_Relu || op == MEA_OP_Clip;
}

/* True when value goes only into a clamp that its own operation can take over. */
static bool is_fused(const struct mea_graph *g, int value)
{
	int p = g->values[value].producer, user = mea_graph_only_user(g, value);
	enum mea_op op;

	if (p < 0 || user < 0 || !is_clamp(g->nodes[user].op))
		return false;
	op = g->nodes[p].op;
	return op != MEA_OP_Flatten && op != MEA_OP_Concat && op != MEA_OP_Identity;
}

static int check_params(const struct mea_graph *g, const struct mea_node *n)
{
	const struct mea_value *w = mea_node_in(g, n, 1), *b = mea_node_in(g, n, 2);

	if (!w->data || (b && !b->data))
		return mea_node_fail(g, n, MEA_EUNSUPPORTED,
				     "weights or bias are not constant: no int8 form");
	if (n->op == MEA_OP_Gemm && (n->a.trans_a || !n->a.trans_b || n->a.alpha != 1 ||
				     n->a.beta != 1 || (b && b->shape.rank != 1)))
		return mea_node_fail(g, n, MEA_EUNSUPPORTED, "this kind of Gemm has no int8 form");
	return 0;
}

static int check_node(const struct mea_graph *g, const struct mea_node *n)
{
	const struct mea_value *x = mea_node_in(g, n, 0);

	switch (n->op) {
	case MEA_OP_Conv:
	case MEA_OP_Gemm:
		return check_params(g, n);
	case MEA_OP_Add:
		if (!mea_shape_equal(&x->shape, &mea_node_in(g, n, 1)->shape))
			return mea_node_fail(g, n, MEA_EUNSUPPORTED,
					     "an Add that broadcasts has no int8 form");
		/* fall through */
	case MEA_OP_Clip:
		if (n->op == MEA_OP_Clip && n->n_in > 1)
			return mea_node_fail(g, n, MEA_EUNSUPPORTED,
					     "bounds that are not constant have no int8 form");
		/* fall through */
	case MEA_OP_Relu:
	case MEA_OP_MaxPool:
	case MEA_OP_AveragePool:
	case MEA_OP_GlobalAveragePool:
	case MEA_OP_GlobalMaxPool:
	case MEA_OP_Flatten:
	case MEA_OP_Identity:
	case MEA_OP_Concat:
		for (int i = 0; i < n->n_in; i++)
			if (mea_node_in(g, n, i) && mea_node_in(g, n, i)->data)
				return mea_node_fail(g, n, MEA_EUNSUPPORTED,
						     "a constant operand has no int8 form");
		return x->type == MEA_F32
			       ? 0
			       : mea_node_fail(g, n, MEA_EUNSUPPORTED, "it is not float already");
	default:
		return mea_node_fail(g, n, MEA_EUNSUPPORTED, "this operation has no int8 form");
	}
}

/* Values that a node only selects from or passes on keep its input's scale. */
static void share_node(struct mea_quant_plan *p, const struct mea_node *n)
{
	bool pools = n->op == MEA_OP_MaxPool || n->op == MEA_OP_GlobalMaxPool;

	if (!pools && n->op != MEA_OP_Flatten && n->op != MEA_OP_Concat && n->op != MEA_OP_Identity)
		return;
	for (int i = 0; i < n->n_in && p->quantised[n->out]; i++)
		share(p, n->in[i], n->out);
}

int mea_quant_plan_new(const struct mea_graph *g, struct mea_quant_plan **out)
{
	size_t n = (size_t)g->n_values + 1;
	struct mea_quant_plan *p = calloc(1, sizeof(*p));
	int rc = 0;

	if (!p)
		return mea_fail(MEA_ENOMEM, "%s: out of memory", g->source);
	p->g = g;
	p->quantised = calloc(n, sizeof(*p->quantised));
	p->group = calloc(n, sizeof(*p->group));
	p->scale = calloc(n, sizeof(*p->scale));
	p->zero_point = calloc(n, sizeof(*p->zero_point));
	p->fixed = calloc(n, sizeof(*p->fixed));
	if (!p->quantised || !p->group || !p->scale || !p->zero_point || !p->fixed)
		rc = mea_fail(MEA_ENOMEM, "%s: out of memory", g->source);
	for (int i = 0; !rc && i < g->n_values; i++)
		p->group[i] = i;
	for (int i = 0; !rc && i < g->n_inputs; i++) {
		const struct mea_value *v = &g->values[g->inputs[i]];

		p->quantised[g->inputs[i]] = true;
		if (v->type != MEA_F32)
			rc = mea_fail(MEA_EUNSUPPORTED,
				      "%s: input %s is %s: only float is quantised", g->source,
				      v->name, mea_dtype_name(v->type));
	}
	for (int i = 0; !rc && i < g->n_nodes; i++) {
		rc = check_node(g, &g->nodes[i]);
		p->quantised[g->nodes[i].out] = !is_fused(g, g->nodes[i].out);
	}
	for (int i = 0; !rc && i < g->n_nodes; i++)
		share_node(p, &g->nodes[i]);
	if (rc) {
		mea_quant_plan_free(p);
		return rc;
	}
	*out = p;
	return 0;
}

void mea_quant_plan_free(struct mea_quant_plan *p)
{
	if (!p)
		return;
	free(p->quantised);
	free(p->group);
	free(p->scale);
	free(p->zero_point);
	free(p->fixed);
	free(p);
}

/* --- calibration ----------------------------------------------------------- */

static int set_fixed(struct mea_quant_plan *p, const struct mea_qparams *f)
{
	int v = mea_graph_find(p->g, f->name), r;

	if (v < 0 || !p->quantised[v])
		return mea_fail(MEA_EINVAL, "%s: %s is no quantised tensor", p->g->source, f->name);
	if (!(f->scale > 0) || !isfinite(f->scale) || f->zero_point < -128 || f->zero_point > 127)
		return mea_fail(MEA_EINVAL, "%s: scale %g, zero point %d of %s are out of range",
				p->g->source, (double)f->scale, f->zero_point, f->name);
	r = mea_quant_group(p, v);
	if (p->fixed[r] && (p->scale[r] != f->scale || p->zero_point[r] != f->zero_point))
		return mea_fail(MEA_EINVAL,
				"%s: the scale given for %s contradicts another given one",
				p->g->source, f->name);
	p->fixed[r] = true;
	p->scale[r] = f->scale;
	p->zero_point[r] = f->zero_point;
	return 0;
}

/* Adds the values of one run to the histograms of their groups. */
static int observe(const struct mea_quant_plan *p, const struct mea_eval *e, struct mea_hist **hist)
{
	for (int i = 0; i < p->g->n_values; i++) {
		int r = mea_quant_group(p, i), rc;
		struct mea_tensor t = mea_eval_value(e, i);

		if (!p->quantised[i] || p->fixed[r])
			continue;
		if (!hist[r])
			hist[r] = calloc(1, sizeof(**hist));
		if (!hist[r])
			return mea_fail(MEA_ENOMEM, "%s: out of memory", p->g->source);
		rc = mea_hist_add(hist[r], t.data, mea_shape_count(&t.shape));
		if (rc)
			return mea_fail_in(rc, "%s: calibrating %s", p->g->source,
					   p->g->values[i].name);
	}
	return 0;
}

/* Room for one example: the elements of every input. */
static float **alloc_inputs(const struct mea_graph *g)
{
	float **in = calloc((size_t)g->n_inputs + 1, sizeof(*in));

	for (int i = 0; in && i < g->n_inputs; i++) {
		in[i] = malloc(sizeof(float) *
			       (mea_shape_count(&g->values[g->inputs[i]].shape) + 1));
		if (!in[i]) {
			while (i--)
				free(in[i]);
			free(in);
			return NULL;
		}
	}
	return in;
}

static int collect(struct mea_quant_plan *p, mea_next_input next, void *ctx, struct mea_hist **hist)
{
	struct mea_eval *e = NULL;
	float **in = alloc_inputs(p->g);
	int rc, images = 0;

	if (!in)
		return mea_fail(MEA_ENOMEM, "%s: out of memory", p->g->source);
	rc = mea_eval_new(p->g, &e);
	while (!rc && (rc = next(ctx, in)) == 1) {
		rc = mea_eval_run(e, (const void *const *)in);
		if (!rc)
			rc = observe(p, e, hist);
		images++;
	}
	if (!rc && !images)
		rc = mea_fail(MEA_EINVAL, "%s: there are no calibration examples", p->g->source);
	for (int i = 0; i < p->g->n_inputs; i++)
		free(in[i]);
	free(in);
	mea_eval_free(e);
	return rc;
}

int mea_quant_calibrate(struct mea_quant_plan *p, mea_next_input next, void *ctx,
			const struct mea_quantize_options *opt)
{
	double percentile = opt && opt->percentile > 0 ? opt->percentile : 99.99;
	struct mea_hist **hist = calloc((size_t)p->g->n_values + 1, sizeof(*hist));
	int rc = 0;

	if (!hist)
		return mea_fail(MEA_ENOMEM, "%s: out of memory", p->g->source);
	for (int i = 0; !rc && opt && i < opt->n_fixed; i++)
		rc = set_fixed(p, &opt->fixed[i]);
	if (!rc)
		rc = collect(p, next, ctx, hist);
	for (int i = 0; i < p->g->n_values; i++) {
		if (!rc && hist[i])
			mea_hist_params(hist[i], opt ? opt->method : MEA_CALIB_MSE, percentile,
					&p->scale[i], &p->zero_point[i]);
		free(hist[i]);
	}
	free(hist);
	return rc;
}
