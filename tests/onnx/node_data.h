/* SPDX-License-Identifier: Apache-2.0 */
/* The test data of libonnx-testdata: what every program here reads. */
#ifndef MEA_TEST_NODE_DATA_H
#define MEA_TEST_NODE_DATA_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "graph/graph.h"
#include "graph/onnx_io.h"

#define NODE_TESTS "/usr/share/libonnx-testdata/data/node"

/* Reads a .pb file; 0, MEA_ENOENT when it is not there, or another error. */
static int read_tensor(const char *path, struct mea_tensor *t)
{
	FILE *f = fopen(path, "rb");
	char *buf = malloc(1 << 24);
	size_t size;
	int rc;

	if (!f || !buf) {
		if (f)
			fclose(f);
		free(buf);
		return mea_fail(MEA_ENOENT, "%s: no such file", path);
	}
	size = fread(buf, 1, 1 << 24, f);
	fclose(f);
	rc = mea_tensor_parse(buf, size, t);
	free(buf);
	return rc ? mea_fail_in(rc, "%s", path) : 0;
}

#define ENDS 16

struct sample {
	struct mea_tensor in[ENDS], out[ENDS];
};

static void free_sample(struct sample *s)
{
	for (int i = 0; i < ENDS; i++) {
		free(s->in[i].data);
		free(s->out[i].data);
	}
}

static int read_sample(const char *dir, int set, const struct mea_graph *g, struct sample *s)
{
	char path[1024];
	int rc = 0;

	if (g->n_inputs > ENDS || g->n_outputs > ENDS)
		return mea_fail(MEA_EUNSUPPORTED, "too many inputs or outputs");
	for (int i = 0; !rc && i < g->n_inputs; i++) {
		const struct mea_value *v = &g->values[g->inputs[i]];

		snprintf(path, sizeof(path), "%s/test_data_set_%d/input_%d.pb", dir, set, i);
		rc = read_tensor(path, &s->in[i]);
		if (!rc &&
		    (s->in[i].type != v->type || !mea_shape_equal(&s->in[i].shape, &v->shape)))
			rc = mea_fail(MEA_EINVAL, "input %d does not fit the model", i);
	}
	for (int i = 0; !rc && i < g->n_outputs; i++) {
		snprintf(path, sizeof(path), "%s/test_data_set_%d/output_%d.pb", dir, set, i);
		rc = read_tensor(path, &s->out[i]);
	}
	return rc;
}

#endif
