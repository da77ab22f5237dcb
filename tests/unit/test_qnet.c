// SPDX-License-Identifier: Apache-2.0
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "graph/qnet.h"
#include "mea.h"

/* One 1x1 convolution of two channels, everything in its simplest valid form. */
static struct mea_qnet *tiny(void)
{
	struct mea_qnet *net = calloc(1, sizeof(*net));
	struct mea_qlayer *l;

	net->tensors = calloc(3, sizeof(*net->tensors));
	net->n_tensors = 3;
	for (int i = 0; i < 3; i++)
		net->tensors[i] = (struct mea_qtensor){strdup("t"), 2, 4, 4, 0.5f, 0};
	net->layers = calloc(1, sizeof(*net->layers));
	net->n_layers = 1;
	l = net->layers;
	*l = (struct mea_qlayer){
		.op = MEA_Q_CONV,
		.name = strdup("conv_a"),
		.in = 0,
		.in2 = -1,
		.out = 1,
		.kh = 1,
		.kw = 1,
		.stride_h = 1,
		.stride_w = 1,
		.groups = 1,
		.mid_lo = -128,
		.mid_hi = 127,
	};
	l->weights = calloc(4, 1);
	l->bias = calloc(2, sizeof(*l->bias));
	l->mult = calloc(2, sizeof(*l->mult));
	l->shift = calloc(2, 1);
	net->n_inputs = net->n_outputs = 1;
	net->inputs[0] = 0;
	net->outputs[0] = 1;
	return net;
}

static void rejects(struct mea_qnet *net, const char *word)
{
	cr_assert_eq(mea_qnet_check(net), MEA_EINVAL, "%s was accepted", word);
	cr_assert(strstr(mea_errmsg(), word), "\"%s\" is not in: %s", word, mea_errmsg());
	mea_qnet_free(net);
}

Test(qnet, requant_is_within_half_a_unit_of_31_bits)
{
	srand(1);
	for (int i = 0; i < 20000; i++) {
		double s = ldexp(1 + rand() / (RAND_MAX + 1.0), rand() % 62 - 31);
		uint32_t mult;
		uint8_t shift;

		cr_assert_eq(mea_requant_from_scale(s, &mult, &shift), 0);
		cr_assert(mult >= 1u << 30 && mult < 1u << 31 && shift <= 62);
		cr_assert(fabs(ldexp(mult, -shift) - s) <= s * 0x1p-31 * 1.0001, "%.17g", s);
	}
}

Test(qnet, requant_at_its_limits)
{
	const double bad[] = {0, -1, NAN, INFINITY, 0x1p31};
	uint32_t mult;
	uint8_t shift;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_eq(mea_requant_from_scale(bad[i], &mult, &shift), MEA_EINVAL);
	cr_assert_eq(mea_requant_from_scale(1, &mult, &shift), 0);
	cr_assert(mult == 1u << 30 && shift == 30);
	/* A mantissa that rounds up to the next power of two. */
	cr_assert_eq(mea_requant_from_scale(nextafter(1, 0), &mult, &shift), 0);
	cr_assert(mult == 1u << 30 && shift == 30);
	cr_assert_eq(mea_requant_from_scale(nextafter(0x1p31, 0), &mult, &shift), 0);
	cr_assert(mult == INT32_MAX && shift == 0);
	cr_assert_eq(mea_requant_from_scale(0x1p-32, &mult, &shift), 0);
	cr_assert(mult == 1u << 30 && shift == 62);
	cr_assert_eq(mea_requant_from_scale(0x1p-33, &mult, &shift), 0);
	cr_assert(mult == 0);
}

Test(qnet, add_multipliers_share_one_power_of_two)
{
	uint32_t ma, mb;
	int shift;

	srand(2);
	for (int i = 0; i < 20000; i++) {
		double a = ldexp(1 + rand() / (RAND_MAX + 1.0), rand() % 44 - 22);
		double b = ldexp(1 + rand() / (RAND_MAX + 1.0), rand() % 44 - 22);
		double top = a > b ? a : b;

		cr_assert_eq(mea_add_from_scales(a, b, &ma, &mb, &shift), 0);
		cr_assert(ma < 1u << 23 && mb < 1u << 23 && shift >= 0 && shift <= 47);
		cr_assert((ma > mb ? ma : mb) >= 1u << 22);
		cr_assert(fabs(ldexp(ma, -shift) - a) <= top * 0x1p-22);
		cr_assert(fabs(ldexp(mb, -shift) - b) <= top * 0x1p-22);
	}
	cr_assert_eq(mea_add_from_scales(nextafter(1, 0), 1e-9, &ma, &mb, &shift), 0);
	cr_assert(ma == 1u << 22 && mb == 0 && shift == 22);
	cr_assert_eq(mea_add_from_scales(0x1p-40, 0x1p-41, &ma, &mb, &shift), 0);
	cr_assert(ma == 128 && mb == 64 && shift == 47);
	cr_assert_eq(mea_add_from_scales(0x1p23, 1, &ma, &mb, &shift), MEA_EINVAL);
	cr_assert_eq(mea_add_from_scales(0, 1, &ma, &mb, &shift), MEA_EINVAL);
	cr_assert_eq(mea_add_from_scales(1, NAN, &ma, &mb, &shift), MEA_EINVAL);
}

Test(qnet, macs_count_padded_taps_and_groups)
{
	struct mea_qnet *net = tiny();
	struct mea_qlayer *l = net->layers;

	cr_assert_eq(mea_qlayer_macs(net, l), 2 * 16 * 2);
	l->kh = l->kw = 3;
	l->pad_t = l->pad_l = l->pad_b = l->pad_r = 1;
	cr_assert_eq(mea_qlayer_macs(net, l), 2 * 16 * 9 * 2);
	l->groups = 2;
	cr_assert_eq(mea_qlayer_macs(net, l), 2 * 16 * 9);
	l->op = MEA_Q_MAXPOOL;
	cr_assert_eq(mea_qlayer_macs(net, l), 0);
	mea_qnet_free(net);
}

Test(qnet, check_accepts_the_plain_layer_and_names_the_bad_one)
{
	struct mea_qnet *net = tiny();

	cr_assert_eq(mea_qnet_check(net), 0, "%s", mea_errmsg());
	net->layers[0].groups = 3;
	rejects(net, "conv_a");
}

#define REJECTS(word, ...)                                                                         \
	do {                                                                                       \
		struct mea_qnet *net = tiny();                                                     \
		struct mea_qlayer *l = net->layers;                                                \
		struct mea_qtensor *t = net->tensors;                                              \
		(void)l;                                                                           \
		(void)t;                                                                           \
		__VA_ARGS__;                                                                       \
		rejects(net, word);                                                                \
	} while (0)

Test(qnet, check_rejects)
{
	REJECTS("shape", t[2].c = 0);
	REJECTS("shape", t[2].h = 1 << 20);
	REJECTS("scale", t[0].scale = NAN);
	REJECTS("zero point", t[1].zero_point = 128);
	REJECTS("input", net->n_inputs = 0);
	REJECTS("input", net->inputs[0] = 7);
	REJECTS("output", net->n_outputs = 5);
	REJECTS("never computed", net->outputs[0] = 2);
	REJECTS("output 0 is input 0", net->outputs[0] = 0);
	REJECTS("one tensor", net->n_outputs = 2, net->outputs[1] = 1);
	REJECTS("before it is computed", l->in = 2);
	REJECTS("computed twice", l->out = 0);
	REJECTS("index", l->in = -1);
	REJECTS("index", l->in2 = 3);
	REJECTS("unknown operation", l->op = (enum mea_qop)9);
	REJECTS("kernel", l->kh = 0);
	REJECTS("stride", l->stride_w = 0);
	REJECTS("padding", l->pad_l = -1);
	REJECTS("window", l->kh = 2);
	REJECTS("window", l->kh = 9);
	REJECTS("groups", l->groups = 0);
	REJECTS("weights", (free(l->weights), l->weights = NULL));
	REJECTS("bias", (free(l->bias), l->bias = NULL));
	REJECTS("mult[1]", l->mult[1] = 5);
	REJECTS("mult[0]", l->mult[0] = 1u << 31);
	REJECTS("shift[1]", l->shift[1] = 63);
	REJECTS("clamp", l->mid_lo = 3, l->mid_hi = 2);
	REJECTS("32 bits", l->bias[1] = INT32_MAX, l->weights[2] = 1);
	REJECTS("32 bits", l->bias[0] = INT32_MIN, l->weights[1] = -1);
	REJECTS("does not take 2", (l->op = MEA_Q_AVGPOOL, l->in2 = 0));
	REJECTS("does not take 1", l->op = MEA_Q_ADD);
	REJECTS("add multiplier", (l->in2 = 0, l->add_mb = 1u << 23));
	REJECTS("add shift", (l->in2 = 0, l->add_shift = 48));
	REJECTS("clamp", (l->in2 = 0, l->lo = -129));
	REJECTS("concat", (l->op = MEA_Q_CONCAT, l->in2 = 0));
	REJECTS("concat", (l->op = MEA_Q_CONCAT, l->in2 = 0, t[1].c = 4, t[1].scale = 1));
	REJECTS("do not fit", (l->op = MEA_Q_MUL, l->in2 = 0, t[1].h = 3));
	REJECTS("has a bias", (l->op = MEA_Q_MUL, l->in2 = 0, t[1].c = 2, l->bias[0] = 1));
	REJECTS("3 tables for 2", (l->op = MEA_Q_TABLE, l->groups = 3));
	REJECTS("wholly in the padding", (l->op = MEA_Q_MAXPOOL, l->pad_t = 1, t[1].h = 5));
	REJECTS("channels", (l->op = MEA_Q_AVGPOOL, t[1].c = 3));
}
