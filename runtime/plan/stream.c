// SPDX-License-Identifier: Apache-2.0
/*
 * A layer in strips of output rows. Operands that live in the scratchpad are used
 * in place; those in DRAM pass through two halves of a buffer, so that one strip
 * loads and stores while the other computes.
 */
#include "plan/emit.h"

#include "base/error.h"

int mea_emit_use(struct emit *e, int mem, int queue, int item, int64_t base, int64_t size,
		 bool write)
{
	return mea_depend(&e->mem[mem], &e->qs, queue, item, base, size, write);
}

/* The rows of one channel block. */
static int move_block(struct emit *e, int queue, const struct place *pl, int block, int y, int n,
		      int base)
{
	const struct mea_layout *d = &pl->dram;
	/* Rows without padding follow each other in DRAM as in the scratchpad. */
	bool packed = d->row_bytes == (size_t)d->w * d->lanes;
	uint64_t at = pl->offset + ((uint64_t)block * d->h + y) * d->row_bytes;
	int k = mea_queue_add(&e->qs, queue, queue == Q_LOAD ? MEA_OP_LOAD : MEA_OP_STORE,
			      e->layer);
	uint32_t *cmd;
	int rc;

	if (k < 0)
		return k;
	cmd = e->qs.q[queue].item[k].cmd;
	/* LOAD and STORE have these fields at the same places. */
	mea_put(cmd, MEA_F_STORE_SLOT, (uint32_t)pl->slot);
	mea_put(cmd, MEA_F_STORE_OFFSET, (uint32_t)at);
	mea_put(cmd, MEA_F_STORE_ROW_WORDS, (uint32_t)(packed ? n * d->w : d->w));
	mea_put(cmd, MEA_F_STORE_ROWS, (uint32_t)(packed ? 1 : n));
	mea_put(cmd, MEA_F_STORE_DRAM_PITCH, (uint32_t)d->row_bytes);
	mea_put(cmd, MEA_F_STORE_ADDR, (uint32_t)base);
	mea_put(cmd, MEA_F_STORE_PITCH, (uint32_t)d->w);
	rc = mea_emit_use(e, MEM_ACT, queue, k, base, (int64_t)n * d->w, queue == Q_LOAD);
	return rc ? rc
		  : mea_emit_use(e, MEM_DRAM, queue, k, ((int64_t)pl->slot << 32) + (int64_t)at,
				 (int64_t)n * (int64_t)d->row_bytes, queue == Q_STORE);
}

static int blocks_of(const struct emit *e, int tensor)
{
	return mea_div_up(e->net->tensors[tensor].c, e->hw->lanes);
}

int mea_emit_rows(struct emit *e, int queue, int tensor, int y, int n, int base, int plane)
{
	const struct place *pl = &e->place[tensor];
	int blocks = blocks_of(e, tensor), rc = 0;

	for (int i = 0; i < 2 && pl->part[0] >= 0; i++) {
		int part = pl->part[i];

		rc = mea_emit_rows(e, queue, part, y, n, base, plane);
		if (rc < 0)
			return rc;
		base += blocks_of(e, part) * plane;
	}
	for (int b = 0; b < blocks && rc == 0 && pl->part[0] < 0; b++)
		rc = move_block(e, queue, pl, b, y, n, base + b * plane);
	return rc;
}

/* One of a tensor's blocks. */
static int emit_block_rows(struct emit *e, int queue, int tensor, int block, int y, int n, int base)
{
	const struct place *pl = &e->place[tensor];
	int first = pl->part[0] < 0 ? 0 : blocks_of(e, pl->part[0]);

	if (pl->part[0] < 0)
		return move_block(e, queue, pl, block, y, n, base);
	return block < first ? emit_block_rows(e, queue, pl->part[0], block, y, n, base)
			     : emit_block_rows(e, queue, pl->part[1], block - first, y, n, base);
}

int mea_operand(struct emit *e, int tensor, int y, int n, const struct buffer *b, int half,
		struct operand *o)
{
	const struct mea_qtensor *t = &e->net->tensors[tensor];
	const struct place *pl = &e->place[tensor];

	if (pl->resident) {
		o->base = pl->base + y * t->w;
		o->plane = t->h * t->w;
		return 0;
	}
	o->base = b->base + half * b->half;
	o->plane = n * t->w;
	return n ? mea_emit_rows(e, Q_LOAD, tensor, y, n, o->base, o->plane) : 0;
}

void mea_strip_output(const struct emit *e, const struct mea_qlayer *l, const struct buffer *b,
		      int half, struct strip *s)
{
	const struct mea_qtensor *out = &e->net->tensors[l->out];
	const struct place *pl = &e->place[l->out];

	s->out_base = pl->resident ? pl->base + s->oy * out->w : b->base + half * b->half;
	s->out_plane = pl->resident ? out->h * out->w : s->rows * out->w;
}

int mea_strip_store(struct emit *e, const struct mea_qlayer *l, const struct strip *s)
{
	return e->place[l->out].resident ? 0
					 : mea_emit_rows(e, Q_STORE, l->out, s->oy, s->rows,
							 s->out_base, s->out_plane);
}

void mea_input_rows(const struct mea_qnet *net, const struct mea_qlayer *l, int oy, int rows,
		    int *from, int *to)
{
	int in_h = net->tensors[l->in].h;
	int first = oy * l->stride_h - l->pad_t, end = first + (rows - 1) * l->stride_h + l->kh;

	*from = first < 0 ? 0 : first > in_h ? in_h : first;
	*to = end > in_h ? in_h : end;
	if (*to < *from)
		*to = *from;
}

static int one_strip(struct emit *e, const struct unit *u, const struct mea_qlayer *l, int oy,
		     int rows, int half)
{
	struct strip s = {.oy = oy, .rows = rows};
	int from, to, y = oy * l->stride_h - l->pad_t, rc = 0;

	mea_strip_output(e, l, &u->out, half, &s);
	if (l->in2 >= 0) {
		bool still = mea_still(e->net, l);

		rc = mea_operand(e, l->in2, still ? 0 : oy, still ? 1 : rows, &u->res, half,
				 &s.res);
	}
	if (rc == 0 && e->place[l->in].stem) {
		rc = mea_emit_stem_strip(e, l, &s);
	} else if (rc == 0) {
		mea_input_rows(e->net, l, oy, rows, &from, &to);
		s.pad_t = y < 0 ? -y : 0;
		s.in_h = to - from;
		rc = mea_operand(e, l->in, from, s.in_h, &u->in, half, &s.in);
		if (rc == 0)
			rc = mea_emit_strip(e, l, &s);
	}
	return rc < 0 ? rc : mea_strip_store(e, l, &s);
}

/* The output row oy of a pool, its window in pieces that go through the halves of u->in. A block's
 * pieces follow each other, as they share the accumulators. */
static int one_window(struct emit *e, const struct unit *u, const struct mea_qlayer *l, int oy,
		      int half)
{
	int n_ob = mea_div_up(e->net->tensors[l->out].c, e->hw->cols), from, to, rc = 0, k = 0;
	int top = oy * l->stride_h - l->pad_t;
	struct strip s = {.oy = oy, .rows = 1};

	mea_strip_output(e, l, &u->out, half, &s);
	mea_input_rows(e->net, l, oy, 1, &from, &to);
	for (int ob = 0; ob < n_ob; ob++)
		for (int y = from; y < to && rc == 0; y += s.in_h, k++) {
			int block = ob * e->hw->cols / e->hw->lanes;

			s.in_h = to - y < u->piece ? to - y : u->piece;
			s.rest = y > from;
			s.more = y + s.in_h < to;
			s.pad_t = s.rest ? 0 : from - top;
			s.kh = s.pad_t + s.in_h + (s.more ? 0 : top + l->kh - to);
			s.in.base = u->in.base + k % 2 * u->in.half;
			rc = emit_block_rows(e, Q_LOAD, l->in, block, y, s.in_h, s.in.base);
			if (rc == 0)
				rc = mea_emit_out_block(e, l, &s, ob);
		}
	return rc < 0 ? rc : mea_strip_store(e, l, &s);
}

int mea_emit_layer(struct emit *e, const struct unit *u)
{
	const struct mea_qlayer *l = &e->net->layers[u->first];
	int out_h = e->net->tensors[l->out].h;

	if (l->op == MEA_Q_CONCAT)
		return 0; /* its parts lie where they belong */
	for (int oy = 0, i = 0; oy < out_h; oy += u->rows, i++) {
		int rows = out_h - oy < u->rows ? out_h - oy : u->rows;
		int rc = u->piece ? one_window(e, u, l, oy, i % 2)
				  : one_strip(e, u, l, oy, rows, i % 2);

		if (rc < 0)
			return rc;
	}
	return 0;
}
