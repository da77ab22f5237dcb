// SPDX-License-Identifier: Apache-2.0
/* Shape inference over a whole graph, with constants evaluated on the way. */
#include "graph/eval.h"
#include "graph/op.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define TENSOR_MAX    (UINT64_C(1) << 30)
#define FOLD_WORK_MAX (UINT64_C(1) << 31)

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
		rc = mea_nomem();
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
static int check_empty(const struct mea_graph *g, const struct mea_node *n)
{
	unsigned may = mea_op_row(n->op)->empty;

	for (int i = 0; i < n->n_in && may != MEA_ANY_INPUT; i++) {
		const struct mea_value *v = mea_node_in(g, n, i);

		if (v && !mea_shape_count(&v->shape) && !(may >> i & 1))
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

int mea_graph_infer(struct mea_graph *g, uint64_t max_bytes)
{
	uint64_t max = max_bytes ? max_bytes : TENSOR_MAX, total = 0, work = 0;
	bool *keep = malloc(sizeof(*keep) * ((size_t)g->n_nodes + 1));
	int rc = 0;

	if (!keep)
		return mea_nomem();
	memset(keep, true, (size_t)g->n_nodes + 1);
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
			keep[i] = rc;
		}
		if (rc)
			mea_fail_in(rc, "%s: node %.100s (%s)", g->source, n->name,
				    mea_op_name(n->op));
	}
	mea_graph_drop_nodes(g, keep);
	free(keep);
	return rc;
}
