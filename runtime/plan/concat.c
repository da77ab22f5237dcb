// SPDX-License-Identifier: Apache-2.0
/*
 * Concatenations. Most are no work: their parts are written where they belong. The others are
 * made of two 1x1 convolutions with weights 0 and 1. The first writes the channels of `in`, and
 * zero points for those of `in2`; the second adds the channels of `in2`. Both are exact: a weight
 * of 1 with the multiplier 1 gives the byte back, and one of the two terms is 0. An output block
 * reads only the k blocks of its channels, so a made concatenation costs about two copies.
 */
#include "plan/emit.h"

#include <stdlib.h>

#include "base/error.h"

/* As fixed point: 1 in the requantiser, and 1 in its adder. */
#define ONE_SHIFT 30
#define ADD_SHIFT 20

static bool shares_a_tensor(const struct mea_qlayer *a, const struct mea_qlayer *b)
{
	return a->in == b->in || a->in == b->in2 || a->in2 == b->in || a->in2 == b->in2 ||
	       a->out == b->in || a->out == b->in2 || b->out == a->in || b->out == a->in2;
}

bool mea_concat_in_place(const struct mea_hw *hw, const struct mea_qnet *net,
			 const struct mea_qlayer *l)
{
	if (net->tensors[l->in].c % hw->lanes || l->in == l->in2 || mea_is_output(net, l->out))
		return false;
	for (int k = 0; k < net->n_layers; k++) {
		const struct mea_qlayer *o = &net->layers[k];

		if (o->op == MEA_Q_CONCAT && o != l && shares_a_tensor(o, l))
			return false;
	}
	return true;
}

/* Weights and parameters of a 1x1 convolution from c channels with zero point zero, to channels
 * first .. first + c of out_c. */
struct copy {
	int32_t *bias;
	uint32_t *mult;
	uint8_t *shift;
	int8_t *weights;
};

static void make_copy(struct copy *to, int out_c, int c, int first, int zero)
{
	for (int i = 0; i < out_c; i++) {
		bool own = i >= first && i < first + c;

		to->bias[i] = own ? -zero : 0;
		to->mult[i] = 1u << ONE_SHIFT;
		to->shift[i] = ONE_SHIFT;
		if (own)
			to->weights[(size_t)i * (size_t)c + (size_t)(i - first)] = 1;
	}
}

/* A layer from `in` to `out` that copies channels, in the block of memory at `made`. */
static struct mea_qlayer copy_layer(const struct mea_qnet *net, char *name, int in, int out,
				    int first, void *made)
{
	int out_c = net->tensors[out].c, zero = net->tensors[in].zero_point;
	struct copy to = {.bias = made};

	to.mult = (uint32_t *)(to.bias + out_c);
	to.shift = (uint8_t *)(to.mult + out_c);
	to.weights = (int8_t *)(to.shift + out_c);
	make_copy(&to, out_c, net->tensors[in].c, first, zero);
	return (struct mea_qlayer){.op = MEA_Q_CONV,
				   .name = name,
				   .in = in,
				   .in2 = -1,
				   .out = out,
				   .kh = 1,
				   .kw = 1,
				   .stride_h = 1,
				   .stride_w = 1,
				   .groups = 1,
				   .weights = to.weights,
				   .bias = to.bias,
				   .mult = to.mult,
				   .shift = to.shift,
				   .mid_zero = zero,
				   .mid_lo = -128,
				   .mid_hi = 127,
				   .lo = -128,
				   .hi = 127};
}

/* Bytes of both layers; each begins at a multiple of eight. */
static size_t copy_bytes(int out_c, int c)
{
	return ((size_t)out_c * (sizeof(int32_t) + sizeof(uint32_t) + 1 + (size_t)c) + 7) / 8 * 8;
}

int mea_make_concat(struct emit *e, const struct mea_qlayer *l, int number)
{
	struct mea_qnet *net = &e->own;
	int in_c = net->tensors[l->in].c, out_c = net->tensors[l->out].c, t = net->n_tensors++;
	size_t first = copy_bytes(out_c, in_c);
	uint8_t *made = calloc(1, first + copy_bytes(out_c, net->tensors[l->in2].c));
	struct mea_qlayer *two = &net->layers[net->n_layers];

	if (!made)
		return mea_nomem();
	e->made[e->n_made++] = made;
	e->number[net->n_layers] = e->number[net->n_layers + 1] = number;
	net->n_layers += 2;
	net->tensors[t] = net->tensors[l->out];
	two[0] = copy_layer(net, l->name, l->in, t, 0, made);
	two[1] = copy_layer(net, l->name, l->in2, l->out, in_c, made + first);
	two[1].in2 = t;
	two[1].add_ma = two[1].add_mb = 1u << ADD_SHIFT;
	two[1].add_shift = ADD_SHIFT;
	return 0;
}
