// SPDX-License-Identifier: Apache-2.0
/* mea_network_*(): one network on raw tensors, several at a time. */
#include <criterion/criterion.h>

#include "mea.h"

#include <string.h>

#define MODEL	 "models/glyphs/main.int8.onnx"
#define PIXELS	 (32 * 32 * 3)
#define CLASSES	 36
#define FEATURES (16 * 16 * 32)

TestSuite(network, .timeout = 60);

static struct mea_network *on(const char *backends, const char *device)
{
	struct mea_options o = MEA_OPTIONS_INIT;
	struct mea_network *n;

	o.backends = backends;
	o.device = device;
	cr_assert_eq(mea_network_open(MODEL, &o, &n), 0, "%s", mea_errmsg());
	return n;
}

static void run(struct mea_network *n, int8_t logits[CLASSES], struct mea_cost *cost)
{
	static int8_t image[PIXELS], features[FEATURES];
	const int8_t *in[] = {image};
	int8_t *out[] = {logits, features};

	for (int i = 0; i < PIXELS; i++)
		image[i] = (int8_t)(i * 37);
	cr_assert_eq(mea_network_run(n, in, out, cost), 0, "%s", mea_errmsg());
}

Test(network, tells_its_tensors)
{
	struct mea_network *n = on("ref", NULL);
	struct mea_network_tensor t;

	cr_assert_eq(mea_network_input(n, 0, &t), 0);
	cr_expect_str_eq(t.name, "image");
	cr_expect(t.height == 32 && t.width == 32 && t.channels == 3 && t.scale > 0);
	cr_assert_eq(mea_network_output(n, 0, &t), 0);
	cr_expect(t.height == 1 && t.width == 1 && t.channels == CLASSES);
	cr_assert_eq(mea_network_output(n, 1, &t), 0);
	cr_expect_eq(t.height * t.width * t.channels, FEATURES);
	cr_expect_eq(mea_network_input(n, 1, &t), MEA_ENOENT);
	cr_expect_eq(mea_network_output(n, -1, &t), MEA_ENOENT);
	cr_expect_str_eq(mea_network_backend(n), "ref");
	mea_network_close(n);
	mea_network_close(NULL);
}

/* Simulators are of one library, and each goes when it is told to. */
Test(network, several_close_in_any_order)
{
	for (int order = 0; order < 2; order++) {
		struct mea_network *n[3] = {on("ref", NULL), on("accel", "sim"),
					    on("accel", "sim")};
		int8_t logits[3][CLASSES];
		struct mea_cost cost[3];

		for (int i = 0; i < 3; i++)
			run(n[i], logits[i], &cost[i]);
		cr_expect(cost[0].cycles == 0 && cost[1].cycles > 0);
		cr_expect_eq(cost[2].cycles, cost[1].cycles);
		cr_expect(cost[0].macs > 0 && cost[2].macs == cost[0].macs);
		cr_expect_arr_eq(logits[1], logits[0], CLASSES);
		cr_expect_arr_eq(logits[2], logits[0], CLASSES);
		for (int i = 0; i < 3; i++)
			mea_network_close(n[order ? 2 - i : i]);
	}
}

Test(network, says_what_is_wrong)
{
	struct mea_options o = MEA_OPTIONS_INIT;
	struct mea_network *n = (void *)&o;

	cr_expect_eq(mea_network_open("none.onnx", NULL, &n), MEA_ENOENT);
	cr_expect_null(n);
	cr_expect(strstr(mea_errmsg(), "none.onnx"), "%s", mea_errmsg());
	cr_expect_lt(mea_network_open("models/glyphs/main.onnx", NULL, &n), 0);
	cr_expect(strstr(mea_errmsg(), "models/glyphs/main.onnx"), "%s", mea_errmsg());
	o.backends = "nothing";
	cr_expect_eq(mea_network_open(MODEL, &o, &n), MEA_ENOENT);
	cr_expect(strstr(mea_errmsg(), "nothing"), "%s", mea_errmsg());
	o.backends = "accel,ref";
	o.device = "sim:3x3";
	cr_expect_lt(mea_network_open(MODEL, &o, &n), 0, "a device that is named must be there");
	cr_expect(strstr(mea_errmsg(), "3x3"), "%s", mea_errmsg());
}
