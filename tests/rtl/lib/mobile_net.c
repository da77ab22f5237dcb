// SPDX-License-Identifier: Apache-2.0
/* Shapes as in torchvision's models of these names. What a table holds and what weights are does
 * not matter for cycles: they are random. */
#include "known_net.h"

#include "random_net.h"
#include "random_parts.h"

#define LAYERS 320

static struct mea_qnet *start(int *x)
{
	struct mea_qnet *n = random_alloc(sizeof(*n));

	n->tensors = random_alloc(sizeof(*n->tensors) * LAYERS);
	n->layers = random_alloc(sizeof(*n->layers) * LAYERS);
	*x = random_tensor(n, 3, 224, 224);
	n->inputs[n->n_inputs++] = *x;
	return n;
}

static struct mea_qnet *end(struct mea_qnet *n, int x)
{
	n->outputs[n->n_outputs++] = x;
	return n;
}

static int activation(struct mea_qnet *n, int x)
{
	struct mea_qlayer *l = random_new_layer(n, x);
	const struct mea_qtensor t = n->tensors[x];

	l->op = MEA_Q_TABLE;
	l->weights = random_alloc(256);
	for (int i = 0; i < 256; i++)
		l->weights[i] = (int8_t)random_range(-128, 127);
	l->out = random_tensor(n, t.c, t.h, t.w);
	return l->out;
}

static int squeeze_and_excite(struct mea_qnet *n, int x, int squeezed)
{
	int gate = random_pointwise(n, random_global_pool(n, x), squeezed, -1);
	struct mea_qlayer *l;
	struct mea_qtensor t = n->tensors[x];

	gate = activation(n, random_pointwise(n, gate, t.c, -1));
	l = random_new_layer(n, x);
	l->op = MEA_Q_MUL;
	l->in2 = gate;
	l->out = random_tensor(n, t.c, t.h, t.w);
	random_requant(l, 0, 1.0 / 64);
	random_finish(n, l);
	return l->out;
}

/* squeezed 0: no squeeze and excitation; tables: activations that are tables, not clamps. */
struct block {
	int k, expanded, oc, squeezed, tables, stride;
};

static int inverted_residual(struct mea_qnet *n, int in, struct block b)
{
	int x = in, c = n->tensors[in].c;

	if (b.expanded != c) {
		x = random_pointwise(n, x, b.expanded, -1);
		x = b.tables ? activation(n, x) : x;
	}
	x = random_square(n, x, b.expanded, b.k, b.stride, b.expanded);
	x = b.tables ? activation(n, x) : x;
	x = b.squeezed ? squeeze_and_excite(n, x, b.squeezed) : x;
	return random_pointwise(n, x, b.oc, b.stride == 1 && b.oc == c ? in : -1);
}

static struct mea_qnet *mobilenet_v3_small(void)
{
	static const struct block block[] = {
		{3, 16, 16, 8, 0, 2},	 {3, 72, 24, 0, 0, 2},	  {3, 88, 24, 0, 0, 1},
		{5, 96, 40, 24, 1, 2},	 {5, 240, 40, 64, 1, 1},  {5, 240, 40, 64, 1, 1},
		{5, 120, 48, 32, 1, 1},	 {5, 144, 48, 40, 1, 1},  {5, 288, 96, 72, 1, 2},
		{5, 576, 96, 144, 1, 1}, {5, 576, 96, 144, 1, 1},
	};
	int x;
	struct mea_qnet *n = start(&x);

	x = activation(n, random_square(n, x, 16, 3, 2, 1));
	for (int i = 0; i < 11; i++)
		x = inverted_residual(n, x, block[i]);
	x = activation(n, random_pointwise(n, x, 576, -1));
	x = activation(n, random_pointwise(n, random_global_pool(n, x), 1024, -1));
	return end(n, random_pointwise(n, x, 1000, -1));
}

static struct mea_qnet *efficientnet_b0(void)
{
	/* Times the channels expanded; kernel, stride, channels, how often. */
	static const struct {
		int times, k, stride, oc, n;
	} stage[] = {{1, 3, 1, 16, 1},	{6, 3, 2, 24, 2},  {6, 5, 2, 40, 2}, {6, 3, 2, 80, 3},
		     {6, 5, 1, 112, 3}, {6, 5, 2, 192, 4}, {6, 3, 1, 320, 1}};
	int x;
	struct mea_qnet *n = start(&x);

	x = activation(n, random_square(n, x, 32, 3, 2, 1));
	for (int s = 0; s < 7; s++)
		for (int i = 0; i < stage[s].n; i++) {
			int c = n->tensors[x].c;

			x = inverted_residual(n, x,
					      (struct block){stage[s].k, c * stage[s].times,
							     stage[s].oc, c / 4, 1,
							     i ? 1 : stage[s].stride});
		}
	x = activation(n, random_pointwise(n, x, 1280, -1));
	return end(n, random_exit(n, x, 1000));
}

static struct mea_qnet *regnet_y_400mf(void)
{
	static const int depth[] = {1, 3, 6, 6}, width[] = {48, 104, 208, 440};
	int x;
	struct mea_qnet *n = start(&x);

	x = random_square(n, x, 32, 3, 2, 1);
	for (int s = 0; s < 4; s++)
		for (int i = 0; i < depth[s]; i++) {
			int stride = i ? 1 : 2, in = x, c = n->tensors[x].c, w = width[s];
			int beside = i ? in : random_square(n, in, w, 1, 2, 1);

			x = random_pointwise(n, x, w, -1);
			x = random_square(n, x, w, 3, stride, w / 8);
			x = squeeze_and_excite(n, x, c / 4);
			x = random_pointwise(n, x, w, beside);
		}
	return end(n, random_exit(n, x, 1000));
}

/* Channel `first` + step i of x becomes channel i: halves, and the shuffle of two groups. */
static int channels(struct mea_qnet *n, int x, int count, int first, int groups)
{
	struct mea_qlayer *l = random_new_layer(n, x);
	const struct mea_qtensor t = n->tensors[x];

	l->bias = random_alloc((size_t)count * sizeof(*l->bias));
	l->mult = random_alloc((size_t)count * sizeof(*l->mult));
	l->shift = random_alloc((size_t)count);
	l->weights = random_alloc((size_t)(count * t.c));
	for (int i = 0; i < count; i++) {
		int from = first + i % groups * (count / groups) + i / groups;

		l->weights[i * t.c + from] = 1;
		l->bias[i] = -t.zero_point;
		l->mult[i] = 1u << 30;
		l->shift[i] = 30;
	}
	l->fillers = t.c;
	l->out = random_tensor(n, count, t.h, t.w);
	n->tensors[l->out].zero_point = l->mid_zero = t.zero_point;
	l->mid_lo = -128;
	l->mid_hi = 127;
	return l->out;
}

/* The right branch: 1x1, depthwise, 1x1; the left one: as it is, or depthwise and 1x1. */
static int shuffle_unit(struct mea_qnet *n, int x, int oc, int stride)
{
	int half = oc / 2, left = x, right = x;
	struct mea_qlayer *l;

	if (stride == 1) {
		left = channels(n, x, half, 0, 1);
		right = channels(n, x, half, half, 1);
	} else {
		left = random_square(n, x, n->tensors[x].c, 3, 2, n->tensors[x].c);
		left = random_pointwise(n, left, half, -1);
	}
	right = random_pointwise(n, right, half, -1);
	right = random_pointwise(n, random_square(n, right, half, 3, stride, half), half, -1);
	l = random_new_layer(n, left);
	l->op = MEA_Q_CONCAT;
	l->in2 = right;
	l->out = random_tensor(n, oc, n->tensors[right].h, n->tensors[right].w);
	/* All of a concatenation have one zero point. */
	n->tensors[l->out].zero_point = n->tensors[left].zero_point;
	n->layers[n->n_layers - 2].mid_zero = n->tensors[left].zero_point;
	n->tensors[right].zero_point = n->tensors[left].zero_point;
	return channels(n, l->out, oc, 0, 2);
}

static struct mea_qnet *shufflenet_v2_x1_0(void)
{
	static const int count[] = {4, 8, 4}, oc[] = {116, 232, 464};
	int x;
	struct mea_qnet *n = start(&x);

	x = random_max_pool(n, random_square(n, x, 24, 3, 2, 1));
	for (int s = 0; s < 3; s++)
		for (int i = 0; i < count[s]; i++)
			x = shuffle_unit(n, x, oc[s], i ? 1 : 2);
	return end(n, random_exit(n, random_pointwise(n, x, 1024, -1), 1000));
}

const struct known_net mobile_nets[MOBILE_NETS] = {
	{"mobilenet_v3_small", "MobileNetV3-Small", mobilenet_v3_small},
	{"efficientnet_b0", "EfficientNet-B0", efficientnet_b0},
	{"regnet_y_400mf", "RegNetY-400MF", regnet_y_400mf},
	{"shufflenet_v2_x1_0", "ShuffleNetV2 x1.0", shufflenet_v2_x1_0},
};
