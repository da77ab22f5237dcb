/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of mea_tnet share. */
#ifndef MEA_TRAIN_INTERNAL_H
#define MEA_TRAIN_INTERNAL_H

#include "train/dnnl.h"
#include "train/net.h"

/* A piece of the arena, alive from step first to step last. */
struct tbuf {
	size_t bytes, offset;
	int first, last;
};

struct tvalue {
	struct mea_map map;
	int h, w;
	bool vector; /* rank 2 */
	bool input;  /* given from outside: no buffer */
	bool needs_grad;
	int alias;		    /* the value that this one is; itself, mostly */
	int data, grad[2], n_grads; /* buffers; -1: none */
	void *ptr, *gptr[2];
};

#define TOP_IN_MAX 8

enum top_kind { TOP_CONV, TOP_NORM, TOP_POOL, TOP_LINEAR, TOP_OTHER, TOP_KINDS };

struct top;
struct mea_tnet;

struct top_ops {
	enum top_kind kind;
	/* Enters the input gradients with tnet_contribute(); NULL: a new buffer for each. */
	int (*plan)(struct mea_tnet *t, struct top *o);
	/* Bytes that it works in while it runs; NULL: none. A trained net keeps them. */
	size_t (*work)(const struct mea_tnet *t, const struct top *o);
	/* Makes what it runs with; pointers are not known yet. */
	int (*build)(struct mea_tnet *t, struct top *o);
	int (*refresh)(struct mea_tnet *t, struct top *o);
	int (*forward)(struct mea_tnet *t, struct top *o);
	int (*backward)(struct mea_tnet *t, struct top *o);
	void (*free)(struct top *o);
};

struct top {
	const struct top_ops *ops;
	const struct mea_node *node;
	int in[TOP_IN_MAX], n_in, out;
	int time, back; /* steps of the forward and the backward pass */
	bool keep_in[TOP_IN_MAX], keep_out;
	bool two_grads;	      /* reads both gradients of its output itself */
	bool active;	      /* takes part in the backward pass */
	int gbuf[TOP_IN_MAX]; /* the buffer where input i's gradient is written; -1: none */
	void *gptr[TOP_IN_MAX];
	bool add_to[TOP_IN_MAX]; /* it is then added to the input's second gradient */
	float lo, hi;		 /* bounds of a fused Relu or Clip */
	int work_buf;
	void *work;  /* by ops->work() */
	void *state; /* a forward pass without training only reads it: twins have the same */
};

struct mea_tnet {
	const struct mea_graph *g;
	struct mea_params *p;
	struct mea_tnet_options o;
	struct tvalue *values; /* as the graph's */
	struct top *ops;
	int n_ops;
	struct tbuf *bufs;
	int n_bufs;
	char *arena;
	size_t bytes;
	bool twin, guest;	      /* its operations, its arena are another net's */
	double seconds[TOP_KINDS][2]; /* forward, backward */
	/* Of matrices with a grid, one at a time: its floats and its gradient, of lean_n elements,
	 * and what oneDNN makes of either. */
	float *lean_w, *lean_grad;
	void *lean_room;
	size_t lean_n, lean_bytes;
};

extern const struct top_ops top_conv, top_norm, top_linear, top_pool, top_clamp, top_add,
	top_concat;

/* --- arena.c --- */
/* A buffer alive from first to last; its index or a negative error. */
int tnet_buf(struct mea_tnet *t, size_t bytes, int first, int last);
/* Lets buffer b live to step time as well. */
void tnet_touch(struct mea_tnet *t, int b, int time);
/* Enters op's gradient of input i: a new buffer unless given one. */
int tnet_contribute(struct mea_tnet *t, struct top *o, int i, int given);
/* Plans and allocates all memory. */
int tnet_arena(struct mea_tnet *t);
/* Allocates what is planned, or takes room's memory where it is large enough; NULL: its own. */
int tnet_allocate(struct mea_tnet *t, const struct mea_tnet *room);

/* --- compile.c --- */
int tnet_compile(struct mea_tnet *t);

/* The parameter of the node's input, NULL when left out. */
struct mea_param *tnet_param(const struct mea_tnet *t, const struct mea_node *n, int input);
/* Whether op has parameters that are trained. */
bool tnet_learns(const struct mea_tnet *t, const struct top *o);
/* Room for a matrix with a grid; called while operations are built. */
void tnet_lean(struct mea_tnet *t, const struct mea_param *q, size_t room);
/* The floats of a matrix: its own, or of its grid until the next call. And where its gradient goes,
 * which tnet_learn() then hands over if it has a grid. */
const float *tnet_weights(struct mea_tnet *t, const struct mea_param *q);
float *tnet_gradient(struct mea_tnet *t, const struct mea_param *q);
int tnet_learn(struct mea_tnet *t, struct mea_param *q);
/* The value at op's input or output. */
struct tvalue *tnet_in(const struct mea_tnet *t, const struct top *o, int i);
struct tvalue *tnet_out(const struct mea_tnet *t, const struct top *o);
/* Where op writes the gradient of input i; tnet_grad_done() follows. NULL: not wanted. */
void *tnet_grad_room(const struct mea_tnet *t, const struct top *o, int i);
void tnet_grad_done(struct mea_tnet *t, const struct top *o, int i);

#endif
