// SPDX-License-Identifier: Apache-2.0
/*
 * The planner's own idea of time: the four queues of a program, command by command, with
 * their tokens, the fetch, the bus and what the engines take from each other. It is no
 * simulation: a command is a start, an end and a rate. What an item takes from others that
 * come later in the program is known only afterwards, so all is computed a few times.
 *
 * `mea trace` prints it beside the RTL's cycles.
 */
#include "plan/internal.h"

#include <string.h>

#define PASSES	      3
#define FETCH_AHEAD   4	 /* commands that the fetch unit asks for at once */
#define LOADS_PENDING 4	 /* loads under way */
#define BURSTS	      16 /* read bursts under way, and beats of a burst */
#define SUMS	      16 /* results of the depthwise unit that may wait */
#define COMPUTE_SLOT  2	 /* commands in the compute engine */

struct timing {
	const struct mea_hw *hw;
	const struct queues *qs;
	int64_t fetched[FETCH_AHEAD]; /* when the last commands were there */
	int64_t bus, writes;	      /* free from then on */
	int64_t issued, walked;	      /* the array's, the depthwise unit's last pixel */
	int64_t taken;		      /* the last weight tile */
	int compute_at;		      /* first compute item that may still matter */
};

/* --- fetch, load, store --------------------------------------------------------- */

/* When the command stands in its queue. */
static int64_t fetch(struct timing *t, int queue, int i)
{
	int64_t beats = MEA_CMD_BYTES / t->hw->axi_bytes, there;

	there = mea_later(t->fetched[0] + MEA_PLAN_LATENCY + 6,
			  t->fetched[FETCH_AHEAD - 1] + beats);
	there = mea_later(there, mea_item_start(t->qs, queue, i - (int)MEA_QUEUE_DEPTH));
	memmove(t->fetched, t->fetched + 1, (FETCH_AHEAD - 1) * sizeof(t->fetched[0]));
	t->fetched[FETCH_AHEAD - 1] = there;
	if (t->bus > there - beats)
		t->bus += beats;
	return there;
}

/* Bytes of the words that a LOAD writes. */
int mea_load_word(const struct mea_hw *hw, const uint32_t *cmd)
{
	switch (mea_get(cmd, MEA_F_LOAD_DEST)) {
	case MEA_DEST_ACT:
		return hw->lanes;
	case MEA_DEST_WGT:
		return 2 * hw->cols;
	case MEA_DEST_STEM:
		return 8;
	default:
		return 4;
	}
}

/* Of a row of words of so many bytes; LOAD and STORE have the field at the same place. */
int64_t mea_row_beats(const struct mea_hw *hw, const uint32_t *cmd, int word)
{
	return mea_div_up((int)mea_get(cmd, MEA_F_LOAD_ROW_WORDS) * word, hw->axi_bytes);
}

static void time_load(struct timing *t, int i, int64_t ready)
{
	struct item *it = mea_item(t->qs, Q_LOAD, i);
	int word = mea_load_word(t->hw, it->cmd);
	int64_t row = mea_row_beats(t->hw, it->cmd, word), rows = mea_get(it->cmd, MEA_F_LOAD_ROWS);
	int64_t burst = row < BURSTS ? row : BURSTS, beats = row * rows;
	int64_t rate = MEA_PLAN_LATENCY + 2 * BURSTS; /* cycles in which BURSTS bursts come */

	/* A word is written a cycle, however many are in a beat. */
	if (word < t->hw->axi_bytes)
		beats = beats * t->hw->axi_bytes / word;
	if (burst * BURSTS < rate)
		beats = beats * rate / (burst * BURSTS);
	it->start = mea_later(ready, mea_item_end(t->qs, Q_LOAD, i - LOADS_PENDING));
	t->bus = mea_later(t->bus, it->start + MEA_PLAN_LATENCY + 3) + beats;
	it->end = t->bus + 1;
}

static void time_store(struct timing *t, int i, int64_t ready)
{
	struct item *it = mea_item(t->qs, Q_STORE, i);
	bool snap = mea_get(it->cmd, MEA_F_CMD_OPCODE) == MEA_OP_SNAP;
	int64_t row = snap ? (int)MEA_RECORD_BYTES / t->hw->axi_bytes
			   : mea_row_beats(t->hw, it->cmd, t->hw->lanes);
	int64_t rows = snap ? 1 : mea_get(it->cmd, MEA_F_STORE_ROWS);

	it->start = mea_later(ready, mea_item_end(t->qs, Q_STORE, i - 1) + 1);
	it->end =
		it->start + rows * (row + 3 * ((row + BURSTS - 1) / BURSTS)) + MEA_PLAN_LATENCY + 3;
}

/* --- array and depthwise unit ---------------------------------------------------- */

int64_t mea_cmd_pixels(const uint32_t *cmd)
{
	return (int64_t)mea_get(cmd, MEA_F_CONV_OUT_W) * mea_get(cmd, MEA_F_CONV_OUT_H);
}

/* Words of one channel block that a command reads. */
int64_t mea_map_words(const uint32_t *cmd)
{
	return mea_later((int64_t)mea_get(cmd, MEA_F_CONV_IN_ROW) * mea_get(cmd, MEA_F_CONV_IN_H),
			 1);
}

int64_t mea_cmd_passes(const uint32_t *cmd)
{
	return (int64_t)mea_get(cmd, MEA_F_CONV_KW) * mea_get(cmd, MEA_F_CONV_KH) *
	       mea_get(cmd, MEA_F_CONV_K_BLOCKS);
}

/* Words from the first that a command reads to its last block's last. */
int64_t mea_read_span(const struct mea_hw *hw, const uint32_t *cmd)
{
	int subs = hw->lanes / hw->rows;
	int64_t blocks = mea_get(cmd, MEA_F_CMD_OPCODE) == MEA_OP_CONV
				 ? mea_div_up((int)mea_get(cmd, MEA_F_CONV_K_BLOCKS), subs)
				 : 1;

	return (blocks - 1) * mea_get(cmd, MEA_F_CONV_IN_PLANE) + mea_map_words(cmd);
}

/* The share of its time that compute command c leaves to depthwise command d. */
static double left_over(const struct mea_hw *hw, const uint32_t *c, const uint32_t *d)
{
	bool conv = mea_get(c, MEA_F_CMD_OPCODE) == MEA_OP_CONV;
	int64_t px = mea_cmd_pixels(c), all = px * mea_cmd_passes(c);
	double rate = 1;

	if (mea_get(c, MEA_F_CONV_FINAL) && !(conv && mea_get(c, MEA_F_CONV_YIELD)))
		rate = 1 - (double)mea_later(px - SUMS * 9 / hw->dw_taps, 0) / (double)all;
	if (!mea_get(c, MEA_F_CONV_STEM))
		rate *= 1 - mea_same_bank(hw, mea_get(c, MEA_F_CONV_IN_BASE), mea_read_span(hw, c),
					  mea_get(d, MEA_F_CONV_IN_BASE), mea_map_words(d));
	return rate;
}

/* When work of so many cycles, begun at start, is done beside the array. */
static int64_t beside_array(struct timing *t, const uint32_t *d, int64_t start, int64_t work)
{
	const struct queue *q = &t->qs->q[Q_COMPUTE];
	double left = (double)work, now = (double)start;

	while (t->compute_at < q->n && q->item[t->compute_at].issued < start)
		t->compute_at++;
	for (int k = t->compute_at; k < q->n && left > 0; k++) {
		const struct item *c = &q->item[k];
		double rate = left_over(t->hw, c->cmd, d), free = (double)c->first - now, span;

		if (free > 0) {
			if (free >= left)
				break;
			left -= free;
			now += free;
		}
		span = (double)c->issued - now;
		if (span <= 0)
			continue;
		if (rate * span >= left) {
			now += left / rate;
			left = 0;
		} else {
			left -= rate * span;
			now += span;
		}
	}
	return (int64_t)(now + left);
}

static void time_depthwise(struct timing *t, int i, int64_t ready)
{
	struct item *it = mea_item(t->qs, Q_DEPTHWISE, i);
	const uint32_t *cmd = it->cmd;
	int64_t w = mea_get(cmd, MEA_F_CONV_OUT_W), h = mea_get(cmd, MEA_F_CONV_OUT_H);
	int64_t cols = (w - 1) * mea_get(cmd, MEA_F_CONV_STRIDE_X) + 3;
	int64_t rows = (h - 1) * mea_get(cmd, MEA_F_CONV_STRIDE_Y) + 3;
	int64_t busy = mea_later(w * 9 / t->hw->dw_taps, cols);
	int64_t before = mea_item_end(t->qs, Q_DEPTHWISE, i - 1);

	it->start = mea_later(ready, mea_later(t->walked + 2,
					       mea_get(cmd, MEA_F_CONV_GAP) ? before + 1 : 0));
	/* Parameters come when the command before has left the requantiser. */
	t->walked = beside_array(t, cmd, it->start, (rows - h) * cols + h * busy);
	t->walked = mea_later(t->walked, before + 12);
	it->end = t->walked + 5 + 9 / t->hw->dw_taps + 12;
}

/* Second cycles for input and residual in one bank. */
static int64_t split_cycles(const struct mea_hw *hw, const uint32_t *cmd)
{
	int64_t last = (int64_t)mea_get(cmd, MEA_F_CONV_K_BLOCKS) - 1;
	int64_t in;

	if (!mea_res_words(cmd) || mea_get(cmd, MEA_F_CONV_STEM))
		return 0;
	if (mea_get(cmd, MEA_F_CMD_OPCODE) != MEA_OP_CONV)
		last = 0;
	in = mea_get(cmd, MEA_F_CONV_IN_BASE) +
	     last / (hw->lanes / hw->rows) * mea_get(cmd, MEA_F_CONV_IN_PLANE);
	return (int64_t)((double)mea_cmd_pixels(cmd) *
			 mea_same_bank(hw, in, mea_map_words(cmd),
				       mea_get(cmd, MEA_F_CONV_RES_BASE), mea_res_words(cmd)));
}

/* Results of the depthwise unit that go before those of the final pass [from, to). */
static int64_t yielded(const struct timing *t, const uint32_t *cmd, int64_t from, int64_t to)
{
	const struct queue *q = &t->qs->q[Q_DEPTHWISE];
	double n = 0;

	if (!mea_get(cmd, MEA_F_CONV_YIELD) || !mea_get(cmd, MEA_F_CONV_FINAL))
		return 0;
	for (int i = 0; i < q->n && q->item[i].start < to; i++) {
		const struct item *d = &q->item[i];
		int64_t a = mea_later(d->start, from), b = d->end < to ? d->end : to;

		if (b > a)
			n += (double)mea_cmd_pixels(d->cmd) * (double)(b - a) /
			     (double)(d->end - d->start);
	}
	return (int64_t)n;
}

static void time_compute(struct timing *t, int i, int64_t ready)
{
	struct item *it = mea_item(t->qs, Q_COMPUTE, i);
	const uint32_t *cmd = it->cmd;
	bool pool = mea_get(cmd, MEA_F_CMD_OPCODE) == MEA_OP_POOL,
	     stem = mea_get(cmd, MEA_F_CONV_STEM);
	int64_t px = mea_cmd_pixels(cmd), passes = mea_cmd_passes(cmd), final = px;
	int64_t tile = pool ? px : mea_later(px, (stem ? t->hw->rows : 0) + t->hw->rows / 2 + 1);
	int64_t weights;

	it->start = mea_later(ready, mea_item_end(t->qs, Q_COMPUTE, i - COMPUTE_SLOT) + 1);
	/* The first tile loads when the last one of the command before is in use. */
	weights =
		mea_later(it->start + 4, t->taken + t->hw->rows / 2 + 1) + (stem ? t->hw->rows : 0);
	it->first = mea_later(t->issued + 3, mea_later(it->start + 3, pool ? 0 : weights));
	it->first = mea_later(it->first, t->issued + mea_get(cmd, MEA_F_CONV_GAP));
	it->issued = it->first + (passes - 1) * tile;
	if (!pool)
		t->taken = it->issued;
	final += split_cycles(t->hw, cmd);
	it->issued += final + yielded(t, cmd, it->issued, it->issued + final);
	t->issued = it->issued;
	it->end = it->issued + t->hw->latency + 1;
}

/* --- all -------------------------------------------------------------------------- */

static void time_item(struct timing *t, int queue, int i)
{
	const struct item *it = mea_item(t->qs, queue, i);
	int64_t ready = mea_later(fetch(t, queue, i), mea_item_start(t->qs, queue, i - 1) + 1);

	for (int k = 0; k < N_QUEUES; k++)
		if (it->after[k])
			ready = mea_later(ready, mea_item_end(t->qs, k, it->after[k] - 1) + 1);
	if (queue == Q_LOAD)
		time_load(t, i, ready);
	else if (queue == Q_COMPUTE)
		time_compute(t, i, ready);
	else if (queue == Q_STORE)
		time_store(t, i, ready);
	else
		time_depthwise(t, i, ready);
}

void mea_time(const struct mea_hw *hw, const struct queues *qs, struct mea_plan *p)
{
	int64_t end = 0;

	for (int pass = 0; pass < PASSES; pass++) {
		struct timing t = {.hw = hw, .qs = qs};

		end = 0;
		for (int k = 0; k < p->n_cmd; k++) {
			const struct item *it;

			time_item(&t, qs->order[k].queue, qs->order[k].item);
			it = mea_item(t.qs, qs->order[k].queue, qs->order[k].item);
			end = mea_later(end, it->end);
		}
	}
	p->cycles = (uint64_t)end;
	for (int k = 0; k < p->n_cmd; k++) {
		const struct item *it = &qs->q[qs->order[k].queue].item[qs->order[k].item];

		if (mea_get(it->cmd, MEA_F_CMD_OPCODE) == MEA_OP_SNAP)
			p->layer_end[mea_get(it->cmd, MEA_F_CMD_LAYER)] = (uint64_t)it->start;
	}
}
