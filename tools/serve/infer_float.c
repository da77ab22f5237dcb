// SPDX-License-Identifier: Apache-2.0
/* The float executor as the server's executor: one item after the other. */
#include "serve/infer.h"

#include "base/error.h"
#include "graph/eval.h"

#include <stdlib.h>
#include <string.h>

struct float_infer {
	struct mea_infer base;
	struct mea_graph *g;
};

static void float_close(struct mea_infer *m)
{
	struct float_infer *f = (struct float_infer *)m;

	if (!f)
		return;
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
		return mea_nomem();
	f->base.ops = &mea_infer_float;
	f->base.engine = "plain C";
	f->base.at_once = 1;
	rc = mea_graph_load(path, NULL, &f->g);
	if (!rc)
		rc = mea_graph_simplify(f->g);
	if (!rc)
		rc = mea_signature_of(f->g, &f->base.io);
	if (!rc) {
		/* Clients read what fails from here on, and files are not their concern. */
		free(f->g->source);
		f->g->source = strdup("model");
		rc = f->g->source ? 0 : mea_nomem();
	}
	if (rc) {
		float_close(&f->base);
		return rc;
	}
	*out = &f->base;
	return 0;
}

static int float_context_new(struct mea_infer *m, void **context)
{
	struct mea_eval *e;
	int rc = mea_eval_new(((struct float_infer *)m)->g, &e);

	*context = rc ? NULL : e;
	return rc;
}

static void float_context_free(struct mea_infer *m, void *context)
{
	(void)m;
	mea_eval_free(context);
}

static int float_run(const struct mea_infer *m, void *context, int n, const void *const *in,
		     void *const *out)
{
	const struct mea_graph *g = ((const struct float_infer *)m)->g;
	const struct mea_signature *io = &m->io;
	const void *item[MEA_IO_MAX];

	for (int k = 0; k < n; k++) {
		int rc;

		for (int i = 0; i < io->n_in; i++)
			item[i] = (const char *)in[i] + (size_t)k * io->in[i].bytes;
		rc = mea_eval_run(context, item);
		if (rc)
			return rc;
		for (int i = 0; i < io->n_out; i++)
			memcpy((char *)out[i] + (size_t)k * io->out[i].bytes,
			       mea_eval_value(context, g->outputs[i]).data, io->out[i].bytes);
	}
	return 0;
}

const struct mea_infer_ops mea_infer_float = {
	.platform = "onnx_onnxv1",
	.open = float_open,
	.close = float_close,
	.context_new = float_context_new,
	.context_free = float_context_free,
	.run = float_run,
};
