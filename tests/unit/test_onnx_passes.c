// SPDX-License-Identifier: Apache-2.0
/* Simplified graphs compute what the originals do, in the shapes promised. */
#include "graph_build.h"

#include <math.h>

#include "graph/eval.h"

static int count(const struct mea_graph *g, enum mea_op op)
{
	int n = 0;

	for (int i = 0; i < g->n_nodes; i++)
		n += g->nodes[i].op == op;
	return n;
}

/* Simplifies a copy and compares all outputs on random inputs. */
static struct mea_graph *simplified(const struct mea_graph *g)
{
	size_t n = mea_shape_count(&g->values[g->inputs[0]].shape);
	float *x = malloc(sizeof(*x) * n);
	const void *in[1] = {x};
	struct mea_eval *a, *b;
	struct mea_graph *s;

	cr_assert_eq(mea_graph_clone(g, &s), 0);
	cr_assert_eq(mea_graph_simplify(s), 0, "%s", mea_errmsg());
	for (size_t i = 0; i < n; i++)
		x[i] = frand(-2, 2);
	cr_assert_eq(mea_eval_new(g, &a), 0);
	cr_assert_eq(mea_eval_new(s, &b), 0);
	cr_assert_eq(mea_eval_run(a, in), 0, "%s", mea_errmsg());
	cr_assert_eq(mea_eval_run(b, in), 0, "%s", mea_errmsg());
	for (int i = 0; i < g->n_outputs; i++) {
		struct mea_tensor ta = mea_eval_value(a, g->outputs[i]);
		struct mea_tensor tb = mea_eval_value(b, s->outputs[i]);

		cr_assert_str_eq(g->values[g->outputs[i]].name, s->values[s->outputs[i]].name);
		cr_assert(mea_shape_equal(&ta.shape, &tb.shape));
		for (size_t k = 0; k < mea_shape_count(&ta.shape); k++) {
			float p = ((float *)ta.data)[k], q = ((float *)tb.data)[k];

			cr_assert(fabsf(p - q) <= 1e-4f * (1 + fabsf(p)), "%g, not %g", q, p);
		}
	}
	mea_eval_free(a);
	mea_eval_free(b);
	free(x);
	return s;
}

static int batchnorm(struct mea_graph *g, const char *name, int x)
{
	int c = (int)g->values[x].shape.dim[1];
	int in[5] = {x, constant(g, "gamma", shape_of(1, c), 0.5f, 2),
		     constant(g, "beta", shape_of(1, c), -1, 1),
		     constant(g, "mean", shape_of(1, c), -1, 1),
		     constant(g, "var", shape_of(1, c), 0.5f, 2)};

	return node(g, MEA_OP_BatchNormalization, name, in, 5, NULL);
}

Test(onnx_passes, batchnorm_goes_into_conv_and_gemm)
{
	struct mea_graph *g = new_graph(), *s;
	int y;

	srand(1);
	y = batchnorm(g, "b1",
		      conv(g, "c1", input(g, "x", shape_of(4, 1, 3, 6, 6)), 5, 3, 1, 1, 1, false));
	y = batchnorm(g, "b2", conv(g, "c2", y, 4, 3, 2, 1, 1, true));
	y = batchnorm(g, "b3", gemm(g, "fc", unary(g, MEA_OP_Flatten, "flat", y), 7, false));
	finish(g, y);
	s = simplified(g);
	cr_assert_eq(count(s, MEA_OP_BatchNormalization), 0);
	cr_assert_eq(count(s, MEA_OP_Conv), 2);
	cr_assert_eq(s->n_nodes, 4);
	mea_graph_free(g);
	mea_graph_free(s);
}

Test(onnx_passes, batchnorm_after_a_shared_conv_stays_beside_it)
{
	struct mea_graph *g = new_graph(), *s;
	int y;

	srand(2);
	y = conv(g, "c1", input(g, "x", shape_of(4, 1, 3, 6, 6)), 5, 3, 1, 1, 1, true);
	finish(g, binary(g, MEA_OP_Add, "sum", y, batchnorm(g, "b", y)));
	s = simplified(g);
	cr_assert_eq(count(s, MEA_OP_BatchNormalization), 0);
	cr_assert_eq(count(s, MEA_OP_Conv), 2, "the second is 1x1 and depthwise");
	mea_graph_free(g);
	mea_graph_free(s);
}

Test(onnx_passes, shared_weights_are_not_scaled_twice)
{
	struct mea_graph *g = new_graph(), *s;
	struct mea_attrs a = mea_attrs_default(MEA_OP_Conv);
	int x, w, p, q;

	srand(3);
	x = input(g, "x", shape_of(4, 1, 3, 6, 6));
	w = constant(g, "w", shape_of(4, 3, 3, 3, 3), -1, 1);
	p = batchnorm(g, "b1", node(g, MEA_OP_Conv, "c1", (int[]){x, w}, 2, &a));
	q = batchnorm(g, "b2", node(g, MEA_OP_Conv, "c2", (int[]){p, w}, 2, &a));
	mea_graph_add_output(g, p);
	finish(g, q);
	s = simplified(g);
	cr_assert_eq(count(s, MEA_OP_Conv), 2);
	mea_graph_free(g);
	mea_graph_free(s);
}

Test(onnx_passes, constants_on_the_way_are_folded)
{
	struct mea_graph *g = new_graph(), *s;
	int y;

	srand(4);
	y = input(g, "x", shape_of(4, 1, 3, 6, 6));
	y = binary(g, MEA_OP_Sub, "minus", y, constant(g, "m", shape_of(3, 3, 1, 1), 0, 1));
	y = binary(g, MEA_OP_Div, "over", y, constant(g, "d", shape_of(4, 1, 3, 1, 1), 0.5f, 1));
	y = conv(g, "c", y, 4, 3, 1, 1, 1, false);
	y = binary(g, MEA_OP_Mul, "times", constant(g, "f", shape_of(0), 2, 3), y);
	y = binary(g, MEA_OP_Sub, "from", constant(g, "k", shape_of(3, 4, 1, 1), 2, 3), y);
	y = binary(g, MEA_OP_Add, "plus", y, constant(g, "p", shape_of(1, 1), 2, 3));
	finish(g, unary(g, MEA_OP_Relu, "relu", y));
	s = simplified(g);
	cr_assert_eq(s->n_nodes, 3, "%d", s->n_nodes); /* depthwise, conv, relu */
	mea_graph_free(g);
	mea_graph_free(s);
}

/* x * clip(x + 3, 0, 6) / 6, the sixth a factor or a divisor, behind the clamp or the product. */
static int hard_swish(struct mea_graph *g, int x, bool product_last, bool factor, float three)
{
	struct mea_shape one = {0};
	struct mea_attrs a = mea_attrs_default(MEA_OP_Clip);
	float six = factor ? 1.0f / 6 : 6;
	int k = mea_graph_add_const(g, "six", MEA_F32, &one, &six);
	int y = binary(g, MEA_OP_Add, "plus", x,
		       mea_graph_add_const(g, "three", MEA_F32, &one, &three));
	enum mea_op op = factor ? MEA_OP_Mul : MEA_OP_Div;

	a.lo = 0;
	a.hi = 6;
	y = node(g, MEA_OP_Clip, "clip", &y, 1, &a);
	if (product_last)
		return binary(g, MEA_OP_Mul, "y", binary(g, op, "part", y, k), x);
	return binary(g, op, "y", binary(g, MEA_OP_Mul, "product", x, y), k);
}

Test(onnx_passes, hard_swish_from_its_parts)
{
	srand(5);
	for (int i = 0; i < 5; i++) {
		struct mea_graph *g = new_graph(), *s;
		int x = conv(g, "c", input(g, "x", shape_of(4, 1, 3, 6, 6)), 4, 3, 1, 1, 1, true);

		finish(g, hard_swish(g, x, i & 1, i & 2, i == 4 ? 2.5f : 3));
		s = simplified(g);
		if (i < 4)
			cr_expect_eq(s->n_nodes, 3, "%d: %d", i, s->n_nodes);
		else
			cr_expect_gt(s->n_nodes, 3);
		mea_graph_free(g);
		mea_graph_free(s);
	}
}

Test(onnx_passes, a_difference_is_a_sum_with_the_sign_in_the_weights)
{
	struct mea_graph *g = new_graph(), *s;
	int x;

	srand(6);
	x = conv(g, "c", input(g, "x", shape_of(4, 1, 3, 6, 6)), 3, 3, 1, 1, 1, true);
	finish(g, binary(g, MEA_OP_Sub, "y", x, conv(g, "d", x, 3, 1, 1, 0, 1, true)));
	s = simplified(g);
	cr_expect_eq(s->n_nodes, 3, "%d", s->n_nodes);
	for (int i = 0; i < s->n_nodes; i++)
		cr_expect(s->nodes[i].op == MEA_OP_Conv || s->nodes[i].op == MEA_OP_Add);
	mea_graph_free(g);
	mea_graph_free(s);
}

Test(onnx_passes, what_varies_along_pixels_is_not_folded)
{
	struct mea_graph *g = new_graph(), *s;
	int y;

	srand(5);
	y = conv(g, "c", input(g, "x", shape_of(4, 1, 3, 6, 6)), 6, 3, 1, 1, 1, true);
	y = binary(g, MEA_OP_Mul, "times", y, constant(g, "f", shape_of(1, 6), 2, 3));
	y = binary(g, MEA_OP_Add, "plus", y, constant(g, "p", shape_of(2, 6, 6), 2, 3));
	finish(g, y);
	s = simplified(g);
	cr_assert_eq(count(s, MEA_OP_Mul), 1);
	cr_assert_eq(count(s, MEA_OP_Add), 1);
	mea_graph_free(g);
	mea_graph_free(s);
}

Test(onnx_passes, a_mean_over_pixels_is_a_pool)
{
	for (int keep = 0; keep < 2; keep++) {
		for (int form = 0; form < 2; form++) {
			struct mea_graph *g = new_graph(), *s;
			struct mea_attrs a = mea_attrs_default(MEA_OP_ReduceMean);
			int x = input(g, "x", shape_of(4, 1, 3, 6, 5));

			a.n_axes = 2;
			a.axes[0] = form ? -1 : 2;
			a.axes[1] = form ? -2 : 3;
			a.keepdims = keep;
			finish(g, node(g, MEA_OP_ReduceMean, "y", &x, 1, &a));
			s = simplified(g);
			cr_assert_eq(count(s, MEA_OP_GlobalAveragePool), 1);
			cr_assert_eq(count(s, MEA_OP_Flatten), !keep);
			mea_graph_free(g);
			mea_graph_free(s);
		}
	}
}

Test(onnx_passes, products_and_shapes_take_one_form)
{
	struct mea_graph *g = new_graph(), *s;
	struct mea_attrs a = mea_attrs_default(MEA_OP_Gemm);
	struct mea_shape two = {1, {2}};
	int64_t flat[] = {1, -1};
	int y, in[3];

	srand(6);
	y = unary(g, MEA_OP_Dropout, "drop", input(g, "x", shape_of(4, 1, 3, 2, 2)));
	in[0] = y;
	in[1] = mea_graph_add_const(g, "to", MEA_I64, &two, flat);
	y = node(g, MEA_OP_Reshape, "flat", in, 2, NULL);
	y = binary(g, MEA_OP_MatMul, "mm", y, constant(g, "w1", shape_of(2, 12, 5), -1, 1));
	y = binary(g, MEA_OP_Add, "bias", y, constant(g, "b1", shape_of(1, 5), -1, 1));
	a.alpha = 0.5f;
	a.beta = 3;
	in[0] = unary(g, MEA_OP_Identity, "same", y);
	in[1] = constant(g, "w2", shape_of(2, 5, 4), -1, 1);
	in[2] = constant(g, "b2", shape_of(2, 1, 4), -1, 1);
	y = node(g, MEA_OP_Gemm, "fc", in, 3, &a);
	finish(g, unary(g, MEA_OP_Identity, "y", y));
	s = simplified(g);
	cr_assert_eq(count(s, MEA_OP_Flatten), 1);
	cr_assert_eq(count(s, MEA_OP_Gemm), 2);
	cr_assert_eq(s->n_nodes, 3, "%d", s->n_nodes);
	for (int i = 0; i < s->n_nodes; i++) {
		const struct mea_node *n = &s->nodes[i];

		if (n->op == MEA_OP_Gemm)
			cr_assert(n->a.alpha == 1 && n->a.beta == 1 && n->a.trans_b);
	}
	mea_graph_free(g);
	mea_graph_free(s);
}

Test(onnx_passes, an_input_that_is_an_output_survives)
{
	struct mea_graph *g = new_graph(), *s;
	int x = input(g, "x", shape_of(4, 1, 3, 2, 2));

	mea_graph_add_output(g, x);
	mea_graph_add_output(g, unary(g, MEA_OP_Identity, "copy", x));
	finish(g, unary(g, MEA_OP_Relu, "y", x));
	s = simplified(g);
	cr_assert_eq(s->n_outputs, 3);
	mea_graph_free(g);
	mea_graph_free(s);
}

Test(onnx_passes, a_scale_that_is_not_finite_is_an_error)
{
	struct mea_graph *g = new_graph();
	int x = input(g, "x", shape_of(4, 1, 3, 2, 2));

	finish(g, binary(g, MEA_OP_Div, "y", x, constant(g, "zero", shape_of(0), 0, 0)));
	cr_assert_eq(mea_graph_simplify(g), MEA_EINVAL);
	cr_assert(strstr(mea_errmsg(), "node y (Div)"), "%s", mea_errmsg());
	mea_graph_free(g);
}

Test(onnx_passes, shapes_computed_in_the_graph_become_constants)
{
	/* x.view(x.size(0), -1) as PyTorch writes it. */
	struct mea_graph *g = new_graph();
	struct mea_shape one = {1, {1}}, none = {0};
	struct mea_attrs a = mea_attrs_default(MEA_OP_Unsqueeze);
	int64_t zero = 0, minus = -1;
	int x = input(g, "x", shape_of(4, 1, 3, 2, 2)), y;

	y = unary(g, MEA_OP_Shape, "shape", x);
	y = binary(g, MEA_OP_Gather, "dim", y, mea_graph_add_const(g, "i", MEA_I64, &none, &zero));
	a.n_axes = 1;
	y = node(g, MEA_OP_Unsqueeze, "un", &y, 1, &a);
	a = mea_attrs_default(MEA_OP_Concat);
	y = node(g, MEA_OP_Concat, "to",
		 (int[]){y, mea_graph_add_const(g, "m", MEA_I64, &one, &minus)}, 2, &a);
	cr_assert_eq(mea_graph_infer(g, 0), 0, "%s", mea_errmsg());
	finish(g, binary(g, MEA_OP_Reshape, "y", x, y));
	cr_assert_eq(mea_graph_simplify(g), 0, "%s", mea_errmsg());
	cr_assert_eq(g->n_nodes, 1);
	cr_assert_eq(g->nodes[0].op, MEA_OP_Flatten);
	cr_assert_eq(g->values[g->nodes[0].out].shape.dim[1], 12);
	mea_graph_free(g);
}

static int padded(struct mea_graph *g, const char *name, int x, int top, int left, int bottom,
		  int right, float fill)
{
	struct mea_attrs a = mea_attrs_default(MEA_OP_Pad);

	a.pad[0] = top;
	a.pad[1] = left;
	a.pad[2] = bottom;
	a.pad[3] = right;
	a.fill = fill;
	return node(g, MEA_OP_Pad, name, &x, 1, &a);
}

Test(onnx_passes, zero_padding_goes_into_what_is_behind_it)
{
	struct mea_graph *g = new_graph(), *s;
	int x = input(g, "x", shape_of(4, 2, 3, 7, 6)), y;

	srand(9);
	y = pool(g, MEA_OP_AveragePool, "p0", padded(g, "none", x, 0, 0, 0, 0, 3), 2, 1, 0, false,
		 false);
	y = conv(g, "c", padded(g, "odd", y, 1, 0, 2, 3, 0), 4, 3, 1, 1, 1, true);
	y = pool(g, MEA_OP_AveragePool, "p1", padded(g, "even", y, 1, 1, 1, 1, 0), 3, 2, 0, false,
		 false);
	finish(g, y);
	s = simplified(g);
	cr_assert_eq(count(s, MEA_OP_Pad), 0);
	cr_assert_eq(s->n_nodes, 3);
	mea_graph_free(g);
	mea_graph_free(s);
}

Test(onnx_passes, padding_that_would_change_results_stays)
{
	struct mea_graph *g = new_graph(), *s;
	int x = input(g, "x", shape_of(4, 1, 3, 6, 6)), y, shared;

	srand(10);
	y = conv(g, "c0", padded(g, "ones", x, 1, 1, 1, 1, 1), 4, 3, 1, 0, 1, true);
	y = pool(g, MEA_OP_MaxPool, "p", padded(g, "max", y, 0, 1, 0, 1, 0), 2, 1, 0, false, false);
	shared = padded(g, "shared", y, 1, 1, 1, 1, 0);
	y = binary(g, MEA_OP_Add, "sum", conv(g, "c1", shared, 4, 3, 1, 1, 1, true), shared);
	/* Windows that leave out their own padding still count the Pad's. */
	y = pool(g, MEA_OP_AveragePool, "q", padded(g, "outer", y, 1, 1, 1, 1, 0), 3, 1, 1, false,
		 false);
	finish(g, y);
	s = simplified(g);
	cr_assert_eq(count(s, MEA_OP_Pad), 4);
	mea_graph_free(g);
	mea_graph_free(s);
}
