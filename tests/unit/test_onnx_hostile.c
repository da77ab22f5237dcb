// SPDX-License-Identifier: Apache-2.0
/* Damaged, hostile and unsupported models: an error that names the place, never
 * a crash, never more memory than allowed. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "graph/graph.h"
#include "mea.h"
#include "wire_build.h"

/* Closes the model, expects the error and each of the words in its message. */
static void rejected(struct mea_wire *w, int code, const char *a, const char *b)
{
	struct mea_graph *g = NULL;
	int rc;

	mea_wire_close(w);
	cr_assert(!w->failed);
	rc = mea_graph_parse(w->data, w->size, "bad.onnx", NULL, &g);
	cr_assert_eq(rc, code, "%s %s: %s, not %s: %s", a, b, mea_error_name(rc),
		     mea_error_name(code), mea_errmsg());
	cr_assert(strstr(mea_errmsg(), "bad.onnx"), "no file name in: %s", mea_errmsg());
	cr_assert(strstr(mea_errmsg(), a), "no \"%s\" in: %s", a, mea_errmsg());
	cr_assert(strstr(mea_errmsg(), b), "no \"%s\" in: %s", b, mea_errmsg());
	free(w->data);
}

/* A whole valid model: x -> Conv(w) -> y, for the tests that damage it. */
static struct mea_wire valid(void)
{
	struct mea_wire w = begin(13);

	info(&w, "input", "x", DIMS(0, 2, 8, 8));
	info(&w, "output", "y", DIMS(0, 3, 6, 6));
	weights(&w, "w", FLOAT, 3 * 2 * 9 * 4, DIMS(3, 2, 3, 3));
	simple_node(&w, "Conv", "conv", "x w", "y");
	mea_wire_close(&w);
	return w;
}

Test(onnx_hostile, every_truncation_is_an_error_or_a_smaller_model)
{
	struct mea_wire w = valid();
	struct mea_graph *g;

	cr_assert_eq(mea_graph_parse(w.data, w.size, "a.onnx", NULL, &g), 0, "%s", mea_errmsg());
	mea_graph_free(g);
	for (size_t n = 0; n < w.size; n++) {
		void *part = malloc(n + !n);

		memcpy(part, w.data, n);
		cr_assert(mea_graph_parse(part, n, "a.onnx", NULL, &g) < 0, "%zu bytes", n);
		cr_assert(strstr(mea_errmsg(), "a.onnx"));
		free(part);
	}
	free(w.data);
}

Test(onnx_hostile, every_single_byte_change_is_survived)
{
	struct mea_wire w = valid();
	int loaded = 0, refused = 0;

	for (size_t n = 0; n < w.size; n++) {
		for (int bit = 0; bit < 8; bit++) {
			struct mea_graph *g;

			w.data[n] ^= (uint8_t)(1 << bit);
			if (mea_graph_parse(w.data, w.size, "a.onnx", NULL, &g)) {
				refused++;
			} else {
				loaded++;
				mea_graph_free(g);
			}
			w.data[n] ^= (uint8_t)(1 << bit);
		}
	}
	free(w.data);
	/* Changes in the weights load, changes in the structure mostly do not. */
	cr_assert(loaded > 1000 && refused > 500, "%d and %d", loaded, refused);
}

/* Puts a field's tag and length before the size - at bytes that end at size. */
static size_t wrap(uint8_t *data, size_t size, size_t at, uint8_t tag)
{
	size_t content = size - at;
	uint8_t len[5];
	size_t n = 0;

	for (; content >= 128; content >>= 7)
		len[n++] = (uint8_t)(content | 128);
	len[n++] = (uint8_t)content;
	memcpy(data + at - n, len, n);
	data[at - n - 1] = tag;
	return at - n - 1;
}

Test(onnx_hostile, deep_nesting_ends_before_the_stack_does)
{
	/* An empty graph in an attribute in a node in a graph in ...: the fields g,
	 * attribute and node, 300,000 of each. */
	const uint8_t tags[] = {0x32, 0x2a, 0x0a};
	size_t size = 5000000, at = size;
	uint8_t *data = malloc(size);
	struct mea_graph *g;

	for (int i = 0; i < 900000; i++)
		at = wrap(data, size, at, tags[i % 3]);
	at = wrap(data, size, at, 0x3a);
	cr_assert_eq(mea_graph_parse(data + at, size - at, "deep.onnx", NULL, &g), MEA_EINVAL);
	cr_assert(strstr(mea_errmsg(), "32 nested messages"), "%s", mea_errmsg());
	free(data);
}

Test(onnx_hostile, a_file_of_empty_messages_does_not_take_all_memory)
{
	struct mea_load_options small = {.max_tensor_bytes = 1 << 20};
	struct mea_wire w = begin(13);
	struct mea_graph *g;

	for (int i = 0; i < 100000; i++) {
		mea_wire_open(&w, "node");
		mea_wire_close(&w);
	}
	mea_wire_close(&w);
	cr_assert_eq(mea_graph_parse(w.data, w.size, "many.onnx", &small, &g), MEA_EINVAL);
	cr_assert(strstr(mea_errmsg(), "memory"), "%s", mea_errmsg());
	free(w.data);
}

Test(onnx_hostile, sizes)
{
	struct mea_wire w = begin(13);

	info(&w, "input", "x", DIMS(1, 1000000, 1000000));
	rejected(&w, MEA_EINVAL, "input x", "MiB");
	w = begin(13);
	info(&w, "input", "x", DIMS(1, INT64_MAX, INT64_MAX));
	rejected(&w, MEA_EINVAL, "input x", "dimension 1");
	w = begin(13);
	weights(&w, "w", FLOAT, 16, DIMS(INT64_C(1) << 32, INT64_C(1) << 32));
	rejected(&w, MEA_EINVAL, "tensor w", "dimension 0");
	w = begin(13);
	weights(&w, "w", FLOAT, 16, DIMS(-4));
	rejected(&w, MEA_EINVAL, "tensor w", "-4");
	w = begin(13);
	weights(&w, "w", FLOAT, 15, DIMS(4));
	rejected(&w, MEA_EINVAL, "tensor w", "raw_data has 15 bytes");
	w = begin(13);
	weights(&w, "w", FLOAT, 20, DIMS(4));
	rejected(&w, MEA_EINVAL, "tensor w", "raw_data has 20 bytes");
	w = begin(13);
	weights(&w, "w", FLOAT, 0, DIMS(4));
	rejected(&w, MEA_EINVAL, "tensor w", "float_data has 0");
	w = begin(13);
	weights(&w, "w", INT64, 0, DIMS(4));
	rejected(&w, MEA_EINVAL, "tensor w", "int64_data has 0");
	w = begin(13);
	weights(&w, "w", 16, 8, DIMS(4));
	rejected(&w, MEA_EUNSUPPORTED, "tensor w", "data_type 16");
	w = begin(13);
	weights(&w, "w", FLOAT, 4, DIMS(1, 1, 1, 1, 1, 1, 1, 1, 1));
	rejected(&w, MEA_EUNSUPPORTED, "tensor w", "9 entries");
	/* Each tensor is small enough, all together are not. */
	w = begin(13);
	info(&w, "input", "x", DIMS(1, 1 << 13, 1 << 13));
	info(&w, "output", "y", DIMS(1));
	simple_node(&w, "Relu", "r0", "x", "a");
	simple_node(&w, "Relu", "r1", "a", "b");
	simple_node(&w, "Relu", "r2", "b", "c");
	simple_node(&w, "Relu", "r3", "c", "y");
	rejected(&w, MEA_EINVAL, "node r3", "MiB");
}

Test(onnx_hostile, external_data)
{
	struct mea_wire w = begin(13);

	mea_wire_open(&w, "initializer");
	mea_wire_int(&w, "dims", 4);
	mea_wire_int(&w, "data_type", FLOAT);
	mea_wire_string(&w, "name", "w");
	mea_wire_open(&w, "external_data");
	mea_wire_string(&w, "key", "location");
	mea_wire_string(&w, "value", "/etc/passwd");
	mea_wire_close(&w);
	mea_wire_int(&w, "data_location", 1);
	mea_wire_close(&w);
	rejected(&w, MEA_EUNSUPPORTED, "tensor w", "external_data");
}

Test(onnx_hostile, names)
{
	char long_name[2000];
	struct mea_wire w = begin(13);

	info(&w, "input", "x", DIMS(1));
	info(&w, "input", "x", DIMS(1));
	rejected(&w, MEA_EINVAL, "two values", "\"x\"");
	w = begin(13);
	weights(&w, "w", FLOAT, 4, DIMS(1));
	weights(&w, "w", FLOAT, 4, DIMS(1));
	rejected(&w, MEA_EINVAL, "two values", "\"w\"");
	w = begin(13);
	info(&w, "input", "x", DIMS(1));
	simple_node(&w, "Relu", "a", "x", "y");
	simple_node(&w, "Relu", "b", "x", "y");
	rejected(&w, MEA_EINVAL, "two values", "\"y\"");
	w = begin(13);
	info(&w, "input", "x\033[2J", DIMS(1));
	rejected(&w, MEA_EINVAL, "name", "control character");
	memset(long_name, 'a', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = 0;
	w = begin(13);
	info(&w, "input", long_name, DIMS(1));
	rejected(&w, MEA_EINVAL, "name", "1024 bytes");
	w = begin(13);
	weights(&w, "", FLOAT, 4, DIMS(1));
	rejected(&w, MEA_EINVAL, "value", "empty name");
}

Test(onnx_hostile, graphs)
{
	struct mea_wire w = begin(13);

	info(&w, "input", "x", DIMS(1));
	info(&w, "output", "a", DIMS(1));
	simple_node(&w, "Add", "one", "x b", "a");
	simple_node(&w, "Relu", "two", "a", "b");
	rejected(&w, MEA_EINVAL, "node", "depends on its output");
	w = begin(13);
	info(&w, "output", "a", DIMS(1));
	simple_node(&w, "Relu", "self", "a", "a");
	rejected(&w, MEA_EINVAL, "node self", "depends on its output");
	w = begin(13);
	info(&w, "input", "x", DIMS(1));
	info(&w, "output", "y", DIMS(1));
	simple_node(&w, "Relu", "r", "z", "y");
	rejected(&w, MEA_EINVAL, "node r", "input z is not defined");
	w = begin(13);
	info(&w, "input", "x", DIMS(1));
	info(&w, "output", "y", DIMS(1));
	rejected(&w, MEA_EINVAL, "output y", "not computed");
	w = begin(13);
	info(&w, "input", "x", DIMS(1));
	rejected(&w, MEA_EINVAL, "no output", "graph");
	w = begin(13);
	info(&w, "input", "x", DIMS(1));
	info(&w, "output", "y", DIMS(1));
	simple_node(&w, "Conv", "c", "x", "y");
	rejected(&w, MEA_EINVAL, "node c", "1 inputs");
	w = begin(13);
	info(&w, "input", "x", DIMS(1));
	simple_node(&w, "Relu", "r", "x", "x");
	rejected(&w, MEA_EINVAL, "two values", "\"x\"");
}

Test(onnx_hostile, unsupported)
{
	struct mea_wire w = begin(13);

	info(&w, "input", "x", DIMS(1));
	info(&w, "output", "y", DIMS(1));
	simple_node(&w, "LSTM", "l", "x", "y");
	rejected(&w, MEA_EUNSUPPORTED, "node l", "operation LSTM");
	w = begin(13);
	info(&w, "input", "x", DIMS(1));
	info(&w, "output", "y", DIMS(1));
	open_node(&w, "Conv", "f", "x", "y");
	mea_wire_string(&w, "domain", "com.example");
	mea_wire_close(&w);
	rejected(&w, MEA_EUNSUPPORTED, "node f", "com.example");
	w = begin(30);
	rejected(&w, MEA_EUNSUPPORTED, "opset 30", "28");
	w = begin(21);
	info(&w, "input", "x", DIMS(1));
	weights(&w, "zero", INT16, 2, DIMS(1));
	simple_node(&w, "QuantizeLinear", "q", "x x zero", "y");
	rejected(&w, MEA_EUNSUPPORTED, "node q: tensor zero", "INT16");
	w = begin(21);
	info(&w, "input", "x", DIMS(1));
	weights(&w, "w4", INT4, 1, DIMS(2));
	simple_node(&w, "DequantizeLinear", "d", "w4 x", "y");
	rejected(&w, MEA_EUNSUPPORTED, "node d: tensor w4", "INT4");
	w = begin(13);
	info(&w, "input", "x", DIMS(1, 3, 0, 0));
	rejected(&w, MEA_EUNSUPPORTED, "input x", "dimension 2 (n) has no value");
	w = begin(6);
	info(&w, "input", "x", DIMS(1));
	info(&w, "output", "y", DIMS(1));
	simple_node(&w, "Add", "a", "x x", "y");
	rejected(&w, MEA_EUNSUPPORTED, "node a", "opset 6 is older than 7");
	w = begin(13);
	info(&w, "input", "x", DIMS(1, 1, 4, 4));
	info(&w, "output", "z", DIMS(1));
	open_node(&w, "MaxPool", "m", "x", "y");
	mea_wire_string(&w, "output", "indices");
	ints(&w, "kernel_shape", DIMS(2, 2));
	mea_wire_close(&w);
	simple_node(&w, "Identity", "i", "indices", "z");
	rejected(&w, MEA_EUNSUPPORTED, "node i", "secondary output");
}

/* x -> Conv(w) -> y with one attribute. */
static void conv_with(const char *attr, int n, const int64_t *v, int code, const char *word)
{
	struct mea_wire w = begin(13);

	info(&w, "input", "x", DIMS(1, 2, 8, 8));
	info(&w, "output", "y", DIMS(1));
	weights(&w, "w", FLOAT, 3 * 2 * 9 * 4, DIMS(3, 2, 3, 3));
	open_node(&w, "Conv", "conv1", "x w", "y");
	ints(&w, attr, n, v);
	mea_wire_close(&w);
	rejected(&w, code, "conv1", word);
}

Test(onnx_hostile, attributes)
{
	struct mea_wire w;

	conv_with("strides", DIMS(0, 1), MEA_EINVAL, "strides");
	conv_with("strides", DIMS(-1, 1), MEA_EINVAL, "strides");
	conv_with("pads", DIMS(-1, 0, 0, 0), MEA_EINVAL, "pads");
	conv_with("pads", DIMS(INT64_MAX, 0, 0, 0), MEA_EINVAL, "pads");
	conv_with("pads", DIMS(1, 1), MEA_EUNSUPPORTED, "2-D");
	conv_with("dilations", DIMS(INT64_MAX, 1), MEA_EINVAL, "dilations");
	conv_with("dilations", DIMS(60000, 1), MEA_EINVAL, "does not fit");
	conv_with("kernel_shape", DIMS(1 << 30, 1 << 30), MEA_EINVAL, "kernel_shape");
	conv_with("kernel_shape", DIMS(5, 3), MEA_EINVAL, "kernel_shape");
	conv_with("kernel_shape", DIMS(3), MEA_EUNSUPPORTED, "kernel_shape");
	conv_with("surprise", DIMS(1), MEA_EUNSUPPORTED, "surprise");
	conv_with("group", DIMS(1), MEA_EINVAL, "group"); /* a list, not a number */
	w = begin(13);
	info(&w, "input", "x", DIMS(1, 1, 8, 8));
	info(&w, "output", "y", DIMS(1));
	open_node(&w, "AveragePool", "pool1", "x", "y");
	ints(&w, "kernel_shape", DIMS(30000, 30000));
	mea_wire_close(&w);
	rejected(&w, MEA_EINVAL, "pool1", "does not fit");
	w = begin(13);
	info(&w, "input", "x", DIMS(1, 1, 8, 8));
	info(&w, "output", "y", DIMS(1));
	open_node(&w, "MaxPool", "pool2", "x", "y");
	ints(&w, "kernel_shape", DIMS(2, 2));
	ints(&w, "pads", DIMS(2, 2, 2, 2));
	mea_wire_close(&w);
	rejected(&w, MEA_EUNSUPPORTED, "pool2", "pads");
}

/* x -> Pad -> y, with pads as an attribute (opset 10) or an input (13). */
static struct mea_wire pad_model(int64_t opset, const char *mode, int n, const int64_t *pads)
{
	struct mea_wire w = begin(opset);

	info(&w, "input", "x", DIMS(1, 2, 8, 8));
	info(&w, "output", "y", DIMS(1, 2, 11, 9));
	if (opset >= 11) {
		mea_wire_open(&w, "initializer");
		mea_wire_int(&w, "dims", n);
		mea_wire_int(&w, "data_type", INT64);
		for (int i = 0; i < n; i++)
			mea_wire_int(&w, "int64_data", pads[i]);
		mea_wire_string(&w, "name", "pads");
		mea_wire_close(&w);
	}
	open_node(&w, "Pad", "pad", opset >= 11 ? "x pads" : "x", "y");
	if (opset < 11)
		ints(&w, "pads", n, pads);
	mea_wire_open(&w, "attribute");
	mea_wire_string(&w, "name", "mode");
	mea_wire_bytes(&w, "s", mode, strlen(mode));
	mea_wire_int(&w, "type", 3);
	mea_wire_close(&w);
	mea_wire_close(&w);
	return w;
}

Test(onnx_hostile, padding)
{
	for (int64_t opset = 10; opset <= 13; opset += 3) {
		struct mea_wire w = pad_model(opset, "constant", DIMS(0, 0, 1, 0, 0, 0, 2, 1));
		struct mea_graph *g;

		mea_wire_close(&w);
		cr_assert_eq(mea_graph_parse(w.data, w.size, "a.onnx", NULL, &g), 0, "%s",
			     mea_errmsg());
		cr_assert_eq(g->values[g->outputs[0]].shape.dim[2], 11);
		cr_assert_eq(g->values[g->outputs[0]].shape.dim[3], 9);
		mea_graph_free(g);
		free(w.data);
		w = pad_model(opset, "reflect", DIMS(0, 0, 1, 0, 0, 0, 2, 1));
		rejected(&w, MEA_EUNSUPPORTED, "pad", "mode");
		w = pad_model(opset, "constant", DIMS(0, 1, 0, 0, 0, 0, 0, 0));
		rejected(&w, MEA_EUNSUPPORTED, "pad", "height and width");
		w = pad_model(opset, "constant", DIMS(0, 0, -1, 0, 0, 0, 0, 0));
		rejected(&w, MEA_EUNSUPPORTED, "pad", "-1");
		w = pad_model(opset, "constant", DIMS(1, 1));
		rejected(&w, MEA_EUNSUPPORTED, "pad", "height and width");
	}
}

Test(onnx_hostile, files)
{
	struct mea_load_options tiny = {.max_file_bytes = 3};
	struct mea_graph *g;
	char path[] = "/tmp/mea-test-XXXXXX";
	int fd = mkstemp(path);

	cr_assert(fd >= 0 && write(fd, "abcdef", 6) == 6);
	close(fd);
	cr_assert_eq(mea_graph_load("no/such/file.onnx", NULL, &g), MEA_ENOENT);
	cr_assert(strstr(mea_errmsg(), "no/such/file.onnx"));
	cr_assert_eq(mea_graph_load("/tmp", NULL, &g), MEA_EIO);
	cr_assert_eq(mea_graph_load(path, &tiny, &g), MEA_EINVAL);
	cr_assert(strstr(mea_errmsg(), "6 bytes"), "%s", mea_errmsg());
	cr_assert_eq(mea_graph_load(path, NULL, &g), MEA_EINVAL);
	cr_assert(strstr(mea_errmsg(), path));
	remove(path);
}
