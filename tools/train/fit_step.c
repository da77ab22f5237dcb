// SPDX-License-Identifier: Apache-2.0
/* A step of training: batch, forward, losses, backward, weights. */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
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

/* Images of the whole batch, as numbers of kept. */
static const uint32_t *images(const struct run *r)
{
	return r->order + r->at.step * r->batch.whole;
}

/* This rank's teacher has answered its slice. All ranks keep all answers: the next time an image
 * comes in this view it may be another's. */
static int keep_answers(struct run *r)
{
	size_t k = (size_t)r->taught, n = (size_t)r->batch.whole * k;
	int rc;

	memset(r->answers, 0, n * sizeof(*r->answers));
	memcpy(r->answers + (size_t)r->batch.first * k, mea_tnet_output_data(r->t[TEACHER], 0),
	       (size_t)r->batch.n * k * sizeof(*r->answers));
	rc = mea_team_sum_f32(r->f->team, n, r->answers);
	if (!rc)
		mea_views_put(r->views, view(r), images(r), r->batch.whole, r->answers);
	return rc;
}

/* What the teacher says of this rank's slice, of the classes that are learned. */
static const float *answers(const struct run *r)
{
	size_t k = (size_t)r->f->outputs, all = (size_t)r->taught;
	const float *said = r->views ? r->answers + (size_t)r->batch.first * all
				     : mea_tnet_output_data(r->t[TEACHER], 0);

	if (!r->column)
		return said;
	for (size_t i = 0; i < (size_t)r->local; i++)
		for (size_t j = 0; j < k; j++)
			r->chosen[i * k + j] = said[i * all + r->column[j]];
	return r->chosen;
}

static int forward(struct run *r)
{
	const struct mea_set *s = r->f->kept->set;
	size_t pixels = (size_t)r->batch.n * (size_t)s->width * (size_t)s->height;
	static const int turn[NETS] = {FRONT, TEACHER, NET};
	bool answered = r->views &&
			mea_views_get(r->views, view(r), images(r), r->batch.whole, r->answers);

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
	return r->views && !answered ? keep_answers(r) : 0;
}

/* The network's loss and, when joint, the front's, with equal weight, summed over this rank's
 * images; their gradients, over the whole batch's mean, wait at the outputs. */
static double losses(struct run *r)
{
	const struct mea_recipe *c = r->f->recipe;
	float part = (float)r->local / (float)c->batch;
	struct mea_goal goal = {
		.target = r->batch.target, .share = c->share, .temperature = c->temperature};
	double loss;

	if (r->t[TEACHER])
		goal.teacher = answers(r);
	loss = mea_loss(r->local, r->f->outputs, mea_tnet_output_data(r->t[NET], 0), &goal, part,
			mea_tnet_output_grad(r->t[NET], 0));
	if (r->f->joint) {
		goal = (struct mea_goal){.target = r->front_batch.target};
		loss += mea_loss(r->local, r->front_batch.classes,
				 mea_tnet_output_data(r->t[FRONT], 0), &goal, part,
				 mea_tnet_output_grad(r->t[FRONT], 0));
	}
	return loss * r->local;
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

/* Steps of a trial, the first two to warm up: 0 sends whole gradients, 1 compressed ones. */
static const bool trial[] = {0, 1, 0, 0, 1, 1};
#define TRIALS 6
#define WARM   2

static int64_t number_of(const struct run *r)
{
	return r->at.epoch * r->steps + r->at.step;
}

/* Whether this step's gradients are compressed. */
static bool compresses(const struct run *r)
{
	const struct mea_compress_options *o = &r->f->recipe->compress;

	if (!r->compress || r->at.epoch < o->dense)
		return false;
	if (!o->measure || r->at.compress != MEA_UNDECIDED)
		return !o->measure || r->at.compress == MEA_COMPRESSED;
	return number_of(r) < TRIALS && trial[number_of(r)];
}

/* Takes down how long a step of the trial took, the shorter of its kind; decides after the last. A
 * training that was taken up amid the trial has not timed both kinds, and sends whole gradients. */
static int decide(struct run *r, double seconds)
{
	double *took = &r->took[compresses(r)];
	int rc, ranks = mea_team_ranks(r->f->team);
	bool faster;

	if (number_of(r) >= WARM)
		*took = *took > 0 && *took < seconds ? *took : seconds;
	if (number_of(r) < TRIALS - 1)
		return 0;
	rc = mea_team_sum(r->f->team, 2, r->took);
	if (rc)
		return rc;
	faster = r->took[1] < 0.9 * r->took[0];
	r->at.compress = faster ? MEA_COMPRESSED : MEA_WHOLE;
	if (r->f->chose && !mea_team_rank(r->f->team))
		r->f->chose(r->took[0] / ranks, r->took[1] / ranks, faster, r->f->ctx);
	return 0;
}

static int update_net(struct run *r, int i, const struct mea_sgd *sgd, float average)
{
	struct mea_params *p = r->model[i]->params;
	int rc = i == NET && compresses(r)
			 ? mea_compress_sum(r->compress)
			 : mea_team_sum_f32(r->f->team, mea_params_trained(p), p->grads);

	if (rc)
		return rc;
	mea_sgd_step(p, sgd);
	if (p->average)
		mea_average_follow(p, average);
	return mea_tnet_refresh(r->t[i]);
}

int mea_fit_learn(void *ctx, struct mea_param *q, const float *grad)
{
	struct run *r = ctx;

	return mea_grid_step(q, (int)(q - r->f->net->params->list), grad, &r->sgd,
			     r->f->recipe->rate, &r->f->recipe->grid, r->number);
}

static int step(struct run *r, double *rate)
{
	const struct mea_recipe *c = r->f->recipe;
	int64_t number = r->at.epoch * r->steps + r->at.step;
	struct mea_sgd sgd = {mea_schedule_rate(c->schedule, c->rate, number, c->epochs * r->steps),
			      c->momentum, c->decay};
	float average = mea_average_decay(c->average, number);
	double sums[2]; /* of losses and of right answers */
	int rc;

	*rate = (double)sgd.rate;
	r->sgd = sgd;
	r->number = number;
	fill(r, &r->batch, r->f->map);
	if (r->f->joint)
		fill(r, &r->front_batch, NULL);
	rc = forward(r);
	if (rc)
		return rc;
	sums[0] = losses(r);
	sums[1] = (double)mea_count_right(r->local, r->f->outputs,
					  mea_tnet_output_data(r->t[NET], 0), r->batch.label);
	rc = mea_team_sum(r->f->team, 2, sums);
	if (rc)
		return rc;
	if (!isfinite(sums[0])) {
		rc = mea_fail(MEA_EINVAL,
			      "epoch %d, step %d: the loss is not a number; a lower learning "
			      "rate than %g may help",
			      (int)r->at.epoch + 1, (int)r->at.step + 1, (double)c->rate);
		return mea_team_agree(r->f->team, rc);
	}
	r->at.loss_sum += sums[0];
	r->at.seen += c->batch;
	r->at.right += (int64_t)sums[1];
	rc = backward(r);
	if (!rc)
		rc = update_net(r, NET, &sgd, average);
	return rc || !r->f->joint ? rc : update_net(r, FRONT, &sgd, average);
}

int mea_fit_step(struct run *r, double *rate)
{
	double start = mea_now_ms() * 1e-3;
	int rc = step(r, rate);

	if (rc || !r->f->recipe->compress.measure || r->at.compress != MEA_UNDECIDED)
		return rc;
	return decide(r, mea_now_ms() * 1e-3 - start);
}
