// SPDX-License-Identifier: Apache-2.0
/* The edge's part of Algorithm 1: hard classes from main's held-out precision, then the extension
 * and adaptive blocks behind the fixed main; or, to compare with, both trained jointly. */
#include "train.h"

#include "base/error.h"
#include "train/algorithm.h"
#include "train/export.h"
#include "train/nets.h"

#include <math.h>
#include <stdlib.h>

/* What main says of the held-out images. */
struct edge {
	struct mea_bundle *b;
	struct mea_tmodel main, extension, teacher;
	double *precision;
	int *hard, *map; /* class dictionary, and class -> extension's output */
	int n_hard;
	struct mea_pick held_hard;
	double correct, wrong; /* mean entropies */
	double temperature;
};

static int load_main(const struct train *t, struct edge *e)
{
	char *path = NULL;
	int rc = mea_bundle_load(t->out, &e->b);

	if (!rc && e->b->bgr)
		rc = mea_fail(MEA_EUNSUPPORTED,
			      "%s: input.order is bgr; an extension can be trained for rgb only",
			      t->out);
	if (!rc)
		rc = mea_bundle_path(e->b, MEA_NET_MAIN, MEA_FLOAT, &path);
	if (!rc)
		rc = mea_tmodel_read(path, e->b->mean, e->b->std, &e->main);
	free(path);
	if (!rc && e->b->n_classes != t->set->classes)
		rc = mea_fail(MEA_EINVAL, "%s: has %d classes, the data %d", t->out,
			      e->b->n_classes, t->set->classes);
	return rc;
}

/* A split by another seed would rank classes on images that main was trained on. */
static int check_split(const struct train *t, const struct edge *e)
{
	json_t *seed = json_object_get(
		json_object_get(json_object_get(e->b->json, "training"), "main"), "seed");

	if (seed && (uint64_t)json_integer_value(seed) != t->recipe.seed)
		return mea_fail(
			MEA_EINVAL,
			"--seed: main was trained with %lld; the edge must hold out the same "
			"images",
			(long long)json_integer_value(seed));
	return 0;
}

static int choose_hard(const struct train *t, struct edge *e)
{
	struct mea_recipe before = train_recipe_before(t);
	int classes = t->set->classes, rc;
	float *logits = malloc((t->held.n * (size_t)classes + 1) * sizeof(*logits));

	e->n_hard = t->hard ? t->hard : classes / 2;
	e->precision = calloc((size_t)classes, sizeof(*e->precision));
	e->hard = calloc((size_t)classes, sizeof(*e->hard));
	e->map = calloc((size_t)classes, sizeof(*e->map));
	rc = !logits || !e->precision || !e->hard || !e->map ? mea_nomem()
	     : e->n_hard > classes || e->n_hard < 2
		     ? mea_fail(MEA_EINVAL, "--hard: %d of %d classes", e->n_hard, classes)
		     : mea_predict(NULL, &e->main, &t->held, &before, NULL, logits);
	if (!rc) {
		mea_class_precision(&t->held, logits, classes, e->precision);
		if (t->random)
			mea_random_classes(t->recipe.seed, classes, e->n_hard, e->hard);
		else
			mea_hard_classes(e->precision, classes, e->n_hard, e->hard);
		mea_mean_entropies(&t->held, logits, classes, &e->correct, &e->wrong);
		for (int c = 0; c < classes; c++)
			e->map[c] = -1;
		for (int i = 0; i < e->n_hard; i++)
			e->map[e->hard[i]] = i;
	}
	free(logits);
	return rc;
}

/* Softens both networks' answers as the held-out images want it; main's only if it was trained. */
static int calibrate(const struct train *t, struct edge *e)
{
	size_t k = (size_t)t->set->classes, h = (size_t)e->n_hard;
	float *main = malloc((t->held.n * k + 1) * sizeof(*main));
	float *logits = malloc((t->held.n * h + 1) * sizeof(*logits));
	int rc = main && logits
			 ? mea_predict(&e->main, &e->extension, &t->held, &t->recipe, main, logits)
			 : mea_nomem();

	if (!rc) {
		e->temperature = mea_temperature(&t->held, logits, e->n_hard, e->map);
		rc = mea_tmodel_cool(&e->extension, e->temperature);
	}
	if (!rc && t->stage == STAGE_JOINT) {
		double warm = mea_temperature(&t->held, main, (int)k, NULL);

		for (size_t i = 0; i < t->held.n * k; i++)
			main[i] /= (float)warm;
		mea_mean_entropies(&t->held, main, (int)k, &e->correct, &e->wrong);
		rc = mea_tmodel_cool(&e->main, warm);
	}
	free(main);
	free(logits);
	return rc;
}

static int write_bundle(const struct train *t, struct edge *e)
{
	json_t *doc, *hard, *precision;
	struct mea_bundle_edit *edit;
	int rc = mea_bundle_edit_begin(t->out, &edit);

	if (rc)
		return rc;
	rc = mea_bundle_edit_same(edit, e->b);
	if (!rc)
		rc = mea_tmodel_enter(&e->extension, edit, MEA_NET_EXTENSION);
	if (!rc && t->stage == STAGE_JOINT)
		rc = mea_tmodel_enter(&e->main, edit, MEA_NET_MAIN);
	doc = edit->doc;
	hard = json_array();
	precision = json_array();
	for (int i = 0; i < e->n_hard; i++)
		json_array_append_new(hard, json_integer(e->hard[i]));
	for (int i = 0; i < t->set->classes; i++)
		json_array_append_new(precision, json_real(e->precision[i]));
	json_object_set_new(doc, "hard_classes", hard);
	json_object_del(doc, "accuracy");
	/* Without a wrong or without a right answer there is no threshold between them. */
	if (isfinite(e->correct) && isfinite(e->wrong))
		json_object_set_new(doc, "thresholds",
				    json_pack("{s:f, s:f, s:f}", "mu_correct", e->correct,
					      "mu_wrong", e->wrong, "entropy",
					      (e->correct + e->wrong) / 2));
	train_note(t, doc, e->temperature);
	json_object_set_new(json_object_get(doc, "training"), "precision", precision);
	if (!rc)
		rc = mea_bundle_edit_commit(edit);
	mea_bundle_edit_end(edit);
	return rc;
}

static int fit_extension(struct train *t, struct edge *e)
{
	struct mea_net_task task = {.width = t->set->width,
				    .height = t->set->height,
				    .hard = e->n_hard,
				    .concat = t->concat,
				    .no_adaptive = t->no_adaptive,
				    .seed = t->recipe.seed};
	struct mea_fit f = {.net = &e->extension,
			    .front = &e->main,
			    .joint = t->stage == STAGE_JOINT,
			    .kept = &t->kept,
			    .held = &e->held_hard,
			    .map = e->map,
			    .outputs = e->n_hard};
	struct mea_graph *g;
	int rc;

	rc = mea_pick_copy(&t->held, &e->held_hard);
	if (rc)
		return rc;
	mea_pick_keep(&e->held_hard, e->map);
	if (t->stage == STAGE_EDGE)
		mea_pick_keep(&t->kept, e->map);
	rc = mea_pick_check(&t->kept, e->map);
	if (!rc)
		rc = mea_net_extension(t->net, &task, &g);
	if (!rc)
		rc = mea_tmodel_new(g, e->b->mean, e->b->std, &e->extension);
	if (!rc)
		rc = train_teacher(t, e->b->mean, e->b->std, &e->teacher, &f);
	return rc ? rc : train_fit(t, &f);
}

int train_edge(struct train *t)
{
	struct edge e = {0};
	int rc = load_main(t, &e);

	if (!rc)
		rc = check_split(t, &e);
	if (!rc)
		snprintf(t->basis, sizeof(t->basis), "%s",
			 e.b->files[MEA_NET_MAIN][MEA_FLOAT].sha256);
	if (!rc)
		rc = choose_hard(t, &e);
	if (!rc)
		rc = fit_extension(t, &e);
	if (!rc)
		rc = calibrate(t, &e);
	if (!rc)
		rc = write_bundle(t, &e);
	if (!rc)
		rc = train_quantize(t, (const struct mea_set *const[]){t->set}, 1);
	mea_tmodel_free(&e.extension);
	mea_tmodel_free(&e.main);
	mea_tmodel_free(&e.teacher);
	mea_bundle_free(e.b);
	free(e.held_hard.index);
	free(e.precision);
	free(e.hard);
	free(e.map);
	return rc;
}
