// SPDX-License-Identifier: Apache-2.0
/* mea trace BUNDLE: where the time of one inference goes, layer by layer. */
#include "trace.h"
#include "images/images.h"
#include "mea/files.h"
#include "mea/session_args.h"

#include "backend/accel/accel.h"
#include "backend/registry.h"
#include "base/error.h"

#include <stdlib.h>
#include <string.h>

struct args {
	const char *bundle;
	struct mea_options open; /* backends and device */
	bool json, wide;
	const char *perfetto;
	struct images images;
};

static const struct row options[] = {
	{NULL, "BUNDLE", FIELD(struct args, bundle), "bundle", .needed = true},
	{.at = offsetof(struct args, images), .rows = image_options},
	{.at = offsetof(struct args, open), .rows = place_options},
	{"json", NULL, FIELD(struct args, json), "print one JSON object"},
	{"wide", NULL, FIELD(struct args, wide), "print all columns, however wide the terminal is"},
	{"perfetto", "FILE", FIELD(struct args, perfetto),
	 "write what each engine did when, for ui.perfetto.dev and chrome://tracing; the simulated "
	 "accelerator alone can tell"},
	{0},
};

/* --- one network, once -------------------------------------------------------- */

/* An exec with buffers for all its ends. */
struct stage {
	struct mea_exec *exec;
	struct mea_buf *in[4], *out[4];
};

static void stage_close(struct stage *s)
{
	if (!s->exec)
		return;
	for (int i = 0; i < 4; i++) {
		if (s->in[i])
			s->exec->ops->buf_free(s->in[i]);
		if (s->out[i])
			s->exec->ops->buf_free(s->out[i]);
	}
	s->exec->ops->release(s->exec);
}

static int stage_open(struct mea_backend *b, const struct mea_qnet *net, bool profile,
		      int8_t *const *in, struct stage *s)
{
	int rc = b->ops == &mea_backend_accel ? mea_accel_prepare(b, net, profile, &s->exec)
					      : b->ops->prepare(b, net, &s->exec);

	for (int i = 0; i < net->n_inputs && !rc; i++) {
		rc = b->ops->buf_alloc(s->exec, true, i, &s->in[i]);
		if (!rc)
			rc = b->ops->buf_write(s->in[i], in[i]);
	}
	for (int i = 0; i < net->n_outputs && !rc; i++)
		rc = b->ops->buf_alloc(s->exec, false, i, &s->out[i]);
	return rc;
}

/* The records count from the start of the job; a layer's own part is the
 * difference to the record before. */
static void subtract(struct mea_run_stats *a, const struct mea_run_stats *b)
{
	a->cost.cycles -= b->cost.cycles;
	a->cost.peak_macs -= b->cost.peak_macs;
	a->bytes_read -= b->bytes_read;
	a->bytes_written -= b->bytes_written;
	for (int i = 0; i < MEA_STALL_MAX; i++)
		a->stall[i] -= b->stall[i];
}

static int wait_accel(struct stage *s, struct mea_job *job, struct net_trace *t)
{
	const struct mea_hw *hw = mea_accel_hw(s->exec);
	const struct mea_plan *plan = mea_accel_plan(s->exec);
	struct mea_run_stats now, before = {0};
	int n = s->exec->net->n_layers, rc;
	uint64_t planned = 0;
	size_t words = MEA_RECORD_BYTES / 4;
	uint32_t *records = calloc((size_t)n + 1, MEA_RECORD_BYTES);

	if (!records)
		return mea_nomem();
	rc = mea_accel_wait(job, -1, &t->total, records);
	for (int i = 0; i < n && !rc; i++) {
		struct layer_trace *l = &t->layer[i];

		l->fused = !plan->layer_end[i];
		if (l->fused)
			continue;
		memset(&now, 0, sizeof(now));
		mea_accel_record(hw, records + words * (size_t)(i + 1), &now);
		l->s = now;
		subtract(&l->s, &before);
		before = now;
		l->planned = plan->layer_end[i] - planned;
		planned = plan->layer_end[i];
	}
	free(records);
	if (rc)
		return rc;
	t->end = t->total;
	subtract(&t->end, &before);
	t->per_layer = true;
	return 0;
}

static int log_begin(struct mea_backend *b, const struct stage *s, struct net_trace *t)
{
	if (b->ops != &mea_backend_accel)
		return mea_fail(
			MEA_EUNSUPPORTED,
			"--perfetto: backend %s has no engines; accel does, with --device sim",
			b->ops->name);
	return mea_accel_log_begin(s->exec, &t->log);
}

/* Runs net; profile: on an accelerator, with a record per layer; engines: with their log. */
static int run_net(struct mea_backend *b, const struct mea_qnet *net, int8_t *const *in,
		   int8_t *features, bool profile, bool engines, struct net_trace *t)
{
	struct mea_job *job = NULL;
	struct stage s = {0};
	int rc = stage_open(b, net, profile, in, &s);

	if (!rc && engines)
		rc = log_begin(b, &s, t);
	if (!rc)
		rc = b->ops->submit(s.exec, s.in, s.out, &job);
	if (!rc && profile)
		rc = wait_accel(&s, job, t);
	else if (!rc)
		rc = b->ops->wait(job, -1, &t->plain);
	if (!rc && engines)
		rc = mea_accel_log_end(s.exec, &t->log);
	if (!rc && !profile && b->ops == &mea_backend_accel) {
		const struct mea_hw *hw = mea_accel_hw(s.exec);

		t->planned = mea_accel_plan(s.exec)->cycles;
		t->multipliers = 1 + (double)hw->dw_taps / hw->rows;
	}
	if (!rc && features && net->n_outputs > MEA_OUT_FEATURES)
		rc = b->ops->buf_read(s.out[MEA_OUT_FEATURES], features);
	stage_close(&s);
	return rc;
}

static int trace_net(struct mea_backend *b, enum mea_net which, const struct mea_qnet *net,
		     int8_t *const *in, int8_t *features, bool engines, struct net_trace *t)
{
	int rc;

	t->name = mea_net_name(which);
	t->backend = b->ops->name;
	t->net = net;
	t->layer = calloc((size_t)net->n_layers, sizeof(*t->layer));
	if (!t->layer)
		return mea_nomem();
	rc = run_net(b, net, in, features, false, engines, t);
	/* Writing the records costs some cycles, so the run that counts is the one
	 * without. */
	if (!rc && b->ops == &mea_backend_accel)
		rc = run_net(b, net, in, NULL, true, false, t);
	return rc ? mea_fail_in(rc, "%s", t->name) : 0;
}

/* --- both networks ----------------------------------------------------------------- */

static size_t size_of(const struct mea_qtensor *t)
{
	return (size_t)t->c * (size_t)t->h * (size_t)t->w;
}

static int trace_image(struct mea_backend *b, const struct mea_model *m, const uint8_t *rgb,
		       bool engines, struct net_trace t[2])
{
	const struct mea_bundle *bundle = m->bundle;
	size_t pixels = (size_t)bundle->width * (size_t)bundle->height;
	size_t features = m->extension ? size_of(&m->main->tensors[m->main->outputs[1]]) : 1;
	int8_t *in[2] = {malloc(pixels * 3), malloc(features)};
	int rc = in[0] && in[1] ? 0 : mea_nomem();

	if (!rc) {
		mea_preprocess(&m->pre_main, rgb, pixels, in[0]);
		rc = trace_net(b, MEA_NET_MAIN, m->main, in, m->extension ? in[1] : NULL, engines,
			       &t[0]);
	}
	if (!rc && m->extension) {
		mea_preprocess(&m->pre_extension, rgb, pixels, in[0]);
		rc = trace_net(b, MEA_NET_EXTENSION, m->extension, in, NULL, engines, &t[1]);
	}
	free(in[0]);
	free(in[1]);
	return rc;
}

/* The first backend of the list that opens and takes the model. */
static int choose(const struct mea_options *open, const struct mea_model *m,
		  struct mea_backend **out)
{
	struct mea_choice c[MEA_CHOICES_MAX];
	int n = mea_choices_parse(open->backends, open->device, c);
	int rc = n < 0 ? n : MEA_ENODEV;

	for (int i = 0; i < n; i++) {
		char why[256];

		rc = c[i].ops->open(c[i].device, out);
		if (rc) {
			mea_fail_in(rc, "backend %s", c[i].ops->name);
			continue;
		}
		if (!mea_backend_refusal(*out, NULL, m->main, why, sizeof(why)) &&
		    (!m->extension ||
		     !mea_backend_refusal(*out, NULL, m->extension, why, sizeof(why))))
			return 0;
		c[i].ops->close(*out);
		*out = NULL;
		rc = mea_fail(MEA_EUNSUPPORTED, "backend %s: %s", c[i].ops->name, why);
	}
	return rc;
}

int trace_run(struct traced *t, const struct mea_options *open, const uint8_t *rgb, bool engines)
{
	struct mea_backend *b = NULL;
	int rc = choose(open, t->model, &b);

	if (rc)
		return rc;
	rc = trace_image(b, t->model, rgb, engines, t->net);
	t->n = t->model->extension ? 2 : 1;
	b->ops->close(b);
	return rc;
}

void trace_free(struct traced *t)
{
	for (int i = 0; i < 2; i++) {
		free(t->net[i].layer);
		mea_accel_log_free(&t->net[i].log);
	}
	mea_model_free(t->model);
}

/* The first image, as the networks take it. */
static int first_image(struct args *a, const struct mea_bundle *b, uint8_t **rgb)
{
	struct mea_data_want want = {.width = b->width, .height = b->height};
	int label, rc = images_open(&a->images, &want, a->images.paths.n ? b : NULL);

	*rgb = NULL;
	if (rc)
		return rc;
	*rgb = malloc((size_t)b->width * (size_t)b->height * 3);
	return *rgb ? mea_data_get(a->images.data, 0, *rgb, &label) : mea_nomem();
}

static int write_perfetto(const struct args *a, struct file_draft *d, const struct traced *t)
{
	char where[512];
	int rc;

	mea_data_where(a->images.data, 0, where, sizeof(where));
	rc = trace_perfetto(d->f, a->bundle, where, t);
	return rc ? rc : file_finish(d);
}

static int trace(struct args *a, struct traced *t)
{
	struct file_draft draft = {0};
	uint8_t *rgb = NULL;
	int rc = a->perfetto ? file_begin(&draft, a->perfetto) : 0;

	if (!rc)
		rc = mea_model_load(a->bundle, &t->model);
	if (!rc)
		rc = first_image(a, t->model->bundle, &rgb);
	if (!rc)
		rc = trace_run(t, &a->open, rgb, a->perfetto != NULL);
	if (!rc && a->perfetto)
		rc = write_perfetto(a, &draft, t);
	free(rgb);
	file_abandon(&draft);
	if (!rc)
		rc = a->json ? tool_print_json(trace_json(a->bundle, t))
			     : trace_text(a->bundle, t, a->wide);
	return rc;
}

static int trace_main(int argc, char **argv)
{
	struct args a = {.images = {.limit = 1}};
	struct traced t = {0};
	int rc;

	option_parse(&tool_trace, argc, argv, &a);
	rc = trace(&a, &t);
	trace_free(&t);
	images_close(&a.images);
	return rc ? tool_fail() : TOOL_OK;
}

const struct tool tool_trace = {
	.name = "trace",
	.summary = "cycles, bytes and stalls of each layer",
	.text = "Runs one image through main and the extension and tells, per layer, where it "
		"ran, its multiply-accumulates, cycles, array utilisation, bytes over the bus, "
		"and what the cycles were spent on; the classes sum to the cycles. Cycles do "
		"not depend on the image. A layer's record waits in the store queue: where a "
		"result is stored to memory, that row holds cycles of the rows behind it as "
		"well.",
	.options = options,
	.main = trace_main,
};
