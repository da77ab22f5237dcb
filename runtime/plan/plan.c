// SPDX-License-Identifier: Apache-2.0
/* From a qnet to a plan: where each tensor lives, then the layers in order. */
#include "plan/emit.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"

#define FIELD_MAX_12 4095

const char *mea_plan_refuses(const struct mea_hw *hw, const struct mea_qnet *net,
			     const struct mea_qlayer *l)
{
	const struct mea_qtensor *in = &net->tensors[l->in], *out = &net->tensors[l->out];

	if (l->op == MEA_Q_CONCAT)
		return "concatenation";
	if (l->op == MEA_Q_CONV && l->groups != 1 && !mea_is_depthwise(net, l))
		return "grouped convolution";
	if (mea_is_depthwise(net, l) && !hw->dw_taps)
		return "depthwise convolution (the device has no unit for it)";
	if (mea_is_depthwise(net, l) && (l->kw > 3 || l->kh > 3))
		return "depthwise convolution with a kernel over 3x3";
	if (mea_is_depthwise(net, l) && l->in2 >= 0)
		return "depthwise convolution with a residual";
	if (mea_is_depthwise(net, l) && (out->w - 1) * l->stride_w + 3 > hw->dw_line)
		return "depthwise convolution on a map wider than the line buffer";
	if (l->op == MEA_Q_AVGPOOL && l->exclude_pad && (l->pad_t | l->pad_l | l->pad_b | l->pad_r))
		return "average pooling whose divisor changes at the border";
	if (l->kw > 255 || l->kh > 255 || l->pad_l > 255 || l->pad_t > 255)
		return "kernel or padding over 255";
	if (l->stride_w > 15 || l->stride_h > 15)
		return "stride over 15";
	if (in->w > FIELD_MAX_12 || in->h > FIELD_MAX_12 || out->h > FIELD_MAX_12 ||
	    (long)in->h * in->w >= hw->act_words)
		return "map too large";
	if (out->w > hw->acc_depth && !mea_is_depthwise(net, l))
		return "output row longer than the accumulators";
	if (l->op == MEA_Q_CONV && l->groups == 1 &&
	    l->kh * l->kw * (hw->lanes / 2) > hw->wgt_words / 2 - PARAM_WORDS)
		return "kernel too large for the weight memory";
	return NULL;
}

/* True when l, reading graph input t, gains from taps packed into K. */
static bool wants_stem(const struct mea_hw *hw, const struct mea_qnet *net,
		       const struct mea_qlayer *l)
{
	const struct mea_qtensor *in = &net->tensors[l->in];
	long row = (long)(in->w + l->pad_l + l->pad_r) * in->c;
	int packed = mea_div_up(l->kh * l->kw * in->c, hw->rows);
	int ring = hw->stem_words * 8;

	/* A strip of one row, starting anywhere in a quarter, and one more
	 * quarter that loads meanwhile, must fit in the ring. */
	return l->op == MEA_Q_CONV && l->groups == 1 && in->c < hw->rows &&
	       packed < l->kh * l->kw * mea_div_up(in->c, hw->rows) &&
	       l->kh * row + ring / 4 <= ring * 3L / 4 && l->kw * in->c < 4096 &&
	       l->stride_w * in->c < 4096 &&
	       packed * hw->rows / 2 + PARAM_WORDS <= hw->wgt_words / 2;
}

/* --- tensors ------------------------------------------------------------------ */

static bool is_output(const struct mea_qnet *net, int t)
{
	for (int i = 0; i < net->n_outputs; i++)
		if (net->outputs[i] == t)
			return true;
	return false;
}

static void place_inputs(struct emit *e)
{
	const struct mea_qnet *net = e->net;

	for (int i = 0; i < net->n_inputs; i++) {
		struct place *pl = &e->place[net->inputs[i]];
		const struct mea_qlayer *user = NULL;
		int users = 0;

		for (int k = 0; k < net->n_layers; k++) {
			const struct mea_qlayer *l = &net->layers[k];

			if (l->in == net->inputs[i])
				user = l;
			users += (l->in == net->inputs[i]) + (l->in2 == net->inputs[i]);
		}
		pl->slot = MEA_SLOT_IN + i;
		pl->stem = users == 1 && user && wants_stem(e->hw, net, user) &&
			   !is_output(net, net->inputs[i]);
		if (pl->stem)
			mea_layout_stem(&pl->dram, &net->tensors[net->inputs[i]], user);
		e->p->in[i] = pl->dram;
	}
}

static int words_of(const struct emit *e, int t)
{
	const struct mea_qtensor *q = &e->net->tensors[t];

	return mea_div_up(q->c, e->hw->lanes) * q->h * q->w;
}

/* Partners of t: tensors that some layer reads in the same cycle as t. */
static int partners(const struct emit *e, int t, int (*avoid)[2], int max)
{
	int n = 0;

	for (int k = 0; k < e->net->n_layers && n < max; k++) {
		const struct mea_qlayer *l = &e->net->layers[k];
		int other = l->in2 < 0 ? -1 : l->in == t ? l->in2 : l->in2 == t ? l->in : -1;

		if (other >= 0 && e->place[other].resident) {
			avoid[n][0] = e->place[other].base;
			avoid[n++][1] = words_of(e, other);
		}
	}
	return n;
}

static void place_tensor(struct emit *e, int t)
{
	struct place *pl = &e->place[t];
	int avoid[8][2];
	int n = partners(e, t, avoid, 8);

	pl->base = mea_spad_alloc(&e->spad, words_of(e, t), (const int(*)[2])avoid, n);
	pl->resident = pl->base >= 0;
}

static void release_dead(struct emit *e, int layer)
{
	for (int t = 0; t < e->net->n_tensors; t++)
		if (e->place[t].resident && e->place[t].last_use == layer)
			mea_spad_free(&e->spad, e->place[t].base);
}

/* Gives each tensor a place in the first `limit` words of the scratchpad or in
 * DRAM; returns how many did not fit. */
static int place_all(struct emit *e, int limit)
{
	const struct mea_qnet *net = e->net;
	int missing = 0;

	e->spad = (struct spad){.words = e->hw->act_words,
				.bank_words = e->hw->act_words / e->hw->act_banks,
				.limit = limit};
	e->strip_base = limit;
	for (int t = 0; t < net->n_tensors; t++)
		e->place[t].resident = false;
	for (int i = 0; i < net->n_inputs; i++)
		if (!e->place[net->inputs[i]].stem)
			place_tensor(e, net->inputs[i]);
	for (int k = 0; k < net->n_layers; k++) {
		place_tensor(e, net->layers[k].out);
		release_dead(e, k);
	}
	for (int t = 0; t < net->n_tensors; t++)
		missing += !e->place[t].resident && !e->place[t].stem && e->place[t].last_use >= 0;
	return missing;
}

static void place_dram(struct emit *e)
{
	const struct mea_qnet *net = e->net;
	uint64_t at = 0;

	for (int t = 0; t < net->n_tensors; t++) {
		struct place *pl = &e->place[t];

		if (!pl->stem)
			mea_layout_blocks(&pl->dram, &net->tensors[t], e->hw->lanes);
		if (pl->resident || pl->stem || pl->slot != MEA_SLOT_SCRATCH)
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

static int place_tensors(struct emit *e)
{
	const struct mea_qnet *net = e->net;

	e->place = calloc((size_t)net->n_tensors, sizeof(*e->place));
	if (!e->place)
		return mea_fail(MEA_ENOMEM, "planner: out of memory");
	for (int t = 0; t < net->n_tensors; t++) {
		e->place[t].last_use = -1;
		e->place[t].slot = MEA_SLOT_SCRATCH;
	}
	for (int k = 0; k < net->n_layers; k++) {
		const struct mea_qlayer *l = &net->layers[k];

		if (e->place[l->out].last_use < k)
			e->place[l->out].last_use = k;
		e->place[l->in].last_use = k;
		if (l->in2 >= 0)
			e->place[l->in2].last_use = k;
	}
	for (int i = 0; i < net->n_outputs; i++) {
		e->place[net->outputs[i]].last_use = net->n_layers;
		e->place[net->outputs[i]].slot = MEA_SLOT_OUT + i;
	}
	place_inputs(e);
	/* Small networks stay on chip whole; others share the scratchpad between
	 * tensors and strips. */
	if (place_all(e, e->hw->act_words) != 0)
		place_all(e, e->hw->act_words / 4);
	place_dram(e);
	return 0;
}

/* --- program ----------------------------------------------------------------- */

/* Brings inputs that live in the scratchpad when the first layer needs them: the
 * merge lets loads run ahead, so this costs no time and the image comes first. */
static int load_inputs(struct emit *e, const struct mea_qlayer *l)
{
	for (int i = 0; i < e->net->n_inputs; i++) {
		int t = e->net->inputs[i], h = e->net->tensors[t].h, w = e->net->tensors[t].w;
		struct place *pl = &e->place[t];

		int rc;

		if (!pl->resident || pl->loaded || (l->in != t && l->in2 != t))
			continue;
		rc = mea_emit_rows(e, Q_LOAD, pl, 0, h, pl->base, h * w);
		if (rc < 0)
			return rc;
		pl->loaded = true;
	}
	return 0;
}

static int finish_layer(struct emit *e, const struct mea_qlayer *l)
{
	const struct place *pl = &e->place[l->out];
	const struct mea_qtensor *t = &e->net->tensors[l->out];
	int rc;

	if (is_output(e->net, l->out) && pl->resident) {
		rc = mea_emit_rows(e, Q_STORE, pl, 0, t->h, pl->base, t->h * t->w);
		if (rc < 0)
			return rc;
	}
	if (e->profile) {
		rc = mea_queue_add(&e->qs, Q_STORE, MEA_OP_SNAP, e->layer);
		if (rc < 0)
			return rc;
		mea_put(e->qs.q[Q_STORE].item[rc].cmd, MEA_F_STORE_SLOT, MEA_SLOT_RECORD);
		mea_put(e->qs.q[Q_STORE].item[rc].cmd, MEA_F_STORE_OFFSET,
			(uint32_t)(e->layer + 1) * MEA_RECORD_BYTES);
		mea_queue_sync(&e->qs, Q_COMPUTE, e->qs.q[Q_COMPUTE].n - 1, Q_STORE, rc);
		mea_queue_sync(&e->qs, Q_DEPTHWISE, e->qs.q[Q_DEPTHWISE].n - 1, Q_STORE, rc);
		e->p->n_records++;
	}
	return 0;
}

static int emit_all(struct emit *e)
{
	const struct mea_qnet *net = e->net;
	int rc;

	for (int i = 0; i < net->n_layers; i++) {
		const struct mea_qlayer *l = &net->layers[i];

		e->layer = i;
		rc = load_inputs(e, l);
		if (rc == 0)
			rc = e->place[l->in].stem ? mea_emit_stem(e, l) : mea_emit_layer(e, l);
		if (rc == 0)
			rc = finish_layer(e, l);
		if (rc < 0)
			return rc;
	}
	return mea_queues_merge(&e->qs, e->p);
}

static int check_net(const struct mea_hw *hw, const struct mea_qnet *net)
{
	if (net->n_inputs > MEA_PLAN_MAX_IO || net->n_outputs > MEA_PLAN_MAX_IO)
		return mea_fail(MEA_EUNSUPPORTED, "more than %d inputs or outputs",
				MEA_PLAN_MAX_IO);
	for (int i = 0; i < net->n_layers; i++) {
		const char *why = mea_plan_refuses(hw, net, &net->layers[i]);

		if (why)
			return mea_fail(MEA_EUNSUPPORTED, "layer %s: %s", net->layers[i].name, why);
	}
	for (int i = 0; i < net->n_outputs; i++)
		for (int k = 0; k < net->n_inputs; k++)
			if (net->inputs[k] == net->outputs[i])
				return mea_fail(MEA_EUNSUPPORTED, "an input is also an output");
	return 0;
}

static void sum_up(struct emit *e)
{
	struct mea_plan *p = e->p;
	uint64_t cycles = 1000000;

	for (int i = 0; i < e->net->n_layers; i++) {
		const struct mea_qlayer *l = &e->net->layers[i];
		const struct mea_qtensor *in = &e->net->tensors[l->in];
		const struct mea_qtensor *out = &e->net->tensors[l->out];
		uint64_t taps = (uint64_t)l->kh * l->kw * mea_div_up(in->c, e->hw->rows) *
				mea_div_up(out->c, e->hw->cols);

		p->macs += mea_qlayer_macs(e->net, l);
		/* Ten times what a stalled bus could make of it. */
		cycles += 10 * taps * ((uint64_t)out->h * out->w + 2u * e->hw->rows);
	}
	cycles += 100 * (p->weight_bytes + p->scratch_bytes);
	p->budget = cycles > UINT32_MAX ? UINT32_MAX : (uint32_t)cycles;
	p->n_in = e->net->n_inputs;
	p->n_out = e->net->n_outputs;
}

int mea_plan_make(const struct mea_hw *hw, const struct mea_qnet *net, bool profile,
		  struct mea_plan **out)
{
	struct emit e = {.hw = hw, .net = net, .profile = profile};
	int rc = check_net(hw, net);

	if (rc < 0)
		return rc;
	e.p = calloc(1, sizeof(*e.p));
	if (!e.p)
		return mea_fail(MEA_ENOMEM, "planner: out of memory");
	rc = place_tensors(&e);
	if (rc == 0)
		rc = emit_all(&e);
	if (rc == 0) {
		e.p->weight_bytes = (e.p->weight_bytes + 63) / 64 * 64;
		sum_up(&e);
		*out = e.p;
	} else {
		mea_plan_free(e.p);
	}
	for (int i = 0; i < N_MEMS; i++)
		mea_depend_free(&e.mem[i]);
	mea_queues_free(&e.qs);
	free(e.place);
	free(e.chunk);
	return rc;
}

void mea_plan_free(struct mea_plan *p)
{
	if (!p)
		return;
	free(p->cmd);
	free(p->weights);
	free(p);
}
