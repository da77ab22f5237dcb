// SPDX-License-Identifier: Apache-2.0
/* The gradients of every operation, alone and fused, against differences in float64. */
#include "train_ref.h"

#include <omp.h>

#include "train/dnnl.h"
#include "train/net.h"

#define BATCH 3

/* Threads that wait for each other on a busy machine take minutes for what one does in seconds. */
__attribute__((constructor)) static void one_thread(void)
{
	omp_set_num_threads(1);
}

/* A net under test beside its reference; the loss is the sum of weight x output. */
struct pair {
	struct mea_graph *g;
	struct mea_params *p;
	struct mea_tnet *t;
	struct ref r;
	double *weight[MEA_TNET_IO_MAX];
	void *image[MEA_TNET_IO_MAX];
	bool bf16;
};

/* Element i of a batch in ONNX's order stands there in NHWC. */
static size_t nhwc(const struct mea_map *m, size_t i)
{
	size_t per = m->rows * (size_t)m->c, b = i / per, c = i % per / m->rows, p = i % m->rows;

	return b * per + p * (size_t)m->c + c;
}

static void put(const struct mea_map *m, void *data, size_t i, double v)
{
	if (m->bf16)
		((uint16_t *)data)[nhwc(m, i)] = mea_bf16((float)v);
	else
		((float *)data)[nhwc(m, i)] = (float)v;
}

static double get(const struct mea_map *m, const void *data, size_t i)
{
	return m->bf16 ? (double)mea_from_bf16(((const uint16_t *)data)[nhwc(m, i)])
		       : (double)((const float *)data)[nhwc(m, i)];
}

static void open_pair(struct pair *q, struct mea_graph *g, bool bf16)
{
	struct mea_tnet_options o = {.batch = BATCH, .train = true, .bf16 = bf16};

	*q = (struct pair){.g = g, .bf16 = bf16};
	for (int i = 0; i < MEA_TNET_IO_MAX; i++)
		o.input_grad[i] = o.output_grad[i] = true;
	cr_assert_eq(mea_params_new(g, &q->p), 0, "%s", mea_errmsg());
	cr_assert_eq(mea_tnet_new(g, q->p, &o, &q->t), 0, "%s", mea_errmsg());
	ref_new(&q->r, g, BATCH);
	for (int i = 0; i < g->n_inputs; i++) {
		struct mea_map m = mea_tnet_input(q->t, i);

		q->image[i] = aligned_alloc(64, (mea_map_bytes(&m) + 63) / 64 * 64);
		for (size_t j = 0; j < mea_map_count(&m); j++) {
			double v = (double)frand(-2, 2);

			if (m.bf16)
				v = (double)mea_from_bf16(mea_bf16((float)v));
			put(&m, q->image[i], j, v);
			q->r.v[g->inputs[i]][j] = (double)(float)v;
		}
		mea_tnet_set_input(q->t, i, q->image[i]);
	}
	for (int i = 0; i < g->n_outputs; i++) {
		size_t n = ref_size(&q->r, g->outputs[i]);

		q->weight[i] = malloc(n * sizeof(double));
		for (size_t j = 0; j < n; j++)
			q->weight[i][j] = (double)mea_from_bf16(mea_bf16(frand(-1, 1)));
	}
}

static void close_pair(struct pair *q)
{
	mea_tnet_free(q->t);
	mea_params_free(q->p);
	ref_free(&q->r);
	for (int i = 0; i < q->g->n_inputs; i++)
		free(q->image[i]);
	for (int i = 0; i < q->g->n_outputs; i++)
		free(q->weight[i]);
	mea_graph_free(q->g);
}

static double loss(struct pair *q)
{
	double s = 0;

	ref_forward(&q->r);
	for (int i = 0; i < q->g->n_outputs; i++)
		for (size_t j = 0; j < ref_size(&q->r, q->g->outputs[i]); j++)
			s += q->weight[i][j] * q->r.v[q->g->outputs[i]][j];
	return s;
}

/* Derivative of the loss by one element of a value: central differences. */
static double difference(struct pair *q, int value, size_t i)
{
	double *x = &q->r.v[value][i], keep = *x, up;

	*x = keep + 1e-6;
	up = loss(q);
	*x = keep - 1e-6;
	up -= loss(q);
	*x = keep;
	return up / 2e-6;
}

static void check_outputs(struct pair *q, double tolerance)
{
	ref_forward(&q->r);
	for (int i = 0; i < q->g->n_outputs; i++) {
		struct mea_map m = mea_tnet_output(q->t, i);
		const void *data = mea_tnet_output_data(q->t, i);

		for (size_t j = 0; j < mea_map_count(&m); j++) {
			double want = q->r.v[q->g->outputs[i]][j];

			cr_assert_float_eq(get(&m, data, j), want, tolerance * (1 + fabs(want)),
					   "output %d, element %zu: %g, not %g", i, j,
					   get(&m, data, j), want);
		}
	}
}

/* Compares some elements of one gradient; errors count against its root mean square. */
static void check_gradient(struct pair *q, const char *what, int value, size_t n,
			   const struct mea_map *m, const void *grad, double tolerance)
{
	size_t stride = n > 12 ? n / 12 : 1;
	double sum = 0, error = 0, worst = 0;
	size_t count = 0;

	for (size_t i = 0; i < n; i += stride) {
		double want = difference(q, value, i);
		double have = m ? get(m, grad, i) : (double)((const float *)grad)[i];

		sum += want * want;
		error += (want - have) * (want - have);
		worst = fmax(worst, fabs(want - have));
		count++;
	}
	cr_assert(sqrt(error) <= tolerance * sqrt(sum) + 1e-6,
		  "%s: relative error %g, worst %g of %g", what, sqrt(error / sum), worst,
		  sqrt(sum / (double)count));
}

/* What a processor without AVX-512 says. */
static void check_refused(struct mea_graph *g)
{
	struct mea_tnet_options o = {.batch = BATCH, .bf16 = true};
	struct mea_params *p;
	struct mea_tnet *t;

	cr_assert_eq(mea_params_new(g, &p), 0, "%s", mea_errmsg());
	cr_expect_eq(mea_tnet_new(g, p, &o, &t), MEA_EUNSUPPORTED);
	cr_expect_not_null(strstr(mea_errmsg(), "bfloat16 needs a processor with AVX-512"));
	mea_params_free(p);
	mea_graph_free(g);
}

static void check(struct mea_graph *g, bool bf16, double tolerance)
{
	struct pair q;

	if (bf16 && !mea_dnnl_computes_bf16()) {
		check_refused(g);
		return;
	}
	open_pair(&q, g, bf16);
	cr_assert_eq(mea_tnet_forward(q.t), 0, "%s", mea_errmsg());
	check_outputs(&q, tolerance);
	for (int i = 0; i < g->n_outputs; i++) {
		struct mea_map m = mea_tnet_output(q.t, i);

		for (size_t j = 0; j < mea_map_count(&m); j++)
			put(&m, mea_tnet_output_grad(q.t, i), j, q.weight[i][j]);
	}
	cr_assert_eq(mea_tnet_backward(q.t), 0, "%s", mea_errmsg());
	for (int i = 0; i < q.p->n; i++)
		if (!q.p->list[i].running)
			check_gradient(&q, q.p->list[i].name, q.p->list[i].value, q.p->list[i].n,
				       NULL, q.p->list[i].grad, tolerance);
	for (int i = 0; i < g->n_inputs; i++) {
		struct mea_map m = mea_tnet_input(q.t, i);

		check_gradient(&q, "input", g->inputs[i], mea_map_count(&m), &m,
			       mea_tnet_input_grad(q.t, i), tolerance);
	}
	close_pair(&q);
}

static int norm(struct mea_graph *g, const char *name, int x)
{
	int c = (int)g->values[x].shape.dim[1], in[5] = {x};
	char text[64];

	for (int i = 1; i < 5; i++) {
		snprintf(text, sizeof(text), "%s_%d", name, i);
		in[i] = constant(g, text, shape_of(1, c), i == 4 ? 0.5f : -0.5f, 1.5f);
	}
	return node(g, MEA_OP_BatchNormalization, name, in, 5, NULL);
}

/* --- single operations ---------------------------------------------------------- */

static struct mea_graph *one_conv(int ic, int h, int oc, int k, int stride, int groups, bool bias)
{
	struct mea_graph *g = new_graph();

	finish(g, conv(g, "c", input(g, "x", shape_of(4, 1, ic, h, h + 1)), oc, k, stride, k / 2,
		       groups, bias));
	return g;
}

Test(grad, conv)
{
	srand(1);
	check(one_conv(3, 8, 16, 3, 1, 1, false), false, 1e-3);
	check(one_conv(16, 8, 16, 3, 1, 1, true), false, 1e-3);
	check(one_conv(16, 9, 32, 3, 2, 1, false), false, 1e-3);
	check(one_conv(16, 8, 24, 1, 2, 1, false), false, 1e-3);
	check(one_conv(5, 7, 7, 5, 1, 1, true), false, 1e-3);
}

Test(grad, depthwise)
{
	srand(2);
	check(one_conv(16, 8, 16, 3, 1, 16, false), false, 1e-3);
	check(one_conv(24, 9, 24, 3, 2, 24, true), false, 1e-3);
	check(one_conv(8, 8, 16, 3, 1, 4, false), false, 1e-3);
}

/* Maps that are not narrow: whole channel blocks, a last one that overlaps, and too few. */
Test(grad, wide_depthwise)
{
	static const int channels[] = {16, 32, 24, 40, 8};

	srand(12);
	for (int i = 0; i < 5; i++) {
		check(one_conv(channels[i], 16, channels[i], 3, 1, channels[i], false), false,
		      1e-3);
		check(one_conv(channels[i], 19, channels[i], 3, 1, channels[i], false), true, 0.01);
	}
}

static struct mea_graph *one_pool(enum mea_op op, int k, int stride, int pad, bool include)
{
	struct mea_graph *g = new_graph();
	int x = input(g, "x", shape_of(4, 1, 6, 9, 8));

	finish(g, pool(g, op, "p", x, k, stride, pad, false, include));
	return g;
}

Test(grad, pools)
{
	struct mea_graph *g;

	srand(3);
	check(one_pool(MEA_OP_MaxPool, 2, 2, 0, false), false, 1e-3);
	check(one_pool(MEA_OP_MaxPool, 3, 2, 1, false), false, 1e-3);
	check(one_pool(MEA_OP_AveragePool, 3, 3, 0, false), false, 1e-3);
	check(one_pool(MEA_OP_AveragePool, 3, 2, 1, false), false, 1e-3);
	check(one_pool(MEA_OP_AveragePool, 3, 2, 1, true), false, 1e-3);
	for (int i = 0; i < 2; i++) {
		g = new_graph();
		finish(g, unary(g, i ? MEA_OP_GlobalMaxPool : MEA_OP_GlobalAveragePool, "p",
				input(g, "x", shape_of(4, 1, 6, 5, 7))));
		check(g, false, 1e-3);
	}
}

Test(grad, mean_of_pixels)
{
	struct mea_attrs a = mea_attrs_default(MEA_OP_ReduceMean);

	srand(10);
	a.n_axes = 2;
	a.axes[0] = -1;
	a.axes[1] = 2;
	for (int i = 0; i < 4; i++) {
		struct mea_graph *g = new_graph();
		int x = input(g, "x", shape_of(4, 1, 6, 5, 7));

		a.keepdims = i % 2;
		x = node(g, MEA_OP_ReduceMean, "mean", &x, 1, &a);
		if (i % 2)
			x = unary(g, MEA_OP_Flatten, "flat", x);
		finish(g, gemm(g, "fc", x, 4, true));
		check(g, i / 2, i / 2 ? 0.01 : 1e-3);
	}
}

Test(grad, linear)
{
	srand(4);
	for (int i = 0; i < 2; i++) {
		struct mea_graph *g = new_graph();
		int x = input(g, "x", shape_of(4, 1, 5, 3, 4));

		finish(g, gemm(g, "fc", unary(g, MEA_OP_Flatten, "flat", x), 7, i));
		check(g, false, 1e-3);
	}
}

Test(grad, clamps)
{
	struct mea_attrs a = mea_attrs_default(MEA_OP_Clip);
	struct mea_graph *g = new_graph();
	int x = input(g, "x", shape_of(4, 1, 5, 6, 7));

	srand(5);
	finish(g, unary(g, MEA_OP_Relu, "relu", x));
	check(g, false, 1e-3);
	g = new_graph();
	x = input(g, "x", shape_of(4, 1, 5, 6, 7));
	a.lo = 0;
	a.hi = 1;
	finish(g, node(g, MEA_OP_Clip, "clip", &x, 1, &a));
	check(g, false, 1e-3);
}

Test(grad, joins)
{
	struct mea_graph *g = new_graph();
	struct mea_attrs a = mea_attrs_default(MEA_OP_Concat);
	int x = input(g, "x", shape_of(4, 1, 5, 6, 7)), y = input(g, "y", shape_of(4, 1, 5, 6, 7));

	srand(6);
	a.axis = 1;
	x = binary(g, MEA_OP_Add, "add", x, y);
	finish(g, node(g, MEA_OP_Concat, "cat", (int[]){x, y, x}, 3, &a));
	check(g, false, 1e-3);
	g = new_graph();
	x = input(g, "x", shape_of(4, 1, 5, 6, 7));
	finish(g, binary(g, MEA_OP_Add, "twice", x, x));
	check(g, false, 1e-3);
}

/* --- batch norm and what is fused to it --------------------------------------------- */

/* kind: 0 alone, 1 relu, 2 clip, 3 add, 4 add and relu, 5 add of itself's input */
static struct mea_graph *one_norm(int kind, int c)
{
	struct mea_attrs a = mea_attrs_default(MEA_OP_Clip);
	struct mea_graph *g = new_graph();
	int x = input(g, "x", shape_of(4, 1, c, 5, 6)), y = norm(g, "bn", x);

	a.lo = 0;
	a.hi = 1;
	if (kind == 1)
		y = unary(g, MEA_OP_Relu, "relu", y);
	else if (kind == 2)
		y = node(g, MEA_OP_Clip, "clip", &y, 1, &a);
	else if (kind >= 3)
		y = binary(g, MEA_OP_Add, "add", y,
			   kind == 5 ? x : input(g, "z", shape_of(4, 1, c, 5, 6)));
	if (kind == 4)
		y = unary(g, MEA_OP_Relu, "relu", y);
	finish(g, y);
	return g;
}

Test(grad, norm)
{
	srand(7);
	for (int kind = 0; kind < 6; kind++) {
		check(one_norm(kind, 16), false, 1e-3);
		check(one_norm(kind, 5), false, 1e-3);
		check(one_norm(kind, 300), false, 1e-3);
	}
}

/* Both operands of the Add are norms; the block's input has several users. */
static struct mea_graph *block(bool outputs)
{
	struct mea_graph *g = new_graph();
	int x = input(g, "x", shape_of(4, 1, 3, 6, 6)), y, s;

	x = unary(g, MEA_OP_Relu, "r0", norm(g, "n0", conv(g, "c0", x, 16, 3, 1, 1, 1, false)));
	y = unary(g, MEA_OP_Relu, "r1", norm(g, "n1", conv(g, "c1", x, 32, 3, 2, 1, 1, false)));
	y = norm(g, "n2", conv(g, "c2", y, 32, 3, 1, 1, 1, false));
	s = norm(g, "ns", conv(g, "cs", x, 32, 1, 2, 0, 1, false));
	x = unary(g, MEA_OP_Relu, "r2", binary(g, MEA_OP_Add, "add", y, s));
	y = norm(g, "n3", conv(g, "c3", x, 32, 3, 1, 1, 1, false));
	y = unary(g, MEA_OP_Relu, "r3", binary(g, MEA_OP_Add, "add2", x, y));
	s = unary(g, MEA_OP_GlobalAveragePool, "gap", y);
	if (outputs)
		cr_assert_eq(mea_graph_add_output(g, y), 0);
	finish(g, gemm(g, "fc", unary(g, MEA_OP_Flatten, "flat", s), 7, true));
	return g;
}

Test(grad, residual_blocks)
{
	srand(8);
	check(block(false), false, 1e-3);
	check(block(true), false, 1e-3);
}

/* bfloat16 keeps 8 bits. Deeper nets are not compared: there Relus that are nearly 0 switch. */
Test(grad, bf16)
{
	srand(9);
	check(one_conv(16, 8, 32, 3, 2, 1, false), true, 0.01);
	/* Narrow maps, which are joined. */
	check(one_conv(16, 6, 32, 3, 1, 1, true), true, 0.01);
	check(one_conv(16, 4, 32, 5, 1, 1, false), true, 0.01);
	check(one_conv(16, 3, 32, 1, 1, 1, false), true, 0.01);
	check(one_norm(1, 16), true, 0.02);
	check(one_norm(4, 16), true, 0.02);
}
