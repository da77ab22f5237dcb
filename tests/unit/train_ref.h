/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A second, slow implementation of what mea_tnet computes forward: a graph on a batch, in
 * float64 and ONNX's order (NCHW), batch norm with the batch's statistics. Its differences
 * are what gradients are compared with.
 */
#ifndef MEA_TEST_TRAIN_REF_H
#define MEA_TEST_TRAIN_REF_H

#include <math.h>

#include "graph_build.h"

struct ref {
	const struct mea_graph *g;
	int n;	    /* batch */
	double **v; /* every value: batch x its elements, or a constant's */
};

BUILD size_t ref_size(const struct ref *r, int value)
{
	const struct mea_value *v = &r->g->values[value];

	return mea_shape_count(&v->shape) * (v->data ? 1 : (size_t)r->n);
}

BUILD void ref_new(struct ref *r, const struct mea_graph *g, int n)
{
	*r = (struct ref){g, n, calloc((size_t)g->n_values, sizeof(*r->v))};
	for (int i = 0; i < g->n_values; i++) {
		size_t size = ref_size(r, i);

		r->v[i] = calloc(size, sizeof(double));
		for (size_t j = 0; g->values[i].data && j < size; j++)
			r->v[i][j] = ((const float *)g->values[i].data)[j];
	}
}

BUILD void ref_free(struct ref *r)
{
	for (int i = 0; i < r->g->n_values; i++)
		free(r->v[i]);
	free(r->v);
}

struct dims {
	int c, h, w;
};

BUILD struct dims ref_dims(const struct ref *r, int value)
{
	const struct mea_shape *s = &r->g->values[value].shape;

	return (struct dims){(int)s->dim[1], s->rank == 4 ? (int)s->dim[2] : 1,
			     s->rank == 4 ? (int)s->dim[3] : 1};
}

BUILD void ref_conv(struct ref *r, const struct mea_node *n)
{
	struct dims x = ref_dims(r, n->in[0]), y = ref_dims(r, n->out);
	const struct mea_attrs *a = &n->a;
	int icg = x.c / (int)a->group, ocg = y.c / (int)a->group;
	int kh = (int)a->kernel[0], kw = (int)a->kernel[1];

	for (int b = 0; b < r->n; b++)
		for (int o = 0; o < y.c; o++)
			for (int p = 0; p < y.h * y.w; p++) {
				double s = n->n_in > 2 ? r->v[n->in[2]][o] : 0;

				for (int i = 0; i < icg * kh * kw; i++) {
					int c = i / (kh * kw), ky = i / kw % kh, kx = i % kw;
					int iy = p / y.w * (int)a->stride[0] +
						 ky * (int)a->dilation[0] - (int)a->pad[0];
					int ix = p % y.w * (int)a->stride[1] +
						 kx * (int)a->dilation[1] - (int)a->pad[1];
					int ic = o / ocg * icg + c;

					if (iy < 0 || iy >= x.h || ix < 0 || ix >= x.w)
						continue;
					s += r->v[n->in[0]]
						 [((b * x.c + ic) * x.h + iy) * x.w + ix] *
					     r->v[n->in[1]][o * icg * kh * kw + i];
				}
				r->v[n->out][(b * y.c + o) * y.h * y.w + p] = s;
			}
}

BUILD void ref_norm(struct ref *r, const struct mea_node *n)
{
	struct dims d = ref_dims(r, n->out);
	int area = d.h * d.w;

	for (int c = 0; c < d.c; c++) {
		double s = 0, q = 0, m = r->n * area;

		for (int b = 0; b < r->n; b++)
			for (int p = 0; p < area; p++)
				s += r->v[n->in[0]][(b * d.c + c) * area + p];
		for (int b = 0; b < r->n; b++)
			for (int p = 0; p < area; p++)
				q += pow(r->v[n->in[0]][(b * d.c + c) * area + p] - s / m, 2);
		for (int b = 0; b < r->n; b++)
			for (int p = 0; p < area; p++) {
				int i = (b * d.c + c) * area + p;

				r->v[n->out][i] = (r->v[n->in[0]][i] - s / m) /
							  sqrt(q / m + (double)n->a.epsilon) *
							  r->v[n->in[1]][c] +
						  r->v[n->in[2]][c];
			}
	}
}

BUILD void ref_pool(struct ref *r, const struct mea_node *n)
{
	struct dims x = ref_dims(r, n->in[0]), y = ref_dims(r, n->out);
	bool max = n->op == MEA_OP_MaxPool || n->op == MEA_OP_GlobalMaxPool;
	bool global = n->op == MEA_OP_GlobalAveragePool || n->op == MEA_OP_GlobalMaxPool ||
		      n->op == MEA_OP_ReduceMean;
	int kh = global ? x.h : (int)n->a.kernel[0], kw = global ? x.w : (int)n->a.kernel[1];

	for (int i = 0; i < r->n * y.c * y.h * y.w; i++) {
		int plane = i / (y.h * y.w), p = i % (y.h * y.w), count = 0;
		double s = max ? -INFINITY : 0;

		for (int k = 0; k < kh * kw; k++) {
			int iy = global ? k / kw
					: p / y.w * (int)n->a.stride[0] + k / kw - (int)n->a.pad[0];
			int ix = global ? k % kw
					: p % y.w * (int)n->a.stride[1] + k % kw - (int)n->a.pad[1];
			double v;

			if (iy < 0 || iy >= x.h || ix < 0 || ix >= x.w)
				continue;
			v = r->v[n->in[0]][(plane * x.h + iy) * x.w + ix];
			s = max ? fmax(s, v) : s + v;
			count++;
		}
		if (!max)
			s /= n->a.count_include_pad ? kh * kw : count;
		r->v[n->out][i] = s;
	}
}

BUILD void ref_gemm(struct ref *r, const struct mea_node *n)
{
	int k = (int)(ref_size(r, n->in[0]) / (size_t)r->n), m = ref_dims(r, n->out).c;

	for (int b = 0; b < r->n; b++)
		for (int j = 0; j < m; j++) {
			double s = n->n_in > 2 ? r->v[n->in[2]][j] : 0;

			for (int i = 0; i < k; i++)
				s += r->v[n->in[0]][b * k + i] *
				     r->v[n->in[1]][n->a.trans_b ? j * k + i : i * m + j];
			r->v[n->out][b * m + j] = s;
		}
}

BUILD void ref_concat(struct ref *r, const struct mea_node *n)
{
	size_t whole = ref_size(r, n->out) / (size_t)r->n, at = 0;

	for (int i = 0; i < n->n_in; i++) {
		size_t part = ref_size(r, n->in[i]) / (size_t)r->n;

		for (int b = 0; b < r->n; b++)
			memcpy(r->v[n->out] + (size_t)b * whole + at,
			       r->v[n->in[i]] + (size_t)b * part, part * sizeof(double));
		at += part;
	}
}

BUILD void ref_forward(struct ref *r)
{
	for (int i = 0; i < r->g->n_nodes; i++) {
		const struct mea_node *n = &r->g->nodes[i];
		double lo = n->op == MEA_OP_Clip ? (double)n->a.lo : 0;
		double hi = n->op == MEA_OP_Clip ? (double)n->a.hi : INFINITY;
		size_t size = ref_size(r, n->out);

		switch (n->op) {
		case MEA_OP_Conv:
			ref_conv(r, n);
			break;
		case MEA_OP_BatchNormalization:
			ref_norm(r, n);
			break;
		case MEA_OP_Gemm:
			ref_gemm(r, n);
			break;
		case MEA_OP_Concat:
			ref_concat(r, n);
			break;
		case MEA_OP_Relu:
		case MEA_OP_Clip:
			for (size_t j = 0; j < size; j++)
				r->v[n->out][j] = fmin(fmax(r->v[n->in[0]][j], lo), hi);
			break;
		case MEA_OP_Add:
			for (size_t j = 0; j < size; j++)
				r->v[n->out][j] = r->v[n->in[0]][j] + r->v[n->in[1]][j];
			break;
		case MEA_OP_Flatten:
		case MEA_OP_Identity:
			memcpy(r->v[n->out], r->v[n->in[0]], size * sizeof(double));
			break;
		default:
			ref_pool(r, n);
		}
	}
}

#endif
