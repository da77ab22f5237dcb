// SPDX-License-Identifier: Apache-2.0
/* From a qnet to a plan: what it refuses, and the program of the units in order. */
#include "plan/emit.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define FIELD_MAX_12 4095

const char *mea_plan_refuses(const struct mea_hw *hw, const struct mea_qnet *net,
			     const struct mea_qlayer *l)
{
	static const bool has[MEA_Q_COUNT] = {
		[MEA_Q_CONV] = true, [MEA_Q_AVGPOOL] = true, [MEA_Q_MAXPOOL] = true,
		[MEA_Q_ADD] = true,  [MEA_Q_CONCAT] = true,  [MEA_Q_TABLE] = true,
		[MEA_Q_MUL] = true,
	};
	const struct mea_qtensor *in = &net->tensors[l->in], *out = &net->tensors[l->out];

	if (l->op == MEA_Q_TABLE && l->groups != 1)
		return "table of each channel";
	if (!has[l->op])
		return "operation that the accelerator lacks";
	if (l->op == MEA_Q_CONCAT && mea_concat_in_place(hw, net, l))
		return NULL;
	if (l->op == MEA_Q_MUL && !hw->products)
		return "product of two maps (the device has no multipliers for it)";
	if (l->op == MEA_Q_TABLE && !hw->tables)
		return "table of an activation (the device has no memory for it)";
	if (l->op == MEA_Q_AVGPOOL && l->exclude_pad && (l->pad_t | l->pad_l | l->pad_b | l->pad_r))
		return "average pooling whose divisor changes at the border";
	if (l->kw > 255 || l->kh > 255 || l->pad_l > 255 || l->pad_t > 255)
		return "kernel or padding over 255";
	if (l->stride_w > 15 || l->stride_h > 15)
		return "stride over 15";
	if (in->w > FIELD_MAX_12 || in->h > FIELD_MAX_12 || out->h > FIELD_MAX_12)
		return "map of more than 4095 rows or columns";
	if (out->w > hw->acc_depth && !mea_is_depthwise(hw, net, l))
		return "output row longer than the accumulators";
	if (l->op == MEA_Q_CONV && !mea_is_depthwise(hw, net, l) &&
	    l->kh * l->kw * (hw->lanes / 2) > hw->wgt_words / 2 - PARAM_WORDS)
		return "kernel too large for the weight memory";
	return NULL;
}

/* --- program ----------------------------------------------------------------- */

/* Brings inputs that live in the scratchpad when the first layer needs them: the
 * merge lets loads run ahead, so this costs no time and the image comes first. */
static int load_inputs(struct emit *e, const struct mea_qlayer *l)
{
	for (int i = 0; i < e->net->n_inputs; i++) {
		int t = e->net->inputs[i], h = e->net->tensors[t].h, w = e->net->tensors[t].w;
		struct place *pl = &e->place[t];
		int rc, whole = pl->whole < 0 ? t : pl->whole;

		if (!pl->resident || pl->loaded ||
		    (l->in != t && l->in2 != t && l->in != whole && l->in2 != whole))
			continue;
		rc = mea_emit_rows(e, Q_LOAD, t, 0, h, pl->base, h * w);
		if (rc < 0)
			return rc;
		pl->loaded = true;
	}
	return 0;
}

/* last: the layer ends its unit; before that no record of it says anything. */
static int finish_layer(struct emit *e, const struct mea_qlayer *l, bool last)
{
	const struct place *pl = &e->place[l->out];
	const struct mea_qtensor *t = &e->net->tensors[l->out];
	int rc;

	if (mea_is_output(e->net, l->out) && pl->resident) {
		rc = mea_emit_rows(e, Q_STORE, l->out, 0, t->h, pl->base, t->h * t->w);
		if (rc < 0)
			return rc;
	}
	if (e->profile && last) {
		rc = mea_queue_add(&e->qs, Q_STORE, MEA_OP_SNAP, e->layer);
		if (rc < 0)
			return rc;
		mea_put(e->qs.q[Q_STORE].item[rc].cmd, MEA_F_STORE_SLOT, MEA_SLOT_RECORD);
		mea_put(e->qs.q[Q_STORE].item[rc].cmd, MEA_F_STORE_OFFSET,
			(uint32_t)(e->layer + 1) * MEA_RECORD_BYTES);
		mea_queue_sync(&e->qs, Q_COMPUTE, e->qs.q[Q_COMPUTE].n - 1, Q_STORE, rc);
		mea_queue_sync(&e->qs, Q_DEPTHWISE, e->qs.q[Q_DEPTHWISE].n - 1, Q_STORE, rc);
	}
	return 0;
}

static int emit_all(struct emit *e)
{
	const struct mea_qnet *net = e->net;
	int rc;

	for (int i = 0; i < e->n_units; i++) {
		const struct unit *u = &e->unit[i];

		e->layer = e->number[u->first];
		for (int k = u->first; k < u->first + u->n; k++) {
			rc = load_inputs(e, &net->layers[k]);
			if (rc < 0)
				return rc;
		}
		rc = u->depth >= 0 ? mea_emit_fused(e, u) : mea_emit_layer(e, u);
		for (int k = u->first; rc == 0 && k < u->first + u->n; k++) {
			e->layer = e->number[k];
			rc = finish_layer(e, &net->layers[k], k == u->first + u->n - 1);
		}
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
	return 0;
}

static void sum_up(struct emit *e, const struct mea_qnet *net)
{
	struct mea_plan *p = e->p;
	uint64_t cycles = 1000000;

	for (int i = 0; i < e->net->n_layers; i++) {
		const struct mea_qlayer *l = &e->net->layers[i];
		const struct mea_qtensor *in = &e->net->tensors[l->in];
		const struct mea_qtensor *out = &e->net->tensors[l->out];
		uint64_t taps = (uint64_t)l->kh * l->kw * mea_div_up(in->c, e->hw->rows) *
				mea_div_up(out->c, e->hw->cols);

		/* Ten times what a stalled bus could make of it. */
		cycles += 10 * taps * ((uint64_t)out->h * out->w + 2u * e->hw->rows);
	}
	for (int i = 0; i < net->n_layers; i++)
		p->macs += mea_qlayer_macs(net, &net->layers[i]);
	cycles += 100 * (p->weight_bytes + p->scratch_bytes);
	p->budget = cycles > UINT32_MAX ? UINT32_MAX : (uint32_t)cycles;
	p->n_in = e->net->n_inputs;
	p->n_out = e->net->n_outputs;
}

static int plan(const struct mea_hw *hw, const struct mea_qnet *net, bool profile,
		const struct mea_bus *bus, struct mea_bound *bound, struct mea_plan **out)
{
	struct emit e = {.hw = hw, .profile = profile};
	int rc = check_net(hw, net);

	if (rc < 0)
		return rc;
	e.p = calloc(1, sizeof(*e.p));
	if (!e.p)
		return mea_nomem();
	if (profile) {
		e.p->n_records = net->n_layers;
		e.p->layer_end = calloc((size_t)net->n_layers, sizeof(*e.p->layer_end));
	}
	for (int i = 0; i < N_MEMS; i++)
		e.mem[i].region = i == MEM_DRAM ? 1 << 14 : 1 << 8;
	rc = profile && !e.p->layer_end ? mea_nomem() : mea_own_net(&e, net);
	if (rc == 0)
		rc = mea_place(&e);
	if (rc == 0)
		rc = emit_all(&e);
	if (rc == 0) {
		e.p->weight_bytes = (e.p->weight_bytes + 63) / 64 * 64;
		mea_time(hw, &e.qs, e.p);
		if (bus)
			rc = mea_bound(hw, &e.qs, e.p->n_cmd, bus, bound);
		sum_up(&e, net);
		*out = e.p;
	} else {
		mea_plan_free(e.p);
	}
	for (int i = 0; i < N_MEMS; i++)
		mea_depend_free(&e.mem[i]);
	mea_queues_free(&e.qs);
	mea_own_net_free(&e);
	free(e.place);
	free(e.unit);
	free(e.chunk);
	return rc;
}

int mea_plan_make(const struct mea_hw *hw, const struct mea_qnet *net, bool profile,
		  struct mea_plan **out)
{
	return plan(hw, net, profile, NULL, NULL, out);
}

int mea_plan_bound(const struct mea_hw *hw, const struct mea_qnet *net, const struct mea_bus *bus,
		   struct mea_bound *b)
{
	struct mea_plan *p = NULL;
	int rc;

	*b = (struct mea_bound){0};
	rc = plan(hw, net, false, bus, b, &p);
	mea_plan_free(p);
	if (rc)
		mea_bound_free(b);
	return rc;
}

void mea_plan_free(struct mea_plan *p)
{
	if (!p)
		return;
	free(p->cmd);
	free(p->weights);
	free(p->layer_end);
	free(p);
}
