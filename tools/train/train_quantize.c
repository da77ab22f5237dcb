// SPDX-License-Identifier: Apache-2.0
/* mea train --quantize: int8 networks from the float ones just written, as mea quantize makes them,
 * calibrated on training images that are already here. */
#include "train.h"

#include "base/error.h"
#include "quantize/quantize_bundle.h"

#include <stdlib.h>
#include <string.h>

#define IMAGES	 512
#define SETS_MAX 2

struct examples {
	struct mea_pick kept[SETS_MAX];
	int n_sets;
	size_t at, n; /* at: the next one, from the sets in turn */
	struct progress progress;
};

static int next_image(void *ctx, bool first, uint8_t *rgb)
{
	struct examples *e = ctx;
	const struct mea_pick *p;
	size_t bytes;

	if (first)
		e->at = 0;
	if (e->at == e->n)
		return 0;
	p = &e->kept[e->at % (size_t)e->n_sets];
	bytes = (size_t)p->set->width * (size_t)p->set->height * 3;
	memcpy(rgb, p->set->rgb + p->index[e->at / (size_t)e->n_sets] * bytes, bytes);
	progress_step(++e->at, e->n, &e->progress);
	return 1;
}

/* Training images of all classes: what training kept may be of hard ones only. */
static int choose(const struct train *t, const struct mea_set *const *sets, int n,
		  struct examples *e)
{
	e->n = IMAGES;
	for (e->n_sets = 0; e->n_sets < n; e->n_sets++) {
		struct mea_pick *p = &e->kept[e->n_sets], held;
		int rc = mea_set_split(sets[e->n_sets], t->recipe.seed, p, &held);

		if (rc)
			return rc;
		free(held.index);
		e->n = p->n * (size_t)n < e->n ? p->n * (size_t)n : e->n;
	}
	return 0;
}

int train_quantize(const struct train *t, const struct mea_set *const *sets, int n)
{
	static const struct mea_quantize_options options;
	struct examples e = {.progress = {.what = "calibrating"}};
	struct mea_graph *nets[MEA_NETS] = {NULL};
	struct mea_bundle_edit *edit = NULL;
	struct mea_bundle *b = NULL;
	int rc;

	if (!t->quantize)
		return 0;
	rc = choose(t, sets, n, &e);
	if (!rc)
		rc = mea_bundle_load(t->out, &b);
	if (!rc)
		rc = mea_quantize_bundle(b, next_image, &e, &options, nets);
	progress_end(&e.progress);
	if (!rc)
		rc = mea_bundle_edit_begin(t->out, &edit);
	if (!rc)
		rc = mea_bundle_edit_same(edit, b);
	if (!rc)
		rc = mea_quantized_enter(edit, nets);
	if (!rc)
		rc = mea_bundle_edit_commit(edit);
	mea_bundle_edit_end(edit);
	mea_quantized_free(nets);
	mea_bundle_free(b);
	for (int i = 0; i < SETS_MAX; i++)
		free(e.kept[i].index);
	return rc;
}
