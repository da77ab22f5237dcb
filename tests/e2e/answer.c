// SPDX-License-Identifier: Apache-2.0
/*
 * answer MODEL: the first output of an ONNX model on the input that comes in, as the file has it.
 * A float model runs in the float executor, one with QuantizeLinear in integers by backend ref.
 * Prints the scale of the output (0: float) and its elements in NCHW order, one a line.
 */
#include <stdio.h>
#include <stdlib.h>

#include "backend/ref/ref.h"
#include "graph/eval.h"
#include "graph/lower.h"
#include "graph/tail.h"
#include "mea.h"
#include "quantize/quantize.h"

static int answer_float(const struct mea_graph *g, const void *x)
{
	struct mea_tensor t;
	struct mea_eval *e;
	int rc = mea_eval_new(g, &e);

	if (rc)
		return rc;
	rc = mea_eval_run(e, &x);
	t = mea_eval_value(e, g->outputs[0]);
	puts("0");
	for (size_t i = 0; !rc && i < mea_shape_count(&t.shape); i++)
		printf("%.9g\n", (double)((const float *)t.data)[i]);
	mea_eval_free(e);
	return rc;
}

/* Where NCHW element k of a tensor is in NHWC. */
static int at(const struct mea_qtensor *t, int k)
{
	return k % (t->h * t->w) * t->c + k / (t->h * t->w);
}

static int answer_int8(const struct mea_graph *g, const float *x)
{
	struct mea_qnet *net;
	int rc = mea_qnet_from_graph(g, &net);
	const struct mea_qtensor *t;
	struct mea_tail *tail = NULL;
	const float *y = NULL;
	int8_t **data;

	if (rc)
		return rc;
	data = calloc((size_t)net->n_tensors, sizeof(*data));
	for (int i = 0; i < net->n_tensors; i++) {
		t = &net->tensors[i];
		data[i] = calloc((size_t)t->c * (size_t)t->h * (size_t)t->w, 1);
	}
	t = &net->tensors[net->inputs[0]];
	for (int k = 0; k < t->c * t->h * t->w; k++)
		data[net->inputs[0]][at(t, k)] = mea_quantize_f32(x[k], t->scale, t->zero_point);
	for (int i = 0; !rc && i < net->n_layers; i++) {
		const struct mea_qlayer *l = &net->layers[i];

		rc = mea_ref_layer(net, l, data[l->in], l->in2 < 0 ? NULL : data[l->in2],
				   data[l->out]);
	}
	printf("%.9g\n", net->tail ? 0 : (double)net->tensors[net->outputs[0]].scale);
	if (!rc)
		rc = mea_tail_new(net, &tail);
	if (!rc)
		rc = mea_tail_run(tail, data[net->outputs[0]], &y);
	for (size_t k = 0; !rc && k < mea_tail_count(net); k++)
		printf("%.9g\n", (double)y[k]);
	mea_tail_free(tail);
	for (int i = 0; i < net->n_tensors; i++)
		free(data[i]);
	free(data);
	mea_qnet_free(net);
	return rc;
}

int main(int argc, char **argv)
{
	struct mea_graph *g = NULL;
	bool quantised = false;
	size_t size;
	void *x;
	int rc;

	if (argc != 2)
		return 2;
	rc = mea_graph_load(argv[1], NULL, &g);
	if (!rc) {
		const struct mea_value *v = &g->values[g->inputs[0]];

		size = mea_shape_count(&v->shape) * mea_dtype_size(v->type);
		x = malloc(size + 1);
		if (!x || fread(x, 1, size, stdin) != size)
			return 2;
		for (int i = 0; i < g->n_nodes; i++)
			quantised |= g->nodes[i].op == MEA_OP_QuantizeLinear;
		rc = quantised ? answer_int8(g, x) : answer_float(g, x);
		free(x);
	}
	mea_graph_free(g);
	if (rc)
		fprintf(stderr, "answer: %s\n", mea_errmsg());
	return rc != 0;
}
