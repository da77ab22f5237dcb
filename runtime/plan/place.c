// SPDX-License-Identifier: Apache-2.0
/*
 * What is planned as one, and where everything lies: first the units, then for each in
 * order its output and its buffers in the scratchpad, as it is just then. A tensor that
 * does not fit beside what must stay goes through DRAM; if even the buffers of single
 * rows do not fit, the largest tensor that stays is sent away and all is placed again.
 */
#include "plan/emit.h"

#include <stdlib.h>

#include "error.h"

bool mea_is_output(const struct mea_qnet *net, int t)
{
	for (int i = 0; i < net->n_outputs; i++)
		if (net->outputs[i] == t)
			return true;
	return false;
}

/* --- units ------------------------------------------------------------------- */

/* The readers of t. */
static int users(const struct mea_qnet *net, int t)
{
	int n = mea_is_output(net, t);

	for (int k = 0; k < net->n_layers; k++)
		n += (net->layers[k].in == t) + (net->layers[k].in2 == t);
	return n;
}

static bool is_pointwise(const struct mea_qlayer *l)
{
	return l->op == MEA_Q_CONV && l->groups == 1 && l->kh == 1 && l->kw == 1 &&
	       l->stride_h == 1 && l->stride_w == 1 && !(l->pad_t | l->pad_l | l->pad_b | l->pad_r);
}

/* Layer i hands its map to the next layer and to nobody else. */
static bool leads_to(const struct mea_qnet *net, int i)
{
	return i >= 0 && i + 1 < net->n_layers && net->layers[i + 1].in == net->layers[i].out &&
	       users(net, net->layers[i].out) == 1;
}

/* The fused unit whose depthwise layer is d, or one of layer i alone. */
static struct unit unit_at(const struct emit *e, int i)
{
	const struct mea_qnet *net = e->net;
	struct unit u = {.first = i, .n = 1, .front = -1, .depth = -1, .back = -1};
	const struct mea_qlayer *l = &net->layers[i];
	int d = i;

	if (!mea_is_depthwise(net, l) && leads_to(net, i) && l->in2 < 0 &&
	    (is_pointwise(l) || e->place[l->in].stem))
		d = i + 1;
	if (!mea_is_depthwise(net, &net->layers[d]) || !leads_to(net, d) ||
	    !is_pointwise(&net->layers[d + 1]))
		return u;
	u.n = d + 2 - i;
	u.front = d == i ? -1 : i;
	u.depth = d;
	u.back = d + 1;
	return u;
}

static int find_units(struct emit *e)
{
	e->unit = calloc((size_t)e->net->n_layers, sizeof(*e->unit));
	if (!e->unit)
		return mea_fail(MEA_ENOMEM, "planner: out of memory");
	for (int i = 0; i < e->net->n_layers; i += e->unit[e->n_units++].n) {
		struct unit u = unit_at(e, i);

		e->unit[e->n_units] = u;
		for (int k = i; k < i + u.n - 1; k++)
			e->place[e->net->layers[k].out].inside = true;
	}
	return 0;
}

/* --- the scratchpad ---------------------------------------------------------- */

static int blocks_of(const struct emit *e, int t)
{
	return mea_div_up(e->net->tensors[t].c, e->hw->lanes);
}

static int row_words(const struct emit *e, int t)
{
	return blocks_of(e, t) * e->net->tensors[t].w;
}

static int words_of(const struct emit *e, int t)
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

static void free_buffers(struct emit *e, struct unit *u)
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
		return (struct buffer){e->place[t].base, words_of(e, t) / 2};
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
		free_buffers(e, u);
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
		free_buffers(e, u);
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
		free_buffers(e, u);
		c = fused_cost(e, u, rows, &yields);
		if (best && c >= *cost)
			continue;
		*cost = c;
		best = rows;
		u->yields = yields;
	}
	return best && fused_buffers(e, u, best);
}

/* --- outputs -------------------------------------------------------------------- */

static const struct mea_qlayer *last_layer(const struct emit *e, const struct unit *u)
{
	return &e->net->layers[u->first + u->n - 1];
}

/* Partners of t: tensors that some layer reads in the same cycle as t. */
static int partners(const struct emit *e, int t, int (*avoid)[2], int max)
{
	int n = 0;

	for (int k = 0; k < e->net->n_layers && n < max; k++) {
		const struct mea_qlayer *l = &e->net->layers[k];
		int other = l->in2 < 0 || l->op == MEA_Q_CONCAT ? -1
			    : l->in == t			? l->in2
			    : l->in2 == t			? l->in
								: -1;

		if (other >= 0 && e->place[other].resident) {
			avoid[n][0] = e->place[other].base;
			avoid[n++][1] = words_of(e, other);
		}
	}
	return n;
}

/* A part of a concatenation lies in the whole, which comes with its first part. */
static void place_tensor(struct emit *e, int t)
{
	struct place *pl = &e->place[t];
	int avoid[8][2], n;

	if (pl->resident || pl->banned)
		return;
	if (pl->whole >= 0) {
		const struct place *w = &e->place[pl->whole];

		place_tensor(e, pl->whole);
		pl->resident = w->resident;
		pl->base = w->base + (w->part[1] == t ? words_of(e, w->part[0]) : 0);
		return;
	}
	n = partners(e, t, avoid, 8);
	pl->base = mea_spad_alloc(&e->spad, words_of(e, t), (const int(*)[2])avoid, n);
	pl->resident = pl->base >= 0;
	if (pl->resident && pl->part[0] >= 0)
		for (int i = 0; i < 2; i++)
			place_tensor(e, pl->part[i]);
}

static void unplace(struct emit *e, int t)
{
	struct place *pl = &e->place[t];

	if (pl->resident && pl->whole < 0)
		mea_spad_free(&e->spad, pl->base);
	pl->resident = false;
}

/* Where a unit's output goes. SHARE: to the words of the residual, which nobody needs any
 * more: each is read before it is written. */
enum how { STAY, SHARE, DRAM };

static bool may(const struct emit *e, const struct unit *u, enum how how)
{
	const struct mea_qlayer *l = last_layer(e, u);
	const struct place *out = &e->place[l->out];
	const struct place *res = l->in2 < 0 ? NULL : &e->place[l->in2];
	const struct place *whole = out->whole < 0 ? NULL : &e->place[out->whole];

	switch (how) {
	case STAY:
		return !out->banned && !(whole && whole->banned);
	case SHARE:
		return !out->banned && res && res->resident && res->whole < 0 && res->part[0] < 0 &&
		       !whole && l->in != l->in2 && !mea_is_output(e->net, l->in2) &&
		       res->last_use == u->first + u->n - 1;
	default:
		/* The parts of a whole all stay, or none does. */
		return !whole || !whole->resident;
	}
}

/* Gives u its buffers with the output there; undo() after a failure. */
static bool commit(struct emit *e, struct unit *u, enum how how, long *cost)
{
	const struct mea_qlayer *l = last_layer(e, u);
	struct place *out = &e->place[l->out];

	if (how == STAY)
		place_tensor(e, l->out);
	if (how == STAY && !out->resident) {
		if (out->whole >= 0)
			e->place[out->whole].banned = true;
		return false;
	}
	if (how == SHARE) {
		out->resident = e->place[l->in2].given = true;
		out->base = e->place[l->in2].base;
	}
	return u->depth >= 0 ? place_fused(e, u, cost) : place_layer(e, u);
}

static void undo(struct emit *e, struct unit *u, enum how how)
{
	const struct mea_qlayer *l = last_layer(e, u);

	free_buffers(e, u);
	if (how == STAY)
		unplace(e, l->out);
	if (how == SHARE)
		e->place[l->out].resident = e->place[l->in2].given = false;
}

/* A layer's output stays on chip when it can. That of a fused unit takes the residual's
 * place, or stays unless the strips are so much taller without it. */
static bool place_unit(struct emit *e, struct unit *u)
{
	static const enum how orders[2][3] = {{STAY, SHARE, DRAM}, {SHARE, STAY, DRAM}};
	bool fused = u->depth >= 0;
	long cost = 0, without = 0;

	if (last_layer(e, u)->op == MEA_Q_CONCAT)
		return true;
	for (int i = 0; i < 3; i++) {
		enum how how = orders[fused][i];

		if (!may(e, u, how))
			continue;
		if (!commit(e, u, how, &cost)) {
			undo(e, u, how);
			continue;
		}
		if (!fused || how != STAY || !may(e, u, DRAM) ||
		    e->place[last_layer(e, u)->out].whole >= 0)
			return true;
		undo(e, u, STAY);
		if (commit(e, u, DRAM, &without) && without + without / 32 < cost)
			return true;
		undo(e, u, DRAM);
		return commit(e, u, STAY, &cost);
	}
	return false;
}

/* --- all ------------------------------------------------------------------------- */

static bool holds_words(const struct place *pl)
{
	return pl->resident && pl->whole < 0 && !pl->given;
}

static void release_dead(struct emit *e, const struct unit *u)
{
	for (int t = 0; t < e->net->n_tensors; t++) {
		const struct place *pl = &e->place[t];

		if (holds_words(pl) && pl->last_use >= u->first && pl->last_use < u->first + u->n)
			mea_spad_free(&e->spad, pl->base);
	}
}

static void place_inputs(struct emit *e)
{
	for (int i = 0; i < e->net->n_inputs; i++)
		if (!e->place[e->net->inputs[i]].stem)
			place_tensor(e, e->net->inputs[i]);
}

/* Returns the unit for which there is no room, or n_units. */
static int place_all(struct emit *e)
{
	e->spad = (struct spad){.words = e->hw->act_words,
				.bank_words = e->hw->act_words / e->hw->act_banks,
				.limit = e->hw->act_words};
	for (int t = 0; t < e->net->n_tensors; t++)
		e->place[t].resident = e->place[t].given = false;
	place_inputs(e);
	for (int i = 0; i < e->n_units; i++) {
		struct unit placed;

		e->unit[i].in = e->unit[i].res = e->unit[i].out = e->unit[i].mid =
			(struct buffer){0};
		e->unit[i].ring_rows = 0;

		if (!place_unit(e, &e->unit[i]))
			return i;
		/* The next unit may take the buffers' words; tokens keep them apart. */
		placed = e->unit[i];
		free_buffers(e, &e->unit[i]);
		e->unit[i] = placed;
		release_dead(e, &placed);
	}
	return e->n_units;
}

/* The largest tensor that holds words while unit u works, or -1. */
static int largest(const struct emit *e, const struct unit *u)
{
	int best = -1;

	for (int t = 0; t < e->net->n_tensors; t++)
		if (holds_words(&e->place[t]) && e->place[t].last_use >= u->first &&
		    (best < 0 || words_of(e, t) > words_of(e, best)))
			best = t;
	return best;
}

static void place_dram(struct emit *e)
{
	const struct mea_qnet *net = e->net;
	uint64_t at = 0;

	for (int t = 0; t < net->n_tensors; t++) {
		struct place *pl = &e->place[t];

		if (!pl->stem)
			mea_layout_blocks(&pl->dram, &net->tensors[t], e->hw->lanes);
		if (pl->resident || pl->stem || pl->inside || pl->part[0] >= 0)
			continue;
		e->p->rereads |= mea_is_output(net, t) && users(net, t) > 1;
		if (pl->slot != MEA_SLOT_SCRATCH)
			continue;
		pl->offset = at;
		at += pl->dram.bytes;
	}
	e->p->scratch_bytes = at;
	for (int i = 0; i < net->n_inputs; i++)
		e->p->in[i] = e->place[net->inputs[i]].dram;
	for (int i = 0; i < net->n_outputs; i++)
		e->p->out[i] = e->place[net->outputs[i]].dram;
}

static void find_stems(struct emit *e)
{
	const struct mea_qnet *net = e->net;

	for (int i = 0; i < net->n_inputs; i++) {
		struct place *pl = &e->place[net->inputs[i]];
		const struct mea_qlayer *user = NULL;

		for (int k = 0; k < net->n_layers; k++)
			if (net->layers[k].in == net->inputs[i])
				user = &net->layers[k];
		pl->slot = MEA_SLOT_IN + i;
		pl->stem = user && users(net, net->inputs[i]) == 1 &&
			   mea_wants_stem(e->hw, net, user);
		if (pl->stem)
			mea_layout_stem(&pl->dram, &net->tensors[net->inputs[i]], user);
	}
}

static void find_uses(struct emit *e)
{
	const struct mea_qnet *net = e->net;

	for (int t = 0; t < net->n_tensors; t++)
		e->place[t] = (struct place){
			.last_use = -1, .slot = MEA_SLOT_SCRATCH, .whole = -1, .part = {-1, -1}};
	for (int k = 0; k < net->n_layers; k++) {
		const struct mea_qlayer *l = &net->layers[k];

		if (e->place[l->out].last_use < k)
			e->place[l->out].last_use = k;
		e->place[l->in].last_use = k;
		if (l->in2 >= 0)
			e->place[l->in2].last_use = k;
		if (l->op != MEA_Q_CONCAT)
			continue;
		e->place[l->in].whole = e->place[l->in2].whole = l->out;
		e->place[l->out].part[0] = l->in;
		e->place[l->out].part[1] = l->in2;
	}
	for (int i = 0; i < net->n_outputs; i++) {
		e->place[net->outputs[i]].last_use = net->n_layers;
		e->place[net->outputs[i]].slot = MEA_SLOT_OUT + i;
	}
	for (int t = 0; t < net->n_tensors; t++) {
		int w = e->place[t].whole;

		if (w >= 0 && e->place[w].last_use < e->place[t].last_use)
			e->place[w].last_use = e->place[t].last_use;
	}
}

int mea_place(struct emit *e)
{
	int stuck, rc;

	e->place = calloc((size_t)e->net->n_tensors, sizeof(*e->place));
	if (!e->place)
		return mea_fail(MEA_ENOMEM, "planner: out of memory");
	find_uses(e);
	find_stems(e);
	rc = find_units(e);
	if (rc < 0)
		return rc;
	while ((stuck = place_all(e)) < e->n_units) {
		int t = largest(e, &e->unit[stuck]);

		if (t < 0 || e->place[t].banned)
			return mea_fail(MEA_EUNSUPPORTED,
					"layer %s: not even single rows of its maps fit in the "
					"scratchpad of %d words",
					e->net->layers[e->unit[stuck].first].name,
					e->hw->act_words);
		e->place[t].banned = true;
	}
	place_dram(e);
	return 0;
}
