// SPDX-License-Identifier: Apache-2.0
/* The float executor where ONNX's own node tests do not reach: random shapes
 * against naive loops, the order of additions, and errors that only data shows. */
#include "graph_build.h"

#include <math.h>

#include "graph/eval.h"

static float *run(const struct mea_graph *g, struct mea_eval **e, const float *x)
{
	const void *in[1] = {x};

	cr_assert_eq(mea_eval_new(g, e), 0);
	cr_assert_eq(mea_eval_run(*e, in), 0, "%s", mea_errmsg());
	return mea_eval_value(*e, g->outputs[0]).data;
}

static float *random_floats(size_t n)
{
	float *x = malloc(sizeof(*x) * (n + 1));

	for (size_t i = 0; i < n; i++)
		x[i] = frand(-1, 1);
	return x;
}

Test(onnx_eval, products_add_in_one_order_whatever_the_cpu)
{
	srand(1);
	for (int i = 0; i < 200; i++) {
		int rows = 1 + rand() % 9, cols = 1 + rand() % 70, inner = rand() % 50;
		float *a = random_floats((size_t)(rows * inner));
		float *b = random_floats((size_t)(inner * cols));
		float *y = random_floats((size_t)(rows * cols));
		float *want = malloc(sizeof(*want) * (size_t)(rows * cols));

		memcpy(want, y, sizeof(*want) * (size_t)(rows * cols));
		for (int r = 0; r < rows; r++) {
			for (int c = 0; c < cols; c++) {
				for (int k = 0; k < inner; k++) {
					/* Through memory: no fused multiply-add. */
					volatile float p = a[r * inner + k] * b[k * cols + c];

					want[r * cols + c] += p;
				}
			}
		}
		mea_gemm_f32(rows, cols, inner, a, (size_t)inner, b, (size_t)cols, y, (size_t)cols);
		cr_assert_arr_eq(y, want, sizeof(*y) * (size_t)(rows * cols), "%dx%dx%d", rows,
				 inner, cols);
		free(a);
		free(b);
		free(y);
		free(want);
	}
}

struct size {
	int c, h, w, oc, groups;
	struct mea_attrs a;
};

static struct size random_size(void)
{
	struct size s = {.h = 1 + rand() % 40, .w = 1 + rand() % 40, .groups = 1 + rand() % 3};

	s.c = s.groups * (1 + rand() % 4);
	s.oc = s.groups * (1 + rand() % 6);
	s.a = mea_attrs_default(MEA_OP_Conv);
	s.a.group = s.groups;
	for (int i = 0; i < 2; i++) {
		s.a.kernel[i] = 1 + rand() % 3;
		s.a.stride[i] = 1 + rand() % 3;
		s.a.dilation[i] = 1 + rand() % 2;
	}
	for (int i = 0; i < 4; i++)
		s.a.pad[i] = 2 + rand() % 3;
	return s;
}

static double naive_conv(const struct size *s, const float *x, const float *w, int oc, int64_t oy,
			 int64_t ox)
{
	int icg = s->c / s->groups, first = oc / (s->oc / s->groups) * icg;
	double sum = 0;

	for (int c = 0; c < icg; c++) {
		for (int64_t ky = 0; ky < s->a.kernel[0]; ky++) {
			for (int64_t kx = 0; kx < s->a.kernel[1]; kx++) {
				int64_t y =
					oy * s->a.stride[0] + ky * s->a.dilation[0] - s->a.pad[0];
				int64_t i =
					ox * s->a.stride[1] + kx * s->a.dilation[1] - s->a.pad[1];

				if (y < 0 || y >= s->h || i < 0 || i >= s->w)
					continue;
				sum += (double)x[((first + c) * s->h + y) * s->w + i] *
				       (double)w[((oc * icg + c) * s->a.kernel[0] + ky) *
							 s->a.kernel[1] +
						 kx];
			}
		}
	}
	return sum;
}

Test(onnx_eval, conv_equals_the_naive_one)
{
	srand(2);
	for (int i = 0; i < 100; i++) {
		struct size s = random_size();
		struct mea_graph *g = new_graph();
		int x = input(g, "x", shape_of(4, 1, s.c, s.h, s.w)), w;
		struct mea_eval *e;
		struct mea_shape *ys;
		float *in = random_floats((size_t)(s.c * s.h * s.w)), *y;

		w = constant(g, "w",
			     shape_of(4, s.oc, s.c / s.groups, (int)s.a.kernel[0],
				      (int)s.a.kernel[1]),
			     -1, 1);
		finish(g, node(g, MEA_OP_Conv, "y", (int[]){x, w}, 2, &s.a));
		y = run(g, &e, in);
		ys = &g->values[g->outputs[0]].shape;
		for (int oc = 0; oc < s.oc; oc++)
			for (int64_t oy = 0; oy < ys->dim[2]; oy++)
				for (int64_t ox = 0; ox < ys->dim[3]; ox++, y++) {
					double want =
						naive_conv(&s, in, g->values[w].data, oc, oy, ox);

					cr_assert(fabs(*y - want) < 1e-4, "%g, not %g", (double)*y,
						  want);
				}
		free(in);
		mea_eval_free(e);
		mea_graph_free(g);
	}
}

Test(onnx_eval, shapes_change_and_elements_stay)
{
	const int64_t to[] = {0, -1, 2};
	struct mea_shape three = {1, {3}};
	struct mea_attrs a = mea_attrs_default(MEA_OP_Squeeze);
	struct mea_graph *g = new_graph();
	struct mea_eval *e;
	float x[24], *y;
	int v = input(g, "x", shape_of(4, 2, 3, 1, 4));

	a.n_axes = 1;
	a.axes[0] = -2;
	v = node(g, MEA_OP_Squeeze, "squeezed", &v, 1, &a);
	cr_assert_eq(g->values[v].shape.rank, 3);
	v = binary(g, MEA_OP_Reshape, "reshaped", v,
		   mea_graph_add_const(g, "to", MEA_I64, &three, to));
	cr_assert_eq(g->values[v].shape.dim[1], 6);
	a.n_axes = 2;
	a.axes[0] = 0;
	a.axes[1] = -1;
	v = node(g, MEA_OP_Unsqueeze, "y", &v, 1, &a);
	cr_assert_eq(g->values[v].shape.rank, 5);
	finish(g, v);
	for (int i = 0; i < 24; i++)
		x[i] = (float)i;
	y = run(g, &e, x);
	cr_assert_arr_eq(x, y, sizeof(x));
	mea_eval_free(e);
	mea_graph_free(g);
}

Test(onnx_eval, casts_saturate_and_truncate)
{
	const float x[] = {2.9f, -2.9f, 1e30f, -1e30f, NAN, 0};
	const int64_t want[] = {2, -2, INT64_MAX, INT64_MIN, 0, 0};
	struct mea_attrs a = mea_attrs_default(MEA_OP_Cast);
	struct mea_graph *g = new_graph();
	struct mea_eval *e;
	int v = input(g, "x", shape_of(1, 6));

	a.to = MEA_I64;
	finish(g, node(g, MEA_OP_Cast, "y", &v, 1, &a));
	cr_assert_arr_eq((int64_t *)(void *)run(g, &e, x), want, sizeof(want));
	mea_eval_free(e);
	mea_graph_free(g);
}

/* Runs a graph with inputs x and i (int64) and expects an error with this word. */
static void fails(struct mea_graph *g, const float *x, const int64_t *i, const char *word)
{
	const void *in[2] = {x, i};
	struct mea_eval *e;

	cr_assert_eq(mea_eval_new(g, &e), 0);
	cr_assert_eq(mea_eval_run(e, in), MEA_EINVAL);
	cr_assert(strstr(mea_errmsg(), "test.onnx: node y"), "%s", mea_errmsg());
	cr_assert(strstr(mea_errmsg(), word), "%s", mea_errmsg());
	mea_eval_free(e);
	mea_graph_free(g);
}

Test(onnx_eval, bad_data_is_an_error_that_names_the_node)
{
	struct mea_shape one = {1, {1}};
	struct mea_graph *g = new_graph();
	const float x[3] = {1, 2, 3}, negative = -1;
	int64_t i = 3;
	int a = input(g, "x", shape_of(1, 3)), b;

	b = mea_graph_add_input(g, "i", MEA_I64, &one);
	finish(g, binary(g, MEA_OP_Gather, "y", a, b));
	fails(g, x, &i, "index 3 is outside 3");
	g = new_graph();
	a = mea_graph_add_input(g, "x", MEA_I64, &one);
	b = mea_graph_add_input(g, "i", MEA_I64, &one);
	finish(g, binary(g, MEA_OP_Div, "y", a, b));
	i = 0;
	fails(g, (const float *)(const void *)&i, &i, "division by zero");
	g = new_graph();
	a = input(g, "x", shape_of(1, 3));
	b = mea_graph_add_const(g, "s", MEA_F32, &one, &negative);
	finish(g, binary(g, MEA_OP_QuantizeLinear, "y", a, b));
	fails(g, x, &i, "scale -1");
}
