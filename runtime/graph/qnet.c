// SPDX-License-Identifier: Apache-2.0
/* qnet: memory, consistency and the numbers that go with a layer. */
#include "graph/qnet.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "graph/graph.h"

/* A side, a channel count or a kernel beyond this is a damaged file. */
#define DIM_MAX	   65536
#define KERNEL_MAX 32767	       /* its square fits an int */
#define TENSOR_MAX (UINT64_C(1) << 30) /* bytes */

void mea_qnet_free(struct mea_qnet *net)
{
	if (!net)
		return;
	for (int i = 0; net->tensors && i < net->n_tensors; i++)
		free(net->tensors[i].name);
	for (int i = 0; net->layers && i < net->n_layers; i++) {
		struct mea_qlayer *l = &net->layers[i];

		free(l->name);
		free(l->weights);
		free(l->bias);
		free(l->mult);
		free(l->shift);
	}
	mea_graph_free(net->tail);
	free(net->tensors);
	free(net->layers);
	free(net);
}

static bool int8_range(int v)
{
	return v >= -128 && v <= 127;
}

static int check_tensor(const struct mea_qtensor *t)
{
	const char *name = t->name ? t->name : "(unnamed)";

	if (t->c < 1 || t->h < 1 || t->w < 1 || t->c > DIM_MAX || t->h > DIM_MAX ||
	    t->w > DIM_MAX || (uint64_t)t->c * t->h * t->w > TENSOR_MAX)
		return mea_fail(MEA_EINVAL, "tensor %s: shape %dx%dx%d is out of range", name, t->c,
				t->h, t->w);
	if (!(t->scale > 0) || !isfinite(t->scale))
		return mea_fail(MEA_EINVAL, "tensor %s: scale %g is not positive and finite", name,
				(double)t->scale);
	if (!int8_range(t->zero_point))
		return mea_fail(MEA_EINVAL, "tensor %s: zero point %d is outside int8", name,
				t->zero_point);
	return 0;
}

static bool same_shape(const struct mea_qtensor *a, const struct mea_qtensor *b)
{
	return a->c == b->c && a->h == b->h && a->w == b->w;
}

/* Number of window positions, or -1 when the window does not fit once. */
static int positions(int size, int pad0, int pad1, int k, int stride)
{
	int span = size + pad0 + pad1 - k;

	return span < 0 ? -1 : span / stride + 1;
}

static int check_window(const struct mea_qlayer *l, const struct mea_qtensor *in,
			const struct mea_qtensor *out)
{
	int oh, ow;

	if (l->kh < 1 || l->kw < 1 || l->kh > KERNEL_MAX || l->kw > KERNEL_MAX)
		return mea_fail(MEA_EINVAL, "kernel %dx%d is out of range", l->kh, l->kw);
	if (l->stride_h < 1 || l->stride_w < 1 || l->stride_h > DIM_MAX || l->stride_w > DIM_MAX)
		return mea_fail(MEA_EINVAL, "stride %dx%d is out of range", l->stride_h,
				l->stride_w);
	if (l->pad_t < 0 || l->pad_l < 0 || l->pad_b < 0 || l->pad_r < 0 || l->pad_t > DIM_MAX ||
	    l->pad_l > DIM_MAX || l->pad_b > DIM_MAX || l->pad_r > DIM_MAX)
		return mea_fail(MEA_EINVAL, "padding %d,%d,%d,%d is out of range", l->pad_t,
				l->pad_l, l->pad_b, l->pad_r);
	oh = positions(in->h, l->pad_t, l->pad_b, l->kh, l->stride_h);
	ow = positions(in->w, l->pad_l, l->pad_r, l->kw, l->stride_w);
	if (oh != out->h || ow != out->w)
		return mea_fail(MEA_EINVAL, "output is %dx%d, the window gives %dx%d", out->h,
				out->w, oh, ow);
	return 0;
}

/* Every window of a pool has a tap inside the input. */
static int check_pool_pads(const struct mea_qlayer *l, const struct mea_qtensor *in,
			   const struct mea_qtensor *out)
{
	if (l->pad_t >= l->kh || l->pad_l >= l->kw ||
	    (out->h - 1) * (int64_t)l->stride_h - l->pad_t >= in->h ||
	    (out->w - 1) * (int64_t)l->stride_w - l->pad_l >= in->w)
		return mea_fail(MEA_EINVAL, "a pooling window lies wholly in the padding");
	return 0;
}

static int check_requant(const struct mea_qlayer *l, int n)
{
	if (!l->bias || !l->mult || !l->shift)
		return mea_fail(MEA_EINVAL, "bias, mult or shift is missing");
	for (int i = 0; i < n; i++) {
		if (l->mult[i] && (l->mult[i] < 1u << 30 || l->mult[i] > INT32_MAX))
			return mea_fail(MEA_EINVAL, "mult[%d] = %u has not 31 bits", i,
					(unsigned)l->mult[i]);
		if (l->shift[i] > 62)
			return mea_fail(MEA_EINVAL, "shift[%d] = %d is over 62", i, l->shift[i]);
	}
	if (!int8_range(l->mid_zero) || !int8_range(l->mid_lo) || !int8_range(l->mid_hi) ||
	    l->mid_lo > l->mid_hi)
		return mea_fail(MEA_EINVAL, "mid_zero %d or clamp %d..%d is out of range",
				l->mid_zero, l->mid_lo, l->mid_hi);
	return 0;
}

static int check_acc(int oc, int64_t lo, int64_t hi)
{
	if (lo < INT32_MIN || hi > INT32_MAX)
		return mea_fail(MEA_EINVAL,
				"the accumulator of channel %d could leave 32 bits: %lld .. %lld",
				oc, (long long)lo, (long long)hi);
	return 0;
}

/* The residual half of a layer, if it has one: in2, both multipliers, the last clamp. */
static int check_residual(const struct mea_qnet *net, const struct mea_qlayer *l)
{
	const struct mea_qtensor *out = &net->tensors[l->out];
	const struct mea_qtensor *in2 = l->in2 < 0 ? out : &net->tensors[l->in2];

	if (l->in2 < 0)
		return 0;
	if (!same_shape(in2, out))
		return mea_fail(MEA_EINVAL, "added tensor is %dx%dx%d, the output %dx%dx%d", in2->c,
				in2->h, in2->w, out->c, out->h, out->w);
	if (l->add_ma >= 1u << 23 || l->add_mb >= 1u << 23)
		return mea_fail(MEA_EINVAL, "add multiplier %u or %u has over 23 bits",
				(unsigned)l->add_ma, (unsigned)l->add_mb);
	if (l->add_shift < 0 || l->add_shift > 47)
		return mea_fail(MEA_EINVAL, "add shift %d is not in 0..47", l->add_shift);
	if (!int8_range(l->lo) || !int8_range(l->hi) || l->lo > l->hi)
		return mea_fail(MEA_EINVAL, "clamp %d..%d is out of range", l->lo, l->hi);
	return 0;
}

static int check_conv(const struct mea_qnet *net, const struct mea_qlayer *l)
{
	const struct mea_qtensor *in = &net->tensors[l->in], *out = &net->tensors[l->out];
	int64_t k;
	int rc = check_window(l, in, out);

	if (rc)
		return rc;
	if (l->groups < 1 || in->c % l->groups || out->c % l->groups)
		return mea_fail(MEA_EINVAL, "groups %d does not divide %d and %d channels",
				l->groups, in->c, out->c);
	k = (int64_t)l->kh * l->kw;
	if (!l->weights || k * (in->c / l->groups) > (int64_t)TENSOR_MAX / out->c)
		return mea_fail(MEA_EINVAL, "weights are missing or too large");
	k *= in->c / l->groups;
	if (l->fillers < 0 || l->fillers > k)
		return mea_fail(MEA_EINVAL, "%d fillers of %lld weights", l->fillers, (long long)k);
	rc = check_requant(l, out->c);
	for (int oc = 0; !rc && oc < out->c; oc++) {
		const int8_t *w = l->weights + oc * k;
		int64_t lo = l->bias[oc], hi = lo;

		for (int64_t i = 0; i < k; i++) {
			lo += w[i] * (w[i] > 0 ? -128 : 127);
			hi += w[i] * (w[i] > 0 ? 127 : -128);
		}
		rc = check_acc(oc, lo, hi);
	}
	return rc ? rc : check_residual(net, l);
}

/* An average without its padding: every divisor's multiplier exists, and the one
 * stored is that of a window without padding. */
static int check_avg(const struct mea_qnet *net, const struct mea_qlayer *l)
{
	uint32_t mult;
	uint8_t shift;
	int rc = mea_qavg_requant(net, l, 1, &mult, &shift);

	if (!rc)
		rc = mea_qavg_requant(net, l, l->kh * l->kw, &mult, &shift);
	if (!rc && (mult != l->mult[0] || shift != l->shift[0]))
		rc = mea_fail(MEA_EINVAL, "mult[0], shift[0] are not those of %d taps",
			      l->kh * l->kw);
	return rc;
}

static int check_pool(const struct mea_qnet *net, const struct mea_qlayer *l)
{
	const struct mea_qtensor *in = &net->tensors[l->in], *out = &net->tensors[l->out];
	int64_t taps = l->op == MEA_Q_MAXPOOL ? 1 : (int64_t)l->kh * l->kw;
	int rc = check_window(l, in, out);

	if (!rc)
		rc = check_pool_pads(l, in, out);
	if (!rc && in->c != out->c)
		rc = mea_fail(MEA_EINVAL, "a pool turns %d channels into %d", in->c, out->c);
	if (!rc)
		rc = check_requant(l, 1);
	if (!rc)
		rc = check_acc(0, l->bias[0] - 128 * taps, l->bias[0] + 127 * taps);
	if (!rc && l->op == MEA_Q_AVGPOOL && l->exclude_pad)
		rc = check_avg(net, l);
	return rc;
}

static int check_sum(const struct mea_qnet *net, const struct mea_qlayer *l)
{
	const struct mea_qtensor *in = &net->tensors[l->in];

	if (!same_shape(in, &net->tensors[l->out]) || l->mid_zero != in->zero_point)
		return mea_fail(MEA_EINVAL, "first addend does not fit");
	return check_residual(net, l);
}

static int check_concat(const struct mea_qnet *net, const struct mea_qlayer *l)
{
	const struct mea_qtensor *in = &net->tensors[l->in], *in2 = &net->tensors[l->in2];
	const struct mea_qtensor *out = &net->tensors[l->out];

	if (in->h != out->h || in2->h != out->h || in->w != out->w || in2->w != out->w ||
	    in->c + in2->c != out->c)
		return mea_fail(MEA_EINVAL, "shapes of a concat do not fit");
	if (in->scale != out->scale || in2->scale != out->scale ||
	    in->zero_point != out->zero_point || in2->zero_point != out->zero_point)
		return mea_fail(MEA_EINVAL, "scale or zero point differs within a concat");
	return 0;
}

static int check_mul(const struct mea_qnet *net, const struct mea_qlayer *l)
{
	const struct mea_qtensor *in = &net->tensors[l->in], *in2 = &net->tensors[l->in2];
	bool one_pixel = in2->c == in->c && in2->h == 1 && in2->w == 1;
	int rc;

	if (!same_shape(in, &net->tensors[l->out]) || (!same_shape(in2, in) && !one_pixel))
		return mea_fail(MEA_EINVAL, "factors of %dx%dx%d and %dx%dx%d do not fit", in->c,
				in->h, in->w, in2->c, in2->h, in2->w);
	rc = check_requant(l, 1);
	return rc || !l->bias[0] ? rc : mea_fail(MEA_EINVAL, "a product has a bias");
}

static int check_table(const struct mea_qnet *net, const struct mea_qlayer *l)
{
	if (!same_shape(&net->tensors[l->in], &net->tensors[l->out]))
		return mea_fail(MEA_EINVAL, "a table changes the shape");
	if (l->groups != 1 && l->groups != net->tensors[l->in].c)
		return mea_fail(MEA_EINVAL, "%d tables for %d channels", l->groups,
				net->tensors[l->in].c);
	return l->weights ? 0 : mea_fail(MEA_EINVAL, "the table is missing");
}

/* --- rows ------------------------------------------------------------------ */

/* All that is known here of an operation. */
static const struct row {
	const char *name;
	int in[2]; /* fewest and most inputs */
	bool multiplies;
	int bytes; /* of a group's constants, where it does not multiply */
	/* Shapes and ranges; the tensors exist. */
	int (*check)(const struct mea_qnet *net, const struct mea_qlayer *l);
} rows[MEA_Q_COUNT] = {
	[MEA_Q_CONV] = {"conv", {1, 2}, true, 0, check_conv},
	[MEA_Q_AVGPOOL] = {"average pool", {1, 1}, false, 0, check_pool},
	[MEA_Q_MAXPOOL] = {"max pool", {1, 1}, false, 0, check_pool},
	[MEA_Q_ADD] = {"add", {2, 2}, false, 0, check_sum},
	[MEA_Q_CONCAT] = {"concat", {2, 2}, false, 0, check_concat},
	[MEA_Q_MUL] = {"mul", {2, 2}, false, 0, check_mul},
	[MEA_Q_TABLE] = {"table", {1, 1}, false, 256, check_table},
};

const char *mea_qlayer_kind(const struct mea_qlayer *l)
{
	if (l->op == MEA_Q_CONV && l->groups > 1)
		return "grouped conv";
	return l->op == MEA_Q_CONV && l->in2 >= 0 ? "conv + add" : rows[l->op].name;
}

uint64_t mea_qlayer_macs(const struct mea_qnet *net, const struct mea_qlayer *l)
{
	const struct mea_qtensor *in = &net->tensors[l->in], *out = &net->tensors[l->out];

	if (!rows[l->op].multiplies)
		return 0;
	return (uint64_t)out->c * out->h * out->w *
	       (uint64_t)(l->kh * l->kw * (in->c / l->groups) - l->fillers);
}

uint64_t mea_qlayer_bytes(const struct mea_qnet *net, const struct mea_qlayer *l)
{
	uint64_t in = (uint64_t)net->tensors[l->in].c, out = (uint64_t)net->tensors[l->out].c;

	if (!rows[l->op].multiplies)
		return (uint64_t)rows[l->op].bytes * (uint64_t)l->groups;
	return out * (uint64_t)(l->kh * l->kw) * in / (uint64_t)l->groups + 4 * out;
}

/* have[i]: tensor i is an input or was computed by an earlier layer. */
static int check_layer(const struct mea_qnet *net, const struct mea_qlayer *l, const bool *have)
{
	int n = net->n_tensors, inputs = l->in2 < 0 ? 1 : 2;

	if (l->in < 0 || l->in >= n || l->out < 0 || l->out >= n || l->in2 < -1 || l->in2 >= n)
		return mea_fail(MEA_EINVAL, "tensor index out of range");
	if (!have[l->in] || (l->in2 >= 0 && !have[l->in2]))
		return mea_fail(MEA_EINVAL, "an input is used before it is computed");
	if (have[l->out])
		return mea_fail(MEA_EINVAL, "the output is computed twice");
	if ((unsigned)l->op >= MEA_Q_COUNT)
		return mea_fail(MEA_EINVAL, "unknown operation %d", (int)l->op);
	if (inputs < rows[l->op].in[0] || inputs > rows[l->op].in[1])
		return mea_fail(MEA_EINVAL, "the operation does not take %d inputs", inputs);
	return rows[l->op].check(net, l);
}

static int check_ends(const struct mea_qnet *net, const int *index, int n, const char *what)
{
	if (n < 1 || n > 4)
		return mea_fail(MEA_EINVAL, "%d network %ss are not 1 to 4", n, what);
	for (int i = 0; i < n; i++)
		if (index[i] < 0 || index[i] >= net->n_tensors)
			return mea_fail(MEA_EINVAL, "network %s %d is no tensor", what, i);
	return 0;
}

/* A layer of its own fills each output. */
static int check_outputs(const struct mea_qnet *net, const bool *have)
{
	for (int i = 0; i < net->n_outputs; i++) {
		int t = net->outputs[i];

		if (!have[t])
			return mea_fail(MEA_EINVAL, "network output %d is never computed", i);
		for (int k = 0; k < net->n_inputs; k++)
			if (net->inputs[k] == t)
				return mea_fail(MEA_EINVAL, "network output %d is input %d", i, k);
		for (int k = 0; k < i; k++)
			if (net->outputs[k] == t)
				return mea_fail(MEA_EINVAL,
						"network outputs %d and %d are one tensor", k, i);
	}
	return 0;
}

int mea_qnet_check(const struct mea_qnet *net)
{
	bool *have;
	int rc = 0;

	if (net->n_tensors < 1 || net->n_layers < 0 || !net->tensors ||
	    (net->n_layers && !net->layers))
		return mea_fail(MEA_EINVAL, "the network is empty");
	for (int i = 0; !rc && i < net->n_tensors; i++)
		rc = check_tensor(&net->tensors[i]);
	if (!rc)
		rc = check_ends(net, net->inputs, net->n_inputs, "input");
	if (!rc)
		rc = check_ends(net, net->outputs, net->n_outputs, "output");
	if (rc)
		return rc;
	have = calloc(net->n_tensors, sizeof(*have));
	if (!have)
		return mea_nomem();
	for (int i = 0; i < net->n_inputs; i++)
		have[net->inputs[i]] = true;
	for (int i = 0; !rc && i < net->n_layers; i++) {
		const struct mea_qlayer *l = &net->layers[i];

		rc = check_layer(net, l, have);
		if (rc)
			mea_fail_in(rc, "layer %d (%s)", i, l->name ? l->name : "unnamed");
		else
			have[l->out] = true;
	}
	if (!rc)
		rc = check_outputs(net, have);
	free(have);
	return rc;
}
