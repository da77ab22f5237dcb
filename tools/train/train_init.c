// SPDX-License-Identifier: Apache-2.0
/*
 * mea train init: a bundle of untrained networks, random by seed. For measuring speed and
 * bit-exactness in shapes for which no images are at hand, and as the frame into which
 * trained weights of the same names go.
 */
#include "mea/files.h"
#include "train.h"

#include "base/error.h"
#include "train/export.h"
#include "train/nets.h"

#include <libgen.h>
#include <stdlib.h>
#include <string.h>

/* Normalisation of the networks that were trained on ImageNet. */
static const float mean[3] = {0.485f, 0.456f, 0.406f}, std[3] = {0.229f, 0.224f, 0.225f};

/* Classes are called by their numbers, and the first of them are the hard ones. */
static json_t *document(const struct train *t, int hard)
{
	char *copy = strdup(t->out), text[24];
	json_t *classes = json_array(), *list = json_array();

	for (int i = 0; i < t->classes; i++) {
		snprintf(text, sizeof(text), "class %d", i);
		json_array_append_new(classes, json_string(text));
	}
	for (int i = 0; i < hard; i++)
		json_array_append_new(list, json_integer(i));
	text[0] = 0;
	json_t *doc = json_pack("{s:s, s:i, s:o, s:s, s:o, s:o, s:{s:i, s:i, s:o, s:o}}", "format",
				"mea-bundle", "version", 1, "name",
				tool_text(copy ? basename(copy) : "bundle"), "made",
				"mea train init: random weights, never trained", "classes", classes,
				"hard_classes", list, "input", "width", t->size, "height", t->size,
				"mean", tool_three(mean), "std", tool_three(std));
	free(copy);
	return doc;
}

static int enter(struct mea_bundle_edit *e, enum mea_net net, struct mea_graph *g)
{
	struct mea_tmodel m = {0};
	int rc = mea_tmodel_new(g, mean, std, &m);

	if (!rc)
		rc = mea_tmodel_enter(&m, e, net);
	mea_tmodel_free(&m);
	return rc;
}

int train_init(struct train *t)
{
	int hard = t->hard ? t->hard : t->classes / 2;
	struct mea_net_task task = {.width = t->size,
				    .height = t->size,
				    .classes = t->classes,
				    .hard = hard,
				    .concat = t->concat,
				    .no_adaptive = t->no_adaptive,
				    .seed = t->recipe.seed};
	struct mea_bundle_edit *e;
	struct mea_graph *g;
	int rc;

	if (hard > t->classes)
		return mea_fail(MEA_EINVAL, "--hard: %d of %d classes", hard, t->classes);
	rc = mea_bundle_edit_begin(t->out, &e);
	if (rc)
		return rc;
	json_decref(e->doc);
	e->doc = document(t, hard);
	if (!e->doc)
		rc = mea_nomem();
	if (!rc)
		rc = mea_net_main(t->net, &task, &g);
	if (!rc)
		rc = enter(e, MEA_NET_MAIN, g);
	if (!rc)
		rc = mea_net_extension(t->net, &task, &g);
	if (!rc)
		rc = enter(e, MEA_NET_EXTENSION, g);
	if (!rc)
		rc = mea_bundle_edit_commit(e);
	mea_bundle_edit_end(e);
	return rc;
}
