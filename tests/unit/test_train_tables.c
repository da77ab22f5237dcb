// SPDX-License-Identifier: Apache-2.0
/* The counts of the paper's tables on images whose answers are set by hand. */
#include <criterion/criterion.h>

#include <math.h>

#include "mea.h"
#include "train/tables.h"

/* Classes 0..3, of which 1 and 3 are hard; complex from 0.5 nats. */
static struct mea_bundle *bundle(void)
{
	struct mea_bundle *b;
	json_t *doc = json_pack(
		"{s:s, s:i, s:s, s:[s,s,s,s], s:{s:i,s:i,s:[f,f,f],s:[f,f,f]}, s:[i,i], "
		"s:{s:f,s:f,s:f}, s:{s:{s:{s:s,s:s}}, s:{s:{s:s,s:s}}}}",
		"format", "mea-bundle", "version", 1, "name", "t", "classes", "a", "b", "c", "d",
		"input", "width", 4, "height", 4, "mean", 0.5, 0.5, 0.5, "std", 0.5, 0.5, 0.5,
		"hard_classes", 1, 3, "thresholds", "mu_correct", 0.1, "mu_wrong", 0.9, "entropy",
		0.5, "files", "main", "float", "file", "m", "sha256",
		"0000000000000000000000000000000000000000000000000000000000000000", "extension",
		"float", "file", "e", "sha256",
		"0000000000000000000000000000000000000000000000000000000000000000");

	cr_assert_eq(mea_bundle_from_json("t", doc, &b), 0, "%s", mea_errmsg());
	return b;
}

Test(tables, counts)
{
	static const float sure[4][4] = {{9, 0, 0, 0}, {0, 9, 0, 0}, {0, 0, 9, 0}, {0, 0, 0, 9}};
	static const float unsure_of_1[4] = {1, 1.1f, 0.9f, 1};
	static const float says_1[2] = {4, 0}, says_3[2] = {0, 4};
	struct mea_bundle *b = bundle();
	struct mea_tables t = {0};

	/* Easy and right; easy as hard; easy as other easy. */
	mea_tables_add(&t, b, sure[0], says_1, sure[0], 0);
	mea_tables_add(&t, b, sure[1], says_1, sure[0], 0);
	mea_tables_add(&t, b, sure[2], says_1, sure[1], 0);
	/* Hard as easy, which main among hard classes gets right or not. */
	mea_tables_add(&t, b, sure[0], says_3, sure[3], 3);
	/* Hard as other hard, unsure: the extension is surer and right; the cloud is asked. */
	mea_tables_add(&t, b, unsure_of_1, says_3, sure[0], 3);
	/* Hard and right; the extension is wrong but main is surer. */
	mea_tables_add(&t, b, sure[1], says_3, sure[1], 1);

	cr_assert_eq(t.f.images, 6);
	cr_assert_eq(t.f.main_right, 2);
	cr_assert_eq(t.f.cascade_right, 3);
	cr_assert_eq(t.f.hard_images, 3);
	cr_assert_eq(t.f.main_right_on_hard, 1);
	cr_assert_eq(t.f.extension_right_on_hard, 2);
	cr_assert_eq(t.surer_right, 2);
	/* Of {0, 0} the first hard class, 1, is the largest: wrong; 1.1 against 1: wrong; right. */
	cr_assert_eq(t.masked_right, 1);
	cr_assert_eq(t.easy_as_hard, 1);
	cr_assert_eq(t.easy_as_easy, 1);
	cr_assert_eq(t.hard_as_easy, 1);
	cr_assert_eq(t.hard_as_hard, 1);
	cr_assert_eq(t.sent, 1);
	cr_assert_eq(t.cloud_right, 4);
	/* The one that was sent is wrong now. */
	cr_assert_eq(t.joint_right, 2);
	mea_bundle_free(b);
}

Test(tables, paper)
{
	struct mea_paper p = mea_paper_figures("resnet32-b", "CIFAR-100", 50, false);

	cr_assert_float_eq(p.all_meanet, 67.80, 1e-9);
	cr_assert_float_eq(p.errors[0] + p.errors[1] + p.errors[2] + p.errors[3], 100, 1e-9);
	p = mea_paper_figures("cifar100-resnet32-a", "CIFAR-100", 70, false);
	cr_assert_float_eq(p.test_main, 54.53, 1e-9);
	p = mea_paper_figures("resnet32-a", "CIFAR-100", 50, true);
	cr_assert_float_eq(p.detection, 81.77, 1e-9);
	p = mea_paper_figures("resnet18-b", "ImageNet", 500, false);
	cr_assert_float_eq(p.test_meanet, 64.95, 1e-9);
	p = mea_paper_figures("resnet32-b", "CIFAR-100", 50, true);
	cr_assert(isnan(p.detection));
	p = mea_paper_figures("resnet32-b", "glyphs", 50, false);
	cr_assert(isnan(p.all_meanet));
	p = mea_paper_figures(NULL, "CIFAR-100", 50, false);
	cr_assert(isnan(p.test_main));
}
