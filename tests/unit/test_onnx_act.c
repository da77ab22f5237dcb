// SPDX-License-Identifier: Apache-2.0
/* Activations against their formulas, in long double; written and read again. */
#include "graph_build.h"

#include <math.h>

#include "graph/eval.h"

static long double formula(enum mea_op op, const struct mea_attrs *a, long double x)
{
	long double e = expl(x), s = x > 100 ? x : logl(1 + e);

	switch (op) {
	case MEA_OP_Sigmoid:
		return 1 / (1 + expl(-x));
	case MEA_OP_HardSigmoid:
		return fmaxl(0, fminl(1, (long double)a->alpha * x + (long double)a->beta));
	case MEA_OP_HardSwish:
		return x * fmaxl(0, fminl(1, x / 6 + 0.5L));
	case MEA_OP_Tanh:
		return tanhl(x);
	case MEA_OP_LeakyRelu:
		return x < 0 ? (long double)a->alpha * x : x;
	case MEA_OP_Elu:
		return x < 0 ? (long double)a->alpha * expm1l(x) : x;
	case MEA_OP_Gelu:
		if (a->mode)
			return x / 2 *
			       (1 + tanhl(sqrtl(2 / acosl(-1)) * (x + 0.044715L * x * x * x)));
		return x / 2 * erfcl(-x / sqrtl(2));
	case MEA_OP_Ceil:
		return ceill(x);
	case MEA_OP_Floor:
		return floorl(x);
	case MEA_OP_Softplus:
		return x < -20 ? log1pl(e) : s;
	default:
		return x * tanhl(x < -20 ? log1pl(e) : s);
	}
}

static const float extremes[] = {0,	 -0.0f, 1e-30f, -1e-30f, 20,	-20,   88.5f,
				 -88.5f, 104,	-104,	1000,	 -1000, 3e38f, -3e38f};

/* Whether y is want or the float beside it. */
static bool near(float y, long double want)
{
	float w = (float)want;

	return y == w || nextafterf(y, INFINITY) == w || nextafterf(y, -INFINITY) == w;
}

static void check(enum mea_op op, const struct mea_attrs *a)
{
	struct mea_graph *g = new_graph(), *read;
	enum { N = 6014 };
	int x = input(g, "x", shape_of(3, 2, 1, N / 2));
	float *v = malloc(sizeof(*v) * N);
	const void *in[1] = {v};
	struct mea_tensor t;
	struct mea_eval *e;
	void *data;
	size_t size;

	for (int i = 0; i < N; i++)
		v[i] = i < 14 ? extremes[i] : (float)(i - 3000) / 100;
	finish(g, node(g, op, "y", &x, 1, a));
	cr_assert_eq(mea_graph_pack(g, &data, &size), 0, "%s", mea_errmsg());
	cr_assert_eq(mea_graph_parse(data, size, "y.onnx", NULL, &read), 0, "%s", mea_errmsg());
	free(data);
	cr_assert_eq(mea_eval_new(read, &e), 0);
	cr_assert_eq(mea_eval_run(e, in), 0, "%s", mea_errmsg());
	t = mea_eval_value(e, read->outputs[0]);
	cr_assert(t.type == MEA_F32 && mea_shape_equal(&t.shape, &g->values[x].shape));
	for (int i = 0; i < N; i++)
		cr_assert(near(((float *)t.data)[i], formula(op, a, (long double)v[i])) ||
				  fabs((double)((float *)t.data)[i] -
				       (double)formula(op, a, (long double)v[i])) < 1e-15,
			  "%s(%g) is %g, not %Lg", mea_op_name(op), (double)v[i],
			  (double)((float *)t.data)[i], formula(op, a, (long double)v[i]));
	mea_eval_free(e);
	free(v);
	mea_graph_free(read);
	mea_graph_free(g);
}

Test(onnx_act, each_equals_its_formula)
{
	static const enum mea_op ops[] = {MEA_OP_Sigmoid, MEA_OP_HardSigmoid, MEA_OP_HardSwish,
					  MEA_OP_Tanh,	  MEA_OP_LeakyRelu,   MEA_OP_Elu,
					  MEA_OP_Gelu,	  MEA_OP_Softplus,    MEA_OP_Mish,
					  MEA_OP_Ceil,	  MEA_OP_Floor};

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		struct mea_attrs a = mea_attrs_default(ops[i]);

		check(ops[i], &a);
		a.alpha = 0.375f;
		a.beta = 0.25f;
		a.mode = ops[i] == MEA_OP_Gelu;
		check(ops[i], &a);
	}
}

Test(onnx_act, attributes_left_out_have_the_values_of_onnx)
{
	cr_expect_eq(mea_attrs_default(MEA_OP_LeakyRelu).alpha, 0.01f);
	cr_expect_eq(mea_attrs_default(MEA_OP_Elu).alpha, 1);
	cr_expect_eq(mea_attrs_default(MEA_OP_HardSigmoid).alpha, 0.2f);
	cr_expect_eq(mea_attrs_default(MEA_OP_HardSigmoid).beta, 0.5f);
	cr_expect_eq(mea_attrs_default(MEA_OP_Gelu).mode, 0);
}

/* In the later opset that Mish needs, the axes of ReduceMean are an input. */
Test(onnx_act, what_opset_13_lacks_is_written_in_a_later_one)
{
	struct mea_attrs a = mea_attrs_default(MEA_OP_ReduceMean);
	struct mea_graph *g = new_graph(), *read;
	int x = input(g, "x", shape_of(4, 1, 3, 4, 5)), y;
	void *data;
	size_t size;

	a.n_axes = 1;
	a.axes[0] = 2;
	a.keepdims = false;
	y = node(g, MEA_OP_ReduceMean, "mean", &x, 1, &a);
	finish(g, unary(g, MEA_OP_Mish, "y", y));
	cr_assert_eq(mea_graph_pack(g, &data, &size), 0, "%s", mea_errmsg());
	cr_assert_eq(mea_graph_parse(data, size, "y.onnx", NULL, &read), 0, "%s", mea_errmsg());
	cr_expect(mea_shape_equal(&read->values[read->outputs[0]].shape,
				  &g->values[g->outputs[0]].shape));
	cr_expect(memmem(data, size, "mean_axes", strlen("mean_axes")));
	free(data);
	mea_graph_free(read);
	mea_graph_free(g);
}

Test(onnx_act, a_slope_stretches_to_the_input)
{
	static const float slopes[] = {0.5f, 2, -1};
	struct mea_shape one = shape_of(0), by_channel = shape_of(3, 3, 1, 1),
			 wide = shape_of(4, 2, 3, 2, 2);
	struct mea_graph *g = new_graph();
	int x = input(g, "x", shape_of(4, 1, 3, 2, 2)), in[2] = {x};
	float v[12];
	const void *from[1] = {v};
	struct mea_shape s;
	enum mea_dtype type;
	struct mea_eval *e;

	for (int i = 0; i < 12; i++)
		v[i] = (float)(i % 4 - 2);
	in[1] = mea_graph_add_const(g, "slope", MEA_F32, &by_channel, slopes);
	in[0] = node(g, MEA_OP_PRelu, "p", in, 2, NULL);
	in[1] = mea_graph_add_const(g, "one", MEA_F32, &one, slopes);
	finish(g, node(g, MEA_OP_PRelu, "y", in, 2, NULL));
	cr_assert_eq(mea_eval_new(g, &e), 0);
	cr_assert_eq(mea_eval_run(e, from), 0, "%s", mea_errmsg());
	for (int i = 0; i < 12; i++) {
		float p = v[i] < 0 ? v[i] * slopes[i / 4] : v[i], y = p < 0 ? p * 0.5f : p;

		cr_expect_eq(((float *)mea_eval_value(e, g->outputs[0]).data)[i], y);
	}
	mea_eval_free(e);
	in[0] = x;
	in[1] = constant(g, "wide", wide, 0, 1);
	cr_assert(mea_graph_add_node(g, MEA_OP_PRelu, NULL, in, 2, x, NULL) >= 0);
	cr_expect_eq(mea_node_infer(g, &g->nodes[g->n_nodes - 1], &type, &s), MEA_EINVAL);
	cr_expect(strstr(mea_errmsg(), "slope wide does not fit"), "%s", mea_errmsg());
	mea_graph_free(g);
}
