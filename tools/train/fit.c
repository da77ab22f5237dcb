// SPDX-License-Identifier: Apache-2.0
#include "train/fit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "train/fit_run.h"
#include "train/loss.h"

float mea_schedule_rate(enum mea_schedule s, float top, int64_t step, int64_t total)
{
	double x = ((double)step + 0.5) / (double)total;

	switch (s) {
	case MEA_COSINE:
		return (float)(top * 0.5 * (1 + cos(3.141592653589793 * x)));
	case MEA_STEPS:
		return top * (x < 3 / 9.0   ? 1.0f
			      : x < 6 / 9.0 ? 0.1f
			      : x < 8 / 9.0 ? 0.01f
					    : 0.001f);
	default:
		return (float)(top * (x < 0.25 ? x / 0.25 : (1 - x) / 0.75));
	}
}

/* --- models ----------------------------------------------------------------------- */

int mea_tmodel_new(struct mea_graph *g, const float mean[3], const float std[3],
		   struct mea_tmodel *m)
{
	*m = (struct mea_tmodel){.graph = g};
	memcpy(m->mean, mean, sizeof(m->mean));
	memcpy(m->std, std, sizeof(m->std));
	return mea_params_new(g, &m->params);
}

void mea_tmodel_free(struct mea_tmodel *m)
{
	mea_params_free(m->params);
	mea_graph_free(m->graph);
	*m = (struct mea_tmodel){0};
}

/* --- steps ------------------------------------------------------------------------------ */

static int save(struct run *r)
{
	int rc = mea_fit_collect(r);
	struct mea_checkpoint c = mea_fit_snapshot(r);

	r->saved = mea_now_ms() * 1e-3;
	if (rc)
		return rc;
	if (r->f->checkpoint && !mea_team_rank(r->f->team))
		rc = mea_checkpoint_save(r->f->checkpoint, &c);
	mea_fit_extra_done(r);
	return rc;
}

/* The averages, where they are kept, take the place of the weights, or give it back. */
static void swap_averages(struct run *r)
{
	if (!r->f->recipe->average)
		return;
	mea_average_swap(r->f->net->params);
	if (r->f->joint)
		mea_average_swap(r->f->front->params);
}

static int count_held(struct run *r, const struct mea_pick *p, double *right)
{
	size_t k = (size_t)r->f->outputs;
	float *logits = malloc((p->n * k + 1) * sizeof(*logits));
	int rc = logits ? 0 : mea_nomem();

	swap_averages(r);
	if (!rc)
		rc = mea_predict(r->f->front, r->f->net, p, r->f->recipe, NULL, logits);
	swap_averages(r);
	for (size_t i = 0; i < p->n && !rc; i++) {
		int label = p->set->label[p->index[i]];

		label = r->f->map ? r->f->map[label] : label;
		*right += (double)mea_count_right(1, (int)k, logits + i * k, &label);
	}
	free(logits);
	return rc;
}

static int held_accuracy(struct run *r, double *accuracy)
{
	const struct mea_pick *p = r->f->held;
	struct mea_pick part;
	double right = 0;
	size_t first;
	int rc;

	*accuracy = NAN;
	if (!p || !p->n)
		return 0;
	mea_team_part(r->f->team, p->n, &first, &part.n);
	part.set = p->set;
	part.index = p->index + first;
	rc = count_held(r, &part, &right);
	if (!rc)
		rc = mea_team_sum(r->f->team, 1, &right);
	*accuracy = right / (double)p->n;
	return rc;
}

static void report(struct run *r, double rate, bool end, double held)
{
	int64_t total = r->steps * r->f->recipe->epochs;
	int64_t at = r->at.epoch * r->steps + r->at.step;
	double seconds = mea_now_ms() * 1e-3 - r->start;
	struct mea_report p = {
		.epoch = (int)r->at.epoch + 1,
		.epochs = r->f->recipe->epochs,
		.done = (size_t)r->at.seen,
		.total = (size_t)(r->steps * r->f->recipe->batch),
		.rate = rate,
		.loss = r->at.loss_sum / (double)r->at.seen,
		.accuracy = (double)r->at.right / (double)r->at.seen,
		.images_per_second = (double)(r->done * r->f->recipe->batch) / seconds,
		.seconds_left = (double)(total - at) * seconds / (double)r->done,
		.epoch_end = end,
		.held_accuracy = held,
	};

	if (r->f->report && !mea_team_rank(r->f->team))
		r->f->report(&p, r->f->ctx);
}

/* What comes between two steps. 1: asked to stop, a checkpoint was written. */
static int between_steps(struct run *r)
{
	/* Asked to stop; rank 0 says when a checkpoint is due, to which all bring their residues.
	 */
	double say[2] = {r->f->stop && *r->f->stop,
			 !mea_team_rank(r->f->team) &&
				 mea_now_ms() * 1e-3 - r->saved >= r->f->checkpoint_seconds};
	int rc = mea_team_sum(r->f->team, 2, say);

	if (rc)
		return rc;
	if (say[0] > 0 || say[1] > 0)
		rc = save(r);
	/* Of a failure the others hear with the next step's sums, by mpirun; here at a stop. */
	if (say[0] > 0)
		rc = mea_team_agree(r->f->team, rc);
	return rc ? rc : say[0] > 0;
}

static int epoch(struct run *r)
{
	double rate = 0, held;
	int rc = 0;

	mea_epoch_order(r->f->recipe->seed, (int)r->at.epoch, r->f->kept->n, r->order);
	while (r->at.step < r->steps) {
		rc = mea_fit_step(r, &rate);
		if (rc)
			return rc;
		r->at.step++;
		r->done++;
		report(r, rate, false, NAN);
		rc = between_steps(r);
		if (rc)
			return rc;
	}
	rc = held_accuracy(r, &held);
	if (rc)
		return rc;
	if (r->done)
		report(r, rate, true, held);
	r->at = (struct mea_progress){.epoch = r->at.epoch + 1, .compress = r->at.compress};
	return 0;
}

/* Mean over the elements that have a grid; NaN without one. */
static double bits_of(const struct mea_params *p)
{
	double bits = 0, n = 0;

	for (int i = 0; i < p->n; i++)
		if (p->list[i].grid) {
			bits += (double)p->list[i].n * p->list[i].grid->bits;
			n += (double)p->list[i].n;
		}
	return bits / n;
}

int mea_fit_run(struct mea_fit *f)
{
	struct run r = {.f = f};
	int ended, rc = mea_fit_open(&r);

	mea_mem_forget();
	r.start = r.saved = mea_now_ms() * 1e-3;
	while (!rc && r.at.epoch < f->recipe->epochs)
		rc = epoch(&r);
	/* The last checkpoint says that all is done. */
	if (!rc && r.done)
		rc = mea_team_agree(f->team, save(&r));
	if (!rc)
		swap_averages(&r);
	f->memory = mea_mem_read();
	f->steps = r.done;
	if (r.compress)
		f->sent = mea_compress_sent(r.compress);
	mea_fit_close(&r);
	f->bits = bits_of(f->net->params);
	ended = mea_grids_end(f->net->params, f->net->graph);
	return ended < 0 ? ended : rc;
}
