// SPDX-License-Identifier: Apache-2.0
/* Pools and ReduceMean. */
#include "graph/eval.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "graph/shape.h"

/* One window along one axis: taps from .. to of the kernel lie inside the input,
 * counted taps lie inside the padded input. */
struct span {
	int64_t start, from, to, counted;
};

static struct span span_of(const struct mea_attrs *a, int axis, int64_t size, int64_t at)
{
	struct span s = {.start = at * a->stride[axis] - a->pad[axis]};
	int64_t d = a->dilation[axis];

	s.to = s.from = s.start < 0 ? (-s.start + d - 1) / d : 0;
	for (int64_t k = 0; k < a->kernel[axis]; k++) {
		int64_t i = s.start + k * d;

		s.counted += i < size + a->pad[axis + 2];
		if (k >= s.from && i < size)
			s.to = k + 1;
	}
	return s;
}

static float max_float(const float *x, int64_t w, const struct mea_attrs *a, struct span sy,
		       struct span sx)
{
	float best = -FLT_MAX;

	for (int64_t ky = sy.from; ky < sy.to; ky++) {
		const float *line = x + (sy.start + ky * a->dilation[0]) * w;

		for (int64_t kx = sx.from; kx < sx.to; kx++) {
			float v = line[sx.start + kx * a->dilation[1]];

			best = v > best ? v : best;
		}
	}
	return best;
}

static int max_byte(const struct mea_tensor *x, int64_t plane, int64_t w, const struct mea_attrs *a,
		    struct span sy, struct span sx)
{
	int best = x->type == MEA_U8 ? 0 : -128;

	for (int64_t ky = sy.from; ky < sy.to; ky++) {
		for (int64_t kx = sx.from; kx < sx.to; kx++) {
			int64_t at = plane + (sy.start + ky * a->dilation[0]) * w + sx.start +
				     kx * a->dilation[1];
			int v = (int)mea_tensor_int(x, (size_t)at);

			best = v > best ? v : best;
		}
	}
	return best;
}

static float average(const float *x, int64_t w, const struct mea_attrs *a, struct span sy,
		     struct span sx)
{
	int64_t count = (sy.to - sy.from) * (sx.to - sx.from);
	float sum = 0;

	for (int64_t ky = sy.from; ky < sy.to; ky++) {
		const float *line = x + (sy.start + ky * a->dilation[0]) * w;

		for (int64_t kx = sx.from; kx < sx.to; kx++)
			sum += line[sx.start + kx * a->dilation[1]];
	}
	if (a->count_include_pad)
		count = sy.counted * sx.counted;
	return count ? sum / (float)count : 0;
}

static void window_pool(const struct mea_node *n, const struct mea_tensor *x,
			const struct mea_tensor *out)
{
	const struct mea_attrs *a = &n->a;
	int64_t h = x->shape.dim[2], w = x->shape.dim[3];
	int64_t oh = out->shape.dim[2], ow = out->shape.dim[3], i = 0;

	for (int64_t p = 0; p < x->shape.dim[0] * x->shape.dim[1]; p++) {
		for (int64_t oy = 0; oy < oh; oy++) {
			struct span sy = span_of(a, 0, h, oy);

			for (int64_t ox = 0; ox < ow; ox++, i++) {
				struct span sx = span_of(a, 1, w, ox);
				const float *plane = (const float *)x->data + p * h * w;

				if (x->type != MEA_F32)
					((uint8_t *)out->data)[i] =
						(uint8_t)max_byte(x, p * h * w, w, a, sy, sx);
				else if (n->op == MEA_OP_MaxPool)
					((float *)out->data)[i] = max_float(plane, w, a, sy, sx);
				else
					((float *)out->data)[i] = average(plane, w, a, sy, sx);
			}
		}
	}
}

static void global_pool(const struct mea_node *n, const struct mea_tensor *x,
			const struct mea_tensor *out)
{
	size_t planes = mea_shape_count(&out->shape), size = mea_shape_count(&x->shape) / planes;
	const float *d = x->data;

	for (size_t p = 0; p < planes; p++, d += size) {
		double sum = 0;
		float best = d[0];

		for (size_t i = 0; i < size; i++) {
			sum += d[i];
			best = d[i] > best ? d[i] : best;
		}
		((float *)out->data)[p] =
			n->op == MEA_OP_GlobalMaxPool ? best : (float)(sum / (double)size);
	}
}

/* Sums in double: the reduced elements come in any order of memory. */
static int reduce_mean(const struct mea_node *n, const struct mea_tensor *x,
		       const struct mea_tensor *out)
{
	size_t total = mea_shape_count(&x->shape), kept = mea_shape_count(&out->shape);
	double *sum = calloc(kept + 1, sizeof(*sum));
	int64_t at[MEA_RANK_MAX] = {0};
	bool reduce[MEA_RANK_MAX];

	if (!sum)
		return mea_fail(MEA_ENOMEM, "out of memory");
	mea_reduce_axes(n, x->shape.rank, reduce);
	for (size_t i = 0; i < total; i++) {
		size_t to = 0;

		for (int d = 0; d < x->shape.rank; d++)
			if (!reduce[d])
				to = to * (size_t)x->shape.dim[d] + (size_t)at[d];
		sum[to] += ((const float *)x->data)[i];
		for (int d = x->shape.rank - 1; d >= 0 && ++at[d] == x->shape.dim[d]; d--)
			at[d] = 0;
	}
	for (size_t i = 0; i < kept; i++)
		((float *)out->data)[i] = (float)(sum[i] / (double)(total / kept));
	free(sum);
	return 0;
}

int mea_eval_pool(const struct mea_node *n, const struct mea_tensor *const *in,
		  const struct mea_tensor *out)
{
	switch (n->op) {
	case MEA_OP_MaxPool:
	case MEA_OP_AveragePool:
		window_pool(n, in[0], out);
		return 0;
	case MEA_OP_ReduceMean:
		return reduce_mean(n, in[0], out);
	default:
		global_pool(n, in[0], out);
		return 0;
	}
}
