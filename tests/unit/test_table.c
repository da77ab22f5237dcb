// SPDX-License-Identifier: Apache-2.0
/* Activations in int8: each of the 256 entries of a table against what ONNX says of it. */
#include "graph_build.h"

#include <math.h>

#include "backend/ref/ref.h"
#include "graph/eval.h"
#include "graph/lower.h"
#include "quantize/quantize.h"

struct pair {
	float scale;
	int zero; /* of an int8 */
};

static int quant(struct mea_graph *g, enum mea_op op, const char *name, int x, struct pair p,
		 enum mea_dtype type)
{
	struct mea_shape s = {0};
	uint8_t z = (uint8_t)(type == MEA_U8 ? p.zero + 128 : p.zero);
	int in[3] = {x, mea_graph_add_const(g, "scale", MEA_F32, &s, &p.scale),
		     mea_graph_add_const(g, "zero", type, &s, &z)};

	return node(g, op, name, in, 3, NULL);
}

static int qdq(struct mea_graph *g, const char *name, int x, struct pair p, enum mea_dtype type)
{
	char q[64];

	snprintf(q, sizeof(q), "%s_q", name);
	return quant(g, MEA_OP_DequantizeLinear, name,
		     quant(g, MEA_OP_QuantizeLinear, q, x, p, type), p, type);
}

/* The image whose pixel k is the int8 k of a table. */
static int image(struct mea_graph *g, struct pair p, enum mea_dtype type)
{
	return qdq(g, "x_dq", input(g, "x", shape_of(4, 1, 1, 16, 16)), p, type);
}

/* The entries that g's own execution gives: every int8 goes through its QDQ pairs. */
static void by_executor(const struct mea_graph *g, struct pair in, struct pair out, int want[256])
{
	const void *x[1];
	struct mea_eval *e;
	float v[256];

	for (int k = 0; k < 256; k++)
		v[k] = (float)((int8_t)k - in.zero) * in.scale;
	x[0] = v;
	cr_assert_eq(mea_eval_new(g, &e), 0);
	cr_assert_eq(mea_eval_run(e, x), 0, "%s", mea_errmsg());
	for (int k = 0; k < 256; k++)
		want[k] =
			out.zero + (int)lrintf(((float *)mea_eval_value(e, g->outputs[0]).data)[k] /
					       out.scale);
	mea_eval_free(e);
}

/* g, whose output is done, is one table of want's entries; g is freed. */
static void check_table(struct mea_graph *g, const int want[256])
{
	struct mea_qnet *net;
	int8_t x[256], y[256];

	cr_assert_eq(mea_qnet_from_graph(g, &net), 0, "%s", mea_errmsg());
	cr_assert(net->n_layers == 1 && net->layers[0].op == MEA_Q_TABLE, "%d layers",
		  net->n_layers);
	cr_expect_eq(net->n_tensors, 2);
	cr_expect_eq(mea_qlayer_bytes(net, net->layers), 256);
	cr_expect_str_eq(mea_qlayer_kind(net->layers), "table");
	for (int k = 0; k < 256; k++)
		x[k] = (int8_t)k;
	cr_assert_eq(mea_ref_layer(net, net->layers, x, NULL, y), 0);
	for (int k = 0; k < 256; k++)
		cr_assert_eq(y[k], want[k], "%s of %d is %d, not %d", net->layers[0].name,
			     (int8_t)k, y[k], want[k]);
	mea_qnet_free(net);
	mea_graph_free(g);
}

static const struct pair ins[] = {{0.05f, 0}, {0.03f, -128}, {0.25f, 17}, {1e-3f, 127}, {4, -3}},
			 outs[] = {{1.0f / 256, -128}, {0.02f, -100}, {0.125f, 0}, {3, 127}};

/* Calls f for each activation with each pair of scales. */
static void each(void (*f)(enum mea_op op, struct pair in, struct pair out, enum mea_dtype type))
{
	static const enum mea_op ops[] = {MEA_OP_Sigmoid, MEA_OP_HardSigmoid, MEA_OP_HardSwish,
					  MEA_OP_Tanh,	  MEA_OP_LeakyRelu,   MEA_OP_Elu,
					  MEA_OP_Gelu,	  MEA_OP_Softplus,    MEA_OP_Mish};

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		for (int k = 0; k < 5; k++)
			for (int m = 0; m < 4; m++)
				f(ops[i], ins[k], outs[m], (k + m) % 2 ? MEA_U8 : MEA_I8);
}

static void equals_executor(enum mea_op op, struct pair in, struct pair out, enum mea_dtype type)
{
	struct mea_graph *g = new_graph();
	int want[256];

	finish(g, qdq(g, "y", unary(g, op, "f", image(g, in, type)), out, type));
	by_executor(g, in, out, want);
	check_table(g, want);
}

Test(table, entries_are_those_of_the_qdq_graph)
{
	each(equals_executor);
}

static void equals_formula(enum mea_op op, struct pair in, struct pair out, enum mea_dtype type)
{
	struct mea_graph *g = new_graph();
	int want[256];

	if (op != MEA_OP_Sigmoid && op != MEA_OP_Tanh && op != MEA_OP_HardSwish) {
		mea_graph_free(g);
		return;
	}
	finish(g, qdq(g, "y", unary(g, op, "f", image(g, in, type)), out, type));
	for (int k = 0; k < 256; k++) {
		float x = (float)((int8_t)k - in.zero) * in.scale;
		double f = op == MEA_OP_Sigmoid ? 1 / (1 + exp(-(double)x))
			   : op == MEA_OP_Tanh	? tanh((double)x)
						: (double)x * fmax(0, fmin(1, (double)x / 6 + 0.5));

		/* Half to even, as lrintf() rounds. */
		want[k] = out.zero + (int)lrintf(fminf(fmaxf((float)f / out.scale, -999), 999));
		want[k] = want[k] < -128 ? -128 : want[k] > 127 ? 127 : want[k];
	}
	check_table(g, want);
}

Test(table, entries_are_those_of_the_formula)
{
	each(equals_formula);
}

Test(table, a_clamp_behind_is_part_of_it)
{
	struct mea_attrs a = mea_attrs_default(MEA_OP_Clip);
	struct mea_graph *g = new_graph();
	int want[256], y;

	a.lo = -0.2f;
	a.hi = 1;
	y = unary(g, MEA_OP_HardSwish, "f", image(g, ins[0], MEA_I8));
	finish(g, qdq(g, "y", node(g, MEA_OP_Clip, "clip", &y, 1, &a), outs[1], MEA_I8));
	by_executor(g, ins[0], outs[1], want);
	cr_assert(want[127] == 1 / 0.02f - 100 && want[256 - 40] == -110);
	check_table(g, want);
}

Test(table, a_qnet_with_a_wrong_one_is_refused)
{
	struct mea_graph *g = new_graph();
	struct mea_qnet *net;
	int8_t *table;

	finish(g,
	       qdq(g, "y", unary(g, MEA_OP_Tanh, "f", image(g, ins[0], MEA_I8)), outs[1], MEA_I8));
	cr_assert_eq(mea_qnet_from_graph(g, &net), 0, "%s", mea_errmsg());
	table = net->layers[0].weights;
	net->layers[0].weights = NULL;
	cr_expect_eq(mea_qnet_check(net), MEA_EINVAL);
	cr_expect_str_eq(mea_errmsg(), "layer 0 (f): the table is missing");
	net->layers[0].weights = table;
	net->tensors[net->layers[0].out].c = 2;
	cr_expect_eq(mea_qnet_check(net), MEA_EINVAL);
	cr_expect_str_eq(mea_errmsg(), "layer 0 (f): a table changes the shape");
	mea_qnet_free(net);
	mea_graph_free(g);
}
