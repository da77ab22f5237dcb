// SPDX-License-Identifier: Apache-2.0
/*
 * Nodes that only move whole channels: Split, Slice, and the Reshape, Transpose, Reshape of a
 * channel shuffle. Each chain of them becomes one Gather along the channels.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "graph/eval.h"
#include "graph/op.h"
#include "graph/passes.h"

#define CHAIN_MAX    16
#define ELEMENTS_MAX (1 << 24) /* of a map whose channels are followed */

/* Whether n copies elements of its first input, each where its constants say. */
static bool moves(const struct mea_graph *g, const struct mea_node *n)
{
	if (n->op != MEA_OP_Reshape && n->op != MEA_OP_Transpose && n->op != MEA_OP_Slice &&
	    n->op != MEA_OP_Split && n->op != MEA_OP_Gather && n->op != MEA_OP_Flatten &&
	    n->op != MEA_OP_Squeeze && n->op != MEA_OP_Unsqueeze && n->op != MEA_OP_Identity)
		return false;
	for (int i = 1; i < n->n_in; i++)
		if (n->in[i] >= 0 && !g->values[n->in[i]].data)
			return false;
	return n->n_in > 0;
}

/* --- pairs of QuantizeLinear and DequantizeLinear on the way ----------------------- */

static bool same_constant(const struct mea_value *a, const struct mea_value *b)
{
	size_t n = a && b ? mea_shape_count(&a->shape) : 0;

	if (!a || !b)
		return a == b;
	return a->data && b->data && a->type == b->type && n == mea_shape_count(&b->shape) &&
	       !memcmp(a->data, b->data, n * mea_dtype_size(a->type));
}

int mea_pass_requantise(struct mea_graph *g, int node)
{
	const struct mea_node *dq = &g->nodes[node], *q, *n;
	int p = dq->op == MEA_OP_DequantizeLinear ? g->values[dq->in[0]].producer : -1, x;

	if (p < 0 || g->nodes[p].op != MEA_OP_QuantizeLinear || dq->n_in != g->nodes[p].n_in)
		return 0;
	q = &g->nodes[p];
	x = q->in[0];
	if (g->values[x].producer < 0 || !moves(g, &g->nodes[g->values[x].producer]))
		return 0;
	for (p = g->values[x].producer; p >= 0 && moves(g, &g->nodes[p]);
	     p = g->values[n->in[0]].producer)
		n = &g->nodes[p];
	n = p < 0 ? NULL : &g->nodes[p];
	if (!n || n->op != MEA_OP_DequantizeLinear || n->n_in != q->n_in)
		return 0;
	for (int i = 1; i < q->n_in; i++)
		if (!same_constant(mea_node_in(g, q, i), mea_node_in(g, n, i)) ||
		    !same_constant(mea_node_in(g, dq, i), mea_node_in(g, n, i)))
			return 0;
	/* An output is told by its DequantizeLinear. */
	if (!mea_graph_is_output(g, dq->out))
		mea_node_bypass(g, node, x);
	return 0;
}

/* --- from a chain to its channels -------------------------------------------------- */

/* Lets each int32 element of value v be where chain[0 .. n), the last node first, copies it to:
 * from the numbers of its elements in x. The caller frees. NULL: out of memory. */
static int32_t *follow(const struct mea_graph *g, const int *chain, int n, int x)
{
	struct mea_tensor in[4] = {{MEA_I32, g->values[x].shape, NULL}}, out;
	const struct mea_tensor *args[4] = {&in[0], &in[1], &in[2], &in[3]};
	size_t count = mea_shape_count(&in[0].shape);
	int32_t *from = malloc(sizeof(*from) * (count + 1));
	bool good = from;

	for (size_t i = 0; good && i < count; i++)
		from[i] = (int32_t)i;
	while (good && n--) {
		const struct mea_node *m = &g->nodes[chain[n]];

		out = (struct mea_tensor){MEA_I32, g->values[m->out].shape, NULL};
		out.data = malloc(sizeof(*from) * (mea_shape_count(&out.shape) + 1));
		in[0].data = from;
		for (int i = 1; i < m->n_in && i < 4; i++)
			if (m->in[i] >= 0)
				in[i] = mea_value_tensor(&g->values[m->in[i]]);
		good = out.data && !mea_eval_node(m, args, &out);
		free(from);
		from = out.data;
		in[0].shape = out.shape;
	}
	if (!good)
		free(from);
	return good ? from : NULL;
}

/* The channels of which y, a copy of elements of x, is made, or NULL. The caller frees. */
static int64_t *channels_of(const struct mea_shape *x, const struct mea_shape *y,
			    const int32_t *from)
{
	int64_t plane = (int64_t)mea_shape_count(x) / x->dim[1];
	int64_t *list = malloc(sizeof(*list) * (size_t)y->dim[1]);

	for (int64_t c = 0; list && c < y->dim[1]; c++) {
		list[c] = from[c * plane] / plane;
		for (int64_t i = 0; i < plane; i++) {
			if (from[c * plane + i] != list[c] * plane + i) {
				free(list);
				return NULL;
			}
		}
	}
	return list;
}

/* Whether y could be channels of x: maps, or rows, of one image. */
static bool comparable(const struct mea_shape *x, const struct mea_shape *y)
{
	struct mea_shape s = *x;

	s.dim[1] = y->dim[1];
	return (x->rank == 4 || x->rank == 2) && x->dim[0] == 1 && mea_shape_equal(&s, y) &&
	       mea_shape_count(x) && mea_shape_count(x) <= ELEMENTS_MAX && y->dim[1];
}

/* node becomes a Gather of those channels of x, or goes where they are all in their order. */
static int make_gather(struct mea_graph *g, int node, int x, const int64_t *list)
{
	int64_t n = g->values[g->nodes[node].out].shape.dim[1];
	struct mea_shape shape = {1, {n}};
	bool all = n == g->values[x].shape.dim[1];
	char name[1200];
	int in[2] = {x}, rc;

	for (int64_t c = 0; c < n; c++)
		all &= list[c] == c;
	if (all) {
		mea_node_bypass(g, node, x);
		return 0;
	}
	snprintf(name, sizeof(name), "%.1100s_channels", g->values[g->nodes[node].out].name);
	in[1] = rc = mea_graph_add_const(g, name, MEA_I64, &shape, list);
	if (rc >= 0)
		rc = mea_node_set_inputs(g, node, in, 2);
	if (rc < 0)
		return rc;
	g->nodes[node].op = MEA_OP_Gather;
	g->nodes[node].a = mea_attrs_default(MEA_OP_Gather);
	g->nodes[node].a.axis = 1;
	return 0;
}

int mea_pass_channels(struct mea_graph *g, int node)
{
	const struct mea_shape *y = &g->values[g->nodes[node].out].shape;
	int chain[CHAIN_MAX], n = 0, rc = 0;

	for (int p = node; n < CHAIN_MAX && p >= 0 && moves(g, &g->nodes[p]); n++) {
		chain[n] = p;
		p = g->values[g->nodes[p].in[0]].producer;
	}
	/* From as far back as it goes. */
	for (; n > 0; n--) {
		int x = g->nodes[chain[n - 1]].in[0];
		int32_t *from;
		int64_t *list;

		if (!comparable(&g->values[x].shape, y))
			continue;
		from = follow(g, chain, n, x);
		list = from ? channels_of(&g->values[x].shape, y, from) : NULL;
		free(from);
		if (list)
			rc = make_gather(g, node, x, list);
		free(list);
		if (list)
			break;
	}
	return rc;
}
