// SPDX-License-Identifier: Apache-2.0
/*
 * Tables: what lies between a quantised value and a QuantizeLinear, evaluated by the float
 * executor for each of the 256 bytes. A product x * f(x) is one table too, and so is what
 * another quantiser rounded to int8 on the way.
 */
#include "graph/lower_int.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "graph/eval.h"
#include "graph/op.h"

#define CODES	  256
#define STEPS_MAX 64 /* nodes of one table; a value that is used twice counts twice */

struct table {
	const struct mea_lower *l;
	int root; /* the tensor whose bytes are looked up */
	int steps;
};

/* Whether an element of n's result hangs on the same element of its inputs alone. */
static bool is_pointwise(const struct mea_node *n)
{
	const struct mea_op_row *row = mea_op_row(n->op);

	return row->lower == mea_lower_table || row->lower == mea_lower_mul ||
	       row->quant == MEA_QUANT_CLAMP || n->op == MEA_OP_QuantizeLinear ||
	       n->op == MEA_OP_DequantizeLinear;
}

/* The node that computes value, if it is pointwise, or NULL. */
static const struct mea_node *pointwise_source(const struct mea_graph *g, int value)
{
	int p = g->values[value].producer;

	return p >= 0 && is_pointwise(&g->nodes[p]) ? &g->nodes[p] : NULL;
}

/* What value stands for, where picked channels have been copied the copy. */
static struct mea_mapping resolved(const struct mea_lower *l, int value)
{
	struct mea_mapping m = l->mapping[value];

	if (m.pick && m.pick->tensor >= 0)
		m = (struct mea_mapping){m.pick->tensor, m.flat, NULL};
	return m;
}

/* The value for each byte of the root into y; false when more than the root decides it. */
static bool evaluate(struct table *t, int value, float y[CODES])
{
	const struct mea_value *v = &t->l->g->values[value];
	struct mea_mapping mapping = resolved(t->l, value);
	const struct mea_node *n = pointwise_source(t->l->g, value);
	struct mea_tensor in[3], out = {v->type, {1, {CODES}}, y};
	const struct mea_tensor *args[3] = {NULL};
	const struct mea_qtensor *x = &t->l->net->tensors[t->root];
	float room[3][CODES];

	if (mapping.tensor == t->root && !mapping.flat && !mapping.pick && v->type == MEA_F32) {
		for (int k = 0; k < CODES; k++)
			y[k] = (float)((int8_t)k - x->zero_point) * x->scale;
		return true;
	}
	if (!n || n->n_in > 3 || t->steps++ == STEPS_MAX)
		return false;
	for (int i = 0; i < n->n_in; i++) {
		const struct mea_value *a = mea_node_in(t->l->g, n, i);

		if (!a)
			continue;
		in[i] = (struct mea_tensor){a->type, {a->data ? 0 : 1, {CODES}}, a->data};
		if (a->data ? mea_shape_count(&a->shape) != 1 : !evaluate(t, n->in[i], room[i]))
			return false;
		if (!a->data)
			in[i].data = room[i];
		args[i] = &in[i];
	}
	return !mea_eval_node(n, args, &out);
}

/* Finds the root: of the quantised values that the first inputs lead back to, the first that
 * decides all. -1: there is none. */
static int find_root(struct mea_lower *l, const struct mea_node *core, float y[CODES])
{
	for (const struct mea_node *n = core; n; n = pointwise_source(l->g, n->in[0])) {
		struct mea_mapping m = l->mapping[n->in[0]];
		struct table t = {l, m.tensor < 0 ? -1 : mea_lower_whole(l, &m), 0};

		if (t.root >= 0 && evaluate(&t, core->out, y))
			return t.root;
	}
	return -1;
}

bool mea_lower_is_table(struct mea_lower *l, const struct mea_node *core)
{
	float y[CODES];

	return find_root(l, core, y) >= 0;
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
	float y[CODES];
	int root = find_root(l, c->core, y), i;
	const struct mea_qtensor *to;
	int8_t *table;

	if (root < 0)
		return no_table(l, c->core);
	i = mea_lower_layer(l, MEA_Q_TABLE, c->core->name, root, c->out);
	if (i < 0)
		return i;
	table = l->net->layers[i].weights = malloc(CODES);
	if (!table)
		return mea_nomem();
	to = &l->net->tensors[c->out];
	for (int k = 0; k < CODES; k++) {
		float q = nearbyintf(y[k] / to->scale) + (float)to->zero_point;

		/* Written so that NaN takes the low end. */
		table[k] = (int8_t)(q >= (float)c->lo ? q <= (float)c->hi ? (int)q : c->hi : c->lo);
	}
	return 0;
}
