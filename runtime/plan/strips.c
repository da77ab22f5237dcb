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
	int rows = mea_is_depthwise(e->hw, e->net, l) ? out->h : e->hw->acc_depth / out->w;

	return rows < out->h ? rows : out->h;
}

static bool layer_buffers(struct emit *e, struct unit *u, int rows)
{
	const struct mea_qlayer *l = &e->net->layers[u->first];
	int halves = rows < e->net->tensors[l->out].h ? 2 : 1;
	int res_rows = l->in2 >= 0 && mea_still(e->net, l) ? 1 : rows;
	struct buffer none = {0}, res;
	bool ok;

	u->rows = rows;
	ok = buffer(e, half_of(e, l->in2, res_rows), halves, &none, &u->res);
	res = where(e, l->in2, &u->res);
	ok = ok && buffer(e, half_of(e, l->in, max_input_rows(e, l, rows)), halves, &res, &u->in);
	ok = ok && buffer(e, half_of(e, l->out, rows), halves, &none, &u->out);
	if (!ok)
		mea_free_buffers(e, u);
	return ok;
}

/* For a pool whose window takes more than half of the scratchpad: pieces of the window, of one
 * block of channels at a time. (For smaller ones other tensors make room.) */
static bool place_pieces(struct emit *e, struct unit *u)
{
	const struct mea_qlayer *l = &e->net->layers[u->first];
	int halves = e->net->tensors[l->out].h > 1 ? 2 : 1;
	struct buffer none = {0};

	if ((l->op != MEA_Q_AVGPOOL && l->op != MEA_Q_MAXPOOL) ||
	    half_of(e, l->in, max_input_rows(e, l, 1)) <= e->hw->act_words / 2)
		return false;
	u->rows = 1;
	for (u->piece = l->kh; u->piece > 0; u->piece--) {
		if (buffer(e, u->piece * e->net->tensors[l->in].w, 2, &none, &u->in) &&
		    buffer(e, half_of(e, l->out, 1), halves, &none, &u->out))
			return true;
		mea_free_buffers(e, u);
	}
	return false;
}

/* As few strips as there is room for, and all of about the same height. */
static bool place_layer(struct emit *e, struct unit *u)
{
	const struct mea_qlayer *l = &e->net->layers[u->first];
	int out_h = e->net->tensors[l->out].h;

	for (int rows = rows_limit(e, l); rows > 0; rows--)
		if (layer_buffers(e, u, mea_div_up(out_h, mea_div_up(out_h, rows))))
			return true;
	return place_pieces(e, u);
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
	const struct mea_qlayer *d = &e->net->layers[u->depth];
	const struct mea_qlayer *b = u->back < 0 ? NULL : &e->net->layers[u->back];
	const struct mea_qlayer *f = u->front < 0 ? NULL : &e->net->layers[u->front];
	int in_h = e->net->tensors[d->in].h, out_h = e->net->tensors[d->out].h;
	int window = max_input_rows(e, d, rows), fresh = fresh_rows(e, u, rows);
	int halves = rows < out_h ? 2 : 1, ring = window + (rows < out_h ? rows * d->stride_h : 0);
	struct buffer none = {0}, mid = none, in;
	bool ok;

	if ((b && rows * e->net->tensors[d->out].w > e->hw->acc_depth) ||
	    (f && !e->place[f->in].stem && fresh * e->net->tensors[d->in].w > e->hw->acc_depth))
		return false;
	/* An output in the place of what the depthwise layer reads follows one strip behind the
	 * reader, whose next strip begins pad_t rows earlier. */
	if (!f && e->place[d->in].given && rows < out_h && rows < d->pad_t)
		return false;
	u->rows = rows;
	/* The array reads the front's input, mid and the residual; the depthwise unit the
	 * ring, or what stands for it. */
	ok = buffer(e, f ? half_of(e, f->in, fresh) : half_of(e, d->in, window), halves, &none,
		    &u->in) &&
	     buffer(e, half_of(e, b ? b->in2 : -1, rows), halves, &u->in, &u->res);
	in = where(e, f ? f->in : d->in, &u->in);
	if (ok && f) {
		u->ring_rows = ring < in_h ? ring : in_h;
		u->ring = alloc(e, u->ring_rows * row_words(e, d->in), in.base, 2 * in.half);
		if (u->ring < 0)
			u->ring_rows = 0;
		ok = u->ring_rows > 0;
		mid = (struct buffer){u->ring, u->ring_rows * row_words(e, d->in) / 2};
	}
	ok = ok &&
	     buffer(e, b ? rows * row_words(e, d->out) : 0, halves, f ? &mid : &in, &u->mid) &&
	     buffer(e, half_of(e, b ? b->out : d->out, rows), halves, &none, &u->out);
	if (!ok)
		mea_free_buffers(e, u);
	return ok;
}

/* Words of the weight memory that a layer's chunks take. */
static long weight_words(const struct emit *e, const struct mea_qlayer *l)
{
	const struct mea_qtensor *in = &e->net->tensors[l->in];
	int words = mea_weight_words(e->hw, e->net, l, mea_div_up(in->c, e->hw->rows),
				     e->place[l->in].stem);

	return (long)mea_div_up(e->net->tensors[l->out].c, e->hw->cols) * (words + PARAM_WORDS);
}

/* Cycles in which the bus is busy with loads: weights, once if the weight memory holds all of the
 * unit and else for every strip anew, and the operands that are not in the scratchpad. */
static long load_cycles(const struct emit *e, const struct unit *u, long strips)
{
	const struct mea_qlayer *first = &e->net->layers[u->first];
	int res = u->back < 0 ? -1 : e->net->layers[u->back].in2;
	long words = 0, bytes;

	for (int k = u->first; k < u->first + u->n; k++)
		words += weight_words(e, &e->net->layers[k]);
	if (words <= e->hw->wgt_words)
		strips = 1;
	bytes = strips * words * 2 * e->hw->cols;
	bytes += (long)e->hw->lanes * half_of(e, first->in, e->net->tensors[first->in].h);
	if (res >= 0)
		bytes += (long)e->hw->lanes * half_of(e, res, e->net->tensors[res].h);
	return bytes / e->hw->axi_bytes;
}

/* Cycles of a pass over so many pixels: with too few the next weights are waited for. */
static long pass_cycles(const struct emit *e, long pixels)
{
	return pixels > e->hw->rows / 2 ? pixels : e->hw->rows / 2 + 1;
}

/* How often an operand of the array, tensor t in b, lies in the bank that the depthwise unit
 * reads, which then waits. */
static double in_the_way(const struct emit *e, int t, const struct buffer *b,
			 const struct buffer *dw)
{
	struct buffer x = where(e, t, b);

	return x.half && dw->half
		       ? mea_same_bank(e->hw, x.base, 2L * x.half, dw->base, 2L * dw->half)
		       : 0;
}

/* The work of a strip, in cycles but for results. */
struct work {
	long dw, array;
	long results;	/* of the array: cycles in which the depthwise unit's have to wait */
	double blocked; /* cycles of the array in which the depthwise unit cannot read */
	long before;	/* of the array, before it needs the depthwise unit */
};

/* What the back layer takes; dw: where the depthwise unit reads. */
static struct work back_work(const struct emit *e, const struct unit *u, const struct buffer *dw)
{
	const struct mea_qlayer *b = &e->net->layers[u->back];
	const struct mea_qtensor *in = &e->net->tensors[b->in];
	long out_blocks = mea_div_up(e->net->tensors[b->out].c, e->hw->cols);
	long last = pass_cycles(e, (long)u->rows * in->w) * out_blocks;
	long back = last * mea_div_up(in->c, e->hw->rows);

	return (struct work){.array = back + 3 * out_blocks,
			     .results = last,
			     .blocked = (double)back * in_the_way(e, -1, &u->mid, dw) +
					(double)last * in_the_way(e, b->in2, &u->res, dw)};
}

static struct work strip_work(const struct emit *e, const struct unit *u)
{
	const struct mea_qlayer *d = &e->net->layers[u->depth];
	const struct mea_qtensor *in = &e->net->tensors[d->in], *out = &e->net->tensors[d->out];
	long cols = (out->w - 1L) * d->stride_w + 3, taps = 9 / e->hw->dw_taps;
	long busy = out->w * taps > cols ? out->w * taps : cols;
	long dw_blocks = mea_div_up(out->c, e->hw->cols);
	struct buffer ring = {u->ring, u->ring_rows * row_words(e, d->in) / 2};
	struct buffer dw = u->front < 0 ? where(e, d->in, &u->in) : ring;
	struct work w = {0};

	if (u->back >= 0)
		w = back_work(e, u, &dw);
	w.dw = dw_blocks * (u->rows * busy + ((u->rows - 1L) * (d->stride_h - 1) + 2) * cols);
	if (u->front >= 0) {
		const struct mea_qlayer *f = &e->net->layers[u->front];
		const struct mea_qtensor *x = &e->net->tensors[f->in];
		long px = pass_cycles(e, (long)u->rows * d->stride_h * in->w) * dw_blocks;
		int k = e->place[f->in].stem ? f->kh * f->kw * x->c : x->c;

		w.before = px * mea_div_up(k, e->hw->rows);
		w.results += px;
		w.array += w.before + 3 * dw_blocks;
		if (!e->place[f->in].stem)
			w.blocked += (double)w.before * in_the_way(e, f->in, &u->in, &dw);
	}
	return w;
}

/* Cycles that the depthwise unit needs beside an array that works all the time and keeps it
 * from working for so many cycles of a strip. */
static long beside(const struct work *w, double kept)
{
	double left = (double)w->array - kept;

	return (long)((double)(w->dw * w->array) / (left > 1 ? left : 1));
}

/* Cycles of unit u as its buffers lie, by and large: enough to choose between heights. Sets
 * u->yields. */
static long fused_cost(const struct emit *e, struct unit *u)
{
	const struct mea_qtensor *out = &e->net->tensors[e->net->layers[u->depth].out];
	struct work w = strip_work(e, u);
	long strips = mea_div_up(out->h, u->rows), load = load_cycles(e, u, strips);
	long dw = beside(&w, w.blocked), tail, all;

	u->yields = beside(&w, w.blocked + (double)w.results) > w.array;
	tail = strips == 1 ? (dw > w.before ? dw - w.before : 0)
			   : (dw > 2 * w.before ? dw - 2 * w.before : 0);
	all = strips * (w.array > dw ? w.array : dw) + tail + dw / mea_div_up(out->c, e->hw->cols);
	return all > load ? all : load;
}

/* The height with the least cost of those that fit. */
static bool place_fused(struct emit *e, struct unit *u, long *cost)
{
	int out_h = e->net->tensors[e->net->layers[u->depth].out].h, best = 0;

	for (int n = 1; n <= out_h; n++) {
		int rows = mea_div_up(out_h, n);
		long c;

		if ((n > 1 && rows == mea_div_up(out_h, n - 1)) || !fused_buffers(e, u, rows))
			continue;
		c = fused_cost(e, u);
		mea_free_buffers(e, u);
		if (best && c >= *cost)
			continue;
		*cost = c;
		best = rows;
	}
	if (!best || !fused_buffers(e, u, best))
		return false;
	*cost = fused_cost(e, u);
	return true;
}

bool mea_place_strips(struct emit *e, struct unit *u, long *cost)
{
	return u->depth >= 0 ? place_fused(e, u, cost) : place_layer(e, u);
}
