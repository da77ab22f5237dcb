// SPDX-License-Identifier: Apache-2.0
#include "graph/tail.h"

#include <stdlib.h>

#include "base/error.h"
#include "graph/eval.h"

struct mea_tail {
	const struct mea_qtensor *from;
	const struct mea_graph *g; /* NULL: the floats are x */
	struct mea_eval *run;
	float *x;
};

static const struct mea_qtensor *first_output(const struct mea_qnet *net)
{
	return &net->tensors[net->outputs[0]];
}

static size_t elements(const struct mea_qtensor *t)
{
	return (size_t)t->c * (size_t)t->h * (size_t)t->w;
}

size_t mea_tail_count(const struct mea_qnet *net)
{
	const struct mea_graph *g = net->tail;

	return g ? mea_shape_count(&g->values[g->outputs[0]].shape) : elements(first_output(net));
}

int mea_tail_new(const struct mea_qnet *net, struct mea_tail **out)
{
	struct mea_tail *t = calloc(1, sizeof(*t));
	int rc = 0;

	if (t) {
		t->from = first_output(net);
		t->g = net->tail;
		t->x = malloc(elements(t->from) * sizeof(*t->x));
	}
	if (!t || !t->x)
		rc = mea_nomem();
	if (!rc && t->g)
		rc = mea_eval_new(t->g, &t->run);
	if (rc)
		mea_tail_free(t);
	else
		*out = t;
	return rc;
}

void mea_tail_free(struct mea_tail *t)
{
	if (!t)
		return;
	mea_eval_free(t->run);
	free(t->x);
	free(t);
}

int mea_tail_run(struct mea_tail *t, const int8_t *nhwc, const float **y)
{
	const struct mea_qtensor *q = t->from;
	int pixels = q->h * q->w, rc = 0;

	for (int p = 0; p < pixels; p++)
		for (int c = 0; c < q->c; c++)
			t->x[c * pixels + p] = q->scale * (float)(*nhwc++ - q->zero_point);
	if (t->run)
		rc = mea_eval_run(t->run, (const void *const[]){t->x});
	*y = t->run ? mea_eval_value(t->run, t->g->outputs[0]).data : t->x;
	return rc;
}
