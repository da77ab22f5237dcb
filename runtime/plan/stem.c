// SPDX-License-Identifier: Apache-2.0
/* The first layer of a network with few input channels: its image streams through the stem
 * memory, a ring of bytes, in pieces of a quarter of it, or of an eighth where rows are long
 * or the ring is so large that the first piece would be waited for. */
#include "plan/emit.h"

#include "base/error.h"

/* Bytes that the first command may wait for, rather than be short. */
#define FIRST_PIECE 1024

static int row_bytes(const struct mea_qnet *net, const struct mea_qlayer *l)
{
	const struct mea_qtensor *in = &net->tensors[l->in];

	return (in->w + l->pad_l + l->pad_r) * in->c;
}

/* Bytes of a command of that many output rows, starting anywhere in a piece, fit in the
 * ring beside one more piece that loads meanwhile. */
static bool fits(const struct mea_hw *hw, const struct mea_qnet *net, const struct mea_qlayer *l,
		 int pieces, int rows)
{
	long ring = hw->stem_words * 8L;

	return ((rows - 1L) * l->stride_h + l->kh) * row_bytes(net, l) + ring / pieces <=
	       ring * (pieces - 1L) / pieces;
}

static int pieces(const struct mea_hw *hw, const struct mea_qnet *net, const struct mea_qlayer *l)
{
	return hw->stem_words * 8 / 4 <= FIRST_PIECE && fits(hw, net, l, 4, 1) ? 4 : 8;
}

int mea_stem_rows(const struct mea_hw *hw, const struct mea_qnet *net, const struct mea_qlayer *l)
{
	int n = pieces(hw, net, l), rows = 0;

	while (rows < net->tensors[l->out].h && fits(hw, net, l, n, rows + 1))
		rows++;
	return rows;
}

bool mea_wants_stem(const struct mea_hw *hw, const struct mea_qnet *net, const struct mea_qlayer *l)
{
	const struct mea_qtensor *in = &net->tensors[l->in];
	int packed = mea_div_up(l->kh * l->kw * in->c, hw->rows);

	return l->op == MEA_Q_CONV && l->groups == 1 && in->c < hw->rows &&
	       packed < l->kh * l->kw * mea_div_up(in->c, hw->rows) &&
	       mea_stem_rows(hw, net, l) > 0 && l->kw * in->c < 4096 &&
	       l->stride_w * in->c < 4096 &&
	       packed * hw->rows / 2 + PARAM_WORDS <= hw->wgt_words / 2;
}

static int load_piece(struct emit *e, const struct place *pl, int q, int n)
{
	int piece = e->hw->stem_words * 8 / n;
	size_t from = (size_t)q * piece, left = pl->dram.bytes - from;
	size_t bytes = left < (size_t)piece ? left : (size_t)piece;
	int item = mea_queue_add(&e->qs, Q_LOAD, MEA_OP_LOAD, e->layer);
	struct item *it;

	if (item < 0)
		return item;
	it = &e->qs.q[Q_LOAD].item[item];
	mea_put(it->cmd, MEA_F_LOAD_SLOT, (uint32_t)pl->slot);
	mea_put(it->cmd, MEA_F_LOAD_DEST, MEA_DEST_STEM);
	mea_put(it->cmd, MEA_F_LOAD_OFFSET, (uint32_t)(pl->offset + from));
	mea_put(it->cmd, MEA_F_LOAD_ROW_WORDS, (uint32_t)(bytes / 8));
	mea_put(it->cmd, MEA_F_LOAD_ROWS, 1);
	mea_put(it->cmd, MEA_F_LOAD_ADDR, (uint32_t)(from / 8));
	return mea_emit_use(e, MEM_STEM, Q_LOAD, item, q % n * piece, (int64_t)bytes, true);
}

/* The commands of rows that a ring holds at once. */
static int stem_rows(struct emit *e, const struct mea_qlayer *l, const struct strip *s)
{
	const struct mea_qtensor *in = &e->net->tensors[l->in], *out = &e->net->tensors[l->out];
	long ring = e->hw->stem_words * 8L, row = row_bytes(e->net, l);
	int tiles = mea_div_up(l->kh * l->kw * in->c, e->hw->rows), rc = 0;

	for (int ob = 0; rc >= 0 && ob * e->hw->cols < out->c; ob++) {
		struct chunk *c = mea_emit_weights(e, l, ob, 0, 1, true);
		uint32_t cmd[16] = {0};

		if (!c)
			return MEA_ENOMEM;
		mea_put(cmd, MEA_F_CMD_OPCODE, MEA_OP_CONV);
		mea_put(cmd, MEA_F_CONV_FIRST, 1);
		mea_put(cmd, MEA_F_CONV_FINAL, 1);
		mea_put(cmd, MEA_F_CONV_STEM, 1);
		mea_put(cmd, MEA_F_CONV_YIELD, s->yields);
		mea_emit_block(e, l, s, ob, cmd);
		mea_put(cmd, MEA_F_CONV_K_BLOCKS, (uint32_t)tiles);
		mea_put(cmd, MEA_F_CONV_KW, 1);
		mea_put(cmd, MEA_F_CONV_KH, 1);
		mea_put(cmd, MEA_F_CONV_STEM_KC, (uint32_t)(l->kw * in->c));
		mea_put(cmd, MEA_F_CONV_IN_BASE,
			(uint32_t)((long)s->oy * l->stride_h * row % ring));
		mea_put(cmd, MEA_F_CONV_IN_ROW, (uint32_t)row);
		mea_put(cmd, MEA_F_CONV_X_STEP, (uint32_t)(l->stride_w * in->c));
		mea_put(cmd, MEA_F_CONV_STRIDE_Y, (uint32_t)l->stride_h);
		rc = mea_emit_command(e, l, c, cmd);
	}
	return rc < 0 ? rc : 0;
}

int mea_emit_stem_strip(struct emit *e, const struct mea_qlayer *l, const struct strip *strip)
{
	const struct place *pl = &e->place[l->in];
	int most = mea_stem_rows(e->hw, e->net, l), n = pieces(e->hw, e->net, l), rc = 0, rows;
	int end = strip->oy + strip->rows, w = e->net->tensors[l->out].w;
	long piece = e->hw->stem_words * 8L / n, row = row_bytes(e->net, l);

	for (int oy = strip->oy; oy < end && rc == 0; oy += rows) {
		long bytes = ((long)oy * l->stride_h + l->kh) * row, last = (bytes - 1) / piece;
		struct strip s = *strip;

		/* As many rows as are covered by the pieces that the first of them needs
		 * anyway. */
		for (rows = 1; oy + rows < end && rows < most; rows++) {
			bytes += l->stride_h * row;
			if (bytes > (last + 1) * piece)
				break;
		}
		s.oy = oy;
		s.rows = rows;
		s.out_base += (oy - strip->oy) * w;
		s.res.base += (oy - strip->oy) * w;
		for (; e->stem_next <= last && rc == 0; e->stem_next++)
			rc = load_piece(e, pl, e->stem_next, n);
		if (rc == 0)
			rc = stem_rows(e, l, &s);
	}
	return rc;
}
