// SPDX-License-Identifier: Apache-2.0
/* Batches: random crops, mirroring, cutout (DeVries and Taylor, arXiv 1708.04552), mixup
 * (Zhang et al., ICLR 2018), label smoothing. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "train/kernels.h"
#include "train/mem.h"
#include "train/rng.h"
#include "train/set.h"

#define PURPOSE_IMAGE 3
#define PURPOSE_MIX   4

int mea_batch_new(const struct mea_set *s, int n, int classes, struct mea_batch *b)
{
	size_t bytes = (size_t)s->width * (size_t)s->height * 3;

	*b = (struct mea_batch){
		.n = n,
		.whole = n,
		.classes = classes,
		.rgb = mea_mem_new(MEA_MEM_IMAGES, (size_t)n * bytes),
		.target = mea_mem_new(MEA_MEM_IMAGES, (size_t)n * (size_t)classes * sizeof(float)),
		.label = malloc((size_t)n * sizeof(int)),
		.other = mea_mem_new(MEA_MEM_IMAGES, (size_t)n * bytes),
		.other_target =
			mea_mem_new(MEA_MEM_IMAGES, (size_t)n * (size_t)classes * sizeof(float)),
	};
	if (b->rgb && b->target && b->label && b->other && b->other_target)
		return 0;
	mea_batch_free(b);
	return mea_nomem();
}

void mea_batch_free(struct mea_batch *b)
{
	mea_mem_free(b->rgb);
	mea_mem_free(b->target);
	free(b->label);
	mea_mem_free(b->other);
	mea_mem_free(b->other_target);
	*b = (struct mea_batch){0};
}

/* --- one image ------------------------------------------------------------------- */

static void fill(const struct mea_augment *a, uint8_t *rgb, int n)
{
	for (int i = 0; i < n; i++)
		memcpy(rgb + i * 3, a->fill, 3);
}

/* Output pixel (y, x) is input pixel (y + dy, x + dx), of the mirrored image if so. */
static void move(const struct mea_set *s, const uint8_t *in, int dy, int dx, bool mirror,
		 const struct mea_augment *a, uint8_t *out)
{
	for (int y = 0; y < s->height; y++)
		for (int x = 0; x < s->width; x++, out += 3) {
			int sy = y + dy, sx = mirror ? s->width - 1 - (x + dx) : x + dx;

			if (sy < 0 || sy >= s->height || sx < 0 || sx >= s->width)
				memcpy(out, a->fill, 3);
			else
				memcpy(out, in + (sy * s->width + sx) * 3, 3);
		}
}

/* The square's centre may lie anywhere, so that it is often cut off at the border. */
static void cover(const struct mea_set *s, const struct mea_augment *a, struct mea_rng *r,
		  uint8_t *out)
{
	int y0 = (int)mea_rng_below(r, (uint32_t)s->height) - a->cutout / 2;
	int x0 = (int)mea_rng_below(r, (uint32_t)s->width) - a->cutout / 2;
	int y1 = y0 + a->cutout < s->height ? y0 + a->cutout : s->height;
	int x1 = x0 + a->cutout < s->width ? x0 + a->cutout : s->width;

	x0 = x0 > 0 ? x0 : 0;
	for (int y = y0 > 0 ? y0 : 0; y < y1; y++)
		if (x1 > x0)
			fill(a, out + (y * s->width + x0) * 3, x1 - x0);
}

static void image(const struct mea_set *s, uint32_t index, const struct mea_augment *a,
		  uint64_t seed, int epoch, uint8_t *out)
{
	size_t bytes = (size_t)s->width * (size_t)s->height * 3;
	struct mea_rng r = mea_rng_at(seed, PURPOSE_IMAGE, (uint64_t)epoch, index);
	int dy = 0, dx = 0;

	if (a->pad) {
		dy = (int)mea_rng_below(&r, (uint32_t)(2 * a->pad + 1)) - a->pad;
		dx = (int)mea_rng_below(&r, (uint32_t)(2 * a->pad + 1)) - a->pad;
	}
	move(s, s->rgb + index * bytes, dy, dx, a->mirror && mea_rng_next(&r) >> 63, a, out);
	if (a->cutout)
		cover(s, a, &r, out);
}

/* --- the batch ---------------------------------------------------------------------- */

/* A share from Beta(p, p), by Johnk's method: p is at most 1 here. */
static float beta(struct mea_rng *r, float p)
{
	double x, y;

	do {
		x = pow(mea_rng_unit(r), 1 / (double)p);
		y = pow(mea_rng_unit(r), 1 / (double)p);
	} while (x + y > 1 || x + y == 0);
	return (float)(x / (x + y));
}

/* What a batch is made by. */
struct making {
	const struct mea_pick *pick;
	const uint32_t *order;
	const int *map;
	float smoothing;
	const struct mea_augment *a;
	uint64_t seed;
	int epoch;
	size_t step;
};

/* Image i of the whole batch and its target; returns its label. */
static int single(const struct mea_batch *b, const struct making *m, int i, uint8_t *rgb,
		  float *target)
{
	const struct mea_set *s = m->pick->set;
	uint32_t index = m->pick->index[m->order[m->step * (size_t)b->whole + (size_t)i]];
	int label = m->map ? m->map[s->label[index]] : s->label[index];
	float even = m->smoothing / (float)b->classes;

	image(s, index, m->a, m->seed, m->epoch, rgb);
	for (int j = 0; j < b->classes; j++)
		target[j] = label < 0 ? 0 : even;
	if (label >= 0)
		target[label] += 1 - m->smoothing;
	return label;
}

/* Mixes image i of the slice with its opposite in the whole, which is made again: it may be of
 * another slice. */
static void mix(struct mea_batch *b, const struct making *m, int i, float share, size_t bytes)
{
	float *t = b->target + (size_t)i * (size_t)b->classes;
	float *u = b->other_target + (size_t)i * (size_t)b->classes;
	uint8_t *p = b->rgb + (size_t)i * bytes, *q = b->other + (size_t)i * bytes;

	single(b, m, b->whole - 1 - (b->first + i), q, u);
	for (size_t j = 0; j < bytes; j++)
		p[j] = (uint8_t)(share * (float)p[j] + (1 - share) * (float)q[j] + 0.5f);
	for (int j = 0; j < b->classes; j++)
		t[j] = share * t[j] + (1 - share) * u[j];
}

void mea_batch_fill(struct mea_batch *b, const struct mea_pick *p, const uint32_t *order,
		    const int *map, float smoothing, const struct mea_augment *a, uint64_t seed,
		    int epoch, size_t step)
{
	size_t bytes = (size_t)p->set->width * (size_t)p->set->height * 3;
	struct making m = {p, order, map, smoothing, a, seed, epoch, step};
	float share = 1;

	if (a->mixup > 0) {
		struct mea_rng r = mea_rng_at(seed, PURPOSE_MIX, (uint64_t)epoch, step);

		/* The larger share keeps its place, so that labels stay those of the batch. */
		share = beta(&r, a->mixup);
		share = share < 0.5f ? 1 - share : share;
	}
#pragma omp parallel for schedule(static)
	for (int i = 0; i < b->n; i++) {
		b->label[i] = single(b, &m, b->first + i, b->rgb + (size_t)i * bytes,
				     b->target + (size_t)i * (size_t)b->classes);
		/* The middle one of an odd number has no opposite. */
		if (a->mixup > 0 && 2 * (b->first + i) != b->whole - 1)
			mix(b, &m, i, share, bytes);
	}
}

void mea_batch_normalise(const uint8_t *rgb, size_t pixels, const float mean[3], const float std[3],
			 bool bf16, void *out)
{
	float table[3][256];

	for (int c = 0; c < 3; c++)
		for (int v = 0; v < 256; v++)
			table[c][v] = ((float)v / 255.0f - mean[c]) / std[c];
#pragma omp parallel for schedule(static)
	for (size_t i = 0; i < pixels; i++)
		for (size_t c = 0; c < 3; c++) {
			float v = table[c][rgb[i * 3 + c]];

			if (bf16)
				((uint16_t *)out)[i * 3 + c] = mea_bf16(v);
			else
				((float *)out)[i * 3 + c] = v;
		}
}
