// SPDX-License-Identifier: Apache-2.0
/* Which layers are planned as one. */
#include "plan/place.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

bool mea_is_output(const struct mea_qnet *net, int t)
{
	for (int i = 0; i < net->n_outputs; i++)
		if (net->outputs[i] == t)
			return true;
	return false;
}

int mea_users(const struct mea_qnet *net, int t)
{
	int n = mea_is_output(net, t);

	for (int k = 0; k < net->n_layers; k++)
		n += (net->layers[k].in == t) + (net->layers[k].in2 == t);
	return n;
}

static bool is_pointwise(const struct mea_qlayer *l)
{
	return l->op == MEA_Q_CONV && l->groups == 1 && l->kh == 1 && l->kw == 1 &&
	       l->stride_h == 1 && l->stride_w == 1 && !(l->pad_t | l->pad_l | l->pad_b | l->pad_r);
}

/* Layer i hands its map to the next layer and to nobody else. */
static bool leads_to(const struct mea_qnet *net, int i)
{
	return i >= 0 && i + 1 < net->n_layers && net->layers[i + 1].in == net->layers[i].out &&
	       mea_users(net, net->layers[i].out) == 1;
}

/* The fused unit whose depthwise layer is d, or one of layer i alone. */
static struct unit unit_at(const struct emit *e, int i)
{
	const struct mea_qnet *net = e->net;
	struct unit u = {.first = i, .n = 1, .front = -1, .depth = -1, .back = -1};
	const struct mea_qlayer *l = &net->layers[i];
	int d = i;

	if (!mea_is_depthwise(e->hw, net, l) && leads_to(net, i) && l->in2 < 0 &&
	    (is_pointwise(l) || e->place[l->in].stem))
		d = i + 1;
	if (!mea_is_depthwise(e->hw, net, &net->layers[d]))
		return u;
	if (leads_to(net, d) && is_pointwise(&net->layers[d + 1]))
		u.back = d + 1;
	else if (d == i)
		return u;
	u.n = d + 1 - i + (u.back >= 0);
	u.front = d == i ? -1 : i;
	u.depth = d;
	return u;
}

bool mea_split_unit(struct emit *e, int i)
{
	const struct unit u = e->unit[i];

	if (u.depth < 0)
		return false;
	memmove(&e->unit[i + u.n], &e->unit[i + 1],
		sizeof(*e->unit) * (size_t)(e->n_units - i - 1));
	e->n_units += u.n - 1;
	for (int k = 0; k < u.n; k++) {
		e->unit[i + k] = (struct unit){
			.first = u.first + k, .n = 1, .front = -1, .depth = -1, .back = -1};
		e->place[e->net->layers[u.first + k].out].inside = false;
	}
	return true;
}

int mea_find_units(struct emit *e)
{
	e->unit = calloc((size_t)e->net->n_layers, sizeof(*e->unit));
	if (!e->unit)
		return mea_nomem();
	for (int i = 0; i < e->net->n_layers; i += e->unit[e->n_units++].n) {
		struct unit u = unit_at(e, i);

		e->unit[e->n_units] = u;
		for (int k = i; k < i + u.n - 1; k++)
			e->place[e->net->layers[k].out].inside = true;
	}
	return 0;
}
