// SPDX-License-Identifier: Apache-2.0
/*
 * How high the strips of a unit are, and where in the scratchpad its buffers lie, given
 * which tensors stay there.
 */
#include "plan/place.h"

static int blocks_of(const struct emit *e, int t)
{
	return mea_div_up(e->net->tensors[t].c, e->hw->lanes);
}

static int row_words(const struct emit *e, int t)
{
	return blocks_of(e, t) * e->net->tensors[t].w;
}

int mea_words_of(const struct emit *e, int t)
{
	return row_words(e, t) * e->net->tensors[t].h;
}

/* Allocates n words, in other banks than those of the words [at, at + size). */
static int alloc(struct emit *e, int n, int at, int size)
{
	const int avoid[1][2] = {{at, size}};

	return mea_spad_alloc(&e->spad, n, avoid, size > 0);
}

static bool buffer(struct emit *e, int half, int halves, const struct buffer *avoid,
		   struct buffer *b)
{
	b->half = half;
	if (!half)
		return true;
	b->base = alloc(e, half * halves, avoid->base, 2 * avoid->half);
	if (b->base < 0)
		b->half = 0;
	return b->half != 0;
}

static void give_back(struct emit *e, struct buffer *b)
{
	if (b->half)
		mea_spad_free(&e->spad, b->base);
	b->half = 0;
}

void mea_free_buffers(struct emit *e, struct unit *u)
{
	give_back(e, &u->in);
	give_back(e, &u->res);
	give_back(e, &u->out);
	give_back(e, &u->mid);
	if (u->ring_rows)
		mea_spad_free(&e->spad, u->ring);
	u->ring_rows = 0;
}

/* Words of a half for n rows of t, 0 if they need not come through one. */
static int half_of(const struct emit *e, int t, int n)
{
	const struct place *pl = &e->place[t];

	return t < 0 || pl->resident || pl->stem ? 0 : n * row_words(e, t);
}

/* Where an operand's words are, as far as banks matter. */
static struct buffer where(const struct emit *e, int t, const struct buffer *b)
{
	if (t >= 0 && e->place[t].resident)
		return (struct buffer){e->place[t].base, mea_words_of(e, t) / 2};
	return *b;
}

static int max_input_rows(const struct emit *e, const struct mea_qlayer *l, int rows)
{
	int most = (rows - 1) * l->stride_h + l->kh, h = e->net->tensors[l->in].h;

	return most < h ? most : h;
}

/* --- a layer ------------------------------------------------------------------ */

/* Rows that a command can take whatever the scratchpad has. */
static int rows_limit(const struct emit *e, const struct mea_qlayer *l)
{
	const struct mea_qtensor *out = &e->net->tensors[l->out];
	/* The depthwise unit has no accumulators. */
	int rows = mea_is_depthwise(e->net, l) ? out->h : e->hw->acc_depth / out->w;

	return rows < out->h ? rows : out->h;
}

static bool layer_buffers(struct emit *e, struct unit *u, int rows)
{
	const struct mea_qlayer *l = &e->net->layers[u->first];
	int halves = rows < e->net->tensors[l->out].h ? 2 : 1;
	struct buffer none = {0}, res;
	bool ok;

	u->rows = rows;
	ok = buffer(e, half_of(e, l->in2, rows), halves, &none, &u->res);
	res = where(e, l->in2, &u->res);
	ok = ok && buffer(e, half_of(e, l->in, max_input_rows(e, l, rows)), halves, &res, &u->in);
	ok = ok && buffer(e, half_of(e, l->out, rows), halves, &none, &u->out);
	if (!ok)
		mea_free_buffers(e, u);
	return ok;
}

/* As few strips as there is room for, and all of about the same height. */
static bool place_layer(struct emit *e, struct unit *u)
{
	const struct mea_qlayer *l = &e->net->layers[u->first];
	int out_h = e->net->tensors[l->out].h;

	for (int rows = rows_limit(e, l); rows > 0; rows--)
		if (layer_buffers(e, u, mea_div_up(out_h, mea_div_up(out_h, rows))))
			return true;
	return false;
}

/* --- a fused unit ---------------------------------------------------------------- */

/* Rows of the front's map that a strip reads and does not share with the one before. */
static int fresh_rows(const struct emit *e, const struct unit *u, int rows)
{
	const struct mea_qlayer *d = &e->net->layers[u->depth];
	int from, to;

	mea_input_rows(e->net, d, 0, rows, &from, &to);
	return to > rows * d->stride_h ? to : rows * d->stride_h;
}

static bool fused_buffers(struct emit *e, struct unit *u, int rows)
{
	const struct mea_qlayer *d = &e->net->layers[u->depth], *b = &e->net->layers[u->back];
	const struct mea_qlayer *f = u->front < 0 ? NULL : &e->net->layers[u->front];
	int in_h = e->net->tensors[d->in].h, out_h = e->net->tensors[d->out].h;
	int window = max_input_rows(e, d, rows), fresh = fresh_rows(e, u, rows);
	int halves = rows < out_h ? 2 : 1, ring = window + (rows < out_h ? rows * d->stride_h : 0);
	struct buffer none = {0}, mid = none, in;
	bool ok;

	if (rows * e->net->tensors[d->out].w > e->hw->acc_depth ||
	    (f && !e->place[f->in].stem && fresh * e->net->tensors[d->in].w > e->hw->acc_depth))
		return false;
	u->rows = rows;
	/* The array reads the front's input, mid and the residual; the depthwise unit the
	 * ring, or what stands for it. */
	ok = buffer(e, f ? half_of(e, f->in, fresh) : half_of(e, d->in, window), halves, &none,
		    &u->in) &&
	     buffer(e, half_of(e, b->in2, rows), halves, &u->in, &u->res);
	in = where(e, f ? f->in : d->in, &u->in);
	if (ok && f) {
		u->ring_rows = ring < in_h ? ring : in_h;
		u->ring = alloc(e, u->ring_rows * row_words(e, d->in), in.base, 2 * in.half);
		if (u->ring < 0)
			u->ring_rows = 0;
		ok = u->ring_rows > 0;
		mid = (struct buffer){u->ring, u->ring_rows * row_words(e, d->in) / 2};
	}
	ok = ok && buffer(e, rows * row_words(e, d->out), halves, f ? &mid : &in, &u->mid) &&
	     buffer(e, half_of(e, b->out, rows), halves, &none, &u->out);
	if (!ok)
		mea_free_buffers(e, u);
	return ok;
}

/* Cycles of the array and of the depthwise unit for strips of so many rows, by and large:
 * enough to choose between heights. */
static long fused_cost(const struct emit *e, const struct unit *u, int rows, bool *yields)
{
	const struct mea_qlayer *d = &e->net->layers[u->depth], *b = &e->net->layers[u->back];
	const struct mea_qtensor *in = &e->net->tensors[d->in], *out = &e->net->tensors[d->out];
	long cols = (out->w - 1L) * d->stride_w + 3, taps = 9 / e->hw->dw_taps;
	long busy = out->w * taps > cols ? out->w * taps : cols;
	long dw_blocks = mea_div_up(out->c, e->hw->cols);
	long dw = dw_blocks * (rows * busy + ((rows - 1L) * (d->stride_h - 1) + 2) * cols);
	long out_blocks = mea_div_up(e->net->tensors[b->out].c, e->hw->cols);
	long last = (long)rows * out->w * out_blocks;
	long back = last * mea_div_up(out->c, e->hw->rows);
	long strips = mea_div_up(out->h, rows), front = 0, commands = out_blocks, results = last;
	long array, narrow, tail;

	if (u->front >= 0) {
		const struct mea_qlayer *f = &e->net->layers[u->front];
		const struct mea_qtensor *x = &e->net->tensors[f->in];
		long px = (long)rows * d->stride_h * in->w * dw_blocks;
		int k = e->place[f->in].stem ? f->kh * f->kw * x->c : x->c;

		front = px * mea_div_up(k, e->hw->rows);
		results += px;
		commands += dw_blocks;
	}
	array = front + back + 3 * commands;
	narrow = dw * array / (array - results + 1 > 0 ? array - results + 1 : 1);
	*yields = narrow > array;
	tail = strips == 1 ? (dw > front ? dw - front : 0) : dw > 2 * front ? dw - 2 * front : 0;
	return strips * (array > dw ? array : dw) + tail + dw / dw_blocks;
}

/* The height with the least cost of those that fit. */
static bool place_fused(struct emit *e, struct unit *u, long *cost)
{
	int out_h = e->net->tensors[e->net->layers[u->depth].out].h, best = 0;
	bool yields;

	for (int n = 1; n <= out_h; n++) {
		int rows = mea_div_up(out_h, n);
		long c;

		if ((n > 1 && rows == mea_div_up(out_h, n - 1)) || !fused_buffers(e, u, rows))
			continue;
		mea_free_buffers(e, u);
		c = fused_cost(e, u, rows, &yields);
		if (best && c >= *cost)
			continue;
		*cost = c;
		best = rows;
		u->yields = yields;
	}
	return best && fused_buffers(e, u, best);
}

bool mea_place_strips(struct emit *e, struct unit *u, long *cost)
{
	return u->depth >= 0 ? place_fused(e, u, cost) : place_layer(e, u);
}
