// SPDX-License-Identifier: Apache-2.0
/* The sample operation, once it is inserted: float, lowered, by the reference and by OpenCL. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "backend/ref/ref.h"
#include "base/error.h"
#include "graph/eval.h"
#include "graph/lower.h"

#define N 256

static void check(bool ok, const char *what)
{
	if (ok)
		return;
	printf("%s: %s\n", what, mea_errmsg());
	exit(1);
}

static int append(struct mea_graph *g, enum mea_op op, const char *name, const int *in, int n)
{
	struct mea_shape s = {4, {1, 1, 16, 16}};
	int v = mea_graph_add_value(g, name, MEA_F32, &s);

	check(v >= 0 && mea_graph_add_node(g, op, NULL, in, n, v, NULL) >= 0, name);
	return v;
}

static struct mea_graph *make(bool quantised)
{
	struct mea_shape s = {4, {1, 1, 16, 16}}, one = {0};
	struct mea_graph *g = NULL;
	float scale = 0.5f;
	int8_t zero = 3;
	int in[3], y;

	check(!mea_graph_new("sample", &g), "a graph");
	in[0] = mea_graph_add_input(g, "x", MEA_F32, &s);
	in[1] = mea_graph_add_const(g, "scale", MEA_F32, &one, &scale);
	in[2] = mea_graph_add_const(g, "zero", MEA_I8, &one, &zero);
	if (quantised) {
		in[0] = append(g, MEA_OP_QuantizeLinear, "xq", in, 3);
		in[0] = append(g, MEA_OP_DequantizeLinear, "xd", in, 3);
	}
	in[0] = y = append(g, MEA_OP_Mirror, "y", in, 1);
	if (quantised) {
		in[0] = append(g, MEA_OP_QuantizeLinear, "yq", in, 3);
		y = append(g, MEA_OP_DequantizeLinear, "yd", in, 3);
	}
	check(!mea_graph_add_output(g, y) && !mea_graph_sort(g) && !mea_graph_infer(g, 0),
	      "shapes");
	return g;
}

static void float_form(void)
{
	struct mea_graph *g = make(false);
	const void *in[1];
	struct mea_eval *e;
	float x[N];

	for (int i = 0; i < N; i++)
		x[i] = (float)(i - 100);
	in[0] = x;
	check(!mea_eval_new(g, &e) && !mea_eval_run(e, in), "execution");
	for (int i = 0; i < N; i++)
		check(((float *)mea_eval_value(e, g->outputs[0]).data)[i] == -x[i],
		      "the float form");
	mea_eval_free(e);
	mea_graph_free(g);
}

/* Whether the backend is there; its result into y. */
static bool by_opencl(const struct mea_qnet *net, const int8_t *x, int8_t *y)
{
	const struct mea_backend_ops *ops = &mea_backend_opencl;
	struct mea_buf *in, *out;
	struct mea_backend *b;
	struct mea_job *job;
	struct mea_exec *e;

	if (ops->open("", &b))
		return false;
	check(!ops->refuses(b, net, net->layers), "OpenCL takes it");
	check(!ops->prepare(b, net, &e) && !ops->buf_alloc(e, true, 0, &in) &&
		      !ops->buf_alloc(e, false, 0, &out) && !ops->buf_write(in, x) &&
		      !ops->submit(e, &in, &out, &job) && !ops->wait(job, -1, NULL) &&
		      !ops->buf_read(out, y),
	      "OpenCL");
	ops->buf_free(in);
	ops->buf_free(out);
	ops->release(e);
	ops->close(b);
	return true;
}

int main(void)
{
	struct mea_graph *g = make(true);
	struct mea_qnet *net;
	int8_t x[N], y[N], z[N];

	float_form();
	check(!mea_qnet_from_graph(g, &net), "the lowering");
	check(net->n_layers == 1 && net->layers[0].op == MEA_Q_MIRROR, "one layer");
	for (int i = 0; i < N; i++)
		x[i] = (int8_t)i;
	check(!mea_ref_layer(net, net->layers, x, NULL, y), "the reference");
	for (int i = 0; i < N; i++)
		check(y[i] == (6 - x[i] > 127 ? 127 : 6 - x[i]), "the int8 form");
	if (!by_opencl(net, x, z))
		printf("# without OpenCL: %s\n", mea_errmsg());
	else
		check(!memcmp(y, z, N), "OpenCL equals the reference");
	mea_qnet_free(net);
	mea_graph_free(g);
	return 0;
}
