// SPDX-License-Identifier: Apache-2.0
/*
 * A compute command may start while its predecessors still drain, as long as it
 * reads no word before it is there. Pixels are issued in order, at most one a
 * cycle, and a word can be read `latency` cycles after its issue. So if the
 * writer's last issue was d cycles before this command's first, its pixel j of n
 * is readable once n - 1 - j + d + (position of the read) reaches the latency.
 * Stalls only move writes earlier and reads later relative to that bound. Only the
 * predecessor matters: a third command is not accepted before the first has
 * written its last word.
 */
#include "plan/internal.h"

/* What a read of word addr as number n of the command demands of the gap. */
static int read_gap(const struct hazard *h, int latency, long addr, long n)
{
	long j = addr - h->base;
	long need = latency - (h->pixels - 1 - j) - n;

	return j >= 0 && j < h->pixels && need > 0 ? (int)need : 0;
}

struct walk {
	int kw, kh, kb, ow, oh, sx, sy, iw, ih, pl, pt, row, plane, base, subs;
};

static int input_gap(const struct hazard *h, int latency, const struct walk *w)
{
	int gap = 0;
	long n = 0;

	for (int k = 0; k < w->kb; k++)
		for (int ky = 0; ky < w->kh; ky++)
			for (int kx = 0; kx < w->kw; kx++)
				for (int p = 0; p < w->ow * w->oh; p++, n++) {
					int x = p % w->ow * w->sx + kx - w->pl;
					int y = p / w->ow * w->sy + ky - w->pt;
					int g;

					if (n >= latency)
						return gap;
					if (x < 0 || y < 0 || x >= w->iw || y >= w->ih)
						continue;
					g = read_gap(h, latency,
						     w->base + (long)(k / w->subs) * w->plane +
							     (long)y * w->row + x,
						     n);
					if (g > gap)
						gap = g;
				}
	return gap;
}

static int residual_gap(const struct hazard *h, int latency, const uint32_t cmd[16], int pixels,
			long passes)
{
	long base = mea_get(cmd, MEA_F_CONV_RES_BASE), step = !mea_get(cmd, MEA_F_CONV_RES_STILL);
	int gap = 0;

	for (int p = 0; p < pixels && passes * pixels + p < latency; p++) {
		int g = read_gap(h, latency, base + p * step, passes * pixels + p);

		if (g > gap)
			gap = g;
	}
	return gap;
}

int mea_hazard_gap(struct hazard *h, const struct mea_hw *hw, const uint32_t cmd[16])
{
	bool stem = mea_get(cmd, MEA_F_CONV_STEM);
	struct walk w = {
		.kw = (int)mea_get(cmd, MEA_F_CONV_KW),
		.kh = (int)mea_get(cmd, MEA_F_CONV_KH),
		.kb = (int)mea_get(cmd, MEA_F_CONV_K_BLOCKS),
		.ow = (int)mea_get(cmd, MEA_F_CONV_OUT_W),
		.oh = (int)mea_get(cmd, MEA_F_CONV_OUT_H),
		.sx = (int)mea_get(cmd, MEA_F_CONV_STRIDE_X),
		.sy = (int)mea_get(cmd, MEA_F_CONV_STRIDE_Y),
		.iw = (int)mea_get(cmd, MEA_F_CONV_IN_W),
		.ih = (int)mea_get(cmd, MEA_F_CONV_IN_H),
		.pl = (int)mea_get(cmd, MEA_F_CONV_PAD_L),
		.pt = (int)mea_get(cmd, MEA_F_CONV_PAD_T),
		.row = (int)mea_get(cmd, MEA_F_CONV_IN_ROW),
		.plane = (int)mea_get(cmd, MEA_F_CONV_IN_PLANE),
		.base = (int)mea_get(cmd, MEA_F_CONV_IN_BASE),
		.subs = hw->lanes / hw->rows,
	};
	int pixels = w.ow * w.oh, gap = 0;
	long passes = (long)w.kb * w.kh * w.kw;

	if (!stem)
		gap = input_gap(h, hw->latency, &w);
	if (mea_res_words(cmd)) {
		int g = residual_gap(h, hw->latency, cmd, pixels, passes - 1);

		if (g > gap)
			gap = g;
	}
	h->base = (int)mea_get(cmd, MEA_F_CONV_OUT_BASE);
	h->pixels = mea_get(cmd, MEA_F_CONV_FINAL) ? pixels : 0;
	return gap;
}
