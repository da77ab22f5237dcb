// SPDX-License-Identifier: Apache-2.0
/* Operations on integers (QLinearConv and others) as quantisers of ONNX Runtime write them: each
 * becomes DequantizeLinear, the operation, QuantizeLinear. */
#include "graph/onnx_io.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "graph/op.h"
#include "graph/passes.h"

/* Where its inputs stand. An operand is three of them: tensor, scale, zero point. */
struct mea_integer_op {
	const char *name;
	enum mea_op op;
	int first, operands; /* 0 operands: all that follow */
	int result, bias;    /* scale and zero point of the result; an int32 bias, 0: none */
};

static const struct mea_integer_op ops[] = {
	{"QLinearConv", MEA_OP_Conv, 0, 2, 6, 8},
	{"QLinearMatMul", MEA_OP_MatMul, 0, 2, 6, 0},
	{"QGemm", MEA_OP_Gemm, 0, 2, 7, 6},
	{"QLinearAdd", MEA_OP_Add, 0, 2, 6, 0},
	{"QLinearMul", MEA_OP_Mul, 0, 2, 6, 0},
	{"QLinearConcat", MEA_OP_Concat, 2, 0, 0, 0},
	{"QLinearGlobalAveragePool", MEA_OP_GlobalAveragePool, 0, 1, 3, 0},
	{"QLinearAveragePool", MEA_OP_AveragePool, 0, 1, 3, 0},
	{"QLinearSigmoid", MEA_OP_Sigmoid, 0, 1, 3, 0},
	{"QLinearLeakyRelu", MEA_OP_LeakyRelu, 0, 1, 3, 0},
};

const struct mea_integer_op *mea_onnx_integer_op(const char *name)
{
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (!strcmp(ops[i].name, name))
			return &ops[i];
	return NULL;
}

static int fail(const struct mea_onnx_reader *r, const Onnx__NodeProto *p, const char *what, int i)
{
	return mea_fail(MEA_EINVAL, "%s: node %.100s (%.60s): input %d %s", r->g->source,
			p->output[0], p->op_type, i, what);
}

/* The value of input i into *v, -1 when it is left out. */
static int find_input(const struct mea_onnx_reader *r, const Onnx__NodeProto *p, int i, int *v)
{
	const char *name = i < (int)p->n_input ? p->input[i] : "";

	*v = mea_graph_find(r->g, name);
	return *name && *v < 0 ? fail(r, p, "is not defined", i) : 0;
}

/* A new value for what happens inside of p. */
static int add_part(struct mea_onnx_reader *r, const Onnx__NodeProto *p, const char *what, int k)
{
	char name[1200];

	for (int i = k; snprintf(name, sizeof(name), "%.1100s_%s%d", p->output[0], what, i),
		 mea_graph_find(r->g, name) >= 0;)
		i++;
	return mea_graph_add_value(r->g, name, MEA_F32, &(struct mea_shape){0});
}

/* Input at of p, and scale and zero point behind it, as a float value. axis: of the scales. */
static int dequantise(struct mea_onnx_reader *r, const Onnx__NodeProto *p, int at, int axis)
{
	struct mea_attrs a = mea_attrs_default(MEA_OP_DequantizeLinear);
	int in[3], rc = 0, v;

	for (int i = 0; !rc && i < 3; i++) {
		rc = find_input(r, p, at + i, &in[i]);
		if (!rc && i < 2 && in[i] < 0)
			rc = fail(r, p, "is left out", at + i);
	}
	if (rc)
		return rc;
	v = add_part(r, p, "operand", at);
	a.axis = axis;
	rc = v < 0 ? v
		   : mea_graph_add_node(r->g, MEA_OP_DequantizeLinear, NULL, in, 2 + (in[2] >= 0),
					v, &a);
	return rc < 0 ? rc : v;
}

/* The bias, whose scale is that of the products. Returns its float value, -1 for no bias in *v. */
static int dequantise_bias(struct mea_onnx_reader *r, const Onnx__NodeProto *p,
			   const struct mea_integer_op *q, float alpha, int *v)
{
	struct mea_graph *g = r->g;
	struct mea_attrs a = mea_attrs_default(MEA_OP_DequantizeLinear);
	int in[2], scale[2] = {-1, -1}, rc = find_input(r, p, q->bias, &in[0]);
	const float *s[2];
	struct mea_shape shape;
	float *products;

	*v = -1;
	if (rc || in[0] < 0)
		return rc;
	for (int i = 0; i < 2; i++) {
		const struct mea_value *value;

		rc = find_input(r, p, 3 * i + 1, &scale[i]);
		value = rc || scale[i] < 0 ? NULL : &g->values[scale[i]];
		if (!value || !value->data || value->type != MEA_F32 || value->shape.rank > 1 ||
		    (!i && mea_shape_count(&value->shape) != 1))
			return fail(r, p, "is not a constant scale, which the bias needs",
				    3 * i + 1);
		s[i] = value->data;
	}
	shape = g->values[scale[1]].shape;
	products = malloc(sizeof(*products) * (mea_shape_count(&shape) + 1));
	if (!products)
		return mea_nomem();
	for (size_t k = 0; k < mea_shape_count(&shape); k++)
		products[k] = (float)((double)*s[0] * (double)s[1][k] * (double)alpha);
	in[1] = rc = mea_graph_add_const(g, "bias_scale", MEA_F32, &shape, products);
	free(products);
	a.axis = 0;
	if (rc >= 0)
		*v = rc = add_part(r, p, "operand", q->bias);
	if (rc >= 0)
		rc = mea_graph_add_node(g, MEA_OP_DequantizeLinear, NULL, in, 2, *v, &a);
	return rc < 0 ? rc : 0;
}

/* The operation itself, which computes the value inner. in has room for one more. */
static int add_inner(struct mea_onnx_reader *r, const Onnx__NodeProto *p,
		     const struct mea_integer_op *q, int *in, int n, int inner)
{
	const char *name = p->name && *p->name ? p->name : p->output[0];
	int at = mea_graph_add_node(r->g, q->op, name, in, n, inner, NULL), bias = -1, rc;
	const struct mea_attrs *a;

	if (at < 0)
		return at;
	rc = mea_onnx_attrs(r->g, &r->g->nodes[at], p);
	a = &r->g->nodes[at].a;
	/* The scales of weights lie along the outputs. */
	if (!rc && q->op == MEA_OP_Gemm)
		r->g->nodes[r->g->values[in[1]].producer].a.axis = !a->trans_b;
	if (!rc && q->bias)
		rc = dequantise_bias(r, p, q, q->op == MEA_OP_Gemm ? a->alpha : 1, &bias);
	in[n] = bias;
	return rc || bias < 0 ? rc : mea_node_set_inputs(r->g, at, in, n + 1);
}

int mea_onnx_integer_node(struct mea_onnx_reader *r, const Onnx__NodeProto *p,
			  const struct mea_integer_op *q)
{
	int n = q->operands ? q->operands : ((int)p->n_input - q->first) / 3, rc = 0;
	int out = mea_graph_find(r->g, p->output[0]), inner = out, end[3];
	int *in = malloc(sizeof(*in) * ((size_t)(n < 0 ? 0 : n) + 1));

	if (!in)
		return mea_nomem();
	if (n < 1 || n > mea_op_row(q->op)->in[1])
		rc = fail(r, p, "and those behind it are no operands", q->first);
	for (int i = 0; !rc && i < n; i++) {
		in[i] = dequantise(r, p, q->first + 3 * i, q->op == MEA_OP_Conv ? 0 : -1);
		rc = in[i] < 0 ? in[i] : 0;
	}
	for (int i = 1; !rc && i < 3; i++)
		rc = find_input(r, p, q->result + i - 1, &end[i]);
	/* Without a scale, which QGemm may lack, the result stays float. */
	if (!rc && end[1] < 0 && q->op != MEA_OP_Gemm)
		rc = fail(r, p, "is left out", q->result);
	if (!rc && end[1] >= 0)
		inner = end[0] = add_part(r, p, "float", 0);
	if (!rc)
		rc = inner < 0 ? inner : add_inner(r, p, q, in, n, inner);
	if (!rc && inner != out)
		rc = mea_graph_add_node(r->g, MEA_OP_QuantizeLinear, NULL, end, 2 + (end[2] >= 0),
					out, NULL);
	free(in);
	return rc < 0 ? rc : 0;
}
