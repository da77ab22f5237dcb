// SPDX-License-Identifier: Apache-2.0
/* What a training starts with: networks, batches, averages, and the weights of a checkpoint or of
 * rank 0. */
#include <math.h>
#include <nettle/sha2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "train/fit_run.h"
#include "train/mem.h"

static void add(struct run *r, const char *format, ...)
{
	size_t n = strlen(r->recipe);
	va_list args;

	va_start(args, format);
	vsnprintf(r->recipe + n, sizeof(r->recipe) - n, format, args);
	va_end(args);
}

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
	if (c->average > 0)
		add(r, "; average %g", (double)c->average);
	if (c->grid.weights != MEA_WEIGHTS_FLOAT)
		add(r, "; weights %d up to %d bits, %s", c->grid.weights, c->grid.most,
		    c->grid.nearest ? "nearest" : "stochastic");
	if (c->fixed)
		add(r, "; fixed %d", c->fixed);
	if (c->compress.kind != MEA_COMPRESS_NONE)
		add(r,
		    "; compress %d conv %d fc %d factor %g rate %g dense %d measure %d on %d ranks",
		    c->compress.kind, c->compress.conv, c->compress.fc, (double)c->compress.factor,
		    (double)c->compress.rate, c->compress.dense, c->compress.measure,
		    mea_team_ranks(r->f->team));
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

static int open_params(const struct run *r, struct mea_tmodel *m, int fixed)
{
	int rc;

	mea_params_fix(m->params, m->graph, fixed);
	rc = r->f->recipe->grid.weights != MEA_WEIGHTS_FLOAT
		     ? mea_grids_new(m->params, m->graph, &r->f->recipe->grid,
				     r->f->recipe->momentum > 0)
		     : 0;
	if (!rc)
		rc = mea_params_gradients(m->params);
	return rc || r->f->recipe->momentum == 0 ? rc : mea_params_momenta(m->params);
}

static int open_net(struct run *r, int i, bool train)
{
	const struct mea_set *s = r->f->kept->set;
	struct mea_tnet_options o = {.batch = r->local,
				     .team = r->f->team,
				     .train = train,
				     .bf16 = r->f->recipe->bf16,
				     .learn = mea_fit_learn,
				     .ctx = r,
				     .input_grad = {false, i == NET && r->f->joint},
				     .output_grad = {train, i == FRONT && r->f->joint}};
	struct mea_tmodel *m = r->model[i];
	struct mea_map in;
	int rc;

	if (!m)
		return 0;
	rc = train ? open_params(r, m, i == NET ? r->f->recipe->fixed : 0) : 0;
	if (!rc)
		rc = mea_tnet_new(m->graph, m->params, &o, &r->t[i]);
	if (!rc)
		rc = check_input(r->t[i], m, s);
	if (rc)
		return rc;
	in = mea_tnet_input(r->t[i], 0);
	r->image[i] = mea_mem_new(MEA_MEM_IMAGES, mea_map_bytes(&in));
	if (!r->image[i])
		return mea_nomem();
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
	return 0;
}

/* A teacher knows all classes; a network that learns some of them hears of these only. */
static int check_teacher(struct run *r)
{
	const struct mea_fit *f = r->f;
	int classes = f->map ? f->kept->set->classes : f->outputs;

	if (!f->teacher)
		return 0;
	r->taught = mea_tnet_output(r->t[TEACHER], 0).c;
	if (r->taught != classes)
		return mea_fail(MEA_EINVAL, "%s: the teacher has %d outputs for %d classes",
				f->teacher->graph->source, r->taught, classes);
	if (!f->map)
		return 0;
	r->column = calloc((size_t)f->outputs, sizeof(*r->column));
	r->chosen = calloc((size_t)r->local * (size_t)f->outputs, sizeof(*r->chosen));
	if (!r->column || !r->chosen)
		return mea_nomem();
	for (int c = 0; c < classes; c++)
		if (f->map[c] >= 0)
			r->column[f->map[c]] = (uint32_t)c;
	return 0;
}

struct mea_checkpoint mea_fit_snapshot(struct run *r)
{
	return (struct mea_checkpoint){
		.recipe = r->recipe,
		.sets = {r->f->net->params, r->f->joint ? r->f->front->params : NULL},
		.at = r->at,
		.extra = r->extra,
		.extra_bytes = (size_t)mea_team_ranks(r->f->team) * mea_fit_own_extra(r)};
}

static void hash_images(const struct mea_pick *p, char hex[2 * SHA256_DIGEST_SIZE + 1])
{
	size_t bytes = (size_t)p->set->width * (size_t)p->set->height * 3;
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct sha256_ctx sha;

	sha256_init(&sha);
	for (size_t i = 0; i < p->n; i++)
		sha256_update(&sha, bytes, p->set->rgb + p->index[i] * bytes);
	sha256_digest(&sha, sizeof(digest), digest);
	mea_text_hex(hex, digest, sizeof(digest));
}

/* All that the answers in a file depend on. */
static int open_answers(struct run *r)
{
	const struct mea_recipe *c = r->f->recipe;
	const struct mea_augment *a = &c->augment;
	char images[2 * SHA256_DIGEST_SIZE + 1], asked[1024];

	if (r->f->team)
		return mea_fail(MEA_EUNSUPPORTED,
				"%s: a teacher's answers are kept in a file by "
				"one process, not by a team",
				r->f->answers);
	hash_images(r->f->kept, images);
	snprintf(asked, sizeof(asked),
		 "teacher %s, images %s, seed %llu, pad %d, mirror %d, cutout %d, %s", r->f->asked,
		 images, (unsigned long long)c->seed, a->pad, a->mirror, a->cutout,
		 c->bf16 ? "bfloat16" : "float32");
	return mea_views_open(r->f->answers, asked, c->views, r->f->kept->n, r->taught, &r->views);
}

static int keep_answers(struct run *r)
{
	const struct mea_recipe *c = r->f->recipe;
	int rc;

	if (!r->f->teacher || !c->views)
		return 0;
	r->answers = malloc((size_t)c->batch * (size_t)r->taught * sizeof(*r->answers));
	rc = r->f->answers ? open_answers(r)
			   : mea_views_new(c->views, r->f->kept->n, r->taught, &r->views);
	return rc || r->answers ? rc : mea_nomem();
}

/* This rank's slice of a batch. */
static int open_batch(struct run *r, int classes, struct mea_batch *b)
{
	int rc = mea_batch_new(r->f->kept->set, r->local, classes, b);

	b->first = mea_team_rank(r->f->team) * r->local;
	b->whole = r->f->recipe->batch;
	return rc;
}

static int open_batches(struct run *r)
{
	struct mea_fit *f = r->f;
	int rc = open_batch(r, f->outputs, &r->batch);

	if (!rc && f->joint)
		rc = open_batch(r, mea_tnet_output(r->t[FRONT], 0).c, &r->front_batch);
	r->order = calloc(f->kept->n, sizeof(*r->order));
	return rc || r->order ? rc : mea_nomem();
}

static int open_averages(struct run *r)
{
	int rc = 0;

	if (r->f->recipe->average > 0)
		rc = mea_average_start(r->f->net->params);
	if (!rc && r->f->recipe->average > 0 && r->f->joint)
		rc = mea_average_start(r->f->front->params);
	return rc;
}

int mea_fit_set_up(struct run *r)
{
	struct mea_fit *f = r->f;
	int ranks = mea_team_ranks(f->team), rc = 0;

	describe(r);
	if (f->recipe->batch % ranks)
		return mea_fail(MEA_EINVAL, "a batch of %d cannot be shared evenly by %d ranks",
				f->recipe->batch, ranks);
	r->local = f->recipe->batch / ranks;
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
	if (!rc)
		rc = mea_fit_open_extra(r);
	if (!rc && f->front)
		rc = connect(r);
	if (!rc)
		rc = check_outputs(r);
	if (!rc)
		rc = check_teacher(r);
	if (!rc)
		rc = keep_answers(r);
	if (!rc)
		rc = open_batches(r);
	return rc ? rc : open_averages(r);
}

/* --- where it starts ------------------------------------------------------------------- */

static int resume(struct run *r)
{
	struct mea_checkpoint c;
	int rc;

	if (!r->f->resume || !r->f->checkpoint || mea_team_rank(r->f->team))
		return 0;
	rc = mea_fit_extra(r);
	if (rc)
		return rc;
	c = mea_fit_snapshot(r);
	rc = mea_checkpoint_load(r->f->checkpoint, &c);
	if (!rc)
		r->at = c.at;
	r->resumed = !rc;
	return rc == MEA_ENOENT ? 0 : rc;
}

/* All ranks must be about the same; a path to other data would else go unnoticed. */
static int compare_recipes(struct run *r)
{
	char first[sizeof(r->recipe)];
	int rc;

	memcpy(first, r->recipe, sizeof(first));
	rc = mea_team_share(r->f->team, sizeof(first), first);
	if (!rc && strcmp(first, r->recipe))
		rc = mea_fail(MEA_EINVAL, "rank 0 has another training: %s; not: %s", first,
			      r->recipe);
	return mea_team_agree(r->f->team, rc);
}

static int share_params(struct mea_team *t, struct mea_params *p)
{
	int rc = mea_team_share(t, p->elements * sizeof(float), p->block);

	if (!rc && p->momenta)
		rc = mea_team_share(t, mea_params_trained(p) * sizeof(float), p->momenta);
	return rc || !p->average ? rc : mea_team_share(t, p->elements * sizeof(float), p->average);
}

/* Between ranks of one machine there is nothing to save. */
static int choose(struct run *r)
{
	bool local;
	int rc;

	if (!r->f->recipe->compress.measure || r->at.compress != MEA_UNDECIDED)
		return 0;
	rc = mea_team_local(r->f->team, &local);
	if (rc || !local)
		return rc;
	r->at.compress = MEA_WHOLE;
	if (r->f->chose && !mea_team_rank(r->f->team))
		r->f->chose(NAN, NAN, false, r->f->ctx);
	return 0;
}

/* Every rank goes on from where rank 0 is. */
static int share_start(struct run *r)
{
	struct mea_fit *f = r->f;
	int rc = mea_team_share(f->team, sizeof(r->at), &r->at);

	if (!rc)
		rc = share_params(f->team, f->net->params);
	if (!rc && f->joint)
		rc = share_params(f->team, f->front->params);
	if (!rc)
		rc = mea_fit_spread(r);
	mea_fit_extra_done(r);
	if (!rc)
		rc = choose(r);
	if (!rc)
		rc = mea_tnet_refresh(r->t[NET]);
	if (!rc && f->joint)
		rc = mea_tnet_refresh(r->t[FRONT]);
	return rc;
}

int mea_fit_open(struct run *r)
{
	int rc = mea_fit_set_up(r);

	if (!rc)
		rc = resume(r);
	rc = mea_team_agree(r->f->team, rc);
	if (!rc)
		rc = compare_recipes(r);
	return rc ? rc : share_start(r);
}

void mea_fit_close(struct run *r)
{
	for (int i = 0; i < NETS; i++) {
		mea_tnet_free(r->t[i]);
		mea_mem_free(r->image[i]);
	}
	mea_compress_free(r->compress);
	mea_mem_free(r->extra);
	free(r->extra_bytes);
	mea_batch_free(&r->batch);
	mea_batch_free(&r->front_batch);
	free(r->order);
	mea_views_free(r->views);
	free(r->answers);
	free(r->column);
	free(r->chosen);
}
