// SPDX-License-Identifier: Apache-2.0
/*
 * The network that is planned. It is the caller's, but a layer and the table that its results pass
 * through are one layer, and a concatenation whose parts cannot lie where they belong is two.
 */
#include "plan/emit.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static bool is_made(const struct emit *e, const struct mea_qnet *net, int k)
{
	const struct mea_qlayer *l = &net->layers[k];

	return l->op == MEA_Q_CONCAT && !mea_concat_in_place(e->hw, net, l);
}

/* Layer k of net, with its table if it is one. A pair stands where its table stood, so that
 * records come in the order of the layers. */
static void take_layer(struct emit *e, const struct mea_qnet *net, int k)
{
	int n = e->own.n_layers++, from = mea_table_source(net, k);
	struct mea_qlayer *l = &e->own.layers[n];

	*l = net->layers[from < 0 ? k : from];
	l->out = net->layers[k].out;
	e->number[n] = k;
	e->table[n] = net->layers[k].op == MEA_Q_TABLE ? net->layers[k].weights : NULL;
}

/* Room for n_made concatenations more than net has layers and tensors. */
static int make_room(struct emit *e, const struct mea_qnet *net, size_t n_made)
{
	size_t n = (size_t)net->n_layers + n_made, tensors = (size_t)net->n_tensors;

	e->own = *net;
	e->own.n_layers = 0;
	e->own.layers = calloc(n, sizeof(*e->own.layers));
	e->own.tensors = calloc(tensors + n_made, sizeof(*e->own.tensors));
	e->number = calloc(n, sizeof(*e->number));
	e->table = calloc(n, sizeof(*e->table));
	e->made = calloc(n_made + 1, sizeof(*e->made));
	e->k_blocks = calloc(n, sizeof(*e->k_blocks));
	e->net = &e->own;
	for (int i = 0; i < MEA_TABLES_MAX; i++)
		e->held[i] = -1;
	if (!e->own.layers || !e->own.tensors || !e->number || !e->table || !e->made ||
	    !e->k_blocks)
		return mea_nomem();
	memcpy(e->own.tensors, net->tensors, tensors * sizeof(*net->tensors));
	return 0;
}

int mea_own_net(struct emit *e, const struct mea_qnet *net)
{
	bool *gone = calloc((size_t)net->n_layers, sizeof(*gone));
	size_t n_made = 0;
	int rc;

	if (!gone)
		return mea_nomem();
	for (int k = 0; k < net->n_layers; k++) {
		int from = mea_table_source(net, k);

		if (from >= 0)
			gone[from] = true;
		n_made += is_made(e, net, k);
	}
	rc = make_room(e, net, n_made);
	for (int k = 0; rc == 0 && k < net->n_layers; k++) {
		if (is_made(e, net, k))
			rc = mea_make_concat(e, &net->layers[k], k);
		else if (!gone[k])
			take_layer(e, net, k);
	}
	free(gone);
	return rc;
}

void mea_own_net_free(struct emit *e)
{
	for (int i = 0; i < e->n_made; i++)
		free(e->made[i]);
	free(e->made);
	for (int i = 0; e->k_blocks && i < e->own.n_layers; i++)
		free(e->k_blocks[i]);
	free(e->k_blocks);
	free(e->own.layers);
	free(e->own.tensors);
	free(e->number);
	free(e->table);
}
