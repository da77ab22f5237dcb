/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the lowering share. */
#ifndef MEA_LOWER_INT_H
#define MEA_LOWER_INT_H

#include "graph/lower.h"

/* Channels of a tensor, in any order; part of a list that the lowering owns. */
struct mea_pick {
	struct mea_pick *next;
	const char *name; /* of the Gather; the graph's */
	int tensor;	  /* that holds a copy of them; -1 as long as nobody needs one */
	int n;
	int channel[];
};

/* How a value of the graph stands for a tensor of the net. */
struct mea_mapping {
	int tensor; /* -1: it does not */
	/* The value is the tensor's elements in NCHW order as one row, and the
	 * tensor has more than one pixel: only Gemm can take that. */
	bool flat;
	struct mea_pick *pick; /* the value is these channels alone; NULL: all of them */
};

struct mea_lower {
	struct mea_graph *g; /* simplified */
	struct mea_qnet *net;
	struct mea_mapping *mapping; /* per value of g */
	int input[4];		     /* tensors of g's inputs, -1 as long as unknown */
	struct mea_pick *picks;
};

/* One QuantizeLinear and what it closes. */
struct mea_closing {
	const struct mea_node *q;
	const struct mea_node *core; /* the operation, NULL for a change of scale */
	struct mea_mapping x;	     /* what a change of scale starts from */
	int out;		     /* the new tensor */
	int lo, hi;		     /* clamps in units of out */
};

/* Adds a tensor; name is copied. Returns its index or a negative error. */
int mea_lower_tensor(struct mea_lower *l, const char *name, int c, int h, int w, float scale,
		     int zero_point);
/* Adds a layer (one window tap, stride 1, one group) that computes tensor out from
 * in; its index, or a negative error. */
int mea_lower_layer(struct mea_lower *l, enum mea_qop op, const char *name, int in, int out);
/* Sets a layer's window as n has it; a dilated kernel covers what lies between its taps. */
int mea_lower_window(const struct mea_lower *l, const struct mea_node *n, struct mea_qlayer *q);
/* Allocates bias, mult and shift of a layer for n channels. */
int mea_lower_requants(struct mea_qlayer *layer, int n);
/* Layer that only changes scale and clamps: a 1x1 average. */
int mea_lower_rescale(struct mea_lower *l, const char *name, int in, int out, int lo, int hi);

/* Lets the result of n, a Gather whose input stands for a tensor, stand for channels of that. */
int mea_lower_gather(struct mea_lower *l, const struct mea_node *n);
/* Makes *m stand for a whole tensor, by a layer that copies the channels where it does not. Returns
 * the tensor or a negative error. */
int mea_lower_whole(struct mea_lower *l, struct mea_mapping *m);
void mea_lower_free_picks(struct mea_lower *l);

/* Where output, the network's first and not quantised, is computed from one quantised value: lets
 * *mapping be that value's and gives the net the tail. */
int mea_lower_tail(struct mea_lower *l, int output, struct mea_mapping *mapping);

/* Makes a convolution that only an addition reads, and that addition, one residual
 * convolution, in the addition's place. */
void mea_lower_fuse_adds(struct mea_qnet *net);
/* Takes out the layers that nothing reads, and the tensors that no layer and no end of the network
 * names any more. */
int mea_lower_drop_unused(struct mea_qnet *net);

/* Whether each element of core's result is a function of the same element of one quantised value
 * alone, so that mea_lower_table() takes it. */
bool mea_lower_is_table(struct mea_lower *l, const struct mea_node *core);

/* The tensor that input i of n stands for, or an error that names n. */
int mea_lower_input(const struct mea_lower *l, const struct mea_node *n, int i,
		    struct mea_mapping *mapping);

#endif
