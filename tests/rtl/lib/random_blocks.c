// SPDX-License-Identifier: Apache-2.0
#include "random_net.h"

#include "random_parts.h"

#include <stdlib.h>

/* A convolution in groups that the array does: as many as come, or one for each channel with any
 * kernel; a residual, if it keeps the shape. */
int random_grouped(struct mea_qnet *n, int in)
{
	const struct mea_qtensor t = n->tensors[in];
	struct mea_qlayer *l = random_new_layer(n, in);
	int ic, oc, count;

	l->groups = random_range(0, 1) ? t.c : random_range(1, t.c);
	while (t.c % l->groups)
		l->groups--;
	ic = t.c / l->groups;
	oc = random_range(0, 1) ? t.c : l->groups * random_range(1, 3);
	/* 49 passes over a large map take the simulator too long. */
	random_window(l, &t, t.h * t.w > 400 ? 3 : 7);
	l->out = random_tensor(n, oc, random_out_dim(t.h, l->kh, l->stride_h, l->pad_t, l->pad_b),
			       random_out_dim(t.w, l->kw, l->stride_w, l->pad_l, l->pad_r));
	count = oc * l->kh * l->kw * ic;
	l->weights = random_alloc((size_t)count);
	for (int i = 0; i < count; i++)
		l->weights[i] = (int8_t)random_range(-127, 127);
	random_params(l, oc, l->kh * l->kw * ic * 128);
	random_finish(n, l);
	if (oc == t.c && n->tensors[l->out].h == t.h && n->tensors[l->out].w == t.w &&
	    random_range(0, 1))
		random_residual(n, l, oc, t.h, t.w, in);
	return l->out;
}

/* k x k, padded by k / 2; groups 1 or one for each channel. */
int random_square(struct mea_qnet *n, int in, int oc, int k, int stride, int groups)
{
	struct mea_qlayer *l = random_new_layer(n, in);
	const struct mea_qtensor t = n->tensors[in];
	int ic = t.c / groups, count = oc * k * k * ic;

	l->groups = groups;
	l->kh = l->kw = k;
	l->stride_h = l->stride_w = stride;
	l->pad_t = l->pad_b = l->pad_l = l->pad_r = k / 2;
	l->out = random_tensor(n, oc, random_out_dim(t.h, k, stride, k / 2, k / 2),
			       random_out_dim(t.w, k, stride, k / 2, k / 2));
	l->weights = random_alloc((size_t)count);
	for (int i = 0; i < count; i++)
		l->weights[i] = (int8_t)random_range(-127, 127);
	random_params(l, oc, k * k * ic * 128);
	random_finish(n, l);
	return l->out;
}

static int concat(struct mea_qnet *n, int a, int b)
{
	struct mea_qlayer *l = random_new_layer(n, a);
	const struct mea_qtensor t = n->tensors[a];

	l->op = MEA_Q_CONCAT;
	l->in2 = b;
	l->out = random_tensor(n, t.c + n->tensors[b].c, t.h, t.w);
	n->tensors[l->out].zero_point = t.zero_point;
	return l->out;
}

/* Concatenations that are work: of any number of channels, with itself, of parts of each other. */
int random_concats(struct mea_qnet *n, int in)
{
	const struct mea_qtensor t = n->tensors[in];
	int x = in;

	if (n->n_inputs < RANDOM_NET_INPUTS) {
		int other = random_tensor(n, random_range(1, 20), t.h, t.w);

		n->tensors[other].zero_point = t.zero_point;
		n->inputs[n->n_inputs++] = other;
		x = random_range(0, 1) ? concat(n, in, other) : concat(n, other, in);
	}
	return x == in || random_range(0, 1) ? concat(n, x, in) : x;
}

/* Average over all pixels. */
int random_global_pool(struct mea_qnet *n, int in)
{
	const struct mea_qtensor t = n->tensors[in];
	struct mea_qlayer *l = random_new_layer(n, in);

	l->op = MEA_Q_AVGPOOL;
	l->kh = t.h;
	l->kw = t.w;
	l->out = random_tensor(n, t.c, 1, 1);
	random_requant(l, -t.zero_point * t.h * t.w, 1.0 / (t.h * t.w));
	random_finish(n, l);
	return l->out;
}

/* Then a fully connected layer. */
int random_exit(struct mea_qnet *n, int in, int classes)
{
	return random_square(n, random_global_pool(n, in), classes, 1, 1, 1);
}

int random_max_pool(struct mea_qnet *n, int in)
{
	struct mea_qlayer *l = random_new_layer(n, in);
	const struct mea_qtensor t = n->tensors[in];

	l->op = MEA_Q_MAXPOOL;
	l->kh = l->kw = 3;
	l->stride_h = l->stride_w = 2;
	l->pad_t = l->pad_b = l->pad_l = l->pad_r = 1;
	l->out = random_tensor(n, t.c, random_out_dim(t.h, 3, 2, 1, 1),
			       random_out_dim(t.w, 3, 2, 1, 1));
	random_requant(l, -t.zero_point, 1);
	random_finish(n, l);
	return l->out;
}

/* Two 3x3 layers beside what comes in, or beside a 1x1 layer where shapes change. */
static int basic_block(struct mea_qnet *n, int in, int oc, int stride)
{
	int x = random_square(n, in, oc, 3, stride, 1);
	int beside = stride == 1 ? in : random_square(n, in, oc, 1, stride, 1);

	x = random_square(n, x, oc, 3, 1, 1);
	random_residual(n, &n->layers[n->n_layers - 1], oc, n->tensors[x].h, n->tensors[x].w,
			beside);
	return x;
}

/* Up to 640 pixels a row the stem of ResNet18 fits the accelerators; its channels are fewer. */
static int resnet_blocks(struct mea_qnet *n, int x)
{
	x = random_max_pool(n, random_square(n, x, 32, 7, 2, 1));
	x = basic_block(n, x, 32, 1);
	x = basic_block(n, x, 48, 2);
	return basic_block(n, x, 64, 2);
}

static int mobilenet_blocks(struct mea_qnet *n, int x)
{
	static const struct {
		int expanded, channels, stride;
	} block[] = {{0, 16, 1}, {96, 24, 2}, {144, 24, 1}, {144, 32, 2}, {192, 64, 2}};

	x = random_square(n, x, 32, 3, 2, 1);
	for (int i = 0; i < 5; i++) {
		int in = x;

		if (block[i].expanded)
			x = random_square(n, x, block[i].expanded, 1, 1, 1);
		x = random_square(n, x, n->tensors[x].c, 3, block[i].stride, n->tensors[x].c);
		x = random_pointwise(
			n, x, block[i].channels,
			block[i].stride == 1 && n->tensors[in].c == block[i].channels ? in : -1);
	}
	return x;
}

struct mea_qnet *random_sized_net(int size, bool resnet)
{
	struct mea_qnet *n = random_alloc(sizeof(*n));
	int x;

	n->tensors = random_alloc(sizeof(*n->tensors) * 32);
	n->layers = random_alloc(sizeof(*n->layers) * 24);
	x = random_tensor(n, 3, size, size);
	n->inputs[n->n_inputs++] = x;
	x = resnet ? resnet_blocks(n, x) : mobilenet_blocks(n, x);
	n->outputs[n->n_outputs++] = random_exit(n, x, 10);
	n->outputs[n->n_outputs++] = x;
	return n;
}
