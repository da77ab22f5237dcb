// SPDX-License-Identifier: Apache-2.0
/* Writes small float and quantised networks into a folder: seeds for fuzz_onnx that
 * reach the quantiser and the lowering. Usage: seed_onnx FOLDER */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/graph.h"
#include "quantize/quantize.h"
#include "mea.h"

static void check(int rc)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "seed_onnx: %s\n", mea_errmsg());
	exit(1);
}

static int constant(struct mea_graph *g, const char *name, struct mea_shape s)
{
	float data[1024];
	int v;

	for (size_t i = 0; i < 1024; i++)
		data[i] = (float)(i * 37 % 101) / 50 - 1;
	v = mea_graph_add_const(g, name, MEA_F32, &s, data);
	check(v);
	return v;
}

static int node(struct mea_graph *g, enum mea_op op, const char *name, const int *in, int n,
		const struct mea_attrs *a)
{
	struct mea_shape s = {0};
	enum mea_dtype type;
	int v = mea_graph_add_value(g, name, MEA_F32, &s), at;

	check(v);
	at = mea_graph_add_node(g, op, NULL, in, n, v, a);
	check(at);
	check(mea_node_infer(g, &g->nodes[at], &type, &s));
	g->values[v].type = type;
	g->values[v].shape = s;
	return v;
}

static int conv(struct mea_graph *g, const char *name, int x, int oc, int k, int groups)
{
	struct mea_attrs a = mea_attrs_default(MEA_OP_Conv);
	int ic = (int)g->values[x].shape.dim[1] / groups, in[3] = {x};
	char text[64];

	a.group = groups;
	for (int i = 0; i < 4; i++)
		a.pad[i] = k / 2;
	snprintf(text, sizeof(text), "%s_w", name);
	in[1] = constant(g, text, (struct mea_shape){4, {oc, ic, k, k}});
	in[2] = constant(g, text, (struct mea_shape){1, {oc}});
	return node(g, MEA_OP_Conv, name, in, 3, &a);
}

static int pool(struct mea_graph *g, enum mea_op op, const char *name, int x, bool ceil_mode)
{
	struct mea_attrs a = mea_attrs_default(op);

	a.kernel[0] = a.kernel[1] = 3;
	a.stride[0] = a.stride[1] = 2;
	a.pad[0] = a.pad[1] = a.pad[2] = a.pad[3] = 1;
	a.ceil_mode = ceil_mode;
	return node(g, op, name, &x, 1, &a);
}

static int concat(struct mea_graph *g, int x, int y)
{
	struct mea_attrs a = mea_attrs_default(MEA_OP_Concat);

	a.axis = 1;
	return node(g, MEA_OP_Concat, "cat", (int[]){x, y, x}, 3, &a);
}

/* One network; the bits of kind choose its parts. */
static struct mea_graph *make(int kind)
{
	struct mea_shape in = {4, {1, 2, 6, 5}};
	struct mea_attrs a = mea_attrs_default(MEA_OP_Clip);
	struct mea_graph *g = NULL;
	int x, y, z;

	check(mea_graph_new("seed", &g));
	x = mea_graph_add_input(g, "x", MEA_F32, &in);
	check(x);
	g->values[x].dynamic = true;
	a.lo = 0;
	a.hi = 6;
	y = node(g, MEA_OP_Relu, "relu", (int[]){conv(g, "c1", x, 4, 3, 1)}, 1, NULL);
	z = conv(g, "c2", y, 4, 3, kind & 1 ? 4 : 1);
	if (kind & 32)
		z = node(g, kind & 4 ? MEA_OP_HardSwish : MEA_OP_Gelu, "act", &z, 1, NULL);
	y = kind & 2 ? node(g, MEA_OP_Add, "sum", (int[]){z, y}, 2, NULL) : z;
	y = node(g, MEA_OP_Clip, "relu6", &y, 1, &a);
	if (kind & 4)
		y = pool(g, kind & 8 ? MEA_OP_MaxPool : MEA_OP_AveragePool, "pool", y, kind & 1);
	if (kind & 16)
		y = concat(g, y, conv(g, "c3", y, 3, 1, 1));
	check(mea_graph_add_output(g, y));
	if (kind & 1)
		y = node(g, MEA_OP_GlobalAveragePool, "gap", &y, 1, NULL);
	y = node(g, MEA_OP_Flatten, "flat", &y, 1, NULL);
	z = constant(g, "w", (struct mea_shape){2, {g->values[y].shape.dim[1], 2}});
	check(mea_graph_add_output(g, node(g, MEA_OP_MatMul, "logits", (int[]){y, z}, 2, NULL)));
	check(mea_graph_sort(g));
	check(mea_graph_infer(g, 0));
	return g;
}

static int next(void *ctx, float *const *in)
{
	int *left = ctx;

	for (int i = 0; i < 60; i++)
		in[0][i] = (float)(i * 7 % 23) / 10 - 1;
	return (*left)-- > 0;
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	for (int kind = 0; kind < 64; kind++) {
		struct mea_graph *g = make(kind), *q;
		char path[1024];
		int left = 1;

		snprintf(path, sizeof(path), "%s/seed_%d.onnx", argv[1], kind);
		check(mea_graph_write(g, path));
		check(mea_quantize(g, next, &left, NULL, &q));
		snprintf(path, sizeof(path), "%s/seed_%d.int8.onnx", argv[1], kind);
		check(mea_graph_write(q, path));
		mea_graph_free(q);
		mea_graph_free(g);
	}
	return 0;
}
