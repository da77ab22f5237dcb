// SPDX-License-Identifier: Apache-2.0
/* What is written can be read again and means the same. */
#include "graph_build.h"

#include <glob.h>

#include "graph/eval.h"

static struct mea_graph *again(const struct mea_graph *g)
{
	struct mea_graph *r;
	void *data;
	size_t size;

	cr_assert_eq(mea_graph_pack(g, &data, &size), 0, "%s", mea_errmsg());
	cr_assert_eq(mea_graph_parse(data, size, "again.onnx", NULL, &r), 0, "%s", mea_errmsg());
	free(data);
	return r;
}

/* Both graphs on one random input: every output equal to the last bit. */
static void same_results(const struct mea_graph *a, const struct mea_graph *b)
{
	size_t n = mea_shape_count(&a->values[a->inputs[0]].shape);
	float *x = malloc(sizeof(*x) * n);
	struct mea_eval *ea, *eb;
	const void *in[1] = {x};

	for (size_t i = 0; i < n; i++)
		x[i] = frand(-2, 2);
	cr_assert_eq(mea_eval_new(a, &ea), 0);
	cr_assert_eq(mea_eval_new(b, &eb), 0);
	cr_assert_eq(mea_eval_run(ea, in), 0, "%s", mea_errmsg());
	cr_assert_eq(mea_eval_run(eb, in), 0, "%s", mea_errmsg());
	cr_assert_eq(a->n_outputs, b->n_outputs);
	for (int i = 0; i < a->n_outputs; i++) {
		struct mea_tensor ta = mea_eval_value(ea, a->outputs[i]);
		struct mea_tensor tb = mea_eval_value(eb, b->outputs[i]);

		cr_assert(mea_shape_equal(&ta.shape, &tb.shape));
		cr_assert_arr_eq(ta.data, tb.data,
				 mea_shape_count(&ta.shape) * mea_dtype_size(ta.type));
		cr_assert_str_eq(a->values[a->outputs[i]].name, b->values[b->outputs[i]].name);
	}
	mea_eval_free(ea);
	mea_eval_free(eb);
	free(x);
}

/* Every operation that a float model may have, in one line. */
static struct mea_graph *everything(void)
{
	struct mea_graph *g = new_graph();
	struct mea_attrs a = mea_attrs_default(MEA_OP_Conv);
	int x = input(g, "x", shape_of(4, 1, 4, 9, 9)), y, bn[5], perm;

	y = conv(g, "c1", x, 6, 3, 2, 1, 2, true);
	bn[0] = y;
	bn[1] = constant(g, "gamma", shape_of(1, 6), 0.5f, 2);
	bn[2] = constant(g, "beta", shape_of(1, 6), -1, 1);
	bn[3] = constant(g, "mean", shape_of(1, 6), -1, 1);
	bn[4] = constant(g, "var", shape_of(1, 6), 0.5f, 2);
	y = node(g, MEA_OP_BatchNormalization, "bn", bn, 5, NULL);
	y = unary(g, MEA_OP_Relu, "relu", y);
	y = pool(g, MEA_OP_MaxPool, "max", y, 2, 1, 1, true, false);
	y = pool(g, MEA_OP_AveragePool, "avg", y, 3, 2, 1, false, true);
	y = binary(g, MEA_OP_Mul, "mul", y, constant(g, "m", shape_of(3, 6, 1, 1), -1, 1));
	y = binary(g, MEA_OP_Sub, "sub", y, constant(g, "s", shape_of(0), -1, 1));
	y = binary(g, MEA_OP_Div, "div", y, constant(g, "d", shape_of(1, 1), 1, 2));
	y = binary(g, MEA_OP_Add, "add", y, y);
	a = mea_attrs_default(MEA_OP_Clip);
	a.lo = -0.5f;
	y = node(g, MEA_OP_Clip, "clip", &y, 1, &a);
	a = mea_attrs_default(MEA_OP_Transpose);
	a.n_axes = 4;
	for (int i = 0; i < 4; i++)
		a.axes[i] = (int[]){0, 2, 3, 1}[i];
	perm = node(g, MEA_OP_Transpose, "perm", &y, 1, &a);
	mea_graph_add_output(g, perm);
	a = mea_attrs_default(MEA_OP_Concat);
	a.axis = 1;
	y = node(g, MEA_OP_Concat, "cat", (int[]){y, y}, 2, &a);
	mea_graph_add_output(g, unary(g, MEA_OP_GlobalMaxPool, "gmax", y));
	y = unary(g, MEA_OP_GlobalAveragePool, "gavg", y);
	a = mea_attrs_default(MEA_OP_Squeeze);
	a.n_axes = 2;
	a.axes[0] = 2;
	a.axes[1] = 3;
	y = node(g, MEA_OP_Squeeze, "squeeze", &y, 1, &a);
	a.n_axes = 1;
	mea_graph_add_output(g, node(g, MEA_OP_Unsqueeze, "unsqueeze", &y, 1, &a));
	y = gemm(g, "fc", y, 7, true);
	y = binary(g, MEA_OP_MatMul, "mm", y, constant(g, "mw", shape_of(2, 7, 5), -1, 1));
	finish(g, unary(g, MEA_OP_Softmax, "prob", y));
	return g;
}

Test(onnx_write, every_operation_survives_the_round_trip)
{
	struct mea_graph *g, *r, *rr;

	srand(3);
	g = everything();
	r = again(g);
	rr = again(r);
	cr_assert_eq(g->n_nodes, r->n_nodes);
	for (int i = 0; i < 5; i++) {
		same_results(g, r);
		same_results(g, rr);
	}
	mea_graph_free(g);
	mea_graph_free(r);
	mea_graph_free(rr);
}

Test(onnx_write, writing_is_deterministic_and_a_fixed_point)
{
	struct mea_graph *g, *r;
	void *a, *b;
	size_t na, nb;

	srand(4);
	g = everything();
	r = again(g);
	cr_assert_eq(mea_graph_pack(r, &a, &na), 0);
	mea_graph_free(g);
	g = again(r);
	cr_assert_eq(mea_graph_pack(g, &b, &nb), 0);
	cr_assert_eq(na, nb);
	cr_assert_arr_eq(a, b, na);
	free(a);
	free(b);
	mea_graph_free(g);
	mea_graph_free(r);
}

/* ONNX Runtime refuses a model with two nodes of one name. */
static void names_differ(const struct mea_graph *g)
{
	for (int i = 0; i < g->n_nodes; i++)
		for (int k = 0; k < i; k++)
			cr_assert_str_neq(g->nodes[i].name, g->nodes[k].name, "nodes %d and %d: %s",
					  k, i, g->nodes[i].name);
}

Test(onnx_write, no_two_nodes_have_one_name)
{
	static const char *const names[] = {"a", "a", "a_2", "a", "a_3", "b"};
	struct mea_graph *g = new_graph(), *r;
	int y = input(g, "x", shape_of(1, 4));

	for (int i = 0; i < 6; i++) {
		y = unary(g, MEA_OP_Relu, (char[]){(char)('p' + i), 0}, y);
		free(g->nodes[i].name);
		g->nodes[i].name = strdup(names[i]);
	}
	finish(g, y);
	r = again(g);
	cr_assert_eq(r->n_nodes, 6);
	names_differ(r);
	cr_assert_str_eq(r->nodes[0].name, "a");
	cr_assert_str_eq(r->nodes[1].name, "a_2");
	cr_assert_str_eq(r->nodes[5].name, "b");
	mea_graph_free(r);
	mea_graph_free(g);
}

Test(onnx_write, no_two_nodes_of_a_shipped_file_have_one_name)
{
	glob_t found;

	cr_assert_eq(glob("models/*/*.onnx", 0, NULL, &found), 0);
	cr_assert(found.gl_pathc >= 16, "%zu files in models", found.gl_pathc);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct mea_graph *g;

		cr_assert_eq(mea_graph_load(found.gl_pathv[i], NULL, &g), 0, "%s", mea_errmsg());
		names_differ(g);
		mea_graph_free(g);
	}
	globfree(&found);
}

Test(onnx_write, an_open_batch_stays_open)
{
	struct mea_graph *g = new_graph(), *r;
	int x = input(g, "x", shape_of(2, 1, 5));

	g->values[x].dynamic = true;
	finish(g, unary(g, MEA_OP_Relu, "y", x));
	r = again(g);
	cr_assert(r->values[r->inputs[0]].dynamic);
	cr_assert_eq(r->values[r->inputs[0]].shape.dim[0], 1);
	mea_graph_free(g);
	mea_graph_free(r);
}

Test(onnx_write, a_file_appears_whole_or_not_at_all)
{
	struct mea_graph *g = new_graph(), *r;
	char path[] = "/tmp/mea-test-XXXXXX";
	int fd = mkstemp(path);

	cr_assert(fd >= 0);
	finish(g, unary(g, MEA_OP_Relu, "y", input(g, "x", shape_of(2, 1, 5))));
	cr_assert_eq(mea_graph_write(g, path), 0, "%s", mea_errmsg());
	cr_assert_eq(mea_graph_load(path, NULL, &r), 0, "%s", mea_errmsg());
	mea_graph_free(r);
	cr_assert_eq(mea_graph_write(g, "/no/such/folder/m.onnx"), MEA_EIO);
	cr_assert(strstr(mea_errmsg(), "/no/such/folder/m.onnx"));
	mea_graph_free(g);
	remove(path);
}
