// SPDX-License-Identifier: Apache-2.0
/* A float graph and a quantisation spec to a QDQ graph. */
#include "quantize/quantize.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "graph/lower.h"
#include "graph/op.h"
#include "quantize/quant_spec.h"

#define NAME_SIZE	 1200
#define WEIGHT_SCALE_MIN 1e-10	/* keeps products of scales normal floats */
#define GRID_ERROR	 1e-3	/* of a step: rounding of the folded batch norm is far below */
#define BIAS_MAX	 0x1p28 /* leaves the accumulator three bits for the sum */

struct emit {
	const struct mea_graph *g; /* float */
	const struct mea_quant_spec *spec;
	struct mea_graph *q; /* the result */
	int *map;	     /* g's value to q's, dequantised */
};

static const struct mea_shape scalar = {.rank = 0};

/* NAME_WHAT, numbered when either graph has that name already. */
static void make_name(const struct emit *e, const char *name, const char *what,
		      char text[NAME_SIZE])
{
	snprintf(text, NAME_SIZE, "%s_%s", name, what);
	for (int i = 2; mea_graph_find(e->q, text) >= 0 || mea_graph_find(e->g, text) >= 0; i++)
		snprintf(text, NAME_SIZE, "%s_%s%d", name, what, i);
}

static int add_value(struct emit *e, const char *name, const char *what, enum mea_dtype type,
		     const struct mea_shape *shape)
{
	char text[NAME_SIZE];

	make_name(e, name, what, text);
	return mea_graph_add_value(e->q, text, type, shape);
}

static int add_const(struct emit *e, const char *name, const char *what, enum mea_dtype type,
		     const struct mea_shape *shape, const void *data)
{
	char text[NAME_SIZE];

	make_name(e, name, what, text);
	return mea_graph_add_const(e->q, text, type, shape, data);
}

/* Adds Q and DQ, with the parameters of g's value v, behind the result's value from,
 * and returns the DQ's output. named: it gets v's own name. */
static int add_qdq(struct emit *e, int v, int from, bool named)
{
	const char *name = e->g->values[v].name;
	const struct mea_quant_value *p = &e->spec->v[mea_quant_group(e->spec, v)];
	int in[3] = {from}, rc;
	int8_t zero = (int8_t)p->zero_point;
	char text[NAME_SIZE];

	in[1] = rc = add_const(e, name, "scale", MEA_F32, &scalar, &p->scale);
	if (rc >= 0)
		in[2] = rc = add_const(e, name, "zero", MEA_I8, &scalar, &zero);
	make_name(e, name, "q", text);
	if (rc >= 0)
		in[0] = rc = mea_graph_append(e->q, MEA_OP_QuantizeLinear, text, in, 3, NULL);
	make_name(e, name, "dq", text);
	return rc < 0 ? rc
		      : mea_graph_append(e->q, MEA_OP_DequantizeLinear, named ? name : text, in, 3,
					 NULL);
}

/* A quantised constant and its DequantizeLinear along axis 0. */
static int add_parameter(struct emit *e, const char *name, enum mea_dtype type,
			 const struct mea_shape *shape, const void *data, const float *scale,
			 int channels)
{
	struct mea_shape per_channel = {1, {channels}};
	struct mea_attrs a = mea_attrs_default(MEA_OP_DequantizeLinear);
	int in[3], rc, n = 2;
	char text[NAME_SIZE];
	int8_t *zeros;

	a.axis = 0;
	in[0] = rc = add_const(e, name, "q", type, shape, data);
	if (rc >= 0)
		in[1] = rc = add_const(e, name, "scale", MEA_F32, &per_channel, scale);
	if (rc >= 0 && type == MEA_I8) {
		zeros = calloc((size_t)channels, 1);
		if (!zeros)
			return mea_nomem();
		in[n++] = rc = add_const(e, name, "zero", MEA_I8, &per_channel, zeros);
		free(zeros);
	}
	make_name(e, name, "dq", text);
	return rc < 0 ? rc : mea_graph_append(e->q, MEA_OP_DequantizeLinear, text, in, n, &a);
}

/* Parameters of a Conv or Gemm as integers. */
struct params {
	int8_t *w;
	int32_t *b;
	float *w_scale, *b_scale;
};

/* Whether all weights are whole multiples of scale. */
static bool on_grid(const float *w, size_t row, double scale)
{
	bool on = true;

	for (size_t i = 0; i < row && on; i++)
		on = fabs((double)w[i] / scale - nearbyint((double)w[i] / scale)) < GRID_ERROR;
	return on;
}

/*
 * Weight scale of channel c: that of a grid on which the weights lie already, as those trained as
 * integers do; else the largest weight becomes 127. Never so small that the bias would leave its
 * integers.
 */
static float weight_scale(const float *w, size_t row, float bias, float x_scale)
{
	double top = 0, least;
	int grid = 0;

	for (size_t i = 0; i < row; i++)
		top = fabs((double)w[i]) > top ? fabs((double)w[i]) : top;
	for (int n = 127; n > 0 && top > 0 && !grid; n--)
		grid = on_grid(w, row, top / n) ? n : 0;
	top /= grid ? grid : 127;
	least = fabs((double)bias) / (x_scale * BIAS_MAX);
	if (top < least)
		top = least;
	return (float)(top < WEIGHT_SCALE_MIN ? WEIGHT_SCALE_MIN : top);
}

static void quantise_params(const struct mea_value *w, const struct mea_value *b, float x_scale,
			    struct params *p)
{
	size_t channels = (size_t)w->shape.dim[0];
	size_t row = mea_shape_count(&w->shape) / channels;

	for (size_t c = 0; c < channels; c++) {
		const float *from = (const float *)w->data + c * row;
		float bias = b ? ((const float *)b->data)[c] : 0;
		float s = weight_scale(from, row, bias, x_scale);

		for (size_t i = 0; i < row; i++) {
			float v = nearbyintf(from[i] / s);

			p->w[c * row + i] = (int8_t)(v < -127 ? -127 : v > 127 ? 127 : v);
		}
		p->w_scale[c] = s;
		p->b_scale[c] = x_scale * s;
		p->b[c] = (int32_t)nearbyint((double)bias / ((double)x_scale * (double)s));
	}
}

static int check_finite(const struct emit *e, const struct mea_node *n, int input)
{
	const struct mea_value *v = mea_node_in(e->g, n, input);

	for (size_t i = 0; v && i < mea_shape_count(&v->shape); i++)
		if (!isfinite(((const float *)v->data)[i]))
			return mea_node_fail(e->g, n, MEA_EINVAL, "%s[%zu] is not finite", v->name,
					     i);
	return 0;
}

/* Sets in[1] and in[2] to the quantised weights and bias of n. */
static int add_parameters(struct emit *e, const struct mea_node *n, int *in)
{
	const struct mea_value *w = mea_node_in(e->g, n, 1), *b = mea_node_in(e->g, n, 2);
	const char *name = e->g->values[n->out].name;
	float x_scale = e->spec->v[mea_quant_group(e->spec, n->in[0])].scale;
	size_t channels = (size_t)w->shape.dim[0], count = mea_shape_count(&w->shape);
	struct params p = {malloc(count + 1), malloc(sizeof(*p.b) * channels),
			   malloc(sizeof(float) * channels), malloc(sizeof(float) * channels)};
	char text[NAME_SIZE];
	int rc;

	if (!p.w || !p.b || !p.w_scale || !p.b_scale) {
		rc = mea_nomem();
		goto out;
	}
	rc = check_finite(e, n, 1);
	if (!rc)
		rc = check_finite(e, n, 2);
	if (rc)
		goto out;
	quantise_params(w, b, x_scale, &p);
	snprintf(text, sizeof(text), "%s_weight", name);
	in[1] = rc = add_parameter(e, text, MEA_I8, &w->shape, p.w, p.w_scale, (int)channels);
	if (rc < 0 || !b)
		goto out;
	snprintf(text, sizeof(text), "%s_bias", name);
	in[2] = rc = add_parameter(e, text, MEA_I32, &b->shape, p.b, p.b_scale, (int)channels);
out:
	free(p.w);
	free(p.b);
	free(p.w_scale);
	free(p.b_scale);
	return rc < 0 ? rc : 0;
}

/* The result's value for operand v of g, which is a constant or was emitted before. */
static int operand(struct emit *e, int v)
{
	const struct mea_value *from = &e->g->values[v];

	if (from->data && e->map[v] < 0)
		e->map[v] =
			mea_graph_add_const(e->q, from->name, from->type, &from->shape, from->data);
	return e->map[v];
}

static int emit_node(struct emit *e, const struct mea_node *n)
{
	bool weights = mea_op_row(n->op)->quant == MEA_QUANT_WEIGHTS;
	const struct mea_value *out = &e->g->values[n->out];
	bool quantised = e->spec->v[n->out].quantised,
	     named = quantised && mea_graph_is_output(e->g, n->out);
	int *in = malloc(sizeof(*in) * ((size_t)n->n_in + 1)), v = 0, rc = 0;

	if (!in)
		return mea_nomem();
	for (int i = 0; i < n->n_in && rc >= 0; i++) {
		in[i] = -1;
		if (n->in[i] >= 0 && !(weights && i))
			rc = in[i] = operand(e, n->in[i]);
	}
	if (weights && rc >= 0)
		rc = add_parameters(e, n, in);
	/* A graph output is the dequantised value and keeps its name. */
	if (rc >= 0)
		rc = v = named ? add_value(e, out->name, "float", MEA_F32, &out->shape)
			       : mea_graph_add_value(e->q, out->name, MEA_F32, &out->shape);
	if (rc >= 0)
		rc = mea_graph_add_node(e->q, n->op, n->name, in, n->n_in, v, &n->a);
	if (rc >= 0)
		rc = e->map[n->out] = quantised ? add_qdq(e, n->out, v, named) : v;
	free(in);
	return rc < 0 ? rc : 0;
}

static int emit_input(struct emit *e, int v)
{
	const struct mea_value *src = &e->g->values[v];
	int in = mea_graph_add_input(e->q, src->name, MEA_F32, &src->shape), rc;

	if (in < 0)
		return in;
	e->q->values[in].dynamic = src->dynamic;
	rc = e->map[v] = add_qdq(e, v, in, false);
	return rc < 0 ? rc : 0;
}

static int emit_all(struct emit *e)
{
	int rc = 0;

	for (int i = 0; !rc && i < e->g->n_inputs; i++)
		rc = emit_input(e, e->g->inputs[i]);
	for (int i = 0; !rc && i < e->g->n_nodes; i++)
		rc = emit_node(e, &e->g->nodes[i]);
	for (int i = 0; !rc && i < e->g->n_outputs; i++)
		rc = mea_graph_add_output(e->q, e->map[e->g->outputs[i]]);
	if (!rc)
		rc = mea_graph_sort(e->q);
	return rc ? rc : mea_graph_infer(e->q, 0);
}

static int emit(const struct mea_graph *g, const struct mea_quant_spec *spec,
		struct mea_graph **out)
{
	struct emit e = {.g = g, .spec = spec};
	int rc = mea_graph_new(g->source, &e.q);

	if (rc)
		return rc;
	e.map = malloc(sizeof(*e.map) * ((size_t)g->n_values + 1));
	for (int i = 0; e.map && i < g->n_values; i++)
		e.map[i] = -1;
	rc = e.map ? emit_all(&e) : mea_nomem();
	free(e.map);
	if (rc)
		mea_graph_free(e.q);
	else
		*out = e.q;
	return rc;
}

/* Whether the quantised graph has an integer form. That hangs on no range, so it is found out
 * before anybody waits for a calibration. */
static int check_form(const struct mea_graph *g, struct mea_quant_spec *spec)
{
	struct mea_graph *trial = NULL;
	struct mea_qnet *net = NULL;
	int rc;

	for (int v = 0; v < g->n_values; v++) {
		spec->v[v].scale = 1;
		spec->v[v].zero_point = 0;
	}
	rc = emit(g, spec, &trial);
	if (!rc)
		rc = mea_qnet_from_graph(trial, &net);
	mea_qnet_free(net);
	mea_graph_free(trial);
	return rc;
}

int mea_quantize(const struct mea_graph *g, mea_next_input next, void *ctx,
		 const struct mea_quantize_options *opt, struct mea_graph **out)
{
	struct mea_quant_spec *spec = NULL;
	struct mea_graph *simple = NULL;
	int rc = mea_graph_clone(g, &simple);

	if (!rc)
		rc = mea_graph_simplify(simple);
	if (!rc)
		rc = mea_quant_spec_new(simple, &spec);
	if (!rc)
		rc = check_form(simple, spec);
	if (!rc)
		rc = mea_quant_calibrate(spec, next, ctx, opt);
	if (!rc)
		rc = emit(simple, spec, out);
	mea_quant_spec_free(spec);
	mea_graph_free(simple);
	return rc;
}
