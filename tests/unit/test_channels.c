// SPDX-License-Identifier: Apache-2.0
/* Split, Slice and channel shuffles: their parts, the one Gather that they become, and layers. */
#include "graph_build.h"

#include "graph/eval.h"
#include "graph/lower.h"

static int split(struct mea_graph *g, const char *name, int x, int axis, int i, int n,
		 const int64_t *sizes)
{
	struct mea_attrs a = mea_attrs_default(MEA_OP_Split);

	a.axis = axis;
	a.start = i;
	a.end = n;
	a.n_axes = sizes ? n : -1;
	for (int k = 0; sizes && k < n; k++)
		a.axes[k] = sizes[k];
	return node(g, MEA_OP_Split, name, &x, 1, &a);
}

/* Element i of the only output, for an input whose element i is i. */
static float *numbers(const struct mea_graph *g)
{
	size_t n = mea_shape_count(&g->values[g->inputs[0]].shape);
	float *x = malloc(sizeof(*x) * n), *y;
	const void *in[1] = {x};
	struct mea_tensor t;
	struct mea_eval *e;

	for (size_t i = 0; i < n; i++)
		x[i] = (float)i;
	cr_assert_eq(mea_eval_new(g, &e), 0);
	cr_assert_eq(mea_eval_run(e, in), 0, "%s", mea_errmsg());
	t = mea_eval_value(e, g->outputs[0]);
	y = malloc(sizeof(*y) * (mea_shape_count(&t.shape) + 1));
	memcpy(y, t.data, sizeof(*y) * mea_shape_count(&t.shape));
	mea_eval_free(e);
	free(x);
	return y;
}

Test(channels, parts_are_even_or_as_told)
{
	static const int64_t sizes[] = {1, 4, 2};
	static const struct {
		const int64_t *sizes;
		int axis, n, i, first, count;
	} cases[] = {{NULL, 1, 3, 0, 0, 3},  {NULL, 1, 3, 2, 6, 1},  {NULL, -1, 7, 6, 6, 1},
		     {sizes, 1, 3, 0, 0, 1}, {sizes, 1, 3, 1, 1, 4}, {sizes, 1, 3, 2, 5, 2}};

	for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
		struct mea_graph *g = new_graph();
		int x = input(g, "x", shape_of(2, 1, 7));
		float *y;

		x = split(g, "y", x, cases[k].axis, cases[k].i, cases[k].n, cases[k].sizes);
		cr_expect_eq(g->values[x].shape.dim[1], cases[k].count);
		finish(g, x);
		y = numbers(g);
		for (int i = 0; i < cases[k].count; i++)
			cr_expect_eq(y[i], (float)(cases[k].first + i));
		free(y);
		mea_graph_free(g);
	}
}

static void bad_split(int n, const int64_t *sizes, const char *why)
{
	struct mea_graph *g = new_graph();
	struct mea_attrs a = mea_attrs_default(MEA_OP_Split);
	int x = input(g, "x", shape_of(2, 1, 7));
	struct mea_shape s;
	enum mea_dtype type;

	a.axis = 1;
	a.end = n;
	a.n_axes = sizes ? 2 : -1;
	for (int k = 0; sizes && k < 2; k++)
		a.axes[k] = sizes[k];
	cr_assert(mea_graph_add_node(g, MEA_OP_Split, "s", &x, 1, x, &a) >= 0);
	cr_expect(mea_node_infer(g, &g->nodes[0], &type, &s) < 0, "%s", why);
	cr_expect(strstr(mea_errmsg(), why), "%s", mea_errmsg());
	mea_graph_free(g);
}

Test(channels, parts_that_do_not_fit_are_refused)
{
	bad_split(0, NULL, "0 parts are not 1 to");
	bad_split(5000, NULL, "5000 parts are not");
	bad_split(5, NULL, "part 4 has -1 of 7");
	bad_split(2, (const int64_t[]){3, 3}, "the parts have 6 of 7");
	bad_split(2, (const int64_t[]){8, -1}, "part 0 has 8 of 7");
	bad_split(3, (const int64_t[]){3, 4}, "2 sizes for 3 parts");
}

static int to_shape(struct mea_graph *g, const char *name, int x, struct mea_shape to)
{
	struct mea_shape s = shape_of(1, to.rank);
	char text[40];

	snprintf(text, sizeof(text), "%s_to", name);
	return binary(g, MEA_OP_Reshape, name, x,
		      mea_graph_add_const(g, text, MEA_I64, &s, to.dim));
}

/* Channels of groups as rows, transposed, as rows again; by_rank: the dimensions in between. */
static int shuffle(struct mea_graph *g, const char *name, int x, int groups, bool rank3)
{
	const struct mea_shape s = g->values[x].shape;
	struct mea_attrs a = mea_attrs_default(MEA_OP_Transpose);
	int c = (int)s.dim[1] / groups, plane = (int)(s.dim[2] * s.dim[3]);
	char text[40];

	snprintf(text, sizeof(text), "%s_a", name);
	x = to_shape(g, text, x,
		     rank3 ? shape_of(3, groups, c, plane)
			   : shape_of(5, 1, groups, c, (int)s.dim[2], (int)s.dim[3]));
	a.n_axes = rank3 ? 3 : 5;
	for (int i = 0; i < a.n_axes; i++)
		a.axes[i] = rank3 ? (int[]){1, 0, 2}[i] : (int[]){0, 2, 1, 3, 4}[i];
	snprintf(text, sizeof(text), "%s_t", name);
	x = node(g, MEA_OP_Transpose, text, &x, 1, &a);
	return to_shape(g, name, x, s);
}

static void one_gather(int output, struct mea_graph *g, const int *channels, int n)
{
	float *y;

	finish(g, output);
	cr_assert_eq(mea_graph_simplify(g), 0, "%s", mea_errmsg());
	cr_assert_eq(g->n_nodes, channels ? 1 : 0);
	cr_assert(!channels || g->nodes[0].op == MEA_OP_Gather);
	y = channels ? numbers(g) : NULL;
	for (int i = 0; channels && i < 4 * n; i++)
		cr_expect_eq(y[i], (float)(4 * channels[i / 4] + i % 4));
	free(y);
	mea_graph_free(g);
}

Test(channels, a_chain_of_moves_is_one_gather)
{
	struct mea_graph *g;
	int x;

	for (int rank3 = 0; rank3 < 2; rank3++) {
		g = new_graph();
		x = shuffle(g, "s", input(g, "x", shape_of(4, 1, 6, 2, 2)), 2, rank3);
		one_gather(x, g, (const int[]){0, 3, 1, 4, 2, 5}, 6);
		g = new_graph();
		x = shuffle(g, "s", input(g, "x", shape_of(4, 1, 6, 2, 2)), 2, rank3);
		one_gather(split(g, "p", x, 1, 1, 2, NULL), g, (const int[]){4, 2, 5}, 3);
	}
	g = new_graph();
	x = split(g, "p", input(g, "x", shape_of(4, 1, 6, 2, 2)), 1, 1, 3, NULL);
	one_gather(split(g, "q", x, 1, 1, 2, NULL), g, (const int[]){3}, 1);
}

Test(channels, moves_of_pixels_stay)
{
	struct mea_graph *g = new_graph();
	struct mea_attrs a = mea_attrs_default(MEA_OP_Transpose);
	int x = input(g, "x", shape_of(4, 1, 2, 2, 2));

	a.n_axes = 4;
	for (int i = 0; i < 4; i++)
		a.axes[i] = (int[]){0, 2, 1, 3}[i];
	finish(g, node(g, MEA_OP_Transpose, "t", &x, 1, &a));
	cr_assert_eq(mea_graph_simplify(g), 0, "%s", mea_errmsg());
	cr_expect_eq(g->nodes[0].op, MEA_OP_Transpose);
	mea_graph_free(g);

	g = new_graph();
	x = input(g, "x", shape_of(4, 1, 2, 4, 4));
	finish(g, split(g, "s", x, 2, 0, 2, NULL));
	cr_assert_eq(mea_graph_simplify(g), 0, "%s", mea_errmsg());
	cr_expect_eq(g->nodes[0].op, MEA_OP_Split);
	mea_graph_free(g);
}

/* --- QDQ as ONNX Runtime writes it: a pair behind each move ------------------------------ */

static int qdq(struct mea_graph *g, const char *name, int x, float scale)
{
	struct mea_shape scalar = {0};
	int8_t zero = 3;
	char text[40];
	int in[3] = {x};

	in[1] = mea_graph_add_const(g, "scale", MEA_F32, &scalar, &scale);
	in[2] = mea_graph_add_const(g, "zero", MEA_I8, &scalar, &zero);
	snprintf(text, sizeof(text), "%s_q", name);
	in[0] = node(g, MEA_OP_QuantizeLinear, text, in, 3, NULL);
	snprintf(text, sizeof(text), "%s_dq", name);
	return node(g, MEA_OP_DequantizeLinear, text, in, 3, NULL);
}

static int quantised_conv(struct mea_graph *g, int x, int oc)
{
	int ic = (int)g->values[x].shape.dim[1], in[2];
	struct mea_shape shape = shape_of(4, oc, ic, 1, 1), scalar = {0};
	int8_t *w = malloc((size_t)(oc * ic));
	float scale = 0.01f;

	for (int i = 0; i < oc * ic; i++)
		w[i] = (int8_t)(i + 1);
	in[0] = mea_graph_add_const(g, "w", MEA_I8, &shape, w);
	in[1] = mea_graph_add_const(g, "w_scale", MEA_F32, &scalar, &scale);
	free(w);
	in[1] = node(g, MEA_OP_DequantizeLinear, "w_dq", in, 2, NULL);
	in[0] = x;
	return node(g, MEA_OP_Conv, "conv", in, 2, NULL);
}

/* moved: by what the middle pair scales. */
static struct mea_qnet *half_of(float moved)
{
	struct mea_graph *g = new_graph();
	int x = qdq(g, "x", input(g, "x", shape_of(4, 1, 4, 2, 2)), 0.1f), s;
	struct mea_qnet *net;

	s = qdq(g, "s", shuffle(g, "s", x, 2, false), 0.1f * moved);
	s = qdq(g, "p", split(g, "p", s, 1, 1, 2, NULL), 0.1f * moved);
	x = qdq(g, "y", quantised_conv(g, s, 3), 0.2f);
	mea_graph_add_output(g, s);
	finish(g, x);
	cr_assert_eq(mea_qnet_from_graph(g, &net), 0, "%s", mea_errmsg());
	mea_graph_free(g);
	return net;
}

Test(channels, a_convolution_reads_them_in_place)
{
	struct mea_qnet *net = half_of(1);
	const struct mea_qlayer *l = net->layers;

	/* The part that is an output is copied; the convolution reads channels 1 and 3 of x. */
	cr_assert_eq(net->n_layers, 2);
	cr_expect_eq(l[0].in, net->inputs[0]);
	cr_expect_eq(l[1].in, net->inputs[0]);
	for (int i = 0; i < 2; i++)
		if (net->tensors[l[i].out].c == 3) {
			cr_expect(!memcmp(l[i].weights, "\0\1\0\2\0\3\0\4\0\5\0\6", 12));
			/* 3 channels of 2 x 2 from 2 */
			cr_expect_eq(mea_qlayer_macs(net, &l[i]), 3 * 4 * 2);
		} else {
			cr_expect(!memcmp(l[i].weights, "\0\1\0\0\0\0\0\1", 8));
			cr_expect_eq(mea_qlayer_macs(net, &l[i]), 0);
		}
	mea_qnet_free(net);
}

Test(channels, a_change_of_scale_on_the_way_is_a_layer)
{
	struct mea_qnet *net = half_of(2);

	cr_assert_gt(net->n_layers, 2);
	mea_qnet_free(net);
}
