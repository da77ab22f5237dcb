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
	float *residues;	       /* all ranks', when a checkpoint is read or written */
	size_t *residue_bytes;
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
/* Brings all ranks' residues together in r->residues, and gives this rank its own of them. */
int mea_fit_collect(struct run *r);
int mea_fit_spread(struct run *r);
/* What a checkpoint holds; borrowed from r. */
struct mea_checkpoint mea_fit_snapshot(struct run *r);

/* One step: counts into r->at, *rate is the learning rate it took. */
int mea_fit_step(struct run *r, double *rate);

#endif
