// SPDX-License-Identifier: Apache-2.0
/*
 * A layer in strips of output rows. Operands that live in the scratchpad are used
 * in place; those in DRAM pass through two halves of the strip region, so that
 * one strip loads and stores while the other computes.
 */
#include "plan/emit.h"

#include "error.h"

int mea_emit_use(struct emit *e, int mem, int queue, int item, int64_t base, int64_t size,
		 bool write)
{
	return mea_depend(&e->mem[mem], &e->qs, queue, item, base, size, write);
}

int mea_emit_rows(struct emit *e, int queue, const struct place *pl, int y, int n, int base,
		  int plane)
{
	const struct mea_layout *d = &pl->dram;
	int blocks = mea_div_up(d->c, d->lanes), rc;
	/* Rows without padding follow each other in DRAM as in the scratchpad. */
	bool packed = d->row_bytes == (size_t)d->w * d->lanes;

	for (int b = 0; b < blocks; b++) {
		uint64_t at = pl->offset + ((uint64_t)b * d->h + y) * d->row_bytes;
		uint32_t *cmd;
		int k;

		k = mea_queue_add(&e->qs, queue, queue == Q_LOAD ? MEA_OP_LOAD : MEA_OP_STORE,
				  e->layer);
		if (k < 0)
			return k;
		cmd = e->qs.q[queue].item[k].cmd;
		/* LOAD and STORE have these fields at the same places. */
		mea_put(cmd, MEA_F_STORE_SLOT, (uint32_t)pl->slot);
		mea_put(cmd, MEA_F_STORE_OFFSET, (uint32_t)at);
		mea_put(cmd, MEA_F_STORE_ROW_WORDS, (uint32_t)(packed ? n * d->w : d->w));
		mea_put(cmd, MEA_F_STORE_ROWS, (uint32_t)(packed ? 1 : n));
		mea_put(cmd, MEA_F_STORE_DRAM_PITCH, (uint32_t)d->row_bytes);
		mea_put(cmd, MEA_F_STORE_ADDR, (uint32_t)(base + b * plane));
		mea_put(cmd, MEA_F_STORE_PITCH, (uint32_t)d->w);
		rc = mea_emit_use(e, MEM_ACT, queue, k, base + b * plane, (int64_t)n * d->w,
				  queue == Q_LOAD);
		if (rc == 0)
			rc = mea_emit_use(e, MEM_DRAM, queue, k,
					  ((int64_t)pl->slot << 32) + (int64_t)at,
					  (int64_t)n * (int64_t)d->row_bytes, queue == Q_STORE);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int blocks_of(const struct emit *e, int tensor)
{
	return mea_div_up(e->net->tensors[tensor].c, e->hw->lanes);
}

static int input_rows(const struct mea_qlayer *l, int in_h, int rows)
{
	int n = (rows - 1) * l->stride_h + l->kh;

	return n < in_h ? n : in_h;
}

int mea_strip_half(const struct emit *e, int half)
{
	return e->strip_base + half * ((e->hw->act_words - e->strip_base) / 2);
}

/* Words of one half of the strip region for strips of that many rows. */
static long half_words(const struct emit *e, const struct mea_qlayer *l, int rows)
{
	const struct mea_qtensor *in = &e->net->tensors[l->in], *out = &e->net->tensors[l->out];
	long n = 0;

	if (!e->place[l->in].resident && !e->place[l->in].stem)
		n += (long)blocks_of(e, l->in) * input_rows(l, in->h, rows) * in->w;
	if (l->in2 >= 0 && !e->place[l->in2].resident)
		n += (long)blocks_of(e, l->in2) * rows * out->w;
	if (!e->place[l->out].resident)
		n += (long)blocks_of(e, l->out) * rows * out->w;
	return n;
}

int mea_strip_rows(const struct emit *e, const struct mea_qlayer *l)
{
	const struct mea_qtensor *out = &e->net->tensors[l->out];
	int half = (e->hw->act_words - e->strip_base) / 2;
	/* The depthwise unit has no accumulators. */
	int rows = mea_is_depthwise(e->net, l) ? out->h : e->hw->acc_depth / out->w;

	if (rows > out->h)
		rows = out->h;
	while (rows > 0 && half_words(e, l, rows) > half)
		rows--;
	if (rows > 0)
		return rows;
	return mea_fail(MEA_EUNSUPPORTED,
			"layer %s: a single output row does not fit in the scratchpad "
			"(%ld of %d words) or the accumulators (%d of %d pixels)",
			l->name, half_words(e, l, 1), half, out->w, e->hw->acc_depth);
}

/* Rows [y, y + n) of a tensor that may have to come through the strip region. */
static int operand(struct emit *e, int tensor, int y, int n, int *at, struct operand *o)
{
	const struct mea_qtensor *t = &e->net->tensors[tensor];
	const struct place *pl = &e->place[tensor];

	if (pl->resident) {
		o->base = pl->base + y * t->w;
		o->plane = t->h * t->w;
		return 0;
	}
	o->base = *at;
	o->plane = n * t->w;
	*at += blocks_of(e, tensor) * o->plane;
	return n ? mea_emit_rows(e, Q_LOAD, pl, y, n, o->base, o->plane) : 0;
}

static int open_input(struct emit *e, const struct mea_qlayer *l, struct strip *s, int *at)
{
	int in_h = e->net->tensors[l->in].h;
	int y = s->oy * l->stride_h - l->pad_t;
	int end = y + (s->rows - 1) * l->stride_h + l->kh;
	int first = y < 0 ? 0 : y > in_h ? in_h : y;

	s->pad_t = y < 0 ? -y : 0;
	s->in_h = (end < in_h ? end : in_h) - first;
	if (s->in_h < 0)
		s->in_h = 0;
	return operand(e, l->in, first, s->in_h, at, &s->in);
}

int mea_strip_open(struct emit *e, const struct mea_qlayer *l, struct strip *s, int *at)
{
	const struct mea_qtensor *out = &e->net->tensors[l->out];
	const struct place *pl = &e->place[l->out];
	int rc;

	if (l->in2 >= 0) {
		rc = operand(e, l->in2, s->oy, s->rows, at, &s->res);
		if (rc < 0)
			return rc;
	}
	if (pl->resident) {
		s->out_base = pl->base + s->oy * out->w;
		s->out_plane = out->h * out->w;
	} else {
		s->out_base = *at;
		s->out_plane = s->rows * out->w;
	}
	return 0;
}

int mea_strip_close(struct emit *e, const struct mea_qlayer *l, const struct strip *s)
{
	const struct place *pl = &e->place[l->out];

	if (pl->resident)
		return 0;
	return mea_emit_rows(e, Q_STORE, pl, s->oy, s->rows, s->out_base, s->out_plane);
}

static int one_strip(struct emit *e, const struct mea_qlayer *l, int oy, int rows, int half)
{
	struct strip s = {.oy = oy, .rows = rows};
	int at = mea_strip_half(e, half), rc;

	rc = open_input(e, l, &s, &at);
	if (rc == 0)
		rc = mea_strip_open(e, l, &s, &at);
	if (rc == 0)
		rc = mea_emit_strip(e, l, &s);
	return rc < 0 ? rc : mea_strip_close(e, l, &s);
}

int mea_emit_layer(struct emit *e, const struct mea_qlayer *l)
{
	int rows = mea_strip_rows(e, l), out_h = e->net->tensors[l->out].h;

	if (rows < 0)
		return rows;
	for (int oy = 0, i = 0; oy < out_h; oy += rows, i++) {
		int rc = one_strip(e, l, oy, out_h - oy < rows ? out_h - oy : rows, i % 2);

		if (rc < 0)
			return rc;
	}
	return 0;
}
