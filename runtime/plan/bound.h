/* SPDX-License-Identifier: Apache-2.0 */
/* What bound.c and bound_lost.c share. */
#ifndef MEA_PLAN_BOUND_H
#define MEA_PLAN_BOUND_H

#include "plan/internal.h"

#define STRETCH	    64 /* commands that are looked back at */
#define FETCH_AHEAD 4  /* commands that the fetch unit asks for at once */

struct latest {
	const struct mea_hw *hw;
	const struct queues *qs;
	int64_t latency, slack;	      /* slack: for beats that follow one another */
	double beat;		      /* cycles of one */
	int64_t fetched[FETCH_AHEAD]; /* when the last commands were there */
	int64_t bus;		      /* reads are over */
	int n;			      /* commands of the program */
	/* Items of the second queue that are complete before the first's next one begins. */
	int after[N_QUEUES][N_QUEUES];
	int next[N_QUEUES]; /* item of each queue */
	int stretch;	    /* number of the one that is looked at */
};

static inline int64_t sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static inline bool is(const uint32_t *cmd, uint32_t op)
{
	return mea_get(cmd, MEA_F_CMD_OPCODE) == op;
}

/* --- bound_lost.c: what engines take from each other ------------------------------------ */

/* Cycles of a command c in which it may keep command d of another queue waiting, by the cause. */
enum cause { READS, WRITES, RESULTS, CAUSES };

/* Of a compute command: cycles of a pass; second cycles for input and residual in one bank. */
int64_t mea_bound_tile(const struct latest *t, const uint32_t *cmd);
int64_t mea_bound_split(const struct latest *t, const uint32_t *cmd);

/* What item i of queue_i loses for a cause to all items of queue that it may meet: those from the
 * first that need not be complete before it, up to the first that waits for it. */
int64_t mea_bound_lost(const struct latest *t, int from, int queue_i, int i, int queue,
		       enum cause cause);

/* When the engine of queue is done with item i at the latest. Its `busy` is filled but for done;
 * causes: a bit for each for which it loses to queue `other`. */
int64_t mea_bound_busy(struct latest *t, int queue, int i, int other, unsigned causes);

#endif
