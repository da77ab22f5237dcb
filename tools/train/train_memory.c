// SPDX-License-Identifier: Apache-2.0
/* mea train --memory, and the table of what a training held. */
#include "train.h"

#include "base/error.h"
#include "train/mem.h"

#include <stdio.h>
#include <sys/resource.h>

struct mea_recipe train_recipe_before(const struct train *t)
{
	struct mea_recipe c = t->recipe;

	if (t->memory > 0)
		c.batch = MEA_BATCH_LEAST;
	return c;
}

int train_fit_in(struct train *t, struct mea_fit *f)
{
	const struct mea_recipe asked = t->recipe;
	struct mea_recipe *c = &t->recipe;
	int rc, layers = mea_params_layers(f->net->params, f->net->graph);
	size_t bytes;

	if (t->memory <= 0)
		return 0;
	rc = mea_fit_choose(f, c, (size_t)(t->memory * 1e6), &bytes);
	if (rc)
		return mea_fail_in(rc, "--memory");
	/*
	 * Rates that keep what a passed image does to the weights: in proportion to the batch
	 * (Goyal et al., arXiv 1706.02677), and 1 / (1 - momentum) times as high without momenta.
	 */
	if (!t->rate_given) {
		c->rate *= (float)c->batch / (float)asked.batch;
		if (c->momentum < asked.momentum)
			c->rate /= 1 - asked.momentum;
	}
	if (t->verbose)
		printf("--memory %g: %.2f MB with batches of %d, %s, %d of %d layers trained, "
		       "rate %g\n",
		       t->memory, (double)bytes / 1e6, c->batch,
		       c->momentum > 0 ? "momenta" : "no momenta", layers - c->fixed, layers,
		       (double)c->rate);
	return 0;
}

void train_tell_memory(const struct mea_mem *m)
{
	struct rusage u;

	printf("held at most               MB\n");
	for (int i = 0; i < MEA_MEM_KINDS; i++)
		printf("  %-22s %8.2f\n", mea_mem_name((enum mea_mem_kind)i),
		       (double)m->most[i] / 1e6);
	printf("  %-22s %8.2f\n", "together", (double)m->all_most / 1e6);
	if (!getrusage(RUSAGE_SELF, &u))
		printf("  %-22s %8.2f\n", "peak RSS", (double)u.ru_maxrss * 1024e-6);
}
