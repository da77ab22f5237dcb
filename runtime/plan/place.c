// SPDX-License-Identifier: Apache-2.0
/*
 * Where everything lies: for each unit in order its output and its buffers in the
 * scratchpad, as it is just then. A tensor that does not fit beside what must stay goes
 * through DRAM; if even the buffers of single rows do not fit, the largest tensor that
 * stays is sent away and all is placed again.
 */
#include "plan/place.h"

#include <stdlib.h>

#include "base/error.h"

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
			avoid[n++][1] = mea_words_of(e, other);
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
		pl->base = w->base + (w->part[1] == t ? mea_words_of(e, w->part[0]) : 0);
		return;
	}
	n = partners(e, t, avoid, 8);
	pl->base = mea_spad_alloc(&e->spad, mea_words_of(e, t), (const int(*)[2])avoid, n);
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
		       !whole && l->in != l->in2 && !mea_still(e->net, l) &&
		       !mea_is_output(e->net, l->in2) && res->last_use == u->first + u->n - 1;
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
	return mea_place_strips(e, u, cost);
}

static void undo(struct emit *e, struct unit *u, enum how how)
{
	const struct mea_qlayer *l = last_layer(e, u);

	mea_free_buffers(e, u);
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
		e->unit[i].ring_rows = e->unit[i].piece = 0;

		if (!place_unit(e, &e->unit[i]))
			return i;
		/* The next unit may take the buffers' words; tokens keep them apart. */
		placed = e->unit[i];
		mea_free_buffers(e, &e->unit[i]);
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
		    (best < 0 || mea_words_of(e, t) > mea_words_of(e, best)))
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
		e->p->rereads |= mea_is_output(net, t) && mea_users(net, t) > 1;
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
		pl->stem = user && mea_users(net, net->inputs[i]) == 1 &&
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
		/* What a table takes on the way out is nowhere. */
		e->place[t].inside = e->place[t].last_use < 0;
	}
}

int mea_place(struct emit *e)
{
	int stuck, rc;

	e->place = calloc((size_t)e->net->n_tensors, sizeof(*e->place));
	if (!e->place)
		return mea_nomem();
	find_uses(e);
	find_stems(e);
	rc = mea_find_units(e);
	if (rc < 0)
		return rc;
	while ((stuck = place_all(e)) < e->n_units) {
		int t = largest(e, &e->unit[stuck]);

		if (t >= 0 && !e->place[t].banned)
			e->place[t].banned = true;
		else if (!mea_split_unit(e, stuck))
			return mea_fail(MEA_EUNSUPPORTED,
					"layer %s: not even single rows of its maps fit in the "
					"scratchpad of %d words",
					e->net->layers[e->unit[stuck].first].name,
					e->hw->act_words);
	}
	place_dram(e);
	return 0;
}
