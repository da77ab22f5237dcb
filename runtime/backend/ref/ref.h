/* SPDX-License-Identifier: Apache-2.0 */
/* The integer reference: the executable definition of qnet.h's arithmetic. */
#ifndef MEA_BACKEND_REF_H
#define MEA_BACKEND_REF_H

#include <stdint.h>

#include "graph/qnet.h"

/* v / 2^s to the nearest integer, ties to even; s in 0 .. 62, |v| <= 2^62. */
static inline int64_t mea_rne_shift(int64_t v, int s)
{
	if (s == 0)
		return v;
	/* A half less one bit carries on everything above a tie; the bit that
	 * makes an odd quotient carry on the tie itself is added back. */
	return (v + (INT64_C(1) << (s - 1)) - 1 + (v >> s & 1)) >> s;
}

/* The accumulator's way to int8: clamp(RNE(acc * mult >> shift) + zero, lo, hi). */
static inline int mea_requant(int32_t acc, uint32_t mult, int shift, int zero, int lo, int hi)
{
	int64_t v = mea_rne_shift((int64_t)acc * mult, shift) + zero;

	return (int)(v < lo ? lo : v > hi ? hi : v);
}

/*
 * Computes one layer of a net that mea_qnet_check() accepts. in, in2 (NULL when
 * the layer has none) and out are NHWC int8 of the tensors' shapes; out is the
 * caller's and must not overlap the inputs. Pure: no state, any thread.
 * Returns 0 or MEA_ENOMEM.
 */
int mea_ref_layer(const struct mea_qnet *net, const struct mea_qlayer *l, const int8_t *in,
		  const int8_t *in2, int8_t *out);

#endif
