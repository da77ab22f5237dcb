// SPDX-License-Identifier: Apache-2.0
/* Shape inference over a whole graph, with constants evaluated on the way. */
#include "graph/eval.h"
#include "graph/graph.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define TENSOR_MAX    (UINT64_C(1) << 30)
#define FOLD_WORK_MAX (UINT64_C(1) << 31)

static uint64_t count(const struct mea_value *v)
{
	return mea_shape_count(&v->shape);
}

uint64_t mea_node_work(const struct mea_graph *g, const struct mea_node *n)
{
	const struct mea_value *x = mea_node_in(g, n, 0), *out = &g->values[n->out];
	uint64_t work = count(out), each = 1;

	switch (n->op) {
	case MEA_OP_Conv:
		each = count(mea_node_in(g, n, 1)) / (uint64_t)out->shape.dim[1];
		break;
	case MEA_OP_MaxPool:
	case MEA_OP_AveragePool:
		each = (uint64_t)(n->a.kernel[0] * n->a.kernel[1]);
		break;
	case MEA_OP_Gemm:
		each = (uint64_t)x->shape.dim[!n->a.trans_a];
		break;
	case MEA_OP_MatMul:
		each = (uint64_t)x->shape.dim[x->shape.rank - 1];
		break;
	default:
		return work + count(x);
	}
	return each && work > UINT64_MAX / each ? UINT64_MAX : work * each;
}

/* True when every input that n has is a constant. */
static bool all_const(const struct mea_graph *g, const struct mea_node *n)
{
	for (int i = 0; i < n->n_in; i++) {
		const struct mea_value *v = mea_node_in(g, n, i);

		if (v && !v->data)
			return false;
	}
	return true;
}

/* Computes n from constants and makes its output one. */
static int fold(struct mea_graph *g, const struct mea_node *n, uint64_t *work)
{
	struct mea_value *out = &g->values[n->out];
	struct mea_tensor *in = calloc(n->n_in, sizeof(*in)), t = mea_value_tensor(out);
	const struct mea_tensor **args = calloc(n->n_in, sizeof(*args));
	size_t bytes = mea_shape_count(&t.shape) * mea_dtype_size(t.type);
	uint64_t steps = mea_node_work(g, n);
	int rc;

	t.data = malloc(bytes + !bytes);
	if (!in || !args || !t.data) {
		rc = mea_fail(MEA_ENOMEM, "out of memory");
		goto out;
	}
	if (steps > FOLD_WORK_MAX - *work) {
		rc = mea_fail(MEA_EUNSUPPORTED, "too much work on constants");
		goto out;
	}
	*work += steps;
	for (int i = 0; i < n->n_in; i++) {
		const struct mea_value *v = mea_node_in(g, n, i);

		if (!v)
			continue;
		in[i] = mea_value_tensor(v);
		args[i] = &in[i];
	}
	rc = mea_eval_node(n, args, &t);
	if (!rc) {
		out->data = t.data;
		out->producer = -1;
		t.data = NULL;
	}
out:
	free(in);
	free(args);
	free(t.data);
	return rc;
}

/* Only what computes shapes may meet tensors without elements. */
static bool may_be_empty(enum mea_op op)
{
	return op == MEA_OP_Concat || op == MEA_OP_Gather || op == MEA_OP_Shape ||
	       op == MEA_OP_Cast || op == MEA_OP_Identity || op == MEA_OP_Squeeze ||
	       op == MEA_OP_Unsqueeze;
}

static int check_empty(const struct mea_graph *g, const struct mea_node *n)
{
	for (int i = 0; i < n->n_in && !may_be_empty(n->op); i++) {
		const struct mea_value *v = mea_node_in(g, n, i);

		/* The shape that makes a scalar is an empty list. */
		if (v && !count(v) && !(n->op == MEA_OP_Reshape && i == 1))
			return mea_fail(MEA_EUNSUPPORTED, "input %s has no elements", v->name);
	}
	return 0;
}

static int infer_one(struct mea_graph *g, struct mea_node *n, uint64_t max, uint64_t *total)
{
	struct mea_value *out = &g->values[n->out];
	struct mea_shape shape = {0};
	enum mea_dtype type;
	size_t bytes;
	int rc = check_empty(g, n);

	if (!rc)
		rc = mea_node_infer(g, n, &type, &shape);
	if (!rc)
		rc = mea_shape_bytes(&shape, type, max, &bytes);
	if (!rc && bytes > max - *total)
		rc = mea_fail(MEA_EINVAL, "all tensors up to here take more than %llu MiB",
			      (unsigned long long)(max >> 20));
	if (rc)
		return rc;
	*total += bytes;
	out->type = type;
	out->shape = shape;
	return 0;
}

/* Takes the nodes that became constants out of the list. */
static void drop_folded(struct mea_graph *g, const bool *folded)
{
	int n = 0;

	for (int i = 0; i < g->n_nodes; i++) {
		if (folded[i]) {
			free(g->nodes[i].name);
			free(g->nodes[i].in);
			continue;
		}
		g->nodes[n] = g->nodes[i];
		g->values[g->nodes[n].out].producer = n;
		n++;
	}
	g->n_nodes = n;
}

int mea_graph_infer(struct mea_graph *g, uint64_t max_bytes)
{
	uint64_t max = max_bytes ? max_bytes : TENSOR_MAX, total = 0, work = 0;
	bool *folded = calloc(g->n_nodes + 1, sizeof(*folded));
	int rc = 0;

	if (!folded)
		return mea_fail(MEA_ENOMEM, "%s: out of memory", g->source);
	for (int i = 0; i < g->n_values; i++) {
		const struct mea_value *v = &g->values[i];

		if (v->producer < 0)
			total += mea_shape_count(&v->shape) * mea_dtype_size(v->type);
	}
	if (total > max)
		rc = mea_fail(MEA_EINVAL, "%s: inputs and constants take more than %llu MiB",
			      g->source, (unsigned long long)(max >> 20));
	for (int i = 0; !rc && i < g->n_nodes; i++) {
		struct mea_node *n = &g->nodes[i];

		rc = infer_one(g, n, max, &total);
		if (!rc && n->op != MEA_OP_DequantizeLinear &&
		    (n->op == MEA_OP_Shape || all_const(g, n))) {
			rc = fold(g, n, &work);
			folded[i] = !rc;
		}
		if (rc)
			mea_fail_in(rc, "%s: node %.100s (%s)", g->source, n->name,
				    mea_op_name(n->op));
	}
	drop_folded(g, folded);
	free(folded);
	return rc;
}
