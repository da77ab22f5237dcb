// SPDX-License-Identifier: Apache-2.0
/*
 * Weights are packed once, in the order in which the kernel reads them; the
 * activations' offset of 128 goes into the bias: sum((x + 128) w) - 128 sum(w).
 */
#include "backend/opencl/layout.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"

#define TILE_PIXELS  16
#define TILE_BYTES   64
#define EIGHT	     8
#define WEIGHTS_MAX  (INT64_C(1) << 28)
#define TAPS_MAX     4096
#define PARAM_INTS   (MEA_CL_PARAMS / 4)
#define RESIDUAL_MAX 4096
#define FLOAT_EXACT  0x1p24	     /* integers below it are floats */
#define RESULT_MAX   (0x1p22 - 1024) /* what quads.cl can round */

enum { PARAM_BIAS = 0, PARAM_SCALE = 16, PARAM_MULT = 32, PARAM_SHIFT = 48 };

struct packer {
	const struct mea_qnet *net;
	enum mea_cl_path path;
	int workers;
	struct mea_cl_pack *p;
	struct mea_cl_view *views;
	int64_t room;
};

static int blocks_of(int c)
{
	return (c + MEA_CL_BLOCK - 1) / MEA_CL_BLOCK;
}

/* Bytes of packed weights at most. Groups other than depthwise are computed as a
 * full convolution with zeros between the groups. */
static int64_t weight_bytes(const struct mea_qnet *net, const struct mea_qlayer *l)
{
	int64_t ic = blocks_of(net->tensors[l->in].c), oc = blocks_of(net->tensors[l->out].c);
	int64_t row;

	if (mea_cl_depthwise(net, l))
		return oc * MEA_CL_BLOCK * l->kh * l->kw;
	row = (l->kw * ic * MEA_CL_BLOCK + TILE_BYTES - 1) / TILE_BYTES * TILE_BYTES;
	return oc * MEA_CL_BLOCK * l->kh * row;
}

const char *mea_cl_refuses(const struct mea_qnet *net, const struct mea_qlayer *l)
{
	const char *why = mea_cl_layout_refuses(net, l);

	if (why)
		return why;
	if (l->op == MEA_Q_CONV && weight_bytes(net, l) > WEIGHTS_MAX)
		return "its weights take over 256 MiB";
	if (l->op == MEA_Q_AVGPOOL && l->exclude_pad && l->kh * l->kw > TAPS_MAX)
		return "its window has over 4096 taps";
	return NULL;
}

/* --- constants -------------------------------------------------------------------- */

/* Room for n zeroed bytes at a multiple of 64; *at is an offset, which stays valid. */
static int reserve(struct packer *k, int64_t n, int *at)
{
	int64_t end = (k->p->constant_bytes + n + 63) / 64 * 64;

	if (end > INT32_MAX)
		return mea_fail(MEA_EUNSUPPORTED, "the network's weights take over 2 GiB");
	if (end > k->room) {
		int64_t room = end + end / 2;
		unsigned char *grown = realloc(k->p->constants, room);

		if (!grown)
			return mea_fail(MEA_ENOMEM, "out of memory preparing a network");
		k->p->constants = grown;
		k->room = room;
	}
	*at = k->p->constant_bytes;
	memset(k->p->constants + *at, 0, end - *at);
	k->p->constant_bytes = (int)end;
	return 0;
}

static void set_param(int32_t *p, int c, int32_t bias, uint32_t mult, int shift, float scale)
{
	p[PARAM_BIAS + c] = bias;
	memcpy(&p[PARAM_SCALE + c], &scale, sizeof(scale));
	p[PARAM_MULT + c] = (int32_t)mult;
	p[PARAM_SHIFT + c] = shift;
}

static int32_t *params_at(const struct packer *k, int at, int entry)
{
	return (int32_t *)(void *)(k->p->constants + at) + (size_t)entry * PARAM_INTS;
}

/* Whether the layer ends in quads.cl. */
static bool in_quads(const struct packer *k, const struct mea_cl_layer *o)
{
	return o->op == MEA_CL_CONV && k->path == MEA_CL_VNNI;
}

/* The float nearest to a multiplier, or for quads.cl the lower one of two about it.
 * Sums over 2^24 are rounded to floats, too: the two are further apart by that. */
static float scale_of(const struct mea_cl_layer *o, uint32_t mult, int shift)
{
	double exact = ldexp(mult, -shift);
	float scale = (float)exact;

	if (o->ulps && scale > exact)
		scale = nextafterf(scale, 0);
	return o->ulps > 1 ? nextafterf(scale, 0) : scale;
}

/* Sets ulps and doubt from the largest sums that n weights a channel allow. */
static void set_bounds(const struct mea_qlayer *l, int channels, int64_t n, struct mea_cl_layer *o)
{
	o->ulps = 1;
	for (int c = 0; c < channels; c++) {
		double most = fabs((double)l->bias[c]);

		for (int64_t i = 0; i < n; i++)
			most += 128.0 * abs(l->weights[c * n + i]);
		if (most >= FLOAT_EXACT)
			o->ulps = 3;
		if (most * ldexp(l->mult[c], -l->shift[c]) > RESULT_MAX)
			o->doubt = -1;
	}
}

static int conv_params(struct packer *k, const struct mea_qlayer *l, struct mea_cl_layer *o)
{
	const struct mea_qtensor *in = &k->net->tensors[l->in], *out = &k->net->tensors[l->out];
	int64_t n = (int64_t)l->kh * l->kw * (in->c / l->groups);
	int rc = reserve(k, (int64_t)o->blocks * MEA_CL_PARAMS, &o->params);

	if (in_quads(k, o))
		set_bounds(l, out->c, n, o);

	for (int c = 0; !rc && c < out->c; c++) {
		uint32_t sum = 0;

		for (int64_t i = 0; i < n; i++)
			sum += (uint32_t)l->weights[c * n + i];
		set_param(params_at(k, o->params, c / MEA_CL_BLOCK), c % MEA_CL_BLOCK,
			  (int32_t)((uint32_t)l->bias[c] - 128 * sum), l->mult[c], l->shift[c],
			  scale_of(o, l->mult[c], l->shift[c]));
	}
	return rc;
}

static int pool_params(struct packer *k, const struct mea_qlayer *l, struct mea_cl_layer *o)
{
	int taps = l->kh * l->kw, rc;

	o->by_taps = l->op == MEA_Q_AVGPOOL && l->exclude_pad;
	rc = reserve(k, (int64_t)(o->by_taps ? taps : 1) * MEA_CL_PARAMS, &o->params);
	if (rc)
		return rc;
	set_param(params_at(k, o->params, 0), 0, l->bias[0], l->mult[0], l->shift[0],
		  scale_of(o, l->mult[0], l->shift[0]));
	/* A window never is all padding, and the full one is entry 0. */
	for (int n = 1; o->by_taps && n < taps; n++) {
		uint32_t mult;
		uint8_t shift;

		rc = mea_qavg_requant(k->net, l, n, &mult, &shift);
		if (rc)
			return rc;
		set_param(params_at(k, o->params, n), 0, 0, mult, shift, scale_of(o, mult, shift));
	}
	return 0;
}

/* --- weights ----------------------------------------------------------------------- */

/* Where byte i of kernel row ky stands in the weights of block number b: for dot
 * products 4 input bytes of each of 16 channels side by side, else one. */
static size_t weight_at(const struct packer *k, const struct mea_cl_layer *o, int oc, int ky, int i)
{
	size_t row = (size_t)o->chunks * o->chunk;
	size_t at = ((size_t)(oc / MEA_CL_BLOCK) * o->kh + ky) * row;
	int step = k->path == MEA_CL_PLAIN ? 1 : 4;

	at = (at + i / step * step) * MEA_CL_BLOCK;
	return at + (size_t)(oc % MEA_CL_BLOCK) * step + i % step;
}

static int full_weights(struct packer *k, const struct mea_qlayer *l, struct mea_cl_layer *o)
{
	const struct mea_qtensor *in = &k->net->tensors[l->in], *out = &k->net->tensors[l->out];
	int icg = in->c / l->groups, ocg = out->c / l->groups, line = l->kw * o->in.pix;
	const int8_t *w = l->weights;
	int rc;

	o->chunks = k->path == MEA_CL_AMX ? (line + TILE_BYTES - 1) / TILE_BYTES : 1;
	o->chunk = (line + o->chunks - 1) / o->chunks;
	o->chunk = (o->chunk + 3) / 4 * 4;
	rc = reserve(k, (int64_t)o->blocks * MEA_CL_BLOCK * l->kh * o->chunks * (int64_t)o->chunk,
		     &o->weights);
	for (int oc = 0; !rc && oc < out->c; oc++)
		for (int ky = 0; ky < l->kh; ky++)
			for (int kx = 0; kx < l->kw; kx++)
				for (int c = 0; c < icg; c++) {
					int i = kx * o->in.pix + oc / ocg * icg + c;

					k->p->constants[o->weights + weight_at(k, o, oc, ky, i)] =
						(unsigned char)*w++;
				}
	return rc;
}

static int depthwise_weights(struct packer *k, const struct mea_qlayer *l, struct mea_cl_layer *o)
{
	int taps = l->kh * l->kw, c = k->net->tensors[l->out].c;
	int rc = reserve(k, (int64_t)o->blocks * MEA_CL_BLOCK * taps, &o->weights);

	for (int i = 0; !rc && i < c; i++)
		for (int t = 0; t < taps; t++)
			k->p->constants[o->weights +
					((size_t)(i / MEA_CL_BLOCK) * taps + t) * MEA_CL_BLOCK +
					i % MEA_CL_BLOCK] =
				(unsigned char)l->weights[(size_t)i * taps + t];
	return rc;
}

/* Shapes of the eight tile registers: 0 to 3 sums, 4 and 5 pixels, 6 and 7 weights.
 * Layers with equal ones share them, which the kernel notices. */
static int tile_config(struct packer *k, struct mea_cl_layer *o)
{
	unsigned char *t;

	for (const struct mea_cl_layer *other = k->p->layers; other < o; other++) {
		if (other->tile == o->tile && other->chunk == o->chunk) {
			o->config = other->config;
			return 0;
		}
	}
	if (reserve(k, TILE_BYTES, &o->config))
		return MEA_ENOMEM;
	t = k->p->constants + o->config;
	t[0] = 1; /* palette */
	for (int i = 0; i < 8; i++) {
		t[16 + 2 * i] = (unsigned char)(i == 4 || i == 5 ? o->chunk : TILE_BYTES);
		t[48 + i] = (unsigned char)(i < 6 ? o->tile : o->chunk / 4);
	}
	return 0;
}

/* --- layers ------------------------------------------------------------------------ */

/* Without borders a 1x1 convolution sees one long row. */
static bool one_row(const struct mea_qlayer *l, const struct mea_cl_layer *o)
{
	return l->kh == 1 && l->kw == 1 && l->stride_h == 1 && l->stride_w == 1 && !o->in.origin &&
	       !o->out.origin && !o->in2.origin && o->in.row == o->out_w * o->in.pix &&
	       o->out.row == o->out_w * o->out.pix &&
	       (!o->has_in2 || o->in2.row == o->out_w * o->in2.pix) && !o->border_b;
}

/* Whether conv_dots.cl does it by 16 pixels of a row: one block of channels, where one
 * load in eight pixels' two would be for a single product. */
static bool by_rows(const struct mea_qlayer *l, const struct mea_cl_layer *o)
{
	return o->blocks == 1 && l->kw == 3 && l->stride_w == 1 && o->out_w >= TILE_PIXELS;
}

static int full_conv(struct packer *k, const struct mea_qlayer *l, struct mea_cl_layer *o)
{
	int rc = full_weights(k, l, o);

	if (rc)
		return rc;
	if (one_row(l, o)) {
		o->out_w *= o->out_h;
		o->out_h = 1;
	}
	o->units = (int)(((int64_t)o->out_h * o->out_w + EIGHT - 1) / EIGHT);
	if (k->path == MEA_CL_PLAIN || (k->path == MEA_CL_VNNI && !by_rows(l, o)))
		return 0;
	o->row_tiles = (o->out_w + TILE_PIXELS - 1) / TILE_PIXELS;
	if (k->path == MEA_CL_VNNI) {
		o->tile = TILE_PIXELS;
		o->units = o->out_h * o->row_tiles;
		return 0;
	}
	o->tile = (o->out_w + o->row_tiles - 1) / o->row_tiles;
	o->units = o->out_h * o->row_tiles;
	return tile_config(k, o);
}

static void set_clamps(const struct packer *k, const struct mea_qlayer *l, struct mea_cl_layer *o)
{
	int zo = k->net->tensors[l->out].zero_point;
	double ratio = ldexp((double)l->add_ma + l->add_mb, -l->add_shift) * 255;

	o->mid_zero = l->mid_zero;
	o->mid_lo = l->mid_lo;
	o->mid_hi = l->mid_hi;
	o->flo = (float)(l->mid_lo - l->mid_zero);
	o->fhi = (float)(l->mid_hi - l->mid_zero);
	if (l->in2 < 0 || l->op == MEA_Q_CONCAT)
		return;
	o->has_in2 = 1;
	o->in2_zero = k->net->tensors[l->in2].zero_point;
	o->add_ma = (int)l->add_ma;
	o->add_mb = (int)l->add_mb;
	o->add_shift = l->add_shift;
	o->out_zero = zo;
	o->lo = l->lo;
	o->hi = l->hi;
	o->fa = (float)ldexp(l->add_ma, -l->add_shift);
	o->fb = (float)ldexp(l->add_mb, -l->add_shift);
	o->add_flo = (float)(l->lo - zo);
	o->add_fhi = (float)(l->hi - zo);
	/* Two products and their sum, each wrong by at most 2^-24 of ratio. Too large
	 * a ratio leaves every result to the integers. */
	o->add_limit = ratio > RESIDUAL_MAX ? -1 : (float)(0.5 - ratio * 0x1p-22);
	o->add_eps = (float)(ratio * 0x1p-22);
	if (ratio > RESIDUAL_MAX)
		o->doubt = -1;
}

static void set_border(const struct mea_cl_layout *t, struct mea_cl_layer *o)
{
	o->border_t = t->top;
	o->border_b = t->bottom;
	o->border_l = t->left;
	o->border_r = t->right;
	o->border_value = t->border;
	o->bytes = t->bytes;
}

static int pack_op(struct packer *k, const struct mea_qlayer *l, struct mea_cl_layer *o)
{
	int rc;

	switch (l->op) {
	case MEA_Q_CONV:
		o->op = mea_cl_depthwise(k->net, l) ? MEA_CL_DEPTHWISE : MEA_CL_CONV;
		rc = conv_params(k, l, o);
		if (rc)
			return rc;
		return o->op == MEA_CL_CONV ? full_conv(k, l, o) : depthwise_weights(k, l, o);
	case MEA_Q_AVGPOOL:
	case MEA_Q_MAXPOOL:
		o->op = l->op == MEA_Q_AVGPOOL ? MEA_CL_AVGPOOL : MEA_CL_MAXPOOL;
		return pool_params(k, l, o);
	case MEA_Q_ADD:
		o->op = MEA_CL_ADD;
		return 0;
	case MEA_Q_CONCAT:
		o->op = MEA_CL_CONCAT;
		return 0;
	}
	return mea_fail(MEA_EINVAL, "unknown operation %d", (int)l->op);
}

static int pack_layer(struct packer *k, const struct mea_qlayer *l, struct mea_cl_layer *o)
{
	const struct mea_qtensor *in = &k->net->tensors[l->in], *out = &k->net->tensors[l->out];
	int rc;

	o->in = k->views[l->in];
	o->out = k->views[l->out];
	if (l->in2 >= 0) {
		o->in2 = k->views[l->in2];
		o->in2_c = k->net->tensors[l->in2].c;
	}
	o->in_h = in->h;
	o->in_w = in->w;
	o->in_c = in->c;
	o->in_zero = in->zero_point;
	o->out_h = out->h;
	o->out_w = out->w;
	o->blocks = blocks_of(out->c);
	o->kh = l->kh;
	o->kw = l->kw;
	o->sh = l->stride_h;
	o->sw = l->stride_w;
	o->pt = l->pad_t;
	o->pl = l->pad_l;
	o->units = out->h;
	set_border(&k->p->tensors[l->out], o);
	set_clamps(k, l, o);
	rc = pack_op(k, l, o);
	o->share = (o->units + k->workers - 1) / k->workers;
	return rc ? mea_fail_in(rc, "layer %s", l->name) : 0;
}

/* A tensor may be an output twice, or an input handed through. */
static void pack_copies(struct packer *k)
{
	for (int i = 0; i < k->net->n_outputs; i++) {
		int t = k->net->outputs[i];
		struct mea_cl_layer *o = &k->p->layers[k->p->n_layers];

		if (k->views[t].space == MEA_CL_OUT + i)
			continue;
		*o = (struct mea_cl_layer){.op = MEA_CL_COPY, .units = 1, .share = 1};
		o->in = o->out = k->views[t];
		o->out.space = MEA_CL_OUT + i;
		o->bytes = k->p->tensors[t].bytes / MEA_CL_BLOCK * MEA_CL_BLOCK;
		k->p->n_layers++;
	}
}

void mea_cl_pack_free(struct mea_cl_pack *p)
{
	if (!p)
		return;
	free(p->tensors);
	free(p->layers);
	free(p->constants);
	free(p);
}

int mea_cl_pack(const struct mea_qnet *net, enum mea_cl_path path, int workers,
		struct mea_cl_pack **out)
{
	struct mea_cl_pack *p = calloc(1, sizeof(*p));
	struct packer k = {.net = net, .path = path, .workers = workers, .p = p};
	int rc = MEA_ENOMEM, unused;

	*out = NULL;
	if (!p)
		return mea_fail(MEA_ENOMEM, "out of memory preparing a network");
	p->tensors = calloc(net->n_tensors, sizeof(*p->tensors));
	p->layers = calloc((size_t)net->n_layers + net->n_outputs, sizeof(*p->layers));
	k.views = calloc(net->n_tensors, sizeof(*k.views));
	if (!p->tensors || !p->layers || !k.views) {
		mea_fail(MEA_ENOMEM, "out of memory preparing a network");
		goto out;
	}
	mea_cl_layouts(net, p->tensors);
	rc = mea_cl_places(net, p->tensors, k.views, &p->scratch_bytes);
	/* No network has no constants: buffers of 0 bytes do not exist. */
	if (!rc)
		rc = reserve(&k, 1, &unused);
	for (; !rc && p->n_layers < net->n_layers; p->n_layers++) {
		rc = pack_layer(&k, &net->layers[p->n_layers], &p->layers[p->n_layers]);
		p->macs += mea_qlayer_macs(net, &net->layers[p->n_layers]);
	}
	if (!rc)
		pack_copies(&k);
out:
	free(k.views);
	if (rc)
		mea_cl_pack_free(p);
	else
		*out = p;
	return rc;
}
