// SPDX-License-Identifier: Apache-2.0
/* Forms that others write and mea does not, between the ends of a network. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "graph/passes.h"

/* --- NHWC behind the last map ---------------------------------------------------- */

/* The NCHW value whose NHWC form is flattened for Gemm n alone, or -1. */
static int flat_nhwc(const struct mea_graph *g, int node)
{
	static const int64_t perm[] = {0, 2, 3, 1};
	const struct mea_node *n = &g->nodes[node];
	int f = g->values[n->in[0]].producer, t;

	if (f < 0 || g->nodes[f].op != MEA_OP_Flatten || g->nodes[f].a.axis != 1 ||
	    mea_graph_only_user(g, n->in[0]) != node)
		return -1;
	t = g->values[g->nodes[f].in[0]].producer;
	if (t < 0 || g->nodes[t].op != MEA_OP_Transpose || g->nodes[t].a.n_axes != 4)
		return -1;
	for (int i = 0; i < 4; i++)
		if ((g->nodes[t].a.axes[i] & 3) != perm[i])
			return -1;
	return g->nodes[t].in[0];
}

int mea_pass_gemm_nhwc(struct mea_graph *g, int node)
{
	const struct mea_node *n = &g->nodes[node];
	const struct mea_value *w = mea_node_in(g, n, 1);
	int x = n->op == MEA_OP_Gemm && w->data && n->a.trans_b ? flat_nhwc(g, node) : -1, rc;
	struct mea_shape shape = w ? w->shape : (struct mea_shape){0};
	int64_t channels, pixels;
	float *to;

	if (x < 0)
		return 0;
	channels = g->values[x].shape.dim[1];
	pixels = shape.dim[1] / channels;
	to = malloc(mea_shape_count(&shape) * sizeof(*to));
	if (!to)
		return mea_nomem();
	for (int64_t row = 0; row < shape.dim[0]; row++)
		for (int64_t i = 0; i < shape.dim[1]; i++)
			to[row * shape.dim[1] + i % channels * pixels + i / channels] =
				((const float *)w->data)[row * shape.dim[1] + i];
	rc = mea_graph_add_const(g, w->name, MEA_F32, &shape, to);
	free(to);
	if (rc < 0)
		return rc;
	n = &g->nodes[node];
	n->in[1] = rc;
	g->nodes[g->values[n->in[0]].producer].in[0] = x;
	return 0;
}

/* --- pools of integers ---------------------------------------------------------- */

int mea_pass_integer_pool(struct mea_graph *g, int node)
{
	const struct mea_node *n = &g->nodes[node], *q;
	int x = n->op == MEA_OP_MaxPool ? n->in[0] : -1, out = n->out, p, in[3], v[2], n_in, rc = 0;
	char name[1200];

	p = x < 0 || g->values[x].type == MEA_F32 ? -1 : g->values[x].producer;
	if (p < 0 || g->nodes[p].op != MEA_OP_QuantizeLinear)
		return 0;
	q = &g->nodes[p];
	n_in = q->n_in;
	memcpy(in, q->in, sizeof(*in) * (size_t)n_in);
	for (int i = 0; rc >= 0 && i < 2; i++) {
		snprintf(name, sizeof(name), "%.1100s_%s", g->values[out].name, i ? "float" : "in");
		v[i] = rc = mea_graph_add_value(g, name, MEA_F32, &g->values[i ? out : x].shape);
	}
	in[0] = x;
	if (rc >= 0)
		rc = mea_graph_add_node(g, MEA_OP_DequantizeLinear, NULL, in, n_in, v[0], NULL);
	if (rc < 0)
		return rc;
	g->nodes[node].in[0] = v[0];
	g->nodes[node].out = v[1];
	in[0] = v[1];
	rc = mea_graph_add_node(g, MEA_OP_QuantizeLinear, NULL, in, n_in, out, NULL);
	return rc < 0 ? rc : 0;
}

/* --- HardSigmoid from its parts --------------------------------------------------- */

/* The input of n beside a constant of one element, which goes to *k, or -1. */
static int beside_constant(const struct mea_graph *g, const struct mea_node *n, float *k)
{
	for (int i = 0; n->n_in == 2 && i < 2; i++) {
		const struct mea_value *v = mea_node_in(g, n, i);

		if (v->data && v->type == MEA_F32 && mea_shape_count(&v->shape) == 1 &&
		    (i || n->op == MEA_OP_Add || n->op == MEA_OP_Mul)) {
			*k = *(const float *)v->data;
			return n->in[!i];
		}
	}
	return -1;
}

/* Whether node divides by 6. */
static bool is_sixth(const struct mea_graph *g, int node)
{
	const struct mea_node *n = &g->nodes[node < 0 ? 0 : node];
	float k;

	if (node < 0 || beside_constant(g, n, &k) < 0)
		return false;
	return (n->op == MEA_OP_Div && k == 6) ||
	       (n->op == MEA_OP_Mul && fabsf(k - 1.0f / 6) <= 1e-6f);
}

int mea_pass_hard_sigmoid(struct mea_graph *g, int node)
{
	struct mea_node *n = &g->nodes[node];
	int add = n->op == MEA_OP_Clip && n->n_in == 1 ? g->values[n->in[0]].producer : -1, x, user;
	float k;

	if (add < 0 || g->nodes[add].op != MEA_OP_Add || n->a.lo != 0 || n->a.hi != 6)
		return 0;
	x = beside_constant(g, &g->nodes[add], &k);
	user = mea_graph_only_user(g, n->out);
	/* x * clip(x + 3) / 6 is divided behind the product. */
	if (user >= 0 && g->nodes[user].op == MEA_OP_Mul && !is_sixth(g, user) &&
	    (g->nodes[user].in[0] == x || g->nodes[user].in[1] == x))
		user = mea_graph_only_user(g, g->nodes[user].out);
	if (x < 0 || k != 3 || !is_sixth(g, user))
		return 0;
	n->op = MEA_OP_HardSigmoid;
	n->a = mea_attrs_default(MEA_OP_HardSigmoid);
	n->a.alpha = 1.0f / 6;
	n->in[0] = x;
	mea_node_bypass(g, user, beside_constant(g, &g->nodes[user], &k));
	return 0;
}

/* --- differences of maps ------------------------------------------------------------ */

int mea_pass_difference(struct mea_graph *g, int node)
{
	const struct mea_node *n = &g->nodes[node];
	const struct mea_value *x = mea_node_in(g, n, 0), *y = mea_node_in(g, n, 1);
	static const float minus_one = -1;
	struct mea_shape scalar = {0}, shape;
	int in[2], v, rc, x_value = n->in[0];
	char name[1200];

	if (n->op != MEA_OP_Sub || mea_is_parameter(g, x) || mea_is_parameter(g, y) ||
	    x->type != MEA_F32 || !mea_shape_equal(&x->shape, &y->shape))
		return 0;
	for (int i = 0; i < g->n_nodes; i++)
		if (g->nodes[i].op == MEA_OP_QuantizeLinear)
			return 0;
	in[0] = n->in[1];
	shape = y->shape;
	snprintf(name, sizeof(name), "%.1100s_negated", g->values[n->out].name);
	in[1] = rc = mea_graph_add_const(g, "minus_one", MEA_F32, &scalar, &minus_one);
	if (rc >= 0)
		rc = mea_graph_add_value(g, name, MEA_F32, &shape);
	v = rc;
	if (rc >= 0)
		rc = mea_graph_add_node(g, MEA_OP_Mul, name, in, 2, v, NULL);
	if (rc < 0)
		return rc;
	g->nodes[node].op = MEA_OP_Add;
	in[0] = x_value;
	in[1] = v;
	return mea_node_set_inputs(g, node, in, 2);
}
