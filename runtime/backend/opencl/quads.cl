// SPDX-License-Identifier: Apache-2.0
/*
 * From accumulators to bytes with AVX-512, four vectors at a time: 64 bytes.
 *
 * Rounding: a channel's multiplier lies between two floats, or is the lower one. Sums
 * times either, added to MAGIC in one rounding (an FMA), give two integers. Rounding is
 * monotonic, so where the two are equal they are the exact result. Where not, the four
 * vectors are computed again with 64-bit integers. What is too large for a byte saturates,
 * also where a float is no integer's any more; below -MAGIC, where the difference of two
 * integers could wrap around, one float is so far from the next that the two differ.
 */
#if VARIANT >= 1

#define MAGIC_BITS 0x4b400000
#define EVERY_BYTE 0x01010101

typedef int16 far_ints __attribute__((aligned(1)));
typedef int8 far_ints8 __attribute__((aligned(1)));
typedef int4 far_ints4 __attribute__((aligned(1)));
#define LOAD_64(p)     (*(const global far_ints *)(p))
#define STORE_64(p, v) (*(global far_ints *)(p) = (v))
#define STORE_32(p, v) (*(global far_ints8 *)(p) = (v))
#define STORE_16(p, v) (*(global far_ints4 *)(p) = (v))

/* d = a op b; d += a op b */
#define ASM(op, d, a, b)     __asm__(op " %2, %1, %0" : "=v"(d) : "v"(a), "v"(b))
#define ASM_ADD(op, d, a, b) __asm__(op " %2, %1, %0" : "+v"(d) : "v"(a), "v"(b))
#define FMA(d, a, b)	     ASM_ADD("vfmadd231ps", d, a, b)
#define DOT(d, x, w)	     ASM_ADD("vpdpbusd", d, x, w)

/* What the end of a layer needs, once per layer in registers. */
struct quad_end {
	float16 mid_lo, mid_hi, fa, fb, eps;
	int16 base, in2_base, lo, hi;
	int ulps;
	bool has_in2;
};

/* Four vectors, or a parameter of each. */
struct quad {
	int16 a, b, c, d;
};

static struct quad_end quad_end_of(const global struct mea_cl_layer *l)
{
	int zero = l->has_in2 ? l->out_zero : l->mid_zero;
	int lo = l->has_in2 ? l->lo : l->mid_lo, hi = l->has_in2 ? l->hi : l->mid_hi;
	struct quad_end e;

	/* Not a part of what is added before rounding: that must leave even what is even. */
	e.base = (int16)(MAGIC_BITS - (zero + 128));
	e.mid_lo = (float16)(MAGIC + l->flo);
	e.mid_hi = (float16)(MAGIC + l->fhi);
	e.fa = (float16)l->fa;
	e.fb = (float16)l->fb;
	e.eps = (float16)l->add_eps;
	e.in2_base = (int16)(l->in2_zero + 128);
	e.lo = (int16)((lo + 128) * EVERY_BYTE);
	e.hi = (int16)((hi + 128) * EVERY_BYTE);
	e.ulps = l->ulps;
	e.has_in2 = l->has_in2;
	return e;
}

/* Sums of a vector, bias included, to q + 128, not yet clamped. low: the lower ones of
 * the floats about the multipliers. */
static inline __attribute__((always_inline)) int16 rescale(const struct quad_end *e, int16 acc,
							   int16 low, int16 *doubt)
{
	float16 v = convert_float16(acc), t = (float16)MAGIC, u = t;

	FMA(t, v, as_float16(low));
	FMA(u, v, as_float16(low + e->ulps));
	*doubt |= as_int16(t) ^ as_int16(u);
	return as_int16(t) - e->base;
}

/* The same with the residual, whose bytes are at r. */
static inline __attribute__((always_inline)) int16 rescale_add(const struct quad_end *e, int16 acc,
							       int16 low, bytes_in r, int16 *doubt)
{
	float16 x = convert_float16(convert_int16(LOAD_BYTES(r)) - e->in2_base);
	float16 v = convert_float16(acc), t = (float16)MAGIC, u = t, sum = x * e->fb;

	FMA(t, v, as_float16(low));
	FMA(u, v, as_float16(low + e->ulps));
	*doubt |= as_int16(t) ^ as_int16(u);
	t = t < e->mid_lo ? e->mid_lo : t;
	t = t > e->mid_hi ? e->mid_hi : t;
	FMA(sum, t - MAGIC, e->fa);
	t = (sum - e->eps) + MAGIC;
	u = (sum + e->eps) + MAGIC;
	*doubt |= as_int16(t) ^ as_int16(u);
	return as_int16(t) - e->base;
}

static bool any_bit(int16 v)
{
	bool some;

	__asm__("vptestmd %1, %1, %%k1\n\tkortestw %%k1, %%k1" : "=@ccnz"(some) : "v"(v) : "k1");
	return some;
}

/* Clamped bytes of q; every 16 of them hold four of a, of b, of c, of d. */
static inline __attribute__((always_inline)) int16 packed(const struct quad_end *e,
							  const struct quad *q)
{
	int16 ab, cd, y;

	ASM("vpackssdw", ab, q->a, q->b);
	ASM("vpackssdw", cd, q->c, q->d);
	ASM("vpackuswb", y, ab, cd);
	ASM("vpmaxub", y, y, e->lo);
	ASM("vpminub", y, y, e->hi);
	return y;
}

/*
 * Ends four vectors: their bytes in the order of packed(). low: the multipliers,
 * r: the residuals. Where a bit of *doubt is set after it, the bytes may be wrong.
 */
static inline __attribute__((always_inline)) int16 end_quad(const struct quad_end *e,
							    const struct quad *q,
							    const struct quad *low,
							    const bytes_in r[4], int16 *doubt)
{
	struct quad v;

	if (e->has_in2) {
		v.a = rescale_add(e, q->a, low->a, r[0], doubt);
		v.b = rescale_add(e, q->b, low->b, r[1], doubt);
		v.c = rescale_add(e, q->c, low->c, r[2], doubt);
		v.d = rescale_add(e, q->d, low->d, r[3], doubt);
	} else {
		v.a = rescale(e, q->a, low->a, doubt);
		v.b = rescale(e, q->b, low->b, doubt);
		v.c = rescale(e, q->c, low->c, doubt);
		v.d = rescale(e, q->d, low->d, doubt);
	}
	return packed(e, &v);
}

/* Bytes of a, then of b, of c, of d. */
static int16 in_order(int16 v)
{
	return __builtin_shufflevector(v, v, 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
}

#endif
