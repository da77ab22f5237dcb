// SPDX-License-Identifier: Apache-2.0
/* The ends of an image classifier: as mea's bundles have them, whoever wrote the model. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "graph/passes.h"

#define LIFT_MAX 16 /* scales and shifts between an image and its Transpose */

/* --- the image ----------------------------------------------------------------- */

/* Whether n takes NHWC to NCHW. */
static bool from_nhwc(const struct mea_node *n)
{
	static const int64_t perm[] = {0, 3, 1, 2};

	for (int i = 0; n->op == MEA_OP_Transpose && n->a.n_axes == 4 && i < 4; i++)
		if ((n->a.axes[i] & 3) != perm[i])
			return false;
	return n->op == MEA_OP_Transpose && n->a.n_axes == 4;
}

/* The constant operand of node n, which works on each channel of an NHWC map by itself, as an NCHW
 * map takes it; -1: n does not, or a negative error. *at: the operand's number. */
static int channel_constant(struct mea_graph *g, const struct mea_node *n, int *at)
{
	const struct mea_shape *x, *k;
	size_t count;

	if (n->op != MEA_OP_Add && n->op != MEA_OP_Sub && n->op != MEA_OP_Mul &&
	    n->op != MEA_OP_Div)
		return -1;
	*at = mea_node_in(g, n, 1)->data != NULL;
	x = &mea_node_in(g, n, !*at)->shape;
	k = &mea_node_in(g, n, *at)->shape;
	count = mea_shape_count(k);
	if (!mea_node_in(g, n, *at)->data || !mea_shape_equal(x, &g->values[n->out].shape))
		return -1;
	if (count == 1)
		return n->in[*at];
	if (k->dim[k->rank - 1] != (int64_t)count || x->rank != 4)
		return -1;
	return mea_graph_add_const(g, mea_node_in(g, n, *at)->name, mea_node_in(g, n, *at)->type,
				   &(struct mea_shape){3, {(int64_t)count, 1, 1}},
				   mea_node_in(g, n, *at)->data);
}

/* Puts Transpose t from NHWC before the node that it reads, if that is a scale or a shift of the
 * channels for t alone; returns whether. */
static bool lift(struct mea_graph *g, int t)
{
	int mid = g->nodes[t].in[0], e = g->values[mid].producer, at, k, x;

	if (e < 0 || mea_graph_only_user(g, mid) != t)
		return false;
	k = channel_constant(g, &g->nodes[e], &at);
	if (k < 0)
		return false;
	x = g->nodes[e].in[!at];
	g->nodes[e].in[at] = k;
	g->nodes[e].in[!at] = mid;
	g->nodes[e].out = g->nodes[t].out;
	g->nodes[t].in[0] = x;
	g->nodes[t].out = mid;
	g->values[mid].shape = g->values[g->nodes[e].out].shape;
	g->values[mid].producer = t;
	g->values[g->nodes[e].out].producer = e;
	return true;
}

/* Takes the only user of input v out of the way when it just converts v; returns whether. */
static bool absorb(struct mea_graph *g, int v, struct mea_ends *e)
{
	int user = mea_graph_only_user(g, v), out;
	bool cast, swap;

	if (user < 0)
		return false;
	out = g->nodes[user].out;
	cast = g->nodes[user].op == MEA_OP_Cast && g->values[v].type == MEA_U8 &&
	       g->values[out].type == MEA_F32;
	swap = from_nhwc(&g->nodes[user]);
	if ((!cast && !swap) || mea_graph_is_output(g, out))
		return false;
	g->values[v].type = g->values[out].type;
	g->values[v].shape = g->values[out].shape;
	e->pixels |= cast;
	mea_node_bypass(g, user, v);
	return true;
}

/* --- the logits ---------------------------------------------------------------- */

/* Whether n keeps the order of the numbers that it makes from logits: over all classes, or each by
 * itself. */
static bool keeps_order(const struct mea_graph *g, const struct mea_node *n)
{
	const struct mea_shape *s = &g->values[n->out].shape;

	if (n->op == MEA_OP_Sigmoid)
		return true;
	if (n->op != MEA_OP_Softmax && n->op != MEA_OP_LogSoftmax)
		return false;
	return !n->a.coerce_2d && n->a.axis >= 0 && n->a.axis < s->rank &&
	       (size_t)s->dim[n->a.axis] == mea_shape_count(s);
}

enum mea_op mea_graph_drop_activation(struct mea_graph *g, int output)
{
	int p = g->values[g->outputs[output]].producer;
	enum mea_op op;

	while (p >= 0 && (g->nodes[p].op == MEA_OP_Flatten || g->nodes[p].op == MEA_OP_Reshape))
		p = g->values[g->nodes[p].in[0]].producer;
	if (p < 0 || !keeps_order(g, &g->nodes[p]) || mea_graph_uses(g, g->nodes[p].out) != 1)
		return MEA_OP_COUNT;
	op = g->nodes[p].op;
	mea_node_bypass(g, p, g->nodes[p].in[0]);
	return g->nodes[p].op == op ? MEA_OP_COUNT : op;
}

/* Logits of 1xNx1x1 become 1xN under their name. */
static int flatten_logits(struct mea_graph *g, bool *changed)
{
	int out = g->outputs[0], p = g->values[out].producer, v, rc;
	struct mea_shape s = g->values[out].shape;
	char name[1100];

	if (p < 0 || s.rank != 4 || s.dim[2] != 1 || s.dim[3] != 1 || mea_graph_uses(g, out) != 1)
		return 0;
	snprintf(name, sizeof(name), "%s_map", g->values[out].name);
	v = mea_graph_add_value(g, name, MEA_F32, &s);
	rc = v < 0 ? v : mea_graph_add_node(g, MEA_OP_Flatten, NULL, &v, 1, out, NULL);
	if (rc < 0)
		return rc;
	g->nodes[p].out = v;
	g->values[v].producer = p;
	g->values[out].shape = (struct mea_shape){2, {s.dim[0], s.dim[1]}};
	*changed = true;
	return 0;
}

int mea_graph_take_ends(struct mea_graph *g, struct mea_ends *e)
{
	int rc;

	*e = (struct mea_ends){.dropped = MEA_OP_COUNT};
	/* First, while a scale is not yet a Conv. */
	for (int i = 0; i < g->n_nodes; i++)
		for (int k = 0; k < LIFT_MAX && from_nhwc(&g->nodes[i]) && lift(g, i);)
			k++;
	rc = mea_graph_sort(g);
	if (!rc)
		rc = mea_graph_simplify(g);
	if (rc)
		return rc;
	for (int i = 0; i < g->n_inputs; i++)
		while (absorb(g, g->inputs[i], e))
			e->changed = true;
	if (g->n_outputs)
		e->dropped = mea_graph_drop_activation(g, 0);
	e->changed |= e->dropped != MEA_OP_COUNT;
	if (g->n_outputs)
		rc = flatten_logits(g, &e->changed);
	if (!rc && e->changed)
		rc = mea_graph_prune(g);
	/* What an absorbed node stood in the way of. */
	return rc || !e->changed ? rc : mea_graph_simplify(g);
}
