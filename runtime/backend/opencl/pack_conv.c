// SPDX-License-Identifier: Apache-2.0
/* Weights and parameters of convolutions, in the order in which the kernel reads them. */
#include "backend/opencl/packer.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/error.h"

#define ROW	    16 /* pixels of a row */
#define TILE_BYTES  64
#define EIGHT	    8
#define SEVEN_WINS  1.04
#define QUAD	    4		/* blocks that depthwise_dots.cl does at once */
#define QUAD_ROW    (64 * QUAD) /* bytes of four taps of that */
#define FLOAT_EXACT (1 << 24)	/* integers up to it are floats */

/* Whether the layer ends in quads.cl. */
static bool in_quads(const struct mea_cl_packer *k, const struct mea_cl_layer *o)
{
	return (o->op == MEA_CL_CONV && k->variant == MEA_CL_VNNI) ||
	       o->op == MEA_CL_DEPTHWISE_DOTS;
}

/* What the kernel multiplies by in float: for quads.cl the lower one of two floats about
 * mult / 2^shift. Sums over 2^24 are rounded to floats, too: then the two are further
 * apart by that. */
static float scale_of(const struct mea_cl_layer *o, uint32_t mult, int shift)
{
	double exact = ldexp(mult, -shift);
	float scale = (float)exact;

	if (o->ulps && scale > exact)
		scale = nextafterf(scale, 0);
	return o->ulps > 1 ? nextafterf(scale, 0) : scale;
}

/* Vector and lane of channel c among the 64 of depthwise_dots.cl. */
static int quad_vector(int c)
{
	return c % 16 / 4;
}

static int quad_lane(int c)
{
	return c % 64 / 16 * 4 + c % 4;
}

/* How far apart the two floats of quads.cl are, from the largest sums that n weights a
 * channel allow. */
static int ulps_for(const struct mea_qlayer *l, int channels, int64_t n)
{
	for (int c = 0; c < channels; c++) {
		int64_t most = llabs((int64_t)l->bias[c]);

		for (int64_t i = 0; i < n; i++)
			most += 128 * abs(l->weights[c * n + i]);
		if (most > FLOAT_EXACT)
			return 3;
	}
	return 1;
}

static int conv_params(struct mea_cl_packer *k, const struct mea_qlayer *l, struct mea_cl_layer *o)
{
	const struct mea_qtensor *in = &k->net->tensors[l->in], *out = &k->net->tensors[l->out];
	int64_t n = (int64_t)l->kh * l->kw * (in->c / l->groups);
	bool quads = o->op == MEA_CL_DEPTHWISE_DOTS;
	int64_t entries = quads ? (o->blocks + QUAD - 1) / QUAD * QUAD : o->blocks;
	int rc = mea_cl_reserve(k, entries * MEA_CL_PARAMS, &o->params);

	if (in_quads(k, o))
		o->ulps = ulps_for(l, out->c, n);
	for (int c = 0; !rc && c < out->c; c++) {
		int entry = quads ? c / 64 * QUAD + quad_vector(c) : c / MEA_CL_BLOCK;
		uint32_t sum = 0;

		for (int64_t i = 0; i < n; i++)
			sum += (uint32_t)l->weights[c * n + i];
		mea_cl_param(k, o->params, entry, quads ? quad_lane(c) : c % MEA_CL_BLOCK,
			     (int32_t)((uint32_t)l->bias[c] - 128 * sum), l->mult[c], l->shift[c],
			     scale_of(o, l->mult[c], l->shift[c]));
	}
	return rc;
}

/* --- weights ----------------------------------------------------------------------- */

/* Fours of taps that a row of a depthwise kernel takes in depthwise_dots.cl. */
static int row_fours(const struct mea_qlayer *l)
{
	int fours = (l->kw + 3) / 4;

	return fours > 1 ? fours : 2; /* of a kernel 3 wide twice, see there */
}

/* Groups other than depthwise are computed as a full convolution with zeros between the
 * groups. */
int64_t mea_cl_weight_bytes(const struct mea_qnet *net, const struct mea_qlayer *l)
{
	int64_t ic = mea_cl_blocks(net->tensors[l->in].c);
	int64_t oc = mea_cl_blocks(net->tensors[l->out].c), row;

	if (mea_cl_depthwise(net, l))
		return (oc + QUAD - 1) / QUAD * QUAD_ROW * l->kh * row_fours(l);
	row = (l->kw * ic * MEA_CL_BLOCK + TILE_BYTES - 1) / TILE_BYTES * TILE_BYTES;
	return oc * MEA_CL_BLOCK * l->kh * row;
}

/* Where byte i of kernel row ky stands in the weights of block number b: for dot
 * products 4 input bytes of each of 16 channels side by side, else one. */
static size_t weight_at(const struct mea_cl_packer *k, const struct mea_cl_layer *o, int oc, int ky,
			int i)
{
	size_t row = (size_t)o->dot_groups * o->dot_bytes;
	size_t at = ((size_t)(oc / MEA_CL_BLOCK) * o->kh + ky) * row;
	int step = k->variant == MEA_CL_PLAIN ? 1 : 4;

	at = (at + i / step * step) * MEA_CL_BLOCK;
	return at + (size_t)(oc % MEA_CL_BLOCK) * step + i % step;
}

static int full_weights(struct mea_cl_packer *k, const struct mea_qlayer *l, struct mea_cl_layer *o)
{
	const struct mea_qtensor *in = &k->net->tensors[l->in], *out = &k->net->tensors[l->out];
	int icg = in->c / l->groups, ocg = out->c / l->groups, line = l->kw * o->in.pix;
	const int8_t *w = l->weights;
	int rc;

	o->dot_groups = k->variant == MEA_CL_AMX ? (line + TILE_BYTES - 1) / TILE_BYTES : 1;
	o->dot_bytes = (line + o->dot_groups - 1) / o->dot_groups;
	o->dot_bytes = (o->dot_bytes + 3) / 4 * 4;
	rc = mea_cl_reserve(
		k, (int64_t)o->blocks * MEA_CL_BLOCK * l->kh * o->dot_groups * o->dot_bytes,
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

static int depthwise_weights(struct mea_cl_packer *k, const struct mea_qlayer *l,
			     struct mea_cl_layer *o)
{
	int taps = l->kh * l->kw, c = k->net->tensors[l->out].c;
	int rc = mea_cl_reserve(k, (int64_t)o->blocks * MEA_CL_BLOCK * taps, &o->weights);

	for (int i = 0; !rc && i < c; i++)
		for (int t = 0; t < taps; t++)
			k->p->constants[o->weights +
					((size_t)(i / MEA_CL_BLOCK) * taps + t) * MEA_CL_BLOCK +
					i % MEA_CL_BLOCK] =
				(unsigned char)l->weights[(size_t)i * taps + t];
	return rc;
}

/* The fours of taps of a row, each of 64 channels; of a kernel 3 wide that makes two
 * pixels at a time once more, a tap later. */
static int quad_weights(struct mea_cl_packer *k, const struct mea_qlayer *l, struct mea_cl_layer *o)
{
	int c = k->net->tensors[l->out].c, fours = o->group_pixels == 2 ? 2 : (l->kw + 3) / 4, rc;
	const int8_t *w = l->weights;

	o->dot_bytes = l->kh * fours * QUAD_ROW;
	rc = mea_cl_reserve(k, (int64_t)(o->blocks + QUAD - 1) / QUAD * o->dot_bytes, &o->weights);
	for (int i = 0; !rc && i < c; i++) {
		unsigned char *to = k->p->constants + o->weights + (size_t)i / 64 * o->dot_bytes +
				    64 * quad_vector(i) + 4 * quad_lane(i);

		for (int ky = 0; ky < l->kh; ky++, to += fours * QUAD_ROW)
			for (int kx = 0; kx < l->kw; kx++, w++) {
				to[kx / 4 * QUAD_ROW + kx % 4] = (unsigned char)*w;
				if (o->group_pixels == 2)
					to[QUAD_ROW + kx + 1] = (unsigned char)*w;
			}
	}
	return rc;
}

/* Shapes of the eight tile registers: 0 to 3 sums, 4 and 5 pixels, 6 and 7 weights.
 * Layers with equal ones share them, which the kernel notices. */
static int tile_config(struct mea_cl_packer *k, struct mea_cl_layer *o)
{
	unsigned char *t;

	for (const struct mea_cl_layer *other = k->p->layers; other < o; other++) {
		if (other->group_pixels == o->group_pixels && other->dot_bytes == o->dot_bytes) {
			o->config = other->config;
			return 0;
		}
	}
	if (mea_cl_reserve(k, TILE_BYTES, &o->config))
		return MEA_ENOMEM;
	t = k->p->constants + o->config;
	t[0] = 1; /* palette */
	for (int i = 0; i < 8; i++) {
		t[16 + 2 * i] = (unsigned char)(i == 4 || i == 5 ? o->dot_bytes : TILE_BYTES);
		t[48 + i] = (unsigned char)(i < 6 ? o->group_pixels : o->dot_bytes / 4);
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

/* Pixels that conv_dots.cl does at a time: 16 of a row where there is one block of
 * channels, else eight, or seven where that leaves less of the last group unused. */
static int dots_pixels(const struct mea_qlayer *l, const struct mea_cl_layer *o)
{
	int n = o->out_h * o->out_w;

	if (o->blocks == 1)
		return l->kw == 3 && l->stride_w == 1 && o->out_w >= ROW ? ROW : EIGHT;
	return (n + 6) / 7 * 7 * SEVEN_WINS < (n + 7) / 8 * 8 ? 7 : EIGHT;
}

static int full_conv(struct mea_cl_packer *k, const struct mea_qlayer *l, struct mea_cl_layer *o)
{
	int rc = full_weights(k, l, o);

	if (rc)
		return rc;
	if (one_row(l, o)) {
		o->out_w *= o->out_h;
		o->out_h = 1;
	}
	o->row_groups = (o->out_w + ROW - 1) / ROW;
	if (k->variant == MEA_CL_AMX) {
		o->group_pixels = (o->out_w + o->row_groups - 1) / o->row_groups;
		o->items = o->out_h * o->row_groups;
		return tile_config(k, o);
	}
	o->group_pixels = k->variant == MEA_CL_VNNI ? dots_pixels(l, o) : EIGHT;
	if (o->group_pixels == ROW)
		o->items = o->out_h * o->row_groups;
	else
		o->items = (int)(((int64_t)o->out_h * o->out_w + o->group_pixels - 1) /
				 o->group_pixels);
	return 0;
}

static int depthwise(struct mea_cl_packer *k, const struct mea_qlayer *l, struct mea_cl_layer *o)
{
	if (o->op == MEA_CL_DEPTHWISE)
		return depthwise_weights(k, l, o);
	o->group_pixels = l->kw == 3 && l->stride_w == 1 && o->out_w > 1 ? 2 : 1;
	return quad_weights(k, l, o);
}

static int conv_op(const struct mea_cl_packer *k, const struct mea_qlayer *l)
{
	if (!mea_cl_depthwise(k->net, l))
		return MEA_CL_CONV;
	return k->variant == MEA_CL_PLAIN || l->in2 >= 0 ? MEA_CL_DEPTHWISE : MEA_CL_DEPTHWISE_DOTS;
}

int mea_cl_pack_conv(struct mea_cl_packer *k, const struct mea_qlayer *l, struct mea_cl_layer *o)
{
	int rc;

	o->op = conv_op(k, l);
	rc = conv_params(k, l, o);
	if (rc)
		return rc;
	return o->op == MEA_CL_CONV ? full_conv(k, l, o) : depthwise(k, l, o);
}
