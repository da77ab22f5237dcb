// SPDX-License-Identifier: Apache-2.0
/* Shapes as in mlcommons/tiny, benchmark/training: paddings are TensorFlow's "same", which puts the
 * odd pixel behind. */
#include "known_net.h"

#include "random_net.h"
#include "random_parts.h"

#define LAYERS 32

struct window {
	int kh, kw, stride, groups;
};

static struct mea_qnet *start(int c, int h, int w, int *x)
{
	struct mea_qnet *n = random_alloc(sizeof(*n));

	n->tensors = random_alloc(sizeof(*n->tensors) * 2 * LAYERS);
	n->layers = random_alloc(sizeof(*n->layers) * LAYERS);
	*x = random_tensor(n, c, h, w);
	n->inputs[n->n_inputs++] = *x;
	return n;
}

static struct mea_qnet *end(struct mea_qnet *n, int x)
{
	n->outputs[n->n_outputs++] = x;
	return n;
}

/* The padding in front; *behind gets the other. */
static int same(int in, int k, int stride, int *behind)
{
	int out = (in + stride - 1) / stride, all = (out - 1) * stride + k - in;

	if (all < 0)
		all = 0;
	*behind = all - all / 2;
	return all / 2;
}

static int conv(struct mea_qnet *n, int in, int oc, struct window k)
{
	struct mea_qlayer *l = random_new_layer(n, in);
	const struct mea_qtensor t = n->tensors[in];
	int ic = t.c / k.groups, count = oc * k.kh * k.kw * ic;

	l->groups = k.groups;
	l->kh = k.kh;
	l->kw = k.kw;
	l->stride_h = l->stride_w = k.stride;
	l->pad_t = same(t.h, k.kh, k.stride, &l->pad_b);
	l->pad_l = same(t.w, k.kw, k.stride, &l->pad_r);
	l->out = random_tensor(n, oc, random_out_dim(t.h, k.kh, k.stride, l->pad_t, l->pad_b),
			       random_out_dim(t.w, k.kw, k.stride, l->pad_l, l->pad_r));
	l->weights = random_alloc((size_t)count);
	for (int i = 0; i < count; i++)
		l->weights[i] = (int8_t)random_range(-127, 127);
	random_params(l, oc, k.kh * k.kw * ic * 128);
	random_finish(n, l);
	return l->out;
}

/* A 3x3 depthwise layer, then a 1x1 one. */
static int separable(struct mea_qnet *n, int x, int oc, int stride)
{
	int c = n->tensors[x].c;

	x = conv(n, x, c, (struct window){3, 3, stride, c});
	return conv(n, x, oc, (struct window){1, 1, 1, 1});
}

static int residual_block(struct mea_qnet *n, int in, int oc, int stride)
{
	int x = conv(n, in, oc, (struct window){3, 3, stride, 1});
	int beside = stride == 1 ? in : conv(n, in, oc, (struct window){1, 1, stride, 1});

	x = conv(n, x, oc, (struct window){3, 3, 1, 1});
	random_residual(n, &n->layers[n->n_layers - 1], oc, n->tensors[x].h, n->tensors[x].w,
			beside);
	return x;
}

static struct mea_qnet *image_classification(void)
{
	int x;
	struct mea_qnet *n = start(3, 32, 32, &x);

	x = conv(n, x, 16, (struct window){3, 3, 1, 1});
	x = residual_block(n, x, 16, 1);
	x = residual_block(n, x, 32, 2);
	x = residual_block(n, x, 64, 2);
	return end(n, random_exit(n, x, 10));
}

static struct mea_qnet *visual_wake_words(void)
{
	static const int channels[] = {16, 32, 32, 64, 64, 128, 128, 128, 128, 128, 128, 256, 256};
	static const int strides[] = {1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1};
	int x;
	struct mea_qnet *n = start(3, 96, 96, &x);

	x = conv(n, x, 8, (struct window){3, 3, 2, 1});
	for (int i = 0; i < 13; i++)
		x = separable(n, x, channels[i], strides[i]);
	return end(n, random_exit(n, x, 2));
}

static struct mea_qnet *keyword_spotting(void)
{
	int x;
	struct mea_qnet *n = start(1, 49, 10, &x);

	x = conv(n, x, 64, (struct window){10, 4, 2, 1});
	for (int i = 0; i < 4; i++)
		x = separable(n, x, 64, 1);
	return end(n, random_exit(n, x, 12));
}

static struct mea_qnet *anomaly_detection(void)
{
	static const int units[] = {128, 128, 128, 128, 8, 128, 128, 128, 128, 640};
	int x;
	struct mea_qnet *n = start(640, 1, 1, &x);

	for (int i = 0; i < 10; i++)
		x = conv(n, x, units[i], (struct window){1, 1, 1, 1});
	return end(n, x);
}

static struct mea_qnet *policy(void)
{
	static const int units[] = {128, 128, 128, 25};
	int x;
	struct mea_qnet *n = start(6, 1, 1, &x);

	for (int i = 0; i < 4; i++)
		x = conv(n, x, units[i], (struct window){1, 1, 1, 1});
	return end(n, x);
}

const struct known_net control_nets[CONTROL_NETS] = {
	{"policy", "policy of a control loop, MLP", policy},
};

const struct known_net tiny_nets[TINY_NETS] = {
	{"ic", "image classification, ResNet8", image_classification},
	{"vww", "visual wake words, MobileNetV1 0.25", visual_wake_words},
	{"kws", "keyword spotting, DS-CNN", keyword_spotting},
	{"ad", "anomaly detection, autoencoder", anomaly_detection},
};
