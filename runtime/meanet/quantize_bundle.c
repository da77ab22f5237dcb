// SPDX-License-Identifier: Apache-2.0
#include "quantize_bundle.h"

#include "error.h"
#include "meanet/exits.h"
#include "meanet/float_model.h"
#include "meanet/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct examples {
	struct mea_float_model *model;
	mea_next_image next;
	void *ctx;
	bool first, any; /* any: also images that main calls easy */
	uint8_t *rgb;
	size_t pixels, features;
};

/* The image for main, as mea_quantize() wants its examples. */
static int next_main(void *ctx, float *const *in)
{
	struct examples *e = ctx;
	const struct mea_bundle *b = e->model->bundle;
	int rc = e->next(e->ctx, e->first, e->rgb);

	e->first = false;
	if (rc > 0)
		mea_normalise(b->mean, b->std, e->rgb, e->pixels, in[0]);
	return rc;
}

/* Image and features for the extension, of the next image that main finds hard. */
static int next_extension(void *ctx, float *const *in)
{
	struct examples *e = ctx;
	const struct mea_bundle *b = e->model->bundle;

	for (;;) {
		const float *logits, *features;
		int rc = next_main(ctx, in);

		if (rc <= 0)
			return rc;
		rc = mea_float_main(e->model, e->rgb, &logits, &features);
		if (rc)
			return rc;
		if (!e->any && b->hard_index[mea_opinion_of(logits, b->n_classes).label] < 0)
			continue;
		memcpy(in[MEA_IN_FEATURES], features, e->features * sizeof(float));
		return 1;
	}
}

static const char *input_name(const struct mea_graph *g, int i)
{
	return g->values[g->inputs[i]].name;
}

/* The parameters that main settled on, under the names they have in extension. */
static int fix_inputs(const struct mea_graph *main_int8, const struct mea_float_model *m,
		      struct mea_qparams fixed[2])
{
	const struct mea_graph *f = m->main;
	int rc = mea_graph_qparams(main_int8, input_name(f, MEA_IN_IMAGE), &fixed[0]);

	if (!rc)
		rc = mea_graph_qparams(main_int8, f->values[f->outputs[MEA_OUT_FEATURES]].name,
				       &fixed[1]);
	fixed[0].name = input_name(m->extension, MEA_IN_IMAGE);
	fixed[1].name = input_name(m->extension, MEA_IN_FEATURES);
	return rc;
}

static int write_net(struct mea_bundle *b, const char *dir, enum mea_net net,
		     const struct mea_graph *g)
{
	char name[32], *path;
	int rc;

	snprintf(name, sizeof(name), "%s.int8.onnx", mea_net_name(net));
	if (asprintf(&path, "%s/%s", dir, name) < 0)
		return mea_fail(MEA_ENOMEM, "%s/%s: out of memory", dir, name);
	rc = mea_graph_write(g, path);
	free(path);
	return rc ? rc : mea_bundle_set_file(b, dir, net, MEA_INT8, name);
}

/* Whether any example reaches the extension. */
static int find_hard(struct examples *e, float *const *in, bool *found)
{
	int rc;

	e->first = true;
	rc = next_extension(e, in);
	*found = rc > 0;
	return rc < 0 ? rc : 0;
}

static int quantize_extension(struct examples *e, const struct mea_graph *main_int8,
			      const struct mea_quantize_options *opt, struct mea_graph **out)
{
	struct mea_quantize_options o = *opt;
	struct mea_qparams fixed[2];
	float *in[2] = {calloc(e->pixels * 3, sizeof(float)), calloc(e->features, sizeof(float))};
	bool found = false;
	int rc = in[0] && in[1] ? 0 : mea_fail(MEA_ENOMEM, "out of memory");

	if (!rc)
		rc = find_hard(e, in, &found);
	if (!rc)
		rc = fix_inputs(main_int8, e->model, fixed);
	if (rc)
		goto out;
	o.fixed = fixed;
	o.n_fixed = 2;
	e->first = true;
	e->any = !found;
	rc = mea_quantize(e->model->extension, next_extension, e, &o, out);
out:
	free(in[0]);
	free(in[1]);
	return rc;
}

int mea_quantize_bundle(struct mea_bundle *b, const char *dir, mea_next_image next, void *ctx,
			const struct mea_quantize_options *opt)
{
	struct mea_graph *main = NULL, *extension = NULL;
	struct examples e = {.next = next, .ctx = ctx, .first = true};
	int rc = mea_float_load(b, &e.model);

	if (rc)
		return rc;
	e.pixels = (size_t)b->width * (size_t)b->height;
	e.rgb = malloc(e.pixels * 3);
	if (!e.rgb) {
		rc = mea_fail(MEA_ENOMEM, "out of memory");
		goto out;
	}
	rc = mea_quantize(e.model->main, next_main, &e, opt, &main);
	if (!rc && e.model->extension) {
		const struct mea_graph *g = e.model->main;

		e.features = mea_shape_count(&g->values[g->outputs[MEA_OUT_FEATURES]].shape);
		rc = quantize_extension(&e, main, opt, &extension);
	}
	if (!rc)
		rc = write_net(b, dir, MEA_NET_MAIN, main);
	if (!rc && extension)
		rc = write_net(b, dir, MEA_NET_EXTENSION, extension);
out:
	mea_graph_free(main);
	mea_graph_free(extension);
	mea_float_free(e.model);
	free(e.rgb);
	return rc;
}
