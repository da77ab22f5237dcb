// SPDX-License-Identifier: Apache-2.0
/* Networks by hand, with random weights: speed does not depend on them. */
#include "cpu_bench.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define TENSORS_MAX 64

static struct mea_qnet *new_net(void)
{
	struct mea_qnet *n = calloc(1, sizeof(*n));

	n->tensors = calloc(TENSORS_MAX, sizeof(*n->tensors));
	n->layers = calloc(TENSORS_MAX, sizeof(*n->layers));
	return n;
}

static int tensor(struct mea_qnet *n, int c, int side)
{
	n->tensors[n->n_tensors] = (struct mea_qtensor){strdup("t"), c, side, side, 0.05f, -128};
	return n->n_tensors++;
}

static int input(struct mea_qnet *n, int c, int side)
{
	int t = tensor(n, c, side);

	n->inputs[n->n_inputs++] = t;
	return t;
}

/* A convolution with padding that keeps the map at stride 1, and ReLU. */
static int conv(struct mea_qnet *n, int in, int oc, int k, int stride, int groups)
{
	struct mea_qlayer *l = &n->layers[n->n_layers++];
	int ic = n->tensors[in].c, side = (n->tensors[in].h - 1) / stride + 1;
	size_t size = (size_t)oc * k * k * (ic / groups);

	l->op = MEA_Q_CONV;
	l->name = strdup("conv");
	l->in = in;
	l->in2 = -1;
	l->out = tensor(n, oc, side);
	l->kh = l->kw = k;
	l->stride_h = l->stride_w = stride;
	l->pad_t = l->pad_l = l->pad_b = l->pad_r = k / 2;
	l->groups = groups;
	l->mid_zero = l->mid_lo = -128;
	l->mid_hi = 127;
	l->weights = malloc(size);
	l->bias = calloc((size_t)oc, sizeof(*l->bias));
	l->mult = calloc((size_t)oc, sizeof(*l->mult));
	l->shift = calloc((size_t)oc, 1);
	for (size_t i = 0; i < size; i++)
		l->weights[i] = (int8_t)(rand() % 255 - 127);
	for (int i = 0; i < oc; i++) {
		l->mult[i] = 0x50000000u + (uint32_t)rand() % 0x10000000u;
		l->shift[i] = 41;
	}
	return l->out;
}

struct mea_qnet *conv_set(void)
{
	static const int shape[][2] = {{16, 32}, {32, 16}, {64, 8}};
	struct mea_qnet *n = new_net();

	for (int s = 0; s < 3; s++) {
		int t = input(n, shape[s][0], shape[s][1]);

		for (int i = 0; i < 10; i++)
			t = conv(n, t, shape[s][0], 3, 1, 1);
		n->outputs[n->n_outputs++] = t;
	}
	return n;
}

struct mea_qnet *mobilenet_set(void)
{
	static const int shape[][3] = {{24, 144, 56}, {32, 192, 28}, {64, 384, 14}, {160, 960, 7}};
	struct mea_qnet *n = new_net();

	for (int s = 0; s < 4; s++) {
		int c = shape[s][0], wide = shape[s][1];
		int t = conv(n, input(n, c, shape[s][2]), wide, 1, 1, 1);

		t = conv(n, t, wide, 3, 1, wide);
		n->outputs[n->n_outputs++] = conv(n, t, c, 1, 1, 1);
	}
	return n;
}

struct mea_qnet *one_conv(int ic, int oc, int side, int k, int groups)
{
	struct mea_qnet *n = new_net();

	n->outputs[n->n_outputs++] = conv(n, input(n, ic, side), oc, k, 1, groups);
	return n;
}
