/* SPDX-License-Identifier: Apache-2.0 */
/* A training under way, which fit.c leads and fit_step.c advances. */
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
	int64_t steps; /* of an epoch */
	struct mea_progress at;
	char recipe[1024];
	double start, saved; /* seconds of the clock */
	int64_t done;	     /* steps of this run */
};

/* One step: counts into r->at, *rate is the learning rate it took. */
int mea_fit_step(struct run *r, double *rate);

#endif
