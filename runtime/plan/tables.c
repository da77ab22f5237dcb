// SPDX-License-Identifier: Apache-2.0
/*
 * Tables: a layer's results pass through the table of the layer that alone reads them, on their
 * way out of requantisation. The planner works on a copy of the network in which such a pair is
 * one layer. The device's table memory holds a few tables; they take turns.
 */
#include "plan/emit.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define TABLE_BYTES 256
#define NO_LAYER    (-1)

/* The layer whose results table layer k looks up on their way out, or NO_LAYER. (With a residual
 * the requantiser makes the result too late for that.) */
static int source_of(const struct mea_qnet *net, int k)
{
	int t = net->layers[k].in;

	if (net->layers[k].op != MEA_Q_TABLE || mea_users(net, t) != 1)
		return NO_LAYER;
	for (int i = 0; i < k; i++) {
		const struct mea_qlayer *l = &net->layers[i];

		if (l->out == t)
			return (l->in2 < 0 || l->op == MEA_Q_MUL) && l->op != MEA_Q_TABLE
				       ? i
				       : NO_LAYER;
	}
	return NO_LAYER;
}

/* Layer k of net, with its table if it is one. A pair stands where its table stood, so that
 * records come in the order of the layers. */
static void take_layer(struct emit *e, const struct mea_qnet *net, int k)
{
	int n = e->own.n_layers++, from = source_of(net, k);
	struct mea_qlayer *l = &e->own.layers[n];

	*l = net->layers[from == NO_LAYER ? k : from];
	l->out = net->layers[k].out;
	e->number[n] = k;
	e->table[n] = net->layers[k].op == MEA_Q_TABLE ? net->layers[k].weights : NULL;
}

int mea_fuse_tables(struct emit *e, const struct mea_qnet *net)
{
	size_t n = (size_t)net->n_layers;
	bool *gone = calloc(n, sizeof(*gone));

	e->own = *net;
	e->own.n_layers = 0;
	e->own.layers = calloc(n, sizeof(*e->own.layers));
	e->number = calloc(n, sizeof(*e->number));
	e->table = calloc(n, sizeof(*e->table));
	e->net = &e->own;
	for (int i = 0; i < MEA_TABLES_MAX; i++)
		e->held[i] = NO_LAYER;
	if (!gone || !e->own.layers || !e->number || !e->table) {
		free(gone);
		return mea_nomem();
	}
	for (int k = 0; k < net->n_layers; k++)
		if (source_of(net, k) != NO_LAYER)
			gone[source_of(net, k)] = true;
	for (int k = 0; k < net->n_layers; k++)
		if (!gone[k])
			take_layer(e, net, k);
	free(gone);
	return 0;
}

void mea_fused_free(struct emit *e)
{
	free(e->own.layers);
	free(e->number);
	free(e->table);
}

static int load_table(struct emit *e, const int8_t *table, int place)
{
	size_t offset;
	int rc = mea_emit_reserve(e, TABLE_BYTES, &offset), load;
	uint32_t *cmd;

	if (rc < 0)
		return rc;
	memcpy(e->p->weights + offset, table, TABLE_BYTES);
	load = mea_queue_add(&e->qs, Q_LOAD, MEA_OP_LOAD, e->layer);
	if (load < 0)
		return load;
	cmd = e->qs.q[Q_LOAD].item[load].cmd;
	mea_put(cmd, MEA_F_LOAD_SLOT, MEA_SLOT_WGT);
	mea_put(cmd, MEA_F_LOAD_DEST, MEA_DEST_TABLE);
	mea_put(cmd, MEA_F_LOAD_OFFSET, (uint32_t)offset);
	mea_put(cmd, MEA_F_LOAD_ROW_WORDS, MEA_TABLE_WORDS);
	mea_put(cmd, MEA_F_LOAD_ROWS, 1);
	mea_put(cmd, MEA_F_LOAD_ADDR, (uint32_t)place * MEA_TABLE_WORDS);
	return mea_emit_use(e, MEM_TABLE, Q_LOAD, load, place, 1, true);
}

int mea_emit_table(struct emit *e, const struct mea_qlayer *l, uint32_t cmd[16])
{
	int k = (int)(l - e->net->layers), place, rc;

	if (!e->table[k])
		return 0;
	for (place = 0; place < e->hw->tables && e->held[place] != k; place++)
		;
	if (place == e->hw->tables) {
		place = e->next_table++ % e->hw->tables;
		rc = load_table(e, e->table[k], place);
		if (rc < 0)
			return rc;
		e->held[place] = k;
	}
	mea_put(cmd, MEA_F_CONV_TABLE, 1);
	mea_put(cmd, MEA_F_CONV_TABLE_AT, (uint32_t)place);
	return 0;
}
