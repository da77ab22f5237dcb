// SPDX-License-Identifier: Apache-2.0
/* From a graph to the operations of a mea_tnet: what is fused, what stands alone. */
#include "train/internal.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"

#define UNSUPPORTED(t, n, ...) mea_node_fail((t)->g, n, MEA_EUNSUPPORTED, __VA_ARGS__)

/* Node indices that another node's operation covers. */
struct compile {
	struct mea_tnet *t;
	bool *covered;
	int *norm; /* of an Add: the BatchNormalization that does it; -1 */
};

static bool is_const(const struct mea_tnet *t, int value)
{
	return value < 0 || t->g->values[value].data;
}

static struct tvalue *root(const struct mea_tnet *t, int value)
{
	return &t->values[t->values[value].alias];
}

struct tvalue *tnet_in(const struct mea_tnet *t, const struct top *o, int i)
{
	return root(t, o->in[i]);
}

struct tvalue *tnet_out(const struct mea_tnet *t, const struct top *o)
{
	return root(t, o->out);
}

struct mea_param *tnet_param(const struct mea_tnet *t, const struct mea_node *n, int input)
{
	int i = input < n->n_in && n->in[input] >= 0 ? mea_params_find(t->p, n->in[input]) : -1;

	return i < 0 ? NULL : &t->p->list[i];
}

bool tnet_learns(const struct mea_tnet *t, const struct top *o)
{
	const struct mea_param *p = tnet_param(t, o->node, 1);

	return (o->ops == &top_conv || o->ops == &top_norm || o->ops == &top_linear) && p &&
	       !p->fixed;
}

/* --- values -------------------------------------------------------------------- */

static int describe_value(struct mea_tnet *t, int i)
{
	const struct mea_value *v = &t->g->values[i];
	struct tvalue *tv = &t->values[i];

	*tv = (struct tvalue){.alias = i, .data = -1, .grad = {-1, -1}};
	if (v->data)
		return 0;
	if (v->type != MEA_F32 || (v->shape.rank != 4 && v->shape.rank != 2) ||
	    v->shape.dim[0] != 1)
		return mea_fail(MEA_EUNSUPPORTED,
				"%s: %s: training takes float maps and vectors of batch 1 only",
				t->g->source, v->name);
	if (v->shape.dim[1] < 1 || v->shape.dim[1] > MEA_CHANNELS_MAX)
		return mea_fail(MEA_EUNSUPPORTED, "%s: %s: more than %d channels", t->g->source,
				v->name, MEA_CHANNELS_MAX);
	tv->vector = v->shape.rank == 2;
	tv->h = tv->vector ? 1 : (int)v->shape.dim[2];
	tv->w = tv->vector ? 1 : (int)v->shape.dim[3];
	tv->map = (struct mea_map){.blocks = (size_t)t->o.batch,
				   .rows = (size_t)tv->h * (size_t)tv->w,
				   .c = (int)v->shape.dim[1],
				   .bf16 = t->o.bf16 && !tv->vector};
	return 0;
}

/* Flatten keeps a map as it is and leaves the order to the Gemm that follows. */
static bool only_gemms_use(const struct mea_graph *g, int value)
{
	for (int i = 0; i < g->n_outputs; i++)
		if (g->outputs[i] == value)
			return false;
	for (int i = 0; i < g->n_nodes; i++)
		for (int j = 0; j < g->nodes[i].n_in; j++)
			if (g->nodes[i].in[j] == value && g->nodes[i].op != MEA_OP_Gemm)
				return false;
	return true;
}

static int alias(struct mea_tnet *t, const struct mea_node *n)
{
	if (n->op == MEA_OP_Flatten && !root(t, n->in[0])->vector && !only_gemms_use(t->g, n->out))
		return UNSUPPORTED(t, n, "in training only a Gemm can follow");
	if (n->op == MEA_OP_Flatten && n->a.axis != 1)
		return UNSUPPORTED(t, n, "axis %d cannot be trained", (int)n->a.axis);
	t->values[n->out].alias = t->values[n->in[0]].alias;
	return 0;
}

/* --- fusing ---------------------------------------------------------------------- */

static int only_user(const struct compile *c, int value)
{
	return mea_graph_only_user(c->t->g, value);
}

/* Which BatchNormalizations do the Add behind them. */
static void find_adds(struct compile *c)
{
	const struct mea_graph *g = c->t->g;

	for (int i = 0; i < g->n_nodes; i++)
		c->norm[i] = -1;
	for (int i = 0; i < g->n_nodes; i++) {
		const struct mea_node *n = &g->nodes[i];

		if (n->op != MEA_OP_Add || is_const(c->t, n->in[0]) || is_const(c->t, n->in[1]) ||
		    n->in[0] == n->in[1])
			continue;
		for (int j = 0; j < 2 && c->norm[i] < 0; j++) {
			int p = g->values[n->in[j]].producer;

			if (p >= 0 && g->nodes[p].op == MEA_OP_BatchNormalization &&
			    only_user(c, n->in[j]) == i) {
				c->norm[i] = p;
				c->covered[p] = true;
			}
		}
	}
}

static int bounds(const struct mea_tnet *t, const struct mea_node *n, float *lo, float *hi)
{
	mea_clamp_bounds(n, lo, hi);
	for (int i = 1; i < n->n_in; i++) {
		const struct mea_value *v = mea_node_in(t->g, n, i);

		if (!v)
			continue;
		if (!v->data || v->type != MEA_F32)
			return UNSUPPORTED(t, n, "bounds that are computed cannot be trained");
		*(i == 1 ? lo : hi) = *(const float *)v->data;
	}
	return 0;
}

/* Takes in the Relu or Clip that alone follows o. */
static int fuse_clamp(struct compile *c, struct top *o)
{
	int u = only_user(c, o->out);
	const struct mea_node *n = u < 0 ? NULL : &c->t->g->nodes[u];

	o->lo = -INFINITY;
	o->hi = INFINITY;
	if (!n || (n->op != MEA_OP_Relu && n->op != MEA_OP_Clip))
		return 0;
	c->covered[u] = true;
	o->out = n->out;
	return bounds(c->t, n, &o->lo, &o->hi);
}

/* --- operations -------------------------------------------------------------------- */

static struct top *append(struct mea_tnet *t, const struct top_ops *ops, const struct mea_node *n)
{
	struct top *o = &t->ops[t->n_ops++];

	*o = (struct top){.ops = ops, .node = n, .in = {n->in[0]}, .n_in = 1, .out = n->out};
	return o;
}

static int compile_norm(struct compile *c, const struct mea_node *norm, const struct mea_node *add)
{
	struct top *o = append(c->t, &top_norm, norm);
	int rc;

	if (add) {
		o->in[1] = add->in[0] == norm->out ? add->in[1] : add->in[0];
		o->n_in = 2;
		o->out = add->out;
	}
	rc = fuse_clamp(c, o);
	o->two_grads = true;
	o->keep_in[0] = true;
	o->keep_out = add && (isfinite(o->lo) || isfinite(o->hi));
	return rc;
}

static int compile_join(struct compile *c, const struct mea_node *n)
{
	struct mea_tnet *t = c->t;
	struct top *o = append(t, n->op == MEA_OP_Add ? &top_add : &top_concat, n);

	if (n->n_in > TOP_IN_MAX)
		return UNSUPPORTED(t, n, "more than %d inputs cannot be trained", TOP_IN_MAX);
	o->n_in = n->n_in;
	for (int i = 0; i < n->n_in; i++) {
		struct tvalue *v;

		if (is_const(t, n->in[i]))
			return UNSUPPORTED(t, n, "with a constant it cannot be trained");
		o->in[i] = n->in[i];
		v = root(t, n->in[i]);
		if (v->h != root(t, n->out)->h || v->w != root(t, n->out)->w ||
		    (n->op == MEA_OP_Add && v->map.c != root(t, n->out)->map.c))
			return UNSUPPORTED(t, n, "with broadcasting it cannot be trained");
	}
	if (n->op == MEA_OP_Concat && (n->a.axis != 1 && n->a.axis != -3))
		return UNSUPPORTED(t, n, "only channels can be joined in training");
	return 0;
}

/* Both pixel axes, in any order, counted from either end. */
static bool over_pixels(const struct mea_node *n)
{
	int64_t a = n->a.axes[0], b = n->a.axes[1];

	a = a < 0 ? a + 4 : a;
	b = b < 0 ? b + 4 : b;
	return n->a.n_axes == 2 && ((a == 2 && b == 3) || (a == 3 && b == 2));
}

static int compile_node(struct compile *c, int i)
{
	struct mea_tnet *t = c->t;
	const struct mea_node *n = &t->g->nodes[i];
	struct top *o;

	switch (n->op) {
	case MEA_OP_Identity:
	case MEA_OP_Dropout:
	case MEA_OP_Flatten:
		return alias(t, n);
	case MEA_OP_BatchNormalization:
		return compile_norm(c, n, NULL);
	case MEA_OP_Add:
		if (c->norm[i] >= 0)
			return compile_norm(c, &t->g->nodes[c->norm[i]], n);
		return compile_join(c, n);
	case MEA_OP_Concat:
		return compile_join(c, n);
	case MEA_OP_Conv:
		append(t, &top_conv, n)->keep_in[0] = true;
		return 0;
	case MEA_OP_Gemm:
		append(t, &top_linear, n);
		return 0;
	case MEA_OP_Relu:
	case MEA_OP_Clip:
		o = append(t, &top_clamp, n);
		o->keep_in[0] = true;
		return bounds(t, n, &o->lo, &o->hi);
	case MEA_OP_ReduceMean:
		if (!over_pixels(n))
			return UNSUPPORTED(t, n, "only the mean over all pixels can be trained");
		append(t, &top_pool, n);
		return 0;
	case MEA_OP_MaxPool:
	case MEA_OP_GlobalMaxPool:
	case MEA_OP_AveragePool:
	case MEA_OP_GlobalAveragePool:
		o = append(t, &top_pool, n);
		o->keep_in[0] = o->keep_out = n->op == MEA_OP_MaxPool ||
					      n->op == MEA_OP_GlobalMaxPool;
		return 0;
	default:
		return UNSUPPORTED(t, n, "cannot be trained");
	}
}

int tnet_compile(struct mea_tnet *t)
{
	size_t n = (size_t)t->g->n_nodes + 1;
	struct compile c = {.t = t, .covered = calloc(n, 1), .norm = calloc(n, sizeof(*c.norm))};
	int rc = 0;

	t->ops = calloc(n, sizeof(*t->ops));
	t->values = calloc((size_t)t->g->n_values + 1, sizeof(*t->values));
	if (!c.covered || !c.norm || !t->ops || !t->values)
		rc = mea_nomem();
	for (int i = 0; i < t->g->n_values && !rc; i++)
		rc = describe_value(t, i);
	for (int i = 0; i < t->g->n_inputs && !rc; i++)
		t->values[t->g->inputs[i]].input = true;
	if (!rc)
		find_adds(&c);
	for (int i = 0; i < t->g->n_nodes && !rc; i++)
		if (!c.covered[i])
			rc = compile_node(&c, i);
	free(c.covered);
	free(c.norm);
	return rc;
}
