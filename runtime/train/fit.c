// SPDX-License-Identifier: Apache-2.0
#include "train/fit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "error.h"
#include "train/fit_run.h"
#include "train/loss.h"

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

float mea_schedule_rate(enum mea_schedule s, float top, int64_t step, int64_t total)
{
	double x = ((double)step + 0.5) / (double)total;

	switch (s) {
	case MEA_COSINE:
		return (float)(top * 0.5 * (1 + cos(3.141592653589793 * x)));
	case MEA_STEPS:
		return top * (x < 0.6 ? 1.0f : x < 0.8 ? 0.1f : 0.01f);
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

/* --- setting up --------------------------------------------------------------------- */

/* All that decides the result; what only says where and how often is not part of it. */
static void describe(struct run *r)
{
	const struct mea_recipe *c = r->f->recipe;
	const struct mea_augment *a = &c->augment;

	snprintf(r->recipe, sizeof(r->recipe),
		 "%s; %zu images; %d epochs of batch %d; schedule %d rate %g momentum %g decay %g "
		 "smoothing %g; teacher %d share %g temperature %g; pad %d mirror %d cutout %d "
		 "mixup %g; views %d; seed %llu; %s",
		 r->f->what, r->f->kept->n, c->epochs, c->batch, c->schedule, (double)c->rate,
		 (double)c->momentum, (double)c->decay, (double)c->smoothing, r->f->teacher != NULL,
		 (double)c->share, (double)c->temperature, a->pad, a->mirror, a->cutout,
		 (double)a->mixup, c->views, (unsigned long long)c->seed,
		 c->bf16 ? "bfloat16" : "float32");
}

static int check_input(const struct mea_tnet *t, const struct mea_tmodel *m,
		       const struct mea_set *s)
{
	struct mea_map in = mea_tnet_input(t, 0);

	if (in.c != 3 || in.rows != (size_t)s->width * (size_t)s->height)
		return mea_fail(MEA_EINVAL, "%s: its input is no image of 3 x %d x %d",
				m->graph->source, s->height, s->width);
	return 0;
}

static int open_net(struct run *r, int i, bool train)
{
	const struct mea_set *s = r->f->kept->set;
	struct mea_tnet_options o = {.batch = r->f->recipe->batch,
				     .train = train,
				     .bf16 = r->f->recipe->bf16,
				     .input_grad = {false, i == NET && r->f->joint},
				     .output_grad = {train, i == FRONT && r->f->joint}};
	struct mea_tmodel *m = r->model[i];
	int rc;

	if (!m)
		return 0;
	rc = mea_tnet_new(m->graph, m->params, &o, &r->t[i]);
	if (!rc)
		rc = check_input(r->t[i], m, s);
	if (rc)
		return rc;
	r->f->bytes += mea_tnet_bytes(r->t[i]);
	r->image[i] = malloc((size_t)o.batch * (size_t)s->width * (size_t)s->height * 3 * 4);
	if (!r->image[i])
		return mea_fail(MEA_ENOMEM, "out of memory");
	mea_tnet_set_input(r->t[i], 0, r->image[i]);
	return 0;
}

/* The front's features must be what the network takes. */
static int connect(struct run *r)
{
	const struct mea_graph *net = r->f->net->graph, *front = r->f->front->graph;
	struct mea_map in, out;

	if (net->n_inputs != 2 || front->n_outputs != 2)
		return mea_fail(MEA_EINVAL, "%s does not go behind %s", net->source, front->source);
	in = mea_tnet_input(r->t[NET], 1);
	out = mea_tnet_output(r->t[FRONT], 1);
	if (in.c != out.c || in.rows != out.rows)
		return mea_fail(MEA_EINVAL, "%s: its features are not those of %s", net->source,
				front->source);
	mea_tnet_set_input(r->t[NET], 1, mea_tnet_output_data(r->t[FRONT], 1));
	return 0;
}

static int check_outputs(const struct run *r)
{
	if (mea_tnet_output(r->t[NET], 0).c != r->f->outputs)
		return mea_fail(MEA_EINVAL, "%s: has %d outputs for %d classes",
				r->f->net->graph->source, mea_tnet_output(r->t[NET], 0).c,
				r->f->outputs);
	if (r->t[TEACHER] && mea_tnet_output(r->t[TEACHER], 0).c != r->f->outputs)
		return mea_fail(MEA_EINVAL, "%s: the teacher has %d outputs for %d classes",
				r->f->teacher->graph->source, mea_tnet_output(r->t[TEACHER], 0).c,
				r->f->outputs);
	return 0;
}

static struct mea_checkpoint snapshot(struct run *r)
{
	return (struct mea_checkpoint){.recipe = r->recipe,
				       .sets = {r->f->net->params,
						r->f->joint ? r->f->front->params : NULL},
				       .at = r->at};
}

static int keep_answers(struct run *r)
{
	const struct mea_recipe *c = r->f->recipe;
	int rc;

	if (!r->f->teacher || !c->views)
		return 0;
	r->answers = malloc((size_t)c->batch * (size_t)r->f->outputs * sizeof(*r->answers));
	rc = mea_views_new(c->views, r->f->kept->n, r->f->outputs, &r->views);
	return rc || r->answers ? rc : mea_fail(MEA_ENOMEM, "out of memory");
}

static int set_up(struct run *r)
{
	struct mea_fit *f = r->f;
	int rc = 0;

	describe(r);
	f->bytes = 0;
	r->steps = (int64_t)(f->kept->n / (size_t)f->recipe->batch);
	if (r->steps < 1)
		return mea_fail(MEA_EINVAL, "%zu training images do not fill a batch of %d",
				f->kept->n, f->recipe->batch);
	if (f->recipe->views && f->recipe->augment.mixup > 0)
		return mea_fail(MEA_EINVAL, "mixup has no limited number of views");
	r->model[NET] = f->net;
	r->model[FRONT] = f->front;
	r->model[TEACHER] = f->teacher;
	for (int i = 0; i < NETS && !rc; i++)
		rc = open_net(r, i, i == NET || (i == FRONT && f->joint));
	if (!rc && f->front)
		rc = connect(r);
	if (!rc)
		rc = check_outputs(r);
	if (!rc)
		rc = keep_answers(r);
	if (!rc)
		rc = mea_batch_new(f->kept->set, f->recipe->batch, f->outputs, &r->batch);
	if (!rc && f->joint)
		rc = mea_batch_new(f->kept->set, f->recipe->batch,
				   mea_tnet_output(r->t[FRONT], 0).c, &r->front_batch);
	r->order = calloc(f->kept->n, sizeof(*r->order));
	if (!rc && !r->order)
		rc = mea_fail(MEA_ENOMEM, "out of memory");
	if (!rc && f->resume && f->checkpoint) {
		struct mea_checkpoint c = snapshot(r);

		rc = mea_checkpoint_load(f->checkpoint, &c);
		if (rc == MEA_ENOENT)
			return 0;
		r->at = c.at;
		if (!rc)
			rc = mea_tnet_refresh(r->t[NET]);
		if (!rc && f->joint)
			rc = mea_tnet_refresh(r->t[FRONT]);
	}
	return rc;
}

static void tear_down(struct run *r)
{
	for (int i = 0; i < NETS; i++) {
		mea_tnet_free(r->t[i]);
		free(r->image[i]);
	}
	mea_batch_free(&r->batch);
	mea_batch_free(&r->front_batch);
	free(r->order);
	mea_views_free(r->views);
	free(r->answers);
}

/* --- steps ------------------------------------------------------------------------------ */

static int save(struct run *r)
{
	struct mea_checkpoint c = snapshot(r);

	r->saved = now();
	return r->f->checkpoint ? mea_checkpoint_save(r->f->checkpoint, &c) : 0;
}

static int held_accuracy(struct run *r, double *accuracy)
{
	const struct mea_pick *p = r->f->held;
	size_t k = (size_t)r->f->outputs, right = 0;
	float *logits;
	int rc;

	*accuracy = NAN;
	if (!p || !p->n)
		return 0;
	logits = malloc(p->n * k * sizeof(*logits));
	if (!logits)
		return mea_fail(MEA_ENOMEM, "out of memory");
	rc = mea_predict(r->f->front, r->f->net, p, r->f->recipe->bf16, NULL, logits);
	for (size_t i = 0; i < p->n && !rc; i++) {
		int label = p->set->label[p->index[i]];

		label = r->f->map ? r->f->map[label] : label;
		right += mea_count_right(1, (int)k, logits + i * k, &label);
	}
	free(logits);
	*accuracy = (double)right / (double)p->n;
	return rc;
}

static void report(struct run *r, double rate, bool end, double held)
{
	int64_t total = r->steps * r->f->recipe->epochs;
	int64_t at = r->at.epoch * r->steps + r->at.step;
	double seconds = now() - r->start;
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

	if (r->f->report)
		r->f->report(&p, r->f->ctx);
}

/* 1: asked to stop. */
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
		if (r->f->stop && *r->f->stop) {
			rc = save(r);
			return rc ? rc : 1;
		}
		if (now() - r->saved >= r->f->checkpoint_seconds) {
			rc = save(r);
			if (rc)
				return rc;
		}
	}
	rc = held_accuracy(r, &held);
	if (rc)
		return rc;
	if (r->done)
		report(r, rate, true, held);
	r->at = (struct mea_progress){.epoch = r->at.epoch + 1};
	return 0;
}

int mea_fit_run(struct mea_fit *f)
{
	struct run r = {.f = f};
	int rc = set_up(&r);

	r.start = r.saved = now();
	while (!rc && r.at.epoch < f->recipe->epochs)
		rc = epoch(&r);
	/* The last checkpoint says that all is done. */
	if (!rc && r.done)
		rc = save(&r);
	tear_down(&r);
	return rc;
}
