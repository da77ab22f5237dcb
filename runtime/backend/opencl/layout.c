// SPDX-License-Identifier: Apache-2.0
/*
 * Layouts. A tensor's border is as wide as the widest padding of the convolutions
 * that read it. At the ends of a network it is at least one pixel, so that main's
 * features lie as the extension wants them.
 */
#include "backend/opencl/layout.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define BORDER_MAX  255
#define BYTES_MAX   (INT64_C(1) << 29)
#define READ_BEHIND 128 /* bytes that a pixel group may read past the last pixel */
#define ALIGN	    64
/* Pixels of an image: three colours in four bytes. */
#define IMAGE_PIX 4

struct border {
	int64_t t, l, b, r;
};

static int64_t at_least(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static struct border border_for(const struct mea_qnet *net, const struct mea_qlayer *l)
{
	const struct mea_qtensor *in = &net->tensors[l->in], *out = &net->tensors[l->out];
	struct border b = {.t = l->pad_t, .l = l->pad_l};

	b.b = at_least(0, (out->h - 1) * (int64_t)l->stride_h + l->kh - l->pad_t - in->h);
	b.r = at_least(0, (out->w - 1) * (int64_t)l->stride_w + l->kw - l->pad_l - in->w);
	return b;
}

static bool is_in(const int *list, int n, int tensor)
{
	for (int i = 0; i < n; i++)
		if (list[i] == tensor)
			return true;
	return false;
}

bool mea_cl_depthwise(const struct mea_qnet *net, const struct mea_qlayer *l)
{
	return l->groups > 1 && l->groups == net->tensors[l->in].c &&
	       l->groups == net->tensors[l->out].c;
}

/* An image that only full convolutions read needs no whole block of channels. */
static bool narrow(const struct mea_qnet *net, int tensor)
{
	if (net->tensors[tensor].c > IMAGE_PIX || !is_in(net->inputs, net->n_inputs, tensor) ||
	    is_in(net->outputs, net->n_outputs, tensor))
		return false;
	for (int i = 0; i < net->n_layers; i++) {
		const struct mea_qlayer *l = &net->layers[i];

		if (l->in2 == tensor ||
		    (l->in == tensor && (l->op != MEA_Q_CONV || mea_cl_depthwise(net, l))))
			return false;
	}
	return true;
}

static int64_t padded_bytes(const struct mea_qtensor *t, const struct border *b)
{
	int64_t pix = (t->c + MEA_CL_BLOCK - 1) / MEA_CL_BLOCK * MEA_CL_BLOCK;

	return (t->h + b->t + b->b) * (t->w + b->l + b->r) * pix + READ_BEHIND;
}

const char *mea_cl_layout_refuses(const struct mea_qnet *net, const struct mea_qlayer *l)
{
	struct border b = {1, 1, 1, 1};

	if (padded_bytes(&net->tensors[l->out], &b) > BYTES_MAX)
		return "its output is larger than 512 MiB";
	if (l->op == MEA_Q_CONV)
		b = border_for(net, l);
	if (b.t > BORDER_MAX || b.l > BORDER_MAX || b.b > BORDER_MAX || b.r > BORDER_MAX)
		return "its padding is wider than 255";
	if (padded_bytes(&net->tensors[l->in], &b) > BYTES_MAX)
		return "its input with padding is larger than 512 MiB";
	return NULL;
}

static void layout(const struct mea_qnet *net, int tensor, struct mea_cl_layout *out)
{
	const struct mea_qtensor *t = &net->tensors[tensor];
	struct border b = {0};

	if (is_in(net->inputs, net->n_inputs, tensor) ||
	    is_in(net->outputs, net->n_outputs, tensor))
		b = (struct border){1, 1, 1, 1};
	for (int i = 0; i < net->n_layers; i++) {
		struct border n;

		if (net->layers[i].op != MEA_Q_CONV || net->layers[i].in != tensor)
			continue;
		n = border_for(net, &net->layers[i]);
		b.t = at_least(b.t, n.t);
		b.l = at_least(b.l, n.l);
		b.b = at_least(b.b, n.b);
		b.r = at_least(b.r, n.r);
	}
	*out = (struct mea_cl_layout){.c = t->c,
				      .h = t->h,
				      .w = t->w,
				      .top = (int)b.t,
				      .left = (int)b.l,
				      .bottom = (int)b.b,
				      .right = (int)b.r,
				      .border = t->zero_point + 128};
	out->pix = narrow(net, tensor) ? IMAGE_PIX
				       : (t->c + MEA_CL_BLOCK - 1) / MEA_CL_BLOCK * MEA_CL_BLOCK;
	out->row = (int)(t->w + b.l + b.r) * out->pix;
	out->bytes = (int)(t->h + b.t + b.b) * out->row + READ_BEHIND;
}

void mea_cl_layouts(const struct mea_qnet *net, struct mea_cl_layout *tensors)
{
	for (int i = 0; i < net->n_tensors; i++)
		layout(net, i, &tensors[i]);
}

/* --- places --------------------------------------------------------------------- */

struct life {
	int from, to; /* layers; from > to: never computed */
	int start, bytes;
};

static void lives(const struct mea_qnet *net, const struct mea_cl_layout *tensors,
		  struct life *life)
{
	for (int t = 0; t < net->n_tensors; t++)
		life[t] = (struct life){.from = 1, .to = 0, .bytes = tensors[t].bytes};
	for (int i = 0; i < net->n_layers; i++) {
		const struct mea_qlayer *l = &net->layers[i];

		life[l->out].from = life[l->out].to = i;
		life[l->in].to = i;
		if (l->in2 >= 0)
			life[l->in2].to = i;
	}
}

/* The lowest start at which tensor t meets no other that lives at the same time. */
static int64_t first_fit(const struct life *life, const bool *placed, int n, int t)
{
	int64_t start = 0;

	for (int i = 0; i < n; i++) {
		const struct life *o = &life[i];

		if (!placed[i] || o->to < life[t].from || o->from > life[t].to ||
		    o->start >= start + life[t].bytes || o->start + (int64_t)o->bytes <= start)
			continue;
		start = (o->start + (int64_t)o->bytes + ALIGN - 1) / ALIGN * ALIGN;
		i = -1; /* from the first again, past this one */
	}
	return start;
}

int mea_cl_addresses(const struct mea_qnet *net, const struct mea_cl_layout *tensors,
		     struct mea_cl_address *addresses, int *scratch_bytes)
{
	struct life *life = calloc(net->n_tensors, sizeof(*life));
	bool *placed = calloc(net->n_tensors, sizeof(*placed));
	int64_t most = ALIGN;
	int rc = 0;

	if (!life || !placed) {
		rc = mea_nomem();
		goto out;
	}
	lives(net, tensors, life);
	for (int i = 0; i < net->n_outputs; i++)
		addresses[net->outputs[i]].space = MEA_CL_OUT + i;
	for (int i = 0; i < net->n_inputs; i++)
		addresses[net->inputs[i]].space = MEA_CL_IN + i;
	for (int t = 0; t < net->n_tensors; t++) {
		const struct mea_cl_layout *l = &tensors[t];

		addresses[t].row = l->row;
		addresses[t].pix = l->pix;
		addresses[t].origin = l->top * l->row + l->left * l->pix;
		if (addresses[t].space == MEA_CL_SCRATCH && life[t].from <= life[t].to) {
			int64_t start = first_fit(life, placed, net->n_tensors, t);

			most = at_least(most, start + l->bytes);
			if (most > BYTES_MAX) {
				rc = mea_fail(MEA_EUNSUPPORTED,
					      "the network's tensors need over 512 MiB at once");
				goto out;
			}
			addresses[t].start = life[t].start = (int)start;
			placed[t] = true;
		}
	}
	*scratch_bytes = (int)most;
out:
	free(life);
	free(placed);
	return rc;
}

/* --- host and device -------------------------------------------------------------- */

void mea_cl_layout_write(const struct mea_cl_layout *l, const int8_t *nhwc, uint8_t *to)
{
	memset(to, l->border, l->bytes);
	to += l->top * l->row + l->left * l->pix;
	for (int y = 0; y < l->h; y++, to += l->row)
		for (int x = 0; x < l->w; x++)
			for (int c = 0; c < l->c; c++)
				to[x * l->pix + c] = (uint8_t)(*nhwc++ + 128);
}

void mea_cl_layout_read(const struct mea_cl_layout *l, const uint8_t *from, int8_t *nhwc)
{
	from += l->top * l->row + l->left * l->pix;
	for (int y = 0; y < l->h; y++, from += l->row)
		for (int x = 0; x < l->w; x++)
			for (int c = 0; c < l->c; c++)
				*nhwc++ = (int8_t)(from[x * l->pix + c] - 128);
}
