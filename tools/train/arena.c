// SPDX-License-Identifier: Apache-2.0
/*
 * Memory of a compiled net. Time runs from 0 (the first operation) over the forward
 * pass, the loss at n_ops and back again; every buffer lives from one step to another,
 * and buffers that do not meet share memory.
 */
#include "train/internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/array.h"
#include "base/error.h"
#include "train/mem.h"

#define ALIGN 4096

int tnet_buf(struct mea_tnet *t, size_t bytes, int first, int last)
{
	int rc = mea_grow(&t->bufs, (size_t)t->n_bufs, 1, sizeof(*t->bufs));

	if (rc)
		return rc;
	t->bufs[t->n_bufs] = (struct tbuf){
		.bytes = (bytes + ALIGN - 1) / ALIGN * ALIGN, .first = first, .last = last};
	return t->n_bufs++;
}

void tnet_touch(struct mea_tnet *t, int b, int time)
{
	if (b >= 0 && t->bufs[b].last < time)
		t->bufs[b].last = time;
}

int tnet_contribute(struct mea_tnet *t, struct top *o, int i, int given)
{
	struct tvalue *v = tnet_in(t, o, i);
	int b = given;

	o->gbuf[i] = -1;
	if (!v->needs_grad)
		return 0;
	if (b < 0)
		b = tnet_buf(t, mea_map_bytes(&v->map), o->back, o->back);
	if (b < 0)
		return b;
	tnet_touch(t, b, o->back);
	o->gbuf[i] = b;
	o->add_to[i] = v->n_grads == 2;
	if (o->add_to[i])
		tnet_touch(t, v->grad[1], o->back);
	else
		v->grad[v->n_grads++] = b;
	return 0;
}

static int end_of(const struct mea_tnet *t)
{
	return t->o.train ? 2 * t->n_ops + 1 : t->n_ops;
}

static int users(const struct mea_tnet *t, const struct tvalue *v)
{
	int n = 0;

	for (int k = 0; k < t->n_ops; k++)
		for (int i = 0; i < t->ops[k].n_in; i++)
			n += tnet_in(t, &t->ops[k], i) == v;
	for (int i = 0; i < t->g->n_outputs; i++)
		n += &t->values[t->values[t->g->outputs[i]].alias] == v;
	return n;
}

static int plan_forward(struct mea_tnet *t)
{
	for (int k = 0; k < t->n_ops; k++) {
		struct top *o = &t->ops[k];
		struct tvalue *out = tnet_out(t, o), *x = tnet_in(t, o, 0);

		/* A norm that nothing looks behind works in place. */
		if (!t->o.train && o->ops == &top_norm && !x->input && users(t, x) == 1)
			out->data = x->data;
		else
			out->data = tnet_buf(t, mea_map_bytes(&out->map), k, k);
		if (out->data < 0)
			return out->data;
		tnet_touch(t, out->data, k);
		for (int i = 0; i < o->n_in; i++)
			tnet_touch(t, tnet_in(t, o, i)->data, k);
		if (o->ops->work)
			o->work_buf = tnet_buf(t, o->ops->work(t, o), k, t->o.train ? o->back : k);
		if (o->ops->work && o->work_buf < 0)
			return o->work_buf;
	}
	for (int i = 0; i < t->g->n_outputs; i++)
		tnet_touch(t, t->values[t->values[t->g->outputs[i]].alias].data, end_of(t));
	return 0;
}

static int plan_incoming(struct mea_tnet *t)
{
	for (int i = 0; i < t->g->n_outputs; i++) {
		struct tvalue *v = &t->values[t->values[t->g->outputs[i]].alias];

		if (!t->o.output_grad[i])
			continue;
		if (v->n_grads)
			return mea_fail(MEA_EUNSUPPORTED, "%s: output %d is another output too",
					t->g->source, i);
		v->grad[0] = tnet_buf(t, mea_map_bytes(&v->map), t->n_ops, t->n_ops);
		if (v->grad[0] < 0)
			return v->grad[0];
		v->n_grads = 1;
	}
	return 0;
}

static int plan_backward(struct mea_tnet *t)
{
	int rc = plan_incoming(t);

	for (int k = t->n_ops - 1; k >= 0 && !rc; k--) {
		struct top *o = &t->ops[k];
		struct tvalue *out = tnet_out(t, o);

		o->active = out->n_grads > 0 && out->needs_grad;
		if (!o->active)
			continue;
		for (int i = 0; i < out->n_grads; i++)
			tnet_touch(t, out->grad[i], o->back);
		if (o->keep_out)
			tnet_touch(t, out->data, o->back);
		for (int i = 0; i < o->n_in; i++)
			if (o->keep_in[i])
				tnet_touch(t, tnet_in(t, o, i)->data, o->back);
		if (o->ops->plan)
			rc = o->ops->plan(t, o);
		else
			for (int i = 0; i < o->n_in && !rc; i++)
				rc = tnet_contribute(t, o, i, -1);
	}
	for (int i = 0; i < t->g->n_inputs; i++)
		for (int j = 0; j < t->values[t->g->inputs[i]].n_grads; j++)
			tnet_touch(t, t->values[t->g->inputs[i]].grad[j], end_of(t));
	return rc;
}

/* --- placing ------------------------------------------------------------------ */

static int by_size(const void *a, const void *b, void *net)
{
	const struct tbuf *bufs = ((const struct mea_tnet *)net)->bufs;
	const struct tbuf *x = &bufs[*(const int *)a], *y = &bufs[*(const int *)b];

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	return *(const int *)a - *(const int *)b;
}

/* The lowest offset for b beside those of the n placed ones that it meets. */
static size_t place(const struct mea_tnet *t, const int *order, int n, const struct tbuf *b)
{
	size_t at = 0;
	bool moved;

	do {
		moved = false;
		for (int i = 0; i < n; i++) {
			const struct tbuf *p = &t->bufs[order[i]];

			if (p->last < b->first || b->last < p->first ||
			    p->offset + p->bytes <= at || at + b->bytes <= p->offset)
				continue;
			at = p->offset + p->bytes;
			moved = true;
		}
	} while (moved);
	return at;
}

static int place_all(struct mea_tnet *t)
{
	int *order = calloc((size_t)t->n_bufs + 1, sizeof(*order));

	if (!order)
		return mea_nomem();
	for (int i = 0; i < t->n_bufs; i++)
		order[i] = i;
	qsort_r(order, (size_t)t->n_bufs, sizeof(*order), by_size, t);
	for (int i = 0; i < t->n_bufs; i++) {
		struct tbuf *b = &t->bufs[order[i]];

		b->offset = place(t, order, i, b);
		if (t->bytes < b->offset + b->bytes)
			t->bytes = b->offset + b->bytes;
	}
	free(order);
	return 0;
}

static void *pointer(const struct mea_tnet *t, int b)
{
	return b < 0 ? NULL : t->arena + t->bufs[b].offset;
}

static int map_arena(struct mea_tnet *t)
{
	void *p = mmap(NULL, t->bytes + ALIGN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);

	if (p == MAP_FAILED)
		return mea_nomem();
	/* Large pages where the system gives them; without is only slower. */
	(void)madvise(p, t->bytes, MADV_HUGEPAGE);
	mea_mem_count(MEA_MEM_MAPS, (ptrdiff_t)(t->bytes + ALIGN));
	t->arena = p;
	return 0;
}

int tnet_allocate(struct mea_tnet *t, const struct mea_tnet *room)
{
	int rc = 0;

	t->guest = room && t->bytes <= room->bytes;
	if (t->guest)
		t->arena = room->arena;
	else
		rc = map_arena(t);
	if (rc)
		return rc;
	for (int i = 0; i < t->g->n_values; i++) {
		struct tvalue *v = &t->values[i];

		if (!v->input)
			v->ptr = pointer(t, v->data);
		for (int j = 0; j < 2; j++)
			v->gptr[j] = pointer(t, v->grad[j]);
	}
	for (int k = 0; k < t->n_ops; k++) {
		for (int i = 0; i < TOP_IN_MAX; i++)
			t->ops[k].gptr[i] = pointer(t, t->ops[k].gbuf[i]);
		t->ops[k].work = pointer(t, t->ops[k].work_buf);
	}
	return 0;
}

static void mark_grads(struct mea_tnet *t)
{
	for (int i = 0; i < t->g->n_inputs; i++)
		t->values[t->g->inputs[i]].needs_grad = t->o.input_grad[i];
	for (int k = 0; k < t->n_ops; k++) {
		struct top *o = &t->ops[k];
		bool *need = &tnet_out(t, o)->needs_grad;

		*need = tnet_learns(t, o);
		for (int i = 0; i < o->n_in; i++)
			*need = *need || tnet_in(t, o, i)->needs_grad;
	}
}

int tnet_arena(struct mea_tnet *t)
{
	int rc;

	for (int k = 0; k < t->n_ops; k++) {
		t->ops[k].time = k;
		t->ops[k].back = 2 * t->n_ops - k;
		t->ops[k].work_buf = -1;
		for (int i = 0; i < TOP_IN_MAX; i++)
			t->ops[k].gbuf[i] = -1;
	}
	rc = plan_forward(t);
	if (!rc && t->o.train) {
		mark_grads(t);
		rc = plan_backward(t);
	}
	if (!rc)
		rc = place_all(t);
	return rc ? rc : tnet_allocate(t, NULL);
}
