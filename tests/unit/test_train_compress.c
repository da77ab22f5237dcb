// SPDX-License-Identifier: Apache-2.0
/* Compressed gradients: against a plain simulation of all ranks, and packets that are none. */
#include "graph_build.h"

#include <math.h>

#include "train/compress.h"
#include "train/packet.h"
#include "train/rng.h"

#define RANKS_MAX 4
#define STEPS	  6

/* A convolution of 5 x 3 x 3 x 3 (135: two bins of 50 and one of 35) and a Gemm, with biases. */
static struct mea_graph *network(void)
{
	struct mea_graph *g = new_graph();
	int x = input(g, "x", shape_of(4, 1, 3, 6, 6));

	srand(3);
	x = conv(g, "c", x, 5, 3, 1, 1, 1, true);
	finish(g, gemm(g, "fc", unary(g, MEA_OP_Flatten, "flat", x), 230, true));
	return g;
}

/* Gradients of a step on a rank, of very different sizes; some bins are zeros. */
static void fill(struct mea_params *p, int rank, int step)
{
	struct mea_rng r = mea_rng_at(9, (uint64_t)rank, (uint64_t)step, 0);

	for (size_t i = 0; i < mea_params_trained(p); i++) {
		double u = mea_rng_normal(&r);

		p->grads[i] = i / 50 % 4 == 1 ? 0 : (float)(u * u * u);
	}
}

/* What compress.h says, without packets: all ranks, element by element. */
struct simulation {
	float *residue[RANKS_MAX], *sum;
	size_t entries;
};

static float magnitude_of(const float *owed, size_t n, size_t bin)
{
	double sum = 0;
	int bins = 0;

	for (size_t b = 0; b < n; b += bin) {
		float m = 0;

		for (size_t i = b; i < n && i < b + bin; i++)
			m = fmaxf(m, fabsf(owed[i]));
		sum += (double)m;
		bins += m > 0;
	}
	return bins ? (float)(sum / bins) : 0;
}

static void simulate_tensor(struct simulation *s, const struct mea_param *q, size_t at, int rank,
			    const struct mea_compress_options *o)
{
	size_t bin = (size_t)(q->rank == 4 ? o->conv : o->fc);
	float *owed = s->residue[rank] + at, scale;
	float *before = malloc(q->n * sizeof(*before));

	for (size_t i = 0; i < q->n; i++)
		owed[i] = owed[i] + q->grad[i];
	scale = magnitude_of(owed, q->n, bin);
	memcpy(before, owed, q->n * sizeof(*before));
	for (size_t i = 0; i < q->n; i++) {
		size_t b = i / bin * bin;
		float m = 0;

		for (size_t j = b; j < q->n && j < b + bin; j++)
			m = fmaxf(m, fabsf(before[j]));
		if (m == 0 || fabsf(before[i] + (o->factor - 1) * q->grad[i]) < m)
			continue;
		s->sum[at + i] += before[i] < 0 ? -scale : scale;
		owed[i] = before[i] - (before[i] < 0 ? -scale : scale);
		s->entries++;
	}
	free(before);
}

static void simulate(struct simulation *s, const struct mea_params *p, int rank,
		     const struct mea_compress_options *o)
{
	for (int i = 0; i < p->n; i++) {
		const struct mea_param *q = &p->list[i];
		size_t at = (size_t)(q->data - p->block);

		if (q->running)
			continue;
		if (q->rank > 1)
			simulate_tensor(s, q, at, rank, o);
		for (size_t j = 0; q->rank == 1 && j < q->n; j++)
			s->sum[at + j] += q->grad[j];
	}
}

/* Ranks with packets on one side, the simulation on the other, for some steps. */
static void equals_simulation(int ranks, const struct mea_compress_options *o)
{
	struct mea_compress *c[RANKS_MAX];
	struct simulation s = {0};
	struct mea_graph *g = network();
	struct mea_params *p;
	size_t elements, packed = 0;
	uint8_t *all;

	cr_assert_eq(mea_params_new(g, &p), 0);
	cr_assert_eq(mea_params_gradients(p), 0);
	elements = mea_params_trained(p);
	all = malloc((size_t)ranks * elements * 5);
	s.sum = calloc(elements, sizeof(float));
	for (int r = 0; r < ranks; r++) {
		cr_assert_eq(mea_compress_new(o, p, NULL, &c[r]), 0);
		s.residue[r] = calloc(elements, sizeof(float));
	}
	for (int step = 0; step < STEPS; step++) {
		size_t bytes[RANKS_MAX], at = 0;

		memset(s.sum, 0, elements * sizeof(float));
		for (int r = 0; r < ranks; r++) {
			const uint8_t *packet;

			fill(p, r, step);
			simulate(&s, p, r, o);
			cr_assert_eq(mea_compress_pack(c[r], &packet, &bytes[r]), 0);
			memcpy(all + at, packet, bytes[r]);
			at += bytes[r];
		}
		packed += at;
		for (int r = 0; r < ranks; r++) {
			cr_assert_eq(mea_compress_unpack(c[r], all, bytes, ranks), 0, "%s",
				     mea_errmsg());
			for (int i = 0; i < p->n; i++)
				cr_assert(p->list[i].running ||
						  !memcmp(p->list[i].grad,
							  s.sum + (p->list[i].data - p->block),
							  p->list[i].n * sizeof(float)),
					  "%d ranks, step %d: %s", ranks, step, p->list[i].name);
			cr_assert_arr_eq(mea_compress_residues(c[r]), s.residue[r],
					 elements * sizeof(float), "%d ranks, step %d: residues",
					 ranks, step);
		}
	}
	/* An entry is a byte, a vector's element four; a head takes 6 bytes, or 7. */
	cr_assert_gt(s.entries, 0);
	cr_assert_leq(packed, s.entries + (size_t)(STEPS * ranks) * ((5 + 230) * 4 + 14 + 300));
	for (int r = 0; r < ranks; r++) {
		mea_compress_free(c[r]);
		free(s.residue[r]);
	}
	free(s.sum);
	free(all);
	mea_params_free(p);
	mea_graph_free(g);
}

Test(compress, ranks_equal_one_that_simulates_them)
{
	static const struct mea_compress_options o[] = {
		{.kind = MEA_COMPRESS_ADACOMP, .conv = 50, .fc = 500, .factor = 2},
		{.kind = MEA_COMPRESS_ADACOMP, .conv = 7, .fc = 1000, .factor = 3},
		{.kind = MEA_COMPRESS_ADACOMP, .conv = 1, .fc = 1, .factor = 1},
	};

	for (size_t i = 0; i < sizeof(o) / sizeof(o[0]); i++)
		for (int ranks = 1; ranks <= RANKS_MAX; ranks++)
			equals_simulation(ranks, &o[i]);
}

/* The k largest, and what is left of them: nothing is lost. */
Test(compress, topk)
{
	struct mea_compress_options o = {.kind = MEA_COMPRESS_TOPK, .rate = 0.02f};
	struct mea_graph *g = network();
	struct mea_compress *c;
	struct mea_params *p;
	float *owed;

	cr_assert_eq(mea_params_new(g, &p), 0);
	cr_assert_eq(mea_params_gradients(p), 0);
	cr_assert_eq(mea_compress_new(&o, p, NULL, &c), 0);
	owed = malloc(mea_params_trained(p) * sizeof(*owed));
	fill(p, 0, 0);
	memcpy(owed, p->grads, mea_params_trained(p) * sizeof(*owed));
	cr_assert_eq(mea_compress_sum(c), 0, "%s", mea_errmsg());
	for (int i = 0; i < p->n; i++) {
		const struct mea_param *q = &p->list[i];
		size_t at = (size_t)(q->data - p->block), sent = 0, want;
		float least = INFINITY, most_left = 0;

		if (q->rank < 2)
			continue;
		for (size_t j = 0; j < q->n; j++) {
			float left = mea_compress_residues(c)[at + j];

			cr_assert_eq(left, owed[at + j] - q->grad[j]);
			sent += q->grad[j] != 0;
			if (q->grad[j] != 0)
				least = fminf(least, fabsf(owed[at + j]));
			else
				most_left = fmaxf(most_left, fabsf(left));
		}
		want = (size_t)ceil(0.02 * (double)q->n);
		cr_assert_eq(sent, want, "%s: %zu, not %zu", q->name, sent, want);
		cr_assert_geq(least, most_left);
	}
	free(owed);
	mea_compress_free(c);
	mea_params_free(p);
	mea_graph_free(g);
}

Test(compress, gradients_that_are_no_numbers)
{
	struct mea_compress_options o = {
		.kind = MEA_COMPRESS_ADACOMP, .conv = 50, .fc = 500, .factor = 2};
	struct mea_graph *g = network();
	struct mea_compress *c;
	struct mea_params *p;

	cr_assert_eq(mea_params_new(g, &p), 0);
	cr_assert_eq(mea_params_gradients(p), 0);
	cr_assert_eq(mea_compress_new(&o, p, NULL, &c), 0);
	fill(p, 0, 0);
	p->grads[3] = NAN;
	cr_assert_eq(mea_compress_sum(c), MEA_EINVAL);
	cr_assert(strstr(mea_errmsg(), "its gradient is not a number"), "%s", mea_errmsg());
	mea_compress_free(c);
	mea_params_free(p);
	mea_graph_free(g);
}

/* --- packets --------------------------------------------------------------------------- */

static float sums[40000];

/* Of one tensor, n elements. */
static int add(size_t n, bool dense, const void *packet, size_t bytes)
{
	struct mea_packet_tensor t = {n, dense, sums};

	memset(sums, 0, sizeof(sums));
	return mea_packet_add(&t, 1, packet, bytes);
}

/* Gaps of all lengths of code come back. */
Test(packet, gaps)
{
	static const size_t at[] = {0, 1, 127, 254, 255, 509, 16764, 16765, 33149, 39999};
	size_t n = 40000, entries = sizeof(at) / sizeof(at[0]);
	uint8_t *packet = malloc(mea_packet_room(n, false)), *end;
	struct mea_packet_writer w = mea_packet_begin(packet, 1.5f);

	for (size_t i = 0; i < entries; i++)
		mea_packet_entry(&w, at[i], i % 2);
	end = mea_packet_end(&w);
	cr_assert_eq(add(n, false, packet, (size_t)(end - packet)), 0, "%s", mea_errmsg());
	for (size_t i = 0; i < entries; i++) {
		cr_assert_eq(sums[at[i]], i % 2 ? -1.5f : 1.5f, "%zu", at[i]);
		sums[at[i]] = 0;
	}
	for (size_t i = 0; i < n; i++)
		cr_assert_eq(sums[i], 0);
	/* All of them take a byte each, and no more room than there is. */
	w = mea_packet_begin(packet, 1);
	for (size_t i = 0; i < n; i++)
		mea_packet_entry(&w, i, true);
	end = mea_packet_end(&w);
	cr_assert_eq((size_t)(end - packet), 4 + 3 + n);
	free(packet);
}

#define ONE 0, 0, 0x80, 0x3f

Test(packet, none)
{
	static const struct {
		const char *says;
		size_t n, bytes;
		uint8_t packet[16];
	} c[] = {
		{"is cut off", 10, 3, {0, 0, 0}},
		{"is cut off", 10, 4, {ONE}},
		{"is cut off", 10, 5, {ONE, 1}},
		{"is cut off", 10, 5, {ONE, 0x80}},
		{"is cut off", 10, 8, {ONE, 4, 1, 1, 1}},
		{"length that does not end",
		 10,
		 13,
		 {ONE, 255, 255, 255, 255, 255, 255, 255, 255, 1}},
		{"entry outside", 10, 6, {ONE, 1, 10}},
		{"entry outside", 10, 7, {ONE, 2, 5, 4}},
		{"entry outside", 10, 6, {ONE, 1, 0x7f}},
		{"entry outside", 127, 6, {ONE, 1, 0xff}},
		{"1 bytes too many", 10, 7, {ONE, 1, 9, 0}},
		{"not a number", 10, 6, {0, 0, 0xc0, 0x7f, 1, 9}},
		{"not a number", 10, 6, {0, 0, 0x80, 0x7f, 1, 9}},
		{"negative magnitude", 10, 6, {0, 0, 0x80, 0xbf, 1, 9}},
	};

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		cr_assert_eq(add(c[i].n, false, c[i].packet, c[i].bytes), MEA_EINVAL, "%zu", i);
		cr_assert(strstr(mea_errmsg(), c[i].says), "%zu: %s", i, mea_errmsg());
	}
	cr_assert_eq(add(10, false, c[6].packet, 6), MEA_EINVAL);
	cr_assert_eq(add(11, false, c[6].packet, 6), 0, "%s", mea_errmsg());
	cr_assert_eq(sums[10], 1);
	cr_assert_eq(add(2, true, c[0].packet, 7), MEA_EINVAL);
	cr_assert_eq(add(1, true, c[6].packet, 4), 0);
	cr_assert_eq(sums[0], 1);
}
