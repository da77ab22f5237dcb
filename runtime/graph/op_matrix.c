// SPDX-License-Identifier: Apache-2.0
/* Gemm and MatMul. */
#include "graph/eval.h"
#include "graph/op.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* A fresh rows x cols copy of from's transpose, or of from itself. */
static float *copy_matrix(const float *from, int64_t rows, int64_t cols, bool transposed)
{
	float *to = malloc(sizeof(float) * (size_t)(rows * cols + 1));

	if (!to) {
		mea_nomem();
		return NULL;
	}
	for (int64_t r = 0; r < rows; r++)
		for (int64_t c = 0; c < cols; c++)
			to[r * cols + c] = transposed ? from[c * rows + r] : from[r * cols + c];
	return to;
}

/* Element of c that broadcasts to (r, col) of a matrix. */
static float bias_at(const struct mea_tensor *c, int64_t r, int64_t col)
{
	const float *d = c->data;
	int rank = c->shape.rank;
	int64_t cols = rank >= 1 ? c->shape.dim[rank - 1] : 1;
	int64_t rows = rank >= 2 ? c->shape.dim[rank - 2] : 1;

	return d[(rows == 1 ? 0 : r) * cols + (cols == 1 ? 0 : col)];
}

static int gemm_eval(const struct mea_call *call)
{
	const struct mea_attrs *a = &call->n->a;
	const struct mea_tensor *const *in = call->in, *out = call->out;
	const struct mea_tensor *c = call->n->n_in > 2 ? in[2] : NULL;
	int64_t rows = out->shape.dim[0], cols = out->shape.dim[1];
	int64_t inner = in[0]->shape.dim[!a->trans_a];
	float *left = copy_matrix(in[0]->data, rows, inner, a->trans_a);
	float *right = copy_matrix(in[1]->data, inner, cols, a->trans_b), *y = out->data;
	int rc = left && right ? 0 : MEA_ENOMEM;

	if (!rc) {
		memset(y, 0, sizeof(*y) * (size_t)(rows * cols));
		mea_gemm_f32((int)rows, (int)cols, (int)inner, left, (size_t)inner, right,
			     (size_t)cols, y, (size_t)cols);
		for (int64_t i = 0; i < rows * cols; i++) {
			y[i] *= a->alpha;
			if (c)
				y[i] += a->beta * bias_at(c, i / cols, i % cols);
		}
	}
	free(left);
	free(right);
	return rc;
}

/* Offset of matrix number i (counted in out's leading dimensions) of operand t. */
static int64_t matrix_at(const struct mea_tensor *t, const struct mea_shape *out, int64_t i)
{
	int64_t at = 0, step = t->shape.dim[t->shape.rank - 1] * t->shape.dim[t->shape.rank - 2];

	for (int d = 3; d <= out->rank; d++) {
		int64_t n = out->dim[out->rank - d];

		if (d <= t->shape.rank) {
			int64_t own = t->shape.dim[t->shape.rank - d];

			at += (own == 1 ? 0 : i % n) * step;
			step *= own;
		}
		i /= n;
	}
	return at;
}

static int matmul_eval(const struct mea_call *call)
{
	const struct mea_tensor *const *in = call->in, *out = call->out;
	int64_t rows = out->shape.dim[out->shape.rank - 2];
	int64_t cols = out->shape.dim[out->shape.rank - 1];
	int64_t inner = in[0]->shape.dim[in[0]->shape.rank - 1], count = 1;

	for (int i = 0; i < out->shape.rank - 2; i++)
		count *= out->shape.dim[i];
	memset(out->data, 0, sizeof(float) * (size_t)(count * rows * cols));
	for (int64_t i = 0; i < count; i++)
		mea_gemm_f32((int)rows, (int)cols, (int)inner,
			     (const float *)in[0]->data + matrix_at(in[0], &out->shape, i),
			     (size_t)inner,
			     (const float *)in[1]->data + matrix_at(in[1], &out->shape, i),
			     (size_t)cols, (float *)out->data + i * rows * cols, (size_t)cols);
	return 0;
}

static int inner_differ(int64_t a, int64_t b)
{
	return mea_fail(MEA_EINVAL, "inner dimensions %lld and %lld differ", (long long)a,
			(long long)b);
}

static int gemm_shape(struct mea_shaping *s)
{
	const struct mea_attrs *t = &s->n->a;
	const int64_t *a = s->x->shape.dim, *b = mea_node_in(s->g, s->n, 1)->shape.dim;
	const struct mea_value *c = mea_node_in(s->g, s->n, 2);
	struct mea_shape all;

	if (a[!t->trans_a] != b[t->trans_b])
		return inner_differ(a[!t->trans_a], b[t->trans_b]);
	s->out = (struct mea_shape){2, {a[t->trans_a], b[!t->trans_b]}};
	if (c && (c->type != MEA_F32 || !mea_broadcast(&c->shape, &s->out, &all) ||
		  !mea_shape_equal(&all, &s->out)))
		return mea_fail(MEA_EINVAL, "input %s does not broadcast to the product", c->name);
	return 0;
}

static int matmul_shape(struct mea_shaping *s)
{
	struct mea_shape a = s->x->shape, b = mea_node_in(s->g, s->n, 1)->shape;

	if (a.dim[a.rank - 1] != b.dim[b.rank - 2])
		return inner_differ(a.dim[a.rank - 1], b.dim[b.rank - 2]);
	a.dim[a.rank - 1] = b.dim[b.rank - 2] = 1;
	if (!mea_broadcast(&a, &b, &s->out))
		return mea_fail(MEA_EINVAL, "leading dimensions do not fit");
	return 0;
}

static uint64_t gemm_steps(const struct mea_graph *g, const struct mea_node *n)
{
	return (uint64_t)mea_node_in(g, n, 0)->shape.dim[!n->a.trans_a];
}

static uint64_t matmul_steps(const struct mea_graph *g, const struct mea_node *n)
{
	const struct mea_shape *x = &mea_node_in(g, n, 0)->shape;

	return (uint64_t)x->dim[x->rank - 1];
}

MEA_OP(Gemm, .in = {2, 3}, .since = 7, .types = MEA_FLOAT, .rank = {2, 2},
       .attrs = {MEA_ATTR("alpha", FLOAT, alpha, .otherwise = 1),
		 MEA_ATTR("beta", FLOAT, beta, .otherwise = 1), MEA_ATTR("transA", BOOL, trans_a),
		 MEA_ATTR("transB", BOOL, trans_b)},
       .shape = gemm_shape, .eval = gemm_eval, .steps = gemm_steps, .multiplies = true,
       .quant = MEA_QUANT_WEIGHTS, .lower = mea_lower_conv);

MEA_OP(MatMul, .in = {2, 2}, .since = 1, .types = MEA_FLOAT, .rank = {2, MEA_RANK_MAX},
       .shape = matmul_shape, .eval = matmul_eval, .steps = matmul_steps, .multiplies = true);
