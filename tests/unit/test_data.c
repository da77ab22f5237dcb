// SPDX-License-Identifier: Apache-2.0
#include <criterion/criterion.h>

#include "images/data.h"
#include "images/glyphs.h"
#include "images/image.h"
#include "images/names.h"
#include "images/resize.h"
#include "base/error.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jpeglib.h>
#include <png.h>

static char dir[] = "/tmp/mea-data-XXXXXX";
static char path[256];
static const char *real = "../shared/data/cifar-100-binary";

static int drop(const char *p, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(p);
}

static void setup(void)
{
	const char *env = getenv("MEA_DATA");

	if (env)
		real = strdup(env);
	unsetenv("MEA_DATA");
	cr_assert(mkdtemp(dir));
}

static void teardown(void)
{
	nftw(dir, drop, 8, FTW_DEPTH | FTW_PHYS);
}

TestSuite(data, .init = setup, .fini = teardown);

static const char *in_dir(const char *name)
{
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void put(const char *name, const void *bytes, size_t n)
{
	FILE *f = fopen(in_dir(name), "wb");

	cr_assert(f);
	cr_assert_eq(fwrite(bytes, 1, n, f), n);
	cr_assert_eq(fclose(f), 0);
}

/* n samples of `labels` label bytes; pixel = 10 * plane + sample. */
static void put_samples(const char *name, int n, int labels, int label)
{
	size_t size = (size_t)(labels + 3072);
	uint8_t *buf = calloc((size_t)n, size);

	for (int i = 0; i < n; i++) {
		uint8_t *r = buf + (size_t)i * size;

		r[labels - 1] = (uint8_t)label;
		for (int p = 0; p < 3072; p++)
			r[labels + p] = (uint8_t)(10 * (p / 1024) + i);
	}
	put(name, buf, (size_t)n * size);
	free(buf);
}

static const struct mea_data_want want32 = {.width = 32, .height = 32};
static const struct mea_data_want train32 = {.width = 32, .height = 32, .train = true};

static int open_one(const char *p, const struct mea_data_want *want, struct mea_data **d)
{
	return mea_data_open(&p, 1, want, d);
}

/* Opening or reading image 0 of p fails with code and a message with text. */
static void fails(const char *p, int code, const char *text)
{
	struct mea_data *d = NULL;
	uint8_t rgb[3072];
	int label, rc = open_one(p, &want32, &d);

	if (!rc)
		rc = mea_data_get(d, 0, rgb, &label);
	mea_data_close(d);
	cr_expect_eq(rc, code, "%s: %d %s", p, rc, mea_errmsg());
	cr_expect(strstr(mea_errmsg(), text), "'%s' lacks '%s'", mea_errmsg(), text);
}

Test(data, cifar100_folder)
{
	struct mea_data *d;
	uint8_t rgb[3072];
	char where[128];
	int label;

	put_samples("test.bin", 3, 2, 7);
	put_samples("train.bin", 2, 2, 8);
	put("fine_label_names.txt", "a\nb\nc\nd\ne\nf\ng\nh\r\n", 17);
	cr_assert_eq(open_one(dir, &want32, &d), 0, "%s", mea_errmsg());
	cr_expect_eq(mea_data_count(d), 3);
	cr_expect_eq(mea_data_classes(d), 8);
	cr_expect_str_eq(mea_data_class_name(d, 7), "h");
	cr_expect_null(mea_data_class_name(d, 8));
	cr_expect_null(mea_data_class_name(d, -1));
	cr_assert_eq(mea_data_get(d, 2, rgb, &label), 0);
	cr_expect_eq(label, 7);
	cr_expect(rgb[0] == 2 && rgb[1] == 12 && rgb[2] == 22 && rgb[3071] == 22);
	cr_expect_eq(mea_data_get(d, 3, rgb, &label), MEA_EINVAL);
	mea_data_where(d, 2, where, sizeof(where));
	cr_expect(strstr(where, "test.bin#2"));
	mea_data_close(d);

	cr_assert_eq(open_one(dir, &train32, &d), 0);
	cr_expect_eq(mea_data_count(d), 2);
	mea_data_close(d);
}

Test(data, cifar10_folder)
{
	struct mea_data *d;
	uint8_t rgb[3072];
	int label;

	put_samples("test_batch.bin", 2, 1, 9);
	put_samples("data_batch_1.bin", 2, 1, 0);
	put_samples("data_batch_3.bin", 4, 1, 1);
	cr_assert_eq(open_one(dir, &want32, &d), 0);
	cr_expect_eq(mea_data_classes(d), 10);
	cr_assert_eq(mea_data_get(d, 1, rgb, &label), 0);
	cr_expect(label == 9 && rgb[0] == 1);
	mea_data_close(d);
	cr_assert_eq(open_one(dir, &train32, &d), 0);
	cr_expect_eq(mea_data_count(d), 6);
	cr_assert_eq(mea_data_get(d, 2, rgb, &label), 0);
	cr_expect_eq(label, 1);
	mea_data_close(d);
}

Test(data, bad_record_files)
{
	put_samples("label.bin", 1, 2, 100);
	fails(in_dir("label.bin"), MEA_EINVAL, "sample 0: class 100, but there are 100 classes");
	put("short.bin", "abc", 3);
	fails(in_dir("short.bin"), MEA_EINVAL, "short.bin: neither PNG nor JPEG, and its 3 bytes");
	put("empty.bin", "", 0);
	fails(in_dir("empty.bin"), MEA_EINVAL, "0 bytes");
	fails(in_dir("missing.bin"), MEA_ENOENT, "missing.bin");
	fails("/dev/zero", MEA_EINVAL, "not a regular file");
	mkdir(in_dir("nothing"), 0777);
	fails(in_dir("nothing"), MEA_ENOENT, "holds no test.bin");
	cr_assert_eq(mkfifo(in_dir("pipe.png"), 0600), 0);
	fails(in_dir("pipe.png"), MEA_EINVAL, "not a regular file");
}

Test(data, file_that_shrinks)
{
	struct mea_data *d;
	uint8_t rgb[3072];
	int label;

	put_samples("test.bin", 2, 2, 1);
	cr_assert_eq(open_one(dir, &want32, &d), 0);
	cr_assert_eq(truncate(in_dir("test.bin"), 4000), 0);
	cr_expect_eq(mea_data_get(d, 1, rgb, &label), MEA_EIO);
	cr_expect(strstr(mea_errmsg(), "shorter"));
	mea_data_close(d);
}

Test(data, bad_name_files)
{
	char many[3000];
	struct mea_names names;

	put_samples("test.bin", 1, 2, 1);
	put("fine_label_names.txt", "\n \n", 3);
	fails(dir, MEA_EINVAL, "fine_label_names.txt: no class name");
	memset(many, 'x', sizeof(many));
	put("fine_label_names.txt", many, sizeof(many));
	fails(dir, MEA_EINVAL, "line 1 is too long");
	for (size_t i = 1; i < sizeof(many); i += 2)
		many[i] = '\n';
	put("fine_label_names.txt", many, sizeof(many));
	fails(dir, MEA_EINVAL, "more than 256");
	/* A bundle's classes need not fit a byte. */
	cr_assert_eq(mea_names_read(in_dir("fine_label_names.txt"), &names), 0, "%s", mea_errmsg());
	cr_expect_eq(names.n, 1500);
	mea_names_free(&names);
}

Test(data, several_paths_must_agree)
{
	char a[256], b[256], second[256];
	const char *paths[2] = {a, b};
	struct mea_data *d;

	snprintf(second, sizeof(second), "%s", in_dir("second"));
	mkdir(second, 0777);
	put_samples("one.bin", 2, 2, 1);
	put_samples("second/two.bin", 3, 2, 1);
	snprintf(a, sizeof(a), "%s", in_dir("one.bin"));
	snprintf(b, sizeof(b), "%s", in_dir("second/two.bin"));
	cr_assert_eq(mea_data_open(paths, 2, &want32, &d), 0);
	cr_expect_eq(mea_data_count(d), 5);
	mea_data_close(d);
	put("fine_label_names.txt", "x\ny\n", 4);
	put("second/fine_label_names.txt", "x\nz\n", 4);
	cr_assert_eq(mea_data_open(paths, 2, &want32, &d), MEA_EINVAL);
	cr_expect(strstr(mea_errmsg(), "class 1 is 'z' here and 'y' before"), "%s", mea_errmsg());
	put("second/fine_label_names.txt", "x\n", 2);
	cr_assert_eq(mea_data_open(paths, 2, &want32, &d), MEA_EINVAL);
	cr_expect(strstr(mea_errmsg(), "has 1 classes"), "%s", mea_errmsg());
}

Test(data, defaults)
{
	struct mea_data *d;
	uint8_t rgb[3072], drawn[3072];
	int label;

	cr_assert_eq(mea_data_open(NULL, 0, &want32, &d), 0);
	cr_expect_eq(mea_data_count(d), 1000);
	cr_expect_eq(mea_data_classes(d), 36);
	cr_assert_eq(mea_data_get(d, 5, rgb, &label), 0);
	cr_expect_eq(label, mea_glyph_draw(MEA_GLYPHS_SEED, MEA_GLYPHS_TEST, 5, drawn));
	cr_expect_eq(memcmp(rgb, drawn, sizeof(rgb)), 0);
	mea_data_close(d);

	put_samples("test.bin", 4, 2, 7);
	setenv("MEA_DATA", dir, 1);
	cr_assert_eq(mea_data_open(NULL, 0, &want32, &d), 0);
	cr_expect_eq(mea_data_count(d), 4);
	mea_data_close(d);
	setenv("MEA_DATA", "/nonexistent", 1);
	cr_assert_eq(mea_data_open(NULL, 0, &want32, &d), MEA_ENOENT);
	cr_expect(strstr(mea_errmsg(), "MEA_DATA: /nonexistent"), "%s", mea_errmsg());
}

/* --- images ---------------------------------------------------------------- */

/* A w x h picture, red left half, green right half. */
static uint8_t *halves(int w, int h)
{
	uint8_t *p = calloc((size_t)w * (size_t)h, 3);

	for (int i = 0; i < w * h; i++)
		p[i * 3 + (i % w >= w / 2)] = 200;
	return p;
}

static void put_png(const char *name, int w, int h)
{
	png_image png = {.version = PNG_IMAGE_VERSION,
			 .width = (png_uint_32)w,
			 .height = (png_uint_32)h,
			 .format = PNG_FORMAT_RGB};
	uint8_t *p = halves(w, h);

	cr_assert(png_image_write_to_file(&png, in_dir(name), 0, p, 0, NULL));
	free(p);
}

static void put_jpeg(const char *name, int w, int h, int components)
{
	struct jpeg_compress_struct j;
	struct jpeg_error_mgr err;
	uint8_t *p = halves(w, h);
	FILE *f = fopen(in_dir(name), "wb");

	cr_assert(f);
	j.err = jpeg_std_error(&err);
	jpeg_create_compress(&j);
	jpeg_stdio_dest(&j, f);
	j.image_width = (JDIMENSION)w;
	j.image_height = (JDIMENSION)h;
	j.input_components = components;
	j.in_color_space = components == 3 ? JCS_RGB : JCS_GRAYSCALE;
	jpeg_set_defaults(&j);
	jpeg_set_quality(&j, 95, TRUE);
	jpeg_start_compress(&j, TRUE);
	while (j.next_scanline < j.image_height) {
		JSAMPROW row =
			p + (size_t)j.next_scanline * (size_t)w * 3 / (components == 1 ? 3 : 1);

		jpeg_write_scanlines(&j, &row, 1);
	}
	jpeg_finish_compress(&j);
	jpeg_destroy_compress(&j);
	fclose(f);
	free(p);
}

static void expect_halves(const char *name)
{
	struct mea_data *d;
	uint8_t rgb[3072];
	int label = 5;

	cr_assert_eq(open_one(in_dir(name), &want32, &d), 0, "%s", mea_errmsg());
	cr_expect_eq(mea_data_count(d), 1);
	cr_expect_eq(mea_data_classes(d), 0);
	cr_assert_eq(mea_data_get(d, 0, rgb, &label), 0, "%s", mea_errmsg());
	cr_expect_eq(label, -1);
	for (int y = 0; y < 32; y += 31) {
		const uint8_t *left = rgb + y * 96, *right = left + 93;

		cr_expect(left[0] > 190 && left[1] < 12, "%s: %d %d", name, left[0], left[1]);
		cr_expect(right[1] > 190 && right[0] < 12, "%s: %d %d", name, right[0], right[1]);
	}
	mea_data_close(d);
}

Test(data, png_and_jpeg)
{
	static const int sizes[][2] = {{32, 32}, {100, 40}, {40, 100}, {8, 8}, {640, 480}, {2, 1}};
	char name[32];

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		snprintf(name, sizeof(name), "%zu.png", i);
		put_png(name, sizes[i][0], sizes[i][1]);
		expect_halves(name);
		if (sizes[i][0] < 8 || sizes[i][1] < 8)
			continue;
		snprintf(name, sizeof(name), "%zu.jpg", i);
		put_jpeg(name, sizes[i][0], sizes[i][1], 3);
		expect_halves(name);
	}
}

/* A 16 x 16 PNG without a colour chunk, whose samples count up, each 1 or 2 equal bytes. */
static void put_ramp(const char *name, int type, int channels, int depth)
{
	png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
	png_infop info = png_create_info_struct(png);
	FILE *f = fopen(in_dir(name), "wb");
	int bytes = depth / 8;

	cr_assert(f && png && info);
	png_init_io(png, f);
	png_set_IHDR(png, info, 16, 16, depth, type, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_BASE,
		     PNG_FILTER_TYPE_BASE);
	png_write_info(png, info);
	for (int y = 0; y < 16; y++) {
		uint8_t row[16 * 4 * 2];

		for (int i = 0; i < 16 * channels * bytes; i++)
			row[i] = (uint8_t)(y * 16 + i / bytes / channels);
		/* Opaque, where there is alpha. */
		for (int i = 0; !(channels & 1) && i < 16 * bytes; i++)
			row[(i / bytes * channels + channels - 1) * bytes + i % bytes] = 255;
		png_write_row(png, row);
	}
	png_write_end(png, NULL);
	png_destroy_write_struct(&png, &info);
	fclose(f);
}

/* The right value is the sample's upper byte: what OpenCV, Pillow and ImageMagick read. */
Test(data, png_of_16_bits_is_as_bright_as_of_8)
{
	static const struct {
		int type, channels;
	} kinds[] = {{PNG_COLOR_TYPE_GRAY, 1},
		     {PNG_COLOR_TYPE_GRAY_ALPHA, 2},
		     {PNG_COLOR_TYPE_RGB, 3},
		     {PNG_COLOR_TYPE_RGB_ALPHA, 4}};

	for (size_t k = 0; k < 4; k++) {
		for (int depth = 8; depth <= 16; depth += 8) {
			struct mea_image img;

			put_ramp("ramp.png", kinds[k].type, kinds[k].channels, depth);
			cr_assert_eq(mea_image_load(in_dir("ramp.png"), &img), 0, "%s",
				     mea_errmsg());
			for (int i = 0; i < 256 * 3; i++)
				cr_assert_eq(img.rgb[i], i / 3, "%d channels, %d bits: %d at %d",
					     kinds[k].channels, depth, img.rgb[i], i / 3);
			mea_image_free(&img);
		}
	}
}

Test(data, folder_of_images)
{
	struct mea_data *d;
	char where[128];

	put_png("b.png", 10, 10);
	put_jpeg("a.JPEG", 16, 16, 3);
	put("notes.txt", "no image", 8);
	cr_assert_eq(open_one(dir, &want32, &d), 0, "%s", mea_errmsg());
	cr_expect_eq(mea_data_count(d), 2);
	mea_data_where(d, 0, where, sizeof(where));
	cr_expect(strstr(where, "a.JPEG") && !strchr(where, '#'));
	mea_data_close(d);
}

Test(data, grey_is_read)
{
	struct mea_image img;

	put_jpeg("grey.jpg", 30, 30, 1);
	cr_assert_eq(mea_image_load(in_dir("grey.jpg"), &img), 0, "%s", mea_errmsg());
	cr_expect(img.w == 30 && img.rgb[0] == img.rgb[1]);
	mea_image_free(&img);
}

/* A JPEG of one colour of inks, as its file says them. */
static void put_inks(const char *name, const uint8_t cmyk[4])
{
	struct jpeg_compress_struct j;
	struct jpeg_error_mgr err;
	uint8_t row[16 * 4];
	FILE *f = fopen(in_dir(name), "wb");

	cr_assert(f);
	for (int i = 0; i < 64; i++)
		row[i] = cmyk[i % 4];
	j.err = jpeg_std_error(&err);
	jpeg_create_compress(&j);
	jpeg_stdio_dest(&j, f);
	j.image_width = j.image_height = 16;
	j.input_components = 4;
	j.in_color_space = JCS_CMYK;
	jpeg_set_defaults(&j);
	jpeg_set_quality(&j, 100, TRUE);
	jpeg_start_compress(&j, TRUE);
	while (j.next_scanline < 16)
		jpeg_write_scanlines(&j, &(JSAMPROW){row}, 1);
	jpeg_finish_compress(&j);
	jpeg_destroy_compress(&j);
	fclose(f);
}

/* The right values are Pillow's: complements of inks, which multiply. */
Test(data, cmyk_is_read)
{
	static const struct {
		uint8_t cmyk[4], rgb[3];
	} cases[] = {{{255, 255, 255, 255}, {255, 255, 255}}, {{255, 255, 255, 0}, {0, 0, 0}},
		     {{0, 255, 255, 255}, {0, 255, 255}},     {{255, 0, 255, 255}, {255, 0, 255}},
		     {{128, 255, 64, 255}, {128, 255, 64}},   {{200, 100, 50, 128}, {100, 50, 25}}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mea_image img;

		put_inks("inks.jpg", cases[i].cmyk);
		cr_assert_eq(mea_image_load(in_dir("inks.jpg"), &img), 0, "%s", mea_errmsg());
		for (int k = 0; k < 3; k++)
			cr_expect(abs(img.rgb[k] - cases[i].rgb[k]) <= 1, "case %zu: %d, not %d", i,
				  img.rgb[k], cases[i].rgb[k]);
		mea_image_free(&img);
	}
}

/* A file that is none costs its own image, and hidden files are passed over. */
Test(data, bad_files_in_a_folder)
{
	static const char *const bad[] = {"empty.jpg", "page.png", "gone.png", "folder.png"};
	struct mea_data *d;
	uint8_t rgb[3072];
	int label, good = 0;

	put_png("a.png", 40, 40);
	put_png("z.png", 40, 40);
	put("empty.jpg", "", 0);
	put("page.png", "<html>", 6);
	put("._a.png", "Mac OS X", 8);
	cr_assert_eq(symlink("nowhere.png", in_dir("gone.png")), 0);
	cr_assert_eq(mkdir(in_dir("folder.png"), 0700), 0);
	cr_assert_eq(open_one(dir, &want32, &d), 0, "%s", mea_errmsg());
	cr_assert_eq(mea_data_count(d), 6);
	for (size_t i = 0; i < 6; i++) {
		bool named = false;

		if (!mea_data_get(d, i, rgb, &label)) {
			good++;
			continue;
		}
		for (size_t k = 0; k < 4; k++)
			named |= strstr(mea_errmsg(), bad[k]) != NULL;
		cr_expect(named, "%s", mea_errmsg());
	}
	cr_expect_eq(good, 2);
	mea_data_close(d);
	cr_assert_eq(rmdir(in_dir("folder.png")), 0);
}

/* Reads a whole file; the caller frees. */
static uint8_t *slurp(const char *name, size_t *n)
{
	FILE *f = fopen(in_dir(name), "rb");
	uint8_t *p = malloc(1 << 20);

	cr_assert(f && p);
	*n = fread(p, 1, 1 << 20, f);
	fclose(f);
	return p;
}

Test(data, truncated_images, .timeout = 120)
{
	static const char *const names[] = {"t.png", "t.jpg"};

	put_png(names[0], 64, 48);
	put_jpeg(names[1], 64, 48, 3);
	for (int k = 0; k < 2; k++) {
		size_t n;
		uint8_t *p = slurp(names[k], &n);

		/* The last bytes are the PNG's IEND and the JPEG's EOI marker. */
		for (size_t cut = 8; cut < n - 13; cut += 1 + cut / 16) {
			put("cut", p, cut);
			fails(in_dir("cut"), MEA_EINVAL, "cut: ");
		}
		free(p);
	}
}

Test(data, damaged_images_never_crash, .timeout = 120)
{
	static const char *const names[] = {"t.png", "t.jpg"};
	uint32_t r = 1;

	put_png(names[0], 48, 40);
	put_jpeg(names[1], 48, 40, 3);
	for (int k = 0; k < 2; k++) {
		size_t n;
		uint8_t *p = slurp(names[k], &n);

		for (int i = 0; i < 1500; i++) {
			struct mea_image img;
			size_t at = (r = r * 1664525 + 1013904223) % n;
			uint8_t old = p[at];

			p[at] = (uint8_t)(r >> 24);
			put("hurt", p, n);
			if (mea_image_load(in_dir("hurt"), &img) == 0)
				mea_image_free(&img);
			else
				cr_assert(strstr(mea_errmsg(), "hurt"));
			p[at] = old;
		}
		free(p);
	}
}

/* The checksum of a PNG chunk, so that the size alone is what is wrong. */
static uint32_t crc32(const uint8_t *p, size_t n)
{
	uint32_t crc = ~0u;

	while (n--) {
		crc ^= *p++;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

Test(data, huge_images_are_refused)
{
	/* Signature and IHDR of a 2,000,000,000 x 1 picture. */
	uint8_t png[] = "\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\x77\x35\x94\0\0\0\0\x01\x08\x02\0\0\0crc?";
	uint32_t crc = crc32(png + 12, 17);
	uint8_t *jpeg;
	size_t n;

	for (int i = 0; i < 4; i++)
		png[29 + i] = (uint8_t)(crc >> (24 - 8 * i));
	put("huge.png", png, sizeof(png) - 1);
	fails(in_dir("huge.png"), MEA_EINVAL, "huge.png: ");
	put_jpeg("t.jpg", 32, 32, 3);
	jpeg = slurp("t.jpg", &n);
	for (size_t i = 0; i + 8 < n; i++) {
		if (jpeg[i] == 0xff && jpeg[i + 1] == 0xc0) {
			memset(jpeg + i + 5, 0xff, 4);
			jpeg[i + 5] = jpeg[i + 7] = 0xfe;
		}
	}
	put("huge.jpg", jpeg, n);
	free(jpeg);
	fails(in_dir("huge.jpg"), MEA_EINVAL, "huge.jpg: ");
}

Test(data, resize_keeps_the_mean)
{
	struct mea_image img = {90, 60, NULL};
	uint8_t out[3072];
	double sum = 0;

	/* A fine checkerboard shrinks to grey, not to aliases. */
	img.rgb = calloc(90 * 60, 3);
	for (int i = 0; i < 90 * 60; i++)
		memset(img.rgb + i * 3, (i % 90 + i / 90) % 2 ? 255 : 0, 3);
	cr_assert_eq(mea_image_resize(&img, &(struct mea_resize){0}, 32, 32, out), 0);
	for (int i = 0; i < 3072; i++) {
		sum += out[i];
		cr_expect(out[i] > 60 && out[i] < 195, "%d at %d", out[i], i);
	}
	cr_expect_float_eq(sum / 3072, 127.5, 2);
	free(img.rgb);
}

Test(data, resize_looks_at_every_pixel)
{
	struct mea_image img = {96, 96, NULL};
	uint8_t out[3072];

	/* Stripes of one pixel, first upright, then level; one in three is white. */
	img.rgb = calloc(96 * 96, 3);
	for (int level = 0; level < 2; level++) {
		for (int i = 0; i < 96 * 96; i++)
			memset(img.rgb + i * 3, (level ? i / 96 : i % 96) % 3 ? 0 : 240, 3);
		cr_assert_eq(mea_image_resize(&img, &(struct mea_resize){0}, 32, 32, out), 0);
		for (int i = 33 * 3; i < 3072 - 33 * 3; i++)
			cr_assert(out[i] > 40 && out[i] < 130, "%d at %d", out[i], i);
	}
	free(img.rgb);
}

/* The real set, where it is: counts, and the labels of one split in balance. */
Test(data, cifar100_itself)
{
	struct mea_data *d;
	uint8_t rgb[3072];
	int seen[100] = {0}, label;

	if (access(real, R_OK))
		cr_skip_test("no CIFAR-100");
	cr_assert_eq(open_one(real, &want32, &d), 0, "%s", mea_errmsg());
	if (mea_data_classes(d) != 100 || mea_data_count(d) != 10000)
		cr_skip_test("no CIFAR-100");
	cr_expect_str_eq(mea_data_class_name(d, 0), "apple");
	for (size_t i = 0; i < 10000; i++) {
		cr_assert_eq(mea_data_get(d, i, rgb, &label), 0);
		seen[label]++;
	}
	for (int i = 0; i < 100; i++)
		cr_expect_eq(seen[i], 100);
	mea_data_close(d);
}
