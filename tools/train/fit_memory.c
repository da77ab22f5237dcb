// SPDX-License-Identifier: Apache-2.0
/* What a training holds, and recipes that hold less. */
#include "base/error.h"
#include "train/fit_run.h"
#include "train/mem.h"

#define SMALL 8 /* the least batch while anything else can be saved */

int mea_fit_measure(struct mea_fit *f, size_t *bytes)
{
	struct mea_pick none = {.set = f->kept->set};
	struct run r = {.f = f};
	int rc;

	mea_mem_forget();
	rc = mea_fit_set_up(&r);
	/* Held-out images pass beside what trains. */
	if (!rc)
		rc = mea_predict(f->front, f->net, &none, f->recipe, NULL, NULL);
	*bytes = mea_mem_read().all_most;
	mea_fit_close(&r);
	mea_params_release(f->net->params);
	if (f->joint)
		mea_params_release(f->front->params);
	mea_mem_forget();
	return rc;
}

/* The next recipe to try; false: there is none. */
static bool less(const struct mea_fit *f, struct mea_recipe *c, int layers)
{
	int even = 2 * mea_team_ranks(f->team), left = layers - c->fixed;

	if (c->batch / 2 >= SMALL && c->batch % even == 0)
		c->batch /= 2;
	else if (c->momentum > 0)
		c->momentum = 0;
	else if (left > 1 && !f->joint)
		c->fixed += left / 2;
	else if (c->batch / 2 >= MEA_BATCH_LEAST && c->batch % even == 0)
		c->batch /= 2;
	else
		return false;
	return true;
}

int mea_fit_choose(struct mea_fit *f, struct mea_recipe *c, size_t limit, size_t *bytes)
{
	int layers = mea_params_layers(f->net->params, f->net->graph);
	struct mea_mem before = mea_mem_read();

	for (;;) {
		int rc = mea_fit_measure(f, bytes);

		if (rc || *bytes <= limit)
			return rc;
		if (!less(f, c, layers))
			return mea_fail(
				MEA_EINVAL,
				"it takes %.2f MB at least, not %.2f: %.2f of images, "
				"%.2f of networks, and to train 1 of %d layers with batches "
				"of %d without momenta",
				(double)*bytes / 1e6, (double)limit / 1e6,
				(double)before.now[MEA_MEM_IMAGES] / 1e6,
				(double)(before.now[MEA_MEM_FILES] + before.now[MEA_MEM_WEIGHTS]) /
					1e6,
				layers, c->batch);
	}
}
