// SPDX-License-Identifier: Apache-2.0
/*
 * Weights are packed once, in the order in which the kernel reads them; the
 * activations' offset of 128 goes into the bias: sum((x + 128) w) - 128 sum(w).
 */
#include "backend/opencl/packer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"

#define WEIGHTS_MAX  (INT64_C(1) << 28)
#define TAPS_MAX     4096
#define PARAM_INTS   (MEA_CL_PARAMS / 4)
#define RESIDUAL_MAX 4096

enum { PARAM_BIAS = 0, PARAM_SCALE = 16, PARAM_MULT = 32, PARAM_SHIFT = 48 };

int mea_cl_blocks(int channels)
{
	return (channels + MEA_CL_BLOCK - 1) / MEA_CL_BLOCK;
}

/* --- constants -------------------------------------------------------------------- */

int mea_cl_reserve(struct mea_cl_packer *k, int64_t n, int *at)
{
	int64_t end = (k->p->constant_bytes + n + 63) / 64 * 64;
	int rc;

	if (end > INT32_MAX)
		return mea_fail(MEA_EUNSUPPORTED, "the network's weights take over 2 GiB");
	rc = mea_grow(&k->p->constants, (size_t)k->p->constant_bytes,
		      (size_t)(end - k->p->constant_bytes), 1);
	if (rc)
		return rc;
	*at = k->p->constant_bytes;
	memset(k->p->constants + *at, 0, end - *at);
	k->p->constant_bytes = (int)end;
	return 0;
}

void mea_cl_param(const struct mea_cl_packer *k, int at, int entry, int c, int32_t bias,
		  uint32_t mult, int shift, float scale)
{
	int32_t *p = (int32_t *)(void *)(k->p->constants + at) + (size_t)entry * PARAM_INTS;

	p[PARAM_BIAS + c] = bias;
	memcpy(&p[PARAM_SCALE + c], &scale, sizeof(scale));
	p[PARAM_MULT + c] = (int32_t)mult;
	p[PARAM_SHIFT + c] = shift;
}

/* The first channel's, which all share. */
static void pool_param(const struct mea_cl_packer *k, int at, int entry, int32_t bias,
		       uint32_t mult, int shift)
{
	mea_cl_param(k, at, entry, 0, bias, mult, shift, (float)ldexp(mult, -shift));
}

static int pool_params(struct mea_cl_packer *k, const struct mea_qlayer *l, struct mea_cl_layer *o)
{
	int taps = l->kh * l->kw, rc;

	o->by_taps = l->op == MEA_Q_AVGPOOL && l->exclude_pad;
	rc = mea_cl_reserve(k, (int64_t)(o->by_taps ? taps : 1) * MEA_CL_PARAMS, &o->params);
	if (rc)
		return rc;
	pool_param(k, o->params, 0, l->bias[0], l->mult[0], l->shift[0]);
	/* A window never is all padding, and the full one is entry 0. */
	for (int n = 1; o->by_taps && n < taps; n++) {
		uint32_t mult;
		uint8_t shift;

		rc = mea_qavg_requant(k->net, l, n, &mult, &shift);
		if (rc)
			return rc;
		pool_param(k, o->params, n, 0, mult, shift);
	}
	return 0;
}

static int pack_mul(struct mea_cl_packer *k, const struct mea_qlayer *l, struct mea_cl_layer *o)
{
	const struct mea_qtensor *t = &k->net->tensors[l->in2];
	int rc = mea_cl_reserve(k, MEA_CL_PARAMS, &o->params);

	o->in2_zero = t->zero_point;
	if (t->h == 1 && t->w == 1)
		o->in2.row = o->in2.pix = 0;
	if (!rc)
		pool_param(k, o->params, 0, 0, l->mult[0], l->shift[0]);
	return rc;
}

/* Bytes on the device are 128 more. */
static int pack_table(struct mea_cl_packer *k, const struct mea_qlayer *l, struct mea_cl_layer *o)
{
	bool each = l->groups > 1;
	/* Channels that fill up a block look bytes up as well. */
	int rc = mea_cl_reserve(k, each ? 256 * MEA_CL_BLOCK * o->blocks : 256, &o->weights);

	o->table_step = each ? 256 : 0;
	for (int i = 0; !rc && i < 256 * l->groups; i++)
		k->p->constants[o->weights + i] = (unsigned char)(l->weights[i ^ 128] + 128);
	return rc;
}

/* --- layers ------------------------------------------------------------------------ */

/* What the kernel calls an operation, and its constants. op 0: the kernel does not have it. */
static const struct {
	int op;
	int (*pack)(struct mea_cl_packer *k, const struct mea_qlayer *l, struct mea_cl_layer *o);
} kinds[MEA_Q_COUNT] = {
	[MEA_Q_CONV] = {MEA_CL_CONV, mea_cl_pack_conv},
	[MEA_Q_AVGPOOL] = {MEA_CL_AVGPOOL, pool_params},
	[MEA_Q_MAXPOOL] = {MEA_CL_MAXPOOL, pool_params},
	[MEA_Q_ADD] = {MEA_CL_ADD, NULL},
	[MEA_Q_CONCAT] = {MEA_CL_CONCAT, NULL},
	[MEA_Q_MUL] = {MEA_CL_MUL, pack_mul},
	[MEA_Q_TABLE] = {MEA_CL_TABLE, pack_table},
};

const char *mea_cl_refuses(const struct mea_qnet *net, const struct mea_qlayer *l)
{
	const char *why = mea_cl_layout_refuses(net, l);

	if (!kinds[l->op].op)
		return "operation without a kernel";
	if (why)
		return why;
	if (l->op == MEA_Q_CONV && mea_cl_weight_bytes(net, l) > WEIGHTS_MAX)
		return "its weights take over 256 MiB";
	if (l->op == MEA_Q_AVGPOOL && l->exclude_pad && l->kh * l->kw > TAPS_MAX)
		return "its window has over 4096 taps";
	return NULL;
}

static void set_clamps(const struct mea_cl_packer *k, const struct mea_qlayer *l,
		       struct mea_cl_layer *o)
{
	int zo = k->net->tensors[l->out].zero_point;
	double ratio = ldexp((double)l->add_ma + l->add_mb, -l->add_shift) * 255;

	o->mid_zero = l->mid_zero;
	o->mid_lo = l->mid_lo;
	o->mid_hi = l->mid_hi;
	o->flo = (float)(l->mid_lo - l->mid_zero);
	o->fhi = (float)(l->mid_hi - l->mid_zero);
	if (l->in2 < 0 || (l->op != MEA_Q_CONV && l->op != MEA_Q_ADD))
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
}

static void set_border(const struct mea_cl_layout *t, struct mea_cl_layer *o)
{
	o->border_t = t->top;
	o->border_b = t->bottom;
	o->border_l = t->left;
	o->border_r = t->right;
	o->border_value = t->border;
}

static int pack_layer(struct mea_cl_packer *k, const struct mea_qlayer *l, struct mea_cl_layer *o)
{
	const struct mea_qtensor *in = &k->net->tensors[l->in], *out = &k->net->tensors[l->out];
	int rc;

	o->in = k->addresses[l->in];
	o->out = k->addresses[l->out];
	if (l->in2 >= 0) {
		o->in2 = k->addresses[l->in2];
		o->in2_c = k->net->tensors[l->in2].c;
	}
	o->in_h = in->h;
	o->in_w = in->w;
	o->in_c = in->c;
	o->in_zero = in->zero_point;
	o->out_h = out->h;
	o->out_w = out->w;
	o->blocks = mea_cl_blocks(out->c);
	o->kh = l->kh;
	o->kw = l->kw;
	o->sh = l->stride_h;
	o->sw = l->stride_w;
	o->pt = l->pad_t;
	o->pl = l->pad_l;
	o->items = out->h;
	set_border(&k->p->tensors[l->out], o);
	set_clamps(k, l, o);
	o->op = kinds[l->op].op;
	rc = kinds[l->op].pack ? kinds[l->op].pack(k, l, o) : 0;
	o->slice = (o->items + k->workers - 1) / k->workers;
	return rc ? mea_fail_in(rc, "layer %s", l->name) : 0;
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

int mea_cl_pack(const struct mea_qnet *net, enum mea_cl_variant variant, int workers,
		struct mea_cl_pack **out)
{
	struct mea_cl_pack *p = calloc(1, sizeof(*p));
	struct mea_cl_packer k = {.net = net, .variant = variant, .workers = workers, .p = p};
	int rc = MEA_ENOMEM, unused;

	*out = NULL;
	if (!p)
		return mea_nomem();
	p->tensors = calloc(net->n_tensors, sizeof(*p->tensors));
	p->layers = calloc((size_t)net->n_layers + 1, sizeof(*p->layers));
	k.addresses = calloc(net->n_tensors, sizeof(*k.addresses));
	if (!p->tensors || !p->layers || !k.addresses) {
		mea_nomem();
		goto out;
	}
	mea_cl_layouts(net, p->tensors);
	rc = mea_cl_addresses(net, p->tensors, k.addresses, &p->scratch_bytes);
	/* No network has no constants: buffers of 0 bytes do not exist. */
	if (!rc)
		rc = mea_cl_reserve(&k, 1, &unused);
	for (; !rc && p->n_layers < net->n_layers; p->n_layers++) {
		rc = pack_layer(&k, &net->layers[p->n_layers], &p->layers[p->n_layers]);
		p->macs += mea_qlayer_macs(net, &net->layers[p->n_layers]);
	}
out:
	free(k.addresses);
	if (rc)
		mea_cl_pack_free(p);
	else
		*out = p;
	return rc;
}
