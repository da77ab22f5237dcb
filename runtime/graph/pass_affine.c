// SPDX-License-Identifier: Apache-2.0
/*
 * Per-channel scale and shift: BatchNormalization, and Add, Sub, Mul or Div with
 * a constant, all y = x * scale[c] + shift[c]. They go into the Conv or Gemm
 * before or behind them, or become a 1x1 depthwise Conv of their own.
 */
#include "graph/passes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* More channels than that are left alone: a small file can name any number. */
#define CHANNELS_MAX 65536

struct affine {
	int x; /* the value that is scaled */
	int channels;
	double *scale, *shift; /* one allocation; scale owns it */
};

static int affine_alloc(struct affine *f, int x, int channels)
{
	f->x = x;
	f->channels = channels;
	f->scale = malloc(sizeof(double) * 2 * (size_t)channels + 1);
	if (!f->scale)
		return mea_nomem();
	f->shift = f->scale + channels;
	return 0;
}

/* Element for channel c of a constant that broadcasts along channels alone, or
 * NULL when it does not. rank: of the other operand, whose axis 1 has channels. */
static const float *per_channel(const struct mea_value *v, int rank, int channels, int c)
{
	size_t n = mea_shape_count(&v->shape);
	int axis = 1 - (rank - v->shape.rank); /* of v, that meets axis 1 */

	if (!v->data || v->type != MEA_F32 || v->shape.rank > rank)
		return NULL;
	if (n == 1)
		return v->data;
	if (n != (size_t)channels || axis < 0 || axis >= v->shape.rank ||
	    v->shape.dim[axis] != channels)
		return NULL;
	return (const float *)v->data + c;
}

static int batchnorm_affine(const struct mea_graph *g, const struct mea_node *n, struct affine *f)
{
	int channels = (int)mea_node_in(g, n, 0)->shape.dim[1], rc;
	const float *p[5] = {NULL};

	for (int i = 1; i < 5; i++) {
		p[i] = mea_node_in(g, n, i)->data;
		if (!p[i])
			return 0;
	}
	rc = affine_alloc(f, n->in[0], channels);
	for (int c = 0; !rc && c < channels; c++) {
		f->scale[c] = p[1][c] / sqrt((double)p[4][c] + (double)n->a.epsilon);
		f->shift[c] = p[2][c] - p[3][c] * f->scale[c];
	}
	return rc;
}

static int binary_affine(const struct mea_graph *g, const struct mea_node *n, struct affine *f)
{
	bool swapped = mea_node_in(g, n, 0)->data;
	const struct mea_value *x = mea_node_in(g, n, swapped), *k = mea_node_in(g, n, !swapped);
	int rank = x->shape.rank, channels = rank > 1 ? (int)x->shape.dim[1] : 0, rc;

	if (swapped && (n->op == MEA_OP_Div || x->data))
		return 0;
	if (rank < 2 || !channels || !per_channel(k, rank, channels, 0) ||
	    !mea_shape_equal(&x->shape, &g->values[n->out].shape))
		return 0;
	rc = affine_alloc(f, n->in[swapped], channels);
	for (int c = 0; !rc && c < channels; c++) {
		double v = (double)*per_channel(k, rank, channels, c);

		f->scale[c] = n->op == MEA_OP_Mul ? v : n->op == MEA_OP_Div ? 1 / v : 1;
		f->shift[c] = n->op == MEA_OP_Add ? v : n->op == MEA_OP_Sub ? -v : 0;
		if (swapped && n->op == MEA_OP_Sub) { /* constant minus x */
			f->scale[c] = -1;
			f->shift[c] = v;
		}
	}
	return rc;
}

/* Leaves f->scale NULL when n is not of this kind. */
static int affine_of(const struct mea_graph *g, const struct mea_node *n, struct affine *f)
{
	const struct mea_shape *s = &g->values[n->out].shape;

	if (g->values[n->out].type != MEA_F32 || (s->rank > 1 && s->dim[1] > CHANNELS_MAX))
		return 0;
	switch (n->op) {
	case MEA_OP_BatchNormalization:
		return batchnorm_affine(g, n, f);
	case MEA_OP_Add:
	case MEA_OP_Sub:
	case MEA_OP_Mul:
	case MEA_OP_Div:
		return binary_affine(g, n, f);
	default:
		return 0;
	}
}

/* Whether n is a Conv or a Gemm with constant float parameters, one row of weights per output. */
static bool has_params(const struct mea_graph *g, const struct mea_node *n)
{
	const struct mea_value *b = mea_node_in(g, n, 2);

	if ((n->op != MEA_OP_Conv && n->op != MEA_OP_Gemm) || !mea_node_in(g, n, 1)->data)
		return false;
	if (b && (!b->data || b->shape.rank != 1))
		return false;
	return n->op == MEA_OP_Conv ||
	       (n->a.alpha == 1 && n->a.beta == 1 && n->a.trans_b && !n->a.trans_a);
}

/* The node that computes value for one user alone and can take an affine over, or -1. */
static int foldable(const struct mea_graph *g, int value)
{
	int p = g->values[value].producer;

	return p >= 0 && mea_graph_only_user(g, value) >= 0 && has_params(g, &g->nodes[p]) ? p : -1;
}

/* The only user of value, if it can take affine f over exactly, or -1. Padding comes after f, so
 * zeros that it adds must be what f makes of zero. */
static int foldable_behind(const struct mea_graph *g, int value, const struct affine *f)
{
	int user = mea_graph_only_user(g, value);
	const struct mea_node *n = user < 0 ? NULL : &g->nodes[user];
	bool padded = false, shifted = false;

	if (!n || n->in[0] != value || !has_params(g, n))
		return -1;
	for (int k = 0; k < 4; k++)
		padded |= n->op == MEA_OP_Conv && n->a.pad[k];
	for (int c = 0; c < f->channels; c++)
		shifted |= f->shift[c] != 0;
	return padded && shifted ? -1 : user;
}

/* Gives node the input x and new constants: weights w, named OF_WHAT, and a bias for each of
 * their rows. */
static int set_params(struct mea_graph *g, int node, int x, const char *of, const char *what,
		      const struct mea_shape *w_shape, const float *w, const char *b_what)
{
	const float *b = w + mea_shape_count(w_shape); /* behind the weights */
	struct mea_shape b_shape = {1, {w_shape->dim[0]}};
	int in[3] = {x}, rc;
	char text[1100];

	snprintf(text, sizeof(text), "%s_%s", of, what);
	in[1] = rc = mea_graph_add_const(g, text, MEA_F32, w_shape, w);
	if (rc < 0)
		return rc;
	snprintf(text, sizeof(text), "%s_%s", g->values[g->nodes[node].out].name, b_what);
	in[2] = rc = mea_graph_add_const(g, text, MEA_F32, &b_shape, b);
	return rc < 0 ? rc : mea_node_set_inputs(g, node, in, 3);
}

/* New constants for weights [channels][...] and bias; the old may be shared. */
static int scale_params(struct mea_graph *g, int node, const struct affine *f)
{
	const struct mea_node *n = &g->nodes[node];
	const struct mea_value *w = mea_node_in(g, n, 1), *b = mea_node_in(g, n, 2);
	size_t count = mea_shape_count(&w->shape), row = count / (size_t)f->channels;
	struct mea_shape shape = w->shape;
	float *p = malloc(sizeof(float) * (count + (size_t)f->channels));
	int rc;

	if (!p)
		return mea_nomem();
	for (size_t i = 0; i < count; i++)
		p[i] = (float)(((const float *)w->data)[i] * f->scale[i / row]);
	for (int c = 0; c < f->channels; c++) {
		double old = b ? ((const float *)b->data)[c] : 0;

		p[count + (size_t)c] = (float)(old * f->scale[c] + f->shift[c]);
	}
	rc = set_params(g, node, n->in[0], w->name, "folded", &shape, p, "bias");
	free(p);
	return rc;
}

/* Scale and shift of what node reads go into its weights and bias. */
static int scale_inputs(struct mea_graph *g, int node, const struct affine *f)
{
	const struct mea_node *n = &g->nodes[node];
	const struct mea_value *w = mea_node_in(g, n, 1), *b = mea_node_in(g, n, 2);
	struct mea_shape shape = w->shape;
	size_t rows = (size_t)shape.dim[0], own = (size_t)shape.dim[1], at = 0;
	size_t taps = mea_shape_count(&shape) / (rows * own);
	size_t groups = n->op == MEA_OP_Conv ? (size_t)n->a.group : 1;
	float *p = malloc(sizeof(float) * (rows * own * taps + rows));
	int rc;

	if (!p)
		return mea_nomem();
	for (size_t r = 0; r < rows; r++) {
		double sum = b ? (double)((const float *)b->data)[r] : 0;

		for (size_t k = 0; k < own * taps; k++, at++) {
			size_t c = r / (rows / groups) * own + k / taps;
			double v = (double)((const float *)w->data)[at];

			p[at] = (float)(v * f->scale[c]);
			sum += v * f->shift[c];
		}
		p[rows * own * taps + r] = (float)sum;
	}
	rc = set_params(g, node, f->x, w->name, "folded", &shape, p, "bias");
	free(p);
	return rc;
}

/* n becomes Conv(x, scale, shift) with one 1x1 kernel per channel. */
static int make_depthwise(struct mea_graph *g, int node, const struct affine *f)
{
	struct mea_shape shape = {4, {f->channels, 1, 1, 1}};
	struct mea_attrs a = mea_attrs_default(MEA_OP_Conv);
	float *p = malloc(sizeof(float) * 2 * (size_t)f->channels);
	int rc;

	if (!p)
		return mea_nomem();
	for (int c = 0; c < 2 * f->channels; c++)
		p[c] = (float)f->scale[c]; /* shift follows scale */
	rc = set_params(g, node, f->x, g->values[g->nodes[node].out].name, "scale", &shape, p,
			"shift");
	a.group = f->channels;
	a.kernel[0] = a.kernel[1] = 1;
	g->nodes[node].op = MEA_OP_Conv;
	g->nodes[node].a = a;
	free(p);
	return rc;
}

static bool finite_params(const struct affine *f)
{
	for (int c = 0; c < 2 * f->channels; c++)
		if (!isfinite((float)f->scale[c]))
			return false;
	return true;
}

/* Whether g is quantised: then a new Conv, which is not, has no integer form, and the operation
 * that it would replace may be a table. */
static bool is_quantised(const struct mea_graph *g)
{
	for (int i = 0; i < g->n_nodes; i++)
		if (g->nodes[i].op == MEA_OP_QuantizeLinear)
			return true;
	return false;
}

int mea_pass_affine(struct mea_graph *g)
{
	bool quantised = is_quantised(g);
	int rc = 0;

	for (int i = 0; rc >= 0 && i < g->n_nodes; i++) {
		struct affine f = {0};
		int p, user;

		rc = affine_of(g, &g->nodes[i], &f);
		if (rc || !f.scale)
			continue;
		p = foldable(g, f.x);
		user = foldable_behind(g, g->nodes[i].out, &f);
		if (!finite_params(&f)) {
			rc = mea_node_fail(g, &g->nodes[i], MEA_EINVAL,
					   "its constants give a scale that is not finite");
		} else if (p >= 0) {
			rc = scale_params(g, p, &f);
			if (rc >= 0)
				mea_node_bypass(g, i, f.x);
		} else if (user >= 0) {
			rc = scale_inputs(g, user, &f);
		} else if (g->values[f.x].shape.rank == 4 && !quantised) {
			rc = make_depthwise(g, i, &f);
		}
		free(f.scale);
	}
	return rc < 0 ? rc : 0;
}
