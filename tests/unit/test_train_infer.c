// SPDX-License-Identifier: Apache-2.0
/* The server's oneDNN engine against the float executor. */
#include <criterion/criterion.h>

#include "base/error.h"
#include "serve/infer_dnnl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BYTES	3072
#define CLASSES 36
#define IMAGES	19

static float largest_difference(const float *a, const float *b, size_t n)
{
	float worst = 0;

	for (size_t i = 0; i < n; i++)
		worst = fmaxf(worst, fabsf(a[i] - b[i]));
	return worst;
}

Test(infer, dnnl_gives_the_executors_logits_in_any_batch)
{
	static uint8_t rgb[IMAGES * BYTES];
	static float want[IMAGES * CLASSES], got[IMAGES * CLASSES];
	const void *in[1] = {rgb};
	void *out[1] = {want};
	struct mea_infer *plain, *fast;
	uint32_t seed = 1;

	for (size_t i = 0; i < sizeof(rgb); i++)
		rgb[i] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
	cr_assert_eq(mea_infer_float.open("models/glyphs/cloud.onnx", 8, &plain), 0, "%s",
		     mea_errmsg());
	cr_assert_eq(mea_infer_dnnl.open("models/glyphs/cloud.onnx", 8, &fast), 0, "%s",
		     mea_errmsg());
	cr_assert_eq(plain->ops->run(plain, IMAGES, in, out), 0);
	out[0] = got;
	for (int n = 1; n <= IMAGES; n += 6) {
		memset(got, 0, sizeof(got));
		cr_assert_eq(fast->ops->run(fast, n, in, out), 0, "%s", mea_errmsg());
		cr_expect_lt(largest_difference(want, got, (size_t)n * CLASSES), 1e-3f, "%d", n);
	}
	/* Sums in another order: it was not the executor that answered. */
	cr_expect_gt(largest_difference(want, got, IMAGES * CLASSES), 0);
	plain->ops->close(plain);
	fast->ops->close(fast);
}

Test(infer, what_dnnl_does_not_take_is_served_all_the_same)
{
	struct mea_infer *m;
	static float image[BYTES], logits[CLASSES], features[1 << 16];
	const void *in[1] = {image};
	void *out[2] = {logits, features};

	cr_assert_eq(mea_infer_dnnl.open("models/glyphs/main.onnx", 8, &m), 0, "%s", mea_errmsg());
	cr_assert_leq(m->io.out[1].bytes, sizeof(features));
	cr_expect_eq(m->ops->run(m, 1, in, out), 0, "%s", mea_errmsg());
	m->ops->close(m);
	cr_expect(mea_infer_dnnl.open("models/glyphs/bundle.json", 8, &m) < 0);
}
