// SPDX-License-Identifier: Apache-2.0
/* Compute commands of a strip, and the weights that they need. */
#include "plan/emit.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"

/* --- weight memory: a ring of chunks ----------------------------------- */

int mea_emit_reserve(struct emit *e, size_t bytes, size_t *offset)
{
	size_t need = (e->p->weight_bytes + 63) / 64 * 64 + bytes;

	int rc = mea_grow(&e->p->weights, e->p->weight_bytes, need - e->p->weight_bytes, 1);

	if (rc)
		return rc;
	memset(e->p->weights + e->p->weight_bytes, 0, need - e->p->weight_bytes);
	*offset = need - bytes;
	e->p->weight_bytes = need;
	return 0;
}

/* The weight memory is taken over an eighth at a time: a chunk waits for the users of
 * all that is left in the eighth it begins, those behind it there for nobody. So few
 * tokens are ever under way, however small the chunks are. */
#define SEGMENTS 8

/* Makes room for words after the newest chunk and returns the address. */
static int ring_alloc(struct emit *e, int words)
{
	int head = e->wgt_head;

	if (head + words > e->hw->wgt_words)
		head = 0; /* the rest of the memory stays unused this time round */
	for (; e->first_live < e->n_chunks; e->first_live++) {
		const struct chunk *c = &e->chunk[e->first_live];
		bool behind = e->wgt_head > head && c->addr >= e->wgt_head;

		if (!behind && (c->addr >= head + words || c->addr + c->words <= head))
			break;
	}
	e->wgt_head = head + words;
	return head;
}

/* Words from addr on that the load item claims. */
static int claim(struct emit *e, int addr, int words, int item)
{
	int segment = e->hw->wgt_words / SEGMENTS;
	int end = (addr + words + segment - 1) / segment * segment;

	if (addr > 0 && end == e->wgt_segment)
		end = addr + words;
	else
		e->wgt_segment = end;
	return mea_emit_use(e, MEM_WGT, Q_LOAD, item, addr, end - addr, true);
}

static int load_chunk(struct emit *e, const struct mea_qlayer *l, struct chunk *c, int n_kb,
		      bool stem)
{
	int word = 2 * e->hw->cols, load, rc;
	struct item *it;

	rc = mea_emit_reserve(e, (size_t)c->words * word, &c->offset);
	if (rc < 0)
		return rc;
	mea_weights_pack(e->hw, e->net, l, c->ob, c->kb, n_kb, stem, e->p->weights + c->offset);
	c->addr = ring_alloc(e, c->words);
	load = mea_queue_add(&e->qs, Q_LOAD, MEA_OP_LOAD, e->layer);
	if (load < 0)
		return load;
	it = &e->qs.q[Q_LOAD].item[load];
	mea_put(it->cmd, MEA_F_LOAD_SLOT, MEA_SLOT_WGT);
	mea_put(it->cmd, MEA_F_LOAD_DEST, MEA_DEST_WGT);
	mea_put(it->cmd, MEA_F_LOAD_OFFSET, (uint32_t)c->offset);
	mea_put(it->cmd, MEA_F_LOAD_ROW_WORDS, (uint32_t)c->words);
	mea_put(it->cmd, MEA_F_LOAD_ROWS, 1);
	mea_put(it->cmd, MEA_F_LOAD_ADDR, (uint32_t)c->addr);
	return claim(e, c->addr, c->words, load);
}

struct chunk *mea_emit_weights(struct emit *e, const struct mea_qlayer *l, int ob, int kb, int n_kb,
			       bool stem)
{
	int layer = (int)(l - e->net->layers);
	struct chunk *c;

	for (int i = e->first_live; i < e->n_chunks; i++) {
		c = &e->chunk[i];
		if (c->layer == layer && c->ob == ob && c->kb == kb)
			return c;
	}
	if (mea_grow(&e->chunk, (size_t)e->n_chunks, 1, sizeof(*e->chunk)))
		return NULL;
	c = &e->chunk[e->n_chunks];
	memset(c, 0, sizeof(*c));
	c->layer = layer;
	c->ob = ob;
	c->kb = kb;
	c->words = PARAM_WORDS;
	if (l->op == MEA_Q_CONV)
		c->words += mea_weight_words(e->hw, e->net, l, n_kb, stem);
	if (load_chunk(e, l, c, n_kb, stem) < 0)
		return NULL;
	e->n_chunks++;
	return c;
}

/* --- commands ---------------------------------------------------------------- */

static void put_requant(const struct emit *e, const struct mea_qlayer *l, uint32_t *cmd)
{
	const struct mea_qtensor *t = e->net->tensors;
	bool pass = mea_passes(l);

	mea_put(cmd, MEA_F_CONV_MID_ZERO, (uint32_t)(pass ? t[l->in].zero_point : l->mid_zero));
	mea_put(cmd, MEA_F_CONV_MID_LO, (uint32_t)(pass ? -128 : l->mid_lo));
	mea_put(cmd, MEA_F_CONV_MID_HI, (uint32_t)(pass ? 127 : l->mid_hi));
	if (l->in2 < 0)
		return;
	mea_put(cmd, MEA_F_CONV_RES_ZERO, (uint32_t)t[l->in2].zero_point);
	mea_put(cmd, MEA_F_CONV_RES_STILL, mea_still(e->net, l));
	if (l->op == MEA_Q_MUL) {
		mea_put(cmd, MEA_F_CONV_PRODUCT, 1);
		return;
	}
	mea_put(cmd, MEA_F_CONV_RESIDUAL, 1);
	mea_put(cmd, MEA_F_CONV_ADD_MA, l->add_ma);
	mea_put(cmd, MEA_F_CONV_ADD_MB, l->add_mb);
	mea_put(cmd, MEA_F_CONV_ADD_SHIFT, (uint32_t)l->add_shift);
	mea_put(cmd, MEA_F_CONV_OUT_ZERO, (uint32_t)t[l->out].zero_point);
	mea_put(cmd, MEA_F_CONV_LO, (uint32_t)l->lo);
	mea_put(cmd, MEA_F_CONV_HI, (uint32_t)l->hi);
}

static void put_window(const struct emit *e, const struct mea_qlayer *l, const struct strip *s,
		       uint32_t *cmd)
{
	const struct mea_qtensor *in = &e->net->tensors[l->in];
	bool max = l->op == MEA_Q_MAXPOOL;

	mea_put(cmd, MEA_F_CONV_PAD_VALUE, max ? 0x80u : (uint32_t)in->zero_point);
	mea_put(cmd, MEA_F_CONV_MAX, max);
	mea_put(cmd, MEA_F_CONV_X_STEP, (uint32_t)l->stride_w);
	mea_put(cmd, MEA_F_CONV_STRIDE_X, (uint32_t)l->stride_w);
	mea_put(cmd, MEA_F_CONV_STRIDE_Y, (uint32_t)l->stride_h);
	mea_put(cmd, MEA_F_CONV_IN_ROW, (uint32_t)in->w);
	mea_put(cmd, MEA_F_CONV_IN_PLANE, (uint32_t)s->in.plane);
	mea_put(cmd, MEA_F_CONV_IN_W, (uint32_t)in->w);
	mea_put(cmd, MEA_F_CONV_IN_H, (uint32_t)s->in_h);
	mea_put(cmd, MEA_F_CONV_KW, (uint32_t)l->kw);
	mea_put(cmd, MEA_F_CONV_KH, (uint32_t)l->kh);
	mea_put(cmd, MEA_F_CONV_PAD_L, (uint32_t)l->pad_l);
	mea_put(cmd, MEA_F_CONV_PAD_T, (uint32_t)s->pad_t);
}

void mea_emit_block(const struct emit *e, const struct mea_qlayer *l, const struct strip *s, int ob,
		    uint32_t *cmd)
{
	int per_word = e->hw->lanes / e->hw->cols;

	put_requant(e, l, cmd);
	mea_put(cmd, MEA_F_CONV_OUT_W, (uint32_t)e->net->tensors[l->out].w);
	mea_put(cmd, MEA_F_CONV_OUT_H, (uint32_t)s->rows);
	mea_put(cmd, MEA_F_CONV_OUT_BASE, (uint32_t)(s->out_base + ob / per_word * s->out_plane));
	mea_put(cmd, MEA_F_CONV_OUT_SUB, (uint32_t)(ob % per_word));
	if (l->in2 >= 0) {
		mea_put(cmd, MEA_F_CONV_RES_BASE,
			(uint32_t)(s->res.base + ob / per_word * s->res.plane));
		mea_put(cmd, MEA_F_CONV_RES_SUB, (uint32_t)(ob % per_word));
	}
}

/* What a command reads of an operand: n blocks of some rows. */
static int use_blocks(struct emit *e, int queue, int item, int64_t base, int n, int64_t plane,
		      int64_t words)
{
	int rc = 0;

	for (int i = 0; rc == 0 && i < n; i++)
		rc = mea_emit_use(e, MEM_ACT, queue, item, base + i * plane, words, false);
	return rc;
}

static int use_stem(struct emit *e, int item, int64_t base, int64_t bytes)
{
	int64_t ring = (int64_t)e->hw->stem_words * 8, first = ring - base;
	int rc = mea_emit_use(e, MEM_STEM, Q_COMPUTE, item, base, bytes < first ? bytes : first,
			      false);

	return rc || bytes <= first
		       ? rc
		       : mea_emit_use(e, MEM_STEM, Q_COMPUTE, item, 0, bytes - first, false);
}

/* The rows of a ring that a depthwise command reads: up to its end, and the rest. */
static int use_ring(struct emit *e, const uint32_t cmd[16], int item)
{
	int64_t base = mea_get(cmd, MEA_F_CONV_IN_BASE), row = mea_get(cmd, MEA_F_CONV_IN_ROW);
	int64_t n = mea_get(cmd, MEA_F_CONV_WRAP_ROWS), rows = mea_get(cmd, MEA_F_CONV_IN_H);
	int rc = mea_emit_use(e, MEM_ACT, Q_DEPTHWISE, item, base, n * row, false);

	return rc ? rc
		  : mea_emit_use(e, MEM_ACT, Q_DEPTHWISE, item,
				 base + n * row - mea_get(cmd, MEA_F_CONV_IN_PLANE),
				 (rows - n) * row, false);
}

static int use_inputs(struct emit *e, const struct mea_qlayer *l, const uint32_t cmd[16], int queue,
		      int item)
{
	int64_t base = mea_get(cmd, MEA_F_CONV_IN_BASE), row = mea_get(cmd, MEA_F_CONV_IN_ROW);
	int64_t rows = mea_get(cmd, MEA_F_CONV_OUT_H);
	int subs = e->hw->lanes / e->hw->rows;

	if (mea_get(cmd, MEA_F_CONV_WRAP_ROWS))
		return use_ring(e, cmd, item);
	if (mea_get(cmd, MEA_F_CONV_STEM))
		return use_stem(e, item, base,
				((rows - 1) * mea_get(cmd, MEA_F_CONV_STRIDE_Y) + l->kh) * row);
	return use_blocks(e, queue, item, base,
			  mea_get(cmd, MEA_F_CMD_OPCODE) == MEA_OP_CONV
				  ? mea_div_up((int)mea_get(cmd, MEA_F_CONV_K_BLOCKS), subs)
				  : 1,
			  mea_get(cmd, MEA_F_CONV_IN_PLANE), row * mea_get(cmd, MEA_F_CONV_IN_H));
}

int mea_emit_command(struct emit *e, const struct mea_qlayer *l, const struct chunk *c,
		     uint32_t cmd[16])
{
	uint32_t op = mea_get(cmd, MEA_F_CMD_OPCODE);
	int queue = op == MEA_OP_DEPTHWISE ? Q_DEPTHWISE : Q_COMPUTE;
	int64_t pixels = (int64_t)mea_get(cmd, MEA_F_CONV_OUT_W) * mea_get(cmd, MEA_F_CONV_OUT_H);
	bool results = queue == Q_DEPTHWISE || mea_get(cmd, MEA_F_CONV_FINAL);
	int rc = results ? mea_emit_table(e, l, cmd) : 0, k;

	if (rc < 0)
		return rc;
	k = mea_queue_add(&e->qs, queue, op, e->layer);
	if (k < 0)
		return k;
	mea_put(cmd, MEA_F_CMD_LAYER, (uint32_t)e->layer);
	mea_put(cmd, MEA_F_CONV_WGT_ADDR, (uint32_t)c->addr);
	mea_put(cmd, MEA_F_CONV_PAR_ADDR, (uint32_t)(c->addr + c->words - PARAM_WORDS));
	if (queue == Q_COMPUTE)
		mea_put(cmd, MEA_F_CONV_GAP, (uint32_t)mea_hazard_gap(&e->hazard, e->hw, cmd));
	memcpy(e->qs.q[queue].item[k].cmd, cmd, sizeof(e->qs.q[queue].item[k].cmd));
	rc = mea_emit_use(e, MEM_WGT, queue, k, c->addr, c->words, false);
	if (rc == 0)
		rc = use_inputs(e, l, cmd, queue, k);
	if (rc == 0)
		rc = mea_emit_use(e, MEM_ACT, queue, k, mea_get(cmd, MEA_F_CONV_RES_BASE),
				  mea_res_words(cmd), false);
	if (rc == 0 && mea_get(cmd, MEA_F_CONV_TABLE))
		rc = mea_emit_use(e, MEM_TABLE, queue, k, mea_get(cmd, MEA_F_CONV_TABLE_AT), 1,
				  false);
	if (rc == 0 && results)
		rc = mea_emit_use(e, MEM_ACT, queue, k, mea_get(cmd, MEA_F_CONV_OUT_BASE), pixels,
				  true);
	return rc;
}

static int pool_block(struct emit *e, const struct mea_qlayer *l, const struct strip *s, int ob)
{
	int per_word = e->hw->lanes / e->hw->cols;
	/* All channels have the same parameters. One load for all leaves the load queue to the
	 * weights of the layer behind. */
	struct chunk *c = mea_emit_weights(e, l, 0, 0, 0, false);
	uint32_t cmd[16] = {0};

	if (!c)
		return MEA_ENOMEM;
	mea_put(cmd, MEA_F_CMD_OPCODE, MEA_OP_POOL);
	mea_put(cmd, MEA_F_CONV_FIRST, !s->rest);
	mea_put(cmd, MEA_F_CONV_FINAL, !s->more);
	put_window(e, l, s, cmd);
	if (s->kh)
		mea_put(cmd, MEA_F_CONV_KH, (uint32_t)s->kh);
	mea_emit_block(e, l, s, ob, cmd);
	mea_put(cmd, MEA_F_CONV_K_BLOCKS, 1);
	mea_put(cmd, MEA_F_CONV_IN_BASE, (uint32_t)(s->in.base + ob / per_word * s->in.plane));
	mea_put(cmd, MEA_F_CONV_IN_SUB, (uint32_t)(ob % per_word));
	return mea_emit_command(e, l, c, cmd);
}

/* K blocks that fit in half the weight memory, so that the next chunk can load
 * while this one works. If they are not all, a third, so that unequal chunks do not get
 * into each other's way at the memory's end, and as many in each chunk, because the
 * shortest must cover the load of the longest. Whole words of channels, as a command
 * starts at one. */
static int chunk_blocks(const struct emit *e, const struct mea_qlayer *l, int k_blocks)
{
	int subs = e->hw->lanes / e->hw->rows, tile = l->kh * l->kw * e->hw->rows / 2;
	int half = (e->hw->wgt_words / 2 - PARAM_WORDS) / tile / subs * subs;
	int n = (e->hw->wgt_words / 3 - PARAM_WORDS) / tile / subs * subs;

	if (half >= k_blocks)
		return k_blocks;
	if (n < 1)
		return half;
	return mea_div_up(mea_div_up(k_blocks, mea_div_up(k_blocks, n)), subs) * subs;
}

/* The k blocks of l's output blocks. All strips ask for them, so they are looked for once. */
static const struct k_blocks *k_blocks_of(struct emit *e, const struct mea_qlayer *l)
{
	struct k_blocks **b = &e->k_blocks[l - e->net->layers];
	int n = mea_div_up(e->net->tensors[l->out].c, e->hw->cols);

	if (!*b)
		*b = calloc((size_t)n, sizeof(**b));
	else
		return *b;
	for (int ob = 0; *b && ob < n; ob++)
		(*b)[ob] = mea_k_blocks(e->hw, e->net, l, ob);
	return *b;
}

static int conv_block(struct emit *e, const struct mea_qlayer *l, const struct strip *s, int ob)
{
	const struct k_blocks *b = k_blocks_of(e, l);
	int subs = e->hw->lanes / e->hw->rows, rc = MEA_EUNSUPPORTED, step;

	if (!b)
		return mea_nomem();
	b += ob;
	step = chunk_blocks(e, l, b->end - b->first);
	for (int kb = b->first; kb < b->end; kb += step) {
		int n = b->end - kb < step ? b->end - kb : step;
		struct chunk *c = mea_emit_weights(e, l, ob, kb, n, false);
		uint32_t cmd[16] = {0};

		if (!c)
			return MEA_ENOMEM;
		mea_put(cmd, MEA_F_CMD_OPCODE, MEA_OP_CONV);
		mea_put(cmd, MEA_F_CONV_FIRST, kb == b->first);
		mea_put(cmd, MEA_F_CONV_FINAL, kb + n == b->end);
		put_window(e, l, s, cmd);
		mea_emit_block(e, l, s, ob, cmd);
		mea_put(cmd, MEA_F_CONV_YIELD, s->yields);
		mea_put(cmd, MEA_F_CONV_K_BLOCKS, (uint32_t)n);
		mea_put(cmd, MEA_F_CONV_IN_BASE, (uint32_t)(s->in.base + kb / subs * s->in.plane));
		rc = mea_emit_command(e, l, c, cmd);
		if (rc < 0)
			return rc;
	}
	return rc;
}

/* COLS channels of a depthwise layer. */
static int depthwise_block(struct emit *e, const struct mea_qlayer *l, const struct strip *s,
			   int ob)
{
	int per_word = e->hw->lanes / e->hw->cols;
	struct chunk *c = mea_emit_weights(e, l, ob, 0, 0, false);
	uint32_t cmd[16] = {0};

	if (!c)
		return MEA_ENOMEM;
	mea_put(cmd, MEA_F_CMD_OPCODE, MEA_OP_DEPTHWISE);
	put_window(e, l, s, cmd);
	mea_put(cmd, MEA_F_CONV_WRAP_ROWS, (uint32_t)s->wrap_rows);
	mea_emit_block(e, l, s, ob, cmd);
	mea_put(cmd, MEA_F_CONV_IN_BASE, (uint32_t)(s->in.base + ob / per_word * s->in.plane));
	mea_put(cmd, MEA_F_CONV_IN_SUB, (uint32_t)(ob % per_word));
	return mea_emit_command(e, l, c, cmd);
}

int mea_emit_out_block(struct emit *e, const struct mea_qlayer *l, const struct strip *s, int ob)
{
	int rc = mea_is_depthwise(e->hw, e->net, l) ? depthwise_block(e, l, s, ob)
		 : l->op == MEA_Q_CONV		    ? conv_block(e, l, s, ob)
						    : pool_block(e, l, s, ob);

	return rc < 0 ? rc : 0;
}

int mea_emit_strip(struct emit *e, const struct mea_qlayer *l, const struct strip *s)
{
	int n_ob = mea_div_up(e->net->tensors[l->out].c, e->hw->cols), rc = 0;

	for (int ob = 0; rc == 0 && ob < n_ob; ob++)
		rc = mea_emit_out_block(e, l, s, ob);
	return rc;
}
