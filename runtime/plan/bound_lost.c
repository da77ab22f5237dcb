// SPDX-License-Identifier: Apache-2.0
/*
 * What engines take from each other, for the bound: ports of the scratchpad's banks, and the
 * requantiser. It does not matter when commands run: a command loses to all commands of another
 * queue that neither must be complete before it nor wait for it.
 */
#include "plan/bound.h"

#include <string.h>

#define SUMS 16 /* results of the depthwise unit that may wait */

static bool shared(const struct latest *t, int64_t a, int64_t na, int64_t b, int64_t nb)
{
	return na > 0 && nb > 0 && mea_same_bank(t->hw, a, na, b, nb) > 0;
}

/* Cycles that a pass of a compute command takes. */
int64_t mea_bound_tile(const struct latest *t, const uint32_t *cmd)
{
	int64_t px = mea_cmd_pixels(cmd);

	if (is(cmd, MEA_OP_POOL))
		return px;
	return mea_later(px,
			 (mea_get(cmd, MEA_F_CONV_STEM) ? t->hw->rows : 0) + t->hw->rows / 2 + 1);
}

/* Second cycles for input and residual in one bank. */
int64_t mea_bound_split(const struct latest *t, const uint32_t *cmd)
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

/* c has the requantiser: a final pass of the array before the depthwise unit, and with YIELD also
 * behind it. How soon a pass yields is not bounded, so it counts as one that does not. */
static int64_t results(const struct latest *t, const uint32_t *c, const uint32_t *d)
{
	if (is(c, MEA_OP_DEPTHWISE))
		return mea_get(d, MEA_F_CONV_YIELD) && mea_get(d, MEA_F_CONV_FINAL)
			       ? mea_cmd_pixels(c)
			       : 0;
	return mea_get(c, MEA_F_CONV_FINAL) ? mea_cmd_pixels(c) + mea_bound_split(t, c) : 0;
}

static int64_t (*const cycles[CAUSES])(const struct latest *, const uint32_t *,
				       const uint32_t *) = {reads, writes, results};

/* What item i of queue_i loses for a cause to all items of queue that it may meet: those from the
 * first that need not be complete before it, up to the first that waits for it. */
int64_t mea_bound_lost(const struct latest *t, int from, int queue_i, int i, int queue,
		       enum cause cause)
{
	int64_t sum = 0;

	for (int k = from; k < t->qs->q[queue].n; k++) {
		const struct item *other = mea_item(t->qs, queue, k);

		if (other->after[queue_i] > i)
			break;
		sum += cycles[cause](t, other->cmd, mea_item(t->qs, queue_i, i)->cmd);
	}
	return sum;
}

/* What command c has for a cause in all: no engine that works without a pause loses more to it,
 * however many of its commands meet c. */
static int64_t most(const struct latest *t, const uint32_t *c, enum cause cause)
{
	int64_t px = mea_cmd_pixels(c);

	if (is(c, MEA_OP_DEPTHWISE))
		return px;
	return cause == READS ? (mea_cmd_passes(c) + (mea_res_words(c) > 0)) * px
			      : px + mea_bound_split(t, c);
}

/* The same as mea_bound_lost(), for an item in the stretch that is looked at, which ends with the
 * last. */
static int64_t lost_in_stretch(struct latest *t, int queue_i, int i, int queue, enum cause cause)
{
	const struct item *it = mea_item(t->qs, queue_i, i);
	int64_t sum = 0, n;

	for (int k = it->busy.from; k < t->qs->q[queue].n; k++) {
		struct item *other = mea_item(t->qs, queue, k);

		if (other->after[queue_i] > i)
			break;
		if (other->busy.stretch != t->stretch)
			memset(other->busy.gone, 0, sizeof(other->busy.gone));
		other->busy.stretch = t->stretch;
		n = sooner(cycles[cause](t, other->cmd, it->cmd),
			   most(t, other->cmd, cause) - other->busy.gone[cause]);
		other->busy.gone[cause] += n;
		sum += n;
	}
	return sum;
}

/* What an item may lose by itself: while the array is in a final pass, no more results come than
 * the depthwise unit makes in that time, and those that waited. */
static int64_t most_of(const struct latest *t, const uint32_t *d)
{
	int64_t each = t->hw->dw_taps ? 9 / t->hw->dw_taps : 1;

	if (is(d, MEA_OP_DEPTHWISE) || each < 2)
		return INT64_MAX;
	return (mea_cmd_pixels(d) + mea_bound_split(t, d) + SUMS * each) / (each - 1) + 1;
}

/*
 * When the engine of queue is done with item i, whose `busy` is filled but for done, at the latest.
 * It works without a pause from some item on: from which one is not known, so the latest of all
 * counts. Where the engine pauses before an item at the latest times, no earlier one is later.
 */
int64_t mea_bound_busy(struct latest *t, int queue, int i, int other, unsigned causes)
{
	/* Two limits: what each item loses, and what there is to lose. */
	int64_t work = 0, each = 0, all = 0, until = 0;

	t->stretch++;
	for (int k = i; k >= 0; k--) {
		const struct item *it = mea_item(t->qs, queue, k),
				  *before = mea_item(t->qs, queue, k - 1);
		int64_t item = 0;

		work += it->busy.work;
		for (int c = 0; c < CAUSES; c++)
			if (causes >> c & 1) {
				item += mea_bound_lost(t, it->busy.from, queue, k, other,
						       (enum cause)c);
				all += lost_in_stretch(t, queue, k, other, (enum cause)c);
			}
		each += sooner(item, most_of(t, it->cmd));
		until = mea_later(until, it->busy.ready + work + sooner(each, all) - it->busy.gap);
		if (before && before->busy.done + it->busy.gap <= it->busy.ready)
			break;
		if (before && i - k == STRETCH) {
			until = mea_later(until, before->busy.done + work + sooner(each, all));
			break;
		}
	}
	return until;
}
