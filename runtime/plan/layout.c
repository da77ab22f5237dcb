// SPDX-License-Identifier: Apache-2.0
/* Tensors in DRAM, as the accelerator's LOAD and STORE see them. */
#include "plan/internal.h"

#include <string.h>

static size_t round_up(size_t v, size_t to)
{
	return (v + to - 1) / to * to;
}

void mea_layout_blocks(struct mea_layout *l, const struct mea_qtensor *t, int lanes)
{
	memset(l, 0, sizeof(*l));
	l->c = t->c;
	l->h = t->h;
	l->w = t->w;
	l->lanes = lanes;
	l->row_bytes = round_up((size_t)t->w * lanes, 16);
	l->bytes = round_up((size_t)mea_div_up(t->c, lanes) * t->h * l->row_bytes, 64);
}

void mea_layout_stem(struct mea_layout *l, const struct mea_qtensor *t, const struct mea_qlayer *c)
{
	memset(l, 0, sizeof(*l));
	l->stem = true;
	l->c = t->c;
	l->h = t->h;
	l->w = t->w;
	l->pad_t = c->pad_t;
	l->pad_l = c->pad_l;
	l->pad_b = c->pad_b;
	l->pad_r = c->pad_r;
	l->pad_value = (int8_t)t->zero_point;
	l->bytes = round_up(
		(size_t)(t->h + c->pad_t + c->pad_b) * (t->w + c->pad_l + c->pad_r) * t->c, 64);
}

bool mea_layout_same(const struct mea_layout *a, const struct mea_layout *b)
{
	return a->stem == b->stem && a->c == b->c && a->h == b->h && a->w == b->w &&
	       a->lanes == b->lanes && a->pad_t == b->pad_t && a->pad_l == b->pad_l &&
	       a->pad_b == b->pad_b && a->pad_r == b->pad_r && a->pad_value == b->pad_value;
}

static void write_stem(const struct mea_layout *l, const int8_t *nhwc, uint8_t *dram)
{
	size_t row = (size_t)(l->w + l->pad_l + l->pad_r) * l->c;

	memset(dram, (uint8_t)l->pad_value, l->bytes);
	for (int y = 0; y < l->h; y++)
		memcpy(dram + (y + l->pad_t) * row + (size_t)l->pad_l * l->c,
		       nhwc + (size_t)y * l->w * l->c, (size_t)l->w * l->c);
}

void mea_layout_write(const struct mea_layout *l, const int8_t *nhwc, uint8_t *dram)
{
	if (l->stem) {
		write_stem(l, nhwc, dram);
		return;
	}
	for (int b = 0; b * l->lanes < l->c; b++) {
		int first = b * l->lanes;
		int n = l->c - first < l->lanes ? l->c - first : l->lanes;

		for (int y = 0; y < l->h; y++) {
			uint8_t *row = dram + ((size_t)b * l->h + y) * l->row_bytes;

			for (int x = 0; x < l->w; x++) {
				const int8_t *px = nhwc + ((size_t)y * l->w + x) * l->c + first;

				memcpy(row + (size_t)x * l->lanes, px, n);
				memset(row + (size_t)x * l->lanes + n, 0, l->lanes - n);
			}
		}
	}
}

void mea_layout_read(const struct mea_layout *l, const uint8_t *dram, int8_t *nhwc)
{
	for (int b = 0; b * l->lanes < l->c; b++) {
		int first = b * l->lanes;
		int n = l->c - first < l->lanes ? l->c - first : l->lanes;

		for (int y = 0; y < l->h; y++) {
			const uint8_t *row = dram + ((size_t)b * l->h + y) * l->row_bytes;

			for (int x = 0; x < l->w; x++)
				memcpy(nhwc + ((size_t)y * l->w + x) * l->c + first,
				       row + (size_t)x * l->lanes, n);
		}
	}
}
