// SPDX-License-Identifier: Apache-2.0
/*
 * Tables: what lies between a quantised value and a QuantizeLinear, evaluated by the float
 * executor for each of the 256 bytes. A product x * f(x) is one table too, and so is what
 * another quantiser rounded to int8 on the way. With a constant for each channel, such as the
 * slopes of PRelu, each channel has a table.
 */
#include "graph/lower_int.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "graph/eval.h"
#include "graph/op.h"

#define CODES	  256
#define STEPS_MAX 64 /* nodes of one table; a value that is used twice counts twice */
#define INPUTS	  3

struct table {
	const struct mea_lower *l;
	int root; /* the tensor whose bytes are looked up */
	int channel;
	bool by_channel; /* a constant that was met has an element for each channel */
	int steps;
};

/* Whether an element of n's result hangs on the same element of its inputs alone. */
static bool is_pointwise(const struct mea_node *n)
{
	const struct mea_op_row *row = mea_op_row(n->op);

	return row->lower == mea_lower_table || row->lower == mea_lower_mul ||
	       row->lower == mea_lower_add || row->quant == MEA_QUANT_CLAMP ||
	       n->op == MEA_OP_QuantizeLinear || n->op == MEA_OP_DequantizeLinear;
}

/* The node that computes value, if it is pointwise, or NULL. */
static const struct mea_node *pointwise_source(const struct mea_graph *g, int value)
{
	int p = value < 0 ? -1 : g->values[value].producer;

	return p >= 0 && is_pointwise(&g->nodes[p]) ? &g->nodes[p] : NULL;
}

/* The first input of n that is no constant, or -1. */
static int variable(const struct mea_graph *g, const struct mea_node *n)
{
	for (int i = 0; i < n->n_in; i++)
		if (n->in[i] >= 0 && !mea_is_parameter(g, &g->values[n->in[i]]))
			return n->in[i];
	return -1;
}

/* What value stands for, where picked channels have been copied the copy. */
static struct mea_mapping resolved(const struct mea_lower *l, int value)
{
	struct mea_mapping m = l->mapping[value];

	if (m.pick && m.pick->tensor >= 0)
		m = (struct mea_mapping){m.pick->tensor, m.flat, NULL};
	return m;
}

/* Element number at of a float constant, or of a quantised one behind its DequantizeLinear. */
static float element(const struct mea_graph *g, const struct mea_value *v, size_t at)
{
	const struct mea_node *dq = v->data ? NULL : &g->nodes[v->producer];
	const struct mea_value *q = dq ? mea_node_in(g, dq, 0) : v;
	const struct mea_value *s = dq ? mea_node_in(g, dq, 1) : NULL;
	struct mea_tensor t = mea_value_tensor(q), z;
	int64_t zero = 0;
	size_t k;

	if (!dq)
		return ((const float *)v->data)[at];
	k = mea_shape_count(&s->shape) > 1 ? at : 0;
	if (mea_node_in(g, dq, 2)) {
		z = mea_value_tensor(mea_node_in(g, dq, 2));
		zero = mea_tensor_int(&z, k);
	}
	return (float)(mea_tensor_int(&t, at) - zero) * ((const float *)s->data)[k];
}

/* The parameter v of n for the table's channel; false when it varies along more than channels. */
static bool parameter(struct table *t, const struct mea_node *n, const struct mea_value *v,
		      float *y)
{
	const struct mea_graph *g = t->l->g;
	const struct mea_shape *out = &g->values[n->out].shape;
	const struct mea_node *dq = v->data ? NULL : &g->nodes[v->producer];
	size_t count = mea_shape_count(&v->shape);
	int axis = 1 - (out->rank - v->shape.rank); /* of v, that meets axis 1 */

	if (dq && (!mea_node_in(g, dq, 1)->data ||
		   (mea_node_in(g, dq, 2) && !mea_node_in(g, dq, 2)->data)))
		return false;
	if (count > 1 && (axis < 0 || v->shape.dim[axis] != (int64_t)count ||
			  (int64_t)count != t->l->net->tensors[t->root].c))
		return false;
	t->by_channel |= count > 1;
	*y = element(g, v, count > 1 ? (size_t)t->channel : 0);
	return true;
}

static bool evaluate(struct table *t, int value, float y[CODES]);

/* Input i of n, a tensor of one element or of one for each byte, whose room is given. */
static bool take_input(struct table *t, const struct mea_node *n, int i, float room[CODES],
		       struct mea_tensor *in)
{
	const struct mea_graph *g = t->l->g;
	const struct mea_value *a = &g->values[n->in[i]];

	if (a->type == MEA_F32 && mea_is_parameter(g, a)) {
		*in = (struct mea_tensor){MEA_F32, {0}, room};
		return parameter(t, n, a, room);
	}
	*in = (struct mea_tensor){a->type, {a->data ? 0 : 1, {CODES}}, a->data ? a->data : room};
	return a->data ? mea_shape_count(&a->shape) == 1 : evaluate(t, n->in[i], room);
}

/* The value for each byte of the root into y; false when more than the root decides it. */
static bool evaluate(struct table *t, int value, float y[CODES])
{
	const struct mea_value *v = &t->l->g->values[value];
	struct mea_mapping mapping = resolved(t->l, value);
	const struct mea_node *n = pointwise_source(t->l->g, value);
	struct mea_tensor in[INPUTS], out = {v->type, {1, {CODES}}, y};
	const struct mea_tensor *args[INPUTS] = {NULL};
	const struct mea_qtensor *x = &t->l->net->tensors[t->root];
	float room[INPUTS][CODES];

	if (mapping.tensor == t->root && !mapping.flat && !mapping.pick && v->type == MEA_F32) {
		for (int k = 0; k < CODES; k++)
			y[k] = (float)((int8_t)k - x->zero_point) * x->scale;
		return true;
	}
	if (!n || n->n_in > INPUTS || t->steps++ == STEPS_MAX)
		return false;
	for (int i = 0; i < n->n_in; i++) {
		if (n->in[i] < 0)
			continue;
		if (!take_input(t, n, i, room[i], &in[i]))
			return false;
		args[i] = &in[i];
	}
	return !mea_eval_node(n, args, &out);
}

/* Finds t->root: of the quantised values that the inputs of core lead back to, the first that
 * decides all; y is its table for channel 0. */
static bool find_root(struct mea_lower *l, const struct mea_node *core, struct table *t,
		      float y[CODES])
{
	int x;

	for (const struct mea_node *n = core; n; n = pointwise_source(l->g, x)) {
		struct mea_mapping m;

		x = variable(l->g, n);
		if (x < 0 || l->mapping[x].tensor < 0)
			continue;
		m = l->mapping[x];
		*t = (struct table){.l = l, .root = mea_lower_whole(l, &m)};
		if (t->root >= 0 && evaluate(t, core->out, y))
			return true;
	}
	return false;
}

bool mea_lower_is_table(struct mea_lower *l, const struct mea_node *core)
{
	struct table t;
	float y[CODES];

	return find_root(l, core, &t, y);
}

static int no_table(const struct mea_lower *l, const struct mea_node *core)
{
	struct mea_mapping mapping;

	for (int i = 0; i < core->n_in; i++)
		if (core->in[i] >= 0 && l->mapping[core->in[i]].tensor >= 0)
			return mea_node_fail(
				l->g, core, MEA_EUNSUPPORTED,
				"it is no function of one quantised value, element by element");
	return mea_lower_input(l, core, 0, &mapping);
}

int mea_lower_table(struct mea_lower *l, const struct mea_closing *c)
{
	struct table t;
	float y[CODES];
	const struct mea_qtensor *to;
	int tables, i;
	int8_t *bytes;

	if (!find_root(l, c->core, &t, y))
		return no_table(l, c->core);
	tables = t.by_channel ? l->net->tensors[t.root].c : 1;
	i = mea_lower_layer(l, MEA_Q_TABLE, c->core->name, t.root, c->out);
	if (i < 0)
		return i;
	bytes = l->net->layers[i].weights = malloc((size_t)tables * CODES);
	if (!bytes)
		return mea_nomem();
	l->net->layers[i].groups = tables;
	to = &l->net->tensors[c->out];
	for (t.channel = 0; t.channel < tables; t.channel++, bytes += CODES) {
		t.steps = 0;
		if (t.channel && !evaluate(&t, c->core->out, y))
			return no_table(l, c->core);
		for (int k = 0; k < CODES; k++) {
			float q = nearbyintf(y[k] / to->scale) + (float)to->zero_point;

			/* Written so that NaN takes the low end. */
			bytes[k] = (int8_t)(q >= (float)c->lo ? q <= (float)c->hi ? (int)q : c->hi
							      : c->lo);
		}
	}
	return 0;
}
