// SPDX-License-Identifier: Apache-2.0
/*
 * A fused unit: a depthwise layer between two 1x1 layers (MobileNetV2's inverted residual,
 * whose expanded maps would be six times what comes in) or behind the stem. In the order
 * in which the array takes them:
 *
 *   front(0)  front(1) back(0)  front(2) back(1)  ...  back(n - 1)
 *
 * The depthwise unit does strip s while the array does back(s - 1) and front(s + 1).
 */
#include "plan/emit.h"

/* Rows of the front's map that are there once the depthwise layer's strip s can start. */
static int front_end(const struct emit *e, const struct unit *u, int s)
{
	const struct mea_qlayer *d = &e->net->layers[u->depth];
	int oy = s * u->rows, out_h = e->net->tensors[d->out].h, from, to;

	if (s < 0)
		return 0;
	mea_input_rows(e->net, d, oy, out_h - oy < u->rows ? out_h - oy : u->rows, &from, &to);
	return to;
}

/* Rows [from, to) of the front's layer into the ring, in runs that do not wrap. */
static int emit_front(struct emit *e, const struct unit *u, int from, int to, int half)
{
	const struct mea_qlayer *l = &e->net->layers[u->front];
	const struct mea_qtensor *out = &e->net->tensors[l->out];
	bool stem = e->place[l->in].stem;
	struct operand in = {0};
	int rc = 0, n;

	e->layer = u->front;
	if (!stem)
		rc = mea_operand(e, l->in, from, to - from, &u->in, half, &in);
	for (int ob = 0; rc == 0 && ob < (stem ? 1 : mea_div_up(out->c, e->hw->cols)); ob++)
		for (int y = from; rc == 0 && y < to; y += n) {
			struct strip s = {.oy = y, .in = in, .yields = u->yields};

			n = u->ring_rows - y % u->ring_rows;
			n = n < to - y ? n : to - y;
			s.rows = s.in_h = n;
			s.in.base += (y - from) * out->w;
			s.out_base = u->ring + y % u->ring_rows * out->w;
			s.out_plane = u->ring_rows * out->w;
			rc = stem ? mea_emit_stem_strip(e, l, &s)
				  : mea_emit_out_block(e, l, &s, ob);
		}
	return rc;
}

static int emit_depthwise(struct emit *e, const struct unit *u, int oy, int rows, int half)
{
	const struct mea_qlayer *l = &e->net->layers[u->depth];
	const struct mea_qtensor *in = &e->net->tensors[l->in], *out = &e->net->tensors[l->out];
	struct strip s = {.oy = oy, .rows = rows};
	int from, to, y = oy * l->stride_h - l->pad_t, rc = 0;

	e->layer = u->depth;
	mea_input_rows(e->net, l, oy, rows, &from, &to);
	s.pad_t = y < 0 ? -y : 0;
	s.in_h = to - from;
	if (u->front < 0) {
		rc = mea_operand(e, l->in, from, s.in_h, &u->in, half, &s.in);
	} else {
		int first = from % u->ring_rows;

		s.in.base = u->ring + first * in->w;
		s.in.plane = u->ring_rows * in->w;
		s.wrap_rows = first + s.in_h > u->ring_rows ? u->ring_rows - first : 0;
	}
	s.out_base = u->mid.base + half * u->mid.half;
	s.out_plane = rows * out->w;
	return rc < 0 ? rc : mea_emit_strip(e, l, &s);
}

static int emit_back(struct emit *e, const struct unit *u, int oy, int rows, int half)
{
	const struct mea_qlayer *l = &e->net->layers[u->back];
	struct strip s = {.oy = oy, .rows = rows, .in_h = rows, .yields = u->yields};
	int rc = 0;

	e->layer = u->back;
	s.in.base = u->mid.base + half * u->mid.half;
	s.in.plane = rows * e->net->tensors[l->in].w;
	mea_strip_output(e, l, &u->out, half, &s);
	if (l->in2 >= 0)
		rc = mea_operand(e, l->in2, oy, rows, &u->res, half, &s.res);
	if (rc == 0)
		rc = mea_emit_strip(e, l, &s);
	return rc < 0 ? rc : mea_strip_store(e, l, &s);
}

int mea_emit_fused(struct emit *e, const struct unit *u)
{
	int out_h = e->net->tensors[e->net->layers[u->back].out].h;
	int strips = mea_div_up(out_h, u->rows), rc = 0;

	for (int s = 0; s <= strips && rc == 0; s++) {
		int oy = s * u->rows, rows = out_h - oy < u->rows ? out_h - oy : u->rows;
		int from = front_end(e, u, s - 1);

		if (s < strips && u->front >= 0 && front_end(e, u, s) > from)
			rc = emit_front(e, u, from, front_end(e, u, s), s % 2);
		if (s < strips && rc == 0)
			rc = emit_depthwise(e, u, oy, rows, s % 2);
		if (s > 0 && rc == 0)
			rc = emit_back(e, u, oy - u->rows,
				       out_h - oy + u->rows < u->rows ? out_h - oy + u->rows
								      : u->rows,
				       (s - 1) % 2);
	}
	return rc;
}
