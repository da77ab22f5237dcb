// SPDX-License-Identifier: Apache-2.0
/*
 * What a program takes at most. As time.c, it goes through the commands in program order and gives
 * each a start and an end, but the latest ones. Commands depend on each other by the order of their
 * queues, by tokens and by what engines take from each other. The first two only ever make a later
 * end of a later one. For the third it does not matter when commands run: a command loses to all
 * commands of another queue that neither must be complete before it nor wait for it.
 */
#include "plan/bound.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define LOADS_PENDING 4	 /* loads under way */
#define BURSTS	      16 /* read bursts under way, and beats of a burst */
#define COMPUTE_SLOT  2	 /* commands in the compute engine */
#define START	      4	 /* from a job's start to the first request */
#define ADDRESS	      5	 /* from a request to its address on the bus */
#define DECODE	      3	 /* from a command in its queue to its engine */
#define DW_WORDS      12 /* weights and parameters of the depthwise unit */
#define LOADER	      5	 /* from a command to its first weights */
#define PARAMS	      6	 /* until the parameters are loaded */
#define RECORD	      12 /* from the last command to the record, and from its answer to the end */
/* What the bus may lose beyond its share: see struct mea_bus. */
#define MORE	   0.03
#define DEVIATIONS 4

/* Of so many beats or addresses that follow one another. */
static int64_t cycles_of(const struct latest *t, int64_t n)
{
	return (int64_t)ceil((double)n * t->beat);
}

/* --- fetch, load, store ----------------------------------------------------------------------- */

/* When command k of the program, item i of queue, stands there. */
static int64_t fetch(struct latest *t, int queue, int i)
{
	int64_t beats = MEA_CMD_BYTES / t->hw->axi_bytes, flight = cycles_of(t, BURSTS * BURSTS);
	int64_t asked = t->fetched[0] + ADDRESS + cycles_of(t, 1), there;

	/* With as many bursts under way as there may be, the request waits for the oldest, which
	 * was asked for before all of them. */
	if (t->bus > asked)
		asked += ADDRESS + mea_later(0, t->latency - ADDRESS * BURSTS) +
			 cycles_of(t, BURSTS);
	there = mea_later(asked + t->latency, sooner(t->bus, asked + t->latency + flight));
	there = mea_later(there + t->slack, t->fetched[FETCH_AHEAD - 1]) + cycles_of(t, beats) + 1;
	there = mea_later(there, mea_item_start(t->qs, queue, i - (int)MEA_QUEUE_DEPTH) + 1);
	memmove(t->fetched, t->fetched + 1, (FETCH_AHEAD - 1) * sizeof(t->fetched[0]));
	t->fetched[FETCH_AHEAD - 1] = there;
	return there;
}

/* How far the fetch unit comes in the program before a queue is full of commands behind item i of
 * queue: it stops there. */
static int full_at(const struct latest *t, int queue, int i)
{
	const struct item *it = mea_item(t->qs, queue, i + (int)MEA_QUEUE_DEPTH + 1);

	return it ? it->at + FETCH_AHEAD : t->n;
}

/* Where fetching stops at the latest while LOAD i is under way: the queue of loads is full, or one
 * with a command that waits for this one. */
static int fetched_until(const struct latest *t, int i)
{
	int until = full_at(t, Q_LOAD, i + LOADS_PENDING);

	for (int q = 0; q < N_QUEUES; q++) {
		int k = q == Q_LOAD ? t->qs->q[q].n : t->next[q];

		while (k < t->qs->q[q].n && mea_item(t->qs, q, k)->after[Q_LOAD] <= i)
			k++;
		until = (int)sooner(until, full_at(t, q, k));
	}
	return until;
}

/* When the data of LOAD i are there, as mea_bound_busy(): the bus works without a pause from some
 * load on. Between their data it carries the commands behind that load; one takes its beats, or its
 * part of the time of as many bursts as may be under way. */
static int64_t loaded_until(const struct latest *t, int i, int fetched)
{
	int64_t beats = MEA_CMD_BYTES / t->hw->axi_bytes, work = 0, until = 0;
	int64_t command = mea_later(cycles_of(t, beats),
				    (t->latency + ADDRESS + cycles_of(t, beats)) / BURSTS + 1);

	for (int k = i; k >= 0; k--) {
		const struct item *it = mea_item(t->qs, Q_LOAD, k),
				  *before = mea_item(t->qs, Q_LOAD, k - 1);
		int64_t commands = command * mea_later(0, fetched - it->at - 1);

		work += it->busy.work;
		until = mea_later(until,
				  it->busy.ready + t->slack + work + commands - it->busy.gap);
		if (before && before->busy.done + it->busy.gap <= it->busy.ready)
			break;
		if (before && i - k == STRETCH) {
			until = mea_later(until, before->busy.done + work + commands);
			break;
		}
	}
	return until;
}

/* Of its data and addresses alone. */
static int64_t load_work(const struct latest *t, const uint32_t *cmd)
{
	int word = mea_load_word(t->hw, cmd);
	int64_t row = mea_row_beats(t->hw, cmd, word), rows = mea_get(cmd, MEA_F_LOAD_ROWS);
	/* A row that does not begin at a page's beginning is cut once more. */
	int64_t bursts = rows * (row / BURSTS + 2), burst = sooner(row, BURSTS);
	int64_t beats = row * rows, time;

	/* A word is written a cycle, however many are in a beat. */
	if (word < t->hw->axi_bytes)
		beats = beats * t->hw->axi_bytes / word;
	time = mea_later(cycles_of(t, beats), bursts * (ADDRESS + cycles_of(t, 1)));
	return mea_later(time, bursts * (t->latency + ADDRESS + cycles_of(t, burst)) / BURSTS);
}

static void time_load(struct latest *t, int i, int64_t ready)
{
	struct item *it = mea_item(t->qs, Q_LOAD, i);
	int64_t address = ADDRESS + cycles_of(t, 1);
	const int *from = t->after[Q_LOAD];

	ready = mea_later(ready, mea_item_end(t->qs, Q_LOAD, i - LOADS_PENDING));
	it->busy.ready = ready + address + t->latency;
	it->busy.gap = address + 1;
	it->busy.work = it->busy.gap + load_work(t, it->cmd) +
			mea_bound_lost(t, from[Q_COMPUTE], Q_LOAD, i, Q_COMPUTE, WRITES) +
			mea_bound_lost(t, from[Q_DEPTHWISE], Q_LOAD, i, Q_DEPTHWISE, WRITES);
	/* It is taken when the one before has asked for all of its data, which are there so much
	 * later at the latest. */
	it->start = mea_later(ready, t->bus - t->latency + 1);
	it->busy.done = t->bus = loaded_until(t, i, fetched_until(t, i));
	it->end = t->bus + 2;
}

static void time_store(struct latest *t, int i, int64_t ready)
{
	struct item *it = mea_item(t->qs, Q_STORE, i);
	const int *from = t->after[Q_STORE];
	bool snap = mea_get(it->cmd, MEA_F_CMD_OPCODE) == MEA_OP_SNAP;
	int64_t row = snap ? (int)MEA_RECORD_BYTES / t->hw->axi_bytes
			   : mea_row_beats(t->hw, it->cmd, t->hw->lanes);
	int64_t rows = snap ? 1 : mea_get(it->cmd, MEA_F_STORE_ROWS);
	int64_t bursts = rows * (row / BURSTS + 2), beats = cycles_of(t, row * rows);

	it->start = mea_later(ready, mea_item_end(t->qs, Q_STORE, i - 1) + 1);
	/* A word is read a cycle, however many go into a beat. */
	if (!snap && t->hw->lanes < t->hw->axi_bytes)
		beats = mea_later(beats, row * rows * t->hw->axi_bytes / t->hw->lanes);
	it->end = it->start + beats + bursts * (ADDRESS + cycles_of(t, 1)) + t->latency + t->slack +
		  8 + mea_bound_lost(t, from[Q_COMPUTE], Q_STORE, i, Q_COMPUTE, READS) +
		  mea_bound_lost(t, from[Q_DEPTHWISE], Q_STORE, i, Q_DEPTHWISE, READS);
}

/* --- array and depthwise unit ----------------------------------------------------------------- */

static void time_depthwise(struct latest *t, int i, int64_t ready)
{
	struct item *it = mea_item(t->qs, Q_DEPTHWISE, i);
	const uint32_t *cmd = it->cmd;
	int64_t w = mea_get(cmd, MEA_F_CONV_OUT_W), h = mea_get(cmd, MEA_F_CONV_OUT_H);
	int64_t cols = (w - 1) * mea_get(cmd, MEA_F_CONV_STRIDE_X) + 3;
	int64_t rows = (h - 1) * mea_get(cmd, MEA_F_CONV_STRIDE_Y) + 3;
	int64_t row = mea_later(w * 9 / t->hw->dw_taps, cols);
	/* From the last pixel to the last result, which must be out before the next command's. */
	int64_t drain = 5 + 9 / t->hw->dw_taps + 12;
	const struct item *before = mea_item(t->qs, Q_DEPTHWISE, i - 1);

	it->busy.ready = ready;
	it->busy.from = t->after[Q_DEPTHWISE][Q_COMPUTE];
	it->busy.gap = mea_get(cmd, MEA_F_CONV_GAP) ? drain + 1 : 2;
	it->busy.work = mea_later(it->busy.gap + (rows - h) * cols + h * row, drain + 12);
	/* The array's weights come before the depthwise unit's: a word of these waits for a tile.
	 */
	it->busy.work += DW_WORDS * (t->hw->rows / 2);
	it->busy.done = mea_bound_busy(t, Q_DEPTHWISE, i, Q_COMPUTE, 1u << READS | 1u << RESULTS);
	it->start = mea_later(ready, before ? before->busy.done + it->busy.gap : 0);
	it->end = it->busy.done + drain;
}

/* The least cycles from a pass to the next, for which the weights are loaded meanwhile, behind the
 * parameters if it is the last one of cmd. */
static int64_t loader(const struct latest *t, const uint32_t *cmd, bool last)
{
	int64_t taps = mea_get(cmd, MEA_F_CONV_STEM) ? t->hw->rows : 0;

	return t->hw->rows / 2 + 1 + taps + (last && mea_get(cmd, MEA_F_CONV_FINAL) ? PARAMS : 0);
}

static void time_compute(struct latest *t, int i, int64_t ready)
{
	struct item *it = mea_item(t->qs, Q_COMPUTE, i);
	const struct item *before = mea_item(t->qs, Q_COMPUTE, i - 1);
	const uint32_t *cmd = it->cmd;
	int64_t passes = mea_cmd_passes(cmd), tile = mea_bound_tile(t, cmd),
		px = mea_cmd_pixels(cmd);
	bool pool = is(cmd, MEA_OP_POOL), one = pool || passes == 1;

	it->start = mea_later(ready, mea_item_end(t->qs, Q_COMPUTE, i - COMPUTE_SLOT) + 1);
	it->busy.ready = it->start + LOADER + (one ? PARAMS : 0) +
			 (mea_get(cmd, MEA_F_CONV_STEM) ? t->hw->rows : 0);
	it->busy.from = t->after[Q_COMPUTE][Q_DEPTHWISE];
	it->busy.gap = mea_later(3, mea_get(cmd, MEA_F_CONV_GAP));
	/* The first tile loads when the last pass of the command before begins. */
	if (before)
		it->busy.gap = mea_later(it->busy.gap, loader(t, cmd, one) + LOADER -
							       mea_cmd_pixels(before->cmd));
	it->busy.work = it->busy.gap + (passes - 1) * tile + px + mea_bound_split(t, cmd);
	if (!one)
		it->busy.work += mea_later(0, loader(t, cmd, true) - tile);
	it->busy.done = mea_bound_busy(t, Q_COMPUTE, i, Q_DEPTHWISE, 1u << RESULTS);
	it->end = it->busy.done + t->hw->latency + 1;
}

/* --- all -------------------------------------------------------------------------------------- */

static void time_item(struct latest *t, int k)
{
	int queue = t->qs->order[k].queue, i = t->qs->order[k].item;
	const struct item *it = mea_item(t->qs, queue, i);
	int64_t ready = mea_later(fetch(t, queue, i) + DECODE,
				  mea_item_start(t->qs, queue, i - 1) + DECODE);

	for (int q = 0; q < N_QUEUES; q++)
		if (t->after[queue][q] < it->after[q])
			t->after[queue][q] = it->after[q];
	for (int q = 0; q < N_QUEUES; q++)
		if (it->after[q])
			ready = mea_later(ready, mea_item_end(t->qs, q, it->after[q] - 1) + DECODE);
	if (queue == Q_LOAD)
		time_load(t, i, ready);
	else if (queue == Q_COMPUTE)
		time_compute(t, i, ready);
	else if (queue == Q_STORE)
		time_store(t, i, ready);
	else
		time_depthwise(t, i, ready);
	t->next[queue] = i + 1;
}

/* All memories are zeroed side by side, a word a cycle. */
static uint64_t scrub_cycles(const struct mea_hw *hw)
{
	const int words[] = {hw->act_words / hw->act_banks, hw->wgt_words, hw->acc_depth,
			     hw->stem_words, hw->tables * (int)MEA_TABLE_WORDS};
	int64_t most = 0;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		most = mea_later(most, words[i]);
	return (uint64_t)most;
}

int mea_bound(const struct mea_hw *hw, const struct queues *qs, int n, const struct mea_bus *bus,
	      struct mea_bound *b)
{
	double p = bus->stall, variance = p > 0 ? DEVIATIONS * DEVIATIONS * p / 4 : 0;
	struct latest t = {.hw = hw,
			   .n = n,
			   .qs = qs,
			   .latency = bus->latency,
			   .slack = (int64_t)ceil(variance / MORE / (1 - p)),
			   .beat = (1 + (p > 0 ? MORE : 0)) / (1 - p)};

	*b = (struct mea_bound){.n = n, .scrub = scrub_cycles(hw)};
	b->start = calloc((size_t)n + 1, sizeof(*b->start));
	b->end = calloc((size_t)n + 1, sizeof(*b->end));
	if (!b->start || !b->end)
		return mea_nomem();
	for (int i = 0; i < FETCH_AHEAD; i++)
		t.fetched[i] = START;
	for (int k = 0; k < n; k++) {
		const struct item *it = mea_item(t.qs, qs->order[k].queue, qs->order[k].item);

		time_item(&t, k);
		b->start[k] = (uint64_t)it->start;
		b->end[k] = (uint64_t)it->end;
		if (b->cycles < b->end[k])
			b->cycles = b->end[k];
	}
	b->cycles +=
		(uint64_t)(ADDRESS + cycles_of(&t, (int64_t)MEA_RECORD_BYTES / hw->axi_bytes + 1) +
			   t.latency + t.slack + RECORD);
	return 0;
}

void mea_bound_free(struct mea_bound *b)
{
	free(b->start);
	free(b->end);
	*b = (struct mea_bound){0};
}
