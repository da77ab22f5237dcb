// SPDX-License-Identifier: Apache-2.0
/*
 * Rounding in backend opencl against the integer reference, one result at a time: where
 * float cannot tell, the kernel computes a whole vector again, so among others a wrong
 * one would hide. Sums that lie so near a tie that float rounds them wrongly, sums and
 * multipliers of all sizes; with a residual and without.
 */
#include <criterion/criterion.h>

#include "backend/opencl/opencl.h"
#include "backend/ref/ref.h"
#include "base/error.h"
#include "../rtl/lib/random_net.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CASES 200
#define ROW   17 /* pixels: more than any tile's */
#define TRIES 1000000

enum { T_IN, T_RESIDUAL, T_OUT, TENSORS };

/* A layer on a row of equal pixels. Its weights are zero, so its sums are the bias; one
 * channel, or two alike, which make it depthwise. */
struct single {
	struct mea_qnet net;
	struct mea_qtensor tensors[TENSORS];
	struct mea_qlayer layer;
	int8_t weights[2 * 9], in[2 * ROW], residual[2 * ROW];
	int32_t bias[2];
	uint32_t mult[2];
	uint8_t shift[2];
};

static struct mea_backend *backend;
static char name[] = "one";

static void set_up(struct single *s, int channels, int width, bool residual)
{
	struct mea_qlayer *l = &s->layer;

	memset(s, 0, sizeof(*s));
	for (int t = 0; t < TENSORS; t++)
		s->tensors[t] = (struct mea_qtensor){name, channels, 1, width, 0.05f, 0};
	*l = (struct mea_qlayer){.op = MEA_Q_CONV,
				 .name = name,
				 .in = T_IN,
				 .in2 = residual ? T_RESIDUAL : -1,
				 .out = T_OUT,
				 .kh = 3,
				 .kw = 3,
				 .pad_t = 1,
				 .pad_l = 1,
				 .pad_b = 1,
				 .pad_r = 1,
				 .stride_h = 1,
				 .stride_w = 1,
				 .groups = channels,
				 .weights = s->weights,
				 .bias = s->bias,
				 .mult = s->mult,
				 .shift = s->shift,
				 .mid_lo = -128,
				 .mid_hi = 127,
				 .lo = -128,
				 .hi = 127};
	s->net = (struct mea_qnet){.tensors = s->tensors,
				   .n_tensors = TENSORS,
				   .layers = l,
				   .n_layers = 1,
				   .inputs = {T_IN, T_RESIDUAL},
				   .n_inputs = residual ? 2 : 1,
				   .outputs = {T_OUT},
				   .n_outputs = 1};
}

static void set_sum(struct single *s, int32_t sum, uint32_t mult, int shift)
{
	for (int c = 0; c < 2; c++) {
		s->bias[c] = sum;
		s->mult[c] = mult;
		s->shift[c] = (uint8_t)shift;
	}
}

static void check(struct single *s)
{
	const struct mea_backend_ops *ops = backend->ops;
	struct mea_buf *in[2] = {NULL, NULL}, *out = NULL;
	const struct mea_qlayer *l = &s->layer;
	int8_t want[2 * ROW], got[2 * ROW];
	int n = s->tensors[T_OUT].c * s->tensors[T_OUT].w;
	struct mea_job *job;
	struct mea_exec *e;

	cr_assert_eq(mea_ref_layer(&s->net, l, s->in, l->in2 < 0 ? NULL : s->residual, want), 0);
	cr_assert_eq(ops->prepare(backend, &s->net, &e), 0, "%s", mea_errmsg());
	for (int i = 0; i < s->net.n_inputs; i++) {
		cr_assert_eq(ops->buf_alloc(e, true, i, &in[i]), 0);
		cr_assert_eq(ops->buf_write(in[i], i ? s->residual : s->in), 0);
	}
	cr_assert_eq(ops->buf_alloc(e, false, 0, &out), 0);
	cr_assert_eq(ops->submit(e, in, &out, &job), 0, "%s", mea_errmsg());
	cr_assert_eq(ops->wait(job, -1, NULL), 0, "%s", mea_errmsg());
	cr_assert_eq(ops->buf_read(out, got), 0);
	for (int i = 0; i < n; i++)
		cr_assert_eq(got[i], want[i],
			     "%d, not %d: sum %d, multiplier %u >> %d; residual %d, %u, %u >> %d; "
			     "value %d of %d x %d channels",
			     got[i], want[i], s->bias[0], s->mult[0], s->shift[0], s->residual[0],
			     l->add_ma, l->add_mb, l->add_shift, i, s->tensors[T_OUT].w,
			     s->tensors[T_OUT].c);
	ops->buf_free(in[0]);
	ops->buf_free(in[1]);
	ops->buf_free(out);
	ops->release(e);
}

/* How far v / 2^shift lies from the nearest tie. */
static double from_tie(int64_t v, int shift)
{
	int64_t one = INT64_C(1) << shift;

	return fabs((double)((v & (one - 1)) - one / 2)) / (double)one;
}

static uint32_t any_mult(void)
{
	return 0x40000000u | (random_bits() & 0x3fffffff);
}

static int32_t any_sum(void)
{
	return (int32_t)random_bits() >> random_range(0, 30);
}

/* A half between two bytes. */
static double any_tie(void)
{
	return random_range(-128, 126) + 0.5;
}

/* Sums whose product with the multiplier float cannot tell from a tie. */
static void near_ties(int channels, int width)
{
	struct single s;
	int found = 0;

	set_up(&s, channels, width, false);
	for (int i = 0; i < TRIES && found < CASES; i++) {
		int shift = random_range(44, 60);
		uint32_t mult = any_mult();
		double tie = any_tie(), sum = rint(ldexp(tie, shift) / mult);

		if (fabs(sum) > INT32_MAX ||
		    from_tie((int64_t)sum * mult, shift) > fabs(tie) * 0x1p-24)
			continue;
		found++;
		set_sum(&s, (int32_t)sum, mult, shift);
		check(&s);
	}
	cr_expect_eq(found, CASES);
}

/* The same of the sum with the residual. */
static void near_ties_of_residuals(int channels, int width)
{
	struct single s;
	int found = 0;

	set_up(&s, channels, width, true);
	for (int i = 0; i < TRIES && found < CASES; i++) {
		int shift = random_range(22, 30), mid = random_range(-128, 127);
		int r = random_range(1, 127);
		uint32_t ma = 0x400000u | (random_bits() & 0x3fffff);
		double mb = rint((ldexp(any_tie(), shift) - (double)mid * ma) / r);

		if (mb < 0 || mb >= 0x1p23 ||
		    from_tie(mid * (int64_t)ma + r * (int64_t)mb, shift) >
			    ldexp(abs(mid) * (double)ma + r * mb, -shift - 24))
			continue;
		found++;
		set_sum(&s, mid, 0x40000000u, 30);
		memset(s.residual, r, sizeof(s.residual));
		s.layer.add_ma = ma;
		s.layer.add_mb = (uint32_t)mb;
		s.layer.add_shift = shift;
		check(&s);
	}
	cr_expect_eq(found, CASES);
}

/* Results that no byte holds, some of which no integer holds. */
static void far_results(int channels, int width)
{
	struct single s;

	for (int i = 0; i < CASES; i++) {
		set_up(&s, channels, width, i & 1);
		set_sum(&s, any_sum(), i % 5 ? any_mult() : 0, random_range(0, 40));
		memset(s.residual, random_range(-128, 127), sizeof(s.residual));
		s.layer.add_ma = random_bits() & 0x7fffff;
		s.layer.add_mb = random_bits() & 0x7fffff;
		s.layer.add_shift = random_range(0, 47);
		check(&s);
	}
}

static void rounding_test(enum mea_cl_variant variant)
{
	int rc = mea_opencl_open("threads=1", variant, &backend);

	if (rc == MEA_ENODEV)
		cr_skip_test("%s", mea_errmsg());
	cr_assert_eq(rc, 0, "%s", mea_errmsg());
	if (mea_cl_variant_below(variant) != variant)
		cr_skip_test("this CPU has no %s", mea_cl_variant_name(variant));
	cr_assert_eq(((struct mea_opencl *)backend)->d.variant, variant);
	random_seed(11 + (uint64_t)variant);
	for (int channels = 1; channels <= 2; channels++)
		for (int width = 1; width <= ROW; width += ROW - 1) {
			near_ties(channels, width);
			near_ties_of_residuals(channels, width);
			far_results(channels, width);
		}
	backend->ops->close(backend);
}

TestSuite(opencl_rounding, .timeout = 300);

Test(opencl_rounding, plain)
{
	rounding_test(MEA_CL_PLAIN);
}

Test(opencl_rounding, vnni)
{
	rounding_test(MEA_CL_VNNI);
}

Test(opencl_rounding, amx)
{
	rounding_test(MEA_CL_AMX);
}
