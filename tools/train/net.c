// SPDX-License-Identifier: Apache-2.0
#include "train/net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "train/dnnl.h"
#include "train/grid.h"
#include "train/internal.h"
#include "train/mem.h"

/* --- matrices with a grid ------------------------------------------------------------- */

void tnet_lean(struct mea_tnet *t, const struct mea_param *q, size_t room)
{
	t->lean_n = q->grid && q->n > t->lean_n ? q->n : t->lean_n;
	t->lean_bytes = q->grid && room > t->lean_bytes ? room : t->lean_bytes;
}

static int open_lean(struct mea_tnet *t)
{
	if (!t->lean_n)
		return 0;
	t->lean_w = mea_mem_new(MEA_MEM_COPIES, t->lean_n * sizeof(float));
	t->lean_room = mea_mem_new(MEA_MEM_COPIES, t->lean_bytes);
	if (t->o.train)
		t->lean_grad = mea_mem_new(MEA_MEM_GRADIENTS, t->lean_n * sizeof(float));
	return t->lean_w && t->lean_room && (t->lean_grad || !t->o.train) ? 0 : mea_nomem();
}

const float *tnet_weights(struct mea_tnet *t, const struct mea_param *q)
{
	if (!q->grid)
		return q->data;
	mea_grid_expand(q, t->lean_w);
	return t->lean_w;
}

float *tnet_gradient(struct mea_tnet *t, const struct mea_param *q)
{
	return q->grid ? t->lean_grad : q->grad;
}

int tnet_learn(struct mea_tnet *t, struct mea_param *q)
{
	return q->grid && t->o.learn ? t->o.learn(t->o.ctx, q, t->lean_grad) : 0;
}

/* --- the whole ------------------------------------------------------------------------- */

static int build(struct mea_tnet *t)
{
	for (int k = 0; k < t->n_ops; k++) {
		struct top *o = &t->ops[k];
		int rc = o->ops->build ? o->ops->build(t, o) : 0;

		if (rc)
			return mea_fail_in(rc, "%s: node %s (%s)", t->g->source, o->node->name,
					   mea_op_name(o->node->op));
	}
	return 0;
}

int mea_tnet_new(const struct mea_graph *g, struct mea_params *p, const struct mea_tnet_options *o,
		 struct mea_tnet **out)
{
	struct mea_tnet *t = calloc(1, sizeof(*t));
	int rc;

	*out = NULL;
	if (!t)
		return mea_nomem();
	*t = (struct mea_tnet){.g = g, .p = p, .o = *o};
	if (g->n_inputs > MEA_TNET_IO_MAX || g->n_outputs > MEA_TNET_IO_MAX)
		rc = mea_fail(MEA_EUNSUPPORTED, "%s: more than %d inputs or outputs", g->source,
			      MEA_TNET_IO_MAX);
	else if (o->bf16 && !mea_dnnl_computes_bf16())
		rc = mea_fail(MEA_EUNSUPPORTED,
			      "%s: bfloat16 needs a processor with AVX-512; this one has %s",
			      g->source, mea_dnnl_isa());
	else
		rc = o->train ? mea_params_gradients(p) : 0;
	if (!rc)
		rc = tnet_compile(t);
	if (!rc)
		rc = tnet_arena(t);
	if (!rc)
		rc = build(t);
	if (!rc)
		rc = open_lean(t);
	if (!rc)
		rc = mea_tnet_refresh(t);
	if (rc) {
		mea_tnet_free(t);
		return rc;
	}
	*out = t;
	return 0;
}

void mea_tnet_free(struct mea_tnet *t)
{
	if (!t)
		return;
	for (int k = 0; k < t->n_ops && !t->twin; k++)
		if (t->ops[k].ops->free && t->ops[k].state)
			t->ops[k].ops->free(&t->ops[k]);
	if (t->arena && !t->guest) {
		munmap(t->arena, t->bytes + 4096);
		mea_mem_count(MEA_MEM_MAPS, -(ptrdiff_t)(t->bytes + 4096));
	}
	mea_mem_free(t->lean_w);
	mea_mem_free(t->lean_grad);
	mea_mem_free(t->lean_room);
	free(t->ops);
	free(t->values);
	free(t->bufs);
	free(t);
}

/* A copy of n elements of that size; NULL: no memory. */
static void *copy_of(const void *from, int n, size_t size)
{
	void *to = calloc((size_t)n + 1, size);

	return to ? memcpy(to, from, (size_t)n * size) : NULL;
}

int mea_tnet_twin(const struct mea_tnet *t, const struct mea_tnet *room, struct mea_tnet **out)
{
	struct mea_tnet *twin = copy_of(t, 1, sizeof(*t));
	int rc = 0;

	*out = NULL;
	if (!twin)
		return mea_nomem();
	twin->twin = true;
	twin->arena = NULL;
	twin->values = copy_of(t->values, t->g->n_values, sizeof(*t->values));
	twin->ops = copy_of(t->ops, t->n_ops, sizeof(*t->ops));
	twin->bufs = copy_of(t->bufs, t->n_bufs, sizeof(*t->bufs));
	if (!twin->values || !twin->ops || !twin->bufs)
		rc = mea_nomem();
	if (!rc)
		rc = tnet_allocate(twin, room);
	if (rc) {
		mea_tnet_free(twin);
		return rc;
	}
	*out = twin;
	return 0;
}

static struct tvalue *output(const struct mea_tnet *t, int i)
{
	return &t->values[t->values[t->g->outputs[i]].alias];
}

struct mea_map mea_tnet_input(const struct mea_tnet *t, int i)
{
	return t->values[t->g->inputs[i]].map;
}

struct mea_map mea_tnet_output(const struct mea_tnet *t, int i)
{
	return output(t, i)->map;
}

void mea_tnet_set_input(struct mea_tnet *t, int i, const void *data)
{
	t->values[t->g->inputs[i]].ptr = (void *)(uintptr_t)data;
}

const void *mea_tnet_output_data(const struct mea_tnet *t, int i)
{
	return output(t, i)->ptr;
}

void *mea_tnet_output_grad(struct mea_tnet *t, int i)
{
	return output(t, i)->gptr[0];
}

const void *mea_tnet_input_grad(const struct mea_tnet *t, int i)
{
	return t->values[t->g->inputs[i]].gptr[0];
}

void *tnet_grad_room(const struct mea_tnet *t, const struct top *o, int i)
{
	(void)t;
	return o->gptr[i];
}

void tnet_grad_done(struct mea_tnet *t, const struct top *o, int i)
{
	struct tvalue *v = tnet_in(t, o, i);

	if (o->add_to[i])
		mea_map_add(&v->map, v->gptr[1], o->gptr[i], v->gptr[1]);
}

int mea_tnet_refresh(struct mea_tnet *t)
{
	for (int k = 0; k < t->n_ops; k++) {
		struct top *o = &t->ops[k];
		int rc = o->ops->refresh ? o->ops->refresh(t, o) : 0;

		if (rc)
			return rc;
	}
	return 0;
}

int mea_tnet_forward(struct mea_tnet *t)
{
	for (int k = 0; k < t->n_ops; k++) {
		struct top *o = &t->ops[k];
		double start = mea_now_ms() * 1e-3;
		int rc = o->ops->forward(t, o);

		if (rc)
			return rc;
		t->seconds[o->ops->kind][0] += mea_now_ms() * 1e-3 - start;
	}
	return 0;
}

static void merge(struct tvalue *v)
{
	if (v->n_grads == 2)
		mea_map_add(&v->map, v->gptr[0], v->gptr[1], v->gptr[0]);
}

int mea_tnet_backward(struct mea_tnet *t)
{
	for (int k = t->n_ops - 1; k >= 0; k--) {
		struct top *o = &t->ops[k];
		double start = mea_now_ms() * 1e-3;
		int rc;

		if (!o->active)
			continue;
		if (!o->two_grads)
			merge(tnet_out(t, o));
		rc = o->ops->backward(t, o);
		if (rc)
			return rc;
		t->seconds[o->ops->kind][1] += mea_now_ms() * 1e-3 - start;
	}
	for (int i = 0; i < t->g->n_inputs; i++)
		merge(&t->values[t->g->inputs[i]]);
	return 0;
}

size_t mea_tnet_bytes(const struct mea_tnet *t)
{
	return t->bytes;
}

void mea_tnet_profile(const struct mea_tnet *t, char *text, size_t size)
{
	static const char *const names[TOP_KINDS] = {"conv", "norm", "pool", "linear", "other"};
	size_t at = 0;

	text[0] = 0;
	for (int i = 0; i < TOP_KINDS && at < size; i++)
		at += (size_t)snprintf(text + at, size - at, "%s%s %.2f + %.2f s", i ? ", " : "",
				       names[i], t->seconds[i][0], t->seconds[i][1]);
}
