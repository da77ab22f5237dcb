/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What training takes from oneDNN: convolutions and a matrix product. Only dnnl.c
 * knows the library, so that another major version of it is one file's work.
 *
 * Activations are NHWC, float32 or bfloat16. Weights come and go as float32 in
 * ONNX's order (OIHW, with groups O x I/G x H x W); a convolution keeps its own copy
 * in the blocked order and the type that its kernels like best.
 */
#ifndef MEA_TRAIN_DNNL_H
#define MEA_TRAIN_DNNL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mea_conv_shape {
	int n, ic, ih, iw, oc, oh, ow;
	int kernel[2], stride[2], dilation[2]; /* y, x; dilation 1 is none */
	int pad[4];			       /* top, left, bottom, right */
	int groups;
	bool bias, bf16;
	bool lean; /* keeps no copy of the weights: mea_conv_lend() */
};

struct mea_conv;

/*
 * Makes a convolution of that shape; data and weights say which gradients it will be
 * asked for. like: NULL, or one of the same weights, which outlives the new one; its copy of
 * them is used where both have them in one order. MEA_EUNSUPPORTED when oneDNN has none.
 */
int mea_conv_new(const struct mea_conv_shape *s, bool data, bool weights,
		 const struct mea_conv *like, struct mea_conv **out);
void mea_conv_free(struct mea_conv *c);

/* Takes new weights over, unless they are another's; to be called after every change of them. */
int mea_conv_set_weights(struct mea_conv *c, const float *w);

/*
 * A lean convolution works in room of mea_conv_room() bytes, which others may use in turn. Weights
 * are then set before every call: for the forward pass by mea_conv_set_weights(), for the input's
 * gradient by mea_conv_set_data_weights().
 */
size_t mea_conv_room(const struct mea_conv *c);
void mea_conv_lend(struct mea_conv *c, void *room);
int mea_conv_set_data_weights(struct mea_conv *c, const float *w);

/* dst = conv(src) + bias; bias (float32) only if the shape has it. Several threads may call it. */
int mea_conv_forward(const struct mea_conv *c, const void *src, const float *bias, void *dst);
/* dsrc = gradient of the input. */
int mea_conv_backward_data(struct mea_conv *c, const void *ddst, void *dsrc);
/* dw, dbias = gradients summed over the batch, in float32. */
int mea_conv_backward_weights(struct mea_conv *c, const void *src, const void *ddst, float *dw,
			      float *dbias);

/* out[m][n] = op(a) op(b) + beta out, row-major; op transposes: a is [k][m], b is [n][k]. */
int mea_matmul(bool trans_a, bool trans_b, int m, int n, int k, const float *a, const float *b,
	       float beta, float *out);

/* Whether this CPU multiplies bfloat16 in hardware (AVX-512 BF16 or AMX). */
bool mea_dnnl_has_bf16(void);
/* True if it computes in bfloat16 at all: with AVX-512, be it slowly. */
bool mea_dnnl_computes_bf16(void);
/* The instruction set that oneDNN uses here, for notes. */
const char *mea_dnnl_isa(void);

#endif
