// SPDX-License-Identifier: Apache-2.0
/* Add and Concat that no BatchNormalization takes over, and a Relu or Clip alone. */
#include "train/internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* --- Add ----------------------------------------------------------------------- */

static int add_plan(struct mea_tnet *t, struct top *o)
{
	int rc = 0;

	if (o->n_in != 2)
		return mea_fail(MEA_EUNSUPPORTED, "Add of %d inputs", o->n_in);
	/* The first takes the output's gradient over; the second has a copy. */
	rc = tnet_contribute(t, o, 0, tnet_out(t, o)->grad[0]);
	return rc ? rc : tnet_contribute(t, o, 1, -1);
}

static int add_forward(struct mea_tnet *t, struct top *o)
{
	const struct tvalue *y = tnet_out(t, o);

	mea_map_add(&y->map, tnet_in(t, o, 0)->ptr, tnet_in(t, o, 1)->ptr, y->ptr);
	return 0;
}

static int add_backward(struct mea_tnet *t, struct top *o)
{
	const struct tvalue *y = tnet_out(t, o);

	/* Copied before anything is added to the first: they may be one value. */
	if (o->gptr[1] && o->gptr[1] != y->gptr[0])
		memcpy(o->gptr[1], y->gptr[0], mea_map_bytes(&y->map));
	for (int i = 0; i < 2; i++)
		if (o->gptr[i])
			tnet_grad_done(t, o, i);
	return 0;
}

const struct top_ops top_add = {
	.kind = TOP_OTHER, .plan = add_plan, .forward = add_forward, .backward = add_backward};

/* --- Concat ---------------------------------------------------------------------- */

/* Copies rows of one input out of or into the joined rows. */
static void copy_rows(const struct mea_map *part, size_t joined, size_t offset, void *whole,
		      void *piece, bool split)
{
	size_t e = part->bf16 ? 2 : 4, n = (size_t)part->c * e;
	size_t rows = part->blocks * part->rows;

#pragma omp parallel for schedule(static)
	for (size_t r = 0; r < rows; r++) {
		char *w = (char *)whole + (r * joined + offset) * e, *p = (char *)piece + r * n;

		memcpy(split ? p : w, split ? w : p, n);
	}
}

static int concat_forward(struct mea_tnet *t, struct top *o)
{
	const struct tvalue *y = tnet_out(t, o);
	size_t at = 0;

	for (int i = 0; i < o->n_in; i++) {
		const struct tvalue *x = tnet_in(t, o, i);

		copy_rows(&x->map, (size_t)y->map.c, at, y->ptr, x->ptr, false);
		at += (size_t)x->map.c;
	}
	return 0;
}

static int concat_backward(struct mea_tnet *t, struct top *o)
{
	const struct tvalue *y = tnet_out(t, o);
	size_t at = 0;

	for (int i = 0; i < o->n_in; i++) {
		const struct tvalue *x = tnet_in(t, o, i);

		if (o->gptr[i]) {
			copy_rows(&x->map, (size_t)y->map.c, at, y->gptr[0], o->gptr[i], true);
			tnet_grad_done(t, o, i);
		}
		at += (size_t)x->map.c;
	}
	return 0;
}

const struct top_ops top_concat = {
	.kind = TOP_OTHER, .forward = concat_forward, .backward = concat_backward};

/* --- Relu, Clip -------------------------------------------------------------------- */

static int clamp_build(struct mea_tnet *t, struct top *o)
{
	size_t c = (size_t)tnet_out(t, o)->map.c;
	float *unit = calloc(2 * c, sizeof(*unit));

	if (!unit)
		return mea_nomem();
	for (size_t i = 0; i < c; i++)
		unit[i] = 1.0f;
	o->state = unit;
	return 0;
}

static int clamp_forward(struct mea_tnet *t, struct top *o)
{
	const struct tvalue *y = tnet_out(t, o);
	const float *unit = o->state;
	struct mea_affine a = {unit, unit + y->map.c, o->lo, o->hi};

	mea_map_affine(&y->map, tnet_in(t, o, 0)->ptr, &a, NULL, y->ptr);
	return 0;
}

static int clamp_backward(struct mea_tnet *t, struct top *o)
{
	const struct tvalue *y = tnet_out(t, o);

	if (!o->gptr[0])
		return 0;
	mea_map_clamp_grad(&y->map, tnet_in(t, o, 0)->ptr, o->lo, o->hi, y->gptr[0], o->gptr[0]);
	tnet_grad_done(t, o, 0);
	return 0;
}

static void clamp_free(struct top *o)
{
	free(o->state);
}

const struct top_ops top_clamp = {
	.kind = TOP_OTHER,
	.build = clamp_build,
	.forward = clamp_forward,
	.backward = clamp_backward,
	.free = clamp_free,
};
