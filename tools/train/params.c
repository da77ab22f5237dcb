// SPDX-License-Identifier: Apache-2.0
#include "train/params.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "graph/hot.h"

static bool trains(const struct mea_graph *g, const struct mea_node *n, int input)
{
	const struct mea_value *v = mea_node_in(g, n, input);

	if (!v || !v->data || v->type != MEA_F32 || input == 0)
		return false;
	return n->op == MEA_OP_Conv || n->op == MEA_OP_BatchNormalization || n->op == MEA_OP_Gemm;
}

static int add(struct mea_params *p, const struct mea_graph *g, const struct mea_node *n, int input)
{
	const struct mea_value *v = &g->values[n->in[input]];

	if (mea_params_find(p, n->in[input]) >= 0)
		return mea_node_fail(g, n, MEA_EUNSUPPORTED,
				     "%s: weights that two nodes share cannot be trained", v->name);
	if (mea_grow(&p->list, (size_t)p->n, 1, sizeof(*p->list)))
		return MEA_ENOMEM;
	p->list[p->n] = (struct mea_param){
		.name = strdup(v->name),
		.value = n->in[input],
		.n = mea_shape_count(&v->shape),
		.decay = v->shape.rank > 1,
		.running = n->op == MEA_OP_BatchNormalization && input >= 3,
	};
	return p->list[p->n++].name ? 0 : mea_nomem();
}

/* Every array starts on a cache line. */
static size_t padded(size_t n)
{
	return (n + 15) / 16 * 16;
}

static int allocate(struct mea_params *p)
{
	size_t at = 0;

	for (int i = 0; i < p->n; i++)
		p->elements += padded(p->list[i].n);
	/* What is never written, as gradients where nothing is trained, takes no memory. */
	p->memory = calloc(p->elements * 3 + 2 * 16, sizeof(*p->block));
	if (!p->memory)
		return mea_nomem();
	p->block = (float *)(((uintptr_t)p->memory + 63) / 64 * 64);
	for (int i = 0; i < p->n; i++) {
		p->list[i].data = p->block + at;
		p->list[i].grad = p->block + p->elements + at;
		p->list[i].momentum = p->block + 2 * p->elements + at;
		at += padded(p->list[i].n);
	}
	return 0;
}

int mea_params_new(const struct mea_graph *g, struct mea_params **out)
{
	struct mea_params *p = calloc(1, sizeof(*p));
	int rc = p ? 0 : mea_nomem();

	for (int i = 0; i < g->n_nodes && !rc; i++)
		for (int j = 0; j < g->nodes[i].n_in && !rc; j++)
			if (trains(g, &g->nodes[i], j))
				rc = add(p, g, &g->nodes[i], j);
	if (!rc)
		rc = allocate(p);
	if (rc) {
		mea_params_free(p);
		return rc;
	}
	mea_params_take(p, g);
	*out = p;
	return 0;
}

void mea_params_free(struct mea_params *p)
{
	if (!p)
		return;
	for (int i = 0; i < p->n; i++)
		free(p->list[i].name);
	free(p->list);
	free(p->memory);
	free(p->average);
	free(p);
}

int mea_params_find(const struct mea_params *p, int value)
{
	for (int i = 0; i < p->n; i++)
		if (p->list[i].value == value)
			return i;
	return -1;
}

void mea_params_store(const struct mea_params *p, struct mea_graph *g)
{
	for (int i = 0; i < p->n; i++)
		memcpy(g->values[p->list[i].value].data, p->list[i].data,
		       p->list[i].n * sizeof(float));
}

void mea_params_take(struct mea_params *p, const struct mea_graph *g)
{
	for (int i = 0; i < p->n; i++)
		memcpy(p->list[i].data, g->values[p->list[i].value].data,
		       p->list[i].n * sizeof(float));
}

HOT static void step(size_t n, const struct mea_sgd *s, float decay, float *restrict w,
		     const float *restrict grad, float *restrict momentum)
{
	for (size_t i = 0; i < n; i++) {
		float g = grad[i] + decay * w[i];

		momentum[i] = s->momentum * momentum[i] + g;
		w[i] -= s->rate * (g + s->momentum * momentum[i]);
	}
}

void mea_sgd_step(struct mea_params *p, const struct mea_sgd *s)
{
#pragma omp parallel for schedule(dynamic, 1)
	for (int i = 0; i < p->n; i++) {
		struct mea_param *q = &p->list[i];

		if (!q->running)
			step(q->n, s, q->decay ? s->decay : 0.0f, q->data, q->grad, q->momentum);
	}
}

void mea_params_blend(struct mea_params *p, const struct mea_params *other, float share)
{
	for (size_t i = 0; i < p->elements; i++)
		p->block[i] = share * p->block[i] + (1 - share) * other->block[i];
}

/* --- average ------------------------------------------------------------------------- */

int mea_average_start(struct mea_params *p)
{
	p->average = aligned_alloc(64, (p->elements + 16) * sizeof(*p->average));
	if (!p->average)
		return mea_nomem();
	memcpy(p->average, p->block, p->elements * sizeof(*p->average));
	return 0;
}

HOT void mea_average_follow(struct mea_params *p, float decay)
{
	float *restrict a = p->average;
	const float *restrict w = p->block;

	for (size_t i = 0; i < p->elements; i++)
		a[i] = decay * a[i] + (1 - decay) * w[i];
}

void mea_average_swap(struct mea_params *p)
{
	for (size_t i = 0; i < p->elements; i++) {
		float keep = p->block[i];

		p->block[i] = p->average[i];
		p->average[i] = keep;
	}
}

float mea_average_decay(float top, int64_t step)
{
	float early = (float)(1 + step) / (float)(10 + step);

	return early < top ? early : top;
}
