/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qnet: a quantised network in integers. It is what the QDQ ONNX reader makes
 * and what every backend and the planner consume, so the arithmetic of mea is
 * written down here once; runtime/backend/ref is its executable definition.
 *
 * All tensors are int8, batch 1, with one scale and zero point each:
 * real = scale * (q - zero_point). In host memory a tensor is NHWC bytes,
 * q[(y * w + x) * c + channel].
 *
 * RNE(v >> s) below is division of the exact 64-bit v by 2^s, rounded to the
 * nearest integer, ties to even: ONNX QuantizeLinear's rounding.
 */
#ifndef MEA_QNET_H
#define MEA_QNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mea_qop {
	/*
	 * acc  = sum(x * w) + bias    32-bit, wraps; a padded x is the input's
	 *                             zero point, and bias already holds
	 *                             round(b / (sx * sw)) - zx * sum(w)
	 * mid  = clamp(RNE(acc * mult[oc] >> shift[oc]) + mid_zero, mid_lo, mid_hi)
	 * out  = mid                                          without in2
	 *      = clamp(RNE(((mid - mid_zero) * add_ma + (r - zr) * add_mb) >> add_shift)
	 *              + zo, lo, hi)                          with in2 = r
	 * A fully connected layer is a convolution whose kernel covers its input.
	 */
	MEA_Q_CONV,
	/* As CONV with acc = sum over the window of x (padding: zx) + bias[0],
	 * bias[0] = -kh * kw * zx, and mult[0], shift[0] holding sx / (so * kh * kw).
	 * With exclude_pad the divisor is the number of taps inside the input;
	 * see mea_qavg_requant(). 1x1 is a plain change of scale and clamp. */
	MEA_Q_AVGPOOL,
	/* acc = max over the window of x (padding: -128) + bias[0], bias[0] = -zx. */
	MEA_Q_MAXPOOL,
	/* mid = x, mid_zero = zx, then the in2 line of CONV. */
	MEA_Q_ADD,
	/* out = channels of in, then channels of in2; all three share scale and
	 * zero point. */
	MEA_Q_CONCAT,
	/* The mid line of CONV with acc = (x - zx) * (r - zr), |acc| < 2^16, bias[0] = 0 and
	 * mult[0], shift[0] holding sx * sr / so. r = in2 has the shape of x, or one pixel that
	 * multiplies every pixel of x. */
	MEA_Q_MUL,
	/* out = weights[c][(uint8_t)x]: a function of one element, as a table. groups 1: one table
	 * for all channels c; else in.c: each has its own. */
	MEA_Q_TABLE,
	MEA_Q_COUNT,
};

struct mea_qtensor {
	char *name; /* ONNX value name, owned */
	int c, h, w;
	float scale;
	int zero_point; /* -128 .. 127 */
};

struct mea_qlayer {
	enum mea_qop op;
	char *name;  /* ONNX node name (or its output's), owned */
	int in, in2; /* tensor indices; in2 is -1 when unused */
	int out;
	int kh, kw, stride_h, stride_w;
	int pad_t, pad_l, pad_b, pad_r;
	int groups;	  /* CONV: 1, or in.c for depthwise, or any divisor; TABLE: 1 or in.c */
	bool exclude_pad; /* AVGPOOL */
	/* CONV: weights of an output channel that are not the model's: zeros between the taps of a
	 * dilated kernel or for channels that it does not read, and all of a copy. No MACs. */
	int fillers;
	int8_t *weights; /* CONV: [out.c][kh][kw][in.c / groups]; TABLE: [groups][256]; owned */
	int32_t *bias;	 /* CONV: [out.c]; pools: [1]; owned */
	uint32_t *mult;	 /* same length as bias; 0 or 2^30 .. 2^31 - 1; owned */
	uint8_t *shift;	 /* same length as bias; 0 .. 62; owned */
	int mid_zero, mid_lo, mid_hi;
	uint32_t add_ma, add_mb; /* < 2^23 */
	int add_shift;		 /* 0 .. 47 */
	int lo, hi;
};

struct mea_graph;

struct mea_qnet {
	struct mea_qtensor *tensors;
	int n_tensors;
	struct mea_qlayer *layers; /* in topological order */
	int n_layers;
	int inputs[4], n_inputs; /* tensor indices, in the ONNX graph's order */
	int outputs[4], n_outputs;
	/* What the file leaves in float behind the last quantised tensor, outputs[0]: from the
	 * floats of that to the file's first output. NULL: nothing. Owned. tail.h runs it. */
	struct mea_graph *tail;
};

/* Frees net and all it owns; NULL is fine. */
void mea_qnet_free(struct mea_qnet *net);

/* Checks shapes, ranges and order of every layer, that each tensor that is read has one
 * writer (a layer or an input of the network), that outputs are tensors of their own, and
 * that no accumulator can leave 32 bits. Returns 0 or a negative error whose message names the
 * layer. */
int mea_qnet_check(const struct mea_qnet *net);

/* What a layer is, in a word or two for people. */
const char *mea_qlayer_kind(const struct mea_qlayer *l);

/* Bytes of the layer's weights and biases. */
uint64_t mea_qlayer_bytes(const struct mea_qnet *net, const struct mea_qlayer *l);

/* Multiply-accumulates of one inference of the layer, padded taps included
 * (the convention of all published figures), fillers not; 0 for pools, adds and concats. */
uint64_t mea_qlayer_macs(const struct mea_qnet *net, const struct mea_qlayer *l);

/* scale = mult * 2^-shift, mult 31 bits. MEA_EINVAL when scale is not positive
 * and finite or is 2^31 or more; too small a scale becomes mult 0. */
int mea_requant_from_scale(double scale, uint32_t *mult, uint8_t *shift);

/* The two multipliers of a residual add: sa/so and sb/so over one power of two,
 * the larger of them with 23 bits. MEA_EINVAL as above. */
int mea_add_from_scales(double a, double b, uint32_t *ma, uint32_t *mb, int *shift);

/* Multiplier and shift of an exclude_pad average over n taps. */
int mea_qavg_requant(const struct mea_qnet *net, const struct mea_qlayer *l, int n, uint32_t *mult,
		     uint8_t *shift);

#endif
