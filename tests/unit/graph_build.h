/* SPDX-License-Identifier: Apache-2.0 */
/* Small graphs for tests: each function appends an operation and returns its
 * output. Random numbers come from rand(), so srand() fixes a test. */
#ifndef MEA_TEST_GRAPH_BUILD_H
#define MEA_TEST_GRAPH_BUILD_H

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "graph/graph.h"
#include "mea.h"

#define BUILD static __attribute__((unused))

BUILD float frand(float lo, float hi)
{
	return lo + (hi - lo) * ((float)rand() / (float)RAND_MAX);
}

BUILD struct mea_shape shape_of(int rank, ...)
{
	struct mea_shape s = {.rank = rank};
	va_list ap;

	va_start(ap, rank);
	for (int i = 0; i < rank; i++)
		s.dim[i] = va_arg(ap, int);
	va_end(ap);
	return s;
}

BUILD struct mea_graph *new_graph(void)
{
	struct mea_graph *g;

	cr_assert_eq(mea_graph_new("test.onnx", &g), 0);
	return g;
}

BUILD int input(struct mea_graph *g, const char *name, struct mea_shape s)
{
	int v = mea_graph_add_input(g, name, MEA_F32, &s);

	cr_assert(v >= 0, "%s", mea_errmsg());
	return v;
}

/* A constant with elements lo .. hi. */
BUILD int constant(struct mea_graph *g, const char *name, struct mea_shape s, float lo, float hi)
{
	size_t n = mea_shape_count(&s);
	float *data = malloc(sizeof(*data) * (n + 1));
	int v;

	for (size_t i = 0; i < n; i++)
		data[i] = frand(lo, hi);
	v = mea_graph_add_const(g, name, MEA_F32, &s, data);
	free(data);
	cr_assert(v >= 0, "%s", mea_errmsg());
	return v;
}

/* Any operation: in has n inputs, name is the output's. */
BUILD int node(struct mea_graph *g, enum mea_op op, const char *name, const int *in, int n,
	       const struct mea_attrs *a)
{
	struct mea_shape s = {0};
	enum mea_dtype type;
	int v = mea_graph_add_value(g, name, MEA_F32, &s), at;

	cr_assert(v >= 0, "%s", mea_errmsg());
	at = mea_graph_add_node(g, op, NULL, in, n, v, a);
	cr_assert(at >= 0, "%s", mea_errmsg());
	cr_assert_eq(mea_node_infer(g, &g->nodes[at], &type, &s), 0, "%s: %s", name, mea_errmsg());
	g->values[v].type = type;
	g->values[v].shape = s;
	return v;
}

BUILD int unary(struct mea_graph *g, enum mea_op op, const char *name, int x)
{
	return node(g, op, name, &x, 1, NULL);
}

BUILD int binary(struct mea_graph *g, enum mea_op op, const char *name, int x, int y)
{
	return node(g, op, name, (int[]){x, y}, 2, NULL);
}

BUILD int conv(struct mea_graph *g, const char *name, int x, int oc, int k, int stride, int pad,
	       int groups, bool bias)
{
	struct mea_attrs a = mea_attrs_default(MEA_OP_Conv);
	int ic = (int)g->values[x].shape.dim[1] / groups, in[3] = {x};
	float top = 1.5f / (float)(k * k * ic);
	char text[64];

	a.stride[0] = a.stride[1] = stride;
	a.group = groups;
	for (int i = 0; i < 4; i++)
		a.pad[i] = pad;
	snprintf(text, sizeof(text), "%s_w", name);
	in[1] = constant(g, text, shape_of(4, oc, ic, k, k), -top, top);
	snprintf(text, sizeof(text), "%s_b", name);
	if (bias)
		in[2] = constant(g, text, shape_of(1, oc), -0.3f, 0.3f);
	return node(g, MEA_OP_Conv, name, in, bias ? 3 : 2, &a);
}

BUILD int gemm(struct mea_graph *g, const char *name, int x, int n, bool trans_b)
{
	struct mea_attrs a = mea_attrs_default(MEA_OP_Gemm);
	int k = (int)g->values[x].shape.dim[1], in[3] = {x};
	float top = 2.0f / (float)k;
	char text[64];

	a.trans_b = trans_b;
	snprintf(text, sizeof(text), "%s_w", name);
	in[1] = constant(g, text, trans_b ? shape_of(2, n, k) : shape_of(2, k, n), -top, top);
	snprintf(text, sizeof(text), "%s_b", name);
	in[2] = constant(g, text, shape_of(1, n), -0.3f, 0.3f);
	return node(g, MEA_OP_Gemm, name, in, 3, &a);
}

BUILD int pool(struct mea_graph *g, enum mea_op op, const char *name, int x, int k, int stride,
	       int pad, bool ceil_mode, bool include_pad)
{
	struct mea_attrs a = mea_attrs_default(op);

	a.kernel[0] = a.kernel[1] = k;
	a.stride[0] = a.stride[1] = stride;
	a.ceil_mode = ceil_mode;
	a.count_include_pad = include_pad;
	for (int i = 0; i < 4; i++)
		a.pad[i] = pad;
	return node(g, op, name, &x, 1, &a);
}

BUILD void finish(struct mea_graph *g, int output)
{
	cr_assert_eq(mea_graph_add_output(g, output), 0);
	cr_assert_eq(mea_graph_sort(g), 0, "%s", mea_errmsg());
	cr_assert_eq(mea_graph_infer(g, 0), 0, "%s", mea_errmsg());
}

#endif
