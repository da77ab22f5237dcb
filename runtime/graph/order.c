// SPDX-License-Identifier: Apache-2.0
/* The graph's order: sorting, pruning, replacing, counting uses. */
#include "graph/graph.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

void mea_graph_replace(struct mea_graph *g, int from, int to)
{
	for (int i = 0; i < g->n_nodes; i++)
		for (int j = 0; j < g->nodes[i].n_in; j++)
			if (g->nodes[i].in[j] == from)
				g->nodes[i].in[j] = to;
	for (int i = 0; i < g->n_outputs; i++)
		if (g->outputs[i] == from)
			g->outputs[i] = to;
}

int mea_graph_uses(const struct mea_graph *g, int value)
{
	int uses = 0;

	for (int i = 0; i < g->n_nodes; i++)
		for (int j = 0; j < g->nodes[i].n_in; j++)
			uses += g->nodes[i].in[j] == value;
	for (int i = 0; i < g->n_outputs; i++)
		uses += g->outputs[i] == value;
	return uses;
}

int mea_graph_only_user(const struct mea_graph *g, int value)
{
	int user = -1;

	if (mea_graph_is_output(g, value))
		return -1;
	for (int i = 0; i < g->n_nodes; i++) {
		for (int j = 0; j < g->nodes[i].n_in; j++) {
			if (g->nodes[i].in[j] != value)
				continue;
			if (user >= 0)
				return -1;
			user = i;
		}
	}
	return user;
}

/* Sets every producer from the nodes; a value computed twice is an error. */
static int link_producers(struct mea_graph *g)
{
	for (int i = 0; i < g->n_values; i++)
		g->values[i].producer = -1;
	for (int i = 0; i < g->n_nodes; i++) {
		struct mea_value *v = &g->values[g->nodes[i].out];

		if (v->producer >= 0 || v->data)
			return mea_node_fail(g, &g->nodes[i], MEA_EINVAL,
					     "output %s is computed twice", v->name);
		v->producer = i;
	}
	for (int i = 0; i < g->n_inputs; i++)
		if (g->values[g->inputs[i]].producer >= 0)
			return mea_fail(MEA_EINVAL, "%s: input %s is also a node's output",
					g->source, g->values[g->inputs[i]].name);
	return 0;
}

static bool is_in(const int *list, int n, int value)
{
	for (int i = 0; i < n; i++)
		if (list[i] == value)
			return true;
	return false;
}

static bool is_input(const struct mea_graph *g, int value)
{
	return is_in(g->inputs, g->n_inputs, value);
}

bool mea_graph_is_output(const struct mea_graph *g, int value)
{
	return is_in(g->outputs, g->n_outputs, value);
}

bool mea_is_parameter(const struct mea_graph *g, const struct mea_value *v)
{
	const struct mea_node *p = v->producer < 0 ? NULL : &g->nodes[v->producer];

	return v->data || (p && p->op == MEA_OP_DequantizeLinear && mea_node_in(g, p, 0)->data);
}

/* A value that a node uses and nothing provides. */
static int check_provided(const struct mea_graph *g, const struct mea_node *n)
{
	for (int j = 0; j < n->n_in; j++) {
		const struct mea_value *v = mea_node_in(g, n, j);

		if (!v)
			continue;
		if (v->missing)
			return mea_node_fail(g, n, MEA_EUNSUPPORTED,
					     "input %s is a secondary output of another node",
					     v->name);
		if (v->producer < 0 && !v->data && !is_input(g, n->in[j]))
			return mea_node_fail(g, n, MEA_EINVAL, "input %s is not defined", v->name);
	}
	return 0;
}

static int check_outputs(const struct mea_graph *g)
{
	for (int i = 0; i < g->n_outputs; i++) {
		const struct mea_value *v = &g->values[g->outputs[i]];

		if (v->missing)
			return mea_fail(MEA_EUNSUPPORTED,
					"%s: output %s is a secondary output of its node",
					g->source, v->name);
		if (v->producer < 0 && !v->data && !is_input(g, g->outputs[i]))
			return mea_fail(MEA_EINVAL, "%s: output %s is not computed by any node",
					g->source, v->name);
	}
	return 0;
}

/*
 * Depth-first order over producers without recursion, so that a chain of any
 * length fits. state: 0 new, 1 on the stack, 2 placed.
 */
static int order_from(const struct mea_graph *g, int root, char *state, int *stack, int *next,
		      int *order, int *n)
{
	int top = 0;

	if (state[root])
		return 0;
	stack[top++] = root;
	state[root] = 1;
	while (top) {
		int at = stack[top - 1], p = -1;
		const struct mea_node *node = &g->nodes[at];

		while (p < 0 && next[at] < node->n_in) {
			int v = node->in[next[at]++];

			p = v < 0 ? -1 : g->values[v].producer;
			if (p >= 0 && state[p] == 1)
				return mea_node_fail(g, node, MEA_EINVAL,
						     "its input %s depends on its output",
						     g->values[v].name);
			if (p >= 0 && state[p] == 2)
				p = -1;
		}
		if (p >= 0) {
			stack[top++] = p;
			state[p] = 1;
			continue;
		}
		state[at] = 2;
		order[(*n)++] = at;
		top--;
	}
	return 0;
}

/* Puts the nodes into this order. */
static int take_order(struct mea_graph *g, const int *order)
{
	struct mea_node *nodes = malloc(sizeof(*nodes) * ((size_t)g->n_nodes + 1));

	if (!nodes)
		return mea_nomem();
	for (int i = 0; i < g->n_nodes; i++)
		nodes[i] = g->nodes[order[i]];
	free(g->nodes);
	g->nodes = nodes;
	g->cap_nodes = g->n_nodes + 1;
	return link_producers(g);
}

/* Marks the nodes that the outputs need; from the back, as users stand after what
 * they use once the graph is sorted. */
static void mark_needed(const struct mea_graph *g, bool *needed)
{
	for (int i = 0; i < g->n_outputs; i++)
		if (g->values[g->outputs[i]].producer >= 0)
			needed[g->values[g->outputs[i]].producer] = true;
	for (int i = g->n_nodes - 1; i >= 0; i--) {
		const struct mea_node *n = &g->nodes[i];

		for (int j = 0; needed[i] && j < n->n_in; j++)
			if (n->in[j] >= 0 && g->values[n->in[j]].producer >= 0)
				needed[g->values[n->in[j]].producer] = true;
	}
}

int mea_graph_sort(struct mea_graph *g)
{
	int n = g->n_nodes, count = 0, rc;
	char *state = calloc((size_t)n + 1, 1);
	int *work = calloc(3 * (size_t)n + 1, sizeof(*work));

	if (!state || !work) {
		rc = mea_nomem();
		goto out;
	}
	rc = link_producers(g);
	for (int i = 0; !rc && i < n; i++)
		rc = check_provided(g, &g->nodes[i]);
	if (!rc)
		rc = check_outputs(g);
	/* Node by node, so that an order that is valid already stays as it is. */
	for (int i = 0; !rc && i < n; i++)
		rc = order_from(g, i, state, work, work + n, work + 2 * (size_t)n, &count);
	if (!rc)
		rc = take_order(g, work + 2 * (size_t)n);
out:
	free(state);
	free(work);
	return rc;
}

/* Renumbers values so that only those with keep[i] stay. */
static void drop_values(struct mea_graph *g, int *keep)
{
	int n = 0;

	for (int i = 0; i < g->n_values; i++) {
		if (!keep[i]) {
			free(g->values[i].name);
			free(g->values[i].data);
			continue;
		}
		g->values[n] = g->values[i];
		keep[i] = n++;
	}
	g->n_values = n;
	for (int i = 0; i < g->n_nodes; i++) {
		struct mea_node *node = &g->nodes[i];

		node->out = keep[node->out];
		for (int j = 0; j < node->n_in; j++)
			if (node->in[j] >= 0)
				node->in[j] = keep[node->in[j]];
	}
	for (int i = 0; i < g->n_inputs; i++)
		g->inputs[i] = keep[g->inputs[i]];
	for (int i = 0; i < g->n_outputs; i++)
		g->outputs[i] = keep[g->outputs[i]];
}

void mea_graph_drop_nodes(struct mea_graph *g, const bool *keep)
{
	int n = 0;

	for (int i = 0; i < g->n_nodes; i++) {
		if (keep[i]) {
			g->values[g->nodes[i].out].producer = n;
			g->nodes[n++] = g->nodes[i];
			continue;
		}
		free(g->nodes[i].name);
		free(g->nodes[i].in);
	}
	g->n_nodes = n;
}

/* Marks with 1 the values that are still in use. */
static void mark_used(const struct mea_graph *g, int *used)
{
	for (int i = 0; i < g->n_nodes; i++) {
		used[g->nodes[i].out] = 1;
		for (int j = 0; j < g->nodes[i].n_in; j++)
			if (g->nodes[i].in[j] >= 0)
				used[g->nodes[i].in[j]] = 1;
	}
	for (int i = 0; i < g->n_inputs; i++)
		used[g->inputs[i]] = 1;
	for (int i = 0; i < g->n_outputs; i++)
		used[g->outputs[i]] = 1;
}

int mea_graph_prune(struct mea_graph *g)
{
	bool *needed = calloc((size_t)g->n_nodes + 1, sizeof(*needed));
	int *used = calloc((size_t)g->n_values + 1, sizeof(*used)), rc;

	if (!needed || !used) {
		rc = mea_nomem();
		goto out;
	}
	rc = mea_graph_sort(g);
	if (rc)
		goto out;
	mark_needed(g, needed);
	mea_graph_drop_nodes(g, needed);
	mark_used(g, used);
	drop_values(g, used);
	rc = mea_graph_reindex(g);
	if (!rc)
		rc = link_producers(g);
out:
	free(needed);
	free(used);
	return rc;
}
