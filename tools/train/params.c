// SPDX-License-Identifier: Apache-2.0
#include "train/params.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "graph/hot.h"
#include "train/grid.h"
#include "train/mem.h"

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
		.rank = v->shape.rank,
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

int mea_params_move(struct mea_params *p)
{
	float *old = p->block;
	size_t at = 0;

	mea_params_release(p);
	p->elements = 0;
	for (int i = 0; i < p->n; i++)
		p->elements += p->list[i].grid ? 0 : padded(p->list[i].n);
	p->block = mea_mem_new(MEA_MEM_WEIGHTS, p->elements * sizeof(*p->block));
	for (int i = 0; i < p->n && p->block; i++) {
		struct mea_param *q = &p->list[i];
		float *from = q->data;

		q->data = q->grid ? NULL : p->block + at;
		at += q->grid ? 0 : padded(q->n);
		if (from && q->data)
			memcpy(q->data, from, q->n * sizeof(*from));
	}
	if (!p->block)
		p->block = old;
	else
		mea_mem_free(old);
	return p->block == old ? mea_nomem() : 0;
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
		rc = mea_params_move(p);
	if (rc) {
		mea_params_free(p);
		return rc;
	}
	mea_params_take(p, g);
	for (int i = 0; i < g->n_values; i++)
		if (g->values[i].data)
			p->file += mea_shape_count(&g->values[i].shape) *
				   mea_dtype_size(g->values[i].type);
	mea_mem_count(MEA_MEM_FILES, (ptrdiff_t)p->file);
	*out = p;
	return 0;
}

void mea_params_free(struct mea_params *p)
{
	if (!p)
		return;
	mea_params_release(p);
	for (int i = 0; i < p->n; i++) {
		free(p->list[i].name);
		mea_grid_free(p->list[i].grid);
	}
	free(p->list);
	mea_mem_free(p->block);
	mea_mem_count(MEA_MEM_FILES, -(ptrdiff_t)p->file);
	free(p);
}

/* --- what is trained ---------------------------------------------------------------- */

static bool is_layer(const struct mea_params *p, const struct mea_node *n)
{
	return (n->op == MEA_OP_Conv || n->op == MEA_OP_Gemm) && n->n_in > 1 &&
	       mea_params_find(p, n->in[1]) >= 0;
}

int mea_params_layers(const struct mea_params *p, const struct mea_graph *g)
{
	int layers = 0;

	for (int i = 0; i < g->n_nodes; i++)
		layers += is_layer(p, &g->nodes[i]);
	return layers;
}

void mea_params_fix(struct mea_params *p, const struct mea_graph *g, int n)
{
	int layers = 0;

	mea_params_release(p);
	p->fixed = 0;
	for (int i = 0; i < p->n; i++)
		p->list[i].fixed = false;
	for (int i = 0; i < g->n_nodes && n > 0; i++) {
		layers += is_layer(p, &g->nodes[i]);
		if (layers > n)
			return;
		for (int j = 1; j < g->nodes[i].n_in; j++) {
			int q = mea_params_find(p, g->nodes[i].in[j]);

			if (q < 0)
				continue;
			p->list[q].fixed = true;
			p->fixed += padded(p->list[q].n);
		}
	}
}

void mea_params_release(struct mea_params *p)
{
	float **blocks[] = {&p->grads, &p->momenta, &p->average};

	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
		mea_mem_free(*blocks[i]);
		*blocks[i] = NULL;
	}
	for (int i = 0; i < p->n; i++)
		p->list[i].grad = p->list[i].momentum = NULL;
}

/* The list is in the order of the nodes, so that what is fixed comes first. */
static int beside(const struct mea_params *p, enum mea_mem_kind kind, float **block)
{
	if (!*block)
		*block = mea_mem_new(kind, mea_params_trained(p) * sizeof(**block));
	return *block ? 0 : mea_nomem();
}

int mea_params_gradients(struct mea_params *p)
{
	int rc = beside(p, MEA_MEM_GRADIENTS, &p->grads);

	for (int i = 0; i < p->n && !rc; i++)
		if (!p->list[i].fixed && p->list[i].data)
			p->list[i].grad = p->grads + (p->list[i].data - p->block) - p->fixed;
	return rc;
}

int mea_params_momenta(struct mea_params *p)
{
	int rc = beside(p, MEA_MEM_MOMENTA, &p->momenta);

	for (int i = 0; i < p->n && !rc; i++)
		if (!p->list[i].fixed && p->list[i].data)
			p->list[i].momentum = p->momenta + (p->list[i].data - p->block) - p->fixed;
	return rc;
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

HOT static void plain_step(size_t n, const struct mea_sgd *s, float decay, float *restrict w,
			   const float *restrict grad)
{
	for (size_t i = 0; i < n; i++)
		w[i] -= s->rate * (grad[i] + decay * w[i]);
}

void mea_sgd_step(struct mea_params *p, const struct mea_sgd *s)
{
#pragma omp parallel for schedule(dynamic, 1)
	for (int i = 0; i < p->n; i++) {
		struct mea_param *q = &p->list[i];
		float decay = q->decay ? s->decay : 0.0f;

		if (q->running || q->fixed || q->grid)
			continue;
		if (q->momentum)
			step(q->n, s, decay, q->data, q->grad, q->momentum);
		else
			plain_step(q->n, s, decay, q->data, q->grad);
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
	mea_mem_free(p->average);
	p->average = mea_mem_new(MEA_MEM_AVERAGES, p->elements * sizeof(*p->average));
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
