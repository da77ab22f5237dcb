// SPDX-License-Identifier: Apache-2.0
/*
 * Random float networks, quantised, written, read, lowered: the QDQ graph stays
 * near the float one, and every layer of the integer net gives what the QDQ graph
 * says, within one unit.
 */
#include "graph_build.h"

#include <math.h>

#include "backend/ref/ref.h"
#include "graph/eval.h"
#include "graph/lower.h"
#include "quantize/quantize.h"

static int clip(struct mea_graph *g, const char *name, int x)
{
	struct mea_attrs a = mea_attrs_default(MEA_OP_Clip);

	a.lo = frand(-0.5f, 0);
	a.hi = frand(0.3f, 2);
	return node(g, MEA_OP_Clip, name, &x, 1, &a);
}

static int concat(struct mea_graph *g, const char *name, int x, int y, int z)
{
	struct mea_attrs a = mea_attrs_default(MEA_OP_Concat);

	a.axis = 1;
	return node(g, MEA_OP_Concat, name, (int[]){x, y, z}, z < 0 ? 2 : 3, &a);
}

static int residual(struct mea_graph *g, const char *name, int x)
{
	int c = (int)g->values[x].shape.dim[1], y, z;
	char a[40], b[40];

	snprintf(a, sizeof(a), "%s_c1", name);
	snprintf(b, sizeof(b), "%s_c2", name);
	y = conv(g, a, x, c, 3, 1, 1, 1, true);
	z = rand() % 2 ? x : conv(g, b, x, c, 1, 1, 0, 1, true);
	snprintf(b, sizeof(b), "%s_p", name);
	if (rand() % 3 == 0) /* nothing to fuse with */
		y = pool(g, MEA_OP_AveragePool, b, x, 3, 1, 1, false, rand() % 2);
	return rand() % 2 ? binary(g, MEA_OP_Add, name, y, z) : binary(g, MEA_OP_Add, name, z, y);
}

/* Of 2 x 3 taps, dilated by 1 to 3 each way. */
static int dilated(struct mea_graph *g, const char *name, int x)
{
	struct mea_attrs a = mea_attrs_default(MEA_OP_Conv);
	int c = (int)g->values[x].shape.dim[1], in[2] = {x};
	char text[40];

	for (int i = 0; i < 2; i++) {
		a.dilation[i] = 1 + rand() % 3;
		a.pad[i] = a.pad[i + 2] = a.dilation[i];
	}
	a.group = rand() % 2 ? c : 1;
	snprintf(text, sizeof(text), "%s_w", name);
	in[1] = constant(g, text, shape_of(4, c, c / (int)a.group, 2, 3), -0.3f, 0.3f);
	return node(g, MEA_OP_Conv, name, in, 2, &a);
}

static int part(struct mea_graph *g, const char *name, const char *what, int x, int i)
{
	struct mea_attrs a = mea_attrs_default(MEA_OP_Split);
	char text[40];

	snprintf(text, sizeof(text), "%s_%s", name, what);
	a.axis = 1;
	a.start = i;
	a.end = 2;
	return node(g, MEA_OP_Split, text, &x, 1, &a);
}

static int reshaped(struct mea_graph *g, const char *name, const char *what, int x, int rank,
		    const int64_t *dim)
{
	struct mea_shape s = shape_of(1, rank);
	char text[40];

	snprintf(text, sizeof(text), "%s_%s_to", name, what);
	rank = mea_graph_add_const(g, text, MEA_I64, &s, dim);
	snprintf(text, sizeof(text), "%s_%s", name, what);
	return binary(g, MEA_OP_Reshape, text, x, rank);
}

/* Channels of two groups, interleaved. */
static int shuffle(struct mea_graph *g, const char *name, int x)
{
	const struct mea_shape s = g->values[x].shape;
	struct mea_attrs a = mea_attrs_default(MEA_OP_Transpose);
	char text[40];

	x = reshaped(g, name, "a", x, 5, (const int64_t[]){1, 2, s.dim[1] / 2, s.dim[2], s.dim[3]});
	a.n_axes = 5;
	for (int i = 0; i < 5; i++)
		a.axes[i] = (int[]){0, 2, 1, 3, 4}[i];
	snprintf(text, sizeof(text), "%s_t", name);
	x = node(g, MEA_OP_Transpose, text, &x, 1, &a);
	return reshaped(g, name, "b", x, 4, s.dim);
}

/* The unit of ShuffleNetV2, or parts alone in another order. */
static int split_and_shuffle(struct mea_graph *g, const char *name, int x)
{
	int a = part(g, name, "p0", x, 0), b = part(g, name, "p1", x, 1), y;
	int c = (int)g->values[a].shape.dim[1], k = 1 + 2 * (rand() % 2);
	char text[40];

	if (rand() % 3 == 0)
		return concat(g, name, b, a, -1);
	snprintf(text, sizeof(text), "%s_c", name);
	b = conv(g, text, b, c, k, 1, k / 2, 1, true);
	snprintf(text, sizeof(text), "%s_r", name);
	b = unary(g, MEA_OP_Relu, text, b);
	snprintf(text, sizeof(text), "%s_j", name);
	y = concat(g, text, rand() % 2 ? a : b, b, -1);
	return shuffle(g, name, y);
}

static const enum mea_op activations[] = {MEA_OP_Sigmoid, MEA_OP_HardSigmoid, MEA_OP_HardSwish,
					  MEA_OP_Tanh,	  MEA_OP_LeakyRelu,   MEA_OP_Elu,
					  MEA_OP_Gelu,	  MEA_OP_Mish};

static int step(struct mea_graph *g, int i, int x)
{
	int c = (int)g->values[x].shape.dim[1], h = (int)g->values[x].shape.dim[2];
	int w = (int)g->values[x].shape.dim[3];
	char name[32];

	h = w < h ? w : h;
	snprintf(name, sizeof(name), "s%d", i);
	switch (rand() % 14) {
	case 0:
	case 1:
		return conv(g, name, x, 1 + rand() % 12, 1 + 2 * (rand() % 2), 1 + rand() % 2, 1, 1,
			    rand() % 2);
	case 11:
		return dilated(g, name, x);
	case 12: {
		char slope[40];

		snprintf(slope, sizeof(slope), "%s_k", name);
		return binary(g, MEA_OP_PRelu, name, x,
			      constant(g, slope, rand() % 2 ? shape_of(3, c, 1, 1) : shape_of(0),
				       -0.5f, 1.5f));
	}
	case 2:
		return conv(g, name, x, c * (1 + rand() % 2), 3, 1, h > 2 ? rand() % 3 : 1, c,
			    true);
	case 3:
		return unary(g, MEA_OP_Relu, name, x);
	case 4:
		return clip(g, name, x);
	case 5:
		return residual(g, name, x);
	case 6:
		return h > 3 ? pool(g, MEA_OP_MaxPool, name, x, 2 + rand() % 2, 1 + rand() % 2,
				    rand() % 2, rand() % 2, false)
			     : x;
	case 7:
		return h > 3 ? pool(g, MEA_OP_AveragePool, name, x, 2 + rand() % 2, 1 + rand() % 2,
				    rand() % 2, false, rand() % 2)
			     : x;
	case 8: {
		char gate[40];

		if (rand() % 2)
			return unary(g, activations[rand() % 8], name, x);
		snprintf(gate, sizeof(gate), "%s_g", name);
		return binary(g, MEA_OP_Mul, name, x, unary(g, activations[rand() % 2], gate, x));
	}
	case 10:
		return c > 1 ? split_and_shuffle(g, name, x) : x;
	case 9: {
		char other[40];
		bool pixel = rand() % 2;
		int y;

		/* A squeeze-and-excitation gate, or a map of the same shape. */
		snprintf(other, sizeof(other), "%s_p", name);
		y = pixel ? unary(g, MEA_OP_GlobalAveragePool, other, x) : x;
		snprintf(other, sizeof(other), "%s_f", name);
		y = conv(g, other, y, c, 1, 1, 0, 1, true);
		snprintf(other, sizeof(other), "%s_s", name);
		y = unary(g, MEA_OP_Sigmoid, other, y);
		return rand() % 2 ? binary(g, MEA_OP_Mul, name, y, x)
				  : binary(g, MEA_OP_Mul, name, x, y);
	}
	default: {
		char other[40];

		snprintf(other, sizeof(other), "%s_o", name);
		return concat(g, name, x, conv(g, other, x, 3, 3, 1, 1, 1, true),
			      rand() % 2 ? x : -1);
	}
	}
}

static struct mea_graph *random_net(int seed)
{
	struct mea_graph *g = new_graph();
	int y, steps;

	srand((unsigned)seed);
	y = input(g, "image", shape_of(4, 1, 1 + rand() % 5, 6 + rand() % 6, 6 + rand() % 6));
	y = conv(g, "stem", y, 4 + rand() % 8, 3, 1, 1, 1, true);
	steps = 2 + rand() % 7;
	for (int i = 0; i < steps; i++)
		y = step(g, i, y);
	mea_graph_add_output(g, y);
	if (rand() % 2)
		y = unary(g, rand() % 2 ? MEA_OP_GlobalAveragePool : MEA_OP_GlobalMaxPool, "pool",
			  y);
	y = unary(g, MEA_OP_Flatten, "flat", y);
	finish(g, gemm(g, "logits", y, 10, rand() % 2));
	return g;
}

struct examples {
	const struct mea_graph *g;
	int left;
};

static void random_image(const struct mea_graph *g, float *x)
{
	for (size_t i = 0; i < mea_shape_count(&g->values[g->inputs[0]].shape); i++)
		x[i] = frand(-1, 2);
}

static int next(void *ctx, float *const *in)
{
	struct examples *e = ctx;

	if (!e->left--)
		return 0;
	random_image(e->g, in[0]);
	return 1;
}

static struct mea_graph *quantised(const struct mea_graph *g, enum mea_calib_method method)
{
	struct mea_quantize_options opt = {.method = method};
	struct examples e = {g, 16};
	struct mea_graph *q, *read;
	void *data;
	size_t size;

	cr_assert_eq(mea_quantize(g, next, &e, &opt, &q), 0, "%s", mea_errmsg());
	cr_assert_eq(mea_graph_pack(q, &data, &size), 0, "%s", mea_errmsg());
	cr_assert_eq(mea_graph_parse(data, size, "q.onnx", NULL, &read), 0, "%s", mea_errmsg());
	free(data);
	mea_graph_free(q);
	return read;
}

/* The int8 value of the graph that tensor name stands for. */
static int integer_value(const struct mea_graph *q, const char *name)
{
	int v = mea_graph_find(q, name), p;

	cr_assert(v >= 0, "no value %s", name);
	p = q->values[v].producer;
	if (p >= 0 && q->nodes[p].op == MEA_OP_DequantizeLinear)
		return q->nodes[p].in[0];
	for (int i = 0; i < q->n_nodes; i++)
		if (q->nodes[i].op == MEA_OP_QuantizeLinear && q->nodes[i].in[0] == v)
			return q->nodes[i].out;
	cr_assert(false, "%s is not quantised", name);
	return -1;
}

/* Tensor t of the net, in its own order, from the run of the QDQ graph. */
static int8_t *expected(const struct mea_graph *q, const struct mea_eval *e,
			const struct mea_qtensor *t)
{
	struct mea_tensor v = mea_eval_value(e, integer_value(q, t->name));
	int8_t *d = malloc((size_t)t->c * t->h * t->w);

	cr_assert_eq(v.type, MEA_I8);
	for (int c = 0; c < t->c; c++)
		for (int i = 0; i < t->h * t->w; i++)
			d[i * t->c + c] = ((int8_t *)v.data)[c * t->h * t->w + i];
	return d;
}

static int layers, residuals, elements, differing;

/* One layer on the graph's own inputs. A residual layer rounds twice, and one unit
 * of its middle value weighs add_ma in the result. */
static void check_layer(const struct mea_qnet *net, const struct mea_qlayer *l, int8_t **at)
{
	const struct mea_qtensor *t = &net->tensors[l->out];
	int n = t->c * t->h * t->w, allowed = 1;
	int8_t *y = malloc((size_t)n);

	if (l->in2 >= 0 && l->op == MEA_Q_CONV) {
		allowed += (int)ceil(ldexp(l->add_ma, -l->add_shift));
		residuals++;
	}
	cr_assert_eq(mea_ref_layer(net, l, at[l->in], l->in2 < 0 ? NULL : at[l->in2], y), 0);
	for (int i = 0; i < n; i++) {
		int d = abs(y[i] - at[l->out][i]);

		cr_assert(d <= allowed, "layer %s, element %d: %d, not %d", l->name, i, y[i],
			  at[l->out][i]);
		differing += d > 0;
	}
	elements += n;
	layers++;
	free(y);
}

static void check_net(const struct mea_graph *q, const struct mea_qnet *net, const float *x)
{
	int8_t **at = calloc((size_t)net->n_tensors, sizeof(*at));
	const void *in[1] = {x};
	struct mea_eval *e;

	cr_assert_eq(mea_eval_new(q, &e), 0);
	cr_assert_eq(mea_eval_run(e, in), 0, "%s", mea_errmsg());
	for (int i = 0; i < net->n_tensors; i++) {
		/* Steps on the way to a Concat have no value of their own. */
		if (strstr(net->tensors[i].name, ", "))
			continue;
		at[i] = expected(q, e, &net->tensors[i]);
	}
	for (int i = 0; i < net->n_layers; i++) {
		const struct mea_qlayer *l = &net->layers[i];

		if (!at[l->out]) {
			const struct mea_qtensor *t = &net->tensors[l->out];

			at[l->out] = malloc((size_t)t->c * t->h * t->w);
			cr_assert_eq(mea_ref_layer(net, l, at[l->in],
						   l->in2 < 0 ? NULL : at[l->in2], at[l->out]),
				     0);
		}
		check_layer(net, l, at);
	}
	for (int i = 0; i < net->n_tensors; i++)
		free(at[i]);
	free(at);
	mea_eval_free(e);
}

/* Relative error of the QDQ graph's last output. */
static double relative_error(const struct mea_graph *g, const struct mea_graph *q, const float *x)
{
	const void *in[1] = {x};
	struct mea_tensor a, b;
	struct mea_eval *ea, *eb;
	double d = 0, s = 0;

	cr_assert_eq(mea_eval_new(g, &ea), 0);
	cr_assert_eq(mea_eval_new(q, &eb), 0);
	cr_assert_eq(mea_eval_run(ea, in), 0);
	cr_assert_eq(mea_eval_run(eb, in), 0);
	a = mea_eval_value(ea, g->outputs[g->n_outputs - 1]);
	b = mea_eval_value(eb, q->outputs[q->n_outputs - 1]);
	for (size_t i = 0; i < mea_shape_count(&a.shape); i++) {
		double u = ((float *)a.data)[i], v = ((float *)b.data)[i];

		d += (u - v) * (u - v);
		s += u * u;
	}
	mea_eval_free(ea);
	mea_eval_free(eb);
	return sqrt(d / s);
}

Test(quant_nets, layers_agree_with_the_qdq_graph)
{
	double worst = 0, sum = 0;
	int nets = 150;

	for (int seed = 0; seed < nets; seed++) {
		struct mea_graph *g = random_net(seed);
		struct mea_graph *q = quantised(g, (enum mea_calib_method)(seed % 3));
		float *x = malloc(sizeof(*x) * mea_shape_count(&g->values[g->inputs[0]].shape));
		struct mea_qnet *net;
		double e;

		cr_assert_eq(mea_qnet_from_graph(q, &net), 0, "seed %d: %s", seed, mea_errmsg());
		random_image(g, x);
		check_net(q, net, x);
		e = relative_error(g, q, x);
		worst = e > worst ? e : worst;
		sum += e;
		free(x);
		mea_qnet_free(net);
		mea_graph_free(q);
		mea_graph_free(g);
	}
	cr_assert(residuals > 20, "%d residual layers", residuals);
	cr_assert(differing < elements / 10000, "%d of %d elements differ", differing, elements);
	cr_assert(worst < 0.05 && sum / nets < 0.01, "error %g at worst, %g in the mean", worst,
		  sum / nets);
	printf("%d layers (%d residual), %d elements, %d by one unit; error of the output %.4f, "
	       "at worst %.4f\n",
	       layers, residuals, elements, differing, sum / nets, worst);
}

/* The range that far more than -20 .. 20 gets before op, with which it is multiplied if gated;
 * infinite: all of it. */
static void check_ends(enum mea_op op, bool gated, bool output, float lo, float hi)
{
	struct mea_attrs a = mea_attrs_default(op);
	struct mea_quantize_options opt = {.method = MEA_CALIB_MINMAX};
	struct mea_graph *g = new_graph(), *q;
	struct mea_qparams got;
	struct examples e = {g, 4};
	const float ends[] = {20, -20, 0};
	float from, to;
	int x = input(g, "image", shape_of(4, 1, 3, 8, 8)), y, w;

	w = mea_graph_add_const(g, "w", MEA_F32, &(struct mea_shape){4, {1, 3, 1, 1}}, ends);
	x = node(g, MEA_OP_Conv, "c", (int[]){x, w}, 2, NULL);
	y = node(g, op, "f", &x, 1, &a);
	if (gated)
		y = binary(g, MEA_OP_Mul, "g", x, y);
	if (output)
		mea_graph_add_output(g, x);
	finish(g, y);
	cr_assert_eq(mea_quantize(g, next, &e, &opt, &q), 0, "%s", mea_errmsg());
	cr_assert_eq(mea_graph_qparams(q, "c", &got), 0, "%s", mea_errmsg());
	from = got.scale * (float)(-128 - got.zero_point);
	to = got.scale * (float)(127 - got.zero_point);
	cr_expect(lo == -INFINITY ? from < -20 : fabsf(from / lo - 1) < 0.1f, "%s: from %g",
		  mea_op_name(op), (double)from);
	cr_expect(hi == INFINITY ? to > 20 : fabsf(to / hi - 1) < 0.1f, "%s: to %g",
		  mea_op_name(op), (double)to);
	mea_graph_free(q);
	mea_graph_free(g);
}

Test(quant_nets, a_range_ends_where_its_readers_get_flat)
{
	check_ends(MEA_OP_LeakyRelu, false, false, -INFINITY, INFINITY);
	check_ends(MEA_OP_HardSwish, false, false, -3, INFINITY);
	check_ends(MEA_OP_HardSigmoid, false, false, -2.5f, 2.5f);
	check_ends(MEA_OP_Sigmoid, false, false, -8, 8);
	check_ends(MEA_OP_Sigmoid, true, false, -8, INFINITY);
	/* x * tanh(x) is |x|, nearly. */
	check_ends(MEA_OP_Tanh, true, false, -INFINITY, INFINITY);
	/* Somebody outside may read it. */
	check_ends(MEA_OP_HardSwish, false, true, -INFINITY, INFINITY);
}

Test(quant_nets, given_parameters_are_taken)
{
	struct mea_qparams fixed[] = {{"image", 0.02f, 3}, {"sum", 0.05f, -7}}, got;
	struct mea_quantize_options opt = {.fixed = fixed, .n_fixed = 2};
	struct mea_graph *g = new_graph(), *q;
	struct examples e = {g, 4};
	int x, y;

	srand(1);
	x = input(g, "image", shape_of(4, 1, 3, 1, 1));
	y = conv(g, "c", x, 3, 3, 1, 1, 1, true);
	y = binary(g, MEA_OP_Add, "sum", y, x);
	finish(g, unary(g, MEA_OP_Flatten, "flat", y));
	cr_assert_eq(mea_quantize(g, next, &e, &opt, &q), 0, "%s", mea_errmsg());
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(mea_graph_qparams(q, fixed[i].name, &got), 0, "%s", mea_errmsg());
		cr_assert(got.scale == fixed[i].scale && got.zero_point == fixed[i].zero_point);
	}
	/* Flatten moves elements only, so it shares them. */
	cr_assert_eq(mea_graph_qparams(q, "flat", &got), 0, "%s", mea_errmsg());
	cr_assert(got.scale == 0.05f && got.zero_point == -7);
	cr_assert_eq(mea_graph_qparams(q, "nobody", &got), MEA_ENOENT);
	mea_graph_free(q);
	fixed[1].name = "nobody";
	e.left = 4;
	cr_assert_eq(mea_quantize(g, next, &e, &opt, &q), MEA_EINVAL);
	cr_assert(strstr(mea_errmsg(), "nobody"), "%s", mea_errmsg());
	fixed[1] = (struct mea_qparams){"flat", 0, 0};
	cr_assert_eq(mea_quantize(g, next, &e, &opt, &q), MEA_EINVAL);
	cr_assert(strstr(mea_errmsg(), "flat"), "%s", mea_errmsg());
	mea_graph_free(g);
}

Test(quant_nets, what_cannot_be_quantised_is_named)
{
	struct mea_graph *g = new_graph(), *q;
	struct examples e = {g, 4};
	int y;

	srand(1);
	y = conv(g, "c", input(g, "image", shape_of(4, 1, 3, 6, 6)), 3, 3, 1, 1, 1, true);
	y = unary(g, MEA_OP_Flatten, "flat", y);
	finish(g, unary(g, MEA_OP_Softmax, "prob", y));
	cr_assert_eq(mea_quantize(g, next, &e, NULL, &q), MEA_EUNSUPPORTED);
	cr_assert(strstr(mea_errmsg(), "test.onnx: node prob (Softmax)"), "%s", mea_errmsg());
	mea_graph_free(g);
	g = new_graph();
	e.g = g;
	e.left = 0;
	finish(g, unary(g, MEA_OP_Relu, "r", input(g, "image", shape_of(4, 1, 3, 6, 6))));
	cr_assert_eq(mea_quantize(g, next, &e, NULL, &q), MEA_EINVAL);
	cr_assert(strstr(mea_errmsg(), "no calibration examples"), "%s", mea_errmsg());
	mea_graph_free(g);
}

static int never(void *ctx, float *const *in)
{
	(void)ctx;
	(void)in;
	cr_assert_fail("an example was asked for");
	return -1;
}

/* What `mea run` would refuse, `mea quantize` does, before it calibrates. */
static void has_no_form(int output, struct mea_graph *g, const char *a, const char *b)
{
	struct mea_graph *q;

	finish(g, output);
	cr_assert_eq(mea_quantize(g, never, NULL, NULL, &q), MEA_EUNSUPPORTED, "%s", b);
	cr_expect(strstr(mea_errmsg(), a) && strstr(mea_errmsg(), b), "%s", mea_errmsg());
	mea_graph_free(g);
}

Test(quant_nets, what_has_no_integer_form_is_refused_before_calibration)
{
	struct mea_attrs a = mea_attrs_default(MEA_OP_Conv);
	struct mea_graph *g = new_graph();
	int x = input(g, "image", shape_of(4, 1, 3, 8, 8)), in[2];

	srand(1);
	a.dilation[0] = a.dilation[1] = 32767;
	a.pad[0] = a.pad[1] = a.pad[2] = a.pad[3] = 32767;
	in[0] = x;
	in[1] = constant(g, "w", shape_of(4, 4, 3, 3, 3), -0.2f, 0.2f);
	has_no_form(node(g, MEA_OP_Conv, "c", in, 2, &a), g, "node c (Conv)",
		    "dilated, reaches over 65535 x 65535");

	g = new_graph();
	x = input(g, "image", shape_of(4, 1, 3, 8, 8));
	a = mea_attrs_default(MEA_OP_MaxPool);
	a.kernel[0] = a.kernel[1] = 2;
	a.dilation[0] = a.dilation[1] = 2;
	has_no_form(node(g, MEA_OP_MaxPool, "p", &x, 1, &a), g, "node p (MaxPool)", "dilations");

	g = new_graph();
	x = input(g, "image", shape_of(4, 1, 3, 8, 8));
	a = mea_attrs_default(MEA_OP_Clip);
	a.lo = 2;
	a.hi = 1;
	x = conv(g, "c", x, 4, 3, 1, 1, 1, true);
	has_no_form(node(g, MEA_OP_Clip, "k", &x, 1, &a), g, "node k (Clip)", "not in order");

	g = new_graph();
	x = input(g, "image", shape_of(4, 1, 3, 8, 8));
	a = mea_attrs_default(MEA_OP_Concat);
	a.axis = 2;
	in[0] = in[1] = conv(g, "c", x, 4, 3, 1, 1, 1, true);
	has_no_form(node(g, MEA_OP_Concat, "t", in, 2, &a), g, "node t (Concat)", "channels");

	g = new_graph();
	x = conv(g, "c", input(g, "image", shape_of(4, 1, 3, 8, 8)), 4, 3, 1, 1, 1, true);
	has_no_form(unary(g, MEA_OP_Flatten, "f", x), g, "output f", "flattened");

	g = new_graph();
	x = input(g, "image", shape_of(4, 1, 3, 8, 8));
	has_no_form(pool(g, MEA_OP_AveragePool, "v", x, 3, 2, 1, true, true), g,
		    "node v (AveragePool)", "ceil_mode");
}

Test(quant_nets, dead_channels_and_large_biases_keep_their_value)
{
	struct mea_graph *g = new_graph(), *q;
	struct examples e = {g, 4};
	struct mea_shape w_shape = shape_of(4, 3, 2, 1, 1), b_shape = shape_of(1, 3);
	const float w[] = {0, 0, 1e-20f, 0, 1, -1}, b[] = {5, -1e3f, 0.5f};
	struct mea_attrs a = mea_attrs_default(MEA_OP_Conv);
	struct mea_qnet *net;
	int in[3];

	srand(1);
	in[0] = input(g, "image", shape_of(4, 1, 2, 4, 4));
	in[1] = mea_graph_add_const(g, "w", MEA_F32, &w_shape, w);
	in[2] = mea_graph_add_const(g, "b", MEA_F32, &b_shape, b);
	finish(g, node(g, MEA_OP_Conv, "y", in, 3, &a));
	cr_assert_eq(mea_quantize(g, next, &e, NULL, &q), 0, "%s", mea_errmsg());
	cr_assert_eq(mea_qnet_from_graph(q, &net), 0, "%s", mea_errmsg());
	for (int c = 0; c < 2; c++) {
		const struct mea_qlayer *l = net->layers;
		const struct mea_qtensor *t = &net->tensors[l->out];
		int8_t x[32], y[48];

		memset(x, net->tensors[l->in].zero_point, sizeof(x));
		cr_assert_eq(mea_ref_layer(net, l, x, NULL, y), 0);
		cr_assert_float_eq(t->scale * (y[c] - t->zero_point), b[c], t->scale);
	}
	mea_qnet_free(net);
	mea_graph_free(q);
	mea_graph_free(g);
}

/* --- a QuantizeLinear of its own for each user ------------------------------- */

/* Gives input j of node user a copy of pair q, dq, with its scale times factor. */
static void dedicate(struct mea_graph *g, int user, int j, int q, int dq, float factor)
{
	struct mea_shape scalar = {0};
	struct mea_attrs qa = g->nodes[q].a, dqa = g->nodes[dq].a;
	float scale = factor * *(const float *)mea_node_in(g, &g->nodes[q], 1)->data;
	int in[3] = {g->nodes[q].in[0], -1, g->nodes[q].in[2]};
	char name[64];

	in[1] = mea_graph_add_const(g, "scale", MEA_F32, &scalar, &scale);
	snprintf(name, sizeof(name), "own_q_%d_%d", user, j);
	in[0] = node(g, MEA_OP_QuantizeLinear, name, in, 3, &qa);
	snprintf(name, sizeof(name), "own_dq_%d_%d", user, j);
	g->nodes[user].in[j] = node(g, MEA_OP_DequantizeLinear, name, in, 3, &dqa);
}

/* Each further user of a dequantised activation gets a pair of its own, as ONNX Runtime's
 * DedicatedQDQPair makes them. Returns how many. */
static int dedicate_all(struct mea_graph *g, float factor)
{
	int made = 0, n = g->n_nodes;

	for (int d = 0; d < n; d++) {
		int q = g->values[g->nodes[d].in[0]].producer, users = 0;

		if (g->nodes[d].op != MEA_OP_DequantizeLinear || q < 0)
			continue;
		for (int u = 0; u < n; u++) {
			for (int j = 0; j < g->nodes[u].n_in; j++) {
				if (g->nodes[u].in[j] != g->nodes[d].out || users++ == 0)
					continue;
				dedicate(g, u, j, q, d, factor);
				made++;
			}
		}
	}
	cr_assert_eq(mea_graph_sort(g), 0, "%s", mea_errmsg());
	return made;
}

/* The last output's bytes, by the reference. */
static int8_t *by_ref(const struct mea_qnet *net, const int8_t *x, size_t *size)
{
	const struct mea_qtensor *t = net->tensors;
	int last = net->outputs[net->n_outputs - 1];
	int8_t **at = calloc((size_t)net->n_tensors, sizeof(*at)), *y;

	for (int i = 0; i < net->n_tensors; i++)
		at[i] = malloc((size_t)t[i].c * t[i].h * t[i].w);
	*size = (size_t)t[last].c * t[last].h * t[last].w;
	memcpy(at[net->inputs[0]], x,
	       (size_t)t[net->inputs[0]].c * t[net->inputs[0]].h * t[net->inputs[0]].w);
	for (int i = 0; i < net->n_layers; i++) {
		const struct mea_qlayer *l = &net->layers[i];

		cr_assert_eq(mea_ref_layer(net, l, at[l->in], l->in2 < 0 ? NULL : at[l->in2],
					   at[l->out]),
			     0);
	}
	y = at[last];
	at[last] = NULL;
	for (int i = 0; i < net->n_tensors; i++)
		free(at[i]);
	free(at);
	return y;
}

static void same_answer(const struct mea_graph *shared, const struct mea_graph *own, int seed)
{
	struct mea_qnet *a, *b;
	size_t na, nb;
	int8_t x[5 * 12 * 12], *ya, *yb;

	cr_assert_eq(mea_qnet_from_graph(shared, &a), 0, "seed %d: %s", seed, mea_errmsg());
	cr_assert_eq(mea_qnet_from_graph(own, &b), 0, "seed %d: %s", seed, mea_errmsg());
	cr_assert_eq(b->n_layers, a->n_layers, "seed %d: %d layers, not %d", seed, b->n_layers,
		     a->n_layers);
	for (size_t i = 0; i < sizeof(x); i++)
		x[i] = (int8_t)(rand() % 256 - 128);
	ya = by_ref(a, x, &na);
	yb = by_ref(b, x, &nb);
	cr_assert(na == nb && !memcmp(ya, yb, na), "seed %d: another answer", seed);
	free(ya);
	free(yb);
	mea_qnet_free(a);
	mea_qnet_free(b);
}

Test(quant_nets, a_quantiser_for_each_user_changes_nothing)
{
	int made = 0;

	for (int seed = 0; seed < 100; seed++) {
		struct mea_graph *g = random_net(seed), *q = quantised(g, (enum mea_calib_method)0),
				 *own;

		cr_assert_eq(mea_graph_clone(q, &own), 0);
		made += dedicate_all(own, 1);
		same_answer(q, own, seed);
		mea_graph_free(own);
		mea_graph_free(q);
		mea_graph_free(g);
	}
	cr_assert(made > 100, "%d pairs were copied", made);
}

/* With another scale each pair is a tensor of its own; the QDQ graph says its values. */
Test(quant_nets, two_scales_of_one_result_are_two_tensors)
{
	int made = 0;

	for (int seed = 0; seed < 100; seed++) {
		struct mea_graph *g = random_net(seed), *q = quantised(g, (enum mea_calib_method)0);
		float *x = malloc(sizeof(*x) * mea_shape_count(&g->values[g->inputs[0]].shape));
		const void *in[1] = {x};
		struct mea_qnet *net;
		struct mea_eval *e;
		int8_t *qx, *y, *want;
		size_t n;

		/* The image is quantised once. */
		made += dedicate_all(q, 1.25f);
		if (mea_qnet_from_graph(q, &net)) {
			/* Two scales of x in x * f(x) are two values. */
			cr_assert(strstr(mea_errmsg(), "in two different ways") ||
					  strstr(mea_errmsg(), "no function of one quantised"),
				  "seed %d: %s", seed, mea_errmsg());
			goto next;
		}
		random_image(g, x);
		cr_assert_eq(mea_eval_new(q, &e), 0);
		cr_assert_eq(mea_eval_run(e, in), 0);
		qx = expected(q, e, &net->tensors[net->inputs[0]]);
		want = expected(q, e, &net->tensors[net->outputs[net->n_outputs - 1]]);
		y = by_ref(net, qx, &n);
		for (size_t i = 0; i < n; i++)
			cr_assert(abs(y[i] - want[i]) <= 3, "seed %d: logit %zu is %d, not %d",
				  seed, i, y[i], want[i]);
		mea_eval_free(e);
		mea_qnet_free(net);
		free(qx);
		free(want);
		free(y);
	next:
		free(x);
		mea_graph_free(q);
		mea_graph_free(g);
	}
	cr_assert(made > 100, "%d pairs were copied", made);
}
