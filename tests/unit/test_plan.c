// SPDX-License-Identifier: Apache-2.0
/*
 * What the planner makes of tables and groups: which tables cost a command of their own, when they
 * are loaded, what devices without a table memory are told, and which unit convolves each channel
 * by itself. tests/rtl compares the results.
 */
#include <criterion/criterion.h>

#include "base/error.h"
#include "plan/internal.h"

#include <string.h>

static const struct mea_hw device = {
	.rows = 8,
	.cols = 8,
	.lanes = 8,
	.axi_bytes = 8,
	.act_words = 4096,
	.act_banks = 4,
	.wgt_words = 1024,
	.acc_depth = 256,
	.stem_words = 64,
	.latency = 25,
	.dw_taps = 3,
	.dw_line = 64,
	.tables = 2,
	.products = true,
};

enum { CHANNELS = 8, SIDE = 4, MOST = 12 };

/* A chain on maps of one shape: tensor 0 comes in, layer i makes tensor i + 1. */
struct chain {
	struct mea_qtensor tensor[MOST + 1];
	struct mea_qlayer layer[MOST];
	struct mea_qnet net;
	int8_t weights[CHANNELS * CHANNELS * 9], table[256];
	int32_t bias[CHANNELS];
	uint32_t mult[CHANNELS];
	uint8_t shift[CHANNELS];
};

/* kinds: c convolution, d depthwise, r convolution with the chain's input as residual, p average,
 * a add of that input, m product with it, s product with its first pixel, t table. */
static void make_chain(struct chain *c, const char *kinds)
{
	static const char ops[] = "cdrpamst";
	static const enum mea_qop op[] = {MEA_Q_CONV, MEA_Q_CONV, MEA_Q_CONV, MEA_Q_AVGPOOL,
					  MEA_Q_ADD,  MEA_Q_MUL,  MEA_Q_MUL,  MEA_Q_TABLE};
	static char name[] = "x";
	int n = (int)strlen(kinds);

	memset(c, 0, sizeof(*c));
	for (int i = 0; i <= n; i++)
		c->tensor[i] = (struct mea_qtensor){name, CHANNELS, SIDE, SIDE, 1, 0};
	for (int i = 0; i < n; i++)
		c->layer[i] = (struct mea_qlayer){
			.op = op[strchr(ops, kinds[i]) - ops],
			.name = name,
			.in = i,
			.in2 = strchr("rams", kinds[i]) ? 0 : -1,
			.out = i + 1,
			.kh = 1,
			.kw = 1,
			.stride_h = 1,
			.stride_w = 1,
			.groups = kinds[i] == 'd' ? CHANNELS : 1,
			.weights = kinds[i] == 't' ? c->table : c->weights,
			.bias = c->bias,
			.mult = c->mult,
			.shift = c->shift,
		};
	c->net = (struct mea_qnet){.tensors = c->tensor,
				   .n_tensors = n + 1,
				   .layers = c->layer,
				   .n_layers = n,
				   .n_inputs = 1,
				   .outputs = {n},
				   .n_outputs = 1};
}

static struct mea_plan *plan(struct chain *c, bool profile)
{
	struct mea_plan *p = NULL;

	cr_assert_eq(mea_plan_make(&device, &c->net, profile, &p), 0, "%s", mea_errmsg());
	return p;
}

/* The commands CONV, POOL and DEPTHWISE in the program's order: C, P, D, small with a table; and
 * how many tables are loaded. */
static void check_commands(struct chain *c, const char *want, int want_loads)
{
	struct mea_plan *p = plan(c, false);
	char got[64] = "";
	size_t n = 0;
	int loads = 0;

	for (int i = 0; i < p->n_cmd && n < sizeof(got) - 1; i++) {
		uint32_t op = mea_get(p->cmd[i], MEA_F_CMD_OPCODE);
		bool table = mea_get(p->cmd[i], MEA_F_CONV_TABLE);

		if (op == MEA_OP_LOAD && mea_get(p->cmd[i], MEA_F_LOAD_DEST) == MEA_DEST_TABLE)
			loads++;
		else if (op == MEA_OP_CONV)
			got[n++] = table ? 'c' : 'C';
		else if (op == MEA_OP_POOL)
			got[n++] = table ? 'p' : 'P';
		else if (op == MEA_OP_DEPTHWISE)
			got[n++] = table ? 'd' : 'D';
	}
	cr_expect_str_eq(got, want);
	cr_expect_eq(loads, want_loads);
	mea_plan_free(p);
}

Test(plan, a_table_behind_a_layer_costs_no_command)
{
	struct chain c;

	make_chain(&c, "c");
	check_commands(&c, "C", 0);
	make_chain(&c, "ct");
	check_commands(&c, "c", 1);
	make_chain(&c, "pt");
	check_commands(&c, "p", 1);
	make_chain(&c, "dt");
	check_commands(&c, "d", 1);
	/* A fused unit, in two strips: its tables stay where they are. */
	make_chain(&c, "ctdtr");
	check_commands(&c, "cdcdCC", 2);
}

Test(plan, a_table_behind_a_sum_is_a_pass)
{
	struct chain c;

	make_chain(&c, "crt");
	check_commands(&c, "CCp", 1);
	make_chain(&c, "cat");
	check_commands(&c, "CPp", 1);
	make_chain(&c, "t");
	check_commands(&c, "p", 1);
	make_chain(&c, "ctt");
	check_commands(&c, "cp", 2);
}

Test(plan, a_table_whose_input_has_another_reader_is_a_pass)
{
	struct chain c;

	make_chain(&c, "ct");
	c.net.outputs[c.net.n_outputs++] = 1;
	check_commands(&c, "Cp", 1);
	/* The residual of the last layer is what the table reads. */
	make_chain(&c, "ctr");
	c.layer[2].in2 = 1;
	check_commands(&c, "CpC", 1);
}

/* A pool over a map that is larger than the scratchpad: pieces of the window add up, and only the
 * last one leaves. */
Test(plan, a_window_that_does_not_fit_comes_in_pieces)
{
	struct mea_hw small = device;
	struct chain c;
	struct mea_plan *p = NULL;
	uint32_t rows = 0, first = 0, final = 0, n = 0;

	make_chain(&c, "p");
	c.tensor[0].h = c.layer[0].kh = 60;
	c.tensor[0].w = c.layer[0].kw = 50;
	c.tensor[1].h = c.tensor[1].w = 1;
	c.net.outputs[0] = 1;
	small.act_words = 2048;
	cr_assert_eq(mea_plan_make(&small, &c.net, false, &p), 0, "%s", mea_errmsg());
	for (int i = 0; i < p->n_cmd; i++) {
		if (mea_get(p->cmd[i], MEA_F_CMD_OPCODE) != MEA_OP_POOL)
			continue;
		cr_expect_eq(mea_get(p->cmd[i], MEA_F_CONV_FIRST), n == 0);
		first += mea_get(p->cmd[i], MEA_F_CONV_FIRST);
		final = mea_get(p->cmd[i], MEA_F_CONV_FINAL);
		rows += mea_get(p->cmd[i], MEA_F_CONV_KH);
		n++;
	}
	cr_expect_eq(rows, 60);
	cr_expect(n > 1 && first == 1 && final == 1);
	mea_plan_free(p);
}

/* Three rows of the front's map are more than a command of it can make: no fused unit. */
Test(plan, a_unit_that_does_not_fit_is_planned_layer_by_layer)
{
	struct mea_hw small = device;
	struct mea_plan *p = NULL;
	uint32_t last = 0;
	struct chain c;

	make_chain(&c, "cdc");
	c.layer[1].kh = c.layer[1].kw = 3;
	c.layer[1].pad_t = c.layer[1].pad_b = c.layer[1].pad_l = c.layer[1].pad_r = 1;
	small.acc_depth = SIDE;
	cr_assert_eq(mea_plan_make(&small, &c.net, false, &p), 0, "%s", mea_errmsg());
	for (int i = 0; i < p->n_cmd; i++) {
		uint32_t layer = mea_get(p->cmd[i], MEA_F_CMD_LAYER);

		if (mea_get(p->cmd[i], MEA_F_CMD_OPCODE) == MEA_OP_LOAD)
			continue;
		cr_expect_geq(layer, last);
		last = layer;
	}
	cr_expect_eq(last, 2);
	mea_plan_free(p);
}

/* A depthwise layer follows its front strip by strip, whatever reads its map. */
Test(plan, a_depthwise_layer_is_fused_with_the_layer_before_alone)
{
	struct chain c;

	make_chain(&c, "cdm");
	check_commands(&c, "CDCDP", 0);
}

/* A product's own fields, and those of a sum, which it has not. */
Test(plan, products)
{
	struct chain c;
	struct mea_plan *p;

	for (int still = 0; still < 2; still++) {
		make_chain(&c, still ? "csc" : "cmc");
		c.tensor[0].zero_point = 5;
		c.tensor[1].zero_point = -7;
		if (still)
			c.tensor[0].h = c.tensor[0].w = 1;
		c.layer[0].in = 3;
		c.net.inputs[c.net.n_inputs++] = 3;
		c.tensor[4] = c.tensor[1];
		c.layer[2].out = 4;
		c.net.n_tensors = 5;
		c.net.outputs[0] = 4;
		p = plan(&c, false);
		for (int i = 0; i < p->n_cmd; i++) {
			if (mea_get(p->cmd[i], MEA_F_CMD_OPCODE) != MEA_OP_POOL)
				continue;
			cr_expect(mea_get(p->cmd[i], MEA_F_CONV_PRODUCT));
			cr_expect(!mea_get(p->cmd[i], MEA_F_CONV_RESIDUAL));
			cr_expect_eq((int)mea_get(p->cmd[i], MEA_F_CONV_RES_STILL), still);
			cr_expect_eq(mea_get(p->cmd[i], MEA_F_CONV_PAD_VALUE), (uint8_t)-7);
			cr_expect_eq(mea_get(p->cmd[i], MEA_F_CONV_RES_ZERO), 5);
		}
		mea_plan_free(p);
		check_commands(&c, "CPC", 0);
	}
	make_chain(&c, "cmt");
	check_commands(&c, "Cp", 1);
}

Test(plan, a_device_without_products_refuses_them)
{
	struct mea_hw without = device;
	struct chain c;

	make_chain(&c, "cm");
	without.products = false;
	cr_expect_null(mea_plan_refuses(&device, &c.net, &c.layer[1]));
	cr_expect_not_null(strstr(mea_plan_refuses(&without, &c.net, &c.layer[1]), "product"));
}

/* Two tables stay; the third takes the place of the first. */
Test(plan, tables_take_turns)
{
	struct chain c;
	struct mea_plan *p;
	uint32_t at[MOST], n = 0;

	make_chain(&c, "ctctctct");
	p = plan(&c, false);
	for (int i = 0; i < p->n_cmd; i++)
		if (mea_get(p->cmd[i], MEA_F_CMD_OPCODE) == MEA_OP_CONV)
			at[n++] = mea_get(p->cmd[i], MEA_F_CONV_TABLE_AT);
	cr_assert_eq(n, 4);
	for (uint32_t i = 0; i < n; i++)
		cr_expect_eq(at[i], i % 2);
	mea_plan_free(p);
}

Test(plan, the_record_of_a_pair_is_that_of_its_table)
{
	struct chain c;
	struct mea_plan *p;

	make_chain(&c, "ctct");
	p = plan(&c, true);
	cr_expect_eq(p->n_records, 4);
	cr_expect_eq(p->layer_end[0], 0);
	cr_expect_gt(p->layer_end[1], 0);
	cr_expect_eq(p->layer_end[2], 0);
	cr_expect_gt(p->layer_end[3], p->layer_end[1]);
	for (int i = 0; i < p->n_cmd; i++)
		if (mea_get(p->cmd[i], MEA_F_CMD_OPCODE) == MEA_OP_SNAP)
			cr_expect_eq(mea_get(p->cmd[i], MEA_F_CMD_LAYER) % 2, 1);
	mea_plan_free(p);
}

Test(plan, a_device_without_tables_refuses_them)
{
	struct mea_hw without = device;
	struct mea_plan *p = NULL;
	struct chain c;

	make_chain(&c, "ct");
	c.layer[1].name = (char[]){"swish"};
	without.tables = 0;
	cr_expect_null(mea_plan_refuses(&device, &c.net, &c.layer[1]));
	cr_expect_not_null(mea_plan_refuses(&without, &c.net, &c.layer[1]));
	cr_expect_null(mea_plan_refuses(&without, &c.net, &c.layer[0]));
	cr_expect_eq(mea_plan_make(&without, &c.net, false, &p), MEA_EUNSUPPORTED);
	cr_expect_not_null(strstr(mea_errmsg(), "layer swish: table"), "%s", mea_errmsg());
}

/* A layer of 24 channels in groups, side x side: the k blocks that its three CONV commands read, as
 * first and count. */
static void check_groups(int groups, int side, const int want[3][2])
{
	static int8_t weights[24 * 24 * 25];
	static int32_t bias[24];
	static uint32_t mult[24];
	static uint8_t shift[24];
	struct chain c;
	struct mea_plan *p;
	int n = 0, base = 0;

	memset(weights, 1, sizeof(weights));
	make_chain(&c, "c");
	c.tensor[0].c = c.tensor[1].c = 24;
	c.layer[0].groups = groups;
	c.layer[0].kh = c.layer[0].kw = side;
	c.layer[0].pad_t = c.layer[0].pad_l = c.layer[0].pad_b = c.layer[0].pad_r = side / 2;
	c.layer[0].weights = weights;
	c.layer[0].bias = bias;
	c.layer[0].mult = mult;
	c.layer[0].shift = shift;
	p = plan(&c, false);
	for (int i = 0; i < p->n_cmd; i++) {
		const uint32_t *cmd = p->cmd[i];

		cr_expect_neq(mea_get(cmd, MEA_F_CMD_OPCODE), MEA_OP_DEPTHWISE);
		if (mea_get(cmd, MEA_F_CMD_OPCODE) != MEA_OP_CONV)
			continue;
		cr_assert_lt(n, 3);
		base = n ? base : (int)mea_get(cmd, MEA_F_CONV_IN_BASE);
		cr_expect(mea_get(cmd, MEA_F_CONV_FIRST) && mea_get(cmd, MEA_F_CONV_FINAL));
		cr_expect_eq((int)mea_get(cmd, MEA_F_CONV_IN_BASE) - base,
			     want[n][0] * SIDE * SIDE);
		cr_expect_eq(mea_get(cmd, MEA_F_CONV_K_BLOCKS), want[n][1]);
		n++;
	}
	cr_expect_eq(n, 3);
	mea_plan_free(p);
}

Test(plan, groups_go_to_the_array_block_by_block)
{
	static const int own[3][2] = {{0, 1}, {1, 1}, {2, 1}};
	/* Groups of 12 channels straddle the array's columns. */
	static const int straddling[3][2] = {{0, 2}, {0, 3}, {1, 2}};

	check_groups(24, 5, own);
	check_groups(3, 3, own);
	check_groups(2, 3, straddling);
}

/* A device without a depthwise unit, and a map wider than its line buffer. */
Test(plan, the_array_convolves_channels_that_the_depthwise_unit_cannot)
{
	struct mea_hw without = device, narrow = device;
	struct chain c;

	make_chain(&c, "d");
	without.dw_taps = 0;
	narrow.dw_line = SIDE + 1;
	cr_expect(mea_is_depthwise(&device, &c.net, &c.layer[0]));
	cr_expect_not(mea_is_depthwise(&without, &c.net, &c.layer[0]));
	cr_expect_not(mea_is_depthwise(&narrow, &c.net, &c.layer[0]));
	cr_expect_null(mea_plan_refuses(&without, &c.net, &c.layer[0]));
	c.layer[0].kh = c.layer[0].kw = 5;
	cr_expect_not(mea_is_depthwise(&device, &c.net, &c.layer[0]));
}

/* 4 and 12 channels: no whole words. Each copy reads a block for each block that it writes. */
Test(plan, a_concatenation_within_a_word_is_two_copies)
{
	struct chain c;
	struct mea_plan *p;

	make_chain(&c, "aa");
	c.tensor[0].c = 4;
	c.tensor[1].c = 12;
	c.tensor[2].c = 16;
	c.layer[0] = c.layer[1];
	c.layer[0].op = MEA_Q_CONCAT;
	c.layer[0].in = 0;
	c.layer[0].in2 = 1;
	c.net.n_layers = 1;
	c.net.inputs[c.net.n_inputs++] = 1;
	cr_expect_null(mea_plan_refuses(&device, &c.net, &c.layer[0]));
	check_commands(&c, "CCCC", 0);
	p = plan(&c, true);
	for (int i = 0; i < p->n_cmd; i++) {
		if (mea_get(p->cmd[i], MEA_F_CMD_OPCODE) != MEA_OP_CONV)
			continue;
		cr_expect_leq(mea_get(p->cmd[i], MEA_F_CONV_K_BLOCKS), 2);
		cr_expect_eq(mea_get(p->cmd[i], MEA_F_CMD_LAYER), 0);
	}
	cr_expect_eq(p->n_records, 1);
	cr_expect_gt(p->layer_end[0], 0);
	cr_expect_eq(p->macs, 0);
	mea_plan_free(p);
}

/* The map `a` is in both: neither can lie where the other one's words are. */
Test(plan, a_tensor_in_two_concatenations_is_copied)
{
	struct chain c;

	make_chain(&c, "caaa");
	for (int i = 0; i < 2; i++) {
		c.tensor[2 + i].c = (2 + i) * CHANNELS;
		c.layer[1 + i].op = MEA_Q_CONCAT;
		c.layer[1 + i].in = 1 + i;
		c.layer[1 + i].in2 = 1;
	}
	c.net.n_layers = 3;
	c.net.outputs[0] = 3;
	c.net.n_tensors = 4;
	cr_expect_not(mea_concat_in_place(&device, &c.net, &c.layer[1]));
	cr_expect_null(mea_plan_refuses(&device, &c.net, &c.layer[1]));
	/* Two blocks and then three, each copied twice. */
	check_commands(&c, "CCCCCCCCCCC", 0);
}
