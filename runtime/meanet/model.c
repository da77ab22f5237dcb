// SPDX-License-Identifier: Apache-2.0
#include "model.h"

#include "base/error.h"
#include "graph/lower.h"
#include "graph/tail.h"

#include <stdlib.h>
#include <string.h>

static const struct mea_qtensor *input(const struct mea_qnet *net, int i)
{
	return &net->tensors[net->inputs[i]];
}

static const struct mea_qtensor *output(const struct mea_qnet *net, int i)
{
	return &net->tensors[net->outputs[i]];
}

/* --- do bundle and networks fit together? --------------------------------- */

static int check_image(const struct mea_bundle *b, const char *who, const struct mea_qtensor *t)
{
	if (t->c == 3 && t->h == b->height && t->w == b->width)
		return 0;
	return mea_fail(MEA_EINVAL,
			"%s: input 0 (%s) is %d x %d x %d, but the bundle's images are 3 x %d x %d",
			who, t->name, t->c, t->h, t->w, b->height, b->width);
}

static int check_logits(const char *who, const struct mea_qnet *net, int n, const char *what)
{
	const struct mea_qtensor *t = output(net, MEA_OUT_LOGITS);

	if (mea_tail_count(net) == (size_t)n && (net->tail || (t->h == 1 && t->w == 1)))
		return 0;
	if (net->tail)
		return mea_fail(MEA_EINVAL, "%s: output 0 has %zu elements, but there are %d %s",
				who, mea_tail_count(net), n, what);
	return mea_fail(MEA_EINVAL, "%s: output 0 (%s) is %d x %d x %d, but there are %d %s", who,
			t->name, t->c, t->h, t->w, n, what);
}

static int check_count(const char *who, const char *what, int have, int least, int most)
{
	if (have >= least && have <= most)
		return 0;
	return mea_fail(MEA_EINVAL, "%s: has %d %ss; it needs %d", who, have, what, least);
}

static int check_main(const struct mea_model *m)
{
	int rc = check_count("main", "input", m->main->n_inputs, 1, 1);

	if (!rc)
		rc = check_count("main", "output", m->main->n_outputs, m->extension ? 2 : 1, 2);
	if (!rc)
		rc = check_image(m->bundle, "main", input(m->main, MEA_IN_IMAGE));
	if (!rc)
		rc = check_logits("main", m->main, m->bundle->n_classes, "classes");
	return rc;
}

static int check_extension(const struct mea_model *m)
{
	const struct mea_qtensor *from, *to;
	int rc = check_count("extension", "input", m->extension->n_inputs, 2, 2);

	if (!rc)
		rc = check_count("extension", "output", m->extension->n_outputs, 1, 1);
	if (!rc)
		rc = check_image(m->bundle, "extension", input(m->extension, MEA_IN_IMAGE));
	if (!rc)
		rc = check_logits("extension", m->extension, m->bundle->n_hard, "hard classes");
	if (rc)
		return rc;
	from = output(m->main, MEA_OUT_FEATURES);
	to = input(m->extension, MEA_IN_FEATURES);
	if (from->c != to->c || from->h != to->h || from->w != to->w)
		return mea_fail(MEA_EINVAL,
				"extension: input 1 (%s) is %d x %d x %d, but main's features (%s) "
				"are %d x %d x %d",
				to->name, to->c, to->h, to->w, from->name, from->c, from->h,
				from->w);
	/* The bytes go over as they are. */
	if (from->scale != to->scale || from->zero_point != to->zero_point)
		return mea_fail(
			MEA_EINVAL,
			"extension: input 1 (%s) has scale %g and zero point %d, but main's "
			"features have %g and %d; quantise both together",
			to->name, (double)to->scale, to->zero_point, (double)from->scale,
			from->zero_point);
	return 0;
}

static void prepare_input(const struct mea_bundle *b, const struct mea_qtensor *t,
			  struct mea_preprocess *p)
{
	mea_preprocess_init(p, b->mean, b->std, b->bgr, t->scale, t->zero_point);
}

int mea_model_link(struct mea_model *m)
{
	int rc = check_main(m);

	if (!rc && m->extension)
		rc = check_extension(m);
	if (rc)
		return mea_fail_in(rc, "%s", m->bundle->dir);
	prepare_input(m->bundle, input(m->main, MEA_IN_IMAGE), &m->pre_main);
	if (m->extension) {
		prepare_input(m->bundle, input(m->extension, MEA_IN_IMAGE), &m->pre_extension);
		m->same_image = !memcmp(&m->pre_main, &m->pre_extension, sizeof(m->pre_main));
	}
	return 0;
}

static int load_net(const struct mea_bundle *b, enum mea_net net, struct mea_qnet **out)
{
	/* bundle.json has the SHA-256 of one file. */
	const struct mea_load_options whole = {.one_file = true};
	struct mea_graph *g = NULL;
	char *path;
	int rc = mea_bundle_path(b, net, MEA_INT8, &path);

	if (!rc)
		rc = mea_graph_load(path, &whole, &g);
	if (!rc)
		rc = mea_qnet_from_graph(g, out);
	mea_graph_free(g);
	free(path);
	return rc;
}

int mea_model_load(const char *dir, struct mea_model **out)
{
	struct mea_model *m = calloc(1, sizeof(*m));
	int rc;

	*out = NULL;
	if (!m)
		return mea_nomem();
	rc = mea_bundle_load(dir, &m->bundle);
	if (!rc)
		rc = load_net(m->bundle, MEA_NET_MAIN, &m->main);
	if (!rc && m->bundle->n_hard)
		rc = load_net(m->bundle, MEA_NET_EXTENSION, &m->extension);
	if (!rc)
		rc = mea_model_link(m);
	if (rc) {
		mea_model_free(m);
		return rc;
	}
	*out = m;
	return 0;
}

void mea_model_free(struct mea_model *m)
{
	if (!m)
		return;
	mea_qnet_free(m->main);
	mea_qnet_free(m->extension);
	mea_bundle_free(m->bundle);
	free(m);
}
