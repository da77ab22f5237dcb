// SPDX-License-Identifier: Apache-2.0
/* NodeProto to node: names first, then inputs and attributes. */
#include "graph/onnx_io.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* Fewest and most inputs of each operation, and the first opset in which it means
 * what mea computes. */
static const struct {
	int min, max, since;
} ops[MEA_OP_COUNT] = {
	[MEA_OP_Conv] = {2, 3, 1},
	[MEA_OP_Gemm] = {2, 3, 7},
	[MEA_OP_MatMul] = {2, 2, 1},
	[MEA_OP_BatchNormalization] = {5, 5, 7},
	[MEA_OP_Relu] = {1, 1, 6},
	[MEA_OP_Clip] = {1, 3, 6},
	[MEA_OP_Add] = {2, 2, 7},
	[MEA_OP_Sub] = {2, 2, 7},
	[MEA_OP_Mul] = {2, 2, 7},
	[MEA_OP_Div] = {2, 2, 7},
	[MEA_OP_MaxPool] = {1, 1, 1},
	[MEA_OP_AveragePool] = {1, 1, 1},
	[MEA_OP_GlobalAveragePool] = {1, 1, 1},
	[MEA_OP_GlobalMaxPool] = {1, 1, 1},
	[MEA_OP_ReduceMean] = {1, 2, 1},
	[MEA_OP_Flatten] = {1, 1, 1},
	[MEA_OP_Reshape] = {2, 2, 5},
	[MEA_OP_Squeeze] = {1, 2, 1},
	[MEA_OP_Unsqueeze] = {1, 2, 1},
	[MEA_OP_Transpose] = {1, 1, 1},
	[MEA_OP_Identity] = {1, 1, 1},
	[MEA_OP_Dropout] = {1, 3, 7},
	[MEA_OP_Concat] = {1, 4096, 4},
	[MEA_OP_Cast] = {1, 1, 6},
	[MEA_OP_Softmax] = {1, 1, 1},
	[MEA_OP_Shape] = {1, 1, 1},
	[MEA_OP_Gather] = {2, 2, 1},
	[MEA_OP_Pad] = {1, 4, 2},
	[MEA_OP_QuantizeLinear] = {2, 3, 10},
	[MEA_OP_DequantizeLinear] = {2, 3, 10},
};

/* The value attributes of Constant, of which exactly one is there. */
static int read_constant_node(struct mea_onnx_reader *r, const Onnx__NodeProto *p)
{
	const Onnx__AttributeProto *a = p->n_attribute == 1 ? p->attribute[0] : NULL;
	const char *kind = a && a->name ? a->name : "";
	Onnx__TensorProto t = ONNX__TENSOR_PROTO__INIT;
	int64_t dim, i64;
	float f32;

	if (p->n_output != 1)
		return mea_fail(MEA_EINVAL, "%s: a Constant has %zu outputs", r->g->source,
				p->n_output);
	if (!strcmp(kind, "value") && a->t)
		return mea_onnx_constant(r, p->output[0], a->t);
	t.has_data_type = 1;
	t.data_type = kind[0] && strstr(kind, "float") ? ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT
						       : ONNX__TENSOR_PROTO__DATA_TYPE__INT64;
	if (!strcmp(kind, "value_float")) {
		f32 = a->f;
		t.float_data = &f32;
		t.n_float_data = 1;
	} else if (!strcmp(kind, "value_int")) {
		i64 = a->i;
		t.int64_data = &i64;
		t.n_int64_data = 1;
	} else if (!strcmp(kind, "value_floats")) {
		t.float_data = a->floats;
		t.n_float_data = a->n_floats;
		dim = (int64_t)a->n_floats;
	} else if (!strcmp(kind, "value_ints")) {
		t.int64_data = a->ints;
		t.n_int64_data = a->n_ints;
		dim = (int64_t)a->n_ints;
	} else {
		return mea_fail(MEA_EUNSUPPORTED,
				"%s: Constant %.100s: attribute \"%.60s\" is not supported",
				r->g->source, p->output[0], kind);
	}
	if (!strcmp(kind, "value_floats") || !strcmp(kind, "value_ints")) {
		t.dims = &dim;
		t.n_dims = 1;
	}
	return mea_onnx_constant(r, p->output[0], &t);
}

int mea_onnx_declare(struct mea_onnx_reader *r, const Onnx__NodeProto *p)
{
	struct mea_shape none = {.rank = 0};
	int rc = 0;

	if (!p->op_type || !*p->op_type)
		return mea_fail(MEA_EINVAL, "%s: a node has no op_type", r->g->source);
	if (!p->n_output || !*p->output[0])
		return mea_fail(MEA_EINVAL, "%s: a node of type %.60s has no output", r->g->source,
				p->op_type);
	if (!strcmp(p->op_type, "Constant"))
		return read_constant_node(r, p);
	for (size_t i = 0; i < p->n_output && rc >= 0; i++) {
		if (!*p->output[i])
			continue;
		rc = mea_onnx_name(r, p->output[i]);
		if (!rc)
			rc = mea_graph_add_value(r->g, p->output[i], MEA_F32, &none);
		if (rc >= 0)
			r->g->values[rc].missing = i > 0;
	}
	return rc < 0 ? rc : 0;
}

/* Moves a constant axes input into the attributes. */
static int take_axes(struct mea_onnx_reader *r, struct mea_node *n)
{
	const struct mea_value *v = mea_node_in(r->g, n, 1);
	struct mea_tensor t;
	size_t count;

	if (!v) {
		n->n_in = 1;
		return 0;
	}
	t = mea_value_tensor(v);
	count = mea_shape_count(&t.shape);
	if (!t.data || t.type != MEA_I64 || count > MEA_RANK_MAX)
		return mea_node_fail(r->g, n, MEA_EUNSUPPORTED, "axes are not constant");
	for (size_t i = 0; i < count; i++)
		n->a.axes[i] = mea_tensor_int(&t, i);
	n->a.n_axes = (int)count;
	n->n_in = 1;
	return 0;
}

/* Dropout does nothing unless it is told that it trains. */
static int take_dropout(struct mea_onnx_reader *r, struct mea_node *n)
{
	const struct mea_value *v = mea_node_in(r->g, n, 2);
	struct mea_tensor t;

	if (v) {
		t = mea_value_tensor(v);
		if (!t.data || t.type != MEA_BOOL || mea_shape_count(&t.shape) != 1 ||
		    mea_tensor_int(&t, 0))
			return mea_node_fail(r->g, n, MEA_EUNSUPPORTED,
					     "training_mode is not the constant false");
	}
	n->n_in = 1;
	return 0;
}

/* Moves the constant inputs of Pad into the attributes. */
static int take_pads(struct mea_onnx_reader *r, struct mea_node *n)
{
	const struct mea_value *pads = mea_node_in(r->g, n, 1), *fill = mea_node_in(r->g, n, 2);
	int64_t list[2 * MEA_RANK_MAX];
	struct mea_tensor t;
	size_t count;

	if (r->opset < 11)
		return n->n_in == 1
			       ? 0
			       : mea_node_fail(r->g, n, MEA_EINVAL, "%d inputs, not 1", n->n_in);
	if (!pads)
		return mea_node_fail(r->g, n, MEA_EINVAL, "input pads is missing");
	t = mea_value_tensor(pads);
	count = mea_shape_count(&t.shape);
	if (!t.data || t.type != MEA_I64 || count > 2 * MEA_RANK_MAX || mea_node_in(r->g, n, 3))
		return mea_node_fail(r->g, n, MEA_EUNSUPPORTED,
				     "pads are not constant, or given for some axes only");
	for (size_t i = 0; i < count; i++)
		list[i] = mea_tensor_int(&t, i);
	if (mea_onnx_pads(&n->a, list, count))
		return mea_fail_in(MEA_EUNSUPPORTED, "%s: node %.100s (Pad)", r->g->source,
				   n->name);
	if (fill) {
		t = mea_value_tensor(fill);
		if (!t.data || t.type != MEA_F32 || mea_shape_count(&t.shape) != 1)
			return mea_node_fail(r->g, n, MEA_EUNSUPPORTED,
					     "constant_value is not a constant float");
		n->a.fill = *(const float *)t.data;
	}
	n->n_in = 1;
	return 0;
}

int mea_onnx_node(struct mea_onnx_reader *r, const Onnx__NodeProto *p)
{
	struct mea_graph *g = r->g;
	enum mea_op op = mea_op_find(p->op_type);
	const char *name = p->name && *p->name ? p->name : p->output[0];
	struct mea_node *n;
	int rc = mea_onnx_name(r, name), last = 0;

	if (rc || !strcmp(p->op_type, "Constant"))
		return rc;
	if (op == MEA_OP_COUNT || (p->domain && *p->domain && strcmp(p->domain, "ai.onnx")))
		return mea_fail(MEA_EUNSUPPORTED,
				"%s: node %.100s: operation %.60s%s%.60s is not supported",
				g->source, name, p->op_type,
				p->domain && *p->domain ? " of domain " : "",
				p->domain ? p->domain : "");
	rc = mea_graph_add_node(g, op, name, NULL, 0, mea_graph_find(g, p->output[0]), NULL);
	if (rc < 0)
		return rc;
	n = &g->nodes[rc];
	if (r->opset < ops[op].since)
		return mea_node_fail(g, n, MEA_EUNSUPPORTED, "opset %lld is older than %d",
				     (long long)r->opset, ops[op].since);
	if (p->n_input < (size_t)ops[op].min || p->n_input > (size_t)ops[op].max)
		return mea_node_fail(g, n, MEA_EINVAL, "%zu inputs, not %d to %d", p->n_input,
				     ops[op].min, ops[op].max);
	free(n->in);
	n->in = malloc(sizeof(int) * p->n_input);
	if (!n->in)
		return mea_fail(MEA_ENOMEM, "%s: out of memory", g->source);
	for (n->n_in = 0; n->n_in < (int)p->n_input; n->n_in++) {
		const char *in = p->input[n->n_in];

		n->in[n->n_in] = mea_graph_find(g, in);
		if (*in && n->in[n->n_in] < 0)
			return mea_node_fail(g, n, MEA_EINVAL, "input %.100s is not defined", in);
		if (!*in && n->n_in < ops[op].min)
			return mea_node_fail(g, n, MEA_EINVAL, "input %d is left out", n->n_in);
		if (*in)
			last = n->n_in + 1;
	}
	n->n_in = last;
	rc = mea_onnx_attrs(g, n, p, r->opset);
	if (!rc && (op == MEA_OP_Squeeze || op == MEA_OP_Unsqueeze || op == MEA_OP_ReduceMean))
		rc = take_axes(r, n);
	if (!rc && op == MEA_OP_Dropout)
		rc = take_dropout(r, n);
	if (!rc && op == MEA_OP_Pad)
		rc = take_pads(r, n);
	return rc;
}
