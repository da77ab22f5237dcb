// SPDX-License-Identifier: Apache-2.0
/*
 * What a program takes at most. As time.c, it goes through the commands in program order and gives
 * each a start and an end, but the latest ones. Commands depend on each other by the order of their
 * queues, by tokens and by what engines take from each other. The first two only ever make a later
 * end of a later one. For the third it does not matter when commands run: a command loses to all
 * commands of another queue that neither must be complete before it nor wait for it.
 */
#include "plan/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define FETCH_AHEAD   4	 /* commands that the fetch unit asks for at once */
#define LOADS_PENDING 4	 /* loads under way */
#define BURSTS	      16 /* read bursts under way, and beats of a burst */
#define COMPUTE_SLOT  2	 /* commands in the compute engine */
#define START	      4	 /* from a job's start to the first request */
#define ADDRESS	      5	 /* from a request to its address on the bus */
#define DECODE	      3	 /* from a command in its queue to its engine */
#define RECORD	      12 /* from the last command to the record, and from its answer to the end */
/* What the bus may lose beyond its share: see struct mea_bus. */
#define MORE	   0.03
#define DEVIATIONS 4

struct latest {
	const struct mea_hw *hw;
	const struct queues *qs;
	int64_t latency, slack;	      /* slack: for beats that follow one another */
	double beat;		      /* cycles of one */
	int64_t fetched[FETCH_AHEAD]; /* when the last commands were there */
	int64_t bus;		      /* reads are over */
	int n;			      /* commands of the program */
	int64_t issued, walked;	      /* the last pixel of the array, of the depthwise unit */
	int64_t taken;		      /* the last weight tile */
	/* Items of the second queue that are complete before the first's next one begins. */
	int after[N_QUEUES][N_QUEUES];
	int next[N_QUEUES]; /* item of each queue */
};

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static struct item *item_of(const struct latest *t, int queue, int i)
{
	return i < 0 || i >= t->qs->q[queue].n ? NULL : &t->qs->q[queue].item[i];
}

static int64_t end_of(const struct latest *t, int queue, int i)
{
	const struct item *it = item_of(t, queue, i);

	return it ? it->end : 0;
}

static int64_t start_of(const struct latest *t, int queue, int i)
{
	const struct item *it = item_of(t, queue, i);

	return it ? it->start : 0;
}

/* Of so many beats or addresses that follow one another. */
static int64_t cycles_of(const struct latest *t, int64_t n)
{
	return (int64_t)ceil((double)n * t->beat);
}

/* --- what engines take from each other ------------------------------------------------------- */

static bool shared(const struct latest *t, int64_t a, int64_t na, int64_t b, int64_t nb)
{
	return na > 0 && nb > 0 && mea_same_bank(t->hw, a, na, b, nb) > 0;
}

static bool is(const uint32_t *cmd, uint32_t op)
{
	return mea_get(cmd, MEA_F_CMD_OPCODE) == op;
}

/* Cycles that a pass of a compute command takes. */
static int64_t tile_of(const struct latest *t, const uint32_t *cmd)
{
	int64_t px = mea_cmd_pixels(cmd);

	if (is(cmd, MEA_OP_POOL))
		return px;
	return later(px, (mea_get(cmd, MEA_F_CONV_STEM) ? t->hw->rows : 0) + t->hw->rows / 2 + 1);
}

/* Second cycles for input and residual in one bank. */
static int64_t split_cycles(const struct latest *t, const uint32_t *cmd)
{
	bool reads = !mea_get(cmd, MEA_F_CONV_STEM) &&
		     shared(t, mea_get(cmd, MEA_F_CONV_IN_BASE), mea_read_span(t->hw, cmd),
			    mea_get(cmd, MEA_F_CONV_RES_BASE), mea_res_words(cmd));

	return reads ? mea_cmd_pixels(cmd) : 0;
}

/* The words of the scratchpad that a command of load, store or depthwise unit touches. */
static int64_t span_of(const uint32_t *d, int64_t *base)
{
	if (is(d, MEA_OP_DEPTHWISE)) {
		*base = mea_get(d, MEA_F_CONV_IN_BASE);
		return mea_map_words(d);
	}
	if (is(d, MEA_OP_LOAD)) {
		*base = mea_get(d, MEA_F_LOAD_ADDR);
		return mea_get(d, MEA_F_LOAD_DEST) != MEA_DEST_ACT
			       ? 0
			       : ((int64_t)mea_get(d, MEA_F_LOAD_ROWS) - 1) *
						 mea_get(d, MEA_F_LOAD_PITCH) +
					 mea_get(d, MEA_F_LOAD_ROW_WORDS);
	}
	*base = mea_get(d, MEA_F_STORE_ADDR);
	return is(d, MEA_OP_SNAP) ? 0
				  : ((int64_t)mea_get(d, MEA_F_STORE_ROWS) - 1) *
						    mea_get(d, MEA_F_STORE_PITCH) +
					    mea_get(d, MEA_F_STORE_ROW_WORDS);
}

/* Cycles of a command c in which it may keep command d of another queue waiting, by the cause. */
enum cause { READS, WRITES, RESULTS, CAUSES };

/* c reads scratchpad words in a bank of d's. */
static int64_t reads(const struct latest *t, const uint32_t *c, const uint32_t *d)
{
	int64_t base, n = span_of(d, &base), sum = 0;

	if (is(c, MEA_OP_DEPTHWISE)) {
		int64_t from, words = span_of(c, &from);

		return shared(t, from, words, base, n) ? words : 0;
	}
	if (!mea_get(c, MEA_F_CONV_STEM) &&
	    shared(t, mea_get(c, MEA_F_CONV_IN_BASE), mea_read_span(t->hw, c), base, n))
		sum += mea_cmd_passes(c) * mea_cmd_pixels(c);
	if (mea_res_words(c) &&
	    shared(t, mea_get(c, MEA_F_CONV_RES_BASE), mea_res_words(c), base, n))
		sum += mea_cmd_pixels(c);
	return sum;
}

/* c writes results to a bank of d's. */
static int64_t writes(const struct latest *t, const uint32_t *c, const uint32_t *d)
{
	int64_t base, n = span_of(d, &base), px = mea_cmd_pixels(c);

	if (!is(c, MEA_OP_DEPTHWISE) && !mea_get(c, MEA_F_CONV_FINAL))
		return 0;
	return shared(t, mea_get(c, MEA_F_CONV_OUT_BASE), px, base, n) ? px : 0;
}

/* c has the requantiser: a final pass of the array before the depthwise unit, but with YIELD
 * behind it. */
static int64_t results(const struct latest *t, const uint32_t *c, const uint32_t *d)
{
	if (is(c, MEA_OP_DEPTHWISE))
		return mea_get(d, MEA_F_CONV_YIELD) && mea_get(d, MEA_F_CONV_FINAL)
			       ? mea_cmd_pixels(c)
			       : 0;
	if (!mea_get(c, MEA_F_CONV_FINAL) || (is(c, MEA_OP_CONV) && mea_get(c, MEA_F_CONV_YIELD)))
		return 0;
	return mea_cmd_pixels(c) + split_cycles(t, c);
}

/* What item i of queue_i loses for a cause to all items of queue that it may meet: those that need
 * not be complete before it and do not wait for it. */
static int64_t lost(struct latest *t, int queue_i, int i, int queue, enum cause cause)
{
	int64_t (*const cycles[CAUSES])(const struct latest *, const uint32_t *,
					const uint32_t *) = {reads, writes, results};
	int64_t sum = 0;

	for (int k = t->after[queue_i][queue]; k < t->qs->q[queue].n; k++) {
		const struct item *other = item_of(t, queue, k);

		if (other->after[queue_i] > i)
			break;
		sum += cycles[cause](t, other->cmd, item_of(t, queue_i, i)->cmd);
	}
	return sum;
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
		asked += ADDRESS + later(0, t->latency - ADDRESS * BURSTS) + cycles_of(t, BURSTS);
	there = later(asked + t->latency, sooner(t->bus, asked + t->latency + flight));
	there = later(there + t->slack, t->fetched[FETCH_AHEAD - 1]) + cycles_of(t, beats) + 1;
	there = later(there, start_of(t, queue, i - (int)MEA_QUEUE_DEPTH) + 1);
	memmove(t->fetched, t->fetched + 1, (FETCH_AHEAD - 1) * sizeof(t->fetched[0]));
	t->fetched[FETCH_AHEAD - 1] = there;
	return there;
}

/* How far the fetch unit comes in the program before a queue is full of commands behind item i of
 * queue: it stops there. */
static int full_at(const struct latest *t, int queue, int i)
{
	const struct item *it = item_of(t, queue, i + (int)MEA_QUEUE_DEPTH + 1);

	return it ? it->at + FETCH_AHEAD : t->n;
}

/* What the bus takes for commands while LOAD i is under way: those behind it, up to where the queue
 * of loads, or one with a command that waits for this one, is full. */
static int64_t fetched_beside(const struct latest *t, int i)
{
	int64_t beats = MEA_CMD_BYTES / t->hw->axi_bytes;
	int until = full_at(t, Q_LOAD, i + LOADS_PENDING), n;

	for (int q = 0; q < N_QUEUES; q++) {
		int k = q == Q_LOAD ? t->qs->q[q].n : t->next[q];

		while (k < t->qs->q[q].n && item_of(t, q, k)->after[Q_LOAD] <= i)
			k++;
		until = (int)sooner(until, full_at(t, q, k));
	}
	n = until - item_of(t, Q_LOAD, i)->at - 1;
	/* One takes its beats, or its part of the time of as many bursts as may be under way. */
	return later(cycles_of(t, n * beats),
		     n * (t->latency + ADDRESS + cycles_of(t, beats)) / BURSTS + 1);
}

static void time_load(struct latest *t, int i, int64_t ready)
{
	struct item *it = item_of(t, Q_LOAD, i);
	int word = mea_load_word(t->hw, it->cmd);
	int64_t row = mea_row_beats(t->hw, it->cmd, word), rows = mea_get(it->cmd, MEA_F_LOAD_ROWS);
	/* A row that does not begin at a page's beginning is cut once more. */
	int64_t bursts = rows * (row / BURSTS + 2), burst = sooner(row, BURSTS);
	int64_t beats = row * rows, time;

	/* A word is written a cycle, however many are in a beat. */
	if (word < t->hw->axi_bytes)
		beats = beats * t->hw->axi_bytes / word;
	time = later(cycles_of(t, beats), bursts * (ADDRESS + cycles_of(t, 1)));
	time = later(time, bursts * (t->latency + ADDRESS + cycles_of(t, burst)) / BURSTS);
	ready = later(ready, end_of(t, Q_LOAD, i - LOADS_PENDING));
	if (t->bus < ready + t->latency)
		time += t->slack;
	/* It is taken when the one before has asked for all of its data, which are there so much
	 * later at the latest. */
	it->start = later(ready, t->bus - t->latency + 1);
	t->bus = later(t->bus, it->start + ADDRESS + cycles_of(t, 1) + t->latency) + time +
		 fetched_beside(t, i) + lost(t, Q_LOAD, i, Q_COMPUTE, WRITES) +
		 lost(t, Q_LOAD, i, Q_DEPTHWISE, WRITES);
	it->end = t->bus + 2;
}

static void time_store(struct latest *t, int i, int64_t ready)
{
	struct item *it = item_of(t, Q_STORE, i);
	bool snap = mea_get(it->cmd, MEA_F_CMD_OPCODE) == MEA_OP_SNAP;
	int64_t row = snap ? (int)MEA_RECORD_BYTES / t->hw->axi_bytes
			   : mea_row_beats(t->hw, it->cmd, t->hw->lanes);
	int64_t rows = snap ? 1 : mea_get(it->cmd, MEA_F_STORE_ROWS);
	int64_t bursts = rows * (row / BURSTS + 2);

	it->start = later(ready, end_of(t, Q_STORE, i - 1) + 1);
	it->end = it->start + cycles_of(t, row * rows) + bursts * (ADDRESS + cycles_of(t, 1)) +
		  t->latency + t->slack + 8 + lost(t, Q_STORE, i, Q_COMPUTE, READS) +
		  lost(t, Q_STORE, i, Q_DEPTHWISE, READS);
}

/* --- array and depthwise unit ----------------------------------------------------------------- */

static void time_depthwise(struct latest *t, int i, int64_t ready)
{
	struct item *it = item_of(t, Q_DEPTHWISE, i);
	const uint32_t *cmd = it->cmd;
	int64_t w = mea_get(cmd, MEA_F_CONV_OUT_W), h = mea_get(cmd, MEA_F_CONV_OUT_H);
	int64_t cols = (w - 1) * mea_get(cmd, MEA_F_CONV_STRIDE_X) + 3;
	int64_t rows = (h - 1) * mea_get(cmd, MEA_F_CONV_STRIDE_Y) + 3;
	int64_t busy = later(w * 9 / t->hw->dw_taps, cols);
	int64_t before = end_of(t, Q_DEPTHWISE, i - 1);

	it->start =
		later(ready, later(t->walked + 2, mea_get(cmd, MEA_F_CONV_GAP) ? before + 1 : 0));
	t->walked = it->start + (rows - h) * cols + h * busy +
		    lost(t, Q_DEPTHWISE, i, Q_COMPUTE, READS) +
		    lost(t, Q_DEPTHWISE, i, Q_COMPUTE, RESULTS);
	t->walked = later(t->walked, before + 12);
	it->end = t->walked + 5 + 9 / t->hw->dw_taps + 12;
}

static void time_compute(struct latest *t, int i, int64_t ready)
{
	struct item *it = item_of(t, Q_COMPUTE, i);
	const uint32_t *cmd = it->cmd;
	bool pool = mea_get(cmd, MEA_F_CMD_OPCODE) == MEA_OP_POOL,
	     stem = mea_get(cmd, MEA_F_CONV_STEM);
	int64_t weights;

	it->start = later(ready, end_of(t, Q_COMPUTE, i - COMPUTE_SLOT) + 1);
	/* The first tile loads when the last one of the command before is in use. */
	weights = later(it->start + 4, t->taken + t->hw->rows / 2 + 1) + (stem ? t->hw->rows : 0);
	it->first = later(t->issued + 3, later(it->start + 3, pool ? 0 : weights));
	it->first = later(it->first, t->issued + mea_get(cmd, MEA_F_CONV_GAP));
	it->issued = it->first + (mea_cmd_passes(cmd) - 1) * tile_of(t, cmd);
	if (!pool)
		t->taken = it->issued;
	it->issued += mea_cmd_pixels(cmd) + split_cycles(t, cmd) +
		      lost(t, Q_COMPUTE, i, Q_DEPTHWISE, RESULTS);
	t->issued = it->issued;
	it->end = it->issued + t->hw->latency + 1;
}

/* --- all -------------------------------------------------------------------------------------- */

static void time_item(struct latest *t, int k)
{
	int queue = t->qs->order[k].queue, i = t->qs->order[k].item;
	const struct item *it = item_of(t, queue, i);
	int64_t ready = later(fetch(t, queue, i) + DECODE, start_of(t, queue, i - 1) + DECODE);

	for (int q = 0; q < N_QUEUES; q++)
		if (t->after[queue][q] < it->after[q])
			t->after[queue][q] = it->after[q];
	for (int q = 0; q < N_QUEUES; q++)
		if (it->after[q])
			ready = later(ready, end_of(t, q, it->after[q] - 1) + DECODE);
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

	*b = (struct mea_bound){.n = n};
	b->start = calloc((size_t)n + 1, sizeof(*b->start));
	b->end = calloc((size_t)n + 1, sizeof(*b->end));
	if (!b->start || !b->end)
		return mea_nomem();
	for (int i = 0; i < FETCH_AHEAD; i++)
		t.fetched[i] = START;
	for (int k = 0; k < n; k++) {
		const struct item *it = item_of(&t, qs->order[k].queue, qs->order[k].item);

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
