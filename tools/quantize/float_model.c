// SPDX-License-Identifier: Apache-2.0
#include "float_model.h"

#include "base/error.h"
#include "graph/eval.h"
#include "meanet/model.h"

#include <stdlib.h>

static int load_graph(const struct mea_bundle *b, enum mea_net net, struct mea_graph **out)
{
	/* bundle.json has the SHA-256 of one file. */
	const struct mea_load_options whole = {.one_file = true};
	char *path;
	int rc = mea_bundle_path(b, net, MEA_FLOAT, &path);

	if (rc)
		return rc;
	rc = mea_graph_load(path, &whole, out);
	if (!rc)
		rc = mea_graph_simplify(*out);
	free(path);
	return rc;
}

static const struct mea_value *input(const struct mea_graph *g, int i)
{
	return &g->values[g->inputs[i]];
}

static const struct mea_value *output(const struct mea_graph *g, int i)
{
	return &g->values[g->outputs[i]];
}

static int check_ends(const struct mea_graph *g, int inputs, int outputs)
{
	if (g->n_inputs != inputs || g->n_outputs < outputs)
		return mea_fail(MEA_EINVAL, "%s: has %d inputs and %d outputs; it needs %d and %d",
				g->source, g->n_inputs, g->n_outputs, inputs, outputs);
	return 0;
}

static int check_value(const struct mea_graph *g, const struct mea_value *v,
		       const struct mea_shape *want)
{
	char have[96], need[96];

	if (v->type == MEA_F32 && mea_shape_equal(&v->shape, want))
		return 0;
	return mea_fail(MEA_EINVAL, "%s: %s is %s %s; the bundle needs float32 %s", g->source,
			v->name, mea_dtype_name(v->type),
			mea_shape_text(&v->shape, have, sizeof(have)),
			mea_shape_text(want, need, sizeof(need)));
}

static int check(const struct mea_float_model *m)
{
	const struct mea_bundle *b = m->bundle;
	struct mea_shape image = {4, {1, 3, b->height, b->width}};
	struct mea_shape classes = {2, {1, b->n_classes}}, hard = {2, {1, b->n_hard}};
	int rc = check_ends(m->main, 1, m->extension ? 2 : 1);

	if (!rc)
		rc = check_value(m->main, input(m->main, MEA_IN_IMAGE), &image);
	if (!rc)
		rc = check_value(m->main, output(m->main, MEA_OUT_LOGITS), &classes);
	if (rc || !m->extension)
		return rc;
	rc = check_ends(m->extension, 2, 1);
	if (!rc)
		rc = check_value(m->extension, input(m->extension, MEA_IN_IMAGE), &image);
	if (!rc)
		rc = check_value(m->extension, input(m->extension, MEA_IN_FEATURES),
				 &output(m->main, MEA_OUT_FEATURES)->shape);
	if (!rc)
		rc = check_value(m->extension, output(m->extension, MEA_OUT_LOGITS), &hard);
	return rc;
}

int mea_float_load(const struct mea_bundle *b, struct mea_float_model **out)
{
	struct mea_float_model *m = calloc(1, sizeof(*m));
	int rc;

	*out = NULL;
	if (!m)
		return mea_nomem();
	m->bundle = b;
	m->image = calloc((size_t)b->width * (size_t)b->height * 3, sizeof(*m->image));
	rc = m->image ? load_graph(b, MEA_NET_MAIN, &m->main) : mea_nomem();
	if (!rc && b->n_hard)
		rc = load_graph(b, MEA_NET_EXTENSION, &m->extension);
	if (!rc)
		rc = check(m);
	if (!rc)
		rc = mea_eval_new(m->main, &m->run_main);
	if (!rc && m->extension)
		rc = mea_eval_new(m->extension, &m->run_extension);
	if (rc) {
		mea_float_free(m);
		return rc;
	}
	*out = m;
	return 0;
}

void mea_float_free(struct mea_float_model *m)
{
	if (!m)
		return;
	mea_eval_free(m->run_main);
	mea_eval_free(m->run_extension);
	mea_graph_free(m->main);
	mea_graph_free(m->extension);
	free(m->image);
	free(m);
}

int mea_float_main(struct mea_float_model *m, const uint8_t *rgb, const float **logits,
		   const float **features)
{
	const struct mea_bundle *b = m->bundle;
	const void *in[1] = {m->image};
	int rc;

	mea_normalise(b->mean, b->std, b->bgr, rgb, (size_t)b->width * (size_t)b->height, m->image);
	rc = mea_eval_run(m->run_main, in);
	if (rc)
		return rc;
	if (logits)
		*logits = mea_eval_value(m->run_main, m->main->outputs[MEA_OUT_LOGITS]).data;
	if (features && m->main->n_outputs > MEA_OUT_FEATURES)
		*features = mea_eval_value(m->run_main, m->main->outputs[MEA_OUT_FEATURES]).data;
	return 0;
}

int mea_float_extension(struct mea_float_model *m, const float **logits)
{
	struct mea_tensor f = mea_eval_value(m->run_main, m->main->outputs[MEA_OUT_FEATURES]);
	const void *in[2] = {m->image, f.data};
	int rc = mea_eval_run(m->run_extension, in);

	if (!rc)
		*logits = mea_eval_value(m->run_extension, m->extension->outputs[MEA_OUT_LOGITS])
				  .data;
	return rc;
}
