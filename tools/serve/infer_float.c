// SPDX-License-Identifier: Apache-2.0
/* The float executor as the server's engine: one item after the other. */
#include "offload/infer.h"

#include "base/error.h"
#include "graph/eval.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TENSOR_BYTES (1ull << 30)

struct float_infer {
	struct mea_infer base;
	struct mea_graph *g;
	struct mea_eval *eval;
};

static int describe(const struct mea_graph *g, int value, bool batched, struct mea_io *io)
{
	const struct mea_value *v = &g->values[value];
	int n = snprintf(io->name, sizeof(io->name), "%s", v->name);

	if (n < 0 || (size_t)n >= sizeof(io->name))
		return mea_fail(MEA_EUNSUPPORTED, "%s: the name %.40s... is too long", g->source,
				v->name);
	io->type = v->type;
	io->shape = v->shape;
	io->batched = batched;
	return mea_shape_bytes(&v->shape, v->type, MAX_TENSOR_BYTES, &io->bytes);
}

/* A model is batched when each input's first dimension is open, and each output has one. */
static bool is_batched(const struct mea_graph *g)
{
	for (int i = 0; i < g->n_inputs; i++)
		if (!g->values[g->inputs[i]].dynamic)
			return false;
	for (int i = 0; i < g->n_outputs; i++) {
		const struct mea_shape *s = &g->values[g->outputs[i]].shape;

		if (s->rank < 1 || s->dim[0] != 1)
			return false;
	}
	return true;
}

static int describe_all(const struct mea_graph *g, struct mea_signature *io)
{
	int rc = 0;

	if (g->n_inputs < 1 || g->n_inputs > MEA_IO_MAX || g->n_outputs < 1 ||
	    g->n_outputs > MEA_IO_MAX)
		return mea_fail(MEA_EUNSUPPORTED, "%s: has %d inputs and %d outputs; 1 to %d each",
				g->source, g->n_inputs, g->n_outputs, MEA_IO_MAX);
	io->n_in = g->n_inputs;
	io->n_out = g->n_outputs;
	io->batched = is_batched(g);
	for (int i = 0; i < io->n_in && !rc; i++)
		rc = describe(g, g->inputs[i], io->batched, &io->in[i]);
	for (int i = 0; i < io->n_out && !rc; i++)
		rc = describe(g, g->outputs[i], io->batched, &io->out[i]);
	return rc;
}

static void float_close(struct mea_infer *m)
{
	struct float_infer *f = (struct float_infer *)m;

	if (!f)
		return;
	mea_eval_free(f->eval);
	mea_graph_free(f->g);
	free(f);
}

static int float_open(const char *path, int max_batch, struct mea_infer **out)
{
	struct float_infer *f = calloc(1, sizeof(*f));
	int rc;

	(void)max_batch;
	*out = NULL;
	if (!f)
		return mea_fail(MEA_ENOMEM, "%s: out of memory", path);
	f->base.ops = &mea_infer_float;
	rc = mea_graph_load(path, NULL, &f->g);
	if (!rc)
		rc = mea_graph_simplify(f->g);
	if (!rc)
		rc = describe_all(f->g, &f->base.io);
	if (!rc)
		rc = mea_eval_new(f->g, &f->eval);
	if (rc) {
		float_close(&f->base);
		return rc;
	}
	*out = &f->base;
	return 0;
}

static int float_run(struct mea_infer *m, int n, const void *const *in, void *const *out)
{
	struct float_infer *f = (struct float_infer *)m;
	const struct mea_signature *io = &m->io;
	const void *item[MEA_IO_MAX];

	for (int k = 0; k < n; k++) {
		int rc;

		for (int i = 0; i < io->n_in; i++)
			item[i] = (const char *)in[i] + (size_t)k * io->in[i].bytes;
		rc = mea_eval_run(f->eval, item);
		if (rc)
			return rc;
		for (int i = 0; i < io->n_out; i++)
			memcpy((char *)out[i] + (size_t)k * io->out[i].bytes,
			       mea_eval_value(f->eval, f->g->outputs[i]).data, io->out[i].bytes);
	}
	return 0;
}

const struct mea_infer_ops mea_infer_float = {
	.platform = "onnx_onnxv1",
	.open = float_open,
	.close = float_close,
	.run = float_run,
};
