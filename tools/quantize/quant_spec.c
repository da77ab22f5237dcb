// SPDX-License-Identifier: Apache-2.0
#include "quantize/quant_spec.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "graph/op.h"

int mea_quant_group(const struct mea_quant_spec *p, int value)
{
	while (p->v[value].group != value)
		value = p->v[value].group;
	return value;
}

static void share(struct mea_quant_spec *p, int a, int b)
{
	p->v[mea_quant_group(p, a)].group = mea_quant_group(p, b);
}

static enum mea_quant_rule rule(const struct mea_graph *g, int node)
{
	return node < 0 ? MEA_QUANT_NONE : mea_op_row(g->nodes[node].op)->quant;
}

/* True when value goes only into a clamp that its own operation can take over. */
static bool is_fused(const struct mea_graph *g, int value)
{
	int p = g->values[value].producer, user = mea_graph_only_user(g, value);

	return p >= 0 && rule(g, user) == MEA_QUANT_CLAMP && rule(g, p) != MEA_QUANT_MOVE;
}

/* The input j of n, a product x * f(x), that is f(x), whose nodes serve n alone; -1: n is none. */
static int gate_of(const struct mea_graph *g, const struct mea_node *n)
{
	for (int j = 0; j < 2; j++) {
		int v = n->in[j];

		while (mea_graph_only_user(g, v) >= 0 &&
		       rule(g, g->values[v].producer) == MEA_QUANT_TABLE)
			v = g->nodes[g->values[v].producer].in[0];
		if (v == n->in[!j] && v != n->in[j])
			return j;
	}
	return -1;
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

/* Factors of one shape, or a map and a pixel that multiplies each of its pixels. */
static int check_product(const struct mea_graph *g, const struct mea_node *n)
{
	const struct mea_shape *y = &g->values[n->out].shape;
	struct mea_shape pixel = *y;

	if (y->rank == 4)
		pixel.dim[2] = pixel.dim[3] = 1;
	for (int i = 0; i < 2; i++) {
		const struct mea_shape *x = &mea_node_in(g, n, i)->shape;

		if (mea_shape_equal(&mea_node_in(g, n, !i)->shape, y) &&
		    (mea_shape_equal(x, y) || mea_shape_equal(x, &pixel)))
			return 0;
	}
	return mea_node_fail(g, n, MEA_EUNSUPPORTED,
			     "a product that broadcasts other than pixels has no int8 form");
}

/* Whether input i of n is a constant that is the same for all pixels: a table has it. */
static bool is_coefficient(const struct mea_graph *g, const struct mea_node *n, int i)
{
	enum mea_quant_rule kind = mea_op_row(n->op)->quant;
	const struct mea_shape *y = &g->values[n->out].shape, *k = &mea_node_in(g, n, i)->shape;
	int axis = 1 - (y->rank - k->rank);
	size_t count = mea_shape_count(k);

	if (!mea_node_in(g, n, i)->data ||
	    (kind != MEA_QUANT_TABLE && kind != MEA_QUANT_SUM && kind != MEA_QUANT_GATE))
		return false;
	return count == 1 || (axis >= 0 && axis < k->rank && y->rank > 1 &&
			      k->dim[axis] == (int64_t)count && y->dim[1] == (int64_t)count);
}

static int check_node(const struct mea_graph *g, const struct mea_node *n)
{
	enum mea_quant_rule kind = mea_op_row(n->op)->quant;
	const struct mea_value *x = mea_node_in(g, n, 0);
	bool two = n->n_in == 2 && !x->data && !mea_node_in(g, n, 1)->data;

	if (n->op == MEA_OP_QuantizeLinear)
		return mea_node_fail(g, n, MEA_EUNSUPPORTED, "the file is quantised already");
	if (kind == MEA_QUANT_NONE)
		return mea_node_fail(g, n, MEA_EUNSUPPORTED, "this operation has no int8 form");
	if (kind == MEA_QUANT_WEIGHTS)
		return check_params(g, n);
	if (kind == MEA_QUANT_SUM && two &&
	    !mea_shape_equal(&x->shape, &mea_node_in(g, n, 1)->shape))
		return mea_node_fail(g, n, MEA_EUNSUPPORTED,
				     "an Add that broadcasts has no int8 form");
	if (kind == MEA_QUANT_CLAMP && n->n_in > 1)
		return mea_node_fail(g, n, MEA_EUNSUPPORTED,
				     "bounds that are not constant have no int8 form");
	if (kind == MEA_QUANT_GATE && two && check_product(g, n))
		return MEA_EUNSUPPORTED;
	for (int i = n->op == MEA_OP_Gather ? 2 : 0; i < n->n_in; i++)
		if (mea_node_in(g, n, i) && mea_node_in(g, n, i)->data && !is_coefficient(g, n, i))
			return mea_node_fail(
				g, n, MEA_EUNSUPPORTED,
				"a constant that differs from pixel to pixel has no int8 form");
	if (x->type != MEA_F32)
		return mea_node_fail(g, n, MEA_EUNSUPPORTED, "it is not float already");
	return 0;
}

/* The values of f in a product x * f(x) stay in float. */
static void open_gate(struct mea_quant_spec *p, const struct mea_node *n)
{
	const struct mea_graph *g = p->g;
	int j = mea_op_row(n->op)->quant == MEA_QUANT_GATE ? gate_of(g, n) : -1;

	for (int v = j < 0 ? -1 : n->in[j]; v >= 0 && v != n->in[!j];
	     v = g->nodes[g->values[v].producer].in[0])
		p->v[v].quantised = false;
}

/* Values that a node only selects from or passes on keep its input's scale. */
static void share_node(struct mea_quant_spec *p, const struct mea_node *n)
{
	enum mea_quant_rule kind = mea_op_row(n->op)->quant;

	if (kind != MEA_QUANT_SELECT && kind != MEA_QUANT_MOVE)
		return;
	for (int i = 0; i < n->n_in && p->v[n->out].quantised; i++)
		if (!p->g->values[n->in[i]].data)
			share(p, n->in[i], n->out);
}

/* The clamps that follow value on its only way, as bounds; false: none. */
static bool bounds_after(const struct mea_graph *g, int value, struct mea_quant_value *b)
{
	bool any = false;
	int user;

	b->lo = -INFINITY;
	b->hi = INFINITY;
	while (is_fused(g, value) && (user = mea_graph_only_user(g, value)) >= 0) {
		const struct mea_node *n = &g->nodes[user];
		float lo, hi;

		mea_clamp_bounds(n, &lo, &hi);
		b->lo = fminf(fmaxf(b->lo, lo), hi);
		b->hi = fminf(fmaxf(b->hi, lo), hi);
		value = n->out;
		any = true;
	}
	return any;
}

/*
 * The later operand of an Add that is clamped, if nobody else reads it: how far it
 * goes beyond what the clamp lets through does not matter.
 */
static void find_addend(struct mea_quant_spec *p, const struct mea_node *n)
{
	const struct mea_graph *g = p->g;
	struct mea_quant_value b, *v;
	int i;

	if (mea_op_row(n->op)->quant != MEA_QUANT_SUM || n->in[0] == n->in[1] ||
	    !bounds_after(g, n->out, &b))
		return;
	i = g->values[n->in[1]].producer >= g->values[n->in[0]].producer;
	v = &p->v[n->in[i]];
	if (mea_graph_only_user(g, n->in[i]) < 0 || !v->quantised || !p->v[n->in[!i]].quantised)
		return;
	v->addend = n->in[!i];
	v->lo = b.lo;
	v->hi = b.hi;
}

/* Where reader n of value x stops to care how far x goes. */
static void ends_of(const struct mea_graph *g, const struct mea_node *n, int x, float *lo,
		    float *hi)
{
	int j = mea_op_row(n->op)->quant == MEA_QUANT_GATE && n->n_in == 2 ? gate_of(g, n) : -1;
	const struct mea_node *f = j < 0 ? n : &g->nodes[g->values[n->in[j]].producer];

	*lo = -INFINITY;
	*hi = INFINITY;
	if (j < 0)
		mea_activation_ends(n, lo, hi);
	/* x * f(x) goes to 0 where such an f does, and grows with x. */
	else if (f->in[0] == x && (f->op == MEA_OP_Sigmoid || f->op == MEA_OP_HardSigmoid))
		mea_activation_ends(f, lo, hi);
	if (j >= 0)
		*hi = INFINITY;
}

/* A value that only activations read: where the last of them gets flat, its range may end. */
static void find_ends(struct mea_quant_spec *p, int value)
{
	const struct mea_graph *g = p->g;
	struct mea_quant_value *v = &p->v[value];
	float lo = INFINITY, hi = -INFINITY;

	if (!v->quantised || v->addend >= 0)
		return;
	for (int i = 0; i < g->n_outputs; i++)
		if (g->outputs[i] == value)
			return;
	for (int i = 0; i < g->n_nodes; i++)
		for (int k = 0; k < g->nodes[i].n_in; k++) {
			float a, b;

			if (g->nodes[i].in[k] != value)
				continue;
			ends_of(g, &g->nodes[i], value, &a, &b);
			lo = fminf(lo, a);
			hi = fmaxf(hi, b);
		}
	if (lo < hi) {
		v->lo = lo;
		v->hi = hi;
	}
}

/* What of the graph itself, not of a node, has no int8 form. */
static int check_ends(const struct mea_graph *g)
{
	for (int i = 0; i < g->n_inputs; i++) {
		const struct mea_value *v = &g->values[g->inputs[i]];

		if (v->type != MEA_F32)
			return mea_fail(MEA_EUNSUPPORTED,
					"%s: input %s is %s: only float is quantised", g->source,
					v->name, mea_dtype_name(v->type));
	}
	for (int i = 0; i < g->n_outputs; i++)
		if (g->values[g->outputs[i]].data)
			return mea_fail(MEA_EUNSUPPORTED, "%s: output %s is a constant", g->source,
					g->values[g->outputs[i]].name);
	return 0;
}

static int decide(struct mea_quant_spec *p)
{
	const struct mea_graph *g = p->g;
	int rc = check_ends(g);

	for (int i = 0; i < g->n_values; i++)
		p->v[i] = (struct mea_quant_value){
			.group = i, .addend = -1, .lo = -INFINITY, .hi = INFINITY};
	for (int i = 0; i < g->n_inputs; i++)
		p->v[g->inputs[i]].quantised = true;
	for (int i = 0; !rc && i < g->n_nodes; i++) {
		rc = check_node(g, &g->nodes[i]);
		p->v[g->nodes[i].out].quantised = !is_fused(g, g->nodes[i].out);
		if (!rc)
			open_gate(p, &g->nodes[i]);
	}
	for (int i = 0; !rc && i < g->n_nodes; i++) {
		share_node(p, &g->nodes[i]);
		find_addend(p, &g->nodes[i]);
	}
	for (int i = 0; !rc && i < g->n_values; i++)
		find_ends(p, i);
	return rc;
}

int mea_quant_spec_new(const struct mea_graph *g, struct mea_quant_spec **out)
{
	struct mea_quant_spec *p = calloc(1, sizeof(*p));
	int rc = MEA_ENOMEM;

	if (p) {
		p->g = g;
		p->v = calloc((size_t)g->n_values + 1, sizeof(*p->v));
	}
	rc = p && p->v ? decide(p) : mea_fail(rc, "%s: out of memory", g->source);
	if (rc)
		mea_quant_spec_free(p);
	else
		*out = p;
	return rc;
}

void mea_quant_spec_free(struct mea_quant_spec *p)
{
	if (p)
		free(p->v);
	free(p);
}
