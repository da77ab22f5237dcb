/* SPDX-License-Identifier: Apache-2.0 */
/* A small random MEANet by hand, images for it, and the true result of each. */
#ifndef SMALL_MEANET_H
#define SMALL_MEANET_H

#include <criterion/criterion.h>

#include "base/error.h"
#include "meanet/exits.h"
#include "meanet/model.h"
#include "backend/backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIDE	4
#define CLASSES 6
#define HARD	3
#define PIXELS	(SIDE * SIDE * 3)

static uint32_t seed = 1;

/* Another value than the extension's makes it need an image of its own. */
static float main_image_scale = 0.05f;

static uint32_t rnd(void)
{
	return (seed = seed * 1664525 + 1013904223) >> 8;
}

/* --- the model -------------------------------------------------------- */

static struct mea_qnet *new_net(int tensors, int layers)
{
	struct mea_qnet *n = calloc(1, sizeof(*n));

	n->tensors = calloc((size_t)tensors, sizeof(*n->tensors));
	n->layers = calloc((size_t)layers, sizeof(*n->layers));
	n->n_tensors = tensors;
	n->n_layers = layers;
	return n;
}

static void tensor(struct mea_qnet *n, int i, const char *name, int c, int side)
{
	n->tensors[i] = (struct mea_qtensor){strdup(name), c, side, side, 0.05f, -3};
}

/* A convolution with a k x k kernel and no padding, random weights. */
static void conv(struct mea_qnet *n, int i, int in, int out, int k)
{
	struct mea_qlayer *l = &n->layers[i];
	int oc = n->tensors[out].c, size = oc * k * k * n->tensors[in].c;
	char name[16];

	snprintf(name, sizeof(name), "conv%d", i);
	*l = (struct mea_qlayer){.op = MEA_Q_CONV,
				 .name = strdup(name),
				 .in = in,
				 .in2 = -1,
				 .out = out,
				 .kh = k,
				 .kw = k,
				 .stride_h = 1,
				 .stride_w = 1,
				 .groups = 1,
				 .mid_zero = -3,
				 .mid_lo = -128,
				 .mid_hi = 127,
				 .lo = -128,
				 .hi = 127};
	l->weights = malloc((size_t)size);
	l->bias = calloc((size_t)oc, sizeof(*l->bias));
	l->mult = calloc((size_t)oc, sizeof(*l->mult));
	l->shift = calloc((size_t)oc, sizeof(*l->shift));
	for (int j = 0; j < size; j++)
		l->weights[j] = (int8_t)(rnd() % 255 - 127);
	for (int j = 0; j < oc; j++)
		mea_requant_from_scale(1.0 / 300, &l->mult[j], &l->shift[j]);
}

static void concat(struct mea_qnet *n, int i, int a, int b, int out)
{
	n->layers[i] = (struct mea_qlayer){.op = MEA_Q_CONCAT,
					   .name = strdup("join"),
					   .in = a,
					   .in2 = b,
					   .out = out,
					   .kh = 1,
					   .kw = 1,
					   .stride_h = 1,
					   .stride_w = 1,
					   .groups = 1,
					   .mid_lo = -128,
					   .mid_hi = 127,
					   .lo = -128,
					   .hi = 127};
}

static struct mea_model *new_model(void)
{
	struct mea_model *m = calloc(1, sizeof(*m));
	struct mea_bundle *b = m->bundle = calloc(1, sizeof(*b));

	seed = 1;
	b->dir = strdup("by hand");
	b->n_classes = CLASSES;
	b->classes = calloc(CLASSES, sizeof(*b->classes));
	b->hard_index = calloc(CLASSES, sizeof(*b->hard_index));
	b->hard = calloc(HARD, sizeof(*b->hard));
	b->n_hard = HARD;
	b->width = b->height = SIDE;
	b->threshold = 1;
	for (int i = 0; i < 3; i++) {
		b->mean[i] = 0.5f;
		b->std[i] = 0.25f;
		b->hard[i] = 5 - i;
	}
	for (int i = 0; i < CLASSES; i++) {
		b->classes[i] = "class";
		b->hard_index[i] = i > 2 ? 5 - i : -1;
	}

	m->main = new_net(3, 2);
	tensor(m->main, 0, "image", 3, SIDE);
	tensor(m->main, 1, "features", 2, SIDE);
	tensor(m->main, 2, "logits", CLASSES, 1);
	m->main->tensors[0].scale = main_image_scale;
	conv(m->main, 0, 0, 1, 1);
	conv(m->main, 1, 1, 2, SIDE);
	m->main->n_inputs = 1;
	m->main->outputs[0] = 2;
	m->main->outputs[1] = 1;
	m->main->n_outputs = 2;

	m->extension = new_net(4, 2);
	tensor(m->extension, 0, "image", 3, SIDE);
	tensor(m->extension, 1, "features", 2, SIDE);
	tensor(m->extension, 2, "both", 5, SIDE);
	tensor(m->extension, 3, "logits", HARD, 1);
	concat(m->extension, 0, 0, 1, 2);
	conv(m->extension, 1, 2, 3, SIDE);
	m->extension->inputs[1] = 1;
	m->extension->n_inputs = 2;
	m->extension->outputs[0] = 3;
	m->extension->n_outputs = 1;
	cr_assert_eq(mea_model_link(m), 0, "%s", mea_errmsg());
	return m;
}

static void image(uint32_t i, uint8_t rgb[PIXELS])
{
	seed = i * 7919 + 3;
	for (int p = 0; p < PIXELS; p++)
		rgb[p] = (uint8_t)rnd();
}

/* --- the truth, without any of the session's code ------------------------------- */

static const float *run(const struct mea_qnet *n, const int8_t *a, const int8_t *b,
			int8_t *features, struct mea_exec *e, float *logits)
{
	const struct mea_backend_ops *ops = e->ops;
	struct mea_buf *in[2] = {NULL}, *out[2] = {NULL};
	struct mea_run_stats st;
	struct mea_job *job;
	int8_t bytes[16];

	for (int i = 0; i < n->n_inputs; i++) {
		ops->buf_alloc(e, true, i, &in[i]);
		ops->buf_write(in[i], i ? b : a);
	}
	for (int i = 0; i < n->n_outputs; i++)
		ops->buf_alloc(e, false, i, &out[i]);
	cr_assert_eq(ops->submit(e, in, out, &job), 0);
	cr_assert_eq(ops->wait(job, -1, &st), 0);
	ops->buf_read(out[0], bytes);
	if (out[1])
		ops->buf_read(out[1], features);
	for (int i = 0; i < n->tensors[n->outputs[0]].c; i++)
		logits[i] = 0.05f * (float)(bytes[i] + 3);
	for (int i = 0; i < 2; i++) {
		if (in[i])
			ops->buf_free(in[i]);
		if (out[i])
			ops->buf_free(out[i]);
	}
	return logits;
}

/* said: the class that each network gives, -1 where it does not run. */
static struct mea_result truth(const struct mea_model *m, struct mea_exec *main,
			       struct mea_exec *ext, const uint8_t *rgb, int said[2])
{
	int8_t q[PIXELS], features[SIDE * SIDE * 2];
	float logits[CLASSES];
	struct mea_result r = {0};
	struct mea_opinion o;

	mea_preprocess(&m->pre_main, rgb, SIDE * SIDE, q);
	o = mea_opinion_of(run(m->main, q, NULL, features, main, logits), CLASSES);
	said[0] = o.label;
	said[1] = -1;
	if (mea_after_main(m->bundle, &o, "not configured", &r) == MEA_STEP_EXTENSION) {
		mea_preprocess(&m->pre_extension, rgb, SIDE * SIDE, q);
		o = mea_opinion_of(run(m->extension, q, features, NULL, ext, logits), HARD);
		said[1] = m->bundle->hard[o.label];
		mea_after_extension(m->bundle, &o, &r);
	}
	return r;
}

#define IMAGES 300
static struct mea_result truths[IMAGES];
static int truths_said[IMAGES][2];

static void learn_truths(void)
{
	struct mea_model *m = new_model();
	struct mea_backend *b;
	struct mea_exec *main, *ext;
	uint8_t rgb[PIXELS];
	int used[MEA_EXITS] = {0};

	cr_assert_eq(mea_backend_ref.open("", &b), 0);
	cr_assert_eq(mea_backend_ref.prepare(b, m->main, &main), 0, "%s", mea_errmsg());
	cr_assert_eq(mea_backend_ref.prepare(b, m->extension, &ext), 0, "%s", mea_errmsg());
	for (uint32_t i = 0; i < IMAGES; i++) {
		image(i, rgb);
		truths[i] = truth(m, main, ext, rgb, truths_said[i]);
		used[truths[i].exit]++;
	}
	/* The test is worth something only if both exits are used. */
	cr_assert(used[0] > 20 && used[1] > 20, "%d, %d", used[0], used[1]);
	mea_backend_ref.release(main);
	mea_backend_ref.release(ext);
	mea_backend_ref.close(b);
	mea_model_free(m);
}

#endif
