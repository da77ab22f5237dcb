// SPDX-License-Identifier: Apache-2.0
/* Models as other programs write them: what they say is read as they mean it, or refused. */
#include <criterion/criterion.h>
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
