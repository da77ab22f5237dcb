// SPDX-License-Identifier: Apache-2.0
/* Operations on integers, as ONNX Runtime's quantiser writes them, with results by hand. */
#include "graph_build.h"

#include "backend/backend.h"
#include "graph/eval.h"
#include "graph/lower.h"
#include "wire_build.h"

#define UINT8 2
#define INT8  3
#define INT32 6

/* An initialiser of n elements. */
static void numbers(struct mea_wire *w, const char *name, int type, int n, const int64_t *dim,
		    const void *raw, size_t size)
{
	mea_wire_open(w, "initializer");
	for (int i = 0; i < n; i++)
		mea_wire_int(w, "dims", dim[i]);
	mea_wire_int(w, "data_type", type);
	mea_wire_string(w, "name", name);
	mea_wire_bytes(w, "raw_data", raw, size);
	mea_wire_close(w);
}

/* Scale NAME_s and zero point NAME_z of uint8. */
static void params(struct mea_wire *w, const char *name, float scale, uint8_t zero)
{
	char text[32];

	snprintf(text, sizeof(text), "%s_s", name);
	numbers(w, text, FLOAT, 0, NULL, &scale, sizeof(scale));
	snprintf(text, sizeof(text), "%s_z", name);
	numbers(w, text, UINT8, 0, NULL, &zero, sizeof(zero));
}

static void open_contrib(struct mea_wire *w, const char *op, const char *name, const char *in,
			 const char *out)
{
	open_node(w, op, name, in, out);
	mea_wire_string(w, "domain", "com.microsoft");
}

/*
 * 1x2x1x2 -> QLinearConv of 1x1 -> twice itself -> mean -> QGemm -> 1x1. Every number is a multiple
 * of its scale, so nothing is rounded.
 */
static struct mea_wire network(const char *conv_inputs)
{
	const float w_scale[] = {0.25f, 0.5f}, gemm_scale = 0.5f;
	const int8_t w_data[] = {2, -1, 3, 4}, gemm_data[] = {1, 2}, zero = 0;
	const int32_t bias[] = {8, -4}, gemm_bias = 16;
	struct mea_wire w = begin(13);

	info(&w, "input", "x", DIMS(1, 2, 1, 2));
	info(&w, "output", "y", DIMS(1, 1));
	params(&w, "x", 0.5f, 128);
	params(&w, "c", 0.125f, 100);
	params(&w, "a", 0.25f, 120);
	params(&w, "m", 0.125f, 100);
	params(&w, "g", 0.0625f, 0);
	numbers(&w, "w", INT8, DIMS(2, 2, 1, 1), w_data, sizeof(w_data));
	numbers(&w, "w_s", FLOAT, DIMS(2), w_scale, sizeof(w_scale));
	numbers(&w, "w_z", INT8, DIMS(2), (int8_t[2]){0}, 2);
	numbers(&w, "b", INT32, DIMS(2), bias, sizeof(bias));
	numbers(&w, "v", INT8, DIMS(1, 2), gemm_data, sizeof(gemm_data));
	numbers(&w, "v_s", FLOAT, 0, NULL, &gemm_scale, sizeof(gemm_scale));
	numbers(&w, "v_z", INT8, 0, NULL, &zero, 1);
	numbers(&w, "d", INT32, DIMS(1), &gemm_bias, sizeof(gemm_bias));
	simple_node(&w, "QuantizeLinear", "quantise", "x x_s x_z", "xq");
	simple_node(&w, "QLinearConv", "conv", conv_inputs, "cq");
	open_contrib(&w, "QLinearAdd", "add", "cq c_s c_z cq c_s c_z a_s a_z", "aq");
	mea_wire_close(&w);
	open_contrib(&w, "QLinearGlobalAveragePool", "mean", "aq a_s a_z m_s m_z", "mq");
	mea_wire_close(&w);
	simple_node(&w, "Flatten", "flat", "mq", "fq");
	open_contrib(&w, "QGemm", "gemm", "fq m_s m_z v v_s v_z d g_s g_z", "gq");
	mea_wire_open(&w, "attribute");
	mea_wire_string(&w, "name", "transB");
	mea_wire_int(&w, "i", 1);
	mea_wire_int(&w, "type", 2);
	mea_wire_close(&w);
	mea_wire_close(&w);
	simple_node(&w, "DequantizeLinear", "end", "gq g_s g_z", "y");
	mea_wire_close(&w);
	return w;
}

#define CONV "xq x_s x_z w w_s w_z c_s c_z b"

/* Output 0 of net on the bytes of input 0, both of int8 in NHWC. */
static void run(const struct mea_qnet *net, const int8_t *x, int8_t *y)
{
	const struct mea_backend_ops *ops = &mea_backend_ref;
	struct mea_buf *in, *out;
	struct mea_backend *b;
	struct mea_exec *e;
	struct mea_job *job;

	cr_assert_eq(ops->open("", &b), 0);
	cr_assert_eq(ops->prepare(b, net, &e), 0, "%s", mea_errmsg());
	cr_assert_eq(ops->buf_alloc(e, true, 0, &in), 0);
	cr_assert_eq(ops->buf_alloc(e, false, 0, &out), 0);
	cr_assert_eq(ops->buf_write(in, x), 0);
	cr_assert_eq(ops->submit(e, &in, &out, &job), 0);
	cr_assert_eq(ops->wait(job, -1, NULL), 0);
	cr_assert_eq(ops->buf_read(out, y), 0);
	ops->buf_free(in);
	ops->buf_free(out);
	ops->release(e);
	ops->close(b);
}

Test(onnx_qop, a_network_of_integer_operations)
{
	/* Conv: 1.375, -0.75 and 1.5, 2; mean of the double: 0.625 and 3.5; then 0.5 and 1 of them
	 * and 1. */
	const float x[] = {1, -2, 0.5f, 3};
	const void *in[] = {x};
	struct mea_wire w = network(CONV);
	struct mea_qnet *net;
	struct mea_graph *g;
	struct mea_eval *e;
	int8_t y;

	cr_assert_eq(mea_graph_parse(w.data, w.size, "q.onnx", NULL, &g), 0, "%s", mea_errmsg());
	cr_assert_eq(mea_eval_new(g, &e), 0);
	cr_assert_eq(mea_eval_run(e, in), 0, "%s", mea_errmsg());
	cr_assert_eq(*(const float *)mea_eval_value(e, g->outputs[0]).data, 4.8125f);
	mea_eval_free(e);
	cr_assert_eq(mea_qnet_from_graph(g, &net), 0, "%s", mea_errmsg());
	run(net, (int8_t[]){2, 1, -4, 6}, &y);
	cr_assert_eq(y, 77 - 128);
	mea_qnet_free(net);
	mea_graph_free(g);
	free(w.data);
}

static void refused(struct mea_wire *w, const char *a, const char *b)
{
	struct mea_qnet *net = NULL;
	struct mea_graph *g = NULL;
	int rc = mea_graph_parse(w->data, w->size, "q.onnx", NULL, &g);

	if (!rc)
		rc = mea_qnet_from_graph(g, &net);
	cr_assert_lt(rc, 0);
	cr_assert(strstr(mea_errmsg(), "q.onnx: "), "%s", mea_errmsg());
	cr_assert(strstr(mea_errmsg(), a), "no \"%s\" in: %s", a, mea_errmsg());
	cr_assert(strstr(mea_errmsg(), b), "no \"%s\" in: %s", b, mea_errmsg());
	mea_graph_free(g);
	free(w->data);
}

Test(onnx_qop, what_is_wrong_with_an_input_is_told)
{
	const char *cases[][2] = {
		{"xq x_s x_z w w_s w_z c_s none b", "input 7 is not defined"},
		{"xq x_s x_z w w_s w_z", "input 6 is left out"},
		{"xq x_s", "input 3 is left out"},
		{"xq xq x_z w w_s w_z c_s c_z b", "scale"},
		{"xq w_s x_z w w_s w_z c_s c_z b", "input 1 is not a constant scale"},
		{"xq x_s x_z w w_s x_z c_s c_z b", "w_s and zero point x_z differ in size"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mea_wire w = network(cases[i][0]);

		refused(&w, "q", cases[i][1]);
	}
}

/* A weight of uint8 whose zero point is not the middle, in QDQ form. */
Test(onnx_qop, what_has_no_integer_form_is_named)
{
	struct mea_wire w = begin(13);
	const float one = 1;

	info(&w, "input", "x", DIMS(1, 1, 2, 2));
	info(&w, "output", "y", DIMS(1, 1, 2, 2));
	params(&w, "x", 1, 128);
	params(&w, "w", 1, 100);
	numbers(&w, "w", UINT8, DIMS(1, 1, 1, 1), (uint8_t[]){1}, 1);
	simple_node(&w, "QuantizeLinear", "quantise", "x x_s x_z", "xq");
	simple_node(&w, "QLinearConv", "conv", "xq x_s x_z w w_s w_z x_s x_z", "cq");
	simple_node(&w, "DequantizeLinear", "end", "cq x_s x_z", "y");
	mea_wire_close(&w);
	refused(&w, "node conv (Conv)", "weights w are not symmetric: zero point 100");
	for (int type = 21; type < 23; type++) {
		w = begin(21);
		numbers(&w, "w", type, DIMS(1), &one, 1);
		mea_wire_close(&w);
		refused(&w, "tensor w", type == 21 ? "UINT4" : "INT4");
	}
	w = begin(21);
	numbers(&w, "w", 5, DIMS(1), &one, 2);
	mea_wire_close(&w);
	refused(&w, "tensor w", "INT16");
	w = begin(13);
	info(&w, "input", "x", DIMS(1));
	open_node(&w, "QLinearConv", "foreign", "x", "y");
	mea_wire_string(&w, "domain", "org.example");
	mea_wire_close(&w);
	mea_wire_close(&w);
	refused(&w, "node foreign", "QLinearConv of domain org.example");
}

Test(onnx_qop, pools_of_integers)
{
	const float scale = 0.5f;
	const int8_t zero = 3;
	struct mea_shape none = {0};
	struct mea_graph *g = new_graph();
	int in[3] = {input(g, "x", shape_of(4, 1, 1, 2, 2))}, x;
	struct mea_qnet *net;
	int8_t y;

	in[1] = mea_graph_add_const(g, "s", MEA_F32, &none, &scale);
	in[2] = mea_graph_add_const(g, "z", MEA_I8, &none, &zero);
	x = node(g, MEA_OP_QuantizeLinear, "q", in, 3, NULL);
	in[0] = pool(g, MEA_OP_MaxPool, "p", x, 2, 2, 0, false, false);
	finish(g, node(g, MEA_OP_DequantizeLinear, "y", in, 3, NULL));
	cr_assert_eq(mea_qnet_from_graph(g, &net), 0, "%s", mea_errmsg());
	run(net, (int8_t[]){-7, 9, 4, 8}, &y);
	cr_assert_eq(y, 9);
	mea_qnet_free(net);
	mea_graph_free(g);
}
