/* SPDX-License-Identifier: Apache-2.0 */
/* A network cut into runs of layers for two backends. */
#ifndef MEA_CUT_H
#define MEA_CUT_H

#include <stdbool.h>

#include "graph/qnet.h"

#define ENDS 4 /* of a qnet, each way */

/* One end of a run: number index of its inputs or outputs. run -1: an end of the whole network. */
struct mea_part {
	int run, index;
};

struct mea_run {
	int side; /* 0 or 1: on which of the two backends */
	/* The run's layers as a network of its own; names and weights are borrowed. */
	struct mea_qnet net;
	/* Where inputs come from: outputs of earlier runs, or inputs of the network. */
	struct mea_part from[ENDS];
	int tensor[ENDS]; /* which tensors of the whole network its outputs are */
};

struct mea_cut {
	struct mea_run *runs; /* in an order in which each has what it needs */
	int n_runs;
	struct mea_part out[ENDS]; /* which outputs of runs are the network's */
	int *run_of;		   /* per layer of the network */
};

/*
 * Cuts net (borrowed, outlives the cut). refused[i]: layer i cannot be on side 0. ends: how
 * many inputs, and how many outputs, a run may have on each side, 2 to ENDS. The runs
 * alternate between the sides and are as few as the order of the layers allows, but one with more
 * ends becomes several; layers without
 * multiplications that stand only among refused ones go with them, as crossing twice gains
 * nothing. MEA_EUNSUPPORTED when an input of the network is an output of it.
 */
int mea_cut_make(const struct mea_qnet *net, const bool *refused, const int ends[2],
		 struct mea_cut **out);
void mea_cut_free(struct mea_cut *c); /* NULL is allowed */

#endif
