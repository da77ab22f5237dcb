// SPDX-License-Identifier: Apache-2.0
#include "quantize_bundle.h"

#include "base/error.h"
#include "meanet/exits.h"
#include "quantize/float_model.h"
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
		mea_normalise(b->mean, b->std, b->bgr, e->rgb, e->pixels, in[0]);
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
	int rc = in[0] && in[1] ? 0 : mea_nomem();

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

int mea_quantize_bundle(const struct mea_bundle *b, mea_next_image next, void *ctx,
			const struct mea_quantize_options *opt, struct mea_graph *nets[MEA_NETS])
{
	struct examples e = {.next = next, .ctx = ctx, .first = true};
	int rc = mea_float_load(b, &e.model);

	memset(nets, 0, sizeof(*nets) * MEA_NETS);
	if (rc)
		return rc;
	e.pixels = (size_t)b->width * (size_t)b->height;
	e.rgb = malloc(e.pixels * 3);
	if (!e.rgb)
		rc = mea_nomem();
	if (!rc)
		rc = mea_quantize(e.model->main, next_main, &e, opt, &nets[MEA_NET_MAIN]);
	if (!rc && e.model->extension) {
		const struct mea_graph *g = e.model->main;

		e.features = mea_shape_count(&g->values[g->outputs[MEA_OUT_FEATURES]].shape);
		rc = quantize_extension(&e, nets[MEA_NET_MAIN], opt, &nets[MEA_NET_EXTENSION]);
	}
	if (rc)
		mea_quantized_free(nets);
	mea_float_free(e.model);
	free(e.rgb);
	return rc;
}

int mea_quantized_enter(struct mea_bundle_edit *e, struct mea_graph *const nets[MEA_NETS])
{
	int rc = 0;

	for (int net = 0; net < MEA_NETS && !rc; net++) {
		const char *path;

		if (!nets[net])
			continue;
		rc = mea_bundle_edit_path(e, (enum mea_net)net, MEA_INT8, &path);
		if (!rc)
			rc = mea_graph_write(nets[net], path);
		if (!rc)
			rc = mea_bundle_edit_enter(e, (enum mea_net)net, MEA_INT8);
	}
	return rc;
}

void mea_quantized_free(struct mea_graph *nets[MEA_NETS])
{
	for (int net = 0; net < MEA_NETS; net++) {
		mea_graph_free(nets[net]);
		nets[net] = NULL;
	}
}
