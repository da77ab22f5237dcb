// SPDX-License-Identifier: Apache-2.0
/* NodeProto to node: names first, then inputs and attributes. */
#include "graph/onnx_io.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "graph/op.h"

/* The value attributes of Constant, of which exactly one is there. */
static int read_constant_node(struct mea_onnx_reader *r, const Onnx__NodeProto *p)
{
	const Onnx__AttributeProto *a = p->n_attribute == 1 ? p->attribute[0] : NULL;
	const char *kind = a && a->name ? a->name : "";
	bool floats = !strcmp(kind, "value_floats"), ints = !strcmp(kind, "value_ints");
	Onnx__TensorProto t = ONNX__TENSOR_PROTO__INIT;
	int64_t dim, i64;
	float f32;

	if (p->n_output != 1)
		return mea_fail(MEA_EINVAL, "%s: a Constant has %zu outputs", r->g->source,
				p->n_output);
	if (!strcmp(kind, "value") && a->t)
		return mea_onnx_constant(r, p->output[0], a->t);
	t.has_data_type = 1;
	t.dims = &dim;
	t.n_dims = floats || ints;
	if (floats || !strcmp(kind, "value_float")) {
		f32 = a->f;
		t.data_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
		t.float_data = floats ? a->floats : &f32;
		t.n_float_data = floats ? a->n_floats : 1;
		dim = (int64_t)t.n_float_data;
	} else if (ints || !strcmp(kind, "value_int")) {
		i64 = a->i;
		t.data_type = ONNX__TENSOR_PROTO__DATA_TYPE__INT64;
		t.int64_data = ints ? a->ints : &i64;
		t.n_int64_data = ints ? a->n_ints : 1;
		dim = (int64_t)t.n_int64_data;
	} else {
		return mea_fail(MEA_EUNSUPPORTED,
				"%s: Constant %.100s: attribute \"%.60s\" is not supported",
				r->g->source, p->output[0], kind);
	}
	return mea_onnx_constant(r, p->output[0], &t);
}

int mea_onnx_declare(struct mea_onnx_reader *r, const Onnx__NodeProto *p)
{
	struct mea_shape none = {.rank = 0};
	enum mea_op op = mea_op_find(p->op_type ? p->op_type : "");
	bool parts = op != MEA_OP_COUNT && mea_op_row(op)->parts;
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
			r->g->values[rc].missing = i > 0 && !parts;
	}
	return rc < 0 ? rc : 0;
}

/* Whether mea means by op_type what the domain of p does: ONNX Runtime has integer operations and
 * quantisation in its own. */
static bool known_domain(const Onnx__NodeProto *p)
{
	const char *domain = p->domain ? p->domain : "";

	if (!*domain || !strcmp(domain, "ai.onnx"))
		return true;
	return !strcmp(domain, "com.microsoft") &&
	       (mea_onnx_integer_op(p->op_type) || !strcmp(p->op_type, "QuantizeLinear") ||
		!strcmp(p->op_type, "DequantizeLinear"));
}

static int read_inputs(const struct mea_graph *g, struct mea_node *n, const Onnx__NodeProto *p)
{
	const struct mea_op_row *row = mea_op_row(n->op);
	int last = 0;

	if (p->n_input < (size_t)row->in[0] || p->n_input > (size_t)row->in[1])
		return mea_node_fail(g, n, MEA_EINVAL, "%zu inputs, not %d to %d", p->n_input,
				     row->in[0], row->in[1]);
	free(n->in);
	n->in = malloc(sizeof(int) * p->n_input);
	if (!n->in)
		return mea_nomem();
	for (n->n_in = 0; n->n_in < (int)p->n_input; n->n_in++) {
		const char *in = p->input[n->n_in];

		n->in[n->n_in] = mea_graph_find(g, in);
		if (*in && n->in[n->n_in] < 0)
			return mea_node_fail(g, n, MEA_EINVAL, "input %.100s is not defined", in);
		if (!*in && n->n_in < row->in[0])
			return mea_node_fail(g, n, MEA_EINVAL, "input %d is left out", n->n_in);
		if (*in)
			last = n->n_in + 1;
	}
	n->n_in = last;
	return 0;
}

/* The node that computes output i of p, an operation that mea has. */
static int read_output(struct mea_onnx_reader *r, const Onnx__NodeProto *p, enum mea_op op, int i)
{
	const char *name = p->name && *p->name ? p->name : p->output[0];
	const struct mea_op_row *row = mea_op_row(op);
	struct mea_graph *g = r->g;
	struct mea_node *n;
	int rc = mea_graph_add_node(g, op, name, NULL, 0, mea_graph_find(g, p->output[i]), NULL);

	if (rc < 0)
		return rc;
	n = &g->nodes[rc];
	if (r->opset < row->since)
		return mea_node_fail(g, n, MEA_EUNSUPPORTED, "opset %lld is older than %d",
				     (long long)r->opset, row->since);
	rc = read_inputs(g, n, p);
	if (!rc)
		rc = mea_onnx_attrs(g, n, p);
	if (!rc && row->parts) {
		n->a.start = i;
		n->a.end = (int64_t)p->n_output;
	}
	return rc || !row->read ? rc : row->read(r, n);
}

int mea_onnx_node(struct mea_onnx_reader *r, const Onnx__NodeProto *p)
{
	const struct mea_integer_op *integer = mea_onnx_integer_op(p->op_type);
	enum mea_op op = mea_op_find(p->op_type);
	const char *name = p->name && *p->name ? p->name : p->output[0];
	int rc = mea_onnx_name(r, name);

	if (rc || !strcmp(p->op_type, "Constant"))
		return rc;
	if (integer && known_domain(p))
		return mea_onnx_integer_node(r, p, integer);
	if (op == MEA_OP_COUNT || !known_domain(p))
		return mea_fail(MEA_EUNSUPPORTED,
				"%s: node %.100s: operation %.60s%s%.60s is not supported",
				r->g->source, name, p->op_type,
				p->domain && *p->domain ? " of domain " : "",
				p->domain ? p->domain : "");
	for (size_t i = 0; !rc && i < (mea_op_row(op)->parts ? p->n_output : 1); i++)
		if (*p->output[i])
			rc = read_output(r, p, op, (int)i);
	return rc;
}
