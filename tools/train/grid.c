// SPDX-License-Identifier: Apache-2.0
#include "train/grid.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "train/kernels.h"
#include "train/mem.h"
#include "train/rng.h"

#define PURPOSE_ROUND 6
#define BOUND_SHARE   0.001 /* more elements at the bound: the range is too small */

static int bound_of(const struct mea_grid *g)
{
	return (1 << (g->bits - 1)) - 1;
}

static int get(const struct mea_grid *g, size_t i)
{
	return g->q8 ? g->q8[i] : g->q16[i];
}

static void set(struct mea_grid *g, size_t i, double x)
{
	double bound = bound_of(g);

	x = x > bound ? bound : x < -bound ? -bound : x;
	if (g->q8)
		g->q8[i] = (int8_t)x;
	else
		g->q16[i] = (int16_t)x;
}

static int allocate(struct mea_grid *g, size_t n)
{
	if (g->bits > 8)
		g->q16 = mea_mem_new(MEA_MEM_WEIGHTS, n * sizeof(*g->q16));
	else
		g->q8 = mea_mem_new(MEA_MEM_WEIGHTS, n);
	return g->q8 || g->q16 ? 0 : mea_nomem();
}

void mea_grid_free(struct mea_grid *g)
{
	if (!g)
		return;
	mea_mem_free(g->q8);
	mea_mem_free(g->q16);
	mea_mem_free(g->momentum);
	free(g);
}

void mea_grid_expand(const struct mea_param *q, float *w)
{
	float unit = ldexpf(1, q->grid->exponent);

	for (size_t i = 0; i < q->n; i++)
		w[i] = (float)get(q->grid, i) * unit;
}

/* --- floats to integers and back ---------------------------------------------------------- */

/* The least grid that holds the largest weight; nearest values. */
static int start(struct mea_param *q, int bits, bool momenta)
{
	struct mea_grid *g = calloc(1, sizeof(*g));
	float top = 0;
	int rc;

	q->grid = g;
	if (!g)
		return mea_nomem();
	g->bits = bits;
	for (size_t i = 0; i < q->n; i++)
		top = fabsf(q->data[i]) > top ? fabsf(q->data[i]) : top;
	g->exponent = top > 0 ? (int)ceil(log2((double)top / bound_of(g))) : -bits;
	rc = allocate(g, q->n);
	if (!rc && momenta) {
		g->momentum = mea_mem_new(MEA_MEM_MOMENTA, q->n * sizeof(*g->momentum));
		rc = g->momentum ? 0 : mea_nomem();
	}
	for (size_t i = 0; i < q->n && !rc; i++)
		set(g, i, nearbyint(ldexp((double)q->data[i], -g->exponent)));
	return rc;
}

/* g's own floats of matrix q: one byte of them stays, by which a value is known as a constant. */
static int keep_in(struct mea_params *p, struct mea_graph *g, const struct mea_param *q, bool keep)
{
	struct mea_value *v = &g->values[q->value];
	size_t bytes = q->n * sizeof(float);
	void *data = realloc(v->data, keep ? bytes : 1);

	if (!data)
		return keep ? mea_nomem() : 0;
	v->data = data;
	p->file += keep ? bytes : 0 - bytes;
	mea_mem_count(MEA_MEM_FILES, keep ? (ptrdiff_t)bytes : -(ptrdiff_t)bytes);
	return 0;
}

int mea_grids_new(struct mea_params *p, struct mea_graph *g, const struct mea_grid_options *o,
		  bool momenta)
{
	int rc = 0;

	for (int i = 0; i < p->n && !rc; i++)
		if (p->list[i].rank > 1)
			rc = start(&p->list[i], o->weights == MEA_WEIGHTS_INT16 ? 16 : 8, momenta);
	if (!rc)
		rc = mea_params_move(p);
	for (int i = 0; i < p->n && !rc; i++)
		if (p->list[i].grid)
			rc = keep_in(p, g, &p->list[i], false);
	return rc;
}

int mea_grids_end(struct mea_params *p, struct mea_graph *g)
{
	struct mea_grid **grids = calloc((size_t)p->n + 1, sizeof(*grids));
	bool any = false;
	int rc = grids ? 0 : mea_nomem();

	for (int i = 0; i < p->n && !rc; i++) {
		grids[i] = p->list[i].grid;
		any = any || grids[i];
		if (grids[i])
			rc = keep_in(p, g, &p->list[i], true);
		p->list[i].grid = NULL;
	}
	if (!rc && any)
		rc = mea_params_move(p);
	for (int i = 0; i < p->n && grids; i++) {
		if (!grids[i])
			continue;
		p->list[i].grid = grids[i];
		if (rc)
			continue;
		mea_grid_expand(&p->list[i], p->list[i].data);
		p->list[i].grid = NULL;
		mea_grid_free(grids[i]);
	}
	free(grids);
	if (!rc && any)
		mea_params_store(p, g);
	return rc;
}

/* --- steps ---------------------------------------------------------------------------------- */

/* Another grid, `up` powers of two coarser, or finer and so exact. */
static int rescale(struct mea_param *q, int bits, int up)
{
	struct mea_grid *g = q->grid, old = *g;
	int rc = 0;

	g->bits = bits;
	g->exponent += up;
	if ((bits > 8) != (old.bits > 8)) {
		g->q8 = NULL;
		g->q16 = NULL;
		rc = allocate(g, q->n);
	}
	for (size_t i = 0; i < q->n && !rc; i++)
		set(g, i, nearbyint(ldexp(get(&old, i), -up)));
	if (g->q8 != old.q8 || g->q16 != old.q16) {
		mea_mem_free(old.q8);
		mea_mem_free(old.q16);
	}
	return rc;
}

/*
 * The range grows where elements stand at its end. With auto, a layer whose steps are so far below
 * a unit that rounding stops them (nearest), or that noise drowns them (stochastic), gets as many
 * bits more as it lacks; one whose steps are many units gets one less.
 */
static int look(struct mea_param *q, const struct mea_grid_options *o)
{
	struct mea_grid *g = q->grid;
	double u = g->progress / MEA_GRID_LOOK, least = o->nearest ? 0.3 : 0.02;
	double bound = g->bound / MEA_GRID_LOOK;
	int more;

	g->progress = g->bound = 0;
	if (bound > BOUND_SHARE)
		return rescale(q, g->bits, 1);
	if (o->weights != MEA_WEIGHTS_AUTO)
		return 0;
	if (u < least && u > 0 && g->bits < o->most) {
		more = (int)ceil(log2(least / u));
		more = more > o->most - g->bits ? o->most - g->bits : more;
		return rescale(q, g->bits + more, -more);
	}
	return u > 4 && g->bits > 8 ? rescale(q, g->bits - 1, 1) : 0;
}

/* What is taken off element i, whose value is w. */
static float update(struct mea_grid *g, size_t i, float w, float grad, float decay,
		    const struct mea_sgd *s, double *size)
{
	float d = grad + decay * w, v = d;

	*size += fabs((double)d);
	if (g->momentum) {
		v = s->momentum * mea_from_bf16(g->momentum[i]) + d;
		g->momentum[i] = mea_bf16(v);
		v = d + s->momentum * mea_from_bf16(g->momentum[i]);
	}
	return s->rate * v;
}

int mea_grid_step(struct mea_param *q, int layer, const float *grad, const struct mea_sgd *s,
		  float top, const struct mea_grid_options *o, int64_t step)
{
	struct mea_grid *g = q->grid;
	float unit = ldexpf(1, g->exponent), decay = q->decay ? s->decay : 0.0f;
	double per_unit = ldexp(1, -g->exponent), size = 0;
	uint64_t place = (uint64_t)layer << 40;
	size_t at_bound = 0;

	for (size_t i = 0; i < q->n; i++) {
		int now = get(g, i);
		float u = update(g, i, (float)now * unit, grad[i], decay, s, &size);
		double r = 0.5, x = now - (double)u * per_unit;

		if (!o->nearest) {
			struct mea_rng rng =
				mea_rng_at(o->seed, PURPOSE_ROUND, (uint64_t)step, place | i);

			r = mea_rng_unit(&rng);
		}
		set(g, i, mea_round_by(x, r));
		at_bound += abs(get(g, i)) == bound_of(g);
	}
	g->progress += size / (double)q->n * (double)top * per_unit;
	g->bound += (double)at_bound / (double)q->n;
	return (step + 1) % MEA_GRID_LOOK ? 0 : look(q, o);
}

/* --- checkpoints ----------------------------------------------------------------------------- */

struct saved {
	int32_t bits, exponent;
	double progress, bound;
};

size_t mea_grids_bytes(const struct mea_params *p)
{
	size_t bytes = 0;

	for (int i = 0; i < p->n; i++)
		if (p->list[i].grid)
			bytes += sizeof(struct saved) +
				 p->list[i].n * (p->list[i].grid->momentum ? 4 : 2);
	return bytes;
}

void mea_grids_save(const struct mea_params *p, void *to)
{
	char *at = to;

	for (int i = 0; i < p->n; i++) {
		const struct mea_grid *g = p->list[i].grid;
		size_t n = p->list[i].n;
		struct saved s;

		if (!g)
			continue;
		s = (struct saved){g->bits, g->exponent, g->progress, g->bound};
		memcpy(at, &s, sizeof(s));
		at += sizeof(s);
		for (size_t j = 0; j < n; j++, at += 2)
			memcpy(at, &(int16_t){(int16_t)get(g, j)}, 2);
		if (g->momentum) {
			memcpy(at, g->momentum, 2 * n);
			at += 2 * n;
		}
	}
}

static int load_one(struct mea_param *q, const struct saved *s, const char *at)
{
	struct mea_grid *g = q->grid;
	int rc;

	if (s->bits < 8 || s->bits > 16)
		return mea_fail(MEA_EINVAL, "%s: has %d bits in the checkpoint", q->name, s->bits);
	mea_mem_free(g->q8);
	mea_mem_free(g->q16);
	g->q8 = NULL;
	g->q16 = NULL;
	g->bits = s->bits;
	g->exponent = s->exponent;
	g->progress = s->progress;
	g->bound = s->bound;
	rc = allocate(g, q->n);
	for (size_t j = 0; j < q->n && !rc; j++, at += 2) {
		int16_t x;

		memcpy(&x, at, 2);
		set(g, j, x);
	}
	if (!rc && g->momentum)
		memcpy(g->momentum, at, 2 * q->n);
	return rc;
}

int mea_grids_load(struct mea_params *p, const void *from)
{
	const char *at = from;
	int rc = 0;

	for (int i = 0; i < p->n && !rc; i++) {
		struct mea_param *q = &p->list[i];
		struct saved s;

		if (!q->grid)
			continue;
		memcpy(&s, at, sizeof(s));
		rc = load_one(q, &s, at + sizeof(s));
		at += sizeof(s) + q->n * (q->grid->momentum ? 4 : 2);
	}
	return rc;
}
