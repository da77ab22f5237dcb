// SPDX-License-Identifier: Apache-2.0
#include "offload/signature.h"

#include <stdio.h>

#include "base/error.h"

#define MAX_TENSOR_BYTES (1ull << 30)

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

int mea_signature_of(const struct mea_graph *g, struct mea_signature *io)
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
