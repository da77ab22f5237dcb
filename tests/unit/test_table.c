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

/* --- products x * f(x) ------------------------------------------------------------ */

/* f of x, where f is silu, hard-swish or mish, as exporters write them. */
static int function(struct mea_graph *g, int kind, int x)
{
	struct mea_attrs a = mea_attrs_default(MEA_OP_HardSigmoid);

	if (kind == 0)
		return unary(g, MEA_OP_Sigmoid, "s", x);
	a.alpha = 1.0f / 6;
	if (kind == 1)
		return node(g, MEA_OP_HardSigmoid, "h", &x, 1, &a);
	return unary(g, MEA_OP_Tanh, "t", unary(g, MEA_OP_Softplus, "p", x));
}

static int gated(struct mea_graph *g, const char *name, int kind, bool swap, int x)
{
	int f = function(g, kind, x);

	return binary(g, MEA_OP_Mul, name, swap ? f : x, swap ? x : f);
}

Test(table, a_product_with_a_function_of_x_is_one)
{
	for (int i = 0; i < 12; i++) {
		struct mea_graph *g = new_graph();
		int want[256];

		finish(g, qdq(g, "y", gated(g, "m", i % 3, i & 1, image(g, ins[i % 5], MEA_I8)),
			      outs[i % 4], MEA_I8));
		by_executor(g, ins[i % 5], outs[i % 4], want);
		check_table(g, want);
	}
}

/* Other quantisers round f(x) to int8 as well: the product is that of the rounded value. */
Test(table, a_function_that_was_rounded_on_the_way_is_taken_in)
{
	for (int i = 0; i < 8; i++) {
		struct mea_graph *g = new_graph();
		int x = image(g, ins[0], MEA_U8), f = function(g, i % 3, x), want[256];

		f = qdq(g, "f", f, (struct pair){0.02f, i * 30 - 128}, i & 1 ? MEA_U8 : MEA_I8);
		f = binary(g, MEA_OP_Mul, "m", i & 2 ? f : x, i & 2 ? x : f);
		finish(g, qdq(g, "y", f, outs[1], MEA_U8));
		by_executor(g, ins[0], outs[1], want);
		check_table(g, want);
	}
}

Test(table, a_slope_that_is_one_number_is_part_of_it)
{
	struct mea_graph *g = new_graph();
	struct mea_shape s = shape_of(3, 1, 1, 1);
	float slope = 0.3f;
	int want[256], x = image(g, ins[0], MEA_I8);

	x = binary(g, MEA_OP_PRelu, "p", x, mea_graph_add_const(g, "slope", MEA_F32, &s, &slope));
	finish(g, qdq(g, "y", x, outs[2], MEA_I8));
	by_executor(g, ins[0], outs[2], want);
	check_table(g, want);
}

static void is_refused(struct mea_graph *g, int y, const char *name, const char *why)
{
	struct mea_qnet *net;

	finish(g, qdq(g, "y", y, outs[1], MEA_I8));
	cr_expect_eq(mea_qnet_from_graph(g, &net), MEA_EUNSUPPORTED);
	cr_expect(strstr(mea_errmsg(), name) && strstr(mea_errmsg(), why), "%s", mea_errmsg());
	mea_graph_free(g);
}

Test(table, what_hangs_on_more_is_refused)
{
	struct mea_graph *g = new_graph();
	int x = image(g, ins[0], MEA_I8), y;

	y = qdq(g, "other", input(g, "z", shape_of(4, 1, 1, 16, 16)), ins[1], MEA_I8);
	is_refused(g, binary(g, MEA_OP_Mul, "m", x, unary(g, MEA_OP_Sigmoid, "s", y)),
		   "node m (Mul)", "no function of one quantised value");

	g = new_graph();
	x = image(g, ins[0], MEA_I8);
	y = unary(g, MEA_OP_Sigmoid, "s", unary(g, MEA_OP_GlobalAveragePool, "gap", x));
	is_refused(g, binary(g, MEA_OP_Mul, "m", x, y), "node m (Mul)",
		   "no function of one quantised value");

	g = new_graph();
	x = input(g, "x", shape_of(4, 1, 2, 8, 8));
	y = binary(g, MEA_OP_PRelu, "p", qdq(g, "x_dq", x, ins[0], MEA_I8),
		   constant(g, "slope", shape_of(3, 2, 1, 1), 0, 1));
	is_refused(g, y, "node p (PRelu)", "no function of one quantised value");

	/* Each product doubles what must be evaluated. */
	g = new_graph();
	y = image(g, ins[0], MEA_I8);
	for (int i = 0; i < 12; i++) {
		char name[16];

		snprintf(name, sizeof(name), "m%d", i);
		y = binary(g, MEA_OP_Mul, name, y, y);
	}
	is_refused(g, y, "node m11 (Mul)", "no function of one quantised value");
}

/* --- mea quantize ------------------------------------------------------------------- */

static int next(void *ctx, float *const *in)
{
	int *left = ctx;

	for (int i = 0; i < 3 * 6 * 6; i++)
		in[0][i] = frand(-2, 2);
	return (*left)-- > 0;
}

/* conv, x * f(x), conv: three layers, and the tensors of f are none. */
Test(table, a_quantised_network_has_one_for_each_activation)
{
	for (int kind = 0; kind < 3; kind++) {
		struct mea_graph *g = new_graph(), *q;
		struct mea_qparams p;
		struct mea_qnet *net;
		int left = 8, y;

		srand(3);
		y = conv(g, "c1", input(g, "x", shape_of(4, 1, 3, 6, 6)), 4, 3, 1, 1, 1, true);
		y = gated(g, "gate", kind, false, y);
		finish(g, conv(g, "c2", y, 4, 3, 1, 1, 1, true));
		cr_assert_eq(mea_quantize(g, next, &left, NULL, &q), 0, "%s", mea_errmsg());
		cr_expect_eq(mea_graph_qparams(q, "gate", &p), 0, "%s", mea_errmsg());
		cr_expect_eq(mea_graph_qparams(q, (const char *[]){"s", "h", "t"}[kind], &p),
			     MEA_ENOENT);
		cr_assert_eq(mea_qnet_from_graph(q, &net), 0, "%s", mea_errmsg());
		cr_expect_eq(net->n_layers, 3);
		cr_expect_eq(net->layers[1].op, MEA_Q_TABLE);
		mea_qnet_free(net);
		mea_graph_free(q);
		mea_graph_free(g);
	}
}

Test(table, other_products_are_not_quantised)
{
	struct mea_graph *g = new_graph(), *q;
	int x, left = 1;

	srand(3);
	x = input(g, "x", shape_of(4, 1, 3, 6, 6));
	finish(g, binary(g, MEA_OP_Mul, "m", x,
			 unary(g, MEA_OP_Sigmoid, "s", conv(g, "c", x, 3, 1, 1, 0, 1, true))));
	cr_expect_eq(mea_quantize(g, next, &left, NULL, &q), MEA_EUNSUPPORTED);
	cr_expect(strstr(mea_errmsg(), "node m (Mul): a product other than"), "%s", mea_errmsg());
	mea_graph_free(g);
}
