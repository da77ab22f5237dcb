// SPDX-License-Identifier: Apache-2.0
/* The net under construction: its tensors and layers. */
#include "graph/lower_int.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"

static int grow(void **array, int count, int *cap, size_t size)
{
	int n = *cap ? *cap * 2 : 16;
	void *p;

	if (count < *cap)
		return 0;
	p = realloc(*array, (size_t)n * size);
	if (!p)
		return mea_fail(MEA_ENOMEM, "out of memory lowering a graph");
	*array = p;
	*cap = n;
	return 0;
}

int mea_lower_tensor(struct mea_lower *l, const char *name, int c, int h, int w, float scale,
		     int zero_point)
{
	struct mea_qtensor t = {NULL, c, h, w, scale, zero_point};
	int rc = grow((void **)&l->net->tensors, l->net->n_tensors, &l->cap_tensors, sizeof(t));

	if (rc)
		return rc;
	t.name = strdup(name);
	if (!t.name)
		return mea_fail(MEA_ENOMEM, "out of memory lowering a graph");
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
	int rc = grow((void **)&l->net->layers, l->net->n_layers, &l->cap_layers, sizeof(layer));

	if (rc)
		return rc;
	layer.name = strdup(name);
	if (!layer.name)
		return mea_fail(MEA_ENOMEM, "out of memory lowering a graph");
	l->net->layers[l->net->n_layers] = layer;
	return l->net->n_layers++;
}

int mea_lower_requants(struct mea_qlayer *layer, int n)
{
	layer->bias = calloc((size_t)n, sizeof(*layer->bias));
	layer->mult = calloc((size_t)n, sizeof(*layer->mult));
	layer->shift = calloc((size_t)n, sizeof(*layer->shift));
	if (!layer->bias || !layer->mult || !layer->shift)
		return mea_fail(MEA_ENOMEM, "out of memory lowering a graph");
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

int mea_lower_drop_unused(struct mea_qnet *net)
{
	int *map = calloc((size_t)net->n_tensors + 1, sizeof(*map)), n = 0;

	if (!map)
		return mea_fail(MEA_ENOMEM, "out of memory lowering a graph");
	for (int i = 0; i < net->n_inputs; i++)
		map[net->inputs[i]] = 1;
	for (int i = 0; i < net->n_layers; i++)
		map[net->layers[i].out] = 1;
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
