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

/* Block ob of the front's rows [from, to) into the ring, in runs that do not wrap; all
 * blocks of a stem. in: row `from` of its input. */
static int emit_front(struct emit *e, const struct unit *u, int from, int to,
		      const struct operand *in, int ob)
{
	const struct mea_qlayer *l = &e->net->layers[u->front];
	int w = e->net->tensors[l->out].w, rc = 0, n;

	e->layer = e->number[u->front];
	for (int y = from; rc == 0 && y < to; y += n) {
		struct strip s = {.oy = y, .in = *in, .yields = u->yields};

		n = u->ring_rows - y % u->ring_rows;
		n = n < to - y ? n : to - y;
		s.rows = s.in_h = n;
		s.in.base += (y - from) * w;
		s.out_base = u->ring + y % u->ring_rows * w;
		s.out_plane = u->ring_rows * w;
		rc = e->place[l->in].stem ? mea_emit_stem_strip(e, l, &s)
					  : mea_emit_out_block(e, l, &s, ob);
	}
	return rc;
}

/* The depthwise layer's strip s, and block by block before it what the front's map has
 * new for it: in this order the weights come, and the depthwise unit need not wait for
 * all blocks. */
static int emit_strip(struct emit *e, const struct unit *u, int strip, int oy, int rows)
{
	const struct mea_qlayer *l = &e->net->layers[u->depth];
	const struct mea_qlayer *f = u->front < 0 ? NULL : &e->net->layers[u->front];
	const struct mea_qtensor *in = &e->net->tensors[l->in], *out = &e->net->tensors[l->out];
	int y = oy * l->stride_h - l->pad_t, half = strip % 2, rc = 0;
	int new = front_end(e, u, strip - 1), from, to;
	struct strip s = {.oy = oy, .rows = rows, .pad_t = y < 0 ? -y : 0};
	struct operand x = {0};

	mea_input_rows(e->net, l, oy, rows, &from, &to);
	s.in_h = to - from;
	if (u->back < 0) {
		mea_strip_output(e, l, &u->out, half, &s);
	} else {
		s.out_base = u->mid.base + half * u->mid.half;
		s.out_plane = rows * out->w;
	}
	if (f) {
		int first = from % u->ring_rows;

		s.in.base = u->ring + first * in->w;
		s.in.plane = u->ring_rows * in->w;
		s.wrap_rows = first + s.in_h > u->ring_rows ? u->ring_rows - first : 0;
		e->layer = e->number[u->front];
		if (!e->place[f->in].stem && to > new)
			rc = mea_operand(e, f->in, new, to - new, &u->in, half, &x);
	} else {
		e->layer = e->number[u->depth];
		rc = mea_operand(e, l->in, from, s.in_h, &u->in, half, &s.in);
	}
	for (int ob = 0; rc == 0 && ob < mea_div_up(out->c, e->hw->cols); ob++) {
		if (f && (ob == 0 || !e->place[f->in].stem))
			rc = emit_front(e, u, new, to, &x, ob);
		e->layer = e->number[u->depth];
		if (rc == 0)
			rc = mea_emit_out_block(e, l, &s, ob);
	}
	return rc < 0 || u->back >= 0 ? rc : mea_strip_store(e, l, &s);
}

static int emit_back(struct emit *e, const struct unit *u, int oy, int rows, int half)
{
	const struct mea_qlayer *l = &e->net->layers[u->back];
	struct strip s = {.oy = oy, .rows = rows, .in_h = rows, .yields = u->yields};
	int rc = 0;

	e->layer = e->number[u->back];
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
	int out_h = e->net->tensors[e->net->layers[u->depth].out].h;
	int strips = mea_div_up(out_h, u->rows), rc = 0;

	for (int s = 0; s < strips + (u->back >= 0) && rc == 0; s++) {
		int oy = s * u->rows, rows = out_h - oy < u->rows ? out_h - oy : u->rows;

		if (s < strips)
			rc = emit_strip(e, u, s, oy, rows);
		rows = out_h - oy < 0 ? out_h - oy + u->rows : u->rows;
		if (s > 0 && rc == 0 && u->back >= 0)
			rc = emit_back(e, u, oy - u->rows, rows, (s - 1) % 2);
	}
	return rc;
}
