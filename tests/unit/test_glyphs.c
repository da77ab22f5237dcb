// SPDX-License-Identifier: Apache-2.0
#include <criterion/criterion.h>

#include "images/glyphs.h"
#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static uint64_t fnv(uint64_t h, const uint8_t *p, size_t n)
{
	while (n--)
		h = (h ^ *p++) * 0x100000001b3u;
	return h;
}

Test(glyphs, same_bytes_on_every_machine)
{
	uint8_t rgb[MEA_GLYPHS_BYTES];
	uint64_t h = 0xcbf29ce484222325u;

	for (uint32_t i = 0; i < 360; i++) {
		uint8_t label = (uint8_t)mea_glyph_draw(1, MEA_GLYPHS_TEST, i, rgb);

		h = fnv(fnv(h, rgb, sizeof(rgb)), &label, 1);
	}
	/* Shipped accuracies are measured on these images: a change here asks for
	 * new weights in models/glyphs. */
	cr_assert_eq(h, 0xeef176b2b8cb892fu, "hash is 0x%llx", (unsigned long long)h);
}

Test(glyphs, every_36_images_hold_each_class_once)
{
	uint8_t rgb[MEA_GLYPHS_BYTES];

	for (uint32_t block = 0; block < 20; block++) {
		uint64_t seen = 0;

		for (uint32_t i = 0; i < 36; i++)
			seen |= 1ull << mea_glyph_draw(7, MEA_GLYPHS_TRAIN, block * 36 + i, rgb);
		cr_assert_eq(seen, (1ull << 36) - 1);
	}
}

Test(glyphs, seeds_splits_and_indices_differ)
{
	uint8_t a[MEA_GLYPHS_BYTES], b[MEA_GLYPHS_BYTES];

	mea_glyph_draw(1, MEA_GLYPHS_TRAIN, 0, a);
	mea_glyph_draw(2, MEA_GLYPHS_TRAIN, 0, b);
	cr_assert(memcmp(a, b, sizeof(a)));
	mea_glyph_draw(1, MEA_GLYPHS_TEST, 0, b);
	cr_assert(memcmp(a, b, sizeof(a)));
	mea_glyph_draw(1, MEA_GLYPHS_TRAIN, 36, b);
	cr_assert(memcmp(a, b, sizeof(a)));
	mea_glyph_draw(1, MEA_GLYPHS_TRAIN, UINT32_MAX, b);
	cr_assert(memcmp(a, b, sizeof(a)));
}

Test(glyphs, outlines_are_in_the_box)
{
	for (int c = 0; c < MEA_GLYPHS_CLASSES; c++) {
		int n;
		const struct mea_glyph_piece *p = mea_glyph_outline(c, &n);

		cr_assert_geq(n, 1, "%s has no strokes", mea_glyph_name(c));
		for (int i = 0; i < n; i++) {
			cr_assert_leq(abs(p[i].x0), 40);
			cr_assert_leq(abs(p[i].y0), 54);
			cr_assert_leq(abs(p[i].sweep), 64);
		}
	}
	cr_assert_str_eq(mea_glyph_name(9), "9");
	cr_assert_str_eq(mea_glyph_name(35), "Z");
}

static long size_of(const char *dir, const char *name)
{
	char path[256];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return stat(path, &st) ? -1 : (long)st.st_size;
}

Test(glyphs, files)
{
	static const char *const names[] = {"train.bin", "test.bin", "fine_label_names.txt",
					    "coarse_label_names.txt"};
	static const long sizes[] = {40L * 3074, 10L * 3074, 72, 13};
	char dir[] = "/tmp/mea-glyphs-XXXXXX", path[256];

	cr_assert(mkdtemp(dir));
	cr_assert_eq(mea_glyphs_write(dir, 40, 10, 1, NULL, NULL), 0);
	for (int i = 0; i < 4; i++) {
		cr_expect_eq(size_of(dir, names[i]), sizes[i], "%s", names[i]);
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	/* Nothing else may be left there. */
	cr_expect_eq(rmdir(dir), 0);
}

Test(glyphs, write_errors_name_the_file)
{
	cr_assert_eq(mea_glyphs_write("/nonexistent/x", 1, 1, 1, NULL, NULL), MEA_EIO);
	cr_assert(strstr(mea_errmsg(), "/nonexistent/x"));
	cr_assert_eq(mea_glyphs_write("/dev/null", 1, 1, 1, NULL, NULL), MEA_EIO);
	cr_assert(strstr(mea_errmsg(), "/dev/null"));
	/* /dev/full as a folder's file: the disk is full. */
	char dir[] = "/tmp/mea-glyphs-XXXXXX", path[256];

	cr_assert(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/train.bin.tmp", dir);
	cr_assert_eq(symlink("/dev/full", path), 0);
	cr_assert_eq(mea_glyphs_write(dir, 100, 1, 1, NULL, NULL), MEA_EIO);
	cr_assert(strstr(mea_errmsg(), "train.bin"), "%s", mea_errmsg());
	cr_assert_eq(size_of(dir, "train.bin"), -1);
	rmdir(dir);
}
