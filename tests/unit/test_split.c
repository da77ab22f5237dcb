// SPDX-License-Identifier: Apache-2.0
/*
 * Two backends as one: random networks, each layer refused by the first at random, give the
 * reference's bits; runs are as few as they can be; buffers are shared where that is possible.
 * Both sides are the reference, so that whatever differs is the cutting's fault.
 */
#include <criterion/criterion.h>

#include "../rtl/lib/random_net.h"
#include "backend/split/cut.h"
#include "backend/split/split.h"
#include "base/error.h"

#include <stdlib.h>
#include <string.h>

#define NETS 2000

/* The reference, but for layers whose bit in `refused` is set. A bit is a layer's number. */
static uint32_t refused;
static const struct mea_qnet *whole;
static struct mea_backend_ops picky;

static const char *picky_refuses(struct mea_backend *b, const struct mea_qnet *net,
				 const struct mea_qlayer *l)
{
	(void)b;
	cr_assert_eq(net, whole);
	return refused >> (l - net->layers) & 1 ? "picky" : NULL;
}

static struct mea_backend *open_both(void)
{
	struct mea_backend *first, *second, *both;

	picky = mea_backend_ref;
	picky.name = "picky";
	picky.refuses = picky_refuses;
	cr_assert_eq(picky.open("", &first), 0);
	first->ops = &picky;
	cr_assert_eq(mea_backend_ref.open("", &second), 0);
	cr_assert_eq(mea_split_open(first, second, &both), 0);
	return both;
}

/* --- random networks ------------------------------------------------------------------- */

static void check_job(struct mea_exec *e, const struct mea_qnet *n, int8_t **v, int limit_ms)
{
	const struct mea_backend_ops *ops = e->ops;
	struct mea_buf *in[4] = {0}, *out[4] = {0};
	struct mea_run_stats stats;
	struct mea_job *job;
	uint64_t macs = 0;

	for (int i = 0; i < n->n_inputs; i++) {
		cr_assert_eq(ops->buf_alloc(e, true, i, &in[i]), 0, "%s", mea_errmsg());
		cr_assert(ops->buf_fits(e, true, i, in[i]));
		cr_assert_eq(ops->buf_write(in[i], v[n->inputs[i]]), 0);
	}
	for (int i = 0; i < n->n_outputs; i++) {
		cr_assert_eq(ops->buf_alloc(e, false, i, &out[i]), 0, "%s", mea_errmsg());
		cr_assert(ops->buf_fits(e, false, i, out[i]));
	}
	for (int i = 0; i < n->n_layers; i++)
		macs += mea_qlayer_macs(n, &n->layers[i]);
	/* Twice, as the second job takes the first one's buffers. */
	for (int turn = 0; turn < 2; turn++) {
		cr_assert_eq(ops->submit(e, in, out, &job), 0, "%s", mea_errmsg());
		cr_assert_eq(ops->wait(job, turn ? -1 : limit_ms, &stats), 0, "%s", mea_errmsg());
		cr_assert_eq(stats.cost.macs, macs);
		for (int i = 0; i < n->n_outputs; i++) {
			size_t size = random_elements(&n->tensors[n->outputs[i]]);
			int8_t *got = random_alloc(size);

			cr_assert_eq(ops->buf_read(out[i], got), 0);
			cr_assert_arr_eq(got, v[n->outputs[i]], size, "output %d", i);
			free(got);
		}
	}
	for (int i = 0; i < 4; i++) {
		ops->buf_free(in[i]);
		ops->buf_free(out[i]);
	}
}

Test(split, random_networks_equal_the_reference)
{
	struct mea_backend *b = open_both();
	int moved = 0, layers = 0;

	for (int seed = 1; seed <= NETS; seed++) {
		struct mea_qnet *n;
		struct mea_exec *e;
		int8_t **v;

		random_seed((uint64_t)seed);
		n = random_net(true);
		v = random_values(n);
		whole = n;
		refused = random_bits();
		cr_assert_eq(b->ops->prepare(b, n, &e), 0, "seed %d: %s", seed, mea_errmsg());
		check_job(e, n, v, 1000);
		moved += mea_split_moved(e);
		layers += n->n_layers;
		b->ops->release(e);
		random_values_free(n, v);
		mea_qnet_free(n);
	}
	/* The dice must have fallen on both sides. */
	cr_assert_gt(moved, layers / 4);
	cr_assert_lt(moved, 3 * layers / 4);
	b->ops->close(b);
}

static bool lacks(const struct mea_qlayer *l)
{
	return l->op == MEA_Q_TABLE || l->op == MEA_Q_MUL;
}

/* The real sides: an accelerator refuses what it lacks, and OpenCL computes those layers alone. */
Test(split, what_the_accelerator_lacks_goes_to_opencl, .timeout = 300)
{
	struct mea_backend *accel, *opencl, *both;
	int mixed = 0;

	if (mea_backend_opencl.open("", &opencl))
		cr_skip_test("%s", mea_errmsg());
	cr_assert_eq(mea_backend_accel.open("sim:8x8p", &accel), 0, "%s", mea_errmsg());
	cr_assert_eq(mea_split_open(accel, opencl, &both), 0);
	for (uint64_t seed = 1; seed <= 600; seed++) {
		struct mea_qnet *n;
		struct mea_exec *e;
		int8_t **v;
		int own = 0, lacking = 0;

		random_seed(seed);
		n = random_net(true);
		for (int i = 0; i < n->n_layers; i++) {
			lacking += lacks(&n->layers[i]);
			own += !lacks(&n->layers[i]) &&
			       !accel->ops->refuses(accel, n, &n->layers[i]);
		}
		if (own && lacking && own + lacking == n->n_layers &&
		    !both->ops->prepare(both, n, &e)) {
			v = random_values(n);
			cr_assert_geq(mea_split_moved(e), n->n_layers - own);
			check_job(e, n, v, -1);
			both->ops->release(e);
			random_values_free(n, v);
			mixed++;
		}
		mea_qnet_free(n);
	}
	cr_assert(mixed >= 50, "%d networks on both", mixed);
	both->ops->close(both);
}

/* The accelerator refuses no kind of these layers, but has no plan for so tall a kernel. */
Test(split, what_has_no_plan_goes_to_opencl, .timeout = 120)
{
	static char name[] = "l";
	static int8_t weights[16 * 240 * 16];
	static int32_t bias[16];
	static uint32_t mult[16];
	static uint8_t shift[16];
	struct mea_qtensor t[3] = {
		{name, 16, 240, 320, 1, 0}, {name, 16, 240, 320, 1, 0}, {name, 16, 1, 320, 1, 0}};
	struct mea_qlayer l[2] = {
		{.op = MEA_Q_CONV, .out = 1, .kh = 1, .kw = 1},
		{.op = MEA_Q_CONV, .in = 1, .out = 2, .kh = 240, .kw = 1},
	};
	struct mea_qnet n = {.tensors = t,
			     .n_tensors = 3,
			     .layers = l,
			     .n_layers = 2,
			     .n_inputs = 1,
			     .outputs = {2},
			     .n_outputs = 1};
	struct mea_backend *accel, *opencl, *both;
	struct mea_exec *e;

	for (int i = 0; i < 2; i++) {
		l[i].name = name;
		l[i].in2 = -1;
		l[i].groups = l[i].stride_h = l[i].stride_w = 1;
		l[i].weights = weights;
		l[i].bias = bias;
		l[i].mult = mult;
		l[i].shift = shift;
		l[i].mid_hi = l[i].hi = 127;
	}
	cr_assert_eq(mea_qnet_check(&n), 0, "%s", mea_errmsg());
	if (mea_backend_opencl.open("", &opencl))
		cr_skip_test("%s", mea_errmsg());
	cr_assert_eq(mea_backend_accel.open("sim:8x8", &accel), 0, "%s", mea_errmsg());
	for (int i = 0; i < 2; i++)
		cr_assert_null(accel->ops->refuses(accel, &n, &l[i]));
	cr_assert_neq(accel->ops->prepare(accel, &n, &e), 0);
	cr_assert_eq(mea_split_open(accel, opencl, &both), 0);
	cr_assert_eq(both->ops->prepare(both, &n, &e), 0, "%s", mea_errmsg());
	cr_expect_str_eq(mea_split_where(e, 0), "accel");
	cr_expect_str_eq(mea_split_where(e, 1), "opencl");
	cr_expect_eq(mea_split_moved(e), 1);
	both->ops->release(e);
	both->ops->close(both);
}

/* --- how a network is cut --------------------------------------------------------------------- */

/* A network of 1x1 convolutions and adds on one channel: layer i reads in[i][0] and, as an add,
 * in[i][1]; tensor 0 is the input, layer i makes tensor i + 1, the last is the output. */
static struct mea_qnet wires(int layers, const int (*in)[2], struct mea_qtensor *tensors,
			     struct mea_qlayer *l)
{
	static char name[] = "l";

	for (int i = 0; i <= layers; i++)
		tensors[i] = (struct mea_qtensor){.name = name, .c = 1, .h = 1, .w = 1, .scale = 1};
	for (int i = 0; i < layers; i++)
		l[i] = (struct mea_qlayer){.op = in[i][1] < 0 ? MEA_Q_CONV : MEA_Q_ADD,
					   .name = name,
					   .in = in[i][0],
					   .in2 = in[i][1],
					   .out = i + 1,
					   .kh = 1,
					   .kw = 1,
					   .groups = 1};
	return (struct mea_qnet){.tensors = tensors,
				 .n_tensors = layers + 1,
				 .layers = l,
				 .n_layers = layers,
				 .n_inputs = 1,
				 .outputs = {layers},
				 .n_outputs = 1};
}

static const int four[] = {4, 4}, two[] = {2, 4};

static int runs(int layers, const int (*in)[2], const bool *no)
{
	struct mea_qtensor tensors[16];
	struct mea_qlayer l[16];
	struct mea_qnet n = wires(layers, in, tensors, l);
	struct mea_cut *cut;
	int count;

	cr_assert_eq(mea_cut_make(&n, no, four, &cut), 0, "%s", mea_errmsg());
	count = cut->n_runs;
	mea_cut_free(cut);
	return count;
}

/* Two branches, each with a refused layer in the middle, that an add joins: taken one after the
 * other they would need five runs. */
Test(cut, branches_cross_together)
{
	static const int in[][2] = {{0, -1}, {1, -1}, {2, -1}, {0, -1}, {4, -1}, {5, -1}, {3, 6}};
	static const bool no[] = {false, true, false, false, true, false, false};

	cr_assert_eq(runs(7, in, no), 3);
}

/* Without the refused layer first, the side that begins is the second's. */
Test(cut, begins_where_fewer_runs_follow)
{
	static const int in[][2] = {{0, -1}, {0, -1}, {1, 2}};
	static const bool no[] = {true, false, false};

	cr_assert_eq(runs(3, in, no), 2);
}

/* An add between refused layers only goes with them; a convolution is worth the crossing. */
Test(cut, takes_an_add_along_but_no_convolution)
{
	static const int in[][2] = {{0, -1}, {0, -1}, {1, 2}, {3, -1}};
	static const bool add[] = {true, true, false, true}, conv[] = {true, true, true, false};

	cr_assert_eq(runs(4, in, add), 1);
	cr_assert_eq(runs(4, in, conv), 2);
}

/* A table goes with the layer that it reads, as its input would cross instead of its result. */
Test(cut, takes_a_table_along_with_its_source)
{
	static const int in[][2] = {{0, -1}, {1, -1}, {2, -1}, {2, -1}, {3, 4}};
	static const bool no[] = {true, false, true, false, false};
	struct mea_qtensor tensors[16];
	struct mea_qlayer l[16];
	struct mea_qnet n = wires(5, in, tensors, l);
	struct mea_cut *cut;

	l[1].op = MEA_Q_TABLE;
	cr_assert_eq(mea_cut_make(&n, no, four, &cut), 0, "%s", mea_errmsg());
	cr_expect_eq(cut->n_runs, 2);
	mea_cut_free(cut);
}

/* Five tensors that a later run wants are more than a network's outputs can be: two runs have them,
 * or three where a run may have two. */
Test(cut, no_run_has_too_many_ends)
{
	static const int in[][2] = {{0, -1}, {0, -1}, {0, -1},	{0, -1}, {0, -1},
				    {1, -1}, {2, -1}, {3, -1},	{4, -1}, {5, -1},
				    {6, 7},  {8, 9},  {10, 11}, {12, 13}};
	bool no[14] = {false};
	struct mea_qtensor tensors[16];
	struct mea_qlayer l[16];
	struct mea_qnet n = wires(14, in, tensors, l);
	struct mea_cut *cut;

	for (int i = 5; i < 14; i++)
		no[i] = true;
	for (int k = 0; k < 2; k++) {
		int most[2] = {0}, first = 0;

		cr_assert_eq(mea_cut_make(&n, no, k ? two : four, &cut), 0, "%s", mea_errmsg());
		for (int r = 0; r < cut->n_runs; r++) {
			const struct mea_run *run = &cut->runs[r];

			first += !run->side;
			if (run->net.n_inputs > most[run->side])
				most[run->side] = run->net.n_inputs;
			if (run->net.n_outputs > most[run->side])
				most[run->side] = run->net.n_outputs;
		}
		cr_expect_eq(first, k ? 3 : 2);
		cr_expect_leq(most[0], k ? 2 : 4);
		cr_expect_leq(most[1], 4);
		mea_cut_free(cut);
	}
}

/* --- buffers ------------------------------------------------------------------------------------
 */

/* What one network leaves goes into the next without a copy, unless both sides read it. */
Test(split, buffers_fit_the_next_network)
{
	static const int chain[][2] = {{0, -1}, {1, -1}}, fork[][2] = {{0, -1}, {0, -1}, {1, 2}};
	struct mea_qtensor t[3][16];
	struct mea_qlayer l[3][16];
	struct mea_qnet one = wires(2, chain, t[0], l[0]), same = wires(2, chain, t[1], l[1]),
			both = wires(3, fork, t[2], l[2]);
	int32_t bias = 0;
	uint32_t mult = 1u << 30;
	uint8_t shift = 30;
	int8_t weight = 1;
	struct mea_backend *b = open_both();
	struct mea_exec *e[3];
	struct mea_qnet *nets[] = {&one, &same, &both};
	struct mea_buf *out;

	for (int i = 0; i < 3; i++) {
		for (int k = 0; k < nets[i]->n_layers; k++) {
			struct mea_qlayer *q = &l[i][k];

			q->weights = &weight;
			q->bias = &bias;
			q->mult = &mult;
			q->shift = &shift;
			q->stride_h = q->stride_w = 1;
			q->mid_hi = q->hi = 127;
			q->add_ma = q->add_mb = 1;
		}
		whole = nets[i];
		/* one: its end on the second side; same: its start; both: its input on both. */
		refused = i == 0 ? 2 : 1;
		cr_assert_eq(b->ops->prepare(b, nets[i], &e[i]), 0, "%s", mea_errmsg());
	}
	cr_assert_eq(b->ops->buf_alloc(e[0], false, 0, &out), 0);
	cr_assert(b->ops->buf_fits(e[1], true, 0, out));
	cr_assert_not(b->ops->buf_fits(e[2], true, 0, out), "the first side cannot read it");
	b->ops->buf_free(out);
	for (int i = 0; i < 3; i++)
		b->ops->release(e[i]);
	b->ops->close(b);
}
