/* SPDX-License-Identifier: Apache-2.0 */
/* A small training for tests of the loop: images, a network, a checkpoint. */
#ifndef MEA_TEST_TRAIN_RIG_H
#define MEA_TEST_TRAIN_RIG_H

#include "graph_build.h"

#include <math.h>
#include <omp.h>

#include "train/dnnl.h"
#include "train/fit.h"
#include "train/nets.h"

/* Threads that wait for each other on a busy machine take minutes for what one does in seconds. */
__attribute__((constructor)) static void one_thread(void)
{
	omp_set_num_threads(1);
}

#define SIDE	16
#define CLASSES 4
#define IMAGES	64

static const float mean[3] = {0.5f, 0.5f, 0.5f}, std[3] = {0.25f, 0.25f, 0.25f};

/* Noise with a stripe whose place tells the class. */
BUILD struct mea_set *stripes(void)
{
	struct mea_set *s = calloc(1, sizeof(*s));

	*s = (struct mea_set){.n = IMAGES, .width = SIDE, .height = SIDE, .classes = CLASSES};
	s->rgb = malloc(IMAGES * SIDE * SIDE * 3);
	s->label = malloc(IMAGES * sizeof(int));
	s->names = calloc(CLASSES, sizeof(*s->names));
	for (int i = 0; i < CLASSES; i++)
		s->names[i] = strdup("c");
	srand(7);
	for (int i = 0; i < IMAGES; i++) {
		s->label[i] = i % CLASSES;
		for (int y = 0; y < SIDE; y++)
			for (int x = 0; x < SIDE * 3; x++)
				s->rgb[(i * SIDE + y) * SIDE * 3 + x] =
					(uint8_t)(y / 4 == s->label[i] ? 200 + rand() % 50
								       : rand() % 80);
	}
	return s;
}

struct rig {
	struct mea_set *set;
	struct mea_pick all;
	struct mea_recipe recipe;
	struct mea_tmodel net, front, teacher;
	struct mea_fit fit;
	volatile sig_atomic_t stop;
	int stop_after; /* steps; 0: never */
	int steps;
	double last_loss, last_accuracy;
	char path[64];
};

BUILD void report(const struct mea_report *r, void *ctx)
{
	struct rig *g = ctx;

	if (r->epoch_end) {
		g->last_loss = r->loss;
		g->last_accuracy = r->accuracy;
		return;
	}
	if (++g->steps == g->stop_after)
		g->stop = 1;
}

/* Fresh weights, as another process would start with. */
BUILD void fresh_net(struct rig *r)
{
	struct mea_net_task task = {SIDE, SIDE, CLASSES, 0, false, false, 5};
	struct mea_graph *g;

	mea_tmodel_free(&r->net);
	cr_assert_eq(mea_net_main("resnet8-a", &task, &g), 0, "%s", mea_errmsg());
	cr_assert_eq(mea_tmodel_new(g, mean, std, &r->net), 0);
	r->fit.net = &r->net;
}

BUILD void open_rig(struct rig *r, bool bf16)
{
	*r = (struct rig){
		.set = stripes(),
		.recipe = {.epochs = 3,
			   .batch = 16,
			   .rate = 0.05f,
			   .momentum = 0.9f,
			   .decay = 5e-4f,
			   .augment = {.pad = 1, .cutout = 3, .mirror = true, .mixup = 0.2f},
			   .seed = 5,
			   .bf16 = bf16},
	};
	snprintf(r->path, sizeof(r->path), "/tmp/mea-test-%d.checkpoint", (int)getpid());
	cr_assert_eq(mea_set_all(r->set, &r->all), 0);
	r->fit = (struct mea_fit){.recipe = &r->recipe,
				  .what = "test",
				  .kept = &r->all,
				  .outputs = CLASSES,
				  .checkpoint = r->path,
				  .checkpoint_seconds = 1e9,
				  .resume = true,
				  .stop = &r->stop,
				  .report = report,
				  .ctx = r};
	unlink(r->path);
	fresh_net(r);
}

/* A teacher of other random weights. */
BUILD void fresh_teacher(struct rig *r)
{
	struct mea_net_task task = {SIDE, SIDE, CLASSES, 0, false, false, 77};
	struct mea_graph *g;

	cr_assert_eq(mea_net_main("resnet8-a", &task, &g), 0, "%s", mea_errmsg());
	cr_assert_eq(mea_tmodel_new(g, mean, std, &r->teacher), 0);
	r->fit.teacher = &r->teacher;
	r->recipe.share = 0.7f;
	r->recipe.temperature = 4;
}

BUILD void close_rig(struct rig *r)
{
	unlink(r->path);
	mea_tmodel_free(&r->net);
	mea_tmodel_free(&r->front);
	mea_tmodel_free(&r->teacher);
	free(r->all.index);
	mea_set_free(r->set);
}

BUILD int run(struct rig *r)
{
	r->stop = 0;
	r->steps = 0;
	return mea_fit_run(&r->fit);
}

#endif
