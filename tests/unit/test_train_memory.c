// SPDX-License-Identifier: Apache-2.0
/* What a training holds: counted where it is allocated, and kept within a limit. */
#include "train_rig.h"

#include "train/mem.h"

static size_t held(enum mea_mem_kind kind)
{
	return mea_mem_read().now[kind];
}

Test(mem, counts)
{
	struct mea_mem start = mea_mem_read(), m;
	char *p, *q;

	mea_mem_forget();
	p = mea_mem_new(MEA_MEM_MAPS, 1000);
	q = mea_mem_new(MEA_MEM_MOMENTA, 10);
	cr_assert(p && q && (uintptr_t)p % 64 == 0 && (uintptr_t)q % 64 == 0);
	for (int i = 0; i < 1000; i++)
		cr_assert_eq(p[i], 0);
	m = mea_mem_read();
	cr_assert_geq(m.now[MEA_MEM_MAPS] - start.now[MEA_MEM_MAPS], 1000);
	cr_assert_leq(m.now[MEA_MEM_MAPS] - start.now[MEA_MEM_MAPS], 1000 + 2 * 64);
	mea_mem_free(p);
	mea_mem_free(q);
	mea_mem_free(NULL);
	p = mea_mem_new(MEA_MEM_MAPS, 100);
	mea_mem_free(p);
	m = mea_mem_read();
	cr_assert_eq(m.all, start.all);
	/* Both at the same time; the third alone. */
	cr_assert_geq(m.all_most - start.all, 1010);
	cr_assert_leq(m.all_most - start.all, 1010 + 4 * 64);
	cr_assert_null(mea_mem_new(MEA_MEM_MAPS, SIZE_MAX - 8));
	cr_assert_eq(mea_mem_read().all, start.all);
}

/* main and extension of a small MEANet behind r. */
static void behind_main(struct rig *r)
{
	struct mea_net_task task = {SIDE, SIDE, CLASSES, 2, false, false, 5};
	static const int map[CLASSES] = {-1, 0, -1, 1};
	struct mea_graph *g;

	open_rig(r, false);
	r->recipe.augment = (struct mea_augment){0};
	mea_tmodel_free(&r->net);
	cr_assert_eq(mea_net_main("resnet8-a", &task, &g), 0, "%s", mea_errmsg());
	cr_assert_eq(mea_tmodel_new(g, mean, std, &r->front), 0);
	cr_assert_eq(mea_net_extension("resnet8-a", &task, &g), 0, "%s", mea_errmsg());
	cr_assert_eq(mea_tmodel_new(g, mean, std, &r->net), 0);
	mea_pick_keep(&r->all, map);
	r->fit.held = &r->all;
	r->fit.front = &r->front;
	r->fit.map = map;
	r->fit.outputs = 2;
}

Test(mem, a_fixed_main_has_weights_only)
{
	size_t start = mea_mem_read().all, elements;
	struct mea_mem m;
	struct rig r;

	behind_main(&r);
	cr_assert_eq(held(MEA_MEM_GRADIENTS), 0);
	cr_assert_eq(held(MEA_MEM_MOMENTA), 0);
	elements = r.net.params->elements;
	mea_mem_forget();
	cr_assert_eq(run(&r), 0, "%s", mea_errmsg());
	m = mea_mem_read();
	cr_assert_null(r.front.params->grads);
	cr_assert_null(r.front.params->momenta);
	cr_assert_leq(m.most[MEA_MEM_MOMENTA], elements * sizeof(float) + 64);
	/* Its own, and one more of the layer whose kernel gives it in another order. */
	cr_assert_leq(m.most[MEA_MEM_GRADIENTS], 3 * elements * sizeof(float));
	close_rig(&r);
	cr_assert_eq(mea_mem_read().all, start, "not all was freed");
}

/* A limit, and what becomes of the recipe: counted in the run as before it. */
static void choose(size_t limit, int batch, bool momenta, bool fixed)
{
	size_t bytes = 0;
	struct rig r;

	behind_main(&r);
	cr_assert_eq(mea_fit_choose(&r.fit, &r.recipe, limit, &bytes), 0, "%s", mea_errmsg());
	cr_assert_leq(bytes, limit);
	cr_assert_eq(r.recipe.batch, batch, "%d, not %d: %zu of %zu bytes", r.recipe.batch, batch,
		     bytes, limit);
	cr_assert_eq(r.recipe.momentum > 0, momenta);
	cr_assert_eq(r.recipe.fixed > 0, fixed);
	mea_mem_forget();
	cr_assert_eq(run(&r), 0, "%s", mea_errmsg());
	cr_assert_leq(mea_mem_read().all_most, bytes);
	cr_assert_geq(mea_mem_read().all_most, bytes - bytes / 20);
	close_rig(&r);
}

/* What r takes, and what it takes next. */
static size_t takes(struct rig *r)
{
	size_t bytes;

	cr_assert_eq(mea_fit_measure(&r->fit, &bytes), 0, "%s", mea_errmsg());
	return bytes;
}

Test(mem, a_limit)
{
	size_t whole, small, plain, last, bytes;
	struct rig r;

	behind_main(&r);
	whole = takes(&r);
	r.recipe.batch = 8;
	small = takes(&r);
	r.recipe.momentum = 0;
	plain = takes(&r);
	r.recipe.fixed = mea_params_layers(r.net.params, r.net.graph) - 1;
	r.recipe.batch = 2;
	last = takes(&r);
	cr_log_info("%zu, %zu, %zu, %zu", whole, small, plain, last);
	cr_assert(last < plain && plain < small && small < whole);
	r.recipe = (struct mea_recipe){.epochs = 1, .batch = 16, .momentum = 0.9f};
	cr_assert_eq(mea_fit_choose(&r.fit, &r.recipe, last - 1, &bytes), MEA_EINVAL);
	cr_assert(strstr(mea_errmsg(), "MB at least, not"), "%s", mea_errmsg());
	cr_assert(strstr(mea_errmsg(), "batches of 2 without momenta"), "%s", mea_errmsg());
	close_rig(&r);
	choose(whole, 16, true, false);
	choose(whole - 1, 8, true, false);
	choose(small - 1, 8, false, false);
	choose(plain - 1, 8, false, true);
	choose(last, 2, false, true);
}

/* Weights before layer `fixed` keep their bits and have no gradient; those behind learn. */
Test(mem, fixed_layers)
{
	float *before;
	size_t bytes;
	struct rig r;

	behind_main(&r);
	r.recipe.fixed = 3;
	r.recipe.epochs = 1;
	r.recipe.batch = 8;
	bytes = r.net.params->elements * sizeof(float);
	before = malloc(bytes);
	memcpy(before, r.net.params->block, bytes);
	cr_assert_eq(run(&r), 0, "%s", mea_errmsg());
	for (int i = 0, layers = 0; i < r.net.params->n; i++) {
		const struct mea_param *p = &r.net.params->list[i];
		bool same = !memcmp(p->data, before + (p->data - r.net.params->block),
				    p->n * sizeof(float));

		layers += p->decay;
		cr_assert_eq(p->fixed, layers <= 3, "%s", p->name);
		cr_assert(p->running || p->fixed == (p->grad == NULL), "%s", p->name);
		cr_assert(p->running || p->fixed == same, "%s", p->name);
	}
	free(before);
	close_rig(&r);
}
