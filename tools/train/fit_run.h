/* SPDX-License-Identifier: Apache-2.0 */
/* A training under way, which fit_open.c sets up, fit.c leads and fit_step.c advances. */
#ifndef MEA_TRAIN_FIT_RUN_H
#define MEA_TRAIN_FIT_RUN_H

#include "train/checkpoint.h"
#include "train/fit.h"
#include "train/views.h"

enum { NET, FRONT, TEACHER, NETS };

/* A training under way. */
struct run {
	struct mea_fit *f;
	struct mea_tmodel *model[NETS]; /* NULL: none */
	struct mea_tnet *t[NETS];
	void *image[NETS];		     /* each network's own normalisation */
	struct mea_batch batch, front_batch; /* the second when joint: the front's targets */
	uint32_t *order;
	struct mea_views *views; /* the teacher's answers and those to a batch; NULL: not kept */
	float *answers;
	int taught;	  /* the teacher's outputs */
	uint32_t *column; /* each output of net among them; NULL: the same ones */
	float *chosen;	  /* the answers of these, of this rank's slice */
	int local;	  /* images of a step on this rank */
	int64_t steps;	  /* of an epoch */
	struct mea_progress at;
	struct mea_compress *compress; /* NULL: all gradients are sent */
	/* For a checkpoint: all ranks' residues, or the grids, for which there is room only while
	 * one is read or written. */
	void *extra;
	size_t *extra_bytes;
	bool resumed;
	struct mea_sgd sgd; /* of the step under way, number `number` */
	int64_t number;
	double took[2]; /* seconds of steps that sent all, and of compressed ones */
	char recipe[1024];
	double start, saved; /* seconds of the clock */
	int64_t done;	     /* steps of this run */
};

/* r->f is given. After a failure, too, mea_fit_close() follows. The second sets up what the first
 * starts with. */
int mea_fit_open(struct run *r);
int mea_fit_set_up(struct run *r);
void mea_fit_close(struct run *r);
/*
 * fit_extra.c. Sets compression up; bytes of this rank's residues, or of the grids; room for
 * r->extra, and no more of it; fills it for a checkpoint; takes what falls to this rank from it.
 */
int mea_fit_open_extra(struct run *r);
size_t mea_fit_own_extra(const struct run *r);
int mea_fit_extra(struct run *r);
void mea_fit_extra_done(struct run *r);
int mea_fit_collect(struct run *r);
int mea_fit_spread(struct run *r);
/* What a checkpoint holds; borrowed from r. */
struct mea_checkpoint mea_fit_snapshot(struct run *r);

/* One step: counts into r->at, *rate is the learning rate it took. */
int mea_fit_step(struct run *r, double *rate);
/* For mea_tnet_options: a step of a matrix with a grid; ctx is the run. */
int mea_fit_learn(void *ctx, struct mea_param *q, const float *grad);

#endif
