// SPDX-License-Identifier: Apache-2.0
/*
 * Conv. Its float form: the input is copied once with its padding, then the taps of
 * a few output lines are laid out as a matrix panel and multiplied.
 */
#include "graph/eval.h"
#include "graph/op.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define TILE	    32 /* output pixels per panel, or one line's part */
#define SCRATCH_MAX (UINT64_C(1) << 30)

struct conv {
	const struct mea_attrs *a;
	const struct mea_shape *xs, *ys;
	int64_t icg, ocg;   /* channels per group */
	int64_t ph, pw;	    /* padded input */
	int64_t k;	    /* taps times icg */
	float *padded;	    /* all channels of one image */
	float *panel, *sum; /* [k][TILE], [ocg][TILE] */
};

/* Room for a x b floats. */
static int scratch(float **p, uint64_t a, uint64_t b)
{
	*p = NULL;
	if (b && a > SCRATCH_MAX / sizeof(float) / b)
		return mea_fail(MEA_EUNSUPPORTED, "takes more than %llu MiB of scratch memory",
				(unsigned long long)(SCRATCH_MAX >> 20));
	*p = malloc(sizeof(float) * (a * b + 1));
	return *p ? 0 : mea_nomem();
}

static void pad_image(const struct conv *c, const float *x)
{
	int64_t h = c->xs->dim[2], w = c->xs->dim[3];

	memset(c->padded, 0, sizeof(float) * (size_t)(c->xs->dim[1] * c->ph * c->pw));
	for (int64_t ch = 0; ch < c->xs->dim[1]; ch++)
		for (int64_t y = 0; y < h; y++)
			memcpy(c->padded + (ch * c->ph + y + c->a->pad[0]) * c->pw + c->a->pad[1],
			       x + (ch * h + y) * w, sizeof(float) * (size_t)w);
}

/* Pixels x0 .. x0 + n of output line y, for every tap, into columns at of the panel. */
static void fill_panel(const struct conv *c, int64_t group, int64_t y, int64_t x0, int n, int at)
{
	const struct mea_attrs *a = c->a;
	float *to = c->panel + at;

	for (int64_t ch = group * c->icg; ch < (group + 1) * c->icg; ch++) {
		for (int64_t ky = 0; ky < a->kernel[0]; ky++) {
			int64_t row = ch * c->ph + y * a->stride[0] + ky * a->dilation[0];
			const float *line = c->padded + row * c->pw + x0 * a->stride[1];

			for (int64_t kx = 0; kx < a->kernel[1]; kx++, to += TILE) {
				const float *from = line + kx * a->dilation[1];

				if (a->stride[1] == 1)
					memcpy(to, from, sizeof(float) * (size_t)n);
				else
					for (int i = 0; i < n; i++)
						to[i] = from[i * a->stride[1]];
			}
		}
	}
}

/* Multiplies the panel's first cols columns and stores them from pixel on. */
static void multiply(const struct conv *c, int64_t group, const float *w, const float *bias,
		     float *y, int64_t pixel, int cols)
{
	int64_t plane = c->ys->dim[2] * c->ys->dim[3], oc0 = group * c->ocg;

	for (int64_t o = 0; o < c->ocg; o++)
		for (int i = 0; i < TILE; i++)
			c->sum[o * TILE + i] = bias ? bias[oc0 + o] : 0;
	/* Whole vectors: what stands in unused columns is never stored. */
	mea_gemm_f32((int)c->ocg, (cols + 15) / 16 * 16, (int)c->k, w + oc0 * c->k, (size_t)c->k,
		     c->panel, TILE, c->sum, TILE);
	for (int64_t o = 0; o < c->ocg; o++)
		memcpy(y + (oc0 + o) * plane + pixel, c->sum + o * TILE,
		       sizeof(float) * (size_t)cols);
}

static void conv_image(const struct conv *c, const float *x, const float *w, const float *bias,
		       float *y)
{
	int64_t oh = c->ys->dim[2], ow = c->ys->dim[3];
	int64_t lines = ow < TILE ? TILE / ow : 1;

	pad_image(c, x);
	for (int64_t group = 0; group < c->a->group; group++) {
		for (int64_t oy = 0; oy < oh; oy += lines) {
			int64_t m = oh - oy < lines ? oh - oy : lines;

			for (int64_t ox = 0; ox < ow; ox += TILE) {
				int n = (int)(ow - ox < TILE ? ow - ox : TILE);

				for (int64_t l = 0; l < m; l++)
					fill_panel(c, group, oy + l, ox, n, (int)l * n);
				multiply(c, group, w, bias, y, oy * ow + ox, (int)m * n);
			}
		}
	}
}

static int conv_eval(const struct mea_call *call)
{
	const struct mea_attrs *a = &call->n->a;
	const struct mea_tensor *x = call->in[0], *w = call->in[1], *out = call->out;
	const struct mea_tensor *b = call->n->n_in > 2 ? call->in[2] : NULL;
	struct conv c = {.a = a, .xs = &x->shape, .ys = &out->shape};
	size_t x_size, y_size;
	int rc;

	c.icg = w->shape.dim[1];
	c.ocg = w->shape.dim[0] / a->group;
	c.k = c.icg * a->kernel[0] * a->kernel[1];
	c.ph = x->shape.dim[2] + a->pad[0] + a->pad[2];
	c.pw = x->shape.dim[3] + a->pad[1] + a->pad[3];
	x_size = (size_t)(x->shape.dim[1] * x->shape.dim[2] * x->shape.dim[3]);
	y_size = (size_t)(out->shape.dim[1] * out->shape.dim[2] * out->shape.dim[3]);
	rc = scratch(&c.padded, (uint64_t)x->shape.dim[1], (uint64_t)c.ph * (uint64_t)c.pw);
	if (!rc)
		rc = scratch(&c.panel, (uint64_t)c.k, TILE);
	if (!rc)
		rc = scratch(&c.sum, (uint64_t)c.ocg, TILE);
	if (rc)
		goto out;
	memset(c.panel, 0, sizeof(float) * (size_t)c.k * TILE);
	for (int64_t i = 0; i < x->shape.dim[0]; i++)
		conv_image(&c, (const float *)x->data + (size_t)i * x_size, w->data,
			   b ? b->data : NULL, (float *)out->data + (size_t)i * y_size);
out:
	free(c.padded);
	free(c.panel);
	free(c.sum);
	return rc;
}

static int conv_shape(struct mea_shaping *s)
{
	const struct mea_shape *x = &s->x->shape;
	const struct mea_value *w = mea_node_in(s->g, s->n, 1), *b = mea_node_in(s->g, s->n, 2);
	struct mea_attrs *a = &s->n->a;

	for (int i = 0; i < 2; i++) {
		if (a->kernel[i] && a->kernel[i] != w->shape.dim[2 + i])
			return mea_fail(MEA_EINVAL, "kernel_shape does not match weights %s",
					w->name);
		a->kernel[i] = w->shape.dim[2 + i];
	}
	if (x->dim[1] % a->group || w->shape.dim[0] % a->group ||
	    w->shape.dim[1] != x->dim[1] / a->group)
		return mea_fail(MEA_EINVAL, "weights %s do not fit %lld channels in %lld groups",
				w->name, (long long)x->dim[1], (long long)a->group);
	if (b && (b->shape.rank != 1 || b->shape.dim[0] != w->shape.dim[0] || b->type != MEA_F32))
		return mea_fail(MEA_EINVAL, "bias %s does not fit the weights", b->name);
	s->out = (struct mea_shape){4, {x->dim[0], w->shape.dim[0]}};
	return mea_window(s->n, x, s->out.dim + 2);
}

static uint64_t conv_steps(const struct mea_graph *g, const struct mea_node *n)
{
	return mea_shape_count(&mea_node_in(g, n, 1)->shape) /
	       (uint64_t)g->values[n->out].shape.dim[1];
}

MEA_OP(Conv, .in = {2, 3}, .since = 1, .types = MEA_FLOAT, .rank = {4, 4},
       .attrs = {MEA_ATTRS_OF_WINDOW(false), MEA_ATTR("group", INT, group, 1, INT_MAX, 1)},
       .shape = conv_shape, .eval = conv_eval, .steps = conv_steps, .multiplies = true,
       .quant = MEA_QUANT_WEIGHTS, .lower = mea_lower_conv);
