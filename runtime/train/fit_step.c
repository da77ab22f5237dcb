// SPDX-License-Identifier: Apache-2.0
/* A step of training: batch, forward, losses, backward, weights. */
#include <math.h>
#include <string.h>

#include "error.h"
#include "train/fit_run.h"
#include "train/loss.h"

/* Which crops the epoch sees. */
static int view(const struct run *r)
{
	int views = r->f->recipe->views;

	return views ? (int)r->at.epoch % views : (int)r->at.epoch;
}

static void fill(struct run *r, struct mea_batch *b, const int *map)
{
	const struct mea_recipe *c = r->f->recipe;

	mea_batch_fill(b, r->f->kept, r->order, map, c->smoothing, &c->augment, c->seed, view(r),
		       (size_t)r->at.step);
}

/* Images of the batch, as numbers of kept. */
static const uint32_t *images(const struct run *r)
{
	return r->order + r->at.step * r->batch.n;
}

static int forward(struct run *r)
{
	const struct mea_set *s = r->f->kept->set;
	size_t pixels = (size_t)r->batch.n * (size_t)s->width * (size_t)s->height;
	static const int turn[NETS] = {FRONT, TEACHER, NET};
	bool answered = r->views &&
			mea_views_get(r->views, view(r), images(r), r->batch.n, r->answers);

	for (int i = 0; i < NETS; i++) {
		int k = turn[i], rc;

		if (!r->t[k] || (k == TEACHER && answered))
			continue;
		mea_batch_normalise(r->batch.rgb, pixels, r->model[k]->mean, r->model[k]->std,
				    r->f->recipe->bf16, r->image[k]);
		rc = mea_tnet_forward(r->t[k]);
		if (rc)
			return rc;
	}
	if (r->views && !answered) {
		memcpy(r->answers, mea_tnet_output_data(r->t[TEACHER], 0),
		       (size_t)r->batch.n * (size_t)r->f->outputs * sizeof(*r->answers));
		mea_views_put(r->views, view(r), images(r), r->batch.n, r->answers);
	}
	return 0;
}

/* The network's loss and, when joint, the front's, with equal weight; their gradients wait at
 * the outputs. */
static double losses(struct run *r)
{
	const struct mea_recipe *c = r->f->recipe;
	struct mea_goal goal = {
		.target = r->batch.target, .share = c->share, .temperature = c->temperature};
	double loss;

	if (r->t[TEACHER])
		goal.teacher = r->views ? r->answers : mea_tnet_output_data(r->t[TEACHER], 0);
	loss = mea_loss(r->batch.n, r->f->outputs, mea_tnet_output_data(r->t[NET], 0), &goal, 1,
			mea_tnet_output_grad(r->t[NET], 0));
	if (!r->f->joint)
		return loss;
	goal = (struct mea_goal){.target = r->front_batch.target};
	return loss + mea_loss(r->batch.n, r->front_batch.classes,
			       mea_tnet_output_data(r->t[FRONT], 0), &goal, 1,
			       mea_tnet_output_grad(r->t[FRONT], 0));
}

static int backward(struct run *r)
{
	struct mea_map features;
	int rc = mea_tnet_backward(r->t[NET]);

	if (rc || !r->f->joint)
		return rc;
	features = mea_tnet_output(r->t[FRONT], 1);
	memcpy(mea_tnet_output_grad(r->t[FRONT], 1), mea_tnet_input_grad(r->t[NET], 1),
	       mea_map_bytes(&features));
	return mea_tnet_backward(r->t[FRONT]);
}

static int update(struct run *r, const struct mea_sgd *sgd)
{
	int rc;

	mea_sgd_step(r->f->net->params, sgd);
	rc = mea_tnet_refresh(r->t[NET]);
	if (rc || !r->f->joint)
		return rc;
	mea_sgd_step(r->f->front->params, sgd);
	return mea_tnet_refresh(r->t[FRONT]);
}

int mea_fit_step(struct run *r, double *rate)
{
	const struct mea_recipe *c = r->f->recipe;
	int64_t number = r->at.epoch * r->steps + r->at.step;
	struct mea_sgd sgd = {mea_schedule_rate(c->schedule, c->rate, number, c->epochs * r->steps),
			      c->momentum, c->decay};
	double loss;
	int rc;

	*rate = (double)sgd.rate;
	fill(r, &r->batch, r->f->map);
	if (r->f->joint)
		fill(r, &r->front_batch, NULL);
	rc = forward(r);
	if (rc)
		return rc;
	loss = losses(r);
	if (!isfinite(loss))
		return mea_fail(MEA_EINVAL,
				"epoch %d, step %d: the loss is not a number; a lower learning "
				"rate than %g may help",
				(int)r->at.epoch + 1, (int)r->at.step + 1, (double)c->rate);
	r->at.loss_sum += loss * r->batch.n;
	r->at.seen += r->batch.n;
	r->at.right += (int64_t)mea_count_right(r->batch.n, r->f->outputs,
						mea_tnet_output_data(r->t[NET], 0), r->batch.label);
	rc = backward(r);
	return rc ? rc : update(r, &sgd);
}
