// SPDX-License-Identifier: Apache-2.0
/* The stages of Algorithm 1 and what they leave in the bundle. */
#include "images/images.h"
#include "mea/files.h"
#include "train.h"

#include "base/error.h"
#include "meanet/exits.h"
#include "train/algorithm.h"
#include "train/export.h"
#include "train/nets.h"

#include <libgen.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SIDE 32 /* of images for the built-in networks */

static const float mean[3] = {0.5f, 0.5f, 0.5f}, std[3] = {0.25f, 0.25f, 0.25f};
static const char *const stage_names[] = {"main", "edge", "cloud", "joint"};

/* --- the loop ---------------------------------------------------------------------- */

static void report(const struct mea_report *r, void *ctx)
{
	struct train *t = ctx;

	if (r->epoch_end) {
		progress_end(&t->progress);
		train_log_epoch(t, r);
		if (!t->verbose)
			return;
		printf("epoch %d of %d: loss %.4f, accuracy %.2f %%, held out %.2f %%, rate %.4f, "
		       "%.0f images/s, %.0f s left\n",
		       r->epoch, r->epochs, r->loss, 100 * r->accuracy, 100 * r->held_accuracy,
		       r->rate, r->images_per_second, r->seconds_left);
		fflush(stdout);
		return;
	}
	snprintf(t->what, sizeof(t->what), "epoch %d/%d, loss %.3f, %.1f %%", r->epoch, r->epochs,
		 r->loss, 100 * r->accuracy);
	t->progress.what = t->what;
	progress_step((size_t)(r->epoch - 1) * r->total + r->done, (size_t)r->epochs * r->total,
		      &t->progress);
}

int train_fit(struct train *t, struct mea_fit *f)
{
	char what[384];
	int rc;

	snprintf(what, sizeof(what), "%s %s%s%s%s%s%s%s%s%s", stage_names[t->stage], t->net,
		 t->concat ? " concat" : "", t->no_adaptive ? " no-adaptive" : "",
		 t->random ? " random classes" : "", t->keep ? " going on" : "",
		 *t->basis ? " by " : "", t->basis, *t->taught_by ? " taught by " : "",
		 t->taught_by);
	if (!t->checkpoint &&
	    asprintf(&t->checkpoint, "%s/%s.checkpoint", t->out, stage_names[t->stage]) < 0)
		return mea_nomem();
	f->recipe = &t->recipe;
	f->team = t->team;
	f->what = what;
	f->checkpoint = t->checkpoint;
	f->checkpoint_seconds = t->every;
	f->resume = t->resume;
	f->stop = &train_stop;
	f->report = report;
	f->chose = train_compress_chose;
	f->ctx = t;
	rc = mea_team_agree(t->team, train_fit_in(t, f));
	if (!rc)
		rc = train_log_open(t);
	if (!rc)
		rc = mea_fit_run(f);
	t->bits = f->bits;
	progress_end(&t->progress);
	if (train_log_close(t))
		fprintf(stderr, "%s: %s\n", tool_name, mea_errmsg());
	if (t->verbose && rc >= 0) {
		train_compress_tell(t, f);
		if (!isnan(f->bits))
			printf("integer weights of %.2f bits in the mean\n", f->bits);
		train_tell_memory(&f->memory);
	}
	return rc;
}

/* --- the document --------------------------------------------------------------------- */

/* As it was written: 0.2 and not the nearest float's 0.200000003. */
static json_t *number(float f)
{
	char text[32];

	snprintf(text, sizeof(text), "%.7g", (double)f);
	return json_real(strtod(text, NULL));
}

void train_note(const struct train *t, json_t *doc, double temperature)
{
	static const char *const schedules[] = {"one-cycle", "cosine", "steps"};
	const struct mea_recipe *r = &t->recipe;
	json_t *all = json_object_get(doc, "training"), *o = json_object();

	if (!all) {
		all = json_object();
		json_object_set_new(doc, "training", all);
	}
	json_object_set_new(o, "net", json_string(t->net));
	if (t->stage == STAGE_EDGE || t->stage == STAGE_JOINT) {
		json_object_set_new(o, "join",
				    json_string(t->no_adaptive ? "no adaptive block"
						: t->concat    ? "concat"
							       : "sum"));
		json_object_set_new(o, "choice", json_string(t->random ? "random" : "precision"));
	}
	json_object_set_new(o, "images", json_integer((json_int_t)t->kept.n));
	json_object_set_new(o, "held_out", json_integer((json_int_t)t->held.n));
	json_object_set_new(o, "epochs", json_integer(r->epochs));
	json_object_set_new(o, "batch", json_integer(r->batch));
	json_object_set_new(o, "schedule", json_string(schedules[r->schedule]));
	json_object_set_new(o, "rate", number(r->rate));
	json_object_set_new(o, "momentum", number(r->momentum));
	json_object_set_new(o, "decay", number(r->decay));
	json_object_set_new(o, "smoothing", number(r->smoothing));
	if (r->average > 0)
		json_object_set_new(o, "average", number(r->average));
	if (t->blend < 1)
		json_object_set_new(o, "blend", number(t->blend));
	if (r->grid.weights != MEA_WEIGHTS_FLOAT) {
		json_object_set_new(o, "weights", json_string(t->weights));
		json_object_set_new(o, "rounding",
				    json_string(r->grid.nearest ? "nearest" : "stochastic"));
		json_object_set_new(o, "bits", json_real(t->bits));
	}
	if (r->compress.kind != MEA_COMPRESS_NONE)
		json_object_set_new(o, "compress", json_string(t->compress));
	if (t->team)
		json_object_set_new(o, "ranks", json_integer(t->team->ranks));
	if (t->teacher) {
		json_object_set_new(o, "teacher", json_string(t->taught_by));
		json_object_set_new(o, "teacher_share", number(r->share));
		json_object_set_new(o, "teacher_temperature", number(r->temperature));
	}
	json_object_set_new(o, "pad", json_integer(r->augment.pad));
	json_object_set_new(o, "mirror", json_boolean(r->augment.mirror));
	json_object_set_new(o, "cutout", json_integer(r->augment.cutout));
	json_object_set_new(o, "mixup", number(r->augment.mixup));
	json_object_set_new(o, "views", r->views ? json_integer(r->views) : json_null());
	if (r->fixed)
		json_object_set_new(o, "fixed_layers", json_integer(r->fixed));
	json_object_set_new(o, "seed", json_integer((json_int_t)r->seed));
	json_object_set_new(o, "type", json_string(r->bf16 ? "bf16" : "f32"));
	json_object_set_new(o, "temperature", json_real(temperature));
	json_object_set_new(all, stage_names[t->stage], o);
}

/* What a bundle says before it has networks. */
static void describe(const struct train *t, json_t *doc)
{
	char *copy = strdup(t->out);
	json_t *classes = json_array();

	for (int i = 0; i < t->set->classes; i++)
		json_array_append_new(classes, tool_text(t->set->names[i]));
	json_object_set_new(doc, "format", json_string("mea-bundle"));
	json_object_set_new(doc, "version", json_integer(1));
	if (!json_object_get(doc, "name"))
		json_object_set_new(doc, "name", tool_text(copy ? basename(copy) : "bundle"));
	json_object_set_new(doc, "classes", classes);
	json_object_set_new(doc, "input",
			    json_pack("{s:i, s:i, s:o, s:o}", "width", t->set->width, "height",
				      t->set->height, "mean", tool_three(mean), "std",
				      tool_three(std)));
	free(copy);
}

/* A new main makes what was built on the old one stale. */
static void drop_extension(json_t *doc)
{
	json_object_del(json_object_get(doc, "files"), "extension");
	json_object_del(json_object_get(doc, "training"), "edge");
	json_object_del(json_object_get(doc, "training"), "joint");
	json_object_del(doc, "hard_classes");
	json_object_del(doc, "thresholds");
	json_object_del(doc, "accuracy");
}

/* --- main and cloud ------------------------------------------------------------------------ */

bool train_net_is_file(const char *net)
{
	const char *dot = strrchr(net, '.');

	return dot && !strcmp(dot, ".onnx");
}

/* With --blend: the weights of which training started take their part of m's. */
static int blend(const struct train *t, struct mea_tmodel *m)
{
	struct mea_tmodel start = {0};
	int rc = t->blend < 1 ? mea_tmodel_read(t->net, mean, std, &start) : 0;

	if (!rc && start.params && start.params->elements != m->params->elements)
		rc = mea_fail(MEA_EINVAL, "%s: is not the network that was trained", t->net);
	if (!rc && start.params)
		mea_params_blend(m->params, start.params, t->blend);
	mea_tmodel_free(&start);
	return rc;
}

/* What --blend made of the weights. */
static void tell_blend(const struct train *t, const float *logits)
{
	size_t k = (size_t)t->set->classes, right = 0;

	for (size_t i = 0; i < t->held.n; i++)
		right += mea_opinion_of(logits + i * k, (int)k).label ==
			 t->set->label[t->held.index[i]];
	printf("blended: held out %.2f %%\n",
	       t->held.n ? 100.0 * (double)right / (double)t->held.n : NAN);
}

/* Softens m's answers as the held-out images want it. */
static int calibrate(const struct train *t, struct mea_tmodel *m, double *temperature)
{
	size_t k = (size_t)t->set->classes;
	float *logits = malloc((t->held.n * k + 1) * sizeof(*logits));
	int rc = logits ? mea_predict(NULL, m, &t->held, &t->recipe, NULL, logits) : mea_nomem();

	if (!rc && t->verbose && t->blend < 1)
		tell_blend(t, logits);
	if (!rc) {
		*temperature = mea_temperature(&t->held, logits, (int)k, NULL);
		rc = mea_tmodel_cool(m, *temperature);
	}
	free(logits);
	return rc;
}

static int finish_whole(struct train *t, struct mea_tmodel *m)
{
	enum mea_net net = t->stage == STAGE_MAIN ? MEA_NET_MAIN : MEA_NET_CLOUD;
	struct mea_bundle_edit *e = NULL;
	double temperature;
	int rc = blend(t, m);

	if (!rc)
		rc = calibrate(t, m, &temperature);
	if (!rc)
		rc = mea_bundle_edit_begin(t->out, &e);
	if (rc)
		return rc;
	if (net == MEA_NET_MAIN) {
		describe(t, e->doc);
		drop_extension(e->doc);
	}
	rc = mea_tmodel_enter(m, e, net);
	train_note(t, e->doc, temperature);
	if (!rc)
		rc = mea_bundle_edit_commit(e);
	mea_bundle_edit_end(e);
	return rc ? rc : train_quantize(t, (const struct mea_set *const[]){t->set}, 1);
}

static int start_net(const struct train *t, struct mea_tmodel *m)
{
	struct mea_net_task task = {.width = t->set->width,
				    .height = t->set->height,
				    .classes = t->set->classes,
				    .seed = t->recipe.seed};
	struct mea_graph *g;
	int rc;

	if (train_net_is_file(t->net))
		return mea_tmodel_read(t->net, mean, std, m);
	rc = t->stage == STAGE_MAIN ? mea_net_main(t->net, &task, &g)
				    : mea_net_cloud(t->net, &task, &g);
	return rc ? rc : mea_tmodel_new(g, mean, std, m);
}

int train_teacher(struct train *t, const float its_mean[3], const float its_std[3],
		  struct mea_tmodel *m, struct mea_fit *f)
{
	int rc = t->teacher ? mea_tmodel_read(t->teacher, its_mean, its_std, m) : 0;

	if (rc || !t->teacher)
		return rc;
	f->teacher = m;
	f->answers = t->answers;
	f->asked = t->taught_by;
	return mea_sha256_file(t->teacher, t->taught_by);
}

static int train_whole(struct train *t)
{
	struct mea_tmodel m = {0}, teacher = {0};
	struct mea_fit f = {
		.net = &m, .kept = &t->kept, .held = &t->held, .outputs = t->set->classes};
	int rc = mea_pick_check(&t->kept, NULL);

	if (!rc)
		rc = start_net(t, &m);
	if (!rc)
		rc = train_teacher(t, mean, std, &teacher, &f);
	/* What all ranks fail of, one tells. */
	rc = mea_team_agree(t->team, rc);
	if (!rc)
		rc = train_fit(t, &f);
	if (!rc && !mea_team_rank(t->team))
		rc = finish_whole(t, &m);
	mea_tmodel_free(&m);
	mea_tmodel_free(&teacher);
	return rc;
}

/* Images are as large as the network of a file wants them. */
static int file_size(const struct train *t, struct mea_data_want *want)
{
	struct mea_tmodel m = {0};
	const struct mea_shape *s;
	int rc = mea_tmodel_read(t->net, mean, std, &m);

	if (rc)
		return rc;
	s = &m.graph->values[m.graph->inputs[0]].shape;
	if (s->rank == 4 && s->dim[1] == 3) {
		want->height = (int)s->dim[2];
		want->width = (int)s->dim[3];
	} else {
		rc = mea_fail(MEA_EINVAL, "%s: its first input is no image", t->net);
	}
	mea_tmodel_free(&m);
	return rc;
}

/* The edge and the cloud see what main sees; else the file or --size says what the network does. */
static int load_set(struct train *t)
{
	int side = t->size ? t->size : SIDE;
	struct mea_data_want want = {.train = true, .width = side, .height = side};
	struct mea_bundle *b = NULL;
	int rc = t->stage == STAGE_MAIN ? 0 : mea_bundle_load(t->out, &b);

	if (rc == MEA_ENOENT && t->stage == STAGE_CLOUD)
		rc = 0;
	if (!rc && b)
		rc = images_want(b, &want);
	else if (!rc && train_net_is_file(t->net))
		rc = file_size(t, &want);
	if (!rc && t->size && (want.width != t->size || want.height != t->size))
		rc = mea_fail(MEA_EINVAL, "--size: %s takes images of %d x %d", b ? t->out : t->net,
			      want.width, want.height);
	if (!rc)
		rc = mea_set_load(t->data, &want, &t->set);
	mea_bundle_free(b);
	return rc;
}

int train_stage_run(struct train *t)
{
	int rc = mea_team_rank(t->team) ? 0 : folder_make(t->out);

	if (!rc && t->stage == STAGE_INIT)
		return train_init(t);
	if (!rc)
		rc = load_set(t);
	if (!rc)
		rc = mea_set_split(t->set, t->recipe.seed, &t->kept, &t->held);
	rc = mea_team_agree(t->team, rc);
	if (!rc)
		rc = t->keep						 ? train_new(t)
		     : t->stage == STAGE_EDGE || t->stage == STAGE_JOINT ? train_edge(t)
									 : train_whole(t);
	free(t->kept.index);
	free(t->held.index);
	mea_set_free(t->set);
	return rc;
}
