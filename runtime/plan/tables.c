// SPDX-License-Identifier: Apache-2.0
/*
 * Tables: a layer's results pass through the table of the layer that alone reads them, on their
 * way out of requantisation. The device's table memory holds a few tables; they take turns.
 */
#include "plan/emit.h"

#include <string.h>

#define TABLE_BYTES 256

int mea_table_source(const struct mea_qnet *net, int k)
{
	int t = net->layers[k].in;

	if (net->layers[k].op != MEA_Q_TABLE || mea_users(net, t) != 1)
		return -1;
	for (int i = 0; i < k; i++) {
		const struct mea_qlayer *l = &net->layers[i];

		if (l->out == t)
			return (l->in2 < 0 || l->op == MEA_Q_MUL) && l->op != MEA_Q_TABLE ? i : -1;
	}
	return -1;
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
