// SPDX-License-Identifier: Apache-2.0
#include "quantize/input.h"

#include "base/error.h"
#include "mea/files.h"
#include "meanet/preprocess.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define AT(f) FIELD(struct input_options, f)

const struct row input_options[] = {
	{"mean", "R,G,B", AT(mean), "mean of pixel / 255, which is subtracted"},
	{"std", "R,G,B", AT(std), "deviation, by which is divided", OVER_0},
	{"order", "NAME", AT(order), "main's channels, and those of --mean and --std",
	 .choices = "rgb bgr"},
	{"resize", "HOW", AT(resize),
	 "how a picture gets main's size: the centre of it, each side by itself, or all of it with "
	 "black bars",
	 .choices = "crop stretch letterbox"},
	{"side", "N", AT(side),
	 "with --resize crop: resize the picture's shorter side to N pixels, and cut out the "
	 "centre",
	 1, 8192, .otherwise = "as short as main's size allows"},
	{"filter", "NAME", AT(filter), "of resizing", .choices = "bilinear bicubic nearest"},
	{"preset", "NAME", AT(preset), "all of these as such networks take them",
	 .choices = "torchvision keras-tf keras-caffe"},
	{0},
};

/* The torchvision weights' transforms, for sides of 224 pixels: resize to 256, cut out 224. */
#define TORCHVISION_CUT (224.0 / 256)

/* keras.applications' preprocess_input(), behind load_img(target_size=...) as its pages show. */
static const struct preset {
	const char *name;
	struct input_options as;
	double cut; /* 0: --side is not meant */
} presets[] = {
	{"torchvision",
	 {.order = "rgb",
	  .resize = "crop",
	  .filter = "bilinear",
	  .mean = {0.485f, 0.456f, 0.406f},
	  .std = {0.229f, 0.224f, 0.225f}},
	 TORCHVISION_CUT},
	{"keras-tf",
	 {.order = "rgb",
	  .resize = "stretch",
	  .filter = "nearest",
	  .mean = {0.5f, 0.5f, 0.5f},
	  .std = {0.5f, 0.5f, 0.5f}},
	 0},
	{"keras-caffe",
	 {.order = "bgr",
	  .resize = "stretch",
	  .filter = "nearest",
	  .mean = {103.939f / 255, 116.779f / 255, 123.68f / 255},
	  .std = {1.0f / 255, 1.0f / 255, 1.0f / 255}},
	 0},
};

int input_check(const struct input_options *o)
{
	if (o->preset && (!isnan(o->mean[0]) || !isnan(o->std[0]) || o->order || o->resize ||
			  o->side || o->filter))
		return mea_fail(MEA_EINVAL, "--preset: says what --mean, --std, --order, --resize, "
					    "--side and --filter would");
	if (o->side && o->resize && strcmp(o->resize, "crop"))
		return mea_fail(MEA_EINVAL, "--side: goes with --resize crop");
	return 0;
}

/* The image that main takes. */
static int set_size(const char *path, const struct mea_graph *g, json_t *in)
{
	const struct mea_value *v = g->n_inputs ? &g->values[g->inputs[0]] : NULL;

	if (!v || v->shape.rank != 4)
		return mea_fail(MEA_EINVAL, "%s: its first input is no image", path);
	if (v->shape.dim[1] != 3)
		return mea_fail(MEA_EINVAL,
				"%s: its image has %lld channels; those of a bundle are RGB", path,
				(long long)v->shape.dim[1]);
	json_object_set_new(in, "width", json_integer(v->shape.dim[3]));
	json_object_set_new(in, "height", json_integer(v->shape.dim[2]));
	return 0;
}

static double shorter_side(const json_t *in)
{
	return fmin(json_number_value(json_object_get(in, "width")),
		    json_number_value(json_object_get(in, "height")));
}

/* The options with the preset's values in them; in: has the size. */
static struct input_options take_preset(const struct input_options *o, const json_t *in)
{
	for (size_t i = 0; o->preset && i < sizeof(presets) / sizeof(presets[0]); i++) {
		struct input_options as = presets[i].as;

		if (strcmp(o->preset, presets[i].name))
			continue;
		if (presets[i].cut > 0)
			as.side = (int)rint(shorter_side(in) / presets[i].cut);
		return as;
	}
	return *o;
}

static void set_resize(const struct input_options *o, json_t *in)
{
	json_t *r = json_object_get(in, "resize");

	if (!o->resize && !o->filter && !o->side)
		return;
	if (!json_is_object(r)) {
		r = json_object();
		json_object_set_new(in, "resize", r);
	}
	if (o->resize) {
		json_object_set_new(r, "mode", json_string(o->resize));
		json_object_del(r, "side");
	}
	if (o->side)
		json_object_set_new(r, "side", json_integer(o->side));
	if (o->filter)
		json_object_set_new(r, "filter", json_string(o->filter));
}

int input_enter(const struct input_options *given, const struct given *m, const char *path,
		json_t *doc)
{
	json_t *in = json_object_get(doc, "input");
	struct input_options o;
	struct mea_resize how;
	int rc = 0;

	if (!in) {
		in = json_object();
		json_object_set_new(doc, "input", in);
	}
	if (m)
		rc = set_size(path, m->g, in);
	o = take_preset(given, in);
	if (!rc && m)
		rc = given_normalise(m, path, o.mean, o.std);
	if (!rc)
		rc = mea_check_mean("--mean", o.mean);
	if (rc)
		return rc;
	if (!isnan(o.mean[0]))
		json_object_set_new(in, "mean", tool_three(o.mean));
	if (!isnan(o.std[0]))
		json_object_set_new(in, "std", tool_three(o.std));
	if (o.order)
		json_object_set_new(in, "order", json_string(o.order));
	set_resize(&o, in);
	return mea_resize_parse(in, &how);
}
