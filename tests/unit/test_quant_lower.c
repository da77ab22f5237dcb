// SPDX-License-Identifier: Apache-2.0
/* QDQ graphs as other tools write them, lowered to qnet. */
#include "graph_build.h"

#include "backend/ref/ref.h"
#include <math.h>

#include "graph/lower.h"
#include "graph/tail.h"
#include "quantize/quantize.h"
#include "quantize/quantize.h"

/* Scale and zero point as constants behind x; type of the zero point: MEA_I8 or
 * MEA_U8. */
static int quant(struct mea_graph *g, enum mea_op op, const char *name, int x, float scale,
		 int zero, enum mea_dtype type)
{
	struct mea_shape s = {0};
	uint8_t z = (uint8_t)zero;
	int in[3] = {x, mea_graph_add_const(g, "scale", MEA_F32, &s, &scale),
		     mea_graph_add_const(g, "zero", type, &s, &z)};

	return node(g, op, name, in, 3, NULL);
}

/* Q and DQ: the value NAME and NAME_dq, which is returned. */
static int qdq(struct mea_graph *g, const char *name, int x, float scale, int zero,
	       enum mea_dtype type)
{
	char dq[64];

	snprintf(dq, sizeof(dq), "%s_dq", name);
	return quant(g, MEA_OP_DequantizeLinear, dq,
		     quant(g, MEA_OP_QuantizeLinear, name, x, scale, zero, type), scale, zero,
		     type);
}

/* A quantised weight behind its DQ; scales: 1 or one per channel of axis. */
static int weight(struct mea_graph *g, const char *name, struct mea_shape s, enum mea_dtype type,
		  int zero, int scales, int axis)
{
	struct mea_attrs a = mea_attrs_default(MEA_OP_DequantizeLinear);
	struct mea_shape ss = shape_of(scales > 1, scales);
	uint8_t data[4096], zeros[64];
	float scale[64];
	char text[64];
	int in[3];

	a.axis = axis;
	for (size_t i = 0; i < mea_shape_count(&s); i++)
		data[i] = (uint8_t)(rand() % 255 - 127 + zero);
	for (int i = 0; i < scales; i++) {
		scale[i] = 0.01f * (float)(i + 1);
		zeros[i] = (uint8_t)zero;
	}
	snprintf(text, sizeof(text), "%s_q", name);
	in[0] = mea_graph_add_const(g, text, type, &s, data);
	in[1] = mea_graph_add_const(g, text, MEA_F32, &ss, scale);
	in[2] = mea_graph_add_const(g, text, type, &ss, zeros);
	return node(g, MEA_OP_DequantizeLinear, name, in, 3, &a);
}

static int qconv(struct mea_graph *g, const char *name, int x, int oc)
{
	int ic = (int)g->values[x].shape.dim[1];
	char w[64];

	snprintf(w, sizeof(w), "%s_w", name);
	return binary(g, MEA_OP_Conv, name, x,
		      weight(g, w, shape_of(4, oc, ic, 1, 1), MEA_I8, 0, oc, 0));
}

static struct mea_qnet *lowered(struct mea_graph *g, int output)
{
	struct mea_qnet *net;

	finish(g, output);
	cr_assert_eq(mea_qnet_from_graph(g, &net), 0, "%s", mea_errmsg());
	mea_graph_free(g);
	return net;
}

static void refused(struct mea_graph *g, int output, const char *a, const char *b)
{
	struct mea_qnet *net;

	finish(g, output);
	cr_assert_eq(mea_qnet_from_graph(g, &net), MEA_EUNSUPPORTED);
	cr_assert(strstr(mea_errmsg(), "test.onnx"), "%s", mea_errmsg());
	cr_assert(strstr(mea_errmsg(), a), "no \"%s\" in: %s", a, mea_errmsg());
	cr_assert(strstr(mea_errmsg(), b), "no \"%s\" in: %s", b, mea_errmsg());
	mea_graph_free(g);
}

static int image(struct mea_graph *g)
{
	return qdq(g, "xq", input(g, "x", shape_of(4, 1, 3, 4, 4)), 0.02f, 5, MEA_I8);
}

Test(quant_lower, uint8_becomes_int8)
{
	struct mea_graph *g = new_graph();
	struct mea_qnet *net;
	int x = qdq(g, "xq", input(g, "x", shape_of(4, 1, 3, 4, 4)), 0.02f, 133, MEA_U8), w, y;

	srand(1);
	w = weight(g, "w", shape_of(4, 2, 3, 1, 1), MEA_U8, 128, 1, 0);
	y = binary(g, MEA_OP_Conv, "c", x, w);
	y = unary(g, MEA_OP_Relu, "r", y);
	net = lowered(g, qdq(g, "yq", y, 0.1f, 0, MEA_U8));
	cr_assert_eq(net->n_layers, 1);
	cr_assert_eq(net->tensors[net->inputs[0]].zero_point, 5);
	cr_assert_eq(net->tensors[net->outputs[0]].zero_point, -128);
	cr_assert(net->layers[0].mid_lo == -128 && net->layers[0].mid_hi == 127);
	mea_qnet_free(net);
}

Test(quant_lower, weights_are_in_nhwc_order)
{
	struct mea_graph *g = new_graph();
	struct mea_attrs a = mea_attrs_default(MEA_OP_DequantizeLinear);
	struct mea_shape ws = shape_of(2, 12, 2), none = {0};
	int8_t w[24], zero = 0;
	float s = 0.5f;
	struct mea_qnet *net;
	int x = qdq(g, "xq", input(g, "x", shape_of(4, 1, 3, 2, 2)), 0.02f, 0, MEA_I8), in[3], y;

	for (int k = 0; k < 12; k++)
		for (int o = 0; o < 2; o++)
			w[k * 2 + o] = (int8_t)(k + 50 * o);
	in[0] = mea_graph_add_const(g, "w", MEA_I8, &ws, w);
	in[1] = mea_graph_add_const(g, "s", MEA_F32, &none, &s);
	in[2] = mea_graph_add_const(g, "z", MEA_I8, &none, &zero);
	y = node(g, MEA_OP_DequantizeLinear, "wdq", in, 3, &a);
	/* [12][2] of MatMul, no Q between Flatten and MatMul. */
	y = binary(g, MEA_OP_MatMul, "mm", unary(g, MEA_OP_Flatten, "flat", x), y);
	net = lowered(g, qdq(g, "yq", y, 0.1f, 0, MEA_I8));
	cr_assert_eq(net->n_layers, 1);
	cr_assert(net->layers[0].kh == 2 && net->layers[0].kw == 2);
	for (int o = 0; o < 2; o++)
		for (int px = 0; px < 4; px++)
			for (int c = 0; c < 3; c++)
				cr_assert_eq(net->layers[0].weights[(o * 4 + px) * 3 + c],
					     c * 4 + px + 50 * o);
	mea_qnet_free(net);
}

Test(quant_lower, a_dilated_kernel_has_zeros_between_its_taps)
{
	struct mea_attrs a = mea_attrs_default(MEA_OP_Conv);
	struct mea_graph *g = new_graph();
	int x = image(g), w = weight(g, "w", shape_of(4, 1, 3, 2, 2), MEA_I8, 0, 1, 0), y;
	struct mea_qnet *net;
	const struct mea_qlayer *l;

	a.dilation[0] = 2;
	a.dilation[1] = 3;
	y = node(g, MEA_OP_Conv, "c", (int[]){x, w}, 2, &a);
	net = lowered(g, qdq(g, "yq", y, 0.1f, 0, MEA_I8));
	l = net->layers;
	cr_assert(l->kh == 3 && l->kw == 4);
	for (int i = 0; i < 3 * 4 * 3; i++) {
		int ky = i / 12, kx = i / 3 % 4;

		if (ky == 1 || kx % 3)
			cr_expect_eq(l->weights[i], 0);
	}
	cr_expect(l->weights[0] && l->weights[9] && l->weights[24] && l->weights[33]);
	/* 4 taps of 3 channels */
	cr_expect_eq(mea_qlayer_macs(net, l),
		     12 * net->tensors[l->out].c * net->tensors[l->out].h * net->tensors[l->out].w);
	mea_qnet_free(net);
}

/* op with a constant of one element or of one for each channel, plain or quantised, first or
 * second: a table, or one for each channel, that is the float result of each byte. */
static void check_coefficient(enum mea_op op, bool each, bool quantised, bool first)
{
	struct mea_graph *g = new_graph();
	struct mea_shape s = each ? shape_of(4, 1, 3, 1, 1) : shape_of(0);
	int x = image(g), k, in[2];
	struct mea_qnet *net;
	const struct mea_qlayer *l;
	float value[3];

	k = quantised ? weight(g, "k", s, MEA_I8, 0, 1, 0) : constant(g, "k", s, 0.5f, 2);
	for (int c = 0; c < 3; c++)
		value[c] = quantised ? 0.01f * ((int8_t *)g->values[g->nodes[g->n_nodes - 1].in[0]]
							.data)[each ? c : 0]
				     : ((float *)g->values[k].data)[each ? c : 0];
	in[first] = x;
	in[!first] = k;
	net = lowered(g, qdq(g, "yq", node(g, op, "y", in, 2, NULL), 0.03f, -7, MEA_I8));
	l = net->layers;
	cr_assert(net->n_layers == 1 && l->op == MEA_Q_TABLE);
	cr_assert_eq(l->groups, each ? 3 : 1);
	for (int i = 0; i < 256 * l->groups; i++) {
		float v = 0.02f * (float)((int8_t)i - 5), p = value[i / 256], y;

		y = op == MEA_OP_PRelu ? (v < 0 ? v * p : v)
		    : op == MEA_OP_Add ? v + p
		    : op == MEA_OP_Mul ? v * p
		    : op == MEA_OP_Sub ? (first ? p - v : v - p)
				       : v / p;
		cr_assert_eq(l->weights[i], mea_quantize_f32(y, 0.03f, -7), "%s, byte %d: %d",
			     mea_op_name(op), i, l->weights[i]);
	}
	mea_qnet_free(net);
}

Test(quant_lower, a_constant_operand_is_a_table)
{
	srand(1);
	for (int i = 0; i < 8; i++) {
		bool each = i & 1, quantised = i & 2, first = i & 4;

		/* Plain constants of Add, Sub, Mul, Div are folded into a convolution. */
		if (quantised) {
			check_coefficient(MEA_OP_Add, each, true, first);
			check_coefficient(MEA_OP_Mul, each, true, first);
			check_coefficient(MEA_OP_Sub, each, true, first);
		}
		if (!first)
			check_coefficient(MEA_OP_PRelu, each, quantised, false);
		if (!first && quantised)
			check_coefficient(MEA_OP_Div, each, true, false);
	}
}

Test(quant_lower, bias_is_taken_over_or_rescaled)
{
	/* Twice the same bias of 1.0: as int32 in units of sx * sw, and of 1/1000. */
	for (int form = 0; form < 3; form++) {
		struct mea_graph *g = new_graph();
		struct mea_shape one = {1, {1}};
		struct mea_attrs a = mea_attrs_default(MEA_OP_DequantizeLinear);
		float unit = form ? 0.001f : 0.02f * 0.01f, real = 1;
		int32_t q = form ? 1000 : 5000;
		struct mea_qnet *net;
		int in[3] = {image(g)}, b[2], sum = 0;

		srand(1);
		in[1] = weight(g, "w", shape_of(4, 1, 3, 1, 1), MEA_I8, 0, 1, 0);
		a.axis = 0;
		b[0] = mea_graph_add_const(g, "b", MEA_I32, &one, &q);
		b[1] = mea_graph_add_const(g, "bs", MEA_F32, &one, &unit);
		in[2] = form == 2 ? mea_graph_add_const(g, "bf", MEA_F32, &one, &real)
				  : node(g, MEA_OP_DequantizeLinear, "bdq", b, 2, &a);
		net = lowered(g, qdq(g, "yq", node(g, MEA_OP_Conv, "c", in, 3, NULL), 0.1f, 0,
				     MEA_I8));
		for (int i = 0; i < 3; i++)
			sum += net->layers[0].weights[i];
		cr_assert_eq(net->layers[0].bias[0], 5000 - 5 * sum, "form %d", form);
		mea_qnet_free(net);
	}
}

Test(quant_lower, clamps_become_bounds)
{
	/* Relu before Clip -1 .. 6, and after it. */
	for (int after = 0; after < 2; after++) {
		struct mea_graph *g = new_graph();
		struct mea_attrs a = mea_attrs_default(MEA_OP_Clip);
		struct mea_qnet *net;
		int y;

		srand(1);
		a.lo = -1;
		a.hi = 6;
		y = qconv(g, "c", image(g), 4);
		if (!after)
			y = unary(g, MEA_OP_Relu, "r", y);
		y = node(g, MEA_OP_Clip, "clip", &y, 1, &a);
		if (after)
			y = unary(g, MEA_OP_Relu, "r", y);
		net = lowered(g, qdq(g, "yq", y, 0.05f, -20, MEA_I8));
		cr_assert_eq(net->n_layers, 1);
		cr_assert_eq(net->layers[0].mid_lo, -20);
		cr_assert_eq(net->layers[0].mid_hi, 100);
		mea_qnet_free(net);
	}
}

Test(quant_lower, a_lone_relu_is_a_change_of_scale)
{
	struct mea_graph *g = new_graph();
	struct mea_qnet *net;

	net = lowered(g, qdq(g, "yq", unary(g, MEA_OP_Relu, "r", image(g)), 0.01f, -128, MEA_I8));
	cr_assert_eq(net->n_layers, 1);
	cr_assert_eq(net->layers[0].op, MEA_Q_AVGPOOL);
	cr_assert_eq(net->layers[0].bias[0], -5);
	cr_assert(net->layers[0].mult[0] == 1u << 30 && net->layers[0].shift[0] == 29);
	mea_qnet_free(net);
}

Test(quant_lower, the_same_scale_again_is_no_layer)
{
	struct mea_graph *g = new_graph();
	struct mea_qnet *net;
	int y;

	srand(1);
	y = qdq(g, "aq", qconv(g, "c", image(g), 4), 0.1f, 3, MEA_I8);
	y = qdq(g, "bq", y, 0.1f, 3, MEA_I8);
	y = qdq(g, "cq", unary(g, MEA_OP_Identity, "i", y), 0.1f, 3, MEA_I8);
	net = lowered(g, y);
	cr_assert_eq(net->n_layers, 1);
	cr_assert_eq(net->n_tensors, 2);
	mea_qnet_free(net);
}

Test(quant_lower, the_later_of_two_convolutions_takes_the_residual)
{
	struct mea_graph *g = new_graph();
	struct mea_qnet *net;
	int x = image(g), a, b, y;

	srand(1);
	a = qdq(g, "aq", qconv(g, "first", x, 4), 0.1f, 3, MEA_I8);
	b = qdq(g, "bq", qconv(g, "second", x, 4), 0.2f, -3, MEA_I8);
	y = unary(g, MEA_OP_Relu, "r", binary(g, MEA_OP_Add, "sum", b, a));
	net = lowered(g, qdq(g, "yq", y, 0.25f, 10, MEA_I8));
	cr_assert_eq(net->n_layers, 2);
	cr_assert_str_eq(net->layers[1].name, "second");
	cr_assert_eq(net->layers[1].in2, net->layers[0].out);
	cr_assert(net->layers[1].mid_zero == -3 && net->layers[1].mid_lo == -128);
	cr_assert(net->layers[1].lo == 10 && net->layers[1].hi == 127);
	/* 0.2 / 0.25 with 23 bits, 0.1 / 0.25 beside it. */
	cr_assert_eq(net->layers[1].add_shift, 23);
	cr_assert_eq(net->layers[1].add_ma, 6710886);
	cr_assert_eq(net->layers[1].add_mb, 3355443);
	cr_assert_eq(net->n_tensors, 3, "the middle value has no tensor");
	mea_qnet_free(net);
}

Test(quant_lower, a_convolution_that_others_read_is_not_fused)
{
	for (int how = 0; how < 4; how++) {
		struct mea_graph *g = new_graph();
		struct mea_qnet *net;
		int x = image(g), a, y, other = -1;

		srand(1);
		a = qdq(g, "aq", qconv(g, "c", x, 3), 0.1f, 3, MEA_I8);
		if (how == 0) /* a second operation */
			other = qdq(g, "oq", qconv(g, "d", a, 2), 0.1f, 0, MEA_I8);
		if (how == 1) /* the integers by another DQ */
			other = quant(g, MEA_OP_DequantizeLinear, "again", mea_graph_find(g, "aq"),
				      0.1f, 3, MEA_I8);
		if (how == 2) { /* through the same scale again */
			other = a;
			a = qdq(g, "a2q", a, 0.1f, 3, MEA_I8);
		}
		y = how == 3 ? binary(g, MEA_OP_Add, "sum", a, a) /* itself twice */
			     : binary(g, MEA_OP_Add, "sum", a, x);
		if (other >= 0)
			mea_graph_add_output(g, other);
		net = lowered(g, qdq(g, "yq", y, 0.25f, 10, MEA_I8));
		cr_assert_eq(net->layers[net->n_layers - 1].op, MEA_Q_ADD, "case %d", how);
		mea_qnet_free(net);
	}
}

/* Each output has a buffer of its own, which one layer fills. */
Test(quant_lower, one_tensor_as_two_outputs_is_copied)
{
	struct mea_graph *g = new_graph();
	struct mea_qnet *net;
	int8_t x[48], first[64], second[64];
	int a;

	srand(1);
	a = qdq(g, "aq", qconv(g, "c", image(g), 4), 0.1f, 3, MEA_I8);
	mea_graph_add_output(g, a);
	net = lowered(g, a);
	cr_assert_eq(net->n_outputs, 2);
	cr_assert_neq(net->outputs[0], net->outputs[1]);
	cr_assert_eq(net->n_layers, 2);
	cr_assert(net->layers[1].in == net->outputs[0] && net->layers[1].out == net->outputs[1]);
	for (int i = 0; i < 48; i++)
		x[i] = (int8_t)(i * 5 - 128);
	cr_assert_eq(mea_ref_layer(net, &net->layers[0], x, NULL, first), 0);
	cr_assert_eq(mea_ref_layer(net, &net->layers[1], first, NULL, second), 0);
	cr_assert_arr_eq(second, first, 64);
	mea_qnet_free(net);
}

Test(quant_lower, concat_brings_its_inputs_to_one_scale)
{
	struct mea_graph *g = new_graph();
	struct mea_attrs a = mea_attrs_default(MEA_OP_Concat);
	struct mea_qnet *net;
	int x = image(g), y, in[3];

	srand(1);
	a.axis = -3;
	in[0] = x;
	in[1] = qdq(g, "aq", qconv(g, "c", x, 4), 0.1f, 3, MEA_I8);
	in[2] = x;
	y = node(g, MEA_OP_Concat, "cat", in, 3, &a);
	net = lowered(g, qdq(g, "yq", y, 0.1f, 3, MEA_I8));
	/* conv, x twice rescaled, two concats */
	cr_assert_eq(net->n_layers, 5);
	cr_assert_eq(net->tensors[net->outputs[0]].c, 10);
	mea_qnet_free(net);
}

Test(quant_lower, pools_with_ceil_mode_get_their_padding)
{
	struct mea_graph *g = new_graph();
	struct mea_qnet *net;
	int y;

	y = pool(g, MEA_OP_MaxPool, "m", image(g), 3, 2, 0, true, false);
	y = qdq(g, "mq", y, 0.02f, 5, MEA_I8);
	y = pool(g, MEA_OP_AveragePool, "a", y, 2, 1, 1, false, false);
	net = lowered(g, qdq(g, "yq", y, 0.02f, 5, MEA_I8));
	cr_assert(net->layers[0].pad_t == 0 && net->layers[0].pad_b == 1);
	cr_assert(net->tensors[net->layers[0].out].h == 2);
	cr_assert(net->layers[1].exclude_pad && net->layers[1].pad_t == 1);
	mea_qnet_free(net);
}

Test(quant_lower, integer_inputs_and_outputs)
{
	struct mea_graph *g = new_graph();
	struct mea_shape s = shape_of(4, 1, 3, 4, 4);
	struct mea_qnet *net;
	int x = mea_graph_add_input(g, "x", MEA_U8, &s);

	srand(1);
	x = quant(g, MEA_OP_DequantizeLinear, "xdq", x, 0.02f, 100, MEA_U8);
	net = lowered(g,
		      quant(g, MEA_OP_QuantizeLinear, "y", qconv(g, "c", x, 4), 0.1f, 3, MEA_I8));
	cr_assert_eq(net->tensors[net->inputs[0]].zero_point, -28);
	cr_assert_str_eq(net->tensors[net->inputs[0]].name, "x");
	mea_qnet_free(net);
}

/* y, in floats, of the net's first output for a ramp of bytes. */
static void run_tail(const struct mea_qnet *net, int8_t *x, float *y)
{
	struct mea_tail *t;
	const float *from;

	cr_assert_eq(mea_tail_new(net, &t), 0, "%s", mea_errmsg());
	cr_assert_eq(mea_tail_run(t, x, &from), 0, "%s", mea_errmsg());
	memcpy(y, from, sizeof(*y) * mea_tail_count(net));
	mea_tail_free(t);
}

Test(quant_lower, a_result_left_in_float_is_computed_behind_the_net)
{
	struct mea_graph *g = new_graph();
	struct mea_qnet *net;
	int8_t x[48];
	float y[3];
	int p;

	p = unary(g, MEA_OP_GlobalAveragePool, "p", image(g));
	net = lowered(g, unary(g, MEA_OP_Flatten, "f", p));
	/* An input as an output is a copy. */
	cr_assert(net->tail && net->n_layers == 1);
	cr_assert_eq(mea_tail_count(net), 3);
	for (int i = 0; i < 48; i++)
		x[i] = (int8_t)(i % 3 * 20 + i / 3);
	run_tail(net, x, y);
	for (int c = 0; c < 3; c++)
		cr_expect_float_eq(y[c], 0.02 * (20 * c + 7.5 - 5), 1e-5);
	mea_qnet_free(net);

	g = new_graph();
	net = lowered(g, image(g));
	cr_assert(!net->tail && mea_tail_count(net) == 48);
	mea_qnet_free(net);
}

/* PyTorch for x86 and TensorRT quantise the sum alone. */
Test(quant_lower, a_convolution_before_an_add_needs_no_quantiser)
{
	for (int swapped = 0; swapped < 2; swapped++) {
		struct mea_graph *g = new_graph();
		int x = image(g), c, in[2];
		const struct mea_qlayer *l;
		struct mea_qnet *net;

		srand(1);
		c = qconv(g, "c", x, 3);
		in[swapped] = c;
		in[!swapped] = x;
		c = unary(g, MEA_OP_Relu, "r", node(g, MEA_OP_Add, "sum", in, 2, NULL));
		net = lowered(g, qdq(g, "yq", c, 0.03f, -128, MEA_I8));
		l = net->layers;
		cr_assert(net->n_layers == 1 && l->op == MEA_Q_CONV && l->in2 == net->inputs[0]);
		/* The convolution matters from -x to the sum's end: 255 * 0.03 + 255 * 0.02. */
		cr_expect_float_eq(ldexp(l->add_ma, -l->add_shift), 0.05 / 0.03, 1e-4);
		cr_expect_float_eq(ldexp(l->add_mb, -l->add_shift), 0.02 / 0.03, 1e-4);
		mea_qnet_free(net);
	}
}

Test(quant_lower, what_is_not_quantised_is_named)
{
	struct mea_graph *g = new_graph();
	int x, y;

	srand(1);
	x = image(g);
	y = qdq(g, "yq", x, 0.1f, 0, MEA_I8);
	mea_graph_add_output(g, y);
	refused(g, qconv(g, "c", x, 4), "node c (Conv)", "output c, is not quantised");
	g = new_graph();
	y = qconv(g, "c", input(g, "x", shape_of(4, 1, 3, 4, 4)), 4);
	refused(g, qdq(g, "yq", y, 0.1f, 0, MEA_I8), "node c (Conv)", "input x is not quantised");
	g = new_graph();
	y = conv(g, "c", image(g), 4, 3, 1, 1, 1, true);
	refused(g, qdq(g, "yq", y, 0.1f, 0, MEA_I8), "node c (Conv)",
		"c_w is not a quantised constant");
	g = new_graph();
	y = qconv(g, "d", qconv(g, "c", image(g), 4), 4);
	refused(g, qdq(g, "yq", y, 0.1f, 0, MEA_I8), "node d (Conv)", "node c (Conv)");
	g = new_graph();
	y = unary(g, MEA_OP_Softmax, "s", image(g));
	refused(g, qdq(g, "yq", y, 0.1f, 0, MEA_I8), "node s (Softmax)", "integer form");
	g = new_graph();
	x = image(g);
	y = binary(g, MEA_OP_Conv, "c", x,
		   weight(g, "w", shape_of(4, 2, 3, 1, 1), MEA_I8, 7, 1, 0));
	refused(g, qdq(g, "yq", y, 0.1f, 0, MEA_I8), "node c", "weights w_q are not symmetric");
	g = new_graph();
	x = image(g);
	y = binary(g, MEA_OP_Conv, "c", x,
		   weight(g, "w", shape_of(4, 2, 3, 1, 1), MEA_I8, 0, 3, 1));
	refused(g, qdq(g, "yq", y, 0.1f, 0, MEA_I8), "node w", "axis 1");
	g = new_graph();
	y = unary(g, MEA_OP_Flatten, "f", image(g));
	refused(g, qdq(g, "yq", y, 0.02f, 5, MEA_I8), "yq_dq", "flattened");
	g = new_graph();
	y = qdq(g, "xq", input(g, "x", shape_of(3, 1, 3, 4)), 0.02f, 5, MEA_I8);
	refused(g, y, "tensor x", "1x3x4");
	g = new_graph();
	y = qdq(g, "xq", input(g, "x", shape_of(4, 2, 3, 4, 4)), 0.02f, 5, MEA_I8);
	refused(g, y, "tensor x", "2x3x4x4");
}
