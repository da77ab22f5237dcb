// SPDX-License-Identifier: Apache-2.0
/* The passes of mea_graph_simplify(), each over all nodes once. */
#include "graph/passes.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define CHAIN_MAX 16 /* nodes that a pass looks back over */

int mea_node_set_inputs(struct mea_graph *g, int node, const int *in, int n_in)
{
	int *copy = malloc(sizeof(*copy) * (size_t)n_in);

	if (!copy)
		return mea_nomem();
	memcpy(copy, in, sizeof(*copy) * (size_t)n_in);
	free(g->nodes[node].in);
	g->nodes[node].in = copy;
	g->nodes[node].n_in = n_in;
	return 0;
}

void mea_node_bypass(struct mea_graph *g, int node, int x)
{
	struct mea_node *n = &g->nodes[node];
	int out = n->out, p = g->values[x].producer;

	if (mea_graph_is_output(g, out)) {
		if (p < 0 || mea_graph_is_output(g, x))
			return;
		/* x's node takes over the name, the bypassed one takes x. */
		g->nodes[p].out = out;
		g->values[out].producer = p;
		g->values[out].shape = g->values[x].shape;
		n->out = x;
		g->values[x].producer = node;
		mea_graph_replace(g, x, out);
	} else {
		mea_graph_replace(g, out, x);
	}
	/* Dead, and no longer a user of anything. */
	n->op = MEA_OP_Identity;
	n->n_in = 0;
}

/* Identity and what amounts to it. */
static int drop_identity(struct mea_graph *g, int node)
{
	const struct mea_node *n = &g->nodes[node];

	if (n->op == MEA_OP_Identity || n->op == MEA_OP_Dropout ||
	    (n->op == MEA_OP_Concat && n->n_in == 1) ||
	    (n->op == MEA_OP_Cast && mea_node_in(g, n, 0)->type == n->a.to))
		mea_node_bypass(g, node, n->in[0]);
	return 0;
}

static int matmul_to_gemm(struct mea_graph *g, int node)
{
	struct mea_node *n = &g->nodes[node];

	if (n->op == MEA_OP_MatMul && mea_node_in(g, n, 0)->shape.rank == 2 &&
	    mea_node_in(g, n, 1)->shape.rank == 2 && mea_is_parameter(g, mea_node_in(g, n, 1))) {
		n->op = MEA_OP_Gemm;
		n->a = mea_attrs_default(MEA_OP_Gemm);
	}
	return 0;
}

/* Gemm without bias, then Add of a quantised bias: one Gemm. (Add of a float
 * constant is mea_pass_affine()'s.) */
static int add_to_gemm(struct mea_graph *g, int node)
{
	const struct mea_node *n = &g->nodes[node];

	for (int j = 0; n->op == MEA_OP_Add && j < 2; j++) {
		const struct mea_value *bias = mea_node_in(g, n, !j);
		int x = n->in[j], p = g->values[x].producer, rc;

		if (p < 0 || bias->data || !mea_is_parameter(g, bias) ||
		    g->nodes[p].op != MEA_OP_Gemm || g->nodes[p].n_in != 2 ||
		    mea_graph_only_user(g, x) < 0 || bias->shape.rank != 1 ||
		    bias->shape.dim[0] != g->values[x].shape.dim[1])
			continue;
		rc = mea_node_set_inputs(
			g, p, (int[]){g->nodes[p].in[0], g->nodes[p].in[1], n->in[!j]}, 3);
		if (!rc)
			mea_node_bypass(g, node, x);
		return rc;
	}
	return 0;
}

/* Gemm with constant float weights: rows are outputs, alpha and beta are 1 and the
 * bias has one dimension. */
static int normalise_gemm(struct mea_graph *g, int node)
{
	const struct mea_node *n = &g->nodes[node];
	const struct mea_value *w = mea_node_in(g, n, 1), *c = mea_node_in(g, n, 2);
	int64_t rows = g->values[n->out].shape.dim[1], inner;
	struct mea_shape w_shape, b_shape = {1, {rows}};
	struct mea_attrs a = n->a;
	int in[3] = {n->in[0], -1, -1}, rc;
	float *nw, *nb;

	if (n->op != MEA_OP_Gemm || !w->data ||
	    (a.trans_b && a.alpha == 1 && a.beta == 1 &&
	     (!c || (c->shape.rank == 1 && c->shape.dim[0] == rows))) ||
	    (c && (!c->data || (c->shape.rank == 2 && c->shape.dim[0] != 1))))
		return 0;
	inner = (int64_t)mea_shape_count(&w->shape) / rows;
	w_shape = (struct mea_shape){2, {rows, inner}};
	nw = malloc(sizeof(*nw) * (size_t)(rows * inner));
	nb = malloc(sizeof(*nb) * (size_t)rows);
	if (!nw || !nb) {
		rc = mea_nomem();
		goto out;
	}
	for (int64_t r = 0; r < rows; r++)
		for (int64_t k = 0; k < inner; k++)
			nw[r * inner + k] =
				a.alpha *
				((const float *)w->data)[a.trans_b ? r * inner + k : k * rows + r];
	for (int64_t r = 0; c && r < rows; r++)
		nb[r] = a.beta * ((const float *)c->data)[mea_shape_count(&c->shape) == 1 ? 0 : r];
	in[1] = rc = mea_graph_add_const(g, w->name, MEA_F32, &w_shape, nw);
	if (rc >= 0 && c)
		in[2] = rc = mea_graph_add_const(g, mea_node_in(g, &g->nodes[node], 2)->name,
						 MEA_F32, &b_shape, nb);
	if (rc >= 0)
		rc = mea_node_set_inputs(g, node, in, in[2] < 0 ? 2 : 3);
	g->nodes[node].a.alpha = g->nodes[node].a.beta = 1;
	g->nodes[node].a.trans_b = true;
out:
	free(nw);
	free(nb);
	return rc < 0 ? rc : 0;
}

/* Whether Gather n takes all elements of its axis in their order. */
static bool gathers_all(const struct mea_graph *g, const struct mea_node *n)
{
	struct mea_tensor t = mea_value_tensor(mea_node_in(g, n, 1));
	const struct mea_shape *x = &mea_node_in(g, n, 0)->shape;
	int64_t count = (int64_t)mea_shape_count(&t.shape);

	if (!t.data || count != x->dim[n->a.axis < 0 ? n->a.axis + x->rank : n->a.axis])
		return false;
	for (int64_t i = 0; i < count; i++)
		if (mea_tensor_int(&t, (size_t)i) != i)
			return false;
	return true;
}

/* Whether n leaves the elements in their order: a Transpose may move dimensions of one. */
static bool keeps_order(const struct mea_graph *g, const struct mea_node *n)
{
	int64_t last = -1;

	for (int i = 0; n->op == MEA_OP_Transpose && i < n->a.n_axes; i++) {
		if (g->values[n->out].shape.dim[i] == 1)
			continue;
		if (n->a.axes[i] < last)
			return false;
		last = n->a.axes[i];
	}
	return n->op == MEA_OP_Reshape || n->op == MEA_OP_Flatten || n->op == MEA_OP_Squeeze ||
	       n->op == MEA_OP_Unsqueeze || n->op == MEA_OP_Transpose ||
	       (n->op == MEA_OP_Gather && gathers_all(g, n));
}

/* A chain of reshapes that gives back the shape before it is nothing, and one that keeps the batch
 * and flattens the rest is Flatten. */
static int reshape_to_flatten(struct mea_graph *g, int node)
{
	struct mea_node *n = &g->nodes[node];
	const struct mea_shape *y = &g->values[n->out].shape, *x;
	int from = -1, p = node;

	if (!n->n_in || !keeps_order(g, n))
		return 0;
	for (int i = 0; i < CHAIN_MAX && p >= 0 && g->nodes[p].n_in; i++) {
		if (!keeps_order(g, &g->nodes[p]))
			break;
		from = g->nodes[p].in[0];
		x = &g->values[from].shape;
		if (mea_shape_equal(x, y)) {
			mea_node_bypass(g, node, from);
			return 0;
		}
		p = g->values[from].producer;
	}
	x = &g->values[from].shape;
	if (x->rank >= 2 && y->rank == 2 && x->dim[0] == y->dim[0]) {
		n->op = MEA_OP_Flatten;
		n->a = mea_attrs_default(MEA_OP_Flatten);
		n->in[0] = from;
		n->n_in = 1;
	}
	return 0;
}

/* ReduceMean over both spatial axes is GlobalAveragePool, and Flatten behind it
 * when the axes are dropped. */
static int mean_to_pool(struct mea_graph *g, int node)
{
	const struct mea_node *n = &g->nodes[node];
	const struct mea_value *x = mea_node_in(g, n, 0);
	char name[1100];
	int v, rc;

	/* Both counted from either end, in either order. */
	if (n->op != MEA_OP_ReduceMean || n->a.n_axes != 2 || x->shape.rank != 4 ||
	    (n->a.axes[0] & 3) + (n->a.axes[1] & 3) != 5 || (n->a.axes[0] & 3) < 2)
		return 0;
	if (!n->a.keepdims) {
		struct mea_shape s = {4, {x->shape.dim[0], x->shape.dim[1], 1, 1}};

		snprintf(name, sizeof(name), "%s_pooled", g->values[n->out].name);
		v = rc = mea_graph_add_value(g, name, MEA_F32, &s);
		if (rc >= 0)
			rc = mea_graph_add_node(g, MEA_OP_Flatten, NULL, &v, 1, n->out, NULL);
		if (rc < 0)
			return rc;
		g->nodes[node].out = v;
		g->values[v].producer = node;
	}
	g->nodes[node].op = MEA_OP_GlobalAveragePool;
	g->nodes[node].a = mea_attrs_default(MEA_OP_GlobalAveragePool);
	return 0;
}

static bool pads(const struct mea_node *n)
{
	return n->a.pad[0] || n->a.pad[1] || n->a.pad[2] || n->a.pad[3];
}

/* Whether zeros around x are what MaxPool n pads with: nothing in x is less, and no window would
 * see padding alone. */
static bool pads_maxpool(const struct mea_graph *g, const struct mea_node *pad,
			 const struct mea_node *n)
{
	int p = mea_node_in(g, pad, 0)->producer;
	const struct mea_node *clamp = p < 0 ? NULL : &g->nodes[p];
	float lo = -1, hi;

	if (clamp && (clamp->op == MEA_OP_Relu || (clamp->op == MEA_OP_Clip && clamp->n_in == 1)))
		mea_clamp_bounds(clamp, &lo, &hi);
	if (n->op != MEA_OP_MaxPool || n->a.ceil_mode || !(lo >= 0))
		return false;
	for (int k = 0; k < 4; k++)
		if (pad->a.pad[k] + n->a.pad[k] >= n->a.kernel[k & 1])
			return false;
	return true;
}

/* A Pad by nothing is no node (PyTorch writes one before each average pool); one by
 * zeros is the padding of the Conv, MaxPool, or AveragePool that counts it, behind. */
static int fold_pad(struct mea_graph *g, int node)
{
	const struct mea_node *n = &g->nodes[node];
	struct mea_node *to;
	int user;

	if (n->op != MEA_OP_Pad)
		return 0;
	if (pads(n)) {
		user = mea_graph_only_user(g, n->out);
		to = user < 0 ? NULL : &g->nodes[user];
		if (!to || to->in[0] != n->out || n->a.fill != 0 ||
		    !(to->op == MEA_OP_Conv || pads_maxpool(g, n, to) ||
		      (to->op == MEA_OP_AveragePool && !to->a.ceil_mode &&
		       (to->a.count_include_pad || !pads(to)))))
			return 0;
		for (int k = 0; k < 4; k++)
			to->a.pad[k] += n->a.pad[k];
		to->a.count_include_pad = to->op == MEA_OP_AveragePool;
	}
	mea_node_bypass(g, node, n->in[0]);
	return 0;
}

/* Clip with constant bounds has them as attributes. */
static int clip_bounds(struct mea_graph *g, int node)
{
	struct mea_node *n = &g->nodes[node];
	const struct mea_value *lo = mea_node_in(g, n, 1), *hi = mea_node_in(g, n, 2);

	if (n->op != MEA_OP_Clip || n->n_in == 1 || mea_node_in(g, n, 0)->type != MEA_F32 ||
	    (lo && !lo->data) || (hi && !hi->data))
		return 0;
	n->a.lo = lo ? *(const float *)lo->data : -FLT_MAX;
	n->a.hi = hi ? *(const float *)hi->data : FLT_MAX;
	n->n_in = 1;
	return 0;
}

/* Nodes that the pass appends are not visited. */
static int each_node(struct mea_graph *g, int (*pass)(struct mea_graph *g, int node))
{
	int rc = 0;

	for (int i = 0, count = g->n_nodes; !rc && i < count; i++)
		rc = pass(g, i);
	return rc;
}

int mea_graph_simplify(struct mea_graph *g)
{
	static int (*const before[])(struct mea_graph *, int) = {
		mea_pass_difference, clip_bounds,	drop_identity,	    mea_pass_hard_sigmoid,
		mea_pass_requantise, mea_pass_channels, reshape_to_flatten, fold_pad,
		matmul_to_gemm,	     mean_to_pool,
	};
	int rc = 0;

	for (size_t i = 0; !rc && i < sizeof(before) / sizeof(before[0]); i++)
		rc = each_node(g, before[i]);
	if (!rc)
		rc = mea_graph_prune(g);
	if (!rc)
		rc = each_node(g, mea_pass_integer_pool);
	if (!rc)
		rc = each_node(g, add_to_gemm);
	if (!rc)
		rc = each_node(g, normalise_gemm);
	if (!rc)
		rc = each_node(g, mea_pass_gemm_nhwc);
	if (!rc)
		rc = mea_pass_affine(g);
	if (!rc)
		rc = mea_graph_prune(g);
	return rc ? rc : mea_graph_infer(g, 0);
}
