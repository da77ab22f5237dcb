/* SPDX-License-Identifier: Apache-2.0 */
/* What kernels.c and kernels_bn.c share; nobody else includes it. */
#ifndef MEA_TRAIN_KERNELS_INT_H
#define MEA_TRAIN_KERNELS_INT_H

#include <string.h>

#include "graph/hot.h"
#include "train/kernels.h"

#define INLINE static inline __attribute__((always_inline))

/*
 * Channels are few, so the vectors of the loops below run over spans: whole rows,
 * 256 elements or more of them, with the channels' factors repeated alongside.
 */
#define STRIP	  256
#define STRIP_MAX MEA_CHANNELS_MAX

static inline size_t span_of(const struct mea_map *m)
{
	size_t c = (size_t)m->c;

	return c * ((STRIP + c - 1) / c) <= STRIP_MAX ? c * ((STRIP + c - 1) / c) : c;
}

static inline void repeat(size_t span, size_t c, const float *v, float *out)
{
	for (size_t i = 0; i < span; i += c)
		memcpy(out + i, v, c * sizeof(*v));
}

static inline const void *at(const struct mea_map *m, const void *p, size_t element)
{
	return p ? (const char *)p + element * (m->bf16 ? 2 : 4) : NULL;
}

static inline void *at_mut(const struct mea_map *m, void *p, size_t element)
{
	return p ? (char *)p + element * (m->bf16 ? 2 : 4) : NULL;
}

INLINE void widen(size_t n, const uint16_t *in, float *out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = mea_from_bf16(in[i]);
}

INLINE void narrow(size_t n, const float *in, uint16_t *out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = mea_bf16(in[i]);
}

/* n elements from i on as floats: in place, or in room. */
INLINE const float *load(bool bf16, const void *p, size_t i, size_t n, float *room)
{
	if (!bf16)
		return (const float *)p + i;
	widen(n, (const uint16_t *)p + i, room);
	return room;
}

INLINE void store(bool bf16, void *p, size_t i, size_t n, const float *v)
{
	if (bf16)
		narrow(n, v, (uint16_t *)p + i);
	else
		memcpy((float *)p + i, v, n * sizeof(*v));
}

/* Adds a span's columns up to its channels. */
static inline void fold(size_t span, size_t c, const float *s, float *out)
{
	memcpy(out, s, c * sizeof(*s));
	for (size_t i = c; i < span; i += c)
		for (size_t j = 0; j < c; j++)
			out[j] += s[i + j];
}

#endif
