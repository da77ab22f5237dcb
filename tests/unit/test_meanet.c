// SPDX-License-Identifier: Apache-2.0
/* Preprocessing and Algorithm 2, each alone. */
#include <criterion/criterion.h>

#include "backend/registry.h"
#include "base/error.h"
#include "base/text.h"
#include "meanet/exits.h"
#include "meanet/preprocess.h"

#include <math.h>
#include <string.h>

/* --- texts of strangers ---------------------------------------------------- */

Test(text, control_characters_are_shown)
{
	char shown[64], small[8];

	mea_text_show(shown, sizeof(shown),
		      "a\x1b[31mb\n\t\r\x7f\xc2\x9b"
		      "1m \xc3\xa9");
	cr_assert_str_eq(shown, "a\\x1b[31mb\\n\\t\\r\\x7f\\x9b1m \xc3\xa9");
	/* An escape that does not fit is left out whole. */
	mea_text_show(small, sizeof(small), "abcd\x1b[31m");
	cr_assert_str_eq(small, "abcd");
	mea_text_show(small, sizeof(small), "");
	cr_assert_str_eq(small, "");
	mea_fail_in(mea_fail(MEA_EINVAL, "\033]0;title\a"), "%s", "\033[2J");
	cr_assert_str_eq(mea_errmsg(), "\\x1b[2J: \\x1b]0;title\\x07");
}

/* --- preprocessing ----------------------------------------------------------- */

Test(preprocess, agrees_with_the_formula)
{
	static const float mean[3] = {0.5071f, 0.4865f, 0.4409f},
			   std[3] = {0.2673f, 0.2564f, 0.2762f};
	struct mea_preprocess p;
	uint8_t rgb[256 * 3];
	int8_t out[256 * 3];

	mea_preprocess_init(&p, mean, std, false, 0.0157f, -7);
	for (int i = 0; i < 256; i++)
		memset(rgb + 3 * i, i, 3);
	mea_preprocess(&p, rgb, 256, out);
	for (int i = 0; i < 256; i++) {
		for (int k = 0; k < 3; k++) {
			double x =
				((double)i / 255 - (double)mean[k]) / (double)std[k] / 0.0157 - 7;
			double want = x < -128 ? -128 : x > 127 ? 127 : x;

			cr_assert(fabs(out[3 * i + k] - want) <= 0.5001, "%d: %d, not %f", i,
				  out[3 * i + k], want);
		}
	}
}

Test(preprocess, ties_go_to_even_and_extremes_clamp)
{
	static const float zero[3] = {0, 0, 0}, one[3] = {1, 1, 1};
	struct mea_preprocess p;

	/* p / 255 / (2 / 255) = p / 2. */
	mea_preprocess_init(&p, zero, one, false, 2.0f / 255.0f, 0);
	cr_expect(p.table[0][1] == 0 && p.table[0][3] == 2 && p.table[0][5] == 2);
	cr_expect(p.table[0][255] == 127);
	mea_preprocess_init(&p, zero, one, false, 1e-30f, 0);
	cr_expect(p.table[1][0] == 0 && p.table[1][1] == 127);
	mea_preprocess_init(&p, one, one, false, 1e-38f, 0);
	cr_expect(p.table[2][0] == -128);
}

Test(preprocess, float_planes)
{
	static const float mean[3] = {0, 0.5f, 1}, std[3] = {1, 0.5f, 0.25f};
	static const uint8_t rgb[6] = {255, 255, 255, 0, 0, 0};
	static const float want[6] = {1, 0, 1, -1, 0, -4};
	float out[6];

	mea_normalise(mean, std, false, rgb, 2, out);
	for (int i = 0; i < 6; i++)
		cr_expect_float_eq(out[i], want[i], 1e-6);
}

/* Keras' mean for networks of Caffe is in the order of their channels. */
Test(preprocess, blue_green_red)
{
	static const float mean[3] = {103.939f / 255, 116.779f / 255, 123.68f / 255},
			   std[3] = {1.0f / 255, 1.0f / 255, 1.0f / 255};
	static const uint8_t rgb[3] = {200, 100, 50};
	static const float want[3] = {50 - 103.939f, 100 - 116.779f, 200 - 123.68f};
	struct mea_preprocess p;
	int8_t q[3];
	float out[3];

	mea_preprocess_init(&p, mean, std, true, 1, 0);
	mea_preprocess(&p, rgb, 1, q);
	mea_normalise(mean, std, true, rgb, 1, out);
	for (int k = 0; k < 3; k++) {
		cr_expect_float_eq(out[k], want[k], 1e-3);
		cr_expect_eq(q[k], (int)rint(want[k]));
	}
}

/* --- softmax, entropy --------------------------------------------------------- */

Test(exits, opinion)
{
	static const float even[4] = {2, 2, 2, 2}, sharp[3] = {-1000, 1000, -1000};
	static const float two[2] = {0, 0.6931472f};
	struct mea_opinion o = mea_opinion_of(even, 4);

	cr_expect_eq(o.label, 0, "the first of equals");
	cr_expect_float_eq(o.confidence, 0.25, 1e-6);
	cr_expect_float_eq(o.entropy, log(4), 1e-6);
	o = mea_opinion_of(sharp, 3);
	cr_expect_eq(o.label, 1);
	cr_expect_float_eq(o.confidence, 1, 1e-9);
	cr_expect_float_eq(o.entropy, 0, 1e-9);
	/* 1/3 and 2/3. */
	o = mea_opinion_of(two, 2);
	cr_expect_float_eq(o.confidence, 2.0 / 3, 1e-6);
	cr_expect_float_eq(o.entropy, log(3) / 3 + log(1.5) * 2 / 3, 1e-6);
	o = mea_opinion_of(two, 1);
	cr_expect_float_eq(o.confidence, 1, 1e-9);
}

/* --- Algorithm 2 ----------------------------------------------------------------- */

static int hard[] = {3, 1}, hard_index[] = {-1, 1, -1, 0};
static const struct mea_bundle bundle = {
	.n_classes = 4, .hard = hard, .n_hard = 2, .hard_index = hard_index, .threshold = 1};

Test(exits, easy_leaves_at_main)
{
	struct mea_opinion main = {2, 0.9f, 0.2f};
	struct mea_result r = {0};

	cr_expect_eq(mea_after_main(&bundle, &main, "not configured", &r), MEA_STEP_DONE);
	cr_expect(r.label == 2 && r.exit == MEA_EXIT_MAIN && r.why == MEA_WHY_EASY);
	cr_expect(!r.complex && !r.cloud_missed);
}

Test(exits, hard_takes_the_surer_exit)
{
	struct mea_opinion main = {3, 0.5f, 0.2f}, ext = {1, 0.6f, 0};
	struct mea_result r = {0};

	cr_expect_eq(mea_after_main(&bundle, &main, NULL, &r), MEA_STEP_EXTENSION);
	mea_after_extension(&bundle, &ext, &r);
	cr_expect(r.label == 1 && r.confidence == 0.6f && r.why == MEA_WHY_EXTENSION_SURER);
	cr_expect(r.exit == MEA_EXIT_EXTENSION && r.entropy == 0.2f);

	ext.confidence = 0.4f;
	mea_after_main(&bundle, &main, NULL, &r);
	mea_after_extension(&bundle, &ext, &r);
	cr_expect(r.label == 3 && r.confidence == 0.5f && r.why == MEA_WHY_MAIN_SURER);
	cr_expect(r.exit == MEA_EXIT_EXTENSION);

	/* "max y1 > max y2" lets main win: a tie is the extension's. */
	ext = (struct mea_opinion){0, 0.5f, 0};
	main.label = 1;
	mea_after_main(&bundle, &main, NULL, &r);
	mea_after_extension(&bundle, &ext, &r);
	cr_expect(r.label == 3 && r.why == MEA_WHY_EXTENSION_SURER);
}

Test(exits, complex_goes_to_the_cloud_first)
{
	struct mea_opinion easy = {2, 0.3f, 1.5f}, difficult = {1, 0.3f, 1.5f}, edge = {2, 0.3f, 1};
	struct mea_result r = {0};

	cr_expect_eq(mea_after_main(&bundle, &easy, NULL, &r), MEA_STEP_CLOUD);
	cr_expect_eq(mea_after_main(&bundle, &difficult, NULL, &r), MEA_STEP_CLOUD);
	cr_expect(r.complex && !r.cloud_missed);
	cr_expect_eq(mea_after_main(&bundle, &edge, NULL, &r), MEA_STEP_DONE);
	cr_expect(!r.complex, "the threshold itself is not over it");
	/* Without a cloud the edge decides, and says that it would have asked. */
	cr_expect_eq(mea_after_main(&bundle, &difficult, "down", &r), MEA_STEP_EXTENSION);
	cr_expect_str_eq(r.cloud_missed, "down");
	cr_expect_eq(mea_after_main(&bundle, &easy, "down", &r), MEA_STEP_DONE);
}

Test(exits, names)
{
	cr_expect_str_eq(mea_exit_name(MEA_EXIT_EXTENSION), "extension");
	cr_expect_str_eq(mea_exit_name((enum mea_exit)9), "unknown");
	cr_expect(strstr(mea_why_text(MEA_WHY_EASY), "easy"));
	cr_expect_str_eq(mea_why_text((enum mea_why)99), "unknown");
}

/* --- the backend list ------------------------------------------------------------- */

Test(registry, lists)
{
	struct mea_choice c[MEA_CHOICES_MAX];

	cr_expect_geq(mea_choices_parse(NULL, NULL, c), 1);
	cr_expect_eq(mea_choices_parse("ref", "auto", c), 1);
	cr_expect_str_eq(c[0].ops->name, "ref");
	cr_expect_str_eq(c[0].device, "");
	cr_expect_eq(mea_choices_parse("ref:x,ref", NULL, c), 2);
	cr_expect_str_eq(c[0].device, "x");
	cr_expect_null(mea_backend_builtin(-1));
	cr_expect_null(mea_backend_builtin(100));
}

Test(registry, bad_lists)
{
	static const struct {
		const char *list, *device, *says;
		int code;
	} cases[] = {
		{"nope", NULL, "'nope'", MEA_ENOENT},
		{"", NULL, "''", MEA_ENOENT},
		{"ref,", NULL, "''", MEA_ENOENT},
		{"ref,,ref", NULL, "''", MEA_ENOENT},
		{"ref,ref,ref,ref,ref,ref,ref,ref,ref", NULL, "more than 8", MEA_EINVAL},
		{"ref", "sim", "'sim' belongs to backend accel", MEA_EINVAL},
		{"ref:0123456789012345678901234567890123456789012345678901234567890123456789", NULL,
		 "too long", MEA_EINVAL},
	};
	struct mea_choice c[MEA_CHOICES_MAX];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cr_expect_eq(mea_choices_parse(cases[i].list, cases[i].device, c), cases[i].code,
			     "%s", cases[i].list);
		cr_expect(strstr(mea_errmsg(), cases[i].says), "%s", mea_errmsg());
	}
}
