/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A float graph compiled for batches: forward, and backward where it is trained.
 * Maps are NHWC in float32 or bfloat16 throughout, the weights' masters and sums are
 * float32. BatchNormalization, a following Add and a following Relu or Clip become one
 * operation. Only what a backward pass needs outlives its use: all other maps share
 * memory.
 *
 * Operations: Conv, BatchNormalization, Relu, Clip, Add, Concat (channels), MaxPool,
 * AveragePool, GlobalAveragePool, GlobalMaxPool, ReduceMean (pixels), Flatten, Gemm, Identity,
 * Dropout (as the identity).
 */
#ifndef MEA_TRAIN_NET_H
#define MEA_TRAIN_NET_H

#include "train/kernels.h"
#include "train/params.h"
#include "train/team.h"

#define MEA_TNET_IO_MAX 8

struct mea_tnet_options {
	int batch;
	bool train; /* batch statistics, gradients; else running statistics, forward only */
	bool bf16;  /* maps in bfloat16 */
	bool input_grad[MEA_TNET_IO_MAX];  /* the input's gradient is wanted */
	bool output_grad[MEA_TNET_IO_MAX]; /* a gradient comes in at this output */
	/* train: batch norm's statistics are those of all ranks' batches together. The gradients
	 * of parameters stay this rank's own. */
	struct mea_team *team;
	/* Not with train; NULL, or a net of the same graph and parameters that outlives this one:
	 * its copies of the weights are used where both want them in one order. */
	const struct mea_tnet *like;
	/* train: takes the gradient of a parameter with a grid (grid.h), q, right after its
	 * operation's backward step; then the gradient is gone. */
	int (*learn)(void *ctx, struct mea_param *q, const float *grad);
	void *ctx;
};

struct mea_tnet;

/* g and p (of g) are borrowed; train allocates p's gradients. Fails with the node's name on what
 * cannot be trained. */
int mea_tnet_new(const struct mea_graph *g, struct mea_params *p, const struct mea_tnet_options *o,
		 struct mea_tnet **out);
void mea_tnet_free(struct mea_tnet *t);

/*
 * A net for another thread: it runs forward as t does, which is not for training and outlives it,
 * on maps of its own. Kernels and weights are t's, and both may run at once. room: NULL, or a net
 * that outlives this one and does not run at the same time; the maps may lie in its memory.
 */
int mea_tnet_twin(const struct mea_tnet *t, const struct mea_tnet *room, struct mea_tnet **out);

/* Shape and type of graph input or output i: a map of rows = H x W pixels, or of one row for
 * vectors, which are always float32. */
struct mea_map mea_tnet_input(const struct mea_tnet *t, int i);
struct mea_map mea_tnet_output(const struct mea_tnet *t, int i);

/* Where the net reads input i from; borrowed while it runs. */
void mea_tnet_set_input(struct mea_tnet *t, int i, const void *data);
/* Output i of the last forward pass. */
const void *mea_tnet_output_data(const struct mea_tnet *t, int i);
/* To be filled before the backward pass; for outputs of output_grad. */
void *mea_tnet_output_grad(struct mea_tnet *t, int i);
/* Filled by the backward pass; for inputs of input_grad. */
const void *mea_tnet_input_grad(const struct mea_tnet *t, int i);

/* Takes over the parameters' values; to be called after every change of them. */
int mea_tnet_refresh(struct mea_tnet *t);
/* train: also updates the running means and variances. */
int mea_tnet_forward(struct mea_tnet *t);
/* Sets the gradients of all parameters that are not fixed and have no grid. */
int mea_tnet_backward(struct mea_tnet *t);

/* Bytes of maps and gradients. */
size_t mea_tnet_bytes(const struct mea_tnet *t);

/* Seconds spent in each kind of operation, summed since the start, into a line of text. */
void mea_tnet_profile(const struct mea_tnet *t, char *text, size_t size);

#endif
