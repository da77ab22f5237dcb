// SPDX-License-Identifier: Apache-2.0
/*
 * A small network that has every way of multiplying in it, compared with the
 * integer reference: a block of channels alone and two and a half of them, numbers of
 * pixels for every kind of pixel group, strides, borders, a residual, depthwise layers of stride 1
 * and 2, a pool.
 */
#include "backend/opencl/opencl.h"

#include <stdlib.h>
#include <string.h>

#include "backend/ref/ref.h"
#include "base/error.h"

#define SIDE	 17
#define HALF	 9 /* of a side, at stride 2 */
#define SMALL	 4 /* of a side, without padding */
#define CHANNELS 40
#define IMAGE	 (SIDE * SIDE * 3)
#define FEATURES (SIDE * SIDE * MEA_CL_BLOCK)

enum { T_IMAGE, T_FIRST, T_HALF, T_SECOND, T_THIRD, T_FOURTH, T_SMALL, T_POOLED, TENSORS };
enum {
	L_STEM,
	L_HALF,
	L_RESIDUAL,
	L_DEPTHWISE,
	L_DEPTHWISE_2,
	L_SMALL,
	CONVS,
	L_POOL = CONVS,
	LAYERS
};

/* All outputs that a network may have. */
static const int outputs[] = {T_POOLED, T_SECOND, T_THIRD, T_SMALL};
#define OUTPUTS 4

/* The network and all memory that it points to. */
struct probe {
	struct mea_qnet net;
	struct mea_qtensor tensors[TENSORS];
	struct mea_qlayer layers[LAYERS];
	int8_t weights[CONVS][CHANNELS * 9 * CHANNELS];
	int32_t bias[CHANNELS];
	uint32_t mult[CHANNELS];
	uint8_t shift[LAYERS][CHANNELS];
	int8_t value[TENSORS][FEATURES], got[FEATURES];
};

static char no_name[] = "self-test";

static void tensor(struct probe *p, int t, int c, int side, int zero)
{
	p->tensors[t] = (struct mea_qtensor){no_name, c, side, side, 0.05f, zero};
}

static struct mea_qlayer *layer(struct probe *p, int i, enum mea_qop op, int in, int out, int k)
{
	struct mea_qlayer *l = &p->layers[i];

	*l = (struct mea_qlayer){.op = op,
				 .name = no_name,
				 .in = in,
				 .in2 = -1,
				 .out = out,
				 .kh = k,
				 .kw = k,
				 .stride_h = 1,
				 .stride_w = 1,
				 .groups = 1,
				 .bias = p->bias,
				 .mult = p->mult,
				 .shift = p->shift[i],
				 .mid_zero = p->tensors[out].zero_point,
				 .mid_lo = -128,
				 .mid_hi = 127};
	if (op == MEA_Q_CONV) {
		l->weights = p->weights[i];
		l->pad_t = l->pad_l = l->pad_b = l->pad_r = 1;
	}
	return l;
}

static void fill(struct probe *p)
{
	static const uint8_t shifts[LAYERS] = {39, 41, 42, 39, 39, 42, 36};
	struct mea_qlayer *l;
	uint32_t seed = 1;

	tensor(p, T_IMAGE, 3, SIDE, -5);
	tensor(p, T_FIRST, MEA_CL_BLOCK, SIDE, 3);
	tensor(p, T_HALF, CHANNELS, HALF, 2);
	tensor(p, T_SECOND, CHANNELS, HALF, -7);
	tensor(p, T_THIRD, CHANNELS, HALF, -3);
	tensor(p, T_FOURTH, CHANNELS, (HALF + 1) / 2, 0);
	tensor(p, T_SMALL, CHANNELS, SMALL, 4);
	tensor(p, T_POOLED, CHANNELS, 1, 1);
	layer(p, L_STEM, MEA_Q_CONV, T_IMAGE, T_FIRST, 3);
	l = layer(p, L_HALF, MEA_Q_CONV, T_FIRST, T_HALF, 3);
	l->stride_h = l->stride_w = 2;
	l = layer(p, L_RESIDUAL, MEA_Q_CONV, T_HALF, T_SECOND, 3);
	l->in2 = T_HALF;
	l->add_ma = 5000000;
	l->add_mb = 6000001;
	l->add_shift = 23;
	l->lo = -7;
	l->hi = 127;
	l = layer(p, L_DEPTHWISE, MEA_Q_CONV, T_SECOND, T_THIRD, 3);
	l->groups = CHANNELS;
	l = layer(p, L_DEPTHWISE_2, MEA_Q_CONV, T_THIRD, T_FOURTH, 3);
	l->groups = CHANNELS;
	l->stride_h = l->stride_w = 2;
	l = layer(p, L_SMALL, MEA_Q_CONV, T_SECOND, T_SMALL, 3);
	l->stride_h = l->stride_w = 2;
	l->pad_t = l->pad_l = l->pad_b = l->pad_r = 0;
	layer(p, L_POOL, MEA_Q_AVGPOOL, T_FOURTH, T_POOLED, (HALF + 1) / 2);
	for (size_t i = 0; i < sizeof(p->weights); i++)
		((int8_t *)p->weights)[i] = (int8_t)((seed = seed * 1664525 + 1013904223) >> 24);
	for (int i = 0; i < IMAGE; i++)
		p->value[T_IMAGE][i] = (int8_t)((seed = seed * 1664525 + 1013904223) >> 24);
	for (int i = 0; i < CHANNELS; i++) {
		p->bias[i] = i * 100 - 2000;
		p->mult[i] = 0x40000000u + (uint32_t)i * 20000000u;
		for (int k = 0; k < LAYERS; k++)
			p->shift[k][i] = shifts[k];
	}
	p->net = (struct mea_qnet){.tensors = p->tensors,
				   .n_tensors = TENSORS,
				   .layers = p->layers,
				   .n_layers = LAYERS,
				   .inputs = {T_IMAGE},
				   .n_inputs = 1,
				   .n_outputs = OUTPUTS};
	memcpy(p->net.outputs, outputs, sizeof(outputs));
}

static int reference(struct probe *p)
{
	int rc = 0;

	for (int i = 0; !rc && i < LAYERS; i++) {
		const struct mea_qlayer *l = &p->layers[i];

		rc = mea_ref_layer(&p->net, l, p->value[l->in],
				   l->in2 < 0 ? NULL : p->value[l->in2], p->value[l->out]);
	}
	return rc;
}

static int run(struct mea_exec *e, struct mea_buf **in, struct mea_buf **out, struct probe *p)
{
	struct mea_job *job;
	int rc = mea_opencl_buf_write(in[0], p->value[T_IMAGE]);

	if (!rc)
		rc = mea_opencl_submit(e, in, out, &job);
	if (!rc)
		rc = mea_opencl_wait(job, -1, NULL);
	for (int i = 0; !rc && i < OUTPUTS; i++) {
		const struct mea_qtensor *t = &p->tensors[outputs[i]];

		rc = mea_opencl_buf_read(out[i], p->got);
		if (!rc && memcmp(p->got, p->value[outputs[i]], (size_t)t->c * t->h * t->w))
			rc = mea_fail(MEA_EDEVICE, "the self-test's results are wrong");
	}
	return rc;
}

int mea_opencl_self_test(struct mea_backend *b)
{
	struct probe *p = calloc(1, sizeof(*p));
	struct mea_buf *in[1] = {NULL}, *out[OUTPUTS] = {NULL};
	struct mea_exec *e = NULL;
	int rc;

	if (!p)
		return mea_nomem();
	fill(p);
	rc = reference(p);
	if (!rc)
		rc = mea_opencl_prepare(b, &p->net, &e);
	if (!rc)
		rc = mea_opencl_buf_alloc(e, true, 0, &in[0]);
	for (int i = 0; !rc && i < OUTPUTS; i++)
		rc = mea_opencl_buf_alloc(e, false, i, &out[i]);
	if (!rc)
		rc = run(e, in, out, p);
	mea_opencl_buf_free(in[0]);
	for (int i = 0; i < OUTPUTS; i++)
		mea_opencl_buf_free(out[i]);
	mea_opencl_release(e);
	free(p);
	return rc;
}
