// SPDX-License-Identifier: Apache-2.0
/* The float executor: one buffer per tensor, nodes in order. */
#include "graph/eval.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

struct mea_eval {
	const struct mea_graph *g;
	struct mea_tensor *values;
	bool *owned;			/* values[i].data is ours */
	const struct mea_tensor **args; /* as many as the widest node has inputs */
};

void mea_eval_free(struct mea_eval *e)
{
	if (!e)
		return;
	for (int i = 0; e->values && e->owned && i < e->g->n_values; i++)
		if (e->owned[i])
			free(e->values[i].data);
	free(e->values);
	free(e->owned);
	free(e->args);
	free(e);
}

int mea_eval_new(const struct mea_graph *g, struct mea_eval **out)
{
	struct mea_eval *e = calloc(1, sizeof(*e));
	int widest = 0;

	for (int i = 0; i < g->n_nodes; i++)
		widest = g->nodes[i].n_in > widest ? g->nodes[i].n_in : widest;
	if (!e)
		goto nomem;
	e->g = g;
	e->values = calloc(g->n_values + 1, sizeof(*e->values));
	e->owned = calloc(g->n_values + 1, sizeof(*e->owned));
	e->args = calloc(widest + 1, sizeof(*e->args));
	if (!e->values || !e->owned || !e->args)
		goto nomem;
	for (int i = 0; i < g->n_values; i++) {
		const struct mea_value *v = &g->values[i];
		size_t bytes = mea_shape_count(&v->shape) * mea_dtype_size(v->type);

		e->values[i] = mea_value_tensor(v);
		if (v->producer < 0)
			continue;
		e->values[i].data = malloc(bytes + !bytes);
		e->owned[i] = true;
		if (!e->values[i].data)
			goto nomem;
	}
	*out = e;
	return 0;
nomem:
	mea_eval_free(e);
	return mea_nomem();
}

int mea_eval_run(struct mea_eval *e, const void *const *in)
{
	const struct mea_graph *g = e->g;

	for (int i = 0; i < g->n_inputs; i++)
		e->values[g->inputs[i]].data = (void *)(uintptr_t)in[i];
	for (int i = 0; i < g->n_nodes; i++) {
		const struct mea_node *n = &g->nodes[i];
		int rc;

		for (int j = 0; j < n->n_in; j++)
			e->args[j] = n->in[j] < 0 ? NULL : &e->values[n->in[j]];
		rc = mea_eval_node(n, e->args, &e->values[n->out]);
		if (rc)
			return mea_fail_in(rc, "%s: node %.100s (%s)", g->source, n->name,
					   mea_op_name(n->op));
	}
	return 0;
}

struct mea_tensor mea_eval_value(const struct mea_eval *e, int value)
{
	return e->values[value];
}
