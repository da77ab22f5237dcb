// SPDX-License-Identifier: Apache-2.0
/* The ends of an image classifier: as mea's bundles have them, whoever wrote the model. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "graph/passes.h"

/* --- behind the last map ------------------------------------------------------- */

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
	int rc = mea_graph_simplify(g);

	*e = (struct mea_ends){.dropped = MEA_OP_COUNT};
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
