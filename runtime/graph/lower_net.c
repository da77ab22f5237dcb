// SPDX-License-Identifier: Apache-2.0
/* The net under construction: its tensors and layers. */
#include "graph/lower_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"

int mea_lower_tensor(struct mea_lower *l, const char *name, int c, int h, int w, float scale,
		     int zero_point)
{
	struct mea_qtensor t = {NULL, c, h, w, scale, zero_point};
	int rc = mea_grow(&l->net->tensors, (size_t)l->net->n_tensors, 1, sizeof(t));

	if (rc)
		return rc;
	t.name = strdup(name);
	if (!t.name)
		return mea_nomem();
	l->net->tensors[l->net->n_tensors] = t;
	return l->net->n_tensors++;
}

int mea_lower_layer(struct mea_lower *l, enum mea_qop op, const char *name, int in, int out)
{
	struct mea_qlayer layer = {
		.op = op,
		.in = in,
		.in2 = -1,
		.out = out,
		.kh = 1,
		.kw = 1,
		.stride_h = 1,
		.stride_w = 1,
		.groups = 1,
		.mid_zero = l->net->tensors[out].zero_point,
		.mid_lo = -128,
		.mid_hi = 127,
		.lo = -128,
		.hi = 127,
	};
	int rc = mea_grow(&l->net->layers, (size_t)l->net->n_layers, 1, sizeof(layer));

	if (rc)
		return rc;
	layer.name = strdup(name);
	if (!layer.name)
		return mea_nomem();
	l->net->layers[l->net->n_layers] = layer;
	return l->net->n_layers++;
}

int mea_lower_requants(struct mea_qlayer *layer, int n)
{
	layer->bias = calloc((size_t)n, sizeof(*layer->bias));
	layer->mult = calloc((size_t)n, sizeof(*layer->mult));
	layer->shift = calloc((size_t)n, sizeof(*layer->shift));
	if (!layer->bias || !layer->mult || !layer->shift)
		return mea_nomem();
	return 0;
}

int mea_lower_rescale(struct mea_lower *l, const char *name, int in, int out, int lo, int hi)
{
	const struct mea_qtensor *t = l->net->tensors;
	int i = mea_lower_layer(l, MEA_Q_AVGPOOL, name, in, out), rc;
	struct mea_qlayer *layer;

	if (i < 0)
		return i;
	layer = &l->net->layers[i];
	rc = mea_lower_requants(layer, 1);
	if (rc)
		return rc;
	layer->bias[0] = -t[in].zero_point;
	layer->mid_lo = lo;
	layer->mid_hi = hi;
	return mea_requant_from_scale((double)t[in].scale / (double)t[out].scale, layer->mult,
				      layer->shift);
}

/* How often tensor t is read; an output of the network counts. */
static int readers(const struct mea_qnet *net, int t)
{
	int count = 0;

	for (int i = 0; i < net->n_layers; i++)
		count += (net->layers[i].in == t) + (net->layers[i].in2 == t);
	for (int i = 0; i < net->n_outputs; i++)
		count += net->outputs[i] == t;
	return count;
}

/* The convolution before layer end that computes tensor t for one reader, or -1. */
static int only_conv(const struct mea_qnet *net, int end, int t)
{
	for (int i = end - 1; i >= 0; i--) {
		const struct mea_qlayer *q = &net->layers[i];

		if (q->out == t)
			return q->op == MEA_Q_CONV && q->in2 < 0 && readers(net, t) == 1 ? i : -1;
	}
	return -1;
}

/* Takes layer i out of the net without freeing what it owns, and returns it. */
static struct mea_qlayer take_layer(struct mea_qnet *net, int i)
{
	struct mea_qlayer taken = net->layers[i];

	net->n_layers--;
	memmove(&net->layers[i], &net->layers[i + 1], (size_t)(net->n_layers - i) * sizeof(taken));
	return taken;
}

void mea_lower_fuse_adds(struct mea_qnet *net)
{
	for (int i = 0; i < net->n_layers; i++) {
		struct mea_qlayer add = net->layers[i], conv;
		int a, b, at;

		if (add.op != MEA_Q_ADD)
			continue;
		a = only_conv(net, i, add.in);
		b = only_conv(net, i, add.in2);
		if (a < 0 && b < 0)
			continue;
		/* The later one: the other addend is computed by then. */
		at = a > b ? a : b;
		conv = take_layer(net, at);
		i--;
		conv.out = add.out;
		conv.in2 = at == a ? add.in2 : add.in;
		conv.add_ma = at == a ? add.add_ma : add.add_mb;
		conv.add_mb = at == a ? add.add_mb : add.add_ma;
		conv.add_shift = add.add_shift;
		conv.lo = add.lo;
		conv.hi = add.hi;
		free(add.name);
		net->layers[i] = conv;
	}
}

/* Tables that went into the tables behind them. */
static void drop_unread_tables(struct mea_qnet *net)
{
	for (int i = net->n_layers - 1; i >= 0; i--) {
		struct mea_qlayer dead = net->layers[i];

		if (dead.op != MEA_Q_TABLE || readers(net, dead.out))
			continue;
		take_layer(net, i);
		free(dead.name);
		free(dead.weights);
	}
}

int mea_lower_drop_unused(struct mea_qnet *net)
{
	int *map = calloc((size_t)net->n_tensors + 1, sizeof(*map)), n = 0;

	if (!map)
		return mea_nomem();
	drop_unread_tables(net);
	/* Read but not written is no reason: mea_qnet_check() must see such a tensor. */
	for (int i = 0; i < net->n_inputs; i++)
		map[net->inputs[i]] = 1;
	for (int i = 0; i < net->n_outputs; i++)
		map[net->outputs[i]] = 1;
	for (int i = 0; i < net->n_layers; i++) {
		const struct mea_qlayer *l = &net->layers[i];

		map[l->in] = map[l->out] = 1;
		if (l->in2 >= 0)
			map[l->in2] = 1;
	}
	for (int i = 0; i < net->n_tensors; i++) {
		if (!map[i]) {
			free(net->tensors[i].name);
			continue;
		}
		net->tensors[n] = net->tensors[i];
		map[i] = n++;
	}
	net->n_tensors = n;
	for (int i = 0; i < net->n_layers; i++) {
		struct mea_qlayer *l = &net->layers[i];

		l->in = map[l->in];
		l->in2 = l->in2 < 0 ? -1 : map[l->in2];
		l->out = map[l->out];
	}
	for (int i = 0; i < net->n_inputs; i++)
		net->inputs[i] = map[net->inputs[i]];
	for (int i = 0; i < net->n_outputs; i++)
		net->outputs[i] = map[net->outputs[i]];
	free(map);
	return 0;
}
