// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer target for everything that a model file reaches: reading, shapes,
 * constant folding, the float executor, simplifying, writing, quantising and
 * lowering, and the integer reference. What parses must hold together: a graph
 * that loads can be written, and what was written can be read.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "base/error.h"
#include "graph/eval.h"
#include "graph/graph.h"
#include "graph/lower.h"
#include "quantize/quantize.h"

#define WORK_MAX   2000000 /* steps of one run */
#define TENSOR_MAX (4u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A finding that is not a crash by itself. */
static void must(int ok)
{
	if (!ok)
		__builtin_trap();
}

static uint64_t work_of(const struct mea_graph *g)
{
	uint64_t sum = 0;

	for (int i = 0; i < g->n_nodes; i++) {
		uint64_t w = mea_node_work(g, &g->nodes[i]);

		sum = sum + w < sum ? UINT64_MAX : sum + w;
	}
	return sum;
}

/* Elements for every input of g, all zero but for a ramp in float ones. */
static void **make_inputs(const struct mea_graph *g)
{
	void **in = calloc((size_t)g->n_inputs + 1, sizeof(*in));

	for (int i = 0; i < g->n_inputs; i++) {
		const struct mea_value *v = &g->values[g->inputs[i]];
		size_t n = mea_shape_count(&v->shape);

		in[i] = calloc(n + 1, mea_dtype_size(v->type));
		for (size_t k = 0; v->type == MEA_F32 && k < n; k++)
			((float *)in[i])[k] = (float)(k % 17) / 8 - 1;
	}
	return in;
}

static void free_inputs(const struct mea_graph *g, void **in)
{
	for (int i = 0; i < g->n_inputs; i++)
		free(in[i]);
	free(in);
}

static void run_float(const struct mea_graph *g)
{
	void **in = make_inputs(g);
	struct mea_eval *e;

	if (!mea_eval_new(g, &e)) {
		mea_eval_run(e, (const void *const *)in);
		mea_eval_free(e);
	}
	free_inputs(g, in);
}

static void round_trip(const struct mea_graph *g)
{
	struct mea_load_options opt = {.max_tensor_bytes = 2 * TENSOR_MAX};
	struct mea_graph *again;
	void *data;
	size_t size;
	int rc = mea_graph_pack(g, &data, &size);

	if (rc) {
		must(rc == MEA_EUNSUPPORTED);
		return;
	}
	rc = mea_graph_parse(data, size, "again.onnx", &opt, &again);
	/* Names that the writer made longer, or constants that it added. */
	must(!rc || strstr(mea_errmsg(), "name has more than") || strstr(mea_errmsg(), "take"));
	if (!rc)
		mea_graph_free(again);
	free(data);
}

static void run_integer(const struct mea_qnet *net)
{
	const struct mea_backend_ops *ops = &mea_backend_ref;
	struct mea_buf *in[4] = {NULL}, *out[4] = {NULL};
	struct mea_backend *b;
	struct mea_exec *e;
	struct mea_job *job;

	must(!mea_qnet_check(net));
	if (ops->open("", &b))
		return;
	if (!ops->prepare(b, net, &e)) {
		int rc = 0;

		for (int i = 0; !rc && i < net->n_inputs; i++)
			rc = ops->buf_alloc(e, true, i, &in[i]);
		for (int i = 0; !rc && i < net->n_outputs; i++)
			rc = ops->buf_alloc(e, false, i, &out[i]);
		if (!rc && !ops->submit(e, in, out, &job))
			must(!ops->wait(job, -1, NULL));
		for (int i = 0; i < 4; i++) {
			if (in[i])
				ops->buf_free(in[i]);
			if (out[i])
				ops->buf_free(out[i]);
		}
		ops->release(e);
	}
	ops->close(b);
}

struct examples {
	const struct mea_graph *g;
	int left;
};

static int next(void *ctx, float *const *in)
{
	struct examples *x = ctx;

	if (!x->left--)
		return 0;
	for (int i = 0; i < x->g->n_inputs; i++) {
		size_t n = mea_shape_count(&x->g->values[x->g->inputs[i]].shape);

		for (size_t k = 0; k < n; k++)
			in[i][k] = (float)(k % 13) / 4 - 1;
	}
	return 1;
}

static void lower(const struct mea_graph *g)
{
	struct mea_qnet *net;

	if (mea_qnet_from_graph(g, &net))
		return;
	run_integer(net);
	mea_qnet_free(net);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mea_load_options opt = {.max_tensor_bytes = TENSOR_MAX};
	struct examples x = {NULL, 1};
	struct mea_graph *g, *q;
	struct mea_ends ends;

	if (mea_graph_parse(data, size, "fuzz.onnx", &opt, &g)) {
		must(strstr(mea_errmsg(), "fuzz.onnx") != NULL);
		return 0;
	}
	round_trip(g);
	if (work_of(g) <= WORK_MAX) {
		run_float(g);
		lower(g);
		x.g = g;
		if (!mea_quantize(g, next, &x, NULL, &q)) {
			round_trip(q);
			lower(q);
			mea_graph_free(q);
		}
	}
	if (!mea_graph_take_ends(g, &ends) && work_of(g) <= WORK_MAX)
		run_float(g);
	mea_graph_free(g);
	return 0;
}
