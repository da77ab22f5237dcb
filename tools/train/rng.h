/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random numbers by place: what is drawn depends on the seed and on what for
 * (stage, epoch, image), not on what was drawn before. A training that goes on from a
 * checkpoint therefore needs no generator's state. The mixing function is SplitMix64
 * (Steele, Lea and Flood, OOPSLA 2014).
 */
#ifndef MEA_TRAIN_RNG_H
#define MEA_TRAIN_RNG_H

#include <math.h>
#include <stdint.h>

struct mea_rng {
	uint64_t state;
};

static inline uint64_t mea_rng_next(struct mea_rng *r)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static inline struct mea_rng mea_rng_at(uint64_t seed, uint64_t purpose, uint64_t a, uint64_t b)
{
	struct mea_rng r = {seed};

	r.state = mea_rng_next(&r) ^ purpose;
	r.state = mea_rng_next(&r) ^ a;
	r.state = mea_rng_next(&r) ^ b;
	r.state = mea_rng_next(&r);
	return r;
}

/* 0 .. n - 1; the bias is under n / 2^32. */
static inline uint32_t mea_rng_below(struct mea_rng *r, uint32_t n)
{
	return (uint32_t)((mea_rng_next(r) >> 32) * n >> 32);
}

/* In (0, 1). */
static inline double mea_rng_unit(struct mea_rng *r)
{
	return ((double)(mea_rng_next(r) >> 12) + 0.5) * 0x1p-52;
}

/* Standard normal. */
static inline double mea_rng_normal(struct mea_rng *r)
{
	double u = mea_rng_unit(r), v = mea_rng_unit(r);

	return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

#endif
