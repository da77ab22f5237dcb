// SPDX-License-Identifier: Apache-2.0
/* mea quantize: int8 networks for a bundle, or for one ONNX model. */
#include "command.h"
#include "mea/files.h"

#include "base/error.h"
#include "meanet/preprocess.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define IMAGES_DEFAULT 512

#define AT(f)	       FIELD(struct quantize, f)

static const struct row options[] = {
	{NULL, "BUNDLE|MODEL.onnx", AT(what), "model", .needed = true},
	{.at = offsetof(struct quantize, images), .rows = images_options},
	{"out", "PATH", AT(out), "folder for the new bundle, or the new file for MODEL.onnx",
	 .otherwise = "BUNDLE itself"},
	{"method", "NAME", AT(method.method), "how ranges are chosen", .value = "mse",
	 .choices = "mse percentile minmax"},
	{"check", "N", AT(check),
	 "then compare float and int8 on N test images, and note the accuracy in bundle.json", 1,
	 1e8},
	{.at = offsetof(struct quantize, given), .rows = given_options},
	{"mean", "R,G,B", AT(mean), "for MODEL.onnx: mean of pixel / 255, which is subtracted"},
	{"std", "R,G,B", AT(std), "for MODEL.onnx: deviation, by which is divided", OVER_0},
	{"order", "NAME", AT(order), "for MODEL.onnx: its channels, and those of --mean and --std",
	 .value = "rgb", .choices = "rgb bgr"},
	{0},
};

/* --- calibration images --------------------------------------------------- */

int quantize_next(void *ctx, bool first, uint8_t *rgb)
{
	struct quantize *q = ctx;
	int label, rc;

	if (first)
		q->at = 0;
	if (q->at == q->images.count)
		return 0;
	rc = mea_data_get(q->images.data, q->at++, rgb, &label);
	progress_step(q->at, q->images.count, &q->progress);
	return rc ? rc : 1;
}

/* --- a lone model ------------------------------------------------------------ */

/* Gray by the weights of ITU-R BT.601, in all three channels. */
static void make_gray(uint8_t *rgb, size_t pixels)
{
	for (uint8_t *p = rgb; p < rgb + 3 * pixels; p += 3)
		p[0] = p[1] = p[2] = (uint8_t)((299 * p[0] + 587 * p[1] + 114 * p[2] + 500) / 1000);
}

/* An image of one channel is gray; a fourth is opacity, normalised as the third. */
static int next_input(void *ctx, float *const *in)
{
	struct quantize *q = ctx;
	int rc = quantize_next(q, false, q->rgb);

	if (rc <= 0)
		return rc;
	if (q->channels == 1)
		make_gray(q->rgb, q->pixels);
	mea_normalise(q->mean, q->std, q->order, q->rgb, q->pixels, q->planes ? q->planes : in[0]);
	if (q->planes)
		memcpy(in[0], q->planes, q->pixels * sizeof(**in));
	for (size_t i = 3 * q->pixels; i < (size_t)q->channels * q->pixels; i++)
		in[0][i] = (1 - q->mean[2]) / q->std[2];
	return rc;
}

static int check_model(struct quantize *q, const struct given *m)
{
	const struct mea_graph *g = m->g;
	const struct mea_value *v = g->n_inputs == 1 ? &g->values[g->inputs[0]] : NULL;
	const int64_t *d = v ? v->shape.dim : NULL;
	int rc = given_normalise(m, q->what, q->mean, q->std);

	if (!rc)
		rc = mea_check_mean("--mean", q->mean);
	if (rc)
		return rc;
	if (!q->out || isnan(q->mean[0]) || isnan(q->std[0]))
		return mea_fail(MEA_EINVAL,
				"%s: a model without a bundle needs --out, --mean and --std",
				q->what);
	if (q->check)
		return mea_fail(MEA_EINVAL, "--check: needs a bundle, %s is a lone model", q->what);
	if (!v || v->type != MEA_F32 || v->shape.rank != 4 || d[0] != 1 ||
	    (d[1] != 1 && d[1] != 3 && d[1] != 4) || d[2] < 1 || d[3] < 1 || d[2] > 4096 ||
	    d[3] > 4096)
		return mea_fail(
			MEA_EINVAL,
			"%s: needs one float32 input of 1 x 3 (or 1, or 4) x height x width, "
			"up to 4096",
			q->what);
	return 0;
}

static int quantize_model(struct quantize *q)
{
	struct mea_graph *int8 = NULL;
	struct given m;
	int rc = given_load(q->what, &q->given, false, &m), w, h;
	const int64_t *dim;

	if (!rc)
		rc = check_model(q, &m);
	if (rc)
		goto out;
	dim = m.g->values[m.g->inputs[0]].shape.dim;
	q->channels = (int)dim[1];
	h = (int)dim[2];
	w = (int)dim[3];
	q->pixels = (size_t)h * (size_t)w;
	q->rgb = malloc(q->pixels * 3);
	if (q->channels == 1)
		q->planes = malloc(q->pixels * 3 * sizeof(*q->planes));
	rc = q->rgb && (q->planes || q->channels > 1)
		     ? images_open(&q->images,
				   &(struct mea_data_want){.width = w, .height = h, .train = true},
				   NULL)
		     : mea_nomem();
	if (!rc)
		rc = mea_quantize(m.g, next_input, q, &q->method, &int8);
	progress_end(&q->progress);
	if (!rc)
		rc = mea_graph_write(int8, q->out);
	if (!rc) {
		printf("%s: quantised with %zu images of %s\n", q->out, q->images.count,
		       images_title(&q->images));
		given_tell(&m, q->what);
	}
out:
	given_free(&m);
	mea_graph_free(int8);
	return rc;
}

/* --- a bundle ------------------------------------------------------------------ */

/* The new bundle is whole: description and float networks go with it. */
static int copy_floats(const struct mea_bundle *b, struct mea_bundle_edit *e)
{
	int rc = 0;

	json_decref(e->doc);
	e->doc = json_deep_copy(b->json);
	if (!e->doc)
		return mea_nomem();
	json_object_del(e->doc, "files");
	for (int net = 0; net < MEA_NETS && !rc; net++) {
		const char *to;
		char *from;

		if (!b->files[net][MEA_FLOAT].name)
			continue;
		rc = mea_bundle_path(b, (enum mea_net)net, MEA_FLOAT, &from);
		if (!rc)
			rc = mea_bundle_edit_path(e, (enum mea_net)net, MEA_FLOAT, &to);
		if (!rc)
			rc = file_copy(from, to);
		if (!rc)
			rc = mea_bundle_edit_enter(e, (enum mea_net)net, MEA_FLOAT);
		free(from);
	}
	return rc;
}

/* What was calibrated goes into the bundle in folder q->out. */
static int write_bundle(const struct quantize *q, const struct mea_bundle *b,
			struct mea_graph *const nets[MEA_NETS])
{
	struct mea_bundle_edit *e;
	int rc = mea_bundle_edit_begin(q->out, &e);

	if (rc)
		return rc;
	rc = file_same(q->out, q->what) ? mea_bundle_edit_same(e, b) : copy_floats(b, e);
	if (!rc)
		rc = mea_quantized_enter(e, nets);
	if (!rc)
		rc = mea_bundle_edit_commit(e);
	mea_bundle_edit_end(e);
	return rc;
}

static int quantize_bundle(struct quantize *q)
{
	struct mea_graph *nets[MEA_NETS] = {NULL};
	struct mea_bundle *b;
	int rc = mea_bundle_load(q->what, &b);

	if (rc)
		return rc;
	if (!q->out)
		q->out = q->what;
	if (!isnan(q->mean[0]) || !isnan(q->std[0]) || q->given.input[0] || q->order)
		rc = mea_fail(
			MEA_EINVAL,
			"--mean, --std, --order, --input: the bundle says what its images are");
	if (!rc)
		rc = images_open(&q->images, &(struct mea_data_want){.train = true}, b);
	if (!rc)
		rc = folder_make(q->out);
	if (!rc)
		rc = mea_quantize_bundle(b, quantize_next, q, &q->method, nets);
	progress_end(&q->progress);
	if (!rc)
		rc = write_bundle(q, b, nets);
	if (!rc)
		printf("%s: quantised with %zu images of %s\n", q->out, q->images.count,
		       images_title(&q->images));
	mea_quantized_free(nets);
	mea_bundle_free(b);
	return rc || !q->check ? rc : quantize_check(q);
}

static int quantize(int argc, char **argv)
{
	struct quantize q = {.images = {.limit = IMAGES_DEFAULT},
			     .mean = {NAN},
			     .std = {NAN},
			     .progress = {.what = "calibrating"}};
	struct stat st;
	int rc;

	option_parse(&tool_quantize, argc, argv, &q);
	if (stat(q.what, &st))
		rc = mea_fail(MEA_ENOENT, "%s: %s", q.what, strerror(errno));
	else
		rc = S_ISDIR(st.st_mode) ? quantize_bundle(&q) : quantize_model(&q);
	images_close(&q.images);
	free(q.rgb);
	free(q.planes);
	return rc ? tool_fail() : TOOL_OK;
}

const struct tool tool_quantize = {
	.name = "quantize",
	.summary = "make the int8 networks of a bundle or a model",
	.text = "Makes int8 networks (QDQ ONNX) from float ones, with ranges calibrated on "
		"training images: of the folder's training split, 512 unless --limit says "
		"otherwise.",
	.options = options,
	.main = quantize,
};
