// SPDX-License-Identifier: Apache-2.0
/*
 * Random networks of one to three layers, planned and run on the Verilated
 * accelerator under random bus latency and back-pressure, compared bit for bit
 * with the integer reference on every output tensor. Half of them are planned
 * for a smaller scratchpad or weight memory than the device has, so that strips,
 * halos and reloads are tested with small maps.
 *
 *   random_layers CONFIG COUNT [SEED [ONLY]]
 *
 * A failure prints the seed of the network; give it as SEED with COUNT 1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/ref/ref.h"
#include "device/device.h"
#include "error.h"

#define MAX_LAYERS 3
/* Networks between two openings of the device with new bus behaviour. */
#define PER_DEVICE 50

static uint64_t state;

static uint32_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 16);
}

static int range(int lo, int hi)
{
	return lo + (int)(rnd() % (uint32_t)(hi - lo + 1));
}

static void seed_with(uint64_t s)
{
	state = s * 0x9e3779b97f4a7c15ull + 0x1234567;
	if (!state)
		state = 1;
	for (int i = 0; i < 8; i++)
		rnd();
}

static int die(const char *what)
{
	fprintf(stderr, "random_layers: %s: %s\n", what, mea_errmsg());
	exit(1);
}

static void *zalloc(size_t n)
{
	void *p = calloc(1, n ? n : 1);

	if (!p)
		die("memory");
	return p;
}

/* --- a random network ------------------------------------------------------- */

static int add_tensor(struct mea_qnet *n, int c, int h, int w)
{
	struct mea_qtensor *t = &n->tensors[n->n_tensors];

	t->name = strdup("t");
	t->c = c;
	t->h = h;
	t->w = w;
	t->scale = 0.05f;
	t->zero_point = range(0, 3) ? range(-128, 127) : 0;
	return n->n_tensors++;
}

static void random_params(struct mea_qlayer *l, int n, int fan_in)
{
	l->bias = zalloc((size_t)n * sizeof(*l->bias));
	l->mult = zalloc((size_t)n * sizeof(*l->mult));
	l->shift = zalloc((size_t)n);
	for (int i = 0; i < n; i++) {
		int bits = 0;

		while (fan_in >> bits)
			bits++;
		l->bias[i] = range(-20000, 20000);
		l->mult[i] = 0x40000000u | (rnd() & 0x3fffffff);
		/* Outputs that use the range, and now and then ties and extremes. */
		l->shift[i] = (uint8_t)(36 + bits / 2 + range(-2, 2));
		if (range(0, 15) == 0) {
			l->mult[i] = 0x40000000u;
			l->shift[i] = (uint8_t)range(30, 34);
		}
		if (range(0, 63) == 0)
			l->shift[i] = (uint8_t)range(0, 62);
	}
}

static void random_clamp(int *lo, int *hi, int zero)
{
	*lo = -128;
	*hi = 127;
	if (range(0, 1))
		*lo = zero; /* ReLU */
	if (range(0, 3) == 0)
		*hi = range(*lo, 127); /* ReLU6 */
}

static void random_residual(struct mea_qnet *n, struct mea_qlayer *l, int c, int h, int w, int in2)
{
	const struct mea_qtensor *out;

	l->in2 = in2 >= 0 ? in2 : add_tensor(n, c, h, w);
	if (in2 < 0)
		n->inputs[n->n_inputs++] = l->in2;
	out = &n->tensors[l->out];
	l->mid_zero = range(-128, 127);
	l->mid_lo = -128;
	l->mid_hi = 127;
	l->add_ma = 0x400000u | (rnd() & 0x3fffff);
	l->add_mb = rnd() & 0x7fffff;
	l->add_shift = range(21, 25);
	random_clamp(&l->lo, &l->hi, out->zero_point);
}

static int out_dim(int in, int k, int s, int p0, int p1)
{
	return (in + p0 + p1 - k) / s + 1;
}

static void random_window(struct mea_qlayer *l, const struct mea_qtensor *in, int max_k)
{
	do {
		l->kh = range(1, max_k);
		l->kw = range(0, 2) ? l->kh : range(1, max_k);
		l->stride_h = range(0, 2) ? 1 : 2;
		l->stride_w = range(0, 4) ? l->stride_h : 3 - l->stride_h;
		l->pad_t = range(0, l->kh - 1);
		l->pad_b = range(0, 2) ? l->pad_t : range(0, l->kh - 1);
		l->pad_l = range(0, l->kw - 1);
		l->pad_r = range(0, 2) ? l->pad_l : range(0, l->kw - 1);
	} while (in->h + l->pad_t + l->pad_b < l->kh || in->w + l->pad_l + l->pad_r < l->kw);
}

static void random_conv(struct mea_qnet *n, struct mea_qlayer *l)
{
	const struct mea_qtensor *in = &n->tensors[l->in];
	int oc = range(1, range(0, 3) ? 40 : 70), taps, fc = range(0, 5) == 0;
	int ic = in->c;

	if (fc && in->h <= 7 && in->w <= 7) {
		l->kh = in->h;
		l->kw = in->w;
		l->stride_h = l->stride_w = 1;
	} else {
		random_window(l, in, 7);
	}
	l->out = add_tensor(n, oc, out_dim(in->h, l->kh, l->stride_h, l->pad_t, l->pad_b),
			    out_dim(n->tensors[l->in].w, l->kw, l->stride_w, l->pad_l, l->pad_r));
	taps = l->kh * l->kw;
	l->weights = zalloc((size_t)oc * taps * ic);
	for (int i = 0; i < oc * taps * ic; i++)
		l->weights[i] = (int8_t)range(-127, 127);
	random_params(l, oc, taps * ic * 128);
}

static void random_depthwise(struct mea_qnet *n, struct mea_qlayer *l)
{
	const struct mea_qtensor *in = &n->tensors[l->in];
	int c = in->c, taps;

	random_window(l, in, 3);
	l->groups = c;
	l->out = add_tensor(n, c, out_dim(in->h, l->kh, l->stride_h, l->pad_t, l->pad_b),
			    out_dim(in->w, l->kw, l->stride_w, l->pad_l, l->pad_r));
	taps = l->kh * l->kw;
	l->weights = zalloc((size_t)c * taps);
	for (int i = 0; i < c * taps; i++)
		l->weights[i] = (int8_t)range(-127, 127);
	random_params(l, c, taps * 128);
}

static void requant_one(struct mea_qlayer *l, int bias, double scale)
{
	l->bias = zalloc(sizeof(*l->bias));
	l->mult = zalloc(sizeof(*l->mult));
	l->shift = zalloc(1);
	*l->bias = bias;
	if (mea_requant_from_scale(scale, l->mult, l->shift) < 0)
		die("requant");
}

static void rescale(struct mea_qnet *n, struct mea_qlayer *l)
{
	l->op = MEA_Q_AVGPOOL;
	requant_one(l, -n->tensors[l->in].zero_point, 0.5 + range(0, 100) / 100.0);
}

static void random_pool(struct mea_qnet *n, struct mea_qlayer *l, bool max)
{
	const struct mea_qtensor *in = &n->tensors[l->in];
	int c = in->c, zx = in->zero_point;

	if (!max && range(0, 3) == 0) { /* global */
		l->kh = in->h;
		l->kw = in->w;
		l->stride_h = l->stride_w = 1;
	} else {
		random_window(l, in, 4);
	}
	l->out = add_tensor(n, c, out_dim(in->h, l->kh, l->stride_h, l->pad_t, l->pad_b),
			    out_dim(n->tensors[l->in].w, l->kw, l->stride_w, l->pad_l, l->pad_r));
	requant_one(l, max ? -zx : -zx * l->kh * l->kw,
		    (0.5 + range(0, 100) / 100.0) / (max ? 1 : l->kh * l->kw));
}

static void random_layer(struct mea_qnet *n, int in, int earlier)
{
	struct mea_qlayer *l = &n->layers[n->n_layers];
	int kind = range(0, 11);
	const struct mea_qtensor *out;

	l->name = strdup("l");
	l->in = in;
	l->in2 = -1;
	l->groups = 1;
	l->kh = l->kw = l->stride_h = l->stride_w = 1;
	if (kind == 0) {
		const struct mea_qtensor *t = &n->tensors[in];

		l->op = MEA_Q_ADD;
		l->out = add_tensor(n, t->c, t->h, t->w);
	} else if (kind <= 2) {
		l->op = kind == 1 ? MEA_Q_MAXPOOL : MEA_Q_AVGPOOL;
		random_pool(n, l, kind == 1);
	} else if (kind <= 5 && n->tensors[in].c > 1) {
		l->op = MEA_Q_CONV;
		random_depthwise(n, l);
	} else {
		l->op = MEA_Q_CONV;
		random_conv(n, l);
	}
	out = &n->tensors[l->out];
	l->mid_zero = out->zero_point;
	random_clamp(&l->mid_lo, &l->mid_hi, out->zero_point);
	if (l->op == MEA_Q_ADD || (l->op == MEA_Q_CONV && l->groups == 1 && range(0, 2) == 0)) {
		bool fits = earlier >= 0 && n->tensors[earlier].c == out->c &&
			    n->tensors[earlier].h == out->h && n->tensors[earlier].w == out->w;

		if (fits || n->n_inputs < MEA_PLAN_MAX_IO) {
			random_residual(n, l, out->c, out->h, out->w, fits ? earlier : -1);
			if (l->op == MEA_Q_ADD)
				l->mid_zero = n->tensors[in].zero_point;
		} else if (l->op == MEA_Q_ADD) {
			rescale(n, l); /* an add needs a partner */
		}
	}
	n->n_layers++;
}

static struct mea_qnet *random_net(void)
{
	struct mea_qnet *n = zalloc(sizeof(*n));
	int layers = range(1, MAX_LAYERS), in, earlier = -1;

	n->tensors = zalloc(sizeof(*n->tensors) * 16);
	n->layers = zalloc(sizeof(*n->layers) * MAX_LAYERS);
	in = add_tensor(n, range(0, 2) ? range(1, 48) : range(1, 4), range(1, 16), range(1, 16));
	n->inputs[n->n_inputs++] = in;
	for (int i = 0; i < layers; i++) {
		random_layer(n, in, earlier);
		earlier = in;
		in = n->layers[i].out;
	}
	n->outputs[n->n_outputs++] = in;
	if (layers > 1)
		n->outputs[n->n_outputs++] = n->layers[range(0, layers - 2)].out;
	return n;
}

/* --- both sides ---------------------------------------------------------------- */

static size_t elements(const struct mea_qtensor *t)
{
	return (size_t)t->c * t->h * t->w;
}

static int8_t **reference(const struct mea_qnet *n)
{
	int8_t **v = zalloc(sizeof(*v) * (size_t)n->n_tensors);

	for (int t = 0; t < n->n_tensors; t++)
		v[t] = zalloc(elements(&n->tensors[t]));
	for (int i = 0; i < n->n_inputs; i++)
		for (size_t k = 0; k < elements(&n->tensors[n->inputs[i]]); k++)
			v[n->inputs[i]][k] = (int8_t)rnd();
	for (int i = 0; i < n->n_layers; i++) {
		const struct mea_qlayer *l = &n->layers[i];

		if (mea_ref_layer(n, l, v[l->in], l->in2 < 0 ? NULL : v[l->in2], v[l->out]) < 0)
			die("reference");
	}
	return v;
}

static struct mea_bo *new_bo(struct mea_device *d, size_t size)
{
	struct mea_bo *bo;

	if (d->ops->bo_create(d, size, &bo) < 0)
		die("buffer");
	return bo;
}

static void shrink(struct mea_hw *hw)
{
	/* The smaller memories lie at the start of the device's. */
	if (range(0, 1)) {
		hw->act_words = 1 << range(8, 11);
		hw->act_banks = 4;
	}
	if (range(0, 1))
		hw->wgt_words = 1 << range(8, 10);
	if (range(0, 1))
		hw->acc_depth = 1 << range(5, 8);
}

static int run_device(struct mea_device *d, const struct mea_plan *p, const struct mea_qnet *n,
		      int8_t **v, uint32_t *record)
{
	struct mea_bo *bo[MEA_SLOTS] = {0};
	struct mea_submit s = {0};
	struct mea_fence *f;
	int rc, bad = 0;

	bo[MEA_SLOT_CMD] = new_bo(d, (size_t)p->n_cmd * MEA_CMD_BYTES);
	memcpy(bo[MEA_SLOT_CMD]->map, p->cmd, (size_t)p->n_cmd * MEA_CMD_BYTES);
	bo[MEA_SLOT_WGT] = new_bo(d, p->weight_bytes);
	memcpy(bo[MEA_SLOT_WGT]->map, p->weights, p->weight_bytes);
	for (int i = 0; i < p->n_in; i++) {
		bo[MEA_SLOT_IN + i] = new_bo(d, p->in[i].bytes);
		mea_layout_write(&p->in[i], v[n->inputs[i]], bo[MEA_SLOT_IN + i]->map);
	}
	for (int i = 0; i < p->n_out; i++) {
		bo[MEA_SLOT_OUT + i] = new_bo(d, p->out[i].bytes);
		memset(bo[MEA_SLOT_OUT + i]->map, 0xa5, p->out[i].bytes);
	}
	if (p->scratch_bytes)
		bo[MEA_SLOT_SCRATCH] = new_bo(d, p->scratch_bytes);
	bo[MEA_SLOT_RECORD] = new_bo(d, MEA_RECORD_BYTES);
	for (int i = 0; i < (int)MEA_SLOTS; i++)
		if (bo[i])
			s.slot[i] = (struct mea_slot){bo[i], 0, bo[i]->size, i < MEA_SLOT_RECORD,
						      i >= MEA_SLOT_OUT};
	s.cmd_count = (uint32_t)p->n_cmd;
	s.budget = p->budget;
	s.record = true;
	s.record_slot = MEA_SLOT_RECORD;
	if (d->ops->submit(d, &s, &f) < 0)
		die("submit");
	rc = d->ops->wait(f, 120000);
	if (rc < 0) {
		printf("# job: %s\n", mea_errmsg());
		bad = 1;
	}
	memcpy(record, bo[MEA_SLOT_RECORD]->map, MEA_RECORD_BYTES);
	for (int i = 0; i < p->n_out && !bad; i++) {
		const struct mea_qtensor *t = &n->tensors[n->outputs[i]];
		int8_t *got = zalloc(elements(t));

		mea_layout_read(&p->out[i], bo[MEA_SLOT_OUT + i]->map, got);
		for (size_t k = 0; k < elements(t) && !bad; k++)
			if (got[k] != v[n->outputs[i]][k]) {
				printf("# output %d (%dx%dx%d) differs at y %zu x %zu c %zu: "
				       "%d, reference %d\n",
				       i, t->c, t->h, t->w, k / t->c / t->w, k / t->c % t->w,
				       k % t->c, got[k], v[n->outputs[i]][k]);
				bad = 1;
			}
		free(got);
	}
	for (int i = 0; i < (int)MEA_SLOTS; i++)
		d->ops->bo_destroy(bo[i]);
	return bad;
}

static void describe(const struct mea_qnet *n)
{
	for (int i = 0; i < n->n_layers; i++) {
		const struct mea_qlayer *l = &n->layers[i];
		const struct mea_qtensor *a = &n->tensors[l->in], *b = &n->tensors[l->out];

		printf("#   layer %d: op %d, %dx%dx%d -> %dx%dx%d, kernel %dx%d, stride %dx%d, "
		       "pad t%d l%d b%d r%d, groups %d, residual %d\n",
		       i, l->op, a->c, a->h, a->w, b->c, b->h, b->w, l->kh, l->kw, l->stride_h,
		       l->stride_w, l->pad_t, l->pad_l, l->pad_b, l->pad_r, l->groups, l->in2);
	}
}

/* Returns the layers tested, 0 if the planner refused, -1 for a mismatch. */
static int one(struct mea_device *d, uint64_t seed)
{
	struct mea_qnet *n;
	struct mea_plan *p = NULL;
	struct mea_hw hw = d->hw;
	uint32_t record[MEA_RECORD_BYTES / 4];
	int8_t **v;
	int rc, layers;
	uint64_t sum = 0;

	seed_with(seed);
	n = random_net();
	layers = n->n_layers;
	if (range(0, 1))
		shrink(&hw);
	v = reference(n);
	rc = mea_plan_make(&hw, n, false, &p);
	if (rc == MEA_EUNSUPPORTED) {
		layers = 0;
	} else if (rc < 0) {
		die("plan");
	} else {
		if (run_device(d, p, n, v, record)) {
			printf("# seed %llu: act %d wgt %d acc %d words\n",
			       (unsigned long long)seed, hw.act_words, hw.wgt_words, hw.acc_depth);
			describe(n);
			layers = -1;
		}
		for (int i = 0; i < (int)MEA_CLASSES && layers > 0; i++)
			sum += record[MEA_REC_COUNTERS + i];
		if (layers > 0 && sum != record[MEA_REC_CYCLES]) {
			printf("# seed %llu: stall classes sum to %llu of %u cycles\n",
			       (unsigned long long)seed, (unsigned long long)sum,
			       record[MEA_REC_CYCLES]);
			layers = -1;
		}
	}
	mea_plan_free(p);
	for (int t = 0; t < n->n_tensors; t++)
		free(v[t]);
	free(v);
	mea_qnet_free(n);
	return layers;
}

int main(int argc, char **argv)
{
	const char *config = argc > 1 ? argv[1] : "16x16";
	long count = argc > 2 ? atol(argv[2]) : 100, tested = 0, refused = 0;
	uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 0) : 1;
	struct mea_device *d = NULL;
	int bad = 0;

	for (long i = 0; tested < count && !bad; i++, seed++) {
		char spec[96];
		int n;

		if (i % PER_DEVICE == 0) {
			if (d)
				d->ops->close(d);
			seed_with(seed ^ 0xabcdef);
			snprintf(spec, sizeof(spec), "sim:%s,latency=%d,stall=%d,seed=%llu", config,
				 range(1, 120), range(0, 2) ? range(0, 60) : 0,
				 (unsigned long long)seed);
			if (mea_device_open(spec, &d) < 0)
				die(spec);
		}
		n = one(d, seed);
		if (n < 0) {
			printf("# device %s\n", spec);
			bad = 1;
		}
		tested += n > 0 ? n : 0;
		refused += n == 0;
	}
	if (d)
		d->ops->close(d);
	printf("%s 1 - random layers %s: %ld equal to the reference bit for bit, %ld networks "
	       "refused by the planner\n",
	       bad ? "not ok" : "ok", config, tested, refused);
	return bad;
}
