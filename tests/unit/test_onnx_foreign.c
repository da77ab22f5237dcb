// SPDX-License-Identifier: Apache-2.0
/* Models as other programs write them: what they say is read as they mean it, or refused. */
#include <criterion/criterion.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "graph/eval.h"
#include "graph_build.h"
#include "wire_build.h"

/* --- tensors in files of their own ------------------------------------------ */

static char folder[] = "/tmp/mea-test-XXXXXX";
static char model[64];

static void in_folder(const char *name, const void *data, size_t size)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "wb");
	cr_assert(f && fwrite(data, 1, size, f) == size && !fclose(f));
}

/* A model y = x + w in the folder, whose w of n floats is external: keys and values in pairs. */
static void external_model(int n, const char *const *pairs)
{
	struct mea_wire w = begin(13);

	info(&w, "input", "x", DIMS(3));
	info(&w, "output", "y", DIMS(3));
	mea_wire_open(&w, "initializer");
	mea_wire_int(&w, "dims", n);
	mea_wire_int(&w, "data_type", FLOAT);
	mea_wire_string(&w, "name", "w");
	for (; *pairs; pairs += 2) {
		mea_wire_open(&w, "external_data");
		mea_wire_string(&w, "key", pairs[0]);
		mea_wire_string(&w, "value", pairs[1]);
		mea_wire_close(&w);
	}
	mea_wire_int(&w, "data_location", 1);
	mea_wire_close(&w);
	simple_node(&w, "Add", "sum", "x w", "y");
	mea_wire_close(&w);
	in_folder("m.onnx", w.data, w.size);
	free(w.data);
}

#define PAIRS(...)                                                                                 \
	(const char *const[])                                                                      \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}

static void make_folder(void)
{
	const float data[] = {9, 1, 2, 3};

	strcpy(folder + strlen(folder) - 6, "XXXXXX");
	cr_assert(mkdtemp(folder));
	snprintf(model, sizeof(model), "%s/m.onnx", folder);
	in_folder("m.data", data, sizeof(data));
}

static void drop_folder(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	cr_assert_eq(system(command), 0);
}

TestSuite(onnx_external, .init = make_folder, .fini = drop_folder);

Test(onnx_external, elements_come_from_the_file)
{
	struct mea_graph *g;

	external_model(3, PAIRS("location", "m.data", "offset", "4", "length", "12"));
	cr_assert_eq(mea_graph_load(model, NULL, &g), 0, "%s", mea_errmsg());
	cr_assert_arr_eq(g->values[mea_graph_find(g, "w")].data, ((float[]){1, 2, 3}), 12);
	cr_assert(g->external);
	mea_graph_free(g);
	/* Offset and length may be left out. */
	external_model(3, PAIRS("location", "./m.data"));
	cr_assert_eq(mea_graph_load(model, NULL, &g), 0, "%s", mea_errmsg());
	cr_assert_arr_eq(g->values[mea_graph_find(g, "w")].data, ((float[]){9, 1, 2}), 12);
	mea_graph_free(g);
}

static void refused(int code, const char *what, const char *const *pairs)
{
	struct mea_graph *g;

	external_model(3, pairs);
	cr_assert_eq(mea_graph_load(model, NULL, &g), code, "%s: %s", what, mea_errmsg());
	cr_assert(strstr(mea_errmsg(), "m.onnx: tensor w: external_data: "), "%s", mea_errmsg());
	cr_assert(strstr(mea_errmsg(), what), "no \"%s\" in: %s", what, mea_errmsg());
}

Test(onnx_external, broken_places_are_refused)
{
	char outside[64];

	refused(MEA_ENOENT, "none.data", PAIRS("location", "none.data"));
	refused(MEA_EINVAL, "location", PAIRS("offset", "0"));
	refused(MEA_EINVAL, "location", PAIRS("location", ""));
	refused(MEA_EINVAL, "location", PAIRS("location", "/etc/passwd"));
	refused(MEA_EINVAL, "location", PAIRS("location", "../m.data"));
	refused(MEA_EINVAL, "location", PAIRS("location", "a/../m.data"));
	refused(MEA_EINVAL, "location", PAIRS("location", "m.data\033[2J"));
	refused(MEA_EINVAL, "out of the model's folder", PAIRS("location", "."));
	refused(MEA_EINVAL, "16 bytes", PAIRS("location", "m.data", "offset", "5"));
	refused(MEA_EINVAL, "16 bytes", PAIRS("location", "m.data", "offset", "17"));
	refused(MEA_EINVAL, "length is 8", PAIRS("location", "m.data", "length", "8"));
	refused(MEA_EINVAL, "offset \"-4\"", PAIRS("location", "m.data", "offset", "-4"));
	refused(MEA_EINVAL, "offset",
		PAIRS("location", "m.data", "offset", "18446744073709551615"));
	snprintf(outside, sizeof(outside), "%s/link", folder);
	cr_assert_eq(symlink("/etc/passwd", outside), 0);
	refused(MEA_EINVAL, "out of the model's folder", PAIRS("location", "link"));
	snprintf(outside, sizeof(outside), "%s/pipe", folder);
	cr_assert_eq(mkfifo(outside, 0600), 0);
	refused(MEA_EIO, "regular", PAIRS("location", "pipe"));
}

Test(onnx_external, memory_is_limited)
{
	struct mea_load_options small = {.max_tensor_bytes = 1 << 20};
	struct mea_graph *g;
	char path[64];

	snprintf(path, sizeof(path), "%s/m.data", folder);
	cr_assert_eq(truncate(path, 4 << 20), 0);
	external_model(1 << 20, PAIRS("location", "m.data"));
	cr_assert_eq(mea_graph_load(model, &small, &g), MEA_EINVAL);
	cr_assert(strstr(mea_errmsg(), "tensor w: all constants"), "%s", mea_errmsg());
}

Test(onnx_external, one_file_is_one_file)
{
	struct mea_load_options whole = {.one_file = true};
	struct mea_graph *g;

	external_model(3, PAIRS("location", "m.data"));
	cr_assert_eq(mea_graph_load(model, &whole, &g), MEA_EUNSUPPORTED);
	cr_assert(strstr(mea_errmsg(), "tensor w: external_data: "), "%s", mea_errmsg());
}

/* --- float16 ------------------------------------------------------------------ */

static void half_model(struct mea_wire *w, bool raw)
{
	/* 1, -2, the least number, the largest. */
	const uint16_t bits[] = {0x3c00, 0xc000, 0x0001, 0x7bff};

	*w = begin(13);
	info(w, "output", "w", DIMS(4));
	mea_wire_open(w, "initializer");
	mea_wire_int(w, "dims", 4);
	mea_wire_int(w, "data_type", HALF);
	mea_wire_string(w, "name", "w");
	if (raw)
		mea_wire_bytes(w, "raw_data", bits, sizeof(bits));
	for (int i = 0; !raw && i < 4; i++)
		mea_wire_int(w, "int32_data", bits[i]);
	mea_wire_close(w);
	mea_wire_close(w);
}

Test(onnx_foreign, float16_becomes_float32)
{
	for (int raw = 0; raw < 2; raw++) {
		struct mea_graph *g;
		struct mea_wire w;

		half_model(&w, raw);
		cr_assert_eq(mea_graph_parse(w.data, w.size, "h.onnx", NULL, &g), 0, "%s",
			     mea_errmsg());
		cr_assert_eq(g->values[0].type, MEA_F32);
		cr_assert_arr_eq(g->values[0].data, ((float[]){1, -2, 0x1p-24f, 65504}), 16);
		mea_graph_free(g);
		free(w.data);
	}
}

/* --- shapes as exporters compute them ------------------------------------------ */

/* A constant list of n int64. */
static int list(struct mea_graph *g, const char *name, int n, const int64_t *v)
{
	struct mea_shape s = {1, {n}};
	int value = mea_graph_add_const(g, name, MEA_I64, &s, v);

	cr_assert(value >= 0, "%s", mea_errmsg());
	return value;
}

#define LIST(g, name, ...) list(g, name, DIMS(__VA_ARGS__))

/* The elements of the constant that value became. */
static const int64_t *folded(struct mea_graph *g, int value, int64_t count)
{
	finish(g, value);
	value = g->outputs[0];
	cr_assert(g->values[value].data);
	cr_assert_eq(mea_shape_count(&g->values[value].shape), (size_t)count);
	return g->values[value].data;
}

Test(onnx_foreign, slices_of_constants)
{
	const struct {
		int64_t from, to, axis, step;
		int n;
		int64_t want[6];
	} cases[] = {
		{1, 2, 0, 1, 3, {3, 4, 5}},
		{-1, INT64_MAX, 1, 1, 2, {2, 5}},
		{0, -1, -1, 1, 4, {0, 1, 3, 4}},
		{0, 3, 1, 2, 4, {0, 2, 3, 5}},
		{-1, INT64_MIN, 1, -1, 6, {2, 1, 0, 5, 4, 3}},
		{2, 0, 1, -2, 2, {2, 5}},
		{-9, INT64_MIN, 1, -1, 2, {0, 3}},
		{INT64_MIN, INT64_MAX, 0, 1, 6, {0, 1, 2, 3, 4, 5}},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mea_graph *g = new_graph();
		struct mea_shape s = {2, {2, 3}};
		int x = mea_graph_add_const(g, "x", MEA_I64, &s, (int64_t[]){0, 1, 2, 3, 4, 5});
		int in[] = {x, LIST(g, "s", cases[i].from), LIST(g, "e", cases[i].to),
			    LIST(g, "a", cases[i].axis), LIST(g, "t", cases[i].step)};
		const int64_t *got;

		got = folded(g, node(g, MEA_OP_Slice, "y", in, 5, NULL), cases[i].n);
		for (int k = 0; k < cases[i].n; k++)
			cr_assert_eq(got[k], cases[i].want[k], "case %zu, element %d", i, k);
		mea_graph_free(g);
	}
}

Test(onnx_foreign, ranges_and_filled_tensors)
{
	struct mea_graph *g = new_graph();
	struct mea_shape one = {0};
	struct mea_attrs a = mea_attrs_default(MEA_OP_ConstantOfShape);
	int64_t v[3] = {7, -2, -3};
	int in[3], r, f;

	for (int i = 0; i < 3; i++)
		in[i] = mea_graph_add_const(g, "v", MEA_I64, &one, &v[i]);
	r = node(g, MEA_OP_Range, "r", in, 3, NULL);
	a.to = MEA_I64;
	a.start = -5;
	in[0] = LIST(g, "n", 2);
	f = node(g, MEA_OP_ConstantOfShape, "f", in, 1, &a);
	a = mea_attrs_default(MEA_OP_Concat);
	cr_assert_arr_eq(folded(g, node(g, MEA_OP_Concat, "y", (int[]){r, f}, 2, &a), 5),
			 ((int64_t[]){7, 4, 1, -5, -5}), 40);
	mea_graph_free(g);
}

/* x 1xCxHxW -> Reshape to C -> all of it by number -> Reshape to 1xC: nothing but Flatten. */
Test(onnx_foreign, gathering_all_and_reshaping_back_is_flatten)
{
	struct mea_graph *g = new_graph();
	int x = input(g, "x", shape_of(4, 1, 3, 1, 1)), y;

	y = binary(g, MEA_OP_Reshape, "r1", x, LIST(g, "to1", 3));
	y = binary(g, MEA_OP_Gather, "all", y, LIST(g, "index", 0, 1, 2));
	y = binary(g, MEA_OP_Reshape, "r2", y, LIST(g, "to2", 1, -1));
	finish(g, unary(g, MEA_OP_Relu, "y", y));
	cr_assert_eq(mea_graph_simplify(g), 0, "%s", mea_errmsg());
	cr_assert_eq(g->n_nodes, 2);
	cr_assert_eq(g->nodes[0].op, MEA_OP_Flatten);
	mea_graph_free(g);
}

Test(onnx_foreign, gathering_in_another_order_stays)
{
	struct mea_graph *g = new_graph();
	int x = unary(g, MEA_OP_Relu, "r", input(g, "x", shape_of(2, 1, 3)));
	struct mea_attrs a = mea_attrs_default(MEA_OP_Gather);

	a.axis = 1;
	finish(g, node(g, MEA_OP_Gather, "y", (int[]){x, LIST(g, "index", 0, 2, 1)}, 2, &a));
	cr_assert_eq(mea_graph_simplify(g), 0, "%s", mea_errmsg());
	cr_assert_eq(g->n_nodes, 2);
	mea_graph_free(g);
}

/* Pads that are only known when what they depend on is evaluated. */
Test(onnx_foreign, computed_pads)
{
	struct mea_wire w = begin(13);
	struct mea_graph *g;

	info(&w, "input", "x", DIMS(1, 2, 4, 4));
	info(&w, "output", "y", DIMS(1, 3, 4, 4));
	weights(&w, "w", FLOAT, 3 * 2 * 9 * 4, DIMS(3, 2, 3, 3));
	mea_wire_open(&w, "initializer");
	mea_wire_int(&w, "dims", 8);
	mea_wire_int(&w, "data_type", INT64);
	mea_wire_string(&w, "name", "half");
	for (int i = 0; i < 8; i++)
		mea_wire_int(&w, "int64_data", i % 4 < 2 ? 0 : 2);
	mea_wire_close(&w);
	mea_wire_open(&w, "initializer");
	mea_wire_int(&w, "data_type", INT64);
	mea_wire_string(&w, "name", "two");
	mea_wire_int(&w, "int64_data", 2);
	mea_wire_close(&w);
	simple_node(&w, "Pad", "pad", "x pads", "p");
	simple_node(&w, "Div", "div", "half two", "pads");
	simple_node(&w, "Conv", "conv", "p w", "y");
	mea_wire_close(&w);
	cr_assert_eq(mea_graph_parse(w.data, w.size, "p.onnx", NULL, &g), 0, "%s", mea_errmsg());
	cr_assert_eq(mea_graph_simplify(g), 0, "%s", mea_errmsg());
	cr_assert_eq(g->n_nodes, 1);
	cr_assert_eq(g->nodes[0].a.pad[3], 1);
	mea_graph_free(g);
	free(w.data);
}

/* --- the ends of a classifier --------------------------------------------------- */

/* Output 0 of g on x, as floats that the caller frees. */
static float *outputs_on(const struct mea_graph *g, const void *x)
{
	const struct mea_value *v = &g->values[g->outputs[0]];
	size_t bytes = mea_shape_count(&v->shape) * sizeof(float);
	float *y = malloc(bytes);
	struct mea_eval *e;

	cr_assert_eq(mea_eval_new(g, &e), 0);
	cr_assert_eq(mea_eval_run(e, &x), 0, "%s", mea_errmsg());
	memcpy(y, mea_eval_value(e, g->outputs[0]).data, bytes);
	mea_eval_free(e);
	return y;
}

static int transposed(struct mea_graph *g, const char *name, int x, const int64_t perm[4])
{
	struct mea_attrs a = mea_attrs_default(MEA_OP_Transpose);

	a.n_axes = 4;
	memcpy(a.axes, perm, 4 * sizeof(*perm));
	return node(g, MEA_OP_Transpose, name, &x, 1, &a);
}

static const int64_t to_nchw[] = {0, 3, 1, 2}, to_nhwc[] = {0, 2, 3, 1};

/* As Keras and tf2onnx write it: NHWC at both ends, a Rescaling of the image, MatMul and Add, an
 * activation last. */
static struct mea_graph *keras(enum mea_op last)
{
	struct mea_graph *g = new_graph();
	int x = input(g, "x", shape_of(4, 1, 4, 5, 3)), y;

	y = binary(g, MEA_OP_Mul, "scaled", x, constant(g, "scale", shape_of(1, 3), 0.5f, 2));
	y = binary(g, MEA_OP_Sub, "shifted", constant(g, "shift", shape_of(0), 1, 2), y);
	y = conv(g, "c", transposed(g, "nchw", y, to_nchw), 6, 3, 1, 1, 1, true);
	y = transposed(g, "nhwc", unary(g, MEA_OP_Relu, "r", y), to_nhwc);
	y = binary(g, MEA_OP_Reshape, "flat", y, LIST(g, "to", 1, -1));
	y = binary(g, MEA_OP_MatMul, "m", y, constant(g, "w", shape_of(2, 120, 4), -0.2f, 0.2f));
	y = binary(g, MEA_OP_Add, "logits", y, constant(g, "b", shape_of(1, 4), -1, 1));
	if (last != MEA_OP_COUNT)
		y = unary(g, last, "y", y);
	finish(g, y);
	return g;
}

Test(onnx_ends, keras_gives_the_same_logits_from_nchw)
{
	float nhwc[60], nchw[60];
	struct mea_graph *g, *taken;
	struct mea_ends ends;

	srand(21);
	g = keras(MEA_OP_COUNT);
	for (int i = 0; i < 60; i++)
		nchw[i % 3 * 20 + i / 3] = nhwc[i] = frand(-1, 1);
	cr_assert_eq(mea_graph_clone(g, &taken), 0);
	cr_assert_eq(mea_graph_take_ends(taken, &ends), 0, "%s", mea_errmsg());
	cr_assert(ends.changed && !ends.pixels);
	cr_assert_eq(taken->values[taken->inputs[0]].shape.dim[1], 3);
	for (int i = 0; i < taken->n_nodes; i++)
		cr_assert_neq(taken->nodes[i].op, MEA_OP_Transpose);
	float *a = outputs_on(g, nhwc), *b = outputs_on(taken, nchw);
	for (int i = 0; i < 4; i++)
		cr_assert_float_eq(a[i], b[i], 1e-5, "%d: %g, %g", i, a[i], b[i]);
	free(a);
	free(b);
	mea_graph_free(g);
	mea_graph_free(taken);
}

Test(onnx_ends, what_follows_the_logits_is_dropped)
{
	const enum mea_op ops[] = {MEA_OP_Softmax, MEA_OP_LogSoftmax, MEA_OP_Sigmoid};
	float x[60];

	for (int i = 0; i < 60; i++)
		x[i] = (float)(i * 7 % 11) / 5 - 1;
	for (size_t i = 0; i < 3; i++) {
		struct mea_graph *g, *plain;
		struct mea_ends ends;

		srand(22);
		g = keras(ops[i]);
		srand(22);
		plain = keras(MEA_OP_COUNT);
		cr_assert_eq(mea_graph_take_ends(g, &ends), 0, "%s", mea_errmsg());
		cr_assert_eq(ends.dropped, ops[i]);
		cr_assert_str_eq(g->values[g->outputs[0]].name, "y");
		cr_assert_eq(mea_graph_take_ends(plain, &ends), 0, "%s", mea_errmsg());
		cr_assert_eq(ends.dropped, MEA_OP_COUNT);
		float *a = outputs_on(g, x), *b = outputs_on(plain, x);
		cr_assert_arr_eq(a, b, 4 * sizeof(*a));
		free(a);
		free(b);
		mea_graph_free(g);
		mea_graph_free(plain);
	}
}

Test(onnx_ends, what_does_not_keep_the_order_stays)
{
	struct mea_attrs a = mea_attrs_default(MEA_OP_Softmax);
	struct mea_graph *g = new_graph();
	int x = unary(g, MEA_OP_Relu, "r", input(g, "x", shape_of(2, 1, 4)));
	struct mea_ends ends;

	a.axis = 0; /* each class by itself: all ones */
	finish(g, node(g, MEA_OP_Softmax, "y", &x, 1, &a));
	cr_assert_eq(mea_graph_take_ends(g, &ends), 0, "%s", mea_errmsg());
	cr_assert(!ends.changed);
	cr_assert_eq(g->n_nodes, 2);
	mea_graph_free(g);
}

Test(onnx_ends, pixels_and_maps_of_logits)
{
	struct mea_attrs a = mea_attrs_default(MEA_OP_Cast);
	struct mea_shape s = {4, {1, 2, 2, 3}};
	struct mea_graph *g = new_graph();
	int x = mea_graph_add_input(g, "x", MEA_U8, &s), y;
	struct mea_ends ends;

	a.to = MEA_F32;
	y = transposed(g, "nchw", node(g, MEA_OP_Cast, "cast", &x, 1, &a), to_nchw);
	y = unary(g, MEA_OP_GlobalAveragePool, "pool", conv(g, "c", y, 5, 1, 1, 0, 1, true));
	finish(g, y);
	cr_assert_eq(mea_graph_take_ends(g, &ends), 0, "%s", mea_errmsg());
	cr_assert(ends.changed && ends.pixels);
	cr_assert_eq(g->values[g->inputs[0]].type, MEA_F32);
	cr_assert_eq(g->values[g->inputs[0]].shape.dim[1], 3);
	cr_assert_eq(g->values[g->outputs[0]].shape.rank, 2);
	cr_assert_str_eq(g->values[g->outputs[0]].name, "pool");
	mea_graph_free(g);
}

Test(onnx_ends, open_sides_of_an_image)
{
	const int64_t file[2][4] = {{0, 3, 0, 0}, {0, 0, 0, 3}};
	struct mea_load_options opt = {.image = {3, 4, 5}};

	for (int last = 0; last < 2; last++) {
		struct mea_wire w = begin(13);
		struct mea_graph *g;
		const int64_t *dim;

		info(&w, "input", "x", 4, file[last]);
		info(&w, "output", "y", DIMS(0));
		simple_node(&w, "Relu", "r", "x", "y");
		mea_wire_close(&w);
		cr_assert_lt(mea_graph_parse(w.data, w.size, "m.onnx", NULL, &g), 0);
		cr_assert(strstr(mea_errmsg(), "--input CxHxW"), "%s", mea_errmsg());
		cr_assert_eq(mea_graph_parse(w.data, w.size, "m.onnx", &opt, &g), 0, "%s",
			     mea_errmsg());
		dim = g->values[g->inputs[0]].shape.dim;
		cr_assert_eq(dim[0], 1);
		cr_assert_eq(dim[1 + 2 * last], 3);
		cr_assert_eq(dim[2 - last], 4);
		cr_assert_eq(dim[3 - last], 5);
		mea_graph_free(g);
		free(w.data);
	}
}

/* --- padding and scale beside a window ------------------------------------------- */

/* The largest difference between g and what simplifying makes of it; *nodes: how many are left. */
static double change(struct mea_graph *g, int *nodes)
{
	struct mea_graph *s;
	float x[200];
	double top = 0;

	for (int i = 0; i < 200; i++)
		x[i] = frand(-2, 2);
	cr_assert_eq(mea_graph_clone(g, &s), 0);
	cr_assert_eq(mea_graph_simplify(s), 0, "%s", mea_errmsg());
	*nodes = s->n_nodes;
	float *a = outputs_on(g, x), *b = outputs_on(s, x);
	for (size_t i = 0; i < mea_shape_count(&g->values[g->outputs[0]].shape); i++)
		top = fabs((double)a[i] - (double)b[i]) > top ? fabs((double)a[i] - (double)b[i])
							      : top;
	free(a);
	free(b);
	mea_graph_free(s);
	mea_graph_free(g);
	return top;
}

/* A BatchNormalization of 4 channels. */
static int normalised(struct mea_graph *g, const char *name, int x, bool shift)
{
	int in[5] = {x};

	for (int i = 1; i < 5; i++) {
		char text[32];
		float lo = i == 2 || i == 3 ? -1 : 0.5f;

		snprintf(text, sizeof(text), "%s_%d", name, i);
		in[i] = constant(g, text, shape_of(1, 4), shift || lo > 0 ? lo : 0,
				 shift || lo > 0 ? 1.5f : 0);
	}
	return node(g, MEA_OP_BatchNormalization, name, in, 5, NULL);
}

Test(onnx_windows, normalisation_goes_into_what_is_behind_where_that_is_exact)
{
	const struct {
		int pad, groups, nodes;
		bool shift;
	} cases[] = {{0, 1, 1, true},
		     {0, 2, 1, true},
		     {1, 1, 2, true},
		     {1, 2, 1, false},
		     {0, 4, 1, true}};

	srand(23);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mea_graph *g = new_graph();
		int x = input(g, "x", shape_of(4, 1, 4, 5, 5)), nodes;
		double top;

		x = normalised(g, "bn", x, cases[i].shift);
		finish(g, conv(g, "c", x, 8, 3, 1, cases[i].pad, cases[i].groups, i & 1));
		top = change(g, &nodes);
		cr_assert_lt(top, 1e-5, "case %zu: %g", i, top);
		cr_assert_eq(nodes, cases[i].nodes, "case %zu: %d nodes", i, nodes);
	}
}

Test(onnx_windows, normalisation_behind_a_sum_or_before_gemm)
{
	struct mea_graph *g = new_graph();
	int x = input(g, "x", shape_of(4, 1, 4, 5, 5)), nodes;
	double top;

	srand(24);
	x = binary(g, MEA_OP_Add, "sum", x, conv(g, "c", x, 4, 3, 1, 1, 1, true));
	x = unary(g, MEA_OP_Relu, "r", normalised(g, "bn", x, true));
	x = unary(g, MEA_OP_Flatten, "f", unary(g, MEA_OP_GlobalAveragePool, "p", x));
	finish(g, gemm(g, "y", normalised(g, "bn1", x, true), 3, true));
	top = change(g, &nodes);
	cr_assert_lt(top, 1e-5, "%g", top);
	cr_assert_eq(nodes, 7, "%d", nodes); /* conv, sum, scale, relu, pool, flatten, gemm */
}

Test(onnx_windows, zeros_around_a_clamp_are_the_padding_of_maxpool)
{
	srand(25);
	for (int clamped = 0; clamped < 2; clamped++) {
		struct mea_attrs a = mea_attrs_default(MEA_OP_Pad);
		struct mea_graph *g = new_graph();
		int x = input(g, "x", shape_of(4, 1, 2, 6, 6)), nodes;
		double top;

		for (int k = 0; k < 4; k++)
			a.pad[k] = 1;
		x = clamped ? unary(g, MEA_OP_Relu, "r", x) : conv(g, "c", x, 2, 1, 1, 0, 1, true);
		x = node(g, MEA_OP_Pad, "pad", &x, 1, &a);
		finish(g, pool(g, MEA_OP_MaxPool, "y", x, 3, 2, 0, false, false));
		top = change(g, &nodes);
		cr_assert_lt(top, 1e-6, "%g", top);
		cr_assert_eq(nodes, clamped ? 2 : 3);
	}
}
