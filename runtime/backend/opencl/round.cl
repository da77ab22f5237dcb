// SPDX-License-Identifier: Apache-2.0
/*
 * A whole network in one launch. Every work-item is a worker that walks the table
 * of layers; it needs no neighbour, so one work-item is a work-group. Vectors are
 * 16 channels wide.
 *
 * PATH chooses how a convolution multiplies: 0 plain OpenCL C, 1 vpdpbusd on 512-bit
 * registers, 2 tdpbusd on tiles (AMX).
 *
 * Rounding: requantisation is tried in float, with a bound on its error. Where a
 * result lies so near a tie that float cannot tell, the vector is computed again
 * with 64-bit integers; so all results are exact.
 */
#pragma OPENCL FP_CONTRACT OFF

typedef const global uchar *bytes_in;
typedef global uchar *bytes_out;

/*
 * Vectors in memory, wherever they lie; vload16() and vstore16() may move them a byte
 * at a time.
 */
typedef uchar16 bytes __attribute__((aligned(1)));
typedef char16 chars __attribute__((aligned(1)));
typedef int16 ints __attribute__((aligned(4)));
#define LOAD_BYTES(p)	  (*(const global bytes *)(p))
#define LOAD_INTS(p)	  (*(const global ints *)(p))
#define STORE_BYTES(p, v) (*(global bytes *)(p) = (v))

/* Adding it to a float under 2^22 rounds that to an integer, ties to even. */
#define MAGIC	    12582912.0f
#define MAGIC_BITS  0x4b400000
/* 3 roundings of 2^-24 each on values under 256 stay under 2^-14. */
#define FLOAT_LIMIT (0.5f - 0x1p-14f)

/* Two arguments that are always there make a struct of pointers of nine. */
struct spaces {
	bytes_out p[MEA_CL_SPACES];
};

static bytes_out at(const struct spaces *s, const global struct mea_cl_view *v)
{
	return s->p[v->space] + v->start + v->origin;
}

/* --- rounding ------------------------------------------------------------------- */

static long rne_shift(long v, int s)
{
	return s ? (v + (1L << (s - 1)) - 1 + (v >> s & 1)) >> s : v;
}

/* What the end of a layer needs, once per layer in registers. */
struct end {
	float flo, fhi, fa, fb, add_flo, add_fhi, add_limit;
	int base, add_base, in2_base, has_in2;
};

static struct end end_of(const global struct mea_cl_layer *l)
{
	struct end e;

	e.flo = l->flo;
	e.fhi = l->fhi;
	e.fa = l->fa;
	e.fb = l->fb;
	e.add_flo = l->add_flo;
	e.add_fhi = l->add_fhi;
	e.add_limit = l->add_limit;
	e.base = l->mid_zero + 128 - MAGIC_BITS;
	e.add_base = l->out_zero + 128 - MAGIC_BITS;
	e.in2_base = l->in2_zero + 128;
	e.has_in2 = l->has_in2;
	return e;
}

/* mid without its zero point, from integers alone. */
static long exact_mid(const global struct mea_cl_layer *l, int acc, uint mult, int shift)
{
	return clamp(rne_shift((long)acc * (long)mult, shift), (long)(l->mid_lo - l->mid_zero),
		     (long)(l->mid_hi - l->mid_zero));
}

static uchar exact_end(const global struct mea_cl_layer *l, long mid, bytes_in r)
{
	if (l->has_in2) {
		mid = mid * l->add_ma + ((long)*r - 128 - l->in2_zero) * l->add_mb;
		mid = clamp(rne_shift(mid, l->add_shift) + l->out_zero, (long)l->lo, (long)l->hi);
		return (uchar)(mid + 128);
	}
	return (uchar)(mid + l->mid_zero + 128);
}

/* p: the block's parameters; step 0 where all channels share the first. */
static void __attribute__((noinline)) exact_block(const global struct mea_cl_layer *l, int16 acc,
						  const global int *p, int step, bytes_in r,
						  bytes_out y)
{
	int a[16];

	*(ints *)a = acc;
	for (int i = 0; i < 16; i++) {
		const global int *q = p + i * step;

		y[i] = exact_end(l, exact_mid(l, a[i], (uint)q[32], q[48]), r + i);
	}
}

static float16 clampf(float16 v, float lo, float hi)
{
	v = v < lo ? lo : v;
	return v > hi ? hi : v;
}

static int16 far(float16 v, float16 rounded, float limit)
{
	return as_float16(as_int16(v - rounded) & 0x7fffffff) > limit;
}

static bool some(int16 v)
{
	return __builtin_reduce_or(v) != 0;
}

/* mid (a whole number, no zero point) and the residual at r: the sum, not yet rounded. */
static float16 residual(const struct end *e, float16 mid, bytes_in r)
{
	float16 x = convert_float16(convert_int16(LOAD_BYTES(r)) - e->in2_base);

	return clampf(mid * e->fa + x * e->fb, e->add_flo, e->add_fhi);
}

/* Accumulators of a block, bias included, to 16 bytes at y. r: the residual's bytes. */
static void finish(const global struct mea_cl_layer *l, const struct end *e, int16 acc,
		   float16 scale, const global int *p, int step, bytes_in r, bytes_out y)
{
	float16 v = clampf(convert_float16(acc) * scale, e->flo, e->fhi);
	float16 t = v + MAGIC, whole = t - MAGIC;
	int16 doubt = far(v, whole, FLOAT_LIMIT), result;

	if (e->has_in2) {
		v = residual(e, whole, r);
		t = v + MAGIC;
		doubt |= far(v, t - MAGIC, e->add_limit);
		result = as_int16(t) + e->add_base;
	} else {
		result = as_int16(t) + e->base;
	}
	STORE_BYTES(y, convert_uchar16(result));
	if (some(doubt))
		exact_block(l, acc, p, step, r, y);
}
