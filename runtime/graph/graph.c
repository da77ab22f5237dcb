// SPDX-License-Identifier: Apache-2.0
/* The graph's memory: values, nodes, names. */
#include "graph/graph.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"

#define COUNT_MAX (1 << 16) /* values or nodes */

int mea_graph_new(const char *source, struct mea_graph **out)
{
	struct mea_graph *g = calloc(1, sizeof(*g));

	if (g)
		g->source = strdup(source);
	if (!g || !g->source) {
		free(g);
		return mea_nomem();
	}
	*out = g;
	return 0;
}

void mea_graph_free(struct mea_graph *g)
{
	if (!g)
		return;
	for (int i = 0; i < g->n_values; i++) {
		free(g->values[i].name);
		free(g->values[i].data);
	}
	for (int i = 0; i < g->n_nodes; i++) {
		free(g->nodes[i].name);
		free(g->nodes[i].in);
	}
	free(g->source);
	free(g->values);
	free(g->nodes);
	free(g->inputs);
	free(g->outputs);
	free(g->buckets);
	free(g);
}

/* Appends one value to the input or output list. */
static int append(int **list, int *n, int value)
{
	int rc = mea_grow(list, (size_t)*n, 1, sizeof(**list));

	if (!rc)
		(*list)[(*n)++] = value;
	return rc;
}

int mea_graph_clone(const struct mea_graph *g, struct mea_graph **out)
{
	struct mea_graph *c = NULL;
	int rc = mea_graph_new(g->source, &c);

	for (int i = 0; rc >= 0 && i < g->n_values; i++) {
		const struct mea_value *v = &g->values[i];

		rc = v->data ? mea_graph_add_const(c, v->name, v->type, &v->shape, v->data)
			     : mea_graph_add_value(c, v->name, v->type, &v->shape);
		if (rc < 0)
			break;
		c->values[rc].producer = v->producer;
		c->values[rc].dynamic = v->dynamic;
		c->values[rc].missing = v->missing;
	}
	for (int i = 0; rc >= 0 && i < g->n_nodes; i++) {
		const struct mea_node *n = &g->nodes[i];

		rc = mea_graph_add_node(c, n->op, n->name, n->in, n->n_in, n->out, &n->a);
	}
	for (int i = 0; rc >= 0 && i < g->n_inputs; i++)
		rc = append(&c->inputs, &c->n_inputs, g->inputs[i]);
	for (int i = 0; rc >= 0 && i < g->n_outputs; i++)
		rc = append(&c->outputs, &c->n_outputs, g->outputs[i]);
	if (rc < 0)
		mea_graph_free(c);
	else
		*out = c;
	return rc < 0 ? rc : 0;
}

/* --- names ----------------------------------------------------------------- */

static unsigned hash(const char *s)
{
	unsigned h = 2166136261u;

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 16777619u;
	return h;
}

/* The bucket that holds name, or the free one where it belongs. */
static int bucket(const struct mea_graph *g, const char *name)
{
	unsigned at = hash(name) & (unsigned)(g->n_buckets - 1);

	while (g->buckets[at] && strcmp(g->values[g->buckets[at] - 1].name, name))
		at = (at + 1) & (unsigned)(g->n_buckets - 1);
	return (int)at;
}

int mea_graph_find(const struct mea_graph *g, const char *name)
{
	return g->n_buckets ? g->buckets[bucket(g, name)] - 1 : -1;
}

int mea_graph_reindex(struct mea_graph *g)
{
	int n = 64;

	while (n < 2 * g->cap_values)
		n *= 2;
	free(g->buckets);
	g->n_buckets = 0;
	g->buckets = calloc(n, sizeof(*g->buckets));
	if (!g->buckets)
		return mea_nomem();
	g->n_buckets = n;
	for (int i = 0; i < g->n_values; i++)
		g->buckets[bucket(g, g->values[i].name)] = i + 1;
	return 0;
}

/* Makes room for one more element of size bytes. */
static int grow(struct mea_graph *g, void **array, int count, int *cap, size_t size)
{
	int n = *cap ? *cap * 2 : 16;
	void *p;

	if (count < *cap)
		return 0;
	if (count >= COUNT_MAX)
		return mea_fail(MEA_EUNSUPPORTED, "%s: more than %d values or nodes", g->source,
				COUNT_MAX);
	p = realloc(*array, n * size);
	if (!p)
		return mea_nomem();
	*array = p;
	*cap = n;
	return 0;
}

int mea_graph_add_value(struct mea_graph *g, const char *name, enum mea_dtype type,
			const struct mea_shape *shape)
{
	struct mea_value v = {.type = type, .shape = *shape, .producer = -1};
	int rc;

	if (!*name)
		return mea_fail(MEA_EINVAL, "%s: a value has an empty name", g->source);
	if (mea_graph_find(g, name) >= 0)
		return mea_fail(MEA_EINVAL, "%s: two values are named \"%s\"", g->source, name);
	rc = grow(g, (void **)&g->values, g->n_values, &g->cap_values, sizeof(v));
	if (!rc && g->cap_values * 2 > g->n_buckets)
		rc = mea_graph_reindex(g);
	if (rc)
		return rc;
	v.name = strdup(name);
	if (!v.name)
		return mea_nomem();
	g->buckets[bucket(g, name)] = g->n_values + 1;
	g->values[g->n_values] = v;
	return g->n_values++;
}

/* Adds the value under name, or under name_2, name_3, ... when that is taken. */
static int add_numbered(struct mea_graph *g, const char *name, enum mea_dtype type,
			const struct mea_shape *shape)
{
	size_t size = strlen(name) + 16;
	char *text = malloc(size);
	int rc;

	if (!text)
		return mea_nomem();
	strcpy(text, name);
	for (int i = 2; mea_graph_find(g, text) >= 0; i++)
		snprintf(text, size, "%s_%d", name, i);
	rc = mea_graph_add_value(g, text, type, shape);
	free(text);
	return rc;
}

int mea_graph_add_const(struct mea_graph *g, const char *name, enum mea_dtype type,
			const struct mea_shape *shape, const void *data)
{
	size_t bytes = mea_shape_count(shape) * mea_dtype_size(type);
	void *copy = malloc(bytes + !bytes);
	int rc;

	if (!copy)
		return mea_nomem();
	rc = add_numbered(g, name, type, shape);
	if (rc < 0) {
		free(copy);
		return rc;
	}
	if (bytes)
		memcpy(copy, data, bytes);
	g->values[rc].data = copy;
	return rc;
}

int mea_graph_add_input(struct mea_graph *g, const char *name, enum mea_dtype type,
			const struct mea_shape *shape)
{
	int v = mea_graph_add_value(g, name, type, shape);
	int rc = v < 0 ? v : append(&g->inputs, &g->n_inputs, v);

	return rc ? rc : v;
}

int mea_graph_add_output(struct mea_graph *g, int value)
{
	return append(&g->outputs, &g->n_outputs, value);
}

int mea_graph_add_node(struct mea_graph *g, enum mea_op op, const char *name, const int *in,
		       int n_in, int out, const struct mea_attrs *attrs)
{
	struct mea_node n = {.op = op, .n_in = n_in, .out = out};
	int rc = grow(g, (void **)&g->nodes, g->n_nodes, &g->cap_nodes, sizeof(n));

	if (rc)
		return rc;
	n.a = attrs ? *attrs : mea_attrs_default(op);
	n.name = strdup(name && *name ? name : g->values[out].name);
	n.in = malloc(sizeof(int) * (n_in + 1));
	if (!n.name || !n.in) {
		free(n.name);
		free(n.in);
		return mea_nomem();
	}
	if (n_in)
		memcpy(n.in, in, sizeof(int) * n_in);
	g->nodes[g->n_nodes] = n;
	g->values[out].producer = g->n_nodes;
	return g->n_nodes++;
}

int mea_graph_append(struct mea_graph *g, enum mea_op op, const char *value, const int *in,
		     int n_in, const struct mea_attrs *attrs)
{
	int v = mea_graph_add_value(g, value, MEA_F32, &(struct mea_shape){0});
	int rc = v < 0 ? v : mea_graph_add_node(g, op, NULL, in, n_in, v, attrs);

	if (rc >= 0)
		rc = mea_node_infer(g, &g->nodes[rc], &g->values[v].type, &g->values[v].shape);
	return rc < 0 ? rc : v;
}

/* --- looking --------------------------------------------------------------- */

struct mea_value *mea_node_in(const struct mea_graph *g, const struct mea_node *n, int i)
{
	return i < n->n_in && n->in[i] >= 0 ? &g->values[n->in[i]] : NULL;
}

struct mea_tensor mea_value_tensor(const struct mea_value *v)
{
	return (struct mea_tensor){.type = v->type, .shape = v->shape, .data = v->data};
}

int mea_node_fail(const struct mea_graph *g, const struct mea_node *n, int code, const char *fmt,
		  ...)
{
	char text[384];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return mea_fail(code, "%s: node %.100s (%s): %s", g->source, n->name, mea_op_name(n->op),
			text);
}
