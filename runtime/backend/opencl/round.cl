// SPDX-License-Identifier: Apache-2.0
/*
 * A whole network in one launch. Every worker walks the table of layers; it needs
 * no neighbour, so it has a work-group of its own. Vectors are 16 channels wide.
 *
 * VARIANT chooses how a convolution multiplies: 0 plain OpenCL C, 1 vpdpbusd on 512-bit
 * registers, 2 tdpbusd on tile registers (AMX).
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

/* 1.5 * 2^23: adding it to a float under 2^22 rounds that to an integer, which is in
 * the lowest bits of the sum. */
#define MAGIC	    12582912.0f
/* 3 roundings of 2^-24 each on values under 256 stay under 2^-14. */
#define FLOAT_LIMIT (0.5f - 0x1p-14f)

/* Two arguments that are always there make a struct of pointers of nine. */
struct spaces {
	bytes_out p[MEA_CL_SPACES];
};

static bytes_out at(const struct spaces *s, const global struct mea_cl_address *a)
{
	return s->p[a->space] + a->start + a->origin;
}

/* --- rounding ------------------------------------------------------------------- */

static long rne_shift(long v, int s)
{
	return s ? (v + (1L << (s - 1)) - 1 + (v >> s & 1)) >> s : v;
}

/* What the end of a layer needs, once per layer in registers. */
struct end {
	float flo, fhi, fa, fb, add_flo, add_fhi, add_limit;
	float magic, add_magic; /* whose sums have the result in their lowest byte */
	int in2_base, has_in2;
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
	e.magic = MAGIC + (l->mid_zero + 128);
	e.add_magic = MAGIC + (l->out_zero + 128);
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

/* Accumulators of a block, bias included, to 16 bytes at y. r: the residual's bytes.
 * Where the result is not 0, the bytes may be wrong. */
static int16 finish(const struct end *e, int16 acc, float16 scale, bytes_in r, bytes_out y)
{
	float16 v = clampf(convert_float16(acc) * scale, e->flo, e->fhi);
	float16 t = v + e->magic, whole = t - e->magic;
	int16 doubt = far(v, whole, FLOAT_LIMIT);

	if (e->has_in2) {
		v = residual(e, whole, r);
		t = v + e->add_magic;
		doubt |= far(v, t - e->add_magic, e->add_limit);
	}
	STORE_BYTES(y, convert_uchar16(as_int16(t)));
	return doubt;
}

static void finish_one(const global struct mea_cl_layer *l, const struct end *e, int16 acc,
		       float16 scale, const global int *p, int step, bytes_in r, bytes_out y)
{
	if (some(finish(e, acc, scale, r, y)))
		exact_block(l, acc, p, step, r, y);
}

/* Four pixels of a block, 16 accumulators each from sum on. */
static void finish_four(const global struct mea_cl_layer *l, const struct end *e, const int *sum,
			const global int *p, bytes_in r0, bytes_in r1, bytes_in r2, bytes_in r3,
			bytes_out y0, bytes_out y1, bytes_out y2, bytes_out y3)
{
	float16 scale = as_float16(LOAD_INTS(p + 16));
	const ints *acc = (const ints *)sum;
	int16 doubt = finish(e, acc[0], scale, r0, y0) | finish(e, acc[1], scale, r1, y1) |
		      finish(e, acc[2], scale, r2, y2) | finish(e, acc[3], scale, r3, y3);

	if (some(doubt)) {
		exact_block(l, acc[0], p, 1, r0, y0);
		exact_block(l, acc[1], p, 1, r1, y1);
		exact_block(l, acc[2], p, 1, r2, y2);
		exact_block(l, acc[3], p, 1, r3, y3);
	}
}
