// SPDX-License-Identifier: Apache-2.0
/*
 * The walk over a QDQ graph: each QuantizeLinear looks back to the operation that
 * it closes, each DequantizeLinear makes a tensor visible as a float value.
 */
#include "graph/lower_int.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "graph/op.h"

/* --- values and tensors ---------------------------------------------------- */

int mea_lower_input(const struct mea_lower *l, const struct mea_node *n, int i,
		    struct mea_mapping *mapping)
{
	const struct mea_value *v = mea_node_in(l->g, n, i);
	const struct mea_node *p;

	*mapping = l->mapping[n->in[i]];
	if (mapping->tensor >= 0)
		return 0;
	p = v->producer >= 0 ? &l->g->nodes[v->producer] : NULL;
	if (!p)
		return mea_node_fail(l->g, n, MEA_EUNSUPPORTED, "its input %s is not quantised",
				     v->name);
	return mea_node_fail(l->g, n, MEA_EUNSUPPORTED,
			     "its input, the result of node %.100s (%s), is not quantised", p->name,
			     mea_op_name(p->op));
}

/* Channels, height and width of an activation: 1xCxHxW or 1xC. */
static int dims_of(const struct mea_value *v, int chw[3])
{
	const struct mea_shape *s = &v->shape;
	char text[96];

	chw[0] = s->rank > 1 ? (int)s->dim[1] : 0;
	chw[1] = s->rank == 4 ? (int)s->dim[2] : 1;
	chw[2] = s->rank == 4 ? (int)s->dim[3] : 1;
	if ((s->rank != 2 && s->rank != 4) || s->dim[0] != 1)
		return mea_fail(MEA_EUNSUPPORTED, "tensor %s is %s, not 1xCxHxW or 1xC", v->name,
				mea_shape_text(s, text, sizeof(text)));
	return 0;
}

/* Lets value out stand for what Flatten or Identity n makes of x. */
static int pass_on(struct mea_lower *l, const struct mea_node *n, struct mea_mapping x, int out)
{
	int rc = n->op == MEA_OP_Flatten ? mea_lower_whole(l, &x) : 0;

	if (rc < 0)
		return rc;
	if (n->op == MEA_OP_Flatten)
		x.flat = l->net->tensors[x.tensor].h * l->net->tensors[x.tensor].w > 1;
	l->mapping[out] = x;
	return 0;
}

static bool is_passing(const struct mea_graph *g, const struct mea_node *n)
{
	/* Flatten only where the batch stays: of 1xCxHxW to 1xN. */
	return n->op == MEA_OP_Identity ||
	       (n->op == MEA_OP_Flatten && g->values[n->out].shape.dim[0] == 1 &&
		mea_node_in(g, n, 0)->shape.dim[0] == 1);
}

static int lower_dequantize(struct mea_lower *l, const struct mea_node *n)
{
	const struct mea_qtensor *t;
	struct mea_mapping mapping;
	float scale;
	int zero, rc;

	if (mea_node_in(l->g, n, 0)->data)
		return 0; /* a parameter, read by the node that uses it */
	rc = mea_lower_input(l, n, 0, &mapping);
	if (!rc)
		rc = mea_node_qparams(l->g, n, &scale, &zero);
	if (rc)
		return rc;
	t = &l->net->tensors[mapping.tensor];
	if (scale != t->scale || zero != t->zero_point)
		return mea_node_fail(l->g, n, MEA_EUNSUPPORTED,
				     "its scale or zero point is not its QuantizeLinear's");
	l->mapping[n->out] = mapping;
	return 0;
}

/* --- closing --------------------------------------------------------------- */

struct range {
	float lo, hi;
};

/* Range after an inner clamp n, given that of the outer ones. */
static int clamp_range(const struct mea_lower *l, const struct mea_node *n, struct range *r)
{
	float lo, hi;

	mea_clamp_bounds(n, &lo, &hi);
	if (n->n_in > 1 || lo > hi)
		return mea_node_fail(l->g, n, MEA_EUNSUPPORTED,
				     "bounds are not constant or not in order");
	lo = fminf(fmaxf(lo, r->lo), r->hi);
	r->hi = fminf(fmaxf(hi, r->lo), r->hi);
	r->lo = lo;
	return 0;
}

static int quantised_bound(double v, float scale, int zero)
{
	v = nearbyint(v / (double)scale) + zero;
	return v < -128 ? -128 : v > 127 ? 127 : (int)v;
}

/* Adds the tensor of an input of the graph that q quantises. */
static int lower_graph_input(struct mea_lower *l, const struct mea_node *q, float scale, int zero)
{
	const struct mea_value *v = mea_node_in(l->g, q, 0);
	int chw[3], rc = dims_of(v, chw), i = 0, t;

	if (rc)
		return mea_fail_in(rc, "%s", l->g->source);
	while (l->g->inputs[i] != q->in[0])
		i++;
	t = l->input[i];
	if (t < 0) {
		t = mea_lower_tensor(l, v->name, chw[0], chw[1], chw[2], scale, zero);
		if (t < 0)
			return t;
		l->input[i] = t;
	} else if (l->net->tensors[t].scale != scale || l->net->tensors[t].zero_point != zero) {
		return mea_node_fail(l->g, q, MEA_EUNSUPPORTED,
				     "input %s is quantised in two different ways", v->name);
	}
	l->mapping[q->out].tensor = t;
	return 0;
}

/* The tensor's name: of the value that it stands for, as a person knows it. */
static const char *tensor_name(const struct mea_graph *g, const struct mea_node *q)
{
	int user = -1;

	for (int i = 0; i < g->n_nodes && user < 0; i++)
		if (g->nodes[i].op == MEA_OP_DequantizeLinear && g->nodes[i].in[0] == q->out)
			user = g->nodes[i].out;
	for (int i = 0; i < g->n_outputs; i++)
		if (g->outputs[i] == user)
			return g->values[user].name;
	return mea_node_in(g, q, 0)->name;
}

static int lower_core(struct mea_lower *l, const struct mea_closing *c)
{
	if (!c->core)
		return mea_lower_rescale(l, l->g->values[c->q->in[0]].name, c->x.tensor, c->out,
					 c->lo, c->hi);
	if (!mea_op_row(c->core->op)->lower)
		return mea_node_fail(l->g, c->core, MEA_EUNSUPPORTED, "it has no integer form");
	return mea_op_row(c->core->op)->lower(l, c);
}

/* The mapping of an earlier QuantizeLinear of q's operand with the same parameters (one for
 * each user of the operand, as some quantisers write them), or none. */
static struct mea_mapping quantised_before(const struct mea_lower *l, const struct mea_node *q,
					   float scale, int zero)
{
	for (const struct mea_node *n = l->g->nodes; n < q; n++) {
		const struct mea_qtensor *t = l->net->tensors;

		if (n->op != MEA_OP_QuantizeLinear || n->in[0] != q->in[0])
			continue;
		t += l->mapping[n->out].tensor;
		if (t->scale == scale && t->zero_point == zero)
			return l->mapping[n->out];
	}
	return (struct mea_mapping){.tensor = -1};
}

/* From c->q back over clamps, which narrow r, and flattenings, of which the first is *flatten, to
 * the operation c->core or to a quantised value. Returns the value that the way ends at. */
static int find_core(const struct mea_lower *l, struct mea_closing *c, struct range *r,
		     const struct mea_node **flatten)
{
	const struct mea_node *p;
	int v = c->q->in[0], rc;

	for (; l->mapping[v].tensor < 0 && l->g->values[v].producer >= 0; v = p->in[0]) {
		p = &l->g->nodes[l->g->values[v].producer];
		if (is_passing(l->g, p)) {
			*flatten = p->op == MEA_OP_Flatten ? p : *flatten;
		} else if (mea_op_row(p->op)->quant == MEA_QUANT_CLAMP) {
			rc = clamp_range(l, p, r);
			if (rc)
				return rc;
		} else {
			c->core = p;
			break;
		}
	}
	return v;
}

/*
 * A QuantizeLinear: back over clamps and flattenings to a quantised value (a
 * change of scale) or to an operation.
 */
static int lower_quantize(struct mea_lower *l, const struct mea_node *q)
{
	const struct mea_graph *g = l->g;
	struct mea_closing c = {.q = q, .x = {.tensor = -1}};
	struct range r = {-INFINITY, INFINITY};
	const struct mea_node *flatten = NULL;
	int v, chw[3], zero, rc;
	float scale;

	rc = mea_node_qparams(g, q, &scale, &zero);
	if (rc)
		return rc;
	l->mapping[q->out] = quantised_before(l, q, scale, zero);
	if (l->mapping[q->out].tensor >= 0)
		return 0;
	v = find_core(l, &c, &r, &flatten);
	if (v < 0)
		return v;
	if (v == q->in[0] && g->values[v].producer < 0)
		return lower_graph_input(l, q, scale, zero);
	if (!c.core && l->mapping[v].tensor < 0)
		return mea_node_fail(g, q, MEA_EUNSUPPORTED, "its operand %s is not quantised",
				     g->values[v].name);
	c.lo = quantised_bound(r.lo, scale, zero);
	c.hi = quantised_bound(r.hi, scale, zero);
	if (c.core) {
		rc = dims_of(&g->values[v], chw);
		if (rc)
			return mea_fail_in(rc, "%s: node %.100s (%s)", g->source, c.core->name,
					   mea_op_name(c.core->op));
	} else {
		const struct mea_qtensor *t = &l->net->tensors[l->mapping[v].tensor];

		c.x = l->mapping[v];
		l->mapping[q->out] = c.x;
		if (t->scale == scale && t->zero_point == zero && c.lo == -128 && c.hi == 127)
			return flatten ? pass_on(l, flatten, c.x, q->out) : 0;
		rc = mea_lower_whole(l, &c.x);
		if (rc < 0)
			return rc;
		t = &l->net->tensors[c.x.tensor];
		chw[0] = t->c;
		chw[1] = t->h;
		chw[2] = t->w;
	}
	c.out = mea_lower_tensor(l, tensor_name(g, q), chw[0], chw[1], chw[2], scale, zero);
	if (c.out < 0)
		return c.out;
	rc = lower_core(l, &c);
	if (rc < 0)
		return rc;
	l->mapping[q->out] = (struct mea_mapping){c.out, c.x.flat, NULL};
	return flatten ? pass_on(l, flatten, l->mapping[q->out], q->out) : 0;
}

static int lower_node(struct mea_lower *l, const struct mea_node *n)
{
	if (n->op == MEA_OP_QuantizeLinear)
		return lower_quantize(l, n);
	if (n->op == MEA_OP_DequantizeLinear)
		return lower_dequantize(l, n);
	if (l->mapping[n->in[0]].tensor < 0)
		return 0;
	if (n->op == MEA_OP_Gather)
		return mea_lower_gather(l, n);
	return is_passing(l->g, n) ? pass_on(l, n, l->mapping[n->in[0]], n->out) : 0;
}

/* --- the ends -------------------------------------------------------------- */

/* An input that is int8 or uint8 already: its DequantizeLinear has the scale. */
static int take_integer_inputs(struct mea_lower *l)
{
	const struct mea_graph *g = l->g;

	for (int i = 0; i < g->n_inputs; i++) {
		const struct mea_value *v = &g->values[g->inputs[i]];
		const struct mea_node *dq = NULL;
		int chw[3], zero, rc;
		float scale;

		l->input[i] = -1;
		for (int j = 0; j < g->n_nodes && !dq; j++)
			if (g->nodes[j].op == MEA_OP_DequantizeLinear &&
			    g->nodes[j].in[0] == g->inputs[i])
				dq = &g->nodes[j];
		if (!dq)
			continue;
		rc = mea_node_qparams(g, dq, &scale, &zero);
		if (!rc)
			rc = dims_of(v, chw);
		if (!rc)
			rc = mea_lower_tensor(l, v->name, chw[0], chw[1], chw[2], scale, zero);
		if (rc < 0)
			return rc;
		l->input[i] = rc;
		l->mapping[g->inputs[i]].tensor = rc;
	}
	return 0;
}

/* Tensor t for another output of the network: t itself, or a copy where t is an end of the
 * network already, since each end has a buffer of its own. name: the output's. */
static int output_tensor(struct mea_lower *l, int t, const char *name)
{
	const struct mea_qnet *net = l->net;
	struct mea_qtensor from = net->tensors[t];
	bool taken = false;
	int copy, rc;

	for (int i = 0; i < net->n_inputs; i++)
		taken |= net->inputs[i] == t;
	for (int i = 0; i < net->n_outputs; i++)
		taken |= net->outputs[i] == t;
	if (!taken)
		return t;
	copy = mea_lower_tensor(l, name, from.c, from.h, from.w, from.scale, from.zero_point);
	rc = copy < 0 ? copy : mea_lower_rescale(l, name, t, copy, -128, 127);
	return rc < 0 ? rc : copy;
}

static int lower_ends(struct mea_lower *l)
{
	const struct mea_graph *g = l->g;
	int t;

	for (int i = 0; i < g->n_inputs; i++) {
		if (l->input[i] < 0)
			return mea_fail(MEA_EUNSUPPORTED, "%s: input %s is not quantised",
					g->source, g->values[g->inputs[i]].name);
		l->net->inputs[l->net->n_inputs++] = l->input[i];
	}
	for (int i = 0; i < g->n_outputs; i++) {
		struct mea_mapping mapping = l->mapping[g->outputs[i]];
		const struct mea_value *v = &g->values[g->outputs[i]];
		int rc = !i && mapping.tensor < 0 ? mea_lower_tail(l, g->outputs[0], &mapping) : 0;

		if (rc)
			return rc;
		if (mapping.tensor < 0 && v->producer >= 0)
			return mea_node_fail(g, &g->nodes[v->producer], MEA_EUNSUPPORTED,
					     "its result, output %s, is not quantised", v->name);
		if (mapping.tensor < 0 || mapping.flat)
			return mea_fail(MEA_EUNSUPPORTED,
					"%s: output %s is not quantised, or flattened", g->source,
					v->name);
		t = mea_lower_whole(l, &mapping);
		if (t >= 0)
			t = output_tensor(l, t, v->name);
		if (t < 0)
			return t;
		l->net->outputs[l->net->n_outputs++] = t;
	}
	return 0;
}

static int lower_all(struct mea_lower *l)
{
	int rc;

	if (l->g->n_inputs > 4 || l->g->n_outputs > 4)
		return mea_fail(MEA_EUNSUPPORTED, "%s: more than 4 inputs or outputs",
				l->g->source);
	rc = take_integer_inputs(l);
	for (int i = 0; !rc && i < l->g->n_nodes; i++)
		rc = lower_node(l, &l->g->nodes[i]);
	if (!rc)
		rc = lower_ends(l);
	if (rc)
		return rc;
	mea_lower_fuse_adds(l->net);
	rc = mea_lower_drop_unused(l->net);
	if (rc)
		return rc;
	rc = mea_qnet_check(l->net);
	return rc ? mea_fail_in(rc, "%s", l->g->source) : 0;
}

int mea_qnet_from_graph(const struct mea_graph *g, struct mea_qnet **out)
{
	struct mea_lower l = {0};
	int rc = mea_graph_clone(g, &l.g);

	if (!rc)
		rc = mea_graph_simplify(l.g);
	if (!rc && l.g->n_outputs && mea_graph_drop_activation(l.g, 0) != MEA_OP_COUNT)
		rc = mea_graph_prune(l.g);
	if (rc)
		goto out;
	l.net = calloc(1, sizeof(*l.net));
	l.mapping = calloc((size_t)l.g->n_values + 1, sizeof(*l.mapping));
	if (!l.net || !l.mapping) {
		rc = mea_nomem();
		goto out;
	}
	for (int i = 0; i < l.g->n_values; i++)
		l.mapping[i].tensor = -1;
	rc = lower_all(&l);
	if (!rc) {
		*out = l.net;
		l.net = NULL;
	}
out:
	mea_qnet_free(l.net);
	free(l.mapping);
	mea_lower_free_picks(&l);
	mea_graph_free(l.g);
	return rc;
}
