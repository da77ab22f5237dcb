// SPDX-License-Identifier: Apache-2.0
/*
 * The integer reference against a second, naive implementation written from
 * qnet.h: one output element at a time, exact rational rounding.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "backend/ref/ref.h"

static uint64_t state = 88172645463325252u;

static uint32_t rnd(uint32_t n) /* 0 .. n - 1 */
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)((state >> 20) % n);
}

static int between(int lo, int hi)
{
	return lo + (int)rnd((uint32_t)(hi - lo + 1));
}

/* a / 2^s, nearest, ties to even, by comparing twice the remainder. */
static int64_t naive_round(__int128 a, int s)
{
	__int128 d = (__int128)1 << s, q = a / d, r = a % d;

	if (r < 0) {
		q--;
		r += d;
	}
	if (2 * r > d || (2 * r == d && q % 2 != 0))
		q++;
	return (int64_t)q;
}

static int naive_clamp(int64_t v, int lo, int hi)
{
	return v < lo ? lo : v > hi ? hi : (int)v;
}

static int at(const struct mea_qtensor *t, const int8_t *d, int y, int x, int c, int outside)
{
	if (y < 0 || y >= t->h || x < 0 || x >= t->w)
		return outside;
	return d[(y * t->w + x) * t->c + c];
}

static int naive_element(const struct mea_qnet *net, const struct mea_qlayer *l, const int8_t *a,
			 const int8_t *b, int oy, int ox, int oc)
{
	const struct mea_qtensor *in = &net->tensors[l->in], *out = &net->tensors[l->out];
	int icg = in->c / (l->groups ? l->groups : 1), i = 0, taps = 0;
	int64_t acc = 0;
	uint32_t mult;
	uint8_t shift;
	int mid;

	if (l->op == MEA_Q_CONCAT)
		return oc < in->c ? at(in, a, oy, ox, oc, 0)
				  : at(&net->tensors[l->in2], b, oy, ox, oc - in->c, 0);
	if (l->op == MEA_Q_TABLE) {
		int x = at(in, a, oy, ox, oc, 0);

		return l->weights[(l->groups > 1 ? 256 * oc : 0) + (x < 0 ? x + 256 : x)];
	}
	if (l->op == MEA_Q_ADD) {
		mid = at(in, a, oy, ox, oc, 0);
		goto residual;
	}
	if (l->op == MEA_Q_MUL) {
		const struct mea_qtensor *t = &net->tensors[l->in2];
		bool map = t->h * t->w > 1;

		acc = (at(in, a, oy, ox, oc, 0) - in->zero_point) *
		      (at(t, b, map ? oy : 0, map ? ox : 0, oc, 0) - t->zero_point);
		return naive_clamp(naive_round((__int128)acc * l->mult[0], l->shift[0]) +
					   l->mid_zero,
				   l->mid_lo, l->mid_hi);
	}
	if (l->op == MEA_Q_MAXPOOL)
		acc = -128;
	for (int ky = 0; ky < l->kh; ky++) {
		for (int kx = 0; kx < l->kw; kx++) {
			int y = oy * l->stride_h + ky - l->pad_t;
			int x = ox * l->stride_w + kx - l->pad_l;

			taps += y >= 0 && y < in->h && x >= 0 && x < in->w;
			if (l->op == MEA_Q_CONV) {
				int first = oc / (out->c / l->groups) * icg;

				for (int ic = 0; ic < icg; ic++)
					acc += at(in, a, y, x, first + ic, in->zero_point) *
					       l->weights[((oc * l->kh + ky) * l->kw + kx) * icg +
							  ic];
			} else if (l->op == MEA_Q_AVGPOOL) {
				acc += at(in, a, y, x, oc, in->zero_point);
			} else {
				int v = at(in, a, y, x, oc, -128);

				acc = v > acc ? v : acc;
			}
		}
	}
	if (l->op == MEA_Q_CONV)
		i = oc;
	mult = l->mult[i];
	shift = l->shift[i];
	if (l->op == MEA_Q_AVGPOOL && l->exclude_pad)
		cr_assert_eq(mea_qavg_requant(net, l, taps, &mult, &shift), 0);
	mid = naive_clamp(naive_round((__int128)(acc + l->bias[i]) * mult, shift) + l->mid_zero,
			  l->mid_lo, l->mid_hi);
residual:
	if (l->in2 < 0)
		return mid;
	return naive_clamp(
		naive_round((__int128)(mid - l->mid_zero) * l->add_ma +
				    (__int128)(at(&net->tensors[l->in2], b, oy, ox, oc, 0) -
					       net->tensors[l->in2].zero_point) *
					    l->add_mb,
			    l->add_shift) +
			out->zero_point,
		l->lo, l->hi);
}

static int8_t *random_bytes(size_t n)
{
	int8_t *p = malloc(n);

	for (size_t i = 0; i < n; i++)
		p[i] = rnd(16) ? (int8_t)rnd(256) : rnd(2) ? 127 : -128;
	return p;
}

static size_t size_of(const struct mea_qtensor *t)
{
	return (size_t)t->c * t->h * t->w;
}

static void clamp_pair(int *lo, int *hi)
{
	*lo = rnd(2) ? -128 : between(-128, 0);
	*hi = rnd(2) ? 127 : between(*lo, 127);
}

/* Sets window, strides and pads at random and the output's size by them. */
static void random_window(struct mea_qlayer *l, const struct mea_qtensor *in,
			  struct mea_qtensor *out, bool pool)
{
	do {
		l->kh = between(1, 7);
		l->kw = between(1, 7);
		l->stride_h = between(1, 3);
		l->stride_w = between(1, 3);
		l->pad_t = between(0, pool ? l->kh - 1 : 4);
		l->pad_l = between(0, pool ? l->kw - 1 : 4);
		l->pad_b = between(0, pool ? l->kh - 1 : 4);
		l->pad_r = between(0, pool ? l->kw - 1 : 4);
	} while (l->kh > in->h + l->pad_t + l->pad_b || l->kw > in->w + l->pad_l + l->pad_r);
	out->h = (in->h + l->pad_t + l->pad_b - l->kh) / l->stride_h + 1;
	out->w = (in->w + l->pad_l + l->pad_r - l->kw) / l->stride_w + 1;
}

/* Multipliers around the scale that spreads an accumulator over int8. */
static void random_requant(struct mea_qlayer *l, int n, double typical)
{
	l->bias = malloc(sizeof(*l->bias) * n);
	l->mult = malloc(sizeof(*l->mult) * n);
	l->shift = malloc(n);
	for (int i = 0; i < n; i++) {
		double s = typical * (0.25 + rnd(1000) / 250.0);

		l->bias[i] = between(-(int)(100 / s) - 1, (int)(100 / s) + 1);
		/* Powers of two make ties frequent. */
		if (rnd(3) == 0)
			s = 1.0 / (1 << between(0, 6));
		cr_assert_eq(mea_requant_from_scale(s, &l->mult[i], &l->shift[i]), 0);
		if (rnd(20) == 0)
			l->mult[i] = 0;
	}
	l->mid_zero = between(-128, 127);
	clamp_pair(&l->mid_lo, &l->mid_hi);
}

static void random_add(struct mea_qlayer *l)
{
	l->add_ma = rnd(4) ? rnd(1 << 23) : 1u << rnd(23);
	l->add_mb = rnd(4) ? rnd(1 << 23) : 1u << rnd(23);
	l->add_shift = between(20, 26);
	clamp_pair(&l->lo, &l->hi);
}

static struct mea_qtensor random_tensor(void)
{
	return (struct mea_qtensor){.name = strdup("t"),
				    .c = between(1, 40),
				    .h = between(1, 12),
				    .w = between(1, 12),
				    .scale = (1 + rnd(100)) / 64.0f,
				    .zero_point = between(-128, 127)};
}

static void random_conv(struct mea_qlayer *l, struct mea_qtensor *in, struct mea_qtensor *out)
{
	random_window(l, in, out, false);
	l->groups = 1;
	if (rnd(3) == 0) { /* depthwise, or a few groups */
		l->groups = rnd(2) ? in->c : between(1, 4);
		in->c = l->groups * (l->groups == in->c ? 1 : between(1, 8));
		out->c = l->groups * (rnd(2) ? 1 : between(1, 5));
	}
	l->weights = random_bytes((size_t)out->c * l->kh * l->kw * (in->c / l->groups));
	random_requant(l, out->c, 0.01 / (1 + l->kh));
	if (rnd(2)) {
		l->in2 = 1;
		random_add(l);
	}
}

/* tensors: 0 in, 1 in2, 2 out */
static struct mea_qnet *random_net(enum mea_qop op)
{
	struct mea_qnet *net = calloc(1, sizeof(*net));
	struct mea_qtensor *t = calloc(3, sizeof(*t));
	struct mea_qlayer *l = calloc(1, sizeof(*l));

	net->tensors = t;
	net->n_tensors = 3;
	net->layers = l;
	net->n_layers = 1;
	for (int i = 0; i < 3; i++)
		t[i] = random_tensor();
	*l = (struct mea_qlayer){.op = op, .name = strdup("l"), .in2 = -1, .out = 2};
	switch (op) {
	case MEA_Q_CONV:
		random_conv(l, &t[0], &t[2]);
		break;
	case MEA_Q_AVGPOOL:
	case MEA_Q_MAXPOOL:
		do
			random_window(l, &t[0], &t[2], true);
		while ((t[2].h - 1) * l->stride_h - l->pad_t >= t[0].h ||
		       (t[2].w - 1) * l->stride_w - l->pad_l >= t[0].w);
		t[2].c = t[0].c;
		random_requant(l, 1, op == MEA_Q_MAXPOOL ? 1 : 1.0 / (l->kh * l->kw));
		l->bias[0] = -t[0].zero_point * (op == MEA_Q_MAXPOOL ? 1 : l->kh * l->kw);
		l->exclude_pad = op == MEA_Q_AVGPOOL && rnd(2);
		if (l->exclude_pad)
			mea_qavg_requant(net, l, l->kh * l->kw, l->mult, l->shift);
		break;
	case MEA_Q_ADD:
		t[2].c = t[0].c;
		t[2].h = t[0].h;
		t[2].w = t[0].w;
		l->in2 = 1;
		l->mid_zero = t[0].zero_point;
		random_add(l);
		break;
	case MEA_Q_MUL:
		t[1].c = t[2].c = t[0].c;
		t[1].h = t[2].h = t[0].h;
		t[1].w = t[2].w = t[0].w;
		if (rnd(2))
			t[1].h = t[1].w = 1;
		l->in2 = 1;
		random_requant(l, 1, 1.0 / 128);
		l->bias[0] = 0;
		break;
	case MEA_Q_CONCAT:
		l->in2 = 1;
		t[1].h = t[2].h = t[0].h;
		t[1].w = t[2].w = t[0].w;
		t[2].c = t[0].c + t[1].c;
		t[1].scale = t[2].scale = t[0].scale;
		t[1].zero_point = t[2].zero_point = t[0].zero_point;
		break;
	case MEA_Q_TABLE:
		t[2].c = t[0].c;
		t[2].h = t[0].h;
		t[2].w = t[0].w;
		l->groups = rnd(2) ? t[0].c : 1;
		l->weights = random_bytes(256 * (size_t)l->groups);
		break;
	case MEA_Q_COUNT:
		break;
	}
	if (l->in2 == 1 && (op == MEA_Q_CONV || op == MEA_Q_ADD)) {
		t[1].c = t[2].c;
		t[1].h = t[2].h;
		t[1].w = t[2].w;
	}
	net->n_inputs = 2;
	net->inputs[1] = 1;
	net->n_outputs = 1;
	net->outputs[0] = 2;
	return net;
}

static void compare(enum mea_qop op, int times)
{
	int distinct = 0;

	for (int n = 0; n < times; n++) {
		struct mea_qnet *net = random_net(op);
		struct mea_qtensor *t = net->tensors;
		int8_t *a = random_bytes(size_of(&t[0])), *b = random_bytes(size_of(&t[1]));
		int8_t *y = malloc(size_of(&t[2]));
		int seen[256] = {0};

		cr_assert_eq(mea_qnet_check(net), 0, "%s", mea_errmsg());
		cr_assert_eq(mea_ref_layer(net, net->layers, a, net->layers->in2 < 0 ? NULL : b, y),
			     0);
		for (int i = 0; i < (int)size_of(&t[2]); i++) {
			int c = i % t[2].c, x = i / t[2].c % t[2].w, row = i / t[2].c / t[2].w;
			int want = naive_element(net, net->layers, a, b, row, x, c);

			cr_assert_eq(y[i], want, "op %d, net %d, (%d, %d, %d): %d, not %d", op, n,
				     row, x, c, y[i], want);
			distinct += !seen[want + 128]++;
		}
		free(a);
		free(b);
		free(y);
		mea_qnet_free(net);
	}
	/* A test on outputs that are all clamped would show nothing. */
	cr_assert(distinct > times * 8, "%d values in %d layers", distinct, times);
}

Test(ref, conv_equals_the_naive_one)
{
	compare(MEA_Q_CONV, 400);
}

Test(ref, average_pool_equals_the_naive_one)
{
	compare(MEA_Q_AVGPOOL, 300);
}

Test(ref, max_pool_equals_the_naive_one)
{
	compare(MEA_Q_MAXPOOL, 300);
}

Test(ref, add_equals_the_naive_one)
{
	compare(MEA_Q_ADD, 300);
}

Test(ref, concat_equals_the_naive_one)
{
	compare(MEA_Q_CONCAT, 100);
}

Test(ref, mul_equals_the_naive_one)
{
	compare(MEA_Q_MUL, 300);
}

Test(ref, table_equals_the_naive_one)
{
	compare(MEA_Q_TABLE, 100);
}

Test(ref, ties_go_to_the_even_neighbour)
{
	const int from[] = {-7, -6, -5, -3, -2, -1, 0, 1, 2, 3, 5, 6, 7};
	const int to[] = {-4, -3, -2, -2, -1, 0, 0, 0, 1, 2, 2, 3, 4};

	for (size_t i = 0; i < sizeof(from) / sizeof(from[0]); i++) {
		cr_assert_eq(mea_rne_shift(from[i], 1), to[i], "%d / 2", from[i]);
		cr_assert_eq(mea_requant(from[i], 1u << 30, 31, 0, -128, 127), to[i]);
		cr_assert_eq(mea_rne_shift(from[i] * (INT64_C(1) << 40), 41), to[i]);
	}
	cr_assert_eq(mea_rne_shift(12345, 0), 12345);
	cr_assert_eq(mea_rne_shift(-12345, 0), -12345);
	cr_assert_eq(mea_rne_shift(INT64_C(1) << 61, 62), 0);
	cr_assert_eq(mea_rne_shift((INT64_C(1) << 61) + 1, 62), 1);
	cr_assert_eq(mea_rne_shift(-(INT64_C(3) << 61), 62), -2);
}

Test(ref, results_saturate)
{
	cr_assert_eq(mea_requant(INT32_MAX, INT32_MAX, 0, 0, -128, 127), 127);
	cr_assert_eq(mea_requant(INT32_MIN, INT32_MAX, 0, 0, -128, 127), -128);
	cr_assert_eq(mea_requant(127, 1u << 30, 30, 127, -128, 127), 127);
	cr_assert_eq(mea_requant(50, 1u << 30, 30, -3, -3, 20), 20);
	cr_assert_eq(mea_requant(-50, 1u << 30, 30, -3, -3, 20), -3);
}

Test(ref, a_padded_window_counts_the_zero_point)
{
	int8_t w[9], x[1] = {9}, y[1];
	int32_t bias[1];
	uint32_t mult[1] = {1u << 30};
	uint8_t shift[1] = {30};
	struct mea_qtensor t[2] = {{NULL, 1, 1, 1, 1, 5}, {NULL, 1, 1, 1, 1, 0}};
	struct mea_qlayer l = {.op = MEA_Q_CONV,
			       .in2 = -1,
			       .out = 1,
			       .kh = 3,
			       .kw = 3,
			       .stride_h = 1,
			       .stride_w = 1,
			       .pad_t = 1,
			       .pad_l = 1,
			       .pad_b = 1,
			       .pad_r = 1,
			       .groups = 1,
			       .weights = w,
			       .bias = bias,
			       .mult = mult,
			       .shift = shift,
			       .mid_lo = -128,
			       .mid_hi = 127};
	struct mea_qnet net = {.tensors = t, .n_tensors = 2, .layers = &l, .n_layers = 1};

	for (int i = 0; i < 9; i++)
		w[i] = (int8_t)(i + 1);
	bias[0] = -5 * 45; /* -zx * sum(w) */
	cr_assert_eq(mea_ref_layer(&net, &l, x, NULL, y), 0);
	cr_assert_eq(y[0], (9 - 5) * 5);
}

/* 90,000 products of -128 x -128 and a bias that brings the sum back to 100. */
Test(ref, a_long_sum_is_exact)
{
	enum { K = 90000 };
	int8_t *w = malloc(K), *x = malloc(K), y;
	int32_t bias = 100 - 128 * 128 * K;
	uint32_t mult = 1u << 30;
	uint8_t shift = 30;
	struct mea_qtensor t[2] = {{NULL, 1000, 9, 10, 1, 0}, {NULL, 1, 1, 1, 1, 0}};
	struct mea_qlayer l = {.op = MEA_Q_CONV,
			       .in2 = -1,
			       .out = 1,
			       .kh = 9,
			       .kw = 10,
			       .stride_h = 1,
			       .stride_w = 1,
			       .groups = 1,
			       .weights = w,
			       .bias = &bias,
			       .mult = &mult,
			       .shift = &shift,
			       .mid_lo = -128,
			       .mid_hi = 127};
	struct mea_qnet net = {.tensors = t, .n_tensors = 2, .layers = &l, .n_layers = 1};

	memset(w, -128, K);
	memset(x, -128, K);
	cr_assert_eq(mea_ref_layer(&net, &l, x, NULL, &y), 0);
	cr_assert_eq(y, 100);
	free(w);
	free(x);
}

/* Runs net on the backend and returns the named output as the caller's bytes. */
static int8_t *run_backend(const struct mea_qnet *net, const int8_t *a, const int8_t *b)
{
	const struct mea_backend_ops *ops = &mea_backend_ref;
	const struct mea_qtensor *out = &net->tensors[net->outputs[0]];
	struct mea_backend *be;
	struct mea_exec *e;
	struct mea_buf *in[2], *o[1];
	struct mea_job *job;
	struct mea_run_stats stats;
	int8_t *y = malloc(size_of(out));

	cr_assert_eq(ops->open("", &be), 0);
	cr_assert_eq(ops->prepare(be, net, &e), 0, "%s", mea_errmsg());
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(ops->buf_alloc(e, true, i, &in[i]), 0);
		cr_assert(ops->buf_fits(e, true, i, in[i]));
		cr_assert_eq(ops->buf_write(in[i], i ? b : a), 0);
	}
	cr_assert_eq(ops->buf_alloc(e, false, 0, &o[0]), 0);
	cr_assert_eq(ops->submit(e, in, o, &job), 0, "%s", mea_errmsg());
	cr_assert_eq(ops->wait(job, -1, &stats), 0);
	cr_assert(stats.cost.ms >= 0 && stats.cost.cycles == 0);
	cr_assert_eq(ops->buf_read(o[0], y), 0);
	cr_assert_eq(ops->buf_alloc(e, false, 1, &o[0]), MEA_EINVAL);
	for (int i = 0; i < 2; i++)
		ops->buf_free(in[i]);
	ops->buf_free(o[0]);
	ops->release(e);
	ops->close(be);
	return y;
}

Test(ref, the_backend_gives_what_the_layer_gives)
{
	for (int n = 0; n < 50; n++) {
		struct mea_qnet *net = random_net((enum mea_qop)rnd(5));
		struct mea_qtensor *t = net->tensors;
		int8_t *a = random_bytes(size_of(&t[0])), *b = random_bytes(size_of(&t[1]));
		int8_t *want = malloc(size_of(&t[2])), *got = run_backend(net, a, b);

		mea_ref_layer(net, net->layers, a, b, want);
		cr_assert_arr_eq(got, want, size_of(&t[2]));
		free(a);
		free(b);
		free(want);
		free(got);
		mea_qnet_free(net);
	}
}

Test(ref, an_unknown_device_is_refused)
{
	struct mea_backend *be;

	cr_assert_eq(mea_backend_ref.open("gpu0", &be), MEA_EINVAL);
	cr_assert(strstr(mea_errmsg(), "gpu0"));
}
