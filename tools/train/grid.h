/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Matrices that are trained as integers, without a float copy (RCT: Huang et al., arXiv
 * 2103.14493). Element i is q[i] 2^exponent. A step adds -u / 2^exponent and rounds: to the nearest
 * integer, or stochastically, floor(x + r) with r uniform in (0, 1), whose mean is x. Draws depend
 * on (seed, step, layer, element) alone.
 */
#ifndef MEA_TRAIN_GRID_H
#define MEA_TRAIN_GRID_H

#include <math.h>

#include "train/params.h"

enum mea_weights { MEA_WEIGHTS_FLOAT, MEA_WEIGHTS_INT8, MEA_WEIGHTS_INT16, MEA_WEIGHTS_AUTO };

struct mea_grid_options {
	enum mea_weights weights;
	int most;     /* auto: bits at most, 8 to 16 */
	bool nearest; /* else stochastic */
	uint64_t seed;
};

struct mea_grid {
	int bits, exponent; /* |q| <= 2^(bits - 1) - 1 */
	int8_t *q8;	    /* up to 8 bits; else NULL, and */
	int16_t *q16;
	uint16_t *momentum; /* bfloat16; NULL: none */
	/* Since the last look, once in MEA_GRID_LOOK steps: sum of mean |gradient| x highest rate /
	 * 2^exponent, and of elements at the bound. */
	double progress, bound;
};

#define MEA_GRID_LOOK 100

/* The matrices of p, which are g's, become integers, with momenta if asked for; the set's blocks
 * shrink to the vectors, and g gives up its own copy. Nothing may be fixed. */
int mea_grids_new(struct mea_params *p, struct mea_graph *g, const struct mea_grid_options *o,
		  bool momenta);
/* And floats again, in p and g; without momenta. Nothing to do for a set without integers. */
int mea_grids_end(struct mea_params *p, struct mea_graph *g);
void mea_grid_free(struct mea_grid *g);

/* The n elements of q's grid as floats. */
void mea_grid_expand(const struct mea_param *q, float *w);

/* Step number `step`, from 0, of matrix q, number `layer` of its set, with its gradient. top is the
 * highest rate of the schedule: the width would else follow the schedule. */
int mea_grid_step(struct mea_param *q, int layer, const float *grad, const struct mea_sgd *s,
		  float top, const struct mea_grid_options *o, int64_t step);

/* Rounded to an integer; r in (0, 1). */
static inline double mea_round_by(double x, double r)
{
	return floor(x + r);
}

/* All grids of p in one piece of memory, for a checkpoint: its bytes, into it, and back, which
 * fails when it is not of these matrices. */
size_t mea_grids_bytes(const struct mea_params *p);
void mea_grids_save(const struct mea_params *p, void *to);
int mea_grids_load(struct mea_params *p, const void *from);

#endif
