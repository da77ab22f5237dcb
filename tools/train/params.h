/* SPDX-License-Identifier: Apache-2.0 */
/* What training changes: the float constants of a graph's Conv, BatchNormalization and Gemm nodes;
 * beside them, where they are trained, gradients and momenta. */
#ifndef MEA_TRAIN_PARAMS_H
#define MEA_TRAIN_PARAMS_H

#include "graph/graph.h"

struct mea_param {
	char *name; /* of the graph's value; owned */
	int value;  /* its index in the graph */
	size_t n;
	int rank;	       /* 4: of a Conv; 2: of a Gemm; 1: a vector */
	bool decay;	       /* weight decay applies: matrices and kernels */
	bool running;	       /* a batch norm's mean or variance: no gradient */
	bool fixed;	       /* is not trained */
	struct mea_grid *grid; /* its integers, while it is trained as such (grid.h); owned */
	/* n each, in the set's blocks; NULL: there is none */
	float *data, *grad, *momentum;
};

struct mea_params {
	struct mea_param *list;
	int n;
	float *block;	 /* all data, */
	size_t elements; /* of so many */
	size_t fixed;	/* so many of them, at the front, are not trained: the next two lack them */
	float *grads;	/* NULL: nothing is trained */
	float *momenta; /* NULL: there are none */
	float *average; /* of all data over the steps, elements; NULL: none is kept */
	size_t file;	/* bytes of the graph's constants, counted with it */
};

/* Takes the values from g, which stays as it is. Nothing else is allocated yet. */
int mea_params_new(const struct mea_graph *g, struct mea_params **out);
/* Convs and Gemms of g, the graph that p is of. */
int mea_params_layers(const struct mea_params *p, const struct mea_graph *g);
/* Lets the first n of them, in the order of g's nodes, and all before the next one be fixed.
 * Gradients, momenta and averages go. */
void mea_params_fix(struct mea_params *p, const struct mea_graph *g, int n);
/* Allocates gradients, or momenta of 0, unless they are there. */
int mea_params_gradients(struct mea_params *p);
int mea_params_momenta(struct mea_params *p);
/* New places for the data of all that has no grid, in a block as large; what has one loses its
 * data, and what had none starts with zeros. Gradients, momenta and averages go. */
int mea_params_move(struct mea_params *p);
/* Frees both, and averages. */
void mea_params_release(struct mea_params *p);
/* Elements that are trained: those of grads and momenta. */
static inline size_t mea_params_trained(const struct mea_params *p)
{
	return p->elements - p->fixed;
}
void mea_params_free(struct mea_params *p);
/* Index of the parameter that is value of the graph; -1 when it is none. */
int mea_params_find(const struct mea_params *p, int value);
/* Writes the values into g, the graph they came from or a copy. */
void mea_params_store(const struct mea_params *p, struct mea_graph *g);
/* Copies the values back from g, which has the same constants. */
void mea_params_take(struct mea_params *p, const struct mea_graph *g);

/* Lets p be share p + (1 - share) other, element by element; other has the same parameters. Of
 * weights before and after more training: Wortsman et al., "Robust fine-tuning of zero-shot
 * models", CVPR 2022. */
void mea_params_blend(struct mea_params *p, const struct mea_params *other, float share);

/*
 * One step of SGD as PyTorch counts it: g += decay w (where it applies), v = momentum v
 * + g, and with Nesterov w -= rate (g + momentum v). Needs gradients, and momenta unless momentum
 * is 0.
 */
struct mea_sgd {
	float rate, momentum, decay;
};
void mea_sgd_step(struct mea_params *p, const struct mea_sgd *s);

/*
 * An exponential moving average of the weights and running statistics (Polyak and Juditsky, SIAM
 * J. Control Optim. 30, 1992, with a window that forgets). start allocates it, equal to the data;
 * follow, after a step, lets it be decay average + (1 - decay) data; swap exchanges both.
 */
int mea_average_start(struct mea_params *p);
void mea_average_follow(struct mea_params *p, float decay);
void mea_average_swap(struct mea_params *p);
/* The decay at a step, counted from 0: early ones forget faster, min(top, (1 + step) / (10 +
 * step)), so that random weights are not remembered. */
float mea_average_decay(float top, int64_t step);

#endif
