// SPDX-License-Identifier: Apache-2.0
/* Weights and requantisation parameters in the order the array takes them. */
#include "plan/internal.h"

bool mea_is_depthwise(const struct mea_hw *hw, const struct mea_qnet *net,
		      const struct mea_qlayer *l)
{
	const struct mea_qtensor *in = &net->tensors[l->in], *out = &net->tensors[l->out];

	return hw->dw_taps && l->op == MEA_Q_CONV && l->groups > 1 && l->groups == in->c &&
	       out->c == in->c && l->kw <= 3 && l->kh <= 3 && l->in2 < 0 &&
	       (out->w - 1) * l->stride_w + 3 <= hw->dw_line;
}

/* A tile's element: row r of the array, column c. Outside the layer and its groups: 0. */
static int8_t weight_at(const struct mea_qlayer *l, int in_c, int out_c, int oc, int tap, int ic)
{
	int ins = in_c / l->groups, group = oc / (out_c / l->groups);

	if (oc >= out_c || ic / ins != group || tap >= l->kh * l->kw)
		return 0;
	return l->weights[((size_t)oc * l->kh * l->kw + tap) * ins + ic % ins];
}

/* True if output block ob has a weight other than 0 in k blocks kb .. end. */
static bool any_weight(const struct mea_hw *hw, const struct mea_qnet *net,
		       const struct mea_qlayer *l, int ob, int kb, int end)
{
	int in_c = net->tensors[l->in].c, out_c = net->tensors[l->out].c;

	for (int ic = kb * hw->rows; ic < end * hw->rows; ic++)
		for (int oc = ob * hw->cols; oc < (ob + 1) * hw->cols; oc++)
			for (int tap = 0; tap < l->kh * l->kw; tap++)
				if (weight_at(l, in_c, out_c, oc, tap, ic))
					return true;
	return false;
}

struct k_blocks mea_k_blocks(const struct mea_hw *hw, const struct mea_qnet *net,
			     const struct mea_qlayer *l, int ob)
{
	int in_c = net->tensors[l->in].c, out_c = net->tensors[l->out].c;
	int ins = in_c / l->groups, outs = out_c / l->groups, subs = hw->lanes / hw->rows;
	int last = (ob + 1) * hw->cols < out_c ? (ob + 1) * hw->cols - 1 : out_c - 1;
	struct k_blocks b = {ob * hw->cols / outs * ins / hw->lanes * subs,
			     mea_div_up((last / outs + 1) * ins, hw->rows)};

	while (b.end - b.first > subs && !any_weight(hw, net, l, ob, b.first, b.first + subs))
		b.first += subs;
	while (b.end - b.first > 1 && !any_weight(hw, net, l, ob, b.end - 1, b.end))
		b.end--;
	return b;
}

int mea_weight_words(const struct mea_hw *hw, const struct mea_qnet *net,
		     const struct mea_qlayer *l, int n_kb, bool stem)
{
	int in_c = net->tensors[l->in].c;
	int tiles = stem ? mea_div_up(l->kh * l->kw * in_c, hw->rows) : n_kb * l->kh * l->kw;

	return mea_is_depthwise(hw, net, l) ? DEPTHWISE_WORDS : tiles * hw->rows / 2;
}

static void put_le32(uint8_t *dst, uint32_t v)
{
	for (int b = 0; b < 4; b++)
		dst[b] = (uint8_t)(v >> (8 * b));
}

static void pack_params(const struct mea_hw *hw, const struct mea_qnet *net,
			const struct mea_qlayer *l, int ob, uint8_t *dst)
{
	int out_c = net->tensors[l->out].c;
	bool pass = mea_passes(l);

	for (int c = 0; c < hw->cols; c++) {
		int oc = ob * hw->cols + c;
		int i = l->op == MEA_Q_CONV ? oc : 0;

		if (oc >= out_c)
			continue;
		put_le32(dst + c * 4, pass ? 0u - (uint32_t)net->tensors[l->in].zero_point
					   : (uint32_t)l->bias[i]);
		put_le32(dst + (hw->cols + c) * 4, pass ? 1u << 30 : l->mult[i]);
		dst[hw->cols * 8 + c] = pass ? 30 : l->shift[i];
	}
}

/* Word 2 kx: rows 0 and 1 of kernel column kx; word 2 kx + 1: row 2. A smaller kernel
 * is one of 3x3 with zeros. */
static void pack_depthwise(const struct mea_hw *hw, const struct mea_qlayer *l, int out_c, int ob,
			   uint8_t *dst)
{
	for (int kx = 0; kx < l->kw; kx++)
		for (int ky = 0; ky < l->kh; ky++)
			for (int c = 0; c < hw->cols && ob * hw->cols + c < out_c; c++)
				dst[(kx * 4 + ky) * hw->cols + c] =
					(uint8_t)l->weights[((ob * hw->cols + c) * l->kh + ky) *
								    l->kw +
							    kx];
}

void mea_weights_pack(const struct mea_hw *hw, const struct mea_qnet *net,
		      const struct mea_qlayer *l, int ob, int kb, int n_kb, bool stem, uint8_t *dst)
{
	int in_c = net->tensors[l->in].c, out_c = net->tensors[l->out].c;
	int taps = l->kh * l->kw;
	int tiles = mea_weight_words(hw, net, l, n_kb, stem) / (hw->rows / 2);

	if (mea_is_depthwise(hw, net, l)) {
		pack_depthwise(hw, l, out_c, ob, dst);
		pack_params(hw, net, l, ob, dst + DEPTHWISE_WORDS * 2 * hw->cols);
		return;
	}
	for (int t = 0; t < tiles && l->op == MEA_Q_CONV; t++)
		for (int r = 0; r < hw->rows; r++)
			for (int c = 0; c < hw->cols; c++) {
				int k = t * hw->rows + r;
				int tap = stem ? k / in_c : t % taps;
				int ic = stem ? k % in_c : (kb + t / taps) * hw->rows + r;

				*dst++ = (uint8_t)weight_at(l, in_c, out_c, ob * hw->cols + c, tap,
							    ic);
			}
	pack_params(hw, net, l, ob, dst);
}
