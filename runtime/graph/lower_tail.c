// SPDX-License-Identifier: Apache-2.0
/*
 * An output that nobody quantised: PyTorch, NNCF and TensorRT leave the last result in float. The
 * nodes from the last quantised value to that output become a float graph of their own.
 */
#include "graph/lower_int.h"

#include <stdlib.h>

#include "base/error.h"

/* Marks the values that computing value takes, back to the one that stands for a tensor, which goes
 * to *root. False when there is none, or more than one, or an input of the network is needed. */
static bool trace(const struct mea_lower *l, int value, bool *seen, int *root)
{
	const struct mea_graph *g = l->g;
	bool one = true;

	seen[value] = true;
	for (int i = g->n_nodes - 1; i >= 0 && one; i--) {
		const struct mea_node *n = &g->nodes[i];

		if (!seen[n->out])
			continue;
		if (l->mapping[n->out].tensor >= 0) {
			one = *root < 0 && g->values[n->out].type == MEA_F32;
			*root = n->out;
			continue;
		}
		for (int k = 0; k < n->n_in; k++)
			if (n->in[k] >= 0)
				seen[n->in[k]] = true;
	}
	for (int i = 0; i < g->n_inputs; i++)
		one &= !seen[g->inputs[i]];
	return one && *root >= 0;
}

/* A copy of what l's graph computes seen values with, from value root to value output. */
static int copy_tail(const struct mea_lower *l, const bool *seen, int root, int output,
		     struct mea_graph **out)
{
	struct mea_graph *g = NULL;
	int rc = mea_graph_clone(l->g, &g);
	bool *keep = rc ? NULL : malloc(sizeof(*keep) * ((size_t)g->n_nodes + 1));

	if (!rc && !keep)
		rc = mea_nomem();
	if (!rc) {
		for (int i = 0; i < g->n_nodes; i++)
			keep[i] = seen[g->nodes[i].out] && g->nodes[i].out != root;
		mea_graph_drop_nodes(g, keep);
		g->inputs[0] = root;
		g->n_inputs = 1;
		g->outputs[0] = output;
		g->n_outputs = 1;
		rc = mea_graph_prune(g);
	}
	free(keep);
	if (rc)
		mea_graph_free(g);
	else
		*out = g;
	return rc;
}

int mea_lower_tail(struct mea_lower *l, int output, struct mea_mapping *mapping)
{
	bool *seen = calloc((size_t)l->g->n_values + 1, sizeof(*seen));
	int root = -1, rc = 0;

	if (!seen)
		return mea_nomem();
	if (trace(l, output, seen, &root)) {
		*mapping = l->mapping[root];
		/* The floats are in NCHW order anyway. */
		mapping->flat = false;
		rc = copy_tail(l, seen, root, output, &l->net->tail);
	}
	free(seen);
	return rc;
}
