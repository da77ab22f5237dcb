// SPDX-License-Identifier: Apache-2.0
#include "random_net.h"

#include "random_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define MAX_LAYERS  3
#define MORE_AT_END 8 /* layers that end_otherwise() adds, at most */
#define WITH_TABLES 3 /* times the layers, once there are tables behind them */

static uint64_t state;
static bool all;

uint32_t random_bits(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 16);
}

int random_range(int lo, int hi)
{
	return lo + (int)(random_bits() % (uint32_t)(hi - lo + 1));
}

void random_seed(uint64_t s)
{
	state = s * 0x9e3779b97f4a7c15ull + 0x1234567;
	if (!state)
		state = 1;
	for (int i = 0; i < 8; i++)
		random_bits();
}

int random_die(const char *what)
{
	fprintf(stderr, "random network: %s: %s\n", what, mea_errmsg());
	exit(1);
}

void *random_alloc(size_t n)
{
	void *p = calloc(1, n ? n : 1);

	if (!p)
		random_die("memory");
	return p;
}

/* --- a random network ------------------------------------------------------- */

int random_tensor(struct mea_qnet *n, int c, int h, int w)
{
	struct mea_qtensor *t = &n->tensors[n->n_tensors];

	t->name = strdup("t");
	t->c = c;
	t->h = h;
	t->w = w;
	t->scale = 0.05f;
	t->zero_point = random_range(0, 3) ? random_range(-128, 127) : 0;
	return n->n_tensors++;
}

void random_params(struct mea_qlayer *l, int n, int fan_in)
{
	l->bias = random_alloc((size_t)n * sizeof(*l->bias));
	l->mult = random_alloc((size_t)n * sizeof(*l->mult));
	l->shift = random_alloc((size_t)n);
	for (int i = 0; i < n; i++) {
		int bits = 0;

		while (fan_in >> bits)
			bits++;
		l->bias[i] = random_range(-20000, 20000);
		l->mult[i] = 0x40000000u | (random_bits() & 0x3fffffff);
		/* Outputs that use the range, and now and then ties and extremes. */
		l->shift[i] = (uint8_t)(36 + bits / 2 + random_range(-2, 2));
		if (random_range(0, 15) == 0) {
			l->mult[i] = 0x40000000u;
			l->shift[i] = (uint8_t)random_range(30, 34);
		}
		if (random_range(0, 63) == 0)
			l->shift[i] = (uint8_t)random_range(0, 62);
	}
}

static void random_clamp(int *lo, int *hi, int zero)
{
	*lo = -128;
	*hi = 127;
	if (random_range(0, 1))
		*lo = zero; /* ReLU */
	if (random_range(0, 3) == 0)
		*hi = random_range(*lo, 127); /* ReLU6 */
}

void random_residual(struct mea_qnet *n, struct mea_qlayer *l, int c, int h, int w, int in2)
{
	const struct mea_qtensor *out;

	l->in2 = in2 >= 0 ? in2 : random_tensor(n, c, h, w);
	if (in2 < 0)
		n->inputs[n->n_inputs++] = l->in2;
	out = &n->tensors[l->out];
	l->mid_zero = random_range(-128, 127);
	l->mid_lo = -128;
	l->mid_hi = 127;
	l->add_ma = 0x400000u | (random_bits() & 0x3fffff);
	l->add_mb = random_bits() & 0x7fffff;
	l->add_shift = random_range(21, 25);
	random_clamp(&l->lo, &l->hi, out->zero_point);
}

int random_out_dim(int in, int k, int s, int p0, int p1)
{
	return (in + p0 + p1 - k) / s + 1;
}

void random_window(struct mea_qlayer *l, const struct mea_qtensor *in, int max_k)
{
	do {
		l->kh = random_range(1, max_k);
		l->kw = random_range(0, 2) ? l->kh : random_range(1, max_k);
		l->stride_h = random_range(0, 2) ? 1 : 2;
		l->stride_w = random_range(0, 4) ? l->stride_h : 3 - l->stride_h;
		l->pad_t = random_range(0, l->kh - 1);
		l->pad_b = random_range(0, 2) ? l->pad_t : random_range(0, l->kh - 1);
		l->pad_l = random_range(0, l->kw - 1);
		l->pad_r = random_range(0, 2) ? l->pad_l : random_range(0, l->kw - 1);
	} while (in->h + l->pad_t + l->pad_b < l->kh || in->w + l->pad_l + l->pad_r < l->kw);
}

static void random_conv(struct mea_qnet *n, struct mea_qlayer *l)
{
	const struct mea_qtensor *in = &n->tensors[l->in];
	int oc = random_range(1, random_range(0, 3) ? 40 : 70), taps, fc = random_range(0, 5) == 0;
	int ic = in->c;

	if (all && random_range(0, 2) == 0) {
		/* Depthwise, or as many groups as come. */
		l->groups = random_range(0, 1) ? ic : random_range(1, ic);
		while (ic % l->groups)
			l->groups--;
		oc = l->groups == ic && random_range(0, 3) ? ic : l->groups * random_range(1, 3);
		ic /= l->groups;
	}
	if (fc && in->h <= 7 && in->w <= 7) {
		l->kh = in->h;
		l->kw = in->w;
		l->stride_h = l->stride_w = 1;
	} else {
		random_window(l, in, 7);
	}
	l->out = random_tensor(n, oc, random_out_dim(in->h, l->kh, l->stride_h, l->pad_t, l->pad_b),
			       random_out_dim(n->tensors[l->in].w, l->kw, l->stride_w, l->pad_l,
					      l->pad_r));
	taps = l->kh * l->kw;
	l->weights = random_alloc((size_t)oc * taps * ic);
	for (int i = 0; i < oc * taps * ic; i++)
		l->weights[i] = (int8_t)random_range(-127, 127);
	random_params(l, oc, taps * ic * 128);
}

/* What the depthwise unit does: a kernel up to 3x3 for each channel. */
static void random_depthwise(struct mea_qnet *n, struct mea_qlayer *l)
{
	const struct mea_qtensor *in = &n->tensors[l->in];
	int c = in->c, taps;

	random_window(l, in, 3);
	l->groups = c;
	l->out = random_tensor(n, c, random_out_dim(in->h, l->kh, l->stride_h, l->pad_t, l->pad_b),
			       random_out_dim(in->w, l->kw, l->stride_w, l->pad_l, l->pad_r));
	taps = l->kh * l->kw;
	l->weights = random_alloc((size_t)c * taps);
	for (int i = 0; i < c * taps; i++)
		l->weights[i] = (int8_t)random_range(-127, 127);
	random_params(l, c, taps * 128);
}

void random_requant(struct mea_qlayer *l, int bias, double scale)
{
	l->bias = random_alloc(sizeof(*l->bias));
	l->mult = random_alloc(sizeof(*l->mult));
	l->shift = random_alloc(1);
	*l->bias = bias;
	if (mea_requant_from_scale(scale, l->mult, l->shift) < 0)
		random_die("requant");
}

static void rescale(struct mea_qnet *n, struct mea_qlayer *l)
{
	l->op = MEA_Q_AVGPOOL;
	random_requant(l, -n->tensors[l->in].zero_point, 0.5 + random_range(0, 100) / 100.0);
}

static void random_pool(struct mea_qnet *n, struct mea_qlayer *l, bool max)
{
	const struct mea_qtensor *in = &n->tensors[l->in];
	int c = in->c, zx = in->zero_point;

	if (!max && random_range(0, 3) == 0) { /* global */
		l->kh = in->h;
		l->kw = in->w;
		l->stride_h = l->stride_w = 1;
	} else {
		random_window(l, in, 4);
	}
	l->out = random_tensor(n, c, random_out_dim(in->h, l->kh, l->stride_h, l->pad_t, l->pad_b),
			       random_out_dim(n->tensors[l->in].w, l->kw, l->stride_w, l->pad_l,
					      l->pad_r));
	if (all && !max && random_range(0, 1)) {
		l->exclude_pad = true;
		random_requant(l, -zx * l->kh * l->kw, 1.0 / (l->kh * l->kw));
		return;
	}
	random_requant(l, max ? -zx : -zx * l->kh * l->kw,
		       (0.5 + random_range(0, 100) / 100.0) / (max ? 1 : l->kh * l->kw));
}

/* Channels of a new input behind those of `in`. */
static void concat(struct mea_qnet *n, struct mea_qlayer *l)
{
	const struct mea_qtensor t = n->tensors[l->in];
	int c = random_range(1, 20);

	l->op = MEA_Q_CONCAT;
	l->in2 = random_tensor(n, c, t.h, t.w);
	n->inputs[n->n_inputs++] = l->in2;
	l->out = random_tensor(n, t.c + c, t.h, t.w);
	n->tensors[l->in2].zero_point = n->tensors[l->out].zero_point = t.zero_point;
}

static void table_of_bytes(struct mea_qlayer *l)
{
	l->op = MEA_Q_TABLE;
	l->weights = random_alloc(256 * (size_t)l->groups);
	for (int i = 0; i < 256 * l->groups; i++)
		l->weights[i] = (int8_t)random_range(-128, 127);
}

/* Each element, or each channel, of `in` times a new input. */
static void random_mul(struct mea_qnet *n, struct mea_qlayer *l)
{
	const struct mea_qtensor t = n->tensors[l->in];
	bool map = random_range(0, 1);

	l->op = MEA_Q_MUL;
	l->in2 = random_tensor(n, t.c, map ? t.h : 1, map ? t.w : 1);
	n->inputs[n->n_inputs++] = l->in2;
	l->out = random_tensor(n, t.c, t.h, t.w);
	random_requant(l, 0, random_range(1, 100) / 6400.0);
	l->mid_zero = n->tensors[l->out].zero_point;
	random_clamp(&l->mid_lo, &l->mid_hi, l->mid_zero);
}

static void random_table(struct mea_qnet *n, struct mea_qlayer *l)
{
	const struct mea_qtensor t = n->tensors[l->in];

	l->out = random_tensor(n, t.c, t.h, t.w);
	l->groups = random_range(0, 2) ? 1 : t.c;
	table_of_bytes(l);
}

/* A table behind layer i, which from then on writes a tensor that the table reads. */
static void insert_table(struct mea_qnet *n, int i)
{
	struct mea_qlayer *l = &n->layers[i], *table = l + 1;
	const struct mea_qtensor t = n->tensors[l->out];
	int before = random_tensor(n, t.c, t.h, t.w);

	memmove(table + 1, table, sizeof(*l) * (size_t)(n->n_layers++ - i - 1));
	memset(table, 0, sizeof(*table));
	table->name = strdup("l");
	table->in = before;
	table->in2 = -1;
	table->groups = 1;
	table->kh = table->kw = table->stride_h = table->stride_w = 1;
	table_of_bytes(table);
	table->out = l->out;
	l->out = before;
	if (l->op == MEA_Q_CONCAT)
		n->tensors[before].zero_point = t.zero_point;
	else if (l->op != MEA_Q_ADD && l->in2 < 0)
		l->mid_zero = n->tensors[before].zero_point;
	if (n->n_outputs < 2 && random_range(0, 7) == 0)
		n->outputs[n->n_outputs++] = before;
}

/* Tables behind some of the layers, of a random stream of their own: the rest of the network and
 * what is drawn later stay as they are without. */
static void insert_tables(struct mea_qnet *n)
{
	uint64_t later = state;

	for (int i = n->n_layers - 1; i >= 0; i--)
		for (int left = 2; left > 0 && random_range(0, 2) == 0; left--)
			insert_table(n, i);
	state = later;
}

static void random_layer(struct mea_qnet *n, int in, int earlier)
{
	struct mea_qlayer *l = &n->layers[n->n_layers];
	int kind = random_range(0, 11);
	bool depthwise = kind >= 10 && n->tensors[in].c > 1;
	const struct mea_qtensor *out;

	l->name = strdup("l");
	l->in = in;
	l->in2 = -1;
	l->groups = 1;
	l->kh = l->kw = l->stride_h = l->stride_w = 1;
	if (all && kind == 8) {
		random_table(n, l);
		n->n_layers++;
		return;
	}
	if (all && kind == 9 && n->n_inputs < RANDOM_NET_INPUTS) {
		concat(n, l);
		n->n_layers++;
		return;
	}
	if (all && kind == 7 && n->n_inputs < RANDOM_NET_INPUTS) {
		random_mul(n, l);
		n->n_layers++;
		return;
	}
	if (kind == 0) {
		const struct mea_qtensor *t = &n->tensors[in];

		l->op = MEA_Q_ADD;
		l->out = random_tensor(n, t->c, t->h, t->w);
	} else if (kind <= 2) {
		l->op = kind == 1 ? MEA_Q_MAXPOOL : MEA_Q_AVGPOOL;
		random_pool(n, l, kind == 1);
	} else {
		l->op = MEA_Q_CONV;
		if (depthwise)
			random_depthwise(n, l);
		else
			random_conv(n, l);
	}
	out = &n->tensors[l->out];
	l->mid_zero = out->zero_point;
	random_clamp(&l->mid_lo, &l->mid_hi, out->zero_point);
	if (l->op == MEA_Q_ADD || (l->op == MEA_Q_CONV && !depthwise && random_range(0, 2) == 0)) {
		bool fits = earlier >= 0 && n->tensors[earlier].c == out->c &&
			    n->tensors[earlier].h == out->h && n->tensors[earlier].w == out->w;

		if (fits || n->n_inputs < RANDOM_NET_INPUTS) {
			random_residual(n, l, out->c, out->h, out->w, fits ? earlier : -1);
			if (l->op == MEA_Q_ADD)
				l->mid_zero = n->tensors[in].zero_point;
		} else if (l->op == MEA_Q_ADD) {
			rescale(n, l); /* an add needs a partner */
		}
	}
	n->n_layers++;
}

static void end_otherwise(struct mea_qnet *n);

struct mea_qnet *random_net(bool all_ops)
{
	struct mea_qnet *n = random_alloc(sizeof(*n));
	int layers = random_range(1, MAX_LAYERS), in, earlier = -1;

	all = all_ops;
	n->tensors = random_alloc(sizeof(*n->tensors) * 16 * WITH_TABLES);
	n->layers = random_alloc(sizeof(*n->layers) * (MAX_LAYERS + MORE_AT_END) * WITH_TABLES);
	in = random_tensor(n, random_range(0, 2) ? random_range(1, 48) : random_range(1, 4),
			   random_range(1, 16), random_range(1, 16));
	n->inputs[n->n_inputs++] = in;
	for (int i = 0; i < layers; i++) {
		random_layer(n, in, earlier);
		earlier = in;
		in = n->layers[i].out;
	}
	n->outputs[n->n_outputs++] = in;
	if (layers > 1)
		n->outputs[n->n_outputs++] = n->layers[random_range(0, layers - 2)].out;
	if (!all) {
		end_otherwise(n);
		insert_tables(n);
	}
	return n;
}

/* --- large maps --------------------------------------------------------------- */

struct mea_qlayer *random_new_layer(struct mea_qnet *n, int in)
{
	struct mea_qlayer *l = &n->layers[n->n_layers++];

	l->name = strdup("l");
	l->op = MEA_Q_CONV;
	l->in = in;
	l->in2 = -1;
	l->groups = 1;
	l->kh = l->kw = l->stride_h = l->stride_w = 1;
	return l;
}

void random_finish(struct mea_qnet *n, struct mea_qlayer *l)
{
	l->mid_zero = n->tensors[l->out].zero_point;
	random_clamp(&l->mid_lo, &l->mid_hi, l->mid_zero);
}

int random_pointwise(struct mea_qnet *n, int in, int oc, int in2)
{
	struct mea_qlayer *l = random_new_layer(n, in);
	const struct mea_qtensor t = n->tensors[in];

	l->out = random_tensor(n, oc, t.h, t.w);
	l->weights = random_alloc((size_t)oc * t.c);
	for (int i = 0; i < oc * t.c; i++)
		l->weights[i] = (int8_t)random_range(-127, 127);
	random_params(l, oc, t.c * 128);
	random_finish(n, l);
	if (in2 >= 0)
		random_residual(n, l, oc, t.h, t.w, in2);
	return l->out;
}

static int depthwise(struct mea_qnet *n, int in)
{
	struct mea_qlayer *l = random_new_layer(n, in);

	random_depthwise(n, l);
	random_finish(n, l);
	return l->out;
}

/* Expansion (or none), depthwise, projection, with a residual where shapes allow. */
static int inverted_residual(struct mea_qnet *n, int in)
{
	const struct mea_qtensor t = n->tensors[in];
	int x = random_range(0, 3) ? random_pointwise(n, in, random_range(1, 96), -1) : in, oc;

	x = depthwise(n, x);
	oc = random_range(0, 1) ? t.c : random_range(1, 40);
	return random_pointwise(
		n, x, oc, oc == t.c && n->tensors[x].h == t.h && n->tensors[x].w == t.w ? in : -1);
}

/* The stem of a network: an image of few channels. */
static int image_layer(struct mea_qnet *n, int in)
{
	struct mea_qlayer *l = random_new_layer(n, in);

	random_conv(n, l);
	random_finish(n, l);
	return l->out;
}

static int any_layer(struct mea_qnet *n, int in)
{
	random_layer(n, in, -1);
	return n->layers[n->n_layers - 1].out;
}

/* Beside an input, before or behind it, as an extension takes main's features. */
static int joined(struct mea_qnet *n, int in)
{
	int x = random_pointwise(n, in, 32, -1), zero = n->tensors[x].zero_point;
	const struct mea_qtensor t = n->tensors[x];
	struct mea_qlayer *l = random_new_layer(n, x);
	int other = random_tensor(n, 32, t.h, t.w);

	n->inputs[n->n_inputs++] = other;
	l->op = MEA_Q_CONCAT;
	l->in2 = other;
	if (random_range(0, 1)) {
		l->in = other;
		l->in2 = x;
	}
	l->out = random_tensor(n, 64, t.h, t.w);
	n->tensors[other].zero_point = n->tensors[l->out].zero_point = zero;
	return random_range(0, 1) ? inverted_residual(n, l->out)
				  : random_pointwise(n, l->out, random_range(1, 40), -1);
}

struct mea_qnet *random_large_net(void)
{
	struct mea_qnet *n = random_alloc(sizeof(*n));
	bool image = random_range(0, 2) == 0;
	int w = random_range(0, 3) ? random_range(17, 64) : random_range(65, 126), x;

	all = false;
	n->tensors = random_alloc(sizeof(*n->tensors) * 32 * WITH_TABLES);
	n->layers = random_alloc(sizeof(*n->layers) * 24 * WITH_TABLES);
	x = random_tensor(n, image ? random_range(1, 4) : random_range(2, 48), random_range(9, 40),
			  w);
	n->inputs[n->n_inputs++] = x;
	if (image)
		x = image_layer(n, x);
	for (int i = random_range(1, 2); i > 0; i--) {
		bool narrow = n->tensors[x].w < 3 || n->tensors[x].h < 3 || n->tensors[x].c < 2;

		x = narrow || random_range(0, 3) == 0 ? any_layer(n, x) : inverted_residual(n, x);
	}
	if (n->n_inputs < RANDOM_NET_INPUTS && n->tensors[x].h > 2 && n->tensors[x].w > 2 &&
	    random_range(0, 2) == 0)
		x = joined(n, x);
	n->outputs[n->n_outputs++] = x;
	end_otherwise(n);
	insert_tables(n);
	return n;
}

/* In some networks a depthwise layer without a projection comes behind the first output, or a
 * convolution in groups, or concatenations, or that is multiplied: with a pixel that comes of it
 * (squeeze and excitation), with a new input, or with itself. Drawn from a stream of its own. */
static void end_otherwise(struct mea_qnet *n)
{
	uint64_t later = state;
	int x = n->outputs[0], other, kind = random_range(0, 5);
	struct mea_qlayer *l;
	struct mea_qtensor t;

	if (random_range(0, 3) == 0)
		x = depthwise(n, random_pointwise(n, x, random_range(2, 40), -1));
	if (random_range(0, 1))
		x = random_grouped(n, x);
	if (random_range(0, 3) == 0)
		x = random_concats(n, x);
	other = n->outputs[0] = x;
	t = n->tensors[x];
	if (kind == 0)
		other = random_pointwise(n, random_global_pool(n, x), t.c, -1);
	if (kind == 1 && n->n_inputs < RANDOM_NET_INPUTS) {
		bool map = random_range(0, 1);

		other = random_tensor(n, t.c, map ? t.h : 1, map ? t.w : 1);
		n->inputs[n->n_inputs++] = other;
	}
	if (kind <= 2) {
		l = random_new_layer(n, x);
		l->op = MEA_Q_MUL;
		l->in2 = other;
		l->out = random_tensor(n, t.c, t.h, t.w);
		random_requant(l, 0, random_range(1, 100) / 6400.0);
		random_finish(n, l);
		n->outputs[0] = l->out;
	}
	state = later;
}
